//! Tables of rows and goals: aligned for the terminal, marked up for the documentation.

use super::goals::{Goal, Limit, Verdict};
use super::rows::{Measured, Row, Rows, median, quantile};

/// How a table is written.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Form {
    Text,
    Markdown,
}

const ROWS: [&str; 8] = [
    "group",
    "row",
    "process",
    "median",
    "min",
    "quartiles",
    "to floor",
    "per second",
];
const GOALS: [&str; 6] = [
    "goal",
    "what",
    "found",
    "limit",
    "verdict",
    "why this limit",
];

/// Writes all rows, each group under its floor.
pub(crate) fn rows(rows: &Rows, form: Form) -> String {
    let mut group = "";
    let lines = rows.rows.iter().map(|row| {
        let is_first = core::mem::replace(&mut group, &row.group) != row.group;
        let title = if is_first { &*row.group } else { "" };
        line(rows, row, title)
    });
    written(&ROWS, lines.collect(), form)
}

/// Writes rows of one process, a line for each name and a column for each group; in brackets what a time is to
/// that of the group's first row.
pub(crate) fn beside(rows: &Rows, form: Form) -> String {
    let (mut groups, mut names) = (Vec::new(), Vec::new());
    for row in &rows.rows {
        for (known, one) in [(&mut groups, &*row.group), (&mut names, &*row.name)] {
            if !known.contains(&one) {
                known.push(one);
            }
        }
    }
    let cell = |name: &str, group: &str| {
        let mut rows_of_it = rows.rows.iter();
        let row = rows_of_it.find(|row| row.name == name && row.group == group);
        row.map(|row| cell(rows, row)).unwrap_or_default()
    };
    let line = |name: &&str| {
        let cells = groups.iter().map(|group| cell(name, group));
        core::iter::once((*name).to_owned()).chain(cells).collect()
    };
    let lines = names.iter().map(line).collect();
    written(&[&[""], &*groups].concat(), lines, form)
}

fn cell(rows: &Rows, row: &Row) -> String {
    match &row.measured {
        Measured::Figure { value, unit } => format!("{value} {unit}").trim_end().to_owned(),
        Measured::Rounds { clock, samples } => {
            let median = median(samples).unwrap_or(f64::NAN);
            let ratio = rows.to_floor(row).unwrap_or(f64::NAN);
            let rate = match &**clock {
                "wall" => format!(", {}/s", rate(1e9 / median)),
                _ => String::new(),
            };
            format!("{} ({ratio:.2}x){rate}", time(median))
        }
    }
}

fn line(rows: &Rows, row: &Row, title: &str) -> Vec<String> {
    let (group, name, none) = (title.to_owned(), row.name.clone(), String::new);
    match &row.measured {
        Measured::Figure { value, unit } => {
            let value = format!("{value:.1} {unit}");
            vec![
                group,
                name,
                row.process.clone(),
                value,
                none(),
                none(),
                none(),
                none(),
            ]
        }
        Measured::Rounds { clock, samples } => {
            let process = match &**clock {
                "cpu" => row.process.clone(),
                clock => format!("{} ({clock})", row.process),
            };
            let [min, lower, median, upper] =
                [0.0, 0.25, 0.5, 0.75].map(|part| quantile(samples, part).unwrap_or(f64::NAN));
            let quartiles = format!("{} - {}", time(lower), time(upper));
            let to_floor = rows
                .to_floor(row)
                .map_or_else(none, |ratio| format!("{ratio:.2}x"));
            let rate = rate(1e9 / median);
            vec![
                group,
                name,
                process,
                time(median),
                time(min),
                quartiles,
                to_floor,
                rate,
            ]
        }
    }
}

/// Writes the verdicts.
pub(crate) fn goals(judged: &[(&Goal, Verdict)], form: Form) -> String {
    let lines = judged.iter().map(|(goal, verdict)| {
        let limit = match goal.limit() {
            Ok(Limit::AtMost(limit)) => format!("at most {limit}"),
            Ok(Limit::AtLeast(limit)) => format!("at least {limit}"),
            Ok(Limit::Within(share)) => format!("within {:.0} %", 100.0 * share),
            Err(error) => error.to_string(),
        };
        let (found, mut word) = match verdict {
            Verdict::Met(found) if goal.needs_tolerance(*found) => {
                let percent = 100.0 * goal.tolerance;
                let word = format!("met within the {percent:.0} % that noise may take");
                (format!("{found:.2}"), word)
            }
            Verdict::Met(found) => (format!("{found:.2}"), "met".to_owned()),
            Verdict::Missed(found) => (format!("{found:.2}"), "MISSED".to_owned()),
            Verdict::Noisy(why) => (String::new(), format!("too noisy ({why})")),
            Verdict::Absent(why) => (String::new(), why.clone()),
        };
        if let Some(reason) = &goal.reason {
            word = format!("{word}; not judged: {reason}");
        }
        let (name, claim, why) = (goal.name.clone(), goal.claim.clone(), goal.why.clone());
        vec![name, claim, found, limit, word, why]
    });
    written(&GOALS, lines.collect(), form)
}

