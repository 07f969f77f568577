//! OATH under an engine: a code is good once, wrong guesses are counted, and a device that is off is
//! followed, on any store.

use std::sync::Arc;
use std::thread;

use otp_engine::oath::{
    Acceptance, CodePair, Device, Inputs, Ocra, OcraOptions, Pin, Reach, Secret, Suite,
};
use otp_engine::store::{Class, Kind};
use otp_engine::{
    Binding, ContentDigest, Engine, Error, Evidence, ManualClock, MemoryStore, Mobile, Policy,
    RateLimits, Rejection, Store, Submission, Target, Timestamp, Verdict, event::EventKind, oath,
    operation::UnlockOutcome, policy::ContentRule, store,
};

use super::{here, hotp, ocra, permanent, totp};
use crate::support::broken::{Flaw, Naive};
use crate::support::fixture::{Harness, USER_FAILURES, at, beside, binding_of, keys};
use crate::support::rendezvous::Rendezvous;
use crate::support::vault::Vault;

/// The step of the fixture's first second, and a code of it.
const STEP: u64 = 1_715_767_200 / 30;

fn code_of(step: u64) -> String {
    let second = i64::try_from(step * 30).unwrap();
    let code = totp().at(Timestamp::from_unix(second)).unwrap();
    code.as_str().into()
}

fn accepted(verdict: &Verdict<Acceptance>) -> Acceptance {
    match verdict {
        Verdict::Accepted(acceptance) => acceptance.clone(),
        Verdict::Rejected(rejection) => panic!("{rejection:?}"),
    }
}

#[test]
fn a_counter_moves_on_and_never_back() {
    let (harness, store) = (Harness::with_ten_digits(), permanent());
    let code = |counter| -> String { hotp().at(counter).as_str().into() };
    for (counter, matched) in [
        (0, Ok(0)),
        (0, Err(Rejection::AlreadyUsed)),
        (1, Ok(1)),
        (6, Ok(6)),
        (6, Err(Rejection::AlreadyUsed)),
        // Skipped, and further back than the last: like any wrong code.
        (5, Err(Rejection::Wrong { attempts_left: 14 })),
        (13, Err(Rejection::Wrong { attempts_left: 13 })),
        (12, Ok(12)),
    ] {
        let verdict = harness.hotp(&store, &code(counter));
        match matched {
            Ok(matched) => assert_eq!(accepted(&verdict).matched, Some(matched)),
            Err(rejection) => assert_eq!(verdict.rejection(), Some(rejection), "{counter}"),
        }
    }
    // A code of the last step is good once in the whole tenant: for another record and user too.
    let other = binding_of(0, 3, 4);
    let verify = |binding: &Binding, counter| {
        harness
            .engine
            .verify_devices(
                &store,
                binding,
                &[Device::hotp(&hotp(), 5)],
                &code(counter),
                Evidence::new(),
            )
            .unwrap()
    };
    assert_eq!(verify(&other, 12).rejection(), Some(Rejection::AlreadyUsed));
    assert!(verify(&other, 13).is_accepted());
    assert!(
        verify(&binding_of(1, 0, 0), 0).is_accepted(),
        "another tenant"
    );
}

#[test]
fn a_device_begins_where_its_host_says() {
    let (harness, store) = (Harness::with_ten_digits(), permanent());
    let hotp = hotp().starting_at(1000);
    let verify = |counter| {
        let code = hotp.at(counter);
        harness
            .engine
            .verify_devices(
                &store,
                &here(),
                &[Device::hotp(&hotp, 5)],
                code.as_str(),
                Evidence::new(),
            )
            .unwrap()
    };
    assert!(!verify(0).is_accepted());
    assert!(!verify(999).is_accepted());
    assert!(verify(1000).is_accepted());
}

