//! Every operation, asked of either engine by the same words, and told by the same text.

use core::sync::atomic::{AtomicU64, Ordering};
use core::time::Duration;
use std::sync::{Arc, Mutex};

use otp_engine::oath::{
    CodePair, Device as OneDevice, HashFunction, Hotp, Inputs, Ocra, OcraOptions, Secret, Suite,
    Totp,
};
use otp_engine::store::Class;
use otp_engine::{
    AsyncEngine, AsyncStore, Binding, ChallengeId, Engine, Error, Event, Evidence, Issuance,
    ManualClock, RateLimits, SigningKey, Store, Submission, Timestamp,
    challenge::GatewayStatus,
    operation::{Claim, Delivery, DeliveryReport, DeviceReset, EraseRequest},
    record::RecordDetail,
};

use crate::support::fixture::{at, beside, binding_of, counted, keys, policy};

/// One call.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Call {
    Issue,
    Verify(EnteredCode),
    Cancel,
    Claim,
    Report(Gateway),
    Status,
    Unlock,
    Latest,
    Signatures(usize),
    ChainHead,
    Erase(u64),
    ResetSlot,
    ResetRecipient,
    ResetUser,
    ResetDevice,
    Purge(usize),
    Check,
    Adopt,
    Begin,
    PurgeConfirmed(usize),
    Hotp(Device),
    Devices(Device),
    ResynchroniseHotp,
    Totp(Device),
    ResynchroniseTotp,
    Ocra(Device),
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum EnteredCode {
    Right,
    Wrong,
    Malformed,
    /// The right code, with evidence that does not fit.
    Unfit,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Gateway {
    Took,
    Refused,
}

/// What the user's device shows.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Device {
    Right,
    Wrong,
}

/// An engine, its clock, what its observer heard, and what the host knows.
pub(crate) struct World {
    pub(crate) engine: Engine,
    pub(crate) clock: Arc<ManualClock>,
    heard: Arc<Mutex<Vec<String>>>,
    /// The record that is asked about.
    pub(crate) record: usize,
    sent: Vec<Sent>,
    /// How often the device's button was pressed.
    presses: u64,
}

/// The latest send of a record.
#[derive(Clone)]
struct Sent {
    id: ChallengeId,
    send: u8,
    code: String,
}

impl World {
    /// Each draw is another one, if `draws` are `fresh`; else all are the same.
    pub(crate) fn new(signing: bool, fresh: bool) -> Self {
        Self::on(Class::Permanent, signing, fresh)
    }

