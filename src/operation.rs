//! What the operations of an [`Engine`](crate::Engine) are asked and answer, beside issue and verify.
//!
//! Within: which cells each operation needs, and what it decides; pure, with the time as an argument.

use crate::binding::BindingRef;
use crate::challenge::Challenge;
use crate::event::EventKinds;
use crate::keys::{BindingDigest, CellNames, Cells, KeyRing};
use crate::meter::Meter;
use crate::seal::{LoadedCell, LoadedCells, Writes};
use crate::store::{Class, Key, Kind};
use crate::{
    Binding, ChallengeId, Error, Issued, Policy, RateLimits, Recipient, Rejection, SigningKey,
    Timestamp, policy::ContentRule,
};

pub(crate) mod admit;
pub(crate) mod canary;
pub(crate) mod cancel;
pub(crate) mod claim;
pub(crate) mod delivery;
pub(crate) mod issue;
pub(crate) mod oath;
pub(crate) mod reset;
pub(crate) mod reset_device;
pub(crate) mod signatures;
pub(crate) mod signing;
pub(crate) mod status;
pub(crate) mod unlock;
pub(crate) mod verify;

pub use canary::StoreCheck;
pub use cancel::CancelOutcome;
pub use claim::{Claim, ClaimRefusal};
pub use delivery::{Delivery, DeliveryReport, ReportOutcome};
pub use reset::ResetOutcome;
pub use reset_device::DeviceReset;
pub use signatures::{EraseOutcome, EraseRequest};
pub use status::{Lock, Status};
pub use unlock::UnlockOutcome;

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

    /// Names what is loaded: the cells, and behind them what may spare a second load.
    fn asked(&self) -> &[Key] {
        self.keys()
    }

    /// Where the chain head stands among the keys, if the answer rests on the records of a field.
    fn chain_head(&self) -> Option<usize> {
        None
    }

    /// Decides. Puts every cell that the answer rests on into `writes`, changed or not; an answer
    /// that changes nothing puts none.
    fn decide(&self, loaded: &Loaded<'_>, writes: &mut Writes<'_>) -> Decided<Self::Answer>;

    /// Names whom the events concern; an operation without events names nobody.
    fn subject(&self) -> Subject<'_> {
        Subject::User {
            tenant: "",
            user: "",
        }
    }

    /// Returns the reason that an administrator must give.
    fn reason(&self) -> Option<&str> {
        None
    }
}

/// What every decision stands on.
#[derive(Clone, Copy)]
pub(crate) struct Context<'a> {
    pub(crate) keys: &'a KeyRing,
    pub(crate) policy: &'a Policy,
    pub(crate) rate_limits: &'a RateLimits,
    pub(crate) signer: Option<&'a SigningKey>,
    /// When the engine was made; `None` where the clock could not say.
    pub(crate) began: Option<Timestamp>,
    /// How long the store keeps what it is given.
    pub(crate) class: Class,
}

impl Context<'_> {
    /// Fails where the policy wants to know what is approved.
    pub(crate) fn admits(&self, binding: &Binding) -> Result<(), Error> {
        if self.policy.content() == ContentRule::Required && binding.content().is_none() {
            return Err(Error::ContentRequired);
        }
        Ok(())
    }

    /// Fails where a lock without end would be forgotten. It is said before any code is out, never at
    /// a guess: one that could not be committed would be a free one.
    pub(crate) fn can_keep_locks(&self) -> Result<(), Error> {
        if self.class == Class::Expiring && self.rate_limits.locks_without_end() {
            return Err(Error::LockWithoutEnd);
        }
        Ok(())
    }

    /// Fails where a code that is accepted could not leave its record.
    pub(crate) fn can_keep_records(
        &self,
        now: impl FnOnce() -> Result<Timestamp, Error>,
    ) -> Result<(), Error> {
        let Some(signer) = self.signer else {
            return Ok(());
        };
        if self.class != Class::Permanent {
            return Err(Error::NotPermanent);
        }
        let now = now()?;
        signer.signs_at(now).map_err(Error::SigningKey)?;
        // The record's own numbers end at 2^53 - 1 and begin at 1970.
        if !(0..1 << 53).contains(&now.unix()) {
            return Err(Error::Clock);
        }
        Ok(())
    }

    /// Fails where the signing key retired since it was asked: no answer then, right or wrong.
    #[inline]
    pub(crate) fn still_signs(&self, now: Timestamp) -> Result<(), Error> {
        if let Some(signer) = self.signer {
            signer.signs_at(now).map_err(Error::SigningKey)?;
        }
        Ok(())
    }
}

