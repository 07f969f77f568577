//! The two textual forms of an Ed25519 key: PKCS#8 and SPKI (RFC 8410) in PEM (RFC 7468).

use alloc::string::String;
use alloc::vec::Vec;
use core::str::Lines;

use base64ct::{Base64, Encoding};
use zeroize::Zeroizing;

use super::KeyError;

/// What comes before the seed in PKCS#8 version 1.
pub(super) const PKCS8_PREFIX: [u8; 16] = [
    0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20,
];

/// What comes before the public key in SPKI.
pub(super) const SPKI_PREFIX: [u8; 12] = [
    0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00,
];

pub(super) const PRIVATE: &str = "PRIVATE KEY";
pub(super) const PUBLIC: &str = "PUBLIC KEY";

/// The longest content of a block, in characters: a key needs 64.
const MAX_BLOCK: usize = 4096;

/// The blocks of a text that all have one label, decoded, each wiped when dropped.
///
/// Text outside of blocks is skipped (RFC 7468, section 2); a block of another label is an error.
pub(super) struct Blocks<'a> {
    lines: Lines<'a>,
    label: &'static str,
}

impl<'a> Blocks<'a> {
    pub(super) fn new(text: &'a str, label: &'static str) -> Self {
        Self {
            lines: text.lines(),
            label,
        }
    }

    fn block(&mut self, begun: &str) -> Result<Zeroizing<Vec<u8>>, KeyError> {
        if label(begun, "BEGIN") != Some(self.label) {
            return Err(match self.label {
                PUBLIC if begun.contains(PRIVATE) => KeyError::Private,
                PUBLIC => KeyError::Pem("block of another kind"),
                _ => KeyError::NotEd25519(kind_of_label(begun)),
            });
        }
        let mut content = Zeroizing::new(String::with_capacity(MAX_BLOCK));
        for line in self.lines.by_ref() {
            let line = line.trim_ascii();
            if label(line, "END") == Some(self.label) {
                return match Base64::decode_vec(&content) {
                    Ok(bytes) => Ok(Zeroizing::new(bytes)),
                    Err(_) => Err(KeyError::Pem("not base64")),
                };
            }
            // Growing would leave a copy of what may be a secret behind.
            if content.len() + line.len() > MAX_BLOCK {
                return Err(KeyError::Pem("block too long"));
            }
            content.push_str(line);
        }
        Err(KeyError::Pem("block without end"))
    }
}

impl Iterator for Blocks<'_> {
    type Item = Result<Zeroizing<Vec<u8>>, KeyError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let line = self.lines.next()?.trim_ascii();
            if line.starts_with("-----BEGIN ") {
                return Some(self.block(line));
            }
        }
    }
}

/// Says what a block is that is no `PRIVATE KEY`, by the line that begins it.
fn kind_of_label(begun: &str) -> &'static str {
    match label(begun, "BEGIN").unwrap_or("") {
        "RSA PRIVATE KEY" => "an RSA key",
        "EC PRIVATE KEY" | "EC PARAMETERS" => "an EC key",
        "DSA PRIVATE KEY" | "DSA PARAMETERS" => "a DSA key",
        "ENCRYPTED PRIVATE KEY" => "a key under a passphrase",
        "OPENSSH PRIVATE KEY" => "a key in OpenSSH's own format",
        PUBLIC | "RSA PUBLIC KEY" => "a public key",
        "CERTIFICATE" | "TRUSTED CERTIFICATE" | "X509 CERTIFICATE" => "a certificate",
        _ => "a block of another kind",
    }
}

/// Says of what kind a private key in PKCS#8 is, if it is one of a kind other than Ed25519.
pub(super) fn other_kind(der: &[u8]) -> Option<&'static str> {
    let [info, after] = element(der, 0x30)?;
    let [_version, rest] = element(info, 0x02)?;
    let [algorithm, _key] = element(rest, 0x30)?;
    let [object, _parameters] = element(algorithm, 0x06)?;
    if !after.is_empty() {
        return None;
    }
    match object {
        b"\x2b\x65\x70" => None,
        b"\x2b\x65\x71" => Some("an Ed448 key"),
        b"\x2b\x65\x6e" => Some("an X25519 key, which signs nothing"),
        b"\x2b\x65\x6f" => Some("an X448 key, which signs nothing"),
        b"\x2a\x86\x48\xce\x3d\x02\x01" => Some("an EC key"),
        b"\x2a\x86\x48\xce\x38\x04\x01" => Some("a DSA key"),
        b"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01" | b"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0a" => {
            Some("an RSA key")
        }
        _ => Some("a key of another algorithm"),
    }
}

/// Takes an element of DER with this tag apart: what is in it, and what comes after.
fn element(der: &[u8], tag: u8) -> Option<[&[u8]; 2]> {
    let [found, length, rest @ ..] = der else {
        return None;
    };
    let (length, rest) = match length {
        0x80.. => {
            let (bytes, rest) = rest.split_at_checked(usize::from(length & 0x7f))?;
            if bytes.len() > 2 {
                return None;
            }
            let length = bytes
                .iter()
                .fold(0, |sum, byte| sum << 8 | usize::from(*byte));
            (length, rest)
        }
        short => (usize::from(*short), rest),
    };
    let (inner, after) = rest.split_at_checked(length)?;
    (*found == tag).then_some([inner, after])
}

/// Writes a public key as one block.
pub(super) fn write_public(key: &[u8; 32]) -> String {
    let spki = [&SPKI_PREFIX[..], key].concat();
    [
        "-----BEGIN PUBLIC KEY-----\n",
        &Base64::encode_string(&spki),
        "\n-----END PUBLIC KEY-----\n",
    ]
    .concat()
}

fn label<'a>(line: &'a str, edge: &str) -> Option<&'a str> {
    line.strip_prefix("-----")?
        .strip_prefix(edge)?
        .strip_prefix(' ')?
        .strip_suffix("-----")
}
