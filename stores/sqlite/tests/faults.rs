//! Disks that fail, at every call in turn, a clock that goes back, and a handle that was inherited:
//! no success without its commit, and nothing that was answered is missing. The test binary starts
//! itself again as the process whose disk fails.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
#![expect(clippy::print_stderr, reason = "figures are read from there")]
#![expect(clippy::print_stdout, reason = "the other process tells its test so")]

use std::{
    env,
    io::{self, Write as _},
    path::{Path, PathBuf},
    process::Command,
};

use otp_engine::{
    Engine, Issuance, KeyRing, RateLimits, Rejection, Store, Submission, Timestamp, Verdict,
    challenge::ChallengeState,
    store::{Cell, Class, Commit, Error, Key, Kind, Version, Write},
    verdict::RefusalReason,
};
use otp_engine_sqlite::SqliteStore;
use otp_engine_testkit::{on_a_failing_disk, scenarios};

#[path = "support/scratch.rs"]
mod scratch;

use scratch::Scratch;

const NOW: Timestamp = Timestamp::from_unix(1_715_767_200);

/// What the other processes do; a test of its own does nothing.
#[test]
#[ignore = "the body of the processes that the other tests start"]
fn as_another_process() {
    let argument = |name: &str| env::var(name).unwrap_or_default();
    let path = argument("OTP_TEST_FILE");
    match argument("OTP_TEST_ROLE").as_str() {
        "writer to its limit" => write_until_it_fails(&open(&path)),
        "signer" => sign(&path, &scenarios::engine(), |store| Box::new(store)),
        "careless signer" => sign(&path, &scenarios::engine(), |store| {
            Box::new(Careless(store))
        }),
        "bare signer" => sign(&path, &bare(), |store| Box::new(store)),
        "careless bare signer" => sign(&path, &bare(), |store| Box::new(Careless(store))),
        _ => {}
    }
}

#[test]
fn a_clock_that_moves_back_gives_nothing_back() {
    let scratch = Scratch::new("clock");
    scenarios::clock_moves_back(&open(scratch.path("otp.sqlite3")));
}

/// An engine without meters: each of its commits is one write.
fn bare() -> Engine {
    let keys = KeyRing::builder().code("2026a", &[1; 32]).index(&[2; 32]);
    let engine = Engine::builder(keys.build().unwrap());
    engine.rate_limits(RateLimits::unlimited()).build()
}

/// Each call of a kind fails once, over one issue and one verify.
#[test]
fn whichever_flush_or_write_fails_no_success_is_without_its_commit() {
    sweep("signer", "");
}

#[test]
fn the_same_where_each_commit_is_one_write() {
    sweep("bare signer", ", a write a commit");
}

fn sweep(signer: &str, told: &str) {
    let faults = [
        ("fsync,fdatasync", "EIO", 16),
        ("pwrite64", "ENOSPC", 30),
        ("pwrite64", "EIO", 30),
    ];
    let (mut failures, mut caught) = (0, 0);
    for (calls, error, most) in faults {
        let mut clean = 0;
        for nth in 1..=most {
            let judged = Signed::on_a_disk(signer, calls, error, nth).judge();
            let has_failed = judged.unwrap_or_else(|why| panic!("{calls} {error} {nth}: {why}"));
            failures += u32::from(has_failed);
            clean = if has_failed { 0 } else { clean + 1 };
            // The control: it says "done" where a commit failed.
            if has_failed {
                let careless = format!("careless {signer}");
                let careless = Signed::on_a_disk(&careless, calls, error, nth);
                caught += u32::from(careless.judge().is_err());
            }
        }
        assert!(clean >= 2, "{calls}: more calls than were failed");
    }
    assert!(
        failures >= 6 && caught >= 3,
        "{failures} failures, careless caught {caught} times"
    );
    eprintln!("figure: disk faults swept over issue and verify on SQLite{told} = {failures}");
}

