//! What issue and verify cost, as ratios to a floor in the same run.
//!
//! The floor is that of `floor/operation.rs`. Rows take turns in rounds of about a
//! millisecond, the order reversed every second round, on the thread's own CPU time; a ratio is the
//! median of the rounds' ratios. The floor runs twice: what the second differs by is the noise.
//!
//! `cargo bench`
#![allow(missing_docs, reason = "a bench")]
#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a program for the terminal"
)]

#[expect(unreachable_pub, reason = "other members of the workspace share it")]
#[path = "floor/operation.rs"]
mod floor;

use core::cell::Cell;
use core::hint::black_box;

use cpu_time::ThreadTime;
use otp_engine::{
    Binding, Clock, Engine, Issuance, KeyRing, ManualClock, MemoryStore, Mobile, RateLimits,
    Submission, SystemClock, Target, Timestamp,
};

use floor::{Operation, Order};

const ROUNDS: usize = 101;
const SLOTS: usize = 1_000;

fn main() {
    // `cargo test --benches` runs them without this argument: one short round shows that they work.
    let short = !std::env::args().any(|argument| argument == "--bench");
    let rounds = if short { 1 } else { ROUNDS };
    println!(
        "{:<34} {:>10} {:>10} {:>9}",
        "row (1 thread, hot, CPU ns)", "median", "min", "to floor"
    );
    for metered in [false, true] {
        let rate_limits = if metered { "default policy" } else { "bare" };
        let compressions = Operation::new(metered, Order::Serial, 0).compressions();
        println!("{rate_limits} ({compressions} compressions)");
        group(rounds, &mut issue_rows(metered));
        group(rounds, &mut verify_rows(metered));
    }
}

/// One thing to measure: `prepare` is not timed, `run` is, and says how many operations it was.
struct Row {
    name: &'static str,
    prepare: Box<dyn FnMut()>,
    run: Box<dyn FnMut() -> usize>,
}

/// Measures rows in turns; the first is the floor.
fn group(rounds: usize, rows: &mut [Row]) {
    let mut samples = vec![Vec::new(); rows.len()];
    for round in 0..rounds {
        let mut order: Vec<usize> = (0..rows.len()).collect();
        if round % 2 == 1 {
            order.reverse();
        }
        for at in order {
            (rows[at].prepare)();
            let start = ThreadTime::now();
            let operations = (rows[at].run)();
            let spent = start.elapsed().as_secs_f64() * 1e9;
            samples[at].push(spent / operations as f64);
        }
    }
    for (row, sample) in rows.iter().zip(&samples) {
        let mut ratios: Vec<f64> = sample
            .iter()
            .zip(&samples[0])
            .map(|(row, floor)| row / floor)
            .collect();
        let mut sorted = sample.clone();
        let (median, ratio) = (middle(&mut sorted), middle(&mut ratios));
        println!(
            "  {:<32} {median:>10.0} {:>10.0} {ratio:>8.2}x",
            row.name, sorted[0]
        );
    }
}

