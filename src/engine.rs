//! The shell: the only place that reads the clock, draws randomness and calls a store. It decides
//! nothing.

use alloc::{boxed::Box, sync::Arc, vec::Vec};
use core::fmt;

use rand_core::{TryCryptoRng, TryRng};

use crate::event::{Event, Happening, Happenings, Observer};
use crate::keys::KeyRing;
use crate::operation::cancel::Cancel;
use crate::operation::delivery::Report;
use crate::operation::issue::Issue;
use crate::operation::signatures::{Erase, ReadPage, ReadRecords};
use crate::operation::status::Look;
use crate::operation::unlock::Unlock;
use crate::operation::verify::Verify;
use crate::operation::{Decision, Ground, Operation, Subject, Target};
use crate::record::facts::Salts;
use crate::seal::{Places, Seal, Writes};
use crate::store::{Class, Commit, MAX_CELLS, Store};
use crate::{
    Binding, Budgets, Cancellation, ChallengeId, Clock, Content, Delivery, Detail, Erased, Error,
    Finding, Issuance, Odds, Policy, RecordField, Rejection, Reported, SignatureRecord, SigningKey,
    Status, Submission, Timestamp, Unlocking, Verdict,
};

/// Issues codes and judges what was typed.
///
/// An engine holds keys, policy, budgets, clock, randomness and observer; it is cheap to clone and
/// shared by threads. The store is an argument of each call. Every operation is one load, a pure
/// decision and one commit, and its answer leaves only after the commit.
///
/// ```
/// use otp_engine::{Binding, Engine, KeyRing, MemoryStore, Mobile, RecordField, Submission};
///
/// # let (code_secret, index_secret) = ([1; 32], [2; 32]);
/// let keys = KeyRing::builder().code("2026a", &code_secret).index(&index_secret).build()?;
/// let engine = Engine::new(keys);
/// let store = MemoryStore::new();
/// let binding = Binding::builder()
///     .tenant("acme")
///     .purpose("sign")
///     .record_field(RecordField { model: "loan.application", field: "client_signature", record: "15" })
///     .user("7")
///     .recipient(Mobile::parse("60123456789")?)
///     .build()?;
///
/// let issued = engine.issue(&store, &binding)?.issued().expect("the first send is within all budgets");
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
    budgets: Budgets,
    clock: Box<dyn Clock>,
    draw: Box<Draw>,
    observer: Option<Box<dyn Observer>>,
    signer: Option<SigningKey>,
}

/// Fills a buffer with randomness, or says why not.
type Draw = dyn Fn(&mut [u8]) -> Result<(), Error> + Send + Sync;

impl Engine {
    /// Makes an engine with the default policy and budgets, the system's clock and randomness.
    #[cfg(feature = "std")]
    #[must_use]
    pub fn new(keys: KeyRing) -> Self {
        Self::builder(keys).build()
    }

    /// Starts an engine on the system's clock and randomness.
    #[cfg(feature = "std")]
    pub fn builder(keys: KeyRing) -> EngineBuilder {
        Self::builder_on(keys, crate::SystemClock::new(), || getrandom::SysRng)
    }

    /// Starts an engine on the host's own clock and randomness; the way in without `std`.
    ///
    /// `randomness` is called once per issue and yields the generator for that one draw. A
    /// generator in user space must not be copied by `fork`: the operating system's own is safe by
    /// nature, and the default where there is one.
    pub fn builder_on<F, R>(
        keys: KeyRing,
        clock: impl Clock + 'static,
        randomness: F,
    ) -> EngineBuilder
    where
        F: Fn() -> R + Send + Sync + 'static,
        R: TryCryptoRng,
        <R as TryRng>::Error: Send + Sync + 'static,
    {
        let draw = move |bytes: &mut [u8]| {
            randomness()
                .try_fill_bytes(bytes)
                .map_err(|error| Error::Randomness(Some(Box::new(error))))
        };
        EngineBuilder {
            policy: Policy::default(),
            shared: Shared {
                keys,
                budgets: Budgets::default(),
                clock: Box::new(clock),
                draw: Box::new(draw),
                observer: None,
                signer: None,
            },
        }
    }

    /// Makes a sibling with another policy: it shares keys, budgets, clock, randomness and
    /// observer, and works on the same slots. A host keeps one for each kind of record field.
    #[must_use]
    pub fn with_policy(&self, policy: Policy) -> Self {
        Self {
            policy,
            shared: Arc::clone(&self.shared),
        }
    }

