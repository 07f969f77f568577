//! Prepared HOTP keys.

use otp_core::oath::{Error, Hotp, Secret};

use super::{give_code, otp_hash, otp_oath_match, read_digits, read_window, take_secret};
use crate::fork::Generation;
use crate::guard::{guard, guard_drop};
use crate::key::drop_handle;
use crate::status::{Fault, otp_status};
use crate::view::{bytes, checked_size, hand_out, lend, otp_view, writable};

/// A prepared HOTP key (RFC 4226); used by any number of threads at once.
#[derive(Debug)]
pub struct otp_hotp {
    pub(crate) hotp: Hotp,
    pub(crate) generation: Generation,
}

/// Prepares a HOTP key: at least 16 random bytes, 6 to 10 digits. `first_counter` is that of the
/// device's first code, 0 for most: what an engine expects of a credential that it never saw.
///
/// Nine digits and more promise what the 31 bits of RFC 4226 do not hold.
///
/// # Safety
///
/// `secret` is NULL or has `secret_len` bytes; `hotp_out` is NULL or valid.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn otp_hotp_new(
    secret: *const u8,
    secret_len: usize,
    hash: i32,
    digits: u32,
    first_counter: u64,
    hotp_out: *mut *mut otp_hotp,
) -> otp_status {
    // SAFETY: by this function's contract.
    unsafe {
        make(
            Secret::new,
            secret,
            secret_len,
            hash,
            digits,
            first_counter,
            hotp_out,
        )
    }
}

/// As `otp_hotp_new`, of a secret that may be as short as 10 bytes: for the import of devices that were
/// enrolled elsewhere, long ago. Enrol no new one with it.
///
/// # Safety
///
/// As `otp_hotp_new`.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn otp_hotp_new_legacy(
    secret: *const u8,
    secret_len: usize,
    hash: i32,
    digits: u32,
    first_counter: u64,
    hotp_out: *mut *mut otp_hotp,
) -> otp_status {
    // SAFETY: by this function's contract.
    unsafe {
        make(
            Secret::legacy,
            secret,
            secret_len,
            hash,
            digits,
            first_counter,
            hotp_out,
        )
    }
}

/// # Safety
///
/// As `otp_hotp_new`.
unsafe fn make(
    take: fn(&[u8]) -> Result<Secret, Error>,
    secret: *const u8,
    secret_len: usize,
    hash: i32,
    digits: u32,
    first_counter: u64,
    hotp_out: *mut *mut otp_hotp,
) -> otp_status {
    guard(|| {
        writable(hotp_out, "hotp_out")?;
        // SAFETY: by this function's contract.
        let secret = unsafe { take_secret(secret, secret_len, take)? };
        let hotp = Hotp::new(&secret, otp_hash::read(hash)?, read_digits(digits))?;
        let hotp = Box::new(otp_hotp {
            hotp: hotp.starting_at(first_counter),
            generation: Generation::current(),
        });
        // SAFETY: asked above.
        unsafe { hand_out(hotp_out, Box::into_raw(hotp)) };
        Ok(())
    })
}

/// Frees a key and wipes it; NULL is harmless, and so is one made before a fork.
///
/// # Safety
///
/// `hotp` is NULL or was made by `otp_hotp_new`, and is not used again.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn otp_hotp_free(hotp: *mut otp_hotp) {
    // SAFETY: by this function's contract.
    guard_drop(|| unsafe { drop_handle(hotp, |hotp| hotp.generation) });
}

/// Writes the code of a counter, and a NUL.
///
/// Errors: `OTP_STATUS_BUFFER_TOO_SMALL`; `OTP_CODE_CAPACITY` bytes hold any code.
///
/// # Safety
///
/// `hotp` is NULL or valid; `code_out` is NULL or has `capacity` bytes.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn otp_hotp_generate(
    hotp: *const otp_hotp,
    counter: u64,
    code_out: *mut u8,
    capacity: usize,
) -> otp_status {
    guard(|| {
        // SAFETY: by this function's contract, here and below.
        let hotp = unsafe { use_hotp(hotp)? };
        // SAFETY: as above.
        unsafe { give_code(&hotp.at(counter), code_out, capacity) }
    })
}

/// Looks for a code from `counter` on, over `look_ahead` counters more (at most 255); the lowest
/// that matches is in `counter` of `match_out`. It remembers nothing: accept no counter up to that
/// one again, or let an engine see to it.
///
/// # Safety
///
/// Every pointer is NULL or valid during the call; `code` has `code_len` bytes; the `struct_size` of
/// `match_out` is set.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn otp_hotp_verify(
    hotp: *const otp_hotp,
    code: *const u8,
    code_len: usize,
    counter: u64,
    look_ahead: u32,
    match_out: *mut otp_oath_match,
) -> otp_status {
    guard(|| {
        // SAFETY: by this function's contract, here and below.
        let hotp = unsafe { use_hotp(hotp)? };
        // SAFETY: as above.
        let size = unsafe { checked_size(match_out, "match_out")? };
        let look_ahead = read_window(look_ahead, "look_ahead", u8::MAX)?;
        // SAFETY: as above.
        let code = unsafe { bytes(code, code_len, "code")? };
        let found = hotp.verify(code, counter, look_ahead);
        // SAFETY: as above.
        unsafe { otp_oath_match::give(found.map(|counter| (counter, 0)), match_out, size) };
        Ok(())
    })
}

/// Looks for two codes in a row, the first of them from `counter` on over `look_ahead` counters more
/// (at most 65535); the counter of the second is in `match_out`.
///
/// # Safety
///
/// As `otp_hotp_verify`; the views have as many bytes as they say.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn otp_hotp_resynchronise(
    hotp: *const otp_hotp,
    first: otp_view,
    second: otp_view,
    counter: u64,
    look_ahead: u32,
    match_out: *mut otp_oath_match,
) -> otp_status {
    guard(|| {
        // SAFETY: by this function's contract, here and below.
        let hotp = unsafe { use_hotp(hotp)? };
        // SAFETY: as above.
        let size = unsafe { checked_size(match_out, "match_out")? };
        let look_ahead = read_window(look_ahead, "look_ahead", u16::MAX)?;
        // SAFETY: as above.
        let (first, second) = unsafe { (first.bytes("first")?, second.bytes("second")?) };
        let found = hotp.resynchronise(first, second, counter, look_ahead);
        // SAFETY: as above.
        unsafe { otp_oath_match::give(found.map(|counter| (counter, 0)), match_out, size) };
        Ok(())
    })
}

/// # Safety
///
/// `hotp` is NULL or valid for as long as the result is used.
pub(crate) unsafe fn use_hotp<'a>(hotp: *const otp_hotp) -> Result<&'a Hotp, Fault> {
    // SAFETY: by this function's contract.
    let hotp = unsafe { lend(hotp, "hotp")? };
    hotp.generation.check("hotp")?;
    Ok(&hotp.hotp)
}
