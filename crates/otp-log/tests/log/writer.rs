//! Appending: each leaf once, in its lane's order, whatever feeder dies or comes second.

use std::collections::HashMap;

use otp_log::{
    Append, AppendError, Batch, Checkpoint, FieldTag, Hash, LANES, LanePart, Leaf, LeafKind,
    LogKey, LogState, Policy, ProofPlan, Resource, Tile, TileId, Timestamp, lane_of,
};

use crate::support::*;

/// A store: the state, the bundles and the tiles of the last commit.
#[derive(Clone, Default)]
struct Store {
    state: LogState,
    bundles: HashMap<u64, Vec<Leaf>>,
    tiles: HashMap<(u8, u64), (TileId, Tile)>,
}

impl Store {
    /// Loads what an append of `count` leaves goes on from.
    fn edge(&self, count: usize) -> (Vec<Leaf>, Vec<(TileId, Tile)>) {
        let (mut entries, mut tiles) = (Vec::new(), Vec::new());
        let edge = self.state.edge(count);
        assert!(edge.len() <= 8, "{edge:?}");
        for one in edge {
            match one {
                Resource::Entries(id) => entries = self.bundles[&id.index()].clone(),
                Resource::Tile(id) => tiles.push(self.tiles[&(id.level(), id.index())].clone()),
                other => panic!("{other}"),
            }
        }
        (entries, tiles)
    }

    fn append(
        &self,
        batch: &Batch,
        key: &LogKey,
        floor: Option<&Checkpoint>,
    ) -> Result<Append, AppendError> {
        let (entries, tiles) = self.edge(batch.leaves().len());
        let now = Timestamp::from_unix(1_790_000_000);
        self.state.append(batch, &entries, &tiles, key, now, floor)
    }

    /// Commits, if the state is still the one from which the append was made.
    fn commit(&mut self, from: &LogState, append: &Append) -> bool {
        if self.state != *from {
            return false;
        }
        assert!(append.bundles().len() <= 2 && append.tiles().len() <= 8);
        // As a cell, and back.
        let bytes = append.state().to_bytes();
        self.state = LogState::from_bytes(&bytes).unwrap();
        assert_eq!(self.state, *append.state());
        for (id, leaves) in append.bundles() {
            assert_eq!(leaves.len(), usize::from(id.width()));
            self.bundles.insert(id.index(), leaves.clone());
        }
        for (id, tile) in append.tiles() {
            self.tiles
                .insert((id.level(), id.index()), (*id, tile.clone()));
        }
        true
    }

    fn leaves(&self) -> Vec<Leaf> {
        let mut bundles: Vec<_> = self.bundles.iter().collect();
        bundles.sort_by_key(|(index, _)| **index);
        bundles
            .into_iter()
            .flat_map(|(_, leaves)| leaves.clone())
            .collect()
    }
}

fn leaf(lane: u8, number: u64, seconds: i64) -> Leaf {
    let mut digest = [lane; 32];
    digest[..8].copy_from_slice(&number.to_be_bytes());
    let tag = FieldTag::from_bytes([lane; 16]);
    Leaf::record(tag, number + 1, Timestamp::from_unix(seconds), digest).unwrap()
}

/// The journal: in each lane the leaves in their order, with times that do not go back.
fn journal(numbers: &mut Numbers, count: u64) -> Vec<Vec<Leaf>> {
    let mut lanes: Vec<Vec<Leaf>> = vec![Vec::new(); LANES];
    for second in 0..count {
        let lane = lane_of(numbers.next().to_be_bytes());
        let row = &mut lanes[usize::from(lane)];
        row.push(leaf(
            lane,
            row.len() as u64,
            i64::try_from(second / 3).unwrap(),
        ));
    }
    lanes
}

/// Reads, of each lane, the pages of 16 behind the cursor, at most two; the first from its beginning.
fn gather(state: &LogState, lanes: &[Vec<Leaf>], max: usize) -> Batch {
    let mut parts = Vec::new();
    for (lane, row) in (0..).zip(lanes) {
        let page = state.cursors()[usize::from(lane)] / 16 * 16;
        for page in [page, page + 16] {
            let at = usize::try_from(page).unwrap().min(row.len());
            let leaves = &row[at..row.len().min(at + 16)];
            if !leaves.is_empty() {
                parts.push(LanePart::new(lane, page, leaves));
            }
        }
    }
    Batch::merge(state, &parts, max).unwrap()
}

