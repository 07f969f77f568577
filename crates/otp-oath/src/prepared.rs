//! HMAC keys of one algorithm or another, and the dynamic truncation of RFC 4226.

use zeroize::Zeroizing;

use otp_base::mac::{self, Hash, Sha1, Sha256, Sha512, digest};

/// What names a credential: made of its secret, and no function that leads back.
pub type CredentialName = [u8; 20];

/// The hash function under HMAC.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
#[expect(
    clippy::exhaustive_enums,
    reason = "RFC 6238 and RFC 6287 name these three"
)]
pub enum HashFunction {
    /// SHA-1: what RFC 4226 defines and every device can. Its collisions do not touch HMAC.
    #[default]
    Sha1,
    /// SHA-256.
    Sha256,
    /// SHA-512.
    Sha512,
}

impl HashFunction {
    /// Returns the name as URIs and OCRA suites write it: `SHA1`, `SHA256` or `SHA512`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Sha1 => "SHA1",
            Self::Sha256 => "SHA256",
            Self::Sha512 => "SHA512",
        }
    }

    /// Reads a name in either case; `None` for any other function.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        [Self::Sha1, Self::Sha256, Self::Sha512]
            .into_iter()
            .find(|algorithm| algorithm.name().eq_ignore_ascii_case(name))
    }

    /// Returns the length of a digest in bytes.
    pub(crate) const fn digest_len(self) -> usize {
        match self {
            Self::Sha1 => Sha1::OUTPUT,
            Self::Sha256 => Sha256::OUTPUT,
            Self::Sha512 => Sha512::OUTPUT,
        }
    }

    /// Appends the digest of `message`.
    pub(crate) fn digest_into(self, message: &[u8], out: &mut [u8]) {
        match self {
            Self::Sha1 => Sha1::write(&digest::<Sha1>(message), out),
            Self::Sha256 => Sha256::write(&digest::<Sha256>(message), out),
            Self::Sha512 => Sha512::write(&digest::<Sha512>(message), out),
        }
    }
}

/// An HMAC key of one algorithm, prepared; wiped on drop.
#[derive(Clone)]
pub(crate) enum Prepared {
    Sha1(mac::Prepared<Sha1>),
    Sha256(mac::Prepared<Sha256>),
    Sha512(mac::Prepared<Sha512>),
}

impl Prepared {
    pub(crate) fn new(algorithm: HashFunction, secret: &[u8]) -> Self {
        match algorithm {
            HashFunction::Sha1 => Self::Sha1(mac::Prepared::new(secret)),
            HashFunction::Sha256 => Self::Sha256(mac::Prepared::new(secret)),
            HashFunction::Sha512 => Self::Sha512(mac::Prepared::new(secret)),
        }
    }

    pub(crate) const fn algorithm(&self) -> HashFunction {
        match self {
            Self::Sha1(_) => HashFunction::Sha1,
            Self::Sha256(_) => HashFunction::Sha256,
            Self::Sha512(_) => HashFunction::Sha512,
        }
    }

    /// Returns 31 bits of the MAC of `message`, by dynamic truncation.
    #[inline]
    pub(crate) fn truncated(&self, message: &[u8]) -> u32 {
        let (head, last) = self.ends(message);
        truncate(&head, last)
    }

    /// Names the key under `label`, which no OATH message begins with: nothing of the key, or of a
    /// code, follows from the name.
    pub(crate) fn name(&self, label: &[u8]) -> CredentialName {
        let (head, _) = self.ends(label);
        let mut name = CredentialName::default();
        for (bytes, word) in name.chunks_exact_mut(4).zip(*head) {
            bytes.copy_from_slice(&word.to_be_bytes());
        }
        name
    }

    /// Returns the first five words of a MAC, and its last one.
    #[inline]
    fn ends(&self, message: &[u8]) -> (Zeroizing<[u32; 5]>, u32) {
        match self {
            Self::Sha1(key) => {
                let mac = Zeroizing::new(key.mac(|mac| mac.feed(message)));
                (Zeroizing::new(*mac), mac[4])
            }
            Self::Sha256(key) => {
                let mac = Zeroizing::new(key.mac(|mac| mac.feed(message)));
                let [a, b, c, d, e, ..] = *mac;
                (Zeroizing::new([a, b, c, d, e]), mac[7])
            }
            Self::Sha512(key) => {
                let mac = Zeroizing::new(key.mac(|mac| mac.feed(message)));
                let halves = |at: usize| [(mac[at] >> 32) as u32, low(mac[at])];
                let ([a, b], [c, d], [e, _]) = (halves(0), halves(1), halves(2));
                (Zeroizing::new([a, b, c, d, e]), low(mac[7]))
            }
        }
    }
}

