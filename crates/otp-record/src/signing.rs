//! The keys of signature records: what signs, what verifies, and from when until when.
//!
//! Every key is bound to one algorithm, and named by its RFC 7638 thumbprint: nothing that a record
//! says about itself can choose another.

mod pem;
mod verifying;

use alloc::string::String;
use core::fmt;

use base64ct::{Base64UrlUnpadded, Encoding};
use ed25519_dalek::Signer;
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use crate::Timestamp;
use otp_base::reveal::{all_zero, publish};
pub use verifying::{VerifyingKey, VerifyingKeys};

/// A key that signs records as the operator.
///
/// Keep it apart from the engine's other secrets, and for long: a record outlives the codes by
/// years. The secret is wiped when dropped, and never printed.
///
/// ```
/// use otp_record::{SigningKey, Timestamp, VerifyingKeys};
///
/// let key = SigningKey::from_seed(&[7; 32])?.not_before(Timestamp::from_unix(1_700_000_000));
/// let keys: VerifyingKeys = [key.verifying_key()].into_iter().collect();
/// assert!(keys.to_jwk_set().contains(&key.id().to_string()));
/// # Ok::<(), otp_record::KeyError>(())
/// ```
#[derive(Clone)]
pub struct SigningKey {
    secret: Secret,
    id: KeyId,
    window: Window,
}

/// How a key signs (RFC 8037 section 3.1, RFC 7518 section 3.2).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Algorithm {
    /// Ed25519: who verifies cannot forge.
    EdDsa,
    /// HMAC-SHA-256: **who verifies can forge.**
    Hs256,
}

/// The name of a key: its JWK thumbprint (RFC 7638), which a record carries as `kid`.
///
/// `Display` writes the 43 characters of base64url. It names a key, and reveals none: for HS256
/// the thumbprint is a hash of at least 32 secret bytes, and each record that the key signs is as
/// good a hash to test a guess on, so another kind of name would protect nothing more.
#[derive(Clone, Copy, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct KeyId([u8; 32]);

