//! Keeps the cells of [`otp_engine`] in PostgreSQL: any number of hosts, one truth.
//!
//! What was answered is flushed by the server before `Done` leaves, and a code used up stays so
//! over a crash of the host and of the server. Signature records may be kept here, the store is
//! [`Class::Permanent`].
//!
//! ```no_run
//! use otp_engine::Store;
//! use otp_engine_postgres::PostgresStore;
//!
//! // Once for each release, as a role that may create tables:
//! PostgresStore::migrate("host=/run/postgresql user=otp_owner dbname=bank")?;
//! // In the service:
//! let store = PostgresStore::open("host=/run/postgresql user=otp_app dbname=bank")?;
//! assert_eq!(store.class(), otp_engine::store::Class::Permanent);
//! # Ok::<(), otp_engine_postgres::OpenError>(())
//! ```
//!
//! # What to set on the server
//!
//! `fsync`, `full_page_writes` and `synchronous_commit` on, as they are unless changed; a server
//! without them is refused, at each new connection. PostgreSQL 12 or newer.
//!
//! The service's role needs `USAGE` on the schema, `SELECT` on `otp_layout`, and `SELECT, INSERT,
//! UPDATE` on `otp_cell`. `DELETE` is for the role that [purges](PostgresStore) alone, and
//! `TRUNCATE` for nobody: whoever deletes a row grants a fresh set of guesses. Triggers refuse
//! what no role should do by mistake: to delete or shorten a cell that is kept for ever, to set a
//! version back, to empty the table. Its owner can drop them.
//!
//! # TLS
//!
//! With the feature `tls`, `sslmode=verify-full` in a connection string means TLS to a server
//! whose certificate chains to a root and has the name in `host` as subjectAltName; what is
//! overdue is cancelled by TLS as well. `sslrootcert` names a file of roots in PEM, or `system`, as
//! without it: those of the system. `sslcert` and `sslkey` name a certificate and its key, by which
//! the server knows the client. The files are read when a store is opened, and only then.
//!
//! ```no_run
//! # #[cfg(feature = "tls")] {
//! use otp_engine_postgres::PostgresStore;
//!
//! let place = "host=db.example user=otp_app dbname=bank";
//! let trust = "sslmode=verify-full sslrootcert=/etc/bank/ca.pem channel_binding=require";
//! let store = PostgresStore::open(&format!("{place} {trust}"))?;
//! # }
//! # Ok::<(), otp_engine_postgres::OpenError>(())
//! ```
//!
//! `sslmode=disable`, or no word of TLS, means a connection without it; `PGSSLMODE` is not read. `require`, `verify-ca`,
//! `prefer` and `allow` are refused, as they check no name or go on without TLS; so is each of them
//! without the feature, and a connector of the caller's beside `SslMode::Prefer`, the default of
//! [`tokio_postgres`]. `channel_binding=require` lets the server prove by the password that nobody
//! stands between (SCRAM-SHA-256-PLUS), where its certificate is signed by RSA (PKCS #1) or ECDSA.
//!
//! # What failover may lose
//!
//! Without `synchronous_standby_names`, or with `synchronous_commit=local`, a standby that takes
//! over lacks the last commits: a code used on the old primary is good again, a wrong guess is
//! not counted. `synchronous_commit=on` with a synchronous standby closes that; a commit then
//! waits for the standby; where that wait is ended, by an administrator or because no answer came
//! [in time](PostgresOptions::answer_timeout), it is `Unknown`. `remote_write` is refused: a standby
//! that has not flushed may lose what was answered. Loads and commits go to the primary alone: a
//! standby is refused. Of several hosts the next one is tried after silence.
//!
//! # How it works
//!
//! * **One statement for a load, one for a commit**, each a round trip of its own, in autocommit
//!   and READ COMMITTED whatever the server's default. A commit names the version of each cell,
//!   locks the rows, compares, and writes all or none; it sets what it rests on for its own
//!   transaction. Where two insert one cell at the same time, a division by zero undoes the second,
//!   and PostgreSQL logs it as an ERROR, without keys and bodies; other lost races leave no line.
//! * **Connections of its own**, at most 8 unless [set](PostgresOptions::connections), and never
//!   more sessions than these: what is overdue, or was dropped by its caller, is cancelled at the
//!   server. After an overdue commit one at a time asks whether answers come again; the others are
//!   `Unavailable`. Lost connections are replaced; a load is asked once more, a commit never. No handle works in a process that was forked from the one that opened
//!   it. The calls block, and must not be made on a thread that drives a Tokio runtime.
//! * **Callers that await** (feature `async`) take `AsyncPostgresStore`: the same statements, checks
//!   and limits on a Tokio runtime. A future that is dropped closes its connection.
//! * **Poolers** such as PgBouncer work by session and by transaction; one by statement is refused.
//!   Where the process that answers is not the one that the connection was promised, statements
//!   have no names, and each operation is a transaction that begins with its settings, in the same
//!   one round trip: nothing is left in a session, and nothing of other clients is taken over.
//! * **A backup** that is restored brings back codes that were used since: raise the epoch of the
//!   code keys.

