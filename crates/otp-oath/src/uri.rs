//! `otpauth` URIs: what authenticator apps read from a QR code.

use core::fmt;

use alloc::borrow::ToOwned;
use alloc::string::String;
use alloc::vec::Vec;
use zeroize::Zeroizing;

use super::error::TOO_LONG;
use super::totp::period_in_bounds;
use super::{Error, HashFunction, Hotp, Secret, Totp, digits_in_bounds};

/// The longest URI in bytes that is read; the longest that [`Uri::to_text`] writes has fewer.
pub const MAX_URI: usize = 8192;

/// A credential as an `otpauth` URI has it. It holds the secret: show it once, to its user.
///
/// ```
/// use otp_oath::{Moving, Uri};
///
/// let uri = Uri::parse(
///     "otpauth://totp/ACME%20Bank:ann@example.com\
///      ?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=ACME%20Bank&digits=8",
/// )?;
/// assert_eq!(uri.issuer(), Some("ACME Bank"));
/// assert_eq!(uri.account(), "ann@example.com");
/// assert_eq!(uri.moving(), Moving::Time { period: 30 });
/// assert_eq!(Uri::parse(&uri.to_text())?, uri);
/// # Ok::<(), otp_oath::Error>(())
/// ```
#[derive(Clone)]
pub struct Uri {
    moving: Moving,
    issuer: Option<String>,
    account: String,
    secret: Secret,
    algorithm: HashFunction,
    digits: u8,
    image: Option<String>,
}

/// What moves from code to code.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "otpauth URIs have these two types")]
pub enum Moving {
    /// HOTP.
    Counter {
        /// That of the first code.
        first: u64,
    },
    /// TOTP.
    Time {
        /// The length of a step in seconds.
        period: u32,
    },
}

impl Uri {
    /// Makes the URI of a credential: SHA-1 and 6 digits, as every authenticator app can.
    ///
    /// # Errors
    ///
    /// [`Error::Uri`] for an empty account, for a colon or a control character in issuer or
    /// account, and for both longer than 256 bytes; [`Error::Period`]. An account may have a colon
    /// where there is an issuer: what stands before the first one is read as the issuer.
    pub fn new(
        moving: Moving,
        issuer: Option<&str>,
        account: &str,
        secret: Secret,
    ) -> Result<Self, Error> {
        for text in issuer.into_iter().chain([account]) {
            if text.trim().is_empty() {
                return Err(Error::Uri("has an empty issuer or account"));
            }
            if text.len() > MAX_NAME {
                return Err(Error::Uri(
                    "has an issuer or account of more than 256 bytes",
                ));
            }
            let is_account = core::ptr::eq(text, account);
            if text
                .contains(|c: char| c == ':' && !(is_account && issuer.is_some()) || c.is_control())
            {
                return Err(Error::Uri("has a colon or control character in a name"));
            }
            if text.trim() != text {
                return Err(Error::Uri("has an issuer or account with space around it"));
            }
        }
        if let Moving::Time { period } = moving {
            period_in_bounds(period)?;
        }
        Ok(Self {
            moving,
            issuer: issuer.map(ToOwned::to_owned),
            account: account.to_owned(),
            secret,
            algorithm: HashFunction::Sha1,
            digits: 6,
            image: None,
        })
    }

    /// Sets where apps find a picture of the issuer.
    ///
    /// # Errors
    ///
    /// [`Error::Uri`] for anything but an `https` URL of at most 512 bytes, without spaces.
    pub fn image(mut self, url: &str) -> Result<Self, Error> {
        let host = strip_prefix(url, "https://").filter(|rest| !rest.is_empty());
        let is_plain = url.bytes().all(|byte| byte.is_ascii_graphic());
        if host.is_none() || !is_plain || url.len() > MAX_IMAGE {
            return Err(Error::Uri(
                "has an image that is no https url of at most 512 bytes",
            ));
        }
        self.image = Some(url.to_owned());
        Ok(self)
    }

