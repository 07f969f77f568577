//! What an auditor of a log reads: notes, checkpoints, proofs, policies, answers.

use std::sync::LazyLock;

use otp_engine::Timestamp;
use otp_log::{
    AddCheckpoint, Checkpoint, EntryBundle, Frontier, Hash, Leaf, MAX_SIZE, Note, Policy,
    ProofPlan, Resource, Tile, TlogProof, TreeHead, VerifierKey, timestamp,
};

/// The log and witnesses of the vectors, of which both must have cosigned; and the log alone.
static POLICIES: LazyLock<[Policy; 2]> = LazyLock::new(|| {
    let text = include_str!("../../../crates/otp-log/tests/vectors/policy");
    let alone = text.replace("quorum both", "quorum none");
    [text, &alone].map(|text| text.parse().expect("a policy"))
});

/// All that the log of the vectors and its witnesses signed: texts of checkpoints.
static SIGNED: LazyLock<Vec<String>> = LazyLock::new(|| {
    let text = include_str!("../../../crates/otp-log/tests/vectors/log.json");
    let vectors: serde_json::Value = serde_json::from_str(text).expect("JSON");
    let names = ["checkpoint_48", "checkpoint_70", "forked_70"];
    let note = |name| vectors[name].as_str().expect("a text");
    let text = |name| note(name).rsplit_once("\n\n").expect("a note").0.to_owned() + "\n";
    names.into_iter().map(text).collect()
});

/// The entry that the proof of the vectors proves.
const ENTRY: &[u8] = include_bytes!("../../../crates/otp-log/tests/vectors/entry");

/// What is read and written again is the same.
fn same<T: core::str::FromStr + ToString>(text: &str) -> Option<T> {
    let read: T = text.parse().ok()?;
    assert_eq!(read.to_string(), text);
    Some(read)
}

/// Any text or bytes of a log: a note, a proof, a request to a witness or its answer, a policy, a key, a path, a
/// tile, a bundle, a leaf, a time-stamp.
///
/// # Panics
///
/// Where something is read that is not the same once it is written, or trusted that no trusted key signed.
pub fn log(data: &[u8]) {
    let [strict, alone] = &*POLICIES;
    let width = data.first().map_or(0, |first| u16::from(*first) + 1);
    let rest = data.get(1..).unwrap_or_default();
    if let Ok(bundle) = EntryBundle::from_bytes(rest, width) {
        assert_eq!(bundle.to_bytes(), rest);
        assert_eq!(bundle.tile().hashes().len(), usize::from(width));
    }
    if let Ok(tile) = Tile::from_bytes(rest, width) {
        assert_eq!(tile.to_bytes(), rest);
        assert_eq!(tile.root().is_some(), width == 256);
    }
    if let Ok(leaf) = Leaf::parse(data) {
        assert_eq!(leaf.to_bytes(), data);
    }
    let checkpoint = Checkpoint::parse(&SIGNED[1]).expect("a checkpoint");
    for nonce in [None, Some(1)] {
        if let Err(error) = timestamp::check_answer(&checkpoint, nonce, data) {
            assert!(error.to_string().len() < 200);
        }
    }
    let keys: Vec<_> = strict
        .witnesses()
        .iter()
        .map(|one| one.key().clone())
        .collect();
    let request = |note: &Note| AddCheckpoint::new(0, Vec::new(), note.clone());
    let note = format!("{}\n— a AAAABBBB\n", SIGNED[1])
        .parse()
        .expect("a note");
    let answers = request(&note).expect("a request");
    let (kind, now) = ("text/x.tlog.size", Timestamp::from_unix(1_790_000_000));
    for status in [200, 409] {
        if let Err(error) = answers.judge(&keys, now, status, kind, data) {
            assert!(error.to_string().len() < 300);
        }
    }
    let Ok(text) = core::str::from_utf8(data) else {
        return assert!(Note::parse(data).is_err());
    };
    if let Some(note) = same::<Note>(text) {
        let verified = alone.verify(&note);
        if verified.is_ok() {
            assert!(SIGNED.iter().any(|signed| signed == note.text()));
        }
        // Both witnesses cosigned one of them alone.
        if strict.verify(&note).is_ok() {
            assert!(verified.is_ok() && note.text() == SIGNED[1]);
        }
        let _ = request(&note);
    }
    if let Some(proof) = same::<TlogProof>(text)
        && proof.verify(alone, ENTRY).is_ok()
    {
        assert_eq!(proof.index(), 41);
        assert_eq!(proof.note().text(), SIGNED[1]);
    }
    same::<AddCheckpoint>(text);
    same::<VerifierKey>(text);
    same::<Resource>(text);
    if let Err(error) = text.parse::<Policy>() {
        assert!(error.to_string().len() < 200);
    }
}

