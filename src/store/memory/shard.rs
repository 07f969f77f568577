//! One table of the memory store: cells in places that do not move, found by key.

use alloc::{boxed::Box, vec::Vec};
use core::hash::{BuildHasherDefault, Hasher};
use std::collections::HashMap;

use hashbrown::HashTable;

use super::broom::{Broom, Page};
use super::{Cell, Key, Version, Write};
use crate::Timestamp;

/// One of the tables; on cache lines of its own, as two threads rarely want the same one.
#[derive(Default)]
#[repr(align(64))]
pub(super) struct Shard {
    /// Places, by the keys that lie there.
    index: HashTable<u32>,
    /// Places, in runs that never move: a table that grows copies numbers, not cells.
    runs: Vec<Vec<Place>>,
    free: Vec<u32>,
    /// Bodies that are too long for their place.
    long: HashMap<u32, Box<[u8]>, BuildHasherDefault<PlaceHasher>>,
    broom: Broom,
}

impl Shard {
    /// Returns the number of cells.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.index.len()
    }

    /// Returns the place of a cell.
    pub(super) fn find(&self, key: &Key) -> Option<u32> {
        let is_it = |place: &u32| self.place(*place).key == *key;
        self.index.find(hash(key), is_it).copied()
    }

    /// Adds a copy of the cell in a place to `cells`.
    pub(super) fn copy(&self, at: Option<u32>, cells: &mut Vec<Option<Cell>>) {
        cells.push(at.map(|at| {
            let place = self.place(at);
            let body = match place.length {
                LONG => self.long.get(&at).map_or(&[][..], |body| body),
                length => &place.body[..usize::from(length)],
            };
            Cell::new(place.version(), place.discard_after(), body)
        }));
    }

    /// Reads what a load or commit of the cell in a place will: a byte of each line behind its key's.
    pub(super) fn touch(&self, at: u32) -> u8 {
        let body = &self.place(at).body;
        body[0] ^ body[SHORT - 1]
    }

    /// Returns the version of the cell in a place; [`Version::ABSENT`] for none.
    pub(super) fn version(&self, at: Option<u32>) -> Version {
        at.map_or(Version::ABSENT, |at| self.place(at).version())
    }

    /// Writes a cell over the one in its place, or into a new one.
    pub(super) fn apply(&mut self, write: &Write<'_>, at: Option<u32>) {
        let at = at.unwrap_or_else(|| self.insert(&write.key));
        let place = self.place_mut(at);
        // Wider versions were refused.
        place.version = u32::try_from(write.expected.next().get()).unwrap_or(u32::MAX);
        let was_long = place.length == LONG;
        match place.body.get_mut(..write.body.len()) {
            Some(body) => {
                body.copy_from_slice(write.body);
                place.length = u8::try_from(write.body.len()).unwrap_or(LONG);
                if was_long {
                    self.long.remove(&at);
                }
            }
            None => {
                place.length = LONG;
                self.long.insert(at, write.body.into());
            }
        }
        self.set_discard_after(at, write.discard_after);
    }

    /// Drops at most `limit` cells past their time; returns how many.
    pub(super) fn drop_expired(&mut self, now: Timestamp, limit: usize) -> usize {
        self.turn_pages(now);
        let mut dropped = 0;
        while dropped < limit {
            let Some((at, place)) = self.broom.pop(now) else {
                break;
            };
            if self.is_due(place, at) {
                self.remove(place);
                dropped += 1;
            }
        }
        dropped
    }

    /// Puts the pages that have begun in order.
    fn turn_pages(&mut self, now: Timestamp) {
        while let Some((page, places)) = self.broom.turn(now) {
            let mut due = Vec::with_capacity(places.len());
            for at in places {
                let place = self.place(at);
                if !place.is_entered_on(page) {
                    continue; // another cell lies here by now, or this one has an earlier entry
                }
                match place.discard_after() {
                    Some(after) if Page::of(after) <= page => due.push((after, at)),
                    after => self.enter_again(at, after),
                }
            }
            self.broom.order(due);
        }
    }

    /// Says whether the entry for `at` belongs to what lies in the place, and its time is over; a
    /// cell whose time moved is entered again.
    fn is_due(&mut self, place: u32, at: Timestamp) -> bool {
        let found = self.place(place);
        if !found.is_entered_on(Page::of(at)) {
            return false;
        }
        match found.discard_after() {
            Some(after) if after <= at => true,
            after => {
                self.enter_again(place, after);
                false
            }
        }
    }

    fn enter_again(&mut self, at: u32, after: Option<Timestamp>) {
        self.place_mut(at).flags &= !ENTERED;
        if let Some(after) = after {
            self.enter(at, after);
        }
    }

    fn enter(&mut self, at: u32, after: Timestamp) {
        let place = self.place_mut(at);
        place.flags |= ENTERED;
        place.due = Page::of(after).mark();
        self.broom.enter(after, at);
    }

    /// Sets when the cell may go; it is entered anew only where its entry would come up too late.
    fn set_discard_after(&mut self, at: u32, after: Option<Timestamp>) {
        let place = self.place_mut(at);
        let before = place.discard_after;
        let Some(after) = after else {
            place.flags |= KEPT;
            return;
        };
        place.flags &= !KEPT;
        place.discard_after = after;
        let page = Page::of(after);
        // Not earlier than the page that it is entered on: in doubt the cell is entered twice.
        let entered = Page::of(before).latest_with(place.due);
        let is_in_time = place.flags & ENTERED != 0
            && (entered < page
                || entered == page && (after >= before || !self.broom.has_begun(page)));
        if !is_in_time {
            self.enter(at, after);
        }
    }

    fn insert(&mut self, key: &Key) -> u32 {
        let at = self.free.pop().unwrap_or_else(|| {
            // None is free, so each has its entry in the index. Shards share a capacity in cells, each of
            // more than a hundred bytes.
            let at = u32::try_from(self.index.len()).unwrap_or(u32::MAX);
            let (run, _) = run_of(at);
            if run == self.runs.len() {
                self.runs.push(Vec::with_capacity(FIRST_RUN << run));
            }
            self.runs[run].push(Place::EMPTY);
            at
        });
        self.place_mut(at).key = *key;
        let Self { index, runs, .. } = self;
        let rehash = |at: &u32| {
            let (run, within) = run_of(*at);
            hash(&runs[run][within].key)
        };
        index.insert_unique(hash(key), at, rehash);
        at
    }

    fn remove(&mut self, at: u32) {
        let key = self.place(at).key;
        if let Ok(entry) = self.index.find_entry(hash(&key), |place| *place == at) {
            entry.remove();
        }
        if self.place(at).length == LONG {
            self.long.remove(&at);
        }
        *self.place_mut(at) = Place::EMPTY;
        self.free.push(at);
    }

    fn place(&self, at: u32) -> &Place {
        let (run, within) = run_of(at);
        &self.runs[run][within]
    }

    fn place_mut(&mut self, at: u32) -> &mut Place {
        let (run, within) = run_of(at);
        &mut self.runs[run][within]
    }
}

