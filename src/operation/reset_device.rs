//! Reset of a device: an administrator forgets its lock, its guesses and its drift, and says why. What
//! was used stays used.

use super::oath::put_credential;
use super::reset::{Resetting, decided};
use super::{Decision, Ground, Operation, Subject};
use crate::event::Happening;
use crate::oath::Device;
use crate::oath::credential::Credential;
use crate::seal::{Places, Writes};
use crate::store::Key;
use crate::{Error, Timestamp};

/// Sets one device right.
pub(crate) struct ResetDevice<'a> {
    pub(crate) key: Key,
    pub(crate) tenant: &'a str,
    pub(crate) user: &'a str,
    pub(crate) device: Device<'a>,
    pub(crate) reason: &'a str,
}

impl Operation for ResetDevice<'_> {
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
        let before = Credential::read(place.body())?;
        let after = before.reset(self.device.latest_step(now));
        let lifted = before != after;
        if lifted {
            put_credential(ground, writes, place, &after, now);
        }
        Ok(decided(lifted, Happening::DeviceReset, None))
    }

    fn subject(&self) -> Subject<'_> {
        Subject::User {
            tenant: self.tenant,
            user: self.user,
        }
    }

    fn reason(&self) -> Option<&str> {
        Some(self.reason)
    }
}
