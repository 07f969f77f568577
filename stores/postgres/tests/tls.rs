//! A store that is asked for TLS works with the server that it was told of, by that alone, and
//! says what to do where it does not.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use core::time::Duration;
use std::{
    fs,
    io::{self, Read, Write as _},
    net::{Shutdown, TcpListener, TcpStream},
    os::unix::fs::PermissionsExt,
    path::Path,
    sync::{Arc, Mutex},
    thread,
};

use otp_engine::{
    Store, Timestamp,
    store::{Commit, Error},
};
use otp_engine_postgres::{
    OpenError, PostgresOptions, PostgresStore, Tls,
    tokio_postgres::{
        Socket,
        config::SslMode,
        tls::{MakeTlsConnect, NoTls},
    },
};
use otp_engine_testkit::{
    Authority, PostgresServer,
    cells::{text, version, write},
};
use postgres::Client;

const NAME: &str = "db.example";
const ANOTHER: &str = "other.example";
const BY_TLS: &str = "hostssl all all 127.0.0.1/32 trust";
const BY_ANYTHING: &str = "host all all 127.0.0.1/32 trust";
const PASSWORD: &str = "canary-word";
const NOW: Timestamp = Timestamp::from_unix(1_715_767_200);

fn migrated(server: PostgresServer) -> PostgresServer {
    PostgresStore::migrate(&server.url()).unwrap();
    server
}

/// Returns a server with a certificate for [`NAME`], where nobody gets in without TLS.
fn server(authority: &Authority) -> PostgresServer {
    let certificate = authority.certificate(NAME);
    migrated(PostgresServer::on_loopback(Some(&certificate), BY_TLS))
}

fn address(port: u16, host: &str, words: &str) -> String {
    format!(
        "host={host} hostaddr=127.0.0.1 port={port} user=otp password={PASSWORD} dbname=postgres {words}"
    )
}

fn verified(root: &Path) -> String {
    format!("sslmode=verify-full sslrootcert={}", root.display())
}

fn admin(server: &PostgresServer) -> Client {
    Client::connect(&server.url(), NoTls).unwrap()
}

/// Says of each session whether it is encrypted.
fn are_encrypted(server: &PostgresServer) -> Vec<bool> {
    let sessions = "SELECT ssl FROM pg_stat_ssl JOIN pg_stat_activity USING (pid)
        WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()";
    let rows = admin(server).query(sessions, &[]).unwrap();
    rows.iter().map(|row| row.get(0)).collect()
}

#[track_caller]
fn commits(store: &dyn Store, number: u8) {
    assert_eq!(
        store.commit(&[write(number, 0)], NOW).unwrap(),
        Commit::Done
    );
    assert_eq!(version(store, number), 1);
}

/// Opens in each way that there is; none of them gets in.
#[track_caller]
fn refused(parameters: &str, by: &str) {
    let is_so = |told: OpenError| {
        let said = text(&told);
        assert!(said.contains(by), "{said}");
        assert!(!said.contains(PASSWORD), "{said}");
    };
    is_so(PostgresStore::open(parameters).unwrap_err());
    is_so(PostgresStore::migrate(parameters).unwrap_err());
    #[cfg(feature = "async")]
    {
        use otp_engine_postgres::AsyncPostgresStore;
        let runtime = otp_engine_testkit::scenarios::runtime();
        is_so(
            runtime
                .block_on(AsyncPostgresStore::open(parameters))
                .unwrap_err(),
        );
        is_so(
            runtime
                .block_on(AsyncPostgresStore::migrate(parameters))
                .unwrap_err(),
        );
    }
}

#[test]
fn case_710_all_sessions_of_a_store_are_encrypted() {
    let authority = Authority::new();
    let certificate = authority.certificate(NAME);
    let server = PostgresServer::on_loopback(Some(&certificate), BY_TLS);
    let list = address(server.port(), NAME, &verified(&authority.root()));
    let url = format!(
        "postgres://otp@{NAME}:{}/postgres?hostaddr=127.0.0.1&sslmode=verify-full&sslrootcert={}",
        server.port(),
        authority.root().display()
    );
    for (number, parameters) in [(1, list), (2, url)] {
        PostgresStore::migrate(&parameters).unwrap();
        let store = PostgresStore::open(&parameters).unwrap();
        commits(&store, number);
        assert_eq!(are_encrypted(&server), [true]);
    }
    // The control: the query sees a session that is not encrypted.
    let store = PostgresStore::open(&server.url()).unwrap();
    commits(&store, 3);
    assert_eq!(are_encrypted(&server), [false]);
}

