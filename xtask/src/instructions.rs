//! Counts the instructions of issue, verify and HOTP, and compares with what is written down.
//!
//! The counter is callgrind. It hides the processor's own SHA instructions, so that the portable
//! hash is what it sees: this guards against doing more, and says nothing of how fast that is. An
//! operation's instructions are those that twice as many operations take more, so that starting and
//! making ready cancel; they are judged as a multiple of one compression's in the same program, so
//! that another compiler moves both.

use core::fmt::Write as _;
use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result, ensure};
use serde::Deserialize;
use xshell::cmd;

use crate::job::Job;

const FILE: &str = "benches/instructions/expected.toml";

const WRITE: &str = "OTP_WRITE_INSTRUCTIONS";

/// Half of what the program has ready.
const OPERATIONS: u32 = 256;

/// By floor and name of a row, its instructions as a multiple of the floor's.
type Ratios = BTreeMap<String, BTreeMap<String, f64>>;

/// What is written down.
#[derive(Debug, Deserialize, PartialEq)]
struct Expected {
    /// In percent, either way.
    tolerance: f64,
    #[serde(flatten)]
    ratios: Ratios,
}

/// What is done for nothing, once in each operation, and must be seen: its name in the program, that of the
/// row's floor if there is none, and the floor below which alone it is large enough.
const WASTES: &[(&str, Option<&str>, Option<&str>)] = &[
    ("one compression", None, None),
    // 240 instructions: less than one in a hundred of an issue, seven of a HOTP.
    ("one allocation and copy", Some("copy"), Some("sha1")),
];

/// Counts every row, as it is and with a waste that must be found.
pub(crate) fn checks(job: &mut Job<'_>) {
    let mut counted = None;
    job.check("the instructions of each row can be counted", |job| {
        counted = Some(count_all(job)?);
        Ok(())
    });
    let Some((floors, ratios)) = counted else {
        return;
    };
    let mut read = None;
    job.check("the rows are those that are written down", |job| {
        let mut expected = Expected::read(&job.world.read(FILE)?)?;
        if std::env::var_os(WRITE).is_some() {
            let text = written(expected.tolerance, &ratios);
            job.sh().write_file(FILE, &text)?;
            expected = Expected::read(&text)?;
            job.note(format!("{FILE} was written"));
        }
        let same = same(&expected.ratios, &ratios);
        read = Some(expected);
        same
    });
    let Some(Expected {
        tolerance,
        ratios: wanted,
    }) = read
    else {
        return;
    };
    for (floor, name, found) in rows(&ratios) {
        let Some(wanted) = wanted.get(floor).and_then(|rows| rows.get(name)) else {
            continue;
        };
        let claim =
            format!("{name} takes {found:.3} compressions of {floor}, expected {wanted:.3}");
        job.check(claim, |job| {
            let meant = format!("if meant: {WRITE}=1 cargo xtask test --only instructions");
            if let Some(fewer) = judge(found, *wanted, tolerance).context(meant.clone())? {
                job.note(format!("{name}: {fewer:.1} % fewer instructions; {meant}"));
            }
            Ok(())
        });
    }
    for (floor, name, found) in rows(&ratios) {
        let is_seen =
            |(.., below): &&(_, _, Option<&str>)| below.is_none_or(|below| below == floor);
        for (what, plant, _) in WASTES.iter().filter(is_seen) {
            job.check(format!("{name} is condemned with {what} more"), |job| {
                let wasteful = count(job, name, Some(plant.unwrap_or(floor)))? / floors[floor];
                ensure!(more(wasteful, found) > tolerance, "only {wasteful:.3}");
                Ok(())
            });
        }
    }
}

/// Floor, name and ratio of each row.
fn rows(ratios: &Ratios) -> impl Iterator<Item = (&str, &str, f64)> {
    ratios.iter().flat_map(|(floor, rows)| {
        let rows = rows.iter();
        rows.map(move |(name, ratio)| (&**floor, &**name, *ratio))
    })
}

/// Refuses what is above the tolerance; returns by how many percent it is below, if that is beyond it too: a bound
/// that stays behind lets the next loss pass.
fn judge(found: f64, wanted: f64, tolerance: f64) -> Result<Option<f64>> {
    let percent = more(found, wanted);
    ensure!(percent <= tolerance, "{percent:.1} % more");
    Ok((percent < -tolerance).then_some(-percent))
}

/// By how many percent `found` is above `wanted`.
fn more(found: f64, wanted: f64) -> f64 {
    (found / wanted - 1.0) * 100.0
}

fn same(written: &Ratios, counted: &Ratios) -> Result<()> {
    let names = |ratios| -> BTreeSet<_> {
        let all = rows(ratios).map(|(floor, name, _)| format!("{floor} {name}"));
        all.collect()
    };
    let (written, counted) = (names(written), names(counted));
    let differing: Vec<_> = written.symmetric_difference(&counted).collect();
    ensure!(differing.is_empty(), "on one side only: {differing:?}");
    Ok(())
}

