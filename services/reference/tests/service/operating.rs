//! What operators expect of any service: ids of requests, addresses behind proxies, times to wait, a
//! bounded readiness, and a reload that ends nothing.

use core::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use otp_engine_testkit::{Folder, PostgresServer, wait_until};
use serde_json::{Value, json};

use crate::harness::{Client, PATIENCE, Service, Setup, code_in, place, with};
use crate::postgres::{ready, url};
use crate::process::{Running, text};

/// Sends with these headers; returns the answer's.
fn send(client: &Client, headers: &[(&str, &str)], id: u32) -> ureq::http::HeaderMap {
    let agent = ureq::Agent::config_builder()
        .proxy(None)
        .timeout_global(Some(PATIENCE))
        .build()
        .new_agent();
    let mut request = agent.post(format!("{}/api/esms_otp/send_esms_otp", client.base));
    for (name, value) in [("content-type", "application/json"), ("x-demo-user", "7")]
        .iter()
        .chain(headers)
    {
        request = request.header(*name, *value);
    }
    let asked = json!({"params": with(place(), json!({"id": id}))});
    request.send(&asked.to_string()).unwrap().headers().clone()
}

#[test]
fn case_586_each_line_of_a_request_has_its_id_and_so_has_the_answer() {
    let folder = Folder::new();
    let running = Running::demo(&folder, &["--trusted-proxies", "127.0.0.0/8,::1"]);
    let proxied = [("x-request-id", "from-the-proxy-1")];
    let answer = send(&running.client, &proxied, 15);
    assert_eq!(answer["x-request-id"], "from-the-proxy-1");
    let made = send(&running.client, &[("x-request-id", "no id")], 16);
    let made = made["x-request-id"].to_str().unwrap();
    assert_eq!(made.len(), 32);
    let lines = text(&folder.path().join("log"));
    for id in ["from-the-proxy-1", made] {
        let lines: Vec<Value> = lines
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .filter(|line: &Value| line["span"]["request_id"] == id)
            .collect();
        // From the thread of the store, from that of the gateway, and the request's own.
        for part in ["otp", "the gateway took a message", "request"] {
            let said = lines.iter().filter(|line| line["message"] == part);
            assert_eq!(said.count(), 1, "{part}: {lines:?}");
        }
    }
    assert_eq!(running.stop("TERM"), Some(0));
}

#[test]
fn case_588_the_record_has_the_address_of_the_client_behind_trusted_proxies() {
    for (trusted, recorded) in [("127.0.0.1", "203.0.113.9"), ("10.0.0.0/8", "127.0.0.1")] {
        let service = Setup::new().start(&["--trusted-proxies", trusted]);
        let client = service.client();
        client.send(&place());
        let agent = ureq::Agent::config_builder()
            .proxy(None)
            .build()
            .new_agent();
        let asked = json!({"params": with(place(), json!({"otp": service.code()}))});
        let verified = agent
            .post(format!("{}/api/esms_otp/verify_esms_otp", client.base))
            .header("content-type", "application/json")
            .header("x-demo-user", "7")
            .header("x-forwarded-for", "198.51.100.7, 203.0.113.9")
            .send(&asked.to_string())
            .unwrap();
        assert_eq!(verified.status(), 200);
        let disclosed = client.call("get_esms_otp_disclosures", &place());
        let disclosed = disclosed["signature_disclosures"].as_array().unwrap();
        let found = disclosed.iter().any(|one| {
            use base64::Engine as _;
            let one = one.as_str().unwrap();
            let one = base64::engine::general_purpose::URL_SAFE_NO_PAD
                .decode(one)
                .unwrap();
            String::from_utf8(one).unwrap().contains(recorded)
        });
        assert!(found, "{trusted}: {disclosed:?}");
    }
}

