//! The rules of a pool, however a caller waits: who gets which connection, and what becomes of it.

use core::ops::ControlFlow;
use std::sync::{Mutex, MutexGuard, PoisonError};

use otp_engine::store::Error;

use crate::Fault;

/// The connections that nobody uses, of the one process that made them.
pub(crate) struct Idle<C> {
    connections: Mutex<Vec<C>>,
    is_closed: fn(&C) -> bool,
    process: u32,
}

/// Whether a connection may have been cut since it was last used.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Age {
    New,
    Used,
}

impl<C> Idle<C> {
    pub(crate) fn new(first: C, is_closed: fn(&C) -> bool) -> Self {
        Self {
            connections: Mutex::new(vec![first]),
            is_closed,
            process: std::process::id(),
        }
    }

    /// Takes the last one used, which is the least likely to have been cut; `None` where it was.
    pub(crate) fn take(&self) -> Option<C> {
        let last = self.connections().pop();
        last.filter(|idle| !(self.is_closed)(idle))
    }

    pub(crate) fn give_back(&self, connection: C) {
        self.connections().push(connection);
    }

    pub(crate) fn take_all(&self) -> Vec<C> {
        core::mem::take(&mut self.connections())
    }

    /// Refuses a process that was forked from the one of these connections.
    pub(crate) fn check_process(&self) -> Result<(), Error> {
        if self.process == std::process::id() {
            return Ok(());
        }
        Err(Error::unavailable(
            "the store was opened before this process was forked",
        ))
    }

    pub(crate) const fn set_process(&mut self, process: u32) {
        self.process = process;
    }

    /// They are whole at any moment, whoever panicked.
    fn connections(&self) -> MutexGuard<'_, Vec<C>> {
        self.connections
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl<C> Drop for Idle<C> {
    /// Leaves inherited connections open: to close one would end the parent's session.
    fn drop(&mut self) {
        if self.process != std::process::id() {
            core::mem::forget(self.take_all());
        }
    }
}

/// A connection in use, with the permit `P` for it; dropped before its outcome is known,
/// the connection is closed, and then its permit is free.
pub(crate) struct CheckedOut<'a, C, P> {
    connection: C,
    age: Age,
    idle: &'a Idle<C>,
    permit: P,
}

impl<'a, C, P> CheckedOut<'a, C, P> {
    pub(crate) const fn new(connection: C, age: Age, idle: &'a Idle<C>, permit: P) -> Self {
        Self {
            connection,
            age,
            idle,
            permit,
        }
    }

    pub(crate) const fn get(&mut self) -> &mut C {
        &mut self.connection
    }

    /// Takes the connection away with its permit.
    #[cfg(feature = "async")]
    pub(crate) fn into_parts(self) -> (C, P) {
        (self.connection, self.permit)
    }

    /// Ends with the answer to a question; goes on where it is to be asked once more.
    pub(crate) fn after_read<T, F: Fault>(
        self,
        answer: Result<T, F>,
    ) -> ControlFlow<Result<T, Error>> {
        let fault = match answer {
            Ok(answer) => {
                self.give_back();
                return ControlFlow::Break(Ok(answer));
            }
            Err(fault) => fault,
        };
        if fault.is_lost() && self.age == Age::Used {
            drop(self.idle.take_all()); // what cut one may have cut all
            return ControlFlow::Continue(());
        }
        if fault.leaves_connection_sound() {
            self.give_back();
        }
        ControlFlow::Break(Err(Error::unavailable(fault)))
    }

    /// Ends with what came of a statement.
    pub(crate) fn after_write<T, F: Fault>(self, told: Result<T, F>) -> Result<T, F> {
        match &told {
            Err(fault) if !fault.leaves_connection_sound() => {
                // One that may not write is most likely a former primary: the next may be another.
                drop(self.idle.take_all());
            }
            _ => self.give_back(),
        }
        told
    }

    /// Keeps the connection for whoever comes next, and then makes room for them.
    fn give_back(self) {
        self.idle.give_back(self.connection);
        drop(self.permit);
    }
}

pub(crate) fn none_in_time() -> Error {
    Error::unavailable("all connections stayed in use")
}
