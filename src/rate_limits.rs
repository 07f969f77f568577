//! The limits of users and recipients, over all their records and codes.

use core::time::Duration;

use crate::policy::OutOfBounds;

/// The limits of users and recipients; an engine's, shared by all of its siblings.
///
/// Windows are fixed and have no edges: "5 in 10 minutes" holds for every ten minutes.
///
/// | what | window | default | bounds |
/// |---|---|---|---|
/// | compared wrong guesses of a user at codes that were sent, over all records; codes of their devices are compared only while both kinds together are below it | 24 h | 15 | 1-32 |
/// | compared wrong guesses of a user without a success between: locked until `unlock` | - | 100 | 10-100 |
/// | how long that lock lasts, where it is to end by itself | - | without end | 1-400 days |
/// | compared wrong guesses against a recipient: `issue` alone is refused | 24 h | 15 | 1-32 |
/// | compared wrong guesses at one device ([`oath`](crate::oath)), whoever they are made for; without meters too | 24 h | 30 | 1-32 |
/// | the same, without a success between: the device is stopped until it is [reset](crate::Engine::reset_device) | - | none; with `device_hard_stop`, as `consecutive_failures` | |
/// | sends to a recipient | 10 min | 5 | 1-32 |
/// | sends to a recipient | 24 h | 20 | 1-32 |
/// | sends for a user | 1 h | 10 | 1-32 |
/// | refunds of refused messages to a recipient | 24 h | 3 | fixed |
///
/// ```
/// use otp_engine::RateLimits;
///
/// let rate_limits = RateLimits::builder().user_failures_per_day(10).build()?;
/// let error = RateLimits::builder().consecutive_failures(101).build().unwrap_err();
/// assert_eq!(error.to_string(), "consecutive_failures is 101; it must be 10 to 100");
/// # let _ = rate_limits;
/// # Ok::<(), otp_engine::policy::OutOfBounds>(())
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct RateLimits {
    metered: bool,
    user_failures: u8,
    consecutive_failures: u8,
    lock_ends_after: Option<Duration>,
    recipient_failures: u8,
    user_sends: u8,
    recipient_sends_per_ten_minutes: u8,
    recipient_sends_per_day: u8,
    device_failures: u8,
    device_hard_stop: bool,
}

impl Default for RateLimits {
    fn default() -> Self {
        Self {
            metered: true,
            user_failures: 15,
            consecutive_failures: 100,
            lock_ends_after: None,
            recipient_failures: 15,
            user_sends: 10,
            recipient_sends_per_ten_minutes: 5,
            recipient_sends_per_day: 20,
            device_failures: 30,
            device_hard_stop: false,
        }
    }
}

impl RateLimits {
    /// Starts from the default rate limits.
    pub fn builder() -> RateLimitsBuilder {
        RateLimitsBuilder {
            rate_limits: Self::default(),
        }
    }

    /// Keeps no meter of users and recipients at all. What is counted for one device, in its own
    /// cell, is counted nevertheless.
    ///
    /// Whoever may open many records of one user then has `max_attempts` guesses at each of them,
    /// and whoever may ask for codes sends as many messages as there are slots. Only for a host
    /// that meters elsewhere, and for measuring the bare engine; [`findings`](crate::Policy::findings)
    /// names it.
    #[must_use]
    pub fn unlimited() -> Self {
        Self {
            metered: false,
            ..Self::default()
        }
    }

    /// Says whether users and recipients have meters.
    #[must_use]
    pub const fn is_limited(&self) -> bool {
        self.metered
    }

    /// Returns after how many wrong guesses in a row a user is locked until an unlock.
    #[must_use]
    pub const fn consecutive_failures(&self) -> u8 {
        self.consecutive_failures
    }

    /// Returns how long after the last wrong guess the lock of wrong guesses in a row ends by itself;
    /// `None` is never.
    #[must_use]
    pub const fn lock_ends_after(&self) -> Option<Duration> {
        self.lock_ends_after
    }

    /// Says whether there is a lock that only an administrator ends: a store must keep it for ever.
    pub(crate) const fn locks_without_end(&self) -> bool {
        self.metered && self.lock_ends_after.is_none()
    }

    /// Returns the limit of wrong guesses of a user.
    #[must_use]
    pub const fn user_failures(&self) -> RateLimit {
        RateLimit {
            count: self.user_failures,
            window: DAY,
        }
    }

