//! The code that a person receives, derived and compared in constant time.

use alloc::boxed::Box;
use core::f64::consts::LOG2_10;
use core::hint::black_box;
use core::ops::{Deref, DerefMut};
use core::str;

use zeroize::{Zeroize, Zeroizing};

use crate::crockford;
use crate::reveal::{equal, reveal};

/// Symbols of the longest code.
pub const MAX_LEN: usize = crockford::TEXT_LEN;

/// What a code is made of, and how long it is.
///
/// A length outside its bounds is refused where a policy is built; the functions here take the
/// nearest bound instead, so that no code is weaker than the bounds allow.
///
/// ```
/// use otp_base::CodeKind;
///
/// assert_eq!(CodeKind::Digits(6).space(), 1_000_000.0);
/// assert!(CodeKind::Digits(6).entropy_bits() >= 19.9);
/// assert_eq!(CodeKind::Token.len(), 26);
/// ```
#[expect(
    clippy::exhaustive_enums,
    reason = "hosts choose widgets and keyboards by kind; a new one must not slip past them"
)]
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum CodeKind {
    /// So many decimal digits, from 6 to 10; leading zeros count.
    Digits(u8),
    /// So many symbols of Crockford's base32, from 4 to 26: digits and upper-case letters, but
    /// for I, L, O and U.
    Letters(u8),
    /// 26 symbols of Crockford's base32 with 128 bits, for links; the first symbol is 0 to 7.
    Token,
}

impl CodeKind {
    /// Returns the number of symbols.
    #[expect(clippy::len_without_is_empty, reason = "no code is empty")]
    #[must_use]
    pub const fn len(self) -> usize {
        let (n, min, max) = match self {
            Self::Digits(n) => (n as usize, 6, 10),
            Self::Letters(n) => (n as usize, 4, MAX_LEN),
            Self::Token => return MAX_LEN,
        };
        if n < min {
            min
        } else if n > max {
            max
        } else {
            n
        }
    }

    /// Returns the number of codes, all equally likely.
    #[must_use]
    pub const fn space(self) -> f64 {
        match self {
            Self::Digits(_) => power(10.0, self.len()),
            Self::Letters(_) => power(32.0, self.len()),
            Self::Token => power(2.0, 128),
        }
    }

    /// Returns the entropy in bits, the binary logarithm of [`space`](Self::space).
    ///
    /// Six digits have 19.93: what NIST SP 800-63B asks for, and what OWASP ASVS 5.0 (6.5.4) takes
    /// for its 20 bits.
    #[must_use]
    pub const fn entropy_bits(self) -> f64 {
        match self {
            Self::Digits(_) => self.len() as f64 * LOG2_10,
            Self::Letters(_) => self.len() as f64 * 5.0,
            Self::Token => 128.0,
        }
    }

    /// Tells whether the length is one that a code can have.
    #[doc(hidden)]
    pub const fn is_in_bounds(self) -> bool {
        match self {
            Self::Digits(n) | Self::Letters(n) => n as usize == self.len(),
            Self::Token => true,
        }
    }

    /// Returns the two bytes that a cell keeps.
    #[doc(hidden)]
    pub const fn to_bytes(self) -> [u8; 2] {
        match self {
            Self::Digits(n) => [1, n],
            Self::Letters(n) => [2, n],
            Self::Token => [3, 26],
        }
    }

    /// Reads what [`to_bytes`](Self::to_bytes) wrote; `None` outside the bounds.
    #[doc(hidden)]
    pub const fn from_bytes(bytes: [u8; 2]) -> Option<Self> {
        let kind = match bytes {
            [1, n] => Self::Digits(n),
            [2, n] => Self::Letters(n),
            [3, 26] => Self::Token,
            _ => return None,
        };
        if kind.is_in_bounds() {
            Some(kind)
        } else {
            None
        }
    }
}

/// A one-time code, wiped when dropped.
///
/// It is handed out once, for the message to its recipient: write it there and nowhere else. A
/// code has no `Debug`, not even a redacted one, and cannot be copied: a `{:?}` on it or on what
/// holds it fails to compile.
///
/// ```compile_fail,E0277
/// fn log(code: &otp_base::Code) -> String {
///     format!("{:?}", code)
/// }
/// ```
///
/// What a message takes is its text:
///
/// ```
/// fn compose(code: &otp_base::Code) -> String {
///     format!("{}", code.as_str())
/// }
/// ```
#[expect(missing_debug_implementations, reason = "a code never reaches a log")]
pub struct Code {
    symbols: Symbols,
    len: usize,
}

