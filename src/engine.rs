//! The shell: the only place that reads the clock, draws randomness and calls a store. It decides
//! nothing.

use alloc::{boxed::Box, sync::Arc, vec::Vec};
use core::fmt;

use arrayvec::ArrayVec;
#[cfg(feature = "std")]
use rand_core::TryRng as _;

use crate::binding::{BindingRef, Bound};
use crate::event::{EventKind, Observer};
use crate::keys::{KeyRing, RingNumber};
use crate::newest::Newest;
use crate::operation::admit::AdmitPurge;
use crate::operation::canary::{Act, Canary};
use crate::operation::cancel::Cancel;
use crate::operation::claim::ClaimSend;
use crate::operation::delivery::Report;
use crate::operation::issue::Issue;
use crate::operation::reset::{ResetMeter, ResetSlot};
use crate::operation::signatures::{Erase, ReadChainHead};
use crate::operation::status::ReadStatus;
use crate::operation::unlock::Unlock;
use crate::operation::verify::Verify;
use crate::operation::{Context, Operation, Subject};
use crate::store::{Class, Commit, Store};
use crate::{
    Binding, ChallengeId, Clock, Error, Issuance, Policy, RandomnessError, RateLimits, Recipient,
    Rejection, SignatureRecord, SigningKey, Submission, Target, Timestamp, Verdict,
    evidence::EvidenceFault,
    findings::Finding,
    operation::{
        CancelOutcome, Claim, DeliveryReport, EraseOutcome, EraseRequest, ReportOutcome,
        ResetOutcome, Status, StoreCheck, UnlockOutcome,
    },
    policy::Odds,
    record::ChainHead,
};
use round::{ROUNDS, Round, Uncounted};
use scratch::Lent;
use trail::Trail;

#[cfg(feature = "async")]
mod asynchronous;
mod batch;
mod builder;
mod oath;
mod round;
mod scratch;
mod trail;

#[cfg(feature = "async")]
pub use asynchronous::AsyncEngine;
pub use builder::EngineBuilder;

/// Issues codes and judges what was entered.
///
/// An engine holds keys, policy, rate limits, clock, randomness and observer; it is cheap to clone and
/// shared by threads. The store is an argument of each call. Every operation is one load, a pure
/// decision and one commit, and its answer leaves only after the commit.
///
/// ```
/// use otp_engine::{Binding, Engine, KeyRing, MemoryStore, Mobile, Target, Submission};
///
/// # let (code_secret, index_secret) = ([1; 32], [2; 32]);
/// let keys = KeyRing::builder().code("2026a", &code_secret).index(&index_secret).build()?;
/// let engine = Engine::new(keys);
/// let store = MemoryStore::new();
/// let binding = Binding::builder()
///     .tenant("acme")
///     .purpose("sign")
///     .target(Target { model: "loan.application", field: "client_signature", id: "15" })
///     .user("7")
///     .recipient(Mobile::parse("60123456789")?)
///     .build()?;
///
/// let issued = engine.issue(&store, &binding)?.issued().expect("the first send is within all rate limits");
/// // ... send `issued.code` to `issued.recipient`, then judge what comes back:
/// let verdict = engine.verify(&store, Submission::new(&binding, issued.code.as_str()))?;
/// assert!(verdict.is_accepted());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Engine {
    policy: Policy,
    shared: Arc<Shared>,
}

/// What an engine shares with its siblings.
struct Shared {
    keys: KeyRing,
    rate_limits: RateLimits,
    clock: Box<dyn Clock>,
    draw: Box<Draw>,
    observer: Option<Box<dyn Observer>>,
    signer: Option<SigningKey>,
    /// When the engine was made; `None` where the clock could not say.
    began: Option<Timestamp>,
    newest: Newest,
}

/// Fills a buffer with randomness, or says why not.
type Draw = dyn Fn(&mut [u8]) -> Result<(), RandomnessError> + Send + Sync;

impl Engine {
    /// Makes an engine with the default policy and rate limits, the system's clock and randomness.
    #[cfg(feature = "std")]
    #[must_use]
    pub fn new(keys: KeyRing) -> Self {
        Self::builder(keys).build()
    }

    /// Starts an engine on the system's clock and randomness.
    #[cfg(feature = "std")]
    pub fn builder(keys: KeyRing) -> EngineBuilder {
        Self::builder_on(keys, crate::SystemClock::new(), |bytes| {
            getrandom::SysRng.try_fill_bytes(bytes).map_err(Into::into)
        })
    }

