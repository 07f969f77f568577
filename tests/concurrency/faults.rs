//! Faults: whatever store, clock or randomness does, nothing leaves that was not committed, and
//! the next call tells the truth.

use std::collections::HashSet;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};

use otp_engine::store::{self, Cell, Class, Kind, Version};
use otp_engine::{
    Binding, Clock, Engine, Error, Issuance, MemoryStore, RandomnessError, Rejection, Store,
    Submission, Timestamp,
    challenge::GatewayStatus,
    operation::{Claim, Delivery, DeliveryReport, UnlockOutcome},
    verdict::RefusalReason,
};

use crate::support::faulty::{Failure, FaultyStore, Interference, Lie};
use crate::support::fixture::{
    COOLDOWN, Harness, MAX_ATTEMPTS, at, beside, binding_of, counted, keys, policy,
};
use crate::support::slot::Ret;
use crate::support::vault::{Rows, Vault};

/// One call of a script.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Step {
    Issue,
    Refused,
    Claim,
    Failed,
    Wrong,
    Right,
    Cancel,
    Status,
    Unlock,
}

const SCRIPTS: [&[Step]; 2] = [
    &[
        Step::Issue,
        Step::Claim,
        Step::Failed,
        Step::Wrong,
        Step::Status,
        Step::Unlock,
        Step::Right,
        Step::Right,
    ],
    &[
        Step::Issue,
        Step::Wrong,
        Step::Cancel,
        Step::Right,
        Step::Unlock,
    ],
];

/// Where a script stands.
struct Play<'a> {
    harness: &'a Harness,
    store: &'a dyn Store,
    binding: Binding,
    code: String,
    id: Option<otp_engine::ChallengeId>,
    send: u8,
}

impl<'a> Play<'a> {
    fn new(harness: &'a Harness, store: &'a dyn Store) -> Self {
        Self {
            harness,
            store,
            binding: binding_of(0, 0, 0),
            code: String::new(),
            id: None,
            send: 0,
        }
    }

    /// Issues a first code.
    fn issued(harness: &'a Harness, store: &'a dyn Store) -> Self {
        harness.clock.set(at(0));
        let mut play = Self::new(harness, store);
        assert_eq!(play.act(Step::Issue).unwrap(), "issued 1");
        play
    }

    /// Does one step; the answer is text that says all of it but the code.
    fn act(&mut self, step: Step) -> Result<String, Error> {
        let (engine, store, binding) = (&self.harness.engine, self.store, &self.binding);
        let verify = |entered: &str| {
            let verdict = engine.verify(store, Submission::new(binding, entered))?;
            Ok(format!("{:?}", Ret::from(&verdict)))
        };
        match step {
            Step::Issue | Step::Refused => match engine.issue(store, binding)? {
                Issuance::Issued(issued) => {
                    self.code = issued.code.as_str().into();
                    (self.id, self.send) = (Some(issued.id), issued.send);
                    Ok(format!("issued {}", issued.send))
                }
                Issuance::Refused(refusal) => Ok(format!(
                    "{:?}, live: {}",
                    refusal.reason,
                    refusal.id.is_some()
                )),
            },
            Step::Claim => {
                let (id, send) = (self.id.unwrap(), self.send);
                Ok(match engine.claim_send(store, binding, id, send)? {
                    Claim::Claimed(issued) => {
                        assert_eq!(issued.code.as_str(), self.code);
                        format!("claimed {}", issued.send)
                    }
                    Claim::Refused(refusal) => format!("{refusal:?} before"),
                })
            }
            Step::Failed => {
                let delivery = Delivery::Failed(GatewayStatus::parse("6").unwrap());
                let reported = engine.report_delivery(
                    store,
                    binding,
                    DeliveryReport {
                        id: self.id.unwrap(),
                        send: self.send,
                        delivery,
                    },
                )?;
                Ok(format!("{reported:?}"))
            }
            Step::Wrong => verify(&beside(&self.code)),
            Step::Right => verify(&self.code),
            Step::Cancel => Ok(format!("{:?}", engine.cancel(store, binding)?)),
            Step::Status => {
                let status = engine.status(store, binding)?.unwrap();
                Ok(format!("{:?}, {} left", status.state, status.attempts_left))
            }
            Step::Unlock => {
                let unlocking = engine.unlock(store, binding.tenant(), binding.user())?;
                Ok(format!("{unlocking:?}"))
            }
        }
    }

