//! What makes counts fall: unlocking, resets, and a purge by a clock that is believed.

use otp_engine::{
    challenge::ChallengeState,
    operation::{ResetOutcome, UnlockOutcome},
};

use super::{FUTURE, Meter, Reference};
use crate::flaw::Flaw;
use crate::terms::{DAY, Who};

impl Reference {
    /// Forgets the failures of a user.
    pub(crate) fn unlock(&mut self, now: i64, who: Who) -> UnlockOutcome {
        let mut meter = self.user(who);
        if self.unlimited || meter.consecutive == 0 && meter.failures.is_empty() {
            return UnlockOutcome::NothingToUnlock;
        }
        let counts = meter.consecutive > 0 || meter.failures.iter().any(|at| now < at + DAY);
        meter.consecutive = 0;
        meter.failures.clear();
        meter.written_at = now;
        self.users.insert((who.tenant, who.user), meter);
        if counts {
            UnlockOutcome::Unlocked
        } else {
            UnlockOutcome::NothingToUnlock
        }
    }

    /// Lifts what holds a slot up; what was used stays used.
    pub(crate) fn reset_slot(&mut self, now: i64, who: Who) -> ResetOutcome {
        let flaw = self.flaw;
        let slot = self.slots.get_mut(&who.place());
        let Some(slot) = slot.filter(|slot| now <= slot.kept_until()) else {
            return ResetOutcome::NothingToReset;
        };
        let validity = slot.expires_at - slot.issued_at;
        let ahead = slot
            .instants()
            .into_iter()
            .chain([slot.next_send_at])
            .any(|at| at > now);
        let open = matches!(
            slot.state,
            ChallengeState::Pending | ChallengeState::Exhausted
        );
        if !ahead && !open && slot.attempts == 0 && slot.malformed == 0 {
            return ResetOutcome::NothingToReset;
        }
        if open {
            slot.ended_at = now;
            if flaw != Some(Flaw::ResetRevivesTheCode) {
                slot.state = ChallengeState::Cancelled;
            }
        }
        if flaw == Some(Flaw::ResetUnusesTheCode) && slot.state == ChallengeState::Verified {
            slot.state = ChallengeState::Pending;
        }
        if flaw != Some(Flaw::ResetKeepsTheAttempts) {
            slot.attempts = 0;
        }
        slot.malformed = 0;
        slot.wrong_at = Some(slot.wrong_at.unwrap_or(slot.issued_at).min(now));
        slot.issued_at = slot.issued_at.min(now);
        slot.expires_at = slot.issued_at + validity;
        slot.ended_at = slot.ended_at.min(now);
        slot.sent_at = slot.sent_at.min(now);
        slot.next_send_at = slot.next_send_at.min(now);
        ResetOutcome::Reset
    }

    pub(crate) fn reset_recipient(&mut self, now: i64, who: Who) -> ResetOutcome {
        let (cleared, told) = self.cleared(self.recipient(who), now);
        let key = (who.tenant, who.recipient);
        if let Some(cleared) = cleared {
            self.recipients.insert(key, cleared);
        }
        told
    }

    pub(crate) fn reset_user(&mut self, now: i64, who: Who) -> ResetOutcome {
        let (cleared, told) = self.cleared(self.user(who), now);
        let key = (who.tenant, who.user);
        if let Some(cleared) = cleared {
            self.users.insert(key, cleared);
        }
        told
    }

    /// A meter that has counted nothing, where it held anything, and whether that counted still.
    fn cleared(&self, meter: Meter, now: i64) -> (Option<Meter>, ResetOutcome) {
        let holds = meter.consecutive > 0 || meter.instants().next().is_some();
        if !holds || self.unlimited {
            return (None, ResetOutcome::NothingToReset);
        }
        let counts = meter.consecutive > 0 || meter.instants().any(|at| now < at + DAY);
        let sends = if self.errs(Flaw::ResetKeepsTheSends) {
            meter.sends
        } else {
            Vec::new()
        };
        let cleared = Meter {
            sends,
            written_at: now,
            ..Meter::default()
        };
        let told = if counts {
            ResetOutcome::Reset
        } else {
            ResetOutcome::NothingToReset
        };
        (Some(cleared), told)
    }

    /// Takes note of a commit of a ring's engine, which believes a day for each.
    pub(crate) fn committed(&mut self, ring: usize, now: i64) {
        let by = if self.errs(Flaw::PurgeBelievesOneCommit) {
            i64::MAX / 4
        } else {
            DAY
        };
        let newest = self.newest[ring].get_or_insert(now);
        *newest = (*newest).max(now.min(*newest + by));
    }

    /// Drops what is over, or refuses to; returns how many.
    pub(crate) fn purge(&mut self, ring: usize, now: i64, confirmed: bool) -> Option<usize> {
        let newest = self.newest[ring].filter(|_| !self.errs(Flaw::PurgeBelievesAnyClock));
        if confirmed {
            self.newest[ring] = Some(now);
        } else if newest.is_some_and(|newest| now > newest + FUTURE) {
            return None;
        } else {
            self.committed(ring, now);
        }
        let locked = self.max_consecutive();
        let lifts = self.errs(Flaw::PurgeLiftsTheLock);
        let early = if self.errs(Flaw::PurgeForgetsTheDay) {
            2 * DAY
        } else {
            0
        };
        let keeps = |_: &_, meter: &mut Meter| {
            meter.consecutive >= locked && !lifts || now <= meter.kept_until() - early
        };
        if self.unlimited {
            (self.users, self.recipients) = <_>::default(); // the engine has none
        }
        let before = self.slots.len() + self.users.len() + self.recipients.len();
        self.slots.retain(|_, slot| now <= slot.kept_until());
        self.users.retain(keeps);
        self.recipients.retain(keeps);
        Some(before - self.slots.len() - self.users.len() - self.recipients.len())
    }
}
