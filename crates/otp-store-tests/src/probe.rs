//! What all checks ask a store with: keys, times, loads and commits.

use alloc::{format, string::String, sync::Arc, vec::Vec};
use core::{error::Error as _, time::Duration};

use super::{Fault, Options};
use otp_engine::{
    Timestamp,
    store::{Cell, Class, Commit, Error, Key, Kind, MAX_CELLS, Store, Version, Write},
};

/// The suite's clock stands here: a store that judges expiry by a clock of its own drops nothing.
pub(super) const NOW: Timestamp = Timestamp::from_unix(4_102_444_800); // 2100-01-01

/// By when a cell may go that must outlive its check.
pub(super) const LATER: Timestamp = NOW.saturating_add(Duration::from_secs(400 * 86_400));

/// Why a check did not pass.
#[derive(Debug)]
pub(super) enum Finding {
    Failed(String),
    NotApplicable(&'static str),
}

impl From<Fault> for Finding {
    fn from(fault: Fault) -> Self {
        Self::Failed(fault.0)
    }
}

/// Fails with a text unless the condition holds.
macro_rules! must {
    ($holds:expr, $($text:tt)+) => {
        if !$holds {
            return Err($crate::Fault(alloc::format!($($text)+)).into());
        }
    };
}
pub(super) use must;

/// One check's view of the store.
pub(super) struct Probe {
    pub(super) store: Arc<dyn Store>,
    pub(super) options: Options,
    pub(super) keys: Keys,
}

impl Probe {
    pub(super) fn new(store: Arc<dyn Store>, options: Options, check: &str) -> Self {
        let seed = check
            .bytes()
            .fold(options.seed, |seed, byte| mix(seed ^ u64::from(byte)));
        Self {
            store,
            options,
            keys: Keys { seed },
        }
    }

    pub(super) fn key(&self, number: u64) -> Key {
        self.keys.key(number)
    }

    pub(super) fn load(&self, keys: &[Key]) -> Result<Vec<Option<Cell>>, Fault> {
        load(&*self.store, keys)
    }

    pub(super) fn commit(&self, writes: &[Write<'_>]) -> Result<Commit, Fault> {
        commit(&*self.store, writes)
    }

    /// Commits what nothing can conflict with.
    pub(super) fn done(&self, writes: &[Write<'_>]) -> Result<(), Fault> {
        must!(
            self.commit(writes)? == Commit::Done,
            "a commit of {} cells with the right versions was a conflict",
            writes.len()
        );
        Ok(())
    }

    pub(super) fn is_permanent(&self) -> bool {
        self.store.class() == Class::Permanent
    }

    /// Loads any number of cells.
    pub(super) fn load_all(
        &self,
        numbers: core::ops::Range<u64>,
    ) -> Result<Vec<Option<Cell>>, Fault> {
        let keys: Vec<_> = numbers.map(|number| self.key(number)).collect();
        load_all(&*self.store, &keys)
    }
}

/// Makes a write that most checks can use.
pub(super) const fn write(key: Key, expected: u64, body: &[u8]) -> Write<'_> {
    Write {
        key,
        kind: Kind::Slot,
        expected: Version::new(expected),
        discard_after: Some(LATER),
        body,
    }
}

pub(super) fn load(store: &dyn Store, keys: &[Key]) -> Result<Vec<Option<Cell>>, Fault> {
    let mut cells = Vec::new();
    store
        .load(keys, &mut cells)
        .map_err(|error| failed("load", &error))?;
    must!(
        cells.len() == keys.len(),
        "a load of {} keys returned {} cells",
        keys.len(),
        cells.len()
    );
    Ok(cells)
}

pub(super) fn load_all(store: &dyn Store, keys: &[Key]) -> Result<Vec<Option<Cell>>, Fault> {
    let parts = keys.chunks(MAX_CELLS).map(|part| load(store, part));
    Ok(parts.collect::<Result<Vec<_>, _>>()?.concat())
}

pub(super) fn commit(store: &dyn Store, writes: &[Write<'_>]) -> Result<Commit, Fault> {
    store
        .commit(writes, NOW)
        .map_err(|error| failed("commit", &error))
}

pub(super) fn failed(call: &str, error: &Error) -> Fault {
    Fault(match error.source() {
        Some(cause) => format!("{call} failed: {error} ({cause})"),
        None => format!("{call} failed: {error}"),
    })
}

pub(super) fn version(cell: Option<&Cell>) -> u64 {
    cell.map_or(0, |cell| cell.version().get())
}

/// The keys of one check: all of one tenant, whose name is meant to hurt.
#[derive(Clone, Copy, Debug)]
pub(super) struct Keys {
    pub(super) seed: u64,
}

impl Keys {
    pub(super) fn key(self, number: u64) -> Key {
        let mut bytes = *b"}\0{'\xff\n\\%------------------------";
        let mut state = mix(self.seed ^ mix(number));
        for part in bytes[8..].chunks_exact_mut(8) {
            state = mix(state);
            part.copy_from_slice(&state.to_le_bytes());
        }
        Key::from_bytes(bytes)
    }
}

/// Mixes 64 bits (splitmix64): repeatable from a seed, and good for nothing secret.
pub(super) const fn mix(seed: u64) -> u64 {
    let mut mixed = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

/// Draws `count` different numbers below `bound`, by chance from the seed.
pub(super) fn draw(seed: u64, count: usize, bound: u64) -> Vec<u64> {
    let mut drawn: Vec<u64> = Vec::with_capacity(count);
    let mut state = seed;
    while drawn.len() < count {
        state = mix(state);
        if !drawn.contains(&(state % bound)) {
            drawn.push(state % bound);
        }
    }
    drawn
}
