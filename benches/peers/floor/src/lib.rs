//! What no one-time code can do without: the floors that the rows of the benches are compared with.
//!
//! One source for every process of a run: Rust rows link it as a crate, C rows as an archive
//! (`floor.h` beside this crate), Python rows load it as a shared library.

mod exported;
#[path = "../../../floor/hotp.rs"]
pub mod hotp;
#[path = "../../../floor/operation.rs"]
pub mod operation;
