//! Verifies signature records with public keys alone: no engine, no store.
//!
//! `cargo run -p otp-record --example verify_record -- --keys tests/vectors/records/first.jwks
//! tests/vectors/records/first.sd-jwt`
#![expect(clippy::print_stdout, reason = "a program for the terminal")]

use core::fmt::{Display, Write as _};
use std::io::Read as _;
use std::process::ExitCode;

use otp_record::{
    ChainHead, Expected, ExpectedChain, JwsError, RecordCheck, RecordDetail, RecordFault,
    SignatureRecord, VerifiedRecord, VerifyingKeys, verify_chain, verify_record,
};
use sha2::{Digest as _, Sha256};

const HELP: &str = "\
Verifies the signature records of one field, each by itself and all as a chain.

usage: verify_record --keys FILE [OPTIONS] [RECORDS]

RECORDS is a file with one record a line, oldest first: an SD-JWT (JWS~disclosure~disclosure~) or a
JWS alone; empty lines are skipped. Without it, or with -, they are read from standard input.

  --keys FILE       the operator's public keys, as JWK set or PEM; from a source that you trust

What the records must say; what is not given is not checked:
  --tenant TENANT   iss
  --model MODEL     ref.model
  --field FIELD     ref.field
  --record RECORD   ref.record
  --purpose PURPOSE act
  --user USER       who.user
  --document FILE   doc.dig is the SHA-256 of this file
  --count N         the chain head counts N records: the newest given is the Nth
  --head DIGEST     the digest in the chain head of the newest record: base64url or hex; needs --count
  --first N         the records before the Nth are left out on purpose
  --newest-first    the newest record stands in the first line

  --help            show this

exit code: 0 all that was checked holds, 1 something does not, 2 bad input";

fn main() -> ExitCode {
    match run() {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(problem) => {
            eprintln!("verify_record: {problem}");
            ExitCode::from(2)
        }
    }
}

/// Runs the program; tells whether all holds.
fn run() -> Result<bool, String> {
    let Some(options) = Options::parse(std::env::args().skip(1))? else {
        println!("{HELP}");
        return Ok(true);
    };
    let keys = options.keys()?;
    let document = options.document.as_deref().map(read_bytes).transpose()?;
    let expected = options.expected(document.as_deref());
    let (name, text) = options.records()?;
    let lines: Vec<Line<'_>> = (1..)
        .zip(text.lines())
        .map(|(number, line)| (number, line.trim()))
        .filter(|(_, line)| !line.is_empty())
        .map(|(number, line)| Line::parse(number, line))
        .collect::<Result<_, _>>()
        .map_err(|problem| format!("{name}, {problem}"))?;
    if lines.is_empty() {
        return Err(format!("{name}: no record"));
    }
    let mut hold = true;
    for line in &lines {
        hold &= line.show(&keys, &expected);
    }
    Ok(show_chain(&lines, &keys, &options) && hold)
}

/// A record as it was given.
struct Line<'a> {
    number: usize,
    jws: &'a str,
    disclosures: Vec<&'a str>,
    text: &'a str,
}

impl<'a> Line<'a> {
    /// Takes a line apart; fails if it has not even the form of a record.
    fn parse(number: usize, text: &'a str) -> Result<Self, String> {
        let (jws, rest) = text.split_once('~').unwrap_or((text, ""));
        let rest = rest.strip_suffix('~').unwrap_or(rest);
        let disclosures = match rest {
            "" => Vec::new(),
            rest => rest.split('~').collect(),
        };
        let none: [&str; 0] = [];
        let judged = verify_record(jws, &none, &VerifyingKeys::new(), None);
        if judged.is_err_and(|error| error.reason() == RecordFault::Jws(JwsError::Parts)) {
            return Err(format!(
                "line {number}: neither SD-JWT nor JWS: a JWS is three parts joined by dots"
            ));
        }
        Ok(Self {
            number,
            jws,
            disclosures,
            text,
        })
    }

    /// Shows what the record says, if it holds, or why it does not; tells which.
    fn show(&self, keys: &VerifyingKeys, expected: &Expected<'_>) -> bool {
        let judged = verify_record(self.jws, &self.disclosures, keys, Some(expected));
        // The stored form is stricter: every disclosure ends with a tilde.
        let judged = judged.and_then(|said| SignatureRecord::from_sd_jwt(self.text).map(|_| said));
        match &judged {
            Ok(verified) => print!("line {}: holds\n{}\n", self.number, facts(verified)),
            Err(error) => println!("line {}: DOES NOT HOLD: {error}\n", self.number),
        }
        judged.is_ok()
    }
}

