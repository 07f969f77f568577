//! OATH under an engine: a code of the user's own device is good once, on any store.

use otp_core::oath::{self, Acceptance, CodePair, Device, MAX_DEVICES, OcraOptions};
use otp_core::{
    Error, Verdict,
    operation::{DeviceReset, ResetOutcome},
};

use crate::binding::{otp_binding, use_binding, use_bound};
use crate::challenge::{otp_outcome, rejection_numbers};
use crate::engine::{finding_lines, otp_engine, otp_odds, use_engine};
use crate::guard::{
    DEPTH_DEEP, guard, guard_out, guard_secret_out, guard_secret_sized_out, guard_sized_out,
};
use crate::oath::{
    OcraInputs, otp_hotp, otp_ocra, otp_ocra_inputs, otp_totp, read_window, use_hotp, use_ocra,
    use_totp,
};
use crate::status::{Fault, otp_status};
use crate::store::{otp_store, use_store};
use crate::verify::{given, otp_evidence};
use crate::view::{Sized_, bytes, fill, otp_bytes, otp_view, read_sized, show, writable};

/// What an engine decided of a code that a device made.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct otp_oath_verdict {
    /// `sizeof(otp_oath_verdict)`.
    pub struct_size: usize,
    /// `OTP_OUTCOME_ACCEPTED` or `OTP_OUTCOME_REJECTED`; nothing else is an acceptance.
    pub outcome: i32,
    /// One of `otp_rejection`.
    pub rejection: i32,
    /// One of `otp_public_rejection`: what an untrusted caller may be told.
    pub public_rejection: i32,
    /// Guesses left to the user and the device today after a wrong one.
    pub attempts_left: u32,
    /// 1 if `retry_at` says when a lock opens; 0 where only an unlock helps.
    pub has_retry_at: i32,
    /// 1 if `matched` holds a counter or time step; 0 where the OCRA suite has neither.
    pub has_matched: i32,
    /// Unix seconds.
    pub retry_at: i64,
    /// Unix seconds of an acceptance.
    pub verified_at: i64,
    /// The counter or time step that was accepted.
    pub matched: u64,
    /// How many steps the code was ahead of our time; below 0 it was behind.
    pub drift: i32,
    /// Which of the devices made the code, in the order of the call; 0 for a call with one.
    pub device: u32,
    /// One of `otp_evidence_fault`.
    pub evidence_fault: i32,
    /// One of `otp_evidence_kind`.
    pub evidence_kind: i32,
    /// The signature record as `<JWS>~<disclosure>~…`, or NULL; free it by `otp_bytes_free` before the
    /// structure is used again.
    pub record: *mut otp_bytes,
    /// The record's place among those of its target, from 1; 0 if there is none.
    pub record_sequence: u64,
    /// 22 characters and a NUL; empty if there is no record.
    pub record_id: [u8; 23],
}

// SAFETY: plain data behind its size, of which all zeros is a value.
unsafe impl Sized_ for otp_oath_verdict {
    // Without the record that it owns, a structure would lose it.
    const LEAST: usize = core::mem::offset_of!(Self, record_id);
}

impl otp_oath_verdict {
    /// Writes a verdict down; the record, if any, is the caller's from here on.
    fn of(verdict: &Verdict<Acceptance>) -> Self {
        match verdict {
            Verdict::Accepted(acceptance) => {
                let record = acceptance.record.as_ref();
                Self {
                    outcome: otp_outcome::Accepted as i32,
                    has_matched: i32::from(acceptance.matched.is_some()),
                    matched: acceptance.matched.unwrap_or_default(),
                    drift: acceptance.drift,
                    device: u32::try_from(acceptance.device).unwrap_or(0), // at most 2
                    verified_at: acceptance.verified_at.unix(),
                    record_sequence: record.map_or(0, |record| record.sequence()),
                    record_id: record.map_or([0; 23], |record| show(record.id())),
                    record: record.map_or(core::ptr::null_mut(), |record| {
                        otp_bytes::give(record.to_sd_jwt())
                    }),
                    ..Self::zeroed()
                }
            }
            Verdict::Rejected(rejection) => {
                let numbers = rejection_numbers(*rejection);
                Self {
                    outcome: numbers.outcome,
                    rejection: numbers.rejection,
                    public_rejection: numbers.public_rejection,
                    attempts_left: numbers.attempts_left,
                    has_retry_at: numbers.has_retry_at,
                    retry_at: numbers.retry_at,
                    evidence_fault: numbers.evidence_fault,
                    evidence_kind: numbers.evidence_kind,
                    ..Self::zeroed()
                }
            }
        }
    }
}

