//! What the records of one user promise, written down once more from the documentation: the
//! reference that histories are held against. All of it happens within one second.

use otp_engine::{
    Rejection, Verdict, challenge::ChallengeState, operation::Status, verdict::RefusalReason,
};

use super::fixture::{MAX_ATTEMPTS, USER_FAILURES, USER_SENDS};
use super::linearizable::Spec;

/// What is asked of a slot.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(crate) enum Op {
    Issue,
    /// The code that was out first, for the challenge that was out first.
    Right,
    /// A guess that no code is equal to.
    Wrong,
    Cancel,
    Look,
}

/// What is heard.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(crate) enum Ret {
    Issued,
    SentAgain(u8),
    Cooldown,
    SendLimit,
    Closed,
    Accepted,
    Wrong(u8),
    AlreadyUsed,
    Exhausted,
    Cancelled,
    Superseded,
    Locked,
    Unknown,
    CalledOff,
    NothingLive,
    /// The rate limit that was told to be used up is not.
    Unlimited,
    Seen(Life, u8),
}

/// How the challenge of a slot stands.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(crate) enum Life {
    Absent,
    Pending,
    Verified,
    Exhausted,
    Cancelled,
}

/// One slot.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(crate) struct Slot {
    life: Life,
    attempts: u8,
    sends: u8,
    cooling: bool,
    /// The challenge is the one that `Op::Right` means.
    first: bool,
}

impl Slot {
    pub(crate) const ABSENT: Self = Self {
        life: Life::Absent,
        attempts: 0,
        sends: 0,
        cooling: false,
        first: false,
    };

    /// A code is out, and its cooldown is over.
    pub(crate) const fn issued() -> Self {
        Self {
            life: Life::Pending,
            attempts: 0,
            sends: 1,
            cooling: false,
            first: true,
        }
    }

    /// Why no guess is compared, if so.
    fn closed(&self) -> Option<Ret> {
        match self.life {
            Life::Absent => Some(Ret::Unknown),
            Life::Pending => None,
            Life::Verified => Some(Ret::AlreadyUsed),
            Life::Exhausted => Some(Ret::Exhausted),
            Life::Cancelled => Some(Ret::Cancelled),
        }
    }
}

impl Spec for Slot {
    type Op = Op;
    type Ret = Ret;

    fn invoke(&mut self, op: &Op) -> Ret {
        match op {
            Op::Issue if self.life == Life::Exhausted => Ret::Closed,
            Op::Issue if self.cooling => Ret::Cooldown,
            Op::Issue if self.life == Life::Pending => {
                self.sends += 1;
                self.cooling = true;
                Ret::SentAgain(self.sends)
            }
            Op::Issue => {
                let first = self.life == Life::Absent;
                *self = Self {
                    life: Life::Pending,
                    sends: 1,
                    cooling: true,
                    first,
                    ..*self
                };
                Ret::Issued
            }
            Op::Right if self.life != Life::Absent && !self.first => Ret::Superseded,
            Op::Right | Op::Wrong if self.closed().is_some() => self.closed().unwrap(),
            Op::Right => {
                (self.life, self.attempts) = (Life::Verified, 0);
                Ret::Accepted
            }
            Op::Wrong => {
                self.attempts += 1;
                if self.attempts == MAX_ATTEMPTS {
                    self.life = Life::Exhausted;
                }
                Ret::Wrong(MAX_ATTEMPTS - self.attempts)
            }
            Op::Cancel if self.life == Life::Pending => {
                self.life = Life::Cancelled;
                Ret::CalledOff
            }
            Op::Cancel => Ret::NothingLive,
            Op::Look if self.life == Life::Absent => Ret::Seen(Life::Absent, 0),
            Op::Look => Ret::Seen(self.life, MAX_ATTEMPTS - self.attempts),
        }
    }
}

/// What is asked of a user's records.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(crate) enum Asked {
    /// Something of one slot.
    Of(usize, Op),
    /// Whether the user is locked, or has had all sends.
    Locked,
    SentOut,
}

