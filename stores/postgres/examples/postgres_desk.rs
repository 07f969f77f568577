//! Issues a code or judges one, on a store that programs in other languages share.
//!
//! `postgres_desk ADDRESS issue NUMBER` prints a code, `postgres_desk ADDRESS verify NUMBER CODE` whether
//! it was accepted; an address is `host=/run/postgresql user=otp_app dbname=bank`. Keys and bindings are those of
//! the tests, and no secret.

#![expect(clippy::print_stdout, reason = "a program for the terminal")]

use std::env;

use otp_engine_postgres::PostgresStore;
use otp_engine_testkit::scenarios::{DeskError, at_desk};

fn main() -> Result<(), DeskError> {
    let said = at_desk(env::args().skip(1), |address| {
        Ok(PostgresStore::open(address)?)
    })?;
    println!("{said}");
    Ok(())
}
