//! The engine's secrets: the ring of code keys, and the long-lived index secret.

mod names;
mod partitions;

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use core::sync::atomic::{AtomicUsize, Ordering};

pub(crate) use names::{CellNames, Cells, Names};
pub(crate) use otp_oath::engine::CredentialName;
use zeroize::Zeroizing;

use crate::binding::BINDING_FORMAT;
use crate::mac::{Message, Prepared, Sha256};
use crate::reveal;
use crate::store::{Key, Version};
use crate::{Binding, ChallengeId, Code, CodeKind, Timestamp, record::RecordId};
use partitions::Partitions;

/// The shortest secret in bytes.
pub const MIN_SECRET_LEN: usize = 32;

/// The longest name of a code key in bytes.
pub const MAX_KID_LEN: usize = 12;

/// The secrets of an engine: code keys by their `kid`, and the index secret.
///
/// * The *code* secrets make the codes. They rotate: add the new one, make it current, and
///   [retire](KeyRingBuilder::retired) the old one, which goes on verifying what it issued.
/// * The *index* secret names and seals the cells. It lives as long as the data: with another one
///   every slot, rate limit and chain head is another, unknown one.
/// * The *epoch* enters the codes, the questions of OCRA devices, and the cells of devices: raising
///   it voids every live code, after a restored backup say, and no code that a device made before
///   is taken again ([`oath`](crate::oath)). Nothing else changes with it.
///
/// Secrets are at least [`MIN_SECRET_LEN`] bytes from a random source, not all zero, and all different: no
/// key serves two uses. What is derived from them is wiped on drop.
///
/// ```
/// use otp_engine::KeyRing;
///
/// # let (code_secret, index_secret) = ([1; 32], [2; 32]);
/// let keys = KeyRing::builder().code("2026a", &code_secret).index(&index_secret).build()?;
/// # Ok::<(), otp_engine::keys::KeyRingError>(())
/// ```
#[derive(Clone)]
pub struct KeyRing {
    codes: Vec<CodeKey>,
    current: usize,
    index: Prepared<Sha256>,
    binding: Prepared<Sha256>,
    seal: Prepared<Sha256>,
    partitions: Partitions,
    epoch: u32,
    number: RingNumber,
}

/// Tells a key ring and its clones from all others of this process.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct RingNumber(usize);

impl RingNumber {
    fn next() -> Self {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        Self(NEXT.fetch_add(1, Ordering::Relaxed))
    }
}

impl KeyRing {
    /// Starts a key ring.
    pub const fn builder<'a>() -> KeyRingBuilder<'a> {
        KeyRingBuilder {
            codes: Vec::new(),
            retired: Vec::new(),
            current: None,
            index: None,
            epoch: 0,
        }
    }

    /// Returns the number that every code depends on.
    #[must_use]
    pub const fn epoch(&self) -> u32 {
        self.epoch
    }

    pub(crate) const fn number(&self) -> RingNumber {
        self.number
    }

    /// Returns the name of the key that new codes are made with.
    pub(crate) fn current(&self) -> Kid {
        self.codes[self.current].kid
    }

    /// Says whether a challenge issued at `issued_at` under `kid` may still be verified.
    pub(crate) fn holds(&self, kid: Kid, issued_at: Timestamp) -> bool {
        self.find(kid).is_some_and(|key| {
            key.retired_at
                .is_none_or(|retired_at| issued_at <= retired_at)
        })
    }

    fn find(&self, kid: Kid) -> Option<&CodeKey> {
        self.codes.iter().find(|key| key.kid == kid)
    }

    /// Derives the code of a challenge: HMAC-SHA-256(code key, id ‖ binding digest ‖ epoch).
    ///
    /// Under a `kid` that is not in the ring, the current key makes a decoy: the work is the same.
    pub(crate) fn code(
        &self,
        kid: Kid,
        id: ChallengeId,
        digest: &BindingDigest,
        kind: CodeKind,
    ) -> Code {
        Code::derive(kind, &self.code_mac(kid, id, digest))
    }

