//! Commits that wait for the connection are made together: one transaction, one flush.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use otp_engine::{
    Timestamp,
    store::{Commit, Error, Key, Kind, Version, Write},
};
use rusqlite::{Connection, ErrorCode, ffi, params};

use crate::{
    Locked,
    files::{Changed, Files},
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
    /// Threads that wait for an answer: with none of them there is nobody to wake.
    asleep: usize,
}

impl Queue {
    /// Commits `writes`, together with all others that come meanwhile.
    ///
    /// The first to come leads: once it has the connection it makes its own commit and those of all
    /// who wait. The others wait for their answers alone, not for the connection: a leader that
    /// comes back at once would take it from under them, and lead nobody but itself. Only who waits
    /// leaves a copy of its writes.
    pub(crate) fn commit<'a>(
        &self,
        writes: &[Write<'_>],
        files: &Files,
        unfinished: &Unfinished,
        lock: impl FnOnce() -> Result<Locked<'a>, Error>,
    ) -> Result<Commit, Error> {
        let mut state = whole(&self.state);
        if state.has_leader {
            let ticket = Arc::new(Ticket::new(writes));
            state.waiting.push(Arc::clone(&ticket));
            while state.has_leader {
                state.asleep += 1;
                state = self
                    .answered
                    .wait(state)
                    .unwrap_or_else(PoisonError::into_inner);
                state.asleep -= 1;
                if let Some(answer) = ticket.take_answer() {
                    return answer;
                }
            }
            let own = |waiting: &Arc<Ticket>| Arc::ptr_eq(waiting, &ticket);
            let Some(at) = state.waiting.iter().position(own) else {
                // The leader that took it panicked, nobody knows where.
                return Err(Error::Unknown(None));
            };
            state.waiting.remove(at);
        }
        state.has_leader = true;
        drop(state);

        let led = Led(self);
        let locked = lock();
        let others = core::mem::take(&mut whole(&self.state).waiting);
        let answer = match locked.as_ref().map(Locked::connection) {
            Ok(Ok(connection)) => commit_group(connection, files, unfinished, writes, &others),
            _ => {
                for ticket in others {
                    ticket.answer(Err(poisoned()));
                }
                Err(poisoned())
            }
        };
        drop(locked);
        drop(led);
        answer
    }

    /// Counts the commits that wait for the connection, the leader's included.
    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        let state = whole(&self.state);
        state.waiting.len() + usize::from(state.has_leader)
    }
}

/// A leader's time, also where it ends by a panic.
struct Led<'a>(&'a Queue);

impl Drop for Led<'_> {
    fn drop(&mut self) {
        let mut state = whole(&self.0.state);
        state.has_leader = false;
        if state.asleep > 0 {
            self.0.answered.notify_all();
        }
    }
}

/// Locks what is whole at any moment, whoever panicked.
fn whole<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A commit that waits for another's transaction, with what it writes and, in the end, its answer.
pub(crate) struct Ticket {
    writes: Vec<Owned>,
    answer: Mutex<Option<Result<Commit, Error>>>,
}

impl Ticket {
    pub(crate) fn new(writes: &[Write<'_>]) -> Self {
        let owned = |write: &Write<'_>| Owned {
            body: write.body.into(),
            rest: Write {
                body: &[],
                ..*write
            },
        };
        Self {
            writes: writes.iter().map(owned).collect(),
            answer: Mutex::new(None),
        }
    }

    fn writes(&self) -> impl Iterator<Item = Write<'_>> {
        self.writes
            .iter()
            .map(|Owned { rest, body }| Write { body, ..*rest })
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
    body: Box<[u8]>,
    rest: Write<'static>,
}

/// The records that a commit changed: what stood there must leave the file's log too.
fn erased<'a>(
    outcome: Commit,
    writes: impl Iterator<Item = Write<'a>>,
) -> impl Iterator<Item = Key> {
    writes
        .filter(move |write| {
            let changes = write.kind == Kind::Record && write.expected != Version::ABSENT;
            changes && outcome == Commit::Done
        })
        .map(|write| write.key)
}

