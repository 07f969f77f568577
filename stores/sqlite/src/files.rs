//! Which files are meant by their names: a handle whose file was replaced works on in one that
//! nobody else sees, and a code used there is good once more here.

use core::fmt;
use std::{
    io,
    path::{Path, PathBuf},
};

/// The database file and its write-ahead log, as they were when the store was opened.
#[derive(Debug)]
pub(crate) struct Files([(PathBuf, Identity); 2]);

impl Files {
    /// Notes the files of an open database at its full path.
    pub(crate) fn of(database: &Path) -> io::Result<Self> {
        let mut log = database.as_os_str().to_owned();
        log.push("-wal");
        let known = |path: PathBuf| identity(&path).map(|identity| (path, identity));
        Ok(Self([known(database.into())?, known(log.into())?]))
    }

    /// Fails where a name means another file by now, or none.
    pub(crate) fn check(&self) -> Result<(), Replaced> {
        for (path, known) in &self.0 {
            if identity(path).ok().as_ref() != Some(known) {
                return Err(Replaced(path.clone()));
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

#[cfg(unix)]
fn identity(path: &Path) -> io::Result<Identity> {
    use std::os::unix::fs::MetadataExt;
    let file = std::fs::metadata(path)?;
    Ok((file.dev(), file.ino()))
}

#[cfg(not(unix))]
fn identity(_: &Path) -> io::Result<Identity> {
    Ok(())
}

/// A file of the store is another one than was opened.
#[derive(Debug)]
pub(crate) struct Replaced(PathBuf);

impl fmt::Display for Replaced {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.0.display();
        write!(
            f,
            "{path} was replaced or removed since the store was opened: close the store and open it anew"
        )
    }
}

impl core::error::Error for Replaced {}
