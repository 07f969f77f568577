//! What several processes do to one store, and how a test judges it.
//!
//! The test binary runs itself again for each process, so a test begins as the process that it may
//! be:
//!
//! ```no_run
//! # use otp_engine::{MemoryStore, Store};
//! # use otp_engine_testkit::{process_tests, scenarios::Codes};
//! # fn open(text: &str) -> Box<dyn Store> { Box::new(MemoryStore::new()) }
//! process_tests! {
//!     open;
//!
//!     fn codes_are_accepted_once(test) {
//!         // ... start a server; `text` tells each process how to open the store
//!         let storm = Codes { test, text: "text", slots: 12, kills: 0 };
//!         storm.rage(&*open("text"), None).acquitted();
//!     }
//! }
//! ```

use core::{hash::BuildHasher, time::Duration};
use std::{collections::hash_map::RandomState, thread};

use otp_engine::Store;
use otp_store_tests::{Fault, Storm};

use crate::{Folder, Part, Player};

mod clock;
mod codes;
mod crash;
mod devices;
mod harness;
mod history;
mod network;
mod signers;
mod tasks;
mod trips;

pub use clock::clock_moves_back;
pub use codes::{Codes, Judged, storms_catch};
pub use crash::Crash;
pub use devices::{devices_are_judged, devices_in_a_storm, storms_of_devices_catch};
pub use harness::{DeskError, Guesses, at_desk, binding, engine, engine_at};
pub use network::{answers_are_lost, everything_is_swallowed, outlives_its_server};
pub use signers::Signers;
pub use tasks::{
    Bridged, InPlace, Tasks, all_places_are_left, bridge, futures_are_dropped, runtime,
    storm_of_tasks,
};
pub use trips::{one_load_and_one_commit, one_round_trip_each};

/// How a process opens the store, by the text that the test was given.
pub type Open = dyn Fn(&str) -> Box<dyn Store>;

/// A server that a trial kills.
pub trait Mortal {
    /// Kills all of its processes (`kill -9`).
    fn kill(&mut self);

    /// Ends it in good order.
    fn stop(&mut self) {
        self.kill();
    }

    /// Starts it again.
    fn resume(&mut self);
}

/// No server: a file, which the writers alone have open.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::exhaustive_structs, reason = "for tests alone")]
pub struct Nobody;

impl Mortal for Nobody {
    fn kill(&mut self) {}

    fn resume(&mut self) {}
}

/// Makes tests that begin as the process that they may be; each knows its own name.
#[macro_export]
macro_rules! process_tests {
    ($open:path; $($(#[$attribute:meta])* fn $name:ident($test:ident) $body:block)+) => {$(
        #[test]
        $(#[$attribute])*
        fn $name() {
            $crate::scenarios::harness(stringify!($name), &$open, |$test| $body);
        }
    )+};
}

/// Runs a test of this name; in the processes that it starts, plays their parts.
pub fn harness(test: &str, open: &Open, run: impl FnOnce(&str)) {
    match Part::of(test) {
        Some(part) => play(part, open),
        None => run(test),
    }
}

/// Plays a process's part in whichever trial it was started by.
fn play(mut part: Part, open: &Open) {
    let all = part.text().to_owned();
    let (trial, text) = all.split_once('\n').unwrap();
    let store = open(text);
    let (name, numbers) = trial.split_once(' ').unwrap();
    match name {
        CODES => codes::play(&mut part, &*store, numbers),
        SIGNERS => signers::play(&mut part, &*store, numbers),
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
            // It ends by being killed, at the latest when its server is.
            let _ = crash::trial_of(numbers).write(&*store, writer, &mut |line| {
                part.tell(line);
                // SQLite's own waiting is not fair: without a pause the other writer rarely has
                // its turn.
                thread::sleep(Duration::from_micros(500));
                true
            });
        }
    }
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

/// Starts the 8 processes of a storm; returns what each told.
fn all_of(test: &str, text: &str) -> Vec<String> {
    let folder = Folder::new();
    let mut players: Vec<_> = (0..u64::from(PROCESSES))
        .map(|number| Player::start(test, number, text, &folder))
        .collect();
    Player::let_go(&mut players);
    players.into_iter().map(Player::finish).collect()
}

/// The seed of the run, or one by chance.
fn seed() -> u64 {
    let given = std::env::var("OTP_TEST_SEED").ok();
    given.map_or_else(
        || RandomState::new().hash_one("scenarios"),
        |seed| seed.parse().unwrap(),
    )
}

const CODES: &str = "codes";
const CELLS: &str = "cells";
const CRASH: &str = "crash";
const SIGNERS: &str = "signers";
const PROCESSES: u32 = 8;
