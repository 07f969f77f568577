//! The numbered cases of records, one field at a time.

use std::sync::{Arc, Barrier};

use otp_engine::store::{Class, Kind};
use otp_engine::{
    ContentDigest, Email, Engine, Error, Evidence, ManualClock, MemoryStore, Rejection,
    SignatureRecord, SigningKey, Submission, Timestamp,
    operation::{EraseOutcome, EraseRequest},
    record::{
        ChainHead, Expected, KeyError, RecordCheck, RecordDetail, RecordFault, VerifyingKeys,
        verify_chain, verify_record,
    },
};

use super::shelf::Shelf;
use super::{
    ALL_DETAILS, Signing, accepted, evidence_of, expected, field, key, keys, later, verify,
};
use crate::support::fixture::{self, Harness, at, binding, parts, record};

#[test]
fn case_89_signed_again_leaves_a_new_record_and_keeps_the_old_one() {
    let signing = Signing::new();
    let first = signing.sign(&binding(), evidence_of("Siti"));
    let second = signing.sign(&binding(), evidence_of("Siti"));
    assert_eq!((first.sequence(), second.sequence()), (1, 2));
    assert_eq!(second.previous_digest(), Some(first.digest()));
    assert_ne!(first.id(), second.id());
    let engine = &signing.host.engine;
    let latest = engine.latest_signature(&signing.store, "acme", &field());
    assert_eq!(latest.unwrap().as_ref(), Some(&second));
    let all = signing.signatures(10).unwrap();
    assert_eq!(all, [second, first]);
    assert!(signing.judge(&all).all_good());
}

#[test]
fn case_89_a_long_field_is_returned_newest_first_up_to_the_limit() {
    let signing = Signing::new();
    let mut signed = signing.sign_often(20); // more than one load names
    signed.reverse();
    for limit in [0, 1, 7, 8, 9, 16, 17, 19, 20, 21, usize::MAX] {
        let some = signing.signatures(limit).unwrap();
        assert_eq!(some, signed[..limit.min(20)], "limit {limit}");
    }
    assert!(signing.judge(&signed).all_good());
    let newest = signing.signatures(5).unwrap();
    let head = signing.chain_head();
    let expected = expected().chain_head(head);
    assert!(verify_chain(&newest, &keys(), &expected.first_sequence(16)).all_good());
    assert!(!verify_chain(&newest, &keys(), &expected).none_bad());
}

#[test]
fn case_90_nothing_signed_is_an_explicit_none() {
    let signing = Signing::new();
    let engine = &signing.host.engine;
    let latest = |tenant: &str, name: &str| {
        let latest = engine.latest_signature(&signing.store, tenant, &record(name));
        latest.unwrap().map(|record| record.sequence())
    };
    assert_eq!(latest("acme", "15"), None);
    let issued = signing.issue(&binding());
    let wrong = fixture::wrong(&issued);
    assert!(
        !signing
            .answer(&binding(), &wrong, Evidence::new())
            .is_accepted()
    );
    assert_eq!(
        latest("acme", "15"),
        None,
        "issued and guessed at, not signed"
    );
    assert_eq!(signing.chain_head(), ChainHead::default());
    accepted(signing.answer(&binding(), issued.code.as_str(), Evidence::new()));
    assert_eq!(latest("acme", "15"), Some(1));
    assert_eq!(latest("acme", "16"), None);
    assert_eq!(latest("globex", "15"), None);
}

#[test]
fn case_88_a_signer_renamed_later_keeps_the_name_in_the_record() {
    let signing = Signing::new();
    signing.sign(&binding(), evidence_of("Siti Aminah"));
    signing.sign(&binding(), evidence_of("Siti Aminah binti Osman"));
    let names: Vec<_> = signing
        .signatures(2)
        .unwrap()
        .iter()
        .map(|record| verify(record).user_name().unwrap().to_string())
        .collect();
    assert_eq!(names, ["Siti Aminah binti Osman", "Siti Aminah"]);
}

