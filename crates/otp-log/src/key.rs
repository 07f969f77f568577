//! Keys of notes: what signs a log's checkpoints, what cosigns them, and what verifies either.

use alloc::boxed::Box;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use core::str::FromStr;

use ed25519_dalek::{Signature, Signer, SigningKey};
use otp_base::Timestamp;
use otp_base::reveal::{all_zero, publish};
use sha2::{Digest, Sha256};

use crate::checkpoint::Checkpoint;
use crate::error::{ParseError, VerifyError};
use crate::note::{Note, SignatureLine};
use crate::text;
use crate::tree::TreeHead;

/// The length of an ML-DSA-44 public key (FIPS 204), in bytes.
const ML_DSA_KEY: usize = 1312;

const NAME: ParseError = ParseError::new(
    "key name",
    "1 to 255 bytes without spaces, plus and control characters",
);

const SEED: ParseError = ParseError::new("seed", "32 random bytes, not all zero");

const ORIGIN: ParseError = ParseError::new(
    "origin",
    "1 to 255 bytes without spaces, plus and control characters, and not cosignature/v1",
);

/// The first line of what an Ed25519 cosigner signs: no log may have it as its origin.
const COSIGNATURE: &str = "cosignature/v1";

/// How a key signs: the signature types of signed-note that a log has to do with.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum KeyKind {
    /// Type 1: Ed25519 over the text of a note. A log signs so.
    Ed25519,
    /// Type 4: Ed25519 over a time and a checkpoint (tlog-cosignature). A witness signs so.
    Cosignature,
    /// Type 6: ML-DSA-44 over a time, the cosigner's name and a tree head (tlog-cosignature). Such a line is verified
    /// with the feature `ml-dsa`; without it, it is carried and counts for nothing.
    MlDsaCosignature,
}

impl KeyKind {
    const fn byte(self) -> u8 {
        match self {
            Self::Ed25519 => 1,
            Self::Cosignature => 4,
            Self::MlDsaCosignature => 6,
        }
    }
}

/// The four bytes that name a key beside its name; not enough to tell keys apart that somebody made to collide.
#[derive(Clone, Copy, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct KeyId([u8; 4]);

impl KeyId {
    pub(crate) const fn from_bytes(bytes: [u8; 4]) -> Self {
        Self(bytes)
    }

    /// Returns the four bytes, the most significant first.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 4] {
        &self.0
    }

    /// The first bytes of SHA-256 of name, a line feed, type and public key (signed-note, *Signatures*).
    fn of(name: &str, kind: KeyKind, public: &[u8]) -> Self {
        let hash = Sha256::new().chain_update(name).chain_update(b"\n");
        let hash = hash.chain_update([kind.byte()]).chain_update(public);
        let [a, b, c, d, ..] = <[u8; 32]>::from(hash.finalize());
        Self([a, b, c, d])
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:08x}", u32::from_be_bytes(self.0))
    }
}

impl fmt::Debug for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyId({self})")
    }
}

/// A public key with the name of its owner, which verifies one kind of signature.
///
/// `FromStr` reads, and `Display` writes, the text by which keys are handed around (a *vkey*: signed-note, *Verifier
/// keys*).
///
/// ```
/// use otp_log::{KeyKind, VerifierKey};
///
/// let key: VerifierKey =
///     "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k".parse()?;
/// assert_eq!((key.name(), key.kind()), ("example.com/foo", KeyKind::Ed25519));
/// # Ok::<(), otp_log::ParseError>(())
/// ```
#[derive(Clone, Eq, PartialEq)]
pub struct VerifierKey {
    name: String,
    id: KeyId,
    public: Public,
}

#[derive(Clone, Eq, PartialEq)]
enum Public {
    Ed25519(ed25519_dalek::VerifyingKey),
    Cosignature(ed25519_dalek::VerifyingKey),
    MlDsa(Box<[u8; ML_DSA_KEY]>),
}

