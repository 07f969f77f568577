//! Rows as the programs print them, a JSON object on each line; medians, quartiles and ratios of their rounds.

use anyhow::{Context, Result, ensure};
use serde::Deserialize;

/// One row of one process.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    pub(crate) process: String,
    pub(crate) group: String,
    pub(crate) name: String,
    pub(crate) measured: Measured,
}

/// What was measured.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
pub(crate) enum Measured {
    /// One value of nanoseconds for each round, per operation.
    Rounds { clock: String, samples: Vec<f64> },
    /// A single figure.
    Figure { value: f64, unit: String },
}

/// A line that a program prints.
#[derive(Deserialize)]
#[serde(untagged)]
enum Line {
    Process {
        process: String,
    },
    Skipped {
        skipped: String,
        why: String,
    },
    Row {
        group: String,
        row: String,
        #[serde(flatten)]
        measured: Measured,
    },
}

/// All that a run measured.
#[derive(Clone, Debug, Default)]
pub(crate) struct Rows {
    pub(crate) rows: Vec<Row>,
    /// What could not be measured, and why.
    pub(crate) skipped: Vec<(String, String)>,
}

impl Row {
    /// The name by which goals call it.
    pub(crate) fn path(&self) -> String {
        format!("{} / {} / {}", self.process, self.group, self.name)
    }

    pub(crate) fn samples(&self) -> Option<&[f64]> {
        match &self.measured {
            Measured::Rounds { samples, .. } => Some(samples),
            Measured::Figure { .. } => None,
        }
    }

    pub(crate) fn figure(&self) -> Option<f64> {
        match self.measured {
            Measured::Rounds { .. } => None,
            Measured::Figure { value, .. } => Some(value),
        }
    }
}

impl Rows {
    /// Reads what a program printed.
    ///
    /// # Errors
    ///
    /// The first line that is no row, and what is wrong with it; a program without a row.
    pub(crate) fn read(printed: &str) -> Result<Self> {
        let mut rows = Self::default();
        let mut process = None;
        for line in printed.lines().filter(|line| !line.trim().is_empty()) {
            rows.read_line(line, &mut process)
                .with_context(|| line.to_owned())?;
        }
        let is_empty = rows.rows.is_empty() && rows.skipped.is_empty();
        ensure!(!is_empty, "it printed no row");
        Ok(rows)
    }

    fn read_line(&mut self, line: &str, of: &mut Option<String>) -> Result<()> {
        match serde_json::from_str(line)? {
            Line::Process { process } => *of = Some(process),
            Line::Skipped { skipped, why } => self.skipped.push((skipped, why)),
            Line::Row {
                group,
                row,
                measured,
            } => {
                let row = Row {
                    process: of.clone().context("a row before its process")?,
                    group,
                    name: row,
                    measured,
                };
                ensure!(row.samples() != Some(&[]), "no sample");
                ensure!(self.find(&row.path()).is_none(), "a second time");
                self.rows.push(row);
            }
        }
        Ok(())
    }

    /// Takes the place of the rows of an earlier run of the same program.
    pub(crate) fn replace(&mut self, newer: Self) {
        for row in newer.rows {
            match self.rows.iter_mut().find(|old| old.path() == row.path()) {
                Some(old) => *old = row,
                None => self.rows.push(row),
            }
        }
        for skipped in newer.skipped {
            if !self.skipped.contains(&skipped) {
                self.skipped.push(skipped);
            }
        }
    }

    /// Returns the rows of a process, and all others.
    pub(crate) fn split(self, process: &str) -> (Self, Self) {
        let of_it = |row: &Row| row.process == process;
        let (its, rows) = self.rows.into_iter().partition(of_it);
        let skipped = self.skipped;
        let its = Self {
            rows: its,
            skipped: Vec::new(),
        };
        (its, Self { rows, skipped })
    }

    pub(crate) fn find(&self, path: &str) -> Option<&Row> {
        self.rows.iter().find(|row| row.path() == path)
    }

    fn group<'a>(&'a self, of: &'a Row) -> impl Iterator<Item = &'a Row> {
        let is_beside = |row: &&Row| row.process == of.process && row.group == of.group;
        self.rows.iter().filter(is_beside)
    }

    /// Returns the rounds that a row's group is compared with: those of its first row.
    pub(crate) fn floor<'a>(&'a self, of: &'a Row) -> Option<&'a [f64]> {
        self.group(of).next()?.samples()
    }

    /// Returns a row as a multiple of its floor.
    pub(crate) fn to_floor(&self, row: &Row) -> Option<f64> {
        ratio(row.samples()?, self.floor(row)?)
    }

    /// Returns how much a group's floor, measured twice, differs from itself; `None` where it was
    /// measured once.
    pub(crate) fn noise(&self, of: &Row) -> Option<f64> {
        let again = self.group(of).find(|row| row.name.ends_with("again"))?;
        Some((self.to_floor(again)? - 1.0).abs())
    }
}

/// Returns the median of the rounds' ratios: what slowed a round down slowed both rows of it down.
/// `None` where the rounds are not the same ones.
pub(crate) fn ratio(numerator: &[f64], denominator: &[f64]) -> Option<f64> {
    let rounds = numerator.iter().zip(denominator);
    let ratios: Vec<_> = rounds.map(|(above, below)| above / below).collect();
    median(&ratios).filter(|_| numerator.len() == denominator.len())
}

