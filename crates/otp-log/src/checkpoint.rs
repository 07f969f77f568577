//! Checkpoints (C2SP tlog-checkpoint): the text that a log signs of its tree.

use alloc::borrow::ToOwned;
use alloc::format;
use alloc::string::String;

use crate::error::ParseError;
use crate::text;
use crate::tree::TreeHead;

/// The text of a checkpoint: whose log it is, how many leaves it has, and the root of its tree.
///
/// It says nothing until its signatures are verified: [`Policy::verify`](crate::Policy::verify).
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Checkpoint {
    text: String,
    origin: usize,
    fixed: usize,
    head: TreeHead,
}

impl Checkpoint {
    /// Reads the text of a note as a checkpoint: lines of origin, size and root, each ended by a line feed.
    ///
    /// Lines may follow, which only logs of others have; see [`extension_lines`](Self::extension_lines).
    ///
    /// # Errors
    ///
    /// [`ParseError`] for fewer than three lines, an empty one, a size in another spelling than a decimal of at most
    /// 2^63 - 1, a root that is not 32 bytes in base64, and for another root of size 0 than that of the empty tree.
    pub fn parse(text: &str) -> Result<Self, ParseError> {
        const LINES: ParseError = ParseError::new(
            "checkpoint",
            "three lines that are not empty, each ended by a line feed",
        );
        let lines = text.strip_suffix('\n').ok_or(LINES)?;
        if lines.split('\n').any(str::is_empty) {
            return Err(LINES);
        }
        let mut lines = lines.split('\n');
        let (Some(origin), Some(size), Some(root)) = (lines.next(), lines.next(), lines.next())
        else {
            return Err(LINES);
        };
        let head = TreeHead::new(
            text::decimal(size, "checkpoint size")?,
            text::hash(root, "checkpoint root")?,
        )?;
        Ok(Self {
            origin: origin.len(),
            fixed: origin.len() + size.len() + root.len() + 3,
            text: text.to_owned(),
            head,
        })
    }

    /// Writes the text that says: the log `origin` has this tree.
    pub(crate) fn write(origin: &str, head: TreeHead) -> String {
        format!("{origin}\n{}\n{}\n", head.size(), head.root())
    }

    /// Returns the text, its last line feed included: what is signed and time-stamped.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Returns the name of the log.
    #[must_use]
    pub fn origin(&self) -> &str {
        &self.text[..self.origin]
    }

    /// Returns the number of leaves and the root.
    #[must_use]
    pub const fn head(&self) -> TreeHead {
        self.head
    }

    /// Iterates over the lines behind the root. A log of this crate has none; an Ed25519 cosignature covers them, an
    /// ML-DSA-44 one does not, and no witness says that they are true.
    pub fn extension_lines(&self) -> impl Iterator<Item = &str> {
        self.text[self.fixed..].split_terminator('\n')
    }
}
