//! Prepared TOTP keys.

use otp_core::Timestamp;
use otp_core::oath::{Error, Secret, Totp};

use super::{give_code, otp_hash, otp_oath_match, read_digits, read_window, take_secret};
use crate::guard::{DEPTH_DEVICE, guard_secret, guard_secret_out, guard_secret_sized_out};
use crate::handle::{self, Handle};
use crate::status::{Fault, otp_status};
use crate::view::{bytes, otp_view};

/// A prepared TOTP key (RFC 6238); used by any number of threads at once.
#[derive(Debug)]
pub struct otp_totp(Totp);

impl Handle for otp_totp {}

/// Prepares a TOTP key: as `otp_hotp_new`, with the length of a step in seconds: 1 to
/// 86,400, 30 for most devices.
///
/// # Safety
///
/// `secret` has as many bytes as it says; `totp_out` is NULL or valid.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn otp_totp_new(
    secret: otp_view,
    hash: i32,
    digits: u32,
    period: u32,
    totp_out: *mut *mut otp_totp,
) -> otp_status {
    // SAFETY: by this function's contract.
    unsafe { make(Secret::new, secret, hash, digits, period, totp_out) }
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
    secret: otp_view,
    hash: i32,
    digits: u32,
    period: u32,
    totp_out: *mut *mut otp_totp,
) -> otp_status {
    // SAFETY: by this function's contract.
    unsafe { make(Secret::legacy, secret, hash, digits, period, totp_out) }
}

/// # Safety
///
/// As `otp_totp_new`.
unsafe fn make(
    take: fn(&[u8]) -> Result<Secret, Error>,
    secret: otp_view,
    hash: i32,
    digits: u32,
    period: u32,
    totp_out: *mut *mut otp_totp,
) -> otp_status {
    // SAFETY: by this function's contract.
    unsafe {
        guard_secret_out(totp_out, "totp_out", || {
            let secret = take_secret(secret, take)?;
            let totp = Totp::new(&secret, otp_hash::read(hash)?, read_digits(digits)?, period)?;
            Ok(handle::give(otp_totp(totp)))
        })
    }
}

/// Frees a key and wipes it; NULL is harmless, and so is one made before a fork.
///
/// # Safety
///
/// `totp` is NULL or was made by `otp_totp_new`, and is not used again.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn otp_totp_free(totp: *mut otp_totp) {
    // SAFETY: by this function's contract.
    unsafe { handle::free(totp) };
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
    // SAFETY: by this function's contract.
    guard_secret::<DEPTH_DEVICE>(|| unsafe {
        let code = use_totp(totp)?.at(Timestamp::from_unix(now));
        let code =
            code.ok_or_else(|| Fault::argument(format!("now is {now}; it must be 0 or more")))?;
        give_code(&code, code_out, capacity)
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
    // SAFETY: by this function's contract.
    unsafe {
        guard_secret_sized_out::<DEPTH_DEVICE, _>(match_out, "match_out", || {
            let (totp, code) = (use_totp(totp)?, bytes(code, code_len, "code")?);
            let window = read_window(window, "window", u8::MAX)?;
            let found = totp.verify(code, Timestamp::from_unix(now), window);
            Ok(otp_oath_match::of(found.map(|step| (0, step))))
        })
    }
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
    // SAFETY: by this function's contract.
    unsafe {
        guard_secret_sized_out::<DEPTH_DEVICE, _>(match_out, "match_out", || {
            let (first, second) = (first.bytes("first")?, second.bytes("second")?);
            let window = read_window(window, "window", u16::MAX)?;
            let now = Timestamp::from_unix(now);
            let found = use_totp(totp)?.resynchronise(first, second, now, window);
            Ok(otp_oath_match::of(found.map(|step| (0, step))))
        })
    }
}

/// # Safety
///
/// `totp` is NULL or valid for as long as the result is used.
pub(crate) unsafe fn use_totp<'a>(totp: *const otp_totp) -> Result<&'a Totp, Fault> {
    // SAFETY: by this function's contract.
    Ok(&unsafe { handle::lend(totp, "totp")? }.0)
}
