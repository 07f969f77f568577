//! Clocks that are wrong: no count is forgotten because a clock said so, and nothing stays frozen
//! that an administrator cannot lift.

use core::time::Duration;

use crate::support::fixture::{self, Harness, at, binding, mobile, parts, record};
use otp_engine::{
    Binding, Engine, Error, Evidence, Issued, KeyRing, MemoryStore, RateLimits, Recipient,
    Rejection, Submission, Timestamp,
    challenge::ChallengeState,
    event::EventKind,
    operation::{
        CancelOutcome, Delivery, DeliveryReport, Lock, ReportOutcome, ResetOutcome, UnlockOutcome,
    },
    verdict::RefusalReason,
};

const DAY: i64 = 86_400;
const TEN_YEARS: i64 = 3_653 * DAY;

/// The binding of the nth record of the same user, to a number of its own.
fn nth(n: i64) -> Binding {
    let (name, number) = (n.to_string(), format!("601234567{:02}", n % 100));
    parts()
        .target(record(&name))
        .recipient(mobile(&number))
        .build()
        .unwrap()
}

/// Uses up all attempts.
fn five_wrong(host: &Harness, binding: &Binding, issued: &Issued) {
    for _ in 0..5 {
        let _ = host.guess_wrong(binding, issued);
    }
}

/// Guesses wrong until the user is locked; from the record `first` on.
fn lock(host: &Harness, first: i64) {
    for n in first..first + 3 {
        let binding = nth(n);
        five_wrong(host, &binding, &host.issue(&binding));
    }
}

fn is_locked(host: &Harness, n: i64) -> bool {
    let refusal = host.engine.issue(&host.store, &nth(n)).unwrap().refused();
    refusal.is_some_and(|refusal| refusal.reason == RefusalReason::Locked)
}

#[test]
fn case_140_a_clock_that_was_ahead_lets_no_wrong_guess_be_forgotten() {
    for ahead in [
        DAY,
        DAY + 1,
        2 * DAY + 1,
        30 * DAY,
        401 * DAY,
        TEN_YEARS,
        i64::MAX / 2,
    ] {
        let host = Harness::new();
        lock(&host, 0);
        assert!(is_locked(&host, 3));
        for round in 0..3 {
            let other = nth(10 + round);
            let issued = host.at(ahead).issue(&other);
            let _ = host.guess_wrong(&other, &issued);
            host.at(60 * (round + 1));
            assert!(is_locked(&host, 4), "{ahead} s ahead, round {round}");
            let status = host.engine.status(&host.store, &nth(0)).unwrap().unwrap();
            assert!(matches!(status.lock, Lock::Until(_)), "{ahead}");
        }
    }
}

#[test]
fn case_140_a_clock_that_was_back_lets_no_wrong_guess_be_forgotten() {
    for back in [DAY + 1, 10 * DAY, 401 * DAY, TEN_YEARS, 1 << 61] {
        let host = Harness::new();
        for n in 0..2 {
            let issued = host.issue(&nth(n));
            for _ in 0..5 {
                let _ = host.guess_wrong(&nth(n), &issued);
            }
        }
        let last = nth(2);
        let issued = host.issue(&last);
        for _ in 0..4 {
            let _ = host.guess_wrong(&last, &issued);
        }
        let other = nth(10);
        let issued = host.at(-back).issue(&other);
        let _ = host.guess_wrong(&other, &issued); // the fifteenth, as the others count
        assert!(is_locked(&host, 3), "{back}");
        host.at(60);
        let issued = host.issue(&nth(20));
        let _ = host.guess_wrong(&nth(20), &issued);
        assert!(is_locked(&host, 4), "{back}");
    }
}

#[test]
fn case_140_sends_are_not_forgotten_either() {
    let host = Harness::new();
    let to_one = |n: i64| {
        let name = n.to_string();
        parts().target(record(&name)).build().unwrap()
    };
    (0..5).for_each(|n| drop(host.issue(&to_one(n))));
    drop(host.at(3 * DAY).issue(&to_one(5)));
    let refusal = host.at(60).refusal(&to_one(6));
    assert_eq!(refusal.reason, RefusalReason::SendLimit);
}

