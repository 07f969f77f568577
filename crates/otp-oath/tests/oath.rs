//! OATH through the public API: the vectors of the RFCs, the ends of counters and time, and parsers
//! that take whatever comes.

#![allow(
    clippy::unwrap_used,
    reason = "a test's own tools: what fails there fails the test"
)]

use otp_oath::{
    Error, HashFunction, Hotp, Inputs, MAX_URI, Matched, Moving, Ocra, Pin, Reach, Secret, Suite,
    Timestamp, Totp, Uri,
};
use proptest::prelude::*;
use serde_json::Value;

const ALL: [HashFunction; 3] = [
    HashFunction::Sha1,
    HashFunction::Sha256,
    HashFunction::Sha512,
];

fn read(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

fn secret(value: &Value) -> Secret {
    Secret::new(value["secret"].as_str().unwrap().as_bytes()).unwrap()
}

fn algorithm(value: &Value) -> HashFunction {
    HashFunction::parse(value["algorithm"].as_str().unwrap()).unwrap()
}

fn small(value: &Value) -> u8 {
    value.as_u64().unwrap().try_into().unwrap()
}

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_unix(seconds)
}

fn hotp() -> Hotp {
    Hotp::new(
        &Secret::new(b"abcdefghijklmnopqrst").unwrap(),
        HashFunction::Sha1,
        6,
    )
    .unwrap()
}

fn totp(period: u32) -> Totp {
    Totp::new(
        &Secret::new(b"abcdefghijklmnopqrst").unwrap(),
        HashFunction::Sha256,
        6,
        period,
    )
    .unwrap()
}

/// A secret of so many bytes, as they come.
fn counted(length: usize) -> Vec<u8> {
    (0..=u8::MAX).cycle().take(length).collect()
}

/// A code one beside another.
fn beside(code: &str) -> String {
    let (rest, last) = code.split_at(code.len() - 1);
    format!("{rest}{}", (last.parse::<u32>().unwrap() + 1) % 10)
}

#[test]
fn codes_are_those_of_rfc_4226_appendix_d() {
    let file = read(include_str!("vectors/oath-hotp.json"));
    let hotp = Hotp::new(&secret(&file), algorithm(&file), small(&file["digits"])).unwrap();
    let codes = file["codes"].as_array().unwrap();
    assert_eq!(codes.len(), 10);
    for line in codes {
        let (counter, code) = (
            line["counter"].as_u64().unwrap(),
            line["code"].as_str().unwrap(),
        );
        assert_eq!(hotp.at(counter).as_str(), code);
        assert_eq!(hotp.verify(code, counter, 0), Some(counter));
        assert_eq!(hotp.verify(&beside(code), counter, 0), None);
    }
}

#[test]
fn codes_are_those_of_rfc_6238_appendix_b() {
    let file = read(include_str!("vectors/oath-totp.json"));
    let period = small(&file["period"]).into();
    let mut checked = 0;
    for key in file["keys"].as_array().unwrap() {
        let digits = small(&file["digits"]);
        let totp = Totp::new(&secret(key), algorithm(key), digits, period).unwrap();
        for line in key["codes"].as_array().unwrap() {
            let (time, code) = (
                line["time"].as_i64().unwrap(),
                line["code"].as_str().unwrap(),
            );
            assert_eq!(totp.at(at(time)).unwrap().as_str(), code);
            let step = u64::try_from(time / 30).unwrap();
            assert_eq!(totp.verify(code, at(time), 1), Some(step));
            assert_eq!(totp.verify(&beside(code), at(time), 1), None);
            checked += 1;
        }
    }
    assert_eq!(checked, 18);
}

#[test]
fn codes_are_those_of_rfc_6287_appendix_c() {
    let file = read(include_str!("vectors/oath-ocra.json"));
    let mut checked = 0;
    for group in file["groups"].as_array().unwrap() {
        let suite = Suite::parse(group["suite"].as_str().unwrap()).unwrap();
        let ocra = Ocra::new(&secret(group), suite);
        for line in group["codes"].as_array().unwrap() {
            let mut inputs = match line["mutual"].as_array() {
                Some(both) => Inputs::mutual(both[0].as_str().unwrap(), both[1].as_str().unwrap()),
                None => Inputs::new(line["question"].as_str().unwrap()),
            };
            if let Some(counter) = line["counter"].as_u64() {
                inputs = inputs.counter(counter);
            }
            if let Some(pin) = group["pin"].as_str() {
                inputs = inputs.pin(Pin::Text(pin));
            }
            if let Some(time) = group["time"].as_i64() {
                inputs = inputs.now(at(time));
            }
            let code = line["code"].as_str().unwrap();
            assert_eq!(ocra.generate(&inputs).unwrap().as_str(), code, "{line}");
            let verify = |code: &str| ocra.verify(code, &inputs, Reach::default()).unwrap();
            assert!(verify(code).is_some());
            assert_eq!(verify(&beside(code)), None);
            checked += 1;
        }
    }
    assert_eq!(checked, 70);
}

