//! One table of the memory store: cells in places that do not move, found by key.

use alloc::{boxed::Box, vec::Vec};
use core::hash::{BuildHasherDefault, Hasher};
use core::hint::black_box;
use std::collections::HashMap;

use arrayvec::ArrayVec;
use hashbrown::HashTable;

use super::broom::{Broom, Page};
use super::slab::{ENTERED, Head, KEPT, LONG, Places};
use super::{Cell, Key, Version, Write};
use crate::Timestamp;

/// One of the tables; on cache lines of its own, as two threads rarely want the same one.
#[derive(Default)]
#[repr(align(64))]
pub(super) struct Shard {
    /// Places, by the keys that lie there.
    index: HashTable<u32>,
    /// A table that grows copies numbers of places, not cells.
    places: Places,
    /// Bodies that are too long for any place.
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
        let is_it = |place: &u32| self.head(*place).key == *key;
        self.index.find(hash(key), is_it).copied()
    }

    /// Adds a copy of the cell in a place to `cells`.
    pub(super) fn copy(&self, at: Option<u32>, cells: &mut Vec<Option<Cell>>) {
        cells.push(at.map(|at| {
            let (head, room) = self.places.get(at);
            let body = match head.length {
                LONG => self.long.get(&at).map_or(&[][..], |body| body),
                length => &room[..usize::from(length)],
            };
            Cell::new(head.version(), head.discard_after(), body)
        }));
    }

    /// Reads what a load or commit of the cell in a place will: a byte of each line behind its key's.
    pub(super) fn touch(&self, at: u32) {
        let (_, room) = self.places.get(at);
        for byte in room.iter().step_by(64).chain(room.last()) {
            black_box(*byte);
        }
    }

    /// Returns the version of the cell in a place; [`Version::ABSENT`] for none.
    pub(super) fn version(&self, at: Option<u32>) -> Version {
        at.map_or(Version::ABSENT, |at| self.head(at).version())
    }

    /// Writes a cell over the one in its place, or into a new one.
    pub(super) fn apply(&mut self, write: &Write<'_>, at: Option<u32>) {
        let length = write.body.len();
        let at = match at {
            Some(at) if Places::is_outgrown(at, length) => self.grow(at, length),
            Some(at) => at,
            None => self.insert(&write.key, length),
        };
        let (head, room) = self.places.get_mut(at);
        // Wider versions were refused.
        head.version = u32::try_from(write.expected.next().get()).unwrap_or(u32::MAX);
        let was_long = head.length == LONG;
        match room.get_mut(..length) {
            Some(body) => {
                body.copy_from_slice(write.body);
                head.length = u8::try_from(length).unwrap_or(LONG);
                if was_long {
                    self.long.remove(&at);
                }
            }
            None => {
                head.length = LONG;
                self.long.insert(at, write.body.into());
            }
        }
        self.set_discard_after(at, write.discard_after);
    }

    /// Drops at most `limit` cells past their time; returns how many.
    pub(super) fn drop_expired(&mut self, now: Timestamp, limit: usize) -> usize {
        self.turn_pages(now);
        let mut dropped = 0;
        loop {
            // Some at a time: all places are read, then all are looked for, then all are dropped, so that the
            // caches miss them side by side.
            let mut due = ArrayVec::<_, TOGETHER>::new();
            while due.len() < TOGETHER.min(limit - dropped) {
                let Some(entry) = self.broom.pop(now) else {
                    break;
                };
                due.push(entry);
            }
            if due.is_empty() {
                return dropped;
            }
            let hashes: ArrayVec<_, TOGETHER> = due
                .iter()
                .map(|(_, place)| hash(&self.head(*place).key))
                .collect();
            let find = |((_, place), hash): (&(_, u32), _)| {
                self.index.find_bucket_index(hash, |there| there == place)
            };
            let buckets: ArrayVec<_, TOGETHER> = due.iter().zip(hashes).map(find).collect();
            for ((at, place), bucket) in due.into_iter().zip(buckets) {
                if self.is_due(place, at) {
                    self.remove(place, bucket);
                    dropped += 1;
                }
            }
        }
    }

    /// Puts the pages that have begun in order.
    fn turn_pages(&mut self, now: Timestamp) {
        let mut due = Vec::new();
        while let Some((page, places)) = self.broom.turn(now) {
            due.reserve(places.len());
            for at in places {
                let head = self.head(at);
                if !head.is_entered_on(page) {
                    continue; // another cell lies here by now, or this one has an earlier entry
                }
                match head.discard_after() {
                    Some(after) if Page::of(after) <= page => due.push((after, at)),
                    after => self.enter_again(at, after),
                }
            }
        }
        self.broom.order(due);
    }

    /// Says whether the entry for `at` belongs to what lies in the place, and its time is over; a
    /// cell whose time moved is entered again.
    fn is_due(&mut self, place: u32, at: Timestamp) -> bool {
        let found = self.head(place);
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
        self.head_mut(at).flags &= !ENTERED;
        if let Some(after) = after {
            self.enter(at, after);
        }
    }

    fn enter(&mut self, at: u32, after: Timestamp) {
        let head = self.head_mut(at);
        head.flags |= ENTERED;
        head.due = Page::of(after).mark();
        self.broom.enter(after, at);
    }

    /// Sets when the cell may go; it is entered anew only where its entry would come up too late.
    fn set_discard_after(&mut self, at: u32, after: Option<Timestamp>) {
        let (head, _) = self.places.get_mut(at);
        let before = head.discard_after;
        let Some(after) = after else {
            head.flags |= KEPT;
            return;
        };
        head.flags &= !KEPT;
        head.discard_after = after;
        let page = Page::of(after);
        // Not earlier than the page that it is entered on: in doubt the cell is entered twice.
        let entered = Page::of(before).latest_with(head.due);
        let is_in_time = head.flags & ENTERED != 0
            && (entered < page
                || entered == page && (after >= before || !self.broom.has_begun(page)));
        if !is_in_time {
            self.enter(at, after);
        }
    }

    fn insert(&mut self, key: &Key, length: usize) -> u32 {
        let at = self.places.take(length);
        self.head_mut(at).key = *key;
        let Self { index, places, .. } = self;
        index.insert_unique(hash(key), at, |at| hash(&places.get(*at).0.key));
        at
    }

    /// Moves a cell to a larger place, where it stays until it goes: each move takes an entry of the broom.
    fn grow(&mut self, from: u32, length: usize) -> u32 {
        let to = self.places.take(length);
        let mut head = self.head(from).clone();
        if let Some(at) = self.index.find_mut(hash(&head.key), |at| *at == from) {
            *at = to;
        }
        if head.length == LONG {
            self.long.remove(&from);
        }
        // What is written now follows; the entry for the place before is passed over.
        head.length = 0;
        head.flags &= !ENTERED;
        *self.head_mut(to) = head;
        self.places.free(from);
        to
    }

    /// Removes the cell in a place, which lies in this bucket of the index.
    fn remove(&mut self, at: u32, bucket: Option<usize>) {
        if let Some(Ok(entry)) = bucket.map(|bucket| self.index.get_bucket_entry(bucket)) {
            entry.remove();
        }
        if self.head(at).length == LONG {
            self.long.remove(&at);
        }
        self.places.free(at);
    }

    fn head(&self, at: u32) -> &Head {
        self.places.get(at).0
    }

    fn head_mut(&mut self, at: u32) -> &mut Head {
        self.places.get_mut(at).0
    }
}

/// How many cells a purge drops together.
const TOGETHER: usize = 8;

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
