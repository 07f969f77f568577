//! Codes of the user's own device, each accepted once on any store: HOTP (RFC 4226), TOTP (RFC 6238) and
//! OCRA (RFC 6287). What makes and reads codes is the crate `otp-oath`; here is what an engine adds.
//!
//! [`Engine::verify_devices`](crate::Engine::verify_devices) keeps what was used, and counts wrong guesses in
//! the rate limits that codes sent by SMS have. [`Hotp`], [`Totp`] and [`Ocra`] by themselves remember nothing.
//!
//! ```
//! use otp_engine::Timestamp;
//! use otp_engine::oath::{HashFunction, Secret, Totp};
//!
//! let secret = Secret::from_base32("GEZD GNBV GY3T QOJQ GEZD GNBV GY3T QOJQ")?;
//! let totp = Totp::new(&secret, HashFunction::Sha1, 8, 30)?;
//! let now = Timestamp::from_unix(1_111_111_109);
//! assert_eq!(totp.at(now).expect("this is after 1970").as_str(), "07081804");
//! assert_eq!(totp.verify("0708 1804", now, 1), Some(37_037_036));
//! # Ok::<(), otp_engine::oath::Error>(())
//! ```

pub(crate) mod attempt;
pub(crate) mod credential;
mod device;
mod ocra_options;

pub use device::{CodePair, Device};
pub use ocra_options::OcraOptions;
#[doc(inline)]
pub use otp_oath::engine::MAX_DEVICES;
#[doc(inline)]
pub use otp_oath::{
    Error, HashFunction, Hotp, Inputs, MAX_DIGITS, MAX_SECRET_LEN, MAX_URI, MIN_DIGITS,
    MIN_LEGACY_SECRET, MIN_SECRET_LEN, Matched, Moving, Ocra, Pin, QuestionKind, Reach, Secret,
    Suite, Totp, Uri,
};

use alloc::boxed::Box;

use crate::{SignatureRecord, Timestamp};

/// What an accepted OATH code leaves.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Acceptance {
    /// The counter or time step of the code; `None` where an OCRA suite has neither.
    pub matched: Option<u64>,
    /// How many steps ahead of our time the code was; below 0 it was behind. How the device's clock
    /// runs is learnt from several codes, or from a resynchronisation.
    pub drift: i32,
    /// Which of the devices made the code, in the order in which the call named them; 0 for a call
    /// with one.
    pub device: usize,
    /// When the code was accepted.
    pub verified_at: Timestamp,
    /// The signature record, if the engine signs: committed with the counter or step.
    pub record: Option<Box<SignatureRecord>>,
}
