//! Storms: 64 threads on one slot, or on the slots of one user, and no store may let two of them
//! through. Each history is judged twice, by counting and by order, and planted stores must be
//! condemned by the same judges in the same run.

use core::fmt::Debug;
use core::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use otp_engine::store::Commit;
use otp_engine::{Engine, Issuance, MemoryStore, Store, Submission, operation::CancelOutcome};

use crate::support::broken::{Flaw, Naive};
use crate::support::fixture::{
    COOLDOWN, Harness, MAX_ATTEMPTS, USER_FAILURES, USER_SENDS, at, beside, binding_of,
};
use crate::support::linearizable::{Call, linearizable};
use crate::support::rendezvous::Rendezvous;
use crate::support::slot::{Asked, Life, Op, Ret, Slot, User};

/// One storm: who asks what, and what has to come of it.
struct Storm {
    /// How many slots one user has; thread `t` asks slot `t % slots`.
    slots: usize,
    /// Whether a code is out in each slot beforehand.
    issued: bool,
    op: fn(thread: usize) -> Op,
    /// How many of the answers have to be so, if it is the same in every order.
    accepted: Option<usize>,
    wrong: Option<usize>,
    sent: Option<usize>,
    /// What all others may hear.
    others: &'static [Ret],
    /// The planted stores that this storm must condemn.
    condemns: &'static [Flaw],
}

const ALL_RIGHT: Storm = Storm {
    slots: 1,
    issued: true,
    op: |_| Op::Right,
    accepted: Some(1),
    wrong: Some(0),
    sent: Some(0),
    others: &[Ret::AlreadyUsed],
    condemns: &[Flaw::Blind, Flaw::ReadThenWrite, Flaw::Forgetful],
};

const ALL_WRONG: Storm = Storm {
    op: |_| Op::Wrong,
    accepted: Some(0),
    wrong: Some(MAX_ATTEMPTS as usize),
    others: &[Ret::Exhausted],
    condemns: &[
        Flaw::Blind,
        Flaw::ReadThenWrite,
        Flaw::Cellwise,
        Flaw::Forgetful,
    ],
    ..ALL_RIGHT
};

const RIGHT_AND_WRONG: Storm = Storm {
    op: |thread| {
        if thread % 8 == 0 {
            Op::Right
        } else {
            Op::Wrong
        }
    },
    accepted: None,
    wrong: None,
    others: &[Ret::AlreadyUsed, Ret::Exhausted],
    condemns: &[Flaw::Blind, Flaw::ReadThenWrite, Flaw::Forgetful],
    ..ALL_RIGHT
};

const ISSUE_CANCEL_VERIFY: Storm = Storm {
    op: |thread| [Op::Right, Op::Issue, Op::Wrong, Op::Cancel][thread % 4],
    accepted: None,
    wrong: None,
    sent: None,
    others: &[
        Ret::Cooldown,
        Ret::Closed,
        Ret::AlreadyUsed,
        Ret::Exhausted,
        Ret::Cancelled,
        Ret::Superseded,
        Ret::CalledOff,
        Ret::NothingLive,
    ],
    condemns: &[Flaw::Blind, Flaw::ReadThenWrite, Flaw::Forgetful],
    ..ALL_RIGHT
};

const DOUBLE_CLICK: Storm = Storm {
    issued: false,
    op: |_| Op::Issue,
    accepted: Some(0),
    wrong: Some(0),
    sent: Some(1),
    others: &[Ret::Cooldown],
    ..ALL_RIGHT
};

/// Eight records of one user: the user's meter is in every commit.
const ONE_USER_RIGHT: Storm = Storm {
    slots: 8,
    accepted: Some(8),
    condemns: &[
        Flaw::Blind,
        Flaw::ReadThenWrite,
        Flaw::Cellwise,
        Flaw::Forgetful,
    ],
    ..ALL_RIGHT
};

/// Eight slots would grant 40 guesses; their user has 15.
const ONE_USER_WRONG: Storm = Storm {
    slots: 8,
    wrong: Some(USER_FAILURES as usize),
    others: &[Ret::Locked, Ret::Exhausted],
    ..ALL_WRONG
};