#[test]
fn case_92_two_signers_race_on_one_field_and_stand_in_one_order() {
    let signing = Signing::new();
    let signers = ["7", "8"].map(|user| parts().user(user).build().unwrap());
    for round in 0..20 {
        signing.host.at(round * 60);
        let issued = signers.each_ref().map(|signer| signing.issue(signer));
        let barrier = Barrier::new(2);
        std::thread::scope(|scope| {
            for (signer, issued) in signers.iter().zip(&issued) {
                let (signing, barrier) = (&signing, &barrier);
                scope.spawn(move || {
                    barrier.wait();
                    accepted(signing.answer(signer, issued.code.as_str(), Evidence::new()));
                });
            }
        });
    }
    let all = signing.signatures(100).unwrap();
    assert_eq!(all.len(), 40);
    assert!(signing.judge(&all).all_good());
    for pair in all.chunks(2) {
        let mut users = [&pair[0], &pair[1]].map(|record| verify(record).user().to_string());
        users.sort();
        assert_eq!(users, ["7", "8"]);
    }
}

#[test]
fn case_92_a_race_that_is_lost_is_decided_again_on_the_new_page() {
    let signing = Signing::new();
    let signers = ["7", "8"].map(|user| parts().user(user).build().unwrap());
    let issued = signers.each_ref().map(|signer| signing.issue(signer));
    // Both have loaded the chain head before either commits: one of the commits must be lost.
    let meeting = Meeting {
        inner: &signing.store,
        both: Barrier::new(2),
        left: core::sync::atomic::AtomicUsize::new(2),
    };
    std::thread::scope(|scope| {
        for (signer, issued) in signers.iter().zip(&issued) {
            let (engine, meeting) = (&signing.host.engine, &meeting);
            scope.spawn(move || {
                let submission = Submission::new(signer, issued.code.as_str());
                accepted(engine.verify(meeting, submission).unwrap());
            });
        }
    });
    let all = signing.signatures(10).unwrap();
    assert_eq!(all.len(), 2);
    assert!(signing.judge(&all).all_good());
}

/// Lets two loads meet, then stands aside.
struct Meeting<'a> {
    inner: &'a Shelf,
    both: Barrier,
    left: core::sync::atomic::AtomicUsize,
}

impl otp_engine::Store for Meeting<'_> {
    fn load(
        &self,
        keys: &[otp_engine::store::Key],
        cells: &mut Vec<Option<otp_engine::store::Cell>>,
    ) -> Result<(), otp_engine::store::Error> {
        use core::sync::atomic::Ordering::SeqCst;
        self.inner.load(keys, cells)?;
        let first = self
            .left
            .fetch_update(SeqCst, SeqCst, |left| left.checked_sub(1));
        if first.is_ok() {
            self.both.wait();
        }
        Ok(())
    }

    fn commit(
        &self,
        writes: &[otp_engine::store::Write<'_>],
        now: Timestamp,
    ) -> Result<otp_engine::store::Commit, otp_engine::store::Error> {
        self.inner.commit(writes, now)
    }

    fn purge(&self, now: Timestamp, limit: usize) -> Result<usize, otp_engine::store::Error> {
        self.inner.purge(now, limit)
    }

    fn class(&self) -> Class {
        self.inner.class()
    }
}

#[test]
fn a_record_has_an_instant_after_1970_and_below_2_to_the_53rd() {
    let issue = |now| {
        let engine = Engine::builder(fixture::keys())
            .clock(ManualClock::new(Timestamp::from_unix(now)))
            .signing_key(key())
            .build();
        let store = MemoryStore::keeping_records_until_exit();
        engine.issue(&store, &binding()).map(drop)
    };
    for now in [-1, i64::MIN, 1 << 53, i64::MAX] {
        assert!(matches!(issue(now), Err(Error::Clock)), "{now}");
    }
    for now in [0, 1_715_767_200, (1 << 53) - 1] {
        assert!(issue(now).is_ok(), "{now}");
    }
}

