//! Sends: when a code goes out, when the same one goes out again, and when none does.

use core::time::Duration;

use crate::support::fixture::{self, Harness, at, binding, content, mobile, parts, record};
use otp_engine::{
    Binding, Issued, Policy, Rejection, Submission,
    challenge::{ChallengeState, DeliveryStatus},
    event::EventKind,
    operation::{CancelOutcome, Delivery, ReportOutcome},
    policy::Resend,
    verdict::RefusalReason,
};

/// What the gateway says when it is out of credit.
fn failed() -> Delivery {
    Delivery::Failed(fixture::status("5"))
}

fn report(host: &Harness, binding: &Binding, issued: &Issued, delivery: Delivery) -> ReportOutcome {
    host.report(binding, issued, delivery)
}

#[test]
fn case_38_a_double_click_sends_one_message() {
    let (host, binding) = (Harness::new(), binding());
    let issued = host.issue(&binding);
    let refusal = host.refusal(&binding);
    assert_eq!(
        (refusal.reason, refusal.retry_at, refusal.id),
        (RefusalReason::Cooldown, Some(at(60)), Some(issued.id))
    );
}

#[test]
fn case_39_two_nodes_at_once_make_one_challenge_and_one_message() {
    for _ in 0..50 {
        let (host, binding) = (Harness::new(), binding());
        let nodes = [host.engine.clone(), host.engine.clone()];
        let barrier = std::sync::Barrier::new(nodes.len());
        let issued: Vec<_> = std::thread::scope(|scope| {
            let issue = |node: &otp_engine::Engine| {
                barrier.wait();
                node.issue(&host.store, &binding).unwrap()
            };
            let threads: Vec<_> = nodes
                .iter()
                .map(|node| scope.spawn(move || issue(node)))
                .collect();
            threads
                .into_iter()
                .map(|thread| thread.join().unwrap())
                .collect()
        });
        let refused: Vec<_> = issued
            .iter()
            .filter_map(otp_engine::Issuance::refused)
            .collect();
        assert_eq!(refused.len(), 1);
        let sent = issued
            .into_iter()
            .find_map(otp_engine::Issuance::issued)
            .unwrap();
        assert_eq!(
            (refused[0].reason, refused[0].id),
            (RefusalReason::Cooldown, Some(sent.id))
        );
    }
}

#[test]
fn case_40_a_retry_after_a_gateway_timeout_sends_the_same_code() {
    let (host, binding) = (Harness::new(), binding());
    let issued = host.issue(&binding);
    let again = host.at(60).issue(&binding);
    assert_eq!(
        (again.id, again.expires_at, again.send),
        (issued.id, issued.expires_at, 2)
    );
    assert!(again.code.as_str() == issued.code.as_str());
    assert_eq!(again.issued_at, at(0));
    assert_eq!(
        host.heard(),
        [EventKind::Issued, EventKind::SentAgain { send: 2 },]
    );
}

#[test]
fn case_41_a_refused_message_is_refunded_once_and_ten_seconds_stay() {
    let (host, binding) = (Harness::new(), binding());
    let issued = host.issue(&binding);
    assert_eq!(
        report(&host, &binding, &issued, failed()),
        ReportOutcome::Refunded
    );
    assert_eq!(
        report(&host, &binding, &issued, failed()),
        ReportOutcome::Ignored
    );
    assert_eq!(
        report(&host, &binding, &issued, Delivery::Sent),
        ReportOutcome::Ignored
    );
    let status = host.engine.status(&host.store, &binding).unwrap().unwrap();
    assert_eq!(
        status.delivery,
        DeliveryStatus::Failed(fixture::status("5"))
    );
    assert_eq!(host.at(9).refusal(&binding).retry_at, Some(at(10)));
    let again = host.at(10).issue(&binding);
    // A late report on the first send changes nothing: the second one stands.
    assert_eq!(
        report(&host, &binding, &issued, failed()),
        ReportOutcome::Ignored
    );
    assert_eq!(host.at(69).refusal(&binding).retry_at, Some(at(70)));
    assert_eq!(
        report(&host, &binding, &again, Delivery::Sent),
        ReportOutcome::Recorded
    );
}

