//! One round of an operation, the same for both drivers: a driver brings what it loaded, and tells
//! how the commit went.

use alloc::vec::Vec;

use super::Engine;
use crate::chain_head::{ChainHead, Stored as _};
use crate::event::{Event, EventKinds};
use crate::operation::{Decided, Decision, Loaded, Operation, Subject};
use crate::seal::{LoadedCells, Seal, Writes};
use crate::store::{Cell, Class, Key, Kind, Write};
use crate::{ChallengeId, Error, Timestamp};

/// An operation at one instant, before anything is loaded.
pub(super) struct Round<'a, O> {
    engine: &'a Engine,
    operation: &'a O,
    seal: Seal,
    class: Class,
    now: Timestamp,
}

impl<'a, O: Operation> Round<'a, O> {
    /// Reads the clock: however long the store takes, the operation was asked now.
    pub(super) fn begin(engine: &'a Engine, operation: &'a O, class: Class) -> Result<Self, Error> {
        Ok(Self {
            engine,
            operation,
            seal: Seal::of(class),
            class,
            now: engine.now()?,
        })
    }

    pub(super) const fn now(&self) -> Timestamp {
        self.now
    }

    /// Returns room for what the round writes, with the bodies in `bodies`.
    pub(super) fn writes<'w>(&'w self, bodies: &'w mut Vec<u8>) -> Writes<'w> {
        Writes::new(&self.engine.shared.keys, self.seal, bodies)
    }

    /// Opens what the store gave for the operation's keys.
    pub(super) fn open<'c>(&'c self, cells: &'c [Option<Cell>]) -> Result<LoadedCells<'c>, Error> {
        let (keys, asked) = (&self.engine.shared.keys, self.operation.keys());
        let seal = if O::RAW { Seal::None } else { self.seal };
        if cells.len() != self.operation.asked().len() {
            return Err(Error::Tampered);
        }
        LoadedCells::open(keys, seal, asked, &cells[..asked.len()])
    }

    /// Returns what was loaded beside the operation's cells, where that is the record that is due.
    pub(super) fn beside<'c>(
        &self,
        due: &Due,
        cells: &'c [Option<Cell>],
    ) -> Option<&'c [Option<Cell>]> {
        let at = self.operation.keys().len();
        due.is_beside.then(|| &cells[at..=at])
    }

    /// Names the record that the chain head does not count yet, where it must be looked for: a chain head that
    /// reads as absent may have been deleted, and where adding a record was a conflict it may be there.
    ///
    /// Asked before anything is compared: of an absent chain head for right and wrong guesses alike.
    pub(super) fn due(
        &self,
        loaded: &LoadedCells<'_>,
        uncounted: &Uncounted,
    ) -> Result<Option<Due>, Error> {
        let Some(at) = self.operation.chain_head() else {
            return Ok(None);
        };
        let cell = loaded.at(at)?;
        let chain_head = ChainHead::read(cell.body())?;
        if chain_head.digest().is_some() && !uncounted.suspected {
            return Ok(None);
        }
        let n = chain_head.count().saturating_add(1);
        // By its number: to compare names would be to branch on bytes that are not public yet.
        let beside = self.operation.asked().get(self.operation.keys().len());
        Ok(Some(match beside {
            Some(key) if n == 1 => Due {
                key: *key,
                is_beside: true,
            },
            _ => Due {
                key: self.engine.shared.keys.record_key(&cell.key(), n),
                is_beside: false,
            },
        }))
    }

    /// Decides on what was opened.
    pub(super) fn decide(
        &self,
        cells: &LoadedCells<'_>,
        writes: &mut Writes<'_>,
    ) -> Decided<O::Answer> {
        let loaded = Loaded {
            context: &self.engine.context(self.class),
            cells,
            now: self.now,
        };
        self.operation.decide(&loaded, writes)
    }

    /// Hands out the answer, after the observer was notified: for a commit that is `Done`, or a
    /// decision that writes nothing.
    pub(super) fn settle(&self, decision: Decision<O::Answer>) -> O::Answer {
        let Decision { answer, events, id } = decision;
        let (subject, reason) = (self.operation.subject(), self.operation.reason());
        self.engine.notify(self.now, subject, reason, id, events);
        answer
    }
}

/// A record that is looked for, and whether it was loaded beside the operation's cells.
pub(super) struct Due {
    pub(super) key: Key,
    is_beside: bool,
}

/// The record that the chain head does not count, over the rounds of one operation.
///
/// Chain head and record come in one commit. So another signer may have committed between the two loads, and the
/// chain head of the next round counts the record; or chain head and records do not belong together.
#[derive(Default)]
pub(super) struct Uncounted {
    /// Adding a record was a conflict.
    suspected: bool,
    found: Option<Key>,
}

impl Uncounted {
    /// Takes note of a lost commit.
    pub(super) fn lose(&mut self, writes: &[Write<'_>]) {
        let adds = |write: &Write<'_>| write.kind == Kind::Record;
        self.suspected |= writes.iter().any(adds);
    }

    /// Says whether there is a record where the chain head counts none.
    ///
    /// # Errors
    ///
    /// [`Error::Tampered`] for one that the chain head does not count a round later either.
    pub(super) fn found(&mut self, due: Key, cells: &[Option<Cell>]) -> Result<bool, Error> {
        if matches!(cells, [None]) {
            return Ok(false);
        }
        if self.found.replace(due) == Some(due) {
            return Err(Error::Tampered);
        }
        Ok(true)
    }
}

impl Engine {
    pub(super) fn notify(
        &self,
        at: Timestamp,
        subject: Subject<'_>,
        reason: Option<&str>,
        id: Option<ChallengeId>,
        events: EventKinds,
    ) {
        let Some(observer) = &self.shared.observer else {
            return;
        };
        let (tenant, user, binding, recipient) = match subject {
            Subject::Binding(binding) => {
                let recipient = Some(binding.recipient());
                (binding.tenant(), binding.user(), Some(binding), recipient)
            }
            Subject::User { tenant, user } => (tenant, user, None, None),
            Subject::Recipient { tenant, recipient } => (tenant, "", None, Some(recipient)),
        };
        for kind in events.iter() {
            observer.observe(&Event {
                at,
                kind,
                tenant,
                user,
                binding,
                recipient,
                reason,
                id,
            });
        }
    }
}

/// How often an operation is decided at most. Meters shared by many slots made it 59 with eight
/// writers on one chain head.
///
/// Each lost round is another caller's commit, and attempts and rate limits bound those: the bound
/// is never reached but where a store answers `Conflict` for no reason.
pub(super) const ROUNDS: u32 = 200;
