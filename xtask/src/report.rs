//! What a run tells at its end.

use core::fmt::Write as _;
use core::time::Duration;

use crate::command_line::Task;
use crate::job::Figure;
use crate::tally::Tally;
use crate::world::World;

/// What one part did.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) name: &'static str,
    pub(crate) tally: Tally,
    pub(crate) took: Duration,
    pub(crate) output: String,
    pub(crate) notes: Vec<String>,
    pub(crate) figures: Vec<Figure>,
}

impl Outcome {
    /// A part that did nothing yet.
    pub(crate) fn new(name: &'static str) -> Self {
        Self {
            name,
            tally: Tally::default(),
            took: Duration::ZERO,
            output: String::new(),
            notes: Vec::new(),
            figures: Vec::new(),
        }
    }

    /// Returns the end of the progress line.
    pub(crate) fn line(&self) -> String {
        let took = self.took.as_secs_f64();
        match self.tally.failed {
            0 => format!("{took:.1} s"),
            failed => format!("{took:.1} s, {failed} FAILED"),
        }
    }
}

/// What all parts did.
#[derive(Debug)]
pub(crate) struct Report {
    task: Task,
    seed: u64,
    /// The commit and compiler that the figures belong to.
    origin: String,
    outcomes: Vec<Outcome>,
}

impl Report {
    pub(crate) fn new(task: Task, world: &World, outcomes: Vec<Outcome>) -> Self {
        let asked = |program, args: &[&str]| {
            let answer = world.ask(program, args);
            answer.unwrap_or_else(|| "unknown".into())
        };
        Self {
            task,
            seed: world.seed,
            origin: format!(
                "commit {}, {}",
                asked("git", &["describe", "--always", "--dirty"]),
                asked("rustc", &["--version"]),
            ),
            outcomes,
        }
    }

    fn total(&self) -> Tally {
        self.outcomes.iter().map(|outcome| outcome.tally).sum()
    }

    /// Says whether anything failed; a run without any check has.
    pub(crate) fn failed(&self) -> bool {
        let total = self.total();
        total.failed > 0 || total.passed == 0
    }

    /// Returns the summary; its last line is `N passed, N failed`.
    pub(crate) fn text(&self) -> String {
        let mut text = String::from("\npart         result  passed  failed  ignored       time\n");
        for Outcome {
            name, tally, took, ..
        } in &self.outcomes
        {
            let result = if tally.failed == 0 { "ok" } else { "FAILED" };
            let Tally {
                passed,
                failed,
                ignored,
            } = tally;
            let took = took.as_secs_f64();
            let _ = writeln!(
                text,
                "{name:<12} {result:<6} {passed:>7} {failed:>7} {ignored:>8} {took:>8.1} s"
            );
        }
        text.push_str(&self.figures());
        if self.failed() {
            let failed = self
                .outcomes
                .iter()
                .filter(|outcome| outcome.tally.failed > 0);
            let names: Vec<_> = failed.map(|outcome| outcome.name).collect();
            let _ = writeln!(
                text,
                "\nto replay: cargo xtask {} --only {} --seed {}",
                self.task.command(),
                names.join(","),
                self.seed
            );
        }
        let Tally { passed, failed, .. } = self.total();
        let _ = writeln!(text, "\n{passed} passed, {failed} failed");
        text
    }

    /// Returns the figures as the table that docs/testing.md holds; nothing if there are none.
    fn figures(&self) -> String {
        if self
            .outcomes
            .iter()
            .all(|outcome| outcome.figures.is_empty())
        {
            return String::new();
        }
        let mut text = format!(
            "\nfigures of {}:\n\n| part | figure | value |\n|---|---|---|\n",
            self.origin
        );
        for outcome in &self.outcomes {
            for Figure { what, value } in &outcome.figures {
                let _ = writeln!(text, "| {} | {what} | {value} |", outcome.name);
            }
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(tallies: &[(u64, u64)]) -> Report {
        let outcomes = tallies.iter().map(|&(passed, failed)| Outcome {
            tally: Tally {
                passed,
                failed,
                ignored: 1,
            },
            ..Outcome::new("part")
        });
        Report {
            task: Task::Test,
            seed: 7,
            origin: String::new(),
            outcomes: outcomes.collect(),
        }
    }

    #[test]
    fn the_last_line_counts_all_parts_and_stands_alone() {
        let text = report(&[(12, 0), (30, 0)]).text();
        assert!(text.ends_with("\n\n42 passed, 0 failed\n"), "{text}");
        let text = report(&[(12, 1), (30, 2)]).text();
        assert!(text.ends_with("\n\n42 passed, 3 failed\n"), "{text}");
        assert!(text.contains("cargo xtask test --only part,part --seed 7"));
    }

    #[test]
    fn one_failure_in_any_part_fails_the_run_and_so_does_emptiness() {
        assert!(!report(&[(12, 0), (30, 0)]).failed());
        assert!(report(&[(12, 0), (30, 1)]).failed());
        assert!(report(&[(0, 0)]).failed());
        assert!(report(&[]).failed());
    }

    #[test]
    fn figures_form_a_table_and_are_left_out_when_there_are_none() {
        let mut report = report(&[(1, 0)]);
        assert!(!report.text().contains("| part |"));
        report.outcomes[0].figures.push(Figure {
            what: "steps".into(),
            value: "9".into(),
        });
        assert!(
            report
                .text()
                .contains("\n|---|---|---|\n| part | steps | 9 |\n")
        );
    }
}