#[test]
fn an_engine_that_signs_refuses_stores_that_forget_at_issue_and_at_verify() {
    let signing = Signing::new();
    let code = signing.issue(&binding()).code.as_str().to_string();
    let process = MemoryStore::new();
    let expiring = Shelf::of(Class::Expiring);
    let engine = &signing.host.engine;
    for store in [&process as &dyn otp_engine::Store, &expiring] {
        let issued = engine.issue(store, &binding()).map(drop);
        assert!(matches!(issued, Err(Error::NotPermanent)));
        let verdict = engine.verify(store, Submission::new(&binding(), &code));
        assert!(matches!(verdict, Err(Error::NotPermanent)));
    }
    assert_eq!(expiring.asked(), (0, 0), "nothing was loaded");
    assert!(process.is_empty());
    // One that is built to keep records until the process ends counts as permanent.
    let keeping = MemoryStore::keeping_records_until_exit();
    assert!(engine.issue(&keeping, &binding()).is_ok());
}

#[test]
fn an_engine_without_a_signing_key_leaves_no_record_and_reads_those_of_others() {
    let signing = Signing::new();
    signing.sign(&binding(), evidence_of("Siti"));
    let plain = Harness::new();
    plain.at(60);
    let issued = plain.engine.issue(&signing.store, &binding()).unwrap();
    let code = issued.issued().unwrap().code;
    let verdict = plain
        .engine
        .verify(&signing.store, Submission::new(&binding(), code.as_str()))
        .unwrap();
    assert!(verdict.is_accepted());
    let all = plain
        .engine
        .signatures(&signing.store, "acme", &field(), 10)
        .unwrap();
    assert_eq!(all.len(), 1);
    assert!(signing.judge(&all).all_good());
}

/// A signing whose key signs from second 100 until just before second 200.
fn desk_with_a_window() -> Signing {
    let key = key().not_before(at(100)).retired_at(at(200));
    Signing::with(|builder| builder.signing_key(key))
}

#[test]
fn a_key_that_is_not_in_use_refuses_the_issue() {
    let signing = desk_with_a_window();
    let issue = |second, user: &str| {
        signing.host.at(second);
        let binding = parts().user(user).build().unwrap();
        signing
            .host
            .engine
            .issue(&signing.store, &binding)
            .map(drop)
    };
    let (not_before, retired_at) = (at(100), at(200));
    let now = at(99);
    assert!(matches!(
        issue(99, "1"),
        Err(Error::SigningKey(error)) if error == KeyError::NotYet { not_before, now }
    ));
    assert!(issue(100, "1").is_ok());
    assert!(issue(199, "2").is_ok());
    let now = at(200);
    assert!(matches!(
        issue(200, "3"),
        Err(Error::SigningKey(error)) if error == KeyError::Retired { retired_at, now }
    ));
}

#[test]
fn a_key_that_retires_before_the_answer_costs_no_attempt_and_another_key_takes_over() {
    let signing = desk_with_a_window();
    signing.host.at(150);
    let issued = signing.issue(&binding());
    let (right, wrong) = (issued.code.as_str(), fixture::wrong(&issued));
    let before = signing.store.asked();
    signing.host.at(200);
    for entered in [right, &wrong] {
        let verdict = signing
            .host
            .engine
            .verify(&signing.store, Submission::new(&binding(), entered));
        assert!(matches!(
            verdict,
            Err(Error::SigningKey(KeyError::Retired { .. }))
        ));
    }
    assert_eq!(
        signing.store.asked(),
        before,
        "the same for right and wrong: nothing was loaded"
    );
    let next = SigningKey::from_seed(&[22; 32])
        .unwrap()
        .not_before(at(200));
    let mut keys: VerifyingKeys = [next.verifying_key()].into_iter().collect();
    let host = Harness::with(|builder| builder.signing_key(next));
    host.at(200);
    let verdict = host
        .engine
        .verify(&signing.store, Submission::new(&binding(), right))
        .unwrap();
    let record = accepted(verdict);
    assert!(verify_record(record.jws(), record.disclosures(), &keys, None).is_ok());
    // A record from before the retirement goes on verifying, beside the new one.
    let signing = desk_with_a_window();
    signing.host.at(199);
    let issued = signing.issue(&binding());
    let old = accepted(signing.answer(&binding(), issued.code.as_str(), Evidence::new()));
    keys.insert(
        key()
            .not_before(at(100))
            .retired_at(at(200))
            .verifying_key(),
    );
    assert!(verify_record(old.jws(), old.disclosures(), &keys, None).is_ok());
    keys.insert(key().retired_at(at(198)).verifying_key());
    let late = verify_record(old.jws(), old.disclosures(), &keys, None).unwrap_err();
    assert!(matches!(late.reason(), RecordFault::KeyNotValid { .. }));
}

