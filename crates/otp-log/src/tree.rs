//! The Merkle tree of RFC 6962 and RFC 9162: its hashes, and what proves a leaf in it or one tree within another.
//!
//! Nothing here holds a tree. Whoever appends keeps a [`Frontier`], at most 63 hashes; whoever proves asks a
//! [`ProofPlan`] which nodes a proof is made from, and fetches those alone; whoever verifies needs a [`TreeHead`].

use alloc::vec::Vec;
use core::fmt;
use core::str::FromStr;

use sha2::{Digest, Sha256};

use crate::error::{ParseError, ProofError};
use crate::text;
use crate::tile::{Tile, TileId};

/// The most leaves of a tree: 2^63 - 1.
pub const MAX_SIZE: u64 = (1 << 63) - 1;

/// A SHA-256 hash of a leaf or a node.
///
/// `Display` writes it, and `FromStr` reads it, as the 44 characters of base64 that checkpoints and proofs have.
#[derive(Clone, Copy, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Hash([u8; 32]);

impl Hash {
    /// The root of the tree without leaves: SHA-256 of nothing (RFC 6962, section 2.1).
    pub const EMPTY: Self = Self([
        0xe3, 0xb0, 0xc4, 0x42, 0x98, 0xfc, 0x1c, 0x14, 0x9a, 0xfb, 0xf4, 0xc8, 0x99, 0x6f, 0xb9,
        0x24, 0x27, 0xae, 0x41, 0xe4, 0x64, 0x9b, 0x93, 0x4c, 0xa4, 0x95, 0x99, 0x1b, 0x78, 0x52,
        0xb8, 0x55,
    ]);

    /// Takes 32 bytes for a hash.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Returns the 32 bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Hashes an entry: SHA-256 of a zero byte and the entry (RFC 6962, section 2.1).
    ///
    /// ```
    /// let leaf = otp_log::Hash::of_leaf(b"");
    /// assert_eq!(leaf.to_string(), "bjQLnP+zepicpUTmu3gKLHiQHT+zNzh2hRGjBhevoB0=");
    /// ```
    #[must_use]
    pub fn of_leaf(entry: &[u8]) -> Self {
        let hash = Sha256::new().chain_update([0]).chain_update(entry);
        Self(hash.finalize().into())
    }

    /// Hashes two nodes into the one above: SHA-256 of a byte 1, the left and the right hash.
    #[must_use]
    pub fn of_nodes(left: Self, right: Self) -> Self {
        let hash = Sha256::new().chain_update([1]).chain_update(left.0);
        Self(hash.chain_update(right.0).finalize().into())
    }
}

impl From<[u8; 32]> for Hash {
    fn from(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&text::to_base64(&self.0))
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Hash({self})")
    }
}

impl FromStr for Hash {
    type Err = ParseError;

    fn from_str(line: &str) -> Result<Self, ParseError> {
        text::hash(line, "hash")
    }
}

/// Size and root of a tree: what a checkpoint says of it.
///
/// A root does not fix its size: of the wrong sizes that were tried, 22 % verified a true proof against the true
/// root. So take both from one verified checkpoint ([`Checkpoint::head`](crate::Checkpoint::head)), never one of
/// them from whoever brings the proof.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct TreeHead {
    size: u64,
    root: Hash,
}

impl TreeHead {
    /// The tree without leaves.
    pub const EMPTY: Self = Self {
        size: 0,
        root: Hash::EMPTY,
    };

    /// Joins the number of leaves and the root hash.
    ///
    /// # Errors
    ///
    /// [`ParseError`] for more than 2^63 - 1 leaves, and for no leaves with another root than [`Hash::EMPTY`].
    pub fn new(size: u64, root: Hash) -> Result<Self, ParseError> {
        if size > MAX_SIZE {
            return Err(ParseError::new("tree size", "at most 2^63 - 1"));
        }
        if size == 0 && root != Hash::EMPTY {
            return Err(ParseError::new("root of size 0", "SHA-256 of nothing"));
        }
        Ok(Self { size, root })
    }

    /// Returns the number of leaves, at most 2^63 - 1.
    #[must_use]
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// Returns the root hash.
    #[must_use]
    pub const fn root(&self) -> Hash {
        self.root
    }

