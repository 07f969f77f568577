//! Schedules: the engine, unchanged, over a store whose locks a scheduler decides. loom takes three
//! threads through every order; shuttle takes four, with two guesses each, through many thousands.
//!
//! A failing schedule is printed with its seed; `SHUTTLE_RANDOM_SEED` replays it.

use core::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use otp_engine::store::{Cell, Class, Commit, Error, Key, Version, Write};
use otp_engine::{Binding, Engine, Store, Submission, Timestamp};

use crate::support::fixture::{COOLDOWN, Harness, at, beside, binding_of};
use crate::support::linearizable::{Call, linearizable};
use crate::support::slot::{Op, Ret, Slot};

/// Whether a commit compares the versions that it expects.
#[derive(Clone, Copy, Eq, PartialEq)]
enum Commits {
    Compared,
    /// Load, then blind write: the planted fault.
    Blind,
}

/// Makes a store on a scheduler's mutex. It gives way before each commit, and as often in a load as
/// it takes so many cells `together`.
macro_rules! store_on {
    ($store:ident, $mutex:path, $together:expr) => {
        struct $store {
            cells: $mutex,
            commits: Commits,
        }

        impl Store for $store {
            fn load(&self, keys: &[Key], cells: &mut Vec<Option<Cell>>) -> Result<(), Error> {
                for keys in keys.chunks($together) {
                    let kept = self.cells.lock().unwrap();
                    let find = |key| kept.iter().find(|(at, _)| at == key);
                    cells.extend(
                        keys.iter()
                            .map(|key| find(key).map(|(_, cell)| cell.clone())),
                    );
                }
                Ok(())
            }

            fn commit(&self, writes: &[Write<'_>], _: Timestamp) -> Result<Commit, Error> {
                let mut cells = self.cells.lock().unwrap();
                let position = |cells: &Cells, key| cells.iter().position(|(at, _)| *at == key);
                let fits = |write: &Write<'_>| {
                    let kept = position(&cells, write.key).map(|at| cells[at].1.version());
                    kept.unwrap_or(Version::ABSENT) == write.expected
                };
                if self.commits == Commits::Compared && !writes.iter().all(fits) {
                    return Ok(Commit::Conflict);
                }
                for write in writes {
                    let cell = Cell::new(write.expected.next(), write.discard_after, write.body);
                    match position(&cells, write.key) {
                        Some(at) => cells[at].1 = cell,
                        None => cells.push((write.key, cell)),
                    }
                }
                Ok(Commit::Done)
            }

            fn purge(&self, _: Timestamp, _: usize) -> Result<usize, Error> {
                Ok(0)
            }

            fn class(&self) -> Class {
                Class::Process
            }
        }
    };
}

type Cells = Vec<(Key, Cell)>;

store_on!(ShuttleStore, shuttle::sync::Mutex<Cells>, 1); // a load is not one view
store_on!(LoomStore, loom::sync::Mutex<Cells>, 8); // fewer orders, so that all can be tried

/// A code that is out: made once, so that a schedule costs only its guesses.
struct Prepared {
    engine: Engine,
    binding: Binding,
    right: String,
    wrong: String,
    cells: Cells,
}

impl Prepared {
    fn new() -> Self {
        let harness = Harness::with_ten_digits();
        let binding = binding_of(0, 0, 0);
        let store = ShuttleFree::default();
        let issued = harness
            .engine
            .issue(&store, &binding)
            .unwrap()
            .issued()
            .unwrap();
        harness.clock.set(at(COOLDOWN));
        let right = String::from(issued.code.as_str());
        let wrong = beside(&right);
        Self {
            engine: harness.engine,
            binding,
            right,
            wrong,
            cells: store.0.into_inner().unwrap(),
        }
    }

    fn ask(&self, store: &dyn Store, op: Op) -> Ret {
        let verify = |entered: &str| {
            Ret::from(
                &self
                    .engine
                    .verify(store, Submission::new(&self.binding, entered))
                    .unwrap(),
            )
        };
        match op {
            Op::Right => verify(&self.right),
            Op::Wrong => verify(&self.wrong),
            _ => self.engine.status(store, &self.binding).unwrap().into(),
        }
    }
}

