//! The newest time that is known of a store: what a purge compares its clock with.

use core::sync::atomic::{AtomicI64, AtomicU32, Ordering};
use core::time::Duration;

use crate::Timestamp;
use crate::timestamp::FUTURE;

/// The newest committed time, as far as it is believed: each commit moves it by a day at most.
///
/// So a store that lay still over a holiday is believed after a few commits, and a clock that
/// jumped by years is not believed in years.
#[derive(Debug)]
pub(crate) struct Newest {
    /// The first committed time that was seen; [`NONE`] before.
    first: AtomicI64,
    believed: AtomicI64,
    /// How often a commit was later than what was believed.
    steps: AtomicU32,
}

/// No time yet.
const NONE: i64 = i64::MIN;

impl Newest {
    /// Knows nothing yet.
    pub(crate) const fn new() -> Self {
        Self {
            first: AtomicI64::new(NONE),
            believed: AtomicI64::new(NONE),
            steps: AtomicU32::new(0),
        }
    }

    /// Takes note of a commit. Most find that the second has been noted already.
    pub(crate) fn committed(&self, now: Timestamp) {
        let believed = self.believed.load(Ordering::Relaxed);
        if believed == NONE {
            self.set(now);
        } else if believed < now.unix() {
            let next = Timestamp::from_unix(believed)
                .saturating_add(FUTURE)
                .min(now);
            self.believed.fetch_max(next.unix(), Ordering::Relaxed);
            let step = |steps: u32| steps.checked_add(1);
            let _ = self
                .steps
                .fetch_update(Ordering::Relaxed, Ordering::Relaxed, step);
        }
    }

    /// Believes `now`, whatever was believed before.
    pub(crate) fn set(&self, now: Timestamp) {
        self.believed.store(now.unix(), Ordering::Relaxed);
        self.first.store(now.unix(), Ordering::Relaxed);
        self.steps.store(1, Ordering::Relaxed);
    }

    /// Says whether `now` may be believed, beside the `mark` that others left; where nothing is
    /// known at all, it is.
    pub(crate) fn admits(&self, mark: Option<Timestamp>, now: Timestamp) -> bool {
        let own = self.believed.load(Ordering::Relaxed);
        let first = self.first.load(Ordering::Relaxed);
        let newest = match (mark, own) {
            (None, NONE) => return true,
            (None, own) => Timestamp::from_unix(own),
            (Some(mark), NONE) => mark,
            (Some(mark), own) => {
                let own = Timestamp::from_unix(own);
                if Timestamp::from_unix(first).is_far_ahead_of(mark) {
                    // The clock may have jumped before the first commit: a day for each, as ever.
                    let steps = self.steps.load(Ordering::Relaxed).into();
                    let days = Duration::from_secs(FUTURE.as_secs().saturating_mul(steps));
                    mark.saturating_add(days).min(own).max(mark)
                } else {
                    mark.max(own)
                }
            }
        };
        !now.is_far_ahead_of(newest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(day: i64) -> Timestamp {
        Timestamp::from_unix(1_715_767_200 + 86_400 * day)
    }

    #[test]
    fn what_nobody_knows_is_believed_and_a_day_past_what_is_known() {
        let newest = Newest::new();
        assert!(newest.admits(None, day(3_650)));
        assert!(newest.admits(Some(day(0)), day(1)));
        let later = Timestamp::from_unix(day(1).unix() + 1);
        assert!(!newest.admits(Some(day(0)), later));
        newest.committed(day(0));
        assert!(newest.admits(None, day(1)) && !newest.admits(None, later));
        assert!(newest.admits(None, day(-3_650)));
    }

    #[test]
    fn a_commit_moves_it_by_a_day_at_most() {
        let newest = Newest::new();
        newest.committed(day(0));
        for step in 1..=9 {
            newest.committed(day(10));
            assert!(newest.admits(None, day(step + 1)) && !newest.admits(None, day(step + 2)));
        }
        newest.committed(day(0)); // a clock that went back takes nothing away
        assert!(newest.admits(None, day(10)));
    }

    #[test]
    fn a_process_that_began_far_ahead_of_what_others_left_is_not_believed_at_once() {
        let newest = Newest::new();
        newest.committed(day(3_650));
        assert!(!newest.admits(Some(day(0)), day(3_650)));
        assert!(newest.admits(Some(day(0)), day(2)) && !newest.admits(Some(day(0)), day(3)));
        newest.set(day(3_650)); // confirmed, and the mark with it
        assert!(newest.admits(Some(day(3_650)), day(3_650)));
    }

    #[test]
    fn it_holds_at_both_ends_of_time() {
        for end in [i64::MIN, i64::MIN + 1, i64::MAX - 1, i64::MAX] {
            let newest = Newest::new();
            newest.committed(Timestamp::from_unix(end));
            newest.committed(Timestamp::from_unix(i64::MAX));
            assert!(newest.admits(None, Timestamp::from_unix(end)));
        }
    }
}