#[test]
fn a_record_says_what_the_engine_knew() {
    let signing = Signing::new();
    let offer = b"%PDF-1.7 the loan offer";
    let binding = parts().content(ContentDigest::of(offer)).build().unwrap();
    let issued = signing.issue(&binding);
    let wrong = fixture::wrong(&issued);
    signing.host.at(10);
    assert!(
        !signing
            .answer(&binding, &wrong, Evidence::new())
            .is_accepted()
    );
    signing.host.at(60);
    assert_eq!(signing.issue(&binding).send, 2);
    signing.host.at(75);
    let evidence = evidence_of("Siti")
        .document(offer)
        .revision("3")
        .agent("Browser/1");
    let record = accepted(signing.answer(&binding, issued.code.as_str(), evidence));
    let said = verify(&record);
    assert_eq!(
        (said.tenant(), said.purpose(), said.user()),
        ("acme", "sign", "7")
    );
    assert_eq!(said.verified_at(), later(75));
    assert_eq!(said.revision(), Some("3"));
    assert_eq!(said.number(), Some("60123456789"));
    assert_eq!(said.detail(RecordDetail::Ip), Some("203.0.113.7"));
    assert_eq!(said.detail(RecordDetail::Agent), Some("Browser/1"));
    assert_eq!(said.consent(), Some("I accept the loan offer."));
    assert_eq!(said.content(), Some(*ContentDigest::of(offer).as_bytes()));
    assert_eq!(said.document().unwrap().size, Some(offer.len() as u64));
    assert_eq!(said.image().unwrap().size, super::PNG.len() as u64);
    assert_eq!(said.image().unwrap().media_type, "image/png");
    let otp = said.otp();
    assert_eq!(otp.id, issued.id.to_string());
    assert_eq!((otp.attempts, otp.sends, otp.digits), (2, Some(2), 6));
    assert_eq!((otp.sent_at, otp.answered_at), (Some(later(60)), later(75)));
    let code = issued.code.as_str();
    assert!(!said.payload().contains(code), "the code is nowhere");
}

#[test]
fn a_code_sent_by_e_mail_leaves_the_address_as_a_disclosure() {
    let signing = Signing::new();
    let email = Email::parse("siti@example.com").unwrap();
    let binding = parts().recipient(email).build().unwrap();
    let record = signing.sign(&binding, Evidence::new());
    let said = verify(&record);
    assert_eq!(
        (said.email(), said.number()),
        (Some("siti@example.com"), None)
    );
    assert_eq!(said.otp().channel, otp_engine::record::Channel::Email);
    assert!(!said.payload().contains("siti@"));
}