#[test]
fn the_last_counter_is_good_once_and_nothing_comes_after_it() {
    let (harness, store) = (Harness::with_ten_digits(), permanent());
    let hotp = hotp().starting_at(u64::MAX - 1);
    let verify = |counter| {
        let code = hotp.at(counter);
        let verdict = harness.engine.verify_devices(
            &store,
            &here(),
            &[Device::hotp(&hotp, u8::MAX)],
            code.as_str(),
            Evidence::new(),
        );
        verdict.unwrap()
    };
    assert_eq!(accepted(&verify(u64::MAX)).matched, Some(u64::MAX));
    assert_eq!(verify(u64::MAX).rejection(), Some(Rejection::AlreadyUsed));
    for counter in [0, 1, u64::MAX - 1] {
        assert!(matches!(
            verify(counter).rejection(),
            Some(Rejection::Wrong { .. })
        ));
    }
    let pair = [hotp.at(0), hotp.at(1)];
    let [first, second] = pair.each_ref().map(|code| code.as_str());
    let verdict = harness.engine.resynchronise(
        &store,
        &here(),
        Device::hotp(&hotp, 0),
        CodePair {
            codes: [first, second],
            reach: u16::MAX,
        },
        Evidence::new(),
    );
    assert!(!verdict.unwrap().is_accepted());
}

#[test]
fn a_step_is_good_once_and_no_earlier_one_after_it() {
    let (harness, store) = (Harness::with_ten_digits(), MemoryStore::new());
    let verify = |step| harness.totp(&store, &code_of(step));
    assert_eq!(accepted(&verify(STEP)).matched, Some(STEP));
    assert_eq!(verify(STEP).rejection(), Some(Rejection::AlreadyUsed));
    assert_eq!(
        verify(STEP - 1).rejection(),
        Some(Rejection::AlreadyUsed),
        "earlier than the last"
    );
    assert_eq!(accepted(&verify(STEP + 1)).drift, 1);
    // The clock is set back by an hour: nothing is good again.
    harness.clock.set(at(-3600));
    for step in [STEP - 121, STEP - 120, STEP - 119] {
        assert_eq!(verify(step).rejection(), Some(Rejection::AlreadyUsed));
    }
    harness.clock.set(at(60));
    assert!(verify(STEP + 2).is_accepted());
}

#[test]
fn case_31_no_instant_makes_a_step_that_panics() {
    for second in [i64::MIN, i64::MIN + 1, -1, 0, 1, 29, i64::MAX - 1, i64::MAX] {
        let (harness, store) = (Harness::with_ten_digits(), MemoryStore::new());
        let now = Timestamp::from_unix(second);
        harness.clock.set(now);
        let verify = |entered: &str, window| {
            harness
                .engine
                .verify_devices(
                    &store,
                    &here(),
                    &[Device::totp(&totp(), window)],
                    entered,
                    Evidence::new(),
                )
                .unwrap()
        };
        assert!(!verify("000000", u8::MAX).is_accepted());
        if let Some(code) = totp().at(now) {
            assert!(verify(code.as_str(), u8::MAX).is_accepted(), "{second}");
            assert_eq!(
                verify(code.as_str(), 0).rejection(),
                Some(Rejection::AlreadyUsed)
            );
        }
        let pair = ["000000", "000000"];
        let _ = harness.engine.resynchronise(
            &store,
            &here(),
            Device::totp(&totp(), 0),
            CodePair {
                codes: pair,
                reach: u16::MAX,
            },
            Evidence::new(),
        );
    }
}

