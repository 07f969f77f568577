//! Whose keys a store belongs to: the canary, checked at each start, begun or taken over by name.

use core::sync::atomic::{AtomicBool, Ordering};
use core::time::Duration;
use std::sync::{Barrier, Mutex};
use std::thread;

use otp_engine::store::{Cell, Class, Commit, Error as StoreError, Key, Kind, Version, Write};
use otp_engine::{
    Binding, Engine, Error, KeyRing, ManualClock, MemoryStore, Mobile, RateLimits, SigningKey,
    Store, Submission, Target, Timestamp,
    operation::{EraseRequest, StoreCheck},
    record::RecordDetail,
};

/// docs/formats.md: the same in every store, whatever its keys.
const CANARY: Key = Key::from_bytes(*b"\0\0\0\0\0\0\0\0otp-engine canary v1\0\0\0\0");
const NOW: Timestamp = Timestamp::from_unix(1_715_767_200);
const FIELD: Target<'_> = Target {
    model: "loan.application",
    field: "client_signature",
    id: "15",
};

/// Format, mark and seal.
const GOLDEN: &str = "0122b79558bb986f27077a92ca19403fd01425732e96be16db8fa0eccb0a1a1bfe";

fn engine(code: u8, index: u8) -> Engine {
    let (code, index) = ([code; 32], [index; 32]);
    let ring = KeyRing::builder().code("2026a", &code).index(&index);
    // Locks that end: a store that expires can keep no other.
    let rate_limits = RateLimits::builder().lock_ends_after(Duration::from_secs(86_400));
    Engine::builder(ring.build().unwrap())
        .clock(ManualClock::new(NOW))
        .rate_limits(rate_limits.build().unwrap())
        .build()
}

fn ours() -> Engine {
    engine(1, 2)
}

/// Keys that were freshly made, as a service that lost its key file makes them.
fn fresh() -> Engine {
    engine(3, 4)
}

fn binding() -> Binding {
    let builder = Binding::builder().tenant("acme").purpose("sign").user("7");
    let builder = builder.target(FIELD);
    let mobile = Mobile::parse("60123456789").unwrap();
    builder.recipient(mobile).build().unwrap()
}

/// A store of any class that tells, or does not, whether it holds cells.
struct Shelf {
    cells: MemoryStore,
    class: Class,
    tells: bool,
    writes: Mutex<Vec<Seen>>,
    /// Runs once, before it is told whether there are cells.
    meanwhile: Mutex<Option<Meanwhile>>,
    is_asked: AtomicBool,
}

/// What of a write a test looks at.
type Seen = (Key, Kind, Version, Option<Timestamp>);

type Meanwhile = Box<dyn FnOnce(&Shelf) + Send>;

impl Shelf {
    fn new(class: Class) -> Self {
        Self {
            cells: MemoryStore::keeping_records_until_exit(),
            class,
            tells: true,
            writes: Mutex::default(),
            meanwhile: Mutex::default(),
            is_asked: AtomicBool::new(false),
        }
    }

    fn canary(&self) -> Cell {
        let mut cells = Vec::new();
        self.cells.load(&[CANARY], &mut cells).unwrap();
        cells.remove(0).unwrap()
    }

    /// Writes the canary's cell with another body.
    fn set_canary(&self, body: &[u8]) {
        let mut cells = Vec::new();
        self.cells.load(&[CANARY], &mut cells).unwrap();
        let expected = cells[0].as_ref().map_or(Version::ABSENT, Cell::version);
        let write = Write {
            key: CANARY,
            kind: Kind::Canary,
            expected,
            discard_after: None,
            body,
        };
        assert_eq!(self.cells.commit(&[write], NOW).unwrap(), Commit::Done);
    }
}

impl Store for Shelf {
    fn load(&self, keys: &[Key], cells: &mut Vec<Option<Cell>>) -> Result<(), StoreError> {
        self.cells.load(keys, cells)
    }