#[test]
fn case_140_a_count_in_a_row_outlives_a_clock_that_was_ahead() {
    let rate_limits = RateLimits::builder()
        .consecutive_failures(10)
        .build()
        .unwrap();
    let host = Harness::with_rate_limits(rate_limits);
    for n in 0..2 {
        let issued = host.issue(&nth(n));
        five_wrong(&host, &nth(n), &issued);
    }
    assert_eq!(host.refusal(&nth(3)).retry_at, None);
    for second in [401 * DAY, TEN_YEARS, 60] {
        assert_eq!(host.at(second).refusal(&nth(3)).retry_at, None);
    }
}

#[test]
fn case_141_a_code_of_a_clock_ten_years_ahead_gives_way_to_a_new_one() {
    let (host, binding) = (Harness::new(), binding());
    let far = host.at(TEN_YEARS).issue(&binding);
    host.at(0);
    // It is of no use, and no attempt is lost to it ...
    let verdict = host
        .engine
        .verify(&host.store, Submission::new(&binding, far.code.as_str()));
    assert!(matches!(verdict, Err(Error::Clock)));
    // ... and nothing waits ten years for it, the cooldown no more than the slot.
    let next = host.issue(&binding);
    assert!(next.id != far.id && next.send == 1);
    assert!(host.accepts(&binding, next.code.as_str()));
}

#[test]
fn case_141_attempts_of_a_clock_far_ahead_count_on() {
    let (host, binding) = (Harness::new(), binding());
    let far = host.at(TEN_YEARS).issue(&binding);
    for left in [4, 3] {
        assert_eq!(host.guess_wrong(&binding, &far), left);
    }
    let next = host.at(0).issue(&binding);
    assert_eq!(host.guess_wrong(&binding, &next), 2);
    assert_eq!(host.guess_wrong(&binding, &next), 1);
    assert_eq!(host.guess_wrong(&binding, &next), 0);
    // What is read as the present is over when somebody says so, or the future has come.
    let refusal = host.at(DAY).refusal(&binding);
    assert_eq!(refusal.reason, RefusalReason::Exhausted);
    assert_eq!(refusal.retry_at, Some(at(DAY + 900)));
    let reset = host
        .engine
        .reset_slot(&host.store, &binding, "clock set right");
    assert_eq!(reset.unwrap(), ResetOutcome::Reset);
    let next = host.issue(&binding);
    assert_eq!(host.guess_wrong(&binding, &next), 4);
}

#[test]
fn case_142_a_final_state_raises_no_clock_fault() {
    let end: [fn(&Harness, &Binding, &Issued); 4] = [
        |host, binding, issued| assert!(host.accepts(binding, issued.code.as_str())),
        |host, binding, _| {
            let cancelled = host.engine.cancel(&host.store, binding).unwrap();
            assert_eq!(cancelled, CancelOutcome::Cancelled);
        },
        |host, binding, issued| {
            five_wrong(host, binding, issued);
        },
        |host, binding, issued| {
            host.at(3_600 + 180);
            let code = issued.code.as_str();
            assert_eq!(host.rejection(binding, code), Rejection::Expired);
        },
    ];
    for (number, end) in end.into_iter().enumerate() {
        let (host, binding) = (Harness::new(), binding());
        let issued = host.at(3_600).issue(&binding);
        end(&host, &binding, &issued);
        host.at(0);
        let answer = host.engine.issue(&host.store, &binding).unwrap();
        let refusal = answer.refused().expect("cooldown or closing time");
        assert!(refusal.retry_at <= Some(at(3_600 + 1_080)), "{number}");
        let reported = host.report(&binding, &issued, Delivery::Sent);
        assert_eq!(reported, ReportOutcome::Recorded, "{number}");
        assert!(!host.accepts(&binding, issued.code.as_str()), "{number}");
    }
}

