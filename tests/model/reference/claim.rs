//! Who gets the code of a send that waited.

use otp_engine::{Rejection, challenge::DeliveryStatus, operation::ClaimRefusal};

use super::Reference;
use crate::flaw::Flaw;
use crate::terms::{Asked, Claim, Fault, Id, Who};

impl Reference {
    pub(crate) fn claim(
        &mut self,
        asked: Asked<'_>,
        who: Who,
        id: Id,
        send: u8,
    ) -> Result<Claim, Fault> {
        let now = asked.now;
        let closed = self.closed(asked, who, Some(id))?;
        let ignored = matches!(closed, Some(Rejection::Locked { .. }))
            && self.errs(Flaw::LockedUserIsClaimed);
        if !self.errs(Flaw::ClaimKeepsNoExpiry) {
            self.see_expiry(who.place(), now);
        }
        if let Some(rejection) = closed.filter(|_| !ignored) {
            return Ok(Claim::Refused(ClaimRefusal::Rejected(rejection)));
        }
        let flaw = self.flaw;
        let slot = self.slots.get_mut(&who.place()).unwrap();
        let refused = match slot.delivery {
            _ if send < slot.sends && flaw != Some(Flaw::OldSendClaimed) => {
                Some(ClaimRefusal::Rejected(Rejection::Superseded))
            }
            _ if send > slot.sends => Some(ClaimRefusal::Rejected(Rejection::Unknown)),
            DeliveryStatus::Claimed if flaw != Some(Flaw::ClaimedTwice) => {
                Some(ClaimRefusal::Claimed)
            }
            DeliveryStatus::Sent | DeliveryStatus::Failed(_)
                if flaw != Some(Flaw::ReportedIsClaimed) =>
            {
                Some(ClaimRefusal::Reported)
            }
            _ => None,
        };
        if let Some(refusal) = refused {
            return Ok(Claim::Refused(refusal));
        }
        slot.delivery = DeliveryStatus::Claimed;
        if flaw == Some(Flaw::ClaimCostsASend) {
            slot.sends += 1;
        }
        if flaw == Some(Flaw::ClaimStartsACooldown) {
            slot.next_send_at = now + asked.limits.cooldown;
        }
        let claim = Claim::Claimed {
            id: slot.id,
            code: slot.code.clone(),
            issued_at: slot.issued_at,
            expires_at: slot.expires_at,
            send: slot.sends,
            valid_for: slot.expires_at - now,
        };
        self.users
            .entry((who.tenant, who.user))
            .or_default()
            .written_at = now;
        Ok(claim)
    }
}
