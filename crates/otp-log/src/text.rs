//! Numbers, hashes and names as the C2SP texts write them.

use base64ct::{Base64, Encoding};

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use crate::error::ParseError;
use crate::tree::{Hash, MAX_SIZE};

/// The longest name of a key and the longest origin, in bytes.
///
/// An ML-DSA-44 cosignature has one byte for the length of each.
pub(crate) const MAX_NAME: usize = 255;

/// The most hashes in a proof: a tree of 2^63 - 1 leaves has no longer path.
pub(crate) const MAX_PROOF: usize = 63;

/// Reads a decimal without sign and leading zeros, of at most 2^63 - 1.
pub(crate) fn decimal(text: &str, member: &'static str) -> Result<u64, ParseError> {
    let canonical = text == "0" || !text.starts_with('0');
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let number = text.parse().ok().filter(|number| *number <= MAX_SIZE);
    number
        .filter(|_| canonical && digits)
        .ok_or(ParseError::new(
            member,
            "a decimal without leading zeros, at most 2^63 - 1",
        ))
}

/// Reads base64 in its one spelling (RFC 4648, section 4): padded, no bits left over.
pub(crate) fn base64(text: &str) -> Option<Vec<u8>> {
    Base64::decode_vec(text).ok()
}

/// Writes base64, padded.
pub(crate) fn to_base64(bytes: &[u8]) -> String {
    Base64::encode_string(bytes)
}

/// Reads the 44 characters of a hash.
pub(crate) fn hash(text: &str, member: &'static str) -> Result<Hash, ParseError> {
    let mut bytes = [0; 32];
    let read = Base64::decode(text, &mut bytes).is_ok_and(|read| read.len() == 32);
    read.then_some(Hash::from_bytes(bytes))
        .ok_or(ParseError::new(member, "32 bytes in base64"))
}

/// Reads the lines of a proof, one hash each.
pub(crate) fn proof(lines: &str) -> Result<Vec<Hash>, ParseError> {
    if lines.split_terminator('\n').nth(MAX_PROOF).is_some() {
        return Err(ParseError::new("proof", "at most 63 lines"));
    }
    lines
        .split_terminator('\n')
        .map(|line| hash(line, "line of the proof"))
        .collect()
}

/// Writes the lines of a proof.
pub(crate) fn write_proof(proof: &[Hash], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    proof.iter().try_for_each(|hash| writeln!(f, "{hash}"))
}

/// Tells whether a text may name a key: signed-note, *Format*, and at most 255 bytes.
pub(crate) fn is_name(name: &str) -> bool {
    let allowed = |c: char| c != '+' && !c.is_whitespace() && !c.is_control();
    (1..=MAX_NAME).contains(&name.len()) && name.chars().all(allowed)
}
