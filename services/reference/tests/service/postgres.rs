//! The service on a PostgreSQL server, beside another one on the same database.

use otp_engine_postgres::tokio_postgres::{self, NoTls};
use otp_engine_testkit::{Authority, PostgresServer, wait_until};
use serde_json::{Value, json};

use crate::evidence::{guarantor, sign};
use crate::harness::{Client, Setup, place, with, wrong};

/// Returns how a user connects.
pub(crate) fn url(server: &PostgresServer, user: &str) -> String {
    let socket = server.socket();
    let folder = socket.parent().unwrap().to_str().unwrap();
    format!("postgres://{user}@{}/postgres", folder.replace('/', "%2F"))
}

/// Runs statements as the server's superuser.
pub(crate) fn sql(server: &PostgresServer, statements: &str) {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let connected = tokio_postgres::connect(&server.url(), NoTls).await;
        let (client, connection) = connected.unwrap();
        let driven = tokio::spawn(connection);
        client.batch_execute(statements).await.unwrap();
        drop(client);
        driven.await.unwrap().unwrap();
    });
}

/// The roles of docs/operations.md.
pub(crate) const ROLES: &str = "
    CREATE ROLE otp_app LOGIN; CREATE ROLE otp_purge LOGIN;
    GRANT USAGE ON SCHEMA otp_engine TO otp_app, otp_purge;
    GRANT SELECT ON otp_engine.otp_layout TO otp_app, otp_purge;
    GRANT SELECT, INSERT, UPDATE ON otp_engine.otp_cell TO otp_app;
    GRANT SELECT, UPDATE, DELETE ON otp_engine.otp_cell TO otp_purge;
";

/// Another start in the same folder: with the keys that the store belongs to.
pub(crate) fn again(first: &Setup) -> Setup {
    Setup {
        folder: first.folder.clone(),
        ..Setup::new()
    }
}

/// Returns the setup of a service on this database, whose roles have their rights.
fn with_roles(server: &PostgresServer) -> Setup {
    let first = Setup::new();
    let owner = url(server, "otp");
    drop(first.open(&["--database", &owner, "--migrate"]).unwrap());
    sql(server, ROLES);
    first
}

pub(crate) fn ready(client: &Client) -> (u16, Value) {
    let (http, body) = client.get("/health/ready");
    (http, serde_json::from_str(&body).unwrap())
}

#[test]
fn case_250_a_role_of_its_own_purges_and_readiness_shows_where_none_may() {
    let server = PostgresServer::start();
    let first = with_roles(&server);
    let app = url(&server, "otp_app");
    let flags = ["--database", &app, "--purge-interval", "1"];
    let service = again(&first).start(&flags);
    let client = service.client();
    wait_until("a purge has failed", || {
        client.count("otp_reference_purge_failures_total") > 0
    });
    // It serves, and says what its operator must see.
    assert_eq!(
        ready(&client),
        (200, json!({"status": "ready", "purge": "failed"}))
    );
    assert_eq!(client.send(&place())["status"], 200);
    drop(service);

    let flags = [&flags[..], &["--purge-user", "otp_purge"]].concat();
    let service = again(&first).start(&flags);
    let client = service.client();
    let sent = client.send(&with(place(), json!({"redirect_url": "/a"})));
    assert_eq!(sent["status"], 200, "{sent}");
    service.pass_days(4);
    wait_until("cells are dropped", || {
        client.count("otp_reference_purged_cells_total") > 0
    });
    assert_eq!(
        ready(&client),
        (200, json!({"status": "ready", "purge": "done"}))
    );
    assert_eq!(client.count("otp_reference_purge_failures_total"), 0);
    drop(service);

    let error = again(&first).open(&[&flags[..4], &["--purge-user", "nobody"]].concat());
    let error = error.unwrap_err().to_string();
    assert!(error.starts_with("--purge-user: "), "{error}");
    let service = again(&first).start(&["--database", &app, "--purge-interval", "0"]);
    assert_eq!(ready(&service.client()).1["purge"], "off");
}

