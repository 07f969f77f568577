//! Trees and their proofs against the definition, up to 2^63 - 1 leaves.

use std::collections::HashMap;

use otp_log::{
    EntryBundle, Frontier, Hash, MAX_SIZE, Node, ProofError, ProofPlan, Resource, Tile, TileId,
};
use proptest::prelude::*;

use crate::support::*;

/// Each tree of up to 600 leaves: its root; and each proof in it, and from each smaller one, is the definition's.
#[test]
fn case_570_each_tree_of_up_to_600_leaves_is_that_of_the_definition() {
    let tree = Tree::of((0..600_u32).map(u32::to_be_bytes));
    let mut naive = Naive::new(&tree.leaves);
    let mut frontier = Frontier::new();
    let mut heads = vec![frontier.head()];
    assert_eq!(heads[0].root(), Hash::EMPTY);
    for leaf in &tree.leaves {
        frontier.push(*leaf).unwrap();
        heads.push(frontier.head());
    }
    for (size, head) in heads.iter().enumerate() {
        let n = size as u64;
        assert_eq!((head.size(), head.root()), (n, naive.root(0, size)));
        for index in 0..size {
            let proof = tree.prove(&ProofPlan::inclusion(index as u64, n).unwrap());
            assert_eq!(proof, naive.path(index, 0, size), "{index} of {size}");
            let leaf = tree.leaves[index];
            assert_eq!(head.verify_inclusion(index as u64, leaf, &proof), Ok(()));
        }
        for (old, older) in heads.iter().enumerate().take(size + 1) {
            let proof = tree.prove(&ProofPlan::consistency(old as u64, n).unwrap());
            assert_eq!(proof, naive.consistency(old, size), "{old} to {size}");
            assert_eq!(head.verify_consistency(older, &proof), Ok(()));
        }
    }
}

/// Cuts a tree into the tiles of its size.
fn tiles(tree: &Tree) -> HashMap<TileId, Tile> {
    let mut by_level: HashMap<u8, Vec<Hash>> = HashMap::new();
    for (node, hash) in &tree.nodes {
        if node.level() % 8 == 0 {
            by_level.entry(node.level() / 8).or_default().push(*hash);
        }
    }
    let tile_of = |resource| match resource {
        Resource::Tile(id) => {
            let first = usize::try_from(id.index() * 256).unwrap();
            let hashes = &by_level[&id.level()][first..first + usize::from(id.width())];
            Some((id, Tile::from_hashes(hashes.to_vec()).unwrap()))
        }
        _ => None,
    };
    Resource::of_tree(tree.head().size())
        .filter_map(tile_of)
        .collect()
}

