//! Places of two sizes, in runs that never move: most cells are short, and a million of them take as
//! little as they can.

use alloc::vec::Vec;

use super::broom::Page;
use super::{Key, Version};
use crate::Timestamp;

/// The places of one shard. The highest bit of a place's number says whether it is a large one.
#[derive(Default)]
pub(super) struct Places {
    small: Slab<SMALL>,
    large: Slab<LARGE>,
}

impl Places {
    /// Takes a place for a body of so many bytes; it holds what [`Head::EMPTY`] says.
    pub(super) fn take(&mut self, length: usize) -> u32 {
        if is_for_large(length) {
            self.large.take() | LARGE_BIT
        } else {
            self.small.take()
        }
    }

    /// Says whether a body of so many bytes shall have a larger place than this one.
    pub(super) const fn is_outgrown(at: u32, length: usize) -> bool {
        at & LARGE_BIT == 0 && is_for_large(length)
    }

    /// Wipes a place and gives it back.
    pub(super) fn free(&mut self, at: u32) {
        if at & LARGE_BIT == 0 {
            self.small.free(at);
        } else {
            self.large.free(at & !LARGE_BIT);
        }
    }

    /// Returns what a place says of its cell, and the room for its body.
    pub(super) fn get(&self, at: u32) -> (&Head, &[u8]) {
        if at & LARGE_BIT == 0 {
            self.small.get(at)
        } else {
            self.large.get(at & !LARGE_BIT)
        }
    }

    pub(super) fn get_mut(&mut self, at: u32) -> (&mut Head, &mut [u8]) {
        if at & LARGE_BIT == 0 {
            self.small.get_mut(at)
        } else {
            self.large.get_mut(at & !LARGE_BIT)
        }
    }
}

/// What a place says of its cell.
#[derive(Clone)]
pub(super) struct Head {
    pub(super) key: Key,
    /// Means nothing for a cell that never may go.
    pub(super) discard_after: Timestamp,
    pub(super) version: u32,
    /// The mark of the page on which the cell is entered.
    pub(super) due: u16,
    /// The bytes of the body, or [`LONG`].
    pub(super) length: u8,
    /// Whether the broom has an entry for what lies here, and whether it never may go.
    pub(super) flags: u8,
}

pub(super) const ENTERED: u8 = 1;
pub(super) const KEPT: u8 = 2;

/// The length of a body that is kept elsewhere.
pub(super) const LONG: u8 = u8::MAX;

impl Head {
    const EMPTY: Self = Self {
        key: Key::from_bytes([0; 32]),
        discard_after: Timestamp::from_unix(0),
        version: 0,
        due: 0,
        length: 0,
        flags: 0,
    };

    pub(super) fn version(&self) -> Version {
        Version::new(self.version.into())
    }

    pub(super) fn discard_after(&self) -> Option<Timestamp> {
        (self.flags & KEPT == 0).then_some(self.discard_after)
    }

    pub(super) fn is_entered_on(&self, page: Page) -> bool {
        self.flags & ENTERED != 0 && self.due == page.mark()
    }
}

/// Places of one size.
#[derive(Default)]
struct Slab<const ROOM: usize> {
    runs: Vec<Vec<Place<ROOM>>>,
    /// How many places there are, those that are free included.
    made: u32,
    free: Vec<u32>,
}

struct Place<const ROOM: usize> {
    head: Head,
    body: [u8; ROOM],
}

const _: () = assert!(size_of::<Place<SMALL>>() == 80 && size_of::<Place<LARGE>>() == 144);

impl<const ROOM: usize> Slab<ROOM> {
    const EMPTY: Place<ROOM> = Place {
        head: Head::EMPTY,
        body: [0; ROOM],
    };

    fn take(&mut self) -> u32 {
        self.free.pop().unwrap_or_else(|| {
            let at = self.made;
            // Memory ends long before: two thousand million places take 160 GB.
            self.made += 1;
            let (run, _) = run_of(at);
            if run == self.runs.len() {
                self.runs.push(Vec::with_capacity(FIRST_RUN << run));
            }
            self.runs[run].push(Self::EMPTY);
            at
        })
    }

    fn free(&mut self, at: u32) {
        let (run, within) = run_of(at);
        self.runs[run][within] = Self::EMPTY;
        self.free.push(at);
    }

    fn get(&self, at: u32) -> (&Head, &[u8]) {
        let (run, within) = run_of(at);
        let place = &self.runs[run][within];
        (&place.head, &place.body)
    }

    fn get_mut(&mut self, at: u32) -> (&mut Head, &mut [u8]) {
        let (run, within) = run_of(at);
        let place = &mut self.runs[run][within];
        (&mut place.head, &mut place.body)
    }
}

const fn is_for_large(length: usize) -> bool {
    SMALL < length && length <= LARGE
}

/// A meter of four instants has 30 bytes. Also the place of a body that is kept elsewhere.
const SMALL: usize = 32;

/// The bytes of a slot, unsealed: it fills its place to the last byte.
const LARGE: usize = 96;

const LARGE_BIT: u32 = 1 << 31;

/// The places of the first run: about 2 KiB, so that a store of few cells is small.
const FIRST_RUN: usize = 16;

/// Returns which run a place lies in, and where: each run has twice the places of the one before, so that
/// the table of the runs stays in the cache. What of a run was never touched takes no memory.
const fn run_of(at: u32) -> (usize, usize) {
    let at = at as usize + FIRST_RUN;
    let run = (at.ilog2() - FIRST_RUN.ilog2()) as usize;
    (run, at - (FIRST_RUN << run))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_that_is_given_back_is_wiped_and_taken_again() {
        let mut places = Places::default();
        for (length, room) in [(0, 32), (32, 32), (33, 96), (96, 96), (97, 32)] {
            let at = places.take(length);
            let (head, body) = places.get_mut(at);
            assert_eq!(body, vec![0; room]);
            (head.length, head.flags) = (7, KEPT);
            body.fill(0xa5);
            places.free(at);
            assert_eq!(places.take(length), at);
            let (head, body) = places.get(at);
            assert_eq!((head.length, head.flags), (0, 0));
            assert_eq!(body, vec![0; room]);
        }
    }

    #[test]
    fn places_of_both_sizes_have_numbers_of_their_own_over_many_runs() {
        let mut places = Places::default();
        let mut taken = Vec::new();
        for number in 0..10_000_u32 {
            let at = places.take(if number % 3 == 0 { 96 } else { 18 });
            places.get_mut(at).0.version = number;
            taken.push(at);
        }
        for (number, at) in (0..).zip(&taken) {
            assert_eq!(places.get(*at).0.version, number);
            assert!(Places::is_outgrown(*at, 33) == (number % 3 != 0));
            assert!(!Places::is_outgrown(*at, 32) && !Places::is_outgrown(*at, 97));
        }
    }
}