#[test]
fn case_41_at_most_three_refunds_come_in_a_day() {
    let host = Harness::new();
    let mut refunds = 0;
    for n in 0..5_i64 {
        let name = n.to_string();
        let target = parts().target(record(&name)).build().unwrap();
        let issued = host.at(n * 700).issue(&target);
        refunds += i32::from(report(&host, &target, &issued, failed()) == ReportOutcome::Refunded);
    }
    assert_eq!(refunds, 3);
    let heard = host.heard();
    assert!(heard.contains(&EventKind::DeliveryFailed { refunded: true }));
    assert!(heard.contains(&EventKind::DeliveryFailed { refunded: false }));
    // A day after the first of them there is one more.
    let target = parts().target(record("later")).build().unwrap();
    let issued = host.at(86_400).issue(&target);
    assert_eq!(
        report(&host, &target, &issued, failed()),
        ReportOutcome::Refunded
    );
}

/// Row D13: the bound is the code's too, not only the recipient's of a day.
#[test]
fn case_150_a_code_is_refunded_three_times_however_long_it_lives() {
    let week = Duration::from_secs(7 * 86_400);
    let token = Policy::builder().token().validity(week).max_sends(10);
    let (host, binding) = (Harness::with_policy(token.build().unwrap()), binding());
    let mut id = None;
    let mut reports = Vec::new();
    for second in [0, 10, 20, 2 * 86_400, 3 * 86_400] {
        let issued = host.at(second).issue(&binding);
        assert_eq!(*id.get_or_insert(issued.id), issued.id, "the same code");
        reports.push(report(&host, &binding, &issued, failed()));
    }
    let (yes, no) = (ReportOutcome::Refunded, ReportOutcome::Recorded);
    assert_eq!(reports, [yes, yes, yes, no, no]);
}

#[test]
fn a_refund_gives_the_sends_back_and_the_attempts_never() {
    let host = Harness::new();
    let target = |n: &str| parts().target(record(n)).build().unwrap();
    let first = target("first");
    let issued = host.issue(&first);
    let _ = host.guess_wrong(&first, &issued);
    assert_eq!(
        report(&host, &first, &issued, failed()),
        ReportOutcome::Refunded
    );
    for n in ["a", "b", "c", "d", "e"] {
        let _ = host.at(1).issue(&target(n));
    }
    assert_eq!(host.refusal(&target("f")).reason, RefusalReason::SendLimit);
    assert_eq!(host.guess_wrong(&first, &issued), 3);
}

#[test]
fn case_42_at_59_seconds_the_cooldown_holds_and_at_60_it_is_over() {
    let (host, binding) = (Harness::new(), binding());
    let _ = host.issue(&binding);
    assert_eq!(
        host.at(59).refusal(&binding).reason,
        RefusalReason::Cooldown
    );
    assert_eq!(host.at(60).issue(&binding).send, 2);
}

#[test]
fn case_43_the_fourth_delivery_of_one_code_is_refused_until_a_new_one_is_due() {
    let policy = Policy::builder()
        .validity(Duration::from_secs(600))
        .build()
        .unwrap();
    let (host, binding) = (Harness::with_policy(policy), binding());
    let first = host.issue(&binding);
    for second in [60, 120] {
        assert_eq!(host.at(second).issue(&binding).id, first.id);
    }
    let refusal = host.at(180).refusal(&binding);
    assert_eq!(
        (refusal.reason, refusal.retry_at, refusal.id),
        (RefusalReason::SendLimit, Some(at(571)), Some(first.id))
    );
    assert_eq!(
        host.at(570).refusal(&binding).reason,
        RefusalReason::SendLimit
    );
    let next = host.at(571).issue(&binding);
    assert_ne!(next.id, first.id);
    assert_eq!((next.send, next.expires_at), (1, at(1171)));
}

#[test]
fn within_the_last_half_minute_a_new_code_is_made() {
    for (second, same) in [(150, true), (151, false)] {
        let (host, binding) = (Harness::new(), binding());
        let first = host.issue(&binding);
        assert_eq!(
            host.at(second).issue(&binding).id == first.id,
            same,
            "{second}"
        );
    }
}

