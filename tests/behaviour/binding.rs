//! Replay and binding: a code is good once, and for one thing.

use std::sync::Barrier;

use crate::support::fixture::{self, Harness, at, binding, content, keys, mobile, parts, record};
use otp_engine::{
    Binding, Email, Error, KeyRing, MemoryStore, Policy, Rejection, Submission, Target, Timestamp,
    operation::EraseRequest, verdict::RefusalReason,
};

#[test]
fn case_55_the_same_right_code_twice_is_already_used() {
    let (host, binding) = (Harness::new(), binding());
    let issued = host.issue(&binding);
    assert!(host.accepts(&binding, issued.code.as_str()));
    for second in [0, 100, 200, 86_400] {
        assert_eq!(
            host.at(second).rejection(&binding, issued.code.as_str()),
            Rejection::AlreadyUsed
        );
    }
    assert_eq!(
        host.at(-20).rejection(&binding, issued.code.as_str()),
        Rejection::AlreadyUsed
    );
}

#[test]
fn case_56_fifty_threads_with_the_right_code_have_one_success() {
    let (host, binding) = (Harness::new(), binding());
    let issued = host.issue(&binding);
    let barrier = Barrier::new(50);
    let accepted: usize = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..50)
            .map(|_| {
                scope.spawn(|| {
                    barrier.wait();
                    usize::from(host.accepts(&binding, issued.code.as_str()))
                })
            })
            .collect();
        threads
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .sum()
    });
    assert_eq!(accepted, 1);
}

#[test]
fn case_57_a_right_code_presented_elsewhere_is_not_compared_and_charges_nothing() {
    let (host, home) = (Harness::new(), binding());
    let issued = host.issue(&home);
    let field = |model, field, record| Target {
        model,
        field,
        id: record,
    };
    let name = "client_schedule_esms_otp_signature_ids";
    let elsewhere: Vec<(Binding, Rejection)> = [
        (parts().tenant("acme2"), Rejection::Unknown),
        (parts().purpose("sign2"), Rejection::Unknown),
        (
            parts().target(field("loan.application2", name, "15")),
            Rejection::Unknown,
        ),
        (
            parts().target(field("loan.application", "other", "15")),
            Rejection::Unknown,
        ),
        (
            parts().target(field("loan.application", name, "16")),
            Rejection::Unknown,
        ),
        (parts().user("8"), Rejection::Unknown),
        (
            parts().recipient(mobile("60123456788")),
            Rejection::Mismatch,
        ),
        (
            parts().recipient(Email::parse("a@example.com").unwrap()),
            Rejection::Mismatch,
        ),
        (parts().content(content("x")), Rejection::Mismatch),
    ]
    .into_iter()
    .map(|(parts, rejection)| (parts.build().unwrap(), rejection))
    .collect();
    host.heard();
    for (other, rejection) in &elsewhere {
        assert_eq!(
            host.rejection(other, issued.code.as_str()),
            *rejection,
            "{other:?}"
        );
        let expected = otp_engine::event::EventKind::Rejected {
            rejection: *rejection,
            mixed_scripts: false,
        };
        assert_eq!(host.heard(), [expected]);
    }
    let status = host.engine.status(&host.store, &home).unwrap().unwrap();
    assert_eq!(status.attempts_left, 5);
    assert!(host.accepts(&home, issued.code.as_str()));
}

#[test]
fn case_58_content_changed_after_the_send_needs_a_new_code() {
    let host = Harness::new();
    let offer = parts().content(content("1,500.00")).build().unwrap();
    let changed = parts().content(content("1,500.01")).build().unwrap();
    let issued = host.issue(&offer);
    assert_eq!(
        host.rejection(&changed, issued.code.as_str()),
        Rejection::Mismatch
    );
    let refusal = host.at(59).refusal(&changed);
    assert_eq!(
        (refusal.reason, refusal.retry_at, refusal.id),
        (RefusalReason::Cooldown, Some(at(60)), None)
    );
    let next = host.at(60).issue(&changed);
    assert_eq!(
        host.rejection(&offer, issued.code.as_str()),
        Rejection::Mismatch
    );
    assert!(host.accepts(&changed, next.code.as_str()));
}

#[test]
fn case_61_an_unknown_slot_is_looked_up_and_compared_alike_and_never_accepted() {
    let host = Harness::new();
    let nothing = binding();
    // All of a small space would be needed to hit the decoy; what matters is that no text opens it.
    for entered in 0..2_000 {
        assert_eq!(
            host.rejection(&nothing, &format!("{entered:06}")),
            Rejection::Unknown
        );
    }
    assert_eq!(host.store.len(), 0);
}

#[test]
fn case_62_a_restored_backup_is_voided_by_a_raised_epoch_and_nothing_else_is() {
    let epoch = |epoch| {
        let keys = KeyRing::builder()
            .code("2026a", &[1; 32])
            .index(&[2; 32])
            .epoch(epoch);
        otp_engine::Engine::builder_on(
            keys.build().unwrap(),
            otp_engine::ManualClock::new(at(1)),
            |bytes| Ok(getrandom::fill(bytes)?),
        )
        .build()
    };
    let (host, binding) = (Harness::new(), binding());
    let issued = host.issue(&binding);
    let _ = host.guess_wrong(&binding, &issued);
    let submission = Submission::new(&binding, issued.code.as_str());
    let raised = epoch(1);
    assert_eq!(
        raised.verify(&host.store, submission).unwrap().rejection(),
        Some(Rejection::Unknown)
    );
    // Attempts and cooldown stay: the next code is a new one, one attempt down.
    let refusal = raised
        .issue(&host.store, &binding)
        .unwrap()
        .refused()
        .unwrap();
    assert_eq!(
        (refusal.reason, refusal.id),
        (RefusalReason::Cooldown, None)
    );
    // Without it the code is as good as it was.
    assert!(
        epoch(0)
            .verify(&host.store, submission)
            .unwrap()
            .is_accepted()
    );
}

