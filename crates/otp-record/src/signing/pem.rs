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
            return Err(if self.label == PUBLIC && begun.contains(PRIVATE) {
                KeyError::Private
            } else {
                KeyError::Pem("block of another kind")
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
