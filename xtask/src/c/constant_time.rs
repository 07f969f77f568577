//! Constant time: the shipped library with its secrets marked as undefined memory, under memcheck.
//!
//! `constant_time.c` says how many errors there were in each row; each is a check of its own. What memcheck
//! does not see, a division by a number that is known at run time alone, is looked for in the machine code.

use std::path::{Path, PathBuf};

use anyhow::{Result, bail, ensure};
use xshell::cmd;

use super::build::{self, Language, PLANTED, compiler, folder, named, source};
use crate::job::Job;

/// The program that marks and runs.
pub(super) const HARNESS: &str = "constant_time";

/// Where codes are made and compared, and seals: as the functions are called in the shipped library.
const MODULES: &[&str] = &[
    "otp_engine::keys::KeyRing::code",
    "otp_engine::keys::KeyRing::seal",
    "otp_engine::operation::issue::Issue as ",
    "otp_engine::operation::verify::Verify as ",
    "otp_base::code::Code::",
    "otp_oath::hotp::Hotp::find",
    "otp_oath::totp::Totp::find",
    "otp_oath::ocra::Ocra::find",
    "otp_oath::prepared::Prepared::",
    "otp_base::mac::",
];

/// No branch, address or division depends on a secret, and what does is noticed.
pub(crate) fn checks(job: &mut Job<'_>) {
    let home = folder(job).join("constant-time");
    let library = build::library(job.world, "libotp_engine.so");
    let twins = home.join("lib/libtwins.so");
    let mut output = String::new();
    job.check("the program is built, and runs", |job| {
        harness(job, &home, &library)?;
        output = followed(job, &home, &[], &home.join("lib"))?;
        Ok(())
    });
    rows(job, &output);
    job.check("a library without names fails the check", |job| {
        let (sh, bare) = (job.sh(), home.join("stripped.so"));
        job.pass(cmd!(sh, "strip -o {bare} {library}"))?;
        let lib = named(job.world, &home.join("stripped"), &bare)?;
        sh.copy_file(&twins, &lib)?;
        let rows = read(&followed(job, &home, &["--quick"], &lib)?);
        let is_hit =
            |(claim, errors): &(String, u64)| claim.starts_with("verify of") && *errors > 0;
        ensure!(rows.iter().any(is_hit), "it went through");
        Ok(())
    });
    job.check("no division where codes and seals are made", |job| {
        let found = divisions(job, &library, MODULES)?;
        ensure!(found.is_empty(), "{found:?} divide");
        Ok(())
    });
    job.check("planted: a division is found", |job| {
        let found = divisions(job, &twins, &["twin_divides"])?;
        ensure!(!found.is_empty(), "it is not");
        Ok(())
    });
}

/// Builds the program and the planted faults, these by the compiler that made the library.
fn harness(job: &mut Job<'_>, home: &Path, library: &Path) -> Result<()> {
    let (sh, lib) = (job.sh(), named(job.world, home, library)?);
    let twins = lib.join("libtwins.so");
    job.pass(cmd!(
        sh,
        "rustc --edition=2024 --crate-type=cdylib -Copt-level=3 -Ccodegen-units=1
         {PLANTED}/{HARNESS}.rs -o {twins}"
    ))?;
    // Its own `getrandom` is the one that the library finds: hence -rdynamic.
    let gcc = compiler(job, Language("c11")).args(["-g", "-O1", "-rdynamic"]);
    let gcc = gcc
        .arg(source(HARNESS))
        .args(["-x", "none", "-lotp_engine", "-ltwins", "-L"]);
    job.pass(gcc.arg(lib).arg("-o").arg(home.join(HARNESS)))
        .map(drop)
}

/// Runs the program in memcheck with the library in `lib`.
fn followed(job: &mut Job<'_>, home: &Path, args: &[&str], lib: &Path) -> Result<String> {
    let (program, excused) = (home.join(HARNESS), source(HARNESS).replace(".c", ".supp"));
    let command = cmd!(
        job.sh(),
        "valgrind --error-limit=no --num-callers=20 --suppressions={excused} {program} {args...}"
    );
    Ok(job.run(command.env("LD_LIBRARY_PATH", lib))?.output)
}

/// The rows of the output, each with its number of errors.
fn read(output: &str) -> Vec<(String, u64)> {
    let row = |line: &str| {
        let (claim, errors) = line.strip_prefix("row: ")?.rsplit_once(": ")?;
        Some((claim.to_owned(), errors.parse().ok()?))
    };
    output.lines().filter_map(row).collect()
}

fn rows(job: &mut Job<'_>, output: &str) {
    let mut clean = 0;
    for (claim, errors) in read(output) {
        let planted = claim.strip_prefix("planted: ");
        let means = match planted {
            Some(planted) => {
                job.figure(format!("constant time, planted: {planted}"), errors);
                "memcheck reports it"
            }
            None => {
                clean += 1;
                "0 errors beyond reveal"
            }
        };
        job.check(format!("{claim}: {means}"), |_| {
            ensure!(planted.is_some() == (errors > 0), "{errors} errors");
            Ok(())
        });
    }
    job.check("the program came to its end, without a failure", |_| {
        // It says so after its last check, and only if no row and no check failed.
        for said in ["constant_time: 0 rows failed", " checks passed"] {
            ensure!(output.contains(said), "it did not say: {said}");
        }
        Ok(())
    });
    job.figure("constant time: rows without an error beyond reveal", clean);
    if let Some((_, excused)) = output.rsplit_once("(suppressed: ") {
        let excused = excused.split(' ').next().unwrap_or_default();
        job.figure("constant time: reads in reveal that were excused", excused);
    }
}

/// Names the functions of `modules` in which there is a division.
///
/// # Errors
///
/// A module of which the library has no function: renamed, or nothing was looked at.
fn divisions(job: &mut Job<'_>, library: &PathBuf, modules: &[&str]) -> Result<Vec<String>> {
    let listing = job.ask(cmd!(job.sh(), "objdump -dC --no-show-raw-insn {library}"))?;
    let mut unseen = modules.to_vec();
    let mut found = Vec::new();
    let mut function = None;
    for line in listing.lines() {
        if let Some(name) = line.strip_suffix(">:") {
            let module = modules.iter().find(|module| name.contains(**module));
            function = module.map(|_| name);
            unseen.retain(|other| Some(other) != module);
        } else if let Some(name) = function
            && divides(line)
        {
            found.push(name.to_owned());
        }
    }
    match unseen.first() {
        Some(module) => bail!("there is no {module}"),
        None => Ok(found),
    }
}

/// Says whether a line of a listing, `address:<TAB>instruction`, is a division of whole numbers.
fn divides(line: &str) -> bool {
    let text = line.split('\t').nth(1).unwrap_or_default();
    let name = text.split(' ').next().unwrap_or_default();
    ["div", "divb", "divw", "divl", "divq"].contains(&name.trim_start_matches('i'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_and_divisions_are_read() {
        let output = "x\nrow: verify of 6 digits: right, used: 3\nrow: a: b\n";
        assert_eq!(
            read(output),
            [("verify of 6 digits: right, used".to_owned(), 3)]
        );
        assert!(divides("  40:\tdiv    %rsi") && divides("  40:\tidivl  0x8(%rsp)"));
        assert!(!divides("  40:\tdivsd  %xmm1,%xmm0") && !divides("40 <div >:"));
    }
}
