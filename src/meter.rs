//! Rate limits at work: what a user or a recipient has sent and failed, to the second.
//!
//! A meter keeps the last instants themselves: the Nth last one plus the window is the exact
//! instant at which the next is admitted, with no window edges to slip through.
//!
//! An instant leaves a meter when its place is needed, never because a clock says that its window
//! is over: that clock may be set back, and the instant counts again.

use alloc::vec::Vec;
use core::time::Duration;

use arrayvec::ArrayVec;

use crate::rate_limits::{MAX_COUNT, RateLimit};
use crate::store::Class;
use crate::timestamp::FUTURE;
use crate::{Error, RateLimits, Timestamp};

/// Sends, failures and refunds of one user or one recipient.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct Meter {
    /// Compared wrong guesses since the last success or unlock; users only.
    pub(crate) consecutive: u16,
    pub(crate) sends: Log,
    pub(crate) failures: Log,
    /// Refunds of messages to a recipient. A user has none of these: in their place stand the wrong
    /// guesses at codes of the user's devices, see [`device_failures`](Self::device_failures).
    pub(crate) refunds: Log,
}

impl Meter {
    /// Reads a meter; an absent cell is one that has counted nothing.
    ///
    /// # Errors
    ///
    /// [`Error::Tampered`] for whatever [`write`](Self::write) does not write.
    pub(crate) fn read(body: Option<&[u8]>) -> Result<Self, Error> {
        let mut meter = Self::default();
        meter.fill(body)?;
        Ok(meter)
    }

    /// Reads into a meter that has counted nothing: one is too large to be handed about.
    ///
    /// # Errors
    ///
    /// As [`read`](Self::read).
    pub(crate) fn fill(&mut self, body: Option<&[u8]>) -> Result<(), Error> {
        body.map_or(Some(()), |body| self.decode(body))
            .ok_or(Error::Tampered)
    }

    fn decode(&mut self, body: &[u8]) -> Option<()> {
        let (head, mut offsets) = body.split_first_chunk::<HEAD>()?;
        let [FORMAT, c0, c1, sends, failures, refunds, base @ ..] = *head else {
            return None;
        };
        self.consecutive = u16::from_be_bytes([c0, c1]);
        let base = i64::from_be_bytes(base);
        for (log, length) in [
            (&mut self.sends, sends),
            (&mut self.failures, failures),
            (&mut self.refunds, refunds),
        ] {
            offsets = log.fill(base, length, offsets)?;
        }
        offsets.is_empty().then_some(())
    }

    /// Appends the meter's bytes, format 1; see docs/formats.md.
    pub(crate) fn write(&self, body: &mut Vec<u8>) {
        let logs = [&self.sends, &self.failures, &self.refunds];
        let ends = |end: fn(&[Timestamp]) -> Option<&Timestamp>| {
            logs.into_iter().filter_map(move |log| end(log.instants()))
        };
        let oldest = ends(<[_]>::first).min().map_or(0, |first| first.unix());
        let newest = ends(<[_]>::last).max().map_or(0, |last| last.unix());
        // 136 years are told apart. What lies further back is moved up to there: a count may last
        // longer by it, and none is forgotten.
        let base = oldest.max(newest.saturating_sub(u32::MAX.into()));
        body.push(FORMAT);
        body.extend(self.consecutive.to_be_bytes());
        // At most MAX_COUNT.
        body.extend(logs.map(|log| u8::try_from(log.0.len()).unwrap_or(u8::MAX)));
        body.extend(base.to_be_bytes());
        for instant in logs.into_iter().flat_map(Log::instants) {
            let offset = instant.unix().max(base).abs_diff(base);
            let offset = u32::try_from(offset).unwrap_or(u32::MAX);
            body.extend(offset.to_be_bytes());
        }
    }

