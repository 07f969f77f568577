//! Files and standard input: where secrets come from.

use std::fs::File;
use std::io::{self, BufRead as _, IsTerminal as _, Read};
use std::path::Path;

use zeroize::Zeroizing;

use crate::answer::Failure;

/// The longest file that is read, in bytes: a thousand records of the longest kind.
const MAX_FILE: u64 = 64 * 1024 * 1024;

/// The longest line of standard input that is read, in bytes.
const MAX_LINE: u64 = 16 * 1024;

/// Says whether a path means standard input.
pub(crate) fn is_stdin(path: &Path) -> bool {
    path.as_os_str() == "-"
}

/// Reads the next line of standard input, without its end; who sits before a terminal is asked for it.
pub(crate) fn line(what: &str) -> Result<Zeroizing<String>, Failure> {
    if io::stdin().is_terminal() {
        eprint!("{what}: ");
    }
    let mut line = Zeroizing::new(String::new());
    let read = io::stdin().lock().take(MAX_LINE).read_line(&mut line);
    read.map_err(|error| Failure::new(format!("standard input: {error}")))?;
    if !line.ends_with('\n') && line.len() as u64 == MAX_LINE {
        let why = format!("standard input: the {what} must be at most {MAX_LINE} bytes");
        return Err(Failure::new(why));
    }
    let end = line.trim_ascii_end().len();
    line.truncate(end);
    Ok(line)
}

/// Reads a secret: a line of standard input, or a file that its owner alone may read.
pub(crate) fn secret(path: &Path, what: &str) -> Result<Zeroizing<String>, Failure> {
    if is_stdin(path) {
        return line(what);
    }
    let mut file = open(path)?;
    check_private(path, &file)?;
    let mut text = Zeroizing::new(read(path, &mut file)?);
    let end = text.trim_ascii_end().len();
    text.truncate(end);
    Ok(text)
}

/// Reads a text that is no secret; returns how to call its source, too.
pub(crate) fn text(path: &Path) -> Result<(String, String), Failure> {
    if is_stdin(path) {
        let name = "standard input";
        return Ok((name.into(), read(Path::new(name), &mut io::stdin().lock())?));
    }
    Ok((path.display().to_string(), read(path, &mut open(path)?)?))
}

fn open(path: &Path) -> Result<File, Failure> {
    File::open(path).map_err(|error| unreadable(path, &error))
}

fn read(path: &Path, from: &mut dyn Read) -> Result<String, Failure> {
    let mut text = String::new();
    let read = from.take(MAX_FILE + 1).read_to_string(&mut text);
    read.map_err(|error| unreadable(path, &error))?;
    if text.len() as u64 > MAX_FILE {
        let what = format!("must be at most {MAX_FILE} bytes");
        return Err(Failure::of_file(path, what));
    }
    Ok(text)
}

fn unreadable(path: &Path, error: &io::Error) -> Failure {
    let what = match error.kind() {
        io::ErrorKind::NotFound => "is not there; check the path".into(),
        io::ErrorKind::InvalidData => "must be UTF-8 text".into(),
        kind => format!("cannot be read: {kind}"),
    };
    Failure::of_file(path, what)
}

/// Refuses a secret that others may read; a pipe has no mode that says so.
fn check_private(path: &Path, file: &File) -> Result<(), Failure> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let known = file.metadata().map_err(|error| unreadable(path, &error))?;
        let mode = known.permissions().mode() & 0o777;
        if known.is_file() && mode & 0o077 != 0 {
            let what = format!(
                "has mode {mode:04o}; it must be at most 0600, as it holds a secret: chmod 600"
            );
            return Err(Failure::of_file(path, what));
        }
    }
    Ok(())
}
