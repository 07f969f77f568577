//! Counts the instructions of issue, verify and HOTP outside of the hash, and their allocations, and compares with
//! what is written down.
//!
//! The counter is callgrind. It hides the processor's own SHA instructions, so that the portable
//! hash is what it sees: this guards against doing more, and says nothing of how fast that is. An
//! operation's instructions are those that twice as many operations take more, so that starting and
//! making ready cancel. The compressions that are in it are taken away, as many as one of the same program takes;
//! what is left is judged as a multiple of one compression, so that another compiler moves both.

use core::fmt::Write as _;
use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result, bail, ensure};
use serde::Deserialize;
use xshell::cmd;

use crate::job::Job;

const FILE: &str = "benches/instructions/expected.toml";

const WRITE: &str = "OTP_WRITE_INSTRUCTIONS";

/// Half of what the program has ready.
const OPERATIONS: u32 = 256;

/// What an operation takes.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
struct Taken {
    /// Its instructions outside of the hash, as a multiple of the floor's.
    outside: f64,
    allocations: f64,
}

/// By floor and name of a row, what it takes.
type Rows = BTreeMap<String, BTreeMap<String, Taken>>;

/// One compression of the hash, and what the rows beside it take.
struct Counted {
    floors: BTreeMap<String, f64>,
    /// By name of a row, how many floors it has.
    hashes: BTreeMap<String, f64>,
    rows: Rows,
}

/// What is written down.
#[derive(Debug, Deserialize, PartialEq)]
struct Expected {
    /// What compiled the program: `rustc --version`.
    compiler: String,
    /// In percent, either way.
    tolerance: f64,
    #[serde(flatten)]
    rows: Rows,
}

/// By how much more, in percent, a row must be condemned: what is planted.
const PLANTED: f64 = 2.0;

/// The tolerance, in percent, where another compiler made the program: with thin LTO or another level of
/// optimisation the counts moved by as much.
const OTHER_COMPILER: f64 = 20.0;

/// Counts every row, as it is and with a waste that must be found.
pub(crate) fn checks(job: &mut Job<'_>) {
    let mut counted = None;
    job.check(
        "the instructions and allocations of each row can be counted",
        |job| {
            counted = Some(count_all(job)?);
            Ok(())
        },
    );
    let Some(counted) = counted else {
        return;
    };
    let (mut read, mut is_same_compiler) = (None, true);
    job.check("the rows are those that are written down", |job| {
        let mut expected = Expected::read(&job.world.read(FILE)?)?;
        let compiler = job.world.ask(cmd!(job.sh(), "rustc --version"))?;
        is_same_compiler = compiler.trim() == expected.compiler;
        if std::env::var_os(WRITE).is_some() {
            is_same_compiler = true;
            let text = written(compiler.trim(), expected.tolerance, &counted.rows);
            job.sh().write_file(FILE, &text)?;
            expected = Expected::read(&text)?;
            job.note(format!("{FILE} was written"));
        }
        let same = same(&expected.rows, &counted.rows);
        read = Some(expected);
        same
    });
    let Some(Expected {
        compiler,
        tolerance,
        rows: wanted,
    }) = read
    else {
        return;
    };
    let bound = if is_same_compiler {
        tolerance
    } else {
        job.note(format!(
            "{FILE} was counted with {compiler}: {OTHER_COMPILER} % more are let pass with this one"
        ));
        OTHER_COMPILER
    };
    for (floor, name, found) in rows(&counted.rows) {
        let Some(wanted) = wanted.get(floor).and_then(|rows| rows.get(name)) else {
            continue;
        };
        let instructions = found.outside * counted.floors[floor];
        let claim = format!(
            "{name} takes {instructions:.0} instructions outside of the hash and {} allocations",
            found.allocations
        );
        job.check(claim, |job| {
            let meant = format!("if meant: {WRITE}=1 cargo xtask test --only instructions");
            if let Some(fewer) = found.judge(wanted, bound).context(meant.clone())? {
                job.note(format!("{name}: {fewer}; {meant}"));
            }
            Ok(())
        });
    }
    let mut turn = None;
    for (floor, name, found) in rows(&counted.rows) {
        job.check(
            format!("{name} is condemned with {PLANTED} % more"),
            |job| {
                // What a turn of the planted loop takes is the same in every row.
                let turn = match turn {
                    Some(turn) => turn,
                    None => {
                        let many = counted.count(job, floor, name, Some("1000"))?;
                        *turn
                            .insert((many.outside - found.outside) * counted.floors[floor] / 1000.0)
                    }
                };
                let more = found.outside * counted.floors[floor] * PLANTED / 100.0;
                let turns = (more / turn).ceil();
                let wasteful = counted.count(job, floor, name, Some(&turns.to_string()))?;
                ensure!(
                    wasteful.judge(&found, tolerance).is_err(),
                    "{wasteful:?}, was {found:?}"
                );
                Ok(())
            },
        );
        job.check(
            format!("{name} is condemned with one allocation more"),
            |job| {
                let wasteful = counted.count(job, floor, name, Some("box"))?;
                let only = Taken {
                    allocations: wasteful.allocations,
                    ..found
                };
                ensure!(
                    only.judge(&found, tolerance).is_err(),
                    "{wasteful:?}, was {found:?}"
                );
                Ok(())
            },
        );
    }
}

