//! Many move amounts between the same accounts at once, each in an order of its own.

use alloc::{format, string::String, vec::Vec};
use std::{sync::Barrier, thread};

use super::{
    Fault,
    probe::{Finding, Probe, draw, mix, must, version, write},
};
use otp_engine::store::{Cell, Commit};

const ACCOUNTS: u64 = 12;

/// How many accounts one transfer changes: the first gains what each of the others gives.
const CONCERNED: usize = 5;

const OPENED_WITH: u64 = 1_000_000;
const TRANSFERS: u64 = 40;

/// Each lost round is somebody else's commit, and 64 writers do not make as many in a row.
const ROUNDS: u64 = 400;

/// No two commits wait for each other for ever, whatever the order of their writes.
pub(super) fn in_opposite_orders(probe: &Probe) -> Result<(), Finding> {
    for account in 0..ACCOUNTS {
        probe.done(&[write(probe.key(account), 0, &OPENED_WITH.to_le_bytes())])?;
    }
    let writers = probe.options.threads;
    let start = Barrier::new(writers as usize);
    thread::scope(|scope| {
        let start = &start;
        let threads: Vec<_> = (0..u64::from(writers))
            .map(|writer| {
                scope.spawn(move || {
                    start.wait();
                    (0..TRANSFERS).try_for_each(|turn| transfer(probe, writer, turn))
                })
            })
            .collect();
        let panicked = |_| Fault(String::from("a call panicked"));
        threads
            .into_iter()
            .try_for_each(|thread| thread.join().map_err(panicked)?)
    })?;

    let accounts = probe.load_all(0..ACCOUNTS)?;
    let total = accounts
        .iter()
        .try_fold(0, |total, cell| Ok(total + amount(cell.as_ref())?));
    let total: u64 = total.map_err(|fault: Fault| Finding::from(fault))?;
    must!(
        total == ACCOUNTS * OPENED_WITH,
        "transfers made {} of {}",
        total,
        ACCOUNTS * OPENED_WITH
    );
    let writes: u64 = accounts.iter().map(|cell| version(cell.as_ref()) - 1).sum();
    let expected = u64::from(writers) * TRANSFERS * CONCERNED as u64;
    must!(
        writes == expected,
        "{expected} writes were done, the versions count {writes}"
    );
    Ok(())
}

fn transfer(probe: &Probe, writer: u64, turn: u64) -> Result<(), Fault> {
    let seed = mix(probe.keys.seed ^ mix(writer << 32 | turn));
    let mut accounts = draw(seed, CONCERNED, ACCOUNTS);
    let gains = accounts[0];
    accounts.sort_unstable_by_key(|account| probe.key(*account));
    if writer % 2 == 1 {
        accounts.reverse();
    }
    let keys: Vec<_> = accounts.iter().map(|account| probe.key(*account)).collect();
    for round in 0..ROUNDS {
        let cells = probe.load(&keys)?;
        let mut bodies = Vec::with_capacity(CONCERNED);
        for (account, cell) in accounts.iter().zip(&cells) {
            let before = amount(cell.as_ref())?;
            let after = if *account == gains {
                before + 4
            } else {
                before - 1
            };
            bodies.push(after.to_le_bytes());
        }
        let writes = keys.iter().zip(&cells).zip(&bodies);
        let writes: Vec<_> = writes
            .map(|((key, cell), body)| write(*key, version(cell.as_ref()), body))
            .collect();
        if probe.commit(&writes)? == Commit::Done {
            return Ok(());
        }
        for _ in 0..round.min(4) {
            thread::yield_now();
        }
    }
    Err(Fault(format!("a transfer lost {ROUNDS} rounds")))
}

fn amount(cell: Option<&Cell>) -> Result<u64, Fault> {
    let body = cell.and_then(|cell| <[u8; 8]>::try_from(cell.body()).ok());
    body.map(u64::from_le_bytes)
        .ok_or_else(|| Fault(String::from("an account was gone")))
}