    /// Verifies that `leaf` is the leaf of this `index`, counted from 0 (RFC 9162, section 2.1.3.2).
    ///
    /// `proof` has one hash a level, from the leaf's sibling up. It takes one hash computation for each, at most 63.
    ///
    /// # Errors
    ///
    /// [`ProofError::Index`] where the tree has no such leaf, [`ProofError::Length`] for a hash too many or too
    /// few, [`ProofError::Root`] if the proof leads elsewhere.
    pub fn verify_inclusion(
        &self,
        index: u64,
        leaf: Hash,
        proof: &[Hash],
    ) -> Result<(), ProofError> {
        let Self { size, root } = *self;
        if index >= size {
            return Err(ProofError::Index { index, size });
        }
        let mut walk = Walk::new(index, size - 1);
        let mut hash = leaf;
        for sibling in proof {
            hash = match walk.step().ok_or(ProofError::Length(proof.len()))? {
                Side::Left => Hash::of_nodes(*sibling, hash),
                Side::Right => Hash::of_nodes(hash, *sibling),
            };
        }
        walk.end(proof.len())?;
        (hash == root).then_some(()).ok_or(ProofError::Root)
    }

    /// Verifies that this tree holds all leaves of the `older` one, in their places, before its own new ones
    /// (RFC 9162, section 2.1.4.2).
    ///
    /// The proof is empty where the older tree has no leaves, and where both have the same: then the roots must be
    /// equal. It has at most 64 hashes, and up to 2^62 leaves at most 63.
    ///
    /// # Errors
    ///
    /// [`ProofError::Order`] where the older tree is the larger one, [`ProofError::Length`] for a hash too many or too
    /// few, [`ProofError::Root`] if the proof leads to another root on either side.
    pub fn verify_consistency(&self, older: &Self, proof: &[Hash]) -> Result<(), ProofError> {
        let (old, new) = (older.size, self.size);
        if old > new {
            return Err(ProofError::Order {
                older: old,
                newer: new,
            });
        }
        if old == 0 || old == new {
            if !proof.is_empty() {
                return Err(ProofError::Length(proof.len()));
            }
            let same = old == 0 || older.root == self.root;
            return same.then_some(()).ok_or(ProofError::Root);
        }
        // Where the older tree is perfect, its root stands first and is not repeated.
        let (first, rest) = match old.is_power_of_two() {
            true => (older.root, proof),
            false => {
                let (first, rest) = proof.split_first().ok_or(ProofError::Length(0))?;
                (*first, rest)
            }
        };
        let skipped = (old - 1).trailing_ones();
        let mut walk = Walk::new((old - 1) >> skipped, (new - 1) >> skipped);
        let (mut left, mut whole) = (first, first);
        for sibling in rest {
            match walk.step().ok_or(ProofError::Length(proof.len()))? {
                Side::Left => {
                    left = Hash::of_nodes(*sibling, left);
                    whole = Hash::of_nodes(*sibling, whole);
                }
                Side::Right => whole = Hash::of_nodes(whole, *sibling),
            }
        }
        walk.end(proof.len())?;
        let leads = left == older.root && whole == self.root;
        leads.then_some(()).ok_or(ProofError::Root)
    }
}

/// The way from a node up to the root: the two counters of RFC 9162.
struct Walk {
    node: u64,
    last: u64,
}

/// On which side the next hash of a proof stands.
enum Side {
    Left,
    Right,
}

impl Walk {
    const fn new(node: u64, last: u64) -> Self {
        Self { node, last }
    }

    /// Goes one hash up; `None` at the root.
    fn step(&mut self) -> Option<Side> {
        if self.last == 0 {
            return None;
        }
        let side = if self.node & 1 == 1 || self.node == self.last {
            // A node at the right edge has no sibling until the number of its level is odd.
            let skipped = self.node.trailing_zeros();
            if self.node != 0 {
                self.node >>= skipped;
                self.last >>= skipped;
            }
            Side::Left
        } else {
            Side::Right
        };
        self.node >>= 1;
        self.last >>= 1;
        Some(side)
    }

    fn end(&self, len: usize) -> Result<(), ProofError> {
        let at_root = self.last == 0;
        at_root.then_some(()).ok_or(ProofError::Length(len))
    }
}

/// The right edge of a tree: one hash for each set bit of its size, at most 63. All that appending needs.
///
/// ```
/// use otp_log::{Frontier, Hash};
///
/// let mut tree = Frontier::new();
/// for entry in [b"a", b"b", b"c"] {
///     tree.push(Hash::of_leaf(entry))?;
/// }
/// assert_eq!((tree.size(), tree.hashes().len()), (3, 2));
/// let kept = Frontier::from_hashes(3, tree.hashes())?; // as a store gives it back
/// assert_eq!(kept.head(), tree.head());
/// # Ok::<(), Box<dyn core::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Frontier {
    size: u64,
    edge: Vec<Hash>,
}