/// Judges a HOTP code over `look_ahead` counters more than the one expected, at most 255. The code is
/// good once, for all bindings of the tenant; wrong guesses count for the device and for its user, and
/// against no code that was sent.
///
/// `evidence` is for the signature record, as with `otp_engine_verify_submission`, or NULL. Where the
/// engine signs, an accepted code leaves a record; free it by `otp_bytes_free`.
///
/// Errors: `OTP_STATUS_STORE_UNSUPPORTED` for a store that does not keep cells for ever.
///
/// # Safety
///
/// Every pointer is NULL or valid during the call; `code` has `code_len` bytes; `evidence` is NULL or
/// valid with its `struct_size` set, its views with as many bytes as they say; the `struct_size` of
/// `verdict_out` is set.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn otp_engine_verify_hotp(
    engine: *const otp_engine,
    store: *const otp_store,
    binding: *const otp_binding,
    hotp: *const otp_hotp,
    code: *const u8,
    code_len: usize,
    look_ahead: u32,
    evidence: *const otp_evidence,
    verdict_out: *mut otp_oath_verdict,
) -> otp_status {
    // SAFETY: by this function's contract.
    unsafe {
        guard_secret_sized_out::<DEPTH_DEEP, _>(verdict_out, "verdict_out", || {
            let (engine, store, binding) = use_bound(engine, store, binding)?;
            let reach = read_window(look_ahead, "look_ahead", u8::MAX)?;
            let device = Device::hotp(use_hotp(hotp)?, reach);
            let code = bytes(code, code_len, "code")?;
            let verdict =
                engine.verify_devices(store, binding, &[device], code, given(evidence)?)?;
            Ok(otp_oath_verdict::of(&verdict))
        })
    }
}

/// Judges two HOTP codes in a row, of a device that is far ahead: `look_ahead` is at most 65535.
///
/// # Safety
///
/// As `otp_engine_verify_hotp`; the views have as many bytes as they say.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn otp_engine_resynchronise_hotp(
    engine: *const otp_engine,
    store: *const otp_store,
    binding: *const otp_binding,
    hotp: *const otp_hotp,
    first: otp_view,
    second: otp_view,
    look_ahead: u32,
    evidence: *const otp_evidence,
    verdict_out: *mut otp_oath_verdict,
) -> otp_status {
    // SAFETY: by this function's contract.
    unsafe {
        guard_secret_sized_out::<DEPTH_DEEP, _>(verdict_out, "verdict_out", || {
            let (engine, store, binding) = use_bound(engine, store, binding)?;
            let reach = read_window(look_ahead, "look_ahead", u16::MAX)?;
            let device = Device::hotp(use_hotp(hotp)?, 0);
            let codes = pair(first, second)?;
            let (pair, evidence) = (CodePair { codes, reach }, given(evidence)?);
            let verdict = engine.resynchronise(store, binding, device, pair, evidence)?;
            Ok(otp_oath_verdict::of(&verdict))
        })
    }
}

/// Judges a TOTP code by the engine's clock, in `window` steps around it, at most 255. The code is good
/// once, for all bindings of the tenant; wrong guesses count as with `otp_engine_verify_hotp`. The drift
/// of the device's clock is learnt from several codes that agree.
///
/// # Safety
///
/// As `otp_engine_verify_hotp`.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn otp_engine_verify_totp(
    engine: *const otp_engine,
    store: *const otp_store,
    binding: *const otp_binding,
    totp: *const otp_totp,
    code: *const u8,
    code_len: usize,
    window: u32,
    evidence: *const otp_evidence,
    verdict_out: *mut otp_oath_verdict,
) -> otp_status {
    // SAFETY: by this function's contract.
    unsafe {
        guard_secret_sized_out::<DEPTH_DEEP, _>(verdict_out, "verdict_out", || {
            let (engine, store, binding) = use_bound(engine, store, binding)?;
            let reach = read_window(window, "window", u8::MAX)?;
            let device = Device::totp(use_totp(totp)?, reach);
            let code = bytes(code, code_len, "code")?;
            let verdict =
                engine.verify_devices(store, binding, &[device], code, given(evidence)?)?;
            Ok(otp_oath_verdict::of(&verdict))
        })
    }
}

