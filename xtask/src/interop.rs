//! Shows that signature records are what other tools take them for, and theirs what we take them
//! for.
//!
//! Each tool judges the golden records and those that this run made; and refuses, in the same run,
//! records with the fault that it is there to find. What a tool must not care about, it must let
//! pass: else it may be refusing for another reason.

mod log;

use std::path::Path;

use anyhow::{Context, Result, ensure};
use xshell::{Cmd, cmd};

use crate::job::Job;

const SCRIPT: &str = "tests/vectors/records/stock.py";
const GOLDEN: &str = "tests/vectors/records/golden-v1.json";

/// Makes images with faults and lets Pillow judge them.
const IMAGES: &str = "tests/vectors/images/mutate.py";

/// The tools, as the script calls them.
const TOOLS: [&str; 5] = ["pyjwt", "joserfc", "openssl", "rfc8785", "sd-jwt"];

/// A planted fault, and the tools that must see it.
const FAULTS: [(&str, &[&str]); 3] = [
    ("byte", &["pyjwt", "joserfc", "openssl", "sd-jwt"]),
    ("space", &["rfc8785"]),
    ("disclosure", &["sd-jwt"]),
];

/// The script's exit code where a tool refuses a record.
const REFUSED: i32 = 3;

/// What is told of the tests of what is exchanged.
const TESTS: &str = "test result: ok. 5 passed; 0 failed";

/// Lets each side judge what the other made: 1,000 records of ours, those that PyJWT and joserfc made now, and
/// 2,000 images with faults, of which none may be taken that Pillow does not open.
pub(crate) fn checks(job: &mut Job<'_>) {
    let home = job.world.own("interop");
    job.check("what both sides made is exchanged", |job| made(job, &home));
    let fresh = home.join("fresh.json");
    for (name, file) in [("golden", Path::new(GOLDEN)), ("fresh", &fresh)] {
        let judged = |job: &mut Job<'_>, tool: &str, file: &Path, code: i32| {
            let command = script(job, &["check", tool]).arg(file);
            job.run(command)?.code(code).map(drop)
        };
        for tool in TOOLS {
            job.check(format!("{tool} holds the {name} records for good"), |job| {
                judged(job, tool, file, 0)
            });
        }
        // A fault in every record of the file: those who see it refuse, the others do not.
        for (fault, seeing) in FAULTS {
            let spoilt = home.join(format!("{name}-{fault}.json"));
            job.check(format!("the {name} records are spoilt: {fault}"), |job| {
                let command = script(job, &["spoil", fault]).arg(file).arg(&spoilt);
                job.pass(command).map(drop)
            });
            for tool in TOOLS {
                let (does, code) = match seeing.contains(&tool) {
                    true => ("refuses", REFUSED),
                    false => ("does not look at", 0),
                };
                let claim =
                    format!("{tool} {does} a planted fault, {fault}, in the {name} records");
                job.check(claim, |job| judged(job, tool, &spoilt, code));
            }
        }
    }
    demo(job, &home.join("demo"));
    log::checks(job, &home);
}

/// Makes records on both sides; ours judges theirs.
fn made(job: &mut Job<'_>, home: &Path) -> Result<()> {
    let (sh, seed) = (job.sh(), job.world.seed.to_string());
    sh.create_dir(home)?;
    let theirs = home.join("made.json");
    let ours = home.join("fresh.json");
    let images = home.join("images");
    for file in [&theirs, &ours] {
        sh.remove_path(file)?; // an earlier run's
    }
    let make = script(job, &["make"]).arg(&theirs).arg(&seed);
    job.pass(make)?;
    let python = job.world.venv("python");
    job.pass(cmd!(sh, "{python} {IMAGES} {images} 2000 {seed}"))?;
    let test = cmd!(
        sh,
        "cargo test --locked --workspace --all-features --test behaviour interop::"
    );
    let test = test
        .env("OTP_INTEROP_DIR", home)
        .env("OTP_STOCK_MADE", theirs);
    let output = job.pass(test.env("OTP_IMAGES_DIR", images))?;
    ensure!(output.contains(TESTS), "not said: {TESTS}");
    ensure!(ours.exists(), "no record was written");
    Ok(())
}

