//! Attempts: how many guesses are compared, and what makes them start again.

use core::time::Duration;

use crate::support::fixture::{self, Harness, at, binding, mobile, parts, record, wrong};
use otp_engine::{
    Policy, RateLimits, Rejection,
    event::EventKind,
    operation::{Lock, UnlockOutcome},
    policy::Resend,
    verdict::RefusalReason,
};

#[test]
fn case_13_five_wrong_then_right_is_refused() {
    let (host, binding) = (Harness::new(), binding());
    let issued = host.issue(&binding);
    for left in [4, 3, 2, 1, 0] {
        assert_eq!(host.guess_wrong(&binding, &issued), left);
    }
    let exhausted = Rejection::Exhausted { retry_at: at(900) };
    assert_eq!(host.rejection(&binding, issued.code.as_str()), exhausted);
}

#[test]
fn case_14_four_wrong_then_right_is_accepted_and_the_count_starts_again() {
    let (host, binding) = (Harness::new(), binding());
    let issued = host.issue(&binding);
    for _ in 0..4 {
        let _ = host.guess_wrong(&binding, &issued);
    }
    assert!(host.accepts(&binding, issued.code.as_str()));
    let next = host.at(60).issue(&binding);
    assert_eq!(host.guess_wrong(&binding, &next), 4);
}

#[test]
fn case_15_a_resend_of_the_same_code_keeps_the_attempts() {
    let (host, binding) = (Harness::new(), binding());
    let issued = host.issue(&binding);
    for left in [4, 3, 2] {
        assert_eq!(host.guess_wrong(&binding, &issued), left);
    }
    let again = host.at(60).issue(&binding);
    assert_eq!((again.id, again.send), (issued.id, 2));
    assert_eq!(host.guess_wrong(&binding, &again), 1);
    assert_eq!(host.guess_wrong(&binding, &again), 0);
    let exhausted = Rejection::Exhausted { retry_at: at(960) };
    assert_eq!(host.rejection(&binding, again.code.as_str()), exhausted);
}

#[test]
fn case_16_a_rotated_code_keeps_the_attempts() {
    let policy = Policy::builder().resend(Resend::Rotate).build().unwrap();
    let (host, binding) = (Harness::with_policy(policy), binding());
    let issued = host.issue(&binding);
    for left in [4, 3, 2] {
        assert_eq!(host.guess_wrong(&binding, &issued), left);
    }
    let rotated = host.at(60).issue(&binding);
    assert_ne!(rotated.id, issued.id);
    assert_eq!(host.guess_wrong(&binding, &rotated), 1);
    assert_eq!(host.guess_wrong(&binding, &rotated), 0);
}

#[test]
fn case_17_nothing_but_the_slot_names_the_count() {
    // A session, a device and an address are not in a binding; another engine is another worker.
    let (host, binding) = (Harness::new(), binding());
    let issued = host.issue(&binding);
    let _ = host.guess_wrong(&binding, &issued);
    let worker = host.engine.with_policy(*host.engine.policy());
    let submission = otp_engine::Submission::new(&binding, "000007").challenge(issued.id);
    let verdict = worker.verify(&host.store, submission).unwrap();
    assert_eq!(
        verdict.rejection(),
        Some(Rejection::Wrong { attempts_left: 3 })
    );
}

#[test]
fn a_cancelled_challenge_keeps_its_attempts_for_the_next_one() {
    let (host, binding) = (Harness::new(), binding());
    let issued = host.issue(&binding);
    for _ in 0..3 {
        let _ = host.guess_wrong(&binding, &issued);
    }
    host.engine.cancel(&host.store, &binding).unwrap();
    assert_eq!(
        host.rejection(&binding, issued.code.as_str()),
        Rejection::Cancelled
    );
    let next = host.at(60).issue(&binding);
    assert_eq!(host.guess_wrong(&binding, &next), 1);
}