#[test]
fn a_clock_that_drifts_is_followed_and_only_so_far() {
    let (harness, store) = (Harness::with_ten_digits(), MemoryStore::new());
    // The device gains a step in four days and is used each day; a window of one follows it to ten.
    for day in 0..=48_u64 {
        harness.clock.set(at(i64::try_from(day * 86_400).unwrap()));
        let ahead = day / 4;
        let verdict = harness.totp(&store, &code_of(STEP + day * 2880 + ahead));
        if ahead <= 11 {
            let seen = i32::try_from(ahead).unwrap();
            assert_eq!(accepted(&verdict).drift, seen, "{day}");
        } else {
            assert!(!verdict.is_accepted(), "{day}");
        }
    }
    // Two codes in a row tell of more, and it is remembered.
    let now = STEP + 48 * 2880;
    let pair = |step: u64| [code_of(step), code_of(step + 1)];
    let resynchronise = |pair: [String; 2]| {
        let [first, second] = &pair;
        harness
            .engine
            .resynchronise(
                &store,
                &here(),
                Device::totp(&totp(), 0),
                CodePair {
                    codes: [first, second],
                    reach: 100,
                },
                Evidence::new(),
            )
            .unwrap()
    };
    assert!(!resynchronise(pair(now + 101)).is_accepted());
    let verdict = resynchronise(pair(now + 40));
    assert_eq!(
        (accepted(&verdict).matched, accepted(&verdict).drift),
        (Some(now + 41), 41)
    );
    assert_eq!(
        resynchronise(pair(now + 40)).rejection(),
        Some(Rejection::AlreadyUsed)
    );
    harness.clock.set(at(49 * 86_400));
    let verdict = harness.totp(&store, &code_of(STEP + 49 * 2880 + 40));
    assert_eq!(accepted(&verdict).drift, 40);
}

#[test]
fn a_counter_that_ran_ahead_is_found_by_two_codes_in_a_row() {
    let (harness, store) = (Harness::with_ten_digits(), permanent());
    let code = |counter| -> String { hotp().at(counter).as_str().into() };
    let resynchronise = |first, second, far| {
        let pair = [&*code(first), &*code(second)];
        harness
            .engine
            .resynchronise(
                &store,
                &here(),
                Device::hotp(&hotp(), 0),
                CodePair {
                    codes: pair,
                    reach: far,
                },
                Evidence::new(),
            )
            .unwrap()
    };
    assert!(!harness.hotp(&store, &code(500)).is_accepted());
    assert!(!resynchronise(500, 501, 499).is_accepted());
    assert!(!resynchronise(500, 502, 1000).is_accepted());
    assert_eq!(accepted(&resynchronise(500, 501, 500)).matched, Some(501));
    assert_eq!(
        resynchronise(500, 501, 1000).rejection(),
        Some(Rejection::AlreadyUsed)
    );
    assert!(!resynchronise(490, 491, 1000).is_accepted());
    assert!(harness.hotp(&store, &code(502)).is_accepted());
}

#[test]
fn wrong_guesses_are_counted_with_those_at_codes_that_were_sent() {
    let (harness, store) = (Harness::with_ten_digits(), permanent());
    let right = code_of(STEP);
    let wrong = beside(&right);
    for text in ["", "12345", "x", &"1".repeat(300)] {
        let verdict = harness.totp(&store, text);
        assert_eq!(verdict.rejection(), Some(Rejection::Malformed));
    }
    // Five at a code that was sent, the rest at a device; the day's are then used up for both.
    let issued = harness
        .engine
        .issue(&store, &here())
        .unwrap()
        .issued()
        .unwrap();
    let guess = beside(issued.code.as_str());
    for _ in 0..5 {
        let binding = here();
        let submission = Submission::new(&binding, &guess);
        assert!(
            !harness
                .engine
                .verify(&store, submission)
                .unwrap()
                .is_accepted()
        );
    }
    harness.heard();
    for left in (0..USER_FAILURES - 5).rev() {
        let verdict = harness.totp(&store, &wrong);
        let expected = Rejection::Wrong {
            attempts_left: left,
        };
        assert_eq!(verdict.rejection(), Some(expected));
    }
    let retry_at = Some(at(86_400));
    assert_eq!(
        harness.heard().last(),
        Some(&EventKind::Locked { retry_at })
    );
    for entered in [&right, &wrong] {
        let verdict = harness.totp(&store, entered);
        assert_eq!(verdict.rejection(), Some(Rejection::Locked { retry_at }));
    }
    assert_eq!(
        harness.hotp(&store, &beside(&right)).rejection(),
        Some(Rejection::Locked { retry_at }),
        "another credential of the same user"
    );
    let unlocked = harness.engine.unlock(&store, "tenant 0", "0").unwrap();
    assert_eq!(unlocked, UnlockOutcome::Unlocked);
    assert!(harness.totp(&store, &right).is_accepted());
    // The success forgets the row of wrong guesses.
    assert_eq!(
        harness.heard().last(),
        Some(&EventKind::Accepted {
            mixed_scripts: false
        })
    );
}

