//! The main job: a borrower signs a loan offer with a one-time code.
//!
//! Takes the send request of an HTTP client as JSON, issues a code, shows the SMS as it would be
//! sent, asks for the code, and shows the answers that the client would get. All in memory, but for
//! the signature record, which anyone can check with the public key that is written beside it.
//!
//! `cargo run --example sign_loan_offer -- --demo`
#![expect(clippy::print_stdout, reason = "a program for the terminal")]

use core::time::Duration;
use std::io::{BufRead, IsTerminal, Read, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use otp_engine::{Binding, Clock, Evidence, ManualClock, SystemClock};

mod answer;
mod contract;
mod exhibit;
mod request;

use contract::{End, LoanService};
use request::Request;

const HELP: &str = "\
Signs a loan offer by one-time code, on the embedded default store.

usage: sign_loan_offer [OPTIONS] [REQUEST]

REQUEST is a file with the send request as JSON, or - for standard input (then give --code);
without one the sample beside this example is taken. The code is asked for on the terminal.

  --code CODE      try this code instead of asking
  --mobile NUMBER  the user's registered number, Malaysian or international (default 0123456789)
  --user ID        the user who is logged in (default 7)
  --name NAME      the name that the signer types (default Siti Aminah)
  --out DIR        where to write the record, the offer and the public key, once signed
  --demo           a scripted run: wrong code, resend, right code, replay, and the record
                   (into a fresh temporary directory without --out)
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
    let binding = request.binding(&options.user, &options.mobile)?;
    let offer = request.offer();
    let evidence = Evidence::new()
        .signer_name(&options.name)
        .document(offer.as_bytes())
        .consent("I accept this loan offer.");
    if options.demo {
        let folder = options.folder()?;
        return demo(&request, &binding, evidence, &folder);
    }
    let service = LoanService::new(Arc::new(SystemClock::new()), &request, &binding, evidence)?;
    let Some(issued) = service.send()? else {
        return Ok(false);
    };
    let written = |end| match (&end, &options.out) {
        (End::Signed(record), Some(_)) => {
            exhibit::write(&service, record, &offer, &options.folder()?).map(|()| end)
        }
        _ => Ok(end),
    };
    if let Some(code) = &options.code {
        return Ok(matches!(
            written(service.submit(&issued, code)?)?,
            End::Signed(_)
        ));
    }
    let terminal = std::io::stdin().is_terminal();
    ask(terminal);
    for line in std::io::stdin().lock().lines() {
        let line = line.map_err(|error| format!("standard input: {error}"))?;
        match written(service.submit(&issued, &line)?)? {
            End::Signed(_) => return Ok(true),
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
fn demo(
    request: &Request,
    binding: &Binding,
    evidence: Evidence<'_>,
    folder: &Path,
) -> Result<bool, String> {
    let now = SystemClock::new().now().ok_or("the system has no time")?;
    // It begins a minute ago: stock tools refuse a record that is signed in the future.
    let minute = Duration::from_secs(60);
    let clock = Arc::new(ManualClock::new(now.saturating_sub(minute)));
    let service = LoanService::new(clock.clone(), request, binding, evidence)?;

    println!("# 1. Send");
    let first = service.send()?.ok_or("the first send was refused")?;
    println!("\n# 2. A wrong code: four attempts are left");
    service.submit(&first, wrong(first.code.as_str()))?;
    println!("\n# 3. Asked again at once: nothing is sent");
    service.send()?;
    println!("\n# 4. Asked again a minute later: the same code, the same expiry");
    clock.set(now);
    let again = service.send()?.ok_or("the resend was refused")?;
    let same = again.code.as_str() == first.code.as_str() && again.expires_at == first.expires_at;
    println!("\n# 5. The right code, as a person types it");
    let (front, back) = again.code.as_str().split_at(3);
    let End::Signed(record) = service.submit(&again, &format!("{front} {back}"))? else {
        return Ok(false);
    };
    println!("\n# 6. The right code once more: refused");
    let replayed = service.submit(&again, again.code.as_str())?;
    println!("\n# 7. The record, in files, and verified from them");
    exhibit::write(&service, &record, &request.offer(), folder)?;
    let verified = exhibit::verify(&service, &record, folder)?;
    println!("\n# 8. Anyone can check the same with stock tools and the public key alone:");
    println!("{}", exhibit::commands(folder));
    Ok(same && verified && !matches!(replayed, End::Signed(_)))
}

/// Returns a code that is as long and not the same.
fn wrong(code: &str) -> &'static str {
    if code == "000000" { "000001" } else { "000000" }
}

struct Options {
    request: Option<String>,
    code: Option<String>,
    mobile: String,
    user: String,
    name: String,
    out: Option<PathBuf>,
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
            name: "Siti Aminah".into(),
            out: None,
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
                "--name" => options.name = value()?,
                "--out" => options.out = Some(value()?.into()),
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
            None => Ok(include_str!("../send_request.json").into()),
            Some("-") => {
                let mut text = String::new();
                let read = std::io::stdin().read_to_string(&mut text);
                read.map(|_| text)
                    .map_err(|error| format!("standard input: {error}"))
            }
            Some(path) => std::fs::read_to_string(path).map_err(|error| format!("{path}: {error}")),
        }
    }

    /// Makes the directory for the record.
    fn folder(&self) -> Result<PathBuf, String> {
        let folder = match &self.out {
            Some(folder) => folder.clone(),
            None => {
                let mut name = [0; 8];
                getrandom::fill(&mut name).map_err(|error| format!("randomness: {error}"))?;
                let name = format!("sign_loan_offer-{:016x}", u64::from_be_bytes(name));
                std::env::temp_dir().join(name)
            }
        };
        std::fs::create_dir_all(&folder)
            .map_err(|error| format!("{}: {error}", folder.display()))?;
        Ok(folder)
    }
}
