//! Storms of codes of the soak: through PgBouncer, without a standby for a while, and on a cluster
//! whose leader is killed. Judged as all storms: no code is accepted twice, no guess is lost. In each a
//! store, or a cluster, that lacks what this rests on is condemned.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use core::{
    sync::atomic::{AtomicBool, AtomicI64, Ordering},
    time::Duration,
};
use std::thread;

use otp_engine::Store;
use otp_engine_postgres::{PostgresOptions, PostgresStore};
use otp_engine_testkit::{
    Patroni,
    scenarios::{self, Codes, Judged, Mortal},
    timed, wait_until,
};
use postgres::{Client, NoTls};

use pool::Pool;
use standby::{Standby, asynchronous, synchronous};

#[path = "conformance/broken.rs"]
#[expect(dead_code, reason = "shared with the conformance tests")]
mod broken;
#[path = "soak/controls.rs"]
mod controls;
#[path = "soak/pool.rs"]
mod pool;
#[path = "soak/standby.rs"]
mod standby;

/// When an answer is overdue where that is the subject: a busy disk takes a second now and then.
const OVERDUE: Duration = Duration::from_secs(3);

/// One connection for each process: so many sessions are theirs at most.
fn open(text: &str) -> Box<dyn Store> {
    let (kind, url) = text.split_once(' ').unwrap();
    let options = match kind {
        "patient" | "unguarded" => broken::patient(),
        "lossy" => broken::patient().may_lose_commits_on_crash(),
        _ => PostgresOptions::new().answer_timeout(OVERDUE),
    };
    let options = options.connections(1);
    let mut opened = None;
    // A pooler hands out the sessions of a server that was killed, once each.
    wait_until("the store opens", || {
        opened = options.open(url).ok();
        opened.is_some()
    });
    let store = opened.unwrap();
    match kind {
        "unguarded" => Box::new(controls::Unguarded::new(store, url)),
        "hasty" => Box::new(controls::Hasty(store)),
        _ => Box::new(store),
    }
}

/// Shows that what lacks something is condemned, in one of three storms; prints how.
fn is_condemned(name: &str, mut rage: impl FnMut() -> Judged) {
    for _ in 0..3 {
        let judged = rage();
        if let (_, Err(how)) | (Err(how), _) = (&judged.by_count, &judged.by_order) {
            eprintln!("figure: verdict on {name} = {how}");
            return;
        }
    }
    panic!("{name}: three storms passed");
}

/// Counts the sessions of clients while `work` runs; returns the most.
fn most_sessions(url: &str, work: impl FnOnce()) -> i64 {
    let (most, is_over) = (AtomicI64::new(0), AtomicBool::new(false));
    let url = format!("{url} application_name=watch");
    thread::scope(|scope| {
        scope.spawn(|| {
            while !is_over.load(Ordering::SeqCst) {
                // The server may be away.
                if let Ok(mut client) = Client::connect(&url, NoTls)
                    && let Ok(row) = client.query_one(SESSIONS, &[])
                {
                    most.fetch_max(row.get(0), Ordering::SeqCst);
                }
                thread::sleep(Duration::from_millis(20));
            }
        });
        let _over = Over(&is_over);
        work();
    });
    most.into_inner()
}

/// Ends what runs beside a trial, also where that fails.
struct Over<'a>(&'a AtomicBool);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

const SESSIONS: &str = "SELECT count(*) FROM pg_stat_activity
    WHERE backend_type = 'client backend' AND application_name <> 'watch'";

fn empty(url: &str) {
    let mut client = Client::connect(url, NoTls).unwrap();
    let all = "DELETE FROM otp_engine.otp_cell";
    client.batch_execute(all).unwrap();
}

#[test]
#[ignore = "long"]
fn soak_pooler_no_code_is_accepted_twice_by_transaction() {
    let test = "soak_pooler_no_code_is_accepted_twice_by_transaction";
    pooled(test, "transaction", 4);
}

#[test]
#[ignore = "long"]
fn soak_pooler_no_code_is_accepted_twice_by_session() {
    let test = "soak_pooler_no_code_is_accepted_twice_by_session";
    pooled(test, "session", 20);
}

/// Others leave the sessions without a flush, and the server is killed.
fn pooled(test: &str, mode: &str, sessions: u32) {
    scenarios::harness(test, &open, |test| {
        let mut pool = Pool::start(mode, sessions);
        let name = format!("PostgreSQL behind PgBouncer by {mode}, killed 10 times");
        let server = pool.server.url();
        let most = most_sessions(&server, || {
            pool.rage(test, "patient", |storm, server| {
                storm.finds_no_fault(&name, &open, Some(server));
            });
        });
        eprintln!("figure: sessions of 10 clients behind PgBouncer by {mode}, at most = {most}");
        // One more may be that of a process that was killed, which has not noticed yet.
        assert!(most <= i64::from(sessions) + 1, "{most} sessions");
    });
}

