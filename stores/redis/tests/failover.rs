//! A replica is refused, and what was answered may be missing when one takes over. That is
//! documented: strict single use over a failover needs another store.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use otp_engine::{Engine, Store, Submission};
use otp_engine_redis::RedisStore;
use otp_engine_testkit::{
    RedisServer, free_port,
    scenarios::{self, binding},
    wait_until,
};
use redis::cmd;

fn ask(server: &RedisServer, line: &str) -> String {
    let client = redis::Client::open(server.url()).unwrap();
    let mut words = line.split(' ');
    let mut command = cmd(words.next().unwrap());
    for word in words {
        command.arg(word);
    }
    command
        .query(&mut client.get_connection().unwrap())
        .unwrap()
}

/// A master that listens on the loopback too, as replicas need it, and its replica.
fn pair() -> (RedisServer, RedisServer) {
    let port = free_port().to_string();
    let master = RedisServer::with(&[
        "--port",
        &port,
        "--bind",
        "127.0.0.1",
        "--repl-diskless-sync-delay",
        "0",
    ]);
    let replica = RedisServer::with(&["--replicaof", &format!("127.0.0.1 {port}")]);
    wait_until("the replica follows", || {
        ask(&replica, "INFO replication").contains("master_link_status:up")
    });
    (master, replica)
}

fn is_accepted(engine: &Engine, store: &dyn Store, code: &str) -> bool {
    let verdict = engine.verify(store, Submission::new(&binding(1), code));
    verdict.unwrap().is_accepted()
}

/// Case 63: it may show a code that is used up.
#[test]
fn case_63_a_replica_is_refused() {
    let (_master, replica) = pair();
    let refused = RedisStore::open(&replica.url()).unwrap_err();
    assert!(refused.to_string().contains("role slave"), "{refused}");
}

/// The documented limit: a replica that takes over lacks what came after it was cut off.
#[test]
fn case_64_a_replica_that_takes_over_may_lack_the_last_commits() {
    let (mut master, replica) = pair();
    let (engine, store) = (
        scenarios::engine(),
        RedisStore::open(&master.url()).unwrap(),
    );
    let issued = engine.issue(&store, &binding(1)).unwrap().issued().unwrap();
    let code = issued.code.as_str();
    wait_until("the replica has all", || {
        ask(&master, "WAIT 1 1000") == "1" && ask(&replica, "DBSIZE") != "0"
    });
    ask(&replica, "REPLICAOF NO ONE");
    assert!(is_accepted(&engine, &store, code));
    assert!(!is_accepted(&engine, &store, code));
    master.kill();
    let store = RedisStore::open(&replica.url()).unwrap();
    assert!(is_accepted(&engine, &store, code));
    assert!(!is_accepted(&engine, &store, code));
}
