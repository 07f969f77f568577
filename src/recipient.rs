//! Where a code is sent: a mobile number or an e-mail address, shown masked.

use alloc::{borrow::Cow, string::String};
use core::fmt;

/// Where a code is sent.
///
/// `Display` and `Debug` mask it; the whole of it comes from [`as_str`](Self::as_str) alone.
///
/// ```
/// use otp_engine::{Mobile, Recipient};
///
/// let recipient = Recipient::from(Mobile::parse("+60 12-345 6789")?);
/// assert_eq!(recipient.as_str(), "60123456789");
/// assert_eq!(recipient.to_string(), "*******6789");
/// # Ok::<(), otp_engine::RecipientError>(())
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Recipient {
    /// A mobile number.
    Mobile(Mobile),
    /// An e-mail address.
    Email(Email),
}

impl Recipient {
    /// Returns the whole number (digits, no plus) or address.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Mobile(mobile) => mobile.as_str(),
            Self::Email(email) => email.as_str(),
        }
    }

    /// Returns a number for the kind, and the text that names the recipient: two spellings of one
    /// recipient have the same.
    pub(crate) fn canonical(&self) -> (u8, Cow<'_, str>) {
        match self {
            Self::Mobile(mobile) => (1, Cow::Borrowed(mobile.as_str())),
            Self::Email(email) => (2, email.canonical()),
        }
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

/// A mobile number in international form (ITU-T E.164): 8 to 15 digits, country code first.
#[derive(Clone, Copy, Eq, Hash, PartialEq)]
pub struct Mobile {
    digits: [u8; MAX_DIGITS],
    length: u8,
}

impl Mobile {
    /// Reads an international number: `+60 12-345 6789`, `0060123456789` or `60123456789`.
    ///
    /// Spaces, dashes, dots and parentheses are dropped.
    ///
    /// # Errors
    ///
    /// [`RecipientError`]: a national number (a leading 0), other characters, too few or too many
    /// digits.
    pub fn parse(number: &str) -> Result<Self, RecipientError> {
        match Written::read(number)? {
            Written {
                digits,
                national: false,
            } => Self::from_digits(digits),
            Written { national: true, .. } => Err(RecipientError::NationalNumber),
        }
    }

    /// Reads a number that may be a national one of `country`: its leading 0 is the trunk prefix.
    ///
    /// ```
    /// use otp_engine::{CountryCode, Mobile};
    ///
    /// let malaysia = CountryCode::parse("60")?;
    /// let national = Mobile::parse_national("012-345 6789", malaysia)?;
    /// assert_eq!(national, Mobile::parse("+60 12-345 6789")?);
    /// # Ok::<(), otp_engine::RecipientError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`RecipientError`]: other characters, too few or too many digits.
    pub fn parse_national(number: &str, country: CountryCode) -> Result<Self, RecipientError> {
        let Written {
            mut digits,
            national,
        } = Written::read(number)?;
        if national {
            digits.replace_trunk(country);
        }
        Self::from_digits(digits)
    }

    fn from_digits(digits: Digits) -> Result<Self, RecipientError> {
        if !(MIN_DIGITS..=MAX_DIGITS).contains(&digits.length) {
            return Err(RecipientError::Length {
                digits: digits.length,
            });
        }
        if digits.bytes[0] == b'0' {
            return Err(RecipientError::LeadingZero);
        }
        let mut mobile = Self {
            digits: [0; MAX_DIGITS],
            length: 0,
        };
        mobile.digits[..digits.length].copy_from_slice(&digits.bytes[..digits.length]);
        mobile.length = u8::try_from(digits.length).unwrap_or(0); // at most 15
        Ok(mobile)
    }

    /// Returns the whole number: digits, country code first, no plus.
    #[must_use]
    pub fn as_str(&self) -> &str {
        core::str::from_utf8(&self.digits[..usize::from(self.length)]).unwrap_or("")
    }
}

impl fmt::Display for Mobile {
    /// Shows the last four digits.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let number = self.as_str();
        let hidden = number.len() - SHOWN; // a number has at least eight digits
        for _ in 0..hidden {
            f.write_str("*")?;
        }
        f.write_str(&number[hidden..])
    }
}

