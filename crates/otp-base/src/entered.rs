//! What a person entered, folded to the symbols of a code.

use core::str;

use crate::code::{CodeKind, MAX_LEN};

/// The longest text that is looked at, in bytes.
pub const MAX_TYPED_BYTES: usize = 256;

/// A guess: as many symbols as a code has, in a place that is the caller's to wipe.
///
/// Parsing takes a time that depends on the text: the one who times it entered it.
#[expect(missing_debug_implementations, reason = "a guess never reaches a log")]
pub struct EnteredCode<'s> {
    symbols: &'s [u8; MAX_LEN],
    mixed_scripts: bool,
}

impl<'s> EnteredCode<'s> {
    /// Reads a guess at a code of `kind` into symbols that are all unused; `None` if the text is malformed,
    /// which is no guess.
    ///
    /// Decimal digits of any script are folded to ASCII. White space, dashes and invisible marks
    /// are dropped, since messages and keyboards add them. Where the code has letters, their case
    /// is folded, and O, I and L are read as 0, 1 and 1. Anything else is malformed, and so is
    /// any other number of symbols: a code is never searched for in a longer text.
    #[must_use]
    pub fn parse(raw: &[u8], kind: CodeKind, symbols: &'s mut [u8; MAX_LEN]) -> Option<Self> {
        if raw.len() > MAX_TYPED_BYTES {
            return None;
        }
        if raw.len() == kind.len() && raw.iter().all(u8::is_ascii_digit) {
            // As nearly everybody types it: the rest would give the same, slower.
            symbols[..raw.len()].copy_from_slice(raw);
            return Some(Self {
                symbols,
                mixed_scripts: false,
            });
        }
        let text = str::from_utf8(raw).ok()?;
        let mut places = symbols[..kind.len()].iter_mut();
        let mut script = None;
        let mut mixed_scripts = false;
        for c in text.chars().filter(|c| !is_dropped(*c)) {
            *places.next()? = if let Some((zero, digit)) = decimal(c) {
                mixed_scripts |= *script.get_or_insert(zero) != zero;
                b'0' + digit
            } else {
                letter(c, kind)?
            };
        }
        if places.next().is_some() {
            return None;
        }
        Some(Self {
            symbols,
            mixed_scripts,
        })
    }

    /// Returns the symbols, and 0 in each place after the last.
    #[must_use]
    pub const fn symbols(&self) -> &[u8; MAX_LEN] {
        self.symbols
    }

    /// Tells whether digits of more than one script were entered: no keyboard does that by itself.
    #[must_use]
    pub const fn mixed_scripts(&self) -> bool {
        self.mixed_scripts
    }
}

/// Tells whether `c` may stand anywhere in a code without being part of it.
const fn is_dropped(c: char) -> bool {
    c.is_whitespace()
        || matches!(c,
            // Dashes: general category Pd, the minus sign, the soft hyphen.
            '-' | '\u{AD}' | '\u{58A}' | '\u{5BE}' | '\u{1400}' | '\u{1806}'
            | '\u{2010}'..='\u{2015}' | '\u{2212}' | '\u{2E17}' | '\u{2E1A}'
            | '\u{2E3A}' | '\u{2E3B}' | '\u{2E40}' | '\u{2E5D}' | '\u{301C}' | '\u{3030}'
            | '\u{30A0}' | '\u{FE31}' | '\u{FE32}' | '\u{FE58}' | '\u{FE63}' | '\u{FF0D}'
            | '\u{10EAD}'
            // Zero-width and bidirectional marks.
            | '\u{61C}' | '\u{200B}'..='\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2060}'
            | '\u{2066}'..='\u{2069}' | '\u{FEFF}')
}

/// Returns the zero of a decimal digit's script, and the digit's value.
fn decimal(c: char) -> Option<(u32, u8)> {
    let c = u32::from(c);
    let after = ZEROS.partition_point(|zero| *zero <= c);
    let zero = *ZEROS.get(after.checked_sub(1)?)?;
    let digit = u8::try_from(c - zero).ok()?;
    (digit < 10).then_some((zero, digit))
}