    /// Starts an engine on the host's own clock and randomness; the way in without `std`.
    ///
    /// `randomness` fills the buffer with bytes from a cryptographically secure generator, or says why
    /// it cannot. It is called for each issue, and for each verify that can leave a record. A generator
    /// in user space must not be copied by `fork`: the operating system's own is safe by nature, and the
    /// default where there is one.
    ///
    /// ```
    /// use otp_engine::{Engine, KeyRing, SystemClock};
    ///
    /// # let keys = KeyRing::builder().code("a", &[1; 32]).index(&[2; 32]).build()?;
    /// let engine = Engine::builder_on(keys, SystemClock::new(), |bytes| Ok(getrandom::fill(bytes)?));
    /// # let _ = engine.build();
    /// # Ok::<(), otp_engine::keys::KeyRingError>(())
    /// ```
    pub fn builder_on<R>(keys: KeyRing, clock: impl Clock + 'static, randomness: R) -> EngineBuilder
    where
        R: Fn(&mut [u8]) -> Result<(), RandomnessError> + Send + Sync + 'static,
    {
        EngineBuilder {
            policy: Policy::default(),
            shared: Shared {
                keys,
                rate_limits: RateLimits::default(),
                clock: Box::new(clock),
                draw: Box::new(randomness),
                observer: None,
                signer: None,
                began: None,
                newest: Newest::new(),
            },
        }
    }

    /// Makes a sibling with another policy: it shares keys, rate limits, clock, randomness and
    /// observer, and works on the same slots. A host keeps one for each kind of record field.
    #[must_use]
    pub fn with_policy(&self, policy: Policy) -> Self {
        Self {
            policy,
            shared: Arc::clone(&self.shared),
        }
    }

    pub(crate) fn ring(&self) -> RingNumber {
        self.shared.keys.number()
    }

    /// Returns the limits of this engine's codes.
    #[must_use]
    pub const fn policy(&self) -> &Policy {
        &self.policy
    }

    /// Returns the limits of users and recipients.
    #[must_use]
    pub fn rate_limits(&self) -> &RateLimits {
        &self.shared.rate_limits
    }

    /// Returns the chance of guessing a code that was sent, under this policy and these rate limits; for
    /// those of devices see [`device_odds`](Self::device_odds).
    #[must_use]
    pub fn odds(&self) -> Odds {
        self.policy.odds(&self.shared.rate_limits)
    }

    /// Returns where policy and rate limits deviate from ASVS 5.0, NIST SP 800-63B-4 and PSD2.
    pub fn findings(&self) -> impl Iterator<Item = Finding> + use<> {
        self.policy.findings(&self.shared.rate_limits)
    }

    /// Names the cells of a binding beforehand, for a request that does more than one thing with it.
    ///
    /// Every engine of the same [`KeyRing`] takes it, or a clone of it, wherever it takes a binding.
    ///
    /// ```
    /// # use otp_engine::{Binding, Engine, KeyRing, MemoryStore, Mobile, Target};
    /// # use otp_engine::operation::{Delivery, DeliveryReport, ReportOutcome};
    /// # let keys = KeyRing::builder().code("a", &[1; 32]).index(&[2; 32]).build()?;
    /// # let (engine, store) = (Engine::new(keys), MemoryStore::new());
    /// # let binding = Binding::builder().tenant("acme").purpose("sign").user("7")
    /// #     .target(Target { model: "m", field: "f", id: "1" })
    /// #     .recipient(Mobile::parse("60123456789")?).build()?;
    /// let bound = engine.bind(binding);
    /// let issued = engine.issue(&store, &bound)?.issued().expect("the first send is within all rate limits");
    /// let report = DeliveryReport { id: issued.id, send: issued.send, delivery: Delivery::Sent };
    /// assert_eq!(engine.report_delivery(&store, &bound, report)?, ReportOutcome::Recorded);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn bind(&self, binding: Binding) -> Bound {
        Bound::new(binding, &self.shared.keys)
    }

