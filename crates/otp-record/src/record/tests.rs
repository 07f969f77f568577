mod devices;

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use super::facts::{Address, Content, Facts, Guessing, Image, Maker, Otp, SALTS, Unfit, sign};
use super::*;
use crate::json::{self, MAX_INTEGER};
use crate::jws::MAX_PAYLOAD;
use crate::signing::{KeyError, SigningKey, VerifyingKeys};

fn at(second: i64) -> Timestamp {
    Timestamp::from_unix(1_715_767_200 + second)
}

fn key() -> SigningKey {
    SigningKey::from_seed(&[7; 32]).unwrap()
}

fn keys() -> VerifyingKeys {
    [key().verifying_key()].into_iter().collect()
}

/// Salts for tests; real ones are drawn, and for one record alone.
fn salts(record: u8) -> facts::Salts {
    core::array::from_fn(|detail| [record.wrapping_mul(16) + u8::try_from(detail).unwrap(); 16])
}

fn sent(address: Address<'static>) -> Maker<'static> {
    Maker::Engine {
        address,
        sent_at: at(0),
        sends: 1,
    }
}

fn first() -> Facts<'static> {
    Facts {
        tenant: "acme",
        id: RecordId::from_bytes([1; 16]),
        verified_at: at(60),
        purpose: "sign",
        n: 1,
        prev: None,
        model: "loan.offer",
        field: "borrower_signature",
        record: "4711",
        revision: Some("3"),
        content: Some(Content {
            digest: [0xd0; 32],
            guessing: Guessing::Hopeless,
            size: Some(48_213),
            media_type: Some("application/pdf"),
        }),
        user: "42",
        user_name: Some("Thandiwe Dlamini"),
        signer_name: Some("T. Dlamini"),
        ip: Some("196.25.1.1"),
        agent: Some("Mozilla/5.0 (X11; Linux x86_64)"),
        otp: Otp {
            id: "AQEBAQEBAQEBAQEBAQEBAQ",
            attempts: 2,
            digits: 6,
            maker: sent(Address::Number("+27821234567")),
        },
        image: Some(Image {
            digest: [0x1a; 32],
            size: 10_240,
            media_type: "image/png",
        }),
        consent: Some("I accept the loan offer of R 250 000 – “as is”."),
    }
}

fn bare() -> Facts<'static> {
    Facts {
        revision: None,
        content: None,
        user_name: None,
        signer_name: None,
        ip: None,
        agent: None,
        image: None,
        consent: None,
        ..first()
    }
}

fn payload(record: &SignatureRecord) -> String {
    String::from_utf8(
        Compact::parse(record.jws())
            .unwrap_or_else(|error| panic!("{error}"))
            .payload,
    )
    .unwrap()
}

#[test]
fn a_record_tells_each_of_its_facts() {
    let record = sign(&first(), &salts(1), &key()).unwrap();
    let verified = verify_record(record.jws(), record.disclosures(), &keys(), None).unwrap();
    assert_eq!(verified.tenant(), "acme");
    assert_eq!(verified.id().as_bytes(), &[1; 16]);
    assert_eq!((verified.sequence(), verified.previous_digest()), (1, None));
    assert_eq!(verified.verified_at(), at(60));
    assert_eq!(verified.purpose(), "sign");
    assert_eq!(
        (
            verified.model(),
            verified.field(),
            verified.target_id(),
            verified.revision()
        ),
        ("loan.offer", "borrower_signature", "4711", Some("3"))
    );
    assert_eq!(
        verified.document(),
        Some(&DocumentFacts {
            digest: Some([0xd0; 32]),
            size: Some(48_213),
            media_type: Some("application/pdf".to_string()),
        })
    );
    assert_eq!(verified.content(), Some([0xd0; 32]));
    assert_eq!(verified.user(), "42");
    assert_eq!(verified.user_name(), Some("Thandiwe Dlamini"));
    assert_eq!(verified.signer_name(), Some("T. Dlamini"));
    assert_eq!(
        (verified.number(), verified.email()),
        (Some("+27821234567"), None)
    );
    assert_eq!(verified.detail(RecordDetail::Ip), Some("196.25.1.1"));
    assert_eq!(
        verified.detail(RecordDetail::Agent),
        Some("Mozilla/5.0 (X11; Linux x86_64)")
    );
    assert_eq!(verified.withheld(), 0);
    assert_eq!(
        verified.otp(),
        &OtpFacts {
            id: "AQEBAQEBAQEBAQEBAQEBAQ".to_string(),
            channel: Channel::Sms,
            sent_at: Some(at(0)),
            answered_at: at(60),
            attempts: 2,
            sends: Some(1),
            digits: 6,
            device: None,
        }
    );
    assert_eq!(
        verified.image(),
        Some(&ImageFacts {
            digest: [0x1a; 32],
            size: 10_240,
            media_type: "image/png".to_string(),
        })
    );
    assert_eq!(
        verified.consent(),
        Some("I accept the loan offer of R 250 000 – “as is”.")
    );
    assert_eq!(verified.key(), key().id());
    assert_eq!(verified.digest(), record.digest());
    assert_eq!(verified.payload(), payload(&record));
}

