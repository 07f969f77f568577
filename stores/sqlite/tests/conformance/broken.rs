//! Stores on the same file with one fault each.

use otp_engine::{
    Timestamp,
    store::{Store, Write},
};
use otp_engine_sqlite::SqliteOptions;
use otp_engine_testkit::{
    PATIENCE,
    broken::{Flaw, Naive},
};
use rusqlite::{Connection, TransactionBehavior, params};

pub(crate) fn open(path: &str, flaw: Flaw) -> Box<dyn Store> {
    let options = SqliteOptions::new().busy_timeout(PATIENCE);
    let (store, path) = (options.open(path).unwrap(), path.to_owned());
    let connect = move || {
        let connection = Connection::open(&path).unwrap();
        connection.busy_timeout(PATIENCE).unwrap();
        connection
    };
    Box::new(Naive::new(Box::new(store), connect, overwrite, flaw))
}

fn overwrite(connection: &mut Connection, writes: &[Write<'_>]) {
    let immediate = TransactionBehavior::Immediate;
    let transaction = connection.transaction_with_behavior(immediate).unwrap();
    for write in writes {
        let upsert = "INSERT OR REPLACE INTO cell VALUES (?1, ?2, ?3, ?4)";
        let version = write.expected.next().get().cast_signed();
        let discard_after = write.discard_after.map(Timestamp::unix);
        let row = params![write.key.as_bytes(), version, discard_after, write.body];
        transaction.execute(upsert, row).unwrap();
    }
    transaction.commit().unwrap();
}
