//! OCRA (RFC 6287): a code for a question, and for whatever else the suite names.

use core::fmt;

use alloc::vec::Vec;
use zeroize::Zeroizing;

use super::compare::{Entry, Search};
use super::prepared::{CredentialName, Prepared};
use super::question::{self, QUESTION};
use super::totp::{self, Steps};
use super::{Error, Secret, Suite, hotp};
use crate::{Code, Finding, Timestamp};

/// A prepared OCRA key with its suite; wiped on drop.
///
/// ```
/// use otp_oath::{Inputs, Ocra, Reach, Secret, Suite};
///
/// let secret = Secret::new(b"12345678901234567890")?;
/// let ocra = Ocra::new(&secret, Suite::parse("OCRA-1:HOTP-SHA1-6:QN08")?);
/// let inputs = Inputs::new("11111111");
/// assert_eq!(ocra.generate(&inputs)?.as_str(), "243178");
/// assert!(ocra.verify("243178", &inputs, Reach::default())?.is_some());
///
/// // Both sides ask, and both answer: the other's question comes first.
/// let secret = Secret::new(b"12345678901234567890123456789012")?;
/// let ocra = Ocra::new(&secret, Suite::parse("OCRA-1:HOTP-SHA256-8:QA08")?);
/// assert_eq!(ocra.generate(&Inputs::mutual("CLI22220", "SRV11110"))?.as_str(), "28247970");
/// assert_eq!(ocra.generate(&Inputs::mutual("SRV11110", "CLI22220"))?.as_str(), "15510767");
/// # Ok::<(), otp_oath::Error>(())
/// ```
#[derive(Clone)]
pub struct Ocra {
    key: Prepared,
    name: CredentialName,
    suite: Suite,
}

/// What an OCRA code is computed from: exactly what the suite names.
#[derive(Clone, Copy)]
#[must_use]
pub struct Inputs<'a> {
    counter: Option<u64>,
    questions: [&'a str; 2],
    mutual: bool,
    pin: Option<Pin<'a>>,
    session: Option<&'a [u8]>,
    now: Option<Timestamp>,
}

/// What the user knows.
#[derive(Clone, Copy)]
#[expect(clippy::exhaustive_enums, reason = "a host has the one or the other")]
pub enum Pin<'a> {
    /// The PIN or password itself.
    Text(&'a str),
    /// Its digest by the suite's function, all that a host should keep. It is no safe way to store a PIN:
    /// four digits are found in no time.
    Digest(&'a [u8]),
}

impl fmt::Debug for Pin<'_> {
    /// Shows that there is one.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Pin(..)")
    }
}

impl<'a> Inputs<'a> {
    /// Takes one side's question.
    pub const fn new(question: &'a str) -> Self {
        Self {
            counter: None,
            questions: [question, ""],
            mutual: false,
            pin: None,
            session: None,
            now: None,
        }
    }

    /// Takes two sides' questions: that of the one who is to be convinced first. The client checks the
    /// server's answer to (client, server), the server the client's to (server, client).
    pub const fn mutual(first: &'a str, second: &'a str) -> Self {
        Self {
            questions: [first, second],
            mutual: true,
            ..Self::new("")
        }
    }

    /// Sets the counter.
    pub const fn counter(mut self, counter: u64) -> Self {
        self.counter = Some(counter);
        self
    }

    /// Sets the PIN.
    pub const fn pin(mut self, pin: Pin<'a>) -> Self {
        self.pin = Some(pin);
        self
    }

    /// Sets the session information; zero bytes fill it up from the front.
    pub const fn session(mut self, session: &'a [u8]) -> Self {
        self.session = Some(session);
        self
    }

    /// Sets the time.
    pub const fn now(mut self, now: Timestamp) -> Self {
        self.now = Some(now);
        self
    }
}

impl fmt::Debug for Inputs<'_> {
    /// Shows all but PIN and session.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inputs")
            .field("counter", &self.counter)
            .field("questions", &self.questions)
            .field("now", &self.now)
            .finish_non_exhaustive()
    }
}

