//! What a second thread is worth, with a million codes live.
//!
//! Wall time: it is the elapsed time that a second thread shortens. Whether the machine has a second
//! core to give at that moment is what the control says, which shares nothing between its threads.

use core::hint::black_box;
use core::time::Duration;
use std::sync::Barrier;
use std::thread;
use std::time::Instant;

use otp_engine::Submission;
use otp_floor::hotp::Hotp;

use crate::harness::{Harness, Profile, binding};
use crate::live::scattered;
use crate::measure::{Effort, per_operation, report, turns};

/// Past the validity and the time between two sends.
const LATER: i64 = 600;

pub(crate) fn rows(effort: Effort) {
    let slots = effort.of(1_000_000, 300);
    let (each, hashes) = (effort.of(10_000, 20), effort.of(60_000, 100));
    // Two rows use each slot once.
    let rounds = effort.rounds.min(slots / each / 2);
    let harness = Harness::new(Profile::Bare, slots);
    (0..slots).for_each(|slot| harness.issue_only(&binding(slot)));
    harness.set(LATER);
    let key = Hotp::sha256(b"12345678901234567890");
    let control = |threads| {
        let share = hashes as u64 / threads as u64;
        wall(threads, |thread| {
            let first = thread as u64 * share;
            for counter in first..first + share {
                black_box(key.generate(black_box(counter)));
            }
        })
    };
    let mut used = 0;
    let mut engine = |threads| {
        let first = used;
        used += each;
        let next: Vec<_> = (first..used)
            .map(|at| binding(scattered(at, slots)))
            .collect();
        wall(threads, |thread| {
            let share = next.len() / threads;
            for to in &next[thread * share..][..share] {
                let ticket = harness.issue(to);
                let verdict = harness.verify(Submission::new(to, &ticket.code));
                assert!(verdict.is_accepted(), "{verdict:?}");
            }
        })
    };
    let names = [
        "control, 1 thread",
        "control, 2 threads",
        "issue and verify, 1 thread",
        "issue and verify, 2 threads",
    ];
    let mut samples: [Vec<f64>; 4] = Default::default();
    for round in 0..rounds {
        for at in turns(round, names.len()) {
            let threads = 1 + at % 2;
            let (spent, operations) = if at < 2 {
                (control(threads), hashes)
            } else {
                (engine(threads), each)
            };
            samples[at].push(per_operation(spent, operations));
        }
    }
    for (name, samples) in names.iter().zip(&samples) {
        report("threads, 1 M live", name, "wall", samples);
    }
}

/// Returns the time from when the first thread begins until the last is done.
#[expect(
    clippy::disallowed_methods,
    reason = "a bench: no decision depends on the time"
)]
fn wall(threads: usize, work: impl Fn(usize) + Sync) -> Duration {
    let (ready, work) = (&Barrier::new(threads), &work);
    let run = move |thread| {
        ready.wait();
        let start = Instant::now();
        work(thread);
        (start, Instant::now())
    };
    let spans: Vec<_> = thread::scope(|scope| {
        let running: Vec<_> = (0..threads)
            .map(|thread| scope.spawn(move || run(thread)))
            .collect();
        let joined = running.into_iter().map(|thread| thread.join());
        joined.map(|span| span.expect("no row fails")).collect()
    });
    let start = spans.iter().map(|(start, _)| *start).min();
    let end = spans.iter().map(|(_, end)| *end).max();
    match (start, end) {
        (Some(start), Some(end)) => end - start,
        _ => Duration::ZERO,
    }
}
