//! Status: how the newest code of a user for a field stands, for an administrator.

use otp_engine::{
    Binding, Target,
    challenge::{ChallengeState, DeliveryStatus},
    operation::{Lock, UnlockOutcome},
};
use serde_json::{Value, json};

use super::{PURPOSE, Service};
use crate::deliveries;
use crate::directory::{Access, Fault, User};
use crate::request::GENERATION;

impl Service {
    /// Lifts what wrong guesses put on a user. Says whether there was anything to lift.
    pub(crate) fn unlock(&self, tenant: &str, user: &str) -> Result<bool, Fault> {
        let done = self.engine.unlock(&*self.store, tenant, user)?;
        Ok(done == UnlockOutcome::Unlocked)
    }

    /// Shows how the code stands on the terms that the directory has now: one for another number or
    /// another content is none.
    pub(crate) fn status(&self, user: &User, field: &Target<'_>) -> Result<Value, Fault> {
        let terms = self.directory.look_up(user, field, Access::Sign)?;
        let number = terms.mobile.or(user.mobile);
        let number = number.ok_or("the user has no usable mobile number")?;
        let mut binding = Binding::builder()
            .tenant(&user.tenant)
            .purpose(PURPOSE)
            .target(*field)
            .user(&user.id)
            .recipient(number);
        if let Some(content) = terms.content {
            binding = binding.content(content);
        }
        let engine = self.engine.with_policy(terms.policy);
        let Some(status) = engine.status(&*self.store, &binding.build()?)? else {
            return Ok(json!({"code": null}));
        };
        let taken = self.deliveries.of(&deliveries::slot(user, field));
        let is_taken = taken == Some((status.id, status.sends));
        let (delivery, gateway_status) = match status.delivery {
            DeliveryStatus::Sent => ("sent", None),
            DeliveryStatus::Unreported if is_taken => ("sent", None),
            DeliveryStatus::Failed(said) => ("failed", Some(said.as_str().to_owned())),
            _ => ("unreported", None),
        };
        let state = match status.state {
            ChallengeState::Pending => "pending",
            ChallengeState::Verified => "verified",
            ChallengeState::Expired => "expired",
            ChallengeState::Exhausted => "exhausted",
            ChallengeState::Cancelled => "cancelled",
            _ => "other",
        };
        let (lock, until) = match status.lock {
            Lock::Free => ("free", None),
            Lock::Until(until) => ("until", Some(until.to_string())),
            Lock::UntilUnlocked => ("until_unlocked", None),
        };
        Ok(json!({"code": {
            "esms_otp_generation_id": format!("{GENERATION}{}", status.id),
            "state": state,
            "issued_at": status.issued_at.to_string(),
            "expires_at": status.expires_at.to_string(),
            "attempts_left": status.attempts_left,
            "sends": status.sends,
            "delivery": delivery,
            "gateway_status": gateway_status,
            "next_send_at": status.next_send_at.to_string(),
            "lock": lock,
            "locked_until": until,
        }}))
    }
}
