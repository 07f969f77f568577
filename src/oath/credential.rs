//! What an engine keeps of a credential, and what it makes of a typed code: pure decisions.
//!
//! A code is good once: the counter, step or question that was accepted last is kept, and nothing up
//! to it is accepted again (RFC 4226, section 7.2; RFC 6238, section 5.2).

use core::time::Duration;

use alloc::vec::Vec;

use super::compare::Entry;
use super::totp::Steps;
use super::{Answer, Hotp, Inputs, Ocra, Totp, totp};
use crate::keys::CredentialName;
use crate::store::Class;
use crate::{Error, Timestamp};

/// What an accepted OATH code leaves.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Acceptance {
    /// The counter or time step of the code; `None` where an OCRA suite has neither.
    pub matched: Option<u64>,
    /// How many steps ahead of ours the device's clock is; below 0 it is behind.
    pub drift: i32,
    /// When the code was accepted.
    pub verified_at: Timestamp,
}

/// The cell of a credential.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Credential {
    /// The counter or step that was accepted last.
    last: u64,
    drift: i32,
}

impl Credential {
    /// Reads a credential; an absent cell is one that was never used.
    ///
    /// # Errors
    ///
    /// [`Error::Tampered`] for whatever [`write`](Self::write) does not write.
    pub(crate) fn read(body: Option<&[u8]>) -> Result<Option<Self>, Error> {
        let Some(body) = body else {
            return Ok(None);
        };
        let Some((&FORMAT, rest)) = body.split_first() else {
            return Err(Error::Tampered);
        };
        let (last, drift) = rest.split_first_chunk().ok_or(Error::Tampered)?;
        let drift = drift.try_into().map_err(|_| Error::Tampered)?;
        Ok(Some(Self {
            last: u64::from_be_bytes(*last),
            drift: i32::from_be_bytes(drift),
        }))
    }

    /// Returns what the host hears of a code that was accepted.
    pub(crate) const fn acceptance(&self, matched: Option<u64>, now: Timestamp) -> Acceptance {
        Acceptance {
            matched,
            drift: self.drift,
            verified_at: now,
        }
    }

    /// Appends the credential's bytes, format 1; see docs/formats.md.
    pub(crate) fn write(&self, body: &mut Vec<u8>) {
        body.push(FORMAT);
        body.extend(self.last.to_be_bytes());
        body.extend(self.drift.to_be_bytes());
    }
}

/// What a typed code is, for a credential as it stands.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Found {
    /// Right and not used before: the credential as it stands afterwards, and what matched.
    Fresh(Credential, Option<u64>),
    /// Right, and used before.
    Used,
    /// Compared, and wrong.
    Wrong,
}

/// One attempt at a credential.
pub(crate) trait Attempt {
    /// Names the credential.
    fn name(&self) -> &CredentialName;

    /// Whether the cell must outlive everything.
    fn is_kept_for_ever(&self) -> bool;

    /// Reads what was typed; `None` if it is no code. The flag: digits of more than one script.
    fn entry(&self) -> Option<Typed>;

    /// Compares with every code that could be meant.
    fn judge(&self, typed: Typed, known: Option<Credential>, now: Timestamp) -> Found;

    /// Returns until when the cell must be kept.
    fn discard_after(&self, now: Timestamp) -> Option<Timestamp> {
        (!self.is_kept_for_ever()).then(|| now.saturating_add(KEEP))
    }

    /// Says whether a store of `class` keeps the cell for as long as it must be.
    fn can_be_kept_in(&self, class: Class) -> bool {
        class == Class::Permanent || !self.is_kept_for_ever()
    }
}

/// What was typed: one code, or two in a row.
#[derive(Clone, Copy)]
pub(crate) enum Typed {
    One(Entry),
    Two([Entry; 2]),
}

impl Typed {
    /// Reads one code, or two where there is a second.
    fn parse(first: &[u8], second: Option<&[u8]>, digits: u8) -> Option<Self> {
        let first = Entry::parse(first, digits)?;
        Some(match second {
            None => Self::One(first),
            Some(second) => Self::Two([first, Entry::parse(second, digits)?]),
        })
    }