/// Keeps what an issue commits, before any scheduler runs.
#[derive(Default)]
struct ShuttleFree(Mutex<Cells>);

impl Store for ShuttleFree {
    fn load(&self, keys: &[Key], cells: &mut Vec<Option<Cell>>) -> Result<(), Error> {
        cells.extend(keys.iter().map(|_| None));
        Ok(())
    }

    fn commit(&self, writes: &[Write<'_>], _: Timestamp) -> Result<Commit, Error> {
        let cell = |write: &Write<'_>| {
            (
                write.key,
                Cell::new(write.expected.next(), write.discard_after, write.body),
            )
        };
        self.0.lock().unwrap().extend(writes.iter().map(cell));
        Ok(Commit::Done)
    }

    fn purge(&self, _: Timestamp, _: usize) -> Result<usize, Error> {
        Ok(0)
    }

    fn class(&self) -> Class {
        Class::Process
    }
}

/// A history in the making.
#[derive(Default)]
struct History {
    ticks: AtomicU64,
    calls: Mutex<Vec<Call<Op, Ret>>>,
}

impl History {
    fn record(&self, op: Op, ask: impl FnOnce(Op) -> Ret) {
        let from = self.ticks.fetch_add(1, Ordering::SeqCst);
        let ret = Some(ask(op));
        let to = self.ticks.fetch_add(1, Ordering::SeqCst);
        self.calls.lock().unwrap().push(Call { from, to, op, ret });
    }

    /// Judges by counting and by order; what the store kept is the last call.
    fn is_sound(&self) -> bool {
        let calls = self.calls.lock().unwrap();
        let heard = |fits: fn(&Ret) -> bool| {
            calls
                .iter()
                .filter_map(|call| call.ret.as_ref())
                .filter(|ret| fits(ret))
                .count()
        };
        let accepted = heard(|ret| *ret == Ret::Accepted);
        let wrong = heard(|ret| matches!(ret, Ret::Wrong(_)));
        let guesses = calls.iter().filter(|call| call.op == Op::Wrong).count();
        let rights = calls.iter().any(|call| call.op == Op::Right);
        let counted = if rights {
            accepted <= 1 && wrong <= 5
        } else {
            wrong == guesses.min(5)
        };
        counted && linearizable(Slot::issued(), &calls)
    }
}

/// What each of four threads tries, one after the other; each schedule takes the next line.
const PLAYS: [[[Op; 2]; 4]; 4] = [
    [[Op::Wrong, Op::Right]; 4],
    [[Op::Wrong, Op::Wrong]; 4],
    [
        [Op::Right, Op::Right],
        [Op::Wrong, Op::Wrong],
        [Op::Wrong, Op::Wrong],
        [Op::Wrong, Op::Wrong],
    ],
    [
        [Op::Right, Op::Wrong],
        [Op::Right, Op::Wrong],
        [Op::Wrong, Op::Right],
        [Op::Wrong, Op::Right],
    ],
];

/// Counts schedules and those that broke a promise.
#[derive(Default)]
struct Count {
    schedules: AtomicUsize,
    condemned: AtomicUsize,
}

/// Returns one schedule of four threads under shuttle.
fn four_threads(commits: Commits, count: &Arc<Count>) -> impl Fn() + Send + Sync + 'static {
    let prepared = Arc::new(Prepared::new());
    let count = Arc::clone(count);
    move || {
        let play = PLAYS[count.schedules.fetch_add(1, Ordering::SeqCst) % PLAYS.len()];
        let cells = shuttle::sync::Mutex::new(prepared.cells.clone());
        let store = Arc::new(ShuttleStore { cells, commits });
        let history = Arc::new(History::default());
        let start = |ops: [Op; 2]| {
            let (prepared, store, history) = (
                Arc::clone(&prepared),
                Arc::clone(&store),
                Arc::clone(&history),
            );
            shuttle::thread::spawn(move || {
                for op in ops {
                    history.record(op, |op| prepared.ask(&*store, op));
                }
            })
        };
        let threads: Vec<_> = play.into_iter().map(start).collect();
        for thread in threads {
            thread.join().unwrap();
        }
        history.record(Op::Look, |op| prepared.ask(&*store, op));
        let sound = history.is_sound();
        count
            .condemned
            .fetch_add(usize::from(!sound), Ordering::SeqCst);
        assert!(
            sound || commits == Commits::Blind,
            "{:?}",
            history.calls.lock().unwrap()
        );
    }
}

