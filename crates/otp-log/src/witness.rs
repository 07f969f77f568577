//! Asking a witness for its cosignature (C2SP tlog-witness): the body of `add-checkpoint`, and what its answer says.
//!
//! Whoever has a network sends the body to `PREFIX/add-checkpoint` by POST, and hands in what came back.

use alloc::vec::Vec;
use core::fmt;
use core::str::FromStr;
use core::time::Duration;

use otp_base::Timestamp;

use crate::error::{ParseError, VerifyError};
use crate::key::{Signed, VerifierKey};
use crate::note::{self, MAX_NOTE, Note, SignatureLine};
use crate::proof::split_lines;
use crate::text;
use crate::tree::Hash;

/// The longest request, in bytes: 63 lines of proof and one of the old size before the note.
const MAX_LEN: usize = MAX_NOTE + 63 * 45 + 32;

/// How far ahead of the clock a witness's time may be.
const SKEW: Duration = Duration::from_secs(60);

/// The body of `add-checkpoint`: a checkpoint, and the proof that it extends the one that the witness saw last.
///
/// `Display` writes the body, `FromStr` reads it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct AddCheckpoint {
    old: u64,
    proof: Vec<Hash>,
    note: Note,
}

impl AddCheckpoint {
    /// Joins the size that the witness saw last (0 if none), the consistency proof from there, and the checkpoint.
    ///
    /// # Errors
    ///
    /// [`ParseError`] for a note that is no checkpoint, an old size above the checkpoint's, more than 63 hashes, and a
    /// proof where there must be none: from size 0, or from the checkpoint's own.
    pub fn new(old: u64, proof: Vec<Hash>, note: Note) -> Result<Self, ParseError> {
        let size = note.checkpoint()?.head().size();
        if old > size {
            return Err(ParseError::new("old size", "at most the checkpoint's"));
        }
        if proof.len() > text::MAX_PROOF {
            return Err(ParseError::new("proof", "at most 63 lines"));
        }
        if (old == 0 || old == size) && !proof.is_empty() {
            return Err(ParseError::new(
                "proof",
                "no lines from size 0, or from the checkpoint's own",
            ));
        }
        Ok(Self { old, proof, note })
    }

    /// Returns the size from which the proof leads.
    #[must_use]
    pub const fn old_size(&self) -> u64 {
        self.old
    }

    /// Returns the consistency proof.
    #[must_use]
    pub fn proof(&self) -> &[Hash] {
        &self.proof
    }

    /// Returns the checkpoint with the log's signature.
    #[must_use]
    pub const fn note(&self) -> &Note {
        &self.note
    }

    /// Judges what the witness answered to this request: HTTP status, `Content-Type` (`""` if there is none) and body.
    ///
    /// Of a 200, each line of one of these keys must be its cosignature of this very checkpoint, with a time that is
    /// at most 60 s ahead of `now`; lines of other keys are passed over. A 409 names the size that the witness has.
    ///
    /// # Errors
    ///
    /// [`AnswerError`]; nothing is to be changed then.
    ///
    /// ```
    /// use otp_log::{AddCheckpoint, CosignerKey, LogKey, Timestamp, TreeHead, WitnessAnswer};
    ///
    /// let log = LogKey::from_seed("log.example/otp/acme", &[7; 32])?;
    /// let request = AddCheckpoint::new(0, Vec::new(), log.sign(TreeHead::EMPTY))?;
    ///
    /// // The witness, elsewhere, by the body of the request.
    /// let now = Timestamp::from_unix(1_790_000_000);
    /// let witness = CosignerKey::from_seed("witness.example/w1", &[8; 32])?;
    /// let seen: AddCheckpoint = request.to_string().parse()?;
    /// let body = format!("{}\n", witness.cosign(&seen.note().checkpoint()?, now)?);
    ///
    /// let keys = [witness.verifier_key()];
    /// let answer = request.judge(&keys, now, 200, "text/plain", body.as_bytes())?;
    /// assert!(matches!(answer, WitnessAnswer::Cosigned(lines) if lines[0].time() == now));
    /// # Ok::<(), Box<dyn core::error::Error>>(())
    /// ```
    pub fn judge(
        &self,
        keys: &[VerifierKey],
        now: Timestamp,
        status: u16,
        content_type: &str,
        body: &[u8],
    ) -> Result<WitnessAnswer, AnswerError> {
        match status {
            200 => self
                .cosignatures(keys, now, body)
                .map(WitnessAnswer::Cosigned),
            409 if is_size(content_type) => {
                let size = core::str::from_utf8(body).ok();
                let size = size.filter(|body| body.len() <= 20);
                let size = size.and_then(|body| body.strip_suffix('\n'));
                let size = text::decimal(size.unwrap_or_default(), "size in the answer")?;
                let newest = self.note.checkpoint()?.head().size();
                match size <= newest {
                    true => Ok(WitnessAnswer::Conflict { size }),
                    false => Err(AnswerError::Behind { size }),
                }
            }
            status => Err(AnswerError::Refused { status }),
        }
    }

