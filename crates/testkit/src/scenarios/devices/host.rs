//! A host that asks one store about devices.

use core::time::Duration;
use std::sync::Arc;

use otp_engine::oath::Acceptance;
use otp_engine::operation::DeviceReset;
use otp_engine::{
    Engine, Error, Evidence, KeyRing, ManualClock, RateLimits, Rejection, Store, Timestamp,
    Verdict, operation::ResetOutcome,
};

use super::token::Token;

/// An engine whose clock stands, and its store.
pub(super) struct Host {
    pub(super) engine: Engine,
    pub(super) clock: Arc<ManualClock>,
    pub(super) start: Timestamp,
    pub(super) store: Box<dyn Store>,
}

impl Host {
    pub(super) fn new(store: Box<dyn Store>, now: Timestamp, rate_limits: RateLimits) -> Self {
        let keys = KeyRing::builder().code("2026a", &[1; 32]).index(&[2; 32]);
        let clock = Arc::new(ManualClock::new(now));
        let builder = Engine::builder(keys.build().unwrap()).rate_limits(rate_limits);
        Self {
            engine: builder.clock(Arc::clone(&clock)).build(),
            clock,
            start: now,
            store,
        }
    }

    /// Sets the clock so many steps after the start.
    pub(super) fn moves_to(&self, round: u64) {
        self.clock.set(self.at(round));
    }

    /// Returns the first second of a step, so many after the start.
    pub(super) fn at(&self, round: u64) -> Timestamp {
        self.start.saturating_add(Duration::from_secs(30 * round))
    }

    /// Returns what a device shows in a round; one with a clock, so many steps after the start.
    pub(super) fn reads(&self, token: &Token, round: u64) -> String {
        token.shows(&self.engine, self.at(round), round)
    }

    pub(super) fn asks(
        &self,
        token: &Token,
        round: u64,
        entered: &str,
    ) -> Result<Verdict<Acceptance>, Error> {
        let (devices, binding) = ([token.device()], token.binding(round));
        self.engine
            .verify_devices(&*self.store, binding, &devices, entered, Evidence::new())
    }

    pub(super) fn hears(&self, token: &Token, round: u64, entered: &str) -> Option<Rejection> {
        self.asks(token, round, entered).unwrap().rejection()
    }

    pub(super) fn resets(&self, token: &Token) -> ResetOutcome {
        let (binding, device) = (token.binding(0), token.device());
        let (tenant, user) = (binding.tenant(), binding.user());
        let reset = self.engine.reset_device(
            &*self.store,
            &DeviceReset {
                tenant,
                user,
                device,
                reason: "a trial",
            },
        );
        reset.unwrap()
    }
}
