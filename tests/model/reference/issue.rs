//! When a code is sent: admission, the same code again, or a new one.

use otp_engine::{
    challenge::{ChallengeState, DeliveryStatus},
    verdict::RefusalReason,
};

use super::{FUTURE, Meter, Reference, Slot, WORTH_SENDING, note, read};
use crate::flaw::Flaw;
use crate::terms::{Asked, DAY, Fault, HOUR, Id, Issuance, SlotName, Who};

impl Reference {
    pub(crate) fn issue(&mut self, asked: Asked<'_>, who: Who) -> Result<Issuance, Fault> {
        let Asked { now, limits, ring } = asked;
        self.check_clock(asked, who)?;
        if let Some((reason, retry_at)) = self.refusal(asked, who) {
            // Only of a challenge that this sibling could send again, were it not for the limit.
            let live = self.live(asked, who);
            let same = live.filter(|slot| slot.limits.remembered() == limits.remembered());
            let id = same.map(|slot| slot.id);
            if !self.errs(Flaw::RefusalKeepsNoExpiry) {
                self.see_expiry(who.place(), now);
            }
            return Ok(Issuance::Refused {
                reason,
                retry_at,
                id,
            });
        }
        let user = (who.tenant, who.user);
        let mut meter = self.user(who);
        self.count_send(&mut meter, now, HOUR);
        self.users.insert(user, meter);
        let mut meter = self.recipient(who);
        self.count_send(&mut meter, now, DAY);
        self.recipients.insert((who.tenant, who.recipient), meter);

        let flaw = self.flaw;
        if self.again(asked, who).is_some() {
            let slot = self.slots.get_mut(&who.place()).unwrap();
            slot.sends += 1;
            slot.sent_at = now;
            slot.next_send_at = now + limits.cooldown;
            if flaw != Some(Flaw::ResendKeepsTheClaim) || slot.delivery != DeliveryStatus::Claimed {
                slot.delivery = DeliveryStatus::Unreported;
            }
            if flaw == Some(Flaw::ResendResetsAttempts) {
                slot.attempts = 0;
            }
            if flaw == Some(Flaw::ResendMovesExpiry) {
                slot.expires_at = now + limits.validity;
            }
            return Ok(Issuance::Again {
                id: slot.id,
                code: slot.code.clone(),
                issued_at: slot.issued_at,
                expires_at: slot.expires_at,
                send: slot.sends,
            });
        }
        let mut kept = (0, None, 0);
        if let Some(old) = self.slot(who.place(), now) {
            let lockout = old.limits.lockout.max(limits.lockout);
            let over = old
                .wrong_at
                .is_none_or(|wrong_at| now >= read(wrong_at, now) + lockout);
            let restarts = over
                || old.state == ChallengeState::Verified
                || old.state == ChallengeState::Exhausted
                || old.attempts == 0
                || flaw == Some(Flaw::ReissueResetsAttempts)
                || flaw == Some(Flaw::CancelResetsAttempts)
                    && old.state == ChallengeState::Cancelled;
            if !restarts || flaw == Some(Flaw::AttemptsNeverRestart) {
                kept = (old.attempts, old.wrong_at, old.malformed);
            }
        }
        let (attempts, wrong_at, malformed) = kept;
        let slot = Slot {
            id: 0,
            code: String::new(),
            means: who.means(),
            limits: *limits,
            kid: ring.current,
            epoch: ring.epoch,
            state: ChallengeState::Pending,
            issued_at: now,
            expires_at: now + limits.validity,
            sent_at: now,
            next_send_at: now + limits.cooldown,
            ended_at: now,
            sends: 1,
            refunds: 0,
            delivery: DeliveryStatus::Unreported,
            attempts,
            wrong_at,
            malformed,
        };
        let expires_at = slot.expires_at;
        self.slots.insert(who.place(), slot);
        Ok(Issuance::New {
            issued_at: now,
            expires_at,
        })
    }

