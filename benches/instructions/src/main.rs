//! What the instruction counter runs: so many operations of one row.
//!
//! `otp-engine-instructions ROW OPERATIONS [PLANT]`; without arguments it names the rows, each after
//! its floor and the number of those that are in it. All that is made ready is the same whatever the number, so
//! that the difference between two runs is the operations'. It says how many allocations they made.
#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a program for the task runner"
)]

mod harness;

use core::hint::black_box;
use std::process::ExitCode;

use harness::Harness;
use otp_engine::binding::{BindingRef, Bound};
use otp_engine::oath::{HashFunction, Hotp, Secret};
use otp_engine::{Binding, RateLimits, Submission};

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let (name, operations, plant) = match *words.as_slice() {
        [] => {
            for row in ROWS {
                println!("{} {} {}", row.floor, row.floors, row.name);
            }
            return ExitCode::SUCCESS;
        }
        [name, operations] => (name, operations, None),
        [name, operations, plant] => (name, operations, Some(plant)),
        _ => return usage(),
    };
    let prepared = floor(name).or_else(|| {
        let row = ROWS.iter().find(|row| row.name == name)?;
        Some((row.prepare)())
    });
    let planted = match plant {
        None => Some(prepared),
        Some(plant) => planted(plant, prepared),
    };
    let (Some(Some(mut operation)), Ok(operations)) = (planted, operations.parse()) else {
        return usage();
    };
    if operations > PREPARED {
        return usage();
    }
    let made = allocation_counter::measure(|| {
        for at in 0..operations {
            operation(at);
        }
    });
    println!("allocations: {}", made.count_total);
    ExitCode::SUCCESS
}

fn usage() -> ExitCode {
    eprintln!("usage: otp-engine-instructions ROW OPERATIONS [PLANT], at most {PREPARED}");
    ExitCode::from(2)
}

/// An operation, made ready for numbers below [`PREPARED`], each of which is done once.
type Operation = Box<dyn FnMut(usize)>;

struct Row {
    name: &'static str,
    floor: &'static str,
    /// How many compressions there are in one operation, by what is hashed.
    floors: u32,
    prepare: fn() -> Operation,
}

const ROWS: &[Row] = &[
    Row {
        name: "issue-bare",
        floor: "sha256",
        floors: 8,
        prepare: || issue(RateLimits::unlimited(), Bind::Never),
    },
    Row {
        name: "issue-default",
        floor: "sha256",
        floors: 12,
        prepare: || issue(RateLimits::default(), Bind::Never),
    },
    Row {
        name: "verify-right-bare",
        floor: "sha256",
        floors: 8,
        prepare: || verify(RateLimits::unlimited(), Guess::Right, Bind::Never),
    },
    Row {
        name: "verify-right-default",
        floor: "sha256",
        floors: 12,
        prepare: || verify(RateLimits::default(), Guess::Right, Bind::Never),
    },
    Row {
        name: "verify-wrong-bare",
        floor: "sha256",
        floors: 8,
        prepare: || verify(RateLimits::unlimited(), Guess::Wrong, Bind::Never),
    },
    Row {
        name: "verify-wrong-default",
        floor: "sha256",
        floors: 12,
        prepare: || verify(RateLimits::default(), Guess::Wrong, Bind::Never),
    },
    Row {
        name: "issue-bound",
        floor: "sha256",
        floors: 2,
        prepare: || issue(RateLimits::unlimited(), Bind::Before),
    },
    Row {
        name: "verify-right-bound",
        floor: "sha256",
        floors: 2,
        prepare: || verify(RateLimits::unlimited(), Guess::Right, Bind::Before),
    },
    Row {
        name: "hotp-at",
        floor: "sha1",
        floors: 2,
        prepare: || {
            let hotp = hotp();
            Box::new(move |at| drop(black_box(hotp.at(black_box(at as u64)))))
        },
    },
    Row {
        name: "hotp-verify",
        floor: "sha1",
        floors: 2,
        prepare: || {
            let hotp = hotp();
            Box::new(move |at| {
                black_box(hotp.verify(black_box("999999"), black_box(at as u64), 0));
            })
        },
    },
];

/// How many operations can be done in one run.
const PREPARED: usize = 512;

/// One compression of the hash that a row mostly consists of.
fn floor(name: &str) -> Option<Operation> {
    match name {
        "sha1" => {
            let mut state = [1; 5];
            Some(Box::new(move |_| {
                sha1::block_api::compress(black_box(&mut state), black_box(&[[7; 64]]));
            }))
        }
        "sha256" => {
            let mut state = [1; 8];
            Some(Box::new(move |_| {
                sha2::block_api::compress256(black_box(&mut state), black_box(&[[7; 64]]));
            }))
        }
        _ => None,
    }
}

/// Adds to each operation what nobody needs: the judge must find it.
fn planted(plant: &str, prepared: Option<Operation>) -> Option<Option<Operation>> {
    let mut waste: Operation = if plant == "box" {
        Box::new(|_| drop(black_box(Box::new(7_u64))))
    } else {
        let turns: u64 = plant.parse().ok()?;
        Box::new(move |_| {
            (0..turns).for_each(|turn| {
                black_box(turn);
            });
        })
    };
    Some(prepared.map(|mut operation| -> Operation {
        Box::new(move |at| {
            operation(at);
            waste(at);
        })
    }))
}

/// A new code over one that has long expired.
fn issue(rate_limits: RateLimits, bind: Bind) -> Operation {
    let harness = Harness::new(rate_limits, PREPARED);
    harness.issue_all();
    harness.wait_a_day();
    let bound = bind.all(&harness);
    Box::new(move |at| {
        let binding = binding(&harness, &bound, at);
        let issuance = harness.engine.issue(&harness.store, black_box(binding));
        black_box(issuance.unwrap().issued().unwrap());
    })
}

fn verify(rate_limits: RateLimits, guess: Guess, bind: Bind) -> Operation {
    let harness = Harness::new(rate_limits, PREPARED);
    let mut entered = harness.issue_all();
    if guess == Guess::Wrong {
        for code in &mut entered {
            let last = code.pop();
            code.push(if last == Some('7') { '8' } else { '7' });
        }
    }
    let bound = bind.all(&harness);
    Box::new(move |at| {
        let binding = binding(&harness, &bound, at);
        let submission = Submission::new(binding, black_box(&entered[at]));
        let verdict = harness.engine.verify(&harness.store, submission).unwrap();
        assert_eq!(verdict.is_accepted(), guess == Guess::Right);
        drop(black_box(verdict));
    })
}

fn binding<'a>(harness: &'a Harness, bound: &'a [Bound], at: usize) -> BindingRef<'a> {
    let plain = || BindingRef::from(&harness.bindings[at]);
    bound.get(at).map_or_else(plain, BindingRef::from)
}

/// When the cells of a binding are named: before all operations, or in each.
#[derive(Clone, Copy, Eq, PartialEq)]
enum Bind {
    Before,
    Never,
}

impl Bind {
    fn all(self, harness: &Harness) -> Vec<Bound> {
        let bindings = harness.bindings.iter().filter(|_| self == Self::Before);
        let bind = |binding: &Binding| harness.engine.bind(binding.clone());
        bindings.map(bind).collect()
    }
}

#[derive(Clone, Copy, Eq, PartialEq)]
enum Guess {
    Right,
    Wrong,
}

fn hotp() -> Hotp {
    let secret = Secret::new(b"12345678901234567890").unwrap();
    Hotp::new(&secret, HashFunction::Sha1, 6).unwrap()
}
