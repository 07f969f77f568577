//! Cancel: calls a live challenge off. Attempts, budgets and cooldown stay as they are.

use super::{Decision, Ground, Operation, SLOT, Subject, Target, put_slot};
use crate::challenge::{Challenge, State};
use crate::event::{Happening, Happenings};
use crate::seal::{Places, Writes};
use crate::store::Key;
use crate::{Error, Timestamp};

/// The answer of [`Engine::cancel`](crate::Engine::cancel).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(
    clippy::exhaustive_enums,
    reason = "there was a live challenge for this binding, or not"
)]
pub enum Cancellation {
    /// The live challenge is called off; its code is no longer accepted.
    Cancelled,
    /// There was no live challenge for exactly this binding.
    NothingLive,
}

/// Calls off the challenge of a binding.
pub(crate) struct Cancel<'a> {
    pub(crate) target: Target<'a>,
}

impl Operation for Cancel<'_> {
    type Answer = Cancellation;

    fn keys(&self) -> &[Key] {
        &self.target.keys()[..=SLOT]
    }

    fn decide(
        &self,
        _: &Ground<'_>,
        places: &Places<'_>,
        writes: &mut Writes<'_>,
        now: Timestamp,
    ) -> Result<Decision<Cancellation>, Error> {
        let slot = places.at(SLOT)?;
        let mut challenge = Challenge::in_slot(slot.body(), now)?;
        let over = challenge.as_mut().is_some_and(|it| it.expire(now));
        if let Some(challenge) = challenge.as_ref().filter(|_| over) {
            put_slot(writes, slot, challenge);
        }
        let is_meant =
            |it: &Challenge| it.state == State::Pending && self.target.digest.has_tag(&it.tag);
        let Some(mut challenge) = challenge.filter(is_meant) else {
            let answer = Cancellation::NothingLive;
            return Ok(Decision {
                answer,
                happenings: Happenings::default(),
                id: None,
            });
        };
        challenge.end(State::Cancelled, now);
        put_slot(writes, slot, &challenge);
        let id = Some(challenge.id);
        Ok(Decision {
            answer: Cancellation::Cancelled,
            happenings: Happening::Cancelled.into(),
            id,
        })
    }

    fn subject(&self) -> Subject<'_> {
        Subject::Binding(self.target.binding)
    }
}
