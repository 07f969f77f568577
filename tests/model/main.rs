//! The whole engine against a reference model.
//!
//! Random histories of issues, guesses, cancellations, delivery reports, unlocks, resets, purges, key
//! changes and clock steps of either sign and any size are asked of the engine on a [`MemoryStore`] and of a
//! reference written from the specification alone; every answer must be the same. Then the same
//! comparison is run against references with one mistake each, and must notice every one.
//!
//! A run draws a seed and prints it; `OTP_TEST_SEED=N cargo test --test model` repeats a run. A
//! failure prints the seed, the shortest history found that still fails, and what was answered.
//! `cargo test --release --test model -- --ignored` takes ten million steps.
//!
//! [`MemoryStore`]: otp_engine::MemoryStore
#![expect(
    clippy::print_stdout,
    reason = "the figures of a run, and the seed that repeats it"
)]
#![allow(
    missing_docs,
    clippy::exhaustive_enums,
    clippy::exhaustive_structs,
    clippy::unwrap_used,
    reason = "a test"
)]

mod entered;
mod flaw;
mod reference;
mod siblings;
mod steps;
mod terms;
mod world;

use core::cell::RefCell;
use core::hash::{BuildHasher, Hasher};

use flaw::Flaw;
use proptest::strategy::Strategy;
use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestError, TestRng, TestRunner};
use steps::History;
use world::{Tally, World};

#[test]
fn the_engine_answers_as_the_specification_says() {
    run_against_the_reference(1_000_000);
}

#[test]
#[ignore = "ten million steps: minutes, optimised"]
fn the_engine_answers_as_the_specification_says_for_ten_million_steps() {
    run_against_the_reference(10_000_000);
}

#[test]
fn every_planted_flaw_of_the_reference_is_noticed() {
    let seed = seed();
    let mut most = 0;
    for &flaw in Flaw::ALL {
        let mut runner = runner(seed, 0);
        let mut tally = RefCell::<Tally>::default();
        let found = histories(&mut runner, &mut tally, Some(flaw), CONTROL_BUDGET);
        let taken = tally.into_inner().steps;
        assert!(
            found.is_err(),
            "{flaw:?} was not noticed in {taken} steps; OTP_TEST_SEED={seed}"
        );
        println!("{flaw:?} was noticed within {taken} steps");
        most = most.max(taken);
    }
    println!(
        "figure: planted flaws noticed = {} of {}, within {most} steps each",
        Flaw::ALL.len(),
        Flaw::ALL.len()
    );
}

fn run_against_the_reference(steps: u64) {
    let seed = seed();
    println!("OTP_TEST_SEED={seed}");
    let mut tally = RefCell::<Tally>::default();
    let outcome = histories(&mut runner(seed, 20_000), &mut tally, None, steps);
    if let Err(TestError::Fail(reason, history)) = outcome {
        let mut tally = Tally::default();
        let mut world = World::new(&history, None, &mut tally);
        world.trace = Some(Vec::new());
        let _ = history.steps.iter().try_for_each(|step| world.step(step));
        let trace = world.trace.unwrap_or_default().join("\n");
        let History { metered, main, .. } = history;
        panic!("{trace}\n{reason}\nOTP_TEST_SEED={seed} (metered {metered}, main sibling {main})");
    } else if let Err(TestError::Abort(reason)) = outcome {
        panic!("{reason}\nOTP_TEST_SEED={seed}");
    }
    let tally = tally.into_inner();
    let taken = tally.steps;
    println!("figure: model steps = {taken} (seed {seed})");
    for (what, times) in &tally.kinds {
        println!("{times:>9} {what}");
    }
    assert!(taken >= steps, "{taken} steps");
    for (what, share) in EXPECTED {
        let times = tally.kinds.get(what).copied().unwrap_or(0);
        assert!(
            times * 100_000 >= taken * share,
            "{what}: only {times} times; OTP_TEST_SEED={seed}"
        );
    }
}

/// Runs histories until `steps` were taken, or one fails.
fn histories(
    runner: &mut TestRunner,
    tally: &mut RefCell<Tally>,
    flaw: Option<Flaw>,
    steps: u64,
) -> Result<(), TestError<History>> {
    let strategy = steps::history(LENGTH);
    while tally.get_mut().steps < steps {
        let tree = strategy.new_tree(runner).map_err(TestError::Abort)?;
        runner.run_one(tree, |history| {
            let mut tally = tally.borrow_mut();
            let mut world = World::new(&history, flaw, &mut tally);
            history
                .steps
                .iter()
                .try_for_each(|step| world.step(step))
                .map_err(TestCaseError::fail)
        })?;
    }
    Ok(())
}

fn runner(seed: u64, max_shrink_iters: u32) -> TestRunner {
    let config = Config {
        max_shrink_iters,
        failure_persistence: None,
        ..Config::default()
    };
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_be_bytes());
    TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &bytes))
}

fn seed() -> u64 {
    match std::env::var("OTP_TEST_SEED") {
        Ok(text) => text.parse().expect("OTP_TEST_SEED is a number"),
        Err(_) => std::hash::RandomState::new().build_hasher().finish() >> 32,
    }
}

/// The most steps of one history; bursts count as one here.
const LENGTH: usize = 240;

/// Within how many steps a planted flaw must be noticed.
const CONTROL_BUDGET: u64 = 1_000_000;

/// How often each answer is given at least, in 100,000 steps.
const EXPECTED: &[(&str, u64)] = &[
    ("accepted", 430),
    ("accepted with separators or in another script", 110),
    ("already used", 930),
    ("cancelled", 220),
    ("claim: claimed before", 5),
    ("claim: locked", 20),
    ("claim: reported", 15),
    ("claim: superseded", 130),
    ("claim: the code is over", 1100),
    ("claimed", 160),
    ("clock back", 650),
    ("clock off by more than a day", 400),
    ("exhausted", 630),
    ("expired", 1480),
    ("fault: clock", 390),
    ("fault: unknown key", 10),
    ("issued", 5190),
    ("locked", 340),
    ("locked until unlocked", 60),
    ("malformed", 1490),
    ("mismatch", 1290),
    ("nothing to cancel", 750),
    ("nothing to unlock", 80),
    ("purge refused", 40),
    ("purged", 100),
    ("recipient reset", 30),
    ("refunded", 480),
    ("refused: cooldown", 1930),
    ("refused: exhausted", 100),
    ("refused: locked", 40),
    ("refused: locked until unlocked", 70),
    ("refused: send limit", 670),
    ("report ignored", 1560),
    ("report recorded", 170),
    ("sent again", 330),
    ("slot reset", 60),
    ("status: cancelled", 50),
    ("status: exhausted", 20),
    ("status: expired", 220),
    ("status: none", 710),
    ("status: pending", 340),
    ("status: verified", 100),
    ("superseded", 490),
    ("unknown", 3730),
    ("unlocked", 40),
    ("user reset", 30),
    ("verdict: cancelled", 370),
    ("wrong", 2300),
    ("wrong, the last", 370),
];
