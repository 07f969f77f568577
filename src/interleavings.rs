//! Every interleaving of a few operations on one slot: complete, over the real decisions.
//!
//! An operation loads its cells one by one, decides, commits if the versions still stand, and only
//! then answers; after a lost race it begins again. Before and after each commit its process may
//! die, or the store's reply may be lost. Decisions are pure, so states that are equal have equal
//! futures: each is looked at once, and no schedule is left out.

use alloc::string::String;
use alloc::vec::Vec;
use std::collections::{HashMap, HashSet};

use arrayvec::ArrayVec;

use crate::challenge::{Challenge, ChallengeState};
use crate::keys::KeyRing;
use crate::meter::Meter;
use crate::operation::cancel::Cancel;
use crate::operation::claim::ClaimSend;
use crate::operation::issue::Issue;
use crate::operation::verify::Verify;
use crate::operation::{self, BindingCells, Context, Loaded, Operation};
use crate::policy::Resend;
use crate::record::facts::Salts;
use crate::seal::{LoadedCells, Seal, Writes};
use crate::store::{Cell, Class, Version};
use crate::{
    Binding, ChallengeId, Issuance, Mobile, Policy, RateLimits, Rejection, Submission, Target,
    Timestamp, Verdict,
    operation::{CancelOutcome, Claim, ClaimRefusal},
    verdict::RefusalReason,
};

#[test]
fn five_verifies_accept_once_and_count_each_guess_in_every_interleaving() {
    let mut total = Report::default();
    for spent in 0..MAX_ATTEMPTS {
        for rights in 0..=5 {
            let mut world = World::new(Resend::Same, spent, guesses(rights, 5));
            let report = world.explore(SOUND);
            assert_eq!(report.fault, None, "{spent} spent, {rights} right");
            total.add(&report);
        }
    }
    assert!(
        total.accepted > 0 && total.exhausted > 0 && total.conflicts > 0,
        "{total:?}"
    );
    eprintln!("5 verifies, 30 complete runs: {total:?}");
}

#[test]
fn nothing_superseded_or_cancelled_is_accepted_later_in_any_interleaving() {
    let mut total = Report::default();
    for resend in [Resend::Same, Resend::Rotate] {
        for spent in [0, 3, 4] {
            for guesses in multisets(&[Call::Old, Call::Named, Call::New, Call::Wrong], 3) {
                let calls = [&guesses[..], &[Call::Issue, Call::Cancel]].concat();
                let report = World::new(resend, spent, calls).explore(SOUND);
                assert_eq!(report.fault, None, "{resend:?}, {spent} spent, {guesses:?}");
                total.add(&report);
            }
        }
    }
    assert!(total.accepted > 0 && total.exhausted > 0, "{total:?}");
    assert!(
        total.superseded > 0 && total.cancelled > 0 && total.conflicts > 0,
        "{total:?}"
    );
    eprintln!("3 verifies, rotate and cancel, 120 complete runs: {total:?}");
}

/// A load need not be one view of all cells: each decision writes what it rests on.
#[test]
fn cells_loaded_one_by_one_change_nothing_in_any_interleaving() {
    let mut total = Report::default();
    for rights in 0..=4 {
        let report = World::new(Resend::Same, 3, guesses(rights, 4)).explore(TORN);
        assert_eq!(report.fault, None, "{rights} right");
        total.add(&report);
    }
    for calls in [
        [Call::Old, Call::Wrong, Call::Issue, Call::Cancel],
        [Call::Old, Call::New, Call::Issue, Call::Cancel],
    ] {
        let report = World::new(Resend::Rotate, 4, calls.to_vec()).explore(TORN);
        assert_eq!(report.fault, None, "{calls:?}");
        total.add(&report);
    }
    eprintln!("4 operations, cells loaded one by one, 7 complete runs: {total:?}");
}

/// A lost reply: the commit was applied or not, the caller hears an error and asks once more.
#[test]
fn four_verifies_with_every_reply_lost_accept_once_in_every_interleaving() {
    let mut total = Report::default();
    for rights in 0..=4 {
        let report = World::new(Resend::Same, 2, guesses(rights, 4)).explore(UNSURE);
        assert_eq!(report.fault, None, "{rights} right");
        total.add(&report);
    }
    eprintln!("4 verifies, each reply lost or not, 5 complete runs: {total:?}");
}

