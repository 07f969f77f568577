//! Stores: this process's memory, SQLite, and the host's own.

use std::path::Path;
use std::sync::Arc;

use otp_core::store::{Cell, Class, Commit, Error, Key, Write};
use otp_core::{MemoryStore, Store, Timestamp};
use otp_engine_sqlite::SqliteStore;

use crate::guard::{flag, guard, guard_out, outside_callbacks};
use crate::handle::{self, Handle};
use crate::host::{HostStore, otp_host_store};
use crate::status::{Fault, otp_status, with_causes};
use crate::view::{Out, otp_bytes, otp_view, read_sized};

/// A store; used by any number of engines and threads at once.
pub struct otp_store(Arc<dyn Store>);

impl Handle for otp_store {}

impl core::fmt::Debug for otp_store {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("otp_store").finish_non_exhaustive()
    }
}

impl otp_store {
    fn give(store: impl Store + 'static) -> *mut Self {
        handle::give(Self(Arc::new(store)))
    }
}

/// Makes a store in this process's memory, for at most `max_cells` cells (0: one million).
///
/// What it holds is lost on exit, and each process of a prefork server has its own: for tests and
/// for services of one process. An engine that signs records refuses it, unless `keep_records` is
/// 1: records then die with the process. `max_cells` must be 0 then: no record is refused for want of
/// room.
///
/// # Safety
///
/// `store_out` is NULL or valid.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn otp_store_memory_new(
    max_cells: usize,
    keep_records: i32,
    store_out: *mut *mut otp_store,
) -> otp_status {
    // SAFETY: by this function's contract.
    unsafe {
        guard_out(store_out, "store_out", || {
            let store = match (flag(keep_records, "keep_records")?, max_cells) {
                (false, 0) => MemoryStore::new(),
                (false, cells) => MemoryStore::with_capacity_limit(cells),
                (true, 0) => MemoryStore::keeping_records_until_exit(),
                (true, _) => {
                    return Err(Fault::argument(
                        "max_cells must be 0 where keep_records is 1",
                    ));
                }
            };
            Ok(otp_store::give(store))
        })
    }
}

/// Opens a store in an SQLite file, made if absent; several processes of one host may share it.
/// Commits are flushed before they are answered. Open it in each process, after any fork; never on
/// a network file system, and never together with another SQLite library in the same process.
///
/// # Safety
///
/// `path` has as many bytes as it says; `store_out` is NULL or valid.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn otp_store_sqlite_open(
    path: otp_view,
    store_out: *mut *mut otp_store,
) -> otp_status {
    // SAFETY: by this function's contract.
    unsafe {
        guard_out(store_out, "store_out", || {
            let path = path.text("path")?;
            if path.is_empty() || path.contains('\0') {
                return Err(Fault::argument("path is empty or holds a NUL"));
            }
            if path == ":memory:" || path.starts_with("file:") {
                return Err(Fault::argument(
                    "path is a name that SQLite gives to no file; for cells in memory use \
                     otp_store_memory_new",
                ));
            }
            let store = SqliteStore::open(Path::new(path))
                .map_err(|error| Fault::new(otp_status::StoreUnavailable, with_causes(&error)))?;
            Ok(otp_store::give(store))
        })
    }
}

/// Makes a store of the host's callbacks. `user_data` passes to the store only if this succeeds.
///
/// # Safety
///
/// `table` is NULL or valid, its `struct_size` set; its functions take calls from any thread for as
/// long as the store lives. `store_out` is NULL or valid.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn otp_store_host_new(
    table: *const otp_host_store,
    store_out: *mut *mut otp_store,
) -> otp_status {
    // SAFETY: by this function's contract.
    unsafe {
        guard_out(store_out, "store_out", || {
            let table = read_sized(table, "table")?;
            Ok(otp_store::give(HostStore::new(&table)?))
        })
    }
}

/// Frees a store; NULL is harmless, and so is a store made before a fork.
///
/// # Safety
///
/// `store` is NULL or was made by this library, no call uses it any more, and none will.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn otp_store_free(store: *mut otp_store) {
    // SAFETY: by this function's contract.
    unsafe { handle::free(store) };
}

/// Runs the suite that every store must pass; `passed_out` is 1 if it does, 0 if not.
///
/// The report is UTF-8 text, a line for each check. Give it a store of its own: it writes thousands
/// of cells, some of them for ever. It runs on several threads, which call the host's callbacks.
///
/// # Safety
///
/// `store` is NULL or valid; `report_out` and `passed_out` are NULL or valid.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn otp_store_check(
    store: *const otp_store,
    passed_out: *mut i32,
    report_out: *mut *mut otp_bytes,
) -> otp_status {
    // SAFETY: by this function's contract.
    guard(|| unsafe {
        let (passed, text) = (
            Out::at(passed_out, "passed_out")?,
            Out::at(report_out, "report_out")?,
        );
        outside_callbacks()?;
        let store = handle::lend(store, "store")?;
        let make = || -> Box<dyn Store> { Box::new(Shared(Arc::clone(&store.0))) };
        let report = otp_store_tests::check(&make, &otp_store_tests::Options::new());
        passed.write(i32::from(report.passed()));
        text.write(otp_bytes::give(report.to_string()));
        Ok(())
    })
}

/// Borrows a store.
///
/// # Safety
///
/// `store` is NULL or valid for as long as the result is used.
pub(crate) unsafe fn use_store<'a>(store: *const otp_store) -> Result<&'a dyn Store, Fault> {
    // SAFETY: by this function's contract.
    Ok(&*unsafe { handle::lend(store, "store")? }.0)
}

/// A second handle to one store.
struct Shared(Arc<dyn Store>);

impl Store for Shared {
    fn load(&self, keys: &[Key], cells: &mut Vec<Option<Cell>>) -> Result<(), Error> {
        self.0.load(keys, cells)
    }

    fn commit(&self, writes: &[Write<'_>], now: Timestamp) -> Result<Commit, Error> {
        self.0.commit(writes, now)
    }

    fn purge(&self, now: Timestamp, limit: usize) -> Result<usize, Error> {
        self.0.purge(now, limit)
    }

    fn class(&self) -> Class {
        self.0.class()
    }

    fn has_cells(&self) -> Result<Option<bool>, Error> {
        self.0.has_cells()
    }

    fn prefetch(&self, keys: &[Key]) {
        self.0.prefetch(keys);
    }
}
