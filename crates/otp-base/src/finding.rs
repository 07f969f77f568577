//! Where settings deviate from a standard.

use core::fmt;

/// A clause of a standard that some limits deviate from.
///
/// The engine's `Policy::findings`, and the `findings` of prepared OATH keys, list them.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub struct Finding {
    /// The standard, with its edition.
    pub standard: &'static str,
    /// The clause, as the standard numbers it.
    pub clause: &'static str,
    /// What the clause asks for and what the limits do instead, in words of our own.
    pub text: &'static str,
}

impl Finding {
    /// Puts a finding together.
    #[doc(hidden)]
    pub const fn new(standard: &'static str, clause: &'static str, text: &'static str) -> Self {
        Self {
            standard,
            clause,
            text,
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}: {}", self.standard, self.clause, self.text)
    }
}