    fn heard(&mut self, step: Step) -> String {
        self.act(step).unwrap()
    }
}

/// What came of a script.
struct Played {
    /// One for each step; of a failed one, what it answered when it was asked again.
    answers: Vec<String>,
    /// Which step failed, and how.
    failed: Option<(usize, Error)>,
    rows: Rows,
    /// How often the store was called.
    calls: usize,
}

/// Plays a script; a failed step is asked again, once.
fn play(script: &[Step], meddling: Interference) -> Played {
    let harness = Harness::with_randomness(|bytes| {
        counted(7, bytes);
        Ok(())
    });
    let vault = Vault::of(Class::Permanent);
    let faulty = FaultyStore::new(&vault, meddling);
    let mut play = Play::new(&harness, &faulty);
    let mut failed = None;
    let mut answers = Vec::new();
    for (position, step) in script.iter().enumerate() {
        let before = vault.rows();
        let _ = harness.heard();
        let error = match play.act(*step) {
            Ok(answer) => {
                answers.push(answer);
                continue;
            }
            Err(error) => error,
        };
        assert_eq!(
            harness.heard(),
            [],
            "{step:?} under {meddling:?}: an event of no commit"
        );
        if !matches!(meddling, Interference::Fail(_, Failure::UnknownApplied)) {
            assert!(
                before == vault.rows(),
                "{step:?} under {meddling:?}: something was written"
            );
        }
        let again = play.heard(*step);
        assert!(
            failed.is_none(),
            "{step:?} under {meddling:?}: failed twice"
        );
        if *step == Step::Issue && again != "issued 1" {
            // The code is out of reach until the cooldown is over; then it is the same one.
            harness.clock.set(at(COOLDOWN));
            assert_eq!(play.heard(Step::Issue), "issued 2", "{meddling:?}");
        }
        answers.push(again);
        failed = Some((position, error));
    }
    let (loads, commits) = faulty.calls();
    Played {
        answers,
        failed,
        rows: vault.rows(),
        calls: loads + commits,
    }
}

#[test]
fn case_21_whichever_call_of_the_store_fails_nothing_leaves_and_the_next_call_tells_the_truth() {
    let mut faults = 0;
    let mut truths = HashSet::new();
    for script in SCRIPTS {
        let untroubled = play(script, Interference::Nothing);
        assert!(untroubled.failed.is_none());
        for failure in Failure::ALL {
            for k in 1..=untroubled.calls {
                let played = play(script, Interference::Fail(k, failure));
                let (position, error) = played.failed.unwrap();
                let (step, again) = (script[position], &*played.answers[position]);
                faults += 1;
                let context = format!("{step:?}, call {k}, {failure:?}");
                let as_told = match failure {
                    Failure::Unavailable => {
                        matches!(error, Error::Store(store::Error::Unavailable(Some(_))))
                    }
                    Failure::Full => matches!(error, Error::Store(store::Error::Full)),
                    _ => matches!(error, Error::Store(store::Error::Unknown(Some(_)))),
                };
                assert!(as_told, "{context}: {error:?}");
                if failure == Failure::UnknownApplied && again != untroubled.answers[position] {
                    // The commit had happened: the next call finds it.
                    let truth = match step {
                        Step::Issue => "Cooldown, live: true",
                        Step::Claim => "Claimed before",
                        Step::Failed => "Ignored",
                        Step::Wrong => "Wrong(3)",
                        Step::Right => "AlreadyUsed",
                        Step::Cancel => "NothingLive",
                        Step::Unlock => "NothingToUnlock",
                        Step::Refused | Step::Status => panic!("{context}: commits nothing"),
                    };
                    assert_eq!(again, truth, "{context}");
                    truths.insert(truth);
                } else {
                    assert_eq!(played.answers, untroubled.answers, "{context}");
                    assert!(
                        played.rows == untroubled.rows,
                        "{context}: other rows than untroubled"
                    );
                }
                let accepted = played.answers.iter().filter(|answer| *answer == "Accepted");
                assert!(accepted.count() <= 1, "{context}");
            }
        }
    }
    assert_eq!(
        truths.len(),
        7,
        "each step that commits has a truth to tell: {truths:?}"
    );
    eprintln!("{faults} faults: each call of the store in two scripts, failing in four ways");
}

