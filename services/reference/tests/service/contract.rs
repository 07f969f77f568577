//! Each row of the contract's table of statuses, and what its clients rely on.

use core::sync::atomic::{AtomicU64, Ordering};
use core::time::Duration;

use otp_engine::{Clock as _, ContentDigest, message::MessageTemplate};
use otp_engine_reference::directory::{Denial, Terms};
use serde_json::json;

use crate::harness::{Client, Scripted, Service, Setup, place, with, wrong};

const INVALID: &str = "Invalid or expired OTP";

#[test]
fn send_answers_with_exactly_the_members_of_the_contract() {
    let service = Service::start();
    let sent = service
        .client()
        .send(&with(place(), json!({"redirect_url": "/my/home"})));
    let members: Vec<_> = sent.as_object().unwrap().keys().cloned().collect();
    let mut members: Vec<_> = members.iter().map(String::as_str).collect();
    members.sort_unstable();
    assert_eq!(
        members,
        [
            "duration",
            "esms_otp_generation_id",
            "esms_otp_response_status",
            "expiration_time",
            "message",
            "recipient_mobile",
            "status"
        ]
    );
    assert_eq!(sent["status"], 200);
    assert_eq!(sent["message"], "OTP generated successfully");
    assert_eq!(sent["esms_otp_response_status"], "0");
    assert_eq!(sent["duration"], 3);
    assert_eq!(sent["recipient_mobile"], "60123456789");
    let generation = sent["esms_otp_generation_id"].as_str().unwrap();
    assert!(
        generation.starts_with("gen_") && generation.len() == 30,
        "{generation}"
    );
    assert_eq!(sent["expiration_time"].as_str().unwrap().len(), 19);
    let messages = service.setup.esms.messages();
    let text = format!(
        "RM0.00 Your code is {}, valid for 3 minutes. Tell it to nobody.",
        service.code()
    );
    assert_eq!(messages, [("60123456789".into(), text)]);
}

#[test]
fn a_code_signs_once_and_the_signature_can_be_read() {
    let service = Service::start();
    let client = service.client();
    assert_eq!(
        client.signature(&place())["message"],
        "Nothing is signed yet"
    );
    let sent = client.send(&with(place(), json!({"redirect_url": "/my/home?a=1"})));
    let code = service.code();

    let refused = client.verify(place(), &wrong(&code));
    assert_eq!(
        refused,
        json!({"status": 400, "message": INVALID, "attempts_left": 4})
    );
    let generation = &sent["esms_otp_generation_id"];
    let named = with(
        place(),
        json!({
            "esms_otp_generation_id": generation, "signer_name": " Siti binti Aminah ",
        }),
    );
    let verified = client.verify(named.clone(), &code);
    assert_eq!(verified["status"], 200, "{verified}");
    assert_eq!(verified["message"], "OTP verified successfully");
    assert_eq!(verified["redirect_url"], "/my/home?a=1");
    assert_eq!(&verified["esms_otp_generation_id"], generation);

    let again = client.verify(named, &code);
    assert_eq!(again, json!({"status": 400, "message": INVALID}));
    let signature = client.signature(&place());
    assert_eq!(signature["status"], 200, "{signature}");
    assert_eq!(signature["message"], "OTP signature retrieved successfully");
    assert_eq!(signature["signer_name"], "Siti binti Aminah");
    assert_eq!(signature["signature"], false);
    assert_eq!(signature["recipient_mobile"], "60123456789");
    for same in ["signature_id", "verified_at", "esms_otp_generation_id"] {
        assert_eq!(signature[same], verified[same], "{same}");
    }
    let mut members: Vec<_> = signature.as_object().unwrap().keys().collect();
    members.sort_unstable();
    assert_eq!(
        members,
        [
            "esms_otp_generation_id",
            "message",
            "recipient_mobile",
            "signature",
            "signature_id",
            "signature_record",
            "signer_name",
            "status",
            "verified_at"
        ],
        "case 259: what the contract names, and no more"
    );
    assert_eq!(
        signature["signature_record"]
            .as_str()
            .unwrap()
            .split('.')
            .count(),
        3
    );
}