#[test]
fn a_success_ends_the_row_of_wrong_guesses_and_a_replay_does_not_begin_one() {
    let rate_limits = RateLimits::builder()
        .consecutive_failures(10)
        .device_hard_stop(true)
        .user_failures_per_day(32)
        .build()
        .unwrap();
    let clock = Arc::new(ManualClock::new(at(0)));
    let engine = Engine::builder_on(keys(), Arc::clone(&clock), |_| {
        unreachable!("no verification draws randomness")
    })
    .rate_limits(rate_limits)
    .build();
    let store = MemoryStore::new();
    let verify = |entered: &str| {
        engine
            .verify_devices(
                &store,
                &here(),
                &[Device::totp(&totp(), 0)],
                entered,
                Evidence::new(),
            )
            .unwrap()
    };
    let (first, second) = (code_of(STEP), code_of(STEP + 1));
    assert!(verify(&first).is_accepted());
    for _ in 0..9 {
        assert!(matches!(
            verify(&beside(&first)).rejection(),
            Some(Rejection::Wrong { .. })
        ));
    }
    for _ in 0..20 {
        assert_eq!(verify(&first).rejection(), Some(Rejection::AlreadyUsed));
    }
    clock.set(at(30));
    assert!(verify(&second).is_accepted());
    for left in (0..10).rev() {
        let expected = Rejection::Wrong {
            attempts_left: left,
        };
        assert_eq!(verify(&beside(&second)).rejection(), Some(expected));
    }
    clock.set(at(10 * 86_400));
    let right = code_of(STEP + 10 * 2880);
    let locked = Rejection::Locked { retry_at: None };
    assert_eq!(verify(&right).rejection(), Some(locked));
}

#[test]
fn case_5_digits_of_other_scripts_are_taken_and_mixed_ones_are_flagged() {
    let (harness, store) = (Harness::with_ten_digits(), MemoryStore::new());
    let zero = u32::from('\u{660}');
    let arabic: String = code_of(STEP)
        .chars()
        .map(|digit| char::from_u32(zero + digit.to_digit(10).unwrap()).unwrap())
        .collect();
    let mixed = format!("{}{}", &code_of(STEP + 1)[..3], {
        let tail = &code_of(STEP + 1)[3..];
        let fold = |digit: char| char::from_u32(zero + digit.to_digit(10).unwrap()).unwrap();
        tail.chars().map(fold).collect::<String>()
    });
    assert!(harness.totp(&store, &arabic).is_accepted());
    assert!(harness.totp(&store, &mixed).is_accepted());
    let flags: Vec<_> = harness.heard();
    let accepted = |mixed_scripts| EventKind::Accepted { mixed_scripts };
    assert_eq!(flags, [accepted(false), accepted(true)]);
}

