//! Public keys: which one a record names, and of when its records may be.

use alloc::collections::BTreeMap;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;

use base64ct::{Base64UrlUnpadded, Encoding};
use hmac::{Hmac, Mac};
use sha2::Sha256;

use super::{Algorithm, KeyError, KeyId, Window, pem};
use crate::Timestamp;
use crate::json::{self, Integer, MAX_INTEGER, Object, Value};

/// The longest JWK set that is read, in bytes: more than a thousand keys.
const MAX_JWK_SET: usize = 256 * 1024;

/// A key that verifies records.
///
/// An HS256 one can also *make* them: it is the secret itself.
#[derive(Clone)]
pub struct VerifyingKey {
    public: Public,
    id: KeyId,
    pub(super) window: Window,
}

/// The keys that a verifier trusts, by their name.
///
/// They come from the operator, through a way that the verifier trusts; never from a record.
///
/// A key's window travels in two private members of its JWK, in Unix seconds: `not_before` and
/// `retired_at`. They are not `nbf` and `exp`, which elsewhere mean that a key must no longer be
/// used at all: a retired key still verifies what it signed.
///
/// ```
/// use otp_record::{SigningKey, Timestamp, VerifyingKeys};
///
/// let key = SigningKey::from_seed(&[7; 32])?.retired_at(Timestamp::from_unix(1_800_000_000));
/// let keys: VerifyingKeys = [key.verifying_key()].into_iter().collect();
/// let read = VerifyingKeys::from_jwk_set(&keys.to_jwk_set())?;
/// assert_eq!(read.iter().next().map(|key| key.id()), Some(key.id()));
/// # Ok::<(), otp_record::KeyError>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct VerifyingKeys {
    keys: BTreeMap<KeyId, VerifyingKey>,
}

#[derive(Clone)]
enum Public {
    Ed25519(ed25519_dalek::VerifyingKey),
    Hs256(Hmac<Sha256>),
}

impl VerifyingKey {
    /// Makes a key from the 32 bytes of an Ed25519 public key (RFC 8032).
    ///
    /// # Errors
    ///
    /// [`KeyError::Point`] if they are no point of the curve, or one of small order.
    pub fn from_ed25519(public: &[u8; 32]) -> Result<Self, KeyError> {
        let key = ed25519_dalek::VerifyingKey::from_bytes(public).map_err(|_| KeyError::Point)?;
        if key.is_weak() {
            return Err(KeyError::Point);
        }
        Ok(Self::of_ed25519(key))
    }

    /// Makes the key that verifies HS256 records, **and can forge them**.
    ///
    /// # Errors
    ///
    /// [`KeyError::SecretLength`] unless `secret` has 32 to 1,024 bytes.
    pub fn hs256_able_to_forge(secret: &[u8]) -> Result<Self, KeyError> {
        super::SigningKey::hs256_forgeable_by_verifiers(secret).map(|key| key.verifying_key())
    }

    /// Sets the first instant of which this key's records may be.
    #[must_use]
    pub const fn not_before(mut self, instant: Timestamp) -> Self {
        self.window.not_before = Some(instant);
        self
    }

    /// Sets the last instant of which this key's records may be.
    #[must_use]
    pub const fn retired_at(mut self, instant: Timestamp) -> Self {
        self.window.retired_at = Some(instant);
        self
    }

    /// Returns the name that records carry as `kid`.
    #[must_use]
    pub const fn id(&self) -> KeyId {
        self.id
    }

    /// Returns the one algorithm of this key.
    #[must_use]
    pub const fn algorithm(&self) -> Algorithm {
        match self.public {
            Public::Ed25519(_) => Algorithm::EdDsa,
            Public::Hs256(_) => Algorithm::Hs256,
        }
    }

    /// Writes the key as a JWK (RFC 8037, section 2); `None` for HS256, which has no public part.
    #[must_use]
    pub fn to_jwk(&self) -> Option<String> {
        self.jwk().map(|jwk| jwk.to_json())
    }

    /// Writes the key as PEM (SPKI, RFC 8410), without its window; `None` for HS256.
    #[must_use]
    pub fn to_pem(&self) -> Option<String> {
        match &self.public {
            Public::Ed25519(key) => Some(pem::write_public(key.as_bytes())),
            Public::Hs256(_) => None,
        }
    }

    pub(super) fn of_ed25519(key: ed25519_dalek::VerifyingKey) -> Self {
        Self {
            id: KeyId::of_ed25519(key.as_bytes()),
            public: Public::Ed25519(key),
            window: Window::default(),
        }
    }

    pub(super) fn of_hs256(mac: Hmac<Sha256>, id: KeyId) -> Self {
        Self {
            public: Public::Hs256(mac),
            id,
            window: Window::default(),
        }
    }

