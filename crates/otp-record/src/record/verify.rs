//! Verifying one record: its signature, its disclosures, and what was expected of it.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use base64ct::{Base64UrlUnpadded, Encoding};
use sha2::{Digest, Sha256};

use super::fault::{RecordError, RecordFact, RecordFault};
use super::payload::{DocumentFacts, ImageFacts, OtpFacts, Payload, bytes_of_digest, names};
use super::{RecordDetail, RecordId};
use crate::Timestamp;
use crate::json;
use crate::jws::{Compact, JwsError, MAX_PAYLOAD};
use crate::signing::{KeyId, VerifyingKeys};

/// What a verifier expects of one record; what is not set is not checked. Of the records of a field
/// together, see [`ExpectedChain`](crate::ExpectedChain).
///
/// ```
/// use otp_record::Expected;
///
/// let expected = Expected::new()
///     .tenant("acme")
///     .model("loan.offer")
///     .field("borrower_signature")
///     .target_id("4711");
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct Expected<'a> {
    tenant: Option<&'a str>,
    model: Option<&'a str>,
    field: Option<&'a str>,
    record: Option<&'a str>,
    purpose: Option<&'a str>,
    user: Option<&'a str>,
    content: Option<[u8; 32]>,
}

/// A record that one of the verifier's keys signed, and that is as expected.
///
/// What it tells is what the operator observed and signed. `Debug` shows no personal detail.
pub struct VerifiedRecord {
    payload: Payload,
    text: String,
    details: Vec<(RecordDetail, String)>,
    withheld: usize,
    key: KeyId,
    digest: [u8; 32],
}

/// Verifies one record: all of it holds, or the answer is the first reason why it does not.
///
/// The signature comes first, by the key of `keys` that the header names and by that key's own
/// algorithm; then the format, in full; then that the key was in use at the record's time; then
/// the disclosures; then what is `expected`. A disclosure that is not given is withheld, not an
/// error; one that the record does not commit to is.
///
/// ```
/// # let line = include_str!("../../tests/vectors/records/first.sd-jwt").trim_end();
/// # let jwk_set = include_str!("../../tests/vectors/records/first.jwks");
/// use otp_record::{Expected, SignatureRecord, VerifyingKeys, verify_record};
///
/// let keys = VerifyingKeys::from_jwk_set(jwk_set)?;
/// let record = SignatureRecord::from_sd_jwt(line)?;
/// let expected = Expected::new().tenant("acme").target_id("4711");
/// let verified = verify_record(record.jws(), record.disclosures(), &keys, Some(&expected))?;
/// assert_eq!(verified.user(), "42");
/// assert_eq!(verified.number(), Some("+27821234567"));
///
/// let other = Expected::new().tenant("globex");
/// assert!(verify_record(record.jws(), record.disclosures(), &keys, Some(&other)).is_err());
/// # Ok::<(), Box<dyn core::error::Error>>(())
/// ```
///
/// # Errors
///
/// [`RecordError`] names the record as far as it can be read, and the [`RecordFault`].
pub fn verify_record(
    jws: &str,
    disclosures: &[impl AsRef<str>],
    keys: &VerifyingKeys,
    expected: Option<&Expected<'_>>,
) -> Result<VerifiedRecord, RecordError> {
    let refused = |error: JwsError| {
        let (n, id) = claimed_names(jws);
        RecordError::named(n, id, error.into())
    };
    let compact = Compact::parse(jws).map_err(refused)?;
    let key = compact.verify(keys).map_err(refused)?;
    let payload = Payload::read(&compact.payload)?;
    let (n, id, at) = (payload.n, payload.id, payload.verified_at);
    let fails = |reason| RecordError::of(n, id, reason);
    if !key.covers(at) {
        return Err(fails(RecordFault::KeyNotValid { key: key.id(), at }));
    }
    let details = payload.disclose(disclosures).map_err(fails)?;
    let verified = VerifiedRecord {
        withheld: payload.digests.len() - details.len(),
        payload,
        // The reader has found it to be UTF-8.
        text: String::from_utf8(compact.payload).unwrap_or_default(),
        details,
        key: key.id(),
        digest: Sha256::digest(jws.as_bytes()).into(),
    };
    if let Some(expected) = expected {
        expected.compare(&verified).map_err(fails)?;
    }
    Ok(verified)
}