    /// Returns what [`code`](Self::code) derives the code from.
    #[inline]
    pub(crate) fn code_mac(
        &self,
        kid: Kid,
        id: ChallengeId,
        digest: &BindingDigest,
    ) -> Zeroizing<[u8; 32]> {
        let key = self.find(kid).unwrap_or(&self.codes[self.current]);
        Zeroizing::new(key.prepared.bytes(|message| {
            message.feed(id.as_bytes());
            message.feed(&*digest.0);
            message.feed(&self.epoch.to_be_bytes());
        }))
    }

    /// Digests a whole binding under a key: the number in it cannot be guessed from the digest.
    pub(crate) fn binding_digest(&self, binding: &Binding) -> BindingDigest {
        let feed = |message: &mut Message<Sha256>| message.feed(binding.canonical());
        BindingDigest(Zeroizing::new(self.binding.bytes(feed)))
    }

    /// Returns what a user's device is asked for a binding. A raised epoch asks another question: no
    /// answer that was given before it is good again.
    pub(crate) fn question(&self, binding: &Binding) -> BindingDigest {
        let digest = self.binding_digest(binding);
        if self.epoch == 0 {
            return digest;
        }
        BindingDigest(Zeroizing::new(self.binding.bytes(|message| {
            message.feed(&[QUESTION_FORMAT]);
            message.feed(&*digest.0);
            message.feed(&self.epoch.to_be_bytes());
        })))
    }

    /// Names the nth record of the target whose chain head this is.
    pub(crate) fn record_key(&self, chain_head: &Key, n: u64) -> Key {
        let hash = self.index.bytes(|message| {
            message.feed(&[CellKind::Record as u8]);
            message.feed(chain_head.as_bytes());
            message.feed(&n.to_be_bytes());
        });
        let mut key = *chain_head.as_bytes();
        key[8..].copy_from_slice(&hash[..24]);
        Key::from_bytes(key)
    }

    /// Names the record of a challenge; the challenge's own id stands beside it in the record.
    pub(crate) fn record_id(&self, id: ChallengeId) -> RecordId {
        let mac = self.index.bytes(|message| {
            message.feed(&[CellKind::RecordId as u8]);
            message.feed(id.as_bytes());
        });
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&mac[..16]);
        RecordId::from_bytes(reveal::publish(bytes))
    }

    /// Marks a store as one of this index secret: what its canary holds.
    pub(crate) fn mark(&self) -> [u8; MARK] {
        let mac = self
            .index
            .bytes(|message| message.feed(&[CellKind::Canary as u8]));
        let mut mark = [0; MARK];
        mark.copy_from_slice(&mac[..MARK]);
        mark
    }

    /// Seals a cell: 16 bytes over its key, version and body.
    pub(crate) fn seal(&self, key: &Key, version: Version, body: &[u8]) -> [u8; SEAL] {
        let mac = self.seal.bytes(|message| {
            message.feed(key.as_bytes());
            message.feed(&version.get().to_be_bytes());
            message.feed(body);
        });
        let mut seal = [0; SEAL];
        seal.copy_from_slice(&mac[..SEAL]);
        seal
    }
}

impl fmt::Debug for KeyRing {
    /// Shows the names of the keys, nothing of the keys.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyRing")
            .field("current", &self.current())
            .field("epoch", &self.epoch)
            .finish_non_exhaustive()
    }
}

/// Makes a [`KeyRing`]; see there.
#[must_use]
pub struct KeyRingBuilder<'a> {
    codes: Vec<(&'a str, &'a [u8])>,
    retired: Vec<(&'a str, Timestamp)>,
    current: Option<&'a str>,
    index: Option<&'a [u8]>,
    epoch: u32,
}

impl<'a> KeyRingBuilder<'a> {
    /// Adds a code secret under its name: 1 to 12 ASCII letters, digits, `-`, `_` or `.`.
    pub fn code(mut self, kid: &'a str, secret: &'a [u8]) -> Self {
        self.codes.push((kid, secret));
        self
    }