    /// Sets the hash function; many apps know SHA-1 alone, and some say nothing.
    #[must_use]
    pub fn algorithm(mut self, algorithm: HashFunction) -> Self {
        self.algorithm = algorithm;
        self
    }

    /// Sets the number of digits; many apps know 6 alone.
    ///
    /// # Errors
    ///
    /// [`Error::Digits`] outside of 6 to 10.
    pub fn digits(mut self, digits: u8) -> Result<Self, Error> {
        self.digits = digits_in_bounds(digits)?;
        Ok(self)
    }

    /// Reads a URI. Scheme, type and names of parameters may be in either case; parameters that are
    /// empty or not known are skipped, and so are a fragment and an image that is no `https` URL. One
    /// that comes twice, an issuer other than the label's, and an `encoder`, which makes other codes,
    /// are refused.
    ///
    /// In the label a colon may be written `%3A`; a plus is a plus, and in a parameter a space.
    ///
    /// # Errors
    ///
    /// [`Error::Uri`] and what else its parts can be wrong in; no part of the text is in it.
    pub fn parse(text: &str) -> Result<Self, Error> {
        Self::read(text, Secret::from_base32)
    }

    /// Reads a URI whose secret may be as short as those of [`Secret::legacy`]: for the import of
    /// devices that were enrolled elsewhere.
    ///
    /// # Errors
    ///
    /// As [`parse`](Self::parse), with the lower bound for the secret.
    pub fn parse_legacy(text: &str) -> Result<Self, Error> {
        Self::read(text, Secret::legacy_from_base32)
    }

    fn read(text: &str, decode_secret: fn(&str) -> Result<Secret, Error>) -> Result<Self, Error> {
        if text.len() > MAX_URI {
            return Err(Error::Uri(TOO_LONG));
        }
        let rest = strip_prefix(text, "otpauth://").ok_or(Error::Uri("is no otpauth uri"))?;
        let rest = rest.split_once('#').map_or(rest, |(rest, _)| rest);
        let (kind, rest) = rest.split_once('/').ok_or(Error::Uri("has no label"))?;
        let (label, query) = rest.split_once('?').ok_or(Error::Uri("has no secret"))?;
        let given = Parameters::read(query)?;
        if given.get("encoder").is_some() {
            return Err(Error::Uri(
                "has an encoder, which makes codes of another kind",
            ));
        }
        let moving = if kind.eq_ignore_ascii_case("totp") {
            Moving::Time {
                period: given.number("period")?.unwrap_or(30),
            }
        } else if kind.eq_ignore_ascii_case("hotp") {
            let first = given.number("counter")?;
            Moving::Counter {
                first: first.ok_or(Error::Uri("has no counter"))?,
            }
        } else {
            return Err(Error::Uri("has a type other than hotp and totp"));
        };
        let secret = given.get("secret").ok_or(Error::Uri("has no secret"))?;
        let algorithm = match given.get("algorithm") {
            None => HashFunction::Sha1,
            Some(name) => HashFunction::parse(name).ok_or(Error::Uri(
                "has an algorithm other than SHA1, SHA256 and SHA512",
            ))?,
        };
        if label.matches(':').nth(1).is_some() {
            return Err(Error::Uri(
                "has two colons in its label; that of an account is %3A",
            ));
        }
        // A colon as it is stands between issuer and account; else the first that is encoded does.
        let whole = decode(label, false)?;
        let parts = match label.split_once(':') {
            Some((issuer, account)) => Some((decode(issuer, false)?, decode(account, false)?)),
            None => None,
        };
        let (issuer, account) = match &parts {
            Some((issuer, account)) => (Some(issuer.as_str()), account.as_str()),
            None => match whole.split_once(':') {
                Some((issuer, account)) => (Some(issuer), account),
                None => (None, whole.as_str()),
            },
        };
        let (issuer, account) = (issuer.map(str::trim), account.trim());
        let issuer = match (issuer, given.get("issuer").map(|issuer| issuer.trim())) {
            // Some write a space as a plus in both; in a label it is none.
            (Some(one), Some(other)) if one != other && one.replace('+', " ") != other => {
                return Err(Error::Uri("names two issuers"));
            }
            (one, other) => other.or(one),
        };
        let uri = Self::new(moving, issuer, account, decode_secret(secret)?)?
            .algorithm(algorithm)
            .digits(given.number("digits")?.unwrap_or(6))?;
        Ok(match given.get("image").map(|url| uri.clone().image(url)) {
            Some(Ok(with_image)) => with_image,
            Some(Err(_)) | None => uri,
        })
    }

