//! The floor of HOTP: what a prepared key cannot do without.
//!
//! Two compressions from cached midstates, the truncation, six digits; to verify, a comparison
//! without a way out in the middle. No key types, no windows, no wiping.

use core::hint::black_box;

use sha1::block_api::compress;
use sha2::block_api::{compress256, compress512};

/// A prepared key and nothing else: the states behind the inner and the outer pad.
#[derive(Clone, Copy, Debug)]
pub enum Hotp {
    /// HMAC-SHA-1.
    Sha1([[u32; 5]; 2]),
    /// HMAC-SHA-256.
    Sha256([[u32; 8]; 2]),
    /// HMAC-SHA-512.
    Sha512([[u64; 8]; 2]),
}

impl Hotp {
    /// Prepares a key of at most 64 bytes.
    #[must_use]
    pub fn sha1(secret: &[u8]) -> Self {
        Self::Sha1([0x36, 0x5C].map(|pad| {
            let mut state = SHA1;
            compress(&mut state, &[padded::<64>(secret, pad)]);
            state
        }))
    }

    /// Prepares a key of at most 64 bytes.
    #[must_use]
    pub fn sha256(secret: &[u8]) -> Self {
        Self::Sha256([0x36, 0x5C].map(|pad| {
            let mut state = SHA256;
            compress256(&mut state, &[padded::<64>(secret, pad)]);
            state
        }))
    }

    /// Prepares a key of at most 128 bytes.
    #[must_use]
    pub fn sha512(secret: &[u8]) -> Self {
        Self::Sha512([0x36, 0x5C].map(|pad| {
            let mut state = SHA512;
            compress512(&mut state, &[padded::<128>(secret, pad)]);
            state
        }))
    }

    /// Makes the code of a counter.
    #[must_use]
    #[inline]
    pub fn generate(&self, counter: u64) -> [u8; 6] {
        let mut rest = self.truncated(counter);
        let mut code = [0; 6];
        for place in code.iter_mut().rev() {
            *place = b"0123456789"[(rest % 10) as usize];
            rest /= 10;
        }
        code
    }

    /// Looks for a code in the step of `counter` and `window` steps before and after it.
    #[must_use]
    #[inline]
    pub fn verify(&self, counter: u64, entered: &[u8; 6], window: u64) -> bool {
        let mut found = 0;
        for step in counter - window..=counter + window {
            let code = self.generate(step);
            let differs = code
                .iter()
                .zip(entered)
                .fold(0, |sum, (a, b)| sum | (a ^ b));
            found |= u8::from(black_box(differs) == 0);
        }
        found != 0
    }

    #[inline]
    fn truncated(&self, counter: u64) -> u32 {
        match *self {
            Self::Sha1([mut inner, mut outer]) => {
                compress(&mut inner, &[first(counter)]);
                let digest: [u8; 20] = bytes(inner.map(u32::to_be_bytes));
                compress(&mut outer, &[second(&digest)]);
                number::<20>(&bytes(outer.map(u32::to_be_bytes)))
            }
            Self::Sha256([mut inner, mut outer]) => {
                compress256(&mut inner, &[first(counter)]);
                let digest: [u8; 32] = bytes(inner.map(u32::to_be_bytes));
                compress256(&mut outer, &[second(&digest)]);
                number::<32>(&bytes(outer.map(u32::to_be_bytes)))
            }
            Self::Sha512([mut inner, mut outer]) => {
                compress512(&mut inner, &[first(counter)]);
                let digest: [u8; 64] = bytes(inner.map(u64::to_be_bytes));
                compress512(&mut outer, &[second(&digest)]);
                number::<64>(&bytes(outer.map(u64::to_be_bytes)))
            }
        }
    }
}

fn padded<const BLOCK: usize>(secret: &[u8], pad: u8) -> [u8; BLOCK] {
    let mut block = [pad; BLOCK];
    for (byte, secret) in block.iter_mut().zip(secret) {
        *byte ^= secret;
    }
    block
}

/// The inner block: the counter with its padding.
#[inline]
fn first<const BLOCK: usize>(counter: u64) -> [u8; BLOCK] {
    second(&counter.to_be_bytes())
}

/// The last block of a message that began with one block of key: what follows, with its padding.
#[inline]
fn second<const BLOCK: usize, const LENGTH: usize>(message: &[u8; LENGTH]) -> [u8; BLOCK] {
    let mut block = [0; BLOCK];
    block[..LENGTH].copy_from_slice(message);
    block[LENGTH] = 0x80;
    block[BLOCK - 8..].copy_from_slice(&(8 * (BLOCK + LENGTH) as u64).to_be_bytes());
    block
}

#[inline]
fn bytes<const WORD: usize, const WORDS: usize, const BYTES: usize>(
    words: [[u8; WORD]; WORDS],
) -> [u8; BYTES] {
    let mut bytes = [0; BYTES];
    bytes.copy_from_slice(words.as_flattened());
    bytes
}

#[inline]
fn number<const LENGTH: usize>(mac: &[u8; LENGTH]) -> u32 {
    let at = usize::from(mac[LENGTH - 1] & 15);
    u32::from_be_bytes([mac[at], mac[at + 1], mac[at + 2], mac[at + 3]]) & 0x7FFF_FFFF
}

const SHA1: [u32; 5] = [
    0x6745_2301,
    0xEFCD_AB89,
    0x98BA_DCFE,
    0x1032_5476,
    0xC3D2_E1F0,
];
const SHA256: [u32; 8] = [
    0x6A09_E667,
    0xBB67_AE85,
    0x3C6E_F372,
    0xA54F_F53A,
    0x510E_527F,
    0x9B05_688C,
    0x1F83_D9AB,
    0x5BE0_CD19,
];
const SHA512: [u64; 8] = [
    0x6A09_E667_F3BC_C908,
    0xBB67_AE85_84CA_A73B,
    0x3C6E_F372_FE94_F82B,
    0xA54F_F53A_5F1D_36F1,
    0x510E_527F_ADE6_82D1,
    0x9B05_688C_2B3E_6C1F,
    0x1F83_D9AB_FB41_BD6B,
    0x5BE0_CD19_137E_2179,
];