/// A handler that takes a failed commit for done: the promises are broken where a test can see.
#[test]
fn a_store_that_says_done_for_a_failed_commit_is_seen_to_accept_twice() {
    let harness = Harness::with_ten_digits();
    let vault = Vault::of(Class::Permanent);
    let code = Play::issued(&harness, &vault).code;
    let faulty = FaultyStore::new(&vault, Interference::Lie(Lie::Swallowed));
    let mut play = Play {
        code,
        ..Play::new(&harness, &faulty)
    };
    assert_eq!(play.heard(Step::Right), "Accepted");
    assert_eq!(play.heard(Step::Right), "Accepted");
}

#[test]
fn a_failing_store_answers_a_right_and_a_wrong_guess_alike() {
    for failure in Failure::ALL {
        for k in 1..=2 {
            let [right, wrong] = [Step::Right, Step::Wrong].map(|step| {
                let harness = Harness::with_ten_digits();
                let vault = Vault::of(Class::Permanent);
                let code = Play::issued(&harness, &vault).code;
                let _ = harness.heard();
                let faulty = FaultyStore::new(&vault, Interference::Fail(k, failure));
                let mut play = Play {
                    code,
                    ..Play::new(&harness, &faulty)
                };
                let error = play.act(step).unwrap_err();
                let cause =
                    core::error::Error::source(&error).map(|cause| format!("{cause} {cause:?}"));
                (
                    format!("{error:?} {error} {cause:?}"),
                    harness.heard(),
                    faulty.calls(),
                )
            });
            assert_eq!(right, wrong, "{failure:?} of call {k}");
            assert_eq!(right.1, []);
        }
    }
}

#[test]
fn a_full_store_refuses_a_first_code_and_still_counts_guesses() {
    let harness = Harness::with_ten_digits();
    for room in 0..3 {
        let store = MemoryStore::with_capacity_limit(room);
        let refused = Play::new(&harness, &store).act(Step::Issue);
        assert!(
            matches!(refused, Err(Error::Store(store::Error::Full))),
            "{room}"
        );
        assert_eq!((store.len(), harness.heard()), (0, vec![]));
    }
    let store = MemoryStore::with_capacity_limit(3);
    let mut play = Play::issued(&harness, &store);
    assert_eq!(play.heard(Step::Wrong), "Wrong(4)");
    assert_eq!(play.heard(Step::Right), "Accepted");
    assert_eq!(store.len(), 3);
}

/// Randomness that fails, after so many bytes.
fn broken(bytes: &mut [u8]) -> Result<(), RandomnessError> {
    if let Some((_, half)) = bytes.split_at_mut_checked(8) {
        half.fill(0x5A); // some bytes came, and must not be used
    }
    Err(core::fmt::Error.into())
}

#[test]
fn case_81_failing_randomness_is_an_error_and_nothing_is_stored() {
    let broken = Harness::with_randomness(broken);
    let vault = Vault::of(Class::Permanent);
    let faulty = FaultyStore::new(&vault, Interference::Nothing);
    let error = Play::new(&broken, &faulty).act(Step::Issue).unwrap_err();
    assert!(matches!(error, Error::Randomness(Some(_))), "{error:?}");
    assert_eq!(faulty.calls(), (0, 0));
    assert_eq!(broken.heard(), []);
    // The same with randomness that works: the failure above had another cause than this script.
    let harness = Harness::with_ten_digits();
    let code = Play::issued(&harness, &faulty).code;
    assert_eq!(faulty.calls(), (1, 1));
    // A verify draws none.
    let mut play = Play {
        code,
        ..Play::new(&broken, &vault)
    };
    assert_eq!(play.heard(Step::Wrong), "Wrong(4)");
    assert_eq!(play.heard(Step::Right), "Accepted");
}

/// A clock that cannot tell the time.
struct Stopped;

impl Clock for Stopped {
    fn now(&self) -> Option<Timestamp> {
        None
    }
}

