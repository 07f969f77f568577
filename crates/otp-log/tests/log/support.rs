//! Vectors, and trees from the definition: slow ones that hold all leaves, and large ones that hold almost none.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::LazyLock;

use otp_log::{
    CosignerKey, Frontier, Hash, LogKey, MAX_SIZE, Node, Policy, ProofPlan, TreeHead, VerifierKey,
};
use serde_json::Value;

/// `tests/vectors/log.json`: made by a prototype in another language, and judged by crates and tools of others.
pub(crate) static VECTORS: LazyLock<Value> =
    LazyLock::new(|| serde_json::from_str(include_str!("../vectors/log.json")).unwrap());

/// Returns a text of the vectors, by the way to it.
pub(crate) fn text(pointer: &str) -> &'static str {
    VECTORS.pointer(pointer).unwrap().as_str().unwrap()
}

/// Reads hexadecimal digits.
pub(crate) fn hex(digits: &str) -> Vec<u8> {
    let byte = |at| u8::from_str_radix(&digits[at..at + 2], 16).unwrap();
    (0..digits.len()).step_by(2).map(byte).collect()
}

/// Writes hexadecimal digits.
pub(crate) fn to_hex(bytes: impl AsRef<[u8]>) -> String {
    let digits = bytes.as_ref().iter().map(|byte| format!("{byte:02x}"));
    digits.collect()
}

pub(crate) fn hash(value: &Value) -> Hash {
    let bytes: [u8; 32] = hex(value.as_str().unwrap()).try_into().unwrap();
    bytes.into()
}

/// Returns the entries of the vectors.
pub(crate) fn entries() -> Vec<Vec<u8>> {
    let leaves = VECTORS["leaves"].as_array().unwrap();
    let input = |leaf: &Value| hex(leaf["input"].as_str().unwrap());
    leaves.iter().map(input).collect()
}

pub(crate) fn seed(of: &str) -> [u8; 32] {
    hex(text(&format!("/keys/{of}/seed"))).try_into().unwrap()
}

pub(crate) fn log_key() -> LogKey {
    LogKey::from_seed(text("/keys/log/name"), &seed("log")).unwrap()
}

pub(crate) fn witness(name: &str) -> CosignerKey {
    CosignerKey::from_seed(text(&format!("/keys/{name}/name")), &seed(name)).unwrap()
}

pub(crate) fn vkey(of: &str) -> VerifierKey {
    text(&format!("/keys/{of}/vkey")).parse().unwrap()
}

/// Both witnesses of the vectors must have cosigned.
pub(crate) fn strict_policy() -> Policy {
    include_str!("../vectors/policy").parse().unwrap()
}

/// A tree with all its nodes, as an operator keeps them.
#[derive(Default)]
pub(crate) struct Tree {
    pub(crate) frontier: Frontier,
    pub(crate) nodes: BTreeMap<Node, Hash>,
    pub(crate) leaves: Vec<Hash>,
}

impl Tree {
    pub(crate) fn of(entries: impl IntoIterator<Item = impl AsRef<[u8]>>) -> Self {
        let mut tree = Self::default();
        for entry in entries {
            tree.push(Hash::of_leaf(entry.as_ref()));
        }
        tree
    }

    pub(crate) fn push(&mut self, leaf: Hash) {
        let nodes = &mut self.nodes;
        let keep = |node, hash| {
            nodes.insert(node, hash);
        };
        self.frontier.push_with(leaf, keep).unwrap();
        self.leaves.push(leaf);
    }

    pub(crate) fn head(&self) -> TreeHead {
        self.frontier.head()
    }

    /// Makes a proof within the tree of an earlier size, too: complete nodes never change.
    pub(crate) fn prove(&self, plan: &ProofPlan) -> Vec<Hash> {
        plan.prove(|node| self.nodes.get(&node).copied()).unwrap()
    }
}

/// The tree by RFC 6962, section 2.1, word for word; what was computed once is kept.
pub(crate) struct Naive<'a> {
    leaves: &'a [Hash],
    known: HashMap<(usize, usize), Hash>,
}

impl<'a> Naive<'a> {
    pub(crate) fn new(leaves: &'a [Hash]) -> Self {
        let known = HashMap::new();
        Self { leaves, known }
    }

