//! Over all processes, kills, forks and failing writes: no code is good twice, and what was
//! answered is kept. The test binary starts itself again as the other processes.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use core::time::Duration;
use std::{
    env,
    fs::{self, OpenOptions},
    io::{self, BufRead, BufReader, Read, Write as _},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
};

use otp_engine::{
    Store, Timestamp,
    store::{
        Cell, Class, Commit, Error, Key, Kind, Version, Write,
        conformance::{CrashTrial, Fault, Storm, Tally},
    },
};
use otp_engine_sqlite::SqliteStore;

#[path = "support/scratch.rs"]
mod scratch;

use scratch::Scratch;

const SEED: u64 = 20_240_515;
const SLOTS: u32 = 150;
const PLAYERS: u32 = 8;
const NOW: Timestamp = Timestamp::from_unix(1_715_767_200);

/// What the other processes do; a test of its own does nothing.
#[test]
#[ignore = "the body of the processes that the other tests start"]
fn as_another_process() {
    let argument = |name: &str| env::var(name).unwrap_or_default();
    let path = argument("OTP_TEST_FILE");
    let number = || argument("OTP_TEST_NUMBER").parse::<u32>().unwrap();
    match argument("OTP_TEST_ROLE").as_str() {
        "player" => play(&open(&path), number()),
        "cellwise player" => play(&Cellwise(open(&path)), number()),
        "writer" => write_until_killed(&open(&path), &path, number().into()),
        "cellwise writer" => write_until_killed(&Cellwise(open(&path)), &path, number().into()),
        "writer to its limit" => write_until_it_fails(&open(&path)),
        _ => {}
    }
}

#[test]
fn case_56_a_storm_of_eight_processes_is_counted_exactly() {
    let (judged, tallies) = storm("player");
    assert_eq!(judged, Ok(()));
    let conflicts: u64 = tallies.iter().map(Tally::conflicts).sum();
    assert!(conflicts > 0, "the processes never met");
}

/// The control: what it lets through must be seen.
#[test]
fn a_storm_on_a_cellwise_store_is_caught() {
    let (judged, _) = storm("cellwise player");
    assert!(judged.is_err());
}

#[test]
fn a_hundred_kills_lose_nothing_tear_nothing_and_give_nothing_twice() {
    let acknowledged = kill("writer", 50).unwrap();
    assert!(acknowledged >= 100, "{acknowledged}");
}

#[test]
#[ignore = "for the soak run"]
fn a_thousand_kills_lose_nothing_tear_nothing_and_give_nothing_twice() {
    let acknowledged = kill("writer", 500).unwrap();
    assert!(acknowledged >= 1_000, "{acknowledged}");
}

