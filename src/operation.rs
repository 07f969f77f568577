//! Operations: which cells each needs, and what it decides; pure, with the time as an argument.

use arrayvec::ArrayVec;

use crate::challenge::Challenge;
use crate::event::Happenings;
use crate::keys::{BindingDigest, KeyRing, Names};
use crate::meter::Meter;
use crate::seal::{Place, Places, Writes};
use crate::store::{Class, Key, Kind};
use crate::{Binding, Budgets, ChallengeId, Error, Policy, Recipient, SigningKey, Timestamp};

pub(crate) mod admit;
pub(crate) mod canary;
pub(crate) mod cancel;
pub(crate) mod delivery;
pub(crate) mod issue;
pub(crate) mod oath;
pub(crate) mod reset;
pub(crate) mod reset_device;
pub(crate) mod signatures;
pub(crate) mod status;
pub(crate) mod unlock;
pub(crate) mod verify;

/// One operation on one set of cells.
///
/// The shell loads the cells under [`keys`](Self::keys), calls [`decide`](Self::decide), commits
/// the writes and only then hands out the answer; after a lost race it begins again.
pub(crate) trait Operation {
    type Answer;

    /// Whether `decide` opens the cells itself: records carry a signature in place of a seal, and
    /// the canary may carry the seal of another key ring.
    const RAW: bool = false;

    /// Names the cells, in the order in which `decide` finds them.
    fn keys(&self) -> &[Key];

    /// Where the page stands among the keys, if the answer rests on the records of a field.
    fn page(&self) -> Option<usize> {
        None
    }

    /// Decides. Puts every cell that the answer rests on into `writes`, changed or not; an answer
    /// that changes nothing puts none.
    fn decide(
        &self,
        ground: &Ground<'_>,
        places: &Places<'_>,
        writes: &mut Writes<'_>,
        now: Timestamp,
    ) -> Result<Decision<Self::Answer>, Error>;

    /// Names whom the events concern.
    fn subject(&self) -> Subject<'_>;

    /// Returns why it is done, where somebody must say so.
    fn reason(&self) -> Option<&str> {
        None
    }
}

/// What every decision stands on.
#[derive(Clone, Copy)]
pub(crate) struct Ground<'a> {
    pub(crate) keys: &'a KeyRing,
    pub(crate) policy: &'a Policy,
    pub(crate) budgets: &'a Budgets,
    pub(crate) signer: Option<&'a SigningKey>,
    /// How long the store keeps what it is given.
    pub(crate) class: Class,
}

/// An answer that must not leave before the writes beside it are committed.
#[must_use]
pub(crate) struct Decision<A> {
    pub(crate) answer: A,
    pub(crate) happenings: Happenings,
    pub(crate) id: Option<ChallengeId>,
}

/// Whom an event concerns.
#[derive(Clone, Copy)]
pub(crate) enum Subject<'a> {
    Binding(&'a Binding),
    User {
        tenant: &'a str,
        user: &'a str,
    },
    Recipient {
        tenant: &'a str,
        recipient: &'a Recipient,
    },
}

/// A binding with the names of its cells: slot, user meter, recipient meter, and the page.
pub(crate) struct Target<'a> {
    pub(crate) binding: &'a Binding,
    pub(crate) digest: BindingDigest,
    names: Names<'a>,
    keys: ArrayVec<Key, TARGETS>,
    page: Option<usize>,
}

/// How many cells a target names at most.
const TARGETS: usize = 4;

/// Where each cell stands in [`Target::keys`].
pub(crate) const SLOT: usize = 0;
pub(crate) const USER: usize = 1;
pub(crate) const RECIPIENT: usize = 2;

impl<'a> Target<'a> {
    /// Names the slot, and the meters where there are budgets.
    pub(crate) fn new(ground: &Ground<'a>, binding: &'a Binding) -> Self {
        let names = ground.keys.tenant(binding.tenant());
        let mut keys = ArrayVec::new();
        keys.push(names.slot(binding));
        if ground.budgets.is_metered() {
            keys.push(names.user_meter(binding.user()));
            keys.push(names.recipient_meter(binding.recipient()));
        }
        Self {
            binding,
            digest: ground.keys.binding_digest(binding),
            names,
            keys,
            page: None,
        }
    }

    /// Names the page of the record field too.
    pub(crate) fn add_page(&mut self) {
        self.page = Some(self.keys.len());
        self.keys
            .push(self.names.page(&self.binding.record_field()));
    }

    pub(crate) fn keys(&self) -> &[Key] {
        &self.keys
    }

    /// Returns where the page stands, if it is named.
    pub(crate) const fn page(&self) -> Option<usize> {
        self.page
    }
}

/// Reads the meter at `at` into one that has counted nothing; without budgets there is none.
pub(crate) fn read_meter(
    ground: &Ground<'_>,
    places: &Places<'_>,
    at: usize,
    meter: &mut Meter,
) -> Result<(), Error> {
    if !ground.budgets.is_metered() {
        return Ok(());
    }
    meter.fill(places.at(at)?.body())
}

/// Puts the challenge into its slot.
pub(crate) fn put_slot(writes: &mut Writes<'_>, slot: Place<'_>, challenge: &Challenge) {
    writes.put(slot, Kind::Slot, Some(challenge.discard_after()), |body| {
        challenge.write(body);
    });
}

/// Puts the meter at `at`; without budgets there is none.
pub(crate) fn put_meter(
    ground: &Ground<'_>,
    places: &Places<'_>,
    writes: &mut Writes<'_>,
    at: usize,
    meter: &Meter,
    now: Timestamp,
) -> Result<(), Error> {
    if ground.budgets.is_metered() {
        writes.put(
            places.at(at)?,
            Kind::Meter,
            meter.discard_after(ground.budgets, ground.class, now),
            |body| meter.write(body),
        );
    }
    Ok(())
}