    /// Returns until when no guess of this user is compared: `None` is not locked, `Some(None)` is
    /// locked until an unlock.
    pub(crate) fn lock(
        &self,
        rate_limits: &RateLimits,
        now: Timestamp,
    ) -> Option<Option<Timestamp>> {
        if !rate_limits.is_limited() {
            return None;
        }
        let today = || self.failures.admits_at(rate_limits.user_failures(), now);
        if !self.is_locked_in_a_row(rate_limits, now) {
            return today().map(Some);
        }
        let ends_at = self.lock_ends_at(rate_limits, now);
        Some(ends_at.map(|ends_at| today().map_or(ends_at, |today| today.max(ends_at))))
    }

    /// Says whether the wrong guesses in a row lock the user.
    fn is_locked_in_a_row(&self, rate_limits: &RateLimits, now: Timestamp) -> bool {
        self.consecutive >= rate_limits.consecutive_failures().into()
            && self
                .lock_ends_at(rate_limits, now)
                .is_none_or(|at| is_open(at, now))
    }

    /// Returns when the lock of wrong guesses in a row ends by itself, if it does.
    fn lock_ends_at(&self, rate_limits: &RateLimits, now: Timestamp) -> Option<Timestamp> {
        let latest = self.failures.instants().last();
        let latest = latest.map_or(now, |latest| latest.read_at(now));
        Some(latest.saturating_add(rate_limits.lock_ends_after()?))
    }

    /// Counts a compared wrong guess of a user. After a lock that ended by itself the count in a
    /// row begins again.
    pub(crate) fn count_failure(&mut self, rate_limits: &RateLimits, now: Timestamp) {
        if self.consecutive >= rate_limits.consecutive_failures().into()
            && !self.is_locked_in_a_row(rate_limits, now)
        {
            self.consecutive = 0;
        }
        self.consecutive = self.consecutive.saturating_add(1);
        self.failures.record(now);
    }

    /// Says whether any wrong guess of a user counts now, in a row or in its window, at codes that
    /// were sent or at those of devices.
    pub(crate) fn has_failures(&self, rate_limits: &RateLimits, now: Timestamp) -> bool {
        let today = rate_limits.user_failures();
        self.consecutive > 0
            || self.failures.counted(today, now) > 0
            || self.refunds.counted(today, now) > 0
    }

    /// Says whether anything in it counts now, in the longest window that there is.
    pub(crate) fn counts_anything(&self, rate_limits: &RateLimits, now: Timestamp) -> bool {
        let day = rate_limits.recipient_sends_per_day();
        self.has_failures(rate_limits, now) || self.sends.counted(day, now) > 0
    }

    /// Returns how many more wrong guesses of this user are compared today; 255 without rate limits.
    pub(crate) fn guesses_left(&self, rate_limits: &RateLimits, now: Timestamp) -> u8 {
        if !rate_limits.is_limited() {
            return u8::MAX;
        }
        let limit = rate_limits.user_failures();
        let left = u16::from(self.failures.left(limit, now));
        let most = u16::from(rate_limits.consecutive_failures());
        let in_a_row = if self.consecutive >= most && !self.is_locked_in_a_row(rate_limits, now) {
            most // the lock ended by itself
        } else {
            most.saturating_sub(self.consecutive)
        };
        u8::try_from(left.min(in_a_row)).unwrap_or(u8::MAX)
    }

    /// Returns the wrong guesses at codes of this user's devices, apart from those at codes that were
    /// sent: whoever guesses at a device without having it locks no code on its way to the user.
    pub(crate) const fn device_failures(&mut self) -> &mut Log {
        &mut self.refunds
    }

    /// Returns until when no code of this user's devices is compared: while the user is
    /// [locked](Self::lock), or both kinds of wrong guesses together reach the user's limit.
    pub(crate) fn device_lock(
        &self,
        rate_limits: &RateLimits,
        now: Timestamp,
    ) -> Option<Option<Timestamp>> {
        let locked = self.lock(rate_limits, now);
        if locked.is_some() || !rate_limits.is_limited() {
            return locked;
        }
        let all = Log::merged(&self.failures, &self.refunds);
        all.admits_at(rate_limits.user_failures(), now).map(Some)
    }

