use std::sync::Arc;

use ::redis::{Client, cmd};
use otp_engine::Store;
use otp_engine_testkit::{
    Folder, Proxy, RedisServer, asynchronous_proxy_tests,
    cells::{text, version, write},
    scenarios::{self, Bridged, bridge},
    wait_until,
};
use tokio::{runtime::Runtime, sync::Barrier};

use super::*;

const NOW: Timestamp = Timestamp::from_unix(1_715_767_200);

fn open(
    runtime: &Runtime,
    options: &RedisOptions,
    url: &str,
) -> Result<Bridged<AsyncRedisStore>, OpenError> {
    let store = runtime.block_on(options.open_async(url))?;
    Ok(bridge(runtime, store))
}

fn run(url: &str, line: &str) -> redis::Value {
    let mut connection = Client::open(url).unwrap().get_connection().unwrap();
    let mut words = line.split(' ');
    let mut command = cmd(words.next().unwrap());
    for word in words {
        command.arg(word);
    }
    command.query(&mut connection).unwrap()
}

/// Commits do not wait for the disk, which may well take longer than a test's patience.
fn behind_a_proxy(
    runtime: &Runtime,
    answer_timeout: Duration,
) -> (RedisServer, Folder, Proxy, Bridged<AsyncRedisStore>) {
    let server = RedisServer::with(&["--appendonly", "no"]);
    let folder = Folder::new();
    let proxy = Proxy::new(folder.path().join("proxy"), server.socket());
    let options = RedisOptions::new()
        .may_lose_commits_on_crash()
        .answer_timeout(answer_timeout);
    let url = RedisServer::url_at(proxy.socket());
    let store = open(runtime, &options, &url).unwrap();
    (server, folder, proxy, store)
}

asynchronous_proxy_tests!(behind_a_proxy);

/// Guesses, of whose futures about half are dropped; then the server is killed too.
#[test]
fn case_56_whatever_is_dropped_a_code_is_accepted_once_and_compared_so_often() {
    let (runtime, connections) = (scenarios::runtime(), 6);
    let mut server = RedisServer::start();
    let options = RedisOptions::new().connections(connections);
    let open = || runtime.block_on(options.open_async(server.url())).unwrap();
    let stores = Arc::new(vec![open(), open()]);
    let places_are_left = || {
        for at in 0..stores.len() {
            // After a kill idle connections are found to be cut; the place of a dropped call is free at once.
            let checked = runtime.block_on(stores[at].load(&[write(1, 0).key]));
            checked.unwrap();
            assert_eq!(stores[at].pool.free_permits(), connections);
            let call = |all: Arc<Barrier>| {
                let stores = Arc::clone(&stores);
                async move {
                    let meet = async |session: &mut Line| {
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
        wait_until("the server has no more clients than the stores", || {
            let redis::Value::BulkString(all) = run(&url, "CLIENT LIST TYPE normal") else {
                return false;
            };
            let others = String::from_utf8(all).unwrap().lines().count() - 1;
            others <= stores.len() * connections
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
fn a_store_outlives_its_server_and_its_runtime() {
    let runtime = scenarios::runtime();
    let mut server = RedisServer::start();
    let store = open(&runtime, &RedisOptions::new(), &server.url()).unwrap();
    scenarios::outlives_its_server(&mut server, &store, &|| ());

    let opened = runtime.block_on(AsyncRedisStore::open(&server.url()));
    drop((store, runtime));
    let runtime = scenarios::runtime();
    let store = bridge(&runtime, opened.unwrap());
    assert_eq!(version(&store, 1), 3);
    assert_eq!(store.commit(&[write(1, 3)], NOW).unwrap(), Commit::Done);
}

#[test]
fn each_connection_is_checked_as_those_of_the_store_that_blocks() {
    let runtime = scenarios::runtime();
    let server = RedisServer::start();
    let refused = |url: &str, by: &str| {
        let text = text(&open(&runtime, &RedisOptions::new(), url).unwrap_err());
        assert!(text.contains(by), "{text}");
    };
    refused("no address", "invalid address");
    let none = Folder::new();
    let nobody = RedisServer::url_at(&none.path().join("none"));
    refused(&nobody, "cannot connect to");
    let store = open(&runtime, &RedisOptions::new(), &server.url()).unwrap();
    for (bad, good, by) in [
        (
            "maxmemory-policy volatile-lru",
            "noeviction",
            "volatile-lru; noeviction is required",
        ),
        (
            "appendfsync everysec",
            "always",
            "everysec; always is required",
        ),
    ] {
        run(&server.url(), &format!("CONFIG SET {bad}"));
        refused(&server.url(), by);
        drop(store.store().pool.take_idle());
        let told = store.commit(&[write(1, 0)], NOW).unwrap_err();
        assert!(matches!(told, Error::Unavailable(_)), "{told:?}");
        assert!(text(&told).contains(by), "{told:?}");
        let (name, _) = bad.split_once(' ').unwrap();
        run(&server.url(), &format!("CONFIG SET {name} {good}"));
    }
    let for_ever = Write {
        discard_after: None,
        ..write(1, 0)
    };
    let told = store.commit(&[write(2, 0), for_ever], NOW);
    assert!(matches!(told, Err(Error::Unsupported)), "{told:?}");
    assert_eq!((version(&store, 1), version(&store, 2)), (0, 0));
}

#[test]
fn waiting_for_a_connection_ends_in_time() {
    let runtime = scenarios::runtime();
    let server = RedisServer::start();
    let brief = Duration::from_millis(20);
    let options = RedisOptions::new().connections(1).connection_wait(brief);
    let store = runtime.block_on(options.open_async(server.url())).unwrap();
    let within =
        async |_: &mut Line| Ok::<_, Fault>(AsyncStore::commit(&store, &[write(1, 0)], NOW).await);
    let told = runtime.block_on(store.pool.write(within)).unwrap().unwrap();
    assert!(text(&told.unwrap_err()).contains("stayed in use"));
    assert_eq!(store.pool.free_permits(), 1);
}

#[test]
fn a_handle_works_in_its_own_process_alone() {
    let runtime = scenarios::runtime();
    let server = RedisServer::start();
    let mut store = runtime
        .block_on(AsyncRedisStore::open(&server.url()))
        .unwrap();
    store.pool.set_process(std::process::id() + 1); // as after a fork
    let store = bridge(&runtime, store);
    let load = store.load(&[write(1, 0).key], &mut Vec::new());
    assert!(matches!(load, Err(Error::Unavailable(_))));
    let told = store.commit(&[write(1, 0)], NOW);
    assert!(matches!(told, Err(Error::Unavailable(_))));
}
