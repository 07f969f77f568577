//! Signature records: the evidence that a code was answered, as a JWS and disclosures beside it.

mod chain;
mod chain_head;
#[doc(hidden)]
pub mod facts;
mod fault;
mod payload;
mod verify;

use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;

use base64ct::{Base64UrlUnpadded, Encoding};
use sha2::{Digest, Sha256};

use crate::Timestamp;
use crate::disclosure;
use crate::jws::Compact;
pub use chain::{ChainVerdict, ExpectedChain, RecordCheck, verify_chain};
pub use chain_head::ChainHead;
pub use fault::{RecordError, RecordFact, RecordFault};
use payload::Payload;
pub use payload::{Channel, DeviceFacts, DocumentFacts, ImageFacts, OtpFacts};
pub use verify::{Expected, VerifiedRecord, verify_record};

/// The first byte of the stored form, and its version.
const FORMAT: u8 = 1;

/// The longest stored form, in bytes.
const MAX_STORED: usize = 64 * 1024;

/// The evidence that one code was answered: a JWS, and the personal details that it commits to.
///
/// The JWS never changes. Its disclosures can be deleted ([`erase`](Self::erase)), and the JWS
/// still verifies. A `SignatureRecord` is well-formed and of one piece, but **not verified**: it
/// says what it says, and [`verify_record`] whether a key of yours signed that.
///
/// ```
/// # let line = include_str!("../tests/vectors/records/first.sd-jwt").trim_end();
/// use otp_record::{RecordDetail, SignatureRecord, Timestamp};
///
/// let record = SignatureRecord::from_sd_jwt(line)?;
/// assert_eq!(record.sequence(), 1);
/// let erased = record.erase(&[RecordDetail::Number], Timestamp::from_unix(1_800_000_000));
/// assert_eq!(erased.erasures()[0].details(), [RecordDetail::Number]);
/// assert_eq!(erased.jws(), record.jws());
/// # Ok::<(), otp_record::RecordError>(())
/// ```
#[derive(Clone, Eq, PartialEq)]
pub struct SignatureRecord {
    jws: String,
    disclosures: Vec<String>,
    erasures: Vec<Erasure>,
    id: RecordId,
    n: u64,
    prev: Option<[u8; 32]>,
}

/// The name of a record: 16 bytes, derived from its challenge's.
#[derive(Clone, Copy, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct RecordId([u8; 16]);

/// A personal detail that a record commits to, and that can be erased.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[non_exhaustive]
pub enum RecordDetail {
    /// `name`: what the user was called when they signed.
    UserName,
    /// `typed`: the name that was entered.
    SignerName,
    /// `number`: the mobile number to which the code was sent.
    Number,
    /// `email`: the address to which the code was sent.
    Email,
    /// `ip`: the address from which the code was answered.
    Ip,
    /// `agent`: the program with which the code was answered.
    Agent,
    /// `dig`: the digest of what was approved, where that could be guessed from its digest.
    ContentDigest,
}

/// The note that details of a record were erased, and when.
///
/// The host's own note, not signed: a record proves what it still shows, not why the rest is gone.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Erasure {
    details: Vec<RecordDetail>,
    at: Timestamp,
}

impl SignatureRecord {
    /// Puts a record together from its JWS and those of its disclosures that are left.
    ///
    /// # Errors
    ///
    /// What [`verify_record`] finds wrong without a key.
    pub fn new(jws: String, disclosures: Vec<String>) -> Result<Self, RecordError> {
        let compact = Compact::parse(&jws).map_err(|error| RecordError::nameless(error.into()))?;
        let payload = Payload::read(&compact.payload)?;
        let (n, id, prev) = (payload.n, payload.id, payload.prev);
        payload
            .disclose(&disclosures)
            .map_err(|reason| RecordError::of(n, id, reason))?;
        Ok(Self {
            jws,
            disclosures,
            erasures: Vec::new(),
            id,
            n,
            prev,
        })
    }

