//! A commit is applied whole, and only on the versions that it expects.

use alloc::{format, string::String, vec, vec::Vec};

use super::probe::{Finding, NOW, Probe, must, write};
use otp_engine::store::{Commit, Error, MAX_CELLS, Version, Write};

/// What is wrong with the one write that must stop its commit: what it expects, what is there.
const WRONG: [(&str, u64, u64); 4] = [
    ("is expected absent and is there", 0, 2),
    ("is expected and is absent", 2, 0),
    ("is newer than expected", 1, 2),
    ("is older than expected", 3, 2),
];

/// What is right with all others: some are inserts, some updates.
const RIGHT: [u64; 2] = [2, 0];

pub(super) fn every_position(probe: &Probe) -> Result<(), Finding> {
    let mut first = 0;
    for count in 1..=MAX_CELLS {
        for at in 0..count {
            for (what, expected, there) in WRONG {
                let mut versions: Vec<_> = RIGHT.iter().copied().cycle().take(count).collect();
                versions[at] = there;
                let mut writes = set_up(probe, first, &versions)?;
                first += 8;
                let right = writes[at].expected;
                writes[at].expected = Version::new(expected);
                unchanged_by(probe, &writes, &|| {
                    format!("where cell {at} of {count} {what}")
                })?;
                writes[at].expected = right;
                probe.done(&writes)?;
            }
        }
    }
    Ok(())
}

pub(super) fn update_of_missing(probe: &Probe) -> Result<(), Finding> {
    for expected in [1, 2, 1_000] {
        let missing = [write(probe.key(expected), expected, b"body")];
        unchanged_by(probe, &missing, &|| {
            format!("that expects version {expected} of a cell that is absent")
        })?;
    }
    Ok(())
}

pub(super) fn twice_one_key(probe: &Probe) -> Result<(), Finding> {
    let other = |number| write(probe.key(number), 0, b"other");
    let twice = |first, second| {
        [
            write(probe.key(0), first, b"1"),
            write(probe.key(0), second, b"2"),
        ]
    };
    for there in [0, 1] {
        for [one, two] in [twice(there, there), twice(there, there + 1)] {
            for writes in [
                vec![one, two],
                vec![one, other(1), two],
                vec![other(1), other(2), other(3), one, two],
            ] {
                let before = probe.load_all(0..4)?;
                let answer = probe.store.commit(&writes, NOW);
                must!(
                    matches!(answer, Err(Error::Unsupported)),
                    "two writes to one key were answered as {}",
                    match answer {
                        Ok(Commit::Done) => "done",
                        Ok(Commit::Conflict) => "a conflict, which would be tried again",
                        Err(_) => "another error than unsupported",
                    }
                );
                must!(
                    probe.load_all(0..4)? == before,
                    "a commit with two writes to one key was refused and yet changed a cell"
                );
            }
        }
        if there == 0 {
            probe.done(&[write(probe.key(0), 0, b"body")])?;
        }
    }
    Ok(())
}

/// Brings each cell to its version; returns the writes that expect them.
fn set_up(probe: &Probe, first: u64, versions: &[u64]) -> Result<Vec<Write<'static>>, Finding> {
    let keys = (first..).map(|number| probe.key(number));
    let there: Vec<_> = keys
        .clone()
        .zip(versions)
        .filter(|(_, version)| **version > 0)
        .collect();
    for before in 0..2 {
        let writes: Vec<_> = there
            .iter()
            .map(|(key, _)| write(*key, before, b"before"))
            .collect();
        if !writes.is_empty() {
            probe.done(&writes)?;
        }
    }
    Ok(keys
        .zip(versions)
        .map(|(key, version)| write(key, *version, b"after"))
        .collect())
}

fn unchanged_by(
    probe: &Probe,
    writes: &[Write<'_>],
    which: &dyn Fn() -> String,
) -> Result<(), Finding> {
    let keys: Vec<_> = writes.iter().map(|write| write.key).collect();
    let before = probe.load(&keys)?;
    must!(
        probe.commit(writes)? == Commit::Conflict,
        "a commit {} was done",
        which()
    );
    must!(
        probe.load(&keys)? == before,
        "a commit {} was a conflict and yet changed a cell",
        which()
    );
    Ok(())
}
