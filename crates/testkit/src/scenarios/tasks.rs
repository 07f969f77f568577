//! What the tasks of one process do to stores that are awaited, and what dropping futures does.

use core::{
    fmt,
    future::Future,
    pin::Pin,
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};
use std::{fs, path::Path, sync::Arc, thread, time::Instant};

use otp_engine::{
    AsyncEngine, AsyncStore, Binding, Clock, Error, Store, Submission, SystemClock, Timestamp,
    store::{self, Cell, Class, Commit, Key, Write},
};
use otp_store_tests::Blocking;
use tokio::{
    runtime::{Builder, Handle, Runtime},
    sync::{Barrier, Semaphore},
    task::block_in_place,
};

use super::{
    Judged, Mortal, binding,
    codes::{is_right, wrong},
    engine_at,
    history::Diary,
    seed,
};
use crate::{
    Folder,
    broken::Flaw,
    support::slot::{Op, Ret},
    wait_until,
};

mod drops;
mod own;

use drops::Whim;

/// Makes a runtime with workers of its own.
#[must_use]
pub fn runtime() -> Runtime {
    let mut builder = Builder::new_multi_thread();
    builder.worker_threads(4).enable_all().build().unwrap()
}

/// A store that is awaited, as one that blocks.
pub type Bridged<S> = Blocking<S, Box<BlockOn>>;
type BlockOn = dyn Fn(Pin<&mut (dyn Future<Output = ()> + Send + '_)>) + Send + Sync;

/// Makes a store that is awaited one that blocks, for the suite and for the scenarios.
pub fn bridge<S: AsyncStore>(runtime: &Runtime, store: S) -> Bridged<S> {
    let handle: Handle = runtime.handle().clone();
    Blocking::new(store, Box::new(move |future| handle.block_on(future)))
}

/// A store that blocks, as one that is awaited: how flawed stores get into a storm of tasks.
pub struct InPlace {
    store: Box<dyn Store>,
    /// Each caller has a thread and a connection, and a server has only so many.
    places: Semaphore,
}

impl InPlace {
    /// Lets a few callers at a time block on `store`.
    #[must_use]
    pub fn new(store: Box<dyn Store>) -> Self {
        Self {
            store,
            places: Semaphore::new(16),
        }
    }

    async fn block<T>(&self, work: impl FnOnce(&dyn Store) -> T) -> T {
        let _place = self.places.acquire().await.unwrap();
        block_in_place(|| work(&*self.store))
    }
}

impl AsyncStore for InPlace {
    async fn load(&self, keys: &[Key]) -> Result<Vec<Option<Cell>>, store::Error> {
        let load = |store: &dyn Store| {
            let mut cells = Vec::new();
            store.load(keys, &mut cells).map(|()| cells)
        };
        self.block(load).await
    }

    async fn commit(&self, writes: &[Write<'_>], now: Timestamp) -> Result<Commit, store::Error> {
        self.block(|store| store.commit(writes, now)).await
    }

    async fn purge(&self, now: Timestamp, limit: usize) -> Result<usize, store::Error> {
        self.block(|store| store.purge(now, limit)).await
    }

    fn class(&self) -> Class {
        self.store.class()
    }
}

impl fmt::Debug for InPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InPlace").finish_non_exhaustive()
    }
}

/// A storm of 100 tasks, spread over several stores on one server.
#[derive(Debug)]
#[expect(clippy::exhaustive_structs, reason = "for tests alone")]
pub struct Tasks<'a, S> {
    /// Where the tasks run.
    pub runtime: &'a Runtime,
    /// The stores, each of every so many tasks.
    pub stores: &'a Arc<Vec<S>>,
    /// Whether about half of all futures are dropped before they have an answer.
    pub drops: bool,
}

