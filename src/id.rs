//! The name of one challenge.

use core::fmt;
use core::str::{self, FromStr};

use otp_base::crockford::{TEXT_LEN, encode, symbol};

/// The name of one challenge: 16 random bytes, drawn when it was issued.
///
/// Its text is 26 symbols of Crockford's base32 in upper case, the first of them `0` to `7`. An id
/// cannot be guessed, but it is no secret: it may be logged, stored and sent back by a browser,
/// and knowing it opens nothing.
///
/// ```
/// use otp_engine::ChallengeId;
///
/// let id = ChallengeId::from_bytes([0xA7; 16]);
/// assert_eq!(id.to_string(), "57MYKTF9X7MYKTF9X7MYKTF9X7");
/// assert_eq!("57mykTF9X7MYKTF9X7MYKTF9X7".parse(), Ok(id));
/// assert!(ChallengeId::parse("57MYKTF9X7").is_err());
/// ```
#[derive(Clone, Copy, Eq, Hash, PartialEq)]
pub struct ChallengeId([u8; 16]);

impl ChallengeId {
    /// Makes an id from its bytes.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// Reads an id from its text: exactly 26 symbols, in either case.
    ///
    /// Nothing else is forgiven. An id is copied by programs, never entered: a text with a space, or
    /// with one of the letters I, L, O and U that the alphabet leaves out, is not one of ours.
    ///
    /// # Errors
    ///
    /// A [`ParseIdError`] says what is wrong.
    pub fn parse(text: &str) -> Result<Self, ParseIdError> {
        if text.len() != TEXT_LEN {
            return Err(ParseIdError::Length { bytes: text.len() });
        }
        let mut value = 0;
        for (index, byte) in text.bytes().enumerate() {
            let bits = value_of(byte).ok_or(ParseIdError::Symbol { index })?;
            if index == 0 && bits > 7 {
                return Err(ParseIdError::Range);
            }
            value = (value << 5) | u128::from(bits);
        }
        Ok(Self(value.to_be_bytes()))
    }

    /// Reads an id that a client sent: text that is no id is the id of no challenge.
    ///
    /// A client may send anything, and a rejection is the answer to that, not an error: hand what
    /// it sent to [`Submission::challenge`](crate::Submission::challenge) or to
    /// [`report_delivery`](crate::Engine::report_delivery) by this.
    ///
    /// ```
    /// use otp_engine::ChallengeId;
    ///
    /// assert_eq!(ChallengeId::from_client("gen_839210"), ChallengeId::from_bytes([0; 16]));
    /// let id = ChallengeId::from_bytes([0xA7; 16]);
    /// assert_eq!(ChallengeId::from_client(id.to_string()), id);
    /// ```
    #[must_use]
    pub fn from_client(text: impl AsRef<[u8]>) -> Self {
        // Ids are drawn at random: this one is none's.
        let none = Self::from_bytes([0; 16]);
        str::from_utf8(text.as_ref()).map_or(none, |text| Self::parse(text).unwrap_or(none))
    }

    /// Returns the bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

impl fmt::Display for ChallengeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = [0; TEXT_LEN];
        encode(u128::from_be_bytes(self.0), &mut text);
        f.pad(str::from_utf8(&text).map_err(|_| fmt::Error)?)
    }
}

/// The text, as in `Display`: what a log shows is what one searches for.
impl fmt::Debug for ChallengeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for ChallengeId {
    type Err = ParseIdError;

    fn from_str(text: &str) -> Result<Self, ParseIdError> {
        Self::parse(text)
    }
}

/// The reason why a text is no [`ChallengeId`].
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum ParseIdError {
    /// The text is not 26 bytes long.
    Length {
        /// How long it is.
        bytes: usize,
    },
    /// A byte is no symbol of Crockford's base32.
    Symbol {
        /// Where the byte is, counted from 0.
        index: usize,
    },
    /// The first symbol is above `7`: more than 128 bits.
    Range,
}

impl fmt::Display for ParseIdError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Length { bytes } => write!(f, "id must be {TEXT_LEN} bytes long, not {bytes}"),
            Self::Symbol { index } => {
                write!(
                    f,
                    "id has no base32 symbol (0-9, A-Z without I, L, O, U) at byte {index}"
                )
            }
            Self::Range => f.write_str("id must begin with a symbol from 0 to 7"),
        }
    }
}

impl core::error::Error for ParseIdError {}

/// Returns the five bits of a symbol, in either case; not for secrets.
fn value_of(byte: u8) -> Option<u8> {
    (0..32).find(|bits| symbol(*bits) == byte.to_ascii_uppercase())
}

#[cfg(test)]
mod tests {
    use alloc::string::ToString;
    use alloc::{format, vec::Vec};

    use super::*;

    #[test]
    fn texts_agree_with_another_encoder() {
        // Made with Python: divmod by 32, most significant symbol first.
        for (bytes, text) in [
            ([0; 16], "00000000000000000000000000"),
            ([0xFF; 16], "7ZZZZZZZZZZZZZZZZZZZZZZZZZ"),
            (
                [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15],
                "00041061050R3GG28A1C60T3GF",
            ),
            (
                0x8000_0000_0000_0000_0000_0000_0000_0001_u128.to_be_bytes(),
                "40000000000000000000000001",
            ),
        ] {
            let id = ChallengeId::from_bytes(bytes);
            assert_eq!(id.to_string(), text);
            assert_eq!(format!("{id:?}"), text);
            assert_eq!(ChallengeId::parse(text), Ok(id));
            assert_eq!(text.to_ascii_lowercase().parse(), Ok(id));
            assert_eq!(id.as_bytes(), &bytes);
        }
    }

    #[test]
    fn an_id_has_exactly_26_bytes() {
        let text = "01234567890123456789012345678";
        for bytes in [0, 25, 27, 29] {
            let refused = Err(ParseIdError::Length { bytes });
            assert_eq!(ChallengeId::parse(&text[..bytes]), refused);
        }
        assert!(ChallengeId::parse(&text[..26]).is_ok());
        let long = "0".repeat(1 << 20);
        assert_eq!(
            ChallengeId::parse(&long),
            Err(ParseIdError::Length { bytes: 1 << 20 })
        );
    }

    #[test]
    fn no_byte_outside_the_alphabet_is_read() {
        let taken: Vec<u8> = (0..=0x7F)
            .filter(|byte| {
                let mut text = *b"00000000000000000000000000";
                text[13] = *byte;
                match ChallengeId::parse(str::from_utf8(&text).unwrap()) {
                    Ok(_) => true,
                    Err(error) => {
                        assert_eq!(error, ParseIdError::Symbol { index: 13 });
                        false
                    }
                }
            })
            .collect();
        assert_eq!(
            taken,
            b"0123456789ABCDEFGHJKMNPQRSTVWXYZabcdefghjkmnpqrstvwxyz"
        );
        // Two bytes each: the length fits, the symbols do not.
        let wide = "\u{661}".repeat(13);
        assert_eq!(
            ChallengeId::parse(&wide),
            Err(ParseIdError::Symbol { index: 0 })
        );
    }

    #[test]
    fn an_id_has_128_bits_and_no_more() {
        assert!(ChallengeId::parse("7ZZZZZZZZZZZZZZZZZZZZZZZZZ").is_ok());
        let over = ChallengeId::parse("80000000000000000000000000");
        assert_eq!(over, Err(ParseIdError::Range));
        assert_eq!(
            over.unwrap_err().to_string(),
            "id must begin with a symbol from 0 to 7"
        );
    }
}
