//! A mobile number or an e-mail address in one canonical form, however it was written.
//!
//! Whoever counts by recipient (sends, failed guesses, accounts) must not count one telephone twice because
//! its number was written in two ways. So a text is read to one form or refused, and nothing is guessed.
//!
//! # Read a recipient
//!
//! ```
//! use otp_recipient::{CountryCode, Email, Mobile, Recipient, RecipientError};
//!
//! let mobile = Mobile::parse("+60 12-345 6789")?;
//! assert_eq!(mobile.as_str(), "60123456789"); // the digits of E.164
//!
//! // As it is written within a country.
//! let malaysia = CountryCode::new(60)?;
//! assert_eq!(Mobile::parse_national("012-345 6789", malaysia)?, mobile);
//!
//! // What would be a second number of one telephone is refused, with the reason.
//! assert_eq!(Mobile::parse("+60 012-345 6789"), Err(RecipientError::TrunkPrefix));
//!
//! let email = Email::parse("Siti.Aminah@Example.my")?;
//! assert_eq!(email, Email::parse("siti.aminah@example.my")?);
//!
//! // Either of them: whole for delivery, the same text for keys, masked for logs and screens.
//! let recipient = Recipient::from(email);
//! assert_eq!(recipient.as_str(), "Siti.Aminah@Example.my");
//! assert_eq!(recipient.canonical(), "siti.aminah@example.my");
//! assert_eq!(recipient.to_string(), "S***@Example.my");
//! # Ok::<(), RecipientError>(())
//! ```
//!
//! # What is known of numbers
//!
//! Each calling code has one row of facts: how many digits its mobile numbers have, what a 0 in front means,
//! what dials out of the country, which beginnings are no mobile number's. They are those of libphonenumber's
//! metadata, by the version that `src/calling_codes.rs` states; its maker, `src/calling_codes.py`, stands
//! beside it. A country's new lengths, or a new calling code, need a new release of this crate.
//!
//! The crate is `no_std` with `alloc`, and has neither dependencies nor features.
//!
//! # When not to use it
//!
//! * To learn whether a number or a mailbox is in use, or whose it is: nobody is asked.
//! * For fixed lines, carriers or formatting: that is libphonenumber's work.
//! * For every address that RFC 5322 allows: quoted local parts, comments and lists are refused, as a mailer
//!   could find a second address in them.
#![no_std]

extern crate alloc;
#[cfg(test)]
extern crate std;

use core::fmt;

mod calling_codes;
mod email;
mod mobile;
mod numbering;

pub use email::Email;
pub use mobile::{CountryCode, Mobile};

/// Where something is sent: a mobile number or an e-mail address.
///
/// `Display` and `Debug` are masked, for logs and screens; [`as_str`](Self::as_str) is whole, for
/// delivery. Two recipients are equal if rate limits count them as one.
#[expect(
    clippy::exhaustive_enums,
    reason = "who delivers has to learn of another way when the program compiles"
)]
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub enum Recipient {
    /// A mobile number.
    Mobile(Mobile),
    /// An e-mail address.
    Email(Email),
}

impl Recipient {
    /// Returns the number's digits without plus, or the address as it was written: personal data.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Mobile(mobile) => mobile.as_str(),
            Self::Email(email) => email.as_str(),
        }
    }

    /// Returns the text that all equal recipients have, and no other, for keys of rate limits and accounts:
    /// the number's digits, or the address in lower case ([`Email::canonical`]). Personal data.
    #[must_use]
    pub fn canonical(&self) -> &str {
        match self {
            Self::Mobile(mobile) => mobile.as_str(),
            Self::Email(email) => email.canonical(),
        }
    }
}

impl From<Mobile> for Recipient {
    fn from(mobile: Mobile) -> Self {
        Self::Mobile(mobile)
    }
}

impl From<Email> for Recipient {
    fn from(email: Email) -> Self {
        Self::Email(email)
    }
}

impl fmt::Display for Recipient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Mobile(mobile) => fmt::Display::fmt(mobile, f),
            Self::Email(email) => fmt::Display::fmt(email, f),
        }
    }
}

/// The reason why a text is no [`Recipient`]; the text itself is in none of them.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum RecipientError {
    /// The text of a mobile number is longer than 64 bytes.
    MobileText,
    /// A mobile number holds something other than ASCII digits and what may stand between them.
    MobileSymbol,
    /// A mobile number has no digit, or more than 15 with its country code.
    MobileLength,
    /// A mobile number begins with no country code that is in use.
    CountryUnknown,
    /// No mobile number of its country has as many digits.
    NationalLength {
        /// The country code.
        code: u16,
    },
    /// No mobile number of its country begins so.
    NationalBeginning {
        /// The country code.
        code: u16,
    },
    /// A mobile number begins with 0, and within its country none is written so.
    NationalZero {
        /// The country code.
        code: u16,
    },
    /// A mobile number begins with what dials out of the country, and what follows is not certain.
    ExitCode {
        /// The country code.
        code: u16,
    },
    /// A mobile number begins with 0, and no country code is known.
    CountryMissing,
    /// A mobile number has neither a prefix nor the country code to begin with, or could be read
    /// with the code and without.
    CountryUnclear {
        /// The country code that was expected.
        code: u16,
    },
    /// A mobile number has a trunk prefix, `0` or `(0)`, after its country code.
    TrunkPrefix,
    /// A country code is not from 1 to 999.
    CountryCode {
        /// The one that was given.
        code: u16,
    },
    /// An e-mail address is longer than 254 bytes.
    EmailLength,
    /// An e-mail address has no `@`, or more than one.
    EmailAt,
    /// The part before `@` is empty, longer than 64 bytes, begins with a hyphen, or holds a character it
    /// may not.
    EmailLocal,
    /// The part after `@` is no domain name of at least two labels, or the address of a machine.
    EmailDomain,
}

