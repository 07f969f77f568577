//! Commits that wait for the connection are made together: one transaction, one flush.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use otp_engine::store::{Commit, Error, Key, Version, Write};
use rusqlite::{Connection, ErrorCode, params};

use crate::{Locked, poisoned};

/// The commits that wait for the connection.
#[derive(Default)]
pub(crate) struct Queue {
    state: Mutex<State>,
    answered: Condvar,
}

#[derive(Default)]
struct State {
    waiting: Vec<Arc<Ticket>>,
    has_leader: bool,
}

impl Queue {
    /// Commits `writes`, together with all others that come meanwhile.
    ///
    /// The first to come leads: once it has the connection it makes the commits of all who wait.
    /// The others wait for their answers alone, not for the connection: a leader that comes back
    /// at once would take it from under them, and lead nobody but itself.
    pub(crate) fn commit<'a>(
        &self,
        writes: &[Write<'_>],
        lock: impl FnOnce() -> Result<Locked<'a>, Error>,
    ) -> Result<Commit, Error> {
        let ticket = Arc::new(Ticket::new(writes));
        let mut state = whole(&self.state);
        state.waiting.push(Arc::clone(&ticket));
        while state.has_leader {
            state = self
                .answered
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
            if let Some(answer) = ticket.take_answer() {
                return answer;
            }
        }
        state.has_leader = true;
        drop(state);

        let led = Led(self);
        let locked = lock();
        let group = core::mem::take(&mut whole(&self.state).waiting);
        match locked.as_ref().map(Locked::connection) {
            Ok(Ok(connection)) => commit_group(connection, &group),
            _ => group
                .iter()
                .for_each(|ticket| ticket.answer(Err(poisoned()))),
        }
        drop(locked);
        drop(led);
        // No answer: the leader that took this ticket panicked, nobody knows where.
        ticket.take_answer().unwrap_or(Err(Error::Unknown(None)))
    }

    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        whole(&self.state).waiting.len()
    }
}

/// A leader's time, also where it ends by a panic.
struct Led<'a>(&'a Queue);

impl Drop for Led<'_> {
    fn drop(&mut self) {
        whole(&self.0.state).has_leader = false;
        self.0.answered.notify_all();
    }
}

/// Locks what is whole at any moment, whoever panicked.
fn whole<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// One commit of a group, with what it writes and, in the end, its answer.
pub(crate) struct Ticket {
    writes: Vec<Owned>,
    answer: Mutex<Option<Result<Commit, Error>>>,
}

impl Ticket {
    pub(crate) fn new(writes: &[Write<'_>]) -> Self {
        let owned = |write: &Write<'_>| Owned {
            key: write.key,
            expected: write.expected,
            discard_after: write.discard_after.map(|after| after.unix()),
            body: write.body.into(),
        };
        Self {
            writes: writes.iter().map(owned).collect(),
            answer: Mutex::new(None),
        }
    }

    fn answer(&self, answer: Result<Commit, Error>) {
        *whole(&self.answer) = Some(answer);
    }

    pub(crate) fn take_answer(&self) -> Option<Result<Commit, Error>> {
        whole(&self.answer).take()
    }
}

/// A write that outlives its caller's borrow.
struct Owned {
    key: Key,
    expected: Version,
    discard_after: Option<i64>,
    body: Box<[u8]>,
}

/// Makes the commits of all tickets in one transaction, and answers each of them.
///
/// A conflict undoes its own commit only; an error undoes all.
pub(crate) fn commit_group(connection: &Connection, group: &[Arc<Ticket>]) {
    match commit_all(connection, group) {
        Ok(outcomes) => {
            for (ticket, outcome) in group.iter().zip(outcomes) {
                ticket.answer(Ok(outcome));
            }
        }
        Err(failure) => {
            // It may have failed because it was: then there is nothing to roll back.
            rollback(connection).ok();
            for ticket in group {
                ticket.answer(Err(failure.to_error()));
            }
        }
    }
}

fn commit_all(connection: &Connection, group: &[Arc<Ticket>]) -> Result<Vec<Commit>, Failure> {
    let run = |sql| execute(connection, sql).map_err(Failure::before_commit);
    rollback(connection).map_err(Failure::before_commit)?; // what an earlier failure left open
    run("BEGIN IMMEDIATE")?;
    let mut outcomes = Vec::with_capacity(group.len());
    let is_alone = group.len() == 1; // the transaction itself undoes it
    for ticket in group {
        if !is_alone {
            run("SAVEPOINT one")?;
        }
        let outcome = write_all(connection, &ticket.writes).map_err(Failure::before_commit)?;
        if !is_alone {
            if outcome == Commit::Conflict {
                run("ROLLBACK TO one")?;
            }
            run("RELEASE one")?;
        }
        outcomes.push(outcome);
    }
    if outcomes.contains(&Commit::Done) {
        execute(connection, "COMMIT").map_err(Failure::of_commit)?;
    } else {
        run("ROLLBACK")?;
    }
    Ok(outcomes)
}

fn write_all(connection: &Connection, writes: &[Owned]) -> rusqlite::Result<Commit> {
    for write in writes {
        let Ok(expected) = i64::try_from(write.expected.get()) else {
            return Ok(Commit::Conflict); // no cell has such a version
        };
        let changed = if write.expected == Version::ABSENT {
            connection.prepare_cached(INSERT)?.execute(params![
                write.key.as_bytes(),
                write.discard_after,
                write.body
            ])?
        } else {
            connection.prepare_cached(UPDATE)?.execute(params![
                write.key.as_bytes(),
                write.discard_after,
                write.body,
                expected
            ])?
        };
        if changed != 1 {
            return Ok(Commit::Conflict);
        }
    }
    Ok(Commit::Done)
}

fn rollback(connection: &Connection) -> rusqlite::Result<()> {
    if connection.is_autocommit() {
        return Ok(());
    }
    execute(connection, "ROLLBACK")
}

fn execute(connection: &Connection, sql: &str) -> rusqlite::Result<()> {
    connection.prepare_cached(sql)?.execute([]).map(drop)
}

/// Why a whole group failed, shared by the answers of all.
pub(crate) struct Failure {
    cause: Arc<rusqlite::Error>,
    may_be_applied: bool,
}

impl Failure {
    fn before_commit(cause: rusqlite::Error) -> Self {
        Self {
            cause: Arc::new(cause),
            may_be_applied: false,
        }
    }

    /// A `COMMIT` that found no room or no lock has not been made. Of any other nobody knows: the
    /// end of the log may be written, though its flush failed.
    pub(crate) fn of_commit(cause: rusqlite::Error) -> Self {
        let code = cause.sqlite_error_code();
        let surely_not = [ErrorCode::DiskFull, ErrorCode::DatabaseBusy];
        Self {
            may_be_applied: !code.is_some_and(|code| surely_not.contains(&code)),
            cause: Arc::new(cause),
        }
    }

    pub(crate) fn to_error(&self) -> Error {
        if self.may_be_applied {
            Error::unknown(Arc::clone(&self.cause))
        } else if self.cause.sqlite_error_code() == Some(ErrorCode::DiskFull) {
            Error::Full
        } else {
            Error::unavailable(Arc::clone(&self.cause))
        }
    }
}

const INSERT: &str = "INSERT INTO cell VALUES (?1, 1, ?2, ?3) ON CONFLICT DO NOTHING";
const UPDATE: &str = "UPDATE cell SET version = version + 1, discard_after = ?2, body = ?3 \
                      WHERE k = ?1 AND version = ?4";
