//! Commits that wait for the connection are made together: one transaction, one flush.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use otp_engine::store::{Commit, Error, Key, Kind, Version, Write};
use rusqlite::{Connection, ErrorCode, params};

use crate::{
    Locked,
    files::{Files, Replaced},
    poisoned,
    scrub::Unfinished,
};

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
        files: &Files,
        unfinished: &Unfinished,
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
            Ok(Ok(connection)) => commit_group(connection, files, unfinished, &group),
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
    /// The records that it changes: what stood there must leave the file's log too.
    erased: Vec<Key>,
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
        let erases =
            |write: &&Write<'_>| write.kind == Kind::Record && write.expected != Version::ABSENT;
        Self {
            writes: writes.iter().map(owned).collect(),
            erased: writes
                .iter()
                .filter(erases)
                .map(|write| write.key)
                .collect(),
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
pub(crate) fn commit_group(
    connection: &Connection,
    files: &Files,
    unfinished: &Unfinished,
    group: &[Arc<Ticket>],
) {
    match commit_all(connection, files, group) {
        Ok(outcomes) => {
            let done = group.iter().zip(&outcomes);
            let done = done.filter(|(_, outcome)| **outcome == Commit::Done);
            let erased: Vec<Key> = done.flat_map(|(ticket, _)| ticket.erased.clone()).collect();
            unfinished.add(erased.iter().copied());
            let left = unfinished.end(connection, &erased).err().map(Arc::new);
            for (ticket, outcome) in group.iter().zip(outcomes) {
                let is_erasure = outcome == Commit::Done && !ticket.erased.is_empty();
                ticket.answer(match &left {
                    Some(left) if is_erasure => Err(Error::unknown(Arc::clone(left))),
                    _ => Ok(outcome),
                });
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

fn commit_all(
    connection: &Connection,
    files: &Files,
    group: &[Arc<Ticket>],
) -> Result<Vec<Commit>, Failure> {
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
        files.check().map_err(Failure::replaced)?;
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
    cause: Arc<dyn core::error::Error + Send + Sync>,
    means: fn(Arc<dyn core::error::Error + Send + Sync>) -> Error,
}

impl Failure {
    fn before_commit(cause: rusqlite::Error) -> Self {
        Self {
            means: match cause.sqlite_error_code() {
                Some(ErrorCode::DiskFull) => |_| Error::Full,
                _ => Error::unavailable,
            },
            cause: Arc::new(cause),
        }
    }

    fn replaced(cause: Replaced) -> Self {
        Self {
            cause: Arc::new(cause),
            means: Error::unavailable,
        }
    }

    /// A `COMMIT` that found no room or no lock has not been made. Of any other nobody knows: the
    /// end of the log may be written, though its flush failed.
    pub(crate) fn of_commit(cause: rusqlite::Error) -> Self {
        match cause.sqlite_error_code() {
            Some(ErrorCode::DiskFull | ErrorCode::DatabaseBusy) => Self::before_commit(cause),
            _ => Self {
                cause: Arc::new(cause),
                means: Error::unknown,
            },
        }
    }

    pub(crate) fn to_error(&self) -> Error {
        (self.means)(Arc::clone(&self.cause))
    }
}

const INSERT: &str = "INSERT INTO cell VALUES (?1, 1, ?2, ?3) ON CONFLICT DO NOTHING";
const UPDATE: &str = "UPDATE cell SET version = version + 1, discard_after = ?2, body = ?3 \
                      WHERE k = ?1 AND version = ?4";
