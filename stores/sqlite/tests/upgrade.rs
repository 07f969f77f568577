//! What the version before wrote is read, used and upgraded by this one, in an SQLite file.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use otp_engine_sqlite::SqliteStore;

#[path = "support/scratch.rs"]
mod scratch;

#[path = "../../../tests/support/beside.rs"]
mod beside;
#[path = "../../../tests/support/upgrade.rs"]
mod upgrade;

#[test]
fn case_208_a_file_that_the_version_before_filled_is_read_used_and_upgraded() {
    let scratch = scratch::Scratch::new("upgrade");
    let store = SqliteStore::open(scratch.path("otp.sqlite3")).unwrap();
    upgrade::is_read_used_and_upgraded(&store);
}

#[test]
#[ignore = "cargo xtask soak --only upgrade"]
fn soak_upgrade_two_versions_share_a_file() {
    let scratch = scratch::Scratch::new("beside");
    let file = scratch.path("otp.sqlite3");
    let store = SqliteStore::open(&file).unwrap();
    beside::works_beside_the_version_before("SQLite", &store, file.to_str().unwrap());
}