/// Sixteen slots want a code each; their user has ten sends in an hour.
const ONE_USER_ISSUES: Storm = Storm {
    slots: 16,
    sent: Some(USER_SENDS as usize),
    others: &[Ret::Cooldown, Ret::SendLimit],
    condemns: &[
        Flaw::Blind,
        Flaw::ReadThenWrite,
        Flaw::Cellwise,
        Flaw::Forgetful,
    ],
    ..DOUBLE_CLICK
};

#[test]
fn case_56_of_64_threads_with_the_right_code_one_succeeds() {
    ALL_RIGHT.rage("all right");
}

#[test]
fn case_18_of_64_parallel_wrong_guesses_five_are_compared() {
    ALL_WRONG.rage("all wrong");
}

#[test]
fn case_19_right_and_wrong_in_parallel_give_one_success_and_an_exact_count() {
    RIGHT_AND_WRONG.rage("right and wrong");
}

#[test]
fn case_38_of_64_parallel_issues_one_hands_out_a_code() {
    DOUBLE_CLICK.rage("issues");
}

#[test]
fn case_54_issue_cancel_and_verify_in_parallel_have_one_order() {
    ISSUE_CANCEL_VERIFY.rage("issue, cancel, verify");
}

#[test]
fn eight_codes_of_one_user_in_parallel_are_accepted_once_each() {
    ONE_USER_RIGHT.rage("one user, right");
}

#[test]
fn case_26_one_user_has_fifteen_guesses_however_many_slots_are_tried_in_parallel() {
    ONE_USER_WRONG.rage("one user, wrong");
}

#[test]
fn one_user_has_ten_sends_however_many_slots_ask_in_parallel() {
    ONE_USER_ISSUES.rage("one user, issues");
}

impl Storm {
    /// Runs the storm on sound and on planted stores.
    fn rage(&self, name: &str) {
        let harness = Harness::with_ten_digits();
        let memory = MemoryStore::new();
        let (mut most_rounds, mut conflicts) = (0, 0);
        for round in 0..ROUNDS {
            let free = self.run(
                &harness,
                round * 2,
                &memory,
                Rendezvous::free(&memory),
                || (),
            );
            free.acquitted(self, "running freely");
            let meeting = Rendezvous::of(&memory, THREADS);
            let met = self.run(&harness, round * 2 + 1, &memory, meeting, || ());
            met.acquitted(self, "meeting after the first load");
            // All loaded the same cells, and more than one had something to write.
            assert!(met.conflicts > 0 && met.rounds > 1);
            // A round is lost to somebody else's commit, never to nothing.
            assert!(
                met.rounds <= met.done + 1,
                "{} rounds, {} commits",
                met.rounds,
                met.done
            );
            most_rounds = most_rounds.max(met.rounds).max(free.rounds);
            conflicts += met.conflicts + free.conflicts;
        }
        assert!(
            most_rounds < 100,
            "{most_rounds} rounds: the engine gives up at 200"
        );
        for (number, flaw) in self.condemns.iter().enumerate() {
            let (mut by_count, mut by_order) = (0, 0);
            for round in 0..PLANTED_ROUNDS {
                let planted = Naive::new(*flaw);
                let world = 1_000 * (number + 1) + round;
                let meeting = Rendezvous::of(&planted, THREADS);
                let outcome = self.run(&harness, world, &planted, meeting, || {
                    planted.arm(THREADS / self.slots);
                });
                planted.disarm();
                by_count += usize::from(outcome.by_count(self).is_err());
                by_order += usize::from(!outcome.has_order(self));
            }
            assert_eq!(
                by_order, PLANTED_ROUNDS,
                "{name}: {flaw:?} got through, judged by order"
            );
            assert!(
                by_count > 0,
                "{name}: {flaw:?} got through, judged by counting"
            );
            eprintln!(
                "{name}: {flaw:?} condemned {by_order} times by order, {by_count} by counting"
            );
        }
        let storms = ROUNDS * 2;
        eprintln!(
            "{name}: {storms} storms sound, {conflicts} conflicts, at most {most_rounds} rounds"
        );
    }

