use std::{os::unix::net::UnixListener, thread};

use ::redis::{Client, Commands, Connection};
use otp_engine::{Clock, SystemClock};
use otp_engine_testkit::{
    FailingDisk, Folder, Proxy, RedisServer,
    cells::{text, version, write},
    scenarios, wait_until,
};

use super::*;

const NOW: Timestamp = Timestamp::from_unix(1_715_767_200);

fn admin(server: &RedisServer) -> Connection {
    Client::open(server.url())
        .unwrap()
        .get_connection()
        .unwrap()
}

fn run(connection: &mut Connection, line: &str) -> redis::Value {
    let mut words = line.split(' ');
    let mut command = redis::cmd(words.next().unwrap());
    for word in words {
        command.arg(word);
    }
    command.query(connection).unwrap()
}

fn until(write: Write<'static>, discard_after: Option<Timestamp>) -> Write<'static> {
    Write {
        discard_after,
        ..write
    }
}

/// Leaves two connections idle, for one call was made within another.
fn two_idle_connections(store: &RedisStore) {
    let both = store.pool.write(|_| Ok::<_, Fault>(version(store, 1)));
    both.unwrap().unwrap();
}

#[track_caller]
fn refused(opened: Result<RedisStore, OpenError>, by: &str) {
    let text = text(&opened.unwrap_err());
    assert!(text.contains(by), "{text}");
}

/// Each load is one round trip, and so is each commit but a server's first one.
#[test]
fn a_load_and_a_commit_are_one_round_trip_each() {
    let (_server, _folder, proxy, store) = behind_a_proxy();
    let before = proxy.round_trips();
    assert_eq!(store.commit(&[write(9, 0)], NOW).unwrap(), Commit::Done);
    assert_eq!(proxy.round_trips() - before, 2);
    scenarios::one_round_trip_each(&proxy, &store);
}

#[test]
fn an_operation_is_one_load_and_one_commit() {
    let (_server, _folder, proxy, store) = behind_a_proxy();
    scenarios::one_load_and_one_commit(&proxy, &store);
}

#[test]
fn what_became_of_a_lost_answer_is_unknown_and_the_next_call_tells() {
    let (_server, _folder, proxy, store) = behind_a_proxy();
    scenarios::answers_are_lost(&proxy, &store);
}

#[test]
fn a_server_that_falls_silent_is_given_up_in_time_and_taken_back() {
    let (_server, _folder, proxy, store) = behind_a_proxy();
    scenarios::everything_is_swallowed(&proxy, &store, ANSWER_TIMEOUT);
}

const ANSWER_TIMEOUT: Duration = Duration::from_secs(3);

/// Commits do not wait for the disk, which may well take longer than a test's patience.
fn behind_a_proxy() -> (RedisServer, Folder, Proxy, RedisStore) {
    let server = RedisServer::with(&["--appendonly", "no"]);
    let folder = Folder::new();
    let proxy = Proxy::new(folder.path().join("proxy"), server.socket());
    let options = RedisOptions::new()
        .may_lose_commits_on_crash()
        .answer_timeout(ANSWER_TIMEOUT);
    let store = options.open(RedisServer::url_at(proxy.socket())).unwrap();
    (server, folder, proxy, store)
}

#[test]
fn a_store_outlives_its_server() {
    let mut server = RedisServer::start();
    let store = RedisStore::open(&server.url()).unwrap();
    let leave_idle = || two_idle_connections(&store);
    scenarios::outlives_its_server(&mut server, &store, &leave_idle);
}

/// What the server says is planted by a server that says it.
#[test]
fn each_reported_error_has_its_meaning() {
    let meaning = |line: &str| {
        let folder = Folder::new();
        let socket = folder.path().join("socket");
        let (listener, line) = (UnixListener::bind(&socket).unwrap(), format!("-{line}\r\n"));
        let server = thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut request = [0; 4096];
            for answer in ["+OK\r\n+OK\r\n", &line] {
                std::io::Read::read(&mut stream, &mut request).unwrap();
                std::io::Write::write_all(&mut stream, answer.as_bytes()).unwrap();
            }
        });
        let client = Client::open(RedisServer::url_at(&socket)).unwrap();
        let mut session = Session(client.get_connection().unwrap());
        let sent = session::Sent::new(&[write(1, 0)]).unwrap();
        let told = blocking(session.commit(&Script::new(COMMIT), &sent));
        let fault = told.unwrap_err();
        server.join().unwrap();
        fault.of_commit()
    };
    for full in [
        "OOM command not allowed when used memory > 'maxmemory'.",
        "ERR Error running script (call to f_0): @user_script:16: -OOM command not allowed",
    ] {
        assert!(matches!(meaning(full), Err(Error::Full)), "{full}");
    }
    for refused in [
        "LOADING Redis is loading the dataset in memory",
        "READONLY You can't write against a read only replica.",
        "MASTERDOWN Link with MASTER is down",
        "CLUSTERDOWN The cluster is down",
        "MOVED 3999 127.0.0.1:6381",
        "MISCONF Errors writing to the AOF file: No space left on device",
        "NOREPLICAS Not enough good replicas to write.",
        "BUSY Redis is busy running a script.",
        "NOPERM this user has no permissions",
        "OTPTILL it is over",
    ] {
        let told = meaning(refused);
        assert!(
            matches!(told, Err(Error::Unavailable(Some(_)))),
            "{refused}: {told:?}"
        );
    }
    for other in [
        "ERR something else",
        "UNKILLABLE it wrote",
        "EXECABORT it failed",
    ] {
        let told = meaning(other);
        assert!(
            matches!(told, Err(Error::Unknown(Some(_)))),
            "{other}: {told:?}"
        );
    }
}