    /// Writes the URI, every parameter in it.
    #[must_use]
    pub fn to_text(&self) -> Zeroizing<String> {
        // Of the final capacity from the start: a text that grows leaves copies of the secret behind.
        let names = self.issuer.as_deref().unwrap_or_default().len() * 2 + self.account.len();
        let secret = self.secret.to_base32();
        let image = self.image.as_deref().unwrap_or_default();
        let room = 3 * (names + image.len()) + secret.len() + 160;
        let mut text = Zeroizing::new(String::with_capacity(room));
        let (kind, name, value) = match self.moving {
            Moving::Counter { first } => ("hotp", "counter", first),
            Moving::Time { period } => ("totp", "period", period.into()),
        };
        for part in ["otpauth://", kind, "/"] {
            text.push_str(part);
        }
        if let Some(issuer) = &self.issuer {
            encode(issuer, &mut text);
            text.push(':');
        }
        encode(&self.account, &mut text);
        for part in ["?secret=", &secret] {
            text.push_str(part);
        }
        if let Some(issuer) = &self.issuer {
            text.push_str("&issuer=");
            encode(issuer, &mut text);
        }
        for part in ["&algorithm=", self.algorithm.name(), "&digits="] {
            text.push_str(part);
        }
        push_number(&mut text, self.digits.into());
        for part in ["&", name, "="] {
            text.push_str(part);
        }
        push_number(&mut text, value);
        if !image.is_empty() {
            text.push_str("&image=");
            encode(image, &mut text);
        }
        text
    }

    /// Returns what moves from code to code.
    #[must_use]
    pub const fn moving(&self) -> Moving {
        self.moving
    }

    /// Returns who issued the credential.
    #[must_use]
    pub fn issuer(&self) -> Option<&str> {
        self.issuer.as_deref()
    }

    /// Returns whose credential it is.
    #[must_use]
    pub fn account(&self) -> &str {
        &self.account
    }

    /// Returns the secret.
    #[must_use]
    pub const fn secret(&self) -> &Secret {
        &self.secret
    }

    /// Returns the hash function.
    #[must_use]
    pub const fn hash(&self) -> HashFunction {
        self.algorithm
    }

    /// Returns how many digits a code has.
    #[must_use]
    pub const fn code_digits(&self) -> u8 {
        self.digits
    }

    /// Returns where a picture of the issuer is.
    #[must_use]
    pub fn image_url(&self) -> Option<&str> {
        self.image.as_deref()
    }

    /// Prepares the key, if it is one of HOTP.
    #[must_use]
    pub fn hotp(&self) -> Option<Hotp> {
        let Moving::Counter { first } = self.moving else {
            return None;
        };
        let hotp = Hotp::new(&self.secret, self.algorithm, self.digits).ok()?; // in bounds
        Some(hotp.starting_at(first))
    }

    /// Prepares the key, if it is one of TOTP.
    #[must_use]
    pub fn totp(&self) -> Option<Totp> {
        let Moving::Time { period } = self.moving else {
            return None;
        };
        Totp::new(&self.secret, self.algorithm, self.digits, period).ok() // in bounds
    }
}

impl PartialEq for Uri {
    /// Compares secrets in constant time.
    fn eq(&self, other: &Self) -> bool {
        let rest = |uri: &Self| (uri.moving, uri.algorithm, uri.digits);
        otp_base::reveal::equal(self.secret.as_bytes(), other.secret.as_bytes())
            && rest(self) == rest(other)
            && self.issuer == other.issuer
            && self.account == other.account
            && self.image == other.image
    }
}

