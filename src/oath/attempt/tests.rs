//! Tests of what an entered code is.

use alloc::format;

use super::*;
use crate::oath::{Secret, Suite};

const MOMENT: Moment = Moment {
    now: Timestamp::from_unix(0),
    epoch: 0,
    began: Timestamp::from_unix(0),
};

#[test]
fn a_wrong_answer_to_a_question_uses_nothing_up_and_two_codes_are_no_answer() {
    let suite = Suite::parse("OCRA-1:HOTP-SHA1-6:QN08").unwrap();
    let ocra = Ocra::new(&Secret::new(b"abcdefghijklmnopqrst").unwrap(), suite);
    let right = ocra.generate(&Inputs::new("12345678")).unwrap();
    let right = right.as_str();
    let last = if right.ends_with('7') { "8" } else { "7" };
    let wrong = format!("{}{last}", &right[..5]);
    let device = Device::ocra(&ocra, OcraOptions::new());
    let none = Credential::default();
    let judge = |entered: &str, is_marked| {
        let attempt = Attempt::one(device, entered.as_bytes(), "12345678".into()).unwrap();
        attempt.judge(attempt.entry().unwrap(), &none, is_marked, MOMENT)
    };
    let fresh = judge(right, false);
    assert!(matches!(&fresh, Found::Fresh(fresh) if fresh.matched.is_none()));
    assert_eq!(judge(&wrong, false), Found::Wrong);
    assert_eq!(judge(right, true), Found::Used);
    assert_eq!(judge(&wrong, true), Found::Wrong);

    let attempt = Attempt::one(device, right.as_bytes(), "12345678".into()).unwrap();
    let Some(EnteredCode::One(entry)) = attempt.entry() else {
        panic!("it is one code");
    };
    let pair = EnteredCode::Two([entry, entry]);
    assert_eq!(attempt.judge(pair, &none, false, MOMENT), Found::Wrong);
}

#[test]
fn distances_end_where_they_have_room() {
    assert_eq!(distance(101, 100), 1);
    assert_eq!(distance(99, 100), -1);
    assert_eq!(distance(u64::MAX, i64::MIN), i32::MAX);
    assert_eq!(distance(0, i64::MAX), i32::MIN);
}

#[test]
fn a_counter_begins_where_the_host_says_or_after_the_last_whichever_is_later() {
    assert_eq!(next_counter(None, 7), Some(7));
    assert_eq!(next_counter(Some(3), 7), Some(7));
    assert_eq!(next_counter(Some(7), 7), Some(8));
    assert_eq!(next_counter(Some(u64::MAX), 7), None);
}

#[test]
fn scripts_are_mixed_where_either_code_mixes_them() {
    let plain = Entry::parse(b"123456", 6).unwrap();
    let mixed = Entry::parse("12345\u{666}".as_bytes(), 6).unwrap();
    let of = |pair| EnteredCode::Two(pair).mixed_scripts();
    assert!(of([mixed, plain]) && of([plain, mixed]) && of([mixed, mixed]));
    assert!(!of([plain, plain]));
}

#[test]
fn an_answer_is_looked_for_where_the_clock_of_its_device_is_known_to_be() {
    let suite = Suite::parse("OCRA-1:HOTP-SHA1-6:QN08-T30S").unwrap();
    let ocra = Ocra::new(&Secret::new(b"abcdefghijklmnopqrst").unwrap(), suite);
    let device = Device::ocra(&ocra, OcraOptions::new());
    let judge = |steps| {
        let mut known = Credential::default();
        known.drift.steps = steps;
        let at = Timestamp::from_unix(3_600 + 30 * 40);
        let entered = ocra.generate(&Inputs::new("12345678").now(at)).unwrap();
        let attempt = Attempt::one(device, entered.as_str().as_bytes(), "12345678".into()).unwrap();
        let now = Timestamp::from_unix(3_600);
        let moment = Moment {
            now,
            began: now,
            ..MOMENT
        };
        attempt.judge(attempt.entry().unwrap(), &known, false, moment)
    };
    assert!(matches!(judge(40), Found::Fresh(_)));
    assert_eq!(judge(0), Found::Wrong);
}
