//! The secret that a user's device shares with the host.

use core::fmt;

use alloc::string::String;
use alloc::vec::Vec;
use zeroize::Zeroizing;

use super::{Error, base32};
use otp_base::reveal::reveal;

/// The shortest secret in bytes (RFC 4226, section 4, R6).
pub const MIN_SECRET_LEN: usize = 16;

/// The shortest secret that an import of old credentials takes: 80 bits, as authenticators were
/// once given.
pub const MIN_LEGACY_SECRET: usize = 10;

/// The longest secret in bytes.
pub const MAX_SECRET_LEN: usize = 1024;

/// The secret of one credential, wiped on drop.
///
/// It is random, of at least 128 bits; RFC 4226 recommends 160. The host keeps it encrypted: whoever
/// has it makes codes.
///
/// ```
/// use otp_oath::Secret;
///
/// let secret = Secret::from_base32("gezdgnbvgy3tqojqgezdgnbvgy3tqojq")?;
/// assert_eq!(secret.as_bytes(), b"12345678901234567890");
/// assert_eq!(&**secret.to_base32(), "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ");
/// assert!(Secret::new(b"too short").is_err());
/// # Ok::<(), otp_oath::Error>(())
/// ```
#[derive(Clone)]
pub struct Secret(Zeroizing<Vec<u8>>);

impl Secret {
    /// Takes the bytes of a secret.
    ///
    /// # Errors
    ///
    /// [`Error::Secret`] outside of [`MIN_SECRET_LEN`] to [`MAX_SECRET_LEN`] bytes, and
    /// [`Error::ConstantSecret`] where all of them are the same.
    pub fn new(bytes: &[u8]) -> Result<Self, Error> {
        Self::checked(Zeroizing::new(bytes.to_vec()), MIN_SECRET_LEN)
    }

    /// Reads a secret as people and programs write it: base32 of RFC 4648 in either case, spaces
    /// anywhere, with or without padding. The time depends on its length and on where spaces are.
    ///
    /// # Errors
    ///
    /// [`Error::Base32`], and as [`new`](Self::new).
    pub fn from_base32(text: &str) -> Result<Self, Error> {
        Self::checked(base32::decode(text)?, MIN_SECRET_LEN)
    }

    /// Takes a secret that is shorter than RFC 4226 allows, from [`MIN_LEGACY_SECRET`] bytes on: for
    /// the import of devices that were enrolled elsewhere, long ago. Enrol no new one with it.
    ///
    /// ```
    /// use otp_oath::Secret;
    ///
    /// let ten_bytes = b"0123456789";
    /// assert!(Secret::new(ten_bytes).is_err() && Secret::legacy(ten_bytes).is_ok());
    /// ```
    ///
    /// # Errors
    ///
    /// As [`new`](Self::new), with the lower bound.
    pub fn legacy(bytes: &[u8]) -> Result<Self, Error> {
        Self::checked(Zeroizing::new(bytes.to_vec()), MIN_LEGACY_SECRET)
    }

    /// Reads a secret in base32 that may be as short as those of [`legacy`](Self::legacy).
    ///
    /// # Errors
    ///
    /// As [`from_base32`](Self::from_base32), with the lower bound.
    pub fn legacy_from_base32(text: &str) -> Result<Self, Error> {
        Self::checked(base32::decode(text)?, MIN_LEGACY_SECRET)
    }

    fn checked(bytes: Zeroizing<Vec<u8>>, least: usize) -> Result<Self, Error> {
        let length = bytes.len();
        if !(least..=MAX_SECRET_LEN).contains(&length) {
            return Err(Error::Secret { length, least });
        }
        let differing = bytes.iter().fold(0, |sum, byte| sum | (byte ^ bytes[0]));
        if !reveal((differing | differing.wrapping_neg()) >> 7) {
            return Err(Error::ConstantSecret);
        }
        Ok(Self(bytes))
    }

    /// Returns the bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Writes the secret in base32, without padding.
    #[must_use]
    pub fn to_base32(&self) -> Zeroizing<String> {
        base32::encode(&self.0)
    }
}

impl fmt::Debug for Secret {
    /// Shows that there is one.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Secret").finish_non_exhaustive()
    }
}
