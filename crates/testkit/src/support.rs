//! The checker of histories, and what a slot promises, as the storms of the core have them.

#[path = "../../../tests/support/linearizable.rs"]
pub(crate) mod linearizable;
#[path = "../../../tests/support/slot.rs"]
pub(crate) mod slot;

/// The limits of the default policy.
pub(crate) mod fixture {
    pub(crate) const MAX_ATTEMPTS: u8 = 5;
    pub(crate) const USER_FAILURES: u8 = 15;
    pub(crate) const USER_SENDS: u8 = 10;
}
