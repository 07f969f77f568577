//! The program itself: its flags, its files, its end, and what it leaves behind.

use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

use otp_engine::Timestamp;
use otp_engine::store::{Commit, Key, Kind, Store, Version, Write};
use otp_engine_sqlite::SqliteStore;
use otp_engine_testkit::{FailingDisk, Folder, wait_until};
use serde_json::{Value, json};

use crate::harness::{Client, code_in, place, with, wrong};

pub(crate) fn program(flags: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_otp-engine-reference"));
    // What the machine of the test sets must not decide here.
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("OTP_REFERENCE_")) {
        command.env_remove(name);
    }
    command.args(flags);
    command
}

/// A program that listens; it is killed when this is dropped.
pub(crate) struct Running {
    child: Child,
    pub(crate) client: Client,
}

impl Running {
    pub(crate) fn start(mut command: Command, log: &Path) -> Self {
        let log = fs::File::create(log).unwrap();
        let mut child = command.stdout(Stdio::piped()).stderr(log).spawn().unwrap();
        let mut line = String::new();
        let mut out = BufReader::new(child.stdout.take().unwrap());
        out.read_line(&mut line).unwrap();
        let address = line
            .strip_prefix("listening on http://")
            .expect("the first line");
        let client = Client::of(address.trim_end().parse().unwrap(), "7");
        Self { child, client }
    }

    /// Starts the demonstration in a folder, with its messages in `outbox`.
    pub(crate) fn demo(folder: &Folder, more: &[&str]) -> Self {
        let flags = ["--demo", "--listen", "127.0.0.1:0", "--drain-delay", "0"];
        let mut command = program(&flags);
        command
            .args(more)
            .arg("--data")
            .arg(folder.path().join("data"));
        command.arg("--outbox").arg(folder.path().join("outbox"));
        Self::start(command, &folder.path().join("log"))
    }

    pub(crate) fn signal(&self, signal: &str) {
        let kill = format!("kill -{signal} {}", self.child.id());
        assert!(
            Command::new("sh")
                .args(["-c", &kill])
                .status()
                .unwrap()
                .success()
        );
    }

