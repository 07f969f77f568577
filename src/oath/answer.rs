//! What a device answered to the question of a binding.

use core::fmt;

use super::{Inputs, Pin, Reach, Suite};
use crate::Timestamp;

/// What came back for a binding's question, with what else the suite asks for; counter and time are
/// the engine's.
#[derive(Clone, Copy)]
#[must_use]
pub struct Answer<'a> {
    pub(crate) entered: &'a [u8],
    pin: Option<Pin<'a>>,
    session: Option<&'a [u8]>,
    pub(crate) first: u64,
    pub(crate) reach: Reach,
}

impl<'a> Answer<'a> {
    /// Takes what was entered; any bytes are an answer.
    pub fn new(entered: &'a (impl AsRef<[u8]> + ?Sized)) -> Self {
        Self {
            entered: entered.as_ref(),
            pin: None,
            session: None,
            first: 0,
            reach: Reach::default(),
        }
    }

    /// Sets the PIN, where the suite asks for one.
    pub const fn pin(mut self, pin: Pin<'a>) -> Self {
        self.pin = Some(pin);
        self
    }

    /// Sets the session information, where the suite asks for it.
    pub const fn session(mut self, session: &'a [u8]) -> Self {
        self.session = Some(session);
        self
    }

    /// Sets the counter of the device's first answer, where it is not 0.
    pub const fn starting_at(mut self, counter: u64) -> Self {
        self.first = counter;
        self
    }

    /// Sets how far counter and time are looked around; not at all by default.
    pub const fn reach(mut self, reach: Reach) -> Self {
        self.reach = reach;
        self
    }

    /// Returns what the code is computed from: of counter and time what the suite asks for.
    pub(crate) fn inputs(
        &self,
        suite: &Suite,
        question: &'a str,
        counter: u64,
        now: Timestamp,
    ) -> Inputs<'a> {
        let mut inputs = Inputs::new(question);
        if suite.counter() {
            inputs = inputs.counter(counter);
        }
        if let Some(pin) = self.pin {
            inputs = inputs.pin(pin);
        }
        if let Some(session) = self.session {
            inputs = inputs.session(session);
        }
        if suite.step().is_some() {
            inputs = inputs.now(now);
        }
        inputs
    }
}

impl fmt::Debug for Answer<'_> {
    /// Shows nothing that the user entered or knows.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Answer")
            .field("reach", &self.reach)
            .finish_non_exhaustive()
    }
}