    /// Lets all threads loose at once, in a world of their own.
    fn run(
        &self,
        harness: &Harness,
        world: usize,
        store: &dyn Store,
        meeting: Rendezvous<'_>,
        arm: impl FnOnce(),
    ) -> Outcome {
        harness.clock.set(at(0));
        let slots: Vec<_> = (0..self.slots)
            .map(|slot| binding_of(world, 0, slot))
            .collect();
        let issue = |binding| {
            harness
                .engine
                .issue(store, binding)
                .unwrap()
                .issued()
                .unwrap()
        };
        let issued: Vec<_> = if self.issued {
            slots.iter().map(issue).collect()
        } else {
            Vec::new()
        };
        harness.clock.set(at(COOLDOWN));
        arm();
        let ticks = AtomicU64::new(0);
        let tick = || ticks.fetch_add(1, Ordering::SeqCst);
        let ask = |slot: usize, op: Op, store: &dyn Store| -> Call<Asked, Ret> {
            let engine: &Engine = &harness.engine;
            let verify = |entered: &str, named: bool| {
                let mut submission = Submission::new(&slots[slot], entered);
                if named {
                    submission = submission.challenge(issued[slot].id);
                }
                Ret::from(&engine.verify(store, submission).unwrap())
            };
            let code = issued
                .get(slot)
                .map_or("0000000000", |issued| issued.code.as_str());
            let from = tick();
            let ret = match op {
                Op::Right => verify(code, true),
                Op::Wrong => verify(&beside(code), false),
                Op::Issue => match engine.issue(store, &slots[slot]).unwrap() {
                    Issuance::Issued(issued) if issued.send == 1 => Ret::Issued,
                    Issuance::Issued(issued) => Ret::SentAgain(issued.send),
                    Issuance::Refused(refusal) => refusal.reason.into(),
                },
                Op::Cancel => match engine.cancel(store, &slots[slot]).unwrap() {
                    CancelOutcome::Cancelled => Ret::CalledOff,
                    CancelOutcome::NothingLive => Ret::NothingLive,
                },
                Op::Look => engine.status(store, &slots[slot]).unwrap().into(),
            };
            Call {
                from,
                to: tick(),
                op: Asked::by(slot, op, ret),
                ret: Some(ret),
            }
        };
        let mut calls: Vec<_> = thread::scope(|scope| {
            let (ask, meeting) = (&ask, &meeting);
            let start =
                |thread| scope.spawn(move || ask(thread % self.slots, (self.op)(thread), meeting));
            let threads: Vec<_> = (0..THREADS).map(start).collect();
            threads
                .into_iter()
                .map(|thread| thread.join().unwrap())
                .collect()
        });
        // What the store kept is part of the history.
        calls.extend((0..self.slots).map(|slot| ask(slot, Op::Look, store)));
        let (done, conflicts) = meeting.commits();
        Outcome {
            calls,
            rounds: meeting.rounds(),
            done,
            conflicts,
        }
    }
}

/// What came of a storm.
struct Outcome {
    calls: Vec<Call<Asked, Ret>>,
    /// The most rounds of one call, commits done, and commits lost.
    rounds: usize,
    done: usize,
    conflicts: usize,
}

impl Outcome {
    fn acquitted(&self, storm: &Storm, how: &str) {
        assert_eq!(self.by_count(storm), Ok(()), "{how}: {:?}", self.calls);
        assert!(self.has_order(storm), "{how}: {:?}", self.calls);
    }

