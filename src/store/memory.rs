//! The store in this process's own memory: sharded, bounded, and no live cell is ever evicted.

mod broom;
mod shard;
mod slab;

use alloc::{boxed::Box, vec::Vec};
use core::{
    fmt,
    sync::atomic::{AtomicUsize, Ordering},
};
use std::sync::{Mutex, MutexGuard, PoisonError};

use arrayvec::ArrayVec;

use super::{
    Cell, Class, Commit, Error, Key, MAX_BODY, MAX_CELLS, Store, Version, Write, has_twice_one_key,
};
use crate::Timestamp;
use crate::newest::Newest;
use shard::Shard;

/// Cells in this process's memory, at most a fixed number of them: lost on exit.
///
/// For one process. After a fork each child would hold a live copy of every code, and so would
/// grant one success *each*: a server with several worker processes needs a store that they share.
///
/// At the limit an insert is refused with [`Error::Full`], while cells that are there can still be
/// changed: a cell is never evicted to make room, as a forgotten counter is a fresh set of
/// guesses. Cells past their `discard_after` go when the engine [purges](crate::Engine::purge), and a
/// full store drops some before it refuses, unless its clock lies more than a day past what was
/// committed.
///
/// A cell without `discard_after` is [`Error::Unsupported`], unless the store was built by
/// [`keeping_records_until_exit`](Self::keeping_records_until_exit). More than [`MAX_CELLS`] keys
/// or writes, and bodies over [`MAX_BODY`], are `Unsupported` too.
///
/// ```
/// use otp_engine::store::{Commit, Kind, Version, Write};
/// use otp_engine::{MemoryStore, Store, Timestamp, store::Key};
///
/// let store = MemoryStore::new();
/// let (key, now) = (Key::from_bytes([7; 32]), Timestamp::from_unix(1_715_767_200));
/// let insert = Write {
///     key,
///     kind: Kind::Slot,
///     expected: Version::ABSENT,
///     discard_after: Some(Timestamp::from_unix(1_715_853_600)),
///     body: b"opaque",
/// };
/// assert_eq!(store.commit(&[insert], now)?, Commit::Done);
/// assert_eq!(store.commit(&[insert], now)?, Commit::Conflict); // it is there by now
///
/// let mut cells = Vec::new();
/// store.load(&[key], &mut cells)?;
/// assert_eq!(cells[0].as_ref().map(|cell| cell.version()), Some(Version::new(1)));
/// # Ok::<(), otp_engine::store::Error>(())
/// ```
pub struct MemoryStore {
    shards: Box<[Mutex<Shard>]>,
    /// Cells in all shards, counting those that a running commit is about to insert.
    reserved: AtomicUsize,
    capacity: usize,
    class: Class,
    newest: Newest,
}

impl MemoryStore {
    /// Makes an empty store for at most 1,000,000 cells.
    #[must_use]
    pub fn new() -> Self {
        Self::with_capacity_limit(DEFAULT_CAPACITY)
    }

    /// Makes an empty store for at most `cells` cells; nothing is set aside for them beforehand.
    ///
    /// A code takes one cell, each user and each recipient another, whatever they sign.
    #[must_use]
    pub fn with_capacity_limit(cells: usize) -> Self {
        Self {
            shards: (0..SHARDS).map(|_| Mutex::default()).collect(),
            reserved: AtomicUsize::new(0),
            capacity: cells,
            class: Class::Process,
            newest: Newest::new(),
        }
    }

    /// Makes an empty store that calls itself [`Class::Permanent`] and yet forgets every signature
    /// record when the process exits: for tests and examples.
    #[must_use]
    pub fn keeping_records_until_exit() -> Self {
        Self {
            class: Class::Permanent,
            ..Self::new()
        }
    }

    /// Returns the number of cells, those past their `discard_after` included.
    #[must_use]
    pub fn len(&self) -> usize {
        self.reserved.load(Ordering::Acquire)
    }

    /// Says whether there is no cell.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn try_commit(&self, writes: &[Write<'_>]) -> Result<Commit, Error> {
        if let [write] = writes {
            return self.try_one(write);
        }
        let mut locked = self.lock(writes.iter().map(|write| &write.key))?;
        let mut places = ArrayVec::<Option<u32>, MAX_CELLS>::new();
        for write in writes {
            let shard = locked.shard(&write.key);
            let place = shard.find(&write.key);
            if shard.version(place) != write.expected {
                return Ok(Commit::Conflict);
            }
            if write.expected >= LAST_VERSION {
                return Err(Error::Unsupported);
            }
            places.push(place);
        }
        let inserts = writes.iter().filter(|write| inserts_one(write)).count();
        self.reserve(inserts)?;
        for (write, place) in writes.iter().zip(&places) {
            locked.shard(&write.key).apply(write, *place);
        }
        Ok(Commit::Done)
    }

    /// What a commit comes to that writes one cell, as most do: it needs no list of locks and places.
    fn try_one(&self, write: &Write<'_>) -> Result<Commit, Error> {
        let mut shard = self.lock_one(&write.key)?;
        let place = shard.find(&write.key);
        if shard.version(place) != write.expected {
            return Ok(Commit::Conflict);
        }
        if write.expected >= LAST_VERSION {
            return Err(Error::Unsupported);
        }
        self.reserve(usize::from(inserts_one(write)))?;
        shard.apply(write, place);
        Ok(Commit::Done)
    }

    fn lock_one(&self, key: &Key) -> Result<MutexGuard<'_, Shard>, Error> {
        self.shards[shard_of(key)].lock().map_err(poisoned)
    }

    /// Locks the shards of all `keys`, each once, in ascending order: no ring can close.
    fn lock<'k>(&self, keys: impl Iterator<Item = &'k Key>) -> Result<Locked<'_>, Error> {
        let concerned = keys.fold(0_u64, |set, key| set | 1 << shard_of(key));
        let mut guards = ArrayVec::new();
        let mut left = concerned;
        while left != 0 {
            let shard = left.trailing_zeros() as usize;
            guards.push(self.shards[shard].lock().map_err(poisoned)?);
            left &= left - 1;
        }
        Ok(Locked { concerned, guards })
    }

    /// Takes room for all `inserts`, or for none.
    fn reserve(&self, inserts: usize) -> Result<(), Error> {
        if inserts == 0 {
            return Ok(());
        }
        self.reserved
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, |cells| {
                let cells = cells.checked_add(inserts)?;
                (cells <= self.capacity).then_some(cells)
            })
            .map(drop)
            .map_err(|_| Error::Full)
    }
}

