use std::sync::Arc;

use ::postgres::{Client, NoTls};
use otp_engine::Store;
use otp_engine_testkit::{
    Folder, Pooler, PostgresServer, Proxy, asynchronous_proxy_tests,
    cells::{text, version, write},
    scenarios::{self, Bridged, bridge},
    wait_until,
};
use otp_store_tests::Options;
use tokio::{runtime::Runtime, sync::Barrier};

use super::*;
use crate::{
    fault::Fault,
    tests::standby::{SESSIONS, set},
};

const NOW: Timestamp = Timestamp::from_unix(1_715_767_200);

fn migrated(runtime: &Runtime) -> PostgresServer {
    let server = PostgresServer::start();
    let migrated = runtime.block_on(AsyncPostgresStore::migrate(&server.url()));
    migrated.unwrap();
    server
}

fn open(
    runtime: &Runtime,
    options: &PostgresOptions,
    url: &str,
) -> Result<Bridged<AsyncPostgresStore>, OpenError> {
    let store = runtime.block_on(options.open_async(url))?;
    Ok(bridge(runtime, store))
}

/// Commits do not wait for the disk, which may well take longer than a test's patience.
fn behind_a_proxy(
    runtime: &Runtime,
    answer_timeout: Duration,
) -> (PostgresServer, Folder, Proxy, Bridged<AsyncPostgresStore>) {
    let (server, folder) = (migrated(runtime), Folder::new());
    let proxy = Proxy::new(folder.path().join(PostgresServer::SOCKET), server.socket());
    let url = PostgresServer::url_at(folder.path().to_str().unwrap());
    let options = PostgresOptions::new()
        .may_lose_commits_on_crash()
        .answer_timeout(answer_timeout);
    let store = open(runtime, &options, &url).unwrap();
    (server, folder, proxy, store)
}

asynchronous_proxy_tests!(behind_a_proxy);

/// Guesses, of whose futures about half are dropped; then the server is killed too.
#[test]
fn case_56_whatever_is_dropped_a_code_is_accepted_once_and_compared_so_often() {
    let (runtime, connections) = (scenarios::runtime(), 6);
    let mut server = migrated(&runtime);
    let options = PostgresOptions::new().connections(connections);
    let open = || runtime.block_on(options.open_async(&server.url())).unwrap();
    let stores = Arc::new(vec![open(), open()]);
    let places_are_left = || {
        for at in 0..stores.len() {
            let call = |all: Arc<Barrier>| {
                let stores = Arc::clone(&stores);
                async move {
                    let meet = async |session: &mut Session| {
                        all.wait().await;
                        session.load(&[write(1, 0).key]).await
                    };
                    // One that was cut while it was idle is a fault, and yet had its place.
                    drop(stores[at].pool.write(meet).await.unwrap());
                }
            };
            let free = || stores[at].pool.free_permits();
            scenarios::all_places_are_left(&runtime, connections, free, call);
        }
    };
    let url = server.url();
    let sessions_end = || {
        let mut admin = Client::connect(&url, NoTls).unwrap();
        let others = "SELECT count(*) FROM pg_stat_activity
                      WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()";
        wait_until("the server has no more sessions than the stores", || {
            let sessions: i64 = admin.query_one(others, &[]).unwrap().get(0);
            usize::try_from(sessions).unwrap() <= stores.len() * connections
        });
    };
    scenarios::futures_are_dropped(
        &runtime,
        &stores,
        &mut server,
        &places_are_left,
        &sessions_end,
    );
}

#[test]
fn a_store_outlives_its_server() {
    let runtime = scenarios::runtime();
    let mut server = migrated(&runtime);
    let store = open(&runtime, &PostgresOptions::new(), &server.url()).unwrap();
    scenarios::outlives_its_server(&mut server, &store, &|| ());
}

/// A runtime takes its connections with it, and they are replaced on the next one.
#[test]
fn a_store_outlives_its_runtime() {
    let runtime = scenarios::runtime();
    let server = migrated(&runtime);
    let opened = runtime.block_on(AsyncPostgresStore::open(&server.url()));
    drop(runtime);
    let runtime = scenarios::runtime();
    let store = bridge(&runtime, opened.unwrap());
    assert_eq!(version(&store, 1), 0);
    assert_eq!(store.commit(&[write(1, 0)], NOW).unwrap(), Commit::Done);
}

#[test]
fn each_connection_is_checked_as_those_of_the_store_that_blocks() {
    let runtime = scenarios::runtime();
    let server = migrated(&runtime);
    let options = PostgresOptions::new;
    let refused = |options: &PostgresOptions, url: &str, by: &str| {
        let text = text(&open(&runtime, options, url).unwrap_err());
        assert!(text.contains(by), "{text}");
    };
    refused(&options(), "no parameters", "invalid connection parameters");
    refused(
        &options().schema("other"),
        &server.url(),
        "otp_cell not found",
    );
    refused(&options().schema("a-b"), &server.url(), "schema's name");
    let off = format!("{} options='-c synchronous_commit=off'", server.url());
    refused(&options(), &off, "synchronous_commit=off");
    let soon = options().may_lose_commits_on_crash();
    let soon = open(&runtime, &soon, &off).unwrap();
    assert_eq!(soon.class(), Class::Expiring);
    let for_ever = Write {
        discard_after: None,
        ..write(1, 0)
    };
    let told = soon.commit(&[for_ever], NOW);
    assert!(matches!(told, Err(Error::Unsupported)), "{told:?}");

    let store = open(&runtime, &options(), &server.url()).unwrap();
    assert_eq!(version(&store, 1), 0);
    let mut admin = Client::connect(&server.url(), NoTls).unwrap();
    let disable = "ALTER TABLE otp_engine.otp_cell DISABLE TRIGGER ALL";
    admin.batch_execute(disable).unwrap();
    drop(store.store().pool.take_idle());
    let told = store.commit(&[write(1, 0)], NOW).unwrap_err();
    assert!(matches!(told, Error::Unavailable(_)), "{told:?}");
    assert!(text(&told).contains("triggers"), "{told:?}");
}