/// How far a verification looks beyond its counter and time.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[expect(
    clippy::exhaustive_structs,
    reason = "a suite has no other moving input"
)]
pub struct Reach {
    /// So many counters more, where the suite has a counter.
    pub look_ahead: u8,
    /// So many time steps before and after, where the suite has a time.
    pub window: u8,
}

/// What matched.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Matched {
    /// The counter, where the suite has one.
    pub counter: Option<u64>,
    /// The time step, where the suite has one.
    pub step: Option<u64>,
}

impl Ocra {
    /// Prepares a key.
    #[must_use]
    pub fn new(secret: &Secret, suite: Suite) -> Self {
        let key = Prepared::new(suite.algorithm(), secret.as_bytes());
        let label = [b"otp-engine ocra v1 ", suite.as_str().as_bytes()].concat();
        Self {
            name: key.name(&label),
            key,
            suite,
        }
    }

    /// Returns the code of the inputs.
    ///
    /// # Errors
    ///
    /// [`Error::Input`] names what the suite asks for and is missing, what it does not ask for, and
    /// what does not fit.
    pub fn generate(&self, inputs: &Inputs<'_>) -> Result<Code, Error> {
        let mut message = self.message(inputs)?;
        if let Some((period, now)) = self.suite.step().zip(inputs.now) {
            let step = u64::try_from(totp::step(now, period)).map_err(|_| BEFORE_1970)?;
            message.set_step(step);
        }
        Ok(Code::decimal(
            self.key.truncated(&message.bytes).into(),
            self.suite.digits(),
        ))
    }

    /// Looks for an entered code from the counter on, and around the time, as far as `reach` says;
    /// returns the lowest counter and the latest step that match.
    ///
    /// All of them are computed, whichever matches. Text that is no code matches none.
    ///
    /// # Errors
    ///
    /// [`Error::Input`] as for [`generate`](Self::generate).
    pub fn verify(
        &self,
        entered: &(impl AsRef<[u8]> + ?Sized),
        inputs: &Inputs<'_>,
        reach: Reach,
    ) -> Result<Option<Matched>, Error> {
        let mut message = self.message(inputs)?;
        let Some(entry) = Entry::parse(entered.as_ref(), self.suite.digits()) else {
            return Ok(None);
        };
        let steps = self
            .suite
            .step()
            .zip(inputs.now)
            .map(|(period, now)| Steps::around(totp::step(now, period), reach.window.into()));
        Ok(self.find(entry, &mut message, inputs.counter, reach.look_ahead, steps))
    }

    /// Returns what the code is computed from.
    #[must_use]
    pub const fn suite(&self) -> &Suite {
        &self.suite
    }

    /// Returns what there is to say against so many digits: 9 and 10 promise more than 31 bits hold.
    pub fn findings(&self) -> impl Iterator<Item = Finding> + use<> {
        hotp::findings(self.suite.digits())
    }

    #[doc(hidden)]
    pub const fn name(&self) -> &CredentialName {
        &self.name
    }

    /// Compares with the codes of all counters and steps, as far as the message has them.
    #[doc(hidden)]
    pub fn find(
        &self,
        entry: Entry,
        message: &mut Message,
        counter: Option<u64>,
        look_ahead: u8,
        steps: Option<Steps>,
    ) -> Option<Matched> {
        let mut search = Search::new();
        let most = counter.map_or(0, |counter| hotp::ahead_at_most(counter, look_ahead.into()));
        // Downwards for counters, upwards for steps: the last one that matches counts.
        for ahead in (0..=most).rev() {
            if let Some(counter) = counter {
                message.set_counter(counter + u64::from(ahead));
            }
            let mut compare = |message: &Message, at: u32| {
                let code = hotp::reduce(self.key.truncated(&message.bytes), self.suite.digits());
                search.compare(entry, code, ahead << 16 | at);
            };
            let Some(steps) = steps else {
                compare(message, 0);
                continue;
            };
            for (at, step) in steps.each() {
                message.set_step(step);
                compare(message, at);
            }
        }
        let at = search.result()?;
        Some(Matched {
            counter: counter.map(|counter| counter + u64::from(at >> 16)),
            step: steps.map(|steps| steps.first + u64::from(at & 0xFFFF)),
        })
    }

