//! The engine and the reference side by side: each step is asked of both, and the answers compared.

use core::sync::atomic::{AtomicU64, Ordering};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::rc::Rc;
use std::sync::Arc;

use otp_engine::store::{self, Cell, Class, Commit, Key, Write};
use otp_engine::{Binding, Engine, ManualClock, MemoryStore, RateLimits, Store, Timestamp};

use crate::entered::{EnteredCode, dress, malformed};
use crate::flaw::Flaw;
use crate::reference::Reference;
use crate::siblings::{KEY_RINGS, LIMITS, bind, counted, key_ring, policy};
use crate::steps::{Ask, Entry, History, Move, Named, RINGS, SIBLINGS, Step};
use crate::terms::{Asked, DAY, Id, SlotName, Who};

mod answers;
mod asking;

/// How many steps were taken, and how often each kind of answer was given.
#[derive(Default)]
pub(crate) struct Tally {
    pub(crate) steps: u64,
    pub(crate) kinds: BTreeMap<&'static str, u64>,
}

/// What the test remembers of a slot, beside both.
#[derive(Default)]
struct Seen {
    earlier: Vec<(Id, String)>,
    /// Compared guesses since attempts could last have started again.
    compared: u8,
    max_attempts: u8,
    wrong_at: Option<i64>,
    succeeded: bool,
}

pub(crate) struct World<'a> {
    clock: Arc<ManualClock>,
    engines: Vec<Vec<Engine>>,
    store: Watched,
    reference: Reference,
    bindings: HashMap<Who, Rc<Binding>>,
    main: usize,
    ring: usize,
    start: i64,
    now: i64,
    seen: HashMap<SlotName, Seen>,
    accepted: HashSet<Id>,
    claimed: HashSet<(Id, u8)>,
    promise: Option<(Ask, usize, i64)>,
    tally: &'a mut Tally,
    /// What was asked and answered, for a history that is to be read.
    pub(crate) trace: Option<Vec<String>>,
}

impl<'a> World<'a> {
    pub(crate) fn new(history: &History, flaw: Option<Flaw>, tally: &'a mut Tally) -> Self {
        let clock = Arc::new(ManualClock::new(Timestamp::from_unix(history.start)));
        let draws = Arc::new(AtomicU64::new(0));
        let engines = KEY_RINGS.iter().map(|ring| {
            let draws = Arc::clone(&draws);
            let builder = Engine::builder_on(key_ring(ring), Arc::clone(&clock), move |bytes| {
                counted(&draws, bytes);
                Ok(())
            });
            let rate_limits = if history.metered {
                RateLimits::default()
            } else {
                RateLimits::unlimited()
            };
            let engine = builder.rate_limits(rate_limits).build();
            LIMITS
                .iter()
                .map(|limits| engine.with_policy(policy(limits)))
                .collect()
        });
        Self {
            engines: engines.collect(),
            clock,
            store: Watched::default(),
            reference: Reference::new(history.metered, flaw),
            bindings: HashMap::new(),
            main: history.main,
            ring: 0,
            start: history.start,
            now: history.start,
            seen: HashMap::new(),
            accepted: HashSet::new(),
            claimed: HashSet::new(),
            promise: None,
            tally,
            trace: None,
        }
    }

    /// Takes one step on both sides.
    ///
    /// # Errors
    ///
    /// The first difference, in words.
    pub(crate) fn step(&mut self, step: &Step) -> Result<(), String> {
        match step {
            Step::Issue(ask) => self.issue(*ask),
            Step::Verify(ask, entry, named) => self.verify(*ask, entry, *named),
            Step::Cancel(ask) => self.cancel(*ask),
            Step::Report(ask, sent, told) => self.report(*ask, *sent, *told),
            Step::Claim(ask, sent) => self.claim(*ask, *sent),
            Step::Status(ask) => self.status(*ask),
            Step::Unlock(who) => self.unlock(*who),
            Step::Reset(who, lifted) => self.reset(*who, *lifted),
            Step::Purge(confirmed) => self.purge(*confirmed),
            Step::Clock(step) => {
                self.count("clock step");
                self.set(self.target(*step));
                Ok(())
            }
            Step::Keys(ring) => {
                self.count("key ring changed");
                // An epoch is never lowered.
                self.ring = if self.ring == RINGS - 1 {
                    self.ring
                } else {
                    *ring
                };
                Ok(())
            }
            Step::Burst(ask, entry, times) => {
                (0..*times).try_for_each(|_| self.verify(*ask, entry, Named::None))
            }
            Step::Siege(ask, days) => self.siege(*ask, *days),
            Step::Outlast(ask, days) => {
                self.siege(*ask, 9)?;
                self.set(self.now + DAY * i64::from(*days));
                self.purge(true)
            }
            Step::Flood(ask, times, gap, numbers) => self.flood(*ask, *times, *gap, *numbers),
            Step::KeepPromise(delta) => self.keep_promise(*delta),
        }
    }

