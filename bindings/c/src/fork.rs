//! Fork: a handle that was made before a fork is refused in the child.
//!
//! One page of memory is marked so that the kernel empties it in every child, that of a raw
//! `clone` too; it holds the number of this process's generation, which handles remember. Reading
//! it costs a load, where `getpid` costs as much as the hashing of a whole verify. Only Linux has such
//! marks: elsewhere the pid is the generation.

use core::sync::atomic::{AtomicPtr, AtomicU64, Ordering};

use crate::status::{Fault, otp_status};

/// The page, once it is mapped; null where the system has no such marks.
static PAGE: AtomicPtr<AtomicU64> = AtomicPtr::new(core::ptr::null_mut());

/// The last generation that was given out; a child inherits it and goes on from there.
static LAST: AtomicU64 = AtomicU64::new(0);

/// The generation of this process, as handles remember it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Generation(u64);

impl Generation {
    /// Returns this process's generation, and begins one where there is none.
    pub(crate) fn current() -> Self {
        let page = PAGE.load(Ordering::Acquire);
        // SAFETY: null, or the page of `map`, which is never unmapped.
        if let Some(number) = unsafe { page.as_ref() }.map(|page| page.load(Ordering::Acquire))
            && number != 0
        {
            return Self(number);
        }
        Self::begin()
    }

    /// Begins a generation without a lock: one that was held at a fork would be held for ever.
    fn begin() -> Self {
        let mut page = PAGE.load(Ordering::Acquire);
        if page.is_null() {
            let mapped = map();
            let first = PAGE.compare_exchange(page, mapped, Ordering::AcqRel, Ordering::Acquire);
            page = first.map_or_else(|other| other, |_| mapped); // a page too many stays mapped
        }
        // SAFETY: as in `current`.
        let Some(page) = (unsafe { page.as_ref() }) else {
            return Self::of_pid();
        };
        let number = LAST.fetch_add(1, Ordering::AcqRel) + 1;
        let begun = page.compare_exchange(0, number, Ordering::AcqRel, Ordering::Acquire);
        Self(begun.map_or_else(|other| other, |_| number))
    }

    /// The second choice: pids are used again, but not among a parent and its living children.
    fn of_pid() -> Self {
        Self(1 << 63 | u64::from(std::process::id()))
    }

    /// Refuses a handle of another process.
    pub(crate) fn check(self, name: &str) -> Result<(), Fault> {
        if self == Self::current() {
            return Ok(());
        }
        Err(Fault::new(
            otp_status::Forked,
            format!("{name} was made before a fork; make another in this process"),
        ))
    }
}

/// Maps a page that the kernel empties in every child; null where it cannot.
#[cfg(target_os = "linux")]
fn map() -> *mut AtomicU64 {
    const LENGTH: usize = 4096;
    let (protection, flags) = (
        libc::PROT_READ | libc::PROT_WRITE,
        libc::MAP_PRIVATE | libc::MAP_ANONYMOUS,
    );
    // SAFETY: a new anonymous mapping, wherever the kernel likes.
    let page = unsafe { libc::mmap(core::ptr::null_mut(), LENGTH, protection, flags, -1, 0) };
    if page == libc::MAP_FAILED {
        return core::ptr::null_mut();
    }
    // SAFETY: the page that was just mapped.
    if unsafe { libc::madvise(page, LENGTH, libc::MADV_WIPEONFORK) } != 0 {
        // SAFETY: nobody has seen the page yet.
        unsafe { libc::munmap(page, LENGTH) };
        return core::ptr::null_mut();
    }
    page.cast()
}

#[cfg(not(target_os = "linux"))]
const fn map() -> *mut AtomicU64 {
    core::ptr::null_mut()
}
