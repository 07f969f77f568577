//! Cells between store and decision: opened on the way in, sealed on the way out.
//!
//! # Security
//!
//! A seal is a MAC over key, version and body: whoever can write to the store can neither forge a
//! state nor move one to another key or version. What the seal cannot see is a whole row put back
//! to an earlier state, and a deleted row, which a shortened `discard_after` brings about at the next
//! purge: give the right to delete to the purge alone. A `Process` store is not sealed: who can write there can write everywhere.

use alloc::vec::Vec;

use arrayvec::ArrayVec;

use crate::keys::{KeyRing, SEAL};
use crate::reveal;
use crate::store::{self, Cell, Class, Key, Kind, MAX_CELLS, Version, Write};
use crate::{Error, Timestamp};

/// Whether cells carry a seal.
#[derive(Clone, Copy, Eq, PartialEq)]
pub(crate) enum Seal {
    /// They do: the store is outside of the process.
    Sealed,
    /// They do not: the process's own memory, or records, which are signed.
    None,
}

impl Seal {
    /// Returns what holds for all cells but records in a store of `class`.
    pub(crate) const fn of(class: Class) -> Self {
        match class {
            Class::Process => Self::None,
            Class::Expiring | Class::Permanent => Self::Sealed,
        }
    }
}

/// A cell as a decision reads it: where it stands, and its body unless absent.
#[derive(Clone, Copy)]
pub(crate) struct LoadedCell<'a> {
    key: Key,
    version: Version,
    body: Option<&'a [u8]>,
    /// The cell has no `discard_after`.
    for_ever: bool,
}

impl<'a> LoadedCell<'a> {
    /// Returns the name of the cell.
    pub(crate) const fn key(&self) -> Key {
        self.key
    }

    /// Returns what is under the seal of a body that was not opened; `None` where the seal is not
    /// that of these keys for this key and version.
    pub(crate) fn unsealed(&self, keys: &KeyRing) -> Option<&'a [u8]> {
        unseal(keys, &self.key, self.version, self.body?)
    }

    /// Returns the body; `None` where there is no cell.
    pub(crate) const fn body(&self) -> Option<&'a [u8]> {
        self.body
    }

    /// Names a cell that is not loaded: there must be none.
    pub(crate) const fn absent(key: Key) -> Self {
        Self {
            key,
            version: Version::ABSENT,
            body: None,
            for_ever: false,
        }
    }
}

/// Checks a cell that a store gave.
///
/// # Errors
///
/// [`Error::Tampered`] for one without a version, with a body beyond its bound or under another seal.
fn check(keys: &KeyRing, sealed: bool, key: &Key, cell: &Cell) -> Result<(), Error> {
    let (version, body) = (cell.version(), cell.body());
    let is_whole = version != Version::ABSENT
        && body.len() <= store::MAX_BODY
        && (!sealed || unseal(keys, key, version, body).is_some());
    if is_whole {
        Ok(())
    } else {
        Err(Error::Tampered)
    }
}

/// Returns what is under a seal; `None` where the seal is another.
fn unseal<'a>(keys: &KeyRing, key: &Key, version: Version, body: &'a [u8]) -> Option<&'a [u8]> {
    let (body, seal) = body.split_last_chunk::<SEAL>()?;
    reveal::equal(seal, &keys.seal(key, version, body)).then_some(body)
}

/// The cells of one operation, in the order of its keys. All were checked when they came: one is read as
/// often as it is asked for, and none is copied for it.
pub(crate) struct LoadedCells<'a> {
    asked: &'a [Key],
    cells: &'a [Option<Cell>],
    sealed: bool,
}

impl<'a> LoadedCells<'a> {
    /// Opens what a store loaded; whatever does not fit the question is refused.
    pub(crate) fn open(
        keys: &KeyRing,
        seal: Seal,
        asked: &'a [Key],
        cells: &'a [Option<Cell>],
    ) -> Result<Self, Error> {
        if asked.len() != cells.len() || asked.len() > MAX_CELLS {
            return Err(Error::Tampered);
        }
        let sealed = seal == Seal::Sealed;
        for (key, cell) in asked.iter().zip(cells) {
            if let Some(cell) = cell {
                check(keys, sealed, key, cell)?;
            }
        }
        Ok(Self {
            asked,
            cells,
            sealed,
        })
    }

    /// Returns the cell at `at`, in the order of the operation's keys.
    ///
    /// A cell past its `discard_after` reads as it is, for as long as it is there: a clock that is
    /// wrong must not hide what was counted, and neither must a `discard_after`, which no seal
    /// covers. What is over is for the decision to say.
    ///
    /// # Errors
    ///
    /// [`Error::Tampered`] where there are fewer.
    pub(crate) fn at(&self, at: usize) -> Result<LoadedCell<'a>, Error> {
        let (Some(key), Some(cell)) = (self.asked.get(at), self.cells.get(at)) else {
            return Err(Error::Tampered);
        };
        let Some(cell) = cell else {
            return Ok(LoadedCell::absent(*key));
        };
        let body = cell.body();
        let length = body.len() - if self.sealed { SEAL } else { 0 };
        Ok(LoadedCell {
            key: *key,
            version: cell.version(),
            body: Some(&body[..length]),
            for_ever: cell.discard_after().is_none(),
        })
    }
}

