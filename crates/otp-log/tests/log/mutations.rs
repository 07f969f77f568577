//! One byte changed, anywhere: nothing that is changed is taken.

use otp_log::{AddCheckpoint, Note, Policy, ProofPlan, Timestamp, TlogProof};

use crate::support::*;

/// So many changes of each text.
const CHANGES: usize = 10_000;

/// Changes one byte of a text, so many times: another value, one byte more, or one less.
fn mutated(text: &str, mut taken: impl FnMut(&[u8]) -> bool) {
    assert!(taken(text.as_bytes()), "as it is");
    let mut numbers = Numbers(574);
    for _ in 0..CHANGES {
        let mut bytes = text.as_bytes().to_vec();
        let place = numbers.place(bytes.len());
        let value = numbers.next().to_be_bytes()[0];
        match numbers.below(4) {
            0 => drop(bytes.remove(place)),
            1 => bytes.insert(place, value),
            _ => bytes[place] = value,
        }
        if bytes != text.as_bytes() {
            let shown = String::from_utf8_lossy(&bytes);
            assert!(!taken(&bytes), "taken with a change at {place}: {shown}");
        }
    }
}

fn read<T: core::str::FromStr>(bytes: &[u8]) -> Option<T> {
    core::str::from_utf8(bytes).ok()?.parse().ok()
}

#[test]
fn case_574_no_note_with_one_byte_changed_is_taken() {
    let policy = strict_policy();
    mutated(text("/cosigned_70"), |bytes| {
        let note = Note::parse(bytes);
        note.is_ok_and(|note| policy.verify(&note).is_ok())
    });
}

/// The extra data is signed by nobody: it is left out here.
#[test]
fn case_574_no_proof_with_one_byte_changed_is_taken() {
    let tree = Tree::of(entries());
    let path = tree.prove(&ProofPlan::inclusion(41, 70).unwrap());
    let proof = TlogProof::new(41, path, text("/cosigned_70").parse().unwrap()).unwrap();
    let (policy, leaf) = (strict_policy(), hex(text("/tlog_proof_leaf")));
    mutated(&proof.to_string(), |bytes| {
        read::<TlogProof>(bytes).is_some_and(|proof| proof.verify(&policy, &leaf).is_ok())
    });
}

#[test]
fn case_574_no_request_or_answer_with_one_byte_changed_is_taken() {
    let policy: Policy = format!("log {}\nquorum none\n", vkey("log"))
        .parse()
        .unwrap();
    let request: AddCheckpoint = text("/add_checkpoint/request").parse().unwrap();
    let older: Note = text("/checkpoint_48").parse().unwrap();
    let older = policy.verify(&older).unwrap().head();
    mutated(text("/add_checkpoint/request"), |bytes| {
        read::<AddCheckpoint>(bytes).is_some_and(|request| {
            let newer = policy.verify(request.note());
            let holds =
                |head: otp_log::TreeHead| head.verify_consistency(&older, request.proof()).is_ok();
            request.old_size() == older.size() && newer.is_ok_and(|newer| holds(newer.head()))
        })
    });
    let (keys, now) = ([vkey("w1")], Timestamp::from_unix(1_790_000_000));
    mutated(text("/add_checkpoint/response_200"), |body| {
        request.judge(&keys, now, 200, "", body).is_ok()
    });
}
