//! What is erased is gone when `erase` returns: from the file and from its log, also beside others
//! who read; and where it cannot be gone, an error says so.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use core::time::Duration;
use std::{fs, path::Path, thread};

use otp_engine::{
    Engine, Evidence, Issuance, KeyRing, SigningKey, Store, Submission, Target, Timestamp, Verdict,
    operation::{EraseOutcome, EraseRequest},
    record::RecordDetail,
    store::{Commit, Error, Key, Kind, Version, Write},
};
use otp_engine_sqlite::{SqliteOptions, SqliteStore};
use otp_engine_testkit::scenarios;
use rusqlite::Connection;

#[path = "support/scratch.rs"]
mod scratch;

use scratch::Scratch;

const NOW: Timestamp = Timestamp::from_unix(1_715_767_200);
const RECORDS: usize = 200;
/// More than one page of them, so that pages are split and rows lie on pages of their own.
const LONGEST: usize = 6_000;

fn key(number: usize) -> Key {
    let spread = number.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    let mut bytes = [7; 32];
    bytes[..8].copy_from_slice(&spread.to_le_bytes());
    Key::from_bytes(bytes)
}

/// What must be gone: at both ends of the body.
fn name(number: usize) -> String {
    format!("Siti binti Aminah {number:05}")
}

fn body(number: usize) -> Vec<u8> {
    let filler = vec![b'.'; 100 + number * 7_919 % LONGEST];
    [name(number).as_bytes(), &filler, name(number).as_bytes()].concat()
}

fn write(number: usize, kind: Kind, expected: u64, body: &[u8]) -> Write<'_> {
    Write {
        key: key(number),
        kind,
        expected: Version::new(expected),
        discard_after: None,
        body,
    }
}

fn fill(store: &SqliteStore) {
    for number in 0..RECORDS {
        let body = body(number);
        let write = write(number, Kind::Record, 0, &body);
        assert_eq!(store.commit(&[write], NOW).unwrap(), Commit::Done);
    }
}

/// Returns the records that file or log still name.
fn named(path: &Path) -> Vec<usize> {
    let log = format!("{}-wal", path.display());
    let mut bytes = fs::read(path).unwrap();
    bytes.extend(fs::read(log).unwrap());
    let holds = |number: &usize| {
        let name = name(*number);
        bytes.windows(name.len()).any(|run| run == name.as_bytes())
    };
    (0..RECORDS).filter(holds).collect()
}

fn odd() -> Vec<usize> {
    (0..RECORDS).filter(|number| number % 2 == 1).collect()
}

/// Overwrites each other cell.
fn erase(store: &SqliteStore, kind: Kind) {
    for number in (0..RECORDS).step_by(2) {
        let write = write(number, kind, 1, b"erased");
        assert_eq!(store.commit(&[write], NOW).unwrap(), Commit::Done);
    }
}

#[test]
fn case_253_what_is_erased_is_in_neither_file_nor_log() {
    let scratch = Scratch::new("erased");
    let path = scratch.path("otp.sqlite3");
    let store = SqliteStore::open(&path).unwrap();
    fill(&store);
    assert_eq!(named(&path).len(), RECORDS);
    erase(&store, Kind::Record);
    assert_eq!(named(&path), odd());
    // The control: cells that are no records are changed a thousand times an hour, and nobody asks
    // for what they held before.
    let other = scratch.path("slots.sqlite3");
    let store = SqliteStore::open(&other).unwrap();
    fill(&store);
    erase(&store, Kind::Slot);
    assert!(
        named(&other).len() > RECORDS / 2,
        "the log holds older pages"
    );
}

#[test]
fn case_253_a_file_of_an_older_version_is_cleaned_with_its_first_erasure() {
    let scratch = Scratch::new("erased-older");
    let path = scratch.path("otp.sqlite3");
    let older = Connection::open(&path).unwrap();
    older
        .execute_batch(
            "PRAGMA journal_mode = WAL; PRAGMA secure_delete = OFF;
             CREATE TABLE cell (
                 k BLOB PRIMARY KEY CHECK (length(k) = 32),
                 version INTEGER NOT NULL,
                 discard_after INTEGER,
                 body BLOB NOT NULL
             ) STRICT;
             CREATE INDEX cell_broom ON cell (discard_after) WHERE discard_after IS NOT NULL;
             PRAGMA user_version = 1;",
        )
        .unwrap();
    for number in 0..RECORDS {
        let key = key(number);
        let row = (key.as_bytes(), body(number));
        older
            .execute("INSERT INTO cell VALUES (?1, 1, NULL, ?2)", row)
            .unwrap();
    }
    drop(older);
    let store = SqliteStore::open(&path).unwrap();
    erase(&store, Kind::Record);
    assert_eq!(named(&path), odd());
}

