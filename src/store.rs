//! The store port: what the engine asks of a place to keep cells, and nothing about one.

use alloc::{boxed::Box, vec::Vec};
use core::fmt;

use arrayvec::ArrayVec;

use crate::Timestamp;

#[cfg(feature = "async")]
mod asynchronous;
#[cfg(feature = "std")]
mod memory;

#[cfg(feature = "async")]
pub use asynchronous::AsyncStore;
#[cfg(feature = "std")]
pub use memory::MemoryStore;

/// A place to keep cells: small, versioned, opaque bodies under opaque keys.
///
/// The engine's whole safety under races and crashes rests on this contract; the suite in
/// the crate `otp-store-tests` checks an implementation against it.
///
/// # Contract
///
/// * [`commit`](Self::commit) applies all of its writes or none, and only if every cell still has
///   the version its write expects: of two callers that expect one version, at most one gets
///   [`Commit::Done`]. A write that expects a version never inserts.
/// * The version of a written cell is the expected one plus one; an inserted cell has version 1.
/// * [`load`](Self::load) sees every commit that was `Done` before it began. It need not be one
///   view of all keys: a decision writes each cell that it relies on. Once one load saw a part of a
///   commit, a load that begins later sees all of it.
/// * A cell may vanish once its `discard_after` has passed, never before; one without it stays
///   for ever. Whether a cell has *expired* is the engine's business, never the store's.
/// * Keys and bodies are opaque: any bytes, NUL included. Never log a body. Never evict a cell
///   to make room: a forgotten counter is a fresh set of guesses.
/// * A client library's own resends are switched off: a resent commit that was applied answers
///   `Conflict`, and the engine would decide again on an answer already spent.
///
/// # Security
///
/// A store that answers `Done` for what it did not keep gives an attacker fresh attempts; one that
/// answers `Conflict` or an error too often only costs time. When in doubt, answer
/// [`Error::Unknown`]: it is never taken for an acceptance. Bodies are sealed for every class but
/// [`Class::Process`], so write access does not let anybody forge a state; it does let them delete
/// a row or put an old one back, which the seal cannot see.
pub trait Store: Send + Sync {
    /// Loads the cells under `keys` into `cells`, in order, `None` where there is none.
    ///
    /// `cells` comes empty. At most [`MAX_CELLS`] keys, no two alike; none at all is no error.
    ///
    /// # Errors
    ///
    /// Any [`Error`]; the content of `cells` is then not looked at.
    fn load(&self, keys: &[Key], cells: &mut Vec<Option<Cell>>) -> Result<(), Error>;