    /// Returns how many more wrong guesses at this user's devices are compared today.
    pub(crate) fn device_guesses_left(&self, rate_limits: &RateLimits, now: Timestamp) -> u8 {
        let left = self.guesses_left(rate_limits, now);
        if !rate_limits.is_limited() {
            return left;
        }
        let all = Log::merged(&self.failures, &self.refunds);
        left.min(all.left(rate_limits.user_failures(), now))
    }

    /// Returns until when a store must keep the cell; `None` is for ever.
    ///
    /// A lock without end is kept without end: a store that cannot is refused before any code is
    /// issued. A shorter count in a row is kept for 400 days past `now`, all else past the last
    /// instant that a window sees.
    ///
    /// It is rounded up to whole steps, so that most writes leave it as it was: a store that
    /// indexes it then need not touch its index.
    pub(crate) fn discard_after(
        &self,
        rate_limits: &RateLimits,
        class: Class,
        now: Timestamp,
    ) -> Option<Timestamp> {
        let locks = self.consecutive >= rate_limits.consecutive_failures().into()
            && rate_limits.lock_ends_after().is_none();
        match class {
            Class::Permanent if locks => return None,
            Class::Process if locks => return Some(Timestamp::from_unix(i64::MAX)),
            _ => {}
        }
        let newest = [&self.sends, &self.failures, &self.refunds]
            .into_iter()
            .filter_map(|log| log.instants().last())
            .fold(now, |newest, instant| newest.max(*instant));
        let counted = if self.consecutive > 0 {
            KEEP_CONSECUTIVE
        } else {
            Duration::ZERO
        };
        let until = newest.saturating_add(KEEP.max(counted)).unix();
        Some(Timestamp::from_unix(until.saturating_add(
            STEP - 1 - (until.saturating_add(STEP - 1)).rem_euclid(STEP),
        )))
    }
}

/// Says whether a window that ends at `end` sees `now`; one that ends with time itself has no end.
fn is_open(end: Timestamp, now: Timestamp) -> bool {
    now < end || end.unix() == i64::MAX
}

/// The latest instants of one kind of event, oldest first.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct Log(ArrayVec<Timestamp, MAX_COUNT>);

impl Log {
    pub(crate) fn instants(&self) -> &[Timestamp] {
        &self.0
    }

    /// Returns when `limit` admits the next event; `None` is at once.
    ///
    /// Instants that lie ahead of `now` count: a clock that went back frees nothing. Those that lie
    /// far ahead are read as the present, for as long as they do.
    pub(crate) fn admits_at(&self, limit: RateLimit, now: Timestamp) -> Option<Timestamp> {
        let nth_last = self.instants().len().checked_sub(limit.count().into())?;
        let far_ahead = |instant: &Timestamp| instant.is_far_ahead_of(now);
        let instant = if self.instants().last().is_some_and(far_ahead) {
            let mut read = self.0.clone();
            for instant in &mut read {
                *instant = instant.read_at(now);
            }
            read.sort_unstable();
            read.get(nth_last).copied()?
        } else {
            *self.instants().get(nth_last)?
        };
        let admits_at = instant.saturating_add(limit.window());
        is_open(admits_at, now).then_some(admits_at)
    }

    /// Returns how many events the window of `limit` sees.
    fn counted(&self, limit: RateLimit, now: Timestamp) -> usize {
        let seen = |instant: &&Timestamp| is_open(instant.saturating_add(limit.window()), now);
        self.0.iter().filter(seen).count()
    }

    /// Records an event at `now`; the oldest gives way where there is no room.
    pub(crate) fn record(&mut self, now: Timestamp) {
        if self.0.is_full() {
            self.0.remove(0);
        }
        let at = self.0.partition_point(|instant| *instant <= now); // in order if time went back
        self.0.insert(at, now);
    }

