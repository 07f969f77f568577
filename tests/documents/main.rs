//! What documents say of the files beside them, and the map from cases to tests.
#![allow(clippy::unwrap_used, reason = "a test may panic, in its helpers too")]

mod cases;
mod links;
