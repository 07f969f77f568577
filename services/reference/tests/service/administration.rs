//! The administration: a listener of its own, with a token, acts, health and counts.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use serde_json::{Value, json};

use crate::harness::{Client, PATIENCE, Service, Setup, place, with, wrong};

const TOKEN: &str = "0123456789abcdef0123456789abcdef";

/// Starts a service with an administration.
fn start() -> Service {
    let setup = Setup::new();
    let token = write(&setup, TOKEN);
    setup.start(&[
        "--admin-listen",
        "127.0.0.1:0",
        "--admin-token",
        token.to_str().unwrap(),
    ])
}

fn write(setup: &Setup, token: &str) -> PathBuf {
    let path = setup.folder.path().join("token");
    fs::write(&path, format!("{token}\n")).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    path
}

/// Asks for an act; returns HTTP status and answer.
fn ask(service: &Service, authorization: Option<&str>, path: &str, body: &str) -> (u16, Value) {
    let agent = ureq::Agent::config_builder()
        .http_status_as_error(false)
        .proxy(None)
        .timeout_global(Some(PATIENCE))
        .build()
        .new_agent();
    let mut request = agent.post(format!("http://{}{path}", service.admin.unwrap()));
    if let Some(authorization) = authorization {
        request = request.header("authorization", authorization);
    }
    let mut response = request.send(body).unwrap();
    let text = response.body_mut().read_to_string().unwrap();
    let status = response.status().as_u16();
    if status == 401 {
        assert_eq!(response.headers()["www-authenticate"], "Bearer");
    }
    (status, serde_json::from_str(&text).unwrap())
}

fn act(service: &Service, path: &str, body: &Value) -> (u16, Value) {
    let bearer = format!("Bearer {TOKEN}");
    ask(service, Some(&bearer), path, &body.to_string())
}

/// What names the code of user 7 for the client's signature.
fn slot() -> Value {
    json!({
        "tenant": "demo", "user": "7", "mobile": "60123456789",
        "model": "loan.application", "field": "client_signature", "id": "15",
    })
}

#[test]
fn case_583_acts_are_for_those_who_know_the_token_alone() {
    let service = start();
    let asked = r#"{"tenant": "demo", "user": "7"}"#;
    let wrong = format!("Bearer {TOKEN}0");
    let short = format!("Bearer {}", &TOKEN[1..]);
    let scheme = format!("Basic {TOKEN}");
    let refused = json!({"error": {"code": 401, "message": "the token is missing or wrong"}});
    for said in [None, Some(""), Some("Bearer "), Some(TOKEN)]
        .into_iter()
        .chain([&wrong, &short, &scheme].map(|said| Some(&**said)))
    {
        for path in [
            "/unlock",
            "/reset/user",
            "/reset/recipient",
            "/reset/slot",
            "/status",
            "/purge",
            "/reload",
        ] {
            let answer = ask(&service, said, path, asked);
            assert_eq!(answer, (401, refused.clone()), "{said:?} {path}");
        }
    }
    let unlocked = ask(&service, Some(&format!("bearer {TOKEN}")), "/unlock", asked);
    assert_eq!(unlocked, (200, json!({"lifted": false})));
    // The public address has none of it.
    let public = service.client();
    assert_eq!(public.post("/reset/user", asked).0, 404);
}

#[test]
fn case_583_it_listens_on_loopback_with_a_long_token_of_a_private_file() {
    let setup = Setup::new();
    let token = write(&setup, TOKEN);
    let token = token.to_str().unwrap();
    let says = |flags: &[&str], part: &str| {
        let error = setup.open(flags).unwrap_err().to_string();
        assert!(error.contains(part), "{error}");
    };
    says(
        &["--admin-listen", "0.0.0.0:0", "--admin-token", token],
        "--admin-listen is 0.0.0.0:0; it must be a loopback address",
    );
    let flags = ["--admin-listen", "127.0.0.1:0", "--admin-token", token];
    write(&setup, &TOKEN[1..]);
    says(&flags, "must hold 32 to 512 visible characters");
    fs::set_permissions(token, fs::Permissions::from_mode(0o644)).unwrap();
    says(&flags, "it must be at most 0600");
    // Off unless it is asked for.
    assert_eq!(Service::start().admin, None);
}

#[test]
fn case_584_an_administrator_unlocks_resets_and_looks_without_a_restart() {
    let service = start();
    let client = service.client();
    assert_eq!(
        act(&service, "/status", &slot()),
        (200, json!({"code": null}))
    );
    assert_eq!(client.send(&place())["status"], 200);
    let code = service.code();
    assert_eq!(client.verify(place(), &wrong(&code))["attempts_left"], 4);
    let (http, stands) = act(&service, "/status", &slot());
    let stands = &stands["code"];
    assert_eq!(http, 200);
    for (name, value) in [
        ("state", json!("pending")),
        ("attempts_left", json!(4)),
        ("sends", json!(1)),
        ("delivery", json!("sent")),
        ("lock", json!("free")),
    ] {
        assert_eq!(stands[name], value, "{name}: {stands}");
    }
    // A wrong guess is forgotten; a pending code is called off.
    let user = json!({"tenant": "demo", "user": "7"});
    assert_eq!(
        act(&service, "/unlock", &user),
        (200, json!({"lifted": true}))
    );
    assert_eq!(
        act(&service, "/unlock", &user),
        (200, json!({"lifted": false}))
    );
    let reason = json!({"reason": "ticket 4711: called back"});
    let lifted = (200, json!({"lifted": true}));
    assert_eq!(
        act(&service, "/reset/slot", &with(slot(), reason.clone())),
        lifted
    );
    assert_eq!(
        act(&service, "/status", &slot()).1["code"]["state"],
        "cancelled"
    );
    assert_eq!(client.send(&place())["status"], 200, "no cooldown");
    assert_eq!(
        act(&service, "/reset/user", &with(user, reason.clone())),
        lifted
    );
    let number = json!({"tenant": "demo", "mobile": "60123456789"});
    assert_eq!(
        act(&service, "/reset/recipient", &with(number, reason)),
        lifted
    );
    let events = r#"otp_reference_events_total{event="slot_reset"}"#;
    assert_eq!(watch(&service).count(events), 1);
    // One batch of what is over, and there is none.
    assert_eq!(
        act(&service, "/purge", &json!({})),
        (200, json!({"dropped": 0, "more": false}))
    );
}

