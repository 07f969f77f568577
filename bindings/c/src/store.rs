//! Stores: this process's memory, SQLite, and the host's own.

use std::path::Path;
use std::sync::Arc;

use otp_core::MemoryStore;
use otp_core::Store;
use otp_engine_sqlite::SqliteStore;

use crate::fork::Generation;
use crate::guard::{guard, guard_drop, outside_callbacks};
use crate::host::{HostStore, otp_host_store};
use crate::key::drop_handle;
use crate::status::{Fault, otp_status, with_causes};
use crate::view::{bytes, hand_out, lend, otp_bytes, read_sized, text, writable};

/// A store; used by any number of engines and threads at once.
pub struct otp_store {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) generation: Generation,
}

impl core::fmt::Debug for otp_store {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("otp_store").finish_non_exhaustive()
    }
}

impl otp_store {
    fn give(store: impl Store + 'static) -> *mut Self {
        Box::into_raw(Box::new(Self {
            store: Arc::new(store),
            generation: Generation::current(),
        }))
    }
}

/// Makes a store in this process's memory, for at most `max_cells` cells (0: one million).
///
/// What it holds is lost on exit, and each process of a prefork server has its own: for tests and
/// for services of one process. An engine that signs records refuses it, unless `keep_records` is
/// 1: records then die with the process.
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
    guard(|| {
        writable(store_out, "store_out")?;
        let store = match (keep_records, max_cells) {
            (0, 0) => MemoryStore::new(),
            (0, cells) => MemoryStore::with_capacity_limit(cells),
            (1, 0) => MemoryStore::keeping_records_until_exit(),
            (1, _) => {
                return Err(Fault::argument(
                    "max_cells must be 0 where keep_records is 1",
                ));
            }
            (other, _) => {
                return Err(Fault::argument(format!(
                    "keep_records is {other}; it must be 0 or 1"
                )));
            }
        };
        // SAFETY: asked above.
        unsafe { hand_out(store_out, otp_store::give(store)) };
        Ok(())
    })
}

/// Opens a store in an SQLite file, made if absent; several processes of one host may share it.
/// Commits are flushed before they are answered. Open it in each process, after any fork; never on
/// a network file system, and never together with another SQLite library in the same process.
///
/// # Safety
///
/// `path` is NULL or has `path_len` bytes; `store_out` is NULL or valid.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn otp_store_sqlite_open(
    path: *const u8,
    path_len: usize,
    store_out: *mut *mut otp_store,
) -> otp_status {
    guard(|| {
        writable(store_out, "store_out")?;
        // SAFETY: by this function's contract.
        let path = text(unsafe { bytes(path, path_len, "path")? }, "path")?;
        if path.is_empty() || path.contains('\0') {
            return Err(Fault::argument("path is empty or holds a NUL"));
        }
        if path == ":memory:" || path.starts_with("file:") {
            return Err(Fault::argument(
                "path must be that of a file: for cells in memory there is otp_store_memory_new",
            ));
        }
        let store = SqliteStore::open(Path::new(path))
            .map_err(|error| Fault::new(otp_status::StoreUnavailable, with_causes(&error)))?;
        // SAFETY: asked above.
        unsafe { hand_out(store_out, otp_store::give(store)) };
        Ok(())
    })
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
    guard(|| {
        writable(store_out, "store_out")?;
        // SAFETY: by this function's contract.
        let table = unsafe { read_sized(table, "table")? };
        // SAFETY: asked above.
        unsafe { hand_out(store_out, otp_store::give(HostStore::new(&table)?)) };
        Ok(())
    })
}

/// Frees a store; NULL is harmless, and so is a store made before a fork.
///
/// # Safety
///
/// `store` is NULL or was made by this library, no call uses it any more, and none will.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn otp_store_free(store: *mut otp_store) {
    // SAFETY: by this function's contract.
    guard_drop(|| unsafe { drop_handle(store, |store| store.generation) });
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
    guard(|| {
        writable(passed_out, "passed_out")?;
        writable(report_out, "report_out")?;
        outside_callbacks()?;
        // SAFETY: by this function's contract.
        let store = unsafe { lend(store, "store")? };
        store.generation.check("store")?;
        let make = || -> Box<dyn Store> { Box::new(Shared(Arc::clone(&store.store))) };
        let report = otp_store_tests::check(&make, &otp_store_tests::Options::new());
        // SAFETY: asked above.
        unsafe {
            hand_out(passed_out, i32::from(report.passed()));
            hand_out(report_out, otp_bytes::give(report.to_string()));
        }
        Ok(())
    })
}

/// A second handle to one store.
struct Shared(Arc<dyn Store>);

impl Store for Shared {
    fn load(
        &self,
        keys: &[otp_core::store::Key],
        cells: &mut Vec<Option<otp_core::store::Cell>>,
    ) -> Result<(), otp_core::store::Error> {
        self.0.load(keys, cells)
    }

    fn commit(
        &self,
        writes: &[otp_core::store::Write<'_>],
        now: otp_core::Timestamp,
    ) -> Result<otp_core::store::Commit, otp_core::store::Error> {
        self.0.commit(writes, now)
    }

    fn purge(
        &self,
        now: otp_core::Timestamp,
        limit: usize,
    ) -> Result<usize, otp_core::store::Error> {
        self.0.purge(now, limit)
    }

    fn class(&self) -> otp_core::store::Class {
        self.0.class()
    }

    fn has_cells(&self) -> Result<Option<bool>, otp_core::store::Error> {
        self.0.has_cells()
    }
}