    /// Writes what is hashed; the place of the time is left empty.
    #[doc(hidden)]
    pub fn message(&self, inputs: &Inputs<'_>) -> Result<Message, Error> {
        let suite = &self.suite;
        let (kind, longest) = (suite.question_kind(), suite.question_max_len());
        let text = suite.as_str().as_bytes();
        let pin_len = suite.pin().map_or(0, super::HashFunction::digest_len);
        let session_len = suite.session().map_or(0, usize::from);
        // Of the final length from the start: a vector that grows leaves copies behind.
        let whole = text.len() + 1 + 8 + QUESTION + pin_len + session_len + 8;
        let mut bytes = Zeroizing::new(Vec::with_capacity(whole));
        bytes.extend_from_slice(text);
        bytes.push(0);
        let counter_at = bytes.len();
        if let Some(counter) = required("counter", suite.counter(), inputs.counter)? {
            bytes.extend(counter.to_be_bytes());
        }
        let [first, second] = inputs.questions;
        let asked = if inputs.mutual {
            &[first, second][..]
        } else {
            &[first]
        };
        if asked
            .iter()
            .any(|text| !(1..=usize::from(longest)).contains(&text.len()))
        {
            return Err(unfit("question", "is empty, or longer than the suite says"));
        }
        let encoded = question::encode(kind, inputs.questions)
            .ok_or(unfit("question", "has a character of another kind"))?;
        bytes.extend(encoded);
        if let Some(pin) = required("pin", suite.pin().is_some(), inputs.pin)? {
            let start = bytes.len();
            bytes.resize(start + pin_len, 0);
            match (pin, suite.pin()) {
                (Pin::Text(text), Some(algorithm)) => {
                    algorithm.digest_into(text.as_bytes(), &mut bytes[start..]);
                }
                (Pin::Digest(digest), _) if digest.len() == pin_len => {
                    bytes[start..].copy_from_slice(digest);
                }
                _ => return Err(unfit("pin", "is no digest of the suite's function")),
            }
        }
        if let Some(session) = required("session", suite.session().is_some(), inputs.session)? {
            let padding = session_len
                .checked_sub(session.len())
                .ok_or(unfit("session", "is longer than the suite says"))?;
            let start = bytes.len();
            bytes.resize(start + padding, 0);
            bytes.extend_from_slice(session);
        }
        let step_at = bytes.len();
        if required("time", suite.step().is_some(), inputs.now)?.is_some() {
            bytes.extend([0; 8]);
        }
        Ok(Message {
            bytes,
            counter_at,
            step_at,
        })
    }
}

impl fmt::Debug for Ocra {
    /// Shows the suite, nothing of the key.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ocra")
            .field("suite", &self.suite)
            .finish_non_exhaustive()
    }
}

/// What is hashed, and where in it the moving inputs stand. It holds the PIN's digest.
#[expect(missing_debug_implementations, reason = "it holds the digest of a PIN")]
pub struct Message {
    bytes: Zeroizing<Vec<u8>>,
    counter_at: usize,
    step_at: usize,
}

impl Message {
    /// Sets the counter; the suite has one.
    fn set_counter(&mut self, counter: u64) {
        self.bytes[self.counter_at..][..8].copy_from_slice(&counter.to_be_bytes());
    }

    /// Sets the time step; the suite has one.
    fn set_step(&mut self, step: u64) {
        self.bytes[self.step_at..][..8].copy_from_slice(&step.to_be_bytes());
    }
}

/// Takes an input exactly where the suite asks for it.
fn required<T>(name: &'static str, is_asked: bool, given: Option<T>) -> Result<Option<T>, Error> {
    match (is_asked, &given) {
        (true, None) => Err(unfit(name, "is missing; the suite asks for it")),
        (false, Some(_)) => Err(unfit(name, "is given, and the suite does not ask for it")),
        _ => Ok(given),
    }
}

const fn unfit(name: &'static str, problem: &'static str) -> Error {
    Error::Input { name, problem }
}

const BEFORE_1970: Error = unfit("time", "lies before 1970, where there are no steps");
