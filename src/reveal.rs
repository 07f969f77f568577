//! The one place where a secret bit becomes public.

use core::hint::black_box;

/// Makes the lowest bit of `bit` public, whatever the others are.
///
/// Nothing else in this crate may branch on a secret, or index by one. The constant-time check
/// marks the keys as undefined memory and excuses `reveal::reveal` alone, by its name: the read
/// below depends on the secret, what it returns counts as defined again. Hence the attribute, and
/// hence a table where a comparison would do. A pattern that matches the module's name alone would
/// excuse [`equal`] too, and miss an early exit there.
#[inline(never)]
pub(crate) fn reveal(bit: u8) -> bool {
    static OUTCOMES: [bool; 2] = [false, true];
    black_box(&OUTCOMES)[usize::from(bit & 1)]
}

/// Tells whether `a` and `b` are the same bytes; only the answer depends on what they hold.
///
/// The lengths are public: slices of unequal length are unequal, and no byte is read.
pub(crate) fn equal(a: &[u8], b: &[u8]) -> bool {
    if a.len() != b.len() {
        return false;
    }
    let difference = a.iter().zip(b).fold(0, |sum, (a, b)| sum | (a ^ b));
    // Opaque, so that no compiler may stop at the first byte that differs.
    let difference: u8 = black_box(difference);
    reveal(1 ^ ((difference | difference.wrapping_neg()) >> 7))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_lowest_bit_is_revealed() {
        for bit in 0..=u8::MAX {
            assert_eq!(reveal(bit), bit % 2 == 1, "{bit}");
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
