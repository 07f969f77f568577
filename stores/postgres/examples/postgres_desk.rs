//! Issues a code or judges one, on a store that programs in other languages share.
//!
//! `postgres_desk ADDRESS issue NUMBER` prints a code, `postgres_desk ADDRESS verify NUMBER CODE` whether
//! it was accepted; an address is `host=/run/postgresql user=otp_app dbname=bank`. Keys and bindings are those of
//! the tests, and no secret.

#![expect(clippy::print_stdout, reason = "a program for the terminal")]

use std::env;

use otp_engine::Submission;
use otp_engine_postgres::PostgresStore;
use otp_engine_servers::trials::{binding, engine};

fn main() -> Result<(), Box<dyn core::error::Error>> {
    let words: Vec<_> = env::args().skip(1).collect();
    let words: Vec<_> = words.iter().map(String::as_str).collect();
    match words[..] {
        [address, "issue", number] => {
            let binding = binding(number.parse()?);
            let answer = engine().issue(&PostgresStore::open(address)?, &binding)?;
            let issued = answer.issued().ok_or("refused")?;
            println!("{}", issued.code.as_str());
        }
        [address, "verify", number, typed] => {
            let binding = binding(number.parse()?);
            let submission = Submission::new(&binding, typed);
            let verdict = engine().verify(&PostgresStore::open(address)?, submission)?;
            let accepted = ["rejected", "accepted"][usize::from(verdict.is_accepted())];
            println!("{accepted}");
        }
        _ => return Err("usage: ADDRESS issue NUMBER, or ADDRESS verify NUMBER CODE".into()),
    }
    Ok(())
}
