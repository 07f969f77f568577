//! What a subcommand answers.

use core::fmt;
use std::path::Path;

/// An answer: what is printed, and whether it is so.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    /// A code is valid, a record holds, a file is sound.
    pub(crate) holds: bool,
}

impl Answer {
    /// Says that it is so.
    pub(crate) fn yes(stdout: impl Into<String>) -> Self {
        Self::of(stdout, true)
    }

    /// Says whether it is so, and what there is to say in both cases.
    pub(crate) fn of(stdout: impl Into<String>, holds: bool) -> Self {
        Self {
            stdout: stdout.into(),
            stderr: String::new(),
            holds,
        }
    }

    /// Says that it is not so, to people alone: a program that takes the output finds nothing.
    pub(crate) fn no(stderr: impl Into<String>) -> Self {
        Self {
            stdout: String::new(),
            stderr: stderr.into(),
            holds: false,
        }
    }
}

/// Why nothing is known; the text names the argument or file and what it must be, never a secret.
#[derive(Debug)]
pub(crate) struct Failure(String);

impl Failure {
    pub(crate) fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// Says what is wrong with a file.
    pub(crate) fn of_file(path: &Path, what: impl fmt::Display) -> Self {
        Self(format!("{}: {what}", path.display()))
    }

    /// Says what failed, with its causes.
    pub(crate) fn chain(what: &str, error: &(dyn core::error::Error + 'static)) -> Self {
        let mut text = format!("{what}: {error}");
        let mut cause = error.source();
        while let Some(error) = cause {
            text.push_str(&format!(": {error}"));
            cause = error.source();
        }
        Self(text)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
