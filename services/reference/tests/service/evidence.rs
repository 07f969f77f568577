//! Captured signatures, and the keys that records verify with.

use std::fs;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use otp_engine::Target;
use serde_json::{Value, json};

use crate::harness::{Service, Setup, place, with};

/// A photograph that comments make so many bytes long.
fn photograph(size: usize) -> Vec<u8> {
    let taken = include_bytes!("../../../../tests/vectors/images/sound/drawn.jpg");
    let mut image = taken[..2].to_vec();
    let mut left = size - taken.len();
    while left > 0 {
        let segment = if left > 60_000 { 30_000 } else { left };
        image.extend([0xFF, 0xFE]);
        image.extend(u16::try_from(segment - 2).unwrap().to_be_bytes());
        image.resize(image.len() + segment - 4, 0);
        left -= segment;
    }
    image.extend(&taken[2..]);
    image
}

pub(crate) fn guarantor() -> Value {
    with(place(), json!({"field": "guarantor_signature"}))
}

/// Signs with an image of the largest size; returns the image.
pub(crate) fn sign(service: &Service) -> String {
    let client = service.client();
    client.send(&guarantor());
    let code = service.code();
    let without = client.verify(guarantor(), &code);
    assert_eq!(
        without,
        json!({"status": 400, "message": "signature is required"})
    );
    let image = STANDARD.encode(photograph(1 << 20));
    for unusable in [&b"\xff\xd8\xff"[..], &photograph(4_000)[..3_998]] {
        let given = json!({"signature": STANDARD.encode(unusable)});
        let refused = client.verify(with(guarantor(), given), &code);
        let said = json!({"status": 400, "message": "signature is not usable"});
        assert_eq!(refused, said, "nor did it cost an attempt");
    }
    let given = json!({"signature": format!("data:image/jpg;base64,{image}")});
    let wrong = client.verify(
        with(guarantor(), given.clone()),
        &crate::harness::wrong(&code),
    );
    assert_eq!(
        wrong["attempts_left"], 4,
        "the first one cost no attempt: {wrong}"
    );
    let size = || {
        let data = service.setup.folder.path().join("data");
        let of = |name| fs::metadata(data.join(name)).map_or(0, |file| file.len());
        of("otp.sqlite3") + of("otp.sqlite3-wal")
    };
    let before = size();
    assert!(before < 1 << 20, "a wrong code leaves no image: {before}");
    let is_sqlite = before > 0;
    let verified = client.verify(with(guarantor(), given), &code);
    assert_eq!(verified["status"], 200, "{verified}");
    assert!(!is_sqlite || size() > 1 << 20, "the store holds the image");
    image
}

#[test]
fn case_251_an_image_is_asked_for_kept_and_erasable() {
    let service = Service::start();
    let image = sign(&service);
    let client = service.client();
    let signed = client.signature(&guarantor());
    assert_eq!(signed["signature"], *image);
    assert_eq!(signed["signer_name"], "Siti Aminah");
    let field = Target {
        model: "loan.application",
        field: "guarantor_signature",
        id: "15",
    };
    assert!(!service.server.erase("demo", &field, 2).unwrap());
    for _ in 0..2 {
        assert!(service.server.erase("demo", &field, 1).unwrap());
        let erased = client.signature(&guarantor());
        for gone in ["signature", "signer_name", "recipient_mobile"] {
            assert_eq!(erased[gone], false, "{gone}: {erased}");
        }
        assert_eq!(erased["status"], 200);
        assert_eq!(erased["signature_record"], signed["signature_record"]);
    }
}

#[test]
fn an_image_that_is_one_byte_too_large_is_refused() {
    let service = Service::start();
    let client = service.client();
    client.send(&guarantor());
    let image = STANDARD.encode(photograph((1 << 20) + 1));
    let refused = client.verify(
        with(guarantor(), json!({"signature": image})),
        &service.code(),
    );
    let message = "signature is too large; it must be at most 1048576 bytes decoded";
    assert_eq!(refused, json!({"status": 400, "message": message}));
}

#[test]
fn records_of_a_retired_key_verify_where_its_public_key_is_named() {
    let mut service = Service::start();
    let client = service.client();
    client.send(&place());
    client.verify(place(), &service.code());
    let public = client.get("/.well-known/jwks.json").1;
    assert!(service.join());
    let (folder, clock) = (service.setup.folder.clone(), service.setup.clock.clone());
    fs::remove_file(folder.path().join("data/signing.pem")).unwrap();
    let jwks = folder.path().join("retired.jwks");
    fs::write(&jwks, &public).unwrap();
    let again = |flags: &[&str]| {
        let setup = Setup {
            folder: folder.clone(),
            clock: clock.clone(),
            ..Setup::new()
        };
        let service = setup.start(flags);
        service.client().signature(&place())
    };
    assert_eq!(again(&[])["status"], 500, "nothing proves the record");
    let flags = ["--retired-signing-keys", jwks.to_str().unwrap()];
    assert_eq!(again(&flags)["status"], 200);
}
