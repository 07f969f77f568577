//! Runs parts one after the other.

use std::io::{self, Write as _};
use std::process::Command;
use std::time::Instant;

use crate::command_line::{Output, Task};
use crate::job::{Figure, Job};
use crate::need;
use crate::part::{Check, Part, Step};
use crate::report::{Outcome, Report};
use crate::tally::{Ended, Tally};
use crate::world::World;

/// Variables and their values.
type Env<'a> = &'a [(&'a str, &'a str)];

/// Runs `parts` and tells the progress; the report is left to be printed.
pub(crate) fn run(world: &World, task: Task, parts: &[&Part], output: Output) -> Report {
    println!("cargo xtask {}, seed {}", task.name(), world.seed);
    let mut outcomes = Vec::new();
    for (number, part) in parts.iter().enumerate() {
        print!("[{}/{}] {} ... ", number + 1, parts.len(), part.name);
        let _ = io::stdout().flush();
        let outcome = run_part(world, task, part);
        println!("{}", outcome.line());
        for note in &outcome.notes {
            println!("      {note}");
        }
        if outcome.tally.failed > 0 || output == Output::OfAll {
            println!("{}", outcome.output);
        }
        outcomes.push(outcome);
    }
    Report::new(task, world, outcomes)
}

#[expect(
    clippy::disallowed_methods,
    reason = "measures the part, decides nothing"
)]
fn run_part(world: &World, task: Task, part: &Part) -> Outcome {
    let start = Instant::now();
    let mut outcome = match Job::new(world, &format!("{}-{}", task.name(), part.name)) {
        Ok(mut job) => {
            let tally = work(&mut job, part);
            Outcome {
                tally,
                output: job.text(),
                notes: job.notes,
                figures: job.figures,
                ..Outcome::new(part.name)
            }
        }
        Err(error) => Outcome {
            tally: Tally::FAILED,
            output: format!("no log could be made: {error}\n"),
            ..Outcome::new(part.name)
        },
    };
    outcome.took = start.elapsed();
    outcome
}

/// Installs what `part` needs and takes its steps.
fn work(job: &mut Job<'_>, part: &Part) -> Tally {
    if let Err(error) = need::install(job, part.needs) {
        job.say(format_args!("error: {error}"));
        return Tally::FAILED;
    }
    let mut tally = part.steps.iter().map(|step| take(job, step)).sum::<Tally>();
    tally.ignored += job.skipped;
    if tally.passed + tally.failed == 0 {
        job.say("error: this part checked nothing");
        return tally + Tally::FAILED;
    }
    tally
}

fn take(job: &mut Job<'_>, step: &Step) -> Tally {
    let taken = match step {
        Step::Command { line, env, code } => exit_code(job, line, env, *code),
        Step::Tests { line, env } => tests(job, line, env),
        Step::Checks(checks) => Ok(checks(job).iter().map(|check| count(job, check)).sum()),
    };
    taken.unwrap_or_else(|error| {
        job.say(format_args!("error: {error}"));
        Tally::FAILED
    })
}

fn exit_code(job: &mut Job<'_>, line: &str, env: Env<'_>, code: i32) -> Result<Tally, String> {
    let ran = job.run(&mut command(job.world, line, env))?;
    if ran.status.code() == Some(code) {
        Ok(Tally::PASSED)
    } else {
        Err(format!("{}, expected {code}", ran.status))
    }
}

fn tests(job: &mut Job<'_>, line: &str, env: Env<'_>) -> Result<Tally, String> {
    let ran = job.run(&mut command(job.world, line, env))?;
    let ended = match ran.succeeded() {
        Ok(()) => Ended::WithSuccess,
        Err(_) => Ended::WithFailure,
    };
    let (tally, wrong) = Tally::of_tests(&ran.output, ended);
    if let Some(wrong) = wrong {
        job.say(format_args!("error: {wrong}"));
    }
    let figures = ran.output.lines().filter_map(Figure::of_line);
    job.figures.extend(figures);
    Ok(tally)
}

