//! Why a store could not be opened.

use core::fmt;
use std::io;

use tokio_postgres::Error;

/// The reason why a store could not be opened; its source tells more.
#[derive(Debug)]
pub struct OpenError(Reason);

#[derive(Debug)]
pub(crate) enum Reason {
    Parameters(Error),
    SchemaName,
    Runtime(io::Error),
    Connect(Error),
    Silent,
    Server(Error),
    Standby,
    Setting {
        setting: &'static str,
        found: String,
    },
    NoLayout,
    Layout {
        found: i32,
        /// The layouts that this version works with.
        known: String,
    },
    Grants(Error),
    Table(&'static str),
    Transaction(Error),
}

impl OpenError {
    /// Says whether the schema has no tables yet: `migrate` makes them.
    #[must_use]
    pub const fn is_not_migrated(&self) -> bool {
        matches!(self.0, Reason::NoLayout)
    }

    /// Tells that a transaction could not be begun.
    pub(crate) fn of_transaction(self) -> Self {
        match self.0 {
            Reason::Server(error) => Self(Reason::Transaction(error)),
            reason => Self(reason),
        }
    }

    /// Says whether another host of the same configuration may do.
    pub(crate) fn is_of_one_host(&self) -> bool {
        match &self.0 {
            Reason::Connect(_) | Reason::Silent | Reason::Standby => true,
            Reason::Setting { setting, .. } => *setting == "transaction_read_only",
            _ => false,
        }
    }
}

impl From<Reason> for OpenError {
    fn from(reason: Reason) -> Self {
        Self(reason)
    }
}

impl From<Error> for OpenError {
    fn from(error: Error) -> Self {
        Self(Reason::Server(error))
    }
}

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Reason::Parameters(_) => f.write_str("invalid connection parameters"),
            Reason::SchemaName => f.write_str(
                "the schema's name must be 1 to 63 of a-z, 0-9 and _, and begin with no digit",
            ),
            Reason::Runtime(_) => f.write_str("cannot create the runtime that waits for the connection"),
            Reason::Connect(_) => f.write_str("cannot connect to PostgreSQL"),
            Reason::Silent => f.write_str("PostgreSQL did not answer in time"),
            Reason::Server(_) => f.write_str("PostgreSQL rejected a statement that the store needs"),
            Reason::Standby => {
                f.write_str("PostgreSQL is in recovery; connect to the primary: a standby may still show a used code as unused")
            }
            Reason::Setting { setting, found } => {
                write!(f, "PostgreSQL runs with {setting}={found}, ")?;
                f.write_str(match *setting {
                    "transaction_read_only" => "but the store must write",
                    _ => "which may lose committed answers",
                })
            }
            Reason::NoLayout => f.write_str(
                "table otp_cell not found; make it once, as a role that may create tables: \
                 PostgresStore::migrate(..), or `otp store migrate --database-file FILE`",
            ),
            Reason::Layout { found, known } => {
                write!(f, "schema layout {found} is not supported; this version supports {known}")
            }
            Reason::Grants(_) => f.write_str("permission denied on table otp_layout; grant SELECT to the role"),
            Reason::Transaction(_) => f.write_str(
                "PostgreSQL does not keep a transaction open; set the pooler to session or transaction \
                 mode",
            ),
            Reason::Table(what) => write!(f, "the table otp_cell cannot be used: {what}"),
        }
    }
}

impl core::error::Error for OpenError {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match &self.0 {
            Reason::Parameters(error)
            | Reason::Connect(error)
            | Reason::Server(error)
            | Reason::Transaction(error)
            | Reason::Grants(error) => Some(error),
            Reason::Runtime(error) => Some(error),
            _ => None,
        }
    }
}
