//! What an OCRA suite asks for beside the question, and how far counter and time are looked around.

use core::fmt;

use super::{Inputs, Pin, Reach, Suite};
use crate::Timestamp;

/// What a suite asks for beside the question of a binding, and how far counter and time are looked
/// around; both are the engine's.
#[derive(Clone, Copy, Default)]
#[must_use]
pub struct OcraOptions<'a> {
    pin: Option<Pin<'a>>,
    session: Option<&'a [u8]>,
    pub(crate) first: u64,
    pub(crate) reach: Reach,
}

impl<'a> OcraOptions<'a> {
    /// No PIN, no session; counters from 0, not looked around.
    pub fn new() -> Self {
        Self::default()
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

impl fmt::Debug for OcraOptions<'_> {
    /// Shows nothing that the user knows.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OcraOptions")
            .field("reach", &self.reach)
            .finish_non_exhaustive()
    }
}