/// How many leaves the tree of `tree` has.
const SIZE: u64 = 300;

/// A tree with all its nodes, and the heads of all its sizes.
type Nodes = std::collections::BTreeMap<otp_log::Node, Hash>;
static TREE: LazyLock<(Nodes, Vec<TreeHead>)> = LazyLock::new(|| {
    let (mut nodes, mut frontier) = (Nodes::new(), Frontier::new());
    let mut heads = vec![frontier.head()];
    for index in 0..SIZE {
        let pushed = frontier.push_with(leaf(index), |node, hash| _ = nodes.insert(node, hash));
        pushed.expect("room");
        heads.push(frontier.head());
    }
    (nodes, heads)
});

fn leaf(index: u64) -> Hash {
    Hash::of_leaf(&index.to_be_bytes())
}

/// Proofs: which size and index, then which nodes of a tree they are made from, or hashes as they come.
///
/// # Panics
///
/// Where a proof is taken that is not the one that belongs there.
pub fn tree(data: &[u8]) {
    let (nodes, heads) = &*TREE;
    let Some(([a, b], rest)) = data.split_first_chunk() else {
        return;
    };
    let (head, older) = (heads[usize::from(*a) + 45], heads[usize::from(*b)]);
    let (size, other) = (head.size(), older.size());
    let known: Vec<_> = nodes.values().collect();
    let path: Vec<Hash> = rest
        .chunks_exact(2)
        .map(|pair| {
            let place = usize::from(u16::from_be_bytes([pair[0], pair[1]]));
            known
                .get(place)
                .map_or_else(|| leaf(place as u64), |hash| **hash)
        })
        .collect();
    let prove = |plan: ProofPlan| plan.prove(|node| nodes.get(&node).copied()).expect("nodes");
    if head.verify_inclusion(other, leaf(other), &path).is_ok() {
        assert_eq!(
            path,
            prove(ProofPlan::inclusion(other, size).expect("within"))
        );
    }
    if head.verify_consistency(&older, &path).is_ok() {
        assert_eq!(
            path,
            prove(ProofPlan::consistency(other, size).expect("older"))
        );
    }
    // The true ones hold.
    if other < size {
        let path = prove(ProofPlan::inclusion(other, size).expect("within"));
        head.verify_inclusion(other, leaf(other), &path)
            .expect("its proof");
        let path = prove(ProofPlan::consistency(other, size).expect("older"));
        head.verify_consistency(&older, &path).expect("its proof");
    }
    // Sizes as they come.
    let Some(([index, size], rest)) = numbers(rest) else {
        return;
    };
    let (hashes, _) = rest.as_chunks::<32>();
    let path: Vec<_> = hashes.iter().copied().map(Hash::from_bytes).collect();
    if let (Ok(newer), Ok(older)) = (
        TreeHead::new(size, leaf(1)),
        TreeHead::new(index & MAX_SIZE, leaf(2)),
    ) {
        assert!(newer.verify_inclusion(index, leaf(index), &path).is_err());
        assert!(newer.verify_consistency(&older, &path).is_err());
    }
    for plan in [
        ProofPlan::inclusion(index, size),
        ProofPlan::consistency(index, size),
    ]
    .into_iter()
    .flatten()
    {
        assert!(plan.len() <= 64 && plan.nodes().count() <= 126 && plan.tiles().len() <= 16);
    }
    let _ = Resource::since(index, size).take(3).count();
}

/// Reads two numbers.
fn numbers(data: &[u8]) -> Option<([u64; 2], &[u8])> {
    let (first, rest) = data.split_first_chunk()?;
    let (second, rest) = rest.split_first_chunk()?;
    Some(([*first, *second].map(u64::from_be_bytes), rest))
}
