//! The service, from outside: real requests to a server that listens.
#![allow(
    clippy::unwrap_used,
    reason = "what fails in the harness is a failed test"
)]

#[path = "service/administration.rs"]
mod administration;
#[path = "service/contract.rs"]
mod contract;
#[path = "service/evidence.rs"]
mod evidence;
#[path = "service/gateway.rs"]
mod gateway;
#[path = "service/harness.rs"]
mod harness;
#[path = "service/http.rs"]
mod http;
#[path = "service/operating.rs"]
mod operating;
#[path = "service/passed_on.rs"]
mod passed_on;
#[path = "service/postgres.rs"]
mod postgres;
#[path = "service/process.rs"]
mod process;
#[path = "service/resets.rs"]
mod resets;
#[path = "service/servers.rs"]
mod servers;
#[path = "service/shutdown.rs"]
mod shutdown;
#[path = "service/timing.rs"]
mod timing;
#[path = "service/users.rs"]
mod users;

use std::path::Path;

use otp_engine_reference::directory::Login;

#[test]
fn the_openapi_document_is_the_one_that_is_checked_in() {
    is_checked_in(
        "openapi.json",
        &otp_engine_reference::openapi(&Login::Bearer),
    );
}

#[test]
fn case_585_the_document_of_the_administration_is_checked_in_too() {
    is_checked_in("admin-openapi.json", &otp_engine_reference::admin_openapi());
}

fn is_checked_in(name: &str, document: &serde_json::Value) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(name);
    if std::env::var_os("OTP_WRITE_OPENAPI").is_some() {
        let text = serde_json::to_string_pretty(document).unwrap();
        std::fs::write(&path, format!("{text}\n")).unwrap();
    }
    let text = std::fs::read_to_string(&path).unwrap();
    let checked_in: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert!(
        checked_in == *document,
        "OTP_WRITE_OPENAPI=1 cargo test -p otp-engine-reference --test service writes it anew"
    );
}