impl Public {
    fn from_bytes(bytes: &[u8]) -> Result<Self, ParseError> {
        let (kind, key) = bytes.split_first().ok_or(ParseError::new(
            "public key",
            "a type and the key in base64",
        ))?;
        let ed25519 = || {
            let read = key.try_into().ok();
            read.and_then(|key| ed25519_dalek::VerifyingKey::from_bytes(key).ok())
                .filter(|key| !key.is_weak())
                .ok_or(ParseError::new(
                    "public key",
                    "32 bytes that are a point of Ed25519, and not of small order",
                ))
        };
        match kind {
            1 => Ok(Self::Ed25519(ed25519()?)),
            4 => Ok(Self::Cosignature(ed25519()?)),
            6 => Box::<[u8; ML_DSA_KEY]>::try_from(key.to_vec().into_boxed_slice())
                .map(Self::MlDsa)
                .map_err(|_| ParseError::new("public key", "1,312 bytes for ML-DSA-44")),
            _ => Err(ParseError::new(
                "public key",
                "type 1 (Ed25519), 4 (Ed25519 cosignature) or 6 (ML-DSA-44 cosignature)",
            )),
        }
    }

    fn as_bytes(&self) -> &[u8] {
        match self {
            Self::Ed25519(key) | Self::Cosignature(key) => key.as_bytes(),
            Self::MlDsa(key) => &**key,
        }
    }

    const fn kind(&self) -> KeyKind {
        match self {
            Self::Ed25519(_) => KeyKind::Ed25519,
            Self::Cosignature(_) => KeyKind::Cosignature,
            Self::MlDsa(_) => KeyKind::MlDsaCosignature,
        }
    }
}

/// What a line of a trusted key says, once it is verified.
pub(crate) enum Signed {
    /// It signed, and says when, where its kind says so.
    At(Option<Timestamp>),
    /// Nobody here can tell: ML-DSA-44 without its feature.
    Unknown,
}

impl VerifierKey {
    fn new(name: String, public: Public) -> Self {
        Self {
            id: KeyId::of(&name, public.kind(), public.as_bytes()),
            name,
            public,
        }
    }

    /// Returns the name: a log's is its origin.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the id, which signature lines have beside the name.
    #[must_use]
    pub const fn id(&self) -> KeyId {
        self.id
    }

    /// Returns the one kind of signature that this key verifies.
    #[must_use]
    pub const fn kind(&self) -> KeyKind {
        self.public.kind()
    }

    /// Returns the public key: 32 bytes, of ML-DSA-44 1,312.
    #[must_use]
    pub fn public_key(&self) -> &[u8] {
        self.public.as_bytes()
    }

    /// Tells whether a line says that it is this key's.
    pub(crate) fn is_named_by(&self, line: &SignatureLine) -> bool {
        line.id() == self.id && line.name() == self.name
    }

    /// Verifies a line that says that it is this key's.
    pub(crate) fn verify(&self, signed: &str, line: &SignatureLine) -> Result<Signed, VerifyError> {
        let bad = VerifyError::Signature(self.id);
        let ed25519 = |key: &ed25519_dalek::VerifyingKey, message: &[u8], bytes: &[u8]| {
            let read = Signature::from_slice(bytes).map_err(|_| bad)?;
            key.verify_strict(message, &read).map_err(|_| bad)
        };
        if let Public::Ed25519(key) = &self.public {
            ed25519(key, signed.as_bytes(), line.signature())?;
            return Ok(Signed::At(None));
        }
        let (time, signature) = line.signature().split_first_chunk().ok_or(bad)?;
        let time = i64::try_from(u64::from_be_bytes(*time));
        let time = time.map_err(|_| VerifyError::Time(self.id))?;
        // A log that signs by ML-DSA-44 need not say when; a witness must, and one that does not counts for nothing.
        if time == 0 && self.kind() == KeyKind::Cosignature {
            return Err(VerifyError::Time(self.id));
        }
        let time = Timestamp::from_unix(time);
        match &self.public {
            Public::MlDsa(key) => {
                if !cfg!(feature = "ml-dsa") {
                    return Ok(Signed::Unknown);
                }
                let message = ml_dsa_message(&self.name, time, &Checkpoint::parse(signed)?);
                if !ml_dsa(key, &message, signature) {
                    return Err(bad);
                }
            }
            Public::Ed25519(key) | Public::Cosignature(key) => {
                ed25519(key, &cosigned(signed, time), signature)?;
            }
        }
        Ok(Signed::At((time.unix() > 0).then_some(time)))
    }
}