fn shuttle_random(commits: Commits, schedules: usize) -> Arc<Count> {
    let count = Arc::default();
    shuttle::check_random(four_threads(commits, &count), schedules);
    count
}

fn shuttle_pct(commits: Commits, schedules: usize) -> Arc<Count> {
    let count = Arc::default();
    shuttle::check_pct(four_threads(commits, &count), schedules, 3);
    count
}

#[test]
fn four_threads_keep_all_promises_in_20_000_random_and_20_000_pct_schedules() {
    let _ = shuttle_random(Commits::Compared, 20_000);
    let _ = shuttle_pct(Commits::Compared, 20_000);
}

#[test]
#[ignore = "a million schedules: for the long run"]
fn four_threads_keep_all_promises_in_a_million_schedules() {
    let _ = shuttle_random(Commits::Compared, 500_000);
    let _ = shuttle_pct(Commits::Compared, 500_000);
}

#[test]
fn a_blind_write_breaks_a_promise_in_some_schedule() {
    for (name, count) in [
        ("random", shuttle_random(Commits::Blind, 2_000)),
        ("pct", shuttle_pct(Commits::Blind, 2_000)),
    ] {
        let condemned = count.condemned.load(Ordering::SeqCst);
        assert!(condemned > 0, "{name}");
        eprintln!("shuttle {name}: a blind write was condemned in {condemned} of 2000 schedules");
    }
}

/// Takes one guess of each thread through every order there is.
fn every_order(commits: Commits, ops: [Op; 3]) -> Arc<Count> {
    let prepared = Arc::new(Prepared::new());
    let count: Arc<Count> = Arc::default();
    let seen = Arc::clone(&count);
    let mut model = loom::model::Builder::new();
    model.preemption_bound = None;
    model.check(move || {
        seen.schedules.fetch_add(1, Ordering::SeqCst);
        let cells = loom::sync::Mutex::new(prepared.cells.clone());
        let store = Arc::new(LoomStore { cells, commits });
        let history = Arc::new(History::default());
        let ask = |op: Op| {
            let (prepared, store, history) = (
                Arc::clone(&prepared),
                Arc::clone(&store),
                Arc::clone(&history),
            );
            move || history.record(op, |op| prepared.ask(&*store, op))
        };
        let [mine, others @ ..] = ops;
        let threads = others.map(|op| loom::thread::spawn(ask(op)));
        ask(mine)();
        for thread in threads {
            thread.join().unwrap();
        }
        ask(Op::Look)();
        let sound = history.is_sound();
        seen.condemned
            .fetch_add(usize::from(!sound), Ordering::SeqCst);
        assert!(
            sound || commits == Commits::Blind,
            "{:?}",
            history.calls.lock().unwrap()
        );
    });
    count
}

#[test]
fn three_threads_keep_all_promises_in_every_order_that_there_is() {
    for ops in [
        [Op::Right, Op::Right, Op::Wrong],
        [Op::Wrong, Op::Wrong, Op::Wrong],
    ] {
        let orders = every_order(Commits::Compared, ops)
            .schedules
            .load(Ordering::SeqCst);
        let blind = every_order(Commits::Blind, ops);
        let condemned = blind.condemned.load(Ordering::SeqCst);
        assert!(condemned > 0, "{ops:?}");
        let planted = blind.schedules.load(Ordering::SeqCst);
        eprintln!(
            "loom {ops:?}: all {orders} orders sound; blind: {condemned} of {planted} condemned"
        );
    }
}
