//! The name of an OCRA computation (RFC 6287, section 6): which function over which inputs.

use core::fmt;

use alloc::borrow::ToOwned;
use alloc::string::String;

use super::{Error, HashFunction, MAX_DIGITS, MIN_DIGITS};

/// An OCRA suite, such as `OCRA-1:HOTP-SHA256-8:C-QH16-PSHA1`.
///
/// All of RFC 6287 is supported but codes of fewer than six digits, and the whole MAC in their
/// place. A step is 1 to 59 seconds, 1 to 59 minutes or 1 to 48 hours (erratum 3729: never 0).
///
/// ```
/// use otp_oath::{QuestionKind, Suite};
///
/// let suite = Suite::parse("OCRA-1:HOTP-SHA256-8:QH16-T1M")?;
/// assert_eq!(suite.question_kind(), QuestionKind::Hexadecimal);
/// assert_eq!(suite.question_max_len(), 16);
/// assert!(Suite::parse("OCRA-1:HOTP-SHA256-4:QH16").is_err());
/// # Ok::<(), otp_oath::Error>(())
/// ```
#[derive(Clone, Eq, PartialEq)]
pub struct Suite {
    text: String,
    algorithm: HashFunction,
    digits: u8,
    counter: bool,
    question: (QuestionKind, u8),
    pin: Option<HashFunction>,
    session: Option<u16>,
    step: Option<u32>,
}

/// What a question is made of.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "RFC 6287 names these three")]
pub enum QuestionKind {
    /// ASCII letters and digits (`QA`).
    Alphanumeric,
    /// Decimal digits (`QN`).
    Numeric,
    /// Hexadecimal digits in either case (`QH`).
    Hexadecimal,
}

impl Suite {
    /// Reads a suite, in upper case as RFC 6287 writes it: the text itself enters every code.
    ///
    /// # Errors
    ///
    /// [`Error::Suite`] says what is missing, malformed or not supported.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let mut parts = text.split(':');
        let (version, function, inputs) = (parts.next(), parts.next(), parts.next());
        if version != Some("OCRA-1") || parts.next().is_some() {
            return Err(Error::Suite("must be OCRA-1 and two parts behind colons"));
        }
        let (algorithm, digits) = function.and_then(crypto_function).ok_or(CRYPTO)?;
        let mut suite = Self {
            text: text.to_owned(),
            algorithm,
            digits,
            counter: false,
            question: (QuestionKind::Numeric, 0),
            pin: None,
            session: None,
            step: None,
        };
        suite.read_inputs(inputs.ok_or(INPUTS)?).ok_or(INPUTS)?;
        Ok(suite)
    }

    /// Reads what is hashed; each input at most once, in this order: `C`, `Q`, `P`, `S`, `T`.
    fn read_inputs(&mut self, inputs: &str) -> Option<()> {
        let mut parts = inputs.split('-').peekable();
        self.counter = parts.next_if_eq(&"C").is_some();
        let question = parts.next()?.strip_prefix('Q')?;
        let kind = match question.as_bytes().first()? {
            b'A' => QuestionKind::Alphanumeric,
            b'N' => QuestionKind::Numeric,
            b'H' => QuestionKind::Hexadecimal,
            _ => return None,
        };
        let length = number(&question[1..], 2).filter(|length| (4..=64).contains(length))?;
        self.question = (kind, u8::try_from(length).ok()?);
        if let Some(pin) = parts.next_if(|part| part.starts_with('P')) {
            self.pin = Some(hash_function(&pin[1..])?);
        }
        if let Some(session) = parts.next_if(|part| part.starts_with('S')) {
            let length = number(&session[1..], 3).filter(|length| (1..=512).contains(length))?;
            self.session = Some(length);
        }
        if let Some(time) = parts.next_if(|part| part.starts_with('T')) {
            self.step = Some(seconds(&time[1..])?);
        }
        parts.next().is_none().then_some(())
    }

    /// Returns the text of the suite.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Returns how many digits a code has.
    #[must_use]
    pub const fn digits(&self) -> u8 {
        self.digits
    }

    /// Says whether a counter enters the code.
    #[must_use]
    pub const fn counter(&self) -> bool {
        self.counter
    }

    /// Returns what a question is made of.
    #[must_use]
    pub const fn question_kind(&self) -> QuestionKind {
        self.question.0
    }

    /// Returns how many characters one side's question has at most, 4 to 64.
    #[must_use]
    pub const fn question_max_len(&self) -> u8 {
        self.question.1
    }

    /// Returns the function that hashes the PIN, where one enters the code.
    #[must_use]
    pub const fn pin(&self) -> Option<HashFunction> {
        self.pin
    }

    /// Returns how many bytes of session information enter the code, if any.
    #[must_use]
    pub const fn session(&self) -> Option<u16> {
        self.session
    }

    /// Returns the length of a time step in seconds, where the time enters the code.
    #[must_use]
    pub const fn step(&self) -> Option<u32> {
        self.step
    }

    pub(crate) const fn algorithm(&self) -> HashFunction {
        self.algorithm
    }
}

impl fmt::Debug for Suite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Suite").field(&self.text).finish()
    }
}

/// Reads `HOTP-SHA1-6` and the like.
fn crypto_function(text: &str) -> Option<(HashFunction, u8)> {
    let (hash, digits) = text.strip_prefix("HOTP-")?.split_once('-')?;
    let digits = digits.parse().ok().filter(|_| is_plain_number(digits))?;
    let algorithm = hash_function(hash)?;
    (MIN_DIGITS..=MAX_DIGITS)
        .contains(&digits)
        .then_some((algorithm, digits))
}

/// Reads the name of a hash function, in upper case alone.
fn hash_function(name: &str) -> Option<HashFunction> {
    HashFunction::parse(name).filter(|algorithm| algorithm.name() == name)
}

/// Reads exactly `digits` decimal digits, leading zeros among them.
fn number(text: &str, digits: usize) -> Option<u16> {
    let plain = text.len() == digits && text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|_| plain)
}

/// Reads `30S`, `1M` or `48H`.
fn seconds(text: &str) -> Option<u32> {
    let unit = text.as_bytes().last()?;
    let (most, each) = match unit {
        b'S' => (59, 1),
        b'M' => (59, 60),
        b'H' => (48, 3600),
        _ => return None,
    };
    let count = &text[..text.len() - 1];
    let count: u32 = count.parse().ok().filter(|_| is_plain_number(count))?;
    // Not before it is known to be small: this text is anybody's.
    (1..=most).contains(&count).then(|| count * each)
}

/// Says whether a text is a number without sign and leading zero.
fn is_plain_number(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit()) && !text.starts_with('0')
}

const CRYPTO: Error =
    Error::Suite("must compute HOTP with SHA1, SHA256 or SHA512 and 6 to 10 digits");
const INPUTS: Error =
    Error::Suite("must take inputs [C-]Qxnn[-Phash][-Snnn][-Tn] within their bounds");
