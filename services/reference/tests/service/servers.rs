//! A PostgreSQL that is pooled, whose standby is gone, that lost a page, or changes its passwords.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use otp_engine_testkit::{Folder, Pooler, PostgresServer, timed, wait_until};
use serde_json::{Value, json};

use crate::harness::{Client, PATIENCE, Setup, place, with, wrong};
use crate::postgres::{ROLES, again, sql, url};
use crate::process::{Running, newest_code, text};

/// A database with the tables, and the setup whose keys it belongs to.
fn migrated() -> (PostgresServer, Setup) {
    let server = PostgresServer::start();
    let first = Setup::new();
    let owner = url(&server, "otp");
    drop(first.open(&["--database", &owner, "--migrate"]).unwrap());
    (server, first)
}

#[test]
fn case_399_services_work_through_a_pooler_or_are_refused_with_the_reason() {
    let (server, first) = migrated();
    // Fewer sessions than there are connections to the pooler.
    let pooler = Pooler::new(&server, "transaction", 2);
    let flags = ["--database", &*pooler.url()];
    let one = again(&first).start(&flags);
    let other = Setup {
        esms: one.setup.esms.clone(),
        gateway_url: one.setup.gateway_url.clone(),
        ..again(&first)
    };
    let other = other.start(&flags);
    let there = Client::of(other.address, "7");
    std::thread::scope(|scope| {
        for user in 20..28_u64 {
            let addresses = [one.address, other.address];
            scope.spawn(move || {
                let user = user.to_string();
                for (address, id) in addresses.into_iter().zip([31, 32]) {
                    let sent = Client::of(address, &user).send(&with(place(), json!({"id": id})));
                    assert_eq!(sent["status"], 200, "{sent}");
                }
            });
        }
    });
    assert_eq!(one.client().send(&place())["status"], 200);
    let code = one.code();
    assert_eq!(there.verify(place(), &wrong(&code))["attempts_left"], 4);
    assert_eq!(
        one.client().verify(place(), &wrong(&code))["attempts_left"],
        3
    );
    assert_eq!(there.verify(place(), &code)["status"], 200);
    assert_eq!(one.client().verify(place(), &code)["status"], 400);
    assert_eq!(one.client().get("/health/ready").0, 200);
    drop((one, other));

    let pooler = Pooler::new(&server, "statement", 2);
    let refused = again(&first).open(&["--database", &*pooler.url()]);
    let refused = refused.unwrap_err().to_string();
    assert!(
        refused.starts_with("--database: ") && refused.contains("pool"),
        "{refused}"
    );
}

#[test]
fn case_400_a_standby_that_is_gone_costs_no_session_beyond_the_services_own() {
    let (server, first) = migrated();
    sql(&server, ROLES);
    let database = url(&server, "otp_app");
    let service = again(&first).start(&["--database", &database, "--max-operations", "3"]);
    let client = service.client();
    assert_eq!(client.send(&place())["status"], 200);
    let code = service.code();
    let standby = |name: &str| {
        sql(
            &server,
            &format!("ALTER SYSTEM SET synchronous_standby_names = '{name}'"),
        );
        sql(&server, "SELECT pg_reload_conf()");
    };
    standby("nobody");
    // The sessions hear of it one by one.
    let mut id = 40;
    let mut send = || {
        id += 1;
        client.send(&with(place(), json!({"id": id})))
    };
    let mut first_unknown = None;
    wait_until("a commit waits for the standby", || {
        let sent = send();
        let waited = sent["status"] == 500;
        first_unknown = waited.then_some(sent);
        waited
    });
    let said = "The store gave no answer; try again to learn what was done";
    assert_eq!(first_unknown.unwrap()["message"], said);
    let (answers, spent) = timed(|| {
        std::thread::scope(|scope| {
            let sends = (0..9_u64).map(|number| {
                let address = service.address;
                scope.spawn(move || {
                    let client = Client::of(address, &(50 + number).to_string());
                    client.send(&place())["status"].clone()
                })
            });
            let sends: Vec<_> = sends.collect();
            for _ in 0..50 {
                sql(
                    &server,
                    "DO $$ BEGIN ASSERT (SELECT count(*) FROM pg_stat_activity
                     WHERE usename = 'otp_app') BETWEEN 1 AND 3;
                     END $$",
                );
                std::thread::sleep(core::time::Duration::from_millis(20));
            }
            let answers = sends.into_iter().map(|send| send.join().unwrap());
            answers.collect::<Vec<Value>>()
        })
    });
    assert!(answers.iter().all(|status| *status == 500), "{answers:?}");
    assert!(spent < PATIENCE, "{spent:?}");
    assert_eq!(client.get("/health/ready").0, 503);
    standby("");
    wait_until("it is ready again", || client.get("/health/ready").0 == 200);
    // Nothing was lost, and a code is good for one success.
    assert_eq!(client.verify(place(), &code)["status"], 200);
    assert_eq!(client.verify(place(), &code)["status"], 400);
}