/// Makes the leader's commit and those of all tickets in one transaction; answers the tickets, and
/// returns the leader's answer.
///
/// A conflict undoes its own commit only; an error undoes all.
pub(crate) fn commit_group(
    connection: &Connection,
    files: &Files,
    unfinished: &Unfinished,
    own: &[Write<'_>],
    others: &[Arc<Ticket>],
) -> Result<Commit, Error> {
    let (outcome, outcomes) = match commit_all(connection, files, own, others) {
        Ok(outcomes) => outcomes,
        Err(failure) => {
            // It may have failed because it was: then there is nothing to roll back.
            rollback(connection).ok();
            for ticket in others {
                ticket.answer(Err(failure.to_error()));
            }
            return Err(failure.to_error());
        }
    };
    let mut all: Vec<Key> = erased(outcome, own.iter().copied()).collect();
    let is_erasure = !all.is_empty();
    for (ticket, outcome) in others.iter().zip(&outcomes) {
        all.extend(erased(*outcome, ticket.writes()));
    }
    unfinished.add(all.iter().copied());
    let left = unfinished.end(connection, &all).err().map(Arc::new);
    let answer = |outcome, is_erasure| match &left {
        Some(left) if is_erasure => Err(Error::unknown(Arc::clone(left))),
        _ => Ok(outcome),
    };
    for (ticket, outcome) in others.iter().zip(outcomes) {
        let is_erasure = erased(outcome, ticket.writes()).next().is_some();
        ticket.answer(answer(outcome, is_erasure));
    }
    answer(outcome, is_erasure)
}

/// Returns what became of the leader's commit, and of each of the others.
fn commit_all(
    connection: &Connection,
    files: &Files,
    own: &[Write<'_>],
    others: &[Arc<Ticket>],
) -> Result<(Commit, Vec<Commit>), Failure> {
    let run = |sql| execute(connection, sql).map_err(Failure::before_commit);
    rollback(connection).map_err(Failure::before_commit)?; // what an earlier failure left open
    if let ([write], []) = (own, others) {
        // The statement is its own commit.
        let outcome = write_one(connection, write);
        let outcome = outcome.map_err(|error| Failure::of_commit(error, files))?;
        return Ok((outcome, Vec::new()));
    }
    run("BEGIN IMMEDIATE")?;
    let is_alone = others.is_empty(); // the transaction itself undoes it
    let ended = |outcome: rusqlite::Result<Commit>| {
        let outcome = outcome.map_err(Failure::before_commit)?;
        if !is_alone {
            if outcome == Commit::Conflict {
                run("ROLLBACK TO one")?;
            }
            run("RELEASE one")?;
        }
        Ok(outcome)
    };
    if !is_alone {
        run("SAVEPOINT one")?;
    }
    let outcome = ended(write_all(connection, own.iter().copied()))?;
    let mut outcomes = Vec::with_capacity(others.len());
    for ticket in others {
        run("SAVEPOINT one")?;
        outcomes.push(ended(write_all(connection, ticket.writes()))?);
    }
    if outcome == Commit::Done || outcomes.contains(&Commit::Done) {
        let done = execute(connection, "COMMIT");
        done.map_err(|error| Failure::of_commit(error, files))?;
    } else {
        run("ROLLBACK")?;
    }
    Ok((outcome, outcomes))
}

fn write_all<'a>(
    connection: &Connection,
    writes: impl Iterator<Item = Write<'a>>,
) -> rusqlite::Result<Commit> {
    for write in writes {
        if write_one(connection, &write)? == Commit::Conflict {
            return Ok(Commit::Conflict);
        }
    }
    Ok(Commit::Done)
}

fn write_one(connection: &Connection, write: &Write<'_>) -> rusqlite::Result<Commit> {
    let Ok(expected) = i64::try_from(write.expected.get()) else {
        return Ok(Commit::Conflict); // no cell has such a version
    };
    let (key, body) = (write.key.as_bytes(), write.body);
    let discard_after = write.discard_after.map(Timestamp::unix);
    let run = |sql| {
        let mut statement = connection.prepare_cached(sql)?;
        statement.execute(params![key, discard_after, body, expected])
    };
    let changed = if write.expected == Version::ABSENT {
        let mut insert = connection.prepare_cached(INSERT)?;
        insert.execute(params![key, discard_after, body])?
    } else {
        match run(KEEP)? {
            0 => run(UPDATE)?,
            changed => changed,
        }
    };
    Ok(if changed == 1 {
        Commit::Done
    } else {
        Commit::Conflict
    })
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

    fn replaced(cause: Changed) -> Self {
        Self {
            cause: Arc::new(cause),
            means: Error::unavailable,
        }
    }

    /// A `COMMIT`, or a statement that is its own, was not made where there was no room, no lock or no
    /// right to write, where table or file are no longer what they were, or are other ones than were
    /// opened. Of any other failure nobody knows: the end of the log may be written, though its flush
    /// failed.
    pub(crate) fn of_commit(cause: rusqlite::Error, files: &Files) -> Self {
        let code = cause.sqlite_error().map(|error| error.extended_code & 0xff);
        match code {
            Some(ffi::SQLITE_CONSTRAINT) => match files.check() {
                Err(replaced) => Self::replaced(replaced),
                Ok(()) => Self::before_commit(cause), // what was away is there again
            },
            Some(
                ffi::SQLITE_FULL
                | ffi::SQLITE_BUSY
                | ffi::SQLITE_READONLY
                | ffi::SQLITE_ERROR
                | ffi::SQLITE_CORRUPT
                | ffi::SQLITE_NOTADB,
            ) => Self::before_commit(cause),
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
/// For most writes, which leave `discard_after` as it was: SQLite writes an index anew whose column
/// is set, also to the value that it had.
const KEEP: &str = "UPDATE cell SET version = version + 1, body = ?3 \
                    WHERE k = ?1 AND version = ?4 AND discard_after IS ?2";
const UPDATE: &str = "UPDATE cell SET version = version + 1, discard_after = ?2, body = ?3 \
                      WHERE k = ?1 AND version = ?4";