#[test]
#[ignore = "three million states: for the long run"]
fn six_operations_with_every_reply_lost_keep_all_promises_in_every_interleaving() {
    for calls in [
        [
            Call::Old,
            Call::Old,
            Call::Old,
            Call::Wrong,
            Call::Wrong,
            Call::Wrong,
        ],
        [
            Call::Old,
            Call::Named,
            Call::New,
            Call::Wrong,
            Call::Issue,
            Call::Cancel,
        ],
    ] {
        let report = World::new(Resend::Rotate, 2, calls.to_vec()).explore(UNSURE);
        assert_eq!(report.fault, None, "{calls:?}");
        eprintln!("{calls:?}, each reply lost or not: {report:?}");
    }
}

/// Two workers of one queue, and whatever ends the code while they run.
#[test]
fn case_512_one_send_is_claimed_once_and_never_when_its_code_is_over_in_any_interleaving() {
    let mut total = Report::default();
    for rules in [SOUND, TORN, UNSURE] {
        for resend in [Resend::Same, Resend::Rotate] {
            for other in [Call::Old, Call::Wrong, Call::Cancel, Call::Issue] {
                let calls = [Call::Claim, Call::Claim, other];
                let report = World::new(resend, 4, calls.to_vec()).explore(rules);
                assert_eq!(report.fault, None, "{resend:?}, {other:?}");
                total.add(&report);
            }
        }
    }
    let all = [
        Call::Claim,
        Call::Claim,
        Call::Old,
        Call::Issue,
        Call::Cancel,
    ];
    for resend in [Resend::Same, Resend::Rotate] {
        let report = World::new(resend, 3, all.to_vec()).explore(SOUND);
        assert_eq!(report.fault, None, "{resend:?}");
        total.add(&report);
    }
    assert!(total.claimed > 0 && total.conflicts > 0, "{total:?}");
    eprintln!("2 claims beside others, 26 complete runs: {total:?}");
}

/// The same checker must see the two mistakes that it is there for.
#[test]
fn a_commit_that_ignores_versions_and_an_answer_before_its_commit_are_both_caught() {
    let race = [Call::Old, Call::Old];
    let guesses = [Call::Wrong, Call::Wrong];
    for (calls, fault) in [
        (race, Fault::AcceptedTwice),
        (guesses, Fault::Uncounted),
        ([Call::Old, Call::Cancel], Fault::AcceptedDead),
        ([Call::Named, Call::Issue], Fault::AcceptedDead),
        ([Call::Claim, Call::Claim], Fault::ClaimedTwice),
        ([Call::Claim, Call::Issue], Fault::ClaimedDead),
        ([Call::Claim, Call::Cancel], Fault::ClaimedDead),
        ([Call::Claim, Call::Old], Fault::ClaimedDead),
    ] {
        let explore = |rules| World::new(Resend::Rotate, 0, calls.to_vec()).explore(rules);
        let blind = explore(Rules {
            flaw: Flaw::IgnoresVersions,
            ..SOUND
        });
        assert!(blind.faults.contains(&fault), "{calls:?}: {blind:?}");
        assert_eq!(explore(SOUND).fault, None, "{calls:?}");
    }
    for calls in [race, guesses, [Call::Claim, Call::Claim]] {
        let rules = Rules {
            flaw: Flaw::AnswersFirst,
            ..SOUND
        };
        let hasty = World::new(Resend::Same, 0, calls.to_vec()).explore(rules);
        assert_eq!(hasty.fault, Some(Fault::AnsweredUncommitted), "{calls:?}");
    }
}

/// What one operation asks for. `Old` is the code that is out at the start, `New` the one that an
/// issue would put in its place.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
enum Call {
    Old,
    /// The old code, and the client says which challenge it means.
    Named,
    New,
    Wrong,
    Issue,
    Cancel,
    /// Of the send that is out at the start.
    Claim,
}

