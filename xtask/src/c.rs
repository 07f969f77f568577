//! The C side: the header and the C tests under several standards, linked both ways, under valgrind
//! and under sanitizers. Beside each tool stands a planted fault that it must catch.

mod abi;
mod build;
mod constant_time;
mod dump;
mod installed;
mod layout;
mod linking;
mod memory;
mod symbols;
mod vectors;

use std::{fs, io};

use build::{
    Language, Linked, PLANTED, c, caught, compiler, cpp, generated, plain, program, source,
};

pub(crate) use abi::checks as abi;
pub(crate) use build::named;
pub(crate) use constant_time::checks as constant_time;
pub(crate) use dump::checks as dump;
pub(crate) use installed::checks as installed;
pub(crate) use layout::checks as layout;
pub(crate) use linking::checks as linking;
pub(crate) use memory::{sanitizers, valgrind};
pub(crate) use symbols::checks as symbols;
pub(crate) use vectors::checks as vectors;

use crate::job::Job;
use crate::part::Check;
use constant_time::HARNESS;

/// The test programs in `bindings/c/tests`.
const TESTS: &[&str] = &[
    "smoke",
    "misuse",
    "arguments",
    "threads",
    "store",
    "fork",
    "layout",
    "vectors",
    "privacy",
    "oath",
    "restored",
];

/// Those that run in their own way: one is looked at from outside, one marks its secrets for memcheck.
const ALONE: &[&str] = &[DUMP, HARNESS];

const DUMP: &str = "dump";

const LANGUAGES: &[Language] = &[
    c("c99"),
    c("c11"),
    c("c17"),
    cpp("c++11"),
    cpp("c++14"),
    cpp("c++17"),
    cpp("c++20"),
];

/// The header and all C tests compile under every standard without a warning.
pub(crate) fn compiles(job: &mut Job<'_>) -> Vec<Check> {
    let mut checks = vec![Check::new(
        "every program in bindings/c/tests is among those that run",
        all_listed(job),
    )];
    for language in LANGUAGES {
        let mut sources = vec!["include/otp_engine.h".to_owned()];
        sources.extend(TESTS.iter().chain(ALONE).map(|name| source(name)));
        sources.push(match language.name {
            "c" => "examples/c/sign_loan_offer.c".to_owned(),
            _ => "examples/c/sign_loan_offer.cpp".to_owned(),
        });
        let mut command = compiler(job, *language);
        command
            .arg("-fsyntax-only")
            .arg("-I")
            .arg(generated(job))
            .args(sources);
        checks.push(Check::new(
            format!("header, tests and example are clean {}", language.standard),
            job.run(&mut command).and_then(|ran| ran.succeeded()),
        ));
    }
    for language in [c("c11"), cpp("c++17")] {
        let mut command = compiler(job, language);
        command
            .args(["-c", "-o", "/dev/null"]) // the syntax alone does not tell
            .arg(format!("{PLANTED}/ignored.c"));
        checks.push(Check::new(
            format!("an ignored status is caught by {}", language.compiler),
            job.run(&mut command)
                .and_then(|ran| caught(ran.status.success(), &ran.output, "unused-result")),
        ));
    }
    checks
}

/// All C tests and the examples pass, linked dynamically and statically, as C and as C++.
pub(crate) fn passes(job: &mut Job<'_>) -> Vec<Check> {
    let mut checks = Vec::new();
    for (language, linked, how) in [
        (c("c99"), Linked::Dynamically, "c99, dynamic"),
        (c("c17"), Linked::Statically, "c17, static"),
        (cpp("c++11"), Linked::Statically, "c++11, static"),
        (cpp("c++20"), Linked::Dynamically, "c++20, dynamic"),
    ] {
        let examples = match language.name {
            "c" => match guide(job) {
                Ok(guide) => vec!["examples/c/sign_loan_offer.c".into(), guide],
                Err(error) => return vec![Check::new("the guide has its program", Err(error))],
            },
            _ => vec!["examples/c/sign_loan_offer.cpp".into()],
        };
        for source in TESTS.iter().map(|name| source(name)).chain(examples) {
            let found = program(job, &source, language, linked)
                .and_then(|program| job.run(&mut plain(job, &program)))
                .and_then(|ran| ran.succeeded());
            let name = if source.ends_with(GUIDE) {
                "the C of docs/getting-started.md"
            } else {
                &source
            };
            checks.push(Check::new(format!("{name} passes: {how}"), found));
        }
    }
    checks
}

/// The file that holds the guide's C program while it is tested.
const GUIDE: &str = "getting_started.c";

/// Writes the guide's C program into a file of its own, and returns its path.
fn guide(job: &Job<'_>) -> Result<String, String> {
    let write = || {
        let page = fs::read_to_string(job.world.root.join("docs/getting-started.md"))?;
        let start = page.split_once("\n```c\n").map(|(_, rest)| rest);
        let program = start.and_then(|rest| rest.split_once("\n```"));
        let (program, _) =
            program.ok_or_else(|| io::Error::other("docs/getting-started.md: no C"))?;
        fs::create_dir_all(generated(job))?;
        let path = generated(job).join(GUIDE);
        fs::write(&path, program)?;
        Ok(path.display().to_string())
    };
    write().map_err(|error: io::Error| error.to_string())
}

/// A program that no list names would be compiled by nobody and shown as the test of its cases.
fn all_listed(job: &Job<'_>) -> Result<(), String> {
    let folder = job.world.root.join("bindings/c/tests");
    let entries = fs::read_dir(folder).map_err(|error| error.to_string())?;
    let mut found: Vec<_> = entries
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter_map(|name| Some(name.strip_suffix(".c")?.to_owned()))
        .collect();
    let mut listed: Vec<_> = TESTS.iter().chain(ALONE).map(ToString::to_string).collect();
    found.sort();
    listed.sort();
    if found == listed {
        Ok(())
    } else {
        Err(format!("found {found:?}, listed {listed:?}"))
    }
}
