//! The same history, asked of the engine that blocks and of the engine that awaits: the same
//! answers, the same rows, the same events, whatever the store does.

use otp_engine::store::Class;
use otp_engine::{AsyncStore, MemoryStore};

use super::by_hand::block_on;
use super::calls::{Call, Device, EnteredCode, Gateway, RECORDS, World};
use super::ledger::{Failure, Flaw, Ledger, Pauses};
use super::{Random, seed};
use crate::support::fixture::at;

#[test]
fn both_drivers_answer_write_and_tell_the_same() {
    let seed = seed();
    println!("OTP_TEST_SEED={seed}");
    let mut random = Random(seed);
    let mut tally = Tally::default();
    for _ in 0..HISTORIES {
        if let Err(why) = history(&mut random, Planted::Nothing, &mut tally) {
            panic!("{why}\nOTP_TEST_SEED={seed}");
        }
    }
    println!("{tally:?}");
    let Tally {
        steps,
        accepted,
        signed,
        errors,
        events,
    } = tally;
    // Far below what any seed gives: a history in which nothing happens proves nothing.
    assert!(
        accepted * 100 > steps && signed * 400 > steps && errors * 50 > steps && events > steps / 3,
        "{tally:?}; OTP_TEST_SEED={seed}"
    );
}

#[test]
fn a_difference_between_the_two_is_noticed() {
    let seed = seed();
    for (planted, noticed) in [
        (Planted::LateStore, "other rows"),
        (Planted::OtherCall, "other answer"),
        (Planted::SilentObserver, "other events"),
        (Planted::SecondLoad, "other round trips"),
    ] {
        let mut random = Random(seed);
        let mut tally = Tally::default();
        let why = (0..HISTORIES).find_map(|_| history(&mut random, planted, &mut tally).err());
        let why = why.unwrap_or_default();
        assert!(
            why.contains(noticed),
            "{planted:?} was not noticed; OTP_TEST_SEED={seed}\n{why}"
        );
    }
}

/// What is unlike on the side that awaits.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Planted {
    Nothing,
    LateStore,
    OtherCall,
    SilentObserver,
    SecondLoad,
}

#[derive(Debug, Default)]
struct Tally {
    steps: usize,
    accepted: usize,
    signed: usize,
    errors: usize,
    events: usize,
}

/// Plays one history; says where the two differ.
fn history(random: &mut Random, planted: Planted, tally: &mut Tally) -> Result<(), String> {
    let signing = random.below(2) == 0;
    let class = match random.below(6) {
        0 => Class::Process,
        1 => Class::Expiring,
        _ => Class::Permanent,
    };
    let pauses = Pauses {
        load: random.below(3),
        before: random.below(3),
        after: random.below(3),
    };
    // A planted difference must be noticed for what it is, not for what a failure makes of it.
    let faulty = planted == Planted::Nothing && random.below(3) > 0;
    let [mut one, mut other, mut third] = [(); 3].map(|()| World::on(class, signing, true));
    let blocking = Ledger::new(class);
    let awaiting = Ledger::new(class).pausing(pauses).with(match planted {
        Planted::LateStore => Flaw::AnswersFirst,
        _ => Flaw::Sound,
    });
    let memory =
        (!faulty && class == Class::Permanent).then(MemoryStore::keeping_records_until_exit);
    let mut trace = vec![format!(
        "signing: {signing}, {class:?}, {pauses:?}, {planted:?}"
    )];
    let mut second = 0;
    for _ in 0..STEPS {
        let call = any_call(random);
        let record = random.below(RECORDS);
        second += any_seconds(random);
        for world in [&mut one, &mut other, &mut third] {
            world.clock.set(at(second));
            world.record = record;
        }
        if faulty && random.below(4) == 0 {
            let (at, failure) = (1 + random.below(3), any_failure(random));
            trace.push(format!("call {at} of the store: {failure:?}"));
            blocking.fail(at, failure);
            awaiting.fail(at, failure);
        }
        let answer = one.ask(&blocking, call);
        let asked = match planted {
            Planted::OtherCall if call == Call::Verify(EnteredCode::Wrong) => {
                Call::Verify(EnteredCode::Malformed)
            }
            _ => call,
        };
        let awaited = block_on(other.ask_awaiting(&awaiting, asked));
        trace.push(format!("at {second}, record {record}: {call:?}: {answer}"));
        let (events, mut heard) = (one.events(), other.events());
        match planted {
            Planted::SilentObserver => drop(heard.pop()),
            Planted::SecondLoad => drop(block_on(AsyncStore::load(&awaiting, &[]))),
            _ => {}
        }
        tally.steps += 1;
        tally.accepted += usize::from(answer.contains("Accepted"));
        tally.signed += usize::from(answer.contains("Accepted") && signing);
        tally.errors += usize::from(answer.contains("onnection"));
        tally.events += events.len();
        let differ = |what: &str| Err(format!("{}\nother {what}: {awaited}", trace.join("\n")));
        if awaited != answer {
            return differ("answer");
        }
        if heard != events {
            return differ(&format!("events, {heard:?}, not {events:?}"));
        }
        if awaiting.rows() != blocking.rows() {
            return differ("rows");
        }
        if awaiting.trips() != blocking.trips() {
            return differ("round trips");
        }
        if let Some(memory) = &memory {
            let awaited = block_on(third.ask_awaiting(memory, call));
            if call_drops_by_chance(call) {
                continue;
            }
            if (&awaited, third.events()) != (&answer, events) {
                return differ("answer or event of the memory store");
            }
        }
    }
    Ok(())
}

