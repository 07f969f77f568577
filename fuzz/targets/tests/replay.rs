//! The corpora, run through their targets: what a fuzzer found once stays found.
#![allow(
    clippy::unwrap_used,
    reason = "a test's own tools: what fails there fails the test"
)]

use std::fs;
use std::panic::catch_unwind;
use std::path::{Path, PathBuf};

use otp_engine_fuzz_targets::{TARGETS, leave, planted};

/// Returns the inputs of a corpus.
///
/// # Errors
///
/// A folder that is not there, or holds nothing: no target would run, and nobody would know.
fn inputs(corpora: &Path, name: &str) -> Result<Vec<PathBuf>, String> {
    let folder = corpora.join(name);
    let shown = folder.display();
    let entries = fs::read_dir(&folder).map_err(|error| format!("{shown}: {error}"))?;
    let mut files: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    files.sort();
    if files.is_empty() {
        return Err(format!("{shown}: no input"));
    }
    Ok(files)
}

/// Runs a target over inputs; returns those at which it panicked.
fn failing(target: fn(&[u8]), files: &[PathBuf]) -> Vec<&PathBuf> {
    let fails = |file: &&PathBuf| {
        let data = fs::read(file).unwrap();
        catch_unwind(|| target(&data)).is_err()
    };
    files.iter().filter(fails).collect()
}

fn corpora() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../corpus")
}

fn replay(name: &str) {
    let (_, target) = TARGETS.iter().find(|(known, _)| *known == name).unwrap();
    let files = inputs(&corpora(), name).unwrap();
    let failing = failing(*target, &files);
    assert!(failing.is_empty(), "{name} fails at {failing:?}");
    eprintln!("figure: inputs replayed of {name} = {}", files.len());
}

macro_rules! replays {
    ($($case:ident $name:literal)*) => {
        $(#[test]
        fn $case() {
            replay($name);
        })*

        const REPLAYED: &[&str] = &[$($name),*];
    };
}

replays! {
    entered_text "entered"
    telephone_numbers "mobile"
    addresses "email"
    message_templates "message"
    otpauth_uris "otpauth"
    ocra_suites "ocra"
    images "image"
    key_sets "jwks"
    logs "log"
    trees "tree"
    records "record"
    payloads "payload"
    cells "cell"
    cells_of_devices "device"
    bindings "binding"
    host_stores "host"
}

/// The service leaves a folder behind, which goes with the last of its inputs.
#[test]
fn requests_of_the_service() {
    replay("http");
    leave();
}

#[test]
fn case_370_every_target_has_a_corpus_and_is_replayed() {
    let mut replayed = [REPLAYED, &["http"]].concat();
    replayed.sort_unstable();
    let targets: Vec<&str> = TARGETS.iter().map(|(name, _)| *name).collect();
    assert_eq!(replayed, targets);
    let programs = fs::read_dir(corpora().join("../fuzz_targets")).unwrap();
    let mut programs: Vec<String> = programs
        .map(|file| file.unwrap().file_name().into_string().unwrap())
        .collect();
    programs.sort_unstable();
    let mut expected: Vec<String> = targets.iter().map(|name| format!("{name}.rs")).collect();
    expected.push("planted.rs".into());
    expected.sort_unstable();
    assert_eq!(programs, expected);
}

#[test]
fn case_371_a_corpus_that_is_missing_or_empty_fails_the_replay() {
    let empty = std::env::temp_dir().join(format!("otp-engine-replay-{}", std::process::id()));
    fs::create_dir_all(empty.join("entered")).unwrap();
    assert!(inputs(&empty, "entered").unwrap_err().ends_with("no input"));
    assert!(inputs(&empty, "mobile").is_err());
    fs::remove_dir_all(&empty).unwrap();
}

/// The control.
#[test]
fn case_372_a_planted_fault_is_found_by_the_replay() {
    let folder = std::env::temp_dir().join(format!("otp-engine-planted-{}", std::process::id()));
    fs::create_dir_all(folder.join("planted")).unwrap();
    fs::write(folder.join("planted/a"), "4820").unwrap();
    fs::write(folder.join("planted/b"), "4829").unwrap();
    let files = inputs(&folder, "planted").unwrap();
    assert_eq!(failing(planted, &files), [&folder.join("planted/b")]);
    fs::remove_dir_all(&folder).unwrap();
}
