//! What cannot be made or read: secrets, suites, URIs.

use core::fmt;

use super::{MAX_DIGITS, MAX_SECRET_LEN, MAX_URI, MIN_DIGITS};

/// The most devices that one call of an engine takes.
pub const MAX_DEVICES: usize = 3;

/// The reason why an OATH key, suite, input or URI cannot be used. It never holds a secret.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Error {
    /// A secret is too short, or longer than [`MAX_SECRET_LEN`].
    Secret {
        /// How many bytes it has.
        length: usize,
        /// How many it must have: [`MIN_SECRET_LEN`](super::MIN_SECRET_LEN), for an import
        /// [`MIN_LEGACY_SECRET`](super::MIN_LEGACY_SECRET).
        least: usize,
    },
    /// A text is not base32.
    Base32(
        /// What is wrong with it.
        &'static str,
    ),
    /// A code would have too few or too many digits.
    Digits {
        /// How many.
        digits: u8,
    },
    /// A time step is 0 or longer than a day.
    Period {
        /// Its length in seconds.
        seconds: u32,
    },
    /// All bytes of a secret are the same: nobody drew it.
    ConstantSecret,
    /// A window reaches further than what was used is remembered: 100 days on either side.
    Window {
        /// How many steps.
        steps: u16,
        /// The length of a step in seconds.
        period: u32,
    },
    /// There is no device to judge a code by, or too many, or one twice.
    Devices {
        /// How many there are.
        count: usize,
    },
    /// A text is no OCRA suite that is supported.
    Suite(
        /// What is wrong with it.
        &'static str,
    ),
    /// An input of an OCRA computation is missing, not asked for by the suite, or does not fit.
    Input {
        /// Which one.
        name: &'static str,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// A text is no otpauth URI, or one that cannot be used.
    Uri(
        /// What is wrong with it.
        &'static str,
    ),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Secret { length, least } => write!(
                f,
                "the secret is {length} bytes; it must be {least} to {MAX_SECRET_LEN} bytes"
            ),
            Self::Base32(problem) => write!(f, "the base32 text {problem}"),
            Self::Digits { digits } => write!(
                f,
                "digits is {digits}; it must be {MIN_DIGITS} to {MAX_DIGITS}"
            ),
            Self::Period { seconds } => {
                write!(f, "period is {seconds}; it must be 1 to 86400 seconds")
            }
            Self::ConstantSecret => {
                f.write_str("all bytes of the secret are the same; it must be random")
            }
            Self::Window { steps, period } => write!(
                f,
                "window is {steps} steps of {period} s; together they must be at most 8640000 s"
            ),
            Self::Devices { count } => write!(
                f,
                "devices are {count}; they must be 1 to {MAX_DEVICES}, each another one"
            ),
            Self::Suite(problem) => write!(f, "the suite {problem}"),
            Self::Input { name, problem } => write!(f, "{name} {problem}"),
            Self::Uri(problem) => {
                write!(f, "the uri {problem}")?;
                if *problem == TOO_LONG {
                    write!(f, "; it must be at most {MAX_URI} bytes")?;
                }
                Ok(())
            }
        }
    }
}

impl core::error::Error for Error {}

/// What [`Error::Uri`] says of a text that is too long.
pub(crate) const TOO_LONG: &str = "is too long";
