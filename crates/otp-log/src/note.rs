//! Signed notes (C2SP signed-note): a text, an empty line, and a line for each signature.

use alloc::borrow::ToOwned;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use core::str::FromStr;

use otp_base::Timestamp;

use crate::checkpoint::Checkpoint;
use crate::error::{ParseError, VerifyError};
use crate::key::{KeyId, Signed, VerifierKey};
use crate::text;

/// The longest note, in bytes: 64 KiB.
pub const MAX_NOTE: usize = 65_536;

/// The most signature lines of a note.
pub const MAX_LINES: usize = 32;

const LINE: ParseError = ParseError::new(
    "signature line",
    "an em dash, the key's name and base64 of id and signature, a space between each",
);
const LINES: ParseError = ParseError::new("signature lines", "1 to 32");

/// A text with signatures, as it was written; **nothing is verified** until [`verify`](Self::verify) or a
/// [`Policy`](crate::Policy) says so.
///
/// `Display` writes the very bytes that were read.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Note {
    text: String,
    lines: Vec<SignatureLine>,
}

/// One signature of a note: whose it says it is, and its bytes.
///
/// `Display` writes, and `FromStr` reads, the line without its line feed.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct SignatureLine {
    name: String,
    id: KeyId,
    signature: Vec<u8>,
}

/// A signature that a trusted key made.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct SignedBy<'k> {
    key: &'k VerifierKey,
    time: Option<Timestamp>,
}

impl<'k> SignedBy<'k> {
    /// Returns the key.
    #[must_use]
    pub const fn key(&self) -> &'k VerifierKey {
        self.key
    }

    /// Returns when a cosigner signed, by its own clock; `None` for a signature that says no time.
    #[must_use]
    pub const fn time(&self) -> Option<Timestamp> {
        self.time
    }
}

impl Note {
    /// Reads a note.
    ///
    /// # Errors
    ///
    /// [`ParseError`] for more than 64 KiB, for what is no UTF-8 or has control characters other than line feeds
    /// (a carriage return is one), for a text that no empty line ends, and unless 1 to 32 signature lines follow,
    /// each in its one spelling.
    pub fn parse(bytes: &[u8]) -> Result<Self, ParseError> {
        if bytes.len() > MAX_NOTE {
            return Err(ParseError::new("note", "at most 65,536 bytes"));
        }
        let note = core::str::from_utf8(bytes).map_err(|_| ParseError::new("note", "UTF-8"))?;
        if note.bytes().any(|byte| byte < b' ' && byte != b'\n') {
            return Err(ParseError::new(
                "note",
                "no control characters but line feeds",
            ));
        }
        let end = note.rfind("\n\n").ok_or(ParseError::new(
            "note",
            "an empty line between text and signatures",
        ))?;
        let (text, lines) = (&note[..=end], &note[end + 2..]);
        let lines = lines.strip_suffix('\n').ok_or(ParseError::new(
            "note",
            "signature lines that each end with a line feed",
        ))?;
        Ok(Self {
            text: text.to_owned(),
            lines: signature_lines(lines)?,
        })
    }

    /// Joins the text of a checkpoint and its first signature.
    pub(crate) fn of(text: String, line: SignatureLine) -> Self {
        Self {
            text,
            lines: alloc::vec![line],
        }
    }

    /// Returns the text that is signed, its last line feed included.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Returns the signature lines, known or not.
    #[must_use]
    pub fn signatures(&self) -> &[SignatureLine] {
        &self.lines
    }

    /// Adds a signature line: a witness's, once it is verified. One that is there already is not added again.
    ///
    /// # Errors
    ///
    /// [`ParseError`] if the note would have more than 32 lines, or 64 KiB.
    pub fn push(&mut self, line: SignatureLine) -> Result<(), ParseError> {
        if self.lines.contains(&line) {
            return Ok(());
        }
        if self.lines.len() >= MAX_LINES {
            return Err(LINES);
        }
        let lens = self.lines.iter().chain([&line]).map(SignatureLine::len);
        if self.text.len() + 1 + lens.sum::<usize>() > MAX_NOTE {
            return Err(ParseError::new("note", "at most 65,536 bytes"));
        }
        self.lines.push(line);
        Ok(())
    }

