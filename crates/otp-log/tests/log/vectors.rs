//! `log.json`: each value is made byte for byte, or taken, or refused for its reason.

use ct_merkle::{ConsistencyProof, InclusionProof, RootHash};
use otp_log::{
    AddCheckpoint, AnswerError, Checkpoint, EntryBundle, FieldName, FieldTag, Frontier, Hash,
    KeyKind, Leaf, Note, Policy, ProofPlan, Resource, Tile, TileId, Timestamp, TlogProof, TreeHead,
    VerifyError, WitnessAnswer, ml_dsa_message, timestamp,
};
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::support::*;

fn proof(places: &Value) -> Vec<Hash> {
    let hashes = &VECTORS["hashes"];
    let places = places.as_array().unwrap().iter();
    let at = |place: &Value| hash(&hashes[usize::try_from(place.as_u64().unwrap()).unwrap()]);
    places.map(at).collect()
}

fn head(tree: &Value) -> TreeHead {
    TreeHead::new(tree["size"].as_u64().unwrap(), hash(&tree["root"])).unwrap()
}

#[test]
fn case_560_leaves_roots_and_frontiers_are_those_of_the_vectors() {
    let mut frontier = Frontier::new();
    for (size, tree) in VECTORS["trees"].as_array().unwrap().iter().enumerate() {
        if let Some(last) = size.checked_sub(1) {
            let leaf = Hash::of_leaf(&entries()[last]);
            assert_eq!(leaf, hash(&VECTORS["leaves"][last]["hash"]));
            frontier.push(leaf).unwrap();
        }
        assert_eq!(frontier.head(), head(tree));
        assert_eq!(frontier.hashes(), proof(&tree["frontier"]));
        let kept = Frontier::from_hashes(size as u64, frontier.hashes());
        assert_eq!(kept.as_ref(), Ok(&frontier));
    }
    assert_eq!(frontier.size(), 70);
}

/// Each of 2,485 inclusion and 2,485 consistency proofs, as the vectors have it; `ct-merkle` takes it too.
#[test]
fn case_561_every_proof_of_the_vectors_is_made_and_taken() {
    let tree = Tree::of(entries());
    let trees = VECTORS["trees"].as_array().unwrap();
    let array = |hash: &Hash| sha2::digest::array::Array::from(*hash.as_bytes());
    let root_of = |head: TreeHead| RootHash::<Sha256>::new(array(&head.root()), head.size());
    let mut seen = (0, 0);
    for (size, vector) in trees.iter().enumerate() {
        let (newer, theirs) = (head(vector), root_of(head(vector)));
        for (index, places) in vector["inclusion"].as_array().unwrap().iter().enumerate() {
            let plan = ProofPlan::inclusion(index as u64, size as u64).unwrap();
            let made = tree.prove(&plan);
            assert_eq!(made, proof(places), "{index} of {size}");
            assert_eq!(plan.len(), made.len());
            newer
                .verify_inclusion(index as u64, tree.leaves[index], &made)
                .unwrap();
            let digests: Vec<_> = made.iter().map(array).collect();
            let path = InclusionProof::<Sha256>::from_digests(digests.iter());
            let taken = theirs.verify_inclusion(&entries()[index], index as u64, &path);
            taken.unwrap();
            seen.0 += 1;
        }
        for (old, places) in vector["consistency"].as_array().unwrap().iter().enumerate() {
            let older = head(&trees[old]);
            let plan = ProofPlan::consistency(old as u64, size as u64).unwrap();
            let made = tree.prove(&plan);
            assert_eq!(made, proof(places), "{old} to {size}");
            newer.verify_consistency(&older, &made).unwrap();
            if (1..size).contains(&old) {
                let digests: Vec<_> = made.iter().map(array).collect();
                let path = ConsistencyProof::<Sha256>::from_digests(digests.iter());
                theirs.verify_consistency(&root_of(older), &path).unwrap();
            }
            seen.1 += 1;
        }
    }
    assert_eq!(seen, (2485, 2485 + 71)); // and those from size 0
}

