//! A store that is asked in both ways, fails or waits on order, and shows all of its rows.

use core::sync::atomic::{AtomicUsize, Ordering};
use std::collections::BTreeMap;
use std::sync::Mutex;

use otp_engine::store::{Cell, Class, Commit, Error, Key, Kind, Version, Write};
use otp_engine::{AsyncStore, Store, Timestamp};

use super::by_hand::pending;

pub(crate) type Rows = BTreeMap<Key, (Kind, Cell)>;

/// What is wrong with the awaited side.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Flaw {
    Sound,
    /// Commits in two steps, each whole, and awaits between them.
    Halves,
    /// Says `Done` and writes when it is asked the next time.
    AnswersFirst,
    /// Compares versions, awaits, then writes.
    ChecksThenWrites,
    /// Says for ever that somebody else was first.
    Refuses,
}

/// How often a call is not ready: before a load, before and after a commit takes effect.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Pauses {
    pub(crate) load: usize,
    pub(crate) before: usize,
    pub(crate) after: usize,
}

/// How a call fails.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Failure {
    Unavailable,
    UnknownApplied,
    UnknownLost,
    /// Somebody else was first, though nobody was.
    Conflict,
}

pub(crate) struct Ledger {
    rows: Mutex<Rows>,
    late: Mutex<Rows>,
    class: Class,
    flaw: Flaw,
    pub(crate) pauses: Pauses,
    /// Which call fails next, counted from 1 on, and how.
    failure: Mutex<Option<(usize, Failure)>>,
    loads: AtomicUsize,
    commits: AtomicUsize,
    done: AtomicUsize,
}

impl Ledger {
    pub(crate) fn new(class: Class) -> Self {
        Self {
            rows: Mutex::default(),
            late: Mutex::default(),
            class,
            flaw: Flaw::Sound,
            pauses: Pauses::default(),
            failure: Mutex::default(),
            loads: AtomicUsize::new(0),
            commits: AtomicUsize::new(0),
            done: AtomicUsize::new(0),
        }
    }

    pub(crate) fn pausing(self, pauses: Pauses) -> Self {
        Self { pauses, ..self }
    }

    pub(crate) fn with(self, flaw: Flaw) -> Self {
        Self { flaw, ..self }
    }

    /// Lets the call of this number from now on fail, loads and commits counted together.
    pub(crate) fn fail(&self, call: usize, failure: Failure) {
        *self.failure.lock().unwrap() = Some((call, failure));
    }

    pub(crate) fn rows(&self) -> Rows {
        self.rows.lock().unwrap().clone()
    }

    /// Puts all rows back as they were, and forgets what was to come.
    pub(crate) fn restore(&self, rows: &Rows) {
        *self.rows.lock().unwrap() = rows.clone();
        self.late.lock().unwrap().clear();
        *self.failure.lock().unwrap() = None;
    }

    /// Takes how many loads and commits there were since the last time.
    pub(crate) fn trips(&self) -> (usize, usize) {
        let take = |count: &AtomicUsize| count.swap(0, Ordering::SeqCst);
        (take(&self.loads), take(&self.commits))
    }

    /// How many commits took effect.
    pub(crate) fn done(&self) -> usize {
        self.done.load(Ordering::SeqCst)
    }

    fn failure(&self) -> Option<Failure> {
        let mut failure = self.failure.lock().unwrap();
        let (call, how) = failure.take()?;
        if call > 1 {
            *failure = Some((call - 1, how));
            return None;
        }
        Some(how)
    }

    fn load_now(&self, keys: &[Key]) -> Result<Vec<Option<Cell>>, Error> {
        self.loads.fetch_add(1, Ordering::SeqCst);
        if !matches!(self.failure(), None | Some(Failure::Conflict)) {
            return Err(Error::unavailable("connection refused"));
        }
        let rows = self.rows.lock().unwrap();
        let cell = |key| rows.get(key).map(|(_, cell): &(Kind, Cell)| cell.clone());
        Ok(keys.iter().map(cell).collect())
    }

