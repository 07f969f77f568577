//! Stores on the same table with one fault each, and a disk that is full when it is told to be.

use otp_engine::{
    Timestamp,
    store::{Store, Write},
};
use otp_engine_postgres::PostgresOptions;
use otp_engine_testkit::{
    PATIENCE,
    broken::{Flaw, Naive},
};
use postgres::{Client, NoTls};

/// A busy disk is no fault.
pub(crate) fn patient() -> PostgresOptions {
    PostgresOptions::new()
        .answer_timeout(PATIENCE)
        .statement_timeout(PATIENCE)
        .lock_timeout(PATIENCE)
        .connection_wait(PATIENCE)
}

#[allow(
    dead_code,
    reason = "shared with the tests of the store that is awaited"
)]
pub(crate) fn open(url: &str, flaw: Flaw) -> Box<dyn Store> {
    spoil(Box::new(patient().open(url).unwrap()), url, flaw)
}

/// Returns a sound store with a flaw.
pub(crate) fn spoil(store: Box<dyn Store>, url: &str, flaw: Flaw) -> Box<dyn Store> {
    let url = url.to_owned();
    let connect = move || {
        let mut client = Client::connect(&url, NoTls).unwrap();
        // Without the triggers, which would catch some of what the storms are to catch.
        let without = "SET session_replication_role = replica";
        client.batch_execute(without).unwrap();
        client
    };
    Box::new(Naive::new(store, connect, overwrite, flaw))
}

fn overwrite(client: &mut Client, writes: &[Write<'_>]) {
    let mut sorted = writes.to_vec();
    sorted.sort_unstable_by_key(|write| write.key); // the fault is not a deadlock
    let mut transaction = client.transaction().unwrap();
    for write in sorted {
        let upsert = "INSERT INTO otp_engine.otp_cell VALUES ($1, $4, $2, $3) \
                      ON CONFLICT (k) DO UPDATE SET version = $4, discard_after = $2, body = $3";
        let (key, version) = (&write.key.as_bytes()[..], write.expected.next().get());
        let discard_after = write.discard_after.map(Timestamp::unix);
        transaction
            .execute(
                upsert,
                &[&key, &discard_after, &write.body, &version.cast_signed()],
            )
            .unwrap();
    }
    transaction.commit().unwrap();
}

/// Makes the server report a full disk on each insert into a schema that holds so many cells.
pub(crate) fn fill_at(url: &str, schema: &str, cells: u32) {
    let mut client = Client::connect(url, NoTls).unwrap();
    let trigger = format!(
        "CREATE FUNCTION {schema}.limit_cells() RETURNS trigger LANGUAGE plpgsql AS $$
         BEGIN
             IF new.version = 1 AND (SELECT count(*) FROM {schema}.otp_cell) >= {cells} THEN
                 RAISE EXCEPTION 'planted' USING ERRCODE = 'disk_full';
             END IF;
             RETURN new;
         END $$;
         CREATE TRIGGER limit_cells BEFORE INSERT ON {schema}.otp_cell
             FOR EACH ROW EXECUTE FUNCTION {schema}.limit_cells()"
    );
    client.batch_execute(&trigger).unwrap();
}
