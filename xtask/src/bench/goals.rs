//! The goals of `benches/goals.toml`, and whether a run meets them.

use toml::{Table, Value};

use super::row::{Row, Rows};
use super::statistics::{Spread, ratio};

/// How far floors of two processes may lie apart before rows of both have no ratio.
const FLOORS_APART: f64 = 0.05;
/// The least noise that is worth a word, whatever a goal tolerates.
const QUIET: f64 = 0.03;
/// The fewest rounds, of those that a control lets count, that make a figure.
const ENOUGH: usize = 10;

/// Something that a run shall show.
#[derive(Clone, Debug)]
pub(crate) struct Goal {
    pub(crate) name: String,
    pub(crate) claim: String,
    numerator: Vec<Term>,
    /// Nothing where the numerator itself is the figure.
    denominator: Vec<Term>,
    pub(crate) limit: Limit,
    tolerance: f64,
    pub(crate) judge: Judge,
    /// Rounds count only where these two rows have at least this ratio.
    control: Option<(String, String, f64)>,
}

/// A row that is added, or taken away.
#[derive(Clone, Debug)]
struct Term {
    path: String,
    sign: f64,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Limit {
    /// A cost.
    AtMost(f64),
    /// A gain.
    AtLeast(f64),
    /// A likeness: neither is more than this share above the other.
    Within(f64),
}

#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Judge {
    /// A miss fails `--check`.
    Gate,
    /// It is shown alone, for this reason.
    Report(String),
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

impl Goal {
    /// Reads the goals.
    ///
    /// # Errors
    ///
    /// The goal and the member that cannot be read.
    pub(crate) fn read(text: &str) -> Result<Vec<Self>, String> {
        let file: Table = text.parse().map_err(|error| format!("{error}"))?;
        let goals = file.get("goal").and_then(Value::as_array);
        let goals = goals.ok_or("there is no goal")?;
        goals.iter().map(Self::of).collect()
    }

    fn of(goal: &Value) -> Result<Self, String> {
        let goal = goal.as_table().ok_or("a goal is a table")?;
        let claim = goal.get("claim").and_then(Value::as_str).unwrap_or("?");
        Self::of_table(goal).map_err(|error| format!("{claim}: {error}"))
    }

    fn of_table(goal: &Table) -> Result<Self, String> {
        const MEMBERS: [&str; 11] = [
            "name",
            "claim",
            "numerator",
            "denominator",
            "at_most",
            "at_least",
            "within",
            "tolerance",
            "judge",
            "reason",
            "control",
        ];
        if let Some(other) = goal.keys().find(|key| !MEMBERS.contains(&key.as_str())) {
            return Err(format!("a goal has no {other}"));
        }
        let text = |key: &str| goal.get(key).and_then(Value::as_str).map(str::to_owned);
        let needed = |key: &str| text(key).ok_or(format!("{key} is missing"));
        let limit = |key, make: fn(f64) -> Limit| number(goal, key).map(make);
        let mut limits = [
            limit("at_most", Limit::AtMost),
            limit("at_least", Limit::AtLeast),
            limit("within", Limit::Within),
        ]
        .into_iter()
        .flatten();
        let (Some(limit), None) = (limits.next(), limits.next()) else {
            return Err("it needs one of at_most, at_least and within".into());
        };
        let judge = match (&*needed("judge")?, text("reason")) {
            ("gate", None) => Judge::Gate,
            ("report", Some(reason)) => Judge::Report(reason),
            _ => return Err("judge is \"gate\", or \"report\" with a reason".into()),
        };
        let control = match goal.get("control").map(Value::as_table) {
            None => None,
            Some(control) => {
                let control = control.ok_or("a control is a table")?;
                let path = |key: &str| control.get(key).and_then(Value::as_str).map(str::to_owned);
                let read = (
                    path("numerator"),
                    path("denominator"),
                    number(control, "at_least"),
                );
                let (Some(above), Some(below), Some(least)) = read else {
                    return Err("a control has numerator, denominator and at_least".into());
                };
                Some((above, below, least))
            }
        };
        Ok(Self {
            name: needed("name")?,
            claim: needed("claim")?,
            numerator: terms(goal.get("numerator"))?,
            denominator: goal
                .get("denominator")
                .map_or(Ok(Vec::new()), |rows| terms(Some(rows)))?,
            limit,
            tolerance: number(goal, "tolerance").ok_or("tolerance is missing")?,
            judge,
            control,
        })
    }