impl fmt::Debug for Mobile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Mobile({self})")
    }
}

/// The code of a country, 1 to 3 digits, as it begins an international number.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct CountryCode {
    digits: [u8; 3],
    length: usize,
}

impl CountryCode {
    /// Reads a country code: `60` or `+60`.
    ///
    /// # Errors
    ///
    /// [`RecipientError::CountryCode`].
    pub fn parse(code: &str) -> Result<Self, RecipientError> {
        let digits = code.strip_prefix('+').unwrap_or(code).as_bytes();
        let plain = digits.iter().all(u8::is_ascii_digit) && (1..=3).contains(&digits.len());
        if !plain || digits[0] == b'0' {
            return Err(RecipientError::CountryCode);
        }
        let mut country = Self {
            digits: [0; 3],
            length: digits.len(),
        };
        country.digits[..digits.len()].copy_from_slice(digits);
        Ok(country)
    }
}

/// A number as it was written: its digits, and whether it began with a trunk prefix.
struct Written {
    digits: Digits,
    national: bool,
}

impl Written {
    fn read(number: &str) -> Result<Self, RecipientError> {
        if number.len() > MAX_WRITTEN {
            return Err(RecipientError::TooLong);
        }
        let number = number.trim();
        let (number, plus) = match number.strip_prefix('+') {
            Some(number) => (number, true),
            None => (number, false),
        };
        let mut digits = Digits {
            bytes: [0; MAX_WRITTEN],
            length: 0,
        };
        for symbol in number.chars() {
            match symbol {
                '0'..='9' => digits.push(symbol as u8),
                ' ' | '\u{a0}' | '-' | '.' | '(' | ')' => {}
                _ => return Err(RecipientError::Character),
            }
        }
        if !plus && digits.bytes.starts_with(b"00") {
            digits.drop_front(2);
            return Ok(Self {
                digits,
                national: false,
            });
        }
        let national = !plus && digits.bytes[0] == b'0';
        Ok(Self { digits, national })
    }
}

/// Digits of a number that is not judged yet.
struct Digits {
    bytes: [u8; MAX_WRITTEN],
    length: usize,
}

impl Digits {
    fn push(&mut self, digit: u8) {
        self.bytes[self.length] = digit; // no more digits than the written number had bytes
        self.length += 1;
    }

    fn drop_front(&mut self, count: usize) {
        self.bytes.copy_within(count..self.length, 0);
        self.length -= count;
    }

    /// Puts the country code in the place of the leading 0.
    fn replace_trunk(&mut self, country: CountryCode) {
        let mut whole = Self {
            bytes: [0; MAX_WRITTEN],
            length: 0,
        };
        let national = &self.bytes[1..self.length];
        for digit in country.digits[..country.length]
            .iter()
            .chain(national)
            .take(MAX_WRITTEN)
        {
            whole.push(*digit);
        }
        *self = whole;
    }
}

/// An e-mail address, as it was written.
#[derive(Clone)]
pub struct Email(String);

impl Email {
    /// Reads an address: at most 254 bytes, one `@`, a domain of at least two labels.
    ///
    /// It is kept as written for delivery; two addresses that differ in ASCII case alone are one
    /// recipient. Quoted local parts and comments (RFC 5321) are refused.
    ///
    /// # Errors
    ///
    /// [`RecipientError::Address`].
    pub fn parse(address: &str) -> Result<Self, RecipientError> {
        let address = address.trim();
        let (local, domain) = address.split_once('@').ok_or(RecipientError::Address)?;
        let plain = |symbol: char| {
            !symbol.is_control() && !symbol.is_whitespace() && !"\"(),:;<>@[\\]".contains(symbol)
        };
        let label = |label: &str| {
            (1..=63).contains(&label.len())
                && label
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
                && !label.starts_with('-')
                && !label.ends_with('-')
        };
        let fits = address.len() <= MAX_ADDRESS
            && (1..=64).contains(&local.len())
            && local.chars().all(plain)
            && domain.contains('.')
            && domain.split('.').all(label);
        if !fits {
            return Err(RecipientError::Address);
        }
        Ok(Self(address.into()))
    }

