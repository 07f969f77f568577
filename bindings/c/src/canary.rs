//! Whose keys a store belongs to: checked at each start, begun or taken over by an administrator.

use otp_core::{Engine, Error, Store, operation::StoreCheck};

use crate::engine::{otp_engine, use_engine};
use crate::guard::guard_out;
use crate::status::otp_status;
use crate::store::{otp_store, use_store};

/// What is known of the keys of a store.
#[repr(i32)]
#[derive(Clone, Copy, Debug)]
pub enum otp_store_keys {
    /// The store was begun, or taken over, with this index secret.
    Proven = 1,
    /// It was not, until this call: from now on it is.
    Begun = 2,
    /// The store may lose cells, and so its canary: no other key ring's was found, which proves
    /// nothing.
    NotProven = 3,
}

/// Checks that a store belongs to the keys of this engine: every host does this once at its start,
/// before any other call, and starts on `OTP_STATUS_OK` alone.
///
/// With another index secret every cell of a store is unknown: fresh limits for everybody, and
/// nothing else would say so. So each store holds a canary, one cell under a fixed name. It is
/// written here where the store holds no cell yet, also by one of two hosts that start at once.
/// It proves the index secret alone, not the code secrets. `keys_out` is one of `otp_store_keys`.
///
/// Errors: `OTP_STATUS_FOREIGN_STORE` where another key ring began the store, `OTP_STATUS_NO_CANARY`
/// where it holds cells and no canary, or cannot tell that it holds none.
///
/// # Safety
///
/// Every pointer is NULL or valid during the call.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn otp_engine_check_store(
    engine: *const otp_engine,
    store: *const otp_store,
    keys_out: *mut i32,
) -> otp_status {
    // SAFETY: by this function's contract.
    unsafe { ask(engine, store, keys_out, Engine::check_store) }
}

/// Takes over a store from before there were canaries: once, by an administrator who knows that
/// its cells were written with the keys of this engine. Nothing can check that.
///
/// Does nothing where the store has the canary of these keys. Error: `OTP_STATUS_FOREIGN_STORE`
/// where another key ring began the store.
///
/// # Safety
///
/// Every pointer is NULL or valid during the call.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn otp_engine_adopt_store(
    engine: *const otp_engine,
    store: *const otp_store,
    keys_out: *mut i32,
) -> otp_status {
    // SAFETY: by this function's contract.
    unsafe { ask(engine, store, keys_out, Engine::adopt_store) }
}

/// Begins a store anew with the keys of this engine, whatever it holds: for an administrator.
///
/// This gives up every cell of other keys: limits and locks of everybody, live codes, and for ever
/// the signature records and the last counters of devices, whose codes would be good again. It is
/// the only way to exchange an index secret. Does nothing where the store has the canary of these
/// keys.
///
/// # Safety
///
/// Every pointer is NULL or valid during the call.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn otp_engine_begin_store(
    engine: *const otp_engine,
    store: *const otp_store,
    keys_out: *mut i32,
) -> otp_status {
    // SAFETY: by this function's contract.
    unsafe { ask(engine, store, keys_out, Engine::begin_store) }
}

/// # Safety
///
/// Every pointer is NULL or valid during the call.
unsafe fn ask(
    engine: *const otp_engine,
    store: *const otp_store,
    keys_out: *mut i32,
    question: impl FnOnce(&Engine, &dyn Store) -> Result<StoreCheck, Error>,
) -> otp_status {
    // SAFETY: by this function's contract.
    unsafe {
        guard_out(keys_out, "keys_out", || {
            let keys = match question(use_engine(engine)?, use_store(store)?)? {
                StoreCheck::Proven => otp_store_keys::Proven,
                StoreCheck::Begun => otp_store_keys::Begun,
                StoreCheck::NotProven => otp_store_keys::NotProven,
            };
            Ok(keys as i32)
        })
    }
}
