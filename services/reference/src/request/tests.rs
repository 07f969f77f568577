use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::*;

fn place() -> Value {
    json!({"model": "loan.application", "field": "client_signature", "id": 15})
}

fn with(name: &str, value: Value) -> Value {
    let mut params = place();
    params[name] = value;
    params
}

fn query(pairs: &[(&str, &str)]) -> Query {
    let owned = |(name, value): &(&str, &str)| (String::from(*name), String::from(*value));
    pairs.iter().map(owned).collect()
}

fn why<T>(read: Result<T, Bad>) -> Option<String> {
    read.err().map(|Bad(why)| why)
}

fn send(params: &Value) -> Option<String> {
    why(Send::read(params, &query(&[])))
}

fn verify(name: &str, value: Value) -> Option<String> {
    let mut params = with("otp", json!("040057"));
    params[name] = value;
    why(Verify::read(&params, &query(&[])))
}

#[test]
fn a_place_is_read_from_body_query_or_both() {
    let expected = RequestTarget {
        model: "loan.application".into(),
        field: "client_signature".into(),
        id: 15,
    };
    let all = [
        ("model", "loan.application"),
        ("field", "client_signature"),
        ("id", "15"),
    ];
    for (params, said) in [
        (place(), query(&[])),
        (json!({}), query(&all)),
        (place(), query(&all)),
        (with("id", json!("0015")), query(&all)),
        (with("id", json!(false)), query(&all)),
        (with("context", json!({"lang": 1})), query(&[("id", "")])),
    ] {
        assert_eq!(
            RequestTarget::of_get(&params, &said),
            Ok(expected_like(&expected))
        );
    }
    let differs = Some("id differs between body and query".into());
    assert_eq!(
        why(RequestTarget::of_get(&place(), &query(&[("id", "16")]))),
        differs
    );
    for again in ["15", "16"] {
        let twice = query(&[("id", "15"), ("id", again)]);
        let why = why(RequestTarget::of_get(&with("id", json!(null)), &twice));
        assert_eq!(why.unwrap(), "id stands twice in the query");
    }
}

fn expected_like(place: &RequestTarget) -> RequestTarget {
    RequestTarget {
        model: place.model.clone(),
        field: place.field.clone(),
        id: place.id,
    }
}

#[test]
fn names_and_ids_are_bounded() {
    assert_eq!(send(&place()), None);
    assert_eq!(send(&json!([])), Some("params must be an object".into()));
    assert_eq!(
        send(&with("model", json!(""))),
        Some("model is missing".into())
    );
    assert_eq!(
        send(&with("model", json!(1))),
        Some("model must be a string".into())
    );
    let name = Some("field must be at most 128 letters, digits, underscores and dots".into());
    for bad in ["a b", "a\0", "ä", "a-b", &"x".repeat(129)] {
        assert_eq!(send(&with("field", json!(bad))), name, "{bad}");
    }
    assert_eq!(send(&with("field", json!("x".repeat(128)))), None);
    let id = Some("id must be a whole number from 1 to 2147483647".into());
    for bad in [
        json!(0),
        json!(-1),
        json!(1.0),
        json!(2_147_483_648_u64),
        json!(true),
        json!("1.5"),
        json!("+15"),
        json!("１５"),
        json!("00000000015"),
        json!([15]),
        json!({}),
    ] {
        assert_eq!(send(&with("id", bad.clone())), id, "{bad}");
    }
    assert_eq!(send(&with("id", json!(2_147_483_647))), None);
}

#[test]
fn a_redirect_is_a_local_path() {
    let redirect = |path: &str| send(&with("redirect_url", json!(path)));
    for good in ["/", "/my/home", "/a?b=c&d=%2F#e", "", "/a//b"] {
        assert_eq!(redirect(good), None, "{good}");
    }
    let bad = Some("redirect_url must be a local path in ascii such as /my/home".into());
    for path in [
        "//evil.example",
        "/\\evil.example",
        "https://evil.example",
        "my",
        "/a b",
        "/\t/e",
        "/ä",
    ] {
        assert_eq!(redirect(path), bad, "{path}");
    }
    let long = format!("/{}", "x".repeat(2048));
    assert_eq!(redirect(&long[..2048]), None);
    let why = "redirect_url is 2049 characters; it must be at most 2048";
    assert_eq!(redirect(&long), Some(why.into()));
}

