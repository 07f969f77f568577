//! The pool of callers that await.

use core::{fmt, future::Future, ops::ControlFlow, pin::Pin, time::Duration};
use std::sync::Arc;

use otp_engine::store::Error;
use tokio::{
    runtime::Handle,
    sync::{OwnedSemaphorePermit, Semaphore},
    time::timeout,
};

use crate::{
    Fault,
    checked_out::{self, Age, CheckedOut, Idle},
};

/// At most so many connections, lent by the rules of [`Pool`](crate::Pool) to futures of a Tokio
/// runtime whose time is enabled.
///
/// A future that is dropped while it has a connection **closes** that one: whatever the server still
/// answers is read by nobody, so it can be nobody else's answer. Its permit is free at once, or, where
/// the pool [abandons](Self::abandons_by) in an orderly way, when that is done.
pub struct AsyncPool<C> {
    idle: Idle<C>,
    connect: Box<Connect<C>>,
    abandon: Option<Box<Abandon<C>>>,
    permits: Arc<Semaphore>,
    acquire_timeout: Duration,
}

type Connect<C> = dyn Fn() -> Connecting<C> + Send + Sync;
type Connecting<C> = Pin<Box<dyn Future<Output = Result<C, Error>> + Send>>;
type Abandon<C> = dyn Fn(C) -> Abandoning + Send + Sync;
type Abandoning = Pin<Box<dyn Future<Output = ()> + Send>>;

impl<C> AsyncPool<C> {
    /// Makes a pool of at most `max_size` connections, which begins with `first` and makes the others
    /// by `connect`; a call waits for one no longer than `acquire_timeout`.
    ///
    /// One that `is_closed` already is not handed out.
    pub fn new<F>(
        first: C,
        connect: impl Fn() -> F + Send + Sync + 'static,
        is_closed: fn(&C) -> bool,
        max_size: usize,
        acquire_timeout: Duration,
    ) -> Self
    where
        F: Future<Output = Result<C, Error>> + Send + 'static,
    {
        Self {
            idle: Idle::new(first, is_closed),
            connect: Box::new(move || Box::pin(connect())),
            abandon: None,
            permits: Arc::new(Semaphore::new(max_size.min(Semaphore::MAX_PERMITS))),
            acquire_timeout,
        }
    }

    /// Ends a connection whose caller was dropped by `abandon`, in a task of the caller's runtime,
    /// and keeps its permit until that is done; outside of a runtime, the connection is closed.
    #[must_use]
    pub fn abandons_by<F>(mut self, abandon: impl Fn(C) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        self.abandon = Some(Box::new(move |connection| Box::pin(abandon(connection))));
        self
    }

    /// Runs `question`, which changes nothing, as [`Pool::read`](crate::Pool::read) does.
    ///
    /// # Errors
    ///
    /// `Unavailable` where there is no connection, or no answer.
    pub async fn read<T, F: Fault>(
        &self,
        question: impl AsyncFnOnce(&mut C) -> Result<T, F> + Copy,
    ) -> Result<T, Error> {
        loop {
            let mut held = self.hold().await?;
            let answer = question(held.get()).await;
            if let ControlFlow::Break(answer) = held.release().after_read(answer) {
                return answer;
            }
        }
    }

    /// Runs `statement`, which may change something, once, as [`Pool::write`](crate::Pool::write) does.
    ///
    /// # Errors
    ///
    /// `Unavailable` where there is no connection: `statement` was not run.
    pub async fn write<T, F: Fault>(
        &self,
        statement: impl AsyncFnOnce(&mut C) -> Result<T, F>,
    ) -> Result<Result<T, F>, Error> {
        let mut held = self.hold().await?;
        let told = statement(held.get()).await;
        Ok(held.release().after_write(told))
    }

    /// Takes all idle connections.
    pub fn take_idle(&self) -> Vec<C> {
        self.idle.take_all()
    }

    /// Returns how many permits are free; for tests.
    #[doc(hidden)]
    #[must_use]
    pub fn free_permits(&self) -> usize {
        self.permits.available_permits()
    }

    /// Makes the pool one of another process, as a fork does; for tests.
    #[doc(hidden)]
    pub const fn set_process(&mut self, process: u32) {
        self.idle.set_process(process);
    }

    /// Checks out a connection that is abandoned where its caller is dropped.
    async fn hold(&self) -> Result<Held<'_, C>, Error> {
        let checked_out = Some(self.acquire().await?);
        let abandon = self.abandon.as_deref();
        Ok(Held {
            checked_out,
            abandon,
        })
    }

    /// Checks out a connection: the last one used, or a new one.
    async fn acquire(&self) -> Result<CheckedOut<'_, C, OwnedSemaphorePermit>, Error> {
        self.idle.check_process()?;
        let permit = timeout(
            self.acquire_timeout,
            Arc::clone(&self.permits).acquire_owned(),
        )
        .await;
        // It is never closed, so only the time can be over.
        let permit = permit.ok().and_then(Result::ok);
        let permit = permit.ok_or_else(checked_out::none_in_time)?;
        let (connection, age) = match self.idle.take() {
            Some(idle) => (idle, Age::Used),
            None => ((self.connect)().await?, Age::New),
        };
        Ok(CheckedOut::new(connection, age, &self.idle, permit))
    }
}

/// A connection that is in use until it is released.
struct Held<'a, C> {
    checked_out: Option<CheckedOut<'a, C, OwnedSemaphorePermit>>,
    abandon: Option<&'a Abandon<C>>,
}

impl<'a, C> Held<'a, C> {
    fn get(&mut self) -> &mut C {
        let connection = self.checked_out.as_mut().expect(NOT_RELEASED);
        connection.get()
    }

    fn release(mut self) -> CheckedOut<'a, C, OwnedSemaphorePermit> {
        self.checked_out.take().expect(NOT_RELEASED)
    }
}

const NOT_RELEASED: &str = "it is released once, by value";

impl<C> Drop for Held<'_, C> {
    fn drop(&mut self) {
        let Some(checked_out) = self.checked_out.take() else {
            return;
        };
        if let (Some(abandon), Ok(runtime)) = (self.abandon, Handle::try_current()) {
            let (connection, permit) = checked_out.into_parts();
            let abandoning = abandon(connection);
            drop(runtime.spawn(async move {
                abandoning.await;
                drop(permit);
            }));
        }
    }
}

impl<C> fmt::Debug for AsyncPool<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AsyncPool").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