/// Scripts are not rolled back: the time of the last cell is checked before the first is written.
#[test]
fn a_cell_whose_time_is_over_stops_the_whole_commit() {
    let server = RedisServer::start();
    let store = RedisStore::open(&server.url()).unwrap();
    assert_eq!(store.commit(&[write(1, 0)], NOW).unwrap(), Commit::Done);
    let now = SystemClock::new().now().unwrap();
    let ago = now.saturating_sub(Duration::from_secs(2));
    for over in [ago, Timestamp::from_unix(0), Timestamp::from_unix(-1)] {
        let writes = [write(1, 1), write(2, 0), until(write(3, 0), Some(over))];
        let told = store.commit(&writes, NOW).unwrap_err();
        assert!(matches!(told, Error::Unavailable(_)), "{over:?}: {told:?}");
        assert!(text(&told).contains("OTPTILL"), "{told:?}");
    }
    let soon = now.saturating_add(Duration::from_secs(3_600));
    for beyond in [9_007_199_254_741, i64::MAX, i64::MIN] {
        let beyond = Some(Timestamp::from_unix(beyond));
        let told = store.commit(&[write(1, 1), until(write(2, 0), beyond)], NOW);
        assert!(
            matches!(told, Err(Error::Unsupported | Error::Unavailable(_))),
            "{told:?}"
        );
    }
    assert_eq!([1, 2, 3].map(|number| version(&store, number)), [1, 0, 0]);
    let last = Timestamp::from_unix(9_007_199_254_740);
    let writes = [
        until(write(1, 1), Some(soon)),
        until(write(2, 0), Some(last)),
    ];
    assert_eq!(store.commit(&writes, NOW).unwrap(), Commit::Done);
    let left: i64 = admin(&server)
        .pttl(session::name(&write(1, 0).key))
        .unwrap();
    assert!((1..=3_600_000).contains(&left), "{left}");
}

