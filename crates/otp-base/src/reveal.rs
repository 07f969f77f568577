//! The one place where what depends on a secret becomes public.
//!
//! Nothing else in these crates branches on a secret, or indexes by one. `bindings/c/tests/constant_time.c`
//! shows that on the shipped library: the secrets are undefined memory to memcheck, which reports whatever
//! depends on them but for [`reveal`] and `publish_byte`, excused in `constant_time.supp`.

use core::hint::black_box;

/// Makes the lowest bit of `bit` public, whatever the others are.
///
/// The read below depends on the secret, what it returns counts as defined again: hence a table where
/// a comparison would do. It is excused by its name: hence the attribute. A pattern that matches the
/// module's name alone would excuse [`equal`] too, and miss an early exit there.
#[inline(never)]
#[must_use]
pub fn reveal(bit: u8) -> bool {
    static OUTCOMES: [bool; 2] = [false, true];
    black_box(&OUTCOMES)[usize::from(bit & 1)]
}

/// Makes bytes public that leave as they are: a signature, a record's name, a question.
///
/// What writes them as text may branch on each of them.
#[must_use]
pub fn publish<const N: usize>(bytes: [u8; N]) -> [u8; N] {
    bytes.map(publish_byte)
}

/// Makes one byte public, as [`reveal`] does with a bit, and for nothing that stays inside: which part of
/// the table is read may show.
#[inline(never)]
fn publish_byte(byte: u8) -> u8 {
    black_box(&BYTES)[usize::from(byte)]
}

/// Each byte at its own place.
static BYTES: [u8; 256] = {
    let mut bytes = [0; 256];
    let mut byte = u8::MAX;
    while byte > 0 {
        bytes[byte as usize] = byte;
        byte -= 1;
    }
    bytes
};

/// Tells whether `a` and `b` are the same bytes; only the answer depends on what they hold.
///
/// The lengths are public: slices of unequal length are unequal, and no byte is read.
#[must_use]
pub fn equal(a: &[u8], b: &[u8]) -> bool {
    if a.len() != b.len() {
        return false;
    }
    let difference = a.iter().zip(b).fold(0, |sum, (a, b)| sum | (a ^ b));
    // Opaque, so that no compiler may stop at the first byte that differs.
    let difference: u8 = black_box(difference);
    reveal(1 ^ ((difference | difference.wrapping_neg()) >> 7))
}

/// Tells whether all bytes of a secret are zero, as those of a buffer that nobody filled are; only the answer
/// depends on what they hold.
#[must_use]
pub fn all_zero(secret: &[u8]) -> bool {
    let any = secret.iter().fold(0, |sum, byte| sum | byte);
    // Opaque, so that no compiler may stop at the first byte that is not.
    let any: u8 = black_box(any);
    reveal(1 ^ ((any | any.wrapping_neg()) >> 7))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_single_bit_makes_a_secret_other_than_zero() {
        let zeros = [0; 33];
        assert!(all_zero(&zeros) && all_zero(&[]));
        for place in 0..zeros.len() {
            for bit in 0..8 {
                let mut other = zeros;
                other[place] = 1 << bit;
                assert!(!all_zero(&other), "bit {bit} of byte {place}");
            }
        }
    }

    #[test]
    fn only_the_lowest_bit_is_revealed() {
        for bit in 0..=u8::MAX {
            assert_eq!(reveal(bit), bit % 2 == 1, "{bit}");
        }
    }

    #[test]
    fn what_is_published_is_as_it_was() {
        for value in 0..=u8::MAX {
            assert_eq!(publish([value, !value]), [value, !value]);
        }
    }

    #[test]
    fn any_single_difference_makes_slices_unequal() {
        let a = [0xA5; 26];
        assert!(equal(&a, &a));
        for place in 0..a.len() {
            for change in 1..=u8::MAX {
                let mut b = a;
                b[place] ^= change;
                assert!(!equal(&a, &b), "{place} {change}");
            }
        }
    }

    #[test]
    fn differences_do_not_cancel_out() {
        assert!(!equal(&[1, 2], &[2, 1]));
        assert!(!equal(&[0x80, 0x80], &[0, 0]));
    }

    #[test]
    fn slices_of_unequal_length_are_unequal() {
        assert!(equal(&[], &[]));
        assert!(!equal(&[0], &[]));
        assert!(!equal(&[1, 2], &[1, 2, 0]));
        assert!(!equal(&[1, 2, 0], &[1, 2]));
    }
}
