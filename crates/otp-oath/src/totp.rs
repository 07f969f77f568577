//! TOTP (RFC 6238): HOTP whose counter is the time, in steps.

use core::fmt;

use super::compare::{Entry, Search};
use super::prepared::{CredentialName, Prepared};
use super::{Error, HashFunction, Secret, digits_in_bounds, hotp};
use crate::{Code, Finding, Timestamp};

/// A prepared TOTP key; wiped on drop. Steps are counted from 1970.
///
/// ```
/// use otp_oath::Timestamp;
/// use otp_oath::{HashFunction, Secret, Totp};
///
/// let totp = Totp::new(&Secret::new(b"12345678901234567890")?, HashFunction::Sha1, 6, 30)?;
/// let now = Timestamp::from_unix(59);
/// assert_eq!(totp.at(now).expect("this is after 1970").as_str(), "287082");
/// // The device is one step behind; that of step 1 is still taken.
/// assert_eq!(totp.verify("287082", Timestamp::from_unix(89), 1), Some(1));
/// assert_eq!(totp.verify("287082", Timestamp::from_unix(90), 1), None);
/// # Ok::<(), otp_oath::Error>(())
/// ```
#[derive(Clone)]
pub struct Totp {
    key: Prepared,
    name: CredentialName,
    digits: u8,
    period: u32,
}

impl Totp {
    /// Prepares a key; `period` is the length of a step in seconds, 30 for most devices.
    ///
    /// # Errors
    ///
    /// [`Error::Digits`] outside of 6 to 10, [`Error::Period`] outside of a second to a day.
    pub fn new(
        secret: &Secret,
        algorithm: HashFunction,
        digits: u8,
        period: u32,
    ) -> Result<Self, Error> {
        let key = Prepared::new(algorithm, secret.as_bytes());
        let mut label = *b"otp-engine totp v1 ....";
        label[19..].copy_from_slice(&period.to_be_bytes());
        Ok(Self {
            name: key.name(&label),
            key,
            digits: digits_in_bounds(digits)?,
            period: period_in_bounds(period)?,
        })
    }

    /// Returns the code of an instant; `None` before 1970, where there are no steps.
    #[must_use]
    pub fn at(&self, now: Timestamp) -> Option<Code> {
        let step = u64::try_from(step(now, self.period)).ok()?;
        Some(Code::decimal(self.truncated(step).into(), self.digits))
    }

    /// Looks for an entered code in the step of `now` and `window` steps before and after it; returns
    /// the latest one that matches. Whoever accepts it must accept no step up to it again.
    ///
    /// All of them are computed, whichever matches. Each makes a guess as much likelier to be
    /// right: RFC 6238, section 5.2, recommends 1 at most. Text that is no code matches none.
    #[must_use]
    pub fn verify(
        &self,
        entered: &(impl AsRef<[u8]> + ?Sized),
        now: Timestamp,
        window: u8,
    ) -> Option<u64> {
        let entry = Entry::parse(entered.as_ref(), self.digits)?;
        self.find(entry, self.steps(now, window.into()))
    }

    /// Looks for two codes in a row, the first of them within `window` steps of `now`: for a device
    /// whose clock drifted (RFC 6238, section 6). Returns the step of the second; its distance from
    /// [`step`](Self::step) is the drift.
    #[must_use]
    pub fn resynchronise(
        &self,
        first: &(impl AsRef<[u8]> + ?Sized),
        second: &(impl AsRef<[u8]> + ?Sized),
        now: Timestamp,
        window: u16,
    ) -> Option<u64> {
        let entry = |entered: &[u8]| Entry::parse(entered, self.digits);
        let pair = [entry(first.as_ref())?, entry(second.as_ref())?];
        self.find_pair(pair, self.steps(now, window))
    }

    /// Returns the step of an instant; below 0 before 1970.
    #[must_use]
    pub const fn step(&self, now: Timestamp) -> i64 {
        step(now, self.period)
    }

    /// Returns the length of a step in seconds.
    #[must_use]
    pub const fn period(&self) -> u32 {
        self.period
    }

    /// Returns how many digits a code has.
    #[must_use]
    pub const fn digits(&self) -> u8 {
        self.digits
    }

    /// Returns what there is to say against so many digits: 9 and 10 promise more than 31 bits hold.
    pub fn findings(&self) -> impl Iterator<Item = Finding> + use<> {
        hotp::findings(self.digits)
    }