/// What is planted.
#[derive(Clone, Copy, Eq, PartialEq)]
enum Flaw {
    None,
    IgnoresVersions,
    AnswersFirst,
}

/// What can be lost around a commit.
#[derive(Clone, Copy, Eq, PartialEq)]
enum Loss {
    /// The process, with its answer: nobody asks again.
    Crash,
    /// The reply: the caller hears an error and asks once more.
    Reply,
}

/// Whether a load is one view of all cells.
#[derive(Clone, Copy, Eq, PartialEq)]
enum Load {
    AtOnce,
    OneByOne,
}

/// The rules of one exploration.
#[derive(Clone, Copy)]
struct Rules {
    flaw: Flaw,
    loss: Loss,
    load: Load,
}

const SOUND: Rules = Rules {
    flaw: Flaw::None,
    loss: Loss::Crash,
    load: Load::AtOnce,
};
const TORN: Rules = Rules {
    load: Load::OneByOne,
    ..SOUND
};
const UNSURE: Rules = Rules {
    loss: Loss::Reply,
    ..SOUND
};

/// How the promises can be broken.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
enum Fault {
    AcceptedTwice,
    AcceptedDead,
    ClaimedTwice,
    /// After the code was used or called off, or another send took its place.
    ClaimedDead,
    /// The cells do not count each compared guess.
    Uncounted,
    TooMany,
    AnsweredUncommitted,
    /// A refusal tells of something that never happened.
    Untrue,
    /// All were answered, and yet a right guess found a live code and was not accepted.
    Unserved,
}

/// Which of the two challenges.
const OLD: usize = 0;
const NEW: usize = 1;

/// An answer, as small as the checker needs it.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
enum Answer {
    Accepted(usize),
    Wrong,
    Refused(Refused),
    Issued(usize),
    Cancelled(usize),
    Claimed,
}

#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
enum Refused {
    AlreadyUsed,
    Exhausted,
    Cancelled,
    Superseded,
    Cooldown,
    NothingLive,
    /// Of a claim: by somebody else, or for a later send or challenge.
    Claimed,
    Overtaken,
}

/// Version and body of one cell, 0 where there is none; the body by its number in the world.
type VersionedBody = (u8, u16);

/// How far one operation is.
#[derive(Clone, Copy, Eq, Hash, Ord, PartialEq, PartialOrd)]
enum Step {
    /// So many cells are loaded.
    Loading(usize, [VersionedBody; CELLS]),
    /// The decision, by its number in the world, awaits its commit.
    Decided(usize),
    /// The same, but another commit came first: only a conflict awaits it, whatever it decided.
    Beaten,
    /// It is committed; the answer is still inside.
    Committed(Answer),
    /// Answered, or lost.
    Done,
}

const START: Step = Step::Loading(0, [(0, 0); CELLS]);

/// How far one operation is, and how often its caller would ask again.
type Process = (Step, u8);

#[derive(Clone, Eq, Hash, PartialEq)]
struct Moment {
    cells: [VersionedBody; CELLS],
    processes: Vec<Process>,
    tally: Tally,
}

/// What was committed and what was released so far.
#[derive(Clone, Copy, Eq, Hash, PartialEq)]
struct Tally {
    accepted: [u8; 2],
    dead: [bool; 2],
    cancelled: bool,
    claimed: u8,
    released_claimed: u8,
    /// Another send was committed after the one that is out at the start.
    overtaken: bool,
    /// Wrong guesses since the last success, and since ever.
    wrong: u8,
    wrong_ever: u8,
    compared: u8,
    released_accepted: u8,
    released_compared: u8,
    /// A process or a reply was lost.
    lost: bool,
    fault: Option<Fault>,
}