#[test]
fn case_579_each_leaf_is_logged_once_whatever_feeder_dies_or_comes_second() {
    let key = log_key();
    for seed in 0..4 {
        let mut numbers = Numbers(seed);
        let count = [700, 70_000, 66_000, 300][usize::try_from(seed).unwrap()];
        let lanes = journal(&mut numbers, count);
        let mut store = Store::default();
        assert_eq!(store.state.note(key.origin()), Ok(None));
        let mut stale = gather(&store.state, &lanes, 256);
        loop {
            let max = if count > 1000 {
                256
            } else {
                numbers.place(40) + 1
            };
            let batch = gather(&store.state, &lanes, max);
            if batch.leaves().is_empty() {
                assert_eq!(store.append(&batch, &key, None), Err(AppendError::Nothing));
                break;
            }
            let before = store.state.clone();
            let append = store.append(&batch, &key, None).unwrap();
            if numbers.below(5) == 0 {
                continue; // this one died before its commit
            }
            assert!(store.commit(&before, &append));
            // A second feeder with an old batch, and with an append made before.
            assert_eq!(store.append(&stale, &key, None), Err(AppendError::Stale));
            assert!(!store.commit(&before, &append));
            let note = store.state.note(key.origin()).unwrap().unwrap();
            assert_eq!(note, *append.note());
            assert_eq!(
                note.checkpoint().unwrap().head(),
                store.state.frontier().head()
            );
            stale = batch;
        }
        let logged = store.leaves();
        assert_eq!(logged.len() as u64, count);
        for (lane, row) in (0..).zip(&lanes) {
            let is_its = |leaf: &&Leaf| *leaf.tag().as_bytes() == [lane; 16];
            assert!(logged.iter().filter(is_its).eq(row), "lane {lane}");
        }
        // The tree is that of the entries, and the tiles that were written are enough for proofs.
        let tree = Tree::of(logged.iter().map(Leaf::to_bytes));
        assert_eq!(store.state.frontier(), &tree.frontier);
        let head = tree.head();
        for _ in 0..50 {
            let index = numbers.below(count);
            let plan = ProofPlan::inclusion(index, count).unwrap();
            let computed: HashMap<_, _> = plan
                .tiles()
                .into_iter()
                .map(|id| match id.level() {
                    0 => {
                        let leaves = &store.bundles[&id.index()];
                        let hashes = leaves.iter().map(|leaf| Hash::of_leaf(&leaf.to_bytes()));
                        (id, Tile::from_hashes(hashes.collect()).unwrap())
                    }
                    level => store.tiles[&(level, id.index())].clone(),
                })
                .collect();
            assert!(computed.len() <= 5, "one load");
            let path = plan.prove_from_tiles(|id| computed.get(&id)).unwrap();
            let leaf = tree.leaves[usize::try_from(index).unwrap()];
            assert_eq!(head.verify_inclusion(index, leaf, &path), Ok(()));
        }
    }
}

fn store_of(count: u64) -> (Store, Vec<Vec<Leaf>>) {
    let lanes = journal(&mut Numbers(579), count + 300);
    let mut store = Store::default();
    while store.state.frontier().size() < count {
        let left = usize::try_from(count - store.state.frontier().size()).unwrap();
        let batch = gather(&store.state, &lanes, left.min(256));
        let append = store.append(&batch, &log_key(), None).unwrap();
        let first = append.logged().next().unwrap();
        assert_eq!(first, (store.state.frontier().size(), &batch.leaves()[0]));
        let before = store.state.clone();
        assert!(store.commit(&before, &append));
    }
    (store, lanes)
}

