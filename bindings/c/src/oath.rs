//! OATH: what keys for HOTP, TOTP and OCRA share; each has a module of its own.

use otp_core::oath::{
    Error, HashFunction, MAX_DIGITS, MAX_SECRET_LEN, MIN_DIGITS, MIN_SECRET_LEN, Secret,
};
use zeroize::Zeroizing;

use crate::status::{Fault, otp_status};
use crate::view::{Sized_, fill, otp_view};

// In the order in which the header has them.
pub mod base32;

pub mod hotp;

pub mod totp;

pub mod inputs;
pub mod ocra;

pub use hotp::otp_hotp;
pub(crate) use hotp::use_hotp;
pub(crate) use inputs::OcraInputs;
pub use inputs::otp_ocra_inputs;
pub use ocra::otp_ocra;
pub(crate) use ocra::use_ocra;
pub use totp::otp_totp;
pub(crate) use totp::use_totp;

/// The hash function of an OATH key.
#[repr(i32)]
#[derive(Clone, Copy, Debug)]
pub enum otp_hash {
    /// SHA-1, which every device can.
    Sha1 = 1,
    /// SHA-256.
    Sha256 = 2,
    /// SHA-512.
    Sha512 = 3,
}

impl otp_hash {
    pub(crate) fn read(number: i32) -> Result<HashFunction, Fault> {
        match number {
            1 => Ok(HashFunction::Sha1),
            2 => Ok(HashFunction::Sha256),
            3 => Ok(HashFunction::Sha512),
            other => Err(Fault::argument(format!(
                "hash is {other}; it must be 1 to 3"
            ))),
        }
    }

    pub(crate) const fn of(algorithm: HashFunction) -> Self {
        match algorithm {
            HashFunction::Sha1 => Self::Sha1,
            HashFunction::Sha256 => Self::Sha256,
            HashFunction::Sha512 => Self::Sha512,
        }
    }
}

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        let status = match error {
            Error::Secret { .. } | Error::ConstantSecret | Error::Base32(_) => otp_status::Key,
            _ => otp_status::Argument,
        };
        Self::new(status, error.to_string())
    }
}

/// Reads a secret by `take`, which says how short it may be; what is too long is not copied.
///
/// # Safety
///
/// The view has as many bytes as it says.
pub(crate) unsafe fn take_secret(
    secret: otp_view,
    take: fn(&[u8]) -> Result<Secret, Error>,
) -> Result<Secret, Fault> {
    // SAFETY: by this function's contract.
    let bytes = unsafe { secret.bytes("secret")? };
    if bytes.len() > MAX_SECRET_LEN {
        return Err(Error::Secret {
            length: bytes.len(),
            least: MIN_SECRET_LEN,
        }
        .into());
    }
    Ok(take(bytes)?)
}

/// Takes a count of digits; one that does not fit the type is told as it was given.
pub(crate) fn read_digits(digits: u32) -> Result<u8, Fault> {
    u8::try_from(digits).map_err(|_| {
        Fault::argument(format!(
            "digits is {digits}; it must be {MIN_DIGITS} to {MAX_DIGITS}"
        ))
    })
}

/// Reads how far a window goes.
pub(crate) fn read_window<T: TryFrom<u32> + core::fmt::Display>(
    window: u32,
    name: &str,
    most: T,
) -> Result<T, Fault> {
    T::try_from(window)
        .map_err(|_| Fault::argument(format!("{name} is {window}; it must be at most {most}")))
}

/// What a verification found.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct otp_oath_match {
    /// `sizeof(otp_oath_match)`.
    pub struct_size: usize,
    /// 1 if the code is right; 0 if it is wrong, or no code at all.
    pub matched: i32,
    /// The counter that matched, where one enters the code.
    pub counter: u64,
    /// The time step that matched, where the time enters the code.
    pub step: u64,
}

// SAFETY: plain data behind its size, of which all zeros is a value.
unsafe impl Sized_ for otp_oath_match {}

impl otp_oath_match {
    /// What was found: whether, and which counter and step.
    fn of(found: Option<(u64, u64)>) -> Self {
        let (counter, step) = found.unwrap_or_default();
        Self {
            struct_size: size_of::<Self>(),
            matched: i32::from(found.is_some()),
            counter,
            step,
        }
    }
}

/// Writes a code and a NUL.
///
/// # Safety
///
/// `code_out` is NULL or has `capacity` bytes.
unsafe fn give_code(
    code: &otp_core::Code,
    code_out: *mut u8,
    capacity: usize,
) -> Result<(), Fault> {
    let mut text = Zeroizing::new([0; 27]);
    let code = code.as_str().as_bytes();
    text[..code.len()].copy_from_slice(code);
    // SAFETY: by this function's contract.
    unsafe {
        fill(
            &text[..=code.len()],
            code_out,
            capacity,
            core::ptr::null_mut(),
        )
    }
}
