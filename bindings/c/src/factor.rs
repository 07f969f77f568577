//! OATH under an engine: a code of the user's own device is good once, on any store.

use otp_core::oath::{self, Acceptance, Answer, Device, MAX_DEVICES};
use otp_core::{Error, ResetOutcome, Verdict};

use crate::challenge::{otp_outcome, rejection_numbers};
use crate::engine::{finding_lines, otp_engine, otp_odds, use_engine, use_store};
use crate::guard::guard;
use crate::oath::{
    OcraInputs, otp_hotp, otp_ocra, otp_ocra_inputs, otp_totp, read_window, use_hotp, use_ocra,
    use_totp,
};
use crate::request::Request;
use crate::status::{Fault, otp_status};
use crate::store::otp_store;
use crate::view::{
    Sized_, bytes, checked_size, fill, hand_out, otp_bytes, otp_view, read_sized, text, writable,
    write_sized,
};

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
}

impl Sized_ for otp_oath_verdict {
    const FIRST: usize = size_of::<Self>();
}

impl otp_oath_verdict {
    fn of(verdict: &Verdict<Acceptance>) -> Self {
        let none = Self {
            struct_size: size_of::<Self>(),
            outcome: otp_outcome::None as i32,
            rejection: 0,
            public_rejection: 0,
            attempts_left: 0,
            has_retry_at: 0,
            has_matched: 0,
            retry_at: 0,
            verified_at: 0,
            matched: 0,
            drift: 0,
            device: 0,
        };
        match verdict {
            Verdict::Accepted(acceptance) => Self {
                outcome: otp_outcome::Accepted as i32,
                has_matched: i32::from(acceptance.matched.is_some()),
                matched: acceptance.matched.unwrap_or_default(),
                drift: acceptance.drift,
                device: u32::try_from(acceptance.device).unwrap_or(0), // at most 2
                verified_at: acceptance.verified_at.unix(),
                ..none
            },
            Verdict::Rejected(rejection) => {
                let numbers = rejection_numbers(*rejection);
                Self {
                    outcome: numbers.outcome,
                    rejection: numbers.rejection,
                    public_rejection: numbers.public_rejection,
                    attempts_left: numbers.attempts_left,
                    has_retry_at: numbers.has_retry_at,
                    retry_at: numbers.retry_at,
                    ..none
                }
            }
        }
    }
}

/// Judges a HOTP code: `request` holds the binding and what was typed, `look_ahead` is at most 255. The
/// code is good once, for all bindings of the tenant; wrong guesses count for the device and for its
/// user, and against no code that was sent.
///
/// With `second` (`data` is NULL where there is none), two codes in a row bring back a device that is far ahead; `look_ahead` is then at
/// most 65535. `OTP_STATUS_STORE_UNSUPPORTED` for a store that does not keep cells for ever.
///
/// # Safety
///
/// Every pointer is NULL or valid during the call; `request` has `request_len` bytes; the view has as many
/// bytes as it says; the `struct_size` of `verdict_out` is set.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn otp_engine_verify_hotp(
    engine: *const otp_engine,
    store: *const otp_store,
    hotp: *const otp_hotp,
    request: *const u8,
    request_len: usize,
    second: otp_view,
    look_ahead: u32,
    verdict_out: *mut otp_oath_verdict,
) -> otp_status {
    guard(|| {
        // SAFETY: by this function's contract, here and below.
        let (engine, store) = unsafe { (use_engine(engine)?, use_store(store)?) };
        // SAFETY: as above.
        let hotp = unsafe { use_hotp(hotp)? };
        // SAFETY: as above.
        let given = unsafe { Given::lend(request, request_len, second, verdict_out)? };
        let (store, binding) = (&*store.store, &given.request.binding);
        let verdict = match given.pair() {
            None => {
                let look_ahead = read_window(look_ahead, "look_ahead", u8::MAX)?;
                engine.verify_hotp(store, binding, hotp, given.request.typed, look_ahead)
            }
            Some(pair) => {
                let look_ahead = read_window(look_ahead, "look_ahead", u16::MAX)?;
                engine.resynchronise_hotp(store, binding, hotp, pair, look_ahead)
            }
        };
        // SAFETY: as above.
        unsafe { given.answer(verdict, verdict_out) }
    })
}