#[test]
fn cells_are_sealed_and_live_as_long_as_they_must() {
    let harness = Harness::with_ten_digits();
    let cell = |store: &Vault| {
        let rows = store.rows();
        let row = rows.iter().find(|(_, (kind, _))| *kind == Kind::Credential);
        row.map(|(key, (_, cell))| (*key, cell.clone()))
    };
    let store = Vault::of(Class::Permanent);
    assert!(harness.hotp(&store, hotp().at(0).as_str()).is_accepted());
    let (key, kept) = cell(&store).unwrap();
    assert_eq!(kept.discard_after(), None);
    assert_eq!(kept.body().len(), 38 + 16);
    // Whoever can write to the store cannot turn a counter back.
    let mut forged = kept.body().to_vec();
    forged[8] ^= 1;
    store.put(key, store::Cell::new(kept.version(), None, forged));
    let verdict = harness.engine.verify_devices(
        &store,
        &here(),
        &[Device::hotp(&hotp(), 0)],
        "123456",
        Evidence::new(),
    );
    assert!(matches!(verdict, Err(Error::Tampered)), "{verdict:?}");

    // A counter that is forgotten would make every code good again: nothing is compared, nor counted.
    let expiring = Vault::of(Class::Expiring);
    let process = Vault::of(Class::Process);
    for attempt in [
        harness.engine.verify_devices(
            &process,
            &here(),
            &[Device::hotp(&hotp(), 0)],
            "123456",
            Evidence::new(),
        ),
        harness.engine.verify_devices(
            &expiring,
            &here(),
            &[Device::hotp(&hotp(), 0)],
            "123456",
            Evidence::new(),
        ),
        harness.engine.resynchronise(
            &expiring,
            &here(),
            Device::hotp(&hotp(), 0),
            CodePair {
                codes: ["123456", "123456"],
                reach: 0,
            },
            Evidence::new(),
        ),
    ] {
        assert!(matches!(attempt, Err(Error::NotPermanent)));
    }
    assert!(expiring.rows().is_empty() && process.rows().is_empty());
    // A step is forgotten long after its code is: a device that is used once a year is known.
    let ending = Harness::whose_locks_end();
    assert!(ending.totp(&expiring, &code_of(STEP)).is_accepted());
    let (_, kept) = cell(&expiring).unwrap();
    assert_eq!(kept.discard_after(), Some(at(400 * 86_400)));
}

#[test]
fn a_wrong_guess_is_counted_for_the_credential_and_for_the_user_and_for_no_recipient() {
    let (harness, store) = (Harness::with_ten_digits(), Vault::of(Class::Permanent));
    assert!(!harness.hotp(&store, "not a code").is_accepted());
    assert!(store.rows().is_empty());
    assert!(!harness.totp(&store, &beside(&code_of(STEP))).is_accepted());
    let mut kinds: Vec<_> = store.rows().values().map(|(kind, _)| *kind).collect();
    kinds.sort_unstable_by_key(|kind| *kind == Kind::Credential);
    assert_eq!(kinds, [Kind::Meter, Kind::Credential]);
}

/// A binding that approves an amount.
fn paying(amount: &str) -> Binding {
    Binding::builder()
        .tenant("acme")
        .purpose("pay")
        .target(Target {
            model: "payment",
            field: "approval",
            id: "15",
        })
        .user("7")
        .recipient(Mobile::parse("60123456789").unwrap())
        .content(ContentDigest::of_fields(&["ACME Sdn Bhd", amount]))
        .build()
        .unwrap()
}

#[test]
fn an_answer_approves_the_binding_that_was_asked_about_and_no_other() {
    let (harness, store) = (Harness::with_ten_digits(), permanent());
    let ocra = ocra("OCRA-1:HOTP-SHA256-8:C-QH64-PSHA1-S064-T1M");
    let question = harness
        .engine
        .ocra_question(&paying("1500.00"), &ocra)
        .unwrap();
    assert_eq!(question.len(), 64);
    let pin = Pin::Text("1234");
    let respond = |counter, step: i64| {
        let inputs = Inputs::new(&question)
            .counter(counter)
            .pin(pin)
            .session(b"tls");
        let code = ocra.generate(&inputs.now(at(60 * step))).unwrap();
        String::from(code.as_str())
    };
    let reach = Reach {
        look_ahead: 3,
        window: 1,
    };
    let verify = |binding: &Binding, entered: &str, pin| {
        let options = OcraOptions::new().pin(pin).session(b"tls").reach(reach);
        harness
            .engine
            .verify_devices(
                &store,
                binding,
                &[Device::ocra(&ocra, options)],
                entered,
                Evidence::new(),
            )
            .unwrap()
    };
    for (binding, entered, pin) in [
        (paying("1500.01"), respond(0, 0), pin),
        (paying("1500.00"), respond(0, 0), Pin::Text("1235")),
        (paying("1500.00"), respond(4, 0), pin),
        (paying("1500.00"), respond(0, 2), pin),
    ] {
        let wrong = verify(&binding, &entered, pin).rejection();
        assert!(matches!(wrong, Some(Rejection::Wrong { .. })), "{wrong:?}");
    }
    let paid = verify(&paying("1500.00"), &respond(2, -1), pin);
    assert_eq!(accepted(&paid).matched, Some(2));
    let again = verify(&paying("1500.00"), &respond(2, -1), pin);
    assert_eq!(again.rejection(), Some(Rejection::AlreadyUsed));
    assert!(!verify(&paying("1500.00"), &respond(1, 0), pin).is_accepted());
    assert!(verify(&paying("1500.00"), &respond(3, 1), pin).is_accepted());
}

