//! The store passes the conformance suite; stores that forget the versions, or the transaction,
//! fail in it on the same server.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use otp_engine::store::{
    Store,
    conformance::{self, Options, Outcome, Report},
};
use otp_engine_postgres::{PostgresOptions, PostgresStore};
use otp_engine_servers::PostgresServer;

#[path = "conformance/naive.rs"]
mod naive;

use naive::{Fault, Naive};

#[track_caller]
fn passes(make: &dyn Fn() -> Box<dyn Store>, options: &Options, not_applicable: &[&str]) {
    let report = conformance::check(make, options);
    assert!(report.passed(), "{report}");
    for line in report.lines() {
        let is_applied = *line.outcome() == Outcome::Passed;
        let is_named = not_applicable.contains(&line.name());
        assert!(is_applied != is_named, "{line}");
    }
}

#[test]
fn the_store_passes() {
    let server = PostgresServer::start();
    PostgresStore::migrate(&server.url()).unwrap();
    let make = || Box::new(PostgresStore::open(&server.url()).unwrap()) as Box<dyn Store>;
    passes(&make, &Options::new(), &[REFUSED_WHOLE, FULL]);
}

#[test]
fn the_store_that_answers_before_the_flush_passes_and_refuses_what_is_for_ever() {
    let server = PostgresServer::start();
    let options = PostgresOptions::new()
        .schema("soon")
        .may_lose_commits_on_crash();
    options.migrate(&server.url()).unwrap();
    let make = || Box::new(options.open(&server.url()).unwrap()) as Box<dyn Store>;
    passes(&make, &small(), &[FULL]);
}

/// Real disks fill slowly: a trigger reports at 1,500 cells what PostgreSQL would.
#[test]
fn the_store_passes_when_the_disk_is_full() {
    let server = PostgresServer::start();
    let mut schemas = Vec::new();
    // One for each check, as each fills it anew.
    for number in 0..20 {
        let name = format!("full_{number}");
        PostgresOptions::new()
            .schema(&name)
            .migrate(&server.url())
            .unwrap();
        naive::fill_at(&server.url(), &name, 1_500);
        schemas.push(name);
    }
    let schemas = std::sync::Mutex::new(schemas);
    let make = || {
        let name = schemas.lock().unwrap().pop().unwrap();
        let options = PostgresOptions::new().schema(name);
        Box::new(options.open(&server.url()).unwrap()) as Box<dyn Store>
    };
    passes(&make, &Options::new().slots(20), &[REFUSED_WHOLE]);
}

#[test]
fn naive_stores_on_the_same_server_are_caught() {
    let server = PostgresServer::start();
    PostgresStore::migrate(&server.url()).unwrap();
    for (fault, by) in [
        (Fault::Blind, &[EVERY_POSITION, STORM][..]),
        (Fault::Cellwise, &[EVERY_POSITION, STORM]),
        (Fault::ReadThenWrite, &[STORM]),
    ] {
        let make = || Box::new(Naive::open(&server.url(), fault)) as Box<dyn Store>;
        let report = conformance::check(&make, &small());
        // Nothing else is wrong with it: it works as long as nobody else is there.
        for check in ALONE {
            let outcome = outcome(&report, check);
            assert_eq!(*outcome, Outcome::Passed, "{fault:?}\n{report}");
        }
        for check in by {
            match outcome(&report, check) {
                Outcome::Failed(why)
                    if !why.contains("panicked") && !why.contains("no outcome") => {}
                _ => panic!("{fault:?} passed {check:?}\n{report}"),
            }
        }
    }
}

fn outcome<'a>(report: &'a Report, check: &str) -> &'a Outcome {
    let line = report.lines().iter().find(|line| line.name() == check);
    line.unwrap_or_else(|| panic!("there is no check {check:?}"))
        .outcome()
}

fn small() -> Options {
    Options::new().slots(30).cells(100)
}

const REFUSED_WHOLE: &str = "a write that cannot be kept is refused whole";
const EVERY_POSITION: &str = "a conflict at any position changes nothing";
const ALONE: [&str; 4] = [
    "cells come back in the order of their keys",
    "bodies come back byte for byte",
    "discard_after comes back as it was written",
    "versions count from one",
];
const STORM: &str = "a storm of guesses is counted exactly";
const FULL: &str = "a full store refuses whole commits and keeps what it has";
