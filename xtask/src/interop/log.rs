//! Go's own packages of transparency logs judge what `otp-log` makes.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use xshell::cmd;

use crate::job::Job;

/// The judges, in Go.
const JUDGES: &str = "crates/otp-log/tests/judges";

/// How a program of Go ends that panics.
const REFUSED: i32 = 2;

/// What is told of the tests that write for Go, and ask the witness in Go.
const TESTS: &str = "test result: ok. 4 passed; 0 failed";

/// Where one digit is changed, in what: each a fault that Go must see.
const FAULTS: [(&str, &str); 8] = [
    ("/roots/100", "a root"),
    ("/inclusion/299/proof/3", "an inclusion proof"),
    ("/inclusion/400/leaf", "the leaf of a large tree"),
    ("/consistency/298/proof/3", "a consistency proof"),
    ("/consistency/400/oldroot", "the older root of a large tree"),
    ("/tiles/tile~10~1000", "a tile"),
    ("/checkpoints/1", "a cosignature"),
    ("/proven", "the entry that a file proves"),
];

/// So many proofs of either kind are made in large trees, beside 300 of a small one, for Go to judge without faults.
const MANY: u32 = 4700;

/// Lets Go judge 10,000 proofs; checkpoints, tiles and a proof in a file; and be the witness of a log that grows.
pub(super) fn checks(job: &mut Job<'_>, home: &Path) {
    let home = home.join("log");
    job.check("Go's judges of the log build", |job| build(job, &home));
    job.check(
        "a log writes for Go, and a witness in Go follows it",
        |job| written(job, &home),
    );
    let (check, fresh) = (home.join("check"), home.join("fresh.json"));
    job.check(
        "Go holds the log's proofs and checkpoints for good",
        |job| {
            let told = job.pass(cmd!(job.sh(), "{check} {fresh}"))?;
            let told = told.lines().last().context("it says nothing")?;
            ensure!(told.starts_with("inclusion 800 consistency 800 "), "{told}");
            Ok(())
        },
    );
    job.check("Go holds 10,000 proofs for good", |job| many(job, &home));
    for (pointer, what) in FAULTS {
        job.check(format!("Go refuses one digit changed in {what}"), |job| {
            let spoilt = home.join("spoilt.json");
            let text = spoilt_at(&job.sh().read_file(&fresh)?, pointer)?;
            job.sh().write_file(&spoilt, text)?;
            let command = cmd!(job.sh(), "{check} {spoilt}");
            job.run(command)?.code(REFUSED).map(drop)
        });
    }
}

/// Builds the judges from Debian's packages alone.
fn build(job: &mut Job<'_>, home: &Path) -> Result<()> {
    let sh = job.sh();
    sh.create_dir(home)?;
    for name in ["check", "witness"] {
        let program = home.join(name);
        let build = cmd!(sh, "go build -o {program} {JUDGES}/{name}.go");
        let build = build.env("GOCACHE", home.join("cache"));
        let build = build.env("GO111MODULE", "off");
        job.pass(build.env("GOPATH", "/usr/share/gocode"))?;
    }
    Ok(())
}

/// Runs the tests that write what Go judges, and ask the witness.
fn written(job: &mut Job<'_>, home: &Path) -> Result<()> {
    let (sh, fresh) = (job.sh(), home.join("fresh.json"));
    sh.remove_path(&fresh)?; // an earlier run's
    let test = cmd!(
        sh,
        "cargo test --locked --package otp-log --all-features --test log interop::"
    );
    let test = test.env("OTP_LOG_DIR", home);
    let test = test.env("OTP_LOG_WITNESS", home.join("witness"));
    let output = job.pass(test.env("OTP_SEED", job.world.seed.to_string()))?;
    ensure!(output.contains(TESTS), "not said: {TESTS}");
    ensure!(fresh.exists(), "nothing was written");
    Ok(())
}

/// Makes many proofs, and lets Go judge them.
fn many(job: &mut Job<'_>, home: &Path) -> Result<()> {
    let (sh, many) = (job.sh(), home.join("many"));
    sh.create_dir(&many)?;
    let test = cmd!(
        sh,
        "cargo test --locked --package otp-log --all-features --test log interop::what_go_judges"
    );
    let test = test.env("OTP_LOG_DIR", &many);
    let test = test.env("OTP_LOG_PROOFS", MANY.to_string());
    job.pass(test.env("OTP_SEED", job.world.seed.to_string()))?;
    let (check, fresh) = (home.join("check"), many.join("fresh.json"));
    let told = job.pass(cmd!(sh, "{check} {fresh}"))?;
    sh.remove_path(&fresh)?; // 27 MB
    let expected = format!("inclusion {0} consistency {0} ", 300 + MANY);
    ensure!(told.contains(&expected), "{told}");
    Ok(())
}

/// Changes one digit of a text: the last one, of a checkpoint one within its last signature.
fn spoilt_at(fresh: &str, pointer: &str) -> Result<String> {
    let mut fresh: Value = serde_json::from_str(fresh)?;
    let at = fresh.pointer_mut(pointer);
    let at = at.with_context(|| format!("nothing at {pointer}"))?;
    let text = at.as_str().context("no text")?;
    let place = text
        .len()
        .saturating_sub(if text.ends_with('\n') { 20 } else { 1 });
    let digit = if text.as_bytes().get(place) == Some(&b'0') {
        "1"
    } else {
        "0"
    };
    let text = match text.is_empty() {
        true => "00".to_owned(), // an entry of no bytes
        false => [&text[..place], digit, &text[place + 1..]].concat(),
    };
    *at = text.into();
    Ok(fresh.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_is_one_digit() {
        let spoilt = |text: &str| spoilt_at(&format!("{{\"a\":{text:?}}}"), "/a").unwrap();
        assert_eq!(spoilt("ab0"), "{\"a\":\"ab1\"}");
        assert_eq!(spoilt("ab7"), "{\"a\":\"ab0\"}");
        assert_eq!(spoilt(""), "{\"a\":\"00\"}");
        assert_eq!(
            spoilt("xabcdefghijklmnopqrs\n"),
            "{\"a\":\"x0bcdefghijklmnopqrs\\n\"}"
        );
        assert!(spoilt_at("{}", "/a").is_err());
    }
}