#[test]
fn case_143_a_reset_lifts_a_slot_and_leaves_what_was_used() {
    let (host, binding) = (Harness::new(), binding());
    let reset = |host: &Harness| host.engine.reset_slot(&host.store, &binding, "ticket 4711");
    assert_eq!(reset(&host).unwrap(), ResetOutcome::NothingToReset);
    let issued = host.issue(&binding);
    five_wrong(&host, &binding, &issued);
    assert_eq!(host.refusal(&binding).reason, RefusalReason::Exhausted);
    let _ = host.heard();
    assert_eq!(reset(&host).unwrap(), ResetOutcome::Reset);
    assert_eq!(host.heard(), [EventKind::SlotReset]);
    assert_eq!(reset(&host).unwrap(), ResetOutcome::NothingToReset);
    assert_eq!(host.heard(), []);
    // The code stays dead, the slot is open.
    let dead = host.rejection(&binding, issued.code.as_str());
    assert_eq!(dead, Rejection::Cancelled);
    let next = host.issue(&binding);
    assert_eq!(host.guess_wrong(&binding, &next), 4);
    assert!(host.accepts(&binding, next.code.as_str()));
    assert_eq!(reset(&host).unwrap(), ResetOutcome::Reset); // its cooldown
    let used = host.rejection(&binding, next.code.as_str());
    assert_eq!(used, Rejection::AlreadyUsed);
    // A code that is out is called off: a reset gives no second set of guesses at it.
    let third = host.issue(&binding);
    assert_eq!(reset(&host).unwrap(), ResetOutcome::Reset);
    let off = host.rejection(&binding, third.code.as_str());
    assert_eq!(off, Rejection::Cancelled);
}

#[test]
fn case_143_a_reset_lifts_what_ten_years_ahead_froze() {
    let host = Harness::new();
    let to_one = |n: i64| {
        let name = n.to_string();
        parts().target(record(&name)).build().unwrap()
    };
    host.at(TEN_YEARS);
    (0..5).for_each(|n| drop(host.issue(&to_one(n))));
    host.at(0);
    // Read as the present: refused, and never for ten years as told.
    for second in [0, 600, 20 * DAY] {
        let refusal = host.at(second).refusal(&to_one(5));
        assert_eq!(refusal.reason, RefusalReason::SendLimit);
        assert_eq!(refusal.retry_at, Some(at(second + 600)));
    }
    let recipient = Recipient::from(mobile("60123456789"));
    let reset = host
        .engine
        .reset_recipient(&host.store, "acme", &recipient, "clock set right");
    assert_eq!(reset.unwrap(), ResetOutcome::Reset);
    drop(host.issue(&to_one(5)));
    let again = host
        .engine
        .reset_recipient(&host.store, "other", &recipient, "clock set right");
    assert_eq!(again.unwrap(), ResetOutcome::NothingToReset);
}

#[test]
fn case_143_a_reset_lifts_a_users_locks_and_sends() {
    let host = Harness::new();
    lock(&host, 0);
    (3..10).for_each(|n| assert!(is_locked(&host, n)));
    assert_eq!(
        host.engine
            .reset_user(&host.store, "acme", "7", "called by telephone")
            .unwrap(),
        ResetOutcome::Reset
    );
    assert_eq!(host.heard().last(), Some(&EventKind::UserReset));
    (3..13).for_each(|n| drop(host.issue(&nth(n)))); // ten in an hour again
    assert_eq!(host.refusal(&nth(14)).reason, RefusalReason::SendLimit);
}

#[test]
fn case_144_a_reset_without_a_reason_is_refused() {
    let (host, binding) = (Harness::new(), binding());
    let issued = host.issue(&binding);
    five_wrong(&host, &binding, &issued);
    let (engine, store) = (&host.engine, &host.store);
    let recipient = Recipient::from(mobile("60123456789"));
    for reason in ["", "  ", "two\nlines", "a\u{0}b", &"x".repeat(257)] {
        for reset in [
            engine.reset_slot(store, &binding, reason),
            engine.reset_recipient(store, "acme", &recipient, reason),
            engine.reset_user(store, "acme", "7", reason),
        ] {
            assert!(matches!(reset, Err(Error::ResetReason)), "{reason:?}");
        }
    }
    assert_eq!(host.refusal(&binding).reason, RefusalReason::Exhausted);
    assert!(engine.reset_slot(store, &binding, &"x".repeat(256)).is_ok());
}

