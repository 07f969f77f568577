//! What the published package of the core holds.

use crate::dependencies::CORE;
use crate::job::Job;
use crate::part::Check;

/// Files that one who downloads the core must find.
const NEEDED: &[&str] = &[
    "CHANGELOG.md",
    "Cargo.toml",
    "LICENSE-APACHE",
    "LICENSE-MIT",
    "README.md",
    "SECURITY.md",
    "src/lib.rs",
];

/// Checks the list of packaged files.
pub(crate) fn checks(job: &mut Job<'_>) -> Vec<Check> {
    let args = [
        "package",
        "--package",
        CORE,
        "--allow-dirty",
        "--locked",
        "--list",
    ];
    let listed = job
        .world
        .ask("cargo", &args)
        .ok_or("cargo package --list failed");
    let found = listed
        .map_err(str::to_owned)
        .and_then(|files| judge(&files));
    vec![Check::new(
        "the package holds what a reader needs, and only the core",
        found,
    )]
}

fn judge(files: &str) -> Result<(), String> {
    let absent = |needed: &&&str| !files.lines().any(|file| file == **needed);
    if let Some(needed) = NEEDED.iter().find(absent) {
        return Err(format!("{needed} is not in it"));
    }
    let foreign = |file: &&str| {
        ["xtask/", ".ci/", "bindings/", "fuzz/", "stores/", "target/"]
            .iter()
            .any(|folder| file.starts_with(folder))
    };
    match files.lines().find(foreign) {
        Some(file) => Err(format!("{file} is in it")),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_file_and_a_foreign_file_are_caught() {
        let sound = NEEDED.join("\n");
        assert_eq!(judge(&sound), Ok(()));
        for needed in NEEDED {
            assert!(judge(&sound.replace(needed, "other")).is_err(), "{needed}");
        }
        assert!(judge(&format!("{sound}\nxtask/src/main.rs")).is_err());
    }
}