#[test]
fn case_587_a_refusal_with_a_time_says_it_in_a_header_too() {
    let service = Service::start();
    let first = send(&service.client(), &[], 15);
    assert_eq!(first.get("retry-after"), None);
    let again = send(&service.client(), &[], 15);
    assert_eq!(again["retry-after"], "60");
}

#[test]
fn case_589_readiness_has_its_time_and_takes_one_place_at_most() {
    let server = PostgresServer::start();
    let database = url(&server, "otp");
    let flags = [
        "--database",
        &database,
        "--migrate",
        "--ready-timeout",
        "1",
        "--purge-interval",
        "0",
    ];
    let service = Setup::new().start(&flags);
    let client = service.client();
    assert_eq!(ready(&client).0, 200);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let locked = runtime.block_on(async {
        use otp_engine_postgres::tokio_postgres::{NoTls, connect};
        let (held, connection) = connect(&server.url(), NoTls).await.unwrap();
        tokio::spawn(connection);
        let lock = "BEGIN; LOCK TABLE otp_engine.otp_cell IN ACCESS EXCLUSIVE MODE";
        held.batch_execute(lock).await.unwrap();
        held
    });
    // More of them than there are places, and the store's own time-out is longer.
    std::thread::scope(|scope| {
        for _ in 0..12 {
            scope.spawn(|| {
                let (http, body) = ready(&Client::of(service.address, "7"));
                assert_eq!((http, &body["cause"]), (503, &json!("slow")), "{body}");
            });
        }
        wait_until("one of them holds a place", || in_use(&client) > 0);
        assert_eq!(in_use(&client), 1);
    });
    drop(locked);
    drop(runtime);
    wait_until("it is ready", || ready(&client).0 == 200);
}

fn in_use(client: &Client) -> u64 {
    client.count(r#"otp_reference_pool_places{pool="store",state="in_use"}"#)
}

/// Keys, passwords and store are opened anew amid requests; none of them fails.
#[test]
fn case_590_a_reload_under_load_fails_no_request() {
    const CLIENTS: u32 = 3;
    let folder = Folder::new();
    let running = Running::demo(&folder, &["--rejection-hold", "0"]);
    let log = folder.path().join("log");
    let (is_over, codes) = (AtomicBool::new(false), AtomicUsize::new(0));
    let outbox = || text(&folder.path().join("outbox"));
    std::thread::scope(|scope| {
        for n in 0..CLIENTS {
            let (running, is_over, codes, outbox) = (&running, &is_over, &codes, &outbox);
            scope.spawn(move || {
                let address = running.client.base.strip_prefix("http://").unwrap();
                for user in (1000 + n..).step_by(CLIENTS as usize) {
                    if is_over.load(Ordering::Relaxed) {
                        break;
                    }
                    let client = Client::of(address.parse().unwrap(), &user.to_string());
                    let field = with(place(), json!({"id": user % 1000 + 1}));
                    let sent = client.send(&field);
                    assert_eq!(sent["status"], 200, "{sent}");
                    let number = sent["recipient_mobile"].as_str().unwrap();
                    let said = outbox();
                    let message = said.lines().rev().find(|line| line.contains(number));
                    let message: Value = serde_json::from_str(message.unwrap()).unwrap();
                    let code = code_in(message["msg"].as_str().unwrap());
                    let verified = client.verify(field, &code);
                    assert_eq!(verified["status"], 200, "{verified}");
                    codes.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        for times in 1..=5 {
            let before = codes.load(Ordering::Relaxed);
            running.signal("HUP");
            wait_until("it was read anew, and codes went on", || {
                text(&log).matches("were read anew").count() == times
                    && codes.load(Ordering::Relaxed) > before + 3
            });
        }
        is_over.store(true, Ordering::Relaxed);
    });
    let codes = codes.into_inner();
    eprintln!("figure: codes answered over five reloads, none failed = {codes}");
    assert!(!text(&log).contains(r#""level":"ERROR""#));
    assert_eq!(running.stop("TERM"), Some(0));
}
