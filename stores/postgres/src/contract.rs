//! What the contract asks of a store around its statements, whether its caller blocks or awaits.

use otp_engine::store::{
    Cell, Class, Commit, Error, Key, MAX_BODY, MAX_CELLS, Write, has_twice_one_key,
};

use crate::{fault::Fault, session::Made};

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

/// Answers a commit of which the server need not be told.
pub(crate) fn of_commit(writes: &[Write<'_>], class: Class) -> Option<Result<Commit, Error>> {
    let is_refused = |write: &Write<'_>| {
        write.body.len() > MAX_BODY || (write.discard_after.is_none() && class != Class::Permanent)
    };
    if writes.len() > MAX_CELLS || has_twice_one_key(writes) || writes.iter().any(is_refused) {
        return Some(Err(Error::Unsupported));
    }
    if writes.is_empty() {
        return Some(Ok(Commit::Done));
    }
    let beyond = |write: &Write<'_>| write.expected.get() >= i64::MAX.cast_unsigned();
    if writes.iter().any(beyond) {
        return Some(Ok(Commit::Conflict)); // no cell has such a version
    }
    None
}

/// Says what came of a commit that the server was told.
pub(crate) fn committed(told: Result<Made, Fault>) -> Result<Commit, Error> {
    match told {
        Ok(Made::Plainly) => Ok(Commit::Done),
        Ok(Made::Conflict) => Ok(Commit::Conflict),
        Ok(Made::WithWarning) => Err(Error::unknown("PostgreSQL committed with a warning")),
        Err(fault) => fault.of_commit(),
    }
}

/// Says what came of a purge that the server was told.
pub(crate) fn purged(told: Result<u64, Fault>) -> Result<usize, Error> {
    match told {
        Ok(dropped) => Ok(usize::try_from(dropped).unwrap_or(usize::MAX)),
        // One statement is one commit; where another commit was first, the next purge does it.
        Err(fault) => fault.of_commit().map(|_| 0),
    }
}

/// Returns the most cells that a purge drops, as the server counts.
pub(crate) fn most(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}
