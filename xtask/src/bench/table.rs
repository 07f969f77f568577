//! Tables of rows and goals: aligned for the terminal, marked up for the documentation.

use super::goals::{Goal, Judge, Limit, Verdict};
use super::row::{Measured, Row, Rows};
use super::statistics::ratio;

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
const GOALS: [&str; 5] = ["goal", "what", "found", "limit", "verdict"];

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

fn line(rows: &Rows, row: &Row, title: &str) -> Vec<String> {
    let mut line = vec![title.to_owned(), row.name.clone(), row.process.clone()];
    match (&row.measured, row.spread()) {
        (Measured::Figure { value, unit }, _) => {
            line.push(format!("{value:.1} {unit}"));
        }
        (Measured::Rounds { clock, samples }, Some(spread)) => {
            if clock != "cpu" {
                line[2] = format!("{} ({clock})", row.process);
            }
            let floor = rows.floor(row).and_then(Row::samples);
            let to_floor = floor.and_then(|floor| ratio(samples, floor));
            line.extend([
                time(spread.median),
                time(spread.least),
                format!("{} - {}", time(spread.lower), time(spread.upper)),
                to_floor.map_or_else(String::new, |ratio| format!("{ratio:.2}x")),
                rate(1e9 / spread.median),
            ]);
        }
        (Measured::Rounds { .. }, None) => {}
    }
    line.resize(ROWS.len(), String::new());
    line
}

/// Writes the verdicts.
pub(crate) fn goals(judged: &[(&Goal, Verdict)], form: Form) -> String {
    let lines = judged.iter().map(|(goal, verdict)| {
        let limit = match goal.limit {
            Limit::AtMost(limit) => format!("at most {limit}"),
            Limit::AtLeast(limit) => format!("at least {limit}"),
            Limit::Within(share) => format!("within {:.0} %", 100.0 * share),
        };
        let (found, word) = match verdict {
            Verdict::Met(found) => (format!("{found:.2}"), "met".to_owned()),
            Verdict::Missed(found) => (format!("{found:.2}"), "MISSED".to_owned()),
            Verdict::Noisy(why) => (String::new(), format!("too noisy ({why})")),
            Verdict::Absent(why) => (String::new(), why.clone()),
        };
        let word = match &goal.judge {
            Judge::Gate => word,
            Judge::Report(reason) => format!("{word}; not judged: {reason}"),
        };
        vec![goal.name.clone(), goal.claim.clone(), found, limit, word]
    });
    written(&GOALS, lines.collect(), form)
}

fn written(head: &[&str], lines: Vec<Vec<String>>, form: Form) -> String {
    let head = head.iter().map(|word| (*word).to_owned()).collect();
    let all: Vec<Vec<String>> = core::iter::once(head).chain(lines).collect();
    let mut text = String::new();
    match form {
        Form::Text => {
            let columns = all[0].len();
            let width = |column: usize| {
                let cells = all.iter().map(|line| line[column].chars().count());
                cells.max().unwrap_or(0)
            };
            let widths: Vec<_> = (0..columns).map(width).collect();
            for line in &all {
                let cells = line.iter().zip(&widths);
                let cells: Vec<_> = cells
                    .map(|(cell, width)| format!("{cell:<width$}"))
                    .collect();
                text.push_str(cells.join("  ").trim_end());
                text.push('\n');
            }
        }
        Form::Markdown => {
            for (number, line) in all.iter().enumerate() {
                text.push_str(&format!("| {} |\n", line.join(" | ")));
                if number == 0 {
                    text.push_str(&format!("|{}\n", "---|".repeat(line.len())));
                }
            }
        }
    }
    text
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
    let mut fitting = units.iter().rev();
    let (scale, unit) = fitting
        .find(|(scale, _)| value >= *scale)
        .unwrap_or(&units[0]);
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
            marked.contains("\n|---|---|---|---|---|---|---|---|\n| g | floor | rust | 200 ns |")
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
