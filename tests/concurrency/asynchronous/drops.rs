//! Every future is dropped after every number of polls: what it leaves is the state before or the
//! state after, and nobody has heard of it.

use otp_engine::store::Class;

use super::by_hand::{pending, poll_up_to};
use super::calls::{Call, Device, EnteredCode, Gateway, World};
use super::ledger::{Failure, Flaw, Ledger, Pauses, Rows};
use crate::support::fixture::at;

#[test]
fn a_dropped_future_leaves_the_state_before_or_the_state_after_and_no_event() {
    let mut tally = [0; 3];
    for case in CASES {
        for pauses in PAUSES {
            for raced in [false, true] {
                let way = Way {
                    pauses: *pauses,
                    raced,
                    ..Way::SOUND
                };
                let left = sweep(case, &way).unwrap_or_else(|why| panic!("{why}"));
                let changes = !matches!(case.call, Call::Status | Call::Latest | Call::ChainHead)
                    && !matches!(
                        case.call,
                        Call::Signatures(_) | Call::Verify(EnteredCode::Unfit)
                    );
                // Where a poll lies between the commit and the answer, some drop must fall there.
                let hits = left[Left::After as usize] > 0;
                assert_eq!(hits, changes && pauses.after > 0, "{case:?}, {way:?}");
                (0..3).for_each(|at| tally[at] += left[at]);
            }
        }
    }
    println!("dropped before, dropped after the commit, answered: {tally:?}");
}

#[test]
fn a_guess_whose_future_was_dropped_is_counted_if_it_was_committed() {
    let way = Way {
        pauses: Pauses {
            load: 1,
            before: 1,
            after: 1,
        },
        ..Way::SOUND
    };
    for (entered, before, after) in [
        (
            EnteredCode::Wrong,
            "Wrong { attempts_left: 4 }",
            "Wrong { attempts_left: 3 }",
        ),
        (
            EnteredCode::Right,
            "Wrong { attempts_left: 4 }",
            "AlreadyUsed",
        ),
    ] {
        let case = Case {
            first: &[Call::Issue],
            call: Call::Verify(entered),
        };
        // One poll each: load, commit, and the wait for the commit's answer.
        for (polls, next) in [(0, before), (1, before), (2, before), (3, after)] {
            let found = play(&case, &way, polls);
            assert!(
                found.answer.is_none() && found.next.contains(next),
                "{polls}: {found:?}"
            );
        }
        // What follows the commit is not awaited.
        assert!(play(&case, &way, 4).answer.is_some(), "{entered:?}");
    }
}

#[test]
fn a_commit_in_two_halves_is_caught() {
    let way = Way {
        flaw: Flaw::Halves,
        ..Way::SOUND
    };
    let caught = CASES.iter().filter_map(|case| sweep(case, &way).err());
    assert!(caught.filter(|why| why.contains("neither")).count() > 3);
}

#[test]
fn a_count_after_the_answer_is_caught() {
    let way = Way {
        flaw: Flaw::AnswersFirst,
        ..Way::SOUND
    };
    let caught = CASES.iter().filter_map(|case| sweep(case, &way).err());
    assert!(caught.filter(|why| why.contains("answered before")).count() > 3);
}

#[test]
fn a_driver_that_tells_before_it_commits_is_caught() {
    let way = Way {
        tells_first: true,
        ..Way::SOUND
    };
    let caught = CASES.iter().filter_map(|case| sweep(case, &way).err());
    assert!(caught.filter(|why| why.contains("heard")).count() > 3);
}

/// A call, and what comes before it.
#[derive(Debug)]
struct Case {
    first: &'static [Call],
    call: Call,
}

/// How a case is played.
#[derive(Debug)]
struct Way {
    pauses: Pauses,
    /// The first commit loses a race.
    raced: bool,
    flaw: Flaw,
    /// Instead of the engine's driver, one that decides and tells, then commits.
    tells_first: bool,
}

impl Way {
    const SOUND: Self = Self {
        pauses: Pauses {
            load: 0,
            before: 0,
            after: 0,
        },
        raced: false,
        flaw: Flaw::Sound,
        tells_first: false,
    };
}

