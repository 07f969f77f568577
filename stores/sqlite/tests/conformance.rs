//! The SQLite store passes the conformance suite, in each class that it has; stores that forget the
//! versions, or the transaction, fail in it on such a file.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use otp_engine::Store;
use otp_engine_sqlite::{SqliteOptions, SqliteStore};
use otp_engine_testkit::broken::{are_caught, passes};
use otp_store_tests::Options;

#[path = "conformance/broken.rs"]
mod broken;

#[path = "support/scratch.rs"]
mod scratch;

use scratch::Scratch;

#[track_caller]
fn passes_with(name: &str, options: &SqliteOptions, not_applicable: &[&str]) {
    let scratch = Scratch::new(name);
    let path = scratch.path("otp.sqlite3");
    let make = || Box::new(options.open(&path).expect("the file opens")) as Box<dyn Store>;
    passes(&make, &Options::new().slots(60).cells(800), not_applicable);
}

#[test]
fn the_store_that_flushes_passes() {
    passes_with("full", &SqliteOptions::new(), &[REFUSED, FULL]);
}

#[test]
fn the_store_that_may_lose_commits_passes_and_keeps_nothing_for_ever() {
    let options = SqliteOptions::new().may_lose_commits_on_power_loss();
    passes_with("normal", &options, &[FULL]);
}

#[test]
fn naive_stores_on_such_a_file_are_caught() {
    let scratch = Scratch::new("naive");
    let path = scratch.path("otp.sqlite3").display().to_string();
    drop(SqliteStore::open(&path).unwrap());
    are_caught(&|flaw| broken::open(&path, flaw));
}

const REFUSED: &str = "a write that cannot be kept is refused whole";
const FULL: &str = "a full store refuses whole commits and keeps what it has";
