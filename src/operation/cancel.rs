//! Cancel: calls a live challenge off. Attempts, rate limits and cooldown stay as they are.

use super::{BindingCells, Context, Decided, Decision, Loaded, Operation, SLOT, Subject, put_slot};
use crate::Error;
use crate::binding::BindingRef;
use crate::challenge::{Challenge, ChallengeState};
use crate::event::EventKind;
use crate::seal::Writes;
use crate::store::Key;

/// The answer of [`Engine::cancel`](crate::Engine::cancel).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(
    clippy::exhaustive_enums,
    reason = "there was a live challenge for this binding, or not"
)]
pub enum CancelOutcome {
    /// The live challenge is called off; its code is no longer accepted.
    Cancelled,
    /// There was no live challenge for exactly this binding.
    NothingLive,
}

/// Calls off the challenge of a binding.
pub(crate) struct Cancel<'a> {
    pub(crate) target: BindingCells<'a>,
}

impl<'a> Cancel<'a> {
    /// # Errors
    ///
    /// As [`Context::admits`].
    pub(crate) fn new(context: &Context<'a>, binding: BindingRef<'a>) -> Result<Self, Error> {
        let target = BindingCells::admitted(context, binding)?;
        Ok(Self { target })
    }
}

impl Operation for Cancel<'_> {
    type Answer = CancelOutcome;

    fn keys(&self) -> &[Key] {
        &self.target.keys()[..=SLOT]
    }

    fn decide(&self, loaded: &Loaded<'_>, writes: &mut Writes<'_>) -> Decided<CancelOutcome> {
        let now = loaded.now;
        let slot = loaded.cell(SLOT)?;
        let mut challenge = Challenge::in_slot(slot.body(), now)?;
        let over = challenge.as_mut().is_some_and(|it| it.expire(now));
        if let Some(challenge) = challenge.as_ref().filter(|_| over) {
            put_slot(writes, slot, challenge);
        }
        let is_meant = |it: &Challenge| {
            it.state == ChallengeState::Pending && self.target.digest().has_tag(&it.tag)
        };
        let Some(mut challenge) = challenge.filter(is_meant) else {
            let answer = CancelOutcome::NothingLive;
            return Ok(Decision::quiet(answer));
        };
        challenge.end(ChallengeState::Cancelled, now);
        put_slot(writes, slot, &challenge);
        let id = Some(challenge.id);
        Ok(Decision {
            answer: CancelOutcome::Cancelled,
            events: EventKind::Cancelled.into(),
            id,
        })
    }

    fn subject(&self) -> Subject<'_> {
        Subject::Binding(self.target.binding)
    }
}