    /// Judges by counting.
    fn by_count(&self, storm: &Storm) -> Result<(), String> {
        let heard = |fits: fn(Ret) -> bool| {
            self.calls
                .iter()
                .filter(|call| call.ret.is_some_and(fits))
                .count()
        };
        let accepted = heard(|ret| ret == Ret::Accepted);
        let wrong = heard(|ret| matches!(ret, Ret::Wrong(_)));
        let sent = heard(|ret| matches!(ret, Ret::Issued | Ret::SentAgain(_)));
        expect("accepted", storm.accepted, accepted)?;
        expect("compared wrong", storm.wrong, wrong)?;
        expect("codes out", storm.sent, sent)?;
        at_most("accepted", storm.slots, accepted)?;
        at_most("codes out", storm.slots, sent)?;
        let others = heard(|_| true) - accepted - wrong - sent - storm.slots;
        let known = self.calls.iter().filter_map(|call| call.ret);
        expect(
            "refused for a reason",
            Some(others),
            known.filter(|ret| storm.others.contains(ret)).count(),
        )?;
        for slot in 0..storm.slots {
            let here = || {
                self.calls
                    .iter()
                    .filter(|call| call.op.slot() == Some(slot))
                    .filter_map(|call| call.ret)
            };
            let accepted = here().filter(|ret| *ret == Ret::Accepted).count();
            let wrong = here().filter(|ret| matches!(ret, Ret::Wrong(_))).count();
            let sent = here()
                .filter(|ret| matches!(ret, Ret::Issued | Ret::SentAgain(_)))
                .count();
            at_most("accepted in a slot", 1, accepted)?;
            at_most("codes out of a slot", 1, sent)?;
            // A success lets a slot count from 0 again, once a new code is out.
            let most = usize::from(MAX_ATTEMPTS) * if accepted * sent > 0 { 2 } else { 1 };
            at_most("compared wrong in a slot", most, wrong)?;
            let kept = here().find_map(|ret| match ret {
                Ret::Seen(life, attempts_left) => Some((life, attempts_left)),
                _ => None,
            });
            let (life, attempts_left) = kept.unwrap_or((Life::Absent, 0));
            if sent == 0 || !storm.issued {
                let verified = usize::from(life == Life::Verified);
                expect("verified in the store", Some(accepted), verified)?;
            }
            if storm.issued && accepted == 0 {
                let counted = usize::from(MAX_ATTEMPTS - attempts_left);
                expect("counted in the store", Some(wrong), counted)?;
            }
            if !storm.issued {
                expect(
                    "live in the store",
                    Some(sent),
                    usize::from(life != Life::Absent),
                )?;
            }
        }
        Ok(())
    }

    /// Judges by order: each slot by itself, which refutes quickly, then all with their rate limits.
    fn has_order(&self, storm: &Storm) -> bool {
        let slot = if storm.issued {
            Slot::issued()
        } else {
            Slot::ABSENT
        };
        let alone = |at: usize| -> Vec<Call<Op, Ret>> {
            let here = |call: &Call<Asked, Ret>| match call.op {
                Asked::Of(slot, op) if slot == at => Some(Call {
                    from: call.from,
                    to: call.to,
                    op,
                    ret: call.ret,
                }),
                _ => None,
            };
            self.calls.iter().filter_map(here).collect()
        };
        (0..storm.slots).all(|at| linearizable(slot, &alone(at)))
            && linearizable(User::new(slot, storm.slots), &self.calls)
    }
}

fn expect<T: Debug + PartialEq>(what: &str, expected: Option<T>, found: T) -> Result<(), String> {
    match expected {
        Some(expected) if expected != found => Err(format!("{what}: {found:?}, not {expected:?}")),
        _ => Ok(()),
    }
}

fn at_most(what: &str, most: usize, found: usize) -> Result<(), String> {
    if found > most {
        Err(format!("{what}: {found}, more than {most}"))
    } else {
        Ok(())
    }
}

/// A planted store is as good as another until it is armed: it does not fail for another reason.
#[test]
fn planted_stores_are_sound_for_one_caller() {
    let harness = Harness::with_ten_digits();
    for flaw in [
        Flaw::Blind,
        Flaw::ReadThenWrite,
        Flaw::Cellwise,
        Flaw::Forgetful,
    ] {
        let store = Naive::new(flaw);
        let binding = binding_of(0, 0, 0);
        harness.clock.set(at(0));
        let issued = harness
            .engine
            .issue(&store, &binding)
            .unwrap()
            .issued()
            .unwrap();
        let verify = |entered: &str| {
            harness
                .engine
                .verify(&store, Submission::new(&binding, entered))
        };
        let heard = |entered: &str| Ret::from(&verify(entered).unwrap());
        assert_eq!(
            heard(&beside(issued.code.as_str())),
            Ret::Wrong(4),
            "{flaw:?}"
        );
        assert_eq!(heard(issued.code.as_str()), Ret::Accepted, "{flaw:?}");
        assert_eq!(heard(issued.code.as_str()), Ret::AlreadyUsed, "{flaw:?}");
        assert_eq!(store.commit(&[], at(0)).unwrap(), Commit::Done);
    }
}

const THREADS: usize = 64;

/// Storms of each kind on the memory store, freely and meeting each.
const ROUNDS: usize = 50;

/// Storms of each kind on each planted store.
const PLANTED_ROUNDS: usize = 10;