/// Judges a TOTP code by the engine's clock: `request` holds the binding and what was typed, `window` is
/// at most 255. The code is good once, for all bindings of the tenant; wrong guesses count as with
/// `otp_engine_verify_hotp`. The drift of the device's clock is learnt from several codes that agree.
///
/// With `second` (`data` is NULL where there is none), two codes in a row bring back a device whose clock is far off; `window` is then at
/// most 65535.
///
/// # Safety
///
/// As `otp_engine_verify_hotp`.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn otp_engine_verify_totp(
    engine: *const otp_engine,
    store: *const otp_store,
    totp: *const otp_totp,
    request: *const u8,
    request_len: usize,
    second: otp_view,
    window: u32,
    verdict_out: *mut otp_oath_verdict,
) -> otp_status {
    guard(|| {
        // SAFETY: by this function's contract, here and below.
        let (engine, store) = unsafe { (use_engine(engine)?, use_store(store)?) };
        // SAFETY: as above.
        let totp = unsafe { use_totp(totp)? };
        // SAFETY: as above.
        let given = unsafe { Given::lend(request, request_len, second, verdict_out)? };
        let (store, binding) = (&*store.store, &given.request.binding);
        let verdict = match given.pair() {
            None => {
                let window = read_window(window, "window", u8::MAX)?;
                engine.verify_totp(store, binding, totp, given.request.typed, window)
            }
            Some(pair) => {
                let window = read_window(window, "window", u16::MAX)?;
                engine.resynchronise_totp(store, binding, totp, pair, window)
            }
        };
        // SAFETY: as above.
        unsafe { given.answer(verdict, verdict_out) }
    })
}

/// Writes the question that a device is asked for a binding: hexadecimal digits, without a NUL. The
/// suite must ask QH16 or longer.
///
/// # Safety
///
/// Every pointer is NULL or valid during the call; `request` has `request_len` bytes, `buffer` `capacity`.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn otp_engine_ocra_question(
    engine: *const otp_engine,
    ocra: *const otp_ocra,
    request: *const u8,
    request_len: usize,
    buffer: *mut u8,
    capacity: usize,
    needed_out: *mut usize,
) -> otp_status {
    guard(|| {
        writable(needed_out, "needed_out")?;
        // SAFETY: by this function's contract, here and below.
        let (engine, ocra) = unsafe { (use_engine(engine)?, use_ocra(ocra)?) };
        // SAFETY: as above.
        let request = unsafe { Request::lend(request, request_len)? };
        let question = engine.ocra_question(&request.binding, ocra)?;
        // SAFETY: as above.
        unsafe { fill(question.as_bytes(), buffer, capacity, needed_out) }
    })
}

/// Judges what a device answered to `otp_engine_ocra_question` for the binding in `request`.
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
    ocra: *const otp_ocra,
    request: *const u8,
    request_len: usize,
    inputs: *const otp_ocra_inputs,
    verdict_out: *mut otp_oath_verdict,
) -> otp_status {
    guard(|| {
        // SAFETY: by this function's contract, here and below.
        let (engine, store) = unsafe { (use_engine(engine)?, use_store(store)?) };
        // SAFETY: as above.
        let ocra = unsafe { use_ocra(ocra)? };
        // SAFETY: as above.
        let given = unsafe { Given::lend(request, request_len, NONE, verdict_out)? };
        // SAFETY: as above.
        let device = Device::ocra(ocra, unsafe { answer(inputs)? });
        let Request { binding, typed, .. } = &given.request;
        let verdict = engine.verify_devices(&*store.store, binding, &[device], *typed);
        // SAFETY: as above.
        unsafe { given.answer(verdict, verdict_out) }
    })
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
    /// For OCRA as `otp_engine_verify_ocra` takes them, or NULL.
    pub inputs: *const otp_ocra_inputs,
    /// For HOTP so many counters more than the one expected, for TOTP so many steps around our time: at
    /// most 255.
    pub reach: u32,
}

