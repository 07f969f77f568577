//! Why something failed, in words for whoever runs the service.

use core::fmt;
use std::path::Path;

/// Why the service cannot start; the text names the flag and its bound, never a secret.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Error(String);

impl Error {
    pub(crate) fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    pub(crate) fn file(flag: &str, path: &Path, why: &str) -> Self {
        Self(format!("{flag}: {} {why}", path.display()))
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl core::error::Error for Error {}

impl From<&str> for Error {
    fn from(text: &str) -> Self {
        Self::new(text)
    }
}

impl From<&(dyn core::error::Error + Send + Sync + 'static)> for Error {
    /// Says what failed, with its causes.
    fn from(error: &(dyn core::error::Error + Send + Sync + 'static)) -> Self {
        Self::new(chain(error))
    }
}

impl From<(&str, std::io::Error)> for Error {
    /// Says what of the operating system is missing.
    fn from((what, error): (&str, std::io::Error)) -> Self {
        Self(format!("{what}: {error}"))
    }
}

/// Writes an error with its causes.
pub(crate) fn chain(error: &(dyn core::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(&format!(": {error}"));
        cause = error.source();
    }
    text
}
