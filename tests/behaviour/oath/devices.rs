//! Devices under an engine when things went wrong: stores that were restored, guesses without the
//! device, clocks and people that are late, several devices of one user.

use std::sync::{Arc, Mutex};

use otp_engine::oath::{
    Acceptance, CodePair, Device, HashFunction, Hotp, Inputs, OcraOptions, Reach, Secret, Totp,
};
use otp_engine::operation::DeviceReset;
use otp_engine::store::{Class, Kind};
use otp_engine::{
    Engine, Error, Event, Evidence, ManualClock, MemoryStore, RateLimits, Rejection, Store,
    Submission, Timestamp, Verdict, event::EventKind, oath, operation::ResetOutcome, store,
};

use super::{here, hotp, ocra, permanent, secret, totp};
use crate::support::fixture::{Harness, at, beside, binding_of, keys, keys_of};
use crate::support::vault::Vault;

/// What the device shows so many steps after the fixture's first second.
fn shown(step: i64) -> String {
    let code = totp().at(at(30 * step)).unwrap();
    code.as_str().into()
}

fn counted(counter: u64) -> String {
    hotp().at(counter).as_str().into()
}

impl Harness {
    fn resynchronise(&self, store: &dyn Store, first: u64) -> Verdict<Acceptance> {
        let pair = [&*counted(first), &*counted(first + 1)];
        let verdict = self.engine.resynchronise(
            store,
            &here(),
            Device::hotp(&hotp(), 0),
            CodePair {
                codes: pair,
                reach: 100,
            },
            Evidence::new(),
        );
        verdict.unwrap()
    }
}

/// The same keys under another epoch, from the second on.
fn raised(epoch: u32, second: i64) -> (Engine, Arc<ManualClock>) {
    let clock = Arc::new(ManualClock::new(at(second)));
    let builder = Engine::builder_on(keys_of(epoch), Arc::clone(&clock), |bytes| {
        Ok(getrandom::fill(bytes)?)
    });
    (builder.build(), clock)
}

fn unlimited() -> (Engine, Arc<ManualClock>) {
    let clock = Arc::new(ManualClock::new(at(0)));
    let builder = Engine::builder_on(keys(), Arc::clone(&clock), |bytes| {
        Ok(getrandom::fill(bytes)?)
    });
    (builder.rate_limits(RateLimits::unlimited()).build(), clock)
}

#[test]
fn case_102_after_a_restored_backup_a_counter_is_found_again_by_two_codes_in_a_row() {
    let before = Harness::with_ten_digits();
    let store = permanent();
    assert!(before.hotp(&store, &counted(0)).is_accepted());
    // The backup is made here; what follows is forgotten when it is restored.
    let backup = permanent();
    assert!(before.hotp(&backup, &counted(0)).is_accepted());
    for counter in 1..4 {
        assert!(before.hotp(&store, &counted(counter)).is_accepted());
    }

    let after = Harness::with_epoch(1);
    for restored in [&backup, &permanent()] {
        for counter in 0..6 {
            let verdict = after.hotp(restored, &counted(counter));
            assert_eq!(verdict.rejection(), Some(Rejection::Resynchronise));
        }
        assert!(after.resynchronise(restored, 4).is_accepted());
        assert!(after.hotp(restored, &counted(6)).is_accepted());
        let again = after.hotp(restored, &counted(6)).rejection();
        assert_eq!(again, Some(Rejection::AlreadyUsed));
        // Nothing was charged on the way.
        let wrong = after.hotp(restored, &beside(&counted(7))).rejection();
        assert_eq!(wrong, Some(Rejection::Wrong { attempts_left: 14 }));
        // A host that was forgotten when the epoch was raised accepts nothing, and turns nothing back.
        for counter in [1, 7] {
            let verdict = before.hotp(restored, &counted(counter));
            assert_eq!(verdict.rejection(), Some(Rejection::Unknown));
        }
        assert!(after.hotp(restored, &counted(7)).is_accepted());
    }
}

