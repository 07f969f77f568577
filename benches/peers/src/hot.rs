//! Issue and verify on 1,000 slots, which stay in the processor's cache.

use core::cell::{Cell, RefCell};

use otp_engine::binding::{BindingRef, Bound};
use otp_engine::{Binding, Rejection, Submission, Verdict};
use otp_floor::operation::{Operation, Order, draw};

use crate::harness::{Harness, Profile, Ticket, binding, wrong};
use crate::measure::{Effort, Row, group};

const DAY: i64 = 86_400;
/// Past the default validity of three minutes.
const LATER: i64 = 600;

pub(crate) fn rows(effort: Effort) {
    let slots = effort.of(1_000, 20);
    let bindings: Vec<_> = (0..slots).map(binding).collect();
    for profile in Profile::ALL {
        let name = profile.name();
        group(effort, &format!("issue {name}"), issue(profile, &bindings));
        group(
            effort,
            &format!("verify {name}"),
            verify(profile, &bindings),
        );
    }
}

fn issue(profile: Profile, bindings: &[Binding]) -> Vec<Row<'_>> {
    let slots = bindings.len();
    let floor = |name, profile, order| floor(name, profile, order, slots, Operation::issue);
    let row = |name, bound: bool| {
        let harness = Harness::new(profile, slots);
        let bound = bound_before(&harness, bindings, bound);
        // A new code each time: the clock goes on by a day, so that no rate limit refuses.
        let day = Cell::new(0);
        let run = move || {
            day.set(day.get() + 1);
            harness.set(day.get() * DAY);
            (0..slots).for_each(|slot| harness.issue_only(given(bindings, &bound, slot)));
            slots
        };
        Row::new(name, || (), run)
    };
    let many = || {
        let harness = Harness::new(profile, slots);
        let all: Vec<_> = bindings.iter().map(BindingRef::from).collect();
        let day = Cell::new(0);
        let run = move || {
            day.set(day.get() + 1);
            harness.set(day.get() * DAY);
            all.chunks(MANY).for_each(|some| harness.issue_many(some));
            slots
        };
        Row::new("issue, 256 at once", || (), run)
    };
    let drawn = move || {
        (0..slots).for_each(|_| draw());
        slots
    };
    let mut rows = vec![
        floor("floor", profile, Order::Serial),
        floor("floor, side by side", profile, Order::SideBySide),
        Row::new("draw", || (), drawn),
        row("issue", false),
        row("issue, bound", true),
        many(),
        floor("floor again", profile, Order::Serial),
    ];
    if profile.is_limited() {
        rows.push(floor("bare floor", Profile::Bare, Order::Serial));
    }
    rows
}

fn verify(profile: Profile, bindings: &[Binding]) -> Vec<Row<'_>> {
    let slots = bindings.len();
    let floor = |name, profile, order| floor(name, profile, order, slots, Operation::verify);
    let row = |guess: Guess| guess.row(profile, bindings, false);
    let mut rows = vec![
        floor("floor", profile, Order::Serial),
        floor("floor, side by side", profile, Order::SideBySide),
        row(Guess::Right),
        Guess::Right.row(profile, bindings, true),
        row(Guess::Wrong),
        row(Guess::Expired),
        row(Guess::Unknown),
        row(Guess::Used),
        row(Guess::Superseded),
        floor("floor again", profile, Order::Serial),
    ];
    if profile.is_limited() {
        rows.push(floor("bare floor", Profile::Bare, Order::Serial));
    }
    rows
}

fn floor<'a>(
    name: &'a str,
    profile: Profile,
    order: Order,
    slots: usize,
    operation: impl Fn(&Operation, usize) + 'a,
) -> Row<'a> {
    let floor = Operation::new(profile.is_limited(), order, slots);
    let run = move || {
        (0..slots).for_each(|slot| operation(&floor, slot));
        slots
    };
    Row::new(name, || (), run)
}

