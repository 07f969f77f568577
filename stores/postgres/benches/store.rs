//! What the store costs on PostgreSQL, as ratios to bare prepared statements in the same run.
//!
//! `cargo bench --package otp-engine-postgres`
#![allow(missing_docs, reason = "a bench")]
#![expect(clippy::unwrap_used, reason = "a program for the terminal")]

use core::cell::RefCell;

use otp_engine::{
    Timestamp,
    store::{Commit, Key, Kind, Store, Version, Write},
};
use otp_engine_postgres::{PostgresOptions, PostgresStore};
use otp_engine_testkit::{
    Folder, PostgresServer, Proxy,
    bench::{Row, begin, compare},
    scenarios::{Guesses, engine},
};
use postgres::{Client, NoTls, Statement};

fn main() {
    begin("postgres");
    let server = PostgresServer::start();
    PostgresStore::migrate(&server.url()).unwrap();
    // Without the wait for the disk, which would hide all else.
    let options = PostgresOptions::new().may_lose_commits_on_crash();
    let store = options.open(&server.url()).unwrap();
    let bare = RefCell::new(Bare::new(&server.url()));
    let again = RefCell::new(Bare::new(&server.url()));
    let (engine, guesses) = (engine(), Guesses::default());
    let now = Timestamp::from_unix(0);
    let cells = RefCell::new(Vec::new());
    let keys = [1, 2, 3].map(|number| Key::from_bytes([number; 32]));
    let mut version = 0;
    compare(
        "local socket, answers before the flush",
        101,
        &mut [
            Row::new("prepared SELECT 1", || bare.borrow_mut().ping()),
            Row::new("the same again", || again.borrow_mut().ping()),
            Row::new("load of 3 cells", || {
                store.load(&keys, &mut cells.borrow_mut()).unwrap();
            }),
            Row::new("commit of 3 cells", || {
                let writes = keys.map(|key| write(key, version));
                assert_eq!(store.commit(&writes, now).unwrap(), Commit::Done);
                version += 1;
            }),
        ],
    );
    compare(
        "an operation",
        101,
        &mut [
            Row::new("its two statements by hand, 3 cells", || {
                bare.borrow_mut().load_and_commit();
            }),
            Row::new("the same again", || again.borrow_mut().load_and_commit()),
            Row::prepared(
                "verify: engine and store",
                || guesses.prepare(&engine, &store),
                || guesses.run(&engine, &store),
            )
            .at_most(1.25),
            Row::new("a bare prepared UPDATE", || bare.borrow_mut().update()),
        ],
    );

    let durable = PostgresStore::open(&server.url()).unwrap();
    let flushed = RefCell::new(Bare::new(&server.url()));
    flushed
        .borrow_mut()
        .client
        .batch_execute("SET synchronous_commit = on")
        .unwrap();
    let more = Guesses::starting_at(4_000);
    compare(
        "an operation, flushed before its answer",
        41,
        &mut [
            Row::new("a bare prepared UPDATE", || flushed.borrow_mut().update()),
            Row::prepared(
                "verify: engine and store",
                || more.prepare(&engine, &durable),
                || more.run(&engine, &durable),
            ),
        ],
    );

    let folder = Folder::new();
    let proxy = Proxy::new(folder.path().join(PostgresServer::SOCKET), server.socket());
    let url = PostgresServer::url_at(folder.path().to_str().unwrap());
    let (far, line) = (options.open(&url).unwrap(), RefCell::new(Bare::new(&url)));
    proxy.set_delay(500);
    let more = Guesses::starting_at(7_000);
    compare(
        "0.5 ms away in each direction",
        41,
        &mut [
            Row::new("prepared SELECT 1", || line.borrow_mut().ping()),
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

/// The statements without the store.
struct Bare {
    client: Client,
    ping: Statement,
    load: Statement,
    commit: Statement,
    update: Statement,
    first: u8,
    version: i64,
}

impl Bare {
    fn new(url: &str) -> Self {
        static NEXT: core::sync::atomic::AtomicU8 = core::sync::atomic::AtomicU8::new(100);
        let mut client = Client::connect(url, NoTls).unwrap();
        client
            .batch_execute("SET synchronous_commit = off")
            .unwrap();
        let prepare = |client: &mut Client, sql: &str| client.prepare(sql).unwrap();
        let first = NEXT.fetch_add(4, core::sync::atomic::Ordering::Relaxed);
        let insert = "INSERT INTO otp_engine.otp_cell VALUES ($1, 1, 4102444800, $2)";
        let (key, body) = (vec![first + 3; 32], &[7_u8; 110][..]);
        client.execute(insert, &[&key, &body]).unwrap();
        Self {
            ping: prepare(&mut client, "SELECT 1"),
            load: prepare(
                &mut client,
                "SELECT k, version, discard_after, body FROM otp_engine.otp_cell WHERE k = ANY($1)",
            ),
            commit: prepare(
                &mut client,
                "WITH done AS (
                     INSERT INTO otp_engine.otp_cell AS c (k, version, discard_after, body)
                     SELECT k, expected + 1, till, body
                         FROM unnest($1::bytea[], $2::bigint[], $3::bigint[], $4::bytea[])
                             AS w (k, expected, till, body)
                         ORDER BY k
                     ON CONFLICT (k) DO UPDATE SET version = excluded.version,
                         discard_after = excluded.discard_after, body = excluded.body
                         WHERE c.version = excluded.version - 1
                     RETURNING c.version, c.xmax = 0 AS fresh
                 )
                 SELECT 1 / (count(*) FILTER (WHERE fresh = (version = 1)) = $5::bigint)::int
                     FROM done",
            ),
            update: prepare(
                &mut client,
                "UPDATE otp_engine.otp_cell SET version = version + 1, body = $2 WHERE k = $1",
            ),
            client,
            first,
            version: 0,
        }
    }

    fn ping(&mut self) {
        self.client.query(&self.ping, &[]).unwrap();
    }

    fn load_and_commit(&mut self) {
        let keys: Vec<_> = (0..3).map(|at| vec![self.first + at; 32]).collect();
        let cells = self.client.query(&self.load, &[&keys]).unwrap();
        assert_eq!(cells.len(), if self.version == 0 { 0 } else { 3 });
        let (versions, until) = (vec![self.version; 3], vec![Some(4_102_444_800_i64); 3]);
        let bodies = vec![&[7_u8; 110][..]; 3];
        self.client
            .query(&self.commit, &[&keys, &versions, &until, &bodies, &3_i64])
            .unwrap();
        self.version += 1;
    }

    fn update(&mut self) {
        let key = vec![self.first + 3; 32]; // nobody else's
        let changed = self
            .client
            .execute(&self.update, &[&key, &&[7_u8; 110][..]])
            .unwrap();
        assert_eq!(changed, 1);
    }
}
