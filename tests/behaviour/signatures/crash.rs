//! A crash between any two steps of an operation: never a code that is used up without its record,
//! never a record without a code that is used up.

use core::panic::AssertUnwindSafe;
use core::sync::atomic::{AtomicUsize, Ordering};
use std::panic::{catch_unwind, resume_unwind};
use std::sync::Barrier;

use otp_engine::store::{Cell, Class, Commit, Error, Key, Kind, Write};
use otp_engine::{
    Binding, Engine, Issuance, MemoryStore, RateLimits, Rejection, SignatureRecord, Store,
    Submission, Timestamp, challenge::ChallengeState, record::verify_chain,
};

use super::{evidence_of, expected, field, key, keys, verify};
use crate::support::fixture::{self, Harness, binding, parts};

/// How a step of a store ends.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum End {
    Well,
    /// Not done, and the caller hears so.
    Refused,
    /// Done, and the caller hears that nothing is known.
    AnswerLost,
    /// Not done, and the caller is gone.
    Stopped,
    /// Done, and the caller is gone.
    StoppedAfter,
}

const ENDS: [End; 4] = [
    End::Refused,
    End::AnswerLost,
    End::Stopped,
    End::StoppedAfter,
];

/// What a commit does with its writes.
#[derive(Clone, Copy, Eq, PartialEq)]
pub(super) enum Commits {
    /// All or none, as the contract says.
    Whole,
    /// One after the other, each checked by itself: the planted fault.
    Cellwise,
}

/// A store whose steps end as `ends` says; a step is a load, a commit, or one write of a cellwise
/// commit.
pub(super) struct Failing<'s, F> {
    pub(super) inner: &'s MemoryStore,
    pub(super) commits: Commits,
    pub(super) steps: AtomicUsize,
    pub(super) ends: F,
}

impl<F: Fn(usize) -> End> Failing<'_, F> {
    fn step<T>(&self, action: impl FnOnce() -> Result<T, Error>) -> Result<T, Error> {
        let stopped = || resume_unwind(Box::new("the host stopped"));
        match (self.ends)(self.steps.fetch_add(1, Ordering::SeqCst)) {
            End::Well => action(),
            End::Refused => Err(Error::unavailable("refused")),
            End::AnswerLost => {
                action()?;
                Err(Error::unknown("the answer was lost"))
            }
            End::Stopped => stopped(),
            End::StoppedAfter => {
                let _ = action()?;
                stopped()
            }
        }
    }
}

impl<F: Fn(usize) -> End + Send + Sync> Store for Failing<'_, F> {
    fn load(&self, keys: &[Key], cells: &mut Vec<Option<Cell>>) -> Result<(), Error> {
        self.step(|| self.inner.load(keys, cells))
    }

    fn commit(&self, writes: &[Write<'_>], now: Timestamp) -> Result<Commit, Error> {
        if self.commits == Commits::Whole {
            return self.step(|| self.inner.commit(writes, now));
        }
        for write in writes {
            let done = self.step(|| self.inner.commit(core::slice::from_ref(write), now))?;
            if done == Commit::Conflict {
                return Ok(Commit::Conflict);
            }
        }
        Ok(Commit::Done)
    }

    fn purge(&self, now: Timestamp, limit: usize) -> Result<usize, Error> {
        self.inner.purge(now, limit)
    }

    fn class(&self) -> Class {
        Class::Permanent
    }
}

/// Says what is wrong between the slots of `bindings`, all of one field, and the field's records.
fn torn(host: &Harness, store: &MemoryStore, bindings: &[Binding]) -> Option<String> {
    let engine = &host.engine;
    let records = match engine.signatures(store, "acme", &field(), usize::MAX) {
        Ok(records) => records,
        Err(error) => return Some(format!("the records of the field: {error}")),
    };
    let head = engine.chain_head(store, "acme", &field()).unwrap();
    let verdict = verify_chain(&records, &keys(), &expected().chain_head(head));
    if !(verdict.all_good() || records.is_empty() && head.count() == 0) {
        return Some(format!("the chain: {verdict:?}"));
    }
    let signed = |id: String| {
        let of_it = |record: &&SignatureRecord| verify(record).otp().id == id;
        records.iter().filter(of_it).count()
    };
    for binding in bindings {
        let Some(status) = engine.status(store, binding).unwrap() else {
            continue;
        };
        let used_up = usize::from(status.state == ChallengeState::Verified);
        let found = signed(status.id.to_string());
        if found != used_up {
            let user = binding.user();
            return Some(format!("user {user}: {found} records, {:?}", status.state));
        }
    }
    None
}

