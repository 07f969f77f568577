//! Reset of a device: an administrator forgets its lock, its guesses and its drift, and says why. What
//! was used stays used.

use super::oath::put_credential;
use super::reset::{ResetOutcome, check_reason, decided};
use super::{Context, Decided, Loaded, Operation, Subject};
use crate::Error;
use crate::binding::check_user;
use crate::event::EventKind;
use crate::oath::Device;
use crate::oath::credential::Credential;
use crate::seal::Writes;
use crate::store::Key;

/// Which device an administrator sets right, and why.
#[derive(Clone, Copy, Debug)]
#[expect(
    clippy::exhaustive_structs,
    reason = "a device has a tenant and a user, and a reset has a reason"
)]
pub struct DeviceReset<'a> {
    /// The tenant of the user.
    pub tenant: &'a str,
    /// Whose device it is, for the event.
    pub user: &'a str,
    /// The device, with the window that it is verified with.
    pub device: Device<'a>,
    /// 1 to 256 bytes of visible text, for the event.
    pub reason: &'a str,
}

/// Sets one device right.
pub(crate) struct ResetDevice<'a> {
    key: Key,
    request: DeviceReset<'a>,
}

impl<'a> ResetDevice<'a> {
    /// # Errors
    ///
    /// [`Error::Binding`], [`Error::ResetReason`].
    pub(crate) fn new(context: &Context<'_>, request: &DeviceReset<'a>) -> Result<Self, Error> {
        check_user(request.tenant, request.user)?;
        check_reason(request.reason)?;
        let names = context.keys.tenant(request.tenant);
        Ok(Self {
            key: names.credential(request.device.name(), None),
            request: *request,
        })
    }
}

impl Operation for ResetDevice<'_> {
    type Answer = ResetOutcome;

    fn keys(&self) -> &[Key] {
        core::slice::from_ref(&self.key)
    }

    fn decide(&self, loaded: &Loaded<'_>, writes: &mut Writes<'_>) -> Decided<ResetOutcome> {
        let (context, now) = (loaded.context, loaded.now);
        let cell = loaded.cell(0)?;
        let before = Credential::read(cell.body())?;
        let after = before.reset(self.request.device.latest_step(now));
        let lifted = before != after;
        if lifted {
            put_credential(context, writes, cell, &after, now);
        }
        Ok(decided(lifted, EventKind::DeviceReset, None))
    }

    fn subject(&self) -> Subject<'_> {
        Subject::User {
            tenant: self.request.tenant,
            user: self.request.user,
        }
    }

    fn reason(&self) -> Option<&str> {
        Some(self.request.reason)
    }
}
