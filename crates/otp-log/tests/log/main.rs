//! What the crate makes and takes: by vectors that were not made here, by another crate, by a tree that is
//! computed from the definition alone, and by what is wrong with it.
#![expect(clippy::unwrap_used, reason = "a test may panic, in its helpers too")]

mod bounds;
mod interop;
mod mutations;
mod support;
mod trees;
mod vectors;
mod witnesses;
mod writer;
