//! A store that keeps its contract, and lets a test do what one with write access could do.

use std::collections::BTreeMap;
use std::sync::Mutex;

use otp_engine::Timestamp;
use otp_engine::store::{
    Cell, Class, Commit, Error, Key, Kind, Store, Version, Write, has_twice_one_key,
};

/// One map under one lock. Cells are remembered by their kind, in the order in which they came.
pub(crate) struct Shelf {
    class: Class,
    inside: Mutex<Inside>,
}

#[derive(Clone, Default)]
pub(crate) struct Inside {
    cells: BTreeMap<Key, Cell>,
    came: Vec<(Kind, Key)>,
    pub(crate) loads: usize,
    pub(crate) commits: usize,
}

impl Shelf {
    pub(crate) fn permanent() -> Self {
        Self::of(Class::Permanent)
    }

    pub(crate) fn of(class: Class) -> Self {
        Self {
            class,
            inside: Mutex::default(),
        }
    }

    /// Returns how often it was asked: loads, and commits that were done.
    pub(crate) fn asked(&self) -> (usize, usize) {
        let inside = self.inside.lock().unwrap();
        (inside.loads, inside.commits)
    }

    /// Names the cells of a kind, oldest first.
    pub(crate) fn keys_of(&self, kind: Kind) -> Vec<Key> {
        let inside = self.inside.lock().unwrap();
        let of_kind = inside.came.iter().filter(|(it, _)| *it == kind);
        of_kind.map(|(_, key)| *key).collect()
    }

    pub(crate) fn body(&self, key: Key) -> Vec<u8> {
        self.inside.lock().unwrap().cells[&key].body().to_vec()
    }

    pub(crate) fn version(&self, key: Key) -> u64 {
        self.inside.lock().unwrap().cells[&key].version().get()
    }

    /// Puts a cell there as another store had it.
    pub(crate) fn put(&self, key: Key, version: u64, body: &[u8]) {
        let cell = Cell::new(Version::new(version), None, body);
        self.inside.lock().unwrap().cells.insert(key, cell);
    }

    /// Puts other bytes into a cell, as if nothing had happened: its version stays.
    pub(crate) fn forge(&self, key: Key, body: &[u8]) {
        let mut inside = self.inside.lock().unwrap();
        let version = inside
            .cells
            .get(&key)
            .map_or(Version::new(1), Cell::version);
        inside.cells.insert(key, Cell::new(version, None, body));
    }

    /// Shortens a cell's life; its bytes and its version stay.
    pub(crate) fn expire(&self, key: Key, discard_after: Timestamp) {
        let mut inside = self.inside.lock().unwrap();
        let cell = &inside.cells[&key];
        let expiring = Cell::new(cell.version(), Some(discard_after), cell.body());
        inside.cells.insert(key, expiring);
    }

    pub(crate) fn remove(&self, key: Key) {
        self.inside.lock().unwrap().cells.remove(&key);
    }

    /// Takes a copy of everything, as a backup does.
    pub(crate) fn copy(&self) -> Inside {
        self.inside.lock().unwrap().clone()
    }

    pub(crate) fn restore(&self, copy: Inside) {
        *self.inside.lock().unwrap() = copy;
    }

    /// Puts one cell back to what a copy has.
    pub(crate) fn put_back(&self, copy: &Inside, key: Key) {
        let mut inside = self.inside.lock().unwrap();
        inside.cells.insert(key, copy.cells[&key].clone());
    }
}

impl Store for Shelf {
    fn load(&self, keys: &[Key], cells: &mut Vec<Option<Cell>>) -> Result<(), Error> {
        let mut inside = self.inside.lock().unwrap();
        inside.loads += 1;
        cells.extend(keys.iter().map(|key| inside.cells.get(key).cloned()));
        Ok(())
    }

    fn commit(&self, writes: &[Write<'_>], _: Timestamp) -> Result<Commit, Error> {
        if has_twice_one_key(writes) {
            return Err(Error::Unsupported);
        }
        let mut inside = self.inside.lock().unwrap();
        let version = |write: &Write<'_>| {
            let cell = inside.cells.get(&write.key);
            cell.map_or(Version::ABSENT, Cell::version)
        };
        if writes.iter().any(|write| version(write) != write.expected) {
            return Ok(Commit::Conflict);
        }
        inside.commits += 1;
        for write in writes {
            let cell = Cell::new(write.expected.next(), write.discard_after, write.body);
            if inside.cells.insert(write.key, cell).is_none() {
                inside.came.push((write.kind, write.key));
            }
        }
        Ok(Commit::Done)
    }

    fn purge(&self, now: Timestamp, limit: usize) -> Result<usize, Error> {
        let mut inside = self.inside.lock().unwrap();
        let over = |cell: &Cell| cell.discard_after().is_some_and(|after| after < now);
        let gone: Vec<Key> = inside
            .cells
            .iter()
            .filter(|(_, cell)| over(cell))
            .map(|(key, _)| *key)
            .take(limit)
            .collect();
        for key in &gone {
            inside.cells.remove(key);
        }
        Ok(gone.len())
    }

    fn class(&self) -> Class {
        self.class
    }
}
