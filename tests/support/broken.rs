//! Planted stores: each breaks the contract in one way that looks harmless, and must be condemned.
//!
//! Where a fault needs two callers at one time, the store holds the first one back until the
//! second has come, so that it shows in every run.

use core::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::collections::BTreeMap;
use std::sync::Mutex;
use std::thread;

use otp_engine::store::{Cell, Class, Commit, Error, Key, Version, Write};
use otp_engine::{Store, Timestamp};

/// What is wrong with a store.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Flaw {
    /// All cells in one transaction, their versions not compared.
    Blind,
    /// Versions compared in one step, cells written in another.
    ReadThenWrite,
    /// Each cell compared and written by itself, no common transaction.
    Cellwise,
    /// `Done` for what was not kept.
    Forgetful,
}

/// A store with a flaw.
pub(crate) struct Naive {
    flaw: Flaw,
    cells: Mutex<BTreeMap<Key, Cell>>,
    /// Commits that passed their comparison, by the first cell that they write.
    compared: Mutex<BTreeMap<Key, usize>>,
    /// How many of them come together.
    together: AtomicUsize,
    /// The next commit to write its first cell waits before the second.
    waits: AtomicBool,
    armed: AtomicBool,
}

impl Naive {
    pub(crate) fn new(flaw: Flaw) -> Self {
        Self {
            flaw,
            cells: Mutex::default(),
            compared: Mutex::default(),
            together: AtomicUsize::new(0),
            waits: AtomicBool::new(false),
            armed: AtomicBool::new(false),
        }
    }

    /// From now on the flaw is at work; before, the store is sound. So many callers loaded a slot
    /// at the same time and are about to write it.
    pub(crate) fn arm(&self, together: usize) {
        self.waits.store(true, Ordering::SeqCst);
        self.together.store(together, Ordering::SeqCst);
        self.armed.store(true, Ordering::SeqCst);
    }

    /// The flaw rests, and what was kept can be looked at.
    pub(crate) fn disarm(&self) {
        self.armed.store(false, Ordering::SeqCst);
    }

    fn version(cells: &BTreeMap<Key, Cell>, key: &Key) -> Version {
        cells.get(key).map_or(Version::ABSENT, Cell::version)
    }

    fn fits(cells: &BTreeMap<Key, Cell>, writes: &[Write<'_>]) -> bool {
        writes
            .iter()
            .all(|write| Self::version(cells, &write.key) == write.expected)
    }

    fn put(cells: &mut BTreeMap<Key, Cell>, writes: &[Write<'_>]) {
        for write in writes {
            let version = Self::version(cells, &write.key).next();
            cells.insert(
                write.key,
                Cell::new(version, write.discard_after, write.body),
            );
        }
    }

    fn commit_cellwise(&self, writes: &[Write<'_>]) -> Commit {
        for (at, write) in writes.iter().enumerate() {
            {
                let mut cells = self.cells.lock().unwrap();
                if !Self::fits(&cells, &[*write]) {
                    return Commit::Conflict; // the cells before this one stay written
                }
                Self::put(&mut cells, &[*write]);
            }
            if at == 0 && writes.len() > 1 && self.waits.swap(false, Ordering::SeqCst) {
                let overtaken = || {
                    let cells = self.cells.lock().unwrap();
                    Self::version(&cells, &write.key) != write.expected.next()
                };
                give_way_until(overtaken);
            }
        }
        Commit::Done
    }
}

impl Store for Naive {
    fn load(&self, keys: &[Key], cells: &mut Vec<Option<Cell>>) -> Result<(), Error> {
        let kept = self.cells.lock().unwrap();
        cells.extend(keys.iter().map(|key| kept.get(key).cloned()));
        Ok(())
    }

    fn commit(&self, writes: &[Write<'_>], _: Timestamp) -> Result<Commit, Error> {
        let armed = self.armed.load(Ordering::SeqCst);
        match self.flaw {
            Flaw::Blind if armed => {
                Self::put(&mut self.cells.lock().unwrap(), writes);
                return Ok(Commit::Done);
            }
            Flaw::ReadThenWrite if armed => {
                if !Self::fits(&self.cells.lock().unwrap(), writes) {
                    return Ok(Commit::Conflict);
                }
                let Some(first) = writes.first() else {
                    return Ok(Commit::Done);
                };
                *self.compared.lock().unwrap().entry(first.key).or_default() += 1;
                let together = self.together.load(Ordering::SeqCst);
                give_way_until(|| self.compared.lock().unwrap()[&first.key] >= together);
                Self::put(&mut self.cells.lock().unwrap(), writes);
                return Ok(Commit::Done);
            }
            Flaw::Cellwise if armed => return Ok(self.commit_cellwise(writes)),
            Flaw::Forgetful if armed => return Ok(Commit::Done),
            _ => {}
        }
        let mut cells = self.cells.lock().unwrap();
        if !Self::fits(&cells, writes) {
            return Ok(Commit::Conflict);
        }
        Self::put(&mut cells, writes);
        Ok(Commit::Done)
    }

    fn purge(&self, _: Timestamp, _: usize) -> Result<usize, Error> {
        Ok(0)
    }

    fn class(&self) -> Class {
        Class::Process
    }
}

/// Lets others go on until it `happened`, or nobody is left who could make it happen.
fn give_way_until(happened: impl Fn() -> bool) {
    for _ in 0..100_000 {
        if happened() {
            return;
        }
        thread::yield_now();
    }
}
