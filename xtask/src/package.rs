//! What the published package of the core holds.

use anyhow::{Result, bail, ensure};
use xshell::cmd;

use crate::dependencies::CORE;
use crate::job::Job;

/// Files that one who downloads the core must find.
const NEEDED: &str =
    "CHANGELOG.md Cargo.toml LICENSE-APACHE LICENSE-MIT README.md SECURITY.md src/lib.rs";

/// Folders of which no file belongs into it.
const FOREIGN: &str = "xtask/ .ci/ bindings/ fuzz/ stores/ target/";

/// Checks the list of packaged files.
pub(crate) fn checks(job: &mut Job<'_>) {
    job.check("the package is whole, and only the core", |job| {
        judge(&job.ask(cmd!(
            job.sh(),
            "cargo package --package {CORE} --allow-dirty --locked --list"
        ))?)
    });
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
