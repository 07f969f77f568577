//! The driver that awaits: the same preparations, rounds and answers, on an [`AsyncStore`].

use alloc::vec::Vec;
use core::future::{Future, poll_fn};
use core::task::Poll;

use arrayvec::ArrayVec;

use super::Engine;
use super::round::{ROUNDS, Round, Uncounted};
use super::trail::Trail;
use crate::binding::BindingRef;
use crate::operation::Operation;
use crate::operation::canary::{Act, Canary};
use crate::operation::cancel::Cancel;
use crate::operation::claim::ClaimSend;
use crate::operation::delivery::Report;
use crate::operation::reset::{ResetMeter, ResetSlot};
use crate::operation::signatures::{Erase, ReadChainHead};
use crate::operation::status::ReadStatus;
use crate::operation::unlock::Unlock;
use crate::store::Commit;
use crate::{
    AsyncStore, ChallengeId, Error, Issuance, Policy, Recipient, SignatureRecord, Submission,
    Target, Timestamp, Verdict,
    operation::{
        CancelOutcome, Claim, DeliveryReport, EraseOutcome, EraseRequest, ReportOutcome,
        ResetOutcome, Status, StoreCheck, UnlockOutcome,
    },
    record::ChainHead,
};

/// Declares methods of [`AsyncEngine`] that make an operation, and await the store until it is decided.
macro_rules! awaited {
    ($(
        $(#[$what:meta])*
        $name:ident $(<$life:lifetime>)? ($($arg:ident: $type:ty),*) -> $answer:ty = |$context:ident| $operation:expr;
    )*) => {$(
        $(#[$what])*
        ///
        /// # Errors
        ///
        #[doc = concat!("As [`Engine::", stringify!($name), "`](crate::Engine::", stringify!($name), "), which says all.")]
        pub async fn $name $(<$life>)? (
            &self,
            store: &impl crate::AsyncStore,
            $($arg: $type),*
        ) -> Result<$answer, Error> {
            let operation: Result<_, Error> = {
                let $context = &self.engine.context(store.class());
                $operation
            };
            self.repeat(store, &operation?).await
        }
    )*};
}

mod oath;

/// An [`Engine`] whose store is awaited: every operation has the name that it has there, and does
/// the same. There are no batches: a host awaits as many futures at once as it likes.
///
/// It needs no runtime of its own, and its futures are `Send` and may be polled by any. The
/// [observer](crate::Observer) and the clock are called in the middle of a poll: what blocks in
/// there holds up the executor. An operation's instant is that at which its round began, however
/// long its future lay unpolled since.
///
/// # A future that is dropped
///
/// A `select`, a time-out or a client that hangs up may drop a future at any time, and no count is
/// ever lost by it:
///
/// * Dropped before its commit was sent, nothing happened: between polls, nothing of a decision
///   has left the future, neither into the store nor to the observer.
/// * Dropped while its commit is under way, the whole decision may be applied or none of it, as
///   after [`store::Error::Unknown`](crate::store::Error): an attempt may have been counted, the
///   code used up, a send charged. The next call tells.
/// * The answer is gone with the future, and cannot be had a second time: a code that was accepted
///   in that very moment is [`AlreadyUsed`](crate::Rejection::AlreadyUsed) from then on. The
///   observer is not notified of such a commit, and a signature record that it appended is found by
///   [`latest_signature`](Self::latest_signature).
///
/// What was applied is never taken back: who drops futures in order to guess more often gains
/// nothing. Where an answer must arrive whatever becomes of the client, let a task of its own
/// await the operation.
///
/// ```
/// use core::{future::Future, pin::pin, task::{Context, Poll, Waker}};
/// use otp_engine::{AsyncEngine, Binding, Engine, KeyRing, MemoryStore, Mobile, Target, Submission};
///
/// async fn sign(engine: &AsyncEngine, store: &impl otp_engine::AsyncStore, binding: &Binding)
///     -> Result<bool, otp_engine::Error>
/// {
///     let issued = engine.issue(store, binding).await?.issued().expect("the first send is free");
///     // ... await the gateway, then judge what comes back:
///     let verdict = engine.verify(store, Submission::new(binding, issued.code.as_str())).await?;
///     Ok(verdict.is_accepted())
/// }
///
/// # let keys = KeyRing::builder().code("2026a", &[1; 32]).index(&[2; 32]).build()?;
/// # let binding = Binding::builder().tenant("acme").purpose("sign").user("7")
/// #     .target(Target { model: "m", field: "f", id: "1" })
/// #     .recipient(Mobile::parse("60123456789")?).build()?;
/// let engine = AsyncEngine::from(Engine::new(keys));
/// let store = MemoryStore::new(); // ready at the first poll
/// let signed = pin!(sign(&engine, &store, &binding));
/// let Poll::Ready(signed) = signed.poll(&mut Context::from_waker(Waker::noop())) else {
///     unreachable!("nothing in there waits");
/// };
/// assert!(signed?);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct AsyncEngine {
    engine: Engine,
}

impl From<Engine> for AsyncEngine {
    fn from(engine: Engine) -> Self {
        Self { engine }
    }
}

impl AsyncEngine {
    /// Makes a sibling with another policy, as [`Engine::with_policy`] does.
    #[must_use]
    pub fn with_policy(&self, policy: Policy) -> Self {
        self.engine.with_policy(policy).into()
    }

    /// Returns the engine behind it, for whatever asks no store.
    #[must_use]
    pub const fn engine(&self) -> &Engine {
        &self.engine
    }

    awaited! {
        /// Calls off the live challenge of `binding`.
        cancel<'b>(binding: impl Into<BindingRef<'b>>) -> CancelOutcome =
            |context| Cancel::new(context, binding.into());

        /// Claims a send whose message waited in a queue, and hands its code out.
        claim_send<'b>(binding: impl Into<BindingRef<'b>>, id: ChallengeId, send: u8) -> Claim =
            |context| ClaimSend::new(context, binding.into(), id, send);

        /// Records what the SMS or mail gateway said of one send.
        report_delivery<'b>(binding: impl Into<BindingRef<'b>>, report: DeliveryReport) -> ReportOutcome =
            |context| Report::new(context, binding.into(), report);

        /// Returns how the challenge of exactly this binding stands.
        status<'b>(binding: impl Into<BindingRef<'b>>) -> Option<Status> =
            |context| ReadStatus::new(context, binding.into());

        /// Lifts what wrong guesses put on a user.
        unlock(tenant: &str, user: &str) -> UnlockOutcome =
            |context| Unlock::new(context, tenant, user);

        /// Lifts what holds the slot of `binding` up.
        reset_slot<'b>(binding: impl Into<BindingRef<'b>>, reason: &str) -> ResetOutcome =
            |context| ResetSlot::new(context, binding.into(), reason);

        /// Forgets what was sent to a recipient and failed against it.
        reset_recipient(tenant: &str, recipient: &Recipient, reason: &str) -> ResetOutcome =
            |context| ResetMeter::of_recipient(context, tenant, recipient, reason);

        /// Lifts a user's locks and limit of sends.
        reset_user(tenant: &str, user: &str, reason: &str) -> ResetOutcome =
            |context| ResetMeter::of_user(context, tenant, user, reason);

        /// Returns how many signature records a target has, and the digest of the newest.
        chain_head(tenant: &str, target: &Target<'_>) -> ChainHead =
            |context| ReadChainHead::new(context, tenant, target);

        /// Erases personal details of one signature record.
        erase(request: &EraseRequest<'_>) -> EraseOutcome =
            |context| Erase::new(context, request);
    }

    /// Issues a code for `binding`, or hands out the live one once more: [`Engine::issue`].
    ///
    /// # Errors
    ///
    /// As [`Engine::issue`].
    pub async fn issue<'b>(
        &self,
        store: &impl AsyncStore,
        binding: impl Into<BindingRef<'b>>,
    ) -> Result<Issuance, Error> {
        let issue = self.engine.issuing(store.class(), binding.into())?;
        self.repeat(store, &issue).await
    }

    /// Says whether a code is accepted: [`Engine::accepts`].
    ///
    /// # Errors
    ///
    /// As [`Engine::verify`].
    pub async fn accepts(
        &self,
        store: &impl AsyncStore,
        submission: Submission<'_>,
    ) -> Result<bool, Error> {
        Ok(self.verify(store, submission).await?.is_accepted())
    }

    /// Judges what a person entered: [`Engine::verify`].
    ///
    /// # Errors
    ///
    /// As [`Engine::verify`].
    pub async fn verify(
        &self,
        store: &impl AsyncStore,
        submission: Submission<'_>,
    ) -> Result<Verdict, Error> {
        match self.engine.verifying(store.class(), submission)? {
            Ok(verify) => self.repeat(store, &verify).await,
            Err(fault) => self
                .engine
                .reject_evidence(submission.binding.binding(), fault),
        }
    }

    /// Returns the newest signature record of a target: [`Engine::latest_signature`].
    ///
    /// # Errors
    ///
    /// As [`Engine::latest_signature`].
    pub async fn latest_signature(
        &self,
        store: &impl AsyncStore,
        tenant: &str,
        target: &Target<'_>,
    ) -> Result<Option<SignatureRecord>, Error> {
        Ok(self.signatures(store, tenant, target, 1).await?.pop())
    }

    /// Returns the signature records of a target, newest first, at most `limit` of them:
    /// [`Engine::signatures`].
    ///
    /// # Errors
    ///
    /// As [`Engine::signatures`].
    pub async fn signatures(
        &self,
        store: &impl AsyncStore,
        tenant: &str,
        target: &Target<'_>,
        limit: usize,
    ) -> Result<Vec<SignatureRecord>, Error> {
        let head = ReadChainHead::new(&self.engine.context(store.class()), tenant, target)?;
        let mut trail = Trail::new(&head, &self.repeat(store, &head).await?, limit);
        while let Some(read) = trail.next(&self.engine.shared.keys) {
            trail.follow(self.repeat(store, &read).await?)?;
        }
        Ok(trail.into_records())
    }

    /// Drops at most `limit` cells whose time is over; returns how many: [`Engine::purge`].
    ///
    /// # Errors
    ///
    /// As [`Engine::purge`].
    pub async fn purge(&self, store: &impl AsyncStore, limit: usize) -> Result<usize, Error> {
        let now = self.admit_purge(store, false).await?;
        Ok(store.purge(now, limit).await?)
    }

    /// Purges though the clock lies far ahead: [`Engine::purge_confirmed`].
    ///
    /// # Errors
    ///
    /// As [`Engine::purge_confirmed`].
    pub async fn purge_confirmed(
        &self,
        store: &impl AsyncStore,
        limit: usize,
    ) -> Result<usize, Error> {
        let now = self.admit_purge(store, true).await?;
        Ok(store.purge(now, limit).await?)
    }

    async fn admit_purge(
        &self,
        store: &impl AsyncStore,
        confirmed: bool,
    ) -> Result<Timestamp, Error> {
        let now = match self.engine.prepare_purge(store.class(), confirmed) {
            Some(mut admit) => {
                let mut admitted = self.repeat(store, &admit).await?;
                if admitted.is_first && store.has_cells().await? != Some(false) {
                    admit.is_begun = true;
                    admitted = self.repeat(store, &admit).await?;
                }
                admitted.now
            }
            None => self.engine.admit_alone(confirmed)?,
        };
        self.engine.purges_at(now, confirmed);
        Ok(now)
    }

    /// Checks that `store` belongs to these keys; every host does so at its start:
    /// [`Engine::check_store`].
    ///
    /// # Errors
    ///
    /// As [`Engine::check_store`].
    pub async fn check_store(&self, store: &impl AsyncStore) -> Result<StoreCheck, Error> {
        let known = self.canary(store, Act::Check { is_empty: false }).await;
        if !matches!(known, Err(Error::NoCanary)) {
            return known;
        }
        // Asked between two loads: whoever wrote a cell after the first has begun the store before.
        let is_empty = store.has_cells().await? == Some(false);
        self.canary(store, Act::Check { is_empty }).await
    }

    /// Takes over a store from before there were canaries: [`Engine::adopt_store`].
    ///
    /// # Errors
    ///
    /// As [`Engine::adopt_store`].
    pub async fn adopt_store(&self, store: &impl AsyncStore) -> Result<StoreCheck, Error> {
        self.canary(store, Act::Adopt).await
    }

    /// Begins a store anew with these keys, whatever it holds: [`Engine::begin_store`].
    ///
    /// # Errors
    ///
    /// As [`Engine::begin_store`].
    pub async fn begin_store(&self, store: &impl AsyncStore) -> Result<StoreCheck, Error> {
        self.canary(store, Act::Begin).await
    }

    async fn canary(&self, store: &impl AsyncStore, act: Act) -> Result<StoreCheck, Error> {
        self.repeat(store, &Canary::new(act, store.class())).await
    }

    /// Loads, decides and commits until nobody else was first; only the store is awaited.
    async fn repeat<O: Operation>(
        &self,
        store: &impl AsyncStore,
        operation: &O,
    ) -> Result<O::Answer, Error> {
        let mut uncounted = Uncounted::default();
        for _ in 0..ROUNDS {
            let round = Round::begin(&self.engine, operation, store.class())?;
            let cells = store.load(operation.asked()).await?;
            let places = round.open(&cells)?;
            if let Some(due) = round.due(&places, &uncounted)? {
                let loaded;
                let record = if let Some(record) = round.beside(&due, &cells) {
                    record
                } else {
                    loaded = store.load(&[due.key]).await?;
                    &loaded
                };
                if uncounted.found(due.key, record)? {
                    back_off().await;
                    continue;
                }
            }
            let mut bodies = Vec::new();
            let mut decided = round.writes(&mut bodies);
            let decision = round.decide(&places, &mut decided)?;
            let mut writes = ArrayVec::new();
            decided.list(&mut writes);
            if !writes.is_empty() {
                let outcome = store.commit(&writes, round.now()).await?;
                if outcome == Commit::Conflict {
                    uncounted.lose(&writes);
                    back_off().await;
                    continue;
                }
                self.engine.shared.newest.committed(round.now());
            }
            // From the commit's outcome to the answer nothing is awaited: whoever drops the future
            // cannot come between them.
            return Ok(round.settle(decision));
        }
        Err(Error::Contended)
    }
}

/// Lets the executor poll others first: a store that is ready at once would never let them.
fn back_off() -> impl Future<Output = ()> + Send {
    let mut gave = false;
    poll_fn(move |context| {
        if gave {
            return Poll::Ready(());
        }
        gave = true;
        context.waker().wake_by_ref();
        Poll::Pending
    })
}