/// Which cells a limited purge drops is a store's business, and so how many are left, and whether a
/// check finds it empty.
fn call_drops_by_chance(call: Call) -> bool {
    matches!(
        call,
        Call::Purge(_) | Call::PurgeConfirmed(_) | Call::Check | Call::Adopt | Call::Begin
    )
}

fn any_call(random: &mut Random) -> Call {
    match random.below(53) {
        0..8 => Call::Issue,
        8..12 => Call::Verify(EnteredCode::Right),
        12..16 => Call::Verify(EnteredCode::Wrong),
        16 => Call::Verify(EnteredCode::Malformed),
        17 => Call::Verify(EnteredCode::Unfit),
        18 => Call::Cancel,
        19 => Call::Report(Gateway::Took),
        20..22 => Call::Report(Gateway::Refused),
        22 => Call::Status,
        23 => Call::Unlock,
        24 => Call::Latest,
        25..27 => Call::Signatures(random.below(20)),
        27 => Call::ChainHead,
        28 => Call::Erase(1 + random.below(3) as u64),
        29 => Call::Purge(random.below(4)),
        30..32 => Call::Hotp(any_device(random)),
        32 => Call::ResynchroniseHotp,
        33..36 => Call::Totp(any_device(random)),
        36 => Call::ResynchroniseTotp,
        37 => Call::Check,
        38 => Call::Adopt,
        39 => Call::Begin,
        43 => Call::ResetSlot,
        44 => Call::ResetRecipient,
        45 => Call::ResetUser,
        47 => Call::ResetDevice,
        48..51 => Call::Devices(any_device(random)),
        51..53 => Call::Claim,
        46 => Call::PurgeConfirmed(random.below(4)),
        _ => Call::Ocra(any_device(random)),
    }
}

fn any_device(random: &mut Random) -> Device {
    match random.below(3) {
        0 => Device::Wrong,
        _ => Device::Right,
    }
}

fn any_failure(random: &mut Random) -> Failure {
    match random.below(4) {
        0 => Failure::Unavailable,
        1 => Failure::UnknownApplied,
        2 => Failure::UnknownLost,
        _ => Failure::Conflict,
    }
}

/// Mostly a little later; sometimes back, and sometimes after all limits of a day.
fn any_seconds(random: &mut Random) -> i64 {
    match random.below(12) {
        0 => -15,
        1 => -100,
        2 => 90_000,
        3..6 => 61,
        6 => 400,
        _ => i64::try_from(random.below(20)).unwrap(),
    }
}

const HISTORIES: usize = 300;
const STEPS: usize = 60;
