//! The floor of issue and verify: what the operations cannot do without.
//!
//! Exactly the SHA-256 compressions of the operation, one load and one versioned write on a map of
//! the same shape as the memory store, one clock read, and for issue one draw from the operating
//! system: no engine, no policy, no types. The compressions come one after the other, or side by side
//! where none waits for another's result: the names and the digest, and after them the code.

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
    order: Order,
    metered: bool,
    cells: usize,
}

/// How the compressions of an operation follow each other.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Order {
    /// Each waits for the one before.
    Serial,
    /// Those of the names and the digest wait for none of another's.
    SideBySide,
}

type Map = HashMap<u64, (u64, [u8; 96]), BuildHasherDefault<Identity>>;

impl Operation {
    /// Fills the cells of `slots`; `metered`, as the default policy has it: with a cell of the user
    /// and one of the recipient.
    #[must_use]
    pub fn new(metered: bool, order: Order, slots: usize) -> Self {
        let cells = if metered { 3 } else { 1 };
        let floor = Self {
            shards: (0..64).map(|_| Mutex::default()).collect(),
            slots,
            order,
            metered,
            cells,
        };
        for key in (0..slots * cells).map(mix) {
            floor.shard(key).insert(key, (1, [0; 96]));
        }
        floor
    }

    /// Returns how many compressions an operation makes.
    #[must_use]
    pub fn compressions(&self) -> usize {
        names(self.metered).iter().sum::<usize>() + CODE
    }

    /// Does the work of issuing into a slot.
    ///
    /// # Panics
    ///
    /// Where the operating system has no randomness.
    pub fn issue(&self, slot: usize) {
        draw();
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
        self.hash();
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

    fn hash(&self) {
        let compress = |state: &mut _| compress256(black_box(state), black_box(&[[7; 64]]));
        let mut code = [1; 8];
        let names = names(self.metered);
        if self.order == Order::Serial {
            (0..names.iter().sum()).for_each(|_: usize| compress(&mut code));
        } else {
            let mut states = [[1; 8]; 4];
            for at in 0..names[0] {
                for (state, length) in states.iter_mut().zip(names) {
                    if at < length {
                        compress(state);
                    }
                }
            }
        }
        (0..CODE).for_each(|_| compress(&mut code));
    }

    fn shard(&self, key: u64) -> MutexGuard<'_, Map> {
        let shard = &self.shards[(key >> 58) as usize];
        shard.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Draws an id from the operating system.
///
/// # Panics
///
/// Where it has no randomness.
pub fn draw() {
    let mut id = [0; 16];
    assert!(getrandom::fill(&mut id).is_ok(), "no randomness");
    black_box(id);
}

/// Counts the compressions of the digest, of the slot's name and of the meters', for the bindings that the benches
/// use; the digest has no fewer than any name.
const fn names(metered: bool) -> [usize; 4] {
    // Tenant, purpose, model, field, record and user, each behind its length.
    let members = (2 + 4) + (2 + 4) + (2 + 16) + (2 + 38) + (2 + 3) + (2 + 3);
    // The tenant's part of the name is computed once for all.
    let (slot, digest) = (mac(1 + members), mac(1 + members + 14 + 1));
    if metered {
        [digest, slot, mac(1 + 6 + 5), mac(1 + 6 + 14)]
    } else {
        [digest, slot, 0, 0]
    }
}

/// The compressions of a code, which begin with the digest.
const CODE: usize = mac(52);

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