#[test]
fn guessable_content_is_committed_to_and_can_be_erased() {
    let signing = Signing::new();
    let content = ContentDigest::of_fields(&["RM 250.00", "62001234567"]);
    let binding = parts().content(content).build().unwrap();
    let record = signing.sign(&binding, Evidence::new());
    let said = verify(&record);
    assert_eq!(said.document().unwrap().digest, None, "not in the payload");
    assert_eq!(said.content(), Some(*content.as_bytes()));
    let expected = Expected::new().content(*content.as_bytes());
    let judge = |record: &SignatureRecord| {
        verify_record(record.jws(), record.disclosures(), &keys(), Some(&expected))
            .map(drop)
            .map_err(|error| error.reason())
    };
    assert_eq!(judge(&record), Ok(()));
    let engine = &signing.host.engine;
    let erased = engine.erase(
        &signing.store,
        &EraseRequest {
            tenant: "acme",
            target: field(),
            sequence: 1,
            details: &[RecordDetail::ContentDigest],
        },
    );
    let EraseOutcome::Record(erased) = erased.unwrap() else {
        panic!("there is a record");
    };
    let withheld = RecordFault::Withheld(RecordDetail::ContentDigest);
    assert_eq!(judge(&erased), Err(withheld));
    assert_eq!(verify(&erased).content(), None);
    // The same digest, if the host does not call it guessable, stands in the payload.
    let binding = parts()
        .content(ContentDigest::from_bytes(*content.as_bytes()))
        .build()
        .unwrap();
    let said = verify(&signing.sign(&binding, Evidence::new()));
    let digest = said.document().unwrap().digest;
    assert_eq!(digest, Some(*content.as_bytes()));
}

#[test]
fn case_176_content_that_was_issued_as_guessable_stays_so_whatever_is_said_later() {
    let signing = Signing::new();
    let content = ContentDigest::of_fields(&["RM 250.00", "62001234567"]);
    let marked = parts().content(content).build().unwrap();
    let plain = parts()
        .content(ContentDigest::from_bytes(*content.as_bytes()))
        .build()
        .unwrap();
    let issued = signing.issue(&marked);
    signing.host.at(60);
    assert_eq!(signing.issue(&plain).send, 2);
    let record = accepted(signing.answer(&plain, issued.code.as_str(), Evidence::new()));
    let said = verify(&record);
    assert_eq!(said.document().unwrap().digest, None, "not in the payload");
    assert_eq!(said.content(), Some(*content.as_bytes()));
}

/// It is no error, and leaves no note that would say otherwise.
#[test]
fn case_655_a_detail_that_a_record_does_not_have_erases_nothing() {
    let signing = Signing::new();
    let [before] = &signing.sign_often(1)[..] else {
        panic!("one record");
    };
    let commits = signing.store.asked().1;
    let request = EraseRequest {
        tenant: "acme",
        target: field(),
        sequence: 1,
        details: &[RecordDetail::Agent, RecordDetail::Email],
    };
    let erased = signing.host.engine.erase(&signing.store, &request);
    assert_eq!(erased.unwrap(), EraseOutcome::Record(before.clone()));
    assert_eq!(signing.store.asked().1, commits, "nothing is written");
    assert!(before.erasures().is_empty());
}

