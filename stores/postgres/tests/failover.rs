//! A standby is refused, and what becomes of commits when one takes over: with a synchronous one
//! all that was answered is there, with another one the last of it is not. That is documented.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use core::time::Duration;

use otp_engine::{Engine, Store, Submission};
use otp_engine_postgres::{PostgresOptions, PostgresStore};
use otp_engine_testkit::{
    PostgresServer,
    scenarios::{self, binding},
    wait_until,
};
use postgres::{Client, NoTls};

fn open(server: &PostgresServer) -> PostgresStore {
    PostgresStore::open(&server.url()).unwrap()
}

fn run(server: &PostgresServer, sql: &str) {
    let mut client = Client::connect(&server.url(), NoTls).unwrap();
    for statement in sql.split(';') {
        client.batch_execute(statement).unwrap();
    }
}

fn holds(server: &PostgresServer, condition: &str) -> bool {
    let mut client = Client::connect(&server.url(), NoTls).unwrap();
    let row = client
        .query_one(&format!("SELECT {condition}"), &[])
        .unwrap();
    row.get(0)
}

fn pair() -> (PostgresServer, PostgresServer) {
    let primary = PostgresServer::start();
    PostgresStore::migrate(&primary.url()).unwrap();
    let standby = primary.standby();
    wait_until("the standby streams", || {
        holds(
            &primary,
            "EXISTS (SELECT FROM pg_stat_replication WHERE state = 'streaming')",
        )
    });
    (primary, standby)
}

fn synchronous_pair() -> (PostgresServer, PostgresServer) {
    let (primary, standby) = pair();
    run(
        &primary,
        "ALTER SYSTEM SET synchronous_standby_names = '*'; SELECT pg_reload_conf()",
    );
    wait_until("the standby is synchronous", || {
        holds(
            &primary,
            "EXISTS (SELECT FROM pg_stat_replication WHERE sync_state = 'sync')",
        )
    });
    (primary, standby)
}

/// The primary is gone, and the standby becomes one.
fn fail_over(mut primary: PostgresServer, standby: &PostgresServer) -> PostgresStore {
    primary.kill();
    run(standby, "SELECT pg_promote()");
    wait_until("the standby is the primary", || {
        !holds(standby, "pg_is_in_recovery()")
    });
    open(standby)
}

fn code(engine: &Engine, store: &dyn Store) -> String {
    let issued = engine.issue(store, &binding(1)).unwrap().issued().unwrap();
    issued.code.as_str().to_owned()
}

fn is_accepted(engine: &Engine, store: &dyn Store, code: &str) -> bool {
    let verdict = engine.verify(store, Submission::new(&binding(1), code));
    verdict.unwrap().is_accepted()
}

/// Case 63: it may show a code that is used up.
#[test]
fn case_63_a_standby_is_refused() {
    let (primary, standby) = pair();
    let refused = PostgresStore::open(&standby.url()).unwrap_err();
    assert!(refused.to_string().contains("in recovery"), "{refused}");
    // Nor is one taken for the primary that an address led to before.
    let both = format!(
        "host={},{} user=otp dbname=postgres target_session_attrs=read-write",
        standby.socket().parent().unwrap().display(),
        primary.socket().parent().unwrap().display(),
    );
    let (engine, store) = (scenarios::engine(), PostgresStore::open(&both).unwrap());
    let code = code(&engine, &store);
    assert!(is_accepted(&engine, &store, &code));
}

#[test]
fn case_64_a_synchronous_standby_has_all_that_was_answered() {
    let (primary, standby) = synchronous_pair();
    let (engine, store) = (scenarios::engine(), open(&primary));
    let code = code(&engine, &store);
    assert!(is_accepted(&engine, &store, &code));
    let store = fail_over(primary, &standby);
    assert!(!is_accepted(&engine, &store, &code));
}

/// The answer waits for a standby that is away, and is not given when the time is over.
#[test]
fn case_64_without_its_synchronous_standby_nothing_is_answered() {
    let (primary, mut standby) = synchronous_pair();
    let (engine, store) = (scenarios::engine(), open(&primary));
    let code = code(&engine, &store);
    standby.stop();
    let options = PostgresOptions::new().answer_timeout(Duration::from_secs(3));
    let impatient = options.open(&primary.url()).unwrap();
    let told = engine.verify(&impatient, Submission::new(&binding(1), &code));
    assert!(told.is_err());
    standby.resume();
    // It was made, though nobody was told.
    wait_until("the store answers again", || {
        let told = engine.verify(&store, Submission::new(&binding(1), &code));
        told.is_ok_and(|verdict| !verdict.is_accepted())
    });
}

/// The documented limit: what an asynchronous standby lacks was answered all the same.
#[test]
fn case_64_an_asynchronous_standby_may_lack_the_last_commits() {
    let (primary, standby) = pair();
    let (engine, store) = (scenarios::engine(), open(&primary));
    let code = code(&engine, &store);
    wait_until("the standby has the code", || {
        holds(&standby, "EXISTS (SELECT FROM otp_engine.otp_cell)")
    });
    run(
        &standby,
        "ALTER SYSTEM SET primary_conninfo = ''; SELECT pg_reload_conf()",
    );
    wait_until("nothing streams any more", || {
        !holds(&primary, "EXISTS (SELECT FROM pg_stat_replication)")
    });
    assert!(is_accepted(&engine, &store, &code));
    assert!(!is_accepted(&engine, &store, &code));
    let store = fail_over(primary, &standby);
    assert!(is_accepted(&engine, &store, &code));
    assert!(!is_accepted(&engine, &store, &code));
}
