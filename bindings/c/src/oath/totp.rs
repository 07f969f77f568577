//! Prepared TOTP keys.

use otp_core::Timestamp;
use otp_core::oath::{Error, Secret, Totp};

use super::{give_code, otp_hash, otp_oath_match, read_digits, read_window, take_secret};
use crate::fork::Generation;
use crate::guard::{guard, guard_drop};
use crate::key::drop_handle;
use crate::status::{Fault, otp_status};
use crate::view::{bytes, checked_size, hand_out, lend, otp_view, writable};

/// A prepared TOTP key (RFC 6238); used by any number of threads at once.
#[derive(Debug)]
pub struct otp_totp {
    pub(crate) totp: Totp,
    pub(crate) generation: Generation,
}

/// Prepares a TOTP key: as `otp_hotp_new`, with the length of a step in seconds, 30 for most devices.
///
/// # Safety
///
/// `secret` is NULL or has `secret_len` bytes; `totp_out` is NULL or valid.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn otp_totp_new(
    secret: *const u8,
    secret_len: usize,
    hash: i32,
    digits: u32,
    period: u32,
    totp_out: *mut *mut otp_totp,
) -> otp_status {
    // SAFETY: by this function's contract.
    unsafe {
        make(
            Secret::new,
            secret,
            secret_len,
            hash,
            digits,
            period,
            totp_out,
        )
    }
}

/// As `otp_totp_new`, of a secret that may be as short as 10 bytes: for the import of devices that were
/// enrolled elsewhere, long ago. Enrol no new one with it.
///
/// # Safety
///
/// As `otp_totp_new`.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn otp_totp_new_legacy(
    secret: *const u8,
    secret_len: usize,
    hash: i32,
    digits: u32,
    period: u32,
    totp_out: *mut *mut otp_totp,
) -> otp_status {
    // SAFETY: by this function's contract.
    unsafe {
        make(
            Secret::legacy,
            secret,
            secret_len,
            hash,
            digits,
            period,
            totp_out,
        )
    }
}

/// # Safety
///
/// As `otp_totp_new`.
unsafe fn make(
    take: fn(&[u8]) -> Result<Secret, Error>,
    secret: *const u8,
    secret_len: usize,
    hash: i32,
    digits: u32,
    period: u32,
    totp_out: *mut *mut otp_totp,
) -> otp_status {
    guard(|| {
        writable(totp_out, "totp_out")?;
        // SAFETY: by this function's contract.
        let secret = unsafe { take_secret(secret, secret_len, take)? };
        let totp = Totp::new(&secret, otp_hash::read(hash)?, read_digits(digits), period)?;
        let totp = Box::new(otp_totp {
            totp,
            generation: Generation::current(),
        });
        // SAFETY: asked above.
        unsafe { hand_out(totp_out, Box::into_raw(totp)) };
        Ok(())
    })
}

/// Frees a key and wipes it; NULL is harmless, and so is one made before a fork.
///
/// # Safety
///
/// `totp` is NULL or was made by `otp_totp_new`, and is not used again.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn otp_totp_free(totp: *mut otp_totp) {
    // SAFETY: by this function's contract.
    guard_drop(|| unsafe { drop_handle(totp, |totp| totp.generation) });
}

/// Writes the code of an instant in unix seconds, and a NUL; before 1970 there is none.
///
/// # Safety
///
/// `totp` is NULL or valid; `code_out` is NULL or has `capacity` bytes.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn otp_totp_generate(
    totp: *const otp_totp,
    now: i64,
    code_out: *mut u8,
    capacity: usize,
) -> otp_status {
    guard(|| {
        // SAFETY: by this function's contract, here and below.
        let totp = unsafe { use_totp(totp)? };
        let code = totp
            .at(Timestamp::from_unix(now))
            .ok_or_else(|| Fault::argument(format!("now is {now}; it must be 0 or more")))?;
        // SAFETY: as above.
        unsafe { give_code(&code, code_out, capacity) }
    })
}

/// Looks for a code in the step of `now` and `window` steps around it (at most 255); the latest
/// that matches is in `step` of `match_out`. It remembers nothing: accept no step up to that one
/// again, or let an engine see to it.
///
/// # Safety
///
/// As `otp_hotp_verify`.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn otp_totp_verify(
    totp: *const otp_totp,
    code: *const u8,
    code_len: usize,
    now: i64,
    window: u32,
    match_out: *mut otp_oath_match,
) -> otp_status {
    guard(|| {
        // SAFETY: by this function's contract, here and below.
        let totp = unsafe { use_totp(totp)? };
        // SAFETY: as above.
        let size = unsafe { checked_size(match_out, "match_out")? };
        let window = read_window(window, "window", u8::MAX)?;
        // SAFETY: as above.
        let code = unsafe { bytes(code, code_len, "code")? };
        let found = totp.verify(code, Timestamp::from_unix(now), window);
        // SAFETY: as above.
        unsafe { otp_oath_match::give(found.map(|step| (0, step)), match_out, size) };
        Ok(())
    })
}

/// Looks for two codes in a row, the first of them within `window` steps of `now` (at most 65535); the
/// step of the second is in `match_out`.
///
/// # Safety
///
/// As `otp_hotp_resynchronise`.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn otp_totp_resynchronise(
    totp: *const otp_totp,
    first: otp_view,
    second: otp_view,
    now: i64,
    window: u32,
    match_out: *mut otp_oath_match,
) -> otp_status {
    guard(|| {
        // SAFETY: by this function's contract, here and below.
        let totp = unsafe { use_totp(totp)? };
        // SAFETY: as above.
        let size = unsafe { checked_size(match_out, "match_out")? };
        let window = read_window(window, "window", u16::MAX)?;
        // SAFETY: as above.
        let (first, second) = unsafe { (first.bytes("first")?, second.bytes("second")?) };
        let found = totp.resynchronise(first, second, Timestamp::from_unix(now), window);
        // SAFETY: as above.
        unsafe { otp_oath_match::give(found.map(|step| (0, step)), match_out, size) };
        Ok(())
    })
}

/// # Safety
///
/// `totp` is NULL or valid for as long as the result is used.
pub(crate) unsafe fn use_totp<'a>(totp: *const otp_totp) -> Result<&'a Totp, Fault> {
    // SAFETY: by this function's contract.
    let totp = unsafe { lend(totp, "totp")? };
    totp.generation.check("totp")?;
    Ok(&totp.totp)
}