    /// Verifies the signatures of these keys, in the order of the lines; those of other keys are passed over, as
    /// signed-note demands. A key counts once, by its first line.
    ///
    /// # Errors
    ///
    /// [`VerifyError::Unsigned`] if none of the keys signed; [`VerifyError::Signature`] or [`VerifyError::Time`] if
    /// a line has name and id of one of them, and is not its signature: then the whole note is to be refused.
    pub fn verify<'k>(
        &self,
        keys: impl IntoIterator<Item = &'k VerifierKey>,
    ) -> Result<Vec<SignedBy<'k>>, VerifyError> {
        let keys: Vec<_> = keys.into_iter().collect();
        let mut signed: Vec<SignedBy<'k>> = Vec::new();
        for line in &self.lines {
            for key in keys.iter().filter(|key| key.is_named_by(line)) {
                let Signed::At(time) = key.verify(&self.text, line)? else {
                    continue;
                };
                if !signed.iter().any(|by| by.key == *key) {
                    signed.push(SignedBy { key, time });
                }
            }
        }
        match signed.is_empty() {
            true => Err(VerifyError::Unsigned),
            false => Ok(signed),
        }
    }

    /// Reads the text as a checkpoint, verified or not.
    ///
    /// # Errors
    ///
    /// [`ParseError`], as [`Checkpoint::parse`].
    pub fn checkpoint(&self) -> Result<Checkpoint, ParseError> {
        Checkpoint::parse(&self.text)
    }
}

/// Reads lines that are joined by line feeds.
pub(crate) fn signature_lines(lines: &str) -> Result<Vec<SignatureLine>, ParseError> {
    if lines.split('\n').nth(MAX_LINES).is_some() || lines.is_empty() {
        return Err(LINES);
    }
    lines.split('\n').map(str::parse).collect()
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.text)?;
        self.lines.iter().try_for_each(|line| writeln!(f, "{line}"))
    }
}

impl FromStr for Note {
    type Err = ParseError;

    fn from_str(note: &str) -> Result<Self, ParseError> {
        Self::parse(note.as_bytes())
    }
}

impl SignatureLine {
    pub(crate) fn of(key: &VerifierKey, signature: Vec<u8>) -> Self {
        Self {
            name: key.name().to_owned(),
            id: key.id(),
            signature,
        }
    }

    /// Returns the name of the key that this says it is of.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the id of the key that this says it is of.
    #[must_use]
    pub const fn id(&self) -> KeyId {
        self.id
    }

    /// Returns the bytes behind the id: of a cosignature eight of its time, then the signature.
    #[must_use]
    pub fn signature(&self) -> &[u8] {
        &self.signature
    }

    /// The bytes of the line, its line feed included.
    fn len(&self) -> usize {
        "— ".len() + self.name.len() + 1 + (4 + self.signature.len()).div_ceil(3) * 4 + 1
    }
}

impl fmt::Display for SignatureLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes = [&self.id.as_bytes()[..], &self.signature].concat();
        write!(f, "— {} {}", self.name, text::to_base64(&bytes))
    }
}

impl FromStr for SignatureLine {
    type Err = ParseError;

    fn from_str(line: &str) -> Result<Self, ParseError> {
        let line = line.strip_prefix("— ").filter(|line| line.len() < MAX_NOTE);
        let (name, bytes) = line.and_then(|line| line.split_once(' ')).ok_or(LINE)?;
        if !text::is_name(name) {
            return Err(ParseError::new(
                "name in a signature line",
                "1 to 255 bytes without spaces, plus and control characters",
            ));
        }
        let bytes = text::base64(bytes).ok_or(LINE)?;
        let (id, signature) = bytes.split_first_chunk().ok_or(LINE)?;
        if signature.is_empty() {
            return Err(LINE);
        }
        Ok(Self {
            name: name.to_owned(),
            id: KeyId::from_bytes(*id),
            signature: signature.to_vec(),
        })
    }
}
