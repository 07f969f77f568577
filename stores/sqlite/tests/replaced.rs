//! A file, or a log, that is another one than was opened: nothing is accepted there.
#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use core::time::Duration;
use std::{
    fs,
    path::{Path, PathBuf},
    thread,
};

use otp_engine::{Issuance, Store, Submission, Timestamp, Verdict, store::Error};
use otp_engine_sqlite::SqliteStore;
use otp_engine_testkit::scenarios;

#[path = "support/scratch.rs"]
mod scratch;

use scratch::Scratch;

/// What somebody does to the files of an open store.
type Meddle = fn(&Path);

fn beside(path: &Path, end: &str) -> PathBuf {
    format!("{}{end}", path.display()).into()
}

/// Issues a code, lets `meddle` change the files, and answers the code at the old handle and then,
/// where the file can be opened, at a new one; returns how often it was accepted and what the old
/// handle said.
fn accepted_after(name: &str, meddle: impl Fn(&Path)) -> (usize, String) {
    let scratch = Scratch::new(name);
    let path = scratch.path("otp.sqlite3");
    accepted_at([&path, &path], meddle)
}

/// As [`accepted_after`], at the names under which the old handle and the new one open the file.
fn accepted_at([path, new_path]: [&Path; 2], meddle: impl Fn(&Path)) -> (usize, String) {
    let (engine, binding) = (scenarios::engine(), scenarios::binding(1));
    let old = SqliteStore::open(path).unwrap();
    let Issuance::Issued(issued) = engine.issue(&old, &binding).unwrap() else {
        panic!("refused");
    };
    meddle(path);
    let answer = |store: &SqliteStore| {
        let submission = Submission::new(&binding, issued.code.as_str());
        engine.verify(store, submission)
    };
    let accepted = |verdict| matches!(verdict, Ok(Verdict::Accepted(_)));
    let first = answer(&old);
    let said = format!("{first:?}");
    let new = SqliteStore::open(new_path);
    let second = new.is_ok_and(|new| accepted(answer(&new)));
    (usize::from(accepted(first)) + usize::from(second), said)
}

#[test]
fn case_254_nothing_is_accepted_where_file_or_log_was_replaced() {
    let (accepted, said) = accepted_after("same", |_| ());
    assert_eq!(accepted, 1, "the control: {said}");
    let meddlings: [(&str, Meddle); 4] = [
        ("log-unlinked", |path| {
            // As another library in this process does that takes itself for the last to close.
            fs::copy(path, beside(path, ".copy")).unwrap();
            fs::remove_file(beside(path, "-wal")).unwrap();
        }),
        ("log-replaced", |path| {
            let (log, copy) = (beside(path, "-wal"), beside(path, "-wal.copy"));
            fs::copy(&log, &copy).unwrap();
            fs::rename(copy, log).unwrap();
        }),
        ("file-replaced", |path| {
            let copy = beside(path, ".copy");
            fs::copy(path, &copy).unwrap();
            fs::rename(copy, path).unwrap();
        }),
        ("all-removed", |path| {
            for end in ["", "-wal", "-shm"] {
                fs::remove_file(beside(path, end)).unwrap();
            }
        }),
    ];
    for (name, meddle) in meddlings {
        let (accepted, said) = accepted_after(name, meddle);
        assert!(accepted <= 1, "{name}: accepted {accepted} times");
        assert!(said.contains("Replaced"), "{name}: {said}");
    }
}

#[test]
fn case_631_nothing_is_accepted_where_the_shared_index_was_removed_or_replaced() {
    let meddlings: [(&str, Meddle); 2] = [
        ("index-removed", |path| {
            fs::remove_file(beside(path, "-shm")).unwrap();
        }),
        ("index-replaced", |path| {
            let (index, copy) = (beside(path, "-shm"), beside(path, "-shm.copy"));
            fs::copy(&index, &copy).unwrap();
            fs::rename(copy, index).unwrap();
        }),
    ];
    for (name, meddle) in meddlings {
        let (accepted, said) = accepted_after(name, meddle);
        assert!(accepted <= 1, "{name}: accepted {accepted} times");
        assert!(said.contains("otp.sqlite3-shm"), "{name}: {said}");
    }
}

/// Under another name the file has another log, in another lock's care.
#[test]
fn case_632_nothing_is_accepted_while_the_file_has_a_second_name() {
    let scratch = Scratch::new("linked");
    let (path, other) = (scratch.path("otp.sqlite3"), scratch.path("other.sqlite3"));
    let (accepted, said) = accepted_at([&path, &other], |path| {
        fs::hard_link(path, beside(path.parent().unwrap(), "/other.sqlite3")).unwrap();
    });
    assert_eq!(accepted, 0, "{said}");
    assert!(said.contains("Linked"), "{said}");
    for name in [&path, &other] {
        let refused = SqliteStore::open(name).unwrap_err();
        let cause = core::error::Error::source(&refused).unwrap().to_string();
        assert!(cause.contains("hard links"), "{cause}");
    }
    fs::remove_file(&other).unwrap();
    SqliteStore::open(&path).unwrap();
}