    /// Returns how many more events `limit` admits now.
    pub(crate) fn left(&self, limit: RateLimit, now: Timestamp) -> u8 {
        let left = usize::from(limit.count()).saturating_sub(self.counted(limit, now));
        u8::try_from(left).unwrap_or(u8::MAX)
    }

    /// Returns the latest events of both, as many as a limit can count.
    fn merged(one: &Self, other: &Self) -> Self {
        let mut all: ArrayVec<Timestamp, { 2 * MAX_COUNT }> = ArrayVec::new();
        all.extend(one.instants().iter().chain(other.instants()).copied());
        all.sort_unstable();
        let latest = all.len().saturating_sub(MAX_COUNT);
        Self(all.drain(latest..).collect())
    }

    /// Reads so many instants, four bytes each after `base`, into a log without any; returns what is left. One is
    /// too large to be handed about.
    pub(crate) fn fill<'b>(
        &mut self,
        base: i64,
        length: u8,
        mut bytes: &'b [u8],
    ) -> Option<&'b [u8]> {
        for _ in 0..length {
            let (offset, rest) = bytes.split_first_chunk()?;
            bytes = rest;
            let instant = base.saturating_add(u32::from_be_bytes(*offset).into());
            self.0.try_push(Timestamp::from_unix(instant)).ok()?;
        }
        Some(bytes)
    }

    /// Takes back one event of exactly `instant`, if it is there.
    pub(crate) fn take_back(&mut self, instant: Timestamp) {
        if let Some(at) = self.0.iter().position(|kept| *kept == instant) {
            self.0.remove(at);
        }
    }
}

/// The version of the bytes of a meter.
const FORMAT: u8 = 1;

/// Format, consecutive count, three lengths, base instant.
const HEAD: usize = 14;

/// The longest window that a rate limit has, and as far as a purge believes a clock that is ahead.
const KEEP: Duration = Duration::from_secs(86_400 + FUTURE.as_secs());

/// How long a consecutive count outlives its last guess.
const KEEP_CONSECUTIVE: Duration = Duration::from_secs(400 * 86_400);

/// The step in seconds to which `discard_after` is rounded up.
const STEP: i64 = 6 * 3_600;

