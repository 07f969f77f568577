//! Where a client wants to go on after a code: kept from Send to Verify in a cell beside the slot's.
//!
//! It is loaded and written with the engine's own cells: a transaction of its own would cost as much as
//! half of a send. The newest Send counts, also one that names no path.

use std::sync::{Mutex, PoisonError};

use otp_engine::store::{Cell, Class, Commit, Error, Key, Kind, MAX_CELLS, Version, Write};
use otp_engine::{ContentDigest, Store, Timestamp};

/// A store that has the path of a slot ride along with one issue or one verify of the engine.
pub(crate) struct WithPath<'a> {
    store: &'a dyn Store,
    does: Does<'a>,
    /// The path's cell, as the engine's latest load found it.
    found: Mutex<Option<Found>>,
}

#[derive(Clone, Copy)]
enum Does<'a> {
    /// Keeps this path with the code, and none where there is none.
    Keep(Option<&'a str>),
    Find,
}

struct Found {
    key: Key,
    cell: Option<Cell>,
}

impl<'a> WithPath<'a> {
    /// For an issue.
    pub(crate) const fn keep(store: &'a dyn Store, path: Option<&'a str>) -> Self {
        Self::new(store, Does::Keep(path))
    }

    /// For a verify.
    pub(crate) const fn find(store: &'a dyn Store) -> Self {
        Self::new(store, Does::Find)
    }

    const fn new(store: &'a dyn Store, does: Does<'a>) -> Self {
        Self {
            store,
            does,
            found: Mutex::new(None),
        }
    }

    /// Returns the path that was found, if there is one.
    pub(crate) fn path(self) -> Option<String> {
        let found = self.found.into_inner();
        let cell = found.unwrap_or_else(PoisonError::into_inner)?.cell?;
        let path = core::str::from_utf8(cell.body()).ok()?;
        (!path.is_empty()).then(|| path.into())
    }
}

impl Store for WithPath<'_> {
    /// The engine's first key is the slot's; what it loads otherwise, such as a record, is as it is.
    fn load(&self, keys: &[Key], cells: &mut Vec<Option<Cell>>) -> Result<(), Error> {
        let Some(slot) = keys
            .first()
            .filter(|_| (2..MAX_CELLS).contains(&keys.len()))
        else {
            return self.store.load(keys, cells);
        };
        let key = key(slot);
        let all: Vec<Key> = keys.iter().copied().chain([key]).collect();
        self.store.load(&all, cells)?;
        if cells.len() != all.len() {
            return Err(Error::unavailable("a load has too few cells"));
        }
        let cell = cells.pop().flatten();
        let mut found = self.found.lock().unwrap_or_else(PoisonError::into_inner);
        *found = Some(Found { key, cell });
        Ok(())
    }

    fn commit(&self, writes: &[Write<'_>], now: Timestamp) -> Result<Commit, Error> {
        let found = self.found.lock().unwrap_or_else(PoisonError::into_inner);
        let slot = writes.iter().find(|write| write.kind == Kind::Slot);
        let (Does::Keep(path), Some(found), Some(slot)) = (self.does, &*found, slot) else {
            return self.store.commit(writes, now);
        };
        let known = found.cell.as_ref();
        let is_none = path.is_none() && known.is_none_or(|cell| cell.body().is_empty());
        if is_none {
            return self.store.commit(writes, now);
        }
        let mut all = writes.to_vec();
        all.push(Write {
            key: found.key,
            kind: Kind::Slot,
            expected: known.map_or(Version::ABSENT, Cell::version),
            discard_after: slot.discard_after,
            body: path.unwrap_or("").as_bytes(),
        });
        self.store.commit(&all, now)
    }

    fn purge(&self, now: Timestamp, limit: usize) -> Result<usize, Error> {
        self.store.purge(now, limit)
    }

    fn class(&self) -> Class {
        self.store.class()
    }

    fn has_cells(&self) -> Result<Option<bool>, Error> {
        self.store.has_cells()
    }

    fn prefetch(&self, keys: &[Key]) {
        self.store.prefetch(keys);
    }
}

/// The slot's name is a keyed hash, so this one tells nothing either. The first bytes stay: they are the
/// tenant's, by which cells may be shared out.
fn key(slot: &Key) -> Key {
    let mut name = *slot.as_bytes();
    let hex: String = name.iter().map(|byte| format!("{byte:02x}")).collect();
    let digest = ContentDigest::of_fields(&["otp-engine-reference redirect", &hex]);
    name[8..].copy_from_slice(&digest.as_bytes()[8..]);
    Key::from_bytes(name)
}
