//! The store passes the conformance suite; stores that forget the versions, or the transaction,
//! fail in it on the same server.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use otp_engine::Store;
use otp_engine_postgres::{PostgresOptions, PostgresStore};
use otp_engine_testkit::{
    PostgresServer,
    broken::{are_caught, passes},
};
use otp_store_tests::Options;

#[path = "conformance/broken.rs"]
mod broken;

#[test]
fn the_store_passes() {
    let server = PostgresServer::start();
    PostgresStore::migrate(&server.url()).unwrap();
    let make = || Box::new(broken::patient().open(&server.url()).unwrap()) as Box<dyn Store>;
    passes(&make, &Options::new(), &[REFUSED_WHOLE, FULL]);
}

#[test]
fn the_store_that_answers_before_the_flush_passes_and_refuses_what_is_for_ever() {
    let server = PostgresServer::start();
    let options = broken::patient().schema("soon").may_lose_commits_on_crash();
    options.migrate(&server.url()).unwrap();
    let make = || Box::new(options.open(&server.url()).unwrap()) as Box<dyn Store>;
    passes(&make, &small(), &[FULL]);
}

/// Real disks fill slowly: a trigger reports at 1,500 cells what PostgreSQL would.
#[test]
fn the_store_passes_when_the_disk_is_full() {
    let server = PostgresServer::start();
    let mut schemas = Vec::new();
    // One for each check, as each fills it anew.
    for number in 0..20 {
        let name = format!("full_{number}");
        PostgresOptions::new()
            .schema(&name)
            .migrate(&server.url())
            .unwrap();
        broken::fill_at(&server.url(), &name, 1_500);
        schemas.push(name);
    }
    let schemas = std::sync::Mutex::new(schemas);
    let make = || {
        let name = schemas.lock().unwrap().pop().unwrap();
        let options = broken::patient().schema(name);
        Box::new(options.open(&server.url()).unwrap()) as Box<dyn Store>
    };
    passes(&make, &Options::new().slots(20), &[REFUSED_WHOLE]);
}

#[test]
fn naive_stores_on_the_same_server_are_caught() {
    let server = PostgresServer::start();
    PostgresStore::migrate(&server.url()).unwrap();
    are_caught(&|flaw| broken::open(&server.url(), flaw));
}

fn small() -> Options {
    Options::new().slots(30).cells(100)
}

const REFUSED_WHOLE: &str = "a write that cannot be kept is refused whole";
const FULL: &str = "a full store refuses whole commits and keeps what it has";
