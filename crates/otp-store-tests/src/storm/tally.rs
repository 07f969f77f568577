//! What one player of a storm was told.

use alloc::{string::String, vec::Vec};
use core::{fmt, str::FromStr};

use crate::Fault;

/// What one player of a [`Storm`](super::Storm) was told; its text passes from one process to another.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Tally {
    pub(super) wrong: u64,
    pub(super) conflicts: u64,
    pub(super) most_rounds: u32,
    /// The slot of each guess that was accepted.
    pub(super) accepted: Vec<u64>,
}

impl Tally {
    /// Returns how many commits were lost to other players.
    #[must_use]
    pub const fn conflicts(&self) -> u64 {
        self.conflicts
    }

    /// Returns the most rounds that one guess took, 1 where no other player was in its way.
    #[must_use]
    pub const fn most_rounds(&self) -> u32 {
        self.most_rounds
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}", self.wrong, self.conflicts, self.most_rounds)?;
        self.accepted
            .iter()
            .try_for_each(|slot| write!(f, " {slot}"))
    }
}

impl FromStr for Tally {
    type Err = Fault;

    fn from_str(text: &str) -> Result<Self, Fault> {
        let mut numbers = text.split_ascii_whitespace().map(str::parse);
        let mut next = || numbers.next()?.ok();
        let (wrong, conflicts, rounds) = (next(), next(), next());
        let accepted = numbers.collect::<Result<_, _>>().ok();
        Option::zip(wrong, conflicts)
            .zip(rounds.and_then(|rounds| u32::try_from(rounds).ok()))
            .zip(accepted)
            .map(|(((wrong, conflicts), most_rounds), accepted)| Self {
                wrong,
                conflicts,
                most_rounds,
                accepted,
            })
            .ok_or_else(|| Fault(String::from("the text is not that of a tally")))
    }
}
