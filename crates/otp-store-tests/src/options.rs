//! How large the checks are.

use core::{hash::BuildHasher, time::Duration};
use std::hash::RandomState;

/// How large the checks are; the defaults take a few seconds on a store that flushes.
///
/// The seed is another one in each run unless it is set: a store that outlives the run still holds
/// the cells of the last one. A [report](super::Report) names it.
#[derive(Clone, Debug)]
pub struct Options {
    pub(super) threads: u32,
    pub(super) slots: u32,
    pub(super) cells: u32,
    pub(super) seed: u64,
    pub(super) patience: Duration,
}

impl Options {
    /// Makes the default: 8 threads, 200 slots, 2,000 cells, 60 s of patience, a seed by chance.
    #[must_use]
    pub fn new() -> Self {
        Self {
            threads: 8,
            slots: 200,
            cells: 2_000,
            seed: RandomState::new().hash_one("otp-engine conformance"),
            patience: Duration::from_secs(60),
        }
    }

    /// Sets how many threads take part in storms; at least 2 do.
    #[must_use]
    pub const fn threads(mut self, threads: u32) -> Self {
        self.threads = if threads < 2 { 2 } else { threads };
        self
    }

    /// Sets how many slots a storm guesses at, 8 guesses each; at least 1.
    #[must_use]
    pub const fn slots(mut self, slots: u32) -> Self {
        self.slots = if slots == 0 { 1 } else { slots };
        self
    }

    /// Sets how many cells are inserted to see whether all are kept; at least 1.
    ///
    /// For the check of a full store, limit the store to fewer, but leave the other checks
    /// room for 1,000.
    #[must_use]
    pub const fn cells(mut self, cells: u32) -> Self {
        self.cells = if cells == 0 { 1 } else { cells };
        self
    }

    /// Sets the seed, to repeat a run on an empty store.
    #[must_use]
    pub const fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// Sets how long one check may take.
    #[must_use]
    pub const fn patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }
}

impl Default for Options {
    fn default() -> Self {
        Self::new()
    }
}
