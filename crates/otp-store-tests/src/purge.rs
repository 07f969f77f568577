//! A purge drops what is past its time, and nothing else.

use alloc::{vec, vec::Vec};
use core::time::Duration;
use std::{sync::Barrier, thread};

use super::{
    Fault,
    probe::{Finding, LATER, NOW, Probe, failed, must, version, write},
};
use otp_engine::{
    Timestamp,
    store::{Class, Commit, Key, Write},
};

/// Sooner than any cell of other checks may go: they may share the store.
const SOON: Timestamp = NOW.saturating_add(Duration::from_secs(3_600));
const PURGED_AT: Timestamp = NOW.saturating_add(Duration::from_secs(7_200));

/// How many cells may go.
const PAST: u64 = 20;

pub(super) fn only_what_is_past(probe: &Probe) -> Result<(), Finding> {
    insert_past(probe)?;
    // These must stay: one at the very instant, one later, one extended, and some for ever.
    let first = PAST;
    let mut stay = vec![Some(PURGED_AT), Some(LATER), Some(LATER)];
    let mut versions = vec![1, 1, 2];
    probe.done(&[until(Some(SOON), write(probe.key(first + 2), 0, b"soon"))])?;
    if probe.is_permanent() {
        stay.extend([None, None]);
        versions.extend([1, 2]);
        probe.done(&[until(Some(SOON), write(probe.key(first + 4), 0, b"soon"))])?;
    }
    for ((number, discard_after), version) in (first..).zip(&stay).zip(&versions) {
        probe.done(&[until(
            *discard_after,
            write(probe.key(number), version - 1, b"stays"),
        )])?;
    }

    purge_all(probe)?;
    let kept = probe.load_all(first..first + u64::try_from(stay.len()).unwrap_or(0))?;
    for (cell, discard_after) in kept.iter().zip(&stay) {
        must!(
            cell.is_some(),
            "a purge at {PURGED_AT:?} dropped a cell whose discard_after is {discard_after:?}"
        );
    }
    let found: Vec<_> = kept.iter().map(|cell| version(cell.as_ref())).collect();
    must!(
        found == versions,
        "a purge changed the version of a cell that stays"
    );
    Ok(())
}

pub(super) fn within_its_limit(probe: &Probe) -> Result<(), Finding> {
    insert_past(probe)?;
    let mut gone = 0;
    for limit in [0, 1, 7] {
        let dropped = purge(probe, limit)?;
        must!(
            dropped <= limit,
            "a purge of at most {limit} says that it dropped {dropped}"
        );
        let now_gone = probe
            .load_all(0..PAST)?
            .iter()
            .filter(|cell| cell.is_none())
            .count();
        must!(
            now_gone.saturating_sub(gone) <= limit,
            "a purge of at most {limit} dropped {} cells",
            now_gone.saturating_sub(gone)
        );
        gone = now_gone;
    }
    purge_all(probe)?;
    Ok(())
}

pub(super) fn makes_room(probe: &Probe) -> Result<(), Finding> {
    insert_past(probe)?;
    let dropped = purge_all(probe)?;
    let left = probe.load_all(0..PAST)?.iter().flatten().count();
    if probe.store.class() == Class::Expiring && left > 0 && dropped == 0 {
        return Err(Finding::NotApplicable(
            "the store drops cells by a clock of its own",
        ));
    }
    must!(
        left == 0,
        "{left} of {PAST} cells past their time outlived a purge without a limit"
    );
    Ok(())
}

/// Of a purge and a commit that extends a cell's life, both see the other's whole effect or none.
pub(super) fn racing_an_extension(probe: &Probe) -> Result<(), Finding> {
    let (start, end) = (Barrier::new(2), Barrier::new(2));
    let rounds = u64::from(probe.options.slots);
    thread::scope(|scope| {
        // Neither side leaves its loop early: the other one would wait for ever.
        let purger = scope.spawn(|| {
            let mut so_far = Ok(());
            for _ in 0..rounds {
                start.wait();
                let purged = purge(probe, 8);
                end.wait();
                so_far = so_far.and(purged.map(drop));
            }
            so_far
        });
        let mut so_far = Ok(());
        for round in 0..rounds {
            let key = probe.key(round);
            let inserted = probe.done(&[until(Some(SOON), write(key, 0, b"soon"))]);
            start.wait();
            let extended = probe.commit(&[write(key, 1, b"extended")]);
            end.wait();
            so_far = so_far
                .and(inserted)
                .and_then(|()| judge(probe, key, extended?));
        }
        match purger.join() {
            Ok(purged) => Ok(purged.and(so_far)?),
            Err(_) => Err(Finding::Failed("a purge panicked".into())),
        }
    })
}

fn judge(probe: &Probe, key: Key, extended: Commit) -> Result<(), Fault> {
    let there = version(probe.load(&[key])?[0].as_ref());
    let expected = if extended == Commit::Done { 2 } else { 0 };
    must!(
        there == expected,
        "beside a purge a commit left version {there} instead of {expected}"
    );
    Ok(())
}

fn insert_past(probe: &Probe) -> Result<(), Fault> {
    for number in 0..PAST {
        probe.done(&[until(Some(SOON), write(probe.key(number), 0, b"past"))])?;
    }
    Ok(())
}

fn until(discard_after: Option<Timestamp>, write: Write<'_>) -> Write<'_> {
    Write {
        discard_after,
        ..write
    }
}

fn purge(probe: &Probe, limit: usize) -> Result<usize, Fault> {
    let dropped = probe.store.purge(PURGED_AT, limit);
    dropped.map_err(|error| failed("purge", &error))
}

/// Purges until nothing is left to drop; returns how many were.
fn purge_all(probe: &Probe) -> Result<usize, Fault> {
    let mut dropped = 0;
    for _ in 0..10_000 {
        match purge(probe, 100)? {
            0 => return Ok(dropped),
            more => dropped += more,
        }
    }
    must!(false, "a purge never came to an end");
    Ok(dropped)
}
