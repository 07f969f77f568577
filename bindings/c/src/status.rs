//! Status numbers: whether a call worked, and if not, whose fault that was.

use core::ffi::{CStr, c_char};

use otp_core::{Error, store};

/// Whether a call worked. What an engine decided is in the out structure, never here.
///
/// Numbers never change. 1 to 9 is the caller's doing, 10 to 19 the store's, 20 to 29 the
/// surroundings', 31 a defect of this library.
#[repr(i32)]
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum otp_status {
    /// The call worked.
    Ok = 0,
    /// An argument is NULL, out of bounds or contradictory; the detail names it.
    Argument = 1,
    /// A text is not UTF-8.
    Utf8 = 2,
    /// A structure is smaller than its first published size: `struct_size` was not set. Or the items of
    /// an array cannot lie as far apart as was said.
    StructSize = 3,
    /// A buffer is too small; the needed size is set, nothing else happened.
    BufferTooSmall = 4,
    /// A policy or rate limit is out of its bounds; the detail names setting, value and bounds.
    Policy = 5,
    /// A secret or key cannot be used; the detail says why.
    Key = 6,
    /// The store could not be asked; surely nothing was changed.
    StoreUnavailable = 10,
    /// The store has no room; nothing was changed.
    StoreFull = 11,
    /// The store did not say what it did to a commit or purge; it may have been applied. Ask again.
    StoreUnknown = 12,
    /// The store cannot do this, such as keep signature records or the counters of devices for ever;
    /// nothing was changed.
    StoreUnsupported = 13,
    /// A stored cell was modified outside the engine.
    Tampered = 14,
    /// Too many concurrent changes of the same cells; retry.
    Contended = 15,
    /// The store belongs to another key ring: use its keys, or call `otp_engine_begin_store` to discard
    /// its contents.
    ForeignStore = 16,
    /// The store has no canary and may hold cells: call `otp_engine_adopt_store` or
    /// `otp_engine_begin_store`.
    NoCanary = 17,
    /// The clock gave no time, or one more than 30 s before a code was issued.
    Clock = 20,
    /// The source of randomness failed.
    Randomness = 21,
    /// The handle was made before a fork; make another in this process.
    Forked = 22,
    /// A callback called back into the library.
    Reentered = 23,
    /// The clock is more than a day ahead of the newest time known of the store; nothing was
    /// dropped. Set it right, or confirm by `otp_engine_purge_confirmed`.
    ClockAhead = 24,
    /// A defect of this library: it panicked. Nothing is known of the call.
    Panicked = 31,
}

/// Why a call failed: a status, and a text without secrets.
pub(crate) struct Fault {
    pub(crate) status: otp_status,
    pub(crate) detail: String,
}

impl Fault {
    pub(crate) fn new(status: otp_status, detail: impl Into<String>) -> Self {
        Self {
            status,
            detail: detail.into(),
        }
    }

    pub(crate) fn argument(detail: impl Into<String>) -> Self {
        Self::new(otp_status::Argument, detail)
    }
}

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        let status = match &error {
            Error::Store(store::Error::Unavailable(_)) => otp_status::StoreUnavailable,
            Error::Store(store::Error::Full) => otp_status::StoreFull,
            Error::Store(store::Error::Unsupported) | Error::NotPermanent => {
                otp_status::StoreUnsupported
            }
            // Also what a later version of the core may add: nothing is known then.
            Error::Store(_) => otp_status::StoreUnknown,
            Error::ContentRequired | Error::LockWithoutEnd => otp_status::Policy,
            Error::Binding(_) | Error::ForeignBinding | Error::ResetReason | Error::Oath(_) => {
                otp_status::Argument
            }
            Error::SigningKey(_) | Error::UnknownKey => otp_status::Key,
            Error::Clock => otp_status::Clock,
            Error::ClockAhead => otp_status::ClockAhead,
            Error::Randomness(_) => otp_status::Randomness,
            Error::Tampered => otp_status::Tampered,
            Error::Contended => otp_status::Contended,
            Error::ForeignStore => otp_status::ForeignStore,
            Error::NoCanary => otp_status::NoCanary,
            _ => otp_status::StoreUnknown,
        };
        Self::new(status, with_causes(&error))
    }
}

/// Writes an error with all that it says of its causes.
pub(crate) fn with_causes(error: &dyn core::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}

/// Returns a short English text for a status number; never NULL, never freed.
#[unsafe(no_mangle)]
pub extern "C" fn otp_status_text(status: i32) -> *const c_char {
    let text: &CStr = match status {
        0 => c"ok",
        1 => c"an argument is missing or out of bounds",
        2 => c"a text is not UTF-8",
        3 => c"struct_size or the size of an item is out of its bounds",
        4 => c"a buffer is too small",
        5 => c"a policy or rate limit is out of its bounds",
        6 => c"a key cannot be used",
        10 => c"the store is unavailable",
        11 => c"the store is full",
        12 => c"the outcome of the commit is unknown",
        13 => c"the store cannot do this, such as keep cells for ever",
        14 => c"a stored cell was modified outside the engine",
        15 => c"too many concurrent changes of the same cells",
        16 => c"the store belongs to another key ring",
        17 => c"the store has no canary and may hold cells",
        20 => c"the clock failed",
        21 => c"the source of randomness failed",
        22 => c"the handle was made before a fork",
        23 => c"called from inside a callback",
        24 => c"the clock is more than a day ahead of the store",
        31 => c"the library panicked",
        _ => c"unknown status",
    };
    text.as_ptr()
}
