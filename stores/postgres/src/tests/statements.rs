//! What the statements do whatever the statistics say, and what they leave in the server's log.

use super::*;
use crate::statements::{PURGE, in_schema};

fn expire(admin: &mut Client, count: u32) {
    let insert = format!(
        "INSERT INTO otp_engine.otp_cell
             SELECT sha256(('expired ' || n)::bytea), 1, n, '' FROM generate_series(1, {count}) AS n"
    );
    admin.batch_execute(&insert).unwrap();
}

/// A join may run a subquery once for each row of the table; an array runs it once.
#[test]
fn case_223_a_purge_drops_no_more_than_its_limit_whatever_the_statistics_say() {
    let server = migrated(&["autovacuum=off"]);
    let mut admin = admin(&server);
    let mut dropped_by = |purge: &mut dyn FnMut(&mut Client) -> u64| {
        admin
            .batch_execute("DELETE FROM otp_engine.otp_cell")
            .unwrap();
        expire(&mut admin, 1);
        admin
            .batch_execute("VACUUM ANALYZE otp_engine.otp_cell")
            .unwrap();
        admin
            .batch_execute("DELETE FROM otp_engine.otp_cell")
            .unwrap();
        expire(&mut admin, 7);
        purge(&mut admin)
    };
    let joined = "DELETE FROM otp_engine.otp_cell WHERE k IN (SELECT k FROM otp_engine.otp_cell
        WHERE discard_after < 100 LIMIT 2 FOR UPDATE SKIP LOCKED)";
    let by_join = dropped_by(&mut |admin| admin.execute(joined, &[]).unwrap());
    assert_eq!(
        by_join, 7,
        "the statistics are not those that mislead a join"
    );
    let store = PostgresStore::open(&server.url()).unwrap();
    let purge = |limit| store.purge(Timestamp::from_unix(100), limit).unwrap();
    assert_eq!(dropped_by(&mut |_| purge(2) as u64), 2);
    assert_eq!((purge(4), purge(4), purge(4)), (4, 1, 0));
}

/// By index to the rows that are due, and by place to them again: no pass over the table.
#[test]
fn case_224_a_purge_has_one_plan_whatever_the_statistics_say() {
    let server = migrated(&["autovacuum=off"]);
    let mut admin = admin(&server);
    let lasting = "INSERT INTO otp_engine.otp_cell
        SELECT sha256(n::text::bytea), 1, NULL, '' FROM generate_series(1, 20000) AS n";
    admin.batch_execute(lasting).unwrap();
    for analyze in [
        "ANALYZE otp_engine.otp_cell",
        "",
        "ANALYZE otp_engine.otp_cell",
    ] {
        admin.batch_execute(analyze).unwrap();
        let purge = in_schema(PURGE, "otp_engine");
        admin
            .batch_execute(&format!("PREPARE it AS {purge}"))
            .unwrap();
        for mode in ["force_custom_plan", "force_generic_plan"] {
            let mode = format!("SET plan_cache_mode = {mode}");
            admin.batch_execute(&mode).unwrap();
            let explain = "EXPLAIN (COSTS OFF) EXECUTE it (1000000, 500)";
            let rows = admin.query(explain, &[]).unwrap();
            let plan: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
            let plan = plan.join("\n");
            assert!(
                plan.contains("Tid Scan") && plan.contains("Index Scan using otp_cell_broom"),
                "{plan}"
            );
            assert!(!plan.contains("Seq Scan"), "{plan}");
        }
        admin.batch_execute("DEALLOCATE it").unwrap();
        if analyze.is_empty() {
            continue;
        }
        admin
            .batch_execute("DELETE FROM otp_engine.otp_cell WHERE discard_after IS NOT NULL")
            .unwrap();
        expire(&mut admin, 20_000); // which the statistics know nothing of
    }
}

/// A cell whose end is moved while a purge has found it stays.
#[test]
fn case_223_a_cell_that_is_written_amid_a_purge_stays() {
    let server = migrated(&[]);
    let mut foreign = admin(&server);
    expire(&mut foreign, 3);
    let store = PostgresStore::open(&server.url()).unwrap();
    let mut transaction = foreign.transaction().unwrap();
    let later = "UPDATE otp_engine.otp_cell SET discard_after = 1000, version = version + 1
        WHERE discard_after = 2";
    transaction.execute(later, &[]).unwrap();
    assert_eq!(store.purge(Timestamp::from_unix(100), 9).unwrap(), 2); // it waits for nobody
    transaction.commit().unwrap();
    assert_eq!(store.purge(Timestamp::from_unix(100), 9).unwrap(), 0);
}

/// Whoever loses a race hears of it, and the server's log does not.
#[test]
fn case_221_lost_races_leave_no_line_in_the_servers_log() {
    let server = migrated(&[]);
    let store = PostgresOptions::new()
        .connections(8)
        .may_lose_commits_on_crash()
        .open(&server.url())
        .unwrap();
    for number in 0..4 {
        assert_eq!(
            store.commit(&[write(number, 0)], NOW).unwrap(),
            Commit::Done
        );
    }
    let lost: u32 = thread::scope(|scope| {
        let players = (0..8).map(|_| {
            scope.spawn(|| {
                let mut lost = 0;
                for _ in 0..25 {
                    let hot = [0, 1, 2, 3].map(|number| write(number, version(&store, number)));
                    let told = store.commit(&hot, NOW).unwrap();
                    lost += u32::from(told == Commit::Conflict);
                }
                lost
            })
        });
        let players: Vec<_> = players.collect();
        players
            .into_iter()
            .map(|player| player.join().unwrap())
            .sum()
    });
    assert!(lost > 20, "{lost} lost races");
    let log = server.log();
    assert!(!log.contains("ERROR") && !log.contains("WARNING"), "{log}");
    assert_eq!(u64::from(200 - lost) + 1, version(&store, 0));
}

/// Two that insert one row cannot see each other before: the second undoes all that it did.
#[test]
fn case_221_the_race_of_two_inserts_is_a_conflict_that_leaves_nothing() {
    let server = migrated(&[]);
    let store = PostgresStore::open(&server.url()).unwrap();
    let mut foreign = admin(&server);
    let mut transaction = foreign.transaction().unwrap();
    let insert = "INSERT INTO otp_engine.otp_cell VALUES ($1, 1, 9, '')";
    transaction.execute(insert, &[&&[2_u8; 32][..]]).unwrap();
    thread::scope(|scope| {
        let told = scope.spawn(|| store.commit(&[write(1, 0), write(2, 0)], NOW));
        let mut admin = admin(&server);
        wait_until("the commit waits for the other insert", || {
            let waits = "SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock'";
            !admin.query(waits, &[]).unwrap().is_empty()
        });
        transaction.commit().unwrap();
        assert_eq!(told.join().unwrap().unwrap(), Commit::Conflict);
    });
    assert_eq!((version(&store, 1), version(&store, 2)), (0, 1));
}
