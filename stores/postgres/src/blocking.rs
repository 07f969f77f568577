//! A session for callers that block: whoever waits for an answer drives its connection, on a
//! runtime that the session has to itself; no thread is started.

use core::future::Future;
use std::io;

use tokio::runtime::{Builder, Runtime};

use crate::{
    error::{OpenError, Reason},
    session::Session,
};

/// A session, and what drives it.
pub(crate) struct BlockingSession {
    runtime: Runtime,
    session: Session,
}

impl BlockingSession {
    pub(crate) fn new(
        connecting: impl Future<Output = Result<Session, OpenError>>,
    ) -> Result<Self, OpenError> {
        let (runtime, session) = drive(connecting)?;
        Ok(Self { runtime, session })
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.session.is_closed()
    }

    /// Waits for what `work` asks.
    pub(crate) fn wait<T>(&mut self, work: impl AsyncFnOnce(&mut Session) -> T) -> T {
        self.runtime.block_on(work(&mut self.session))
    }
}

/// Does `work` on a runtime of its own, which still drives what it returns.
pub(crate) fn drive<T>(
    work: impl Future<Output = Result<T, OpenError>>,
) -> Result<(Runtime, T), OpenError> {
    let runtime: io::Result<_> = Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(Reason::Runtime)?;
    match runtime.block_on(work) {
        Ok(done) => Ok((runtime, done)),
        Err(reason) => {
            runtime.shutdown_background(); // a name may still be looked up
            Err(reason)
        }
    }
}