    fn commit_now(&self, writes: &[Write<'_>]) -> Result<Commit, Error> {
        match self.failure() {
            None => Ok(self.apply(writes)),
            Some(Failure::Conflict) => Ok(Commit::Conflict),
            Some(Failure::Unavailable) => Err(Error::unavailable("connection refused")),
            Some(Failure::UnknownLost) => Err(Error::unknown("connection lost")),
            Some(Failure::UnknownApplied) => {
                assert_eq!(self.apply(writes), Commit::Done);
                Err(Error::unknown("connection lost"))
            }
        }
    }

    fn apply(&self, writes: &[Write<'_>]) -> Commit {
        let mut rows = self.rows.lock().unwrap();
        if !fit(&rows, writes) {
            return Commit::Conflict;
        }
        put(&mut rows, writes);
        self.done.fetch_add(1, Ordering::SeqCst);
        Commit::Done
    }

    fn purge_now(&self, now: Timestamp, limit: usize) -> usize {
        let mut rows = self.rows.lock().unwrap();
        let is_past = |cell: &Cell| matches!(cell.discard_after(), Some(discard_after) if discard_after < now);
        let past: Vec<Key> = rows
            .iter()
            .filter(|(_, (_, cell))| is_past(cell))
            .map(|(key, _)| *key)
            .take(limit)
            .collect();
        past.iter().for_each(|key| drop(rows.remove(key)));
        past.len()
    }
}

fn fit(rows: &Rows, writes: &[Write<'_>]) -> bool {
    writes.iter().all(|write| {
        let version = rows.get(&write.key).map(|(_, cell)| cell.version());
        version.unwrap_or(Version::ABSENT) == write.expected
    })
}

fn put(rows: &mut Rows, writes: &[Write<'_>]) {
    for write in writes {
        let cell = Cell::new(write.expected.next(), write.discard_after, write.body);
        rows.insert(write.key, (write.kind, cell));
    }
}

impl Store for Ledger {
    fn load(&self, keys: &[Key], cells: &mut Vec<Option<Cell>>) -> Result<(), Error> {
        *cells = self.load_now(keys)?;
        Ok(())
    }

    fn commit(&self, writes: &[Write<'_>], _: Timestamp) -> Result<Commit, Error> {
        self.commits.fetch_add(1, Ordering::SeqCst);
        self.commit_now(writes)
    }

    fn purge(&self, now: Timestamp, limit: usize) -> Result<usize, Error> {
        Ok(self.purge_now(now, limit))
    }

    fn class(&self) -> Class {
        self.class
    }

    fn has_cells(&self) -> Result<Option<bool>, Error> {
        Ok(Some(!self.rows.lock().unwrap().is_empty()))
    }
}

impl AsyncStore for Ledger {
    async fn load(&self, keys: &[Key]) -> Result<Vec<Option<Cell>>, Error> {
        pending(self.pauses.load).await;
        self.load_now(keys)
    }

    async fn commit(&self, writes: &[Write<'_>], _: Timestamp) -> Result<Commit, Error> {
        pending(self.pauses.before).await;
        self.commits.fetch_add(1, Ordering::SeqCst);
        let late = core::mem::take(&mut *self.late.lock().unwrap());
        self.rows.lock().unwrap().extend(late);
        let outcome = match self.flaw {
            Flaw::Sound => self.commit_now(writes)?,
            Flaw::Halves => {
                let (first, second) = writes.split_at(writes.len().div_ceil(2));
                if self.apply(first) == Commit::Conflict {
                    return Ok(Commit::Conflict);
                }
                pending(1).await;
                self.apply(second)
            }
            Flaw::Refuses => Commit::Conflict,
            Flaw::AnswersFirst => {
                put(&mut self.late.lock().unwrap(), writes);
                Commit::Done
            }
            Flaw::ChecksThenWrites => {
                if !fit(&self.rows.lock().unwrap(), writes) {
                    return Ok(Commit::Conflict);
                }
                pending(1).await;
                put(&mut self.rows.lock().unwrap(), writes);
                self.done.fetch_add(1, Ordering::SeqCst);
                Commit::Done
            }
        };
        pending(self.pauses.after).await;
        Ok(outcome)
    }

    async fn purge(&self, now: Timestamp, limit: usize) -> Result<usize, Error> {
        pending(self.pauses.before).await;
        let dropped = self.purge_now(now, limit);
        pending(self.pauses.after).await;
        Ok(dropped)
    }

    fn class(&self) -> Class {
        self.class
    }

    async fn has_cells(&self) -> Result<Option<bool>, Error> {
        pending(self.pauses.load).await;
        Store::has_cells(self)
    }
}