#[test]
fn within_the_cooldown_the_same_code_is_named_and_nothing_is_sent() {
    let service = Service::start();
    let client = service.client();
    let first = client.send(&place());
    service.pass(50);
    let again = client.send(&place());
    assert_eq!(
        (&again["status"], &again["message"]),
        (&json!(200), &json!("OTP already sent"))
    );
    assert_eq!(again["retry_after"], 10);
    assert_eq!(again["esms_otp_response_status"], "0");
    for same in [
        "esms_otp_generation_id",
        "expiration_time",
        "recipient_mobile",
    ] {
        assert_eq!(again[same], first[same], "{same}");
    }
    assert_eq!(
        (&first["duration"], &again["duration"]),
        (&json!(3), &json!(2))
    );
    assert_eq!(service.setup.esms.messages().len(), 1);
    let code = service.code();
    service.pass(10);
    let sent = client.send(&place());
    assert_eq!(sent["message"], "OTP generated successfully");
    assert_eq!(
        sent["esms_otp_generation_id"],
        first["esms_otp_generation_id"]
    );
    assert_eq!(service.setup.esms.messages().len(), 2);
    assert_eq!(service.code(), code, "the same code");
}

#[test]
fn case_260_a_code_that_is_sent_again_says_what_is_left_of_it() {
    let service = Service::start();
    let client = service.client();
    let first = client.send(&place());
    assert_eq!(first["duration"], 3);
    let said = |minutes: u64| {
        let text = format!("valid for {minutes} minutes");
        let (_, message) = service.setup.esms.messages().pop().unwrap();
        assert!(message.contains(&text), "{message}");
    };
    said(3);
    service.pass(61); // 119 s are left
    let again = client.send(&place());
    assert_eq!(again["message"], "OTP generated successfully", "{again}");
    assert_eq!(again["duration"], 1);
    said(1);
    for same in ["expiration_time", "esms_otp_generation_id"] {
        assert_eq!(again[same], first[same], "{same}");
    }
    service.pass(70); // 49 s: never less than one
    let last = client.send(&place());
    assert_eq!(
        (&last["duration"], &last["expiration_time"]),
        (&json!(1), &first["expiration_time"])
    );
    said(1);
}

