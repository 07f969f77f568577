//! A store that the version before filled (tests/vectors/upgrade): read, used and upgraded.
//!
//! Shared by the core's tests and those of the stores.

use std::collections::BTreeMap;
use std::sync::Arc;

use otp_engine::oath::{
    Device, HashFunction, Hotp, Inputs, Ocra, OcraOptions, Reach, Secret, Suite, Totp,
};
use otp_engine::store::{Commit, Key, Kind, Version, Write};
use otp_engine::{
    Binding, ChallengeId, Engine, Error, Evidence, KeyRing, ManualClock, Mobile, Rejection,
    SigningKey, Store, Submission, Target, Timestamp,
    challenge::ChallengeState,
    operation::{EraseOutcome, EraseRequest, Lock, StoreCheck},
    record::{ExpectedChain, RecordCheck, RecordDetail, verify_chain},
};

/// Line by line what `fill.rs` beside it says.
const FILLED: &str = include_str!("../vectors/upgrade/store-9161168.txt");

/// When it was filled.
const START: i64 = 1_715_767_200;

struct Code {
    code: String,
    id: ChallengeId,
}

/// The engine of this version on the keys of that store.
struct Host<'a> {
    engine: Engine,
    clock: Arc<ManualClock>,
    store: &'a dyn Store,
    codes: BTreeMap<&'a str, Code>,
}

/// Fills an empty store as the version before left it, works on it, and takes it over; returns with
/// how many writes it was filled.
pub(crate) fn is_read_used_and_upgraded(store: &dyn Store) -> usize {
    let filled = fill(store);
    assert!(filled > 40, "{filled}");
    let clock = Arc::new(ManualClock::new(Timestamp::from_unix(START + 70)));
    let host = Host {
        engine: engine(2, &clock),
        clock,
        store,
        codes: codes(),
    };
    // Nothing shows whose it is, until an administrator says so.
    assert!(matches!(
        host.engine.check_store(store),
        Err(Error::NoCanary)
    ));
    assert_eq!(host.engine.adopt_store(store).unwrap(), StoreCheck::Begun);
    assert_eq!(host.engine.check_store(store).unwrap(), StoreCheck::Proven);
    let other = engine(3, &host.clock);
    assert!(matches!(other.check_store(store), Err(Error::ForeignStore)));
    host.live_codes_go_on();
    host.ended_codes_stay_ended();
    host.limits_hold();
    host.records_are_one_chain();
    host.devices_codes_stay_used();
    filled
}

