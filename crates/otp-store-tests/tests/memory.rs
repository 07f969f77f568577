//! The memory store passes the conformance suite, and each naive store fails in the check that is
//! there to catch it.

use core::time::Duration;
use std::{collections::BTreeMap, sync::Arc};

use otp_engine::store::{Class, MemoryStore, Store};
use otp_store_tests::{CrashTrial, Fault, Options, Outcome, Report, Storm};

#[path = "memory/broken.rs"]
mod broken;

use broken::{Naive, Shelf};

/// Small, for every naive store runs the whole suite.
fn small() -> Options {
    Options::new().slots(40).cells(400)
}

fn passes(make: &dyn Fn() -> Box<dyn Store>, options: &Options) -> BTreeMap<&'static str, Outcome> {
    let report = otp_store_tests::check(make, options);
    assert!(report.passed(), "{report}");
    let lines = report.lines().iter();
    lines
        .map(|line| (line.name(), line.outcome().clone()))
        .collect()
}

#[test]
fn the_memory_store_passes() {
    let outcomes = passes(&|| Box::new(MemoryStore::new()), &Options::new());
    assert_eq!(outcomes[REFUSED_WHOLE], Outcome::Passed);
    assert!(matches!(outcomes[FULL], Outcome::NotApplicable(_)));
}

#[test]
fn the_memory_store_that_keeps_records_passes() {
    let outcomes = passes(
        &|| Box::new(MemoryStore::keeping_records_until_exit()),
        &Options::new(),
    );
    assert!(matches!(outcomes[REFUSED_WHOLE], Outcome::NotApplicable(_)));
}

#[test]
fn the_memory_store_passes_when_it_is_full() {
    let make = || Box::new(MemoryStore::with_capacity_limit(1_501)) as Box<dyn Store>;
    let outcomes = passes(&make, &Options::new());
    let applied = outcomes.values().all(|outcome| *outcome == Outcome::Passed);
    assert!(applied, "{outcomes:?}");
}

#[test]
fn one_store_may_be_shared_by_all_checks() {
    let store = Arc::new(MemoryStore::new());
    passes(&|| Box::new(broken::Shared(store.clone())), &small());
    passes(&|| Box::new(broken::Shared(store.clone())), &small());
}

/// The naive stores differ from this one by their fault alone.
#[test]
fn the_shelf_without_a_fault_passes() {
    passes(&|| Box::new(Shelf::new(Naive::Sound)), &small());
}

#[track_caller]
fn caught(naive: Naive, by: &[&str]) {
    let report = otp_store_tests::check(&|| Box::new(Shelf::new(naive)), &small());
    for check in by {
        match outcome(&report, check) {
            // Only the store that locks in an order of its own may be caught by its hanging.
            Outcome::Failed(why) if !why.contains("no outcome within") => {}
            _ => panic!("{naive:?} passed {check:?}\n{report}"),
        }
    }
}

fn outcome<'a>(report: &'a Report, check: &str) -> &'a Outcome {
    let line = report.lines().iter().find(|line| line.name() == check);
    line.unwrap_or_else(|| panic!("there is no check {check:?}"))
        .outcome()
}

#[test]
fn a_store_that_answers_in_an_order_of_its_own_is_caught() {
    caught(
        Naive::OwnOrder,
        &["cells come back in the order of their keys"],
    );
}

#[test]
fn a_store_that_cuts_keys_at_a_nul_is_caught() {
    caught(Naive::CutsKeys, &["keys are told apart to the last bit"]);
}

#[test]
fn a_store_that_drops_nul_is_caught() {
    caught(Naive::DropsNul, &["bodies come back byte for byte"]);
}

#[test]
fn a_store_that_keeps_times_in_32_bits_is_caught() {
    caught(
        Naive::ShortTimes,
        &["discard_after comes back as it was written"],
    );
}

#[test]
fn a_store_that_says_that_it_is_empty_is_caught() {
    caught(
        Naive::SaysEmpty,
        &["a store that holds cells never says that it holds none"],
    );
}

#[test]
fn a_store_that_numbers_versions_in_its_own_way_is_caught() {
    caught(Naive::OwnVersions, &["versions count from one"]);
}

#[test]
fn a_store_that_loads_from_a_copy_that_lags_is_caught() {
    caught(Naive::Lags, &["a commit is seen at once by every thread"]);
}

#[test]
fn a_store_that_drops_permanent_writes_silently_is_caught() {
    caught(Naive::DropsForever, &[REFUSED_WHOLE]);
}

#[test]
fn a_store_that_refuses_a_permanent_write_but_writes_the_others_is_caught() {
    caught(Naive::RefusesInTheMiddle, &[REFUSED_WHOLE]);
}

#[test]
fn cellwise_is_caught() {
    caught(
        Naive::Cellwise,
        &["a conflict at any position changes nothing", STORM],
    );
}

#[test]
fn blind_is_caught() {
    caught(
        Naive::Blind,
        &["a conflict at any position changes nothing", STORM],
    );
}

/// It compares all versions and writes all cells, and yet not at one moment: only a storm sees it.
#[test]
fn read_then_write_is_caught() {
    caught(Naive::ReadThenWrite, &[STORM, TRANSFERS]);
}

#[test]
fn a_store_that_upserts_is_caught() {
    caught(
        Naive::Upserts,
        &["an update of a missing cell never inserts"],
    );
}

#[test]
fn a_store_in_which_the_last_write_wins_is_caught() {
    caught(Naive::LastWins, &["two writes to one key are refused"]);
}

#[test]
fn a_store_that_locks_in_the_order_of_the_writes_is_caught() {
    let report = impatient(Naive::LocksInOrderOfWrites);
    let Outcome::Failed(why) = outcome(&report, TRANSFERS) else {
        panic!("{report}");
    };
    assert!(why.contains("no outcome within 3 s"), "{why}");
}