#[test]
fn case_78_a_key_rotated_while_a_code_is_live_verifies_it_under_its_own_kid() {
    let (host, binding) = (Harness::new(), binding());
    let issued = host.issue(&binding);
    let ring = |retired_at| {
        KeyRing::builder()
            .code("2026a", &[1; 32])
            .code("2026b", &[3; 32])
            .index(&[2; 32])
            .current("2026b")
            .retired("2026a", retired_at)
            .build()
            .unwrap()
    };
    let engine = |keys| {
        otp_engine::Engine::builder_on(keys, otp_engine::ManualClock::new(at(60)), |bytes| {
            Ok(getrandom::fill(bytes)?)
        })
        .build()
    };
    let submission = Submission::new(&binding, issued.code.as_str());
    // Retired before the code was made: it must not have been.
    let early = engine(ring(Timestamp::from_unix(fixture::START - 1)));
    assert!(matches!(
        early.verify(&host.store, submission),
        Err(Error::UnknownKey)
    ));
    let rotated = engine(ring(at(0)));
    let again = rotated
        .issue(&host.store, &binding)
        .unwrap()
        .issued()
        .unwrap();
    assert_eq!(
        (again.id, again.code.as_str()),
        (issued.id, issued.code.as_str())
    );
    assert!(
        rotated
            .verify(&host.store, submission)
            .unwrap()
            .is_accepted()
    );
}

#[test]
fn case_79_under_an_unknown_kid_verify_fails_closed_and_issue_supersedes() {
    let (host, binding) = (Harness::new(), binding());
    let issued = host.issue(&binding);
    let keys = KeyRing::builder()
        .code("2027a", &[3; 32])
        .index(&[2; 32])
        .build()
        .unwrap();
    let other = Harness::on(keys, |builder| builder);
    let submission = Submission::new(&binding, issued.code.as_str());
    assert!(matches!(
        other.engine.verify(&host.store, submission),
        Err(Error::UnknownKey)
    ));
    other.at(60);
    let next = other
        .engine
        .issue(&host.store, &binding)
        .unwrap()
        .issued()
        .unwrap();
    assert_eq!(next.send, 1);
    // The rate limits are the same ones, whatever the code keys are: this was the number's second send.
    for n in 0..3 {
        let name = n.to_string();
        let user = parts().user(&name).build().unwrap();
        assert!(
            other
                .engine
                .issue(&host.store, &user)
                .unwrap()
                .issued()
                .is_some()
        );
    }
    let sixth = parts().user("sixth").build().unwrap();
    assert!(
        other
            .engine
            .issue(&host.store, &sixth)
            .unwrap()
            .refused()
            .is_some()
    );
    // The old ring does not know the new code's kid, and loses no attempt to that.
    host.at(60);
    let submission = Submission::new(&binding, next.code.as_str());
    assert!(matches!(
        host.engine.verify(&host.store, submission),
        Err(Error::UnknownKey)
    ));
    assert!(
        other
            .engine
            .verify(&host.store, submission)
            .unwrap()
            .is_accepted()
    );
    // What is final is told without the key.
    assert_eq!(
        host.rejection(&binding, next.code.as_str()),
        Rejection::AlreadyUsed
    );
}

#[test]
fn case_82_ids_and_tokens_are_distinct_under_the_default_randomness() {
    let engine = otp_engine::Engine::builder(keys())
        .policy(Policy::builder().token().build().unwrap())
        .build();
    let store = MemoryStore::new();
    let mut seen = std::collections::HashSet::new();
    for n in 0..64 {
        let (name, number) = (n.to_string(), format!("6012345{n:04}"));
        let target = parts()
            .user(&name)
            .target(record(&name))
            .recipient(mobile(&number))
            .build()
            .unwrap();
        let issued = engine.issue(&store, &target).unwrap().issued().unwrap();
        assert!(seen.insert(issued.id.to_string()) && seen.insert(issued.code.as_str().to_owned()));
    }
}

#[test]
fn a_name_that_no_binding_can_have_is_an_error_and_not_nobody() {
    let (engine, store) = (
        Harness::new().engine,
        MemoryStore::keeping_records_until_exit(),
    );
    let named = |result: Result<(), Error>| match result {
        Err(Error::Binding(error)) => error.to_string(),
        other => panic!("{other:?}"),
    };
    let target = |id| Target {
        model: "loan",
        field: "signature",
        id,
    };
    let long = "7".repeat(129);
    let recipient = mobile("60123456789").into();
    for (result, text) in [
        (
            engine.unlock(&store, "", "7").map(drop),
            "tenant is empty; it must be 1 to 128 bytes",
        ),
        (
            engine.reset_user(&store, "acme", &long, "why").map(drop),
            "user is 129 bytes; it must be 1 to 128 bytes",
        ),
        (
            engine
                .reset_recipient(&store, "\u{2007}", &recipient, "why")
                .map(drop),
            "tenant has no visible character",
        ),
        (
            engine
                .signatures(&store, "acme", &target("a\nb"), 1)
                .map(drop),
            "target.id holds a control character",
        ),
        (
            engine.chain_head(&store, "acme", &target("")).map(drop),
            "target.id is empty; it must be 1 to 128 bytes",
        ),
        (
            engine
                .erase(
                    &store,
                    &EraseRequest {
                        tenant: "acme",
                        target: target("\u{202E}1"),
                        sequence: 1,
                        details: &[],
                    },
                )
                .map(drop),
            "target.id holds U+202E, which is invisible or changes the writing direction",
        ),
    ] {
        assert_eq!(named(result), text);
    }
}