    /// Applies all `writes`, or none; what is `Done` survives a crash as the [class](Self::class)
    /// promises.
    ///
    /// `now` is the engine's clock, for dropping what has passed its `discard_after`; the outcome
    /// never depends on it. At most [`MAX_CELLS`] writes.
    ///
    /// # Errors
    ///
    /// After [`Error::Unknown`] the writes may have been applied; after any other, none was. Two
    /// writes to one key, and a write without `discard_after` to a store that cannot keep it for
    /// ever, are [`Error::Unsupported`], checked over all writes before the first effect.
    fn commit(&self, writes: &[Write<'_>], now: Timestamp) -> Result<Commit, Error>;

    /// Drops at most `limit` cells whose `discard_after` lies before `now`, never one that has
    /// none; returns how many.
    ///
    /// # Errors
    ///
    /// After [`Error::Unknown`] cells may have been dropped; after any other, none was.
    fn purge(&self, now: Timestamp, limit: usize) -> Result<usize, Error>;

    /// Returns how long this store keeps what it was given; the same for the store's whole life.
    fn class(&self) -> Class;

    /// Says whether the store holds any cell at all, those past their `discard_after` included;
    /// `None` where it cannot tell, as it is unless a store says more.
    ///
    /// [`Engine::check_store`](crate::Engine::check_store) asks it: a store that holds cells, or
    /// may hold some, is begun by nobody without a word. So `Some(false)` needs certainty, over
    /// every commit that was `Done` before the call. No code depends on it: with `None` the first
    /// start of a new store is an act of its own,
    /// [`Engine::begin_store`](crate::Engine::begin_store).
    ///
    /// # Errors
    ///
    /// Any [`Error`].
    fn has_cells(&self) -> Result<Option<bool>, Error> {
        Ok(None)
    }

    /// Says that the cells under `keys` will soon be loaded or written: a hint, which changes nothing,
    /// never fails, and does nothing unless a store says more. Of more than [`MAX_CELLS`] keys the rest
    /// is left out.
    ///
    /// For stores in this process's memory: [`MemoryStore`] brings the cells into the processor's cache,
    /// one miss beside another. A store behind a connection has nothing to gain from it. A store that
    /// wraps another passes it on.
    fn prefetch(&self, keys: &[Key]) {
        let _ = keys;
    }
}

const _: Option<&dyn Store> = None; // the trait stays usable as an object

/// The most cells that one load or commit names.
pub const MAX_CELLS: usize = 8;

/// The longest body in bytes: a signature record with its disclosures; all others are far smaller.
pub const MAX_BODY: usize = 16 * 1024;

/// How long a store keeps what it was given.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Class {
    /// This process's own memory: lost on exit, one per process, bodies are not sealed.
    Process,
    /// Outside the process, but cells may be lost, and one without `discard_after` is refused.
    Expiring,
    /// Outside the process, durable, and for ever where there is no `discard_after`.
    Permanent,
}

/// The name of a cell: 8 bytes of tenant partition, then 24 bytes of keyed hash.
///
/// Keys hold no personal data. All keys of a tenant share the first 8 bytes: shard by these, so that
/// each commit stays on one shard, and hash by the bytes behind them within it.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Key([u8; 32]);

impl Key {
    /// Makes a key from its bytes.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Returns the bytes of the key.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

/// The version of a cell: 1 for an inserted one, one more for each write since.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Version(u64);

impl Version {
    /// What a write expects where there is no cell yet.
    pub const ABSENT: Self = Self(0);

    /// Makes a version from its number; 0 is [`ABSENT`](Self::ABSENT).
    #[must_use]
    pub const fn new(number: u64) -> Self {
        Self(number)
    }

    /// Returns the number, 0 for [`ABSENT`](Self::ABSENT).
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0
    }

    /// Returns the version that a cell has after a write that expected this one.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

/// What a store keeps under a key.
#[derive(Clone)]
pub struct Cell {
    version: Version,
    discard_after: Option<Timestamp>,
    body: Body,
}

/// A body: most are short, and an operation that allocates none of them is the faster for it.
#[derive(Clone)]
enum Body {
    Short(ArrayVec<u8, SHORT>),
    Long(Vec<u8>),
}

/// A sealed slot has as many bytes.
const SHORT: usize = 112;

impl PartialEq for Cell {
    fn eq(&self, other: &Self) -> bool {
        self.version == other.version
            && self.discard_after == other.discard_after
            && self.body() == other.body()
    }
}

impl Eq for Cell {}

impl Cell {
    /// Makes a cell as a store gives it out.
    #[must_use]
    pub fn new(version: Version, discard_after: Option<Timestamp>, body: impl AsRef<[u8]>) -> Self {
        let body = body.as_ref();
        Self {
            version,
            discard_after,
            body: ArrayVec::try_from(body).map_or_else(|_| Body::Long(body.into()), Body::Short),
        }
    }

    /// Returns the version, never [`Version::ABSENT`] in a sound store.
    #[must_use]
    pub const fn version(&self) -> Version {
        self.version
    }

    /// Returns the instant after which the cell may be dropped; `None` is never.
    #[must_use]
    pub const fn discard_after(&self) -> Option<Timestamp> {
        self.discard_after
    }

