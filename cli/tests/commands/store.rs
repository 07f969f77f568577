//! `otp store`, on a SQLite file and on a PostgreSQL server.

use std::path::Path;
use std::process::Command;

use otp_engine::{
    Binding, Engine, Evidence, KeyRing, ManualClock, Mobile, RateLimits, SigningKey, Store,
    Submission, Target, Timestamp,
};
use otp_engine_postgres::PostgresStore;
use otp_engine_sqlite::SqliteStore;
use otp_engine_testkit::{Authority, Folder, PostgresServer};

use crate::{OTP, Ran, private, run, told};

const CODE: [u8; 32] = [1; 32];
const INDEX: [u8; 32] = [2; 32];
const USER: [&str; 4] = ["--tenant", "acme", "--user", "7"];
const TARGET: [&str; 6] = ["--model", "loan", "--field", "signature", "--id", "15"];
const MOBILE: [&str; 2] = ["--mobile", "+60123456789"];

/// A store, as the command and as the library are told of it.
struct Place {
    folder: Folder,
    server: Option<PostgresServer>,
}

impl Place {
    fn sqlite() -> Self {
        Self::with(None)
    }

    fn postgres() -> Self {
        Self::with(Some(PostgresServer::start()))
    }

    fn with(server: Option<PostgresServer>) -> Self {
        let place = Self {
            folder: Folder::new(),
            server,
        };
        let secrets = [CODE, INDEX].map(|secret| base64(&secret));
        let ring = |index: &str| {
            format!(
                "{{\"codes\": {{\"a\": \"{}\"}}, \"index\": \"{index}\"}}",
                secrets[0]
            )
        };
        private(Path::new(&place.file("keys.json")), &ring(&secrets[1]));
        private(
            Path::new(&place.file("other.json")),
            &ring(&base64(&[3; 32])),
        );
        place
    }

    fn file(&self, name: &str) -> String {
        self.folder.path().join(name).to_str().unwrap().into()
    }

    /// Runs a command on the store with these keys.
    fn with_keys(&self, keys: &str, act: &[&str], more: &[&[&str]]) -> Ran {
        let keys = self.file(keys);
        self.run(act, &[&[&["--keys", &keys][..]], more].concat())
    }

    fn otp(&self, act: &[&str], more: &[&[&str]]) -> Ran {
        self.with_keys("keys.json", act, more)
    }

    fn run(&self, act: &[&str], more: &[&[&str]]) -> Ran {
        let mut command = Command::new(OTP);
        command.arg("store").args(act).args(more.concat());
        match &self.server {
            None => command
                .args(["--sqlite", &self.file("otp.sqlite3")])
                .env_remove("OTP_DATABASE"),
            Some(server) => command.env("OTP_DATABASE", server.url()),
        };
        run(&mut command, "")
    }

    fn open(&self) -> Box<dyn Store> {
        match &self.server {
            None => Box::new(SqliteStore::open(self.file("otp.sqlite3")).unwrap()),
            Some(server) => Box::new(PostgresStore::open(&server.url()).unwrap()),
        }
    }
}

fn base64(bytes: &[u8]) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

fn ring() -> KeyRing {
    KeyRing::builder()
        .code("a", &CODE)
        .index(&INDEX)
        .build()
        .unwrap()
}

fn binding() -> Binding {
    let target = Target {
        model: "loan",
        field: "signature",
        id: "15",
    };
    let binding = Binding::builder()
        .tenant("acme")
        .purpose("sign")
        .target(target)
        .user("7");
    binding
        .recipient(Mobile::parse("+60123456789").unwrap())
        .build()
        .unwrap()
}

