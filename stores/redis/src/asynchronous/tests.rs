use std::sync::Arc;

use ::redis::{Client, cmd};
use otp_engine::Store;
use otp_engine_testkit::{
    Folder, Proxy, RedisServer,
    cells::{text, version, write},
    scenarios::{self, Bridged, Tasks, bridge},
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

fn run(server: &RedisServer, line: &str) -> redis::Value {
    let mut connection = Client::open(server.url())
        .unwrap()
        .get_connection()
        .unwrap();
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

const ANSWER_TIMEOUT: Duration = Duration::from_secs(2);

#[test]
fn an_operation_is_one_load_and_one_commit_of_one_round_trip_each() {
    let runtime = scenarios::runtime();
    let patient = Duration::from_secs(60);
    let (_server, _folder, proxy, store) = behind_a_proxy(&runtime, patient);
    scenarios::one_load_and_one_commit(&proxy, &store);
}

#[test]
fn what_became_of_a_lost_answer_is_unknown_and_the_next_call_tells() {
    let runtime = scenarios::runtime();
    let (_server, _folder, proxy, store) = behind_a_proxy(&runtime, ANSWER_TIMEOUT);
    scenarios::answers_are_lost(&proxy, &store);
    assert_eq!(store.store().pool.free_permits(), 8);
}

#[test]
fn a_server_that_falls_silent_is_given_up_in_time_and_taken_back() {
    let runtime = scenarios::runtime();
    let (_server, _folder, proxy, store) = behind_a_proxy(&runtime, ANSWER_TIMEOUT);
    scenarios::everything_is_swallowed(&proxy, &store, ANSWER_TIMEOUT);
    assert_eq!(store.store().pool.free_permits(), 8);
}

/// Guesses, of whose futures about half are dropped; then the server is killed too.
#[test]
fn case_56_whatever_is_dropped_a_code_is_accepted_once_and_compared_so_often() {
    let (runtime, connections) = (scenarios::runtime(), 6);
    let mut server = RedisServer::start();
    let options = RedisOptions::new().connections(connections);
    let open = || runtime.block_on(options.open_async(server.url())).unwrap();
    let stores = Arc::new(vec![open(), open()]);
    let storm = Tasks {
        runtime: &runtime,
        stores: &stores,
        drops: true,
    };
    let judged = storm.rage(18, None);
    judged.acquitted();
    assert!(judged.unanswered > 0, "{judged:?}");
    let (heard, dropped) = storm.hear_their_own(6);
    assert!(heard > 0 && dropped > 0, "{heard} {dropped}");
    all_places_are_left(&runtime, &stores, connections);
    // Connections of dropped futures are closed.
    wait_until("the server has no more clients than the stores", || {
        let redis::Value::BulkString(all) = run(&server, "CLIENT LIST TYPE normal") else {
            return false;
        };
        let others = String::from_utf8(all).unwrap().lines().count() - 1;
        others <= stores.len() * connections
    });

    storm.rage(12, Some((&mut server, 2))).acquitted();
    all_places_are_left(&runtime, &stores, connections);
}

/// Shows that so many calls have a connection at the same time.
fn all_places_are_left(runtime: &Runtime, stores: &Arc<Vec<AsyncRedisStore>>, connections: usize) {
    for at in 0..stores.len() {
        // After a kill idle connections are found to be cut.
        let checked = runtime.block_on(stores[at].load(&[write(1, 0).key]));
        checked.unwrap();
        assert_eq!(stores[at].pool.free_permits(), connections);
        let all = Arc::new(Barrier::new(connections));
        let calls: Vec<_> = (0..connections)
            .map(|_| {
                let (stores, all) = (Arc::clone(stores), Arc::clone(&all));
                runtime.spawn(async move {
                    let meet = async |session: &mut Line| {
                        all.wait().await;
                        session.load(&[write(1, 0).key]).await
                    };
                    stores[at].pool.write(meet).await
                })
            })
            .collect();
        for call in calls {
            // One that was cut while it was idle is a fault, and yet had its place.
            drop(runtime.block_on(call).unwrap().unwrap());
        }
        assert_eq!(stores[at].pool.free_permits(), connections);
    }
}

#[test]
fn a_store_outlives_its_server_and_its_runtime() {
    let runtime = scenarios::runtime();
    let mut server = RedisServer::start();
    let store = open(&runtime, &RedisOptions::new(), &server.url()).unwrap();
    assert_eq!(store.commit(&[write(1, 0)], NOW).unwrap(), Commit::Done);
    server.kill();
    let load = store.load(&[write(1, 0).key], &mut Vec::new());
    assert!(matches!(load, Err(Error::Unavailable(Some(_)))), "{load:?}");
    let commit = store.commit(&[write(1, 1)], NOW);
    assert!(matches!(commit, Err(Error::Unavailable(_))), "{commit:?}");
    server.resume();
    assert_eq!(version(&store, 1), 1);
    // The server has forgotten the script, and is told it again.
    assert_eq!(store.commit(&[write(1, 1)], NOW).unwrap(), Commit::Done);
    server.stop();
    server.resume();
    let commit = store.commit(&[write(1, 2)], NOW);
    assert!(matches!(commit, Err(Error::Unknown(_))), "{commit:?}");
    assert_eq!(store.commit(&[write(1, 2)], NOW).unwrap(), Commit::Done);

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
        run(&server, &format!("CONFIG SET {bad}"));
        refused(&server.url(), by);
        drop(store.store().pool.take_idle());
        let told = store.commit(&[write(1, 0)], NOW).unwrap_err();
        assert!(matches!(told, Error::Unavailable(_)), "{told:?}");
        assert!(text(&told).contains(by), "{told:?}");
        let (name, _) = bad.split_once(' ').unwrap();
        run(&server, &format!("CONFIG SET {name} {good}"));
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
