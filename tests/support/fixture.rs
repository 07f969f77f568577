//! An engine in which nothing is left to chance: fixed keys, a clock that stands still, counted
//! randomness, and a list of its events.
#![allow(
    dead_code,
    missing_docs,
    unreachable_pub,
    clippy::unwrap_used,
    reason = "each test file uses its part; a fixture that fails is a failed test"
)]

use core::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use otp_engine::{
    Binding, ContentDigest, Engine, EngineBuilder, Event, Issued, KeyRing, ManualClock,
    MemoryStore, Mobile, Policy, RandomnessError, RateLimits, Refusal, Rejection, Submission,
    Target, Timestamp, Verdict,
    binding::BindingBuilder,
    challenge::GatewayStatus,
    event::EventKind,
    operation::{Delivery, DeliveryReport, ReportOutcome},
};

/// The instant at which each test begins, 2024-05-15 10:00:00 UTC.
pub const START: i64 = 1_715_767_200;

/// The instant `seconds` after the start.
pub fn at(seconds: i64) -> Timestamp {
    Timestamp::from_unix(START + seconds)
}

pub struct Harness {
    pub engine: Engine,
    pub store: MemoryStore,
    pub clock: Arc<ManualClock>,
    pub events: Arc<Mutex<Vec<EventKind>>>,
    pub draws: Arc<AtomicU64>,
}

impl Harness {
    pub fn new() -> Self {
        Self::with(|builder| builder)
    }

    pub fn with_policy(policy: Policy) -> Self {
        Self::with(|builder| builder.policy(policy))
    }

    pub fn with_rate_limits(rate_limits: RateLimits) -> Self {
        Self::with(|builder| builder.rate_limits(rate_limits))
    }

    pub fn with(set: impl FnOnce(EngineBuilder) -> EngineBuilder) -> Self {
        Self::on(keys(), set)
    }

    pub fn on(keys: KeyRing, set: impl FnOnce(EngineBuilder) -> EngineBuilder) -> Self {
        let draws = Arc::new(AtomicU64::new(0));
        let counter = Arc::clone(&draws);
        let randomness = move |bytes: &mut [u8]| {
            counted(counter.fetch_add(1, Ordering::SeqCst) + 1, bytes);
            Ok(())
        };
        Self::build(keys, draws, randomness, set)
    }

    /// With codes of [`policy`].
    pub fn with_ten_digits() -> Self {
        Self::with_policy(policy())
    }

    /// The same with keys of another epoch.
    pub fn with_epoch(epoch: u32) -> Self {
        Self::on(keys_of(epoch), |builder| builder.policy(policy()))
    }

    /// The same with another source of randomness.
    pub fn with_randomness(
        randomness: impl Fn(&mut [u8]) -> Result<(), RandomnessError> + Send + Sync + 'static,
    ) -> Self {
        Self::build(keys(), Arc::default(), randomness, |builder| {
            builder.policy(policy())
        })
    }

    /// The same with locks that end by themselves: what a store that expires asks for.
    pub fn whose_locks_end() -> Self {
        let days_30 = core::time::Duration::from_secs(30 * 86_400);
        let rate_limits = RateLimits::builder().lock_ends_after(days_30);
        let rate_limits = rate_limits.build().unwrap();
        Self::with(|builder| builder.policy(policy()).rate_limits(rate_limits))
    }

