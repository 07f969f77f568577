//! TOTP from enrolment to the check of a code: no engine, no store.
//!
//! `cargo run -p otp-oath --example authenticator` draws a secret and prints what an authenticator app reads.
//! With a secret in base32 it prints the code of now, and with a code too it checks that. `--help` says so.
#![expect(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "a program for the terminal, with a clock of its own"
)]

use std::process::ExitCode;
use std::time::SystemTime;

use otp_oath::{HashFunction, Moving, Secret, Timestamp, Totp, Uri};

/// Seconds of a step, and how many steps a clock may be off.
const PERIOD: u32 = 30;
const WINDOW: u8 = 1;

const HELP: &str = "\
Enrols an authenticator app, shows its code, or checks one.

usage: authenticator [SECRET [CODE]]

Without arguments it draws a secret and prints it with the URI that an app reads. With SECRET, in
base32, it prints the code of now; with CODE too it says whether that is right.

exit code: 0 good, 1 the code is wrong, 2 the arguments cannot be used";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let ran = match &arguments[..] {
        [help] if matches!(help.as_str(), "-h" | "--help") => {
            println!("{HELP}");
            Ok(true)
        }
        [] => enrol(),
        [secret] => show(secret),
        [secret, code] => check(secret, code),
        _ => Err("usage: authenticator [SECRET [CODE]]".into()),
    };
    match ran {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(problem) => {
            eprintln!("authenticator: {problem}");
            ExitCode::from(2)
        }
    }
}

type Outcome = Result<bool, Box<dyn core::error::Error>>;

fn enrol() -> Outcome {
    let mut bytes = [0; 20];
    getrandom::fill(&mut bytes)?;
    let secret = Secret::new(&bytes)?;
    println!("secret {}", *secret.to_base32());
    let moving = Moving::Time { period: PERIOD };
    let uri = Uri::new(moving, Some("ACME Bank"), "ann@example.com", secret)?;
    println!("uri    {}", *uri.to_text());
    Ok(true)
}

fn show(secret: &str) -> Outcome {
    let code = totp(secret)?.at(now()?).ok_or("the clock is before 1970")?;
    println!("code   {}", code.as_str());
    Ok(true)
}

fn check(secret: &str, code: &str) -> Outcome {
    let step = totp(secret)?.verify(code, now()?, WINDOW);
    match step {
        // Keep this number for the user, and take no step up to it again: a code is good once.
        Some(step) => println!("right, of step {step}"),
        None => println!("wrong"),
    }
    Ok(step.is_some())
}

fn totp(secret: &str) -> Result<Totp, otp_oath::Error> {
    Totp::new(&Secret::from_base32(secret)?, HashFunction::Sha1, 6, PERIOD)
}

fn now() -> Result<Timestamp, Box<dyn core::error::Error>> {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)?;
    Ok(Timestamp::from_unix(since.as_secs().try_into()?))
}
