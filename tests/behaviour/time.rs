//! Time: expiry, clocks that disagree, and the ends of the calendar.

use core::time::Duration;

use crate::support::fixture::{Harness, START, at, binding, parts, record};
use otp_engine::{
    Error, Issuance, Policy, Rejection, Submission, Timestamp, challenge::ChallengeState,
    verdict::RefusalReason,
};

#[test]
fn case_27_a_code_expires_at_its_expiry_not_after() {
    for (second, accepted) in [(179, true), (180, false), (181, false)] {
        let (host, binding) = (Harness::new(), binding());
        let issued = host.issue(&binding);
        assert_eq!(issued.expires_at, at(180));
        let verdict = host.at(second).verify(&binding, issued.code.as_str());
        assert_eq!(verdict.is_accepted(), accepted, "{second}");
        if !accepted {
            assert_eq!(verdict.rejection(), Some(Rejection::Expired));
        }
    }
}

#[test]
fn case_28_a_clock_before_the_issue_is_a_fault_beyond_the_skew() {
    let (host, binding) = (Harness::new(), binding());
    let issued = host.issue(&binding);
    host.at(-31);
    let submission = Submission::new(&binding, issued.code.as_str());
    assert!(matches!(
        host.engine.verify(&host.store, submission),
        Err(Error::Clock)
    ));
    assert!(matches!(
        host.engine.issue(&host.store, &binding),
        Err(Error::Clock)
    ));
    // No attempt was used: four are left after the next wrong guess.
    assert_eq!(host.at(-30).guess_wrong(&binding, &issued), 4);
    assert!(host.accepts(&binding, issued.code.as_str()));
}

#[test]
fn case_29_a_jump_of_a_day_expires_without_underflow() {
    let (host, binding) = (Harness::new(), binding());
    let issued = host.issue(&binding);
    assert_eq!(
        host.at(86_400).rejection(&binding, issued.code.as_str()),
        Rejection::Expired
    );
    assert_eq!(host.issue(&binding).send, 1);
}

#[test]
fn case_30_time_zero_and_the_skew_before_it_are_ordinary() {
    let (host, binding) = (Harness::new(), binding());
    host.clock.set(Timestamp::from_unix(0));
    let issued = host.issue(&binding);
    host.clock.set(Timestamp::from_unix(-30));
    assert!(host.accepts(&binding, issued.code.as_str()));
}

#[test]
fn case_31_codes_live_and_die_at_the_ends_of_time() {
    let ends = [
        i64::MIN,
        i64::MIN + 40,
        2_147_483_640,
        4_294_967_290,
        253_402_300_799,
        i64::MAX - 200,
    ];
    for start in ends {
        let (host, binding) = (Harness::new(), binding());
        host.clock.set(Timestamp::from_unix(start));
        let issued = host.issue(&binding);
        let _ = host.guess_wrong(&binding, &issued);
        host.clock.set(Timestamp::from_unix(start + 179));
        assert!(host.accepts(&binding, issued.code.as_str()), "{start}");
        assert_eq!(
            host.rejection(&binding, issued.code.as_str()),
            Rejection::AlreadyUsed
        );
    }
    // At the last instant of all a code is expired from the start: closed, not open for ever.
    let (host, binding) = (Harness::new(), binding());
    host.clock.set(Timestamp::from_unix(i64::MAX));
    let issued = host.issue(&binding);
    assert_eq!(
        host.rejection(&binding, issued.code.as_str()),
        Rejection::Expired
    );
}

#[test]
fn case_32_times_are_utc() {
    let (host, binding) = (Harness::new(), binding());
    let issued = host.issue(&binding);
    assert_eq!(
        issued.expires_at.to_utc().unwrap().to_string(),
        "2024-05-15 10:03:00.0 +00"
    );
}

#[test]
fn case_33_two_hosts_half_a_minute_apart_share_a_code() {
    let (ahead, binding) = (Harness::new(), binding());
    let issued = ahead.at(30).issue(&binding);
    assert_eq!(issued.expires_at, at(210));
    assert!(ahead.at(0).accepts(&binding, issued.code.as_str()));
}

