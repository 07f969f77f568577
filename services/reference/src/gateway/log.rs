//! A gateway for development: messages go to a file, or to the terminal.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use serde_json::json;

use super::{Gateway, Reply, Unanswered};

/// Sends nothing: appends each message to a file as a line of JSON, or prints it.
#[derive(Debug)]
pub struct LogGateway {
    outbox: Option<Mutex<File>>,
}

impl LogGateway {
    /// Prints each message to standard output, marked as one of development.
    #[must_use]
    pub const fn to_stdout() -> Self {
        Self { outbox: None }
    }

    /// Appends each message to a file, as `{"to": .., "msg": ..}`; makes it with mode 0600.
    ///
    /// # Errors
    ///
    /// Where the file cannot be opened.
    pub fn to_file(path: &Path) -> io::Result<Self> {
        let mut options = OpenOptions::new();
        options.append(true).create(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let file = options.open(path)?;
        Ok(Self {
            outbox: Some(Mutex::new(file)),
        })
    }
}

impl Gateway for LogGateway {
    fn send(&self, to: &str, text: &str) -> Result<Reply, Unanswered> {
        let message = json!({"to": to, "msg": text});
        let written = match &self.outbox {
            Some(file) => {
                // Whole lines, each in one write: other processes append to the same file.
                let line = format!("{message}\n");
                let mut file = file.lock().unwrap_or_else(PoisonError::into_inner);
                file.write_all(line.as_bytes())
            }
            None => {
                let mut out = io::stdout().lock();
                writeln!(out, "DEVELOPMENT, not sent: {message}").and_then(|()| out.flush())
            }
        };
        Ok(match written {
            Ok(()) => Reply::new("0", "ok"),
            Err(_) => Reply::new("file", "the outbox cannot be written"),
        })
    }
}
