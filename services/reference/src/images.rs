//! Captured signatures: cells beside the engine's own, in the one store that all services share.
//!
//! An image stands under the field that it signs and its digest, which the signature record carries:
//! a head with its length, and parts that each fit a cell. They are kept for ever, as the record is.
//! An erased image leaves its head, so that it is told from one that is missing.

use core::fmt;

use otp_engine::store::{
    Cell, Class, Commit, Error, Key, Kind, MAX_BODY, MAX_CELLS, Version, Write,
};
use otp_engine::{ContentDigest, Store, Target, Timestamp};

use crate::directory::Fault;

/// An image of a field.
#[derive(Clone, Copy)]
pub(crate) struct Image<'a> {
    tenant: &'a str,
    field: &'a Target<'a>,
    digest: [u8; 32],
}

/// An image that its record names is not there: it was never erased, so it was lost.
#[derive(Debug)]
pub(crate) struct Missing;

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the store lacks a captured signature that was not erased")
    }
}

impl core::error::Error for Missing {}

impl<'a> Image<'a> {
    pub(crate) const fn new(tenant: &'a str, field: &'a Target<'a>, digest: &[u8; 32]) -> Self {
        Self {
            tenant,
            field,
            digest: *digest,
        }
    }

    /// Returns the image; `None` where it was erased. One that is missing, or not what was signed,
    /// is an error.
    pub(crate) fn find(&self, store: &dyn Store) -> Result<Option<Vec<u8>>, Fault> {
        let head = load(store, &[self.key(HEAD)])?.pop().flatten();
        let head = head.ok_or(Missing)?;
        let Some(length) = length(head.body()) else {
            return Ok(None);
        };
        let mut image = Vec::with_capacity(length);
        let parts: Vec<Key> = (0..length.div_ceil(MAX_BODY))
            .map(|n| self.key(n))
            .collect();
        for keys in parts.chunks(MAX_CELLS) {
            for cell in load(store, keys)? {
                image.extend_from_slice(cell.ok_or(Missing)?.body());
            }
        }
        if image.len() != length || digest_of(&image) != self.digest {
            return Err("a captured signature is not the one that was signed".into());
        }
        Ok(Some(image))
    }

    /// Keeps the image, unless it is there: its parts first, so that a head has all of them.
    fn keep(&self, store: &dyn Store, image: &[u8], now: Timestamp) -> Result<(), Error> {
        let mut cells: Vec<(Key, &[u8])> = Vec::new();
        for (n, part) in image.chunks(MAX_BODY).enumerate() {
            cells.push((self.key(n), part));
        }
        let length = u32::try_from(image.len()).map_err(Error::unavailable)?;
        let length = length.to_be_bytes();
        cells.push((self.key(HEAD), &length));
        put(store, &cells, now)
    }

    /// Erases the image: its head first, so that it is never missing. Says whether there was one.
    pub(crate) fn erase(&self, store: &dyn Store, now: Timestamp) -> Result<bool, Error> {
        let Some(head) = load(store, &[self.key(HEAD)])?.pop().flatten() else {
            return Ok(false);
        };
        let mut cells: Vec<(Key, &[u8])> = vec![(self.key(HEAD), &[])];
        // An erasure that was cut off has left a head without a length: all that there can be.
        let length = length(head.body()).unwrap_or(crate::request::MAX_IMAGE);
        let parts: Vec<Key> = (0..length.div_ceil(MAX_BODY))
            .map(|n| self.key(n))
            .collect();
        for keys in parts.chunks(MAX_CELLS) {
            for (key, cell) in keys.iter().zip(load(store, keys)?) {
                if cell.is_some() {
                    cells.push((*key, &[]));
                }
            }
        }
        put(store, &cells, now)?;
        Ok(true)
    }

    fn key(&self, part: usize) -> Key {
        let Target {
            model,
            field,
            id: record,
        } = *self.field;
        let digest: String = self
            .digest
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        let part = part.to_string();
        let name = [
            "otp-engine-reference image",
            self.tenant,
            model,
            field,
            record,
            &digest,
            &part,
        ];
        Key::from_bytes(*ContentDigest::of_fields(&name).as_bytes())
    }
}

/// The number of no part.
const HEAD: usize = usize::MAX;

/// Reads the length in a head; an erased one has none.
fn length(head: &[u8]) -> Option<usize> {
    let length = u32::from_be_bytes(head.try_into().ok()?);
    usize::try_from(length).ok()
}

fn digest_of(image: &[u8]) -> [u8; 32] {
    *ContentDigest::of(image).as_bytes()
}

fn load(store: &dyn Store, keys: &[Key]) -> Result<Vec<Option<Cell>>, Error> {
    let mut cells = Vec::with_capacity(keys.len());
    store.load(keys, &mut cells)?;
    Ok(cells)
}