    /// Returns the limits of this engine's codes.
    #[must_use]
    pub const fn policy(&self) -> &Policy {
        &self.policy
    }

    /// Returns the limits of users and recipients.
    #[must_use]
    pub fn budgets(&self) -> &Budgets {
        &self.shared.budgets
    }

    /// Returns the chance of guessing under this policy and these budgets.
    #[must_use]
    pub fn odds(&self) -> Odds {
        self.policy.odds(&self.shared.budgets)
    }

    /// Returns where policy and budgets deviate from ASVS 5.0, NIST SP 800-63B-4 and PSD2.
    pub fn findings(&self) -> impl Iterator<Item = Finding> + use<> {
        self.policy.findings(&self.shared.budgets)
    }

    /// Issues a code for `binding`, or hands out the live one once more.
    ///
    /// Send the code after this returns, and [report](Self::report_delivery) how that went. Draws
    /// 16 bytes of randomness, before anything is loaded.
    ///
    /// # Errors
    ///
    /// [`Error`]: no code was handed out. After [`store::Error::Unknown`](crate::store::Error) a
    /// send may have been counted.
    pub fn issue(&self, store: &dyn Store, binding: &Binding) -> Result<Issuance, Error> {
        let target = self.target(binding)?;
        self.can_keep_records(store)?;
        let mut id = [0; 16];
        (self.shared.draw)(&mut id)?;
        let id = ChallengeId::from_bytes(id);
        self.run(store, &Issue { target, id })
    }

    /// Judges what a person typed; the attempt is committed before this returns.
    ///
    /// Pass the binding as it is *now*: a changed number or content is a mismatch, and the code is
    /// not compared at all.
    ///
    /// # Errors
    ///
    /// [`Error`]: nothing was accepted. After [`store::Error::Unknown`](crate::store::Error) an
    /// attempt may have been counted, or the code used up: the next call tells.
    pub fn verify(&self, store: &dyn Store, submission: Submission<'_>) -> Result<Verdict, Error> {
        let Submission {
            binding, evidence, ..
        } = submission;
        let mut target = self.target(binding)?;
        let evidence = match evidence.check(&self.policy, binding) {
            Ok(evidence) => evidence,
            Err(fault) => {
                let rejection = Rejection::Evidence(fault);
                let happening = Happening::Rejected {
                    rejection,
                    mixed_scripts: false,
                };
                let now = self.shared.clock.now().ok_or(Error::Clock)?;
                self.tell(now, Subject::Binding(binding), None, happening.into());
                return Ok(Verdict::Rejected(rejection));
            }
        };
        let mut salts = Salts::default();
        if self.shared.signer.is_some() {
            self.can_keep_records(store)?;
            (self.shared.draw)(salts.as_flattened_mut())?;
            target.add_page();
        }
        self.run(
            store,
            &Verify {
                target,
                submission,
                evidence,
                salts,
            },
        )
    }

    /// Calls off the live challenge of `binding`. Attempts, budgets and cooldown stay.
    ///
    /// # Errors
    ///
    /// [`Error`]: the code may still be accepted.
    pub fn cancel(&self, store: &dyn Store, binding: &Binding) -> Result<Cancellation, Error> {
        self.run(
            store,
            &Cancel {
                target: self.target(binding)?,
            },
        )
    }

    /// Records what the gateway said of send number `send` of challenge `id`.
    ///
    /// A refused message is refunded: the send is taken back from all budgets, and 10 s of the
    /// cooldown are left. Once per send, and at most three times a day for one recipient; attempts
    /// are never given back. Only the latest send can be reported on, and once. After a time-out
    /// of the gateway report nothing: the message may have been sent.
    ///
    /// # Errors
    ///
    /// [`Error`]: nothing is known to be recorded; report once more.
    pub fn report_delivery(
        &self,
        store: &dyn Store,
        binding: &Binding,
        id: ChallengeId,
        send: u8,
        delivery: Delivery,
    ) -> Result<Reported, Error> {
        self.run(
            store,
            &Report {
                target: self.target(binding)?,
                id,
                send,
                delivery,
            },
        )
    }

    /// Returns how the challenge of exactly this binding stands; `None` where there is none.
    ///
    /// # Errors
    ///
    /// [`Error`]: nothing is known.
    pub fn status(&self, store: &dyn Store, binding: &Binding) -> Result<Option<Status>, Error> {
        self.run(
            store,
            &Look {
                target: self.target(binding)?,
            },
        )
    }

