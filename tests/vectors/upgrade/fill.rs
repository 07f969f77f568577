//! Fills a store as the version before does, and writes it down as text.
//!
//! It is built by the version that it speaks of, never by this one:
//!
//! ```sh
//! git worktree add /tmp/before 9161168
//! cp tests/vectors/upgrade/fill.rs /tmp/before/examples/
//! (cd /tmp/before && cargo run --locked --example fill) > tests/vectors/upgrade/store-9161168.txt
//! git worktree remove --force /tmp/before
//! ```
//!
//! A line for each cell: `cell`, its key, kind, version, end in unix seconds or `-`, and body; and for
//! each code that was handed out: `code`, its name, the code, challenge id and number of the send.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "it is run once, by hand")]

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use otp_engine::oath::{Algorithm, Answer, Hotp, Inputs, Ocra, Secret, Suite, Totp};
use otp_engine::store::{Cell, Class, Commit, Error, Key, Kind, Store, Version, Write};
use otp_engine::{
    Binding, Delivery, Engine, Evidence, GatewayStatus, Issued, KeyRing, ManualClock, Mobile,
    RecordField, SigningKey, Submission, Timestamp,
};

const START: i64 = 1_715_767_200;

/// Keeps what it is given, and what it was for.
#[derive(Default)]
struct Shelf(Mutex<BTreeMap<Key, (Kind, Cell)>>);

impl Store for Shelf {
    fn load(&self, keys: &[Key], cells: &mut Vec<Option<Cell>>) -> Result<(), Error> {
        let kept = self.0.lock().unwrap();
        cells.extend(keys.iter().map(|key| kept.get(key).map(|(_, cell)| cell.clone())));
        Ok(())
    }

    fn commit(&self, writes: &[Write<'_>], _: Timestamp) -> Result<Commit, Error> {
        let mut kept = self.0.lock().unwrap();
        let version = |key| kept.get(key).map_or(Version::ABSENT, |(_, cell)| cell.version());
        if writes.iter().any(|write| version(&write.key) != write.expected) {
            return Ok(Commit::Conflict);
        }
        for write in writes {
            let cell = Cell::new(write.expected.next(), write.discard_after, write.body);
            kept.insert(write.key, (write.kind, cell));
        }
        Ok(Commit::Done)
    }

    fn purge(&self, _: Timestamp, _: usize) -> Result<usize, Error> {
        Ok(0)
    }

    fn class(&self) -> Class {
        Class::Permanent
    }
}

struct Random(Arc<AtomicU64>);

impl rand_core::TryRng for Random {
    type Error = core::convert::Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Self::Error> {
        Ok(7)
    }

    fn try_next_u64(&mut self) -> Result<u64, Self::Error> {
        Ok(7)
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Self::Error> {
        for byte in bytes {
            let state = self.0.fetch_add(0x9e37_79b9_7f4a_7c15, Ordering::SeqCst);
            *byte = (state.wrapping_mul(0xbf58_476d_1ce4_e5b9) >> 56) as u8;
        }
        Ok(())
    }
}

impl rand_core::TryCryptoRng for Random {}

struct Host {
    engine: Engine,
    clock: Arc<ManualClock>,
    store: Shelf,
}

impl Host {
    fn at(&self, seconds: i64) {
        self.clock.set(Timestamp::from_unix(START + seconds));
    }

    /// Issues, and writes the code down.
    fn issue(&self, name: &str, user: u64) -> Issued {
        let issued = self.engine.issue(&self.store, &binding(user)).unwrap().issued().unwrap();
        println!("code {name} {} {} {}", issued.code.as_str(), issued.id, issued.send);
        issued
    }

    fn verify(&self, user: u64, typed: &str) -> bool {
        let binding = binding(user);
        let submission = Submission::new(&binding, typed).evidence(Evidence::new().signer_name("Siti"));
        self.engine.verify(&self.store, submission).unwrap().is_accepted()
    }

    fn guess_wrong(&self, user: u64, code: &str, times: usize) {
        let wrong = if code == "000000" { "000001" } else { "000000" };
        for _ in 0..times {
            assert!(!self.verify(user, wrong));
        }
    }

