//! The packages of the core and its crates, and what the core's holds.

use std::env;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use xshell::{Shell, cmd};

use crate::dependencies::{CORE, CRATES};
use crate::job::Job;

/// Files that one who downloads the core must find.
const NEEDED: &str =
    "CHANGELOG.md Cargo.toml LICENSE-APACHE LICENSE-MIT README.md SECURITY.md src/lib.rs";

/// Folders of which no file belongs into it.
const FOREIGN: &str = "xtask/ .ci/ bindings/ fuzz/ stores/ target/";

/// Packs, builds, and checks the list of packaged files.
pub(crate) fn checks(job: &mut Job<'_>) {
    job.check("all pack together, and build from their packages", |job| {
        let target = job.world.own("package");
        forget(job.sh(), &target)?;
        let crates = CRATES.iter().flat_map(|name| ["--package", name]);
        job.pass(cmd!(
            job.sh(),
            "cargo package --allow-dirty --locked --target-dir {target} {crates...}"
        ))
        .map(drop)
    });
    job.check("the package is whole, and only the core", |job| {
        judge(&job.ask(cmd!(
            job.sh(),
            "cargo package --package {CORE} --allow-dirty --locked --list"
        ))?)
    });
}

/// Removes what an earlier run built and unpacked: cargo takes that for this one's, as the versions are the
/// same. Folders of registries on this machine alone begin with a dash, for want of a host.
fn forget(sh: &Shell, target: &Path) -> Result<()> {
    sh.remove_path(target)?;
    let home = env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = home.or_else(|| Some(env::home_dir()?.join(".cargo")));
    let unpacked = home.context("no home")?.join("registry/src");
    for registry in sh.read_dir(unpacked).unwrap_or_default() {
        let name = registry.file_name().unwrap_or_default();
        if name.to_string_lossy().starts_with('-') {
            sh.remove_path(registry)?;
        }
    }
    Ok(())
}

fn judge(files: &str) -> Result<()> {
    for needed in NEEDED.split(' ') {
        let is_there = files.lines().any(|file| file == needed);
        ensure!(is_there, "{needed} is not in it");
    }
    for file in files.lines() {
        if FOREIGN.split(' ').any(|folder| file.starts_with(folder)) {
            bail!("{file} is in it");
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_file_and_a_foreign_file_are_caught() {
        let sound = NEEDED.replace(' ', "\n");
        assert!(judge(&sound).is_ok());
        for needed in NEEDED.split(' ') {
            assert!(judge(&sound.replace(needed, "other")).is_err(), "{needed}");
        }
        assert!(judge(&format!("{sound}\nxtask/src/main.rs")).is_err());
    }
}