/// What a decision reads.
#[derive(Clone, Copy)]
pub(crate) struct Loaded<'a> {
    pub(crate) context: &'a Context<'a>,
    /// In the order of the operation's keys.
    pub(crate) cells: &'a LoadedCells<'a>,
    pub(crate) now: Timestamp,
}

impl<'a> Loaded<'a> {
    /// Returns the cell at `at`, in the order of the operation's keys.
    pub(crate) fn cell(&self, at: usize) -> Result<LoadedCell<'a>, Error> {
        self.cells.at(at)
    }

    /// Reads the meter at `at` into one that has counted nothing; without rate limits there is none.
    pub(crate) fn read_meter(&self, at: usize, meter: &mut Meter) -> Result<(), Error> {
        if !self.context.rate_limits.is_limited() {
            return Ok(());
        }
        meter.fill(self.cell(at)?.body())
    }

    /// Puts the meter at `at`; without rate limits there is none.
    pub(crate) fn put_meter(
        &self,
        writes: &mut Writes<'_>,
        at: usize,
        meter: &Meter,
    ) -> Result<(), Error> {
        let Context {
            rate_limits, class, ..
        } = *self.context;
        if rate_limits.is_limited() {
            let discard_after = meter.discard_after(rate_limits, class, self.now);
            writes.put(self.cell(at)?, Kind::Meter, discard_after, |body| {
                meter.write(body);
            });
        }
        Ok(())
    }
}

/// What [`Operation::decide`] returns.
pub(crate) type Decided<A> = Result<Decision<A>, Error>;

/// An answer that must not leave before the writes beside it are committed.
#[must_use]
pub(crate) struct Decision<A> {
    pub(crate) answer: A,
    pub(crate) events: EventKinds,
    pub(crate) id: Option<ChallengeId>,
}

impl<A> Decision<A> {
    /// An answer without an event.
    pub(crate) fn quiet(answer: A) -> Self {
        Self {
            answer,
            events: EventKinds::default(),
            id: None,
        }
    }
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

/// A binding with the names of its cells: slot, user meter, recipient meter, and the chain head.
pub(crate) struct BindingCells<'a> {
    pub(crate) binding: &'a Binding,
    digest: DigestOf<'a>,
    /// Behind the chain head stands the first record of its target.
    asked: CellNames,
    has_chain_head: bool,
}

/// The digest that was made for this operation, or that of a bound binding.
enum DigestOf<'a> {
    Made(BindingDigest),
    Bound(&'a BindingDigest),
}

/// Where each cell stands in [`BindingCells::keys`].
pub(crate) const SLOT: usize = 0;
pub(crate) const USER: usize = 1;
pub(crate) const RECIPIENT: usize = 2;

impl<'a> BindingCells<'a> {
    /// Names the slot, and the meters where there are rate limits.
    ///
    /// # Errors
    ///
    /// [`Error::ForeignBinding`].
    pub(crate) fn new(context: &Context<'a>, binding: BindingRef<'a>) -> Result<Self, Error> {
        Self::naming(context, binding, false)
    }

    /// Names them, and the chain head of the target too where the engine signs.
    ///
    /// # Errors
    ///
    /// As [`new`](Self::new).
    pub(crate) fn signed(context: &Context<'a>, binding: BindingRef<'a>) -> Result<Self, Error> {
        Self::naming(context, binding, context.signer.is_some())
    }