#[test]
fn erased_details_leave_the_field_whole_and_a_note_of_the_erasure() {
    let signing = Signing::new();
    let before = signing.sign_often(3);
    let head = signing.chain_head();
    signing.host.at(1_000);
    let engine = &signing.host.engine;
    let erase = |n, details: &[RecordDetail]| {
        let erased = engine.erase(
            &signing.store,
            &EraseRequest {
                tenant: "acme",
                target: field(),
                sequence: n,
                details,
            },
        );
        match erased.unwrap() {
            EraseOutcome::Record(record) => Some(record),
            EraseOutcome::NoRecord => None,
        }
    };
    let some = erase(
        2,
        &[RecordDetail::Number, RecordDetail::Ip, RecordDetail::Email],
    )
    .unwrap();
    assert_eq!(some.jws(), before[1].jws());
    let noted: Vec<_> = some
        .erasures()
        .iter()
        .map(|note| note.details().to_vec())
        .collect();
    assert_eq!(
        noted,
        [[RecordDetail::Number, RecordDetail::Ip]],
        "what was there to erase"
    );
    assert_eq!(some.erasures()[0].at(), later(1_000));
    let said = verify(&some);
    assert_eq!((said.number(), said.detail(RecordDetail::Ip)), (None, None));
    assert_eq!((said.user_name(), said.withheld()), (Some("Signer 2"), 2));

    let rest = erase(2, &ALL_DETAILS).unwrap();
    assert!(rest.disclosures().is_empty());
    assert_eq!(rest.erasures().len(), 2);
    let commits = signing.store.asked().1;
    assert_eq!(
        erase(2, &ALL_DETAILS),
        Some(rest.clone()),
        "nothing is left to erase"
    );
    assert_eq!(signing.store.asked().1, commits, "and nothing is written");
    assert_eq!(erase(0, &ALL_DETAILS), None);
    assert_eq!(erase(4, &ALL_DETAILS), None);

    assert_eq!(signing.chain_head(), head);
    let all = signing.signatures(10).unwrap();
    assert_eq!(all, [before[2].clone(), rest, before[0].clone()]);
    assert!(signing.judge(&all).all_good());
    let cells = signing.store.keys_of(Kind::Record);
    for detail in ["60123456789", "203.0.113.7", "Signer 2"] {
        let body = signing.store.body(cells[1]);
        let text = String::from_utf8_lossy(&body).into_owned();
        assert!(disclosed(&text).iter().all(|said| !said.contains(detail)));
    }
    assert!(signing.store.body(cells[0]).len() > signing.store.body(cells[1]).len());
    // Signing goes on where details were erased.
    signing
        .seconds
        .store(2_000, core::sync::atomic::Ordering::SeqCst);
    signing.sign(&binding(), evidence_of("Siti"));
    assert!(signing.judge(&signing.signatures(10).unwrap()).all_good());
}

/// What the disclosures in a stored text say, decoded.
fn disclosed(stored: &str) -> Vec<String> {
    use base64ct::Encoding;
    stored
        .split('~')
        .filter_map(|part| base64ct::Base64UrlUnpadded::decode_vec(part).ok())
        .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
        .collect()
}

#[test]
fn two_erasures_at_once_both_hold() {
    let signing = Signing::new();
    signing.sign(&binding(), evidence_of("Siti"));
    let barrier = Barrier::new(2);
    std::thread::scope(|scope| {
        for detail in [RecordDetail::Number, RecordDetail::UserName] {
            let (signing, barrier) = (&signing, &barrier);
            scope.spawn(move || {
                barrier.wait();
                let engine = &signing.host.engine;
                engine
                    .erase(
                        &signing.store,
                        &EraseRequest {
                            tenant: "acme",
                            target: field(),
                            sequence: 1,
                            details: &[detail],
                        },
                    )
                    .unwrap();
            });
        }
    });
    let record = signing.signatures(1).unwrap().remove(0);
    let said = verify(&record);
    assert_eq!((said.number(), said.user_name()), (None, None));
    assert_eq!(said.signer_name(), Some("Siti"));
    assert_eq!(record.erasures().len(), 2);
}

#[test]
fn the_page_shows_that_the_newest_records_are_missing() {
    let signing = Signing::new();
    signing.sign_often(3);
    let mut all = signing.signatures(10).unwrap();
    assert_eq!(
        signing.chain_head(),
        ChainHead::new(3, Some(all[0].digest()))
    );
    all.remove(0);
    let without = verify_chain(&all, &keys(), &expected());
    assert!(without.none_bad(), "nobody notices without the page");
    assert_eq!(without.head, RecordCheck::NotChecked);
    let RecordCheck::Bad(error) = signing.judge(&all).head else {
        panic!("the page counts three");
    };
    assert_eq!(
        (error.sequence(), error.reason()),
        (Some(2), RecordFault::Count { chain_head: 3 })
    );
}

