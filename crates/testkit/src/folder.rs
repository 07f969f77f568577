//! A folder for one test, gone with its value.

use core::sync::atomic::{AtomicU32, Ordering};
use std::{
    fs, io,
    path::{Path, PathBuf},
    process,
};

/// A new, empty folder, which is removed with all in it when this is dropped.
///
/// Its path is short, as that of a Unix socket must be.
#[derive(Debug)]
pub struct Folder(PathBuf);

impl Folder {
    /// Makes a folder under the system's place for temporary files.
    #[must_use]
    pub fn new() -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        loop {
            let number = NUMBER.fetch_add(1, Ordering::Relaxed);
            let name = format!("otp-engine-{}-{number}", process::id());
            let path = std::env::temp_dir().join(name);
            match fs::create_dir(&path) {
                Ok(()) => return Self(path),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => panic!("{}: {error}", path.display()),
            }
        }
    }

    /// Returns where the folder is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Default for Folder {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).ok(); // a folder that stays is no reason to fail
    }
}