    /// Names them as [`new`](Self::new) does, for a binding that the policy admits.
    ///
    /// # Errors
    ///
    /// As [`Context::admits`] and [`new`](Self::new).
    pub(crate) fn admitted(context: &Context<'a>, binding: BindingRef<'a>) -> Result<Self, Error> {
        context.admits(binding.binding())?;
        Self::new(context, binding)
    }

    fn naming(
        context: &Context<'a>,
        binding: BindingRef<'a>,
        chain_head: bool,
    ) -> Result<Self, Error> {
        let cells = Cells {
            meters: context.rate_limits.is_limited(),
            chain_head,
        };
        let (digest, mut asked) = if let Some(names) = binding.names(context.keys)? {
            (DigestOf::Bound(&names.digest), names.of(cells))
        } else {
            let names = context.keys.names(binding.binding(), cells);
            let asked = names.of(cells);
            (DigestOf::Made(names.digest), asked)
        };
        if let Some(head) = asked.last().filter(|_| chain_head) {
            let first = context.keys.record_key(head, 1);
            asked.push(first);
        }
        Ok(Self {
            binding: binding.binding(),
            digest,
            asked,
            has_chain_head: chain_head,
        })
    }

    pub(crate) const fn digest(&self) -> &BindingDigest {
        match &self.digest {
            DigestOf::Made(digest) => digest,
            DigestOf::Bound(digest) => digest,
        }
    }

    pub(crate) fn keys(&self) -> &[Key] {
        let cells = self.asked.len() - usize::from(self.has_chain_head);
        &self.asked[..cells]
    }

    /// Names the cells, and the first record of the target: where the chain head is absent it is
    /// looked for, and mostly it is, as most fields are signed once.
    pub(crate) fn asked(&self) -> &[Key] {
        &self.asked
    }

    /// Returns why no guess may be compared with the slot's challenge, if so; `id` is the one that is
    /// meant, where it is said.
    pub(crate) fn closed(
        &self,
        context: &Context<'_>,
        challenge: &Challenge,
        id: Option<ChallengeId>,
        user: &Meter,
        now: Timestamp,
    ) -> Result<Option<Rejection>, Error> {
        if !self.digest().has_tag(&challenge.tag) {
            return Ok(Some(Rejection::Mismatch));
        }
        if id.is_some_and(|id| id != challenge.id) {
            return Ok(Some(Rejection::Superseded));
        }
        if challenge.is_ahead_of(now) {
            return Err(Error::Clock);
        }
        if let Some(rejection) = challenge.closed(context.policy, now) {
            return Ok(Some(rejection));
        }
        if challenge.epoch != context.keys.epoch() {
            return Ok(Some(Rejection::Unknown));
        }
        if !context.keys.holds(challenge.kid, challenge.issued_at) {
            return Err(Error::UnknownKey);
        }
        let lock = user.lock(context.rate_limits, now);
        Ok(lock.map(|retry_at| Rejection::Locked { retry_at }))
    }

    /// Returns where the chain head stands, if it is named.
    pub(crate) fn chain_head(&self) -> Option<usize> {
        let last = self.keys().len() - 1;
        self.has_chain_head.then_some(last)
    }
}

/// Makes the code of the latest send, with all that its message needs.
pub(crate) fn hand_out(
    context: &Context<'_>,
    target: &BindingCells<'_>,
    challenge: &Challenge,
    now: Timestamp,
) -> Issued {
    let (digest, kind) = (target.digest(), challenge.limits.kind);
    Issued {
        id: challenge.id,
        code: context.keys.code(challenge.kid, challenge.id, digest, kind),
        issued_at: challenge.issued_at,
        expires_at: challenge.expires_at(),
        recipient: target.binding.recipient().clone(),
        send: challenge.sends,
        valid_for: challenge.expires_at().saturating_since(now),
    }
}

/// Puts the challenge into its slot.
pub(crate) fn put_slot(writes: &mut Writes<'_>, slot: LoadedCell<'_>, challenge: &Challenge) {
    writes.put(slot, Kind::Slot, Some(challenge.discard_after()), |body| {
        challenge.write(body);
    });
}