#[test]
fn an_exhausted_slot_opens_again_after_its_closing_time_and_not_before() {
    let (host, binding) = (Harness::new(), binding());
    let issued = host.issue(&binding);
    for _ in 0..5 {
        let _ = host.guess_wrong(&binding, &issued);
    }
    let refusal = host.at(899).refusal(&binding);
    assert_eq!(
        (refusal.reason, refusal.retry_at, refusal.id),
        (RefusalReason::Exhausted, Some(at(900)), None)
    );
    let next = host.at(900).issue(&binding);
    assert_eq!(host.guess_wrong(&binding, &next), 4);
}

#[test]
fn attempts_start_again_at_an_issue_a_closing_time_after_the_last_wrong_guess() {
    for (second, left) in [(899, 3), (900, 4)] {
        let (host, binding) = (Harness::new(), binding());
        let issued = host.issue(&binding);
        let _ = host.guess_wrong(&binding, &issued);
        let next = host.at(second).issue(&binding);
        assert_eq!(host.guess_wrong(&binding, &next), left, "{second}");
    }
}

#[test]
fn twenty_malformed_texts_close_the_slot_and_cost_no_attempt() {
    let (host, binding) = (Harness::new(), binding());
    let issued = host.issue(&binding);
    for _ in 0..19 {
        assert_eq!(host.rejection(&binding, "12345"), Rejection::Malformed);
    }
    assert_eq!(host.guess_wrong(&binding, &issued), 4);
    assert_eq!(host.rejection(&binding, "12345"), Rejection::Malformed);
    assert_eq!(
        host.rejection(&binding, issued.code.as_str()),
        Rejection::Exhausted { retry_at: at(900) }
    );
    assert_eq!(host.rejection(&binding, "12345"), Rejection::Malformed);
}

#[test]
fn case_2_a_code_is_text_and_an_integer_that_lost_its_zero_is_none() {
    // That a number does not even compile is shown where `Submission` is documented.
    let (host, binding) = (Harness::new(), binding());
    let mut second = 0;
    let issued = loop {
        let issued = host.at(second).issue(&binding);
        if issued.code.as_str().starts_with('0') {
            break issued;
        }
        second += 86_400;
    };
    let as_integer: u32 = issued.code.as_str().parse().unwrap();
    assert_eq!(
        host.rejection(&binding, &as_integer.to_string()),
        Rejection::Malformed
    );
    assert!(host.accepts(&binding, issued.code.as_str()));
}

#[test]
fn case_20_a_host_that_fails_after_a_wrong_answer_has_counted_it() {
    let (host, binding) = (Harness::new(), binding());
    let issued = host.issue(&binding);
    let handler = core::panic::AssertUnwindSafe(|| {
        let _ = host.guess_wrong(&binding, &issued);
        std::panic::resume_unwind(Box::new("the handler rolls back"));
    });
    assert!(std::panic::catch_unwind(handler).is_err());
    assert_eq!(host.guess_wrong(&binding, &issued), 3);
}

#[test]
fn case_24_a_success_elsewhere_changes_nothing_and_replays_charge_nothing() {
    let (host, a) = (Harness::new(), binding());
    let b = parts().target(record("16")).build().unwrap();
    let (issued_a, issued_b) = (host.issue(&a), host.issue(&b));
    let _ = host.guess_wrong(&b, &issued_b);
    assert!(host.accepts(&a, issued_a.code.as_str()));
    assert_eq!(host.guess_wrong(&b, &issued_b), 3);
    // Replays, another number and another challenge id: none is a guess.
    let moved = parts()
        .target(record("16"))
        .recipient(mobile("60987654321"))
        .build()
        .unwrap();
    for _ in 0..20 {
        assert_eq!(
            host.rejection(&a, issued_a.code.as_str()),
            Rejection::AlreadyUsed
        );
        assert_eq!(
            host.rejection(&moved, issued_b.code.as_str()),
            Rejection::Mismatch
        );
    }
    assert_eq!(
        host.engine.status(&host.store, &b).unwrap().unwrap().lock,
        Lock::Free
    );
    assert_eq!(host.guess_wrong(&b, &issued_b), 2);
}

