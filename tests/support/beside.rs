//! This version and the one before at work on one store, in turn: the latter is a process of its own, which
//! `cargo xtask soak --only upgrade` builds from the history.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::Arc;

use otp_engine::oath::{Device, HashFunction, Hotp, Secret};
use otp_engine::{
    Binding, Engine, Evidence, KeyRing, ManualClock, Mobile, Rejection, SigningKey, Store,
    Submission, Target, Timestamp,
    operation::StoreCheck,
    record::{ExpectedChain, RecordCheck, verify_chain},
};

/// Names the program `tests/vectors/upgrade/meet.rs`, as the version before builds it.
const PROGRAM: &str = "OTP_UPGRADE_BEFORE";
const START: i64 = 1_715_767_200;
/// How many users each of the two versions begins with.
const USERS: u64 = 20;

/// Lets both versions ask about the same devices, codes and records, on an empty store.
pub(crate) fn works_beside_the_version_before(name: &str, store: &dyn Store, address: &str) {
    let program = std::env::var_os(PROGRAM).expect("cargo xtask soak --only upgrade names it");
    let mut child = Command::new(program)
        .arg(address)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let clock = Arc::new(ManualClock::new(Timestamp::from_unix(START)));
    let mut both = Both {
        asks: child.stdin.take().unwrap(),
        hears: BufReader::new(child.stdout.take().unwrap()),
        engine: engine(&clock),
        clock,
        seconds: 0,
        store,
        child,
    };
    assert_eq!(
        both.engine.check_store(store).unwrap(),
        StoreCheck::Begun,
        "an empty store"
    );
    for user in 0..USERS {
        both.a_device_that_this_version_wrote_is_refused_by_the_one_before(user);
        both.a_device_that_the_version_before_wrote_is_taken_over(USERS + user);
        both.codes_and_records_are_shared(2 * USERS + user);
    }
    // The version before left the canary alone.
    assert_eq!(both.engine.check_store(store).unwrap(), StoreCheck::Proven);
    eprintln!(
        "figure: devices and records on {name} on which two versions worked in turn = {}",
        3 * USERS
    );
}

struct Both<'a> {
    child: Child,
    asks: ChildStdin,
    hears: BufReader<ChildStdout>,
    engine: Engine,
    clock: Arc<ManualClock>,
    seconds: i64,
    store: &'a dyn Store,
}