/// Serde takes an array as the members by position: a body is an object, and each of its members a string.
#[test]
fn case_653_the_body_of_an_act_is_an_object_of_strings() {
    let service = start();
    let bearer = format!("Bearer {TOKEN}");
    let says = |path: &str, body: &str, message: &str| {
        let refused = json!({"error": {"code": 400, "message": message}});
        assert_eq!(
            ask(&service, Some(&bearer), path, body),
            (400, refused),
            "{path} {body}"
        );
    };
    let slot = r#"["demo", "7", "60123456789", "loan.application", "client_signature", "15""#;
    for (path, by_position) in [
        ("/unlock", r#"["demo", "7"]"#.into()),
        ("/reset/user", r#"["demo", "7", "r"]"#.into()),
        ("/reset/recipient", r#"["demo", "60123456789", "r"]"#.into()),
        ("/reset/slot", format!(r#"{slot}, "r"]"#)),
        ("/status", format!("{slot}]")),
        ("/purge", "[]".to_owned()),
        ("/reload", "[]".into()),
    ] {
        for body in [&by_position, "[]", "null", "7", "\"demo\""] {
            says(path, body, "the body must be an object");
        }
        for body in ["{", "tenant=demo", "{} {}", " "] {
            says(path, body, "the body must be json");
        }
    }
    for value in ["7", "null", "true", "[\"7\"]", "{}"] {
        let body = format!(r#"{{"tenant": "demo", "user": {value}}}"#);
        says("/unlock", &body, "user must be a string");
    }
    let twice = r#"{"tenant": "demo", "user": "7", "user": "8"}"#;
    says("/unlock", twice, "user stands twice in the body");
    assert_eq!(
        act(&service, "/unlock", &json!({"tenant": "demo", "user": "7"})).0,
        200
    );
}

#[test]
fn case_584_what_is_asked_wrongly_names_the_argument() {
    let service = start();
    for (path, body, status, part) in [
        (
            "/unlock",
            json!({"tenant": "demo"}),
            400,
            "missing field `user`",
        ),
        (
            "/unlock",
            json!({"tenant": "demo", "user": "7", "x": 1}),
            400,
            "unknown field `x`",
        ),
        (
            "/unlock",
            json!({"tenant": "", "user": "7"}),
            400,
            "tenant is empty; it must be 1 to",
        ),
        (
            "/reset/user",
            json!({"tenant": "demo", "user": "7", "reason": ""}),
            400,
            "1 to 256 bytes",
        ),
        (
            "/reset/slot",
            with(slot(), json!({"reason": "r", "mobile": "1"})),
            400,
            "mobile: ",
        ),
        (
            "/status",
            with(slot(), json!({"field": "x"})),
            404,
            "No such field",
        ),
        ("/reset", json!({}), 404, "no such path"),
    ] {
        let (http, said) = act(&service, path, &body);
        let message = said["error"]["message"].as_str().unwrap();
        assert!(
            http == status && message.contains(part),
            "{path}: {http} {message}"
        );
        assert_eq!(said["error"]["code"], status);
    }
    let large = format!("{{\"tenant\": \"{}\"}}", "x".repeat(20_000));
    let bearer = format!("Bearer {TOKEN}");
    assert_eq!(ask(&service, Some(&bearer), "/unlock", &large).0, 413);
}

#[test]
fn case_584_a_reload_reads_the_token_too_and_a_bad_file_changes_nothing() {
    let service = start();
    assert_eq!(
        act(&service, "/reload", &json!({})),
        (200, json!({"reloaded": true}))
    );
    let token = write(&service.setup, "short");
    let (http, said) = act(&service, "/reload", &json!({}));
    let message = said["error"]["message"].as_str().unwrap();
    assert!(
        http == 409 && message.starts_with("--admin-token: "),
        "{http} {message}"
    );
    fs::write(
        token,
        "another token, which has no blanks".replace(' ', "_"),
    )
    .unwrap();
    assert_eq!(
        act(&service, "/reload", &json!({})).0,
        200,
        "the old one, for the last time"
    );
    assert_eq!(act(&service, "/reload", &json!({})).0, 401);
}

fn watch(service: &Service) -> Client {
    Client::of(service.admin.unwrap(), "7")
}

#[test]
fn case_585_health_and_counts_are_there_and_no_longer_on_the_public_address() {
    let mut service = start();
    let (public, own) = (service.client(), watch(&service));
    for path in ["/health/live", "/health/ready", "/metrics"] {
        assert_eq!(public.get(path).0, 404, "{path}");
        assert_eq!(own.get(path).0, 200, "{path}");
    }
    assert_eq!(public.get("/.well-known/jwks.json").0, 200);
    let document: Value = serde_json::from_str(&own.get("/openapi.json").1).unwrap();
    assert_eq!(document, otp_engine_reference::admin_openapi());
    assert_eq!(
        own.count(r#"otp_reference_pool_places{pool="store",state="idle"}"#),
        8
    );
    assert!(service.join());
}
