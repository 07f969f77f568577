//! Shows that signature records are what other tools take them for, and theirs what we take them
//! for.
//!
//! Each tool judges the golden records and those that this run made; and refuses, in the same run,
//! records with the fault that it is there to find. What a tool must not care about, it must let
//! pass: else it may be refusing for another reason.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::dependencies::CORE;
use crate::job::{Job, Ran};
use crate::part::Check;
use crate::tally::{Ended, Tally};

const SCRIPT: &str = "tests/vectors/records/stock.py";
const GOLDEN: &str = "tests/vectors/records/golden-v1.json";

/// Makes images with faults and lets Pillow judge them; how many.
const IMAGES: (&str, &str) = ("tests/vectors/images/mutate.py", "2000");

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

/// How many tests there are of what is exchanged.
const TESTS: u64 = 5;

/// Lets each side judge what the other made.
pub(crate) fn checks(job: &mut Job<'_>) -> Vec<Check> {
    let home = job.world.own("interop");
    let made = made(job, &home);
    let mut checks = vec![Check::new(
        "1,000 records are made, those that PyJWT and joserfc made now verify, and of 2,000 images \
         with faults none is taken that Pillow does not open",
        made,
    )];
    let fresh = home.join("fresh.json");
    for (name, file) in [("golden", Path::new(GOLDEN)), ("fresh", &fresh)] {
        for tool in TOOLS {
            let held = ended(job, script(job, &["check", tool]).arg(file), 0);
            checks.push(Check::new(
                format!("{tool} holds the {name} records for good"),
                held,
            ));
        }
        for (fault, seeing) in FAULTS {
            checks.extend(planted(job, &home, (name, file), fault, seeing));
        }
    }
    checks.extend(demo(job, &home.join("demo")));
    checks
}

/// Makes records on both sides; ours judges theirs.
fn made(job: &mut Job<'_>, home: &Path) -> Result<(), String> {
    fs::create_dir_all(home).map_err(|error| error.to_string())?;
    let (theirs, ours) = (home.join("made.json"), home.join("fresh.json"));
    for file in [&theirs, &ours] {
        if file.exists() {
            fs::remove_file(file).map_err(|error| error.to_string())?; // an earlier run's
        }
    }
    let seed = job.world.seed.to_string();
    let mut make = script(job, &["make"]);
    ended(job, make.arg(&theirs).arg(&seed), 0)?;
    let (images, (mutate, count)) = (home.join("images"), IMAGES);
    let mut mutate = python(job, mutate);
    ended(job, mutate.arg(&images).args([count, &seed]), 0)?;
    let mut test = job.world.command("cargo");
    test.args(["test", "--locked", "--package", CORE, "--all-features"]);
    test.args(["--test", "signatures", "interop::"]);
    test.env("OTP_INTEROP_DIR", home);
    test.env("OTP_STOCK_MADE", &theirs);
    test.env("OTP_IMAGES_DIR", &images);
    let ran = job.run(&mut test)?;
    ran.succeeded()?;
    let (tally, wrong) = Tally::of_tests(&ran.output, Ended::WithSuccess);
    if let Some(wrong) = wrong {
        return Err(wrong.into());
    }
    if tally.passed != TESTS {
        return Err(format!("{} tests passed, expected {TESTS}", tally.passed));
    }
    match ours.exists() {
        true => Ok(()),
        false => Err("no record was written".into()),
    }
}

/// Puts a fault into every record of a file: those who see it refuse, the others do not.
fn planted(
    job: &mut Job<'_>,
    home: &Path,
    (name, file): (&str, &Path),
    fault: &str,
    seeing: &[&str],
) -> Vec<Check> {
    let spoilt = home.join(format!("{name}-{fault}.json"));
    let mut spoil = script(job, &["spoil", fault]);
    let spoil = ended(job, spoil.arg(file).arg(&spoilt), 0);
    let judge = |tool: &&str| {
        let sees = seeing.contains(tool);
        let code = if sees { REFUSED } else { 0 };
        let found = spoil
            .clone()
            .and_then(|()| ended(job, script(job, &["check", tool]).arg(&spoilt), code));
        let does = if sees { "refuses" } else { "does not look at" };
        Check::new(
            format!("{tool} {does} a planted fault, {fault}, in the {name} records"),
            found,
        )
    };
    TOOLS.iter().map(judge).collect()
}

