//! What a typed text is worth, and what it costs.

use otp_engine::{Lock, Rejection, State, Timestamp};

use super::{Reference, Slot};
use crate::flaw::Flaw;
use crate::terms::{Asked, DAY, Fault, Id, Verdict, Who};

const MAX_MALFORMED: u32 = 20;

impl Reference {
    pub(crate) fn verify(
        &mut self,
        asked: Asked<'_>,
        who: Who,
        typed: Option<&str>,
        id: Option<Id>,
    ) -> Result<Verdict, Fault> {
        let now = asked.now;
        let slot = self.slot(who.place(), now);
        let digits = slot.map_or(asked.limits.digits, Slot::digits);
        let guess = typed.filter(|text| text.len() == usize::from(digits));
        let closed = self.closed(asked, who, id)?;

        if let Some(rejection) = closed {
            let place = who.place();
            if guess.is_none() {
                return Ok(Verdict::Rejected(Rejection::Malformed));
            }
            if rejection == Rejection::Expired && !self.errs(Flaw::ExpiryIsForgotten) {
                let slot = self.slots.get_mut(&place).unwrap();
                slot.state = State::Expired;
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
                slot.state = State::Exhausted;
                slot.closed_at = now;
            }
            return Ok(Verdict::Rejected(Rejection::Malformed));
        };
        if guess == slot.code {
            slot.state = State::Verified;
            slot.attempts = 0;
            let id = slot.id;
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
        slot.attempts += 1;
        slot.wrong_at = Some(now);
        let attempts_left = max_attempts - slot.attempts;
        if attempts_left == 0 {
            slot.state = State::Exhausted;
            slot.closed_at = now;
        }
        self.charge(now, who);
        Ok(Verdict::Rejected(Rejection::Wrong { attempts_left }))
    }

    /// Why no guess is compared, if so: what is final first, then what passes.
    fn closed(
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
            State::Verified => Some(Rejection::AlreadyUsed),
            State::Expired => Some(Rejection::Expired),
            State::Cancelled => Some(Rejection::Cancelled),
            State::Exhausted => self.exhausted_until(slot, asked).map(exhausted),
            _ => {
                self.check_clock(asked, who)?;
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
        let recipient = self.recipient(who, now);
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
        let user = self.user(who, now);
        if self.unmetered {
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
        self.failed.insert((who.tenant, who.user));
        let mut meter = self.user(who, now);
        meter.failures.push(now);
        meter.consecutive += 1;
        meter.written_at = now;
        self.users.insert((who.tenant, who.user), meter);
        let mut meter = self.recipient(who, now);
        meter.failures.push(now);
        meter.written_at = now;
        self.recipients.insert((who.tenant, who.recipient), meter);
    }
}
