//! The base32 that secrets are written in.

use otp_core::oath::{Error, Secret};

use super::take_secret;
use crate::guard::guard_code;
use crate::status::otp_status;
use crate::view::{fill, otp_view, writable};

/// Reads a secret from base32: either case, spaces anywhere, with or without padding. Wipe the
/// buffer by `otp_wipe`.
///
/// Errors: `OTP_STATUS_KEY` for a text that is not base32, for fewer than 16 bytes,
/// and for bytes that are all the same.
///
/// # Safety
///
/// `base32` has as many bytes as it says; `buffer` is NULL or has `capacity` bytes; `needed_out` is NULL
/// or valid.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn otp_base32_decode(
    base32: otp_view,
    buffer: *mut u8,
    capacity: usize,
    needed_out: *mut usize,
) -> otp_status {
    // SAFETY: by this function's contract.
    unsafe { decode(Secret::from_base32, base32, buffer, capacity, needed_out) }
}

/// As `otp_base32_decode`, of a secret that may be as short as 10 bytes: for the import of devices that
/// were enrolled elsewhere.
///
/// # Safety
///
/// As `otp_base32_decode`.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn otp_base32_decode_legacy(
    base32: otp_view,
    buffer: *mut u8,
    capacity: usize,
    needed_out: *mut usize,
) -> otp_status {
    // SAFETY: by this function's contract.
    unsafe {
        decode(
            Secret::legacy_from_base32,
            base32,
            buffer,
            capacity,
            needed_out,
        )
    }
}

/// # Safety
///
/// As `otp_base32_decode`.
unsafe fn decode(
    read: fn(&str) -> Result<Secret, Error>,
    base32: otp_view,
    buffer: *mut u8,
    capacity: usize,
    needed_out: *mut usize,
) -> otp_status {
    // SAFETY: by this function's contract.
    guard_code(|| unsafe {
        writable(needed_out, "needed_out")?;
        let secret = read(base32.text("base32")?)?;
        fill(secret.as_bytes(), buffer, capacity, needed_out)
    })
}

/// Writes a secret in base32, without padding and without a NUL.
///
/// # Safety
///
/// As `otp_base32_decode`.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn otp_base32_encode(
    secret: otp_view,
    buffer: *mut u8,
    capacity: usize,
    needed_out: *mut usize,
) -> otp_status {
    // SAFETY: by this function's contract.
    guard_code(|| unsafe {
        writable(needed_out, "needed_out")?;
        let base32 = take_secret(secret, Secret::new)?.to_base32();
        fill(base32.as_bytes(), buffer, capacity, needed_out)
    })
}
