//! Storms of codes of the soak: through PgBouncer, without a standby for a while, and on a cluster
//! whose leader is killed. Judged as all storms: no code is accepted twice, no guess is lost.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use core::{
    sync::atomic::{AtomicBool, AtomicI64, Ordering},
    time::Duration,
};
use std::thread;

use otp_engine::Store;
use otp_engine_postgres::{PostgresOptions, PostgresStore};
use otp_engine_servers::{
    Patroni, PatroniState, Pooler, PostgresServer, timed,
    trials::{self, Codes, Mortal},
    wait_until,
};
use postgres::{Client, NoTls};

#[path = "conformance/naive.rs"]
#[expect(dead_code, reason = "shared with the conformance tests")]
mod naive;

/// One connection for each process: so many sessions are theirs at most.
fn open(text: &str) -> Box<dyn Store> {
    let (kind, url) = text.split_once(' ').unwrap();
    let options = match kind {
        "patient" => naive::patient(),
        _ => PostgresOptions::new().answer_timeout(Duration::from_secs(1)),
    };
    let options = options.connections(1);
    let mut opened = None;
    // A pooler hands out the sessions of a server that was killed, once each.
    wait_until("the store opens", || {
        opened = options.open(url).ok();
        opened.is_some()
    });
    Box::new(opened.unwrap())
}

/// Counts the sessions of clients while `work` runs; returns the most.
fn most_sessions(server: &PostgresServer, work: impl FnOnce()) -> i64 {
    let (most, is_over) = (AtomicI64::new(0), AtomicBool::new(false));
    thread::scope(|scope| {
        scope.spawn(|| {
            while !is_over.load(Ordering::SeqCst) {
                // The server may be away.
                if let Ok(mut client) = Client::connect(&server.url(), NoTls)
                    && let Ok(row) = client.query_one(SESSIONS, &[])
                {
                    most.fetch_max(row.get(0), Ordering::SeqCst);
                }
                thread::sleep(Duration::from_millis(20));
            }
        });
        work();
        is_over.store(true, Ordering::SeqCst);
    });
    most.into_inner()
}

const SESSIONS: &str = "SELECT count(*) FROM pg_stat_activity
    WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()";

#[test]
#[ignore = "long"]
fn soak_pooler_no_code_is_accepted_twice_by_transaction() {
    pooled("soak_pooler_no_code_is_accepted_twice_by_transaction", 4);
}

#[test]
#[ignore = "long"]
fn soak_pooler_no_code_is_accepted_twice_by_session() {
    pooled("soak_pooler_no_code_is_accepted_twice_by_session", 20);
}

/// Others leave the sessions without a flush, and the server is killed.
fn pooled(test: &str, sessions: u32) {
    trials::scene(test, &open, |test| {
        let server = PostgresServer::start();
        PostgresStore::migrate(&server.url()).unwrap();
        let mode = test.rsplit('_').next().unwrap();
        let pooler = Pooler::new(&server, mode, sessions);
        let text = format!("patient {}", pooler.url());
        let is_over = AtomicBool::new(false);
        let mut server = server;
        thread::scope(|scope| {
            scope.spawn(|| {
                while !is_over.load(Ordering::SeqCst) {
                    let Ok(mut client) = Client::connect(&pooler.url(), NoTls) else {
                        continue;
                    };
                    let off = "SET synchronous_commit = off; SET statement_timeout = 200";
                    while !is_over.load(Ordering::SeqCst) && client.batch_execute(off).is_ok() {
                        thread::sleep(Duration::from_millis(1));
                    }
                }
            });
            let storm = Codes {
                test,
                text: &text,
                slots: 60,
                kills: 40,
            };
            let name = format!("PostgreSQL behind PgBouncer by {mode}, killed 10 times");
            storm.finds_no_fault(&name, &open, Some(&mut server));
            is_over.store(true, Ordering::SeqCst);
        });
    });
}

/// A server whose standby is what is killed; for some seconds no commit is answered.
struct Standby {
    primary: String,
    standby: PostgresServer,
}

impl Mortal for Standby {
    fn kill(&mut self) {
        self.standby.kill();
        thread::sleep(Duration::from_secs(5));
    }

    fn resume(&mut self) {
        self.standby.resume();
        wait_for_sync(&self.primary);
    }
}

fn wait_for_sync(url: &str) {
    wait_until("the standby is synchronous", || {
        state(url).is_some_and(|state| state.has_standby)
    });
}

fn state(url: &str) -> Option<PatroniState> {
    let mut client = Client::connect(url, NoTls).ok()?;
    let ask = "SELECT NOT pg_is_in_recovery(), EXISTS (
        SELECT FROM pg_stat_replication WHERE sync_state = 'sync')";
    let row = client.query_one(ask, &[]).ok()?;
    Some(PatroniState {
        is_primary: row.get(0),
        has_standby: row.get(1),
    })
}

#[test]
#[ignore = "long"]
fn soak_standby_that_vanishes_costs_no_code_and_no_session() {
    let test = "soak_standby_that_vanishes_costs_no_code_and_no_session";
    trials::scene(test, &open, |test| {
        let primary = PostgresServer::start();
        PostgresStore::migrate(&primary.url()).unwrap();
        let standby = primary.standby();
        let mut admin = Client::connect(&primary.url(), NoTls).unwrap();
        admin
            .batch_execute("ALTER SYSTEM SET synchronous_standby_names = '*'")
            .unwrap();
        admin.batch_execute("SELECT pg_reload_conf()").unwrap();
        drop(admin);
        wait_for_sync(&primary.url());
        let text = format!("impatient {}", primary.url());
        let mut fate = Standby {
            primary: primary.url(),
            standby,
        };
        let most = most_sessions(&primary, || {
            let storm = Codes {
                test,
                text: &text,
                slots: 45,
                kills: 12,
            };
            let name = "PostgreSQL whose standby vanishes 3 times";
            storm.finds_no_fault(name, &open, Some(&mut fate));
        });
        eprintln!("figure: sessions of 9 processes, of which one was killed, at most = {most}");
        // Each process has one; one that was killed in a commit leaves its own behind.
        assert!(most <= 11, "{most} sessions");
    });
}

#[test]
#[ignore = "long"]
fn soak_failover_of_a_leader_that_is_killed_costs_no_code() {
    let test = "soak_failover_of_a_leader_that_is_killed_costs_no_code";
    trials::scene(test, &open, |test| {
        let mut cluster = Timed(Patroni::start(state), Vec::new());
        PostgresStore::migrate(&cluster.0.url()).unwrap();
        let text = format!("impatient {}", cluster.0.url());
        let storm = Codes {
            test,
            text: &text,
            slots: 45,
            kills: 8,
        };
        let name = "PostgreSQL under Patroni, its leader killed twice";
        storm.finds_no_fault(name, &open, Some(&mut cluster));
        let longest = cluster.1.iter().max().unwrap();
        eprintln!(
            "figure: seconds until a failover and its new standby = {}",
            longest.as_secs()
        );
    });
}

/// A cluster, and how long each of its failovers took.
struct Timed(Patroni, Vec<Duration>);

impl Mortal for Timed {
    fn kill(&mut self) {
        self.0.kill();
    }

    fn resume(&mut self) {
        let ((), spent) = timed(|| self.0.resume());
        self.1.push(spent);
    }
}