impl Eq for Uri {}

impl fmt::Debug for Uri {
    /// Shows all but the secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Uri")
            .field("moving", &self.moving)
            .field("issuer", &self.issuer)
            .field("account", &self.account)
            .field("algorithm", &self.algorithm)
            .field("digits", &self.digits)
            .field("image", &self.image)
            .finish_non_exhaustive()
    }
}

/// The parameters that are known, each once.
struct Parameters([Option<Zeroizing<String>>; NAMES.len()]);

const NAMES: [&str; 8] = [
    "encoder",
    "image",
    "secret",
    "issuer",
    "algorithm",
    "digits",
    "counter",
    "period",
];

impl Parameters {
    fn read(query: &str) -> Result<Self, Error> {
        let mut given = Self([const { None }; NAMES.len()]);
        for part in query.split('&') {
            let (name, value) = part.split_once('=').unwrap_or((part, ""));
            if name.starts_with("amp;") {
                return Err(Error::Uri(
                    "has &amp; where & is meant: it is escaped as HTML",
                ));
            }
            // A name that is encoded is the same name: one that was passed over would change the codes.
            let name = decode(name, true)?;
            let known = NAMES
                .iter()
                .position(|known| known.eq_ignore_ascii_case(&name));
            let Some(place) = known.and_then(|at| given.0.get_mut(at)) else {
                continue;
            };
            if place.replace(decode(value, true)?).is_some() {
                return Err(Error::Uri("has a parameter twice"));
            }
        }
        Ok(given)
    }

    /// Returns a parameter; one that is empty is as none.
    fn get(&self, name: &str) -> Option<&str> {
        let at = NAMES.iter().position(|known| *known == name)?;
        let value = self.0[at].as_ref().map(|value| value.as_str());
        value.filter(|value| !value.is_empty())
    }

    /// Reads a parameter that is a number, without a sign.
    fn number<T: core::str::FromStr>(&self, name: &str) -> Result<Option<T>, Error> {
        let number = |text: &str| text.parse().ok().filter(|_| !text.starts_with('+'));
        self.get(name)
            .map(|text| number(text).ok_or(Error::Uri("has a number that is none, or too large")))
            .transpose()
    }
}

fn strip_prefix<'a>(text: &'a str, prefix: &str) -> Option<&'a str> {
    let (front, rest) = text.split_at_checked(prefix.len())?;
    front.eq_ignore_ascii_case(prefix).then_some(rest)
}

/// Decodes `%41` and the like, and in a query `+` as a space.
fn decode(text: &str, in_query: bool) -> Result<Zeroizing<String>, Error> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'%' => {
                let mut digit = || char::from(rest.next()?).to_digit(16);
                let (high, low) = digit()
                    .zip(digit())
                    .ok_or(Error::Uri("has a % without two hexadecimal digits"))?;
                ((high << 4 | low) & 0xFF) as u8
            }
            b'+' if in_query => b' ',
            other => other,
        });
    }
    match String::from_utf8(bytes) {
        Ok(text) => Ok(Zeroizing::new(text)),
        Err(error) => {
            drop(Zeroizing::new(error.into_bytes()));
            Err(Error::Uri("is not UTF-8"))
        }
    }
}

/// Encodes what is not unreserved (RFC 3986, section 2.3).
fn encode(text: &str, out: &mut String) {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push('%');
            out.push(char::from(HEX[usize::from(byte >> 4)]));
            out.push(char::from(HEX[usize::from(byte & 0xF)]));
        }
    }
}

fn push_number(out: &mut String, number: u64) {
    let _ = fmt::Write::write_fmt(out, format_args!("{number}")); // a String takes everything
}

/// The longest issuer or account in bytes.
const MAX_NAME: usize = 256;

/// The longest image URL in bytes.
const MAX_IMAGE: usize = 512;
