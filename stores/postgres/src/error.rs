//! Why a store could not be opened.

use core::fmt;
use std::io;

use tokio_postgres::{Error, error::SqlState};

/// The reason why a store could not be opened; its source tells more.
#[derive(Debug)]
pub struct OpenError(Reason);

#[derive(Debug)]
pub(crate) enum Reason {
    Parameters(Error),
    Unreadable,
    SslMode,
    WithoutTls,
    /// A connector was given, and a mode that goes on without it.
    FallsBack,
    #[cfg(feature = "tls")]
    File(String),
    #[cfg(feature = "tls")]
    ClientPair,
    #[cfg(feature = "tls")]
    NoSystemRoots,
    #[cfg(feature = "tls")]
    Tls(rustls::Error),
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

    /// Says whether the connection string cannot be read; the cause may quote a part of it.
    #[must_use]
    pub const fn is_of_parameters(&self) -> bool {
        matches!(self.0, Reason::Parameters(_) | Reason::Unreadable)
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
            Reason::Parameters(_) | Reason::Unreadable => {
                f.write_str("invalid connection parameters")
            }
            Reason::SslMode => f.write_str(
                "sslmode must be verify-full, or disable for no TLS: the others do not check who the \
                 server is, or go on without TLS",
            ),
            Reason::WithoutTls => f.write_str(
                "sslmode asks for TLS, which needs the feature `tls` of otp-engine-postgres, and then \
                 sslmode=verify-full",
            ),
            Reason::FallsBack => f.write_str(
                "sslmode=prefer goes on without TLS; set SslMode::Require, or SslMode::Disable for a \
                 Unix socket",
            ),
            #[cfg(feature = "tls")]
            Reason::File(why) => f.write_str(why),
            #[cfg(feature = "tls")]
            Reason::ClientPair => f.write_str("sslcert and sslkey must be given both, or none"),
            #[cfg(feature = "tls")]
            Reason::NoSystemRoots => f.write_str(
                "sslrootcert: the system has no root certificates; name a file of them",
            ),
            #[cfg(feature = "tls")]
            Reason::Tls(rustls::Error::InconsistentKeys(_)) => {
                f.write_str("sslkey is not the key of the certificate in sslcert")
            }
            #[cfg(feature = "tls")]
            Reason::Tls(_) => f.write_str("TLS cannot be set up"),
            Reason::SchemaName => f.write_str(
                "the schema's name must be 1 to 63 of a-z, 0-9 and _, and begin with no digit",
            ),
            Reason::Runtime(_) => f.write_str("cannot create the runtime that waits for the connection"),
            Reason::Connect(error) => {
                f.write_str("cannot connect to PostgreSQL")?;
                advice(error).map_or(Ok(()), |advice| write!(f, "; {advice}"))
            }
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
            #[cfg(feature = "tls")]
            Reason::Tls(error) => Some(error),
            _ => None,
        }
    }
}

/// Says what to do where the two sides do not agree about TLS.
fn advice(error: &Error) -> Option<&'static str> {
    if let Some(report) = error.as_db_error() {
        let is_refused = *report.code() == SqlState::INVALID_AUTHORIZATION_SPECIFICATION;
        let is_plain = ["no encryption", "SSL off"]
            .iter()
            .any(|end| report.message().ends_with(end));
        return (is_refused && is_plain).then_some(
            "its pg_hba.conf has no entry for this user without TLS: sslmode=verify-full asks for TLS",
        );
    }
    let cause = core::error::Error::source(error)?;
    #[cfg(feature = "tls")]
    if let Some(advice) = of_certificate(cause) {
        return Some(advice);
    }
    // These are texts of `tokio_postgres`, which has no codes for them.
    Some(match &*cause.to_string() {
        "server does not support TLS" => {
            "it offers no TLS: set ssl=on there, or sslmode=disable for a Unix socket"
        }
        "no hostname provided for TLS handshake" => {
            "sslmode=verify-full needs the name in its certificate as host, beside hostaddr"
        }
        _ => return None,
    })
}

#[cfg(feature = "tls")]
fn of_certificate(cause: &(dyn core::error::Error + 'static)) -> Option<&'static str> {
    use rustls::CertificateError as Wrong;

    let inner = cause.downcast_ref::<io::Error>()?.get_ref()?;
    let rustls::Error::InvalidCertificate(wrong) = inner.downcast_ref()? else {
        return None;
    };
    Some(match wrong {
        // Of a root that has the same name, the signature is wrong.
        Wrong::UnknownIssuer | Wrong::BadSignature => {
            "its certificate is of no root that is trusted: name the right one by sslrootcert"
        }
        Wrong::NotValidForName | Wrong::NotValidForNameContext { .. } => {
            "its certificate has another name: connect by one that it has as subjectAltName"
        }
        Wrong::Expired | Wrong::ExpiredContext { .. } => {
            "its certificate has expired: renew it, or set the clock right"
        }
        _ => return None,
    })
}
