//! Judges a history of overlapping calls: is there an order in which a single caller would have
//! got the same answers?
//!
//! Each call takes effect at one instant between its beginning and its end. A call without an
//! answer (its process died, or it heard an error) may have taken effect at any time later, or
//! never. The search keeps what it has refuted, and takes two short cuts that lose no order:
//! an answered call that fits and changes nothing goes first, and of calls that ask and hear the
//! same the one that ended first does.

use core::hash::Hash;
use std::collections::HashSet;

/// What a history is held against: a state, and what each operation answers and leaves.
pub(crate) trait Spec: Clone + Eq + Hash {
    type Op: Clone + Eq;
    type Ret: Clone + Eq;

    fn invoke(&mut self, op: &Self::Op) -> Self::Ret;
}

/// One call of a history: the ticks of its beginning and end, what it asked and what it heard.
#[derive(Clone, Debug)]
pub(crate) struct Call<Op, Ret> {
    pub(crate) from: u64,
    pub(crate) to: u64,
    pub(crate) op: Op,
    pub(crate) ret: Option<Ret>,
}

/// Says whether `calls`, at most 128 of them, have an order from `start` on.
pub(crate) fn linearizable<S: Spec>(start: S, calls: &[Call<S::Op, S::Ret>]) -> bool {
    assert!(calls.len() <= 128, "{} calls", calls.len());
    search(calls, 0, start, &mut HashSet::new())
}

