//! A part of a task: declared as data, so that a new one is a few lines in `parts.rs`.

use crate::job::Job;
use crate::need::Need;

/// A named piece of a task.
#[derive(Debug)]
pub(crate) struct Part {
    pub(crate) name: &'static str,
    /// One line for `--help`.
    pub(crate) about: &'static str,
    pub(crate) runs: Runs,
    /// What must be installed first.
    pub(crate) needs: &'static [Need],
    /// What is done, in order; a failing step does not stop the next.
    pub(crate) steps: &'static [Step],
}

/// When a part runs.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Runs {
    Always,
    /// Only when `--only` names it.
    #[allow(dead_code, reason = "unused while the subject of every part is merged")]
    OnlyByName,
}

/// One step of a part.
#[derive(Debug)]
pub(crate) enum Step {
    /// A command line, split at spaces; one check, passed if the exit code is `code`.
    Command {
        line: &'static str,
        env: &'static [(&'static str, &'static str)],
        code: i32,
    },
    /// A `cargo test`, split likewise: each of its test cases counts, and there must be at least one.
    Tests {
        line: &'static str,
        env: &'static [(&'static str, &'static str)],
    },
    /// Checks that the runner makes itself; each counts, and there must be at least one.
    Checks(fn(&mut Job<'_>) -> Vec<Check>),
}

/// The outcome of one check that is not a test case.
#[derive(Debug)]
pub(crate) struct Check {
    /// What holds if it passed.
    pub(crate) claim: String,
    pub(crate) found: Result<(), String>,
}

impl Check {
    pub(crate) fn new(claim: impl Into<String>, found: Result<(), String>) -> Self {
        Self {
            claim: claim.into(),
            found,
        }
    }
}

/// Chooses the parts named in `only`, in table order; without names, those that always run.
///
/// # Errors
///
/// The sentence to show, where a name is not in the table.
pub(crate) fn choose<'a>(parts: &'a [Part], only: &[String]) -> Result<Vec<&'a Part>, String> {
    for name in only {
        if !parts.iter().any(|part| part.name == name) {
            let known: Vec<_> = parts.iter().map(|part| part.name).collect();
            return Err(format!(
                "unknown part '{name}'; the parts are: {}",
                known.join(", ")
            ));
        }
    }
    let chosen = |part: &&Part| {
        if only.is_empty() {
            part.runs == Runs::Always
        } else {
            only.iter().any(|name| name == part.name)
        }
    };
    Ok(parts.iter().filter(chosen).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn part(name: &'static str, runs: Runs) -> Part {
        Part {
            name,
            about: "",
            runs,
            needs: &[],
            steps: &[],
        }
    }

    const PARTS: &[Part] = &[
        part("fmt", Runs::Always),
        part("later", Runs::OnlyByName),
        part("test", Runs::Always),
    ];

    fn chosen(only: &[&str]) -> Result<Vec<&'static str>, String> {
        let only: Vec<_> = only.iter().map(|name| (*name).to_owned()).collect();
        Ok(choose(PARTS, &only)?.iter().map(|part| part.name).collect())
    }

    #[test]
    fn without_names_the_default_parts_run_in_table_order() {
        assert_eq!(chosen(&[]), Ok(vec!["fmt", "test"]));
    }

    #[test]
    fn names_choose_parts_in_table_order() {
        assert_eq!(chosen(&["test", "later"]), Ok(vec!["later", "test"]));
    }

    #[test]
    fn an_unknown_name_is_refused_beside_known_ones() {
        assert!(chosen(&["fmt", "tests"]).is_err());
        assert!(chosen(&[""]).is_err());
    }
}
