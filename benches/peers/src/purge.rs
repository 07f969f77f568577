//! Dropping codes whose time is over: the cost of each, alone and among a million that live; and that of
//! removing as much from a map of the standard library (which is `hashbrown`'s) by keys that are known.

use core::cell::{Cell, RefCell};
use core::hash::{BuildHasherDefault, Hasher};
use core::hint::black_box;
use std::collections::HashMap;
use std::rc::Rc;

use crate::harness::{Harness, Profile, binding};
use crate::measure::{Effort, Row, group};

const DAY: i64 = 86_400;
/// Past the end of every round.
const FAR: i64 = 3_650 * DAY;

pub(crate) fn rows(effort: Effort) {
    let (expired, live) = (effort.of(10_000, 20), effort.of(1_000_000, 300));
    let rows = vec![
        row("alone", expired, 0),
        row("alone again", expired, 0),
        row("among 1 M live", expired, live),
        map("map, alone", expired, 0),
        map("map, among 1 M live", expired, live),
    ];
    group(effort, "purge", rows);
}

fn row(name: &'static str, expired: usize, live: usize) -> Row<'static> {
    let harness = Rc::new(Harness::new(Profile::Bare, expired + live));
    harness.set(FAR);
    (expired..expired + live).for_each(|slot| harness.issue_only(&binding(slot)));
    let day = Cell::new(0);
    let filled = harness.clone();
    let prepare = move || {
        filled.set(day.get() * DAY);
        (0..expired).for_each(|slot| filled.issue_only(&binding(slot)));
        // A cell is kept for two days after its code's end.
        day.set(day.get() + 3);
        filled.set(day.get() * DAY);
    };
    Row::new(name, prepare, move || {
        let dropped = harness.purge(expired);
        assert_eq!((dropped, harness.cells()), (expired, live));
        dropped
    })
}

/// Keys as long as a cell's, values as long as the rest of one.
type Map = HashMap<[u64; 4], [u8; 112], BuildHasherDefault<Second>>;

fn map(name: &'static str, expired: usize, live: usize) -> Row<'static> {
    let first: Map = (0..live as u64).map(|at| (key(at), [0; 112])).collect();
    let map = Rc::new(RefCell::new(first));
    let used = Cell::new(live as u64);
    let due = Rc::new(RefCell::new(Vec::new()));
    let (filled, entered) = (map.clone(), due.clone());
    let prepare = move || {
        let first = used.get();
        used.set(first + expired as u64);
        let mut due = entered.borrow_mut();
        due.clear();
        due.extend((first..used.get()).map(key));
        let cells = due.iter().map(|key| (*key, [0; 112]));
        filled.borrow_mut().extend(cells);
    };
    Row::new(name, prepare, move || {
        let (mut map, due) = (map.borrow_mut(), due.borrow());
        for key in due.iter() {
            black_box(map.remove(key));
        }
        assert_eq!(map.len(), live);
        due.len()
    })
}

/// Returns a key whose second word is as good as random.
const fn key(at: u64) -> [u64; 4] {
    let spread = (at + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(31);
    [7, spread.wrapping_mul(0xD6E8_FEB8_6659_FD93), at, 7]
}

/// Takes the second word of a key for its hash, as the memory store does.
#[derive(Default)]
struct Second(u64);

impl Hasher for Second {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, key: &[u8]) {
        let word = key.get(8..16).and_then(|word| word.first_chunk());
        self.0 = word.map_or(self.0, |word| u64::from_le_bytes(*word));
    }
}