    /// Tells whether digits of more than one script were typed.
    pub(crate) const fn mixed_scripts(self) -> bool {
        match self {
            Self::One(entry) => entry.mixed_scripts,
            Self::Two([first, second]) => first.mixed_scripts | second.mixed_scripts,
        }
    }
}

/// An attempt with HOTP: one code, or two in a row to find a device that is far ahead.
pub(crate) struct HotpAttempt<'a> {
    pub(crate) hotp: &'a Hotp,
    pub(crate) typed: &'a [u8],
    pub(crate) second: Option<&'a [u8]>,
    pub(crate) look_ahead: u16,
}

impl Attempt for HotpAttempt<'_> {
    fn name(&self) -> &CredentialName {
        self.hotp.name()
    }

    fn is_kept_for_ever(&self) -> bool {
        true
    }

    fn entry(&self) -> Option<Typed> {
        Typed::parse(self.typed, self.second, self.hotp.digits())
    }

    fn judge(&self, typed: Typed, known: Option<Credential>, _: Timestamp) -> Found {
        let last = known.map(|known| known.last);
        // `None` once the last counter that there is was used.
        let next = last.map_or(Some(self.hotp.first()), |last| last.checked_add(1));
        let matched = next.and_then(|next| match typed {
            Typed::One(entry) => {
                let look_ahead = u8::try_from(self.look_ahead).unwrap_or(u8::MAX);
                self.hotp.find(entry, next, look_ahead)
            }
            Typed::Two(pair) => self.hotp.find_pair(pair, next, self.look_ahead),
        });
        // The code that was accepted last: a form that was sent twice is no guess.
        let was_last = last.is_some_and(|last| match typed {
            Typed::One(entry) => self.hotp.find(entry, last, 0).is_some(),
            Typed::Two(pair) => last
                .checked_sub(1)
                .is_some_and(|first| self.hotp.find_pair(pair, first, 0).is_some()),
        });
        match (matched, was_last) {
            (Some(last), _) => Found::Fresh(Credential { last, drift: 0 }, Some(last)),
            (None, true) => Found::Used,
            (None, false) => Found::Wrong,
        }
    }
}

/// An attempt with TOTP: one code, or two in a row to learn of a clock that is far off.
pub(crate) struct TotpAttempt<'a> {
    pub(crate) totp: &'a Totp,
    pub(crate) typed: &'a [u8],
    pub(crate) second: Option<&'a [u8]>,
    pub(crate) window: u16,
}

impl Attempt for TotpAttempt<'_> {
    fn name(&self) -> &CredentialName {
        self.totp.name()
    }

    fn is_kept_for_ever(&self) -> bool {
        false
    }

    fn entry(&self) -> Option<Typed> {
        Typed::parse(self.typed, self.second, self.totp.digits())
    }

    fn judge(&self, typed: Typed, known: Option<Credential>, now: Timestamp) -> Found {
        let drift = known.map_or(0, |known| known.drift);
        let matched = match typed {
            Typed::One(entry) => {
                let steps = self.totp.steps(now, drift, self.window);
                self.totp.find(entry, steps)
            }
            // Around our own time: the drift that is known may be what is wrong.
            Typed::Two(pair) => self
                .totp
                .find_pair(pair, self.totp.steps(now, 0, self.window)),
        };
        let at = self.totp.step(now);
        let followed = |step| match typed {
            Typed::One(_) => follow(drift, step, at),
            Typed::Two(_) => distance(step, at),
        };
        used_or_fresh(matched, known, followed)
    }
}

/// An attempt with OCRA. What guards it is its counter, else its step, else the question itself,
/// which then is part of the cell's name.
pub(crate) struct OcraAttempt<'a> {
    ocra: &'a Ocra,
    answer: Answer<'a>,
    question: &'a str,
}

impl<'a> OcraAttempt<'a> {
    /// Takes an answer to `question`, if it has what the suite asks for and no more.
    pub(crate) fn new(
        ocra: &'a Ocra,
        question: &'a str,
        answer: Answer<'a>,
    ) -> Result<Self, super::Error> {
        let attempt = Self {
            ocra,
            answer,
            question,
        };
        ocra.message(&attempt.inputs(0, Timestamp::from_unix(0)))?;
        Ok(attempt)
    }

