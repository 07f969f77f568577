//! Embeddable one-time codes. This crate issues a code for one record field, one user and one
//! recipient, and judges what was typed exactly once, on any store.
#![cfg_attr(not(feature = "std"), no_std)]

extern crate alloc;

mod binding;
mod budgets;
mod challenge;
mod clock;
mod code;
mod disclosure;
mod engine;
mod error;
mod event;
mod evidence;
mod findings;
#[cfg(test)]
mod golden;
mod id;
mod image;
#[cfg(test)]
#[cfg(feature = "std")]
mod interleavings;
mod json;
mod jws;
mod keys;
mod mac;
mod message;
mod meter;
mod newest;
pub mod oath;
mod operation;
mod page;
mod policy;
mod recipient;
mod record;
mod reveal;
mod seal;
mod shown;
mod signing;
pub mod store;
mod timestamp;
mod typed;
mod verdict;

pub use binding::{Binding, BindingBuilder, BindingError, ContentDigest, MAX_MEMBER, RecordField};
pub use budgets::{Budgets, BudgetsBuilder, Limit};
pub use challenge::{Delivered, GatewayStatus, State};
#[cfg(feature = "std")]
pub use clock::SystemClock;
pub use clock::{Clock, ManualClock};
pub use code::{Code, CodeKind};
#[cfg(feature = "async")]
pub use engine::AsyncEngine;
pub use engine::{Engine, EngineBuilder};
pub use error::Error;
pub use event::{Event, Happening, Observer};
pub use evidence::{Evidence, EvidenceFault, Piece, Pieces};
pub use findings::Finding;
pub use id::{ChallengeId, ParseIdError};
pub use jws::{JwsError, Part};
pub use keys::{KeyRing, KeyRingBuilder, KeyRingError, MAX_KID, MIN_SECRET};
pub use message::{Encoding, Message, MessageError, MessageTemplate, MessageTemplateBuilder};
pub use operation::canary::StoreCheck;
pub use operation::cancel::Cancellation;
pub use operation::delivery::{Delivery, Reported};
pub use operation::reset::Resetting;
pub use operation::signatures::Erased;
pub use operation::status::{Lock, Status};
pub use operation::unlock::Unlocking;
pub use operation::verify::Submission;
pub use policy::{Content, Odds, OutOfBounds, Policy, PolicyBuilder, Resend};
pub use recipient::{CountryCode, Email, Mobile, Recipient, RecipientError};
pub use record::{
    ChainVerdict, Channel, Checked, Detail, DocumentFacts, Erasure, Expected, ExpectedChain, Fact,
    ImageFacts, OtpFacts, RecordError, RecordFault, RecordId, SignatureRecord, VerifiedRecord,
    verify_chain, verify_record,
};
pub use signing::{Algorithm, KeyError, KeyId, SigningKey, VerifyingKey, VerifyingKeys};
#[cfg(feature = "async")]
pub use store::AsyncStore;
#[cfg(feature = "std")]
pub use store::MemoryStore;
pub use store::Store;
pub use timestamp::Timestamp;
pub use verdict::{
    Acceptance, Issuance, Issued, PublicRejection, Reason, Refusal, Rejection, Verdict,
};