#[cfg(feature = "async")]
#[test]
fn case_710_all_sessions_of_a_store_that_is_awaited_are_encrypted() {
    use otp_engine_postgres::AsyncPostgresStore;
    use otp_engine_testkit::scenarios::{bridge, runtime};

    let (authority, runtime) = (Authority::new(), runtime());
    let server = server(&authority);
    let parameters = address(server.port(), NAME, &verified(&authority.root()));
    let migrated = runtime.block_on(AsyncPostgresStore::migrate(&parameters));
    migrated.unwrap();
    let store = runtime.block_on(AsyncPostgresStore::open(&parameters));
    let store = bridge(&runtime, store.unwrap());
    commits(&store, 1);
    assert_eq!(are_encrypted(&server), [true]);
}

#[test]
fn case_711_a_certificate_of_another_root_is_refused() {
    let (authority, another) = (Authority::new(), Authority::new());
    let server = server(&authority);
    // Both authorities have one name, as after a root was made anew; the other one has its own.
    for root in [another.root(), another.certificate(ANOTHER).path] {
        let parameters = address(server.port(), NAME, &verified(&root));
        refused(&parameters, "name the right one by sslrootcert");
    }
    assert_eq!(are_encrypted(&server), [false; 0]);
    // A root moves by way of a file that holds the old and the new one.
    let both = [another.root(), authority.root()].map(|root| fs::read(root).unwrap());
    let roots = authority.root().with_file_name("both");
    fs::write(&roots, both.concat()).unwrap();
    let parameters = address(server.port(), NAME, &verified(&roots));
    commits(&PostgresStore::open(&parameters).unwrap(), 1);
}

/// A connector that takes the certificate of one host for that of any.
#[derive(Clone)]
struct Careless(Tls);

impl MakeTlsConnect<Socket> for Careless {
    type Stream = <Tls as MakeTlsConnect<Socket>>::Stream;
    type TlsConnect = <Tls as MakeTlsConnect<Socket>>::TlsConnect;
    type Error = <Tls as MakeTlsConnect<Socket>>::Error;

    fn make_tls_connect(&mut self, _: &str) -> Result<Self::TlsConnect, Self::Error> {
        self.0.make_tls_connect(NAME)
    }
}

/// The control: what lets such a connector in is not the server, nor its root.
#[test]
fn case_712_a_certificate_of_another_host_is_refused() {
    let authority = Authority::new();
    let server = server(&authority);
    let trust = verified(&authority.root());
    for host in [ANOTHER, "db.example.org", "127.0.0.1"] {
        let parameters = address(server.port(), host, &trust);
        refused(&parameters, "its certificate has another name");
        let (config, tls) = Tls::parse(&parameters).unwrap();
        let taken_in = PostgresOptions::new().open_with(config, Careless(tls));
        assert!(taken_in.is_ok(), "{host}");
    }
    let nameless = address(server.port(), NAME, &trust).replace("host=db.example ", "");
    refused(&nameless, "needs the name in its certificate as host");
}

#[test]
fn case_713_a_certificate_that_has_expired_is_refused() {
    let authority = Authority::new();
    let expired = authority.expired(NAME);
    let server = migrated(PostgresServer::on_loopback(Some(&expired), BY_TLS));
    let parameters = address(server.port(), NAME, &verified(&authority.root()));
    refused(&parameters, "its certificate has expired");
}

/// Passes connections on to a port, and keeps the code that each client begins with.
struct Wire {
    port: u16,
    codes: Arc<Mutex<Vec<u32>>>,
}

/// The wish for TLS.
const ENCRYPT: u32 = 80_877_103;
/// The wish to cancel, with the key for that.
const CANCEL: u32 = 80_877_102;
/// Who connects, to which database.
const BEGIN: u32 = 0x0003_0000;

impl Wire {
    fn to(port: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let own = listener.local_addr().unwrap().port();
        let codes = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&codes);
        thread::spawn(move || {
            for client in listener.incoming() {
                let (mut client, mut first) = (client.unwrap(), [0; 8]);
                if client.read_exact(&mut first).is_err() {
                    continue;
                }
                let code = u32::from_be_bytes(*first.last_chunk().unwrap());
                kept.lock().unwrap().push(code);
                let mut server = TcpStream::connect(("127.0.0.1", port)).unwrap();
                server.write_all(&first).unwrap();
                let back = (server.try_clone().unwrap(), client.try_clone().unwrap());
                for (mut from, mut to) in [(client, server), back] {
                    thread::spawn(move || {
                        io::copy(&mut from, &mut to).ok();
                        to.shutdown(Shutdown::Write).ok();
                    });
                }
            }
        });
        Self { port: own, codes }
    }

    fn codes(&self) -> Vec<u32> {
        self.codes.lock().unwrap().clone()
    }
}