#[test]
fn case_103_after_a_restored_backup_no_time_step_of_before_is_taken() {
    let before = Harness::with_ten_digits();
    let store = MemoryStore::new();
    // The device is one step ahead; its code is used, and the backup does not know.
    assert!(before.totp(&store, &shown(1)).is_accepted());
    let knowing = MemoryStore::new();
    assert!(before.totp(&knowing, &shown(0)).is_accepted());

    for restored in [&MemoryStore::new(), &knowing] {
        let (engine, clock) = raised(1, 10);
        let verify = |step| {
            let entered = shown(step);
            let verdict = engine.verify_devices(
                restored,
                &here(),
                &[Device::totp(&totp(), 1)],
                &entered,
                Evidence::new(),
            );
            verdict.unwrap().rejection()
        };
        let used = Some(Rejection::AlreadyUsed);
        assert_eq!((verify(0), verify(1)), (used, used));
        clock.set(at(60));
        assert_eq!(verify(1), used);
        assert_eq!(verify(2), None);
        assert_eq!(verify(2), used);
    }
    // A device that is used for the first time long after the raise is taken at once.
    let (engine, clock) = raised(1, 0);
    clock.set(at(3600));
    let verdict = engine.verify_devices(
        &MemoryStore::new(),
        &here(),
        &[Device::totp(&totp(), 1)],
        &shown(120),
        Evidence::new(),
    );
    assert!(verdict.unwrap().is_accepted());
    // Nor are two codes in a row of before.
    let (engine, clock) = raised(1, 0);
    let restored = MemoryStore::new();
    let pair = |step| {
        let entered = [&*shown(step), &*shown(step + 1)];
        let verdict = engine.resynchronise(
            &restored,
            &here(),
            Device::totp(&totp(), 0),
            CodePair {
                codes: entered,
                reach: 5,
            },
            Evidence::new(),
        );
        verdict.unwrap().rejection()
    };
    assert_eq!(pair(4), Some(Rejection::AlreadyUsed));
    clock.set(at(90));
    assert_eq!(pair(5), Some(Rejection::AlreadyUsed));
    assert_eq!(pair(6), None);
}

/// A host that makes an engine for each request: what may have been used is in the store, or no code
/// would ever come late enough.
#[test]
fn case_103_engines_of_one_call_each_come_to_take_a_code() {
    let store = MemoryStore::new();
    let rejected = (0..6).map(|step| {
        let (engine, _) = raised(1, 30 * step);
        let verdict = engine.verify_devices(
            &store,
            &here(),
            &[Device::totp(&totp(), 1)],
            &shown(step),
            Evidence::new(),
        );
        verdict.unwrap().rejection()
    });
    let used = Some(Rejection::AlreadyUsed);
    let rejected: Vec<_> = rejected.collect();
    assert_eq!(rejected, [used, used, None, None, None, None]);
}

#[test]
fn case_104_after_a_restored_backup_an_answer_of_before_is_one_to_another_question() {
    for suite in [
        "OCRA-1:HOTP-SHA256-8:C-QH16",
        "OCRA-1:HOTP-SHA256-8:QH16-T30S",
        "OCRA-1:HOTP-SHA256-8:QH16",
    ] {
        let (before, after) = (
            Harness::with_ten_digits().engine,
            Harness::with_epoch(1).engine,
        );
        let ocra = ocra(suite);
        let answered = |engine: &Engine| -> String {
            let question = engine.ocra_question(&here(), &ocra).unwrap();
            let mut inputs = Inputs::new(&question);
            if ocra.suite().counter() {
                inputs = inputs.counter(0);
            }
            if ocra.suite().step().is_some() {
                inputs = inputs.now(at(0));
            }
            ocra.generate(&inputs).unwrap().as_str().into()
        };
        let verify = |engine: &Engine, store: &dyn Store, entered: &str| {
            let options = OcraOptions::new().reach(Reach::default());
            let verdict = engine.verify_devices(
                store,
                &here(),
                &[Device::ocra(&ocra, options)],
                entered,
                Evidence::new(),
            );
            verdict.unwrap().rejection()
        };
        let (store, restored) = (permanent(), permanent());
        let answer = answered(&before);
        assert_eq!(verify(&before, &store, &answer), None, "{suite}");
        let replayed = verify(&after, &restored, &answer);
        assert!(matches!(replayed, Some(Rejection::Wrong { .. })), "{suite}");
        assert_eq!(verify(&after, &restored, &answered(&after)), None);
        // What the store still knows stays used.
        let known = verify(&after, &store, &answered(&after));
        assert_eq!(known, Some(Rejection::AlreadyUsed), "{suite}");
    }
}