    /// Lifts what wrong guesses put on a user: the lock, and the failures of the day. For an
    /// administrator; slots that are exhausted stay so.
    ///
    /// # Errors
    ///
    /// [`Error`]: the user may still be locked.
    pub fn unlock(&self, store: &dyn Store, tenant: &str, user: &str) -> Result<Unlocking, Error> {
        let key = self.shared.keys.tenant(tenant).user_meter(user);
        self.run(store, &Unlock { key, tenant, user })
    }

    /// Returns the newest signature record of a field; `None` where nothing was signed.
    ///
    /// It is the one that the page, which is sealed, names as the newest. Whether a key of yours
    /// signed it says [`verify_record`](crate::verify_record).
    ///
    /// # Errors
    ///
    /// [`Error::Tampered`] where the record is missing or not the one that was appended; any other
    /// [`Error`]: nothing is known.
    pub fn latest_signature(
        &self,
        store: &dyn Store,
        tenant: &str,
        field: &RecordField<'_>,
    ) -> Result<Option<SignatureRecord>, Error> {
        Ok(self.signatures(store, tenant, field, 1)?.pop())
    }

    /// Returns the signature records of a field, newest first, at most `limit` of them.
    ///
    /// They are followed from the page, each by the digest that the next one holds: one that was
    /// changed, deleted, inserted or moved is an error. Hand them to
    /// [`verify_chain`](crate::verify_chain) with [`page`](Self::page) for the signatures.
    ///
    /// # Errors
    ///
    /// As [`latest_signature`](Self::latest_signature).
    pub fn signatures(
        &self,
        store: &dyn Store,
        tenant: &str,
        field: &RecordField<'_>,
        limit: usize,
    ) -> Result<Vec<SignatureRecord>, Error> {
        let keys = &self.shared.keys;
        let key = keys.tenant(tenant).page(field);
        let page = self.run(store, &ReadPage { key, tenant })?;
        let mut records: Vec<SignatureRecord> = Vec::new();
        let (mut due, mut n) = (page.head(), page.count());
        while let Some(head) = due.filter(|_| records.len() < limit) {
            let some = u64::try_from((limit - records.len()).min(MAX_CELLS))
                .unwrap_or(1)
                .min(n);
            let keys = (0..some)
                .map(|back| keys.record_key(&key, n - back))
                .collect();
            records.extend(self.run(store, &ReadRecords { keys, tenant, head })?);
            due = records.last().and_then(SignatureRecord::prev);
            n -= some;
            if due.is_some() != (n > 0) {
                return Err(Error::Tampered); // the first record alone names none before it
            }
        }
        Ok(records)
    }

    /// Returns how many signature records a field has, and the digest of the newest: what
    /// [`Expected::page`](crate::Expected::page) takes.
    ///
    /// # Errors
    ///
    /// [`Error`]: nothing is known.
    pub fn page(
        &self,
        store: &dyn Store,
        tenant: &str,
        field: &RecordField<'_>,
    ) -> Result<(u64, Option<[u8; 32]>), Error> {
        let key = self.shared.keys.tenant(tenant).page(field);
        let page = self.run(store, &ReadPage { key, tenant })?;
        Ok((page.count(), page.head()))
    }

    /// Erases personal details of the `n`th record of a field: their disclosures are dropped and a
    /// note stays. The record and its chain verify as before.
    ///
    /// Copies that were handed out are the host's to erase.
    ///
    /// # Errors
    ///
    /// [`Error`]: the details may still be there.
    pub fn erase(
        &self,
        store: &dyn Store,
        tenant: &str,
        field: &RecordField<'_>,
        n: u64,
        details: &[Detail],
    ) -> Result<Erased, Error> {
        let keys = &self.shared.keys;
        let key = keys.record_key(&keys.tenant(tenant).page(field), n);
        self.run(
            store,
            &Erase {
                key,
                tenant,
                details,
            },
        )
    }

    /// Drops at most `limit` cells whose time is over; returns how many. No answer depends on
    /// whether this was called: call it now and then, to make room.
    ///
    /// # Errors
    ///
    /// [`Error`]: cells may have been dropped nevertheless.
    pub fn purge(&self, store: &dyn Store, limit: usize) -> Result<usize, Error> {
        let now = self.shared.clock.now().ok_or(Error::Clock)?;
        Ok(store.purge(now, limit)?)
    }

