//! Whether each answer is the caller's own, whatever others dropped.

use core::future::Future;
use std::sync::Arc;

use otp_engine::{
    AsyncStore, Timestamp,
    store::{self, Commit, Key, Version, Write},
};

use super::{TASKS, Tasks, Whim, seed};
use crate::cells::write;

impl<S: AsyncStore + 'static> Tasks<'_, S> {
    /// Shows that every answer that is heard is that to the question, while other futures are
    /// dropped; returns how many were heard, and how many were not.
    ///
    /// Each task writes cells of its own, and each answer that it may hear is another one.
    #[must_use]
    pub fn hear_their_own(&self, rounds: u32) -> (u32, u32) {
        let seed = seed();
        eprintln!("OTP_TEST_SEED={seed}");
        let asking = |task: u32| {
            let stores = Arc::clone(self.stores);
            let mut whim = Whim::new(seed, task);
            async move {
                let (mut heard, mut dropped) = (0, 0);
                for round in 0..rounds {
                    let at = task as usize % stores.len();
                    let one = Asker {
                        stores: Arc::clone(&stores),
                        at,
                        name: seed.wrapping_add(u64::from(task) << 32 | u64::from(round)),
                    };
                    match one.converse(&mut whim).await {
                        Some(()) => heard += 1,
                        None => dropped += 1,
                    }
                }
                (heard, dropped)
            }
        };
        let tasks: Vec<_> = (0..TASKS)
            .map(|task| self.runtime.spawn(asking(task)))
            .collect();
        self.runtime.block_on(async {
            let (mut heard, mut dropped) = (0, 0);
            for task in tasks {
                let (more_heard, more_dropped) = task.await.unwrap();
                heard += more_heard;
                dropped += more_dropped;
            }
            (heard, dropped)
        })
    }
}

/// Asks for one cell, which is its own.
struct Asker<S> {
    stores: Arc<Vec<S>>,
    at: usize,
    name: u64,
}

impl<S: AsyncStore + 'static> Asker<S> {
    /// Inserts, fails to insert again, and loads; ends where an answer is dropped.
    async fn converse(&self, whim: &mut Whim) -> Option<()> {
        let done = whim.drop_or_wait(self.insert()).await?;
        assert_eq!(done.unwrap(), Commit::Done);
        let conflict = whim.drop_or_wait(self.insert()).await?;
        assert_eq!(conflict.unwrap(), Commit::Conflict);
        let name = whim.drop_or_wait(self.load()).await?;
        assert_eq!(name.unwrap(), Some(self.name));
        Some(())
    }

    fn insert(&self) -> impl Future<Output = Result<Commit, store::Error>> + Send + use<S> {
        let (stores, at, name) = (Arc::clone(&self.stores), self.at, self.name);
        async move {
            let write = Write {
                key: key(name),
                expected: Version::ABSENT,
                body: &name.to_be_bytes(),
                ..write(0, 0)
            };
            stores[at].commit(&[write], NOW).await
        }
    }

    fn load(&self) -> impl Future<Output = Result<Option<u64>, store::Error>> + Send + use<S> {
        let (stores, at, name) = (Arc::clone(&self.stores), self.at, self.name);
        async move {
            let cells = stores[at].load(&[key(name)]).await?;
            let body = |cell: &store::Cell| u64::from_be_bytes(cell.body().try_into().unwrap());
            Ok(cells[0].as_ref().map(body))
        }
    }
}

fn key(name: u64) -> Key {
    let mut key = [7; 32];
    key[8..16].copy_from_slice(&name.to_be_bytes());
    Key::from_bytes(key)
}

const NOW: Timestamp = Timestamp::from_unix(1_715_767_200);
