//! Keeps the cells of [`otp_engine`] in Redis: several hosts, for codes that leave no signature
//! record. **Strict single use over a failover needs PostgreSQL**, or SQLite on one host.
//!
//! What was answered is in the append-only file and flushed before `Done` leaves, and a code used
//! up stays so over a crash of the server. Redis may still lose it when a replica takes over: the
//! store is [`Class::Expiring`], and refuses everything that must be kept for ever. An engine that
//! must leave evidence so refuses at `issue`, before a code goes out.
//!
//! ```no_run
//! use otp_engine::Store;
//! use otp_engine_redis::RedisStore;
//!
//! // redis-server --appendonly yes --appendfsync always --maxmemory-policy noeviction
//! let store = RedisStore::open("redis+unix:///run/redis/redis-server.sock")?;
//! assert_eq!(store.class(), otp_engine::store::Class::Expiring);
//! # Ok::<(), otp_engine_redis::OpenError>(())
//! ```
//!
//! # What to set on the server
//!
//! Redis 6.2 or newer, a master, with three settings. All are checked at each new connection, and
//! a server without one is refused unless the risk is taken by its name:
//!
//! | setting | without it | taken by |
//! |---|---|---|
//! | `maxmemory-policy noeviction` | live counters are dropped when memory is short: fresh attempts | [`may_evict_counted_attempts`](RedisOptions::may_evict_counted_attempts) |
//! | `appendonly yes` | a crash empties all: every rate limit starts anew | [`may_lose_commits_on_crash`](RedisOptions::may_lose_commits_on_crash) |
//! | `appendfsync always`, `no-appendfsync-on-rewrite no` | a crash brings used codes back | the same |
//!
//! Where `CONFIG` is forbidden, [state](RedisOptions::stating_appendfsync_always) the last one.
//! Version and role have no such way: the store cannot work without them.
//! The clock of the server ends cells, and may be 30 s off the host's. Give the service a user
//! with `+mget +evalsha +eval +get +getrange +set +time +info +config|get` and no more: whoever
//! deletes a key grants a fresh set of guesses.
//!
//! # What failover may lose
//!
//! Replication is asynchronous: a replica that takes over lacks the last commits, a code used on
//! the old master is good again, and a wrong guess is not counted. `min-replicas-to-write` and
//! `WAIT` narrow this and do not close it. A replica itself is refused.
//!
//! # How it works
//!
//! * **One `MGET` for a load, one script for a commit**, each a round trip of its own. The script
//!   compares the version of every cell before it writes the first. Redis runs it alone, and logs
//!   it whole.
//! * **A few connections**, at most 8 unless [set](RedisOptions::connections). Lost ones are
//!   replaced; a load is asked once more, a commit never. No handle works in a process that was
//!   forked from the one that opened it. No TLS: use a Unix socket or a tunnel.
//! * **Callers that await** (feature `async`) take `AsyncRedisStore`: the same commands, checks and
//!   limits on a Tokio runtime. A future that is dropped closes its connection.
//! * **A full server** (`maxmemory`) refuses updates as well as inserts: nobody can verify until
//!   there is room, and nothing is forgotten.
//! * **Cluster and Sentinel**: the client of this crate talks to one server, follows no redirection and
//!   asks no Sentinel. A node that serves a part of a cluster's slots, and a Sentinel, are refused
//!   with the reason, at open and at each new connection; name the master's address, or one that
//!   leads there. All cells of a tenant share a hash tag, and so a node.
//! * **Purging** is Redis's own: `purge` drops nothing.
//! * **A backup** that is restored brings back codes that were used since: raise the epoch of the
//!   code keys.

use core::{fmt, ops::ControlFlow, time::Duration};

use otp_engine::{
    Store, Timestamp,
    store::{Cell, Class, Commit, Error, Key, Write},
};
use otp_engine_pool::Pool;
use redis::{Connection, Script};

#[cfg(feature = "async")]
mod asynchronous;
mod contract;
mod fault;
mod link;
mod open;
mod session;

#[cfg(feature = "async")]
pub use asynchronous::AsyncRedisStore;
pub use open::{OpenError, RedisOptions};

use fault::Fault;
use link::blocking;
use session::{COMMIT, Session};

/// Cells in a Redis server. Its own documentation is that of the [crate].
///
/// | Redis | here |
/// |---|---|
/// | the script answers 0 | [`Commit::Conflict`] |
/// | `OOM` | [`Error::Full`], nothing was applied |
/// | no connection, none free in time, `LOADING`, `READONLY`, `MASTERDOWN`, `CLUSTERDOWN`, `MOVED`, `MISCONF`, `NOREPLICAS`, a cell whose time is over by the server's clock | [`Error::Unavailable`], nothing was applied |
/// | no answer in time, a cut after the commit was sent, any other report | [`Error::Unknown`] |
/// | a write for ever or beyond the year 287,000, more than [`MAX_CELLS`](otp_engine::store::MAX_CELLS) keys or writes, a body over [`MAX_BODY`](otp_engine::store::MAX_BODY) | [`Error::Unsupported`], nothing was applied |
pub struct RedisStore {
    pool: Pool<Session<Connection>>,
    script: Script,
}

impl RedisStore {
    /// Connects to `address`, such as `redis://host/` or `redis+unix:///path`; checks the server.
    ///
    /// # Errors
    ///
    /// The [`OpenError`] where the server cannot be reached, is a replica or too old, may lose or
    /// evict what it answered, or has a clock more than 30 s off.
    pub fn open(address: &str) -> Result<Self, OpenError> {
        RedisOptions::new().open(address)
    }

    fn new(
        connect: impl Fn() -> Result<Session<Connection>, OpenError> + Send + Sync + 'static,
        connections: usize,
        wait: Duration,
    ) -> Result<Self, OpenError> {
        let first = connect()?;
        let connect = move || connect().map_err(Error::unavailable);
        // A cut shows when the connection is used, and not before.
        let is_closed = |_: &Session<Connection>| false;
        Ok(Self {
            pool: Pool::new(first, connect, is_closed, connections, wait),
            script: Script::new(COMMIT),
        })
    }
}

impl Store for RedisStore {
    fn load(&self, keys: &[Key], cells: &mut Vec<Option<Cell>>) -> Result<(), Error> {
        *cells = match contract::of_load(keys) {
            Some(answer) => answer?,
            None => self.pool.read(|session| blocking(session.load(keys)))?,
        };
        Ok(())
    }

    fn commit(&self, writes: &[Write<'_>], _: Timestamp) -> Result<Commit, Error> {
        let sent = match contract::of_commit(writes) {
            ControlFlow::Continue(sent) => sent,
            ControlFlow::Break(answer) => return answer,
        };
        let told = self
            .pool
            .write(|session| blocking(session.commit(&self.script, &sent)))?;
        told.or_else(Fault::of_commit)
    }

    /// Drops nothing: Redis does, by its own clock.
    fn purge(&self, _: Timestamp, _: usize) -> Result<usize, Error> {
        Ok(0)
    }

    fn class(&self) -> Class {
        Class::Expiring
    }
}

impl fmt::Debug for RedisStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisStore").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
