//! Constant time: the shipped library with its secrets marked as undefined memory, under memcheck.
//!
//! `constant_time.c` says how many errors there were in each row; each is a check of its own. What memcheck
//! does not see, a division by a number that is known at run time alone, is looked for in the machine code.

use std::fs;
use std::path::{Path, PathBuf};

use super::build::{PLANTED, c, compiler, named, source};
use crate::job::Job;
use crate::part::Check;

/// The program that marks and runs.
pub(super) const HARNESS: &str = "constant_time";

/// Where codes are made and compared, and seals: as the functions are called in the shipped library.
const ROOMS: &[&str] = &[
    "otp_engine::keys::KeyRing::code",
    "otp_engine::keys::KeyRing::seal",
    "otp_engine::operation::issue::Issue as ",
    "otp_engine::operation::verify::Verify as ",
    "otp_engine::code::Code::decimal",
    "otp_engine::oath::hotp::Hotp::find",
    "otp_engine::oath::totp::Totp::find",
    "otp_engine::oath::ocra::Ocra::find",
    "otp_engine::oath::prepared::Prepared::ends",
    "otp_engine::mac::",
];

/// No branch, address or division depends on a secret, and what does is noticed.
pub(crate) fn checks(job: &mut Job<'_>) -> Vec<Check> {
    let folder = job.world.own("c").join("constant-time");
    let library = job.world.target.join("release/libotp_engine.so");
    let program = match harness(job, &folder, &library) {
        Ok(program) => program,
        Err(error) => return vec![Check::new("the program is built", Err(error))],
    };
    let mut checks = match followed(job, &program, &[], &folder.join("lib")) {
        Ok(output) => rows(job, &output),
        Err(error) => vec![Check::new("the program runs", Err(error))],
    };
    let stripped = stripped(job, &folder, &library)
        .and_then(|stripped| followed(job, &program, &["--quick"], &stripped))
        .and_then(|output| match read(&output) {
            rows if rows
                .iter()
                .any(|(claim, errors)| claim.starts_with("verify of") && *errors > 0) =>
            {
                Ok(())
            }
            rows => Err(format!("it went through: {rows:?}")),
        });
    checks.push(Check::new(
        "a library without names fails the check",
        stripped,
    ));
    let twins = folder.join("lib/libtwins.so");
    for (claim, library, modules, is_planted) in [
        (
            "no division by a run-time number where codes and seals are made",
            &library,
            ROOMS,
            false,
        ),
        (
            "planted: a division by a run-time number is found",
            &twins,
            &["twin_divides"][..],
            true,
        ),
    ] {
        let found = divisions(job, library, modules).and_then(|found| {
            let right = found.is_empty() != is_planted;
            right
                .then_some(())
                .ok_or_else(|| format!("{found:?} divide"))
        });
        checks.push(Check::new(claim, found));
    }
    checks
}

/// Builds the program and the planted faults, these by the compiler that made the library.
fn harness(job: &mut Job<'_>, folder: &Path, library: &Path) -> Result<PathBuf, String> {
    fs::create_dir_all(folder).map_err(|error| error.to_string())?;
    let lib = named(folder, library)?;
    let mut rustc = job.world.command("rustc");
    rustc
        .args([
            "--edition=2024",
            "--crate-type=cdylib",
            "-Copt-level=3",
            "-Ccodegen-units=1",
        ])
        .arg(format!("{PLANTED}/{HARNESS}.rs"))
        .arg("-o")
        .arg(lib.join("libtwins.so"));
    job.run(&mut rustc)?.succeeded()?;
    let program = folder.join(HARNESS);
    let mut gcc = compiler(job, c("c11"));
    // Its own `getrandom` is the one that the library finds: hence -rdynamic.
    gcc.args(["-g", "-O1", "-rdynamic"])
        .arg(source(HARNESS))
        .args(["-x", "none", "-lotp_engine", "-ltwins", "-L"])
        .arg(&lib)
        .arg("-o")
        .arg(&program);
    job.run(&mut gcc)?.succeeded()?;
    Ok(program)
}

