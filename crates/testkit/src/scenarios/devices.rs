//! Codes of a user's devices on one store, over several hosts: judged, counted, locked, found again and reset,
//! each as the store's class lets it.

use otp_engine::oath::{CodePair, Device};
use otp_engine::store::Class;
use otp_engine::{
    Clock as _, Error, Evidence, RateLimits, Rejection, Store, Submission, SystemClock, Timestamp,
    Verdict, operation::ResetOutcome,
};

use super::{codes::wrong, harness::rate_limits};
use host::Host;
use token::{Kind, Token};

mod host;
mod storm;
mod token;

pub use storm::{devices_in_a_storm, storms_of_devices_catch};

/// Shows that devices' codes are good once, that guesses at a device are counted and lock it, and that a reset
/// lifts the lock and gives nothing back that was used: whichever of several hosts is asked.
///
/// Where the store keeps nothing for ever, what rests on a counter or on a question alone is refused.
pub fn devices_are_judged(open: &dyn Fn() -> Box<dyn Store>) {
    let keeps = open().class() == Class::Permanent;
    for kind in [Kind::Steps, Kind::TimedAnswers] {
        is_judged(kind, open);
    }
    for kind in [Kind::Counter, Kind::CountedAnswers, Kind::Answers] {
        if keeps {
            is_judged(kind, open);
        } else {
            is_refused(kind, open);
        }
    }
    a_clock_is_found_and_set_right(open);
    if keeps {
        a_counter_is_found(open);
    }
    several_devices_are_one_charge(open);
}

/// A device's whole life, over hosts that come and go.
fn is_judged(kind: Kind, open: &dyn Fn() -> Box<dyn Store>) {
    let token = Token::new(kind);
    let now = now();
    let host = || Host::new(open(), now, RateLimits::unlimited());
    let (one, other) = (host(), host());
    assert_eq!(one.resets(&token), ResetOutcome::NothingToReset, "{kind:?}");
    let used = one.reads(&token, 0);
    assert_eq!(one.hears(&token, 0, &used), None, "{kind:?}");
    // What one host took the others know, and whoever opens the store anew.
    let hosts = [one, other, host()];
    let again = |round, entered: &str| {
        for host in &hosts {
            let heard = host.hears(&token, round, entered);
            assert_eq!(heard, Some(Rejection::AlreadyUsed), "{kind:?}");
        }
    };
    again(0, &used);
    // Of thirty wrong guesses each counts once, whichever host is asked.
    for host in &hosts {
        host.moves_to(1);
    }
    let right = hosts[0].reads(&token, 1);
    for left in (0..30_u8).rev() {
        let host = &hosts[usize::from(left) % hosts.len()];
        let heard = host.hears(&token, 1, &wrong(&right));
        let expected = Rejection::Wrong {
            attempts_left: left,
        };
        assert_eq!(heard, Some(expected), "{kind:?}");
    }
    for host in &hosts {
        let heard = host.hears(&token, 1, &right);
        let is_locked = matches!(heard, Some(Rejection::Locked { retry_at: Some(_) }));
        assert!(is_locked, "{kind:?}: {heard:?}");
    }
    assert_eq!(hosts[1].resets(&token), ResetOutcome::Reset, "{kind:?}");
    // The lock is gone for all of them, and what was used is not back.
    again(0, &used);
    assert_eq!(hosts[2].hears(&token, 1, &right), None, "{kind:?}");
    again(1, &right);
}

/// Nothing that must be remembered for ever is taken, right or wrong, and nothing is left behind.
fn is_refused(kind: Kind, open: &dyn Fn() -> Box<dyn Store>) {
    let token = Token::new(kind);
    let host = Host::new(open(), now(), RateLimits::unlimited());
    let code = host.reads(&token, 0);
    for entered in [&code, &wrong(&code)] {
        let refused = host.asks(&token, 0, entered).unwrap_err();
        let is_refused = matches!(refused, Error::NotPermanent);
        assert!(is_refused, "{kind:?}: {refused}");
    }
    assert_eq!(
        host.resets(&token),
        ResetOutcome::NothingToReset,
        "{kind:?}"
    );
}

