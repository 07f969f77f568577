//! The cell of a credential: what was used, how its device's clock runs, what was guessed at it.
//!
//! A code is good once: the counter or step that was accepted last is kept with the epoch that it
//! was accepted under, and nothing up to it is accepted again (RFC 4226, section 7.2; RFC 6238,
//! section 5.2). Wrong guesses are counted here too, whoever's they are (NIST SP 800-63B-4, 3.2.2
//! counts per authenticator).

use alloc::vec::Vec;
use core::time::Duration;

use crate::meter::Log;
use crate::{Error, RateLimits, Timestamp};

/// The cell of a credential.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct Credential {
    /// What was accepted last, unless nothing was.
    pub(super) used: Option<Used>,
    pub(super) drift: Drift,
    pub(crate) failures: Failures,
}

/// What was accepted last.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Used {
    /// The counter or step.
    pub(super) last: u64,
    /// The key ring's epoch at the time.
    pub(super) epoch: u32,
}

/// How a credential stands to the epoch of the key ring.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Standing {
    /// All that was used is known.
    Known,
    /// The store may have forgotten what was used since: another epoch wrote the cell, or there is
    /// none though the epoch was raised once.
    Forgotten,
    /// A later epoch wrote the cell: the key ring is the one that is behind.
    Ahead,
}

impl Credential {
    /// Reads a credential; an absent cell is one that was never seen.
    ///
    /// # Errors
    ///
    /// [`Error::Tampered`] for whatever neither [`write`](Self::write) nor format 1 writes.
    pub(crate) fn read(body: Option<&[u8]>) -> Result<Self, Error> {
        let read = match body {
            None => Some(Self::default()),
            Some([1, rest @ ..]) => Self::decode_1(rest),
            Some([FORMAT, rest @ ..]) => Self::decode(rest),
            Some(_) => None,
        };
        read.ok_or(Error::Tampered)
    }

    /// Reads format 1, which knew of no epoch and of no guesses: it was written before the first was
    /// raised, for all that is known.
    fn decode_1(body: &[u8]) -> Option<Self> {
        let (last, drift) = body.split_first_chunk()?;
        let last = u64::from_be_bytes(*last);
        let steps = i32::from_be_bytes(drift.try_into().ok()?);
        Some(Self {
            used: Some(Used { last, epoch: 0 }),
            drift: Drift {
                steps,
                ..Drift::default()
            },
            failures: Failures::default(),
        })
    }

    fn decode(body: &[u8]) -> Option<Self> {
        let (is_used, body) = body.split_first()?;
        let (epoch, body) = body.split_first_chunk()?;
        let (last, body) = body.split_first_chunk()?;
        let (steps, body) = body.split_first_chunk()?;
        let (&[samples], body) = body.split_first_chunk()?;
        let (since, body) = body.split_first_chunk()?;
        let (in_a_row, body) = body.split_first_chunk()?;
        let (&[listed], body) = body.split_first_chunk()?;
        let (base, body) = body.split_first_chunk()?;
        let mut latest = Log::default();
        let rest = latest.fill(i64::from_be_bytes(*base), listed, body)?;
        let used = Used {
            last: u64::from_be_bytes(*last),
            epoch: u32::from_be_bytes(*epoch),
        };
        let credential = Self {
            used: match is_used {
                0 if used == (Used { last: 0, epoch: 0 }) => None,
                1 => Some(used),
                _ => return None,
            },
            drift: Drift {
                steps: i32::from_be_bytes(*steps),
                samples: i8::from_be_bytes([samples]),
                since: Timestamp::from_unix(i64::from_be_bytes(*since)),
            },
            failures: Failures {
                in_a_row: u16::from_be_bytes(*in_a_row),
                latest,
            },
        };
        rest.is_empty().then_some(credential)
    }

    /// Appends the credential's bytes, format 2; see docs/formats.md.
    pub(crate) fn write(&self, body: &mut Vec<u8>) {
        let Used { last, epoch } = self.used.unwrap_or(Used { last: 0, epoch: 0 });
        let instants = self.failures.latest.instants();
        let oldest = instants.first().map_or(0, |first| first.unix());
        let newest = instants.last().map_or(0, |last| last.unix());
        // 136 years are told apart. What lies further back is moved up to there: a guess may count
        // longer by it, and none is forgotten.
        let base = oldest.max(newest.saturating_sub(u32::MAX.into()));
        body.extend([FORMAT, u8::from(self.used.is_some())]);
        body.extend(epoch.to_be_bytes());
        body.extend(last.to_be_bytes());
        body.extend(self.drift.steps.to_be_bytes());
        body.extend(self.drift.samples.to_be_bytes());
        body.extend(self.drift.since.unix().to_be_bytes());
        body.extend(self.failures.in_a_row.to_be_bytes());
        body.push(u8::try_from(instants.len()).unwrap_or(u8::MAX)); // at most 32
        body.extend(base.to_be_bytes());
        for instant in instants {
            let offset = instant.unix().max(base).abs_diff(base);
            let offset = u32::try_from(offset).unwrap_or(u32::MAX); // at most 136 years
            body.extend(offset.to_be_bytes());
        }
    }

    /// Appends the mark of a question that was answered: format 1, as it never changes again.
    pub(crate) fn write_mark(body: &mut Vec<u8>) {
        body.push(1);
        body.extend([0; 12]);
    }