#[test]
fn case_144_the_reason_and_the_masked_recipient_are_in_the_event() {
    use std::sync::{Arc, Mutex};
    let heard = Arc::new(Mutex::new(Vec::new()));
    let ear = Arc::clone(&heard);
    let host = Harness::with(|builder| {
        builder.observer(move |event: &otp_engine::Event<'_>| {
            let recipient = event.recipient.map(ToString::to_string);
            let reason = event.reason.map(str::to_owned);
            ear.lock()
                .unwrap()
                .push((event.kind, event.user.to_owned(), recipient, reason));
        })
    });
    drop(host.issue(&binding()));
    let recipient = Recipient::from(mobile("60123456789"));
    host.engine
        .reset_recipient(&host.store, "acme", &recipient, "ticket 4711")
        .unwrap();
    host.engine
        .reset_slot(&host.store, &binding(), "ticket 4712")
        .unwrap();
    let masked = Some("6012*****89".to_owned());
    let heard = heard.lock().unwrap();
    assert_eq!(heard[2].0, EventKind::SlotReset);
    assert_eq!(heard[2].3.as_deref(), Some("ticket 4712"));
    assert_eq!(heard[0].3, None);
    assert_eq!(heard[0].2, heard[1].2);
    assert!(
        heard[1]
            .2
            .as_ref()
            .is_some_and(|shown| !shown.contains("3456")),
        "{masked:?}"
    );
    assert_eq!(heard[1].0, EventKind::RecipientReset);
    assert_eq!(
        (heard[1].1.as_str(), heard[1].3.as_deref()),
        ("", Some("ticket 4711"))
    );
}

#[test]
fn case_145_whoever_sees_the_expiry_on_a_write_path_keeps_it() {
    type See = fn(&Harness, &Binding);
    let see: [(&str, See); 7] = [
        ("cancel", |host, binding| {
            let answer = host.engine.cancel(&host.store, binding).unwrap();
            assert_eq!(answer, CancelOutcome::NothingLive);
        }),
        ("malformed", |host, binding| {
            assert_eq!(host.rejection(binding, "?"), Rejection::Malformed);
        }),
        ("refused issue", |host, binding| {
            // Other records used up the number's sends.
            for n in 20..24 {
                let name = n.to_string();
                drop(host.issue(&parts().target(record(&name)).build().unwrap()));
            }
            assert_eq!(host.refusal(binding).reason, RefusalReason::SendLimit);
        }),
        ("another number", |host, _| {
            let other = parts().recipient(mobile("60123456780")).build().unwrap();
            assert_eq!(host.rejection(&other, "123456"), Rejection::Mismatch);
        }),
        ("another challenge", |host, binding| {
            let id = otp_engine::ChallengeId::from_bytes([7; 16]);
            let submission = Submission::new(binding, "123456").challenge(id);
            let verdict = host.engine.verify(&host.store, submission).unwrap();
            assert_eq!(verdict.rejection(), Some(Rejection::Superseded));
        }),
        ("late report", |host, binding| {
            let id = host
                .engine
                .status(&host.store, binding)
                .unwrap()
                .unwrap()
                .id;
            let (engine, store) = (&host.engine, &host.store);
            let report = |send| {
                engine.report_delivery(
                    store,
                    binding,
                    DeliveryReport {
                        id,
                        send,
                        delivery: Delivery::Sent,
                    },
                )
            };
            assert_eq!(report(9).unwrap(), ReportOutcome::Ignored);
        }),
        ("report", |host, binding| {
            let id = host
                .engine
                .status(&host.store, binding)
                .unwrap()
                .unwrap()
                .id;
            let (engine, store) = (&host.engine, &host.store);
            let report = |send| {
                engine.report_delivery(
                    store,
                    binding,
                    DeliveryReport {
                        id,
                        send,
                        delivery: Delivery::Sent,
                    },
                )
            };
            assert_eq!(report(1).unwrap(), ReportOutcome::Recorded);
        }),
    ];
    for (who, see) in see {
        let (host, binding) = (Harness::new(), binding());
        let issued = host.issue(&binding);
        see(host.at(180), &binding);
        host.at(10);
        let state = host
            .engine
            .status(&host.store, &binding)
            .unwrap()
            .unwrap()
            .state;
        assert_eq!(state, ChallengeState::Expired, "{who}");
        let told = host.rejection(&binding, issued.code.as_str());
        assert_eq!(told, Rejection::Expired, "{who}");
    }
    // A read keeps nothing, and says so.
    let (host, binding) = (Harness::new(), binding());
    let issued = host.issue(&binding);
    let seen = host.at(180).engine.status(&host.store, &binding).unwrap();
    assert_eq!(seen.unwrap().state, ChallengeState::Expired);
    assert!(host.at(10).accepts(&binding, issued.code.as_str()));
}

