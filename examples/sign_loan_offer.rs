//! The main job: a borrower signs a loan offer with a one-time code.
//!
//! Takes the send request of an HTTP client as JSON, issues a code, shows the SMS as it would be
//! sent, asks for the code, and shows the answers that the client would get. All in memory.
//!
//! `cargo run --example sign_loan_offer -- --demo`
#![expect(clippy::print_stdout, reason = "a program for the terminal")]

use core::time::Duration;
use std::io::{BufRead, IsTerminal, Read, Write};
use std::process::ExitCode;
use std::sync::Arc;

use otp_engine::{
    Binding, ChallengeId, Clock, CountryCode, Delivery, Engine, Error, Issuance, Issued, KeyRing,
    ManualClock, MemoryStore, Mobile, Reason, RecordField, Refusal, Rejection, Submission,
    SystemClock, Timestamp, Verdict,
};
use serde_json::{Value, json};

const HELP: &str = "\
Signs a loan offer by one-time code, on the embedded default store.

usage: sign_loan_offer [OPTIONS] [REQUEST]

REQUEST is a file with the send request as JSON, or - for standard input (then give --code);
without one the sample beside this example is taken. The code is asked for on the terminal.

  --code CODE      try this code instead of asking
  --mobile NUMBER  the user's registered number, Malaysian or international (default 0123456789)
  --user ID        the user who is logged in (default 7)
  --demo           a scripted run: wrong code, resend, right code, replay
  --help           show this

exit code: 0 signed, 1 not signed, 2 bad input or a fault";

fn main() -> ExitCode {
    match run() {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(problem) => {
            eprintln!("sign_loan_offer: {problem}");
            ExitCode::from(2)
        }
    }
}

/// Runs the program; tells whether the offer was signed.
fn run() -> Result<bool, String> {
    let Some(options) = Options::parse(std::env::args().skip(1))? else {
        println!("{HELP}");
        return Ok(true);
    };
    let request = Request::parse(&options.read_request()?)?;
    let binding = request.binding(&options)?;
    if options.demo {
        return demo(&request, &binding);
    }
    let clock = Arc::new(SystemClock::new());
    let desk = Desk::new(clock.clone(), &request, &binding)?;
    let Some(issued) = desk.send()? else {
        return Ok(false);
    };
    if let Some(code) = &options.code {
        return Ok(desk.submit(&issued, code)? == End::Signed);
    }
    let terminal = std::io::stdin().is_terminal();
    ask(terminal);
    for line in std::io::stdin().lock().lines() {
        let line = line.map_err(|error| format!("standard input: {error}"))?;
        match desk.submit(&issued, &line)? {
            End::Signed => return Ok(true),
            End::Closed => return Ok(false),
            End::TryAgain => ask(terminal),
        }
    }
    Err("standard input ended before a code was accepted".into())
}

fn ask(terminal: bool) {
    if terminal {
        print!("\nType the code: ");
        let _ = std::io::stdout().flush(); // a prompt that does not show is no fault
    }
}

/// Plays a whole signing, with a clock that skips the waiting.
fn demo(request: &Request, binding: &Binding) -> Result<bool, String> {
    let start = SystemClock::new().now().ok_or("the system has no time")?;
    let clock = Arc::new(ManualClock::new(start));
    let desk = Desk::new(clock.clone(), request, binding)?;

    println!("# 1. Send");
    let first = desk.send()?.ok_or("the first send was refused")?;
    println!("\n# 2. A wrong code: four attempts are left");
    desk.submit(&first, wrong(first.code.as_str()))?;
    println!("\n# 3. Asked again at once: nothing is sent");
    desk.send()?;
    println!("\n# 4. Asked again a minute later: the same code, the same expiry");
    clock.set(start.saturating_add(Duration::from_secs(60)));
    let again = desk.send()?.ok_or("the resend was refused")?;
    let same = again.code.as_str() == first.code.as_str() && again.expires_at == first.expires_at;
    println!("\n# 5. The right code, as a person types it");
    let (front, back) = again.code.as_str().split_at(3);
    let signed = desk.submit(&again, &format!("{front} {back}"))? == End::Signed;
    println!("\n# 6. The right code once more: refused");
    let replayed = desk.submit(&again, again.code.as_str())? == End::Signed;
    Ok(same && signed && !replayed)
}

/// Returns a code that is as long and not the same.
fn wrong(code: &str) -> &'static str {
    if code == "000000" { "000001" } else { "000000" }
}

/// The host's side of one signing: engine, store, and the answers of its HTTP contract.
struct Desk<'a, C> {
    clock: Arc<C>,
    engine: Engine,
    store: MemoryStore,
    request: &'a Request,
    binding: &'a Binding,
}

