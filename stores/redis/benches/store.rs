//! What the store costs on Redis, as ratios to PING in the same run.
//!
//! `cargo bench --package otp-engine-redis`
#![allow(missing_docs, reason = "a bench")]
#![expect(clippy::unwrap_used, reason = "a program for the terminal")]

use core::cell::RefCell;

use otp_engine::{
    Timestamp,
    store::{Commit, Key, Kind, Store, Version, Write},
};
use otp_engine_redis::RedisOptions;
use otp_engine_testkit::{
    Folder, Proxy, RedisServer,
    bench::{Row, begin, compare},
    scenarios::{Guesses, engine},
};
use redis::{Client, Connection, Script, cmd};

fn main() {
    begin("redis");
    // Without the wait for the disk, which would hide all else.
    let server = RedisServer::with(&["--appendonly", "no"]);
    let options = RedisOptions::new().may_lose_commits_on_crash();
    let store = options.open(server.url()).unwrap();
    let (bare, again) = (
        RefCell::new(Bare::new(&server.url())),
        RefCell::new(Bare::new(&server.url())),
    );
    let (engine, guesses) = (engine(), Guesses::default());
    let cells = RefCell::new(Vec::new());
    let keys = [1, 2, 3, 4].map(|number| Key::from_bytes([number; 32]));
    let mut version = 0;
    compare(
        "local socket, nothing flushed",
        101,
        &mut [
            Row::new("PING", || bare.borrow_mut().ping()),
            Row::new("PING again", || again.borrow_mut().ping()),
            Row::new("load of 4 cells", || {
                store.load(&keys, &mut cells.borrow_mut()).unwrap();
            })
            .at_most(1.15),
            Row::new("commit of 4 cells", || {
                let writes = keys.map(|key| write(key, version));
                assert_eq!(
                    store.commit(&writes, Timestamp::from_unix(0)).unwrap(),
                    Commit::Done
                );
                version += 1;
            })
            .at_most(1.6),
        ],
    );
    compare(
        "an operation",
        101,
        &mut [
            Row::new("its two commands by hand, 3 cells", || {
                bare.borrow_mut().load_and_commit();
            }),
            Row::new("the same again", || again.borrow_mut().load_and_commit()),
            Row::prepared(
                "verify: engine and store",
                || guesses.prepare(&engine, &store),
                || guesses.run(&engine, &store),
            )
            .at_most(1.25),
            Row::new("PING", || bare.borrow_mut().ping()),
        ],
    );

    let folder = Folder::new();
    let proxy = Proxy::new(folder.path().join("proxy"), server.socket());
    let url = RedisServer::url_at(proxy.socket());
    let (far, line) = (options.open(&*url).unwrap(), RefCell::new(Bare::new(&url)));
    proxy.set_delay(500);
    let more = Guesses::starting_at(7_000);
    compare(
        "0.5 ms away in each direction",
        41,
        &mut [
            Row::new("PING", || line.borrow_mut().ping()),
            Row::prepared(
                "verify: load and commit",
                || more.prepare(&engine, &far),
                || more.run(&engine, &far),
            )
            .at_most(2.3),
        ],
    );
}

fn write(key: Key, version: u64) -> Write<'static> {
    Write {
        key,
        kind: Kind::Slot,
        expected: Version::new(version),
        discard_after: Some(Timestamp::from_unix(4_102_444_800)),
        body: &[7; 110],
    }
}

/// The commands without the store.
struct Bare {
    connection: Connection,
    script: Script,
    name: String,
    version: u64,
}

impl Bare {
    fn new(url: &str) -> Self {
        let mut connection = Client::open(url).unwrap().get_connection().unwrap();
        let id: u64 = cmd("CLIENT").arg("ID").query(&mut connection).unwrap();
        let script = Script::new(include_str!("../src/lua/commit.lua"));
        script.prepare_invoke().load(&mut connection).unwrap();
        Self {
            connection,
            script,
            name: id.to_string(),
            version: 0,
        }
    }

    fn ping(&mut self) {
        cmd("PING").exec(&mut self.connection).unwrap();
    }

    fn load_and_commit(&mut self) {
        let names: Vec<_> = (0..3)
            .map(|at| format!("{{bare}}{}-{at}", self.name))
            .collect();
        let cells: Vec<Option<Vec<u8>>> =
            cmd("MGET").arg(&names).query(&mut self.connection).unwrap();
        assert_eq!(
            cells.iter().flatten().count(),
            if self.version == 0 { 0 } else { 3 }
        );
        let mut commit = cmd("EVALSHA");
        commit.arg(self.script.get_hash()).arg(3).arg(&names);
        for _ in 0..3 {
            let mut cell = (self.version + 1).to_be_bytes().to_vec();
            cell.extend(4_102_444_800_i64.to_be_bytes());
            cell.extend([7; 110]);
            let expected = self.version.to_be_bytes();
            let expected = if self.version == 0 {
                &[][..]
            } else {
                &expected
            };
            commit.arg(expected).arg(cell).arg("4102444800000");
        }
        let done: i64 = commit.query(&mut self.connection).unwrap();
        assert_eq!(done, 1);
        self.version += 1;
    }
}
