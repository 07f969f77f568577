//! The store that is awaited passes the conformance suite, and a storm of tasks; stores that
//! forget the versions, or compare them apart from writing, fail in the same storm.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use otp_engine::Store;
use otp_engine_postgres::AsyncPostgresStore;
use otp_engine_testkit::{
    PostgresServer,
    broken::passes,
    scenarios::{self, bridge, storm_of_tasks},
};
use otp_store_tests::Options;
use tokio::runtime::Runtime;

#[path = "conformance/broken.rs"]
#[expect(dead_code, reason = "shared with the conformance tests")]
mod broken;

fn migrated(runtime: &Runtime) -> PostgresServer {
    let server = PostgresServer::start();
    let migrated = runtime.block_on(AsyncPostgresStore::migrate(&server.url()));
    migrated.unwrap();
    server
}

fn open(runtime: &Runtime, server: &PostgresServer) -> AsyncPostgresStore {
    let opened = runtime.block_on(broken::patient().open_async(&server.url()));
    opened.unwrap()
}

#[test]
fn the_store_that_is_awaited_passes() {
    let runtime = scenarios::runtime();
    let server = migrated(&runtime);
    let make = || Box::new(bridge(&runtime, open(&runtime, &server))) as Box<dyn Store>;
    let options = Options::new().slots(60).cells(300);
    passes(&make, &options, &[REFUSED_WHOLE, FULL]);
}

#[test]
fn case_56_a_code_is_accepted_once_and_compared_so_often_by_all_tasks() {
    let runtime = scenarios::runtime();
    let server = migrated(&runtime);
    storm_of_tasks(&runtime, &|| open(&runtime, &server), &|store, flaw| {
        broken::spoil(store, &server.url(), flaw)
    });
}

const REFUSED_WHOLE: &str = "a write that cannot be kept is refused whole";
const FULL: &str = "a full store refuses whole commits and keeps what it has";
