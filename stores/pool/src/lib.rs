//! The connections of a store on a server: a few, lent one at a time; who comes when all are out
//! waits a while. Part of `otp-engine-postgres` and `otp-engine-redis`.
//!
//! What is [asked](Pool::ask) may be asked again and is, once, where a connection was cut while it
//! lay idle. What is [told](Pool::tell) is never told again: nobody knows whether it was heard.
//!
//! `AsyncPool` (feature `async`) lends by the same rules to callers that await.

use core::{fmt, ops::ControlFlow, time::Duration};
use std::sync::{Condvar, Mutex, PoisonError};

use otp_engine::store::Error;

#[cfg(feature = "async")]
mod asynchronous;
mod lent;

#[cfg(feature = "async")]
pub use asynchronous::AsyncPool;

use lent::{Age, Idle, Lent};

/// What a connection failed by.
pub trait Fault: core::error::Error + Send + Sync + 'static {
    /// Says whether the connection is gone, so that another one may fare better.
    fn is_lost(&self) -> bool;

    /// Says whether the connection is as good as before.
    fn leaves_connection_sound(&self) -> bool;
}

/// At most so many connections, of which some are idle and some are lent.
pub struct Pool<C> {
    idle: Idle<C>,
    connect: Box<Connect<C>>,
    lent: Mutex<usize>,
    freed: Condvar,
    most: usize,
    patience: Duration,
}

type Connect<C> = dyn Fn() -> Result<C, Error> + Send + Sync;

impl<C> Pool<C> {
    /// Makes a pool of at most `most` connections, which begins with `first` and makes the others
    /// by `connect`; a call waits for one no longer than `patience`.
    ///
    /// One that `is_closed` already is not lent.
    pub fn new(
        first: C,
        connect: impl Fn() -> Result<C, Error> + Send + Sync + 'static,
        is_closed: fn(&C) -> bool,
        most: usize,
        patience: Duration,
    ) -> Self {
        Self {
            idle: Idle::new(first, is_closed),
            connect: Box::new(connect),
            lent: Mutex::new(0),
            freed: Condvar::new(),
            most,
            patience,
        }
    }

    /// Asks what changes nothing: once more, on a new connection, where one that was used before
    /// is lost.
    ///
    /// # Errors
    ///
    /// `Unavailable` where there is no connection, or no answer.
    pub fn ask<T, F: Fault>(
        &self,
        mut question: impl FnMut(&mut C) -> Result<T, F>,
    ) -> Result<T, Error> {
        loop {
            let mut lent = self.lend()?;
            let answer = question(lent.connection());
            if let ControlFlow::Break(answer) = lent.asked(answer) {
                return answer;
            }
        }
    }

    /// Tells what may change something, once; the fault is for the caller to judge.
    ///
    /// # Errors
    ///
    /// `Unavailable` where there is no connection: nothing was told.
    pub fn tell<T, F: Fault>(
        &self,
        statement: impl FnOnce(&mut C) -> Result<T, F>,
    ) -> Result<Result<T, F>, Error> {
        let mut lent = self.lend()?;
        let told = statement(lent.connection());
        Ok(lent.told(told))
    }

    /// Takes all idle connections.
    pub fn take_idle(&self) -> Vec<C> {
        self.idle.take_all()
    }

    /// Makes the pool one of another process, as a fork does; for tests.
    #[doc(hidden)]
    pub const fn set_process(&mut self, process: u32) {
        self.idle.set_process(process);
    }

    /// Lends a connection, the last one used or a new one.
    fn lend(&self) -> Result<Lent<'_, C, Place<'_>>, Error> {
        self.idle.check_process()?;
        let place = self.place().ok_or_else(lent::none_in_time)?;
        let (connection, age) = match self.idle.take() {
            Some(idle) => (idle, Age::Used),
            None => ((self.connect)()?, Age::New),
        };
        Ok(Lent::new(connection, age, &self.idle, place))
    }

    /// Returns a place for one connection; `None` where all stay taken for too long.
    fn place(&self) -> Option<Place<'_>> {
        let is_full = |lent: &mut usize| *lent >= self.most;
        let lent = self.lent.lock().unwrap_or_else(PoisonError::into_inner);
        let wait = self.freed.wait_timeout_while(lent, self.patience, is_full);
        let (mut lent, timeout) = wait.unwrap_or_else(PoisonError::into_inner);
        if timeout.timed_out() {
            return None;
        }
        *lent += 1;
        drop(lent);
        Some(Place {
            lent: &self.lent,
            freed: &self.freed,
        })
    }
}

impl<C> fmt::Debug for Pool<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pool").finish_non_exhaustive()
    }
}

/// The right to one connection; free again when this is dropped.
struct Place<'a> {
    lent: &'a Mutex<usize>,
    freed: &'a Condvar,
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        *self.lent.lock().unwrap_or_else(PoisonError::into_inner) -= 1;
        self.freed.notify_one();
    }
}

#[cfg(test)]
mod tests;