#[test]
fn case_105_a_credential_counts_its_guesses_without_meters_and_for_whomever_they_are_made() {
    let ((engine, clock), store) = (unlimited(), permanent());
    let wrong = beside(&shown(0));
    let guess = |user| {
        let verdict = engine.verify_devices(
            &store,
            &binding_of(0, user, 0),
            &[Device::totp(&totp(), 0)],
            &wrong,
            Evidence::new(),
        );
        verdict.unwrap().rejection().unwrap()
    };
    for left in (0..30).rev() {
        let user = usize::from(left);
        assert_eq!(
            guess(user),
            Rejection::Wrong {
                attempts_left: left
            }
        );
    }
    let locked = Rejection::Locked {
        retry_at: Some(at(86_400)),
    };
    assert_eq!(guess(99), locked);
    let right = |entered: &str| {
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
    assert_eq!(right(&shown(0)).rejection(), Some(locked));
    // For a time: nobody who has not the device puts it out of use.
    clock.set(at(86_400));
    assert!(right(&shown(2880)).is_accepted());

    // Counters and answers likewise.
    let guess = |entered: &str| {
        let verdict = engine.verify_devices(
            &store,
            &here(),
            &[Device::hotp(&hotp(), 5)],
            entered,
            Evidence::new(),
        );
        verdict.unwrap().rejection().unwrap()
    };
    let wrong = beside(&counted(0));
    assert_eq!(guess(&wrong), Rejection::Wrong { attempts_left: 29 });
}

#[test]
fn case_105_a_locked_device_is_not_charged_for_what_was_compared_with_another() {
    let ((engine, clock), store) = (unlimited(), permanent());
    let (locked, free) = (totp(), hotp());
    let locked = Device::totp(&locked, 1);
    let verify = |second: i64, devices: &[Device<'_>], entered: &str| {
        clock.set(at(second));
        let verdict = engine.verify_devices(&store, &here(), devices, entered, Evidence::new());
        verdict.unwrap().rejection()
    };
    for minute in 0..30 {
        let wrong = verify(60 * minute, &[locked], &beside(&shown(2 * minute)));
        assert!(matches!(wrong, Some(Rejection::Wrong { .. })), "{minute}");
    }
    let evening = 82_800;
    let both = [locked, Device::hotp(&free, 5)];
    let wrong = verify(evening, &both, &beside(&shown(evening / 30)));
    assert!(matches!(wrong, Some(Rejection::Wrong { .. })));
    let morning = 86_430;
    assert_eq!(verify(morning, &[locked], &shown(morning / 30)), None);
}

#[test]
fn case_106_guesses_at_one_question_count_for_the_credential_and_not_for_the_question() {
    for suite in ["OCRA-1:HOTP-SHA1-6:QH16", "OCRA-1:HOTP-SHA1-6:C-QH16"] {
        let ((engine, _), store) = (unlimited(), Vault::of(Class::Permanent));
        let ocra = ocra(suite);
        for left in (0..30_u8).rev() {
            // Each at another record: another question.
            let there = binding_of(0, 0, usize::from(left));
            let options = OcraOptions::new();
            let verdict = engine
                .verify_devices(
                    &store,
                    &there,
                    &[Device::ocra(&ocra, options)],
                    "00000000",
                    Evidence::new(),
                )
                .unwrap();
            assert_eq!(verdict.rejection(), Some(Rejection::Malformed));
            let question = engine.ocra_question(&there, &ocra).unwrap();
            let mut inputs = Inputs::new(&question);
            if ocra.suite().counter() {
                inputs = inputs.counter(0);
            }
            let wrong = beside(ocra.generate(&inputs).unwrap().as_str());
            let verdict = engine.verify_devices(
                &store,
                &there,
                &[Device::ocra(&ocra, OcraOptions::new())],
                &wrong,
                Evidence::new(),
            );
            let expected = Rejection::Wrong {
                attempts_left: left,
            };
            assert_eq!(verdict.unwrap().rejection(), Some(expected), "{suite}");
        }
        assert_eq!(store.rows().len(), 1, "{suite}");
        let question = engine.ocra_question(&here(), &ocra).unwrap();
        let options = OcraOptions::new();
        let locked = engine
            .verify_devices(
                &store,
                &here(),
                &[Device::ocra(&ocra, options)],
                "123456",
                Evidence::new(),
            )
            .unwrap();
        assert!(matches!(locked.rejection(), Some(Rejection::Locked { .. })));
        assert_eq!(question.len(), 16);
    }
}

#[test]
fn case_107_an_answered_question_is_marked_beside_its_credential_in_one_commit() {
    let (harness, store) = (Harness::with_ten_digits(), Vault::of(Class::Permanent));
    let ocra = ocra("OCRA-1:HOTP-SHA1-6:QH16");
    let question = harness.engine.ocra_question(&here(), &ocra).unwrap();
    let right = ocra.generate(&Inputs::new(&question)).unwrap();
    let verify = || {
        let options = OcraOptions::new();
        let verdict = harness.engine.verify_devices(
            &store,
            &here(),
            &[Device::ocra(&ocra, options)],
            right.as_str(),
            Evidence::new(),
        );
        verdict.unwrap()
    };
    assert!(verify().is_accepted());
    let rows = store.rows();
    let of = |wanted| rows.values().filter(|(kind, _)| *kind == wanted).count();
    // The user's meter too, though nothing is in it: the acceptance rests on it.
    assert_eq!((of(Kind::Credential), of(Kind::Meter)), (2, 1));
    assert_eq!(verify().rejection(), Some(Rejection::AlreadyUsed));
    assert!(rows == store.rows(), "a replay changes nothing");
}

#[test]
fn case_108_guesses_at_a_device_lock_no_code_that_was_sent_and_no_new_one() {
    let (harness, store) = (Harness::with_ten_digits(), permanent());
    let mut second = 0;
    for day in 0..9 {
        second = day * 86_400 + 100;
        harness.clock.set(at(second));
        let step = second / 30;
        let wrong = beside(&shown(step));
        for left in (0..15).rev() {
            let rejection = harness.totp(&store, &wrong).rejection();
            assert_eq!(
                rejection,
                Some(Rejection::Wrong {
                    attempts_left: left
                })
            );
        }
        let locked = harness.totp(&store, &shown(step)).rejection();
        let retry_at = Some(at(second + 86_400));
        assert_eq!(locked, Some(Rejection::Locked { retry_at }), "{day}");
        // The other factor of the same user, at the same number.
        let sent = harness.engine.issue(&store, &here()).unwrap();
        let sent = sent.issued().unwrap();
        let there = here();
        let submission = Submission::new(&there, sent.code.as_str());
        let verdict = harness.engine.verify(&store, submission).unwrap();
        assert!(verdict.is_accepted(), "{day}");
    }
    // 135 guesses in a row without the device locked it for a day at a time.
    harness.clock.set(at(second + 86_400));
    assert!(
        harness
            .totp(&store, &shown((second + 86_400) / 30))
            .is_accepted()
    );
}

#[test]
fn case_109_guesses_at_codes_that_were_sent_count_against_devices_and_an_unlock_lifts_both() {
    let (harness, store) = (Harness::with_ten_digits(), permanent());
    let sent = harness
        .engine
        .issue(&store, &here())
        .unwrap()
        .issued()
        .unwrap();
    let wrong = beside(sent.code.as_str());
    for _ in 0..4 {
        let there = here();
        let verdict = harness
            .engine
            .verify(&store, Submission::new(&there, &wrong));
        assert!(!verdict.unwrap().is_accepted());
    }
    for left in (0..11).rev() {
        let rejection = harness.totp(&store, &beside(&shown(0))).rejection();
        assert_eq!(
            rejection,
            Some(Rejection::Wrong {
                attempts_left: left
            })
        );
    }
    let locked = harness.totp(&store, &shown(0)).rejection();
    assert!(matches!(locked, Some(Rejection::Locked { .. })));
    // The code that was sent has the guess left that it had.
    let there = here();
    let verdict = harness
        .engine
        .verify(&store, Submission::new(&there, sent.code.as_str()));
    assert!(verdict.unwrap().is_accepted());
    let unlocked = harness.engine.unlock(&store, "tenant 0", "0").unwrap();
    assert_eq!(unlocked, otp_engine::operation::UnlockOutcome::Unlocked);
    assert!(harness.totp(&store, &shown(0)).is_accepted());
}

#[test]
fn case_110_a_hard_stop_is_a_budget_that_stores_without_an_end_alone_can_keep() {
    let clock = Arc::new(ManualClock::new(at(0)));
    let builder = Engine::builder_on(keys(), Arc::clone(&clock), |bytes| {
        Ok(getrandom::fill(bytes)?)
    });
    let row = RateLimits::builder().consecutive_failures(10);
    assert_eq!(row.build().unwrap().device_hard_stop(), None);
    let rate_limits = row.device_hard_stop(true).build().unwrap();
    assert_eq!(rate_limits.device_hard_stop(), Some(10));
    assert_eq!(RateLimits::default().device_hard_stop(), None);
    let engine = builder.rate_limits(rate_limits).build();
    let store = permanent();
    let verify = |entered: &str| {
        let verdict = engine.verify_devices(
            &store,
            &here(),
            &[Device::totp(&totp(), 0)],
            entered,
            Evidence::new(),
        );
        verdict.unwrap().rejection()
    };
    for left in (0..10).rev() {
        let wrong = Rejection::Wrong {
            attempts_left: left,
        };
        assert_eq!(verify(&beside(&shown(0))), Some(wrong));
    }
    clock.set(at(1000 * 86_400));
    let stopped = Rejection::Locked { retry_at: None };
    assert_eq!(verify(&shown(1000 * 2880)), Some(stopped));
    // Unlocking the user is not binding the device again.
    let _ = engine.unlock(&store, "tenant 0", "0").unwrap();
    assert_eq!(verify(&shown(1000 * 2880)), Some(stopped));
    // Where cells expire the stop would too: said before anything is compared, right or wrong.
    let expiring = Vault::of(Class::Expiring);
    let totp = totp();
    let device = Device::totp(&totp, 0);
    let refused = engine.verify_devices(&expiring, &here(), &[device], &shown(0), Evidence::new());
    assert!(matches!(refused, Err(Error::LockWithoutEnd)));
    // Also where the locks of users end by themselves.
    let rate_limits = RateLimits::builder()
        .device_hard_stop(true)
        .lock_ends_after(core::time::Duration::from_secs(86_400))
        .build();
    let builder = Engine::builder(keys()).rate_limits(rate_limits.unwrap());
    let refused =
        builder
            .build()
            .verify_devices(&expiring, &here(), &[device], &shown(0), Evidence::new());
    assert!(matches!(refused, Err(Error::LockWithoutEnd)));
}

#[test]
fn case_111_a_code_typed_late_moves_no_window() {
    let ((engine, clock), store) = (unlimited(), permanent());
    let ask = |second: i64, step: i64| {
        clock.set(at(second));
        let verdict = engine.verify_devices(
            &store,
            &here(),
            &[Device::totp(&totp(), 1)],
            &shown(step),
            Evidence::new(),
        );
        verdict.unwrap().rejection()
    };
    // One step late, two late, then prompt.
    assert_eq!(ask(300, 9), None);
    assert!(matches!(ask(360, 10), Some(Rejection::Wrong { .. })));
    assert_eq!(ask(390, 13), None);
    // Three codes a day that are held back as long as they are taken move the window by a step a day,
    // ten in all, and a prompt code is taken all the while.
    for day in 0..14 {
        let age = day.clamp(1, 11);
        let hour = |hour: i64| 30_000 + (24 * day + hour) * 3600;
        for held_back in 0..3 {
            let second = hour(held_back);
            assert_eq!(ask(second, second / 30 - age), None, "{day}");
        }
        let older = ask(hour(4), hour(4) / 30 - age - 2);
        assert!(matches!(older, Some(Rejection::Wrong { .. })), "{day}");
        assert_eq!(ask(hour(5), hour(5) / 30), None, "{day}");
    }
}

#[test]
fn case_112_a_timed_answer_given_late_moves_no_window() {
    let ((engine, clock), store) = (unlimited(), permanent());
    let ocra = ocra("OCRA-1:HOTP-SHA256-8:QH16-T30S");
    let question = engine.ocra_question(&here(), &ocra).unwrap();
    let ask = |second: i64, step: i64| {
        clock.set(at(second));
        let inputs = Inputs::new(&question).now(at(30 * step));
        let code = ocra.generate(&inputs).unwrap();
        let reach = Reach {
            look_ahead: 0,
            window: 1,
        };
        let options = OcraOptions::new().reach(reach);
        let verdict = engine.verify_devices(
            &store,
            &here(),
            &[Device::ocra(&ocra, options)],
            code.as_str(),
            Evidence::new(),
        );
        verdict.unwrap().rejection()
    };
    assert_eq!(ask(300, 9), None);
    assert!(matches!(ask(360, 10), Some(Rejection::Wrong { .. })));
    assert_eq!(ask(390, 13), None);
}

#[test]
fn case_113_several_devices_of_a_user_are_one_call_and_one_charge() {
    let (harness, store) = (Harness::with_ten_digits(), permanent());
    let other = Secret::new(b"12345678901234567890").unwrap();
    let other = Totp::new(&other, HashFunction::Sha1, 6, 30).unwrap();
    let token = hotp();
    let first = totp();
    let devices = [
        Device::totp(&first, 1),
        Device::totp(&other, 1),
        Device::hotp(&token, 5),
    ];
    let verify = |devices: &[Device<'_>], entered: &str| {
        let verdict =
            harness
                .engine
                .verify_devices(&store, &here(), devices, entered, Evidence::new());
        verdict.unwrap()
    };
    let which = |verdict: &Verdict<Acceptance>| match verdict {
        Verdict::Accepted(accepted) => (accepted.device, accepted.matched),
        Verdict::Rejected(rejection) => panic!("{rejection:?}"),
    };
    // The device that is named second makes twenty codes: none is a wrong guess at the first.
    for round in 0..20_i64 {
        let now = at(60 * round);
        harness.clock.set(now);
        let code = other.at(now).unwrap();
        let (device, _) = which(&verify(&devices, code.as_str()));
        assert_eq!(device, 1, "{round}");
        let again = verify(&devices, code.as_str()).rejection();
        assert_eq!(again, Some(Rejection::AlreadyUsed));
    }
    assert_eq!(which(&verify(&devices, &counted(3))), (2, Some(3)));
    // One wrong text is one charge, whatever it was compared with.
    let wrong = Some(Rejection::Wrong { attempts_left: 14 });
    assert_eq!(
        verify(&devices, "00000000").rejection(),
        Some(Rejection::Malformed)
    );
    let step = 60 * 19 / 30;
    let codes = [beside(&shown(step)), beside(&counted(4))];
    let entered = codes.iter().find(|entered| {
        let right = |now: i64| other.at(at(30 * now)).unwrap().as_str() == **entered;
        !(step - 1..=step + 1).any(right)
    });
    assert_eq!(verify(&devices, entered.unwrap()).rejection(), wrong);

    for (devices, count) in [
        (&devices[..0], 0),
        (&[devices[0]; 2], 2),
        (&[devices[0]; 4], 4),
    ] {
        let refused =
            harness
                .engine
                .verify_devices(&store, &here(), devices, "123456", Evidence::new());
        let Err(Error::Oath(oath::Error::Devices { count: found })) = refused else {
            panic!("{refused:?}");
        };
        assert_eq!(found, count);
    }
}

#[test]
fn case_114_a_window_beyond_what_is_remembered_is_refused() {
    let (harness, store) = (Harness::whose_locks_end(), Vault::of(Class::Expiring));
    let daily = Totp::new(&secret(), HashFunction::Sha1, 6, 86_400).unwrap();
    let verify = |window| {
        let verdict = harness.engine.verify_devices(
            &store,
            &here(),
            &[Device::totp(&daily, window)],
            "123456",
            Evidence::new(),
        );
        verdict.map(|verdict| verdict.rejection())
    };
    assert!(verify(100).is_ok());
    let refused = verify(101).unwrap_err();
    assert!(matches!(refused, Error::Oath(oath::Error::Window { .. })));
    let pair = ["123456", "123457"];
    let far = harness.engine.resynchronise(
        &store,
        &here(),
        Device::totp(&daily, 0),
        CodePair {
            codes: pair,
            reach: 101,
        },
        Evidence::new(),
    );
    assert!(matches!(far, Err(Error::Oath(oath::Error::Window { .. }))));
    let two_days = ocra("OCRA-1:HOTP-SHA1-6:QH16-T48H");
    let options = OcraOptions::new().reach(Reach {
        look_ahead: 0,
        window: 51,
    });
    let far = harness.engine.verify_devices(
        &store,
        &here(),
        &[Device::ocra(&two_days, options)],
        "123456",
        Evidence::new(),
    );
    assert!(matches!(far, Err(Error::Oath(oath::Error::Window { .. }))));
}

/// A clock that is years ahead for one guess makes nothing forget what was used.
#[test]
fn case_115_a_clock_years_ahead_makes_no_used_step_good_again() {
    for store in [MemoryStore::new(), permanent()] {
        let harness = Harness::with_ten_digits();
        assert!(harness.totp(&store, &shown(0)).is_accepted());
        for days in [401, 3650] {
            let ahead = at(days * 86_400);
            harness.clock.set(ahead);
            let wrong = beside(totp().at(ahead).unwrap().as_str());
            assert!(!harness.totp(&store, &wrong).is_accepted());
        }
        harness.clock.set(at(0));
        let again = harness.totp(&store, &shown(0)).rejection();
        assert_eq!(again, Some(Rejection::AlreadyUsed));
    }
}

#[test]
fn case_131_a_reset_lifts_the_lock_of_a_device_and_turns_no_counter_back() {
    let (clock, heard) = (
        Arc::new(ManualClock::new(at(0))),
        Arc::<Mutex<Vec<_>>>::default(),
    );
    let ear = Arc::clone(&heard);
    let rate_limits = RateLimits::builder()
        .consecutive_failures(10)
        .device_hard_stop(true)
        .user_failures_per_day(32)
        .build();
    let engine = Engine::builder_on(keys(), Arc::clone(&clock), |bytes| {
        Ok(getrandom::fill(bytes)?)
    })
    .rate_limits(rate_limits.unwrap())
    .observer(move |event: &Event<'_>| {
        let reason = event.reason.map(String::from);
        ear.lock()
            .unwrap()
            .push((event.kind, event.user.to_owned(), reason));
    })
    .build();
    let (store, hotp) = (permanent(), hotp());
    let device = Device::hotp(&hotp, 5);
    let verify = |entered: &str| {
        let verdict = engine.verify_devices(&store, &here(), &[device], entered, Evidence::new());
        verdict.unwrap().rejection()
    };
    let reset = |why: &str| {
        engine.reset_device(
            &store,
            &DeviceReset {
                tenant: "tenant 0",
                user: "0",
                device,
                reason: why,
            },
        )
    };
    assert_eq!(
        reset("a device that nobody used").unwrap(),
        ResetOutcome::NothingToReset
    );
    assert_eq!(verify(&counted(3)), None);
    for _ in 0..10 {
        assert!(verify(&beside(&counted(4))).is_some());
    }
    let stopped = Some(Rejection::Locked { retry_at: None });
    assert_eq!(verify(&counted(4)), stopped);
    for unfit in ["", " ", "a\nb", &"x".repeat(257)] {
        assert!(matches!(reset(unfit), Err(Error::ResetReason)), "{unfit}");
    }
    assert_eq!(verify(&counted(4)), stopped);
    heard.lock().unwrap().clear();
    assert_eq!(reset("seen at the branch").unwrap(), ResetOutcome::Reset);
    let event = (
        EventKind::DeviceReset,
        "0".to_owned(),
        Some("seen at the branch".to_owned()),
    );
    assert_eq!(*heard.lock().unwrap(), [event]);
    assert_eq!(verify(&counted(3)), Some(Rejection::AlreadyUsed));
    assert!(matches!(verify(&counted(2)), Some(Rejection::Wrong { .. })));
    assert_eq!(verify(&counted(4)), None);
}

