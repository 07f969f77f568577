//! Stores on the same table with one fault each.

use std::{
    sync::{Mutex, MutexGuard},
    thread,
};

use otp_engine::{
    Timestamp,
    store::{Cell, Class, Commit, Error, Key, Store, Version, Write, has_twice_one_key},
};
use postgres::{Client, GenericClient, NoTls};

/// What is wrong with a store.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Fault {
    /// All cells in one transaction, and no versions compared.
    Blind,
    /// Each cell compared and written correctly, each in a transaction of its own.
    Cellwise,
    /// All versions read and compared, then all cells written, in one transaction.
    ReadThenWrite,
}

/// One connection for each thread that comes at a time.
pub(crate) struct Naive {
    clients: Vec<Mutex<Client>>,
    fault: Fault,
}

impl Naive {
    pub(crate) fn open(url: &str, fault: Fault) -> Self {
        let client = |_| {
            let mut client = Client::connect(url, NoTls).unwrap();
            // Without the triggers, which would catch some of what the storms are to catch.
            let without = "SET session_replication_role = replica";
            client.batch_execute(without).unwrap();
            Mutex::new(client)
        };
        Self {
            clients: (0..8).map(client).collect(),
            fault,
        }
    }

    fn client(&self) -> MutexGuard<'_, Client> {
        loop {
            if let Some(client) = self.clients.iter().find_map(|one| one.try_lock().ok()) {
                return client;
            }
            thread::yield_now();
        }
    }
}

impl Store for Naive {
    fn load(&self, keys: &[Key], cells: &mut Vec<Option<Cell>>) -> Result<(), Error> {
        let mut client = self.client();
        cells.extend(keys.iter().map(|key| read(&mut *client, *key)));
        Ok(())
    }

    fn commit(&self, writes: &[Write<'_>], _: Timestamp) -> Result<Commit, Error> {
        if has_twice_one_key(writes) {
            return Err(Error::Unsupported);
        }
        let mut sorted = writes.to_vec();
        sorted.sort_unstable_by_key(|write| write.key); // the fault is not a deadlock
        let mut client = self.client();
        match self.fault {
            Fault::Cellwise => {
                for write in sorted {
                    let update = "UPDATE otp_engine.otp_cell SET version = version + 1, \
                                  discard_after = $2, body = $3 WHERE k = $1 AND version = $4::bigint";
                    let insert = "INSERT INTO otp_engine.otp_cell VALUES ($1, $4::bigint + 1, $2, $3) \
                                  ON CONFLICT DO NOTHING";
                    let is_new = write.expected == Version::ABSENT;
                    let sql = if is_new { insert } else { update };
                    if execute(&mut *client, sql, &write) == 0 {
                        return Ok(Commit::Conflict);
                    }
                    thread::yield_now();
                }
            }
            Fault::Blind | Fault::ReadThenWrite => {
                let mut transaction = client.transaction().unwrap();
                for write in &sorted {
                    let there = read(&mut transaction, write.key);
                    let version = there.map_or(Version::ABSENT, |cell| cell.version());
                    if self.fault == Fault::ReadThenWrite && version != write.expected {
                        return Ok(Commit::Conflict);
                    }
                }
                for write in &sorted {
                    let upsert = "INSERT INTO otp_engine.otp_cell VALUES ($1, $4::bigint + 1, $2, $3) \
                                  ON CONFLICT (k) DO UPDATE SET version = $4::bigint + 1, \
                                  discard_after = $2, body = $3";
                    execute(&mut transaction, upsert, write);
                }
                transaction.commit().unwrap();
            }
        }
        Ok(Commit::Done)
    }

    fn purge(&self, _: Timestamp, _: usize) -> Result<usize, Error> {
        Ok(0)
    }

    fn class(&self) -> Class {
        Class::Permanent
    }
}

fn read(client: &mut impl GenericClient, key: Key) -> Option<Cell> {
    let sql = "SELECT version, discard_after, body FROM otp_engine.otp_cell WHERE k = $1";
    let row = client.query_opt(sql, &[&&key.as_bytes()[..]]).unwrap()?;
    let version: i64 = row.get(0);
    let discard_after: Option<i64> = row.get(1);
    Some(Cell::new(
        Version::new(version.cast_unsigned()),
        discard_after.map(Timestamp::from_unix),
        row.get::<_, &[u8]>(2),
    ))
}

fn execute(client: &mut impl GenericClient, sql: &str, write: &Write<'_>) -> u64 {
    let expected = write.expected.get().cast_signed();
    let discard_after = write.discard_after.map(Timestamp::unix);
    client
        .execute(
            sql,
            &[
                &&write.key.as_bytes()[..],
                &discard_after,
                &write.body,
                &expected,
            ],
        )
        .unwrap()
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
