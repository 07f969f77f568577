//! A store that answers with any cells: what the engine makes of them.
//!
//! Cells of a `Process` store carry no seal; those of the others are sealed here as docs/formats.md
//! says, so that what is behind the seal is reached. Unsealed ones must be refused.

use core::time::Duration;
use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use hmac::{Hmac, KeyInit, Mac};
use otp_engine::oath::{
    CodePair, Device, HashFunction, Hotp, Ocra, OcraOptions, Secret, Suite, Totp,
};
use otp_engine::store::{
    Cell, Class, Commit, Error as StoreError, Key, Kind, MAX_BODY, MAX_CELLS, Store, Version, Write,
};
use otp_engine::{
    Binding, ChallengeId, Engine, Error, Evidence, KeyRing, ManualClock, Mobile, Policy,
    RateLimits, SigningKey, Submission, Target, Timestamp,
    challenge::GatewayStatus,
    operation::{Delivery, DeliveryReport, DeviceReset, EraseRequest},
    record::RecordDetail,
};
use sha2::Sha256;

use crate::input::Input;

const NOW: i64 = 1_715_767_200;
const INDEX: [u8; 32] = [2; 32];
/// The field of `tests/vectors/records/store-v1.json`, so that its cells read.
const FIELD: Target<'_> = Target {
    model: "loan.application",
    field: "client_schedule_esms_otp_signature_ids",
    id: "15",
};

/// No code of ten digits: what HOTP truncates to has 31 bits.
const NO_CODE: &str = "9999999999";

/// An engine without records, one with, and what both are asked about.
static ENGINES: LazyLock<(Arc<ManualClock>, [Engine; 2], Binding)> = LazyLock::new(|| {
    let clock = Arc::new(ManualClock::new(Timestamp::from_unix(NOW)));
    let engine = |rate_limits| {
        let keys = KeyRing::builder().code("2026a", &[1; 32]).index(&INDEX);
        let keys = keys.build().expect("two secrets");
        // A token: no fuzzer guesses 128 bits, and a slot with a weaker kind is superseded.
        let policy = Policy::builder().token().build().expect("in bounds");
        Engine::builder_on(keys, clock.clone(), |bytes| {
            bytes.fill(0x5A); // the same input is the same run
            Ok(())
        })
        .policy(policy)
        .rate_limits(rate_limits)
    };
    // A lock that ends, which a store that expires can keep; and one without end.
    let ending = RateLimits::builder().lock_ends_after(Duration::from_secs(86_400));
    let plain = engine(ending.build().expect("in bounds"));
    let key = SigningKey::from_seed(&[7; 32]).expect("not zero");
    let signs = engine(RateLimits::default()).signing_key(key);
    let binding = Binding::builder()
        .tenant("acme")
        .purpose("sign")
        .target(FIELD)
        .user("7")
        .recipient(Mobile::parse("60123456789").expect("a number"));
    let binding = binding.build().expect("all members");
    (clock.clone(), [plain.build(), signs.build()], binding)
});

