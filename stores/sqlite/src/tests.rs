use core::time::Duration;
use std::{fs, path::PathBuf, sync::Arc, thread};

use otp_engine::store::Kind;

use super::*;
use crate::group::{Ticket, commit_group};

const NOW: Timestamp = Timestamp::from_unix(1_715_767_200);

/// A file of its own for each test, gone with its neighbours when the test is over.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Self {
        let file = format!("otp-engine-sqlite-{}-{name}", std::process::id());
        Self(std::env::temp_dir().join(file))
    }

    fn open(&self) -> SqliteStore {
        SqliteStore::open(&self.0).unwrap()
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        for end in ["", "-wal", "-shm"] {
            fs::remove_file(format!("{}{end}", self.0.display())).ok();
        }
    }
}

fn write(number: u8, expected: u64, body: &[u8]) -> Write<'_> {
    Write {
        key: Key::from_bytes([number; 32]),
        kind: Kind::Slot,
        expected: Version::new(expected),
        discard_after: None,
        body,
    }
}

fn versions(store: &SqliteStore, numbers: [u8; 3]) -> [u64; 3] {
    let keys = numbers.map(|number| Key::from_bytes([number; 32]));
    let mut cells = Vec::new();
    store.load(&keys, &mut cells).unwrap();
    [0, 1, 2].map(|at| {
        cells[at]
            .as_ref()
            .map_or(0, |cell: &Cell| cell.version().get())
    })
}

/// Counts the pages in the log since the last call, which makes SQLite begin the log anew.
fn frames(store: &SqliteStore) -> i64 {
    let locked = store.lock().unwrap();
    let connection = locked.connection().unwrap();
    let checkpoint = connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |row| row.get(1));
    checkpoint.unwrap()
}

#[test]
fn in_a_group_a_conflict_undoes_its_own_commit_alone() {
    let scratch = Scratch::new("group");
    let store = scratch.open();
    let group = [
        vec![write(3, 0, b"b"), write(2, 0, b"b")], // the second one is there by now
        vec![write(2, 1, b"c"), write(1, 1, b"c")],
        vec![write(1, 1, b"d")],
    ]
    .map(|writes| Arc::new(Ticket::new(&writes)));
    let own = commit_group(
        store.lock().unwrap().connection().unwrap(),
        &store.files,
        &store.unfinished,
        &[write(1, 0, b"a"), write(2, 0, b"a")],
        &group,
    );
    let [first, second, third] = group.map(|ticket| ticket.take_answer().unwrap().unwrap());
    let answers = [own.unwrap(), first, second, third];
    assert_eq!(
        answers,
        [
            Commit::Done,
            Commit::Conflict,
            Commit::Done,
            Commit::Conflict
        ]
    );
    assert_eq!(versions(&store, [1, 2, 3]), [2, 2, 0]);
}

#[test]
fn commits_that_wait_together_are_flushed_together() {
    let scratch = Scratch::new("flush");
    let store = scratch.open();
    assert_eq!(
        store.commit(&[write(0, 0, b"first")], NOW).unwrap(),
        Commit::Done
    );
    frames(&store);
    let body = [7; 3_000]; // a page for each cell
    thread::scope(|scope| {
        let locked = store.lock().unwrap();
        for number in 1..=16 {
            let store = &store;
            let body = &body;
            scope.spawn(move || {
                assert_eq!(
                    store.commit(&[write(number, 0, body)], NOW).unwrap(),
                    Commit::Done
                );
            });
        }
        while store.queue.len() < 16 {
            thread::yield_now();
        }
        drop(locked);
    });
    let together = frames(&store);
    assert_eq!(versions(&store, [1, 8, 16]), [1, 1, 1]);

    // The same, one after the other: each commit writes the page of the keys once more.
    let scratch = Scratch::new("flush-singly");
    let store = scratch.open();
    assert_eq!(
        store.commit(&[write(0, 0, b"first")], NOW).unwrap(),
        Commit::Done
    );
    frames(&store);
    for number in 1..=16 {
        assert_eq!(
            store.commit(&[write(number, 0, &body)], NOW).unwrap(),
            Commit::Done
        );
    }
    let singly = frames(&store);
    assert!((16..24).contains(&together), "{together}");
    assert!(
        singly > together + 15,
        "{singly} frames, together {together}"
    );
}

#[test]
fn a_write_that_leaves_the_end_of_a_cell_as_it_was_writes_one_page() {
    let scratch = Scratch::new("pages");
    let store = scratch.open();
    let pages = |expected, discard_after| {
        let write = Write {
            discard_after,
            ..write(1, expected, b"body")
        };
        assert_eq!(store.commit(&[write], NOW).unwrap(), Commit::Done);
        frames(&store)
    };
    let later = |seconds| Some(NOW.saturating_add(Duration::from_secs(seconds)));
    pages(0, later(1));
    assert_eq!(pages(1, later(1)), 1);
    assert_eq!(pages(2, later(2)), 2, "the index too");
    pages(3, None);
    assert_eq!(pages(4, None), 1);
}