/// The symbols of a code, wiped when dropped; unused places are 0, which is none.
///
/// They stay where they were written: what is moved leaves copies that nobody wipes.
struct Symbols(Box<[u8; MAX_LEN]>);

impl Symbols {
    /// Makes symbols of which all are unused.
    fn new() -> Self {
        // Zeros that the compiler knows of are asked of `calloc`, which in glibc before 2.41 knows no
        // cache of the thread's own: that takes 110 instructions more than to write them.
        Self(Box::new(black_box([0; MAX_LEN])))
    }
}

impl Deref for Symbols {
    type Target = [u8; MAX_LEN];

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

impl DerefMut for Symbols {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.0
    }
}

impl Drop for Symbols {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl Code {
    /// Derives the code of `kind` from 32 uniformly distributed bytes.
    ///
    /// Digits are the first big-endian 64-bit word, modulo a power of ten, after
    /// [rejection](reduce). Letters are five bits each from the front, a token is the first 128.
    /// How many words were rejected becomes public, and tells nothing of the one that was not.
    #[doc(hidden)]
    pub fn derive(kind: CodeKind, mac: &[u8; 32]) -> Self {
        let mut code = Self {
            symbols: Symbols::new(),
            len: kind.len(),
        };
        derive_into(kind, mac, &mut code.symbols);
        code
    }

    /// Writes the last digits of `value`, `digits` of them.
    #[doc(hidden)]
    #[inline]
    #[must_use]
    pub fn decimal(value: u64, digits: u8) -> Self {
        let mut code = Self {
            symbols: Symbols::new(),
            len: CodeKind::Digits(digits).len(),
        };
        write_decimal(value, &mut code.symbols[..code.len]);
        say_ascii(&mut code.symbols);
        code
    }

    /// Returns the text to send: 6 to 10 digits, or symbols of Crockford's base32 in upper case.
    #[must_use]
    pub fn as_str(&self) -> &str {
        // Symbols are ASCII: the empty text is never taken.
        str::from_utf8(&self.symbols[..self.len]).unwrap_or_default()
    }
}

/// Derives a code as [`Code::derive`] does, where it is compared: a code that never leaves one frame needs
/// no place of its own. `symbols` are all unused, and the caller's to wipe.
#[doc(hidden)]
#[inline]
pub fn derive_into(kind: CodeKind, mac: &[u8; 32], symbols: &mut [u8; MAX_LEN]) {
    let len = kind.len();
    let words = words(mac);
    match kind {
        CodeKind::Digits(_) => {
            let rest = match len {
                6 => reduce::<1_000_000>(&words),
                7 => reduce::<10_000_000>(&words),
                8 => reduce::<100_000_000>(&words),
                9 => reduce::<1_000_000_000>(&words),
                _ => reduce::<10_000_000_000>(&words),
            };
            write_decimal(rest, &mut symbols[..len]);
        }
        CodeKind::Letters(_) => {
            for (index, place) in symbols[..len].iter_mut().enumerate() {
                let (byte, bit) = (5 * index / 8, 5 * index % 8);
                let window = u16::from_be_bytes([mac[byte], mac[byte + 1]]);
                *place = crockford::symbol(((window >> (11 - bit)) & 0x1F) as u8);
            }
        }
        CodeKind::Token => {
            let value = u128::from(words[0]) << 64 | u128::from(words[1]);
            crockford::encode(value, symbols);
        }
    }
    say_ascii(symbols);
}

/// Compares the symbols of a code with those that were entered; the time depends on neither.
///
/// Lengths need no comparison of their own: a shorter one has 0 where the other has a symbol.
#[doc(hidden)]
pub fn compare(code: &[u8; MAX_LEN], entered: &[u8; MAX_LEN]) -> Guess {
    if equal(code, entered) {
        Guess::Right
    } else {
        Guess::Wrong
    }
}

/// Leaves the symbols as they are, which are ASCII, and makes that known: memcheck, which follows
/// each bit, cannot tell by itself that the highest one of each is no secret.
#[inline]
fn say_ascii(symbols: &mut [u8; MAX_LEN]) {
    for symbol in black_box(symbols) {
        *symbol &= 0x7F;
    }
}

/// Writes the last digits of `value`, as many as there are places.
#[inline]
fn write_decimal(value: u64, places: &mut [u8]) {
    let mut rest = value;
    for place in places.iter_mut().rev() {
        *place = b'0' + (rest % 10) as u8;
        rest /= 10;
    }
}

/// What a comparison found.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "there is no third answer")]
pub enum Guess {
    /// The code was entered.
    Right,
    /// Something else was entered.
    Wrong,
}

/// Reduces the first word below the greatest multiple of `SPACE` modulo `SPACE`, without bias.
///
/// Should all words be above, the last is reduced as it is, so that every MAC has its code: for
/// ten digits that happens once in 6 * 10^38 codes, for fewer digits more rarely still.
///
/// `SPACE` is a constant and no argument, because the time of a division by a variable would
/// depend on the word; and memcheck does not see divisions.
fn reduce<const SPACE: u64>(words: &[u64; 4]) -> u64 {
    // No power of ten above 1 divides 2^64, so this is the greatest multiple below it.
    let bound = const { u64::MAX - u64::MAX % SPACE };
    let [first @ .., last] = words;
    for word in first {
        let below = u128::from(*word).wrapping_sub(u128::from(bound)) >> 127;
        if reveal(below as u8) {
            return word % SPACE;
        }
    }
    last % SPACE
}

/// Returns the bytes as four big-endian words, wiped when dropped.
fn words(mac: &[u8; 32]) -> Zeroizing<[u64; 4]> {
    let mut words = Zeroizing::new([0; 4]);
    for (word, bytes) in words.iter_mut().zip(mac.as_chunks().0) {
        *word = u64::from_be_bytes(*bytes);
    }
    words
}

/// Returns `base` to the power of `exponent`: core has no such function for floats.
const fn power(base: f64, exponent: usize) -> f64 {
    let (mut power, mut left) = (1.0, exponent);
    while left > 0 {
        power *= base;
        left -= 1;
    }
    power
}

#[cfg(test)]
mod tests {
    use alloc::string::String;
    use alloc::vec;
    use alloc::vec::Vec;