/// All operations on what `play` issued; a verify with the right and with a wrong guess.
fn all_operations(
    engine: &Engine,
    store: &dyn Store,
    play: &Play<'_>,
) -> Vec<(&'static str, Result<(), Error>)> {
    let binding = &play.binding;
    let (id, send) = (play.id.unwrap(), play.send);
    let verify = |entered: &str| {
        engine
            .verify(store, Submission::new(binding, entered))
            .map(drop)
    };
    let delivery = Delivery::Failed(GatewayStatus::parse("6").unwrap());
    vec![
        ("right", verify(&play.code)),
        ("wrong", verify(&beside(&play.code))),
        ("malformed", verify("12")),
        ("issue", engine.issue(store, binding).map(drop)),
        (
            "claim",
            engine.claim_send(store, binding, id, send).map(drop),
        ),
        (
            "report",
            engine
                .report_delivery(store, binding, DeliveryReport { id, send, delivery })
                .map(drop),
        ),
        ("status", engine.status(store, binding).map(drop)),
        ("cancel", engine.cancel(store, binding).map(drop)),
        (
            "unlock",
            engine
                .unlock(store, binding.tenant(), binding.user())
                .map(drop),
        ),
    ]
}

#[test]
fn a_clock_without_time_is_an_error_and_the_store_is_not_asked() {
    let harness = Harness::with_ten_digits();
    let vault = Vault::of(Class::Permanent);
    let play = Play::issued(&harness, &vault);
    let heard = Arc::new(Mutex::new(0));
    let ear = Arc::clone(&heard);
    let stopped = Engine::builder_on(keys(), Stopped, |bytes| {
        counted(9, bytes);
        Ok(())
    })
    .policy(policy())
    .observer(move |_: &otp_engine::Event<'_>| *ear.lock().unwrap() += 1)
    .build();
    let (faulty, before) = (
        FaultyStore::new(&vault, Interference::Nothing),
        vault.rows(),
    );
    for (name, result) in all_operations(&stopped, &faulty, &play) {
        assert!(matches!(result, Err(Error::Clock)), "{name}: {result:?}");
    }
    assert!(matches!(stopped.purge(&faulty, 10), Err(Error::Clock)));
    assert_eq!((faulty.calls(), *heard.lock().unwrap()), ((0, 0), 0));
    assert!(before == vault.rows());
}

#[test]
fn case_68_a_store_that_lies_about_its_cells_is_an_error_for_every_operation() {
    for class in [Class::Process, Class::Permanent] {
        for lie in [
            Lie::TooFew,
            Lie::TooMany,
            Lie::None,
            Lie::NoVersion,
            Lie::NewerVersion,
            Lie::OlderVersion,
            Lie::TooLong,
            Lie::EmptyBody,
            Lie::Garbage,
        ] {
            let moved = matches!(lie, Lie::NewerVersion | Lie::OlderVersion);
            if moved && class == Class::Process {
                continue; // not sealed: its commits meet a conflict instead
            }
            let harness = Harness::with_ten_digits();
            let vault = Vault::of(class);
            let mut play = Play::issued(&harness, &vault);
            assert_eq!(play.heard(Step::Wrong), "Wrong(4)"); // each cell is at version 2
            let (faulty, before) = (
                FaultyStore::new(&vault, Interference::Lie(lie)),
                vault.rows(),
            );
            let _ = harness.heard();
            for (name, result) in all_operations(&harness.engine, &faulty, &play) {
                assert!(
                    matches!(result, Err(Error::Tampered)),
                    "{name}, {class:?}, {lie:?}: {result:?}"
                );
            }
            assert_eq!(harness.heard(), [], "{class:?}, {lie:?}");
            assert_eq!(
                faulty.calls().1,
                0,
                "{class:?}, {lie:?}: something was committed"
            );
            assert!(before == vault.rows());
        }
    }
}

#[test]
fn endless_conflicts_end_in_an_error_after_200_rounds() {
    for (class, lie) in [
        (Class::Permanent, Lie::Conflict),
        (Class::Process, Lie::NewerVersion),
    ] {
        for step in [Step::Right, Step::Wrong, Step::Cancel, Step::Failed] {
            let harness = Harness::with_ten_digits();
            let vault = Vault::of(class);
            let first = Play::issued(&harness, &vault);
            let (code, id, send) = (first.code, first.id, first.send);
            let _ = harness.heard();
            let (faulty, before) = (
                FaultyStore::new(&vault, Interference::Lie(lie)),
                vault.rows(),
            );
            let mut play = Play {
                code,
                id,
                send,
                ..Play::new(&harness, &faulty)
            };
            let result = play.act(step);
            assert!(
                matches!(result, Err(Error::Contended)),
                "{step:?}: {result:?}"
            );
            assert_eq!(faulty.calls(), (200, 200), "{step:?}");
            assert_eq!(harness.heard(), []);
            assert!(before == vault.rows());
        }
    }
}

/// One load and one commit for what changes something, one load for what does not.
#[test]
fn each_operation_is_one_load_and_at_most_one_commit_and_a_refusal_commits_nothing() {
    let harness = Harness::with_ten_digits();
    let vault = Vault::of(Class::Permanent);
    let faulty = FaultyStore::new(&vault, Interference::Nothing);
    let mut play = Play::new(&harness, &faulty);
    let mut counted = (0, 0);
    let mut costs = |play: &mut Play<'_>, step: Step, answer: &str, commits: usize| {
        assert_eq!(play.heard(step), answer, "{step:?}");
        let now = faulty.calls();
        assert_eq!(
            (now.0 - counted.0, now.1 - counted.1),
            (1, commits),
            "{step:?}: {answer}"
        );
        counted = now;
    };
    costs(&mut play, Step::Unlock, "NothingToUnlock", 0);
    costs(&mut play, Step::Cancel, "NothingLive", 0);
    costs(&mut play, Step::Issue, "issued 1", 1);
    costs(&mut play, Step::Refused, "Cooldown, live: true", 0);
    costs(&mut play, Step::Failed, "Refunded", 1);
    costs(&mut play, Step::Failed, "Ignored", 0);
    costs(&mut play, Step::Status, "Pending, 5 left", 0);
    costs(&mut play, Step::Wrong, "Wrong(4)", 1);
    costs(&mut play, Step::Unlock, "Unlocked", 1);
    costs(&mut play, Step::Right, "Accepted", 1);
    costs(&mut play, Step::Right, "AlreadyUsed", 0);
    costs(&mut play, Step::Cancel, "NothingLive", 0);
    harness.clock.set(at(COOLDOWN));
    costs(&mut play, Step::Issue, "issued 1", 1);
    costs(&mut play, Step::Cancel, "Cancelled", 1);
    costs(&mut play, Step::Right, "Cancelled", 0);
    harness.clock.set(at(2 * COOLDOWN));
    costs(&mut play, Step::Issue, "issued 1", 1);
    for left in (0..MAX_ATTEMPTS).rev() {
        costs(&mut play, Step::Wrong, &format!("Wrong({left})"), 1);
    }
    costs(&mut play, Step::Right, "Exhausted", 0);
    costs(&mut play, Step::Refused, "Exhausted, live: false", 0);
    let elsewhere = binding_of(1, 0, 0);
    let unknown = harness
        .engine
        .verify(&faulty, Submission::new(&elsewhere, "0123456789"))
        .unwrap();
    assert_eq!(unknown.rejection(), Some(Rejection::Unknown));
    let malformed = harness
        .engine
        .verify(&faulty, Submission::new(&elsewhere, "12"))
        .unwrap();
    assert_eq!(malformed.rejection(), Some(Rejection::Malformed));
    assert_eq!(faulty.calls(), (counted.0 + 2, counted.1));
}

