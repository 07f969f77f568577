//! The wall around every exported body: panics stop here, and the detail of a fault is kept.

use core::cell::{Cell, RefCell};
use core::ops::RangeInclusive;
use core::panic::AssertUnwindSafe;
use std::panic::catch_unwind;

use crate::status::{Fault, otp_status};
use crate::view::{Out, Sized_, SizedOut, fill};

thread_local! {
    static DETAIL: RefCell<String> = const { RefCell::new(String::new()) };
    static ITEMS: RefCell<FailedItems> = const { RefCell::new(FailedItems(Vec::new())) };
    static CALLBACKS: Cell<u32> = const { Cell::new(0) };
}

/// Why items of a batch failed. Where a store does not answer, all of them fail with one text: it is kept once.
#[derive(Debug, Default)]
pub(crate) struct FailedItems(Vec<(RangeInclusive<usize>, String)>);

impl FailedItems {
    pub(crate) fn put(&mut self, at: usize, detail: String) {
        match self.0.last_mut() {
            Some((places, text)) if *text == detail && places.end().wrapping_add(1) == at => {
                *places = *places.start()..=at;
            }
            _ => self.0.push((at..=at, detail)),
        }
    }

    /// Keeps them on this thread in place of those of the batch before, and of the detail of an earlier failure.
    pub(crate) fn keep(self) {
        DETAIL.with(|detail| detail.borrow_mut().clear());
        ITEMS.with(|items| *items.borrow_mut() = self);
    }

    fn detail(&self, at: usize) -> String {
        let found = self.0.iter().find(|(places, _)| places.contains(&at));
        found.map_or_else(String::new, |(_, text)| text.clone())
    }
}

/// Turns a result or a panic into a status; no panic crosses into C.
pub(crate) fn guard(call: impl FnOnce() -> Result<(), Fault>) -> otp_status {
    let fault = match catch_unwind(AssertUnwindSafe(call)) {
        Ok(Ok(())) => return otp_status::Ok,
        Ok(Err(fault)) => fault,
        Err(_) => Fault::new(
            otp_status::Panicked,
            "the library panicked; this is a defect of it",
        ),
    };
    DETAIL.with(|detail| *detail.borrow_mut() = fault.detail);
    fault.status
}

/// As [`guard`], for a call that has one thing to say: it is written to `out` where the call worked.
///
/// # Safety
///
/// `out` is NULL or valid during the call.
pub(crate) unsafe fn guard_out<T>(
    out: *mut T,
    name: &str,
    call: impl FnOnce() -> Result<T, Fault>,
) -> otp_status {
    guard(|| {
        // SAFETY: by this function's contract.
        let out = unsafe { Out::at(out, name)? };
        out.write(call()?);
        Ok(())
    })
}

/// As [`guard_out`], for what is made of secrets or of hashes that are secret: the stack is wiped as by
/// [`guard_code`], as a later call would copy what lies there into places that it leaves unset.
///
/// # Safety
///
/// As [`guard_out`].
pub(crate) unsafe fn guard_secret_out<T>(
    out: *mut T,
    name: &str,
    call: impl FnOnce() -> Result<T, Fault>,
) -> otp_status {
    guard_code(|| {
        // SAFETY: by this function's contract.
        let out = unsafe { Out::at(out, name)? };
        out.write(call()?);
        Ok(())
    })
}

/// As [`guard_out`], for a structure of which the caller has as much as its `struct_size` says.
///
/// # Safety
///
/// `out` is NULL or valid during the call, its `struct_size` set.
pub(crate) unsafe fn guard_sized_out<T: Sized_>(
    out: *mut T,
    name: &str,
    call: impl FnOnce() -> Result<T, Fault>,
) -> otp_status {
    guard(|| {
        // SAFETY: by this function's contract.
        let out = unsafe { SizedOut::at(out, name)? };
        out.write(&call()?);
        Ok(())
    })
}

/// As [`guard_sized_out`], for what is made of a secret: the stack is wiped as far as `DEPTH`.
///
/// # Safety
///
/// As [`guard_sized_out`].
pub(crate) unsafe fn guard_secret_sized_out<const DEPTH: usize, T: Sized_>(
    out: *mut T,
    name: &str,
    call: impl FnOnce() -> Result<T, Fault>,
) -> otp_status {
    guard_secret::<DEPTH>(|| {
        // SAFETY: by this function's contract.
        let out = unsafe { SizedOut::at(out, name)? };
        out.write(&call()?);
        Ok(())
    })
}

/// As [`guard`], for a call that has a code in its hands: what it leaves on the stack is overwritten.
///
/// A code wipes itself where it ends; where it was moved from, a copy stays in a frame that is no
/// longer used, until some later call happens to need the place.
pub(crate) fn guard_code(call: impl FnOnce() -> Result<(), Fault>) -> otp_status {
    guard_secret::<DEPTH>(call)
}

/// As [`guard_code`], as far down as `DEPTH`.
pub(crate) fn guard_secret<const DEPTH: usize>(
    call: impl FnOnce() -> Result<(), Fault>,
) -> otp_status {
    let status = apart(call);
    overwrite_stack::<DEPTH>();
    status
}

