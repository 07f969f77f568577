//! The store for callers that await.

use core::{fmt, future::Future, time::Duration};

use otp_engine::{
    AsyncStore, Timestamp,
    store::{Cell, Class, Commit, Error, Key, Write},
};
use otp_engine_pool::AsyncPool;

use crate::{PostgresOptions, breaker::Breaker, contract, error::OpenError, session::Session};

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
/// What it asked is cancelled at the server, and its place in the pool is free once the server has
/// ended it, or after 2 s: a store never holds more sessions than it has connections, whoever drops
/// what. Nobody reads the answer, and the next caller connects anew. A commit that was sent is
/// undone as a whole, or made as a whole and counted.
///
/// A connection ends with the runtime on which it was made; on another one it is replaced.
pub struct AsyncPostgresStore {
    pub(crate) pool: AsyncPool<Session>,
    breaker: Breaker,
    schema: String,
    class: Class,
}

impl AsyncPostgresStore {
    /// Connects as libpq's parameters or address say, by [TLS](crate#tls) or without; checks server
    /// and table.
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
        let pool = AsyncPool::new(first, connect, Session::is_closed, connections, wait);
        Ok(Self {
            pool: pool.abandons_by(Session::retire),
            breaker: Breaker::default(),
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
        self.pool.read(load).await
    }

    async fn commit(&self, writes: &[Write<'_>], _: Timestamp) -> Result<Commit, Error> {
        if let Some(answer) = contract::of_commit(writes, self.class) {
            return answer;
        }
        let commit = async |session: &mut Session| session.commit(writes).await;
        let pass = self.breaker.enter()?;
        let told = self.pool.write(commit).await?;
        pass.end(&told);
        contract::committed(told)
    }

    async fn purge(&self, now: Timestamp, limit: usize) -> Result<usize, Error> {
        let limit = contract::most(limit);
        let purge = async |session: &mut Session| session.purge(now, limit).await;
        contract::purged(self.pool.write(purge).await?)
    }

    fn class(&self) -> Class {
        self.class
    }

    async fn has_cells(&self) -> Result<Option<bool>, Error> {
        let ask = async |session: &mut Session| session.has_cells().await;
        Ok(Some(self.pool.read(ask).await?))
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
