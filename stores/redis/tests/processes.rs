//! Eight processes on one server, through the real engine and through the suite's storm; and
//! writers and server killed in the middle of their commits. A naive store on the same server must
//! fail in the same storm.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
#![expect(clippy::print_stderr, reason = "figures are read from there")]

use otp_engine::Store;
use otp_engine_redis::{RedisOptions, RedisStore};
use otp_engine_servers::{Part, RedisServer, trials};

#[path = "conformance/naive.rs"]
#[expect(dead_code, reason = "shared with the conformance tests")]
mod naive;

use naive::{Fault, Naive};

fn open(text: &str) -> Box<dyn Store> {
    let (kind, url) = text.split_once(' ').unwrap();
    match kind {
        "naive" => Box::new(Naive::open(url, Fault::GetThenSet)),
        "lossy" => Box::new(
            RedisOptions::new()
                .may_lose_commits_on_crash()
                .open(url)
                .unwrap(),
        ),
        _ => Box::new(RedisStore::open(url).unwrap()),
    }
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
    let server = RedisServer::start();
    let url = format!("sound {}", server.url());
    trials::storm_of_codes(test, &url, &*open(&url), slots).unwrap();
}

#[test]
fn a_storm_of_codes_catches_the_store_that_gets_and_then_sets() {
    const TEST: &str = "a_storm_of_codes_catches_the_store_that_gets_and_then_sets";
    if let Some(part) = Part::of(TEST) {
        return trials::play(part, &open);
    }
    let server = RedisServer::start();
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
    let server = RedisServer::start();
    let url = format!("sound {}", server.url());
    trials::storm_of_cells(TEST, &url, &*open(&url), 50).unwrap();
}

#[test]
fn nothing_is_lost_when_writers_and_server_are_killed() {
    const TEST: &str = "nothing_is_lost_when_writers_and_server_are_killed";
    if let Some(part) = Part::of(TEST) {
        return trials::play(part, &open);
    }
    crash(TEST, 30);
}

#[test]
#[ignore = "long"]
fn nothing_is_lost_in_500_kills() {
    const TEST: &str = "nothing_is_lost_in_500_kills";
    if let Some(part) = Part::of(TEST) {
        return trials::play(part, &open);
    }
    crash(TEST, 500);
}

#[track_caller]
fn crash(test: &str, kills: u64) {
    let mut server = RedisServer::start();
    let url = format!("sound {}", server.url());
    let commits = trials::crash(test, &url, &mut server, &open, (kills, 50)).unwrap();
    eprintln!("figure: commits over {kills} kills of Redis, none lost = {commits}");
}

/// The same trial sees what a server loses that writes nothing down.
#[test]
fn a_server_without_an_append_only_file_is_caught() {
    const TEST: &str = "a_server_without_an_append_only_file_is_caught";
    if let Some(part) = Part::of(TEST) {
        return trials::play(part, &open);
    }
    caught(TEST, &["--appendonly", "no"], (1, 50));
}

/// And what one loses that flushes once a second: at some of the kills, a commit here and there.
#[test]
#[ignore = "long"]
fn a_server_that_flushes_every_second_is_caught() {
    const TEST: &str = "a_server_that_flushes_every_second_is_caught";
    if let Some(part) = Part::of(TEST) {
        return trials::play(part, &open);
    }
    caught(TEST, &["--appendfsync", "everysec"], (100, 1_000));
}

#[track_caller]
fn caught(test: &str, settings: &[&str], kills: (u64, usize)) {
    let mut server = RedisServer::with(settings);
    let url = format!("lossy {}", server.url());
    let told = trials::crash(test, &url, &mut server, &open, kills);
    let told = told.expect_err("no kill lost anything").to_string();
    assert!(told.contains("lost") || told.contains("twice"), "{told}");
}
