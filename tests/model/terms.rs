//! The words of both sides: limits, bindings by number, and answers with plain integers.

use otp_engine::{
    Rejection,
    challenge::{ChallengeState, DeliveryStatus},
    operation::{ClaimRefusal, Lock},
    verdict::RefusalReason,
};

pub(crate) const HOUR: i64 = 3_600;
pub(crate) const DAY: i64 = 24 * HOUR;

/// The limits of one sibling engine.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    pub(crate) digits: u8,
    pub(crate) max_attempts: u8,
    pub(crate) validity: i64,
    pub(crate) lockout: i64,
    pub(crate) cooldown: i64,
    pub(crate) rotate: bool,
    pub(crate) max_sends: u8,
}

impl Limits {
    /// What a challenge remembers of the policy that it was issued under.
    pub(crate) fn remembered(&self) -> (u8, u8, i64, i64) {
        (self.digits, self.max_attempts, self.validity, self.lockout)
    }
}

/// The code keys of one sibling engine.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ring {
    pub(crate) kids: &'static [&'static str],
    pub(crate) current: &'static str,
    pub(crate) epoch: u32,
}

/// The engine that is asked: its clock's time, its policy, its keys.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asked<'a> {
    pub(crate) now: i64,
    pub(crate) limits: &'a Limits,
    pub(crate) ring: &'a Ring,
}

/// A whole binding, by numbers.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(crate) struct Who {
    pub(crate) tenant: u8,
    pub(crate) user: u8,
    pub(crate) record: u8,
    pub(crate) recipient: u8,
    pub(crate) content: u8,
}

/// What names a slot: the binding without recipient and content.
pub(crate) type SlotName = (u8, u8, u8);

impl Who {
    pub(crate) fn place(self) -> SlotName {
        (self.tenant, self.user, self.record)
    }

    pub(crate) fn means(self) -> (u8, u8) {
        (self.recipient, self.content)
    }
}

/// A challenge id, as a number.
pub(crate) type Id = u128;

/// Faults: no answer is known.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Fault {
    Clock,
    UnknownKey,
}

#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Issuance {
    /// A new challenge; the engine draws its id, and [`Reference::learn`] takes note of it.
    New { issued_at: i64, expires_at: i64 },
    Again {
        id: Id,
        code: String,
        issued_at: i64,
        expires_at: i64,
        send: u8,
    },
    Refused {
        reason: RefusalReason,
        retry_at: Option<i64>,
        id: Option<Id>,
    },
}

#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Claim {
    Claimed {
        id: Id,
        code: String,
        issued_at: i64,
        expires_at: i64,
        send: u8,
        valid_for: i64,
    },
    Refused(ClaimRefusal),
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Verdict {
    Accepted { id: Id, verified_at: i64 },
    Rejected(Rejection),
}

#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Status {
    pub(crate) id: Id,
    pub(crate) state: ChallengeState,
    pub(crate) issued_at: i64,
    pub(crate) expires_at: i64,
    pub(crate) attempts_left: u8,
    pub(crate) sends: u8,
    pub(crate) delivery: DeliveryStatus,
    pub(crate) next_send_at: i64,
    pub(crate) lock: Lock,
}