/// Issues and verifies, each again if it failed, and tells what came of it.
fn sign(path: &str, engine: &Engine, wrap: fn(SqliteStore) -> Box<dyn Store>) {
    let binding = scenarios::binding(1);
    let tell = |what: &str| println!("\nsigned: {what}");
    let store = match SqliteStore::open(path) {
        Ok(store) => wrap(store),
        Err(_) => return tell("refused"),
    };
    let meaning = |error: &otp_engine::Error| format!("{error:?}").contains("Unknown");
    let mut told = String::new();
    let mut code = None;
    for _ in 0..2 {
        match engine.issue(&*store, &binding) {
            Ok(Issuance::Issued(issued)) => {
                told += "issued ";
                code = Some(issued.code.as_str().to_owned());
                break;
            }
            Ok(Issuance::Refused(refusal)) if refusal.reason == RefusalReason::Cooldown => {
                told += "cooldown ";
            }
            Ok(_) => panic!("refused for another reason"),
            Err(error) => {
                told += if meaning(&error) {
                    "unknown "
                } else {
                    "failed "
                }
            }
        }
    }
    for _ in 0..2 {
        let Some(code) = &code else { break };
        match engine.verify(&*store, Submission::new(&binding, code)) {
            Ok(Verdict::Accepted(_)) => {
                told += "accepted ";
                break;
            }
            Ok(verdict) => {
                assert_eq!(verdict.rejection(), Some(Rejection::AlreadyUsed));
                told += "used ";
            }
            Err(error) => {
                told += if meaning(&error) {
                    "unknown "
                } else {
                    "failed "
                }
            }
        }
    }
    tell(told.trim_end());
}

/// What a signer told, and what is in its file.
struct Signed {
    told: String,
    kept: Option<ChallengeState>,
}

impl Signed {
    fn on_a_disk(role: &str, calls: &str, error: &str, nth: u32) -> Self {
        let scratch = Scratch::new(&role.replace(' ', "-"));
        let path = scratch.path("otp.sqlite3");
        drop(open(&path));
        let mut command = on_a_failing_disk(calls, error, nth);
        command.arg(env::current_exe().unwrap());
        let output = other_process(&mut command, role, &path).output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        let told = text.lines().find_map(|line| line.strip_prefix("signed: "));
        let status = scenarios::engine().status(&open(&path), &scenarios::binding(1));
        Self {
            told: told.unwrap_or("nothing").to_owned(),
            kept: status.unwrap().map(|status| status.state),
        }
    }

    /// Says whether something had failed; the reason why not, where the two do not agree.
    fn judge(&self) -> Result<bool, String> {
        let (issuing, verifying) = match self.told.split_once("issued") {
            Some((before, after)) => (before.trim(), Some(after.trim())),
            None => (self.told.as_str(), None),
        };
        let fits = match (issuing, verifying) {
            ("refused", None) => self.kept.is_none(),
            // The test program's own output may be what failed.
            ("nothing", None) => true,
            ("unknown cooldown" | "unknown unknown", None) => {
                self.kept != Some(ChallengeState::Verified)
            }
            ("failed failed", None) => self.kept.is_none(),
            ("" | "failed" | "unknown", Some(verifying)) => match verifying {
                "accepted" | "failed accepted" | "unknown accepted" | "unknown used" => {
                    self.kept == Some(ChallengeState::Verified)
                }
                "failed failed" => self.kept == Some(ChallengeState::Pending),
                "unknown unknown" | "failed unknown" | "unknown failed" => {
                    matches!(
                        self.kept,
                        Some(ChallengeState::Pending | ChallengeState::Verified)
                    )
                }
                _ => false,
            },
            _ => false,
        };
        if fits {
            return Ok(self.told != "issued accepted");
        }
        Err(format!("told {:?}, kept {:?}", self.told, self.kept))
    }
}

/// Naive: it takes a commit that failed for done.
struct Careless(SqliteStore);

impl Store for Careless {
    fn load(&self, keys: &[Key], cells: &mut Vec<Option<Cell>>) -> Result<(), Error> {
        self.0.load(keys, cells)
    }

