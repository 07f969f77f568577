//! Reset: an administrator lifts what holds a slot, a recipient or a user up, and says why. What was
//! used stays used.

use super::{Decision, Ground, Operation, SLOT, Subject, Target, put_slot};
use crate::challenge::Challenge;
use crate::event::{Happening, Happenings};
use crate::meter::Meter;
use crate::seal::{Places, Writes};
use crate::store::{Key, Kind};
use crate::{ChallengeId, Error, Timestamp};

/// The answer of the resets, such as [`Engine::reset_slot`](crate::Engine::reset_slot).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(
    clippy::exhaustive_enums,
    reason = "there was something to lift, or not"
)]
pub enum Resetting {
    /// Locks and windows are lifted.
    Reset,
    /// There was nothing to lift.
    NothingToReset,
}

/// Lifts what holds the slot of a binding up.
pub(crate) struct ResetSlot<'a> {
    pub(crate) target: Target<'a>,
    pub(crate) reason: &'a str,
}

impl Operation for ResetSlot<'_> {
    type Answer = Resetting;

    fn keys(&self) -> &[Key] {
        &self.target.keys()[..=SLOT]
    }

    fn decide(
        &self,
        _: &Ground<'_>,
        places: &Places<'_>,
        writes: &mut Writes<'_>,
        now: Timestamp,
    ) -> Result<Decision<Resetting>, Error> {
        let slot = places.at(SLOT)?;
        let Some(mut challenge) = Challenge::in_slot(slot.body(), now)? else {
            return Ok(decided(false, Happening::SlotReset, None));
        };
        let lifted = challenge.reset(now);
        if lifted {
            put_slot(writes, slot, &challenge);
        }
        Ok(decided(lifted, Happening::SlotReset, Some(challenge.id)))
    }

    fn subject(&self) -> Subject<'_> {
        Subject::Binding(self.target.binding)
    }

    fn reason(&self) -> Option<&str> {
        Some(self.reason)
    }
}

/// Forgets what a recipient or a user sent and failed.
pub(crate) struct ResetMeter<'a> {
    pub(crate) key: Key,
    pub(crate) subject: Subject<'a>,
    pub(crate) reason: &'a str,
}

impl Operation for ResetMeter<'_> {
    type Answer = Resetting;

    fn keys(&self) -> &[Key] {
        core::slice::from_ref(&self.key)
    }

    fn decide(
        &self,
        ground: &Ground<'_>,
        places: &Places<'_>,
        writes: &mut Writes<'_>,
        now: Timestamp,
    ) -> Result<Decision<Resetting>, Error> {
        let place = places.at(0)?;
        let (before, after) = (Meter::read(place.body())?, Meter::default());
        if before != after {
            // What counts no more goes too: it would count again, should the clock go back.
            writes.put(
                place,
                Kind::Meter,
                after.discard_after(ground.budgets, ground.class, now),
                |body| after.write(body),
            );
        }
        let happening = match self.subject {
            Subject::Recipient { .. } => Happening::RecipientReset,
            Subject::User { .. } | Subject::Binding(_) => Happening::UserReset,
        };
        let lifted = before.counts_anything(ground.budgets, now);
        Ok(decided(lifted, happening, None))
    }

    fn subject(&self) -> Subject<'_> {
        self.subject
    }

    fn reason(&self) -> Option<&str> {
        Some(self.reason)
    }
}

/// Answers a reset; nothing is heard of one that lifted nothing.
pub(super) fn decided(
    lifted: bool,
    happening: Happening,
    id: Option<ChallengeId>,
) -> Decision<Resetting> {
    let (answer, happenings) = if lifted {
        (Resetting::Reset, happening.into())
    } else {
        (Resetting::NothingToReset, Happenings::default())
    };
    Decision {
        answer,
        happenings,
        id,
    }
}
