//! What happens beside issue and verify: cancelling, delivery reports, status.

use otp_engine::{
    challenge::{ChallengeState, DeliveryStatus},
    operation::{CancelOutcome, ReportOutcome},
};

use super::{Reference, note, take_one};
use crate::flaw::Flaw;
use crate::terms::{Asked, DAY, Fault, Id, Status, Who};

const REFUND_COOLDOWN: i64 = 10;
const MAX_REFUNDS: usize = 3;

impl Reference {
    pub(crate) fn cancel(&mut self, asked: Asked<'_>, who: Who) -> Result<CancelOutcome, Fault> {
        if !self.errs(Flaw::CancelKeepsNoExpiry) {
            self.see_expiry(who.place(), asked.now);
        }
        if self.awaiting(asked, who).is_none() {
            return Ok(CancelOutcome::NothingLive);
        }
        let slot = self.slots.get_mut(&who.place()).unwrap();
        (slot.state, slot.ended_at) = (ChallengeState::Cancelled, asked.now);
        Ok(CancelOutcome::Cancelled)
    }

    pub(crate) fn report(
        &mut self,
        asked: Asked<'_>,
        who: Who,
        id: Id,
        send: u8,
        delivery: DeliveryStatus,
    ) -> Result<ReportOutcome, Fault> {
        let now = asked.now;
        self.check_clock(asked, who)?;
        if !self.errs(Flaw::ReportKeepsNoExpiry) {
            self.see_expiry(who.place(), now);
        }
        let twice = self.errs(Flaw::RefundedTwice);
        let deaf = self.errs(Flaw::ClaimedTakesNoReport);
        let refunds_left = {
            let recipient = self.recipient(who);
            let max = MAX_REFUNDS + usize::from(self.errs(Flaw::FourthRefund));
            self.full(&recipient.refunds, max, DAY, now).is_none()
        };
        let fits = self.slot(who.place(), now).is_some_and(|slot| {
            slot.means == who.means()
                && slot.id == id
                && (slot.sends == send || self.errs(Flaw::OldSendRefunded) && send < slot.sends)
                && (slot.delivery == DeliveryStatus::Unreported
                    || slot.delivery == DeliveryStatus::Claimed && !deaf
                    || twice)
        });
        if !fits {
            return Ok(ReportOutcome::Ignored);
        }
        let flaw = self.flaw;
        let slot = self.slots.get_mut(&who.place()).unwrap();
        slot.delivery = delivery;
        let failed = matches!(delivery, DeliveryStatus::Failed(_));
        if !failed || !refunds_left || usize::from(slot.refunds) >= MAX_REFUNDS {
            return Ok(ReportOutcome::Recorded);
        }
        slot.refunds += 1;
        let left = if flaw == Some(Flaw::RefundEndsTheCooldown) {
            0
        } else {
            REFUND_COOLDOWN
        };
        slot.next_send_at = slot.next_send_at.min(now + left);
        if flaw == Some(Flaw::RefundGivesAnAttempt) {
            slot.attempts = slot.attempts.saturating_sub(1);
        }
        let sent_at = slot.sent_at;
        let mut user = self.user(who);
        take_one(&mut user.sends, sent_at);
        user.written_at = now;
        self.users.insert((who.tenant, who.user), user);
        let mut recipient = self.recipient(who);
        if flaw != Some(Flaw::RefundSkipsTheRecipient) {
            take_one(&mut recipient.sends, sent_at);
        }
        note(&mut recipient.refunds, now);
        recipient.written_at = now;
        self.recipients
            .insert((who.tenant, who.recipient), recipient);
        Ok(ReportOutcome::Refunded)
    }

    pub(crate) fn status(&self, asked: Asked<'_>, who: Who) -> Result<Option<Status>, Fault> {
        let Some(slot) = self
            .slot(who.place(), asked.now)
            .filter(|slot| slot.means == who.means())
        else {
            return Ok(None);
        };
        let over = slot.state == ChallengeState::Pending && !self.is_in_time(slot, asked.now);
        Ok(Some(Status {
            id: slot.id,
            state: if over {
                ChallengeState::Expired
            } else {
                slot.state
            },
            issued_at: slot.issued_at,
            expires_at: slot.expires_at,
            attempts_left: self.max_attempts(slot, asked).saturating_sub(slot.attempts),
            sends: slot.sends,
            delivery: slot.delivery,
            next_send_at: slot.next_send_at,
            lock: self.lock(asked.now, who),
        }))
    }
}