    /// Names the secret that new codes are made with; needed where there is more than one.
    pub const fn current(mut self, kid: &'a str) -> Self {
        self.current = Some(kid);
        self
    }

    /// Retires a secret: it verifies what was issued until `at`, and issues nothing.
    pub fn retired(mut self, kid: &'a str, at: Timestamp) -> Self {
        self.retired.push((kid, at));
        self
    }

    /// Sets the long-lived index secret.
    pub const fn index(mut self, secret: &'a [u8]) -> Self {
        self.index = Some(secret);
        self
    }

    /// Sets the number that every code depends on; 0 to begin with. Raise it after a restored
    /// backup: no code that was live then verifies any more.
    pub const fn epoch(mut self, epoch: u32) -> Self {
        self.epoch = epoch;
        self
    }

    /// Makes the key ring.
    ///
    /// # Errors
    ///
    /// [`KeyRingError`] says which secret or name is missing, short, all zero or given twice.
    pub fn build(self) -> Result<KeyRing, KeyRingError> {
        let index = self.index.ok_or(KeyRingError::NoIndex)?;
        let mut codes: Vec<CodeKey> = Vec::with_capacity(self.codes.len());
        let mut seen: Vec<&[u8]> = Vec::with_capacity(self.codes.len() + 1);
        usable(None, index)?;
        seen.push(index);
        for (name, secret) in self.codes {
            let kid = Kid::parse(name).ok_or(KeyRingError::Kid)?;
            if codes.iter().any(|key| key.kid == kid) {
                return Err(KeyRingError::DuplicateKid { kid: name.into() });
            }
            usable(Some(name), secret)?;
            if let Some(at) = seen.iter().position(|other| reveal::equal(other, secret)) {
                return Err(KeyRingError::DuplicateSecret {
                    kid: name.into(),
                    other: at.checked_sub(1).map(|at| codes[at].kid.as_str().into()),
                });
            }
            seen.push(secret);
            codes.push(CodeKey {
                kid,
                prepared: Prepared::derive(secret, b"otp-engine code v1"),
                retired_at: None,
            });
        }
        // A text that cannot be a kid is in no error: it may be a secret in the wrong place.
        let find = |codes: &[CodeKey], name: &str| {
            let kid = Kid::parse(name).ok_or(KeyRingError::Kid)?;
            let at = codes.iter().position(|key| key.kid == kid);
            at.ok_or_else(|| KeyRingError::NoSuchKid { kid: name.into() })
        };
        for (name, at) in self.retired {
            let key = find(&codes, name)?;
            codes[key].retired_at = Some(at);
        }
        let current = match self.current {
            None if codes.len() == 1 => 0,
            None if codes.is_empty() => return Err(KeyRingError::NoCode),
            None => return Err(KeyRingError::NoCurrent),
            Some(name) => find(&codes, name)?,
        };
        if codes[current].retired_at.is_some() {
            let kid = codes[current].kid.as_str().into();
            return Err(KeyRingError::CurrentRetired { kid });
        }
        Ok(KeyRing {
            codes,
            current,
            index: Prepared::derive(index, b"otp-engine index v1"),
            binding: Prepared::derive(index, b"otp-engine binding v1"),
            seal: Prepared::derive(index, b"otp-engine seal v1"),
            partitions: Partitions::default(),
            epoch: self.epoch,
            number: RingNumber::next(),
        })
    }
}

impl fmt::Debug for KeyRingBuilder<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyRingBuilder").finish_non_exhaustive()
    }
}

/// Says whether a secret is long enough, and was set at all.
fn usable(kid: Option<&str>, secret: &[u8]) -> Result<(), KeyRingError> {
    if secret.len() < MIN_SECRET_LEN {
        return Err(KeyRingError::ShortSecret {
            kid: kid.map(Into::into),
            length: secret.len(),
        });
    }
    if reveal::all_zero(secret) {
        return Err(KeyRingError::ZeroSecret {
            kid: kid.map(Into::into),
        });
    }
    Ok(())
}