/// The writes of one decision: bodies one behind the other, sealed as they come.
pub(crate) struct Writes<'k> {
    keys: &'k KeyRing,
    sealed: bool,
    bodies: &'k mut Vec<u8>,
    entries: ArrayVec<Entry, MAX_CELLS>,
}

struct Entry {
    key: Key,
    kind: Kind,
    expected: Version,
    discard_after: Option<Timestamp>,
    end: usize,
}

impl<'k> Writes<'k> {
    /// Makes room for writes, whose bodies go into `bodies`; records are never sealed.
    pub(crate) fn new(keys: &'k KeyRing, seal: Seal, bodies: &'k mut Vec<u8>) -> Self {
        bodies.clear();
        Self {
            keys,
            sealed: seal == Seal::Sealed,
            bodies,
            entries: ArrayVec::new(),
        }
    }

    /// Replaces the cell at `place`, or creates it, with what `encode` appends. A cell that is kept for
    /// ever stays so: stores may refuse to take that back, and a lock that was lifted is no reason to.
    pub(crate) fn put(
        &mut self,
        cell: LoadedCell<'_>,
        kind: Kind,
        discard_after: Option<Timestamp>,
        encode: impl FnOnce(&mut Vec<u8>),
    ) {
        let start = self.bodies.len();
        if start == 0 {
            self.bodies.reserve(ROOM);
        }
        encode(self.bodies);
        if self.sealed && kind != Kind::Record {
            let seal = self
                .keys
                .seal(&cell.key, cell.version.next(), &self.bodies[start..]);
            self.bodies.extend_from_slice(&seal);
        }
        let (key, expected, end) = (cell.key, cell.version, self.bodies.len());
        let discard_after = discard_after.filter(|_| !cell.for_ever);
        self.entries.push(Entry {
            key,
            kind,
            expected,
            discard_after,
            end,
        });
    }

    /// Lists the writes as a store takes them.
    pub(crate) fn list<'w>(&'w self, list: &mut ArrayVec<Write<'w>, MAX_CELLS>) {
        let mut start = 0;
        let write = |entry: &Entry| {
            let body = &self.bodies[start..entry.end];
            start = entry.end;
            let Entry {
                key,
                kind,
                expected,
                discard_after,
                ..
            } = *entry;
            Write {
                key,
                kind,
                expected,
                discard_after,
                body,
            }
        };
        list.extend(self.entries.iter().map(write));
    }
}

/// The bytes of a slot and two usual meters with their seals: one allocation for most decisions.
const ROOM: usize = 384;

#[cfg(test)]
mod tests {
    use alloc::vec;

    use super::*;

    fn opened(cells: &[Option<Cell>], asked: usize) -> Result<LoadedCells<'_>, Error> {
        const ASKED: [Key; MAX_CELLS + 1] = [Key::from_bytes([7; 32]); MAX_CELLS + 1];
        let keys = KeyRing::builder()
            .code("k", &[1; 32])
            .index(&[2; 32])
            .build();
        LoadedCells::open(&keys.unwrap(), Seal::None, &ASKED[..asked], cells)
    }

    fn cell(version: u64, length: usize) -> Option<Cell> {
        Some(Cell::new(Version::new(version), None, vec![0; length]))
    }

    #[test]
    fn a_store_answers_for_each_cell_that_was_asked_for_and_no_more_than_there_may_be() {
        let most = vec![None; MAX_CELLS];
        assert!(opened(&most, MAX_CELLS).is_ok());
        assert!(opened(&most[1..], MAX_CELLS).is_err());
        assert!(opened(&most, MAX_CELLS - 1).is_err());
        assert!(opened(&[most, vec![None]].concat(), MAX_CELLS + 1).is_err());
    }

    #[test]
    fn a_cell_that_was_not_asked_for_is_no_cell() {
        let cells = [None];
        let opened = opened(&cells, 1).unwrap();
        assert!(opened.at(0).is_ok_and(|cell| cell.body().is_none()));
        assert!(matches!(opened.at(1), Err(Error::Tampered)));
    }

    #[test]
    fn a_cell_has_a_version_and_a_body_within_its_bound() {
        assert!(opened(&[cell(1, store::MAX_BODY)], 1).is_ok());
        assert!(opened(&[cell(1, store::MAX_BODY + 1)], 1).is_err());
        assert!(opened(&[cell(0, 96)], 1).is_err());
    }
}
