//! What is made of an entered code, for a credential as it stands: pure decisions.

use core::time::Duration;

use alloc::string::String;

use otp_oath::engine::{Entry, Steps, step};

use super::credential::{Credential, Drift, Standing};
use super::device::Kind;
use super::{CodePair, Device, Error, Hotp, Inputs, Ocra, OcraOptions, Totp};
use crate::Timestamp;
use crate::keys::CredentialName;
use crate::store::Class;

/// What an entered code is, for a credential as it stands.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Found {
    /// Right and not used before.
    Fresh(Fresh),
    /// Right, and used before.
    Used,
    /// Right, and perhaps used before the epoch was raised: the credential as it stands afterwards,
    /// with all that may have been used marked as used.
    PerhapsUsed(Credential),
    /// Compared, and wrong.
    Wrong,
    /// Not compared: the store may have forgotten what was used, and two codes in a row must tell.
    Resynchronise,
    /// Not compared: a later epoch than the key ring's has voided it.
    Void,
}

/// A right code, and what it leaves.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Fresh {
    /// The credential as it stands afterwards.
    pub(crate) next: Credential,
    /// The counter or time step of the code, where there is one.
    pub(crate) matched: Option<u64>,
    /// How many steps it was ahead of our time.
    pub(crate) drift: i32,
}

/// When and under which epoch a code is judged.
#[derive(Clone, Copy)]
pub(crate) struct Moment {
    pub(crate) now: Timestamp,
    pub(crate) epoch: u32,
    /// When this engine began: the epoch was raised before that.
    pub(crate) began: Timestamp,
}

/// What was entered: one code, or two in a row.
#[derive(Clone, Copy)]
pub(crate) enum EnteredCode {
    One(Entry),
    Two([Entry; 2]),
}

impl EnteredCode {
    /// Tells whether digits of more than one script were entered.
    pub(crate) const fn mixed_scripts(self) -> bool {
        match self {
            Self::One(entry) => entry.mixed_scripts,
            Self::Two([first, second]) => first.mixed_scripts | second.mixed_scripts,
        }
    }
}

/// One attempt at the code of one device.
pub(crate) struct Attempt<'a> {
    device: Device<'a>,
    entered: &'a [u8],
    second: Option<&'a [u8]>,
    /// How far is looked.
    reach: u16,
    /// What the device was asked; empty but for OCRA.
    question: String,
}

impl<'a> Attempt<'a> {
    /// Takes one entered code.
    ///
    /// # Errors
    ///
    /// [`Error::Window`], and for OCRA [`Error::Input`] where an answer lacks what the suite asks for.
    pub(crate) fn one(
        device: Device<'a>,
        entered: &'a [u8],
        question: String,
    ) -> Result<Self, Error> {
        let reach = match device.kind {
            Kind::Hotp(_, look_ahead) => look_ahead.into(),
            Kind::Totp(_, window) => window.into(),
            Kind::Ocra(_, options) => options.reach.window.into(),
        };
        Self {
            device,
            entered,
            second: None,
            reach,
            question,
        }
        .checked()
    }

    /// Takes two codes in a row, of HOTP or TOTP.
    ///
    /// # Errors
    ///
    /// [`Error::Window`], and [`Error::Input`] for OCRA, which has no codes in a row.
    pub(crate) fn two(device: Device<'a>, pair: CodePair<'a>) -> Result<Self, Error> {
        if device.as_ocra().is_some() {
            return Err(Error::Input {
                name: "device",
                problem: "is one of OCRA, which has no codes in a row; it must be HOTP or TOTP",
            });
        }
        let [first, second] = pair.codes.map(str::as_bytes);
        Self {
            device,
            entered: first,
            second: Some(second),
            reach: pair.reach,
            question: String::new(),
        }
        .checked()
    }

    /// Refuses a window that reaches further than what was used is remembered.
    fn checked(self) -> Result<Self, Error> {
        if let Some(period) = self.device.period() {
            let reach = u64::from(self.reach) * u64::from(period);
            if reach > MAX_REACH.as_secs() {
                return Err(Error::Window {
                    steps: self.reach,
                    period,
                });
            }
        }
        if let Kind::Ocra(ocra, options) = self.device.kind {
            ocra.message(&self.inputs(ocra, options, 0, Timestamp::from_unix(0)))?;
        }
        Ok(self)
    }