#[test]
fn case_392_a_page_that_is_gone_is_found_before_anything_is_compared() {
    let (server, first) = migrated();
    let service = again(&first).start(&["--database", &url(&server, "otp")]);
    let client = service.client();
    client.send(&place());
    assert_eq!(client.verify(place(), &service.code())["status"], 200);
    service.pass(600);
    client.send(&place());
    let code = service.code();
    // Format, count and digest, and the seal; records alone live as long.
    let page = "FROM otp_engine.otp_cell WHERE discard_after IS NULL AND octet_length(body) = 57";
    sql(
        &server,
        &format!(
            "DO $$ BEGIN ASSERT (SELECT count(*) {page}) = 1; END $$;
             DROP TRIGGER otp_cell_keep_rows ON otp_engine.otp_cell;
             CREATE TABLE kept AS SELECT * {page}; DELETE {page};"
        ),
    );
    let answers: Vec<_> = [&*code, &wrong(&code)]
        .into_iter()
        .map(|entered| {
            let mut answer = client.verify(place(), entered);
            assert_ne!(answer.as_object_mut().unwrap().remove("reference"), None);
            answer
        })
        .collect();
    assert_eq!(answers[0]["status"], 500, "{answers:?}");
    assert_eq!(answers[0], answers[1], "right and wrong are told alike");
    let shown = client.signature(&place());
    assert_eq!(
        shown["status"], 500,
        "nobody is told that nothing is signed"
    );
    sql(
        &server,
        "INSERT INTO otp_engine.otp_cell SELECT * FROM kept",
    );
    assert_eq!(client.signature(&place())["status"], 200);
    assert_eq!(client.verify(place(), &code)["status"], 200, "not used up");
}

/// Starts the program on a database, as the application's role.
fn on(server: &PostgresServer, folder: &Folder, more: &[&str]) -> Running {
    let database = url(server, "otp_app");
    let flags = ["--database", &*database, "--purge-interval", "0"];
    Running::demo(folder, &[&flags[..], more].concat())
}

#[test]
fn case_403_the_log_names_the_sqlstate_of_a_refusal_under_the_answers_reference() {
    let (server, folder) = (PostgresServer::start(), Folder::new());
    let owner = url(&server, "otp");
    drop(Running::demo(&folder, &["--database", &owner, "--migrate"]));
    sql(&server, ROLES);
    let running = on(&server, &folder, &[]);
    let client = &running.client;
    assert_eq!(client.send(&place())["status"], 200);
    sql(&server, "REVOKE UPDATE ON otp_engine.otp_cell FROM otp_app");
    let refused = client.verify(place(), &newest_code(&folder));
    assert_eq!(refused["status"], 500, "{refused}");
    assert!(!refused.to_string().contains("42501"), "{refused}");
    let reference = refused["reference"].as_str().unwrap();
    let log = text(&folder.path().join("log"));
    let line = log.lines().find(|line| line.contains(reference)).unwrap();
    let line: Value = serde_json::from_str(line).unwrap();
    let error = line["error"].as_str().unwrap();
    assert!(error.contains("PostgreSQL reports 42501: "), "{error}");
    assert_eq!(line["cause"], "unavailable");
    assert_eq!(running.stop("TERM"), Some(0));
}

#[test]
fn case_404_sighup_reads_the_databases_password_anew() {
    let (server, folder) = (PostgresServer::start(), Folder::new());
    let owner = url(&server, "otp");
    drop(Running::demo(&folder, &["--database", &owner, "--migrate"]));
    sql(&server, ROLES);
    sql(&server, "ALTER ROLE otp_app PASSWORD 'first'");
    let access = server.data().join("pg_hba.conf");
    let lines = text(&access);
    fs::write(&access, format!("local all otp_app scram-sha-256\n{lines}")).unwrap();
    sql(&server, "SELECT pg_reload_conf()");
    let password = folder.path().join("password");
    let write = |word: &str| {
        fs::write(&password, format!("{word}\n")).unwrap();
        fs::set_permissions(&password, fs::Permissions::from_mode(0o600)).unwrap();
    };
    write("first");
    let named = ["--database-password", password.to_str().unwrap()];
    let running = on(&server, &folder, &named);
    let (client, log) = (&running.client, folder.path().join("log"));
    assert_eq!(client.send(&place())["status"], 200);
    let code = newest_code(&folder);

    sql(&server, "ALTER ROLE otp_app PASSWORD 'second'");
    let cut = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'otp_app'";
    sql(&server, cut);
    wait_until("it is locked out", || client.get("/health/ready").0 == 503);
    let told = |what: &str, times: usize| {
        wait_until(what, || text(&log).matches(what).count() == times);
    };
    // The old word is still in the file.
    running.signal("HUP");
    told("keys and passwords are as before", 1);
    write("second");
    running.signal("HUP");
    told("keys and passwords were read anew", 1);
    assert_eq!(client.get("/health/ready").0, 200);
    assert_eq!(client.verify(place(), &code)["status"], 200);
    let log = text(&log);
    assert!(
        !log.contains("\"second\"") && !log.contains("first"),
        "{log}"
    );
    assert_eq!(running.stop("TERM"), Some(0));
}