#[test]
fn case_571_tiles_are_enough_for_any_proof_and_level_0_comes_from_the_entries() {
    let entries: Vec<[u8; 4]> = (0..70_000_u32).map(u32::to_be_bytes).collect();
    let tree = Tree::of(&entries);
    let tiles = tiles(&tree);
    let head = tree.head();
    // tlog-tiles has this size as its example.
    let count = |level, width| {
        let is_its = |id: &&TileId| (id.level(), id.width()) == (level, width);
        tiles.keys().filter(is_its).count()
    };
    let counts = [(0, 256), (0, 112), (1, 256), (1, 17), (2, 1)];
    assert_eq!(
        counts.map(|(level, width)| count(level, width)),
        [273, 1, 1, 1, 1]
    );
    assert_eq!(tiles.len(), 277);
    for (id, tile) in &tiles {
        let first = usize::try_from(id.index() * 256).unwrap();
        if id.level() == 0 {
            let part = entries[first..].iter().take(id.width().into());
            let bundle = EntryBundle::from_entries(part.map(|entry| &entry[..]).collect()).unwrap();
            assert_eq!(bundle.tile(), *tile);
            let bytes = bundle.to_bytes();
            assert_eq!(EntryBundle::from_bytes(&bytes, id.width()).unwrap(), bundle);
        }
        assert_eq!(
            Tile::from_bytes(&tile.to_bytes(), id.width()).unwrap(),
            *tile
        );
        if let Some(root) = tile.root() {
            let above = tiles.iter().find(|(above, _)| {
                above.level() == id.level() + 1 && above.index() == id.index() / 256
            });
            let place = usize::try_from(id.index() % 256).unwrap();
            assert_eq!(above.unwrap().1.hashes()[place], root);
        }
    }
    let mut numbers = Numbers(571);
    for _ in 0..500 {
        let (index, old) = (numbers.below(70_000), numbers.below(70_000) + 1);
        let plan = ProofPlan::inclusion(index, 70_000).unwrap();
        assert!(plan.tiles().len() <= 5, "{:?}", plan.tiles());
        let path = plan.prove_from_tiles(|id| tiles.get(&id)).unwrap();
        let leaf = tree.leaves[usize::try_from(index).unwrap()];
        assert_eq!(head.verify_inclusion(index, leaf, &path), Ok(()));
        let plan = ProofPlan::consistency(old, 70_000).unwrap();
        let path = plan.prove_from_tiles(|id| tiles.get(&id)).unwrap();
        assert_eq!(path, tree.prove(&plan));
        // A tile that is missing is named, not guessed.
        let first = plan.tiles().first().copied();
        let missing = plan.prove_from_tiles(|id| tiles.get(&id).filter(|_| Some(id) != first));
        let missing = matches!(missing, Err(ProofError::Missing(_)));
        assert!(missing || plan.is_empty());
    }
}

#[test]
fn case_572_an_append_writes_the_tiles_and_bundles_that_grow_and_no_others() {
    for (older, newer) in [
        (0, 0),
        (0, 1),
        (255, 256),
        (256, 257),
        (300, 300),
        (100, 70_000),
    ] {
        let before: Vec<_> = Resource::of_tree(older).collect();
        let expected: Vec<_> = Resource::of_tree(newer)
            .filter(|one| !before.contains(one))
            .collect();
        let since: Vec<_> = Resource::since(older, newer).collect();
        assert_eq!(since, expected, "{older} to {newer}");
    }
    // Each path is read back as what it names, and is named once.
    let paths: Vec<_> = Resource::of_tree(70_000).collect();
    for one in paths.iter().chain(&[Resource::Checkpoint]) {
        assert_eq!(one.to_string().parse(), Ok(*one));
    }
    assert_eq!(
        Resource::of_tree(MAX_SIZE).next().unwrap().to_string(),
        "tile/entries/000"
    );
}

