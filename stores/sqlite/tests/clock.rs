//! Clocks that are wrong, over a file that is opened anew: locks stay, and a purge finds its mark.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use core::time::Duration;
use std::path::Path;
use std::sync::Arc;

use otp_engine::{
    Binding, Engine, Error, Issuance, Issued, KeyRing, ManualClock, Mobile, RateLimits, Submission,
    Target, Timestamp,
    operation::{StoreCheck, UnlockOutcome},
    verdict::RefusalReason,
};
use otp_engine_sqlite::SqliteStore;

#[path = "support/scratch.rs"]
mod scratch;

use scratch::Scratch;

const START: Timestamp = Timestamp::from_unix(1_800_000_000);

/// A process of its own: it knows nothing but what is in the file.
struct Process {
    engine: Engine,
    store: SqliteStore,
    clock: Arc<ManualClock>,
}

impl Process {
    fn start(file: &Path, after: Duration) -> Self {
        let clock = Arc::new(ManualClock::new(START.saturating_add(after)));
        let keys = KeyRing::builder().code("2026a", &[1; 32]).index(&[2; 32]);
        let rate_limits = RateLimits::builder()
            .consecutive_failures(10)
            .build()
            .unwrap();
        Self {
            engine: Engine::builder(keys.build().unwrap())
                .rate_limits(rate_limits)
                .clock(Arc::clone(&clock))
                .build(),
            store: SqliteStore::open(file).unwrap(),
            clock,
        }
    }

    fn issue(&self, record: &str) -> Result<Issued, RefusalReason> {
        match self.engine.issue(&self.store, &binding(record)).unwrap() {
            Issuance::Issued(issued) => Ok(issued),
            Issuance::Refused(refusal) => Err(refusal.reason),
        }
    }
}

fn binding(record: &str) -> Binding {
    let field = Target {
        model: "loan.application",
        field: "signature",
        id: record,
    };
    Binding::builder()
        .tenant("acme")
        .purpose("sign")
        .target(field)
        .user("7")
        .recipient(Mobile::parse("60123456789").unwrap())
        .build()
        .unwrap()
}

const DAY: Duration = Duration::from_secs(86_400);

#[test]
fn case_157_a_lock_and_the_mark_of_a_purge_outlive_the_process() {
    let scratch = Scratch::new("clock");
    let file = scratch.path("otp.sqlite3");
    let first = Process::start(&file, Duration::ZERO);
    for record in ["1", "2"] {
        let issued = first.issue(record).unwrap();
        let code = issued.code.as_str();
        let wrong = format!("{}{}", &code[..5], if code.ends_with('7') { 8 } else { 7 });
        for _ in 0..5 {
            let submission = binding(record);
            let submission = Submission::new(&submission, &wrong);
            assert!(!first.engine.accepts(&first.store, submission).unwrap());
        }
    }
    assert_eq!(first.issue("3").err(), Some(RefusalReason::Locked));
    assert_eq!(first.engine.purge(&first.store, 9).unwrap(), 0);
    drop(first);

    // The computer starts with a clock that is wrong, and the purge is the first to run.
    let wrong = Process::start(&file, DAY * 401);
    let purged = wrong.engine.purge(&wrong.store, 99);
    assert!(matches!(purged, Err(Error::ClockAhead)));
    // An administrator says that it is right: all goes but the lock, and the mark.
    assert!(wrong.engine.purge_confirmed(&wrong.store, 99).unwrap() > 0);
    assert_eq!(wrong.issue("3").err(), Some(RefusalReason::Locked));
    drop(wrong);

    let last = Process::start(&file, DAY * 402);
    assert_eq!(last.engine.purge(&last.store, 99).unwrap(), 0);
    assert_eq!(last.issue("3").err(), Some(RefusalReason::Locked));
    let unlocked = last.engine.unlock(&last.store, "acme", "7").unwrap();
    assert_eq!(unlocked, UnlockOutcome::Unlocked);
    last.clock.set(START.saturating_add(DAY * 403));
    assert!(last.issue("3").is_ok());
}

#[test]
fn case_395_a_purge_of_a_file_that_holds_nothing_leaves_it_new() {
    let scratch = Scratch::new("first");
    let file = scratch.path("otp.sqlite3");
    let broom = Process::start(&file, Duration::ZERO);
    assert_eq!(broom.engine.purge(&broom.store, 9).unwrap(), 0);
    assert_eq!(broom.engine.purge_confirmed(&broom.store, 9).unwrap(), 0);
    drop(broom);
    let host = Process::start(&file, DAY * 401);
    let check = || host.engine.check_store(&host.store).unwrap();
    assert_eq!((check(), check()), (StoreCheck::Begun, StoreCheck::Proven));
}
