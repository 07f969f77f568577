//! A write that asks for room: a full store still answers every read.

use core::time::Duration;

use otp_engine::store::{Cell, Error, Key, Kind, Version, Write};
use otp_engine::{ContentDigest, Store, Timestamp};

/// Longer than a page of any store: an update in place would find room where nothing new does.
const LARGE: &[u8] = &[0; 12 * 1024];
const KEPT: Duration = Duration::from_secs(24 * 60 * 60);

/// Makes a cell large and small again; that of another service counts as this one.
pub(super) fn write(store: &dyn Store, now: Timestamp) -> Result<(), Error> {
    let key = ContentDigest::of_fields(&["otp-engine-contract ready"]);
    let key = Key::from_bytes(*key.as_bytes());
    let mut cells = Vec::new();
    store.load(&[key], &mut cells)?;
    let known = cells.pop().flatten();
    let mut expected = known.as_ref().map_or(Version::ABSENT, Cell::version);
    for body in [LARGE, &[]] {
        let write = Write {
            key,
            kind: Kind::Slot, // of the kinds that end
            expected,
            discard_after: Some(now.saturating_add(KEPT)),
            body,
        };
        let _ = store.commit(&[write], now)?; // a conflict is a write of another service
        expected = expected.next();
    }
    Ok(())
}
