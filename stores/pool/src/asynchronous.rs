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
    lent::{self, Age, Idle, Lent},
};

/// At most so many connections, lent by the rules of [`Pool`](crate::Pool) to futures of a Tokio
/// runtime whose time is enabled.
///
/// A future that is dropped while it has a connection **closes** that one: whatever the server still
/// answers is read by nobody, so it can be nobody else's answer. Its place is free at once, or, where
/// the pool [abandons](Self::abandons_by) in an orderly way, when that is done.
pub struct AsyncPool<C> {
    idle: Idle<C>,
    connect: Box<Connect<C>>,
    abandon: Option<Box<Abandon<C>>>,
    places: Arc<Semaphore>,
    patience: Duration,
}

type Connect<C> = dyn Fn() -> Connecting<C> + Send + Sync;
type Connecting<C> = Pin<Box<dyn Future<Output = Result<C, Error>> + Send>>;
type Abandon<C> = dyn Fn(C) -> Abandoning + Send + Sync;
type Abandoning = Pin<Box<dyn Future<Output = ()> + Send>>;

impl<C> AsyncPool<C> {
    /// Makes a pool of at most `most` connections, which begins with `first` and makes the others
    /// by `connect`; a call waits for one no longer than `patience`.
    ///
    /// One that `is_closed` already is not lent.
    pub fn new<F>(
        first: C,
        connect: impl Fn() -> F + Send + Sync + 'static,
        is_closed: fn(&C) -> bool,
        most: usize,
        patience: Duration,
    ) -> Self
    where
        F: Future<Output = Result<C, Error>> + Send + 'static,
    {
        Self {
            idle: Idle::new(first, is_closed),
            connect: Box::new(move || Box::pin(connect())),
            abandon: None,
            places: Arc::new(Semaphore::new(most.min(Semaphore::MAX_PERMITS))),
            patience,
        }
    }

    /// Ends a connection whose caller was dropped by `abandon`, in a task of the caller's runtime,
    /// and keeps its place until that is done; outside of a runtime, the connection is closed.
    #[must_use]
    pub fn abandons_by<F>(mut self, abandon: impl Fn(C) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        self.abandon = Some(Box::new(move |connection| Box::pin(abandon(connection))));
        self
    }

    /// Asks what changes nothing, as [`Pool::ask`](crate::Pool::ask) does.
    ///
    /// # Errors
    ///
    /// `Unavailable` where there is no connection, or no answer.
    pub async fn ask<T, F: Fault>(
        &self,
        question: impl AsyncFnOnce(&mut C) -> Result<T, F> + Copy,
    ) -> Result<T, Error> {
        loop {
            let mut held = self.hold().await?;
            let answer = question(held.connection()).await;
            if let ControlFlow::Break(answer) = held.release().asked(answer) {
                return answer;
            }
        }
    }

    /// Tells what may change something, once, as [`Pool::tell`](crate::Pool::tell) does.
    ///
    /// # Errors
    ///
    /// `Unavailable` where there is no connection: nothing was told.
    pub async fn tell<T, F: Fault>(
        &self,
        statement: impl AsyncFnOnce(&mut C) -> Result<T, F>,
    ) -> Result<Result<T, F>, Error> {
        let mut held = self.hold().await?;
        let told = statement(held.connection()).await;
        Ok(held.release().told(told))
    }

    /// Takes all idle connections.
    pub fn take_idle(&self) -> Vec<C> {
        self.idle.take_all()
    }

    /// Returns how many places are free; for tests.
    #[doc(hidden)]
    #[must_use]
    pub fn free_places(&self) -> usize {
        self.places.available_permits()
    }

    /// Makes the pool one of another process, as a fork does; for tests.
    #[doc(hidden)]
    pub const fn set_process(&mut self, process: u32) {
        self.idle.set_process(process);
    }

    /// Lends a connection that is abandoned where its caller is dropped.
    async fn hold(&self) -> Result<Held<'_, C>, Error> {
        let lent = Some(self.lend().await?);
        let abandon = self.abandon.as_deref();
        Ok(Held { lent, abandon })
    }

    /// Lends a connection, the last one used or a new one.
    async fn lend(&self) -> Result<Lent<'_, C, OwnedSemaphorePermit>, Error> {
        self.idle.check_process()?;
        let place = timeout(self.patience, Arc::clone(&self.places).acquire_owned()).await;
        // It is never closed, so only the time can be over.
        let place = place.ok().and_then(Result::ok);
        let place = place.ok_or_else(lent::none_in_time)?;
        let (connection, age) = match self.idle.take() {
            Some(idle) => (idle, Age::Used),
            None => ((self.connect)().await?, Age::New),
        };
        Ok(Lent::new(connection, age, &self.idle, place))
    }
}

/// A connection that is in use until it is released.
struct Held<'a, C> {
    lent: Option<Lent<'a, C, OwnedSemaphorePermit>>,
    abandon: Option<&'a Abandon<C>>,
}

impl<'a, C> Held<'a, C> {
    fn connection(&mut self) -> &mut C {
        let lent = self.lent.as_mut().expect(NOT_RELEASED);
        lent.connection()
    }

    fn release(mut self) -> Lent<'a, C, OwnedSemaphorePermit> {
        self.lent.take().expect(NOT_RELEASED)
    }
}

const NOT_RELEASED: &str = "it is released once, by value";

impl<C> Drop for Held<'_, C> {
    fn drop(&mut self) {
        let Some(lent) = self.lent.take() else {
            return;
        };
        if let (Some(abandon), Ok(runtime)) = (self.abandon, Handle::try_current()) {
            let (connection, place) = lent.into_parts();
            let abandoning = abandon(connection);
            drop(runtime.spawn(async move {
                abandoning.await;
                drop(place);
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