#[test]
fn a_window_finds_what_is_in_it_and_nothing_beside() {
    let hotp = hotp();
    for ahead in 0..12 {
        let found = hotp.verify(hotp.at(1000 + ahead).as_str(), 1000, 10);
        assert_eq!(found, (ahead <= 10).then_some(1000 + ahead));
    }
    assert_eq!(hotp.verify(hotp.at(999).as_str(), 1000, 10), None);
    let totp = totp(30);
    for step in 95..=105 {
        let code = totp.at(at(30 * step)).unwrap();
        for now in [3000, 3029, 3030] {
            let centre = now / 30;
            let inside = (centre - 3..=centre + 3).contains(&step);
            let found = totp.verify(code.as_str(), at(now), 3);
            assert_eq!(found, inside.then_some(step.unsigned_abs()));
        }
    }
}

#[test]
fn windows_end_where_counters_and_time_do() {
    let hotp = hotp();
    for counter in [u64::MAX, u64::MAX - 1, u64::MAX - 300, 0] {
        let code = hotp.at(counter);
        assert_eq!(hotp.verify(code.as_str(), counter, u8::MAX), Some(counter));
        assert_eq!(hotp.verify("999999x", counter, u8::MAX), None);
    }
    let last = hotp.at(u64::MAX);
    assert_eq!(
        hotp.verify(last.as_str(), u64::MAX - 3, u8::MAX),
        Some(u64::MAX)
    );
    // The first counter is not the one after the last.
    assert_eq!(hotp.verify(hotp.at(0).as_str(), u64::MAX, u8::MAX), None);
    for period in [1, 30, 86_400] {
        let totp = totp(period);
        for end in [0, 1, 29, i64::MAX, i64::MAX - 1] {
            let code = totp.at(at(end)).unwrap();
            let step = (end / i64::from(period)).unsigned_abs();
            for window in [0, 1, u8::MAX] {
                assert_eq!(totp.verify(code.as_str(), at(end), window), Some(step));
            }
        }
        for before in [-1, -86_400, i64::MIN, i64::MIN + 1] {
            assert!(totp.at(at(before)).is_none());
            assert_eq!(totp.verify("000000", at(before), 0), None);
            let _ = totp.verify("000000", at(before), u8::MAX);
            let _ = totp.resynchronise("000000", "000000", at(before), u16::MAX);
        }
        // A step before 1970 sees the first one.
        let first = totp.at(at(0)).unwrap();
        assert_eq!(totp.verify(first.as_str(), at(-1), 1), Some(0));
        assert_eq!(totp.verify(first.as_str(), at(-1), 0), None);
    }
}

#[test]
fn two_codes_in_a_row_find_a_device_that_is_far_off() {
    let (hotp, totp) = (hotp(), totp(30));
    let code = |counter| hotp.at(counter);
    let find = |first: u64, second: u64, from, far| {
        hotp.resynchronise(code(first).as_str(), code(second).as_str(), from, far)
    };
    assert_eq!(find(500, 501, 10, 490), Some(501));
    assert_eq!(find(500, 501, 10, 489), None);
    assert_eq!(find(500, 501, 500, 0), Some(501));
    assert_eq!(find(500, 501, 501, 1000), None);
    assert_eq!(find(500, 502, 10, 1000), None);
    assert_eq!(find(501, 500, 10, 1000), None);
    let last = u64::MAX;
    assert_eq!(find(last - 1, last, last - 1, u16::MAX), Some(last));
    assert_eq!(find(last, 0, last, u16::MAX), None);
    assert_eq!(hotp.resynchronise("123456", "x", 0, 9), None);

    let step = |step: i64| totp.at(at(30 * step)).unwrap();
    let find = |first: i64, second: i64, far| {
        let (first, second) = (step(first), step(second));
        totp.resynchronise(first.as_str(), second.as_str(), at(30_000), far)
    };
    assert_eq!(find(900, 901, 100), Some(901));
    assert_eq!(find(1100, 1101, 100), Some(1101));
    assert_eq!(find(1100, 1101, 99), None);
    assert_eq!(find(1101, 1100, 200), None);
    assert_eq!(find(1000, 1000, 200), None);
}

