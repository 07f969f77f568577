//! Handles: what the library makes, and the caller holds until it gives it back.

use crate::fork::Generation;
use crate::guard::guard_drop;
use crate::status::Fault;
use crate::view;

/// What lies behind an opaque pointer of the header. It is made by [`give`] alone.
pub(crate) trait Handle {}

/// A handle, and the process that made it. The handle comes first: its address is that of both.
#[repr(C)]
struct Made<T> {
    handle: T,
    generation: Generation,
}

/// Makes a handle of this process, for the caller to hold.
pub(crate) fn give<T: Handle>(handle: T) -> *mut T {
    let made = Made {
        handle,
        generation: Generation::current(),
    };
    Box::into_raw(Box::new(made)).cast()
}

/// Borrows a handle; one that was made before a fork is refused.
///
/// # Safety
///
/// `handle` is NULL or was made by [`give`], and is not freed for as long as the result is used.
pub(crate) unsafe fn lend<'a, T: Handle>(handle: *const T, name: &str) -> Result<&'a T, Fault> {
    // SAFETY: by this function's contract, it is the first member of what `give` made.
    let made = unsafe { view::lend(handle.cast::<Made<T>>(), name)? };
    made.generation.check(name)?;
    Ok(&made.handle)
}

/// Frees a handle that this process made; that of another process is left alone.
///
/// # Safety
///
/// `handle` is NULL or was made by [`give`], and is not used again.
pub(crate) unsafe fn free<T: Handle>(handle: *mut T) {
    let made = handle.cast::<Made<T>>();
    guard_drop(|| {
        // SAFETY: by this function's contract, here and below.
        if let Some(borrowed) = unsafe { made.as_ref() }
            && borrowed.generation == Generation::current()
        {
            // SAFETY: as above.
            drop(unsafe { Box::from_raw(made) });
        }
    });
}