/// Returns the symbol that a letter stands for in a code of `kind`.
fn letter(c: char, kind: CodeKind) -> Option<u8> {
    if matches!(kind, CodeKind::Digits(_)) {
        return None;
    }
    match c.to_ascii_uppercase() {
        'O' => Some(b'0'),
        'I' | 'L' => Some(b'1'),
        'U' => None,
        c @ 'A'..='Z' => u8::try_from(c).ok(),
        _ => None,
    }
}

/// The zeros of all decimal digits (general category Nd) of Unicode 15.1, in order; each begins a
/// run of ten. Digits of a script that is younger are malformed.
static ZEROS: [u32; 68] = [
    0x30, 0x660, 0x6F0, 0x7C0, 0x966, 0x9E6, 0xA66, 0xAE6, 0xB66, 0xBE6, 0xC66, 0xCE6, 0xD66,
    0xDE6, 0xE50, 0xED0, 0xF20, 0x1040, 0x1090, 0x17E0, 0x1810, 0x1946, 0x19D0, 0x1A80, 0x1A90,
    0x1B50, 0x1BB0, 0x1C40, 0x1C50, 0xA620, 0xA8D0, 0xA900, 0xA9D0, 0xA9F0, 0xAA50, 0xABF0, 0xFF10,
    0x1_04A0, 0x1_0D30, 0x1_1066, 0x1_10F0, 0x1_1136, 0x1_11D0, 0x1_12F0, 0x1_1450, 0x1_14D0,
    0x1_1650, 0x1_16C0, 0x1_1730, 0x1_18E0, 0x1_1950, 0x1_1C50, 0x1_1D50, 0x1_1DA0, 0x1_1F50,
    0x1_6A60, 0x1_6AC0, 0x1_6B50, 0x1_D7CE, 0x1_D7D8, 0x1_D7E2, 0x1_D7EC, 0x1_D7F6, 0x1_E140,
    0x1_E2F0, 0x1_E4F0, 0x1_E950, 0x1_FBF0,
];

#[cfg(test)]
mod tests {
    use alloc::format;
    use alloc::string::String;

    use super::*;

    const SIX: CodeKind = CodeKind::Digits(6);

    fn folded(text: &str, kind: CodeKind) -> Option<String> {
        let mut symbols = [0; MAX_LEN];
        let entered = EnteredCode::parse(text.as_bytes(), kind, &mut symbols)?;
        let (symbols, rest) = entered.symbols().split_at(kind.len());
        assert!(rest.iter().all(|symbol| *symbol == 0));
        Some(str::from_utf8(symbols).unwrap().into())
    }

    fn takes(text: &str, kind: CodeKind, expected: &str) {
        assert_eq!(folded(text, kind).as_deref(), Some(expected), "{text:?}");
    }

    fn refuses(text: &str, kind: CodeKind) {
        assert_eq!(folded(text, kind), None, "{text:?}");
    }

    #[test]
    fn case_1_leading_zeros_count_as_symbols() {
        takes("012345", SIX, "012345");
        takes("000000", SIX, "000000");
        refuses("12345", SIX);
    }

    #[test]
    fn case_3_spaces_dashes_and_invisible_marks_are_dropped() {
        for text in [
            "123 456",
            "123-456",
            "123\u{A0}456",
            "\t123456",
            "123456\r\n",
            "123\u{200B}456",
            "\u{200F}123456\u{200E}",
            "\u{202D}123456\u{202C}",
            "\u{2066}123456\u{2069}",
            "\u{FEFF}123456",
            "123\u{2013}456",
            "123\u{2212}456",
            "123\u{AD}456",
            "123\u{3000}456",
            "123\u{2060}456",
            "\u{61C}123456",
            "1-2-3-4-5-6",
            "-123456",
        ] {
            takes(text, SIX, "123456");
        }
    }

