//! The goals of `benches/goals.toml`, and whether a run meets them.

use anyhow::{Context, Result, bail, ensure};
use serde::Deserialize;

use super::chart::Panel;
use super::rows::{Row, Rows, median, ratio};

/// How far floors of two processes may lie apart before rows of both have no ratio.
const FLOORS_APART: f64 = 0.05;
/// The least noise that is worth a word, whatever a goal tolerates.
const QUIET: f64 = 0.03;
/// The fewest rounds, of those that a control lets count, that make a figure.
const ENOUGH: usize = 10;

/// What `benches/goals.toml` holds.
#[derive(Debug, Deserialize)]
pub(crate) struct File {
    #[serde(rename = "goal")]
    pub(crate) goals: Vec<Goal>,
    #[serde(rename = "chart")]
    pub(crate) panels: Vec<Panel>,
}

/// Something that a run shall show.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Goal {
    pub(crate) name: String,
    pub(crate) claim: String,
    /// Why the limit is what it is.
    pub(crate) why: String,
    numerator: Terms,
    /// Nothing where the numerator itself is the figure.
    denominator: Option<Terms>,
    at_most: Option<f64>,
    at_least: Option<f64>,
    within: Option<f64>,
    pub(crate) tolerance: f64,
    judge: Judge,
    /// Why it is not judged.
    pub(crate) reason: Option<String>,
    /// Rounds count only where these two rows have at least this ratio.
    control: Option<Control>,
}

/// Rows that are added, or, after `- `, taken away.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
enum Terms {
    One(String),
    Sum(Vec<String>),
}

#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "lowercase")]
enum Judge {
    /// A miss fails `--check`.
    Gate,
    /// It is shown alone, for its reason.
    Report,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Control {
    numerator: String,
    denominator: String,
    at_least: f64,
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Limit {
    /// A cost.
    AtMost(f64),
    /// A gain.
    AtLeast(f64),
    /// A likeness: neither is more than this share above the other.
    Within(f64),
}

/// What a run says about a goal.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Verdict {
    Met(f64),
    Missed(f64),
    /// The same thing measured twice differed too much.
    Noisy(String),
    /// A row was not measured.
    Absent(String),
}

impl File {
    /// Reads the goals, and the panels of the chart.
    ///
    /// # Errors
    ///
    /// The goal and the member that cannot be read.
    pub(crate) fn read(text: &str) -> Result<Self> {
        let file: Self = toml::from_str(text)?;
        for goal in &file.goals {
            goal.limit().with_context(|| goal.claim.clone())?;
            if goal.reason.is_none() != goal.is_gate() {
                bail!("{}: a report alone has a reason", goal.claim);
            }
        }
        Ok(file)
    }

    /// Returns the rows that the goals and the panels name.
    pub(crate) fn paths(&self) -> impl Iterator<Item = &str> {
        let charted = self
            .panels
            .iter()
            .flat_map(|panel| &panel.rows)
            .map(String::as_str);
        self.goals.iter().flat_map(Goal::paths).chain(charted)
    }
}

impl Terms {
    fn signed(&self) -> Vec<(&str, f64)> {
        let all = match self {
            Self::One(path) => core::slice::from_ref(path),
            Self::Sum(paths) => paths,
        };
        let sign = |path| str::strip_prefix(path, "- ").map_or((path, 1.0), |path| (path, -1.0));
        all.iter().map(|path| sign(path)).collect()
    }

    /// Returns the only row.
    fn only<'a>(&self, rows: &'a Rows) -> Option<&'a Row> {
        match self.signed()[..] {
            [(path, _)] => rows.find(path),
            _ => None,
        }
    }

    fn sum(&self, rows: &Rows) -> Result<Vec<f64>> {
        let mut sum = Vec::new();
        for (path, sign) in self.signed() {
            let samples = rows.find(path).and_then(Row::samples);
            let samples = samples.with_context(|| format!("without rounds: {path}"))?;
            if sum.is_empty() {
                sum = vec![0.0; samples.len()];
            }
            ensure!(sum.len() == samples.len(), "with rounds of its own: {path}");
            for (sum, sample) in sum.iter_mut().zip(samples) {
                *sum += sign * sample;
            }
        }
        Ok(sum)
    }
}

impl Goal {
    pub(crate) fn is_gate(&self) -> bool {
        self.judge == Judge::Gate
    }

    /// Returns the one limit that it has.
    pub(crate) fn limit(&self) -> Result<Limit> {
        match (self.at_most, self.at_least, self.within) {
            (Some(limit), None, None) => Ok(Limit::AtMost(limit)),
            (None, Some(limit), None) => Ok(Limit::AtLeast(limit)),
            (None, None, Some(share)) => Ok(Limit::Within(share)),
            _ => bail!("it needs one of at_most, at_least and within"),
        }
    }