    /// Returns the device.
    pub(crate) const fn device(&self) -> &Device<'a> {
        &self.device
    }

    /// Returns what the device was asked; nothing but for OCRA.
    pub(crate) fn question(&self) -> &str {
        &self.question
    }

    /// Names the credential.
    pub(crate) const fn name(&self) -> &CredentialName {
        self.device.name()
    }

    /// Says whether nothing moves from answer to answer but the question: it then has a mark of its
    /// own, and is good once for ever.
    pub(crate) fn has_mark(&self) -> bool {
        self.device.has_mark()
    }

    /// Says whether a store of `class` keeps for as long as it must what was used.
    pub(crate) fn can_be_kept_in(&self, class: Class) -> bool {
        class == Class::Permanent || self.device.period().is_some() && !self.device.has_counter()
    }

    /// Reads what was entered; `None` if it is no code.
    pub(crate) fn entry(&self) -> Option<EnteredCode> {
        let digits = self.device.digits();
        let first = Entry::parse(self.entered, digits)?;
        Some(match self.second {
            None => EnteredCode::One(first),
            Some(second) => EnteredCode::Two([first, Entry::parse(second, digits)?]),
        })
    }

    /// Compares with every code that could be meant; `is_marked` says that the question was answered.
    pub(crate) fn judge(
        &self,
        entered: EnteredCode,
        known: &Credential,
        is_marked: bool,
        at: Moment,
    ) -> Found {
        if known.standing(at.epoch) == Standing::Ahead {
            return Found::Void;
        }
        match (self.device.kind, entered) {
            (Kind::Hotp(hotp, _), _) => self.judge_counter(hotp, entered, known, at),
            (Kind::Totp(totp, _), _) => self.judge_step(totp, entered, known, at),
            (Kind::Ocra(ocra, options), EnteredCode::One(entry)) => {
                self.judge_answer(ocra, options, entry, known, is_marked, at)
            }
            (Kind::Ocra(..), EnteredCode::Two(_)) => Found::Wrong, // `two` takes none
        }
    }

    fn judge_counter(
        &self,
        hotp: &Hotp,
        entered: EnteredCode,
        known: &Credential,
        at: Moment,
    ) -> Found {
        let is_known = known.standing(at.epoch) == Standing::Known;
        if !is_known && matches!(entered, EnteredCode::One(_)) {
            return Found::Resynchronise;
        }
        let last = known.last();
        let matched = next_counter(last, hotp.first()).and_then(|next| match entered {
            EnteredCode::One(entry) => {
                let look_ahead = u8::try_from(self.reach).unwrap_or(u8::MAX);
                hotp.find(entry, next, look_ahead)
            }
            EnteredCode::Two(pair) => hotp.find_pair(pair, next, self.reach),
        });
        // The code that was accepted last: a form that was sent twice is no guess.
        let was_last = last.is_some_and(|last| match entered {
            EnteredCode::One(entry) => hotp.find(entry, last, 0).is_some(),
            EnteredCode::Two(pair) => last
                .checked_sub(1)
                .is_some_and(|first| hotp.find_pair(pair, first, 0).is_some()),
        });
        moved_on(known, matched, was_last, at)
    }

    fn judge_step(
        &self,
        totp: &Totp,
        entered: EnteredCode,
        known: &Credential,
        at: Moment,
    ) -> Found {
        let here = |now| Steps::around(totp.step(now), self.reach);
        let there = |now| Steps::around(drifted(totp.step(now), known), self.reach);
        let (matched, raised) = match entered {
            EnteredCode::One(entry) => {
                let near = totp.find(entry, here(at.now));
                let far = if known.drift.steps == 0 {
                    None
                } else {
                    totp.find(entry, there(at.now))
                };
                (
                    near.max(far),
                    here(at.began).end().max(there(at.began).end()),
                )
            }
            // Around our own time: the drift that is known may be what is wrong.
            EnteredCode::Two(pair) => (
                totp.find_pair(pair, here(at.now)),
                here(at.began).end().saturating_add(1),
            ),
        };
        if known.standing(at.epoch) == Standing::Forgotten
            && matched.is_some_and(|step| step < raised)
        {
            // This call could have accepted it when the epoch was raised, and perhaps one did.
            let last = known.last().unwrap_or(0).max(raised.saturating_sub(1));
            return Found::PerhapsUsed(known.with_used(last, at.epoch));
        }
        let is_pair = matches!(entered, EnteredCode::Two(_));
        fresh_above(known, matched, totp.step(at.now), is_pair, at)
    }

    fn judge_answer(
        &self,
        ocra: &Ocra,
        options: OcraOptions<'a>,
        entry: Entry,
        known: &Credential,
        is_marked: bool,
        at: Moment,
    ) -> Found {
        let suite = ocra.suite();
        let find = |counter: u64, look_ahead, steps| {
            // It fits: `checked` has asked.
            let mut message = ocra
                .message(&self.inputs(ocra, options, counter, at.now))
                .ok()?;
            let counter = suite.counter().then_some(counter);
            ocra.find(entry, &mut message, counter, look_ahead, steps)
        };
        let now = suite.step().map(|period| step(at.now, period));
        let here = now.map(|now| Steps::around(now, self.reach));
        if suite.counter() {
            let last = known.last();
            let matched = next_counter(last, options.first)
                .and_then(|next| find(next, options.reach.look_ahead, here))
                .and_then(|matched| matched.counter);
            let was_last = last.is_some_and(|last| find(last, 0, here).is_some());
            return moved_on(known, matched, was_last, at);
        }
        let near = find(0, 0, here);
        let Some(now) = now else {
            return match (near, is_marked) {
                (Some(_), false) => Found::Fresh(Fresh {
                    next: known.after(0, at.epoch),
                    matched: None,
                    drift: 0,
                }),
                (Some(_), true) => Found::Used,
                (None, _) => Found::Wrong,
            };
        };
        let far = if known.drift.steps == 0 {
            None
        } else {
            find(0, 0, Some(Steps::around(drifted(now, known), self.reach)))
        };
        let step = |matched: Option<super::Matched>| matched.and_then(|matched| matched.step);
        let matched = step(near).max(step(far));
        // An answer from before a raised epoch is one to another question.
        fresh_above(known, matched, now, false, at)
    }

    /// Returns what the code is computed from.
    fn inputs<'b>(
        &'b self,
        ocra: &Ocra,
        options: OcraOptions<'b>,
        counter: u64,
        now: Timestamp,
    ) -> Inputs<'b> {
        options.inputs(ocra.suite(), &self.question, counter, now)
    }
}

