//! Runs of pytest, whose tests are checks.

use std::process::Command;
use std::thread;

use crate::job::{Figure, Job};
use crate::part::Check;

/// Runs `command`, a pytest with `-rA`; each test is a check, and one must pass.
pub(crate) fn checks(job: &mut Job<'_>, command: &mut Command) -> Vec<Check> {
    match job.run(command) {
        Ok(ran) => {
            job.figures.extend(figures(&ran.output));
            judged(cases(&ran.output), ran.succeeded())
        }
        Err(error) => vec![Check::new("pytest runs", Err(error))],
    }
}

/// As [`checks`], of several at once: they wait more than they work.
pub(crate) fn checks_at_once(job: &mut Job<'_>, commands: Vec<Command>) -> Vec<Check> {
    let outputs: Vec<_> = thread::scope(|scope| {
        let running: Vec<_> = commands
            .into_iter()
            .map(|mut command| scope.spawn(move || command.output()))
            .collect();
        running.into_iter().map(|one| one.join()).collect()
    });
    let mut checks = Vec::new();
    for output in outputs {
        match output {
            Ok(Ok(output)) => {
                let text = String::from_utf8_lossy(&output.stdout);
                job.say(&text);
                job.figures.extend(figures(&text));
                job.say(String::from_utf8_lossy(&output.stderr));
                let ended = match output.status.success() {
                    true => Ok(()),
                    false => Err(output.status.to_string()),
                };
                checks.extend(judged(cases(&text), ended));
            }
            Ok(Err(error)) => checks.push(Check::new("pytest runs", Err(error.to_string()))),
            Err(_) => checks.push(Check::new("pytest runs", Err("its thread panicked".into()))),
        }
    }
    checks
}

/// Reads the figures that tests printed, which `-rA` shows of those that pass too.
fn figures(output: &str) -> impl Iterator<Item = Figure> {
    output.lines().filter_map(Figure::of_line)
}

fn judged(mut cases: Vec<Check>, ended: Result<(), String>) -> Vec<Check> {
    let lacks = cases.iter().all(|case| case.found.is_err());
    let failed = cases.iter().any(|case| case.found.is_err());
    if lacks {
        cases.push(Check::new("a Python test passes", Err("none did".into())));
    } else if let (Err(error), false) = (ended, failed) {
        cases.push(Check::new("pytest ends well", Err(error)));
    }
    cases
}

/// Reads the lines of `pytest -rA`, such as `PASSED tests/test_x.py::test_y`.
fn cases(output: &str) -> Vec<Check> {
    let case = |line: &str| {
        let (outcome, name) = line.split_once(' ')?;
        // A line of a log that a test wrote is padded: `ERROR    sending:sending.py:59 ..`.
        let is_test = name.contains(".py") && !name.starts_with(' ');
        let name = is_test.then_some(name)?;
        match outcome {
            "PASSED" => Some(Check::new(name, Ok(()))),
            "FAILED" | "ERROR" => Some(Check::new(name, Err("see above".into()))),
            _ => None, // one that is left out, or no outcome
        }
    };
    output.lines().filter_map(case).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_test_that_pytest_names_is_a_check() {
        let output = "PASSED bindings/python/tests/test_a.py::test_one[x y]\n\
                      FAILED bindings/python/tests/test_a.py::test_two - assert 1 == 2\n\
                      ERROR bindings/python/tests/test_b.py\n\
                      ERROR    sending:sending.py:59 the answer of a gateway was lost\n\
                      SKIPPED [1] tests/test_c.py:7: there is no fork here\n\
                      3 passed in 1s\n\
                      PASSED";
        let found: Vec<_> = cases(output)
            .iter()
            .map(|case| case.found.is_ok())
            .collect();
        assert_eq!(found, [true, false, false]);
        assert!(cases("no tests ran in 0.01s").is_empty());
    }

    #[test]
    fn a_run_without_a_passing_test_or_a_good_end_has_failed() {
        let pass = || vec![Check::new("a", Ok(()))];
        let failures = |checks: &[Check]| checks.iter().filter(|it| it.found.is_err()).count();
        assert_eq!(failures(&judged(pass(), Ok(()))), 0);
        assert_eq!(failures(&judged(pass(), Err("exit status: 2".into()))), 1);
        assert_eq!(failures(&judged(Vec::new(), Ok(()))), 1);
    }
}
