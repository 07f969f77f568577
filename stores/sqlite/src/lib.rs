//! Keeps the cells of [`otp_engine`] in a SQLite file: one host, any number of processes.
//!
//! What was answered is on the disk: a commit is flushed before `Done` leaves, and a code used up
//! stays so over a crash of the process and a loss of power. Signature records may be kept here,
//! the store is [`Class::Permanent`].
//!
//! ```no_run
//! use otp_engine::Store;
//! use otp_engine_sqlite::SqliteStore;
//!
//! let store = SqliteStore::open("/var/lib/bank/otp.sqlite3")?;
//! assert_eq!(store.class(), otp_engine::store::Class::Permanent);
//! # Ok::<(), otp_engine_sqlite::OpenError>(())
//! ```
//!
//! * **Several processes** open the file, each for itself and *after* it was forked: an inherited
//!   handle answers `Unavailable`, as two processes on one SQLite connection destroy the file.
//! * **One host.** A network file system does not keep SQLite's locks; use a database server.
//! * **Threads** of a process share one connection. Commits that arrive while another is being
//!   flushed wait together and are flushed together, so that a slow disk is paid for once.
//! * **The flush can be left out** by [`SqliteOptions::may_lose_commits_on_power_loss`]. A process
//!   crash then still loses nothing, a loss of power may make a used code good again; the store is
//!   [`Class::Expiring`] and refuses signature records.
//! * **What is erased is gone**: a commit that changes a signature record, as erasure does, empties the
//!   log before it is answered, and `secure_delete` overwrites what stood in the file. Copies beside
//!   the file (backups, snapshots of the file system) are the operator's.
//! * **The file stays the one that was opened**: where it, its `-wal` or its `-shm` was replaced or removed
//!   since, or a link on the path that was given leads elsewhere, every call answers `Unavailable` until the
//!   store is opened anew; where it has a second name (a hard link), until that is removed. Two mounts of
//!   the one file are not noticed: mount its folder.
//! * The file is made with mode 0600, on Unix; one that is there keeps the mode it has.
//! * **A backup** that is restored brings back codes that were used since: raise the epoch of the
//!   code keys. Copy the file by SQLite's own means, not while its `-wal` file is in use.
//!
//! The file holds one table, in write-ahead mode, and says in its `user_version` which layout that
//! is. Whoever may write to it may delete rows, and an absent cell is a fresh set of guesses.

use core::{fmt, mem};
use std::{
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use otp_engine::{
    Store, Timestamp,
    store::{
        Cell, Class, Commit, Error, Key, MAX_BODY, MAX_CELLS, Version, Write, has_twice_one_key,
    },
};
use rusqlite::{Connection, Row, params};

mod files;
mod group;
mod open;
mod scrub;

pub use open::{OpenError, SqliteOptions};

use files::Files;
use group::Queue;
use scrub::Unfinished;

/// Cells in a SQLite file. Its own documentation is that of the [crate].
///
/// | SQLite | here |
/// |---|---|
/// | `BUSY` at the begin of a commit, after the waiting time; `READONLY`, `CORRUPT`, a table that is gone; of several writes any error before the `COMMIT` | [`Error::Unavailable`], nothing was applied |
/// | `FULL` | [`Error::Full`], nothing was applied |
/// | any other error of the `COMMIT` itself, or of a statement that is its own: one write alone, a purge | [`Error::Unknown`] |
/// | the file or its log is another one than was opened, or gone | [`Error::Unavailable`], nothing was applied: close the store and open it anew |
/// | a record's details were erased, and a reader keeps the log from being emptied in the waiting time | [`Error::Unknown`]: erased, and to be erased again when the reader has ended; until then loads of that record are [`Error::Unavailable`] |
/// | more than [`MAX_CELLS`] keys or writes, a body over [`MAX_BODY`], a write for ever where commits may be lost | [`Error::Unsupported`], nothing was applied |
pub struct SqliteStore {
    /// Taken out only where it must never be closed.
    connection: Mutex<Option<Connection>>,
    files: Arc<Files>,
    unfinished: Unfinished,
    queue: Queue,
    class: Class,
    process: u32,
}

impl SqliteStore {
    /// Opens the file at `path`, or makes it; each commit is flushed before it is answered.
    ///
    /// ```
    /// use otp_engine::store::{Commit, Key, Kind, Store, Version, Write};
    /// use otp_engine::Timestamp;
    /// use otp_engine_sqlite::SqliteStore;
    ///
    /// # let path = std::env::temp_dir().join(format!("otp-engine-doc-{}", std::process::id()));
    /// let (store, now) = (SqliteStore::open(&path)?, Timestamp::from_unix(1_715_767_200));
    /// let page = Write {
    ///     key: Key::from_bytes([7; 32]),
    ///     kind: Kind::ChainHead,
    ///     expected: Version::ABSENT,
    ///     discard_after: None, // for ever
    ///     body: b"opaque",
    /// };
    /// assert_eq!(store.commit(&[page], now)?, Commit::Done);
    /// assert_eq!(store.commit(&[page], now)?, Commit::Conflict); // it is there by now
    /// # drop(store);
    /// # ["", "-wal", "-shm"].map(|end| std::fs::remove_file(format!("{}{end}", path.display())));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// The [`OpenError`] where the file cannot be opened, is not this crate's, or where SQLite
    /// refuses to work on it in the way that this store needs; and for `:memory:` and `file:` URIs,
    /// which are no paths.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, OpenError> {
        SqliteOptions::new().open(path)
    }

    fn new(mut connection: Connection, files: Files, class: Class) -> rusqlite::Result<Self> {
        let files = Arc::new(files);
        // The last word before each commit, also of a statement that is its own: the lock of the
        // file, for which it may have waited, is had by then.
        let meant = Arc::clone(&files);
        connection.commit_hook(Some(move || meant.check().is_err()))?;
        Ok(Self {
            connection: Mutex::new(Some(connection)),
            files,
            unfinished: Unfinished::default(),
            queue: Queue::default(),
            class,
            process: std::process::id(),
        })
    }

    /// Refuses to work in a process that was forked from the one that opened the file.
    fn check_process(&self) -> Result<(), Error> {
        if self.process == std::process::id() {
            return Ok(());
        }
        Err(Error::unavailable(
            "the SQLite file was opened before this process was forked",
        ))
    }

    fn lock(&self) -> Result<Locked<'_>, Error> {
        self.check_process()?;
        self.lock_checked()
    }

    /// Locks the connection where [`check_process`](Self::check_process) has been called.
    fn lock_checked(&self) -> Result<Locked<'_>, Error> {
        self.connection.lock().map(Locked).map_err(|_| poisoned())
    }
}

