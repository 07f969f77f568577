//! Memory: the C tests under valgrind's memcheck and under the sanitizers of gcc.

use std::path::Path;

use super::TESTS;
use super::build::{Linked, PLANTED, c, caught, plain, program, source};
use crate::job::Job;
use crate::part::Check;

/// Memcheck finds no error and no leak of any kind.
pub(crate) fn valgrind(job: &mut Job<'_>) -> Vec<Check> {
    let mut checks = Vec::new();
    for name in TESTS {
        // A child leaves what it inherited where it is, by design: its frees do nothing.
        let kinds = if *name == "fork" { "none" } else { "all" };
        let found = program(job, &source(name), c("c11"), Linked::Dynamically)
            .and_then(|program| memcheck(job, &program, kinds))
            .and_then(|(success, output)| clean(success, &output));
        checks.push(Check::new(format!("{name} is clean in memcheck"), found));
    }
    let planted = format!("{PLANTED}/leak.c");
    let found = program(job, &planted, c("c11"), Linked::Dynamically)
        .and_then(|program| memcheck(job, &program, "all"))
        .and_then(|(success, output)| caught(success, &output, "definitely lost"));
    checks.push(Check::new("a planted leak is caught by memcheck", found));
    checks
}

/// The sanitizers find nothing in the C tests against the static library.
pub(crate) fn sanitizers(job: &mut Job<'_>) -> Vec<Check> {
    let mut checks = Vec::new();
    for name in TESTS {
        let found = program(job, &source(name), c("c11"), Linked::Sanitized).and_then(|program| {
            let symbols = job.world.ask("nm", &[&program.to_string_lossy()]);
            if !symbols.is_some_and(|symbols| symbols.contains("__asan_init")) {
                return Err("the program holds no sanitizer".into());
            }
            job.run(&mut plain(job, &program))?.succeeded()
        });
        checks.push(Check::new(
            format!("{name} is clean under address and undefined sanitizers"),
            found,
        ));
    }
    let planted = format!("{PLANTED}/double_free.c");
    let found = program(job, &planted, c("c11"), Linked::Sanitized)
        .and_then(|program| job.run(&mut plain(job, &program)))
        .and_then(|ran| caught(ran.status.success(), &ran.output, "AddressSanitizer"));
    checks.push(Check::new("a planted double free is caught by ASan", found));
    checks
}

fn memcheck(job: &mut Job<'_>, program: &Path, kinds: &str) -> Result<(bool, String), String> {
    let mut command = job.world.command("valgrind");
    command
        .args(["--leak-check=full", "--show-leak-kinds=all"])
        .args(["--error-exitcode=99", "--num-callers=30"])
        .arg(format!("--errors-for-leak-kinds={kinds}"))
        .arg(program)
        // The conformance suite takes minutes in there, and runs in every other build.
        .arg("--quick")
        .env("OTP_TEST_FOLDER", job.world.own("c"))
        // With it a caught panic leaves reachable blocks.
        .env_remove("RUST_BACKTRACE")
        // Cargo puts its own folders there: a debug library in them would be run in the place of ours.
        .env_remove("LD_LIBRARY_PATH");
    let ran = job.run(&mut command)?;
    Ok((ran.status.success(), ran.output))
}

fn clean(success: bool, output: &str) -> Result<(), String> {
    if success && output.contains("ERROR SUMMARY: 0 errors") {
        Ok(())
    } else {
        Err("memcheck found something".into())
    }
}
