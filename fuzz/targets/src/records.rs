//! What a verifier of records reads: keys, records, and what is in them.

use std::sync::LazyLock;

use base64ct::{Base64UrlUnpadded, Encoding};
use ed25519_dalek::{Signer, SigningKey};
use otp_engine::{
    SignatureRecord, Timestamp,
    record::{
        Expected, ExpectedChain, RecordDetail, VerifyingKey, VerifyingKeys, verify_chain,
        verify_record,
    },
};
use serde::de::IgnoredAny;

/// Everything that can be erased.
const DETAILS: [RecordDetail; 7] = [
    RecordDetail::UserName,
    RecordDetail::SignerName,
    RecordDetail::Number,
    RecordDetail::Email,
    RecordDetail::Ip,
    RecordDetail::Agent,
    RecordDetail::ContentDigest,
];

/// The keys of the golden records, and the records.
static GOLDEN: LazyLock<(VerifyingKeys, String)> = LazyLock::new(|| {
    let text = include_str!("../../../tests/vectors/records/golden-v1.json");
    let golden: serde_json::Value = serde_json::from_str(text).expect("JSON");
    let keys = VerifyingKeys::from_jwk_set(&golden["jwk_set"].to_string());
    (keys.expect("a JWK set"), text.into())
});

/// Keys: a JWK set or PEM, public or private.
///
/// # Panics
///
/// Where a set is not the same once it is written and read again, or no JSON.
pub fn jwks(data: &[u8]) {
    // A private key in DER needs no text.
    let _ = otp_engine::SigningKey::from_pkcs8_der(data).map_err(|error| error.to_string());
    let Ok(text) = core::str::from_utf8(data) else {
        return;
    };
    if let Ok(key) = otp_engine::SigningKey::from_pkcs8_pem(text) {
        let public = key.public_pem().expect("an Ed25519 key");
        let keys = VerifyingKeys::from_pem(&public).expect("a public key");
        assert_eq!(names(&keys), [key.id().to_string()]);
        assert!(VerifyingKeys::from_pem(text).is_err(), "a private key");
    }
    let pem = VerifyingKeys::from_pem(text).map_err(|error| error.to_string());
    let set = VerifyingKeys::from_jwk_set(text).map_err(|error| error.to_string());
    if set.is_ok() {
        assert!(text.len() <= 256 * 1024);
        serde_json::from_str::<IgnoredAny>(text).expect("what is taken is JSON");
    }
    for keys in [pem, set].into_iter().flatten() {
        assert!(!names(&keys).is_empty(), "a set without keys");
        let set = keys.to_jwk_set();
        let again = VerifyingKeys::from_jwk_set(&set).expect("a set as written");
        assert_eq!(again.to_jwk_set(), set);
        let pem = VerifyingKeys::from_pem(&keys.to_pem()).expect("PEM as written");
        assert_eq!((names(&pem), names(&again)), (names(&keys), names(&keys)));
    }
}

fn names(keys: &VerifyingKeys) -> Vec<String> {
    keys.iter().map(|key| key.id().to_string()).collect()
}

/// A record as it is handed out (`<JWS>~<disclosure>~…`) or, behind a byte that is no text, as it is stored.
///
/// # Panics
///
/// Where a record is not the same once it is written and read again, or one verifies that nobody signed.
pub fn record(data: &[u8]) {
    if let Ok(record) = SignatureRecord::from_bytes(data) {
        assert_eq!(record.to_bytes(), data, "not stored as it was read");
        judge(&record);
    }
    let Ok(text) = core::str::from_utf8(data) else {
        return;
    };
    // Also what no record is.
    let (keys, _) = &*GOLDEN;
    let jws = text.split('~').next().unwrap_or("");
    let verified = verify_record(jws, &[] as &[&str], keys, None);
    match SignatureRecord::from_sd_jwt(text) {
        Ok(record) => {
            let written = record.to_sd_jwt();
            assert_eq!(
                written.trim_end_matches('~'),
                text.trim_ascii_end().trim_end_matches('~')
            );
            judge(&record);
        }
        Err(error) => {
            drop((error.to_string(), error.sequence(), error.id()));
            let alone = SignatureRecord::from_sd_jwt(jws);
            assert!(verified.is_err() || alone.is_ok(), "verified and unread");
        }
    }
}