    /// A world whose rate limits fit a store of `class`.
    pub(crate) fn on(class: Class, signing: bool, fresh: bool) -> Self {
        let mut rate_limits = RateLimits::builder();
        if class == Class::Expiring {
            rate_limits = rate_limits.lock_ends_after(Duration::from_secs(30 * 86_400));
        }
        let clock = Arc::new(ManualClock::new(at(0)));
        let drawn = AtomicU64::new(7);
        let heard = Arc::<Mutex<Vec<String>>>::default();
        let ear = Arc::clone(&heard);
        let mut builder = Engine::builder_on(keys(), Arc::clone(&clock), move |bytes| {
            counted(drawn.fetch_add(u64::from(fresh), Ordering::SeqCst), bytes);
            Ok(())
        })
        .policy(policy())
        .rate_limits(rate_limits.build().unwrap())
        .observer(move |event: &Event<'_>| ear.lock().unwrap().push(format!("{event:?}")));
        if signing {
            builder = builder.signing_key(SigningKey::from_seed(&[21; 32]).unwrap());
        }
        let never = Sent {
            id: ChallengeId::from_bytes([0; 16]),
            send: 1,
            code: "0000000000".into(),
        };
        Self {
            engine: builder.build(),
            clock,
            heard,
            record: 0,
            sent: vec![never; RECORDS],
            presses: 0,
        }
    }

    /// Takes what was heard since the last time.
    pub(crate) fn events(&self) -> Vec<String> {
        core::mem::take(&mut self.heard.lock().unwrap())
    }

    pub(crate) fn binding(&self) -> Binding {
        binding_of(0, 0, self.record)
    }

    pub(crate) fn code(&self) -> &str {
        &self.sent[self.record].code
    }

    /// Keeps what the host knows of a code that was handed out.
    fn note(&mut self, heard: &Heard) {
        if let Some(sent) = &heard.sent {
            self.sent[self.record] = sent.clone();
        }
    }

    /// Asks the engine that blocks.
    pub(crate) fn ask(&mut self, store: &dyn Store, call: Call) -> String {
        self.presses += 1;
        let answer = self.asked(store, call);
        self.told(answer)
    }

    /// Asks the engine that awaits; dropped, the world has not heard the answer.
    pub(crate) async fn ask_awaiting<S: AsyncStore>(&mut self, store: &S, call: Call) -> String {
        self.presses += 1;
        let engine = AsyncEngine::from(self.engine.clone());
        let answer = self.awaited(&engine, store, call).await;
        self.told(answer)
    }

    fn told(&mut self, answer: Result<Heard, Error>) -> String {
        match answer {
            Ok(heard) => {
                self.note(&heard);
                heard.text
            }
            Err(error) => format!("{error:?}"),
        }
    }

    fn now(&self) -> Timestamp {
        otp_engine::Clock::now(&*self.clock).unwrap()
    }
}

/// An answer, as text that says all of it.
struct Heard {
    text: String,
    sent: Option<Sent>,
}

/// What an engine with such methods answers to a call; `await` is the last word of one of them.
macro_rules! answer {
    ($world:expr, $engine:expr, $store:expr, $call:expr $(, $await:tt)?) => {{
        let (world, engine, store) = ($world, $engine, $store);
        let binding = world.binding();
        let field = binding.target();
        let tenant = binding.tenant();
        let sent = &world.sent[world.record];
        let text = match $call {
            Call::Issue => {
                let issuance = engine.issue(store, &binding)$(.$await)??;
                let issued = match issuance {
                    Issuance::Issued(issued) => issued,
                    Issuance::Refused(refusal) => {
                        return Ok(Heard { text: format!("{refusal:?}"), sent: None });
                    }
                };
                let code: String = issued.code.as_str().into();
                let (id, until) = (issued.id, issued.expires_at);
                let text = format!("{id}, send {}, until {until:?}: {code}", issued.send);
                let sent = Sent { id: issued.id, send: issued.send, code };
                return Ok(Heard { text, sent: Some(sent) });
            }
            Call::Verify(entered) => {
                let wrong = beside(&sent.code);
                let text = match entered {
                    EnteredCode::Right | EnteredCode::Unfit => &sent.code,
                    EnteredCode::Wrong => &wrong,
                    EnteredCode::Malformed => "no code",
                };
                let mut submission = Submission::new(&binding, text);
                if entered == EnteredCode::Unfit {
                    submission = submission.evidence(Evidence::new().document(b"of no digest"));
                }
                format!("{:?}", engine.verify(store, submission)$(.$await)??)
            }
            Call::Cancel => format!("{:?}", engine.cancel(store, &binding)$(.$await)??),
            Call::Claim => {
                let claim = engine.claim_send(store, &binding, sent.id, sent.send)$(.$await)??;
                match claim {
                    Claim::Claimed(issued) => {
                        format!("{}, send {}: {}", issued.id, issued.send, issued.code.as_str())
                    }
                    Claim::Refused(refusal) => format!("{refusal:?}"),
                }
            }
            Call::Report(gateway) => {
                let delivery = match gateway {
                    Gateway::Took => Delivery::Sent,
                    Gateway::Refused => Delivery::Failed(GatewayStatus::parse("6").unwrap()),
                };
                let reported = engine
                    .report_delivery(store, &binding, DeliveryReport { id: sent.id, send: sent.send, delivery })$(.$await)??;
                format!("{reported:?}")
            }
            Call::Status => format!("{:?}", engine.status(store, &binding)$(.$await)??),
            Call::Unlock => {
                format!("{:?}", engine.unlock(store, tenant, binding.user())$(.$await)??)
            }
            Call::Latest => {
                format!("{:?}", engine.latest_signature(store, tenant, &field)$(.$await)??)
            }
            Call::Signatures(limit) => {
                format!("{:?}", engine.signatures(store, tenant, &field, limit)$(.$await)??)
            }
            Call::ChainHead => format!("{:?}", engine.chain_head(store, tenant, &field)$(.$await)??),
            Call::Erase(n) => {
                let details = [RecordDetail::Number];
                format!("{:?}", engine.erase(store, &EraseRequest { tenant, target: field, sequence: n, details: &details })$(.$await)??)
            }
            Call::Check => format!("{:?}", engine.check_store(store)$(.$await)??),
            Call::Adopt => format!("{:?}", engine.adopt_store(store)$(.$await)??),
            Call::Begin => format!("{:?}", engine.begin_store(store)$(.$await)??),
            Call::ResetSlot => {
                format!("{:?}", engine.reset_slot(store, &binding, WHY)$(.$await)??)
            }
            Call::ResetRecipient => {
                let recipient = binding.recipient();
                let reset = engine.reset_recipient(store, tenant, recipient, WHY)$(.$await)??;
                format!("{reset:?}")
            }
            Call::ResetUser => {
                format!("{:?}", engine.reset_user(store, tenant, binding.user(), WHY)$(.$await)??)
            }
            Call::ResetDevice => {
                let (totp, user) = (totp(), binding.user());
                let device = OneDevice::totp(&totp, 1);
                let reset = engine.reset_device(store, &DeviceReset { tenant, user, device, reason: WHY })$(.$await)??;
                format!("{reset:?}")
            }
            Call::Devices(device) => {
                let (hotp, totp) = (hotp(), totp());
                let devices = [OneDevice::hotp(&hotp, 9), OneDevice::totp(&totp, 1)];
                let entered: String = totp_code(world.now(), device.off());
                let verdict = engine.verify_devices(store, &binding, &devices, &entered, Evidence::new())$(.$await)??;
                format!("{verdict:?}")
            }
            Call::PurgeConfirmed(limit) => {
                format!("{:?}", engine.purge_confirmed(store, limit)$(.$await)??)
            }
            Call::Purge(limit) => format!("{:?}", engine.purge(store, limit)$(.$await)??),
            Call::Hotp(device) => {
                let entered: String = hotp().at(world.presses + device.off()).as_str().into();
                let verdict = engine.verify_devices(store, &binding, &[OneDevice::hotp(&hotp(), 9)], &entered, Evidence::new())$(.$await)??;
                format!("{verdict:?}")
            }
            Call::ResynchroniseHotp => {
                let codes = [0, 1].map(|next| hotp().at(world.presses + next));
                let codes = [codes[0].as_str(), codes[1].as_str()];
                let verdict =
                    engine.resynchronise(store, &binding, OneDevice::hotp(&hotp(), 0), CodePair { codes, reach: 99 }, Evidence::new())$(.$await)??;
                format!("{verdict:?}")
            }
            Call::Totp(device) => {
                let entered: String = totp_code(world.now(), device.off());
                let verdict = engine.verify_devices(store, &binding, &[OneDevice::totp(&totp(), 1)], &entered, Evidence::new())$(.$await)??;
                format!("{verdict:?}")
            }
            Call::ResynchroniseTotp => {
                let codes = [2, 3].map(|ahead| totp_code(world.now(), ahead));
                let codes = [codes[0].as_str(), codes[1].as_str()];
                let verdict =
                    engine.resynchronise(store, &binding, OneDevice::totp(&totp(), 0), CodePair { codes, reach: 9 }, Evidence::new())$(.$await)??;
                format!("{verdict:?}")
            }
            Call::Ocra(device) => {
                let question = world.engine.ocra_question(&binding, &ocra()).unwrap();
                let inputs = Inputs::new(&question).counter(world.presses + device.off());
                let entered: String = ocra().generate(&inputs).unwrap().as_str().into();
                let reach = otp_engine::oath::Reach { look_ahead: 20, window: 0 };
                let options = OcraOptions::new().reach(reach);
                format!("{:?}", engine.verify_devices(store, &binding, &[OneDevice::ocra(&ocra(), options)], &entered, Evidence::new())$(.$await)??)
            }
        };
        Ok(Heard { text, sent: None })
    }};
}

impl World {
    fn asked(&self, store: &dyn Store, call: Call) -> Result<Heard, Error> {
        answer!(self, &self.engine, store, call)
    }