pub(crate) fn median(samples: &[f64]) -> Option<f64> {
    quantile(samples, 0.5)
}

/// Returns the value below which a part of the samples lies, between the two samples around it; `None` without
/// a sample.
pub(crate) fn quantile(samples: &[f64], part: f64) -> Option<f64> {
    let mut sorted = samples.to_vec();
    sorted.sort_by(f64::total_cmp);
    let place = part * sorted.len().checked_sub(1)? as f64;
    let at = |place: f64| {
        let mut from_there = sorted.iter().enumerate();
        from_there.find_map(|(at, value)| (at as f64 >= place).then_some(*value))
    };
    let (low, high) = (at(place.floor())?, at(place.ceil())?);
    Some(low + (high - low) * place.fract())
}

#[cfg(test)]
mod tests {
    use super::*;

    const PRINTED: &str = r#"{"process":"rust","rounds":3}
{"group":"g","row":"floor","clock":"cpu","unit":"ns","samples":[10,20,40]}
{"group":"g","row":"floor again","clock":"cpu","unit":"ns","samples":[11,22,40]}
{"group":"g","row":"twice as slow","clock":"cpu","unit":"ns","samples":[20,40,90]}
{"group":"m","row":"bare","value":151.3,"unit":"B"}
{"skipped":"liboath","why":"it is not installed"}
"#;

    #[test]
    fn rows_are_read_with_their_process_and_compared_with_the_first_of_their_group() {
        let rows = Rows::read(PRINTED).unwrap();
        assert_eq!(rows.rows.len(), 4);
        let slow = rows.find("rust / g / twice as slow").unwrap();
        assert_eq!(rows.floor(slow), Some(&[10.0, 20.0, 40.0][..]));
        assert!((rows.noise(slow).unwrap() - 0.1).abs() < 1e-9);
        let figure = rows.find("rust / m / bare").unwrap();
        assert_eq!(figure.samples(), None);
        assert_eq!(rows.noise(figure), None);
        assert_eq!(rows.skipped[0].0, "liboath");
    }

    #[test]
    fn what_is_no_row_is_an_error_that_shows_the_line() {
        for line in [
            "",
            "warming up",
            r#"{"group":"g","row":"r","clock":"cpu","samples":[]}"#,
            r#"{"group":"g","row":"r","clock":"cpu","samples":[1,"x"]}"#,
            r#"{"group":"g","row":"r","clock":"cpu"}"#,
            r#"{"group":"g","row":"r","samples":[1]}"#,
            r#"{"group":"g","row":"r","value":1}"#,
            r#"{"group":"g","clock":"cpu","samples":[1]}"#,
            r#"{"row":"r","clock":"cpu","samples":[1]}"#,
        ] {
            let error = Rows::read(&format!("{{\"process\":\"rust\"}}\n{line}\n")).unwrap_err();
            assert!(error.to_string().ends_with(line), "{error}");
        }
        let headless = r#"{"group":"g","row":"r","clock":"cpu","samples":[1]}"#;
        assert!(Rows::read(headless).is_err());
        let twice = format!("{{\"process\":\"rust\"}}\n{headless}\n{headless}\n");
        assert!(Rows::read(&twice).is_err());
    }

    #[test]
    fn a_second_run_takes_the_place_of_the_first() {
        let mut rows = Rows::read(PRINTED).unwrap();
        let again = PRINTED.replace("[20,40,90]", "[30,60,120]");
        rows.replace(Rows::read(&again).unwrap());
        assert_eq!((rows.rows.len(), rows.skipped.len()), (4, 1));
        let slow = rows.find("rust / g / twice as slow").unwrap();
        assert_eq!(slow.samples(), Some(&[30.0, 60.0, 120.0][..]));
    }

    #[test]
    fn quartiles_do_not_depend_on_the_order_of_samples() {
        let samples = [5.0, 1.0, 4.0, 2.0, 3.0];
        let found = [0.0, 0.25, 0.5, 0.75].map(|part| quantile(&samples, part).unwrap());
        assert_eq!(found, [1.0, 2.0, 3.0, 4.0]);
        assert_eq!(median(&[1.0, 2.0]), Some(1.5));
        assert_eq!(quantile(&[7.0], 0.75), Some(7.0));
        assert_eq!(median(&[]), None);
    }

    #[test]
    fn a_row_that_is_twice_as_slow_as_its_floor_is_seen_through_a_machine_that_slows_down() {
        // The machine's pace changes tenfold from round to round, and for both rows alike.
        let floor: Vec<_> = (0..151).map(|round| f64::from(1 + round % 10)).collect();
        let slow: Vec<_> = floor.iter().map(|spent| 2.0 * spent).collect();
        assert_eq!(ratio(&slow, &floor), Some(2.0));
        assert_eq!(ratio(&floor, &floor), Some(1.0));
        // One round in three is disturbed, in one of the rows alone.
        let hit: Vec<_> = (0..151)
            .zip(&slow)
            .map(|(round, spent)| if round % 3 == 0 { 9.0 * spent } else { *spent })
            .collect();
        assert_eq!(ratio(&hit, &floor), Some(2.0));
    }

    #[test]
    fn rounds_of_different_runs_have_no_ratio() {
        assert_eq!(ratio(&[1.0, 2.0], &[1.0]), None);
        assert_eq!(ratio(&[], &[]), None);
    }
}
