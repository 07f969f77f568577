//! Embeddable one-time codes. This crate issues a code for one record field, one user and one
//! recipient, and judges what was typed exactly once, on any store.
#![cfg_attr(not(feature = "std"), no_std)]

extern crate alloc;

mod clock;
pub mod store;
mod timestamp;

#[cfg(feature = "std")]
pub use clock::SystemClock;
pub use clock::{Clock, ManualClock};
#[cfg(feature = "std")]
pub use store::MemoryStore;
pub use store::Store;
pub use timestamp::Timestamp;
