//! What the gateway may do to a Send.

use core::time::Duration;

use serde_json::json;

use crate::harness::{Mood, Service, Setup, place};

#[test]
fn a_refused_message_is_refunded() {
    let service = Service::start();
    let client = service.client();
    service
        .setup
        .esms
        .mood(Mood::Says(200, r#"{"status":5,"message":"no credit"}"#));
    let refused = json!({
        "status": 502, "message": "SMS gateway refused the message", "esms_otp_response_status": "5",
    });
    assert_eq!(client.send(&place()), refused);
    let at_once = client.send(&place());
    assert_eq!(
        at_once,
        json!({
            "status": 429, "message": "OTP send limit reached", "retry_after": 10,
        })
    );
    service.pass(10);
    service
        .setup
        .esms
        .mood(Mood::Says(500, r#"{"status":"0"}"#));
    let sent = client.send(&place());
    assert_eq!(sent["status"], 200, "the status in the body counts: {sent}");
    assert_eq!(
        client.count(r#"otp_reference_messages_total{outcome="refused"}"#),
        1
    );
    assert_eq!(
        client.count(r#"otp_reference_events_total{event="delivery_failed_refunded"}"#),
        1
    );
    assert_eq!(client.verify(place(), &service.code())["status"], 200);
}

#[test]
fn a_refusal_by_http_status_alone_is_one() {
    let service = Service::start();
    service.setup.esms.mood(Mood::Says(403, "<html>"));
    assert_eq!(
        service.client().send(&place())["esms_otp_response_status"],
        "h403"
    );
}

#[test]
fn where_nothing_listens_nothing_was_sent() {
    let service = Setup::new().without_gateway().start(&[]);
    let client = service.client();
    let unreached = json!({
        "status": 502, "message": "SMS gateway could not be reached", "esms_otp_response_status": "conn",
    });
    assert_eq!(client.send(&place()), unreached);
    assert_eq!(client.send(&place())["retry_after"], 10);
}

/// Sends once where the gateway leaves it open whether the message goes out.
fn is_left_open(service: &Service) {
    let client = service.client();
    let unknown = json!({
        "status": 502, "message": "SMS gateway did not answer", "esms_otp_response_status": "",
    });
    assert_eq!(client.send(&place()), unknown);
    // Nothing is refunded, and the cooldown keeps a second message back.
    let again = client.send(&place());
    assert_eq!(again["message"], "OTP already sent");
    assert_eq!(
        (&again["retry_after"], &again["esms_otp_response_status"]),
        (&json!(60), &json!(""))
    );
    assert_eq!(service.setup.esms.messages().len(), 1);
    // The message did arrive.
    assert_eq!(client.verify(place(), &service.code())["status"], 200);
}

#[test]
fn a_gateway_that_closes_leaves_it_open() {
    let service = Service::start();
    service.setup.esms.mood(Mood::Closes);
    is_left_open(&service);
}

#[test]
fn a_reply_without_a_status_leaves_it_open() {
    let service = Service::start();
    service
        .setup
        .esms
        .mood(Mood::Says(200, r#"{"status":false}"#));
    is_left_open(&service);
}

#[test]
fn a_gateway_that_is_too_slow_leaves_it_open() {
    // The time has to suffice for the message to arrive: more of it where the machine is slow.
    for seconds in [1, 5, 25] {
        let timeout = Duration::from_secs(seconds);
        let service = Setup::new().gateway_timeout(timeout).start(&[]);
        service.setup.esms.mood(Mood::Hangs);
        let client = service.client();
        let answer = client.send(&place());
        assert_eq!(answer["status"], 502);
        if service.setup.esms.messages().is_empty() {
            continue;
        }
        assert_eq!(answer["esms_otp_response_status"], "");
        assert_eq!(client.send(&place())["message"], "OTP already sent");
        assert_eq!(client.verify(place(), &service.code())["status"], 200);
        return;
    }
    panic!("no message arrived");
}