#[test]
fn rejections_commit_only_what_has_to_be_remembered() {
    let harness = Harness::with_ten_digits();
    let vault = Vault::of(Class::Permanent);
    let faulty = FaultyStore::new(&vault, Interference::Nothing);
    let play = Play::issued(&harness, &faulty);
    let other_number = binding_of(0, 0, 1);
    let elsewhere = Binding::builder()
        .tenant(play.binding.tenant())
        .purpose(play.binding.purpose())
        .target(play.binding.target())
        .user(play.binding.user())
        .recipient(other_number.recipient().clone())
        .build()
        .unwrap();
    let costs = |binding: &Binding, entered: &str, rejection: Rejection, commits: usize| {
        let before = faulty.calls();
        let verdict = harness
            .engine
            .verify(&faulty, Submission::new(binding, entered))
            .unwrap();
        assert_eq!(verdict.rejection(), Some(rejection));
        let after = faulty.calls();
        assert_eq!(
            (after.0 - before.0, after.1 - before.1),
            (1, commits),
            "{rejection:?}"
        );
    };
    costs(&elsewhere, &play.code, Rejection::Mismatch, 0);
    costs(&play.binding, "12", Rejection::Malformed, 1); // its own rate limit
    harness.clock.set(at(600));
    costs(&play.binding, &play.code, Rejection::Expired, 1); // a seen expiry stays
    costs(&play.binding, &play.code, Rejection::Expired, 0);
    costs(&play.binding, "12", Rejection::Malformed, 0);
    harness.clock.set(at(0));
    costs(&play.binding, &play.code, Rejection::Expired, 0);
}