/// What one run of issue, wrong answer and right answer came to, with one step that failed.
pub(super) struct Crash {
    /// Whether there was such a step.
    pub(super) met: bool,
    pub(super) wrong: Option<String>,
}

/// Signs with a host whose step number `at` ends as `end` says, then looks with a sound one.
fn crash(commits: Commits, at: usize, end: End) -> Crash {
    let store = MemoryStore::keeping_records_until_exit();
    let host = Harness::with(|builder| builder.signing_key(key()));
    let (binding, other) = (binding(), parts().user("8").build().unwrap());
    // A record is there already, so that the chain head is changed and not only made.
    let first = issue(&host.engine, &store, &other).unwrap();
    assert!(
        answer(&host.engine, &store, &other, &first.code)
            .unwrap()
            .is_ok()
    );

    let failing = Failing {
        inner: &store,
        commits,
        steps: AtomicUsize::new(0),
        ends: |step| if step == at { end } else { End::Well },
    };
    let mut accepted = 0;
    let mut code = None;
    // A host that is stopped is gone; one that hears an error asks again.
    let _ = catch_unwind(AssertUnwindSafe(|| {
        for _ in 0..2 {
            let issued = issue(&host.engine, &failing, &binding);
            if let Some(issued) = issued {
                code = Some(issued.code.clone());
                let _ = answer(&host.engine, &failing, &binding, &issued.wrong);
                for _ in 0..2 {
                    let answer = answer(&host.engine, &failing, &binding, &issued.code);
                    accepted += usize::from(answer.is_some_and(|answer| answer.is_ok()));
                }
                break;
            }
            host.at(60);
        }
    }));
    let met = failing.steps.load(Ordering::SeqCst) > at;
    let bindings = [binding, other];
    let mut wrong = torn(&host, &store, &bindings);
    if accepted > 1 {
        wrong = Some(format!("accepted {accepted} times"));
    }
    // Who comes back afterwards is accepted, or hears that the code was used and finds its record.
    if let (None, Some(code)) = (&wrong, &code) {
        let again = answer(&host.engine, &store, &bindings[0], code).unwrap();
        let told = matches!(again, Ok(()) | Err(Rejection::AlreadyUsed));
        let count = host
            .engine
            .chain_head(&store, "acme", &field())
            .unwrap()
            .count();
        if !told || count != 2 || (again.is_ok() && accepted > 0) {
            wrong = Some(format!("afterwards: {again:?}, {count} records"));
        }
        wrong = wrong.or_else(|| torn(&host, &store, &bindings));
    }
    Crash { met, wrong }
}

struct Sent {
    code: String,
    wrong: String,
}

fn issue(engine: &Engine, store: &dyn Store, binding: &Binding) -> Option<Sent> {
    match engine.issue(store, binding) {
        Ok(Issuance::Issued(issued)) => Some(Sent {
            wrong: fixture::wrong(&issued),
            code: issued.code.as_str().to_string(),
        }),
        Ok(Issuance::Refused(_)) | Err(_) => None,
    }
}

/// Judges an entered text; `None` is an error: no answer is known. An acceptance has its record.
fn answer(
    engine: &Engine,
    store: &dyn Store,
    binding: &Binding,
    entered: &str,
) -> Option<Result<(), Rejection>> {
    let submission = Submission::new(binding, entered).evidence(evidence_of("Siti"));
    let verdict = engine.verify(store, submission).ok()?;
    Some(match verdict {
        otp_engine::Verdict::Accepted(acceptance) => {
            assert!(acceptance.record.is_some());
            Ok(())
        }
        otp_engine::Verdict::Rejected(rejection) => Err(rejection),
    })
}