#[test]
fn case_44_the_sixth_send_in_ten_minutes_to_one_number_is_refused() {
    let host = Harness::new();
    // Five users, one number.
    for n in 0..5_i64 {
        let name = n.to_string();
        let _ = host.at(n * 60).issue(&parts().user(&name).build().unwrap());
    }
    let sixth = parts().user("sixth").build().unwrap();
    let refusal = host.at(599).refusal(&sixth);
    assert_eq!(
        (refusal.reason, refusal.retry_at, refusal.id),
        (RefusalReason::SendLimit, Some(at(600)), None)
    );
    let _ = host.at(600).issue(&sixth);
    // The window has no edges: one place is free, not five.
    let seventh = parts().user("seventh").build().unwrap();
    assert_eq!(host.refusal(&seventh).retry_at, Some(at(660)));
}

#[test]
fn the_twenty_first_send_in_a_day_to_one_number_is_refused() {
    let host = Harness::new();
    for n in 0..20_i64 {
        let name = n.to_string();
        let _ = host
            .at(n * 600)
            .issue(&parts().user(&name).build().unwrap());
    }
    let next = parts().user("next").build().unwrap();
    assert_eq!(host.at(12_600).refusal(&next).retry_at, Some(at(86_400)));
    let _ = host.at(86_400).issue(&next);
}

#[test]
fn the_eleventh_send_in_an_hour_for_one_user_is_refused() {
    let host = Harness::new();
    let target = |n: i64| {
        let (name, number) = (n.to_string(), format!("6012345{n:04}"));
        parts()
            .target(record(&name))
            .recipient(mobile(&number))
            .build()
            .unwrap()
    };
    for n in 0..10 {
        let _ = host.at(n).issue(&target(n));
    }
    let refusal = host.at(3_599).refusal(&target(10));
    assert_eq!(
        (refusal.reason, refusal.retry_at),
        (RefusalReason::SendLimit, Some(at(3_600)))
    );
    let _ = host.at(3_600).issue(&target(10));
}

#[test]
fn retry_at_is_when_all_limits_admit() {
    let host = Harness::new();
    for n in 0..4_i64 {
        let name = n.to_string();
        let _ = host.issue(&parts().user(&name).build().unwrap());
    }
    let binding = binding();
    let issued = host.at(10).issue(&binding);
    // In the cooldown of its own code, while the number is out of sends.
    let refusal = host.at(20).refusal(&binding);
    assert_eq!(
        (refusal.reason, refusal.retry_at, refusal.id),
        (RefusalReason::Cooldown, Some(at(600)), Some(issued.id))
    );
    let _ = host.at(600).issue(&binding);
}

#[test]
fn case_46_a_number_changed_between_send_and_verify_is_not_accepted() {
    let (host, binding) = (Harness::new(), binding());
    let issued = host.issue(&binding);
    let moved = parts().recipient(mobile("60123456780")).build().unwrap();
    assert_eq!(
        host.rejection(&moved, issued.code.as_str()),
        Rejection::Mismatch
    );
    assert!(host.accepts(&binding, issued.code.as_str()));
}

#[test]
fn case_47_a_bad_number_is_refused_before_randomness_is_drawn() {
    let host = Harness::new();
    for number in [
        "",
        "12345",
        "not a number",
        "+0123456789",
        "1234567890123456",
    ] {
        assert!(otp_engine::Mobile::parse(number).is_err(), "{number}");
    }
    // A binding cannot be built without a valid recipient, so issue cannot be called.
    assert!(
        Binding::builder()
            .tenant("acme")
            .purpose("sign")
            .target(record("1"))
            .user("7")
            .build()
            .is_err()
    );
    assert_eq!(host.draws.load(core::sync::atomic::Ordering::SeqCst), 0);
}

#[test]
fn case_51_after_a_crash_between_commit_and_message_a_resend_works() {
    let (host, binding) = (Harness::new(), binding());
    drop(host.issue(&binding)); // the message was never sent
    let again = host.at(60).issue(&binding);
    assert!(host.accepts(&binding, again.code.as_str()));
}

#[test]
fn case_52_no_code_leaves_without_its_commit() {
    // A store with no room: the decision is made, the commit fails, and there is no code.
    let (mut host, binding) = (Harness::new(), binding());
    host.store = otp_engine::MemoryStore::with_capacity_limit(2);
    let failed = host.engine.issue(&host.store, &binding).err().unwrap();
    assert!(matches!(
        failed,
        otp_engine::Error::Store(otp_engine::store::Error::Full)
    ));
    assert_eq!((host.store.len(), host.heard()), (0, vec![]));
    host.store = otp_engine::MemoryStore::with_capacity_limit(3);
    let _ = host.issue(&binding);
}

