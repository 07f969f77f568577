//! The question of an OCRA computation, as 128 bytes.

use alloc::vec::Vec;

use super::QuestionKind;

/// What a question takes in the message.
pub(crate) const QUESTION: usize = 128;

/// Encodes a question behind another one (RFC 6287, section 5.1); `None` for a character of another kind.
///
/// Letters and digits are taken as they are. Decimal digits are one number, written in hexadecimal
/// without leading zeros; hexadecimal digits are taken two to a byte. All begin at the front, and
/// zeros follow: an odd number of hexadecimal digits ends in the middle of a byte.
pub(crate) fn encode(kind: QuestionKind, texts: [&str; 2]) -> Option<[u8; QUESTION]> {
    let mut encoded = [0; QUESTION];
    let bytes = || texts.iter().flat_map(|text| text.bytes());
    match kind {
        QuestionKind::Alphanumeric => {
            for (place, byte) in encoded.iter_mut().zip(bytes()) {
                *place = byte;
            }
            bytes().all(|byte| byte.is_ascii_alphanumeric())
        }
        QuestionKind::Numeric => {
            let digits: Vec<u8> = bytes().map(|byte| byte.wrapping_sub(b'0')).collect();
            pack(&mut encoded, nibbles_of_decimal(&digits).into_iter().rev());
            digits.iter().all(|digit| *digit < 10)
        }
        QuestionKind::Hexadecimal => {
            let digit = |byte| u8::try_from(char::from(byte).to_digit(16)?).ok();
            pack(&mut encoded, bytes().filter_map(digit));
            bytes().all(|byte| byte.is_ascii_hexdigit())
        }
    }
    .then_some(encoded)
}

/// Packs nibbles two to a byte, the first one high.
fn pack(bytes: &mut [u8; QUESTION], nibbles: impl Iterator<Item = u8>) {
    for (at, nibble) in nibbles.enumerate().take(2 * QUESTION) {
        bytes[at / 2] |= nibble << (4 - 4 * (at % 2));
    }
}

/// Returns the hexadecimal digits of a decimal number, lowest first; at least one.
fn nibbles_of_decimal(digits: &[u8]) -> Vec<u8> {
    let mut nibbles = Vec::with_capacity(digits.len());
    nibbles.push(0);
    for digit in digits {
        let mut carry = u16::from(*digit);
        for nibble in &mut nibbles {
            carry += 10 * u16::from(*nibble);
            *nibble = (carry & 0xF) as u8;
            carry >>= 4;
        }
        while carry > 0 {
            nibbles.push((carry & 0xF) as u8);
            carry >>= 4;
        }
    }
    nibbles
}

#[cfg(test)]
mod tests {
    use alloc::string::String;
    use alloc::{format, vec};

    use super::*;

    fn hex(kind: QuestionKind, texts: [&str; 2]) -> Option<String> {
        let bytes = encode(kind, texts)?;
        Some(bytes.iter().map(|byte| format!("{byte:02X}")).collect())
    }

    #[test]
    fn numbers_agree_with_another_conversion() {
        for number in [
            0,
            1,
            9,
            10,
            15,
            16,
            255,
            256,
            11_111_111,
            22_222_222,
            u128::MAX,
        ] {
            let mut expected = format!("{number:X}");
            expected.push_str(&"0".repeat(256 - expected.len()));
            let text = format!("{number}");
            let (front, back) = text.split_at(text.len() / 2);
            for texts in [[&*text, ""], [front, back]] {
                assert_eq!(hex(QuestionKind::Numeric, texts).as_ref(), Some(&expected));
            }
            // Leading zeros are no part of a number.
            assert_eq!(hex(QuestionKind::Numeric, ["000", &text]), Some(expected));
        }
        let nines = "9".repeat(64);
        // 10^128 - 1 by Python.
        let expected = "24EE91F2603A6337F19BCCDB0DAC404DC08D3CFF5EC2374E42F0F1\
                        538FD03DF99092E953E00FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF";
        let most = hex(QuestionKind::Numeric, [&nines, &nines]).unwrap();
        assert_eq!(most.trim_end_matches('0'), expected);
    }

    #[test]
    fn hexadecimal_digits_are_packed_from_the_front() {
        let whole = hex(QuestionKind::Hexadecimal, ["aBc", "1"]).unwrap();
        assert_eq!(&whole[..6], "ABC100");
        let odd = hex(QuestionKind::Hexadecimal, ["00F", ""]).unwrap();
        assert_eq!(&odd[..6], "00F000");
    }

    #[test]
    fn letters_are_taken_as_they_are() {
        assert_eq!(
            encode(QuestionKind::Alphanumeric, ["CLI22220", "SRV11110"]).unwrap()[..17],
            *b"CLI22220SRV11110\0"
        );
        let full = "z".repeat(64);
        let both = encode(QuestionKind::Alphanumeric, [&full, &full]);
        assert_eq!(both.unwrap().to_vec(), vec![b'z'; 128]);
    }

    #[test]
    fn characters_of_another_kind_are_refused() {
        for (kind, texts) in [
            (QuestionKind::Numeric, ["1234567a", ""]),
            (QuestionKind::Numeric, ["1234", "+5"]),
            (QuestionKind::Numeric, ["\u{661}234", ""]),
            (QuestionKind::Hexadecimal, ["12345g", ""]),
            (QuestionKind::Alphanumeric, ["abc d", ""]),
            (QuestionKind::Alphanumeric, ["abcd", "\u{e9}"]),
        ] {
            assert_eq!(encode(kind, texts), None, "{texts:?}");
        }
    }
}
