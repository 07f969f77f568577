//! What is no request of the contract: HTTP says so, in JSON.

use std::io::{Read, Write};
use std::net::TcpStream;

use otp_engine_reference::directory::Login;
use serde_json::{Value, json};

use crate::harness::{Client, Mood, PATIENCE, Service, Setup, place};

const SEND: &str = "/api/esms_otp/send_esms_otp";

/// Writes bytes to the service; returns all that it writes until it closes.
fn raw(service: &Service, request: &str) -> String {
    let mut stream = TcpStream::connect(service.address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    String::from_utf8(answer).unwrap()
}

/// Asserts status and message of a refusal; returns its head.
fn refused(answer: &str, status: u16, message: &str) -> String {
    assert!(
        answer.starts_with(&format!("HTTP/1.1 {status} ")),
        "{answer}"
    );
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let body: Value = serde_json::from_str(body).unwrap();
    let expected = json!({
        "jsonrpc": "2.0", "id": null, "error": {"code": status, "message": message},
    });
    assert_eq!(body, expected);
    head.to_ascii_lowercase()
}

fn post(kind: &str, body: &str) -> String {
    format!(
        "POST {SEND} HTTP/1.1\r\nhost: x\r\nconnection: close\r\nx-demo-user: 7\r\n\
         content-type: {kind}\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
}

#[test]
fn malformed_requests_are_refused_by_http() {
    let service = Service::start();
    let bad = [
        ("", "the body must be json"),
        ("{", "the body must be json"),
        ("[{\"params\": {}}]", "the body must be an object"),
        ("\"text\"", "the body must be an object"),
        (
            "{\"id\": {}}",
            "id must be a number, a text of at most 256 bytes, or null",
        ),
        (
            "{\"id\": true}",
            "id must be a number, a text of at most 256 bytes, or null",
        ),
    ];
    for (body, message) in bad {
        refused(
            &raw(&service, &post("application/json", body)),
            400,
            message,
        );
    }
    let deep = "[".repeat(100_000);
    refused(
        &raw(&service, &post("application/json", &deep)),
        400,
        "the body must be json",
    );
    let message = "content-type must be application/json";
    for kind in [
        "text/plain",
        "application/x-www-form-urlencoded",
        "application/jsonp",
    ] {
        refused(&raw(&service, &post(kind, "{}")), 415, message);
    }
    let plain = raw(&service, &post("Application/JSON; charset=utf-8", "{}"));
    assert!(plain.contains("model is missing"), "{plain}");

    let get = format!("GET {SEND} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
    let head = refused(&raw(&service, &get), 405, "no such method on this path");
    assert!(head.contains("allow: post"), "{head}");
    for path in ["/api/esms_otp/send", "/nothing", "/a/b", "/%00"] {
        let get = format!("GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
        refused(&raw(&service, &get), 404, "no such path");
    }
    assert!(service.setup.esms.messages().is_empty());
}

#[test]
fn a_body_that_is_too_large_is_refused_before_or_while_it_comes() {
    let service = Service::start();
    let head = format!("POST {SEND} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n");
    let message = "the body must be at most 2 MiB";
    let announced = format!("{head}content-length: 2097153\r\n\r\n");
    refused(&raw(&service, &announced), 413, message);
    // One byte over in one chunk that is never ended: all of it has to be read to know.
    let chunk = format!(
        "{head}transfer-encoding: chunked\r\n\r\n200001\r\n{}",
        " ".repeat(0x20_0001)
    );
    refused(&raw(&service, &chunk), 413, message);
}

#[test]
fn the_envelope_repeats_the_id() {
    let service = Service::start();
    let client = service.client();
    for id in [
        json!(77),
        json!("abc"),
        json!(1.5),
        json!(null),
        json!("x".repeat(256)),
    ] {
        let body = json!({"jsonrpc": "2.0", "method": "call", "id": id, "params": {}});
        let (http, answer) = client.post(SEND, &body.to_string());
        let result = json!({"status": 400, "message": "model is missing"});
        let expected = json!({"jsonrpc": "2.0", "id": id, "result": result});
        assert_eq!((http, answer), (200, expected));
    }
    let (http, answer) = client.post(SEND, r#"{"a": 1}"#);
    assert_eq!((http, &answer["id"]), (200, &json!(null)));
}

#[test]
fn what_is_too_slow_is_cut_off() {
    let service = Setup::new().start(&["--head-timeout", "1"]);
    let head = raw(&service, "POST / HTTP/1.1\r\nhost");
    assert!(
        !head.contains("200"),
        "closed, with or without a word: {head}"
    );
    let service = Setup::new().start(&["--gateway-timeout", "1", "--request-timeout", "2"]);
    let head = format!(
        "POST {SEND} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 9\r\n\r\n{{"
    );
    let message = "the request took too long; what it asked for may have been done";
    let head = refused(&raw(&service, &head), 503, message);
    assert!(head.contains("retry-after: 1"), "{head}");
}

#[test]
fn more_requests_than_allowed_hear_503_and_the_others_go_on() {
    let service = Setup::new().start(&["--max-requests", "1"]);
    let esms = &service.setup.esms;
    esms.mood(Mood::Hangs);
    std::thread::scope(|scope| {
        let first = scope.spawn(|| service.client().send(&place()));
        otp_engine_testkit::wait_until("the gateway has the message", || {
            !esms.messages().is_empty()
        });
        let body = json!({"params": place()}).to_string();
        let other = Client::of(service.address, "8");
        let (http, answer) = other.post("/api/esms_otp/get_esms_otp_signature", &body);
        assert_eq!(
            (http, &answer["error"]["message"]),
            (503, &json!("too many requests at once"))
        );
        assert_eq!(
            other.get("/health/ready").0,
            200,
            "not a request of the contract"
        );
        esms.release();
        assert_eq!(first.join().unwrap()["status"], 200);
        let (http, _) = other.post("/api/esms_otp/get_esms_otp_signature", &body);
        assert_eq!(http, 200, "there is room again");
    });
}

#[test]
fn pages_keys_counts_and_health_are_served() {
    let service = Service::start();
    let client = service.client();
    let (http, page) = client.get("/");
    assert_eq!(http, 200);
    for part in ["/page.js", "/page.css", "/verify.js", "/pad.js"] {
        assert_eq!(client.get(part).0, 200, "{part}");
    }
    assert!(
        !page.contains("<script>") && !page.contains(" onclick="),
        "no script in the page"
    );
    let plain = raw(
        &service,
        "GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n",
    );
    assert!(plain.contains("content-security-policy: default-src 'none'; script-src 'self';"));
    let keys: Value = serde_json::from_str(&client.get("/.well-known/jwks.json").1).unwrap();
    assert_eq!(keys["keys"][0]["crv"], "Ed25519");
    assert_eq!(keys["keys"][0].get("d"), None);
    let served: Value = serde_json::from_str(&client.get("/openapi.json").1).unwrap();
    assert!(served == otp_engine_reference::openapi(&Login::Demo));
    assert_eq!(client.get("/health/live").0, 200);
    client.send(&place());
    client.verify(place(), "x");
    let counted = |name: &str| client.count(&format!("otp_reference_{name}"));
    assert_eq!(counted(r#"events_total{event="issued"}"#), 1);
    assert_eq!(counted(r#"events_total{event="rejected_malformed"}"#), 1);
    assert_eq!(counted(r#"answers_total{route="verify",status="400"}"#), 1);
    assert_eq!(
        counted(r#"http_request_duration_seconds_count{route="send"}"#),
        1
    );
}
