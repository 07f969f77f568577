//! Why a store could not be opened.

use core::fmt;

use redis::RedisError;

use super::MOST_OFF;

/// The reason why a store could not be opened; its source tells more.
#[derive(Debug)]
pub struct OpenError(Reason);

#[derive(Debug)]
pub(super) enum Reason {
    Address(RedisError),
    Connect(RedisError),
    Server(RedisError),
    Version(String),
    Cluster,
    Sentinel,
    Setting {
        setting: &'static str,
        found: String,
        wanted: &'static str,
    },
    Untold(&'static str),
    Flush(RedisError),
    Clock(Option<u64>),
}

impl From<Reason> for OpenError {
    fn from(reason: Reason) -> Self {
        Self(reason)
    }
}

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Reason::Address(_) => f.write_str("invalid address"),
            Reason::Connect(_) => f.write_str("cannot connect to Redis"),
            Reason::Server(_) => f.write_str("Redis rejected a command that the store needs"),
            Reason::Version(found) => write!(f, "Redis {found} is too old; 6.2 or later is required"),
            Reason::Cluster => f.write_str(
                "the server is a node of a Redis Cluster and serves a part of its slots: this store \
                 speaks to one server and follows no redirection; name a server outside of a \
                 cluster, or one that serves all slots",
            ),
            Reason::Sentinel => f.write_str(
                "the server is a Sentinel, which keeps no cells: name the address of the master",
            ),
            Reason::Setting {
                setting,
                found,
                wanted,
            } => write!(f, "Redis runs with {setting} {found}; {wanted} is required"),
            Reason::Untold(name) => write!(f, "cannot read {name} from Redis"),
            Reason::Flush(_) => f.write_str("cannot read appendfsync from Redis; set it explicitly"),
            Reason::Clock(None) => f.write_str("the system has no time"),
            Reason::Clock(Some(off)) => write!(
                f,
                "the clock of Redis, by which cells expire, differs by {off} s; at most {MOST_OFF} s are allowed"
            ),
        }
    }
}

impl core::error::Error for OpenError {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match &self.0 {
            Reason::Address(error)
            | Reason::Connect(error)
            | Reason::Server(error)
            | Reason::Flush(error) => Some(error),
            _ => None,
        }
    }
}
