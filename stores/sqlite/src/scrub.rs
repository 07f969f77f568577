//! What was erased leaves the file and its log: SQLite overwrites what it deletes
//! (`secure_delete`), and the log, which holds each page as it was, is emptied.

use core::fmt;
use std::sync::{Mutex, PoisonError};

use otp_engine::store::Key;
use rusqlite::Connection;

/// Stands in the header of files that were never written without `secure_delete`.
pub(crate) const CLEAN: i64 = 0x6f74_7032;

/// Empties the log after an erasure that was committed; waits for readers of older pages as long as
/// commits wait for each other.
///
/// A file that an older version of this crate wrote to may hold copies that its pages were split
/// from: it is written anew, once.
pub(crate) fn scrub(connection: &Connection) -> Result<(), Left> {
    let left = |error| Left(Some(error));
    let mark = connection.query_row("PRAGMA application_id", [], |row| row.get::<_, i64>(0));
    if mark.map_err(left)? != CLEAN {
        connection.execute_batch("VACUUM").map_err(left)?;
        let marked = connection.pragma_update(None, "application_id", CLEAN);
        marked.map_err(left)?;
    }
    empty_log(connection)
}

/// Empties the log, or says that others still read it.
pub(crate) fn empty_log(connection: &Connection) -> Result<(), Left> {
    let emptied = connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| {
        row.get::<_, i64>(0)
    });
    match emptied.map_err(|error| Left(Some(error)))? {
        0 => Ok(()),
        _ => Err(Left(None)),
    }
}

/// Records whose erasure was committed, and whose older pages may still be in the log.
#[derive(Debug, Default)]
pub(crate) struct Unfinished(Mutex<Vec<Key>>);

impl Unfinished {
    pub(crate) fn add(&self, keys: impl IntoIterator<Item = Key>) {
        self.lock().extend(keys);
    }

    /// Ends the erasure of these records, where one was left: whoever erases again reads them first,
    /// and is not told that they are erased before they are.
    pub(crate) fn end(&self, connection: &Connection, keys: &[Key]) -> Result<(), Left> {
        let mut left = self.lock();
        if left.iter().any(|key| keys.contains(key)) {
            scrub(connection)?;
            left.clear();
        }
        Ok(())
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Key>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An erasure was committed, and older pages are still in the file or its log.
#[derive(Debug)]
pub(crate) struct Left(Option<rusqlite::Error>);

impl fmt::Display for Left {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "the details are erased, but the file's log (-wal) still holds them, most likely \
             because another connection reads older pages: erase again when it has ended",
        )
    }
}

impl core::error::Error for Left {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        self.0.as_ref().map(|error| error as _)
    }
}
