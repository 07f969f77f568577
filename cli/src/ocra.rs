//! `otp ocra`

use std::path::PathBuf;

use clap::Args;
use otp_engine::Timestamp;
use otp_oath::{Inputs, Pin, Reach, Suite};
use serde_json::json;

use crate::answer::{Answer, Failure};
use crate::device::{self, SecretSource};
use crate::{input, instant};

/// Make or check the answer to a question (OCRA, RFC 6287)
#[derive(Args)]
#[command(after_help = "\
Lines of standard input: secret, PIN, code. Exit code: 0 valid, 2 not, 1 error.")]
pub(crate) struct Ocra {
    #[command(flatten)]
    secret: SecretSource,

    /// Suite, such as OCRA-1:HOTP-SHA256-8:C-QH16
    #[arg(long, value_name = "SUITE")]
    suite: String,

    /// Question, of the kind and length that the suite says
    #[arg(long, value_name = "TEXT")]
    question: String,

    /// The other side's question, where both ask
    #[arg(long, value_name = "TEXT")]
    second: Option<String>,

    /// Counter, where the suite has one (C)
    #[arg(long, value_name = "N")]
    counter: Option<u64>,

    /// File with the PIN, where the suite has one (P)
    #[arg(long, value_name = "FILE")]
    pin: Option<PathBuf>,

    /// The file holds the PIN's digest in hexadecimal digits
    #[arg(long, requires = "pin")]
    pin_hash: bool,

    /// Session in hexadecimal digits, if the suite has one (S)
    #[arg(long, value_name = "HEX")]
    session: Option<String>,

    /// Time, where the suite has one (T) [default: now]
    #[arg(long, value_name = "TIME", value_parser = instant::parse, allow_hyphen_values = true)]
    now: Option<Timestamp>,

    /// Counters more to compare with, 0 to 255
    #[arg(long, value_name = "N", default_value_t = 0)]
    look_ahead: u8,

    /// Steps around now to compare, 0 to 255
    #[arg(long, short, value_name = "N", default_value_t = 0)]
    window: u8,

    /// Answer in JSON
    #[arg(long)]
    json: bool,

    /// Code to check; - is a line of standard input
    #[arg(value_parser = device::entered)]
    code: Option<String>,
}

impl Ocra {
    pub(crate) fn run(&self) -> Result<Answer, Failure> {
        let suite = Suite::parse(&self.suite);
        let suite = suite.map_err(|error| Failure::new(format!("--suite: {error}")))?;
        let secret = self.secret.read()?;
        let hex = |option, text: &str| {
            let why = format!("{option} must be pairs of hexadecimal digits");
            device::unhex(text).ok_or_else(|| Failure::new(why))
        };
        let pin = self.pin.as_deref().map(|path| input::secret(path, "PIN"));
        let pin = pin.transpose()?;
        let digest = pin.as_ref().filter(|_| self.pin_hash);
        let digest = digest
            .map(|pin| hex("the file of --pin-hash", pin))
            .transpose()?;
        let session = self.session.as_deref();
        let session = session
            .map(|session| hex("--session", session))
            .transpose()?;

        let mut inputs = match &self.second {
            None => Inputs::new(&self.question),
            Some(second) => Inputs::mutual(&self.question, second),
        };
        if let Some(counter) = self.counter {
            inputs = inputs.counter(counter);
        }
        if let Some(pin) = &pin {
            let pin = digest
                .as_ref()
                .map_or(Pin::Text(pin), |digest| Pin::Digest(digest));
            inputs = inputs.pin(pin);
        }
        if let Some(session) = &session {
            inputs = inputs.session(session);
        }
        if suite.step().is_some() || self.now.is_some() {
            inputs = inputs.now(self.now.map_or_else(instant::now, Ok)?);
        }

        let ocra = otp_oath::Ocra::new(&secret, suite);
        let unfit =
            |error: otp_oath::Error| Failure::new(format!("{error} (--suite {})", self.suite));
        let Some(entered) = device::read_entered(self.code.as_deref())? else {
            let code = ocra.generate(&inputs).map_err(unfit)?;
            return Ok(Answer::yes(if self.json {
                format!("{}\n", json!({"code": code.as_str()}))
            } else {
                format!("{}\n", code.as_str())
            }));
        };
        let reach = Reach {
            look_ahead: self.look_ahead,
            window: self.window,
        };
        let matched = ocra.verify(&**entered, &inputs, reach).map_err(unfit)?;
        if self.json {
            let (counter, step) = (
                matched.and_then(|it| it.counter),
                matched.and_then(|it| it.step),
            );
            let told = json!({"valid": matched.is_some(), "counter": counter, "step": step});
            return Ok(Answer::of(format!("{told}\n"), matched.is_some()));
        }
        Ok(match matched {
            Some(_) => Answer::yes("valid\n"),
            None => Answer::no("not valid: no answer to this question\n"),
        })
    }
}
