//! An engine in which nothing is left to chance: fixed keys, a clock that stands still, counted
//! randomness, and an ear for its events.

use core::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use otp_engine::{
    Binding, Engine, EngineBuilder, Event, KeyRing, ManualClock, Mobile, Policy, RandomnessError,
    Target, Timestamp, event::EventKind,
};

/// An engine, its clock, and what its observer heard.
pub(crate) struct Harness {
    pub(crate) engine: Engine,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) heard: Arc<Mutex<Vec<EventKind>>>,
}

impl Harness {
    pub(crate) fn new() -> Self {
        Self::with_epoch(0)
    }

    /// The same keys under another epoch.
    pub(crate) fn with_epoch(epoch: u32) -> Self {
        let drawn = AtomicU64::new(0);
        Self::with_randomness(epoch, move |bytes| {
            counted(drawn.fetch_add(1, Ordering::SeqCst), bytes);
            Ok(())
        })
    }

    /// The same engine on another source of randomness.
    pub(crate) fn with_randomness(
        epoch: u32,
        randomness: impl Fn(&mut [u8]) -> Result<(), RandomnessError> + Send + Sync + 'static,
    ) -> Self {
        let clock = Arc::new(ManualClock::new(at(0)));
        let builder = Engine::builder_on(keys(epoch), Arc::clone(&clock), randomness);
        Self::listen(builder, clock)
    }

    /// An engine whose locks end by themselves: what a store that expires asks for.
    #[allow(dead_code, reason = "each test file uses its part")]
    pub(crate) fn whose_locks_end() -> Self {
        let drawn = AtomicU64::new(0);
        let clock = Arc::new(ManualClock::new(at(0)));
        let days_30 = core::time::Duration::from_secs(30 * 86_400);
        let rate_limits = otp_engine::RateLimits::builder().lock_ends_after(days_30);
        let builder = Engine::builder_on(keys(0), Arc::clone(&clock), move |bytes| {
            counted(drawn.fetch_add(1, Ordering::SeqCst), bytes);
            Ok(())
        });
        Self::listen(builder.rate_limits(rate_limits.build().unwrap()), clock)
    }

    fn listen(builder: EngineBuilder, clock: Arc<ManualClock>) -> Self {
        let heard = Arc::new(Mutex::new(Vec::new()));
        let ear = Arc::clone(&heard);
        let observer = move |event: &Event<'_>| ear.lock().unwrap().push(event.kind);
        let engine = builder.policy(policy()).observer(observer).build();
        Self {
            engine,
            clock,
            heard,
        }
    }

    /// Takes what was heard since the last call.
    pub(crate) fn events(&self) -> Vec<EventKind> {
        core::mem::take(&mut self.heard.lock().unwrap())
    }
}

/// Ten digits, so that no guess made up here is right by chance; all other limits by default.
pub(crate) fn policy() -> Policy {
    Policy::builder().digits(10).build().unwrap()
}

/// What a slot grants before it closes, and the rate limits of a user: the defaults, by heart.
pub(crate) const MAX_ATTEMPTS: u8 = 5;
pub(crate) const USER_FAILURES: u8 = 15;
pub(crate) const USER_SENDS: u8 = 10;
/// After so many seconds the cooldown is over.
pub(crate) const COOLDOWN: i64 = 60;

pub(crate) fn keys(epoch: u32) -> KeyRing {
    let ring = KeyRing::builder()
        .code("2026a", &[1; 32])
        .index(&[2; 32])
        .epoch(epoch);
    ring.build().unwrap()
}

/// The record field `record` for a user; another `world` is another tenant, so that no rate limit is
/// shared with it.
pub(crate) fn binding(world: usize, user: usize, record: usize) -> Binding {
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
        .recipient(Mobile::parse(&number).unwrap())
        .build()
        .unwrap()
}

/// A guess of the right form, one digit beside `code`.
pub(crate) fn beside(code: &str) -> String {
    let (rest, last) = code.split_at(code.len() - 1);
    let digit: u32 = last.parse().unwrap();
    format!("{rest}{}", (digit + 1) % 10)
}

pub(crate) fn at(second: i64) -> Timestamp {
    Timestamp::from_unix(1_715_767_200 + second)
}

/// Fills `bytes` with words that are all different and the same in every run.
pub(crate) fn counted(mut word: u64, bytes: &mut [u8]) {
    for chunk in bytes.chunks_mut(8) {
        word = word.wrapping_add(0x9E37_79B9_7F4A_7C15);
        chunk.copy_from_slice(&word.to_be_bytes()[..chunk.len()]);
    }
}