/// Fails each step in each way; returns how many steps there were, and what was found wrong.
pub(super) fn sweep(crash: impl Fn(usize, End) -> Crash) -> (usize, Vec<String>) {
    let mut wrong = Vec::new();
    for at in 0.. {
        let crashes = ENDS.map(|end| (end, crash(at, end)));
        for (end, crash) in &crashes {
            let found = crash.wrong.as_ref();
            wrong.extend(found.map(|found| format!("step {at}, {end:?}: {found}")));
        }
        if crashes.iter().all(|(_, crash)| !crash.met) {
            return (at, wrong);
        }
    }
    unreachable!("a signing has an end")
}

#[test]
fn a_crash_between_any_two_steps_leaves_the_code_and_its_record_together() {
    let (steps, wrong) = sweep(|at, end| crash(Commits::Whole, at, end));
    assert_eq!(wrong, [""; 0]);
    // Issue, wrong answer and right answer: a load and a commit each; and the load of a repeat.
    assert!(steps >= 7, "{steps} steps");
    eprintln!(
        "figure: crash points of one signing = {} x {}",
        steps,
        ENDS.len()
    );
}

#[test]
fn control_a_store_that_commits_cell_by_cell_is_caught_by_the_same_sweep() {
    let (steps, wrong) = sweep(|at, end| crash(Commits::Cellwise, at, end));
    assert!(steps > 7);
    let torn = wrong
        .iter()
        .any(|wrong| wrong.contains("0 records, Verified"));
    assert!(torn, "a code without its record: {wrong:?}");
}

/// The order of the writes of a commit: slot first, record last. Whoever cuts it anywhere is caught.
#[test]
fn an_acceptance_is_one_commit_of_slot_meter_page_and_record() {
    let host = Harness::with(|builder| builder.signing_key(key()));
    let store = Watched {
        inner: MemoryStore::keeping_records_until_exit(),
        commits: std::sync::Mutex::default(),
    };
    let sent = issue(&host.engine, &store, &binding()).unwrap();
    assert_eq!(
        answer(&host.engine, &store, &binding(), &sent.code),
        Some(Ok(()))
    );
    let commits = store.commits.lock().unwrap();
    let last = commits.last().unwrap();
    let kinds: Vec<Kind> = last.iter().map(|(kind, _)| *kind).collect();
    assert_eq!(
        kinds,
        [Kind::Slot, Kind::Meter, Kind::ChainHead, Kind::Record]
    );
    for (kind, kept_for_ever) in last {
        assert_eq!(
            *kept_for_ever,
            matches!(kind, Kind::ChainHead | Kind::Record)
        );
    }
    assert_eq!(commits.len(), 2, "one for the issue, one for the answer");
}

/// Remembers of each commit the kinds, and whether the cell is kept for ever.
struct Watched {
    inner: MemoryStore,
    commits: std::sync::Mutex<Vec<Vec<(Kind, bool)>>>,
}

impl Store for Watched {
    fn load(&self, keys: &[Key], cells: &mut Vec<Option<Cell>>) -> Result<(), Error> {
        self.inner.load(keys, cells)
    }

