//! No cell is evicted; a full store says so, and refuses whole commits.

use alloc::vec::Vec;

use super::{
    Fault,
    probe::{Finding, NOW, Probe, failed, must, version, write},
};
use otp_engine::store::{Commit, Error, MAX_CELLS};

pub(super) fn kept(probe: &Probe) -> Result<(), Finding> {
    let (inserted, _) = fill(probe)?;
    all_there(probe, inserted)
}

pub(super) fn full(probe: &Probe) -> Result<(), Finding> {
    let (inserted, is_full) = fill(probe)?;
    if !is_full {
        return Err(Finding::NotApplicable(
            "the store took all cells; limit it to try this",
        ));
    }
    if inserted == 0 {
        return Err(Finding::NotApplicable(
            "the store is full already; make one for each check",
        ));
    }
    let both = [
        write(probe.key(0), 1, b"update"),
        write(probe.key(inserted + 1), 0, b"insert"),
    ];
    must!(
        matches!(probe.store.commit(&both, NOW), Err(Error::Full)),
        "a full store took a commit with an insert"
    );
    let missing = probe.load(&[probe.key(inserted + 1)])?;
    must!(
        missing[0].is_none(),
        "a commit that found the store full inserted a cell"
    );
    all_there(probe, inserted)?;

    // A store may refuse updates too, when it is full, and then must not have made them.
    let expected = match probe.store.commit(&both[..1], NOW) {
        Ok(Commit::Done) => 2,
        Err(Error::Full) => 1,
        Ok(Commit::Conflict) => {
            return Err(Finding::Failed(
                "an update in a full store was a conflict".into(),
            ));
        }
        Err(error) => return Err(failed("an update in a full store", &error).into()),
    };
    let found = version(probe.load(&[probe.key(0)])?[0].as_ref());
    must!(
        found == expected,
        "an update in a full store left version {found} instead of {expected}"
    );
    Ok(())
}

/// Inserts cells until all are there or the store is full; returns how many, and whether it is.
fn fill(probe: &Probe) -> Result<(u64, bool), Fault> {
    let cells = u64::from(probe.options.cells);
    let (mut inserted, mut at_once) = (0, MAX_CELLS as u64);
    while inserted < cells {
        let upto = cells.min(inserted + at_once);
        let keys = (inserted..upto).map(|number| probe.key(number));
        let writes: Vec<_> = keys.map(|key| write(key, 0, b"kept")).collect();
        match probe.store.commit(&writes, NOW) {
            Ok(Commit::Done) => inserted = upto,
            Ok(Commit::Conflict) => must!(false, "an insert was a conflict"),
            Err(Error::Full) if at_once > 1 => at_once = 1, // there may be room for fewer
            Err(Error::Full) => return Ok((inserted, true)),
            Err(error) => return Err(failed("an insert", &error)),
        }
    }
    Ok((inserted, false))
}

fn all_there(probe: &Probe, inserted: u64) -> Result<(), Finding> {
    let cells = probe.load_all(0..inserted)?;
    let lost = cells
        .iter()
        .filter(|cell| version(cell.as_ref()) != 1)
        .count();
    must!(
        lost == 0,
        "{lost} of {inserted} cells were gone while all may still be needed"
    );
    Ok(())
}
