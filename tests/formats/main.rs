//! What outlives a process: the register of numbers, and files of vectors that every later version,
//! C, Python and the service read the same.
#![allow(clippy::unwrap_used, reason = "a test may panic, in its helpers too")]

mod challenges;
mod contract;
mod register;
mod upgrade;

#[path = "../support"]
mod support {
    pub(crate) mod fixture;
    pub(crate) mod upgrade;
}
