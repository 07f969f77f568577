//! Behind PgBouncer: sessions that are shared with whoever comes.

use core::sync::atomic::AtomicU32;

use otp_engine_testkit::Pooler;

use super::*;

/// What a client does to a session that the next one gets.
const MESS: &str = "SET synchronous_commit = off; SET client_min_messages = error;
    SET default_transaction_isolation = serializable; SET default_transaction_read_only = on;
    SET lock_timeout = 1; SET statement_timeout = 50; SET search_path = mess;
    SET idle_in_transaction_session_timeout = 50";

fn open(url: &str, schema: &str) -> PostgresStore {
    let options = PostgresOptions::new().schema(schema).connections(4);
    options.open(url).unwrap()
}

fn two_schemas(server: &PostgresServer) {
    for schema in ["one", "two"] {
        let options = PostgresOptions::new().schema(schema);
        options.migrate(&server.url()).unwrap();
    }
    let watch = "
        CREATE TABLE public.seen (durable text, isolation text, place text);
        CREATE FUNCTION public.see() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
            INSERT INTO public.seen VALUES (current_setting('synchronous_commit'),
                current_setting('transaction_isolation'), TG_TABLE_SCHEMA);
            RETURN NULL;
        END $$;
        -- What a session that looks for names without a schema would find.
        CREATE SCHEMA mess;
        CREATE TABLE mess.otp_cell (LIKE one.otp_cell INCLUDING ALL)";
    admin(server).batch_execute(watch).unwrap();
    for schema in ["one", "two"] {
        let watch = format!(
            "CREATE TRIGGER see AFTER INSERT OR UPDATE ON {schema}.otp_cell
                 FOR EACH ROW EXECUTE FUNCTION public.see()"
        );
        admin(server).batch_execute(&watch).unwrap();
    }
}

/// Counts rows that are so.
fn count(client: &mut Client, rows: &str) -> i64 {
    let messages = client.simple_query(&format!("SELECT count(*) FROM {rows}"));
    let messages = messages.unwrap();
    let row = messages.iter().find_map(|message| match message {
        ::postgres::SimpleQueryMessage::Row(row) => row.get(0),
        _ => None,
    });
    row.unwrap().parse().unwrap()
}

/// Each of two stores finds its own cells, durably, on sessions that others left in any state.
#[test]
fn case_220_two_schemas_share_the_sessions_of_a_pooler() {
    let server = migrated(&[]);
    two_schemas(&server);
    let pooler = Pooler::new(&server, "transaction", 3);
    let stores = [open(&pooler.url(), "one"), open(&pooler.url(), "two")];
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        let messing = scope.spawn(|| {
            let mut client = Client::connect(&pooler.url(), NoTls).unwrap();
            while !is_over.load(Ordering::SeqCst) {
                client.batch_execute(MESS).ok(); // refused where it is there already
                client
                    .batch_execute("SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY")
                    .ok();
            }
        });
        let writers = (0..8_u8).map(|writer| {
            let store = &stores[usize::from(writer) % 2];
            scope.spawn(move || {
                for expected in 0..12 {
                    let told = store.commit(&[write(writer, expected)], NOW);
                    assert_eq!(told.unwrap(), Commit::Done);
                    assert_eq!(version(store, writer), expected + 1);
                }
            })
        });
        for writer in writers.collect::<Vec<_>>() {
            writer.join().unwrap();
        }
        is_over.store(true, Ordering::SeqCst);
        messing.join().unwrap();
    });
    let mut admin = admin(&server);
    for (schema, other) in [("one", 1_u8), ("two", 0)] {
        assert_eq!(count(&mut admin, &format!("{schema}.otp_cell")), 4);
        let store = &stores[usize::from(schema == "two")];
        assert_eq!(version(store, other), 0, "a cell of the other store");
        let made = format!(
            "public.seen WHERE place = '{schema}' AND durable = 'on'
                AND isolation = 'read committed'"
        );
        assert_eq!(count(&mut admin, &made), 48);
    }
    assert_eq!(count(&mut admin, "public.seen"), 96);
    assert_eq!(count(&mut admin, "mess.otp_cell"), 0);
    assert_eq!(
        stores[0].purge(Timestamp::from_unix(i64::MAX), 3).unwrap(),
        3
    );
}

/// A client that comes after the store finds the session as its owner made it.
#[test]
fn case_220_a_store_leaves_nothing_on_a_poolers_session() {
    let server = migrated(&[]);
    for mode in ["transaction", "session"] {
        let pooler = Pooler::new(&server, mode, 1);
        let mut options = PostgresOptions::new().connections(1);
        options = options.answer_timeout(Duration::from_secs(60));
        let shown = || {
            let mut client = Client::connect(&pooler.url(), NoTls).unwrap();
            let names = "name IN ('synchronous_commit', 'client_min_messages', 'search_path',
                'lock_timeout', 'statement_timeout', 'default_transaction_isolation',
                'default_transaction_read_only', 'idle_in_transaction_session_timeout')";
            let changed = format!("pg_settings WHERE {names} AND setting <> reset_val");
            let prepared = count(&mut client, "pg_prepared_statements");
            (count(&mut client, &changed), prepared)
        };
        assert_eq!(shown(), (0, 0));
        let store = options.open(&pooler.url()).unwrap();
        let key = u8::from(mode == "session");
        assert_eq!(store.commit(&[write(key, 0)], NOW).unwrap(), Commit::Done);
        assert_eq!(
            store.commit(&[write(key, 0)], NOW).unwrap(),
            Commit::Conflict
        );
        assert_eq!(version(&store, key), 1);
        store.purge(NOW, 1).unwrap();
        if mode == "session" {
            drop(store); // it has the one session to itself
        }
        assert_eq!(shown(), (0, 0), "{mode}");
    }
}

#[test]
fn case_220_a_pooler_without_transactions_is_refused_with_the_reason() {
    let server = migrated(&[]);
    let pooler = Pooler::new(&server, "statement", 2);
    refused(
        PostgresStore::open(&pooler.url()),
        "session or transaction mode",
    );
}

/// A store knows whether its session is its own; only then it prepares statements on it.
#[test]
fn case_220_a_session_is_proved_to_be_the_stores_own() {
    let server = migrated(&[]);
    let pooler = Pooler::new(&server, "session", 2);
    for (url, is_own) in [(server.url(), true), (pooler.url(), false)] {
        let store = PostgresStore::open(&url).unwrap();
        let has = |driven: &mut BlockingSession| {
            Ok::<_, fault::Fault>(driven.wait(async |session| session.has_its_own_process()))
        };
        assert_eq!(store.pool.read(has).unwrap(), is_own, "{url}");
    }
}

/// Lost races in transactions of their own are conflicts too, and what is overdue is cancelled
/// through the pooler.
#[test]
fn case_220_the_suite_passes_behind_a_pooler() {
    let server = migrated(&[]);
    let pooler = Pooler::new(&server, "transaction", 4);
    let number = AtomicU32::new(0);
    let make = || {
        number.fetch_add(1, Ordering::SeqCst);
        Box::new(PostgresStore::open(&pooler.url()).unwrap()) as Box<dyn Store>
    };
    let report = otp_store_tests::check(&make, &Options::new().slots(12).cells(40));
    assert!(report.passed(), "{report}");
    assert!(number.into_inner() > 0);
}