/// Asks of a record all that can be asked without its signer.
fn judge(record: &SignatureRecord) {
    let (keys, golden) = &*GOLDEN;
    let again = SignatureRecord::from_sd_jwt(&record.to_sd_jwt()).expect("as written");
    assert_eq!(again.digest(), record.digest());
    let verified = verify_record(record.jws(), record.disclosures(), keys, None);
    if let Ok(verified) = &verified {
        assert!(golden.contains(record.jws()), "nobody signed this");
        assert_eq!(
            (verified.sequence(), verified.id()),
            (record.sequence(), record.id())
        );
        let other = Expected::new().tenant("another tenant");
        assert!(verify_record(record.jws(), record.disclosures(), keys, Some(&other)).is_err());
    }
    let chain = verify_chain(
        core::slice::from_ref(record),
        keys,
        &ExpectedChain::new().first_sequence(record.sequence()),
    );
    assert_eq!(chain.none_bad(), verified.is_ok());
    let erased = record.erase(&DETAILS, Timestamp::from_unix(1_715_767_200));
    assert_eq!(erased.digest(), record.digest());
    let notes = erased.erasures().len() - record.erasures().len();
    assert_eq!(notes, usize::from(erased != *record));
    let stored = erased.to_bytes();
    if stored.len() <= 64 * 1024 {
        let read = SignatureRecord::from_bytes(&stored).expect("an erased record as stored");
        assert_eq!(read.to_bytes(), stored);
    }
    let left = verify_record(erased.jws(), erased.disclosures(), keys, None);
    assert_eq!(
        left.is_ok(),
        verified.is_ok(),
        "erasing changes the verdict"
    );
}

/// What stands in a record, signed here: the payload, and in the lines behind it the disclosures as
/// JSON. A first line that begins with `!` is the JWS's header.
///
/// # Panics
///
/// Where a signed payload is read as another text, or a disclosure as what it does not say.
pub fn payload(data: &[u8]) {
    let Ok(text) = core::str::from_utf8(data) else {
        return;
    };
    static KEY: LazyLock<(SigningKey, VerifyingKeys, String)> = LazyLock::new(|| {
        let key = SigningKey::from_bytes(&[7; 32]);
        let public = VerifyingKey::from_ed25519(key.verifying_key().as_bytes()).expect("a point");
        let header = format!(
            r#"{{"alg":"EdDSA","kid":"{}","typ":"otp-signature+jwt"}}"#,
            public.id()
        );
        let mut keys = VerifyingKeys::new();
        keys.insert(public);
        (key, keys, header)
    });
    let (key, keys, ours) = &*KEY;
    let (header, text) = match text
        .strip_prefix('!')
        .and_then(|text| text.split_once('\n'))
    {
        Some((header, text)) => (header, text),
        None => (ours.as_str(), text),
    };
    let mut lines = text.split('\n');
    let payload = lines.next().unwrap_or("");
    let encode = |text: &str| Base64UrlUnpadded::encode_string(text.as_bytes());
    let disclosures: Vec<String> = lines.map(encode).collect();
    let signed = format!("{}.{}", encode(header), encode(payload));
    let signature = key.sign(signed.as_bytes()).to_bytes();
    let jws = format!("{signed}.{}", Base64UrlUnpadded::encode_string(&signature));

    let verified = verify_record(&jws, &disclosures, keys, None);
    let read = SignatureRecord::new(jws.clone(), disclosures.clone());
    // This key knows no window, and the signature is right: a record that reads verifies.
    if header == ours {
        assert_eq!(verified.is_ok(), read.is_ok());
    }
    let verified = match verified {
        Ok(verified) => verified,
        Err(error) => return drop(error.to_string()),
    };
    assert_eq!(verified.payload(), payload);
    let said: serde_json::Value = serde_json::from_str(payload).expect("what is read is JSON");
    assert_eq!(said["iss"], verified.tenant());
    assert_eq!(said["n"], verified.sequence());
    assert_eq!(said["iat"], verified.verified_at().unix());
    assert_eq!(said["who"]["user"], verified.user());
    let mut shown = 0;
    for detail in DETAILS {
        if let Some(value) = verified.detail(detail) {
            shown += 1;
            let says = |line: &str| {
                let array: serde_json::Value = serde_json::from_str(line).expect("JSON");
                array[1] == detail.name() && array[2] == value
            };
            assert!(text.split('\n').skip(1).any(says), "nobody disclosed it");
        }
    }
    assert!(shown <= disclosures.len());
    judge_signed(&read.expect("verified, and so read"), keys);
}

/// Asks whether a signed record stays one, as it is stored and with nothing left to erase.
fn judge_signed(record: &SignatureRecord, keys: &VerifyingKeys) {
    let stored = record.to_bytes();
    let read = SignatureRecord::from_bytes(&stored).expect("as stored");
    assert_eq!(read.to_bytes(), stored);
    let erased = record.erase(&DETAILS, Timestamp::from_unix(1_715_767_200));
    let verified = verify_record(erased.jws(), erased.disclosures(), keys, None);
    verified.expect("an erased record verifies");
    if record.disclosures().is_empty() && !record.jws().is_empty() {
        let other = record.jws().replace('.', "..");
        assert!(verify_record(&other, &[] as &[&str], keys, None).is_err());
    }
}
