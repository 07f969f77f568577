//! Why something is refused: what cannot be read, what does not prove, what nobody trusted signed.

use core::fmt;

use crate::KeyId;
use crate::tree::Node;

/// The reason why bytes or texts are not what they are read as.
///
/// It names the member that is wrong and what was expected of it, its bound included; it never repeats what
/// was read.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct ParseError {
    member: &'static str,
    expected: &'static str,
    line: Option<usize>,
}

impl ParseError {
    pub(crate) const fn new(member: &'static str, expected: &'static str) -> Self {
        Self {
            member,
            expected,
            line: None,
        }
    }

    /// Says in which line, counted from 1.
    pub(crate) const fn at_line(mut self, line: usize) -> Self {
        self.line = Some(line);
        self
    }

    /// Returns what is wrong: `tree size`, `signature line`.
    #[must_use]
    pub const fn member(&self) -> &'static str {
        self.member
    }

    /// Returns what was expected of it, with its bound.
    #[must_use]
    pub const fn expected(&self) -> &'static str {
        self.expected
    }

    /// Returns the line of a policy, counted from 1; `None` for all other texts.
    #[must_use]
    pub const fn line(&self) -> Option<usize> {
        self.line
    }
}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(line) = self.line {
            write!(f, "line {line}: ")?;
        }
        write!(f, "{}: expected {}", self.member, self.expected)
    }
}

impl core::error::Error for ParseError {}

/// The reason why a proof does not hold, or cannot be made.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum ProofError {
    /// The tree has no leaf of this index.
    Index {
        /// The index that was asked for, counted from 0.
        index: u64,
        /// The number of leaves in the tree.
        size: u64,
    },
    /// The tree that should be the older one has more leaves than the newer.
    Order {
        /// The number of leaves in the older tree.
        older: u64,
        /// The number of leaves in the newer tree.
        newer: u64,
    },
    /// A tree has more than 2^63 - 1 leaves.
    Size(u64),
    /// The proof has too few or too many hashes for this size.
    Length(usize),
    /// The proof leads to another root.
    Root,
    /// A hash is missing that the proof is made from.
    Missing(Node),
}

impl fmt::Display for ProofError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Index { index, size } => {
                write!(f, "index {index} is beyond a tree of {size} leaves")
            }
            Self::Order { older, newer } => {
                write!(f, "older tree of {older} leaves, newer one of {newer}")
            }
            Self::Size(size) => write!(f, "tree of {size} leaves; at most 2^63 - 1"),
            Self::Length(len) => write!(f, "proof of {len} hashes: too few or too many"),
            Self::Root => f.write_str("proof leads to another root"),
            Self::Missing(node) => write!(
                f,
                "hash {} of level {} is missing",
                node.index(),
                node.level()
            ),
        }
    }
}

impl core::error::Error for ProofError {}

/// The reason why a note, a checkpoint or a proof is not to be trusted.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum VerifyError {
    /// The text that was signed is no checkpoint.
    Parse(ParseError),
    /// No trusted key signed: lines of other keys count for nothing.
    Unsigned,
    /// A line has the name and id of this trusted key, and is not its signature.
    Signature(KeyId),
    /// The time in this key's cosignature is 0 or above 2^63 - 1.
    Time(KeyId),
    /// The time in this key's cosignature is more than a minute ahead of the clock.
    Early(KeyId),
    /// The cosignatures are fewer than the policy's quorum.
    Quorum,
    /// The proof does not hold.
    Proof(ProofError),
}

impl fmt::Display for VerifyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Parse(error) => write!(f, "signed text: {error}"),
            Self::Unsigned => f.write_str("no signature by a trusted key"),
            Self::Signature(id) => write!(f, "signature of key {id} does not verify"),
            Self::Time(id) => write!(
                f,
                "cosignature of key {id}: time is not within 1 to 2^63 - 1"
            ),
            Self::Early(id) => write!(
                f,
                "cosignature of key {id}: time is more than 60 s ahead of the clock"
            ),
            Self::Quorum => f.write_str("cosignatures do not reach the policy's quorum"),
            Self::Proof(error) => write!(f, "{error}"),
        }
    }
}

impl core::error::Error for VerifyError {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::Parse(error) => Some(error),
            Self::Proof(error) => Some(error),
            _ => None,
        }
    }
}

impl From<ParseError> for VerifyError {
    fn from(error: ParseError) -> Self {
        Self::Parse(error)
    }
}

impl From<ProofError> for VerifyError {
    fn from(error: ProofError) -> Self {
        Self::Proof(error)
    }
}
