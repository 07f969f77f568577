//! Signature records under attack: whatever was changed, moved, dropped or forged is found, with a
//! reason that names the record. What is signed here is signed by other code than the engine's.
#![expect(clippy::unwrap_used, reason = "a test may panic, in its helpers too")]

use std::sync::LazyLock;

use base64ct::{Base64UrlUnpadded, Encoding};
use ed25519_dalek::Signer;
use hmac::{Hmac, KeyInit, Mac};
use otp_record::{
    ChainHead, Expected, ExpectedChain, JwsError, JwsPart, KeyId, RecordCheck, RecordDetail,
    RecordError, RecordFact, RecordFault, SignatureRecord, SigningKey, Timestamp, VerifiedRecord,
    VerifyingKey, VerifyingKeys, verify_chain, verify_record,
};
use proptest::prelude::*;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

const NONE: [&str; 0] = [];

static GOLDEN: LazyLock<Value> =
    LazyLock::new(|| serde_json::from_str(include_str!("vectors/records/golden-v1.json")).unwrap());

fn keys() -> VerifyingKeys {
    VerifyingKeys::from_jwk_set(&GOLDEN["jwk_set"].to_string()).unwrap()
}

/// The golden chain, newest first.
fn chain() -> Vec<SignatureRecord> {
    let oldest_first = GOLDEN["chain"].as_array().unwrap().iter();
    oldest_first.rev().map(record).collect()
}

fn record(golden: &Value) -> SignatureRecord {
    SignatureRecord::from_sd_jwt(golden["sd_jwt"].as_str().unwrap()).unwrap()
}

fn other_field() -> SignatureRecord {
    record(&GOLDEN["other_field"])
}

fn expected() -> ExpectedChain<'static> {
    ExpectedChain::new()
        .tenant("acme")
        .model("loan.offer")
        .field("borrower_signature")
        .target_id("4711")
        .chain_head(ChainHead::new(
            5,
            Some(digest(GOLDEN["head"].as_str().unwrap())),
        ))
}

fn digest(text: &str) -> [u8; 32] {
    Base64UrlUnpadded::decode_vec(text)
        .unwrap()
        .try_into()
        .unwrap()
}

fn verify(record: &SignatureRecord) -> Result<VerifiedRecord, RecordError> {
    verify_record(record.jws(), record.disclosures(), &keys(), None)
}

fn reason(jws: &str) -> RecordFault {
    verify_record(jws, &NONE, &keys(), None)
        .unwrap_err()
        .reason()
}

/// Says why a record does not hold, and that the answer names it.
fn reason_naming_first(
    jws: &str,
    disclosures: &[impl AsRef<str>],
    keys: &VerifyingKeys,
) -> RecordFault {
    let error = verify_record(jws, disclosures, keys, None).unwrap_err();
    assert_eq!(error.sequence(), Some(1), "{error}");
    assert_eq!(error.id(), Some(chain()[4].id()), "{error}");
    assert!(
        error
            .to_string()
            .starts_with(&format!("record 1 ({}): ", chain()[4].id()))
    );
    error.reason()
}

/// The parts of a JWS: header, payload, signature, as text.
fn parts(jws: &str) -> [&str; 3] {
    jws.split('.').collect::<Vec<_>>().try_into().unwrap()
}

fn base64(bytes: impl AsRef<[u8]>) -> String {
    Base64UrlUnpadded::encode_string(bytes.as_ref())
}

fn seed(byte: u8) -> ed25519_dalek::SigningKey {
    ed25519_dalek::SigningKey::from_bytes(&[byte; 32])
}

fn id_of(seed: u8) -> KeyId {
    SigningKey::from_seed(&[seed; 32]).unwrap().id()
}

fn header() -> Value {
    json!({"alg": "EdDSA", "kid": id_of(1).to_string(), "typ": "otp-signature+jwt"})
}

/// The payload of the first golden record.
fn payload() -> Value {
    serde_json::from_str(GOLDEN["chain"][0]["payload"].as_str().unwrap()).unwrap()
}

/// Signs what it is told with the golden key that signed the first record.
fn forge(header: &str, payload: &str) -> String {
    let signed = format!("{}.{}", base64(header), base64(payload));
    let signature = seed(1).sign(signed.as_bytes());
    format!("{signed}.{}", base64(signature.to_bytes()))
}

/// Signs a payload like the first record's but for one change.
fn with(change: impl FnOnce(&mut Value)) -> String {
    let mut payload = payload();
    change(&mut payload);
    forge(&header().to_string(), &payload.to_string())
}