#[test]
fn case_146_a_purge_does_not_believe_a_clock_that_jumped() {
    for jump in [DAY + 1, 2 * DAY, 401 * DAY, TEN_YEARS] {
        let host = Harness::new();
        lock(&host, 0);
        let cells = host.store.len();
        let purge = |limit| host.engine.purge(&host.store, limit);
        host.at(jump);
        assert!(
            matches!(purge(usize::MAX), Err(Error::ClockAhead)),
            "{jump}"
        );
        assert!(matches!(purge(0), Err(Error::ClockAhead)), "{jump}");
        assert_eq!(host.store.len(), cells);
        assert!(host.at(60).engine.purge(&host.store, 9).is_ok());
        assert!(is_locked(&host, 4));
        // An administrator who looked at the clock.
        host.at(jump.max(3 * DAY));
        assert!(
            host.engine
                .purge_confirmed(&host.store, usize::MAX)
                .unwrap()
                >= 3
        );
        assert!(purge(9).is_ok());
    }
}

#[test]
fn case_146_one_commit_does_not_make_a_purge_believe_ten_years() {
    let host = Harness::new();
    lock(&host, 0);
    host.at(TEN_YEARS);
    for n in 10..15 {
        drop(host.issue(&nth(n)));
        let purged = host.engine.purge(&host.store, usize::MAX);
        assert!(matches!(purged, Err(Error::ClockAhead)));
    }
    host.at(60);
    assert!(is_locked(&host, 4));
}

#[test]
fn case_146_a_rest_of_days_is_believed_after_as_many_commits() {
    let host = Harness::new();
    drop(host.issue(&nth(0)));
    host.at(4 * DAY); // a long holiday
    for n in 1..=3 {
        assert!(host.engine.purge(&host.store, 9).is_err());
        drop(host.issue(&nth(n)));
    }
    assert!(host.engine.purge(&host.store, 9).unwrap() > 0);
}

#[test]
fn case_147_a_process_of_its_own_that_purges_finds_the_mark_of_the_others() {
    let store = MemoryStore::keeping_records_until_exit();
    let clock = std::sync::Arc::new(otp_engine::ManualClock::new(at(0)));
    let process = || {
        Engine::builder(fixture::keys())
            .clock(std::sync::Arc::clone(&clock))
            .build()
    };
    drop(process().issue(&store, &binding()).unwrap());
    // Each purge is another process's, an hour apart, though nothing is committed for days.
    for hour in 0..80 {
        clock.set(at(3_600 * hour));
        assert!(process().purge(&store, 9).is_ok(), "{hour}");
    }
    // A clock that went back a little does not take the mark along.
    for second in [-60, 86_370] {
        clock.set(at(79 * 3_600 + second));
        assert!(process().purge(&store, 9).is_ok(), "{second}");
    }
    clock.set(at(80 * 3_600));
    let _ = process().issue(&store, &binding()).unwrap();
    // The computer starts with a clock that is wrong.
    clock.set(at(TEN_YEARS));
    let wrong = process();
    drop(wrong.issue(&store, &nth(1)).unwrap());
    for engine in [&wrong, &process()] {
        assert!(matches!(engine.purge(&store, 9), Err(Error::ClockAhead)));
    }
    assert!(wrong.purge_confirmed(&store, 9).is_ok());
    // It was confirmed for all; and set right, it is confirmed anew.
    assert!(process().purge(&store, 9).is_ok());
    clock.set(at(80 * 3_600));
    assert!(process().purge_confirmed(&store, 9).is_ok());
    clock.set(at(TEN_YEARS));
    assert!(matches!(process().purge(&store, 9), Err(Error::ClockAhead)));
}

