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

fn row(effort: Effort, profile: Profile) {
    let slots = effort.of(1_000_000, 20_000);
    // The program's own pages, which the first calls bring in, are no code's.
    let first = Harness::new(profile, slots);
    (0..1_000).for_each(|slot| first.issue_only(&binding(slot)));
    let harness = Harness::new(profile, slots);
    let before = resident();
    (0..slots).for_each(|slot| harness.issue_only(&binding(slot)));
    let grown = resident().saturating_sub(before);
    let each = grown as f64 / slots as f64;
    figure(
        "memory for each live code, 1 M live",
        profile.name(),
        each,
        "B",
    );
    assert!(harness.cells() >= slots, "a cell was dropped");
    drop(first);
}

/// Returns the bytes of this process that are in memory.
fn resident() -> usize {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kibibytes = line.and_then(|line| line.split_whitespace().next()?.parse::<usize>().ok());
    1024 * kibibytes.expect("Linux says how much memory a process has")
}
