//! Stores on the same server with one fault each.

use otp_engine::store::{Store, Write};
use otp_engine_redis::RedisOptions;
use otp_engine_testkit::{
    PATIENCE,
    broken::{Flaw, Naive},
};
use redis::{Client, Connection, cmd};

#[allow(
    dead_code,
    reason = "shared with the tests of the store that is awaited"
)]
pub(crate) fn open(url: &str, flaw: Flaw) -> Box<dyn Store> {
    spoil(Box::new(patient().open(url).unwrap()), url, flaw)
}

/// A busy disk is no fault.
pub(crate) fn patient() -> RedisOptions {
    RedisOptions::new()
        .answer_timeout(PATIENCE)
        .connection_wait(PATIENCE)
}

/// Returns a sound store with a flaw.
pub(crate) fn spoil(store: Box<dyn Store>, url: &str, flaw: Flaw) -> Box<dyn Store> {
    let client = Client::open(url).unwrap();
    let connect = move || client.get_connection().unwrap();
    Box::new(Naive::new(store, connect, overwrite, flaw))
}

fn overwrite(connection: &mut Connection, writes: &[Write<'_>]) {
    let mut all = cmd("MSET");
    for write in writes {
        let (partition, hash) = write.key.as_bytes().split_at(8);
        let hex: String = partition.iter().map(|byte| format!("{byte:02x}")).collect();
        let until = write.discard_after.unwrap().unix();
        all.arg([b"{", hex.as_bytes(), b"}", hash].concat());
        let version = write.expected.next().get();
        all.arg([&version.to_be_bytes(), &until.to_be_bytes(), write.body].concat());
    }
    all.exec(connection).unwrap();
}
