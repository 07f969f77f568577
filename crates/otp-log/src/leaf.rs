//! What a log of signature records holds of each: 62 bytes that name no person, no field and no number.

use otp_base::Timestamp;
use sha2::{Digest, Sha256};

use crate::checkpoint::Checkpoint;
use crate::error::ParseError;

/// The first byte of a leaf.
const FORMAT: u8 = 1;

/// The first number and the first second that six bytes do not hold.
const SIX_BYTES: u64 = 1 << 48;

const TIME: ParseError = ParseError::new("time of a leaf", "0 to 2^48 - 1 seconds since 1970");

/// What a leaf stands for.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum LeafKind {
    /// A signature record: its number in its field, and the digest of its JWS.
    Record,
    /// The count and the head of a field's chain, for records that are older than the log.
    ChainHead,
    /// A key that signs records, before its first use and when it retires: the digest is its JWK thumbprint (RFC 7638).
    SigningKey,
    /// The end of the log before this one: its size, and the digest of its last checkpoint's text.
    Predecessor,
}

impl LeafKind {
    const fn byte(self) -> u8 {
        match self {
            Self::Record => 1,
            Self::ChainHead => 2,
            Self::SigningKey => 3,
            Self::Predecessor => 4,
        }
    }
}

/// The name of a field in the log: without the opening it says nothing, with it everybody can compute it.
///
/// It is the first half of a SHA-256 over the opening and the field, so an auditor who holds a record and its
/// opening sees which leaves are of the same field, and whether there are more than it was shown.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct FieldTag([u8; 16]);

impl FieldTag {
    /// Computes the tag of a field from its opening and the members `iss`, `ref.model`, `ref.field` and `ref.record`
    /// of its records.
    ///
    /// # Errors
    ///
    /// [`ParseError`] for a text of more than 65,535 bytes.
    pub fn new(opening: &[u8; 16], field: &FieldName<'_>) -> Result<Self, ParseError> {
        let mut hash = Sha256::new().chain_update(b"otp-engine log field v1\0");
        hash.update(opening);
        for text in [field.iss, field.model, field.field, field.record] {
            let len = u16::try_from(text.len());
            let len =
                len.map_err(|_| ParseError::new("name of a field", "at most 65,535 bytes"))?;
            hash.update(len.to_be_bytes());
            hash.update(text);
        }
        let digest: [u8; 32] = hash.finalize().into();
        let mut tag = [0; 16];
        tag.copy_from_slice(&digest[..16]);
        Ok(Self(tag))
    }

    /// Takes 16 bytes for a tag.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// Returns the 16 bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

/// The field that a record signs: `iss` and the members of `ref` in its payload. What is not set is empty.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct FieldName<'a> {
    iss: &'a str,
    model: &'a str,
    field: &'a str,
    record: &'a str,
}

impl<'a> FieldName<'a> {
    /// Names a field of this tenant, which records have as `iss`.
    #[must_use]
    pub fn of_tenant(iss: &'a str) -> Self {
        Self {
            iss,
            ..Self::default()
        }
    }

    /// Sets `ref.model`.
    #[must_use]
    pub const fn model(mut self, model: &'a str) -> Self {
        self.model = model;
        self
    }

    /// Sets `ref.field`.
    #[must_use]
    pub const fn field(mut self, field: &'a str) -> Self {
        self.field = field;
        self
    }

    /// Sets `ref.record`.
    #[must_use]
    pub const fn record(mut self, record: &'a str) -> Self {
        self.record = record;
        self
    }
}

/// A leaf of the log: the entry whose hash is in the tree.
///
/// ```
/// use otp_log::{FieldName, FieldTag, Leaf, Timestamp};
///
/// let field = FieldName::of_tenant("acme").model("loan.offer").field("signature").record("4711");
/// let tag = FieldTag::new(&[9; 16], &field)?;
/// let leaf = Leaf::record(tag, 1, Timestamp::from_unix(1_790_000_000), [5; 32])?;
/// assert_eq!(Leaf::parse(&leaf.to_bytes())?, leaf);
/// # Ok::<(), otp_log::ParseError>(())
/// ```
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct Leaf {
    kind: LeafKind,
    tag: FieldTag,
    number: u64,
    time: Timestamp,
    digest: [u8; 32],
}

impl Leaf {
    /// The length of a leaf, in bytes.
    pub const LEN: usize = 62;

    /// Makes the leaf of a record: its field, its number there, its `iat`, and SHA-256 of its JWS.
    ///
    /// # Errors
    ///
    /// [`ParseError`] unless the number is 1 to 2^48 - 1, and the time 0 to 2^48 - 1 seconds since 1970.
    pub fn record(
        tag: FieldTag,
        number: u64,
        time: Timestamp,
        digest: [u8; 32],
    ) -> Result<Self, ParseError> {
        Self::new(LeafKind::Record, tag, number, time, digest)
    }

    /// Makes the leaf of a field's chain head: how many records it has, and the digest of the newest.
    ///
    /// # Errors
    ///
    /// As [`record`](Self::record).
    pub fn chain_head(
        tag: FieldTag,
        count: u64,
        time: Timestamp,
        digest: [u8; 32],
    ) -> Result<Self, ParseError> {
        Self::new(LeafKind::ChainHead, tag, count, time, digest)
    }