/// Returns how many transactions the database has committed, once nobody is connected to it: a server
/// process tells its own at its end. Asked from another database, whose own are not counted.
fn transactions(server: &PostgresServer) -> i64 {
    let elsewhere = server.url().replace("dbname=postgres", "dbname=template1");
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let connected = tokio_postgres::connect(&elsewhere, NoTls).await;
        let (client, connection) = connected.unwrap();
        let driven = tokio::spawn(connection);
        let here = "datname = 'postgres'";
        loop {
            let open = format!("SELECT count(*) FROM pg_stat_activity WHERE {here}");
            let open: i64 = client.query_one(&open, &[]).await.unwrap().get(0);
            if open == 0 {
                break;
            }
        }
        let count = format!("SELECT xact_commit FROM pg_stat_database WHERE {here}");
        let count = client.query_one(&count, &[]).await.unwrap().get(0);
        drop(client);
        driven.await.unwrap().unwrap();
        count
    })
}

/// As peers are measured: of each fifth code one wrong answer and no other; but each code names a
/// path to go on at, and each is the first one on its field, where one load more was due.
#[test]
fn case_582_a_code_costs_at_most_four_transactions() {
    const CODES: u16 = 20;
    let server = PostgresServer::with(&["autovacuum=off"]);
    let first = with_roles(&server);
    let app = url(&server, "otp_app");
    let costs = |codes: u16, is_shown: bool| {
        let before = transactions(&server);
        let flags = ["--database", &app, "--purge-interval", "0"];
        let service = again(&first).start(&flags);
        for n in 1..=codes {
            let n = if is_shown { n + CODES } else { n };
            let client = Client::of(service.address, &(1000 + n).to_string());
            let field = with(place(), json!({"id": 100 + n}));
            let sent = client.send(&with(field.clone(), json!({"redirect_url": "/a"})));
            assert_eq!(sent["status"], 200, "{sent}");
            let code = service.code();
            if n % 5 == 0 {
                let left = client.verify(field.clone(), &wrong(&code));
                assert_eq!(left["attempts_left"], 4, "{left}");
                continue;
            }
            let verified = client.verify(field.clone(), &code);
            assert_eq!(verified["redirect_url"], "/a", "{verified}");
            if is_shown {
                assert_eq!(client.signature(&field)["status"], 200);
            }
        }
        if codes > 0 {
            let delivered = r#"otp_reference_events_total{event="delivered"}"#;
            assert_eq!(service.client().count(delivered), u64::from(codes));
        }
        drop(service);
        u16::try_from(transactions(&server) - before).unwrap()
    };
    let start = costs(0, false);
    let all = costs(CODES, false) - start;
    let each = f64::from(all) / f64::from(CODES);
    eprintln!("figure: PostgreSQL transactions a code, sent and answered = {each}");
    assert!(
        all <= 4 * CODES,
        "{each} transactions a code; {start} to start"
    );
    // The control: each code that is accepted, four of five, then reads chain head and record.
    let shown = costs(CODES, true) - start - all;
    assert_eq!(shown, CODES / 5 * 4 * 2, "the count sees what is added");
    eprintln!("figure: PostgreSQL transactions of a start = {start}");
}

