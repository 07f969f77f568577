//! Key rings and the keys that sign records.

use otp_core::{KeyRing, SigningKey, Timestamp, record::VerifyingKeys};

use crate::guard::{flag, guard_out, guard_secret_out};
use crate::handle::{self, Handle};
use crate::status::{Fault, otp_status};
use crate::view::{Sized_, otp_bytes, otp_view, read_item, read_sized};

/// One code secret of a ring.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct otp_code_key {
    /// Its name: 1 to 12 ASCII letters, digits, `-`, `_` or `.`.
    pub kid: otp_view,
    /// At least 32 random bytes.
    pub secret: otp_view,
    /// 1 if it issues nothing and verifies what was issued until `retired_at`; else 0.
    pub is_retired: i32,
    /// Unix seconds; read if `is_retired` is 1.
    pub retired_at: i64,
}

/// The secrets of an engine.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct otp_key_ring_options {
    /// `sizeof(otp_key_ring_options)`.
    pub struct_size: usize,
    /// The code secrets, one behind the other.
    pub codes: *const otp_code_key,
    /// How many there are: 1 to 64.
    pub code_count: usize,
    /// `sizeof(otp_code_key)`: how far apart they lie.
    pub code_size: usize,
    /// The kid that new codes are made with; may be empty where there is only one.
    pub current: otp_view,
    /// The long-lived index secret: at least 32 random bytes, and none of the code secrets.
    pub index: otp_view,
    /// The number that every code depends on; 0 to begin with, raised after a restored backup.
    pub epoch: u32,
}

// SAFETY: plain data behind its size, of which all zeros is a value.
unsafe impl Sized_ for otp_key_ring_options {}

impl otp_key_ring_options {
    /// # Safety
    ///
    /// There are as many codes as said, and the views have as many bytes as they say.
    unsafe fn build(&self) -> Result<KeyRing, Fault> {
        if !(1..=64).contains(&self.code_count) {
            return Err(Fault::argument(format!(
                "code_count is {}; it must be 1 to 64",
                self.code_count
            )));
        }
        if self.codes.is_null() {
            return Err(Fault::argument("codes is NULL"));
        }
        // SAFETY: by this function's contract, here and below.
        let mut ring = KeyRing::builder()
            .index(unsafe { self.index.bytes("index")? })
            .epoch(self.epoch);
        for at in 0..self.code_count {
            // SAFETY: as above; the count is bounded.
            let code = unsafe { read_item(self.codes, at, self.code_size, "code_size")? };
            // SAFETY: as above.
            let (kid, secret) = unsafe { (code.kid.text("kid")?, code.secret.bytes("secret")?) };
            ring = ring.code(kid, secret);
            if flag(code.is_retired, "is_retired")? {
                ring = ring.retired(kid, Timestamp::from_unix(code.retired_at));
            }
        }
        // SAFETY: as above.
        let current = unsafe { self.current.text("current")? };
        if !current.is_empty() {
            ring = ring.current(current);
        }
        ring.build()
            .map_err(|error| Fault::new(otp_status::Key, error.to_string()))
    }
}

/// The secrets of an engine, prepared; an engine takes a copy.
#[derive(Debug)]
pub struct otp_key_ring {
    pub(crate) keys: KeyRing,
}

impl Handle for otp_key_ring {}

/// Makes a key ring. The secrets are copied: wipe yours by `otp_wipe`.
///
/// Errors: `OTP_STATUS_KEY` for a short, missing or repeated secret or name; the detail says which.
///
/// # Safety
///
/// Every pointer is NULL or valid during the call, views with as many bytes as they say.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn otp_key_ring_new(
    options: *const otp_key_ring_options,
    ring_out: *mut *mut otp_key_ring,
) -> otp_status {
    // SAFETY: by this function's contract.
    unsafe {
        guard_secret_out(ring_out, "ring_out", || {
            let keys = read_sized(options, "options")?.build()?;
            Ok(handle::give(otp_key_ring { keys }))
        })
    }
}

/// Frees a key ring and wipes it; NULL is harmless, and so is a ring made before a fork.
///
/// # Safety
///
/// `ring` is NULL or was made by `otp_key_ring_new`, and is not used again.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn otp_key_ring_free(ring: *mut otp_key_ring) {
    // SAFETY: by this function's contract.
    unsafe { handle::free(ring) };
}

/// A key that signs records.
#[derive(Debug)]
pub struct otp_signing_key(pub(crate) SigningKey);

impl Handle for otp_signing_key {}

/// Makes an Ed25519 key from its seed of 32 random bytes; zeros alone are refused.
///
/// # Safety
///
/// `seed` has as many bytes as it says; `key_out` is NULL or valid.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn otp_signing_key_from_seed(
    seed: otp_view,
    key_out: *mut *mut otp_signing_key,
) -> otp_status {
    // SAFETY: by this function's contract.
    unsafe {
        guard_secret_out(key_out, "key_out", || {
            let seed = seed.bytes("seed")?.try_into().map_err(|_| {
                let text = format!("the seed is {} bytes; it must be 32 bytes", seed.len);
                Fault::new(otp_status::Key, text)
            })?;
            let key = SigningKey::from_seed(seed)
                .map_err(|error| Fault::new(otp_status::Key, error.to_string()))?;
            Ok(handle::give(otp_signing_key(key)))
        })
    }
}

/// Makes an Ed25519 key from PEM text: PKCS#8 version 1, as OpenSSL 3 writes it.
///
/// # Safety
///
/// `pem` has as many bytes as it says; `key_out` is NULL or valid.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn otp_signing_key_from_pem(
    pem: otp_view,
    key_out: *mut *mut otp_signing_key,
) -> otp_status {
    // SAFETY: by this function's contract.
    unsafe {
        guard_secret_out(key_out, "key_out", || {
            let key = SigningKey::from_pkcs8_pem(pem.text("pem")?)
                .map_err(|error| Fault::new(otp_status::Key, error.to_string()))?;
            Ok(handle::give(otp_signing_key(key)))
        })
    }
}

/// Frees a signing key and wipes it; NULL is harmless, and so is a key made before a fork.
///
/// # Safety
///
/// `key` is NULL or was made by this library, and is not used again.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn otp_signing_key_free(key: *mut otp_signing_key) {
    // SAFETY: by this function's contract.
    unsafe { handle::free(key) };
}

/// Returns the public half as a JWK set, UTF-8 text, for verifiers.
///
/// # Safety
///
/// `key` is NULL or valid; `text_out` is NULL or valid. Free the text by `otp_bytes_free`.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn otp_signing_key_public_jwks(
    key: *const otp_signing_key,
    text_out: *mut *mut otp_bytes,
) -> otp_status {
    // SAFETY: by this function's contract.
    unsafe {
        guard_out(text_out, "text_out", || {
            let key = handle::lend(key, "key")?.0.verifying_key();
            Ok(otp_bytes::give(
                VerifyingKeys::from_iter([key]).to_jwk_set(),
            ))
        })
    }
}

/// Returns the public half as PEM, for OpenSSL.
///
/// # Safety
///
/// As `otp_signing_key_public_jwks`.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn otp_signing_key_public_pem(
    key: *const otp_signing_key,
    text_out: *mut *mut otp_bytes,
) -> otp_status {
    // SAFETY: by this function's contract.
    unsafe {
        guard_out(text_out, "text_out", || {
            let pem = handle::lend(key, "key")?.0.public_pem();
            let pem =
                pem.ok_or_else(|| Fault::new(otp_status::Key, "this key has no public half"))?;
            Ok(otp_bytes::give(pem))
        })
    }
}
