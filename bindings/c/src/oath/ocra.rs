//! Prepared OCRA keys, with their suite.

use otp_core::oath::{Ocra, Suite};

use super::{OcraInputs, give_code, otp_oath_match, otp_ocra_inputs, read_secret};
use crate::fork::Generation;
use crate::guard::{guard, guard_drop};
use crate::key::drop_handle;
use crate::status::{Fault, otp_status};
use crate::view::{bytes, checked_size, hand_out, lend, text, writable};

/// A prepared OCRA key with its suite (RFC 6287); used by any number of threads at once.
#[derive(Debug)]
pub struct otp_ocra {
    pub(crate) ocra: Ocra,
    pub(crate) generation: Generation,
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

/// Looks for a code from the counter on and around the time, as far as `look_ahead` and `window`
/// of the inputs say; counter and step that match are in `match_out`. It remembers nothing.
///
/// # Safety
///
/// As `otp_ocra_generate`; `code` has `code_len` bytes; the `struct_size` of `match_out` is set.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn otp_ocra_verify(
    ocra: *const otp_ocra,
    inputs: *const otp_ocra_inputs,
    code: *const u8,
    code_len: usize,
    match_out: *mut otp_oath_match,
) -> otp_status {
    guard(|| {
        // SAFETY: by this function's contract, here and below.
        let ocra = unsafe { use_ocra(ocra)? };
        // SAFETY: as above.
        let size = unsafe { checked_size(match_out, "match_out")? };
        // SAFETY: as above.
        let (inputs, code) = unsafe { (OcraInputs::lend(inputs)?, bytes(code, code_len, "code")?) };
        let found = ocra.verify(code, &inputs.inputs(), inputs.reach)?;
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
/// `ocra` is NULL or valid for as long as the result is used.
pub(crate) unsafe fn use_ocra<'a>(ocra: *const otp_ocra) -> Result<&'a Ocra, Fault> {
    // SAFETY: by this function's contract.
    let ocra = unsafe { lend(ocra, "ocra")? };
    ocra.generation.check("ocra")?;
    Ok(&ocra.ocra)
}
