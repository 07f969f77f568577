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
            Reason::Address(_) => f.write_str("the address cannot be read"),
            Reason::Connect(_) => f.write_str("Redis cannot be reached"),
            Reason::Server(_) => f.write_str("Redis refuses what the store needs"),
            Reason::Version(found) => write!(f, "Redis has version {found}, needed is 6.2"),
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
            } => write!(f, "Redis works with {setting} {found}, needed is {wanted}"),
            Reason::Untold(name) => write!(f, "Redis does not tell its {name}"),
            Reason::Flush(_) => f.write_str("Redis does not tell its appendfsync: state it"),
            Reason::Clock(None) => f.write_str("the system has no time"),
            Reason::Clock(Some(off)) => write!(
                f,
                "the clock of Redis is {off} s off, at most {MOST_OFF} s are sound: cells end by it"
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