/// Floor, name and count of each row.
fn rows(rows: &Rows) -> impl Iterator<Item = (&str, &str, Taken)> {
    rows.iter().flat_map(|(floor, rows)| {
        let rows = rows.iter();
        rows.map(move |(name, taken)| (&**floor, &**name, *taken))
    })
}

impl Taken {
    /// Refuses what is above the tolerance, and any allocation more; says what is below, beyond the tolerance too: a
    /// bound that stays behind lets the next loss pass.
    fn judge(&self, wanted: &Self, tolerance: f64) -> Result<Option<String>> {
        let percent = (self.outside / wanted.outside - 1.0) * 100.0;
        ensure!(percent <= tolerance, "{percent:.1} % more instructions");
        let heap = self.allocations - wanted.allocations;
        ensure!(heap < 0.5, "{heap:.2} more allocations");
        if percent < -tolerance {
            return Ok(Some(format!("{:.1} % fewer instructions", -percent)));
        }
        Ok((heap < -0.5).then(|| format!("{:.2} fewer allocations", -heap)))
    }
}

fn same(written: &Rows, counted: &Rows) -> Result<()> {
    let names = |all| -> BTreeSet<_> {
        let all = rows(all).map(|(floor, name, _)| format!("{floor} {name}"));
        all.collect()
    };
    let (written, counted) = (names(written), names(counted));
    let differing: Vec<_> = written.symmetric_difference(&counted).collect();
    ensure!(differing.is_empty(), "on one side only: {differing:?}");
    Ok(())
}

/// Counts each floor, and each row that the program names as `FLOOR FLOORS NAME`.
fn count_all(job: &mut Job<'_>) -> Result<Counted> {
    let program = program(job);
    let told = job.world.ask(cmd!(job.sh(), "{program}"))?;
    let mut counted = Counted {
        floors: BTreeMap::new(),
        hashes: BTreeMap::new(),
        rows: Rows::new(),
    };
    for line in told.lines() {
        let [floor, floors, name] = line.split(' ').collect::<Vec<_>>()[..] else {
            bail!("the program names no rows");
        };
        if !counted.floors.contains_key(floor) {
            let (instructions, _) = count(job, floor, None)?;
            counted.floors.insert(floor.to_owned(), instructions);
        }
        counted.hashes.insert(name.to_owned(), floors.parse()?);
        let taken = counted.count(job, floor, name, None)?;
        let rows = counted.rows.entry(floor.to_owned()).or_default();
        rows.insert(name.to_owned(), taken);
    }
    ensure!(!counted.rows.is_empty(), "the program names no rows");
    Ok(counted)
}

