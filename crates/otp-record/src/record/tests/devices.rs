//! Records of codes that a device of the user's made: format 2.

use super::super::facts::{Device, DeviceKind};
use super::*;
use crate::json::{Integer, Value};

const QUESTION: &str = "c0ffee00c0ffee00";

fn kinds() -> [DeviceKind<'static>; 3] {
    [
        DeviceKind::Hotp { algorithm: "SHA1" },
        DeviceKind::Totp {
            algorithm: "SHA256",
            period: 30,
        },
        DeviceKind::Ocra {
            suite: "OCRA-1:HOTP-SHA256-8:C-QH16",
            question: QUESTION,
        },
    ]
}

/// The first record, answered with a code of a device.
fn answered(kind: DeviceKind<'static>, counter: Option<u64>) -> Facts<'static> {
    let device = Device {
        kind,
        credential: [0xcd; 20],
        counter,
    };
    let otp = Otp {
        maker: Maker::Device(device),
        ..first().otp
    };
    Facts { otp, ..first() }
}

/// Signs the first record with a member of `otp` set or taken away.
fn with(version: u32, name: &str, value: Option<Value>, facts: &Facts<'_>) -> Option<RecordFault> {
    let record = sign(facts, &salts(1), &key()).unwrap();
    let payload = payload(&record);
    let mut top = json::read_object(payload.as_bytes(), MAX_PAYLOAD)
        .unwrap_or_else(|error| panic!("{}", error.what));
    top.set("v", Integer::from(version));
    let Some(Value::Object(mut otp)) = top.take("otp") else {
        panic!("no otp: {payload}");
    };
    otp.take(name);
    if let Some(value) = value {
        otp.set(name, value);
    }
    top.set("otp", otp);
    let jws = crate::jws::sign(&top.to_json(), &key());
    let refused = verify_record(&jws, record.disclosures(), &keys(), None).err();
    refused.map(|error| error.reason())
}

#[test]
fn case_613_a_record_tells_which_device_made_the_code_and_names_no_address() {
    for (kind, counter) in kinds()
        .into_iter()
        .zip([Some(u64::MAX), Some(58_192_000), None])
    {
        let record = sign(&answered(kind, counter), &salts(1), &key()).unwrap();
        let verified = verify_record(record.jws(), record.disclosures(), &keys(), None).unwrap();
        let said = verified.otp();
        assert_eq!((said.sent_at, said.sends), (None, None));
        assert_eq!((said.attempts, said.digits), (2, 6));
        assert_eq!((verified.number(), verified.email()), (None, None));
        assert_eq!(verified.withheld(), 0);
        let device = said.device.as_ref().unwrap();
        assert_eq!((device.credential, device.counter), ([0xcd; 20], counter));
        let members = (
            device.algorithm.as_deref(),
            device.period,
            device.suite.as_deref(),
            device.question.as_deref(),
        );
        let (channel, expected) = match kind {
            DeviceKind::Hotp { algorithm } => (Channel::Hotp, (Some(algorithm), None, None, None)),
            DeviceKind::Totp { algorithm, period } => {
                let period = Some(u64::from(period));
                (Channel::Totp, (Some(algorithm), period, None, None))
            }
            DeviceKind::Ocra { suite, question } => {
                (Channel::Ocra, (None, None, Some(suite), Some(question)))
            }
        };
        assert_eq!((said.channel, members), (channel, expected));
        assert!(payload(&record).contains("\"v\":2"));
        assert_eq!(SignatureRecord::from_bytes(&record.to_bytes()), Ok(record));
    }
}

#[test]
fn case_613_the_members_of_one_kind_of_code_stand_in_no_record_of_another() {
    let text = || Some(Value::from("x"));
    let number = || Some(Value::from(Integer::from(30)));
    let [hotp, totp, ocra] = kinds().map(|kind| answered(kind, Some(7)));
    let unknown = Some(RecordFault::UnknownMember("otp"));
    for (facts, strange) in [
        (&first(), &["cred", "ctr", "alg", "per", "suite", "q"][..]),
        (&hotp, &["sent", "sends", "per", "suite", "q"]),
        (&totp, &["sent", "sends", "suite", "q"]),
        (&ocra, &["sent", "sends", "alg", "per"]),
    ] {
        for name in strange {
            assert_eq!(with(2, name, text(), facts), unknown, "{name}");
            assert_eq!(with(2, name, number(), facts), unknown, "{name}");
        }
    }
    let missing = |name| {
        Some(RecordFault::Member {
            within: "otp",
            name,
        })
    };
    for (facts, due) in [
        (
            &first(),
            &["id", "chan", "done", "tries", "len", "sent", "sends"][..],
        ),
        (
            &hotp,
            &["id", "chan", "done", "tries", "len", "cred", "ctr", "alg"],
        ),
        (&totp, &["cred", "ctr", "alg", "per"]),
        (&ocra, &["len", "cred", "suite", "q"]),
    ] {
        for name in due {
            assert_eq!(with(2, name, None, facts), missing(name), "{name}");
        }
    }
    assert_eq!(with(2, "ctr", None, &ocra), None);
    for counter in ["", "07", "+7", "-1", "7 ", "18446744073709551616", "0x7"] {
        let refused = with(2, "ctr", Some(Value::from(counter)), &hotp);
        assert_eq!(refused, missing("ctr"), "{counter:?}");
    }
    let encoded = |length| Base64UrlUnpadded::encode_string(&[0xcd; 21][..length]);
    for name in [encoded(19), encoded(21), encoded(20) + "=", String::new()] {
        let refused = with(2, "cred", Some(Value::from(&*name)), &hotp);
        assert_eq!(refused, missing("cred"), "{name:?}");
    }
}

#[test]
fn case_613_format_1_knows_no_device_and_no_format_after_2_is_read() {
    let [hotp, totp, ocra] = kinds().map(|kind| answered(kind, Some(7)));
    let channel = Some(RecordFault::Member {
        within: "otp",
        name: "chan",
    });
    for facts in [hotp, totp, ocra] {
        assert_eq!(with(1, "none", None, &facts), channel);
    }
    assert_eq!(with(1, "none", None, &first()), None);
    for version in [0, 3, 255] {
        let refused = Some(RecordFault::Version(version.into()));
        assert_eq!(with(version, "none", None, &first()), refused);
    }
}

/// As [`case_93`](super::case_93_records_are_made_as_the_golden_files_have_them), of format 2.
#[test]
fn case_613_records_of_device_codes_are_made_as_the_golden_file_has_them() {
    let mut chain: Vec<SignatureRecord> = Vec::new();
    let [hotp, totp, ocra] = kinds();
    let asked = DeviceKind::Ocra {
        suite: "OCRA-1:HOTP-SHA1-6:QH16",
        question: QUESTION,
    };
    for (n, facts) in (1..).zip([
        first(),
        answered(hotp, Some(u64::MAX)),
        answered(totp, Some(58_192_000)),
        answered(ocra, Some(0)),
        answered(asked, None),
    ]) {
        let facts = Facts {
            id: RecordId::from_bytes([n; 16]),
            n: n.into(),
            prev: chain.last().map(SignatureRecord::digest),
            verified_at: at(i64::from(n) * 80),
            ..facts
        };
        chain.push(sign(&facts, &salts(n), &key()).unwrap());
    }
    let told = |record: &SignatureRecord| {
        serde_json::json!({
            "n": record.sequence(), "payload": payload(record), "sd_jwt": record.to_sd_jwt(),
            "stored": Base64UrlUnpadded::encode_string(&record.to_bytes()),
        })
    };
    let golden = serde_json::json!({
        "_comment": "Signature records of format 2, behind one of format 1, oldest first; every later version \
            must verify them. Made by the test `case_613_records_of_device_codes_are_made_as_the_golden_file_has_them` \
            of src/record/tests/devices.rs. The Ed25519 seed is that of `key` there; `payload` is the canonical JSON \
            that was signed, `sd_jwt` the compact form of RFC 9901, `stored` the cell body.",
        "jwk_set": serde_json::from_str::<serde_json::Value>(&keys().to_jwk_set()).unwrap(),
        "tenant": "acme", "model": "loan.offer", "field": "borrower_signature", "record": "4711",
        "count": 5, "head": Base64UrlUnpadded::encode_string(&chain[4].digest()),
        "chain": chain.iter().map(told).collect::<Vec<_>>(),
    });
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/tests/vectors/records/golden-v2.json"
    );
    let text = serde_json::to_string_pretty(&golden).unwrap() + "\n";
    if std::env::var_os("OTP_WRITE_GOLDEN_RECORDS").is_some() {
        std::fs::write(path, &text).unwrap();
    }
    assert!(
        std::fs::read_to_string(path).unwrap() == text,
        "not what these facts make"
    );
    chain.reverse();
    let verdict = verify_chain(&chain, &keys(), &ExpectedChain::new().tenant("acme"));
    assert!(verdict.none_bad(), "{verdict:?}");
}