#[test]
#[ignore = "long"]
fn soak_pooler_condemns_a_store_that_takes_its_session_as_it_is() {
    let test = "soak_pooler_condemns_a_store_that_takes_its_session_as_it_is";
    // Where its session is its own it loses nothing: it is condemned for what others set.
    scenarios::harness(test, &open, |test| {
        let mut pool = Pool::start("session", 20);
        pool.rage(test, "unguarded", |storm, server| {
            storm.rage(&*open(storm.text), Some(server)).acquitted();
        });
        pooled_without(test, "transaction", "unguarded");
    });
}

#[test]
#[ignore = "long"]
fn soak_pooler_condemns_a_store_that_answers_before_the_flush() {
    let test = "soak_pooler_condemns_a_store_that_answers_before_the_flush";
    scenarios::harness(test, &open, |test| pooled_without(test, "session", "lossy"));
}

fn pooled_without(test: &str, mode: &str, kind: &str) {
    let mut pool = Pool::start(mode, 20);
    is_condemned(&format!("a store that is {kind}, by {mode}"), || {
        empty(&pool.server.url());
        let mut judged = None;
        pool.rage(test, kind, |storm, server| {
            judged = Some(storm.rage(&*open(storm.text), Some(server)));
        });
        judged.unwrap()
    });
}

#[test]
#[ignore = "long"]
fn soak_standby_that_vanishes_costs_no_code_and_no_session() {
    let test = "soak_standby_that_vanishes_costs_no_code_and_no_session";
    scenarios::harness(test, &open, |test| {
        let mut fate = Standby::start();
        let url = fate.primary.url();
        let most = most_sessions(&url, || {
            let name = "PostgreSQL whose standby vanishes 3 times";
            storm_over(test, &url, 12, name, &mut fate);
        });
        eprintln!("figure: sessions of 9 processes, of which one was killed, at most = {most}");
        // Each process has one; one that was killed in a commit leaves its own behind.
        assert!(most <= 11, "{most} sessions");
    });
}

#[test]
#[ignore = "long"]
fn soak_standby_condemns_a_store_that_takes_the_unknown_for_undone() {
    let test = "soak_standby_condemns_a_store_that_takes_the_unknown_for_undone";
    scenarios::harness(test, &open, |test| {
        let mut fate = Standby::start();
        let text = format!("hasty {}", fate.primary.url());
        is_condemned("a store that takes the unknown for undone", || {
            empty(&fate.primary.url());
            let patient = format!("patient {}", fate.primary.url());
            storm(test, &text, 12).rage(&*open(&patient), Some(&mut fate))
        });
    });
}

/// Clients that merely give up waiting, and come again, leave a session behind each time.
#[test]
#[ignore = "long"]
fn soak_standby_sees_the_sessions_of_clients_that_give_up() {
    let mut fate = Standby::start();
    let url = fate.primary.url();
    fate.standby.kill();
    let most = most_sessions(&url, || {
        for number in 0..15 {
            let mut client = Client::connect(&url, NoTls).unwrap();
            let make = format!("CREATE TABLE given_up_{number} ()");
            thread::spawn(move || client.batch_execute(&make));
            thread::sleep(Duration::from_millis(200));
        }
    });
    eprintln!("figure: sessions of a client that gives up 15 times, at most = {most}");
    assert!(most > 11, "{most} sessions");
}

#[test]
#[ignore = "long"]
fn soak_failover_of_a_leader_that_is_killed_costs_no_code() {
    let test = "soak_failover_of_a_leader_that_is_killed_costs_no_code";
    scenarios::harness(test, &open, |test| {
        let mut cluster = Timed(Patroni::start(true, synchronous), Vec::new());
        PostgresStore::migrate(&cluster.0.url()).unwrap();
        let (url, name) = (
            cluster.0.url(),
            "PostgreSQL under Patroni, its leader killed twice",
        );
        storm_over(test, &url, 8, name, &mut cluster);
        let longest = cluster.1.iter().max().unwrap();
        eprintln!(
            "figure: seconds until a failover and its new standby = {}",
            longest.as_secs()
        );
    });
}

/// What a standby may lack that was not waited for is lost: documented, and seen by this storm.
#[test]
#[ignore = "long"]
fn soak_failover_condemns_asynchronous_replication() {
    let test = "soak_failover_condemns_asynchronous_replication";
    scenarios::harness(test, &open, |test| {
        let mut cluster = Patroni::start(false, asynchronous);
        PostgresStore::migrate(&cluster.url()).unwrap();
        let text = format!("impatient {}", cluster.url());
        is_condemned("asynchronous replication", || {
            empty(&cluster.leader_url());
            let patient = format!("patient {}", cluster.url());
            storm(test, &text, 8).rage(&*open(&patient), Some(&mut cluster))
        });
    });
}

/// Lets processes guess that wait [`OVERDUE`] for an answer, codes which somebody issued who waits longer.
fn storm_over(test: &str, url: &str, kills: u64, name: &str, fate: &mut dyn Mortal) {
    let (text, patient) = (format!("impatient {url}"), format!("patient {url}"));
    let storm = storm(test, &text, kills);
    storm.acquits(name, &storm.rage(&*open(&patient), Some(fate)));
}

const fn storm<'a>(test: &'a str, text: &'a str, kills: u64) -> Codes<'a> {
    Codes {
        test,
        text,
        slots: 45,
        kills,
    }
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
