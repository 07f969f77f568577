//! What the specification says, in the plainest words: whole vectors of instants, no bytes, no
//! keys, and nothing that is dropped but by a purge. It shares no code with the engine, only the
//! names of answers.

use std::collections::HashMap;

use otp_engine::challenge::{ChallengeState, DeliveryStatus};

use crate::flaw::Flaw;
use crate::steps::RINGS;
use crate::terms::{Asked, DAY, Fault, HOUR, Id, Limits, SlotName, Who};

mod beside;
mod claim;
mod issue;
mod lifting;
mod verify;

/// How far the clocks of two hosts may differ.
const SKEW: i64 = 30;
/// An instant that lies further ahead is read as the present.
const FUTURE: i64 = DAY;
/// How many instants of a kind a meter has room for.
const PLACES: usize = 32;
/// With less than this left, a code is not sent again.
const WORTH_SENDING: i64 = 30;

/// The one current challenge of a slot.
#[derive(Clone, Debug)]
pub(crate) struct Slot {
    pub(crate) id: Id,
    pub(crate) code: String,
    means: (u8, u8),
    limits: Limits,
    kid: &'static str,
    epoch: u32,
    state: ChallengeState,
    pub(crate) issued_at: i64,
    pub(crate) expires_at: i64,
    sent_at: i64,
    pub(crate) next_send_at: i64,
    ended_at: i64,
    pub(crate) sends: u8,
    refunds: u8,
    delivery: DeliveryStatus,
    attempts: u8,
    pub(crate) wrong_at: Option<i64>,
    malformed: u32,
}

impl Slot {
    pub(crate) fn digits(&self) -> u8 {
        self.limits.digits
    }

    /// The last instant at which the slot is still looked at, and which a purge leaves.
    fn kept_until(&self) -> i64 {
        self.expires_at
            .max(self.wrong_at.unwrap_or(self.expires_at))
            + DAY
            + FUTURE
    }

    fn instants(&self) -> [i64; 4] {
        let wrong_at = self.wrong_at.unwrap_or(self.issued_at);
        [self.issued_at, self.sent_at, self.ended_at, wrong_at]
    }

    fn is_far_ahead(&self, now: i64) -> bool {
        self.issued_at > now + FUTURE
    }
}

/// What one user, or one recipient, sent and failed: as many instants as there is room for.
#[derive(Clone, Debug, Default)]
pub(crate) struct Meter {
    pub(crate) sends: Vec<i64>,
    pub(crate) failures: Vec<i64>,
    pub(crate) refunds: Vec<i64>,
    consecutive: u32,
    written_at: i64,
}

impl Meter {
    fn instants(&self) -> impl Iterator<Item = i64> {
        let all = self.sends.iter().chain(&self.failures).chain(&self.refunds);
        all.copied()
    }

    /// The last instant at which a purge leaves the meter.
    fn kept_until(&self) -> i64 {
        let latest = self.instants().fold(self.written_at, i64::max);
        let days = if self.consecutive > 0 { 400 } else { 2 };
        let end = latest + days * DAY;
        end + (-end).rem_euclid(6 * HOUR)
    }
}

/// The model: every slot, every meter, and at most one flaw on purpose.
#[derive(Clone, Debug, Default)]
pub(crate) struct Reference {
    slots: HashMap<SlotName, Slot>,
    users: HashMap<(u8, u8), Meter>,
    recipients: HashMap<(u8, u8), Meter>,
    /// The newest committed time that each key ring's engine believes.
    newest: [Option<i64>; RINGS],
    unlimited: bool,
    flaw: Option<Flaw>,
}

impl Reference {
    pub(crate) fn new(metered: bool, flaw: Option<Flaw>) -> Self {
        Self {
            unlimited: !metered,
            flaw,
            ..Self::default()
        }
    }

    pub(crate) fn slot(&self, place: SlotName, now: i64) -> Option<&Slot> {
        self.slots
            .get(&place)
            .filter(|slot| now <= slot.kept_until())
    }

