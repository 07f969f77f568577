//! Commits whose standby is gone, hosts that fall silent, and how many sessions that takes.

use otp_engine_testkit::timed;

use super::*;

pub(crate) fn set(server: &PostgresServer, standby: &str) {
    let mut admin = admin(server);
    let alter = format!("ALTER SYSTEM SET synchronous_standby_names = '{standby}'");
    admin.batch_execute(&alter).unwrap();
    admin.batch_execute("SELECT pg_reload_conf()").unwrap();
    wait_until("all sessions have the setting", || {
        let shown = self::admin(server)
            .query_one("SHOW synchronous_standby_names", &[])
            .unwrap();
        shown.get::<_, &str>(0) == standby
    });
}

pub(crate) const SESSIONS: &str = "SELECT count(*) FROM pg_stat_activity
    WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()";

/// Answers that do not come are cancelled where they hang, so that no more sessions are open than
/// the store has connections; and one connection finds out when they come again.
#[test]
fn case_222_a_standby_that_is_gone_costs_no_session_beyond_the_pool() {
    let server = migrated(&[]);
    let options = PostgresOptions::new()
        .connections(4)
        .connection_wait(Duration::from_millis(500))
        .answer_timeout(Duration::from_millis(700));
    let store = options.open(&server.url()).unwrap();
    let mut admin = admin(&server);
    set(&server, "nobody");
    let is_over = AtomicBool::new(false);
    let ((unknown, refused), spent) = timed(|| {
        thread::scope(|scope| {
            let players = (0..12_u8).map(|number| {
                let (store, is_over) = (&store, &is_over);
                scope.spawn(move || {
                    let mut told = (0, 0);
                    let mut cells = Vec::new();
                    while !is_over.load(Ordering::SeqCst) {
                        if store.load(&[write(number, 0).key], &mut cells).is_err() {
                            continue; // all connections stayed in use
                        }
                        let expected = cells[0].as_ref().map_or(0, |cell| cell.version().get());
                        match store.commit(&[write(number, expected)], NOW) {
                            Err(Error::Unknown(_)) => told.0 += 1,
                            Err(Error::Unavailable(_)) => told.1 += 1,
                            // The setting may reach a session after a commit or two.
                            Ok(Commit::Done) => {}
                            other => panic!("{other:?}"),
                        }
                        thread::sleep(Duration::from_millis(20));
                    }
                    told
                })
            });
            let players: Vec<_> = players.collect();
            let mut most = 0;
            for _ in 0..300 {
                most = most.max(admin.query_one(SESSIONS, &[]).unwrap().get::<_, i64>(0));
                thread::sleep(Duration::from_millis(10));
            }
            is_over.store(true, Ordering::SeqCst);
            assert!(most <= 4, "{most} sessions of 4 connections");
            let all = players.into_iter().map(|player| player.join().unwrap());
            all.fold((0, 0), |all, one| (all.0 + one.0, all.1 + one.1))
        })
    });
    // Four at first, four who waited for them, and then one at a time; the others are told at once.
    let one_by_one = spent.as_millis() / 700;
    let most = 8 + u32::try_from(one_by_one).unwrap();
    assert!((1..=most).contains(&unknown), "{unknown} unknown");
    assert!(refused > unknown, "{refused} refused, {unknown} unknown");
    set(&server, "");
    wait_until("commits are answered again", || {
        let expected = version(&store, 99);
        matches!(store.commit(&[write(99, expected)], NOW), Ok(Commit::Done))
    });
}

/// The warning is what tells that no standby has it; a role that hides warnings cannot hide it.
#[test]
fn case_222_a_wait_that_is_cut_short_is_unknown_to_a_role_that_hears_no_warnings() {
    let server = migrated(&[]);
    let mut admin = admin(&server);
    admin
        .batch_execute("ALTER ROLE otp SET client_min_messages = error")
        .unwrap();
    let store = PostgresStore::open(&server.url()).unwrap();
    set(&server, "nobody");
    thread::scope(|scope| {
        let commit = |version| store.commit(&[write(1, version)], NOW).err();
        let commits = scope.spawn(move || (0..).find_map(commit));
        let waiting = "FROM pg_stat_activity WHERE wait_event = 'SyncRep'";
        wait_until("a commit waits for a standby", || {
            !admin
                .query(&format!("SELECT {waiting}"), &[])
                .unwrap()
                .is_empty()
        });
        let end = format!("SELECT pg_cancel_backend(pid) {waiting}");
        admin.query(&end, &[]).unwrap();
        let told = commits.join().unwrap().unwrap();
        assert!(matches!(told, Error::Unknown(_)), "{told:?}");
    });
}

/// Of two servers that both take writes the first answers no commit: the next one is tried.
#[test]
fn case_225_the_next_host_is_tried_after_silence() {
    let (old, new) = (migrated(&[]), migrated(&[]));
    let folder = |server: &PostgresServer| server.socket().parent().unwrap().display().to_string();
    let url = PostgresServer::url_at(&format!("{},{}", folder(&old), folder(&new)));
    let options = PostgresOptions::new().answer_timeout(Duration::from_millis(700));
    let store = options
        .open(&format!("{url} target_session_attrs=read-write"))
        .unwrap();
    assert_eq!(store.commit(&[write(1, 0)], NOW).unwrap(), Commit::Done);
    two_idle_connections(&store);
    set(&old, "nobody");
    let told = (1..).find_map(|version| store.commit(&[write(1, version)], NOW).err());
    assert!(matches!(told, Some(Error::Unknown(_))), "{told:?}");
    assert_eq!(store.commit(&[write(2, 0)], NOW).unwrap(), Commit::Done);
    let there = |server: &PostgresServer| version(&PostgresStore::open(&server.url()).unwrap(), 2);
    assert_eq!((there(&old), there(&new)), (0, 1));
    assert_eq!(
        version(&store, 1),
        0,
        "an idle connection leads to the old host"
    );
}

/// A host that lets clients in and says nothing has its own time alone.
#[test]
fn case_225_a_host_that_lets_in_and_says_nothing_is_passed_over() {
    let (silent, server, folder) = (migrated(&[]), migrated(&[]), Folder::new());
    let proxy = Proxy::new(folder.path().join(PostgresServer::SOCKET), silent.socket());
    proxy.set_silent(true);
    let socket = server.socket();
    let hosts = [folder.path(), socket.parent().unwrap()];
    let hosts = hosts.map(|host| host.display().to_string()).join(",");
    let options = PostgresOptions::new().answer_timeout(Duration::from_secs(1));
    let store = options.open(&PostgresServer::url_at(&hosts)).unwrap();
    assert_eq!(store.commit(&[write(1, 0)], NOW).unwrap(), Commit::Done);
    proxy.set_silent(false);
    assert_eq!(version(&PostgresStore::open(&silent.url()).unwrap(), 1), 0);
}

#[test]
fn case_231_a_standby_that_has_not_flushed_is_not_taken_for_durable() {
    let server = migrated(&[]);
    let url = format!(
        "{} options='-c synchronous_commit=remote_write'",
        server.url()
    );
    refused(PostgresStore::open(&url), "synchronous_commit=remote_write");
    let url = url.replace("remote_write", "remote_apply");
    PostgresStore::open(&url).unwrap();
}
