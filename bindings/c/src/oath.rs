//! OATH: prepared keys for HOTP, TOTP and OCRA, and the base32 that secrets are written in.

use otp_core::Timestamp;
use otp_core::oath::{
    Algorithm, Error, Hotp, Inputs, MAX_SECRET, Ocra, Pin, Reach, Secret, Suite, Totp,
};
use zeroize::Zeroizing;

use crate::fork::Generation;
use crate::guard::{guard, guard_drop};
use crate::key::drop_handle;
use crate::status::{Fault, otp_status};
use crate::view::{
    Sized_, bytes, checked_size, fill, hand_out, lend, otp_view, read_sized, text, writable,
    write_sized,
};

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
    pub(crate) fn read(number: i32) -> Result<Algorithm, Fault> {
        match number {
            1 => Ok(Algorithm::Sha1),
            2 => Ok(Algorithm::Sha256),
            3 => Ok(Algorithm::Sha512),
            other => Err(Fault::argument(format!(
                "hash is {other}; it must be 1 to 3"
            ))),
        }
    }

    pub(crate) const fn of(algorithm: Algorithm) -> Self {
        match algorithm {
            Algorithm::Sha1 => Self::Sha1,
            Algorithm::Sha256 => Self::Sha256,
            Algorithm::Sha512 => Self::Sha512,
        }
    }
}

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        let status = match error {
            Error::Secret { .. } | Error::Base32(_) => otp_status::Key,
            _ => otp_status::Argument,
        };
        Self::new(status, error.to_string())
    }
}

