//! The hash functions under HMAC, by their blocks.

use sha2::block_api::{compress256, compress512};
use zeroize::Zeroize;

/// A hash function by its blocks.
pub trait Hash {
    /// The chaining value, in words.
    type State: Copy + Zeroize;
    /// A block of a message.
    type Block: Clone + AsRef<[u8]> + AsMut<[u8]> + Zeroize;
    /// The state before the first block.
    const START: Self::State;
    /// A block of zeros.
    const EMPTY: Self::Block;
    /// Bytes of a block.
    const BLOCK: usize;
    /// Bytes of a digest.
    const OUTPUT: usize;
    /// Bytes of the length behind a message.
    const LENGTH: usize;

    /// Hashes one block.
    fn compress(state: &mut Self::State, block: &Self::Block);

    /// Writes the digest to the front of `out`.
    fn write(state: &Self::State, out: &mut [u8]);
}

/// SHA-1 (FIPS 180-4).
#[derive(Clone, Debug)]
#[expect(clippy::exhaustive_structs, reason = "it only names a function")]
pub struct Sha1;

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

/// SHA-256 (FIPS 180-4).
#[derive(Clone, Debug)]
#[expect(clippy::exhaustive_structs, reason = "it only names a function")]
pub struct Sha256;

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

/// SHA-512 (FIPS 180-4).
#[derive(Clone, Debug)]
#[expect(clippy::exhaustive_structs, reason = "it only names a function")]
pub struct Sha512;

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