/// Judges two TOTP codes in a row, of a device whose clock is far off: `window` is at most 65535.
///
/// # Safety
///
/// As `otp_engine_resynchronise_hotp`.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn otp_engine_resynchronise_totp(
    engine: *const otp_engine,
    store: *const otp_store,
    binding: *const otp_binding,
    totp: *const otp_totp,
    first: otp_view,
    second: otp_view,
    window: u32,
    evidence: *const otp_evidence,
    verdict_out: *mut otp_oath_verdict,
) -> otp_status {
    // SAFETY: by this function's contract.
    unsafe {
        guard_secret_sized_out::<DEPTH_DEEP, _>(verdict_out, "verdict_out", || {
            let (engine, store, binding) = use_bound(engine, store, binding)?;
            let reach = read_window(window, "window", u16::MAX)?;
            let device = Device::totp(use_totp(totp)?, 0);
            let codes = pair(first, second)?;
            let (pair, evidence) = (CodePair { codes, reach }, given(evidence)?);
            let verdict = engine.resynchronise(store, binding, device, pair, evidence)?;
            Ok(otp_oath_verdict::of(&verdict))
        })
    }
}

/// Writes the question that a device is asked for a binding: hexadecimal digits, without a NUL. The
/// suite must ask QH16 or longer.
///
/// # Safety
///
/// Every pointer is NULL or valid during the call; `buffer` has `capacity` bytes.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn otp_engine_ocra_question(
    engine: *const otp_engine,
    binding: *const otp_binding,
    ocra: *const otp_ocra,
    buffer: *mut u8,
    capacity: usize,
    needed_out: *mut usize,
) -> otp_status {
    // SAFETY: by this function's contract.
    guard(|| unsafe {
        writable(needed_out, "needed_out")?;
        let engine = use_engine(engine)?;
        let question = engine.ocra_question(use_binding(binding, engine)?, use_ocra(ocra)?)?;
        fill(question.as_bytes(), buffer, capacity, needed_out)
    })
}

/// Judges what a device answered to the `otp_engine_ocra_question` of a binding.
///
/// Of `inputs` the PIN, session, `look_ahead` and `window` are taken, and the counter as that of the
/// device's first answer; question and time are the engine's, and must be empty. NULL is all zeros.
/// The answer is good once: by its counter, else its time step, else for this binding for ever.
///
/// # Safety
///
/// As `otp_engine_verify_hotp`; `inputs` is NULL or valid with its `struct_size` set, its views with as
/// many bytes as they say.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn otp_engine_verify_ocra(
    engine: *const otp_engine,
    store: *const otp_store,
    binding: *const otp_binding,
    ocra: *const otp_ocra,
    inputs: *const otp_ocra_inputs,
    code: *const u8,
    code_len: usize,
    evidence: *const otp_evidence,
    verdict_out: *mut otp_oath_verdict,
) -> otp_status {
    // SAFETY: by this function's contract.
    unsafe {
        guard_secret_sized_out::<DEPTH_DEEP, _>(verdict_out, "verdict_out", || {
            let (engine, store, binding) = use_bound(engine, store, binding)?;
            let device = Device::ocra(use_ocra(ocra)?, options(inputs)?);
            let code = bytes(code, code_len, "code")?;
            let verdict =
                engine.verify_devices(store, binding, &[device], code, given(evidence)?)?;
            Ok(otp_oath_verdict::of(&verdict))
        })
    }
}

/// One device of a user: exactly one of `hotp`, `totp` and `ocra` is not NULL.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct otp_device {
    /// `sizeof(otp_device)`.
    pub struct_size: usize,
    /// A key of HOTP.
    pub hotp: *const otp_hotp,
    /// A key of TOTP.
    pub totp: *const otp_totp,
    /// A key of OCRA.
    pub ocra: *const otp_ocra,
    /// For OCRA as `otp_engine_verify_ocra` takes them, or NULL; for HOTP and TOTP NULL.
    pub inputs: *const otp_ocra_inputs,
    /// For HOTP so many counters more than the one expected, for TOTP so many steps around our time: at
    /// most 255. For OCRA 0.
    pub reach: u32,
}

