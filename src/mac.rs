//! HMAC-SHA-256 (RFC 2104) from a prepared key.
//!
//! The two blocks that depend on the key alone are hashed once: a short message then costs two
//! compressions, and none is spent on copying a hasher's state about.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use sha2::block_api::compress256;
use zeroize::{Zeroize, Zeroizing};

/// A key with its first two blocks already hashed; wiped on drop.
#[derive(Clone)]
pub(crate) struct Prepared {
    inner: [u32; 8],
    outer: [u32; 8],
}

impl Prepared {
    /// Derives the key of one use: HMAC-SHA-256(secret, label).
    #[expect(
        clippy::expect_used,
        reason = "HMAC takes keys of every length (RFC 2104, section 3)"
    )]
    pub(crate) fn derive(secret: &[u8], label: &[u8]) -> Self {
        let mut mac =
            Hmac::<Sha256>::new_from_slice(secret).expect("HMAC takes keys of every length");
        mac.update(label);
        let key = Zeroizing::new(<[u8; 32]>::from(mac.finalize().into_bytes()));
        Self::from_key(&key)
    }

    /// Prepares a key of 32 bytes: it fits a block, so that it is padded and not hashed.
    fn from_key(key: &[u8; 32]) -> Self {
        let padded = |pad: u8| {
            let mut block = Zeroizing::new([pad; BLOCK]);
            for (place, byte) in block.iter_mut().zip(key) {
                *place ^= byte;
            }
            let mut state = INITIAL;
            compress256(&mut state, core::slice::from_ref(&*block));
            state
        };
        Self {
            inner: padded(0x36),
            outer: padded(0x5C),
        }
    }

    /// Returns the MAC of a message, in the parts that `feed` appends.
    ///
    /// Wrap it where it is a secret: names of cells and seals are none.
    #[inline]
    pub(crate) fn mac(&self, feed: impl FnOnce(&mut Message)) -> [u8; HASH] {
        let mut message = Message {
            state: self.inner,
            block: [0; BLOCK],
            filled: 0,
            length: BLOCK as u64,
        };
        feed(&mut message);
        let mut block = [0; BLOCK];
        block[..HASH].copy_from_slice(&message.finish());
        block[HASH] = END;
        block[BLOCK - 8..].copy_from_slice(&bits((BLOCK + HASH) as u64));
        let mut state = self.outer;
        compress256(&mut state, core::slice::from_ref(&block));
        bytes(&state)
    }
}

impl Drop for Prepared {
    fn drop(&mut self) {
        self.inner.zeroize();
        self.outer.zeroize();
    }
}

/// A message on its way through the hash.
///
/// It need not be wiped: hashing overwrites the prepared state, and neither the block, which holds
/// the end of a message or an inner hash, nor the last state gives a MAC away without the key.
pub(crate) struct Message {
    state: [u32; 8],
    /// Zeros behind what is filled.
    block: [u8; BLOCK],
    /// How many bytes of the block wait to be hashed, always fewer than all.
    filled: usize,
    /// How many bytes there were in all, the key's block included.
    length: u64,
}

impl Message {
    /// Appends bytes.
    #[inline]
    pub(crate) fn feed(&mut self, mut part: &[u8]) {
        self.length += part.len() as u64;
        loop {
            let room = &mut self.block[self.filled..];
            if part.len() < room.len() {
                room[..part.len()].copy_from_slice(part);
                self.filled += part.len();
                return;
            }
            let (fits, rest) = part.split_at(room.len());
            room.copy_from_slice(fits);
            self.compress();
            (self.filled, part) = (0, rest);
        }
    }

    fn compress(&mut self) {
        compress256(&mut self.state, core::slice::from_ref(&self.block));
        self.block = [0; BLOCK];
    }

    /// Pads (FIPS 180-4, section 5.1.1) and returns the hash.
    fn finish(mut self) -> [u8; HASH] {
        let bits = bits(self.length);
        self.block[self.filled] = END;
        if self.filled >= BLOCK - bits.len() {
            self.compress();
        }
        self.block[BLOCK - bits.len()..].copy_from_slice(&bits);
        self.compress();
        bytes(&self.state)
    }
}

/// Returns the length as the last block has it.
const fn bits(length: u64) -> [u8; 8] {
    (length * 8).to_be_bytes()
}

fn bytes(state: &[u32; 8]) -> [u8; HASH] {
    let mut hash = [0; HASH];
    for (bytes, word) in hash.as_chunks_mut().0.iter_mut().zip(state) {
        *bytes = word.to_be_bytes();
    }
    hash
}

/// What follows the last byte of a message.
const END: u8 = 0x80;

/// The bytes of a hash.
const HASH: usize = 32;

/// The bytes of a SHA-256 block.
const BLOCK: usize = 64;

/// The state before the first block (FIPS 180-4, section 5.3.3).
const INITIAL: [u32; 8] = [
    0x6A09_E667,
    0xBB67_AE85,
    0x3C6E_F372,
    0xA54F_F53A,
    0x510E_527F,
    0x9B05_688C,
    0x1F83_D9AB,
    0x5BE0_CD19,
];

#[cfg(test)]
mod tests {
    use super::*;

    /// The crate `hmac`, with a whole message at once, is the oracle.
    fn expected(key: &[u8], message: &[u8]) -> [u8; 32] {
        let mut mac = Hmac::<Sha256>::new_from_slice(key).unwrap();
        mac.update(message);
        mac.finalize().into_bytes().into()
    }

    #[test]
    fn every_length_and_every_cut_gives_the_mac_of_the_standard() {
        let key = core::array::from_fn(|at| at.to_le_bytes()[0]);
        let prepared = Prepared::from_key(&key);
        let bytes: [u8; 300] = core::array::from_fn(|at| (at * 7).to_le_bytes()[0]);
        for length in 0..=bytes.len() {
            let message = &bytes[..length];
            for cut in [0, 1, 8, 55, 56, 63, 64, 65, 128].map(|cut: usize| cut.min(length)) {
                let (head, tail) = message.split_at(cut);
                let mac = prepared.mac(|message| {
                    message.feed(head);
                    message.feed(tail);
                });
                assert_eq!(mac, expected(&key, message), "{length} bytes cut at {cut}");
            }
        }
    }

    #[test]
    fn a_key_is_derived_by_its_label() {
        let key = expected(&[7; 40], b"label");
        let mac = Prepared::derive(&[7; 40], b"label").mac(|message| message.feed(b"text"));
        assert_eq!(mac, expected(&key, b"text"));
    }
}