    use sha2::{Digest, Sha256};

    use super::*;
    use crate::entered::EnteredCode;

    const ALL_DIGITS: [CodeKind; 5] = [
        CodeKind::Digits(6),
        CodeKind::Digits(7),
        CodeKind::Digits(8),
        CodeKind::Digits(9),
        CodeKind::Digits(10),
    ];

    fn counted(index: u32) -> [u8; 32] {
        Sha256::digest(index.to_be_bytes()).into()
    }

    fn text(kind: CodeKind, mac: &[u8; 32]) -> String {
        let code = Code::derive(kind, mac);
        assert!(code.symbols[kind.len()..].iter().all(|symbol| *symbol == 0));
        code.as_str().into()
    }

    /// Made with Python: `int.from_bytes` and `%`, and the bits as one string cut in fives.
    #[test]
    fn codes_agree_with_another_derivation() {
        let mut count = [0; 32];
        let mut first_rejected = [0xFF; 32];
        for index in 0..32 {
            count[index as usize] = index;
            if index < 24 {
                first_rejected[index as usize + 8] = index;
            }
        }
        let otp: [u8; 32] = Sha256::digest(b"otp").into();
        for (mac, digits, letters, token) in [
            (
                count,
                "6952306183",
                "000G40R40M30E209185GR38E1W",
                "00041061050R3GG28A1C60T3GF",
            ),
            (
                otp,
                "2635302299",
                "8M1V666C9HCSQ80E3T9AE1ASXJ",
                "250ESHHK2CB6DT03GYJAKGAPFC",
            ),
            (
                [0; 32],
                "0000000000",
                "00000000000000000000000000",
                "00000000000000000000000000",
            ),
            (
                [0xFF; 32],
                "3709551615",
                "ZZZZZZZZZZZZZZZZZZZZZZZZZZ",
                "7ZZZZZZZZZZZZZZZZZZZZZZZZZ",
            ),
            (
                first_rejected,
                "6952306183",
                "ZZZZZZZZZZZZY001081G81860W",
                "7ZZZZZZZZZZZZG00820C20A1G7",
            ),
        ] {
            for kind in ALL_DIGITS {
                // A shorter code of the same word is the end of the longer one.
                assert_eq!(text(kind, &mac), digits[10 - kind.len()..]);
            }
            for n in 4..=26 {
                assert_eq!(text(CodeKind::Letters(n), &mac), letters[..usize::from(n)]);
            }
            assert_eq!(text(CodeKind::Token, &mac), token);
        }
    }

