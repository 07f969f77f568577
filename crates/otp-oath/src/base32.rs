//! Base32 of RFC 4648, as secrets are written. No branch and no index depends on a symbol's value,
//! but for whether the whole text is valid.

use alloc::string::String;
use alloc::vec::Vec;
use core::hint::black_box;

use zeroize::Zeroizing;

use super::Error;
use otp_base::reveal::reveal;

/// Reads base32 in either case; white space may stand anywhere, padding at the end, and both may be
/// left out. Bits of the last symbol that make no whole byte are dropped.
pub(crate) fn decode(text: &str) -> Result<Zeroizing<Vec<u8>>, Error> {
    if text.len() > MAX_TEXT {
        return Err(Error::Base32("is longer than any secret"));
    }
    // Of the final capacity from the start: a vector that grows leaves copies behind.
    let mut bytes = Zeroizing::new(Vec::with_capacity(text.len() * 5 / 8 + 1));
    let (mut window, mut bits, mut symbols, mut padding) = (0_u16, 0_u32, 0_usize, 0_usize);
    let mut valid = 1;
    for byte in text.bytes() {
        if reveal(is_space(byte)) {
            continue;
        }
        if reveal(within(byte, b'=', b'=')) {
            padding += 1;
            continue;
        }
        if padding > 0 {
            return Err(Error::Base32("goes on after its padding"));
        }
        let (value, is_symbol) = value_of(byte);
        valid &= is_symbol;
        symbols += 1;
        window = window << 5 | u16::from(value);
        bits += 5;
        if bits >= 8 {
            bits -= 8;
            bytes.push((window >> bits & 0xFF) as u8);
        }
    }
    if !reveal(valid) {
        return Err(Error::Base32("has a character that is none of A-Z and 2-7"));
    }
    if padding > 6 || matches!(symbols % 8, 1 | 3 | 6) {
        return Err(Error::Base32("lacks a symbol, or has one too many"));
    }
    Ok(bytes)
}

/// Writes base32 in upper case, without padding.
pub(crate) fn encode(bytes: &[u8]) -> Zeroizing<String> {
    let mut text = Zeroizing::new(String::with_capacity(bytes.len() * 8 / 5 + 1));
    let (mut window, mut bits) = (0_u16, 0_u32);
    for byte in bytes {
        window = window << 8 | u16::from(*byte);
        bits += 8;
        while bits >= 5 {
            bits -= 5;
            text.push(char::from(symbol((window >> bits & 0x1F) as u8)));
        }
    }
    if bits > 0 {
        text.push(char::from(symbol((window << (5 - bits) & 0x1F) as u8)));
    }
    text
}

/// Returns the symbol of the lowest five bits, by arithmetic: a table would be indexed by a secret.
fn symbol(bits: u8) -> u8 {
    let bits = bits & 0x1F;
    // Opaque: compilers make a branch of a number that is 0 or 1.
    let above_z = black_box(25_u8.wrapping_sub(bits) >> 7);
    // '2' is 41 below what would follow 'Z'. All is ASCII: said so, no one has to ask the symbol.
    (b'A' + bits - 41 * above_z) & 0x7F
}

/// Returns the five bits of a symbol, and 1 if it is one.
const fn value_of(byte: u8) -> (u8, u8) {
    let folded = byte & !0x20;
    let letter = within(folded, b'A', b'Z');
    let digit = within(byte, b'2', b'7');
    // One of the two masks is all ones, or neither.
    let of_letter = letter.wrapping_neg() & folded.wrapping_sub(b'A');
    let of_digit = digit.wrapping_neg() & byte.wrapping_sub(b'2' - 26);
    ((of_letter | of_digit) & 0x1F, letter | digit)
}

/// Returns 1 for white space of ASCII, else 0.
const fn is_space(byte: u8) -> u8 {
    within(byte, b' ', b' ') | within(byte, b'\t', b'\n') | within(byte, 0x0C, b'\r')
}