    /// Reads the compact form of RFC 9901, `<JWS>~<disclosure>~<disclosure>~`, or a JWS alone; what
    /// files and lines have behind it, white space, is left out.
    ///
    /// # Errors
    ///
    /// As [`new`](Self::new); [`RecordFault::Stored`] if the text does not end with a tilde.
    pub fn from_sd_jwt(text: &str) -> Result<Self, RecordError> {
        Self::exactly(text.trim_ascii_end())
    }

    fn exactly(text: &str) -> Result<Self, RecordError> {
        if text.len() > MAX_STORED {
            return Err(RecordError::nameless(RecordFault::Stored("too long")));
        }
        let Some((jws, rest)) = text.split_once('~') else {
            return Self::new(text.to_string(), Vec::new());
        };
        let disclosures = match rest.strip_suffix('~') {
            Some(disclosures) => disclosures.split('~').map(String::from).collect(),
            None if rest.is_empty() => Vec::new(),
            None => {
                return Err(RecordError::nameless(RecordFault::Stored(
                    "no tilde at the end",
                )));
            }
        };
        Self::new(jws.to_string(), disclosures)
    }

    /// Reads a stored record.
    ///
    /// # Errors
    ///
    /// As [`new`](Self::new); [`RecordFault::Stored`] if the bytes are not what [`to_bytes`](Self::to_bytes) writes.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, RecordError> {
        let stored = |what| RecordError::nameless(RecordFault::Stored(what));
        if bytes.len() > MAX_STORED {
            return Err(stored("too long"));
        }
        let text = match bytes.split_first() {
            Some((&FORMAT, text)) => core::str::from_utf8(text).map_err(|_| stored("not UTF-8"))?,
            _ => return Err(stored("unknown format")),
        };
        let mut lines = text.split('\n');
        let first = lines.next().filter(|first| first.contains('~'));
        let mut record = Self::exactly(first.ok_or(stored("no tilde at the end"))?)?;
        for line in lines {
            let erasure = Erasure::read(line, &record.jws)
                .ok_or_else(|| RecordError::of(record.n, record.id, RecordFault::Erasure))?;
            record.erasures.push(erasure);
        }
        Ok(record)
    }

    /// Writes the record as it is stored: a format byte, the compact form of RFC 9901, and a line
    /// for each erasure. At most 64 KiB.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = alloc::vec![FORMAT];
        bytes.extend(self.to_sd_jwt().as_bytes());
        for erasure in &self.erasures {
            bytes.push(b'\n');
            bytes.extend(erasure.write(&self.jws).as_bytes());
        }
        bytes
    }

    /// Writes the compact form of RFC 9901, `<JWS>~<disclosure>~<disclosure>~`.
    #[must_use]
    pub fn to_sd_jwt(&self) -> String {
        let mut text = self.jws.clone();
        text.push('~');
        for disclosure in &self.disclosures {
            text.push_str(disclosure);
            text.push('~');
        }
        text
    }

    /// Drops the disclosures of `details`, and notes that at `at`; the record still verifies.
    ///
    /// The note, the last of its [erasures](Self::erasures), names the details that were there to erase;
    /// where there were none, the returned record is this one. Replace the stored record by it, in
    /// every copy: what keeps a disclosure elsewhere still shows the detail.
    #[must_use = "the record itself is unchanged: store the returned one in its place"]
    pub fn erase(&self, details: &[RecordDetail], at: Timestamp) -> Self {
        let (mut left, mut erased) = (self.clone(), Vec::new());
        left.disclosures.retain(|text| {
            let detail = disclosure::read(text).and_then(|said| RecordDetail::parse(&said.name));
            let meant = detail.filter(|detail| details.contains(detail));
            erased.extend(meant);
            meant.is_none()
        });
        if !erased.is_empty() {
            erased.sort_unstable();
            left.erasures.push(Erasure {
                details: erased,
                at,
            });
        }
        left
    }

    /// Returns the JWS, byte for byte as it was signed.
    #[must_use]
    pub fn jws(&self) -> &str {
        &self.jws
    }

    /// Returns the disclosures that are left, each `b64url([salt, name, value])`.
    #[must_use]
    pub fn disclosures(&self) -> &[String] {
        &self.disclosures
    }

    /// Returns the erasures, oldest first.
    #[must_use]
    pub fn erasures(&self) -> &[Erasure] {
        &self.erasures
    }

    /// Returns the record's name.
    #[must_use]
    pub const fn id(&self) -> RecordId {
        self.id
    }

    /// Returns the record's place among those of its field, from 1.
    #[must_use]
    pub const fn sequence(&self) -> u64 {
        self.n
    }

    /// Returns the digest of the record before, which every record but the first names.
    #[must_use]
    pub const fn previous_digest(&self) -> Option<[u8; 32]> {
        self.prev
    }

    /// Returns SHA-256 of the JWS: `prev` of the next record of the field.
    #[must_use]
    pub fn digest(&self) -> [u8; 32] {
        Sha256::digest(self.jws.as_bytes()).into()
    }
}