    /// MTH(D[from:to]).
    pub(crate) fn root(&mut self, from: usize, to: usize) -> Hash {
        if to - from == 0 {
            return Hash::EMPTY;
        }
        if to - from == 1 {
            return self.leaves[from];
        }
        if let Some(known) = self.known.get(&(from, to)) {
            return *known;
        }
        let middle = from + split(to - from);
        let root = Hash::of_nodes(self.root(from, middle), self.root(middle, to));
        self.known.insert((from, to), root);
        root
    }

    /// PATH(m, D[from:to]).
    pub(crate) fn path(&mut self, m: usize, from: usize, to: usize) -> Vec<Hash> {
        if to - from == 1 {
            return Vec::new();
        }
        let middle = from + split(to - from);
        let (mut path, sibling) = match m < middle - from {
            true => (self.path(m, from, middle), self.root(middle, to)),
            false => {
                let path = self.path(m - (middle - from), middle, to);
                (path, self.root(from, middle))
            }
        };
        path.push(sibling);
        path
    }

    /// PROOF(m, D[0:to]).
    pub(crate) fn consistency(&mut self, m: usize, to: usize) -> Vec<Hash> {
        match m == 0 || m == to {
            true => Vec::new(),
            false => self.subproof(m, 0, to, true),
        }
    }

    fn subproof(&mut self, m: usize, from: usize, to: usize, whole: bool) -> Vec<Hash> {
        if m == to - from {
            return match whole {
                true => Vec::new(),
                false => vec![self.root(from, to)],
            };
        }
        let k = split(to - from);
        let (mut proof, sibling) = match m <= k {
            true => {
                let proof = self.subproof(m, from, from + k, whole);
                (proof, self.root(from + k, to))
            }
            false => {
                let proof = self.subproof(m - k, from + k, to, false);
                (proof, self.root(from, from + k))
            }
        };
        proof.push(sibling);
        proof
    }
}

/// The largest power of two below `n`, by trying.
fn split(n: usize) -> usize {
    let mut k = 1;
    while k * 2 < n {
        k *= 2;
    }
    k
}

/// A tree of any size of which almost all leaves are the same: any node can be computed, none is kept but those of
/// the levels and of the few that differ.
pub(crate) struct Sparse {
    same: Vec<Hash>,
    others: BTreeSet<u64>,
}

impl Sparse {
    pub(crate) fn new(others: impl IntoIterator<Item = u64>) -> Self {
        let mut same = vec![Hash::of_leaf(b"same")];
        for level in 0..63 {
            same.push(Hash::of_nodes(same[level], same[level]));
        }
        let others = others.into_iter().collect();
        Self { same, others }
    }

    pub(crate) fn leaf(&self, index: u64) -> Hash {
        match self.others.contains(&index) {
            true => Hash::of_leaf(&index.to_be_bytes()),
            false => self.same[0],
        }
    }

    pub(crate) fn node(&self, level: u8, index: u64) -> Hash {
        let (first, last) = (index << level, (index << level) + ((1 << level) - 1));
        if self.others.range(first..=last).next().is_none() {
            return self.same[usize::from(level)];
        }
        match level.checked_sub(1) {
            None => self.leaf(index),
            Some(below) => {
                Hash::of_nodes(self.node(below, 2 * index), self.node(below, 2 * index + 1))
            }
        }
    }

    /// Returns the frontier at a size, from the nodes alone.
    pub(crate) fn frontier(&self, size: u64) -> Frontier {
        assert!(size <= MAX_SIZE);
        let mut hashes = Vec::new();
        let mut start = 0;
        for level in (0..63_u8).rev().filter(|level| size >> level & 1 == 1) {
            hashes.push(self.node(level, start >> level));
            start += 1 << level;
        }
        Frontier::from_hashes(size, &hashes).unwrap()
    }

    pub(crate) fn head(&self, size: u64) -> TreeHead {
        self.frontier(size).head()
    }

    pub(crate) fn prove(&self, plan: &ProofPlan) -> Vec<Hash> {
        let node = |node: Node| Some(self.node(node.level(), node.index()));
        plan.prove(node).unwrap()
    }
}

/// A sequence of numbers that is the same in each run (splitmix64).
pub(crate) struct Numbers(pub(crate) u64);

impl Numbers {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ z >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ z >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ z >> 31
    }

    /// A number below `bound`.
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    pub(crate) fn place(&mut self, len: usize) -> usize {
        usize::try_from(self.below(len as u64)).unwrap()
    }
}
