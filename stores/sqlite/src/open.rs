//! Opens the file, and works on it only where SQLite does all that a store must rely on.

use core::{fmt, time::Duration};
use std::{
    fs::{self, OpenOptions},
    io,
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
    thread,
};

use otp_engine::store::Class;
use rusqlite::{Connection, ErrorCode, OpenFlags, TransactionBehavior};

use crate::{
    SqliteStore,
    files::Files,
    scrub::{self, CLEAN},
};

/// How a [`SqliteStore`] works; the defaults are what [`SqliteStore::open`] takes.
///
/// ```no_run
/// use core::time::Duration;
/// use otp_engine_sqlite::SqliteOptions;
///
/// let options = SqliteOptions::new().busy_timeout(Duration::from_secs(1));
/// let store = options.open("/var/lib/bank/otp.sqlite3")?;
/// # Ok::<(), otp_engine_sqlite::OpenError>(())
/// ```
#[derive(Clone, Debug)]
pub struct SqliteOptions {
    synchronous: Synchronous,
    busy_timeout: Duration,
}

impl SqliteOptions {
    /// Makes the default: flush before each answer, wait at most 5 s for other processes.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            synchronous: Synchronous::Full,
            busy_timeout: Duration::from_secs(5),
        }
    }

    /// Answers before the flush (`synchronous=NORMAL`): ten to a thousand times as many commits.
    ///
    /// A process crash loses nothing; a loss of power or a crash of the system may lose the last
    /// commits, and with them a used code or a wrong guess. So the store is [`Class::Expiring`]:
    /// what must be kept for ever is refused. All processes on a file should choose alike.
    #[must_use]
    pub const fn may_lose_commits_on_power_loss(mut self) -> Self {
        self.synchronous = Synchronous::Normal;
        self
    }

    /// Sets how long a commit waits for those of other processes; at most a day.
    #[must_use]
    pub fn busy_timeout(mut self, timeout: Duration) -> Self {
        self.busy_timeout = timeout.min(Duration::from_secs(86_400));
        self
    }

    /// Opens the file at `path`, or makes it.
    ///
    /// # Errors
    ///
    /// As [`SqliteStore::open`].
    pub fn open(&self, path: impl AsRef<Path>) -> Result<SqliteStore, OpenError> {
        let path = path.as_ref();
        self.open_file(path).map_err(|reason| OpenError {
            path: path.into(),
            reason,
        })
    }

    fn open_file(&self, path: &Path) -> Result<SqliteStore, Reason> {
        if is_no_file(path) {
            return Err(Reason::Name);
        }
        let given = path;
        let path = make_file(given).map_err(Reason::File)?;
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let mut connection = Connection::open_with_flags(&path, flags).map_err(Reason::Sqlite)?;
        self.set_up(&mut connection)?;
        let files = Files::of(&path, given).map_err(Reason::File)?;
        let store = SqliteStore::new(
            connection,
            files,
            match self.synchronous {
                Synchronous::Full => Class::Permanent,
                Synchronous::Normal => Class::Expiring,
            },
        );
        store.map_err(Reason::Sqlite)
    }

    fn set_up(&self, connection: &mut Connection) -> Result<(), Reason> {
        let waits = i64::try_from(self.busy_timeout.as_millis()).unwrap_or(i64::MAX);
        set(connection, "busy_timeout", waits)?;
        connection.set_prepared_statement_cache_capacity(16);
        // Before anything is changed: the file may be somebody else's. And at one moment, for
        // another process may be making the table.
        let is_made = layout(&*connection.transaction().map_err(Reason::Sqlite)?)?;
        self.set_write_ahead(connection)?;
        set(connection, "synchronous", self.synchronous as i64)?;
        set(connection, "fullfsync", 1)?; // without it macOS leaves all in the disk's own cache
        set(connection, "secure_delete", 1)?;
        if !is_made {
            make_table(connection)?;
        }
        // The first read in write-ahead mode makes the log.
        layout(connection)?;
        // An erasure may have been cut off by a crash; where others have the file open, they go on.
        set(connection, "busy_timeout", 0)?;
        scrub::empty_log(connection).ok();
        set(connection, "busy_timeout", waits)
    }

    /// Turns write-ahead mode on, which for a moment needs the file alone; SQLite does not wait.
    fn set_write_ahead(&self, connection: &Connection) -> Result<(), Reason> {
        let pause = Duration::from_millis(5);
        let mut waited = Duration::ZERO;
        loop {
            let sql = "PRAGMA journal_mode = WAL";
            match connection.query_row(sql, [], |row| row.get::<_, String>(0)) {
                Ok(mode) => return check("journal_mode", mode == "wal"),
                Err(error)
                    if error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy)
                        && waited < self.busy_timeout =>
                {
                    thread::sleep(pause);
                    waited += pause;
                }
                Err(error) => return Err(Reason::Sqlite(error)),
            }
        }
    }
}