impl fmt::Display for RecipientError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = match self {
            Self::MobileText => "mobile must be at most 64 bytes of text",
            Self::MobileSymbol => {
                "mobile must hold only ascii digits, spaces, dashes, dots and parentheses, \
                 after at most one plus"
            }
            Self::MobileLength => "mobile must have 1 to 15 digits with its country code",
            Self::CountryUnknown => "mobile must begin with a country code that is in use",
            Self::NationalLength { code } => {
                return match numbering::Country::of(*code).and_then(numbering::Country::bounds) {
                    Some((only, most)) if only == most => write!(
                        f,
                        "mobile must have {only} digits after country code {code}, as many as a \
                         mobile number of that country has"
                    ),
                    Some((least, most)) => write!(
                        f,
                        "mobile must have {least} to {most} digits after country code {code}, as \
                         many as a mobile number of that country has"
                    ),
                    None => write!(
                        f,
                        "mobile must have as many digits after country code {code} as a mobile \
                         number of that country has"
                    ),
                };
            }
            Self::NationalBeginning { code } => {
                return write!(
                    f,
                    "mobile must not begin with these digits after country code {code}: no mobile \
                     number of that country does"
                );
            }
            Self::NationalZero { code } => {
                return write!(
                    f,
                    "mobile begins with 0, which is no trunk prefix of country {code}; write the \
                     number with + and its country code"
                );
            }
            Self::ExitCode { code } => {
                return write!(
                    f,
                    "mobile begins with an international prefix that is ambiguous in country {code}; \
                     write the number with + and its country code"
                );
            }
            Self::CountryMissing => "mobile begins with 0 and needs its country code instead",
            Self::CountryUnclear { code } => {
                return write!(
                    f,
                    "mobile may or may not begin with country code {code}; write the number with + \
                     and its country code"
                );
            }
            Self::TrunkPrefix => "mobile has a 0 after its country code; leave the 0 out",
            Self::CountryCode { code } => {
                return write!(f, "country code must be from 1 to 999, not {code}");
            }
            Self::EmailLength => "email must be at most 254 bytes long",
            Self::EmailAt => "email must have one @",
            Self::EmailLocal => {
                "email must have 1 to 64 bytes of letters, digits and unquoted signs before its @, \
                 and no hyphen in front"
            }
            Self::EmailDomain => {
                "email must have a domain after its @: two or more labels of 1 to 63 ascii \
                 letters, digits and inner hyphens, the last not a number"
            }
        };
        f.write_str(text)
    }
}

impl core::error::Error for RecipientError {}

/// The README's program runs.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

#[cfg(test)]
mod tests {
    use alloc::format;
    use alloc::string::ToString;

    use super::*;

    #[test]
    fn case_75_recipients_are_shown_masked_and_delivered_whole() {
        let mobile = Recipient::from(Mobile::parse("+60 12-345 6789").unwrap());
        assert_eq!(mobile.as_str(), "60123456789");
        assert_eq!(mobile.to_string(), "*******6789");
        assert_eq!(format!("{mobile:?}"), "Mobile(*******6789)");
        let email = Recipient::from(Email::parse("Siti@Example.my").unwrap());
        assert_eq!(email.as_str(), "Siti@Example.my");
        assert_eq!(email.to_string(), "S***@Example.my");
        assert_eq!(format!("{email:?}"), "Email(S***@Example.my)");
    }

    #[test]
    fn one_recipient_has_one_canonical_text() {
        let mobile = |text| Recipient::from(Mobile::parse(text).unwrap());
        let email = |text| Recipient::from(Email::parse(text).unwrap());
        assert_eq!(mobile("+60 123456789").canonical(), "60123456789");
        assert_eq!(email("A.B@C.my").canonical(), "a.b@c.my");
        assert_eq!(mobile("0060123456789"), mobile("60123456789"));
        assert_ne!(mobile("60123456788"), mobile("60123456789"));
        assert_eq!(email("a.b@C.MY"), email("A.B@c.my"));
        assert_ne!(email("ab@c.my"), email("a.b@c.my"));
    }

    #[test]
    fn errors_name_the_bound_and_never_the_recipient() {
        for (error, text) in [
            (
                Mobile::parse("1234567").unwrap_err(),
                "mobile must have 10 digits after country code 1, as many as a mobile number \
                 of that country has",
            ),
            (
                Mobile::parse("+60 60123456789").unwrap_err(),
                "mobile must have 9 to 10 digits after country code 60, as many as a mobile number \
                 of that country has",
            ),
            (
                Mobile::parse("0123456789").unwrap_err(),
                "mobile begins with 0 and needs its country code instead",
            ),
            (
                CountryCode::new(1000).unwrap_err(),
                "country code must be from 1 to 999, not 1000",
            ),
            (
                Email::parse("siti.example.my").unwrap_err(),
                "email must have one @",
            ),
        ] {
            assert_eq!(error.to_string(), text);
        }
    }
}