// SAFETY: plain data behind its size, of which all zeros is a value.
unsafe impl Sized_ for otp_device {}

impl otp_device {
    /// # Safety
    ///
    /// `device` is NULL or valid with its `struct_size` set; its keys and inputs are NULL or valid, for
    /// as long as the result is used.
    unsafe fn lend<'a>(device: *const Self) -> Result<Device<'a>, Fault> {
        // SAFETY: by this function's contract, here and below.
        let device = unsafe { read_sized(device, "device")? };
        let keys = [
            device.hotp.is_null(),
            device.totp.is_null(),
            device.ocra.is_null(),
        ];
        if keys.iter().filter(|is_null| !**is_null).count() != 1 {
            return Err(Fault::argument(
                "device must have exactly one of hotp, totp and ocra",
            ));
        }
        if !device.ocra.is_null() {
            if device.reach != 0 {
                return Err(Fault::argument(
                    "reach must be 0 for ocra; inputs has look_ahead and window",
                ));
            }
            // SAFETY: as above.
            let (ocra, options) = unsafe { (use_ocra(device.ocra)?, options(device.inputs)?) };
            return Ok(Device::ocra(ocra, options));
        }
        if !device.inputs.is_null() {
            return Err(Fault::argument("inputs must be NULL for hotp and totp"));
        }
        let reach = read_window(device.reach, "reach", u8::MAX)?;
        if device.totp.is_null() {
            // SAFETY: as above.
            return Ok(Device::hotp(unsafe { use_hotp(device.hotp)? }, reach));
        }
        // SAFETY: as above.
        Ok(Device::totp(unsafe { use_totp(device.totp)? }, reach))
    }

    /// # Safety
    ///
    /// `devices` is NULL or has `count` pointers, each as [`lend`](Self::lend) takes it.
    unsafe fn lend_all<'a>(
        devices: *const *const Self,
        count: usize,
    ) -> Result<Vec<Device<'a>>, Fault> {
        if !(1..=MAX_DEVICES).contains(&count) {
            return Err(Error::Oath(oath::Error::Devices { count }).into());
        }
        if devices.is_null() {
            return Err(Fault::argument("devices is NULL"));
        }
        // SAFETY: by this function's contract, here and below.
        let devices = unsafe { core::slice::from_raw_parts(devices, count) };
        // SAFETY: as above.
        devices
            .iter()
            .map(|device| unsafe { Self::lend(*device) })
            .collect()
    }
}

/// Judges a code that may be that of any of a user's devices: `devices` are `count` pointers, 1 to 3,
/// each to another device. One attempt, whichever of them made it; `device` of the verdict says which
/// one did.
///
/// # Safety
///
/// As `otp_engine_verify_hotp`; `devices` has `count` pointers to structures with their `struct_size`
/// set, whose keys and inputs are NULL or valid during the call.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn otp_engine_verify_devices(
    engine: *const otp_engine,
    store: *const otp_store,
    binding: *const otp_binding,
    devices: *const *const otp_device,
    count: usize,
    code: *const u8,
    code_len: usize,
    evidence: *const otp_evidence,
    verdict_out: *mut otp_oath_verdict,
) -> otp_status {
    // SAFETY: by this function's contract.
    unsafe {
        guard_secret_sized_out::<DEPTH_DEEP, _>(verdict_out, "verdict_out", || {
            let (engine, store, binding) = use_bound(engine, store, binding)?;
            let devices = otp_device::lend_all(devices, count)?;
            let code = bytes(code, code_len, "code")?;
            let verdict =
                engine.verify_devices(store, binding, &devices, code, given(evidence)?)?;
            Ok(otp_oath_verdict::of(&verdict))
        })
    }
}