#[test]
fn case_93_golden_records_of_format_1_verify() {
    let verdict = verify_chain(&chain(), &keys(), &expected());
    assert!(verdict.all_good(), "{verdict:?}");
    let pem = VerifyingKeys::from_pem(GOLDEN["pem"].as_str().unwrap()).unwrap();
    assert!(verify_chain(&chain(), &pem, &expected()).all_good());
    for golden in GOLDEN["chain"].as_array().unwrap() {
        let record = record(golden);
        let verified = verify(&record).unwrap();
        assert_eq!(Some(verified.payload()), golden["payload"].as_str());
        assert_eq!(Some(record.sequence()), golden["n"].as_u64());
        assert_eq!(
            Some(record.id().to_string().as_str()),
            golden["jti"].as_str()
        );
        assert_eq!(
            verified.withheld(),
            golden["erased"].as_array().unwrap().len()
        );
        let stored = Base64UrlUnpadded::decode_vec(golden["stored"].as_str().unwrap()).unwrap();
        let read = SignatureRecord::from_bytes(&stored).unwrap();
        assert_eq!(read.to_sd_jwt(), record.to_sd_jwt());
        assert_eq!(read.to_bytes(), stored);
    }
    let hs256 = &GOLDEN["hs256"];
    let secret = Base64UrlUnpadded::decode_vec(hs256["secret"].as_str().unwrap()).unwrap();
    let key = VerifyingKey::hs256_able_to_forge(&secret).unwrap();
    let record = record(&hs256["record"]);
    let keys = [key].into_iter().collect();
    assert!(verify_record(record.jws(), record.disclosures(), &keys, None).is_ok());
}

#[test]
fn records_that_stock_tools_signed_verify() {
    let stock: Value = serde_json::from_str(include_str!("vectors/records/stock-v1.json")).unwrap();
    let keys = VerifyingKeys::from_jwk_set(&stock["jwk_set"].to_string()).unwrap();
    let mut labels = Vec::new();
    for made in stock["made"].as_array().unwrap() {
        let record = SignatureRecord::from_sd_jwt(made["sd_jwt"].as_str().unwrap()).unwrap();
        let verified = verify_record(record.jws(), record.disclosures(), &keys, None).unwrap();
        assert_eq!(verified.tenant(), "acme", "{}", made["tool"]);
        assert_eq!(verified.user_name(), made["name"].as_str());
        let header = Base64UrlUnpadded::decode_vec(parts(record.jws())[0]).unwrap();
        let header: Value = serde_json::from_slice(&header).unwrap();
        labels.push(header["alg"].as_str().unwrap().to_string());
    }
    labels.sort();
    labels.dedup();
    assert_eq!(
        labels,
        ["Ed25519", "EdDSA"],
        "both labels of Ed25519 are read"
    );
}

#[test]
fn what_the_other_code_signs_verifies() {
    // Else the refusals below would prove nothing.
    let first = &chain()[4];
    let ours = with(|_| {});
    assert_eq!(
        verify_record(&ours, first.disclosures(), &keys(), None)
            .unwrap()
            .sequence(),
        1
    );
    let spaced = forge(&format!(" {} ", header()), &format!("{:#}", payload()));
    assert!(verify_record(&spaced, first.disclosures(), &keys(), None).is_ok());
}

#[test]
fn attack_a_record_moved_to_another_place_is_not_as_expected() {
    let record = &chain()[0];
    let judge = |expected: Expected<'_>| {
        verify_record(record.jws(), record.disclosures(), &keys(), Some(&expected))
            .map(|verified| verified.sequence())
            .map_err(|error| (error.sequence(), error.reason()))
    };
    let content: [u8; 32] = Sha256::digest(b"pay R 250.00 to 62001234567").into();
    let as_signed = Expected::new()
        .tenant("acme")
        .model("loan.offer")
        .field("borrower_signature")
        .target_id("4711")
        .purpose("approve")
        .user("42")
        .content(content);
    assert_eq!(judge(as_signed), Ok(5));
    let other = [1; 32];
    for (moved, fact) in [
        (as_signed.tenant("globex"), RecordFact::Tenant),
        (as_signed.model("sale.order"), RecordFact::Model),
        (as_signed.field("guarantor_signature"), RecordFact::Field),
        (as_signed.target_id("4712"), RecordFact::Record),
        (as_signed.purpose("sign"), RecordFact::Purpose),
        (as_signed.user("43"), RecordFact::User),
        (as_signed.content(other), RecordFact::Content),
    ] {
        assert_eq!(judge(moved), Err((Some(5), RecordFault::Unexpected(fact))));
    }
    // A record that tells of no content is not one of any.
    let bare = &chain()[3];
    let refused = verify_record(
        bare.jws(),
        bare.disclosures(),
        &keys(),
        Some(&Expected::new().content(content)),
    );
    assert_eq!(
        refused.unwrap_err().reason(),
        RecordFault::Unexpected(RecordFact::Content)
    );
}

#[test]
fn attack_hs256_keyed_with_the_public_key() {
    let first = &chain()[4];
    let payload = parts(first.jws())[1];
    let public = seed(1).verifying_key().to_bytes();
    let pem = SigningKey::from_seed(&[1; 32])
        .unwrap()
        .public_pem()
        .unwrap();
    for secret in [&public[..], pem.as_bytes(), base64(public).as_bytes()] {
        let mut header = header();
        header["alg"] = json!("HS256");
        let signed = format!("{}.{payload}", base64(header.to_string()));
        let mac = Hmac::<Sha256>::new_from_slice(secret)
            .unwrap()
            .chain_update(&signed)
            .finalize();
        let forged = format!("{signed}.{}", base64(mac.into_bytes()));
        let reason = reason_naming_first(&forged, first.disclosures(), &keys());
        assert_eq!(
            reason,
            RecordFault::Jws(JwsError::AlgorithmMismatch(id_of(1)))
        );
    }
    // The other way round: a key for HS256 takes no other algorithm either.
    let secret = SigningKey::hs256_forgeable_by_verifiers(&[5; 32]).unwrap();
    let mut header = header();
    header["kid"] = json!(secret.id().to_string());
    let forged = forge(&header.to_string(), &crate::payload().to_string());
    let keys = [secret.verifying_key()].into_iter().collect();
    let reason = reason_naming_first(&forged, first.disclosures(), &keys);
    assert_eq!(
        reason,
        RecordFault::Jws(JwsError::AlgorithmMismatch(secret.id()))
    );
}

