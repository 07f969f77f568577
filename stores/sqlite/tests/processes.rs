//! Eight processes on one file, through the real engine and through the suite's storm; and writers
//! killed in the middle of their commits. Naive stores on such a file must fail in the same storms.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use otp_engine::Store;
use otp_engine_sqlite::SqliteOptions;
use otp_engine_testkit::{
    Folder, PATIENCE,
    broken::Flaw,
    process_tests,
    scenarios::{self, Codes, Crash, Nobody, Signers},
};

#[path = "conformance/broken.rs"]
mod broken;

fn open(text: &str) -> Box<dyn Store> {
    let (kind, path) = text.split_once(' ').unwrap();
    match kind {
        "sound" => Box::new(
            SqliteOptions::new()
                .busy_timeout(PATIENCE)
                .open(path)
                .unwrap(),
        ),
        flaw => broken::open(path, Flaw::named(flaw)),
    }
}

fn file_in(folder: &Folder) -> String {
    folder.path().join("otp.sqlite3").display().to_string()
}

process_tests! {
    open;

    fn case_56_a_code_is_accepted_once_and_compared_so_often_by_all_processes(test) {
        codes(test, 50, 0);
    }

    fn case_56_a_code_is_accepted_once_though_processes_are_killed(test) {
        codes(test, 24, 16);
    }

    #[ignore = "long"]
    fn case_56_many_codes_are_accepted_once_and_compared_so_often_by_all_processes(test) {
        codes(test, 1_000, 0);
        codes(test, 200, 160);
    }

    /// Both judges must see each of the flaws, kills or not.
    fn storms_of_codes_catch_naive_stores(test) {
        let mut folder = Folder::new();
        scenarios::storms_catch(test, &open, &mut |flaw| {
            folder = Folder::new();
            format!("{flaw:?} {}", file_in(&folder))
        });
    }

    fn case_56_a_storm_of_cells_by_processes_is_counted_exactly(test) {
        storm_of_cells(test, "sound").unwrap();
    }

    /// The control: what it lets through must be seen.
    fn a_storm_of_cells_catches_the_cellwise_store(test) {
        storm_of_cells(test, "Cellwise").unwrap_err();
    }

    fn nothing_is_lost_torn_or_given_twice_in_300_kills(test) {
        crash(test, 150);
    }

    #[ignore = "long"]
    fn nothing_is_lost_torn_or_given_twice_in_3000_kills(test) {
        crash(test, 1_500);
    }

    fn case_617_no_kill_of_a_signer_parts_a_code_and_its_record(test) {
        signers(test, 30);
    }

    #[ignore = "long"]
    fn case_617_no_kill_of_1000_signers_parts_a_code_and_its_record(test) {
        signers(test, 1_000);
    }

    /// The control: codes and records that a store parts must be seen.
    fn control_case_617_kills_of_signers_on_a_cellwise_store_are_caught(test) {
        let folder = Folder::new();
        let text = format!("Cellwise {}", file_in(&folder));
        let trial = Signers {
            test,
            text: &text,
            kills: 500, // it ends with the first fault
        };
        let fault = trial.rage(&open).unwrap_err();
        assert!(fault.starts_with("signer "), "{fault}");
    }

    /// The control: what it tears must be seen.
    fn kills_of_a_cellwise_store_are_caught(test) {
        let folder = Folder::new();
        let text = format!("Cellwise {}", file_in(&folder));
        let trial = Crash {
            test,
            text: &text,
            kills: 500, // most of them tear something: it ends with the first
            load: 1,
        };
        let fault = trial.rage(&mut Nobody, &open).unwrap_err().to_string();
        assert!(fault.contains("torn") || fault.contains("twice"), "{fault}");
    }
}

#[track_caller]
fn codes(test: &str, slots: u32, kills: u64) {
    let folder = Folder::new();
    let text = format!("sound {}", file_in(&folder));
    let storm = Codes {
        test,
        text: &text,
        slots,
        kills,
    };
    storm.finds_no_fault("SQLite", &open, None);
}

#[track_caller]
fn signers(test: &str, kills: u64) {
    let folder = Folder::new();
    let text = format!("sound {}", file_in(&folder));
    let trial = Signers {
        test,
        text: &text,
        kills,
    };
    trial.finds_no_fault("SQLite", &open);
}

fn storm_of_cells(test: &str, kind: &str) -> Result<(), otp_store_tests::Fault> {
    let folder = Folder::new();
    let text = format!("{kind} {}", file_in(&folder));
    scenarios::storm_of_cells(test, &text, &*open(&text), 150)
}

/// Each time both writers are killed.
#[track_caller]
fn crash(test: &str, times: u64) {
    let folder = Folder::new();
    let text = format!("sound {}", file_in(&folder));
    let trial = Crash {
        test,
        text: &text,
        kills: times,
        load: 1,
    };
    trial.finds_no_fault("pairs of writers on SQLite", &mut Nobody, &open);
}
