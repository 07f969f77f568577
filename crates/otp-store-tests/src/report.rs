//! What the suite found.

use alloc::{string::String, vec::Vec};
use core::fmt;

/// What the suite found: one line for each check. Displays as text, one line each.
#[derive(Clone, Debug)]
pub struct Report {
    seed: u64,
    lines: Vec<Line>,
}

impl Report {
    pub(super) const fn new(seed: u64, lines: Vec<Line>) -> Self {
        Self { seed, lines }
    }

    /// Says whether no check failed.
    #[must_use]
    pub fn passed(&self) -> bool {
        self.failures().next().is_none()
    }

    /// Returns the lines of the checks that failed.
    pub fn failures(&self) -> impl Iterator<Item = &Line> {
        let failed = |line: &&Line| matches!(line.outcome, Outcome::Failed(_));
        self.lines.iter().filter(failed)
    }

    /// Returns the lines of all checks, in the order in which they ran.
    #[must_use]
    pub fn lines(&self) -> &[Line] {
        &self.lines
    }

    /// Returns the seed, with which the run can be repeated.
    #[must_use]
    pub const fn seed(&self) -> u64 {
        self.seed
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "conformance with seed {}", self.seed)?;
        self.lines.iter().try_for_each(|line| writeln!(f, "{line}"))
    }
}

/// What one check found.
#[derive(Clone, Debug)]
pub struct Line {
    name: &'static str,
    catches: &'static str,
    outcome: Outcome,
}

impl Line {
    pub(super) const fn new(name: &'static str, catches: &'static str, outcome: Outcome) -> Self {
        Self {
            name,
            catches,
            outcome,
        }
    }

    /// Returns the name of the check: what a store must do.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// Returns the naive store that the check is there to catch.
    #[must_use]
    pub const fn catches(&self) -> &'static str {
        self.catches
    }

    /// Returns what came out.
    #[must_use]
    pub const fn outcome(&self) -> &Outcome {
        &self.outcome
    }
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.outcome {
            Outcome::Passed => write!(f, "passed          {}", self.name),
            Outcome::Failed(why) => {
                write!(
                    f,
                    "FAILED          {}: {why} (is it {}?)",
                    self.name, self.catches
                )
            }
            Outcome::NotApplicable(why) => write!(f, "not applicable  {}: {why}", self.name),
        }
    }
}

/// The outcome of one check.
#[derive(Clone, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "a check cannot come out otherwise")]
pub enum Outcome {
    /// The store did what it must.
    Passed,
    /// The store did not; the text says what it did, without the content of any cell.
    Failed(String),
    /// The check does not concern this store; the text says why.
    NotApplicable(&'static str),
}

/// What a store did against its contract, in words; without the content of any cell.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Fault(pub(super) String);

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl core::error::Error for Fault {}
