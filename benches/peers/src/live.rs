//! Issue and verify with a million codes live: each operation misses the cache.

use core::cell::{Cell, RefCell};
use std::rc::Rc;

use otp_engine::binding::BindingRef;
use otp_engine::{Binding, Submission, Verdict};
use otp_floor::operation::{Operation, Order};

use crate::harness::{Harness, Profile, binding, wrong};
use crate::measure::{Effort, Row, group};

/// How many operations a batch has.
const MANY: usize = 256;

/// Past the validity and the time between two sends.
const LATER: i64 = 600;

pub(crate) fn rows(effort: Effort) {
    let size = Size {
        slots: effort.of(1_000_000, 300),
        each: effort.of(1_000, 20),
    };
    assert!(
        effort.rounds * size.each <= size.slots,
        "a slot is for one operation"
    );
    for profile in Profile::ALL {
        let name = profile.name();
        let floor = |name, profile| size.floor(name, profile, Operation::issue);
        let mut rows = vec![
            floor("floor", profile),
            floor("floor again", profile),
            size.issue(profile, "issue"),
            size.issue(profile, "issue, 256 at once"),
        ];
        if profile.is_limited() {
            rows.push(floor("bare floor", Profile::Bare));
        }
        group(effort, &format!("issue {name}, 1 M live"), rows);

        let floor = |name, profile| size.floor(name, profile, Operation::verify);
        let mut rows = vec![
            floor("floor", profile),
            floor("floor again", profile),
            size.verify(profile, "right code", |code| code),
            size.verify(profile, "wrong code", |code| wrong(&code)),
            size.verify(profile, "right code, 256 at once", |code| code),
        ];
        if profile.is_limited() {
            rows.push(floor("bare floor", Profile::Bare));
        }
        group(effort, &format!("verify {name}, 1 M live"), rows);
    }
}

#[derive(Clone, Copy)]
struct Size {
    slots: usize,
    /// The operations of a round.
    each: usize,
}

impl Size {
    /// Walks over all slots, each once, none beside the one before.
    fn walk(self) -> Walk {
        Walk {
            size: self,
            at: Cell::new(0),
        }
    }

    fn floor<'a>(
        self,
        name: &'a str,
        profile: Profile,
        operation: impl Fn(&Operation, usize) + 'a,
    ) -> Row<'a> {
        let floor = Operation::new(profile.is_limited(), Order::Serial, self.slots);
        let walk = self.walk();
        let next = Rc::new(RefCell::new(Vec::new()));
        let filled = next.clone();
        let prepare = move || *filled.borrow_mut() = walk.round();
        Row::new(name, prepare, move || {
            let slots = next.borrow();
            slots.iter().for_each(|slot| operation(&floor, *slot));
            slots.len()
        })
    }

    /// Issues where a code lies whose time is over.
    fn issue(self, profile: Profile, name: &'static str) -> Row<'static> {
        let harness = Harness::new(profile, self.slots);
        (0..self.slots).for_each(|slot| harness.issue_only(&binding(slot)));
        harness.set(LATER);
        let walk = self.walk();
        let next = Rc::new(RefCell::new(Vec::new()));
        let filled = next.clone();
        let prepare =
            move || *filled.borrow_mut() = walk.round().into_iter().map(binding).collect();
        let many = name != "issue";
        Row::new(name, prepare, move || {
            let next: &[Binding] = &next.borrow();
            if many {
                let all: Vec<_> = next.iter().map(BindingRef::from).collect();
                all.chunks(MANY).for_each(|some| harness.issue_many(some));
            } else {
                next.iter().for_each(|to| harness.issue_only(to));
            }
            next.len()
        })
    }

    fn verify(
        self,
        profile: Profile,
        name: &'static str,
        entered: impl Fn(String) -> String + 'static,
    ) -> Row<'static> {
        let harness = Harness::new(profile, self.slots);
        let issue = |slot| entered(harness.issue(&binding(slot)).code);
        let codes: Vec<String> = (0..self.slots).map(issue).collect();
        let walk = self.walk();
        let next = Rc::new(RefCell::new(Vec::new()));
        let filled = next.clone();
        let prepare = move || {
            let slots = walk.round().into_iter();
            *filled.borrow_mut() = slots
                .map(|slot| (binding(slot), codes[slot].clone()))
                .collect();
        };
        let (is_right, many) = (name != "wrong code", name.contains("at once"));
        Row::new(name, prepare, move || {
            let next: &[(Binding, String)] = &next.borrow();
            let judged = |verdict: Verdict| {
                assert_eq!(verdict.is_accepted(), is_right, "{name}: {verdict:?}");
            };
            let asked = next
                .iter()
                .map(|(to, entered)| Submission::new(to, entered));
            if many {
                let all: Vec<_> = asked.collect();
                for some in all.chunks(MANY) {
                    harness.verify_many(some, judged);
                }
            } else {
                asked.for_each(|one| judged(harness.verify(one)));
            }
            next.len()
        })
    }
}

struct Walk {
    size: Size,
    at: Cell<usize>,
}

impl Walk {
    fn round(&self) -> Vec<usize> {
        let at = self.at.replace(self.at.get() + self.size.each);
        (at..at + self.size.each)
            .map(|at| scattered(at, self.size.slots))
            .collect()
    }
}

/// Maps numbers below `slots` onto one another, neighbours far apart.
pub(crate) const fn scattered(at: usize, slots: usize) -> usize {
    // Prime to powers of ten, and to three times them.
    at * 618_031 % slots
}
