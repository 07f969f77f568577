//! A transparency log without I/O: the Merkle tree of RFC 6962, signed checkpoints, witnesses and tiles as
//! C2SP has them, on `no_std`.
//!
//! Whoever owns a database and its keys can rewrite history and sign it anew. A log makes that visible: its head, a
//! [`Checkpoint`], is signed and shown to witnesses, who cosign no head that does not extend the last one. What a
//! witnessed checkpoint covers cannot be dropped, reordered, replaced or back-dated without a stranger finding it, with
//! tools that were not made here.
//!
//! # Append, prove, verify
//!
//! ```
//! use otp_log::{CosignerKey, Frontier, Hash, LogKey, Policy, ProofPlan, Timestamp, TlogProof};
//! use std::collections::BTreeMap;
//!
//! // The operator appends entries, and keeps the frontier and the nodes.
//! let (mut tree, mut nodes) = (Frontier::new(), BTreeMap::new());
//! for entry in ["first", "second", "third"] {
//!     let leaf = Hash::of_leaf(entry.as_bytes());
//!     tree.push_with(leaf, |node, hash| _ = nodes.insert(node, hash))?;
//! }
//! let log = LogKey::from_seed("log.example/otp/acme", &[7; 32])?;
//! let mut note = log.sign(tree.head());
//!
//! // A witness cosigns the checkpoint: see `AddCheckpoint` for what goes to and fro.
//! let witness = CosignerKey::from_seed("witness.example/w1", &[8; 32])?;
//! let now = Timestamp::from_unix(1_790_000_000);
//! note.push(witness.cosign(&note.checkpoint()?, now)?)?;
//!
//! // The holder of an entry gets a text file that proves it.
//! let path = ProofPlan::inclusion(1, tree.size())?.prove(|node| nodes.get(&node).copied())?;
//! let file = TlogProof::new(1, path, note)?.to_string();
//!
//! // Anybody who trusts these keys verifies it, offline.
//! let (log, witness) = (log.verifier_key(), witness.verifier_key());
//! let policy: Policy = format!("log {log}\nwitness w1 {witness}\nquorum w1\n").parse()?;
//! let proof: TlogProof = file.parse()?;
//! assert!(proof.verify(&policy, b"second").is_ok());
//! assert!(proof.verify(&policy, b"another").is_err());
//! # Ok::<(), Box<dyn core::error::Error>>(())
//! ```
//!
//! # Concepts
//!
//! | concept | type | standard |
//! |---|---|---|
//! | tree head: size and root | [`TreeHead`] verifies inclusion and consistency | RFC 6962 and RFC 9162, section 2.1 |
//! | right edge of a tree, all that appending needs | [`Frontier`] | |
//! | which nodes, in which tiles, a proof is made from | [`ProofPlan`], [`Node`] | RFC 6962, sections 2.1.1 and 2.1.2 |
//! | signed text | [`Note`], [`SignatureLine`], [`VerifierKey`], [`LogKey`] | signed-note 1.0.0 |
//! | signed tree head | [`Checkpoint`] | tlog-checkpoint 1.0.0 |
//! | what a witness adds, and when | [`CosignerKey`], [`Cosignature`] | tlog-cosignature 1.1.0-rc.1 |
//! | asking a witness | [`AddCheckpoint`], [`WitnessAnswer`] | tlog-witness 1.0.0 |
//! | whom to trust, and how many | [`Policy`], [`VerifiedCheckpoint`] | tlog-policy |
//! | proof in a file | [`TlogProof`] | tlog-proof |
//! | the log as static files | [`Resource`], [`Tile`], [`EntryBundle`] | tlog-tiles 0.1.0 |
//! | time-stamp of a checkpoint | [`timestamp`] | RFC 3161 |
//! | what `otp-engine` logs of a record | [`Leaf`], [`FieldTag`] | |
//! | appending from a journal, without a store | [`LogState`], [`Batch`], [`Append`] | |
//!
//! # Bounds
//!
//! A tree has at most 2^63 - 1 leaves, and nothing here needs memory for it: proofs are planned, made and verified
//! with at most 126 hashes, from at most 16 tiles. A note has at most 64 KiB and 32 signature lines, a proof in a text 63 hashes, a
//! policy 32 logs, witnesses and groups. What is longer is refused before it is read.
//!
//! # Features
//!
//! `ml-dsa` verifies ML-DSA-44 cosignatures. Without it such lines are carried, and count for nothing.
//!
//! # When not to use it
//!
//! * For Certificate Transparency: its logs have other leaves, signatures and addresses.
//! * As a log server: storing, serving and asking witnesses is the caller's business.
#![no_std]

extern crate alloc;
#[cfg(test)]
extern crate std;

mod checkpoint;
mod error;
mod key;
mod leaf;
mod note;
mod policy;
mod proof;
mod text;
mod tile;
pub mod timestamp;
mod tree;
mod witness;
mod writer;

pub use checkpoint::Checkpoint;
pub use error::{ParseError, ProofError, VerifyError};
pub use key::{CosignerKey, KeyId, KeyKind, LogKey, VerifierKey, ml_dsa_message};
pub use leaf::{FieldName, FieldTag, Leaf, LeafKind};
pub use note::{MAX_LINES, MAX_NOTE, Note, SignatureLine, SignedBy};
pub use otp_base::Timestamp;
pub use policy::{Policy, VerifiedCheckpoint, Witness};
pub use proof::TlogProof;
pub use tile::{BundleId, EntryBundle, Resource, Tile, TileId};
pub use tree::{Frontier, Hash, MAX_SIZE, Node, ProofPlan, TreeHead};
pub use witness::{AddCheckpoint, AnswerError, Cosignature, WitnessAnswer};
pub use writer::{Append, AppendError, Batch, LANES, LanePart, LogState, MAX_BATCH, lane_of};

/// The README's program compiles.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
