//! How an engine is put together.

use alloc::{boxed::Box, sync::Arc};
use core::fmt;

use super::{Engine, Shared};
use crate::{Clock, Observer, Policy, RateLimits, SigningKey};

/// Makes an [`Engine`].
#[must_use]
pub struct EngineBuilder {
    pub(super) policy: Policy,
    pub(super) shared: Shared,
}

impl EngineBuilder {
    /// Sets the limits of the codes.
    pub const fn policy(mut self, policy: Policy) -> Self {
        self.policy = policy;
        self
    }

    /// Sets the limits of users and recipients, which all siblings share.
    pub const fn rate_limits(mut self, rate_limits: RateLimits) -> Self {
        self.shared.rate_limits = rate_limits;
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

    /// Sets the observer, which is notified of every committed decision.
    pub fn observer(mut self, observer: impl Observer + 'static) -> Self {
        self.shared.observer = Some(Box::new(observer));
        self
    }

    /// Makes the engine; it notes when.
    #[must_use]
    pub fn build(mut self) -> Engine {
        self.shared.began = self.shared.clock.now();
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
