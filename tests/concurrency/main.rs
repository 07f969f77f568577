//! Whatever comes at once or fails: threads, schedules, futures that are dropped, and stores, clocks
//! and randomness that do not obey.
#![allow(clippy::unwrap_used, reason = "a test may panic, in its helpers too")]

#[cfg(feature = "async")]
mod asynchronous;
mod faults;
mod schedules;
mod storm;

#[path = "../support"]
mod support {
    pub(crate) mod broken;
    pub(crate) mod faulty;
    pub(crate) mod fixture;
    pub(crate) mod linearizable;
    pub(crate) mod rendezvous;
    pub(crate) mod slot;
    pub(crate) mod vault;
}