impl<'a> Expected<'a> {
    /// Expects nothing yet.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            tenant: None,
            model: None,
            field: None,
            record: None,
            purpose: None,
            user: None,
            content: None,
        }
    }

    /// Expects the tenant (`iss`).
    #[must_use]
    pub const fn tenant(mut self, tenant: &'a str) -> Self {
        self.tenant = Some(tenant);
        self
    }

    /// Expects the model of the record field (`ref.model`).
    #[must_use]
    pub const fn model(mut self, model: &'a str) -> Self {
        self.model = Some(model);
        self
    }

    /// Expects the field of the record field (`ref.field`).
    #[must_use]
    pub const fn field(mut self, field: &'a str) -> Self {
        self.field = Some(field);
        self
    }

    /// Expects the record of the record field (`ref.record`).
    #[must_use]
    pub const fn target_id(mut self, id: &'a str) -> Self {
        self.record = Some(id);
        self
    }

    /// Expects what the code was good for (`act`).
    #[must_use]
    pub const fn purpose(mut self, purpose: &'a str) -> Self {
        self.purpose = Some(purpose);
        self
    }

    /// Expects the user (`who.user`).
    #[must_use]
    pub const fn user(mut self, user: &'a str) -> Self {
        self.user = Some(user);
        self
    }

    /// Expects SHA-256 of the thing approved (`doc.dig`): of the document that lies before you.
    #[must_use]
    pub const fn content(mut self, digest: [u8; 32]) -> Self {
        self.content = Some(digest);
        self
    }

    /// Compares all that is expected; the first fact that is another is the answer.
    fn compare(&self, verified: &VerifiedRecord) -> Result<(), RecordFault> {
        first_unexpected(&[
            (self.tenant, verified.tenant(), RecordFact::Tenant),
            (self.model, verified.model(), RecordFact::Model),
            (self.field, verified.field(), RecordFact::Field),
            (self.record, verified.target_id(), RecordFact::Record),
            (self.purpose, verified.purpose(), RecordFact::Purpose),
            (self.user, verified.user(), RecordFact::User),
        ])?;
        let Some(content) = self.content else {
            return Ok(());
        };
        match (verified.content(), verified.document()) {
            (Some(digest), _) if digest == content => Ok(()),
            (None, Some(_)) => Err(RecordFault::Withheld(RecordDetail::ContentDigest)),
            _ => Err(RecordFault::Unexpected(RecordFact::Content)),
        }
    }
}

impl VerifiedRecord {
    /// Returns the record's name (`jti`).
    #[must_use]
    pub const fn id(&self) -> RecordId {
        self.payload.id
    }

    /// Returns the record's place among those of its field, from 1.
    #[must_use]
    pub const fn sequence(&self) -> u64 {
        self.payload.n
    }

    /// Returns the digest of the field's record before; `None` of the first alone.
    #[must_use]
    pub const fn previous_digest(&self) -> Option<[u8; 32]> {
        self.payload.prev
    }

    /// Returns SHA-256 of the JWS: `prev` of the next record.
    #[must_use]
    pub const fn digest(&self) -> [u8; 32] {
        self.digest
    }

    /// Returns the key that signed.
    #[must_use]
    pub const fn key(&self) -> KeyId {
        self.key
    }

    /// Returns the tenant (`iss`).
    #[must_use]
    pub fn tenant(&self) -> &str {
        &self.payload.tenant
    }

    /// Returns when the code was answered (`iat`).
    #[must_use]
    pub const fn verified_at(&self) -> Timestamp {
        self.payload.verified_at
    }

    /// Returns what the code was good for (`act`).
    #[must_use]
    pub fn purpose(&self) -> &str {
        &self.payload.purpose
    }

    /// Returns the model of the record field.
    #[must_use]
    pub fn model(&self) -> &str {
        &self.payload.model
    }