/// As [`guard_code`], for a call that goes deeper in some cases: it says so before.
pub(crate) fn guard_deeper<const DEPTH: usize, const DEEPER: usize>(
    call: impl FnOnce(&mut bool) -> Result<(), Fault>,
) -> otp_status {
    let mut deeper = false;
    let status = apart(|| call(&mut deeper));
    match deeper {
        true => overwrite_stack::<DEEPER>(),
        false => overwrite_stack::<DEPTH>(),
    }
    status
}

/// Keeps the frames of the call below those of its caller, where they can be overwritten.
#[inline(never)]
fn apart(call: impl FnOnce() -> Result<(), Fault>) -> otp_status {
    guard(call)
}

/// How far down a call is taken to write codes: deeper than its frames go, as tests/stack.c sees on a painted stack.
/// Those of SQLite go deeper, and have no code in hand.
pub(crate) const DEPTH: usize = 8 * 1024;

/// The same of a batch, which has what is drawn for 256 issues and eight prepared operations beside it; of device
/// codes judged by an engine; and where a record is signed.
pub(crate) const DEPTH_DEEP: usize = 32 * 1024;

/// The same of device codes without an engine: SHA-512 goes deepest.
pub(crate) const DEPTH_DEVICE: usize = 3 * 1024;

/// The same where one HOTP code is made with SHA-1, which leaves nothing, as tests/stack.c sees: to wipe what it used
/// would cost an eighth of its time.
pub(crate) const DEPTH_SHA1: usize = 0;

#[inline(never)]
fn overwrite_stack<const DEPTH: usize>() {
    let mut below = [0_u8; DEPTH];
    core::hint::black_box(&mut below);
}

/// Runs a destructor; a panic ends here.
pub(crate) fn guard_drop(call: impl FnOnce()) {
    let _ = catch_unwind(AssertUnwindSafe(call)); // nothing can be told from a `_free`
}

/// Refuses a call that comes from inside a callback on this thread.
pub(crate) fn outside_callbacks() -> Result<(), Fault> {
    if CALLBACKS.with(Cell::get) > 0 {
        return Err(Fault::new(
            otp_status::Reentered,
            "a callback called back into the library",
        ));
    }
    Ok(())
}

/// Marks that the host's code runs, until dropped; the detail of a fault survives it.
pub(crate) struct InCallback {
    detail: String,
    marked: u32,
}

impl InCallback {
    /// Marks the thread, unless `fibers` may run on it meanwhile, which are no part of the callback.
    pub(crate) fn enter(fibers: bool) -> Self {
        let marked = u32::from(!fibers);
        CALLBACKS.with(|depth| depth.set(depth.get() + marked));
        let detail = DETAIL.with(|detail| detail.borrow().clone());
        Self { detail, marked }
    }
}

impl Drop for InCallback {
    fn drop(&mut self) {
        CALLBACKS.with(|depth| depth.set(depth.get() - self.marked));
        DETAIL.with(|detail| *detail.borrow_mut() = core::mem::take(&mut self.detail));
    }
}

/// Reads a flag of the caller's.
pub(crate) fn flag(value: i32, name: &str) -> Result<bool, Fault> {
    match value {
        0 => Ok(false),
        1 => Ok(true),
        other => Err(Fault::argument(format!(
            "{name} is {other}; it must be 0 or 1"
        ))),
    }
}

/// Copies the detail of the last fault on this thread, with a NUL at its end.
///
/// `needed_out`, which may be NULL, is set to its length with the NUL. The text holds no secret, code or whole number.
/// It is meaningful directly after a call that failed, on the same thread.
///
/// # Safety
///
/// `buffer` is NULL or has room for `capacity` bytes; `needed_out` is NULL or valid.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn otp_error_detail(
    buffer: *mut u8,
    capacity: usize,
    needed_out: *mut usize,
) -> otp_status {
    let text = || DETAIL.with(|detail| detail.borrow().clone());
    // SAFETY: by this function's contract.
    unsafe { copy(text, buffer, capacity, needed_out) }
}

/// Copies the detail of an item of the last batch on this thread, as `otp_error_detail` does that of a call: which
/// argument of the item, which bound. It is empty for an item that did not fail. A batch that was refused whole is
/// none: its failure is in `otp_error_detail`, and the items are those of the batch before.
///
/// # Safety
///
/// As `otp_error_detail`.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn otp_item_detail(
    item: usize,
    buffer: *mut u8,
    capacity: usize,
    needed_out: *mut usize,
) -> otp_status {
    let text = || ITEMS.with(|items| items.borrow().detail(item));
    // SAFETY: by this function's contract.
    unsafe { copy(text, buffer, capacity, needed_out) }
}

/// Copies a text with a NUL at its end, and leaves the details as they are.
///
/// # Safety
///
/// As `otp_error_detail`.
unsafe fn copy(
    text: impl FnOnce() -> String,
    buffer: *mut u8,
    capacity: usize,
    needed_out: *mut usize,
) -> otp_status {
    let copied = catch_unwind(AssertUnwindSafe(|| {
        let mut text = text().into_bytes();
        text.push(0);
        // SAFETY: by this function's contract.
        unsafe { fill(&text, buffer, capacity, needed_out) }
    }));
    match copied {
        Ok(Ok(())) => otp_status::Ok,
        Ok(Err(fault)) => fault.status,
        Err(_) => otp_status::Panicked,
    }
}
