//! What is known of the telephone numbers of a country, and which digits are one of its mobile
//! numbers.
//!
//! Two texts must never be two numbers, counted apart, where a telephone network reaches one
//! telephone by both. So digits are taken only where they are read as libphonenumber reads them.

use crate::RecipientError;
use crate::calling_codes::COUNTRIES;

/// A country, or a group of them, with one calling code (E.164).
pub(crate) struct Country {
    pub(crate) code: u16,
    /// The lengths of mobile numbers behind the code, a bit each.
    lengths: u16,
    /// The lengths of numbers that begin with 0 behind the code, a bit each.
    zero_lengths: u16,
    /// The first digits behind the code with which it is sure to be the code, and no part of a
    /// national number; a bit each.
    bare: u16,
    /// What a 0 before a national number is.
    pub(crate) leading_zero: LeadingZero,
    /// Whether 00, and nothing longer that begins with it, dials out of the country.
    pub(crate) double_zero: bool,
    /// Beginnings of no mobile number: they would be read as something to drop.
    refused: &'static [&'static str],
    /// What else dials out of the country and begins with a 0.
    exits: &'static [&'static str],
}

/// What a 0 is that stands before a number as it is written within a country.
#[derive(Clone, Copy, Eq, PartialEq)]
pub(crate) enum LeadingZero {
    /// The trunk prefix, which is not dialled behind a country code.
    Dropped,
    /// A digit of the number.
    Kept,
    /// Neither, or no one can tell which.
    Refused,
}

/// A row of the table.
pub(crate) const fn row(
    code: u16,
    [lengths, zero_lengths, bare]: [u16; 3],
    leading_zero: LeadingZero,
    double_zero: bool,
    [refused, exits]: [&'static [&'static str]; 2],
) -> Country {
    Country {
        code,
        lengths,
        zero_lengths,
        bare,
        leading_zero,
        double_zero,
        refused,
        exits,
    }
}

impl Country {
    /// Finds a country by its code.
    pub(crate) fn of(code: u16) -> Option<&'static Self> {
        let at = COUNTRIES.binary_search_by_key(&code, |country| country.code);
        at.ok().map(|at| &COUNTRIES[at])
    }

    /// Finds the country whose code the digits begin with, and splits it off: no code begins with
    /// another.
    pub(crate) fn split(digits: &[u8]) -> Option<(&'static Self, &[u8])> {
        let mut code = 0;
        for (at, digit) in digits.iter().enumerate().take(3) {
            code = code * 10 + u16::from(digit - b'0');
            if let Some(country) = Self::of(code) {
                return Some((country, &digits[at + 1..]));
            }
        }
        None
    }

    /// Says whether digits behind the country's code are one of its mobile numbers, by length and
    /// beginning.
    pub(crate) fn check(&self, national: &[u8]) -> Result<(), RecipientError> {
        let code = self.code;
        let lengths = match national {
            [b'0', ..] if self.zero_lengths == 0 => return Err(RecipientError::TrunkPrefix),
            [b'0', ..] => self.zero_lengths,
            _ => self.lengths,
        };
        if !has(lengths, national.len()) {
            return Err(RecipientError::NationalLength { code });
        }
        if begins(national, self.refused) {
            return Err(RecipientError::NationalBeginning { code });
        }
        Ok(())
    }

    /// Returns the fewest and the most digits of its mobile numbers; `None` where they depend on a
    /// leading 0.
    pub(crate) const fn bounds(&self) -> Option<(u32, u32)> {
        if self.zero_lengths != 0 && self.zero_lengths != self.lengths {
            return None;
        }
        Some((self.lengths.trailing_zeros(), self.lengths.ilog2()))
    }

    /// Says whether digits that stand behind the country's code, and nothing before it, are sure to
    /// be a number with its code.
    pub(crate) fn is_sure_of(&self, national: &[u8]) -> bool {
        national
            .first()
            .is_none_or(|digit| self.bare & 1 << (digit - b'0') != 0)
    }

    /// Says whether digits that begin with one 0 dial out of the country.
    pub(crate) fn dials_out(&self, digits: &[u8]) -> bool {
        begins(digits, self.exits)
    }
}

fn has(lengths: u16, length: usize) -> bool {
    length < 16 && lengths & 1 << length != 0
}

fn begins(digits: &[u8], beginnings: &[&str]) -> bool {
    beginnings
        .iter()
        .any(|beginning| digits.starts_with(beginning.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_sorted_and_no_code_begins_with_another() {
        assert!(COUNTRIES.is_sorted_by(|one, next| one.code < next.code));
        for country in &COUNTRIES {
            let mut shorter = country.code / 10;
            while shorter > 0 {
                assert!(Country::of(shorter).is_none(), "{}", country.code);
                shorter /= 10;
            }
        }
    }

    #[test]
    fn case_440_a_zero_makes_another_number_of_one_in_italy_alone() {
        for country in &COUNTRIES {
            let both = country.lengths << 1 & country.zero_lengths;
            assert!(both == 0 || country.code == 39, "{}", country.code);
        }
    }
}
