//! The host store: a store whose cells live in the host's own database, behind callbacks.

use core::ffi::c_void;

use otp_core::Timestamp;
use otp_core::store::{
    Cell, Class, Commit, Error, Key, Kind, MAX_BODY, MAX_CELLS, Store, Version, Write,
};

use crate::guard::{InCallback, flag};
use crate::observer::{UserData, otp_drop_fn};
use crate::status::Fault;
use crate::view::Sized_;

/// What a callback of a store returns. Every other number, and 0, is "failed": after a commit the
/// outcome is then unknown.
#[repr(i32)]
#[derive(Clone, Copy, Debug)]
pub enum otp_callback_result {
    /// It failed.
    Failed = 0,
    /// It did what was asked; of a commit, `outcome_out` says which of two ways it went.
    Done = 1,
    /// The reply is longer than the buffer: its needed length is set, call again.
    MoreRoom = 3,
    /// The store could not be asked; surely nothing was changed.
    Unavailable = 10,
    /// There is no room; nothing was changed.
    Full = 11,
    /// The store cannot do this; nothing was changed.
    Unsupported = 13,
}

/// How a commit went, as the callback writes it to `outcome_out`, which is 0 before.
#[repr(i32)]
#[derive(Clone, Copy, Debug)]
pub enum otp_commit_outcome {
    /// Nobody said.
    Unknown = 0,
    /// All writes are applied, committed, and beyond rolling back.
    Done = 1,
    /// A cell has another version than expected; nothing was applied.
    Conflict = 2,
}

/// How long a store keeps what it was given.
#[repr(i32)]
#[derive(Clone, Copy, Debug)]
pub enum otp_store_class {
    /// Cells may be lost, and one without an end is refused.
    Expiring = 2,
    /// Durable, and for ever where there is no end; an engine that signs records needs it.
    Permanent = 3,
}

/// A buffer of the engine that a callback fills.
#[repr(C)]
#[derive(Debug)]
pub struct otp_buffer {
    /// Where to write.
    pub data: *mut u8,
    /// How much room there is.
    pub capacity: usize,
    /// How much was written, or is needed.
    pub len: usize,
}

/// Loads cells. `keys` are `key_count` times 32 bytes.
///
/// The reply is, for each key in order: one byte, 0 if there is no cell. If there is, 1 and then
/// the version (8 bytes), 1 or 0 for "has an end", the end in unix seconds (8 bytes), the length of
/// the body (4 bytes) and the body. All integers are big-endian.
pub type otp_store_load_fn = Option<
    unsafe extern "C" fn(
        user_data: *mut c_void,
        keys: *const u8,
        key_count: usize,
        reply: *mut otp_buffer,
    ) -> i32,
>;

/// Applies all writes in one transaction, or none, and only if every cell has the version that its
/// write expects (0: there is none; never insert where another version is expected).
///
/// `writes` is the count (4 bytes), then for each: key (32 bytes), kind (1 byte, `otp_cell_kind`),
/// expected version (8 bytes), 1 or 0 for "has an end", the end in unix seconds (8 bytes), the
/// length of the body (4 bytes) and the body. All integers are big-endian. The new version is the
/// expected one plus one.
///
/// Answer `OTP_CALLBACK_RESULT_UNSUPPORTED`, and apply nothing, where one key is written twice, or where a
/// write without an end comes to a store of the class `OTP_STORE_CLASS_EXPIRING`.
pub type otp_store_commit_fn = Option<
    unsafe extern "C" fn(
        user_data: *mut c_void,
        writes: *const u8,
        writes_len: usize,
        now: i64,
        outcome_out: *mut i32,
    ) -> i32,
>;

/// Drops at most `limit` cells whose end lies before `now`, never one without; writes how many.
///
/// More than `limit`, and an answer that is none of those which say that nothing was changed, is
/// `OTP_STATUS_STORE_UNKNOWN`: cells may be gone.
pub type otp_store_purge_fn = Option<
    unsafe extern "C" fn(
        user_data: *mut c_void,
        now: i64,
        limit: u64,
        dropped_out: *mut u64,
    ) -> i32,
>;

/// Says whether the store holds any cell at all, those past their end included: writes 1 for yes, 0
/// for no. 0 needs certainty, over every commit that was done before the call: a new store is begun
/// on it. What is neither, as the number that stands there before, is "cannot tell".
pub type otp_store_has_cells_fn =
    Option<unsafe extern "C" fn(user_data: *mut c_void, has_cells_out: *mut i32) -> i32>;

/// The kinds of cell, as a commit names them.
#[repr(i32)]
#[derive(Clone, Copy, Debug)]
pub enum otp_cell_kind {
    /// A kind that this version of the header does not know: keep it like any other.
    Other = 0,
    /// The current challenge of a record field and user.
    Slot = 1,
    /// Sends and failures of a user or recipient.
    Meter = 2,
    /// Count and digest of the newest record of a field.
    ChainHead = 3,
    /// One signature record.
    Record = 4,
    /// What was used last of an OATH credential.
    Credential = 5,
    /// Whose key ring the store belongs to; one cell, kept for ever.
    Canary = 6,
}

