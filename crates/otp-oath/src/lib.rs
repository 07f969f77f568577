//! Codes that a user's own device makes: HOTP (RFC 4226), TOTP (RFC 6238) and OCRA (RFC 6287), with
//! `otpauth` URIs and the base32 that secrets are written in.
//!
//! # Check a code
//!
//! ```
//! use otp_oath::{HashFunction, Moving, Secret, Timestamp, Totp, Uri};
//!
//! // From the app's QR code, or drawn at random when the device is enrolled.
//! let secret = Secret::from_base32("GEZD GNBV GY3T QOJQ GEZD GNBV GY3T QOJQ")?;
//! let totp = Totp::new(&secret, HashFunction::Sha1, 6, 30)?;
//!
//! // The code of an instant; `None` before 1970.
//! let now = Timestamp::from_unix(59);
//! assert_eq!(totp.at(now).expect("this is after 1970").as_str(), "287082");
//!
//! // What was entered, in the step of now or one beside it: the step that matched.
//! let last_used = 0; // of this user, from your database
//! let step = totp.verify("287 082", now, 1).filter(|step| *step > last_used);
//! assert_eq!(step, Some(1)); // store it before you let the user in
//!
//! // What an authenticator app reads.
//! let uri = Uri::new(Moving::Time { period: 30 }, Some("ACME"), "ann@example.com", secret)?;
//! assert!(uri.to_text().starts_with("otpauth://totp/ACME:ann"));
//! # Ok::<(), otp_oath::Error>(())
//! ```
//!
//! # Concepts
//!
//! | concept | type | what it is |
//! |---|---|---|
//! | secret | [`Secret`] | at least 128 bits that device and host share; wiped on drop |
//! | prepared key | [`Hotp`], [`Totp`], [`Ocra`] | a secret, hashed once: a code costs the two compressions that HMAC has left |
//! | window | `look_ahead`, `window`, [`Reach`] | how many counters or steps are looked at; each makes a guess as much likelier to be right |
//! | match | `u64`, [`Matched`] | which counter or step it was; all of a window are computed, whichever matches |
//! | suite | [`Suite`] | what enters an OCRA code: question, counter, PIN, session, time |
//! | URI | [`Uri`] | a credential as a QR code has it |
//!
//! No branch, address or division depends on a secret or code. Entered digits may be of any script, with
//! spaces and dashes among them.
//!
//! The crate is `no_std` with `alloc`, and has no features. It has neither clock nor randomness: you pass a
//! [`Timestamp`], and draw secrets from your system's generator.
//!
//! # When not to use it
//!
//! By itself it remembers nothing: whoever uses it must see to it that a code is good once and that guesses are
//! limited. `otp-engine` does that on any store, with these same types: its `verify_devices` counts wrong guesses in
//! the rate limits that codes sent by SMS have.
#![no_std]

extern crate alloc;
#[cfg(test)]
extern crate std;

mod base32;
mod compare;
mod error;
mod hotp;
mod ocra;
mod prepared;
mod question;
mod secret;
mod suite;
mod totp;
mod uri;

pub use error::Error;
pub use hotp::Hotp;
pub use ocra::{Inputs, Matched, Ocra, Pin, Reach};
#[doc(inline)]
pub use otp_base::{Code, Finding, Timestamp};
pub use prepared::HashFunction;
pub use secret::{MAX_SECRET_LEN, MIN_LEGACY_SECRET, MIN_SECRET_LEN, Secret};
pub use suite::{QuestionKind, Suite};
pub use totp::Totp;
pub use uri::{MAX_URI, Moving, Uri};

/// What `otp-engine` judges codes by; no part of the public API.
#[doc(hidden)]
pub mod engine {
    pub use crate::compare::Entry;
    pub use crate::error::MAX_DEVICES;
    pub use crate::hotp::findings;
    pub use crate::ocra::Message;
    pub use crate::prepared::CredentialName;
    pub use crate::totp::{Steps, step};
}

/// The fewest digits of a code.
pub const MIN_DIGITS: u8 = 6;

/// The most digits of a code.
pub const MAX_DIGITS: u8 = 10;

/// Takes a number of digits that is within its bounds.
const fn digits_in_bounds(digits: u8) -> Result<u8, Error> {
    if digits < MIN_DIGITS || digits > MAX_DIGITS {
        return Err(Error::Digits { digits });
    }
    Ok(digits)
}

/// The README's program runs.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
