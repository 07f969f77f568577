//! What the store costs on SQLite, as ratios to a bare prepared statement in the same run; and what
//! commits that wait together gain.
//!
//! `cargo bench --package otp-engine-sqlite`
#![allow(missing_docs, reason = "a bench")]
#![expect(clippy::unwrap_used, reason = "a program for the terminal")]

use core::cell::{Cell, RefCell};
use std::thread;

use otp_engine::{
    Timestamp,
    store::{Commit, Key, Kind, Store, Version, Write},
};
use otp_engine_sqlite::{SqliteOptions, SqliteStore};
use otp_engine_testkit::{
    Folder,
    bench::{Row, begin, compare},
    scenarios::{Guesses, engine},
};
use rusqlite::{Connection, params};

fn main() {
    begin("sqlite");
    for (title, options, mode) in [
        ("flushed before each answer", SqliteOptions::new(), "FULL"),
        (
            "answers before the flush",
            SqliteOptions::new().may_lose_commits_on_power_loss(),
            "NORMAL",
        ),
    ] {
        let folder = Folder::new();
        let store = options.open(folder.path().join("store")).unwrap();
        let [bare, again] = ["bare", "again"].map(|name| {
            let path = folder.path().join(name);
            drop(options.open(&path).unwrap());
            RefCell::new(Bare::new(Connection::open(path).unwrap(), mode))
        });
        let other = options.open(folder.path().join("other")).unwrap();
        let (engine, guesses, next) = (engine(), Guesses::default(), Cell::new(0));
        let alone = options.open(folder.path().join("alone")).unwrap();
        let crowd = options.open(folder.path().join("crowd")).unwrap();
        let rounds = Cell::new(0);
        compare(
            title,
            41,
            &mut [
                Row::new("a bare prepared UPDATE", || bare.borrow_mut().update()),
                Row::new("the same again", || again.borrow_mut().update()),
                Row::new("commit of 1 cell", || {
                    let version = next.replace(next.get() + 1);
                    commit(&store, 1, version);
                })
                .at_most(1.3),
                Row::prepared(
                    "verify: engine and store, 3 cells",
                    || guesses.prepare(&engine, &other),
                    || guesses.run(&engine, &other),
                ),
            ],
        );
        let singly = Cell::new(0);
        compare(
            &format!("64 threads, {title}"),
            21,
            &mut [
                Row::new("commits of 1 thread", || {
                    let version = singly.replace(singly.get() + 1);
                    commit(&alone, 1, version);
                }),
                Row::prepared(
                    "commits of 64 threads",
                    || (),
                    || {
                        let round = rounds.replace(rounds.get() + 1);
                        together(&crowd, round)
                    },
                ),
            ],
        );
    }
}

fn commit(store: &SqliteStore, number: u8, version: u64) {
    let write = Write {
        key: Key::from_bytes([number; 32]),
        kind: Kind::Slot,
        expected: Version::new(version),
        discard_after: Some(Timestamp::from_unix(4_102_444_800)),
        body: &[7; 110],
    };
    let told = store.commit(&[write], Timestamp::from_unix(0)).unwrap();
    assert_eq!(told, Commit::Done);
}

fn together(store: &SqliteStore, round: u64) -> u32 {
    thread::scope(|scope| {
        for number in 0..64 {
            scope.spawn(move || {
                (0..EACH).for_each(|turn| commit(store, number, round * EACH + turn));
            });
        }
    });
    64 * u32::try_from(EACH).unwrap()
}

const EACH: u64 = 10;

/// The statement without the store.
struct Bare(Connection);

impl Bare {
    fn new(connection: Connection, mode: &str) -> Self {
        let set = format!("PRAGMA synchronous = {mode}");
        connection.execute_batch(&set).unwrap();
        let insert = "INSERT INTO cell VALUES (?1, 1, 4102444800, ?2)";
        connection
            .execute(insert, params![[7_u8; 32], [7_u8; 110]])
            .unwrap();
        Self(connection)
    }

    fn update(&mut self) {
        let update = "UPDATE cell SET version = version + 1, body = ?2 WHERE k = ?1";
        let mut update = self.0.prepare_cached(update).unwrap();
        assert_eq!(update.execute(params![[7_u8; 32], [7_u8; 110]]).unwrap(), 1);
    }
}
