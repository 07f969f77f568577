//! What several processes do to one store, and how a test judges it.
//!
//! The test binary runs itself again for each process, so a test begins as the process that it may
//! be:
//!
//! ```no_run
//! # use otp_engine::{MemoryStore, Store};
//! # use otp_engine_servers::{Part, trials};
//! # fn open(text: &str) -> Box<dyn Store> { Box::new(MemoryStore::new()) }
//! fn codes_are_accepted_once() {
//!     const TEST: &str = "codes_are_accepted_once";
//!     if let Some(part) = Part::of(TEST) {
//!         return trials::play(part, &open);
//!     }
//!     // ... start a server; `text` tells each process how to open the store
//!     trials::storm_of_codes(TEST, "text", &*open("text"), 12).unwrap();
//! }
//! ```

use core::{fmt::Write as _, hash::BuildHasher};
use std::collections::{BTreeMap, hash_map::RandomState};

use otp_engine::{
    Binding, Engine, KeyRing, Mobile, RecordField, Rejection, Store, Submission, Verdict,
    store::conformance::{CrashTrial, Fault, Storm},
};

use crate::{Folder, Part, Player, wait_until};

/// How a process opens the store, by the text that the test was given.
pub type Open = dyn Fn(&str) -> Box<dyn Store>;

/// A server that a trial kills.
pub trait Mortal {
    /// Kills all of its processes (`kill -9`).
    fn kill(&mut self);

    /// Starts it again.
    fn resume(&mut self);
}

/// Plays a process's part in whichever trial it was started by.
pub fn play(mut part: Part, open: &Open) {
    let all = part.text().to_owned();
    let (trial, text) = all.split_once('\n').unwrap();
    let store = open(text);
    let (name, numbers) = trial.split_once(' ').unwrap();
    match name {
        CODES => guess_codes(&mut part, &*store, numbers),
        CELLS => {
            let (seed, slots) = numbers.split_once(' ').unwrap();
            let player = u32::try_from(part.number()).unwrap();
            let storm = Storm::new(seed.parse().unwrap(), slots.parse().unwrap(), PROCESSES);
            part.wait_for_the_others();
            let tally = storm.play(&*store, player);
            part.tell(&tally.map_or_else(|fault| fault.to_string(), |tally| tally.to_string()));
        }
        _ => {
            let writer = part.number();
            part.wait_for_the_others();
            // It ends by the fault that the store is gone, or by being killed itself.
            let fault = crash_trial(numbers).write(&*store, writer, &mut |line| {
                part.tell(line);
                true
            });
            eprintln!("writer {writer}: {fault:?}");
        }
    }
}

/// Issues codes, and lets 8 processes guess 64 times each at every one of them, at the same time.
///
/// Of three codes one is guessed wrong only: exactly `max_attempts` guesses are compared, and then
/// the right code is refused too. One is guessed right only: exactly one guess is accepted. At the
/// third some guesses are right.
///
/// # Errors
///
/// What was wrong with the answers.
pub fn storm_of_codes(test: &str, text: &str, store: &dyn Store, slots: u32) -> Result<(), String> {
    let engine = engine();
    let issue = |slot| {
        let issued = engine
            .issue(store, &binding(slot))
            .unwrap()
            .issued()
            .unwrap();
        issued.code.as_str().to_owned()
    };
    let codes: Vec<_> = (0..slots).map(issue).collect();
    let told = all_of(test, &format!("{CODES} {}\n{text}", codes.join(" ")));

    let mut answers: BTreeMap<u32, Answers> = BTreeMap::new();
    for line in told.iter().flat_map(|text| text.lines()) {
        let (slot, answer) = Answers::read(line);
        answers.entry(slot).or_default().add(&answer);
    }
    let max = u32::from(engine.policy().max_attempts());
    for (slot, code) in (0..).zip(&codes) {
        let of = answers.remove(&slot).unwrap_or_default();
        let all = of.accepted + of.wrong + of.exhausted + of.used;
        let is_all = all == PROCESSES * GUESSES && of.other == 0;
        let fits = match slot % 3 {
            0 => of.accepted == 0 && of.wrong == max && of.used == 0,
            1 => of.accepted == 1 && of.wrong == 0 && of.exhausted == 0,
            _ => {
                of.accepted <= 1
                    && of.wrong + of.accepted <= max
                    && (of.accepted == 1 || of.wrong == max)
            }
        };
        if !(is_all && fits) {
            return Err(format!("code {slot}, at most {max} attempts: {of:?}"));
        }
        let last = engine.verify(store, Submission::new(&binding(slot), code));
        let last = last.unwrap().rejection();
        let stays = match last {
            Some(Rejection::Exhausted { .. }) => of.wrong == max,
            Some(Rejection::AlreadyUsed) => of.accepted == 1,
            _ => false,
        };
        if !stays {
            return Err(format!("code {slot} after the storm: {last:?}, {of:?}"));
        }
    }
    Ok(())
}

/// Lets 8 processes play the suite's storm.
///
/// # Errors
///
/// The [`Fault`] where their tallies and the store do not agree.
pub fn storm_of_cells(test: &str, text: &str, store: &dyn Store, slots: u32) -> Result<(), Fault> {
    let seed = seed();
    let told = all_of(test, &format!("{CELLS} {seed} {slots}\n{text}"));
    let tallies: Vec<_> = told
        .iter()
        .map(|text| {
            text.parse()
                .unwrap_or_else(|_| panic!("a player failed: {text}"))
        })
        .collect();
    Storm::new(seed, slots, PROCESSES).judge(store, &tallies)
}

