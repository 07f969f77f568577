//! Codes of devices on PostgreSQL: the trial of all stores, and a storm that naive stores fail.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use otp_engine::Store;
use otp_engine_postgres::PostgresStore;
use otp_engine_testkit::{PostgresServer, broken::Flaw, scenarios};

#[path = "conformance/broken.rs"]
#[expect(dead_code, reason = "shared with the conformance tests")]
mod broken;

fn server() -> PostgresServer {
    let server = PostgresServer::start();
    PostgresStore::migrate(&server.url()).unwrap();
    server
}

fn open(server: &PostgresServer) -> Box<dyn Store> {
    let options = broken::patient().connections(1);
    Box::new(options.open(&server.url()).unwrap())
}

#[test]
fn case_380_devices_are_judged_counted_locked_and_reset() {
    let server = server();
    scenarios::devices_are_judged(&|| open(&server));
}

#[test]
fn case_381_a_storm_of_devices_is_counted_exactly() {
    let server = server();
    assert_eq!(scenarios::devices_in_a_storm(&|| open(&server)), Ok(()));
}

#[test]
fn storms_of_devices_catch_naive_stores() {
    let server = server();
    for flaw in [Flaw::Blind, Flaw::ReadThenWrite] {
        scenarios::storms_of_devices_catch(&|| broken::open(&server.url(), flaw));
    }
}