#[test]
fn a_payload_is_canonical_and_holds_no_detail_in_clear() {
    let record = sign(&first(), &salts(1), &key()).unwrap();
    let payload = payload(&record);
    let read = json::read_object(payload.as_bytes(), MAX_PAYLOAD).unwrap();
    assert_eq!(read.to_json(), payload);
    // In any other order the digests would tell which detail is whose.
    let stock: serde_json::Value = serde_json::from_str(&payload).unwrap();
    for (place, len) in [("who", 3), ("ctx", 2)] {
        let digests = stock[place]["_sd"].as_array().unwrap().iter();
        let digests: Vec<&str> = digests.map(|digest| digest.as_str().unwrap()).collect();
        assert_eq!(digests.len(), len);
        assert!(digests.is_sorted(), "{place}");
    }
    for detail in ["Thandiwe", "T. Dlamini", "27821234567", "196.25", "Mozilla"] {
        assert!(!payload.contains(detail), "{detail}");
    }
    assert!(payload.starts_with(r#"{"_sd_alg":"sha-256","act":"sign","ctx":{"_sd":[""#));
    assert!((800..1500).contains(&payload.len()), "{}", payload.len());
}

#[test]
fn what_is_absent_is_absent_not_null() {
    let record = sign(&bare(), &salts(1), &key()).unwrap();
    let verified = verify_record(record.jws(), record.disclosures(), &keys(), None).unwrap();
    assert_eq!(verified.document(), None);
    assert_eq!(verified.image(), None);
    assert_eq!(verified.user_name(), None);
    assert_eq!(verified.withheld(), 0);
    for name in ["ctx", "doc", "img", "txt", "prev", "rev"] {
        assert!(
            !payload(&record).contains(&format!("\"{name}\":")),
            "{name}"
        );
    }
}

#[test]
fn an_email_address_is_not_told_as_a_number() {
    let otp = Otp {
        maker: sent(Address::Email("t@example.com")),
        ..first().otp
    };
    let facts = Facts { otp, ..bare() };
    let record = sign(&facts, &salts(1), &key()).unwrap();
    let verified = verify_record(record.jws(), record.disclosures(), &keys(), None).unwrap();
    assert_eq!(
        (verified.number(), verified.email()),
        (None, Some("t@example.com"))
    );
    assert_eq!(verified.otp().channel, Channel::Email);
}

#[test]
fn a_content_that_can_be_guessed_is_committed_to_and_can_be_erased() {
    let content = Content {
        digest: [0xd0; 32],
        guessing: Guessing::Feasible,
        size: None,
        media_type: None,
    };
    let record = sign(
        &Facts {
            content: Some(content),
            ..first()
        },
        &salts(1),
        &key(),
    )
    .unwrap();
    assert!(!payload(&record).contains("0NDQ0NDQ"));
    let expected = Expected::new().content([0xd0; 32]);
    let verified =
        verify_record(record.jws(), record.disclosures(), &keys(), Some(&expected)).unwrap();
    assert_eq!(verified.content(), Some([0xd0; 32]));
    assert_eq!(record.disclosures().len(), SALTS, "each salt has a use");
    let erased = record.erase(&[RecordDetail::ContentDigest], at(100));
    let withheld = verify_record(erased.jws(), erased.disclosures(), &keys(), Some(&expected));
    assert_eq!(
        withheld.unwrap_err().reason(),
        RecordFault::Withheld(RecordDetail::ContentDigest)
    );
}

#[test]
fn equal_details_under_other_salts_have_other_digests() {
    let facts = Facts {
        signer_name: first().user_name,
        ..first()
    };
    let record = sign(&facts, &salts(1), &key()).unwrap();
    let again = sign(&facts, &salts(2), &key()).unwrap();
    for disclosure in record.disclosures() {
        assert!(!payload(&again).contains(&disclosure::digest(disclosure)));
    }
}

#[test]
fn a_retired_key_signs_nothing() {
    let sign_at = |second, key: SigningKey| {
        sign(
            &Facts {
                verified_at: at(second),
                ..first()
            },
            &salts(1),
            &key,
        )
        .map(drop)
    };
    assert_eq!(sign_at(59, key().retired_at(at(60))), Ok(()));
    assert_eq!(
        sign_at(60, key().retired_at(at(60))),
        Err(Unfit::Key(KeyError::Retired {
            retired_at: at(60),
            now: at(60)
        }))
    );
    assert_eq!(sign_at(60, key().not_before(at(60))), Ok(()));
    assert_eq!(
        sign_at(59, key().not_before(at(60))),
        Err(Unfit::Key(KeyError::NotYet {
            not_before: at(60),
            now: at(59)
        }))
    );
}

#[test]
fn a_payload_is_at_most_8_kib_and_reads_back_at_that_length() {
    let fill = |len: usize| "x".repeat(len);
    let room = |consent: &str| {
        let last = Facts {
            n: MAX_INTEGER.unsigned_abs(),
            prev: Some([9; 32]),
            verified_at: Timestamp::from_unix(MAX_INTEGER),
            consent: Some(consent),
            ..first()
        };
        sign(&last, &salts(1), &key())
    };
    let Err(Unfit::Payload(len)) = room(&fill(MAX_PAYLOAD)) else {
        panic!("a payload above 8 KiB passed");
    };
    let longest = MAX_PAYLOAD - (len - MAX_PAYLOAD);
    assert_eq!(
        room(&fill(longest + 1)),
        Err(Unfit::Payload(MAX_PAYLOAD + 1))
    );
    let record = room(&fill(longest)).unwrap();
    assert_eq!(payload(&record).len(), MAX_PAYLOAD);
    assert!(verify_record(record.jws(), record.disclosures(), &keys(), None).is_ok());
    assert_eq!(SignatureRecord::from_bytes(&record.to_bytes()), Ok(record));
}

#[test]
fn a_detail_that_is_too_long_is_refused_by_name() {
    let long = |len: usize| {
        let agent = "x".repeat(len);
        let facts = Facts {
            agent: Some(&agent),
            ..first()
        };
        sign(&facts, &salts(1), &key()).map(drop)
    };
    assert_eq!(long(3000), Ok(()));
    assert_eq!(long(3100), Err(Unfit::Detail(RecordDetail::Agent)));
}

#[test]
fn numbers_that_json_would_round_are_refused() {
    let beyond = MAX_INTEGER.unsigned_abs() + 1;
    let refused = |facts: Facts<'_>| sign(&facts, &salts(1), &key()).unwrap_err();
    assert_eq!(
        refused(Facts {
            n: beyond,
            prev: Some([0; 32]),
            ..first()
        }),
        Unfit::Number("n")
    );
    assert_eq!(refused(Facts { n: 0, ..first() }), Unfit::Number("n"));
    assert_eq!(refused(Facts { n: 2, ..first() }), Unfit::Number("n"));
    assert_eq!(
        refused(Facts {
            prev: Some([0; 32]),
            ..first()
        }),
        Unfit::Number("n")
    );
    for unix in [-1, MAX_INTEGER + 1] {
        let verified_at = Timestamp::from_unix(unix);
        assert_eq!(
            refused(Facts {
                verified_at,
                ..first()
            }),
            Unfit::Number("iat")
        );
        let maker = Maker::Engine {
            address: Address::Number("+27821234567"),
            sent_at: verified_at,
            sends: 1,
        };
        let otp = Otp {
            maker,
            ..first().otp
        };
        assert_eq!(refused(Facts { otp, ..first() }), Unfit::Number("otp.sent"));
    }
}

#[test]
fn an_erasure_is_noted_with_the_record_and_only_there() {
    let record = sign(&first(), &salts(1), &key()).unwrap();
    let erased = record.erase(
        &[
            RecordDetail::Number,
            RecordDetail::UserName,
            RecordDetail::Email,
        ],
        at(100),
    );
    let [erasure] = erased.erasures() else {
        panic!("one note: {:?}", erased.erasures());
    };
    assert_eq!(
        erasure.details(),
        [RecordDetail::UserName, RecordDetail::Number]
    );
    assert_eq!(erasure.at(), at(100));
    let erased = erased.erase(&[RecordDetail::Ip], at(200));
    let again = erased.erase(&[RecordDetail::Ip], at(300));
    assert_eq!(again, erased, "what is gone already is not noted again");
    let stored = erased.to_bytes();
    let read = SignatureRecord::from_bytes(&stored).unwrap();
    assert_eq!(read, erased);
    assert_eq!(read.erasures().len(), 2);
    let verified = verify_record(read.jws(), read.disclosures(), &keys(), None).unwrap();
    assert_eq!(verified.withheld(), 3);
    assert_eq!(
        (verified.user_name(), verified.signer_name()),
        (None, Some("T. Dlamini"))
    );
    let other = sign(&first(), &salts(2), &key()).unwrap().to_bytes();
    let note = stored.iter().position(|byte| *byte == b'\n').unwrap();
    let moved = [&other[..], &stored[note..]].concat();
    let error = SignatureRecord::from_bytes(&moved).unwrap_err();
    assert_eq!(
        (error.sequence(), error.reason()),
        (Some(1), RecordFault::Erasure)
    );
}

#[test]
fn case_84_any_byte_of_a_stored_record_that_changes_is_found() {
    let record = sign(&first(), &salts(1), &key()).unwrap();
    let record = record.erase(&[RecordDetail::Number], at(100));
    let stored = record.to_bytes();
    let holds = |bytes: &[u8]| {
        let record = SignatureRecord::from_bytes(bytes)?;
        verify_record(record.jws(), record.disclosures(), &keys(), None).map(drop)
    };
    assert_eq!(holds(&stored), Ok(()));
    for i in 0..stored.len() {
        for flip in [1, 4, 32, 128] {
            let mut changed = stored.clone();
            changed[i] ^= flip;
            assert!(holds(&changed).is_err(), "byte {i}, {flip}");
        }
        assert!(
            holds(&stored[..i]).is_err() || !stored[i..].contains(&b'.'),
            "cut at {i}"
        );
    }
}

#[test]
fn hs256_records_verify_with_the_secret_alone() {
    let secret = [0x5e; 32];
    let key = SigningKey::hs256_forgeable_by_verifiers(&secret).unwrap();
    let record = sign(&first(), &salts(1), &key).unwrap();
    let verify = |keys: &VerifyingKeys| {
        verify_record(record.jws(), record.disclosures(), keys, None).map(drop)
    };
    let with_secret = crate::VerifyingKey::hs256_able_to_forge(&secret).unwrap();
    assert_eq!(verify(&[with_secret].into_iter().collect()), Ok(()));
    let reason = verify(&keys()).unwrap_err().reason();
    assert_eq!(
        reason,
        RecordFault::Jws(crate::JwsError::UnknownKey(key.id()))
    );
}

/// Signing the same facts under the same salts and keys makes the golden files, byte for byte.
///
/// `OTP_WRITE_GOLDEN_RECORDS=1` writes them: once for a format, as writing them anew hides a drift.
#[test]
fn case_93_records_are_made_as_the_golden_files_have_them() {
    let (old, new) = (
        SigningKey::from_seed(&[1; 32])
            .unwrap()
            .not_before(at(0))
            .retired_at(at(300)),
        SigningKey::from_seed(&[2; 32]).unwrap().not_before(at(300)),
    );
    let mut chain: Vec<SignatureRecord> = Vec::new();
    for n in 1..=5_u8 {
        let facts = match n {
            2 => bare(),
            3 => Facts {
                otp: Otp {
                    maker: sent(Address::Email("thandiwe@example.com")),
                    ..first().otp
                },
                ..first()
            },
            4 => Facts {
                user_name: Some("Zoë 王 😀 \"Z\""),
                consent: Some("line one\nline two\ttab \\ \u{1} \u{7f} €"),
                ..first()
            },
            5 => Facts {
                content: Some(Content {
                    digest: Sha256::digest(b"pay R 250.00 to 62001234567").into(),
                    guessing: Guessing::Feasible,
                    size: None,
                    media_type: None,
                }),
                purpose: "approve",
                ..first()
            },
            _ => first(),
        };
        let facts = Facts {
            id: RecordId::from_bytes([n; 16]),
            n: n.into(),
            prev: chain.last().map(SignatureRecord::digest),
            verified_at: at(i64::from(n) * 80),
            ..facts
        };
        let key = if n <= 3 { &old } else { &new };
        chain.push(sign(&facts, &salts(n), key).unwrap());
    }
    let last = chain[2].erase(&[RecordDetail::UserName, RecordDetail::Email], at(1000));
    chain[2] = last;
    let other = Facts {
        field: "guarantor_signature",
        id: RecordId::from_bytes([9; 16]),
        ..first()
    };
    let other = sign(&other, &salts(9), &old).unwrap();
    let secret = [0x5e; 32];
    let hs256 = SigningKey::hs256_forgeable_by_verifiers(&secret).unwrap();
    let hs256_record = sign(&first(), &salts(8), &hs256).unwrap();
    let keys: VerifyingKeys = [&old, &new]
        .map(SigningKey::verifying_key)
        .into_iter()
        .collect();
    let told = |record: &SignatureRecord| {
        serde_json::json!({
            "n": record.sequence(), "jti": record.id().to_string(), "payload": payload(record),
            "sd_jwt": record.to_sd_jwt(),
            "stored": Base64UrlUnpadded::encode_string(&record.to_bytes()),
            "erased": record.erasures().iter().flat_map(Erasure::details).map(|d| d.name()).collect::<Vec<_>>(),
        })
    };
    let golden = serde_json::json!({
        "_comment": "Signature records of format 1, oldest first; every later version must verify them. \
            Made by the test `case_93_records_are_made_as_the_golden_files_have_them` of src/record/tests.rs. Ed25519 seeds are 32 times \
            the byte 1 (records 1 to 3 and the other field's, retired) and 2 (records 4 and 5); `payload` is \
            the canonical JSON that was signed, `sd_jwt` the compact form of RFC 9901, `stored` the cell body.",
        "jwk_set": serde_json::from_str::<serde_json::Value>(&keys.to_jwk_set()).unwrap(),
        "pem": keys.to_pem(),
        "tenant": "acme", "model": "loan.offer", "field": "borrower_signature", "record": "4711",
        "count": 5, "head": Base64UrlUnpadded::encode_string(&chain[4].digest()),
        "chain": chain.iter().map(told).collect::<Vec<_>>(),
        "other_field": told(&other),
        "hs256": { "secret": Base64UrlUnpadded::encode_string(&secret), "record": told(&hs256_record) },
    });
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/vectors/records/");
    let anew = std::env::var_os("OTP_WRITE_GOLDEN_RECORDS").is_some();
    let is = |name: &str, text: String| {
        let path = format!("{folder}{name}");
        if anew {
            std::fs::write(&path, &text).unwrap();
        }
        let found = std::fs::read_to_string(&path).unwrap();
        assert!(found == text, "{name} is not what these facts make");
    };
    is(
        "golden-v1.json",
        serde_json::to_string_pretty(&golden).unwrap() + "\n",
    );
    is("first.sd-jwt", chain[0].to_sd_jwt() + "\n");
    is("first.jwks", keys.to_jwk_set() + "\n");
    is("first.pem", old.public_pem().unwrap());
}