    /// Returns the rows that it names.
    pub(crate) fn paths(&self) -> impl Iterator<Item = &str> {
        let terms = self.numerator.iter().chain(&self.denominator);
        let control = self
            .control
            .iter()
            .flat_map(|(above, below, _)| [above, below]);
        terms
            .map(|term| &*term.path)
            .chain(control.map(String::as_str))
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
                let (process, group) = (&row.process, &row.group);
                let percent = 100.0 * noise;
                let group = format!("{process} / {group}");
                return Verdict::Noisy(format!("{group}: its floor differs by {percent:.0} %"));
            }
        }
        match self.found(rows) {
            Ok(found) if self.limit.is_met(found, self.tolerance) => Verdict::Met(found),
            Ok(found) => Verdict::Missed(found),
            Err(why) => Verdict::Noisy(why),
        }
    }

    fn found(&self, rows: &Rows) -> Result<f64, String> {
        let figure = |terms: &[Term]| match terms {
            [only] => rows.find(&only.path).and_then(Row::figure),
            _ => None,
        };
        match (figure(&self.numerator), figure(&self.denominator)) {
            (Some(value), None) if self.denominator.is_empty() => return Ok(value),
            (Some(above), Some(below)) => return Ok(above / below),
            _ => {}
        }
        if let ([above], [below]) = (&*self.numerator, &*self.denominator)
            && let (Some(above), Some(below)) = (rows.find(&above.path), rows.find(&below.path))
            && above.process != below.process
        {
            return across(rows, above, below);
        }
        let counts = self.rounds_that_count(rows)?;
        let above = sum(&self.numerator, rows)?;
        if self.denominator.is_empty() {
            return middle(&above).ok_or_else(|| "no round".into());
        }
        let below = sum(&self.denominator, rows)?;
        if above.len() != below.len() {
            return Err("its rows have different rounds".into());
        }
        let chosen = |values: Vec<f64>| -> Vec<f64> {
            let all = values.into_iter().enumerate();
            all.filter(|(at, _)| counts.as_ref().is_none_or(|counts| counts[*at]))
                .map(|(_, value)| value)
                .collect()
        };
        ratio(&chosen(above), &chosen(below)).ok_or_else(|| "no round".into())
    }

    /// Says which rounds the control lets count; `None` where all do.
    fn rounds_that_count(&self, rows: &Rows) -> Result<Option<Vec<bool>>, String> {
        let Some((above, below, least)) = &self.control else {
            return Ok(None);
        };
        let samples = |path: &str| rows.find(path).and_then(Row::samples).unwrap_or(&[]);
        let rounds = samples(above).iter().zip(samples(below));
        let counts: Vec<_> = rounds
            .map(|(above, below)| above / below >= *least)
            .collect();
        let good = counts.iter().filter(|counts| **counts).count();
        if good < ENOUGH {
            let all = counts.len();
            return Err(format!("in {good} of {all} rounds alone its control holds"));
        }
        Ok(Some(counts))
    }
}

impl Limit {
    pub(crate) fn is_met(self, found: f64, tolerance: f64) -> bool {
        match self {
            Self::AtMost(limit) => found <= limit * (1.0 + tolerance),
            Self::AtLeast(limit) => found >= limit / (1.0 + tolerance),
            Self::Within(share) => found.max(1.0 / found) <= (1.0 + share) * (1.0 + tolerance),
        }
    }
}

/// Compares rows of two processes by what each is to its own floor.
fn across(rows: &Rows, above: &Row, below: &Row) -> Result<f64, String> {
    let floors = |row: &Row| {
        let floor = rows.floor(row).and_then(Row::samples);
        let to_floor = row
            .samples()
            .zip(floor)
            .and_then(|(row, floor)| ratio(row, floor));
        to_floor.zip(floor.and_then(middle))
    };
    let (Some((above, one)), Some((below, other))) = (floors(above), floors(below)) else {
        return Err("a row without a floor".into());
    };
    let apart = (one / other).max(other / one) - 1.0;
    if apart > FLOORS_APART {
        let percent = 100.0 * apart;
        return Err(format!(
            "the floors of its processes lie {percent:.0} % apart"
        ));
    }
    Ok(above / below)
}

fn sum(terms: &[Term], rows: &Rows) -> Result<Vec<f64>, String> {
    let mut sum: Option<Vec<f64>> = None;
    for Term { path, sign } in terms {
        let samples = rows.find(path).and_then(Row::samples);
        let samples = samples.ok_or_else(|| format!("without rounds: {path}"))?;
        let signed = samples.iter().map(|sample| sign * sample);
        sum = match sum {
            None => Some(signed.collect()),
            Some(sum) if sum.len() == samples.len() => {
                Some(sum.into_iter().zip(signed).map(|(a, b)| a + b).collect())
            }
            Some(_) => return Err(format!("with rounds of its own: {path}")),
        };
    }
    sum.ok_or_else(|| "no row".into())
}

fn middle(samples: &[f64]) -> Option<f64> {
    Spread::of(samples).map(|spread| spread.median)
}

fn number(table: &Table, key: &str) -> Option<f64> {
    let value = table.get(key)?;
    value
        .as_float()
        .or_else(|| value.as_integer().map(|whole| whole as f64))
}

/// Reads one row or several; one that begins with `- ` is taken away.
fn terms(value: Option<&Value>) -> Result<Vec<Term>, String> {
    let term = |path: &Value| {
        let path = path.as_str().ok_or("a row is a text")?;
        let (path, sign) = path
            .strip_prefix("- ")
            .map_or((path, 1.0), |path| (path, -1.0));
        Ok(Term {
            path: path.to_owned(),
            sign,
        })
    };
    match value {
        Some(Value::Array(rows)) => rows.iter().map(term).collect(),
        Some(row) => term(row).map(|term| vec![term]),
        None => Err("numerator is missing".into()),
    }
}

#[cfg(test)]
mod tests;
