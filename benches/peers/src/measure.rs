//! Rows that are measured in turns, on the thread's own CPU time.

use core::time::Duration;

use cpu_time::ThreadTime;
use serde_json::json;

/// How much is done for a figure.
#[derive(Clone, Copy)]
pub(crate) struct Effort {
    pub(crate) rounds: usize,
    /// Only to see that each row runs: its figures say nothing.
    pub(crate) quick: bool,
}

impl Effort {
    pub(crate) fn quick() -> Self {
        Self {
            rounds: 2,
            quick: true,
        }
    }

    /// Chooses between the size that is meant and one that only shows that a row runs.
    pub(crate) fn of(self, meant: usize, quick: usize) -> usize {
        if self.quick { quick } else { meant }
    }
}

impl Default for Effort {
    fn default() -> Self {
        Self {
            rounds: 151,
            quick: false,
        }
    }
}

/// One thing to measure: `prepare` is not timed, `run` is, and says how many operations it was.
pub(crate) struct Row<'a> {
    name: &'a str,
    prepare: Box<dyn FnMut() + 'a>,
    run: Box<dyn FnMut() -> usize + 'a>,
}

impl<'a> Row<'a> {
    /// Makes a row whose rounds are prepared.
    pub(crate) fn new(
        name: &'a str,
        prepare: impl FnMut() + 'a,
        run: impl FnMut() -> usize + 'a,
    ) -> Self {
        Self {
            name,
            prepare: Box::new(prepare),
            run: Box::new(run),
        }
    }

    /// Makes a row of so many operations that a round takes about a millisecond; each gets a number
    /// of its own.
    pub(crate) fn counted(effort: Effort, name: &'a str, mut run: impl FnMut(u64) + 'a) -> Self {
        let mut at = 0;
        // The operation is compiled into the loop: no call through a pointer each time.
        let mut batch = move |operations: u64| {
            for number in at..at + operations {
                run(number);
            }
            at += operations;
        };
        let mut operations = 10;
        while !effort.quick && operations < 1 << 30 {
            let spent = timed(|| batch(operations)).as_nanos();
            if spent >= 250_000 {
                operations = operations * 1_000_000 / u64::try_from(spent).unwrap_or(1_000_000);
                break;
            }
            operations *= 2;
        }
        let each = usize::try_from(operations).unwrap_or(usize::MAX);
        Self::new(
            name,
            || (),
            move || {
                batch(operations);
                each
            },
        )
    }
}

/// Says whose rows follow.
pub(crate) fn begin(effort: Effort) {
    println!("{}", json!({"process": "rust", "rounds": effort.rounds}));
}

/// Measures rows in turns, the order reversed every second round; the first is the floor.
pub(crate) fn group(effort: Effort, group: &str, mut rows: Vec<Row<'_>>) {
    let mut samples = vec![Vec::with_capacity(effort.rounds); rows.len()];
    for round in 0..effort.rounds {
        for at in turns(round, rows.len()) {
            let row = &mut rows[at];
            (row.prepare)();
            let mut operations = 0;
            let spent = timed(|| operations = (row.run)());
            samples[at].push(per_operation(spent, operations));
        }
    }
    for (row, samples) in rows.iter().zip(samples) {
        report(group, row.name, "cpu", &samples);
    }
}

/// Returns the order of a round.
pub(crate) fn turns(round: usize, rows: usize) -> impl Iterator<Item = usize> {
    (0..rows).map(move |at| {
        if round.is_multiple_of(2) {
            at
        } else {
            rows - 1 - at
        }
    })
}

pub(crate) fn per_operation(spent: Duration, operations: usize) -> f64 {
    spent.as_secs_f64() * 1e9 / operations as f64
}

/// Prints the rounds of a row, in nanoseconds for each operation.
pub(crate) fn report(group: &str, row: &str, clock: &str, samples: &[f64]) {
    let line = json!({
        "group": group, "row": row, "clock": clock, "unit": "ns", "samples": samples,
    });
    println!("{line}");
}

/// Prints a figure that has no rounds.
pub(crate) fn figure(group: &str, row: &str, value: f64, unit: &str) {
    let line = json!({"group": group, "row": row, "value": value, "unit": unit});
    println!("{line}");
}

fn timed(run: impl FnOnce()) -> Duration {
    let start = ThreadTime::now();
    run();
    start.elapsed()
}
