//! Reset of a device: an administrator forgets its lock, its guesses and its drift, and says why. What
//! was used stays used.

use super::oath::put_credential;
use super::reset::{ResetOutcome, check_reason, decided};
use super::{Context, Decision, Operation, Subject};
use crate::event::EventKind;
use crate::oath::Device;
use crate::oath::credential::Credential;
use crate::seal::{LoadedCells, Writes};
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

impl<'a> ResetDevice<'a> {
    /// # Errors
    ///
    /// [`Error::ResetReason`].
    pub(crate) fn new(
        context: &Context<'_>,
        tenant: &'a str,
        user: &'a str,
        device: &Device<'a>,
        reason: &'a str,
    ) -> Result<Self, Error> {
        Ok(Self {
            key: context.keys.tenant(tenant).credential(device.name(), None),
            tenant,
            user,
            device: *device,
            reason: check_reason(reason)?,
        })
    }
}

impl Operation for ResetDevice<'_> {
    type Answer = ResetOutcome;

    fn keys(&self) -> &[Key] {
        core::slice::from_ref(&self.key)
    }

    fn decide(
        &self,
        context: &Context<'_>,
        loaded: &LoadedCells<'_>,
        writes: &mut Writes<'_>,
        now: Timestamp,
    ) -> Result<Decision<ResetOutcome>, Error> {
        let cell = loaded.at(0)?;
        let before = Credential::read(cell.body())?;
        let after = before.reset(self.device.latest_step(now));
        let lifted = before != after;
        if lifted {
            put_credential(context, writes, cell, &after, now);
        }
        Ok(decided(lifted, EventKind::DeviceReset, None))
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
