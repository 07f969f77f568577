//! Texts that people read: what is stored must be what is shown.

/// Returns the first symbol that is not shown where text is shown, or that turns what is: controls,
/// marks of direction, and symbols without a picture (Unicode's `Default_Ignorable_Code_Point`).
///
/// Joiners and variation selectors belong to the writing of many names (Persian, Sinhala, Japanese):
/// behind a symbol outside of ASCII that is shown, and with one behind them, they are no fault.
///
/// Source: Unicode Standard Annex 44, `DerivedCoreProperties.txt`; Unicode Technical Report 36.
pub(crate) fn first_hidden(text: &str) -> Option<char> {
    if text.is_ascii() {
        return text.bytes().find(u8::is_ascii_control).map(char::from);
    }
    // What came last: a symbol outside of ASCII, and whether its selector, of which it has one.
    let (mut joins, mut selected) = (false, false);
    let mut symbols = text.chars().peekable();
    while let Some(symbol) = symbols.next() {
        let outside = |it: char| !it.is_ascii() && !it.is_whitespace() && !hides(it);
        let fits = match symbol {
            '\u{200c}' | '\u{200d}' => joins && symbols.peek().is_some_and(|next| outside(*next)),
            _ if selects(symbol) => joins && !selected,
            _ => !hides(symbol),
        };
        if !fits {
            return Some(symbol);
        }
        selected = selects(symbol);
        joins = selected || outside(symbol);
    }
    None
}

/// Says whether anything of a text is seen.
pub(crate) fn shows(text: &str) -> bool {
    // The pattern of no dots is as blank as a space.
    let blank = |symbol: char| symbol.is_whitespace() || symbol == '\u{2800}';
    !text.chars().all(|symbol| blank(symbol) || hides(symbol))
}

/// Says whether a symbol chooses between the pictures of the one before it.
const fn selects(symbol: char) -> bool {
    matches!(symbol, '\u{fe00}'..='\u{fe0f}' | '\u{e0100}'..='\u{e01ef}')
}

/// Says whether a symbol by itself is not shown, or turns what is.
fn hides(symbol: char) -> bool {
    symbol.is_control()
        || matches!(symbol,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
            | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}'
            | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}' | '\u{1bca0}'..='\u{1bca3}'
            | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
}

#[cfg(test)]
mod tests {
    use alloc::format;

    use super::*;

    #[test]
    fn case_174_what_is_hidden_or_turns_a_text_is_found() {
        for symbol in [
            '\0',
            '\n',
            '\u{7f}',
            '\u{85}',
            '\u{ad}',
            '\u{34f}',
            '\u{61c}',
            '\u{115f}',
            '\u{180e}',
            '\u{200b}',
            '\u{200e}',
            '\u{200f}',
            '\u{2028}',
            '\u{2029}',
            '\u{202a}',
            '\u{202e}',
            '\u{2060}',
            '\u{2064}',
            '\u{2066}',
            '\u{2069}',
            '\u{206f}',
            '\u{3164}',
            '\u{feff}',
            '\u{ffa0}',
            '\u{fff9}',
            '\u{e0041}',
        ] {
            for text in ["Siti?", "?Siti", "?", "سيتي?", "陳?大文"] {
                let text = text.replace('?', symbol.encode_utf8(&mut [0; 4]));
                assert_eq!(first_hidden(&text), Some(symbol), "{text:?}");
            }
        }
    }

    #[test]
    fn case_174_names_as_people_write_them_are_shown() {
        for name in [
            "Siti binti Ali",
            "O'Hara-Núñez",
            "Nguyễn Văn An",
            "علی‌رضا",
            "ශ්‍රී",
            "陳大文",
            "葛\u{e0100}城",
            "Мария",
            "אברהם",
            "สมชาย",
            "👩‍⚖️ accepts ✔️",
            "①\u{fe0f}",
            "e\u{301}",
        ] {
            assert_eq!(first_hidden(name), None, "{name:?}");
            assert!(shows(name));
        }
    }

    #[test]
    fn case_174_a_joiner_stands_between_symbols_that_it_joins() {
        for joiner in ['\u{200c}', '\u{200d}', '\u{fe0f}', '\u{e0100}'] {
            let alone = [
                format!("{joiner}"),
                format!("Si{joiner}ti"),
                format!("{joiner}علی"),
            ];
            for text in alone {
                assert_eq!(first_hidden(&text), Some(joiner), "{text:?}");
            }
        }
        // Selectors in a row say something that nobody sees.
        assert_eq!(
            first_hidden("👩\u{fe0f}\u{e0148}\u{e0149}"),
            Some('\u{e0148}')
        );
        for joiner in ['\u{200c}', '\u{200d}'] {
            for text in [
                format!("علی{joiner}"),
                format!("علی{joiner}{joiner}رضا"),
                format!("علی{joiner} رضا"),
            ] {
                assert_eq!(first_hidden(&text), Some(joiner), "{text:?}");
            }
        }
    }

    #[test]
    fn case_174_blanks_show_nothing() {
        for blank in [
            "",
            " ",
            "\t\n",
            "\u{a0}\u{3000}",
            "\u{2800}",
            "\u{200b}",
            "\u{202e}\u{202c}",
        ] {
            assert!(!shows(blank), "{blank:?}");
        }
        assert!(shows(".") && shows(" x "));
    }
}