/// Kills a writer and the server in the middle of their commits, again and again, and judges the
/// store each time by what was acknowledged; returns how many commits that were.
///
/// Each time two writers commit until both have acknowledged `load` commits.
///
/// # Errors
///
/// The [`Fault`] where a commit is lost, torn or given twice.
pub fn crash(
    test: &str,
    text: &str,
    server: &mut dyn Mortal,
    open: &Open,
    (kills, load): (u64, usize),
) -> Result<usize, Fault> {
    let (seed, folder) = (seed(), Folder::new());
    let trial = format!("{CRASH} {seed}\n{text}");
    let (mut acknowledged, mut commits) = (Vec::new(), 0);
    for kill in 0..kills {
        let mut players = [0, 1].map(|at| Player::start(test, 2 * kill + at, &trial, &folder));
        Player::let_go(&mut players);
        wait_until("both writers have acknowledged commits", || {
            players
                .iter()
                .all(|player| player.told().lines().count() >= load)
        });
        let [first, second] = players;
        // The other way round every other time: then no writer is killed before the server.
        if kill % 2 == 0 {
            acknowledged.push(first.kill());
            server.kill();
        } else {
            server.kill();
            acknowledged.push(first.kill());
        }
        acknowledged.push(second.end());
        server.resume();
        commits = crash_trial(&seed.to_string()).judge(&*open(text), &acknowledged)?;
    }
    Ok(commits)
}

/// Starts the 8 processes of a storm; returns what each told.
fn all_of(test: &str, text: &str) -> Vec<String> {
    let folder = Folder::new();
    let mut players: Vec<_> = (0..u64::from(PROCESSES))
        .map(|number| Player::start(test, number, text, &folder))
        .collect();
    Player::let_go(&mut players);
    players.into_iter().map(Player::finish).collect()
}

/// One process's guesses: at each code 64, and then at the next one.
fn guess_codes(part: &mut Part, store: &dyn Store, codes: &str) {
    let engine = engine();
    part.wait_for_the_others();
    for (slot, code) in (0..).zip(codes.split(' ')) {
        let (binding, mut answers) = (binding(slot), Answers::default());
        let wrong = if code.ends_with('7') { "8" } else { "7" };
        let wrong = format!("{}{wrong}", &code[..code.len() - 1]);
        for guess in 0..u64::from(GUESSES) {
            let is_right = match slot % 3 {
                0 => false,
                1 => true,
                _ => (guess + part.number()) % 4 == 3,
            };
            let typed = if is_right { code } else { &wrong };
            match engine.verify(store, Submission::new(&binding, typed)) {
                Ok(Verdict::Accepted(_)) => answers.accepted += 1,
                Ok(Verdict::Rejected(Rejection::Wrong { .. })) => answers.wrong += 1,
                Ok(Verdict::Rejected(Rejection::Exhausted { .. })) => answers.exhausted += 1,
                Ok(Verdict::Rejected(Rejection::AlreadyUsed)) => answers.used += 1,
                other => {
                    if answers.other == 0 {
                        eprintln!("code {slot}: {other:?}");
                    }
                    answers.other += 1;
                }
            }
        }
        part.tell(&answers.line(slot));
    }
}

/// How often each answer came.
#[derive(Debug, Default)]
struct Answers {
    accepted: u32,
    wrong: u32,
    exhausted: u32,
    used: u32,
    other: u32,
}

impl Answers {
    fn line(&self, slot: u32) -> String {
        let mut line = slot.to_string();
        for count in [
            self.accepted,
            self.wrong,
            self.exhausted,
            self.used,
            self.other,
        ] {
            write!(line, " {count}").unwrap();
        }
        line + "\n"
    }

    fn read(line: &str) -> (u32, Self) {
        let mut numbers = line.split(' ').map(|number| number.parse().unwrap());
        let mut next = || numbers.next().unwrap();
        let slot = next();
        let answers = Self {
            accepted: next(),
            wrong: next(),
            exhausted: next(),
            used: next(),
            other: next(),
        };
        (slot, answers)
    }

    fn add(&mut self, other: &Self) {
        self.accepted += other.accepted;
        self.wrong += other.wrong;
        self.exhausted += other.exhausted;
        self.used += other.used;
        self.other += other.other;
    }
}

fn engine() -> Engine {
    let keys = KeyRing::builder().code("2026a", &[1; 32]).index(&[2; 32]);
    Engine::new(keys.build().unwrap())
}

/// Each code has a user and a recipient of its own: shared ones would be locked by the failures.
fn binding(slot: u32) -> Binding {
    Binding::builder()
        .tenant("acme")
        .purpose("sign")
        .record_field(RecordField {
            model: "loan.application",
            field: "client_signature",
            record: &slot.to_string(),
        })
        .user(&format!("user-{slot}"))
        .recipient(Mobile::parse(&format!("6012345{slot:04}")).unwrap())
        .build()
        .unwrap()
}

fn crash_trial(seed: &str) -> CrashTrial {
    CrashTrial::new(seed.parse().unwrap(), 8)
}

/// The seed of the run, or one by chance.
fn seed() -> u64 {
    let given = std::env::var("OTP_TEST_SEED").ok();
    given.map_or_else(
        || RandomState::new().hash_one("trials"),
        |seed| seed.parse().unwrap(),
    )
}

const CODES: &str = "codes";
const CELLS: &str = "cells";
const CRASH: &str = "crash";
const PROCESSES: u32 = 8;
const GUESSES: u32 = 64;