    fn commit(&self, writes: &[Write<'_>], now: Timestamp) -> Result<Commit, StoreError> {
        let forever = |write: &Write<'_>| write.discard_after.is_none();
        if self.class != Class::Permanent && writes.iter().any(forever) {
            return Err(StoreError::Unsupported);
        }
        let done = self.cells.commit(writes, now)?;
        let seen = writes
            .iter()
            .map(|write| (write.key, write.kind, write.expected, write.discard_after));
        self.writes.lock().unwrap().extend(seen);
        Ok(done)
    }

    fn purge(&self, now: Timestamp, limit: usize) -> Result<usize, StoreError> {
        self.cells.purge(now, limit)
    }

    fn class(&self) -> Class {
        self.class
    }

    fn has_cells(&self) -> Result<Option<bool>, StoreError> {
        self.is_asked.store(true, Ordering::SeqCst);
        let meanwhile = self.meanwhile.lock().unwrap().take();
        if let Some(meanwhile) = meanwhile {
            meanwhile(self);
        }
        Ok(self.tells.then(|| !self.cells.is_empty()))
    }
}

#[track_caller]
fn is_foreign(answer: &Result<StoreCheck, Error>) {
    assert!(matches!(answer, Err(Error::ForeignStore)), "{answer:?}");
}

#[track_caller]
fn lacks_canary(answer: &Result<StoreCheck, Error>) {
    assert!(matches!(answer, Err(Error::NoCanary)), "{answer:?}");
}

#[test]
fn case_200_a_store_that_another_key_ring_began_is_an_error_that_says_so() {
    let memory = MemoryStore::new();
    let shelf = Shelf::new(Class::Permanent);
    for store in [&memory as &dyn Store, &shelf] {
        assert_eq!(ours().check_store(store).unwrap(), StoreCheck::Begun);
        assert_eq!(ours().check_store(store).unwrap(), StoreCheck::Proven);
        let issued = ours().issue(store, &binding()).unwrap().issued().unwrap();
        for other in [fresh(), engine(1, 4)] {
            is_foreign(&other.check_store(store));
            is_foreign(&other.adopt_store(store));
        }
        // The error left everything as it was.
        assert_eq!(ours().check_store(store).unwrap(), StoreCheck::Proven);
        let binding = binding();
        let submission = Submission::new(&binding, issued.code.as_str());
        assert!(ours().verify(store, submission).unwrap().is_accepted());
    }
    let told = Error::ForeignStore.to_string();
    assert!(told.contains("another index secret"), "{told}");
    assert!(told.contains("begin_store"), "{told}");
}

#[test]
fn case_200_code_secrets_rotate_and_are_not_what_the_canary_proves() {
    let store = Shelf::new(Class::Permanent);
    assert_eq!(ours().check_store(&store).unwrap(), StoreCheck::Begun);
    let rotated = engine(9, 2);
    assert_eq!(rotated.check_store(&store).unwrap(), StoreCheck::Proven);
}

#[test]
fn case_201_cells_without_a_canary_are_begun_or_taken_over_by_name_alone() {
    for tells in [true, false] {
        let store = Shelf {
            tells,
            ..Shelf::new(Class::Permanent)
        };
        let issued = ours().issue(&store, &binding()).unwrap().issued().unwrap();
        let before = store.cells.len();
        lacks_canary(&ours().check_store(&store));
        lacks_canary(&fresh().check_store(&store));
        assert_eq!(store.cells.len(), before);
        // Taken over once; again it does nothing.
        assert_eq!(ours().adopt_store(&store).unwrap(), StoreCheck::Begun);
        assert_eq!(ours().adopt_store(&store).unwrap(), StoreCheck::Proven);
        assert_eq!(ours().check_store(&store).unwrap(), StoreCheck::Proven);
        assert_eq!(store.canary().version(), Version::new(1));
        let binding = binding();
        let submission = Submission::new(&binding, issued.code.as_str());
        assert!(ours().verify(&store, submission).unwrap().is_accepted());
        // Begun anew once; again it does nothing, and the keys of before are the strangers.
        assert_eq!(fresh().begin_store(&store).unwrap(), StoreCheck::Begun);
        assert_eq!(fresh().begin_store(&store).unwrap(), StoreCheck::Proven);
        assert_eq!(fresh().check_store(&store).unwrap(), StoreCheck::Proven);
        assert_eq!(store.canary().version(), Version::new(2));
        is_foreign(&ours().check_store(&store));
    }
    let told = Error::NoCanary.to_string();
    assert!(told.contains("adopt_store") && told.contains("begin_store"));
}

#[test]
fn case_201_a_store_that_cannot_tell_whether_it_is_empty_is_begun_by_name_alone() {
    let store = Shelf {
        tells: false,
        ..Shelf::new(Class::Permanent)
    };
    lacks_canary(&ours().check_store(&store));
    assert!(store.cells.is_empty());
    assert_eq!(ours().begin_store(&store).unwrap(), StoreCheck::Begun);
    assert_eq!(ours().check_store(&store).unwrap(), StoreCheck::Proven);
}

#[test]
fn case_202_of_hosts_that_start_at_once_on_an_empty_store_one_begins_it() {
    for round in 0..200 {
        let store = Shelf::new(Class::Permanent);
        let start = Barrier::new(4);
        // Two hosts with our keys and two with fresh ones: one ring wins, whichever it is.
        let answers: Vec<_> = thread::scope(|scope| {
            let hosts: Vec<_> = [ours(), ours(), fresh(), fresh()]
                .into_iter()
                .map(|host| {
                    let (store, start) = (&store, &start);
                    scope.spawn(move || {
                        start.wait();
                        host.check_store(store)
                    })
                })
                .collect();
            hosts.into_iter().map(|host| host.join().unwrap()).collect()
        });
        let begun = |answer: &&Result<_, _>| matches!(answer, Ok(StoreCheck::Begun));
        let proven = |answer: &&Result<_, _>| matches!(answer, Ok(StoreCheck::Proven));
        let foreign = |answer: &&Result<_, _>| matches!(answer, Err(Error::ForeignStore));
        assert_eq!(
            answers.iter().filter(begun).count(),
            1,
            "{round}: {answers:?}"
        );
        assert_eq!(
            answers.iter().filter(proven).count(),
            1,
            "{round}: {answers:?}"
        );
        assert_eq!(
            answers.iter().filter(foreign).count(),
            2,
            "{round}: {answers:?}"
        );
        assert_eq!(store.canary().version(), Version::new(1));
    }
}

/// Between the first look and the question whether there are cells, another host begins the store
/// and works: the cells that are found then are no sign of a missing canary.
#[test]
fn case_202_a_host_that_begins_and_works_meanwhile_is_no_missing_canary() {
    let store = Shelf::new(Class::Permanent);
    *store.meanwhile.lock().unwrap() = Some(Box::new(|store: &Shelf| {
        assert_eq!(ours().check_store(store).unwrap(), StoreCheck::Begun);
        assert!(ours().issue(store, &binding()).unwrap().issued().is_some());
    }));
    assert_eq!(ours().check_store(&store).unwrap(), StoreCheck::Proven);
    // The control: cells alone are one.
    let store = Shelf::new(Class::Permanent);
    *store.meanwhile.lock().unwrap() = Some(Box::new(|store: &Shelf| {
        assert!(ours().issue(store, &binding()).unwrap().issued().is_some());
    }));
    lacks_canary(&ours().check_store(&store));
}

#[test]
fn case_203_neither_purge_nor_erase_touches_the_canary() {
    let ring = KeyRing::builder().code("a", &[1; 32]).index(&[2; 32]);
    let clock = std::sync::Arc::new(ManualClock::new(NOW));
    let engine = Engine::builder(ring.build().unwrap())
        .clock(clock.clone())
        .signing_key(SigningKey::from_seed(&[7; 32]).unwrap())
        .build();
    let store = Shelf::new(Class::Permanent);
    assert_eq!(engine.check_store(&store).unwrap(), StoreCheck::Begun);
    let canary = store.canary();
    assert_eq!(canary.discard_after(), None);
    let issued = engine.issue(&store, &binding()).unwrap().issued().unwrap();
    let binding = binding();
    let submission = Submission::new(&binding, issued.code.as_str());
    assert!(engine.verify(&store, submission).unwrap().is_accepted());
    engine
        .erase(
            &store,
            &EraseRequest {
                tenant: "acme",
                target: FIELD,
                sequence: 1,
                details: &[RecordDetail::Number],
            },
        )
        .unwrap();
    // The store's own purge, at the end of time: no clock of an engine goes there.
    assert!(
        store
            .purge(Timestamp::from_unix(i64::MAX), 1_000_000)
            .unwrap()
            > 0
    );
    assert!(store.canary() == canary);
    assert_eq!(engine.check_store(&store).unwrap(), StoreCheck::Proven);
}

#[test]
fn case_204_a_canary_that_was_changed_is_tampered_and_begins_anew_by_name_alone() {
    let other = Shelf::new(Class::Permanent);
    assert_eq!(fresh().check_store(&other).unwrap(), StoreCheck::Begun);
    let store = Shelf::new(Class::Permanent);
    assert_eq!(ours().check_store(&store).unwrap(), StoreCheck::Begun);
    let sound = store.canary().body().to_vec();
    assert_eq!(sound.len(), 1 + 16 + 16);
    let changed = |at: usize, to: u8| {
        let mut body = sound.clone();
        body[at] ^= to;
        body
    };
    for (body, is_tampered) in [
        (Vec::new(), true),
        (vec![1], true),
        (sound[..17].to_vec(), true), // without its seal
        (sound[..32].to_vec(), true), // with a part of it
        (sound.clone(), true),        // of another version of the cell
        (changed(0, 3), true),        // of a later format
        (changed(1, 1), false),       // the mark of other keys
        (changed(32, 0x80), true),    // another seal
        (other.canary().body().to_vec(), false),
    ] {
        store.set_canary(&body);
        let answer = ours().check_store(&store);
        match answer {
            Err(Error::Tampered) if is_tampered => {}
            Err(Error::ForeignStore) if !is_tampered => {}
            _ => panic!("{body:?}: {answer:?}"),
        }
        assert!(ours().adopt_store(&store).is_err());
    }
    assert_eq!(ours().begin_store(&store).unwrap(), StoreCheck::Begun);
    assert_eq!(ours().check_store(&store).unwrap(), StoreCheck::Proven);
}

#[test]
fn case_205_where_cells_may_be_lost_nothing_is_proven_and_another_ring_is_found_all_the_same() {
    let store = Shelf::new(Class::Expiring);
    for _ in 0..2 {
        assert_eq!(ours().check_store(&store).unwrap(), StoreCheck::NotProven);
    }
    assert!(!store.is_asked.load(Ordering::SeqCst));
    {
        let writes = store.writes.lock().unwrap();
        let &[(CANARY, _, _, until)] = writes.as_slice() else {
            panic!("{writes:?}"); // the second time it is only looked at
        };
        // A hundred years, which is as long as such a store can be asked for.
        let kept = until.map(|until| until.unix() - NOW.unix());
        assert_eq!(kept, Some(36_525 * 86_400));
    }
    is_foreign(&fresh().check_store(&store));
    is_foreign(&fresh().adopt_store(&store));
    assert_eq!(fresh().begin_store(&store).unwrap(), StoreCheck::NotProven);
    is_foreign(&ours().check_store(&store));
    assert_eq!(ours().begin_store(&store).unwrap(), StoreCheck::NotProven);
    // Lost, as such a store may: nothing is known, and nothing is claimed.
    let emptied = Shelf::new(Class::Expiring);
    assert!(
        ours()
            .issue(&emptied, &binding())
            .unwrap()
            .issued()
            .is_some()
    );
    assert_eq!(ours().check_store(&emptied).unwrap(), StoreCheck::NotProven);
}

/// A purge that comes before the first check, as from a scheduler of its own.
#[test]
fn case_395_a_purge_of_a_store_that_holds_nothing_leaves_it_new() {
    let permanent = || MemoryStore::keeping_records_until_exit();
    for confirmed in [false, true] {
        let store = permanent();
        let purge = |engine: &Engine| {
            if confirmed {
                engine.purge_confirmed(&store, 10)
            } else {
                engine.purge(&store, 10)
            }
        };
        assert_eq!(purge(&ours()).unwrap(), 0);
        assert_eq!(purge(&fresh()).unwrap(), 0);
        assert!(store.is_empty());
        assert_eq!(ours().check_store(&store).unwrap(), StoreCheck::Begun);
        // From the first cell on a purge leaves its mark, which is no sign of other keys.
        assert_eq!(purge(&ours()).unwrap(), 0);
        assert_eq!(store.len(), 2);
        assert_eq!(ours().check_store(&store).unwrap(), StoreCheck::Proven);
    }
    // Cells without a canary stay cells without a canary, whatever was purged before.
    let store = permanent();
    assert!(ours().issue(&store, &binding()).unwrap().issued().is_some());
    assert_eq!(ours().purge(&store, 10).unwrap(), 0);
    lacks_canary(&ours().check_store(&store));
    // A store that cannot tell whether it holds cells keeps the mark, and is begun by name as ever.
    let store = Shelf {
        tells: false,
        ..Shelf::new(Class::Permanent)
    };
    assert_eq!(ours().purge(&store, 10).unwrap(), 0);
    assert_eq!(store.cells.len(), 1);
}

/// The mark is what keeps a clock that jumped from forgetting counts: it must come with the first
/// cells, in time for the next process.
#[test]
fn case_395_a_store_with_cells_gets_the_mark_with_its_first_purge() {
    let store = MemoryStore::keeping_records_until_exit();
    assert_eq!(ours().purge(&store, 10).unwrap(), 0);
    assert!(ours().issue(&store, &binding()).unwrap().issued().is_some());
    assert_eq!(ours().purge(&store, 10).unwrap(), 0);
    let ring = KeyRing::builder().code("2026a", &[1; 32]).index(&[2; 32]);
    let jumped = Engine::builder(ring.build().unwrap())
        .clock(ManualClock::new(
            NOW.saturating_add(Duration::from_secs(900 * 86_400)),
        ))
        .build();
    let before = store.len();
    let answer = jumped.purge(&store, 10);
    assert!(matches!(answer, Err(Error::ClockAhead)), "{answer:?}");
    assert_eq!(store.len(), before);
    assert!(jumped.purge_confirmed(&store, 10).unwrap() > 0);
}

#[test]
fn case_206_the_canary_is_what_formats_md_says() {
    let store = Shelf::new(Class::Permanent);
    assert_eq!(ours().check_store(&store).unwrap(), StoreCheck::Begun);
    assert_eq!(
        *store.writes.lock().unwrap(),
        [(CANARY, Kind::Canary, Version::ABSENT, None)]
    );
    // Computed by Python's hmac from docs/formats.md, for an index secret of 32 bytes of 2.
    let body: String = store
        .canary()
        .body()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    assert_eq!(body, GOLDEN);
}

#[test]
fn a_canary_with_something_behind_its_mark_is_tampered_with() {
    let (store, engine) = (MemoryStore::new(), ours());
    assert_eq!(engine.check_store(&store).unwrap(), StoreCheck::Begun);
    let mut cells = Vec::new();
    store.load(&[CANARY], &mut cells).unwrap();
    let cell = cells.remove(0).unwrap();
    let body = [cell.body(), &[0]].concat();
    let write = Write {
        key: CANARY,
        kind: Kind::Canary,
        expected: cell.version(),
        discard_after: cell.discard_after(),
        body: &body,
    };
    assert_eq!(store.commit(&[write], NOW).unwrap(), Commit::Done);
    assert!(matches!(engine.check_store(&store), Err(Error::Tampered)));
}
