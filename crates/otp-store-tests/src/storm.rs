//! Many guess at the same codes at once; afterwards the counts must agree.

use alloc::{collections::BTreeSet, format, string::String, vec::Vec};
use std::{sync::Barrier, thread};

use super::{
    Fault,
    probe::{Finding, Keys, LATER, Probe, commit, load, load_all, mix, must},
};
use otp_engine::store::{Cell, Class, Commit, Key, Kind, Store, Version, Write};

mod tally;

pub use tally::Tally;

/// A storm: every slot gets 3 right and 5 wrong guesses from many players at once.
///
/// The players may be threads or processes. Each guess is one load and one commit, as the engine
/// makes them: the slot and two meters that it shares with others, and for a right guess also a
/// shared chain head and a new record. A naive store lets more than one guess succeed, forgets guesses,
/// or leaves codes that are used up without a record.
///
/// ```
/// use otp_engine::MemoryStore;
/// use otp_store_tests::Storm;
///
/// let (store, storm) = (MemoryStore::new(), Storm::new(7, 20, 2));
/// let tallies = [storm.play(&store, 0)?, storm.play(&store, 1)?]; // better: at the same time
/// storm.judge(&store, &tallies)?;
/// # Ok::<(), otp_store_tests::Fault>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Storm {
    keys: Keys,
    slots: u64,
    players: u64,
}

impl Storm {
    /// Makes a storm; all of its players make it from the same numbers, and the store must not
    /// have seen one with this seed.
    #[must_use]
    pub const fn new(seed: u64, slots: u32, players: u32) -> Self {
        Self {
            keys: Keys { seed },
            slots: slots as u64,
            players: players as u64,
        }
    }

    /// Makes all guesses of the player with this number, from 0 on.
    ///
    /// # Errors
    ///
    /// The [`Fault`] where the store gives no answer, or where a guess lost more than 200 rounds.
    pub fn play(&self, store: &dyn Store, player: u32) -> Result<Tally, Fault> {
        let mut tally = Tally::default();
        for slot in 0..self.slots {
            for guess in 0..GUESSES {
                if (slot + guess) % self.players == u64::from(player) {
                    self.guess(store, slot, self.is_right(slot, guess), &mut tally)?;
                }
            }
        }
        Ok(tally)
    }

    /// Judges what the players were told by what the store holds.
    ///
    /// # Errors
    ///
    /// The [`Fault`] where the two do not agree, or where a load fails.
    pub fn judge(&self, store: &dyn Store, tallies: &[Tally]) -> Result<(), Fault> {
        let all = |kind: Kind, count: u64| {
            let keys: Vec<_> = (0..count).map(|number| self.key(kind, number)).collect();
            load_all(store, &keys)
        };
        let mut told = BTreeSet::new();
        for slot in tallies.iter().flat_map(|tally| &tally.accepted) {
            must!(
                told.insert(*slot),
                "slot {slot} accepted more than one guess"
            );
        }
        let wrong: u64 = tallies.iter().map(|tally| tally.wrong).sum();

        let (mut used, mut counted) = (BTreeSet::new(), 0);
        for (number, cell) in (0..).zip(all(Kind::Slot, self.slots)?) {
            let slot = Slot::read(cell.as_ref())?;
            must!(
                slot.is_used || slot.attempts == ATTEMPTS,
                "slot {number} was neither used nor exhausted by {GUESSES} guesses"
            );
            counted += u64::from(slot.attempts);
            if slot.is_used {
                used.insert(number);
            }
        }
        must!(
            told == used,
            "{} guesses were accepted, but {} slots are used up",
            told.len(),
            used.len()
        );
        must!(
            wrong == counted,
            "{wrong} wrong guesses were compared, {counted} were counted"
        );
        // Both meters of a storm are of one kind; the users' come first.
        for (whose, first) in [("users", 0), ("recipients", self.slots)] {
            let keys: Vec<_> = (first..first + self.slots)
                .map(|number| self.key(Kind::Meter, number))
                .collect();
            let metered = sum(&load_all(store, &keys)?)?;
            must!(
                metered == wrong,
                "{wrong} wrong guesses were compared, the meters of {whose} hold {metered}"
            );
        }
        self.judge_records(store, &all(Kind::ChainHead, self.slots)?, &used)
    }

    fn judge_records(
        &self,
        store: &dyn Store,
        pages: &[Option<Cell>],
        used: &BTreeSet<u64>,
    ) -> Result<(), Fault> {
        let mut recorded = BTreeSet::new();
        for (chain_head, cell) in (0..).zip(pages) {
            let count = number(cell.as_ref())?;
            // One more than the chain head says: no record may lie beyond its count.
            let keys: Vec<_> = (0..=count).map(|at| self.record(chain_head, at)).collect();
            let records = load_all(store, &keys)?;
            for (at, record) in (0..).zip(&records) {
                must!(
                    record.is_some() == (at < count),
                    "chain head {chain_head} counts {count} records, record {at} is {}",
                    if record.is_some() { "there" } else { "missing" }
                );
            }
            for record in records.iter().flatten() {
                must!(
                    recorded.insert(number(Some(record))?),
                    "a code left two records"
                );
            }
        }
        must!(
            recorded == *used,
            "{} slots are used up, {} left a record",
            used.len(),
            recorded.len()
        );
        Ok(())
    }