#[test]
fn a_server_that_may_lose_what_it_answered_is_refused() {
    let server = RedisServer::start();
    let options = RedisOptions::new;
    let lossy = options().may_lose_commits_on_crash();
    for (setting, otherwise, by, accepting) in [
        (
            "maxmemory-policy",
            "volatile-lru noeviction",
            "volatile-lru; noeviction is required",
            options().may_evict_counted_attempts(),
        ),
        (
            "appendonly",
            "no yes",
            "aof_enabled 0; 1 is required",
            lossy.clone(),
        ),
        (
            "appendfsync",
            "everysec always",
            "everysec; always is required",
            lossy.clone(),
        ),
        (
            "no-appendfsync-on-rewrite",
            "yes no",
            "rewrite yes; no is required",
            lossy,
        ),
    ] {
        let (bad, good) = otherwise.split_once(' ').unwrap();
        let mut admin = admin(&server);
        run(&mut admin, &format!("CONFIG SET {setting} {bad}"));
        refused(RedisStore::open(&server.url()), by);
        accepting.open(server.url()).unwrap();
        run(&mut admin, &format!("CONFIG SET {setting} {good}"));
        wait_until("the setting is as before", || {
            RedisStore::open(&server.url()).is_ok()
        });
    }
    run(&mut admin(&server), "REPLICAOF 127.0.0.1 1");
    let brave = options()
        .may_evict_counted_attempts()
        .may_lose_commits_on_crash();
    refused(brave.open(server.url()), "role slave; master is required");
}

/// A master that became a replica while the store was connected refuses, and nothing is lost.
#[test]
fn a_master_that_steps_down_is_unavailable() {
    let server = RedisServer::start();
    let store = RedisStore::open(&server.url()).unwrap();
    assert_eq!(store.commit(&[write(1, 0)], NOW).unwrap(), Commit::Done);
    run(&mut admin(&server), "REPLICAOF 127.0.0.1 1");
    for _ in 0..2 {
        let told = store.commit(&[write(1, 1)], NOW);
        assert!(matches!(told, Err(Error::Unavailable(_))), "{told:?}");
    }
    run(&mut admin(&server), "REPLICAOF NO ONE");
    assert_eq!(store.commit(&[write(1, 1)], NOW).unwrap(), Commit::Done);
}

#[test]
fn where_nobody_may_ask_the_caller_states_that_all_is_flushed() {
    let server = RedisServer::with(&["--rename-command", "CONFIG", ""]);
    refused(RedisStore::open(&server.url()), "set it explicitly");
    RedisOptions::new()
        .stating_appendfsync_always()
        .open(server.url())
        .unwrap();
    let server = RedisServer::with(&["--appendfsync", "everysec"]);
    let stated = RedisOptions::new()
        .stating_appendfsync_always()
        .open(server.url());
    refused(stated, "everysec; always is required");
}

/// The role that the documentation recommends can do all that the store does.
#[test]
fn a_user_with_few_rights_is_enough() {
    let server = RedisServer::start();
    let rights = "+mget +evalsha +eval +get +getrange +set +time +info +config|get";
    run(
        &mut admin(&server),
        &format!("ACL SETUSER app on nopass ~* {rights}"),
    );
    let address = format!("{}?user=app&pass=any", server.url());
    let store = RedisStore::open(&address).unwrap();
    assert_eq!(store.commit(&[write(1, 0)], NOW).unwrap(), Commit::Done);
    assert_eq!(store.commit(&[write(1, 1)], NOW).unwrap(), Commit::Done);
    assert_eq!(version(&store, 1), 2);
}

#[test]
fn a_server_whose_clock_is_more_than_30_s_off_is_refused() {
    let server = RedisServer::start();
    let mut options = RedisOptions::new();
    for (clock, is_refused) in [
        ((|| None) as fn() -> Option<Timestamp>, true),
        (|| SystemClock::new().now(), false),
    ] {
        options.clock = clock;
        assert_eq!(options.open(server.url()).is_err(), is_refused);
    }
    options.clock = || shifted(32);
    refused(options.open(server.url()), "s; at most 30 s are allowed");
    // Between the two clocks time passes, on a busy machine some seconds.
    options.clock = || shifted(-60);
    refused(options.open(server.url()), "s; at most 30 s are allowed");
    for near in [(|| shifted(5)) as fn() -> Option<Timestamp>, || {
        shifted(-28)
    }] {
        options.clock = near;
        options.open(server.url()).unwrap();
    }
}

