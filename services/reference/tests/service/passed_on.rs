//! Rules of the engine, as a client of the service meets them.

use core::sync::atomic::{AtomicBool, Ordering};
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use otp_engine::{ContentDigest, message::MessageTemplate};
use otp_engine_reference::directory::Terms;
use otp_engine_reference::gateway::{Gateway, Reply, Unanswered};
use serde_json::json;

use crate::harness::{Scripted, Service, Setup, place, with};

#[test]
fn case_397_a_clients_text_is_never_an_exception() {
    let service = Service::start();
    let client = service.client();
    assert_eq!(client.send(&place())["status"], 200);
    for unknown in [
        "gen_839210",
        "gen_",
        "\u{202e}",
        "gen_00000000000000000000000000",
    ] {
        let named = with(place(), json!({"esms_otp_generation_id": unknown}));
        let refused = client.verify(named, &service.code());
        assert_eq!(refused["status"], 400, "{unknown:?}: {refused}");
    }
    let verified = client.verify(place(), &service.code());
    assert_eq!(verified["status"], 200, "none of it was an attempt");
}

/// A gateway of a host, whose status is longer than the engine keeps.
struct Wordy;

impl Gateway for Wordy {
    fn send(&self, _: &str, _: &str) -> Result<Reply, Unanswered> {
        Ok(Reply::new("INVALID_NUMBER".to_owned(), "no such number"))
    }
}

#[test]
fn case_397_a_gateways_long_status_is_reported_and_answered() {
    let service = Setup::new().gateway(Wordy).start(&[]);
    let client = service.client();
    let sent = client.send(&place());
    assert_eq!(
        (&sent["status"], &sent["esms_otp_response_status"]),
        (&json!(502), &json!("INVALID_NUMBER"))
    );
    let name = r#"otp_reference_events_total{event="delivery_failed_refunded"}"#;
    assert_eq!(client.count(name), 1, "the report was not lost");
}

#[test]
fn case_398_what_a_phone_could_take_for_the_code_is_refused_before_there_is_one() {
    static SAID: AtomicBool = AtomicBool::new(true);
    for glued in ["ABC-#otp#", "#otp#/9", "a\u{200b}#otp#", "1+#otp#"] {
        assert!(
            MessageTemplate::builder(glued).build().is_err(),
            "{glued:?}"
        );
    }
    let template = MessageTemplate::builder("Your code is #otp# for #subject#.");
    let template = template.build().unwrap();
    let service = Setup::new()
        .directory(Scripted(move |_: &_, _: &otp_engine::Target<'_>, _| {
            let subject = if SAID.load(Ordering::SeqCst) {
                "FA9+qCX/VSu" // as an app's line for Android's autofill
            } else {
                "RM 250"
            };
            Ok(Terms::new(template.clone()).subject(subject))
        }))
        .start(&[]);
    let client = service.client();
    let failed = client.send(&place());
    assert_eq!(failed["status"], 500, "{failed}");
    assert!(service.setup.esms.messages().is_empty());
    SAID.store(false, Ordering::SeqCst);
    let sent = client.send(&place());
    assert_eq!(sent["status"], 200, "there was no code: {sent}");
}

#[test]
fn case_393_a_digest_that_can_be_guessed_stays_hidden() {
    let digest = ContentDigest::of_fields(&["MYR", "15000.00"]);
    let bare = ContentDigest::from_bytes(*digest.as_bytes());
    let shown = URL_SAFE_NO_PAD.encode(digest.as_bytes());
    for (at_send, hides) in [(digest, true), (bare, false)] {
        let is_sent = Arc::new(AtomicBool::new(false));
        let seen = is_sent.clone();
        let template = MessageTemplate::builder("Your code is #otp#.");
        let template = template.build().unwrap();
        let service = Setup::new()
            .directory(Scripted(move |_: &_, _: &otp_engine::Target<'_>, _| {
                let is_sent = seen.load(Ordering::SeqCst);
                let content = if is_sent { bare } else { at_send };
                Ok(Terms::new(template.clone()).content(content))
            }))
            .start(&[]);
        let client = service.client();
        assert_eq!(client.send(&place())["status"], 200);
        is_sent.store(true, Ordering::SeqCst);
        assert_eq!(client.verify(place(), &service.code())["status"], 200);
        let record = client.signature(&place())["signature_record"].take();
        let payload = record.as_str().unwrap().split('.').nth(1).unwrap();
        let payload = String::from_utf8(URL_SAFE_NO_PAD.decode(payload).unwrap()).unwrap();
        assert!(payload.contains("client_signature"), "{payload}");
        assert_eq!(!payload.contains(&shown), hides, "{payload}");
    }
}