#[test]
fn what_does_not_move_is_good_once_for_its_question() {
    let (harness, store) = (Harness::with_ten_digits(), permanent());
    let ocra = ocra("OCRA-1:HOTP-SHA1-6:QH16");
    let verify = |store: &dyn Store, amount: &str| {
        let binding = paying(amount);
        let question = harness.engine.ocra_question(&binding, &ocra).unwrap();
        let code = ocra.generate(&Inputs::new(&question)).unwrap();
        harness.engine.verify_devices(
            store,
            &binding,
            &[Device::ocra(&ocra, OcraOptions::new())],
            code.as_str(),
            Evidence::new(),
        )
    };
    let accepted_first = verify(&store, "1.00").unwrap();
    assert_eq!(accepted(&accepted_first).matched, None);
    for _ in 0..2 {
        assert_eq!(
            verify(&store, "1.00").unwrap().rejection(),
            Some(Rejection::AlreadyUsed)
        );
        harness.clock.set(at(1000 * 86_400)); // for ever
    }
    assert!(verify(&store, "2.00").unwrap().is_accepted());
    let expiring = Vault::of(Class::Expiring);
    assert!(matches!(
        verify(&expiring, "1.00"),
        Err(Error::NotPermanent)
    ));
}

#[test]
fn each_of_two_devices_has_its_own_mark_for_a_question() {
    let (harness, store) = (Harness::with_ten_digits(), permanent());
    let suite = |secret: &[u8; 20]| {
        let suite = Suite::parse("OCRA-1:HOTP-SHA1-6:QH16").unwrap();
        Ocra::new(&Secret::new(secret).unwrap(), suite)
    };
    let (first, second) = (
        suite(b"abcdefghijklmnopqrst"),
        suite(b"tsrqponmlkjihgfedcba"),
    );
    let question = harness.engine.ocra_question(&here(), &first).unwrap();
    let verify = |of: &Ocra| {
        let code = of.generate(&Inputs::new(&question)).unwrap();
        let devices = [&first, &second].map(|one| Device::ocra(one, OcraOptions::new()));
        harness
            .engine
            .verify_devices(&store, &here(), &devices, code.as_str(), Evidence::new())
            .unwrap()
    };
    for device in [&second, &first] {
        assert!(verify(device).is_accepted());
        assert_eq!(verify(device).rejection(), Some(Rejection::AlreadyUsed));
    }
}