impl Store for SqliteStore {
    fn load(&self, keys: &[Key], cells: &mut Vec<Option<Cell>>) -> Result<(), Error> {
        if keys.len() > MAX_CELLS {
            return Err(Error::Unsupported);
        }
        cells.resize(keys.len(), None);
        if keys.is_empty() {
            return Ok(());
        }
        let locked = self.lock()?;
        self.files.check().map_err(Error::unavailable)?;
        let connection = locked.connection()?;
        let ended = self.unfinished.end(connection, keys);
        ended.map_err(Error::unavailable)?;
        read(connection, keys, cells).map_err(Error::unavailable)
    }

    fn commit(&self, writes: &[Write<'_>], _: Timestamp) -> Result<Commit, Error> {
        let refused = |write: &Write<'_>| {
            write.body.len() > MAX_BODY
                || (write.discard_after.is_none() && self.class != Class::Permanent)
        };
        if writes.len() > MAX_CELLS || has_twice_one_key(writes) || writes.iter().any(refused) {
            return Err(Error::Unsupported);
        }
        if writes.is_empty() {
            return Ok(Commit::Done);
        }
        self.check_process()?;
        self.queue
            .commit(writes, &self.files, &self.unfinished, || {
                self.lock_checked()
            })
    }

    fn purge(&self, now: Timestamp, limit: usize) -> Result<usize, Error> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let locked = self.lock()?;
        self.files.check().map_err(Error::unavailable)?;
        let mut purge = locked
            .connection()?
            .prepare_cached(PURGE)
            .map_err(Error::unavailable)?;
        // The statement is its own commit.
        purge
            .execute(params![now.unix(), limit])
            .map_err(|error| group::Failure::of_commit(error, &self.files).to_error())
    }

    fn class(&self) -> Class {
        self.class
    }

    fn has_cells(&self) -> Result<Option<bool>, Error> {
        let locked = self.lock()?;
        self.files.check().map_err(Error::unavailable)?;
        let asked = locked
            .connection()?
            .query_row(HAS_CELLS, [], |row| row.get(0));
        asked.map(Some).map_err(Error::unavailable)
    }
}

impl Drop for SqliteStore {
    /// Leaves an inherited connection open: to close it would touch the parent's file.
    fn drop(&mut self) {
        if self.check_process().is_err() {
            let connection = self
                .connection
                .get_mut()
                .unwrap_or_else(PoisonError::into_inner);
            mem::forget(connection.take());
        }
    }
}

impl fmt::Debug for SqliteStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqliteStore")
            .field("class", &self.class)
            .finish_non_exhaustive()
    }
}

/// The connection, for one caller alone.
struct Locked<'a>(MutexGuard<'a, Option<Connection>>);

impl Locked<'_> {
    fn connection(&self) -> Result<&Connection, Error> {
        self.0.as_ref().ok_or_else(poisoned)
    }
}

fn poisoned() -> Error {
    Error::unavailable("a thread panicked while it held the SQLite connection")
}

/// Reads all cells in one statement, and so at one moment.
fn read(connection: &Connection, keys: &[Key], cells: &mut [Option<Cell>]) -> rusqlite::Result<()> {
    let mut load = connection.prepare_cached(LOAD)?;
    // One statement serves every number of keys: what is not bound is NULL, and equals nothing.
    load.clear_bindings();
    for (at, key) in keys.iter().enumerate() {
        load.raw_bind_parameter(at + 1, key.as_bytes())?;
    }
    let mut rows = load.raw_query();
    while let Some(row) = rows.next()? {
        let key = Key::from_bytes(row.get(0)?);
        let cell = cell(row)?;
        for (wanted, slot) in keys.iter().zip(&mut *cells) {
            if *wanted == key {
                *slot = Some(cell.clone());
            }
        }
    }
    Ok(())
}

fn cell(row: &Row<'_>) -> rusqlite::Result<Cell> {
    let version: i64 = row.get(1)?;
    let discard_after: Option<i64> = row.get(2)?;
    let out_of_range = |_| rusqlite::Error::IntegralValueOutOfRange(1, version);
    Ok(Cell::new(
        Version::new(u64::try_from(version).map_err(out_of_range)?),
        discard_after.map(Timestamp::from_unix),
        row.get_ref(3)?.as_blob()?,
    ))
}

const LOAD: &str = "SELECT k, version, discard_after, body FROM cell \
                    WHERE k IN (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";
const HAS_CELLS: &str = "SELECT EXISTS (SELECT 1 FROM cell)";
const PURGE: &str = "DELETE FROM cell WHERE k IN \
                     (SELECT k FROM cell WHERE discard_after < ?1 LIMIT ?2)";

const _: () = assert!(MAX_CELLS == 8, "LOAD names as many keys");

#[cfg(test)]
mod tests;