    fn cosignatures(
        &self,
        keys: &[VerifierKey],
        now: Timestamp,
        body: &[u8],
    ) -> Result<Vec<Cosignature>, AnswerError> {
        if body.len() > MAX_NOTE {
            return Err(ParseError::new("answer", "at most 65,536 bytes").into());
        }
        let lines = core::str::from_utf8(body).ok();
        let lines = lines.and_then(|lines| lines.strip_suffix('\n'));
        let lines = lines.ok_or(ParseError::new(
            "answer",
            "signature lines that each end with a line feed",
        ))?;
        let mut found: Vec<Cosignature> = Vec::new();
        for line in note::signature_lines(lines)? {
            for key in keys.iter().filter(|key| key.is_named_by(&line)) {
                let time = match key.verify(self.note.text(), &line)? {
                    Signed::At(Some(time)) => time,
                    Signed::At(None) | Signed::Unknown => continue,
                };
                if time > now.saturating_add(SKEW) {
                    return Err(VerifyError::Early(key.id()).into());
                }
                let same = |one: &Cosignature| key.is_named_by(&one.line);
                if !found.iter().any(same) {
                    let line = line.clone();
                    found.push(Cosignature { line, time });
                }
            }
        }
        match found.is_empty() {
            true => Err(VerifyError::Unsigned.into()),
            false => Ok(found),
        }
    }
}

/// Tells whether a `Content-Type` is that of a size, whatever parameters it has.
fn is_size(content_type: &str) -> bool {
    let media_type = content_type.split(';').next().unwrap_or_default().trim();
    media_type.eq_ignore_ascii_case("text/x.tlog.size")
}

impl FromStr for AddCheckpoint {
    type Err = ParseError;

    /// Reads the body, as a witness does.
    ///
    /// # Errors
    ///
    /// [`ParseError`] for more than about 67 KiB, another form, and what [`new`](Self::new) refuses.
    fn from_str(body: &str) -> Result<Self, ParseError> {
        if body.len() > MAX_LEN {
            return Err(ParseError::new("request", "at most 68,403 bytes"));
        }
        let (old, rest) = body.split_once('\n').unwrap_or_default();
        let old = old
            .strip_prefix("old ")
            .ok_or(ParseError::new("first line", "old and the size in decimal"))?;
        let (proof, note) = split_lines(rest)?;
        Self::new(
            text::decimal(old, "old size")?,
            text::proof(proof)?,
            note.parse()?,
        )
    }
}

impl fmt::Display for AddCheckpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "old {}", self.old)?;
        text::write_proof(&self.proof, f)?;
        write!(f, "\n{}", self.note)
    }
}

/// A verified cosignature: the line to keep with the checkpoint, and when the witness signed.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Cosignature {
    line: SignatureLine,
    time: Timestamp,
}

impl Cosignature {
    /// Returns the line, for [`Note::push`].
    #[must_use]
    pub const fn line(&self) -> &SignatureLine {
        &self.line
    }

    /// Returns when the witness signed, by its clock.
    #[must_use]
    pub const fn time(&self) -> Timestamp {
        self.time
    }
}

/// What a witness answered.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum WitnessAnswer {
    /// It cosigned: one verified line for each of its known keys, at least one.
    Cosigned(Vec<Cosignature>),
    /// It has seen another size than the request's old one, and no larger one than the checkpoint's: ask again, once,
    /// with a proof from this size.
    Conflict {
        /// The size of the last checkpoint that it cosigned.
        size: u64,
    },
}

/// The reason why an answer gives no cosignature.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum AnswerError {
    /// Another status than 200, or 409 with a size. Of 400 (syntax), 403 (signature), 404 (unknown origin) and 422
    /// (proof or root) asking again is of no use. A 409 without a size is what version 1.0.0 said of an equal size
    /// with another root, where newer ones say 422: the log was forked, or the witness was lied to.
    Refused {
        /// The status.
        status: u16,
    },
    /// The witness has cosigned a larger tree than this log's newest: the log was restored from a backup, or somebody
    /// else signs with its key. **Sign nothing more**; the log needs a new origin.
    Behind {
        /// The size that the witness says it has seen.
        size: u64,
    },
    /// The answer is not in the form of tlog-witness.
    Parse(ParseError),
    /// No line, or not each line of a known key, is a cosignature of this checkpoint.
    Verify(VerifyError),
}

impl fmt::Display for AnswerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused { status } => write!(f, "witness answered with status {status}"),
            Self::Behind { size } => write!(
                f,
                "witness has cosigned size {size}, which this log has not reached: it was restored or forked"
            ),
            Self::Parse(error) => write!(f, "answer of the witness: {error}"),
            Self::Verify(error) => write!(f, "answer of the witness: {error}"),
        }
    }
}

impl core::error::Error for AnswerError {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::Parse(error) => Some(error),
            Self::Verify(error) => Some(error),
            Self::Refused { .. } | Self::Behind { .. } => None,
        }
    }
}

impl From<ParseError> for AnswerError {
    fn from(error: ParseError) -> Self {
        Self::Parse(error)
    }
}

impl From<VerifyError> for AnswerError {
    fn from(error: VerifyError) -> Self {
        Self::Verify(error)
    }
}