fn bound_before(harness: &Harness, bindings: &[Binding], bound: bool) -> Vec<Bound> {
    let bindings = bindings.iter().filter(|_| bound);
    bindings.map(|to| harness.bind(to)).collect()
}

fn given<'a>(bindings: &'a [Binding], bound: &'a [Bound], at: usize) -> BindingRef<'a> {
    let plain = || BindingRef::from(&bindings[at]);
    bound.get(at).map_or_else(plain, BindingRef::from)
}

/// How many operations a batch has.
const MANY: usize = 256;

/// How what is entered stands to what was issued.
#[derive(Clone, Copy)]
enum Guess {
    Right,
    Wrong,
    Expired,
    Unknown,
    Used,
    Superseded,
}

impl Guess {
    const fn name(self) -> &'static str {
        match self {
            Self::Right => "right code",
            Self::Wrong => "wrong code",
            Self::Expired => "expired",
            Self::Unknown => "nothing issued",
            Self::Used => "already used",
            Self::Superseded => "superseded",
        }
    }

    fn is_met_by(self, verdict: &Verdict) -> bool {
        match self {
            Self::Right => verdict.is_accepted(),
            Self::Wrong => matches!(verdict.rejection(), Some(Rejection::Wrong { .. })),
            Self::Expired => verdict.rejection() == Some(Rejection::Expired),
            Self::Unknown => verdict.rejection() == Some(Rejection::Unknown),
            Self::Used => verdict.rejection() == Some(Rejection::AlreadyUsed),
            Self::Superseded => verdict.rejection() == Some(Rejection::Superseded),
        }
    }

    fn row(self, profile: Profile, bindings: &[Binding], bound: bool) -> Row<'_> {
        let harness = std::rc::Rc::new(Harness::new(profile, bindings.len()));
        let bound = bound_before(&harness, bindings, bound);
        let name = if bound.is_empty() {
            self.name()
        } else {
            "right code, bound"
        };
        let tickets = std::rc::Rc::new(RefCell::new(Vec::new()));
        let (fresh, filled) = (harness.clone(), tickets.clone());
        let day = Cell::new(0);
        let prepare = move || {
            day.set(day.get() + 2);
            *filled.borrow_mut() = self.tickets(&fresh, bindings, day.get() * DAY);
        };
        let run = move || {
            let tickets = tickets.borrow();
            for (at, ticket) in tickets.iter().enumerate() {
                let mut submission = Submission::new(given(bindings, &bound, at), &ticket.code);
                if matches!(self, Self::Superseded) {
                    submission = submission.challenge(ticket.id);
                }
                let verdict = harness.verify(submission);
                assert!(self.is_met_by(&verdict), "{}: {verdict:?}", self.name());
            }
            tickets.len()
        };
        Row::new(name, prepare, run)
    }

    /// Brings every slot into the state that the row asks about; wrong guesses of earlier rounds are
    /// forgiven.
    fn tickets(self, harness: &Harness, bindings: &[Binding], now: i64) -> Vec<Ticket> {
        harness.set(now);
        if matches!(self, Self::Unknown) {
            // The names are never in the store; the codes are of a harness that is nobody's.
            let other = Harness::new(Profile::Bare, bindings.len());
            return bindings.iter().map(|to| other.issue(to)).collect();
        }
        let fresh = |to| {
            harness.unlock(to);
            harness.issue(to)
        };
        let mut tickets: Vec<_> = bindings.iter().map(fresh).collect();
        match self {
            Self::Wrong => {
                for ticket in &mut tickets {
                    ticket.code = wrong(&ticket.code);
                }
            }
            Self::Expired => harness.set(now + LATER),
            Self::Used => {
                for (to, ticket) in bindings.iter().zip(&tickets) {
                    let _ = harness.verify(Submission::new(to, &ticket.code));
                }
            }
            Self::Superseded => {
                harness.set(now + LATER);
                for to in bindings {
                    harness.issue_only(to);
                }
            }
            Self::Right | Self::Unknown => {}
        }
        tickets
    }
}