#[test]
fn case_562_keys_checkpoints_and_cosignatures_are_made_byte_for_byte() {
    let tree = Tree::of(entries());
    let log = log_key();
    assert_eq!(log.verifier_key().to_string(), text("/keys/log/vkey"));
    let head_of = |size: usize| head(&VECTORS["trees"][size]);
    assert_eq!(log.sign(head_of(48)).to_string(), text("/checkpoint_48"));
    let mut note = log.sign(head_of(70));
    assert_eq!(note.to_string(), text("/checkpoint_70"));
    assert_eq!(tree.head(), note.checkpoint().unwrap().head());

    let checkpoint = note.checkpoint().unwrap();
    for name in ["w1", "w2"] {
        let key = witness(name);
        let vkey = vkey(name);
        assert_eq!(key.verifier_key(), vkey);
        assert_eq!(vkey.to_string(), text(&format!("/keys/{name}/vkey")));
        assert_eq!(
            to_hex(vkey.public_key()),
            text(&format!("/keys/{name}/public"))
        );
        let seconds = VECTORS["cosignature_times"][name].as_i64().unwrap();
        let line = key.cosign(&checkpoint, Timestamp::from_unix(seconds));
        note.push(line.unwrap()).unwrap();
    }
    assert_eq!(note.to_string(), text("/cosigned_70"));

    let mut forked = Tree::of(&entries()[..69]);
    forked.push(Hash::of_leaf(b"another"));
    assert_eq!(log.sign(forked.head()).to_string(), text("/forked_70"));

    for name in ["checkpoint_48", "checkpoint_70", "cosigned_70", "forked_70"] {
        let text = text(&format!("/{name}"));
        let note = Note::parse(text.as_bytes()).unwrap();
        assert_eq!(note.to_string(), text);
        let keys = [vkey("log"), vkey("w1"), vkey("w2")];
        let signed = note.verify(&keys).unwrap();
        assert_eq!(signed.len(), if name == "cosigned_70" { 3 } else { 1 });
    }
    let verified = strict_policy().verify(&note).unwrap();
    let first = Timestamp::from_unix(1_790_000_000);
    assert_eq!(verified.quorum_time(), Some(first));
    let second = Timestamp::from_unix(1_790_000_005);
    let cosigned: Vec<_> = verified.cosigned().collect();
    assert_eq!(cosigned, [("w1", first), ("w2", second)]);
}

/// What each of the bad notes is refused for: the vectors' word for it, and how it begins here.
#[test]
fn case_563_bad_notes_are_refused_each_for_its_reason() {
    let policy: Policy = format!(
        "log {}\nwitness w1 {}\nquorum none\n",
        vkey("log"),
        vkey("w1")
    )
    .parse()
    .unwrap();
    for bad in VECTORS["bad_notes"].as_array().unwrap() {
        let (name, expected) = (&bad["name"], bad["error"].as_str().unwrap());
        let note = Note::parse(bad["text"].as_str().unwrap().as_bytes());
        let found = match note.map(|note| policy.verify(&note)) {
            Err(_) => "note syntax",
            Ok(Err(VerifyError::Parse(_))) => "checkpoint syntax",
            Ok(Err(VerifyError::Signature(_))) => "signature",
            Ok(Err(VerifyError::Unsigned)) => "unknown key",
            Ok(other) => panic!("{name}: {other:?}"),
        };
        assert!(
            expected.split(" or ").any(|one| one == found),
            "{name}: {found}"
        );
    }
}

