//! An administrator's resets: through the library, and by the program beside a service that runs.

use otp_engine::{Mobile, Target};
use otp_engine_reference::directory::User;
use otp_engine_testkit::Folder;
use serde_json::Value;

use crate::harness::{Client, Service, place, with, wrong};
use crate::process::{Running, newest_code, program, text};

const FIELD: Target<'_> = Target {
    model: "loan.application",
    field: "client_signature",
    id: "15",
};

fn siti() -> User {
    let mobile = Mobile::parse("60123456789").unwrap();
    User::new("7", "Siti Aminah", "demo", Some(mobile))
}

/// Types five wrong codes; returns the right one.
fn exhaust(client: &Client, place: &Value, code: &dyn Fn() -> String) -> String {
    assert_eq!(client.send(place)["status"], 200);
    let code = code();
    for left in (0..5).rev() {
        let refused = client.verify(place.clone(), &wrong(&code));
        assert_eq!(refused["attempts_left"], left, "{refused}");
    }
    assert_eq!(client.verify(place.clone(), &code)["status"], 423);
    assert_eq!(client.send(place)["status"], 423);
    code
}

#[test]
fn case_396_a_reset_of_a_slot_lifts_what_holds_it_up_and_nothing_that_was_used() {
    let service = Service::start();
    let (client, server) = (service.client(), &service.server);
    let before = exhaust(&client, &place(), &|| service.code());
    for unfit in ["", "  ", "a\nb", &"x".repeat(257)] {
        assert!(server.reset_slot(&siti(), &FIELD, unfit).is_err());
        assert!(server.reset_user("demo", "7", unfit).is_err());
    }
    assert_eq!(client.send(&place())["status"], 423, "nothing was lifted");
    assert!(server.reset_slot(&siti(), &FIELD, "called back").unwrap());
    assert!(!server.reset_slot(&siti(), &FIELD, "called back").unwrap());
    assert_eq!(
        client.verify(place(), &before)["status"],
        400,
        "it is called off"
    );
    assert_eq!(client.send(&place())["status"], 200);
    let code = service.code();
    assert_eq!(client.verify(place(), &code)["status"], 200);
    let _ = server.reset_slot(&siti(), &FIELD, "once more").unwrap();
    assert_eq!(client.verify(place(), &code)["status"], 400, "used is used");
    let name = r#"otp_reference_events_total{event="slot_reset"}"#;
    assert!(client.count(name) >= 1);
    let mut nobody = siti();
    nobody.mobile = None;
    let error = server.reset_slot(&nobody, &FIELD, "x").unwrap_err();
    assert!(error.to_string().contains("no usable mobile"), "{error}");
}

#[test]
fn case_396_resets_of_user_and_number_lift_the_limits_over_all_records() {
    let service = Service::start();
    let (client, server) = (service.client(), &service.server);
    let there = |id: u64| with(place(), serde_json::json!({"id": id}));
    for id in 1..=3 {
        exhaust(&client, &there(id), &|| service.code());
    }
    // 15 wrong codes: the user is locked, and so is the number.
    assert_eq!(client.send(&there(4))["status"], 423);
    assert!(server.reset_user("demo", "7", "called back").unwrap());
    assert!(!server.reset_user("demo", "7", "called back").unwrap());
    assert_eq!(client.send(&there(4))["status"], 423, "the number still is");
    let number = Mobile::parse("60123456789").unwrap().into();
    assert!(
        server
            .reset_recipient("demo", &number, "called back")
            .unwrap()
    );
    assert!(
        !server
            .reset_recipient("other", &number, "called back")
            .unwrap()
    );
    assert_eq!(client.send(&there(4))["status"], 200);
    assert_eq!(client.verify(there(4), &service.code())["status"], 200);
}

#[test]
fn case_396_the_program_resets_beside_a_service_that_runs_and_the_log_says_why() {
    let folder = Folder::new();
    let running = Running::demo(&folder, &[]);
    let client = &running.client;
    for id in 1..=3 {
        let there = with(place(), serde_json::json!({"id": id}));
        exhaust(client, &there, &|| newest_code(&folder));
    }
    let reset = |flags: &[&str]| {
        let mut command = program(&["--demo"]);
        command.args(flags);
        command.arg("--data").arg(folder.path().join("data"));
        let output = command.output().unwrap();
        let said = String::from_utf8(output.stdout).unwrap();
        (
            output.status.code(),
            said,
            String::from_utf8(output.stderr).unwrap(),
        )
    };
    let why = "ticket 4711: called back";
    let user = ["--reset-user", "demo", "7", why];
    let number = ["--reset-recipient", "demo", "60123456789", why];
    let slot = [
        "--reset-slot",
        "7",
        "loan.application",
        "client_signature",
        "1",
        why,
    ];
    for (flags, event) in [
        (&user[..], "user_reset"),
        (&number, "recipient_reset"),
        (&slot, "slot_reset"),
    ] {
        let (code, said, log) = reset(flags);
        assert_eq!((code, &*said), (Some(0), "reset\n"), "{log}");
        let line = log.lines().find(|line| line.contains(event));
        let line: Value = serde_json::from_str(line.unwrap_or(&log)).unwrap();
        assert_eq!(
            (&line["event"], &line["reason"]),
            (&event.into(), &why.into())
        );
        assert!(!log.contains("60123456789"), "{log}");
        let (code, said, _) = reset(flags);
        assert_eq!((code, &*said), (Some(1), "nothing to reset\n"));
    }
    let first = with(place(), serde_json::json!({"id": 1}));
    assert_eq!(client.send(&first)["status"], 200);
    assert_eq!(client.verify(first, &newest_code(&folder))["status"], 200);
    for (flags, part) in [
        (&["--reset-user", "demo", "7", " "][..], "reason"),
        (&["--reset-recipient", "demo", "x", why], "mobile"),
        (&["--reset-slot", "0", "a", "b", "1", why], "no user"),
    ] {
        let (code, _, said) = reset(flags);
        assert_eq!(code, Some(2), "{said}");
        assert!(said.contains(part), "{part}: {said}");
    }
    assert!(text(&folder.path().join("log")).contains("\"accepted\""));
    assert_eq!(running.stop("TERM"), Some(0));
}
