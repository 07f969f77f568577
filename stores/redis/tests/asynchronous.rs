//! The store that is awaited passes the conformance suite, and a storm of tasks; stores that
//! forget the versions, or compare them apart from writing, fail in the same storm.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::Arc;

use otp_engine::store::{Store, conformance::Options};
use otp_engine_redis::AsyncRedisStore;
use otp_engine_servers::{
    RedisServer,
    naive::{Flaw, passes},
    trials::{self, InPlace, Tasks, bridge},
};
use tokio::runtime::Runtime;

#[path = "conformance/naive.rs"]
mod naive;

fn open(runtime: &Runtime, server: &RedisServer) -> AsyncRedisStore {
    let opened = runtime.block_on(naive::patient().open_async(server.url()));
    opened.unwrap()
}

#[test]
fn the_store_that_is_awaited_passes() {
    let runtime = trials::runtime();
    let server = RedisServer::start();
    let make = || Box::new(bridge(&runtime, open(&runtime, &server))) as Box<dyn Store>;
    let options = Options::new().slots(60).cells(300);
    passes(&make, &options, &[MAKES_ROOM, FULL]);
}

#[test]
fn case_56_a_code_is_accepted_once_and_compared_so_often_by_all_tasks() {
    let runtime = trials::runtime();
    let server = RedisServer::start();
    let stores = Arc::new(vec![open(&runtime, &server), open(&runtime, &server)]);
    let storm = Tasks {
        runtime: &runtime,
        stores: &stores,
        drops: false,
    };
    let judged = storm.rage(18, None);
    judged.acquitted();
    assert_eq!(judged.unanswered, 0, "{judged:?}");

    for flaw in [Flaw::Blind, Flaw::ReadThenWrite] {
        let spoilt = || {
            let store = Box::new(bridge(&runtime, open(&runtime, &server)));
            InPlace::new(naive::spoil(store, &server.url(), flaw))
        };
        let stores = Arc::new(vec![spoilt(), spoilt()]);
        let storm = Tasks {
            runtime: &runtime,
            stores: &stores,
            drops: false,
        };
        storm.condemns(6);
    }
}

const MAKES_ROOM: &str = "a purge makes room";
const FULL: &str = "a full store refuses whole commits and keeps what it has";