    /// Says whether there is a slot at all, looked at or not.
    pub(crate) fn has_slot(&self, place: SlotName) -> bool {
        self.slots.contains_key(&place)
    }

    pub(crate) fn user(&self, who: Who) -> Meter {
        let kept = self.users.get(&(who.tenant, who.user));
        kept.cloned().unwrap_or_default()
    }

    pub(crate) fn recipient(&self, who: Who) -> Meter {
        let kept = self.recipients.get(&(who.tenant, who.recipient));
        kept.cloned().unwrap_or_default()
    }

    /// Says whether an answer may rest on an instant that is read as the present: then no instant
    /// can be named at which the same call is admitted.
    pub(crate) fn reads_the_far_future(&self, who: Who, now: i64) -> bool {
        let (user, recipient) = (self.user(who), self.recipient(who));
        let slot = self.slot(who.place(), now).map(Slot::instants);
        let mut all = user.instants().chain(recipient.instants());
        let is_far = |at: i64| at > now + FUTURE;
        all.any(is_far) || slot.is_some_and(|slot| slot.into_iter().any(is_far))
    }

    /// Ends a code that is seen after its time: whoever may write keeps that.
    fn see_expiry(&mut self, place: SlotName, now: i64) {
        if let Some(slot) = self.slots.get_mut(&place)
            && now <= slot.kept_until()
            && slot.state == ChallengeState::Pending
            && now >= slot.expires_at
        {
            (slot.state, slot.ended_at) = (ChallengeState::Expired, now);
        }
    }

    /// The live challenge of exactly this binding, if its code can be made again.
    fn live(&self, asked: Asked<'_>, who: Who) -> Option<&Slot> {
        self.awaiting(asked, who).filter(|slot| {
            !slot.is_far_ahead(asked.now)
                && self.known(slot, asked)
                && slot.epoch == asked.ring.epoch
                && self.exhausted_until(slot, asked).is_none()
        })
    }

    /// The challenge of exactly this binding that still awaits its answer.
    fn awaiting(&self, asked: Asked<'_>, who: Who) -> Option<&Slot> {
        self.slot(who.place(), asked.now).filter(|slot| {
            slot.means == who.means()
                && slot.state == ChallengeState::Pending
                && self.is_in_time(slot, asked.now)
        })
    }

    fn known(&self, slot: &Slot, asked: Asked<'_>) -> bool {
        asked.ring.kids.contains(&slot.kid)
    }

    fn is_in_time(&self, slot: &Slot, now: i64) -> bool {
        now < slot.expires_at || self.errs(Flaw::ValidAtItsExpiry) && now == slot.expires_at
    }

    fn max_attempts(&self, slot: &Slot, asked: Asked<'_>) -> u8 {
        match self.flaw {
            Some(Flaw::LaxSiblingOpens) => asked.limits.max_attempts,
            Some(Flaw::TighteningIsLate) => slot.limits.max_attempts,
            Some(Flaw::OneMoreAttempt) => {
                slot.limits.max_attempts.min(asked.limits.max_attempts) + 1
            }
            _ => slot.limits.max_attempts.min(asked.limits.max_attempts),
        }
    }

    /// Until when the slot is closed because its attempts are used up, whether or not that is over.
    fn exhausted_until(&self, slot: &Slot, asked: Asked<'_>) -> Option<i64> {
        let early = i64::from(self.errs(Flaw::ClosingEndsEarly));
        let lockout = slot.limits.lockout.max(asked.limits.lockout) - early;
        let wrong_at = slot.wrong_at.unwrap_or(slot.issued_at);
        if slot.state == ChallengeState::Exhausted {
            let since = slot.ended_at.max(wrong_at);
            return Some(read(since, asked.now) + lockout);
        }
        if slot.state == ChallengeState::Verified || slot.attempts < self.max_attempts(slot, asked)
        {
            return None;
        }
        Some(read(wrong_at, asked.now) + lockout)
    }

    /// Says whether the reference is to make this mistake.
    fn errs(&self, flaw: Flaw) -> bool {
        self.flaw == Some(flaw)
    }