#[test]
fn a_suite_with_time_alone_is_good_once_by_its_step() {
    let (harness, expiring) = (Harness::whose_locks_end(), Vault::of(Class::Expiring));
    let ocra = ocra("OCRA-1:HOTP-SHA256-6:QH16-T30S");
    let question = harness.engine.ocra_question(&here(), &ocra).unwrap();
    let verify = |step: i64| {
        let inputs = Inputs::new(&question).now(at(30 * step));
        let code = ocra.generate(&inputs).unwrap();
        let options = OcraOptions::new().reach(Reach {
            look_ahead: 0,
            window: 1,
        });
        harness
            .engine
            .verify_devices(
                &expiring,
                &here(),
                &[Device::ocra(&ocra, options)],
                code.as_str(),
                Evidence::new(),
            )
            .unwrap()
    };
    assert_eq!(accepted(&verify(1)).drift, 1);
    assert_eq!(verify(1).rejection(), Some(Rejection::AlreadyUsed));
    assert_eq!(verify(0).rejection(), Some(Rejection::AlreadyUsed));
    // One answer that was early tells of no clock: the window stays where our time is.
    assert!(matches!(
        verify(2).rejection(),
        Some(Rejection::Wrong { .. })
    ));
    harness.clock.set(at(30));
    assert_eq!(accepted(&verify(2)).drift, 1);
}

#[test]
fn what_does_not_fit_is_an_error_before_anything_is_counted() {
    let (harness, store) = (Harness::with_ten_digits(), Vault::of(Class::Permanent));
    for suite in [
        "OCRA-1:HOTP-SHA1-6:QH15",
        "OCRA-1:HOTP-SHA1-6:QN64",
        "OCRA-1:HOTP-SHA1-6:QA64",
        "OCRA-1:HOTP-SHA1-6:C-QN08",
    ] {
        let ocra = ocra(suite);
        let asked = harness.engine.ocra_question(&here(), &ocra);
        assert!(matches!(asked, Err(Error::Oath(oath::Error::Suite(_)))));
        let judged = harness.engine.verify_devices(
            &store,
            &here(),
            &[Device::ocra(&ocra, OcraOptions::new())],
            "123456",
            Evidence::new(),
        );
        assert!(matches!(judged, Err(Error::Oath(oath::Error::Suite(_)))));
    }
    let bare = ocra("OCRA-1:HOTP-SHA1-6:C-QH16");
    let full = ocra("OCRA-1:HOTP-SHA1-6:C-QH16-PSHA1-S008");
    let pin = Pin::Text("1234");
    for (ocra, options, name) in [
        (&bare, OcraOptions::new().pin(pin), "pin"),
        (&bare, OcraOptions::new().session(b"s"), "session"),
        (&full, OcraOptions::new().session(b"s"), "pin"),
        (&full, OcraOptions::new().pin(pin), "session"),
        (
            &full,
            OcraOptions::new().pin(pin).session(b"nine bytes"),
            "session",
        ),
    ] {
        let judged = harness.engine.verify_devices(
            &store,
            &here(),
            &[Device::ocra(ocra, options)],
            "123456",
            Evidence::new(),
        );
        let Err(Error::Oath(oath::Error::Input { name: found, .. })) = judged else {
            panic!("{judged:?}");
        };
        assert_eq!(found, name);
    }
    let demanding = harness.engine.with_policy(
        Policy::builder()
            .content(ContentRule::Required)
            .build()
            .unwrap(),
    );
    assert!(matches!(
        demanding.verify_devices(
            &store,
            &here(),
            &[Device::totp(&totp(), 1)],
            "123456",
            Evidence::new()
        ),
        Err(Error::ContentRequired)
    ));
    assert!(matches!(
        demanding.verify_devices(
            &store,
            &here(),
            &[Device::ocra(&bare, OcraOptions::new())],
            "123456",
            Evidence::new()
        ),
        Err(Error::ContentRequired)
    ));
    assert!(store.rows().is_empty());
}

/// Lets all threads give the same right code at once; returns how many were accepted.
fn storm(
    harness: &Harness,
    store: &dyn Store,
    verify: impl Fn(&dyn Store) -> bool + Sync,
) -> usize {
    let meeting = Rendezvous::of(store, THREADS);
    let count = thread::scope(|scope| {
        let threads: Vec<_> = (0..THREADS)
            .map(|_| scope.spawn(|| verify(&meeting)))
            .collect();
        let accepted = threads.into_iter().map(|thread| thread.join().unwrap());
        accepted.filter(|accepted| *accepted).count()
    });
    harness.heard();
    count
}

