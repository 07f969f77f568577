//! The C side: the header and the C tests under several standards, linked both ways, under valgrind
//! and under sanitizers. Beside each tool stands a planted fault that it must catch.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use crate::job::Job;
use crate::part::Check;

/// The test programs in `bindings/c/tests`.
const TESTS: &[&str] = &["smoke", "misuse", "threads", "store", "fork"];

/// Where planted faults are.
const PLANTED: &str = "bindings/c/tests/planted";

const WARNINGS: &[&str] = &["-Wall", "-Wextra", "-Wpedantic", "-Werror"];

/// What a static program needs behind the archive, as the header says.
const STATIC_LIBRARIES: &[&str] = &[
    "-lgcc_s",
    "-lutil",
    "-lrt",
    "-lpthread",
    "-lm",
    "-ldl",
    "-lc",
];

/// The language in which a source is read.
#[derive(Clone, Copy)]
struct Language {
    compiler: &'static str,
    name: &'static str,
    standard: &'static str,
}

const fn c(standard: &'static str) -> Language {
    Language {
        compiler: "gcc",
        name: "c",
        standard,
    }
}

const fn cpp(standard: &'static str) -> Language {
    Language {
        compiler: "g++",
        name: "c++",
        standard,
    }
}

const LANGUAGES: &[Language] = &[
    c("c99"),
    c("c11"),
    c("c17"),
    cpp("c++11"),
    cpp("c++14"),
    cpp("c++17"),
    cpp("c++20"),
];

/// How a program gets the library.
#[derive(Clone, Copy)]
enum Linked {
    Dynamically,
    Statically,
    /// Statically, with the address and undefined behaviour sanitizers.
    Sanitized,
}

/// The header and all C tests compile under every standard without a warning.
pub(crate) fn compiles(job: &mut Job<'_>) -> Vec<Check> {
    let mut checks = Vec::new();
    for language in LANGUAGES {
        let mut sources = vec!["include/otp_engine.h".to_owned()];
        sources.extend(TESTS.iter().map(|name| source(name)));
        sources.push(match language.name {
            "c" => "examples/c/sign_loan_offer.c".to_owned(),
            _ => "examples/c/sign_loan_offer.cpp".to_owned(),
        });
        let mut command = compiler(job, *language);
        command.arg("-fsyntax-only").args(sources);
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
        let example = match language.name {
            "c" => "examples/c/sign_loan_offer.c",
            _ => "examples/c/sign_loan_offer.cpp",
        };
        for source in TESTS
            .iter()
            .map(|name| source(name))
            .chain([example.into()])
        {
            let found = program(job, &source, language, linked)
                .and_then(|program| job.run(&mut plain(job, &program)))
                .and_then(|ran| ran.succeeded());
            checks.push(Check::new(format!("{source} passes: {how}"), found));
        }
    }
    checks
}

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

/// The library exports what the header declares and nothing else, and imports no socket function.
pub(crate) fn symbols(job: &mut Job<'_>) -> Vec<Check> {
    let library = job.world.target.join("release/libotp_engine.so");
    let library = library.to_string_lossy();
    let nm = |which: &str| {
        let answer = job.world.ask("nm", &["-D", which, &library]);
        answer.ok_or_else(|| format!("nm {which} failed on {library}"))
    };
    let header = fs::read_to_string(job.world.root.join("include/otp_engine.h"));
    let parity = header
        .map_err(|error| error.to_string())
        .and_then(|header| Ok((header, nm("--defined-only")?)))
        .and_then(|(header, exported)| same(&declared(&header), &names(&exported)));
    let quiet = nm("--undefined-only").and_then(|imported| no_socket(&names(&imported)));
    vec![
        Check::new("the library exports the header's functions alone", parity),
        Check::new("the library imports no socket function", quiet),
    ]
}

fn source(name: &str) -> String {
    format!("bindings/c/tests/{name}.c")
}

fn compiler(job: &Job<'_>, language: Language) -> Command {
    let mut command = job.world.command(language.compiler);
    command
        .arg(format!("-std={}", language.standard))
        .args(WARNINGS)
        .args(["-Iinclude", "-x", language.name]);
    command
}

/// Builds one program.
fn program(
    job: &mut Job<'_>,
    source: &str,
    language: Language,
    linked: Linked,
) -> Result<PathBuf, String> {
    let folder = job.world.own("c");
    fs::create_dir_all(&folder).map_err(|error| error.to_string())?;
    let program = folder.join(source.replace(['/', '.'], "-"));
    let libraries = job.world.target.join("release");
    let mut command = compiler(job, language);
    command.args(["-g", "-O1"]);
    if matches!(linked, Linked::Sanitized) {
        command.args(["-fsanitize=address,undefined", "-fno-sanitize-recover=all"]);
    }
    command.arg(source).args(["-x", "none", "-o"]).arg(&program);
    match linked {
        Linked::Dynamically => {
            let search = libraries.display();
            command.args([
                format!("-L{search}"),
                format!("-Wl,-rpath,{search}"),
                "-lotp_engine".to_owned(),
                "-lpthread".to_owned(),
            ]);
        }
        Linked::Statically | Linked::Sanitized => {
            command
                .arg(libraries.join("libotp_engine.a"))
                .args(STATIC_LIBRARIES);
        }
    }
    job.run(&mut command)?.succeeded()?;
    Ok(program)
}

