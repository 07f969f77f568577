//! Instants, in whole seconds since 1970-01-01 00:00:00 UTC.

use core::{fmt, time::Duration};

use time::UtcDateTime;

/// An instant in UTC: whole seconds since the Unix epoch, over the whole range of `i64`.
///
/// Seconds are what codes are measured in: a part of a second is cut off, which can only shorten
/// a code's life. Arithmetic saturates; no instant makes it panic.
///
/// ```
/// use core::time::Duration;
/// use otp_base::Timestamp;
///
/// let issued_at = Timestamp::from_unix(1_715_767_200);
/// let expires_at = issued_at.saturating_add(Duration::from_secs(180));
/// assert_eq!(expires_at.unix(), 1_715_767_380);
/// assert_eq!(expires_at.to_string(), "2024-05-15 10:03:00");
/// ```
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Timestamp(i64);

impl Timestamp {
    /// Makes an instant from seconds since the Unix epoch.
    #[must_use]
    pub const fn from_unix(seconds: i64) -> Self {
        Self(seconds)
    }

    /// Returns the seconds since the Unix epoch.
    #[must_use]
    pub const fn unix(self) -> i64 {
        self.0
    }

    /// Returns the instant `duration` later, or the last one that there is.
    #[must_use]
    pub const fn saturating_add(self, duration: Duration) -> Self {
        Self(self.0.saturating_add_unsigned(duration.as_secs()))
    }

    /// Returns the instant `duration` earlier, or the first one that there is.
    #[must_use]
    pub const fn saturating_sub(self, duration: Duration) -> Self {
        Self(self.0.saturating_sub_unsigned(duration.as_secs()))
    }

    /// Returns the time since `earlier`; zero where `earlier` is not earlier.
    #[must_use]
    pub const fn saturating_since(self, earlier: Self) -> Duration {
        if self.0 <= earlier.0 {
            return Duration::ZERO;
        }
        Duration::from_secs(self.0.abs_diff(earlier.0))
    }

    /// Says whether this lies so far ahead of `now` that one of the two clocks was wrong.
    #[doc(hidden)]
    pub fn is_far_ahead_of(self, now: Self) -> bool {
        self > now.saturating_add(FUTURE)
    }

    /// Returns the instant as a decision reads it: one that is far ahead is read as the present. It
    /// counts, and is kept as it was: the clock that is wrong may be this one.
    #[doc(hidden)]
    pub fn read_at(self, now: Self) -> Self {
        if self.is_far_ahead_of(now) { now } else { self }
    }

    /// Returns the date and time in UTC, or `None` outside the years -9999 to 9999.
    #[must_use]
    pub fn to_utc(self) -> Option<UtcDateTime> {
        UtcDateTime::from_unix_timestamp(self.0).ok()
    }
}

/// How far ahead of the clock an instant of the future is honoured, and how far past the newest
/// committed time a purge believes the clock: a day, as long as the longest window. Cells are kept
/// for as much longer than any answer needs them.
#[doc(hidden)]
pub const FUTURE: Duration = Duration::from_secs(86_400);

impl fmt::Display for Timestamp {
    /// Writes date and time in UTC, as in `2024-05-15 10:03:00`; outside the years -9999 to 9999 the
    /// seconds since the Unix epoch, as in `@253402300800`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(utc) = self.to_utc() else {
            return write!(f, "@{}", self.0);
        };
        let (date, (hour, minute, second)) = (utc.date(), utc.as_hms());
        write!(f, "{date} {hour:02}:{minute:02}:{second:02}")
    }
}

impl From<UtcDateTime> for Timestamp {
    fn from(utc: UtcDateTime) -> Self {
        Self(utc.unix_timestamp())
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use std::string::ToString;

    use super::*;

    #[test]
    fn an_instant_is_written_with_two_digits_each_and_without_a_part_of_a_second() {
        for (seconds, text) in [
            (1_715_763_845, "2024-05-15 09:04:05"),
            (-1, "1969-12-31 23:59:59"),
            (253_402_300_799, "9999-12-31 23:59:59"),
            (253_402_300_800, "@253402300800"),
        ] {
            assert_eq!(Timestamp(seconds).to_string(), text);
        }
    }

    #[test]
    fn case_31_arithmetic_holds_at_both_ends_of_time() {
        let day = Duration::from_secs(86_400);
        let (first, last) = (Timestamp(i64::MIN), Timestamp(i64::MAX));
        assert_eq!(last.saturating_add(day), last);
        assert_eq!(first.saturating_sub(day), first);
        assert_eq!(last.saturating_since(first), Duration::from_secs(u64::MAX));
        assert_eq!(first.saturating_since(last), Duration::ZERO);
        assert_eq!(last.saturating_add(Duration::MAX), last);
        assert_eq!(first.to_utc(), None);
        assert_eq!(last.to_utc(), None);
        for (seconds, year) in [
            (2_147_483_648, 2038),
            (4_294_967_296, 2106),
            (253_402_300_799, 9999),
        ] {
            assert_eq!(Timestamp(seconds).to_utc().unwrap().year(), year);
        }
    }
}