    /// Takes note of the id and the code that the engine drew for the newest challenge.
    pub(crate) fn learn(&mut self, place: SlotName, id: Id, code: &str) {
        let slot = self.slots.get_mut(&place).unwrap();
        slot.id = id;
        code.clone_into(&mut slot.code);
    }

    /// Why no code is sent: the first violated limit, and when the last violated one admits.
    pub(crate) fn refusal(
        &self,
        asked: Asked<'_>,
        who: Who,
    ) -> Option<(RefusalReason, Option<i64>)> {
        let now = asked.now;
        let (user, recipient) = (self.user(who), self.recipient(who));
        let mut violated: Vec<(RefusalReason, Option<i64>)> = Vec::new();
        let mut limit =
            |reason, until: Option<i64>| violated.extend(until.map(|at| (reason, Some(at))));
        limit(
            RefusalReason::Locked,
            self.full(&user.failures, self.max_failures(), DAY, now),
        );
        limit(
            RefusalReason::Locked,
            self.full(&recipient.failures, self.max_failures(), DAY, now),
        );
        if let Some(slot) = self.slot(who.place(), now) {
            limit(
                RefusalReason::Exhausted,
                self.exhausted_until(slot, asked)
                    .filter(|until| now < *until),
            );
            let early = i64::from(self.errs(Flaw::CooldownEndsEarly));
            let free = slot.sent_at > now + FUTURE && !self.errs(Flaw::FarFutureCoolsDown);
            limit(
                RefusalReason::Cooldown,
                Some(slot.next_send_at - early).filter(|until| now < *until && !free),
            );
        }
        if let Some(slot) = self.again(asked, who) {
            let max = asked.limits.max_sends + u8::from(self.errs(Flaw::OneMoreSendOfACode));
            let counted = slot.sends - slot.refunds;
            limit(
                RefusalReason::SendLimit,
                (counted >= max).then(|| slot.expires_at - WORTH_SENDING + 1),
            );
        }
        let short = 5 + usize::from(self.errs(Flaw::SixthSend));
        let long = 20 + usize::from(self.errs(Flaw::TwentyFirstSendOfADay));
        let hour = 10 + usize::from(self.errs(Flaw::EleventhSendOfAnHour));
        limit(
            RefusalReason::SendLimit,
            self.full(&recipient.sends, short, 600, now),
        );
        limit(
            RefusalReason::SendLimit,
            self.full(&recipient.sends, long, DAY, now),
        );
        limit(
            RefusalReason::SendLimit,
            self.full(&user.sends, hour, HOUR, now),
        );
        if !self.unlimited && user.consecutive >= self.max_consecutive() {
            return Some((RefusalReason::Locked, None));
        }
        let order = [
            RefusalReason::Locked,
            RefusalReason::Exhausted,
            RefusalReason::Cooldown,
            RefusalReason::SendLimit,
        ];
        let first = order
            .into_iter()
            .find(|reason| violated.iter().any(|(other, _)| other == reason))?;
        let named = violated.iter().filter(|(reason, _)| *reason == first);
        let latest = if self.errs(Flaw::RetryAtOfTheReasonAlone) {
            named.filter_map(|(_, until)| *until).max()
        } else {
            violated.iter().filter_map(|(_, until)| *until).max()
        };
        Some((first, latest))
    }

    fn count_send(&self, meter: &mut Meter, now: i64, window: i64) {
        if self.errs(Flaw::MetersForgetByTheClock) {
            meter.sends.retain(|at| now < at + window);
        }
        note(&mut meter.sends, now);
        meter.written_at = now;
    }

    /// The challenge that issuing would send once more.
    fn again(&self, asked: Asked<'_>, who: Who) -> Option<&Slot> {
        let too_little = WORTH_SENDING - i64::from(self.errs(Flaw::SentAgainWithTooLittleLeft));
        self.live(asked, who).filter(|slot| {
            !asked.limits.rotate
                && (slot.limits.remembered() == asked.limits.remembered()
                    || self.errs(Flaw::PolicyChangeSendsAgain))
                && slot.expires_at - asked.now >= too_little
        })
    }
}