/// A server without TLS, or somebody who says that it has none, hears neither name nor password.
#[test]
fn case_714_nothing_is_said_to_a_server_without_tls() {
    let authority = Authority::new();
    let server = migrated(PostgresServer::on_loopback(None, BY_ANYTHING));
    let wire = Wire::to(server.port());
    let trust = verified(&authority.root());
    refused(
        &address(wire.port, NAME, &trust),
        "it offers no TLS: set ssl=on there",
    );
    assert!(
        wire.codes().iter().all(|code| *code == ENCRYPT),
        "{:?}",
        wire.codes()
    );
    let unix = format!("{} {trust}", server.url());
    refused(&unix, "sslmode=disable for a Unix socket");
    // A connector of the caller's goes on without TLS as little.
    let (mut config, tls) = Tls::parse(&address(wire.port, NAME, &trust)).unwrap();
    config.ssl_mode(SslMode::Prefer);
    let options = PostgresOptions::new();
    for told in [
        options.open_with(config.clone(), tls.clone()).map(drop),
        options.migrate_with(config, tls),
    ] {
        let said = text(&told.unwrap_err());
        assert!(
            said.contains("sslmode=prefer goes on without TLS"),
            "{said}"
        );
    }
    assert!(
        wire.codes().iter().all(|code| *code == ENCRYPT),
        "{:?}",
        wire.codes()
    );
    // The control: who asks for none begins with it.
    PostgresStore::open(&address(wire.port, NAME, "sslmode=disable")).unwrap();
    assert_eq!(wire.codes().last(), Some(&BEGIN));
}

#[test]
fn case_715_a_client_without_tls_is_told_that_the_server_asks_for_it() {
    let authority = Authority::new();
    let server = server(&authority);
    for words in ["", "sslmode=disable"] {
        let parameters = address(server.port(), NAME, words);
        refused(&parameters, "sslmode=verify-full asks for TLS");
    }
}

/// The key for that is a secret: who reads it can cancel what he likes.
#[test]
fn case_716_what_is_overdue_is_cancelled_by_tls() {
    let authority = Authority::new();
    let certificate = authority.certificate(NAME);
    let server = migrated(PostgresServer::on_loopback(Some(&certificate), BY_ANYTHING));
    let cancelled = || {
        server
            .log()
            .matches("canceling statement due to user request")
            .count()
    };
    let trust = verified(&authority.root());
    for (number, words, begins) in [
        (1, &*trust, &[ENCRYPT, ENCRYPT][..]),
        (2, "sslmode=disable", &[BEGIN, CANCEL]), // the control: this is what the wire shows else
    ] {
        let wire = Wire::to(server.port());
        let options = PostgresOptions::new().answer_timeout(Duration::from_secs(2));
        let store = options.open(&address(wire.port, NAME, words)).unwrap();
        let (mut admin, before) = (admin(&server), cancelled());
        let mut held = admin.transaction().unwrap();
        held.batch_execute("LOCK otp_engine.otp_cell").unwrap();
        let told = store.commit(&[write(number, 0)], NOW);
        assert!(matches!(told, Err(Error::Unknown(_))), "{told:?}");
        held.rollback().unwrap();
        assert_eq!((cancelled() - before, wire.codes()), (1, begins.to_vec()));
        assert_eq!(version(&store, number), 0);
        commits(&store, number);
    }
}