/// Where a submitted code leaves the signing.
#[derive(PartialEq)]
enum End {
    Signed,
    TryAgain,
    Closed,
}

impl<'a, C: Clock + 'static> Desk<'a, C> {
    fn new(clock: Arc<C>, request: &'a Request, binding: &'a Binding) -> Result<Self, String> {
        // A real host reads its secrets from its configuration; these live as long as the program.
        let mut secrets = [[0; 32]; 2];
        for secret in &mut secrets {
            getrandom::fill(secret).map_err(|error| format!("randomness: {error}"))?;
        }
        let keys = KeyRing::builder()
            .code("example", &secrets[0])
            .index(&secrets[1])
            .build();
        let keys = keys.map_err(|error| format!("key ring: {error}"))?;
        let engine = Engine::builder(keys).clock(clock.clone()).build();
        Ok(Self {
            clock,
            engine,
            store: MemoryStore::new(),
            request,
            binding,
        })
    }

    /// Serves "send": prints the SMS, if one goes out, and the answer.
    fn send(&self) -> Result<Option<Issued>, String> {
        match self
            .engine
            .issue(&self.store, self.binding)
            .map_err(fault)?
        {
            Issuance::Issued(issued) => {
                let minutes = self.engine.policy().validity().as_secs() / 60;
                let code = issued.code.as_str();
                println!(
                    "SMS to {}: RM0.00 Your code is {code}. It is valid for {minutes} minutes.",
                    issued.recipient
                );
                // The gateway would be asked here, after the commit; its answer is reported.
                self.engine
                    .report_delivery(
                        &self.store,
                        self.binding,
                        issued.id,
                        issued.send,
                        Delivery::Sent,
                    )
                    .map_err(fault)?;
                answer(&json!({
                    "status": 200,
                    "message": "OTP generated successfully",
                    "esms_otp_generation_id": generation(issued.id),
                    "esms_otp_response_status": "0",
                    "duration": minutes,
                    "expiration_time": utc(issued.expires_at),
                    "recipient_mobile": issued.recipient.as_str(),
                }));
                Ok(Some(issued))
            }
            Issuance::Refused(refusal) => {
                answer(&self.refused(refusal)?);
                Ok(None)
            }
        }
    }

    fn refused(&self, refusal: Refusal) -> Result<Value, String> {
        let retry_after = self.retry_after(refusal.retry_at);
        Ok(match (refusal.reason, refusal.id) {
            (Reason::Cooldown, Some(id)) => {
                let live = self
                    .engine
                    .status(&self.store, self.binding)
                    .map_err(fault)?;
                json!({
                    "status": 200,
                    "message": "OTP already sent",
                    "esms_otp_generation_id": generation(id),
                    "expiration_time": live.map(|live| utc(live.expires_at)),
                    "retry_after": retry_after,
                })
            }
            (Reason::Cooldown | Reason::SendLimit, _) => {
                json!({"status": 429, "message": "Too many OTP requests", "retry_after": retry_after})
            }
            (Reason::Exhausted | Reason::Locked, _) => {
                json!({"status": 423, "message": "Too many wrong codes", "retry_after": retry_after})
            }
        })
    }

    /// Serves "verify": prints the answer.
    fn submit(&self, issued: &Issued, typed: &str) -> Result<End, String> {
        let submission = Submission::new(self.binding, typed).challenge(issued.id);
        println!("> {typed}");
        let verdict = self.engine.verify(&self.store, submission).map_err(fault)?;
        let invalid = "Invalid or expired OTP";
        let (value, end) = match verdict {
            Verdict::Accepted(acceptance) => (
                json!({
                    "status": 200,
                    "message": "OTP verified successfully",
                    "esms_otp_generation_id": generation(acceptance.id),
                    "verified_at": utc(acceptance.verified_at),
                    "redirect_url": self.request.redirect_url,
                }),
                End::Signed,
            ),
            Verdict::Rejected(Rejection::Wrong {
                attempts_left: left @ 1..,
            }) => (
                json!({"status": 400, "message": invalid, "attempts_left": left}),
                End::TryAgain,
            ),
            Verdict::Rejected(Rejection::Malformed) => (
                json!({"status": 400, "message": "The OTP must be 6 digits"}),
                End::TryAgain,
            ),
            Verdict::Rejected(Rejection::Exhausted { retry_at }) => {
                (self.locked(Some(retry_at)), End::Closed)
            }
            Verdict::Rejected(Rejection::Locked { retry_at }) => {
                (self.locked(retry_at), End::Closed)
            }
            Verdict::Rejected(_) => (json!({"status": 400, "message": invalid}), End::Closed),
        };
        answer(&value);
        Ok(end)
    }

    fn locked(&self, retry_at: Option<Timestamp>) -> Value {
        json!({"status": 423, "message": "Too many wrong codes", "retry_after": self.retry_after(retry_at)})
    }

    fn retry_after(&self, retry_at: Option<Timestamp>) -> Option<u64> {
        Some(retry_at?.saturating_since(self.clock.now()?).as_secs())
    }
}

