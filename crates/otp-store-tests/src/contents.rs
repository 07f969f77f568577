//! What is written comes back: order, keys, bodies, times and versions.

use alloc::{vec, vec::Vec};
use std::thread;

use super::probe::{Finding, LATER, NOW, Probe, draw, failed, mix, must, version, write};
use otp_engine::{
    Timestamp,
    store::{Class, Commit, Error, Key, MAX_BODY, MAX_CELLS, Version, Write},
};

pub(super) fn order(probe: &Probe) -> Result<(), Finding> {
    must!(
        probe.load(&[])?.is_empty(),
        "a load of no keys returned cells"
    );
    let most = u64::try_from(MAX_CELLS).unwrap_or(u64::MAX);
    must!(
        probe.load_all(0..most)?.iter().all(Option::is_none),
        "a cell was there that nobody wrote"
    );
    for number in (0..most).step_by(2) {
        probe.done(&[write(probe.key(number), 0, &number.to_le_bytes())])?;
    }
    for round in 0..20 {
        let numbers = draw(mix(probe.options.seed ^ round), MAX_CELLS, most);
        let keys: Vec<_> = numbers.iter().map(|number| probe.key(*number)).collect();
        let cells = probe.load(&keys)?;
        for (number, cell) in numbers.iter().zip(cells) {
            let body = cell.as_ref().map(|cell| cell.body());
            let expected = (number % 2 == 0).then(|| number.to_le_bytes());
            must!(
                body == expected.as_ref().map(|body| &body[..]),
                "a cell came back in the place of another"
            );
        }
    }
    Ok(())
}

pub(super) fn keys(probe: &Probe) -> Result<(), Finding> {
    let base = *probe.key(0).as_bytes();
    let mut alike = Vec::new();
    for at in [8, 9, 15, 16, 23, 24, 30, 31] {
        for byte in [0, b'a', b'A', b' ', 0xff] {
            let mut bytes = base;
            bytes[at] = byte;
            bytes[10] = 0; // those that differ behind a NUL alone
            alike.push(Key::from_bytes(bytes));
        }
    }
    alike.sort_unstable();
    alike.dedup();
    for (number, key) in (0_u64..).zip(&alike) {
        must!(
            probe.commit(&[write(*key, 0, &number.to_le_bytes())])? == Commit::Done,
            "a key was taken for one that differs from it in a single byte"
        );
    }
    for (number, key) in (0_u64..).zip(&alike) {
        let cells = probe.load(&[*key])?;
        must!(
            cells[0].as_ref().map(|cell| cell.body()) == Some(&number.to_le_bytes()),
            "a key led to the cell of one that differs from it in a single byte"
        );
    }
    Ok(())
}

pub(super) fn bodies(probe: &Probe) -> Result<(), Finding> {
    let mut bodies = vec![
        vec![],
        vec![0],
        vec![0; 300],
        b"\0tail".to_vec(),
        b"head\0".to_vec(),
        b"\xff\xfe'\"\\\r\n%s\x1a".to_vec(),
        (0..=255).collect(),
    ];
    for len in [
        1, 2, 7, 90, 1_400, 4_095, 4_096, 4_097, 8_191, 8_192, MAX_BODY,
    ] {
        let mut state = probe.options.seed;
        let byte = || {
            state = mix(state);
            state.to_le_bytes()[0]
        };
        bodies.push(core::iter::repeat_with(byte).take(len).collect());
    }
    for (number, body) in (0_u64..).zip(&bodies) {
        let key = probe.key(number);
        // Once as an insert, and once as an update of another length.
        for (expected, body) in [(0, body), (1, &bodies[0]), (2, body)] {
            probe.done(&[write(key, expected, body)])?;
            let cells = probe.load(&[key])?;
            must!(
                cells[0].as_ref().map(|cell| cell.body()) == Some(body),
                "a body of {} bytes came back another",
                body.len()
            );
        }
    }
    Ok(())
}

