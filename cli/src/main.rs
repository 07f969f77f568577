//! `otp`: device codes, signature records, keys, policies and stores on the command line.
//!
//! Each subcommand is a file, which reads its arguments, calls the crates that do the work, and returns an
//! [`Answer`]; this file prints it and ends with its exit code. docs/command.md shows each of them.

mod answer;
mod bench;
mod completions;
mod device;
mod hotp;
mod input;
mod instant;
mod key_file;
mod keys;
mod man;
mod ocra;
mod policy;
mod record;
mod store;
mod totp;
mod uri;

use std::io::{self, Write as _};
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::answer::{Answer, Failure};

/// One-time codes, signature records, keys and stores of otp-engine
#[derive(Parser)]
#[command(name = "otp", version, disable_help_subcommand = true, after_help = AFTER)]
struct Otp {
    #[command(subcommand)]
    command: Command,
}

const AFTER: &str = "\
Secrets are read from files or standard input, never from arguments.
Exit code: 0 it is so, 1 it is not, 2 bad usage or an error; totp, hotp and ocra
have those of oathtool: 0 valid, 2 not valid, 1 bad usage or an error.";

#[derive(Subcommand)]
enum Command {
    Totp(totp::Totp),
    Hotp(hotp::Hotp),
    Ocra(ocra::Ocra),
    Uri(uri::UriCommand),
    Record(record::RecordCommand),
    Keys(keys::Keys),
    Policy(policy::PolicyCommand),
    Store(store::StoreCommand),
    Bench(bench::Bench),
    Completions(completions::Completions),
    Man(man::Man),
}

impl Command {
    fn run(&self) -> Result<Answer, Failure> {
        match self {
            Self::Totp(totp) => totp.run(),
            Self::Hotp(hotp) => hotp.run(),
            Self::Ocra(ocra) => ocra.run(),
            Self::Uri(uri) => uri.run(),
            Self::Record(record) => record.run(),
            Self::Keys(keys) => keys.run(),
            Self::Policy(policy) => policy.run(),
            Self::Store(store) => store.run(),
            Self::Bench(bench) => bench.run(),
            Self::Completions(completions) => completions.run(),
            Self::Man(man) => man.run(),
        }
    }
}

/// The exit codes of "it is not so" and of "nothing is known".
struct Codes {
    no: u8,
    failed: u8,
}

impl Codes {
    /// Those of a subcommand: the ones that make device codes stand in for oathtool.
    fn of(subcommand: Option<&str>) -> Self {
        match subcommand {
            Some("totp" | "hotp" | "ocra") => Self { no: 2, failed: 1 },
            _ => Self { no: 1, failed: 2 },
        }
    }
}

fn main() -> ExitCode {
    let codes = Codes::of(std::env::args().nth(1).as_deref());
    let otp = match Otp::try_parse() {
        Ok(otp) => otp,
        Err(told) => {
            let _ = told.print(); // whom could it be told?
            return match told.exit_code() {
                0 => ExitCode::SUCCESS,
                _ => codes.failed.into(),
            };
        }
    };
    match otp.command.run() {
        Ok(answer) => {
            let told = io::stdout().write_all(answer.stdout.as_bytes());
            let told = told.and_then(|()| io::stdout().flush());
            eprint!("{}", answer.stderr);
            match (told, answer.holds) {
                (Err(error), _) if error.kind() != io::ErrorKind::BrokenPipe => {
                    eprintln!("otp: standard output: {error}");
                    codes.failed.into()
                }
                (_, true) => ExitCode::SUCCESS,
                (_, false) => codes.no.into(),
            }
        }
        Err(failure) => {
            eprintln!("otp: {failure}");
            codes.failed.into()
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    /// What clap finds wrong with the arguments, of every subcommand.
    #[test]
    fn the_arguments_are_sound() {
        super::Otp::command().debug_assert();
    }
}