#[test]
fn digits_keys_and_periods_out_of_bounds_are_refused() {
    let secret = Secret::new(&counted(16)).unwrap();
    for digits in 0..=u8::MAX {
        let made = Hotp::new(&secret, HashFunction::Sha1, digits);
        assert_eq!(made.is_ok(), (6..=10).contains(&digits), "{digits}");
        if let Ok(hotp) = made {
            assert_eq!(hotp.at(0).as_str().len(), usize::from(digits));
            assert_eq!(hotp.findings().count(), usize::from(digits > 8), "{digits}");
        }
    }
    let refused = Hotp::new(&secret, HashFunction::Sha1, 5).unwrap_err();
    assert_eq!(refused.to_string(), "digits is 5; it must be 6 to 10");
    let refused = Secret::new(&counted(15)).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "the secret is 15 bytes; it must be 16 to 1024 bytes"
    );
    assert!(Secret::new(&counted(1024)).is_ok() && Secret::new(&counted(1025)).is_err());
    for (seconds, ok) in [
        (0, false),
        (1, true),
        (86_400, true),
        (86_401, false),
        (u32::MAX, false),
    ] {
        assert_eq!(
            Totp::new(&secret, HashFunction::Sha1, 6, seconds).is_ok(),
            ok,
            "{seconds}"
        );
    }
}

#[test]
fn ten_digits_are_31_bits_and_no_more() {
    let hotp = Hotp::new(
        &Secret::new(&counted(64)).unwrap(),
        HashFunction::Sha512,
        10,
    )
    .unwrap();
    for counter in 0..200 {
        let code = hotp.at(counter);
        assert!(code.as_str().parse::<u64>().unwrap() <= i32::MAX.unsigned_abs().into());
        assert_eq!(hotp.verify(code.as_str(), counter, 0), Some(counter));
        let ahead = format!("9{}", &code.as_str()[1..]);
        assert_eq!(hotp.verify(&ahead, counter, 0), None);
    }
}

#[test]
fn what_is_shown_holds_no_secret() {
    let secret = Secret::from_base32("PPPPPPPPPPPPPPPPPPPPPPPPPPPPPPPP").unwrap();
    let suite = Suite::parse("OCRA-1:HOTP-SHA1-6:QN08-PSHA1").unwrap();
    let uri = Uri::new(Moving::Counter { first: 3 }, None, "ann", secret.clone()).unwrap();
    let inputs = Inputs::new("1").pin(Pin::Text("0042")).session(b"sid");
    let shown = format!(
        "{secret:?} {:?} {:?} {:?} {uri:?} {inputs:?} {:?}",
        hotp(),
        totp(30),
        Ocra::new(&secret, suite),
        Pin::Text("0042"),
    );
    for hidden in ["PPPP", "123, 222", "0042", "sid", "abcd", "97, 98"] {
        assert!(!shown.contains(hidden), "{shown}");
    }
}

