//! What a run of Odoo's own tests says.

use std::collections::BTreeSet;

use anyhow::{Result, bail, ensure};

use crate::job::Job;

/// Reads the log of a run, where each test is a check; `least` tests must have run, none left out.
///
/// The exit status alone is not enough: with no test at all it is success.
pub(super) fn judge(job: &mut Job<'_>, log: &str, ended_well: bool, least: u64) {
    let started: BTreeSet<_> = messages(log).filter_map(started).collect();
    let failed: BTreeSet<_> = messages(log).filter_map(failed).collect();
    for test in &started {
        job.check(test, |_| {
            ensure!(!failed.contains(test), "see above");
            Ok(())
        });
    }
    job.check("no test of the addon is left out", |_| {
        match messages(log).find(|(_, text)| text.starts_with("skipped ")) {
            Some((_, text)) => bail!("{text}"),
            None => Ok(()),
        }
    });
    job.check("Odoo's result line says so too", |_| {
        ensure!(ended_well, "the run failed");
        let totals: Vec<_> = messages(log).filter_map(|(_, text)| total(text)).collect();
        let [(failed, tests)] = totals[..] else {
            bail!("{} result lines, expected one", totals.len());
        };
        agree(failed, tests, u64::try_from(started.len())?, least)
    });
}

fn agree(failed: u64, tests: u64, started: u64, least: u64) -> Result<()> {
    ensure!(failed == 0, "{failed} failed");
    ensure!(tests >= least, "{tests} tests, expected {least} or more");
    ensure!(
        tests == started,
        "{tests} tests, but {started} were started"
    );
    Ok(())
}

/// Logger and text of each line of a log, without time, process, level and database.
fn messages(log: &str) -> impl Iterator<Item = (&str, &str)> {
    log.lines().filter_map(|line| {
        let (head, text) = line.split_once(": ")?;
        let dated = head.starts_with(|first: char| first.is_ascii_digit());
        let logger = head.rsplit(' ').next().filter(|_| dated)?;
        Some((logger.trim_start_matches("odoo.addons."), text.trim_end()))
    })
}

/// The test that a message names, with the module that it is in.
fn started((logger, text): (&str, &str)) -> Option<String> {
    let name = text.strip_prefix("Starting ")?.strip_suffix(" ...")?;
    Some(format!("{logger}: {name}"))
}

fn failed((logger, text): (&str, &str)) -> Option<String> {
    let name = text
        .strip_prefix("FAIL: ")
        .or_else(|| text.strip_prefix("ERROR: "))?;
    let name = name.split(" (").next()?; // what follows tells a part of it
    Some(format!("{logger}: {name}"))
}

/// Failures and tests of the line at the end: `0 failed, 0 error(s) of 12 tests when loading database 'x'`.
fn total(text: &str) -> Option<(u64, u64)> {
    let (counts, _) = text.split_once(" tests when loading database")?;
    let (failed, rest) = counts.split_once(" failed, ")?;
    let (errors, tests) = rest.split_once(" error(s) of ")?;
    let errors: u64 = errors.parse().ok()?;
    Some((failed.parse::<u64>().ok()? + errors, tests.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::world::World;

    const HEAD: &str = "2026-11-23 19:00:00,000 7 INFO db odoo.addons.x.tests.test_a";

    fn log(lines: &[&str]) -> String {
        let line = |line: &&str| format!("{HEAD}: {line}\n");
        lines.iter().map(line).collect()
    }

    fn outcome(log: &str, ended_well: bool, least: u64) -> (u64, u64, String) {
        let world = World::new(Some(1)).unwrap();
        let mut job = Job::new(&world, "self-test", "verdict").unwrap();
        judge(&mut job, log, ended_well, least);
        (job.outcome.passed, job.outcome.failed, job.text())
    }

    const TWO: [&str; 3] = [
        "Starting TestA.test_one ...",
        "Starting TestA.test_two ...",
        "0 failed, 0 error(s) of 2 tests when loading database 'db'",
    ];

    #[test]
    fn a_whole_run_passes_and_a_failed_or_lost_test_does_not() {
        let (passed, failed, _) = outcome(&log(&TWO), true, 2);
        assert_eq!(
            (passed, failed),
            (4, 0),
            "each test beside the two on the whole"
        );

        let mut lines = TWO.to_vec();
        lines[2] = "1 failed, 0 error(s) of 2 tests when loading database 'db'";
        lines.insert(1, "FAIL: TestA.test_one (some subtest)");
        let (_, failed, text) = outcome(&log(&lines), false, 2);
        assert_eq!(failed, 2);
        assert!(
            text.contains("FAILED: x.tests.test_a: TestA.test_one"),
            "{text}"
        );

        let failures =
            |lines: &[&str], ended_well, least| outcome(&log(lines), ended_well, least).1;
        assert_eq!(failures(&TWO, true, 3), 1, "too few");
        assert_eq!(failures(&TWO[..2], true, 2), 1, "no result");
        assert_eq!(failures(&[], true, 1), 1, "nothing at all");
        assert_eq!(failures(&TWO, false, 1), 1, "it ended badly");
        let mut lines = TWO.to_vec();
        lines.insert(0, "skipped TestA.test_one : no browser");
        assert_eq!(failures(&lines, true, 2), 1, "one was left out");
        lines[0] = "Starting TestA.test_three ...";
        assert_eq!(failures(&lines, true, 2), 1, "one did not count");
    }
}
