//! The command from outside: what it prints, and its exit codes.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::cast_possible_truncation,
    reason = "a test may panic, in its helpers too"
)]

mod bench;
mod codes;
mod documents;
mod help;
mod keys;
mod ocra;
mod policy;
mod record;
mod store;
mod uri;

use core::hash::BuildHasher as _;
use std::hash::RandomState;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

/// How a command ended.
#[derive(Debug)]
struct Ran {
    code: i32,
    stdout: String,
    stderr: String,
}

/// The path of the program.
const OTP: &str = env!("CARGO_BIN_EXE_otp");

/// Runs `otp` with these arguments and this standard input.
fn otp(arguments: &[&str], stdin: &str) -> Ran {
    let mut command = Command::new(OTP);
    run(command.args(arguments).env_remove("OTP_DATABASE"), stdin)
}

fn run(command: &mut Command, stdin: &str) -> Ran {
    let command = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    // It may end without reading.
    let _ = child.stdin.take().unwrap().write_all(stdin.as_bytes());
    let ended = child.wait_with_output().unwrap();
    Ran {
        code: ended.status.code().unwrap(),
        stdout: String::from_utf8(ended.stdout).unwrap(),
        stderr: String::from_utf8(ended.stderr).unwrap(),
    }
}

/// Asserts how a command ended, and that its output holds each of `texts`.
#[track_caller]
fn told(ran: &Ran, code: i32, texts: &[&str]) {
    assert_eq!(ran.code, code, "{ran:?}");
    for text in texts {
        assert!(
            ran.stdout.contains(text) || ran.stderr.contains(text),
            "{text:?} is not in {ran:?}"
        );
    }
}

/// What a command printed as JSON, a line of it.
fn json(ran: &Ran) -> serde_json::Value {
    let line = ran.stdout.strip_suffix('\n').unwrap();
    assert!(!line.contains('\n'), "{ran:?}");
    serde_json::from_str(line).unwrap()
}

/// Writes a file that its owner alone may read.
fn private(path: &Path, text: &str) {
    use std::os::unix::fs::OpenOptionsExt as _;
    let mut options = std::fs::OpenOptions::new();
    let mut file = options
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(path)
        .unwrap();
    file.write_all(text.as_bytes()).unwrap();
}

/// Numbers at random (SplitMix64), from a seed that is printed and can be set by `OTP_TEST_SEED`.
struct Random(u64);

impl Random {
    fn new() -> Self {
        let drawn = || RandomState::new().hash_one(0);
        let given = std::env::var("OTP_TEST_SEED").ok();
        let seed = given.map_or_else(drawn, |seed| seed.parse().unwrap());
        println!("OTP_TEST_SEED={seed}");
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// Returns a number below `end`.
    fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }

    fn one_of<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.below(all.len() as u64) as usize]
    }
}