/// Runs the program in memcheck with the library in `lib`.
fn followed(
    job: &mut Job<'_>,
    program: &Path,
    args: &[&str],
    lib: &Path,
) -> Result<String, String> {
    let mut command = job.world.command("valgrind");
    command
        .args(["--error-limit=no", "--num-callers=20"])
        .arg(format!("--suppressions=bindings/c/tests/{HARNESS}.supp"))
        .arg(program)
        .args(args)
        .env("LD_LIBRARY_PATH", lib);
    Ok(job.run(&mut command)?.output)
}

/// The rows of the output, each with its number of errors.
fn read(output: &str) -> Vec<(String, u64)> {
    let row = |line: &str| {
        let (claim, errors) = line.strip_prefix("row: ")?.rsplit_once(": ")?;
        Some((claim.to_owned(), errors.parse().ok()?))
    };
    output.lines().filter_map(row).collect()
}

fn rows(job: &mut Job<'_>, output: &str) -> Vec<Check> {
    let rows = read(output);
    let mut checks = Vec::new();
    for (claim, errors) in &rows {
        let (claim, right) = match claim.strip_prefix("planted: ") {
            Some(planted) => {
                job.figure(format!("constant time, planted: {planted}"), errors);
                (format!("{claim}: memcheck reports it"), *errors > 0)
            }
            None => (format!("{claim}: 0 errors beyond reveal"), *errors == 0),
        };
        let found = right
            .then_some(())
            .ok_or_else(|| format!("{errors} errors, see the log"));
        checks.push(Check::new(claim, found));
    }
    // The program says so after its last check, and only if no row and no check failed.
    let whole =
        output.contains("constant_time: 0 rows failed") && output.contains(" checks passed");
    checks.push(Check::new(
        "the program came to its end: each code was followed, each verdict was right",
        whole.then_some(()).ok_or_else(|| "it did not".into()),
    ));
    let planted = rows
        .iter()
        .filter(|(claim, _)| claim.starts_with("planted"))
        .count();
    job.figure(
        "constant time: rows without an error beyond reveal",
        rows.len() - planted,
    );
    if let Some((_, excused)) = output.rsplit_once("(suppressed: ") {
        let excused = excused.split(' ').next().unwrap_or_default();
        job.figure("constant time: reads in reveal that were excused", excused);
    }
    checks
}

/// Makes a folder with the library as it is without its symbols.
fn stripped(job: &mut Job<'_>, folder: &Path, library: &Path) -> Result<PathBuf, String> {
    let bare = folder.join("stripped.so");
    let mut strip = job.world.command("strip");
    strip.arg("-o").arg(&bare).arg(library);
    job.run(&mut strip)?.succeeded()?;
    let lib = named(&folder.join("stripped"), &bare)?;
    fs::copy(folder.join("lib/libtwins.so"), lib.join("libtwins.so"))
        .map_err(|error| error.to_string())?;
    Ok(lib)
}

/// Names the functions of `modules` in which there is a division.
///
/// # Errors
///
/// A module of which the library has no function: renamed, or nothing was looked at.
fn divisions(job: &Job<'_>, library: &Path, modules: &[&str]) -> Result<Vec<String>, String> {
    let listing = job
        .world
        .ask(
            "objdump",
            &["-dC", "--no-show-raw-insn", &library.to_string_lossy()],
        )
        .ok_or("objdump failed")?;
    let (mut seen, mut found) = (vec![false; modules.len()], Vec::new());
    let mut module = None;
    for line in listing.lines() {
        if let Some(name) = line.strip_suffix(">:") {
            module = modules
                .iter()
                .position(|module| name.contains(module))
                .map(|at| (at, name));
            if let Some((at, _)) = module {
                seen[at] = true;
            }
        } else if let Some((_, name)) = module
            && divides(line)
        {
            found.push(name.to_owned());
        }
    }
    match seen.iter().position(|seen| !seen) {
        Some(at) => Err(format!("there is no {}", modules[at])),
        None => Ok(found),
    }
}

/// Says whether a line of a listing, `address:<TAB>instruction`, is a division of whole numbers.
fn divides(line: &str) -> bool {
    let name = line
        .split('\t')
        .nth(1)
        .and_then(|text| text.split(' ').next());
    let whole = |name: &str| {
        matches!(
            name.trim_start_matches('i'),
            "div" | "divb" | "divw" | "divl" | "divq"
        )
    };
    name.is_some_and(whole)
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
