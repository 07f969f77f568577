//! The store for callers that await.

use core::{fmt, future::Future, ops::ControlFlow, time::Duration};

use otp_engine::{
    AsyncStore, Timestamp,
    store::{Cell, Class, Commit, Error, Key, Write},
};
use otp_engine_pool::AsyncPool;
use redis::{Script, aio::MultiplexedConnection};

use crate::{
    OpenError, RedisOptions, contract,
    fault::Fault,
    session::{COMMIT, Session},
};

/// Cells in a Redis server, for callers on a Tokio runtime whose I/O and time are enabled.
///
/// Cells, commands, checks, limits and the meaning of each error are those of
/// [`RedisStore`](crate::RedisStore), and both may work on one server at the same time.
///
/// ```no_run
/// use otp_engine::AsyncStore;
/// use otp_engine_redis::AsyncRedisStore;
///
/// # async fn run() -> Result<(), otp_engine_redis::OpenError> {
/// let store = AsyncRedisStore::open("redis+unix:///run/redis/redis-server.sock").await?;
/// assert_eq!(store.class(), otp_engine::store::Class::Expiring);
/// # Ok(())
/// # }
/// ```
///
/// # A future that is dropped
///
/// Its connection is closed, and its place in the pool is free at once: what the server still
/// answers is read by nobody, and the next caller connects anew. A commit that was sent whole is a
/// single script, which the server runs to its end; of one that was not it runs nothing.
///
/// A connection ends with the runtime on which it was made; on another one it is replaced, after
/// a load was asked once more, or a commit was [`Error::Unknown`].
pub struct AsyncRedisStore {
    pub(crate) pool: AsyncPool<Line>,
    script: Script,
}

type Line = Session<MultiplexedConnection>;

impl AsyncRedisStore {
    /// Connects to `address`, such as `redis://host/` or `redis+unix:///path`; checks the server.
    ///
    /// # Errors
    ///
    /// As [`RedisStore::open`](crate::RedisStore::open).
    pub async fn open(address: &str) -> Result<Self, OpenError> {
        RedisOptions::new().open_async(address).await
    }

    pub(crate) async fn new<F>(
        connect: impl Fn() -> F + Send + Sync + 'static,
        connections: usize,
        wait: Duration,
    ) -> Result<Self, OpenError>
    where
        F: Future<Output = Result<Line, OpenError>> + Send + 'static,
    {
        let first = connect().await?;
        let connect = move || {
            let connecting = connect();
            async move { connecting.await.map_err(Error::unavailable) }
        };
        // A cut shows when the connection is used, and not before.
        let is_closed = |_: &Line| false;
        Ok(Self {
            pool: AsyncPool::new(first, connect, is_closed, connections, wait),
            script: Script::new(COMMIT),
        })
    }
}

impl AsyncStore for AsyncRedisStore {
    async fn load(&self, keys: &[Key]) -> Result<Vec<Option<Cell>>, Error> {
        if let Some(answer) = contract::of_load(keys) {
            return answer;
        }
        let load = async |session: &mut Line| session.load(keys).await;
        self.pool.read(load).await
    }

    async fn commit(&self, writes: &[Write<'_>], _: Timestamp) -> Result<Commit, Error> {
        let sent = match contract::of_commit(writes) {
            ControlFlow::Continue(sent) => sent,
            ControlFlow::Break(answer) => return answer,
        };
        let commit = async |session: &mut Line| session.commit(&self.script, &sent).await;
        self.pool.write(commit).await?.or_else(Fault::of_commit)
    }

    /// Drops nothing: Redis does, by its own clock.
    async fn purge(&self, _: Timestamp, _: usize) -> Result<usize, Error> {
        Ok(0)
    }

    fn class(&self) -> Class {
        Class::Expiring
    }
}

impl fmt::Debug for AsyncRedisStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AsyncRedisStore").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