/// Cells of slots, meters, chain heads, records and the canary, under each operation that reads them.
///
/// The first bytes: operation, store, commits (two bits each), clock; then the cells in the order in
/// which they are asked for.
///
/// # Panics
///
/// Where a code is accepted that nobody can know, a write does not fit what was loaded, or what the
/// engine wrote does not read.
pub fn cell(data: &[u8]) {
    let mut input = Input(data);
    let (operation, store) = (input.byte(), Cells::read(&mut input));
    let (_, engines, binding) = &*ENGINES;
    let engine = &engines[usize::from(store.signs)];
    // A record has no seal, and a store that is begun anew may hold anything.
    let reads_seals = !matches!(operation % 16, 11 | 14);
    ask_twice(&store, reads_seals, |store| match operation % 16 {
        0 => engine.issue(store, binding).map(drop),
        1 | 2 => {
            let id = ChallengeId::from_bytes([0x5A; 16]);
            let submission = Submission::new(binding, "00000000000000000000000000");
            let submission = match operation % 16 {
                1 => submission,
                _ => submission.challenge(id),
            };
            let verdict = engine.verify(store, submission)?;
            assert!(!verdict.is_accepted(), "accepted: {verdict:?}");
            Ok(())
        }
        3 => {
            let id = ChallengeId::from_bytes([0x5A; 16]);
            let _ = engine.claim_send(store, binding, id, operation >> 4)?;
            engine.status(store, binding).map(drop)
        }
        4 => engine.cancel(store, binding).map(drop),
        5 | 6 => {
            let delivery = match operation % 16 {
                5 => Delivery::Sent,
                _ => Delivery::Failed(GatewayStatus::shortened("30211")),
            };
            let id = ChallengeId::from_bytes([0x5A; 16]);
            engine.report_delivery(
                store,
                binding,
                DeliveryReport {
                    id,
                    send: operation >> 4,
                    delivery,
                },
            )?;
            Ok(())
        }
        7 => engine.unlock(store, "acme", "7").map(drop),
        8 => engine.reset_slot(store, binding, "asked").map(drop),
        9 => {
            let recipient = binding.recipient();
            engine.reset_recipient(store, "acme", recipient, "asked")?;
            engine.reset_user(store, "acme", "7", "asked").map(drop)
        }
        10 => {
            let read = engine.signatures(store, "acme", &FIELD, 20)?;
            let chain_head = engine.chain_head(store, "acme", &FIELD)?;
            assert_eq!(read.len() as u64, chain_head.count().min(20));
            assert_eq!(
                read.first().map(|newest| newest.digest()),
                chain_head.digest()
            );
            Ok(())
        }
        11 => {
            let details = [RecordDetail::UserName, RecordDetail::Number];
            engine
                .erase(
                    store,
                    &EraseRequest {
                        tenant: "acme",
                        target: FIELD,
                        sequence: 1,
                        details: &details,
                    },
                )
                .map(drop)
        }
        12 => engine.check_store(store).map(drop),
        13 => engine.adopt_store(store).map(drop),
        14 => engine.begin_store(store).map(drop),
        _ => engine.purge_confirmed(store, 10).map(drop),
    });
}

/// Cells of a device's credential and its user's meters; the bytes as for [`cell`].
///
/// # Panics
///
/// As [`cell`].
pub fn device(data: &[u8]) {
    let mut input = Input(data);
    let (operation, store) = (input.byte(), Cells::read(&mut input));
    let (_, [engine, _], binding) = &*ENGINES;
    static DEVICES: LazyLock<(Hotp, Totp, [Ocra; 3])> = LazyLock::new(|| {
        let secret = Secret::new(b"12345678901234567890").expect("of 20 bytes");
        let ocra = |inputs: &str| {
            let suite = format!("OCRA-1:HOTP-SHA256-10:{inputs}");
            Ocra::new(&secret, Suite::parse(&suite).expect("a suite"))
        };
        (
            Hotp::new(&secret, HashFunction::Sha1, 10).expect("in bounds"),
            Totp::new(&secret, HashFunction::Sha256, 10, 30).expect("in bounds"),
            ["QH16", "C-QH16", "QH16-T1M"].map(ocra),
        )
    });
    let (hotp, totp, ocra) = &*DEVICES;
    let options = OcraOptions::new();
    let devices = [
        Device::hotp(hotp, 2),
        Device::totp(totp, 1),
        Device::ocra(&ocra[0], options),
        Device::ocra(&ocra[1], options),
        Device::ocra(&ocra[2], options),
    ];
    let pair = [NO_CODE, "9999999998"];
    ask_twice(&store, true, |store| {
        let verdict = match operation % 12 {
            at @ 0..5 => {
                let one = &devices[usize::from(at)..=usize::from(at)];
                engine.verify_devices(store, binding, one, NO_CODE, Evidence::new())
            }
            5 => engine.verify_devices(store, binding, &devices[..3], NO_CODE, Evidence::new()),
            6 => engine.resynchronise(
                store,
                binding,
                Device::hotp(hotp, 0),
                CodePair {
                    codes: pair,
                    reach: 10,
                },
                Evidence::new(),
            ),
            7 => engine.resynchronise(
                store,
                binding,
                Device::totp(totp, 0),
                CodePair {
                    codes: pair,
                    reach: 10,
                },
                Evidence::new(),
            ),
            other => {
                let device = &devices[usize::from(other - 8)];
                return engine
                    .reset_device(
                        store,
                        &DeviceReset {
                            tenant: "acme",
                            user: "7",
                            device: *device,
                            reason: "asked",
                        },
                    )
                    .map(drop);
            }
        };
        assert!(!verdict?.is_accepted(), "accepted");
        Ok(())
    });
}