#[test]
fn case_564_a_proof_in_a_file_is_made_and_verifies_for_its_entry_alone() {
    let tree = Tree::of(entries());
    let path = tree.prove(&ProofPlan::inclusion(41, 70).unwrap());
    let note: Note = text("/cosigned_70").parse().unwrap();
    let made = TlogProof::new(41, path, note).unwrap();
    let made = made.with_extra(b"opening of leaf 41").unwrap();
    assert_eq!(made.to_string(), text("/tlog_proof"));
    let read: TlogProof = text("/tlog_proof").parse().unwrap();
    assert_eq!(read, made);
    assert_eq!(read.extra(), Some(&b"opening of leaf 41"[..]));
    let leaf = hex(text("/tlog_proof_leaf"));
    let verified = read.verify(&strict_policy(), &leaf).unwrap();
    assert_eq!(verified.head(), tree.head());
    let other = read.verify(&strict_policy(), b"x").unwrap_err();
    assert!(matches!(other, VerifyError::Proof(_)), "{other:?}");
}

#[test]
fn case_565_the_exchange_with_a_witness_is_that_of_the_vectors() {
    let tree = Tree::of(entries());
    let proof = tree.prove(&ProofPlan::consistency(48, 70).unwrap());
    let note: Note = text("/checkpoint_70").parse().unwrap();
    let request = AddCheckpoint::new(48, proof, note).unwrap();
    assert_eq!(request.to_string(), text("/add_checkpoint/request"));
    assert_eq!(text("/add_checkpoint/request").parse(), Ok(request.clone()));

    let (keys, now) = ([vkey("w1")], Timestamp::from_unix(1_790_000_000));
    let body = text("/add_checkpoint/response_200").as_bytes();
    let Ok(WitnessAnswer::Cosigned(lines)) = request.judge(&keys, now, 200, "", body) else {
        panic!("no cosignature");
    };
    let [line] = &*lines else { panic!("{lines:?}") };
    assert_eq!(
        (line.time(), line.line().name()),
        (now, "witness.example/w1")
    );
    assert_eq!(format!("{}\n", line.line()).as_bytes(), body);

    let at = |key| text(&format!("/add_checkpoint/response_409/{key}"));
    let answer = request.judge(&keys, now, 409, at("content_type"), at("body").as_bytes());
    assert_eq!(answer, Ok(WitnessAnswer::Conflict { size: 52 }));
    let ahead = request.judge(&keys, now, 409, at("content_type"), b"71\n");
    assert_eq!(ahead, Err(AnswerError::Behind { size: 71 }));
}

#[test]
fn case_566_tile_bundle_and_paths_are_those_of_the_vectors() {
    let entries = entries();
    let bundle = EntryBundle::from_entries(entries.iter().map(Vec::as_slice).collect()).unwrap();
    assert_eq!(to_hex(bundle.to_bytes()), text("/entries_0_70"));
    assert_eq!(to_hex(bundle.tile().to_bytes()), text("/tile_0_70"));
    let bytes = hex(text("/entries_0_70"));
    assert_eq!(EntryBundle::from_bytes(&bytes, 70), Ok(bundle.clone()));
    let tile = hex(text("/tile_0_70"));
    assert_eq!(Tile::from_bytes(&tile, 70), Ok(bundle.tile()));
    for row in VECTORS["tile_paths"].as_array().unwrap() {
        let number = |at: usize| row[at].as_u64().unwrap();
        let (level, width) = (number(0).try_into().unwrap(), number(2).try_into().unwrap());
        let tile = Resource::Tile(TileId::new(level, number(1), width).unwrap());
        assert_eq!(tile.to_string(), row[3].as_str().unwrap());
        assert_eq!(row[3].as_str().unwrap().parse(), Ok(tile));
    }
}