impl Tally {
    fn commit(&mut self, answer: Answer) {
        match answer {
            Answer::Accepted(which) => {
                if self.dead[which] {
                    self.fault = Some(Fault::AcceptedDead);
                }
                self.accepted[which] += 1;
                self.compared += 1;
                self.wrong = 0;
            }
            Answer::Wrong => {
                self.compared += 1;
                self.wrong += 1;
                self.wrong_ever += 1;
            }
            Answer::Issued(which) => {
                self.dead[OLD] |= which == NEW;
                self.overtaken = true;
            }
            Answer::Claimed => {
                self.claimed += 1;
                if self.dead[OLD] || self.overtaken || self.accepted[OLD] > 0 {
                    self.fault = Some(Fault::ClaimedDead);
                }
            }
            Answer::Cancelled(which) => {
                self.dead[which] = true;
                self.cancelled = true;
            }
            Answer::Refused(_) => {}
        }
    }

    fn release(&mut self, answer: Answer) {
        self.released_accepted += u8::from(matches!(answer, Answer::Accepted(_)));
        self.released_compared += u8::from(matches!(answer, Answer::Accepted(_) | Answer::Wrong));
        self.released_claimed += u8::from(answer == Answer::Claimed);
        let true_of_cells = match answer {
            Answer::Refused(Refused::AlreadyUsed) => self.accepted != [0, 0],
            Answer::Refused(Refused::Exhausted) => self.wrong >= MAX_ATTEMPTS,
            Answer::Refused(Refused::Cancelled) => self.cancelled,
            Answer::Refused(Refused::Superseded) => self.dead[OLD],
            Answer::Refused(Refused::Claimed) => self.claimed > 0,
            Answer::Refused(Refused::Overtaken) => self.overtaken,
            _ => true,
        };
        if !true_of_cells {
            self.fault = Some(Fault::Untrue);
        }
    }
}

/// What a decision says and writes.
struct Decided {
    answer: Answer,
    writes: Vec<(usize, VersionedBody)>,
}

/// Numbers of one or more explorations.
#[derive(Debug, Default)]
struct Report {
    states: usize,
    ends: usize,
    conflicts: usize,
    accepted: usize,
    exhausted: usize,
    superseded: usize,
    cancelled: usize,
    claimed: usize,
    fault: Option<Fault>,
    faults: HashSet<Fault>,
}

impl Report {
    fn add(&mut self, other: &Self) {
        self.states += other.states;
        self.ends += other.ends;
        self.conflicts += other.conflicts;
        self.accepted += other.accepted;
        self.exhausted += other.exhausted;
        self.superseded += other.superseded;
        self.cancelled += other.cancelled;
        self.claimed += other.claimed;
    }
}

/// One slot at one instant, and the operations on it.
struct World {
    keys: KeyRing,
    policy: Policy,
    rate_limits: RateLimits,
    binding: Binding,
    calls: Vec<Call>,
    start: [VersionedBody; CELLS],
    spent: u8,
    bodies: Vec<Vec<u8>>,
    numbers: HashMap<Vec<u8>, u16>,
    decided: Vec<Decided>,
    memo: HashMap<(Call, [VersionedBody; CELLS]), usize>,
}

impl World {
    /// A code is out since a minute, so that a resend is admitted; `spent` guesses at it were wrong.
    fn new(resend: Resend, spent: u8, calls: Vec<Call>) -> Self {
        let keys = KeyRing::builder()
            .code("2026a", &[1; 32])
            .index(&[2; 32])
            .build()
            .unwrap();
        let binding = Binding::builder()
            .tenant("acme")
            .purpose("sign")
            .target(Target {
                model: "loan",
                field: "signature",
                id: "15",
            })
            .user("7")
            .recipient(Mobile::parse("60123456789").unwrap())
            .build()
            .unwrap();
        let mut world = Self {
            keys,
            policy: Policy::builder()
                .max_attempts(MAX_ATTEMPTS)
                .resend(resend)
                .build()
                .unwrap(),
            rate_limits: RateLimits::default(),
            binding,
            calls,
            start: [(0, 0); CELLS],
            spent,
            bodies: Vec::from([Vec::new()]),
            numbers: HashMap::new(),
            decided: Vec::new(),
            memo: HashMap::new(),
        };
        world.set_up(|world, cells| {
            let issue = Issue {
                target: world.target(),
                id: id(OLD),
            };
            world.run(&issue, cells, at(0), |issued| match issued {
                Issuance::Issued(_) => Answer::Issued(OLD),
                Issuance::Refused(refusal) => panic!("{refusal:?}"),
            })
        });
        for _ in 0..spent {
            world.set_up(|world, cells| world.decide_at(Call::Wrong, cells, at(1)));
        }
        world
    }

