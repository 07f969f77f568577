//! `otp ocra`

use otp_engine_testkit::Folder;
use serde_json::json;

use crate::{json, otp, private, told};

/// The secrets of RFC 6287, appendix C, in hexadecimal digits.
const SHORT: &str = "3132333435363738393031323334353637383930";
const LONG: &str = "3132333435363738393031323334353637383930313233343536373839303132";
const LONGEST: &str = "31323334353637383930313233343536373839303132333435363738393031323334353637383930\
                       313233343536373839303132333435363738393031323334";
/// SHA-1 of the PIN 1234.
const PIN_HASH: &str = "7110eda4d09e062aa5e4a390b0a572ac0d2c0220";

/// The answers of RFC 6287, appendix C: counters, PINs, times, and questions of both sides.
#[test]
fn case_504_the_answers_of_the_rfc_are_made_and_checked() {
    let (one, both, signature) = (
        "OCRA-1:HOTP-SHA256-8",
        "OCRA-1:HOTP-SHA512-8",
        "OCRA-1:HOTP-SHA512-8:QA10-T1M",
    );
    let time = "2008-03-25T12:06:00Z"; // step 0x132d0b6
    for (secret, suite, arguments, pin, answer) in [
        (
            SHORT,
            "OCRA-1:HOTP-SHA1-6:QN08",
            &["--question", "00000000"][..],
            None,
            "237653",
        ),
        (
            SHORT,
            "OCRA-1:HOTP-SHA1-6:QN08",
            &["--question", "99999999"],
            None,
            "294470",
        ),
        (
            LONG,
            &format!("{one}:C-QN08-PSHA1"),
            &["--question", "12345678", "--counter", "0"],
            Some("1234"),
            "65347737",
        ),
        (
            LONG,
            &format!("{one}:C-QN08-PSHA1"),
            &["--question", "12345678", "--counter", "9"],
            Some(PIN_HASH),
            "08522129",
        ),
        (
            LONG,
            &format!("{one}:QN08-PSHA1"),
            &["--question", "44444444"],
            Some("1234"),
            "86807031",
        ),
        (
            LONGEST,
            &format!("{both}:C-QN08"),
            &["--question", "00000000", "--counter", "00000"],
            None,
            "07016083",
        ),
        (
            LONGEST,
            &format!("{both}:QN08-T1M"),
            &["--question", "00000000", "--now", time],
            None,
            "95209754",
        ),
        (
            LONG,
            &format!("{one}:QA08"),
            &["--question", "CLI22220", "--second", "SRV11110"],
            None,
            "28247970",
        ),
        (
            LONG,
            &format!("{one}:QA08"),
            &["--question", "SIG10000"],
            None,
            "53095496",
        ),
        (
            LONGEST,
            signature,
            &["--question", "SIG1000000", "--now", time],
            None,
            "77537423",
        ),
    ] {
        let mut all = vec!["ocra", "--hex", "--suite", suite];
        all.extend(arguments);
        if pin.is_some() {
            all.extend(["--pin", "-"]);
        }
        if pin == Some(PIN_HASH) {
            all.push("--pin-hash");
        }
        let stdin = format!("{secret}\n{}\n", pin.unwrap_or_default());
        told(&otp(&all, &stdin), 0, &[&format!("{answer}\n")]);
        all.push(answer);
        told(&otp(&all, &stdin), 0, &["valid\n"]);
        *all.last_mut().unwrap() = "12345678";
        told(&otp(&all, &stdin), 2, &["not valid"]);
    }
}

#[test]
fn windows_of_counters_and_steps_are_looked_at() {
    let counter = [
        "ocra",
        "--hex",
        "--suite",
        "OCRA-1:HOTP-SHA512-8:C-QN08",
        "--question",
        "00000000",
        "--counter",
        "0",
    ];
    // That of counter 1 answers the question 11111111 in the RFC; here one more is made and found.
    let made = otp(&[&counter[..7], &["3"]].concat(), LONGEST).stdout;
    let code = made.trim();
    told(
        &otp(
            &[&counter, &["--look-ahead", "2", code][..]].concat(),
            LONGEST,
        ),
        2,
        &[],
    );
    let found = otp(
        &[&counter, &["--look-ahead", "3", "--json", code][..]].concat(),
        LONGEST,
    );
    let counted = json!({"counter": 3, "step": null, "valid": true});
    assert_eq!((found.code, json(&found)), (0, counted));
    let timed = [
        "ocra",
        "--hex",
        "--suite",
        "OCRA-1:HOTP-SHA512-8:QN08-T1M",
        "--question",
        "00000000",
        "--now",
    ];
    told(
        &otp(
            &[&timed, &["2008-03-25T12:07:00Z", "95209754"][..]].concat(),
            LONGEST,
        ),
        2,
        &[],
    );
    told(
        &otp(
            &[
                &timed,
                &["2008-03-25T12:07:00Z", "--window", "1", "95209754"][..],
            ]
            .concat(),
            LONGEST,
        ),
        0,
        &[],
    );
}

#[test]
fn errors_of_suites_and_inputs_name_them() {
    let folder = Folder::new();
    let pin = folder.path().join("pin");
    private(&pin, "1234\n");
    let pin = pin.to_str().unwrap();
    for (arguments, texts) in [
        (
            &["--suite", "OCRA-2", "--question", "1"][..],
            &["--suite", "OCRA-1"][..],
        ),
        (
            &[
                "--suite",
                "OCRA-1:HOTP-SHA1-6:QN08",
                "--question",
                "123456789",
            ],
            &["question", "longer"],
        ),
        (
            &["--suite", "OCRA-1:HOTP-SHA1-6:QN08", "--question", "abc"],
            &["question", "another kind"],
        ),
        (
            &["--suite", "OCRA-1:HOTP-SHA1-6:C-QN08", "--question", "1"],
            &["counter is missing"],
        ),
        (
            &[
                "--suite",
                "OCRA-1:HOTP-SHA1-6:QN08",
                "--question",
                "1",
                "--counter",
                "1",
            ],
            &["counter is given"],
        ),
        (
            &[
                "--suite",
                "OCRA-1:HOTP-SHA1-6:QN08",
                "--question",
                "1",
                "--pin",
                pin,
            ],
            &["pin is given"],
        ),
        (
            &[
                "--suite",
                "OCRA-1:HOTP-SHA1-6:QN08-PSHA1",
                "--question",
                "1",
                "--pin",
                pin,
                "--pin-hash",
            ],
            &["pin is no digest"],
        ),
        (
            &[
                "--suite",
                "OCRA-1:HOTP-SHA1-6:QN08-S064",
                "--question",
                "1",
                "--session",
                "xyz",
            ],
            &["--session", "hexadecimal"],
        ),
        (&["--suite", "OCRA-1:HOTP-SHA1-6:QN08"], &["--question"]),
    ] {
        told(
            &otp(&[&["ocra", "--hex"], arguments].concat(), SHORT),
            1,
            texts,
        );
    }
}