/// Brings cells to these bodies, in order; those that have them are not written.
fn put(store: &dyn Store, cells: &[(Key, &[u8])], now: Timestamp) -> Result<(), Error> {
    // The last by itself: when it is there, all others are.
    let (first, last) = cells.split_at(cells.len() - 1);
    for some in first.chunks(MAX_CELLS).chain([last]) {
        let keys: Vec<Key> = some.iter().map(|(key, _)| *key).collect();
        let mut rounds = 0..ROUNDS;
        loop {
            let there = load(store, &keys)?;
            let due = there
                .iter()
                .zip(some)
                .filter(|(cell, (_, body))| cell.as_ref().is_none_or(|cell| cell.body() != *body));
            let writes: Vec<Write<'_>> = due
                .map(|(cell, (key, body))| Write {
                    key: *key,
                    kind: Kind::Record, // of the kinds that are kept for ever, the one that is erased
                    expected: cell.as_ref().map_or(Version::ABSENT, Cell::version),
                    discard_after: None,
                    body,
                })
                .collect();
            if writes.is_empty() || store.commit(&writes, now)? == Commit::Done {
                break;
            }
            rounds.next().ok_or_else(|| {
                Error::unavailable("others kept changing the same captured signature")
            })?;
        }
    }
    Ok(())
}

/// How often a race for one image may be lost: whoever wins it writes the same.
const ROUNDS: u32 = 8;

/// A store that keeps an image before the commit that carries its record: no record lacks its image,
/// and a wrong code leaves none.
pub(crate) struct WithImage<'a> {
    pub(crate) store: &'a dyn Store,
    pub(crate) tenant: &'a str,
    pub(crate) field: &'a Target<'a>,
    pub(crate) image: &'a [u8],
}

impl Store for WithImage<'_> {
    fn load(&self, keys: &[Key], cells: &mut Vec<Option<Cell>>) -> Result<(), Error> {
        self.store.load(keys, cells)
    }

    fn commit(&self, writes: &[Write<'_>], now: Timestamp) -> Result<Commit, Error> {
        if writes.iter().any(|write| write.kind == Kind::Record) {
            let digest = digest_of(self.image);
            Image::new(self.tenant, self.field, &digest).keep(self.store, self.image, now)?;
        }
        self.store.commit(writes, now)
    }

    fn purge(&self, now: Timestamp, limit: usize) -> Result<usize, Error> {
        self.store.purge(now, limit)
    }

    fn class(&self) -> Class {
        self.store.class()
    }

    fn has_cells(&self) -> Result<Option<bool>, Error> {
        self.store.has_cells()
    }

    fn prefetch(&self, keys: &[Key]) {
        self.store.prefetch(keys);
    }
}

#[cfg(test)]
mod tests {
    use otp_engine::MemoryStore;

    use super::*;

    const FIELD: Target<'_> = Target {
        model: "m",
        field: "f",
        id: "15",
    };
    const NOW: Timestamp = Timestamp::from_unix(1_715_767_200);

    fn image_of(length: usize) -> Vec<u8> {
        (0..length)
            .map(|at| u8::try_from(at % 251).unwrap())
            .collect()
    }

    #[test]
    fn case_251_an_image_comes_back_whole_until_it_is_erased() {
        for length in [0, 1, MAX_BODY, MAX_BODY + 1, 9 * MAX_BODY, 1 << 20] {
            let store = MemoryStore::keeping_records_until_exit();
            let bytes = image_of(length);
            let image = Image::new("t", &FIELD, &digest_of(&bytes));
            assert!(image.find(&store).unwrap_err().is::<Missing>());
            assert!(!image.erase(&store, NOW).unwrap());
            for _ in 0..2 {
                image.keep(&store, &bytes, NOW).unwrap();
                assert_eq!(image.find(&store).unwrap().unwrap(), bytes, "{length}");
            }
            let elsewhere = Image::new("other", &FIELD, &digest_of(&bytes));
            assert!(elsewhere.find(&store).unwrap_err().is::<Missing>());
            for _ in 0..2 {
                assert!(image.erase(&store, NOW).unwrap());
                assert_eq!(image.find(&store).unwrap(), None, "{length}");
            }
            image.keep(&store, &bytes, NOW).unwrap();
            assert_eq!(image.find(&store).unwrap().unwrap(), bytes, "signed anew");
        }
    }

    #[test]
    fn case_251_a_part_that_is_lost_or_changed_is_an_error() {
        let bytes = image_of(3 * MAX_BODY);
        let image = Image::new("t", &FIELD, &digest_of(&bytes));
        let store = MemoryStore::keeping_records_until_exit();
        put(&store, &[(image.key(HEAD), &[0, 0, 0xC0, 0])], NOW).unwrap();
        assert!(image.find(&store).unwrap_err().is::<Missing>());
        image.keep(&store, &bytes, NOW).unwrap();
        put(&store, &[(image.key(1), &bytes[..MAX_BODY])], NOW).unwrap();
        let error = image.find(&store).unwrap_err().to_string();
        assert!(error.contains("not the one that was signed"), "{error}");
    }
}
