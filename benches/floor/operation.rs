//! The floor of issue and verify: what the operations cannot do without.
//!
//! Exactly the SHA-256 compressions of the operation, one load and one versioned write on a map of
//! the same shape as the memory store, one clock read, and for issue one draw from the operating
//! system: no engine, no policy, no types.

use core::hash::{BuildHasherDefault, Hasher};
use core::hint::black_box;
use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use sha2::block_api::compress256;

/// The cells of some slots, and the work of an operation on one of them.
#[derive(Debug)]
pub struct Operation {
    shards: Vec<Mutex<Map>>,
    slots: usize,
    compressions: usize,
    cells: usize,
}

type Map = HashMap<u64, (u64, [u8; 96]), BuildHasherDefault<Identity>>;

impl Operation {
    /// Fills the cells of `slots`; `metered`, as the default policy has it: with a cell of the user
    /// and one of the recipient.
    #[must_use]
    pub fn new(metered: bool, slots: usize) -> Self {
        let cells = if metered { 3 } else { 1 };
        let floor = Self {
            shards: (0..64).map(|_| Mutex::default()).collect(),
            slots,
            compressions: compressions(metered),
            cells,
        };
        for key in (0..slots * cells).map(mix) {
            floor.shard(key).insert(key, (1, [0; 96]));
        }
        floor
    }

    /// Returns how many compressions an operation makes.
    #[must_use]
    pub const fn compressions(&self) -> usize {
        self.compressions
    }

    /// Does the work of issuing into a slot.
    ///
    /// # Panics
    ///
    /// Where the operating system has no randomness.
    pub fn issue(&self, slot: usize) {
        let mut id = [0; 16];
        assert!(getrandom::fill(&mut id).is_ok(), "no randomness");
        black_box(id);
        self.verify(slot);
    }

    /// Does the work of verifying in a slot.
    ///
    /// # Panics
    ///
    /// Where a cell changed between load and write: a slot is for one thread.
    #[expect(
        clippy::disallowed_methods,
        reason = "the floor reads the clock as the engine does, without the engine"
    )]
    pub fn verify(&self, slot: usize) {
        black_box(SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)).ok();
        let mut state = [1; 8];
        for _ in 0..self.compressions {
            compress256(black_box(&mut state), black_box(&[[7; 64]]));
        }
        let keys = (0..self.cells).map(|cell| mix(slot + cell * self.slots));
        let mut bodies = [(0, [0; 96]); 3];
        for (key, body) in keys.clone().zip(&mut bodies) {
            *body = self.shard(key)[&key];
        }
        for (key, body) in keys.zip(bodies) {
            if let Some(cell) = self.shard(key).get_mut(&key) {
                assert_eq!(cell.0, body.0, "another thread was in this slot");
                *cell = (body.0 + 1, black_box(body.1));
            }
        }
    }

    fn shard(&self, key: u64) -> MutexGuard<'_, Map> {
        let shard = &self.shards[(key >> 58) as usize];
        shard.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Counts the compressions of an operation on the bindings that the benches use.
const fn compressions(metered: bool) -> usize {
    // Tenant, purpose, model, field, record and user, each behind its length.
    let members = (2 + 4) + (2 + 4) + (2 + 16) + (2 + 38) + (2 + 3) + (2 + 3);
    // The tenant's part of the name is computed once for all.
    let slot = mac(1 + members);
    let digest = mac(1 + members + 14 + 1);
    let code = mac(52);
    let meters = mac(1 + 6 + 5) + mac(1 + 6 + 14);
    slot + digest + code + if metered { meters } else { 0 }
}

/// Counts those of an HMAC from cached midstates, over a message of so many bytes.
const fn mac(length: usize) -> usize {
    (length + 9).div_ceil(64) + 1
}

fn mix(at: usize) -> u64 {
    (at as u64 + 1)
        .wrapping_mul(0x9E37_79B9_7F4A_7C15)
        .rotate_left(31)
        .wrapping_mul(0xD6E8_FEB8_6659_FD93)
}

#[derive(Default)]
struct Identity(u64);

impl Hasher for Identity {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, _: &[u8]) {}

    fn write_u64(&mut self, value: u64) {
        self.0 = value;
    }
}
