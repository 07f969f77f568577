//! Rejections leave at one time: a client that measures learns nothing of why.

use core::time::Duration;
use std::io::Write;
use std::net::TcpStream;
use std::thread;

use otp_engine_testkit::{PostgresServer, timed, wait_until};
use serde_json::{Value, json};

use crate::harness::{Client, Service, Setup, place, with, wrong};
use crate::postgres::url;

/// What the client must not tell apart, as the service counts it.
const KINDS: [&str; 5] = ["unknown", "wrong", "expired", "already_used", "superseded"];
/// Times that each is asked for, by as many users.
const ROUNDS: u32 = 15;

fn on(record: u32) -> Value {
    with(place(), json!({"id": record}))
}

fn rejected(client: &Client, kind: &str) -> u64 {
    client.count(&format!(
        r#"otp_reference_events_total{{event="rejected_{kind}"}}"#
    ))
}

/// Returns by how much the medians of the kinds differ, longest to shortest, less 1; and these.
fn spread(service: &Service) -> (f64, [f64; KINDS.len()]) {
    let users: Vec<Client> = (0..ROUNDS)
        .map(|round| Client::of(service.address, &(1000 + round).to_string()))
        .collect();
    let send = |client: &Client, record| {
        let sent = client.send(&on(record));
        assert_eq!(sent["status"], 200, "{sent}");
        (sent["esms_otp_generation_id"].clone(), service.code())
    };
    let old: Vec<_> = users
        .iter()
        .map(|client| (send(client, 3).1, send(client, 5)))
        .collect();
    service.pass(180); // over; what is sent now supersedes
    let mut took = [const { Vec::new() }; KINDS.len()];
    for (client, (expired, (superseded, its_code))) in users.iter().zip(old) {
        let code = send(client, 2).1;
        let used = send(client, 4).1;
        assert_eq!(client.verify(on(4), &used)["status"], 200);
        send(client, 5);
        let named = with(on(5), json!({"esms_otp_generation_id": superseded}));
        let asked = [
            (on(1), code.clone()),
            (on(2), wrong(&code)),
            (on(3), expired),
            (on(4), used),
            (named, its_code),
        ];
        thread::scope(|scope| {
            let asked = asked.map(|(place, code)| {
                scope.spawn(move || {
                    let (answer, took) = timed(|| client.verify(place, &code));
                    assert_eq!(answer["message"], "Invalid or expired OTP");
                    took
                })
            });
            for (of_kind, asked) in took.iter_mut().zip(asked) {
                of_kind.push(asked.join().unwrap());
            }
        });
    }
    for kind in KINDS {
        assert_eq!(rejected(&users[0], kind), u64::from(ROUNDS), "{kind}");
    }
    let medians = took.map(|mut of_kind| {
        of_kind.sort_unstable();
        of_kind[of_kind.len() / 2].as_secs_f64()
    });
    let longest = medians.iter().copied().fold(0.0, f64::max);
    let shortest = medians.iter().copied().fold(f64::INFINITY, f64::min);
    (longest / shortest - 1.0, medians)
}

/// Measures until the spread is as `expected`, at most three times, each on a service of its own: what the service does
/// shows each time, what else the machine does may not.
fn expect(expected: impl Fn(f64) -> bool, mut measured: impl FnMut() -> (f64, [f64; KINDS.len()])) {
    let mut tries = Vec::new();
    while tries.len() < 3 {
        let (spread, medians) = measured();
        if expected(spread) {
            return;
        }
        tries.push((spread, medians));
    }
    panic!("{KINDS:?} {tries:?}");
}

#[test]
fn the_kinds_of_rejection_take_the_same_time_on_either_store() {
    const HOLD: [&str; 2] = ["--rejection-hold", "250"];
    let is_same = |spread| spread <= 0.02;
    expect(is_same, || spread(&Setup::new().start(&HOLD)));
    expect(is_same, || {
        let server = PostgresServer::start();
        let database = url(&server, "otp");
        spread(&Setup::new().start(&[&["--database", &database, "--migrate"][..], &HOLD].concat()))
    });
}

#[test]
fn without_the_hold_the_measure_tells_them_apart() {
    let at_once = || spread(&Setup::new().start(&["--rejection-hold", "0"]));
    // Of three tries each, as with the hold: a measure that is blind would be found out all the same.
    let tries: Vec<_> = (0..3).map(|_| at_once()).collect();
    assert!(
        tries.iter().all(|(spread, _)| *spread > 0.02),
        "{KINDS:?} {tries:?}"
    );
}

#[test]
fn a_held_answer_takes_no_place_from_others_and_an_accepted_one_is_not_held() {
    let service = Setup::new().start(&[
        "--rejection-hold",
        "1000",
        "--max-requests",
        "1",
        "--max-operations",
        "1",
    ]);
    let body = json!({"params": with(place(), json!({"otp": "000000"}))}).to_string();
    let ((), all) = timed(|| {
        thread::scope(|scope| {
            for _ in 0..20 {
                scope.spawn(|| {
                    let rejected = || {
                        service
                            .client()
                            .post("/api/esms_otp/verify_esms_otp", &body)
                    };
                    wait_until("there is a place", || rejected().0 == 200);
                });
            }
        });
    });
    assert_eq!(rejected(&service.client(), "unknown"), 20);
    assert!(all < Duration::from_secs(15), "one after another: {all:?}");
    let quickest = (1..=5).map(|record| {
        service.client().send(&on(record));
        let (answer, took) = timed(|| service.client().verify(on(record), &service.code()));
        assert_eq!(answer["status"], 200, "{answer}");
        took
    });
    assert!(quickest.min().unwrap() < Duration::from_millis(900));
}

#[test]
fn a_client_that_goes_away_frees_its_connection() {
    const CLIENTS: u64 = 40;
    let mut service = Setup::new().start(&["--rejection-hold", "1000", "--max-connections", "2"]);
    let client = service.client();
    let body = json!({"params": with(place(), json!({"otp": "000000"}))}).to_string();
    let ((), all) = timed(|| {
        for gone in 1..=CLIENTS {
            let mut stream = TcpStream::connect(service.address).unwrap();
            write!(
                stream,
                "POST /api/esms_otp/verify_esms_otp HTTP/1.1\r\nhost: x\r\nx-demo-user: 7\r\n\
                 content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
                body.len()
            )
            .unwrap();
            wait_until("it is rejected", || rejected(&client, "unknown") == gone);
        }
    });
    assert!(all < Duration::from_secs(15), "they waited: {all:?}");
    assert!(service.join());
}