    /// Returns the rows that it names.
    pub(crate) fn paths(&self) -> impl Iterator<Item = &str> {
        let terms = [Some(&self.numerator), self.denominator.as_ref()]
            .into_iter()
            .flatten();
        let control = self
            .control
            .iter()
            .flat_map(|its| [&*its.numerator, &*its.denominator]);
        terms
            .flat_map(|terms| terms.signed())
            .map(|(path, _)| path)
            .chain(control)
    }

    /// Judges a run.
    pub(crate) fn judge(&self, rows: &Rows) -> Verdict {
        for path in self.paths() {
            let Some(row) = rows.find(path) else {
                return Verdict::Absent(format!("not measured: {path}"));
            };
            if row.samples().is_some()
                && let Some(noise) = rows.noise(row)
                && noise > self.tolerance.max(QUIET)
            {
                let (process, group, percent) = (&row.process, &row.group, 100.0 * noise);
                let why = format!("{process} / {group}: its floor differs by {percent:.0} %");
                return Verdict::Noisy(why);
            }
        }
        match self.found(rows) {
            Ok(found) if self.is_met(found) => Verdict::Met(found),
            Ok(found) => Verdict::Missed(found),
            Err(why) => Verdict::Noisy(why.to_string()),
        }
    }

    fn is_met(&self, found: f64) -> bool {
        self.is_within(found, 1.0 + self.tolerance)
    }

    /// Says whether a goal is met only because noise is tolerated.
    pub(crate) fn needs_tolerance(&self, found: f64) -> bool {
        !self.is_within(found, 1.0)
    }

    fn is_within(&self, found: f64, tolerance: f64) -> bool {
        self.limit().is_ok_and(|limit| match limit {
            Limit::AtMost(limit) => found <= limit * tolerance,
            Limit::AtLeast(limit) => found >= limit / tolerance,
            Limit::Within(share) => found.max(1.0 / found) <= (1.0 + share) * tolerance,
        })
    }

    fn found(&self, rows: &Rows) -> Result<f64> {
        let above = self.numerator.only(rows);
        let Some(denominator) = &self.denominator else {
            let figure = above.and_then(Row::figure);
            let middle = || median(&self.numerator.sum(rows)?).context("no round");
            return figure.map_or_else(middle, Ok);
        };
        if let (Some(above), Some(below)) = (above, denominator.only(rows)) {
            if let (Some(above), Some(below)) = (above.figure(), below.figure()) {
                return Ok(above / below);
            }
            if above.process != below.process {
                return across(rows, above, below);
            }
        }
        let (above, below) = (self.numerator.sum(rows)?, denominator.sum(rows)?);
        ensure!(above.len() == below.len(), "its rows have different rounds");
        let counts = self.rounds_that_count(rows, above.len())?;
        let chosen = |values: Vec<f64>| -> Vec<f64> {
            let all = values.into_iter().zip(&counts);
            all.filter(|(_, counts)| **counts)
                .map(|(value, _)| value)
                .collect()
        };
        ratio(&chosen(above), &chosen(below)).context("no round")
    }

    /// Says which of `all` rounds the control lets count.
    fn rounds_that_count(&self, rows: &Rows, all: usize) -> Result<Vec<bool>> {
        let Some(control) = &self.control else {
            return Ok(vec![true; all]);
        };
        let samples = |path: &str| rows.find(path).and_then(Row::samples).unwrap_or(&[]);
        let rounds = samples(&control.numerator)
            .iter()
            .zip(samples(&control.denominator));
        let counts: Vec<_> = rounds
            .map(|(above, below)| above / below >= control.at_least)
            .collect();
        let good = counts.iter().filter(|counts| **counts).count();
        ensure!(good >= ENOUGH, "its control holds in {good} rounds");
        Ok(counts)
    }
}

/// Compares rows of two processes by what each is to its own floor.
fn across(rows: &Rows, above: &Row, below: &Row) -> Result<f64> {
    let floors = |row| {
        let floor = rows.floor(row).and_then(median);
        rows.to_floor(row)
            .zip(floor)
            .context("a row without a floor")
    };
    let ((above, one), (below, other)) = (floors(above)?, floors(below)?);
    let apart = (one / other).max(other / one) - 1.0;
    let percent = 100.0 * apart;
    ensure!(apart <= FLOORS_APART, "its floors lie {percent:.0} % apart");
    Ok(above / below)
}

#[cfg(test)]
mod tests;
