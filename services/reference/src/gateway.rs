//! How a message goes out: the port behind which an SMS gateway stands.

pub mod esms;
pub mod log;

use core::fmt;

/// Takes messages to phones.
///
/// # Contract
///
/// * It is asked on a thread that may block, bounds its own time, and sends one message at most for
///   each call: it never tries again.
/// * [`Unanswered`] is for what may have been sent: nothing is refunded then. Whatever surely was
///   not sent is a [`Reply`] that is not ok.
/// * The text holds a code: it is neither kept nor logged.
pub trait Gateway: Send + Sync {
    /// Sends a text to a number: digits with country code, without plus.
    ///
    /// # Errors
    ///
    /// [`Unanswered`] where nobody knows whether the message goes out.
    fn send(&self, to: &str, text: &str) -> Result<Reply, Unanswered>;
}

const _: Option<&dyn Gateway> = None; // the trait stays usable as an object

/// What a gateway answered.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Reply {
    /// The gateway's own status, "0" for a message that it took; at most five printable characters.
    /// "conn" and "tls" are no gateway's: none was reached.
    pub status: String,
    /// What the status means, for the log.
    pub meaning: &'static str,
}

impl Reply {
    /// Makes a reply.
    #[must_use]
    pub fn new(status: impl Into<String>, meaning: &'static str) -> Self {
        Self {
            status: status.into(),
            meaning,
        }
    }

    /// Says whether the gateway took the message.
    #[must_use]
    pub fn is_ok(&self) -> bool {
        self.status == "0"
    }
}

/// Nobody knows whether the message goes out, and why.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Unanswered(&'static str);

impl Unanswered {
    /// Takes the reason, for the log.
    #[must_use]
    pub const fn new(reason: &'static str) -> Self {
        Self(reason)
    }
}

impl fmt::Display for Unanswered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl core::error::Error for Unanswered {}