    /// Returns the field of the record field.
    #[must_use]
    pub fn field(&self) -> &str {
        &self.payload.field
    }

    /// Returns the record of the record field.
    #[must_use]
    pub fn target_id(&self) -> &str {
        &self.payload.record
    }

    /// Returns the revision of the record (`ref.rev`).
    #[must_use]
    pub fn revision(&self) -> Option<&str> {
        self.payload.revision.as_deref()
    }

    /// Returns what is said of the thing approved.
    #[must_use]
    pub const fn document(&self) -> Option<&DocumentFacts> {
        self.payload.document.as_ref()
    }

    /// Returns SHA-256 of the thing approved, whether it stands in the payload or was disclosed.
    #[must_use]
    pub fn content(&self) -> Option<[u8; 32]> {
        let document = self.payload.document.as_ref()?;
        let disclosed = || bytes_of_digest(self.detail(RecordDetail::ContentDigest)?);
        document.digest.or_else(disclosed)
    }

    /// Returns the user (`who.user`).
    #[must_use]
    pub fn user(&self) -> &str {
        &self.payload.user
    }

    /// Returns a detail, if its disclosure was given.
    #[must_use]
    pub fn detail(&self, detail: RecordDetail) -> Option<&str> {
        let said = self.details.iter().find(|(said, _)| *said == detail);
        said.map(|(_, value)| value.as_str())
    }

    /// Returns what the user was called when they signed, if disclosed.
    #[must_use]
    pub fn user_name(&self) -> Option<&str> {
        self.detail(RecordDetail::UserName)
    }

    /// Returns the name that was entered, if disclosed.
    #[must_use]
    pub fn signer_name(&self) -> Option<&str> {
        self.detail(RecordDetail::SignerName)
    }

    /// Returns the mobile number to which the code was sent, if disclosed.
    #[must_use]
    pub fn number(&self) -> Option<&str> {
        self.detail(RecordDetail::Number)
    }

    /// Returns the e-mail address to which the code was sent, if disclosed.
    #[must_use]
    pub fn email(&self) -> Option<&str> {
        self.detail(RecordDetail::Email)
    }

    /// Returns how many details the record commits to whose disclosures were not given.
    #[must_use]
    pub const fn withheld(&self) -> usize {
        self.withheld
    }

    /// Returns what is said of the code.
    #[must_use]
    pub const fn otp(&self) -> &OtpFacts {
        &self.payload.otp
    }

    /// Returns what is said of the captured signature.
    #[must_use]
    pub const fn image(&self) -> Option<&ImageFacts> {
        self.payload.image.as_ref()
    }

    /// Returns the consent sentence that was shown.
    #[must_use]
    pub fn consent(&self) -> Option<&str> {
        self.payload.consent.as_deref()
    }

    /// Returns the signed payload, as JSON text.
    #[must_use]
    pub fn payload(&self) -> &str {
        &self.text
    }
}

impl fmt::Debug for VerifiedRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VerifiedRecord")
            .field("id", &self.payload.id)
            .field("n", &self.payload.n)
            .field("key", &self.key)
            .finish_non_exhaustive()
    }
}

pub(super) fn first_unexpected(
    facts: &[(Option<&str>, &str, RecordFact)],
) -> Result<(), RecordFault> {
    for (expected, said, fact) in facts {
        if expected.is_some_and(|expected| expected != *said) {
            return Err(RecordFault::Unexpected(*fact));
        }
    }
    Ok(())
}

/// Reads what a JWS that does not hold says it is, to name it in the answer.
fn claimed_names(jws: &str) -> (Option<u64>, Option<RecordId>) {
    let payload = jws
        .split('.')
        .nth(1)
        .filter(|payload| payload.len() <= MAX_PAYLOAD * 2)
        .and_then(|payload| Base64UrlUnpadded::decode_vec(payload).ok())
        .and_then(|payload| json::read_object(&payload, MAX_PAYLOAD).ok());
    payload.map_or((None, None), |payload| names(&payload))
}