fn shifted(seconds: i64) -> Option<Timestamp> {
    let now = SystemClock::new().now()?;
    Some(Timestamp::from_unix(now.unix() + seconds))
}

/// Case 65: a full server refuses, and keeps every counter.
#[test]
fn case_65_a_full_server_refuses_and_keeps_all() {
    let server = RedisServer::with(&["--maxmemory", "3mb"]);
    let store = RedisStore::open(&server.url()).unwrap();
    let long = vec![7; 8_000];
    let cell = |number: u32, expected| {
        let mut key = [0; 32];
        key[8..12].copy_from_slice(&number.to_be_bytes());
        Write {
            key: Key::from_bytes(key),
            body: &long,
            ..write(0, expected)
        }
    };
    let mut inserted = 0;
    let told = loop {
        match store.commit(&[cell(inserted, 0), cell(inserted + 1, 0)], NOW) {
            Ok(Commit::Done) => inserted += 2,
            other => break other,
        }
    };
    assert!(matches!(told, Err(Error::Full)), "{told:?}");
    assert!(inserted > 50, "{inserted}");
    // Its memory is just at the limit; now it is above.
    run(&mut admin(&server), "CONFIG SET maxmemory 2mb");
    let update = store.commit(&[cell(0, 1)], NOW);
    assert!(matches!(update, Err(Error::Full)), "{update:?}");
    for number in 0..inserted + 2 {
        let mut cells = Vec::new();
        store.load(&[cell(number, 0).key], &mut cells).unwrap();
        assert_eq!(cells[0].is_some(), number < inserted, "{number}");
    }
    run(&mut admin(&server), "CONFIG SET maxmemory 0");
    assert_eq!(store.commit(&[cell(0, 1)], NOW).unwrap(), Commit::Done);
}

/// Redis ends rather than answer for what it could not write: no commit is answered, and what was
/// is there afterwards.
#[test]
fn a_disk_that_fails_is_unknown_and_loses_nothing() {
    for (calls, error) in [("write", "ENOSPC"), ("fdatasync", "EIO")] {
        let mut server = RedisServer::start();
        let store = RedisStore::open(&server.url()).unwrap();
        assert_eq!(store.commit(&[write(1, 0)], NOW).unwrap(), Commit::Done);
        let file = server.append_only_file();
        assert!(file.exists());
        let disk = FailingDisk::new(server.process(), &file, calls, error);
        let told = store.commit(&[write(1, 1), write(2, 0)], NOW);
        assert!(matches!(told, Err(Error::Unknown(_))), "{calls}: {told:?}");
        server.wait_for_its_end();
        drop(disk);
        server.resume();
        let versions = (version(&store, 1), version(&store, 2));
        assert!(
            [(1, 0), (2, 1)].contains(&versions),
            "{calls}: {versions:?}"
        );
    }
}

#[test]
fn a_clock_that_moves_back_gives_nothing_back() {
    let server = RedisServer::start();
    scenarios::clock_moves_back(&RedisStore::open(&server.url()).unwrap());
}