impl Counted {
    /// Counts what one operation of a row takes.
    fn count(
        &self,
        job: &mut Job<'_>,
        floor: &str,
        name: &str,
        plant: Option<&str>,
    ) -> Result<Taken> {
        let (instructions, allocations) = count(job, name, plant)?;
        let outside = instructions / self.floors[floor] - self.hashes[name];
        ensure!(outside > 0.0, "{name} takes less than its hash");
        Ok(Taken {
            outside,
            allocations,
        })
    }
}

/// Counts the instructions and the allocations of one operation.
fn count(job: &mut Job<'_>, name: &str, plant: Option<&str>) -> Result<(f64, f64)> {
    let mut collected = |operations: u32| {
        let (program, operations) = (program(job), operations.to_string());
        let callgrind = ["--tool=callgrind", "--callgrind-out-file=/dev/null"];
        let command = cmd!(
            job.sh(),
            "valgrind {callgrind...} {program} {name} {operations}"
        );
        let output = job.pass(command.args(plant))?;
        let told = |before| number(&output, before);
        told("== Collected : ")
            .zip(told("allocations: "))
            .with_context(|| format!("{name}: no counts"))
    };
    let (once, twice) = (collected(OPERATIONS)?, collected(2 * OPERATIONS)?);
    ensure!(twice.0 > once.0, "{name}: twice as many take no more");
    let of_one = |twice: u64, once| twice.saturating_sub(once) as f64 / f64::from(OPERATIONS);
    Ok((of_one(twice.0, once.0), of_one(twice.1, once.1)))
}

/// Reads a line such as `==123== Collected : 456`.
fn number(output: &str, before: &str) -> Option<u64> {
    let told = |line: &str| line.split_once(before)?.1.trim().parse().ok();
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
    /// What is no number of instructions or allocations; a tolerance that is absent, or not below what is planted.
    fn read(text: &str) -> Result<Self> {
        let read: Self = toml::from_str(text)?;
        ensure!(
            read.tolerance > 0.0 && read.tolerance < PLANTED,
            "tolerance: below {PLANTED} %"
        );
        for (floor, name, taken) in rows(&read.rows) {
            let is_sound = taken.outside.is_finite() && taken.outside > 0.0;
            ensure!(is_sound, "{floor} {name}: outside is no positive number");
            ensure!(taken.allocations >= 0.0, "{floor} {name}: allocations");
        }
        Ok(read)
    }
}

/// Returns the text of the file with these rows.
fn written(compiler: &str, tolerance: f64, rows: &Rows) -> String {
    let mut text = format!("{HEAD}compiler = {compiler:?}\ntolerance = {tolerance:?}\n");
    for (floor, rows) in rows {
        let _ = writeln!(text, "\n[{floor}]");
        for (name, taken) in rows {
            let Taken {
                outside,
                allocations,
            } = taken;
            let _ = writeln!(
                text,
                "{name} = {{ outside = {outside:.4}, allocations = {allocations:.2} }}"
            );
        }
    }
    text
}

