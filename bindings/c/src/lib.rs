//! The C ABI of `otp-engine`. `include/otp_engine.h`, which is generated from here, is its manual.
//!
//! Every exported body runs inside [`guard::guard`]: no panic crosses the ABI. Pointers are
//! checked before anything happens, and memory of the caller is written once, at the very end.
#![allow(
    non_camel_case_types,
    reason = "the names are those of the C header, and cbindgen takes them as they are"
)]

#[cfg(panic = "abort")]
compile_error!("bindings/c must be built with panic = \"unwind\": no panic may cross the ABI");

// In the order in which the header has them.
pub mod status;

pub mod guard;

pub mod view;

pub mod fork;
pub mod handle;
pub mod key;

pub mod policy;

pub mod target;

pub mod observer;

pub mod engine;

pub mod binding;

pub mod challenge;
pub mod operation;
pub mod verify;

pub mod record;
pub mod store;

pub mod host;

pub mod canary;
pub mod device;
pub mod oath;
pub mod otpauth;

pub mod message;
pub mod mobile;

mod layout;