#[test]
fn a_full_disk_is_full_and_undoes_the_whole_group() {
    let scratch = Scratch::new("full");
    let store = scratch.open();
    assert_eq!(
        store.commit(&[write(1, 0, b"kept")], NOW).unwrap(),
        Commit::Done
    );
    let limit = "PRAGMA max_page_count = 8";
    store
        .lock()
        .unwrap()
        .connection()
        .unwrap()
        .query_row(limit, [], |_| Ok(()))
        .unwrap();

    let large = vec![1; MAX_BODY];
    let others = [Arc::new(Ticket::new(&[
        write(2, 0, &large),
        write(3, 0, &large),
        write(4, 0, &large),
    ]))];
    let own = commit_group(
        store.lock().unwrap().connection().unwrap(),
        &store.files,
        &store.unfinished,
        &[write(1, 1, b"other")],
        &others,
    );
    for answer in [Some(own), others[0].take_answer()] {
        assert!(matches!(answer, Some(Err(Error::Full))));
    }
    assert_eq!(versions(&store, [1, 2, 3]), [1, 0, 0]);
    assert_eq!(
        store.commit(&[write(1, 1, b"other")], NOW).unwrap(),
        Commit::Done
    );
}

#[test]
fn a_transaction_that_was_left_open_is_rolled_back_first() {
    let scratch = Scratch::new("open");
    let store = scratch.open();
    let left = "BEGIN; INSERT INTO cell VALUES (zeroblob(32), 1, NULL, x'');";
    store
        .lock()
        .unwrap()
        .connection()
        .unwrap()
        .execute_batch(left)
        .unwrap();
    assert_eq!(
        store.commit(&[write(1, 0, b"body")], NOW).unwrap(),
        Commit::Done
    );
    assert_eq!(versions(&store, [0, 1, 2]), [0, 1, 0]);
}

#[test]
fn a_panic_with_the_connection_makes_the_store_unavailable() {
    let scratch = Scratch::new("panic");
    let store = scratch.open();
    thread::scope(|scope| {
        let broken = scope.spawn(|| {
            let _locked = store.lock().unwrap();
            panic!("planted");
        });
        assert!(broken.join().is_err());
    });
    for _ in 0..2 {
        let commit = store.commit(&[write(1, 0, b"body")], NOW);
        assert!(matches!(commit, Err(Error::Unavailable(_))), "{commit:?}");
    }
    let load = store.load(&[Key::from_bytes([1; 32])], &mut Vec::new());
    assert!(matches!(load, Err(Error::Unavailable(Some(_)))));
}

#[test]
fn the_pragmas_are_what_the_options_say() {
    let scratch = Scratch::new("pragmas");
    let read = |store: &SqliteStore, pragma: &str| {
        let locked = store.lock().unwrap();
        let connection = locked.connection().unwrap();
        connection
            .pragma_query_value(None, pragma, |row| row.get::<_, i64>(0))
            .unwrap()
    };
    let store = scratch.open();
    assert_eq!(
        (read(&store, "synchronous"), read(&store, "busy_timeout")),
        (2, 5_000)
    );
    assert_eq!(store.class(), Class::Permanent);

    let options = SqliteOptions::new().may_lose_commits_on_power_loss();
    let store = options
        .busy_timeout(Duration::from_millis(70))
        .open(&scratch.0)
        .unwrap();
    assert_eq!(
        (read(&store, "synchronous"), read(&store, "busy_timeout")),
        (1, 70)
    );
    assert_eq!(read(&store, "user_version"), 1);
    assert_eq!(store.class(), Class::Expiring);
}

#[test]
fn a_version_beyond_the_files_integers_is_a_conflict() {
    let scratch = Scratch::new("version");
    let store = scratch.open();
    for expected in [i64::MAX as u64, i64::MAX as u64 + 1, u64::MAX] {
        assert_eq!(
            store.commit(&[write(1, expected, b"")], NOW).unwrap(),
            Commit::Conflict
        );
    }
}

#[test]
fn a_purge_finds_its_cells_by_the_index() {
    let scratch = Scratch::new("plan");
    let store = scratch.open();
    let locked = store.lock().unwrap();
    let connection = locked.connection().unwrap();
    let mut explain = connection
        .prepare(&format!("EXPLAIN QUERY PLAN {PURGE}"))
        .unwrap();
    let plan = explain
        .query_map([1, 1], |row| row.get::<_, String>(3))
        .unwrap()
        .collect::<Result<Vec<_>, _>>()
        .unwrap()
        .join("; ");
    assert!(
        plan.contains("INDEX cell_broom (discard_after<?)"),
        "{plan}"
    );
    assert!(!plan.contains("SCAN"), "{plan}");
}
