//! How the programs of the C side are compiled, linked and started.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::linking::SONAME;
use crate::job::Job;

/// Where planted faults are.
pub(super) const PLANTED: &str = "bindings/c/tests/planted";

const WARNINGS: &[&str] = &["-Wall", "-Wextra", "-Wpedantic", "-Werror"];

/// What a static program needs behind the archive, as the header says.
pub(super) const STATIC_LIBRARIES: &[&str] = &[
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
pub(super) struct Language {
    pub(super) compiler: &'static str,
    pub(super) name: &'static str,
    pub(super) standard: &'static str,
}

pub(super) const fn c(standard: &'static str) -> Language {
    Language {
        compiler: "gcc",
        name: "c",
        standard,
    }
}

pub(super) const fn cpp(standard: &'static str) -> Language {
    Language {
        compiler: "g++",
        name: "c++",
        standard,
    }
}

/// How a program gets the library.
#[derive(Clone, Copy)]
pub(super) enum Linked {
    Dynamically,
    Statically,
    /// Statically, without the sections that nothing uses.
    Lean,
    /// Statically, with the address and undefined behaviour sanitizers.
    Sanitized,
}

pub(super) fn source(name: &str) -> String {
    format!("bindings/c/tests/{name}.c")
}

pub(super) fn compiler(job: &Job<'_>, language: Language) -> Command {
    let mut command = job.world.command(language.compiler);
    command
        .arg(format!("-std={}", language.standard))
        .args(WARNINGS)
        .args(["-Iinclude", "-x", language.name]);
    command
}

/// Where the headers are that a run generates.
pub(super) fn generated(job: &Job<'_>) -> PathBuf {
    job.world.own("c").join("generated")
}

/// Builds one program.
pub(super) fn program(
    job: &mut Job<'_>,
    source: &str,
    language: Language,
    linked: Linked,
) -> Result<PathBuf, String> {
    let headers = generated(job);
    program_with(job, source, language, linked, &headers)
}

/// Builds one program with generated headers of its own.
pub(super) fn program_with(
    job: &mut Job<'_>,
    source: &str,
    language: Language,
    linked: Linked,
    headers: &Path,
) -> Result<PathBuf, String> {
    let folder = job.world.own("c");
    fs::create_dir_all(&folder).map_err(|error| error.to_string())?;
    let program = folder.join(source.replace(['/', '.'], "-"));
    let mut command = compiler(job, language);
    command.args(["-g", "-O1", "-I"]).arg(headers);
    if matches!(linked, Linked::Sanitized) {
        command.args(["-fsanitize=address,undefined", "-fno-sanitize-recover=all"]);
    }
    command.arg(source).args(["-x", "none", "-o"]).arg(&program);
    match linked {
        Linked::Dynamically => {
            let library = job.world.target.join("release/libotp_engine.so");
            let search = named(&folder, &library)?;
            let search = search.display();
            command.args([
                format!("-L{search}"),
                format!("-Wl,-rpath,{search}"),
                "-lotp_engine".to_owned(),
                "-lpthread".to_owned(),
            ]);
        }
        Linked::Lean => {
            command.arg("-Wl,--gc-sections");
        }
        Linked::Statically | Linked::Sanitized => {}
    }
    if !matches!(linked, Linked::Dynamically) {
        command
            .arg(job.world.target.join("release/libotp_engine.a"))
            .args(STATIC_LIBRARIES);
    }
    job.run(&mut command)?.succeeded()?;
    Ok(program)
}

/// Makes a folder below `home` with the library under the names by which it is linked and found, as an
/// installed one is: cargo leaves it without the second.
pub(crate) fn named(home: &Path, library: &Path) -> Result<PathBuf, String> {
    let folder = home.join("lib");
    fs::create_dir_all(&folder).map_err(|error| error.to_string())?;
    for name in ["libotp_engine.so", SONAME] {
        let link = folder.join(name);
        if fs::symlink_metadata(&link).is_ok() {
            fs::remove_file(&link).map_err(|error| error.to_string())?; // an earlier run's
        }
        symlink(library, link).map_err(|error| error.to_string())?;
    }
    Ok(folder)
}

/// A run of `program` in which nothing of the environment counts.
pub(super) fn plain(job: &Job<'_>, program: &Path) -> Command {
    let mut command = job.world.command(&program.to_string_lossy());
    command
        .env("OTP_TEST_FOLDER", job.world.own("c"))
        .env_remove("RUST_BACKTRACE")
        // Cargo puts its own folders there: a debug library in them would be run in the place of ours.
        .env_remove("LD_LIBRARY_PATH");
    command
}

pub(super) fn caught(success: bool, output: &str, word: &str) -> Result<(), String> {
    match (success, output.contains(word)) {
        (false, true) => Ok(()),
        (true, _) => Err("it went through".into()),
        (false, false) => Err(format!("it failed, but not by {word}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_planted_fault_counts_as_caught_only_for_its_own_reason() {
        assert_eq!(caught(false, "definitely lost", "definitely lost"), Ok(()));
        assert!(caught(true, "definitely lost", "definitely lost").is_err());
        assert!(caught(false, "no such file", "definitely lost").is_err());
    }
}