/// What a future left.
#[derive(Clone, Copy)]
enum Left {
    Before = 0,
    After = 1,
    Answered = 2,
}

/// What was found after so many polls.
#[derive(Debug)]
struct Found {
    /// `None` if the future was dropped.
    answer: Option<String>,
    taken: usize,
    before: Rows,
    rows: Rows,
    events: Vec<String>,
    /// What the next guess is told, a wrong one.
    next: String,
}

/// Drops after each number of polls, and judges each; counts what was left.
fn sweep(case: &Case, way: &Way) -> Result<[usize; 3], String> {
    let calm = Way {
        pauses: way.pauses,
        raced: way.raced,
        ..Way::SOUND
    };
    let (untouched, whole) = (play(case, &calm, 0), play(case, &calm, ENOUGH));
    let polls = play(case, way, ENOUGH).taken;
    let mut left = [0; 3];
    for polls in 0..=polls {
        let found = play(case, way, polls);
        match judge(&found, polls, &untouched, &whole) {
            Ok(found) => left[found as usize] += 1,
            Err(why) => return Err(format!("{case:?}, {way:?}: after {polls} polls {why}")),
        }
    }
    Ok(left)
}

fn judge(found: &Found, polls: usize, untouched: &Found, whole: &Found) -> Result<Left, String> {
    let is_whole = found.rows == whole.rows;
    if !is_whole && found.rows != found.before {
        return Err("the state is neither the one before nor the one after".into());
    }
    let changes = whole.rows != whole.before;
    let left = match &found.answer {
        Some(_) if !is_whole => return Err("it was answered before it was committed".into()),
        Some(_) if found.answer != whole.answer || found.events != whole.events => {
            return Err(format!("another answer or event: {found:?}"));
        }
        Some(_) => Left::Answered,
        None if !found.events.is_empty() => return Err(format!("heard: {:?}", found.events)),
        None if polls == 0 && found.rows != found.before => {
            return Err("a future that was never polled did something".into());
        }
        None if is_whole && changes => Left::After,
        None => Left::Before,
    };
    let next = match left {
        Left::Before => &untouched.next,
        Left::After | Left::Answered => &whole.next,
    };
    if found.next != *next {
        return Err(format!("the next guess is told {}, not {next}", found.next));
    }
    Ok(left)
}

/// Sets the stage anew, polls so often, and looks round.
fn play(case: &Case, way: &Way, polls: usize) -> Found {
    let mut world = World::new(true, false);
    let stage = Ledger::new(Class::Permanent);
    let mut second = 0;
    for call in case.first {
        second += seconds_before(*call);
        world.clock.set(at(second));
        world.ask(&stage, *call);
    }
    let _ = world.events();
    world.clock.set(at(second + seconds_before(case.call)));
    let before = stage.rows();
    let ledger = Ledger::new(Class::Permanent)
        .pausing(way.pauses)
        .with(way.flaw);
    ledger.restore(&before);
    if way.raced {
        ledger.fail(2, Failure::Conflict);
    }
    let (answer, taken) = if way.tells_first {
        poll_up_to(tell_first(&mut world, &ledger, case.call), polls)
    } else {
        poll_up_to(world.ask_awaiting(&ledger, case.call), polls)
    };
    let (rows, events) = (ledger.rows(), world.events());
    ledger.restore(&rows);
    let next = world.ask(&ledger, Call::Verify(EnteredCode::Wrong));
    Found {
        answer,
        taken,
        before,
        rows,
        events,
        next,
    }
}

/// Issues wait for the cooldown, and a purge until there is something to drop: what is confirmed
/// long after leaves its mark, so that the one after it drops and does no more.
fn seconds_before(call: Call) -> i64 {
    match call {
        Call::Issue => 60,
        Call::PurgeConfirmed(_) => 30 * 86_400,
        _ => 1,
    }
}