#[test]
fn case_25_a_victim_is_not_locked_by_a_stranger_who_carries_their_number() {
    let host = Harness::new();
    // A stranger's own records, with the victim's number, fail fifteen times in a day.
    for n in 0..3_i64 {
        let name = format!("stranger-{n}");
        let theirs = parts().user(&name).build().unwrap();
        let issued = host.at(n * 120).issue(&theirs);
        for _ in 0..5 {
            let _ = host.guess_wrong(&theirs, &issued);
        }
    }
    let refusal = host.at(400).refusal(&binding());
    assert_eq!(
        (refusal.reason, refusal.retry_at),
        (RefusalReason::Locked, Some(at(86_400)))
    );
    // A code that the victim has already can be used all the same.
    let host = Harness::new();
    let issued = host.issue(&binding());
    for n in 0..3_i64 {
        let name = format!("stranger-{n}");
        let theirs = parts().user(&name).build().unwrap();
        let theirs_issued = host.at(n + 1).issue(&theirs);
        for _ in 0..5 {
            let _ = host.guess_wrong(&theirs, &theirs_issued);
        }
    }
    assert!(host.accepts(&binding(), issued.code.as_str()));
}

#[test]
fn case_26_slow_guessing_meets_the_day_and_then_the_consecutive_limit() {
    let host = Harness::with_rate_limits(RateLimits::builder().build().unwrap());
    let mut compared = 0;
    let mut now = 0;
    // One attacker, all records of one user, as fast as the rate limits let them.
    for n in 0..400 {
        let name = n.to_string();
        let target = parts().target(record(&name)).build().unwrap();
        host.at(now);
        let issuance = host.engine.issue(&host.store, &target).unwrap();
        let refused = issuance.refused();
        if let Some(issued) = issuance.issued() {
            while let Rejection::Wrong { .. } = host.rejection(&target, &wrong(&issued)) {
                compared += 1;
            }
            now += 700;
            continue;
        }
        match refused.unwrap().retry_at {
            Some(retry_at) => now = retry_at.unix() - fixture::START,
            None => break,
        }
    }
    assert_eq!(compared, 100);
    assert!(now >= 6 * 86_400, "{now}");
    let one = binding();
    assert_eq!(host.refusal(&one).retry_at, None);
    // A year later it still holds; only an unlock helps.
    assert_eq!(
        host.at(now + 399 * 86_400).refusal(&one).reason,
        RefusalReason::Locked
    );
    assert_eq!(
        host.engine.unlock(&host.store, "acme", "7").unwrap(),
        UnlockOutcome::Unlocked
    );
    assert_eq!(
        host.engine.unlock(&host.store, "acme", "7").unwrap(),
        UnlockOutcome::NothingToUnlock
    );
    let _ = host.issue(&one);
}

#[test]
fn a_locked_user_is_refused_with_the_instant_at_which_the_day_limit_ends() {
    let host = Harness::new();
    let mut last = None;
    for n in 0..3_i64 {
        let name = n.to_string();
        let target = parts().target(record(&name)).build().unwrap();
        let issued = host.at(n * 10).issue(&target);
        for _ in 0..5 {
            let _ = host.guess_wrong(&target, &issued);
        }
        last = Some(target);
    }
    let fresh = parts().target(record("9")).build().unwrap();
    assert_eq!(host.refusal(&fresh).retry_at, Some(at(86_400)));
    drop(last);
    assert!(host.heard().contains(&EventKind::Locked {
        retry_at: Some(at(86_400))
    }));
    // A code that was out before the lock is not compared either.
    let host = Harness::new();
    let early = parts().target(record("early")).build().unwrap();
    let early_issued = host.issue(&early);
    for n in 0..3_i64 {
        let name = n.to_string();
        let target = parts().target(record(&name)).build().unwrap();
        let issued = host.at(1 + n).issue(&target);
        for _ in 0..5 {
            let _ = host.guess_wrong(&target, &issued);
        }
    }
    let locked = Rejection::Locked {
        retry_at: Some(at(86_401)),
    };
    assert_eq!(host.rejection(&early, early_issued.code.as_str()), locked);
    let status = host.engine.status(&host.store, &early).unwrap().unwrap();
    assert_eq!(
        (status.attempts_left, status.lock),
        (5, Lock::Until(at(86_401)))
    );
}