impl Default for SqliteOptions {
    fn default() -> Self {
        Self::new()
    }
}

/// SQLite's own numbers.
#[derive(Clone, Copy, Debug)]
enum Synchronous {
    Normal = 1,
    Full = 2,
}

/// The reason why a [`SqliteStore`] could not be opened, with its path; its source tells more.
#[derive(Debug)]
pub struct OpenError {
    path: PathBuf,
    reason: Reason,
}

#[derive(Debug)]
enum Reason {
    Name,
    File(io::Error),
    Sqlite(rusqlite::Error),
    Refused(&'static str),
    Foreign,
    Layout(i64),
}

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = &self.path; // quoted: it may be empty, or end in a space
        match &self.reason {
            Reason::Name => write!(
                f,
                "{path:?} is a name that SQLite gives to no file; for cells in memory use MemoryStore"
            ),
            Reason::File(_) => write!(f, "cannot open or create {path:?}"),
            Reason::Sqlite(_) => write!(f, "SQLite cannot use {path:?}"),
            Reason::Refused(pragma) => write!(f, "SQLite refuses to set {pragma} on {path:?}"),
            Reason::Foreign => write!(f, "{path:?} is another application's database"),
            Reason::Layout(found) => write!(
                f,
                "{path:?} has layout {found}, which is not supported; this version supports {LAYOUT}"
            ),
        }
    }
}

impl core::error::Error for OpenError {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match &self.reason {
            Reason::File(error) => Some(error),
            Reason::Sqlite(error) => Some(error),
            _ => None,
        }
    }
}

/// Says whether a path means cells in memory, or a URI, to whoever knows SQLite. It would become a
/// file of that name; `./` before it says that a file is meant.
fn is_no_file(path: &Path) -> bool {
    let name = path.as_os_str().as_encoded_bytes();
    name == b":memory:" || name.starts_with(b"file:")
}

/// Makes the file where there is none, for its owner alone; returns its full path.
///
/// Only a new file is opened here: to close one drops all locks of this process on it, which
/// another store may hold.
fn make_file(path: &Path) -> io::Result<PathBuf> {
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let _guard = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    match options.open(path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        _ => fs::canonicalize(path), // a full path has no other meaning to SQLite
    }
}

/// Sets a pragma and reads it back: SQLite does not tell when it refuses.
fn set(connection: &Connection, pragma: &'static str, value: i64) -> Result<(), Reason> {
    connection
        .pragma_update(None, pragma, value)
        .and_then(|()| connection.pragma_query_value(None, pragma, |row| row.get::<_, i64>(0)))
        .map_err(Reason::Sqlite)
        .and_then(|read| check(pragma, read == value))
}

fn check(pragma: &'static str, is_set: bool) -> Result<(), Reason> {
    if is_set {
        Ok(())
    } else {
        Err(Reason::Refused(pragma))
    }
}

/// Says whether the table is there.
fn layout(connection: &Connection) -> Result<bool, Reason> {
    let number = |sql| connection.query_row(sql, [], |row| row.get::<_, i64>(0));
    match number("PRAGMA user_version").map_err(Reason::Sqlite)? {
        LAYOUT => match connection.prepare(crate::LOAD) {
            Ok(_) => Ok(true),
            // No such table or column.
            Err(rusqlite::Error::SqlInputError { .. }) => Err(Reason::Foreign),
            Err(error) => Err(Reason::Sqlite(error)),
        },
        0 => match number("SELECT count(*) FROM sqlite_schema").map_err(Reason::Sqlite)? {
            0 => Ok(false),
            _ => Err(Reason::Foreign),
        },
        other => Err(Reason::Layout(other)),
    }
}

fn make_table(connection: &mut Connection) -> Result<(), Reason> {
    let transaction = connection
        .transaction_with_behavior(TransactionBehavior::Immediate)
        .map_err(Reason::Sqlite)?;
    // Another process may have been faster.
    if !layout(&transaction)? {
        let made = transaction.execute_batch(TABLE);
        made.and_then(|()| transaction.pragma_update(None, "user_version", LAYOUT))
            .and_then(|()| transaction.pragma_update(None, "application_id", CLEAN))
            .and_then(|()| transaction.commit())
            .map_err(Reason::Sqlite)?;
    }
    Ok(())
}

/// The layout of the file: its `user_version`.
const LAYOUT: i64 = 1;

// With a row number, as long records would make an ordinary index of keys twice as large.
const TABLE: &str = "
    CREATE TABLE cell (
        k BLOB PRIMARY KEY CHECK (length(k) = 32),
        version INTEGER NOT NULL,
        discard_after INTEGER,
        body BLOB NOT NULL
    ) STRICT;
    CREATE INDEX cell_broom ON cell (discard_after) WHERE discard_after IS NOT NULL;
";
