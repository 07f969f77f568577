//! The store passes the conformance suite; stores that forget the versions, or that compare apart
//! from writing, fail in it on the same server.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use otp_engine::store::{
    Store,
    conformance::{self, Options, Outcome, Report},
};
use otp_engine_redis::RedisStore;
use otp_engine_servers::RedisServer;

#[path = "conformance/naive.rs"]
mod naive;

use naive::{Fault, Naive};

#[test]
fn the_store_passes() {
    let server = RedisServer::start();
    let make = || Box::new(RedisStore::open(&server.url()).unwrap()) as Box<dyn Store>;
    let report = conformance::check(&make, &Options::new());
    assert!(report.passed(), "{report}");
    for line in report.lines() {
        let is_applied = *line.outcome() == Outcome::Passed;
        let is_named = [MAKES_ROOM, FULL].contains(&line.name());
        assert!(is_applied != is_named, "{line}");
    }
}

#[test]
fn naive_stores_on_the_same_server_are_caught() {
    let server = RedisServer::start();
    for (fault, by) in [
        (Fault::Blind, &[EVERY_POSITION, STORM][..]),
        (Fault::Cellwise, &[EVERY_POSITION, STORM]),
        (Fault::GetThenSet, &[STORM]),
    ] {
        let make = || Box::new(Naive::open(&server.url(), fault)) as Box<dyn Store>;
        let report = conformance::check(&make, &Options::new().slots(30).cells(100));
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

const ALONE: [&str; 4] = [
    "cells come back in the order of their keys",
    "bodies come back byte for byte",
    "discard_after comes back as it was written",
    "versions count from one",
];
const EVERY_POSITION: &str = "a conflict at any position changes nothing";
const STORM: &str = "a storm of guesses is counted exactly";
const MAKES_ROOM: &str = "a purge makes room";
const FULL: &str = "a full store refuses whole commits and keeps what it has";