impl Sized_ for otp_device {
    const FIRST: usize = size_of::<Self>();
}

impl otp_device {
    /// # Safety
    ///
    /// `device` is NULL or valid with its `struct_size` set; its keys and inputs are NULL or valid, for
    /// as long as the result is used.
    unsafe fn lend<'a>(device: *const Self) -> Result<Device<'a>, Fault> {
        let none = Self {
            struct_size: size_of::<Self>(),
            hotp: core::ptr::null(),
            totp: core::ptr::null(),
            ocra: core::ptr::null(),
            inputs: core::ptr::null(),
            reach: 0,
        };
        // SAFETY: by this function's contract, here and below.
        let device = unsafe { read_sized(device, none, "device")? };
        match (
            device.hotp.is_null(),
            device.totp.is_null(),
            device.ocra.is_null(),
        ) {
            (false, true, true) => {
                let reach = read_window(device.reach, "reach", u8::MAX)?;
                // SAFETY: as above.
                Ok(Device::hotp(unsafe { use_hotp(device.hotp)? }, reach))
            }
            (true, false, true) => {
                let reach = read_window(device.reach, "reach", u8::MAX)?;
                // SAFETY: as above.
                Ok(Device::totp(unsafe { use_totp(device.totp)? }, reach))
            }
            (true, true, false) => {
                // SAFETY: as above.
                let (ocra, answer) = unsafe { (use_ocra(device.ocra)?, answer(device.inputs)?) };
                Ok(Device::ocra(ocra, answer))
            }
            _ => Err(Fault::argument(
                "device must have exactly one of hotp, totp and ocra",
            )),
        }
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

/// Judges a typed text that may be a code of any of a user's devices: `devices` are `count` pointers, 1
/// to 3, each to another device. One attempt, whichever of them made it; `device` of the verdict says
/// which one did.
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
    devices: *const *const otp_device,
    count: usize,
    request: *const u8,
    request_len: usize,
    verdict_out: *mut otp_oath_verdict,
) -> otp_status {
    guard(|| {
        // SAFETY: by this function's contract, here and below.
        let (engine, store) = unsafe { (use_engine(engine)?, use_store(store)?) };
        // SAFETY: as above.
        let devices = unsafe { otp_device::lend_all(devices, count)? };
        // SAFETY: as above.
        let given = unsafe { Given::lend(request, request_len, NONE, verdict_out)? };
        let Request { binding, typed, .. } = &given.request;
        let verdict = engine.verify_devices(&*store.store, binding, &devices, *typed);
        // SAFETY: as above.
        unsafe { given.answer(verdict, verdict_out) }
    })
}

/// Sets a device right, for an administrator: its lock and its guesses are forgotten, and what was learnt
/// of its clock. `reset_out` is 1, or 0 if there was nothing to lift; `why`, 1 to 256 bytes without
/// control characters, goes to the observer.
///
/// What was used stays used: a counter, an answered question and the epoch do not fall. A time step
/// falls to that of now and `reach` at most: a device whose clock was hours ahead and was put right
/// makes codes again that are taken.
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
    tenant: *const u8,
    tenant_len: usize,
    user: *const u8,
    user_len: usize,
    device: *const otp_device,
    why: *const u8,
    why_len: usize,
    reset_out: *mut i32,
) -> otp_status {
    guard(|| {
        writable(reset_out, "reset_out")?;
        // SAFETY: by this function's contract, here and below.
        let (engine, store) = unsafe { (use_engine(engine)?, use_store(store)?) };
        // SAFETY: as above.
        let tenant = text(unsafe { bytes(tenant, tenant_len, "tenant")? }, "tenant")?;
        // SAFETY: as above.
        let user = text(unsafe { bytes(user, user_len, "user")? }, "user")?;
        // SAFETY: as above.
        let device = unsafe { otp_device::lend(device)? };
        // SAFETY: as above.
        let why = text(unsafe { bytes(why, why_len, "why")? }, "why")?;
        let reset = engine.reset_device(&*store.store, tenant, user, &device, why)?;
        // SAFETY: asked above.
        unsafe { hand_out(reset_out, i32::from(reset == ResetOutcome::Reset)) };
        Ok(())
    })
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
    guard(|| {
        // SAFETY: by this function's contract, here and below.
        let engine = unsafe { use_engine(engine)? };
        // SAFETY: as above.
        let devices = unsafe { otp_device::lend_all(devices, count)? };
        // SAFETY: as above.
        let size = unsafe { checked_size(odds_out, "odds_out")? };
        // SAFETY: as above.
        unsafe { write_sized(&otp_odds::of(engine.device_odds(&devices)), odds_out, size) };
        Ok(())
    })
}

