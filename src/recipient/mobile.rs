//! Mobile numbers, in the form of E.164.

use core::fmt::{self, Write as _};
use core::str;

use super::RecipientError;

/// The digits that E.164 allows at most.
const MAX_DIGITS: usize = 15;
/// The digits of the shortest mobile numbers in use, their country code included.
const MIN_DIGITS: usize = 8;
/// The longest text that is read, in bytes.
const MAX_TEXT: usize = 64;
/// Digits that a mask leaves, if it hides as many.
const SHOWN: usize = 4;

/// A mobile number: the 8 to 15 digits of E.164 with country code, without plus.
///
/// `Display` and `Debug` show its last four digits at most.
///
/// ```
/// use otp_engine::{CountryCode, Mobile, RecipientError};
///
/// let mobile = Mobile::parse("+60 12-345 6789")?;
/// assert_eq!(mobile.as_str(), "60123456789");
/// assert_eq!(mobile.to_string(), "*******6789");
///
/// let malaysia = CountryCode::new(60)?;
/// assert_eq!(Mobile::parse_national("012-345 6789", malaysia)?, mobile);
/// assert_eq!(Mobile::parse("0123456789"), Err(RecipientError::CountryMissing));
/// # Ok::<(), RecipientError>(())
/// ```
#[derive(Clone, Copy, Eq, Hash, PartialEq)]
pub struct Mobile {
    /// Unused places are 0.
    digits: [u8; MAX_DIGITS],
    len: u8,
}

impl Mobile {
    /// Reads a number that has its country code, after `+`, `00` or nothing.
    ///
    /// ASCII digits are read; spaces, no-break spaces, dashes, dots and parentheses are dropped.
    /// What looks like a number may be somebody else's, so nothing is guessed: a trunk `(0)` after
    /// the country code is refused, as are digits of other scripts.
    ///
    /// # Errors
    ///
    /// A [`RecipientError`] says what is wrong; [`CountryMissing`](RecipientError::CountryMissing)
    /// if the number begins with a single 0.
    pub fn parse(text: &str) -> Result<Self, RecipientError> {
        let dialled = Dialled::read(text)?;
        match dialled.number() {
            Number::International(digits) | Number::Bare(digits) => Self::new(&[], digits),
            Number::National(_) => Err(RecipientError::CountryMissing),
        }
    }

    /// Reads a number as it is written within `country`, or with any country code.
    ///
    /// A leading 0, the trunk prefix, gives way to the code of `country`. A number that has
    /// neither that nor `+` nor `00` has to begin with that code. Where the 0 is part of the
    /// number, as in Italy, write it with `+` and the country code.
    ///
    /// # Errors
    ///
    /// A [`RecipientError`] says what is wrong; [`CountryUnclear`](RecipientError::CountryUnclear)
    /// if the number has no prefix and another beginning.
    pub fn parse_national(text: &str, country: CountryCode) -> Result<Self, RecipientError> {
        let dialled = Dialled::read(text)?;
        let (code, len) = country.digits();
        let code = &code[3 - len..];
        match dialled.number() {
            Number::International(digits) => Self::new(&[], digits),
            Number::National(rest) => Self::new(code, rest),
            Number::Bare(digits) if digits.starts_with(code) => Self::new(&[], digits),
            Number::Bare(_) => Err(RecipientError::CountryUnclear { code: country.0 }),
        }
    }

    /// Returns the digits, country code first, without plus: personal data.
    #[must_use]
    pub fn as_str(&self) -> &str {
        // Digits are ASCII: the empty text is never taken.
        str::from_utf8(&self.digits[..usize::from(self.len)]).unwrap_or_default()
    }

    fn new(code: &[u8], rest: &[u8]) -> Result<Self, RecipientError> {
        let mut digits = [0; MAX_DIGITS];
        let mut len = 0;
        for digit in code.iter().chain(rest) {
            let place = digits.get_mut(usize::from(len));
            *place.ok_or(RecipientError::MobileLength)? = *digit;
            len += 1;
        }
        if usize::from(len) < MIN_DIGITS {
            return Err(RecipientError::MobileLength);
        }
        if digits[0] == b'0' {
            return Err(RecipientError::CountryMissing);
        }
        Ok(Self { digits, len })
    }
}

impl fmt::Display for Mobile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        mask_digits(self.as_str(), f)
    }
}

/// Masked, as in `Display`.
impl fmt::Debug for Mobile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The calling code of a country, from 1 to 999 (E.164), without plus or zeros: 60 for Malaysia.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct CountryCode(u16);

