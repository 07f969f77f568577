//! The files of keys, as service, addon and this command read them: docs/keys.md, *Key files*.

use std::collections::BTreeMap;
use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use otp_engine::{KeyRing, SigningKey, Timestamp};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::answer::Failure;
use crate::input;

/// What stands before the seed of an Ed25519 key in PKCS#8 version 1 (RFC 8410).
const PKCS8: &[u8] = b"\x30\x2e\x02\x01\x00\x30\x05\x06\x03\x2b\x65\x70\x04\x22\x04\x20";

/// The file of a key ring.
#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct KeyFile {
    /// Code secrets in base64, by kid.
    pub(crate) codes: BTreeMap<String, Zeroizing<String>>,
    /// The kid that new codes are made with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) current: Option<String>,
    /// The index secret in base64.
    index: Zeroizing<String>,
    #[serde(default)]
    pub(crate) epoch: u32,
    /// When a kid was retired, in seconds since 1970.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) retired: BTreeMap<String, i64>,
}

impl KeyFile {
    /// Draws the secrets of a new key ring.
    pub(crate) fn new(kid: &str) -> Result<Self, Failure> {
        Ok(Self {
            codes: BTreeMap::from([(kid.into(), secret()?)]),
            current: Some(kid.into()),
            index: secret()?,
            epoch: 0,
            retired: BTreeMap::new(),
        })
    }

    /// Reads the file at `path`, which its owner alone may read.
    pub(crate) fn read(path: &Path) -> Result<Self, Failure> {
        Self::parse(path, &input::secret(path, "key file")?)
    }

    pub(crate) fn parse(path: &Path, text: &str) -> Result<Self, Failure> {
        // Of an array serde would take the members by position.
        if !text.trim_ascii_start().starts_with('{') {
            let what = "is no key file: it must be a JSON object; docs/keys.md has its members";
            return Err(Failure::of_file(path, what));
        }
        // The text of the error could quote what it could not read.
        serde_json::from_str(text).map_err(|error| {
            let what = format_args!(
                "is no key file: line {}, column {}; docs/keys.md has its members",
                error.line(),
                error.column()
            );
            Failure::of_file(path, what)
        })
    }

    /// Makes the key ring, which checks all of it.
    pub(crate) fn ring(&self, path: &Path) -> Result<KeyRing, Failure> {
        let decode = |name: &str, text: &str| {
            let secret = STANDARD.decode(text).map(Zeroizing::new);
            secret.map_err(|_| Failure::of_file(path, format_args!("{name} must be base64")))
        };
        let index = decode("index", &self.index)?;
        let codes = self.codes.iter();
        let codes = codes.map(|(kid, text)| Ok((kid.as_str(), decode("each of codes", text)?)));
        let codes: Vec<_> = codes.collect::<Result<_, Failure>>()?;
        let mut ring = KeyRing::builder().index(&index).epoch(self.epoch);
        for (kid, secret) in &codes {
            ring = ring.code(kid, secret);
        }
        for (kid, at) in &self.retired {
            ring = ring.retired(kid, Timestamp::from_unix(*at));
        }
        if let Some(current) = &self.current {
            ring = ring.current(current);
        }
        ring.build().map_err(|error| Failure::of_file(path, error))
    }

    pub(crate) fn to_text(&self) -> Result<Zeroizing<String>, Failure> {
        let text = serde_json::to_string_pretty(self);
        let text = text.map_err(|error| Failure::new(error.to_string()))?;
        Ok(Zeroizing::new(text + "\n"))
    }
}

/// Draws a secret of 32 bytes, in base64.
pub(crate) fn secret() -> Result<Zeroizing<String>, Failure> {
    Ok(Zeroizing::new(STANDARD.encode(random()?.as_slice())))
}

/// Draws a signing key, as PEM.
pub(crate) fn signing_key() -> Result<(SigningKey, Zeroizing<String>), Failure> {
    let seed = random()?;
    let der = Zeroizing::new([PKCS8, &*seed].concat());
    let block = Zeroizing::new(STANDARD.encode(&*der));
    let pem = format!(
        "-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n",
        *block
    );
    let key = SigningKey::from_seed(&seed).map_err(|error| Failure::new(error.to_string()))?;
    Ok((key, Zeroizing::new(pem)))
}

fn random() -> Result<Zeroizing<[u8; 32]>, Failure> {
    let mut bytes = Zeroizing::new([0; 32]);
    getrandom::fill(&mut *bytes).map_err(|error| Failure::new(format!("randomness: {error}")))?;
    Ok(bytes)
}

/// Writes a file with mode 0600 in whole or not at all, and never in place of another: a key that is overwritten
/// takes all that it sealed or signed with it.
pub(crate) fn make(path: &Path, text: &str) -> Result<(), Failure> {
    let mut beside = path.as_os_str().to_owned();
    beside.push(format!(".{}", std::process::id()));
    let beside = Path::new(&beside);
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let made = options
        .open(beside)
        .and_then(|mut file| {
            file.write_all(text.as_bytes())
                .and_then(|()| file.sync_all())
        })
        // A link, unlike a rename, replaces nothing.
        .and_then(|()| fs::hard_link(beside, path));
    let _ = fs::remove_file(beside); // it is a copy
    made.map_err(|error| match error.kind() {
        io::ErrorKind::AlreadyExists => {
            Failure::of_file(path, "is there already, and is kept; name another file")
        }
        kind => Failure::of_file(path, format_args!("cannot be made: {kind}")),
    })
}
