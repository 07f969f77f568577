//! Answers: what an operation says. None of them is an error.

use alloc::boxed::Box;
use core::time::Duration;

use crate::{ChallengeId, Code, Recipient, SignatureRecord, Timestamp, evidence::EvidenceFault};

/// The answer of [`Engine::issue`](crate::Engine::issue).
///
/// It holds a code and therefore has no `Debug`.
#[must_use = "a code that is not sent helps nobody, and a refusal says when to ask again"]
#[expect(missing_debug_implementations, reason = "a code never reaches a log")]
#[expect(
    clippy::exhaustive_enums,
    reason = "either there is a code, or there is none"
)]
pub enum Issuance {
    /// There is a code to send.
    Issued(Issued),
    /// There is none, and the reason.
    Refused(Refusal),
}

impl Issuance {
    /// Returns what was issued, if anything.
    #[must_use]
    pub fn issued(self) -> Option<Issued> {
        match self {
            Self::Issued(issued) => Some(issued),
            Self::Refused(_) => None,
        }
    }

    /// Returns the refusal, if it is one.
    #[must_use]
    pub const fn refused(&self) -> Option<Refusal> {
        match self {
            Self::Issued(_) => None,
            Self::Refused(refusal) => Some(*refusal),
        }
    }
}

/// A code to send, handed out this once. Send it, then
/// [report](crate::Engine::report_delivery) how that went.
#[expect(missing_debug_implementations, reason = "a code never reaches a log")]
#[non_exhaustive]
pub struct Issued {
    /// Names the challenge; unguessable, and never enough by itself.
    pub id: ChallengeId,
    /// The digits to send.
    pub code: Code,
    /// When the code was made; a code that is sent again keeps its first instant.
    pub issued_at: Timestamp,
    /// From when on the code is no longer accepted; sending it again never moves this.
    pub expires_at: Timestamp,
    /// Where to send it.
    pub recipient: Recipient,
    /// Which send of this code it is, from 1 on.
    pub send: u8,
    /// How long the code is still accepted from now on: less for a code that is sent again.
    pub valid_for: Duration,
}

impl Issued {
    /// Returns for how many minutes a message may say that the code is valid: what is left of them,
    /// rounded down, and 1 at least.
    #[must_use]
    pub fn minutes(&self) -> u32 {
        let minutes = self.valid_for.as_secs() / 60;
        u32::try_from(minutes).unwrap_or(u32::MAX).max(1)
    }
}

/// The reason why no code is sent now.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Refusal {
    /// The first limit that stands against it.
    pub reason: RefusalReason,
    /// When the same call will be admitted, unless something else happens; `None` where only
    /// [`unlock`](crate::Engine::unlock) helps.
    pub retry_at: Option<Timestamp>,
    /// The live challenge, if its code is the one that this call would send again: for exactly this
    /// binding, under these limits and a key that the ring holds.
    pub id: Option<ChallengeId>,
}

/// A limit on issuing.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum RefusalReason {
    /// A code was sent a moment ago.
    Cooldown,
    /// This code, this recipient or this user has had its sends.
    SendLimit,
    /// All attempts are used up; the slot is closed for a while.
    Exhausted,
    /// The user or the recipient has too many wrong guesses behind it.
    Locked,
}

/// The answer of [`Engine::verify`](crate::Engine::verify).
///
/// That `verify` returned `Ok` says that there is an answer, not that the code was right: ask
/// [`is_accepted`](Self::is_accepted), or match. Where only the question matters,
/// [`Engine::accepts`](crate::Engine::accepts) is the question itself.
#[derive(Clone, Debug, Eq, PartialEq)]
#[must_use = "a rejected code must not open anything: ask `is_accepted`"]
#[expect(clippy::exhaustive_enums, reason = "accepted or not")]
pub enum Verdict<A = Acceptance> {
    /// The code was right, for the first and only time.
    Accepted(A),
    /// It was not accepted, and why: for the trusted caller, see [`Rejection::public`].
    Rejected(Rejection),
}

impl<A> Verdict<A> {
    /// Says whether the code was accepted.
    #[must_use]
    pub const fn is_accepted(&self) -> bool {
        matches!(self, Self::Accepted(_))
    }

    /// Returns the rejection, if it is one.
    #[must_use]
    pub const fn rejection(&self) -> Option<Rejection> {
        match self {
            Self::Accepted(_) => None,
            Self::Rejected(rejection) => Some(*rejection),
        }
    }
}

/// What an accepted code leaves.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Acceptance {
    /// The challenge that was answered.
    pub id: ChallengeId,
    /// When it was answered.
    pub verified_at: Timestamp,
    /// The signature record that stands in the same commit, where the engine signs. Boxed, as it
    /// would make every verdict large.
    pub record: Option<Box<SignatureRecord>>,
}

impl Acceptance {
    pub(crate) const fn new(
        id: ChallengeId,
        verified_at: Timestamp,
        record: Option<Box<SignatureRecord>>,
    ) -> Self {
        Self {
            id,
            verified_at,
            record,
        }
    }
}

/// The reason why a code was not accepted.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum Rejection {
    /// Another code than the one that was sent; this used up an attempt.
    Wrong {
        /// How many guesses are left; at 0 the challenge is dead for good.
        attempts_left: u8,
    },
    /// The code's time is over.
    Expired,
    /// All attempts are used up; even the right code is refused.
    Exhausted {
        /// When a new code can be issued.
        retry_at: Timestamp,
    },
    /// The right code was already given, once.
    AlreadyUsed,
    /// A newer challenge took this one's place, or the policy now asks for a stronger code.
    Superseded,
    /// The challenge was called off.
    Cancelled,
    /// The code in this slot is for another recipient or another content.
    Mismatch,
    /// Nothing was issued for this, or a raised epoch voided it.
    Unknown,
    /// What was entered is no code of this kind; no attempt was used.
    Malformed,
    /// The user has too many wrong guesses behind them, or the device has.
    Locked {
        /// When the lock ends by itself; `None` where only [`unlock`](crate::Engine::unlock) helps, for
        /// a device that was stopped [`reset_device`](crate::Engine::reset_device).
        retry_at: Option<Timestamp>,
    },
    /// Evidence is missing or does not fit; nothing was compared and no attempt was used.
    Evidence(EvidenceFault),
    /// The device's counter is not known since the epoch was raised: ask for two codes in a row
    /// ([`resynchronise`](crate::Engine::resynchronise)). Nothing was compared and no
    /// attempt was used.
    Resynchronise,
}

impl Rejection {
    /// Returns what an untrusted caller may be told (OWASP ASVS 5.0, 6.3.8): one class for all
    /// that depends on what is stored.
    #[must_use]
    pub const fn public(self) -> PublicRejection {
        match self {
            Self::Malformed => PublicRejection::Malformed,
            Self::Evidence(fault) => PublicRejection::Evidence(fault),
            Self::Wrong { .. }
            | Self::Expired
            | Self::Exhausted { .. }
            | Self::AlreadyUsed
            | Self::Superseded
            | Self::Cancelled
            | Self::Mismatch
            | Self::Unknown
            | Self::Resynchronise
            | Self::Locked { .. } => PublicRejection::Invalid,
        }
    }
}

/// A rejection as it may be shown to an untrusted caller.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum PublicRejection {
    /// The code is invalid or expired; which one is not said.
    Invalid,
    /// What was entered has not the form of a code. It depends on the entered text and on the kind of
    /// code that is out: where siblings with other lengths share a slot, it tells which.
    Malformed,
    /// Evidence is missing or does not fit; this depends on what was given, and on the policy.
    Evidence(EvidenceFault),
}