/// Runs the commands that the example prints, as they are printed; and again on a spoilt record.
fn demo(job: &mut Job<'_>, folder: &Path) {
    let (sh, names) = (job.sh(), ["PyJWT", "OpenSSL", "what was signed"]);
    let mut printed = Vec::new();
    job.check("the example prints how to verify its record", |job| {
        let output = job.pass(cmd!(sh, "sign_loan_offer --demo --out {folder}"))?;
        printed = blocks(&output).context("no commands are printed")?;
        ensure!(printed.len() == names.len(), "other blocks than three");
        Ok(())
    });
    let run = |job: &mut Job<'_>, block: &str, code: i32| {
        let script = folder.join("commands.sh");
        sh.write_file(&script, block)?;
        let venv = job.world.own("venv/bin");
        let path = format!("{}:{}", venv.display(), sh.var("PATH")?);
        job.run(cmd!(sh, "sh -e {script}").env("PATH", path))?
            .code(code)
            .map(drop)
    };
    let record = folder.join("record.sd-jwt");
    let verify = |job: &mut Job<'_>, code: i32| {
        let (keys, document) = (folder.join("keys.jwks"), folder.join("offer.txt"));
        job.run(cmd!(
            sh,
            "verify_record --keys {keys} --document {document} {record}"
        ))?
        .code(code)
        .map(drop)
    };
    for (name, block) in names.iter().zip(&printed) {
        job.check(format!("its commands work: {name}"), |job| {
            run(job, block, 0)
        });
    }
    job.check("verify_record holds its record", |job| verify(job, 0));
    job.check("its record is spoilt", |_| {
        Ok(sh.write_file(&record, spoilt(&sh.read_file(&record)?)?)?)
    });
    for (name, block) in names.iter().zip(&printed).take(2) {
        job.check(format!("{name} refuses it once spoilt"), |job| {
            run(job, block, 1)
        });
    }
    job.check("verify_record refuses it once spoilt", |job| verify(job, 1));
}

/// Returns the blocks of commands that the example prints last, each with the line that enters the
/// directory.
fn blocks(output: &str) -> Option<Vec<String>> {
    let (_, last) = output.split_once("\n# 8. ")?;
    let mut blocks = last.split("\n\n");
    let (_, enter) = blocks.next()?.split_once('\n')?;
    Some(blocks.map(|block| format!("{enter}\n{block}\n")).collect())
}

/// Changes one digit of what is signed: the payload's last but one character.
fn spoilt(record: &str) -> Result<String> {
    let end = record.rfind('.').context("the record is no JWS")?;
    let other = if record[..end - 1].ends_with('A') {
        "B"
    } else {
        "A"
    };
    Ok(format!(
        "{}{other}{}",
        &record[..end - 2],
        &record[end - 1..]
    ))
}

fn script<'a>(job: &Job<'a>, arguments: &[&str]) -> Cmd<'a> {
    let python = job.world.venv("python");
    cmd!(job.sh(), "{python} {SCRIPT} {arguments...}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_commands_are_the_blocks_after_the_last_heading() {
        let output = "# 7. a\nb\n\n# 8. c\ncd d\n\n# e\nf\n\n# g\nh\n";
        let expected = ["cd d\n# e\nf\n", "cd d\n# g\nh\n\n"];
        assert_eq!(blocks(output).unwrap(), expected);
        assert_eq!(blocks("# 7. a\nb\n"), None);
    }

    #[test]
    fn every_tool_has_a_fault_that_it_must_see_and_one_that_it_must_not() {
        for tool in TOOLS {
            let seen = FAULTS.iter().filter(|(_, seeing)| seeing.contains(&tool));
            assert!((1..FAULTS.len()).contains(&seen.count()), "{tool}");
        }
    }
}