#[test]
fn suites_are_read_as_rfc_6287_writes_them() {
    for (text, counter, pin, session, step) in [
        ("OCRA-1:HOTP-SHA1-6:QN08", false, None, None, None),
        (
            "OCRA-1:HOTP-SHA512-10:C-QA64-PSHA512-S512-T48H",
            true,
            Some(HashFunction::Sha512),
            Some(512),
            Some(48 * 3600),
        ),
        (
            "OCRA-1:HOTP-SHA256-8:QH04-S064",
            false,
            None,
            Some(64),
            None,
        ),
        (
            "OCRA-1:HOTP-SHA256-8:QH16-T59S",
            false,
            None,
            None,
            Some(59),
        ),
        (
            "OCRA-1:HOTP-SHA256-9:C-QH16-T1M",
            true,
            None,
            None,
            Some(60),
        ),
    ] {
        let suite = Suite::parse(text).unwrap();
        assert_eq!(
            (suite.counter(), suite.pin(), suite.session(), suite.step()),
            (counter, pin, session, step)
        );
        assert_eq!(suite.as_str(), text);
    }
    for text in [
        "",
        "OCRA-1",
        "OCRA-1:HOTP-SHA1-6",
        "OCRA-2:HOTP-SHA1-6:QN08",
        "ocra-1:HOTP-SHA1-6:QN08",
        "OCRA-1:HOTP-SHA1-6:QN08:",
        "OCRA-1:HOTP-SHA1-4:QN08",
        "OCRA-1:HOTP-SHA1-0:QN08",
        "OCRA-1:HOTP-SHA1-11:QN08",
        "OCRA-1:HOTP-SHA1-06:QN08",
        "OCRA-1:HOTP-SHA1-+6:QN08",
        "OCRA-1:HOTP-sha1-6:QN08",
        "OCRA-1:HOTP-MD5-6:QN08",
        "OCRA-1:TOTP-SHA1-6:QN08",
        "OCRA-1:HOTP-SHA1-6:",
        "OCRA-1:HOTP-SHA1-6:C",
        "OCRA-1:HOTP-SHA1-6:QN",
        "OCRA-1:HOTP-SHA1-6:QN8",
        "OCRA-1:HOTP-SHA1-6:QN03",
        "OCRA-1:HOTP-SHA1-6:QN65",
        "OCRA-1:HOTP-SHA1-6:QX08",
        "OCRA-1:HOTP-SHA1-6:QN08-C",
        "OCRA-1:HOTP-SHA1-6:QN08-P",
        "OCRA-1:HOTP-SHA1-6:QN08-Psha1",
        "OCRA-1:HOTP-SHA1-6:QN08-S",
        "OCRA-1:HOTP-SHA1-6:QN08-S64",
        "OCRA-1:HOTP-SHA1-6:QN08-S000",
        "OCRA-1:HOTP-SHA1-6:QN08-S513",
        "OCRA-1:HOTP-SHA1-6:QN08-T",
        "OCRA-1:HOTP-SHA1-6:QN08-T0H",
        "OCRA-1:HOTP-SHA1-6:QN08-T49H",
        "OCRA-1:HOTP-SHA1-6:QN08-T60M",
        "OCRA-1:HOTP-SHA1-6:QN08-T60S",
        "OCRA-1:HOTP-SHA1-6:QN08-T01M",
        "OCRA-1:HOTP-SHA1-6:QN08-T1D",
        "OCRA-1:HOTP-SHA1-6:QN08-T1M-PSHA1",
        "OCRA-1:HOTP-SHA1-6:C-C-QN08",
        "OCRA-1:HOTP-SHA1-6:QN08-",
        "OCRA-1:HOTP-SHA1-6:Q\u{e9}08",
    ] {
        assert!(matches!(Suite::parse(text), Err(Error::Suite(_))), "{text}");
    }
}

#[test]
fn inputs_are_exactly_those_of_the_suite() {
    let secret = Secret::new(&counted(32)).unwrap();
    let suite = Suite::parse("OCRA-1:HOTP-SHA256-8:C-QH08-PSHA256-S010-T1M").unwrap();
    let (all, none) = (
        Ocra::new(&secret, suite),
        Ocra::new(&secret, Suite::parse("OCRA-1:HOTP-SHA256-8:QH08").unwrap()),
    );
    let pin = Pin::Text("1234");
    let question = || Inputs::new("12ab");
    let full = || question().counter(7).pin(pin).session(b"s").now(at(600));
    let whole = all.generate(&full()).unwrap();
    let short = |inputs: Inputs<'_>, named: &str| {
        let refused = all.generate(&inputs).err().unwrap();
        assert!(refused.to_string().starts_with(named), "{refused}");
        assert_eq!(
            all.verify("12345678", &inputs, Reach::default())
                .unwrap_err(),
            refused
        );
    };
    short(
        question().pin(pin).session(b"s").now(at(600)),
        "counter is missing",
    );
    short(
        question().counter(7).session(b"s").now(at(600)),
        "pin is missing",
    );
    short(
        question().counter(7).pin(pin).now(at(600)),
        "session is missing",
    );
    short(
        question().counter(7).pin(pin).session(b"s"),
        "time is missing",
    );
    short(full().session(b"eleven byte"), "session is longer");
    short(full().pin(Pin::Digest(&[1; 20])), "pin is no digest");
    for (extra, named) in [
        (question().counter(7), "counter is given"),
        (question().pin(pin), "pin is given"),
        (question().session(b"s"), "session is given"),
        (question().now(at(600)), "time is given"),
        (Inputs::new(""), "question is empty"),
        (Inputs::new("123456789"), "question is empty, or longer"),
        (Inputs::mutual("12345678", ""), "question is empty"),
        (
            Inputs::mutual("12345678", "123456789"),
            "question is empty, or longer",
        ),
        (Inputs::new("12345g"), "question has a character"),
    ] {
        let refused = none.generate(&extra).err().unwrap();
        assert!(refused.to_string().starts_with(named), "{refused}");
    }
    assert!(
        none.generate(&Inputs::mutual("12345678", "12345678"))
            .is_ok()
    );
    assert_eq!(
        all.generate(&full().now(at(-1))).err().unwrap().to_string(),
        "time lies before 1970, where there are no steps"
    );
    // A host that keeps the digest alone gets the same code; each input changes it.
    let digest = <sha2::Sha256 as sha2::Digest>::digest(b"1234");
    let by_digest = full().pin(Pin::Digest(&digest));
    assert_eq!(all.generate(&by_digest).unwrap().as_str(), whole.as_str());
    for other in [
        full().counter(8),
        full().pin(Pin::Text("1235")),
        full().session(b"t"),
        full().now(at(660)),
    ] {
        assert_ne!(all.generate(&other).unwrap().as_str(), whole.as_str());
    }
}

