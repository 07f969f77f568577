//! The base32 that secrets are written in.

use otp_core::oath::{Error, Secret};

use super::read_secret;
use crate::guard::guard;
use crate::status::otp_status;
use crate::view::{bytes, fill, text, writable};

/// Reads a secret from base32: either case, spaces anywhere, with or without padding. Wipe the
/// buffer by `otp_wipe`.
///
/// Errors: `OTP_STATUS_KEY` for a text that is not base32, for fewer than 16 bytes,
/// and for bytes that are all the same.
///
/// # Safety
///
/// `base32` is NULL or has `base32_len` bytes; `buffer` is NULL or has `capacity` bytes; `needed_out`
/// is NULL or valid.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn otp_base32_decode(
    base32: *const u8,
    base32_len: usize,
    buffer: *mut u8,
    capacity: usize,
    needed_out: *mut usize,
) -> otp_status {
    // SAFETY: by this function's contract.
    unsafe {
        decode(
            Secret::from_base32,
            base32,
            base32_len,
            buffer,
            capacity,
            needed_out,
        )
    }
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
    base32: *const u8,
    base32_len: usize,
    buffer: *mut u8,
    capacity: usize,
    needed_out: *mut usize,
) -> otp_status {
    // SAFETY: by this function's contract.
    unsafe {
        decode(
            Secret::legacy_from_base32,
            base32,
            base32_len,
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
    base32: *const u8,
    base32_len: usize,
    buffer: *mut u8,
    capacity: usize,
    needed_out: *mut usize,
) -> otp_status {
    guard(|| {
        writable(needed_out, "needed_out")?;
        // SAFETY: by this function's contract, here and below.
        let base32 = text(unsafe { bytes(base32, base32_len, "base32")? }, "base32")?;
        let secret = read(base32)?;
        // SAFETY: as above.
        unsafe { fill(secret.as_bytes(), buffer, capacity, needed_out) }
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
    secret: *const u8,
    secret_len: usize,
    buffer: *mut u8,
    capacity: usize,
    needed_out: *mut usize,
) -> otp_status {
    guard(|| {
        writable(needed_out, "needed_out")?;
        // SAFETY: by this function's contract, here and below.
        let secret = unsafe { read_secret(secret, secret_len)? };
        // SAFETY: as above.
        unsafe { fill(secret.to_base32().as_bytes(), buffer, capacity, needed_out) }
    })
}
