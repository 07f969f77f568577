//! What a run of Odoo's own tests says.

use core::fmt::{self, Display, Formatter};
use std::collections::BTreeSet;

use crate::part::Check;

/// Reads the log of a run, where each test is a check; `least` tests must have run, none left out.
///
/// The exit status alone is not enough: with no test at all it is success.
pub(super) fn of(log: &str, ended: Result<(), String>, least: u64) -> Vec<Check> {
    let started: BTreeSet<_> = messages(log).filter_map(started).collect();
    let failed: BTreeSet<_> = messages(log).filter_map(failed).collect();
    let mut checks: Vec<_> = started
        .iter()
        .map(|test| {
            let found = match failed.contains(test) {
                true => Err("see above".into()),
                false => Ok(()),
            };
            Check::new(test.to_string(), found)
        })
        .collect();
    let left_out = messages(log).find(|message| message.text.starts_with("skipped "));
    checks.push(Check::new(
        "no test of the addon is left out",
        left_out.map_or(Ok(()), |message| Err(message.text.into())),
    ));
    let totals: Vec<_> = messages(log).filter_map(|it| Total::of(it.text)).collect();
    let found = match (totals.as_slice(), ended) {
        ([total], Ok(())) => total.judge(started.len() as u64, least),
        ([_], Err(error)) => Err(error),
        (all, _) => Err(format!("{} result lines, expected one", all.len())),
    };
    checks.push(Check::new("Odoo's result line says so too", found));
    checks
}

/// A line of a log without time, process, level and database.
#[derive(Clone, Copy, Debug)]
struct Message<'a> {
    logger: &'a str,
    text: &'a str,
}

fn messages(log: &str) -> impl Iterator<Item = Message<'_>> {
    log.lines().filter_map(|line| {
        let (head, text) = line.split_once(": ")?;
        let dated = head.starts_with(|first: char| first.is_ascii_digit());
        let logger = head.rsplit(' ').next().filter(|_| dated)?;
        let text = text.trim_end();
        Some(Message { logger, text })
    })
}

/// A test, with the module that it is in.
#[derive(Debug, Eq, Ord, PartialEq, PartialOrd)]
struct Test<'a> {
    module: &'a str,
    name: &'a str,
}

impl Display for Test<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let module = self.module.strip_prefix("odoo.addons.");
        write!(f, "{}: {}", module.unwrap_or(self.module), self.name)
    }
}

fn started(Message { logger, text }: Message<'_>) -> Option<Test<'_>> {
    Some(Test {
        module: logger,
        name: text.strip_prefix("Starting ")?.strip_suffix(" ...")?,
    })
}

fn failed(Message { logger, text }: Message<'_>) -> Option<Test<'_>> {
    let name = text
        .strip_prefix("FAIL: ")
        .or_else(|| text.strip_prefix("ERROR: "))?;
    Some(Test {
        module: logger,
        name: name.split(" (").next()?, // what follows tells a part of it
    })
}

/// The line at the end: `0 failed, 0 error(s) of 12 tests when loading database 'x'`.
#[derive(Debug, Eq, PartialEq)]
struct Total {
    failed: u64,
    errors: u64,
    tests: u64,
}

impl Total {
    fn of(text: &str) -> Option<Self> {
        let (counts, _) = text.split_once(" tests when loading database")?;
        let (failed, rest) = counts.split_once(" failed, ")?;
        let (errors, tests) = rest.split_once(" error(s) of ")?;
        Some(Self {
            failed: failed.parse().ok()?,
            errors: errors.parse().ok()?,
            tests: tests.parse().ok()?,
        })
    }

    fn judge(&self, started: u64, least: u64) -> Result<(), String> {
        if self.failed + self.errors > 0 {
            Err(format!("{} failed, {} errors", self.failed, self.errors))
        } else if self.tests < least {
            Err(format!("{} tests, expected {least} or more", self.tests))
        } else if self.tests != started {
            Err(format!("{} tests, but {started} were started", self.tests))
        } else {
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str = "2026-11-23 19:00:00,000 7 INFO db odoo.addons.x.tests.test_a";

    fn log(lines: &[&str]) -> String {
        lines
            .iter()
            .map(|line| format!("{HEAD}: {line}\n"))
            .collect()
    }

    fn outcome(log: &str, ended: Result<(), String>, least: u64) -> (usize, usize) {
        let checks = of(log, ended, least);
        let failed = checks.iter().filter(|check| check.found.is_err()).count();
        (checks.len() - failed, failed)
    }

    const TWO: [&str; 3] = [
        "Starting TestA.test_one ...",
        "Starting TestA.test_two ...",
        "0 failed, 0 error(s) of 2 tests when loading database 'db'",
    ];

    #[test]
    fn each_test_is_a_check_beside_the_two_on_the_whole() {
        assert_eq!(outcome(&log(&TWO), Ok(()), 2), (4, 0));
    }

    #[test]
    fn a_failed_test_is_named() {
        let mut lines = TWO.to_vec();
        lines[2] = "1 failed, 0 error(s) of 2 tests when loading database 'db'";
        lines.insert(1, "FAIL: TestA.test_one (some subtest)");
        let checks = of(&log(&lines), Err("exit status: 1".into()), 2);
        let failed: Vec<_> = checks.iter().filter(|check| check.found.is_err()).collect();
        assert_eq!(failed[0].claim, "x.tests.test_a: TestA.test_one");
        assert_eq!(failed.len(), 2);
    }

    #[test]
    fn a_run_that_lost_tests_has_failed() {
        assert_eq!(outcome(&log(&TWO), Ok(()), 3).1, 1, "too few");
        assert_eq!(outcome(&log(&TWO[..2]), Ok(()), 2).1, 1, "no result");
        assert_eq!(outcome("", Ok(()), 1).1, 1, "nothing at all");
        let error = Err("exit status: 255".into());
        assert_eq!(outcome(&log(&TWO), error, 2).1, 1, "it ended badly");
        let mut lines = TWO.to_vec();
        lines.insert(0, "skipped TestA.test_one : no browser");
        assert_eq!(outcome(&log(&lines), Ok(()), 2).1, 1, "one was left out");
        lines[0] = "Starting TestA.test_three ...";
        assert_eq!(outcome(&log(&lines), Ok(()), 2).1, 1, "one did not count");
    }
}