    /// Issues a code for `binding`, or hands out the live one once more.
    ///
    /// Send the code after this returns, and [report](Self::report_delivery) how that went; where
    /// messages wait in a queue, [claim](Self::claim_send) the send then. Draws 16 bytes of
    /// randomness, before anything is loaded.
    ///
    /// # Errors
    ///
    /// [`Error`]: no code was handed out. After [`store::Error::Unknown`](crate::store::Error) a
    /// send may have been counted.
    pub fn issue<'b>(
        &self,
        store: &dyn Store,
        binding: impl Into<BindingRef<'b>>,
    ) -> Result<Issuance, Error> {
        self.repeat(store, &self.issuing(store.class(), binding.into())?)
    }

    /// Says whether a code is accepted: [`verify`](Self::verify) for a host that asks nothing else.
    /// `verify(..).is_ok()` would be true for a rejection; `accepts(..) == Ok(true)` is not, and
    /// neither is this `bool` after `?`.
    ///
    /// # Errors
    ///
    /// As [`verify`](Self::verify).
    pub fn accepts(&self, store: &dyn Store, submission: Submission<'_>) -> Result<bool, Error> {
        Ok(self.verify(store, submission)?.is_accepted())
    }

    /// Judges what a person entered; the attempt is committed before this returns.
    ///
    /// `Ok` says that there is a verdict, also for a rejection: ask it whether it
    /// [is accepted](Verdict::is_accepted).
    ///
    /// Pass the binding as it is *now*: a changed number or content is a mismatch, and the code is
    /// not compared at all.
    ///
    /// # Errors
    ///
    /// [`Error`]: nothing was accepted. After [`store::Error::Unknown`](crate::store::Error) an
    /// attempt may have been counted, or the code used up: the next call tells.
    pub fn verify(&self, store: &dyn Store, submission: Submission<'_>) -> Result<Verdict, Error> {
        match self.verifying(store.class(), submission)? {
            Ok(verify) => self.repeat(store, &verify),
            Err(fault) => self.reject_evidence(submission.binding.binding(), fault),
        }
    }

    /// Claims a send whose message waited in a queue, and hands its code out: `id` and `send` as
    /// [`Issued`](crate::Issued) had them. So no code waits anywhere: a queue holds the two, and what
    /// the binding is made from.
    ///
    /// The claim is committed before the code leaves, and a send is claimed once. Whoever dies after it
    /// leaves a send of which nothing is known, as a time-out of the gateway does, and which is never
    /// repeated by itself: the next [`issue`](Self::issue) makes another send, with a claim of its own.
    /// A code leaves only if [`verify`](Self::verify) would take it now, for the binding as it is
    /// *now*. Attempts, rate limits and cooldown stay as they are; a claimed send takes its
    /// [report](Self::report_delivery) like any other.
    ///
    /// A host claims all sends or none: where it claims, it drops the code that `issue` answers. No
    /// route of the host leads here: the challenge id is known to the client.
    ///
    /// ```
    /// # use otp_engine::{Binding, Engine, KeyRing, MemoryStore, Mobile, Target};
    /// use otp_engine::operation::ClaimRefusal;
    ///
    /// # let keys = KeyRing::builder().code("a", &[1; 32]).index(&[2; 32]).build()?;
    /// # let (engine, store) = (Engine::new(keys), MemoryStore::new());
    /// # let binding = Binding::builder().tenant("acme").purpose("sign").user("7")
    /// #     .target(Target { model: "m", field: "f", id: "1" })
    /// #     .recipient(Mobile::parse("60123456789")?).build()?;
    /// let issued = engine.issue(&store, &binding)?.issued().expect("the first send is within all rate limits");
    /// let (id, send) = (issued.id, issued.send); // what the queue holds
    ///
    /// // In the worker:
    /// let claimed = engine.claim_send(&store, &binding, id, send)?.claimed().expect("nobody else claims it");
    /// // ... send `claimed.code` to `claimed.recipient`, then report
    /// # assert_eq!(claimed.code.as_str(), issued.code.as_str());
    /// let again = engine.claim_send(&store, &binding, id, send)?;
    /// assert_eq!(again.refused(), Some(ClaimRefusal::Claimed));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error`]: no code was handed out. After [`store::Error::Unknown`](crate::store::Error) the
    /// send may be claimed, and then nobody has its code.
    pub fn claim_send<'b>(
        &self,
        store: &dyn Store,
        binding: impl Into<BindingRef<'b>>,
        id: ChallengeId,
        send: u8,
    ) -> Result<Claim, Error> {
        self.run(store, |context| {
            ClaimSend::new(context, binding.into(), id, send)
        })
    }

    /// Calls off the live challenge of `binding`. Attempts, rate limits and cooldown stay.
    ///
    /// # Errors
    ///
    /// [`Error`]: the code may still be accepted.
    pub fn cancel<'b>(
        &self,
        store: &dyn Store,
        binding: impl Into<BindingRef<'b>>,
    ) -> Result<CancelOutcome, Error> {
        self.run(store, |context| Cancel::new(context, binding.into()))
    }

    /// Records what the SMS or mail gateway said of one send.
    ///
    /// A refused message is refunded: the send is taken back from all rate limits, and 10 s of the
    /// cooldown are left. Once per send, and at most three times a day for one recipient; attempts
    /// are never given back. Only the latest send can be reported on, and once. After a time-out
    /// of the gateway report nothing: the message may have been sent.
    ///
    /// # Errors
    ///
    /// [`Error`]: nothing is known to be recorded; report once more.
    pub fn report_delivery<'b>(
        &self,
        store: &dyn Store,
        binding: impl Into<BindingRef<'b>>,
        report: DeliveryReport,
    ) -> Result<ReportOutcome, Error> {
        self.run(store, |context| {
            Report::new(context, binding.into(), report)
        })
    }

    /// Returns how the challenge of exactly this binding stands; `None` where there is none.
    ///
    /// It writes nothing: an expiry that it alone saw does not stay, should the clock go back.
    ///
    /// # Errors
    ///
    /// [`Error`]: nothing is known.
    pub fn status<'b>(
        &self,
        store: &dyn Store,
        binding: impl Into<BindingRef<'b>>,
    ) -> Result<Option<Status>, Error> {
        self.run(store, |context| ReadStatus::new(context, binding.into()))
    }

    /// Lifts what wrong guesses put on a user: the lock, and the failures of the day. For an
    /// administrator; slots that are exhausted stay so.
    ///
    /// # Errors
    ///
    /// [`Error`]: the user may still be locked.
    pub fn unlock(
        &self,
        store: &dyn Store,
        tenant: &str,
        user: &str,
    ) -> Result<UnlockOutcome, Error> {
        self.run(store, |context| Unlock::new(context, tenant, user))
    }

    /// Lifts what holds the slot of `binding` up: used-up attempts, lockout, cooldown, and what
    /// a clock that was far ahead left. A code that is out is called off; one that was used stays
    /// used. The recipient and the content of the binding do not matter. For an administrator: the
    /// reason, 1 to 256 bytes of visible text, goes to the observer.
    ///
    /// # Errors
    ///
    /// [`Error`]: nothing is known to be lifted.
    pub fn reset_slot<'b>(
        &self,
        store: &dyn Store,
        binding: impl Into<BindingRef<'b>>,
        reason: &str,
    ) -> Result<ResetOutcome, Error> {
        self.run(store, |context| {
            ResetSlot::new(context, binding.into(), reason)
        })
    }

    /// Forgets what was sent to a recipient and failed against it, over all users and records. For
    /// an administrator, as [`reset_slot`](Self::reset_slot).
    ///
    /// # Errors
    ///
    /// [`Error`]: nothing is known to be lifted.
    pub fn reset_recipient(
        &self,
        store: &dyn Store,
        tenant: &str,
        recipient: &Recipient,
        reason: &str,
    ) -> Result<ResetOutcome, Error> {
        self.run(store, |context| {
            ResetMeter::of_recipient(context, tenant, recipient, reason)
        })
    }

    /// Lifts a user's locks as [`unlock`](Self::unlock) does, and the limit of sends with them. For
    /// an administrator, as [`reset_slot`](Self::reset_slot).
    ///
    /// # Errors
    ///
    /// [`Error`]: nothing is known to be lifted.
    pub fn reset_user(
        &self,
        store: &dyn Store,
        tenant: &str,
        user: &str,
        reason: &str,
    ) -> Result<ResetOutcome, Error> {
        self.run(store, |context| {
            ResetMeter::of_user(context, tenant, user, reason)
        })
    }

    /// Returns the newest signature record of a target; `None` where nothing was signed.
    ///
    /// It is the one that the sealed chain head names as the newest. Whether a key of yours
    /// signed it says [`verify_record`](crate::record::verify_record).
    ///
    /// # Errors
    ///
    /// [`Error::Tampered`] where the record is missing or not the one that was appended; any other
    /// [`Error`]: nothing is known.
    pub fn latest_signature(
        &self,
        store: &dyn Store,
        tenant: &str,
        target: &Target<'_>,
    ) -> Result<Option<SignatureRecord>, Error> {
        Ok(self.signatures(store, tenant, target, 1)?.pop())
    }

    /// Returns the signature records of a target, newest first, at most `limit` of them.
    ///
    /// They are followed from the sealed chain head, each by the digest that the next one holds: one that was
    /// changed, deleted, inserted or moved is an error. Hand them to
    /// [`verify_chain`](crate::record::verify_chain) with [`chain_head`](Self::chain_head) for the signatures.
    ///
    /// # Errors
    ///
    /// As [`latest_signature`](Self::latest_signature).
    pub fn signatures(
        &self,
        store: &dyn Store,
        tenant: &str,
        target: &Target<'_>,
        limit: usize,
    ) -> Result<Vec<SignatureRecord>, Error> {
        let head = ReadChainHead::new(&self.context(store.class()), tenant, target)?;
        let mut trail = Trail::new(&head, &self.repeat(store, &head)?, limit);
        while let Some(read) = trail.next(&self.shared.keys) {
            trail.follow(self.repeat(store, &read)?)?;
        }
        Ok(trail.into_records())
    }

    /// Returns how many signature records a target has, and the digest of the newest: what
    /// [`ExpectedChain::chain_head`](crate::record::ExpectedChain::chain_head) takes.
    ///
    /// # Errors
    ///
    /// [`Error`]: nothing is known.
    pub fn chain_head(
        &self,
        store: &dyn Store,
        tenant: &str,
        target: &Target<'_>,
    ) -> Result<ChainHead, Error> {
        self.run(store, |context| ReadChainHead::new(context, tenant, target))
    }

    /// Erases personal details of one signature record: their disclosures are dropped and a
    /// note stays. The record and its chain verify as before.
    ///
    /// A detail that the record does not have erases nothing, and is no error: list its details first.
    /// Copies that were handed out are the host's to erase.
    ///
    /// # Errors
    ///
    /// [`Error`]: the details may still be there.
    pub fn erase(
        &self,
        store: &dyn Store,
        request: &EraseRequest<'_>,
    ) -> Result<EraseOutcome, Error> {
        self.run(store, |context| Erase::new(context, request))
    }

    /// Drops at most `limit` cells whose time is over; returns how many. Call it now and then, once
    /// a day at least, to make room: while the clock goes as it should, no answer depends on it but
    /// that a count of wrong guesses in a row below the lock is forgotten after 400 days.
    ///
    /// A clock that jumped must not make the engine forget what it counted. So a purge acts on none
    /// that lies more than a day past the newest time that is known of the store: what this engine
    /// committed, each commit believed for a day at most, and the mark that purges leave there.
    ///
    /// # Errors
    ///
    /// [`Error::ClockAhead`]: nothing was dropped. Set the clock right, or see
    /// [`purge_confirmed`](Self::purge_confirmed). Of any other [`Error`], only after
    /// [`store::Error::Unknown`](crate::store::Error::Unknown) cells may have been dropped.
    pub fn purge(&self, store: &dyn Store, limit: usize) -> Result<usize, Error> {
        Ok(store.purge(self.admit_purge(store, false)?, limit)?)
    }

    /// Purges though the clock lies far ahead of what is known of the store: for an administrator
    /// who looked at the clock, after a long rest say. Later purges go on from there.
    ///
    /// # Errors
    ///
    /// [`Error`]: only after [`store::Error::Unknown`](crate::store::Error::Unknown) cells may have
    /// been dropped.
    pub fn purge_confirmed(&self, store: &dyn Store, limit: usize) -> Result<usize, Error> {
        Ok(store.purge(self.admit_purge(store, true)?, limit)?)
    }

    fn admit_purge(&self, store: &dyn Store, confirmed: bool) -> Result<Timestamp, Error> {
        let now = match self.prepare_purge(store.class(), confirmed) {
            Some(mut admit) => {
                let mut admitted = self.repeat(store, &admit)?;
                if admitted.is_first && store.has_cells()? != Some(false) {
                    admit.is_begun = true;
                    admitted = self.repeat(store, &admit)?;
                }
                admitted.now
            }
            None => self.admit_alone(confirmed)?,
        };
        self.purges_at(now, confirmed);
        Ok(now)
    }

    /// Checks that `store` belongs to these keys: every host does this once at its start, before
    /// it issues or verifies anything, and starts on no [`Error`].
    ///
    /// With another index secret every cell of a store is unknown: fresh limits for everybody, live
    /// codes refused, records not found, and nothing else would say so. So each store holds a
    /// canary, one cell under a fixed name, sealed by the index secret. It is written here where
    /// the store holds no cell yet; of two hosts that start at once one writes it, and the other
    /// finds it. Where it is there, nothing is written.
    ///
    /// It proves the index secret alone, which can never be exchanged; not the code secrets, which
    /// can. A store that [may lose cells](crate::store::Class::Expiring) may lose its canary too:
    /// the answer is [`StoreCheck::NotProven`] unless another key ring's is found.
    ///
    /// ```
    /// use otp_engine::{Engine, Error, KeyRing, MemoryStore, operation::StoreCheck};
    ///
    /// let engine = |index: &[u8]| -> Result<_, otp_engine::keys::KeyRingError> {
    ///     Ok(Engine::new(KeyRing::builder().code("a", &[1; 32]).index(index).build()?))
    /// };
    /// let (ours, other) = (engine(&[2; 32])?, engine(&[3; 32])?);
    /// let store = MemoryStore::new();
    /// assert_eq!(ours.check_store(&store)?, StoreCheck::Begun);
    /// assert_eq!(ours.check_store(&store)?, StoreCheck::Proven);
    /// assert!(matches!(other.check_store(&store), Err(Error::ForeignStore)));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// * [`Error::ForeignStore`]: another key ring began the store.
    /// * [`Error::NoCanary`]: it holds cells and no canary, or cannot tell that it holds none.
    /// * Any other [`Error`]: nothing is known.
    pub fn check_store(&self, store: &dyn Store) -> Result<StoreCheck, Error> {
        let known = self.canary(store, Act::Check { is_empty: false });
        if !matches!(known, Err(Error::NoCanary)) {
            return known;
        }
        // Asked between two loads: whoever wrote a cell after the first has begun the store before.
        let is_empty = store.has_cells()? == Some(false);
        self.canary(store, Act::Check { is_empty })
    }

    /// Takes over a store from before there were canaries, as one of these keys: once, by an
    /// administrator who knows that its cells were written with them. Nothing can check that.
    ///
    /// Does nothing where the store has the canary of these keys; on an empty store it is
    /// [`check_store`](Self::check_store).
    ///
    /// # Errors
    ///
    /// [`Error::ForeignStore`]: another key ring began the store. Any other [`Error`]: nothing is
    /// known.
    pub fn adopt_store(&self, store: &dyn Store) -> Result<StoreCheck, Error> {
        self.canary(store, Act::Adopt)
    }

    /// Begins a store anew with these keys, whatever it holds: for an administrator.
    ///
    /// This gives up every cell of other keys: limits and locks of everybody, live codes, and for
    /// ever the signature records and the last counters of devices, whose codes would be good
    /// again. They stay in the store unread, until a purge where their time is over. It is the only
    /// way to exchange an index secret, which names and seals all cells.
    ///
    /// Does nothing where the store has the canary of these keys.
    ///
    /// # Errors
    ///
    /// Any [`Error`]: nothing is known; call it again.
    pub fn begin_store(&self, store: &dyn Store) -> Result<StoreCheck, Error> {
        self.canary(store, Act::Begin)
    }

    fn canary(&self, store: &dyn Store, act: Act) -> Result<StoreCheck, Error> {
        self.repeat(store, &Canary::new(act, store.class()))
    }

    /// Prepares an issue: draws the id that a new challenge gets.
    fn issuing<'a>(&'a self, class: Class, binding: BindingRef<'a>) -> Result<Issue<'a>, Error> {
        let mut id = [0; 16];
        self.draw(&mut id)?;
        self.issuing_as(class, binding, id)
    }

    /// Prepares an issue with the id that was drawn for it.
    fn issuing_as<'a>(
        &'a self,
        class: Class,
        binding: BindingRef<'a>,
        id: [u8; 16],
    ) -> Result<Issue<'a>, Error> {
        Issue::new(&self.context(class), binding, id, || self.now())
    }

    /// Prepares a verify; the inner `Err` is evidence that is not fit.
    fn verifying<'a>(
        &'a self,
        class: Class,
        submission: Submission<'a>,
    ) -> Result<Result<Verify<'a>, EvidenceFault>, Error> {
        let draw = |salts: &mut [u8]| self.draw(salts);
        Verify::new(&self.context(class), submission, draw, || self.now())
    }

    /// Answers a submission whose evidence is not fit: no store is asked.
    fn reject_evidence<A>(
        &self,
        binding: &Binding,
        fault: EvidenceFault,
    ) -> Result<Verdict<A>, Error> {
        let rejection = Rejection::Evidence(fault);
        let event = EventKind::Rejected {
            rejection,
            mixed_scripts: false,
        };
        let now = self.now()?;
        self.notify(now, Subject::Binding(binding), None, None, event.into());
        Ok(Verdict::Rejected(rejection))
    }

    fn prepare_purge(&self, class: Class, confirmed: bool) -> Option<AdmitPurge<'_>> {
        AdmitPurge::new(&self.context(class), &self.shared.newest, confirmed)
    }

    /// Admits a purge by what this process knows.
    fn admit_alone(&self, confirmed: bool) -> Result<Timestamp, Error> {
        let now = self.now()?;
        if !confirmed && !self.shared.newest.admits(None, now) {
            return Err(Error::ClockAhead);
        }
        Ok(now)
    }

    /// Takes note of a purge that is admitted.
    fn purges_at(&self, now: Timestamp, confirmed: bool) {
        let newest = &self.shared.newest;
        if confirmed {
            newest.set(now);
        } else {
            newest.committed(now);
        }
    }

    fn context(&self, class: Class) -> Context<'_> {
        let shared = &*self.shared;
        Context {
            keys: &shared.keys,
            policy: &self.policy,
            rate_limits: &shared.rate_limits,
            signer: shared.signer.as_ref(),
            began: shared.began,
            class,
        }
    }

    fn draw(&self, bytes: &mut [u8]) -> Result<(), Error> {
        (self.shared.draw)(bytes).map_err(|error| Error::Randomness(Some(error)))
    }

    fn now(&self) -> Result<Timestamp, Error> {
        self.shared.clock.now().ok_or(Error::Clock)
    }

    /// Makes an operation for this store, and runs it.
    fn run<'a, O: Operation>(
        &'a self,
        store: &dyn Store,
        operation: impl FnOnce(&Context<'a>) -> Result<O, Error>,
    ) -> Result<O::Answer, Error> {
        self.repeat(store, &operation(&self.context(store.class()))?)
    }

    /// Loads, decides and commits until nobody else was first.
    fn repeat<O: Operation>(&self, store: &dyn Store, operation: &O) -> Result<O::Answer, Error> {
        let class = store.class();
        let mut scratch = Lent::new();
        let (cells, bodies) = scratch.parts();
        let mut uncounted = Uncounted::default();
        for lost in 0..ROUNDS {
            let round = Round::begin(self, operation, class)?;
            cells.clear();
            store.load(operation.asked(), cells)?;
            let places = round.open(cells)?;
            if let Some(due) = round.due(&places, &uncounted)? {
                let mut loaded = Vec::new();
                let record = if let Some(record) = round.beside(&due, cells) {
                    record
                } else {
                    store.load(&[due.key], &mut loaded)?;
                    &loaded
                };
                if uncounted.found(due.key, record)? {
                    back_off(lost);
                    continue;
                }
            }
            let mut decided = round.writes(bodies);
            let decision = round.decide(&places, &mut decided)?;
            let mut writes = ArrayVec::new();
            decided.list(&mut writes);
            if !writes.is_empty() && store.commit(&writes, round.now())? == Commit::Conflict {
                uncounted.lose(&writes);
                back_off(lost);
                continue;
            }
            if !writes.is_empty() {
                self.shared.newest.committed(round.now());
            }
            return Ok(round.settle(decision));
        }
        Err(Error::Contended)
    }
}

impl fmt::Debug for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Engine")
            .field("policy", &self.policy)
            .field("keys", &self.shared.keys)
            .finish_non_exhaustive()
    }
}

/// Lets others go first, longer and at random from the fourth lost round on.
#[cfg(feature = "std")]
fn back_off(round: u32) {
    use core::hash::{BuildHasher, Hasher};
    if round < 3 {
        std::thread::yield_now();
        return;
    }
    let any = std::hash::RandomState::new().build_hasher().finish();
    let micros = any % (u64::from(round.min(20)) * 50);
    std::thread::sleep(core::time::Duration::from_micros(micros));
}

/// Lets others go first.
#[cfg(not(feature = "std"))]
fn back_off(_: u32) {
    core::hint::spin_loop();
}
