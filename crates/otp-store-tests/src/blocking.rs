//! The way for stores that are awaited through this suite, whose threads block.

use alloc::vec::Vec;
use core::{fmt, future::Future, pin::Pin, pin::pin};

use otp_engine::{
    AsyncStore, Timestamp,
    store::{Cell, Class, Commit, Error, Key, Store, Write},
};

/// An [`AsyncStore`] as a [`Store`]: each call blocks on one future of it.
///
/// The runtime is yours: `block_on` must poll what it is given until it is ready, as
/// `|future| runtime.block_on(future)` does with most. One that comes back before leaves the call
/// an error.
///
/// ```
/// use core::{hint, task::{Context, Waker}};
/// use otp_engine::MemoryStore;
/// use otp_store_tests::{Blocking, Options, check};
///
/// let options = Options::new().threads(4).slots(20).cells(100);
/// let report = check(&|| {
///     Box::new(Blocking::new(MemoryStore::new(), |mut future| {
///         while future.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending() {
///             hint::spin_loop();
///         }
///     }))
/// }, &options);
/// assert!(report.passed(), "{report}");
/// ```
pub struct Blocking<S, B> {
    store: S,
    block_on: B,
}

impl<S, B> Blocking<S, B>
where
    S: AsyncStore,
    B: Fn(Pin<&mut (dyn Future<Output = ()> + Send + '_)>) + Send + Sync,
{
    /// Blocks on the futures of `store` by `block_on`.
    pub const fn new(store: S, block_on: B) -> Self {
        Self { store, block_on }
    }

    /// Returns the store behind it.
    pub const fn store(&self) -> &S {
        &self.store
    }

    /// Returns what the future came to, or `None` if it was left before.
    fn wait<T: Send>(&self, future: impl Future<Output = T> + Send) -> Option<T> {
        let mut answer = None;
        (self.block_on)(pin!(async { answer = Some(future.await) }));
        answer
    }
}

impl<S, B> Store for Blocking<S, B>
where
    S: AsyncStore,
    B: Fn(Pin<&mut (dyn Future<Output = ()> + Send + '_)>) + Send + Sync,
{
    fn load(&self, keys: &[Key], cells: &mut Vec<Option<Cell>>) -> Result<(), Error> {
        let loaded = self.wait(self.store.load(keys));
        *cells = loaded.ok_or_else(|| Error::unavailable(LEFT))??;
        Ok(())
    }

    fn commit(&self, writes: &[Write<'_>], now: Timestamp) -> Result<Commit, Error> {
        let outcome = self.wait(self.store.commit(writes, now));
        outcome.ok_or_else(|| Error::unknown(LEFT))?
    }

    fn purge(&self, now: Timestamp, limit: usize) -> Result<usize, Error> {
        let dropped = self.wait(self.store.purge(now, limit));
        dropped.ok_or_else(|| Error::unavailable(LEFT))?
    }

    fn class(&self) -> Class {
        self.store.class()
    }

    fn has_cells(&self) -> Result<Option<bool>, Error> {
        let told = self.wait(self.store.has_cells());
        told.ok_or_else(|| Error::unavailable(LEFT))?
    }
}

impl<S: fmt::Debug, B> fmt::Debug for Blocking<S, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Blocking")
            .field("store", &self.store)
            .finish_non_exhaustive()
    }
}

const LEFT: &str = "the future was left before it was ready";
