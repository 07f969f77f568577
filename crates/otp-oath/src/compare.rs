//! An entered code against all codes of a window, without a way out in the middle.

use core::hint::black_box;

use zeroize::{Zeroize, Zeroizing};

use otp_base::code::{CodeKind, MAX_LEN};
use otp_base::entered::EnteredCode;
use otp_base::reveal::reveal;

/// What was entered, as a number; the digits are known to be as many as the code has.
#[derive(Clone, Copy)]
#[expect(missing_debug_implementations, reason = "a guess never reaches a log")]
pub struct Entry {
    value: u64,
    /// Whether digits of more than one script were entered.
    pub mixed_scripts: bool,
}

impl Entry {
    /// Reads what was entered; `None` if it is no code of so many digits. Digits of any script count,
    /// spaces, dashes and invisible marks do not.
    #[must_use]
    pub fn parse(raw: &[u8], digits: u8) -> Option<Self> {
        if raw.len() == usize::from(digits) && raw.iter().all(u8::is_ascii_digit) {
            let value = value_of(raw);
            return Some(Self {
                value,
                mixed_scripts: false,
            });
        }
        let mut symbols = Zeroizing::new([0; MAX_LEN]);
        let entered = EnteredCode::parse(raw, CodeKind::Digits(digits), &mut symbols)?;
        Some(Self {
            value: value_of(&entered.symbols()[..usize::from(digits)]),
            mixed_scripts: entered.mixed_scripts(),
        })
    }
}

/// Returns the value of at most ten ASCII digits.
fn value_of(digits: &[u8]) -> u64 {
    digits.iter().fold(0, |value, digit| {
        10 * value + u64::from(digit.wrapping_sub(b'0'))
    })
}

/// The search for a code in a window. Which candidate matched becomes public at the end, and only
/// if one did.
pub(crate) struct Search {
    found: u64,
    at: u64,
}

impl Search {
    pub(crate) const fn new() -> Self {
        Self { found: 0, at: 0 }
    }

    /// Compares with the code of the candidate `at`, below 2^32; the last one that matches counts.
    pub(crate) fn compare(&mut self, entry: Entry, code: u64, at: u32) {
        self.note(same(entry, code), at);
    }

    /// Compares two codes at once; both have to match.
    pub(crate) fn compare_pair(&mut self, entries: [Entry; 2], codes: [u64; 2], at: u32) {
        let [first, second] = [same(entries[0], codes[0]), same(entries[1], codes[1])];
        self.note(first & second, at);
    }

    fn note(&mut self, same: u64, at: u32) {
        let mask = black_box(same).wrapping_neg();
        self.found |= same;
        self.at = (self.at & !mask) | (u64::from(at) & mask);
    }

    /// Returns the candidate that matched, if any.
    pub(crate) fn result(&self) -> Option<u32> {
        if !reveal((self.found & 1) as u8) {
            return None;
        }
        // Bit by bit: what the caller does with it then rests on nothing secret.
        let bit = |at: u32| u32::from(reveal((self.at >> at & 1) as u8)) << at;
        Some((0..32).fold(0, |sum, at| sum | bit(at)))
    }
}

impl Drop for Search {
    fn drop(&mut self) {
        self.at.zeroize();
    }
}

/// Returns 1 if the code is the one that was entered, else 0.
const fn same(entry: Entry, code: u64) -> u64 {
    let differs = entry.value ^ code;
    1 ^ ((differs | differs.wrapping_neg()) >> 63)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(raw: &str, digits: u8) -> Option<u64> {
        Entry::parse(raw.as_bytes(), digits).map(|entry| entry.value)
    }

    #[test]
    fn text_of_the_right_length_is_read_and_other_text_is_not() {
        assert_eq!(value("012345", 6), Some(12_345));
        assert_eq!(value("012 345", 6), Some(12_345));
        assert_eq!(value("\u{661}\u{662}\u{663}456", 6), Some(123_456));
        assert_eq!(value("9999999999", 10), Some(9_999_999_999));
        for raw in ["", "12345", "1234567", "12345a", "+12345", "0x1234"] {
            assert_eq!(value(raw, 6), None, "{raw}");
        }
        let mixed = |raw: &str| Entry::parse(raw.as_bytes(), 6).unwrap().mixed_scripts;
        assert!(mixed("12345\u{666}") && !mixed("123-456") && !mixed("123456"));
    }

    #[test]
    fn the_last_match_counts_whatever_its_place() {
        let entry = Entry::parse(b"000007", 6).unwrap();
        for matching in [&[][..], &[0], &[4], &[1, 3], &[0, u32::MAX], &[u32::MAX, 0]] {
            let mut search = Search::new();
            for at in matching {
                search.compare(entry, 8, 99);
                search.compare(entry, 7, *at);
                search.compare(entry, 1_000_007, 99);
                search.compare(entry, 7 + (1 << 63), 99);
            }
            assert_eq!(search.result(), matching.last().copied());
        }
    }

    #[test]
    fn of_a_pair_both_must_match() {
        let [seven, eight] = [b"000007", b"000008"].map(|raw| Entry::parse(raw, 6).unwrap());
        for (codes, found) in [
            ([7, 8], Some(5)),
            ([7, 7], None),
            ([8, 8], None),
            ([8, 7], None),
        ] {
            let mut search = Search::new();
            search.compare_pair([seven, eight], codes, 5);
            assert_eq!(search.result(), found, "{codes:?}");
        }
    }
}
