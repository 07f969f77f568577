//! Which files are meant by their names: a handle whose file was replaced works on in one that
//! nobody else sees, and a code used there is good once more here.

use core::fmt;
use std::{
    io,
    path::{self, Path, PathBuf},
};

/// The database file, its write-ahead log and what its users share of that, as they were when the store was opened.
#[derive(Debug)]
pub(crate) struct Files {
    database: Identity,
    /// The file's full path and, where another leads to it through a link, the one that the caller gave.
    names: Vec<PathBuf>,
    beside: [(PathBuf, Identity); 2],
}

impl Files {
    /// Notes the files of an open database: `path` is its full path, `given` the caller's.
    pub(crate) fn of(path: &Path, given: &Path) -> io::Result<Self> {
        let beside = |end| {
            let mut name = path.as_os_str().to_owned();
            name.push(end);
            let (file, _) = look_at(Path::new(&name))?;
            io::Result::Ok((PathBuf::from(name), file))
        };
        let given = path::absolute(given)?;
        let files = Self {
            database: look_at(path)?.0,
            names: match given == path {
                true => vec![given],
                false => vec![path.into(), given],
            },
            // The users' locks are on `-shm`: those of another one do not see each other.
            beside: [beside("-wal")?, beside("-shm")?],
        };
        files.check().map_err(io::Error::other)?;
        Ok(files)
    }

    /// Fails where a name means another file by now, or none, and where the file has a further name: its log under
    /// that one is another log.
    pub(crate) fn check(&self) -> Result<(), Changed> {
        for name in &self.names {
            match look_at(name) {
                Ok((file, 1)) if file == self.database => {}
                Ok((file, _)) if file == self.database => {
                    return Err(Changed::Linked(name.clone()));
                }
                _ => return Err(Changed::Replaced(name.clone())),
            }
        }
        for (path, known) in &self.beside {
            if !look_at(path).is_ok_and(|(file, _)| file == *known) {
                return Err(Changed::Replaced(path.clone()));
            }
        }
        Ok(())
    }
}

/// Device and number of a file; elsewhere than on Unix nothing tells files apart.
#[cfg(unix)]
type Identity = (u64, u64);
#[cfg(not(unix))]
type Identity = ();

/// Tells which file a name means, and how many names that has.
#[cfg(unix)]
fn look_at(path: &Path) -> io::Result<(Identity, u64)> {
    use std::os::unix::fs::MetadataExt;
    let file = std::fs::metadata(path)?;
    Ok(((file.dev(), file.ino()), file.nlink()))
}

#[cfg(not(unix))]
fn look_at(_: &Path) -> io::Result<(Identity, u64)> {
    Ok(((), 1))
}

/// The store's files are not those that were opened, or not this name's alone.
#[derive(Debug)]
pub(crate) enum Changed {
    Replaced(PathBuf),
    Linked(PathBuf),
}

impl fmt::Display for Changed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Replaced(path) => write!(
                f,
                "{} was replaced or removed since the store was opened: close the store and open it anew",
                path.display()
            ),
            Self::Linked(path) => write!(
                f,
                "{} is one of several names (hard links) of its file, each with a log of its own: remove the others",
                path.display()
            ),
        }
    }
}

impl core::error::Error for Changed {}