#[cfg(feature = "ml-dsa")]
fn ml_dsa(key: &[u8; ML_DSA_KEY], message: &[u8], signature: &[u8]) -> bool {
    use ml_dsa::{EncodedVerifyingKey, MlDsa44, Signature, VerifyingKey};
    let Ok(key) = EncodedVerifyingKey::<MlDsa44>::try_from(&key[..]) else {
        return false; // never: it has the length
    };
    let key = VerifyingKey::<MlDsa44>::decode(&key);
    Signature::<MlDsa44>::try_from(signature)
        .is_ok_and(|signature| key.verify_with_context(message, &[], &signature))
}

#[cfg(not(feature = "ml-dsa"))]
fn ml_dsa(_: &[u8; ML_DSA_KEY], _: &[u8], _: &[u8]) -> bool {
    false
}

/// What an Ed25519 cosigner signs (tlog-cosignature, *Ed25519 signed message*).
fn cosigned(text: &str, time: Timestamp) -> Vec<u8> {
    format!("{COSIGNATURE}\ntime {}\n{text}", time.unix()).into_bytes()
}

/// Returns what an ML-DSA-44 cosigner of this name signs (tlog-cosignature, *ML-DSA-44 signed message*): for tools
/// that sign or verify such lines themselves. Lines of the checkpoint behind its root are no part of it.
#[must_use]
pub fn ml_dsa_message(cosigner: &str, time: Timestamp, checkpoint: &Checkpoint) -> Vec<u8> {
    let mut message = b"subtree/v1\n\0".to_vec();
    // Names of keys have at most 255 bytes; a foreign origin that has more verifies nothing.
    let len = |text: &str| u8::try_from(text.len()).unwrap_or(0);
    message.push(len(cosigner));
    message.extend(cosigner.as_bytes());
    message.extend(time.unix().to_be_bytes());
    message.push(len(checkpoint.origin()));
    message.extend(checkpoint.origin().as_bytes());
    let head = checkpoint.head();
    message.extend(0_u64.to_be_bytes());
    message.extend(head.size().to_be_bytes());
    message.extend(head.root().as_bytes());
    message
}

impl FromStr for VerifierKey {
    type Err = ParseError;

    fn from_str(vkey: &str) -> Result<Self, ParseError> {
        // base64 has pluses of its own: the first two are the ones that separate.
        let mut parts = vkey.splitn(3, '+');
        let (Some(name), Some(id), Some(key)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(ParseError::new("verifier key", "NAME+ID+KEY"));
        };
        if !text::is_name(name) {
            return Err(NAME);
        }
        if key.len() > (ML_DSA_KEY + 1).div_ceil(3) * 4 {
            return Err(ParseError::new("public key", "at most 1,312 bytes"));
        }
        let public = text::base64(key).ok_or(ParseError::new("public key", "base64"))?;
        let key = Self::new(name.into(), Public::from_bytes(&public)?);
        let same = format!("{}", key.id) == id;
        same.then_some(key).ok_or(ParseError::new(
            "key id",
            "the first 8 hexadecimal digits of the hash of name, type and key",
        ))
    }
}

impl fmt::Display for VerifierKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let public = [&[self.kind().byte()], self.public_key()].concat();
        write!(f, "{}+{}+{}", self.name, self.id, text::to_base64(&public))
    }
}

impl fmt::Debug for VerifierKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VerifierKey")
            .field("name", &self.name)
            .field("id", &self.id)
            .field("kind", &self.kind())
            .finish_non_exhaustive()
    }
}

/// The key with which a log signs its checkpoints, under its origin: Ed25519, type 1.
///
/// Use one that signs nothing else: no records, and no cosignatures. The secret is wiped when dropped, and never
/// printed. Two signatures of one checkpoint are the same bytes (RFC 8032).
#[derive(Clone)]
pub struct LogKey {
    origin: String,
    secret: SigningKey,
}

