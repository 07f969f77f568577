//! What the operations of a thread use again, so that none asks the heap for it.

use alloc::vec::Vec;

use crate::store::Cell;

/// Room for the cells that are loaded and for the bodies that are written. Neither holds a function of a code.
#[derive(Default)]
pub(super) struct Scratch {
    pub(super) cells: Vec<Option<Cell>>,
    pub(super) bodies: Vec<u8>,
}

#[cfg(feature = "std")]
std::thread_local! {
    static KEPT: core::cell::Cell<Scratch> = core::cell::Cell::default();
}

/// What is kept of the bodies, in bytes: twice the room that they begin with. Those of a commit with a record have
/// 900 and more, hold personal data, and go back to the heap.
#[cfg(feature = "std")]
const MOST_KEPT: usize = 768;

/// A scratch on loan from the thread. An operation within another, in a store's callback, gets a fresh one.
pub(super) struct Lent(Scratch);

impl Lent {
    pub(super) fn new() -> Self {
        #[cfg(feature = "std")]
        return Self(KEPT.try_with(core::cell::Cell::take).unwrap_or_default());
        #[cfg(not(feature = "std"))]
        Self(Scratch::default())
    }

    pub(super) const fn parts(&mut self) -> (&mut Vec<Option<Cell>>, &mut Vec<u8>) {
        (&mut self.0.cells, &mut self.0.bodies)
    }
}

#[cfg(feature = "std")]
impl Drop for Lent {
    fn drop(&mut self) {
        let mut scratch = core::mem::take(&mut self.0);
        scratch.cells.clear();
        scratch.bodies.clear();
        if scratch.bodies.capacity() > MOST_KEPT {
            scratch.bodies = Vec::new();
        }
        // A thread that ends keeps nothing.
        let _ = KEPT.try_with(|kept| kept.set(scratch));
    }
}
