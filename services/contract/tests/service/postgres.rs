//! The service on a PostgreSQL server, beside another one on the same database.

use otp_engine_servers::PostgresServer;

use crate::harness::{Client, Setup, place, wrong};

#[test]
fn two_services_on_one_database_are_one() {
    let server = PostgresServer::start();
    let socket = server.socket();
    let folder = socket
        .parent()
        .unwrap()
        .to_str()
        .unwrap()
        .replace('/', "%2F");
    let url = format!("postgres://otp@{folder}/postgres");
    let flags = ["--database", &*url];

    let setup = Setup::new();
    let error = setup.open(&flags).unwrap_err().to_string();
    assert!(error.starts_with("--database: "), "not migrated: {error}");
    let (folder, clock, esms) = (
        setup.folder.clone(),
        setup.clock.clone(),
        setup.esms.clone(),
    );
    let one = setup.start(&["--database", &url, "--migrate"]);
    let other = Setup {
        folder,
        clock,
        esms,
        ..Setup::new()
    };
    // The same database with keys of its own: it must not begin beside the first.
    let stranger = Setup::new().open(&flags).unwrap_err().to_string();
    assert!(stranger.contains("another index secret"), "{stranger}");
    let mut other = other.start(&flags);

    let there = Client::of(other.address, "7");
    let sent = one.client().send(&place());
    assert_eq!(sent["status"], 200, "{sent}");
    let code = one.code();
    assert_eq!(there.send(&place())["message"], "OTP already sent");
    assert_eq!(there.verify(place(), &wrong(&code))["attempts_left"], 4);
    assert_eq!(
        one.client().verify(place(), &wrong(&code))["attempts_left"],
        3
    );
    assert_eq!(there.verify(place(), &code)["status"], 200);
    assert_eq!(one.client().verify(place(), &code)["status"], 400);
    let signature = one.client().signature(&place());
    assert_eq!(signature["status"], 200);
    assert_eq!(signature, there.signature(&place()));
    assert!(other.join());
    assert_eq!(one.client().get("/health/ready").0, 200);
    drop(server);
    assert_eq!(one.client().get("/health/ready").0, 503);
    assert_eq!(one.client().get("/health/live").0, 200);
    let failed = one.client().signature(&place());
    assert_eq!(failed["status"], 500, "{failed}");
    assert_eq!(failed["reference"].as_str().unwrap().len(), 12);
}