/// The reason why a key cannot be read, or cannot sign.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum KeyError {
    /// An HS256 secret has fewer than 32 or more than 1,024 bytes.
    SecretLength(usize),
    /// All bytes of a seed or secret are zero, as where it was never set: everybody could sign with it.
    ZeroSecret,
    /// The bytes are not an Ed25519 private key in PKCS#8 version 1, which has 48 bytes.
    Pkcs8,
    /// What is to sign is something else than an Ed25519 key: what it is.
    NotEd25519(&'static str),
    /// The text is not PEM as expected here: what is wrong with it.
    Pem(&'static str),
    /// The text is not a JWK set as expected here: what is wrong with it.
    JwkSet(&'static str),
    /// A set of public keys contains a private or symmetric key: treat that key as exposed.
    Private,
    /// A public key is no point of Ed25519, or one of small order, under which anything verifies.
    Point,
    /// The text holds no Ed25519 key.
    None,
    /// The key may not sign yet.
    NotYet {
        /// When it may.
        not_before: Timestamp,
        /// When it was to.
        now: Timestamp,
    },
    /// The key signs no longer.
    Retired {
        /// Since when.
        retired_at: Timestamp,
        /// When it was to.
        now: Timestamp,
    },
}

/// When a key signs, and of when its records are.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct Window {
    pub(crate) not_before: Option<Timestamp>,
    pub(crate) retired_at: Option<Timestamp>,
}

#[derive(Clone)]
enum Secret {
    Ed25519(ed25519_dalek::SigningKey),
    Hs256(Hmac<Sha256>),
}

impl SigningKey {
    /// Makes an Ed25519 key from its 32-byte seed (RFC 8032), which must be uniformly random.
    ///
    /// # Errors
    ///
    /// [`KeyError::ZeroSecret`] if all its bytes are zero.
    pub fn from_seed(seed: &[u8; 32]) -> Result<Self, KeyError> {
        if all_zero(seed) {
            return Err(KeyError::ZeroSecret);
        }
        let secret = ed25519_dalek::SigningKey::from_bytes(seed);
        Ok(Self {
            id: KeyId::of_ed25519(secret.verifying_key().as_bytes()),
            secret: Secret::Ed25519(secret),
            window: Window::default(),
        })
    }

    /// Reads an Ed25519 key as PKCS#8 version 1 in DER (RFC 8410): 48 bytes.
    ///
    /// That is what `openssl genpkey -algorithm ed25519 -outform DER` writes.
    ///
    /// # Errors
    ///
    /// [`KeyError::NotEd25519`] for a key of another kind, [`KeyError::ZeroSecret`] for a seed of zeros,
    /// [`KeyError::Pkcs8`] for anything else, version 2 with its attached public key included.
    pub fn from_pkcs8_der(der: &[u8]) -> Result<Self, KeyError> {
        let seed = der
            .strip_prefix(&pem::PKCS8_PREFIX)
            .and_then(|seed| <&[u8; 32]>::try_from(seed).ok());
        let seed =
            seed.ok_or_else(|| pem::other_kind(der).map_or(KeyError::Pkcs8, KeyError::NotEd25519))?;
        Self::from_seed(seed)
    }

    /// Reads an Ed25519 key as PKCS#8 version 1 in PEM: one block of `PRIVATE KEY`.
    ///
    /// That is what `openssl genpkey -algorithm ed25519` writes.
    ///
    /// # Errors
    ///
    /// [`KeyError::NotEd25519`] says what else the block is, such as an RSA key;
    /// [`KeyError::Pem`] if the text is no such block; of the block as [`from_pkcs8_der`](Self::from_pkcs8_der).
    pub fn from_pkcs8_pem(text: &str) -> Result<Self, KeyError> {
        let mut blocks = pem::Blocks::new(text, pem::PRIVATE);
        let block = blocks.next().ok_or(KeyError::None)??;
        if blocks.next().is_some() {
            return Err(KeyError::Pem("more than one key"));
        }
        Self::from_pkcs8_der(&block)
    }

    /// Makes an HS256 key (RFC 7518, section 3.2), **with which each verifier can forge records**.
    ///
    /// A record under it convinces nobody but those who share the secret, and proves nothing about
    /// any one of them. Take it only where an HMAC is required, and never show it to a third party.
    ///
    /// # Errors
    ///
    /// [`KeyError::SecretLength`] unless `secret` has 32 to 1,024 bytes, [`KeyError::ZeroSecret`] if all of them
    /// are zero; they must be uniformly random.
    pub fn hs256_forgeable_by_verifiers(secret: &[u8]) -> Result<Self, KeyError> {
        if !(32..=1024).contains(&secret.len()) {
            return Err(KeyError::SecretLength(secret.len()));
        }
        if all_zero(secret) {
            return Err(KeyError::ZeroSecret);
        }
        let mac = Hmac::new_from_slice(secret).map_err(|_| KeyError::SecretLength(secret.len()))?;
        Ok(Self {
            secret: Secret::Hs256(mac),
            id: KeyId::of_hs256(secret),
            window: Window::default(),
        })
    }

    /// Sets the first instant at which this key signs.
    #[must_use]
    pub const fn not_before(mut self, instant: Timestamp) -> Self {
        self.window.not_before = Some(instant);
        self
    }

    /// Sets the instant from which on this key signs no more; it goes on verifying older records.
    #[must_use]
    pub const fn retired_at(mut self, instant: Timestamp) -> Self {
        self.window.retired_at = Some(instant);
        self
    }

    /// Returns the key that verifies what this one signs; an HS256 key's is as secret as itself.
    #[must_use]
    pub fn verifying_key(&self) -> VerifyingKey {
        match &self.secret {
            Secret::Ed25519(secret) => VerifyingKey::of_ed25519(secret.verifying_key()),
            Secret::Hs256(mac) => VerifyingKey::of_hs256(mac.clone(), self.id),
        }
        .within(self.window)
    }

    /// Returns the public key as a JWK (RFC 8037), its window included; `None` for HS256.
    #[must_use]
    pub fn public_jwk(&self) -> Option<String> {
        self.verifying_key().to_jwk()
    }

    /// Returns the public key as PEM (SPKI, RFC 8410), which has no place for the window; `None` for HS256.
    #[must_use]
    pub fn public_pem(&self) -> Option<String> {
        self.verifying_key().to_pem()
    }

    /// Returns the name that records carry as `kid`.
    #[must_use]
    pub const fn id(&self) -> KeyId {
        self.id
    }

    /// Returns the one algorithm of this key.
    #[must_use]
    pub const fn algorithm(&self) -> Algorithm {
        match self.secret {
            Secret::Ed25519(_) => Algorithm::EdDsa,
            Secret::Hs256(_) => Algorithm::Hs256,
        }
    }

    /// Fails where this key may not sign at `now`; the engine asks before it judges an answer.
    #[doc(hidden)]
    pub fn signs_at(&self, now: Timestamp) -> Result<(), KeyError> {
        match self.window {
            Window {
                not_before: Some(not_before),
                ..
            } if now < not_before => Err(KeyError::NotYet { not_before, now }),
            Window {
                retired_at: Some(retired_at),
                ..
            } if now >= retired_at => Err(KeyError::Retired { retired_at, now }),
            Window { .. } => Ok(()),
        }
    }

    /// Signs bytes, whatever the instant.
    pub(crate) fn sign(&self, message: &[u8]) -> Signature {
        match &self.secret {
            Secret::Ed25519(secret) => Signature::Ed25519(publish(secret.sign(message).to_bytes())),
            Secret::Hs256(mac) => {
                let mac = mac.clone().chain_update(message).finalize();
                Signature::Hs256(publish(mac.into_bytes().into()))
            }
        }
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningKey")
            .field("id", &self.id)
            .field("algorithm", &self.algorithm())
            .field("window", &self.window)
            .finish_non_exhaustive()
    }
}

/// The bytes of a signature, whose number depends on the algorithm.
pub(crate) enum Signature {
    Ed25519([u8; 64]),
    Hs256([u8; 32]),
}

impl AsRef<[u8]> for Signature {
    fn as_ref(&self) -> &[u8] {
        match self {
            Self::Ed25519(bytes) => bytes,
            Self::Hs256(bytes) => bytes,
        }
    }
}

impl Algorithm {
    /// The label that a record carries: for Ed25519 not RFC 9864's, which older tools refuse.
    pub(crate) const fn label(self) -> &'static str {
        match self {
            Self::EdDsa => "EdDSA",
            Self::Hs256 => "HS256",
        }
    }

    /// Reads a label; both of Ed25519's (RFC 8037, RFC 9864), and nothing else.
    pub(crate) fn of_label(label: &str) -> Option<Self> {
        match label {
            "EdDSA" | "Ed25519" => Some(Self::EdDsa),
            "HS256" => Some(Self::Hs256),
            _ => None,
        }
    }
}