#[test]
fn case_252_a_member_that_stands_twice_is_refused_by_its_name() {
    let service = Service::start();
    let client = service.client();
    let said = |route: &str, body: &str| {
        let (http, answer) = client.post(&format!("/api/esms_otp/{route}"), body);
        assert_eq!(
            (http, &answer["result"]["status"]),
            (200, &json!(400)),
            "{answer}"
        );
        (answer["id"].clone(), answer["result"]["message"].clone())
    };
    let place = r#""model": "loan.application", "field": "client_signature""#;
    for (route, params, member) in [
        ("send_esms_otp", r#""id": 1010, "id": 15"#, "id"),
        (
            "verify_esms_otp",
            r#""id": 15, "otp": "111111", "otp": "222222""#,
            "otp",
        ),
        ("get_esms_otp_signature", r#""id": 15, "id": 15"#, "id"),
        (
            "send_esms_otp",
            r#""id": 15, "context": [{"lang": {"a": 1, "a": 2}}]"#,
            "a",
        ),
        ("send_esms_otp", r#""id": 15, "i\u0064": 16"#, "id"),
    ] {
        let body = format!(r#"{{"id": 5, "params": {{{place}, {params}}}}}"#);
        let (id, message) = said(route, &body);
        assert_eq!(id, 5);
        assert_eq!(message, format!("{member} stands twice in the body"));
    }
    let twice = format!(r#"{{"params": {{{place}, "id": 16}}, "params": {{{place}, "id": 15}}}}"#);
    assert_eq!(
        said("send_esms_otp", &twice).1,
        "params stands twice in the body"
    );
    assert!(service.setup.esms.messages().is_empty());
    assert_eq!(client.send(&crate::harness::place())["status"], 200);
}

#[test]
fn an_expired_code_is_as_invalid_as_a_wrong_one() {
    let service = Service::start();
    let client = service.client();
    client.send(&place());
    service.pass(180);
    let late = client.verify(place(), &service.code());
    assert_eq!(late, json!({"status": 400, "message": INVALID}));
}

#[test]
fn five_wrong_codes_close_the_field_for_the_right_one_too() {
    let service = Service::start();
    let client = service.client();
    client.send(&place());
    let code = service.code();
    for left in (0..5).rev() {
        let refused = client.verify(place(), &wrong(&code));
        assert_eq!(
            refused,
            json!({"status": 400, "message": INVALID, "attempts_left": left})
        );
    }
    let locked = client.verify(place(), &code);
    let expected = json!({"status": 423, "message": "Too many wrong attempts", "retry_after": 900});
    assert_eq!(locked, expected);
    assert_eq!(client.send(&place()), expected);
    assert_eq!(client.signature(&place())["status"], 404);
    service.pass(900);
    assert_eq!(client.send(&place())["status"], 200);
}

#[test]
fn a_number_takes_five_messages_in_ten_minutes() {
    let service = Service::start();
    let client = service.client();
    for id in 1..=5 {
        let sent = client.send(&with(place(), json!({"id": id})));
        assert_eq!(sent["status"], 200, "{sent}");
        service.pass(1);
    }
    let refused = client.send(&with(place(), json!({"id": 6})));
    assert_eq!(
        (&refused["status"], &refused["message"]),
        (&json!(429), &json!("OTP send limit reached"))
    );
    assert_eq!(refused["retry_after"], 595);
    assert_eq!(service.setup.esms.messages().len(), 5);
}

#[test]
fn bad_parameters_are_answers_and_cost_no_attempt() {
    let service = Service::start();
    let client = service.client();
    client.send(&place());
    let code = service.code();
    let bad = |params: serde_json::Value, message: &str| {
        let refused = client.call("verify_esms_otp", &params);
        assert_eq!(refused, json!({"status": 400, "message": message}));
    };
    bad(
        with(place(), json!({"otp": 123456})),
        "otp must be a string",
    );
    bad(place(), "otp is missing");
    bad(with(place(), json!({"otp": "12345"})), "otp is malformed");
    bad(
        with(place(), json!({"otp": code, "signature": "?"})),
        "signature must be base64",
    );
    bad(
        with(
            place(),
            json!({"otp": code, "esms_otp_generation_id": "gen_1"}),
        ),
        "esms_otp_generation_id must be gen_ and 26 base32 characters",
    );
    bad(json!({"otp": code}), "model is missing");
    bad(json!([1, 2]), "params must be an object");
    bad(json!(null), "params must be an object");
    let last = client.verify(place(), &wrong(&code));
    assert_eq!(last["attempts_left"], 4);
    assert_eq!(client.verify(place(), &code)["status"], 200);
}

#[test]
fn parameters_may_stand_in_the_query_but_not_differ_from_the_body() {
    let service = Service::start();
    let client = service.client();
    let result = |query: &str, params: serde_json::Value| {
        let path = format!("/api/esms_otp/send_esms_otp?{query}");
        let (http, answer) = client.post(&path, &json!({"params": params}).to_string());
        assert_eq!(http, 200, "{answer}");
        answer["result"].clone()
    };
    let query = "model=loan.application&field=client_signature&id=15&redirect_url=%2Fmy%2Fhome";
    assert_eq!(result(query, json!({}))["status"], 200);
    let same = result(query, place());
    assert_eq!(same["message"], "OTP already sent", "{same}");
    let differs = |name| format!("{name} differs between body and query");
    assert_eq!(result(query, json!({"id": 16}))["message"], differs("id"));
    let twice = |name| format!("{name} stands twice in the query");
    assert_eq!(result("id=1&id=2", place())["message"], twice("id"));
    assert_eq!(result("id=15&id=15", place())["message"], twice("id"));
    assert_eq!(
        result("a%0A=1&a%0A=2", place())["message"],
        twice("a member")
    );
    let path = format!("/api/esms_otp/verify_esms_otp?otp={}", service.code());
    let (_, answer) = client.post(&path, &json!({"params": place()}).to_string());
    let message = "otp must stand in the body, never in the query";
    assert_eq!(answer["result"]["message"], message);
    // All of it in the query, and a body without params.
    let (_, answer) = client.post(&format!("/api/esms_otp/send_esms_otp?{query}"), "{}");
    assert_eq!(answer["result"]["status"], 200);
}

#[test]
fn what_is_not_there_or_not_allowed_is_said() {
    let service = Service::start();
    let (client, other) = (service.client(), Client::of(service.address, "8"));
    let said = |client: &Client, change: serde_json::Value| {
        let answer = client.send(&with(place(), change));
        (
            answer["status"].as_u64().unwrap(),
            answer["message"].as_str().unwrap().to_owned(),
        )
    };
    let is = |status: u64, message: &str| (status, message.to_owned());
    assert_eq!(
        said(&client, json!({"model": "res.users"})),
        is(404, "No such model")
    );
    assert_eq!(
        said(&client, json!({"field": "nothing"})),
        is(404, "No such field")
    );
    assert_eq!(
        said(&client, json!({"id": 2000})),
        is(404, "No such record")
    );
    let closed = is(403, "OTP is not allowed on this field");
    assert_eq!(said(&client, json!({"field": "amount"})), closed);
    let foreign = is(403, "You may not sign this field");
    assert_eq!(said(&other, json!({"id": 1001})), foreign);
    let verify = other.verify(with(place(), json!({"id": 1001})), "123456");
    assert_eq!(verify["status"], 403);
    assert_eq!(said(&client, json!({"id": 1001})).0, 200);
    assert_eq!(service.setup.esms.messages().len(), 1);
}

#[test]
fn a_code_is_good_for_its_own_user_and_record_alone() {
    let service = Service::start();
    let (client, other) = (service.client(), Client::of(service.address, "8"));
    let sent = client.send(&place());
    let code = service.code();
    let named = json!({"esms_otp_generation_id": sent["esms_otp_generation_id"]});
    let invalid = json!({"status": 400, "message": INVALID});
    assert_eq!(other.verify(with(place(), named.clone()), &code), invalid);
    let elsewhere = with(place(), json!({"id": 16}));
    assert_eq!(client.verify(with(elsewhere, named), &code), invalid);
    assert_eq!(client.verify(place(), &code)["status"], 200);
    // Others see that it is signed, not the number.
    let seen = other.signature(&place());
    assert_eq!(seen["recipient_mobile"], "*******6789");
    let disclosed = |client: &Client| {
        let more = client.call("get_esms_otp_disclosures", &place());
        assert_eq!(more["signature_record"], seen["signature_record"]);
        more["signature_disclosures"].as_array().unwrap().len()
    };
    assert_eq!(disclosed(&other), 0);
    assert!(disclosed(&client) >= 2, "the signer's own");
}

#[test]
fn who_is_not_logged_in_hears_so_in_the_way_that_clients_know() {
    let service = Service::start();
    let nobody = Client::of(service.address, "nobody");
    let body = json!({"id": 5, "params": place()}).to_string();
    for route in ["send_esms_otp", "verify_esms_otp", "get_esms_otp_signature"] {
        let (http, answer) = nobody.post(&format!("/api/esms_otp/{route}"), &body);
        assert_eq!((http, &answer["id"]), (200, &json!(5)));
        assert_eq!(answer["error"]["code"], 100);
        assert!(answer.get("result").is_none());
    }
    assert!(service.setup.esms.messages().is_empty());
}

#[test]
fn a_host_decides_who_signs_what() {
    static REVISION: AtomicU64 = AtomicU64::new(1);
    let template = "#otp# approves #subject#. Your code is #otp#";
    assert!(
        MessageTemplate::builder(template).build().is_err(),
        "the code stands twice"
    );
    let template = MessageTemplate::builder("Your code is #otp# for #subject#.")
        .build()
        .unwrap();
    let directory = Scripted(move |_: &_, field: &otp_engine::Target<'_>, _| {
        if field.id == "13" {
            return Err(Denial::Fault("the host's database is away".into()));
        }
        let revision = REVISION.load(Ordering::SeqCst).to_string();
        let content = ContentDigest::of_fields(&[&revision]);
        Ok(Terms::new(template.clone())
            .subject("RM 250")
            .content(content))
    });
    let service = Setup::new()
        .directory(directory)
        .start(&["--mask-recipient"]);
    let client = service.client();
    let sent = client.send(&place());
    assert_eq!(sent["recipient_mobile"], "*******6789");
    let (_, text) = service.setup.esms.messages().pop().unwrap();
    assert!(text.ends_with(" for RM 250."), "{text}");
    // The document changed after the code was sent.
    REVISION.store(2, Ordering::SeqCst);
    let code = service.code();
    assert_eq!(
        client.verify(place(), &code),
        json!({"status": 400, "message": INVALID})
    );
    REVISION.store(1, Ordering::SeqCst);
    assert_eq!(client.verify(place(), &code)["status"], 200);

    let failed = client.send(&with(place(), json!({"id": 13})));
    assert_eq!(
        (&failed["status"], &failed["message"]),
        (&json!(500), &json!("Internal error"))
    );
    assert_eq!(failed["reference"].as_str().unwrap().len(), 12);
    let nowhere = Client::of(service.address, "404").send(&place());
    assert_eq!(nowhere["message"], "No usable mobile number is registered");
}

#[test]
fn of_parallel_right_codes_one_signs() {
    let service = Service::start();
    service.client().send(&place());
    let code = service.code();
    let accepted = AtomicU64::new(0);
    std::thread::scope(|scope| {
        for _ in 0..16 {
            scope.spawn(|| {
                if service.client().verify(place(), &code)["status"] == 200 {
                    accepted.fetch_add(1, Ordering::SeqCst);
                }
            });
        }
    });
    assert_eq!(accepted.into_inner(), 1);
    assert_eq!(
        service
            .client()
            .count(r#"otp_reference_events_total{event="accepted"}"#),
        1
    );
}

#[test]
fn what_is_over_is_dropped() {
    let service = Setup::new().start(&["--purge-interval", "1"]);
    let client = service.client();
    client.send(&with(place(), json!({"redirect_url": "/a"})));
    service.pass_days(4);
    otp_engine_testkit::wait_until("cells are dropped", || {
        client.count("otp_reference_purged_cells_total") > 0
    });
}

#[test]
fn case_154_after_a_long_rest_a_purge_waits_until_the_clock_is_confirmed() {
    let setup = Setup::new();
    let dropped = |service: &Service| service.client().count("otp_reference_purged_cells_total");
    let failed = |service: &Service| service.client().count("otp_reference_purge_failures_total");
    let mut service = setup.clone().start(&["--purge-interval", "1"]);
    service.pass_days(4);
    otp_engine_testkit::wait_until("a purge leaves its mark", || dropped(&service) > 0);
    assert!(service.join());

    let now = setup.clock.now().unwrap();
    let rest = Duration::from_secs(400 * 86_400);
    setup.clock.set(now.saturating_add(rest));
    let mut service = setup.clone().start(&["--purge-interval", "1"]);
    otp_engine_testkit::wait_until("a purge is refused", || failed(&service) > 0);
    assert_eq!(dropped(&service), 0);
    assert!(service.join());

    let service = setup.start(&["--purge-interval", "1", "--confirm-clock"]);
    otp_engine_testkit::wait_until("cells are dropped", || dropped(&service) > 0);
    assert_eq!(failed(&service), 0);
}

#[test]
fn case_254_a_data_file_that_is_replaced_under_the_service_accepts_nothing() {
    let service = Service::start();
    let client = service.client();
    client.send(&place());
    let file = service.setup.folder.path().join("data/otp.sqlite3");
    let copy = file.with_extension("copy");
    std::fs::copy(&file, &copy).unwrap();
    std::fs::rename(&copy, &file).unwrap();
    let answer = client.verify(place(), &service.code());
    assert_eq!(answer["status"], 500, "{answer}");
    assert_eq!(
        answer["message"],
        "The store is not available; try again in a moment"
    );
    let name = r#"otp_reference_failures_total{cause="unavailable"}"#;
    assert_eq!(client.count(name), 1);
}

#[test]
fn case_581_the_newest_send_says_where_to_go_on_and_an_older_report_counts_no_more() {
    for (second, goes_on) in [
        (json!({}), json!(false)),
        (json!({"redirect_url": "/b"}), json!("/b")),
    ] {
        let service = Service::start();
        let client = service.client();
        let first = client.send(&with(place(), json!({"redirect_url": "/a"})));
        service.pass(60);
        let again = client.send(&with(place(), second));
        let id = "esms_otp_generation_id";
        assert_eq!(again[id], first[id], "the same code");
        // Taken by the gateway, which the store does not know yet.
        let refused = client.send(&place());
        assert_eq!(refused["message"], "OTP already sent");
        assert_eq!(refused["esms_otp_response_status"], "0");
        let verified = client.verify(place(), &service.code());
        assert_eq!(verified["redirect_url"], goes_on, "{verified}");
        let delivered = r#"otp_reference_events_total{event="delivered"}"#;
        assert_eq!(client.count(delivered), 1);
    }
}