proptest! {
    /// Proofs in trees of up to 2^40 leaves, and of up to 2^63 - 1, from nodes that are computed one by one.
    #[test]
    fn case_573_proofs_hold_in_trees_of_any_size_and_for_nothing_else(
        bits in 1..=63_u32,
        size in any::<u64>(),
        seed in any::<u64>(),
    ) {
        let size = (size >> (64 - bits)).max(1);
        let mut numbers = Numbers(seed);
        let index = numbers.below(size);
        let old = numbers.below(size) + 1;
        let near = [index, index ^ 1, old - 1, size - 1, 0, size / 2];
        let tree = Sparse::new(near.into_iter().filter(|one| *one < size));
        let head = tree.head(size);

        let plan = ProofPlan::inclusion(index, size).unwrap();
        prop_assert!(plan.len() <= 63 && plan.nodes().count() <= 126 && plan.tiles().len() <= 16);
        let path = tree.prove(&plan);
        prop_assert_eq!(head.verify_inclusion(index, tree.leaf(index), &path), Ok(()));
        let other = index ^ 1;
        let by_other = head.verify_inclusion(other, tree.leaf(index), &path);
        prop_assert!(by_other.is_err() || size == 1);
        prop_assert!(head.verify_inclusion(index, Hash::of_leaf(b"x"), &path).is_err());
        wrong_lengths(&path, |path| head.verify_inclusion(index, tree.leaf(index), path))?;

        let older = tree.head(old);
        let plan = ProofPlan::consistency(old, size).unwrap();
        prop_assert!(plan.len() <= 64 && plan.nodes().count() <= 126 && plan.tiles().len() <= 16);
        let path = tree.prove(&plan);
        prop_assert_eq!(head.verify_consistency(&older, &path), Ok(()));
        wrong_lengths(&path, |path| head.verify_consistency(&older, path))?;
        if old < size {
            let of_another = Sparse::new([]).head(old);
            prop_assert!(head.verify_consistency(&of_another, &path).is_err());
            prop_assert!(older.verify_consistency(&head, &path).is_err(), "the wrong way");
        }
        // The next leaf goes on where the frontier is.
        if size < MAX_SIZE {
            let mut grown = tree.frontier(size);
            let is_new = |node: Node| ((node.index() + 1) << node.level()) == size + 1;
            grown.push_with(tree.leaf(size), |node, _| assert!(is_new(node))).unwrap();
            prop_assert_eq!(grown.head(), tree.head(size + 1));
        }
    }

    /// What the checkers are given is never a reason to panic.
    #[test]
    fn case_573_checkers_take_any_proof_of_any_size(
        sizes in any::<(u64, u64)>(), index in any::<u64>(), len in 0..70_usize,
    ) {
        let proof = vec![Hash::of_leaf(b""); len];
        let head = |size| otp_log::TreeHead::new(size, Hash::of_leaf(b""));
        if let (Ok(newer), Ok(older)) = (head(sizes.0 >> 1), head(sizes.1 >> 1)) {
            prop_assert!(newer.verify_inclusion(index, Hash::EMPTY, &proof).is_err());
            let verdict = newer.verify_consistency(&older, &proof);
            prop_assert!(verdict.is_err() || older.size() == newer.size());
        }
        let plan = ProofPlan::inclusion(index, sizes.0);
        prop_assert_eq!(plan.is_ok(), index < sizes.0 && sizes.0 <= MAX_SIZE);
        let plan = ProofPlan::consistency(sizes.0, sizes.1);
        prop_assert_eq!(plan.is_ok(), sizes.0 <= sizes.1 && sizes.1 <= MAX_SIZE);
    }
}

/// The longest proofs that there are: from an odd size below 2^62 to one above it, one hash more than a path has.
#[test]
fn case_573_the_longest_proofs_have_63_and_64_hashes() {
    for (size, longest) in [(MAX_SIZE, 64), (1 << 62, 63), (1 << 40, 41)] {
        let old = size / 4 - size / 4 % 2 + 1;
        let tree = Sparse::new([old - 1, size - 1]);
        let plan = ProofPlan::consistency(old, size).unwrap();
        assert_eq!(plan.len(), longest, "{size}");
        let path = tree.prove(&plan);
        let verdict = tree.head(size).verify_consistency(&tree.head(old), &path);
        assert_eq!(verdict, Ok(()));
        assert_eq!(ProofPlan::inclusion(old, size).unwrap().len(), longest - 1);
    }
}

/// A hash short, a hash long, two swapped, one changed: none verifies.
fn wrong_lengths(
    path: &[Hash],
    verify: impl Fn(&[Hash]) -> Result<(), ProofError>,
) -> Result<(), TestCaseError> {
    if let Some((_, short)) = path.split_last() {
        // Else an inner node could be taken for a leaf.
        prop_assert_eq!(verify(short), Err(ProofError::Length(short.len())));
        let (_, short) = path.split_first().unwrap();
        prop_assert_eq!(verify(short), Err(ProofError::Length(short.len())));
    }
    let long = [path, &[Hash::EMPTY]].concat();
    prop_assert_eq!(verify(&long), Err(ProofError::Length(long.len())));
    for place in 0..path.len() {
        let mut other = path.to_vec();
        other[place] = Hash::of_leaf(b"changed");
        prop_assert_eq!(verify(&other), Err(ProofError::Root));
        other = path.to_vec();
        let last = path.len() - 1;
        other.swap(place, last);
        prop_assert!(verify(&other).is_err() || other == path);
    }
    Ok(())
}
