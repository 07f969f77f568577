//! Unlock: lifts what wrong guesses put on a user. Slots, sends and recipients stay as they are.

use super::{Decision, Ground, Operation, Subject};
use crate::event::{Happening, Happenings};
use crate::meter::Meter;
use crate::seal::{Places, Writes};
use crate::store::{Key, Kind};
use crate::{Error, Timestamp};

/// The answer of [`Engine::unlock`](crate::Engine::unlock).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(
    clippy::exhaustive_enums,
    reason = "there was something to lift, or not"
)]
pub enum Unlocking {
    /// The user's failures are forgotten.
    Unlocked,
    /// The user had none.
    NothingToUnlock,
}

/// Forgets the failures of a user.
pub(crate) struct Unlock<'a> {
    pub(crate) key: Key,
    pub(crate) tenant: &'a str,
    pub(crate) user: &'a str,
}

impl Operation for Unlock<'_> {
    type Answer = Unlocking;

    fn keys(&self) -> &[Key] {
        core::slice::from_ref(&self.key)
    }

    fn decide(
        &self,
        ground: &Ground<'_>,
        places: &Places<'_>,
        writes: &mut Writes<'_>,
        now: Timestamp,
    ) -> Result<Decision<Unlocking>, Error> {
        let place = places.at(0)?;
        let meter = Meter::read(place.body())?;
        let unlocked = Meter {
            sends: meter.sends.clone(),
            ..Meter::default()
        };
        if unlocked != meter {
            // Those that count no more go too: they would count again, should the clock go back.
            writes.put(
                place,
                Kind::Meter,
                unlocked.discard_after(ground.budgets, ground.class, now),
                |body| unlocked.write(body),
            );
        }
        let (answer, happenings) = if meter.has_failures(ground.budgets, now) {
            (Unlocking::Unlocked, Happening::Unlocked.into())
        } else {
            (Unlocking::NothingToUnlock, Happenings::default())
        };
        Ok(Decision {
            answer,
            happenings,
            id: None,
        })
    }

    fn subject(&self) -> Subject<'_> {
        Subject::User {
            tenant: self.tenant,
            user: self.user,
        }
    }
}
