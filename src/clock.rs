//! The clock port: where the engine learns the time, once per operation.

use crate::Timestamp;

/// A source of wall-clock time in UTC.
///
/// Several hosts on one store need clocks that agree within 30 s: NTP, or the store's own time.
/// A clock may go back: nothing that was used, exhausted or seen expired comes to life again.
///
/// A host's own clock is a few lines:
///
/// ```
/// use otp_engine::{Clock, Timestamp};
///
/// struct DatabaseTime { seconds: i64 }
///
/// impl Clock for DatabaseTime {
///     fn now(&self) -> Option<Timestamp> {
///         Some(Timestamp::from_unix(self.seconds))
///     }
/// }
/// ```
pub trait Clock: Send + Sync {
    /// Returns the present instant, or `None` when the time cannot be had: the operation then
    /// fails with [`Error::Clock`](crate::Error::Clock) and nothing happens.
    fn now(&self) -> Option<Timestamp>;
}

const _: Option<&dyn Clock> = None;

/// The operating system's clock.
#[cfg(feature = "std")]
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct SystemClock;

#[cfg(feature = "std")]
impl SystemClock {
    /// Makes the operating system's clock.
    #[must_use]
    pub const fn new() -> Self {
        Self
    }
}

#[cfg(feature = "std")]
impl Clock for SystemClock {
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place that asks the system for the time"
    )]
    fn now(&self) -> Option<Timestamp> {
        // Not `UtcDateTime::now`: it panics where the system's time lies outside its years.
        let seconds = match std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH) {
            Ok(since) => i64::try_from(since.as_secs()).ok()?,
            Err(before) => -i64::try_from(before.duration().as_secs()).ok()?,
        };
        Some(Timestamp::from_unix(seconds))
    }
}

/// A clock that stands still until it is set: for tests and for replaying history.
///
/// It is shared by reference (`Arc<ManualClock>` implements [`Clock`] too).
///
/// ```
/// use otp_engine::{Clock, ManualClock, Timestamp};
///
/// let clock = ManualClock::new(Timestamp::from_unix(1_000));
/// clock.set(Timestamp::from_unix(1_060));
/// assert_eq!(clock.now(), Some(Timestamp::from_unix(1_060)));
/// ```
#[derive(Debug)]
pub struct ManualClock {
    seconds: core::sync::atomic::AtomicI64,
}

impl ManualClock {
    /// Makes a clock that shows `now`.
    #[must_use]
    pub const fn new(now: Timestamp) -> Self {
        Self {
            seconds: core::sync::atomic::AtomicI64::new(now.unix()),
        }
    }

    /// Sets the clock, forward or back.
    pub fn set(&self, now: Timestamp) {
        self.seconds
            .store(now.unix(), core::sync::atomic::Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Option<Timestamp> {
        Some(Timestamp::from_unix(
            self.seconds.load(core::sync::atomic::Ordering::SeqCst),
        ))
    }
}

impl<C: Clock + ?Sized> Clock for alloc::sync::Arc<C> {
    fn now(&self) -> Option<Timestamp> {
        (**self).now()
    }
}
