//! The SQLite store passes the conformance suite, in each class that it has.

use otp_engine::{
    Store,
    store::conformance::{self, Options, Outcome, Report},
};
use otp_engine_sqlite::SqliteOptions;

#[path = "support/scratch.rs"]
mod scratch;

use scratch::Scratch;

fn passes(name: &str, options: &SqliteOptions) -> Report {
    let scratch = Scratch::new(name);
    let path = scratch.path("otp.sqlite3");
    let make = || Box::new(options.open(&path).expect("the file opens")) as Box<dyn Store>;
    let report = conformance::check(&make, &Options::new().slots(60).cells(800));
    assert!(report.passed(), "{report}");
    report
}

fn outcome<'a>(report: &'a Report, check: &str) -> &'a Outcome {
    let line = report.lines().iter().find(|line| line.name() == check);
    line.expect("the suite has this check").outcome()
}

#[test]
fn the_store_that_flushes_passes() {
    let report = passes("full", &SqliteOptions::new());
    assert!(matches!(
        outcome(&report, REFUSED),
        Outcome::NotApplicable(_)
    ));
    assert_eq!(outcome(&report, ROOM), &Outcome::Passed);
}

#[test]
fn the_store_that_may_lose_commits_passes_and_keeps_nothing_for_ever() {
    let report = passes(
        "normal",
        &SqliteOptions::new().may_lose_commits_on_power_loss(),
    );
    assert_eq!(outcome(&report, REFUSED), &Outcome::Passed);
    assert_eq!(outcome(&report, ROOM), &Outcome::Passed);
}

const REFUSED: &str = "a write that cannot be kept is refused whole";
const ROOM: &str = "a purge makes room";
