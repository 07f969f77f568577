//! Claims: the code of a send that waited in a queue, once, and only while it is good.

use crate::support::fixture::{
    self, Harness, at, binding, keys_of, mobile, parts, policy, record, wrong,
};
use crate::support::vault::Vault;
use otp_engine::store::Class;
use otp_engine::{
    Binding, Engine, Error, Issued, KeyRing, Policy, Rejection, Timestamp,
    challenge::DeliveryStatus,
    event::EventKind,
    operation::{Claim, ClaimRefusal, Delivery, ReportOutcome},
    policy::Resend,
    verdict::RefusalReason,
};

fn claim(host: &Harness, binding: &Binding, issued: &Issued) -> Claim {
    let Issued { id, send, .. } = *issued;
    let claim = host.engine.claim_send(&host.store, binding, id, send);
    claim.unwrap()
}

fn refusal(host: &Harness, binding: &Binding, issued: &Issued) -> ClaimRefusal {
    claim(host, binding, issued).refused().expect("a refusal")
}

/// Why `verify` would not take the code, as the claim says it.
fn rejection(host: &Harness, binding: &Binding, issued: &Issued) -> Rejection {
    match refusal(host, binding, issued) {
        ClaimRefusal::Rejected(rejection) => rejection,
        other => panic!("{other:?}"),
    }
}

fn delivery(host: &Harness, binding: &Binding) -> DeliveryStatus {
    let status = host.engine.status(&host.store, binding).unwrap();
    status.unwrap().delivery
}

#[test]
fn case_513_a_send_is_claimed_once_with_the_code_that_was_issued() {
    let (host, binding) = (Harness::new(), binding());
    let issued = host.issue(&binding);
    assert_eq!(delivery(&host, &binding), DeliveryStatus::Unreported);
    let claimed = claim(host.at(50), &binding, &issued).claimed().unwrap();
    assert_eq!(claimed.code.as_str(), issued.code.as_str());
    assert_eq!(
        (claimed.id, claimed.send, claimed.issued_at),
        (issued.id, 1, at(0))
    );
    assert_eq!(
        (claimed.expires_at, claimed.valid_for.as_secs()),
        (at(180), 130)
    );
    assert_eq!(&claimed.recipient, binding.recipient());
    assert_eq!(refusal(&host, &binding, &issued), ClaimRefusal::Claimed);
    assert_eq!(delivery(&host, &binding), DeliveryStatus::Claimed);
    let heard = [EventKind::Issued, EventKind::Claimed { send: 1 }];
    assert_eq!(host.heard(), heard);
    assert!(claim(&host, &binding, &issued).claimed().is_none());

    // It is no send: the cooldown is that of the issue, and the code is accepted as ever.
    let early = host.at(59).refusal(&binding);
    assert_eq!(
        (early.reason, early.retry_at),
        (RefusalReason::Cooldown, Some(at(60)))
    );
    assert!(host.accepts(&binding, claimed.code.as_str()));
}

#[test]
fn case_513_a_claimed_send_takes_its_report_once_and_a_reported_one_is_not_claimed() {
    let failed = Delivery::Failed(fixture::status("5"));
    for claims in [true, false] {
        let (host, binding) = (Harness::new(), binding());
        let issued = host.issue(&binding);
        assert!(!claims || claim(&host, &binding, &issued).claimed().is_some());
        let reported = host.report(&binding, &issued, failed);
        assert_eq!(reported, ReportOutcome::Refunded);
        assert_eq!(
            host.report(&binding, &issued, failed),
            ReportOutcome::Ignored
        );
        assert_eq!(refusal(&host, &binding, &issued), ClaimRefusal::Reported);
        // The next send is claimed for itself, and the one before is over.
        let again = host.at(10).issue(&binding);
        assert_eq!(delivery(&host, &binding), DeliveryStatus::Unreported);
        assert_eq!(rejection(&host, &binding, &issued), Rejection::Superseded);
        let claimed = claim(&host, &binding, &again).claimed().unwrap();
        assert_eq!(claimed.send, 2);
        let reported = host.report(&binding, &again, Delivery::Sent);
        assert_eq!(reported, ReportOutcome::Recorded);
        assert_eq!(delivery(&host, &binding), DeliveryStatus::Sent);
        assert_eq!(refusal(&host, &binding, &again), ClaimRefusal::Reported);
    }
}

#[test]
fn case_513_claims_use_up_no_limit() {
    let host = Harness::new();
    // Ten sends are a user's limit of an hour.
    for n in 0..fixture::USER_SENDS {
        let (name, number) = (n.to_string(), format!("6012345{n:04}"));
        let to = parts().target(record(&name)).recipient(mobile(&number));
        let to = to.build().unwrap();
        let issued = host.issue(&to);
        assert!(claim(&host, &to, &issued).claimed().is_some());
        assert_eq!(refusal(&host, &to, &issued), ClaimRefusal::Claimed);
    }
    let last = parts()
        .target(record("last"))
        .recipient(mobile("60123499999"));
    let refused = host.refusal(&last.build().unwrap());
    assert_eq!(
        (refused.reason, refused.retry_at),
        (RefusalReason::SendLimit, Some(at(3_600)))
    );
}