/// Takes the 31 bits that begin at the byte which the last four bits name (RFC 4226, section 5.3).
///
/// The place depends on a secret: all four words that it can be in are read, and it is picked by a
/// mask and a shift.
#[inline]
fn truncate(head: &[u32; 5], last: u32) -> u32 {
    let (word, byte) = ((last >> 2) & 3, last & 3);
    let mut pair = 0;
    for (at, both) in (0..).zip(head.windows(2)) {
        let wanted = u64::from(word ^ at).wrapping_sub(1) >> 63;
        pair |= wanted.wrapping_neg() & (u64::from(both[0]) << 32 | u64::from(both[1]));
    }
    ((pair << (8 * byte)) >> 32) as u32 & 0x7FFF_FFFF
}

/// Returns the lower half of a word.
#[inline]
const fn low(word: u64) -> u32 {
    (word & 0xFFFF_FFFF) as u32
}

#[cfg(test)]
mod tests {
    use alloc::vec;
    use alloc::vec::Vec;

    use hmac::{Hmac, KeyInit, Mac};
    use sha2::Digest;

    use super::*;

    const ALL: [HashFunction; 3] = [
        HashFunction::Sha1,
        HashFunction::Sha256,
        HashFunction::Sha512,
    ];

    /// The MAC by the crates' own HMAC.
    fn reference(algorithm: HashFunction, key: &[u8], message: &[u8]) -> Vec<u8> {
        macro_rules! mac {
            ($hash:ty) => {{
                let mut mac = Hmac::<$hash>::new_from_slice(key).unwrap();
                mac.update(message);
                mac.finalize().into_bytes().to_vec()
            }};
        }
        match algorithm {
            HashFunction::Sha1 => mac!(sha1::Sha1),
            HashFunction::Sha256 => mac!(sha2::Sha256),
            HashFunction::Sha512 => mac!(sha2::Sha512),
        }
    }

    /// RFC 4226, section 5.4, word for word.
    fn truncated(mac: &[u8]) -> u32 {
        let offset = usize::from(mac[mac.len() - 1] & 0xF);
        let bytes = mac[offset..offset + 4].try_into().unwrap();
        u32::from_be_bytes(bytes) & 0x7FFF_FFFF
    }

    #[test]
    fn every_length_of_key_and_message_agrees_with_another_hmac() {
        for algorithm in ALL {
            for length in (0..300).chain([1000]) {
                let key: Vec<u8> = (0..=250).cycle().step_by(7).take(length).collect();
                let message = vec![0xC3; 299 - length % 300];
                let prepared = Prepared::new(algorithm, &key);
                let mac = reference(algorithm, &key, &message);
                assert_eq!(prepared.truncated(&message), truncated(&mac), "{length}");
                assert_eq!(prepared.name(&message), mac[..20], "{length}");
            }
        }
    }

    #[test]
    fn digests_of_every_length_agree_with_another_implementation() {
        for length in 0..300 {
            let message = vec![0x5A; length];
            let digest = |algorithm: HashFunction| {
                let mut out = vec![0; algorithm.digest_len()];
                algorithm.digest_into(&message, &mut out);
                out
            };
            assert_eq!(digest(HashFunction::Sha1), sha1::Sha1::digest(&message)[..]);
            assert_eq!(
                digest(HashFunction::Sha256),
                sha2::Sha256::digest(&message)[..]
            );
            assert_eq!(
                digest(HashFunction::Sha512),
                sha2::Sha512::digest(&message)[..]
            );
        }
    }

    #[test]
    fn every_offset_is_picked() {
        let bytes: [u8; 20] = core::array::from_fn(|at| 0x81 + u8::try_from(at).unwrap());
        let mut head = [0; 5];
        for (word, bytes) in head.iter_mut().zip(bytes.as_chunks().0) {
            *word = u32::from_be_bytes(*bytes);
        }
        for offset in 0..16 {
            let wanted = bytes[offset..offset + 4].try_into().unwrap();
            let wanted = u32::from_be_bytes(wanted) & 0x7FFF_FFFF;
            // The other bits of the last word are nobody's business.
            for noise in [0, 0xFFFF_FFF0, 0x1234_5670] {
                assert_eq!(
                    truncate(&head, noise | u32::try_from(offset).unwrap()),
                    wanted,
                    "{offset}"
                );
            }
        }
    }

    #[test]
    fn names_are_read_in_either_case() {
        for algorithm in ALL {
            let name = algorithm.name();
            assert_eq!(HashFunction::parse(name), Some(algorithm));
            assert_eq!(
                HashFunction::parse(&name.to_ascii_lowercase()),
                Some(algorithm)
            );
        }
        for name in ["", "SHA", "SHA-1", "MD5", "SHA3", "SHA1 "] {
            assert_eq!(HashFunction::parse(name), None, "{name}");
        }
    }
}