use core::{fmt, time::Duration};

use otp_engine::{
    Store, Timestamp,
    store::{Cell, Class, Commit, Error, Key, Write},
};

#[cfg(feature = "async")]
mod asynchronous;
mod backend;
mod blocking;
mod breaker;
mod contract;
mod error;
mod fault;
mod hosts;
mod layout;
mod link;
mod open;
mod parameters;
mod session;
mod statements;
#[cfg(feature = "tls")]
mod tls;

#[cfg(feature = "async")]
pub use asynchronous::AsyncPostgresStore;
pub use error::OpenError;
pub use open::PostgresOptions;
#[cfg(feature = "tls")]
pub use tls::Tls;
/// The client, for its `Config` and its traits of TLS.
pub use tokio_postgres;

use blocking::BlockingSession;
use breaker::Breaker;
use otp_engine_pool::Pool;

/// Cells in a PostgreSQL table. Its own documentation is that of the [crate].
///
/// | PostgreSQL | here |
/// |---|---|
/// | 22012 (our own), 40001, 40P01 | [`Commit::Conflict`] |
/// | 53100 | [`Error::Full`], nothing was applied |
/// | no connection, none free in time, any other reported error (53200, 53300, 57P03, 25006, 55P03, 57014 ..) | [`Error::Unavailable`], nothing was applied |
/// | the connection ends after a commit was sent (57P01, 57P02, or without a word), or no answer comes in time | [`Error::Unknown`] |
/// | a wait for a synchronous standby that an administrator ends | [`Error::Unknown`] |
/// | more than [`MAX_CELLS`](otp_engine::store::MAX_CELLS) keys or writes, a body over [`MAX_BODY`](otp_engine::store::MAX_BODY), a write for ever where commits may be lost | [`Error::Unsupported`], nothing was applied |
pub struct PostgresStore {
    pool: Pool<BlockingSession>,
    breaker: Breaker,
    schema: String,
    class: Class,
}

impl PostgresStore {
    /// Connects as libpq's parameters or address say, by [TLS](crate#tls) or without; checks server
    /// and table.
    ///
    /// # Errors
    ///
    /// The [`OpenError`] where the server cannot be reached, is a standby, may lose what it
    /// answered, or where the schema was not [migrated](Self::migrate).
    pub fn open(parameters: &str) -> Result<Self, OpenError> {
        PostgresOptions::new().open(parameters)
    }

    /// Makes the schema and its tables, or brings them to the newest layout; does nothing where
    /// that is done. Several may do so at once.
    ///
    /// # Errors
    ///
    /// The [`OpenError`] where the server cannot be reached or refuses, or where the layout is one
    /// of a newer version. Nothing was changed.
    pub fn migrate(parameters: &str) -> Result<(), OpenError> {
        PostgresOptions::new().migrate(parameters)
    }

    fn new(
        connect: impl Fn() -> Result<BlockingSession, OpenError> + Send + Sync + 'static,
        schema: String,
        connections: usize,
        wait: Duration,
        class: Class,
    ) -> Result<Self, OpenError> {
        let first = connect()?;
        let connect = move || connect().map_err(Error::unavailable);
        Ok(Self {
            pool: Pool::new(
                first,
                connect,
                BlockingSession::is_closed,
                connections,
                wait,
            ),
            breaker: Breaker::default(),
            schema,
            class,
        })
    }
}

impl Store for PostgresStore {
    fn load(&self, keys: &[Key], cells: &mut Vec<Option<Cell>>) -> Result<(), Error> {
        *cells = match contract::of_load(keys) {
            Some(answer) => answer?,
            None => {
                let load = |driven: &mut BlockingSession| {
                    driven.wait(async |session| session.load(keys).await)
                };
                self.pool.read(load)?
            }
        };
        Ok(())
    }

    fn commit(&self, writes: &[Write<'_>], _: Timestamp) -> Result<Commit, Error> {
        if let Some(answer) = contract::of_commit(writes, self.class) {
            return answer;
        }
        let commit = |driven: &mut BlockingSession| {
            driven.wait(async |session| session.commit(writes).await)
        };
        let pass = self.breaker.enter()?;
        let told = self.pool.write(commit)?;
        pass.end(&told);
        contract::committed(told)
    }

    fn purge(&self, now: Timestamp, limit: usize) -> Result<usize, Error> {
        let limit = contract::most(limit);
        let purge = |driven: &mut BlockingSession| {
            driven.wait(async |session| session.purge(now, limit).await)
        };
        contract::purged(self.pool.write(purge)?)
    }

    fn class(&self) -> Class {
        self.class
    }

    fn has_cells(&self) -> Result<Option<bool>, Error> {
        let ask =
            |driven: &mut BlockingSession| driven.wait(async |session| session.has_cells().await);
        Ok(Some(self.pool.read(ask)?))
    }
}

impl fmt::Debug for PostgresStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresStore")
            .field("schema", &self.schema)
            .field("class", &self.class)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