#[test]
fn case_132_a_device_whose_clock_was_put_right_is_taken_again_after_a_reset() {
    let (harness, store) = (Harness::with_ten_digits(), permanent());
    let totp = totp();
    let device = Device::totp(&totp, 1);
    let reset = || {
        let done = harness.engine.reset_device(
            &store,
            &DeviceReset {
                tenant: "tenant 0",
                user: "0",
                device,
                reason: "clock",
            },
        );
        done.unwrap()
    };
    // Five hours ahead, and found by two codes in a row; then its clock is put right.
    let pair = [&*shown(600), &*shown(601)];
    let found = harness.engine.resynchronise(
        &store,
        &here(),
        Device::totp(&totp, 0),
        CodePair {
            codes: pair,
            reach: 1000,
        },
        Evidence::new(),
    );
    assert!(found.unwrap().is_accepted());
    harness.clock.set(at(300));
    let used = Some(Rejection::AlreadyUsed);
    assert_eq!(harness.totp(&store, &shown(10)).rejection(), used);
    assert_eq!(reset(), ResetOutcome::Reset);
    // Nothing of now or before: a step falls to that of now and the window.
    for step in [9, 10, 11] {
        assert_eq!(harness.totp(&store, &shown(step)).rejection(), used);
    }
    harness.clock.set(at(360));
    assert!(harness.totp(&store, &shown(12)).is_accepted());
    // One whose steps are all of before keeps them.
    harness.clock.set(at(3600));
    assert_eq!(reset(), ResetOutcome::NothingToReset);
    harness.clock.set(at(360));
    assert_eq!(harness.totp(&store, &shown(12)).rejection(), used);
}