/// What the client asks: the members of `params`.
struct Request {
    model: String,
    field: String,
    id: u64,
    redirect_url: String,
}

impl Request {
    fn parse(text: &str) -> Result<Self, String> {
        let json: Value = serde_json::from_str(text)
            .map_err(|error| format!("the request is not JSON: {error}"))?;
        let params = json.get("params").and_then(Value::as_object);
        let params = params.ok_or("the request has no object `params`")?;
        let text = |name: &str| {
            let value = params
                .get(name)
                .ok_or_else(|| format!("params.{name} is missing"))?;
            value
                .as_str()
                .map(str::to_owned)
                .ok_or_else(|| format!("params.{name} is {value}; it must be text"))
        };
        let id = params.get("id").ok_or("params.id is missing")?;
        let id = id.as_u64().filter(|id| *id > 0);
        let id = id.ok_or_else(|| {
            format!(
                "params.id is {}; it must be a whole number above 0",
                params["id"]
            )
        })?;
        Ok(Self {
            model: text("model")?,
            field: text("field")?,
            id,
            redirect_url: text("redirect_url")?,
        })
    }

    fn binding(&self, options: &Options) -> Result<Binding, String> {
        let malaysia = CountryCode::new(60).map_err(|error| error.to_string())?;
        let mobile = Mobile::parse_national(&options.mobile, malaysia);
        let record = self.id.to_string();
        Binding::builder()
            .tenant("example")
            .purpose("sign")
            .record_field(RecordField {
                model: &self.model,
                field: &self.field,
                record: &record,
            })
            .user(&options.user)
            .recipient(mobile.map_err(|error| format!("--mobile: {error}"))?)
            .build()
            .map_err(|error| format!("the request's {error}"))
    }
}

struct Options {
    request: Option<String>,
    code: Option<String>,
    mobile: String,
    user: String,
    demo: bool,
}

impl Options {
    /// Reads the command line; `None` asks for help.
    fn parse(mut arguments: impl Iterator<Item = String>) -> Result<Option<Self>, String> {
        let mut options = Self {
            request: None,
            code: None,
            mobile: "0123456789".into(),
            user: "7".into(),
            demo: false,
        };
        while let Some(argument) = arguments.next() {
            let mut value = || {
                arguments
                    .next()
                    .ok_or_else(|| format!("{argument} needs a value; see --help"))
            };
            match argument.as_str() {
                "--help" | "-h" => return Ok(None),
                "--demo" => options.demo = true,
                "--code" => options.code = Some(value()?),
                "--mobile" => options.mobile = value()?,
                "--user" => options.user = value()?,
                other if other.starts_with('-') && other != "-" => {
                    return Err(format!("unknown option {other}; see --help"));
                }
                _ if options.request.is_some() => {
                    return Err("more than one REQUEST; see --help".into());
                }
                _ => options.request = Some(argument),
            }
        }
        if options.request.as_deref() == Some("-") && options.code.is_none() && !options.demo {
            return Err("a request from standard input needs --code; nothing was sent".into());
        }
        Ok(Some(options))
    }

    fn read_request(&self) -> Result<String, String> {
        match self.request.as_deref() {
            None => Ok(include_str!("send_request.json").into()),
            Some("-") => {
                let mut text = String::new();
                let read = std::io::stdin().read_to_string(&mut text);
                read.map(|_| text)
                    .map_err(|error| format!("standard input: {error}"))
            }
            Some(path) => std::fs::read_to_string(path).map_err(|error| format!("{path}: {error}")),
        }
    }
}

fn answer(result: &Value) {
    println!("{:#}", json!({"result": result}));
}

fn generation(id: ChallengeId) -> String {
    format!("gen_{id}")
}

/// Writes an instant as the contract does: `2024-05-15 10:03:00`.
fn utc(at: Timestamp) -> String {
    at.to_utc()
        .map_or_else(String::new, |utc| format!("{} {}", utc.date(), utc.time()))
        .split('.')
        .next()
        .unwrap_or("")
        .into()
}

fn fault(error: Error) -> String {
    let cause = core::error::Error::source(&error)
        .map(|cause| format!(": {cause}"))
        .unwrap_or_default();
    format!("{error}{cause}")
}