fn a_store_is_looked_after(place: &Place) {
    let status = [&USER[..], &TARGET, &["--purpose", "sign"]].concat();
    // Before there are tables; and what is empty is not begun by the way.
    told(
        &place.otp(&["status"], &[&status, &MOBILE]),
        2,
        &["migrate"],
    );
    for _ in 0..2 {
        told(&place.run(&["migrate"], &[]), 0, &["newest layout"]);
    }
    told(
        &place.otp(&["unlock"], &[&USER]),
        2,
        &["the store is empty; otp store check begins it"],
    );
    told(&place.otp(&["check"], &[]), 0, &["from now on"]);
    told(&place.otp(&["check"], &[]), 0, &["belongs to these keys\n"]);
    told(
        &place.with_keys("other.json", &["check"], &[]),
        1,
        &["NOT SO", "another index secret", "--begin"],
    );
    told(
        &place.with_keys("other.json", &["unlock"], &[&USER]),
        2,
        &["another index secret"],
    );

    // A code that is out, and a wrong guess that locks the user.
    let limits = RateLimits::builder()
        .user_failures_per_day(1)
        .build()
        .unwrap();
    let engine = Engine::builder(ring())
        .rate_limits(limits)
        .signing_key(SigningKey::from_seed(&[4; 32]).unwrap())
        .build();
    let (store, binding) = (place.open(), binding());
    let issued = engine.issue(&*store, &binding).unwrap().issued().unwrap();
    let code = issued.code.as_str().to_owned();
    let wrong = if code == "000000" { "000001" } else { "000000" };
    assert!(
        !engine
            .verify(&*store, Submission::new(&binding, wrong))
            .unwrap()
            .is_accepted()
    );
    let limits = place.file("limits.toml");
    std::fs::write(&limits, "[rate_limits]\nuser_failures_per_day = 1\n").unwrap();
    let locked = place.otp(&["status"], &[&status, &MOBILE, &["--policy", &limits]]);
    told(
        &locked,
        0,
        &[
            "state          pending",
            "attempts left  4",
            "sends          1",
            "user locked    until 20",
        ],
    );
    assert!(!locked.stdout.contains(&code));
    let json = place
        .otp(&["status"], &[&status, &MOBILE, &["--json"]])
        .stdout;
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(
        (&json["state"], &json["attempts_left"], &json["locked"]),
        (&"pending".into(), &4.into(), &false.into())
    );
    told(
        &place.otp(&["status"], &[&status, &["--email", "a@example.org"]]),
        1,
        &["no code is known"],
    );

    told(&place.otp(&["unlock"], &[&USER]), 0, &["unlocked\n"]);
    told(&place.otp(&["unlock"], &[&USER]), 1, &["nothing to unlock"]);
    let evidence = Evidence::new()
        .signer_name("Ann Lee")
        .user_name("Ann")
        .ip("192.0.2.1");
    let right = Submission::new(&binding, &code).evidence(evidence);
    assert!(engine.verify(&*store, right).unwrap().is_accepted());

    let why = ["--reason", "called in, ticket 4711"];
    told(
        &place.otp(&["reset", "user"], &[&USER, &why]),
        0,
        &["reset\n"],
    );
    told(
        &place.otp(&["reset", "user"], &[&USER, &why]),
        1,
        &["nothing to reset"],
    );
    told(
        &place.otp(&["reset", "recipient"], &[&USER[..2], &MOBILE, &why]),
        0,
        &["reset\n"],
    );
    told(
        &place.otp(&["reset", "recipient"], &[&USER[..2], &MOBILE, &why]),
        1,
        &["nothing to reset"],
    );
    told(
        &place.otp(&["reset", "slot"], &[&status, &why]),
        0,
        &["reset\n"],
    );
    told(
        &place.otp(&["reset", "slot"], &[&status, &["--reason", ""]]),
        2,
        &["1 to 256 bytes"],
    );

    let erase = |sequence, details: &[&str]| {
        place.otp(
            &["erase"],
            &[&USER[..2], &TARGET, &["--sequence", sequence], details],
        )
    };
    told(
        &erase("1", &["name", "number"]),
        0,
        &["erased; record ", "2 details left"],
    );
    let record = engine
        .latest_signature(&*store, "acme", &binding.target())
        .unwrap()
        .unwrap();
    assert_eq!(record.erasures()[0].details().len(), 2);
    told(&erase("2", &["name"]), 1, &["no such record"]);
    told(&erase("0", &["name"]), 2, &["--sequence"]);
    told(&erase("1", &["phone"]), 2, &["name, typed, number, email"]);
    told(&place.otp(&["purge"], &[]), 0, &["0 cells dropped"]);
}

#[test]
fn a_sqlite_file_is_looked_after() {
    a_store_is_looked_after(&Place::sqlite());
}

#[test]
fn a_postgresql_database_is_looked_after() {
    a_store_is_looked_after(&Place::postgres());
}

/// Cells of years ago: the clock may be wrong, until somebody looked at it.
fn old_cells_are_dropped_once_the_clock_is_confirmed(place: &Place) {
    told(&place.run(&["migrate"], &[]), 0, &[]);
    let clock = ManualClock::new(Timestamp::from_unix(1_600_000_000));
    let engine = Engine::builder(ring()).clock(clock).build();
    let store = place.open();
    engine.check_store(&*store).unwrap();
    assert!(
        engine
            .issue(&*store, &binding())
            .unwrap()
            .issued()
            .is_some()
    );
    engine.purge(&*store, 1).unwrap();
    told(
        &place.otp(&["purge"], &[]),
        2,
        &["more than a day ahead", "--confirm-clock"],
    );
    let ran = place.otp(&["purge", "--confirm-clock"], &[]);
    told(&ran, 0, &["3 cells dropped"]);
    told(&place.otp(&["purge"], &[]), 0, &["0 cells dropped"]);
}