impl Frontier {
    /// Makes the frontier of the tree without leaves.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            size: 0,
            edge: Vec::new(),
        }
    }

    /// Reads a frontier: the roots of the perfect subtrees from left to right, so the largest first.
    ///
    /// # Errors
    ///
    /// [`ParseError`] for more than 2^63 - 1 leaves, and unless there is one hash for each set bit of `size`.
    pub fn from_hashes(size: u64, hashes: &[Hash]) -> Result<Self, ParseError> {
        if size > MAX_SIZE {
            return Err(ParseError::new("tree size", "at most 2^63 - 1"));
        }
        if hashes.len() != size.count_ones() as usize {
            return Err(ParseError::new(
                "frontier",
                "one hash for each set bit of the size",
            ));
        }
        Ok(Self {
            size,
            edge: hashes.to_vec(),
        })
    }

    /// Appends a leaf, given its hash; on average it takes one hash computation.
    ///
    /// # Errors
    ///
    /// [`ProofError::Size`] beyond 2^63 - 1 leaves; nothing is appended then.
    pub fn push(&mut self, leaf: Hash) -> Result<(), ProofError> {
        self.push_with(leaf, |_, _| {})
    }

    /// Appends a leaf, and hands out each node that is now complete: the leaf first, then the roots of the perfect
    /// subtrees that it completes, from below.
    ///
    /// # Errors
    ///
    /// As [`push`](Self::push).
    pub fn push_with(
        &mut self,
        leaf: Hash,
        mut complete: impl FnMut(Node, Hash),
    ) -> Result<(), ProofError> {
        if self.size >= MAX_SIZE {
            return Err(ProofError::Size(self.size.saturating_add(1)));
        }
        let mut node = Node {
            level: 0,
            index: self.size,
        };
        let mut hash = leaf;
        complete(node, hash);
        while node.index & 1 == 1 {
            let Some(left) = self.edge.pop() else {
                break; // never: there is one hash for each set bit
            };
            hash = Hash::of_nodes(left, hash);
            node = Node {
                level: node.level + 1,
                index: node.index >> 1,
            };
            complete(node, hash);
        }
        self.edge.push(hash);
        self.size += 1;
        Ok(())
    }

    /// Returns the number of leaves.
    #[must_use]
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// Returns the hashes, the largest subtree's first.
    #[must_use]
    pub fn hashes(&self) -> &[Hash] {
        &self.edge
    }

    /// Returns size and root; it takes at most 62 hash computations.
    #[must_use]
    pub fn head(&self) -> TreeHead {
        let root = fold(self.edge.iter().copied()).unwrap_or(Hash::EMPTY);
        TreeHead {
            size: self.size,
            root,
        }
    }
}

/// Joins the roots of perfect subtrees, the largest first, into the one above all of them.
fn fold(roots: impl DoubleEndedIterator<Item = Hash>) -> Option<Hash> {
    roots
        .rev()
        .reduce(|right, left| Hash::of_nodes(left, right))
}

/// The root of a perfect subtree: of the 2^level leaves from `index` * 2^level on.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Node {
    level: u8,
    index: u64,
}

impl Node {
    /// Returns the height above the leaves: 0 is a leaf, at most 62.
    #[must_use]
    pub const fn level(self) -> u8 {
        self.level
    }

    /// Returns the place among the nodes of its level, counted from 0.
    #[must_use]
    pub const fn index(self) -> u64 {
        self.index
    }
}

/// The leaves from `start` up to `end`, which is not included; together one hash of a proof.
#[derive(Clone, Copy, Debug)]
struct Range {
    start: u64,
    end: u64,
}

impl Range {
    /// Cuts at the largest power of two below the length, which is at least 2 (RFC 6962, section 2.1).
    fn split(self) -> (Self, Self) {
        let len = self.end - self.start;
        let middle = self.start + (1 << (len - 1).ilog2());
        let (start, end) = (self.start, self.end);
        let left = Self { start, end: middle };
        (left, Self { start: middle, end })
    }

    /// Iterates over the perfect subtrees of which this consists, the largest first.
    fn nodes(self) -> impl DoubleEndedIterator<Item = Node> {
        let len = self.end - self.start;
        (0..63_u8).rev().filter_map(move |level| {
            // What the larger subtrees cover: the bits of the length above this one.
            let before = len >> level >> 1 << 1 << level;
            let index = (self.start + before) >> level;
            (len >> level & 1 == 1).then_some(Node { level, index })
        })
    }
}

/// What a proof is made from: which nodes of the tree, and how they are joined.
///
/// It needs memory for at most 64 ranges of leaves, however large the tree is.
///
/// ```
/// use otp_log::{Frontier, Hash, ProofPlan};
/// use std::collections::BTreeMap;
///
/// let (mut tree, mut nodes) = (Frontier::new(), BTreeMap::new());
/// for number in 0..1000_u32 {
///     let leaf = Hash::of_leaf(&number.to_be_bytes());
///     tree.push_with(leaf, |node, hash| _ = nodes.insert(node, hash))?;
/// }
/// let plan = ProofPlan::inclusion(123, 1000)?;
/// assert!(plan.nodes().count() <= 20); // to load at once
/// let proof = plan.prove(|node| nodes.get(&node).copied())?;
/// let leaf = Hash::of_leaf(&123_u32.to_be_bytes());
/// tree.head().verify_inclusion(123, leaf, &proof)?;
/// # Ok::<(), Box<dyn core::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct ProofPlan {
    size: u64,
    ranges: Vec<Range>,
}