    /// Commits a decision to the cells that all explorations start from.
    fn set_up(&mut self, decide: impl FnOnce(&Self, &[VersionedBody; CELLS]) -> (Answer, Outcome)) {
        let (_, outcome) = decide(self, &self.start);
        for (cell, version, body) in outcome {
            self.start[cell] = (version, self.number(body));
        }
    }

    fn target(&self) -> BindingCells<'_> {
        BindingCells::new(&self.context(), (&self.binding).into()).unwrap()
    }

    fn context(&self) -> Context<'_> {
        Context {
            keys: &self.keys,
            policy: &self.policy,
            rate_limits: &self.rate_limits,
            signer: None,
            began: None,
            class: Class::Process,
        }
    }

    /// The code of a challenge, as its owner would type it.
    fn code(&self, which: usize) -> String {
        let kind = self.policy.code();
        self.keys
            .code(self.keys.current(), id(which), self.target().digest(), kind)
            .as_str()
            .into()
    }

    fn number(&mut self, body: Vec<u8>) -> u16 {
        let bodies = &mut self.bodies;
        *self.numbers.entry(body).or_insert_with_key(|body| {
            bodies.push(body.clone());
            u16::try_from(bodies.len() - 1).unwrap()
        })
    }

    /// Decides `call` on `cells` as they stand now; returns the decision's number.
    fn decide(&mut self, call: Call, cells: &[VersionedBody; CELLS]) -> usize {
        if let Some(known) = self.memo.get(&(call, *cells)) {
            return *known;
        }
        let (answer, outcome) = self.decide_at(call, cells, at(60));
        let cell = |(cell, version, body)| (cell, (version, self.number(body)));
        let writes = outcome.into_iter().map(cell).collect();
        self.decided.push(Decided { answer, writes });
        self.memo.insert((call, *cells), self.decided.len() - 1);
        self.decided.len() - 1
    }

    fn decide_at(
        &self,
        call: Call,
        cells: &[VersionedBody; CELLS],
        now: Timestamp,
    ) -> (Answer, Outcome) {
        let (old, new) = (self.code(OLD), self.code(NEW));
        let text = match call {
            Call::Old | Call::Named => &old,
            Call::New => &new,
            _ => "000000",
        };
        assert!(old != new && old != "000000" && new != "000000");
        match call {
            Call::Issue => {
                let issue = Issue {
                    target: self.target(),
                    id: id(NEW),
                };
                self.run(&issue, cells, now, |issuance| match issuance {
                    Issuance::Issued(issued) => Answer::Issued(which(issued.id)),
                    Issuance::Refused(refusal) => Answer::Refused(match refusal.reason {
                        RefusalReason::Exhausted => Refused::Exhausted,
                        RefusalReason::Cooldown => Refused::Cooldown,
                        other => panic!("{other:?}"),
                    }),
                })
            }
            Call::Cancel => self.run(
                &Cancel {
                    target: self.target(),
                },
                cells,
                now,
                |cancellation| match cancellation {
                    CancelOutcome::Cancelled => {
                        let slot =
                            Challenge::read(&self.bodies[usize::from(cells[operation::SLOT].1)]);
                        Answer::Cancelled(which(slot.unwrap().id))
                    }
                    CancelOutcome::NothingLive => Answer::Refused(Refused::NothingLive),
                },
            ),
            Call::Claim => {
                let claim = ClaimSend {
                    target: self.target(),
                    id: id(OLD),
                    send: 1,
                };
                self.run(&claim, cells, now, |claim| match claim {
                    Claim::Claimed(issued) => {
                        assert_eq!(issued.code.as_str(), old);
                        Answer::Claimed
                    }
                    Claim::Refused(ClaimRefusal::Claimed) => Answer::Refused(Refused::Claimed),
                    Claim::Refused(ClaimRefusal::Rejected(rejection)) => {
                        Answer::Refused(match rejection {
                            Rejection::AlreadyUsed => Refused::AlreadyUsed,
                            Rejection::Exhausted { .. } => Refused::Exhausted,
                            Rejection::Cancelled => Refused::Cancelled,
                            Rejection::Superseded => Refused::Overtaken,
                            other => panic!("{other:?}"),
                        })
                    }
                    Claim::Refused(other) => panic!("{other:?}"),
                })
            }
            guess => {
                let mut submission = Submission::new(&self.binding, text);
                if guess == Call::Named {
                    submission = submission.challenge(id(OLD));
                }
                let evidence = submission.evidence.check(&self.policy, &self.binding);
                let verify = Verify {
                    target: self.target(),
                    submission,
                    evidence: evidence.unwrap(),
                    salts: Salts::default(),
                };
                self.run(&verify, cells, now, |verdict| match verdict {
                    Verdict::Accepted(acceptance) => Answer::Accepted(which(acceptance.id)),
                    Verdict::Rejected(rejection) => match rejection {
                        Rejection::Wrong { .. } => Answer::Wrong,
                        Rejection::AlreadyUsed => Answer::Refused(Refused::AlreadyUsed),
                        Rejection::Exhausted { .. } => Answer::Refused(Refused::Exhausted),
                        Rejection::Cancelled => Answer::Refused(Refused::Cancelled),
                        Rejection::Superseded => Answer::Refused(Refused::Superseded),
                        other => panic!("{other:?}"),
                    },
                })
            }
        }
    }

    /// Runs the real decision on the cells that `places` stand for.
    fn run<O: Operation>(
        &self,
        operation: &O,
        loaded: &[VersionedBody; CELLS],
        now: Timestamp,
        answer: impl FnOnce(O::Answer) -> Answer,
    ) -> (Answer, Outcome) {
        let all = self.target();
        let (all, keys) = (all.keys(), operation.keys());
        let cell = |(version, body): &VersionedBody| {
            let cell = || {
                Cell::new(
                    Version::new((*version).into()),
                    None,
                    &*self.bodies[usize::from(*body)],
                )
            };
            (*version > 0).then(cell)
        };
        let cells: Vec<_> = loaded[..keys.len()].iter().map(cell).collect();
        let opened = LoadedCells::open(&self.keys, Seal::None, keys, &cells).unwrap();
        let mut bodies = Vec::new();
        let mut writes = Writes::new(&self.keys, Seal::None, &mut bodies);
        let context = &self.context();
        let read = Loaded {
            context,
            cells: &opened,
            now,
        };
        let decision = operation.decide(&read, &mut writes).unwrap();
        let mut list = ArrayVec::new();
        writes.list(&mut list);
        let written = list.into_iter().map(|write| {
            let cell = all.iter().position(|key| *key == write.key).unwrap();
            assert_eq!(
                write.expected.get(),
                u64::from(loaded[cell].0),
                "a write expects what was loaded"
            );
            (cell, loaded[cell].0 + 1, write.body.to_vec())
        });
        (answer(decision.answer), written.collect())
    }

    /// Visits every state that can be reached.
    fn explore(&mut self, rules: Rules) -> Report {
        let lives = u8::from(rules.loss == Loss::Reply);
        let first = Moment {
            cells: self.start,
            processes: self.calls.iter().map(|_| (START, lives)).collect(),
            tally: Tally {
                accepted: [0, 0],
                dead: [false, false],
                cancelled: false,
                claimed: 0,
                released_claimed: 0,
                overtaken: false,
                wrong: self.spent,
                wrong_ever: self.spent,
                compared: 0,
                released_accepted: 0,
                released_compared: 0,
                lost: false,
                fault: None,
            },
        };
        let mut report = Report::default();
        let mut seen = HashSet::from([first.clone()]);
        let mut open = Vec::from([first]);
        let mut next = Vec::new();
        while let Some(moment) = open.pop() {
            report.states += 1;
            if let Some(fault) = self.judge(&moment) {
                report.fault = report.fault.or(Some(fault));
                report.faults.insert(fault);
                continue;
            }
            for at in 0..self.calls.len() {
                self.steps(&moment, at, rules, &mut report, &mut next);
            }
            if next.is_empty() {
                report.ends += 1;
                self.end(&moment, &mut report);
            }
            for mut moment in next.drain(..) {
                self.sort_alike(&mut moment.processes);
                if seen.insert(moment.clone()) {
                    open.push(moment);
                }
            }
        }
        report
    }

    /// Sorts the operations that ask for the same: which of them is which makes no difference.
    fn sort_alike(&self, processes: &mut [Process]) {
        let mut start = 0;
        while start < processes.len() {
            let alike = self.calls[start..]
                .iter()
                .take_while(|call| **call == self.calls[start])
                .count();
            processes[start..start + alike].sort_unstable();
            start += alike;
        }
    }

    /// Marks the decisions that a commit just made stale: versions never come back.
    fn beat(&self, moment: &mut Moment) {
        for (step, _) in &mut moment.processes {
            if let Step::Decided(decision) = *step {
                let stands = |(cell, (version, _)): &(usize, VersionedBody)| {
                    moment.cells[*cell].0 + 1 == *version
                };
                if !self.decided[decision].writes.iter().all(stands) {
                    *step = Step::Beaten;
                }
            }
        }
    }

    /// Appends whatever operation `at` may do next, or suffer.
    fn steps(
        &mut self,
        moment: &Moment,
        at: usize,
        rules: Rules,
        report: &mut Report,
        next: &mut Vec<Moment>,
    ) {
        let (step, lives) = moment.processes[at];
        let then = |step: Step, lives: u8| {
            let mut moment = moment.clone();
            moment.processes[at] = (step, lives);
            moment
        };
        let lose = |mut moment: Moment, next: &mut Vec<Moment>| {
            moment.tally.lost = true;
            moment.processes[at] = match lives {
                0 => (Step::Done, 0),
                _ => (START, lives - 1),
            };
            next.push(moment);
        };
        match step {
            Step::Loading(count, mut loaded) => {
                let cells = match self.calls[at] {
                    Call::Cancel => 1,
                    Call::Claim => 2,
                    _ => CELLS,
                };
                let end = if rules.load == Load::AtOnce {
                    cells
                } else {
                    count + 1
                };
                loaded[count..end].copy_from_slice(&moment.cells[count..end]);
                if end < cells {
                    next.push(then(Step::Loading(end, loaded), lives));
                    return;
                }
                let decision = self.decide(self.calls[at], &loaded);
                let Decided { answer, ref writes } = self.decided[decision];
                let commits = !writes.is_empty();
                let mut moment = then(Step::Decided(decision), lives);
                if !commits || rules.flaw == Flaw::AnswersFirst {
                    moment.tally.release(answer);
                }
                if !commits {
                    moment.processes[at] = (Step::Done, 0);
                } else if rules.flaw != Flaw::IgnoresVersions {
                    self.beat(&mut moment); // cells that were not loaded at once
                }
                next.push(moment);
            }
            Step::Decided(decision) => {
                lose(moment.clone(), next);
                let Decided { answer, ref writes } = self.decided[decision];
                let mut moment = then(Step::Committed(answer), lives);
                for (cell, written) in writes {
                    moment.cells[*cell] = *written;
                }
                moment.tally.commit(answer);
                if rules.flaw != Flaw::IgnoresVersions {
                    self.beat(&mut moment);
                }
                next.push(moment);
            }
            Step::Committed(answer) => {
                lose(moment.clone(), next);
                let mut moment = then(Step::Done, 0);
                if rules.flaw != Flaw::AnswersFirst {
                    moment.tally.release(answer);
                }
                next.push(moment);
            }
            Step::Beaten => {
                lose(moment.clone(), next);
                report.conflicts += 1;
                next.push(then(START, lives));
            }
            Step::Done => {}
        }
    }

    /// Holds the promises against one state.
    fn judge(&self, moment: &Moment) -> Option<Fault> {
        let Moment { cells, tally, .. } = moment;
        let body = |at: usize| &*self.bodies[usize::from(cells[at].1)];
        let slot = Challenge::read(body(operation::SLOT)).unwrap();
        let user = Meter::read(Some(body(operation::USER))).unwrap();
        let counted = slot.attempts == tally.wrong
            && user.consecutive == u16::from(tally.wrong)
            && failures(body(operation::USER)) == tally.wrong_ever
            && failures(body(operation::RECIPIENT)) == tally.wrong_ever
            && (slot.state == ChallengeState::Verified) == (tally.accepted[which(slot.id)] > 0);
        let broken = [
            (
                tally.accepted.iter().any(|accepted| *accepted > 1),
                Fault::AcceptedTwice,
            ),
            (
                tally.released_accepted > tally.accepted.iter().sum(),
                Fault::AnsweredUncommitted,
            ),
            (
                tally.released_compared > tally.compared,
                Fault::AnsweredUncommitted,
            ),
            (
                tally.released_claimed > tally.claimed,
                Fault::AnsweredUncommitted,
            ),
            (tally.claimed > 1, Fault::ClaimedTwice),
            (tally.wrong > MAX_ATTEMPTS, Fault::TooMany),
            (!counted, Fault::Uncounted),
        ];
        tally.fault.or(broken
            .iter()
            .find_map(|(broken, fault)| broken.then_some(*fault)))
    }

    /// Holds the promises against a state after which nothing happens any more.
    fn end(&self, moment: &Moment, report: &mut Report) {
        let Moment { cells, tally, .. } = moment;
        let slot = Challenge::read(&self.bodies[usize::from(cells[operation::SLOT].1)]).unwrap();
        report.accepted += usize::from(tally.accepted != [0, 0]);
        report.exhausted += usize::from(slot.state == ChallengeState::Exhausted);
        report.superseded += usize::from(tally.dead[OLD] && slot.id == id(NEW));
        report.cancelled += usize::from(tally.cancelled);
        report.claimed += usize::from(tally.claimed > 0);
        let guesses_only = self
            .calls
            .iter()
            .all(|call| matches!(call, Call::Old | Call::Wrong));
        if !tally.lost && guesses_only {
            // No answer was lost: what was compared is what was heard, and nobody was put off for
            // no reason.
            let right_guess = self.calls.contains(&Call::Old);
            let wrong_guesses = self
                .calls
                .iter()
                .filter(|call| **call == Call::Wrong)
                .count();
            let served = if right_guess && tally.accepted == [0, 0] {
                slot.state == ChallengeState::Exhausted
            } else if right_guess {
                true
            } else {
                usize::from(tally.compared) == wrong_guesses.min((MAX_ATTEMPTS - self.spent).into())
            };
            if !served || tally.released_compared != tally.compared {
                report.fault = Some(Fault::Unserved);
            }
        }
    }
}

