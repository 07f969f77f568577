//! Programs of others that find an installed library by CMake, by Meson, and by pkg-config through it.

use std::path::{Path, PathBuf};

use anyhow::{Result, ensure};
use xshell::{Cmd, cmd};

use super::build::{folder, plain};
use crate::job::Job;

/// Where the examples say how they are built.
const EXAMPLES: &str = "examples/c";

/// An installed library.
#[derive(Debug)]
pub(super) struct Place {
    /// What is said of it.
    pub(super) name: &'static str,
    /// The folder with `include` and `share`.
    pub(super) prefix: PathBuf,
    /// The folder of the libraries.
    pub(super) libraries: PathBuf,
    /// What stands before its own paths, which is empty where it lies where it will be used.
    pub(super) root: PathBuf,
}

impl Place {
    /// Lets a command see this library by pkg-config, and no other.
    pub(super) fn shown_to<'a>(&self, command: Cmd<'a>) -> Cmd<'a> {
        command
            .env("PKG_CONFIG_LIBDIR", self.libraries.join("pkgconfig"))
            .env("PKG_CONFIG_SYSROOT_DIR", &self.root)
            .env_remove("PKG_CONFIG_PATH")
    }

    /// Runs a program with its libraries.
    pub(super) fn run(&self, job: &mut Job<'_>, program: &Path) -> Result<()> {
        let program = plain(job, program).env("LD_LIBRARY_PATH", &self.libraries);
        job.pass(program).map(drop)
    }
}

/// Builds and runs the examples by CMake and by Meson; where there is no library, or another one, both say so.
pub(super) fn checks(job: &mut Job<'_>, place: &Place) {
    let (sh, name) = (job.sh(), place.name);
    let home = folder(job).join("consumers").join(name);
    let (cmake, meson, nothing) = (home.join("cmake"), home.join("meson"), home.join("nothing"));
    job.check(format!("CMake finds the library of {name}"), |job| {
        sh.remove_path(&home)?; // an earlier run's
        let prefix = format!("-DCMAKE_PREFIX_PATH={}", place.prefix.display());
        job.pass(cmd!(sh, "cmake -S {EXAMPLES} -B {cmake} {prefix}"))?;
        job.pass(cmd!(sh, "cmake --build {cmake}"))?;
        for program in ["sign_loan_offer", "sign_loan_offer_static"] {
            place.run(job, &cmake.join(program))?;
        }
        Ok(())
    });
    job.check(format!("CMake takes no 0.2 for the {name}"), |job| {
        ensure!(
            env!("CARGO_PKG_VERSION").starts_with("0.1."),
            "ask for another"
        );
        let project = home.join("later");
        let prefix = format!("-DCMAKE_PREFIX_PATH={}", place.prefix.display());
        sh.write_file(project.join("CMakeLists.txt"), LATER)?;
        let command = cmd!(sh, "cmake -S {project} -B {project}/build {prefix}");
        job.run(command)?
            .caught(concat!("version: ", env!("CARGO_PKG_VERSION")))
    });
    job.check(format!("Meson finds the library of {name}"), |job| {
        job.pass(place.shown_to(cmd!(sh, "meson setup {meson} {EXAMPLES}")))?;
        job.pass(cmd!(sh, "ninja -C {meson}"))?;
        place.run(job, &meson.join("sign_loan_offer"))
    });
    job.check(format!("without {name} neither finds one"), |job| {
        let cmake = cmd!(sh, "cmake -S {EXAMPLES} -B {nothing}/cmake");
        job.run(cmake)?.caught("otp_engineConfig.cmake")?;
        let meson = cmd!(sh, "meson setup {nothing}/meson {EXAMPLES}");
        job.run(meson.env("PKG_CONFIG_LIBDIR", &nothing))?
            .caught("Dependency \"otp_engine\" not found")
    });
}

/// A project that needs what is not there.
const LATER: &str = "cmake_minimum_required(VERSION 3.16)\nproject(later LANGUAGES NONE)\n\
                     find_package(otp_engine 0.2 REQUIRED)\n";
