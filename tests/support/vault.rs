//! A sound store whose rows can be looked at, put back, and changed behind the engine's back.

use std::collections::BTreeMap;
use std::sync::Mutex;

use otp_engine::store::{Cell, Class, Commit, Error, Key, Kind, Version, Write};
use otp_engine::{Store, Timestamp};

/// All rows by key, with what each is for.
pub(crate) type Rows = BTreeMap<Key, (Kind, Cell)>;

/// A sound store.
pub(crate) struct Vault {
    rows: Mutex<Rows>,
    class: Class,
}

impl Vault {
    /// Bodies are sealed for `Class::Permanent`, not for `Class::Process`.
    pub(crate) fn of(class: Class) -> Self {
        Self {
            rows: Mutex::default(),
            class,
        }
    }

    pub(crate) fn rows(&self) -> Rows {
        self.rows.lock().unwrap().clone()
    }

    /// Puts all rows back as they were.
    pub(crate) fn restore(&self, rows: &Rows) {
        *self.rows.lock().unwrap() = rows.clone();
    }

    /// Puts another row in the place of one.
    pub(crate) fn put(&self, key: Key, cell: Cell) {
        self.rows.lock().unwrap().get_mut(&key).unwrap().1 = cell;
    }

    /// The key of the only slot.
    pub(crate) fn slot(&self) -> Key {
        let rows = self.rows.lock().unwrap();
        *rows
            .iter()
            .find(|(_, (kind, _))| *kind == Kind::Slot)
            .unwrap()
            .0
    }
}

impl Store for Vault {
    fn load(&self, keys: &[Key], cells: &mut Vec<Option<Cell>>) -> Result<(), Error> {
        let rows = self.rows.lock().unwrap();
        cells.extend(
            keys.iter()
                .map(|key| rows.get(key).map(|(_, cell)| cell.clone())),
        );
        Ok(())
    }

    fn commit(&self, writes: &[Write<'_>], _: Timestamp) -> Result<Commit, Error> {
        let mut rows = self.rows.lock().unwrap();
        let version = |key| {
            rows.get(key)
                .map_or(Version::ABSENT, |(_, cell)| cell.version())
        };
        if !writes
            .iter()
            .all(|write| version(&write.key) == write.expected)
        {
            return Ok(Commit::Conflict);
        }
        for write in writes {
            let cell = Cell::new(write.expected.next(), write.discard_after, write.body);
            rows.insert(write.key, (write.kind, cell));
        }
        Ok(Commit::Done)
    }

    fn purge(&self, _: Timestamp, _: usize) -> Result<usize, Error> {
        Ok(0)
    }

    fn class(&self) -> Class {
        self.class
    }
}