/// Writes what a record that holds says, a fact a line.
fn facts(said: &VerifiedRecord) -> String {
    let mut facts = Facts(String::new());
    facts.add(
        "record",
        format_args!("{} of its field, id {}", said.sequence(), said.id()),
    );
    facts.add(
        "signed",
        format_args!("{} UTC, with key {}", said.verified_at(), said.key()),
    );
    let reference = [said.model(), said.field(), said.target_id()].map(quoted);
    facts.add(
        "what",
        format_args!("{} of {}", reference.join(" "), quoted(said.tenant())),
    );
    facts.text("revision", said.revision());
    facts.add("for", quoted(said.purpose()));
    if let Some(document) = said.document() {
        let digest = said
            .content()
            .map_or("withheld".into(), |digest| hex(&digest));
        let size = document
            .size
            .map_or(String::new(), |size| format!(", {size} bytes"));
        facts.add("document", format_args!("SHA-256 {digest}{size}"));
    }
    facts.add("user", quoted(said.user()));
    for (label, detail) in [
        ("named", RecordDetail::UserName),
        ("typed name", RecordDetail::SignerName),
        ("number", RecordDetail::Number),
        ("e-mail", RecordDetail::Email),
        ("address", RecordDetail::Ip),
        ("program", RecordDetail::Agent),
    ] {
        facts.text(label, said.detail(detail));
    }
    let otp = said.otp();
    let sent = match (otp.sent_at, otp.sends) {
        (Some(at), Some(sends)) => format!(" sent {at} UTC ({sends} in all),"),
        _ => String::new(), // the user's device made it
    };
    facts.add(
        "code",
        format_args!(
            "{} symbols by {},{sent} answered {} UTC (answer {})",
            otp.digits,
            otp.channel.name(),
            otp.answered_at,
            otp.attempts,
        ),
    );
    if let Some(device) = &otp.device {
        facts.add("device", hex(&device.credential));
        facts.text("suite", device.suite.as_deref());
        facts.text("question", device.question.as_deref());
        if let Some(counter) = device.counter {
            facts.add("counter", counter);
        }
    }
    facts.text("consent", said.consent());
    if let Some(image) = said.image() {
        let digest = hex(&image.digest);
        facts.add(
            "image",
            format_args!(
                "{}, {} bytes, SHA-256 {digest}",
                image.media_type, image.size
            ),
        );
    }
    if said.withheld() > 0 {
        facts.add("withheld", format_args!("{} details", said.withheld()));
    }
    facts.0
}

struct Facts(String);

impl Facts {
    fn add(&mut self, label: &str, fact: impl Display) {
        let _ = writeln!(self.0, "  {label:<11}{fact}"); // writing to a `String` cannot fail
    }

    fn text(&mut self, label: &str, fact: Option<&str>) {
        if let Some(fact) = fact {
            self.add(label, quoted(fact));
        }
    }
}

/// Shows the answers about the chain; tells whether none is bad.
fn show_chain(lines: &[Line<'_>], keys: &VerifyingKeys, options: &Options) -> bool {
    let read = |line: &Line<'_>| SignatureRecord::from_sd_jwt(line.text);
    let records: Result<Vec<_>, _> = lines.iter().map(read).collect();
    let count = lines.len();
    let records = match records {
        Ok(mut records) => {
            if !options.newest_first {
                records.reverse();
            }
            records
        }
        Err(error) => {
            println!("chain of {count}: DOES NOT HOLD: {error}");
            return false;
        }
    };
    let verdict = verify_chain(&records, keys, &options.expected_chain());
    println!("chain of {count}:");
    for (label, answer, how) in [
        ("signatures", verdict.signatures, ""),
        ("tenant", verdict.tenant, "give --tenant"),
        ("field", verdict.field, "give --model, --field, --record"),
        ("order", verdict.chain, ""),
        (
            "newest",
            verdict.head,
            "give --count and --head of the chain head",
        ),
    ] {
        let answer = match answer {
            RecordCheck::Good => "good".into(),
            RecordCheck::Bad(error) => format!("BAD: {error}"),
            RecordCheck::NotChecked => format!("not checked: {how}"),
        };
        println!("  {label:<11}{answer}");
    }
    verdict.none_bad()
}

/// Quotes a text that somebody else wrote: nothing in it reaches the terminal as a command.
fn quoted(text: &str) -> String {
    format!("{text:?}")
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut digits, byte| {
        let _ = write!(digits, "{byte:02x}");
        digits
    })
}

#[derive(Default)]
struct Options {
    keys: Option<String>,
    records: Option<String>,
    tenant: Option<String>,
    model: Option<String>,
    field: Option<String>,
    record: Option<String>,
    purpose: Option<String>,
    user: Option<String>,
    document: Option<String>,
    count: Option<u64>,
    head: Option<[u8; 32]>,
    first: Option<u64>,
    newest_first: bool,
}

