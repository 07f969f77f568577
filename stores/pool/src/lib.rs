//! The connections of a store on a server: a few, lent one at a time; who comes when all are out
//! waits a while. Part of `otp-engine-postgres` and `otp-engine-redis`.
//!
//! What is [asked](Pool::ask) may be asked again and is, once, where a connection was cut while it
//! lay idle. What is [told](Pool::tell) is never told again: nobody knows whether it was heard.

use core::{fmt, time::Duration};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use otp_engine::store::Error;

/// What a connection failed by.
pub trait Fault: core::error::Error + Send + Sync + 'static {
    /// Says whether the connection is gone, so that another one may fare better.
    fn is_lost(&self) -> bool;

    /// Says whether the connection is as good as before.
    fn leaves_connection_sound(&self) -> bool;
}

/// At most so many connections, of which some are idle and some are lent.
pub struct Pool<C> {
    connect: Box<Connect<C>>,
    is_closed: fn(&C) -> bool,
    state: Mutex<State<C>>,
    freed: Condvar,
    most: usize,
    patience: Duration,
    process: u32,
}

type Connect<C> = dyn Fn() -> Result<C, Error> + Send + Sync;

struct State<C> {
    idle: Vec<C>,
    lent: usize,
}

/// Whether a connection may have been cut since it was last used.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Age {
    New,
    Used,
}

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
            connect: Box::new(connect),
            is_closed,
            state: Mutex::new(State {
                idle: vec![first],
                lent: 0,
            }),
            freed: Condvar::new(),
            most,
            patience,
            process: std::process::id(),
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
            let (place, mut connection, age) = self.connection()?;
            let fault = match question(&mut connection) {
                Ok(answer) => {
                    place.give_back(connection);
                    return Ok(answer);
                }
                Err(fault) => fault,
            };
            if fault.is_lost() && age == Age::Used {
                drop(self.take_idle()); // what cut one may have cut all
                continue;
            }
            if fault.leaves_connection_sound() {
                place.give_back(connection);
            }
            return Err(Error::unavailable(fault));
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
        let (place, mut connection, _) = self.connection()?;
        let told = statement(&mut connection);
        match &told {
            Err(fault) if !fault.leaves_connection_sound() => {
                // One that may not write is most likely a former primary: the next may be another.
                drop(self.take_idle());
            }
            _ => place.give_back(connection),
        }
        Ok(told)
    }

    /// Takes all idle connections.
    pub fn take_idle(&self) -> Vec<C> {
        core::mem::take(&mut self.state().idle)
    }

    /// Makes the pool one of another process, as a fork does; for tests.
    #[doc(hidden)]
    pub const fn set_process(&mut self, process: u32) {
        self.process = process;
    }

    /// Takes a connection, the last one used or a new one.
    fn connection(&self) -> Result<(Place<'_, C>, C, Age), Error> {
        if self.process != std::process::id() {
            return Err(Error::unavailable(
                "the store was opened before this process was forked",
            ));
        }
        let busy = || Error::unavailable("all connections stayed in use");
        let mut place = self.place().ok_or_else(busy)?;
        match place.idle.take().filter(|idle| !(self.is_closed)(idle)) {
            Some(idle) => Ok((place, idle, Age::Used)),
            None => (self.connect)().map(|new| (place, new, Age::New)),
        }
    }

    /// Returns a place for one connection; `None` where all stay taken for too long.
    fn place(&self) -> Option<Place<'_, C>> {
        let is_full = |state: &mut State<C>| state.lent >= self.most;
        let wait = self
            .freed
            .wait_timeout_while(self.state(), self.patience, is_full);
        let (mut state, timeout) = wait.unwrap_or_else(PoisonError::into_inner);
        if timeout.timed_out() {
            return None;
        }
        state.lent += 1;
        // The last one used is the first one lent: it is the least likely to have been cut.
        let idle = state.idle.pop();
        drop(state);
        Some(Place { pool: self, idle })
    }

    /// The state is whole at any moment, whoever panicked.
    fn state(&self) -> MutexGuard<'_, State<C>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<C> Drop for Pool<C> {
    /// Leaves inherited connections open: to close one would end the parent's session.
    fn drop(&mut self) {
        if self.process != std::process::id() {
            core::mem::forget(self.take_idle());
        }
    }
}

impl<C> fmt::Debug for Pool<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pool").finish_non_exhaustive()
    }
}

/// The right to one connection; free again when this is dropped.
struct Place<'a, C> {
    pool: &'a Pool<C>,
    /// The idle connection that came with the place.
    idle: Option<C>,
}

impl<C> Place<'_, C> {
    /// Keeps a connection that is sound for whoever comes next.
    fn give_back(self, connection: C) {
        self.pool.state().idle.push(connection);
    }
}

impl<C> Drop for Place<'_, C> {
    fn drop(&mut self) {
        self.pool.state().lent -= 1;
        self.pool.freed.notify_one();
    }
}

#[cfg(test)]
mod tests;
