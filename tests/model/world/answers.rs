//! The engine's answers in the reference's terms, and their names for the tally.

use otp_engine::{ChallengeId, Error, Rejection};

use crate::terms::{self, Fault, Id};

pub(super) fn id_of(id: ChallengeId) -> Id {
    Id::from_be_bytes(*id.as_bytes())
}

/// Takes an error for a fault that the reference knows.
pub(super) fn fault(error: Error) -> Result<Fault, String> {
    match error {
        Error::Clock => Ok(Fault::Clock),
        Error::UnknownKey => Ok(Fault::UnknownKey),
        other => Err(format!("an error that nothing calls for: {other:?}")),
    }
}

pub(super) fn of_fault(fault: Fault) -> &'static str {
    match fault {
        Fault::Clock => "fault: clock",
        Fault::UnknownKey => "fault: unknown key",
    }
}

pub(super) fn of_verdict(verdict: &Result<terms::Verdict, Fault>) -> &'static str {
    match verdict {
        Ok(terms::Verdict::Accepted { .. }) => "accepted",
        Ok(terms::Verdict::Rejected(rejection)) => match rejection {
            Rejection::Wrong { attempts_left: 0 } => "wrong, the last",
            Rejection::Wrong { .. } => "wrong",
            Rejection::Expired => "expired",
            Rejection::Exhausted { .. } => "exhausted",
            Rejection::AlreadyUsed => "already used",
            Rejection::Superseded => "superseded",
            Rejection::Cancelled => "verdict: cancelled",
            Rejection::Mismatch => "mismatch",
            Rejection::Unknown => "unknown",
            Rejection::Malformed => "malformed",
            Rejection::Locked { retry_at: Some(_) } => "locked",
            Rejection::Locked { retry_at: None } => "locked until unlocked",
            _ => "a new rejection",
        },
        Err(fault) => of_fault(*fault),
    }
}
