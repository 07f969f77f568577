//! Eight processes on one server, through the real engine and through the suite's storm; and
//! writers and server killed in the middle of their commits. Naive stores on the same server must
//! fail in the same storms.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use otp_engine::Store;
use otp_engine_redis::RedisOptions;
use otp_engine_testkit::{
    PATIENCE, RedisServer, SlowDisk,
    broken::Flaw,
    process_tests,
    scenarios::{self, Codes, Crash, Mortal},
};

#[path = "conformance/broken.rs"]
mod broken;

fn open(text: &str) -> Box<dyn Store> {
    let (kind, url) = text.split_once(' ').unwrap();
    let patient = RedisOptions::new()
        .answer_timeout(PATIENCE)
        .connection_wait(PATIENCE);
    match kind {
        "sound" => Box::new(patient.open(url).unwrap()),
        "lossy" => Box::new(patient.may_lose_commits_on_crash().open(url).unwrap()),
        flaw => broken::open(url, Flaw::named(flaw)),
    }
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
        let server = RedisServer::start();
        scenarios::storms_catch(test, &open, &mut |flaw| {
            empty(&server);
            format!("{flaw:?} {}", server.url())
        });
    }

    fn a_storm_of_cells_by_processes_is_counted_exactly(test) {
        let server = RedisServer::start();
        let text = format!("sound {}", server.url());
        scenarios::storm_of_cells(test, &text, &*open(&text), 50).unwrap();
    }

    fn nothing_is_lost_in_100_kills(test) {
        crash(test, 100);
    }

    #[ignore = "long"]
    fn nothing_is_lost_in_1000_kills(test) {
        crash(test, 1_000);
    }

    /// The same trial sees what a server loses that writes nothing down.
    fn a_server_without_an_append_only_file_is_caught(test) {
        let mut server = RedisServer::with(&["--appendonly", "no"]);
        let text = format!("lossy {}", server.url());
        caught(
            Crash {
                test,
                text: &text,
                kills: 1,
                load: 20,
            },
            &mut server,
        );
    }

    /// And what one loses that flushes once a second: while a flush takes its time it puts off its
    /// writes, and answers all the same. The server that flushes always passes on the same disk.
    fn a_server_that_flushes_every_second_is_caught_on_a_slow_disk(test) {
        let mut server = Slow::new(&["--appendfsync", "everysec"], 700_000);
        let text = format!("lossy {}", server.server.url());
        caught(
            Crash {
                test,
                text: &text,
                kills: 200, // about every second one loses something: it ends with the first
                load: 2_000,
            },
            &mut server,
        );
        drop(server);

        let mut server = Slow::new(&[], 700_000);
        let text = format!("sound {}", server.server.url());
        let sound = Crash {
            test,
            text: &text,
            kills: 2,
            load: 2,
        };
        sound.rage(&mut server, &open).unwrap();
    }

    /// And on one whose flushes take less than half as long, over whole seconds: at some of the kills, a commit.
    /// What a disk at rest loses would be a statement about that disk: it flushes within milliseconds.
    #[ignore = "long"]
    fn a_server_that_flushes_every_second_is_caught(test) {
        let mut server = Slow::new(&["--appendfsync", "everysec"], 300_000);
        let text = format!("lossy {}", server.server.url());
        caught(
            Crash {
                test,
                text: &text,
                kills: 200, // it ends with the first that loses something
                load: 4_000, // longer than the second between two flushes
            },
            &mut server,
        );
    }
}

#[track_caller]
fn codes(test: &str, slots: u32, kills: u64) {
    let mut server = RedisServer::start();
    let text = format!("sound {}", server.url());
    let storm = Codes {
        test,
        text: &text,
        slots,
        kills,
    };
    storm.finds_no_fault("Redis", &open, Some(&mut server));
}

#[track_caller]
fn crash(test: &str, kills: u64) {
    let mut server = RedisServer::start();
    let text = format!("sound {}", server.url());
    let trial = Crash {
        test,
        text: &text,
        kills,
        load: 20,
    };
    trial.finds_no_fault("Redis", &mut server, &open);
}

fn empty(server: &RedisServer) {
    let client = redis::Client::open(server.url()).unwrap();
    let mut connection = client.get_connection().unwrap();
    redis::cmd("FLUSHALL").exec(&mut connection).unwrap();
}

#[track_caller]
fn caught(trial: Crash<'_>, server: &mut dyn Mortal) {
    let told = trial.rage(server, &open);
    let told = told.expect_err("no kill lost anything").to_string();
    assert!(told.contains("lost") || told.contains("twice"), "{told}");
}

/// A server whose flushes take so many microseconds longer each.
struct Slow {
    longer: u32,
    disk: Option<SlowDisk>,
    server: RedisServer,
}

impl Slow {
    fn new(settings: &[&str], longer: u32) -> Self {
        let mut slow = Self {
            longer,
            disk: None,
            server: RedisServer::with(settings),
        };
        slow.slow_down();
        slow
    }

    fn slow_down(&mut self) {
        let file = self.server.append_only_file();
        let disk = SlowDisk::new(self.server.process(), &file, "fdatasync", self.longer);
        self.disk = Some(disk);
    }
}

impl Mortal for Slow {
    fn kill(&mut self) {
        self.server.kill();
        self.disk = None;
    }

    fn resume(&mut self) {
        self.server.resume();
        self.slow_down();
    }
}
