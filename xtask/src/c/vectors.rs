//! The vector files for C: `bindings/c/tests/vectors.py` makes tables of `tests/vectors/*.json` that
//! `vectors.c` runs through the ABI, the same files that the tests of Rust and Python read.

use std::path::Path;

use anyhow::{Context, Result};
use xshell::cmd;

use super::build::{Language, Linked, folder, plain, program_with, source};
use crate::job::Job;

/// A value in each kind of vector, of which one byte is changed, and what the test must then say: a table
/// that nobody reads would let it pass.
const PLANTS: &[(&str, &str, &str)] = &[
    (
        "a key of a binding's cells",
        "challenges-v1.json/bindings/3/keys",
        "same(asked, vector->keys)",
    ),
    (
        "a recipient",
        "challenges-v1.json/recipients/1/sent_to",
        "same_text(issued.recipient, vector->sent_to)",
    ),
    (
        "a typed code",
        "challenges-v1.json/challenges/0/typed/0/typed",
        "verdict.rejection == vector->rejection",
    ),
    (
        "a cell of a challenge",
        "challenges-v1.json/challenges/0/cells/0/body",
        "otp_engine_verify_submission(",
    ),
    (
        "a signed record",
        "records/golden-v1.json/chain/2/sd_jwt",
        "valid == 1 && \"a golden record\"",
    ),
    (
        "a record of another tool",
        "records/stock-v1.json/made/1/sd_jwt",
        "valid == 1 && \"a record of another tool\"",
    ),
    (
        "a stored page",
        "records/store-v1.json/cells/0/body",
        "otp_engine_chain_head(",
    ),
];

/// Writes the tables, and shows that one changed byte in any of the files fails the test.
pub(crate) fn checks(job: &mut Job<'_>) {
    let home = folder(job);
    job.check("the vector files are written for C", |job| {
        let count = written(job, &home.join("generated"), &[])?;
        job.figure("vectors that C runs", count.trim());
        Ok(())
    });
    for (claim, value, reason) in PLANTS {
        job.check(format!("{claim} with one changed byte is caught"), |job| {
            let headers = home.join("planted-vectors");
            written(job, &headers, &["--change", value])?;
            let (source, linked) = (source("vectors"), Linked::Dynamically);
            let program = program_with(job, &source, Language("c11"), linked, &headers)?;
            job.run(plain(job, &program))?.caught(reason)
        });
    }
}

fn written(job: &mut Job<'_>, headers: &Path, change: &[&str]) -> Result<String> {
    let (python, tables) = (job.world.venv("python"), headers.join("vectors.h"));
    job.sh().create_dir(headers)?;
    job.ask(cmd!(
        job.sh(),
        "{python} bindings/c/tests/vectors.py {tables} {change...}"
    ))
    .context("bindings/c/tests/vectors.py")
}
