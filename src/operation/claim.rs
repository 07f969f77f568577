//! Claim: the code of a send once more, for a host whose messages wait in a queue.

use core::cmp::Ordering;

use super::{
    BindingCells, Context, Decided, Decision, Loaded, Operation, SLOT, Subject, USER, hand_out,
    put_slot,
};
use crate::binding::BindingRef;
use crate::challenge::{Challenge, DeliveryStatus};
use crate::event::EventKind;
use crate::meter::Meter;
use crate::seal::Writes;
use crate::store::Key;
use crate::{ChallengeId, Error, Issued, Rejection, Timestamp};

/// The answer of [`Engine::claim_send`](crate::Engine::claim_send).
///
/// It holds a code and therefore has no `Debug`.
#[must_use = "a send that is claimed is claimed by nobody else: send its code"]
#[expect(missing_debug_implementations, reason = "a code never reaches a log")]
#[expect(
    clippy::exhaustive_enums,
    reason = "either there is a code, or there is none"
)]
pub enum Claim {
    /// The send is the caller's, and nobody else gets its code.
    Claimed(Issued),
    /// There is no code to send, and the reason.
    Refused(ClaimRefusal),
}

impl Claim {
    /// Returns what was claimed, if anything.
    #[must_use]
    pub fn claimed(self) -> Option<Issued> {
        match self {
            Self::Claimed(issued) => Some(issued),
            Self::Refused(_) => None,
        }
    }

    /// Returns the refusal, if it is one.
    #[must_use]
    pub const fn refused(&self) -> Option<ClaimRefusal> {
        match self {
            Self::Claimed(_) => None,
            Self::Refused(refusal) => Some(*refusal),
        }
    }
}

/// The reason why a send cannot be claimed. The message is dropped, whatever the reason: of all of
/// them only a lock passes.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum ClaimRefusal {
    /// It was claimed before: whoever did that has the code, or died with it.
    Claimed,
    /// The gateway's answer was reported: the message is out, or was refused.
    Reported,
    /// [`verify`](crate::Engine::verify) would not take the code now, and why:
    /// [`Superseded`](Rejection::Superseded) also where a later send took this one's place, and
    /// [`Unknown`](Rejection::Unknown) for a send that never was.
    Rejected(Rejection),
}

/// Claims the latest send of a challenge.
pub(crate) struct ClaimSend<'a> {
    pub(crate) target: BindingCells<'a>,
    pub(crate) id: ChallengeId,
    pub(crate) send: u8,
}

impl<'a> ClaimSend<'a> {
    /// # Errors
    ///
    /// As [`Context::admits`].
    pub(crate) fn new(
        context: &Context<'a>,
        binding: BindingRef<'a>,
        id: ChallengeId,
        send: u8,
    ) -> Result<Self, Error> {
        let target = BindingCells::admitted(context, binding)?;
        Ok(Self { target, id, send })
    }

    /// Returns why nobody gets the code, if so.
    fn refuses(
        &self,
        context: &Context<'_>,
        challenge: &Challenge,
        user: &Meter,
        now: Timestamp,
    ) -> Result<Option<ClaimRefusal>, Error> {
        let closed = self
            .target
            .closed(context, challenge, Some(self.id), user, now)?;
        let elsewhere = || match self.send.cmp(&challenge.sends) {
            Ordering::Less => Some(Rejection::Superseded),
            Ordering::Equal => None,
            Ordering::Greater => Some(Rejection::Unknown),
        };
        if let Some(rejection) = closed.or_else(elsewhere) {
            return Ok(Some(ClaimRefusal::Rejected(rejection)));
        }
        Ok(match challenge.delivery {
            DeliveryStatus::Unreported => None,
            DeliveryStatus::Claimed => Some(ClaimRefusal::Claimed),
            DeliveryStatus::Sent | DeliveryStatus::Failed(_) => Some(ClaimRefusal::Reported),
        })
    }
}

impl Operation for ClaimSend<'_> {
    type Answer = Claim;

    /// The recipient's meter is not among them: a claim is no send.
    fn keys(&self) -> &[Key] {
        let keys = self.target.keys();
        &keys[..keys.len().min(USER + 1)]
    }

    fn decide(&self, loaded: &Loaded<'_>, writes: &mut Writes<'_>) -> Decided<Claim> {
        let (context, now) = (loaded.context, loaded.now);
        let slot = loaded.cell(SLOT)?;
        let Some(mut challenge) = Challenge::in_slot(slot.body(), now)? else {
            let refusal = ClaimRefusal::Rejected(Rejection::Unknown);
            return Ok(Decision::quiet(Claim::Refused(refusal)));
        };
        let over = challenge.expire(now);
        let mut user = Meter::default();
        loaded.read_meter(USER, &mut user)?;
        if let Some(refusal) = self.refuses(context, &challenge, &user, now)? {
            if over {
                put_slot(writes, slot, &challenge);
            }
            return Ok(Decision::quiet(Claim::Refused(refusal)));
        }
        challenge.delivery = DeliveryStatus::Claimed;
        put_slot(writes, slot, &challenge);
        // Unchanged: the claim rests on the user not being locked.
        loaded.put_meter(writes, USER, &user)?;
        Ok(Decision {
            answer: Claim::Claimed(hand_out(context, &self.target, &challenge, now)),
            events: EventKind::Claimed { send: self.send }.into(),
            id: Some(challenge.id),
        })
    }

    fn subject(&self) -> Subject<'_> {
        Subject::Binding(self.target.binding)
    }
}
