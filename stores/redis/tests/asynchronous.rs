//! The store that is awaited passes the conformance suite, and a storm of tasks; stores that
//! forget the versions, or compare them apart from writing, fail in the same storm.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use otp_engine::Store;
use otp_engine_redis::AsyncRedisStore;
use otp_engine_testkit::{
    RedisServer,
    broken::passes,
    scenarios::{self, bridge, storm_of_tasks},
};
use otp_store_tests::Options;
use tokio::runtime::Runtime;

#[path = "conformance/broken.rs"]
mod broken;

fn open(runtime: &Runtime, server: &RedisServer) -> AsyncRedisStore {
    let opened = runtime.block_on(broken::patient().open_async(server.url()));
    opened.unwrap()
}

#[test]
fn the_store_that_is_awaited_passes() {
    let runtime = scenarios::runtime();
    let server = RedisServer::start();
    let make = || Box::new(bridge(&runtime, open(&runtime, &server))) as Box<dyn Store>;
    let options = Options::new().slots(60).cells(300);
    passes(&make, &options, &[TELLS, MAKES_ROOM, FULL]);
}

#[test]
fn case_56_a_code_is_accepted_once_and_compared_so_often_by_all_tasks() {
    let runtime = scenarios::runtime();
    let server = RedisServer::start();
    storm_of_tasks(&runtime, &|| open(&runtime, &server), &|store, flaw| {
        broken::spoil(store, &server.url(), flaw)
    });
}

/// What Redis may lose proves nothing, so it is not asked.
const TELLS: &str = "a store that holds cells never says that it holds none";
const MAKES_ROOM: &str = "a purge makes room";
const FULL: &str = "a full store refuses whole commits and keeps what it has";
