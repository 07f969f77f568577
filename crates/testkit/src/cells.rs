//! Cells for the tests of a store, and what its errors say.

use otp_engine::{
    Timestamp,
    store::{Cell, Key, Kind, Store, Version, Write},
};

/// When a [`write()`] is to be discarded, long after any test.
pub const LATER: Timestamp = Timestamp::from_unix(4_102_444_800);

/// What a [`write()`] holds; nothing else says so.
pub const BODY: &[u8] = b"canary-4711";

/// Returns a write to the cell with this number, of which this version is expected.
#[must_use]
pub const fn write(number: u8, expected: u64) -> Write<'static> {
    Write {
        key: Key::from_bytes([number; 32]),
        kind: Kind::Slot,
        expected: Version::new(expected),
        discard_after: Some(LATER),
        body: BODY,
    }
}

/// Returns the version of the cell with this number, 0 where there is none.
pub fn version(store: &dyn Store, number: u8) -> u64 {
    let mut cells = Vec::new();
    store.load(&[write(number, 0).key], &mut cells).unwrap();
    let version = |cell: &Cell| cell.version().get();
    cells[0].as_ref().map_or(0, version)
}

/// Returns what an error and its causes say.
#[must_use]
pub fn text(error: &dyn core::error::Error) -> String {
    let cause = error.source().map(text);
    cause.map_or(error.to_string(), |cause| format!("{error}: {cause}"))
}
