//! How the programs of the C side are compiled, linked and started.

use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use anyhow::Result;
use xshell::{Cmd, cmd};

use crate::job::Job;
use crate::world::World;

/// What the dynamic linker looks for; another number comes with an incompatible ABI.
pub(super) const SONAME: &str = "libotp_engine.so.0";

/// Where planted faults are.
pub(super) const PLANTED: &str = "bindings/c/tests/planted";

/// The example, in both languages.
pub(super) const EXAMPLE: &str = "examples/c/sign_loan_offer";

pub(super) const HEADER: &str = "include/otp_engine.h";

/// What a static program needs behind the archive, as the header says.
pub(super) const STATIC_LIBRARIES: &str = "-lgcc_s -lutil -lrt -lpthread -lm -ldl -lc";

/// The standard by which a source is read, `c99` or `c++17`.
#[derive(Clone, Copy)]
pub(super) struct Language(pub(super) &'static str);

impl Language {
    fn is_cpp(self) -> bool {
        self.0.starts_with("c++")
    }

    pub(super) fn extension(self) -> &'static str {
        if self.is_cpp() { "cpp" } else { "c" }
    }
}

/// How a program gets the library.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
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

/// Where the C side's files of a run are.
pub(super) fn folder(job: &Job<'_>) -> PathBuf {
    job.world.own("c")
}

pub(super) fn library(world: &World, name: &str) -> PathBuf {
    world.target.join("release").join(name)
}

pub(super) fn compiler<'a>(job: &Job<'a>, language: Language) -> Cmd<'a> {
    let (compiler, name) = if language.is_cpp() {
        ("g++", "c++")
    } else {
        ("gcc", "c")
    };
    let standard = language.0;
    cmd!(
        job.sh(),
        "{compiler} -std={standard} -Wall -Wextra -Wpedantic -Werror -Iinclude -x {name}"
    )
}

/// Builds one program.
pub(super) fn program(
    job: &mut Job<'_>,
    source: &str,
    language: Language,
    linked: Linked,
) -> Result<PathBuf> {
    let headers = folder(job).join("generated");
    program_with(job, source, language, linked, &headers)
}

/// Builds one program with generated headers of its own.
pub(super) fn program_with(
    job: &mut Job<'_>,
    source: &str,
    language: Language,
    linked: Linked,
    headers: &Path,
) -> Result<PathBuf> {
    let folder = folder(job);
    job.sh().create_dir(&folder)?;
    let program = folder.join(source.replace(['/', '.'], "-"));
    let mut command = compiler(job, language)
        .args(["-g", "-O1", "-I"])
        .arg(headers);
    if linked == Linked::Sanitized {
        command = command.args(["-fsanitize=address,undefined", "-fno-sanitize-recover=all"]);
    }
    command = command.arg(source).args(["-x", "none", "-o"]).arg(&program);
    if linked == Linked::Lean {
        command = command.arg("-Wl,--gc-sections");
    }
    command = match linked {
        Linked::Dynamically => {
            let search = named(job.world, &folder, &library(job.world, "libotp_engine.so"))?;
            let search = search.display();
            command
                .args([format!("-L{search}"), format!("-Wl,-rpath,{search}")])
                .args(["-lotp_engine", "-lpthread"])
        }
        _ => command
            .arg(library(job.world, "libotp_engine.a"))
            .args(STATIC_LIBRARIES.split(' ')),
    };
    job.pass(command)?;
    Ok(program)
}

/// Makes a folder below `home` with the library under the names by which it is linked and found, as an
/// installed one is: cargo leaves it without the second.
pub(crate) fn named(world: &World, home: &Path, library: &Path) -> Result<PathBuf> {
    let folder = world.sh.create_dir(home.join("lib"))?;
    for name in ["libotp_engine.so", SONAME] {
        let link = folder.join(name);
        // An earlier run's, which may lead to what is gone: no path then by `remove_path`.
        let _ = std::fs::remove_file(&link);
        symlink(library, link)?;
    }
    Ok(folder)
}

/// A run of `program` in which nothing of the environment counts.
pub(super) fn plain<'a>(job: &Job<'a>, program: &Path) -> Cmd<'a> {
    surrounded(job, cmd!(job.sh(), "{program}"))
}

/// Gives a run what the tests ask of the environment, and nothing else.
pub(super) fn surrounded<'a>(job: &Job<'a>, command: Cmd<'a>) -> Cmd<'a> {
    command
        .env("OTP_TEST_FOLDER", folder(job))
        // With it a caught panic leaves reachable blocks.
        .env_remove("RUST_BACKTRACE")
        // Cargo puts its own folders there: a debug library in them would be run in the place of ours.
        .env_remove("LD_LIBRARY_PATH")
}