#[test]
fn case_718_a_file_that_cannot_be_used_is_named_with_its_parameter() {
    let authority = Authority::new();
    let (pair, other) = (
        authority.certificate("client"),
        authority.certificate("other"),
    );
    let root = authority.root();
    let file = |name: &str, text: &str, mode: u32| {
        let path = root.with_file_name(name);
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        path
    };
    let empty = file("empty", "", 0o600);
    let key = fs::read_to_string(&pair.key).unwrap();
    let broken = file(
        "broken",
        &key.replace("\n-----END", "canary-word\n-----END"),
        0o600,
    );
    let open_to_all = file("open", &key, 0o640);
    let absent = root.with_file_name("absent");
    let folder = root.parent().unwrap();
    let trust = verified(&root);
    let client = |certificate: &Path, key: &Path| {
        let [certificate, key] = [certificate, key].map(Path::display);
        format!("{trust} sslcert={certificate} sslkey={key}")
    };
    for (words, path, why) in [
        (
            verified(&absent),
            &*absent,
            "sslrootcert: PATH is not there",
        ),
        (
            verified(folder),
            folder,
            "sslrootcert: PATH cannot be read: is a directory",
        ),
        (
            verified(&empty),
            &empty,
            "sslrootcert: PATH must hold certificates in PEM",
        ),
        (
            verified(&pair.key),
            &pair.key,
            "sslrootcert: PATH must hold certificates in PEM",
        ),
        (
            client(&absent, &pair.key),
            &absent,
            "sslcert: PATH is not there",
        ),
        (
            client(&pair.path, &absent),
            &absent,
            "sslkey: PATH is not there",
        ),
        (
            client(&pair.path, &pair.path),
            &pair.path,
            "sslkey: PATH has mode 0644; it must be",
        ),
        (
            client(&pair.path, &open_to_all),
            &open_to_all,
            "sslkey: PATH has mode 0640; it must be",
        ),
        (
            client(&pair.path, &empty),
            &empty,
            "sslkey: PATH must hold a private key in PEM",
        ),
        (
            client(&pair.path, &broken),
            &broken,
            "sslkey: PATH must hold a private key in PEM",
        ),
        (
            client(&pair.path, &other.key),
            &other.key,
            "sslkey is not the key of the certificate",
        ),
        (
            format!("{trust} sslcert=/c"),
            &absent,
            "sslcert and sslkey must be given both",
        ),
        (
            format!("{trust} sslkey=/k"),
            &absent,
            "sslcert and sslkey must be given both",
        ),
    ] {
        let why = why.replace("PATH", path.to_str().unwrap());
        refused(&address(1, NAME, &words), &why);
    }
}

/// The password proves both ends of one connection, whatever the server's certificate is made by.
#[test]
fn case_719_the_password_is_bound_to_the_certificate() {
    let by_password = "hostssl all bank 127.0.0.1/32 scram-sha-256";
    let opened = |root: &Path, server: &PostgresServer, binding: &str| {
        let words = format!("{} channel_binding={binding}", verified(root));
        let parameters = address(server.port(), NAME, &words).replace("user=otp", "user=bank");
        PostgresStore::open(&parameters)
    };
    for (key, digest, is_bound) in [
        ("P-256", "-sha256", true),
        ("P-256", "-sha384", true),
        ("rsa:2048", "-sha256", true),
        ("rsa:2048", "-sha384", true),
        ("rsa:2048", "-sha512", true),
        ("ed25519", "-sha256", false), // it has no hash function: there is nothing to bind to
    ] {
        let authority = Authority::with(key, digest);
        let certificate = authority.certificate(NAME);
        let server = migrated(PostgresServer::on_loopback(Some(&certificate), by_password));
        let role = format!("CREATE ROLE bank SUPERUSER LOGIN PASSWORD '{PASSWORD}'");
        admin(&server).batch_execute(&role).unwrap();
        let opened = |binding: &str| opened(&authority.root(), &server, binding);
        let said = match opened("require") {
            Ok(store) => {
                commits(&store, 1);
                String::new()
            }
            Err(error) => text(&error),
        };
        let unbound = said.contains("server did not use channel binding");
        assert_eq!(
            (said.is_empty(), unbound),
            (is_bound, !is_bound),
            "{key} {digest}: {said}"
        );
        commits(&opened("prefer").unwrap(), 2);
    }
}

/// `clientcert=verify-full` and `cert` take the name of the user from the certificate.
#[test]
fn case_719_a_server_knows_the_client_by_its_certificate() {
    let authority = Authority::new();
    let by_certificate = "hostssl all bank 127.0.0.1/32 cert";
    let certificate = authority.certificate(NAME);
    let server = migrated(PostgresServer::on_loopback(
        Some(&certificate),
        by_certificate,
    ));
    let role = "CREATE ROLE bank SUPERUSER LOGIN";
    admin(&server).batch_execute(role).unwrap();
    let trust = verified(&authority.root());
    let opened = |name: Option<&str>| {
        let client = name.map(|name| authority.certificate(name));
        let words = client.map(|client| {
            format!(
                "sslcert={} sslkey={}",
                client.path.display(),
                client.key.display()
            )
        });
        let words = format!("{trust} {}", words.unwrap_or_default());
        let parameters = address(server.port(), NAME, &words).replace("user=otp", "user=bank");
        PostgresStore::open(&parameters)
    };
    commits(&opened(Some("bank")).unwrap(), 1);
    for other in [None, Some("another")] {
        assert!(opened(other).is_err(), "{other:?}");
    }
}
