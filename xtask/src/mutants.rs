//! Mutation testing of the decision modules: a changed line must make some test fail.

use core::num::NonZero;
use std::path::Path;
use std::thread;

use anyhow::{Result, ensure};
use xshell::{Cmd, Shell, cmd};

use crate::coverage;
use crate::dependencies::CORE;
use crate::job::Job;

/// How many of the mutants that compile must be caught, in percent.
const GOAL: usize = 95;

/// Mutates the modules, as `.cargo/mutants.toml` says; survivors are listed even when the goal is met.
///
/// Two passes: first the tests that are built and run within seconds, not optimised; then, to what survived,
/// all tests of the core, optimised and with none left out. A time-out of the first pass is tried again too.
pub(crate) fn checks(job: &mut Job<'_>) {
    job.check("enough of the mutants that compile are caught", |job| {
        let modules = coverage::decision_modules(job.world)?;
        let (sh, home) = (job.sh(), job.world.own("mutants"));
        // Of an earlier run: they would be taken for this one's if the tool failed at its start.
        sh.remove_path(&home)?;
        sh.create_dir(&home)?;
        let lists = home.join("mutants.out");
        let jobs = thread::available_parallelism().map_or(1, NonZero::get);
        let jobs = jobs.to_string();
        let quick = cmd!(sh, "cargo mutants --package {CORE} --jobs {jobs} --timeout 200");
        job.run(set_up(quick, &home).env("CARGO_PROFILE_TEST_OPT_LEVEL", "0"))?;
        let first = Pass::read(sh, &lists)?;
        first.is_whole(&sh.read_file(lists.join("mutants.json"))?)?;
        let mut missed = Vec::new();
        if first.left() > 0 {
            let files = modules.iter().flat_map(|file| ["--file", file.as_str()]);
            let whole = cmd!(
                sh,
                "cargo mutants --no-config --package {CORE} --all-features {files...} --iterate --jobs {jobs} --timeout 400"
            );
            // Not what is behind two dashes, which the build of a mutant does not get: it would build examples too.
            job.run(set_up(whole, &home).args(["--cargo-arg=--lib", "--cargo-arg=--tests"]))?;
            missed = first.survivors(Pass::read(sh, &lists)?)?;
        }
        for survivor in &missed {
            job.note(format!("survived: {survivor}"));
        }
        let viable = first.caught + first.left();
        let caught = viable - missed.len();
        job.figure(
            "mutants of the decision modules caught",
            format!("{caught} of {viable}"),
        );
        judge(caught, viable)
    });
}

/// Has a pass write its lists to `home`, and each of its jobs build in a copy of the sources there.
fn set_up<'a>(pass: Cmd<'a>, home: &Path) -> Cmd<'a> {
    pass.arg("--output")
        .arg(home)
        .env_remove("CARGO_TARGET_DIR")
        .env("TMPDIR", home)
        .env("CARGO_INCREMENTAL", "1")
        .env("CARGO_PROFILE_TEST_DEBUG", "0")
}

/// What cargo-mutants' lists say of one pass.
#[derive(Clone, Debug, Default)]
struct Pass {
    caught: usize,
    timed_out: usize,
    unviable: usize,
    missed: Vec<String>,
}

impl Pass {
    fn read(sh: &Shell, folder: &Path) -> Result<Self> {
        let list = |name| -> Result<Vec<String>> {
            let text = sh.read_file(folder.join(name))?;
            Ok(text.lines().map(str::to_owned).collect())
        };
        Ok(Self {
            caught: list("caught.txt")?.len(),
            timed_out: list("timeout.txt")?.len(),
            unviable: list("unviable.txt")?.len(),
            missed: list("missed.txt")?,
        })
    }

    /// Compares with the mutants that were to be tried: a run that is interrupted says of the others nothing, and
    /// ends well.
    fn is_whole(&self, mutants: &str) -> Result<()> {
        let all: Vec<serde_json::Value> = serde_json::from_str(mutants)?;
        let tried = self.caught + self.unviable + self.left();
        ensure!(tried == all.len(), "{tried} of {} mutants tried", all.len());
        Ok(())
    }

    /// How many the next pass has to try.
    const fn left(&self) -> usize {
        self.missed.len() + self.timed_out
    }

    /// What survives the second pass too.
    ///
    /// # Errors
    ///
    /// The second pass did not try what the first one left: its tests fail without any mutant, perhaps.
    fn survivors(&self, second: Self) -> Result<Vec<String>> {
        // What compiled and does not so with all tests is noticed.
        let tried = second.caught + second.unviable + second.left();
        let left = self.left();
        ensure!(tried == left, "{tried} of {left} survivors tried again");
        Ok(second.missed)
    }
}

fn judge(caught: usize, viable: usize) -> Result<()> {
    ensure!(viable > 0, "no mutant was tested");
    ensure!(caught * 100 >= viable * GOAL, "{caught} of {viable}");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_goal_is_met_at_its_bound_not_below() {
        assert!(judge(95, 100).is_ok() && judge(1, 1).is_ok());
        assert_eq!(judge(94, 100).unwrap_err().to_string(), "94 of 100");
        assert!(judge(0, 0).is_err() && judge(0, 3).is_err());
    }

    #[test]
    fn without_its_lists_a_run_is_an_error() {
        assert!(Pass::read(&Shell::new().unwrap(), "no/such/list".as_ref()).is_err());
    }

    #[test]
    fn a_run_that_was_interrupted_is_an_error() {
        let pass = |caught| Pass {
            caught,
            unviable: 1,
            missed: vec!["a".to_owned()],
            ..Pass::default()
        };
        assert!(pass(1).is_whole("[{}, {}, {}]").is_ok());
        let cut = pass(1).is_whole("[{}, {}, {}, {}]").unwrap_err();
        assert_eq!(cut.to_string(), "3 of 4 mutants tried");
        assert!(pass(1).is_whole("").is_err());
    }

    #[test]
    fn what_the_second_pass_did_not_try_is_an_error() {
        let pass = |caught, timed_out, unviable, missed: &[&str]| Pass {
            caught,
            timed_out,
            unviable,
            missed: missed.iter().map(|&name| name.to_owned()).collect(),
        };
        let first = pass(9, 1, 5, &["a", "b", "c"]);
        let survivors = |second| first.survivors(second);
        assert_eq!(survivors(pass(1, 1, 1, &["c"])).unwrap(), ["c"]);
        assert!(survivors(pass(4, 0, 0, &[])).unwrap().is_empty());
        let none = survivors(Pass::default()).unwrap_err();
        assert_eq!(none.to_string(), "0 of 4 survivors tried again");
        assert!(survivors(pass(2, 0, 0, &["c"])).is_err());
    }
}
