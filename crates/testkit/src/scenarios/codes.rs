//! A storm of guesses at codes, through the real engine.

use core::time::Duration;
use std::{fs, path::Path, thread};

use otp_engine::{Clock, Engine, Store, Submission, SystemClock, Timestamp};

use super::{
    CODES, Mortal, Open, PROCESSES, binding, engine_at,
    history::{Diary, History, slot_asked},
};
use crate::{
    Folder, Part, Player,
    broken::Flaw,
    support::slot::{Op, Ret},
};

/// A storm of guesses: at each of `slots` codes 8 processes guess 64 times, all at the same time.
///
/// Of three codes one is guessed wrong only, one right only, and at the third some guesses are
/// right; afterwards each right code is tried once more.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::exhaustive_structs, reason = "for tests alone")]
pub struct Codes<'a> {
    /// The name of the test.
    pub test: &'a str,
    /// How a process opens the store.
    pub text: &'a str,
    /// How many codes.
    pub slots: u32,
    /// How many players are killed (`kill -9`) in the middle of their guesses, and replaced.
    pub kills: u64,
}

/// What two judges say of a storm's history.
#[derive(Debug)]
#[expect(clippy::exhaustive_structs, reason = "for tests alone")]
pub struct Judged {
    /// Of the counts: each code accepted at most once, compared at most five times.
    pub by_count: Result<(), String>,
    /// Of the order: one caller after the other would have heard the same.
    pub by_order: Result<(), String>,
    /// How many calls there were.
    pub calls: usize,
    /// How many had no answer, as they were killed or heard an error.
    pub unanswered: usize,
}

impl Judged {
    /// Judges what is written in `file` of so many slots.
    pub(super) fn of(file: &Path, slots: u32) -> Self {
        let history = History::read(&fs::read_to_string(file).unwrap());
        let (calls, unanswered) = history.calls();
        Self {
            by_count: history.by_count(slots),
            by_order: history.by_order(),
            calls,
            unanswered,
        }
    }

    /// Shows that neither judge found a fault.
    pub fn acquitted(&self) {
        assert_eq!((&self.by_count, &self.by_order), (&Ok(()), &Ok(())));
    }
}

/// Shows that both judges find each of the flaws, kills or not, in the store that `prepare` empties
/// and names.
pub fn storms_catch(test: &str, open: &Open, prepare: &mut dyn FnMut(Flaw) -> String) {
    for flaw in Flaw::ALL {
        for kills in [0, 6] {
            finds_a_fault(test, (24, kills), open, &mut || prepare(flaw));
        }
    }
}

/// In one of some storms, as it takes two processes that meet.
fn finds_a_fault(
    test: &str,
    (slots, kills): (u32, u64),
    open: &Open,
    prepare: &mut dyn FnMut() -> String,
) {
    let mut passed = Vec::new();
    for _ in 0..STORMS {
        let text = prepare();
        let storm = Codes {
            test,
            text: &text,
            slots,
            kills,
        };
        let judged = storm.rage(&*open(&text), None);
        if judged.by_count.is_err() && judged.by_order.is_err() {
            return;
        }
        passed.push(judged);
    }
    panic!("{passed:?}");
}