    fn build(
        keys: KeyRing,
        draws: Arc<AtomicU64>,
        randomness: impl Fn(&mut [u8]) -> Result<(), RandomnessError> + Send + Sync + 'static,
        set: impl FnOnce(EngineBuilder) -> EngineBuilder,
    ) -> Self {
        let clock = Arc::new(ManualClock::new(at(0)));
        let events = Arc::new(Mutex::new(Vec::new()));
        let heard = Arc::clone(&events);
        let builder = Engine::builder_on(keys, Arc::clone(&clock), randomness)
            .observer(move |event: &Event<'_>| heard.lock().unwrap().push(event.kind));
        Self {
            engine: set(builder).build(),
            store: MemoryStore::new(),
            clock,
            events,
            draws,
        }
    }

    /// Sets the clock to `seconds` after the start.
    pub fn at(&self, seconds: i64) -> &Self {
        self.clock.set(at(seconds));
        self
    }

    pub fn issue(&self, binding: &Binding) -> Issued {
        match self.engine.issue(&self.store, binding).unwrap() {
            otp_engine::Issuance::Issued(issued) => issued,
            otp_engine::Issuance::Refused(refusal) => panic!("refused: {refusal:?}"),
        }
    }

    pub fn refusal(&self, binding: &Binding) -> Refusal {
        self.engine
            .issue(&self.store, binding)
            .unwrap()
            .refused()
            .expect("a refusal")
    }

    pub fn verify(&self, binding: &Binding, entered: &str) -> Verdict {
        self.engine
            .verify(&self.store, Submission::new(binding, entered))
            .unwrap()
    }

    pub fn accepts(&self, binding: &Binding, entered: &str) -> bool {
        self.verify(binding, entered).is_accepted()
    }

    pub fn rejection(&self, binding: &Binding, entered: &str) -> Rejection {
        self.verify(binding, entered)
            .rejection()
            .expect("a rejection")
    }

    /// Guesses wrong once, and returns how many attempts are left.
    pub fn guess_wrong(&self, binding: &Binding, issued: &Issued) -> u8 {
        match self.rejection(binding, &wrong(issued)) {
            Rejection::Wrong { attempts_left } => attempts_left,
            other => panic!("not compared: {other:?}"),
        }
    }

    pub fn report(&self, binding: &Binding, issued: &Issued, delivery: Delivery) -> ReportOutcome {
        let Issued { id, send, .. } = *issued;
        let report = DeliveryReport { id, send, delivery };
        self.engine
            .report_delivery(&self.store, binding, report)
            .unwrap()
    }

    pub fn heard(&self) -> Vec<EventKind> {
        core::mem::take(&mut *self.events.lock().unwrap())
    }
}

/// Ten digits, so that no guess made up here is right by chance; all other limits by default.
pub fn policy() -> Policy {
    Policy::builder().digits(10).build().unwrap()
}

/// What a slot grants before it closes, and the rate limits of a user: the defaults, by heart.
pub const MAX_ATTEMPTS: u8 = 5;
pub const USER_FAILURES: u8 = 15;
pub const USER_SENDS: u8 = 10;
/// After so many seconds the cooldown is over.
pub const COOLDOWN: i64 = 60;

/// Fills `bytes` with what no other draw has, and the same in every run.
pub fn counted(draw: u64, bytes: &mut [u8]) {
    bytes.fill(0xC0);
    let length = bytes.len().min(8);
    bytes[..length].copy_from_slice(&draw.to_be_bytes()[8 - length..]);
}

/// A code that is as long and not the one that was issued.
pub fn wrong(issued: &Issued) -> String {
    beside(issued.code.as_str())
}

/// A guess of the right form, one digit beside `code`.
pub fn beside(code: &str) -> String {
    let last = if code.ends_with('7') { "8" } else { "7" };
    format!("{}{last}", &code[..code.len() - 1])
}

pub fn keys() -> KeyRing {
    keys_of(0)
}

pub fn keys_of(epoch: u32) -> KeyRing {
    let ring = KeyRing::builder()
        .code("2026a", &[1; 32])
        .index(&[2; 32])
        .epoch(epoch);
    ring.build().unwrap()
}

/// Another record for another user; another `world` is another tenant, so that no rate limit is shared
/// with it.
pub fn binding_of(world: usize, user: usize, record: usize) -> Binding {
    let number = format!("6012{:07}", world % 10_000 * 1_000 + user * 100 + record);
    Binding::builder()
        .tenant(&format!("tenant {world}"))
        .purpose("sign")
        .target(Target {
            model: "loan",
            field: "signature",
            id: &record.to_string(),
        })
        .user(&user.to_string())
        .recipient(mobile(&number))
        .build()
        .unwrap()
}

/// The contract's own example; each test changes what it is about.
pub fn parts<'a>() -> BindingBuilder<'a> {
    Binding::builder()
        .tenant("acme")
        .purpose("sign")
        .target(record("15"))
        .user("7")
        .recipient(mobile("60123456789"))
}

pub fn binding() -> Binding {
    parts().build().unwrap()
}

pub fn record(record: &str) -> Target<'_> {
    Target {
        model: "loan.application",
        field: "client_schedule_esms_otp_signature_ids",
        id: record,
    }
}

pub fn mobile(number: &str) -> Mobile {
    Mobile::parse(number).unwrap()
}

pub fn status(status: &str) -> GatewayStatus {
    GatewayStatus::parse(status).unwrap()
}

pub fn content(text: &str) -> ContentDigest {
    ContentDigest::of(text.as_bytes())
}
