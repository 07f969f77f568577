//! Stores that lack one protection each, for storms that must condemn them.

use core::fmt::Write as _;
use std::sync::Mutex;

use otp_engine::{
    Store, Timestamp,
    store::{Cell, Class, Commit, Error, Key, Version, Write},
};
use otp_engine_postgres::PostgresStore;
use postgres::{Client, NoTls, error::SqlState};

/// Compares and writes as one, in one transaction, but by whatever its session was set to.
#[derive(Debug)]
pub(crate) struct Unguarded {
    store: PostgresStore,
    url: String,
    client: Mutex<Option<Unshown>>,
}

/// A client, which has no `Debug`.
struct Unshown(Client);

impl Unguarded {
    pub(crate) fn new(store: PostgresStore, url: &str) -> Self {
        Self {
            store,
            url: url.to_owned(),
            client: Mutex::default(),
        }
    }
}

impl core::fmt::Debug for Unshown {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Unshown")
    }
}

impl Store for Unguarded {
    fn load(&self, keys: &[Key], cells: &mut Vec<Option<Cell>>) -> Result<(), Error> {
        self.store.load(keys, cells)
    }

    fn commit(&self, writes: &[Write<'_>], _: Timestamp) -> Result<Commit, Error> {
        let mut client = self.client.lock().unwrap();
        let mut open = match client.take() {
            Some(Unshown(open)) => open,
            None => Client::connect(&self.url, NoTls).map_err(Error::unavailable)?,
        };
        let done = open.batch_execute(&statement(writes));
        let code = done.as_ref().err().and_then(|error| error.code());
        let told = match (&done, code) {
            (Ok(()), _) => Ok(Commit::Done),
            (_, Some(code)) if CONFLICT.contains(code) => Ok(Commit::Conflict),
            (_, Some(&SqlState::QUERY_CANCELED)) => Err(Error::Unavailable(None)),
            _ => return done.map(|()| Commit::Done).map_err(Error::unknown),
        };
        *client = Some(Unshown(open));
        told
    }

    fn purge(&self, now: Timestamp, limit: usize) -> Result<usize, Error> {
        self.store.purge(now, limit)
    }

    fn class(&self) -> Class {
        self.store.class()
    }
}

const CONFLICT: [SqlState; 2] = [
    SqlState::T_R_SERIALIZATION_FAILURE,
    SqlState::T_R_DEADLOCK_DETECTED,
];

/// One statement, and so one transaction, of which nothing is left in a session.
fn statement(writes: &[Write<'_>]) -> String {
    let mut sorted = writes.to_vec();
    sorted.sort_unstable_by_key(|write| write.key);
    let mut text = String::from("DO $$ DECLARE n int; BEGIN\n");
    for write in sorted {
        let (key, body) = (hex(write.key.as_bytes()), hex(write.body));
        let till = write.discard_after.map(Timestamp::unix);
        let till = till.map_or(String::from("NULL"), |till| till.to_string());
        let version = write.expected.next().get();
        if write.expected == Version::ABSENT {
            writeln!(
                text,
                "INSERT INTO otp_engine.otp_cell (k, version, discard_after, body) \
                 VALUES ('{key}', {version}, {till}, '{body}') ON CONFLICT DO NOTHING;"
            )
        } else {
            writeln!(
                text,
                "UPDATE otp_engine.otp_cell SET version = {version}, discard_after = {till}, \
                 body = '{body}' WHERE k = '{key}' AND version = {version} - 1;"
            )
        }
        .unwrap();
        text.push_str(
            "GET DIAGNOSTICS n = ROW_COUNT;
             IF n = 0 THEN RAISE serialization_failure; END IF;\n",
        );
    }
    text + "END $$"
}

fn hex(bytes: &[u8]) -> String {
    let mut text = String::from("\\x");
    for byte in bytes {
        write!(text, "{byte:02x}").unwrap();
    }
    text
}

/// Takes a commit whose outcome is not known for one that was not made.
#[derive(Debug)]
pub(crate) struct Hasty(pub(crate) PostgresStore);

impl Store for Hasty {
    fn load(&self, keys: &[Key], cells: &mut Vec<Option<Cell>>) -> Result<(), Error> {
        self.0.load(keys, cells)
    }

    fn commit(&self, writes: &[Write<'_>], now: Timestamp) -> Result<Commit, Error> {
        match self.0.commit(writes, now) {
            Err(Error::Unknown(_)) => Ok(Commit::Conflict),
            told => told,
        }
    }

    fn purge(&self, now: Timestamp, limit: usize) -> Result<usize, Error> {
        self.0.purge(now, limit)
    }

    fn class(&self) -> Class {
        self.0.class()
    }
}
