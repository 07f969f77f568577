//! What the version before wrote is read, used and upgraded by this one; and what this one writes is
//! read by the version before, but for the cells of which docs/formats.md says that they are not.

use std::collections::BTreeSet;
use std::sync::Mutex;

use otp_engine::store::{Cell, Class, Commit, Error, Key, Kind, Write};
use otp_engine::{MemoryStore, Store, Timestamp};

use crate::support::upgrade;

mod before;

/// The kind, name, version and body of a cell.
type Written = (Kind, Key, u64, Vec<u8>);

/// Keeps what is committed.
struct Recorder {
    store: MemoryStore,
    written: Mutex<Vec<Written>>,
}

impl Recorder {
    fn new() -> Self {
        Self {
            store: MemoryStore::keeping_records_until_exit(),
            written: Mutex::default(),
        }
    }
}

impl Store for Recorder {
    fn load(&self, keys: &[Key], cells: &mut Vec<Option<Cell>>) -> Result<(), Error> {
        self.store.load(keys, cells)
    }

    fn commit(&self, writes: &[Write<'_>], now: Timestamp) -> Result<Commit, Error> {
        let done = self.store.commit(writes, now)?;
        let seen = writes.iter().map(|write| {
            let version = write.expected.next().get();
            (write.kind, write.key, version, write.body.to_vec())
        });
        self.written.lock().unwrap().extend(seen);
        Ok(done)
    }

    fn purge(&self, now: Timestamp, limit: usize) -> Result<usize, Error> {
        self.store.purge(now, limit)
    }

    fn class(&self) -> Class {
        self.store.class()
    }

    fn has_cells(&self) -> Result<Option<bool>, Error> {
        self.store.has_cells()
    }
}

#[test]
fn case_208_a_store_that_the_version_before_filled_is_read_used_and_upgraded() {
    upgrade::is_read_used_and_upgraded(&MemoryStore::keeping_records_until_exit());
}

#[test]
fn case_209_what_is_written_now_is_read_by_the_version_before_or_said_not_to_be() {
    let recorder = Recorder::new();
    let filled = upgrade::is_read_used_and_upgraded(&recorder);
    let written = recorder.written.into_inner().unwrap();
    let mut kinds = BTreeSet::new();
    // Behind what the version before wrote itself.
    for (kind, key, version, body) in &written[filled..] {
        let name = match kind {
            Kind::ChainHead => "chain head".to_owned(),
            kind => format!("{kind:?}").to_lowercase(),
        };
        let read = before::reads(*kind, key, *version, body);
        let (before, now) = formats(&name);
        // What has the format of before is read; another is one of which the register tells.
        let is_as_before = before == "none" || body[0].to_string() == before;
        assert_eq!(read, is_as_before, "{name}: {body:?}");
        assert!(read || body[0].to_string() == now, "{name}: {body:?}");
        kinds.insert(name);
    }
    let all = [
        "canary",
        "chain head",
        "credential",
        "meter",
        "record",
        "slot",
    ];
    assert_eq!(kinds.iter().collect::<Vec<_>>(), all);
    // All that it wrote itself is read by its own rules; a byte more or less, another format or
    // another seal is not.
    for (kind, key, version, body) in &written[..filled] {
        let reads = |body: &[u8]| before::reads(*kind, key, *version, body);
        // Versions below the last are fillings of the test, under the seal of the last.
        if written[..filled]
            .iter()
            .any(|later| later.1 == *key && later.2 > *version)
        {
            continue;
        }
        assert!(reads(body), "{kind:?} {body:?}");
        let mut other = body.clone();
        other[0] ^= 3;
        assert!(!reads(&other), "{kind:?}: another format");
        if *kind != Kind::Record {
            assert!(!reads(&body[..body.len() - 1]), "{kind:?}: cut off");
            *other.last_mut().unwrap() ^= 1;
            other[0] = body[0];
            assert!(!reads(&other), "{kind:?}: another seal");
        }
    }
}

/// What the register says of a cell: its format in the version before, and the one written now.
fn formats(cell: &str) -> (&'static str, &'static str) {
    let document = include_str!("../../docs/formats.md");
    let row = document
        .lines()
        .find_map(|line| line.strip_prefix(&format!("| {cell} | ")));
    let mut row = row.unwrap().split(" | ");
    (row.next().unwrap(), row.next().unwrap())
}