/// Asks, and asks again where the first answer came after a commit: it reads what was written.
fn ask_twice(store: &Cells<'_>, reads_seals: bool, ask: impl Fn(&dyn Store) -> Result<(), Error>) {
    // One input at a time: all share the clock, and the tests that replay corpora run side by side.
    static TURN: Mutex<()> = Mutex::new(());
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let (clock, ..) = &*ENGINES;
    clock.set(Timestamp::from_unix(store.now));
    let first = ask(store);
    match &first {
        Ok(()) => {
            let taken = reads_seals && store.met_unsealed();
            assert!(!taken, "a cell without its seal is taken");
        }
        Err(error) => drop(error.to_string()),
    }
    if first.is_ok() && store.state().wrote {
        let again = ask(store);
        assert!(
            !matches!(again, Err(Error::Tampered)),
            "written, and not read"
        );
    }
}

/// A store whose cells come from the input.
struct Cells<'a> {
    class: Class,
    /// Whether they carry the seal that the engine asks for.
    sealed: bool,
    signs: bool,
    now: i64,
    state: Mutex<State<'a>>,
}

struct State<'a> {
    input: Input<'a>,
    /// Two bits for each commit.
    commits: u8,
    cells: BTreeMap<Key, Option<Cell>>,
    wrote: bool,
    /// A cell was handed out without the seal that it needs.
    unsealed: bool,
}

impl<'a> Cells<'a> {
    fn read(input: &mut Input<'a>) -> Self {
        let (flags, commits, clock) = (input.byte(), input.byte(), input.byte());
        Self {
            class: [Class::Process, Class::Expiring, Class::Permanent][usize::from(flags % 3)],
            sealed: flags & 4 == 0,
            signs: flags & 8 != 0,
            now: match clock {
                0..=127 => NOW + i64::from(clock) * 3_600,
                128..=249 => NOW - i64::from(clock - 127) * 86_400,
                250 => i64::MIN,
                251 => i64::MAX,
                252 => 0,
                253 => -1,
                254 => i64::from(u32::MAX),
                _ => 253_402_300_800,
            },
            state: Mutex::new(State {
                input: Input(input.take(usize::MAX)),
                commits,
                cells: BTreeMap::new(),
                wrote: false,
                unsealed: false,
            }),
        }
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State<'a>> {
        self.state.lock().expect("no other thread")
    }

    fn met_unsealed(&self) -> bool {
        self.state().unsealed
    }
}