/// Nobody hears of a decision before it is in the store.
#[test]
fn an_event_is_heard_after_its_commit() {
    let vault = Arc::new(Vault::of(Class::Permanent));
    let seen = Arc::new(Mutex::new(Vec::new()));
    let (ear, kept) = (Arc::clone(&seen), Arc::clone(&vault));
    let version = |vault: &Vault| vault.rows()[&vault.slot()].1.version().get();
    let clock = Arc::new(otp_engine::ManualClock::new(at(0)));
    let engine = Engine::builder_on(keys(), clock, |bytes| {
        counted(3, bytes);
        Ok(())
    })
    .policy(policy())
    .observer(move |_: &otp_engine::Event<'_>| ear.lock().unwrap().push(version(&kept)))
    .build();
    let binding = binding_of(0, 0, 0);
    let issued = engine.issue(&*vault, &binding).unwrap().issued().unwrap();
    let wrong = beside(issued.code.as_str());
    for entered in [&wrong, issued.code.as_str()] {
        let _ = engine
            .verify(&*vault, Submission::new(&binding, entered))
            .unwrap();
    }
    assert_eq!(*seen.lock().unwrap(), [1, 2, 3]);
}

/// Which operations read a cell of a kind: an unlock reads one meter, a claim the slot and the same
/// meter, a cancel the slot alone.
fn reads(operation: &str, kind: Kind, user_meter: bool) -> bool {
    match operation {
        "cancel" => kind == Kind::Slot,
        "unlock" => user_meter,
        "claim" => kind == Kind::Slot || user_meter,
        _ => true,
    }
}

/// The vault after an issue and four wrong guesses, its code, and the key of the user's meter.
fn worn<'a>(harness: &'a Harness, vault: &'a Vault) -> (Play<'a>, store::Key) {
    let mut play = Play::issued(harness, vault);
    for left in [4, 3, 2, 1] {
        assert_eq!(play.heard(Step::Wrong), format!("Wrong({left})"));
    }
    // The user's meter alone counts guesses one after another.
    let rows = vault.rows();
    let counts = |cell: &Cell| cell.body()[1..3] == [0, 4];
    let mut meters = rows
        .iter()
        .filter(|(_, (kind, cell))| *kind == Kind::Meter && counts(cell));
    let user = *meters.next().unwrap().0;
    assert!(meters.next().is_none());
    (play, user)
}

#[test]
fn case_22_any_bit_changed_in_any_sealed_cell_is_an_error_and_never_a_verdict() {
    let harness = Harness::with_ten_digits();
    let vault = Vault::of(Class::Permanent);
    let (play, user) = worn(&harness, &vault);
    let rows = vault.rows();
    let _ = harness.heard();
    let mut changes = 0;
    let mut check = |key: store::Key, kind: Kind, cell: Cell, what: &str| {
        let faulty = FaultyStore::new(&vault, Interference::Nothing);
        vault.put(key, cell);
        for (name, result) in all_operations(&harness.engine, &faulty, &play) {
            if reads(name, kind, key == user) {
                assert!(
                    matches!(result, Err(Error::Tampered)),
                    "{name} of a {kind:?}, {what}: {result:?}"
                );
            }
        }
        vault.restore(&rows);
        changes += 1;
    };
    for (key, (kind, cell)) in &rows {
        let with = |body: &[u8]| Cell::new(cell.version(), cell.discard_after(), body);
        let body = cell.body();
        for bit in 0..body.len() * 8 {
            let mut flipped = body.to_vec();
            flipped[bit / 8] ^= 1 << (bit % 8);
            check(*key, *kind, with(&flipped), &format!("bit {bit}"));
        }
        for length in 0..body.len() {
            check(
                *key,
                *kind,
                with(&body[..length]),
                &format!("cut to {length}"),
            );
        }
        check(*key, *kind, with(&[body, &[0]].concat()), "a byte more");
        for (other, (_, elsewhere)) in rows.iter().filter(|(other, _)| *other != key) {
            check(
                *key,
                *kind,
                elsewhere.clone(),
                &format!("the cell of {other:?}"),
            );
            check(
                *key,
                *kind,
                with(elsewhere.body()),
                &format!("the body of {other:?}"),
            );
        }
        // The cell as it is, under a version that it never had.
        for version in [
            1,
            cell.version().get() - 1,
            cell.version().get() + 1,
            u64::MAX,
        ] {
            let moved = Cell::new(Version::new(version), cell.discard_after(), body);
            check(*key, *kind, moved, &format!("version {version}"));
        }
    }
    assert!(changes > 1_500, "{changes}");
    eprintln!("{changes} changes of sealed cells, each refused by every operation that reads it");
}

