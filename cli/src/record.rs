//! `otp record`

use core::fmt::{Display, Write as _};
use std::fs;
use std::path::PathBuf;

use clap::{Args, Subcommand, value_parser};
use otp_engine::ContentDigest;
use otp_engine::record::{
    ChainHead, Expected, ExpectedChain, RecordCheck, RecordDetail, RecordError, SignatureRecord,
    VerifiedRecord, VerifyingKeys, verify_chain, verify_record,
};
use serde_json::{Value, json};

use crate::answer::{Answer, Failure};
use crate::device::unhex;
use crate::input;

/// Verify signature records offline, with public keys alone
#[derive(Args)]
#[command(after_help = "Exit code: 0 all holds, 1 something does not, 2 bad usage or an error.")]
pub(crate) struct RecordCommand {
    #[command(subcommand)]
    act: Act,
}

#[derive(Subcommand)]
enum Act {
    Verify(Verify),
    Show(Show),
    Chain(Chain),
}

/// The records, and the keys that they are verified by.
#[derive(Args)]
struct Source {
    /// Public keys that you trust: a JWK set, or PEM
    #[arg(long, value_name = "FILE")]
    keys: PathBuf,

    /// File with a record a line [default: standard input]
    #[arg(default_value = "-", hide_default_value = true)]
    records: PathBuf,
}

/// The record field that is expected.
#[derive(Args)]
struct Field {
    /// Expect the tenant (iss)
    #[arg(long, value_name = "TEXT")]
    tenant: Option<String>,

    /// Expect the model (ref.model)
    #[arg(long, value_name = "TEXT")]
    model: Option<String>,

    /// Expect the field (ref.field)
    #[arg(long, value_name = "TEXT")]
    field: Option<String>,

    /// Expect the id of the host's record (ref.record)
    #[arg(long, value_name = "TEXT")]
    id: Option<String>,
}

/// Verify each record: signature, format, details, what it approves
#[derive(Args)]
struct Verify {
    #[command(flatten)]
    source: Source,

    #[command(flatten)]
    field: Field,

    /// Expect what the code was good for (act)
    #[arg(long, value_name = "TEXT")]
    purpose: Option<String>,

    /// Expect the user (who.user)
    #[arg(long, value_name = "TEXT")]
    user: Option<String>,

    /// Expect this document: doc.dig is its SHA-256
    #[arg(long, value_name = "FILE")]
    document: Option<PathBuf>,
}

/// Show what the records say, or why they do not hold
#[derive(Args)]
struct Show {
    #[command(flatten)]
    source: Source,

    /// Answer in JSON, a line for each record
    #[arg(long)]
    json: bool,
}

/// Verify the records of a field together: none missing, moved, replaced
#[derive(Args)]
struct Chain {
    #[command(flatten)]
    source: Source,

    #[command(flatten)]
    field: Field,

    /// Expect so many records: the chain head's count
    #[arg(long, value_name = "N", value_parser = value_parser!(u64).range(1..))]
    count: Option<u64>,

    /// Expect the newest's digest, 64 hexadecimal digits
    #[arg(long, value_name = "HEX", requires = "count", value_parser = digest)]
    head: Option<[u8; 32]>,

    /// The records before the Nth are left out on purpose
    #[arg(long, value_name = "N", value_parser = value_parser!(u64).range(1..))]
    first: Option<u64>,

    /// The newest record stands in the first line
    #[arg(long)]
    newest_first: bool,
}

impl RecordCommand {
    pub(crate) fn run(&self) -> Result<Answer, Failure> {
        match &self.act {
            Act::Verify(verify) => verify.run(),
            Act::Show(show) => show.run(),
            Act::Chain(chain) => chain.run(),
        }
    }
}