    fn report(&self, user: u64, issued: &Issued, delivery: Delivery) {
        let binding = binding(user);
        self.engine.report_delivery(&self.store, &binding, issued.id, issued.send, delivery).unwrap();
    }
}

/// Each user has a record and a number of their own.
fn binding(user: u64) -> Binding {
    let (record, user, mobile) = (format!("{}", 100 + user), user.to_string(), format!("6012345{user:04}"));
    Binding::builder()
        .tenant("acme")
        .purpose("sign")
        .record_field(RecordField { model: "loan.application", field: "client_signature", record: &record })
        .user(&user)
        .recipient(Mobile::parse(&mobile).unwrap())
        .build()
        .unwrap()
}

fn main() {
    let clock = Arc::new(ManualClock::new(Timestamp::from_unix(START)));
    let keys = KeyRing::builder().code("2026a", &[1; 32]).index(&[2; 32]).build().unwrap();
    let drawn = Arc::new(AtomicU64::new(1));
    let engine = Engine::builder_on(keys, Arc::clone(&clock), move || Random(Arc::clone(&drawn)));
    let host = Host {
        engine: engine.signing_key(SigningKey::from_seed(&[7; 32])).build(),
        clock,
        store: Shelf::default(),
    };

    // User 5: three records signed, a day between; erased is nothing yet.
    for day in [-3, -2, -1] {
        host.at(day * 86_400);
        let issued = host.engine.issue(&host.store, &binding(5)).unwrap().issued().unwrap();
        assert!(host.verify(5, issued.code.as_str()));
    }
    // User 4: two records' worth of wrong guesses of the day before, and five of today.
    host.at(-20_000);
    let code = host.issue("locked-before", 4);
    host.guess_wrong(4, code.code.as_str(), 5);
    host.at(-10_000);
    let code = host.issue("locked-then", 4);
    host.guess_wrong(4, code.code.as_str(), 5);
    host.at(-1_000);
    let code = host.issue("locked", 4);
    host.guess_wrong(4, code.code.as_str(), 5);

    // User 1: live, two attempts used. User 2: sent twice. User 3: exhausted.
    host.at(0);
    let live = host.issue("live", 1);
    host.guess_wrong(1, live.code.as_str(), 2);
    let sent = host.issue("sent", 2);
    host.report(2, &sent, Delivery::Sent);
    let exhausted = host.issue("exhausted", 3);
    host.guess_wrong(3, exhausted.code.as_str(), 5);
    // User 6: refused by the gateway. User 7: called off. User 8: used.
    let refused = host.issue("refused", 6);
    host.report(6, &refused, Delivery::Failed(GatewayStatus::parse("6").unwrap()));
    host.issue("cancelled", 7);
    host.engine.cancel(&host.store, &binding(7)).unwrap();
    let used = host.issue("used", 8);
    assert!(host.verify(8, used.code.as_str()));
    // User 9: devices, each with a code used and one wrong guess.
    let secret = Secret::new(b"12345678901234567890").unwrap();
    let (store, engine, user) = (&host.store, &host.engine, binding(9));
    let hotp = Hotp::new(&secret, Algorithm::Sha1, 6).unwrap();
    let typed: String = hotp.at(5).as_str().into();
    assert!(engine.verify_hotp(store, &user, &hotp, &typed, 9).unwrap().is_accepted());
    let totp = Totp::new(&secret, Algorithm::Sha1, 6, 30).unwrap();
    let typed: String = totp.at(Timestamp::from_unix(START + 30)).unwrap().as_str().into();
    assert!(engine.verify_totp(store, &user, &totp, &typed, 1).unwrap().is_accepted());
    assert!(!engine.verify_totp(store, &user, &totp, "000000", 1).unwrap().is_accepted());
    let ocra = Ocra::new(&secret, Suite::parse("OCRA-1:HOTP-SHA256-8:C-QH16").unwrap());
    let question = engine.ocra_question(&user, &ocra).unwrap();
    let typed: String = ocra.generate(&Inputs::new(&question).counter(3)).unwrap().as_str().into();
    let reach = otp_engine::oath::Reach { look_ahead: 9, window: 0 };
    let answer = Answer::new(&typed).reach(reach);
    assert!(engine.verify_ocra(store, &user, &ocra, answer).unwrap().is_accepted());
    let once = Ocra::new(&secret, Suite::parse("OCRA-1:HOTP-SHA256-8:QH16").unwrap());
    let question = engine.ocra_question(&user, &once).unwrap();
    let typed: String = once.generate(&Inputs::new(&question)).unwrap().as_str().into();
    assert!(engine.verify_ocra(store, &user, &once, Answer::new(&typed)).unwrap().is_accepted());
    host.at(60);
    host.issue("sent-again", 2);

    for (key, (kind, cell)) in host.store.0.lock().unwrap().iter() {
        let end = cell.discard_after().map_or("-".into(), |end| end.unix().to_string());
        let (key, body) = (hex(key.as_bytes()), hex(cell.body()));
        println!("cell {key} {kind:?} {} {end} {body}", cell.version().get());
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