#[test]
fn an_ocra_code_is_looked_for_over_counters_and_steps() {
    let secret = Secret::new(&counted(32)).unwrap();
    let suite = Suite::parse("OCRA-1:HOTP-SHA256-8:C-QH08-T1M").unwrap();
    let ocra = Ocra::new(&secret, suite);
    let inputs = |counter, step| Inputs::new("12ab").counter(counter).now(at(60 * step));
    let reach = Reach {
        look_ahead: 5,
        window: 2,
    };
    for (counter, step) in [
        (7, 100),
        (12, 102),
        (9, 98),
        (13, 100),
        (7, 103),
        (6, 100_i64),
    ] {
        let code = ocra.generate(&inputs(counter, step)).unwrap();
        let found = ocra.verify(code.as_str(), &inputs(7, 100), reach).unwrap();
        let inside = (7..=12).contains(&counter) && (98..=102).contains(&step);
        assert_eq!(found.is_some(), inside);
        if let Some(Matched {
            counter: at_counter,
            step: at_step,
            ..
        }) = found
        {
            assert_eq!(at_counter, Some(counter));
            assert_eq!(at_step, Some(step.unsigned_abs()));
        }
    }
    let last = ocra.generate(&inputs(u64::MAX, 0)).unwrap();
    let found = ocra.verify(last.as_str(), &inputs(u64::MAX - 1, -1), reach);
    assert_eq!(found.unwrap().unwrap().counter, Some(u64::MAX));
}

