//! Prepared HOTP keys.

use otp_core::oath::{Error, HashFunction, Hotp, Secret};

use super::{give_code, otp_hash, otp_oath_match, read_digits, read_window, take_secret};
use crate::guard::{
    DEPTH_DEVICE, DEPTH_SHA1, guard_deeper, guard_secret_out, guard_secret_sized_out,
};
use crate::handle::{self, Handle};
use crate::status::{Fault, otp_status};
use crate::view::{bytes, otp_view};

/// A prepared HOTP key (RFC 4226); used by any number of threads at once.
#[derive(Debug)]
pub struct otp_hotp(Hotp);

impl Handle for otp_hotp {}

/// Prepares a HOTP key: at least 16 random bytes, 6 to 10 digits. `first_counter` is that of the
/// device's first code, 0 for most: what an engine expects of a credential that it never saw.
///
/// Nine digits and more promise what the 31 bits of RFC 4226 do not hold.
///
/// # Safety
///
/// `secret` has as many bytes as it says; `hotp_out` is NULL or valid.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn otp_hotp_new(
    secret: otp_view,
    hash: i32,
    digits: u32,
    first_counter: u64,
    hotp_out: *mut *mut otp_hotp,
) -> otp_status {
    // SAFETY: by this function's contract.
    unsafe { make(Secret::new, secret, hash, digits, first_counter, hotp_out) }
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
    secret: otp_view,
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
    secret: otp_view,
    hash: i32,
    digits: u32,
    first_counter: u64,
    hotp_out: *mut *mut otp_hotp,
) -> otp_status {
    // SAFETY: by this function's contract.
    unsafe {
        guard_secret_out(hotp_out, "hotp_out", || {
            let secret = take_secret(secret, take)?;
            let hotp = Hotp::new(&secret, otp_hash::read(hash)?, read_digits(digits)?)?;
            Ok(handle::give(otp_hotp(hotp.starting_at(first_counter))))
        })
    }
}

/// Frees a key and wipes it; NULL is harmless, and so is one made before a fork.
///
/// # Safety
///
/// `hotp` is NULL or was made by `otp_hotp_new`, and is not used again.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn otp_hotp_free(hotp: *mut otp_hotp) {
    // SAFETY: by this function's contract.
    unsafe { handle::free(hotp) };
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
    // SAFETY: by this function's contract.
    guard_deeper::<DEPTH_SHA1, DEPTH_DEVICE>(|deeper| unsafe {
        let hotp = use_hotp(hotp)?;
        *deeper = hotp.algorithm() != HashFunction::Sha1;
        give_code(&hotp.at(counter), code_out, capacity)
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
    // SAFETY: by this function's contract.
    unsafe {
        guard_secret_sized_out::<DEPTH_DEVICE, _>(match_out, "match_out", || {
            let (hotp, code) = (use_hotp(hotp)?, bytes(code, code_len, "code")?);
            let look_ahead = read_window(look_ahead, "look_ahead", u8::MAX)?;
            let found = hotp.verify(code, counter, look_ahead);
            Ok(otp_oath_match::of(found.map(|counter| (counter, 0))))
        })
    }
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
    // SAFETY: by this function's contract.
    unsafe {
        guard_secret_sized_out::<DEPTH_DEVICE, _>(match_out, "match_out", || {
            let (first, second) = (first.bytes("first")?, second.bytes("second")?);
            let look_ahead = read_window(look_ahead, "look_ahead", u16::MAX)?;
            let found = use_hotp(hotp)?.resynchronise(first, second, counter, look_ahead);
            Ok(otp_oath_match::of(found.map(|counter| (counter, 0))))
        })
    }
}

/// # Safety
///
/// `hotp` is NULL or valid for as long as the result is used.
pub(crate) unsafe fn use_hotp<'a>(hotp: *const otp_hotp) -> Result<&'a Hotp, Fault> {
    // SAFETY: by this function's contract.
    Ok(&unsafe { handle::lend(hotp, "hotp")? }.0)
}
