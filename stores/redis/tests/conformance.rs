//! The store passes the conformance suite; stores that forget the versions, or that compare apart
//! from writing, fail in it on the same server.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use otp_engine::Store;
use otp_engine_redis::RedisOptions;
use otp_engine_testkit::{
    PATIENCE, RedisServer,
    broken::{are_caught, passes},
};
use otp_store_tests::Options;

#[path = "conformance/broken.rs"]
mod broken;

#[test]
fn the_store_passes() {
    let server = RedisServer::start();
    let patient = RedisOptions::new()
        .answer_timeout(PATIENCE)
        .connection_wait(PATIENCE);
    let make = || Box::new(patient.open(server.url()).unwrap()) as Box<dyn Store>;
    passes(&make, &Options::new(), &[TELLS, MAKES_ROOM, FULL]);
}

#[test]
fn naive_stores_on_the_same_server_are_caught() {
    let server = RedisServer::start();
    are_caught(&|flaw| broken::open(&server.url(), flaw));
}

/// What Redis may lose proves nothing, so it is not asked.
const TELLS: &str = "a store that holds cells never says that it holds none";
const MAKES_ROOM: &str = "a purge makes room";
const FULL: &str = "a full store refuses whole commits and keeps what it has";