#[test]
fn attack_no_algorithm_or_another() {
    let payload = payload().to_string();
    for alg in [
        "none", "None", "NONE", "", "HS512", "ES256", "RS256", "Ed448", "eddsa", "EdDSA ",
    ] {
        let mut header = header();
        header["alg"] = json!(alg);
        let signed = forge(&header.to_string(), &payload);
        let [head, body, _] = parts(&signed);
        for jws in [
            &signed,
            &format!("{head}.{body}."),
            &format!("{head}.{body}.AA"),
        ] {
            let reason = reason_naming_first(jws, &NONE, &keys());
            assert_eq!(
                reason,
                RecordFault::Jws(JwsError::UnknownAlgorithm),
                "{alg}"
            );
        }
    }
    let [head, body, _] = parts(chain()[4].jws()).map(String::from);
    let unsigned = reason_naming_first(&format!("{head}.{body}."), &NONE, &keys());
    assert_eq!(unsigned, RecordFault::Jws(JwsError::BadSignature(id_of(1))));
}

#[test]
fn attack_a_header_that_brings_or_chooses_its_key() {
    let payload = payload().to_string();
    let own_jwk = SigningKey::from_seed(&[1; 32])
        .unwrap()
        .public_jwk()
        .unwrap();
    for (name, value) in [
        ("jwk", serde_json::from_str(&own_jwk).unwrap()),
        ("jku", json!("https://example.com/keys")),
        ("x5u", json!("https://example.com/chain")),
        ("x5c", json!(["MIIB"])),
        ("crit", json!(["b64"])),
        ("b64", json!(false)),
    ] {
        let mut header = header();
        header[name] = value;
        let reason = reason_naming_first(&forge(&header.to_string(), &payload), &NONE, &keys());
        assert_eq!(reason, RecordFault::Jws(JwsError::ForbiddenMember(name)));
    }
    for (change, refused) in [
        (json!({"x5t": "AA"}), JwsError::Header("unknown member")),
        (json!({"cty": "json"}), JwsError::Header("unknown member")),
        (json!({"typ": "JWT"}), JwsError::Type),
        (
            json!({"typ": "application/otp-signature+jwt"}),
            JwsError::Type,
        ),
        (json!({"typ": 1}), JwsError::Header("no typ")),
        (json!({"kid": 1}), JwsError::Header("no kid")),
        (json!({"alg": ["EdDSA"]}), JwsError::Header("no alg")),
        (
            json!({"kid": "../keys/1"}),
            JwsError::Header("kid is not a thumbprint"),
        ),
        (json!({"jwk": null}), JwsError::Header("no value")),
    ] {
        let mut header = header();
        header
            .as_object_mut()
            .unwrap()
            .extend(change.as_object().unwrap().clone());
        let reason = reason_naming_first(&forge(&header.to_string(), &payload), &NONE, &keys());
        assert_eq!(reason, RecordFault::Jws(refused), "{change}");
    }
    let twice = header().to_string().replacen('{', r#"{"alg":"none","#, 1);
    let reason = reason_naming_first(&forge(&twice, &payload), &NONE, &keys());
    assert_eq!(
        reason,
        RecordFault::Jws(JwsError::Header("duplicate member"))
    );
}

#[test]
fn attack_an_unknown_key() {
    let mut header = header();
    header["kid"] = json!(id_of(3).to_string());
    let signed = format!(
        "{}.{}",
        base64(header.to_string()),
        base64(payload().to_string())
    );
    let jws = format!(
        "{signed}.{}",
        base64(seed(3).sign(signed.as_bytes()).to_bytes())
    );
    let reason = reason_naming_first(&jws, &NONE, &keys());
    assert_eq!(reason, RecordFault::Jws(JwsError::UnknownKey(id_of(3))));
    // The stranger's signature under the name of a known key.
    let signed = format!(
        "{}.{}",
        base64(crate::header().to_string()),
        base64(payload().to_string())
    );
    let jws = format!(
        "{signed}.{}",
        base64(seed(3).sign(signed.as_bytes()).to_bytes())
    );
    let reason = reason_naming_first(&jws, &NONE, &keys());
    assert_eq!(reason, RecordFault::Jws(JwsError::BadSignature(id_of(1))));
    let none = verify_record(chain()[4].jws(), &NONE, &VerifyingKeys::new(), None).unwrap_err();
    assert_eq!(
        none.reason(),
        RecordFault::Jws(JwsError::UnknownKey(id_of(1)))
    );
}

#[test]
fn attack_a_key_used_outside_of_its_window() {
    // The golden key signs from 0 and was retired at 300.
    let origin = 1_715_767_200;
    let judge = |second: i64| {
        let jws = with(|payload| payload["iat"] = json!(origin + second));
        verify_record(&jws, &NONE, &keys(), None)
            .map(drop)
            .map_err(|error| {
                assert_eq!(error.sequence(), Some(1));
                error.reason()
            })
    };
    let refused = |second| {
        Err(RecordFault::KeyNotValid {
            key: id_of(1),
            at: Timestamp::from_unix(origin + second),
        })
    };
    assert_eq!(judge(-1), refused(-1));
    assert_eq!(judge(0), Ok(()));
    assert_eq!(judge(300), Ok(()));
    assert_eq!(judge(301), refused(301));
}

#[test]
fn attack_a_disclosure_forged_duplicated_or_missing() {
    let first = &chain()[4];
    let own = first.disclosures();
    let name = own[0].clone();
    let salt = "EBAQEBAQEBAQEBAQEBAQEA";
    assert_eq!(
        Base64UrlUnpadded::decode_vec(&name).unwrap(),
        format!(r#"["{salt}","name","Thandiwe Dlamini"]"#).as_bytes()
    );
    let judge = |disclosures: &[String]| reason_naming_first(first.jws(), disclosures, &keys());
    let given = |disclosure: String| [own, &[disclosure]].concat();
    let forged = base64(format!(r#"["{salt}","name","Somebody Else"]"#));
    assert_eq!(
        judge(&given(forged.clone())),
        RecordFault::DisclosureForged(5)
    );
    assert_eq!(
        judge(&[&[forged], &own[1..]].concat()),
        RecordFault::DisclosureForged(0)
    );
    assert_eq!(
        judge(&given(other_field().disclosures()[0].clone())),
        RecordFault::DisclosureForged(5)
    );
    assert_eq!(
        judge(&given(name.clone())),
        RecordFault::DisclosureDuplicate(5)
    );
    assert_eq!(
        judge(&given(String::new())),
        RecordFault::DisclosureMalformed(5)
    );
    assert_eq!(
        judge(&given(format!("{name}="))),
        RecordFault::DisclosureMalformed(5)
    );
    assert_eq!(
        judge(&given(base64(r#"["AA","name"]"#))),
        RecordFault::DisclosureMalformed(5)
    );
    // Missing ones are withheld, in any number and order.
    let withheld = verify_record(first.jws(), &[&own[4], &own[1]], &keys(), None).unwrap();
    assert_eq!(withheld.withheld(), 3);
    assert_eq!(
        (withheld.user_name(), withheld.signer_name()),
        (None, Some("T. Dlamini"))
    );
    assert_eq!(
        verify_record(first.jws(), &NONE, &keys(), None)
            .unwrap()
            .withheld(),
        5
    );
}

#[test]
fn attack_a_digest_that_the_signer_put_where_it_does_not_belong() {
    let salted = |i: usize, name: &str| {
        base64(format!(
            r#"["AAAAAAAAAAAAAAAAAAAAAA","{name}","value {i}"]"#
        ))
    };
    let sha = |disclosure: &str| base64(Sha256::digest(disclosure));
    let judge = |place: &str, names: &[&str]| {
        let disclosures: Vec<String> = names
            .iter()
            .enumerate()
            .map(|(i, name)| salted(i, name))
            .collect();
        let digests: Vec<String> = disclosures.iter().map(|text| sha(text)).collect();
        let jws = with(|payload| payload[place]["_sd"] = json!(digests));
        reason_naming_first(&jws, &disclosures, &keys())
    };
    assert_eq!(judge("who", &["ip"]), RecordFault::DisclosureMisplaced(0));
    assert_eq!(judge("ctx", &["name"]), RecordFault::DisclosureMisplaced(0));
    assert_eq!(judge("who", &["user"]), RecordFault::DisclosureMisplaced(0));
    assert_eq!(judge("who", &["_sd"]), RecordFault::DisclosureMisplaced(0));
    assert_eq!(
        judge("who", &["name", "name"]),
        RecordFault::DisclosureDuplicate(1)
    );
    let twin = sha(&salted(0, "name"));
    let jws = with(|payload| payload["who"]["_sd"] = json!([twin, twin]));
    assert_eq!(
        reason_naming_first(&jws, &NONE, &keys()),
        RecordFault::DigestDuplicate
    );
    // A document's digest stands in clear or is committed to: not both, and not neither.
    let bad = RecordFault::Member {
        within: "doc",
        name: "dig",
    };
    let jws = with(|payload| payload["doc"]["_sd"] = json!([twin]));
    assert_eq!(reason_naming_first(&jws, &NONE, &keys()), bad);
    let jws = with(|payload| drop(payload["doc"].as_object_mut().unwrap().remove("dig")));
    assert_eq!(reason_naming_first(&jws, &NONE, &keys()), bad);
}

#[test]
fn attack_numbers_that_another_reader_would_round() {
    let with_size = |number: &str| {
        let jws = forge(
            &header().to_string(),
            &payload().to_string().replacen("48213", number, 1),
        );
        verify_record(&jws, &NONE, &keys(), None)
            .map(|verified| verified.document().unwrap().size)
            .map_err(|error| error.reason())
    };
    assert_eq!(
        with_size("9007199254740991"),
        Ok(Some(9_007_199_254_740_991))
    );
    for (number, refused) in [
        ("9007199254740992", "number beyond 2^53 - 1"),
        ("18446744073709551617", "number beyond 2^53 - 1"),
        ("48213.0", "not a whole number"),
        ("4.8213e4", "not a whole number"),
        ("-0", "not a whole number"),
        ("048213", "not a whole number"),
        ("null", "no value"),
        ("NaN", "no value"),
    ] {
        let Err(RecordFault::Json { what, .. }) = with_size(number) else {
            panic!("{number} was taken");
        };
        assert_eq!(what, refused, "{number}");
    }
    let negative = with_size("-1");
    assert_eq!(
        negative,
        Err(RecordFault::Member {
            within: "doc",
            name: "size"
        })
    );
    assert_eq!(with_size("\"48213\""), negative);
}

#[test]
fn attack_a_duplicate_member() {
    let text = payload().to_string();
    for doubled in [
        text.replacen(r#""iss":"acme""#, r#""iss":"globex","iss":"acme""#, 1),
        text.replacen(r#""iss":"acme""#, r#""iss":"acme","\u0069ss":"acme""#, 1),
        text.replacen(r#""user":"42""#, r#""user":"42","user":"42""#, 1),
    ] {
        assert_ne!(doubled, text);
        let RecordFault::Json { what, .. } = reason(&forge(&header().to_string(), &doubled)) else {
            panic!("a duplicate was taken");
        };
        assert_eq!(what, "duplicate member");
    }
}

#[test]
fn attack_an_oversized_payload() {
    let of = |len: usize| {
        let mut payload = payload();
        payload["txt"] = json!("");
        let room = len - payload.to_string().len();
        payload["txt"] = json!("x".repeat(room));
        forge(&header().to_string(), &payload.to_string())
    };
    assert!(verify_record(&of(8192), &NONE, &keys(), None).is_ok());
    assert_eq!(
        reason(&of(8193)),
        RecordFault::Jws(JwsError::TooLong(JwsPart::Payload))
    );
    assert_eq!(
        reason(&of(20_000_000)),
        RecordFault::Jws(JwsError::TooLong(JwsPart::Payload))
    );
    let header = format!("{}{}", header(), " ".repeat(512));
    assert_eq!(
        reason(&forge(&header, &payload().to_string())),
        RecordFault::Jws(JwsError::TooLong(JwsPart::Header))
    );
    let [head, body, signature] = parts(chain()[4].jws()).map(String::from);
    let longer = format!("{head}.{body}.{signature}AA");
    assert_eq!(
        reason(&longer),
        RecordFault::Jws(JwsError::TooLong(JwsPart::Signature))
    );
}

#[test]
fn attack_a_payload_that_is_no_record_of_this_format() {
    type Change = fn(&mut Value);
    let member = |within, name| RecordFault::Member { within, name };
    let changes: [(Change, RecordFault); 16] = [
        (|payload| payload["v"] = json!(3), RecordFault::Version(3)),
        (|payload| payload["v"] = json!("1"), member("payload", "v")),
        (
            |payload| payload["extra"] = json!(1),
            RecordFault::UnknownMember("payload"),
        ),
        (
            |payload| payload["who"]["role"] = json!("x"),
            RecordFault::UnknownMember("who"),
        ),
        (
            |payload| payload["otp"]["code"] = json!("123456"),
            RecordFault::UnknownMember("otp"),
        ),
        (
            |payload| payload["_sd_alg"] = json!("sha-512"),
            member("payload", "_sd_alg"),
        ),
        (
            |payload| payload["who"]["_sd"] = json!([]),
            member("who", "_sd"),
        ),
        (
            |payload| payload["who"]["_sd"] = json!(["AA"]),
            member("who", "_sd"),
        ),
        (
            |payload| payload["prev"] = json!("A".repeat(43)),
            member("payload", "prev"),
        ),
        (
            |payload| payload["iat"] = json!(-1),
            member("payload", "iat"),
        ),
        (
            |payload| payload["doc"]["alg"] = json!("md5"),
            member("doc", "alg"),
        ),
        (
            |payload| payload["img"]["dig"] = json!("AA"),
            member("img", "dig"),
        ),
        (
            |payload| payload["otp"]["chan"] = json!("fax"),
            member("otp", "chan"),
        ),
        (
            |payload| payload["ref"] = json!("x"),
            member("payload", "ref"),
        ),
        (
            |payload| drop(payload.as_object_mut().unwrap().remove("iss")),
            member("payload", "iss"),
        ),
        (
            |payload| drop(payload["who"].as_object_mut().unwrap().remove("user")),
            member("who", "user"),
        ),
    ];
    for (change, refused) in changes {
        assert_eq!(reason_naming_first(&with(change), &NONE, &keys()), refused);
    }
    let no_place = with(|payload| payload["n"] = json!(0));
    assert_eq!(reason(&no_place), member("payload", "n"));
    let no_prev = with(|payload| payload["n"] = json!(2));
    assert_eq!(reason(&no_prev), member("payload", "prev"));
    let no_name = verify_record(
        &with(|payload| payload["jti"] = json!("AA")),
        &NONE,
        &keys(),
        None,
    )
    .unwrap_err();
    assert_eq!(
        (no_name.sequence(), no_name.id(), no_name.reason()),
        (Some(1), None, member("payload", "jti"))
    );
}

#[test]
fn attack_second_spellings_of_a_jws() {
    let first = chain()[4].jws().to_string();
    let [head, body, signature] = parts(&first).map(String::from);
    assert_eq!(reason(""), RecordFault::Jws(JwsError::Parts));
    assert_eq!(
        reason(&format!("{head}.{body}")),
        RecordFault::Jws(JwsError::Parts)
    );
    assert_eq!(
        reason(&format!("{first}.")),
        RecordFault::Jws(JwsError::Parts)
    );
    for (respelt, part) in [
        (format!("{head}=.{body}.{signature}"), JwsPart::Header),
        (format!("{head}.{body}==.{signature}"), JwsPart::Payload),
        (format!("{head}.{body}\n.{signature}"), JwsPart::Payload),
        (format!("{head}.{body}.{signature}\n"), JwsPart::Signature),
        (
            format!("{head}.{body}.{}", signature.replace('-', "+")),
            JwsPart::Signature,
        ),
    ] {
        assert_eq!(
            reason(&respelt),
            RecordFault::Jws(JwsError::Base64(part)),
            "{part}"
        );
    }
    // The last character of 64 bytes has four spare bits; only their zeros are a spelling.
    let (start, last) = signature.split_at(85);
    let spare = char::from(last.as_bytes()[0] + 1);
    assert_eq!(
        reason(&format!("{head}.{body}.{start}{spare}")),
        RecordFault::Jws(JwsError::Base64(JwsPart::Signature))
    );
}

#[test]
fn attack_a_second_signature_made_from_the_first() {
    // S + L satisfies the same equation; RFC 8032 (5.1.7) wants S below L.
    const L: [u8; 32] = [
        0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde,
        0x14, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
    ];
    let first = chain()[4].jws().to_string();
    let [head, body, signature] = parts(&first);
    let mut bytes = Base64UrlUnpadded::decode_vec(signature).unwrap();
    let mut carry = 0;
    for (s, l) in bytes[32..].iter_mut().zip(L) {
        let sum = u16::from(*s) + u16::from(l) + carry;
        (*s, carry) = (sum.to_le_bytes()[0], sum >> 8);
    }
    let reason = reason(&format!("{head}.{body}.{}", base64(bytes)));
    assert_eq!(reason, RecordFault::Jws(JwsError::BadSignature(id_of(1))));
}

#[test]
fn case_85_attack_records_of_a_field_deleted() {
    for gone in 1..chain().len() {
        let mut records = chain();
        let deleted = records.remove(gone);
        let verdict = verify_chain(&records, &keys(), &expected());
        let next = &records[gone - 1];
        let bad = named(verdict.chain);
        assert_eq!(
            bad,
            (
                Some(next.sequence()),
                RecordFault::Place {
                    due: deleted.sequence()
                }
            )
        );
        assert_eq!(
            (verdict.signatures, verdict.field, verdict.head),
            (RecordCheck::Good, RecordCheck::Good, RecordCheck::Good)
        );
    }
    // The newest alone leaves a whole chain behind: only the chain head tells.
    let older = &chain()[1..];
    let verdict = verify_chain(older, &keys(), &expected());
    assert_eq!(verdict.chain, RecordCheck::Good);
    assert_eq!(
        named(verdict.head),
        (Some(4), RecordFault::Count { chain_head: 5 })
    );
    let unasked = verify_chain(older, &keys(), &ExpectedChain::new());
    assert_eq!(
        (unasked.head, unasked.tenant, unasked.field),
        (
            RecordCheck::NotChecked,
            RecordCheck::NotChecked,
            RecordCheck::NotChecked
        )
    );
    assert!(unasked.none_bad() && !unasked.all_good());
}

#[test]
fn case_85_attack_records_of_a_field_reordered_or_repeated() {
    let mut records = chain();
    records.reverse();
    assert_eq!(
        named(verify_chain(&records, &keys(), &expected()).chain),
        (Some(5), RecordFault::Place { due: 1 })
    );
    let mut records = chain();
    records.swap(1, 2);
    assert_eq!(
        named(verify_chain(&records, &keys(), &expected()).chain),
        (Some(4), RecordFault::Place { due: 3 })
    );
    let mut records = chain();
    records.insert(2, chain()[2].clone());
    assert_eq!(
        named(verify_chain(&records, &keys(), &expected()).chain),
        (Some(3), RecordFault::Place { due: 4 })
    );
}

#[test]
fn case_85_attack_a_record_of_another_field_inserted() {
    let mut records = chain();
    records[4] = other_field();
    let verdict = verify_chain(&records, &keys(), &expected());
    assert_eq!(
        named(verdict.field),
        (Some(1), RecordFault::Unexpected(RecordFact::Field))
    );
    assert_eq!(named(verdict.chain), (Some(2), RecordFault::Previous));
    assert_eq!(
        (verdict.signatures, verdict.tenant),
        (RecordCheck::Good, RecordCheck::Good)
    );
}

#[test]
fn attack_history_rewritten_with_the_key() {
    // Who has the key can sign a first record anew; the second tells, unless it is rewritten too.
    let mut records = chain();
    let anew = with(|payload| payload["txt"] = json!("another sentence"));
    records[4] = SignatureRecord::new(anew, vec![]).unwrap();
    let verdict = verify_chain(&records, &keys(), &expected());
    assert_eq!(named(verdict.chain), (Some(2), RecordFault::Previous));
    assert_eq!(
        (verdict.signatures, verdict.head),
        (RecordCheck::Good, RecordCheck::Good)
    );
    // Up to the newest: then the chain head's digest tells.
    let only = [records.remove(4)];
    let digest = chain()[4].digest();
    let verdict = verify_chain(
        &only,
        &keys(),
        &expected().chain_head(ChainHead::new(1, Some(digest))),
    );
    assert_eq!(named(verdict.head), (Some(1), RecordFault::Head));
}

#[test]
fn a_chain_with_one_id_twice_is_not_whole() {
    let first = with(|_| {});
    let prev = base64(Sha256::digest(&first));
    let second = with(|payload| {
        payload["n"] = json!(2);
        payload["prev"] = json!(prev);
    });
    let records = [second, first].map(|jws| SignatureRecord::new(jws, vec![]).unwrap());
    let verdict = verify_chain(&records, &keys(), &ExpectedChain::new());
    assert_eq!(named(verdict.chain), (Some(2), RecordFault::Repeated));
}

#[test]
fn a_record_that_does_not_verify_shows_nothing() {
    let stranger: VerifyingKeys = keys()
        .iter()
        .filter(|key| key.id() != id_of(2))
        .cloned()
        .collect();
    let verdict = verify_chain(&chain(), &stranger, &expected());
    assert_eq!(
        named(verdict.signatures),
        (Some(4), RecordFault::Jws(JwsError::UnknownKey(id_of(2))))
    );
    assert_eq!(named(verdict.head), (Some(5), RecordFault::Unproven));
    for answer in [verdict.tenant, verdict.field, verdict.chain] {
        assert_eq!(named(answer), (Some(4), RecordFault::Unproven));
    }
}

#[test]
fn a_part_of_a_chain_holds_where_it_is_asked_for() {
    let newest = &chain()[..2];
    let whole = verify_chain(newest, &keys(), &expected());
    assert_eq!(named(whole.chain), (Some(4), RecordFault::Place { due: 1 }));
    assert!(verify_chain(newest, &keys(), &expected().first_sequence(4)).all_good());
    let wrong = verify_chain(newest, &keys(), &expected().first_sequence(3));
    assert_eq!(named(wrong.chain), (Some(4), RecordFault::Place { due: 3 }));
}

#[test]
fn case_90_no_records_show_nothing() {
    let verdict = verify_chain(&[], &keys(), &expected());
    assert_eq!(
        (verdict.signatures, verdict.chain),
        (RecordCheck::NotChecked, RecordCheck::NotChecked)
    );
    let RecordCheck::Bad(error) = verdict.head else {
        panic!("the chain head counts five");
    };
    assert_eq!(
        (error.sequence(), error.reason()),
        (None, RecordFault::Count { chain_head: 5 })
    );
    // Nor does a chain head without records: nothing was compared with it.
    let empty = verify_chain(
        &[],
        &keys(),
        &ExpectedChain::new().chain_head(ChainHead::new(0, None)),
    );
    assert_eq!(empty.head, RecordCheck::NotChecked);
    assert!(!empty.all_good());
}

#[test]
fn case_179_white_space_behind_a_record_is_no_part_of_it() {
    for record in chain() {
        for behind in ["\n", "\r\n", " ", "\t \n\n"] {
            let line = record.to_sd_jwt() + behind;
            assert_eq!(SignatureRecord::from_sd_jwt(&line).unwrap(), record);
            let alone = SignatureRecord::from_sd_jwt(&(record.jws().to_owned() + behind));
            assert_eq!(alone.unwrap().jws(), record.jws());
        }
        for before in ["\n", " "] {
            assert!(
                SignatureRecord::from_sd_jwt(&(before.to_owned() + &record.to_sd_jwt())).is_err()
            );
        }
        // The stored form is exact.
        let mut stored = record.to_bytes();
        stored.push(b' ');
        assert!(SignatureRecord::from_bytes(&stored).is_err());
    }
}

#[test]
fn case_177_what_was_not_compared_is_not_checked() {
    let records = chain();
    let head = Some(digest(GOLDEN["head"].as_str().unwrap()));
    let judge = |expected: ExpectedChain<'_>| verify_chain(&records, &keys(), &expected);
    let place = ExpectedChain::new()
        .tenant("acme")
        .chain_head(ChainHead::new(5, head));
    let (model, field, record) = ("loan.offer", "borrower_signature", "4711");
    // A part of the record field is compared, and is not the whole of it.
    for part in [
        place.model(model),
        place.field(field),
        place.target_id(record),
        place.model(model).field(field),
        place.model(model).target_id(record),
        place.field(field).target_id(record),
    ] {
        let verdict = judge(part);
        assert_eq!(verdict.field, RecordCheck::NotChecked);
        assert!(verdict.none_bad() && !verdict.all_good());
    }
    for other in [
        place.model("sale.order"),
        place.field("x"),
        place.target_id("4712"),
    ] {
        assert!(matches!(judge(other).field, RecordCheck::Bad(_)));
    }
    let whole = place.model(model).field(field).target_id(record);
    assert!(judge(whole).all_good());
    // A count without its digest says nothing of the newest record but its place.
    let counted = judge(whole.chain_head(ChainHead::new(5, None)));
    assert_eq!(counted.head, RecordCheck::NotChecked);
    assert!(counted.none_bad() && !counted.all_good());
    for count in [0, 4, 6] {
        let (_, fault) = named(judge(whole.chain_head(ChainHead::new(count, None))).head);
        assert_eq!(fault, RecordFault::Count { chain_head: count });
    }
}

#[test]
fn an_erased_detail_leaves_a_record_that_verifies() {
    for (i, record) in chain().iter().enumerate() {
        let all = [
            RecordDetail::UserName,
            RecordDetail::SignerName,
            RecordDetail::Number,
            RecordDetail::Email,
            RecordDetail::Ip,
            RecordDetail::Agent,
            RecordDetail::ContentDigest,
        ];
        let erased = record.erase(&all, Timestamp::from_unix(1_800_000_000));
        assert!(erased.disclosures().is_empty());
        assert!(verify(&erased).is_ok());
        let mut records = chain();
        records[i] = erased;
        assert!(verify_chain(&records, &keys(), &expected()).all_good());
    }
}

#[test]
fn a_compact_form_ends_with_its_tilde() {
    let first = &chain()[4];
    let text = first.to_sd_jwt();
    assert_eq!(SignatureRecord::from_sd_jwt(&text).as_ref(), Ok(first));
    for bare in [first.jws().to_string(), format!("{}~", first.jws())] {
        assert_eq!(
            SignatureRecord::from_sd_jwt(&bare).map(|record| record.disclosures().len()),
            Ok(0)
        );
    }
    let cut = SignatureRecord::from_sd_jwt(text.strip_suffix('~').unwrap()).unwrap_err();
    assert_eq!(cut.reason(), RecordFault::Stored("no tilde at the end"));
    assert!(SignatureRecord::from_sd_jwt(&format!("{text}~")).is_err());
    assert_eq!(
        SignatureRecord::from_bytes(&[]).unwrap_err().reason(),
        RecordFault::Stored("unknown format")
    );
    let newer = [&[2], &first.to_bytes()[1..]].concat();
    assert_eq!(
        SignatureRecord::from_bytes(&newer).unwrap_err().reason(),
        RecordFault::Stored("unknown format")
    );
}

#[test]
fn debug_shows_no_detail() {
    let record = &chain()[4];
    let shown = format!("{record:?} {:?}", verify(record).unwrap());
    assert!(shown.contains(&record.id().to_string()));
    for detail in ["Thandiwe", "27821234567", &record.disclosures()[0]] {
        assert!(!shown.contains(detail));
    }
}

fn named(answer: RecordCheck) -> (Option<u64>, RecordFault) {
    let RecordCheck::Bad(error) = answer else {
        panic!("{answer:?} is not bad");
    };
    assert!(error.id().is_some());
    (error.sequence(), error.reason())
}

proptest! {
    /// No byte of a record's JWS, nor of a disclosure, can be another one.
    #[test]
    fn case_84_any_other_byte_is_found(which in 0..5_usize, place in any::<prop::sample::Index>(), byte in 0..128_u8) {
        let record = &chain()[which];
        let mut text = record.to_sd_jwt().into_bytes();
        // The tildes only join the parts.
        let i = place.index(text.len());
        prop_assume!(text[i] != b'~' && text[i] != byte && byte != b'~');
        text[i] = byte;
        let text = String::from_utf8(text).unwrap();
        let mut parts = text.strip_suffix('~').unwrap().split('~');
        let jws = parts.next().unwrap();
        let disclosures: Vec<&str> = parts.collect();
        prop_assert!(verify_record(jws, &disclosures, &keys(), None).is_err());
    }

    /// No selection of records but the whole field in its order passes for it.
    #[test]
    fn case_85_any_deletion_swap_or_insertion_is_found(order in prop::collection::vec(0..6_usize, 0..8)) {
        let mut all = chain();
        all.push(other_field());
        let records: Vec<_> = order.iter().map(|i| all[*i].clone()).collect();
        let verdict = verify_chain(&records, &keys(), &expected());
        prop_assert_eq!(verdict.all_good(), order == [0, 1, 2, 3, 4]);
        prop_assert!(verdict.all_good() || !verdict.none_bad());
    }

    /// One record more, less or elsewhere is found.
    #[test]
    fn case_85_the_smallest_changes_of_a_field_are_found(kind in 0..3_u8, a in 0..5_usize, b in 0..6_usize, c in 0..6_usize) {
        let mut records = chain();
        match kind {
            0 => drop(records.remove(a)),
            1 => {
                prop_assume!(b < 5 && a != b);
                records.swap(a, b);
            }
            _ => {
                let stray = if c < 5 { chain()[c].clone() } else { other_field() };
                records.insert(b, stray);
            }
        }
        prop_assert!(!verify_chain(&records, &keys(), &expected()).none_bad());
    }

    /// No text makes the readers panic.
    #[test]
    fn any_text_is_read_or_refused(text in "[A-Za-z0-9_.~\n-]{0,80}", bytes in prop::collection::vec(any::<u8>(), 0..80)) {
        let _ = SignatureRecord::from_sd_jwt(&text);
        let _ = SignatureRecord::from_bytes(&bytes);
        let _ = verify_record(&text, &[&text], &keys(), None);
        let _ = VerifyingKeys::from_jwk_set(&text);
        let _ = VerifyingKeys::from_pem(&text);
    }
}
