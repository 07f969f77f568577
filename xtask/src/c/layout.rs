//! Layout and numbers of the ABI: what both compilers assert is whole, and can fail.

use std::fs;

use super::build::{Language, PLANTED, c, caught, compiler, cpp};
use crate::job::Job;
use crate::part::Check;

const IN_C: &str = "bindings/c/tests/layout.c";
const IN_RUST: &str = "bindings/c/src/layout.rs";
const HEADER: &str = "include/otp_engine.h";

/// The assertions leave nothing out, and catch a planted layout in C, C++ and Rust.
pub(crate) fn checks(job: &mut Job<'_>) -> Vec<Check> {
    let read = |path: &str| {
        let text = fs::read_to_string(job.world.root.join(path));
        text.map_err(|error| format!("{path}: {error}"))
    };
    let whole = read(HEADER).and_then(|header| left_out(&header, &read(IN_C)?, &read(IN_RUST)?));
    let mut checks = vec![Check::new(
        "every number and structure of the header is asserted, in C and in Rust",
        whole,
    )];
    for (language, word) in [
        (c("c99"), "is negative"), // before C11 an assertion is the size of an array
        (c("c11"), "offset of otp_view.len"),
        (cpp("c++17"), "offset of otp_view.len"),
    ] {
        checks.push(Check::new(
            format!("a planted layout is caught as {}", language.standard),
            planted_in_c(job, language, word),
        ));
    }
    checks.push(Check::new(
        "a planted layout is caught by rustc",
        planted_in_rust(job),
    ));
    checks
}

/// Says which structure, status or other number of the header one of the two files lacks.
fn left_out(header: &str, in_c: &str, in_rust: &str) -> Result<(), String> {
    let (mut numbers, mut structures) = (Vec::new(), Vec::new());
    for line in header.lines() {
        let mut words = line.split_whitespace();
        match [words.next(), words.next(), words.next()] {
            [Some("#define"), Some(name), Some(_)] => numbers.push(name),
            [Some(name), Some("="), Some(_)] => numbers.push(name),
            [Some("}"), Some(name), None] => structures.push(name.trim_end_matches(';')),
            _ => {}
        }
    }
    numbers
        .retain(|name| name.starts_with("OTP_") && *name != "OTP_API" && *name != "OTP_NODISCARD");
    structures.retain(|name| name.starts_with("otp_"));
    if numbers.is_empty() || structures.is_empty() {
        return Err("the header declares no number or no structure".into());
    }
    let mut lacking: Vec<_> = numbers
        .iter()
        .filter(|name| !in_c.contains(&format!("IS({name}, ")))
        .collect();
    lacking.extend(structures.iter().filter(|name| {
        !in_c.contains(&format!("SIZE({name}, ")) || !in_rust.contains(&format!("    {name} "))
    }));
    if lacking.is_empty() {
        Ok(())
    } else {
        Err(format!("not asserted: {lacking:?}"))
    }
}

fn planted_in_c(job: &mut Job<'_>, language: Language, word: &str) -> Result<(), String> {
    let mut command = compiler(job, language);
    command
        .arg("-fsyntax-only")
        .arg(format!("{PLANTED}/layout.c"));
    let ran = job.run(&mut command)?;
    caught(ran.status.success(), &ran.output, word)
}

/// Compiles the assertions themselves against the library: as they are, and with one changed.
fn planted_in_rust(job: &mut Job<'_>) -> Result<(), String> {
    const TRUE: &str = "len 8,";
    let home = job.world.own("c").join("layout");
    fs::create_dir_all(&home).map_err(|error| error.to_string())?;
    let text = fs::read_to_string(job.world.root.join(IN_RUST));
    let text = text
        .map_err(|error| error.to_string())?
        .replace("crate::", "otp_engine::");
    if text.matches(TRUE).count() != 1 {
        return Err(format!("{IN_RUST} has not one '{TRUE}'"));
    }
    let mut compile = |name: &str, text: &str| {
        let source = home.join(name).with_extension("rs");
        fs::write(&source, text).map_err(|error| error.to_string())?;
        let libraries = job.world.target.join("release");
        let library = libraries.join("libotp_engine.rlib");
        let mut command = job.world.command("rustc");
        command
            .args(["--edition=2024", "--crate-type=lib", "--emit=metadata"])
            .args(["--extern", &format!("otp_engine={}", library.display())])
            .arg(format!("-Ldependency={}", libraries.join("deps").display()))
            .arg("--out-dir")
            .arg(&home)
            .arg(source);
        job.run(&mut command)
    };
    compile("sound", &text)?.succeeded()?;
    let ran = compile("planted", &text.replace(TRUE, "len 4,"))?;
    caught(ran.status.success(), &ran.output, "offset of otp_view.len")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_or_structure_that_nobody_asserts_is_named() {
        let header = "#define OTP_API\n#define OTP_X 1\n  OTP_Y = 2,\n} otp_z;\n";
        let (in_c, in_rust) = (
            "IS(OTP_X, 1);\nIS(OTP_Y, 2);\nSIZE(otp_z, 8);\n",
            "    otp_z 8 {\n",
        );
        assert_eq!(left_out(header, in_c, in_rust), Ok(()));
        for lost in ["IS(OTP_X", "IS(OTP_Y", "SIZE(otp_z"] {
            assert!(left_out(header, &in_c.replace(lost, ""), in_rust).is_err());
        }
        assert!(left_out(header, in_c, "").is_err());
        assert!(left_out("", in_c, in_rust).is_err());
    }
}
