//! Crockford's base32, as challenge ids and link tokens are written in it.

/// Symbols of 16 bytes in base32: 25 of five bits after one of three.
pub const TEXT_LEN: usize = 26;

/// Writes 128 bits as base32, most significant first.
///
/// A link token is written by this too: no branch and no table depends on `value`.
pub fn encode(value: u128, text: &mut [u8; TEXT_LEN]) {
    let mut rest = value;
    for place in text.iter_mut().rev() {
        *place = (rest & 0x1F) as u8;
        rest >>= 5;
    }
    // On its own, so that many bytes are mapped at a time.
    for place in text {
        *place = symbol(*place);
    }
}

/// Returns the symbol of five bits in `0123456789ABCDEFGHJKMNPQRSTVWXYZ`; the others are ignored.
///
/// By arithmetic, since a table would be indexed by a secret.
#[must_use]
pub fn symbol(bits: u8) -> u8 {
    let bits = bits & 0x1F;
    let above = |limit: u8| limit.wrapping_sub(bits) >> 7;
    // From 9 to A, and over the letters I, L, O and U.
    b'0' + bits + 7 * above(9) + above(17) + above(19) + above(21) + above(26)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

    #[test]
    fn symbols_are_crockfords() {
        for bits in 0..=u8::MAX {
            assert_eq!(symbol(bits), ALPHABET[usize::from(bits % 32)], "{bits}");
        }
    }
}
