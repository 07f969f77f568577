//! Codes of devices on SQLite files, in both classes: the trial of all stores, and a storm that naive stores fail.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use otp_engine::Store;
use otp_engine_sqlite::{SqliteOptions, SqliteStore};
use otp_engine_testkit::{PATIENCE, broken::Flaw, scenarios};

#[path = "conformance/broken.rs"]
mod broken;

#[path = "support/scratch.rs"]
mod scratch;

use scratch::Scratch;

#[test]
fn case_380_devices_are_judged_counted_locked_and_reset() {
    let scratch = Scratch::new("devices");
    let options = SqliteOptions::new().busy_timeout(PATIENCE);
    let lossy = options.clone().may_lose_commits_on_power_loss();
    for (file, options) in [("kept", options), ("lossy", lossy)] {
        let open = || Box::new(options.open(scratch.path(file)).unwrap()) as Box<dyn Store>;
        scenarios::devices_are_judged(&open);
    }
}

#[test]
fn case_381_a_storm_of_devices_is_counted_exactly() {
    let scratch = Scratch::new("devices-storm");
    let options = SqliteOptions::new().busy_timeout(PATIENCE);
    let open = || Box::new(options.open(scratch.path("storm")).unwrap()) as Box<dyn Store>;
    assert_eq!(scenarios::devices_in_a_storm(&open), Ok(()));
}

#[test]
fn storms_of_devices_catch_naive_stores() {
    let scratch = Scratch::new("devices-naive");
    let path = scratch.path("naive").display().to_string();
    drop(SqliteStore::open(&path).unwrap());
    for flaw in [Flaw::Blind, Flaw::ReadThenWrite] {
        scenarios::storms_of_devices_catch(&|| broken::open(&path, flaw));
    }
}