    #[test]
    fn case_4_decimal_digits_of_any_script_are_the_same_value() {
        for text in [
            "\u{661}\u{662}\u{663}\u{664}\u{665}\u{666}",
            "\u{6F1}\u{6F2}\u{6F3}\u{6F4}\u{6F5}\u{6F6}",
            "\u{967}\u{968}\u{969}\u{96A}\u{96B}\u{96C}",
            "\u{9E7}\u{9E8}\u{9E9}\u{9EA}\u{9EB}\u{9EC}",
            "\u{FF11}\u{FF12}\u{FF13}\u{FF14}\u{FF15}\u{FF16}",
            "\u{661}\u{662}\u{663} \u{664}\u{665}\u{666}",
        ] {
            takes(text, SIX, "123456");
            let mut symbols = [0; MAX_LEN];
            let entered = EnteredCode::parse(text.as_bytes(), SIX, &mut symbols).unwrap();
            assert!(!entered.mixed_scripts(), "{text:?}");
        }
    }

    #[test]
    fn case_5_mixed_scripts_are_taken_and_flagged() {
        let mixed = |text: &str| {
            EnteredCode::parse(text.as_bytes(), SIX, &mut [0; MAX_LEN])
                .unwrap()
                .mixed_scripts()
        };
        assert!(!mixed("123456"));
        assert!(mixed("12345\u{666}"));
        assert!(mixed("\u{661}23456"));
        assert!(mixed("\u{661}\u{662}\u{663}\u{6F4}\u{6F5}\u{6F6}"));
        takes("12345\u{666}", SIX, "123456");
    }

    #[test]
    fn case_6_numerals_that_are_no_decimal_digits_are_malformed() {
        for c in [
            '²', '³', '¹', '⁰', '₁', '①', '⑴', '⒈', '❶', '⓪', '½', 'Ⅳ', 'ⅰ', '〇', '一', '𐄇',
            '\u{9F4}', '\u{F2A}', '\u{3007}', '\u{19DA}',
        ] {
            assert!(c.is_numeric() || c == '一', "{c}");
            refuses(&format!("12345{c}"), SIX);
            refuses(&format!("123456{c}"), SIX);
        }
    }

    #[test]
    fn case_7_signs_points_and_letters_are_malformed_in_digits() {
        for text in [
            "+12345",
            "+123456",
            "1e5",
            "1e5000",
            "0x1234",
            "0x123456",
            "123456.0",
            "123.456",
            "123,456",
            "123456\0",
            "123456\0x",
            "\u{0}123456",
            "123_456",
            "12345O",
            "12345l",
            "123456\u{301}",
            "123456\u{7F}",
        ] {
            refuses(text, SIX);
        }
    }

    #[test]
    fn case_8_empty_and_overlong_texts_are_malformed() {
        for text in ["", " ", "---", "\u{200B}"] {
            refuses(text, SIX);
        }
        let padded = |spaces: usize| format!("{}123456", " ".repeat(spaces));
        takes(&padded(MAX_TYPED_BYTES - 6), SIX, "123456");
        refuses(&padded(MAX_TYPED_BYTES - 5), SIX);
        refuses(&padded(4096), SIX);
        refuses(&padded(1 << 20), SIX);
        refuses(&"1".repeat(1 << 20), SIX);
    }

    #[test]
    fn case_9_invalid_utf8_is_malformed() {
        for raw in [
            &b"12345\xFF"[..],
            b"123456\xFF",
            b"\x80123456",
            b"123456\xE2\x80",
            b"\xC0\xB1\xC0\xB2",
            b"123456\xED\xA0\x80",
            b"1\x002\x003\x004\x005\x006\x00",
        ] {
            assert!(
                EnteredCode::parse(raw, SIX, &mut [0; MAX_LEN]).is_none(),
                "{raw:?}"
            );
        }
    }

    #[test]
    fn case_10_any_other_length_is_malformed() {
        for n in 6..=10 {
            let kind = CodeKind::Digits(n);
            let digits = "12345678901";
            for len in 0..=digits.len() {
                let expected = (len == kind.len()).then(|| digits[..len].into());
                assert_eq!(folded(&digits[..len], kind), expected, "{n} {len}");
            }
        }
        let symbols = "ABCDEFGHJKMNPQRSTVWXYZ23456";
        takes(&symbols[..26], CodeKind::Letters(26), &symbols[..26]);
        takes(&symbols[..26], CodeKind::Token, &symbols[..26]);
        for len in [0, 25, 27] {
            refuses(&symbols[..len], CodeKind::Letters(26));
            refuses(&symbols[..len], CodeKind::Token);
        }
    }