impl Host<'_> {
    fn rejection(&self, user: u64, entered: &str) -> Option<Rejection> {
        let binding = binding(user);
        let submission = Submission::new(&binding, entered);
        let submission = submission.evidence(Evidence::new().signer_name("Siti"));
        self.engine
            .verify(self.store, submission)
            .unwrap()
            .rejection()
    }

    fn code(&self, name: &str) -> &str {
        &self.codes[name].code
    }

    fn live_codes_go_on(&self) {
        let live = self.code("live");
        let status = self
            .engine
            .status(self.store, &binding(1))
            .unwrap()
            .unwrap();
        assert_eq!(
            (status.state, status.attempts_left),
            (ChallengeState::Pending, 3)
        );
        assert_eq!(status.id, self.codes["live"].id);
        let wrong = self.rejection(1, wrong(live));
        assert_eq!(wrong, Some(Rejection::Wrong { attempts_left: 2 }));
        assert_eq!(self.rejection(1, live), None);
        assert_eq!(self.rejection(1, live), Some(Rejection::AlreadyUsed));
        // Sent twice: the same code, once.
        assert_eq!(self.code("sent"), self.code("sent-again"));
        let status = self
            .engine
            .status(self.store, &binding(2))
            .unwrap()
            .unwrap();
        assert_eq!(status.sends, 2);
        assert_eq!(self.rejection(2, self.code("sent")), None);
        assert_eq!(self.rejection(6, self.code("refused")), None);
    }

    fn ended_codes_stay_ended(&self) {
        let used = self.rejection(8, self.code("used"));
        assert_eq!(used, Some(Rejection::AlreadyUsed));
        let cancelled = self.rejection(7, self.code("cancelled"));
        assert_eq!(cancelled, Some(Rejection::Cancelled));
        let exhausted = self.rejection(3, self.code("exhausted"));
        assert!(
            matches!(exhausted, Some(Rejection::Exhausted { .. })),
            "{exhausted:?}"
        );
        assert!(
            self.engine
                .issue(self.store, &binding(3))
                .unwrap()
                .issued()
                .is_none()
        );
    }

    /// Fifteen wrong guesses of a day lock a user, whichever version counted them.
    fn limits_hold(&self) {
        let status = self
            .engine
            .status(self.store, &binding(4))
            .unwrap()
            .unwrap();
        assert!(matches!(status.lock, Lock::Until(_)), "{:?}", status.lock);
        assert!(
            self.engine
                .issue(self.store, &binding(4))
                .unwrap()
                .issued()
                .is_none()
        );
    }

    fn records_are_one_chain(&self) {
        let (binding, store) = (binding(5), self.store);
        let field = binding.target();
        let records = |host: &Self| host.engine.signatures(store, "acme", &field, 9).unwrap();
        assert_eq!(records(self).len(), 3);
        let issued = self
            .engine
            .issue(store, &binding)
            .unwrap()
            .issued()
            .unwrap();
        assert_eq!(self.rejection(5, issued.code.as_str()), None);
        let records = records(self);
        assert_eq!(records.len(), 4);
        let keys = [SigningKey::from_seed(&[7; 32]).unwrap().verifying_key()]
            .into_iter()
            .collect();
        let head = self.engine.chain_head(store, "acme", &field).unwrap();
        let expected = ExpectedChain::new().chain_head(head);
        let chain = verify_chain(&records, &keys, &expected);
        assert_eq!(
            (chain.signatures, chain.chain, chain.head),
            (RecordCheck::Good, RecordCheck::Good, RecordCheck::Good)
        );
        // Of a record of the version before as of one of this.
        for n in [1, 4] {
            let erased = self.engine.erase(
                store,
                &EraseRequest {
                    tenant: "acme",
                    target: field,
                    sequence: n,
                    details: &[RecordDetail::Number],
                },
            );
            assert!(matches!(erased.unwrap(), EraseOutcome::Record(_)), "{n}");
        }
    }

    /// What a device showed is good once, also where the version before took it.
    fn devices_codes_stay_used(&self) {
        let secret = Secret::new(b"12345678901234567890").unwrap();
        let (binding, store, engine) = (binding(9), self.store, &self.engine);
        let hotp = Hotp::new(&secret, HashFunction::Sha1, 6).unwrap();
        let hotp_at = |counter| {
            let entered: String = hotp.at(counter).as_str().into();
            let verdict = engine
                .verify_devices(
                    store,
                    &binding,
                    &[Device::hotp(&hotp, 9)],
                    &entered,
                    Evidence::new(),
                )
                .unwrap();
            verdict.is_accepted()
        };
        assert!(!hotp_at(5) && hotp_at(6) && !hotp_at(6));
        let totp = Totp::new(&secret, HashFunction::Sha1, 6, 30).unwrap();
        let totp_at = |seconds| {
            let at = Timestamp::from_unix(START + seconds);
            let entered: String = totp.at(at).unwrap().as_str().into();
            let verdict = engine
                .verify_devices(
                    store,
                    &binding,
                    &[Device::totp(&totp, 1)],
                    &entered,
                    Evidence::new(),
                )
                .unwrap();
            verdict.is_accepted()
        };
        assert!(!totp_at(30) && totp_at(90) && !totp_at(90));
        let counted = Ocra::new(
            &secret,
            Suite::parse("OCRA-1:HOTP-SHA256-8:C-QH16").unwrap(),
        );
        let question = engine.ocra_question(&binding, &counted).unwrap();
        let ocra_at = |counter| {
            let inputs = Inputs::new(&question).counter(counter);
            let entered: String = counted.generate(&inputs).unwrap().as_str().into();
            let reach = Reach {
                look_ahead: 9,
                window: 0,
            };
            let options = OcraOptions::new().reach(reach);
            let verdict = engine
                .verify_devices(
                    store,
                    &binding,
                    &[Device::ocra(&counted, options)],
                    &entered,
                    Evidence::new(),
                )
                .unwrap();
            verdict.is_accepted()
        };
        assert!(!ocra_at(3) && ocra_at(4) && !ocra_at(4));
        let once = Ocra::new(&secret, Suite::parse("OCRA-1:HOTP-SHA256-8:QH16").unwrap());
        let question = engine.ocra_question(&binding, &once).unwrap();
        let entered: String = once
            .generate(&Inputs::new(&question))
            .unwrap()
            .as_str()
            .into();
        let again = engine
            .verify_devices(
                store,
                &binding,
                &[Device::ocra(&once, OcraOptions::new())],
                &entered,
                Evidence::new(),
            )
            .unwrap();
        assert!(!again.is_accepted());
    }
}

fn engine(index: u8, clock: &Arc<ManualClock>) -> Engine {
    let (code, index) = ([1; 32], [index; 32]);
    let ring = KeyRing::builder().code("2026a", &code).index(&index);
    Engine::builder(ring.build().unwrap())
        .clock(Arc::clone(clock))
        .signing_key(SigningKey::from_seed(&[7; 32]).unwrap())
        .build()
}

/// Each user has a record and a number of their own.
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

fn wrong(code: &str) -> &'static str {
    if code == "000000" { "000001" } else { "000000" }
}

fn codes() -> BTreeMap<&'static str, Code> {
    let lines = FILLED.lines().filter_map(|line| line.strip_prefix("code "));
    let code = |line: &'static str| {
        let [name, code, id, _] = line.split(' ').collect::<Vec<_>>()[..] else {
            panic!("{line}");
        };
        let id = ChallengeId::parse(id).unwrap();
        let code = code.to_owned();
        (name, Code { code, id })
    };
    lines.map(code).collect()
}

/// Writes each cell as often as its version says: the store counts as the engine does.
fn fill(store: &dyn Store) -> usize {
    let mut writes = 0;
    for line in FILLED.lines().filter_map(|line| line.strip_prefix("cell ")) {
        let [key, kind, version, end, body] = line.split(' ').collect::<Vec<_>>()[..] else {
            panic!("{line}");
        };
        let body = unhex(body);
        for expected in 0..version.parse().unwrap() {
            let write = Write {
                key: Key::from_bytes(unhex(key).try_into().unwrap()),
                kind: kind_named(kind),
                expected: Version::new(expected),
                discard_after: (end != "-").then(|| Timestamp::from_unix(end.parse().unwrap())),
                body: &body,
            };
            let now = Timestamp::from_unix(START + 60);
            assert_eq!(store.commit(&[write], now).unwrap(), Commit::Done);
            writes += 1;
        }
    }
    writes
}

fn kind_named(name: &str) -> Kind {
    match name {
        "Slot" => Kind::Slot,
        "Meter" => Kind::Meter,
        "Page" => Kind::ChainHead, // as the version before named it
        "Record" => Kind::Record,
        "Credential" => Kind::Credential,
        other => panic!("{other}"),
    }
}

fn unhex(text: &str) -> Vec<u8> {
    let byte = |at| u8::from_str_radix(&text[at..at + 2], 16).unwrap();
    (0..text.len()).step_by(2).map(byte).collect()
}
