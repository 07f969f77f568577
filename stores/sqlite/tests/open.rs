//! What may be opened, what is refused, and what an occupied or unusable file answers.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use core::time::Duration;
use std::fs;

use otp_engine::{
    Store, Timestamp,
    store::{Commit, Error, Key, Kind, Version, Write},
};
use otp_engine_sqlite::{OpenError, SqliteOptions, SqliteStore};
use rusqlite::Connection;

#[path = "support/scratch.rs"]
mod scratch;

use scratch::Scratch;

const NOW: Timestamp = Timestamp::from_unix(1_715_767_200);
const KEY: Key = Key::from_bytes([7; 32]);

fn write(expected: u64) -> Write<'static> {
    Write {
        key: KEY,
        kind: Kind::Slot,
        expected: Version::new(expected),
        discard_after: None,
        body: b"body",
    }
}

fn version(store: &SqliteStore) -> Option<u64> {
    let mut cells = Vec::new();
    store.load(&[KEY], &mut cells).unwrap();
    cells[0].as_ref().map(|cell| cell.version().get())
}

fn refused(opened: Result<SqliteStore, OpenError>) -> String {
    opened.expect_err("it must be refused").to_string()
}

#[test]
fn what_was_committed_is_there_when_the_file_is_opened_again() {
    let scratch = Scratch::new("again");
    let path = scratch.path("otp.sqlite3");
    for expected in 0..3 {
        let store = SqliteStore::open(&path).unwrap();
        assert_eq!(store.commit(&[write(expected)], NOW).unwrap(), Commit::Done);
    }
    let both = [(); 2].map(|()| SqliteStore::open(&path).unwrap());
    assert_eq!(both.each_ref().map(version), [Some(3), Some(3)]);
    assert_eq!(both[0].commit(&[write(3)], NOW).unwrap(), Commit::Done);
    assert_eq!(both[1].commit(&[write(3)], NOW).unwrap(), Commit::Conflict);
}

#[test]
fn case_295_a_name_that_is_no_path_is_refused_and_makes_no_file() {
    for name in [":memory:", "file::memory:?cache=shared", "file:otp.sqlite3"] {
        assert!(refused(SqliteStore::open(name)).contains("MemoryStore"));
        assert!(!std::path::Path::new(name).exists(), "{name}");
    }
}

#[cfg(unix)]
#[test]
fn a_new_file_and_its_neighbours_are_the_owners_alone() {
    use std::os::unix::fs::PermissionsExt;

    let scratch = Scratch::new("mode");
    let path = scratch.path("otp.sqlite3");
    let store = SqliteStore::open(&path).unwrap();
    assert_eq!(store.commit(&[write(0)], NOW).unwrap(), Commit::Done);
    for file in ["otp.sqlite3", "otp.sqlite3-wal", "otp.sqlite3-shm"] {
        let mode = fs::metadata(scratch.path(file))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o7777, 0o600, "{file} has mode {mode:o}");
    }
}

/// On Unix, to close any descriptor of a file drops all locks that the process has on it.
#[cfg(target_os = "linux")]
#[test]
fn opening_a_file_again_does_not_drop_the_locks_of_the_first() {
    use std::os::unix::fs::MetadataExt;

    let scratch = Scratch::new("locks");
    let path = scratch.path("otp.sqlite3");
    let _first = SqliteStore::open(&path).unwrap();
    let inode = format!(":{} ", fs::metadata(&path).unwrap().ino());
    let locks = || {
        let locks = fs::read_to_string("/proc/locks").unwrap();
        locks.lines().filter(|line| line.contains(&inode)).count()
    };
    let of_the_first = locks();
    assert!(of_the_first > 0);
    let second = SqliteStore::open(&path).unwrap();
    assert_eq!(locks(), of_the_first);
    drop(second);
    assert_eq!(locks(), of_the_first);
    drop(fs::File::open(&path)); // the control: this is what `open` must never do
    assert_eq!(locks(), 0);
}