    /// Returns the limit of wrong guesses against a recipient.
    #[must_use]
    pub const fn recipient_failures(&self) -> RateLimit {
        RateLimit {
            count: self.recipient_failures,
            window: DAY,
        }
    }

    /// Returns the limit of sends for a user.
    #[must_use]
    pub const fn user_sends(&self) -> RateLimit {
        RateLimit {
            count: self.user_sends,
            window: HOUR,
        }
    }

    /// Returns the limit of sends to a recipient in ten minutes.
    #[must_use]
    pub const fn recipient_sends_per_ten_minutes(&self) -> RateLimit {
        RateLimit {
            count: self.recipient_sends_per_ten_minutes,
            window: TEN_MINUTES,
        }
    }

    /// Returns the limit of sends to a recipient in a day.
    #[must_use]
    pub const fn recipient_sends_per_day(&self) -> RateLimit {
        RateLimit {
            count: self.recipient_sends_per_day,
            window: DAY,
        }
    }

    /// Returns the limit of refunds to a recipient.
    #[must_use]
    pub const fn refunds(&self) -> RateLimit {
        RateLimit {
            count: 3,
            window: DAY,
        }
    }

    /// Returns the limit of wrong guesses at one device; it holds without meters too.
    #[must_use]
    pub const fn device_failures(&self) -> RateLimit {
        RateLimit {
            count: self.device_failures,
            window: DAY,
        }
    }

    /// Returns after how many wrong guesses in a row a device is stopped until it is
    /// [reset](crate::Engine::reset_device); `None` where guesses lock it for a time alone.
    #[must_use]
    pub const fn device_hard_stop(&self) -> Option<u8> {
        if self.device_hard_stop {
            Some(self.consecutive_failures)
        } else {
            None
        }
    }

    /// Says whether a count of wrong guesses in a row is worth a warning: from four fifths on.
    pub(crate) fn is_nearly_locked(&self, consecutive: u16) -> bool {
        u32::from(consecutive) * 5 >= u32::from(self.consecutive_failures) * 4
    }
}

/// So many events in any time as long as the window.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct RateLimit {
    count: u8,
    window: Duration,
}

impl RateLimit {
    /// Returns how many events there may be; at least 1.
    #[must_use]
    pub const fn count(self) -> u8 {
        self.count
    }

    /// Returns how long an event counts.
    #[must_use]
    pub const fn window(self) -> Duration {
        self.window
    }
}

/// Makes [`RateLimits`]; see there.
#[derive(Clone, Copy, Debug)]
#[must_use]
pub struct RateLimitsBuilder {
    rate_limits: RateLimits,
}

impl RateLimitsBuilder {
    /// Sets the wrong guesses of a user in 24 h: 1 to 32, default 15.
    pub const fn user_failures_per_day(mut self, count: u8) -> Self {
        self.rate_limits.user_failures = count;
        self
    }

    /// Sets the wrong guesses in a row that lock a user: 10 to 100 (NIST SP 800-63B-4), default 100.
    pub const fn consecutive_failures(mut self, count: u8) -> Self {
        self.rate_limits.consecutive_failures = count;
        self
    }

    /// Sets the wrong guesses at one device in 24 h: 1 to 32, default 30: twice a user's, so that
    /// [unlocking](crate::Engine::unlock) the user gives the device back as well.
    pub const fn device_failures_per_day(mut self, count: u8) -> Self {
        self.rate_limits.device_failures = count;
        self
    }

    /// Sets whether `consecutive_failures` wrong guesses in a row stop a device until it is reset;
    /// by default they do not.
    ///
    /// Without it guesses lock a device for a day at most: nobody who merely knows a user's name can
    /// put a device out of use. NIST SP 800-63B-4, 3.2.2, asks for it.
    pub const fn device_hard_stop(mut self, stops: bool) -> Self {
        self.rate_limits.device_hard_stop = stops;
        self
    }

    /// Lets the lock of wrong guesses in a row end by itself, so long after the last of them: 1 to
    /// 400 days. The default is a lock until [`unlock`](crate::Engine::unlock), which an
    /// [`Expiring`](crate::store::Class::Expiring) store cannot keep: there an engine issues nothing
    /// unless this is set.
    pub const fn lock_ends_after(mut self, time: Duration) -> Self {
        self.rate_limits.lock_ends_after = Some(time);
        self
    }

    /// Sets the wrong guesses against a recipient in 24 h: 1 to 32, default 15.
    pub const fn recipient_failures_per_day(mut self, count: u8) -> Self {
        self.rate_limits.recipient_failures = count;
        self
    }

