//! The decision modules: the files whose lines must all be covered, and whose mutants must die.

use std::fs;
use std::path::Path;

/// The files that decide, from the repository's root; `/*.rs` stands for a whole folder.
const DECISION_MODULES: &[&str] = &[
    "src/challenge.rs",
    "src/meter.rs",
    "src/oath/attempt.rs",
    "src/oath/credential.rs",
    "src/operation.rs",
    "src/operation/*.rs",
    "src/page.rs",
    "src/seal.rs",
];

/// Returns the decision modules below `root`.
///
/// # Errors
///
/// The name that matches no file: a module that was moved must not drop out unseen.
pub(crate) fn decision_modules(root: &Path) -> Result<Vec<String>, String> {
    find(root, DECISION_MODULES)
}

fn find(root: &Path, names: &[&str]) -> Result<Vec<String>, String> {
    let mut modules = Vec::new();
    let mut missing = Vec::new();
    for name in names {
        let before = modules.len();
        match name.strip_suffix("/*.rs") {
            Some(folder) => modules.extend(files(root, folder)),
            None if root.join(name).is_file() => modules.push((*name).to_owned()),
            None => {}
        }
        if modules.len() == before {
            missing.push(*name);
        }
    }
    if missing.is_empty() {
        Ok(modules)
    } else {
        Err(format!("no such decision module: {}", missing.join(", ")))
    }
}

/// Returns the Rust files directly in `folder`, sorted.
fn files(root: &Path, folder: &str) -> Vec<String> {
    let Ok(entries) = fs::read_dir(root.join(folder)) else {
        return Vec::new();
    };
    let mut names: Vec<_> = entries
        .flatten()
        .filter_map(|entry| entry.file_name().into_string().ok())
        .filter(|name| name.ends_with(".rs"))
        .map(|name| format!("{folder}/{name}"))
        .collect();
    names.sort();
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(names: &[&str]) -> Result<Vec<String>, String> {
        find(Path::new(env!("CARGO_MANIFEST_DIR")), names)
    }

    #[test]
    fn files_and_folders_are_found() {
        assert_eq!(
            found(&["src/modules.rs", "src/dependencies/*.rs"]).unwrap(),
            ["src/modules.rs", "src/dependencies/tests.rs"]
        );
    }

    #[test]
    fn a_name_without_a_file_is_an_error_that_tells_it() {
        for name in ["src/none.rs", "src/none/*.rs", "src"] {
            let error = found(&["src/modules.rs", name]).unwrap_err();
            assert!(error.ends_with(name), "{error}");
        }
    }
}
