//! The store in this process's own memory.

/// Cells in this process's memory.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct MemoryStore;
