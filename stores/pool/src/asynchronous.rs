//! The pool of callers that await.

use core::{fmt, future::Future, ops::ControlFlow, pin::Pin, time::Duration};

use otp_engine::store::Error;
use tokio::{
    sync::{Semaphore, SemaphorePermit},
    time::timeout,
};

use crate::{
    Fault,
    lent::{self, Age, Idle, Lent},
};

/// At most so many connections, lent by the rules of [`Pool`](crate::Pool) to futures of a Tokio
/// runtime whose time is enabled.
///
/// A future that is dropped while it has a connection **closes** that one, and its place is free at
/// once: whatever the server still answers is read by nobody, so it can be nobody else's answer.
/// Reading it to its end instead would take a task, and a place, that outlive the caller.
pub struct AsyncPool<C> {
    idle: Idle<C>,
    connect: Box<Connect<C>>,
    places: Semaphore,
    patience: Duration,
}

type Connect<C> = dyn Fn() -> Connecting<C> + Send + Sync;
type Connecting<C> = Pin<Box<dyn Future<Output = Result<C, Error>> + Send>>;

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
            places: Semaphore::new(most.min(Semaphore::MAX_PERMITS)),
            patience,
        }
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
            let mut lent = self.lend().await?;
            let answer = question(lent.connection()).await;
            if let ControlFlow::Break(answer) = lent.asked(answer) {
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
        let mut lent = self.lend().await?;
        let told = statement(lent.connection()).await;
        Ok(lent.told(told))
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

    /// Lends a connection, the last one used or a new one.
    async fn lend(&self) -> Result<Lent<'_, C, SemaphorePermit<'_>>, Error> {
        self.idle.check_process()?;
        let place = timeout(self.patience, self.places.acquire()).await;
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

impl<C> fmt::Debug for AsyncPool<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AsyncPool").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