    /// Returns the opaque body.
    #[must_use]
    pub fn body(&self) -> &[u8] {
        match &self.body {
            Body::Short(body) => body,
            Body::Long(body) => body,
        }
    }
}

impl fmt::Debug for Cell {
    /// Shows all but the body, which belongs in no log.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cell")
            .field("version", &self.version)
            .field("discard_after", &self.discard_after)
            .finish_non_exhaustive()
    }
}

/// What a cell is for; a host store may keep each kind in a table of its own.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum Kind {
    /// The one current challenge of a record field and user.
    Slot,
    /// Sends and failures of a user or of a recipient.
    Meter,
    /// Count and digest of the latest signature record of a record field; kept for ever.
    ChainHead,
    /// One signature record; written once, kept for ever.
    Record,
    /// What was used last of an OATH credential.
    Credential,
    /// Whose key ring the store belongs to; one for each store, kept for ever.
    Canary,
}

/// One write of a commit.
#[derive(Clone, Copy)]
#[expect(
    clippy::exhaustive_structs,
    reason = "stores read each member; hosts of other languages build it"
)]
pub struct Write<'a> {
    /// The cell to write.
    pub key: Key,
    /// What the cell is for.
    pub kind: Kind,
    /// The version that the cell must have; [`Version::ABSENT`] where there must be none.
    pub expected: Version,
    /// When the cell may be dropped; `None` is never.
    pub discard_after: Option<Timestamp>,
    /// The new body, at most [`MAX_BODY`] bytes.
    pub body: &'a [u8],
}

impl fmt::Debug for Write<'_> {
    /// Shows all but the body, which belongs in no log.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Write")
            .field("key", &self.key)
            .field("kind", &self.kind)
            .field("expected", &self.expected)
            .field("discard_after", &self.discard_after)
            .finish_non_exhaustive()
    }
}

/// The outcome of a commit that the store could judge.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[must_use = "an answer may leave only after `Done`"]
#[expect(
    clippy::exhaustive_enums,
    reason = "a third outcome would change the engine's loop"
)]
pub enum Commit {
    /// All writes are applied and kept.
    Done,
    /// A cell has another version than its write expected; nothing was applied.
    Conflict,
}

/// The reason why a store gave no answer.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// The store could not be asked; surely nothing was applied.
    Unavailable(Cause),
    /// The store has no room for new cells; nothing was applied, and live cells are kept.
    Full,
    /// The commit or purge was sent and its outcome is not known; it may have been applied.
    Unknown(Cause),
    /// The store cannot do what was asked, such as keep a cell for ever; nothing was applied.
    Unsupported,
}

/// What a store's own client reported, if anything.
pub type Cause = Option<Box<dyn core::error::Error + Send + Sync>>;

impl Error {
    /// Makes [`Error::Unavailable`] from what the store's client reported.
    pub fn unavailable(cause: impl Into<Box<dyn core::error::Error + Send + Sync>>) -> Self {
        Self::Unavailable(Some(cause.into()))
    }

    /// Makes [`Error::Unknown`] from what the store's client reported.
    pub fn unknown(cause: impl Into<Box<dyn core::error::Error + Send + Sync>>) -> Self {
        Self::Unknown(Some(cause.into()))
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unavailable(_) => "the store is unavailable; nothing was changed",
            Self::Full => "the store is full; nothing was changed",
            Self::Unknown(_) => {
                "the outcome of the commit is unknown; it may have been applied: retry"
            }
            Self::Unsupported => "the store does not support this; nothing was changed",
        })
    }
}

impl core::error::Error for Error {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::Unavailable(Some(cause)) | Self::Unknown(Some(cause)) => Some(cause.as_ref()),
            _ => None,
        }
    }
}

/// Says whether two of the writes name one key, which every store refuses.
#[must_use]
pub fn has_twice_one_key(writes: &[Write<'_>]) -> bool {
    writes
        .iter()
        .enumerate()
        .any(|(at, write)| writes[..at].iter().any(|other| other.key == write.key))
}
