//! The store for callers that await.

use core::{fmt, future::Future, time::Duration};

use otp_engine::{
    AsyncStore, Timestamp,
    store::{Cell, Class, Commit, Error, Key, Write},
};
use otp_engine_pool::AsyncPool;

use crate::{PostgresOptions, contract, open::OpenError, session::Session};

/// Cells in a PostgreSQL table, for callers on a Tokio runtime whose I/O and time are enabled.
///
/// Table, statements, checks, limits and the meaning of each error are those of
/// [`PostgresStore`](crate::PostgresStore), and both may work on one table at the same time.
///
/// ```no_run
/// use otp_engine::AsyncStore;
/// use otp_engine_postgres::AsyncPostgresStore;
///
/// # async fn run() -> Result<(), otp_engine_postgres::OpenError> {
/// AsyncPostgresStore::migrate("host=/run/postgresql user=otp_owner dbname=bank").await?;
/// let store = AsyncPostgresStore::open("host=/run/postgresql user=otp_app dbname=bank").await?;
/// assert_eq!(store.class(), otp_engine::store::Class::Permanent);
/// # Ok(())
/// # }
/// ```
///
/// # A future that is dropped
///
/// Its connection is closed, and its place in the pool is free at once: what the server still
/// answers is read by nobody, and the next caller connects anew. A commit that was sent is a single
/// statement, which the server finishes or undoes as a whole; it may hold its locks until then, at
/// most for the [`statement_timeout`](PostgresOptions::statement_timeout). Whoever drops many calls
/// at a server that is slow so has more sessions open there, for that long, than the store has
/// connections: leave room in `max_connections`, or let a task of its own await each call.
///
/// A connection ends with the runtime on which it was made; on another one it is replaced.
pub struct AsyncPostgresStore {
    pub(crate) pool: AsyncPool<Session>,
    schema: String,
    class: Class,
}

impl AsyncPostgresStore {
    /// Connects without TLS, as libpq's parameters or address say; checks server and table.
    ///
    /// # Errors
    ///
    /// As [`PostgresStore::open`](crate::PostgresStore::open).
    pub async fn open(parameters: &str) -> Result<Self, OpenError> {
        PostgresOptions::new().open_async(parameters).await
    }

    /// Makes the schema and its tables, or brings them to the newest layout.
    ///
    /// # Errors
    ///
    /// As [`PostgresStore::migrate`](crate::PostgresStore::migrate).
    pub async fn migrate(parameters: &str) -> Result<(), OpenError> {
        PostgresOptions::new().migrate_async(parameters).await
    }

    pub(crate) async fn new<F>(
        connect: impl Fn() -> F + Send + Sync + 'static,
        schema: String,
        connections: usize,
        wait: Duration,
        class: Class,
    ) -> Result<Self, OpenError>
    where
        F: Future<Output = Result<Session, OpenError>> + Send + 'static,
    {
        let first = connect().await?;
        let connect = move || {
            let connecting = connect();
            async move { connecting.await.map_err(Error::unavailable) }
        };
        Ok(Self {
            pool: AsyncPool::new(first, connect, Session::is_closed, connections, wait),
            schema,
            class,
        })
    }
}

impl AsyncStore for AsyncPostgresStore {
    async fn load(&self, keys: &[Key]) -> Result<Vec<Option<Cell>>, Error> {
        if let Some(answer) = contract::of_load(keys) {
            return answer;
        }
        let load = async |session: &mut Session| session.load(keys).await;
        self.pool.ask(load).await
    }

    async fn commit(&self, writes: &[Write<'_>], _: Timestamp) -> Result<Commit, Error> {
        if let Some(answer) = contract::of_commit(writes, self.class) {
            return answer;
        }
        let commit = async |session: &mut Session| session.commit(writes).await;
        contract::committed(self.pool.tell(commit).await?)
    }

    async fn purge(&self, now: Timestamp, limit: usize) -> Result<usize, Error> {
        let limit = contract::most(limit);
        let purge = async |session: &mut Session| session.purge(&self.schema, now, limit).await;
        contract::purged(self.pool.tell(purge).await?)
    }

    fn class(&self) -> Class {
        self.class
    }

    async fn has_cells(&self) -> Result<Option<bool>, Error> {
        let ask = async |session: &mut Session| session.has_cells(&self.schema).await;
        Ok(Some(self.pool.ask(ask).await?))
    }
}

impl fmt::Debug for AsyncPostgresStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AsyncPostgresStore")
            .field("schema", &self.schema)
            .field("class", &self.class)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