    /// Makes the leaf of a key that signs records: its JWK thumbprint.
    ///
    /// # Errors
    ///
    /// [`ParseError`] unless the time is 0 to 2^48 - 1 seconds since 1970.
    pub fn signing_key(time: Timestamp, thumbprint: [u8; 32]) -> Result<Self, ParseError> {
        Self::new(LeafKind::SigningKey, FieldTag([0; 16]), 0, time, thumbprint)
    }

    /// Makes the first leaf of a log that goes on after another, by the last checkpoint of that one.
    ///
    /// A log whose store was restored from a backup would sign another tree of a size already signed. It begins
    /// anew under another origin instead, and this leaf says from where.
    ///
    /// # Errors
    ///
    /// [`ParseError`] unless the predecessor has at most 2^48 - 1 leaves, and the time is 0 to 2^48 - 1 seconds since
    /// 1970.
    pub fn predecessor(last: &Checkpoint, time: Timestamp) -> Result<Self, ParseError> {
        let digest = Sha256::digest(last.text()).into();
        let size = last.head().size();
        Self::new(LeafKind::Predecessor, FieldTag([0; 16]), size, time, digest)
    }

    fn new(
        kind: LeafKind,
        tag: FieldTag,
        number: u64,
        time: Timestamp,
        digest: [u8; 32],
    ) -> Result<Self, ParseError> {
        let numbered = matches!(kind, LeafKind::Record | LeafKind::ChainHead);
        if number >= SIX_BYTES || numbered && number == 0 {
            return Err(ParseError::new(
                "number in a leaf",
                "1 to 2^48 - 1, of a predecessor 0 to 2^48 - 1",
            ));
        }
        if kind == LeafKind::SigningKey && number != 0 {
            return Err(ParseError::new("number in a leaf of a key", "0"));
        }
        if !numbered && tag != FieldTag([0; 16]) {
            return Err(ParseError::new("tag in a leaf without a field", "zeros"));
        }
        if u64::try_from(time.unix()).map_or(true, |time| time >= SIX_BYTES) {
            return Err(TIME);
        }
        Ok(Self {
            kind,
            tag,
            number,
            time,
            digest,
        })
    }

    /// Reads the 62 bytes of a leaf.
    ///
    /// # Errors
    ///
    /// [`ParseError`] for another length, format or kind, and what the constructors refuse.
    pub fn parse(bytes: &[u8]) -> Result<Self, ParseError> {
        let bytes: &[u8; Self::LEN] = bytes
            .try_into()
            .map_err(|_| ParseError::new("leaf", "62 bytes"))?;
        let number = |six: &[u8]| six.iter().fold(0, |sum, byte| sum << 8 | u64::from(*byte));
        let [format, kind, ..] = *bytes;
        if format != FORMAT {
            return Err(ParseError::new("format of a leaf", "1"));
        }
        let kind = match kind {
            1 => LeafKind::Record,
            2 => LeafKind::ChainHead,
            3 => LeafKind::SigningKey,
            4 => LeafKind::Predecessor,
            _ => return Err(ParseError::new("kind of a leaf", "1 to 4")),
        };
        let (mut tag, mut digest) = ([0; 16], [0; 32]);
        tag.copy_from_slice(&bytes[2..18]);
        digest.copy_from_slice(&bytes[30..]);
        let time = i64::try_from(number(&bytes[24..30])).map_err(|_| TIME)?;
        let time = Timestamp::from_unix(time);
        Self::new(kind, FieldTag(tag), number(&bytes[18..24]), time, digest)
    }

    /// Returns the bytes: format, kind, tag (16), number (6), time (6), digest (32), integers with the most
    /// significant byte first.
    #[must_use]
    pub fn to_bytes(&self) -> [u8; Self::LEN] {
        let mut bytes = [0; Self::LEN];
        bytes[0] = FORMAT;
        bytes[1] = self.kind.byte();
        bytes[2..18].copy_from_slice(&self.tag.0);
        bytes[18..24].copy_from_slice(&self.number.to_be_bytes()[2..]);
        bytes[24..30].copy_from_slice(&self.time.unix().to_be_bytes()[2..]);
        bytes[30..].copy_from_slice(&self.digest);
        bytes
    }

    /// Returns what the leaf stands for.
    #[must_use]
    pub const fn kind(&self) -> LeafKind {
        self.kind
    }

    /// Returns the tag of the field; zeros where the kind has none.
    #[must_use]
    pub const fn tag(&self) -> FieldTag {
        self.tag
    }

    /// Returns the record's number in its field, the number of a field's records, or a predecessor's size.
    #[must_use]
    pub const fn number(&self) -> u64 {
        self.number
    }

    /// Returns the record's `iat`, and of the other kinds when the leaf was made.
    #[must_use]
    pub const fn time(&self) -> Timestamp {
        self.time
    }

    /// Returns the digest: SHA-256 of a JWS or of a checkpoint's text, or a thumbprint.
    #[must_use]
    pub const fn digest(&self) -> [u8; 32] {
        self.digest
    }
}
