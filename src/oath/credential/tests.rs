//! Tests of the cell: its bytes, its drift, its guesses.

use alloc::string::String;
use alloc::{format, vec};

use super::*;

fn at(second: i64) -> Timestamp {
    Timestamp::from_unix(1_715_767_200 + second)
}

fn written(credential: &Credential) -> Vec<u8> {
    let mut body = Vec::new();
    credential.write(&mut body);
    body
}

fn bytes(digits: &str) -> Vec<u8> {
    let byte = |at| u8::from_str_radix(&digits[at..at + 2], 16).unwrap();
    (0..digits.len()).step_by(2).map(byte).collect()
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn used(last: u64, epoch: u32, steps: i32) -> Credential {
    Credential {
        used: Some(Used { last, epoch }),
        drift: Drift {
            steps,
            ..Drift::default()
        },
        failures: Failures::default(),
    }
}

/// Credentials as format 2 has them: never used and guessed at, used, both ends.
fn samples() -> Vec<Credential> {
    let mut guessed = Credential::default();
    for second in [0, 15, 30] {
        guessed.failures.charge(at(second));
    }
    let mut followed = used(57_192_240, 3, -3);
    followed.drift.samples = -2;
    followed.drift.since = at(-86_400);
    followed.failures.charge(at(7));
    let mut last = used(u64::MAX, u32::MAX, i32::MAX);
    last.failures.in_a_row = u16::MAX;
    last.drift.since = Timestamp::from_unix(i64::MAX);
    vec![guessed, followed, last, Credential::default()]
}

#[test]
fn golden_credentials_of_format_1_are_read_and_written_as_format_2() {
    let file = include_str!("../../../tests/vectors/oath-cells-v1.json");
    let golden: serde_json::Value = serde_json::from_str(file).unwrap();
    let golden = golden["credentials"].as_array().unwrap();
    assert_eq!(golden.len(), 3);
    for cell in golden {
        let body = bytes(cell["body"].as_str().unwrap());
        let read = Credential::read(Some(&body)).unwrap();
        let last: u64 = cell["last"].as_str().unwrap().parse().unwrap();
        let drift = cell["drift"].as_i64().unwrap().try_into().unwrap();
        assert_eq!(read, used(last, 0, drift));
        let again = written(&read);
        assert_eq!(again[0], 2);
        assert_eq!(Credential::read(Some(&again)).unwrap(), read);
    }
}

/// `OTP_WRITE_GOLDEN=1 cargo test --lib golden_credentials` writes the file, until it is published.
#[test]
fn case_100_golden_credentials_of_format_2_read_and_write_back() {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/tests/vectors/oath-cells-v2.json"
    );
    if std::env::var_os("OTP_WRITE_GOLDEN").is_some() {
        let bodies: Vec<_> = samples()
            .iter()
            .map(|one| hexadecimal(&written(one)))
            .collect();
        let file = serde_json::json!({"made": "otp-engine 0.2.0", "credentials": bodies});
        let text = serde_json::to_string_pretty(&file).unwrap() + "\n";
        std::fs::write(path, text).unwrap();
    }
    let file: serde_json::Value =
        serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let golden = file["credentials"].as_array().unwrap();
    assert_eq!(golden.len(), samples().len());
    for (cell, sample) in golden.iter().zip(samples()) {
        let digits = cell.as_str().unwrap();
        let read = Credential::read(Some(&bytes(digits))).unwrap();
        assert_eq!(read, sample);
        assert_eq!(hexadecimal(&written(&read)), digits);
    }
}

#[test]
fn case_22_what_was_not_written_so_is_not_read() {
    assert_eq!(Credential::read(None).unwrap(), Credential::default());
    for sample in samples() {
        let body = written(&sample);
        for length in 0..body.len() {
            let short = Credential::read(Some(&body[..length]));
            assert!(matches!(short, Err(Error::Tampered)), "{length}");
        }
        assert!(Credential::read(Some(&[&body[..], &[0]].concat())).is_err());
        for (place, byte) in [(0, 0), (0, 3), (0, 255), (1, 2), (29, 33), (29, 255)] {
            let mut changed = body.clone();
            changed[place] = byte;
            assert!(Credential::read(Some(&changed)).is_err(), "{place}");
        }
    }
    // Format 1 has a length of its own, and nothing was used where nothing says so.
    let old = [&[1][..], &[0; 12]].concat();
    assert!(Credential::read(Some(&old)).is_ok());
    assert!(Credential::read(Some(&old[..12])).is_err());
    assert!(Credential::read(Some(&[&old[..], &[0]].concat())).is_err());
    let mut unused = written(&Credential::default());
    unused[5] = 1;
    assert!(Credential::read(Some(&unused)).is_err());
}

