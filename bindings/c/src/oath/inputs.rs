//! What an OCRA code is computed from.

use otp_core::Timestamp;
use otp_core::oath::{Inputs, Pin, Reach};

use super::read_window;
use crate::guard::flag;
use crate::status::Fault;
use crate::view::{Sized_, otp_view, read_sized};

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

// SAFETY: plain data behind its size, of which all zeros is a value.
unsafe impl Sized_ for otp_ocra_inputs {}

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
        // SAFETY: by this function's contract, here and below.
        let given = unsafe { read_sized(inputs, "inputs")? };
        flag(given.has_counter, "has_counter")?;
        flag(given.has_now, "has_now")?;
        // SAFETY: as above.
        let questions = unsafe {
            [
                given.question.text("question")?,
                given.other_question.text("other_question")?,
            ]
        };
        // SAFETY: as above.
        let (pin, digest, session) = unsafe {
            (
                given.pin.optional_text("pin")?,
                given.pin_digest.bytes("pin_digest")?,
                given.session.optional_bytes("session")?,
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

    /// Returns what the suite is given.
    pub(super) fn inputs(&self) -> Inputs<'a> {
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
