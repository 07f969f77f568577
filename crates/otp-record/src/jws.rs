//! Compact JWS (RFC 7515) with one header, `{"alg","kid","typ"}`, and nothing that chooses a key but the verifier.

use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;

use base64ct::{Base64UrlUnpadded, Encoding};

use crate::json::{self, Object, Value};
use crate::signing::{Algorithm, KeyId, SigningKey, VerifyingKey, VerifyingKeys};

/// The media type of a signature record, without `application/`: keeps other JWS of the same key apart.
const TYPE: &str = "otp-signature+jwt";

/// The longest payload, in bytes.
pub(crate) const MAX_PAYLOAD: usize = 8192;
const MAX_HEADER: usize = 512;

/// The reason why a text is not a JWS that one of the keys signed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum JwsError {
    /// Not three parts joined by dots.
    Parts,
    /// A part is too long: the payload has at most 8 KiB, the header 512 bytes.
    TooLong(JwsPart),
    /// A part is not base64url without padding, in its one spelling (RFC 4648, section 5).
    Base64(JwsPart),
    /// The header is not a JSON object with `alg`, `kid` and `typ` alone.
    Header(&'static str),
    /// The header has a member that would let the record choose its key or change how it is read.
    ForbiddenMember(&'static str),
    /// `typ` is not `otp-signature+jwt`.
    Type,
    /// `alg` is none of `EdDSA`, `Ed25519` and `HS256`.
    UnknownAlgorithm,
    /// `kid` names no key of the set.
    UnknownKey(KeyId),
    /// `alg` is not the algorithm of the key that `kid` names.
    AlgorithmMismatch(KeyId),
    /// The key that `kid` names did not sign these bytes.
    BadSignature(KeyId),
}

/// A part of a JWS.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum JwsPart {
    /// The protected header.
    Header,
    /// What is signed.
    Payload,
    /// The signature.
    Signature,
}

/// A JWS taken apart, not verified.
pub(crate) struct Compact<'a> {
    algorithm: Algorithm,
    key: KeyId,
    signed: &'a str,
    pub(crate) payload: Vec<u8>,
    signature: Vec<u8>,
}

impl<'a> Compact<'a> {
    /// Takes a JWS apart; verifies nothing.
    pub(crate) fn parse(jws: &'a str) -> Result<Self, JwsError> {
        let mut parts = jws.split('.');
        let (Some(header), Some(payload), Some(signature), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(JwsError::Parts);
        };
        let (algorithm, key) = read_header(&decode(header, JwsPart::Header, MAX_HEADER)?)?;
        Ok(Self {
            algorithm,
            key,
            signed: &jws[..header.len() + 1 + payload.len()],
            payload: decode(payload, JwsPart::Payload, MAX_PAYLOAD)?,
            signature: decode(signature, JwsPart::Signature, 64)?,
        })
    }

    /// Finds the key that signed this, among `keys` alone.
    pub(crate) fn verify<'k>(&self, keys: &'k VerifyingKeys) -> Result<&'k VerifyingKey, JwsError> {
        let key = keys.find(self.key).ok_or(JwsError::UnknownKey(self.key))?;
        if key.algorithm() != self.algorithm {
            return Err(JwsError::AlgorithmMismatch(self.key));
        }
        if !key.verifies(self.signed.as_bytes(), &self.signature) {
            return Err(JwsError::BadSignature(self.key));
        }
        Ok(key)
    }
}

/// Signs `payload`, whatever the instant; the caller asks [`SigningKey::signs_at`].
pub(crate) fn sign(payload: &str, key: &SigningKey) -> String {
    let mut header = Object::new();
    header.set("alg", key.algorithm().label());
    header.set("kid", key.id().to_string());
    header.set("typ", TYPE);
    let mut jws = Base64UrlUnpadded::encode_string(header.to_json().as_bytes());
    jws.push('.');
    jws.push_str(&Base64UrlUnpadded::encode_string(payload.as_bytes()));
    let signature = key.sign(jws.as_bytes());
    jws.push('.');
    jws.push_str(&Base64UrlUnpadded::encode_string(signature.as_ref()));
    jws
}

fn decode(text: &str, part: JwsPart, max: usize) -> Result<Vec<u8>, JwsError> {
    if text.len() > max.div_ceil(3) * 4 {
        return Err(JwsError::TooLong(part));
    }
    let bytes = Base64UrlUnpadded::decode_vec(text).map_err(|_| JwsError::Base64(part))?;
    if bytes.len() > max {
        return Err(JwsError::TooLong(part));
    }
    Ok(bytes)
}

fn read_header(bytes: &[u8]) -> Result<(Algorithm, KeyId), JwsError> {
    let mut header =
        json::read_object(bytes, MAX_HEADER).map_err(|error| JwsError::Header(error.what))?;
    for name in ["jwk", "jku", "x5u", "x5c", "crit", "b64"] {
        if header.get(name).is_some() {
            return Err(JwsError::ForbiddenMember(name));
        }
    }
    let mut text = |name, missing| match header.take(name) {
        Some(Value::Text(text)) => Ok(text),
        _ => Err(JwsError::Header(missing)),
    };
    let alg = text("alg", "no alg")?;
    let kid = text("kid", "no kid")?;
    if text("typ", "no typ")? != TYPE {
        return Err(JwsError::Type);
    }
    if header.any_name().is_some() {
        return Err(JwsError::Header("unknown member"));
    }
    let algorithm = Algorithm::of_label(&alg).ok_or(JwsError::UnknownAlgorithm)?;
    let key = KeyId::parse(&kid).ok_or(JwsError::Header("kid is not a thumbprint"))?;
    Ok((algorithm, key))
}

impl fmt::Display for JwsPart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Header => "header",
            Self::Payload => "payload",
            Self::Signature => "signature",
        })
    }
}

impl fmt::Display for JwsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Parts => f.write_str("not three parts joined by dots"),
            Self::TooLong(part) => write!(f, "{part} too long"),
            Self::Base64(part) => write!(f, "{part} is not unpadded base64url"),
            Self::Header(what) => write!(f, "header: {what}"),
            Self::ForbiddenMember(name) => write!(f, "header has the forbidden member {name}"),
            Self::Type => write!(f, "typ is not {TYPE}"),
            Self::UnknownAlgorithm => f.write_str("alg is none of EdDSA, Ed25519, HS256"),
            Self::UnknownKey(key) => write!(f, "no key {key} in the set"),
            Self::AlgorithmMismatch(key) => write!(f, "alg is not that of key {key}"),
            Self::BadSignature(key) => write!(f, "not signed by key {key}"),
        }
    }
}

impl core::error::Error for JwsError {}