#[test]
fn case_34_a_leap_second_is_a_second_that_comes_twice() {
    // Unix time repeats 2016-12-31 23:59:59: a clock that stands still, then one that goes on.
    let (host, binding) = (Harness::new(), binding());
    let leap = 1_483_228_799;
    host.clock.set(Timestamp::from_unix(leap));
    let issued = host.issue(&binding);
    host.clock.set(Timestamp::from_unix(leap));
    let _ = host.guess_wrong(&binding, &issued);
    host.clock.set(Timestamp::from_unix(leap + 1));
    assert!(host.accepts(&binding, issued.code.as_str()));
}

#[test]
fn case_35_a_validity_out_of_bounds_is_a_policy_error() {
    let validity = |seconds| {
        Policy::builder()
            .validity(Duration::from_secs(seconds))
            .build()
    };
    for (seconds, builds) in [
        (0, false),
        (59, false),
        (60, true),
        (600, true),
        (601, false),
        (u64::MAX, false),
    ] {
        assert_eq!(validity(seconds).is_ok(), builds, "{seconds}");
    }
    let error = validity(601).unwrap_err().to_string();
    assert!(
        error.contains("validity") && error.contains("601") && error.contains("600"),
        "{error}"
    );
}

#[test]
fn case_36_a_seen_expiry_stays_whatever_the_clock_then_says() {
    let (host, binding) = (Harness::new(), binding());
    let issued = host.issue(&binding);
    assert_eq!(
        host.at(180).rejection(&binding, issued.code.as_str()),
        Rejection::Expired
    );
    assert_eq!(
        host.at(10).rejection(&binding, issued.code.as_str()),
        Rejection::Expired
    );
    assert_eq!(
        host.engine
            .status(&host.store, &binding)
            .unwrap()
            .unwrap()
            .state,
        ChallengeState::Expired
    );
}

#[test]
fn case_37_results_do_not_depend_on_a_purge() {
    let day = 86_400;
    for purge in [false, true] {
        let (host, binding) = (Harness::new(), binding());
        let issued = host.issue(&binding);
        let _ = host.guess_wrong(&binding, &issued);
        // The slot is kept for two days past the expiry, and is gone one second later.
        for (second, expected) in [
            (180 + 2 * day, Rejection::Expired),
            (181 + 2 * day, Rejection::Unknown),
        ] {
            host.at(second);
            if purge {
                host.engine
                    .purge_confirmed(&host.store, usize::MAX)
                    .unwrap();
            }
            assert_eq!(
                host.rejection(&binding, issued.code.as_str()),
                expected,
                "{purge}"
            );
        }
        let next = host.issue(&binding);
        assert_eq!(host.guess_wrong(&binding, &next), 4);
    }
}

#[test]
fn a_purge_drops_at_most_its_limit_and_no_live_cell() {
    let host = Harness::new();
    for n in 0..4 {
        let name = n.to_string();
        let _ = host.issue(&parts().target(record(&name)).build().unwrap());
        host.at(n + 1);
    }
    // Four slots and two meters.
    assert_eq!(
        (
            host.store.len(),
            host.engine.purge(&host.store, 10).unwrap()
        ),
        (6, 0)
    );
    host.at(10 * 86_400);
    assert_eq!(host.engine.purge_confirmed(&host.store, 2).unwrap(), 2);
    assert_eq!(host.engine.purge(&host.store, 100).unwrap(), 4);
    assert_eq!(host.store.len(), 0);
}

#[test]
fn time_that_goes_back_gives_no_send_back() {
    let host = Harness::new();
    let mut sent = 0;
    for n in 0..8_i64 {
        let name = n.to_string();
        let target = parts().target(record(&name)).build().unwrap();
        // Each a minute earlier than the one before.
        if let Issuance::Issued(_) = host.at(-60 * n).engine.issue(&host.store, &target).unwrap() {
            sent += 1;
        }
    }
    assert_eq!(sent, 5);
    let target = parts().target(record("more")).build().unwrap();
    let refusal = host.refusal(&target);
    assert_eq!(
        (refusal.reason, refusal.retry_at),
        (
            RefusalReason::SendLimit,
            Some(Timestamp::from_unix(START + 360))
        )
    );
}