#[test]
fn a_store_that_panics_is_reported() {
    let report = impatient(Naive::Panics);
    let planted = Outcome::Failed("panicked: planted".into());
    assert_eq!(outcome(&report, "versions count from one"), &planted);
    for check in [STORM, TRANSFERS] {
        assert!(
            matches!(outcome(&report, check), Outcome::Failed(_)),
            "{report}"
        );
    }
}

/// For stores that hang, or whose panic leaves others waiting.
fn impatient(naive: Naive) -> Report {
    let options = small().patience(Duration::from_secs(3));
    otp_store_tests::check(&|| Box::new(Shelf::new(naive)), &options)
}

#[test]
fn a_store_that_purges_by_age_is_caught() {
    caught(
        Naive::PurgesByAge,
        &["a purge drops only what is past its time"],
    );
}

#[test]
fn a_store_that_purges_all_at_once_is_caught() {
    caught(Naive::PurgesAll, &["a purge keeps to its limit"]);
}

#[test]
fn a_store_that_never_drops_a_cell_is_caught() {
    caught(Naive::NeverPurges, &["a purge makes room"]);
}

#[test]
fn a_store_that_purges_in_two_steps_is_caught() {
    caught(
        Naive::PurgesInTwoSteps,
        &["a purge never undoes a commit that extends"],
    );
}

#[test]
fn a_store_that_evicts_is_caught() {
    caught(Naive::Evicts, &["every cell is kept however many follow"]);
}

#[test]
fn a_store_that_writes_until_it_is_full_is_caught() {
    caught(Naive::WritesUntilFull, &[FULL]);
}

#[test]
fn a_storm_judges_that_a_success_was_told_twice() {
    let (store, storm) = (Shelf::new(Naive::Sound), Storm::new(7, 20, 1));
    let tally = storm.play(&store, 0).unwrap();
    assert_eq!(tally.to_string().parse(), Ok(tally.clone()));
    assert_eq!(storm.judge(&store, core::slice::from_ref(&tally)), Ok(()));
    let twice = storm.judge(&store, &[tally.clone(), tally]).unwrap_err();
    assert!(
        twice.to_string().contains("accepted more than one guess"),
        "{twice}"
    );
    let forgotten = storm.judge(&store, &[]).unwrap_err();
    assert!(
        forgotten.to_string().contains("0 guesses were accepted"),
        "{forgotten}"
    );
}

#[test]
fn a_text_that_is_no_tally_is_refused() {
    for text in ["", "1 2", "1 2 x", "1 2 3 x", "1 2 4294967296", "-1 2 3"] {
        assert!(text.parse::<otp_store_tests::Tally>().is_err(), "{text:?}");
    }
}

/// Each writer makes 30 commits, one writer after the other; returns what each acknowledged.
fn crash(trial: &CrashTrial, store: &Shelf, writers: [u64; 2]) -> Vec<String> {
    let play = |writer| {
        let (mut acknowledged, mut commits) = (String::new(), 0);
        let mut acknowledge = |line: &str| {
            acknowledged.push_str(line);
            commits += 1;
            commits < 30
        };
        let written = trial.write(store, writer, &mut acknowledge);
        assert_eq!(written, Ok(()));
        acknowledged
    };
    writers.map(play).to_vec()
}

#[track_caller]
fn assert_fault(judged: Result<usize, Fault>, text: &str) {
    let fault = judged.expect_err("a fault was planted").to_string();
    assert!(fault.contains(text), "{fault}");
}

#[test]
fn a_crash_trial_counts_what_was_acknowledged() {
    let (trial, store) = (CrashTrial::new(7, 6), Shelf::new(Naive::Sound));
    let mut acknowledged = crash(&trial, &store, [1, 2]);
    assert_eq!(trial.judge(&store, &acknowledged), Ok(60));
    let cut = acknowledged[1].trim_end().to_owned();
    acknowledged[1] = cut;
    assert_eq!(trial.judge(&store, &acknowledged), Ok(59));
}

#[test]
fn a_crash_trial_sees_what_is_lost_torn_or_given_twice() {
    let (trial, store) = (CrashTrial::new(7, 6), Shelf::new(Naive::Sound));
    let mut acknowledged = crash(&trial, &store, [1, 2]);
    let kept = store.rows();
    acknowledged.extend(crash(&trial, &store, [3, 4]));
    let after = store.rows();

    // The last commits were answered and not kept.
    store.set_rows(kept.clone());
    assert_fault(
        trial.judge(&store, &acknowledged),
        "acknowledged and is lost",
    );
    // Others take their place.
    let mut later = acknowledged.clone();
    later.extend(crash(&trial, &store, [5, 6]));
    later.extend(crash(&trial, &store, [7, 8]));
    assert_fault(trial.judge(&store, &later), "acknowledged twice");
    // One cell of the last commits is as it was before.
    let mut torn = after;
    let (key, row) = kept.first_key_value().unwrap();
    torn.insert(*key, row.clone());
    store.set_rows(torn);
    assert_fault(trial.judge(&store, &[]), "torn");
}

#[test]
fn a_shelf_is_of_the_class_that_its_fault_needs() {
    assert_eq!(Shelf::new(Naive::DropsForever).class(), Class::Expiring);
    assert_eq!(Shelf::new(Naive::Sound).class(), Class::Permanent);
}

const REFUSED_WHOLE: &str = "a write that cannot be kept is refused whole";
const STORM: &str = "a storm of guesses is counted exactly";
const TRANSFERS: &str = "transfers in opposite orders keep their sum";
const FULL: &str = "a full store refuses whole commits and keeps what it has";