#[test]
fn case_133_a_reset_makes_no_answered_question_and_no_epoch_good_again() {
    let store = permanent();
    let ocra = ocra("OCRA-1:HOTP-SHA1-6:QH16");
    let token = hotp();
    let (before, after) = (
        Harness::with_ten_digits().engine,
        Harness::with_epoch(1).engine,
    );
    let answer = {
        let question = before.ocra_question(&here(), &ocra).unwrap();
        let code = ocra.generate(&Inputs::new(&question)).unwrap();
        String::from(code.as_str())
    };
    let answered = |engine: &Engine| {
        let verdict = engine.verify_devices(
            &store,
            &here(),
            &[Device::ocra(&ocra, OcraOptions::new())],
            &answer,
            Evidence::new(),
        );
        verdict.unwrap().rejection()
    };
    let press = |engine: &Engine, counter| {
        let entered = counted(counter);
        let verdict = engine.verify_devices(
            &store,
            &here(),
            &[Device::hotp(&token, 5)],
            &entered,
            Evidence::new(),
        );
        verdict.unwrap().rejection()
    };
    assert_eq!((answered(&before), press(&before, 0)), (None, None));
    for engine in [&before, &after] {
        for device in [
            Device::ocra(&ocra, OcraOptions::new()),
            Device::hotp(&token, 5),
        ] {
            let done = engine.reset_device(
                &store,
                &DeviceReset {
                    tenant: "tenant 0",
                    user: "0",
                    device,
                    reason: "to try it",
                },
            );
            assert!(done.is_ok());
        }
    }
    assert_eq!(answered(&before), Some(Rejection::AlreadyUsed));
    assert_eq!(press(&before, 0), Some(Rejection::AlreadyUsed));
    assert_eq!(press(&after, 1), Some(Rejection::Resynchronise));
}