impl Verify {
    fn run(&self) -> Result<Answer, Failure> {
        let document = self.document.as_deref();
        let document = document.map(|path| {
            let bytes = fs::read(path);
            bytes.map_err(|error| Failure::of_file(path, format_args!("cannot be read: {error}")))
        });
        let mut expected = Expected::new();
        for (text, set) in [
            (&self.field.tenant, Expected::tenant as fn(_, _) -> _),
            (&self.field.model, Expected::model),
            (&self.field.field, Expected::field),
            (&self.field.id, Expected::target_id),
            (&self.purpose, Expected::purpose),
            (&self.user, Expected::user),
        ] {
            if let Some(text) = text {
                expected = set(expected, text);
            }
        }
        if let Some(document) = document.transpose()? {
            expected = expected.content(*ContentDigest::of(&document).as_bytes());
        }
        self.source.each(&expected, |number, judged| match judged {
            Ok(said) => format!(
                "line {number}: holds: record {} of its field, {} UTC, key {}\n",
                said.sequence(),
                said.verified_at(),
                said.key(),
            ),
            Err(error) => format!("line {number}: DOES NOT HOLD: {error}\n"),
        })
    }
}

impl Show {
    fn run(&self) -> Result<Answer, Failure> {
        let expected = Expected::new();
        self.source.each(&expected, |number, judged| match judged {
            _ if self.json => format!("{}\n", in_json(number, judged)),
            Ok(said) => format!("line {number}: holds\n{}", facts(said)),
            Err(error) => format!("line {number}: DOES NOT HOLD: {error}\n"),
        })
    }
}

impl Chain {
    fn run(&self) -> Result<Answer, Failure> {
        let (keys, name, text) = self.source.read()?;
        let mut records = Vec::new();
        for (number, line) in lines(&name, &text)? {
            match judge(line, &keys, &Expected::new())
                .and_then(|_| SignatureRecord::from_sd_jwt(line))
            {
                Ok(record) => records.push(record),
                Err(error) => {
                    return Ok(Answer::of(
                        format!("line {number}: DOES NOT HOLD: {error}\n"),
                        false,
                    ));
                }
            }
        }
        if !self.newest_first {
            records.reverse();
        }
        let verdict = verify_chain(&records, &keys, &self.expected());
        let mut told = format!("chain of {}:\n", records.len());
        for (label, check, how) in [
            ("signatures", verdict.signatures, ""),
            ("tenant", verdict.tenant, "give --tenant"),
            ("field", verdict.field, "give --model, --field and --id"),
            ("order", verdict.chain, ""),
            (
                "newest",
                verdict.head,
                "give --count and --head of the chain head",
            ),
        ] {
            let check = match check {
                RecordCheck::Good => "good".into(),
                RecordCheck::Bad(error) => format!("BAD: {error}"),
                RecordCheck::NotChecked => format!("not checked: {how}"),
            };
            told += &format!("  {label:<11}{check}\n");
        }
        Ok(Answer::of(told, verdict.none_bad()))
    }

