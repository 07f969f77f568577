//! Stores on the same server with one fault each: what a trial lets pass of these it does not see.

use core::fmt;
use std::{sync::Mutex, thread};

use otp_engine::{
    Timestamp,
    store::{Cell, Class, Commit, Error, Key, Store, Version, Write, has_twice_one_key},
};
use otp_store_tests::{Options, Outcome, Report};

use crate::PATIENCE;

/// What is wrong with a store.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "for tests alone")]
pub enum Flaw {
    /// All cells in one transaction, and no versions compared.
    Blind,
    /// Each cell compared and written correctly, each in a transaction of its own.
    Cellwise,
    /// All versions read and compared, then all cells written, in one transaction.
    ReadThenWrite,
}

impl Flaw {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Blind, Self::Cellwise, Self::ReadThenWrite];

    /// Returns the flaw that is written so.
    #[must_use]
    pub fn named(name: &str) -> Self {
        let is = |flaw: &Self| format!("{flaw:?}") == name;
        Self::ALL.into_iter().find(is).unwrap()
    }
}

/// A store that reads as a sound one does, and commits with a flaw.
pub struct Naive {
    store: Box<dyn Store>,
    overwrite: Box<Overwrite>,
    flaw: Flaw,
}

type Overwrite = dyn Fn(&[Write<'_>]) + Send + Sync;

impl Naive {
    /// Makes a flawed store of a sound one, and of a way to write cells whatever was there: all
    /// in one transaction, each with the version that follows the expected one. Each thread that
    /// comes has a connection to itself.
    #[must_use]
    pub fn new<C: Send + 'static>(
        store: Box<dyn Store>,
        connect: impl Fn() -> C + Send + Sync + 'static,
        overwrite: impl Fn(&mut C, &[Write<'_>]) + Send + Sync + 'static,
        flaw: Flaw,
    ) -> Self {
        let idle = Mutex::new(Vec::new());
        let overwrite = move |writes: &[Write<'_>]| {
            let last = idle.lock().unwrap().pop();
            let mut connection = last.unwrap_or_else(&connect);
            overwrite(&mut connection, writes);
            idle.lock().unwrap().push(connection);
        };
        Self {
            store,
            overwrite: Box::new(overwrite),
            flaw,
        }
    }

    fn is_as_expected(&self, writes: &[Write<'_>]) -> Result<bool, Error> {
        let keys: Vec<_> = writes.iter().map(|write| write.key).collect();
        let mut cells = Vec::new();
        self.load(&keys, &mut cells)?;
        let version = |cell: &Option<Cell>| cell.as_ref().map_or(Version::ABSENT, Cell::version);
        let mut both = writes.iter().zip(&cells);
        Ok(both.all(|(write, cell)| version(cell) == write.expected))
    }

    /// Waits until somebody else has changed the cell; a while only, for there may be nobody.
    fn let_others_come_before(&self, write: &Write<'_>) -> Result<(), Error> {
        for _ in 0..20 {
            if !self.is_as_expected(&[*write])? {
                break;
            }
            thread::yield_now();
        }
        Ok(())
    }
}

impl Store for Naive {
    fn load(&self, keys: &[Key], cells: &mut Vec<Option<Cell>>) -> Result<(), Error> {
        self.store.load(keys, cells)
    }

    fn commit(&self, writes: &[Write<'_>], now: Timestamp) -> Result<Commit, Error> {
        let is_refused =
            |write: &Write<'_>| write.discard_after.is_none() && self.class() != Class::Permanent;
        if has_twice_one_key(writes) || writes.iter().any(is_refused) {
            return Err(Error::Unsupported);
        }
        match self.flaw {
            Flaw::Cellwise => {
                for (at, write) in writes.iter().enumerate() {
                    if at > 0 {
                        self.let_others_come_before(write)?;
                    }
                    if self.store.commit(&[*write], now)? == Commit::Conflict {
                        return Ok(Commit::Conflict);
                    }
                }
            }
            Flaw::ReadThenWrite if !self.is_as_expected(writes)? => return Ok(Commit::Conflict),
            Flaw::Blind | Flaw::ReadThenWrite => (self.overwrite)(writes),
        }
        Ok(Commit::Done)
    }

    fn purge(&self, now: Timestamp, limit: usize) -> Result<usize, Error> {
        self.store.purge(now, limit)
    }

    fn class(&self) -> Class {
        self.store.class()
    }
}

impl fmt::Debug for Naive {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Naive")
            .field("flaw", &self.flaw)
            .finish_non_exhaustive()
    }
}

/// Shows that the conformance suite fails each flawed store, for the flaw and for nothing else.
pub fn are_caught(open: &dyn Fn(Flaw) -> Box<dyn Store>) {
    for (flaw, by) in [
        (Flaw::Blind, &[EVERY_POSITION, STORM][..]),
        (Flaw::Cellwise, &[EVERY_POSITION, STORM]),
        (Flaw::ReadThenWrite, &[STORM]),
    ] {
        // Each with a seed of its own: they are on the same server.
        let report = || {
            let options = Options::new().slots(30).cells(100).patience(2 * PATIENCE);
            let report = otp_store_tests::check(&|| open(flaw), &options);
            // Nothing else is wrong with it: it works as long as nobody else is there.
            for check in ALONE {
                let outcome = outcome(&report, check);
                assert_eq!(*outcome, Outcome::Passed, "{flaw:?}\n{report}");
            }
            report
        };
        // It takes two that meet: what one run passes by, another finds.
        let is_caught = |_| {
            let report = report();
            by.iter().all(|check| {
                matches!(outcome(&report, check), Outcome::Failed(why)
                    if !why.contains("panicked") && !why.contains("no outcome"))
            })
        };
        assert!(
            (0..RUNS).any(is_caught),
            "{flaw:?} passed {by:?}\n{}",
            report()
        );
    }
}

/// Returns what came of a check.
#[must_use]
pub fn outcome<'a>(report: &'a Report, check: &str) -> &'a Outcome {
    let line = report.lines().iter().find(|line| line.name() == check);
    line.unwrap_or_else(|| panic!("there is no check {check:?}"))
        .outcome()
}

/// Shows that a store passes the suite, but for the checks that do not apply to it.
pub fn passes(make: &dyn Fn() -> Box<dyn Store>, options: &Options, not_applicable: &[&str]) {
    let options = options.clone().patience(2 * PATIENCE);
    let report = otp_store_tests::check(make, &options);
    assert!(report.passed(), "{report}");
    for line in report.lines() {
        let is_applied = *line.outcome() == Outcome::Passed;
        let is_named = not_applicable.contains(&line.name());
        assert!(is_applied != is_named, "{line}");
    }
}

/// In how many runs of the suite a flaw must be found.
const RUNS: u32 = 20;
const ALONE: [&str; 4] = [
    "cells come back in the order of their keys",
    "bodies come back byte for byte",
    "discard_after comes back as it was written",
    "versions count from one",
];
const EVERY_POSITION: &str = "a conflict at any position changes nothing";
const STORM: &str = "a storm of guesses is counted exactly";