#[test]
fn case_53_a_message_that_comes_after_the_expiry_is_expired() {
    let (host, binding) = (Harness::new(), binding());
    let issued = host.issue(&binding);
    assert_eq!(
        host.at(300).rejection(&binding, issued.code.as_str()),
        Rejection::Expired
    );
}

#[test]
fn case_54_under_rotate_only_the_newest_code_is_good() {
    let policy = Policy::builder().resend(Resend::Rotate).build().unwrap();
    let (host, binding) = (Harness::with_policy(policy), binding());
    let first = host.issue(&binding);
    let second = host.at(60).issue(&binding);
    let submission = Submission::new(&binding, first.code.as_str());
    let by_id = host
        .engine
        .verify(&host.store, submission.challenge(first.id))
        .unwrap();
    assert_eq!(by_id.rejection(), Some(Rejection::Superseded));
    assert_eq!(
        host.rejection(&binding, first.code.as_str()),
        Rejection::Wrong { attempts_left: 4 }
    );
    let submission = Submission::new(&binding, second.code.as_str()).challenge(second.id);
    assert!(
        host.engine
            .verify(&host.store, submission)
            .unwrap()
            .is_accepted()
    );
}

#[test]
fn a_cancelled_code_is_dead_and_the_cooldown_stays() {
    let (host, binding) = (Harness::new(), binding());
    assert_eq!(
        host.engine.cancel(&host.store, &binding).unwrap(),
        CancelOutcome::NothingLive
    );
    let issued = host.issue(&binding);
    let other = parts().content(content("other")).build().unwrap();
    assert_eq!(
        host.engine.cancel(&host.store, &other).unwrap(),
        CancelOutcome::NothingLive
    );
    assert_eq!(
        host.engine.cancel(&host.store, &binding).unwrap(),
        CancelOutcome::Cancelled
    );
    assert_eq!(
        host.engine.cancel(&host.store, &binding).unwrap(),
        CancelOutcome::NothingLive
    );
    assert_eq!(
        host.rejection(&binding, issued.code.as_str()),
        Rejection::Cancelled
    );
    let refusal = host.at(59).refusal(&binding);
    assert_eq!(
        (refusal.reason, refusal.id),
        (RefusalReason::Cooldown, None)
    );
    assert_ne!(host.at(60).issue(&binding).id, issued.id);
}

#[test]
fn status_tells_how_a_challenge_stands_and_changes_nothing() {
    let (host, binding) = (Harness::new(), binding());
    assert_eq!(host.engine.status(&host.store, &binding).unwrap(), None);
    let issued = host.issue(&binding);
    let status = host.engine.status(&host.store, &binding).unwrap().unwrap();
    assert_eq!(
        (status.id, status.state, status.delivery),
        (
            issued.id,
            ChallengeState::Pending,
            DeliveryStatus::Unreported
        )
    );
    assert_eq!(
        (status.issued_at, status.expires_at, status.next_send_at),
        (at(0), at(180), at(60))
    );
    assert_eq!((status.attempts_left, status.sends), (5, 1));
    assert_eq!(
        report(&host, &binding, &issued, Delivery::Sent),
        ReportOutcome::Recorded
    );
    let status = host.engine.status(&host.store, &binding).unwrap().unwrap();
    assert_eq!(status.delivery, DeliveryStatus::Sent);
    host.at(180);
    assert_eq!(
        host.engine
            .status(&host.store, &binding)
            .unwrap()
            .unwrap()
            .state,
        ChallengeState::Expired
    );
    // Looking at an expired code did not make the expiry stick: only a verify does.
    assert!(host.at(10).accepts(&binding, issued.code.as_str()));
    assert_eq!(
        host.engine
            .status(&host.store, &binding)
            .unwrap()
            .unwrap()
            .state,
        ChallengeState::Verified
    );
}