/// The reason why a key ring cannot be made. It never holds a secret.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum KeyRingError {
    /// A secret is shorter than [`MIN_SECRET_LEN`] bytes.
    ShortSecret {
        /// The name of the code secret; `None` for the index secret.
        kid: Option<String>,
        /// How many bytes it has.
        length: usize,
    },
    /// All bytes of a secret are zero, as where it was never set: everybody could make its codes.
    ZeroSecret {
        /// The name of the code secret; `None` for the index secret.
        kid: Option<String>,
    },
    /// The index secret is missing.
    NoIndex,
    /// There is no code secret.
    NoCode,
    /// There are several code secrets, and none is named as current.
    NoCurrent,
    /// The name of a code secret is empty, too long or has other characters.
    Kid,
    /// Two code secrets have one name.
    DuplicateKid {
        /// The name.
        kid: String,
    },
    /// A code secret is the same as another secret: no key serves two uses.
    DuplicateSecret {
        /// The name of the code secret.
        kid: String,
        /// The name of the other one; `None` for the index secret.
        other: Option<String>,
    },
    /// The current or a retired name is not among the code secrets.
    NoSuchKid {
        /// The name.
        kid: String,
    },
    /// The current secret is retired.
    CurrentRetired {
        /// Its name.
        kid: String,
    },
}

impl fmt::Display for KeyRingError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ShortSecret { kid, length } => {
                write_name(f, kid.as_deref())?;
                write!(
                    f,
                    " is {length} bytes; it must be at least {MIN_SECRET_LEN} bytes"
                )
            }
            Self::ZeroSecret { kid } => {
                write_name(f, kid.as_deref())?;
                f.write_str(" is all zero bytes; it must be random")
            }
            Self::NoIndex => f.write_str("the index secret is missing"),
            Self::NoCode => f.write_str("the key ring has no code secret; add one"),
            Self::NoCurrent => {
                f.write_str("the key ring has several code secrets; name one of them as current")
            }
            Self::Kid => write!(
                f,
                "a kid must be 1 to {MAX_KID_LEN} ASCII letters, digits, '-', '_' or '.'"
            ),
            Self::DuplicateKid { kid } => write!(f, "duplicate kid {kid} among the code secrets"),
            Self::DuplicateSecret { kid, other } => {
                write!(f, "the code secret {kid} is the same as ")?;
                write_name(f, other.as_deref())?;
                f.write_str("; each use needs a secret of its own")
            }
            Self::NoSuchKid { kid } => {
                write!(f, "the current or retired kid {kid} has no code secret")
            }
            Self::CurrentRetired { kid } => write!(
                f,
                "the current code secret {kid} is retired; name another as current"
            ),
        }
    }
}

fn write_name(f: &mut fmt::Formatter<'_>, kid: Option<&str>) -> fmt::Result {
    match kid {
        Some(kid) => write!(f, "the code secret {kid}"),
        None => f.write_str("the index secret"),
    }
}

impl core::error::Error for KeyRingError {}

/// The name of a code key, padded with zero bytes.
#[derive(Clone, Copy, Eq, PartialEq)]
pub(crate) struct Kid([u8; MAX_KID_LEN]);

impl Kid {
    fn parse(name: &str) -> Option<Self> {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
        if name.is_empty() || name.len() > MAX_KID_LEN || !name.bytes().all(plain) {
            return None;
        }
        let mut kid = [0; MAX_KID_LEN];
        kid[..name.len()].copy_from_slice(name.as_bytes());
        Some(Self(kid))
    }

    /// Takes a name as a cell holds it; any bytes: an unknown name is in no ring.
    pub(crate) const fn from_bytes(bytes: [u8; MAX_KID_LEN]) -> Self {
        Self(bytes)
    }

    pub(crate) const fn as_bytes(&self) -> &[u8; MAX_KID_LEN] {
        &self.0
    }

