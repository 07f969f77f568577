//! What the contract asks of a store around its commands, whether its caller blocks or awaits.

use core::ops::ControlFlow;

use otp_engine::store::{Cell, Commit, Error, Key, MAX_BODY, MAX_CELLS, Write, has_twice_one_key};

use crate::session::Sent;

/// Answers a load for which the server need not be asked.
pub(crate) const fn of_load(keys: &[Key]) -> Option<Result<Vec<Option<Cell>>, Error>> {
    if keys.len() > MAX_CELLS {
        return Some(Err(Error::Unsupported));
    }
    if keys.is_empty() {
        return Some(Ok(Vec::new()));
    }
    None
}

/// Encodes a commit, or answers one of which the server need not be told.
pub(crate) fn of_commit(writes: &[Write<'_>]) -> ControlFlow<Result<Commit, Error>, Sent> {
    let is_long = |write: &Write<'_>| write.body.len() > MAX_BODY;
    if writes.len() > MAX_CELLS || has_twice_one_key(writes) || writes.iter().any(is_long) {
        return ControlFlow::Break(Err(Error::Unsupported));
    }
    let sent = match Sent::new(writes) {
        Ok(sent) => sent,
        Err(unsupported) => return ControlFlow::Break(Err(unsupported)),
    };
    if writes.is_empty() {
        return ControlFlow::Break(Ok(Commit::Done));
    }
    if writes.iter().any(|write| write.expected.get() == u64::MAX) {
        return ControlFlow::Break(Ok(Commit::Conflict)); // there is no next version
    }
    ControlFlow::Continue(sent)
}
