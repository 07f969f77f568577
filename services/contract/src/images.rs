//! Captured signatures: files named by the digest that the signature record carries.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use otp_engine::store::{Cell, Class, Commit, Error, Key, Kind, Write as CellWrite};
use otp_engine::{ContentDigest, Store, Timestamp};

use crate::secrets;

/// A folder of images. To erase one, delete its file: its record verifies as before.
#[derive(Debug)]
pub(crate) struct Images(PathBuf);

impl Images {
    pub(crate) fn open(folder: &Path) -> io::Result<Self> {
        secrets::private_folder(folder)?;
        Ok(Self(folder.into()))
    }

    /// Returns an image; `None` where it was erased. A file that is not what was signed is an error.
    pub(crate) fn find(&self, digest: &[u8; 32]) -> io::Result<Option<Vec<u8>>> {
        match fs::read(self.path(digest)) {
            Ok(image) if digest_of(&image) == *digest => Ok(Some(image)),
            Ok(_) => Err(io::Error::new(
                io::ErrorKind::InvalidData,
                "the image is not the one that was signed",
            )),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Keeps an image: it is on the disk when this returns.
    fn keep(&self, image: &[u8]) -> io::Result<()> {
        let digest = digest_of(image);
        let path = self.path(&digest);
        if matches!(self.find(&digest), Ok(Some(_))) {
            return Ok(());
        }
        let mut unique = [0; 8];
        getrandom::fill(&mut unique).map_err(io::Error::other)?;
        let beside = path.with_extension(format!("{:016x}", u64::from_be_bytes(unique)));
        let mut file = secrets::private_file(&beside)?;
        file.write_all(image)?;
        file.sync_all()?;
        fs::rename(&beside, &path)?;
        fs::File::open(&self.0)?.sync_all()
    }

    fn path(&self, digest: &[u8; 32]) -> PathBuf {
        let name: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
        self.0.join(name)
    }
}

fn digest_of(image: &[u8]) -> [u8; 32] {
    *ContentDigest::of(image).as_bytes()
}

/// A store that keeps an image before the commit that carries its record: no record lacks its image,
/// and a wrong code leaves none.
pub(crate) struct WithImage<'a> {
    pub(crate) store: &'a Arc<dyn Store>,
    pub(crate) images: &'a Images,
    pub(crate) image: &'a [u8],
}

impl Store for WithImage<'_> {
    fn load(&self, keys: &[Key], cells: &mut Vec<Option<Cell>>) -> Result<(), Error> {
        self.store.load(keys, cells)
    }

    fn commit(&self, writes: &[CellWrite<'_>], now: Timestamp) -> Result<Commit, Error> {
        if writes.iter().any(|write| write.kind == Kind::Record) {
            self.images.keep(self.image).map_err(Error::unavailable)?;
        }
        self.store.commit(writes, now)
    }

    fn purge(&self, now: Timestamp, limit: usize) -> Result<usize, Error> {
        self.store.purge(now, limit)
    }

    fn class(&self) -> Class {
        self.store.class()
    }
}
