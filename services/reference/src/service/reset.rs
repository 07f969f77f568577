//! Reset: an administrator lifts what holds a slot, a recipient or a user up, and says why.

use otp_engine::{Binding, Recipient, Target, operation::ResetOutcome};

use super::{PURPOSE, Service};
use crate::directory::{Fault, User};

impl Service {
    /// Lifts what holds a user's codes for a field up.
    pub(crate) fn reset_slot(
        &self,
        user: &User,
        field: &Target<'_>,
        reason: &str,
    ) -> Result<bool, Fault> {
        // The slot does not depend on the number; the event tells it.
        let number = user.mobile.ok_or("the user has no usable mobile number")?;
        let binding = Binding::builder()
            .tenant(&user.tenant)
            .purpose(PURPOSE)
            .target(*field)
            .user(&user.id)
            .recipient(number);
        let done = self
            .engine
            .reset_slot(&*self.store, &binding.build()?, reason)?;
        Ok(done == ResetOutcome::Reset)
    }

    /// Forgets what was sent to a number and failed against it.
    pub(crate) fn reset_recipient(
        &self,
        tenant: &str,
        recipient: &Recipient,
        reason: &str,
    ) -> Result<bool, Fault> {
        let done = self
            .engine
            .reset_recipient(&*self.store, tenant, recipient, reason)?;
        Ok(done == ResetOutcome::Reset)
    }

    /// Lifts a user's locks, and the limit of sends with them.
    pub(crate) fn reset_user(&self, tenant: &str, user: &str, reason: &str) -> Result<bool, Fault> {
        let done = self.engine.reset_user(&*self.store, tenant, user, reason)?;
        Ok(done == ResetOutcome::Reset)
    }
}