impl Codes<'_> {
    /// Shows that a store is sound in this storm, and prints how large it was.
    pub fn finds_no_fault(&self, name: &str, open: &Open, server: Option<&mut dyn Mortal>) {
        self.acquits(name, &self.rage(&*open(self.text), server));
    }

    /// Shows that neither judge found a fault in this storm, and prints how large it was.
    pub fn acquits(&self, name: &str, judged: &Judged) {
        judged.acquitted();
        let (calls, unanswered) = (judged.calls, judged.unanswered);
        assert!(self.kills > 0 || unanswered == 0, "{judged:?}");
        if Player::of_the_version_before().is_some() {
            let half = PROCESSES / 2;
            eprintln!(
                "figure: players of the version before on {name}, beside as many of this = {half}"
            );
        }
        eprintln!("figure: guesses on {name}, {unanswered} of them unanswered, in order = {calls}");
    }

    /// Issues the codes, lets the processes guess, and judges what they heard.
    ///
    /// With every fourth kill of a player `server` is killed too, and started again.
    #[must_use]
    pub fn rage(&self, store: &dyn Store, mut server: Option<&mut dyn Mortal>) -> Judged {
        let now = SystemClock::new().now().unwrap();
        let (engine, folder) = (engine_at(now), Folder::new());
        let codes: Vec<_> = (0..self.slots)
            .map(|slot| {
                let issued = engine.issue(store, &binding(slot)).unwrap();
                issued.issued().unwrap().code.as_str().to_owned()
            })
            .collect();
        let file = folder.path().join("history");
        let start = |number, from: u32| {
            let history = file.display();
            let trial = format!(
                "{CODES} {history} {} {from} {}\n{}",
                now.unix(),
                codes.join(" "),
                self.text
            );
            Player::start(self.test, number, &trial, &folder)
        };
        let mut players: Vec<_> = (0..PROCESSES)
            .map(|number| start(number.into(), 0))
            .collect();
        Player::let_go(&mut players);
        // The history is as long as this if each call has an answer; kills come all along it.
        let about = u64::from(self.slots * PROCESSES * GUESSES) * 30;
        for kill in 0..self.kills {
            let length = || fs::metadata(&file).unwrap().len();
            let until = about * (kill + 1) / (self.kills + 2);
            while length() < until && players.iter_mut().any(|player| !player.has_ended()) {
                thread::sleep(Duration::from_micros(200));
            }
            let at = usize::try_from(kill).unwrap() % players.len();
            let _told = players.remove(at).kill();
            if let Some(server) = server.as_mut().filter(|_| kill % 4 == 3) {
                server.kill();
                server.resume();
            }
            let text = fs::read_to_string(&file).unwrap();
            let now = text.lines().rev().find_map(slot_asked).unwrap_or(0);
            let mut next = [start(u64::from(PROCESSES) + kill, now)];
            Player::let_go(&mut next);
            players.extend(next);
        }
        for player in players {
            let _told = player.finish();
        }

        let mut diary = Diary::new(&file, u64::from(u32::MAX));
        for (slot, code) in (0..).zip(&codes) {
            guess(&engine, store, &mut diary, (slot, Op::Right), code);
        }
        Judged::of(&file, self.slots)
    }
}

/// One process's guesses: at each code 64, and then at the next one.
pub(super) fn play(part: &mut Part, store: &dyn Store, words: &str) {
    let (history, words) = words.split_once(' ').unwrap();
    let (now, words) = words.split_once(' ').unwrap();
    let (from, codes) = words.split_once(' ').unwrap();
    let engine = engine_at(Timestamp::from_unix(now.parse().unwrap()));
    let from = from.parse().unwrap();
    let mut diary = Diary::new(history.as_ref(), part.number());
    part.wait_for_the_others();
    for (slot, code) in (0..).zip(codes.split(' ')).skip(from) {
        let wrong = wrong(code);
        for number in 0..u64::from(GUESSES) {
            let is_right = is_right(slot, number + part.number());
            let (op, entered) = if is_right {
                (Op::Right, code)
            } else {
                (Op::Wrong, &*wrong)
            };
            guess(&engine, store, &mut diary, (slot, op), entered);
        }
    }
}

/// Guesses once; after an error, waits until the store answers again.
fn guess(
    engine: &Engine,
    store: &dyn Store,
    diary: &mut Diary,
    (slot, op): (u32, Op),
    entered: &str,
) {
    let binding = binding(slot);
    let heard = diary.ask(slot, op, || {
        let verdict = engine.verify(store, Submission::new(&binding, entered));
        Some(Ret::from(&verdict.ok()?))
    });
    if heard.is_none() {
        crate::wait_until("the store answers again", || {
            engine.status(store, &binding).is_ok()
        });
    }
}

/// Says whether a guess is to be right: at one code of three none is, at one all, at one some.
pub(super) const fn is_right(slot: u32, guess: u64) -> bool {
    match slot % 3 {
        0 => false,
        1 => true,
        _ => guess % 4 == 3,
    }
}

/// Returns a code that is not this one.
pub(super) fn wrong(code: &str) -> String {
    let last = if code.ends_with('7') { "8" } else { "7" };
    format!("{}{last}", &code[..code.len() - 1])
}

const GUESSES: u32 = 64;
/// In how many storms a fault must be found.
const STORMS: u32 = 30;