/// Resets a device, for an administrator: its lock and its guesses are forgotten, and what was learnt
/// of its clock. `reset_out` is 1, or 0 if there was nothing to lift; `reason`, 1 to 256 bytes of visible
/// text, goes to the observer.
///
/// What was used stays used: a counter, an answered question and the epoch do not fall. A time step
/// falls to that of now and `reach` at most: a device whose clock was hours ahead and was put right
/// makes codes that are taken again one step more than `reach` later. Put the host's own clock right
/// before: with one that is behind, the step falls to that clock's now, and codes that were used since
/// then are good again for a moment.
///
/// # Safety
///
/// Every pointer is NULL or valid during the call, each text with as many bytes as its length says;
/// `device` as for `otp_engine_verify_devices`.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn otp_engine_reset_device(
    engine: *const otp_engine,
    store: *const otp_store,
    tenant: otp_view,
    user: otp_view,
    device: *const otp_device,
    reason: otp_view,
    reset_out: *mut i32,
) -> otp_status {
    // SAFETY: by this function's contract.
    unsafe {
        guard_secret_out(reset_out, "reset_out", || {
            let (engine, store) = (use_engine(engine)?, use_store(store)?);
            let request = DeviceReset {
                tenant: tenant.member("tenant")?,
                user: user.member("user")?,
                device: otp_device::lend(device)?,
                reason: reason.text("reason")?,
            };
            let reset = engine.reset_device(store, &request)?;
            Ok(i32::from(reset == ResetOutcome::Reset))
        })
    }
}

/// Tells the chance of guessing a code of these devices, all of them one user's: as
/// `otp_engine_verify_devices` takes them; `per_code` is that of one guess.
///
/// # Safety
///
/// Every pointer is NULL or valid during the call, `devices` as for `otp_engine_verify_devices`; the
/// `struct_size` of `odds_out` is set.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn otp_engine_device_odds(
    engine: *const otp_engine,
    devices: *const *const otp_device,
    count: usize,
    odds_out: *mut otp_odds,
) -> otp_status {
    // SAFETY: by this function's contract.
    unsafe {
        guard_sized_out(odds_out, "odds_out", || {
            let (engine, devices) = (use_engine(engine)?, otp_device::lend_all(devices, count)?);
            Ok(otp_odds::of(engine.device_odds(&devices)))
        })
    }
}

/// Tells where these devices, and the rate limits that hold for them, deviate from RFC 4226 and 6238, ASVS
/// 5.0 and NIST SP 800-63B-4: lines as those of `otp_engine_findings`.
///
/// # Safety
///
/// Every pointer is NULL or valid during the call, `devices` as for `otp_engine_verify_devices`. Free the
/// text by `otp_bytes_free`.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn otp_engine_device_findings(
    engine: *const otp_engine,
    devices: *const *const otp_device,
    count: usize,
    text_out: *mut *mut otp_bytes,
) -> otp_status {
    // SAFETY: by this function's contract.
    unsafe {
        guard_out(text_out, "text_out", || {
            let (engine, devices) = (use_engine(engine)?, otp_device::lend_all(devices, count)?);
            Ok(finding_lines(engine.device_findings(&devices)))
        })
    }
}

/// Reads what an OCRA suite asks for beside the question.
///
/// # Safety
///
/// `inputs` is NULL or valid with its `struct_size` set, its views with as many bytes as they say, for as
/// long as the result is used.
unsafe fn options<'a>(inputs: *const otp_ocra_inputs) -> Result<OcraOptions<'a>, Fault> {
    let mut options = OcraOptions::new();
    if inputs.is_null() {
        return Ok(options);
    }
    // SAFETY: by this function's contract.
    let inputs = unsafe { OcraInputs::lend(inputs)? };
    if inputs.questions != ["", ""] || inputs.has_now() {
        return Err(Fault::argument(
            "inputs has a question or a time, which are the engine's",
        ));
    }
    options = options
        .reach(inputs.reach)
        .starting_at(inputs.counter().unwrap_or_default());
    if let Some(pin) = inputs.pin {
        options = options.pin(pin);
    }
    if let Some(session) = inputs.session {
        options = options.session(session);
    }
    Ok(options)
}

/// Reads two codes in a row. What is no text is no code either.
///
/// # Safety
///
/// The views have as many bytes as they say, for as long as the result is used.
unsafe fn pair<'a>(first: otp_view, second: otp_view) -> Result<[&'a str; 2], Fault> {
    let text = |bytes| core::str::from_utf8(bytes).unwrap_or_default();
    // SAFETY: by this function's contract.
    unsafe { Ok([text(first.bytes("first")?), text(second.bytes("second")?)]) }
}