/// Reads a secret from base32: either case, spaces anywhere, with or without padding. Wipe the
/// buffer by `otp_wipe`.
///
/// Errors: `OTP_STATUS_KEY` for a text that is not base32, and for fewer than 16 bytes.
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
    guard(|| {
        writable(needed_out, "needed_out")?;
        // SAFETY: by this function's contract, here and below.
        let base32 = text(unsafe { bytes(base32, base32_len, "base32")? }, "base32")?;
        let secret = Secret::from_base32(base32)?;
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

/// # Safety
///
/// `secret` is NULL or has `secret_len` bytes.
pub(crate) unsafe fn read_secret(secret: *const u8, secret_len: usize) -> Result<Secret, Fault> {
    // SAFETY: by this function's contract.
    let bytes = unsafe { bytes(secret, secret_len, "secret")? };
    if bytes.len() > MAX_SECRET {
        return Err(Error::Secret {
            length: bytes.len(),
        }
        .into());
    }
    Ok(Secret::new(bytes)?)
}

fn read_digits(digits: u32) -> u8 {
    u8::try_from(digits).unwrap_or(u8::MAX) // out of bounds either way
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

/// A prepared HOTP key (RFC 4226); used by any number of threads at once.
#[derive(Debug)]
pub struct otp_hotp {
    pub(crate) hotp: Hotp,
    pub(crate) generation: Generation,
}

/// A prepared TOTP key (RFC 6238); used by any number of threads at once.
#[derive(Debug)]
pub struct otp_totp {
    pub(crate) totp: Totp,
    pub(crate) generation: Generation,
}

/// A prepared OCRA key with its suite (RFC 6287); used by any number of threads at once.
#[derive(Debug)]
pub struct otp_ocra {
    pub(crate) ocra: Ocra,
    pub(crate) generation: Generation,
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

impl Sized_ for otp_oath_match {
    const FIRST: usize = size_of::<Self>();
}

impl otp_oath_match {
    /// Writes what was found: whether, and which counter and step.
    ///
    /// # Safety
    ///
    /// `out` is as [`checked_size`] found.
    unsafe fn give(found: Option<(u64, u64)>, out: *mut Self, size: usize) {
        let (counter, step) = found.unwrap_or_default();
        let found = Self {
            struct_size: size_of::<Self>(),
            matched: i32::from(found.is_some()),
            counter,
            step,
        };
        // SAFETY: by this function's contract.
        unsafe { write_sized(&found, out, size) };
    }
}

/// Prepares a HOTP key: at least 16 random bytes, 6 to 10 digits. `first_counter` is that of the
/// device's first code, 0 for most: what an engine expects of a credential that it never saw.
///
/// Nine digits and more promise what the 31 bits of RFC 4226 do not hold.
///
/// # Safety
///
/// `secret` is NULL or has `secret_len` bytes; `hotp_out` is NULL or valid.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn otp_hotp_new(
    secret: *const u8,
    secret_len: usize,
    hash: i32,
    digits: u32,
    first_counter: u64,
    hotp_out: *mut *mut otp_hotp,
) -> otp_status {
    guard(|| {
        writable(hotp_out, "hotp_out")?;
        // SAFETY: by this function's contract, here and below.
        let secret = unsafe { read_secret(secret, secret_len)? };
        let hotp = Hotp::new(&secret, otp_hash::read(hash)?, read_digits(digits))?;
        let hotp = Box::new(otp_hotp {
            hotp: hotp.starting_at(first_counter),
            generation: Generation::current(),
        });
        // SAFETY: asked above.
        unsafe { hand_out(hotp_out, Box::into_raw(hotp)) };
        Ok(())
    })
}

/// Frees a key and wipes it; NULL is harmless, and so is one made before a fork.
///
/// # Safety
///
/// `hotp` is NULL or was made by `otp_hotp_new`, and is not used again.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn otp_hotp_free(hotp: *mut otp_hotp) {
    // SAFETY: by this function's contract.
    guard_drop(|| unsafe { drop_handle(hotp, |hotp| hotp.generation) });
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
pub unsafe extern "C" fn otp_hotp_at(
    hotp: *const otp_hotp,
    counter: u64,
    code_out: *mut u8,
    capacity: usize,
) -> otp_status {
    guard(|| {
        // SAFETY: by this function's contract, here and below.
        let hotp = unsafe { use_hotp(hotp)? };
        // SAFETY: as above.
        unsafe { give_code(&hotp.at(counter), code_out, capacity) }
    })
}

/// Looks for a typed code from `counter` on, over `look_ahead` counters more (at most 255); the lowest
/// that matches is in `counter` of `match_out`. It remembers nothing: accept no counter up to that
/// one again, or let an engine see to it.
///
/// # Safety
///
/// Every pointer is NULL or valid during the call; `typed` has `typed_len` bytes; the `struct_size` of
/// `match_out` is set.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn otp_hotp_verify(
    hotp: *const otp_hotp,
    typed: *const u8,
    typed_len: usize,
    counter: u64,
    look_ahead: u32,
    match_out: *mut otp_oath_match,
) -> otp_status {
    guard(|| {
        // SAFETY: by this function's contract, here and below.
        let hotp = unsafe { use_hotp(hotp)? };
        // SAFETY: as above.
        let size = unsafe { checked_size(match_out, "match_out")? };
        let look_ahead = read_window(look_ahead, "look_ahead", u8::MAX)?;
        // SAFETY: as above.
        let typed = unsafe { bytes(typed, typed_len, "typed")? };
        let found = hotp.verify(typed, counter, look_ahead);
        // SAFETY: as above.
        unsafe { otp_oath_match::give(found.map(|counter| (counter, 0)), match_out, size) };
        Ok(())
    })
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
    guard(|| {
        // SAFETY: by this function's contract, here and below.
        let hotp = unsafe { use_hotp(hotp)? };
        // SAFETY: as above.
        let size = unsafe { checked_size(match_out, "match_out")? };
        let look_ahead = read_window(look_ahead, "look_ahead", u16::MAX)?;
        // SAFETY: as above.
        let (first, second) = unsafe { (first.bytes("first")?, second.bytes("second")?) };
        let found = hotp.resynchronise(first, second, counter, look_ahead);
        // SAFETY: as above.
        unsafe { otp_oath_match::give(found.map(|counter| (counter, 0)), match_out, size) };
        Ok(())
    })
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
    guard(|| {
        writable(totp_out, "totp_out")?;
        // SAFETY: by this function's contract, here and below.
        let secret = unsafe { read_secret(secret, secret_len)? };
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
pub unsafe extern "C" fn otp_totp_at(
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

/// Looks for a typed code in the step of `now` and `window` steps around it (at most 255); the latest
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
    typed: *const u8,
    typed_len: usize,
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
        let typed = unsafe { bytes(typed, typed_len, "typed")? };
        let found = totp.verify(typed, Timestamp::from_unix(now), window);
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

/// What an OCRA code is computed from: what the suite names, and no more.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct otp_ocra_inputs {
    /// `sizeof(otp_ocra_inputs)`.
    pub struct_size: usize,
    /// The question.
    pub question: otp_view,
    /// The other side's question behind it, where both sides ask; else empty.
    pub other_question: otp_view,
    /// The PIN or password, UTF-8; `data` is NULL where there is none, or `pin_digest` is given.
    pub pin: otp_view,
    /// In the place of `pin`, its digest by the suite's function.
    pub pin_digest: otp_view,
    /// The session information; `data` is NULL where there is none.
    pub session: otp_view,
    /// The counter; read if `has_counter` is 1.
    pub counter: u64,
    /// Unix seconds; read if `has_now` is 1.
    pub now: i64,
    /// 1 if the suite has a counter.
    pub has_counter: i32,
    /// 1 if the suite has a time.
    pub has_now: i32,
    /// A verification looks over so many counters more; at most 255.
    pub look_ahead: u32,
    /// A verification looks at so many steps before and after; at most 255.
    pub window: u32,
}

impl Sized_ for otp_ocra_inputs {
    const FIRST: usize = size_of::<Self>();
}

/// An [`otp_ocra_inputs`] as it was read.
pub(crate) struct OcraInputs<'a> {
    given: otp_ocra_inputs,
    pub(crate) questions: [&'a str; 2],
    pub(crate) pin: Option<Pin<'a>>,
    pub(crate) session: Option<&'a [u8]>,
    pub(crate) reach: Reach,
}

impl<'a> OcraInputs<'a> {
    /// # Safety
    ///
    /// `inputs` is NULL or valid with its `struct_size` set, and its views have as many bytes as they
    /// say, for as long as the result is used.
    pub(crate) unsafe fn lend(inputs: *const otp_ocra_inputs) -> Result<Self, Fault> {
        const EMPTY: otp_view = otp_view {
            data: core::ptr::null(),
            len: 0,
        };
        let default = otp_ocra_inputs {
            struct_size: size_of::<otp_ocra_inputs>(),
            question: EMPTY,
            other_question: EMPTY,
            pin: EMPTY,
            pin_digest: EMPTY,
            session: EMPTY,
            counter: 0,
            now: 0,
            has_counter: 0,
            has_now: 0,
            look_ahead: 0,
            window: 0,
        };
        // SAFETY: by this function's contract, here and below.
        let given = unsafe { read_sized(inputs, default, "inputs")? };
        for (name, flag) in [
            ("has_counter", given.has_counter),
            ("has_now", given.has_now),
        ] {
            if !matches!(flag, 0 | 1) {
                return Err(Fault::argument(format!(
                    "{name} is {flag}; it must be 0 or 1"
                )));
            }
        }
        // SAFETY: as above.
        let questions = unsafe {
            [
                given.question.text("question")?,
                given.other_question.text("other_question")?,
            ]
        };
        // SAFETY: as above.
        let (pin, digest) = unsafe {
            (
                given.pin.optional_text("pin")?,
                given.pin_digest.bytes("pin_digest")?,
            )
        };
        let pin = match (pin, digest) {
            (None, []) => None,
            (None, digest) => Some(Pin::Digest(digest)),
            (Some(pin), []) => Some(Pin::Text(pin)),
            (Some(_), _) => {
                return Err(Fault::argument("pin and pin_digest are both given"));
            }
        };
        let session = if given.session.data.is_null() && given.session.len == 0 {
            None
        } else {
            // SAFETY: as above.
            Some(unsafe { given.session.bytes("session")? })
        };
        Ok(Self {
            given,
            questions,
            pin,
            session,
            reach: Reach {
                look_ahead: read_window(given.look_ahead, "look_ahead", u8::MAX)?,
                window: read_window(given.window, "window", u8::MAX)?,
            },
        })
    }

    /// Returns the counter, if there is one.
    pub(crate) fn counter(&self) -> Option<u64> {
        (self.given.has_counter == 1).then_some(self.given.counter)
    }

    /// Says whether a time is given.
    pub(crate) const fn has_now(&self) -> bool {
        self.given.has_now == 1
    }

    fn inputs(&self) -> Inputs<'a> {
        let mut inputs = match self.questions {
            [question, ""] => Inputs::new(question),
            [question, other] => Inputs::mutual(question, other),
        };
        if let Some(counter) = self.counter() {
            inputs = inputs.counter(counter);
        }
        if let Some(pin) = self.pin {
            inputs = inputs.pin(pin);
        }
        if let Some(session) = self.session {
            inputs = inputs.session(session);
        }
        if self.has_now() {
            inputs = inputs.now(Timestamp::from_unix(self.given.now));
        }
        inputs
    }
}

/// Prepares an OCRA key; `suite` is such as "OCRA-1:HOTP-SHA256-8:C-QH16", with 6 to 10 digits.
///
/// # Safety
///
/// `suite` and `secret` are NULL or have as many bytes as said; `ocra_out` is NULL or valid.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn otp_ocra_new(
    suite: *const u8,
    suite_len: usize,
    secret: *const u8,
    secret_len: usize,
    ocra_out: *mut *mut otp_ocra,
) -> otp_status {
    guard(|| {
        writable(ocra_out, "ocra_out")?;
        // SAFETY: by this function's contract, here and below.
        let suite = text(unsafe { bytes(suite, suite_len, "suite")? }, "suite")?;
        let suite = Suite::parse(suite)?;
        // SAFETY: as above.
        let secret = unsafe { read_secret(secret, secret_len)? };
        let ocra = Box::new(otp_ocra {
            ocra: Ocra::new(&secret, suite),
            generation: Generation::current(),
        });
        // SAFETY: asked above.
        unsafe { hand_out(ocra_out, Box::into_raw(ocra)) };
        Ok(())
    })
}

/// Frees a key and wipes it; NULL is harmless, and so is one made before a fork.
///
/// # Safety
///
/// `ocra` is NULL or was made by `otp_ocra_new`, and is not used again.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn otp_ocra_free(ocra: *mut otp_ocra) {
    // SAFETY: by this function's contract.
    guard_drop(|| unsafe { drop_handle(ocra, |ocra| ocra.generation) });
}

/// Writes the code of the inputs, and a NUL.
///
/// Errors: `OTP_STATUS_ARGUMENT`; the detail names the input that is missing, not asked for by the
/// suite, or does not fit.
///
/// # Safety
///
/// `ocra` is NULL or valid; `inputs` likewise with its `struct_size` set, its views with as many bytes
/// as they say; `code_out` is NULL or has `capacity` bytes.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn otp_ocra_generate(
    ocra: *const otp_ocra,
    inputs: *const otp_ocra_inputs,
    code_out: *mut u8,
    capacity: usize,
) -> otp_status {
    guard(|| {
        // SAFETY: by this function's contract, here and below.
        let ocra = unsafe { use_ocra(ocra)? };
        // SAFETY: as above.
        let inputs = unsafe { OcraInputs::lend(inputs)? };
        let code = ocra.generate(&inputs.inputs())?;
        // SAFETY: as above.
        unsafe { give_code(&code, code_out, capacity) }
    })
}

/// Looks for a typed code from the counter on and around the time, as far as `look_ahead` and `window`
/// of the inputs say; counter and step that match are in `match_out`. It remembers nothing.
///
/// # Safety
///
/// As `otp_ocra_generate`; `typed` has `typed_len` bytes; the `struct_size` of `match_out` is set.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn otp_ocra_verify(
    ocra: *const otp_ocra,
    inputs: *const otp_ocra_inputs,
    typed: *const u8,
    typed_len: usize,
    match_out: *mut otp_oath_match,
) -> otp_status {
    guard(|| {
        // SAFETY: by this function's contract, here and below.
        let ocra = unsafe { use_ocra(ocra)? };
        // SAFETY: as above.
        let size = unsafe { checked_size(match_out, "match_out")? };
        // SAFETY: as above.
        let (inputs, typed) =
            unsafe { (OcraInputs::lend(inputs)?, bytes(typed, typed_len, "typed")?) };
        let found = ocra.verify(typed, &inputs.inputs(), inputs.reach)?;
        let numbers = found.map(|found| {
            (
                found.counter.unwrap_or_default(),
                found.step.unwrap_or_default(),
            )
        });
        // SAFETY: as above.
        unsafe { otp_oath_match::give(numbers, match_out, size) };
        Ok(())
    })
}

/// # Safety
///
/// `hotp` is NULL or valid for as long as the result is used.
pub(crate) unsafe fn use_hotp<'a>(hotp: *const otp_hotp) -> Result<&'a Hotp, Fault> {
    // SAFETY: by this function's contract.
    let hotp = unsafe { lend(hotp, "hotp")? };
    hotp.generation.check("hotp")?;
    Ok(&hotp.hotp)
}

/// # Safety
///
/// As [`use_hotp`].
pub(crate) unsafe fn use_totp<'a>(totp: *const otp_totp) -> Result<&'a Totp, Fault> {
    // SAFETY: by this function's contract.
    let totp = unsafe { lend(totp, "totp")? };
    totp.generation.check("totp")?;
    Ok(&totp.totp)
}

/// # Safety
///
/// As [`use_hotp`].
pub(crate) unsafe fn use_ocra<'a>(ocra: *const otp_ocra) -> Result<&'a Ocra, Fault> {
    // SAFETY: by this function's contract.
    let ocra = unsafe { lend(ocra, "ocra")? };
    ocra.generation.check("ocra")?;
    Ok(&ocra.ocra)
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
