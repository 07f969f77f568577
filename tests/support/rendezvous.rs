//! A store at which all callers meet: each has loaded before the first one commits, so that every
//! race there can be takes place, and nothing is left to the scheduler.

use core::sync::atomic::{AtomicUsize, Ordering};
use std::collections::HashMap;
use std::sync::{Barrier, Mutex};
use std::thread::{self, ThreadId};

use otp_engine::store::{Cell, Class, Commit, Error, Key, Write};
use otp_engine::{Store, Timestamp};

/// Counts rounds of callers, and lets them meet after their first load.
pub(crate) struct Rendezvous<'a> {
    inner: &'a dyn Store,
    /// Where the callers meet; `None` lets them run freely.
    barrier: Option<Barrier>,
    rounds: Mutex<HashMap<ThreadId, usize>>,
    done: AtomicUsize,
    conflicts: AtomicUsize,
}

impl<'a> Rendezvous<'a> {
    /// For so many threads, each with one call.
    pub(crate) fn of(inner: &'a dyn Store, callers: usize) -> Self {
        Self {
            barrier: Some(Barrier::new(callers)),
            ..Self::free(inner)
        }
    }

    /// Nobody waits for anybody.
    pub(crate) fn free(inner: &'a dyn Store) -> Self {
        Self {
            inner,
            barrier: None,
            rounds: Mutex::default(),
            done: AtomicUsize::new(0),
            conflicts: AtomicUsize::new(0),
        }
    }

    /// The most loads that one call needed.
    pub(crate) fn rounds(&self) -> usize {
        self.rounds
            .lock()
            .unwrap()
            .values()
            .copied()
            .max()
            .unwrap_or(0)
    }

    /// The number of commits that were `Done`, and of those that were not.
    pub(crate) fn commits(&self) -> (usize, usize) {
        (
            self.done.load(Ordering::SeqCst),
            self.conflicts.load(Ordering::SeqCst),
        )
    }
}

impl Store for Rendezvous<'_> {
    fn load(&self, keys: &[Key], cells: &mut Vec<Option<Cell>>) -> Result<(), Error> {
        self.inner.load(keys, cells)?;
        let round = {
            let mut rounds = self.rounds.lock().unwrap();
            let round = rounds.entry(thread::current().id()).or_default();
            *round += 1;
            *round
        };
        if let (1, Some(barrier)) = (round, &self.barrier) {
            barrier.wait();
        }
        Ok(())
    }

    fn commit(&self, writes: &[Write<'_>], now: Timestamp) -> Result<Commit, Error> {
        let commit = self.inner.commit(writes, now)?;
        let count = match commit {
            Commit::Done => &self.done,
            Commit::Conflict => &self.conflicts,
        };
        count.fetch_add(1, Ordering::SeqCst);
        Ok(commit)
    }

    fn purge(&self, now: Timestamp, limit: usize) -> Result<usize, Error> {
        self.inner.purge(now, limit)
    }

    fn class(&self) -> Class {
        self.inner.class()
    }
}
