//! A connection pool for a store on a server: at most `max_size` connections; callers block up to
//! `acquire_timeout` for one. Part of `otp-engine-postgres` and `otp-engine-redis`.
//!
//! A [read](Pool::read) is retried once where a connection was cut while it lay idle. A
//! [write](Pool::write) is never retried: nobody knows whether the server received it.
//!
//! `AsyncPool` (feature `async`) follows the same rules for callers that await.

use core::{fmt, ops::ControlFlow, time::Duration};
use std::sync::{Condvar, Mutex, PoisonError};

use otp_engine::store::Error;

#[cfg(feature = "async")]
mod asynchronous;
mod checked_out;

#[cfg(feature = "async")]
pub use asynchronous::AsyncPool;

use checked_out::{Age, CheckedOut, Idle};

/// The error of a connection.
pub trait Fault: core::error::Error + Send + Sync + 'static {
    /// Says whether the connection is gone, so that another one may fare better.
    fn is_lost(&self) -> bool;

    /// Says whether the connection is as good as before.
    fn leaves_connection_sound(&self) -> bool;
}

/// At most `max_size` connections, some idle and some checked out.
pub struct Pool<C> {
    idle: Idle<C>,
    connect: Box<Connect<C>>,
    checked_out: Mutex<usize>,
    freed: Condvar,
    max_size: usize,
    acquire_timeout: Duration,
}

type Connect<C> = dyn Fn() -> Result<C, Error> + Send + Sync;

impl<C> Pool<C> {
    /// Makes a pool of at most `max_size` connections, which begins with `first` and makes the others
    /// by `connect`; a call waits for one no longer than `acquire_timeout`.
    ///
    /// One that `is_closed` already is not handed out.
    pub fn new(
        first: C,
        connect: impl Fn() -> Result<C, Error> + Send + Sync + 'static,
        is_closed: fn(&C) -> bool,
        max_size: usize,
        acquire_timeout: Duration,
    ) -> Self {
        Self {
            idle: Idle::new(first, is_closed),
            connect: Box::new(connect),
            checked_out: Mutex::new(0),
            freed: Condvar::new(),
            max_size,
            acquire_timeout,
        }
    }

    /// Runs `question`, which changes nothing; runs it once more, on a new connection, where one that was
    /// used before is lost.
    ///
    /// # Errors
    ///
    /// `Unavailable` where there is no connection, or no answer.
    pub fn read<T, F: Fault>(
        &self,
        mut question: impl FnMut(&mut C) -> Result<T, F>,
    ) -> Result<T, Error> {
        loop {
            let mut connection = self.acquire()?;
            let answer = question(connection.get());
            if let ControlFlow::Break(answer) = connection.after_read(answer) {
                return answer;
            }
        }
    }

    /// Runs `statement`, which may change something, once; its fault is for the caller to judge.
    ///
    /// # Errors
    ///
    /// `Unavailable` where there is no connection: `statement` was not run.
    pub fn write<T, F: Fault>(
        &self,
        statement: impl FnOnce(&mut C) -> Result<T, F>,
    ) -> Result<Result<T, F>, Error> {
        let mut connection = self.acquire()?;
        let told = statement(connection.get());
        Ok(connection.after_write(told))
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

    /// Checks out a connection: the last one used, or a new one.
    fn acquire(&self) -> Result<CheckedOut<'_, C, Permit<'_>>, Error> {
        self.idle.check_process()?;
        let permit = self.permit().ok_or_else(checked_out::none_in_time)?;
        let (connection, age) = match self.idle.take() {
            Some(idle) => (idle, Age::Used),
            None => ((self.connect)()?, Age::New),
        };
        Ok(CheckedOut::new(connection, age, &self.idle, permit))
    }

    /// Returns the permit for one connection; `None` where all stay taken for too long.
    fn permit(&self) -> Option<Permit<'_>> {
        let is_full = |checked_out: &mut usize| *checked_out >= self.max_size;
        let checked_out = self
            .checked_out
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let wait = self
            .freed
            .wait_timeout_while(checked_out, self.acquire_timeout, is_full);
        let (mut checked_out, timeout) = wait.unwrap_or_else(PoisonError::into_inner);
        if timeout.timed_out() {
            return None;
        }
        *checked_out += 1;
        drop(checked_out);
        Some(Permit {
            checked_out: &self.checked_out,
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
struct Permit<'a> {
    checked_out: &'a Mutex<usize>,
    freed: &'a Condvar,
}

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        *self
            .checked_out
            .lock()
            .unwrap_or_else(PoisonError::into_inner) -= 1;
        self.freed.notify_one();
    }
}

#[cfg(test)]
mod tests;
