//! Counting test cases and checks.

use core::ops::{Add, AddAssign};

/// How many test cases and checks passed, failed or were left out.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct Tally {
    pub(crate) passed: u64,
    pub(crate) failed: u64,
    pub(crate) ignored: u64,
}

impl Tally {
    pub(crate) const PASSED: Self = Self {
        passed: 1,
        failed: 0,
        ignored: 0,
    };
    pub(crate) const FAILED: Self = Self {
        passed: 0,
        failed: 1,
        ignored: 0,
    };

    /// Counts what a `cargo test` did, from its `output` and whether it ended with success.
    ///
    /// The second value says what is wrong where the output alone does not show it: no test ran,
    /// or the run failed without a failed test (it did not compile, or a test process died).
    pub(crate) fn of_tests(output: &str, ended: Ended) -> (Self, Option<&'static str>) {
        let counted = output.lines().filter_map(Self::of_line).sum::<Self>();
        match ended {
            Ended::WithSuccess if counted.passed + counted.failed == 0 => {
                (counted + Self::FAILED, Some("no test ran"))
            }
            Ended::WithFailure if counted.failed == 0 => (
                counted + Self::FAILED,
                Some("the run failed although no test did"),
            ),
            Ended::WithSuccess | Ended::WithFailure => (counted, None),
        }
    }

    /// Reads a line such as `test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured; ...`.
    fn of_line(line: &str) -> Option<Self> {
        let (verdict, counts) = line.strip_prefix("test result: ")?.split_once(". ")?;
        if !["ok", "FAILED"].contains(&verdict) {
            return None;
        }
        let mut counts = counts.split("; ");
        let mut count = |what: &str| counts.next()?.strip_suffix(what)?.parse().ok();
        Some(Self {
            passed: count(" passed")?,
            failed: count(" failed")?,
            ignored: count(" ignored")?,
        })
    }
}

/// How a command ended.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Ended {
    WithSuccess,
    WithFailure,
}

impl Add for Tally {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            passed: self.passed + other.passed,
            failed: self.failed + other.failed,
            ignored: self.ignored + other.ignored,
        }
    }
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl core::iter::Sum for Tally {
    fn sum<I: Iterator<Item = Self>>(tallies: I) -> Self {
        tallies.fold(Self::default(), Self::add)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const UNIT: &str = "test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured; \
                        0 filtered out; finished in 0.00s";
    const DOC: &str = "test result: FAILED. 1 passed; 2 failed; 0 ignored; 0 measured; \
                       4 filtered out; finished in 1.20s";
    const NONE: &str = "test result: ok. 0 passed; 0 failed; 5 ignored; 0 measured; \
                        0 filtered out; finished in 0.00s";

    #[test]
    fn the_result_lines_of_all_test_programs_are_summed() {
        let output = format!("running 4 tests\n{UNIT}\n\n   Doc-tests x\n\n{DOC}\n{NONE}\n");
        let sum = Tally {
            passed: 4,
            failed: 2,
            ignored: 6,
        };
        assert_eq!(Tally::of_tests(&output, Ended::WithFailure), (sum, None));
    }

    #[test]
    fn only_whole_result_lines_count() {
        for line in [
            "the test result: ok. 3 passed; 0 failed; 0 ignored",
            "test result: fine. 3 passed; 0 failed; 0 ignored",
            "test result: ok. 3 passed; 0 failed",
            "test result: ok. x passed; 0 failed; 0 ignored",
            "test result: ok. -3 passed; 0 failed; 0 ignored",
            "test result: ok. 0 failed; 3 passed; 0 ignored",
            "test tally::tests::this ... ok",
        ] {
            assert_eq!(Tally::of_line(line), None, "{line}");
        }
    }

    #[test]
    fn a_run_without_any_test_has_failed() {
        let ignored = Tally {
            passed: 0,
            failed: 1,
            ignored: 5,
        };
        assert_eq!(
            Tally::of_tests(NONE, Ended::WithSuccess),
            (ignored, Some("no test ran"))
        );
        assert_eq!(Tally::of_tests("", Ended::WithSuccess).0, Tally::FAILED);
        assert_eq!(Tally::of_tests(UNIT, Ended::WithSuccess).1, None);
    }

    #[test]
    fn a_run_that_fails_without_a_failed_test_has_failed() {
        let (tally, why) = Tally::of_tests(UNIT, Ended::WithFailure);
        assert_eq!((tally.passed, tally.failed), (3, 1));
        assert!(why.is_some());
    }
}