#[test]
fn after_a_success_the_next_code_waits_for_the_cooldown() {
    let (host, binding) = (Harness::new(), binding());
    let issued = host.issue(&binding);
    assert!(host.at(5).accepts(&binding, issued.code.as_str()));
    let refusal = host.at(59).refusal(&binding);
    assert_eq!(
        (refusal.reason, refusal.retry_at, refusal.id),
        (RefusalReason::Cooldown, Some(at(60)), None)
    );
    let next = host.at(60).issue(&binding);
    assert_ne!(next.id, issued.id);
}

/// A message says what is left of the validity, rounded down, and never nothing.
#[test]
fn case_151_a_code_that_is_sent_again_says_what_is_left() {
    let (host, binding) = (Harness::new(), binding());
    let mut code = None;
    for (second, left, minutes) in [(0, 180, 3), (61, 119, 1), (121, 59, 1)] {
        let issued = host.at(second).issue(&binding);
        let text = issued.code.as_str().to_owned();
        assert_eq!(*code.get_or_insert(text.clone()), text);
        assert_eq!(issued.valid_for, Duration::from_secs(left));
        assert_eq!(issued.minutes(), minutes);
    }
    let week = Duration::from_secs(7 * 86_400);
    let token = Policy::builder().token().validity(week).build().unwrap();
    assert_eq!(
        Harness::with_policy(token).issue(&binding).minutes(),
        10_080
    );
}

/// `verify(..).is_ok()` is true for a rejection; the helper is the question itself.
#[test]
fn case_156_accepts_is_false_for_a_rejection() {
    let (host, binding) = (Harness::new(), binding());
    let issued = host.issue(&binding);
    let wrong = fixture::wrong(&issued);
    let submit = |entered| Submission::new(&binding, entered);
    assert!(host.engine.verify(&host.store, submit(&wrong[..])).is_ok());
    assert!(
        !host
            .engine
            .accepts(&host.store, submit(&wrong[..]))
            .unwrap()
    );
    let right = issued.code.as_str();
    assert!(host.engine.accepts(&host.store, submit(right)).unwrap());
    assert!(!host.engine.accepts(&host.store, submit(right)).unwrap());
}

/// A report of success costs no commit: it is kept with the first guess that is compared, right or
/// wrong, and once.
#[test]
fn case_580_a_report_of_success_rides_along_with_a_guess() {
    for is_right in [true, false] {
        let (host, binding) = (Harness::new(), binding());
        let issued = host.issue(&binding);
        host.heard();
        let entered = if is_right {
            issued.code.as_str().into()
        } else {
            fixture::wrong(&issued)
        };
        let told = |send| {
            let submission = Submission::new(&binding, &entered).delivered(issued.id, send);
            let _ = host.engine.verify(&host.store, submission).unwrap();
            let status = host.engine.status(&host.store, &binding).unwrap().unwrap();
            (
                status.delivery,
                host.heard().contains(&EventKind::Delivered),
            )
        };
        if !is_right {
            // Of another send nothing is known.
            assert_eq!(told(2), (DeliveryStatus::Unreported, false));
        }
        assert_eq!(told(1), (DeliveryStatus::Sent, true), "{is_right}");
        assert_eq!(told(1), (DeliveryStatus::Sent, false), "{is_right}: once");
        assert_eq!(
            report(&host, &binding, &issued, failed()),
            ReportOutcome::Ignored
        );
    }
}

/// What is closed is not compared, and leaves no commit for a report to ride along with.
#[test]
fn case_580_without_a_comparison_the_report_waits() {
    let (host, here) = (Harness::new(), binding());
    let issued = host.issue(&here);
    host.heard();
    let other = otp_engine::ChallengeId::from_bytes([9; 16]);
    let submission = Submission::new(&here, issued.code.as_str()).challenge(other);
    let submission = submission.delivered(issued.id, issued.send);
    let verdict = host.engine.verify(&host.store, submission).unwrap();
    assert_eq!(verdict.rejection(), Some(Rejection::Superseded));
    let status = host.engine.status(&host.store, &here).unwrap().unwrap();
    assert_eq!(status.delivery, DeliveryStatus::Unreported);
    assert!(!host.heard().contains(&EventKind::Delivered));
    assert_eq!(
        report(&host, &here, &issued, Delivery::Sent),
        ReportOutcome::Recorded
    );
}
