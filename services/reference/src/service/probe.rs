//! A write that asks for room: a full store still answers every read.

use core::time::Duration;

use otp_engine::store::{Cell, Error, Key, Kind, Version, Write};
use otp_engine::{ContentDigest, Store, Timestamp};

/// More than a page of any store: what is written anew in whole asks for as much room as a code.
const SIZE: usize = 12 * 1024;
const KEPT: Duration = Duration::from_secs(24 * 60 * 60);

/// Writes one cell with other bytes than before; that of another service counts as this one.
pub(super) fn write(store: &dyn Store, now: Timestamp) -> Result<(), Error> {
    let key = ContentDigest::of_fields(&["otp-engine-reference ready"]);
    let key = Key::from_bytes(*key.as_bytes());
    let mut cells = Vec::new();
    store.load(&[key], &mut cells)?;
    let known = cells.pop().flatten();
    let expected = known.as_ref().map_or(Version::ABSENT, Cell::version);
    let [.., mark] = expected.get().to_be_bytes(); // SQLite leaves a page alone that stays the same
    let write = Write {
        key,
        kind: Kind::Slot, // of the kinds that end
        expected,
        discard_after: Some(now.saturating_add(KEPT)),
        body: &[mark; SIZE],
    };
    let _ = store.commit(&[write], now)?; // a conflict is a write of another service
    Ok(())
}

#[cfg(test)]
mod tests {
    use otp_engine::MemoryStore;

    use super::*;

    #[test]
    fn case_406_readiness_writes_once_a_call_and_other_bytes_each_time() {
        let store = MemoryStore::new();
        let mut before = None;
        for calls in 1..=300 {
            write(&store, Timestamp::from_unix(1_715_767_200)).unwrap();
            let key = ContentDigest::of_fields(&["otp-engine-reference ready"]);
            let mut cells = Vec::new();
            store
                .load(&[Key::from_bytes(*key.as_bytes())], &mut cells)
                .unwrap();
            let cell = cells.remove(0).unwrap();
            assert_eq!(cell.version(), Version::new(calls));
            assert_eq!(cell.body().len(), SIZE);
            let body = Some(cell.body().to_vec());
            assert!(before != body, "each page is another one");
            before = body;
        }
        assert_eq!(store.len(), 1);
    }

    #[test]
    fn case_406_a_store_without_room_is_not_ready() {
        let store = MemoryStore::with_capacity_limit(0);
        let full = write(&store, Timestamp::from_unix(1_715_767_200));
        assert!(matches!(full, Err(Error::Full)));
    }
}
