//! Rows as the programs print them: a JSON object on each line.

use serde_json::Value;

use super::statistics::Spread;

/// One row of one process.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Row {
    pub(crate) process: String,
    pub(crate) group: String,
    pub(crate) name: String,
    pub(crate) measured: Measured,
}

/// What was measured.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Measured {
    /// One value of nanoseconds for each round, per operation.
    Rounds { clock: String, samples: Vec<f64> },
    /// A single figure.
    Figure { value: f64, unit: String },
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

    pub(crate) fn spread(&self) -> Option<Spread> {
        Spread::of(self.samples()?)
    }
}

impl Rows {
    /// Reads what a program printed.
    ///
    /// # Errors
    ///
    /// The first line that is no row, and what is wrong with it; a program without a row.
    pub(crate) fn read(printed: &str) -> Result<Self, String> {
        let mut process = None;
        let mut rows = Self::default();
        for line in printed.lines().filter(|line| !line.trim().is_empty()) {
            rows.read_line(line, &mut process)
                .map_err(|error| format!("{error}: {line}"))?;
        }
        if rows.rows.is_empty() && rows.skipped.is_empty() {
            return Err("it printed no row".into());
        }
        Ok(rows)
    }

    fn read_line(&mut self, line: &str, process: &mut Option<String>) -> Result<(), String> {
        let line: Value = serde_json::from_str(line).map_err(|error| error.to_string())?;
        let text = |name: &str| line[name].as_str().map(str::to_owned);
        if let Some(name) = text("process") {
            *process = Some(name);
            return Ok(());
        }
        if let Some(name) = text("skipped") {
            self.skipped.push((name, text("why").unwrap_or_default()));
            return Ok(());
        }
        let measured = match (line["samples"].as_array(), line["value"].as_f64()) {
            (Some(samples), None) => Measured::Rounds {
                samples: samples.iter().filter_map(Value::as_f64).collect(),
                clock: text("clock").ok_or("a row without a clock")?,
            },
            (None, Some(value)) => Measured::Figure {
                value,
                unit: text("unit").ok_or("a figure without a unit")?,
            },
            _ => return Err("neither samples nor a value".into()),
        };
        if let (Measured::Rounds { samples, .. }, Some(given)) =
            (&measured, line["samples"].as_array())
            && (samples.is_empty() || samples.len() != given.len())
        {
            return Err("samples that are no times".into());
        }
        let row = Row {
            process: process.clone().ok_or("a row before its process")?,
            group: text("group").ok_or("a row without a group")?,
            name: text("row").ok_or("a row without a name")?,
            measured,
        };
        if self.find(&row.path()).is_some() {
            return Err("the same row a second time".into());
        }
        self.rows.push(row);
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

    pub(crate) fn find(&self, path: &str) -> Option<&Row> {
        self.rows.iter().find(|row| row.path() == path)
    }

    /// Returns the row that its group is compared with: the first.
    pub(crate) fn floor(&self, of: &Row) -> Option<&Row> {
        let is_beside = |row: &&Row| row.process == of.process && row.group == of.group;
        self.rows.iter().find(is_beside)
    }

    /// Returns how much a group's floor, measured twice, differs from itself; `None` where it was
    /// measured once.
    pub(crate) fn noise(&self, of: &Row) -> Option<f64> {
        let floor = self.floor(of)?;
        let again = self.rows.iter().find(|row| {
            row.process == of.process && row.group == of.group && row.name.ends_with("again")
        })?;
        let ratio = super::statistics::ratio(again.samples()?, floor.samples()?)?;
        Some((ratio - 1.0).abs())
    }
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
        assert_eq!(rows.floor(slow).unwrap().name, "floor");
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
            assert!(error.ends_with(line) || line.is_empty(), "{error}");
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
        assert_eq!(rows.rows.len(), 4);
        assert_eq!(rows.skipped.len(), 1);
        let slow = rows.find("rust / g / twice as slow").unwrap();
        assert_eq!(slow.samples(), Some(&[30.0, 60.0, 120.0][..]));
    }
}