/// Runs the commands that the example prints, as they are printed; and again on a spoilt record.
fn demo(job: &mut Job<'_>, folder: &Path) -> Vec<Check> {
    let blocks = printed(job, folder);
    let names = ["PyJWT", "OpenSSL", "what was signed"];
    let mut checks = vec![Check::new(
        "the example prints how to verify its record",
        match &blocks {
            Ok(blocks) if blocks.len() != names.len() => Err("other blocks than three".into()),
            Ok(_) => Ok(()),
            Err(error) => Err(error.clone()),
        },
    )];
    let blocks = blocks.unwrap_or_default();
    for (name, block) in names.iter().zip(&blocks) {
        let ran = shell(job, folder, block);
        let good = ran.and_then(|ran| ran.succeeded());
        checks.push(Check::new(format!("its commands work: {name}"), good));
    }
    let record = folder.join("record.sd-jwt");
    let verify = |job: &mut Job<'_>, code| {
        let mut example = job.world.command("cargo");
        example.args([
            "run",
            "--locked",
            "--quiet",
            "--package",
            "otp-record",
            "--example",
            "verify_record",
            "--",
        ]);
        example.arg("--keys").arg(folder.join("keys.jwks"));
        example.arg("--document").arg(folder.join("offer.txt"));
        ended(job, example.arg(&record), code)
    };
    checks.push(Check::new("verify_record holds its record", verify(job, 0)));
    let spoilt = spoil(&record);
    for (name, block) in names.iter().zip(&blocks).take(2) {
        let ran = spoilt.clone().and_then(|()| shell(job, folder, block));
        let refused = ran.and_then(|ran| match ran.status.code() {
            Some(1) => Ok(()),
            _ => Err(format!("{}, expected a refusal", ran.status)),
        });
        checks.push(Check::new(
            format!("{name} refuses it once spoilt"),
            refused,
        ));
    }
    let refused = spoilt.and_then(|()| verify(job, 1));
    checks.push(Check::new("verify_record refuses it once spoilt", refused));
    checks
}

/// Returns the blocks of commands that the example prints last, each with the line that enters the
/// directory.
fn printed(job: &mut Job<'_>, folder: &Path) -> Result<Vec<String>, String> {
    let mut example = job.world.command("cargo");
    example.args(["run", "--locked", "--quiet", "--example", "sign_loan_offer"]);
    example.args(["--", "--demo", "--out"]).arg(folder);
    let ran = job.run(&mut example)?;
    ran.succeeded()?;
    blocks(&ran.output).ok_or_else(|| "no commands are printed".into())
}

fn blocks(output: &str) -> Option<Vec<String>> {
    let (_, last) = output.split_once("\n# 8. ")?;
    let mut blocks = last.split("\n\n");
    let (_, enter) = blocks.next()?.split_once('\n')?;
    Some(blocks.map(|block| format!("{enter}\n{block}\n")).collect())
}

/// Changes one digit of what is signed: the payload's last but one character.
fn spoil(record: &Path) -> Result<(), String> {
    let text = fs::read_to_string(record).map_err(|error| error.to_string())?;
    let end = text.rfind('.').ok_or("the record is no JWS")?;
    let other = if text[..end - 1].ends_with('A') {
        "B"
    } else {
        "A"
    };
    let spoilt = format!("{}{other}{}", &text[..end - 2], &text[end - 1..]);
    fs::write(record, spoilt).map_err(|error| error.to_string())
}

fn shell(job: &mut Job<'_>, folder: &Path, block: &str) -> Result<Ran, String> {
    let script = folder.join("commands.sh");
    fs::write(&script, block).map_err(|error| error.to_string())?;
    let mut command = job.world.command("sh");
    let venv = job.world.own("venv").join("bin");
    let inherited = std::env::var_os("PATH").unwrap_or_default();
    let paths = core::iter::once(venv).chain(std::env::split_paths(&inherited));
    let path = std::env::join_paths(paths).map_err(|error| error.to_string())?;
    command.arg("-e").arg(&script).env("PATH", path);
    job.run(&mut command)
}

fn script(job: &Job<'_>, arguments: &[&str]) -> Command {
    let mut command = python(job, SCRIPT);
    command.args(arguments);
    command
}

fn python(job: &Job<'_>, script: &str) -> Command {
    let python: PathBuf = job.world.own("venv").join("bin").join("python");
    let mut command = job.world.command(&python.to_string_lossy());
    command.arg(script);
    command
}

fn ended(job: &mut Job<'_>, command: &mut Command, code: i32) -> Result<(), String> {
    let ran = job.run(command)?;
    if ran.status.code() == Some(code) {
        Ok(())
    } else {
        Err(format!("{}, expected {code}", ran.status))
    }
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