#[test]
fn an_event_warns_from_eighty_wrong_guesses_on_and_a_success_resets_them() {
    let rate_limits = RateLimits::builder()
        .user_failures_per_day(32)
        .recipient_failures_per_day(32)
        .build()
        .unwrap();
    let host = Harness::with_rate_limits(rate_limits);
    let mut now = 0;
    for n in 0..20 {
        let name = n.to_string();
        let number = format!("6012345{n:04}");
        let target = parts()
            .target(record(&name))
            .recipient(mobile(&number))
            .build()
            .unwrap();
        now += 86_400;
        let issued = host.at(now).issue(&target);
        for _ in 0..4 {
            let _ = host.guess_wrong(&target, &issued);
        }
    }
    let near = |count| EventKind::NearlyLocked { consecutive: count };
    let heard = host.heard();
    assert!(!heard.contains(&near(79)) && heard.contains(&near(80)));
    let last = parts().target(record("last")).build().unwrap();
    let issued = host.issue(&last);
    assert!(host.accepts(&last, issued.code.as_str()));
    let issued = host.at(now + 86_400).issue(&last);
    let _ = host.guess_wrong(&last, &issued);
    assert!(!host.heard().contains(&near(81)));
}

#[test]
fn a_tightened_policy_reaches_codes_that_are_out_and_a_lax_sibling_opens_nothing() {
    let (host, binding) = (Harness::new(), binding());
    let issued = host.issue(&binding);
    let _ = host.guess_wrong(&binding, &issued);
    let _ = host.guess_wrong(&binding, &issued);
    let strict = host
        .engine
        .with_policy(Policy::builder().max_attempts(2).build().unwrap());
    let submission = otp_engine::Submission::new(&binding, issued.code.as_str());
    let verdict = strict.verify(&host.store, submission).unwrap();
    assert_eq!(
        verdict.rejection(),
        Some(Rejection::Exhausted { retry_at: at(900) })
    );
    let refusal = strict
        .issue(&host.store, &binding)
        .unwrap()
        .refused()
        .unwrap();
    assert_eq!(
        (refusal.reason, refusal.retry_at),
        (RefusalReason::Exhausted, Some(at(900)))
    );

    let lax = host
        .engine
        .with_policy(Policy::builder().max_attempts(10).build().unwrap());
    for left in [2, 1, 0] {
        let wrong = wrong(&issued);
        let verdict = lax
            .verify(&host.store, otp_engine::Submission::new(&binding, &wrong))
            .unwrap();
        assert_eq!(
            verdict.rejection(),
            Some(Rejection::Wrong {
                attempts_left: left
            })
        );
    }
}

#[test]
fn a_code_weaker_than_the_policy_asks_is_not_compared() {
    let (host, binding) = (Harness::new(), binding());
    let issued = host.issue(&binding);
    let eight = host
        .engine
        .with_policy(Policy::builder().digits(8).build().unwrap());
    let submission = otp_engine::Submission::new(&binding, issued.code.as_str());
    assert_eq!(
        eight.verify(&host.store, submission).unwrap().rejection(),
        Some(Rejection::Superseded)
    );
    let longer = host.at(60);
    let replaced = eight
        .issue(&longer.store, &binding)
        .unwrap()
        .issued()
        .unwrap();
    assert_eq!((replaced.code.as_str().len(), replaced.send), (8, 1));
    // The lax engine takes the eight digits, and nothing shorter.
    assert_eq!(
        host.rejection(&binding, issued.code.as_str()),
        Rejection::Malformed
    );
    assert!(host.accepts(&binding, replaced.code.as_str()));
}

#[test]
fn without_meters_only_the_slot_counts() {
    let host = Harness::with_rate_limits(RateLimits::unlimited());
    let binding = binding();
    let issued = host.issue(&binding);
    for left in [4, 3, 2, 1, 0] {
        assert_eq!(host.guess_wrong(&binding, &issued), left);
    }
    assert_eq!(host.store.len(), 1);
    let policy = Policy::builder()
        .lockout(Duration::from_secs(600))
        .build()
        .unwrap();
    let sibling = host.engine.with_policy(policy);
    // The longer of the two closing times holds.
    let refusal = sibling
        .issue(&host.store, &binding)
        .unwrap()
        .refused()
        .unwrap();
    assert_eq!(refusal.retry_at, Some(at(900)));
}