    /// Sends a signal; returns the exit code.
    pub(crate) fn stop(mut self, signal: &str) -> Option<i32> {
        self.signal(signal);
        self.child.wait().unwrap().code()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Returns the code in the newest message of an outbox.
pub(crate) fn newest_code(folder: &Folder) -> String {
    let outbox = text(&folder.path().join("outbox"));
    let message: Value = serde_json::from_str(outbox.lines().last().unwrap()).unwrap();
    code_in(message["msg"].as_str().unwrap())
}

#[test]
fn case_266_sighup_reads_keys_anew_and_ends_nothing() {
    let folder = Folder::new();
    let running = Running::demo(&folder, &[]);
    let (client, log) = (&running.client, folder.path().join("log"));
    assert_eq!(client.send(&place())["status"], 200);
    let code = newest_code(&folder);
    let told = |text_of: &str, times: usize| {
        wait_until(text_of, || text(&log).matches(text_of).count() == times);
    };
    running.signal("HUP");
    told("keys and passwords were read anew", 1);
    assert_eq!(client.verify(place(), &wrong(&code))["attempts_left"], 4);

    // What cannot be read is told, and changes nothing.
    let keys = folder.path().join("data/keys.json");
    let before = text(&keys);
    fs::write(&keys, "hunter2").unwrap();
    running.signal("HUP");
    told("keys and passwords are as before", 1);
    assert!(!text(&log).contains("hunter2"));
    assert_eq!(client.verify(place(), &wrong(&code))["attempts_left"], 3);

    // A raised epoch voids what is out.
    let raised = before.replace("\"epoch\": 0", "\"epoch\": 1");
    assert_ne!(before, raised);
    fs::write(&keys, raised).unwrap();
    running.signal("HUP");
    told("keys and passwords were read anew", 2);
    let void = json!({"status": 400, "message": "Invalid or expired OTP"});
    assert_eq!(client.verify(place(), &code), void);
    let elsewhere = with(place(), json!({"id": 16}));
    assert_eq!(client.send(&elsewhere)["status"], 200);
    let code = newest_code(&folder);
    assert_eq!(client.verify(elsewhere, &code)["status"], 200);
    assert_eq!(running.stop("TERM"), Some(0));
}

#[test]
fn case_253_an_erasure_beside_a_service_leaves_nothing_in_its_files() {
    let folder = Folder::new();
    let running = Running::demo(&folder, &[]);
    let client = &running.client;
    client.send(&place());
    let code = newest_code(&folder);
    let named = with(place(), json!({"signer_name": "Siti binti Aminah"}));
    assert_eq!(client.verify(named, &code)["status"], 200);
    let disclosed = client.call("get_esms_otp_disclosures", &place());
    let disclosed = disclosed["signature_disclosures"].as_array().unwrap();
    assert!(disclosed.len() >= 4, "{disclosed:?}");
    let kept = || {
        let data = folder.path().join("data");
        let mut bytes = fs::read(data.join("otp.sqlite3")).unwrap();
        bytes.extend(fs::read(data.join("otp.sqlite3-wal")).unwrap());
        let holds = |text: &&Value| {
            let text = text.as_str().unwrap().as_bytes();
            bytes.windows(text.len()).any(|run| run == text)
        };
        disclosed.iter().filter(holds).count()
    };
    assert_eq!(kept(), disclosed.len());
    let erase = |n: &str| {
        let mut command = program(&["--demo", "--erase", "demo", "loan.application"]);
        command.args(["client_signature", "15", n]);
        command.arg("--data").arg(folder.path().join("data"));
        let output = command.output().unwrap();
        let said = String::from_utf8(output.stdout).unwrap();
        (output.status.code(), said)
    };
    assert_eq!(erase("2"), (Some(1), "no such signature\n".into()));
    assert_eq!(erase("1"), (Some(0), "erased\n".into()));
    assert_eq!(kept(), 0);
    assert_eq!(erase("x").0, Some(2));
    let signature = client.signature(&place());
    assert_eq!(
        (&signature["status"], &signature["signer_name"]),
        (&json!(200), &json!(false))
    );
    assert_eq!(running.stop("TERM"), Some(0));
}

#[test]
fn case_263_a_full_disk_is_not_ready_and_told_apart() {
    let folder = Folder::new();
    let running = Running::demo(&folder, &[]);
    let client = &running.client;
    assert_eq!(client.get("/health/ready").0, 200);
    let log = folder.path().join("data/otp.sqlite3-wal");
    let disk = FailingDisk::new(running.child.id(), &log, "pwrite64", "ENOSPC");
    let failed = client.send(&place());
    assert_eq!(failed["status"], 500, "{failed}");
    assert_eq!(failed["message"], "The store is full; try again later");
    assert_eq!(
        client.count(r#"otp_reference_failures_total{cause="full"}"#),
        1
    );
    let (http, body) = client.get("/health/ready");
    let body: Value = serde_json::from_str(&body).unwrap();
    assert_eq!(
        (http, &body["status"], &body["cause"]),
        (503, &json!("unavailable"), &json!("full"))
    );
    let reference = failed["reference"].as_str().unwrap();
    let lines = text(&folder.path().join("log"));
    let line = lines.lines().find(|line| line.contains(reference)).unwrap();
    assert!(line.contains(r#""cause":"full""#), "{line}");
    drop(disk);
    assert_eq!(client.get("/health/ready").0, 200);
    assert_eq!(client.send(&place())["status"], 200);
}

pub(crate) fn text(path: &Path) -> String {
    fs::read_to_string(path).unwrap()
}

#[test]
fn neither_log_nor_counts_nor_database_hold_code_or_number() {
    let folder = Folder::new();
    let (data, outbox) = (folder.path().join("data"), folder.path().join("outbox"));
    let log = folder.path().join("log");
    let flags = ["--demo", "--listen", "127.0.0.1:0", "--log", "debug"];
    let mut command = program(&flags);
    command
        .arg("--data")
        .arg(&data)
        .arg("--outbox")
        .arg(&outbox);
    let running = Running::start(command, &log);
    let client = &running.client;
    assert_eq!(client.send(&place())["status"], 200);
    let message: Value = serde_json::from_str(text(&outbox).trim_end()).unwrap();
    let code = code_in(message["msg"].as_str().unwrap());
    assert_eq!(client.verify(place(), &wrong(&code))["attempts_left"], 4);
    assert_eq!(
        client.verify(with(place(), json!({"otp": code})), &code)["status"],
        200
    );
    assert_eq!(client.signature(&place())["status"], 200);
    client.verify(place(), &format!("{code}{code}"));
    // Sums of seconds have digits of every kind.
    let counts = client.get("/metrics").1;
    let counts: String = counts
        .lines()
        .filter(|line| !line.contains("_sum{"))
        .collect();
    assert_eq!(running.stop("TERM"), Some(0));

    // So have the instants of the log.
    let lines = text(&log);
    let lines: Vec<Value> = lines
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let log: String = lines.into_iter().fold(String::new(), |text, mut line| {
        line.as_object_mut().unwrap().remove("timestamp");
        text + &line.to_string()
    });
    assert!(log.contains(r#""event":"accepted""#), "{log}");
    let mut kept = vec![("log", log.into_bytes()), ("counts", counts.into_bytes())];
    for file in fs::read_dir(&data).unwrap() {
        let path = file.unwrap().path();
        if path.is_file() {
            kept.push(("data", fs::read(path).unwrap()));
        }
    }
    assert!(
        kept.iter()
            .any(|(_, bytes)| bytes.starts_with(b"SQLite format 3"))
    );
    let holds =
        |bytes: &[u8], text: &str| bytes.windows(text.len()).any(|run| run == text.as_bytes());
    let number = "60123456789";
    for (what, bytes) in &kept {
        assert!(!holds(bytes, &code), "{what} holds the code");
        assert!(
            !holds(bytes, number) && !holds(bytes, &number[2..]),
            "{what} holds the number"
        );
    }
    // The same search finds both where they have to be.
    let sent = fs::read(&outbox).unwrap();
    assert!(holds(&sent, &code) && holds(&sent, number));
    assert_eq!(mode(&outbox), 0o600);
    for secret in ["keys.json", "signing.pem", "otp.sqlite3"] {
        assert_eq!(mode(&data.join(secret)), 0o600, "{secret}");
    }
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn keys_are_made_once_and_settings_come_from_the_environment_too() {
    let folder = Folder::new();
    let (data, log) = (folder.path().join("data"), folder.path().join("log"));
    let mut keys = Vec::new();
    for signal in ["INT", "TERM"] {
        let mut command = program(&[]);
        command
            .env("OTP_REFERENCE_DEMO", "1")
            .env("OTP_REFERENCE_LISTEN", "127.0.0.1:0")
            .env("OTP_REFERENCE_DATA", &data);
        let running = Running::start(command, &log);
        keys.push(running.client.get("/.well-known/jwks.json").1);
        assert_eq!(running.stop(signal), Some(0), "{}", text(&log));
    }
    assert_eq!(keys[0], keys[1]);
}

fn fails(flags: &[&str]) -> String {
    let Output { status, stderr, .. } = program(flags).output().unwrap();
    let stderr = String::from_utf8(stderr).unwrap();
    assert_eq!(status.code(), Some(2), "{stderr}");
    stderr
}

#[test]
fn what_cannot_start_says_why_and_ends_with_2() {
    let folder = Folder::new();
    let data = folder.path().join("data");
    let data = data.to_str().unwrap();
    let demo = |more: &[&str]| {
        let flags = ["--demo", "--listen", "127.0.0.1:0", "--data", data];
        fails(&[&flags[..], more].concat())
    };
    let says = |error: String, part: &str| assert!(error.contains(part), "{error}");
    says(fails(&["--data", data]), "--users is missing");
    says(
        fails(&["--demo", "--data", data, "--listen", "0.0.0.0:0"]),
        "it must be a loopback address",
    );
    says(demo(&["--nothing"]), "--nothing");
    says(
        demo(&["--request-timeout", "0"]),
        "--request-timeout <SECONDS>': 0 is not in 1..=600",
    );
    says(
        demo(&["--rejection-hold", "1001"]),
        "--rejection-hold <MILLISECONDS>': 1001 is not in 0..=1000",
    );
    says(
        demo(&["--gateway-timeout", "30"]),
        "it must be below --request-timeout, which is 30",
    );
    says(
        demo(&["--gateway", "esms"]),
        "--gateway-credentials is missing",
    );
    says(
        demo(&["--database", "postgres://u:hunter2@x/y"]),
        "must not hold a password",
    );
    says(demo(&["--database", "?"]), "--database must be");
    says(
        demo(&["--outbox", "/nowhere/at/all"]),
        "--outbox: /nowhere/at/all cannot be written",
    );

    let keys = folder.path().join("keys");
    let named = ["--keys", keys.to_str().unwrap()];
    fs::write(&keys, r#"{"codes": {"a": "c2VjcmV0"}, "index": "hunter2"}"#).unwrap();
    says(demo(&named), "it must be at most 0600");
    fs::set_permissions(&keys, fs::Permissions::from_mode(0o600)).unwrap();
    says(demo(&named), "must hold secrets in base64");
    fs::write(
        &keys,
        r#"{"codes": {"a": "c2VjcmV0"}, "index": "c2VjcmV0"}"#,
    )
    .unwrap();
    says(demo(&named), "--keys: ");
    fs::write(&keys, "hunter2").unwrap();
    let error = demo(&named);
    assert!(
        error.contains("must be json") && !error.contains("hunter2"),
        "{error}"
    );
    // What an array holds has no names.
    fs::write(&keys, r#"[{"a": "c2VjcmV0"}, null, "c2VjcmV0", 0, {}]"#).unwrap();
    says(demo(&named), "must be json with the members");
    let missing = folder.path().join("missing");
    says(
        demo(&[
            "--gateway",
            "esms",
            "--gateway-credentials",
            missing.to_str().unwrap(),
        ]),
        "is not there",
    );
    fs::write(&keys, r#"{"user": "u", "password": "hunter2"}"#).unwrap();
    let named = [
        "--gateway",
        "esms",
        "--gateway-credentials",
        keys.to_str().unwrap(),
    ];
    let plain = [&named[..], &["--gateway-url", "http://example.com/"]].concat();
    let error = demo(&plain);
    assert!(
        error.contains("--gateway-url must be") && !error.contains("hunter2"),
        "{error}"
    );
    fs::write(&keys, r#"{"user": "u", "password": ""}"#).unwrap();
    says(demo(&named), "has an empty password");
    fs::write(&keys, "\n").unwrap();
    let database = ["--database", "postgres://u@x/y", "--database-password"];
    let named = [&database[..], &[keys.to_str().unwrap()]].concat();
    says(demo(&named), "is empty; it must hold the password");
    fs::write(
        &keys,
        "-----BEGIN RSA PRIVATE KEY-----\nMAA=\n-----END RSA PRIVATE KEY-----\n",
    )
    .unwrap();
    let error = demo(&["--signing-key", keys.to_str().unwrap()]);
    assert!(
        error.contains("an RSA key, and no Ed25519 key") && error.contains("openssl genpkey"),
        "{error}"
    );
}

/// A folder with the service's own SQLite file and keys, in use by a program that has ended.
fn in_use() -> (Folder, std::path::PathBuf) {
    let folder = Folder::new();
    let data = folder.path().join("data");
    let running = Running::start(on(&data, &[]), &folder.path().join("log"));
    assert_eq!(running.client.send(&place())["status"], 200);
    assert_eq!(running.stop("TERM"), Some(0));
    (folder, data)
}

fn on(data: &Path, more: &[&str]) -> Command {
    let mut command = program(&["--demo", "--listen", "127.0.0.1:0"]);
    command.arg("--data").arg(data).args(more);
    command.arg("--outbox").arg(data.with_file_name("outbox")); // nobody reads what it prints
    command
}

/// Runs to the end; returns the exit code and what was said.
fn ends(mut command: Command) -> (Option<i32>, String) {
    let Output {
        status,
        stdout,
        stderr,
    } = command.output().unwrap();
    let said = [stdout, stderr].concat();
    (status.code(), String::from_utf8(said).unwrap())
}

#[test]
fn case_200_other_keys_on_a_database_in_use_end_the_start_with_the_reason() {
    let (folder, data) = in_use();
    let (keys, kept) = (data.join("keys.json"), folder.path().join("kept.json"));
    fs::rename(&keys, &kept).unwrap();
    // Freshly made keys, as where the key file got lost.
    let (code, said) = ends(on(&data, &[]));
    assert_eq!(code, Some(2), "{said}");
    for part in [
        "--keys: ",
        "keys.json is not the key file of this store",
        "another index secret",
        "--begin-store",
    ] {
        assert!(said.contains(part), "{part:?}: {said}");
    }
    let (code, said) = ends(on(&data, &["--adopt-store"]));
    assert_eq!(code, Some(2), "{said}");
    // The control: with its own keys it starts, and the counts are as they were.
    fs::rename(&kept, &keys).unwrap();
    let running = Running::start(on(&data, &[]), &folder.path().join("log"));
    let again = running.client.send(&place());
    assert_eq!(again["message"], "OTP already sent", "{again}");
    assert_eq!(running.stop("TERM"), Some(0));
}

#[test]
fn case_201_begin_store_is_done_once_and_ends_with_0() {
    let (folder, data) = in_use();
    fs::remove_file(data.join("keys.json")).unwrap();
    for _ in 0..2 {
        let (code, said) = ends(on(&data, &["--begin-store"]));
        assert_eq!(code, Some(0), "{said}");
        assert!(said.contains("the store belongs to these keys"), "{said}");
    }
    let running = Running::start(on(&data, &[]), &folder.path().join("log"));
    assert_eq!(running.client.send(&place())["status"], 200);
    assert_eq!(running.stop("TERM"), Some(0));
    let both = ["--begin-store", "--adopt-store"];
    assert_eq!(ends(on(&data, &both)).0, Some(2));
}

#[test]
fn case_201_cells_from_before_canaries_are_taken_over_by_a_flag_alone() {
    let folder = Folder::new();
    let data = folder.path().join("data");
    fs::create_dir(&data).unwrap();
    // As the version before left it: a cell, and no canary.
    let store = SqliteStore::open(data.join("otp.sqlite3")).unwrap();
    let cell = Write {
        key: Key::from_bytes([7; 32]),
        kind: Kind::Meter,
        expected: Version::ABSENT,
        discard_after: None,
        body: b"of some time ago",
    };
    let now = Timestamp::from_unix(1_715_767_200);
    assert_eq!(store.commit(&[cell], now).unwrap(), Commit::Done);
    drop(store);
    let (code, said) = ends(on(&data, &[]));
    assert_eq!(code, Some(2), "{said}");
    for part in [
        "--keys: ",
        "holds cells and no canary",
        "--adopt-store",
        "--begin-store",
    ] {
        assert!(said.contains(part), "{part:?}: {said}");
    }
    assert_eq!(ends(on(&data, &["--adopt-store"])).0, Some(0));
    let running = Running::start(on(&data, &[]), &folder.path().join("log"));
    assert_eq!(running.client.send(&place())["status"], 200);
    assert_eq!(running.stop("TERM"), Some(0));
}

#[test]
fn help_names_each_flag_and_its_variable() {
    let output = program(&["--help"]).output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    let help = String::from_utf8(output.stdout).unwrap();
    let flags: Vec<_> = help
        .lines()
        .filter_map(|line| line.trim().strip_prefix("--"))
        .collect();
    assert!(flags.len() > 20, "{help}");
    assert_eq!(
        help.matches("[env: OTP_REFERENCE_").count(),
        flags.len() - 11, // the six files of secrets, and the five acts, which no environment does
        "{help}"
    );
}
