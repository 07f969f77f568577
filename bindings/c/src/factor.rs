//! OATH under an engine: a code of the user's own device is good once, on any store.

use otp_core::oath::{Acceptance, Answer};
use otp_core::{Error, Verdict};

use crate::challenge::{otp_outcome, rejection_numbers};
use crate::engine::{otp_engine, use_engine, use_store};
use crate::guard::guard;
use crate::oath::{
    OcraInputs, otp_hotp, otp_ocra, otp_ocra_inputs, otp_totp, read_window, use_hotp, use_ocra,
    use_totp,
};
use crate::request::Request;
use crate::status::{Fault, otp_status};
use crate::store::otp_store;
use crate::view::{Sized_, checked_size, fill, otp_view, writable, write_sized};

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
    /// Guesses left to the user today after a wrong one; 255 without budgets.
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
    /// How many steps the device's clock is ahead; below 0 it is behind.
    pub drift: i32,
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
        };
        match verdict {
            Verdict::Accepted(acceptance) => Self {
                outcome: otp_outcome::Accepted as i32,
                has_matched: i32::from(acceptance.matched.is_some()),
                matched: acceptance.matched.unwrap_or_default(),
                drift: acceptance.drift,
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
/// code is good once, for all bindings of the tenant; wrong guesses count as those at codes that
/// were sent.
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
/// at most 255. The code is good once, for all bindings of the tenant; wrong guesses count as those
/// at codes that were sent. The drift of the device's clock is remembered.
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
    const NONE: otp_view = otp_view {
        data: core::ptr::null(),
        len: 0,
    };
    guard(|| {
        // SAFETY: by this function's contract, here and below.
        let (engine, store) = unsafe { (use_engine(engine)?, use_store(store)?) };
        // SAFETY: as above.
        let ocra = unsafe { use_ocra(ocra)? };
        // SAFETY: as above.
        let given = unsafe { Given::lend(request, request_len, NONE, verdict_out)? };
        let mut answer = Answer::new(given.request.typed);
        if !inputs.is_null() {
            // SAFETY: as above.
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
        }
        let verdict = engine.verify_ocra(&*store.store, &given.request.binding, ocra, answer);
        // SAFETY: as above.
        unsafe { given.answer(verdict, verdict_out) }
    })
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
