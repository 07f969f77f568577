//! `otp bench`

use std::fs;

use otp_engine_testkit::Folder;

use crate::{otp, told};

const ROWS: [&str; 6] = [
    "TOTP: make a code",
    "TOTP: check a code, window 1",
    "record: verify",
    "memory: issue",
    "memory: issue and verify",
    "SQLite: issue and verify",
];

#[test]
fn each_row_is_measured_and_nothing_is_left_behind() {
    let folder = Folder::new();
    let path = folder.path().to_str().unwrap();
    let ran = otp(
        &["bench", "--time", "10", "--threads", "2", "--folder", path],
        "",
    );
    told(&ran, 0, &["2 threads"]);
    for row in ROWS {
        let line = ran
            .stdout
            .lines()
            .find(|line| line.starts_with(&format!("{row:<29}")))
            .unwrap();
        assert!(line.contains("/s  █"), "{line}");
        assert!(line.chars().count() <= 80, "{line}");
    }
    assert_eq!(ran.stderr, ""); // no terminal: no progress
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn rates_in_json_are_numbers() {
    let folder = Folder::new();
    let ran = otp(
        &[
            "bench",
            "--time",
            "10",
            "--threads",
            "1",
            "--json",
            "--folder",
            folder.path().to_str().unwrap(),
        ],
        "",
    );
    let json: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
    let rows = json["rows"].as_array().unwrap();
    assert_eq!(
        rows.iter()
            .map(|row| row["name"].as_str().unwrap())
            .collect::<Vec<_>>(),
        ROWS
    );
    assert!(
        rows.iter()
            .all(|row| row["per_second"].as_f64() > Some(0.0))
    );
    told(
        &otp(&["bench", "--time", "10", "--folder", "no/such/folder"], ""),
        2,
        &["--folder", "no/such/folder"],
    );
    told(
        &otp(&["bench", "--threads", "0"], ""),
        2,
        &["--threads", "1..=256"],
    );
}