    #[test]
    fn case_1_leading_zeros_are_kept() {
        let mut mac = [0; 32];
        mac[6..8].copy_from_slice(&12_345_u16.to_be_bytes());
        assert_eq!(text(CodeKind::Digits(6), &mac), "012345");
        assert_eq!(text(CodeKind::Digits(10), &mac), "0000012345");
    }

    #[test]
    fn a_word_is_rejected_from_the_greatest_multiple_on() {
        fn check<const SPACE: u64>(bound: u64) {
            for (word, expected) in [
                (0, 0),
                (SPACE - 1, SPACE - 1),
                (SPACE, 0),
                (bound - 1, SPACE - 1),
                (bound, 7),
                (bound + 1, 7),
                (u64::MAX, 7),
            ] {
                assert_eq!(
                    reduce::<SPACE>(&[word, 7, 8, 9]),
                    expected,
                    "{SPACE} {word}"
                );
            }
            // Each word in its turn, and the last one whatever it is.
            assert_eq!(reduce::<SPACE>(&[bound, bound, 8, 9]), 8);
            assert_eq!(reduce::<SPACE>(&[bound, bound, bound, 9]), 9);
            assert_eq!(reduce::<SPACE>(&[bound, bound, bound, bound + 1]), 1);
        }
        check::<1_000_000>(18_446_744_073_709_000_000);
        check::<10_000_000>(18_446_744_073_700_000_000);
        check::<100_000_000>(18_446_744_073_700_000_000);
        check::<1_000_000_000>(18_446_744_073_000_000_000);
        check::<10_000_000_000>(18_446_744_070_000_000_000);
    }

    /// Returns the greatest chi-square statistic of all places of a code.
    fn worst_place(alphabet: &str, codes: impl Iterator<Item = String>) -> f64 {
        let mut counts: Vec<Vec<u32>> = Vec::new();
        let mut total = 0;
        for code in codes {
            counts.resize(code.len(), vec![0; alphabet.len()]);
            for (place, symbol) in counts.iter_mut().zip(code.chars()) {
                place[alphabet.find(symbol).unwrap()] += 1;
            }
            total += 1;
        }
        let expected = f64::from(total) / alphabet.len() as f64;
        let statistic = |place: &Vec<u32>| {
            let squares = place
                .iter()
                .map(|count| (f64::from(*count) - expected).powi(2));
            squares.sum::<f64>() / expected
        };
        counts.iter().map(statistic).fold(0.0, f64::max)
    }

    /// Each symbol is as likely as any other, at each place. The MACs are counted, so the
    /// statistic is the same in every run; chance exceeds the limits once in 10^4 places.
    #[test]
    fn codes_are_uniform_and_a_remainder_of_a_byte_is_not() {
        const CODES: u32 = 100_000;
        let (nine, thirty_one) = (33.7, 69.1); // by degrees of freedom
        let decimals = "0123456789";
        for kind in ALL_DIGITS {
            let worst = worst_place(decimals, (0..CODES).map(|i| text(kind, &counted(i))));
            assert!(worst < nine, "{kind:?} {worst}");
        }
        let planted = (0..CODES).map(|i| {
            let mac = counted(i);
            mac[..6]
                .iter()
                .map(|byte| char::from(b'0' + byte % 10))
                .collect()
        });
        assert!(worst_place(decimals, planted) > nine);

        let letters = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
        let codes = |kind| (0..CODES / 2).map(move |i| text(kind, &counted(i)));
        let worst = worst_place(letters, codes(CodeKind::Letters(26)));
        assert!(worst < thirty_one, "{worst}");
        // The first symbol of a token has three bits.
        let rest = codes(CodeKind::Token).map(|token| token[1..].into());
        let worst = worst_place(letters, rest);
        assert!(worst < thirty_one, "{worst}");
        let first = codes(CodeKind::Token).map(|token| token[..1].into());
        let worst = worst_place("01234567", first);
        assert!(worst < nine, "{worst}");
    }

