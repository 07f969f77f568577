//! What becomes of requests at work when the service is told to stop, or their client goes away.

use std::io::{Read, Write};
use std::net::TcpStream;

use serde_json::json;

use crate::harness::{Client, Mood, PATIENCE, Service, Setup, place};

/// Begins a Send whose message the gateway holds; returns its connection.
fn begin(service: &Service) -> TcpStream {
    service.setup.esms.mood(Mood::Hangs);
    let body = json!({"params": place()}).to_string();
    let mut stream = TcpStream::connect(service.address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    write!(
        stream,
        "POST /api/esms_otp/send_esms_otp HTTP/1.1\r\nhost: x\r\nx-demo-user: 7\r\n\
         content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
    .unwrap();
    otp_engine_testkit::wait_until("the gateway has the message", || {
        !service.setup.esms.messages().is_empty()
    });
    stream
}

fn refuses_connections(service: &Service) {
    otp_engine_testkit::wait_until("nobody listens", || {
        TcpStream::connect(service.address).is_err()
    });
}

#[test]
fn a_request_at_work_is_finished() {
    let mut service = Service::start();
    let mut stream = begin(&service);
    service.stop();
    refuses_connections(&service);
    service.setup.esms.release();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap(); // until the service closes
    assert!(answer.contains("OTP generated successfully"), "{answer}");
    assert!(service.join(), "all was finished");
}

#[test]
fn case_265_it_is_not_ready_first_then_takes_no_more_and_ends() {
    let mut service = Setup::new().start(&["--drain-delay", "3"]);
    let client = service.client();
    assert_eq!(client.get("/health/ready").0, 200);
    service.stop();
    otp_engine_testkit::wait_until("it is not ready", || client.get("/health/ready").0 == 503);
    let body: serde_json::Value = serde_json::from_str(&client.get("/health/ready").1).unwrap();
    assert_eq!(body["status"], "stopping");
    // Whoever has not seen that yet is served.
    assert_eq!(client.get("/health/live").0, 200);
    assert_eq!(client.send(&place())["status"], 200);
    refuses_connections(&service);
    assert!(service.join());
}

#[test]
fn one_that_does_not_end_is_cut_off() {
    let mut service = Setup::new().start(&["--shutdown-timeout", "1"]);
    let mut stream = begin(&service);
    service.stop();
    refuses_connections(&service);
    assert!(!service.join(), "it never got its answer");
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    assert!(answer.is_empty());
}

#[test]
fn a_client_that_goes_away_takes_nothing_back() {
    let mut service = Service::start();
    drop(begin(&service));
    service.setup.esms.release();
    let client = Client::of(service.address, "7");
    otp_engine_testkit::wait_until("the message is counted", || {
        client.count(r#"otp_reference_messages_total{outcome="sent"}"#) == 1
    });
    let delivered = || client.count(r#"otp_reference_events_total{event="delivered"}"#);
    assert_eq!(delivered(), 0, "it waits for a guess");
    assert_eq!(client.verify(place(), &service.code())["status"], 200);
    assert_eq!(delivered(), 1);
    assert!(service.join());
}
