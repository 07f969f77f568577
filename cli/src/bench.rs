//! `otp bench`

use core::sync::atomic::{AtomicU64, Ordering};
use core::time::Duration;
use std::io::{self, IsTerminal as _};
use std::path::PathBuf;
use std::thread;
use std::time::Instant;

use clap::{Args, value_parser};
use otp_engine::record::{Expected, VerifyingKeys, verify_record};
use otp_engine::{
    Binding, Email, Engine, KeyRing, MemoryStore, RateLimits, SigningKey, Store, Submission,
    Target, Timestamp,
};
use otp_engine_sqlite::SqliteStore;
use otp_oath::{HashFunction, Secret, Totp};
use serde_json::json;

use crate::answer::{Answer, Failure};

/// Measure how many codes a second this machine makes and checks
#[derive(Args)]
#[command(after_help = "\
A code of SQLite is two commits, each flushed to the disk of --folder, and a
signed record. docs/performance.md has figures, and how they were measured.")]
pub(crate) struct Bench {
    /// Threads, 1 to 256 [default: one for each core]
    #[arg(long, value_name = "N", value_parser = value_parser!(u16).range(1..=256))]
    threads: Option<u16>,

    /// Milliseconds a row, 10 to 60000
    #[arg(long, value_name = "MS", default_value_t = 500, value_parser = value_parser!(u64).range(10..=60_000))]
    time: u64,

    /// Folder of the SQLite file [default: a temporary one]
    #[arg(long, value_name = "FOLDER")]
    folder: Option<PathBuf>,

    /// Answer in JSON
    #[arg(long)]
    json: bool,
}

/// What is measured: it is done once for each number.
type Work<'a> = &'a (dyn Fn(u64) -> bool + Sync);

impl Bench {
    pub(crate) fn run(&self) -> Result<Answer, Failure> {
        let cores = thread::available_parallelism().map_or(1, usize::from);
        let threads = self.threads.map_or(cores, usize::from);
        let mut rows = Vec::new();
        let mut measure = |name: &'static str, work: Work<'_>| -> Result<(), Failure> {
            if io::stderr().is_terminal() {
                eprint!("\r\x1b[K{name} ..");
            }
            let rate = rate(threads, Duration::from_millis(self.time), work);
            let rate =
                rate.ok_or_else(|| Failure::new(format!("{name}: what was measured failed")))?;
            rows.push((name, rate));
            Ok(())
        };
        let error = |error: &dyn core::error::Error| Failure::new(error.to_string());

        let totp = Secret::new(b"12345678901234567890")
            .and_then(|secret| Totp::new(&secret, HashFunction::Sha1, 6, 30));
        let totp = totp.map_err(|found| error(&found))?;
        measure("TOTP: make a code", &|n| totp.at(at(n)).is_some())?;
        measure("TOTP: check a code, window 1", &|n| {
            let code = totp.at(at(n));
            code.is_some_and(|code| totp.verify(code.as_str(), at(n), 1).is_some())
        })?;

        let line = include_str!("../../crates/otp-record/tests/vectors/records/first.sd-jwt")
            .trim_ascii_end();
        let keys = VerifyingKeys::from_jwk_set(include_str!(
            "../../crates/otp-record/tests/vectors/records/first.jwks"
        ));
        let keys = keys.map_err(|found| error(&found))?;
        let (jws, details) = line.split_once('~').unwrap_or((line, ""));
        let details: Vec<_> = details.split_terminator('~').collect();
        measure("record: verify", &|_| {
            verify_record(jws, &details, &keys, Some(&Expected::new())).is_ok()
        })?;

        let ring = KeyRing::builder()
            .code("bench", &[1; 32])
            .index(&[2; 32])
            .build();
        let ring = ring.map_err(|found| error(&found))?;
        let limits = RateLimits::unlimited();
        let engine = Engine::builder(ring).rate_limits(limits).build();
        let memory = MemoryStore::new();
        measure("memory: issue", &|n| {
            issue(&engine, &memory, n, "issue").is_some()
        })?;
        measure("memory: issue and verify", &|n| code(&engine, &memory, n))?;

        let folder = self.folder.clone().unwrap_or_else(std::env::temp_dir);
        let path = folder.join(format!("otp-bench-{}.sqlite3", std::process::id()));
        let file = SqliteFile(path);
        let store =
            SqliteStore::open(&file.0).map_err(|found| Failure::chain("--folder", &found))?;
        let ring = KeyRing::builder()
            .code("bench", &[1; 32])
            .index(&[2; 32])
            .build();
        let ring = ring.map_err(|found| error(&found))?;
        let key = SigningKey::from_seed(&[3; 32]).map_err(|found| error(&found))?;
        let engine = Engine::builder(ring)
            .rate_limits(RateLimits::unlimited())
            .signing_key(key)
            .build();
        measure("SQLite: issue and verify", &|n| code(&engine, &store, n))?;
        drop(store);
        if io::stderr().is_terminal() {
            eprint!("\r\x1b[K");
        }
        Ok(Answer::yes(if self.json {
            let rows = rows
                .iter()
                .map(|(name, rate)| json!({"name": name, "per_second": rate.round()}));
            format!(
                "{}\n",
                json!({"threads": threads, "rows": rows.collect::<Vec<_>>()})
            )
        } else {
            table(threads, &rows)
        }))
    }
}