impl Options {
    /// Reads the command line; `None` asks for help.
    fn parse(mut arguments: impl Iterator<Item = String>) -> Result<Option<Self>, String> {
        let mut options = Self::default();
        while let Some(argument) = arguments.next() {
            let mut value = || {
                let value = arguments.next();
                value.ok_or_else(|| format!("{argument} needs a value; see --help"))
            };
            match argument.as_str() {
                "--help" | "-h" => return Ok(None),
                "--keys" => options.keys = Some(value()?),
                "--tenant" => options.tenant = Some(value()?),
                "--model" => options.model = Some(value()?),
                "--field" => options.field = Some(value()?),
                "--record" => options.record = Some(value()?),
                "--purpose" => options.purpose = Some(value()?),
                "--user" => options.user = Some(value()?),
                "--document" => options.document = Some(value()?),
                "--count" => options.count = Some(number("--count", &value()?)?),
                "--first" => options.first = Some(number("--first", &value()?)?),
                "--head" => options.head = Some(digest(&value()?)?),
                "--newest-first" => options.newest_first = true,
                other if other.starts_with('-') && other != "-" => {
                    return Err(format!("unknown option {other}; see --help"));
                }
                _ if options.records.is_some() => {
                    return Err("more than one RECORDS; see --help".into());
                }
                _ => options.records = Some(argument),
            }
        }
        if options.head.is_some() && options.count.is_none() {
            return Err("--head needs --count; see --help".into());
        }
        Ok(Some(options))
    }

    fn keys(&self) -> Result<VerifyingKeys, String> {
        let path = self
            .keys
            .as_deref()
            .ok_or("--keys is missing; see --help")?;
        let text = std::fs::read_to_string(path).map_err(|error| format!("{path}: {error}"))?;
        let keys = if text.trim_start().starts_with("-----BEGIN") {
            VerifyingKeys::from_pem(&text)
        } else {
            VerifyingKeys::from_jwk_set(&text)
        };
        keys.map_err(|error| format!("{path}: {error}"))
    }

    /// Reads the records; returns how to call their source, too.
    fn records(&self) -> Result<(&str, String), String> {
        let (name, text) = match self.records.as_deref() {
            None | Some("-") => {
                let mut text = String::new();
                let read = std::io::stdin().read_to_string(&mut text);
                ("standard input", read.map(|_| text))
            }
            Some(path) => (path, std::fs::read_to_string(path)),
        };
        text.map(|text| (name, text))
            .map_err(|error| format!("{name}: {error}"))
    }

    fn expected(&self, document: Option<&[u8]>) -> Expected<'_> {
        let mut expected = Expected::new();
        for (text, set) in [
            (&self.tenant, Expected::tenant as fn(_, _) -> _),
            (&self.model, Expected::model),
            (&self.field, Expected::field),
            (&self.record, Expected::target_id),
            (&self.purpose, Expected::purpose),
            (&self.user, Expected::user),
        ] {
            if let Some(text) = text {
                expected = set(expected, text);
            }
        }
        if let Some(document) = document {
            expected = expected.content(Sha256::digest(document).into());
        }
        expected
    }

    fn expected_chain(&self) -> ExpectedChain<'_> {
        let mut expected = ExpectedChain::new();
        for (text, set) in [
            (&self.tenant, ExpectedChain::tenant as fn(_, _) -> _),
            (&self.model, ExpectedChain::model),
            (&self.field, ExpectedChain::field),
            (&self.record, ExpectedChain::target_id),
        ] {
            if let Some(text) = text {
                expected = set(expected, text);
            }
        }
        if let Some(count) = self.count {
            expected = expected.chain_head(ChainHead::new(count, self.head));
        }
        match self.first {
            Some(first) => expected.first_sequence(first),
            None => expected,
        }
    }
}

fn read_bytes(path: &str) -> Result<Vec<u8>, String> {
    std::fs::read(path).map_err(|error| format!("{path}: {error}"))
}

fn number(option: &str, text: &str) -> Result<u64, String> {
    let number = text.parse().ok().filter(|number| *number > 0);
    number.ok_or_else(|| format!("{option} is {text}; it must be a whole number above 0"))
}

/// Reads a SHA-256 digest: 43 characters of base64url, or 64 hexadecimal digits.
fn digest(text: &str) -> Result<[u8; 32], String> {
    use base64ct::{Base64UrlUnpadded, Encoding as _};
    let bytes = if text.len() == 64 && text.is_ascii() {
        let byte = |at| u8::from_str_radix(&text[at..at + 2], 16).ok();
        (0..64).step_by(2).map(byte).collect()
    } else {
        Base64UrlUnpadded::decode_vec(text).ok()
    };
    bytes
        .and_then(|bytes| bytes.try_into().ok())
        .ok_or_else(|| format!("--head is {text}; it must be 43 base64url or 64 hex characters"))
}