/// An old body under the version of today: a reset of the counts, if it went through.
#[test]
fn an_old_body_under_a_new_version_is_an_error() {
    let harness = Harness::with_ten_digits();
    let vault = Vault::of(Class::Permanent);
    let first = Play::issued(&harness, &vault);
    let (code, id, send, old) = (first.code.clone(), first.id, first.send, vault.rows());
    let mut play = Play {
        code,
        id,
        send,
        ..Play::new(&harness, &vault)
    };
    assert_eq!(play.heard(Step::Wrong), "Wrong(4)");
    for (key, (kind, cell)) in vault.rows() {
        let before = vault.rows();
        let body = old[&key].1.body();
        vault.put(key, Cell::new(cell.version(), cell.discard_after(), body));
        assert!(
            matches!(play.act(Step::Right), Err(Error::Tampered)),
            "{kind:?}"
        );
        vault.restore(&before);
    }
    assert_eq!(play.heard(Step::Right), "Accepted");
}

/// The control: where nothing is sealed, who can write grants himself guesses.
#[test]
fn in_an_unsealed_store_a_changed_byte_changes_the_verdict() {
    let harness = Harness::with_ten_digits();
    let vault = Vault::of(Class::Process);
    let (mut play, _) = worn(&harness, &vault);
    let slot = vault.slot();
    let cell = vault.rows()[&slot].1.clone();
    let mut body = cell.body().to_vec();
    assert_eq!(body[ATTEMPTS], 4);
    body[ATTEMPTS] = 0;
    vault.put(slot, Cell::new(cell.version(), cell.discard_after(), body));
    assert_eq!(play.heard(Step::Wrong), "Wrong(4)");
}

/// What no seal can see, as docs/threat-model.md says: a whole row put back and a row deleted give
/// fresh guesses. One that is made to expire early gives none before a purge has taken it.
#[test]
fn a_row_rolled_back_or_deleted_by_hand_gives_fresh_guesses() {
    let harness = Harness::with_ten_digits();
    let vault = Vault::of(Class::Permanent);
    let first = Play::issued(&harness, &vault);
    let (code, id, send, fresh) = (first.code.clone(), first.id, first.send, vault.rows());
    let mut play = Play {
        code,
        id,
        send,
        ..Play::new(&harness, &vault)
    };
    for left in (0..MAX_ATTEMPTS).rev() {
        assert_eq!(play.heard(Step::Wrong), format!("Wrong({left})"));
    }
    assert_eq!(play.heard(Step::Right), "Exhausted");
    let exhausted = vault.rows();
    let slot = vault.slot();

    vault.put(slot, fresh[&slot].1.clone());
    assert_eq!(play.heard(Step::Wrong), "Wrong(4)");
    assert_eq!(play.heard(Step::Right), "Accepted");

    // Deleted: the code is gone, and with it what was counted.
    let mut deleted = exhausted.clone();
    deleted.remove(&slot);
    vault.restore(&deleted);
    assert_eq!(play.heard(Step::Right), "Unknown");
    assert_eq!(play.heard(Step::Issue), "issued 1");
    assert_eq!(play.heard(Step::Status), "Pending, 5 left");
    let mut expired = exhausted.clone();
    let cell = &exhausted[&slot].1;
    expired.insert(
        slot,
        (
            Kind::Slot,
            Cell::new(cell.version(), Some(at(-1)), cell.body()),
        ),
    );
    vault.restore(&expired);
    assert_eq!(play.heard(Step::Right), "Exhausted");
    // The user's meter is another row, and has counted all of it.
    vault.restore(&exhausted);
    assert_eq!(
        harness.engine.unlock(&vault, "tenant 0", "0").unwrap(),
        UnlockOutcome::Unlocked
    );
}

