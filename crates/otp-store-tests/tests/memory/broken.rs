//! Stores with one fault each. Where two threads must meet for a fault to show, they are made to.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use core::{
    sync::atomic::{AtomicBool, AtomicUsize, Ordering},
    time::Duration,
};
use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock},
    thread::{self, ThreadId},
};

use otp_engine::{
    Timestamp,
    store::{Cell, Class, Commit, Error, Key, Store, Version, Write, has_twice_one_key},
};

/// What is wrong with a store.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Naive {
    Sound,
    OwnOrder,
    CutsKeys,
    DropsNul,
    ShortTimes,
    OwnVersions,
    Lags,
    DropsForever,
    RefusesInTheMiddle,
    Cellwise,
    Blind,
    ReadThenWrite,
    Upserts,
    LastWins,
    LocksInOrderOfWrites,
    Panics,
    PurgesByAge,
    PurgesAll,
    NeverPurges,
    PurgesInTwoSteps,
    Evicts,
    WritesUntilFull,
    SaysEmpty,
}

pub(crate) type Rows = BTreeMap<Key, (usize, Cell)>;

/// One map under one lock, with a fault. Each row remembers how many were written before it.
pub(crate) struct Shelf {
    naive: Naive,
    rows: Mutex<Rows>,
    written: AtomicUsize,
    lagging: Mutex<HashMap<Key, Cell>>,
    locks: [Mutex<()>; 64],
    first: OnceLock<ThreadId>,
    is_crowded: AtomicBool,
    arrived: Mutex<usize>,
    met: Condvar,
}

impl Shelf {
    pub(crate) fn new(naive: Naive) -> Self {
        Self {
            naive,
            rows: Mutex::default(),
            written: AtomicUsize::new(0),
            lagging: Mutex::default(),
            locks: [const { Mutex::new(()) }; 64],
            first: OnceLock::new(),
            is_crowded: AtomicBool::new(false),
            arrived: Mutex::default(),
            met: Condvar::new(),
        }
    }

    pub(crate) fn rows(&self) -> Rows {
        self.rows.lock().unwrap().clone()
    }

    pub(crate) fn set_rows(&self, rows: Rows) {
        *self.rows.lock().unwrap() = rows;
    }

    /// Waits until another thread is here too, two by two; a while only, for there may be none.
    fn meet(&self) {
        if !self.is_crowded() {
            return; // the check has started no other thread yet
        }
        let mut arrived = self.arrived.lock().unwrap();
        *arrived += 1;
        let pair = arrived.next_multiple_of(2);
        self.met.notify_all();
        let a_while = Duration::from_millis(20);
        let wait = self
            .met
            .wait_timeout_while(arrived, a_while, |arrived| *arrived < pair);
        let (mut arrived, _) = wait.unwrap();
        if *arrived < pair {
            *arrived -= 1;
        }
    }

    /// Says whether calls came from more than one thread; each call that may meet asks this first.
    fn is_crowded(&self) -> bool {
        if thread::current().id() != *self.first.get_or_init(|| thread::current().id()) {
            self.is_crowded.store(true, Ordering::SeqCst);
        }
        self.is_crowded.load(Ordering::SeqCst)
    }

    fn key(&self, key: Key) -> Key {
        if self.naive != Naive::CutsKeys {
            return key;
        }
        let mut bytes = *key.as_bytes();
        let nul = bytes[8..].iter().position(|byte| *byte == 0);
        bytes[nul.map_or(32, |at| at + 8)..].fill(0);
        Key::from_bytes(bytes)
    }

    fn cell(&self, write: &Write<'_>) -> Cell {
        let body: Vec<u8> = match self.naive {
            Naive::DropsNul => write
                .body
                .iter()
                .copied()
                .filter(|byte| *byte != 0)
                .collect(),
            _ => write.body.to_vec(),
        };
        let discard_after = write.discard_after.map(|after| match self.naive {
            Naive::ShortTimes => Timestamp::from_unix(after.unix().min(i64::from(u32::MAX))),
            _ => after,
        });
        Cell::new(write.expected.next(), discard_after, body)
    }

    fn fits(&self, rows: &Rows, write: &Write<'_>) -> bool {
        let there = rows
            .get(&self.key(write.key))
            .map(|(_, cell)| cell.version());
        match self.naive {
            Naive::Blind => true,
            Naive::Upserts => there.is_none_or(|version| version == write.expected),
            _ => there.unwrap_or(Version::ABSENT) == write.expected,
        }
    }

    fn put(&self, rows: &mut Rows, write: &Write<'_>) {
        let age = self.written.fetch_add(1, Ordering::SeqCst);
        rows.insert(self.key(write.key), (age, self.cell(write)));
        if self.naive == Naive::Evicts && rows.len() > 350 {
            let oldest = rows
                .iter()
                .min_by_key(|(_, (age, _))| *age)
                .map(|(key, _)| *key);
            oldest.map(|key| rows.remove(&key));
        }
    }

