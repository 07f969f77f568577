//! A code of the user's own device is good once, on one file, over threads and connections.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::{Arc, Barrier};
use std::thread;

use otp_engine::oath::{Device, HashFunction, Hotp, Secret, Totp};
use otp_engine::store::{Cell, Class, Commit, Error, Key, Version, Write};
use otp_engine::{
    Binding, Engine, Evidence, KeyRing, ManualClock, Mobile, Rejection, Store, Target, Timestamp,
};
use otp_engine_sqlite::{SqliteOptions, SqliteStore};

#[path = "support/scratch.rs"]
mod scratch;

use scratch::Scratch;

const NOW: Timestamp = Timestamp::from_unix(1_715_767_200);
const THREADS: usize = 16;

fn engine() -> Engine {
    let keys = KeyRing::builder().code("a", &[1; 32]).index(&[2; 32]);
    let clock = Arc::new(ManualClock::new(NOW));
    Engine::builder(keys.build().unwrap()).clock(clock).build()
}

fn binding() -> Binding {
    Binding::builder()
        .tenant("acme")
        .purpose("sign")
        .target(Target {
            model: "loan",
            field: "signature",
            id: "15",
        })
        .user("7")
        .recipient(Mobile::parse("60123456789").unwrap())
        .build()
        .unwrap()
}

fn secret() -> Secret {
    Secret::new(b"abcdefghijklmnopqrst").unwrap()
}

/// Gives the same right codes from many threads, each with its own connection; returns how many
/// were accepted of each kind.
fn storm<S: Store>(name: &str, make: impl Fn(SqliteStore) -> S) -> [usize; 2] {
    let scratch = Scratch::new(name);
    let path = scratch.path("otp.sqlite3");
    let open = || SqliteStore::open(&path).unwrap();
    let stores: Vec<S> = (0..THREADS).map(|_| make(open())).collect();
    let engine = engine();
    let (binding, barrier) = (binding(), Barrier::new(THREADS));
    let totp = Totp::new(&secret(), HashFunction::Sha256, 6, 30).unwrap();
    let hotp = Hotp::new(&secret(), HashFunction::Sha256, 6).unwrap();
    let (step, counter) = (totp.at(NOW).unwrap(), hotp.at(4));
    let count = |verify: &(dyn Fn(&S) -> Option<Rejection> + Sync)| {
        let heard: Vec<_> = thread::scope(|scope| {
            let call = |store| {
                barrier.wait();
                verify(store)
            };
            let threads: Vec<_> = stores
                .iter()
                .map(|store| scope.spawn(move || call(store)))
                .collect();
            threads.into_iter().map(|one| one.join().unwrap()).collect()
        });
        let fresh = heard.iter().filter(|heard| heard.is_none()).count();
        let used = heard
            .iter()
            .filter(|heard| **heard == Some(Rejection::AlreadyUsed));
        assert_eq!(fresh + used.count(), THREADS, "{heard:?}");
        fresh
    };
    [
        count(&|store| {
            let verdict = engine.verify_devices(
                store,
                &binding,
                &[Device::totp(&totp, 1)],
                step.as_str(),
                Evidence::new(),
            );
            verdict.unwrap().rejection()
        }),
        count(&|store| {
            let verdict = engine.verify_devices(
                store,
                &binding,
                &[Device::hotp(&hotp, 9)],
                counter.as_str(),
                Evidence::new(),
            );
            verdict.unwrap().rejection()
        }),
    ]
}

#[test]
fn case_56_of_connections_with_the_same_code_one_is_accepted() {
    assert_eq!(storm("oath", |store| store), [1, 1]);
}

/// The control: the same file, with versions that are not compared.
#[test]
fn a_storm_on_a_store_that_compares_nothing_is_caught() {
    for accepted in storm("oath-blind", Blind) {
        assert!(accepted > 1, "{accepted}");
    }
}

#[test]
fn a_store_that_may_lose_commits_takes_no_counter() {
    let scratch = Scratch::new("oath-expiring");
    let options = SqliteOptions::new().may_lose_commits_on_power_loss();
    let store = options.open(scratch.path("otp.sqlite3")).unwrap();
    let hotp = Hotp::new(&secret(), HashFunction::Sha1, 6).unwrap();
    let judged = engine().verify_devices(
        &store,
        &binding(),
        &[Device::hotp(&hotp, 0)],
        "123456",
        Evidence::new(),
    );
    assert!(matches!(judged, Err(otp_engine::Error::NotPermanent)));
}

/// Finds nothing, whoever was first, and overwrites whatever is there.
struct Blind(SqliteStore);

impl Store for Blind {
    fn load(&self, keys: &[Key], cells: &mut Vec<Option<Cell>>) -> Result<(), Error> {
        cells.extend(keys.iter().map(|_| None));
        Ok(())
    }

    fn commit(&self, writes: &[Write<'_>], now: Timestamp) -> Result<Commit, Error> {
        loop {
            let mut cells = Vec::new();
            let keys: Vec<Key> = writes.iter().map(|write| write.key).collect();
            self.0.load(&keys, &mut cells)?;
            let mut forced = writes.to_vec();
            for (write, cell) in forced.iter_mut().zip(&cells) {
                write.expected = cell.as_ref().map_or(Version::ABSENT, Cell::version);
            }
            if self.0.commit(&forced, now)? == Commit::Done {
                return Ok(Commit::Done);
            }
        }
    }

    fn purge(&self, now: Timestamp, limit: usize) -> Result<usize, Error> {
        self.0.purge(now, limit)
    }

    fn class(&self) -> Class {
        self.0.class()
    }
}