    pub(super) const fn within(mut self, window: Window) -> Self {
        self.window = window;
        self
    }

    /// Tells whether a record of `instant` may be this key's.
    pub(crate) fn covers(&self, instant: Timestamp) -> bool {
        self.window.covers(instant)
    }

    /// Tells whether this key signed `message`.
    pub(crate) fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        match &self.public {
            Public::Ed25519(key) => ed25519_dalek::Signature::from_slice(signature)
                .is_ok_and(|signature| key.verify_strict(message, &signature).is_ok()),
            // Compares in constant time, and the whole length.
            Public::Hs256(mac) => mac
                .clone()
                .chain_update(message)
                .verify_slice(signature)
                .is_ok(),
        }
    }

    fn jwk(&self) -> Option<Object> {
        let Public::Ed25519(key) = &self.public else {
            return None;
        };
        let mut jwk = Object::new();
        jwk.set("alg", Algorithm::EdDsa.label());
        jwk.set("crv", "Ed25519");
        jwk.set("kid", self.id.to_string());
        jwk.set("kty", "OKP");
        jwk.set("use", "sig");
        jwk.set("x", Base64UrlUnpadded::encode_string(key.as_bytes()));
        for (name, instant) in [
            ("not_before", self.window.not_before),
            ("retired_at", self.window.retired_at),
        ] {
            // No record is of an instant beyond these bounds: cutting the window changes no answer.
            let cut = instant.map(|instant| instant.unix().clamp(-MAX_INTEGER, MAX_INTEGER));
            if let Some(seconds) = cut.and_then(Integer::new) {
                jwk.set(name, seconds);
            }
        }
        Some(jwk)
    }

    /// Reads a JWK; `None` for a kind of key that is not used here.
    fn of_jwk(jwk: &Object) -> Result<Option<Self>, KeyError> {
        let text = |name| match jwk.get(name) {
            Some(Value::Text(text)) => Ok(Some(text.as_str())),
            Some(_) => Err(KeyError::JwkSet("member of the wrong type")),
            None => Ok(None),
        };
        if text("kty") != Ok(Some("OKP")) || text("crv") != Ok(Some("Ed25519")) {
            return Ok(None);
        }
        let x = text("x")?.ok_or(KeyError::JwkSet("Ed25519 key without x"))?;
        let mut public = [0; 32];
        if !Base64UrlUnpadded::decode(x, &mut public).is_ok_and(|read| read.len() == 32) {
            return Err(KeyError::JwkSet("x is not 32 bytes in base64url"));
        }
        let key = Self::from_ed25519(&public)?;
        if text("kid")?.is_some_and(|kid| KeyId::parse(kid) != Some(key.id)) {
            return Err(KeyError::JwkSet("kid is not the key's thumbprint"));
        }
        if text("alg")?.is_some_and(|alg| Algorithm::of_label(alg) != Some(Algorithm::EdDsa)) {
            return Err(KeyError::JwkSet("alg is not EdDSA"));
        }
        if text("use")?.is_some_and(|usage| usage != "sig") {
            return Err(KeyError::JwkSet("use is not sig"));
        }
        match jwk.get("key_ops") {
            None => {}
            Some(Value::List(uses)) if uses.contains(&Value::from("verify")) => {}
            Some(_) => return Err(KeyError::JwkSet("verify is not among key_ops")),
        }
        let instant = |name| match jwk.get(name) {
            Some(Value::Integer(seconds)) => Ok(Some(Timestamp::from_unix(seconds.get()))),
            Some(_) => Err(KeyError::JwkSet("member of the wrong type")),
            None => Ok(None),
        };
        Ok(Some(key.within(Window {
            not_before: instant("not_before")?,
            retired_at: instant("retired_at")?,
        })))
    }
}

