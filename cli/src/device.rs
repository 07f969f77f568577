//! What `totp` and `hotp` have in common: the secret, what a code is made of, how codes are told.

use std::path::PathBuf;

use clap::{Args, ValueEnum, value_parser};
use otp_oath::{Code, Error, HashFunction, Secret};
use serde_json::json;
use zeroize::Zeroizing;

use crate::answer::{Answer, Failure};
use crate::input;

/// Where a secret is, and how it is written.
#[derive(Args)]
pub(crate) struct SecretSource {
    /// File with the secret [default: standard input]
    #[arg(
        long,
        short,
        value_name = "FILE",
        default_value = "-",
        hide_default_value = true
    )]
    secret: PathBuf,

    /// The secret is in hexadecimal digits, not base32
    #[arg(long)]
    hex: bool,
}

impl SecretSource {
    /// Reads the secret, of at least 80 bits: devices that were enrolled long ago have no more.
    pub(crate) fn read(&self) -> Result<Secret, Failure> {
        let form = if self.hex { "hexadecimal" } else { "base32" };
        let text = input::secret(&self.secret, &format!("secret in {form}"))?;
        let secret = if self.hex {
            let bytes = unhex(&text).ok_or_else(|| {
                Failure::new(
                    "the secret must be pairs of hexadecimal digits; without --hex it is base32",
                )
            })?;
            Secret::legacy(&bytes)
        } else {
            Secret::legacy_from_base32(&text)
        };
        secret.map_err(|error| match error {
            Error::Base32(_) => Failure::new(format!("{error}; hexadecimal digits need --hex")),
            error => Failure::new(error.to_string()),
        })
    }
}

/// The hash functions of OATH.
#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum Algorithm {
    Sha1,
    Sha256,
    Sha512,
}

impl From<Algorithm> for HashFunction {
    fn from(algorithm: Algorithm) -> Self {
        match algorithm {
            Algorithm::Sha1 => Self::Sha1,
            Algorithm::Sha256 => Self::Sha256,
            Algorithm::Sha512 => Self::Sha512,
        }
    }
}

/// What a code is made of.
#[derive(Args)]
pub(crate) struct Device {
    #[command(flatten)]
    secret: SecretSource,

    /// Hash function: sha1, sha256 or sha512
    #[arg(
        long,
        short,
        value_name = "NAME",
        value_enum,
        default_value = "sha1",
        hide_possible_values = true
    )]
    algorithm: Algorithm,

    /// Digits of a code, 6 to 10
    #[arg(long, short, value_name = "N", default_value_t = 6, value_parser = value_parser!(u8).range(6..=10))]
    pub(crate) digits: u8,

    /// More codes to print or compare, 0 to 255
    #[arg(long, short, value_name = "N", default_value_t = 0)]
    pub(crate) window: u8,

    /// Answer in JSON
    #[arg(long)]
    json: bool,

    /// Code to check; - is a line of standard input, after the secret's
    #[arg(value_parser = entered)]
    code: Option<String>,
}

impl Device {
    pub(crate) fn secret(&self) -> Result<Secret, Failure> {
        self.secret.read()
    }

    pub(crate) fn algorithm(&self) -> HashFunction {
        self.algorithm.into()
    }

    /// Returns the code that is to be checked; read the secret before.
    pub(crate) fn entered(&self) -> Result<Option<Zeroizing<String>>, Failure> {
        read_entered(self.code.as_deref())
    }

    /// Tells codes, a line each; `moving` is what moves from one to the next.
    pub(crate) fn tell(&self, moving: &str, first: u64, codes: &[Code]) -> Answer {
        let codes: Vec<_> = codes.iter().map(Code::as_str).collect();
        Answer::yes(if self.json {
            format!("{}\n", json!({ moving: first, "codes": codes }))
        } else {
            codes.join("\n") + "\n"
        })
    }

    /// Tells whether the code is valid: by how much it is ahead of `expected`, as oathtool does.
    pub(crate) fn judge(&self, moving: &str, expected: u64, matched: Option<u64>) -> Answer {
        // Within the window: a difference of 255 at most.
        let ahead = matched.map(|matched| matched.wrapping_sub(expected).cast_signed());
        match ahead {
            _ if self.json => {
                let told = json!({"valid": ahead.is_some(), moving: matched, "ahead": ahead});
                Answer::of(format!("{told}\n"), ahead.is_some())
            }
            Some(ahead) => Answer::yes(format!("{ahead}\n")),
            None => Answer::no(format!(
                "not valid: no code within {} of {moving} {expected}\n",
                self.window
            )),
        }
    }
}

/// Reads a code from the argument, or from the next line where that is a dash.
pub(crate) fn read_entered(code: Option<&str>) -> Result<Option<Zeroizing<String>>, Failure> {
    match code {
        Some("-") => input::line("code").map(Some),
        code => Ok(code.map(|code| Zeroizing::new(code.into()))),
    }
}

/// Takes what may be a code. A secret is none: on the command line every user of the machine sees it.
pub(crate) fn entered(text: &str) -> Result<String, String> {
    if text.chars().any(char::is_alphabetic) || text.chars().count() > 20 {
        return Err("a code is digits; a secret is never an argument: give it by --secret FILE or standard input".into());
    }
    Ok(text.into())
}

/// Reads hexadecimal digits in either case, with white space between them.
pub(crate) fn unhex(text: &str) -> Option<Zeroizing<Vec<u8>>> {
    let digits = text.chars().filter(|c| !c.is_ascii_whitespace());
    let digits = digits.map(|c| c.to_digit(16).and_then(|digit| u8::try_from(digit).ok()));
    let digits: Zeroizing<Vec<u8>> = Zeroizing::new(digits.collect::<Option<_>>()?);
    let pairs = digits.chunks(2).map(|pair| match pair {
        [high, low] => Some(high << 4 | low),
        _ => None,
    });
    pairs.collect::<Option<Vec<u8>>>().map(Zeroizing::new)
}
