//! Stores that are awaited go through the conformance suite, and naive ones fail in it.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use core::future::Future;
use core::ops::Deref;
use core::pin::Pin;

use otp_engine::store::{Cell, Class, Commit, Error, Key, Write};
use otp_engine::{AsyncStore, MemoryStore, Store, Timestamp};
use otp_store_tests::{Blocking, Options, Outcome, Report};

use broken::{Naive, Shelf};
use by_hand::{block_on, pending, poll};
use ledger::{Flaw, Ledger, Pauses};

#[allow(dead_code, reason = "the tools are shared, and this file uses a part")]
#[path = "memory/broken.rs"]
mod broken;
#[allow(dead_code, reason = "the tools are shared, and this file uses a part")]
#[path = "../../../tests/concurrency/asynchronous/by_hand.rs"]
mod by_hand;
#[allow(dead_code, reason = "the tools are shared, and this file uses a part")]
#[path = "../../../tests/concurrency/asynchronous/ledger.rs"]
mod ledger;

/// What blocks in these tests.
fn wait(future: Pin<&mut (dyn Future<Output = ()> + Send + '_)>) {
    block_on(future);
}

fn small() -> Options {
    Options::new().slots(40).cells(400)
}

fn check<S: AsyncStore + 'static>(make: impl Fn() -> S) -> Report {
    otp_store_tests::check(&|| Box::new(Blocking::new(make(), wait)), &small())
}

fn pausing() -> Pauses {
    Pauses {
        load: 1,
        before: 2,
        after: 1,
    }
}

#[test]
fn the_memory_store_passes_when_it_is_awaited() {
    for report in [
        check(MemoryStore::new),
        check(MemoryStore::keeping_records_until_exit),
        check(|| MemoryStore::with_capacity_limit(1_501)),
    ] {
        assert!(report.passed(), "{report}");
    }
}

#[test]
fn the_bridge_passes_on_what_its_store_answers() {
    let report = check(|| Awaited(Box::new(Shelf::new(Naive::Sound))));
    assert!(report.passed(), "{report}");
    for (naive, by) in [
        (
            Naive::OwnOrder,
            "cells come back in the order of their keys",
        ),
        (Naive::LastWins, "two writes to one key are refused"),
        (
            Naive::ReadThenWrite,
            "a storm of guesses is counted exactly",
        ),
        (Naive::PurgesAll, "a purge keeps to its limit"),
    ] {
        caught(&check(|| Awaited(Box::new(Shelf::new(naive)))), by);
    }
}

/// These are sound for callers that are asked one after the other and never dropped in between.
#[test]
fn a_store_that_awaits_in_the_middle_of_a_commit_is_caught() {
    let ledger = |flaw| check(|| Ledger::new(Class::Permanent).pausing(pausing()).with(flaw));
    caught(
        &ledger(Flaw::Halves),
        "a conflict at any position changes nothing",
    );
    caught(&ledger(Flaw::AnswersFirst), "versions count from one");
}

#[track_caller]
fn caught(report: &Report, by: &str) {
    let line = report.lines().iter().find(|line| line.name() == by);
    let outcome = line.expect("there is such a check").outcome();
    assert!(matches!(outcome, Outcome::Failed(_)), "{by}\n{report}");
}

#[test]
fn a_runtime_that_leaves_a_future_is_an_error_of_each_call() {
    let now = Timestamp::from_unix(1_715_767_200);
    let ledger = Ledger::new(Class::Permanent).pausing(pausing());
    let left = Blocking::new(ledger, |future| assert!(poll(future).is_pending()));
    let mut cells = Vec::new();
    let loaded = left.load(&[Key::from_bytes([7; 32])], &mut cells);
    assert!(
        matches!(loaded, Err(Error::Unavailable(Some(_)))),
        "{loaded:?}"
    );
    let committed = left.commit(&[], now);
    assert!(
        matches!(committed, Err(Error::Unknown(Some(_)))),
        "{committed:?}"
    );
    let purged = left.purge(now, 1);
    assert!(
        matches!(purged, Err(Error::Unavailable(Some(_)))),
        "{purged:?}"
    );
    assert_eq!(Store::class(left.store()), Class::Permanent);
}

/// A store that blocks, behind futures that are not ready at once.
struct Awaited<D>(D);

impl<D> AsyncStore for Awaited<D>
where
    D: Deref + Send + Sync,
    D::Target: Store,
{
    async fn load(&self, keys: &[Key]) -> Result<Vec<Option<Cell>>, Error> {
        pending(1).await;
        let mut cells = Vec::new();
        self.0.load(keys, &mut cells)?;
        Ok(cells)
    }

    async fn commit(&self, writes: &[Write<'_>], now: Timestamp) -> Result<Commit, Error> {
        pending(1).await;
        self.0.commit(writes, now)
    }

    async fn purge(&self, now: Timestamp, limit: usize) -> Result<usize, Error> {
        pending(1).await;
        self.0.purge(now, limit)
    }

    fn class(&self) -> Class {
        self.0.class()
    }

    async fn has_cells(&self) -> Result<Option<bool>, Error> {
        pending(1).await;
        self.0.has_cells()
    }
}