impl<S: AsyncStore + 'static> Tasks<'_, S> {
    /// Lets each task guess once at each of `codes` codes, all at the same time, and judges what
    /// they heard; `server` is killed and started again so often meanwhile.
    ///
    /// Of three codes one is guessed wrong only, one right only, and at the third some guesses are
    /// right; afterwards each right code is tried once more.
    #[must_use]
    pub fn rage(&self, codes: u32, server: Option<(&mut dyn Mortal, u32)>) -> Judged {
        let (seed, folder) = (seed(), Folder::new());
        eprintln!("OTP_TEST_SEED={seed}");
        let file = folder.path().join("history");
        let harness = Arc::new(Harness::new(self.runtime, &self.stores[0], codes));
        let gate = Arc::new(Barrier::new(TASKS as usize));
        let guessing = |task: u32| {
            let (harness, gate) = (Arc::clone(&harness), Arc::clone(&gate));
            let (stores, mut diary) = (Arc::clone(self.stores), Diary::new(&file, task.into()));
            let mut whim = self.drops.then(|| Whim::new(seed, task));
            async move {
                gate.wait().await;
                for slot in 0..codes {
                    let is_right = is_right(slot, task.into());
                    let op = if is_right { Op::Right } else { Op::Wrong };
                    let at = task as usize % stores.len();
                    let call = diary.asks(slot, op);
                    let heard = harness.guess(&stores, at, (slot, op), whim.as_mut()).await;
                    diary.heard(call, heard);
                    if heard.is_none() {
                        harness.wait_for(&stores[at], slot).await;
                    }
                }
            }
        };
        let tasks: Vec<_> = (0..TASKS)
            .map(|task| self.runtime.spawn(guessing(task)))
            .collect();
        let is_over = || tasks.iter().all(|task| task.is_finished());
        if let Some((server, times)) = server {
            for kill in 1..=times {
                let until = u64::from(codes * TASKS * kill / (times + 1)) * LINE;
                while length(&file) < until && !is_over() {
                    thread::sleep(Duration::from_millis(1));
                }
                server.kill();
                server.resume();
            }
        }
        self.runtime.block_on(async {
            for task in tasks {
                task.await.unwrap();
            }
            let mut diary = Diary::new(&file, u64::from(u32::MAX));
            for slot in 0..codes {
                let call = diary.asks(slot, Op::Right);
                let heard = harness.guess(self.stores, 0, (slot, Op::Right), None).await;
                diary.heard(call, heard);
            }
        });
        Judged::of(&file, codes)
    }

    /// Shows that both judges find a fault in flawed stores, in one of a few storms.
    pub fn condemns(&self, codes: u32) {
        let is_condemned = |_| {
            let judged = self.rage(codes, None);
            judged.by_count.is_err() && judged.by_order.is_err()
        };
        assert!((0..20).any(is_condemned), "no storm found the flaw");
    }
}

/// Guesses, of whose futures about half are dropped; then the server is killed too. Shows that each
/// code is accepted once and compared so often, that all `places` are left, and that `sessions` of
/// dropped futures end.
pub fn futures_are_dropped<S: AsyncStore + 'static>(
    runtime: &Runtime,
    stores: &Arc<Vec<S>>,
    server: &mut dyn Mortal,
    places: &dyn Fn(),
    sessions: &dyn Fn(),
) {
    let storm = Tasks {
        runtime,
        stores,
        drops: true,
    };
    let judged = storm.rage(18, None);
    judged.acquitted();
    assert!(judged.unanswered > 0, "{judged:?}");
    let (heard, dropped) = storm.hear_their_own(6);
    assert!(heard > 0 && dropped > 0, "{heard} {dropped}");
    places();
    sessions();
    storm.rage(12, Some((server, 2))).acquitted();
    places();
}

/// Shows that so many calls have a connection at the same time: each waits for the others with it.
pub fn all_places_are_left<F>(
    runtime: &Runtime,
    connections: usize,
    free: impl Fn() -> usize,
    call: impl Fn(Arc<Barrier>) -> F,
) where
    F: Future<Output: Send> + Send + 'static,
{
    // A dropped call keeps its place until the server has ended it.
    wait_until("each place is free", || free() == connections);
    let all = Arc::new(Barrier::new(connections));
    let calls: Vec<_> = (0..connections)
        .map(|_| runtime.spawn(call(Arc::clone(&all))))
        .collect();
    for call in calls {
        drop(runtime.block_on(call).unwrap());
    }
    assert_eq!(free(), connections);
}