/// A run of `program` in which nothing of the environment counts.
fn plain(job: &Job<'_>, program: &std::path::Path) -> Command {
    let mut command = job.world.command(&program.to_string_lossy());
    command
        .env("OTP_TEST_FOLDER", job.world.own("c"))
        .env_remove("RUST_BACKTRACE");
    command
}

fn memcheck(
    job: &mut Job<'_>,
    program: &std::path::Path,
    kinds: &str,
) -> Result<(bool, String), String> {
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
        .env_remove("RUST_BACKTRACE");
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

fn caught(success: bool, output: &str, word: &str) -> Result<(), String> {
    match (success, output.contains(word)) {
        (false, true) => Ok(()),
        (true, _) => Err("it went through".into()),
        (false, false) => Err(format!("it failed, but not by {word}")),
    }
}

/// The functions that a header declares, sorted.
fn declared(header: &str) -> Vec<String> {
    let mut code = String::new();
    let mut rest = header;
    while let Some((before, comment)) = rest.split_once("/*") {
        code.push_str(before);
        rest = comment.split_once("*/").map_or("", |(_, after)| after);
    }
    code.push_str(rest);
    let mut found: Vec<String> = code
        .split('(')
        .filter_map(|before| {
            let is_name = |symbol: char| symbol.is_ascii_alphanumeric() || symbol == '_';
            let name = before.rsplit(|symbol| !is_name(symbol)).next()?;
            name.starts_with("otp_").then(|| name.to_owned())
        })
        .collect();
    found.sort();
    found
}

/// The names in what `nm` prints, sorted and without versions.
fn names(listed: &str) -> Vec<String> {
    let name = |line: &str| {
        let last = line.split_whitespace().last()?;
        Some(last.split('@').next().unwrap_or(last).to_owned())
    };
    let mut found: Vec<String> = listed.lines().filter_map(name).collect();
    found.sort();
    found
}

fn same(declared: &[String], exported: &[String]) -> Result<(), String> {
    if declared.is_empty() {
        return Err("the header declares no function".into());
    }
    let lacking = |of: &[String], from: &[String]| -> Vec<String> {
        let lacks = |name: &&String| !from.contains(name);
        of.iter().filter(lacks).cloned().collect()
    };
    let (absent, foreign) = (lacking(declared, exported), lacking(exported, declared));
    if absent.is_empty() && foreign.is_empty() {
        Ok(())
    } else {
        Err(format!(
            "not exported: {absent:?}; not declared: {foreign:?}"
        ))
    }
}

/// What a program needs to reach a network.
const SOCKETS: &[&str] = &[
    "accept",
    "accept4",
    "bind",
    "connect",
    "getaddrinfo",
    "gethostbyname",
    "getpeername",
    "listen",
    "recv",
    "recvfrom",
    "recvmsg",
    "send",
    "sendmsg",
    "sendto",
    "setsockopt",
    "socket",
    "socketpair",
];

fn no_socket(imported: &[String]) -> Result<(), String> {
    if imported.is_empty() {
        return Err("nm listed nothing".into());
    }
    let reaches = |name: &&String| SOCKETS.contains(&name.as_str());
    match imported.iter().find(reaches) {
        Some(name) => Err(format!("it imports {name}")),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER: &str = "/* otp_old(x) */\n#define OTP_X 1\n\
        typedef int32_t (*otp_clock_fn)(void *user_data);\n\
        OTP_API\nOTP_NODISCARD\notp_status otp_b(const otp_a *a,\n  int x);\n\
        OTP_API void otp_a_free(otp_a *a);\n";

    fn owned(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn declared_functions_are_told_from_types_and_comments() {
        assert_eq!(declared(HEADER), owned(&["otp_a_free", "otp_b"]));
    }

    #[test]
    fn a_missing_and_a_foreign_symbol_are_caught() {
        let listed = "0000 T otp_b\n0001 T otp_a_free@@V1\n";
        assert_eq!(same(&declared(HEADER), &names(listed)), Ok(()));
        assert!(same(&declared(HEADER), &names("0000 T otp_b")).is_err());
        let more = format!("{listed}0002 T sqlite3_open\n");
        assert!(same(&declared(HEADER), &names(&more)).is_err());
        assert!(same(&[], &[]).is_err());
    }

    #[test]
    fn a_socket_function_and_an_empty_list_are_caught() {
        assert_eq!(no_socket(&names("  U malloc@GLIBC_2.2.5\n")), Ok(()));
        assert!(no_socket(&names("  U malloc\n  U socket@GLIBC_2.2.5\n")).is_err());
        assert!(no_socket(&names("")).is_err());
    }

    #[test]
    fn a_planted_fault_counts_as_caught_only_for_its_own_reason() {
        assert_eq!(caught(false, "definitely lost", "definitely lost"), Ok(()));
        assert!(caught(true, "definitely lost", "definitely lost").is_err());
        assert!(caught(false, "no such file", "definitely lost").is_err());
    }
}