#[test]
fn old_cells_of_sqlite_are_dropped_once_the_clock_is_confirmed() {
    old_cells_are_dropped_once_the_clock_is_confirmed(&Place::sqlite());
}

#[test]
fn old_cells_of_postgresql_are_dropped_once_the_clock_is_confirmed() {
    old_cells_are_dropped_once_the_clock_is_confirmed(&Place::postgres());
}

#[test]
fn a_store_without_a_canary_is_adopted_or_begun() {
    let place = Place::sqlite();
    told(&place.run(&["migrate"], &[]), 0, &[]);
    let _ = Engine::new(ring())
        .issue(&*place.open(), &binding())
        .unwrap();
    told(
        &place.otp(&["check"], &[]),
        1,
        &["NOT SO", "--adopt or --begin"],
    );
    told(
        &place.otp(&["check", "--adopt", "--begin"], &[]),
        2,
        &["--adopt", "--begin"],
    );
    told(&place.otp(&["check", "--adopt"], &[]), 0, &["from now on"]);
    told(
        &place.with_keys("other.json", &["check", "--adopt"], &[]),
        1,
        &["another index secret"],
    );
    told(
        &place.with_keys("other.json", &["check", "--begin"], &[]),
        0,
        &["from now on"],
    );
    told(&place.otp(&["check"], &[]), 1, &["another index secret"]);
}

#[test]
fn the_address_of_a_database_comes_from_the_environment_or_a_private_file_and_is_never_told() {
    let server = PostgresServer::start();
    let folder = Folder::new();
    let path = folder.path().join("address");
    private(&path, &format!("{}\n", server.url()));
    let path = path.to_str().unwrap();
    told(
        &crate::otp(&["store", "migrate", "--database-file", path], ""),
        0,
        &["newest layout"],
    );
    std::fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(0o644)).unwrap();
    told(
        &crate::otp(&["store", "migrate", "--database-file", path], ""),
        2,
        &["mode 0644"],
    );
    let ran = crate::otp(&["store", "migrate"], "");
    told(
        &ran,
        2,
        &["--sqlite FILE", "--database-file FILE", "OTP_DATABASE"],
    );
    for address in [
        "postgres://otp:s3cret@127.0.0.1:1/db?connect_timeout=1",
        "otp:s3cret@host/db",
    ] {
        let mut command = Command::new(OTP);
        let ran = run(
            command
                .args(["store", "migrate"])
                .env("OTP_DATABASE", address),
            "",
        );
        assert_eq!(ran.code, 2, "{ran:?}");
        assert!(!ran.stderr.contains("s3cret"), "{ran:?}");
    }
    let ran = crate::otp(
        &["store", "migrate", "--sqlite", "a", "--database-file", path],
        "",
    );
    told(&ran, 2, &["--sqlite", "--database-file"]);
}

/// The system's are those in `SSL_CERT_FILE` alone, where only that is set.
#[test]
fn case_711_the_roots_are_those_of_a_file_or_of_the_system() {
    let (authority, another) = (Authority::new(), Authority::new());
    let certificate = authority.certificate("db.example");
    let by_tls = "hostssl all all 127.0.0.1/32 trust";
    let server = PostgresServer::on_loopback(Some(&certificate), by_tls);
    let migrate = |words: &str, system: &Path| {
        let port = server.port();
        let place = format!("host=db.example hostaddr=127.0.0.1 port={port} user=otp");
        let mut command = Command::new(OTP);
        command
            .args(["store", "migrate"])
            .env("OTP_DATABASE", format!("{place} dbname=postgres {words}"))
            .env("SSL_CERT_FILE", system)
            .env_remove("SSL_CERT_DIR");
        run(&mut command, "")
    };
    let (own, foreign) = (authority.root(), another.root());
    let absent = own.with_file_name("absent");
    let named = |root: &Path| format!("sslmode=verify-full sslrootcert={}", root.display());
    told(&migrate(&named(&own), &foreign), 0, &["newest layout"]);
    let untrusted = [
        "PostgreSQL: cannot connect",
        "name the right one by sslrootcert",
    ];
    told(&migrate(&named(&foreign), &own), 2, &untrusted);
    let missing = ["OTP_DATABASE: sslrootcert: ", "is not there"];
    told(&migrate(&named(&absent), &own), 2, &missing);
    for words in [
        "sslmode=verify-full",
        "sslmode=verify-full sslrootcert=system",
    ] {
        told(&migrate(words, &own), 0, &["newest layout"]);
        told(&migrate(words, &foreign), 2, &untrusted);
        told(
            &migrate(words, &absent),
            2,
            &["no root certificates; name a file"],
        );
    }
    for words in ["sslmode=require", "sslmode=prefer"] {
        let refused = ["OTP_DATABASE: sslmode must be verify-full"];
        told(&migrate(words, &own), 2, &refused);
    }
}
