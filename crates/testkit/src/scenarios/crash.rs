//! Writers and server killed in the middle of commits, again and again.

use otp_store_tests::{CrashTrial, Fault};

use super::{CRASH, Mortal, Open, seed};
use crate::{Folder, Player, wait_until};

/// A trial by kills.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::exhaustive_structs, reason = "for tests alone")]
pub struct Crash<'a> {
    /// The name of the test.
    pub test: &'a str,
    /// How a process opens the store.
    pub text: &'a str,
    /// How often writers and server are killed.
    pub kills: u64,
    /// How many commits each of the two writers has acknowledged before.
    pub load: usize,
}

impl Crash<'_> {
    /// Shows that a store loses nothing, and prints how much there was to lose.
    pub fn finds_no_fault(&self, name: &str, server: &mut dyn Mortal, open: &Open) {
        let commits = self.rage(server, open).unwrap();
        let kills = self.kills;
        eprintln!("figure: commits over {kills} kills of {name}, none lost = {commits}");
    }

    /// Kills two writers, and the server between, while they commit; judges the store each time by
    /// what was acknowledged. Returns how many commits that were.
    ///
    /// # Errors
    ///
    /// The [`Fault`] where a commit is lost, torn or given twice.
    pub fn rage(&self, server: &mut dyn Mortal, open: &Open) -> Result<usize, Fault> {
        let (seed, folder) = (seed(), Folder::new());
        let trial = format!("{CRASH} {seed}\n{}", self.text);
        let (mut all, judge) = (Vec::new(), trial_of(&seed.to_string()));
        for kill in 0..self.kills {
            let mut players =
                [0, 1].map(|at| Player::start(self.test, 2 * kill + at, &trial, &folder));
            Player::let_go(&mut players);
            // Not always as many: the kill comes at other places of a commit.
            let load = self.load + usize::try_from(kill % 7).unwrap();
            wait_until("both writers have acknowledged commits", || {
                let has_told = |player: &Player| player.told().lines().count() >= load;
                players.iter().all(has_told)
            });
            let [first, second] = players;
            // The other way round every other time: then no writer is killed before the server.
            let last = if kill % 2 == 0 {
                let first = first.kill();
                server.kill();
                [first, second.kill()]
            } else {
                server.kill();
                [first.kill(), second.kill()]
            };
            server.resume();
            judge.judge(&*open(self.text), &last)?;
            all.extend(last);
        }
        judge.judge(&*open(self.text), &all)
    }
}

pub(super) fn trial_of(seed: &str) -> CrashTrial {
    CrashTrial::new(seed.parse().unwrap(), 8)
}
