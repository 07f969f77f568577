//! What the specification says, in the plainest words: whole vectors of instants, no bytes, no
//! keys, nothing that is ever dropped. It shares no code with the engine, only the names of answers.

use std::collections::{HashMap, HashSet};

use otp_engine::{Delivered, State};

use crate::flaw::Flaw;
use crate::terms::{Asked, DAY, Fault, HOUR, Id, Limits, Place, Who};

#[path = "reference/beside.rs"]
mod beside;
#[path = "reference/issue.rs"]
mod issue;
#[path = "reference/verify.rs"]
mod verify;

/// How far the clocks of two hosts may differ.
const SKEW: i64 = 30;
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
    state: State,
    pub(crate) issued_at: i64,
    pub(crate) expires_at: i64,
    sent_at: i64,
    pub(crate) next_send_at: i64,
    closed_at: i64,
    pub(crate) sends: u8,
    refunds: u8,
    delivery: Delivered,
    attempts: u8,
    pub(crate) wrong_at: Option<i64>,
    malformed: u32,
}

impl Slot {
    pub(crate) fn digits(&self) -> u8 {
        self.limits.digits
    }

    /// The last instant at which the slot is still there.
    fn kept_until(&self) -> i64 {
        self.expires_at + DAY
    }
}

/// What one user, or one recipient, sent and failed; all of it, for ever.
#[derive(Clone, Debug, Default)]
pub(crate) struct Meter {
    pub(crate) sends: Vec<i64>,
    pub(crate) failures: Vec<i64>,
    pub(crate) refunds: Vec<i64>,
    consecutive: u32,
    written_at: i64,
}

impl Meter {
    /// The last instant at which the meter is still there.
    fn kept_until(&self) -> i64 {
        let all = self.sends.iter().chain(&self.failures).chain(&self.refunds);
        let latest = all.copied().max();
        if self.consecutive > 0 {
            let end = latest.map_or(self.written_at, |at| at.max(self.written_at)) + 400 * DAY;
            return end + (-end).rem_euclid(6 * HOUR);
        }
        latest.map_or(i64::MIN, |at| at + 2 * DAY)
    }

    /// When each thing in it stops to count.
    fn ends(&self, sends: i64) -> impl Iterator<Item = i64> {
        let days = self.failures.iter().chain(&self.refunds).map(|at| at + DAY);
        days.chain(self.sends.iter().map(move |at| at + sends))
            .chain([self.kept_until()])
    }
}

/// The model: every slot, every meter, and at most one flaw on purpose.
#[derive(Clone, Debug, Default)]
pub(crate) struct Reference {
    slots: HashMap<Place, Slot>,
    users: HashMap<(u8, u8), Meter>,
    recipients: HashMap<(u8, u8), Meter>,
    /// Who failed at all since the latest unlock.
    failed: HashSet<(u8, u8)>,
    unmetered: bool,
    flaw: Option<Flaw>,
}

impl Reference {
    pub(crate) fn new(metered: bool, flaw: Option<Flaw>) -> Self {
        Self {
            unmetered: !metered,
            flaw,
            ..Self::default()
        }
    }

    pub(crate) fn slot(&self, place: Place, now: i64) -> Option<&Slot> {
        self.slots
            .get(&place)
            .filter(|slot| now <= slot.kept_until())
    }

    pub(crate) fn user(&self, who: Who, now: i64) -> Meter {
        read(&self.users, (who.tenant, who.user), now)
    }

    pub(crate) fn recipient(&self, who: Who, now: i64) -> Meter {
        read(&self.recipients, (who.tenant, who.recipient), now)
    }

    /// Says whether, with the clock back from `high` to `now`, something would count again that was
    /// over in between: a store may have dropped it, and a meter need not list it any more.
    pub(crate) fn needs_what_may_be_gone(&self, now: i64, high: i64) -> bool {
        let slots = self.slots.values().map(Slot::kept_until);
        let users = self.users.values().flat_map(|meter| meter.ends(HOUR));
        let recipients = self.recipients.values().flat_map(|meter| meter.ends(DAY));
        slots
            .chain(users)
            .chain(recipients)
            .any(|end| now <= end && end <= high)
    }

    /// The live challenge of exactly this binding, if its code can be made again.
    fn live(&self, asked: Asked<'_>, who: Who) -> Option<&Slot> {
        self.awaiting(asked, who).filter(|slot| {
            self.known(slot, asked)
                && slot.epoch == asked.ring.epoch
                && self.exhausted_until(slot, asked).is_none()
        })
    }

    /// The challenge of exactly this binding that still awaits its answer.
    fn awaiting(&self, asked: Asked<'_>, who: Who) -> Option<&Slot> {
        self.slot(who.place(), asked.now).filter(|slot| {
            slot.means == who.means()
                && slot.state == State::Pending
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
        let closed_for = slot.limits.closed_for.max(asked.limits.closed_for) - early;
        if slot.state == State::Exhausted {
            return Some(slot.closed_at + closed_for);
        }
        if slot.state == State::Verified || slot.attempts < self.max_attempts(slot, asked) {
            return None;
        }
        slot.wrong_at.map(|wrong_at| wrong_at + closed_for)
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
        if self.unmetered {
            return None;
        }
        let window = window - i64::from(self.errs(Flaw::WindowEndsEarly));
        let mut counted: Vec<i64> = instants
            .iter()
            .copied()
            .filter(|at| now < at + window)
            .collect();
        if self.errs(Flaw::FutureInstantsIgnored) {
            counted.retain(|at| *at <= now);
        }
        counted.sort_unstable();
        (counted.len() >= count).then(|| counted[counted.len() - count] + window)
    }

    pub(crate) fn check_clock(&self, asked: Asked<'_>, who: Who) -> Result<(), Fault> {
        let skew = SKEW - i64::from(self.errs(Flaw::SkewIsShorter));
        match self.slot(who.place(), asked.now) {
            Some(slot) if asked.now < slot.issued_at - skew => Err(Fault::Clock),
            _ => Ok(()),
        }
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
            slot.closed_at + slot.limits.closed_for,
            slot.kept_until(),
        ];
        edges.extend(slot.wrong_at.map(|at| at + slot.limits.closed_for));
        edges
    }

    pub(crate) fn window_edges(&self, who: Who, now: i64) -> Vec<i64> {
        let mut edges = Vec::new();
        for meter in [self.user(who, now), self.recipient(who, now)] {
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
            edges.extend((meter.consecutive > 0).then(|| meter.kept_until()));
        }
        edges.retain(|edge| *edge >= now);
        edges
    }
}

/// Reads a meter as it is at `now`: empty, once its time is over.
fn read(meters: &HashMap<(u8, u8), Meter>, key: (u8, u8), now: i64) -> Meter {
    meters
        .get(&key)
        .filter(|meter| now <= meter.kept_until())
        .cloned()
        .unwrap_or_default()
}

fn take_one(instants: &mut Vec<i64>, at: i64) {
    if let Some(index) = instants.iter().rposition(|other| *other == at) {
        instants.remove(index);
    }
}
