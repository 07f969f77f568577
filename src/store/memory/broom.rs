//! Which cells are due to be looked at, and when: a calendar that never scans what lives on.
//!
//! A cell has one entry, at or before its own time. A cell whose time moves later keeps its entry,
//! and gets the next one when that comes up: the usual write touches nothing here. An entry that no
//! longer belongs to what lies in its place is passed over when it comes up.

use alloc::{
    collections::{BTreeMap, BTreeSet},
    vec::Vec,
};
use core::cmp::Reverse;

use crate::Timestamp;

/// The seconds of a page: long enough that pages are few, short enough that each is soon sorted.
const PAGE: i64 = 1024;

/// The page that an instant lies on.
#[derive(Clone, Copy, Eq, Ord, PartialEq, PartialOrd)]
pub(super) struct Page(i64);

impl Page {
    pub(super) const fn of(at: Timestamp) -> Self {
        Self(at.unix().div_euclid(PAGE))
    }

    /// Returns the part of its number that a cell remembers.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "the low bits are what is wanted"
    )]
    pub(super) const fn mark(self) -> u16 {
        self.0 as u16
    }

    /// Returns the latest page up to this one that has `mark`.
    pub(super) const fn latest_with(self, mark: u16) -> Self {
        Self(self.0.saturating_sub(self.mark().wrapping_sub(mark) as i64))
    }
}

/// The calendar of one shard; a place is the number of a cell in it.
#[derive(Default)]
pub(super) struct Broom {
    /// Pages that have not begun, in no order within.
    later: BTreeMap<Page, Vec<u32>>,
    /// What stood on the pages that have begun, the earliest last.
    soon: Vec<(Timestamp, u32)>,
    /// What was entered on a page that had begun.
    late: BTreeSet<(Timestamp, u32)>,
    /// The latest page that has begun.
    begun: Option<Page>,
}

impl Broom {
    /// Says whether a page's entries are in their order already.
    pub(super) fn has_begun(&self, page: Page) -> bool {
        self.begun.is_some_and(|begun| page <= begun)
    }

    /// Enters a place for `at`.
    pub(super) fn enter(&mut self, at: Timestamp, place: u32) {
        let page = Page::of(at);
        if self.has_begun(page) {
            self.late.insert((at, place));
        } else {
            self.later.entry(page).or_default().push(place);
        }
    }

    /// Takes out the earliest page that has begun by `now` and is not yet in order.
    pub(super) fn turn(&mut self, now: Timestamp) -> Option<(Page, Vec<u32>)> {
        let today = Page::of(now);
        match self.later.first_entry() {
            Some(first) if *first.key() <= today => Some(first.remove_entry()),
            _ => {
                self.begun = self.begun.max(Some(today));
                None
            }
        }
    }

    /// Puts places of pages that have begun in order.
    pub(super) fn order(&mut self, places: impl IntoIterator<Item = (Timestamp, u32)>) {
        let mut soon = Vec::from_iter(places);
        if !soon.is_empty() {
            soon.append(&mut self.soon);
            soon.sort_by_key(|(at, _)| Reverse(*at));
            self.soon = soon;
        }
    }

    /// Takes out an entry before `now`.
    pub(super) fn pop(&mut self, now: Timestamp) -> Option<(Timestamp, u32)> {
        let is_over = |entry: Option<&(Timestamp, u32)>| entry.is_some_and(|(at, _)| *at < now);
        if is_over(self.soon.last()) {
            self.soon.pop()
        } else if is_over(self.late.first()) {
            self.late.pop_first()
        } else {
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_finds_the_page_again_within_65536_pages() {
        for number in [-70_000, -1, 0, 5, 65_535, 65_536, 1_700_000] {
            let page = Page(number);
            for ahead in [0, 1, 65_535] {
                assert!(Page(number + ahead).latest_with(page.mark()) == page);
            }
            assert!(Page(number + 65_536).latest_with(page.mark()) > page);
        }
    }

    #[test]
    fn entries_come_up_in_order_once_their_page_has_begun() {
        let mut broom = Broom::default();
        let at = Timestamp::from_unix;
        for (second, place) in [(5_000, 1), (1_030, 2), (1_025, 3), (9_000, 4)] {
            broom.enter(at(second), place);
        }
        assert!(broom.pop(at(9_999)).is_none());
        let (page, mut places) = broom.turn(at(1_030)).unwrap();
        places.sort_unstable();
        assert!(page == Page(1) && places == [2, 3]);
        broom.order([(at(1_030), 2), (at(1_025), 3)]);
        assert!(broom.turn(at(1_030)).is_none());
        broom.enter(at(1_029), 5);
        assert_eq!(broom.pop(at(1_030)), Some((at(1_025), 3)));
        assert_eq!(broom.pop(at(1_030)), Some((at(1_029), 5)));
        assert_eq!(broom.pop(at(1_030)), None); // its second is not over
        assert_eq!(broom.pop(at(1_031)), Some((at(1_030), 2)));
        assert!(broom.turn(at(5_000)).unwrap().1 == [1]);
    }
}
