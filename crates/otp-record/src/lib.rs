//! Signature records of `otp-engine`: read, verify and chain them with public keys alone, with no
//! engine, no store and no network.
//!
//! A record is the evidence that a one-time code was answered: a JWS (RFC 7515) that says who approved
//! what, when and by which code, and selective disclosures (RFC 9901) that hold the personal details.
//! This crate is what an auditor or a court's expert depends on; the engine makes records by it too.
//!
//! # Verify a record
//!
//! ```
//! use otp_record::{ChainHead, Expected, ExpectedChain, SignatureRecord, VerifyingKeys};
//! use otp_record::{verify_chain, verify_record};
//!
//! # let jwk_set = include_str!("../tests/vectors/records/first.jwks");
//! # let line = include_str!("../tests/vectors/records/first.sd-jwt");
//! // The operator's public keys, from a source that you trust; never from the record.
//! let keys = VerifyingKeys::from_jwk_set(jwk_set)?;
//! let record = SignatureRecord::from_sd_jwt(line)?;
//!
//! // The signature, the format, the disclosures, and what you expect it to approve.
//! let expected = Expected::new().tenant("acme").model("loan.offer").target_id("4711");
//! let verified = verify_record(record.jws(), record.disclosures(), &keys, Some(&expected))?;
//! assert_eq!(verified.user(), "42");
//! assert_eq!(verified.number(), Some("+27821234567")); // where the code was sent
//!
//! // All records of the field, newest first: none is missing, moved or replaced.
//! let head = ChainHead::new(1, Some(record.digest())); // as the operator published it
//! let chain = verify_chain(&[record], &keys, &ExpectedChain::new().tenant("acme").chain_head(head));
//! assert!(chain.none_bad());
//! # Ok::<(), Box<dyn core::error::Error>>(())
//! ```
//!
//! # Concepts
//!
//! | concept | type | what it is |
//! |---|---|---|
//! | record | [`SignatureRecord`] | a JWS and its disclosures, well-formed but **not verified** |
//! | verified record | [`VerifiedRecord`] | what the operator observed and signed |
//! | key set | [`VerifyingKeys`] | the keys that you trust, from a JWK set or PEM, each with the time in which it signs |
//! | detail | [`RecordDetail`] | a name, number or address that a record commits to; it can be withheld or erased, and the record still verifies |
//! | chain | [`verify_chain`] | the records of one field in order, each naming the digest of the one before |
//! | chain head | [`ChainHead`] | count and newest digest; who keeps it notices that the newest records are missing |
//!
//! Ed25519 (RFC 8037) signs records. HS256 is read where an HMAC is required: **whoever verifies such a
//! record can forge it**.
//!
//! The crate is `no_std` with `alloc`, and has no features.
//!
//! # When not to use it
//!
//! * For JWTs in general: it reads the one payload that `docs/records.md` of the repository describes, and
//!   refuses everything else.
//! * As proof of who signed: a record is signed by the operator. It proves what the operator recorded, and
//!   that nobody changed it since.
#![no_std]

extern crate alloc;
#[cfg(test)]
extern crate std;

mod disclosure;
mod json;
mod jws;
mod record;
mod signing;

pub use jws::{JwsError, JwsPart};
pub use otp_base::Timestamp;
#[doc(hidden)]
pub use record::facts;
pub use record::{
    ChainHead, ChainVerdict, Channel, DeviceFacts, DocumentFacts, Erasure, Expected, ExpectedChain,
    ImageFacts, OtpFacts, RecordCheck, RecordDetail, RecordError, RecordFact, RecordFault,
    RecordId, SignatureRecord, VerifiedRecord, verify_chain, verify_record,
};
pub use signing::{Algorithm, KeyError, KeyId, SigningKey, VerifyingKey, VerifyingKeys};

/// The README's program compiles.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