#[test]
fn case_514_no_code_leaves_that_is_over_or_for_something_else() {
    let over = |end: fn(&Harness, &Binding, &Issued)| {
        let (host, binding) = (Harness::with_policy(policy()), binding());
        let issued = host.issue(&binding);
        end(&host, &binding, &issued);
        rejection(&host, &binding, &issued)
    };
    let expired = over(|host, _, _| {
        host.at(180);
    });
    assert_eq!(expired, Rejection::Expired);
    let used = over(|host, binding, issued| {
        assert!(host.accepts(binding, issued.code.as_str()));
    });
    assert_eq!(used, Rejection::AlreadyUsed);
    let cancelled = over(|host, binding, _| {
        let _ = host.engine.cancel(&host.store, binding).unwrap();
    });
    assert_eq!(cancelled, Rejection::Cancelled);
    let exhausted = over(|host, binding, issued| {
        for _ in 0..fixture::MAX_ATTEMPTS {
            let _ = host.guess_wrong(binding, issued);
        }
    });
    let retry_at = at(900);
    assert_eq!(exhausted, Rejection::Exhausted { retry_at });

    let (host, to) = (Harness::new(), binding());
    let issued = host.issue(&to);
    let renamed = parts().target(record("16")).build().unwrap();
    assert_eq!(rejection(&host, &renamed, &issued), Rejection::Unknown);
    let moved = parts().recipient(mobile("60123456780")).build().unwrap();
    assert_eq!(rejection(&host, &moved, &issued), Rejection::Mismatch);
    let ahead = host.engine.claim_send(&host.store, &to, issued.id, 2);
    let unknown = ClaimRefusal::Rejected(Rejection::Unknown);
    assert_eq!(ahead.unwrap().refused(), Some(unknown));
    // None of that used the send up.
    assert!(claim(&host, &to, &issued).claimed().is_some());

    let rotate = Policy::builder().resend(Resend::Rotate).build().unwrap();
    let host = Harness::with_policy(rotate);
    let old = host.issue(&to);
    let new = host.at(60).issue(&to);
    assert_eq!(rejection(&host, &to, &old), Rejection::Superseded);
    assert!(claim(&host, &to, &new).claimed().is_some());
}

#[test]
fn case_514_an_expiry_that_a_claim_saw_stays_should_the_clock_go_back() {
    let (host, binding) = (Harness::new(), binding());
    let issued = host.issue(&binding);
    assert_eq!(
        rejection(host.at(180), &binding, &issued),
        Rejection::Expired
    );
    assert_eq!(
        rejection(host.at(100), &binding, &issued),
        Rejection::Expired
    );
    assert_eq!(
        host.rejection(&binding, issued.code.as_str()),
        Rejection::Expired
    );
}

#[test]
fn case_514_a_host_with_another_key_ring_or_a_wrong_clock_claims_nothing() {
    let (host, binding) = (Harness::new(), binding());
    let issued = host.issue(&binding);
    let engine = |ring: KeyRing, now: Timestamp| {
        Engine::builder_on(
            ring,
            std::sync::Arc::new(otp_engine::ManualClock::new(now)),
            |_| Ok(()),
        )
        .build()
    };
    let ask = |engine: &Engine| engine.claim_send(&host.store, &binding, issued.id, 1);
    let other = KeyRing::builder().code("2027a", &[3; 32]).index(&[2; 32]);
    let answer = ask(&engine(other.build().unwrap(), at(1)));
    assert!(matches!(answer, Err(Error::UnknownKey)));
    let answer = ask(&engine(keys_of(0), at(-31)));
    assert!(matches!(answer, Err(Error::Clock)));
    let raised = ask(&engine(keys_of(1), at(1))).unwrap();
    let unknown = ClaimRefusal::Rejected(Rejection::Unknown);
    assert_eq!(raised.refused(), Some(unknown));
    assert!(claim(&host, &binding, &issued).claimed().is_some());
}

#[test]
fn case_515_a_user_who_is_locked_since_gets_no_code_and_the_send_stays_free() {
    let (host, queued) = (Harness::with_policy(policy()), binding());
    let issued = host.issue(&queued);
    for n in 0..3 {
        let name = format!("other {n}");
        let other = parts().target(record(&name)).build().unwrap();
        let guessed = host.issue(&other);
        for _ in 0..fixture::MAX_ATTEMPTS {
            let _ = host.guess_wrong(&other, &guessed);
        }
    }
    let locked = rejection(&host, &queued, &issued);
    assert!(matches!(locked, Rejection::Locked { .. }), "{locked:?}");
    assert_eq!(host.rejection(&queued, &wrong(&issued)), locked);
    assert_eq!(delivery(&host, &queued), DeliveryStatus::Unreported);
    let _ = host.engine.unlock(&host.store, "acme", "7").unwrap();
    assert!(claim(&host, &queued, &issued).claimed().is_some());
}

#[test]
fn case_516_of_many_workers_one_has_the_code_and_a_claim_writes_two_cells() {
    let store = Vault::of(Class::Permanent);
    let (host, to) = (Harness::new(), binding());
    let issued = host.engine.issue(&store, &to).unwrap().issued().unwrap();
    let before = store.rows();
    let barrier = std::sync::Barrier::new(16);
    let claims = std::thread::scope(|scope| {
        let work = || {
            barrier.wait();
            let claim = host.engine.claim_send(&store, &to, issued.id, 1).unwrap();
            claim.refused()
        };
        let workers: Vec<_> = (0..16).map(|_| scope.spawn(work)).collect();
        workers
            .into_iter()
            .map(|worker| worker.join().unwrap())
            .collect::<Vec<_>>()
    });
    let refused = claims.iter().flatten();
    assert!(refused.clone().all(|told| *told == ClaimRefusal::Claimed));
    assert_eq!(refused.count(), 15);
    // The slot, and the user's meter, on which it rests that the user is not locked.
    let after = store.rows();
    let written = after
        .iter()
        .filter(|(key, row)| before.get(*key) != Some(row))
        .count();
    assert_eq!((written, after.len()), (2, before.len()));
}
