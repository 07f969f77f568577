//! What Redis reports, as what it means for a commit.

use core::fmt;

use otp_engine::store::{Commit, Error};
use redis::RedisError;

/// What a command failed by.
#[derive(Debug)]
pub(crate) enum Fault {
    /// The server reported it.
    Reported { code: String, message: String },
    /// The connection ended, or nothing came in time.
    Lost(RedisError),
    /// An answer or a value came that this store does not know.
    Malformed,
}

impl From<RedisError> for Fault {
    fn from(error: RedisError) -> Self {
        match error.code() {
            Some(code) => Self::Reported {
                code: code.to_owned(),
                message: error.detail().unwrap_or_default().to_owned(),
            },
            None => Self::Lost(error),
        }
    }
}

impl Fault {
    /// Says what a failed commit means: only of what is refused before the first write of a
    /// script is it known that nothing was applied.
    pub(crate) fn of_commit(self) -> Result<Commit, Error> {
        if self.is("OOM") {
            return Err(Error::Full);
        }
        if REFUSED.iter().any(|code| self.is(code)) {
            return Err(Error::unavailable(self));
        }
        Err(Error::unknown(self))
    }

    /// Says whether the server reported this code; before version 7 it wraps those of a script's
    /// commands into a message.
    pub(crate) fn is(&self, wanted: &str) -> bool {
        let Self::Reported { code, message } = self else {
            return false;
        };
        let mut wrapped = message.split(' ').filter_map(|word| word.strip_prefix('-'));
        code == wanted || (code == "ERR" && wrapped.any(|code| code == wanted))
    }
}

impl otp_engine_pool::Fault for Fault {
    /// Says whether the connection is as good as before.
    fn leaves_connection_sound(&self) -> bool {
        // One that may not write is most likely a former master: the next one may be another.
        self.is("OOM") || self.is("OTPTILL")
    }

    /// Says whether the connection is gone, so that another one may fare better.
    fn is_lost(&self) -> bool {
        matches!(self, Self::Lost(_))
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Reported { code, message } => write!(f, "Redis reports {code} {message}"),
            Self::Lost(_) => f.write_str("Redis did not answer"),
            Self::Malformed => f.write_str("Redis gave an answer that this store does not know"),
        }
    }
}

impl core::error::Error for Fault {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::Lost(error) => Some(error),
            Self::Reported { .. } | Self::Malformed => None,
        }
    }
}

/// What the server answers instead of running a command.
const REFUSED: [&str; 15] = [
    "LOADING",
    "READONLY",
    "MASTERDOWN",
    "CLUSTERDOWN",
    "MOVED",
    "ASK",
    "TRYAGAIN",
    "CROSSSLOT",
    "MISCONF",
    "NOREPLICAS",
    "BUSY",
    "NOAUTH",
    "NOPERM",
    "WRONGTYPE",
    "OTPTILL",
];
