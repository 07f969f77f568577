//! What [otp-record], [otp-oath] and [otp-engine] share: instants, codes and what was entered, HMAC from
//! a prepared key, and the one place where what depends on a secret becomes public.
//!
//! Depend on one of those three instead: they re-export what you need of this crate, and anything
//! else here may change with any release.
//!
//! [otp-engine]: https://crates.io/crates/otp-engine
//! [otp-oath]: https://crates.io/crates/otp-oath
//! [otp-record]: https://crates.io/crates/otp-record
#![no_std]

extern crate alloc;
#[cfg(test)]
extern crate std;

pub mod code;
pub mod crockford;
pub mod entered;
mod finding;
pub mod mac;
pub mod reveal;
pub mod timestamp;

pub use code::{Code, CodeKind};
pub use finding::Finding;
pub use timestamp::Timestamp;