    /// Says whether the store may have forgotten what was used.
    pub(super) fn standing(&self, epoch: u32) -> Standing {
        let written = self.used.map_or(0, |used| used.epoch);
        match written.cmp(&epoch) {
            core::cmp::Ordering::Equal => Standing::Known,
            core::cmp::Ordering::Less => Standing::Forgotten,
            core::cmp::Ordering::Greater => Standing::Ahead,
        }
    }

    /// Returns the counter or step that was accepted last.
    pub(super) fn last(&self) -> Option<u64> {
        self.used.map(|used| used.last)
    }

    /// Returns the credential after its code of `last` was accepted.
    pub(super) fn after(&self, last: u64, epoch: u32) -> Self {
        let mut next = self.with_used(last, epoch);
        next.failures.in_a_row = 0;
        next
    }

    /// Returns the credential with everything up to `last` used.
    pub(super) fn with_used(&self, last: u64, epoch: u32) -> Self {
        Self {
            used: Some(Used { last, epoch }),
            ..self.clone()
        }
    }

    /// Returns the credential as an administrator sets it right: no lock, no guesses, no drift. What
    /// was used stays so, but for a time step: `latest` is the last one that may be.
    pub(crate) fn reset(&self, latest: Option<u64>) -> Self {
        let used = self.used.map(|used| Used {
            last: latest.map_or(used.last, |latest| used.last.min(latest)),
            ..used
        });
        let drift = if self.drift.steps == 0 {
            Drift {
                samples: 0,
                ..self.drift
            }
        } else {
            Drift::default()
        };
        Self {
            used,
            drift,
            failures: Failures::default(),
        }
    }
}

/// What is known of a device's clock.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Drift {
    /// How many steps it is ahead of ours; below 0 it is behind.
    pub(super) steps: i32,
    /// How many codes in a row were ahead of that, or below 0: behind.
    samples: i8,
    /// When `steps` was learnt.
    since: Timestamp,
}

impl Default for Drift {
    fn default() -> Self {
        Self {
            steps: 0,
            samples: 0,
            since: Timestamp::from_unix(0),
        }
    }
}

impl Drift {
    /// Takes note of a code that was `seen` steps ahead: the drift follows by one step at most, once
    /// [`AGREEING`] codes in a row lie on the same side, once a day, and not beyond [`MAX_DRIFT`].
    ///
    /// One code tells nothing of a clock: it was entered late.
    pub(super) fn observe(&mut self, seen: i32, now: Timestamp) {
        if *self == Self::default() {
            self.since = now; // the first code
        }
        let side = i8::try_from(seen.saturating_sub(self.steps).signum()).unwrap_or(0);
        self.samples = if side != 0 && self.samples.signum() == side {
            self.samples.saturating_add(side)
        } else {
            side
        };
        let steps = self.steps.saturating_add(side.into());
        let most = MAX_DRIFT.max(self.steps.unsigned_abs());
        if self.samples.unsigned_abs() >= AGREEING
            && steps.unsigned_abs() <= most
            && now >= self.since.saturating_add(A_DAY)
        {
            *self = Self::found(steps, now);
        }
    }

    /// Takes what two codes in a row said.
    pub(super) const fn found(steps: i32, now: Timestamp) -> Self {
        Self {
            steps,
            samples: 0,
            since: now,
        }
    }
}

/// Wrong guesses at one credential.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct Failures {
    /// Those since the last success or reset.
    in_a_row: u16,
    latest: Log,
}

impl Failures {
    /// Counts one.
    pub(crate) fn charge(&mut self, now: Timestamp) {
        self.in_a_row = self.in_a_row.saturating_add(1);
        self.latest.record(now);
    }

    /// Returns how many there were since the last success or reset.
    pub(crate) const fn in_a_row(&self) -> u16 {
        self.in_a_row
    }

    /// Returns until when no code is compared: `None` is not locked, `Some(None)` is stopped until a
    /// reset.
    pub(crate) fn lock(
        &self,
        rate_limits: &RateLimits,
        now: Timestamp,
    ) -> Option<Option<Timestamp>> {
        let stop = rate_limits.device_hard_stop();
        if stop.is_some_and(|stop| self.in_a_row >= stop.into()) {
            return Some(None);
        }
        self.latest
            .admits_at(rate_limits.device_failures(), now)
            .map(Some)
    }

    /// Returns how many more are compared today.
    pub(crate) fn left(&self, rate_limits: &RateLimits, now: Timestamp) -> u8 {
        let left = self.latest.left(rate_limits.device_failures(), now);
        let Some(stop) = rate_limits.device_hard_stop() else {
            return left;
        };
        let in_a_row = u16::from(stop).saturating_sub(self.in_a_row);
        left.min(u8::try_from(in_a_row).unwrap_or(u8::MAX))
    }

    /// Returns how many there were in a row, if that comes near a hard stop.
    pub(crate) fn near_stop(&self, rate_limits: &RateLimits) -> Option<u16> {
        let stops = rate_limits.device_hard_stop().is_some();
        (stops && rate_limits.is_nearly_locked(self.in_a_row)).then_some(self.in_a_row)
    }
}

/// The version of the bytes of a credential.
const FORMAT: u8 = 2;

/// How many codes in a row must say that a clock drifted.
const AGREEING: u8 = 3;

/// How many steps the drift follows by single codes: a resynchronisation may find more.
const MAX_DRIFT: u32 = 10;

/// The least time between two steps of drift: the worst of quartzes takes days for one of 30 s.
const A_DAY: Duration = Duration::from_secs(86_400);

#[cfg(test)]
mod tests;