#[test]
fn case_579_nothing_is_signed_over_an_edge_or_a_journal_that_was_changed() {
    let key = log_key();
    let (store, lanes) = store_of(1000);
    let batch = gather(&store.state, &lanes, 100);
    let (entries, tiles) = store.edge(batch.leaves().len());
    assert_eq!((entries.len(), tiles.len()), (1000 % 256, 1));
    let now = Timestamp::from_unix(5);
    let append = |entries: &[Leaf], tiles: &[(TileId, Tile)]| {
        store.state.append(&batch, entries, tiles, &key, now, None)
    };
    assert!(append(&entries, &tiles).is_ok());
    let edge = |result: Result<Append, AppendError>| match result {
        Err(AppendError::Edge(resource)) => resource.to_string(),
        other => panic!("{other:?}"),
    };
    for place in [0, 100, entries.len() - 1] {
        let mut changed = entries.clone();
        changed[place] = leaf(9, 999, 1);
        assert_eq!(edge(append(&changed, &tiles)), "tile/entries/003.p/232");
    }
    assert_eq!(
        edge(append(&entries[1..], &tiles)),
        "tile/entries/003.p/232"
    );
    assert_eq!(edge(append(&[], &tiles)), "tile/entries/003.p/232");
    assert_eq!(edge(append(&entries, &[])), "tile/1/000.p/3");
    let mut hashes = tiles[0].1.hashes().to_vec();
    hashes[1] = Hash::EMPTY;
    let changed = [(tiles[0].0, Tile::from_hashes(hashes).unwrap())];
    assert_eq!(edge(append(&entries, &changed)), "tile/1/000.p/3");

    // Lanes: one that was put back, one with a gap, one that there is not.
    let lane = (0..LANES)
        .find(|lane| store.state.cursors()[*lane] > 3)
        .unwrap();
    let (number, cursor) = (u8::try_from(lane).unwrap(), store.state.cursors()[lane]);
    let row = &lanes[lane];
    let merge = |parts: &[LanePart<'_>]| Batch::merge(&store.state, parts, 256).map(drop);
    let wrong = Err(AppendError::Lane(number));
    assert_eq!(merge(&[LanePart::new(number, 0, &row[..2])]), wrong);
    assert_eq!(merge(&[LanePart::new(number, cursor + 1, row)]), wrong);
    let at = usize::try_from(cursor).unwrap();
    let first = LanePart::new(number, cursor, &row[at..=at]);
    assert_eq!(
        merge(&[first, LanePart::new(number, cursor + 2, row)]),
        wrong
    );
    assert_eq!(
        merge(&[LanePart::new(63, 0, row)]),
        Err(AppendError::Lane(63))
    );
    assert_eq!(merge(&[first]), Ok(()));
}

#[test]
fn case_579_a_log_that_was_restored_is_found_by_its_floor_and_goes_on_under_another_origin() {
    let key = log_key();
    let (store, lanes) = store_of(500);
    let last = store
        .state
        .note(key.origin())
        .unwrap()
        .unwrap()
        .checkpoint()
        .unwrap();
    let (older, _) = store_of(300);
    let batch = gather(&older.state, &lanes, 50);
    let behind = older.append(&batch, &key, Some(&last));
    assert_eq!(behind, Err(AppendError::BehindFloor { size: 500 }));
    // Of the same size, but another tree.
    let forked = Tree::of((0..500_u16).map(u16::to_be_bytes));
    let forked = key.sign(forked.head()).checkpoint().unwrap();
    let batch = gather(&store.state, &lanes, 50);
    let behind = store.append(&batch, &key, Some(&forked));
    assert_eq!(behind, Err(AppendError::BehindFloor { size: 500 }));
    assert!(store.append(&batch, &key, Some(&last)).is_ok());

    let mut frozen = older.clone();
    frozen.state.freeze();
    frozen.state = LogState::from_bytes(&frozen.state.to_bytes()).unwrap();
    assert!(frozen.state.is_frozen());
    let batch = gather(&frozen.state, &lanes, 50);
    assert_eq!(frozen.append(&batch, &key, None), Err(AppendError::Frozen));
    let now = Timestamp::from_unix(77);
    let same = frozen.state.restart(&last, &key, now);
    assert_eq!(same, Err(AppendError::SameOrigin));
    let new = LogKey::from_seed("log.example/otp/acme-2", &[9; 32]).unwrap();
    let append = frozen.state.restart(&last, &new, now).unwrap();
    let (index, first) = append.logged().next().unwrap();
    assert_eq!(
        (index, first.kind(), first.number()),
        (0, LeafKind::Predecessor, 500)
    );
    assert_eq!(*first, Leaf::predecessor(&last, now).unwrap());
    let state = append.state();
    assert_eq!((state.generation(), state.is_frozen()), (1, false));
    assert_eq!(state.cursors(), frozen.state.cursors());
    let policy = format!("log {}\nquorum none", new.verifier_key());
    let verified = policy
        .parse::<Policy>()
        .unwrap()
        .verify(append.note())
        .unwrap();
    assert_eq!(verified.head().size(), 1);
    // It goes on there; a batch that was gathered before is stale.
    let mut restarted = Store::default();
    assert!(restarted.commit(&LogState::new(), &append));
    assert_eq!(
        restarted.append(&batch, &new, Some(&last)),
        Err(AppendError::Stale)
    );
    let batch = gather(&restarted.state, &lanes, 50);
    assert!(restarted.append(&batch, &new, Some(&last)).is_ok());
}

#[test]
fn case_579_a_state_is_read_whole_or_not_at_all() {
    let (mut store, _) = store_of(300);
    let note = store.state.note("log.example/otp/acme").unwrap().unwrap();
    let line = witness("w1").cosign(&note.checkpoint().unwrap(), Timestamp::from_unix(9));
    let line = line.unwrap();
    store.state.add_signature(line.clone()).unwrap();
    store.state.add_signature(line).unwrap(); // it is there already
    let note = store.state.note("log.example/otp/acme").unwrap().unwrap();
    assert_eq!(note.signatures().len(), 2);
    let bytes = store.state.to_bytes();
    assert!(bytes.len() < 1024, "{}", bytes.len());
    assert_eq!(LogState::from_bytes(&bytes).unwrap(), store.state);
    let lines = bytes.iter().position(|byte| *byte == 0xE2).unwrap();
    for len in (0..bytes.len()).filter(|len| *len != lines) {
        let whole_lines = bytes[..len].ends_with(b"=\n");
        assert!(
            LogState::from_bytes(&bytes[..len]).is_err() || whole_lines,
            "{len}"
        );
    }
    for (place, value) in [(0, 0), (0, 2), (1, 2), (6, 0x80)] {
        let mut changed = bytes.clone();
        changed[place] = value;
        assert!(LogState::from_bytes(&changed).is_err());
    }
}
