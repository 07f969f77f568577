//! The engine that awaits its store is the engine that blocks, and may be dropped at any time.
//!
//! Both drivers are asked the same and must answer, write and tell the same; each future is
//! dropped after each number of polls, and hundreds are polled and dropped in a random order. No
//! runtime is behind any of it. A test that draws a seed prints it; `OTP_TEST_SEED=N cargo test
//! --all-features --test concurrency` repeats it.
#![expect(
    clippy::print_stdout,
    reason = "the figures of a run, and the seed that repeats it"
)]

use core::hash::{BuildHasher, Hasher};

use otp_engine::oath::{CodePair, Device, Hotp, Ocra, OcraOptions, Totp};
use otp_engine::{
    AsyncEngine, AsyncStore, Binding, ChallengeId, Engine, Evidence, Policy, Submission,
    operation::{Delivery, DeliveryReport, EraseRequest},
};

use crate::support::fixture;

mod by_hand;
mod calls;
mod drops;
mod equivalence;
mod ledger;
mod storm;
mod trips;

/// Compiles only if every future of every store can move between threads.
#[expect(dead_code, reason = "the compiler is the test")]
fn all_futures_are_send<S: AsyncStore>(engine: &AsyncEngine, store: &S, binding: &Binding) {
    fn is_send<T: Send>(_: T) {}
    let field = binding.target();
    is_send(engine.issue(store, binding));
    is_send(engine.verify(store, Submission::new(binding, "123456")));
    is_send(engine.cancel(store, binding));
    let id = ChallengeId::from_bytes([0; 16]);
    is_send(engine.claim_send(store, binding, id, 1));
    is_send(engine.report_delivery(
        store,
        binding,
        DeliveryReport {
            id,
            send: 1,
            delivery: Delivery::Sent,
        },
    ));
    is_send(engine.status(store, binding));
    is_send(engine.unlock(store, "acme", "7"));
    is_send(engine.latest_signature(store, "acme", &field));
    is_send(engine.signatures(store, "acme", &field, 9));
    is_send(engine.chain_head(store, "acme", &field));
    is_send(engine.erase(
        store,
        &EraseRequest {
            tenant: "acme",
            target: field,
            sequence: 1,
            details: &[],
        },
    ));
    is_send(engine.purge(store, 9));
    is_send(engine.check_store(store));
    is_send(engine.adopt_store(store));
    is_send(engine.begin_store(store));
    is_send(async move |hotp: &Hotp, totp: &Totp, ocra: &Ocra| {
        let codes = ["123456", "123456"];
        is_send(engine.verify_devices(
            store,
            binding,
            &[Device::hotp(hotp, 1)],
            "123456",
            Evidence::new(),
        ));
        is_send(engine.resynchronise(
            store,
            binding,
            Device::hotp(hotp, 0),
            CodePair { codes, reach: 1 },
            Evidence::new(),
        ));
        is_send(engine.verify_devices(
            store,
            binding,
            &[Device::totp(totp, 1)],
            "123456",
            Evidence::new(),
        ));
        is_send(engine.resynchronise(
            store,
            binding,
            Device::totp(totp, 0),
            CodePair { codes, reach: 1 },
            Evidence::new(),
        ));
        is_send(engine.verify_devices(
            store,
            binding,
            &[Device::ocra(ocra, OcraOptions::new())],
            "123456",
            Evidence::new(),
        ));
    });
}

#[test]
fn a_sibling_shares_all_but_the_policy() {
    let engine = Engine::new(fixture::keys());
    let policy = Policy::builder().digits(10).build().unwrap();
    let sibling = AsyncEngine::from(engine.clone()).with_policy(policy);
    assert_eq!(sibling.engine().policy(), &policy);
    assert_ne!(engine.policy(), &policy);
    assert_eq!(sibling.engine().rate_limits(), engine.rate_limits());
}

/// Repeatable numbers (splitmix64), good for nothing secret.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        usize::try_from((mixed ^ (mixed >> 31)) % bound as u64).unwrap()
    }
}

fn seed() -> u64 {
    match std::env::var("OTP_TEST_SEED") {
        Ok(text) => text.parse().expect("OTP_TEST_SEED is a number"),
        Err(_) => std::hash::RandomState::new().build_hasher().finish() >> 32,
    }
}