/// Returns the counter that is expected: none once the last one that there is was used. A host that
/// knows of a later one than the store says so where it prepares the key.
fn next_counter(last: Option<u64>, first: u64) -> Option<u64> {
    last.map_or(Some(first), |last| {
        last.checked_add(1).map(|next| next.max(first))
    })
}

/// Returns our step, moved to where the device's clock is.
fn drifted(step: i64, known: &Credential) -> i64 {
    step.saturating_add(known.drift.steps.into())
}

/// Judges by a counter.
fn moved_on(known: &Credential, matched: Option<u64>, was_last: bool, at: Moment) -> Found {
    match (matched, was_last) {
        (Some(last), _) => Found::Fresh(Fresh {
            next: known.after(last, at.epoch),
            matched: Some(last),
            drift: 0,
        }),
        (None, true) => Found::Used,
        (None, false) => Found::Wrong,
    }
}

/// Tells a step that may still be accepted from one that may not, and learns from it how the
/// device's clock runs.
fn fresh_above(
    known: &Credential,
    matched: Option<u64>,
    now: i64,
    is_pair: bool,
    at: Moment,
) -> Found {
    let Some(step) = matched else {
        return Found::Wrong;
    };
    if known.last().is_some_and(|last| step <= last) {
        return Found::Used;
    }
    let drift = distance(step, now);
    let mut next = known.after(step, at.epoch);
    if is_pair {
        next.drift = Drift::found(drift, at.now);
    } else {
        next.drift.observe(drift, at.now);
    }
    Found::Fresh(Fresh {
        next,
        matched: Some(step),
        drift,
    })
}

/// Returns how far a step is ahead of that of our time.
fn distance(step: u64, at: i64) -> i32 {
    let ahead = i128::from(step) - i128::from(at);
    i32::try_from(ahead).unwrap_or(if ahead < 0 { i32::MIN } else { i32::MAX })
}

/// How far a window may reach on either side. A store that forgets keeps a step for
/// [`KEEP`]; drift and window, twice, must fit in.
const MAX_REACH: Duration = Duration::from_secs(100 * 86_400);

/// How long a store that forgets keeps what was used, from the latest write on.
pub(crate) const KEEP: Duration = Duration::from_secs(4 * MAX_REACH.as_secs());

#[cfg(test)]
mod tests;