#[test]
fn case_134_a_credential_of_format_1_is_used_and_upgraded_at_the_next_write() {
    let (harness, store) = (Harness::with_ten_digits(), Vault::of(Class::Process));
    assert!(harness.totp(&store, &shown(0)).is_accepted());
    let credential = || {
        let rows = store.rows();
        let mut found = rows
            .iter()
            .filter(|(_, (kind, _))| *kind == Kind::Credential);
        let (key, (_, cell)) = found.next().unwrap();
        (*key, cell.clone())
    };
    let (key, cell) = credential();
    // As the version before wrote it: the last step, and a drift of two.
    let last = at(0).unix().unsigned_abs() / 30;
    let old = [&[1][..], &last.to_be_bytes(), &2_i32.to_be_bytes()].concat();
    store.put(
        key,
        store::Cell::new(cell.version(), cell.discard_after(), old),
    );
    let used = Some(Rejection::AlreadyUsed);
    assert_eq!(harness.totp(&store, &shown(0)).rejection(), used);
    assert_eq!(credential().1.body()[0], 1, "a replay writes nothing");
    assert!(
        harness.totp(&store, &shown(3)).is_accepted(),
        "around the drift"
    );
    let body = credential().1.body().to_vec();
    assert_eq!((body[0], body.len()), (2, 38));
    assert_eq!(harness.totp(&store, &shown(3)).rejection(), used);
}