pub(super) fn times(probe: &Probe) -> Result<(), Finding> {
    let mut times = vec![
        Some(NOW.saturating_add(core::time::Duration::from_secs(1))),
        Some(LATER),
        Some(Timestamp::from_unix(4_294_967_296)), // 2106, past 32 bits
        Some(Timestamp::from_unix(253_402_300_799)), // the end of the year 9999
    ];
    if probe.is_permanent() {
        times.push(None);
    }
    for (number, discard_after) in (0..).zip(&times) {
        let key = probe.key(number);
        for (expected, discard_after) in [(0, times[0]), (1, *discard_after)] {
            let write = Write {
                discard_after,
                ..write(key, expected, b"body")
            };
            probe.done(&[write])?;
            let cells = probe.load(&[key])?;
            must!(
                cells[0].as_ref().map(|cell| cell.discard_after()) == Some(discard_after),
                "discard_after {:?} came back as {:?}",
                discard_after,
                cells[0].as_ref().map(|cell| cell.discard_after())
            );
        }
    }
    Ok(())
}

pub(super) fn versions(probe: &Probe) -> Result<(), Finding> {
    let (first, second) = (probe.key(0), probe.key(1));
    for expected in 0..5 {
        probe.done(&[write(first, expected, b"same")])?;
        let found = version(probe.load(&[first])?[0].as_ref());
        must!(
            found == expected + 1,
            "a write that expected version {expected} made version {found}"
        );
    }
    probe.done(&[write(second, 0, b"new"), write(first, 5, b"old")])?;
    let cells = probe.load(&[first, second])?;
    let found = (version(cells[0].as_ref()), version(cells[1].as_ref()));
    must!(
        found == (6, 1),
        "one commit made versions {} and {} of what must be 6 and 1",
        found.0,
        found.1
    );
    Ok(())
}

pub(super) fn seen_at_once(probe: &Probe) -> Result<(), Finding> {
    let key = probe.key(0);
    for expected in 0..50 {
        probe.done(&[write(key, expected, b"body")])?;
        let seen = thread::scope(|scope| scope.spawn(|| probe.load(&[key])).join());
        let Ok(seen) = seen else {
            return Err(Finding::Failed("a load panicked".into()));
        };
        let found = version(seen?[0].as_ref());
        must!(
            found == expected + 1,
            "after version {} was committed another thread loaded version {found}",
            expected + 1
        );
    }
    Ok(())
}

pub(super) fn tells_of_cells(probe: &Probe) -> Result<(), Finding> {
    let ask = || {
        let told = probe.store.has_cells();
        told.map_err(|error| failed("has_cells", &error))
    };
    if ask()?.is_none() {
        return Err(Finding::NotApplicable(
            "the store does not tell: nobody begins it without a word",
        ));
    }
    probe.done(&[write(probe.key(0), 0, b"body")])?;
    let seen = thread::scope(|scope| scope.spawn(ask).join());
    for told in [seen, Ok(ask())] {
        let Ok(told) = told else {
            return Err(Finding::Failed("has_cells panicked".into()));
        };
        let told = told?;
        must!(
            told == Some(true),
            "has_cells said {told:?} of a store into which a cell was just committed"
        );
    }
    Ok(())
}

pub(super) fn refused_whole(probe: &Probe) -> Result<(), Finding> {
    if probe.is_permanent() {
        return Err(Finding::NotApplicable("the store keeps cells for ever"));
    }
    let five: Vec<_> = (0..5)
        .map(|number| write(probe.key(number), 0, b"body"))
        .collect();
    for count in [1, 2, 5] {
        for at in 0..count {
            let mut writes = five[..count].to_vec();
            writes[at].discard_after = None;
            let answer = probe.store.commit(&writes, NOW);
            must!(
                matches!(answer, Err(Error::Unsupported)),
                "{} to write for ever, at place {at} of {count}, but the store's class is {}",
                if answer.is_ok() {
                    "was told"
                } else {
                    "another error came when it was told"
                },
                if probe.store.class() == Class::Process {
                    "Process"
                } else {
                    "Expiring"
                }
            );
            must!(
                probe.load_all(0..5)?.iter().all(Option::is_none),
                "a commit that the store does not support wrote a cell"
            );
        }
    }
    probe.done(&five)?;
    let update = Write {
        discard_after: None,
        ..write(probe.key(0), 1, b"other")
    };
    must!(
        matches!(probe.store.commit(&[update], NOW), Err(Error::Unsupported)),
        "an update to a cell that is for ever was taken"
    );
    let cells = probe.load(&[probe.key(0)])?;
    let kept = cells[0]
        .as_ref()
        .map(|cell| (cell.version(), cell.discard_after()));
    must!(
        kept == Some((Version::new(1), Some(LATER))),
        "an update that the store does not support changed the cell"
    );
    Ok(())
}