/// Returns 1 from `first` to `last`, else 0.
const fn within(byte: u8, first: u8, last: u8) -> u8 {
    // The upper byte is all ones exactly where a difference is below 0.
    let below = (byte as u16).wrapping_sub(first as u16);
    let above = (last as u16).wrapping_sub(byte as u16);
    1 ^ ((below | above) >> 8 & 1) as u8
}

/// The longest text that is read: the longest secret, spaced out.
const MAX_TEXT: usize = 4096;

#[cfg(test)]
mod tests {
    use alloc::vec;

    use super::*;

    const ALPHABET: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

    #[test]
    fn symbols_and_values_are_those_of_rfc_4648() {
        for bits in 0..=u8::MAX {
            assert_eq!(symbol(bits), ALPHABET[usize::from(bits % 32)], "{bits}");
        }
        for byte in 0..=u8::MAX {
            let at = ALPHABET
                .iter()
                .position(|symbol| *symbol == byte.to_ascii_uppercase());
            let (value, is_symbol) = value_of(byte);
            assert_eq!(at.is_some(), is_symbol == 1, "{byte:#x}");
            let space = u8::from(byte.is_ascii_whitespace());
            assert_eq!(is_space(byte), space, "{byte:#x}");
            if let Some(at) = at {
                assert_eq!(usize::from(value), at, "{byte:#x}");
            }
        }
    }

    /// RFC 4648, section 10.
    #[test]
    fn texts_are_those_of_rfc_4648() {
        for (bytes, text) in [
            ("", ""),
            ("f", "MY======"),
            ("fo", "MZXQ===="),
            ("foo", "MZXW6==="),
            ("foob", "MZXW6YQ="),
            ("fooba", "MZXW6YTB"),
            ("foobar", "MZXW6YTBOI======"),
        ] {
            let bare = text.trim_end_matches('=');
            assert_eq!(&**encode(bytes.as_bytes()), bare);
            for text in [text, bare, &text.to_ascii_lowercase()] {
                assert_eq!(decode(text).unwrap().as_slice(), bytes.as_bytes(), "{text}");
            }
        }
    }

    #[test]
    fn spaces_stand_anywhere_and_other_characters_nowhere() {
        assert_eq!(*decode(" mz xw\t6y\nTB ").unwrap(), b"fooba");
        assert_eq!(*decode("MZXW6 = = = ").unwrap(), b"foo");
        for text in [
            "MZXW6YT0",
            "MZXW6YT1",
            "MZXW6YT8",
            "MZXW-YTB",
            "MZXW6YT\u{412}",
            "MZ\u{A0}XW6Y",
        ] {
            assert!(decode(text).is_err(), "{text}");
        }
        for text in [
            "M",
            "MZX",
            "MZXW6Y",
            "MZXW6YTBO",
            "MZXW6YTB=======",
            "MY==MY",
        ] {
            assert!(decode(text).is_err(), "{text}");
        }
    }

    #[test]
    fn bits_that_make_no_byte_are_dropped() {
        for text in ["MY", "MZ", "M2", "M7"] {
            assert_eq!(decode(text).unwrap()[0] & 0xF8, b'f' & 0xF8, "{text}");
            assert_eq!(decode(text).unwrap().len(), 1);
        }
        assert_eq!(*decode("MZ").unwrap(), b"f");
    }

    #[test]
    fn what_is_decoded_never_moved_in_memory() {
        for length in 0..200 {
            let bytes = vec![0xA5; length];
            let text = encode(&bytes);
            let decoded = decode(&text).unwrap();
            assert_eq!(*decoded, bytes);
            assert!(decoded.capacity() <= text.len() * 5 / 8 + 1);
            assert!(text.capacity() <= length * 8 / 5 + 1);
        }
        assert!(decode(&"A".repeat(MAX_TEXT + 1)).is_err());
    }
}