    fn as_str(&self) -> &str {
        let end = self
            .0
            .iter()
            .position(|byte| *byte == 0)
            .unwrap_or(MAX_KID_LEN);
        core::str::from_utf8(&self.0[..end]).unwrap_or("")
    }
}

impl fmt::Debug for Kid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

/// HMAC-SHA-256 of a whole binding; the slot keeps its first 16 bytes.
pub(crate) struct BindingDigest(Zeroizing<[u8; 32]>);

impl BindingDigest {
    /// Returns what the slot keeps of it.
    pub(crate) fn tag(&self) -> [u8; TAG] {
        let mut tag = [0; TAG];
        tag.copy_from_slice(&self.0[..TAG]);
        tag
    }

    /// Says whether `tag` is what a slot keeps of it.
    pub(crate) fn has_tag(&self, tag: &[u8; TAG]) -> bool {
        reveal::equal(&self.0[..TAG], tag)
    }
}

impl BindingDigest {
    /// Returns the first `length` hexadecimal digits, for a device to answer.
    pub(crate) fn question(&self, length: usize) -> String {
        let digit = |at: usize| {
            self.0
                .get(at / 2)
                .map(|byte| byte >> (4 - 4 * (at % 2)) & 0xF)
        };
        let digits = (0..length).map_while(digit).map(|it| reveal::publish([it]));
        digits
            .filter_map(|[digit]| char::from_digit(digit.into(), 16))
            .collect()
    }
}

/// What is good once where nothing else moves: the tag of a binding.
pub(crate) type Question = [u8; TAG];

/// The length of a binding tag in bytes.
pub(crate) const TAG: usize = 16;

/// The length of a seal in bytes.
pub(crate) const SEAL: usize = 16;

/// The length of what marks a store as one of an index secret, in bytes.
pub(crate) const MARK: usize = 16;

/// What stands before a binding's digest where a raised epoch makes it another question; 2 is kept
/// for a binding with several recipients.
const QUESTION_FORMAT: u8 = 3;

/// The first byte under the hash of a key: two kinds of cell never share one.
#[derive(Clone, Copy)]
enum CellKind {
    Tenant = 0,
    Slot = 1,
    User = 2,
    Recipient = 3,
    ChainHead = 4,
    Record = 5,
    RecordId = 6,
    Credential = 7,
    Canary = 0x0F,
    /// Numbers between are others', see docs/formats.md.
    PurgeMark = 0x17,
}

// A slot's message is the beginning of the binding's own, whose format says the kind too.
const _: () = assert!(CellKind::Slot as u8 == BINDING_FORMAT);

#[derive(Clone)]
struct CodeKey {
    kid: Kid,
    prepared: Prepared<Sha256>,
    retired_at: Option<Timestamp>,
}

#[cfg(test)]
mod tests {
    use alloc::{format, string::ToString};

    use super::*;

    #[test]
    fn case_80_a_short_secret_is_refused_with_its_length() {
        let ring = |length| {
            KeyRing::builder()
                .code("a", &[1; 40][..length])
                .index(&[2; 32])
                .build()
        };
        assert_eq!(
            ring(31).unwrap_err().to_string(),
            "the code secret a is 31 bytes; it must be at least 32 bytes"
        );
        assert!(ring(32).is_ok());
        let index = KeyRing::builder().code("a", &[1; 32]).index(&[2; 5]);
        assert_eq!(
            index.build().unwrap_err().to_string(),
            "the index secret is 5 bytes; it must be at least 32 bytes"
        );
    }