#[test]
fn case_120_odds_add_up_devices_windows_and_look_ahead() {
    let (engine, _) = unlimited();
    let metered = Harness::with_ten_digits().engine;
    let (totp, hotp) = (totp(), hotp());
    let ten = Hotp::new(&secret(), HashFunction::Sha1, 10).unwrap();
    let near = |one: f64, other: f64| assert!((one / other - 1.0).abs() < 1e-3, "{one} {other}");
    let day = |engine: &Engine, devices: &[Device<'_>]| engine.device_odds(devices).per_day;
    near(day(&metered, &[Device::hotp(&hotp, 0)]), 15e-6);
    near(day(&metered, &[Device::hotp(&hotp, 5)]), 6.0 * 15e-6);
    near(day(&engine, &[Device::hotp(&hotp, 5)]), 6.0 * 30e-6);
    // Two windows: a clock may have drifted.
    near(day(&metered, &[Device::totp(&totp, 1)]), 2.0 * 3.0 * 15e-6);
    let both = [Device::totp(&totp, 1), Device::hotp(&hotp, 5)];
    near(day(&metered, &both), (6.0 + 6.0) * 15e-6);
    near(metered.device_odds(&both).per_year, 365.0 * 12.0 * 15e-6);
    near(metered.device_odds(&both).per_code, 12.0 * 1e-6);
    // Ten digits are 31 bits.
    near(
        day(&metered, &[Device::hotp(&ten, 0)]),
        15.0 / 2_147_483_648.0,
    );
    let suite = ocra("OCRA-1:HOTP-SHA1-6:C-QH16-T1M");
    let reach = Reach {
        look_ahead: 4,
        window: 2,
    };
    let answering = Device::ocra(&suite, OcraOptions::new().reach(reach));
    near(day(&metered, &[answering]), 5.0 * 5.0 * 15e-6);
}

/// The fixture's second is the first of a step.
#[test]
fn the_first_second_begins_a_step() {
    let first = at(0).unix();
    assert_eq!(first % 30, 0);
    assert_eq!(Timestamp::from_unix(first), at(0));
}

/// A device's cell tells 136 years apart: what a clock said outside of them was cut, and with it the
/// instants of other guesses.
#[test]
fn case_421_no_clock_however_far_off_makes_a_guess_at_a_device_be_forgotten() {
    for far in [
        i64::MIN,
        i64::MIN / 2,
        -5_364_662_400,
        1 << 40,
        i64::MAX / 2,
    ] {
        let ((engine, clock), store) = (unlimited(), permanent());
        let wrong = beside(&counted(0));
        let is_compared = || {
            let verdict = engine.verify_devices(
                &store,
                &here(),
                &[Device::hotp(&hotp(), 0)],
                &wrong,
                Evidence::new(),
            );
            matches!(verdict.unwrap().rejection(), Some(Rejection::Wrong { .. }))
        };
        clock.set(Timestamp::from_unix(far));
        assert!(is_compared());
        clock.set(at(0));
        let compared = (0..100).filter(|_| is_compared()).count();
        assert!((29..=30).contains(&compared), "{far}: {compared}");
        // There and back for each guess: a limit at each of the two clocks, at most.
        let (engine, clock) = unlimited();
        let store = permanent();
        let mut compared = 0;
        for guess in 0..200 {
            clock.set(if guess % 2 == 0 {
                at(0)
            } else {
                Timestamp::from_unix(far)
            });
            let verdict = engine.verify_devices(
                &store,
                &here(),
                &[Device::hotp(&hotp(), 0)],
                &wrong,
                Evidence::new(),
            );
            compared += usize::from(matches!(
                verdict.unwrap().rejection(),
                Some(Rejection::Wrong { .. })
            ));
        }
        assert!(compared <= 60, "{far}: {compared}");
    }
}

#[test]
fn case_422_at_the_last_second_of_time_guesses_count_too() {
    for second in [i64::MAX - 1, i64::MAX] {
        let ((engine, clock), store) = (unlimited(), permanent());
        let wrong = beside(&counted(0));
        clock.set(Timestamp::from_unix(second));
        let compared = |_: &i32| {
            let verdict = engine.verify_devices(
                &store,
                &here(),
                &[Device::hotp(&hotp(), 0)],
                &wrong,
                Evidence::new(),
            );
            matches!(verdict.unwrap().rejection(), Some(Rejection::Wrong { .. }))
        };
        assert_eq!((0..100).filter(compared).count(), 30, "{second}");
    }
}