impl fmt::Debug for SignatureRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SignatureRecord")
            .field("id", &self.id)
            .field("n", &self.n)
            .finish_non_exhaustive()
    }
}

impl Erasure {
    /// Returns what was erased.
    #[must_use]
    pub fn details(&self) -> &[RecordDetail] {
        &self.details
    }

    /// Returns when it was erased.
    #[must_use]
    pub const fn at(&self) -> Timestamp {
        self.at
    }

    /// Writes `erased <Unix seconds> <names> <sum>`, the sum being there against decay and mix-ups
    /// alone: whoever may write the store may also write a note.
    fn write(&self, jws: &str) -> String {
        let mut line = alloc::format!("erased {} ", self.at.unix());
        for (i, detail) in self.details.iter().enumerate() {
            if i > 0 {
                line.push(',');
            }
            line.push_str(detail.name());
        }
        let sum = Sha256::new()
            .chain_update(jws)
            .chain_update(&line)
            .finalize();
        line.push(' ');
        line.push_str(&Base64UrlUnpadded::encode_string(&sum[..9]));
        line
    }

    fn read(line: &str, jws: &str) -> Option<Self> {
        let mut words = line.split(' ').skip(1);
        let at = Timestamp::from_unix(words.next()?.parse().ok()?);
        let details = words
            .next()?
            .split(',')
            .map(RecordDetail::parse)
            .collect::<Option<_>>()?;
        let erasure = Self { details, at };
        (erasure.write(jws) == line).then_some(erasure)
    }
}

impl RecordDetail {
    const ALL: [Self; 7] = [
        Self::UserName,
        Self::SignerName,
        Self::Number,
        Self::Email,
        Self::Ip,
        Self::Agent,
        Self::ContentDigest,
    ];

    /// Returns the name of the member: `name`, `typed`, `number`, `email`, `ip`, `agent` or `dig`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::UserName => "name",
            Self::SignerName => "typed",
            Self::Number => "number",
            Self::Email => "email",
            Self::Ip => "ip",
            Self::Agent => "agent",
            Self::ContentDigest => "dig",
        }
    }

    /// Reads the name of a member; `None` if no detail has it.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|detail| detail.name() == name)
    }

    /// The member of the payload whose `_sd` holds the digest.
    const fn place(self) -> &'static str {
        match self {
            Self::UserName | Self::SignerName | Self::Number | Self::Email => "who",
            Self::Ip | Self::Agent => "ctx",
            Self::ContentDigest => "doc",
        }
    }
}

impl RecordId {
    /// Makes a name of its 16 bytes.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// Returns the 16 bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }

    fn parse(text: &str) -> Option<Self> {
        let mut bytes = [0; 16];
        let read = Base64UrlUnpadded::decode(text, &mut bytes).ok()?;
        (read.len() == 16).then_some(Self(bytes))
    }
}

impl fmt::Display for RecordId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&Base64UrlUnpadded::encode_string(&self.0))
    }
}

impl fmt::Debug for RecordId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RecordId({self})")
    }
}

#[cfg(test)]
mod tests;