const HEAD: &str = "\
# What one operation takes: its instructions outside of the hash, as a multiple of those of one compression of
# the portable hash in the same program, and its allocations. Written by
#     OTP_WRITE_INSTRUCTIONS=1 cargo xtask test --only instructions
# More instructions than the tolerance (percent) above, or an allocation more, is a failure; fewer is a note.
";

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(outside: f64, allocations: f64) -> Taken {
        Taken {
            outside,
            allocations,
        }
    }

    fn all(rows: &[(&str, &str, Taken)]) -> Rows {
        let mut all = Rows::new();
        for (floor, name, taken) in rows {
            let rows = all.entry((*floor).into()).or_default();
            rows.insert((*name).into(), *taken);
        }
        all
    }

    #[test]
    fn the_count_is_in_a_line_of_its_own() {
        let output = "allocations: 12\n==7== Events    : Ir\n==7== Collected : 59168921\n==7== \n";
        assert_eq!(number(output, "== Collected : "), Some(59_168_921));
        assert_eq!(number(output, "allocations: "), Some(12));
        assert_eq!(number("==7== Events    : Ir\n", "== Collected : "), None);
        assert_eq!(number("==7== Collected : many\n", "== Collected : "), None);
    }

    #[test]
    fn rows_belong_to_their_floor_and_are_the_same_on_both_sides() {
        let text = "compiler = 'rustc 1'\ntolerance = 1 # percent\n\n[sha1]\nat = { outside = 2.5, allocations = 1 }\n\
                    [sha256]\nissue = { outside = 11, allocations = 0 }\n";
        let read = Expected::read(text).unwrap();
        let (at, issue) = (taken(2.5, 1.0), taken(11.0, 0.0));
        let both = all(&[("sha1", "at", at), ("sha256", "issue", issue)]);
        assert_eq!((read.tolerance, &read.rows), (1.0, &both));
        let less = all(&[("sha256", "issue", issue)]);
        assert!(same(&both, &both).is_ok());
        let error = same(&both, &less).unwrap_err();
        assert!(error.to_string().contains("sha1 at"));
        assert!(same(&less, &both).is_err());
    }

    #[test]
    fn a_row_is_judged_either_way_beyond_the_tolerance() {
        let wanted = taken(1.0, 1.0);
        for found in [1.0, 1.009, 0.991] {
            assert_eq!(taken(found, 1.0).judge(&wanted, 1.0).unwrap(), None);
        }
        let error = taken(1.02, 1.0).judge(&wanted, 1.0).unwrap_err();
        assert_eq!(error.to_string(), "2.0 % more instructions");
        let error = taken(1.0, 2.0).judge(&wanted, 1.0).unwrap_err();
        assert_eq!(error.to_string(), "1.00 more allocations");
        let fewer = |found: Taken| found.judge(&wanted, 1.0).unwrap().unwrap();
        assert_eq!(fewer(taken(0.98, 1.0)), "2.0 % fewer instructions");
        assert_eq!(fewer(taken(1.0, 0.0)), "1.00 fewer allocations");
    }

    #[test]
    fn what_is_written_is_read_back() {
        let rows = |outside| {
            let (verify, at) = (taken(outside, 0.0), taken(2.0, 1.0));
            all(&[("sha256", "verify", verify), ("sha1", "at", at)])
        };
        let text = written("rustc 1", 1.0, &rows(12.34567));
        assert!(text.starts_with("# "), "{text}");
        let expected = Expected {
            compiler: "rustc 1".into(),
            tolerance: 1.0,
            rows: rows(12.3457),
        };
        assert_eq!(Expected::read(&text).unwrap(), expected);
    }

    #[test]
    fn a_file_that_says_nothing_certain_is_refused() {
        assert!(Expected::read("compiler = 'rustc 1'\ntolerance = 1").is_ok());
        for text in [
            "",
            "[sha1]\nat = { outside = 2.5, allocations = 1 }",
            "tolerance = 2",
            "tolerance = 0",
            "tolerance = 1\nat = 2.5",
            "tolerance = 1\n[sha1]\nat = 2.5",
            "tolerance = 1\n[sha1]\nat = { outside = 2.5 }",
            "tolerance = 1\n[sha1]\nat = { outside = 0, allocations = 1 }",
            "tolerance = 1\n[sha1]\nat = { outside = inf, allocations = 1 }",
            "tolerance = 1\n[sha1]\nat = { outside = 2, allocations = -1 }",
            "tolerance = 1\n[sha1]\nat = { outside = 2, allocations = 1, more = 3 }",
        ] {
            let text = format!("compiler = 'rustc 1'\n{text}");
            assert!(Expected::read(&text).is_err(), "{text}");
        }
    }
}