#[test]
fn uris_as_others_write_them_are_read() {
    const SECRET: &str = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP";
    for (text, moving, issuer, account, hash, digits) in [
        (
            "otpauth://totp/Example:alice@google.com?secret=$&issuer=Example",
            Moving::Time { period: 30 },
            Some("Example"),
            "alice@google.com",
            HashFunction::Sha1,
            6,
        ),
        (
            "otpauth://totp/ACME%20Co:john.doe@email.com?secret=$&issuer=ACME%20Co&algorithm=SHA512&digits=8&period=60",
            Moving::Time { period: 60 },
            Some("ACME Co"),
            "john.doe@email.com",
            HashFunction::Sha512,
            8,
        ),
        (
            "otpauth://totp/Big%20Corporation%3A%20alice%40bigco.com?secret=$",
            Moving::Time { period: 30 },
            Some("Big Corporation"),
            "alice@bigco.com",
            HashFunction::Sha1,
            6,
        ),
        (
            "OTPAUTH://HOTP/ann?SECRET=$&Counter=18446744073709551615",
            Moving::Counter { first: u64::MAX },
            None,
            "ann",
            HashFunction::Sha1,
            6,
        ),
        (
            "otpauth://totp/a+b@c.d?secret=$&issuer=A+B&image=http%3A%2F%2Fx&&lonely",
            Moving::Time { period: 30 },
            Some("A B"),
            "a+b@c.d",
            HashFunction::Sha1,
            6,
        ),
        (
            "otpauth://totp/a?secret=$&image=x#y&digits=8",
            Moving::Time { period: 30 },
            None,
            "a",
            HashFunction::Sha1,
            6,
        ),
        (
            "otpauth://totp/ACME:ann%3Abob?secret=$&issuer=&digits=&algorithm=&period=&encoder=",
            Moving::Time { period: 30 },
            Some("ACME"),
            "ann:bob",
            HashFunction::Sha1,
            6,
        ),
        (
            "otpauth://totp/ACME+Bank%3Aa+b?secret=$&issuer=ACME+Bank",
            Moving::Time { period: 30 },
            Some("ACME Bank"),
            "a+b",
            HashFunction::Sha1,
            6,
        ),
        (
            "otpauth://totp/%C3%A9?secret=$====&algorithm=sha256",
            Moving::Time { period: 30 },
            None,
            "\u{e9}",
            HashFunction::Sha256,
            6,
        ),
    ] {
        let uri = Uri::parse(&text.replace('$', SECRET)).unwrap();
        assert_eq!(
            (uri.moving(), uri.issuer(), uri.account()),
            (moving, issuer, account)
        );
        assert_eq!((uri.hash(), uri.code_digits()), (hash, digits));
        assert_eq!(&**uri.secret().to_base32(), SECRET);
        assert_eq!(
            uri.hotp().is_some(),
            matches!(moving, Moving::Counter { .. })
        );
        assert_eq!(uri.totp().is_some(), matches!(moving, Moving::Time { .. }));
        assert_eq!(Uri::parse(&uri.to_text()).unwrap(), uri);
    }
    for text in [
        "",
        "otpauth://",
        "otpauth://totp",
        "http://totp/a?secret=$",
        "otpauth://totp/a",
        "otpauth://totp/a?",
        "otpauth://totp/a?issuer=x",
        "otpauth://yaotp/a?secret=$",
        "otpauth://hotp/a?secret=$",
        "otpauth://totp/?secret=$",
        "otpauth://totp/%20?secret=$",
        "otpauth://totp/x:?secret=$",
        "otpauth://totp/:a?secret=$",
        "otpauth://totp/x:a?secret=$&issuer=y",
        "otpauth://totp/a:b:c?secret=$",
        "otpauth://totp/a?secret=$&secret=$",
        "otpauth://totp/a?secret=$&digits=5",
        "otpauth://totp/a?secret=$&digits=11",
        "otpauth://totp/a?secret=$&digits=+6",
        "otpauth://totp/a?secret=$&digits=%2B6",
        "otpauth://totp/a?secret=$&period=0",
        "otpauth://totp/a?secret=$&period=4294967296",
        "otpauth://hotp/a?secret=$&counter=18446744073709551616",
        "otpauth://totp/a?secret=$&algorithm=MD5",
        "otpauth://totp/a#b?secret=$",
        "otpauth://totp/a?secret=$&digits=&digits=8",
        "otpauth://totp/AC%3AME:ann?secret=$",
        "otpauth://totp/a?secret=$&encoder=steam",
        "otpauth://totp/Steam:a?secret=$&issuer=Steam&ENCODER=%73team",
        "otpauth://totp/ACME+Bank:a?secret=$&issuer=ACME%2BBanks",
        "otpauth://totp/%zz?secret=$",
        "otpauth://totp/%4?secret=$",
        "otpauth://totp/%ff?secret=$",
        "otpauth://totp/%0a?secret=$",
        "otpauth://totp/a?secret=JBSWY3DPEHPK3PXP",
        "otpauth://totp/a?secret=$1",
    ] {
        assert!(Uri::parse(&text.replace('$', SECRET)).is_err(), "{text}");
    }
    let long = format!("otpauth://totp/{}?secret={SECRET}", "a".repeat(8192));
    assert_eq!(
        Uri::parse(&long).unwrap_err().to_string(),
        "the uri is too long; it must be at most 8192 bytes"
    );
}

/// The product overflowed before the bound was looked at: a panic where overflows are checked.
#[test]
fn case_375_a_step_of_an_ocra_suite_that_is_far_too_long_is_refused() {
    for step in ["99999995M", "4294967295H", "4294967295S", "60M", "0M", "M"] {
        let suite = format!("OCRA-1:HOTP-SHA512-8:QN08-T{step}");
        assert!(Suite::parse(&suite).is_err(), "{step}");
    }
    let longest = Suite::parse("OCRA-1:HOTP-SHA512-8:QN08-T48H").unwrap();
    assert_eq!(longest.step(), Some(48 * 3600));
}

