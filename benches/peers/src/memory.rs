//! Resident memory of each live code. Only in a process of its own: what an earlier row gave back to
//! the allocator would be counted as nothing.

use std::fs;

use crate::harness::{Harness, Profile, binding};
use crate::measure::{Effort, figure};

pub(crate) fn bare(effort: Effort) {
    row(effort, Profile::Bare);
}

pub(crate) fn default(effort: Effort) {
    row(effort, Profile::Default);
}

/// Over a doubling of the codes each phase of each table comes by: the figure is that of the worst.
fn row(effort: Effort, profile: Profile) {
    let (few, many) = (effort.of(900_000, 18_000), effort.of(1_800_000, 36_000));
    // The program's own pages, which the first calls bring in, are no code's.
    let first = Harness::new(profile, many);
    (0..1_000).for_each(|slot| first.issue_only(&binding(slot)));
    let harness = Harness::new(profile, many);
    let before = resident();
    let mut most = 0_f64;
    for slots in 1..=many {
        harness.issue_only(&binding(slots));
        if slots >= few && slots % (few / 300) == 0 {
            let grown = resident().saturating_sub(before);
            most = most.max(grown as f64 / slots as f64);
        }
    }
    figure(
        "memory for each live code, the most of 0.9 to 1.8 M live",
        profile.name(),
        most,
        "B",
    );
    assert!(harness.cells() >= many, "a cell was dropped");
    drop(first);
}

/// Returns the bytes of this process that are in memory.
fn resident() -> usize {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kibibytes = line.and_then(|line| line.split_whitespace().next()?.parse::<usize>().ok());
    1024 * kibibytes.expect("Linux says how much memory a process has")
}