    fn commit(&self, writes: &[Write<'_>], now: Timestamp) -> Result<Commit, Error> {
        Ok(self.0.commit(writes, now).unwrap_or(Commit::Done))
    }

    fn purge(&self, now: Timestamp, limit: usize) -> Result<usize, Error> {
        self.0.purge(now, limit)
    }

    fn class(&self) -> Class {
        self.0.class()
    }
}

#[cfg(unix)]
#[test]
fn a_commit_whose_write_failed_is_unknown_and_what_was_answered_is_kept() {
    let scratch = Scratch::new("limit");
    let path = scratch.path("otp.sqlite3");
    drop(open(&path));
    // The shell limits the size of files, and has writes beyond it fail instead of ending us.
    let mut child = Command::new("sh");
    child.args(["-c", "trap '' XFSZ; ulimit -f 400; exec \"$@\"", "sh"]);
    child.arg(env::current_exe().unwrap());
    let output = other_process(&mut child, "writer to its limit", &path)
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix("done: "))
        .expect(&text);
    let (done, error) = line.split_once(' ').unwrap();
    let done: u64 = done.parse().unwrap();
    assert!(error.starts_with("Unknown"), "{error}");
    assert!(error.contains("SystemIoFailure"), "{error}");
    assert!(done > 3, "{done}");

    let store = open(&path);
    for number in 0..done {
        assert_eq!(
            version(&store, number),
            Some(1),
            "cell {number} of {done} was answered"
        );
    }
    assert_eq!(version(&store, done + 1), None);
}

#[cfg(unix)]
#[test]
#[expect(unsafe_code, reason = "there is no safe fork")]
fn case_82_a_handle_that_was_inherited_by_a_fork_is_refused() {
    let scratch = Scratch::new("fork");
    let path = scratch.path("otp.sqlite3");
    let store = open(&path);
    assert_eq!(store.commit(&[cell(0, 0)], NOW).unwrap(), Commit::Done);

    // SAFETY: the child calls nothing that another thread may have left half done, but for the
    // allocator, which the C library makes usable in a child; it ends by `_exit`.
    let child = unsafe { libc::fork() };
    assert!(child >= 0, "fork failed");
    if child == 0 {
        let unavailable = |error| matches!(error, Some(Error::Unavailable(Some(_))));
        let refused = unavailable(store.load(&[key(0)], &mut Vec::new()).err())
            && unavailable(store.commit(&[cell(0, 1)], NOW).err())
            && unavailable(store.purge(NOW, 1).err());
        drop(store);
        // SAFETY: it takes a number.
        unsafe { libc::_exit(if refused { 0 } else { 1 }) };
    }
    let mut status = -1;
    // SAFETY: `status` is a place for a number; the child is ours and was not waited for.
    assert_eq!(unsafe { libc::waitpid(child, &raw mut status, 0) }, child);
    assert!(
        libc::WIFEXITED(status) && libc::WEXITSTATUS(status) == 0,
        "{status}"
    );

    // The parent's file, its locks and its log are as they were.
    assert_eq!(store.commit(&[cell(0, 1)], NOW).unwrap(), Commit::Done);
    assert!(scratch.path("otp.sqlite3-wal").exists());
    assert_eq!(version(&open(&path), 0), Some(2));
}

/// Inserts cells until a commit fails; says how many were done, and how it failed.
fn write_until_it_fails(store: &SqliteStore) {
    let failed = (0..1_000).find_map(|number| {
        let error = store.commit(&[cell(number, 0)], NOW).err()?;
        Some(format!("done: {number} {error:?}"))
    });
    let mut out = io::stdout();
    writeln!(out, "\n{}", failed.unwrap_or_default()).unwrap();
}

fn other_process<'a>(command: &'a mut Command, role: &str, path: &PathBuf) -> &'a mut Command {
    command
        .args(["as_another_process", "--exact", "--ignored", "--nocapture"])
        .env("OTP_TEST_ROLE", role)
        .env("OTP_TEST_FILE", path)
}

fn open(path: impl AsRef<Path>) -> SqliteStore {
    SqliteStore::open(path).unwrap()
}

fn key(number: u64) -> Key {
    let mut bytes = [7; 32];
    bytes[8..16].copy_from_slice(&number.to_le_bytes());
    Key::from_bytes(bytes)
}

fn cell(number: u64, expected: u64) -> Write<'static> {
    Write {
        key: key(number),
        kind: Kind::Slot,
        expected: Version::new(expected),
        discard_after: None,
        body: &[7; 2_000],
    }
}

fn version(store: &SqliteStore, number: u64) -> Option<u64> {
    let mut cells = Vec::new();
    store.load(&[key(number)], &mut cells).unwrap();
    cells[0].as_ref().map(|cell| cell.version().get())
}