    #[test]
    fn case_83_no_key_serves_two_uses() {
        let same = KeyRing::builder()
            .code("a", &[1; 32])
            .index(&[1; 32])
            .build();
        assert_eq!(
            same.unwrap_err().to_string(),
            "the code secret a is the same as the index secret; each use needs a secret of its own"
        );
        let same = KeyRing::builder()
            .code("a", &[1; 32])
            .code("b", &[2; 32])
            .code("c", &[1; 32])
            .index(&[3; 32])
            .build();
        assert_eq!(
            same.unwrap_err().to_string(),
            "the code secret c is the same as the code secret a; each use needs a secret of its own"
        );
        let keys = KeyRing::builder()
            .code("a", &[1; 32])
            .index(&[2; 32])
            .build()
            .unwrap();
        let code = &keys.codes[0].prepared;
        let one_message =
            |key: &Prepared<Sha256>| key.bytes(|message| message.feed(b"one message"));
        let all = [code, &keys.index, &keys.binding, &keys.seal].map(one_message);
        for (at, mac) in all.iter().enumerate() {
            assert!(!all[..at].contains(mac));
        }
    }

    /// An unset variable, or a buffer that nobody filled, makes codes that everybody can make.
    #[test]
    fn case_652_secrets_of_zeros_are_refused_by_name() {
        let said = |code: &[u8], index: &[u8]| {
            let ring = KeyRing::builder().code("a", code).index(index).build();
            ring.map(drop).map_err(|error| error.to_string())
        };
        for zeros in [&[0; 32][..], &[0; 100]] {
            assert_eq!(
                said(zeros, &[2; 32]).unwrap_err(),
                "the code secret a is all zero bytes; it must be random"
            );
            assert_eq!(
                said(&[1; 32], zeros).unwrap_err(),
                "the index secret is all zero bytes; it must be random"
            );
        }
        // Which is not current is no better: a code is verified under the key that its cell names.
        let older = KeyRing::builder()
            .code("a", &[1; 32])
            .code("old", &[0; 32])
            .index(&[2; 32])
            .current("a");
        let old = KeyRingError::ZeroSecret {
            kid: Some("old".into()),
        };
        assert_eq!(older.build().unwrap_err(), old);
        for place in [0, 31] {
            let mut nearly = [0; 32];
            nearly[place] = 1;
            assert_eq!(said(&nearly, &[2; 32]), Ok(()), "{place}");
        }
    }

    #[test]
    fn a_ring_that_cannot_work_is_refused() {
        let ring = || {
            KeyRing::builder()
                .code("a", &[1; 32])
                .code("b", &[2; 32])
                .index(&[3; 32])
        };
        let error = |builder: KeyRingBuilder<'_>| builder.build().unwrap_err();
        assert_eq!(error(ring()), KeyRingError::NoCurrent);
        assert_eq!(
            error(ring().current("c")).to_string(),
            "the current or retired kid c has no code secret"
        );
        assert_eq!(
            error(ring().current("a").retired("d", Timestamp::from_unix(0))).to_string(),
            "the current or retired kid d has no code secret"
        );
        // It may be a secret in the wrong place.
        let misplaced = ring().current("a secret of thirty-two bytes....");
        assert_eq!(error(misplaced), KeyRingError::Kid);
        assert_eq!(
            error(ring().current("a").retired("a", Timestamp::from_unix(0))).to_string(),
            "the current code secret a is retired; name another as current"
        );
        assert_eq!(
            error(ring().code("a", &[4; 32]).current("a")).to_string(),
            "duplicate kid a among the code secrets"
        );
        assert_eq!(
            error(ring().code("thirteen-char", &[4; 32]).current("a")),
            KeyRingError::Kid
        );
        assert_eq!(
            error(KeyRing::builder().code("a", &[1; 32])),
            KeyRingError::NoIndex
        );
        assert_eq!(
            error(KeyRing::builder().index(&[1; 32])),
            KeyRingError::NoCode
        );
    }

    #[test]
    fn case_72_a_key_ring_shows_no_secret() {
        let keys = KeyRing::builder()
            .code("2026a", &[0xAB; 32])
            .index(&[0xCD; 32])
            .build()
            .unwrap();
        assert_eq!(
            format!("{keys:?}"),
            r#"KeyRing { current: "2026a", epoch: 0, .. }"#
        );
    }
}