#[test]
fn case_567_the_leaf_of_a_record_is_that_of_the_vectors() {
    let vector = |name: &str| text(&format!("/record_leaf/{name}"));
    let opening: [u8; 16] = hex(vector("opening")).try_into().unwrap();
    let field = FieldName::of_tenant(vector("iss"))
        .model(vector("ref/model"))
        .field(vector("ref/field"))
        .record(vector("ref/record"));
    let tag = FieldTag::new(&opening, &field).unwrap();
    assert_eq!(to_hex(tag.as_bytes()), vector("tag"));
    let (n, iat) = (&VECTORS["record_leaf"]["n"], &VECTORS["record_leaf"]["iat"]);
    let digest: [u8; 32] = hex(vector("jws_sha256")).try_into().unwrap();
    let iat = Timestamp::from_unix(iat.as_i64().unwrap());
    let leaf = Leaf::record(tag, n.as_u64().unwrap(), iat, digest).unwrap();
    assert_eq!(to_hex(leaf.to_bytes()), vector("leaf"));
    assert_eq!(Leaf::parse(&leaf.to_bytes()), Ok(leaf));
    let hash_of = Hash::of_leaf(&leaf.to_bytes());
    assert_eq!(hash_of, hash(&VECTORS["record_leaf"]["leaf_hash"]));
}

#[test]
fn case_568_time_stamp_requests_are_those_of_the_vectors() {
    let note: Note = text("/checkpoint_70").parse().unwrap();
    let checkpoint = note.checkpoint().unwrap();
    let digest = Sha256::digest(checkpoint.text());
    assert_eq!(to_hex(digest), text("/timestamp_request/imprint"));
    let plain = timestamp::request(&checkpoint, None);
    assert_eq!(to_hex(plain), text("/timestamp_request/plain"));
    let with_nonce = timestamp::request(&checkpoint, Some(0x0102_0304_0506_0708));
    let expected = text("/timestamp_request/with_nonce_0102030405060708");
    assert_eq!(to_hex(with_nonce), expected);
}

/// With the feature it is verified; without it it is carried, and counts for nothing.
#[test]
fn case_569_an_ml_dsa_cosignature_is_carried_and_counts_with_the_feature() {
    let checkpoint = Checkpoint::parse(text("/checkpoint_70").split_once("\n\n").unwrap().0);
    assert!(checkpoint.is_err(), "a text without its last line feed");
    let note: Note = text("/mldsa/cosigned_70").parse().unwrap();
    assert_eq!(note.to_string(), text("/mldsa/cosigned_70"));
    let key: otp_log::VerifierKey = text("/mldsa/vkey").parse().unwrap();
    assert_eq!(key.kind(), KeyKind::MlDsaCosignature);
    assert_eq!(key.to_string(), text("/mldsa/vkey"));
    let time = Timestamp::from_unix(VECTORS["mldsa"]["time"].as_i64().unwrap());
    let message = ml_dsa_message(key.name(), time, &note.checkpoint().unwrap());
    assert_eq!(to_hex(message), text("/mldsa/message"));

    let quorum = format!("log {}\nwitness w3 {key}\nquorum w3\n", vkey("log"));
    let policy: Policy = quorum.parse().unwrap();
    let verified = policy.verify(&note);
    // The last line with another time, and with one bit of the signature changed.
    let spoil = |place: usize| {
        let (rest, line) = text("/mldsa/cosigned_70")
            .trim_end()
            .rsplit_once(' ')
            .unwrap();
        let mut line = line.to_owned().into_bytes();
        line[place] = if line[place] == b'A' { b'B' } else { b'A' };
        let line = String::from_utf8(line).unwrap();
        policy.verify(&format!("{rest} {line}\n").parse().unwrap())
    };
    if cfg!(feature = "ml-dsa") {
        assert_eq!(verified.map(|by| by.quorum_time()), Ok(Some(time)));
        assert_eq!(spoil(14), Err(VerifyError::Signature(key.id())));
        assert_eq!(spoil(2000), Err(VerifyError::Signature(key.id())));
    } else {
        assert_eq!(verified, Err(VerifyError::Quorum));
        assert_eq!(spoil(2000), Err(VerifyError::Quorum));
    }
}