fn search<S: Spec>(
    calls: &[Call<S::Op, S::Ret>],
    mut done: u128,
    state: S,
    refuted: &mut HashSet<(u128, S)>,
) -> bool {
    let open = |done: u128, at: usize| done >> at & 1 == 0;
    // All calls that may come next: they began before the first open answer was given.
    let next = loop {
        let horizon = (0..calls.len())
            .filter(|at| open(done, *at) && calls[*at].ret.is_some())
            .map(|at| calls[at].to)
            .min();
        let Some(horizon) = horizon else {
            return true; // what is left was never answered
        };
        let next: Vec<usize> = (0..calls.len())
            .filter(|at| open(done, *at) && calls[*at].from < horizon)
            .collect();
        let idle = next.iter().find(|at| {
            let mut after = state.clone();
            let ret = after.invoke(&calls[**at].op);
            calls[**at].ret == Some(ret) && after == state
        });
        match idle {
            Some(at) => done |= 1 << at,
            None => break next,
        }
    };
    if !refuted.insert((done, state.clone())) {
        return false;
    }
    let alike = |one: &Call<S::Op, S::Ret>, other: &Call<S::Op, S::Ret>| {
        one.op == other.op && one.ret == other.ret
    };
    next.iter().any(|at| {
        let call = &calls[*at];
        let is_first = next
            .iter()
            .filter(|other| alike(call, &calls[**other]))
            .min_by_key(|other| (calls[**other].to, **other));
        if is_first != Some(at) {
            return false;
        }
        let mut after = state.clone();
        let ret = after.invoke(&call.op);
        let fits = call.ret.as_ref().is_none_or(|heard| *heard == ret);
        fits && search(calls, done | 1 << at, after, refuted)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::support::slot::{Op, Ret, Slot};

    /// Begins, ends, asks, hears.
    type Line = (u64, u64, Op, Option<Ret>);

    fn judge(lines: &[Line]) -> bool {
        let call = |(from, to, op, ret): &Line| Call {
            from: *from,
            to: *to,
            op: *op,
            ret: *ret,
        };
        linearizable(Slot::issued(), &lines.iter().map(call).collect::<Vec<_>>())
    }

    const R: Op = Op::Right;
    const W: Op = Op::Wrong;
    const NEVER: u64 = u64::MAX;

    #[test]
    fn histories_that_have_an_order_are_accepted() {
        for history in [
            &[][..],
            &[
                (1, 2, R, Some(Ret::Accepted)),
                (3, 4, R, Some(Ret::AlreadyUsed)),
            ],
            // Overlapping: the second to begin came first.
            &[
                (1, 9, R, Some(Ret::AlreadyUsed)),
                (2, 8, R, Some(Ret::Accepted)),
            ],
            &[
                (1, 9, W, Some(Ret::Wrong(3))),
                (2, 8, W, Some(Ret::Wrong(4))),
            ],
            // An answer was lost: it took effect, or it did not.
            &[(1, NEVER, R, None), (3, 4, R, Some(Ret::AlreadyUsed))],
            &[(1, NEVER, R, None), (3, 4, R, Some(Ret::Accepted))],
            &[(1, NEVER, W, None), (3, 4, W, Some(Ret::Wrong(3)))],
            &[
                (1, NEVER, W, None),
                (3, 4, W, Some(Ret::Wrong(4))),
                (5, 6, W, Some(Ret::Wrong(2))),
            ],
        ] {
            assert!(judge(history), "{history:?}");
        }
    }

    #[test]
    fn histories_that_have_none_are_refused() {
        for history in [
            // Twice.
            &[
                (1, 9, R, Some(Ret::Accepted)),
                (2, 8, R, Some(Ret::Accepted)),
            ][..],
            // One guess not counted, one counted without an answer.
            &[
                (1, 9, W, Some(Ret::Wrong(4))),
                (2, 8, W, Some(Ret::Wrong(4))),
            ],
            &[
                (1, 2, W, Some(Ret::Wrong(4))),
                (3, 4, W, Some(Ret::Wrong(2))),
            ],
            // Wrong after Accepted: counting alone does not see this one.
            &[
                (1, 2, R, Some(Ret::Accepted)),
                (3, 4, W, Some(Ret::Wrong(4))),
            ],
            // AlreadyUsed before the right guess began: a dirty read.
            &[
                (1, 2, W, Some(Ret::AlreadyUsed)),
                (3, 4, R, Some(Ret::Accepted)),
            ],
            // A code that was called off, accepted.
            &[
                (1, 2, Op::Cancel, Some(Ret::CalledOff)),
                (3, 4, R, Some(Ret::Accepted)),
            ],
            // An unanswered call takes effect after it began, and once.
            &[(3, NEVER, R, None), (1, 2, R, Some(Ret::AlreadyUsed))],
            &[(1, NEVER, W, None), (3, 4, W, Some(Ret::Wrong(2)))],
            // Two codes out at one instant.
            &[
                (1, 9, Op::Issue, Some(Ret::SentAgain(2))),
                (2, 8, Op::Issue, Some(Ret::SentAgain(2))),
            ],
        ] {
            assert!(!judge(history), "{history:?}");
        }
    }

    /// The short cuts and the memory change no judgement: on small histories, right ones and
    /// spoilt ones, the search agrees with a trial of every order.
    #[test]
    fn the_search_agrees_with_a_trial_of_every_order() {
        fn any_order(lines: &[Line], done: u32, state: Slot) -> bool {
            let open = |at: &usize| done >> at & 1 == 0;
            let lines_open = || (0..lines.len()).filter(open);
            if lines_open().all(|at| lines[at].3.is_none()) {
                return true;
            }
            lines_open().any(|at| {
                let late = lines_open().any(|other| lines[other].1 < lines[at].0);
                let mut after = state;
                let ret = after.invoke(&lines[at].2);
                !late
                    && lines[at].3.is_none_or(|heard| heard == ret)
                    && any_order(lines, done | 1 << at, after)
            })
        }
        let mut word = 7_u64;
        let mut draw = |below: u64| {
            word = word.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (word >> 33) % below
        };
        let ops = [R, R, W, W, Op::Issue, Op::Cancel];
        let (mut accepted, mut refused) = (0, 0);
        for _ in 0..20_000 {
            // Calls take effect in order at ticks 20, 40, ..; beginnings and ends spread around.
            let mut slot = Slot::issued();
            let mut lines: Vec<Line> = (1..=6)
                .map(|tick| {
                    let op = ops[usize::try_from(draw(6)).unwrap()];
                    let ret = slot.invoke(&op);
                    // Beginnings are even and ends odd: no two ticks are the same.
                    let (from, to) = (
                        tick * 20 - 2 * draw(25).min(tick * 10),
                        tick * 20 + 2 * draw(25) + 1,
                    );
                    match draw(8) {
                        0 => (from, NEVER, op, None),
                        _ => (from, to, op, Some(ret)),
                    }
                })
                .collect();
            assert!(judge(&lines), "{lines:?}");
            let [one, other] = [draw(6), draw(6)].map(|at| usize::try_from(at).unwrap());
            (lines[one].3, lines[other].3) = (lines[other].3, lines[one].3);
            if lines[one].3.is_none() != (lines[one].1 == NEVER) {
                (lines[one].1, lines[other].1) = (lines[other].1, lines[one].1);
            }
            if lines.iter().any(|(from, to, ..)| from >= to) {
                continue;
            }
            let expected = any_order(&lines, 0, Slot::issued());
            assert_eq!(judge(&lines), expected, "{lines:?}");
            accepted += usize::from(expected);
            refused += usize::from(!expected);
        }
        assert!(accepted > 1_000 && refused > 1_000, "{accepted} {refused}");
    }
}