    /// Says whether nothing moves from answer to answer but the question.
    pub(crate) const fn is_good_once_for_its_question(&self) -> bool {
        !self.ocra.suite().counter() && self.ocra.suite().step().is_none()
    }

    /// Returns what the code is computed from.
    fn inputs(&self, counter: u64, now: Timestamp) -> Inputs<'a> {
        self.answer
            .inputs(self.ocra.suite(), self.question, counter, now)
    }
}

impl Attempt for OcraAttempt<'_> {
    fn name(&self) -> &CredentialName {
        self.ocra.name()
    }

    fn is_kept_for_ever(&self) -> bool {
        self.ocra.suite().counter() || self.is_good_once_for_its_question()
    }

    fn entry(&self) -> Option<Typed> {
        Typed::parse(self.answer.typed, None, self.ocra.suite().digits())
    }

    fn judge(&self, typed: Typed, known: Option<Credential>, now: Timestamp) -> Found {
        let suite = self.ocra.suite();
        let Typed::One(entry) = typed else {
            return Found::Wrong;
        };
        let (last, drift) = known.map_or((None, 0), |known| (Some(known.last), known.drift));
        let reach = self.answer.reach;
        let at = suite.step().map(|period| totp::step(now, period));
        let steps = at.map(|at| {
            let centre = at.saturating_add(drift.into());
            Steps::around(centre, reach.window.into())
        });
        let find = |counter: u64, look_ahead| {
            // It fits: `new` has asked.
            let mut message = self.ocra.message(&self.inputs(counter, now)).ok()?;
            let counter = suite.counter().then_some(counter);
            self.ocra
                .find(entry, &mut message, counter, look_ahead, steps)
        };
        if suite.counter() {
            let next = last.map_or(Some(self.answer.first), |last| last.checked_add(1));
            let matched = next.and_then(|next| find(next, reach.look_ahead));
            let was_last = last.is_some_and(|last| find(last, 0).is_some());
            return match (matched.and_then(|matched| matched.counter), was_last) {
                (Some(last), _) => Found::Fresh(Credential { last, drift: 0 }, Some(last)),
                (None, true) => Found::Used,
                (None, false) => Found::Wrong,
            };
        }
        let matched = find(0, 0);
        match at {
            Some(at) => {
                let step = matched.and_then(|matched| matched.step);
                used_or_fresh(step, known, |step| follow(drift, step, at))
            }
            None => match (matched, last) {
                (Some(_), None) => Found::Fresh(Credential { last: 0, drift: 0 }, None),
                (Some(_), Some(_)) => Found::Used,
                (None, _) => Found::Wrong,
            },
        }
    }
}

/// Tells a step that may still be accepted from one that may not.
fn used_or_fresh(
    matched: Option<u64>,
    known: Option<Credential>,
    drift: impl FnOnce(u64) -> i32,
) -> Found {
    match matched {
        None => Found::Wrong,
        Some(step) if known.is_some_and(|known| step <= known.last) => Found::Used,
        Some(step) => {
            let drift = drift(step);
            Found::Fresh(Credential { last: step, drift }, Some(step))
        }
    }
}

/// Returns the drift to go on with: the one just seen, unless it leads further away than a device's
/// clock drifts between two resynchronisations.
fn follow(known: i32, step: u64, at: i64) -> i32 {
    let seen = distance(step, at);
    if seen.unsigned_abs() <= known.unsigned_abs().max(MAX_DRIFT) {
        seen
    } else {
        known
    }
}

/// Returns how far a step is ahead of that of our time.
fn distance(step: u64, at: i64) -> i32 {
    let ahead = i128::from(step) - i128::from(at);
    i32::try_from(ahead).unwrap_or(if ahead < 0 { i32::MIN } else { i32::MAX })
}

/// The version of the bytes of a credential.
const FORMAT: u8 = 1;

/// How many steps the drift follows by single codes: a resynchronisation may find more.
const MAX_DRIFT: u32 = 10;

/// How long a step and a drift outlive their code: far longer than any window, so that a device
/// that is used once a year is still known.
const KEEP: Duration = Duration::from_secs(400 * 86_400);

#[cfg(test)]
mod tests {
    use alloc::format;
    use alloc::string::String;

