//! The shell: the only place that reads the clock, draws randomness and calls a store. It decides
//! nothing.

use alloc::{boxed::Box, sync::Arc, vec::Vec};
use core::fmt;

use rand_core::{TryCryptoRng, TryRng};

use crate::event::{Event, Observer};
use crate::keys::KeyRing;
use crate::operation::cancel::Cancel;
use crate::operation::delivery::Report;
use crate::operation::issue::Issue;
use crate::operation::status::Look;
use crate::operation::unlock::Unlock;
use crate::operation::verify::Verify;
use crate::operation::{Ground, Operation, Subject, Target};
use crate::seal::{Places, Writes};
use crate::store::{Commit, Store};
use crate::{
    Binding, Budgets, Cancellation, ChallengeId, Clock, Content, Delivery, Error, Finding,
    Issuance, Odds, Policy, Reported, Status, Submission, Unlocking, Verdict,
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
        self.run(
            store,
            &Verify {
                target: self.target(submission.binding)?,
                submission,
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
        let key = self.shared.keys.user_meter_key(tenant, user);
        self.run(store, &Unlock { key, tenant, user })
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
        let Shared {
            keys,
            budgets,
            clock,
            observer,
            ..
        } = &*self.shared;
        let ground = Ground {
            keys,
            policy: &self.policy,
            budgets,
        };
        let class = store.class();
        let mut cells = Vec::with_capacity(operation.keys().len());
        for round in 0..ROUNDS {
            let now = clock.now().ok_or(Error::Clock)?;
            cells.clear();
            store.load(operation.keys(), &mut cells)?;
            let places = Places::open(keys, class, operation.keys(), &cells, now)?;
            let mut writes = Writes::new(keys, class);
            let decision = operation.decide(&ground, &places, &mut writes, now)?;
            let writes = writes.as_writes();
            if !writes.is_empty() && store.commit(&writes, now)? == Commit::Conflict {
                give_way(round);
                continue;
            }
            if let Some(observer) = observer {
                let (tenant, user, binding) = match operation.subject() {
                    Subject::Binding(binding) => (binding.tenant(), binding.user(), Some(binding)),
                    Subject::User { tenant, user } => (tenant, user, None),
                };
                for what in decision.happenings.iter() {
                    observer.observe(&Event {
                        at: now,
                        what,
                        tenant,
                        user,
                        binding,
                        id: decision.id,
                    });
                }
            }
            return Ok(decision.answer);
        }
        Err(Error::Contended)
    }

    fn target<'a>(&self, binding: &'a Binding) -> Result<Target<'a>, Error> {
        if self.policy.content() == Content::Required && binding.content().is_none() {
            return Err(Error::ContentRequired);
        }
        let Shared { keys, budgets, .. } = &*self.shared;
        Ok(Target::new(
            &Ground {
                keys,
                policy: &self.policy,
                budgets,
            },
            binding,
        ))
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