fn middle(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn issue_rows(metered: bool) -> Vec<Row> {
    let floor = |name, order| {
        let floor = Operation::new(metered, order, SLOTS);
        Row {
            name,
            prepare: Box::new(|| ()),
            run: Box::new(move || {
                for slot in 0..SLOTS {
                    floor.issue(slot);
                }
                SLOTS
            }),
        }
    };
    // A new code each time: the clock goes on by a day, so that no rate limit refuses.
    let harness = Harness::new(metered);
    let day = Cell::new(0);
    let issue = Row {
        name: "issue",
        prepare: Box::new(|| ()),
        run: Box::new(move || {
            day.set(day.get() + 1);
            harness.clock.set(Timestamp::from_unix(day.get() * 86_400));
            for binding in &harness.bindings {
                let issuance = harness
                    .engine
                    .issue(&harness.store, black_box(binding))
                    .unwrap();
                assert!(matches!(black_box(issuance), Issuance::Issued(_)));
            }
            SLOTS
        }),
    };
    vec![
        floor("floor of issue", Order::Serial),
        floor("floor, side by side", Order::SideBySide),
        issue,
        floor("floor again", Order::Serial),
    ]
}

fn verify_rows(metered: bool) -> Vec<Row> {
    let floor = |name, order| {
        let floor = Operation::new(metered, order, SLOTS);
        Row {
            name,
            prepare: Box::new(|| ()),
            run: Box::new(move || {
                for slot in 0..SLOTS {
                    floor.verify(slot);
                }
                SLOTS
            }),
        }
    };
    let row = |name: &'static str, entered: fn(&str) -> String| {
        let harness = std::rc::Rc::new(Harness::new(metered));
        let codes = std::rc::Rc::new(core::cell::RefCell::new(Vec::new()));
        let (fresh, filled) = (harness.clone(), codes.clone());
        let day = Cell::new(0);
        let prepare = move || {
            day.set(day.get() + 2);
            fresh.clock.set(Timestamp::from_unix(day.get() * 86_400));
            *filled.borrow_mut() = fresh.issue_all().iter().map(|code| entered(code)).collect();
        };
        let run = move || {
            for (binding, entered) in harness.bindings.iter().zip(codes.borrow().iter()) {
                let verdict = harness
                    .engine
                    .verify(&harness.store, Submission::new(binding, black_box(entered)));
                black_box(verdict.unwrap().is_accepted());
            }
            SLOTS
        };
        Row {
            name,
            prepare: Box::new(prepare),
            run: Box::new(run),
        }
    };
    let wrong = |code: &str| {
        format!(
            "{}{}",
            &code[..5],
            if code.ends_with('7') { '8' } else { '7' }
        )
    };
    let harness = std::rc::Rc::new(Harness::new(metered));
    let unknown = Row {
        name: "verify, nothing issued",
        prepare: Box::new(|| ()),
        run: Box::new(move || {
            for binding in &harness.bindings {
                let verdict = harness.engine.verify(
                    &harness.store,
                    Submission::new(binding, black_box("123456")),
                );
                assert!(!verdict.unwrap().is_accepted());
            }
            SLOTS
        }),
    };
    vec![
        floor("floor of verify", Order::Serial),
        floor("floor, side by side", Order::SideBySide),
        row("verify, right code", str::to_owned),
        row("verify, wrong code", wrong),
        unknown,
        floor("floor again", Order::Serial),
    ]
}

/// An engine with many slots, a user and a number for each.
struct Harness {
    engine: Engine,
    store: MemoryStore,
    clock: std::sync::Arc<ManualClock>,
    bindings: Vec<Binding>,
}

impl Harness {
    fn new(metered: bool) -> Self {
        let clock = std::sync::Arc::new(ManualClock::new(Timestamp::from_unix(0)));
        let keys = KeyRing::builder()
            .code("2026a", &[1; 32])
            .index(&[2; 32])
            .build()
            .unwrap();
        let rate_limits = if metered {
            RateLimits::default()
        } else {
            RateLimits::unlimited()
        };
        // The manual clock and one read of the system's, as a host has it.
        let both = Both {
            shown: clock.clone(),
            read: SystemClock::new(),
        };
        let engine = Engine::builder(keys)
            .rate_limits(rate_limits)
            .clock(both)
            .build();
        let bindings = (0..SLOTS).map(binding).collect();
        Self {
            engine,
            store: MemoryStore::new(),
            clock,
            bindings,
        }
    }

    /// Issues a code in each slot; wrong guesses of earlier rounds are forgiven.
    fn issue_all(&self) -> Vec<String> {
        for binding in &self.bindings {
            let _ = self
                .engine
                .unlock(&self.store, binding.tenant(), binding.user())
                .unwrap();
        }
        let issue = |binding| {
            self.engine
                .issue(&self.store, binding)
                .unwrap()
                .issued()
                .unwrap()
        };
        self.bindings
            .iter()
            .map(|binding| issue(binding).code.as_str().to_owned())
            .collect()
    }
}

struct Both {
    shown: std::sync::Arc<ManualClock>,
    read: SystemClock,
}

impl Clock for Both {
    fn now(&self) -> Option<Timestamp> {
        black_box(self.read.now())?;
        self.shown.now()
    }
}

fn binding(at: usize) -> Binding {
    let (record, number) = (at.to_string(), format!("6012345{at:04}"));
    let field = "client_schedule_esms_otp_signature_ids";
    Binding::builder()
        .tenant("acme")
        .purpose("sign")
        .target(Target {
            model: "loan.application",
            field,
            id: &record,
        })
        .user(&record)
        .recipient(Mobile::parse(&number).unwrap())
        .build()
        .unwrap()
}