#[cfg(test)]
mod tests {
    use alloc::vec;

    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_unix(1_715_767_200 + second)
    }

    fn log(seconds: &[i64]) -> Log {
        let mut log = Log::default();
        for second in seconds {
            log.record(at(*second));
        }
        log
    }

    fn limit() -> RateLimit {
        RateLimits::default().recipient_sends_per_ten_minutes() // 5 in 600 s
    }

    #[test]
    fn the_nth_last_event_and_the_window_say_when_the_next_is_admitted() {
        let log = log(&[0, 10, 20, 30]);
        assert_eq!(log.admits_at(limit(), at(30)), None);
        let mut log = log;
        log.record(at(40));
        assert_eq!(log.admits_at(limit(), at(40)), Some(at(600)));
        assert_eq!(log.admits_at(limit(), at(599)), Some(at(600)));
        assert_eq!(log.admits_at(limit(), at(600)), None);
    }

    #[test]
    fn a_clock_that_went_back_finds_its_events_in_order_and_counted() {
        let log = log(&[100, 50, 75, 100, 0]);
        assert_eq!(log.instants(), [0, 50, 75, 100, 100].map(at));
        assert_eq!(log.admits_at(limit(), at(-80_000)), Some(at(600)));
        // More than a day: read as the present.
        assert_eq!(log.admits_at(limit(), at(-86_401)), Some(at(-85_801)));
    }

    #[test]
    fn an_instant_leaves_a_log_when_its_place_is_needed_and_not_before() {
        let mut full = Log::default();
        for second in 0..31 {
            full.record(at(second));
        }
        full.record(at(400 * 86_400)); // a clock says that all windows are over
        assert_eq!(full.instants().len(), MAX_COUNT);
        assert_eq!(full.instants()[0], at(0));
        full.record(at(31));
        assert_eq!(full.instants().len(), MAX_COUNT);
        assert_eq!(full.instants()[0], at(1));
        assert_eq!(full.admits_at(limit(), at(32)), Some(at(628)));
    }

    #[test]
    fn two_full_logs_are_one_of_their_latest() {
        let (mut old, mut young) = (Log::default(), Log::default());
        for second in 0..MAX_COUNT as i64 {
            old.record(at(second));
            young.record(at(100 + second));
        }
        assert_eq!(Log::merged(&young, &old), young);
        assert_eq!(Log::merged(&old, &log(&[0])).instants().len(), MAX_COUNT);
    }

    #[test]
    fn wrong_guesses_of_any_kind_are_found() {
        let rate_limits = RateLimits::default();
        let has = |meter: Meter| meter.has_failures(&rate_limits, at(1));
        assert!(!has(Meter::default()));
        assert!(has(Meter {
            consecutive: 1,
            ..Meter::default()
        }));
        assert!(has(Meter {
            failures: log(&[0]),
            ..Meter::default()
        }));
        assert!(has(Meter {
            refunds: log(&[0]),
            ..Meter::default()
        }));
    }

    #[test]
    fn codes_of_devices_are_locked_by_both_kinds_of_guesses_and_by_nothing_without_meters() {
        let meter = Meter {
            failures: log(&[0; 8]),
            refunds: log(&[0; 7]),
            ..Meter::default()
        };
        let locked = |rate_limits: &RateLimits| meter.device_lock(rate_limits, at(1));
        assert_eq!(locked(&RateLimits::default()), Some(Some(at(86_400))));
        assert_eq!(locked(&RateLimits::unlimited()), None);
    }

    #[test]
    fn guesses_in_a_row_are_kept_for_400_days() {
        let kept = |consecutive| {
            let meter = Meter {
                consecutive,
                ..Meter::default()
            };
            let until = meter.discard_after(&RateLimits::default(), Class::Permanent, at(0));
            until.unwrap().unix() - at(0).unix()
        };
        assert!((400 * 86_400..=400 * 86_400 + STEP).contains(&kept(1)));
        assert!(kept(0) <= 3 * 86_400);
    }

    #[test]
    fn what_lies_far_ahead_is_read_as_the_present_and_kept() {
        let years = 3_650 * 86_400;
        let log = log(&[0, 1, 2, 43_200, years, years + 1]);
        // Within a day it is honoured as it is.
        assert_eq!(log.admits_at(limit(), at(3)), Some(at(601)));
        assert_eq!(log.counted(limit(), at(3)), 6);
        let mut log = log;
        log.record(at(3));
        assert_eq!(log.admits_at(limit(), at(4)), Some(at(602)));
        assert_eq!(log.admits_at(limit(), at(10_000)), None);
        for _ in 0..2 {
            log.record(at(years + 2));
        }
        assert_eq!(log.admits_at(limit(), at(10_000)), Some(at(10_600)));
        assert_eq!(log.instants()[4], at(43_200));
    }

    #[test]
    fn one_event_is_taken_back_and_only_one() {
        let mut log = log(&[5, 5, 7]);
        log.take_back(at(6));
        assert_eq!(log.instants(), [5, 5, 7].map(at));
        log.take_back(at(5));
        assert_eq!(log.instants(), [5, 7].map(at));
    }

    fn samples() -> Vec<Meter> {
        let (sends, failures, refunds) = (log(&[10, 20]), log(&[0, 15, 30]), log(&[20]));
        let far = Log {
            ..log(&[i64::from(u32::MAX)])
        };
        vec![
            Meter::default(),
            Meter {
                consecutive: 79,
                sends,
                failures,
                refunds,
            },
            Meter {
                consecutive: u16::MAX,
                sends: log(&[0]),
                failures: far,
                refunds: Log::default(),
            },
        ]
    }

    fn written(meter: &Meter) -> Vec<u8> {
        let mut body = Vec::new();
        meter.write(&mut body);
        body
    }

    #[test]
    fn what_is_written_reads_as_it_was() {
        assert_eq!(Meter::read(None).unwrap(), Meter::default());
        for meter in samples() {
            let body = written(&meter);
            assert_eq!(Meter::read(Some(&body)).unwrap(), meter);
        }
        assert_eq!(written(&samples()[1]).len(), 14 + 6 * 4);
    }

    #[test]
    fn case_22_what_was_not_written_so_is_not_read() {
        let body = written(&samples()[1]);
        for length in 0..body.len() {
            assert!(
                matches!(Meter::read(Some(&body[..length])), Err(Error::Tampered)),
                "{length}"
            );
        }
        for (at, byte) in [(0, 0), (0, 2), (3, 3), (4, 33), (5, 255)] {
            let mut changed = body.clone();
            changed[at] = byte;
            assert!(Meter::read(Some(&changed)).is_err(), "{at}");
        }
        // More instants than a log has room for, all there.
        let mut long = vec![FORMAT, 0, 0, 33, 0, 0];
        long.extend([0; 8 + 33 * 4]);
        assert!(Meter::read(Some(&long)).is_err());
    }

    #[test]
    fn a_meter_is_kept_past_its_windows_in_whole_steps() {
        let rate_limits = RateLimits::default();
        let until = |meter: &Meter| {
            let until = meter.discard_after(&rate_limits, Class::Permanent, at(30));
            until.unwrap().unix()
        };
        let quiet = samples().swap_remove(0);
        for meter in [
            &quiet,
            &Meter {
                sends: log(&[10]),
                ..quiet.clone()
            },
        ] {
            let least = at(30 + 2 * 86_400).unix();
            assert!((least..least + STEP).contains(&until(meter)) && until(meter) % STEP == 0);
        }
        let counted = Meter {
            consecutive: 1,
            ..quiet.clone()
        };
        let least = at(30 + 400 * 86_400).unix();
        assert!((least..least + STEP).contains(&until(&counted)));
        let ahead = Meter {
            sends: log(&[1_000_000]),
            ..quiet
        };
        assert!(until(&ahead) >= at(1_000_000 + 2 * 86_400).unix());
    }

    #[test]
    fn case_31_a_meter_holds_at_both_ends_of_time() {
        for end in [i64::MIN, i64::MIN + 1, -1, 0, i64::MAX - 1, i64::MAX] {
            let now = Timestamp::from_unix(end);
            let mut meter = Meter::default();
            for _ in 0..6 {
                meter.sends.record(now);
            }
            let _ = meter.discard_after(&RateLimits::default(), Class::Permanent, now);
            assert_eq!(Meter::read(Some(&written(&meter))).unwrap(), meter);
        }
        // Two instants further apart than the bytes can tell are brought together, not wrapped: the
        // earlier one is moved up, so that a clock that was once long ago lets nothing be forgotten.
        let mut apart = Meter::default();
        apart.sends.record(Timestamp::from_unix(i64::MIN));
        apart.failures.record(at(0));
        let read = Meter::read(Some(&written(&apart))).unwrap();
        let first = at(-i64::from(u32::MAX));
        assert_eq!(read.sends.instants(), [first]);
        assert_eq!(read.failures.instants(), [at(0)]);
    }

    #[test]
    fn case_148_a_lock_without_end_is_kept_without_end_where_a_store_can() {
        let rate_limits = RateLimits::default();
        let until = |consecutive, rate_limits: &RateLimits, class| {
            let meter = Meter {
                consecutive,
                failures: log(&[0]),
                ..Meter::default()
            };
            meter.discard_after(rate_limits, class, at(0))
        };
        let days_400 = at(400 * 86_400);
        assert!(until(99, &rate_limits, Class::Permanent).unwrap() >= days_400);
        assert_eq!(until(100, &rate_limits, Class::Permanent), None);
        let last = Timestamp::from_unix(i64::MAX);
        assert_eq!(until(100, &rate_limits, Class::Process), Some(last));
        assert!(until(100, &rate_limits, Class::Expiring).unwrap() >= days_400);
        let day = Duration::from_secs(86_400);
        let ends = RateLimits::builder().lock_ends_after(day).build().unwrap();
        assert!(until(100, &ends, Class::Permanent).unwrap() >= days_400);
    }

    #[test]
    fn a_lock_that_ends_by_itself_says_when_and_the_count_begins_again() {
        let days = |days: u64| Duration::from_secs(days * 86_400);
        let rate_limits = RateLimits::builder()
            .consecutive_failures(10)
            .lock_ends_after(days(30))
            .build()
            .unwrap();
        let mut meter = Meter::default();
        for second in 0..10 {
            meter.count_failure(&rate_limits, at(second));
        }
        let end = at(9).saturating_add(days(30));
        let before = end.saturating_sub(Duration::from_secs(1));
        assert_eq!(meter.lock(&rate_limits, at(10)), Some(Some(end)));
        assert_eq!(meter.lock(&rate_limits, before), Some(Some(end)));
        assert_eq!(meter.guesses_left(&rate_limits, before), 0);
        assert_eq!(meter.lock(&rate_limits, end), None);
        assert_eq!(meter.guesses_left(&rate_limits, end), 10);
        meter.count_failure(&rate_limits, end);
        assert_eq!(meter.consecutive, 1);
        // The day's lock may last longer.
        for second in 0..14 {
            meter.count_failure(&rate_limits, at(second));
        }
        meter.count_failure(&rate_limits, end);
        let day_later = end.saturating_add(days(1));
        assert!(meter.lock(&rate_limits, end).flatten() >= Some(day_later));
    }

    #[test]
    fn case_23_a_lock_needs_no_more_than_its_count() {
        let rate_limits = RateLimits::default();
        let locked = |consecutive| {
            Meter {
                consecutive,
                ..Meter::default()
            }
            .lock(&rate_limits, at(0))
        };
        assert_eq!(
            (locked(99), locked(100), locked(u16::MAX)),
            (None, Some(None), Some(None))
        );
        let unlimited = Meter {
            consecutive: u16::MAX,
            ..Meter::default()
        };
        assert_eq!(unlimited.lock(&RateLimits::unlimited(), at(0)), None);
    }

    #[test]
    fn what_is_left_is_what_is_admitted() {
        let rate_limits = RateLimits::default();
        for consecutive in [0, 84, 85, 86, 99, 100, u16::MAX] {
            for before in 0..=20 {
                let mut meter = Meter {
                    consecutive,
                    ..Meter::default()
                };
                meter.failures.record(at(-86_400)); // a day ago: seen no more
                for second in 0..before {
                    meter.failures.record(at(second));
                }
                let left = meter.guesses_left(&rate_limits, at(30));
                let mut admitted = 0;
                while meter.lock(&rate_limits, at(30)).is_none() {
                    meter.count_failure(&rate_limits, at(30));
                    admitted += 1;
                }
                assert_eq!(left, admitted, "{consecutive} {before}");
            }
        }
        assert_eq!(
            Meter::default().guesses_left(&RateLimits::unlimited(), at(0)),
            u8::MAX
        );
    }

    #[test]
    fn golden_meters_read_and_write_back() {
        let golden = crate::golden::cells("meters");
        assert_eq!(golden.len(), samples().len());
        for ((body, _), sample) in golden.into_iter().zip(samples()) {
            let read = Meter::read(Some(&body)).unwrap();
            assert_eq!(read, sample);
            assert_eq!(written(&read), body);
        }
    }
}
