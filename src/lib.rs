//! One-time codes (OTP) to embed: the engine issues a code for *one record field, one user and one
//! recipient*, judges what the user entered exactly once, on any store, and can leave a signature record
//! that a stranger verifies years later. It opens no socket, starts no thread and reads no environment:
//! your program sends the code.
//!
//! # Issue and verify
//!
//! ```
//! use otp_engine::{Binding, Engine, KeyRing, MemoryStore, Mobile, Target, Submission};
//!
//! # let (code_secret, index_secret) = ([1; 32], [2; 32]);
//! // Two secrets of at least 32 random bytes, from your configuration.
//! let keys = KeyRing::builder().code("2026a", &code_secret).index(&index_secret).build()?;
//! let (engine, store) = (Engine::new(keys), MemoryStore::new());
//! engine.check_store(&store)?; // at each start: an error if other keys began this store
//!
//! // What the code approves, for whom, and where it is sent.
//! let binding = Binding::builder()
//!     .tenant("acme")
//!     .purpose("sign")
//!     .target(Target { model: "loan.application", field: "client_signature", id: "15" })
//!     .user("7")
//!     .recipient(Mobile::parse("+60 12-345 6789")?)
//!     .build()?;
//!
//! let issued = engine.issue(&store, &binding)?.issued().ok_or("refused: too many requests")?;
//! let text = format!("Your code is {}", issued.code.as_str()); // send it to issued.recipient
//! # let entered = issued.code.as_str();
//!
//! // The same binding again, with what the user entered.
//! let verdict = engine.verify(&store, Submission::new(&binding, entered))?;
//! assert!(verdict.is_accepted());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! `Ok` means that there is a verdict, not that the code was right: a wrong code is a value and is counted.
//! An [`Error`] means that no verdict is known; nothing was accepted.
//!
//! # Concepts
//!
//! | concept | type | what it is |
//! |---|---|---|
//! | binding | [`Binding`] | tenant, purpose, record field, user, recipient and content digest that a code is good for; a change of any member makes the code worthless |
//! | challenge | [`Issued`], [`ChallengeId`] | one code that was issued, with its expiry; it is derived from the keys, never stored |
//! | verdict | [`Verdict`] | [accepted](Acceptance) or [rejected](Rejection), committed before it is returned |
//! | refusal | [`Refusal`] | why no code was issued, and when to ask again |
//! | policy | [`Policy`] | limits of one kind of code: length, validity, attempts, cooldown, resend |
//! | rate limits | [`RateLimits`] | limits of a user and of a recipient over all their challenges |
//! | key ring | [`KeyRing`] | code secrets by `kid`, the index secret and the epoch |
//! | store | [`Store`] | loads cells by key and commits them if no version has changed; four methods |
//! | engine | [`Engine`] | keys, policy, rate limits, clock, randomness, observer; cheap to clone, shared by threads |
//! | event | [`Event`], [`Observer`] | what was committed, for logs and metrics; holds neither code nor number |
//! | signature record | [`SignatureRecord`] | a JWS (RFC 7515) with selective disclosures (RFC 9901) that says what was approved |
//! | device codes | [`oath`] | HOTP, TOTP and OCRA (RFC 4226, 6238, 6287), each accepted once |
//!
//! # Stores
//!
//! | store | crate | use it for |
//! |---|---|---|
//! | [`MemoryStore`] | this one | tests, examples, one process whose codes may be lost at a restart |
//! | SQLite | `otp-engine-sqlite` | the processes of one host |
//! | PostgreSQL | `otp-engine-postgres` | many hosts |
//! | Redis | `otp-engine-redis` | many hosts, codes without signature records |
//!
//! Signature records, HOTP, and OCRA without a time step or with a counter need a store that keeps cells for
//! ever: SQLite, PostgreSQL, or for a trial
//! [`MemoryStore::keeping_records_until_exit`](MemoryStore::keeping_records_until_exit).
//!
//! Any other store implements [`Store`] and proves itself with the crate `otp-store-tests`.
//!
//! # Features
//!
//! | feature | default | adds |
//! |---|---|---|
//! | `std` | yes | the system's clock and randomness, [`MemoryStore`] |
//! | `async` | no | `AsyncEngine` over an `AsyncStore`, on any runtime |
//!
//! Without `std` the crate needs `alloc` alone; the host gives a [`Clock`] and randomness to
//! [`EngineBuilder`].
//!
//! # When not to use it
//!
//! * To prove who somebody is: a code shows that its reader has the telephone or the mailbox, and an SMS
//!   can be intercepted (NIST SP 800-63B-4 calls it restricted). For logins prefer passkeys.
//! * Where one process checks TOTP and replays do not matter: the crate `otp-oath` alone is smaller.
//! * For a *qualified* electronic signature: a record is signed by the operator, not by the user.
//!
//! # Where to read on
//!
//! [`Engine`] has every operation, [`Policy`] and [`RateLimits`] every limit with its default. At the root is what
//! a first program needs; the rest is grouped: [`record`] for records and their keys, [`operation`] for what
//! the other operations are asked and answer, [`store`] for the contract of a store, [`oath`] for codes of devices,
//! and a module for each type above, with its builder and its errors. The repository's `docs/` is a guide by subject;
//! `ARCHITECTURE.md` maps the source.
#![cfg_attr(not(feature = "std"), no_std)]

extern crate alloc;

pub mod binding;
mod chain_head;
pub mod challenge;
mod clock;
mod engine;
mod error;
pub mod event;
pub mod evidence;
pub mod findings;
#[cfg(test)]
mod golden;
pub mod id;
#[cfg(test)]
#[cfg(feature = "std")]
mod interleavings;
pub mod keys;
pub mod message;
mod meter;
mod newest;
pub mod oath;
pub mod operation;
pub mod policy;
pub mod rate_limits;
mod seal;
mod shown;
pub mod store;
pub mod verdict;

#[doc(inline)]
pub use otp_base::{Code, CodeKind, Timestamp};
use otp_base::{code, entered, mac, reveal, timestamp};
#[doc(inline)]
pub use otp_recipient as recipient;
#[doc(inline)]
pub use otp_recipient::{Email, Mobile, Recipient};
#[doc(inline)]
pub use otp_record as record;
#[doc(inline)]
pub use otp_record::{SignatureRecord, SigningKey};

pub use binding::{Binding, ContentDigest, Target};
#[cfg(feature = "std")]
pub use clock::SystemClock;
pub use clock::{Clock, ManualClock};
#[cfg(feature = "async")]
pub use engine::AsyncEngine;
pub use engine::{Engine, EngineBuilder};
pub use error::{Error, RandomnessError};
pub use event::{Event, Observer};
pub use evidence::Evidence;
pub use id::ChallengeId;
pub use keys::KeyRing;
pub use operation::verify::Submission;
pub use policy::Policy;
pub use rate_limits::RateLimits;
#[cfg(feature = "async")]
pub use store::AsyncStore;
#[cfg(feature = "std")]
pub use store::MemoryStore;
pub use store::Store;
pub use verdict::{Acceptance, Issuance, Issued, Refusal, Rejection, Verdict};