/// Counts each floor, and each row that the program names as `FLOOR NAME`.
fn count_all(job: &mut Job<'_>) -> Result<(BTreeMap<String, f64>, Ratios)> {
    let program = program(job);
    let told = job.world.ask(cmd!(job.sh(), "{program}"))?;
    let (mut floors, mut ratios) = (BTreeMap::new(), Ratios::new());
    for line in told.lines() {
        let (floor, name) = line.split_once(' ').context("the program names no rows")?;
        if !floors.contains_key(floor) {
            floors.insert(floor.to_owned(), count(job, floor, None)?);
        }
        let ratio = count(job, name, None)? / floors[floor];
        ratios
            .entry(floor.to_owned())
            .or_default()
            .insert(name.to_owned(), ratio);
    }
    ensure!(!ratios.is_empty(), "the program names no rows");
    Ok((floors, ratios))
}

/// Counts the instructions of one operation.
fn count(job: &mut Job<'_>, name: &str, plant: Option<&str>) -> Result<f64> {
    let mut collected = |operations: u32| {
        let (program, operations) = (program(job), operations.to_string());
        let callgrind = ["--tool=callgrind", "--callgrind-out-file=/dev/null"];
        let command = cmd!(
            job.sh(),
            "valgrind {callgrind...} {program} {name} {operations}"
        );
        let output = job.pass(command.args(plant))?;
        of_callgrind(&output).with_context(|| format!("{name}: callgrind tells no count"))
    };
    let (once, twice) = (collected(OPERATIONS)?, collected(2 * OPERATIONS)?);
    ensure!(twice > once, "{name}: twice as many take no more");
    Ok((twice - once) as f64 / f64::from(OPERATIONS))
}

/// Reads the line `==123== Collected : 456`.
fn of_callgrind(output: &str) -> Option<u64> {
    let told = |line: &str| line.split_once("== Collected : ")?.1.trim().parse().ok();
    output.lines().find_map(told)
}

fn program(job: &Job<'_>) -> std::path::PathBuf {
    job.world.target.join("release/otp-engine-instructions")
}

impl Expected {
    /// Reads the file.
    ///
    /// # Errors
    ///
    /// What is no positive number; a tolerance that is absent or no share.
    fn read(text: &str) -> Result<Self> {
        let read: Self = toml::from_str(text)?;
        ensure!(read.tolerance < 100.0, "tolerance: below 100 %");
        for (floor, name, ratio) in rows(&read.ratios).chain([("", "tolerance", read.tolerance)]) {
            let is_positive = ratio.is_finite() && ratio > 0.0;
            ensure!(is_positive, "{floor} {name} is no positive number");
        }
        Ok(read)
    }
}

/// Returns the text of the file with these ratios.
fn written(tolerance: f64, ratios: &Ratios) -> String {
    let mut text = format!("{HEAD}tolerance = {tolerance:?}\n");
    for (floor, rows) in ratios {
        let _ = writeln!(text, "\n[{floor}]");
        for (name, ratio) in rows {
            let _ = writeln!(text, "{name} = {ratio:.3}");
        }
    }
    text
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

    fn ratios(all: &[(&str, &str, f64)]) -> Ratios {
        let mut ratios = Ratios::new();
        for (floor, name, ratio) in all {
            ratios
                .entry((*floor).into())
                .or_default()
                .insert((*name).into(), *ratio);
        }
        ratios
    }

    #[test]
    fn the_count_is_in_a_line_of_its_own() {
        let output = "==7== Events    : Ir\n==7== Collected : 59168921\n==7== \n";
        assert_eq!(of_callgrind(output), Some(59_168_921));
        assert_eq!(of_callgrind("==7== Events    : Ir\n"), None);
        assert_eq!(of_callgrind("==7== Collected : many\n"), None);
    }

    #[test]
    fn rows_belong_to_their_floor_and_are_the_same_on_both_sides() {
        let text = "tolerance = 3 # percent\n\n[sha1]\nat = 2.5\n[sha256]\nissue = 11\n";
        let read = Expected::read(text).unwrap();
        let all = ratios(&[("sha1", "at", 2.5), ("sha256", "issue", 11.0)]);
        assert_eq!((read.tolerance, &read.ratios), (3.0, &all));
        let less = ratios(&[("sha256", "issue", 11.0)]);
        assert!(same(&all, &all).is_ok());
        assert!(
            same(&all, &less)
                .unwrap_err()
                .to_string()
                .contains("sha1 at")
        );
        assert!(same(&less, &all).is_err());
    }

    #[test]
    fn a_ratio_is_judged_either_way_beyond_the_tolerance() {
        for found in [10.0, 10.29, 9.71] {
            assert_eq!(judge(found, 10.0, 3.0).unwrap(), None, "{found}");
        }
        let error = judge(10.31, 10.0, 3.0).unwrap_err();
        assert_eq!(error.to_string(), "3.1 % more");
        assert!(judge(20.0, 10.0, 3.0).is_err());
        let fewer = judge(9.69, 10.0, 3.0).unwrap().unwrap();
        assert!((3.0..3.2).contains(&fewer), "{fewer}");
    }

    #[test]
    fn what_is_written_is_read_back() {
        let text = written(
            3.0,
            &ratios(&[("sha256", "verify", 12.3456), ("sha1", "at", 2.0)]),
        );
        assert!(text.starts_with("# "), "{text}");
        let ratios = ratios(&[("sha256", "verify", 12.346), ("sha1", "at", 2.0)]);
        let expected = Expected {
            tolerance: 3.0,
            ratios,
        };
        assert_eq!(Expected::read(&text).unwrap(), expected);
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
