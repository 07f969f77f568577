//! Budgets at work: what a user or a recipient has sent and failed, to the second.
//!
//! A meter keeps the last instants themselves: the Nth last one plus the window is the exact
//! instant at which the next is admitted, with no window edges to slip through.

use alloc::vec::Vec;
use core::time::Duration;

use arrayvec::ArrayVec;

use crate::budgets::{Limit, MAX_COUNT};
use crate::{Budgets, Error, Timestamp};

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
            (*log, offsets) = Log::read(base, length, offsets)?;
        }
        offsets.is_empty().then_some(())
    }

    /// Appends the meter's bytes, format 1; see docs/formats.md.
    pub(crate) fn write(&self, body: &mut Vec<u8>) {
        let logs = [&self.sends, &self.failures, &self.refunds];
        let base = logs
            .iter()
            .filter_map(|log| log.instants().first())
            .min()
            .map_or(0, |first| first.unix());
        body.push(FORMAT);
        body.extend(self.consecutive.to_be_bytes());
        // At most MAX_COUNT.
        body.extend(logs.map(|log| u8::try_from(log.0.len()).unwrap_or(u8::MAX)));
        body.extend(base.to_be_bytes());
        for instant in logs.into_iter().flat_map(Log::instants) {
            // 136 years from the oldest instant on; a clock that jumps further is cut to that.
            let offset = u32::try_from(instant.unix().abs_diff(base)).unwrap_or(u32::MAX);
            body.extend(offset.to_be_bytes());
        }
    }

    /// Returns until when no guess of this user is compared: `None` is not locked, `Some(None)` is
    /// locked until an unlock.
    pub(crate) fn lock(&self, budgets: &Budgets, now: Timestamp) -> Option<Option<Timestamp>> {
        if !budgets.is_metered() {
            return None;
        }
        if self.consecutive >= budgets.consecutive_failures().into() {
            return Some(None);
        }
        self.failures
            .admits_at(budgets.user_failures(), now)
            .map(Some)
    }

    /// Returns how many more wrong guesses of this user are compared today; 255 without budgets.
    pub(crate) fn guesses_left(&self, budgets: &Budgets, now: Timestamp) -> u8 {
        if !budgets.is_metered() {
            return u8::MAX;
        }
        let limit = budgets.user_failures();
        let today = |instant: &&Timestamp| now < instant.saturating_add(limit.window());
        let today = self.failures.instants().iter().filter(today).count();
        let left = usize::from(limit.count()).saturating_sub(today);
        let in_a_row = u16::from(budgets.consecutive_failures()).saturating_sub(self.consecutive);
        u8::try_from(left.min(in_a_row.into())).unwrap_or(u8::MAX)
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
        budgets: &Budgets,
        now: Timestamp,
    ) -> Option<Option<Timestamp>> {
        let locked = self.lock(budgets, now);
        if locked.is_some() || !budgets.is_metered() {
            return locked;
        }
        let all = Log::merged(&self.failures, &self.refunds);
        all.admits_at(budgets.user_failures(), now).map(Some)
    }

    /// Returns how many more wrong guesses at this user's devices are compared today.
    pub(crate) fn device_guesses_left(&self, budgets: &Budgets, now: Timestamp) -> u8 {
        let left = self.guesses_left(budgets, now);
        if !budgets.is_metered() {
            return left;
        }
        let all = Log::merged(&self.failures, &self.refunds);
        left.min(all.left(budgets.user_failures(), now))
    }

    /// Returns until when the cell must be kept: a day past the last instant that a window sees,
    /// 400 days past `now` while guesses are counted one after another.
    ///
    /// It is rounded up to whole steps, so that most writes leave it as it was: a store that
    /// indexes it then need not touch its index.
    pub(crate) fn discard_after(&self, now: Timestamp) -> Timestamp {
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
        Timestamp::from_unix(
            until.saturating_add(STEP - 1 - (until.saturating_add(STEP - 1)).rem_euclid(STEP)),
        )
    }
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
    /// Instants that lie ahead of `now` count: a clock that went back frees nothing.
    pub(crate) fn admits_at(&self, limit: Limit, now: Timestamp) -> Option<Timestamp> {
        let nth_last = self.instants().len().checked_sub(limit.count().into())?;
        let admits_at = self
            .instants()
            .get(nth_last)?
            .saturating_add(limit.window());
        (now < admits_at).then_some(admits_at)
    }

    /// Records an event at `now`; drops what is older than `window`, and the oldest if there is
    /// no room: no limit counts further back than the log is long.
    pub(crate) fn record(&mut self, now: Timestamp, window: Duration) {
        let seen = |instant: &&Timestamp| now < instant.saturating_add(window);
        let fresh = self.0.iter().filter(seen).count();
        let dropped = self.0.len() - fresh.min(MAX_COUNT - 1);
        self.0.drain(..dropped);
        let at = self.0.partition_point(|instant| *instant <= now); // in order if time went back
        self.0.insert(at, now); // there is room: at most MAX_COUNT - 1 were kept
    }

    /// Returns how many more events `limit` admits now.
    pub(crate) fn left(&self, limit: Limit, now: Timestamp) -> u8 {
        let seen = |instant: &&Timestamp| now < instant.saturating_add(limit.window());
        let seen = self.instants().iter().filter(seen).count();
        let left = usize::from(limit.count()).saturating_sub(seen);
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

    /// Reads as many instants as `bytes` say, four bytes each after `base`; returns what is left.
    pub(crate) fn read(base: i64, length: u8, mut bytes: &[u8]) -> Option<(Self, &[u8])> {
        let mut log = Self::default();
        for _ in 0..length {
            let (offset, rest) = bytes.split_first_chunk()?;
            bytes = rest;
            let instant = base.saturating_add(u32::from_be_bytes(*offset).into());
            log.0.try_push(Timestamp::from_unix(instant)).ok()?;
        }
        Some((log, bytes))
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

/// The longest window that a budget has, and a day for clocks that disagree with the purge's.
const KEEP: Duration = Duration::from_secs(2 * 86_400);

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

    const WINDOW: Duration = Duration::from_secs(600);

    fn log(seconds: &[i64]) -> Log {
        let mut log = Log::default();
        for second in seconds {
            log.record(at(*second), WINDOW);
        }
        log
    }

    fn limit() -> Limit {
        Budgets::default().recipient_sends_short() // 5 in 600 s
    }

    #[test]
    fn the_nth_last_event_and_the_window_say_when_the_next_is_admitted() {
        let log = log(&[0, 10, 20, 30]);
        assert_eq!(log.admits_at(limit(), at(30)), None);
        let mut log = log;
        log.record(at(40), WINDOW);
        assert_eq!(log.admits_at(limit(), at(40)), Some(at(600)));
        assert_eq!(log.admits_at(limit(), at(599)), Some(at(600)));
        assert_eq!(log.admits_at(limit(), at(600)), None);
    }

    #[test]
    fn a_clock_that_went_back_finds_its_events_in_order_and_counted() {
        let log = log(&[100, 50, 75, 100, 0]);
        assert_eq!(log.instants(), [0, 50, 75, 100, 100].map(at));
        assert_eq!(log.admits_at(limit(), at(-1_000_000)), Some(at(600)));
    }

    #[test]
    fn a_full_log_drops_the_oldest_and_one_past_its_window_is_dropped() {
        let mut full = Log::default();
        for second in 0..40 {
            full.record(at(second), WINDOW);
        }
        assert_eq!(full.instants().len(), MAX_COUNT);
        assert_eq!(full.instants()[0], at(8));
        full.record(at(610), WINDOW);
        assert_eq!(full.instants()[0], at(11));
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
        let until = |meter: &Meter| meter.discard_after(at(30)).unix();
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
                meter.sends.record(now, WINDOW);
            }
            let _ = meter.discard_after(now);
            assert_eq!(Meter::read(Some(&written(&meter))).unwrap(), meter);
        }
        // Two instants further apart than the bytes can tell are brought together, not wrapped.
        let mut apart = Meter::default();
        apart.sends.record(Timestamp::from_unix(i64::MAX), WINDOW);
        apart.sends.record(Timestamp::from_unix(i64::MIN), WINDOW);
        let read = Meter::read(Some(&written(&apart))).unwrap();
        let last = i64::MIN + i64::from(u32::MAX);
        assert_eq!(
            read.sends.instants(),
            [i64::MIN, last].map(Timestamp::from_unix)
        );
    }

    #[test]
    fn case_23_a_lock_needs_no_more_than_its_count() {
        let budgets = Budgets::default();
        let locked = |consecutive| {
            Meter {
                consecutive,
                ..Meter::default()
            }
            .lock(&budgets, at(0))
        };
        assert_eq!(
            (locked(99), locked(100), locked(u16::MAX)),
            (None, Some(None), Some(None))
        );
        let unmetered = Meter {
            consecutive: u16::MAX,
            ..Meter::default()
        };
        assert_eq!(unmetered.lock(&Budgets::unmetered(), at(0)), None);
    }

    #[test]
    fn what_is_left_is_what_is_admitted() {
        let budgets = Budgets::default();
        for consecutive in [0, 84, 85, 86, 99, 100, u16::MAX] {
            for before in 0..=20 {
                let mut meter = Meter {
                    consecutive,
                    ..Meter::default()
                };
                let window = budgets.user_failures().window();
                meter.failures.record(at(-86_400), window); // a day ago: seen no more
                for second in 0..before {
                    meter.failures.record(at(second), window);
                }
                let left = meter.guesses_left(&budgets, at(30));
                let mut admitted = 0;
                while meter.lock(&budgets, at(30)).is_none() {
                    meter.consecutive += 1;
                    meter.failures.record(at(30), window);
                    admitted += 1;
                }
                assert_eq!(left, admitted, "{consecutive} {before}");
            }
        }
        assert_eq!(
            Meter::default().guesses_left(&Budgets::unmetered(), at(0)),
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