    /// One guess: load, decide, commit, and again if somebody else was first.
    fn guess(
        &self,
        store: &dyn Store,
        slot: u64,
        is_right: bool,
        tally: &mut Tally,
    ) -> Result<(), Fault> {
        let keys = [
            self.key(Kind::Slot, slot),
            self.key(Kind::Meter, slot / 8),
            self.key(Kind::Meter, self.slots + slot / 2 % 16),
            self.key(Kind::ChainHead, slot / 4),
        ];
        for round in 1..=ROUNDS {
            let cells = load(store, &keys)?;
            thread::yield_now(); // here the others come in between
            let before = Slot::read(cells[0].as_ref())?;
            if before.is_used || before.attempts >= ATTEMPTS {
                return Ok(()); // nothing to compare with, nothing to write
            }
            let chain_head = number(cells[3].as_ref())?;
            let after = Slot {
                is_used: is_right,
                attempts: before.attempts + u8::from(!is_right),
            };
            let charge = u64::from(!is_right);
            let bodies = [
                after.body(),
                (number(cells[1].as_ref())? + charge).to_le_bytes(),
                (number(cells[2].as_ref())? + charge).to_le_bytes(),
                (chain_head + 1).to_le_bytes(),
                slot.to_le_bytes(),
            ];
            let keeping = (store.class() != Class::Permanent).then_some(LATER);
            let write = |at: usize, kind, discard_after| Write {
                key: keys
                    .get(at)
                    .copied()
                    .unwrap_or_else(|| self.record(slot / 4, chain_head)),
                kind,
                expected: cells
                    .get(at)
                    .and_then(Option::as_ref)
                    .map_or(Version::ABSENT, Cell::version),
                discard_after,
                body: &bodies[at],
            };
            let writes = [
                write(0, Kind::Slot, Some(LATER)),
                write(1, Kind::Meter, Some(LATER)),
                write(2, Kind::Meter, Some(LATER)),
                write(3, Kind::ChainHead, keeping),
                write(4, Kind::Record, keeping),
            ];
            let writes = if is_right { &writes[..] } else { &writes[..3] };
            tally.most_rounds = tally.most_rounds.max(round);
            if commit(store, writes)? == Commit::Done {
                if is_right {
                    tally.accepted.push(slot);
                } else {
                    tally.wrong += 1;
                }
                return Ok(());
            }
            tally.conflicts += 1;
            for _ in 3..=round.min(6) {
                thread::yield_now();
            }
        }
        Err(Fault(format!("a guess lost {ROUNDS} rounds")))
    }

    /// Says which guesses are right: 3 of a slot's 8, wherever the seed puts them.
    const fn is_right(&self, slot: u64, guess: u64) -> bool {
        (guess + mix(self.keys.seed ^ slot) % GUESSES) % GUESSES < 3
    }

    fn key(&self, kind: Kind, number: u64) -> Key {
        let kind = match kind {
            Kind::Slot => 1,
            Kind::Meter => 2,
            Kind::ChainHead => 3,
            Kind::Record => 4,
            Kind::Credential => 5,
            Kind::Canary => 6,
            _ => 7, // a kind of a later version
        };
        self.keys.key(kind << 56 | number)
    }

    fn record(&self, chain_head: u64, at: u64) -> Key {
        self.key(Kind::Record, chain_head << 24 | at)
    }
}

pub(super) fn with_threads(probe: &Probe) -> Result<(), Finding> {
    let (players, seed) = (probe.options.threads, probe.keys.seed);
    let storm = Storm::new(seed, probe.options.slots, players);
    let start = Barrier::new(players as usize);
    let tallies = thread::scope(|scope| {
        let play = |player| {
            start.wait();
            storm.play(&*probe.store, player)
        };
        let threads: Vec<_> = (0..players)
            .map(|player| scope.spawn(move || play(player)))
            .collect();
        let panicked = |_| Fault(String::from("a call panicked"));
        threads
            .into_iter()
            .map(|thread| thread.join().map_err(panicked)?)
            .collect::<Result<Vec<_>, Fault>>()
    })?;
    Ok(storm.judge(&*probe.store, &tallies)?)
}

/// The state of one code.
struct Slot {
    is_used: bool,
    attempts: u8,
}

impl Slot {
    fn read(cell: Option<&Cell>) -> Result<Self, Fault> {
        let [used, attempts, ..] = number(cell)?.to_le_bytes();
        Ok(Self {
            is_used: used == 1,
            attempts,
        })
    }

    const fn body(&self) -> [u8; 8] {
        [self.is_used as u8, self.attempts, 0, 0, 0, 0, 0, 0]
    }
}

fn number(cell: Option<&Cell>) -> Result<u64, Fault> {
    let Some(cell) = cell else { return Ok(0) };
    let body = <[u8; 8]>::try_from(cell.body());
    body.map(u64::from_le_bytes)
        .map_err(|_| Fault(String::from("a body of the storm came back another")))
}

fn sum(cells: &[Option<Cell>]) -> Result<u64, Fault> {
    cells.iter().map(|cell| number(cell.as_ref())).sum()
}

const GUESSES: u64 = 8;
const ATTEMPTS: u8 = 5;
const ROUNDS: u32 = 200;
