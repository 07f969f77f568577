//! The head of a record chain: how many signature records a target has, and the digest of the newest.
//!
//! It changes in the commit that adds a record, so records of one target stand in one order. It is
//! sealed: from it, the newest record, and through each `prev` all others, can be told from others
//! without any signing key.

use alloc::vec::Vec;

use crate::Error;

/// How many signature records a target has, and the SHA-256 digest of the newest.
///
/// [`Engine::chain_head`](crate::Engine::chain_head) returns it, and
/// [`ExpectedChain::chain_head`](crate::ExpectedChain::chain_head) takes it: keep it where nobody can
/// change it, and a later verifier notices that the newest records are missing.
///
/// ```
/// use otp_engine::ChainHead;
///
/// let head = ChainHead::new(5, Some([7; 32]));
/// assert_eq!((head.count(), head.digest()), (5, Some([7; 32])));
/// assert_eq!(ChainHead::default().count(), 0);
/// ```
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct ChainHead {
    count: u64,
    digest: Option<[u8; 32]>,
}

impl ChainHead {
    /// Puts a head together: `count` records, the newest with `digest`, where that is known.
    #[must_use]
    pub const fn new(count: u64, digest: Option<[u8; 32]>) -> Self {
        Self { count, digest }
    }

    /// Returns how many records there are.
    #[must_use]
    pub const fn count(&self) -> u64 {
        self.count
    }

    /// Returns the SHA-256 digest of the newest record; `None` where there is none, or it is not known.
    #[must_use]
    pub const fn digest(&self) -> Option<[u8; 32]> {
        self.digest
    }

    /// Reads the cell; an absent one is a chain without records.
    ///
    /// # Errors
    ///
    /// [`Error::Tampered`] for whatever [`write`](Self::write) does not write.
    pub(crate) fn read(body: Option<&[u8]>) -> Result<Self, Error> {
        let Some(body) = body else {
            return Ok(Self::default());
        };
        let head = || {
            let (format, rest) = body.split_first()?;
            let (count, rest) = rest.split_first_chunk()?;
            let count = u64::from_be_bytes(*count);
            let digest = Some(rest.try_into().ok()?);
            (*format == FORMAT && count > 0).then_some(Self { count, digest })
        };
        head().ok_or(Error::Tampered)
    }

    /// Appends the bytes of the cell, format 1; see docs/formats.md. A chain without records has none.
    pub(crate) fn write(&self, body: &mut Vec<u8>) {
        body.push(FORMAT);
        body.extend(self.count.to_be_bytes());
        body.extend(self.digest.unwrap_or_default());
    }

    /// Returns the head after one more record.
    pub(crate) const fn append(&self, digest: [u8; 32]) -> Self {
        Self {
            count: self.count.saturating_add(1),
            digest: Some(digest),
        }
    }
}

/// The version of the bytes of the cell.
const FORMAT: u8 = 1;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_counts_from_nothing_and_keeps_the_newest_digest() {
        let empty = ChainHead::read(None).unwrap();
        assert_eq!((empty.count(), empty.digest()), (0, None));
        let second = empty.append([1; 32]).append([2; 32]);
        let mut body = Vec::new();
        second.write(&mut body);
        assert_eq!(ChainHead::read(Some(&body)).unwrap(), second);
        assert_eq!((second.count(), second.digest()), (2, Some([2; 32])));
    }

    #[test]
    fn case_22_what_was_not_written_so_is_not_read() {
        let mut body = Vec::new();
        ChainHead::default().append([1; 32]).write(&mut body);
        for length in 0..body.len() {
            assert!(ChainHead::read(Some(&body[..length])).is_err(), "{length}");
        }
        let mut format = body.clone();
        format[0] = 2;
        let mut none = body.clone();
        none[8] = 0;
        let mut long = body;
        long.push(0);
        for body in [format, none, long] {
            assert!(matches!(ChainHead::read(Some(&body)), Err(Error::Tampered)));
        }
    }

    #[test]
    fn golden_pages_read_and_write_back() {
        let golden = crate::golden::cells("pages");
        assert_eq!(golden.len(), 1);
        for (body, _) in golden {
            let chain_head = ChainHead::read(Some(&body)).unwrap();
            assert_eq!(
                (chain_head.count(), chain_head.digest()),
                (0x0102_0304_0506_0708, Some([0xA5; 32]))
            );
            let mut written = Vec::new();
            chain_head.write(&mut written);
            assert_eq!(written, body);
        }
    }
}
