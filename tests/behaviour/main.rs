//! What the engine decides, case by case: one caller, or threads at a barrier, on a store in memory.
//!
//! `cargo xtask soak --only mutants` asks these first whether a changed line is noticed.
#![allow(clippy::unwrap_used, reason = "a test may panic, in its helpers too")]

mod attempts;
mod batches;
mod binding;
mod bound;
mod canary;
mod claim;
mod client_text;
mod clock;
mod oath;
mod privacy;
mod send;
mod signatures;
mod time;

#[allow(dead_code, reason = "the tools are shared, and these tests use a part")]
#[path = "../support"]
mod support {
    pub(crate) mod broken;
    pub(crate) mod fixture;
    pub(crate) mod rendezvous;
    pub(crate) mod vault;
}