impl Both<'_> {
    /// The answer of the version before.
    fn before(&mut self, what: &str) -> String {
        writeln!(self.asks, "{} {what}", self.seconds).unwrap();
        let mut line = String::new();
        self.hears.read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    }

    fn before_presses(&mut self, user: u64, counter: u64) -> String {
        let code = shown(user, counter);
        self.before(&format!("hotp {user} {code}"))
    }

    fn presses(&self, user: u64, counter: u64) -> Option<Rejection> {
        let verdict = self.engine.verify_devices(
            self.store,
            &binding(user),
            &[Device::hotp(&hotp(user), 5)],
            &shown(user, counter),
            Evidence::new(),
        );
        verdict.unwrap().rejection()
    }

    /// Counts nothing and accepts nothing: what this version shows next is as it was.
    fn a_device_that_this_version_wrote_is_refused_by_the_one_before(&mut self, user: u64) {
        assert_eq!(self.presses(user, 0), None);
        for counter in [0, 1, 77] {
            let told = self.before_presses(user, counter);
            assert!(told.starts_with("Tampered"), "{told}");
        }
        assert_eq!(self.presses(user, 0), Some(Rejection::AlreadyUsed));
        assert_eq!(self.presses(user, 1), None);
    }

    fn a_device_that_the_version_before_wrote_is_taken_over(&mut self, user: u64) {
        assert_eq!(self.before_presses(user, 0), "accepted");
        assert_eq!(self.before_presses(user, 2), "accepted");
        assert_eq!(self.presses(user, 2), Some(Rejection::AlreadyUsed));
        // Until this version writes it the other one goes on.
        assert_eq!(self.before_presses(user, 2), "AlreadyUsed");
        assert_eq!(self.presses(user, 3), None);
        for counter in [3, 4] {
            let told = self.before_presses(user, counter);
            assert!(told.starts_with("Tampered"), "{told}");
        }
        assert_eq!(self.presses(user, 3), Some(Rejection::AlreadyUsed));
        assert_eq!(self.presses(user, 4), None);
    }

    /// A code that either sent is judged, counted and used up by both; their records are one chain.
    fn codes_and_records_are_shared(&mut self, user: u64) {
        let issued = self.engine.issue(self.store, &binding(user)).unwrap();
        let code = issued.issued().unwrap().code.as_str().to_owned();
        let wrong = wrong(&code);
        let told = self.before(&format!("verify {user} {wrong}"));
        assert_eq!(told, "Wrong { attempts_left: 4 }");
        let heard = self.types(user, wrong);
        assert_eq!(heard, Some(Rejection::Wrong { attempts_left: 3 }));
        let told = self.before(&format!("verify {user} {code}"));
        assert_eq!(told, "accepted");
        assert_eq!(self.types(user, &code), Some(Rejection::AlreadyUsed));
        self.seconds += 100;
        self.clock.set(Timestamp::from_unix(START + self.seconds));
        let code = self.before(&format!("issue {user}"));
        assert_eq!(self.types(user, &code), None);
        let told = self.before(&format!("verify {user} {code}"));
        assert_eq!(told, "AlreadyUsed");

        let (store, binding) = (self.store, binding(user));
        let field = binding.target();
        let records = self.engine.signatures(store, "acme", &field, 9).unwrap();
        assert_eq!(records.len(), 2);
        let key = SigningKey::from_seed(&[7; 32]).unwrap().verifying_key();
        let head = self.engine.chain_head(store, "acme", &field).unwrap();
        let expected = ExpectedChain::new().chain_head(head);
        let chain = verify_chain(&records, &[key].into_iter().collect(), &expected);
        assert_eq!(
            (chain.signatures, chain.chain, chain.head),
            (RecordCheck::Good, RecordCheck::Good, RecordCheck::Good)
        );
    }

    fn types(&self, user: u64, entered: &str) -> Option<Rejection> {
        let binding = binding(user);
        let submission = Submission::new(&binding, entered);
        let submission = submission.evidence(Evidence::new().signer_name("Siti"));
        let verdict = self.engine.verify(self.store, submission);
        verdict.unwrap().rejection()
    }
}

impl Drop for Both<'_> {
    fn drop(&mut self) {
        self.child.kill().ok(); // it may have ended
        self.child.wait().ok();
    }
}

fn engine(clock: &Arc<ManualClock>) -> Engine {
    let ring = KeyRing::builder().code("2026a", &[1; 32]).index(&[2; 32]);
    Engine::builder(ring.build().unwrap())
        .clock(Arc::clone(clock))
        .signing_key(SigningKey::from_seed(&[7; 32]).unwrap())
        .build()
}

fn hotp(user: u64) -> Hotp {
    let secret = Secret::new(format!("the secret of {user:08}").as_bytes()).unwrap();
    Hotp::new(&secret, HashFunction::Sha1, 8).unwrap()
}

fn shown(user: u64, counter: u64) -> String {
    hotp(user).at(counter).as_str().to_owned()
}

fn wrong(code: &str) -> &'static str {
    if code == "000000" { "000001" } else { "000000" }
}

/// As in `tests/vectors/upgrade/meet.rs`.
fn binding(user: u64) -> Binding {
    let (record, mobile) = (format!("{}", 100 + user), format!("6012345{user:04}"));
    Binding::builder()
        .tenant("acme")
        .purpose("sign")
        .target(Target {
            model: "loan.application",
            field: "client_signature",
            id: &record,
        })
        .user(&user.to_string())
        .recipient(Mobile::parse(&mobile).unwrap())
        .build()
        .unwrap()
}