    #[test]
    fn case_11_letters_are_folded_and_look_alikes_mapped() {
        let four = CodeKind::Letters(4);
        takes("abcd", four, "ABCD");
        takes("z-9\u{A0}Y x", four, "Z9YX");
        takes("OoIi", four, "0011");
        takes("LlO0", four, "1100");
        takes("A\u{662}B\u{663}", four, "A2B3");
        for text in [
            "ABCU",
            "ABCu",
            "ABC\u{FF21}",
            "ABC\u{410}",
            "ABC\u{C0}",
            "ABC\u{17F}",
            "ABC\u{212A}",
            "ABC!",
            "ABC+",
        ] {
            refuses(text, four);
        }
    }

    #[test]
    fn case_12_a_code_is_not_searched_for_in_a_message() {
        refuses("RM0.00 Your OTP is 123456, valid for 3 minutes", SIX);
        refuses("OTP:123456", SIX);
        refuses("123456 654321", SIX);
        refuses("Your code is 1234", CodeKind::Letters(4));
    }

    /// Of all characters, 680 are digits and 70 are dropped; of the rest none gets into a code.
    #[test]
    fn every_character_is_a_digit_or_dropped_or_refused() {
        let scripts = [
            "0123456789",
            "٠١٢٣٤٥٦٧٨٩",
            "۰۱۲۳۴۵۶۷۸۹",
            "߀߁߂߃߄߅߆߇߈߉",
            "०१२३४५६७८९",
            "০১২৩৪৫৬৭৮৯",
            "੦੧੨੩੪੫੬੭੮੯",
            "૦૧૨૩૪૫૬૭૮૯",
            "୦୧୨୩୪୫୬୭୮୯",
            "௦௧௨௩௪௫௬௭௮௯",
            "౦౧౨౩౪౫౬౭౮౯",
            "೦೧೨೩೪೫೬೭೮೯",
            "൦൧൨൩൪൫൬൭൮൯",
            "෦෧෨෩෪෫෬෭෮෯",
            "๐๑๒๓๔๕๖๗๘๙",
            "໐໑໒໓໔໕໖໗໘໙",
            "༠༡༢༣༤༥༦༧༨༩",
            "၀၁၂၃၄၅၆၇၈၉",
            "០១២៣៤៥៦៧៨៩",
            "᠐᠑᠒᠓᠔᠕᠖᠗᠘᠙",
            "꧐꧑꧒꧓꧔꧕꧖꧗꧘꧙",
            "０１２３４５６７８９",
            "𝟎𝟏𝟐𝟑𝟒𝟓𝟔𝟕𝟖𝟗",
            "𝟶𝟷𝟸𝟹𝟺𝟻𝟼𝟽𝟾𝟿",
            "𞥐𞥑𞥒𞥓𞥔𞥕𞥖𞥗𞥘𞥙",
            "🯰🯱🯲🯳🯴🯵🯶🯷🯸🯹",
        ];
        let expected = |c: char| {
            scripts
                .iter()
                .find_map(|digits| digits.chars().zip('0'..).find(|(digit, _)| *digit == c))
        };
        let (mut digits, mut dropped) = (0, 0);
        for c in '\0'..=char::MAX {
            let as_last = folded(&format!("12345{c}"), SIX);
            if let Some(text) = &as_last {
                digits += 1;
                assert!(c.is_numeric() && text.starts_with("12345"), "{c:?}");
            }
            if let Some((_, value)) = expected(c) {
                assert_eq!(as_last, Some(format!("12345{value}")), "{c:?}");
            }
            if let Some(text) = folded(&format!("123{c}456"), SIX) {
                dropped += 1;
                assert!(!c.is_alphanumeric() && text == "123456", "{c:?}");
            } else {
                assert!(!c.is_whitespace(), "{c:?}");
            }
        }
        assert_eq!((digits, dropped), (680, 70));
    }

    #[test]
    fn the_zeros_are_in_order_and_their_runs_apart() {
        assert!(ZEROS.windows(2).all(|pair| pair[0] + 10 <= pair[1]));
    }
}
