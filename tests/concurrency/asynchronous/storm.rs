//! Hundreds of guesses at one code, polled in a random order and dropped at random: one success at
//! most, no more guesses than are granted, and no answer that was not counted.

use core::future::Future;
use core::pin::Pin;
use core::task::Poll;
use std::sync::Barrier;
use std::thread;

use otp_engine::store::Class;
use otp_engine::{AsyncEngine, Error, MemoryStore, Rejection, Submission, Verdict};

use super::by_hand::{block_on, poll};
use super::calls::{Call, EnteredCode, World};
use super::ledger::{Flaw, Ledger, Pauses};
use super::{Random, seed};
use crate::support::fixture::{MAX_ATTEMPTS, beside};

#[test]
fn of_hundreds_of_guesses_polled_and_dropped_at_random_none_is_free() {
    let seed = seed();
    println!("OTP_TEST_SEED={seed}");
    let mut random = Random(seed);
    let mut all = Tally::default();
    for _ in 0..STORMS {
        match storm(&mut random, Flaw::Sound) {
            Ok(tally) => all.add(&tally),
            Err(why) => panic!("{why}\nOTP_TEST_SEED={seed}"),
        }
    }
    println!("{all:?}");
    // Storms in which nobody wins, or no counted answer is lost, prove nothing.
    assert!(
        all.accepted > 0 && all.wrong > 0 && all.refused > 0 && all.dropped > 0,
        "{all:?}; OTP_TEST_SEED={seed}"
    );
    assert!(
        all.counted > all.accepted + all.wrong,
        "{all:?}; OTP_TEST_SEED={seed}"
    );
}

/// On real threads, each of which waits for futures of its own.
#[test]
fn of_threads_that_await_the_same_right_guess_one_is_accepted() {
    for _ in 0..SLOTS {
        let store = MemoryStore::new();
        let mut world = World::new(false, true);
        world.ask(&store, Call::Issue);
        let engine = AsyncEngine::from(world.engine.clone());
        let (binding, code) = (world.binding(), world.code());
        let begin = Barrier::new(THREADS);
        let guess = || {
            begin.wait();
            block_on(engine.verify(&store, Submission::new(&binding, code))).unwrap()
        };
        let verdicts: Vec<Verdict> = thread::scope(|scope| {
            let threads: Vec<_> = (0..THREADS).map(|_| scope.spawn(guess)).collect();
            let joined = threads.into_iter().map(|thread| thread.join().unwrap());
            joined.collect()
        });
        let told = |what: Option<Rejection>| {
            let told = verdicts
                .iter()
                .filter(|verdict| verdict.rejection() == what);
            told.count()
        };
        let counts = (told(None), told(Some(Rejection::AlreadyUsed)));
        assert_eq!(counts, (1, THREADS - 1), "{verdicts:?}");
    }
}

#[test]
fn a_store_that_compares_then_awaits_then_writes_is_caught() {
    let seed = seed();
    let mut random = Random(seed);
    let caught = (0..STORMS).filter_map(|_| storm(&mut random, Flaw::ChecksThenWrites).err());
    assert!(caught.count() > 0, "OTP_TEST_SEED={seed}");
}

/// What was heard, and what the store counted.
#[derive(Debug, Default)]
struct Tally {
    accepted: usize,
    wrong: usize,
    /// Heard without a comparison: closed by then.
    refused: usize,
    dropped: usize,
    counted: usize,
}

impl Tally {
    fn add(&mut self, other: &Self) {
        self.accepted += other.accepted;
        self.wrong += other.wrong;
        self.refused += other.refused;
        self.dropped += other.dropped;
        self.counted += other.counted;
    }
}

fn storm(random: &mut Random, flaw: Flaw) -> Result<Tally, String> {
    let mut world = World::new(random.below(2) == 0, true);
    let pauses = Pauses {
        load: random.below(3),
        before: random.below(3),
        after: 1 + random.below(2),
    };
    let ledger = Ledger::new(Class::Permanent).pausing(pauses).with(flaw);
    world.ask(&ledger, Call::Issue);
    let issued = ledger.done();
    let engine = AsyncEngine::from(world.engine.clone());
    let (binding, right) = (world.binding(), String::from(world.code()));
    let wrong = beside(&right);
    let guess = |_| {
        let entered = if random.below(8) == 0 { &right } else { &wrong };
        Box::pin(engine.verify(&ledger, Submission::new(&binding, entered)))
    };
    let guesses = (0..GUESSES).map(guess).collect();
    let (verdicts, dropped) = poll_in_any_order(guesses, random)?;
    let mut tally = Tally {
        dropped,
        counted: ledger.done() - issued,
        ..Tally::default()
    };
    let mut left = Vec::new();
    for verdict in verdicts {
        match verdict.rejection() {
            None => tally.accepted += 1,
            Some(Rejection::Wrong { attempts_left }) => {
                tally.wrong += 1;
                left.push(attempts_left);
            }
            Some(_) => tally.refused += 1,
        }
    }
    judge(&tally, left)?;
    let next = world.ask(&ledger, Call::Verify(EnteredCode::Right));
    if next.contains("Accepted") && (tally.accepted > 0 || tally.counted >= MAX_ATTEMPTS.into()) {
        return Err(format!("one more was accepted: {tally:?}"));
    }
    Ok(tally)
}

fn judge(tally: &Tally, mut left: Vec<u8>) -> Result<(), String> {
    if tally.accepted > 1 {
        return Err(format!("accepted more than once: {tally:?}"));
    }
    if tally.counted > MAX_ATTEMPTS.into() {
        return Err(format!("compared more often than granted: {tally:?}"));
    }
    if tally.accepted + tally.wrong > tally.counted {
        return Err(format!("answered more often than counted: {tally:?}"));
    }
    let heard = left.len();
    left.sort_unstable();
    left.dedup();
    if left.len() < heard {
        return Err(format!("two guesses were counted as one: {tally:?}"));
    }
    Ok(())
}

/// Polls any of the futures until none is left, and drops one now and then; returns what was heard
/// and how many were dropped.
fn poll_in_any_order<F>(
    mut live: Vec<Pin<Box<F>>>,
    random: &mut Random,
) -> Result<(Vec<Verdict>, usize), String>
where
    F: Future<Output = Result<Verdict, Error>>,
{
    let (mut heard, mut dropped) = (Vec::new(), 0);
    while !live.is_empty() {
        let at = random.below(live.len());
        if random.below(12) == 0 {
            drop(live.swap_remove(at));
            dropped += 1;
        } else if let Poll::Ready(verdict) = poll(live[at].as_mut()) {
            heard.push(verdict.map_err(|error| format!("an error: {error:?}"))?);
            drop(live.swap_remove(at));
        }
    }
    Ok((heard, dropped))
}

const STORMS: usize = 60;
const GUESSES: usize = 300;
const SLOTS: usize = 100;
const THREADS: usize = 8;
