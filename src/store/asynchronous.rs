//! The store port for hosts whose clients are asynchronous: the same contract, awaited.

use alloc::vec::Vec;
use core::future::{Future, ready};

use super::{Cell, Class, Commit, Error, Key, Write};
#[cfg(feature = "std")]
use super::{MemoryStore, Store};
use crate::Timestamp;

/// A place to keep cells, asked by futures: what [`Store`](super::Store) is to callers that block.
///
/// [`AsyncEngine`](crate::AsyncEngine) works on it. The whole contract of [`Store`](super::Store)
/// holds, its section on security included; nothing here names a runtime, and an implementation
/// may need one.
///
/// # A future that is dropped
///
/// * A future that was never polled has done nothing.
/// * A commit whose future is dropped applies all of its writes or none, at once or after a while:
///   its outcome is [`Error::Unknown`], told to nobody. An implementation that commits in several
///   steps must therefore let the last one alone decide, and must not hand a connection with an
///   open transaction to the next caller.
/// * A load or purge whose future is dropped leaves nothing behind that another call could read
///   as its own answer.
///
/// ```
/// use otp_engine::store::{Cell, Class, Commit, Error, Key, Write};
/// use otp_engine::{AsyncStore, MemoryStore, Timestamp};
///
/// /// Counts its round trips.
/// struct Counted(MemoryStore, std::sync::atomic::AtomicUsize);
///
/// impl AsyncStore for Counted {
///     async fn load(&self, keys: &[Key]) -> Result<Vec<Option<Cell>>, Error> {
///         self.1.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
///         AsyncStore::load(&self.0, keys).await
///     }
///
///     async fn commit(&self, writes: &[Write<'_>], now: Timestamp) -> Result<Commit, Error> {
///         self.1.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
///         AsyncStore::commit(&self.0, writes, now).await
///     }
///
///     async fn purge(&self, now: Timestamp, limit: usize) -> Result<usize, Error> {
///         AsyncStore::purge(&self.0, now, limit).await
///     }
///
///     fn class(&self) -> Class {
///         AsyncStore::class(&self.0)
///     }
/// }
/// ```
pub trait AsyncStore: Send + Sync {
    /// Loads the cells under `keys`, in order, `None` where there is none.
    ///
    /// At most [`MAX_CELLS`](super::MAX_CELLS) keys, no two alike; none at all is no error.
    ///
    /// # Errors
    ///
    /// Any [`Error`].
    fn load(&self, keys: &[Key]) -> impl Future<Output = Result<Vec<Option<Cell>>, Error>> + Send;

    /// Applies all `writes`, or none; what is `Done` survives a crash as the [class](Self::class)
    /// promises.
    ///
    /// `now` and the bounds are those of [`Store::commit`](super::Store::commit).
    ///
    /// # Errors
    ///
    /// As those of [`Store::commit`](super::Store::commit): only after [`Error::Unknown`] the
    /// writes may have been applied.
    fn commit(
        &self,
        writes: &[Write<'_>],
        now: Timestamp,
    ) -> impl Future<Output = Result<Commit, Error>> + Send;

    /// Drops at most `limit` cells whose `discard_after` lies before `now`, never one that has
    /// none; returns how many.
    ///
    /// # Errors
    ///
    /// As those of [`Store::purge`](super::Store::purge): only after [`Error::Unknown`] cells may have
    /// been dropped.
    fn purge(
        &self,
        now: Timestamp,
        limit: usize,
    ) -> impl Future<Output = Result<usize, Error>> + Send;

    /// Returns how long this store keeps what it was given; the same for the store's whole life.
    fn class(&self) -> Class;

    /// Says whether the store holds any cell at all; `None` where it cannot tell:
    /// [`Store::has_cells`](super::Store::has_cells).
    ///
    /// # Errors
    ///
    /// Any [`Error`].
    fn has_cells(&self) -> impl Future<Output = Result<Option<bool>, Error>> + Send {
        ready(Ok(None))
    }
}

/// Ready at the first poll, which holds no lock when it returns.
#[cfg(feature = "std")]
impl AsyncStore for MemoryStore {
    async fn load(&self, keys: &[Key]) -> Result<Vec<Option<Cell>>, Error> {
        let mut cells = Vec::with_capacity(keys.len());
        Store::load(self, keys, &mut cells)?;
        Ok(cells)
    }

    async fn commit(&self, writes: &[Write<'_>], now: Timestamp) -> Result<Commit, Error> {
        Store::commit(self, writes, now)
    }

    async fn purge(&self, now: Timestamp, limit: usize) -> Result<usize, Error> {
        Store::purge(self, now, limit)
    }

    fn class(&self) -> Class {
        Store::class(self)
    }

    async fn has_cells(&self) -> Result<Option<bool>, Error> {
        Store::has_cells(self)
    }
}
