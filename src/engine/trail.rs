//! The way from the chain head of a field back to its first record, as many at a time as one load takes.

use alloc::vec::Vec;

use crate::chain_head::ChainHead;
use crate::keys::KeyRing;
use crate::operation::signatures::{ReadChainHead, ReadRecords};
use crate::store::{Key, MAX_CELLS};
use crate::{Error, SignatureRecord};

/// The records of a field that were read so far, newest first, and which one is next.
pub(super) struct Trail {
    chain_head: Key,
    limit: usize,
    records: Vec<SignatureRecord>,
    /// The digest of the next one; none before the first of all.
    due: Option<[u8; 32]>,
    /// The number of the next one.
    n: u64,
}

impl Trail {
    /// Stands before the newest record; at most `limit` are wanted.
    pub(super) fn new(asked: &ReadChainHead, chain_head: &ChainHead, limit: usize) -> Self {
        Self {
            chain_head: asked.key,
            limit,
            records: Vec::new(),
            due: chain_head.digest(),
            n: chain_head.count(),
        }
    }

    /// Returns what to read next, if more is wanted and there is more.
    pub(super) fn next(&self, keys: &KeyRing) -> Option<ReadRecords> {
        let wanted = self.limit - self.records.len();
        let head = self.due.filter(|_| wanted > 0)?;
        let some = u64::try_from(wanted.min(MAX_CELLS))
            .unwrap_or(1)
            .min(self.n);
        let keys = (0..some)
            .map(|back| keys.record_key(&self.chain_head, self.n - back))
            .collect();
        Some(ReadRecords { keys, head })
    }

    /// Takes what was read.
    pub(super) fn follow(&mut self, read: Vec<SignatureRecord>) -> Result<(), Error> {
        self.n -= read.len() as u64;
        self.records.extend(read);
        self.due = self
            .records
            .last()
            .and_then(SignatureRecord::previous_digest);
        if self.due.is_some() != (self.n > 0) {
            return Err(Error::Tampered); // the first record alone names none before it
        }
        Ok(())
    }

    pub(super) fn into_records(self) -> Vec<SignatureRecord> {
        self.records
    }
}