/// A store of the host.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct otp_host_store {
    /// `sizeof(otp_host_store)`.
    pub struct_size: usize,
    /// Required.
    pub load: otp_store_load_fn,
    /// Required.
    pub commit: otp_store_commit_fn,
    /// May be NULL: `otp_engine_purge` then drops nothing.
    pub purge: otp_store_purge_fn,
    /// One of `otp_store_class`.
    pub store_class: i32,
    /// 1 if a callback may give its thread to another fiber that calls the library; see
    /// section 5 of the header, "Threads and callbacks". Else 0.
    pub fibers: i32,
    /// Handed to each call.
    pub user_data: *mut c_void,
    /// Called once at the end; may be NULL.
    pub drop_user_data: otp_drop_fn,
    /// May be NULL: a new store must then be begun by `otp_engine_begin_store`.
    pub has_cells: otp_store_has_cells_fn,
}

// SAFETY: plain data behind its size, of which all zeros is a value.
unsafe impl Sized_ for otp_host_store {}

/// A store behind callbacks. No lock is held while one runs, and all that comes back is checked.
pub(crate) struct HostStore {
    load: unsafe extern "C" fn(*mut c_void, *const u8, usize, *mut otp_buffer) -> i32,
    commit: unsafe extern "C" fn(*mut c_void, *const u8, usize, i64, *mut i32) -> i32,
    purge: otp_store_purge_fn,
    has_cells: otp_store_has_cells_fn,
    class: Class,
    fibers: bool,
    user_data: UserData,
}

impl HostStore {
    /// Makes a store; takes `user_data` over only if it succeeds.
    pub(crate) fn new(table: &otp_host_store) -> Result<Self, Fault> {
        let class = match table.store_class {
            2 => Class::Expiring,
            3 => Class::Permanent,
            other => {
                return Err(Fault::argument(format!(
                    "store_class is {other}; it must be 2 or 3"
                )));
            }
        };
        let load = table.load.ok_or_else(|| Fault::argument("load is NULL"))?;
        let commit = table
            .commit
            .ok_or_else(|| Fault::argument("commit is NULL"))?;
        let fibers = flag(table.fibers, "fibers")?;
        let user_data = UserData::new(table.user_data, table.drop_user_data);
        Ok(Self {
            load,
            commit,
            purge: table.purge,
            has_cells: table.has_cells,
            class,
            fibers,
            user_data,
        })
    }
}

impl Store for HostStore {
    fn load(&self, keys: &[Key], cells: &mut Vec<Option<Cell>>) -> Result<(), Error> {
        let packed: Vec<u8> = keys.iter().flat_map(Key::as_bytes).copied().collect();
        let mut reply = vec![0; keys.len() * USUAL_CELL];
        for _ in 0..3 {
            let mut buffer = otp_buffer {
                data: reply.as_mut_ptr(),
                capacity: reply.len(),
                len: usize::MAX,
            };
            let _in_callback = InCallback::enter(self.fibers);
            // SAFETY: the host's own function on its own data; keys and buffer outlive the call.
            let answer = unsafe {
                (self.load)(
                    self.user_data.get(),
                    packed.as_ptr(),
                    keys.len(),
                    &raw mut buffer,
                )
            };
            match answer {
                1 if buffer.len <= reply.len() => {
                    *cells = read_cells(&reply[..buffer.len], keys.len())
                        .ok_or_else(|| garbage("load"))?;
                    return Ok(());
                }
                3 if buffer.len > reply.len() && buffer.len <= keys.len() * (MAX_BODY + 64) => {
                    reply.resize(buffer.len, 0);
                }
                other => return Err(failed(other, "load")),
            }
        }
        Err(garbage("load"))
    }