impl Window {
    /// Tells whether a record of `instant` may be this key's.
    ///
    /// The second of the retirement counts as before it here: a host that retires a key with its
    /// clock must not disown what was signed earlier in that second.
    pub(crate) fn covers(self, instant: Timestamp) -> bool {
        self.not_before.is_none_or(|first| first <= instant)
            && self.retired_at.is_none_or(|last| instant <= last)
    }
}

impl KeyId {
    fn of_ed25519(public: &[u8; 32]) -> Self {
        let x = Base64UrlUnpadded::encode_string(public);
        Self::of_jwk(&["{\"crv\":\"Ed25519\",\"kty\":\"OKP\",\"x\":\"", &x, "\"}"])
    }

    fn of_hs256(secret: &[u8]) -> Self {
        let k = Zeroizing::new(Base64UrlUnpadded::encode_string(secret));
        Self::of_jwk(&["{\"k\":\"", &k, "\",\"kty\":\"oct\"}"])
    }

    /// SHA-256 of the required members in order, without spaces (RFC 7638, section 3).
    fn of_jwk(parts: &[&str]) -> Self {
        let mut hash = Sha256::new();
        for part in parts {
            hash.update(part.as_bytes());
        }
        Self(publish(hash.finalize().into()))
    }

    /// Reads the 43 characters of a thumbprint.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let mut bytes = [0; 32];
        let read = Base64UrlUnpadded::decode(text, &mut bytes).ok()?;
        (read.len() == 32).then_some(Self(bytes))
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&Base64UrlUnpadded::encode_string(&self.0))
    }
}

impl fmt::Debug for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyId({self})")
    }
}

impl fmt::Display for KeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SecretLength(len) => {
                write!(f, "secret of {len} bytes; HS256 takes 32 to 1024")
            }
            Self::ZeroSecret => {
                f.write_str("the signing key's secret is all zero bytes; it must be random")
            }
            Self::Pkcs8 => f.write_str(
                "not an Ed25519 private key of 48 bytes in PKCS#8 version 1; `openssl pkey` converts to it",
            ),
            Self::NotEd25519(what) => write!(
                f,
                "{what}, and no Ed25519 key in PKCS#8; `openssl genpkey -algorithm ed25519` makes one"
            ),
            Self::Pem(what) => write!(f, "PEM text: {what}"),
            Self::JwkSet(what) => write!(f, "JWK set: {what}"),
            Self::Private => f.write_str("private or symmetric key in a set of public keys"),
            Self::Point => f.write_str("public key is not a point of Ed25519, or is weak"),
            Self::None => f.write_str("no Ed25519 key in the text"),
            Self::NotYet { not_before, now } => write!(
                f,
                "key signs from {} on, not at {}",
                not_before.unix(),
                now.unix()
            ),
            Self::Retired { retired_at, now } => write!(
                f,
                "key was retired at {}, before {}",
                retired_at.unix(),
                now.unix()
            ),
        }
    }
}

impl core::error::Error for KeyError {}

#[cfg(test)]
mod tests;