/// What a decision writes: which cell, its new version, its body.
type Outcome = Vec<(usize, u8, Vec<u8>)>;

/// The number of failures that a meter lists, by docs/formats.md.
fn failures(meter: &[u8]) -> u8 {
    meter[4]
}

fn id(which: usize) -> ChallengeId {
    ChallengeId::from_bytes([u8::try_from(which).unwrap() + 1; 16])
}

fn which(challenge: ChallengeId) -> usize {
    [OLD, NEW]
        .into_iter()
        .find(|which| id(*which) == challenge)
        .unwrap()
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_unix(1_715_767_200 + second)
}

/// So many right guesses, and wrong ones up to `all`.
fn guesses(rights: usize, all: usize) -> Vec<Call> {
    (0..all)
        .map(|at| if at < rights { Call::Old } else { Call::Wrong })
        .collect()
}

/// All choices of `size` of `items`, in which one may occur again and order does not count.
fn multisets(items: &[Call], size: usize) -> Vec<Vec<Call>> {
    if size == 0 {
        return Vec::from([Vec::new()]);
    }
    let with_first = |at: usize| {
        let rest = multisets(&items[at..], size - 1);
        rest.into_iter()
            .map(move |rest| [&items[at..=at], &rest].concat())
    };
    (0..items.len()).flat_map(with_first).collect()
}

const CELLS: usize = 3;
const MAX_ATTEMPTS: u8 = 5;