    fn asked(&self, ask: Ask) -> Asked<'static> {
        Asked {
            now: self.now,
            limits: &LIMITS[self.sibling(ask)],
            ring: &KEY_RINGS[self.ring],
        }
    }

    fn sibling(&self, ask: Ask) -> usize {
        (self.main + ask.sibling) % SIBLINGS
    }

    fn engine(&self, ask: Ask) -> &Engine {
        &self.engines[self.ring][self.sibling(ask)]
    }

    fn binding(&mut self, who: Who) -> Rc<Binding> {
        Rc::clone(
            self.bindings
                .entry(who)
                .or_insert_with(|| Rc::new(bind(who))),
        )
    }

    fn named(&self, who: Who, named: Named) -> Option<Id> {
        let current = || {
            self.reference
                .slot(who.place(), self.now)
                .map(|slot| slot.id)
        };
        let old = || {
            self.seen
                .get(&who.place())?
                .earlier
                .last()
                .map(|(id, _)| *id)
        };
        match named {
            Named::None => None,
            Named::Current => current(),
            Named::Old => old(),
            Named::NeverIssued => Some(u128::MAX),
        }
    }

    fn entered(&self, ask: Ask, entry: &Entry) -> EnteredCode {
        let place = ask.who.place();
        let slot = self.reference.slot(place, self.now);
        let right = slot.map_or_else(
            || "1".repeat(LIMITS[self.sibling(ask)].digits.into()),
            |slot| slot.code.clone(),
        );
        let plain = |text: String| EnteredCode {
            bytes: text.clone().into_bytes(),
            means: Some(text),
        };
        match entry {
            Entry::Right => plain(right),
            Entry::Dressed(how) => EnteredCode {
                bytes: dress(&right, *how).into_bytes(),
                means: Some(right),
            },
            Entry::Wrong(by) => {
                let space = 10_u64.pow(u32::try_from(right.len()).unwrap());
                let by = 1 + u64::from(*by) % (space - 1);
                let wrong = (right.parse::<u64>().unwrap() + by) % space;
                plain(format!("{wrong:0width$}", width = right.len()))
            }
            Entry::Old => {
                let old = self.seen.get(&place).and_then(|seen| seen.earlier.last());
                plain(old.map_or(right, |(_, code)| code.clone()))
            }
            Entry::OtherLength(true) => plain(format!("{right}0")),
            Entry::OtherLength(false) => plain(right[1..].to_owned()),
            Entry::Malformed(which) => {
                let junk = malformed(&right);
                EnteredCode {
                    bytes: junk[usize::from(*which) % junk.len()].clone(),
                    means: None,
                }
            }
        }
    }

    fn target(&self, step: Move) -> i64 {
        match step {
            Move::By(seconds) => self.now + seconds,
            Move::SlotEdge(who, index, delta) => {
                let edges = self.reference.slot_edges(who, self.now);
                self.near(&edges, index, delta)
            }
            Move::WindowEdge(who, index, delta) => {
                let edges = self.reference.window_edges(who, self.now);
                self.near(&edges, index, delta)
            }
            Move::FarEdge(who, index, delta) => {
                let edges = self.reference.far_edges(who);
                if edges.is_empty() {
                    self.now
                } else {
                    edges[index.index(edges.len())] + delta
                }
            }
        }
    }

    fn near(&self, edges: &[i64], index: proptest::sample::Index, delta: i64) -> i64 {
        let near: Vec<i64> = edges
            .iter()
            .copied()
            .filter(|edge| *edge > self.now - 600)
            .collect();
        if near.is_empty() {
            self.now
        } else {
            near[index.index(near.len())] + delta
        }
    }

    /// Sets the clock, forward or back, by whatever it may be.
    fn set(&mut self, now: i64) {
        if now < self.now {
            self.count_also("clock back");
        }
        if now.abs_diff(self.now) > DAY.unsigned_abs() {
            self.count_also("clock off by more than a day");
        }
        self.now = now;
        self.clock.set(Timestamp::from_unix(now));
    }

    /// Tells the reference whether the engine committed something just now.
    fn note_commits(&mut self) {
        if self.store.commits.swap(0, Ordering::Relaxed) > 0 {
            self.reference.committed(self.ring, self.now);
        }
    }

    fn rel(&self, at: i64) -> i64 {
        at - self.start
    }

    fn count(&mut self, what: &'static str) {
        self.tally.steps += 1;
        self.count_also(what);
    }

    fn count_also(&mut self, what: &'static str) {
        *self.tally.kinds.entry(what).or_default() += 1;
    }

    fn note(&mut self, line: impl FnOnce() -> String) {
        if let Some(trace) = &mut self.trace {
            trace.push(format!("{:>8}  {}", self.now - self.start, line()));
        }
    }

    fn same<T: PartialEq + core::fmt::Debug>(
        &mut self,
        what: &str,
        ask: Ask,
        engine: &T,
        model: &T,
    ) -> Result<(), String> {
        self.note_commits();
        let sibling = self.sibling(ask);
        self.note(|| format!("sibling {sibling}, {}: {what}: {engine:?}", shown(ask.who)));
        if engine == model {
            return Ok(());
        }
        Err(format!(
            "at {} (start {}): sibling {sibling}, {}: {what}\n  engine    {engine:?}\n  reference {model:?}",
            self.rel(self.now),
            self.start,
            shown(ask.who),
        ))
    }
}

/// The memory store, and how often a commit was done.
#[derive(Default)]
struct Watched {
    inner: MemoryStore,
    commits: AtomicU64,
}

impl Store for Watched {
    fn load(&self, keys: &[Key], cells: &mut Vec<Option<Cell>>) -> Result<(), store::Error> {
        self.inner.load(keys, cells)
    }

    fn commit(&self, writes: &[Write<'_>], now: Timestamp) -> Result<Commit, store::Error> {
        let outcome = self.inner.commit(writes, now)?;
        self.commits
            .fetch_add(u64::from(outcome == Commit::Done), Ordering::Relaxed);
        Ok(outcome)
    }

    fn purge(&self, now: Timestamp, limit: usize) -> Result<usize, store::Error> {
        self.inner.purge(now, limit)
    }

    fn class(&self) -> Class {
        self.inner.class()
    }
}

const NOBODY: Who = Who {
    tenant: 0,
    user: 0,
    record: 0,
    recipient: 0,
    content: 0,
};

fn shown(who: Who) -> String {
    let Who {
        tenant,
        user,
        record,
        recipient,
        content,
    } = who;
    format!("t{tenant} u{user} r{record} to {recipient} content {content}")
}