    /// Returns the whole address, as it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn canonical(&self) -> Cow<'_, str> {
        if self.0.bytes().any(|byte| byte.is_ascii_uppercase()) {
            Cow::Owned(self.0.to_ascii_lowercase())
        } else {
            Cow::Borrowed(&self.0)
        }
    }
}

impl PartialEq for Email {
    fn eq(&self, other: &Self) -> bool {
        self.0.eq_ignore_ascii_case(&other.0)
    }
}

impl Eq for Email {}

impl fmt::Display for Email {
    /// Shows the first letter and the domain; a local part of one or two letters not at all.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (local, domain) = self.0.split_once('@').unwrap_or_default();
        let first = local.chars().next().filter(|_| local.chars().count() > 2);
        if let Some(first) = first {
            write!(f, "{first}")?;
        }
        write!(f, "***@{domain}")
    }
}

impl fmt::Debug for Email {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Email({self})")
    }
}

/// What is wrong with a number or an address; the number itself is not in it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum RecipientError {
    /// A number was written with more than 64 bytes.
    TooLong,
    /// A number has another character than digits, spaces, dashes, dots and parentheses.
    Character,
    /// A number has too few or too many digits.
    Length {
        /// How many it has, country code and all.
        digits: usize,
    },
    /// A number begins with 0 after its international prefix.
    LeadingZero,
    /// A national number was given without its country.
    NationalNumber,
    /// A country code is not 1 to 3 digits, or begins with 0.
    CountryCode,
    /// An address is not `local@domain`, or too long.
    Address,
}

impl fmt::Display for RecipientError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLong => write!(
                f,
                "the number is written with more than {MAX_WRITTEN} bytes"
            ),
            Self::Character => f.write_str(
                "the number has other characters than digits, spaces, '-', '.', '(' and ')'",
            ),
            Self::Length { digits } => {
                write!(
                    f,
                    "the number has {digits} digits; it must have {MIN_DIGITS} to {MAX_DIGITS}, country code included"
                )
            }
            Self::LeadingZero => {
                f.write_str("the number has a 0 where its country code should begin")
            }
            Self::NationalNumber => {
                f.write_str("the number is a national one; give it with its country code")
            }
            Self::CountryCode => {
                f.write_str("the country code must be 1 to 3 digits and not begin with 0")
            }
            Self::Address => write!(
                f,
                "the address must be local@domain with at most {MAX_ADDRESS} bytes"
            ),
        }
    }
}

impl core::error::Error for RecipientError {}

const MIN_DIGITS: usize = 8;
const MAX_DIGITS: usize = 15;
const MAX_WRITTEN: usize = 64;
const MAX_ADDRESS: usize = 254;

/// How many digits of a number are shown.
const SHOWN: usize = 4;

#[cfg(test)]
mod tests {
    use alloc::{format, string::ToString};

    use super::*;

    #[test]
    fn case_48_one_number_in_all_its_spellings() {
        let malaysia = CountryCode::parse("60").unwrap();
        for spelling in [
            "0123456789",
            "012-345 6789",
            "+60 12-345 6789",
            "60123456789",
            "0060123456789",
            " (012) 345.6789 ",
            "+60\u{a0}12\u{a0}345\u{a0}6789",
        ] {
            let number = Mobile::parse_national(spelling, malaysia).unwrap();
            assert_eq!(number.as_str(), "60123456789", "{spelling}");
        }
        assert_eq!(CountryCode::parse("+60"), Ok(malaysia));
    }

