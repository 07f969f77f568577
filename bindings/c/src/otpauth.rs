//! `otpauth` URIs: what authenticator apps read from a QR code.

use otp_core::oath::{Error, Moving, Secret, Uri};

use crate::guard::{flag, guard_code};
use crate::oath::{otp_hash, read_digits};
use crate::status::{Fault, otp_status};
use crate::view::{Sized_, SizedOut, fill, get, otp_view, put, read_sized, writable};

/// The credential has a counter: HOTP.
pub const OTP_CREDENTIAL_HOTP: i32 = 1;
/// The credential has time steps: TOTP.
pub const OTP_CREDENTIAL_TOTP: i32 = 2;

/// A credential as an otpauth URI has it. It holds the secret: end it by `otp_wipe`.
#[repr(C)]
#[derive(Clone, Copy)]
#[allow(missing_debug_implementations, reason = "it holds a secret")]
pub struct otp_credential {
    /// `sizeof(otp_credential)`.
    pub struct_size: usize,
    /// `OTP_CREDENTIAL_HOTP` or `OTP_CREDENTIAL_TOTP`.
    pub kind: i32,
    /// One of `otp_hash`.
    pub hash: i32,
    /// 6 to 10.
    pub digits: u32,
    /// The length of a step in seconds; 0 for HOTP.
    pub period: u32,
    /// That of the first code; 0 for TOTP.
    pub counter: u64,
    /// How many bytes of `secret` there are.
    pub secret_len: u32,
    /// 16 to 1024 bytes; from 10 on with `legacy_secret`.
    pub secret: [u8; 1024],
    /// Who issued it: at most 256 bytes of UTF-8 and a NUL; empty if nobody is named.
    pub issuer: [u8; 257],
    /// Whose it is: likewise, never empty.
    pub account: [u8; 257],
    /// Where a picture of the issuer is: an https URL of at most 512 bytes and a NUL, or empty.
    pub image: [u8; 513],
    /// 1 if the secret may be as short as 10 bytes; `otp_uri_parse` sets 0, `otp_uri_parse_legacy` 1.
    pub legacy_secret: i32,
}

// SAFETY: plain data behind its size, of which all zeros is a value.
unsafe impl Sized_ for otp_credential {}

impl otp_credential {
    fn wipe(&mut self) {
        zeroize::Zeroize::zeroize(&mut self.secret);
    }

    fn of(uri: &Uri) -> Self {
        let (kind, counter, period) = match uri.moving() {
            Moving::Counter { first } => (OTP_CREDENTIAL_HOTP, first, 0),
            Moving::Time { period } => (OTP_CREDENTIAL_TOTP, 0, period),
        };
        let secret = uri.secret().as_bytes();
        let mut credential = Self {
            kind,
            hash: otp_hash::of(uri.hash()) as i32,
            digits: uri.code_digits().into(),
            period,
            counter,
            secret_len: u32::try_from(secret.len()).unwrap_or(0), // at most 1024
            issuer: put(uri.issuer().unwrap_or_default()),
            account: put(uri.account()),
            image: put(uri.image_url().unwrap_or_default()),
            ..Self::zeroed()
        };
        credential.secret[..secret.len()].copy_from_slice(secret);
        credential
    }

    fn uri(&self) -> Result<Uri, Fault> {
        let moving = match self.kind {
            OTP_CREDENTIAL_HOTP => Moving::Counter {
                first: self.counter,
            },
            OTP_CREDENTIAL_TOTP => Moving::Time {
                period: self.period,
            },
            other => {
                return Err(Fault::argument(format!(
                    "kind is {other}; it must be 1 or 2"
                )));
            }
        };
        let len = usize::try_from(self.secret_len).unwrap_or(usize::MAX);
        if len > self.secret.len() {
            return Err(Fault::argument(format!(
                "secret_len is {}; it must be at most 1024",
                self.secret_len
            )));
        }
        let take = match flag(self.legacy_secret, "legacy_secret")? {
            false => Secret::new,
            true => Secret::legacy,
        };
        let secret = take(&self.secret[..len])?;
        let issuer = Some(get(&self.issuer, "issuer")?).filter(|issuer| !issuer.is_empty());
        let digits = read_digits(self.digits)?;
        let uri = Uri::new(moving, issuer, get(&self.account, "account")?, secret)?
            .algorithm(otp_hash::read(self.hash)?)
            .digits(digits)?;
        match get(&self.image, "image")? {
            "" => Ok(uri),
            url => Ok(uri.image(url)?),
        }
    }
}

/// Reads an otpauth URI of at most 8192 bytes. The detail of a fault holds no part of it.
///
/// # Safety
///
/// `uri` has as many bytes as it says; `credential_out` is NULL or valid with its `struct_size` set.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn otp_uri_parse(
    uri: otp_view,
    credential_out: *mut otp_credential,
) -> otp_status {
    // SAFETY: by this function's contract.
    unsafe { parse(Uri::parse, 0, uri, credential_out) }
}

/// As `otp_uri_parse`, of a secret that may be as short as 10 bytes: for the import of devices that were
/// enrolled elsewhere.
///
/// # Safety
///
/// As `otp_uri_parse`.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn otp_uri_parse_legacy(
    uri: otp_view,
    credential_out: *mut otp_credential,
) -> otp_status {
    // SAFETY: by this function's contract.
    unsafe { parse(Uri::parse_legacy, 1, uri, credential_out) }
}

/// # Safety
///
/// As `otp_uri_parse`.
unsafe fn parse(
    read: fn(&str) -> Result<Uri, Error>,
    legacy_secret: i32,
    uri: otp_view,
    credential_out: *mut otp_credential,
) -> otp_status {
    // SAFETY: by this function's contract.
    guard_code(|| unsafe {
        let out = SizedOut::at(credential_out, "credential_out")?;
        let mut credential = otp_credential::of(&read(uri.text("uri")?)?);
        credential.legacy_secret = legacy_secret;
        out.write(&credential);
        credential.wipe();
        Ok(())
    })
}

/// Writes the otpauth URI of a credential, without a NUL; it holds the secret: end it by `otp_wipe`.
/// 8192 bytes hold any.
///
/// # Safety
///
/// `credential` is NULL or valid with its `struct_size` set; `buffer` is NULL or has `capacity` bytes;
/// `needed_out` is NULL or valid.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn otp_uri_build(
    credential: *const otp_credential,
    buffer: *mut u8,
    capacity: usize,
    needed_out: *mut usize,
) -> otp_status {
    // SAFETY: by this function's contract.
    guard_code(|| unsafe {
        writable(needed_out, "needed_out")?;
        let mut credential = read_sized(credential, "credential")?;
        let uri = credential.uri();
        credential.wipe();
        fill(uri?.to_text().as_bytes(), buffer, capacity, needed_out)
    })
}