impl CountryCode {
    /// Takes a calling code.
    ///
    /// # Errors
    ///
    /// [`RecipientError::CountryCode`] outside 1 to 999.
    pub const fn new(code: u16) -> Result<Self, RecipientError> {
        match code {
            1..=999 => Ok(Self(code)),
            _ => Err(RecipientError::CountryCode { code }),
        }
    }

    /// Returns three digits, and how many at the end are the code.
    fn digits(self) -> ([u8; 3], usize) {
        let ascii = |digit: u16| b'0' + (digit % 10) as u8;
        let len = match self.0 {
            0..=9 => 1,
            10..=99 => 2,
            _ => 3,
        };
        (
            [ascii(self.0 / 100), ascii(self.0 / 10), ascii(self.0)],
            len,
        )
    }
}

/// The digits of a text, before it is known to be a number.
struct Dialled {
    digits: [u8; MAX_TEXT],
    len: usize,
    plus: Plus,
}

#[derive(Clone, Copy, Eq, PartialEq)]
enum Plus {
    Absent,
    Present,
}

/// What stands before the digits, and the digits after it.
enum Number<'a> {
    International(&'a [u8]),
    National(&'a [u8]),
    Bare(&'a [u8]),
}

impl Dialled {
    fn read(text: &str) -> Result<Self, RecipientError> {
        if text.len() > MAX_TEXT {
            return Err(RecipientError::MobileText);
        }
        let mut dialled = Self {
            digits: [0; MAX_TEXT],
            len: 0,
            plus: Plus::Absent,
        };
        let text = text.trim();
        for (at, c) in text.char_indices() {
            match c {
                '0' if dialled.len > 0
                    && text[..at].ends_with('(')
                    && text[at..].starts_with("0)") =>
                {
                    return Err(RecipientError::TrunkPrefix);
                }
                '0'..='9' => {
                    dialled.digits[dialled.len] = c as u8;
                    dialled.len += 1;
                }
                '+' if dialled.len == 0 && dialled.plus == Plus::Absent => {
                    dialled.plus = Plus::Present;
                }
                ' ' | '\u{A0}' | '-' | '\u{2010}'..='\u{2015}' | '.' | '(' | ')' => {}
                _ => return Err(RecipientError::MobileSymbol),
            }
        }
        Ok(dialled)
    }

    fn number(&self) -> Number<'_> {
        let digits = &self.digits[..self.len];
        match (self.plus, digits) {
            (Plus::Present, _) => Number::International(digits),
            (Plus::Absent, [b'0', b'0', rest @ ..]) => Number::International(rest),
            (Plus::Absent, [b'0', rest @ ..]) => Number::National(rest),
            (Plus::Absent, _) => Number::Bare(digits),
        }
    }
}

/// Writes a mask of as many characters as there are digits, the last four in clear; all are
/// hidden where fewer than four would be.
fn mask_digits(digits: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let shown = if digits.len() < 2 * SHOWN { 0 } else { SHOWN };
    let hidden = digits.len() - shown;
    for (index, digit) in digits.chars().enumerate() {
        f.write_char(if index < hidden { '*' } else { digit })?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use alloc::format;
    use alloc::string::{String, ToString};

    use super::*;

    fn malaysia() -> CountryCode {
        CountryCode::new(60).unwrap()
    }

    fn international(text: &str) -> Result<String, RecipientError> {
        Mobile::parse(text).map(|mobile| mobile.as_str().into())
    }

    fn national(text: &str) -> Result<String, RecipientError> {
        Mobile::parse_national(text, malaysia()).map(|mobile| mobile.as_str().into())
    }

    #[test]
    fn case_47_what_is_no_number_is_refused() {
        for text in ["", " ", "+", "00", "-", "()"] {
            assert_eq!(
                international(text),
                Err(RecipientError::MobileLength),
                "{text:?}"
            );
        }
        for text in [
            "++60123456789",
            "60+123456789",
            "60123456789x",
            "60123456789\0",
            "6012345678\u{669}",
            "\u{FF16}0123456789",
            "60123456789#12",
            "60,123456789",
            "60123456789;60123456780",
            "6012345\n6789",
            "\u{202D}60123456789",
        ] {
            assert_eq!(
                international(text),
                Err(RecipientError::MobileSymbol),
                "{text:?}"
            );
            assert_eq!(
                national(text),
                Err(RecipientError::MobileSymbol),
                "{text:?}"
            );
        }
        for text in ["+0123456789", "000123456789", "+0060123456789"] {
            assert_eq!(
                international(text),
                Err(RecipientError::CountryMissing),
                "{text:?}"
            );
            assert_eq!(
                national(text),
                Err(RecipientError::CountryMissing),
                "{text:?}"
            );
        }
    }

    #[test]
    fn case_48_one_number_however_it_is_written() {
        let number = || Ok("60123456789".into());
        for text in [
            "+60 12-345 6789",
            "60123456789",
            "0060123456789",
            "+(60) 12.345.6789",
            "\u{A0}+60\u{A0}12\u{2011}345\u{2013}6789\n",
            "00 60 12 345 6789",
        ] {
            assert_eq!(international(text), number(), "{text:?}");
            assert_eq!(national(text), number(), "{text:?}");
        }
        for text in [
            "0123456789",
            "012-345 6789",
            "(012) 345 6789",
            "(0)12 345 6789",
        ] {
            assert_eq!(national(text), number(), "{text:?}");
            assert_eq!(
                international(text),
                Err(RecipientError::CountryMissing),
                "{text:?}"
            );
        }
    }

    #[test]
    fn a_number_of_another_country_stays_what_it_is() {
        assert_eq!(national("+65 9123 4567"), Ok("6591234567".into()));
        assert_eq!(national("006591234567"), Ok("6591234567".into()));
        // As 12 345 6789 it would be read as a number in North America.
        let unclear = Err(RecipientError::CountryUnclear { code: 60 });
        assert_eq!(national("123456789"), unclear);
        assert_eq!(national("6591234567"), unclear);
        assert_eq!(international("6591234567"), Ok("6591234567".into()));
    }

    #[test]
    fn a_trunk_zero_after_the_country_code_is_refused() {
        for text in [
            "+44 (0)20 7946 0958",
            "0044(0)2079460958",
            "44 (0) 20 7946 0958",
        ] {
            assert_eq!(
                international(text),
                Err(RecipientError::TrunkPrefix),
                "{text:?}"
            );
            assert_eq!(national(text), Err(RecipientError::TrunkPrefix), "{text:?}");
        }
        assert_eq!(
            international("+44 (20) 7946 0958"),
            Ok("442079460958".into())
        );
        assert_eq!(
            international("+44 20 (01) 7946 095"),
            Ok("4420017946095".into())
        );
    }

    #[test]
    fn a_number_has_8_to_15_digits_with_its_country_code() {
        let digits = "6012345678901234";
        for len in 1..=16 {
            let expected = match len {
                8..=15 => Ok(digits[..len].into()),
                _ => Err(RecipientError::MobileLength),
            };
            assert_eq!(international(&digits[..len]), expected);
            assert_eq!(international(&format!("+{}", &digits[..len])), expected);
            assert_eq!(international(&format!("00{}", &digits[..len])), expected);
            if len >= 2 {
                assert_eq!(national(&format!("0{}", &digits[2..len])), expected);
            }
        }
    }

    #[test]
    fn a_text_has_64_bytes_at_most() {
        let padded = |spaces: usize| format!("60123456789{}", " ".repeat(spaces));
        assert_eq!(international(&padded(53)), Ok("60123456789".into()));
        assert_eq!(international(&padded(54)), Err(RecipientError::MobileText));
        assert_eq!(national(&padded(1 << 20)), Err(RecipientError::MobileText));
        assert_eq!(
            international(&"1".repeat(64)),
            Err(RecipientError::MobileLength)
        );
        assert_eq!(
            national(&format!("0{}", "1".repeat(63))),
            Err(RecipientError::MobileLength)
        );
    }

    #[test]
    fn country_codes_have_one_to_three_digits() {
        for (code, digits) in [
            (1, "1"),
            (7, "7"),
            (9, "9"),
            (10, "10"),
            (60, "60"),
            (99, "99"),
            (100, "100"),
            (673, "673"),
            (999, "999"),
        ] {
            let country = CountryCode::new(code).unwrap();
            let mobile = Mobile::parse_national("0123456789", country).unwrap();
            assert_eq!(mobile.as_str(), format!("{digits}123456789"));
            let bare = format!("{digits}12345678");
            assert_eq!(
                Mobile::parse_national(&bare, country).unwrap().as_str(),
                bare
            );
        }
        for code in [0, 1000, u16::MAX] {
            assert_eq!(
                CountryCode::new(code),
                Err(RecipientError::CountryCode { code })
            );
        }
    }

    #[test]
    fn case_75_at_most_four_trailing_digits_are_shown() {
        struct Masked<'a>(&'a str);
        impl fmt::Display for Masked<'_> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                mask_digits(self.0, f)
            }
        }
        for (digits, masked) in [
            ("", ""),
            ("1", "*"),
            ("1234", "****"),
            ("1234567", "*******"),
            ("12345678", "****5678"),
            ("123456789012345", "***********2345"),
        ] {
            assert_eq!(Masked(digits).to_string(), masked);
        }
        let mobile = Mobile::parse("60123456789").unwrap();
        assert_eq!(format!("{mobile} {mobile:?}"), "*******6789 *******6789");
    }
}
