//! Real servers for the tests of the stores: private, found on this machine, never skipped.
//!
//! Each server has a folder of its own, listens on a Unix socket in it and nowhere else, flushes
//! as it would in earnest, and is gone when its value is dropped, also after a panic; should the
//! test itself be killed, the kernel kills the server. Start it in the test's own thread: it dies
//! with the thread that started it. No server is touched that was not started here.
//!
//! A server that is not installed fails the test, with the name of Debian's package.
#![allow(
    clippy::unwrap_used,
    clippy::missing_panics_doc,
    clippy::disallowed_methods,
    clippy::print_stderr,
    reason = "for tests alone: what fails here is a failed test, and a test may wait"
)]

use core::{hash::BuildHasher, time::Duration};
use std::{fs, hash::RandomState, net::TcpListener, thread, time::Instant};

pub mod bench;
pub mod broken;
pub mod cells;
mod disk;
mod folder;
mod patroni;
mod player;
mod pooler;
mod postgres;
mod process;
mod proxy;
mod redis;
pub mod scenarios;
#[allow(dead_code, reason = "shared with the tests of the core")]
mod support;

pub use disk::{FailingDisk, SlowDisk, on_a_failing_disk};
pub use folder::Folder;
pub use patroni::{Patroni, State as PatroniState};
pub use player::{Part, Player};
pub use pooler::Pooler;
pub use postgres::PostgresServer;
pub use proxy::{Fate, Proxy};
pub use redis::RedisServer;

/// Waits until `is_so`; on a machine so slow that it takes 3 minutes, nothing is known.
#[track_caller]
pub fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    let end = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < end, "waited {PATIENCE:?} until {what}");
        thread::sleep(Duration::from_millis(2));
    }
}

/// How long a test waits for what is not its subject: busy disks and processors take their time.
pub const PATIENCE: Duration = Duration::from_secs(180);

/// Returns a port of loopback on which nobody listens, from below those that the kernel lends to
/// connections: one of these could take a port before its server does.
#[must_use]
pub fn free_port() -> u16 {
    let lent = fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range").unwrap_or_default();
    let lowest_lent = lent
        .split_whitespace()
        .next()
        .and_then(|it| it.parse().ok());
    let ports = LOWEST_PORT..lowest_lent.unwrap_or(32_768).max(LOWEST_PORT + 1_000);
    let any = RandomState::new().hash_one(std::process::id());
    let skipped = usize::try_from(any % 1_000_000).unwrap() % ports.len();
    let is_free = |port: &u16| TcpListener::bind(("127.0.0.1", *port)).is_ok();
    ports
        .clone()
        .cycle()
        .skip(skipped)
        .take(ports.len())
        .find(is_free)
        .expect("a free port")
}

const LOWEST_PORT: u16 = 10_000;

/// Returns what `work` returns, and how long it took.
pub fn timed<T>(work: impl FnOnce() -> T) -> (T, Duration) {
    let start = Instant::now();
    let done = work();
    (done, start.elapsed())
}

/// The Rust programs of README and guide, those of the stores too: this crate sees them all.
#[cfg(doctest)]
mod documents {
    #[doc = include_str!("../../../README.md")]
    struct Readme;
    #[doc = include_str!("../../../docs/getting-started.md")]
    struct GettingStarted;
    #[doc = include_str!("../../../docs/policies.md")]
    struct Policies;
    #[doc = include_str!("../../../docs/keys.md")]
    struct Keys;
    #[doc = include_str!("../../../docs/stores.md")]
    struct Stores;
}
