//! One round of an operation, the same for both drivers: a driver brings what it loaded, and tells
//! how the commit went.

use super::Engine;
use crate::event::{Event, Happenings};
use crate::operation::{Decision, Operation, Subject};
use crate::seal::{Places, Seal, Writes};
use crate::store::{Cell, Class};
use crate::{ChallengeId, Error, Timestamp};

/// An operation at one instant, before anything is loaded.
pub(super) struct Round<'a, O> {
    engine: &'a Engine,
    operation: &'a O,
    seal: Seal,
    now: Timestamp,
}

impl<'a, O: Operation> Round<'a, O> {
    /// Reads the clock: however long the store takes, the operation was asked now.
    pub(super) fn begin(engine: &'a Engine, operation: &'a O, class: Class) -> Result<Self, Error> {
        Ok(Self {
            engine,
            operation,
            seal: Seal::of(class),
            now: engine.now()?,
        })
    }

    pub(super) const fn now(&self) -> Timestamp {
        self.now
    }

    /// Returns room for what the round writes.
    pub(super) fn writes(&self) -> Writes<'a> {
        Writes::new(&self.engine.shared.keys, self.seal)
    }

    /// Decides on what the store gave for the operation's keys.
    pub(super) fn decide(
        &self,
        cells: &[Option<Cell>],
        writes: &mut Writes<'_>,
    ) -> Result<Decision<O::Answer>, Error> {
        let keys = &self.engine.shared.keys;
        let seal = if O::RAW { Seal::Open } else { self.seal };
        let places = Places::open(keys, seal, self.operation.keys(), cells, self.now)?;
        let ground = self.engine.ground();
        self.operation.decide(&ground, &places, writes, self.now)
    }

    /// Hands out the answer, after the observer heard of it: for a commit that is `Done`, or a
    /// decision that writes nothing.
    pub(super) fn settle(&self, decision: Decision<O::Answer>) -> O::Answer {
        let Decision {
            answer,
            happenings,
            id,
        } = decision;
        self.engine
            .tell(self.now, self.operation.subject(), id, happenings);
        answer
    }
}

impl Engine {
    pub(super) fn tell(
        &self,
        at: Timestamp,
        subject: Subject<'_>,
        id: Option<ChallengeId>,
        happenings: Happenings,
    ) {
        let Some(observer) = &self.shared.observer else {
            return;
        };
        let (tenant, user, binding) = match subject {
            Subject::Binding(binding) => (binding.tenant(), binding.user(), Some(binding)),
            Subject::User { tenant, user } => (tenant, user, None),
        };
        for what in happenings.iter() {
            observer.observe(&Event {
                at,
                what,
                tenant,
                user,
                binding,
                id,
            });
        }
    }
}

/// How often an operation is decided at most. Meters shared by many slots made it 59 with eight
/// writers on one page.
///
/// Each lost round is the commit of somebody else, and attempts and budgets bound those: the bound
/// is never met but where a store answers `Conflict` for no reason.
pub(super) const ROUNDS: u32 = 200;
