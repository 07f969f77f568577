//! What can be wrong with a record, and which record that is.

use core::fmt;

use super::{RecordDetail, RecordId};
use crate::Timestamp;
use crate::jws::JwsError;
use crate::signing::KeyId;

/// The reason why a record does not hold, and the record.
///
/// The record is named by what it says of itself, as far as that can be read: of a record whose
/// signature is bad, that is proven as little as the rest.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct RecordError {
    n: Option<u64>,
    id: Option<RecordId>,
    reason: RecordFault,
}

/// Why a record, or a chain of them, does not hold.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum RecordFault {
    /// The text is not a JWS that one of the keys signed.
    Jws(JwsError),
    /// The payload is not JSON as records have it: the byte, and what is wrong there.
    Json {
        /// The byte of the payload.
        at: usize,
        /// What is wrong there.
        what: &'static str,
    },
    /// A member of the payload is missing, or is not what it must be.
    Member {
        /// The object that has it: `payload`, `ref`, `doc`, `who`, `otp`, `img` or `ctx`.
        within: &'static str,
        /// Its name.
        name: &'static str,
    },
    /// A part of the payload has a member that this version does not know.
    UnknownMember(&'static str),
    /// The record's format is newer than this library: its `v`.
    Version(i64),
    /// The key may not have signed at the record's time: not yet, or no longer.
    KeyNotValid {
        /// The key.
        key: KeyId,
        /// The time that the record gives.
        at: Timestamp,
    },
    /// A disclosure is not one: its place among those given, from 0.
    DisclosureMalformed(usize),
    /// No digest of the record names a disclosure: it was changed, or is another record's.
    DisclosureForged(usize),
    /// A disclosure was given twice, or two say the same detail.
    DisclosureDuplicate(usize),
    /// A disclosure's name has no place where its digest stands.
    DisclosureMisplaced(usize),
    /// A digest of a disclosure stands in the payload twice.
    DigestDuplicate,
    /// A fact is not as expected.
    Unexpected(RecordFact),
    /// A fact was expected, but its disclosure was not given.
    Withheld(RecordDetail),
    /// The stored form is not one: what is wrong with it.
    Stored(&'static str),
    /// A stored note of an erasure is damaged, or another record's.
    Erasure,
    /// The record does not hold, so what follows from it is not shown.
    Unproven,
    /// Another place in the field was due: records are missing, repeated or in another order.
    Place {
        /// The place that was due.
        due: u64,
    },
    /// `prev` is not the digest of the record before.
    Previous,
    /// Two records have one id.
    Repeated,
    /// The newest record is not the one that the chain head counts last, or none was given.
    Count {
        /// The count of the chain head.
        chain_head: u64,
    },
    /// The newest record's digest is not the chain head's.
    Head,
}

/// A fact of a record that can be compared with what is expected.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum RecordFact {
    /// `iss`.
    Tenant,
    /// `ref.model`.
    Model,
    /// `ref.field`.
    Field,
    /// `ref.record`.
    Record,
    /// `act`.
    Purpose,
    /// `who.user`.
    User,
    /// `doc.dig`.
    Content,
}

impl RecordError {
    pub(crate) const fn nameless(reason: RecordFault) -> Self {
        Self {
            n: None,
            id: None,
            reason,
        }
    }

    pub(crate) const fn of(n: u64, id: RecordId, reason: RecordFault) -> Self {
        Self::named(Some(n), Some(id), reason)
    }

    pub(crate) const fn named(n: Option<u64>, id: Option<RecordId>, reason: RecordFault) -> Self {
        Self { n, id, reason }
    }

    /// Returns the place in its field that the record says it has.
    #[must_use]
    pub const fn sequence(&self) -> Option<u64> {
        self.n
    }

    /// Returns the name that the record says it has.
    #[must_use]
    pub const fn id(&self) -> Option<RecordId> {
        self.id
    }

    /// Returns what is wrong.
    #[must_use]
    pub const fn reason(&self) -> RecordFault {
        self.reason
    }
}

impl From<JwsError> for RecordFault {
    fn from(error: JwsError) -> Self {
        Self::Jws(error)
    }
}

impl fmt::Display for RecordError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.n, self.id) {
            (Some(n), Some(id)) => write!(f, "record {n} ({id}): ")?,
            (Some(n), None) => write!(f, "record {n}: ")?,
            (None, Some(id)) => write!(f, "record {id}: ")?,
            (None, None) => f.write_str("record that cannot be read: ")?,
        }
        self.reason.fmt(f)
    }
}

impl core::error::Error for RecordError {}

impl fmt::Display for RecordFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Jws(error) => error.fmt(f),
            Self::Json { at, what } => write!(f, "payload: {what} at byte {at}"),
            Self::Member { within, name } => {
                write!(f, "{within}: {name} is missing or not what it must be")
            }
            Self::UnknownMember(place) => write!(f, "{place} has an unknown member"),
            Self::Version(version) => write!(f, "format {version} is not known here"),
            Self::KeyNotValid { key, at } => {
                write!(f, "key {key} was not in use at {}", at.unix())
            }
            Self::DisclosureMalformed(i) => write!(f, "disclosure {i} is malformed"),
            Self::DisclosureForged(i) => write!(f, "disclosure {i} is named by no digest"),
            Self::DisclosureDuplicate(i) => write!(f, "disclosure {i} repeats another"),
            Self::DisclosureMisplaced(i) => write!(f, "disclosure {i} has no place there"),
            Self::DigestDuplicate => f.write_str("duplicate digest in the payload"),
            Self::Unexpected(fact) => write!(f, "{} is not the expected one", fact.member()),
            Self::Withheld(detail) => write!(f, "{} is not disclosed", detail.name()),
            Self::Stored(what) => write!(f, "stored form: {what}"),
            Self::Erasure => f.write_str("note of an erasure is damaged or another record's"),
            Self::Unproven => f.write_str("does not hold, nor what follows from it"),
            Self::Place { due } => write!(f, "stands where record {due} is due"),
            Self::Previous => f.write_str("prev is not the digest of the record before"),
            Self::Repeated => f.write_str("its id is another record's too"),
            Self::Count { chain_head } => {
                write!(f, "is not the newest: the chain head counts {chain_head}")
            }
            Self::Head => f.write_str("its digest is not that of the chain head"),
        }
    }
}

impl RecordFact {
    const fn member(self) -> &'static str {
        match self {
            Self::Tenant => "iss",
            Self::Model => "ref.model",
            Self::Field => "ref.field",
            Self::Record => "ref.record",
            Self::Purpose => "act",
            Self::User => "who.user",
            Self::Content => "doc.dig",
        }
    }
}