/// Of every member the longest there is, and each of its bytes one that is written as three.
#[test]
fn case_373_the_longest_uri_that_is_written_is_read() {
    let name = "\u{e9}".repeat(128);
    let bytes: Vec<u8> = (0..1024_u32).map(|at| (at % 251) as u8).collect();
    let image = format!("https://{}", "\"".repeat(504));
    for moving in [
        Moving::Counter { first: u64::MAX },
        Moving::Time { period: 3600 },
    ] {
        let secret = Secret::new(&bytes).unwrap();
        let uri = Uri::new(moving, Some(&name), &name, secret).unwrap();
        let uri = uri.algorithm(HashFunction::Sha512).digits(10).unwrap();
        let uri = uri.image(&image).unwrap();
        let text = uri.to_text();
        assert!(text.len() > 5_500 && text.len() <= MAX_URI);
        assert_eq!(Uri::parse(&text).unwrap(), uri);
    }
}

#[test]
fn case_116_a_secret_that_nobody_drew_is_refused() {
    for length in [16, 20, 64, 1024] {
        for byte in [0, 1, 0x7F, 0xFF] {
            let mut secret = vec![byte; length];
            assert_eq!(Secret::new(&secret).unwrap_err(), Error::ConstantSecret);
            assert_eq!(Secret::legacy(&secret).unwrap_err(), Error::ConstantSecret);
            for place in [0, length / 2, length - 1] {
                for bit in 0..8 {
                    secret[place] ^= 1 << bit;
                    assert!(Secret::new(&secret).is_ok(), "{place} {bit}");
                    secret[place] ^= 1 << bit;
                }
            }
        }
    }
    let text = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
    assert_eq!(
        Secret::from_base32(text).unwrap_err(),
        Error::ConstantSecret
    );
    let uri = format!("otpauth://totp/a?secret={text}");
    assert_eq!(Uri::parse(&uri).unwrap_err(), Error::ConstantSecret);
}

#[test]
fn case_117_short_secrets_are_taken_by_those_who_say_so() {
    let text = "JBSWY3DPEHPK3PXP"; // ten bytes, as authenticators were once given
    let refused = Secret::from_base32(text).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "the secret is 10 bytes; it must be 16 to 1024 bytes"
    );
    let old = Secret::legacy_from_base32(text).unwrap();
    assert_eq!(old.as_bytes().len(), 10);
    let refused = Secret::legacy(&counted(9)).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "the secret is 9 bytes; it must be 10 to 1024 bytes"
    );
    let uri = format!("otpauth://totp/ACME:ann?secret={text}&issuer=ACME");
    assert!(Uri::parse(&uri).is_err());
    let read = Uri::parse_legacy(&uri).unwrap();
    assert_eq!(read.secret().as_bytes(), old.as_bytes());
    assert_eq!(Uri::parse_legacy(&read.to_text()).unwrap(), read);
    // What Python's hmac, cut as RFC 4226 has it, says at this second.
    let code = read.totp().unwrap().at(at(1_111_111_109)).unwrap();
    assert_eq!(code.as_str(), "071271");
}

#[test]
fn case_118_an_image_is_built_and_read_and_its_fragment_is_no_parameter() {
    let secret = Secret::new(&counted(20)).unwrap();
    let uri = Uri::new(Moving::Time { period: 30 }, Some("ACME"), "ann", secret).unwrap();
    let url = "https://acme.example/logo.png?size=64&dark=1";
    let with = uri.clone().image(url).unwrap();
    let text = with.to_text();
    assert!(text.ends_with("&image=https%3A%2F%2Facme.example%2Flogo.png%3Fsize%3D64%26dark%3D1"));
    let read = Uri::parse(&text).unwrap();
    assert_eq!((read.image_url(), &read), (Some(url), &with));
    assert_ne!(read, uri);
    let long = format!("https://{}", "a".repeat(505));
    for unfit in [
        "",
        "http://a/b",
        "https://",
        "https://a b",
        "https://\u{e9}/",
        &long,
    ] {
        assert!(uri.clone().image(unfit).is_err(), "{unfit}");
        let mut text = uri.to_text().to_string();
        text.push_str("&image=");
        text.push_str(unfit);
        assert_eq!(Uri::parse(&text).unwrap(), uri, "an app need not show it");
    }
}