#[test]
fn case_62_a_restored_backup_revives_a_used_code_unless_the_epoch_is_raised() {
    let harness = Harness::with_ten_digits();
    let vault = Vault::of(Class::Permanent);
    let mut play = Play::issued(&harness, &vault);
    assert_eq!(play.heard(Step::Wrong), "Wrong(4)");
    let backup = vault.rows();
    assert_eq!(play.heard(Step::Right), "Accepted");
    assert_eq!(play.heard(Step::Right), "AlreadyUsed");

    vault.restore(&backup);
    assert_eq!(play.heard(Step::Right), "Accepted"); // cannot be seen from inside

    vault.restore(&backup);
    let raised = Harness::with_epoch(1);
    let (code, id, send) = (play.code.clone(), play.id, play.send);
    let mut later = Play {
        code,
        id,
        send,
        ..Play::new(&raised, &vault)
    };
    assert_eq!(later.heard(Step::Right), "Unknown");
    assert!(vault.rows() == backup, "a refusal writes nothing");
    // Nothing else is void: attempts and rate limits stand, the cooldown too.
    assert_eq!(
        later.heard(Step::Refused),
        format!("{:?}, live: false", RefusalReason::Cooldown)
    );
    raised.clock.set(at(COOLDOWN));
    assert_eq!(later.heard(Step::Issue), "issued 1");
    assert_eq!(later.heard(Step::Wrong), "Wrong(3)");
    assert_eq!(later.heard(Step::Right), "Accepted");
}

/// 64 processes at once draw no id and make no code twice; a generator in user space that all of
/// them inherited is seen to. A true `fork` needs unsafe code and is tested on the C library.
#[test]
fn case_82_of_64_processes_no_two_make_the_same_id_or_code() {
    let children = |source: &str| -> (HashSet<String>, HashSet<String>) {
        let program = std::env::current_exe().unwrap();
        let start = |child: usize| {
            Command::new(&program)
                .args([
                    "--exact",
                    "faults::one_of_64_processes",
                    "--ignored",
                    "--nocapture",
                ])
                .env(CHILD, format!("{source} {child}"))
                .stdout(Stdio::piped())
                .stderr(Stdio::null())
                .spawn()
                .unwrap()
        };
        let started: Vec<_> = (0..64).map(start).collect();
        let outputs = started
            .into_iter()
            .map(|child| child.wait_with_output().unwrap());
        let texts = outputs.map(|output| String::from_utf8(output.stdout).unwrap());
        let told = texts.map(|text| {
            let at = text.find("made:").unwrap();
            let mut words = text[at + 5..].split_whitespace();
            (
                words.next().unwrap().to_owned(),
                words.next().unwrap().to_owned(),
            )
        });
        told.unzip()
    };
    let (ids, codes) = children("system");
    assert_eq!((ids.len(), codes.len()), (64, 64));
    // The binding is in the derivation: an id that repeats does not repeat a code.
    let (ids, codes) = children("copied");
    assert_eq!((ids.len(), codes.len()), (1, 64));
}

#[test]
#[ignore = "a part of case 82, which starts it"]
#[expect(clippy::print_stdout, reason = "this is how a child tells its parent")]
fn one_of_64_processes() {
    let Ok(told) = std::env::var(CHILD) else {
        return;
    };
    let (source, child) = told.split_once(' ').unwrap();
    let store = MemoryStore::new();
    let engine = match source {
        "system" => Engine::builder(keys()).policy(policy()).build(),
        _ => {
            Harness::with_randomness(|bytes| {
                counted(7, bytes);
                Ok(())
            })
            .engine
        }
    };
    let binding = binding_of(0, 0, child.parse().unwrap());
    let issued = engine.issue(&store, &binding).unwrap().issued().unwrap();
    println!("made: {} {}", issued.id, issued.code.as_str());
}

/// How a test process knows that it is one of the 64.
const CHILD: &str = "OTP_ENGINE_TEST_CHILD";

/// Where a slot counts its attempts, by docs/formats.md.
const ATTEMPTS: usize = 5;
