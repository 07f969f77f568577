//! Dropping codes whose time is over: the cost of each, alone and among a million that live.

use core::cell::Cell;
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