/// The control: what it tears must be seen.
#[test]
fn kills_of_a_cellwise_store_are_caught() {
    let fault = kill("cellwise writer", 50).unwrap_err().to_string();
    assert!(fault.contains("torn") || fault.contains("twice"), "{fault}");
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
    let output = other_process(&mut child, "writer to its limit", &path, 0)
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

/// Eight processes play a storm, all from one moment on.
fn storm(role: &str) -> (Result<(), Fault>, Vec<Tally>) {
    let scratch = Scratch::new(&role.replace(' ', "-"));
    let path = scratch.path("otp.sqlite3");
    let mut players: Vec<_> = (0..u64::from(PLAYERS))
        .map(|player| start(role, &path, player))
        .collect();
    let mut answers: Vec<_> = players
        .iter_mut()
        .map(|player| BufReader::new(player.stdout.take().unwrap()))
        .collect();
    for answer in &mut answers {
        let mut lines = answer.lines().map(Result::unwrap);
        assert!(lines.any(|line| line == "ready"), "a player did not start");
    }
    for player in &mut players {
        drop(player.stdin.take()); // they wait for this
    }
    let tallies: Vec<Tally> = answers
        .into_iter()
        .map(|mut answer| {
            let mut text = String::new();
            answer.read_to_string(&mut text).unwrap();
            let tally = text.lines().find_map(|line| line.strip_prefix("tally: "));
            tally.unwrap_or_else(|| panic!("{text}")).parse().unwrap()
        })
        .collect();
    for mut player in players {
        assert!(player.wait().unwrap().success());
    }
    let judged = Storm::new(SEED, SLOTS, PLAYERS).judge(&open(&path), &tallies);
    (judged, tallies)
}

fn play(store: &dyn Store, player: u32) {
    let mut out = io::stdout();
    writeln!(out, "ready").unwrap();
    io::stdin().read_to_end(&mut Vec::new()).unwrap();
    let tally = Storm::new(SEED, SLOTS, PLAYERS)
        .play(store, player)
        .unwrap();
    writeln!(out, "tally: {tally}").unwrap();
}

/// Kills two writers in each round, and judges the file while none runs; returns how many commits
/// were acknowledged.
fn kill(role: &str, rounds: u64) -> Result<usize, Fault> {
    let scratch = Scratch::new(&format!("{rounds}-{}", role.replace(' ', "-")));
    let path = scratch.path("otp.sqlite3");
    let trial = trial();
    let mut all = Vec::new();
    for round in 0..rounds {
        let mut writers = [2 * round, 2 * round + 1].map(|writer| start(role, &path, writer));
        // Both have answered by now, and the kill comes wherever it comes.
        let enough = 1 + usize::try_from((SEED >> (round % 20)) % 16).unwrap();
        for writer in [2 * round, 2 * round + 1] {
            let file = acknowledgements(&path, writer);
            let lines = || {
                fs::read_to_string(&file)
                    .unwrap_or_default()
                    .lines()
                    .count()
            };
            while lines() < enough {
                for child in &mut writers {
                    assert_eq!(child.try_wait().unwrap(), None, "a writer ended by itself");
                }
                thread::sleep(Duration::from_micros(200));
            }
        }
        for writer in &mut writers {
            writer.kill().unwrap();
            writer.wait().unwrap();
        }
        let files = [2 * round, 2 * round + 1].map(|writer| acknowledgements(&path, writer));
        let last = files.map(|file| fs::read_to_string(file).unwrap());
        trial.judge(&open(&path), &last)?;
        all.extend(last);
    }
    trial.judge(&open(&path), &all)
}

fn write_until_killed(store: &dyn Store, path: &str, writer: u64) {
    let file = acknowledgements(Path::new(path), writer);
    let mut file = OpenOptions::new()
        .append(true)
        .create(true)
        .open(file)
        .unwrap();
    let mut acknowledge = |line: &str| {
        let acknowledged = file.write_all(line.as_bytes()).is_ok();
        // SQLite's own waiting is not fair: without a pause the other writer rarely gets its turn.
        thread::sleep(Duration::from_micros(500));
        acknowledged
    };
    trial().write(store, writer, &mut acknowledge).unwrap();
}

fn acknowledgements(path: &Path, writer: u64) -> PathBuf {
    path.with_file_name(format!("acknowledged-{writer}"))
}

const fn trial() -> CrashTrial {
    CrashTrial::new(SEED, 12)
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

fn start(role: &str, path: &Path, number: u64) -> Child {
    other_process(
        &mut Command::new(env::current_exe().unwrap()),
        role,
        path,
        number,
    )
    .stdin(Stdio::piped())
    .stdout(Stdio::piped())
    .spawn()
    .unwrap()
}

fn other_process<'a>(
    command: &'a mut Command,
    role: &str,
    path: &Path,
    number: u64,
) -> &'a mut Command {
    command
        .args(["as_another_process", "--exact", "--ignored", "--nocapture"])
        .env("OTP_TEST_ROLE", role)
        .env("OTP_TEST_FILE", path)
        .env("OTP_TEST_NUMBER", number.to_string())
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

/// Naive: each cell is compared and written rightly, but by itself; and it lets others come between.
struct Cellwise(SqliteStore);

impl Cellwise {
    /// Waits until another process has changed the cell; a while only, for there may be none.
    fn let_others_come_before(&self, write: &Write<'_>) -> Result<(), Error> {
        for _ in 0..50 {
            let mut cells = Vec::new();
            self.0.load(&[write.key], &mut cells)?;
            let version = cells[0].as_ref().map_or(Version::ABSENT, Cell::version);
            if version != write.expected {
                break;
            }
            thread::yield_now();
        }
        Ok(())
    }
}

impl Store for Cellwise {
    fn load(&self, keys: &[Key], cells: &mut Vec<Option<Cell>>) -> Result<(), Error> {
        self.0.load(keys, cells)
    }

    fn commit(&self, writes: &[Write<'_>], now: Timestamp) -> Result<Commit, Error> {
        for (at, write) in writes.iter().enumerate() {
            if at > 0 {
                self.let_others_come_before(write)?;
            }
            if self.0.commit(&[*write], now)? == Commit::Conflict {
                return Ok(Commit::Conflict);
            }
        }
        Ok(Commit::Done)
    }

    fn purge(&self, now: Timestamp, limit: usize) -> Result<usize, Error> {
        self.0.purge(now, limit)
    }

    fn class(&self) -> Class {
        self.0.class()
    }
}
