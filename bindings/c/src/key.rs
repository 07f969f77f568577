//! Key rings and the keys that sign records.

use otp_core::{KeyRing, SigningKey, Timestamp, record::VerifyingKeys};

use crate::binding::RingNumber;
use crate::fork::Generation;
use crate::guard::{flag, guard, guard_drop};
use crate::status::{Fault, otp_status};
use crate::view::{
    Sized_, bytes, hand_out, lend, otp_bytes, otp_view, read_item, read_sized, text, writable,
};

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
    /// How many there are; at least 1.
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

/// The secrets of an engine, prepared; an engine takes a copy.
#[derive(Debug)]
pub struct otp_key_ring {
    pub(crate) keys: KeyRing,
    pub(crate) number: RingNumber,
    pub(crate) generation: Generation,
}

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
    guard(|| {
        writable(ring_out, "ring_out")?;
        // SAFETY: by this function's contract, here and below.
        let options = unsafe { read_sized(options, "options")? };
        if options.code_count > 64 {
            return Err(Fault::argument(format!(
                "code_count is {}; it must be 1 to 64",
                options.code_count
            )));
        }
        if options.codes.is_null() {
            return Err(Fault::argument("codes is NULL"));
        }
        // SAFETY: as above.
        let mut ring = KeyRing::builder()
            .index(unsafe { options.index.bytes("index")? })
            .epoch(options.epoch);
        for at in 0..options.code_count {
            // SAFETY: as above; the count is bounded.
            let code = unsafe { read_item(options.codes, at, options.code_size, "code_size")? };
            // SAFETY: as above.
            let (kid, secret) = unsafe { (code.kid.text("kid")?, code.secret.bytes("secret")?) };
            ring = ring.code(kid, secret);
            if flag(code.is_retired, "is_retired")? {
                ring = ring.retired(kid, Timestamp::from_unix(code.retired_at));
            }
        }
        // SAFETY: as above.
        let current = unsafe { options.current.text("current")? };
        if !current.is_empty() {
            ring = ring.current(current);
        }
        let keys = ring
            .build()
            .map_err(|error| Fault::new(otp_status::Key, error.to_string()))?;
        let ring = Box::new(otp_key_ring {
            keys,
            number: RingNumber::next(),
            generation: Generation::current(),
        });
        // SAFETY: asked above.
        unsafe { hand_out(ring_out, Box::into_raw(ring)) };
        Ok(())
    })
}

/// Frees a key ring and wipes it; NULL is harmless, and so is a ring made before a fork.
///
/// # Safety
///
/// `ring` is NULL or was made by `otp_key_ring_new`, and is not used again.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn otp_key_ring_free(ring: *mut otp_key_ring) {
    // SAFETY: by this function's contract.
    guard_drop(|| unsafe { drop_handle(ring, |ring| ring.generation) });
}

/// Frees a handle that this process made; that of another process is left alone.
///
/// # Safety
///
/// `handle` is NULL or came out of `Box::into_raw`, and is not used again.
pub(crate) unsafe fn drop_handle<T>(handle: *mut T, generation: impl FnOnce(&T) -> Generation) {
    // SAFETY: by this function's contract.
    if let Some(borrowed) = unsafe { handle.as_ref() }
        && generation(borrowed) == Generation::current()
    {
        // SAFETY: as above.
        drop(unsafe { Box::from_raw(handle) });
    }
}

/// A key that signs records.
#[derive(Debug)]
pub struct otp_signing_key {
    pub(crate) key: SigningKey,
    pub(crate) generation: Generation,
}

impl otp_signing_key {
    fn give(key: SigningKey) -> *mut Self {
        Box::into_raw(Box::new(Self {
            key,
            generation: Generation::current(),
        }))
    }
}

/// Makes an Ed25519 key from its seed of 32 random bytes.
///
/// # Safety
///
/// `seed` is NULL or has `seed_len` bytes; `key_out` is NULL or valid.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn otp_signing_key_from_seed(
    seed: *const u8,
    seed_len: usize,
    key_out: *mut *mut otp_signing_key,
) -> otp_status {
    guard(|| {
        writable(key_out, "key_out")?;
        // SAFETY: by this function's contract.
        let seed: &[u8; 32] = unsafe { bytes(seed, seed_len, "seed")? }
            .try_into()
            .map_err(|_| {
                Fault::new(
                    otp_status::Key,
                    format!("the seed is {seed_len} bytes; it must be 32 bytes"),
                )
            })?;
        // SAFETY: asked above.
        unsafe { hand_out(key_out, otp_signing_key::give(SigningKey::from_seed(seed))) };
        Ok(())
    })
}

/// Makes an Ed25519 key from PEM text: PKCS#8 version 1, as OpenSSL 3 writes it.
///
/// # Safety
///
/// `pem` is NULL or has `pem_len` bytes; `key_out` is NULL or valid.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn otp_signing_key_from_pem(
    pem: *const u8,
    pem_len: usize,
    key_out: *mut *mut otp_signing_key,
) -> otp_status {
    guard(|| {
        writable(key_out, "key_out")?;
        // SAFETY: by this function's contract.
        let pem = text(unsafe { bytes(pem, pem_len, "pem")? }, "pem")?;
        let key = SigningKey::from_pkcs8_pem(pem)
            .map_err(|error| Fault::new(otp_status::Key, error.to_string()))?;
        // SAFETY: asked above.
        unsafe { hand_out(key_out, otp_signing_key::give(key)) };
        Ok(())
    })
}

/// Frees a signing key and wipes it; NULL is harmless, and so is a key made before a fork.
///
/// # Safety
///
/// `key` is NULL or was made by this library, and is not used again.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn otp_signing_key_free(key: *mut otp_signing_key) {
    // SAFETY: by this function's contract.
    guard_drop(|| unsafe { drop_handle(key, |key| key.generation) });
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
    guard(|| {
        writable(text_out, "text_out")?;
        // SAFETY: by this function's contract.
        let key = unsafe { lend(key, "key")? };
        key.generation.check("key")?;
        let keys: VerifyingKeys = [key.key.verifying_key()].into_iter().collect();
        // SAFETY: asked above.
        unsafe { hand_out(text_out, otp_bytes::give(keys.to_jwk_set())) };
        Ok(())
    })
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
    guard(|| {
        writable(text_out, "text_out")?;
        // SAFETY: by this function's contract.
        let key = unsafe { lend(key, "key")? };
        key.generation.check("key")?;
        let pem = key
            .key
            .public_pem()
            .ok_or_else(|| Fault::new(otp_status::Key, "this key has no public half"))?;
        // SAFETY: asked above.
        unsafe { hand_out(text_out, otp_bytes::give(pem)) };
        Ok(())
    })
}