    /// Returns the hash function.
    #[must_use]
    pub const fn algorithm(&self) -> HashFunction {
        self.key.algorithm()
    }

    #[doc(hidden)]
    pub const fn name(&self) -> &CredentialName {
        &self.name
    }

    #[inline]
    fn truncated(&self, step: u64) -> u32 {
        self.key.truncated(&step.to_be_bytes())
    }

    #[inline]
    fn value(&self, step: u64) -> u64 {
        hotp::reduce(self.truncated(step), self.digits)
    }

    /// Returns the steps around `now`.
    fn steps(&self, now: Timestamp, window: u16) -> Steps {
        Steps::around(step(now, self.period), window)
    }

    /// Looks for a code in steps, all of them; the latest that matches counts.
    #[doc(hidden)]
    pub fn find(&self, entry: Entry, steps: Steps) -> Option<u64> {
        let mut search = Search::new();
        for (at, step) in steps.each() {
            search.compare(entry, self.value(step), at);
        }
        search.result().map(|at| steps.first + u64::from(at))
    }

    #[doc(hidden)]
    pub fn find_pair(&self, pair: [Entry; 2], steps: Steps) -> Option<u64> {
        let mut search = Search::new();
        let mut earlier = self.value(steps.first);
        for (at, step) in steps.each() {
            let later = self.value(step.saturating_add(1));
            search.compare_pair(pair, [earlier, later], at);
            earlier = later;
        }
        search.result().map(|at| steps.first + u64::from(at) + 1)
    }
}

impl fmt::Debug for Totp {
    /// Shows the kind of code, nothing of the key.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Totp")
            .field("algorithm", &self.key.algorithm())
            .field("digits", &self.digits)
            .field("period", &self.period)
            .finish_non_exhaustive()
    }
}

/// Steps one behind the other, none of them before 1970.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Steps {
    pub(crate) first: u64,
    count: u32,
}

impl Steps {
    /// Returns those from `window` before `centre` to `window` after it that there are.
    #[doc(hidden)]
    pub fn around(centre: i64, window: u16) -> Self {
        let (first, last) = (
            centre.saturating_sub(window.into()).max(0),
            centre.saturating_add(window.into()),
        );
        // At most twice the window and one, or none at all where the last lies before 1970.
        let count = u32::try_from(last.saturating_sub(first).saturating_add(1)).unwrap_or(0);
        Self {
            first: first.unsigned_abs(),
            count,
        }
    }

    /// Returns the step after the last one.
    #[doc(hidden)]
    pub fn end(self) -> u64 {
        self.first.saturating_add(self.count.into())
    }

    /// Returns each step with its place.
    pub(crate) fn each(self) -> impl Iterator<Item = (u32, u64)> {
        (0..self.count).map(move |at| (at, self.first + u64::from(at)))
    }
}

/// Returns the step of an instant: rounded down, before 1970 too.
#[must_use]
pub const fn step(now: Timestamp, period: u32) -> i64 {
    now.unix().div_euclid(period as i64)
}

/// Takes a period that is within its bounds.
pub(crate) const fn period_in_bounds(seconds: u32) -> Result<u32, Error> {
    if seconds == 0 || seconds > 86_400 {
        return Err(Error::Period { seconds });
    }
    Ok(seconds)
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use super::*;

    #[test]
    fn steps_end_where_time_does() {
        let steps = |centre, window| Steps::around(centre, window).each().collect::<Vec<_>>();
        assert_eq!(steps(0, 0), [(0, 0)]);
        assert_eq!(steps(0, 2), [(0, 0), (1, 1), (2, 2)]);
        assert_eq!(steps(1, 2), [(0, 0), (1, 1), (2, 2), (3, 3)]);
        assert_eq!(steps(10, 1), [(0, 9), (1, 10), (2, 11)]);
        assert_eq!(steps(-1, 1), [(0, 0)]);
        assert_eq!(steps(-2, 1), []);
        assert_eq!(steps(i64::MIN, u16::MAX), []);
        let last = i64::MAX.unsigned_abs();
        assert_eq!(steps(i64::MAX, 1), [(0, last - 1), (1, last)]);
        assert_eq!(steps(i64::MAX, u16::MAX).len(), 65_536);
        assert_eq!(steps(1 << 40, u16::MAX).len(), 131_071);
    }
}
