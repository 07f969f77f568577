//! Layout and numbers of the ABI: what both compilers assert is whole, and can fail.

use anyhow::{Result, ensure};
use xshell::cmd;

use super::build::{HEADER, Language, PLANTED, compiler, folder, library};
use crate::job::Job;

const IN_C: &str = "bindings/c/tests/layout.c";
const IN_RUST: &str = "bindings/c/src/layout.rs";
const WRONG: &str = "offset of otp_view.len";

/// The assertions leave nothing out, and catch a planted layout in C, C++ and Rust.
pub(crate) fn checks(job: &mut Job<'_>) {
    job.check("all of the header is asserted, in C and in Rust", |job| {
        let read = |path| job.world.read(path);
        left_out(&read(HEADER)?, &read(IN_C)?, &read(IN_RUST)?)
    });
    for (standard, word) in [
        ("c99", "is negative"), // before C11 an assertion is the size of an array
        ("c11", WRONG),
        ("c++17", WRONG),
    ] {
        job.check(format!("a planted layout is caught as {standard}"), |job| {
            let command = compiler(job, Language(standard)).arg("-fsyntax-only");
            job.run(command.arg(format!("{PLANTED}/layout.c")))?
                .caught(word)
        });
    }
    job.check("a planted layout is caught by rustc", planted_in_rust);
}

/// Says which structure, status or other number of the header one of the two files lacks.
fn left_out(header: &str, in_c: &str, in_rust: &str) -> Result<()> {
    let (mut numbers, mut structures) = (Vec::new(), Vec::new());
    for line in header.lines() {
        match line.split_whitespace().collect::<Vec<_>>()[..] {
            ["#define", name, _, ..] | [name, "=", _, ..] => numbers.push(name),
            ["}", name] => structures.push(name.trim_end_matches(';')),
            _ => {}
        }
    }
    numbers
        .retain(|name| name.starts_with("OTP_") && *name != "OTP_API" && *name != "OTP_NODISCARD");
    structures.retain(|name| name.starts_with("otp_"));
    ensure!(!numbers.is_empty(), "the header declares no number");
    ensure!(!structures.is_empty(), "the header declares no structure");
    numbers.retain(|name| !in_c.contains(&format!("IS({name}, ")));
    structures.retain(|name| {
        !in_c.contains(&format!("SIZE({name}, ")) || !in_rust.contains(&format!("    {name} "))
    });
    let lacking = [numbers, structures].concat();
    ensure!(lacking.is_empty(), "not asserted: {lacking:?}");
    Ok(())
}

/// Compiles the assertions themselves against the library: as they are, and with one changed.
fn planted_in_rust(job: &mut Job<'_>) -> Result<()> {
    const TRUE: &str = "len 8,";
    let (sh, home) = (job.sh(), folder(job).join("layout"));
    let text = job.world.read(IN_RUST)?.replace("crate::", "otp_engine::");
    ensure!(text.matches(TRUE).count() == 1, "{IN_RUST}: not one {TRUE}");
    let ours = library(job.world, "libotp_engine.rlib");
    let deps = library(job.world, "deps");
    let uses = [
        format!("--extern=otp_engine={}", ours.display()),
        format!("-Ldependency={}", deps.display()),
    ];
    let mut compile = |name: &str, text: &str| {
        let source = home.join(name);
        sh.write_file(&source, text)?;
        let uses = &uses;
        job.run(cmd!(
            sh,
            "rustc --edition=2024 --crate-type=lib --emit=metadata {uses...} --out-dir {home} {source}"
        ))
    };
    compile("sound.rs", &text)?.code(0)?;
    compile("planted.rs", &text.replace(TRUE, "len 4,"))?.caught(WRONG)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_or_structure_that_nobody_asserts_is_named() {
        let header = "#define OTP_API\n#define OTP_X 1\n  OTP_Y = 2,\n} otp_z;\n";
        let in_c = "IS(OTP_X, 1);\nIS(OTP_Y, 2);\nSIZE(otp_z, 8);\n";
        let in_rust = "    otp_z 8 {\n";
        assert!(left_out(header, in_c, in_rust).is_ok());
        for lost in ["IS(OTP_X", "IS(OTP_Y", "SIZE(otp_z"] {
            assert!(left_out(header, &in_c.replace(lost, ""), in_rust).is_err());
        }
        assert!(left_out(header, in_c, "").is_err());
        assert!(left_out("", in_c, in_rust).is_err());
    }
}
