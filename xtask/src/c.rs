//! The C side: the header and the C tests under several standards, linked both ways, under valgrind
//! and under sanitizers. Beside each tool stands a planted fault that it must catch.

mod abi;
mod build;
mod constant_time;
mod consumers;
mod deb;
mod installed;
mod layout;
mod symbols;
mod vectors;

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::PathBuf;
use std::process::{Command, Stdio};

use anyhow::{Context, Error, Result, ensure};
use xshell::cmd;

use crate::job::{Job, Ran};
use build::{
    EXAMPLE, HEADER, Language, Linked, PLANTED, compiler, folder, plain, program, source,
    surrounded,
};

pub(crate) use abi::checks as abi;
pub(crate) use build::named;
pub(crate) use constant_time::checks as constant_time;
pub(crate) use deb::{checks as deb, make as make_deb};
pub(crate) use installed::checks as installed;
pub(crate) use layout::checks as layout;
pub(crate) use symbols::checks as symbols;
pub(crate) use vectors::checks as vectors;

/// The test programs in `bindings/c/tests`.
const TESTS: &str =
    "smoke misuse arguments threads store fork layout vectors privacy oath restored";

/// Those that run in their own way: one is looked at from outside, one marks its secrets for memcheck, one
/// looks at a stack that is no longer used.
const ALONE: [&str; 3] = [DUMP, constant_time::HARNESS, STACK];

const DUMP: &str = "dump";
const STACK: &str = "stack";

/// The header and all C tests compile under every standard without a warning.
pub(crate) fn compiles(job: &mut Job<'_>) {
    job.check("every program in bindings/c/tests runs", all_listed);
    let generated = folder(job).join("generated");
    for standard in ["c99", "c11", "c17", "c++11", "c++14", "c++17", "c++20"] {
        let language = Language(standard);
        let tests = TESTS.split(' ').chain(ALONE).map(source);
        job.check(format!("all sources are clean {standard}"), |job| {
            let command = compiler(job, language)
                .args(["-fsyntax-only", "-I"])
                .arg(generated.clone())
                .arg("include/otp_engine.h")
                .args(tests)
                .arg(format!("{EXAMPLE}.{}", language.extension()));
            job.pass(command).map(drop)
        });
    }
    for standard in ["c11", "c++17"] {
        job.check(format!("an ignored status is no {standard}"), |job| {
            // The syntax alone does not tell.
            let command = compiler(job, Language(standard)).args(["-c", "-o", "/dev/null"]);
            job.run(command.arg(format!("{PLANTED}/ignored.c")))?
                .caught("unused-result")
        });
    }
}

/// All C tests and the examples pass, linked dynamically and statically, as C and as C++.
pub(crate) fn passes(job: &mut Job<'_>) {
    let mut extracted = Vec::new();
    job.check("guide and header hold a C program", |job| {
        let guide = job.world.read("docs/getting-started.md")?;
        let signing = job.world.read("docs/signing.md")?;
        let manual = job.world.read(HEADER)?;
        let manual = between(&manual, "1 A PROGRAM", "2 WHAT A CALL RETURNS")?;
        let lines = manual
            .lines()
            .filter_map(|line| line.strip_prefix(" *     "));
        let manual: Vec<_> = [MANUAL].into_iter().chain(lines).collect();
        for (name, program) in [
            ("getting_started.c", between(&guide, "\n```c\n", "\n```")?),
            ("signing.c", between(&signing, "\n```c\n", "\n```")?),
            ("header_program.c", &manual.join("\n")),
        ] {
            let path = folder(job).join("generated").join(name);
            job.sh().write_file(&path, program)?;
            extracted.push(path.display().to_string());
        }
        Ok(())
    });
    for (standard, linked) in [
        ("c99", Linked::Dynamically),
        ("c17", Linked::Statically),
        ("c++11", Linked::Statically),
        ("c++20", Linked::Dynamically),
    ] {
        let language = Language(standard);
        let mut sources: Vec<_> = TESTS.split(' ').map(source).collect();
        sources.push(format!("{EXAMPLE}.{}", language.extension()));
        sources.extend(
            extracted
                .iter()
                .filter(|_| language.extension() == "c")
                .cloned(),
        );
        for source in sources {
            job.check(format!("{source} passes: {standard}, {linked:?}"), |job| {
                let program = program(job, &source, language, linked)?;
                if source.ends_with("header_program.c") {
                    return accepts(plain(job, &program).into());
                }
                job.pass(plain(job, &program)).map(drop)
            });
        }
    }
}

/// What the program in the header's manual leaves out.
const MANUAL: &str = "#include <stdio.h>\n#include <stdlib.h>\n#include <string.h>\n#include <otp_engine.h>\n\
    static void must(otp_status status) { if (status != OTP_STATUS_OK) exit(2); }";

/// Enters into the header's program the code that it sent: it must accept it.
fn accepts(mut program: Command) -> Result<()> {
    let piped = program.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = piped.spawn()?;
    let (stdin, stdout) = (child.stdin.take(), child.stdout.take());
    let mut lines = BufReader::new(stdout.context("it has no output")?).lines();
    let mut line = || {
        lines
            .next()
            .context("its output ended")?
            .map_err(Error::from)
    };
    let sent = line()?;
    let code = sent
        .strip_prefix("code sent: ")
        .context("it sent no code")?;
    writeln!(stdin.context("it has no input")?, "{code}")?;
    let said = line()?;
    ensure!(said == "accepted", "it said {said:?}");
    ensure!(child.wait()?.success(), "it failed");
    Ok(())
}