/// Texts near to URIs: whole ones with a piece changed.
fn nearly_uri() -> impl Strategy<Value = String> {
    let piece = "(otpauth://|OTPAUTH://|[tThH]otp|/|\\?|&|=|%[0-9a-fA-F]{0,2}|:|secret=[A-Za-z2-7=]{0,40}|\
                 issuer=[a-z%+]{0,6}|(digits|period|counter)=[0-9+-]{0,21}|algorithm=SHA(1|256|512)|\\PC)";
    prop::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn no_text_makes_the_parsers_panic_and_what_is_read_is_written_the_same(
        text in prop_oneof![any::<String>(), nearly_uri()],
        bytes in prop::collection::vec(any::<u8>(), 0..80),
    ) {
        for text in [text, String::from_utf8_lossy(&bytes).into_owned()] {
            let _ = Suite::parse(&text);
            if let Ok(secret) = Secret::from_base32(&text) {
                let again = Secret::from_base32(&secret.to_base32()).unwrap();
                prop_assert_eq!(again.as_bytes(), secret.as_bytes());
            }
            if let Ok(uri) = Uri::parse(&text) {
                prop_assert_eq!(Uri::parse(&uri.to_text()).unwrap(), uri);
            }
        }
    }

    #[test]
    fn every_credential_survives_its_uri(
        bytes in prop::collection::vec(any::<u8>(), 16..100),
        issuer in prop::option::of("\\PC{0,20}"),
        account in "\\PC{0,20}",
        (digits, hash) in (6..=10_u8, 0..3_usize),
        moving in prop_oneof![
            any::<u64>().prop_map(|first| Moving::Counter { first }),
            (1..=86_400_u32).prop_map(|period| Moving::Time { period }),
        ],
    ) {
        let secret = Secret::new(&bytes).unwrap();
        if let Ok(uri) = Uri::new(moving, issuer.as_deref(), &account, secret) {
            let uri = uri.algorithm(ALL[hash]).digits(digits).unwrap();
            prop_assert_eq!(Uri::parse(&uri.to_text()).unwrap(), uri);
        }
    }

    #[test]
    fn a_secret_reads_however_it_is_spaced_and_cased(
        bytes in prop::collection::vec(any::<u8>(), 16..64),
        noise in prop::collection::vec((any::<bool>(), "[ \\t\\n]{0,2}"), 110),
        padded in any::<bool>(),
    ) {
        let secret = Secret::new(&bytes).unwrap();
        let text = secret.to_base32();
        let mut spaced = String::new();
        for (symbol, (lower, space)) in text.chars().zip(&noise) {
            spaced.push(if *lower { symbol.to_ascii_lowercase() } else { symbol });
            spaced.push_str(space);
        }
        if padded {
            spaced.push_str(&"=".repeat((8 - text.len() % 8) % 8));
        }
        let read = Secret::from_base32(&spaced).unwrap();
        prop_assert_eq!(read.as_bytes(), &*bytes);
    }

    #[test]
    fn what_a_device_shows_is_found_wherever_it_stands(
        bytes in prop::collection::vec(any::<u8>(), 16..150),
        (digits, hash) in (6..=10_u8, 0..3_usize),
        counter in prop_oneof![any::<u64>(), 0..300_u64, u64::MAX - 300..=u64::MAX],
        ahead in 0..=20_u8,
    ) {
        let secret = Secret::new(&bytes).unwrap();
        let hotp = Hotp::new(&secret, ALL[hash], digits).unwrap();
        let code = hotp.at(counter.saturating_add(ahead.into()));
        let found = hotp.verify(code.as_str(), counter, 20).unwrap();
        prop_assert!(found <= counter.saturating_add(ahead.into()));
        let again = hotp.at(found);
        prop_assert_eq!(again.as_str(), code.as_str());
        prop_assert_eq!(hotp.verify(&beside(code.as_str()), found, 0), None);
    }
}

#[test]
fn case_420_no_parameter_is_passed_over_for_how_it_is_written() {
    let text =
        |rest: &str| format!("otpauth://totp/A:b?secret=JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP&{rest}");
    let digits = |rest: &str| Uri::parse(&text(rest)).unwrap().code_digits();
    assert_eq!(digits("%64igits=8"), 8);
    assert_eq!(digits("DIGIT%53=%38"), 8);
    for refused in [
        "%65ncoder=steam",
        "digits=6&%64igits=8",
        "amp;digits=8",
        "%zz=1",
    ] {
        assert!(Uri::parse(&text(refused)).is_err(), "{refused}");
    }
}