impl Store for MemoryStore {
    fn load(&self, keys: &[Key], cells: &mut Vec<Option<Cell>>) -> Result<(), Error> {
        if keys.len() > MAX_CELLS {
            return Err(Error::Unsupported);
        }
        if let [key] = keys {
            let shard = self.lock_one(key)?;
            shard.copy(shard.find(key), cells);
            return Ok(());
        }
        // All are locked, then all are searched, then all are copied: a lock is a barrier, and among a
        // million cells the searches miss the caches, side by side only where no lock stands between.
        let mut locked = self.lock(keys.iter())?;
        let mut places = ArrayVec::<Option<u32>, MAX_CELLS>::new();
        for key in keys {
            places.push(locked.shard(key).find(key));
        }
        for (key, place) in keys.iter().zip(&places) {
            locked.shard(key).copy(*place, cells);
        }
        Ok(())
    }

    fn commit(&self, writes: &[Write<'_>], now: Timestamp) -> Result<Commit, Error> {
        let refused = |write: &Write<'_>| {
            write.body.len() > MAX_BODY
                || (write.discard_after.is_none() && self.class != Class::Permanent)
        };
        if writes.len() > MAX_CELLS || has_twice_one_key(writes) || writes.iter().any(refused) {
            return Err(Error::Unsupported);
        }
        // As a purge by the engine: not by a clock that jumped.
        let is_believed = self.newest.admits(None, now);
        self.newest.committed(now);
        loop {
            match self.try_commit(writes) {
                Err(Error::Full) if is_believed && self.purge(now, writes.len())? > 0 => {}
                answer => return answer,
            }
        }
    }

    fn purge(&self, now: Timestamp, limit: usize) -> Result<usize, Error> {
        let mut dropped = 0;
        for shard in &self.shards {
            let mut shard = shard.lock().map_err(poisoned)?;
            let here = shard.drop_expired(now, limit - dropped);
            self.reserved.fetch_sub(here, Ordering::AcqRel);
            dropped += here;
            if dropped == limit {
                break;
            }
        }
        Ok(dropped)
    }

    fn class(&self) -> Class {
        self.class
    }

    fn has_cells(&self) -> Result<Option<bool>, Error> {
        Ok(Some(!self.is_empty()))
    }

    fn prefetch(&self, keys: &[Key]) {
        let keys = &keys[..keys.len().min(MAX_CELLS)];
        // As in `load`: no lock stands between two searches. What they found is all that they are for.
        if let Ok(mut locked) = self.lock(keys.iter()) {
            for key in keys {
                let shard = locked.shard(key);
                if let Some(place) = shard.find(key) {
                    shard.touch(place);
                }
            }
        }
    }
}

impl Default for MemoryStore {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for MemoryStore {
    /// Shows counts, never a cell.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryStore")
            .field("cells", &self.len())
            .field("capacity", &self.capacity)
            .field("class", &self.class)
            .finish_non_exhaustive()
    }
}

/// The shards that a commit concerns, locked.
struct Locked<'a> {
    /// One bit for each shard.
    concerned: u64,
    /// In the order of the bits.
    guards: ArrayVec<MutexGuard<'a, Shard>, MAX_CELLS>,
}

impl Locked<'_> {
    fn shard(&mut self, key: &Key) -> &mut Shard {
        let below = (1_u64 << shard_of(key)) - 1;
        &mut self.guards[(self.concerned & below).count_ones() as usize]
    }
}

/// Picks the shard by a byte that the hash does not use, nor is it one of the tenant's.
const fn shard_of(key: &Key) -> usize {
    SHARD_OF[key.as_bytes()[16] as usize] as usize
}

fn inserts_one(write: &Write<'_>) -> bool {
    write.expected == Version::ABSENT
}

fn poisoned<T>(_: PoisonError<T>) -> Error {
    Error::unavailable("a thread panicked while it held a part of the memory store")
}

/// What the room of a cell holds at most; nobody writes one as often.
const LAST_VERSION: Version = Version::new(u32::MAX as u64);

const DEFAULT_CAPACITY: usize = 1_000_000;

/// As many as a `u64` has bits, so that a set of shards is one number.
const SHARDS: usize = 64;

/// Of 256 keys some shards get three, some four and some five: an index that has just doubled is half empty, and
/// so they do not all double at once.
const SHARD_OF: [u8; 256] = {
    let mut shards = [0; 256];
    let mut byte = 0_u8;
    loop {
        shards[byte as usize] = match byte {
            ..192 => byte % 64,
            192..235 => byte - 192 + 21,
            235.. => byte - 235 + 43,
        };
        if byte == u8::MAX {
            break shards;
        }
        byte += 1;
    }
};

#[cfg(test)]
mod tests;
