//! Eight processes on one server, through the real engine and through the suite's storm; and
//! writers and server killed in the middle of their commits. Naive stores on the same server must
//! fail in the same storms.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use otp_engine::Store;
use otp_engine_postgres::PostgresStore;
use otp_engine_testkit::{
    PostgresServer,
    broken::Flaw,
    process_tests,
    scenarios::{self, Codes, Crash, Signers},
};

#[path = "conformance/broken.rs"]
#[expect(dead_code, reason = "shared with the conformance tests")]
mod broken;

fn open(text: &str) -> Box<dyn Store> {
    let (kind, url) = text.split_once(' ').unwrap();
    match kind {
        "sound" => Box::new(broken::patient().open(url).unwrap()),
        flaw => broken::open(url, Flaw::named(flaw)),
    }
}

fn server() -> PostgresServer {
    let server = PostgresServer::start();
    PostgresStore::migrate(&server.url()).unwrap();
    server
}

process_tests! {
    open;

    fn case_56_a_code_is_accepted_once_and_compared_so_often_by_all_processes(test) {
        codes(test, 50, 0);
    }

    fn case_56_a_code_is_accepted_once_though_processes_and_server_are_killed(test) {
        codes(test, 24, 16);
    }

    #[ignore = "long"]
    fn case_56_many_codes_are_accepted_once_and_compared_so_often_by_all_processes(test) {
        codes(test, 1_000, 0);
        codes(test, 200, 160);
    }

    /// Both judges must see each of the flaws, kills or not.
    fn storms_of_codes_catch_naive_stores(test) {
        let server = server();
        scenarios::storms_catch(test, &open, &mut |flaw| {
            empty(&server);
            format!("{flaw:?} {}", server.url())
        });
    }

    fn a_storm_of_cells_by_processes_is_counted_exactly(test) {
        let server = server();
        let text = format!("sound {}", server.url());
        scenarios::storm_of_cells(test, &text, &*open(&text), 50).unwrap();
    }

    fn nothing_is_lost_in_60_kills(test) {
        crash(test, 60);
    }

    #[ignore = "long"]
    fn nothing_is_lost_in_600_kills(test) {
        crash(test, 600);
    }

    fn case_617_no_kill_of_a_signer_parts_a_code_and_its_record(test) {
        signers(test, 10);
    }

    #[ignore = "long"]
    fn case_617_no_kill_of_200_signers_parts_a_code_and_its_record(test) {
        signers(test, 200);
    }
}

#[track_caller]
fn codes(test: &str, slots: u32, kills: u64) {
    let mut server = server();
    let text = format!("sound {}", server.url());
    let storm = Codes {
        test,
        text: &text,
        slots,
        kills,
    };
    storm.finds_no_fault("PostgreSQL", &open, Some(&mut server));
}

#[track_caller]
fn signers(test: &str, kills: u64) {
    let server = server();
    let text = format!("sound {}", server.url());
    let trial = Signers {
        test,
        text: &text,
        kills,
    };
    trial.finds_no_fault("PostgreSQL", &open);
}

#[track_caller]
fn crash(test: &str, kills: u64) {
    let mut server = server();
    let text = format!("sound {}", server.url());
    let trial = Crash {
        test,
        text: &text,
        kills,
        load: 20,
    };
    trial.finds_no_fault("PostgreSQL", &mut server, &open);
}

fn empty(server: &PostgresServer) {
    let mut client = postgres::Client::connect(&server.url(), postgres::NoTls).unwrap();
    let all = "DELETE FROM otp_engine.otp_cell";
    client.batch_execute(all).unwrap();
}