#[test]
fn case_633_nothing_is_accepted_where_a_link_on_the_path_leads_to_another_file() {
    let scratch = Scratch::new("led-elsewhere");
    let (first, second) = (scratch.path("r1"), scratch.path("r2"));
    let (current, path) = (scratch.path("current"), scratch.path("current/otp.sqlite3"));
    fs::create_dir(&first).unwrap();
    fs::create_dir(&second).unwrap();
    std::os::unix::fs::symlink(&first, &current).unwrap();
    let (accepted, said) = accepted_at([&path, &path], |path| {
        let copy = rusqlite::Connection::open(path).unwrap();
        let name = second.join("otp.sqlite3");
        copy.execute("VACUUM INTO ?1", [name.to_str().unwrap()])
            .unwrap();
        fs::remove_file(&current).unwrap();
        std::os::unix::fs::symlink(&second, &current).unwrap();
    });
    assert_eq!(accepted, 1, "by the new one alone: {said}");
    assert!(said.contains("Replaced"), "{said}");
}

#[test]
fn case_254_the_error_names_the_file_and_what_to_do_for_each_call() {
    let scratch = Scratch::new("replaced-named");
    let path = scratch.path("otp.sqlite3");
    let store = SqliteStore::open(&path).unwrap();
    fs::rename(beside(&path, "-wal"), beside(&path, "-away")).unwrap();
    let now = Timestamp::from_unix(1_715_767_200);
    let mut cells = Vec::new();
    let write = otp_engine::store::Write {
        key: otp_engine::store::Key::from_bytes([1; 32]),
        kind: otp_engine::store::Kind::Slot,
        expected: otp_engine::store::Version::ABSENT,
        discard_after: None,
        body: b"x",
    };
    let says = |error: Error| {
        assert!(matches!(error, Error::Unavailable(_)), "{error:?}");
        let cause = core::error::Error::source(&error).unwrap().to_string();
        assert!(
            cause.contains("otp.sqlite3-wal was replaced or removed"),
            "{cause}"
        );
    };
    says(store.load(&[write.key], &mut cells).unwrap_err());
    says(store.commit(&[write], now).unwrap_err());
    says(store.purge(now, 1).unwrap_err());
    fs::rename(beside(&path, "-away"), beside(&path, "-wal")).unwrap();
    store.load(&[write.key], &mut cells).unwrap();
    assert_eq!(cells, [None]);
}

/// While a commit waits for the file's lock the file may go, so the last look is after that.
#[test]
fn case_254_a_commit_that_waited_for_the_lock_is_not_made_where_the_log_went_meanwhile() {
    let now = Timestamp::from_unix(1_715_767_200);
    let write = |number| otp_engine::store::Write {
        key: otp_engine::store::Key::from_bytes([number; 32]),
        kind: otp_engine::store::Kind::Slot,
        expected: otp_engine::store::Version::ABSENT,
        discard_after: None,
        body: b"x",
    };
    for (name, writes) in [
        ("waits-one", &[write(1)][..]),
        ("waits-two", &[write(1), write(2)]),
    ] {
        let scratch = Scratch::new(name);
        let path = scratch.path("otp.sqlite3");
        let store = SqliteStore::open(&path).unwrap();
        let other = rusqlite::Connection::open(&path).unwrap();
        other.execute_batch("BEGIN IMMEDIATE").unwrap();
        let (log, away) = (beside(&path, "-wal"), beside(&path, "-away"));
        let answer = thread::scope(|scope| {
            let commit = scope.spawn(|| store.commit(writes, now));
            thread::sleep(Duration::from_millis(200)); // it waits by now; if not, it is refused at once
            fs::rename(&log, &away).unwrap();
            other.execute_batch("ROLLBACK").unwrap();
            commit.join().unwrap()
        });
        let error = answer.unwrap_err();
        assert!(matches!(error, Error::Unavailable(_)), "{name}: {error:?}");
        assert!(
            format!("{error:?}").contains("Replaced"),
            "{name}: {error:?}"
        );
        fs::rename(&away, &log).unwrap();
        let mut cells = Vec::new();
        store.load(&[writes[0].key], &mut cells).unwrap();
        assert_eq!(cells, [None], "{name}");
    }
}