/// A device five hours ahead is found by two codes in a row; put right, it is taken again after a reset.
fn a_clock_is_found_and_set_right(open: &dyn Fn() -> Box<dyn Store>) {
    let token = Token::new(Kind::Steps);
    let [one, other] = [(); 2].map(|()| Host::new(open(), now(), RateLimits::unlimited()));
    let pair = [600, 601].map(|round| one.reads(&token, round));
    let found = one.engine.resynchronise(
        &*one.store,
        token.binding(0),
        Device::totp(token.totp(), 0),
        CodePair {
            codes: [&pair[0], &pair[1]],
            reach: 1_000,
        },
        Evidence::new(),
    );
    assert!(found.unwrap().is_accepted());
    let used = Some(Rejection::AlreadyUsed);
    for host in [&one, &other] {
        let heard = host.hears(&token, 0, &host.reads(&token, 601));
        assert_eq!(heard, used);
        host.moves_to(2);
    }
    assert_eq!(other.hears(&token, 0, &other.reads(&token, 602)), None);
    let plain = one.reads(&token, 2);
    assert_eq!(one.hears(&token, 0, &plain), used);
    assert_eq!(other.resets(&token), ResetOutcome::Reset);
    // Nothing of now or before; what comes after it is taken, once.
    assert_eq!(one.hears(&token, 0, &plain), used);
    for host in [&one, &other] {
        host.moves_to(4);
    }
    let code = one.reads(&token, 4);
    assert_eq!(one.hears(&token, 0, &code), None);
    assert_eq!(other.hears(&token, 0, &code), used);
}

/// A counter further ahead than is looked for is found by two codes in a row, for both hosts.
fn a_counter_is_found(open: &dyn Fn() -> Box<dyn Store>) {
    let token = Token::new(Kind::Counter);
    let [one, other] = [(); 2].map(|()| Host::new(open(), now(), RateLimits::unlimited()));
    let code = |round| one.reads(&token, round);
    let far = one.hears(&token, 0, &code(40));
    assert!(matches!(far, Some(Rejection::Wrong { .. })), "{far:?}");
    let found = other.engine.resynchronise(
        &*other.store,
        token.binding(0),
        Device::hotp(token.hotp(), 0),
        CodePair {
            codes: [&code(40), &code(41)],
            reach: 100,
        },
        Evidence::new(),
    );
    assert!(found.unwrap().is_accepted());
    let used = Some(Rejection::AlreadyUsed);
    assert_eq!(one.hears(&token, 0, &code(41)), used);
    assert_eq!(one.hears(&token, 0, &code(42)), None);
    assert_eq!(other.hears(&token, 0, &code(42)), used);
}

/// Two devices are one call: the second one's code is no wrong guess, a wrong text is one charge, and the user's
/// meter locks their devices but no code that is sent.
fn several_devices_are_one_charge(open: &dyn Fn() -> Box<dyn Store>) {
    let (first, second) = (Token::new(Kind::Steps), Token::new(Kind::Steps));
    let [one, other] = [(); 2].map(|()| Host::new(open(), now(), rate_limits()));
    let devices = [
        Device::totp(first.totp(), 1),
        Device::totp(second.totp(), 1),
    ];
    let binding = first.binding(0);
    let ask = |host: &Host, entered: &str| {
        let verdict =
            host.engine
                .verify_devices(&*host.store, binding, &devices, entered, Evidence::new());
        verdict.unwrap()
    };
    let code = one.reads(&second, 0);
    match ask(&one, &code) {
        Verdict::Accepted(accepted) => assert_eq!(accepted.device, 1),
        Verdict::Rejected(rejection) => panic!("{rejection:?}"),
    }
    let heard = ask(&other, &code).rejection();
    assert_eq!(heard, Some(Rejection::AlreadyUsed));
    for left in (0..15_u8).rev() {
        let host = [&one, &other][usize::from(left % 2)];
        let expected = Rejection::Wrong {
            attempts_left: left,
        };
        assert_eq!(ask(host, &wrong(&code)).rejection(), Some(expected));
    }
    for host in [&one, &other] {
        let heard = ask(host, &host.reads(&first, 0)).rejection();
        assert!(matches!(heard, Some(Rejection::Locked { .. })), "{heard:?}");
    }
    let sent = one.engine.issue(&*one.store, binding).unwrap();
    let sent = sent.issued().unwrap();
    let submission = Submission::new(binding, sent.code.as_str());
    let verdict = other.engine.verify(&*other.store, submission);
    assert!(verdict.unwrap().is_accepted());
}

/// The first second of a step: what a device shows does not change amid a trial.
fn now() -> Timestamp {
    let now = SystemClock::new().now().unwrap().unix();
    Timestamp::from_unix(now - now % 30)
}
