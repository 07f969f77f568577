//! Planted faults: each lets a secret decide where the program goes, or where it reads. They are compiled
//! as the library is, and the check of constant time must catch each, or it does not run.
//!
//! Loops are early exits and lengths are not known at compile time: `==` on arrays may have no branch.

use core::hint::black_box;
use core::slice;

/// # Safety
///
/// `a` and `b` have `len` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn twin_early_exit(a: *const u8, b: *const u8, len: usize) -> i32 {
    let (a, b) = unsafe { views(a, b, len) };
    for (a, b) in a.iter().zip(b) {
        if a != b {
            return 0;
        }
    }
    1
}

/// # Safety
///
/// As above.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn twin_equals(a: *const u8, b: *const u8, len: usize) -> i32 {
    let (a, b) = unsafe { views(a, b, len) };
    i32::from(a == b)
}

/// # Safety
///
/// As above.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn twin_table(a: *const u8, b: *const u8, len: usize) -> i32 {
    static SYMBOLS: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
    let (a, _) = unsafe { views(a, b, len) };
    a.iter()
        .map(|a| i32::from(SYMBOLS[usize::from(a & 31)]))
        .sum()
}

/// # Safety
///
/// As above.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn twin_branch(a: *const u8, b: *const u8, len: usize) -> i32 {
    let (a, b) = unsafe { views(a, b, len) };
    let difference = a.iter().zip(b).fold(0, |sum, (a, b)| sum | (a ^ b));
    if black_box(difference) == 0 {
        right(len)
    } else {
        wrong(len)
    }
}

/// Divides by a number that is not known at compile time, which takes a time by the number divided. memcheck
/// reports no division: this one is found in the machine code.
#[unsafe(no_mangle)]
pub extern "C" fn twin_divides(value: u64, by: u64) -> u64 {
    value % by.max(1)
}

// Calls of two functions: of two values a compiler chooses without a branch.

#[inline(never)]
fn right(len: usize) -> i32 {
    i32::from(black_box(len) > 0)
}

#[inline(never)]
fn wrong(len: usize) -> i32 {
    -i32::from(black_box(len) == 0)
}

unsafe fn views<'a>(a: *const u8, b: *const u8, len: usize) -> (&'a [u8], &'a [u8]) {
    unsafe { (slice::from_raw_parts(a, len), slice::from_raw_parts(b, len)) }
}
