//! The head of a record chain: how many signature records a target has, and the digest of the newest.
//!
//! It changes in the commit that adds a record, so records of one target stand in one order. It is
//! sealed: from it, the newest record, and through each `prev` all others, can be told from others
//! without any signing key.

use alloc::vec::Vec;

use crate::Error;
pub(crate) use crate::record::ChainHead;

/// The cell that keeps a chain head.
pub(crate) trait Stored: Sized {
    /// Reads the cell; an absent one is a chain without records.
    ///
    /// # Errors
    ///
    /// [`Error::Tampered`] for whatever [`write`](Self::write) does not write.
    fn read(body: Option<&[u8]>) -> Result<Self, Error>;

    /// Appends the bytes of the cell, format 1; see docs/formats.md. A chain without records has none.
    fn write(&self, body: &mut Vec<u8>);
}

impl Stored for ChainHead {
    fn read(body: Option<&[u8]>) -> Result<Self, Error> {
        let Some(body) = body else {
            return Ok(Self::default());
        };
        let head = || {
            let (format, rest) = body.split_first()?;
            let (count, rest) = rest.split_first_chunk()?;
            let count = u64::from_be_bytes(*count);
            let digest = Some(rest.try_into().ok()?);
            (*format == FORMAT && count > 0).then(|| Self::new(count, digest))
        };
        head().ok_or(Error::Tampered)
    }

    fn write(&self, body: &mut Vec<u8>) {
        body.push(FORMAT);
        body.extend(self.count().to_be_bytes());
        body.extend(self.digest().unwrap_or_default());
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
