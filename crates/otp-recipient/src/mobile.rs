//! Mobile numbers, in the form of E.164.

use core::fmt::{self, Write as _};
use core::str;

use crate::RecipientError;
use crate::numbering::{Country, LeadingZero};

/// The digits that E.164 allows at most.
const MAX_DIGITS: usize = 15;
/// The longest text that is read, in bytes.
const MAX_TEXT: usize = 64;
/// Digits that a mask leaves, if it hides as many.
const SHOWN: usize = 4;

/// A mobile number: the digits of E.164 with country code, without plus; 15 at most.
///
/// One telephone has one number, and so one count of its sends: digits are taken only if a mobile number of
/// their country has that length, and never with a trunk 0 behind the country code. What is known
/// of each country stands in `calling_codes.rs`, made from libphonenumber's metadata. Whether a
/// number is in use is not known.
///
/// `Display` and `Debug` show its last four digits at most.
///
/// ```
/// use otp_recipient::{CountryCode, Mobile, RecipientError};
///
/// let mobile = Mobile::parse("+60 12-345 6789")?;
/// assert_eq!(mobile.as_str(), "60123456789");
/// assert_eq!(mobile.to_string(), "*******6789");
///
/// let malaysia = CountryCode::new(60)?;
/// assert_eq!(Mobile::parse_national("012-345 6789", malaysia)?, mobile);
/// assert_eq!(Mobile::parse("0123456789"), Err(RecipientError::CountryMissing));
/// assert_eq!(Mobile::parse("+60 012-345 6789"), Err(RecipientError::TrunkPrefix));
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
    /// What looks like a number may be another person's, so nothing is guessed: a trunk `0` or `(0)`
    /// after the country code is refused, as are digits of other scripts. A 0 that is part of the
    /// number stays: in +39, +225, +226, +229, +241, +242, +378 and +992.
    ///
    /// # Errors
    ///
    /// A [`RecipientError`] says what is wrong; [`CountryMissing`](RecipientError::CountryMissing)
    /// if the number begins with a single 0.
    pub fn parse(text: &str) -> Result<Self, RecipientError> {
        let dialled = Dialled::read(text)?;
        match dialled.number() {
            Number::Plus(digits) | Number::DoubleZero(digits) | Number::Bare(digits) => {
                Self::international(digits)
            }
            Number::Zero(_) => Err(RecipientError::CountryMissing),
        }
    }

    /// Reads a number as it is written within `country`, or with any country code.
    ///
    /// Where the country has a trunk 0, that 0 gives way to the code of `country`; where a 0 is part
    /// of the number, as in Italy, it stays. `00` is taken where it dials out of that country. A
    /// number that has neither a 0 nor `+` has to begin with the country's code, and must not be
    /// one of its national numbers as well.
    ///
    /// # Errors
    ///
    /// A [`RecipientError`] says what is wrong; [`CountryUnclear`](RecipientError::CountryUnclear)
    /// if the number has no prefix and another beginning, or could be read in two ways.
    pub fn parse_national(text: &str, country: CountryCode) -> Result<Self, RecipientError> {
        let dialled = Dialled::read(text)?;
        let code = country.0;
        let country = Country::of(code).ok_or(RecipientError::CountryUnknown)?;
        match dialled.number() {
            Number::Plus(digits) => Self::international(digits),
            Number::DoubleZero(digits) if country.double_zero => Self::international(digits),
            Number::DoubleZero(_) => Err(RecipientError::ExitCode { code }),
            Number::Zero(digits) if country.dials_out(digits) => {
                Err(RecipientError::ExitCode { code })
            }
            Number::Zero(digits) => match country.leading_zero {
                LeadingZero::Dropped => Self::new(country, &digits[1..]),
                LeadingZero::Kept => Self::new(country, digits),
                LeadingZero::Refused => Err(RecipientError::NationalZero { code }),
            },
            Number::Bare(digits) => match Country::split(digits) {
                Some((found, rest)) if found.code == code => {
                    let mobile = Self::new(found, rest)?;
                    let sure = found.is_sure_of(rest);
                    sure.then_some(mobile)
                        .ok_or(RecipientError::CountryUnclear { code })
                }
                _ => Err(RecipientError::CountryUnclear { code }),
            },
        }
    }

    /// Returns the digits, country code first, without plus: personal data.
    #[must_use]
    pub fn as_str(&self) -> &str {
        // Digits are ASCII: the empty text is never taken.
        str::from_utf8(&self.digits[..usize::from(self.len)]).unwrap_or_default()
    }

    /// Takes digits that begin with a country code.
    fn international(digits: &[u8]) -> Result<Self, RecipientError> {
        match digits {
            [] => Err(RecipientError::MobileLength),
            [b'0', ..] => Err(RecipientError::CountryMissing),
            _ => {
                let (country, rest) =
                    Country::split(digits).ok_or(RecipientError::CountryUnknown)?;
                Self::new(country, rest)
            }
        }
    }

    fn new(country: &Country, national: &[u8]) -> Result<Self, RecipientError> {
        country.check(national)?;
        let (code, len) = CountryCode(country.code).digits();
        let mut digits = [0; MAX_DIGITS];
        let mut len_all = 0;
        for digit in code[3 - len..].iter().chain(national) {
            let place = digits.get_mut(usize::from(len_all));
            *place.ok_or(RecipientError::MobileLength)? = *digit;
            len_all += 1;
        }
        Ok(Self {
            digits,
            len: len_all,
        })
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

/// The digits of a text, by what stands before them.
enum Number<'a> {
    /// Those after a plus.
    Plus(&'a [u8]),
    /// Those after two zeros.
    DoubleZero(&'a [u8]),
    /// All of them; the first is the only 0 in front.
    Zero(&'a [u8]),
    /// All of them; the first is no 0.
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
            (Plus::Present, _) => Number::Plus(digits),
            (Plus::Absent, [b'0', b'0', rest @ ..]) => Number::DoubleZero(rest),
            (Plus::Absent, [b'0', ..]) => Number::Zero(digits),
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
            international("+44 20 (01) 7946 09"),
            Ok("442001794609".into())
        );
    }

    /// One telephone, one count: these were numbers of their own.
    #[test]
    fn case_360_a_trunk_zero_is_never_part_of_another_number() {
        for text in [
            "+600123456789",
            "60-012-345 6789",
            "0060 012 345 6789",
            "600123456789",
            "+33 06 12 34 56 78",
            "+81 090 1234 5678",
            "+61 0412 345 678",
            "+36 06 20 123 4567",
        ] {
            assert_eq!(
                international(text),
                Err(RecipientError::TrunkPrefix),
                "{text:?}"
            );
            assert_eq!(national(text), Err(RecipientError::TrunkPrefix), "{text:?}");
        }
        // Neither a country code twice, nor another country's prefix for long distance.
        for (text, code) in [
            ("+60 60123456789", 60),
            ("+7 8 912 345 6789", 7),
            ("+1 1 202 555 0123", 1),
        ] {
            let refused = Err(RecipientError::NationalLength { code });
            assert_eq!(international(text), refused, "{text:?}");
        }
        for (text, code) in [("+375 80 2912345", 375), ("+55 90 91234 5678", 55)] {
            let refused = Err(RecipientError::NationalBeginning { code });
            assert_eq!(international(text), refused, "{text:?}");
        }
    }

    #[test]
    fn case_361_a_zero_that_is_part_of_a_number_stays() {
        for (text, digits) in [
            ("+39 06 1234 5678", "390612345678"),
            ("+378 0549 886377", "3780549886377"),
            ("+225 07 07 12 34 56", "2250707123456"),
            ("+242 06 612 3456", "242066123456"),
        ] {
            assert_eq!(international(text), Ok(digits.into()), "{text:?}");
        }
        let read = |text, code| Mobile::parse_national(text, CountryCode::new(code).unwrap());
        for (text, code, digits) in [
            ("06 1234 5678", 39, "390612345678"),
            ("07 07 12 34 56", 225, "2250707123456"),
            ("06 612 3456", 242, "242066123456"),
        ] {
            assert_eq!(read(text, code).unwrap().as_str(), digits, "{text:?}");
        }
    }

    #[test]
    fn case_440_a_number_that_is_written_with_a_zero_is_not_taken_without_it() {
        // 06 03 12 34 in Gabon: libphonenumber takes it with its 0 and without.
        for text in ["+241 06 03 12 34", "00241 06031234", "24106031234"] {
            assert_eq!(international(text), Ok("24106031234".into()), "{text:?}");
        }
        let gabon = CountryCode::new(241).unwrap();
        let read = Mobile::parse_national("06 03 12 34", gabon).unwrap();
        assert_eq!(read.as_str(), "24106031234");
        let refused = Err(RecipientError::NationalLength { code: 241 });
        for text in ["+241 6 03 12 34", "002416031234", "2416031234"] {
            assert_eq!(international(text), refused, "{text:?}");
        }
        assert_eq!(international("+241 66 03 12 34"), Ok("24166031234".into()));
    }

    #[test]
    fn case_362_a_national_number_is_read_as_its_country_dials() {
        let read = |text, code| Mobile::parse_national(text, CountryCode::new(code).unwrap());
        let exit = |code| Err(RecipientError::ExitCode { code });
        let length = |code| Err(RecipientError::NationalLength { code });
        for (text, code, expected) in [
            // 001 dials out of Singapore, 010 out of Japan: 60 is the country then.
            ("001 60 12 345 6789", 65, exit(65)),
            ("010 1 2025550", 81, exit(81)),
            (
                "011 60 12 345 6789",
                1,
                Err(RecipientError::NationalZero { code: 1 }),
            ),
            (
                "8 912 345 6789",
                7,
                Err(RecipientError::CountryUnclear { code: 7 }),
            ),
            (
                "06 20 123 4567",
                36,
                Err(RecipientError::NationalZero { code: 36 }),
            ),
            // Its own code in front, and one digit less than any of its mobile numbers has.
            ("39 1234 5678", 39, length(39)),
            ("123456789", 999, Err(RecipientError::CountryUnknown)),
        ] {
            assert_eq!(read(text, code), expected, "{text:?} {code}");
        }
        assert_eq!(
            international("+999 123456789"),
            Err(RecipientError::CountryUnknown)
        );
        assert_eq!(read("090 1234 5678", 81).unwrap().as_str(), "819012345678");
        assert_eq!(read("639171234567", 63).unwrap().as_str(), "639171234567");
        // A national number of Indonesia may begin with 62, one of Kosovo with 383.
        for (text, code) in [("628123456789", 62), ("38343203081", 383)] {
            let unclear = Err(RecipientError::CountryUnclear { code });
            assert_eq!(read(text, code), unclear);
            assert_eq!(international(text), Ok(text.into()));
        }
    }

    #[test]
    fn a_number_has_as_many_digits_as_mobile_numbers_of_its_country() {
        let digits = "6012345678901234";
        for len in 3..=16 {
            let expected = match len {
                11 | 12 => Ok(digits[..len].into()),
                _ => Err(RecipientError::NationalLength { code: 60 }),
            };
            assert_eq!(international(&digits[..len]), expected);
            assert_eq!(international(&format!("+{}", &digits[..len])), expected);
            assert_eq!(international(&format!("00{}", &digits[..len])), expected);
            assert_eq!(national(&format!("0{}", &digits[2..len])), expected);
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
            Err(RecipientError::NationalLength { code: 1 })
        );
        assert_eq!(
            national(&format!("0{}", "1".repeat(63))),
            Err(RecipientError::NationalLength { code: 60 })
        );
    }

    #[test]
    fn country_codes_have_one_to_three_digits() {
        for (code, text, digits) in [
            (1, "12025550123", "12025550123"),
            (7, "79123456789", "79123456789"),
            (44, "07912 345678", "447912345678"),
            (673, "6737123456", "6737123456"),
            (998, "998901234567", "998901234567"),
        ] {
            let country = CountryCode::new(code).unwrap();
            let mobile = Mobile::parse_national(text, country).unwrap();
            assert_eq!(mobile.as_str(), digits);
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