#[test]
fn a_repeated_answer_makes_no_second_record() {
    let signing = Signing::new();
    let issued = signing.issue(&binding());
    let code = issued.code.as_str();
    accepted(signing.answer(&binding(), code, Evidence::new()));
    let again = signing.answer(&binding(), code, Evidence::new());
    assert_eq!(again.rejection(), Some(Rejection::AlreadyUsed));
    assert_eq!(signing.chain_head().count(), 1);
}

#[test]
fn siblings_sign_with_the_same_key_and_share_the_field() {
    let signing = Signing::new();
    signing.sign(&binding(), Evidence::new());
    let eight = otp_engine::Policy::builder().digits(8).build().unwrap();
    let sibling: Engine = signing.host.engine.with_policy(eight);
    let other = parts().user("8").build().unwrap();
    let issued = sibling
        .issue(&signing.store, &other)
        .unwrap()
        .issued()
        .unwrap();
    let submission = Submission::new(&other, issued.code.as_str());
    let record = accepted(sibling.verify(&signing.store, submission).unwrap());
    assert_eq!((record.sequence(), verify(&record).otp().digits), (2, 8));
    assert!(signing.judge(&signing.signatures(10).unwrap()).all_good());
}

#[test]
fn a_failing_clock_or_randomness_accepts_nothing_and_uses_nothing_up() {
    struct Stopped;
    impl otp_engine::Clock for Stopped {
        fn now(&self) -> Option<Timestamp> {
            None
        }
    }
    let signing = Signing::new();
    let issued = signing.issue(&binding());
    let stopped = Harness::with(|builder| builder.signing_key(key()).clock(Stopped));
    let binding = binding();
    let submission = Submission::new(&binding, issued.code.as_str()).challenge(issued.id);
    let verdict = stopped.engine.verify(&signing.store, submission);
    assert!(matches!(verdict, Err(Error::Clock)));
    let clock = Arc::clone(&signing.host.clock);
    let dry = Engine::builder_on(fixture::keys(), clock, |_| Err("no entropy".into()))
        .signing_key(key())
        .build();
    let verdict = dry.verify(&signing.store, submission);
    assert!(matches!(verdict, Err(Error::Randomness(_))));
    accepted(signing.answer(&binding, issued.code.as_str(), Evidence::new()));
}

/// The right answer of a moment in which the key retires between two looks at the clock, whichever, is the
/// same error as a wrong one, and costs as little.
#[test]
fn a_key_that_retires_while_an_answer_is_judged_tells_nothing_of_the_code() {
    use core::sync::atomic::{AtomicI64, Ordering::SeqCst};

    let mut refused = [0, 0];
    for (which, first) in [0, 1]
        .into_iter()
        .flat_map(|which| (190..202).map(move |at| (which, at)))
    {
        let signing = desk_with_a_window();
        signing.host.at(150);
        let issued = signing.issue(&binding());
        let wrong = fixture::wrong(&issued);
        let entered = [issued.code.as_str(), &wrong][which];
        let looks = Arc::new(AtomicI64::new(first));
        let told = Arc::clone(&looks);
        let key = key().not_before(at(100)).retired_at(at(200));
        let passing = Passing(move || at(told.fetch_add(1, SeqCst)));
        let host = Harness::with(|builder| builder.signing_key(key).clock(passing));
        let verdict = host
            .engine
            .verify(&signing.store, Submission::new(&binding(), entered));
        let last = looks.load(SeqCst) - 1;
        assert_eq!(
            verdict.is_err(),
            last >= 200,
            "from {first} to {last}: {verdict:?}"
        );
        if let Err(error) = verdict {
            assert!(
                matches!(error, Error::SigningKey(KeyError::Retired { .. })),
                "{error:?}"
            );
            refused[which] += 1;
        }
    }
    assert!(refused[0] == refused[1] && refused[0] > 2, "{refused:?}");
}

/// A clock that goes on by itself.
struct Passing<F>(F);

impl<F: Fn() -> Timestamp + Send + Sync> otp_engine::Clock for Passing<F> {
    fn now(&self) -> Option<Timestamp> {
        Some((self.0)())
    }
}
