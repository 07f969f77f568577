//! Stores on the same server with one fault each.

use std::{
    sync::{Mutex, MutexGuard},
    thread,
};

use otp_engine::{
    Timestamp,
    store::{Cell, Class, Commit, Error, Key, Store, Version, Write, has_twice_one_key},
};
use otp_engine_redis::RedisStore;
use redis::{Client, Connection, cmd};

/// What is wrong with a store.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Fault {
    /// All cells in one transaction, and no versions compared.
    Blind,
    /// Each cell compared and written correctly, each by a script of its own.
    Cellwise,
    /// All versions read and compared, then all cells written.
    GetThenSet,
}

/// One connection for each thread that comes at a time; loads and cells are those of the store.
pub(crate) struct Naive {
    store: RedisStore,
    connections: Vec<Mutex<Connection>>,
    fault: Fault,
}

impl Naive {
    pub(crate) fn open(url: &str, fault: Fault) -> Self {
        let client = Client::open(url).unwrap();
        let connection = |_| Mutex::new(client.get_connection().unwrap());
        Self {
            store: RedisStore::open(url).unwrap(),
            connections: (0..8).map(connection).collect(),
            fault,
        }
    }

    fn connection(&self) -> MutexGuard<'_, Connection> {
        loop {
            if let Some(one) = self.connections.iter().find_map(|one| one.try_lock().ok()) {
                return one;
            }
            thread::yield_now();
        }
    }

    fn set(&self, writes: &[Write<'_>]) {
        let mut all = cmd("MSET");
        for write in writes {
            let (partition, hash) = write.key.as_bytes().split_at(8);
            let hex: String = partition.iter().map(|byte| format!("{byte:02x}")).collect();
            let until = write.discard_after.unwrap().unix();
            all.arg([b"{", hex.as_bytes(), b"}", hash].concat());
            let version = write.expected.next().get();
            all.arg([&version.to_be_bytes(), &until.to_be_bytes(), write.body].concat());
        }
        all.exec(&mut self.connection()).unwrap();
    }
}

impl Store for Naive {
    fn load(&self, keys: &[Key], cells: &mut Vec<Option<Cell>>) -> Result<(), Error> {
        self.store.load(keys, cells)
    }

    fn commit(&self, writes: &[Write<'_>], now: Timestamp) -> Result<Commit, Error> {
        let is_forever = |write: &Write<'_>| write.discard_after.is_none();
        if has_twice_one_key(writes) || writes.iter().any(is_forever) {
            return Err(Error::Unsupported);
        }
        match self.fault {
            Fault::Cellwise => {
                for write in writes {
                    let one = self.store.commit(core::slice::from_ref(write), now)?;
                    if one == Commit::Conflict {
                        return Ok(one);
                    }
                    thread::yield_now();
                }
            }
            Fault::GetThenSet => {
                let keys: Vec<_> = writes.iter().map(|write| write.key).collect();
                let mut cells = Vec::new();
                self.load(&keys, &mut cells)?;
                for (write, cell) in writes.iter().zip(&cells) {
                    let version = cell.as_ref().map_or(Version::ABSENT, Cell::version);
                    if version != write.expected {
                        return Ok(Commit::Conflict);
                    }
                }
                self.set(writes);
            }
            Fault::Blind => self.set(writes),
        }
        Ok(Commit::Done)
    }

    fn purge(&self, _: Timestamp, _: usize) -> Result<usize, Error> {
        Ok(0)
    }

    fn class(&self) -> Class {
        Class::Expiring
    }
}
