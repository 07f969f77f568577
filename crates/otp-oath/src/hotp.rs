//! HOTP (RFC 4226): a code for each count of a counter.

use core::fmt;

use super::compare::{Entry, Search};
use super::prepared::{CredentialName, Prepared};
use super::{Error, HashFunction, Secret, digits_in_bounds};
use crate::{Code, Finding};

/// A prepared HOTP key; wiped on drop.
///
/// ```
/// use otp_oath::{HashFunction, Hotp, Secret};
///
/// let hotp = Hotp::new(&Secret::new(b"12345678901234567890")?, HashFunction::Sha1, 6)?;
/// assert_eq!(hotp.at(0).as_str(), "755224");
/// // The device is two codes ahead: the counter that matched is 2, the next one expected is 3.
/// assert_eq!(hotp.verify("359152", 0, 10), Some(2));
/// assert_eq!(hotp.verify("359152", 3, 10), None);
/// # Ok::<(), otp_oath::Error>(())
/// ```
#[derive(Clone)]
pub struct Hotp {
    key: Prepared,
    name: CredentialName,
    digits: u8,
    first: u64,
}

impl Hotp {
    /// Prepares a key.
    ///
    /// # Errors
    ///
    /// [`Error::Digits`] outside of 6 to 10; see [`findings`](Self::findings) for 9 and 10.
    pub fn new(secret: &Secret, algorithm: HashFunction, digits: u8) -> Result<Self, Error> {
        let key = Prepared::new(algorithm, secret.as_bytes());
        Ok(Self {
            name: key.name(b"otp-engine hotp v1"),
            key,
            digits: digits_in_bounds(digits)?,
            first: 0,
        })
    }

    /// Sets the counter of the device's first code, where it is not 0: what an engine expects of a
    /// credential that it never saw.
    #[must_use]
    pub const fn starting_at(mut self, counter: u64) -> Self {
        self.first = counter;
        self
    }

    /// Returns the code of a counter.
    #[must_use]
    #[inline]
    pub fn at(&self, counter: u64) -> Code {
        Code::decimal(self.truncated(counter).into(), self.digits)
    }

    /// Looks for an entered code from `counter` on, over `look_ahead` counters more; returns the lowest
    /// one that matches. The next code to accept is the one after.
    ///
    /// All of them are computed, whichever matches. Each makes a guess as much likelier to be
    /// right: RFC 4226, section 7.4, asks for a small window. Text that is no code matches none.
    #[must_use]
    pub fn verify(
        &self,
        entered: &(impl AsRef<[u8]> + ?Sized),
        counter: u64,
        look_ahead: u8,
    ) -> Option<u64> {
        let entry = Entry::parse(entered.as_ref(), self.digits)?;
        self.find(entry, counter, look_ahead)
    }

    /// Looks for two codes in a row from `counter` on, the first of them over `look_ahead` counters
    /// more: for a device that was played with (RFC 4226, section 7.4). Returns the counter of the
    /// second.
    #[must_use]
    pub fn resynchronise(
        &self,
        first: &(impl AsRef<[u8]> + ?Sized),
        second: &(impl AsRef<[u8]> + ?Sized),
        counter: u64,
        look_ahead: u16,
    ) -> Option<u64> {
        let entry = |entered: &[u8]| Entry::parse(entered, self.digits);
        let pair = [entry(first.as_ref())?, entry(second.as_ref())?];
        self.find_pair(pair, counter, look_ahead)
    }

    /// Returns what there is to say against so many digits: 9 and 10 promise more than 31 bits hold.
    pub fn findings(&self) -> impl Iterator<Item = Finding> + use<> {
        findings(self.digits)
    }

    /// Returns how many digits a code has.
    #[must_use]
    pub const fn digits(&self) -> u8 {
        self.digits
    }

    #[doc(hidden)]
    pub const fn first(&self) -> u64 {
        self.first
    }

    /// Returns the hash function.
    #[must_use]
    pub const fn algorithm(&self) -> HashFunction {
        self.key.algorithm()
    }

    #[doc(hidden)]
    pub const fn name(&self) -> &CredentialName {
        &self.name
    }

    #[inline]
    fn truncated(&self, counter: u64) -> u32 {
        self.key.truncated(&counter.to_be_bytes())
    }

    /// Returns the code of a counter as a number.
    #[inline]
    pub(crate) fn value(&self, counter: u64) -> u64 {
        reduce(self.truncated(counter), self.digits)
    }

    #[doc(hidden)]
    pub fn find(&self, entry: Entry, counter: u64, look_ahead: u8) -> Option<u64> {
        let mut search = Search::new();
        // Downwards: the lowest one that matches counts.
        for ahead in (0..=ahead_at_most(counter, look_ahead.into())).rev() {
            search.compare(entry, self.value(counter + u64::from(ahead)), ahead);
        }
        search.result().map(|ahead| counter + u64::from(ahead))
    }

    #[doc(hidden)]
    pub fn find_pair(&self, pair: [Entry; 2], counter: u64, look_ahead: u16) -> Option<u64> {
        let seconds = counter.checked_add(1)?;
        let mut search = Search::new();
        let most = ahead_at_most(seconds, look_ahead.into());
        let mut later = self.value(seconds + u64::from(most));
        for ahead in (0..=most).rev() {
            let earlier = self.value(counter + u64::from(ahead));
            search.compare_pair(pair, [earlier, later], ahead);
            later = earlier;
        }
        search.result().map(|ahead| seconds + u64::from(ahead))
    }
}

impl fmt::Debug for Hotp {
    /// Shows the kind of code, nothing of the key.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hotp")
            .field("algorithm", &self.key.algorithm())
            .field("digits", &self.digits)
            .finish_non_exhaustive()
    }
}

/// Returns how far a window goes that ends at the last counter at the latest.
pub(crate) fn ahead_at_most(counter: u64, look_ahead: u32) -> u32 {
    u32::try_from(u64::MAX - counter).map_or(look_ahead, |left| look_ahead.min(left))
}

/// Returns the last digits of a truncated MAC, as RFC 4226 has it: biased, and not by our choice.
///
/// Each divisor is a constant: the time of a division by a variable depends on the secret.
#[inline]
pub(crate) const fn reduce(truncated: u32, digits: u8) -> u64 {
    (match digits {
        6 => truncated % 1_000_000,
        7 => truncated % 10_000_000,
        8 => truncated % 100_000_000,
        9 => truncated % 1_000_000_000,
        _ => truncated,
    }) as u64
}

/// Returns what there is to say against so many digits.
pub fn findings(digits: u8) -> impl Iterator<Item = Finding> + use<> {
    let text = match digits {
        9 => Some(NINE_DIGITS),
        10 => Some(TEN_DIGITS),
        _ => None,
    };
    text.map(|text| Finding::new("RFC 4226", "5.3", text))
        .into_iter()
}

const NINE_DIGITS: &str = "codes have 6 to 8 digits; of nine, cut from 31 bits, those below 147483648 \
                           come up half as often again as the rest";
const TEN_DIGITS: &str = "codes have 6 to 8 digits; of ten, cut from 31 bits, four fifths never come up, \
                          and the first is 0, 1 or 2";
