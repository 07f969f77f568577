//! What kind of failure a 500, 502 or 503 is: the client is told whether to wait, the log and the counts tell the
//! kinds apart.

use otp_engine::store;

use crate::directory::{Fault, Outage};
use crate::images::Missing;

/// A kind of failure; its name labels the counts and the lines of the log.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Failure {
    /// The store has no room; nothing was changed.
    Full,
    /// The store could not be asked, or refused; nothing was changed.
    Unavailable,
    /// The store gave no answer to a commit, which may have been applied.
    Unknown,
    /// Others kept changing the same record or user first; nothing was changed.
    Contended,
    /// A captured signature is in the record, and neither kept nor erased.
    MissingImage,
    /// Who knows users and records gives no answer.
    DirectoryUnavailable,
    /// Who knows users and records gives one that cannot be used.
    DirectoryInvalid,
    /// Anything else: the cause stands in the log.
    Internal,
}

impl Failure {
    pub(crate) const ALL: [Self; 8] = [
        Self::Full,
        Self::Unavailable,
        Self::Unknown,
        Self::Contended,
        Self::MissingImage,
        Self::DirectoryUnavailable,
        Self::DirectoryInvalid,
        Self::Internal,
    ];

    /// Finds out the kind, from whatever stands first in the chain of causes.
    pub(crate) fn of(fault: &Fault) -> Self {
        let mut cause: Option<&(dyn core::error::Error + 'static)> = Some(&**fault);
        while let Some(error) = cause {
            if error.is::<Missing>() {
                return Self::MissingImage;
            }
            match error.downcast_ref() {
                Some(Outage::Unavailable(_)) => return Self::DirectoryUnavailable,
                Some(Outage::Invalid(_)) => return Self::DirectoryInvalid,
                None => {}
            }
            if let Some(otp_engine::Error::Contended) = error.downcast_ref() {
                return Self::Contended;
            }
            match error.downcast_ref() {
                Some(store::Error::Full) => return Self::Full,
                Some(store::Error::Unavailable(_)) => return Self::Unavailable,
                Some(store::Error::Unknown(_)) => return Self::Unknown,
                _ => cause = error.source(),
            }
        }
        Self::Internal
    }

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::Unavailable => "unavailable",
            Self::Unknown => "unknown",
            Self::Contended => "contended",
            Self::MissingImage => "missing_image",
            Self::DirectoryUnavailable => "directory_unavailable",
            Self::DirectoryInvalid => "directory_invalid",
            Self::Internal => "internal",
        }
    }

    /// Says whether the store failed.
    pub(crate) const fn is_of_the_store(self) -> bool {
        matches!(
            self,
            Self::Full | Self::Unavailable | Self::Unknown | Self::Contended
        )
    }

    /// Returns the status of the answer.
    pub(crate) const fn status(self) -> u16 {
        match self {
            Self::DirectoryUnavailable => 503,
            Self::DirectoryInvalid => 502,
            _ => 500,
        }
    }

    /// Returns what the client is told: what to do, and nothing of the cause.
    pub(crate) const fn message(self) -> &'static str {
        match self {
            Self::Full => "The store is full; try again later",
            Self::Unavailable => "The store is not available; try again in a moment",
            Self::Unknown => "The store gave no answer; try again to learn what was done",
            Self::Contended => {
                "Too many requests for the same record or user; try again in a moment"
            }
            Self::MissingImage => "The captured signature is missing in the store",
            Self::DirectoryUnavailable => {
                "The directory of users is not available; try again in a moment"
            }
            Self::DirectoryInvalid => "The directory of users gave no usable answer",
            Self::Internal => "Internal error",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn case_264_kinds_are_found_wherever_they_stand_in_the_chain() {
        let is = |fault: Fault, name| assert_eq!(Failure::of(&fault).name(), name, "{fault}");
        is(Box::new(store::Error::Full), "full");
        is(
            Box::new(otp_engine::Error::Store(store::Error::Full)),
            "full",
        );
        let away = store::Error::unavailable("PostgreSQL reports 42501: permission denied");
        is(Box::new(otp_engine::Error::Store(away)), "unavailable");
        let lost = store::Error::unknown(store::Error::Full);
        is(Box::new(otp_engine::Error::Store(lost)), "unknown");
        is(Box::new(otp_engine::Error::Contended), "contended");
        is(Box::new(Missing), "missing_image");
        is(Box::new(otp_engine::Error::Tampered), "internal");
        is(
            Box::new(Outage::Unavailable(String::new())),
            "directory_unavailable",
        );
        is(
            Box::new(Outage::Invalid(String::new())),
            "directory_invalid",
        );
        is("the host's database is away".into(), "internal");
    }
}