impl VerifyingKeys {
    /// Makes a set without keys, which verifies nothing.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            keys: BTreeMap::new(),
        }
    }

    /// Reads the Ed25519 keys of a JWK set (RFC 7517, RFC 8037).
    ///
    /// What is not understood is passed over (RFC 7517, sections 4 and 5): members with other names,
    /// of any type; other kinds of key; and a key whose `x`, `kid`, `alg`, `use` or `key_ops` does not fit, or
    /// that is a weak point. No record of such a key verifies.
    ///
    /// # Errors
    ///
    /// [`KeyError::JwkSet`] if the text is no JWK set of up to 256 KiB, or has a key twice;
    /// [`KeyError::Private`] if it holds a secret. If no key is left, the reason why the first one
    /// with an Ed25519 key's type does not fit, or [`KeyError::None`].
    pub fn from_jwk_set(text: &str) -> Result<Self, KeyError> {
        let mut set = json::read_foreign_object(text.as_bytes(), MAX_JWK_SET)
            .map_err(|error| KeyError::JwkSet(error.what))?;
        let Some(Value::List(jwks)) = set.take("keys") else {
            return Err(KeyError::JwkSet("no list of keys"));
        };
        let (mut keys, mut unfit) = (Self::new(), None);
        for jwk in &jwks {
            let Value::Object(jwk) = jwk else {
                return Err(KeyError::JwkSet("key that is no object"));
            };
            if holds_secret(jwk) {
                return Err(KeyError::Private);
            }
            match VerifyingKey::of_jwk(jwk) {
                Ok(None) => {}
                Ok(Some(key)) => keys.add_new(key, KeyError::JwkSet("the same key twice"))?,
                Err(error) => unfit = unfit.or(Some(error)),
            }
        }
        keys.not_empty().map_err(|none| unfit.unwrap_or(none))
    }

    /// Reads one or more Ed25519 public keys as PEM (blocks of `PUBLIC KEY`, SPKI).
    ///
    /// PEM has no place for a window: these keys' records may be of any time. To bound one, take it
    /// from [`iter`](Self::iter) and [`insert`](Self::insert) it again.
    ///
    /// # Errors
    ///
    /// [`KeyError::Pem`] if a block is no Ed25519 public key or comes twice, [`KeyError::Private`]
    /// if it is a private one, [`KeyError::Point`] for a key that is no good, [`KeyError::None`] if
    /// there is no block.
    pub fn from_pem(text: &str) -> Result<Self, KeyError> {
        let mut keys = Self::new();
        for block in pem::Blocks::new(text, pem::PUBLIC) {
            let block = block?;
            let public = block
                .strip_prefix(&pem::SPKI_PREFIX)
                .and_then(|public| <&[u8; 32]>::try_from(public).ok())
                .ok_or(KeyError::Pem("not an Ed25519 public key"))?;
            keys.add_new(
                VerifyingKey::from_ed25519(public)?,
                KeyError::Pem("the same key twice"),
            )?;
        }
        keys.not_empty()
    }

    /// Adds a key; one of the same name is replaced, and its window with it.
    pub fn insert(&mut self, key: VerifyingKey) {
        self.keys.insert(key.id, key);
    }

    /// Writes the public keys as a JWK set (RFC 7517), windows included; HS256 keys are left out.
    #[must_use]
    pub fn to_jwk_set(&self) -> String {
        let keys: Vec<Value> = self
            .iter()
            .filter_map(VerifyingKey::jwk)
            .map(Value::from)
            .collect();
        let mut set = Object::new();
        set.set("keys", keys);
        set.to_json()
    }

    /// Writes the public keys as PEM blocks, windows and HS256 keys left out.
    #[must_use]
    pub fn to_pem(&self) -> String {
        self.iter().filter_map(VerifyingKey::to_pem).collect()
    }

    /// Iterates over the keys, in the order of their names.
    pub fn iter(&self) -> impl Iterator<Item = &VerifyingKey> {
        self.keys.values()
    }

    pub(crate) fn find(&self, id: KeyId) -> Option<&VerifyingKey> {
        self.keys.get(&id)
    }

    fn add_new(&mut self, key: VerifyingKey, twice: KeyError) -> Result<(), KeyError> {
        match self.keys.insert(key.id, key) {
            Some(_) => Err(twice),
            None => Ok(()),
        }
    }

    fn not_empty(self) -> Result<Self, KeyError> {
        if self.keys.is_empty() {
            return Err(KeyError::None);
        }
        Ok(self)
    }
}

/// Says whether a JWK of a kind that is known to have them has a private part (RFC 7518, section 6;
/// RFC 8037, section 2).
fn holds_secret(jwk: &Object) -> bool {
    let secret = match jwk.get("kty") {
        Some(Value::Text(kty)) => match kty.as_str() {
            "OKP" | "EC" | "RSA" => "d",
            "oct" => "k",
            _ => return false,
        },
        _ => return false,
    };
    jwk.get(secret).is_some()
}

impl FromIterator<VerifyingKey> for VerifyingKeys {
    fn from_iter<I: IntoIterator<Item = VerifyingKey>>(keys: I) -> Self {
        let mut set = Self::new();
        set.extend(keys);
        set
    }
}

impl Extend<VerifyingKey> for VerifyingKeys {
    fn extend<I: IntoIterator<Item = VerifyingKey>>(&mut self, keys: I) {
        for key in keys {
            self.insert(key);
        }
    }
}

impl fmt::Debug for VerifyingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VerifyingKey")
            .field("id", &self.id)
            .field("algorithm", &self.algorithm())
            .field("window", &self.window)
            .finish_non_exhaustive()
    }
}
