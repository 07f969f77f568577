//! The page: how many signature records a field has, and the digest of the newest.
//!
//! It changes in the commit that adds a record, so records of one field stand in one order. It is
//! sealed: from it, the newest record, and through each `prev` all others, can be told from others
//! without any signing key.

use alloc::vec::Vec;

use crate::Error;

/// Count and head of the records of a field.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct Page {
    count: u64,
    head: [u8; 32],
}

impl Page {
    /// Reads a page; an absent cell is one without records.
    ///
    /// # Errors
    ///
    /// [`Error::Tampered`] for whatever [`write`](Self::write) does not write.
    pub(crate) fn read(body: Option<&[u8]>) -> Result<Self, Error> {
        let Some(body) = body else {
            return Ok(Self::default());
        };
        let page = || {
            let (format, rest) = body.split_first()?;
            let (count, rest) = rest.split_first_chunk()?;
            let head: [u8; 32] = rest.try_into().ok()?;
            let count = u64::from_be_bytes(*count);
            (*format == FORMAT && count > 0).then_some(Self { count, head })
        };
        page().ok_or(Error::Tampered)
    }

    /// Appends the page's bytes, format 1; see docs/formats.md.
    pub(crate) fn write(&self, body: &mut Vec<u8>) {
        body.push(FORMAT);
        body.extend(self.count.to_be_bytes());
        body.extend(self.head);
    }

    /// Returns how many records there are.
    pub(crate) const fn count(&self) -> u64 {
        self.count
    }

    /// Returns the digest of the newest record, if there is one.
    pub(crate) const fn head(&self) -> Option<[u8; 32]> {
        if self.count == 0 {
            None
        } else {
            Some(self.head)
        }
    }

    /// Returns the page after one more record.
    pub(crate) const fn append(&self, digest: [u8; 32]) -> Self {
        Self {
            count: self.count.saturating_add(1),
            head: digest,
        }
    }
}

/// The version of the bytes of a page.
const FORMAT: u8 = 1;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_counts_from_nothing_and_keeps_the_newest_digest() {
        let empty = Page::read(None).unwrap();
        assert_eq!((empty.count(), empty.head()), (0, None));
        let second = empty.append([1; 32]).append([2; 32]);
        let mut body = Vec::new();
        second.write(&mut body);
        assert_eq!(Page::read(Some(&body)).unwrap(), second);
        assert_eq!((second.count(), second.head()), (2, Some([2; 32])));
    }

    #[test]
    fn case_22_what_was_not_written_so_is_not_read() {
        let mut body = Vec::new();
        Page::default().append([1; 32]).write(&mut body);
        for length in 0..body.len() {
            assert!(Page::read(Some(&body[..length])).is_err(), "{length}");
        }
        let mut format = body.clone();
        format[0] = 2;
        let mut none = body.clone();
        none[8] = 0;
        let mut long = body;
        long.push(0);
        for body in [format, none, long] {
            assert!(matches!(Page::read(Some(&body)), Err(Error::Tampered)));
        }
    }

    #[test]
    fn golden_pages_read_and_write_back() {
        let golden = crate::golden::cells("pages");
        assert_eq!(golden.len(), 1);
        for (body, _) in golden {
            let page = Page::read(Some(&body)).unwrap();
            assert_eq!(
                (page.count(), page.head()),
                (0x0102_0304_0506_0708, Some([0xA5; 32]))
            );
            let mut written = Vec::new();
            page.write(&mut written);
            assert_eq!(written, body);
        }
    }
}