    use super::*;
    use crate::oath::{Secret, Suite};

    fn written(credential: &Credential) -> Vec<u8> {
        let mut body = Vec::new();
        credential.write(&mut body);
        body
    }

    /// A cell as an earlier version wrote it, which this one must read and write back.
    #[test]
    fn golden_credentials_read_and_write_back() {
        let file = include_str!("../../tests/vectors/oath-cells-v1.json");
        let golden: serde_json::Value = serde_json::from_str(file).unwrap();
        let golden = golden["credentials"].as_array().unwrap();
        assert_eq!(golden.len(), 3);
        for cell in golden {
            let digits = cell["body"].as_str().unwrap();
            let byte = |at| u8::from_str_radix(&digits[at..at + 2], 16).unwrap();
            let body: Vec<u8> = (0..digits.len()).step_by(2).map(byte).collect();
            let read = Credential::read(Some(&body)).unwrap().unwrap();
            let last: u64 = cell["last"].as_str().unwrap().parse().unwrap();
            assert_eq!(
                (read.last, i64::from(read.drift)),
                (last, cell["drift"].as_i64().unwrap())
            );
            let again: String = written(&read)
                .iter()
                .map(|byte| format!("{byte:02x}"))
                .collect();
            assert_eq!(again, digits);
        }
    }

    #[test]
    fn case_22_what_was_not_written_so_is_not_read() {
        let body = written(&Credential { last: 7, drift: -3 });
        assert_eq!(Credential::read(None).unwrap(), None);
        for length in 0..body.len() {
            assert!(matches!(
                Credential::read(Some(&body[..length])),
                Err(Error::Tampered)
            ));
        }
        let longer = [&body[..], &[0]].concat();
        assert!(Credential::read(Some(&longer)).is_err());
        for format in [0, 2, 255] {
            let other = [&[format], &body[1..]].concat();
            assert!(Credential::read(Some(&other)).is_err());
        }
    }

    #[test]
    fn a_wrong_answer_to_a_question_uses_nothing_up_and_two_codes_are_no_answer() {
        let (question, now) = ("12345678", Timestamp::from_unix(0));
        let suite = Suite::parse("OCRA-1:HOTP-SHA1-6:QN08").unwrap();
        let ocra = Ocra::new(&Secret::new(&[7; 20]).unwrap(), suite);
        let right = ocra.generate(&Inputs::new(question)).unwrap();
        let right = right.as_str();
        let last = if right.ends_with('7') { "8" } else { "7" };
        let wrong = format!("{}{last}", &right[..5]);
        let judge = |typed: &str, known| {
            let attempt = OcraAttempt::new(&ocra, question, Answer::new(typed)).unwrap();
            attempt.judge(attempt.entry().unwrap(), known, now)
        };
        assert_eq!(judge(&wrong, None), Found::Wrong);
        let used = Credential { last: 0, drift: 0 };
        assert_eq!(judge(right, None), Found::Fresh(used, None));
        assert_eq!(judge(right, Some(used)), Found::Used);
        assert_eq!(judge(&wrong, Some(used)), Found::Wrong);

        let attempt = OcraAttempt::new(&ocra, question, Answer::new(right)).unwrap();
        let Some(Typed::One(entry)) = attempt.entry() else {
            panic!("it is one code");
        };
        let pair = Typed::Two([entry, entry]);
        assert_eq!(attempt.judge(pair, None, now), Found::Wrong);
    }

    #[test]
    fn the_drift_follows_a_device_and_stays_where_it_jumps() {
        for (known, step, at, drift) in [
            (0, 101, 100, 1),
            (0, 99, 100, -1),
            (9, 110, 100, 10),
            (10, 111, 100, 10),
            (-10, 89, 100, -10),
            (41, 140, 100, 40),
            (41, 141, 100, 41),
            (41, 142, 100, 41),
            (i32::MIN, 0, i64::MAX, i32::MIN),
            (0, u64::MAX, i64::MIN, 0),
        ] {
            assert_eq!(follow(known, step, at), drift, "{known} {step} {at}");
        }
        assert_eq!(distance(u64::MAX, i64::MIN), i32::MAX);
        assert_eq!(distance(0, i64::MAX), i32::MIN);
    }
}