/// A driver as it must not be.
async fn tell_first(world: &mut World, ledger: &Ledger, call: Call) -> String {
    let scratch = Ledger::new(Class::Permanent);
    scratch.restore(&ledger.rows());
    let answer = world.ask(&scratch, call);
    pending(1).await;
    ledger.restore(&scratch.rows());
    answer
}

const ENOUGH: usize = 1_000;

const PAUSES: &[Pauses] = &[
    Pauses {
        load: 0,
        before: 0,
        after: 0,
    },
    Pauses {
        load: 1,
        before: 0,
        after: 1,
    },
    Pauses {
        load: 0,
        before: 2,
        after: 0,
    },
    Pauses {
        load: 2,
        before: 1,
        after: 3,
    },
];

const ISSUED: &[Call] = &[Call::Issue];

const SIGNED: &[Call] = &[Call::Issue, Call::Verify(EnteredCode::Right), Call::Issue];

const RESTED: &[Call] = &[
    Call::Issue,
    Call::Verify(EnteredCode::Right),
    Call::PurgeConfirmed(0),
];

const CASES: &[Case] = &[
    Case {
        first: &[],
        call: Call::Issue,
    },
    Case {
        first: ISSUED,
        call: Call::Issue,
    },
    Case {
        first: ISSUED,
        call: Call::Verify(EnteredCode::Right),
    },
    Case {
        first: SIGNED,
        call: Call::Verify(EnteredCode::Right),
    },
    Case {
        first: ISSUED,
        call: Call::Verify(EnteredCode::Wrong),
    },
    Case {
        first: LAST_GUESS,
        call: Call::Verify(EnteredCode::Wrong),
    },
    Case {
        first: ISSUED,
        call: Call::Verify(EnteredCode::Malformed),
    },
    Case {
        first: ISSUED,
        call: Call::Verify(EnteredCode::Unfit),
    },
    Case {
        first: ISSUED,
        call: Call::Cancel,
    },
    Case {
        first: ISSUED,
        call: Call::Claim,
    },
    Case {
        first: ISSUED,
        call: Call::Report(Gateway::Took),
    },
    Case {
        first: ISSUED,
        call: Call::Report(Gateway::Refused),
    },
    Case {
        first: ISSUED,
        call: Call::Status,
    },
    Case {
        first: &[Call::Issue, Call::Verify(EnteredCode::Wrong)],
        call: Call::Unlock,
    },
    Case {
        first: SIGNED,
        call: Call::Latest,
    },
    Case {
        first: SIGNED,
        call: Call::Signatures(9),
    },
    Case {
        first: SIGNED,
        call: Call::ChainHead,
    },
    Case {
        first: SIGNED,
        call: Call::Erase(1),
    },
    Case {
        first: RESTED,
        call: Call::Purge(2),
    },
    Case {
        first: ISSUED,
        call: Call::ResetSlot,
    },
    Case {
        first: ISSUED,
        call: Call::ResetRecipient,
    },
    Case {
        first: ISSUED,
        call: Call::ResetUser,
    },
    Case {
        first: &[Call::Totp(Device::Wrong)],
        call: Call::ResetDevice,
    },
    Case {
        first: ISSUED,
        call: Call::Devices(Device::Right),
    },
    Case {
        first: ISSUED,
        call: Call::Devices(Device::Wrong),
    },
    Case {
        first: ISSUED,
        call: Call::Hotp(Device::Right),
    },
    Case {
        first: ISSUED,
        call: Call::Hotp(Device::Wrong),
    },
    Case {
        first: ISSUED,
        call: Call::ResynchroniseHotp,
    },
    Case {
        first: ISSUED,
        call: Call::Totp(Device::Right),
    },
    Case {
        first: ISSUED,
        call: Call::ResynchroniseTotp,
    },
    Case {
        first: ISSUED,
        call: Call::Ocra(Device::Right),
    },
];

/// Four of five; the fifth closes the slot.
const LAST_GUESS: &[Call] = &[
    Call::Issue,
    Call::Verify(EnteredCode::Wrong),
    Call::Verify(EnteredCode::Wrong),
    Call::Verify(EnteredCode::Wrong),
    Call::Verify(EnteredCode::Wrong),
];