impl State<'_> {
    /// Takes the next cell: a byte of flags, the version, the length of the body, the body.
    fn next(&mut self, key: &Key, class: Class, sealed: bool) -> Option<Cell> {
        let flags = self.input.byte();
        if flags & 1 == 0 {
            return None;
        }
        let version = match self.input.byte() {
            255 => u64::MAX,
            version => version.into(),
        };
        let end = match flags & 6 {
            0 => None,
            2 => Some(NOW + 200_000),
            4 => Some(i64::MIN),
            _ => Some(NOW - 1),
        };
        let length = u16::from_be_bytes([self.input.byte(), self.input.byte()]);
        let mut body = self.input.take(length.into()).to_vec();
        // A record carries none, whatever the store.
        let bare = class == Class::Process || flags & 8 != 0;
        if !bare && sealed {
            body.extend(seal(key, version, &body));
        } else if !bare {
            self.unsealed = true;
        }
        let end = end.map(Timestamp::from_unix);
        Some(Cell::new(Version::new(version), end, body))
    }
}

/// Seals a cell: docs/formats.md.
fn seal(key: &Key, version: u64, body: &[u8]) -> [u8; 16] {
    static SEAL: LazyLock<Hmac<Sha256>> = LazyLock::new(|| {
        let mut mac = Hmac::<Sha256>::new_from_slice(&INDEX).expect("any length");
        mac.update(b"otp-engine seal v1");
        Hmac::new_from_slice(&mac.finalize().into_bytes()).expect("any length")
    });
    let mut mac = SEAL.clone();
    mac.update(key.as_bytes());
    mac.update(&version.to_be_bytes());
    mac.update(body);
    let whole = mac.finalize().into_bytes();
    core::array::from_fn(|at| whole[at])
}

impl Store for Cells<'_> {
    fn load(&self, keys: &[Key], cells: &mut Vec<Option<Cell>>) -> Result<(), StoreError> {
        assert!(keys.len() <= MAX_CELLS);
        let mut state = self.state();
        for key in keys {
            if !state.cells.contains_key(key) {
                let cell = state.next(key, self.class, self.sealed);
                state.cells.insert(*key, cell);
            }
            cells.push(state.cells[key].clone());
        }
        Ok(())
    }

    fn commit(&self, writes: &[Write<'_>], now: Timestamp) -> Result<Commit, StoreError> {
        assert_eq!(now.unix(), self.now);
        assert!((1..=MAX_CELLS).contains(&writes.len()));
        let mut state = self.state();
        let outcome = state.commits & 3;
        state.commits >>= 2;
        match outcome {
            1 => return Ok(Commit::Conflict),
            2 => return Err(StoreError::Unknown(None)),
            3 => return Err(StoreError::Full),
            _ => {}
        }
        for (at, write) in writes.iter().enumerate() {
            let twice = writes[..at].iter().any(|other| other.key == write.key);
            assert!(!twice && write.body.len() <= MAX_BODY);
            let there = state.cells.get(&write.key).cloned().flatten();
            let version = there.as_ref().map_or(Version::ABSENT, Cell::version);
            assert_eq!(write.expected, version, "a write that cannot apply");
            if self.class != Class::Permanent && write.discard_after.is_none() {
                // What has no end keeps none; a store like this one should never have had it.
                let endless = there.is_some_and(|cell| cell.discard_after().is_none());
                assert!(endless, "a cell for ever in a store that keeps none");
                return Err(StoreError::Unsupported);
            }
            if self.class != Class::Process && write.kind != Kind::Record {
                let (body, sealed) = write.body.split_at(write.body.len() - 16);
                let next = write.expected.next().get();
                assert_eq!(seal(&write.key, next, body), sealed, "a seal that is none");
            }
            let cell = Cell::new(write.expected.next(), write.discard_after, write.body);
            state.cells.insert(write.key, Some(cell));
        }
        state.wrote = true;
        Ok(Commit::Done)
    }

    fn purge(&self, _: Timestamp, limit: usize) -> Result<usize, StoreError> {
        Ok(limit)
    }

    fn class(&self) -> Class {
        self.class
    }

    fn has_cells(&self) -> Result<Option<bool>, StoreError> {
        Ok(match self.state().commits & 3 {
            0 => Some(false),
            1 => Some(true),
            _ => None,
        })
    }
}