#[test]
fn case_148_a_lock_until_unlock_is_not_lifted_by_retention() {
    let rate_limits = RateLimits::builder()
        .consecutive_failures(10)
        .build()
        .unwrap();
    for permanent in [false, true] {
        let mut host = Harness::with_rate_limits(rate_limits);
        if permanent {
            host.store = MemoryStore::keeping_records_until_exit();
        }
        for n in 0..2 {
            let issued = host.issue(&nth(n));
            five_wrong(&host, &nth(n), &issued);
        }
        for days in [401, 4_000, 400_000] {
            host.at(days * DAY);
            host.engine
                .purge_confirmed(&host.store, usize::MAX)
                .unwrap();
            let refusal = host.refusal(&nth(3));
            assert_eq!(
                (refusal.reason, refusal.retry_at),
                (RefusalReason::Locked, None)
            );
        }
        let unlocked = host.engine.unlock(&host.store, "acme", "7").unwrap();
        assert_eq!(unlocked, UnlockOutcome::Unlocked);
        drop(host.issue(&nth(3)));
    }
}

/// Stores may refuse to give a cell an end that has none: PostgreSQL's triggers do.
struct NeverBack(MemoryStore);

impl otp_engine::Store for NeverBack {
    fn load(
        &self,
        keys: &[otp_engine::store::Key],
        cells: &mut Vec<Option<otp_engine::store::Cell>>,
    ) -> Result<(), otp_engine::store::Error> {
        self.0.load(keys, cells)
    }

    fn commit(
        &self,
        writes: &[otp_engine::store::Write<'_>],
        now: Timestamp,
    ) -> Result<otp_engine::store::Commit, otp_engine::store::Error> {
        let keys: Vec<_> = writes.iter().map(|write| write.key).collect();
        let mut cells = Vec::new();
        self.0.load(&keys, &mut cells)?;
        for (write, cell) in writes.iter().zip(cells) {
            let for_ever = cell.is_some_and(|cell| cell.discard_after().is_none());
            assert!(!for_ever || write.discard_after.is_none());
        }
        self.0.commit(writes, now)
    }

    fn purge(&self, now: Timestamp, limit: usize) -> Result<usize, otp_engine::store::Error> {
        self.0.purge(now, limit)
    }

    fn class(&self) -> otp_engine::store::Class {
        self.0.class()
    }
}

#[test]
fn case_148_what_is_kept_for_ever_stays_so_when_the_lock_is_lifted() {
    let rate_limits = RateLimits::builder()
        .consecutive_failures(10)
        .build()
        .unwrap();
    let host = Harness::with_rate_limits(rate_limits);
    let store = NeverBack(MemoryStore::keeping_records_until_exit());
    let issue = |n| {
        host.engine
            .issue(&store, &nth(n))
            .unwrap()
            .issued()
            .unwrap()
    };
    let verify = |n: i64, entered: &str| {
        let binding = nth(n);
        host.engine
            .verify(&store, Submission::new(&binding, entered))
            .unwrap()
    };
    for n in 0..2 {
        let issued = issue(n);
        for _ in 0..5 {
            assert!(!verify(n, &fixture::wrong(&issued)).is_accepted());
        }
    }
    let unlocked = host.engine.unlock(&store, "acme", "7").unwrap();
    assert_eq!(unlocked, UnlockOutcome::Unlocked);
    let issued = issue(3);
    assert!(verify(3, issued.code.as_str()).is_accepted());
}

/// A store that forgets: what it is asked to keep for ever it refuses.
struct Forgetful(MemoryStore);

impl otp_engine::Store for Forgetful {
    fn load(
        &self,
        keys: &[otp_engine::store::Key],
        cells: &mut Vec<Option<otp_engine::store::Cell>>,
    ) -> Result<(), otp_engine::store::Error> {
        self.0.load(keys, cells)
    }