#[test]
fn an_otp_is_text() {
    assert_eq!(verify("otp", json!("040057")), None);
    for number in [
        json!(40057),
        json!(0),
        json!(true),
        json!(false),
        json!(["040057"]),
    ] {
        assert_eq!(verify("otp", number), Some("otp must be a string".into()));
    }
    for missing in [json!(null), json!("")] {
        assert_eq!(verify("otp", missing), Some("otp is missing".into()));
    }
    let read = Verify::read(&place(), &query(&[("otp", "040057")]));
    assert_eq!(
        why(read),
        Some("otp must stand in the body, never in the query".into())
    );
}

#[test]
fn a_generation_has_one_spelling() {
    let good = "gen_51SM43VBEJ02PJZ4AKD010BTR3";
    let lower = format!("gen_{}", good[4..].to_ascii_lowercase());
    for given in [
        json!(good),
        json!(lower),
        json!(false),
        json!(null),
        json!(""),
    ] {
        assert_eq!(
            verify("esms_otp_generation_id", given.clone()),
            None,
            "{given}"
        );
    }
    let bad = Some("esms_otp_generation_id must be gen_ and 26 base32 characters".into());
    let o_for_0 = good.replace('0', "O");
    for given in [
        "gen_1",
        "51SM43VBEJ02PJZ4AKD010BTR3",
        &o_for_0,
        "GEN_51SM43VBEJ02PJZ4AKD010BTR3",
        "gen_81SM43VBEJ02PJZ4AKD010BTR3",
    ] {
        assert_eq!(
            verify("esms_otp_generation_id", json!(given)),
            bad,
            "{given}"
        );
    }
}

#[test]
fn an_image_is_base64_of_a_small_png_or_jpeg() {
    let png = |size: usize| {
        let mut image = b"\x89PNG\r\n\x1a\n".to_vec();
        image.resize(size, 1);
        STANDARD.encode(image)
    };
    let signature = |text: &str| verify("signature", json!(text));
    let broken = png(100)
        .as_bytes()
        .chunks(76)
        .map(|line| String::from_utf8_lossy(line).into_owned())
        .collect::<Vec<_>>()
        .join("\r\n");
    for good in [
        png(100),
        png(MAX_IMAGE),
        broken,
        STANDARD.encode(b"\xff\xd8\xff\xe0"),
        format!("data:image/png;base64,{}", png(100)),
        format!("DATA:image/JPEG;base64,{}", png(9)),
        format!(
            "data:image/jpg;base64,{}",
            STANDARD.encode(b"\xff\xd8\xff\xe0")
        ),
    ] {
        assert_eq!(signature(&good), None);
    }
    let too_large = Some("signature is too large; it must be at most 1048576 bytes decoded".into());
    assert_eq!(signature(&png(MAX_IMAGE + 1)), too_large);
    assert_eq!(signature(&"A".repeat(MAX_BASE64 + 1)), too_large);
    let no_base64 = Some("signature must be base64".into());
    for bad in [
        "?",
        "a",
        "iVBORw0KGgo",
        "data:image/svg+xml;base64,AAAA",
        "iVBO Rw0KGgo=",
    ] {
        assert_eq!(signature(bad), no_base64, "{bad}");
    }
    let other = Some("signature must be a PNG or JPEG image".into());
    for bad in [&b"<svg/>"[..], b"GIF89a", b"%PDF", b"\x89PNG"] {
        assert_eq!(signature(&STANDARD.encode(bad)), other);
    }
    assert_eq!(
        verify("signature", json!(5)),
        Some("signature must be a string".into())
    );
    assert_eq!(verify("signature", json!(false)), None);
}

#[test]
fn a_signer_s_name_is_a_line() {
    let name = |text: &str| verify("signer_name", json!(text));
    assert_eq!(name("  Siti Aminah "), None);
    assert_eq!(name("   "), None);
    assert_eq!(name(&"ä".repeat(128)), None);
    let long = Some("signer_name is 258 bytes; it must be at most 256".into());
    assert_eq!(name(&"ä".repeat(129)), long);
    let control = Some("signer_name holds a control character".into());
    assert_eq!(name("a\nb"), control);
    assert_eq!(name("a\0b"), control);
}
