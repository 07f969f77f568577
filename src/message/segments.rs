//! What a text costs as an SMS: its alphabet, units and segments (3GPP TS 23.038 and 23.040).

/// The alphabet in which an SMS travels.
///
/// ```
/// use otp_engine::message::Encoding;
///
/// assert_eq!(Encoding::of("Kod: 123456"), Encoding::Gsm7);
/// assert_eq!(Encoding::of("代码: 123456"), Encoding::Ucs2);
/// ```
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[expect(
    clippy::exhaustive_enums,
    reason = "the two alphabets of 3GPP TS 23.038 that carry text"
)]
pub enum Encoding {
    /// The 7-bit default alphabet with its extension table: 160 units, or 153 a segment.
    Gsm7,
    /// UTF-16: 70 units, or 67 a segment. One foreign character is enough for a whole text.
    Ucs2,
}

impl Encoding {
    /// Returns the alphabet that a text needs.
    #[must_use]
    pub fn of(text: &str) -> Self {
        if text.chars().all(|symbol| septets(symbol).is_some()) {
            Self::Gsm7
        } else {
            Self::Ucs2
        }
    }

    /// Returns the units in one SMS, and in each segment of several.
    const fn room(self) -> (usize, usize) {
        match self {
            Self::Gsm7 => (160, 153),
            Self::Ucs2 => (70, 67),
        }
    }

    /// Returns the units of one symbol; it never lies in two segments.
    fn units(self, symbol: char) -> usize {
        match self {
            Self::Gsm7 => septets(symbol).unwrap_or(1),
            Self::Ucs2 => symbol.len_utf16(),
        }
    }
}

/// Returns the units and the segments of a text.
pub(super) fn count(text: &str, encoding: Encoding) -> (usize, usize) {
    let (single, each) = encoding.room();
    let units = text.chars().map(|symbol| encoding.units(symbol)).sum();
    if units <= single {
        return (units, 1);
    }
    let (mut segments, mut used) = (1, 0);
    for symbol in text.chars() {
        let units = encoding.units(symbol);
        if used + units > each {
            (segments, used) = (segments + 1, 0);
        }
        used += units;
    }
    (units, segments)
}

/// Returns the septets of a symbol of the default alphabet (1) or its extension table (2).
fn septets(symbol: char) -> Option<usize> {
    match symbol {
        ' '..='Z' | 'a'..='z' | '\n' | '\r' | '_' => Some(1),
        '^' | '{' | '}' | '\\' | '[' | '~' | ']' | '|' | '€' | '\u{c}' => Some(2),
        _ if NATIONAL.contains(symbol) => Some(1),
        _ => None,
    }
}

/// The symbols of the default alphabet that are not ASCII.
const NATIONAL: &str = "£¥èéùìòÇØøÅåΔΦΓΛΩΠΨΣΘΞÆæßÉ¤¡ÄÖÑÜ§¿äöñüà";

#[cfg(test)]
mod tests {
    use alloc::string::String;

    use super::*;

    fn segments(text: &str) -> (usize, usize) {
        count(text, Encoding::of(text))
    }

    #[test]
    fn the_default_alphabet_has_127_symbols_and_ten_more_by_escape() {
        let all = |n| {
            ('\0'..='\u{ffff}')
                .filter(|symbol| septets(*symbol) == Some(n))
                .count()
        };
        assert_eq!((all(1), all(2)), (127, 10)); // 128 places, one of them the escape
    }

    #[test]
    fn gsm_7_has_160_units_in_one_sms_and_153_in_each_of_several() {
        assert_eq!(segments(&"a".repeat(160)), (160, 1));
        assert_eq!(segments(&"a".repeat(161)), (161, 2));
        assert_eq!(segments(&"a".repeat(306)), (306, 2));
        assert_eq!(segments(&"a".repeat(307)), (307, 3));
    }

    #[test]
    fn ucs_2_has_70_units_in_one_sms_and_67_in_each_of_several() {
        assert_eq!(segments(&"码".repeat(70)), (70, 1));
        assert_eq!(segments(&"码".repeat(71)), (71, 2));
        assert_eq!(segments(&"码".repeat(134)), (134, 2));
        assert_eq!(segments(&"码".repeat(135)), (135, 3));
    }

    #[test]
    fn symbols_of_two_units_count_twice_and_are_not_cut() {
        assert_eq!(segments(&"€".repeat(80)), (160, 1));
        assert_eq!(segments(&"€".repeat(81)), (162, 2));
        // 76 of them fill 152 of the first 153 units, so the 153rd stays empty.
        assert_eq!(segments(&"€".repeat(152)), (304, 2));
        assert_eq!(segments(&"€".repeat(153)), (306, 3));
        let faces: String = "\u{1f600}".repeat(67);
        assert_eq!(segments(&faces), (134, 3)); // 33 pairs in each 67 units
    }

    #[test]
    fn one_foreign_symbol_turns_the_whole_text_to_ucs_2() {
        let text = "a".repeat(70);
        assert_eq!(segments(&text), (70, 1));
        assert_eq!(segments(&(text + "`")), (71, 2));
    }
}