#[test]
fn waiting_for_a_cell_or_a_connection_ends_in_time() {
    let runtime = scenarios::runtime();
    let server = migrated(&runtime);
    let brief = Duration::from_millis(20);
    let options = PostgresOptions::new().connections(1).connection_wait(brief);
    let store = open(&runtime, &options.lock_timeout(brief), &server.url()).unwrap();
    assert_eq!(store.commit(&[write(1, 0)], NOW).unwrap(), Commit::Done);
    let mut foreign = Client::connect(&server.url(), NoTls).unwrap();
    let mut transaction = foreign.transaction().unwrap();
    transaction
        .execute("SELECT FROM otp_engine.otp_cell FOR UPDATE", &[])
        .unwrap();
    let told = store.commit(&[write(1, 1)], NOW).unwrap_err();
    assert!(matches!(told, Error::Unavailable(_)));
    assert!(text(&told).contains("55P03"), "{told:?}");
    transaction.rollback().unwrap();

    let store = store.store();
    let within = async |_: &mut Session| {
        Ok::<_, Fault>(AsyncStore::commit(store, &[write(1, 1)], NOW).await)
    };
    let told = runtime.block_on(store.pool.write(within)).unwrap().unwrap();
    assert!(text(&told.unwrap_err()).contains("stayed in use"));
    assert_eq!(store.pool.free_permits(), 1);
}

#[test]
fn a_handle_works_in_its_own_process_alone() {
    let runtime = scenarios::runtime();
    let server = migrated(&runtime);
    let mut store = runtime
        .block_on(AsyncPostgresStore::open(&server.url()))
        .unwrap();
    store.pool.set_process(std::process::id() + 1); // as after a fork
    let store = bridge(&runtime, store);
    let load = store.load(&[write(1, 0).key], &mut Vec::new());
    assert!(matches!(load, Err(Error::Unavailable(_))));
    let told = store.commit(&[write(1, 0)], NOW);
    assert!(matches!(told, Err(Error::Unavailable(_))));
    assert!(matches!(store.purge(NOW, 1), Err(Error::Unavailable(_))));
}

/// Whoever drops a call leaves no session waiting at the server.
#[test]
fn case_222_calls_that_are_dropped_while_a_standby_is_gone_cost_no_session() {
    let runtime = scenarios::runtime();
    let server = migrated(&runtime);
    let options = PostgresOptions::new().connections(3);
    let store = runtime.block_on(options.open_async(&server.url())).unwrap();
    let mut admin = Client::connect(&server.url(), NoTls).unwrap();
    set(&server, "nobody");
    let mut most = 0;
    for number in 0..30 {
        let commit = async {
            let writes = [write(number, 0)];
            let commit = AsyncStore::commit(&store, &writes, NOW);
            tokio::time::timeout(Duration::from_millis(60), commit)
                .await
                .is_err()
        };
        let is_dropped = runtime.block_on(commit);
        assert!(is_dropped || number < 3, "the setting is there by now");
        most = most.max(admin.query_one(SESSIONS, &[]).unwrap().get::<_, i64>(0));
    }
    // One may be ending while the next one begins.
    assert!(most <= 4, "{most} sessions of 3 connections");
    wait_until("each place is free", || store.pool.free_permits() == 3);
    set(&server, "");
    let store = bridge(&runtime, store);
    assert_eq!(store.commit(&[write(99, 0)], NOW).unwrap(), Commit::Done);
}

/// The answer comes too late from a server whose standby is gone: unknown, and then refused at
/// once by all but one.
#[test]
fn case_222_an_overdue_commit_is_unknown_and_leaves_its_session_in_use() {
    let runtime = scenarios::runtime();
    let server = migrated(&runtime);
    let options = PostgresOptions::new()
        .connections(1)
        .answer_timeout(Duration::from_millis(500));
    let store = open(&runtime, &options, &server.url()).unwrap();
    let mut admin = Client::connect(&server.url(), NoTls).unwrap();
    let mut process = || -> i32 {
        let other = "SELECT pid FROM pg_stat_activity
            WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()";
        admin.query_one(other, &[]).unwrap().get(0)
    };
    let before = process();
    set(&server, "nobody");
    let told = (0..).find_map(|version| store.commit(&[write(1, version)], NOW).err());
    assert!(matches!(told, Some(Error::Unknown(_))), "{told:?}");
    assert_eq!(process(), before);
    set(&server, "");
    assert_eq!(store.commit(&[write(2, 0)], NOW).unwrap(), Commit::Done);
}

#[test]
fn case_220_the_suite_passes_behind_a_pooler() {
    let runtime = scenarios::runtime();
    let server = migrated(&runtime);
    let pooler = Pooler::new(&server, "transaction", 4);
    let make = || {
        let store = open(&runtime, &PostgresOptions::new(), &pooler.url());
        Box::new(store.unwrap()) as Box<dyn Store>
    };
    let report = otp_store_tests::check(&make, &Options::new().slots(12).cells(40));
    assert!(report.passed(), "{report}");
}