fn written(head: &[&str], lines: Vec<Vec<String>>, form: Form) -> String {
    let owned = |line: &[&str]| line.iter().map(|cell| (*cell).to_owned()).collect();
    let mut lines = [vec![owned(head)], lines].concat();
    if form == Form::Markdown {
        lines.insert(1, owned(&vec!["---"; head.len()]));
        return lines
            .iter()
            .map(|line| format!("| {} |\n", line.join(" | ")))
            .collect();
    }
    let mut widths = vec![0; head.len()];
    for line in &lines {
        for (width, cell) in widths.iter_mut().zip(line) {
            *width = cell.chars().count().max(*width);
        }
    }
    let aligned = |line: &Vec<String>| {
        let cells = line
            .iter()
            .zip(&widths)
            .map(|(cell, width)| format!("{cell:<width$}"));
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned() + "\n"
    };
    lines.iter().map(aligned).collect()
}

fn time(nanoseconds: f64) -> String {
    scaled(
        nanoseconds,
        &[(1.0, " ns"), (1e3, " us"), (1e6, " ms"), (1e9, " s")],
    )
}

fn rate(per_second: f64) -> String {
    scaled(per_second, &[(1.0, ""), (1e3, " k"), (1e6, " M")])
}

/// Writes three significant digits in the largest unit that leaves one before the point.
fn scaled(value: f64, units: &[(f64, &str)]) -> String {
    let fitting = units.iter().rfind(|(scale, _)| value >= *scale);
    let (scale, unit) = fitting.unwrap_or(&units[0]);
    let value = value / scale;
    let places = match value {
        100.0.. => 0,
        10.0.. => 1,
        _ => 2,
    };
    format!("{value:.places$}{unit}")
}

#[cfg(test)]
mod tests {
    use super::*;

    const PRINTED: &str = r#"{"process":"rust","rounds":3}
{"group":"g","row":"floor","clock":"cpu","unit":"ns","samples":[100,200,400]}
{"group":"g","row":"slow","clock":"wall","unit":"ns","samples":[2000,4000,9000]}
{"group":"m","row":"bare","value":151.34,"unit":"B"}
"#;

    #[test]
    fn rows_stand_under_their_group_with_their_spread_and_ratio() {
        let rows_read = Rows::read(PRINTED).unwrap();
        let text = rows(&rows_read, Form::Text);
        let lines: Vec<_> = text.lines().map(str::trim_end).collect();
        let words: Vec<_> = lines[2].split_whitespace().collect();
        assert_eq!(
            words.join(" "),
            "slow rust (wall) 4.00 us 2.00 us 3.00 us - 6.50 us 20.00x 250 k"
        );
        assert!(lines[3].starts_with("m "), "{text}");
        assert!(lines[3].contains("151.3 B"));
        let marked = rows(&rows_read, Form::Markdown);
        assert!(
            marked.contains("| --- | --- |\n| g | floor | rust | 200 ns |"),
            "{marked}"
        );
    }

    #[test]
    fn what_stands_beside_has_a_line_for_each_name_and_a_column_for_each_group() {
        let printed = r#"{"process":"over HTTP"}
{"group":"time","row":"ours","clock":"wall","samples":[2e6,2e6,4e6]}
{"group":"time","row":"theirs","clock":"wall","samples":[5e6,6e6,20e6]}
{"group":"CPU","row":"ours","clock":"cpu","samples":[1e6,1e6,1e6]}
{"group":"CPU","row":"theirs","clock":"cpu","samples":[3e6,2e6,4e6]}
{"group":"twice","row":"theirs","value":29,"unit":"of 40"}
"#;
        let table = beside(&Rows::read(printed).unwrap(), Form::Markdown);
        assert_eq!(
            table,
            "|  | time | CPU | twice |\n\
             | --- | --- | --- | --- |\n\
             | ours | 2.00 ms (1.00x), 500/s | 1.00 ms (1.00x) |  |\n\
             | theirs | 6.00 ms (3.00x), 167/s | 3.00 ms (3.00x) | 29 of 40 |\n"
        );
    }

    #[test]
    fn figures_have_three_digits_in_a_unit_that_fits() {
        let shown = [0.5, 9.994, 107.34, 1_070.0, 56_000.0, 7.1e6, 2e9].map(time);
        assert_eq!(
            shown,
            [
                "0.50 ns", "9.99 ns", "107 ns", "1.07 us", "56.0 us", "7.10 ms", "2.00 s"
            ]
        );
        assert_eq!(rate(9.3e6), "9.30 M");
    }
}