/// Makes the tests of a store that is awaited over a network that loses what it carries.
#[macro_export]
macro_rules! asynchronous_proxy_tests {
    ($behind_a_proxy:path) => {
        const ANSWER_TIMEOUT: Duration = Duration::from_secs(2);

        #[test]
        fn an_operation_is_one_load_and_one_commit_of_one_round_trip_each() {
            let runtime = $crate::scenarios::runtime();
            let patient = Duration::from_secs(60);
            let (_server, _folder, proxy, store) = $behind_a_proxy(&runtime, patient);
            $crate::scenarios::one_load_and_one_commit(&proxy, &store);
        }

        #[test]
        fn what_became_of_a_lost_answer_is_unknown_and_the_next_call_tells() {
            let runtime = $crate::scenarios::runtime();
            let (_server, _folder, proxy, store) = $behind_a_proxy(&runtime, ANSWER_TIMEOUT);
            $crate::scenarios::answers_are_lost(&proxy, &store);
            assert_eq!(store.store().pool.free_permits(), 8);
        }

        #[test]
        fn a_server_that_falls_silent_is_given_up_in_time_and_taken_back() {
            let runtime = $crate::scenarios::runtime();
            let (_server, _folder, proxy, store) = $behind_a_proxy(&runtime, ANSWER_TIMEOUT);
            $crate::scenarios::everything_is_swallowed(&proxy, &store, ANSWER_TIMEOUT);
            assert_eq!(store.store().pool.free_permits(), 8);
        }
    };
}

/// Shows that two stores on one server pass a storm of tasks, and that the same storm condemns them
/// once they are spoilt.
pub fn storm_of_tasks<S: AsyncStore + 'static>(
    runtime: &Runtime,
    open: &dyn Fn() -> S,
    spoil: &dyn Fn(Box<dyn Store>, Flaw) -> Box<dyn Store>,
) {
    let storm = Tasks {
        runtime,
        stores: &Arc::new(vec![open(), open()]),
        drops: false,
    };
    let judged = storm.rage(18, None);
    judged.acquitted();
    assert_eq!(judged.unanswered, 0, "{judged:?}");

    for flaw in [Flaw::Blind, Flaw::ReadThenWrite] {
        let spoilt = || InPlace::new(spoil(Box::new(bridge(runtime, open())), flaw));
        let storm = Tasks {
            runtime,
            stores: &Arc::new(vec![spoilt(), spoilt()]),
            drops: false,
        };
        storm.condemns(6);
    }
}

/// The engine of all tasks, and the codes that are out.
struct Harness {
    engine: AsyncEngine,
    codes: Vec<(Binding, String)>,
}

impl Harness {
    /// Issues codes with other numbers than those of earlier storms.
    fn new(runtime: &Runtime, store: &impl AsyncStore, codes: u32) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let first = NEXT.fetch_add(codes, Ordering::SeqCst);
        // Codes do not expire, however slow the machine.
        let engine = AsyncEngine::from(engine_at(SystemClock::new().now().unwrap()));
        let issuing = async {
            let mut all = Vec::new();
            for number in first..first + codes {
                let binding = binding(number);
                let issued = engine.issue(store, &binding).await.unwrap();
                let code = issued.issued().unwrap().code.as_str().to_owned();
                all.push((binding, code));
            }
            all
        };
        let codes = runtime.block_on(issuing);
        Self { engine, codes }
    }

    /// Guesses once, and may drop it; what is not known is no answer.
    async fn guess<S: AsyncStore + 'static>(
        self: &Arc<Self>,
        stores: &Arc<Vec<S>>,
        at: usize,
        (slot, op): (u32, Op),
        whim: Option<&mut Whim>,
    ) -> Option<Ret> {
        let (harness, stores) = (Arc::clone(self), Arc::clone(stores));
        let guess = async move {
            let (binding, code) = &harness.codes[slot as usize];
            let wrong = wrong(code);
            let entered = if op == Op::Right { code } else { &wrong };
            let submission = Submission::new(binding, entered);
            harness.engine.verify(&stores[at], submission).await
        };
        let verdict = match whim {
            Some(whim) => whim.drop_or_wait(guess).await?,
            None => guess.await,
        };
        match verdict {
            Ok(verdict) => Some(Ret::from(&verdict)),
            Err(Error::Store(store::Error::Unknown(_) | store::Error::Unavailable(_))) => None,
            Err(other) => panic!("{other:?}"),
        }
    }

    /// Waits until the store answers.
    async fn wait_for(&self, store: &impl AsyncStore, slot: u32) {
        let end = Instant::now() + Duration::from_secs(60);
        let binding = &self.codes[slot as usize].0;
        while let Err(error) = self.engine.status(store, binding).await {
            assert!(Instant::now() < end, "after 60 s: {error:?}");
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }
}

fn length(file: &Path) -> u64 {
    fs::metadata(file).map_or(0, |file| file.len())
}

const TASKS: u32 = 100;
/// About as long is what the history says of a call.
const LINE: u64 = 30;
