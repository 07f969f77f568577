//! Secrets from files: what codes are made from, what signs, what the gateway asks for.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use otp_engine::{KeyRing, SigningKey, Timestamp, record::VerifyingKeys};
use serde::Deserialize;

use crate::admin::Token;
use crate::error::Error;
use crate::json::is_object;

/// What stands before the seed of an Ed25519 key in PKCS#8 version 1 (RFC 8410).
const PKCS8: &[u8] = b"\x30\x2e\x02\x01\x00\x30\x05\x06\x03\x2b\x65\x70\x04\x22\x04\x20";

/// The file of the key ring: the same as the Odoo addon reads.
#[derive(Deserialize)]
struct Keys {
    codes: std::collections::BTreeMap<String, String>,
    current: Option<String>,
    index: String,
    #[serde(default)]
    epoch: u32,
    /// When a kid was retired, in Unix seconds.
    #[serde(default)]
    retired: std::collections::BTreeMap<String, i64>,
}

/// What the gateway asks for.
#[derive(Deserialize)]
pub(crate) struct Credentials {
    pub(crate) user: String,
    pub(crate) password: String,
}

pub(crate) fn key_ring(path: &Path) -> Result<KeyRing, Error> {
    let flag = "--keys";
    let keys: Keys = json(flag, path)?;
    let secret = |text: &String| {
        let secret = STANDARD.decode(text);
        secret.map_err(|_| Error::file(flag, path, "must hold secrets in base64"))
    };
    let index = secret(&keys.index)?;
    let codes: Vec<_> = keys
        .codes
        .iter()
        .map(|(kid, text)| Ok((kid.as_str(), secret(text)?)))
        .collect::<Result<_, Error>>()?;
    let mut ring = KeyRing::builder().index(&index).epoch(keys.epoch);
    for (kid, secret) in &codes {
        ring = ring.code(kid, secret);
    }
    for (kid, at) in &keys.retired {
        ring = ring.retired(kid, Timestamp::from_unix(*at));
    }
    if let Some(current) = &keys.current {
        ring = ring.current(current);
    }
    ring.build()
        .map_err(|error| Error::file(flag, path, &error.to_string()))
}

pub(crate) fn signing_key(path: &Path) -> Result<SigningKey, Error> {
    let pem = read("--signing-key", path)?;
    SigningKey::from_pkcs8_pem(&pem)
        .map_err(|error| Error::file("--signing-key", path, &error.to_string()))
}

/// Reads the public keys of records that were signed earlier.
pub(crate) fn retired_keys(path: &Path) -> Result<VerifyingKeys, Error> {
    let flag = "--retired-signing-keys";
    let text = fs::read_to_string(path).map_err(|error| Error::file(flag, path, &said(&error)))?;
    VerifyingKeys::from_jwk_set(&text).map_err(|error| Error::file(flag, path, &error.to_string()))
}

pub(crate) fn credentials(path: &Path) -> Result<Credentials, Error> {
    let flag = "--gateway-credentials";
    let read: Credentials = json(flag, path)?;
    for (member, text) in [("user", &read.user), ("password", &read.password)] {
        if text.is_empty() {
            return Err(Error::file(flag, path, &format!("has an empty {member}")));
        }
    }
    Ok(read)
}

pub(crate) fn password(flag: &'static str, path: &Path) -> Result<String, Error> {
    let text = read(flag, path)?;
    match text.trim_end_matches(['\r', '\n']) {
        "" => Err(Error::file(
            flag,
            path,
            "is empty; it must hold the password",
        )),
        password => Ok(password.into()),
    }
}

pub(crate) fn admin_token(path: &Path) -> Result<Token, Error> {
    let flag = "--admin-token";
    let token = password(flag, path)?;
    if !(32..=512).contains(&token.len()) || !token.bytes().all(|byte| byte.is_ascii_graphic()) {
        let why = "must hold 32 to 512 visible characters of ascii";
        return Err(Error::file(flag, path, why));
    }
    Ok(Token::new(&token))
}

fn json<T: for<'a> Deserialize<'a>>(flag: &'static str, path: &Path) -> Result<T, Error> {
    let text = read(flag, path)?;
    // The text of the error could quote what it could not read.
    let read = serde_json::from_str(&text).ok();
    read.filter(|_| is_object(text.as_bytes())).ok_or_else(|| {
        Error::file(
            flag,
            path,
            "must be json with the members that --help names",
        )
    })
}

/// Reads a secret file, which others than its owner may not read.
fn read(flag: &'static str, path: &Path) -> Result<String, Error> {
    let fails = |error: io::Error| Error::file(flag, path, &said(&error));
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = fs::metadata(path).map_err(fails)?.permissions().mode() & 0o777;
        if mode & 0o077 != 0 {
            let why = format!("has mode {mode:04o}; it must be at most 0600, it holds a secret");
            return Err(Error::file(flag, path, &why));
        }
    }
    fs::read_to_string(path).map_err(fails)
}

/// Says what failed without the operating system's numbers.
fn said(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => "is not there".into(),
        kind => format!("cannot be read: {kind}"),
    }
}

/// Makes the key ring's file, unless it is there.
pub(crate) fn make_key_ring(path: &Path) -> Result<(), Error> {
    let text = format!(
        "{{\"codes\": {{\"demo\": \"{}\"}}, \"current\": \"demo\", \"index\": \"{}\", \"epoch\": 0}}\n",
        STANDARD.encode(random()?),
        STANDARD.encode(random()?)
    );
    make("--keys", path, &text)
}

/// Makes the signing key's file, unless it is there.
pub(crate) fn make_signing_key(path: &Path) -> Result<(), Error> {
    let block = STANDARD.encode([PKCS8, &random()?].concat());
    let pem = format!("-----BEGIN PRIVATE KEY-----\n{block}\n-----END PRIVATE KEY-----\n");
    make("--signing-key", path, &pem)
}

fn random() -> Result<[u8; 32], Error> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).map_err(|error| Error::new(format!("randomness: {error}")))?;
    Ok(bytes)
}

/// Writes a secret file in whole or not at all: another process may start at the same moment.
fn make(flag: &'static str, path: &Path, text: &str) -> Result<(), Error> {
    if path.exists() {
        return Ok(());
    }
    let mut beside = path.as_os_str().to_owned();
    beside.push(format!(".{}", std::process::id()));
    let beside = Path::new(&beside);
    let made = private_file(beside)
        .and_then(|mut file| {
            file.write_all(text.as_bytes())
                .and_then(|()| file.sync_all())
        })
        // A link, unlike a rename, replaces nothing: a key that is overwritten takes all that it signed.
        .and_then(|()| fs::hard_link(beside, path));
    let _ = fs::remove_file(beside); // it is a copy
    match made {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
            let why = format!("cannot be made: {}", error.kind());
            Err(Error::file(flag, path, &why))
        }
        _ => Ok(()),
    }
}

/// Makes a file that its owner alone may read; fails where it is there.
pub(crate) fn private_file(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

/// Makes a folder that its owner alone may enter, unless it is there.
pub(crate) fn private_folder(path: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}
