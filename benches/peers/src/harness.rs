//! An engine on a memory store with many slots, each with a user and a recipient of its own.

use core::hint::black_box;
use std::sync::Arc;

use otp_engine::binding::{BindingRef, Bound};
use otp_engine::{
    Binding, ChallengeId, Clock, Engine, Issuance, KeyRing, ManualClock, MemoryStore, Mobile,
    RateLimits, Submission, SystemClock, Target, Timestamp, Verdict,
};

/// Whether users and recipients have meters.
#[derive(Clone, Copy)]
pub(crate) enum Profile {
    Bare,
    Default,
}

impl Profile {
    pub(crate) const ALL: [Self; 2] = [Self::Bare, Self::Default];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Bare => "bare",
            Self::Default => "default",
        }
    }

    pub(crate) const fn is_limited(self) -> bool {
        matches!(self, Self::Default)
    }
}

pub(crate) struct Harness {
    engine: Engine,
    store: MemoryStore,
    clock: Arc<ManualClock>,
}

/// What was handed out.
pub(crate) struct Ticket {
    pub(crate) code: String,
    pub(crate) id: ChallengeId,
}

impl Harness {
    pub(crate) fn new(profile: Profile, slots: usize) -> Self {
        let clock = Arc::new(ManualClock::new(Timestamp::from_unix(0)));
        let keys = KeyRing::builder()
            .code("2026a", &[1; 32])
            .index(&[2; 32])
            .build()
            .expect("the keys are long enough");
        let rate_limits = match profile {
            Profile::Bare => RateLimits::unlimited(),
            Profile::Default => RateLimits::default(),
        };
        let both = Both {
            shown: clock.clone(),
            read: SystemClock::new(),
        };
        Self {
            engine: Engine::builder(keys)
                .rate_limits(rate_limits)
                .clock(both)
                .build(),
            // The slot and its meters, and as much again: a full store would search before it refuses.
            store: MemoryStore::with_capacity_limit(6 * slots),
            clock,
        }
    }

    pub(crate) fn set(&self, seconds: i64) {
        self.clock.set(Timestamp::from_unix(seconds));
    }

    pub(crate) fn issue(&self, binding: &Binding) -> Ticket {
        let issuance = self.engine.issue(&self.store, black_box(binding));
        let issued = issuance.expect("the store is there").issued();
        let issued = issued.expect("the clock went on, so that no rate limit refuses");
        Ticket {
            code: issued.code.as_str().to_owned(),
            id: issued.id,
        }
    }

    /// Issues as a row does: the answer is not kept.
    pub(crate) fn issue_only<'b>(&self, binding: impl Into<BindingRef<'b>>) {
        issued(self.engine.issue(&self.store, black_box(binding.into())));
    }

    pub(crate) fn issue_many(&self, bindings: &[BindingRef<'_>]) {
        self.engine
            .issue_many(&self.store, black_box(bindings), |_, answer| issued(answer));
    }

    pub(crate) fn bind(&self, binding: &Binding) -> Bound {
        self.engine.bind(binding.clone())
    }

    pub(crate) fn verify_many(
        &self,
        submissions: &[Submission<'_>],
        mut judged: impl FnMut(Verdict),
    ) {
        self.engine
            .verify_many(&self.store, black_box(submissions), |_, verdict| {
                judged(black_box(verdict.expect("the store is there")));
            });
    }

    pub(crate) fn verify(&self, submission: Submission<'_>) -> Verdict {
        let verdict = self.engine.verify(&self.store, black_box(submission));
        black_box(verdict.expect("the store is there"))
    }

    /// Forgives a user's wrong guesses.
    pub(crate) fn unlock(&self, binding: &Binding) {
        let unlocked = self
            .engine
            .unlock(&self.store, binding.tenant(), binding.user());
        let _ = unlocked.expect("the store is there");
    }

    /// Purges under a clock that the row has turned by days: a purge by itself would not believe it.
    pub(crate) fn purge(&self, limit: usize) -> usize {
        let purged = self.engine.purge_confirmed(&self.store, limit);
        purged.expect("the store is there")
    }

    pub(crate) fn cells(&self) -> usize {
        self.store.len()
    }
}

fn issued(answer: Result<Issuance, otp_engine::Error>) {
    let refused = black_box(&answer.expect("the store is there")).refused();
    assert!(refused.is_none(), "a refusal is other work");
}

/// The time that is shown, and a read of the system's clock, as a host pays it.
struct Both {
    shown: Arc<ManualClock>,
    read: SystemClock,
}

impl Clock for Both {
    fn now(&self) -> Option<Timestamp> {
        black_box(self.read.now())?;
        self.shown.now()
    }
}

pub(crate) fn binding(at: usize) -> Binding {
    let (record, number) = (at.to_string(), format!("601{at:08}"));
    let built = Binding::builder()
        .tenant("acme")
        .purpose("sign")
        .target(Target {
            model: "loan.application",
            field: "client_schedule_esms_otp_signature_ids",
            id: &record,
        })
        .user(&record)
        .recipient(Mobile::parse(&number).expect("it has eleven digits"))
        .build();
    built.expect("every text is in bounds")
}

/// Returns another code of as many digits.
pub(crate) fn wrong(code: &str) -> String {
    let (rest, last) = code.split_at(code.len() - 1);
    format!("{rest}{}", if last == "7" { '8' } else { '7' })
}
