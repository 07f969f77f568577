//! What is written down about the instructions of each row, and the judge.

use core::fmt::Write as _;
use std::collections::BTreeMap;

/// Something that is counted.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) struct Row {
    /// What it is a multiple of.
    pub(super) floor: String,
    pub(super) name: String,
}

impl Row {
    /// Reads `FLOOR NAME`.
    pub(super) fn of_line(line: &str) -> Option<Self> {
        let (floor, name) = line.split_once(' ')?;
        Some(Self {
            floor: floor.into(),
            name: name.into(),
        })
    }
}

/// The checked-in file: a tolerance, and a table of ratios for each floor.
#[derive(Debug)]
pub(super) struct Expected {
    /// In percent, either way.
    tolerance: f64,
    ratios: BTreeMap<Row, f64>,
}

/// What the judge says of a ratio; by how many percent it differs.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Judgement {
    AsExpected,
    Less(f64),
    More(f64),
}

impl Expected {
    /// Reads the file, as far as TOML is needed here: `[floor]`, `name = number`, comments.
    ///
    /// # Errors
    ///
    /// The line that cannot be read; a tolerance that is absent or no share.
    pub(super) fn read(text: &str) -> Result<Self, String> {
        let (mut tolerance, mut floor) = (None, None);
        let mut ratios = BTreeMap::new();
        for line in text.lines() {
            let told = line.split('#').next().unwrap_or_default().trim();
            if told.is_empty() {
                continue;
            }
            if let Some(table) = told
                .strip_prefix('[')
                .and_then(|rest| rest.strip_suffix(']'))
            {
                floor = Some(table.to_owned());
                continue;
            }
            let (name, value) = number(told).ok_or_else(|| format!("cannot read: {line}"))?;
            match &floor {
                None if name == "tolerance" => tolerance = Some(value),
                None => return Err(format!("outside of a table: {line}")),
                Some(floor) => {
                    let (floor, name) = (floor.clone(), name.to_owned());
                    if ratios.insert(Row { floor, name }, value).is_some() {
                        return Err(format!("named twice: {line}"));
                    }
                }
            }
        }
        let tolerance = tolerance
            .filter(|tolerance| *tolerance < 100.0)
            .ok_or("tolerance must be given, in percent below 100")?;
        Ok(Self { tolerance, ratios })
    }

    /// Returns the text of the file with the same tolerance and other ratios.
    pub(super) fn written_with(&self, found: impl Iterator<Item = (Row, f64)>) -> String {
        let mut text = format!("{HEAD}tolerance = {:?}\n", self.tolerance);
        let mut before = None;
        for (Row { floor, name }, ratio) in found.collect::<BTreeMap<_, _>>() {
            if before.as_ref() != Some(&floor) {
                let _ = writeln!(text, "\n[{floor}]");
            }
            let _ = writeln!(text, "{name} = {ratio:.3}");
            before = Some(floor);
        }
        text
    }

    /// Requires that these rows are named, and no other.
    pub(super) fn names(&self, rows: &[Row]) -> Result<(), String> {
        let absent = rows.iter().filter(|row| !self.ratios.contains_key(row));
        let idle = self.ratios.keys().filter(|row| !rows.contains(row));
        let wrong: Vec<_> = absent.chain(idle).map(|row| row.name.as_str()).collect();
        if wrong.is_empty() {
            Ok(())
        } else {
            Err(format!("on one side only: {}", wrong.join(", ")))
        }
    }

    pub(super) fn ratio(&self, row: &Row) -> Option<f64> {
        self.ratios.get(row).copied()
    }

    /// Judges a ratio by the one that is wanted.
    pub(super) fn judge(&self, found: f64, wanted: f64) -> Judgement {
        let percent = (found / wanted - 1.0) * 100.0;
        if percent > self.tolerance {
            Judgement::More(percent)
        } else if percent < -self.tolerance {
            Judgement::Less(-percent)
        } else {
            Judgement::AsExpected
        }
    }
}

/// Reads `name = number`, the number positive.
fn number(told: &str) -> Option<(&str, f64)> {
    let (name, value) = told.split_once('=')?;
    let value = value.trim().parse().ok();
    let value = value.filter(|value: &f64| value.is_finite() && *value > 0.0)?;
    Some((name.trim(), value))
}

const HEAD: &str = "\
# What one operation takes: its instructions as a multiple of those of one compression of the
# portable hash in the same program. Written by
#     OTP_WRITE_INSTRUCTIONS=1 cargo xtask test --only instructions
# More than the tolerance (percent) above is a failure, below it a note.
";

#[cfg(test)]
mod tests {
    use super::*;

    fn row(floor: &str, name: &str) -> Row {
        Row::of_line(&format!("{floor} {name}")).unwrap()
    }

    fn expected() -> Expected {
        Expected::read("tolerance = 3 # percent\n\n[sha1]\nat = 2.5\n[sha256]\nissue = 11\n")
            .unwrap()
    }

    #[test]
    fn a_ratio_is_judged_either_way_beyond_the_tolerance() {
        let judge = |found| expected().judge(found, 10.0);
        for found in [10.0, 10.29, 9.71] {
            assert_eq!(judge(found), Judgement::AsExpected, "{found}");
        }
        assert!(matches!(judge(10.31), Judgement::More(percent) if (3.0..3.2).contains(&percent)));
        assert!(matches!(judge(20.0), Judgement::More(percent) if percent == 100.0));
        assert!(matches!(judge(9.69), Judgement::Less(percent) if (3.0..3.2).contains(&percent)));
    }

    #[test]
    fn rows_belong_to_their_floor() {
        let expected = expected();
        assert_eq!(expected.ratio(&row("sha1", "at")), Some(2.5));
        assert_eq!(expected.ratio(&row("sha256", "at")), None);
        let all = [row("sha256", "issue"), row("sha1", "at")];
        assert_eq!(expected.names(&all), Ok(()));
        assert!(expected.names(&all[..1]).unwrap_err().ends_with(": at"));
        let more = [all[0].clone(), all[1].clone(), row("sha1", "verify")];
        assert!(expected.names(&more).unwrap_err().ends_with(": verify"));
    }

    #[test]
    fn what_is_written_is_read_back() {
        let found = [(row("sha256", "verify"), 12.3456), (row("sha1", "at"), 2.0)];
        let text = expected().written_with(found.into_iter());
        assert!(text.starts_with("# "), "{text}");
        let again = Expected::read(&text).unwrap();
        assert_eq!(again.tolerance, 3.0);
        assert_eq!(again.ratio(&row("sha256", "verify")), Some(12.346));
        assert_eq!(again.ratio(&row("sha1", "at")), Some(2.0));
        assert_eq!(again.ratios.len(), 2);
    }

    #[test]
    fn a_file_that_says_nothing_certain_is_refused() {
        for text in [
            "",
            "[sha1]\nat = 2.5",
            "tolerance = 100",
            "tolerance = 3\nat = 2.5",
            "tolerance = 3\n[sha1]\nat = none",
            "tolerance = 3\n[sha1]\nat = 0",
            "tolerance = 3\n[sha1]\nat = inf",
            "tolerance = 3\n[sha1]\nat",
            "tolerance = 3\n[sha1]\nat = 2\nat = 3",
        ] {
            assert!(Expected::read(text).is_err(), "{text}");
        }
    }
}