fn between<'a>(text: &'a str, begin: &str, end: &str) -> Result<&'a str> {
    let rest = text.split_once(begin).context("it has no program")?.1;
    Ok(rest.split_once(end).context("its program has no end")?.0)
}

/// A program that no list names would be compiled by nobody and shown as the test of its cases.
fn all_listed(job: &mut Job<'_>) -> Result<()> {
    let files = job.sh().read_dir("bindings/c/tests")?;
    let is_source = |path: &PathBuf| path.extension().is_some_and(|its| its == "c");
    let stem = |path: PathBuf| path.file_stem().unwrap_or_default().display().to_string();
    let found: Vec<_> = files.into_iter().filter(is_source).map(stem).collect();
    let mut listed: Vec<_> = TESTS.split(' ').chain(ALONE).collect();
    listed.sort_unstable();
    ensure!(found == listed, "found {found:?}, listed {listed:?}");
    Ok(())
}

/// A core dump after use holds no code and no secret; a program that does not wipe is the control.
pub(crate) fn dump(job: &mut Job<'_>) {
    for linked in [Linked::Dynamically, Linked::Statically] {
        let dumped = |job: &mut Job<'_>, args: &[&str]| {
            let program = program(job, &source(DUMP), Language("c11"), linked)?;
            job.run(plain(job, &program).args(args))
        };
        for (what, args, all) in [
            ("ten digits", &[][..], "9 needles, 9 found"),
            ("a token", &["--token"], "5 needles, 5 found"),
        ] {
            let how = format!("{what}, {linked:?}");
            job.check(format!("a dump holds no secret: {how}"), |job| {
                let output = dumped(job, args)?.code(0)?;
                ensure!(output.contains(" 0 found,"), "see the log");
                Ok(())
            });
            job.check(format!("what is not wiped is found: {how}"), |job| {
                dumped(job, &[args, &["--unwiped"]].concat())?.caught(all)
            });
        }
    }
}

/// A call goes no deeper than what it wipes afterwards, and leaves no code there.
pub(crate) fn stack(job: &mut Job<'_>) {
    job.check(
        "a painted stack shows no code, and how deep it goes",
        |job| {
            let program = program(job, &source(STACK), Language("c11"), Linked::Dynamically)?;
            job.pass(plain(job, &program)).map(drop)
        },
    );
}

/// Memcheck finds no error and no leak of any kind in the C tests.
pub(crate) fn valgrind(job: &mut Job<'_>) {
    let memcheck = |job: &mut Job<'_>, source: &str, kinds: &str| -> Result<Ran> {
        let program = program(job, source, Language("c11"), Linked::Dynamically)?;
        let kinds = format!("--errors-for-leak-kinds={kinds}");
        // The conformance suite takes minutes in there, and runs in every other build.
        let command = cmd!(
            job.sh(),
            "valgrind --leak-check=full --show-leak-kinds=all --error-exitcode=99
             --num-callers=30 {kinds} {program} --quick"
        );
        job.run(surrounded(job, command))
    };
    for name in TESTS.split(' ') {
        // A child leaves what it inherited where it is, by design: its frees do nothing.
        let kinds = if name == "fork" { "none" } else { "all" };
        job.check(format!("{name} is clean in memcheck"), |job| {
            let output = memcheck(job, &source(name), kinds)?.code(0)?;
            ensure!(output.contains("ERROR SUMMARY: 0 errors"), "see the log");
            Ok(())
        });
    }
    job.check("a planted leak is caught by memcheck", |job| {
        memcheck(job, &format!("{PLANTED}/leak.c"), "all")?.caught("definitely lost")
    });
}

/// The sanitizers find nothing in the C tests against the static library.
pub(crate) fn sanitizers(job: &mut Job<'_>) {
    let sanitized = |job: &mut Job<'_>, source: &str| {
        let program = program(job, source, Language("c11"), Linked::Sanitized)?;
        let symbols = job.world.ask(cmd!(job.sh(), "nm {program}"))?;
        ensure!(symbols.contains("__asan_init"), "it holds no sanitizer");
        job.run(plain(job, &program))
    };
    for name in TESTS.split(' ') {
        job.check(format!("{name} is clean under the sanitizers"), |job| {
            sanitized(job, &source(name))?.code(0).map(drop)
        });
    }
    job.check("a planted double free is caught by ASan", |job| {
        sanitized(job, &format!("{PLANTED}/double_free.c"))?.caught("AddressSanitizer")
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_that_does_not_accept_its_own_code_is_caught() {
        let ended = |answer: &str| {
            let mut program = Command::new("sh");
            program.args(["-c", &format!("echo code sent: 12; read code; {answer}")]);
            accepts(program).is_ok()
        };
        assert!(ended("test $code = 12 && echo accepted"));
        assert!(!ended("test $code = 13 && echo accepted"));
        assert!(!ended("echo not accepted"));
        assert!(!ended("echo accepted; exit 1"));
    }
}
