//! Eight processes on one server, through the real engine and through the suite's storm; and
//! writers and server killed in the middle of their commits. A naive store on the same server must
//! fail in the same storm.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
#![expect(clippy::print_stderr, reason = "figures are read from there")]

use otp_engine::Store;
use otp_engine_postgres::PostgresStore;
use otp_engine_servers::{Part, PostgresServer, trials};

#[path = "conformance/naive.rs"]
#[expect(dead_code, reason = "shared with the conformance tests")]
mod naive;

use naive::{Fault, Naive};

fn open(text: &str) -> Box<dyn Store> {
    match text.strip_prefix("naive ") {
        Some(url) => Box::new(Naive::open(url, Fault::ReadThenWrite)),
        None => Box::new(PostgresStore::open(text).unwrap()),
    }
}

fn server() -> PostgresServer {
    let server = PostgresServer::start();
    PostgresStore::migrate(&server.url()).unwrap();
    server
}

#[test]
fn case_56_a_code_is_accepted_once_and_compared_so_often_by_all_processes() {
    const TEST: &str = "case_56_a_code_is_accepted_once_and_compared_so_often_by_all_processes";
    if let Some(part) = Part::of(TEST) {
        return trials::play(part, &open);
    }
    codes(TEST, 12);
}

#[test]
#[ignore = "long"]
fn case_56_many_codes_are_accepted_once_and_compared_so_often_by_all_processes() {
    const TEST: &str =
        "case_56_many_codes_are_accepted_once_and_compared_so_often_by_all_processes";
    if let Some(part) = Part::of(TEST) {
        return trials::play(part, &open);
    }
    codes(TEST, 1_000);
}

#[track_caller]
fn codes(test: &str, slots: u32) {
    let server = server();
    let url = server.url();
    trials::storm_of_codes(test, &url, &*open(&url), slots).unwrap();
}

#[test]
fn a_storm_of_codes_catches_the_store_that_reads_and_then_writes() {
    const TEST: &str = "a_storm_of_codes_catches_the_store_that_reads_and_then_writes";
    if let Some(part) = Part::of(TEST) {
        return trials::play(part, &open);
    }
    let server = server();
    let naive = format!("naive {}", server.url());
    let told = trials::storm_of_codes(TEST, &naive, &*open(&naive), 12);
    let told = told.unwrap_err();
    // It gave answers, and too many of them.
    assert!(
        told.starts_with("code ") && told.contains("other: 0"),
        "{told}"
    );
}

#[test]
fn a_storm_of_cells_by_processes_is_counted_exactly() {
    const TEST: &str = "a_storm_of_cells_by_processes_is_counted_exactly";
    if let Some(part) = Part::of(TEST) {
        return trials::play(part, &open);
    }
    let server = server();
    let url = server.url();
    trials::storm_of_cells(TEST, &url, &*open(&url), 50).unwrap();
}

#[test]
fn nothing_is_lost_when_writers_and_server_are_killed() {
    const TEST: &str = "nothing_is_lost_when_writers_and_server_are_killed";
    if let Some(part) = Part::of(TEST) {
        return trials::play(part, &open);
    }
    crash(TEST, 10);
}

#[test]
#[ignore = "long"]
fn nothing_is_lost_in_200_kills() {
    const TEST: &str = "nothing_is_lost_in_200_kills";
    if let Some(part) = Part::of(TEST) {
        return trials::play(part, &open);
    }
    crash(TEST, 200);
}

#[track_caller]
fn crash(test: &str, kills: u64) {
    let mut server = server();
    let url = server.url();
    let commits = trials::crash(test, &url, &mut server, &open, (kills, 50)).unwrap();
    eprintln!("figure: commits over {kills} kills of PostgreSQL, none lost = {commits}");
}