#[test]
fn a_device_of_ocra_has_no_codes_in_a_row_and_is_not_charged_for_them() {
    let (harness, store) = (Harness::with_ten_digits(), permanent());
    let ocra = ocra("OCRA-1:HOTP-SHA1-6:C-QH16");
    let pair = CodePair {
        codes: ["123456", "123457"],
        reach: 100,
    };
    let device = Device::ocra(&ocra, OcraOptions::new());
    let refused = harness
        .engine
        .resynchronise(&store, &here(), device, pair, Evidence::new())
        .unwrap_err();
    let Error::Oath(refused) = refused else {
        panic!("{refused:?}");
    };
    assert_eq!(
        refused.to_string(),
        "device is one of OCRA, which has no codes in a row; it must be HOTP or TOTP"
    );
    let next = harness
        .engine
        .verify_devices(&store, &here(), &[device], "123456", Evidence::new());
    let left = next.unwrap().rejection();
    assert_eq!(left, Some(Rejection::Wrong { attempts_left: 14 }));
}

#[test]
fn case_56_of_threads_with_the_same_code_one_is_accepted() {
    let ocra = ocra("OCRA-1:HOTP-SHA1-6:QH16");
    for _ in 0..ROUNDS {
        let harness = Harness::with_ten_digits();
        let store = MemoryStore::new();
        let code = code_of(STEP);
        let totp = storm(&harness, &store, |store| {
            is_fresh(&harness.totp(store, &code))
        });
        let store = permanent();
        let code = hotp().at(3);
        let hotp = storm(&harness, &store, |store| {
            is_fresh(&harness.hotp(store, code.as_str()))
        });
        let question = harness.engine.ocra_question(&here(), &ocra).unwrap();
        let code = ocra.generate(&Inputs::new(&question)).unwrap();
        let ocra = storm(&harness, &store, |store| {
            let options = OcraOptions::new();
            let verdict = harness.engine.verify_devices(
                store,
                &here(),
                &[Device::ocra(&ocra, options)],
                code.as_str(),
                Evidence::new(),
            );
            is_fresh(&verdict.unwrap())
        });
        assert_eq!((totp, hotp, ocra), (1, 1, 1));
    }
}

/// The control: stores that break their contract let more through.
#[test]
fn a_storm_on_a_planted_store_is_caught() {
    for flaw in [Flaw::Blind, Flaw::ReadThenWrite, Flaw::Forgetful] {
        let (harness, store) = (Harness::with_ten_digits(), Naive::new(flaw));
        store.arm(THREADS);
        let code = code_of(STEP);
        let accepted = storm(&harness, &store, |store| {
            is_fresh(&harness.totp(store, &code))
        });
        assert!(accepted > 1, "{flaw:?}");
    }
}

fn is_fresh(verdict: &Verdict<Acceptance>) -> bool {
    match verdict.rejection() {
        None => true,
        Some(Rejection::AlreadyUsed) => false,
        Some(other) => panic!("{other:?}"),
    }
}

const THREADS: usize = 32;
const ROUNDS: usize = 20;

/// Row D13: an acceptance rests on the user not being locked, and so writes the meter that says so,
/// also where nothing in it changes: a lock that comes in between is a lost race.
#[test]
fn case_155_an_accepted_code_writes_the_users_meter_though_it_did_not_change() {
    let (harness, store) = (Harness::with_ten_digits(), Vault::of(Class::Permanent));
    let versions = || {
        let rows = store.rows();
        let meters = rows.values().filter(|(kind, _)| *kind == Kind::Meter);
        meters.map(|(_, cell)| cell.version().get()).max()
    };
    for counter in 0..3 {
        assert!(
            harness
                .hotp(&store, hotp().at(counter).as_str())
                .is_accepted()
        );
        assert_eq!(versions(), Some(counter + 1));
    }
}
