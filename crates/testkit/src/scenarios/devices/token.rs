//! A device, and what it shows.

use core::sync::atomic::{AtomicU32, Ordering};

use otp_engine::oath::{
    Device, HashFunction, Hotp, Inputs, Ocra, OcraOptions, Reach, Secret, Suite, Totp,
};
use otp_engine::{Binding, Engine, Mobile, Target, Timestamp};

/// What makes a device's code good once.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Kind {
    Steps,
    Counter,
    TimedAnswers,
    CountedAnswers,
    Answers,
}

/// A device of a user whom no other one has.
///
/// In each round it shows another code: of the next counter, of the next step, or to the question of another
/// record.
pub(super) struct Token {
    kind: Kind,
    bindings: [Binding; 2],
    hotp: Hotp,
    totp: Totp,
    ocra: Ocra,
}

impl Token {
    pub(super) fn new(kind: Kind) -> Self {
        static LAST: AtomicU32 = AtomicU32::new(0);
        let number = LAST.fetch_add(1, Ordering::SeqCst);
        let secret = format!("the secret of {number:08}");
        let secret = Secret::new(secret.as_bytes()).unwrap();
        let suite = match kind {
            Kind::TimedAnswers => "OCRA-1:HOTP-SHA256-8:QH16-T30S",
            Kind::CountedAnswers => "OCRA-1:HOTP-SHA256-8:C-QH16",
            _ => "OCRA-1:HOTP-SHA256-8:QH16",
        };
        Self {
            kind,
            bindings: [0, 1].map(|record| binding(number, record)),
            hotp: Hotp::new(&secret, HashFunction::Sha1, 8).unwrap(),
            totp: Totp::new(&secret, HashFunction::Sha1, 8, 30).unwrap(),
            ocra: Ocra::new(&secret, Suite::parse(suite).unwrap()),
        }
    }

    pub(super) const fn totp(&self) -> &Totp {
        &self.totp
    }

    pub(super) const fn hotp(&self) -> &Hotp {
        &self.hotp
    }

    /// Returns what the device's code is for in this round.
    pub(super) fn binding(&self, round: u64) -> &Binding {
        &self.bindings[usize::from(round == 1)]
    }

    pub(super) fn device(&self) -> Device<'_> {
        let (look_ahead, window) = match self.kind {
            Kind::CountedAnswers => (5, 0),
            Kind::TimedAnswers => (0, 1),
            _ => (0, 0),
        };
        match self.kind {
            Kind::Counter => Device::hotp(&self.hotp, 5),
            Kind::Steps => Device::totp(&self.totp, 1),
            _ => {
                let reach = Reach { look_ahead, window };
                Device::ocra(&self.ocra, OcraOptions::new().reach(reach))
            }
        }
    }

    /// Returns what the device shows in this round to who asks for `engine`; one with a clock, at `now`.
    pub(super) fn shows(&self, engine: &Engine, now: Timestamp, round: u64) -> String {
        let code = match self.kind {
            Kind::Counter => self.hotp.at(round),
            Kind::Steps => self.totp.at(now).unwrap(),
            _ => {
                let asked = engine.ocra_question(self.binding(round), &self.ocra);
                let question = asked.unwrap();
                let inputs = Inputs::new(&question);
                let inputs = match self.kind {
                    Kind::TimedAnswers => inputs.now(now),
                    Kind::CountedAnswers => inputs.counter(round),
                    _ => inputs,
                };
                self.ocra.generate(&inputs).unwrap()
            }
        };
        code.as_str().to_owned()
    }
}

fn binding(number: u32, record: u32) -> Binding {
    Binding::builder()
        .tenant("acme")
        .purpose("sign by device")
        .target(Target {
            model: "loan.application",
            field: "client_signature",
            id: &format!("{number}-{record}"),
        })
        .user(&format!("device-user-{number}"))
        .recipient(Mobile::parse(&format!("6012346{number:04}")).unwrap())
        .build()
        .unwrap()
}
