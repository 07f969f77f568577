//! The head of a record chain: what a verifier keeps to notice that the newest records are missing.

/// How many signature records a target has, and the SHA-256 digest of the newest.
///
/// The engine's `chain_head` returns it, and [`ExpectedChain::chain_head`](crate::ExpectedChain::chain_head)
/// takes it: keep it where nobody can change it, and a later verifier notices that the newest records are
/// missing.
///
/// ```
/// use otp_record::ChainHead;
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

    /// Returns the head after one more record, whose digest is `digest`.
    #[must_use]
    pub const fn append(&self, digest: [u8; 32]) -> Self {
        Self {
            count: self.count.saturating_add(1),
            digest: Some(digest),
        }
    }
}
