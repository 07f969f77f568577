//! Tables of rows and goals: aligned for the terminal, marked up for the documentation.

use super::goals::{Goal, Limit, Verdict};
use super::rows::{Measured, Row, Rows, quantile};

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
    written(ROWS, lines.collect(), form)
}

fn line(rows: &Rows, row: &Row, title: &str) -> [String; 8] {
    let (group, name, none) = (title.to_owned(), row.name.clone(), String::new);
    match &row.measured {
        Measured::Figure { value, unit } => {
            let value = format!("{value:.1} {unit}");
            [
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
            [
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
        [name, claim, found, limit, word, why]
    });
    written(GOALS, lines.collect(), form)
}

fn written<const N: usize>(head: [&str; N], lines: Vec<[String; N]>, form: Form) -> String {
    let mut lines = [vec![head.map(str::to_owned)], lines].concat();
    if form == Form::Markdown {
        lines.insert(1, [const { String::new() }; N].map(|_| "---".to_owned()));
        return lines
            .iter()
            .map(|line| format!("| {} |\n", line.join(" | ")))
            .collect();
    }
    let mut widths = [0; N];
    for line in &lines {
        for (width, cell) in widths.iter_mut().zip(line) {
            *width = cell.chars().count().max(*width);
        }
    }
    let aligned = |line: &[String; N]| {
        let cells = line
            .iter()
            .zip(widths)
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