/// Tells where these devices, and the budgets that hold for them, deviate from RFC 4226 and 6238, ASVS
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
    guard(|| {
        writable(text_out, "text_out")?;
        // SAFETY: by this function's contract, here and below.
        let engine = unsafe { use_engine(engine)? };
        // SAFETY: as above.
        let devices = unsafe { otp_device::lend_all(devices, count)? };
        let text = finding_lines(engine.device_findings(&devices));
        // SAFETY: asked above.
        unsafe { hand_out(text_out, otp_bytes::give(text)) };
        Ok(())
    })
}

const NONE: otp_view = otp_view {
    data: core::ptr::null(),
    len: 0,
};

/// Reads what a device's answer needs beside what was typed.
///
/// # Safety
///
/// `inputs` is NULL or valid with its `struct_size` set, its views with as many bytes as they say, for as
/// long as the result is used.
unsafe fn answer<'a>(inputs: *const otp_ocra_inputs) -> Result<Answer<'a>, Fault> {
    let mut answer = Answer::new("");
    if inputs.is_null() {
        return Ok(answer);
    }
    // SAFETY: by this function's contract.
    let inputs = unsafe { OcraInputs::lend(inputs)? };
    if inputs.questions != ["", ""] || inputs.has_now() {
        return Err(Fault::argument(
            "inputs has a question or a time, which are the engine's",
        ));
    }
    answer = answer
        .reach(inputs.reach)
        .starting_at(inputs.counter().unwrap_or_default());
    if let Some(pin) = inputs.pin {
        answer = answer.pin(pin);
    }
    if let Some(session) = inputs.session {
        answer = answer.session(session);
    }
    Ok(answer)
}

/// What all three take: everything that can be refused is, before anything happens.
struct Given<'a> {
    request: Request<'a>,
    second: Option<&'a [u8]>,
    size: usize,
}

impl<'a> Given<'a> {
    /// # Safety
    ///
    /// As `otp_engine_verify_hotp`, for as long as the result is used.
    unsafe fn lend(
        request: *const u8,
        request_len: usize,
        second: otp_view,
        verdict_out: *const otp_oath_verdict,
    ) -> Result<Self, Fault> {
        // SAFETY: by this function's contract, here and below.
        unsafe {
            Ok(Self {
                size: checked_size(verdict_out, "verdict_out")?,
                request: Request::lend(request, request_len)?,
                second: if second.data.is_null() && second.len == 0 {
                    None
                } else {
                    Some(second.bytes("second")?)
                },
            })
        }
    }

    /// Returns both codes, where there are two. What is no text is no code either.
    fn pair(&self) -> Option<[&str; 2]> {
        let text = |bytes| core::str::from_utf8(bytes).unwrap_or_default();
        Some([text(self.request.typed), text(self.second?)])
    }

    /// # Safety
    ///
    /// As [`lend`](Self::lend).
    unsafe fn answer(
        &self,
        verdict: Result<Verdict<Acceptance>, Error>,
        verdict_out: *mut otp_oath_verdict,
    ) -> Result<(), Fault> {
        // SAFETY: by this function's contract; no more than the `size` bytes that the caller owns.
        unsafe { write_sized(&otp_oath_verdict::of(&verdict?), verdict_out, self.size) };
        Ok(())
    }
}