impl ProofPlan {
    /// Plans the proof that the leaf of `index` stands in the tree of `size` leaves (RFC 6962, section 2.1.1).
    ///
    /// # Errors
    ///
    /// [`ProofError::Size`] above 2^63 - 1 leaves, [`ProofError::Index`] where the tree has no such leaf.
    pub fn inclusion(index: u64, size: u64) -> Result<Self, ProofError> {
        if size > MAX_SIZE {
            return Err(ProofError::Size(size));
        }
        if index >= size {
            return Err(ProofError::Index { index, size });
        }
        let mut ranges = Vec::new();
        let mut at = Range {
            start: 0,
            end: size,
        };
        while at.end - at.start > 1 {
            let (left, right) = at.split();
            let (next, sibling) = match index < left.end {
                true => (left, right),
                false => (right, left),
            };
            ranges.push(sibling);
            at = next;
        }
        ranges.reverse();
        Ok(Self { size, ranges })
    }

    /// Plans the proof that the tree of `newer` leaves extends the one of `older` (RFC 6962, section 2.1.2).
    ///
    /// # Errors
    ///
    /// [`ProofError::Size`] above 2^63 - 1 leaves, [`ProofError::Order`] where the older tree is the larger one.
    pub fn consistency(older: u64, newer: u64) -> Result<Self, ProofError> {
        if newer > MAX_SIZE {
            return Err(ProofError::Size(newer));
        }
        if older > newer {
            return Err(ProofError::Order { older, newer });
        }
        let mut ranges = Vec::new();
        let mut at = Range {
            start: 0,
            end: newer,
        };
        while older > 0 && older < at.end {
            let (left, right) = at.split();
            let (next, sibling) = match older <= left.end {
                true => (left, right),
                false => (right, left),
            };
            ranges.push(sibling);
            at = next;
        }
        // What begins with the first leaf is the older tree itself, whose root the verifier has.
        if older > 0 && at.start > 0 {
            ranges.push(at);
        }
        ranges.reverse();
        Ok(Self {
            size: newer,
            ranges,
        })
    }

    /// Returns the number of hashes in the proof: of inclusion at most 63, of consistency at most 64, and 63 up to 2^62
    /// leaves.
    #[must_use]
    pub fn len(&self) -> usize {
        self.ranges.len()
    }

    /// Tells whether the proof has no hash.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ranges.is_empty()
    }

    /// Iterates over the nodes from which the proof is made, at most 126.
    pub fn nodes(&self) -> impl Iterator<Item = Node> {
        self.ranges.iter().flat_map(|range| range.nodes())
    }

    /// Returns the tiles in which those nodes are, each once, in order: of the tree of this size, at most 16.
    #[must_use]
    pub fn tiles(&self) -> Vec<TileId> {
        let mut tiles: Vec<_> = self
            .nodes()
            .filter_map(|node| TileId::of_node(node, self.size))
            .collect();
        tiles.sort_unstable();
        tiles.dedup();
        tiles
    }

    /// Makes the proof; `node` gives the hash of a node.
    ///
    /// # Errors
    ///
    /// [`ProofError::Missing`] where it gives none.
    pub fn prove(
        &self,
        mut node: impl FnMut(Node) -> Option<Hash>,
    ) -> Result<Vec<Hash>, ProofError> {
        let mut hash_of = |range: &Range| {
            let mut roots = Vec::new();
            for part in range.nodes() {
                roots.push(node(part).ok_or(ProofError::Missing(part))?);
            }
            // A range has at least one leaf, so at least one root.
            Ok(fold(roots.into_iter()).unwrap_or(Hash::EMPTY))
        };
        self.ranges.iter().map(&mut hash_of).collect()
    }

    /// Makes the proof from tiles; `tile` gives each of [`tiles`](Self::tiles), and may be asked for one again.
    ///
    /// # Errors
    ///
    /// [`ProofError::Missing`] where it gives none, or one that is narrower than it should be.
    pub fn prove_from_tiles<'t>(
        &self,
        mut tile: impl FnMut(TileId) -> Option<&'t Tile>,
    ) -> Result<Vec<Hash>, ProofError> {
        self.prove(|node| tile(TileId::of_node(node, self.size)?)?.node(node))
    }
}
