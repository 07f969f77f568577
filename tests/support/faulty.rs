//! A store between the engine and a sound one, that fails, lies or counts on the way.

use core::sync::atomic::{AtomicUsize, Ordering};

use otp_engine::store::{Cell, Class, Commit, Error, Key, MAX_BODY, Version, Write};
use otp_engine::{Store, Timestamp};

use super::vault::Vault;

/// How a call of the store fails.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Failure {
    Unavailable,
    Full,
    /// No reply, and the writes are applied.
    UnknownApplied,
    /// No reply, and the writes are not applied.
    UnknownLost,
}

impl Failure {
    pub(crate) const ALL: [Self; 4] = [
        Self::Unavailable,
        Self::Full,
        Self::UnknownApplied,
        Self::UnknownLost,
    ];

    fn error(self) -> Error {
        match self {
            Self::Unavailable => Error::unavailable("connection refused"),
            Self::Full => Error::Full,
            Self::UnknownApplied | Self::UnknownLost => Error::unknown("connection lost"),
        }
    }
}

/// What a store says that is not so.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Lie {
    TooFew,
    TooMany,
    None,
    /// A row with the version of an absent one.
    NoVersion,
    NewerVersion,
    OlderVersion,
    TooLong,
    EmptyBody,
    /// Bytes of the right length.
    Garbage,
    /// Each commit lost a race.
    Conflict,
    /// `Done` for a commit that failed.
    Swallowed,
}

/// What is done to the calls on their way.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Interference {
    Nothing,
    /// The call of this number fails, loads and commits counted together from 1 on.
    Fail(usize, Failure),
    Lie(Lie),
}

/// Meddles, and counts.
pub(crate) struct FaultyStore<'a> {
    vault: &'a Vault,
    meddling: Interference,
    loads: AtomicUsize,
    commits: AtomicUsize,
}

impl<'a> FaultyStore<'a> {
    pub(crate) fn new(vault: &'a Vault, meddling: Interference) -> Self {
        Self {
            vault,
            meddling,
            loads: AtomicUsize::new(0),
            commits: AtomicUsize::new(0),
        }
    }

    /// Loads and commits so far.
    pub(crate) fn calls(&self) -> (usize, usize) {
        (
            self.loads.load(Ordering::SeqCst),
            self.commits.load(Ordering::SeqCst),
        )
    }

    fn failure(&self) -> Option<Failure> {
        let (loads, commits) = self.calls();
        match self.meddling {
            Interference::Fail(at, failure) if at == loads + commits => Some(failure),
            _ => None,
        }
    }

    fn lies(&self, lie: Lie) -> bool {
        self.meddling == Interference::Lie(lie)
    }
}

impl Store for FaultyStore<'_> {
    fn load(&self, keys: &[Key], cells: &mut Vec<Option<Cell>>) -> Result<(), Error> {
        self.loads.fetch_add(1, Ordering::SeqCst);
        self.vault.load(keys, cells)?;
        // The cells are there already: a failed load is not looked at.
        if let Some(failure) = self.failure() {
            return Err(failure.error());
        }
        let Interference::Lie(lie) = self.meddling else {
            return Ok(());
        };
        let version = |cell: &Cell, number: u64| {
            Cell::new(Version::new(number), cell.discard_after(), cell.body())
        };
        let body =
            |cell: &Cell, body: Vec<u8>| Cell::new(cell.version(), cell.discard_after(), body);
        for cell in cells.iter_mut().flatten() {
            *cell = match lie {
                Lie::NoVersion => version(cell, 0),
                Lie::NewerVersion => version(cell, cell.version().get() + 1),
                Lie::OlderVersion => version(cell, (cell.version().get() - 1).max(1)),
                Lie::TooLong => body(cell, vec![1; MAX_BODY + 1]),
                Lie::EmptyBody => body(cell, Vec::new()),
                Lie::Garbage => body(cell, vec![0xA5; cell.body().len()]),
                _ => continue,
            };
        }
        match lie {
            Lie::TooFew => drop(cells.pop()),
            Lie::TooMany => cells.push(None),
            Lie::None => cells.clear(),
            _ => {}
        }
        Ok(())
    }

    fn commit(&self, writes: &[Write<'_>], now: Timestamp) -> Result<Commit, Error> {
        self.commits.fetch_add(1, Ordering::SeqCst);
        if self.lies(Lie::Conflict) {
            return Ok(Commit::Conflict);
        }
        if self.lies(Lie::Swallowed) {
            return Ok(Commit::Done);
        }
        match self.failure() {
            None => self.vault.commit(writes, now),
            Some(failure) => {
                if failure == Failure::UnknownApplied {
                    assert_eq!(self.vault.commit(writes, now)?, Commit::Done);
                }
                Err(failure.error())
            }
        }
    }

    fn purge(&self, now: Timestamp, limit: usize) -> Result<usize, Error> {
        self.vault.purge(now, limit)
    }

    fn class(&self) -> Class {
        self.vault.class()
    }
}
