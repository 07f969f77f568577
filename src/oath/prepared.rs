//! HMAC with both blocks of the key hashed beforehand, and the dynamic truncation of RFC 4226.
//!
//! What is left for a short message is two compressions: one behind each of the kept states. The
//! hash functions' own block functions are called, since a cloned HMAC costs a fifth more.

use core::hint::black_box;

use sha2::block_api::{compress256, compress512};
use zeroize::{Zeroize, Zeroizing};

use crate::keys::CredentialName;

/// The hash function under HMAC.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
#[expect(
    clippy::exhaustive_enums,
    reason = "RFC 6238 and RFC 6287 name these three"
)]
pub enum Algorithm {
    /// SHA-1: what RFC 4226 defines and every device can. Its collisions do not touch HMAC.
    #[default]
    Sha1,
    /// SHA-256.
    Sha256,
    /// SHA-512.
    Sha512,
}

impl Algorithm {
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
    pub(super) const fn digest_len(self) -> usize {
        match self {
            Self::Sha1 => Sha1::OUTPUT,
            Self::Sha256 => Sha256::OUTPUT,
            Self::Sha512 => Sha512::OUTPUT,
        }
    }

    /// Appends the digest of `message`.
    pub(super) fn digest_into(self, message: &[u8], out: &mut [u8]) {
        match self {
            Self::Sha1 => Sha1::write(&digest::<Sha1>(message), out),
            Self::Sha256 => Sha256::write(&digest::<Sha256>(message), out),
            Self::Sha512 => Sha512::write(&digest::<Sha512>(message), out),
        }
    }
}

/// An HMAC key of one algorithm, prepared; wiped on drop.
#[derive(Clone)]
pub(super) enum Prepared {
    Sha1(Midstates<Sha1>),
    Sha256(Midstates<Sha256>),
    Sha512(Midstates<Sha512>),
}

impl Prepared {
    pub(super) fn new(algorithm: Algorithm, secret: &[u8]) -> Self {
        match algorithm {
            Algorithm::Sha1 => Self::Sha1(Midstates::new(secret)),
            Algorithm::Sha256 => Self::Sha256(Midstates::new(secret)),
            Algorithm::Sha512 => Self::Sha512(Midstates::new(secret)),
        }
    }

    pub(super) const fn algorithm(&self) -> Algorithm {
        match self {
            Self::Sha1(_) => Algorithm::Sha1,
            Self::Sha256(_) => Algorithm::Sha256,
            Self::Sha512(_) => Algorithm::Sha512,
        }
    }

    /// Returns 31 bits of the MAC of `message`, by dynamic truncation.
    #[inline]
    pub(super) fn truncated(&self, message: &[u8]) -> u32 {
        let (head, last) = self.ends(message);
        truncate(&head, last)
    }