    fn expected(&self) -> ExpectedChain<'_> {
        let mut expected = ExpectedChain::new();
        for (text, set) in [
            (&self.field.tenant, ExpectedChain::tenant as fn(_, _) -> _),
            (&self.field.model, ExpectedChain::model),
            (&self.field.field, ExpectedChain::field),
            (&self.field.id, ExpectedChain::target_id),
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

type Judged<'a> = &'a Result<VerifiedRecord, RecordError>;

impl Source {
    /// Reads the keys, and the name and text of the records.
    fn read(&self) -> Result<(VerifyingKeys, String, String), Failure> {
        if input::is_stdin(&self.keys) {
            return Err(Failure::new(
                "--keys must be a file; standard input is for records",
            ));
        }
        let (_, keys) = input::text(&self.keys)?;
        let keys = if keys.trim_start().starts_with("-----BEGIN") {
            VerifyingKeys::from_pem(&keys)
        } else {
            VerifyingKeys::from_jwk_set(&keys)
        };
        let keys = keys.map_err(|error| Failure::of_file(&self.keys, error))?;
        let (name, text) = input::text(&self.records)?;
        Ok((keys, name, text))
    }

    /// Judges each record, and tells what `tell` says of it.
    fn each(
        &self,
        expected: &Expected<'_>,
        tell: impl Fn(usize, Judged<'_>) -> String,
    ) -> Result<Answer, Failure> {
        let (keys, name, text) = self.read()?;
        let (mut told, mut hold) = (String::new(), true);
        for (number, line) in lines(&name, &text)? {
            let judged = judge(line, &keys, expected);
            told += &tell(number, &judged);
            hold &= judged.is_ok();
        }
        Ok(Answer::of(told, hold))
    }
}

/// Returns the lines that are not empty, with their numbers; at least one.
fn lines<'a>(name: &str, text: &'a str) -> Result<Vec<(usize, &'a str)>, Failure> {
    let lines = (1..).zip(text.lines().map(str::trim_ascii));
    let lines: Vec<_> = lines.filter(|(_, line)| !line.is_empty()).collect();
    if lines.is_empty() {
        return Err(Failure::new(format!(
            "{name} holds no record; it must have one a line"
        )));
    }
    Ok(lines)
}

/// Verifies a record, signature first: what is wrong inside of one that nobody signed is of no interest.
fn judge(
    line: &str,
    keys: &VerifyingKeys,
    expected: &Expected<'_>,
) -> Result<VerifiedRecord, RecordError> {
    let (jws, rest) = line.split_once('~').unwrap_or((line, ""));
    let rest = rest.strip_suffix('~').unwrap_or(rest);
    let disclosures: Vec<_> = if rest.is_empty() {
        Vec::new()
    } else {
        rest.split('~').collect()
    };
    let said = verify_record(jws, &disclosures, keys, Some(expected))?;
    // Stricter: every disclosure ends with a tilde.
    SignatureRecord::from_sd_jwt(line).map(|_| said)
}

/// The details that a person may be known by, as they are labelled.
const DETAILS: [(&str, RecordDetail); 6] = [
    ("named", RecordDetail::UserName),
    ("typed name", RecordDetail::SignerName),
    ("number", RecordDetail::Number),
    ("e-mail", RecordDetail::Email),
    ("address", RecordDetail::Ip),
    ("program", RecordDetail::Agent),
];

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
    facts.text("tenant", Some(said.tenant()));
    facts.text("model", Some(said.model()));
    facts.text("field", Some(said.field()));
    facts.text("id", Some(said.target_id()));
    facts.text("revision", said.revision());
    facts.text("purpose", Some(said.purpose()));
    if said.document().is_some() {
        let digest = said
            .content()
            .map_or("withheld".into(), |digest| hex(&digest));
        facts.add("document", format_args!("SHA-256 {digest}"));
    }
    facts.text("user", Some(said.user()));
    for (label, detail) in DETAILS {
        facts.text(label, said.detail(detail));
    }
    let otp = said.otp();
    let sent = match (otp.sent_at, otp.sends) {
        (Some(at), Some(sends)) => format!(" sent {at} UTC ({sends} in all),"),
        _ => String::new(),
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
        facts.add("device", format_args!("{}", hex(&device.credential)));
        facts.text("suite", device.suite.as_deref());
        facts.text("question", device.question.as_deref());
        if let Some(counter) = device.counter {
            facts.add("counter", format_args!("{counter}"));
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
        let _ = writeln!(self.0, "  {label:<11}{fact}"); // a `String` takes everything
    }

    /// Adds a text that somebody else wrote, quoted: nothing in it reaches the terminal as a command.
    fn text(&mut self, label: &str, fact: Option<&str>) {
        if let Some(fact) = fact {
            self.add(label, format_args!("{fact:?}"));
        }
    }
}

fn in_json(number: usize, judged: Judged<'_>) -> Value {
    match judged {
        Err(error) => json!({"line": number, "holds": false, "why": error.to_string()}),
        Ok(said) => {
            let payload: Value = serde_json::from_str(said.payload()).unwrap_or_default();
            let details = DETAILS.iter().filter_map(|(_, detail)| {
                Some((detail.name().to_owned(), Value::from(said.detail(*detail)?)))
            });
            let details: serde_json::Map<_, _> = details.collect();
            json!({"line": number, "holds": true, "key": said.key().to_string(), "payload": payload,
                   "details": details, "withheld": said.withheld()})
        }
    }
}

fn digest(text: &str) -> Result<[u8; 32], String> {
    let bytes = unhex(text).and_then(|bytes| <[u8; 32]>::try_from(&**bytes).ok());
    bytes.ok_or_else(|| "it must be 64 hexadecimal digits".into())
}

/// Writes hexadecimal digits.
fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut digits, byte| {
        let _ = write!(digits, "{byte:02x}"); // a `String` takes everything
        digits
    })
}
