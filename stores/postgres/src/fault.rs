//! What PostgreSQL reports, as what it means for a commit.

use core::fmt;

use otp_engine::store::{Commit, Error};
use tokio_postgres::error::{DbError, Severity, SqlState};

use crate::link::Silent;

/// What a statement failed by.
#[derive(Debug)]
pub(crate) enum Fault {
    /// The server reported it.
    Reported(Report),
    /// The connection ended, or brought something that is no answer.
    Lost(tokio_postgres::Error),
    /// No answer came in time.
    Silent,
    /// No answer came in time, and the wait for a standby was ended at the server.
    Cancelled,
    /// A row came back as none that this store writes.
    Malformed,
    /// A statement was made though the transaction that it belonged to was refused.
    Adrift,
}

/// An error as the server reports it, but for its details: these may quote a whole row.
#[derive(Debug)]
pub(crate) struct Report {
    code: SqlState,
    message: String,
    /// The server ended the connection with this report.
    is_last: bool,
}

impl From<tokio_postgres::Error> for Fault {
    fn from(error: tokio_postgres::Error) -> Self {
        match error.as_db_error() {
            Some(report) => Self::Reported(Report::new(report)),
            None => Self::Lost(error),
        }
    }
}

impl From<Silent> for Fault {
    fn from(silent: Silent) -> Self {
        if silent.has_ended {
            Self::Cancelled
        } else {
            Self::Silent
        }
    }
}

impl Report {
    fn new(report: &DbError) -> Self {
        let severity = report.parsed_severity();
        Self {
            code: report.code().clone(),
            message: report.message().to_owned(),
            is_last: severity != Some(Severity::Error),
        }
    }
}

impl Fault {
    /// Says what a failed commit means; a statement that the server reports as failed is undone.
    pub(crate) fn of_commit(self) -> Result<Commit, Error> {
        if self.is_conflict() {
            return Ok(Commit::Conflict);
        }
        let Self::Reported(report) = self else {
            return Err(Error::unknown(self));
        };
        // The answer to a commit that was made may be that the server goes away.
        if report.is_last {
            return Err(Error::unknown(Self::Reported(report)));
        }
        if report.code == SqlState::DISK_FULL {
            return Err(Error::Full);
        }
        if report.code == SqlState::CARDINALITY_VIOLATION {
            return Err(Error::Unsupported); // two writes to one key
        }
        if report.code == SqlState::T_R_STATEMENT_COMPLETION_UNKNOWN
            || report.code.code().starts_with(CONNECTION)
        {
            return Err(Error::unknown(Self::Reported(report)));
        }
        Err(Error::unavailable(Self::Reported(report)))
    }

    /// Says that another commit was first.
    pub(crate) fn is_conflict(&self) -> bool {
        matches!(self, Self::Reported(report) if !report.is_last && CONFLICT.contains(&report.code))
    }
}

impl otp_engine_pool::Fault for Fault {
    /// Says whether the connection is gone, so that another one may fare better.
    fn is_lost(&self) -> bool {
        match self {
            Self::Reported(report) => report.is_last || report.code.code().starts_with(CONNECTION),
            Self::Lost(_) | Self::Silent => true,
            Self::Malformed | Self::Adrift | Self::Cancelled => false,
        }
    }

    /// Says whether the connection is as good as before.
    ///
    /// Others are dropped: a statement that was prepared before its table changed fails for ever.
    fn leaves_connection_sound(&self) -> bool {
        match self {
            _ if self.is_conflict() => true,
            Self::Cancelled => true,
            Self::Reported(report) => !report.is_last && SOUND.contains(&report.code),
            Self::Lost(_) | Self::Silent | Self::Malformed | Self::Adrift => false,
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Reported(report) => {
                write!(
                    f,
                    "PostgreSQL reports {}: {}",
                    report.code.code(),
                    report.message
                )
            }
            Self::Lost(_) => f.write_str("the connection to PostgreSQL was lost"),
            Self::Silent => f.write_str("PostgreSQL did not answer in time"),
            Self::Malformed => f.write_str("a row was not written by this store"),
            Self::Cancelled => {
                f.write_str("PostgreSQL did not answer in time; its wait for a standby was ended")
            }
            Self::Adrift => f.write_str("PostgreSQL refused a transaction, not its statement"),
        }
    }
}

impl core::error::Error for Fault {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::Lost(error) => Some(error),
            Self::Reported(_) | Self::Silent | Self::Cancelled | Self::Malformed | Self::Adrift => {
                None
            }
        }
    }
}

/// The division by zero is that of the commit's own statement: two inserted one row.
const CONFLICT: [SqlState; 3] = [
    SqlState::DIVISION_BY_ZERO,
    SqlState::T_R_SERIALIZATION_FAILURE,
    SqlState::T_R_DEADLOCK_DETECTED,
];
const SOUND: [SqlState; 4] = [
    SqlState::DISK_FULL,
    SqlState::LOCK_NOT_AVAILABLE,
    SqlState::QUERY_CANCELED,
    SqlState::RESTRICT_VIOLATION,
];

/// The class of SQLSTATEs about the connection itself.
const CONNECTION: &str = "08";
