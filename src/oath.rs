//! OATH: codes that the user's own device makes from a secret. HOTP (RFC 4226), TOTP (RFC 6238)
//! and OCRA (RFC 6287), with otpauth URIs and the base32 that secrets are written in.
//!
//! [`Hotp`], [`Totp`] and [`Ocra`] are prepared keys: each code costs the two compressions that
//! HMAC has left once the key is hashed (an OCRA message is longer). Comparing looks at every code of a
//! window, whichever matches, and tells which counter or time step it was.
//!
//! By themselves they remember nothing: whoever uses them must see to it that a code is good once.
//! [`Engine::verify_hotp`](crate::Engine::verify_hotp),
//! [`verify_totp`](crate::Engine::verify_totp) and [`verify_ocra`](crate::Engine::verify_ocra) do
//! that on any store, and count wrong guesses in the rate limits that codes sent by SMS have.
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
//! assert_eq!(totp.verify("07081805", now, 1), None);
//! # Ok::<(), otp_engine::oath::Error>(())
//! ```

pub(crate) mod attempt;
mod base32;
mod compare;
pub(crate) mod credential;
mod device;
mod error;
mod hotp;
mod ocra;
mod prepared;
mod question;
mod secret;
mod suite;
mod totp;
mod uri;

pub use device::{Device, MAX_DEVICES};
pub use error::Error;
pub use hotp::Hotp;
pub use ocra::{Answer, Inputs, Matched, Ocra, Pin, Reach};
pub use prepared::HashFunction;
pub use secret::{MAX_SECRET_LEN, MIN_LEGACY_SECRET, MIN_SECRET_LEN, Secret};
pub use suite::{QuestionKind, Suite};
pub use totp::Totp;
pub use uri::{MAX_URI, Moving, Uri};

use crate::{Finding, Timestamp};

/// What an accepted OATH code leaves.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
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

/// Returns what there is to say against so many digits.
pub(crate) fn findings(digits: u8) -> impl Iterator<Item = Finding> + use<> {
    let text = match digits {
        9 => Some(NINE_DIGITS),
        10 => Some(TEN_DIGITS),
        _ => None,
    };
    text.map(|text| Finding {
        standard: "RFC 4226",
        clause: "5.3",
        text,
    })
    .into_iter()
}

const NINE_DIGITS: &str = "codes have 6 to 8 digits; of nine, cut from 31 bits, those below 147483648 \
                           come up half as often again as the rest";
const TEN_DIGITS: &str = "codes have 6 to 8 digits; of ten, cut from 31 bits, four fifths never come up, \
                          and the first is 0, 1 or 2";