    fn commit(
        &self,
        writes: &[otp_engine::store::Write<'_>],
        now: Timestamp,
    ) -> Result<otp_engine::store::Commit, otp_engine::store::Error> {
        self.0.commit(writes, now) // refuses what has no end
    }

    fn purge(&self, _: Timestamp, _: usize) -> Result<usize, otp_engine::store::Error> {
        Ok(0)
    }

    fn class(&self) -> otp_engine::store::Class {
        otp_engine::store::Class::Expiring
    }
}

#[test]
fn case_149_a_lock_without_end_is_refused_where_a_store_forgets_and_never_at_a_guess() {
    let store = Forgetful(MemoryStore::new());
    let host = Harness::new();
    let refused = host.engine.issue(&store, &binding());
    assert!(matches!(refused, Err(Error::LockWithoutEnd)));
    let totp = otp_engine::oath::Totp::new(
        &otp_engine::oath::Secret::new(b"12345678901234567890").unwrap(),
        otp_engine::oath::HashFunction::Sha1,
        6,
        30,
    );
    let verdict = host.engine.verify_devices(
        &store,
        &binding(),
        &[otp_engine::oath::Device::totp(&totp.unwrap(), 1)],
        "123456",
        Evidence::new(),
    );
    assert!(matches!(verdict, Err(Error::LockWithoutEnd)));
    // With an end it is kept until then; every guess of it commits.
    let day = Duration::from_secs(86_400);
    for rate_limits in [
        RateLimits::builder()
            .consecutive_failures(10)
            .lock_ends_after(day * 30)
            .build()
            .unwrap(),
        RateLimits::unlimited(),
    ] {
        let host = Harness::with_rate_limits(rate_limits);
        let store = Forgetful(MemoryStore::new());
        for n in 0..2 {
            let issued = host
                .engine
                .issue(&store, &nth(n))
                .unwrap()
                .issued()
                .unwrap();
            for _ in 0..5 {
                let (binding, wrong) = (nth(n), fixture::wrong(&issued));
                let submission = Submission::new(&binding, &wrong);
                let verdict = host.engine.verify(&store, submission).unwrap();
                assert!(matches!(verdict.rejection(), Some(Rejection::Wrong { .. })));
            }
        }
        let next = host.engine.issue(&store, &nth(2)).unwrap();
        let refusal = next.refused();
        assert_eq!(
            refusal.map(|refusal| refusal.retry_at),
            rate_limits.is_limited().then_some(Some(at(30 * DAY)))
        );
    }
}

#[test]
fn case_149_the_end_of_a_lock_has_bounds() {
    let build = |seconds| {
        let time = Duration::from_secs(seconds);
        RateLimits::builder().lock_ends_after(time).build()
    };
    assert!(build(86_400).is_ok() && build(400 * 86_400).is_ok());
    for seconds in [0, 86_399, 400 * 86_400 + 1, u64::MAX] {
        assert_eq!(build(seconds).unwrap_err().field, "lock_ends_after");
    }
}

/// Row D13: the epoch enters each code, and only the codes.
#[test]
fn case_152_another_epoch_is_another_code() {
    let code = |epoch| {
        let keys = KeyRing::builder()
            .code("a", &[1; 32])
            .index(&[2; 32])
            .epoch(epoch)
            .build()
            .unwrap();
        let host = Harness::on(keys, |builder| {
            builder.policy(otp_engine::Policy::builder().token().build().unwrap())
        });
        host.issue(&binding()).code.as_str().to_owned()
    };
    // The same draw, hence the same challenge id.
    assert_eq!(code(0), code(0));
    assert!(code(0) != code(1) && code(1) != code(2) && code(0) != code(u32::MAX));
}

/// The reason stands in audit logs: what shows nothing, or otherwise than it is stored, is none.
#[test]
fn case_426_the_reason_of_a_reset_shows_what_it_is() {
    let (host, binding) = (Harness::new(), binding());
    let engine = &host.engine;
    for reason in [
        "\u{3164}",
        "\u{200b}",
        "\u{2800} ",
        "called\u{202e}kcab",
        "a\u{2028}b",
        "x\u{e0041}",
    ] {
        for reset in [
            engine.reset_slot(&host.store, &binding, reason),
            engine.reset_user(&host.store, "acme", "7", reason),
        ] {
            assert!(matches!(reset, Err(Error::ResetReason)), "{reason:?}");
        }
    }
    assert!(
        engine
            .reset_slot(&host.store, &binding, "Siti rief zurück \u{2714}")
            .is_ok()
    );
}