impl LogKey {
    /// Makes the key of the log `origin` from a seed of 32 bytes (RFC 8032), which must be uniformly random.
    ///
    /// The origin names the log for ever, best as the address where it is served, without `https://`:
    /// `log.example/otp/acme`.
    ///
    /// # Errors
    ///
    /// [`ParseError`] unless the origin has 1 to 255 bytes, no space, no plus and no control character, and is not
    /// `cosignature/v1`, or if all bytes of the seed are zero.
    pub fn from_seed(origin: &str, seed: &[u8; 32]) -> Result<Self, ParseError> {
        if !text::is_name(origin) || origin == COSIGNATURE {
            return Err(ORIGIN);
        }
        if all_zero(seed) {
            return Err(SEED);
        }
        Ok(Self {
            origin: origin.into(),
            secret: SigningKey::from_bytes(seed),
        })
    }

    /// Returns the log's name, the first line of its checkpoints.
    #[must_use]
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// Returns the key that verifies what this one signs.
    #[must_use]
    pub fn verifier_key(&self) -> VerifierKey {
        let public = Public::Ed25519(self.secret.verifying_key());
        VerifierKey::new(self.origin.clone(), public)
    }

    /// Signs the checkpoint that says: this log has this tree.
    ///
    /// Commit the tree before the checkpoint leaves, and never sign two trees of one size: whoever has both proves
    /// that the log was forked.
    ///
    /// ```
    /// use otp_log::{LogKey, TreeHead};
    ///
    /// let key = LogKey::from_seed("log.example/otp/acme", &[7; 32])?;
    /// let note = key.sign(TreeHead::EMPTY);
    /// assert!(note.to_string().starts_with("log.example/otp/acme\n0\n"));
    /// assert_eq!(note.verify(&[key.verifier_key()]).map(|by| by.len()), Ok(1));
    /// # Ok::<(), otp_log::ParseError>(())
    /// ```
    #[must_use]
    pub fn sign(&self, head: TreeHead) -> Note {
        let text = Checkpoint::write(&self.origin, head);
        let signature = publish(self.secret.sign(text.as_bytes()).to_bytes());
        let line = SignatureLine::of(&self.verifier_key(), signature.to_vec());
        Note::of(text, line)
    }
}

impl fmt::Debug for LogKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LogKey")
            .field("origin", &self.origin)
            .finish_non_exhaustive()
    }
}

/// The key with which a witness cosigns checkpoints: Ed25519, type 4.
///
/// An operator has no use for it: witnesses belong to others. It is here for those who write one, and for tests.
#[derive(Clone)]
pub struct CosignerKey {
    name: String,
    secret: SigningKey,
}

impl CosignerKey {
    /// Makes the key of the witness `name` from a seed of 32 bytes (RFC 8032), which must be uniformly random.
    ///
    /// # Errors
    ///
    /// [`ParseError`] unless the name has 1 to 255 bytes, no space, no plus and no control character, or if all bytes
    /// of the seed are zero.
    pub fn from_seed(name: &str, seed: &[u8; 32]) -> Result<Self, ParseError> {
        if !text::is_name(name) {
            return Err(NAME);
        }
        if all_zero(seed) {
            return Err(SEED);
        }
        Ok(Self {
            name: name.into(),
            secret: SigningKey::from_bytes(seed),
        })
    }

    /// Returns the key that verifies what this one signs.
    #[must_use]
    pub fn verifier_key(&self) -> VerifierKey {
        let public = Public::Cosignature(self.secret.verifying_key());
        VerifierKey::new(self.name.clone(), public)
    }

    /// Cosigns a checkpoint: says that at `time` this was the largest tree of the log that the witness saw, and that
    /// it extends all earlier ones (tlog-cosignature). Nothing of that is checked here.
    ///
    /// # Errors
    ///
    /// [`ParseError`] unless `time` is after 1970-01-01 00:00:00.
    pub fn cosign(
        &self,
        checkpoint: &Checkpoint,
        time: Timestamp,
    ) -> Result<SignatureLine, ParseError> {
        if time.unix() <= 0 {
            return Err(ParseError::new("time", "1 to 2^63 - 1 seconds since 1970"));
        }
        let message = cosigned(checkpoint.text(), time);
        let signature = publish(self.secret.sign(&message).to_bytes());
        let bytes = [&time.unix().to_be_bytes()[..], &signature].concat();
        Ok(SignatureLine::of(&self.verifier_key(), bytes))
    }
}

impl fmt::Debug for CosignerKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CosignerKey")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}
