//! What each fuzz target does with its bytes. libFuzzer runs these functions from `fuzz/fuzz_targets`;
//! `cargo test` replays the corpora in `fuzz/corpus` with them.
//!
//! A target takes any bytes, and panics where something that is promised does not hold. None of them
//! reads a clock or draws randomness: an input that fails once fails always.

mod cells;
mod http;
mod images;
mod input;
mod logs;
mod oath;
mod records;
mod texts;

pub use cells::{cell, device};
pub use http::{http, leave};
pub use images::image;
pub use logs::{log, tree};
pub use oath::{ocra, otpauth};
pub use otp_engine_fuzz_c::{binding, host};
pub use records::{jwks, payload, record};
pub use texts::{email, entered, message, mobile};

/// The name of a target, and what it does.
pub type Target = (&'static str, fn(&[u8]));

/// All targets but the control.
pub const TARGETS: &[Target] = &[
    ("binding", binding),
    ("cell", cell),
    ("device", device),
    ("email", email),
    ("entered", entered),
    ("host", host),
    ("http", http),
    ("image", image),
    ("jwks", jwks),
    ("log", log),
    ("message", message),
    ("mobile", mobile),
    ("ocra", ocra),
    ("otpauth", otpauth),
    ("payload", payload),
    ("record", record),
    ("tree", tree),
];

/// The control: a fault that a fuzzer has to find, behind four comparisons.
///
/// # Panics
///
/// For one input, as it should.
pub fn planted(data: &[u8]) {
    if let [b'4', b'8', b'2', b'9', ..] = data {
        panic!("the planted fault");
    }
}
