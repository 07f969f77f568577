//! What issue and verify cost, as ratios to a floor in the same run.
//!
//! The floor makes exactly the SHA-256 compressions that the operation needs, one load and one
//! versioned write on a map of the same shape, one clock read, and for issue one draw from the
//! operating system: no engine, no policy, no types. Rows take turns in rounds of about a
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

use core::cell::Cell;
use core::hash::{BuildHasherDefault, Hasher};
use core::hint::black_box;
use std::collections::HashMap;
use std::sync::Mutex;

use cpu_time::ThreadTime;
use otp_engine::{
    Binding, Budgets, Clock, Engine, Issuance, KeyRing, ManualClock, MemoryStore, Mobile,
    RecordField, Submission, SystemClock, Timestamp,
};
use sha2::block_api::compress256;

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
        let budgets = if metered { "default policy" } else { "bare" };
        println!("{budgets}");
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
    let floor = |name| {
        let floor = Floor::new(metered);
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
    // A new code each time: the clock goes on by a day, so that no budget refuses.
    let desk = Desk::new(metered);
    let day = Cell::new(0);
    let issue = Row {
        name: "issue",
        prepare: Box::new(|| ()),
        run: Box::new(move || {
            day.set(day.get() + 1);
            desk.clock.set(Timestamp::from_unix(day.get() * 86_400));
            for binding in &desk.bindings {
                let issuance = desk.engine.issue(&desk.store, black_box(binding)).unwrap();
                assert!(matches!(black_box(issuance), Issuance::Issued(_)));
            }
            SLOTS
        }),
    };
    vec![floor("floor of issue"), issue, floor("floor again")]
}

fn verify_rows(metered: bool) -> Vec<Row> {
    let floor = |name| {
        let floor = Floor::new(metered);
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
    let row = |name: &'static str, typed: fn(&str) -> String| {
        let desk = std::rc::Rc::new(Desk::new(metered));
        let codes = std::rc::Rc::new(core::cell::RefCell::new(Vec::new()));
        let (fresh, filled) = (desk.clone(), codes.clone());
        let day = Cell::new(0);
        let prepare = move || {
            day.set(day.get() + 2);
            fresh.clock.set(Timestamp::from_unix(day.get() * 86_400));
            *filled.borrow_mut() = fresh.issue_all().iter().map(|code| typed(code)).collect();
        };
        let run = move || {
            for (binding, typed) in desk.bindings.iter().zip(codes.borrow().iter()) {
                let verdict = desk
                    .engine
                    .verify(&desk.store, Submission::new(binding, black_box(typed)));
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
    let desk = std::rc::Rc::new(Desk::new(metered));
    let unknown = Row {
        name: "verify, nothing issued",
        prepare: Box::new(|| ()),
        run: Box::new(move || {
            for binding in &desk.bindings {
                let verdict = desk
                    .engine
                    .verify(&desk.store, Submission::new(binding, black_box("123456")));
                assert!(!verdict.unwrap().is_accepted());
            }
            SLOTS
        }),
    };
    vec![
        floor("floor of verify"),
        row("verify, right code", str::to_owned),
        row("verify, wrong code", wrong),
        unknown,
        floor("floor again"),
    ]
}

/// An engine with many slots, a user and a number for each.
struct Desk {
    engine: Engine,
    store: MemoryStore,
    clock: std::sync::Arc<ManualClock>,
    bindings: Vec<Binding>,
}

impl Desk {
    fn new(metered: bool) -> Self {
        let clock = std::sync::Arc::new(ManualClock::new(Timestamp::from_unix(0)));
        let keys = KeyRing::builder()
            .code("2026a", &[1; 32])
            .index(&[2; 32])
            .build()
            .unwrap();
        let budgets = if metered {
            Budgets::default()
        } else {
            Budgets::unmetered()
        };
        // The manual clock and one read of the system's, as a host has it.
        let both = Both {
            shown: clock.clone(),
            read: SystemClock::new(),
        };
        let engine = Engine::builder(keys).budgets(budgets).clock(both).build();
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
        .record_field(RecordField {
            model: "loan.application",
            field,
            record: &record,
        })
        .user(&record)
        .recipient(Mobile::parse(&number).unwrap())
        .build()
        .unwrap()
}

/// What the operations cannot do without.
struct Floor {
    shards: Vec<Mutex<Map>>,
    compressions: usize,
    cells: usize,
}

type Map = HashMap<u64, (u64, [u8; 96]), BuildHasherDefault<Identity>>;

impl Floor {
    fn new(metered: bool) -> Self {
        let mut shards: Vec<_> = (0..64).map(|_| Mutex::new(Map::default())).collect();
        for slot in 0..SLOTS as u64 * 3 {
            let key = mix(slot);
            shards[(key >> 58) as usize]
                .get_mut()
                .unwrap()
                .insert(key, (1, [0; 96]));
        }
        // From cached midstates a message of n bytes costs ceil((n + 9) / 64) compressions and one.
        let mac = |length: usize| (length + 9).div_ceil(64) + 1;
        let members: usize = [4, 4, 16, 38, 3, 3].iter().map(|length| length + 2).sum();
        // The tenant's part of the name is computed once for all.
        let slot = mac(1 + members);
        let digest = mac(1 + members + 14 + 1);
        let meters = mac(1 + 6 + 5) + mac(1 + 6 + 14);
        let compressions = slot + digest + mac(52) + if metered { meters } else { 0 };
        println!("  ({compressions} compressions)");
        Self {
            shards,
            compressions,
            cells: if metered { 3 } else { 1 },
        }
    }

    fn issue(&self, slot: usize) {
        let mut id = [0; 16];
        getrandom::fill(&mut id).unwrap();
        black_box(id);
        self.verify(slot);
    }

    fn verify(&self, slot: usize) {
        black_box(SystemClock::new().now());
        let mut state = [1; 8];
        for _ in 0..self.compressions {
            compress256(black_box(&mut state), black_box(&[[7; 64]]));
        }
        let keys = (0..self.cells).map(|cell| mix((slot + cell * SLOTS) as u64));
        let mut bodies = [(0, [0; 96]); 3];
        for (key, body) in keys.clone().zip(&mut bodies) {
            *body = self.shards[(key >> 58) as usize].lock().unwrap()[&key];
        }
        for (key, body) in keys.zip(bodies) {
            let mut shard = self.shards[(key >> 58) as usize].lock().unwrap();
            let cell = shard.get_mut(&key).unwrap();
            assert_eq!(cell.0, body.0);
            *cell = (body.0 + 1, black_box(body.1));
        }
    }
}

fn mix(at: u64) -> u64 {
    (at + 1)
        .wrapping_mul(0x9E37_79B9_7F4A_7C15)
        .rotate_left(31)
        .wrapping_mul(0xD6E8_FEB8_6659_FD93)
}

#[derive(Default)]
struct Identity(u64);

impl Hasher for Identity {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, _: &[u8]) {}

    fn write_u64(&mut self, value: u64) {
        self.0 = value;
    }
}
