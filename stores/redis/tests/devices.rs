//! Codes of devices on Redis, which keeps nothing for ever: those that are good once by their time step alone are
//! taken, the others refused. And a storm that naive stores fail.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use otp_engine::Store;
use otp_engine_testkit::{RedisServer, broken::Flaw, scenarios};

#[path = "conformance/broken.rs"]
mod broken;

fn open(server: &RedisServer) -> Box<dyn Store> {
    Box::new(broken::patient().open(server.url()).unwrap())
}

#[test]
fn case_380_devices_are_judged_counted_locked_and_reset() {
    let server = RedisServer::start();
    scenarios::devices_are_judged(&|| open(&server));
}

#[test]
fn case_381_a_storm_of_devices_is_counted_exactly() {
    let server = RedisServer::start();
    assert_eq!(scenarios::devices_in_a_storm(&|| open(&server)), Ok(()));
}

#[test]
fn storms_of_devices_catch_naive_stores() {
    let server = RedisServer::start();
    for flaw in [Flaw::Blind, Flaw::ReadThenWrite] {
        scenarios::storms_of_devices_catch(&|| broken::open(&server.url(), flaw));
    }
}
