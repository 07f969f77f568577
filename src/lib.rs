//! Embeddable one-time codes. This crate issues a code for one record field, one user and one
//! recipient, and judges what was typed exactly once, on any store.
#![cfg_attr(not(feature = "std"), no_std)]

extern crate alloc;

mod timestamp;

pub use timestamp::Timestamp;
