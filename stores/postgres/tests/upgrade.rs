//! What the version before wrote is read, used and upgraded by this one, in a PostgreSQL table.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use otp_engine_postgres::PostgresStore;
use otp_engine_testkit::PostgresServer;

#[path = "../../../tests/support/beside.rs"]
mod beside;
#[path = "../../../tests/support/upgrade.rs"]
mod upgrade;

#[test]
fn case_208_a_table_that_the_version_before_filled_is_read_used_and_upgraded() {
    let server = PostgresServer::start();
    PostgresStore::migrate(&server.url()).unwrap();
    upgrade::is_read_used_and_upgraded(&PostgresStore::open(&server.url()).unwrap());
}

#[test]
#[ignore = "cargo xtask soak --only upgrade"]
fn soak_upgrade_two_versions_share_a_table() {
    let server = PostgresServer::start();
    PostgresStore::migrate(&server.url()).unwrap();
    let store = PostgresStore::open(&server.url()).unwrap();
    beside::works_beside_the_version_before("PostgreSQL", &store, &server.url());
}
