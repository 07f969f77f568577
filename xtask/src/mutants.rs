//! Mutation testing of the decision modules: a changed line must make some test fail.

use anyhow::{Result, ensure};
use xshell::{Shell, cmd};

use crate::coverage;
use crate::dependencies::CORE;
use crate::job::Job;

/// How many of the mutants that compile must be caught, in percent.
const GOAL: usize = 95;

/// Mutates the modules, as `.cargo/mutants.toml` says; survivors are listed even when the goal is met.
pub(crate) fn checks(job: &mut Job<'_>) {
    job.check("enough of the mutants that compile are caught", |job| {
        coverage::decision_modules(job.world)?;
        let (sh, home) = (job.sh(), job.world.own("mutants"));
        // Of an earlier run: they would be taken for this one's if the tool failed at its start.
        sh.remove_path(&home)?;
        sh.create_dir(&home)?;
        let mutants = cmd!(
            sh,
            "cargo mutants --package {CORE} --no-shuffle --jobs 1 --timeout 200 --output {home}"
        );
        // A changed line is built within seconds so, and most mutants die in the first test programs.
        let mutants = mutants
            .env("CARGO_PROFILE_TEST_OPT_LEVEL", "0")
            .env("CARGO_INCREMENTAL", "1")
            .env_remove("CARGO_TARGET_DIR"); // that of its copy of the sources is its own
        // The exit code tells survivors (2) from time-outs (3); the lists tell both.
        job.run(mutants)?;
        let list = |name| lines(sh, &home.join("mutants.out").join(name));
        let caught = list("caught.txt")?.len() + list("timeout.txt")?.len();
        let missed = list("missed.txt")?;
        for survivor in &missed {
            job.note(format!("survived: {survivor}"));
        }
        let viable = caught + missed.len();
        job.figure(
            "mutants of the decision modules caught",
            format!("{caught} of {viable}"),
        );
        judge(caught, viable)
    });
}

/// The lines of a list that cargo-mutants leaves.
fn lines(sh: &Shell, list: &std::path::Path) -> Result<Vec<String>> {
    Ok(sh.read_file(list)?.lines().map(str::to_owned).collect())
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
        assert!(lines(&Shell::new().unwrap(), "no/such/list".as_ref()).is_err());
    }
}