    #[test]
    fn only_the_code_itself_is_right() {
        let guess = |kind, code: &str, entered: &str| {
            let mut mac = [0; 32];
            mac[..8].copy_from_slice(&code.parse().unwrap_or(0_u64).to_be_bytes());
            let mut symbols = [0; MAX_LEN];
            let entered = EnteredCode::parse(entered.as_bytes(), kind, &mut symbols).unwrap();
            compare(&Code::derive(kind, &mac).symbols, entered.symbols())
        };
        let six = CodeKind::Digits(6);
        assert_eq!(guess(six, "012345", "012345"), Guess::Right);
        assert_eq!(guess(six, "012345", "\u{660}\u{661}2-3 45"), Guess::Right);
        assert_eq!(guess(six, "000000", "000000"), Guess::Right);
        for wrong in ["112345", "002345", "012346", "012344", "543210", "000000"] {
            assert_eq!(guess(six, "012345", wrong), Guess::Wrong, "{wrong}");
        }
        let four = CodeKind::Letters(4);
        assert_eq!(guess(four, "0", "oO00"), Guess::Right);
        assert_eq!(guess(four, "0", "000l"), Guess::Wrong);
        let token = Code::derive(CodeKind::Token, &[0xA7; 32]);
        let mut entered = String::from("57mykTF9X7MYKTF9X7MYKTF9X7");
        for (last, expected) in [("7", Guess::Right), ("6", Guess::Wrong)] {
            entered.replace_range(25.., last);
            let mut symbols = [0; MAX_LEN];
            let entered =
                EnteredCode::parse(entered.as_bytes(), CodeKind::Token, &mut symbols).unwrap();
            assert_eq!(compare(&token.symbols, entered.symbols()), expected);
        }
    }

    #[test]
    fn a_guess_of_another_length_is_wrong() {
        let code = Code::derive(CodeKind::Digits(7), &[0; 32]);
        for n in 6..=10 {
            let kind = CodeKind::Digits(n);
            let mut symbols = [0; MAX_LEN];
            let zeros = "0".repeat(kind.len());
            let entered = EnteredCode::parse(zeros.as_bytes(), kind, &mut symbols).unwrap();
            let expected = if n == 7 { Guess::Right } else { Guess::Wrong };
            assert_eq!(compare(&code.symbols, entered.symbols()), expected, "{n}");
        }
    }

    #[test]
    fn kinds_outside_their_bounds_are_told_and_never_weaker() {
        for n in 0..=u8::MAX {
            let (digits, letters) = (CodeKind::Digits(n), CodeKind::Letters(n));
            assert_eq!(digits.is_in_bounds(), (6..=10).contains(&n), "{n}");
            assert_eq!(letters.is_in_bounds(), (4..=26).contains(&n), "{n}");
            assert_eq!(digits.len(), usize::from(n.clamp(6, 10)));
            assert_eq!(letters.len(), usize::from(n.clamp(4, 26)));
            for kind in [digits, letters, CodeKind::Token] {
                assert!(kind.entropy_bits() >= 19.9);
                assert_eq!(text(kind, &[0x5A; 32]).len(), kind.len());
            }
        }
        assert!(CodeKind::Token.is_in_bounds());
    }

    #[test]
    fn entropy_is_the_logarithm_of_the_number_of_codes() {
        for (kind, space, bits) in [
            (CodeKind::Digits(6), 1e6, 19.931_568_569),
            (CodeKind::Digits(7), 1e7, 23.253_496_664),
            (CodeKind::Digits(8), 1e8, 26.575_424_759),
            (CodeKind::Digits(9), 1e9, 29.897_352_854),
            (CodeKind::Digits(10), 1e10, 33.219_280_949),
            (CodeKind::Letters(4), 1_048_576.0, 20.0),
            (CodeKind::Letters(26), 1.361_129_467_683_754e39, 130.0),
            (CodeKind::Token, 3.402_823_669_209_385e38, 128.0),
        ] {
            assert_eq!(kind.space(), space, "{kind:?}");
            assert!((kind.entropy_bits() - bits).abs() < 1e-9, "{kind:?}");
        }
    }

    #[test]
    fn stored_kinds_are_read_back_and_nothing_else_is() {
        let mut read = 0;
        for (tag, n) in (0..=u8::MAX).flat_map(|tag| (0..=u8::MAX).map(move |n| (tag, n))) {
            if let Some(kind) = CodeKind::from_bytes([tag, n]) {
                assert_eq!(kind.to_bytes(), [tag, n]);
                assert!(kind.is_in_bounds(), "{kind:?}");
                read += 1;
            }
        }
        assert_eq!(read, 5 + 23 + 1);
        assert_eq!(CodeKind::Digits(6).to_bytes(), [1, 6]);
        assert_eq!(CodeKind::Letters(8).to_bytes(), [2, 8]);
        assert_eq!(CodeKind::Token.to_bytes(), [3, 26]);
    }
}