#[test]
fn a_credential_knows_the_epoch_of_what_was_used() {
    for (credential, epoch, standing) in [
        (Credential::default(), 0, Standing::Known),
        (Credential::default(), 1, Standing::Forgotten),
        (used(7, 0, 0), 0, Standing::Known),
        (used(7, 0, 0), 1, Standing::Forgotten),
        (used(7, 3, 0), 3, Standing::Known),
        (used(7, 3, 0), 4, Standing::Forgotten),
        (used(7, 3, 0), 2, Standing::Ahead),
    ] {
        assert_eq!(credential.standing(epoch), standing, "{epoch}");
    }
}

#[test]
fn case_101_a_drift_is_learnt_from_three_codes_that_agree_and_a_step_a_day() {
    let day = 86_400;
    let run = |codes: &[(i64, i32)]| {
        let mut drift = Drift::found(0, at(0));
        for (second, seen) in codes {
            drift.observe(*seen, at(*second));
        }
        drift.steps
    };
    // One late code, or two, or late ones with a prompt one between them, tell of no clock.
    assert_eq!(run(&[(day, -1)]), 0);
    assert_eq!(
        run(&[(day, -1), (2 * day, -2), (3 * day, 0), (4 * day, -1)]),
        0
    );
    assert_eq!(
        run(&[(day, -1), (2 * day, 1), (3 * day, -1), (4 * day, 1)]),
        0
    );
    // Three that agree move it by one, however far off they were, and not on the first day.
    assert_eq!(run(&[(day, -1), (day, -5), (day, -9)]), -1);
    assert_eq!(run(&[(1, 1), (2, 1), (day - 1, 1)]), 0);
    assert_eq!(run(&[(1, 1), (2, 1), (day, 1)]), 1);
    assert_eq!(run(&[(day, 2); 20]), 1);
    // A clock that went back teaches nothing.
    assert_eq!(run(&[(-day, 2); 20]), 0);
    let walk: Vec<_> = (1..100).flat_map(|n| [(n * day, 99); 3]).collect();
    assert_eq!(run(&walk), 10);
    // Beyond that two codes in a row found it: it may come back, and not go further.
    let mut far = Drift::found(41, at(0));
    for n in 1..20 {
        far.observe(50, at(n * day));
    }
    assert_eq!(far.steps, 41);
    for n in 20..26 {
        far.observe(0, at(n * day));
    }
    assert_eq!(far.steps, 39);
}

#[test]
fn what_is_left_is_what_is_compared() {
    let stopping = RateLimits::builder()
        .consecutive_failures(10)
        .device_hard_stop(true)
        .device_failures_per_day(20)
        .build();
    for (rate_limits, most, end) in [
        (RateLimits::default(), 30, Some(at(86_400))),
        (RateLimits::unlimited(), 30, Some(at(86_400))),
        (stopping.unwrap(), 10, None),
    ] {
        let mut failures = Failures::default();
        for left in (0..most).rev() {
            assert_eq!(failures.lock(&rate_limits, at(0)), None);
            failures.charge(at(0));
            assert_eq!(failures.left(&rate_limits, at(0)), left);
        }
        assert_eq!(failures.lock(&rate_limits, at(86_399)), Some(end));
        assert_eq!(
            failures.lock(&rate_limits, at(86_400)).is_some(),
            end.is_none()
        );
    }
}

#[test]
fn a_device_comes_near_its_hard_stop_from_four_fifths_on() {
    let stopping = RateLimits::builder()
        .device_hard_stop(true)
        .consecutive_failures(10);
    let stopping = stopping.build().unwrap();
    let mut failures = Failures::default();
    let mut told = Vec::new();
    for second in 0..9 {
        failures.charge(at(second));
        told.push(failures.near_stop(&stopping));
        assert_eq!(failures.near_stop(&RateLimits::default()), None);
    }
    assert_eq!(told[..7], [None; 7]);
    assert_eq!(told[7..], [Some(8), Some(9)]);
}