    async fn awaited<S: AsyncStore>(
        &self,
        engine: &AsyncEngine,
        store: &S,
        call: Call,
    ) -> Result<Heard, Error> {
        answer!(self, engine, store, call, await)
    }
}

impl Device {
    /// How far from the expected code the device is.
    fn off(self) -> u64 {
        match self {
            Self::Right => 0,
            Self::Wrong => 1_000,
        }
    }
}

fn secret() -> Secret {
    Secret::new(b"abcdefghijklmnopqrstuvwxyz012345").unwrap()
}

fn hotp() -> Hotp {
    Hotp::new(&secret(), HashFunction::Sha1, 6).unwrap()
}

fn totp() -> Totp {
    Totp::new(&secret(), HashFunction::Sha1, 6, 30).unwrap()
}

fn totp_code(now: Timestamp, steps: u64) -> String {
    let ahead = i64::try_from(steps * 30).unwrap();
    let code = totp().at(Timestamp::from_unix(now.unix() + ahead)).unwrap();
    code.as_str().into()
}

fn ocra() -> Ocra {
    let suite = Suite::parse("OCRA-1:HOTP-SHA256-8:C-QH16").unwrap();
    Ocra::new(&secret(), suite)
}

/// Why the tests reset.
const WHY: &str = "asked by a test";

/// How many records there are.
pub(crate) const RECORDS: usize = 3;