    /// Loads, decides and commits until nobody else was first.
    ///
    /// Each lost round is the commit of somebody else, and attempts and budgets bound those: the
    /// bound is never met but where a store answers `Conflict` for no reason.
    fn run<O: Operation>(&self, store: &dyn Store, operation: &O) -> Result<O::Answer, Error> {
        let Shared { keys, clock, .. } = &*self.shared;
        let ground = self.ground();
        let seal = if O::RECORDS {
            Seal::Open
        } else {
            Seal::of(store.class())
        };
        let mut cells = Vec::with_capacity(operation.keys().len());
        for round in 0..ROUNDS {
            let now = clock.now().ok_or(Error::Clock)?;
            cells.clear();
            store.load(operation.keys(), &mut cells)?;
            let places = Places::open(keys, seal, operation.keys(), &cells, now)?;
            let mut writes = Writes::new(keys, seal);
            let Decision {
                answer,
                happenings,
                id,
            } = operation.decide(&ground, &places, &mut writes, now)?;
            let writes = writes.as_writes();
            if !writes.is_empty() && store.commit(&writes, now)? == Commit::Conflict {
                give_way(round);
                continue;
            }
            self.tell(now, operation.subject(), id, happenings);
            return Ok(answer);
        }
        Err(Error::Contended)
    }

    fn tell(
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

    fn target<'a>(&'a self, binding: &'a Binding) -> Result<Target<'a>, Error> {
        if self.policy.content() == Content::Required && binding.content().is_none() {
            return Err(Error::ContentRequired);
        }
        Ok(Target::new(&self.ground(), binding))
    }

    fn ground(&self) -> Ground<'_> {
        let Shared {
            keys,
            budgets,
            signer,
            ..
        } = &*self.shared;
        Ground {
            keys,
            policy: &self.policy,
            budgets,
            signer: signer.as_ref(),
        }
    }

    /// Fails where a code that is issued now could not leave its record.
    fn can_keep_records(&self, store: &dyn Store) -> Result<(), Error> {
        let Some(signer) = &self.shared.signer else {
            return Ok(());
        };
        if store.class() != Class::Permanent {
            return Err(Error::NotPermanent);
        }
        let now = self.shared.clock.now().ok_or(Error::Clock)?;
        signer.signs_at(now).map_err(Error::SigningKey)?;
        // The record's own numbers end at 2^53 - 1 and begin at 1970.
        if !(0..1 << 53).contains(&now.unix()) {
            return Err(Error::Clock);
        }
        Ok(())
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

/// Makes an [`Engine`].
#[must_use]
pub struct EngineBuilder {
    policy: Policy,
    shared: Shared,
}

impl EngineBuilder {
    /// Sets the limits of the codes.
    pub const fn policy(mut self, policy: Policy) -> Self {
        self.policy = policy;
        self
    }

    /// Sets the limits of users and recipients, which all siblings share.
    pub const fn budgets(mut self, budgets: Budgets) -> Self {
        self.shared.budgets = budgets;
        self
    }

    /// Sets the clock.
    pub fn clock(mut self, clock: impl Clock + 'static) -> Self {
        self.shared.clock = Box::new(clock);
        self
    }

    /// Sets the key that signs a record of every accepted code. The engine then works on
    /// [`Permanent`](crate::store::Class::Permanent) stores alone.
    pub fn signing_key(mut self, key: SigningKey) -> Self {
        self.shared.signer = Some(key);
        self
    }

    /// Sets who hears of what happens.
    pub fn observer(mut self, observer: impl Observer + 'static) -> Self {
        self.shared.observer = Some(Box::new(observer));
        self
    }

    /// Makes the engine.
    #[must_use]
    pub fn build(self) -> Engine {
        Engine {
            policy: self.policy,
            shared: Arc::new(self.shared),
        }
    }
}

impl fmt::Debug for EngineBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EngineBuilder")
            .field("policy", &self.policy)
            .finish_non_exhaustive()
    }
}

mod oath;

/// Lets others go first, longer and at random from the fourth lost round on.
#[cfg(feature = "std")]
fn give_way(round: u32) {
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
fn give_way(_: u32) {
    core::hint::spin_loop();
}

/// How often an operation is decided at most. Meters shared by many slots made it 59 with eight
/// writers on one page; a round is lost only to somebody else's commit.
const ROUNDS: u32 = 200;
