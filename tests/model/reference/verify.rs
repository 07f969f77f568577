//! What an entered text is worth, and what it costs.

use otp_engine::{Rejection, Timestamp, challenge::ChallengeState, operation::Lock};

use super::{Reference, Slot, note};
use crate::flaw::Flaw;
use crate::terms::{Asked, DAY, Fault, Id, Verdict, Who};

const MAX_MALFORMED: u32 = 20;

impl Reference {
    pub(crate) fn verify(
        &mut self,
        asked: Asked<'_>,
        who: Who,
        entered: Option<&str>,
        id: Option<Id>,
    ) -> Result<Verdict, Fault> {
        let now = asked.now;
        let slot = self.slot(who.place(), now);
        let digits = slot.map_or(asked.limits.digits, Slot::digits);
        let guess = entered.filter(|text| text.len() == usize::from(digits));
        let closed = self.closed(asked, who, id)?;

        if let Some(rejection) = closed {
            let place = who.place();
            let elsewhere = matches!(rejection, Rejection::Mismatch | Rejection::Superseded);
            let forgets = self.errs(Flaw::MalformedKeepsNoExpiry) && guess.is_none()
                || self.errs(Flaw::ExpiryIsForgotten) && guess.is_some()
                || self.errs(Flaw::MismatchKeepsNoExpiry) && elsewhere;
            if !forgets {
                self.see_expiry(place, now);
            }
            if guess.is_none() {
                return Ok(Verdict::Rejected(Rejection::Malformed));
            }
            let charges = self.errs(Flaw::MismatchCharges) && rejection == Rejection::Mismatch
                || self.errs(Flaw::ReplayCharges) && rejection == Rejection::AlreadyUsed;
            if charges {
                self.charge(now, who);
            }
            return Ok(Verdict::Rejected(rejection));
        }
        let max_attempts = {
            let slot = self.slot(who.place(), now).unwrap();
            self.max_attempts(slot, asked)
        };
        let flaw = self.flaw;
        let slot = self.slots.get_mut(&who.place()).unwrap();
        let Some(guess) = guess else {
            slot.malformed += 1;
            if flaw == Some(Flaw::MalformedCostsAnAttempt) {
                slot.attempts += 1;
                slot.wrong_at = Some(now);
            }
            let late = u32::from(flaw == Some(Flaw::TwentyFirstMalformed));
            if slot.malformed >= MAX_MALFORMED + late {
                (slot.state, slot.ended_at) = (ChallengeState::Exhausted, now);
            }
            return Ok(Verdict::Rejected(Rejection::Malformed));
        };
        if guess == slot.code {
            (slot.state, slot.ended_at) = (ChallengeState::Verified, now);
            (slot.attempts, slot.malformed) = (0, 0);
            let id = slot.id;
            self.users
                .entry((who.tenant, who.user))
                .or_default()
                .written_at = now;
            for (key, meter) in &mut self.users {
                if *key == (who.tenant, who.user) || flaw == Some(Flaw::SuccessResetsAnotherUser) {
                    meter.consecutive = if flaw == Some(Flaw::SuccessKeepsTheCount) {
                        meter.consecutive
                    } else {
                        0
                    };
                }
            }
            return Ok(Verdict::Accepted {
                id,
                verified_at: now,
            });
        }
        let last = slot.wrong_at.filter(|_| slot.attempts > 0);
        slot.wrong_at = Some(match last {
            Some(last) if flaw != Some(Flaw::SlotOpensWhenTimeGoesBack) => last.max(now),
            _ => now,
        });
        slot.attempts += 1;
        let attempts_left = max_attempts - slot.attempts;
        if attempts_left == 0 {
            (slot.state, slot.ended_at) = (ChallengeState::Exhausted, now);
        }
        self.charge(now, who);
        Ok(Verdict::Rejected(Rejection::Wrong { attempts_left }))
    }

    /// Why no guess is compared, if so: what is final first, then what passes.
    pub(super) fn closed(
        &self,
        asked: Asked<'_>,
        who: Who,
        id: Option<Id>,
    ) -> Result<Option<Rejection>, Fault> {
        let Some(slot) = self.slot(who.place(), asked.now) else {
            return Ok(Some(Rejection::Unknown));
        };
        if slot.means != who.means() {
            return Ok(Some(Rejection::Mismatch));
        }
        if id.is_some_and(|id| id != slot.id) && !self.errs(Flaw::IdIgnored) {
            return Ok(Some(Rejection::Superseded));
        }
        let exhausted = |until| Rejection::Exhausted {
            retry_at: Timestamp::from_unix(until),
        };
        Ok(match slot.state {
            ChallengeState::Verified => Some(Rejection::AlreadyUsed),
            ChallengeState::Expired => Some(Rejection::Expired),
            ChallengeState::Cancelled => Some(Rejection::Cancelled),
            ChallengeState::Exhausted => self.exhausted_until(slot, asked).map(exhausted),
            _ => {
                self.check_clock(asked, who)?;
                if slot.is_far_ahead(asked.now) {
                    return Err(Fault::Clock);
                }
                if !self.is_in_time(slot, asked.now) {
                    Some(Rejection::Expired)
                } else if slot.limits.digits < asked.limits.digits
                    && !self.errs(Flaw::WeakerCodeAccepted)
                {
                    Some(Rejection::Superseded)
                } else {
                    match self.exhausted_until(slot, asked) {
                        Some(until) => Some(exhausted(until)),
                        None if slot.epoch != asked.ring.epoch
                            && !self.errs(Flaw::EpochIgnored) =>
                        {
                            Some(Rejection::Unknown)
                        }
                        None if !self.known(slot, asked) => return Err(Fault::UnknownKey),
                        None => self.lock_of_verify(asked.now, who),
                    }
                }
            }
        })
    }

    fn lock_of_verify(&self, now: i64, who: Who) -> Option<Rejection> {
        let recipient = self.recipient(who);
        let theirs = self.full(&recipient.failures, self.max_failures(), DAY, now);
        match self.lock(now, who) {
            Lock::UntilUnlocked => Some(Rejection::Locked { retry_at: None }),
            Lock::Until(at) => Some(Rejection::Locked { retry_at: Some(at) }),
            Lock::Free if self.errs(Flaw::RecipientLocksVerify) => {
                theirs.map(|at| Rejection::Locked {
                    retry_at: Some(Timestamp::from_unix(at)),
                })
            }
            Lock::Free => None,
        }
    }

    pub(crate) fn lock(&self, now: i64, who: Who) -> Lock {
        let user = self.user(who);
        if self.unlimited {
            return Lock::Free;
        }
        if user.consecutive >= self.max_consecutive() {
            return Lock::UntilUnlocked;
        }
        match self.full(&user.failures, self.max_failures(), DAY, now) {
            Some(at) => Lock::Until(Timestamp::from_unix(at)),
            None => Lock::Free,
        }
    }

    fn charge(&mut self, now: i64, who: Who) {
        let mut meter = self.user(who);
        self.count_failure(&mut meter, now);
        meter.consecutive += 1;
        self.users.insert((who.tenant, who.user), meter);
        let mut meter = self.recipient(who);
        self.count_failure(&mut meter, now);
        self.recipients.insert((who.tenant, who.recipient), meter);
    }

    fn count_failure(&self, meter: &mut super::Meter, now: i64) {
        if self.errs(Flaw::MetersForgetByTheClock) {
            meter.failures.retain(|at| now < at + DAY);
        }
        note(&mut meter.failures, now);
        meter.written_at = now;
    }
}