/// Room for a cell: 144 bytes, so that a million codes take as little as they can.
struct Place {
    key: Key,
    /// Means nothing for a cell that never may go.
    discard_after: Timestamp,
    version: u32,
    /// The mark of the page on which the cell is entered.
    due: u16,
    /// The bytes of the body, or [`LONG`].
    length: u8,
    /// Whether the broom has an entry for what lies here, and whether it never may go.
    flags: u8,
    body: [u8; SHORT],
}

const ENTERED: u8 = 1;
const KEPT: u8 = 2;

const _: () = assert!(size_of::<Place>() == 144);

impl Place {
    const EMPTY: Self = Self {
        key: Key::from_bytes([0; 32]),
        discard_after: Timestamp::from_unix(0),
        version: 0,
        due: 0,
        length: 0,
        flags: 0,
        body: [0; SHORT],
    };

    fn version(&self) -> Version {
        Version::new(self.version.into())
    }

    fn discard_after(&self) -> Option<Timestamp> {
        (self.flags & KEPT == 0).then_some(self.discard_after)
    }

    fn is_entered_on(&self, page: Page) -> bool {
        self.flags & ENTERED != 0 && self.due == page.mark()
    }
}

/// The bytes of a slot, unsealed: it fills its place to the last byte.
const SHORT: usize = 96;

/// The length of a body that is kept elsewhere.
const LONG: u8 = u8::MAX;

/// The places of the first run: 2 KiB, so that a store of few cells is small.
const FIRST_RUN: usize = 16;

/// Returns which run a place lies in, and where: each run has twice the places of the one before, so that
/// the table of the runs stays in the cache. What of a run was never touched takes no memory.
const fn run_of(at: u32) -> (usize, usize) {
    let at = at as usize + FIRST_RUN;
    let run = (at.ilog2() - FIRST_RUN.ilog2()) as usize;
    (run, at - (FIRST_RUN << run))
}

/// Takes 8 bytes of the key for its hash: they are part of a keyed hash already.
pub(super) fn hash(key: &Key) -> u64 {
    let [_, _, _, _, _, _, _, _, part @ ..] = key.as_bytes();
    part.first_chunk()
        .map_or(0, |part| u64::from_le_bytes(*part))
}

/// Spreads the numbers of places, which nobody chooses.
#[derive(Default)]
pub(super) struct PlaceHasher(u64);

impl Hasher for PlaceHasher {
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u32(u32::from(*byte));
        }
    }

    fn write_u32(&mut self, number: u32) {
        self.0 = (self.0 ^ u64::from(number)).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    }

    fn finish(&self) -> u64 {
        self.0
    }
}