impl Asked {
    /// Returns what an answer rests on.
    ///
    /// A refusal commits nothing, and a load is not one view of all cells: one that speaks of the
    /// user's rate limit is true of the meter alone, as the slot may have changed since it was read.
    pub(crate) fn by(slot: usize, op: Op, heard: Ret) -> Self {
        match heard {
            Ret::Locked => Self::Locked,
            Ret::SendLimit => Self::SentOut,
            _ => Self::Of(slot, op),
        }
    }

    /// Returns the slot that an answer tells of.
    pub(crate) fn slot(self) -> Option<usize> {
        match self {
            Self::Of(slot, _) => Some(slot),
            Self::Locked | Self::SentOut => None,
        }
    }
}

/// All slots of one user, and the rate limits that they share.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub(crate) struct User {
    slots: Vec<Slot>,
    failures: u8,
    sends: u8,
}

impl User {
    pub(crate) fn new(slot: Slot, slots: usize) -> Self {
        let sends = u8::try_from(slots).unwrap() * slot.sends;
        Self {
            slots: vec![slot; slots],
            failures: 0,
            sends,
        }
    }
}

impl Spec for User {
    type Op = Asked;
    type Ret = Ret;

    fn invoke(&mut self, asked: &Asked) -> Ret {
        let Asked::Of(at, op) = asked else {
            let locked = *asked == Asked::Locked && self.failures >= USER_FAILURES;
            let sent_out = *asked == Asked::SentOut && self.sends >= USER_SENDS;
            return match (locked, sent_out) {
                (true, _) => Ret::Locked,
                (_, true) => Ret::SendLimit,
                _ => Ret::Unlimited,
            };
        };
        let mut slot = self.slots[*at];
        let ret = slot.invoke(op);
        match ret {
            Ret::Accepted | Ret::Wrong(_) if self.failures >= USER_FAILURES => return Ret::Locked,
            Ret::Issued | Ret::SentAgain(_) if self.sends >= USER_SENDS => return Ret::SendLimit,
            Ret::Wrong(_) => self.failures += 1,
            Ret::Issued | Ret::SentAgain(_) => self.sends += 1,
            _ => {}
        }
        self.slots[*at] = slot;
        ret
    }
}

impl From<&Verdict> for Ret {
    fn from(verdict: &Verdict) -> Self {
        match verdict.rejection() {
            None => Self::Accepted,
            Some(Rejection::Wrong { attempts_left }) => Self::Wrong(attempts_left),
            Some(Rejection::AlreadyUsed) => Self::AlreadyUsed,
            Some(Rejection::Exhausted { .. }) => Self::Exhausted,
            Some(Rejection::Cancelled) => Self::Cancelled,
            Some(Rejection::Superseded) => Self::Superseded,
            Some(Rejection::Locked { retry_at: Some(_) }) => Self::Locked,
            Some(Rejection::Unknown) => Self::Unknown,
            Some(other) => panic!("{other:?}"),
        }
    }
}

impl From<RefusalReason> for Ret {
    fn from(reason: RefusalReason) -> Self {
        match reason {
            RefusalReason::Cooldown => Self::Cooldown,
            RefusalReason::SendLimit => Self::SendLimit,
            RefusalReason::Exhausted => Self::Closed,
            RefusalReason::Locked => Self::Locked,
            other => unreachable!("no slot refuses by {other:?}"),
        }
    }
}

impl From<Option<Status>> for Ret {
    fn from(status: Option<Status>) -> Self {
        let Some(status) = status else {
            return Self::Seen(Life::Absent, 0);
        };
        let life = match status.state {
            ChallengeState::Pending => Life::Pending,
            ChallengeState::Verified => Life::Verified,
            ChallengeState::Exhausted => Life::Exhausted,
            ChallengeState::Cancelled => Life::Cancelled,
            other => panic!("{other:?}"),
        };
        Self::Seen(life, status.attempts_left)
    }
}