    fn apply(&self, writes: &[Write<'_>]) -> Commit {
        let mut rows = self.rows.lock().unwrap();
        if !writes.iter().all(|write| self.fits(&rows, write)) {
            return Commit::Conflict;
        }
        if self.naive == Naive::ReadThenWrite {
            drop(rows);
            self.meet();
            rows = self.rows.lock().unwrap();
        }
        writes.iter().for_each(|write| self.put(&mut rows, write));
        Commit::Done
    }

    /// Locks one key after the other, and lets others come in between.
    fn lock_in_order_of(&self, writes: &[Write<'_>]) -> Vec<MutexGuard<'_, ()>> {
        let mut held = Vec::new();
        let mut guards = Vec::new();
        for write in writes {
            let at = usize::from(write.key.as_bytes()[8] % 64);
            if !held.contains(&at) {
                held.push(at);
                guards.push(self.locks[at].lock().unwrap());
                self.meet();
            }
        }
        guards
    }
}

impl Store for Shelf {
    fn load(&self, keys: &[Key], cells: &mut Vec<Option<Cell>>) -> Result<(), Error> {
        let rows = self.rows.lock().unwrap();
        let cell = |key: &Key| rows.get(&self.key(*key)).map(|(_, cell)| cell.clone());
        match self.naive {
            Naive::OwnOrder => {
                let mut sorted = keys.to_vec();
                sorted.sort_unstable();
                cells.extend(sorted.iter().map(cell));
            }
            Naive::Lags => {
                let mut lagging = self.lagging.lock().unwrap();
                for key in keys {
                    let now = cell(key);
                    let before = now.clone().and_then(|now| lagging.insert(*key, now));
                    cells.push(before.or(now));
                }
            }
            Naive::OwnVersions => cells.extend(keys.iter().map(|key| {
                cell(key).map(|cell| {
                    let version = Version::new(cell.version().get() * 10);
                    Cell::new(version, cell.discard_after(), cell.body())
                })
            })),
            _ => cells.extend(keys.iter().map(cell)),
        }
        Ok(())
    }

    fn commit(&self, writes: &[Write<'_>], _: Timestamp) -> Result<Commit, Error> {
        let mut writes = writes.to_vec();
        let is_forever = |write: &Write<'_>| write.discard_after.is_none();
        match self.naive {
            Naive::LastWins => {}
            _ if has_twice_one_key(&writes) => return Err(Error::Unsupported),
            Naive::DropsForever => writes.retain(|write| !is_forever(write)),
            Naive::RefusesInTheMiddle if writes.iter().any(is_forever) => {
                writes.truncate(writes.iter().position(is_forever).unwrap());
                let _ = self.apply(&writes);
                return Err(Error::Unsupported);
            }
            Naive::OwnVersions => {
                for write in &mut writes {
                    write.expected = Version::new(write.expected.get() / 10);
                }
            }
            Naive::Cellwise => {
                for write in &writes {
                    if self.apply(core::slice::from_ref(write)) == Commit::Conflict {
                        return Ok(Commit::Conflict);
                    }
                    self.meet();
                }
                return Ok(Commit::Done);
            }
            Naive::LocksInOrderOfWrites => {
                let _guards = self.lock_in_order_of(&writes);
                return Ok(self.apply(&writes));
            }
            Naive::Panics => panic!("planted"),
            Naive::WritesUntilFull => {
                let room = 350 - self.rows.lock().unwrap().len();
                let is_insert = |write: &Write<'_>| write.expected == Version::ABSENT;
                if writes.iter().filter(|write| is_insert(write)).count() > room {
                    writes.retain(|write| !is_insert(write));
                    let _ = self.apply(&writes);
                    return Err(Error::Full);
                }
            }
            _ => {}
        }
        let extends = writes.iter().any(|write| write.expected != Version::ABSENT);
        let meets_a_purge = self.naive == Naive::PurgesInTwoSteps && extends;
        if self.naive == Naive::Blind || meets_a_purge {
            self.meet();
        }
        let outcome = self.apply(&writes);
        if meets_a_purge {
            self.meet();
        }
        Ok(outcome)
    }

    fn purge(&self, now: Timestamp, limit: usize) -> Result<usize, Error> {
        self.is_crowded(); // a commit must wait for this thread even where nothing is left to purge
        let limit = match self.naive {
            Naive::PurgesAll => usize::MAX,
            Naive::NeverPurges => 0,
            _ => limit,
        };
        let is_past = |cell: &Cell| cell.discard_after().is_some_and(|after| after < now);
        let mut rows = self.rows.lock().unwrap();
        let mut past: Vec<_> = rows
            .iter()
            .filter(|(_, (_, cell))| self.naive == Naive::PurgesByAge || is_past(cell))
            .map(|(key, (age, _))| (*age, *key))
            .collect();
        past.sort_unstable();
        past.truncate(limit);
        if self.naive == Naive::PurgesInTwoSteps && !past.is_empty() {
            drop(rows);
            self.meet();
            self.meet(); // a commit came in between
            rows = self.rows.lock().unwrap();
        }
        past.iter().for_each(|(_, key)| drop(rows.remove(key)));
        Ok(past.len())
    }

    fn class(&self) -> Class {
        match self.naive {
            Naive::DropsForever | Naive::RefusesInTheMiddle => Class::Expiring,
            _ => Class::Permanent,
        }
    }

    fn has_cells(&self) -> Result<Option<bool>, Error> {
        let has_cells = self.naive != Naive::SaysEmpty && !self.rows.lock().unwrap().is_empty();
        Ok(Some(has_cells))
    }
}

/// A handle to a store that others use too.
pub(crate) struct Shared<S>(pub(crate) Arc<S>);

impl<S: Store> Store for Shared<S> {
    fn load(&self, keys: &[Key], cells: &mut Vec<Option<Cell>>) -> Result<(), Error> {
        self.0.load(keys, cells)
    }

    fn commit(&self, writes: &[Write<'_>], now: Timestamp) -> Result<Commit, Error> {
        self.0.commit(writes, now)
    }

    fn purge(&self, now: Timestamp, limit: usize) -> Result<usize, Error> {
        self.0.purge(now, limit)
    }

    fn class(&self) -> Class {
        self.0.class()
    }

    fn has_cells(&self) -> Result<Option<bool>, Error> {
        self.0.has_cells()
    }

    fn prefetch(&self, keys: &[Key]) {
        self.0.prefetch(keys);
    }
}