    fn commit(&self, writes: &[Write<'_>], now: Timestamp) -> Result<Commit, Error> {
        let of = |write: &Write<'_>| (write.kind, write.discard_after.is_none());
        self.commits
            .lock()
            .unwrap()
            .push(writes.iter().map(of).collect());
        self.inner.commit(writes, now)
    }

    fn purge(&self, now: Timestamp, limit: usize) -> Result<usize, Error> {
        self.inner.purge(now, limit)
    }

    fn class(&self) -> Class {
        self.inner.class()
    }
}

/// Answers whether a step fails from a seed: one in six, in one of the ways.
fn chance(seed: u64) -> impl Fn(usize) -> End {
    move |step| {
        let mut mixed = seed ^ (step as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        for _ in 0..3 {
            mixed ^= mixed >> 29;
            mixed = mixed.wrapping_mul(0xBF58_476D_1CE4_E5B9);
        }
        let draw = usize::try_from(mixed >> 33).unwrap() % (ENDS.len() * 6);
        ENDS.get(draw).copied().unwrap_or(End::Well)
    }
}

/// 32 signers of one field on hosts that fail at random; returns what is found wrong afterwards,
/// and how many signed.
fn storm(commits: Commits, seed: u64) -> (Option<String>, u64) {
    let store = MemoryStore::keeping_records_until_exit();
    let host = Harness::with(|builder| {
        builder
            .signing_key(key())
            .rate_limits(RateLimits::unlimited())
    });
    let signers: Vec<_> = (0..32)
        .map(|user: u32| parts().user(&user.to_string()).build().unwrap())
        .collect();
    let sent: Vec<_> = signers
        .iter()
        .map(|signer| issue(&host.engine, &store, signer).unwrap())
        .collect();
    let barrier = Barrier::new(signers.len());
    std::thread::scope(|scope| {
        for (number, (signer, sent)) in signers.iter().zip(&sent).enumerate() {
            let (store, engine, barrier) = (&store, &host.engine, &barrier);
            scope.spawn(move || {
                let failing = Failing {
                    inner: store,
                    commits,
                    steps: AtomicUsize::new(0),
                    ends: chance(seed ^ (number as u64) << 32),
                };
                barrier.wait();
                // A host that stopped is started again, a few times; then this user gives up.
                for _ in 0..3 {
                    let _ = catch_unwind(AssertUnwindSafe(|| {
                        let _ = answer(engine, &failing, signer, &sent.wrong);
                        let _ = answer(engine, &failing, signer, &sent.code);
                    }));
                }
            });
        }
    });
    let count = host
        .engine
        .chain_head(&store, "acme", &field())
        .unwrap()
        .count();
    (torn(&host, &store, &signers), count)
}

#[test]
fn storm_of_failing_hosts_leaves_each_code_and_its_record_together() {
    let seed = super::interop::seed();
    let mut signed = 0;
    for round in 0..20 {
        let (wrong, count) = storm(Commits::Whole, seed.wrapping_add(round));
        assert_eq!(wrong, None, "seed {seed}, round {round}");
        signed += count;
    }
    assert!(signed > 200, "{signed} signed: the storm did not blow");
    eprintln!("figure: signatures by failing hosts, none torn = {signed}");
}

#[test]
fn control_a_store_that_commits_cell_by_cell_is_caught_by_the_same_storm() {
    let seed = super::interop::seed();
    let caught = (0..20).any(|round| {
        storm(Commits::Cellwise, seed.wrapping_add(round))
            .0
            .is_some()
    });
    assert!(caught, "seed {seed}");
}

/// A record that is not followed by its code's end would be as bad; the check sees that too.
#[test]
fn control_a_record_without_a_used_up_code_is_caught() {
    let store = MemoryStore::keeping_records_until_exit();
    let host = Harness::with(|builder| builder.signing_key(key()));
    let sent = issue(&host.engine, &store, &binding()).unwrap();
    let slot_dropped = DropsSlot { inner: &store };
    let accepted = answer(&host.engine, &slot_dropped, &binding(), &sent.code);
    assert_eq!(accepted, Some(Ok(())));
    let found = torn(&host, &store, &[binding()]).unwrap();
    assert!(found.contains("1 records, Pending"), "{found}");
}

/// Keeps all writes but those of slots.
struct DropsSlot<'s> {
    inner: &'s MemoryStore,
}

impl Store for DropsSlot<'_> {
    fn load(&self, keys: &[Key], cells: &mut Vec<Option<Cell>>) -> Result<(), Error> {
        self.inner.load(keys, cells)
    }

    fn commit(&self, writes: &[Write<'_>], now: Timestamp) -> Result<Commit, Error> {
        let kept: Vec<_> = writes
            .iter()
            .filter(|write| write.kind != Kind::Slot)
            .copied()
            .collect();
        self.inner.commit(&kept, now)
    }

    fn purge(&self, now: Timestamp, limit: usize) -> Result<usize, Error> {
        self.inner.purge(now, limit)
    }

    fn class(&self) -> Class {
        self.inner.class()
    }
}