/// All cells of a tenant are in one slot of a cluster, whatever its partition begins with.
#[test]
fn a_commit_passes_in_a_cluster() {
    let server = RedisServer::with(&["--cluster-enabled", "yes"]);
    let mut admin = admin(&server);
    run(&mut admin, "CLUSTER ADDSLOTSRANGE 0 16383");
    wait_until("the cluster is up", || {
        let info: String = redis::cmd("CLUSTER").arg("INFO").query(&mut admin).unwrap();
        info.contains("cluster_state:ok")
    });
    let store = RedisStore::open(&server.url()).unwrap();
    let mut keys = [[7; 32]; 5];
    for (number, key) in (0..).zip(&mut keys) {
        key[..8].copy_from_slice(b"}\0{\xff\n\\%-");
        key[8] = number;
    }
    let writes = keys.map(|key| Write {
        key: Key::from_bytes(key),
        ..write(0, 0)
    });
    assert_eq!(store.commit(&writes, NOW).unwrap(), Commit::Done);
    let mut cells = Vec::new();
    store.load(&keys.map(Key::from_bytes), &mut cells).unwrap();
    assert!(cells.iter().all(Option::is_some));
}

/// It would answer `MOVED` for the tenants of other nodes, for ever.
#[test]
fn case_255_a_node_of_a_cluster_that_serves_a_part_of_its_slots_is_refused() {
    // Its nodes speak to each other on a port even where its clients have none.
    let port = otp_engine_testkit::free_port().to_string();
    let server = RedisServer::with(&["--cluster-enabled", "yes", "--cluster-port", &port]);
    refused(RedisStore::open(&server.url()), "a node of a Redis Cluster");
    run(&mut admin(&server), "CLUSTER ADDSLOTSRANGE 0 8191");
    refused(RedisStore::open(&server.url()), "a node of a Redis Cluster");
    run(&mut admin(&server), "CLUSTER ADDSLOTSRANGE 8192 16383");
    RedisStore::open(&server.url()).unwrap();
}

#[test]
fn case_256_a_sentinel_is_refused() {
    let folder = Folder::new();
    let settings = folder.path().join("sentinel.conf");
    std::fs::write(&settings, "").unwrap();
    let server = RedisServer::sentinel(&settings);
    refused(RedisStore::open(&server.url()), "the server is a Sentinel");
}

/// What somebody else put there is no cell, and no error shows it.
#[test]
fn a_value_that_is_no_cell_is_an_error() {
    let server = RedisServer::start();
    let store = RedisStore::open(&server.url()).unwrap();
    let name = session::name(&write(1, 0).key);
    let () = admin(&server).set(&name, "canary-4711").unwrap();
    let told = store.load(&[write(1, 0).key], &mut Vec::new()).unwrap_err();
    assert!(matches!(told, Error::Unavailable(_)));
    assert!(
        !format!("{told:?} {}", text(&told)).contains("canary"),
        "{told:?}"
    );
    assert_eq!(store.commit(&[write(1, 0)], NOW).unwrap(), Commit::Conflict);
    // A list is no value at all to MGET, and yet in the way of a commit.
    let () = admin(&server).del(&name).unwrap();
    let () = admin(&server).lpush(&name, "canary-4711").unwrap();
    assert_eq!(version(&store, 1), 0);
    let told = store.commit(&[write(2, 0), write(1, 0)], NOW);
    assert!(matches!(told, Err(Error::Unavailable(_))), "{told:?}");
    assert_eq!(version(&store, 2), 0);
}

#[test]
fn a_handle_works_in_its_own_process_alone() {
    let server = RedisServer::start();
    let mut store = RedisStore::open(&server.url()).unwrap();
    store.pool.set_process(std::process::id() + 1); // as after a fork
    let load = store.load(&[write(1, 0).key], &mut Vec::new());
    assert!(matches!(load, Err(Error::Unavailable(_))));
    let told = store.commit(&[write(1, 0)], NOW);
    assert!(matches!(told, Err(Error::Unavailable(_))));
}

#[test]
fn a_server_that_is_not_there_is_unavailable() {
    let folder = Folder::new();
    let url = RedisServer::url_at(&folder.path().join("none"));
    refused(RedisStore::open(&url), "cannot connect to");
    refused(RedisStore::open("no address"), "invalid address");
}
