//! Rows that are measured in turns, and compared with the first one of the same run.

use core::time::Duration;
use std::env;

use crate::timed;

/// One thing to measure: `prepare` is not timed, `run` is, and says how many operations it was.
pub struct Row<'a> {
    name: &'a str,
    prepare: Box<dyn FnMut() + 'a>,
    run: Box<dyn FnMut() -> u32 + 'a>,
    /// At most so many times the floor, as the project's goals have it.
    limit: Option<f64>,
}

impl<'a> Row<'a> {
    /// Makes a row of one operation that is made 20 times in each round.
    pub fn new(name: &'a str, mut operation: impl FnMut() + 'a) -> Self {
        let run = move || {
            (0..OPERATIONS).for_each(|_| operation());
            OPERATIONS
        };
        Self::prepared(name, || (), run)
    }

    /// Makes a row whose rounds are prepared first.
    pub fn prepared(
        name: &'a str,
        prepare: impl FnMut() + 'a,
        run: impl FnMut() -> u32 + 'a,
    ) -> Self {
        Self {
            name,
            prepare: Box::new(prepare),
            run: Box::new(run),
            limit: None,
        }
    }

    /// Sets the goal: at most so many times the floor.
    #[must_use]
    pub const fn at_most(mut self, limit: f64) -> Self {
        self.limit = Some(limit);
        self
    }
}

impl core::fmt::Debug for Row<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Row")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

/// Says whose rows follow, for a program that reads them: see [`compare`].
#[expect(clippy::print_stdout, reason = "rows are read from stdout")]
pub fn begin(process: &str) {
    if is_for_a_program() {
        println!("{{\"process\":{process:?},\"rounds\":{}}}", rounds(101));
    }
}

/// Measures rows in turns, the order reversed every second round, and prints for each the median
/// of its rounds' ratios to the first row, the floor.
///
/// `cargo bench` passes `--bench`; without it, as `cargo test` runs benches, or with `--quick`, one
/// round shows that they work. With `OTP_BENCH_JSON=1` every sample also stands on stdout, a row a
/// line.
pub fn compare(title: &str, rounds: usize, rows: &mut [Row<'_>]) {
    let rounds = self::rounds(rounds);
    let mut samples = vec![Vec::new(); rows.len()];
    for round in 0..rounds {
        let mut order: Vec<usize> = (0..rows.len()).collect();
        if round % 2 == 1 {
            order.reverse();
        }
        for at in order {
            (rows[at].prepare)();
            let (operations, spent) = timed(|| (rows[at].run)());
            samples[at].push(Duration::as_secs_f64(&spent) * 1e6 / f64::from(operations));
        }
    }
    if is_for_a_program() {
        for (row, sample) in rows.iter().zip(&samples) {
            report(title, row.name, sample);
        }
    }
    eprintln!(
        "{title:<46} {:>10} {:>9} {:>7}",
        "median us", "to floor", "goal"
    );
    for (row, sample) in rows.iter().zip(&samples) {
        let ratios = sample
            .iter()
            .zip(&samples[0])
            .map(|(row, floor)| row / floor);
        let (median, ratio) = (middle(sample.clone()), middle(ratios.collect()));
        let goal = row.limit.map_or_else(String::new, |limit| {
            let met = if ratio <= limit { "met" } else { "MISSED" };
            format!("{limit:.2} {met}")
        });
        eprintln!("  {:<44} {median:>10.1} {ratio:>8.2}x {goal:>7}", row.name);
    }
}

/// Prints the rounds of a row, in nanoseconds for each operation.
#[expect(clippy::print_stdout, reason = "rows are read from stdout")]
fn report(group: &str, row: &str, microseconds: &[f64]) {
    let samples: Vec<_> = microseconds.iter().map(|took| took * 1e3).collect();
    println!(
        "{{\"group\":{group:?},\"row\":{row:?},\"clock\":\"wall\",\"unit\":\"ns\",\"samples\":{samples:?}}}"
    );
}

fn rounds(meant: usize) -> usize {
    let given = |name| env::args().any(|argument| argument == name);
    if given("--bench") && !given("--quick") {
        meant
    } else {
        1
    }
}

fn is_for_a_program() -> bool {
    env::var_os("OTP_BENCH_JSON").is_some_and(|value| value == "1")
}

fn middle(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

const OPERATIONS: u32 = 20;