fn count(job: &mut Job<'_>, check: &Check) -> Tally {
    match &check.found {
        Ok(()) => {
            job.say(format_args!("ok: {}", check.claim));
            Tally::PASSED
        }
        Err(found) => {
            job.say(format_args!("FAILED: {}: {found}", check.claim));
            Tally::FAILED
        }
    }
}

fn command(world: &World, line: &str, env: Env<'_>) -> Command {
    let mut words = line.split_whitespace();
    let mut command = world.command(words.next().unwrap_or_default());
    command.args(words).envs(env.iter().copied());
    command
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::part::Runs;

    fn ran(name: &'static str, steps: &'static [Step]) -> Outcome {
        let part = Part {
            name,
            about: "",
            runs: Runs::Always,
            needs: &[],
            steps,
        };
        run_part(&World::new(Some(1)), Task::Test, &part)
    }

    fn counts(outcome: &Outcome) -> (u64, u64) {
        (outcome.tally.passed, outcome.tally.failed)
    }

    /// A line that runs the script in `SCRIPT`: lines are split at spaces, scripts must not be.
    const SHELL: &str = "sh -c eval${IFS}\"$SCRIPT\"";

    const fn shell(env: Env<'static>, code: i32) -> Step {
        let line = SHELL;
        Step::Command { line, env, code }
    }

    const fn cases(env: Env<'static>) -> Step {
        let line = SHELL;
        Step::Tests { line, env }
    }

    #[test]
    fn a_command_passes_only_with_the_exit_code_that_is_expected() {
        const STEPS: &[Step] = &[
            shell(&[("SCRIPT", "exit 0")], 0),
            shell(&[("SCRIPT", "exit 2")], 2),
            shell(&[("SCRIPT", "exit 2")], 0),
            shell(&[("SCRIPT", "exit 0")], 2),
            shell(&[("SCRIPT", "kill -9 $$")], 0),
            Step::Command {
                line: "no-such-program-anywhere --help",
                env: &[],
                code: 0,
            },
        ];
        assert_eq!(counts(&ran("self-test-codes", STEPS)), (2, 4));
    }

    #[test]
    fn a_failing_step_does_not_stop_the_next() {
        const STEPS: &[Step] = &[
            shell(&[("SCRIPT", "exit 1")], 0),
            Step::Checks(|_| {
                vec![
                    Check::new("two is even", Ok(())),
                    Check::new("three is even", Err("it is odd".into())),
                ]
            }),
        ];
        let outcome = ran("self-test-goes-on", STEPS);
        assert_eq!(counts(&outcome), (1, 2));
        assert!(outcome.output.contains("FAILED: three is even: it is odd"));
    }

    #[test]
    fn a_part_that_checks_nothing_has_failed() {
        assert_eq!(counts(&ran("self-test-empty", &[])), (0, 1));
        let none = ran("self-test-no-checks", &[Step::Checks(|_| Vec::new())]);
        assert_eq!(counts(&none), (0, 1));
    }

    #[test]
    fn what_is_skipped_is_told_and_never_counts_as_passed() {
        let outcome = ran(
            "self-test-skip",
            &[
                Step::Checks(|job| {
                    job.skip("SKIPPED: there is no moon");
                    Vec::new()
                }),
                Step::Checks(|_| vec![Check::new("two is even", Ok(()))]),
            ],
        );
        assert_eq!(counts(&outcome), (1, 0));
        assert_eq!(outcome.tally.ignored, 1);
        assert_eq!(outcome.notes, ["SKIPPED: there is no moon"]);
    }

    #[test]
    fn test_cases_are_counted_and_their_lack_is_a_failure() {
        const LINE: &str = "echo 'test result: ok. 5 passed; 0 failed; 2 ignored; 0 measured'";
        const STEPS: &[Step] = &[cases(&[("SCRIPT", LINE)]), cases(&[("SCRIPT", "exit 0")])];
        assert_eq!(counts(&ran("self-test-cases", STEPS)), (5, 1));
    }

    #[test]
    fn tests_receive_the_seed_and_hand_back_figures() {
        const STEPS: &[Step] = &[cases(&[("SCRIPT", "echo figure: seed = $OTP_TEST_SEED")])];
        let outcome = ran("self-test-figures", STEPS);
        assert_eq!(outcome.figures[0].value, "1");
    }
}