/// The file of a bench, gone with this value.
struct SqliteFile(PathBuf);

impl Drop for SqliteFile {
    fn drop(&mut self) {
        for end in ["", "-wal", "-shm"] {
            let mut path = self.0.as_os_str().to_owned();
            path.push(end);
            let _ = std::fs::remove_file(path); // it may not be there
        }
    }
}

/// Returns how often `work` is done a second by all threads; `None` if it failed.
#[expect(
    clippy::disallowed_methods,
    reason = "a bench measures time, and decides nothing"
)]
fn rate(threads: usize, time: Duration, work: Work<'_>) -> Option<f64> {
    let (next, done) = (AtomicU64::new(0), AtomicU64::new(0));
    let begin = Instant::now();
    let all_well = thread::scope(|scope| {
        let run = || {
            let mut mine = 0;
            loop {
                for _ in 0..AT_ONCE {
                    if !work(next.fetch_add(1, Ordering::Relaxed)) {
                        return false;
                    }
                    mine += 1;
                }
                if begin.elapsed() >= time {
                    break;
                }
            }
            done.fetch_add(mine, Ordering::Relaxed);
            true
        };
        let threads: Vec<_> = (0..threads).map(|_| scope.spawn(run)).collect();
        threads
            .into_iter()
            .all(|thread| thread.join().unwrap_or(false))
    });
    all_well.then(|| done.into_inner() as f64 / begin.elapsed().as_secs_f64())
}

/// So much is done between two looks at the clock.
const AT_ONCE: u64 = 4;

fn at(n: u64) -> Timestamp {
    Timestamp::from_unix(i64::try_from(n % 1_000_000_000).unwrap_or_default())
}

/// A binding of its own for each code: what is measured is the engine, not its limits.
fn binding(n: u64, purpose: &str) -> Option<Binding> {
    let id = n.to_string();
    let target = Target {
        model: "bench",
        field: "code",
        id: &id,
    };
    let email = Email::parse(&format!("{n}@example.org")).ok()?;
    let binding = Binding::builder().tenant("bench").purpose(purpose);
    binding
        .target(target)
        .user(&id)
        .recipient(email)
        .build()
        .ok()
}

fn issue(
    engine: &Engine,
    store: &dyn Store,
    n: u64,
    purpose: &str,
) -> Option<(Binding, otp_engine::Issued)> {
    let binding = binding(n, purpose)?;
    let issued = engine.issue(store, &binding).ok()?.issued()?;
    Some((binding, issued))
}

fn code(engine: &Engine, store: &dyn Store, n: u64) -> bool {
    issue(engine, store, n, "verify").is_some_and(|(binding, issued)| {
        let verdict = engine.verify(store, Submission::new(&binding, issued.code.as_str()));
        verdict.is_ok_and(|verdict| verdict.is_accepted())
    })
}

/// Writes the rows, with a bar for each that is as long as its number has digits, in tenths.
fn table(threads: usize, rows: &[(&str, f64)]) -> String {
    let mut told = format!("{threads} threads; a bar is 5 longer for ten times as many\n\n");
    for (name, rate) in rows {
        let length = (rate.max(1.0).log10() * 5.0).round();
        let bar: String = (1..=40_u8)
            .take_while(|n| f64::from(*n) <= length)
            .map(|_| '█')
            .collect();
        told += &format!("{name:<29}{:>12}/s  {bar}\n", grouped(rate.round()));
    }
    told
}

/// Writes a number with a comma after each three digits.
fn grouped(number: f64) -> String {
    let digits = format!("{number:.0}");
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at) % 3 == 0 {
            text.push(',');
        }
        text.push(digit);
    }
    text
}
