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
        _: &Ground<'_>,
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
        if unlocked == meter {
            let answer = Unlocking::NothingToUnlock;
            return Ok(Decision {
                answer,
                happenings: Happenings::default(),
                id: None,
            });
        }
        writes.put(
            place,
            Kind::Meter,
            Some(unlocked.discard_after(now)),
            |body| unlocked.write(body),
        );
        Ok(Decision {
            answer: Unlocking::Unlocked,
            happenings: Happening::Unlocked.into(),
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
