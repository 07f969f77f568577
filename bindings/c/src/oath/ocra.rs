//! Prepared OCRA keys, with their suite.

use otp_core::oath::{Ocra, Secret, Suite};

use super::{OcraInputs, give_code, otp_oath_match, otp_ocra_inputs, take_secret};
use crate::guard::{DEPTH_DEVICE, guard_secret, guard_secret_out, guard_secret_sized_out};
use crate::handle::{self, Handle};
use crate::status::{Fault, otp_status};
use crate::view::{bytes, otp_view};

/// A prepared OCRA key with its suite (RFC 6287); used by any number of threads at once.
#[derive(Debug)]
pub struct otp_ocra(Ocra);

impl Handle for otp_ocra {}

/// Prepares an OCRA key; `suite` is such as "OCRA-1:HOTP-SHA256-8:C-QH16", with 6 to 10 digits, and the
/// secret at least 16 random bytes.
///
/// # Safety
///
/// `suite` and `secret` have as many bytes as they say; `ocra_out` is NULL or valid.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn otp_ocra_new(
    suite: otp_view,
    secret: otp_view,
    ocra_out: *mut *mut otp_ocra,
) -> otp_status {
    // SAFETY: by this function's contract.
    unsafe {
        guard_secret_out(ocra_out, "ocra_out", || {
            let suite = Suite::parse(suite.text("suite")?)?;
            let secret = take_secret(secret, Secret::new)?;
            Ok(handle::give(otp_ocra(Ocra::new(&secret, suite))))
        })
    }
}

/// Frees a key and wipes it; NULL is harmless, and so is one made before a fork.
///
/// # Safety
///
/// `ocra` is NULL or was made by `otp_ocra_new`, and is not used again.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn otp_ocra_free(ocra: *mut otp_ocra) {
    // SAFETY: by this function's contract.
    unsafe { handle::free(ocra) };
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
    // SAFETY: by this function's contract.
    guard_secret::<DEPTH_DEVICE>(|| unsafe {
        let code = use_ocra(ocra)?.generate(&OcraInputs::lend(inputs)?.inputs())?;
        give_code(&code, code_out, capacity)
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
    // SAFETY: by this function's contract.
    unsafe {
        guard_secret_sized_out::<DEPTH_DEVICE, _>(match_out, "match_out", || {
            let (inputs, code) = (OcraInputs::lend(inputs)?, bytes(code, code_len, "code")?);
            let found = use_ocra(ocra)?.verify(code, &inputs.inputs(), inputs.reach)?;
            let numbers = found.map(|found| {
                (
                    found.counter.unwrap_or_default(),
                    found.step.unwrap_or_default(),
                )
            });
            Ok(otp_oath_match::of(numbers))
        })
    }
}

/// # Safety
///
/// `ocra` is NULL or valid for as long as the result is used.
pub(crate) unsafe fn use_ocra<'a>(ocra: *const otp_ocra) -> Result<&'a Ocra, Fault> {
    // SAFETY: by this function's contract.
    Ok(&unsafe { handle::lend(ocra, "ocra")? }.0)
}