#[test]
fn case_253_an_erasure_waits_for_readers_and_says_what_is_left_where_one_stays() {
    let scratch = Scratch::new("erased-readers");
    let path = scratch.path("otp.sqlite3");
    let patient = SqliteStore::open(&path).unwrap();
    fill(&patient);
    let reading = || {
        let reader = Connection::open(&path).unwrap();
        reader.execute_batch("BEGIN").unwrap();
        let count = "SELECT count(*) FROM cell";
        let _: i64 = reader.query_row(count, [], |row| row.get(0)).unwrap();
        reader
    };
    let reader = reading();
    thread::scope(|scope| {
        let erasing = scope.spawn(|| erase(&patient, Kind::Record));
        thread::sleep(Duration::from_millis(300));
        assert!(!erasing.is_finished(), "the reader's pages are still there");
        drop(reader);
    });
    assert_eq!(named(&path), odd());

    let short = SqliteOptions::new().busy_timeout(Duration::from_millis(100));
    let short = short.open(&path).unwrap();
    let reader = reading();
    let again = write(1, Kind::Record, 1, b"erased");
    let left = short.commit(&[again], NOW).unwrap_err();
    assert!(matches!(left, Error::Unknown(_)), "{left:?}");
    let cause = core::error::Error::source(&left).unwrap().to_string();
    assert!(cause.contains("erase again when it has ended"), "{cause}");
    assert!(named(&path).contains(&1), "the error says the truth");
    // Whoever erases again reads the record first, and is told again.
    let mut cells = Vec::new();
    let left = short.load(&[key(1)], &mut cells).unwrap_err();
    assert!(matches!(left, Error::Unavailable(_)), "{left:?}");
    short.load(&[key(3)], &mut Vec::new()).unwrap();
    drop(reader);
    cells.clear();
    short.load(&[key(1)], &mut cells).unwrap();
    assert_eq!(cells[0].as_ref().unwrap().body(), b"erased");
    assert!(!named(&path).contains(&1));
}

#[test]
fn case_253_the_engine_erases_details_to_the_last_byte_and_again_when_asked_again() {
    let scratch = Scratch::new("erased-details");
    let path = scratch.path("otp.sqlite3");
    let store = SqliteStore::open(&path).unwrap();
    let ring = KeyRing::builder().code("k", &[1; 32]).index(&[2; 32]);
    let engine = Engine::builder(ring.build().unwrap())
        .signing_key(SigningKey::from_seed(&[3; 32]).unwrap())
        .build();
    let mut details = Vec::new();
    for slot in 1..=20 {
        let binding = scenarios::binding(slot);
        let Issuance::Issued(issued) = engine.issue(&store, &binding).unwrap() else {
            panic!("refused");
        };
        let evidence = Evidence::new()
            .signer_name("Siti binti Aminah")
            .ip("203.0.113.9");
        let submission = Submission::new(&binding, issued.code.as_str()).evidence(evidence);
        let Verdict::Accepted(accepted) = engine.verify(&store, submission).unwrap() else {
            panic!("rejected");
        };
        let record = accepted.record.unwrap();
        details.extend(record.disclosures().to_vec());
        let of = binding.target();
        let field = Target { ..of };
        for _ in 0..2 {
            let erased = engine.erase(
                &store,
                &EraseRequest {
                    tenant: binding.tenant(),
                    target: field,
                    sequence: record.sequence(),
                    details: &[
                        RecordDetail::SignerName,
                        RecordDetail::Ip,
                        RecordDetail::Number,
                    ],
                },
            );
            let EraseOutcome::Record(left) = erased.unwrap() else {
                panic!("no record");
            };
            assert!(left.disclosures().is_empty());
        }
    }
    assert!(details.len() >= 60, "{details:?}");
    let mut bytes = fs::read(&path).unwrap();
    bytes.extend(fs::read(format!("{}-wal", path.display())).unwrap());
    let kept = |text: &&String| bytes.windows(text.len()).any(|run| run == text.as_bytes());
    assert_eq!(details.iter().filter(kept).count(), 0);
}