    /// Sets the sends for a user in 1 h: 1 to 32, default 10.
    pub const fn user_sends_per_hour(mut self, count: u8) -> Self {
        self.rate_limits.user_sends = count;
        self
    }

    /// Sets the sends to a recipient in 10 minutes: 1 to 32, default 5.
    pub const fn recipient_sends_per_ten_minutes(mut self, count: u8) -> Self {
        self.rate_limits.recipient_sends_per_ten_minutes = count;
        self
    }

    /// Sets the sends to a recipient in 24 h: 1 to 32, default 20.
    pub const fn recipient_sends_per_day(mut self, count: u8) -> Self {
        self.rate_limits.recipient_sends_per_day = count;
        self
    }

    /// Keeps no meters of users and recipients: as [`RateLimits::unlimited`], with limits of devices of
    /// one's own.
    pub const fn unlimited(mut self) -> Self {
        self.rate_limits.metered = false;
        self
    }

    /// Makes the rate limits.
    ///
    /// # Errors
    ///
    /// [`OutOfBounds`] names the setting, its value and its bounds.
    pub fn build(self) -> Result<RateLimits, OutOfBounds> {
        let rate_limits = self.rate_limits;
        let most = MAX_COUNT as u64;
        for (field, count) in [
            ("user_failures_per_day", rate_limits.user_failures),
            ("recipient_failures_per_day", rate_limits.recipient_failures),
            ("user_sends_per_hour", rate_limits.user_sends),
            (
                "recipient_sends_per_ten_minutes",
                rate_limits.recipient_sends_per_ten_minutes,
            ),
            (
                "recipient_sends_per_day",
                rate_limits.recipient_sends_per_day,
            ),
            ("device_failures_per_day", rate_limits.device_failures),
        ] {
            OutOfBounds::check(field, count.into(), 1, most)?;
        }
        OutOfBounds::check(
            "consecutive_failures",
            rate_limits.consecutive_failures.into(),
            10,
            100,
        )?;
        if let Some(time) = rate_limits.lock_ends_after {
            let (day, longest) = (DAY.as_secs(), 400 * DAY.as_secs());
            OutOfBounds::check_seconds("lock_ends_after", time, day, longest)?;
        }
        Ok(rate_limits)
    }
}

/// The most events that a window can admit: a meter keeps the instant of each.
pub(crate) const MAX_COUNT: usize = 32;

const TEN_MINUTES: Duration = Duration::from_secs(600);
const HOUR: Duration = Duration::from_secs(3_600);
const DAY: Duration = Duration::from_secs(86_400);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_knob_builds_at_its_bounds_and_not_past_them() {
        type Set = fn(RateLimitsBuilder, u8) -> RateLimitsBuilder;
        let settings: [(&str, u8, u8, Set); 7] = [
            (
                "device_failures_per_day",
                1,
                32,
                RateLimitsBuilder::device_failures_per_day,
            ),
            (
                "user_failures_per_day",
                1,
                32,
                RateLimitsBuilder::user_failures_per_day,
            ),
            (
                "consecutive_failures",
                10,
                100,
                RateLimitsBuilder::consecutive_failures,
            ),
            (
                "recipient_failures_per_day",
                1,
                32,
                RateLimitsBuilder::recipient_failures_per_day,
            ),
            (
                "user_sends_per_hour",
                1,
                32,
                RateLimitsBuilder::user_sends_per_hour,
            ),
            (
                "recipient_sends_per_ten_minutes",
                1,
                32,
                RateLimitsBuilder::recipient_sends_per_ten_minutes,
            ),
            (
                "recipient_sends_per_day",
                1,
                32,
                RateLimitsBuilder::recipient_sends_per_day,
            ),
        ];
        for (name, min, max, set) in settings {
            for value in [min, min + 1, max - 1, max] {
                assert!(
                    set(RateLimits::builder(), value).build().is_ok(),
                    "{name} {value}"
                );
            }
            for value in [min - 1, max + 1] {
                let error = set(RateLimits::builder(), value).build().unwrap_err();
                assert_eq!((error.field, error.value), (name, value.into()));
            }
        }
    }

    #[test]
    fn the_default_warns_from_eighty_on() {
        let rate_limits = RateLimits::default();
        assert!(!rate_limits.is_nearly_locked(79) && rate_limits.is_nearly_locked(80));
    }
}