#[test]
fn case_251_an_image_that_was_captured_on_one_host_is_shown_on_another() {
    let server = PostgresServer::start();
    let database = url(&server, "otp");
    let one = Setup::new().start(&["--database", &database, "--migrate"]);
    let data = one.setup.folder.path().join("data");
    let (keys, signing_key) = (data.join("keys.json"), data.join("signing.pem"));
    let other = Setup {
        clock: one.setup.clock.clone(),
        ..Setup::new()
    };
    let flags = [
        "--database",
        &database,
        "--keys",
        keys.to_str().unwrap(),
        "--signing-key",
        signing_key.to_str().unwrap(),
    ];
    let other = other.start(&flags);
    let there = Client::of(other.address, "7");
    let image = sign(&one);
    assert_eq!(there.signature(&guarantor())["signature"], *image);
    // Rows that are gone are no erasure.
    sql(
        &server,
        "DROP TRIGGER otp_cell_keep_rows ON otp_engine.otp_cell;
         DELETE FROM otp_engine.otp_cell WHERE octet_length(body) = 16384;",
    );
    let missing = there.signature(&guarantor());
    assert_eq!(missing["status"], 500, "{missing}");
    assert_eq!(
        missing["message"],
        "The captured signature is missing in the store"
    );
    assert_eq!(missing.get("signature"), None);
    let name = r#"otp_reference_failures_total{cause="missing_image"}"#;
    assert_eq!(there.count(name), 1);
}

#[test]
fn case_264_a_refusal_of_the_server_is_told_apart() {
    let server = PostgresServer::start();
    let first = with_roles(&server);
    let app = url(&server, "otp_app");
    let service = again(&first).start(&["--database", &app]);
    let client = service.client();
    assert_eq!(client.send(&place())["status"], 200);
    sql(&server, "REVOKE UPDATE ON otp_engine.otp_cell FROM otp_app");
    let refused = client.verify(place(), &service.code());
    assert_eq!(refused["status"], 500, "{refused}");
    assert_eq!(
        refused["message"],
        "The store is not available; try again in a moment"
    );
    assert_eq!(refused["reference"].as_str().unwrap().len(), 12);
    let name = r#"otp_reference_failures_total{cause="unavailable"}"#;
    assert_eq!(client.count(name), 1);
    let (http, body) = ready(&client);
    assert_eq!(
        (http, &body["cause"]),
        (503, &json!("unavailable")),
        "reads alone work"
    );
}

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
    assert!(
        error.starts_with("--database: the tables are not there; add --migrate"),
        "{error}"
    );
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

/// A file that is of no use is named, and the service goes on with what it has.
#[test]
fn case_718_the_databases_roots_are_read_at_the_start_and_anew() {
    let (authority, another) = (Authority::new(), Authority::new());
    let certificate = authority.certificate("db.example");
    let by_tls = "hostssl all all 127.0.0.1/32 trust";
    let server = PostgresServer::on_loopback(Some(&certificate), by_tls);
    let first = Setup::new();
    let root = first.folder.path().join("root.pem");
    let write = |authority: &Authority| std::fs::copy(authority.root(), &root).map(drop).unwrap();
    let database = format!(
        "host=db.example hostaddr=127.0.0.1 port={} user=otp dbname=postgres sslmode=verify-full \
         sslrootcert={}",
        server.port(),
        root.display()
    );
    let flags = ["--database", &database, "--migrate"];
    let absent = format!("--database: sslrootcert: {} is not there", root.display());
    let foreign = "--database: cannot connect to PostgreSQL; its certificate is of no root";
    let fails = |opened: Result<_, otp_engine_reference::Error>, why: &str| {
        let said = opened.err().unwrap().to_string();
        assert!(said.starts_with(why), "{said}");
    };
    fails(first.open(&flags).map(drop), &absent);
    write(&another);
    fails(first.open(&flags).map(drop), foreign);
    let prefer = database.replace("verify-full", "prefer");
    let said = "--database: sslmode must be verify-full";
    fails(first.open(&["--database", &prefer]).map(drop), said);

    write(&authority);
    let service = again(&first).start(&flags);
    let client = service.client();
    assert_eq!(client.send(&place())["status"], 200);
    write(&another);
    fails(service.server.reload(), foreign); // SIGHUP
    std::fs::remove_file(&root).unwrap();
    fails(service.server.reload(), &absent);
    assert_eq!(
        client.send(&with(place(), json!({"id": 16})))["status"],
        200
    );
    write(&authority);
    service.server.reload().unwrap();
    assert_eq!(
        client.send(&with(place(), json!({"id": 17})))["status"],
        200
    );
}