    fn max_failures(&self) -> usize {
        15 + usize::from(self.errs(Flaw::SixteenthFailureOfADay))
    }

    fn max_consecutive(&self) -> u32 {
        100 + u32::from(self.errs(Flaw::LockIsLateByOne))
    }

    /// From when on a list with at most `count` instants in `window` takes one more, if not now.
    fn full(&self, instants: &[i64], count: usize, window: i64, now: i64) -> Option<i64> {
        if self.unlimited {
            return None;
        }
        let window = window - i64::from(self.errs(Flaw::WindowEndsEarly));
        let mut counted: Vec<i64> = instants
            .iter()
            .map(|at| read(*at, now))
            .filter(|at| now < at + window)
            .collect();
        if self.errs(Flaw::FarFutureForgotten) {
            counted = instants.to_vec();
            counted.retain(|at| *at <= now + FUTURE && now < at + window);
        }
        if self.errs(Flaw::FutureInstantsIgnored) {
            counted.retain(|at| *at <= now);
        }
        counted.sort_unstable();
        (counted.len() >= count).then(|| counted[counted.len() - count] + window)
    }

    pub(crate) fn check_clock(&self, asked: Asked<'_>, who: Who) -> Result<(), Fault> {
        let skew = SKEW - i64::from(self.errs(Flaw::SkewIsShorter));
        let Some(slot) = self.slot(who.place(), asked.now) else {
            return Ok(());
        };
        let concerns = slot.state == ChallengeState::Pending || self.errs(Flaw::FinalStatesFault);
        let far = slot.is_far_ahead(asked.now) && !self.errs(Flaw::FarFutureFreezesTheSlot);
        if concerns && asked.now < slot.issued_at - skew && !far {
            return Err(Fault::Clock);
        }
        Ok(())
    }
}

/// The instants at which something may change for one binding; the clock is set to them.
impl Reference {
    pub(crate) fn slot_edges(&self, who: Who, now: i64) -> Vec<i64> {
        let Some(slot) = self.slot(who.place(), now) else {
            return Vec::new();
        };
        let mut edges = vec![
            slot.expires_at,
            slot.expires_at - WORTH_SENDING,
            slot.next_send_at,
            slot.issued_at - SKEW,
            slot.ended_at + slot.limits.lockout,
            slot.kept_until(),
        ];
        edges.extend(slot.wrong_at.map(|at| at + slot.limits.lockout));
        edges
    }

    pub(crate) fn window_edges(&self, who: Who, now: i64) -> Vec<i64> {
        let mut edges = Vec::new();
        for meter in [self.user(who), self.recipient(who)] {
            edges.extend(
                meter
                    .sends
                    .iter()
                    .flat_map(|at| [at + 600, at + HOUR, at + DAY]),
            );
            edges.extend(
                meter
                    .failures
                    .iter()
                    .chain(&meter.refunds)
                    .map(|at| at + DAY),
            );
            edges.extend((!meter.sends.is_empty()).then(|| meter.kept_until()));
        }
        edges.retain(|edge| *edge >= now);
        edges
    }

    /// The instants from which on something is honoured as it is, or lies too far ahead for that.
    pub(crate) fn far_edges(&self, who: Who) -> Vec<i64> {
        let slot = self.slots.get(&who.place()).map(Slot::instants);
        let (user, recipient) = (self.user(who), self.recipient(who));
        let meters = user.instants().chain(recipient.instants());
        let all = meters.chain(slot.into_iter().flatten());
        all.map(|at| at - FUTURE).collect()
    }
}

/// Reads an instant: one that lies far ahead is the present.
fn read(at: i64, now: i64) -> i64 {
    if at > now + FUTURE { now } else { at }
}

/// Lists an instant; the oldest gives way where there is no room.
fn note(instants: &mut Vec<i64>, at: i64) {
    instants.sort_unstable();
    if instants.len() == PLACES {
        instants.remove(0);
    }
    instants.push(at);
}

fn take_one(instants: &mut Vec<i64>, at: i64) {
    if let Some(index) = instants.iter().rposition(|other| *other == at) {
        instants.remove(index);
    }
}