    /// Names the key under `label`, which no OATH message begins with: nothing of the key, or of a
    /// code, follows from the name.
    pub(super) fn name(&self, label: &[u8]) -> CredentialName {
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
                let mac = key.mac(message);
                (Zeroizing::new(*mac), mac[4])
            }
            Self::Sha256(key) => {
                let mac = key.mac(message);
                let [a, b, c, d, e, ..] = *mac;
                (Zeroizing::new([a, b, c, d, e]), mac[7])
            }
            Self::Sha512(key) => {
                let mac = key.mac(message);
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

/// The states of a hash after the key's inner and outer block.
#[derive(Clone)]
pub(super) struct Midstates<H: Hash> {
    inner: H::State,
    outer: H::State,
}

impl<H: Hash> Midstates<H> {
    fn new(secret: &[u8]) -> Self {
        let mut key = Zeroizing::new(H::EMPTY);
        if secret.len() > H::BLOCK {
            H::write(&digest::<H>(secret), key.as_mut());
        } else {
            key.as_mut()[..secret.len()].copy_from_slice(secret);
        }
        let after = |pad: u8| {
            let mut block = key.clone();
            for byte in block.as_mut() {
                *byte ^= pad;
            }
            let mut state = H::START;
            H::compress(&mut state, &block);
            state
        };
        Self {
            inner: after(0x36),
            outer: after(0x5C),
        }
    }

    #[inline]
    fn mac(&self, message: &[u8]) -> Zeroizing<H::State> {
        let mut state = self.inner;
        absorb::<H>(&mut state, message, H::BLOCK);
        let mut inner = H::EMPTY;
        H::write(&state, inner.as_mut());
        state = self.outer;
        absorb::<H>(&mut state, &inner.as_ref()[..H::OUTPUT], H::BLOCK);
        Zeroizing::new(state)
    }
}

impl<H: Hash> Drop for Midstates<H> {
    fn drop(&mut self) {
        self.inner.zeroize();
        self.outer.zeroize();
    }
}

fn digest<H: Hash>(message: &[u8]) -> Zeroizing<H::State> {
    let mut state = Zeroizing::new(H::START);
    absorb::<H>(&mut state, message, 0);
    state
}

/// Absorbs the end of a message, of which `before` bytes in whole blocks were already, and its
/// padding.
#[inline]
fn absorb<H: Hash>(state: &mut H::State, message: &[u8], before: usize) {
    let mut block = H::EMPTY;
    let mut rest = message;
    while let Some((whole, after)) = rest.split_at_checked(H::BLOCK) {
        block.as_mut().copy_from_slice(whole);
        H::compress(state, &block);
        block = H::EMPTY;
        rest = after;
    }
    block.as_mut()[..rest.len()].copy_from_slice(rest);
    block.as_mut()[rest.len()] = 0x80;
    if rest.len() + 1 + H::LENGTH > H::BLOCK {
        H::compress(state, &block);
        block = H::EMPTY;
    }
    // The upper half of SHA-512's 128-bit length stays 0.
    let bits = 8 * (before + message.len()) as u64;
    block.as_mut()[H::BLOCK - 8..].copy_from_slice(&bits.to_be_bytes());
    H::compress(state, &block);
    block = H::EMPTY;
    black_box(&block); // a PIN's digest or an inner hash was in it
}

/// A hash function by its blocks.
pub(super) trait Hash {
    type State: Copy + Zeroize;
    type Block: Clone + AsRef<[u8]> + AsMut<[u8]> + Zeroize;
    const START: Self::State;
    const EMPTY: Self::Block;
    /// Bytes of a block, of a digest, and of the length behind a message.
    const BLOCK: usize;
    const OUTPUT: usize;
    const LENGTH: usize;

    fn compress(state: &mut Self::State, block: &Self::Block);

    /// Writes the digest to the front of `out`.
    fn write(state: &Self::State, out: &mut [u8]);
}

#[derive(Clone)]
pub(super) struct Sha1;

impl Hash for Sha1 {
    type State = [u32; 5];
    type Block = [u8; 64];
    const START: [u32; 5] = [
        0x6745_2301,
        0xEFCD_AB89,
        0x98BA_DCFE,
        0x1032_5476,
        0xC3D2_E1F0,
    ];
    const EMPTY: [u8; 64] = [0; 64];
    const BLOCK: usize = 64;
    const OUTPUT: usize = 20;
    const LENGTH: usize = 8;

    #[inline]
    fn compress(state: &mut [u32; 5], block: &[u8; 64]) {
        sha1::block_api::compress(state, core::slice::from_ref(block));
    }

    #[inline]
    fn write(state: &[u32; 5], out: &mut [u8]) {
        write_words(state, out);
    }
}

#[derive(Clone)]
pub(super) struct Sha256;

impl Hash for Sha256 {
    type State = [u32; 8];
    type Block = [u8; 64];
    const START: [u32; 8] = [
        0x6A09_E667,
        0xBB67_AE85,
        0x3C6E_F372,
        0xA54F_F53A,
        0x510E_527F,
        0x9B05_688C,
        0x1F83_D9AB,
        0x5BE0_CD19,
    ];
    const EMPTY: [u8; 64] = [0; 64];
    const BLOCK: usize = 64;
    const OUTPUT: usize = 32;
    const LENGTH: usize = 8;

    #[inline]
    fn compress(state: &mut [u32; 8], block: &[u8; 64]) {
        compress256(state, core::slice::from_ref(block));
    }

    #[inline]
    fn write(state: &[u32; 8], out: &mut [u8]) {
        write_words(state, out);
    }
}

#[derive(Clone)]
pub(super) struct Sha512;

impl Hash for Sha512 {
    type State = [u64; 8];
    type Block = [u8; 128];
    const START: [u64; 8] = [
        0x6A09_E667_F3BC_C908,
        0xBB67_AE85_84CA_A73B,
        0x3C6E_F372_FE94_F82B,
        0xA54F_F53A_5F1D_36F1,
        0x510E_527F_ADE6_82D1,
        0x9B05_688C_2B3E_6C1F,
        0x1F83_D9AB_FB41_BD6B,
        0x5BE0_CD19_137E_2179,
    ];
    const EMPTY: [u8; 128] = [0; 128];
    const BLOCK: usize = 128;
    const OUTPUT: usize = 64;
    const LENGTH: usize = 16;

    #[inline]
    fn compress(state: &mut [u64; 8], block: &[u8; 128]) {
        compress512(state, core::slice::from_ref(block));
    }

    #[inline]
    fn write(state: &[u64; 8], out: &mut [u8]) {
        for (bytes, word) in out.chunks_exact_mut(8).zip(state) {
            bytes.copy_from_slice(&word.to_be_bytes());
        }
    }
}

#[inline]
fn write_words(state: &[u32], out: &mut [u8]) {
    for (bytes, word) in out.chunks_exact_mut(4).zip(state) {
        bytes.copy_from_slice(&word.to_be_bytes());
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec;
    use alloc::vec::Vec;

    use hmac::{Hmac, KeyInit, Mac};
    use sha2::Digest;

    use super::*;

    const ALL: [Algorithm; 3] = [Algorithm::Sha1, Algorithm::Sha256, Algorithm::Sha512];

    /// The MAC by the crates' own HMAC.
    fn reference(algorithm: Algorithm, key: &[u8], message: &[u8]) -> Vec<u8> {
        macro_rules! mac {
            ($hash:ty) => {{
                let mut mac = Hmac::<$hash>::new_from_slice(key).unwrap();
                mac.update(message);
                mac.finalize().into_bytes().to_vec()
            }};
        }
        match algorithm {
            Algorithm::Sha1 => mac!(sha1::Sha1),
            Algorithm::Sha256 => mac!(sha2::Sha256),
            Algorithm::Sha512 => mac!(sha2::Sha512),
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
            let digest = |algorithm: Algorithm| {
                let mut out = vec![0; algorithm.digest_len()];
                algorithm.digest_into(&message, &mut out);
                out
            };
            assert_eq!(digest(Algorithm::Sha1), sha1::Sha1::digest(&message)[..]);
            assert_eq!(
                digest(Algorithm::Sha256),
                sha2::Sha256::digest(&message)[..]
            );
            assert_eq!(
                digest(Algorithm::Sha512),
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
            assert_eq!(Algorithm::parse(name), Some(algorithm));
            assert_eq!(
                Algorithm::parse(&name.to_ascii_lowercase()),
                Some(algorithm)
            );
        }
        for name in ["", "SHA", "SHA-1", "MD5", "SHA3", "SHA1 "] {
            assert_eq!(Algorithm::parse(name), None, "{name}");
        }
    }
}
