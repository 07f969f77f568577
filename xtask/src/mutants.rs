//! Mutation testing of the decision modules: a changed line must make some test fail.

use std::fs;
use std::path::Path;

use crate::dependencies::CORE;
use crate::job::Job;
use crate::modules;
use crate::part::Check;

/// How many of the mutants that compile must be caught, in percent.
const GOAL: usize = 95;

/// Tests that take seconds without optimisation: with them the run would take ten hours in place of
/// one and a half. A mutant that they alone would catch counts as a survivor.
const SLOW: &[&str] = &[
    "case_84_any_byte",
    "codes_are_uniform",
    "every_character_is",
    "every_planted_flaw",
    "image",
    "interleavings",
    "mac::tests",
    "the_engine_answers_as_the_specification_says",
    "wycheproof",
];

/// Mutates the modules; survivors are listed even when the goal is met.
pub(crate) fn checks(job: &mut Job<'_>) -> Vec<Check> {
    let modules = match modules::decision_modules(&job.world.root) {
        Ok(modules) => modules,
        Err(error) => return vec![Check::new("the decision modules exist", Err(error))],
    };
    let home = job.world.own("mutants");
    let results = home.join("mutants.out");
    let mut command = job.world.command("cargo");
    command.args([
        "mutants",
        "--package",
        CORE,
        "--all-features",
        "--no-shuffle",
        "--jobs",
        "1",
        "--timeout",
        "200",
    ]);
    // A changed line is built within seconds so, and most mutants die in the first test programs.
    command
        .env("CARGO_PROFILE_TEST_OPT_LEVEL", "0")
        .env("CARGO_INCREMENTAL", "1");
    command.arg("--output").arg(&home);
    for module in &modules {
        command.args(["--file", module]);
    }
    command.args(["--", "--lib", "--tests", "--"]);
    for name in SLOW {
        command.args(["--skip", name]);
    }
    // Of an earlier run: they would be taken for this one's if the tool failed at its start.
    let cleared = if results.exists() {
        fs::remove_dir_all(&results)
    } else {
        Ok(())
    };
    let found = cleared
        .and_then(|()| fs::create_dir_all(&home))
        .map_err(|error| error.to_string())
        .and_then(|()| job.run(&mut command))
        // The exit code tells survivors (2) from time-outs (3); the lists tell both.
        .and_then(|_| Mutants::read(&results));
    let claim = format!("at least {GOAL} % of the mutants that compile are caught");
    match found {
        Ok(mutants) => {
            for survivor in &mutants.missed {
                job.note(format!("survived: {survivor}"));
            }
            let (caught, viable) = (mutants.caught, mutants.viable());
            job.figure(
                "mutants of the decision modules caught",
                format!("{caught} of {viable}"),
            );
            vec![Check::new(claim, mutants.judge())]
        }
        Err(error) => vec![Check::new(claim, Err(error))],
    }
}

/// What became of the mutants that compiled.
#[derive(Debug)]
struct Mutants {
    /// A test failed, or hung.
    caught: usize,
    missed: Vec<String>,
}

impl Mutants {
    /// Reads the lists that cargo-mutants leaves in `folder`.
    fn read(folder: &Path) -> Result<Self, String> {
        let lines = |name: &str| {
            let text = fs::read_to_string(folder.join(name));
            let text = text.map_err(|error| format!("{name}: {error}"))?;
            Ok::<_, String>(text.lines().map(str::to_owned).collect::<Vec<_>>())
        };
        Ok(Self {
            caught: lines("caught.txt")?.len() + lines("timeout.txt")?.len(),
            missed: lines("missed.txt")?,
        })
    }

    fn viable(&self) -> usize {
        self.caught + self.missed.len()
    }

    fn judge(&self) -> Result<(), String> {
        let (caught, viable) = (self.caught, self.viable());
        if viable == 0 {
            return Err("no mutant was tested".into());
        }
        if caught * 100 < viable * GOAL {
            return Err(format!("{caught} of {viable}"));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_goal_is_met_at_its_bound_not_below() {
        let judge = |caught, missed: usize| {
            let missed = vec![String::new(); missed];
            Mutants { caught, missed }.judge()
        };
        assert_eq!(judge(95, 5), Ok(()));
        assert_eq!(judge(94, 6), Err("94 of 100".into()));
        assert_eq!(judge(1, 0), Ok(()));
        assert!(judge(0, 0).is_err());
        assert!(judge(0, 3).is_err());
    }

    #[test]
    fn without_its_lists_a_run_is_an_error() {
        assert!(Mutants::read(Path::new("no/such/folder")).is_err());
    }
}