    #[test]
    fn case_47_a_bad_number_is_refused_with_its_reason() {
        let error = |number: &str| Mobile::parse(number).unwrap_err();
        assert_eq!(error(""), RecipientError::Length { digits: 0 });
        assert_eq!(error("1234567"), RecipientError::Length { digits: 7 });
        assert!(Mobile::parse("12345678").is_ok() && Mobile::parse("123456789012345").is_ok());
        assert_eq!(
            error("1234567890123456"),
            RecipientError::Length { digits: 16 }
        );
        assert_eq!(error("0123456789"), RecipientError::NationalNumber);
        assert_eq!(error("+0123456789"), RecipientError::LeadingZero);
        assert_eq!(error("0001234567890"), RecipientError::LeadingZero);
        assert_eq!(error("6012345678x"), RecipientError::Character);
        assert_eq!(error("6012345678\0"), RecipientError::Character);
        assert_eq!(error("60123456789+"), RecipientError::Character);
        assert_eq!(
            error("\u{661}\u{662}\u{663}\u{664}\u{665}\u{666}\u{667}\u{668}"),
            RecipientError::Character
        );
        assert_eq!(error(&" ".repeat(65)), RecipientError::TooLong);
        assert_eq!(
            error(&"1".repeat(64)),
            RecipientError::Length { digits: 64 }
        );
        let malaysia = CountryCode::parse("60").unwrap();
        let zeros = format!("0{}", "1".repeat(63));
        assert!(Mobile::parse_national(&zeros, malaysia).is_err());
        for code in ["", "+", "0", "1234", "6a", "-6"] {
            assert_eq!(
                CountryCode::parse(code),
                Err(RecipientError::CountryCode),
                "{code}"
            );
        }
    }

    #[test]
    fn case_75_numbers_and_addresses_are_shown_masked() {
        let shown = |number| Mobile::parse(number).unwrap().to_string();
        assert_eq!(shown("60123456789"), "*******6789");
        assert_eq!(shown("12345678"), "****5678");
        let debug = format!(
            "{:?}",
            Recipient::from(Mobile::parse("60123456789").unwrap())
        );
        assert_eq!(debug, "Mobile(Mobile(*******6789))");
        let address = |address| Recipient::from(Email::parse(address).unwrap());
        assert_eq!(
            address("siti.aminah@example.com").to_string(),
            "s***@example.com"
        );
        assert_eq!(address("ab@example.com").to_string(), "***@example.com");
        assert_eq!(
            format!("{:?}", address("abc@example.com")),
            "Email(Email(a***@example.com))"
        );
    }

    #[test]
    fn an_address_is_kept_as_written_and_named_without_its_case() {
        let one = Recipient::from(Email::parse(" Siti@Example.COM ").unwrap());
        let other = Recipient::from(Email::parse("siti@example.com").unwrap());
        assert_eq!(one.as_str(), "Siti@Example.COM");
        assert_eq!((one.canonical(), &one), (other.canonical(), &other));
    }

    #[test]
    fn an_address_out_of_form_is_refused() {
        let longest = |local: usize, label: usize| {
            format!(
                "{}@{}.{}.com",
                "a".repeat(local),
                "b".repeat(label),
                "c".repeat(60)
            )
        };
        assert!(Email::parse(&longest(64, 63)).is_ok());
        let long = format!(
            "{}@{}.com",
            "a".repeat(64),
            ["b".repeat(60).as_str(); 4].join(".")
        );
        for address in [
            "",
            "@",
            "a@",
            "@b.com",
            "a@b",
            "a@@b.com",
            "a@b@c.com",
            "a b@c.com",
            "a@b..com",
            "a@.com",
            "a@b.com.",
            "a@-b.com",
            "a@b-.com",
            "a\n@b.com",
            "\"a\"@b.com",
            "a@b_c.com",
            "a@bücher.de",
            &longest(65, 63),
            &longest(64, 64),
            &long,
        ] {
            assert_eq!(
                Email::parse(address).err(),
                Some(RecipientError::Address),
                "{address}"
            );
        }
    }

    #[test]
    fn an_error_says_the_bound_and_not_the_number() {
        let error = Mobile::parse("1234567").unwrap_err().to_string();
        assert_eq!(
            error,
            "the number has 7 digits; it must have 8 to 15, country code included"
        );
        for error in [
            RecipientError::TooLong,
            RecipientError::Character,
            RecipientError::LeadingZero,
            RecipientError::NationalNumber,
            RecipientError::CountryCode,
            RecipientError::Address,
        ] {
            assert!(!error.to_string().is_empty());
        }
    }
}
