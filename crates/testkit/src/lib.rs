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

use core::time::Duration;
use std::{thread, time::Instant};

pub mod bench;
pub mod broken;
pub mod cells;
mod certificates;
mod cluster;
mod disk;
mod folder;
mod patroni;
mod player;
mod pooler;
mod port;
mod postgres;
mod process;
mod proxy;
mod redis;
pub mod scenarios;
#[allow(dead_code, reason = "shared with the tests of the core")]
mod support;

pub use certificates::{Authority, Certificate};
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

/// Returns a port of loopback on which nobody listens.
#[must_use]
pub fn free_port() -> u16 {
    port::free_port()
}

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
    #[doc = include_str!("../../../docs/signing.md")]
    struct Signing;
    #[doc = include_str!("../../../docs/policies.md")]
    struct Policies;
    #[doc = include_str!("../../../docs/keys.md")]
    struct Keys;
    #[doc = include_str!("../../../docs/stores.md")]
    struct Stores;
}
