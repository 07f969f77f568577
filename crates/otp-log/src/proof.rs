//! Proofs that travel alone (C2SP tlog-proof): a leaf's place, its path, and the checkpoint that it leads to.

use alloc::borrow::ToOwned;
use alloc::vec::Vec;
use core::fmt;
use core::str::FromStr;

use crate::error::{ParseError, VerifyError};
use crate::note::{MAX_NOTE, Note};
use crate::policy::{Policy, VerifiedCheckpoint};
use crate::text;
use crate::tree::Hash;

/// The first line.
const FORMAT: &str = "c2sp.org/tlog-proof@v1";

/// The most bytes of extra data.
const MAX_EXTRA: usize = 1024;

/// The longest proof, in bytes: the lines before the checkpoint have at most 5 KiB.
const MAX_LEN: usize = MAX_NOTE + 5120;

/// The proof that an entry is in a log, as a text file (`.tlog-proof`): whoever holds the entry and trusts a
/// [`Policy`] needs nothing else, and nobody's help.
///
/// `FromStr` reads it; `Display` writes the very bytes that were read. It is about 1.4 kB for a million entries and
/// two cosignatures.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct TlogProof {
    extra: Option<Vec<u8>>,
    index: u64,
    path: Vec<Hash>,
    note: Note,
}

impl TlogProof {
    /// Joins the index of an entry, its inclusion proof in the checkpoint's tree, and the checkpoint.
    ///
    /// # Errors
    ///
    /// [`ParseError`] for an index above 2^63 - 1, a path of more than 63 hashes, and a note that is no checkpoint.
    pub fn new(index: u64, path: Vec<Hash>, note: Note) -> Result<Self, ParseError> {
        if index > crate::tree::MAX_SIZE {
            return Err(ParseError::new("index", "at most 2^63 - 1"));
        }
        if path.len() > text::MAX_PROOF {
            return Err(ParseError::new("proof", "at most 63 lines"));
        }
        note.checkpoint()?;
        Ok(Self {
            extra: None,
            index,
            path,
            note,
        })
    }

    /// Adds data for the application, which **nothing signs**: for a record the 16 bytes that open the tag of its
    /// field ([`FieldTag`](crate::FieldTag)).
    ///
    /// # Errors
    ///
    /// [`ParseError`] unless there are 1 to 1,024 bytes.
    pub fn with_extra(mut self, extra: &[u8]) -> Result<Self, ParseError> {
        if !(1..=MAX_EXTRA).contains(&extra.len()) {
            return Err(ParseError::new("extra", "1 to 1,024 bytes"));
        }
        self.extra = Some(extra.to_owned());
        Ok(self)
    }

    /// Returns the index of the entry, counted from 0.
    #[must_use]
    pub const fn index(&self) -> u64 {
        self.index
    }

    /// Returns the inclusion proof, from the leaf's sibling up.
    #[must_use]
    pub fn path(&self) -> &[Hash] {
        &self.path
    }

    /// Returns the checkpoint with its signatures, not verified.
    #[must_use]
    pub const fn note(&self) -> &Note {
        &self.note
    }

    /// Returns the data for the application, which nothing signs.
    #[must_use]
    pub fn extra(&self) -> Option<&[u8]> {
        self.extra.as_deref()
    }

    /// Verifies that a log of the policy holds `entry` at the index, in a tree that the policy's quorum witnessed.
    ///
    /// # Errors
    ///
    /// [`VerifyError`]: as [`Policy::verify`], then [`VerifyError::Proof`] if the path leads elsewhere.
    pub fn verify(&self, policy: &Policy, entry: &[u8]) -> Result<VerifiedCheckpoint, VerifyError> {
        let verified = policy.verify(&self.note)?;
        let head = verified.checkpoint().head();
        head.verify_inclusion(self.index, Hash::of_leaf(entry), &self.path)?;
        Ok(verified)
    }
}

impl FromStr for TlogProof {
    type Err = ParseError;

    /// Reads a proof in its one spelling.
    ///
    /// # Errors
    ///
    /// [`ParseError`] for more than 69 KiB, another format, and what [`new`](Self::new) and
    /// [`with_extra`](Self::with_extra) refuse.
    fn from_str(proof: &str) -> Result<Self, ParseError> {
        const EXTRA: ParseError = ParseError::new("extra", "1 to 1,024 bytes in base64");
        if proof.len() > MAX_LEN {
            return Err(ParseError::new("proof", "at most 70,656 bytes"));
        }
        let (format, rest) = proof.split_once('\n').unwrap_or_default();
        if format != FORMAT {
            return Err(ParseError::new("first line", "c2sp.org/tlog-proof@v1"));
        }
        let (extra, rest) = match rest.strip_prefix("extra ") {
            None => (None, rest),
            Some(rest) => {
                let (extra, rest) = rest.split_once('\n').ok_or(EXTRA)?;
                (Some(text::base64(extra).ok_or(EXTRA)?), rest)
            }
        };
        let index = rest.strip_prefix("index ");
        let (index, rest) = index
            .and_then(|rest| rest.split_once('\n'))
            .ok_or(ParseError::new("line", "index and a decimal"))?;
        let (path, note) = split_lines(rest)?;
        let read = Self::new(
            text::decimal(index, "index")?,
            text::proof(path)?,
            note.parse()?,
        )?;
        match extra {
            Some(extra) => read.with_extra(&extra),
            None => Ok(read),
        }
    }
}

/// Cuts at the first empty line: lines of a proof, if any, then a note.
pub(crate) fn split_lines(rest: &str) -> Result<(&str, &str), ParseError> {
    match rest.strip_prefix('\n') {
        Some(note) => Ok(("", note)),
        None => rest.split_once("\n\n").ok_or(ParseError::new(
            "proof",
            "an empty line before the checkpoint",
        )),
    }
}

impl fmt::Display for TlogProof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{FORMAT}")?;
        if let Some(extra) = &self.extra {
            writeln!(f, "extra {}", text::to_base64(extra))?;
        }
        writeln!(f, "index {}", self.index)?;
        text::write_proof(&self.path, f)?;
        write!(f, "\n{}", self.note)
    }
}