#[test]
fn a_path_with_a_meaning_to_sqlite_is_a_file_like_any_other() {
    let scratch = Scratch::new("names");
    for name in [":memory:", "file:a?mode=memory", "a b'c"] {
        let store = SqliteStore::open(scratch.path(name)).unwrap();
        assert_eq!(store.commit(&[write(0)], NOW).unwrap(), Commit::Done);
        drop(store);
        assert_eq!(
            version(&SqliteStore::open(scratch.path(name)).unwrap()),
            Some(1),
            "{name}"
        );
    }
    let path = scratch.path("no/such/folder");
    let nowhere = refused(SqliteStore::open(&path));
    assert_eq!(nowhere, format!("cannot open or create {path:?}"));
    assert_eq!(refused(SqliteStore::open("")), "cannot open or create \"\"");
}

#[test]
fn a_file_of_something_else_is_refused_and_left_as_it_is() {
    let scratch = Scratch::new("foreign");
    for (name, sql) in [
        ("other", "CREATE TABLE other (a)"),
        (
            "cell",
            "CREATE TABLE cell (k, version); PRAGMA user_version = 1",
        ),
    ] {
        let path = scratch.path(name);
        Connection::open(&path).unwrap().execute_batch(sql).unwrap();
        let before = fs::read(&path).unwrap();
        assert_eq!(
            refused(SqliteStore::open(&path)),
            format!("{path:?} is another application's database")
        );
        assert!(fs::read(&path).unwrap() == before, "{name} was changed");
    }
    let path = scratch.path("text");
    fs::write(
        &path,
        "no database, but long enough to be read as the head of one ".repeat(9),
    )
    .unwrap();
    let error = SqliteStore::open(&path).expect_err("it is no database");
    assert_eq!(error.to_string(), format!("SQLite cannot use {path:?}"));
    let source = core::error::Error::source(&error).expect("SQLite's own error");
    assert_eq!(source.to_string(), "file is not a database");
}

#[test]
fn a_layout_of_a_later_version_is_refused() {
    let scratch = Scratch::new("layout");
    let path = scratch.path("otp.sqlite3");
    drop(SqliteStore::open(&path).unwrap());
    Connection::open(&path)
        .unwrap()
        .execute_batch("PRAGMA user_version = 2")
        .unwrap();
    assert_eq!(
        refused(SqliteStore::open(&path)),
        format!("{path:?} has layout 2, which is not supported; this version supports 1")
    );
}

#[test]
fn case_66_a_file_that_stays_occupied_is_unavailable_to_commits_and_loads_go_on() {
    let scratch = Scratch::new("busy");
    let path = scratch.path("otp.sqlite3");
    let options = SqliteOptions::new().busy_timeout(Duration::from_millis(30));
    let store = options.open(&path).unwrap();
    assert_eq!(store.commit(&[write(0)], NOW).unwrap(), Commit::Done);

    let other = Connection::open(&path).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let occupied = store.commit(&[write(1)], NOW);
    let Err(Error::Unavailable(Some(cause))) = occupied else {
        panic!("{occupied:?}");
    };
    assert_eq!(cause.to_string(), "database is locked");
    assert!(matches!(
        store.purge(NOW, 1),
        Err(Error::Unavailable(Some(_)))
    ));
    assert_eq!(version(&store), Some(1));

    other.execute_batch("ROLLBACK").unwrap();
    assert_eq!(store.commit(&[write(1)], NOW).unwrap(), Commit::Done);
}

#[test]
fn a_table_that_is_gone_or_damaged_is_unavailable() {
    let scratch = Scratch::new("gone");
    let path = scratch.path("otp.sqlite3");
    let store = SqliteStore::open(&path).unwrap();
    assert_eq!(store.commit(&[write(0)], NOW).unwrap(), Commit::Done);
    let other = Connection::open(&path).unwrap();
    other.execute_batch("UPDATE cell SET version = -1").unwrap();
    let load = store.load(&[KEY], &mut Vec::new());
    assert!(matches!(load, Err(Error::Unavailable(Some(_)))), "{load:?}");
    other.execute_batch("DROP TABLE cell").unwrap();
    let load = store.load(&[KEY], &mut Vec::new());
    assert!(matches!(load, Err(Error::Unavailable(Some(_)))), "{load:?}");
    let commit = store.commit(&[write(1)], NOW);
    assert!(
        matches!(commit, Err(Error::Unavailable(Some(_)))),
        "{commit:?}"
    );
}

#[test]
fn debug_shows_no_cell() {
    let scratch = Scratch::new("debug");
    let store = SqliteStore::open(scratch.path("otp.sqlite3")).unwrap();
    assert_eq!(format!("{store:?}"), "SqliteStore { class: Permanent, .. }");
}