    fn commit(&self, writes: &[Write<'_>], now: Timestamp) -> Result<Commit, Error> {
        if writes.len() > MAX_CELLS {
            return Err(Error::Unsupported);
        }
        let packed = write_writes(writes);
        let mut outcome = otp_commit_outcome::Unknown as i32;
        let _in_callback = InCallback::enter(self.fibers);
        // SAFETY: the host's own function on its own data; writes and outcome outlive the call.
        let answer = unsafe {
            let data = self.user_data.get();
            (self.commit)(
                data,
                packed.as_ptr(),
                packed.len(),
                now.unix(),
                &raw mut outcome,
            )
        };
        match (answer, outcome) {
            (1, 1) => Ok(Commit::Done),
            (1, 2) => Ok(Commit::Conflict),
            (10, _) => Err(Error::unavailable("the host store is unavailable")),
            (11, _) => Err(Error::Full),
            (13, _) => Err(Error::Unsupported),
            // It may have been applied: an exception, a forgotten outcome, garbage.
            _ => Err(Error::unknown(format!(
                "the host store's commit returned {answer}, outcome {outcome}"
            ))),
        }
    }

    fn purge(&self, now: Timestamp, limit: usize) -> Result<usize, Error> {
        let Some(purge) = self.purge else {
            return Ok(0);
        };
        let limit = u64::try_from(limit).unwrap_or(u64::MAX);
        let mut dropped = 0;
        let _in_callback = InCallback::enter(self.fibers);
        // SAFETY: the host's own function on its own data; the out pointer is valid.
        let answer = unsafe { purge(self.user_data.get(), now.unix(), limit, &raw mut dropped) };
        match answer {
            1 if dropped <= limit => usize::try_from(dropped).map_err(Error::unknown),
            // They are gone: that nothing was changed would be untrue.
            1 => Err(Error::unknown(format!(
                "the host store's purge says that it dropped {dropped} cells, with a limit of {limit}"
            ))),
            10 | 11 | 13 => Err(failed(answer, "purge")),
            _ => Err(Error::unknown(format!(
                "the host store's purge returned {answer}"
            ))),
        }
    }

    fn class(&self) -> Class {
        self.class
    }

    fn has_cells(&self) -> Result<Option<bool>, Error> {
        let Some(has_cells) = self.has_cells else {
            return Ok(None);
        };
        let mut told = -1;
        let _in_callback = InCallback::enter(self.fibers);
        // SAFETY: the host's own function on its own data; the out pointer is valid.
        let answer = unsafe { has_cells(self.user_data.get(), &raw mut told) };
        match (answer, told) {
            (1, 0) => Ok(Some(false)),
            (1, 1) => Ok(Some(true)),
            (1, _) => Ok(None),
            (other, _) => Err(failed(other, "has_cells")),
        }
    }
}

/// A failure of which the callback's answer, or its kind, says that nothing was changed.
fn failed(answer: i32, what: &str) -> Error {
    match answer {
        11 => Error::Full,
        13 => Error::Unsupported,
        other => Error::unavailable(format!("the host store's {what} returned {other}")),
    }
}

fn garbage(what: &str) -> Error {
    Error::unavailable(format!("the host store's {what} returned what is no reply"))
}

/// Reads the reply of a load; `None` for whatever is not exactly one.
fn read_cells(mut reply: &[u8], count: usize) -> Option<Vec<Option<Cell>>> {
    let mut cells = Vec::with_capacity(count);
    for _ in 0..count {
        let (there, rest) = reply.split_first()?;
        reply = rest;
        if *there == 0 {
            cells.push(None);
            continue;
        }
        let (version, rest) = reply.split_first_chunk::<8>()?;
        let (has_end, rest) = rest.split_first()?;
        let (end, rest) = rest.split_first_chunk::<8>()?;
        let (length, rest) = rest.split_first_chunk::<4>()?;
        let (body, rest) = rest.split_at_checked(u32::from_be_bytes(*length).try_into().ok()?)?;
        reply = rest;
        if *there != 1 || *has_end > 1 || body.len() > MAX_BODY {
            return None;
        }
        let end = (*has_end == 1).then(|| Timestamp::from_unix(i64::from_be_bytes(*end)));
        cells.push(Some(Cell::new(
            Version::new(u64::from_be_bytes(*version)),
            end,
            body,
        )));
    }
    reply.is_empty().then_some(cells)
}

fn write_writes(writes: &[Write<'_>]) -> Vec<u8> {
    let mut packed = Vec::with_capacity(
        4 + writes
            .iter()
            .map(|write| 64 + write.body.len())
            .sum::<usize>(),
    );
    packed.extend(u32::try_from(writes.len()).unwrap_or(0).to_be_bytes()); // at most eight
    for write in writes {
        packed.extend(write.key.as_bytes());
        packed.push(kind_number(write.kind));
        packed.extend(write.expected.get().to_be_bytes());
        packed.push(u8::from(write.discard_after.is_some()));
        packed.extend(write.discard_after.map_or(0, Timestamp::unix).to_be_bytes());
        packed.extend(u32::try_from(write.body.len()).unwrap_or(0).to_be_bytes()); // at most 16 KiB
        packed.extend(write.body);
    }
    packed
}

const fn kind_number(kind: Kind) -> u8 {
    match kind {
        Kind::Slot => otp_cell_kind::Slot as u8,
        Kind::Meter => otp_cell_kind::Meter as u8,
        Kind::ChainHead => otp_cell_kind::ChainHead as u8,
        Kind::Record => otp_cell_kind::Record as u8,
        Kind::Credential => otp_cell_kind::Credential as u8,
        Kind::Canary => otp_cell_kind::Canary as u8,
        _ => otp_cell_kind::Other as u8,
    }
}

/// The length of a usual cell in a reply: a slot with its seal, or a meter of a few instants.
const USUAL_CELL: usize = 512;
