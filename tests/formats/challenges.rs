//! Live challenges of format 1, each with its code and with what a person may type for it; the keys of bindings, and recipients. C and Python read the same file.
//!
//! `OTP_WRITE_GOLDEN=1` makes the file; it never changes after a release.

use std::collections::BTreeMap;
use std::fs;
use std::sync::Mutex;

use crate::support::fixture::{Harness, START, binding, wrong};
use otp_engine::store::{Cell, Class, Commit, Error, Key, Store, Version, Write};
use otp_engine::{
    Binding, ContentDigest, Email, Issued, Mobile, Policy, Rejection, Submission, Target,
    Timestamp, policy::PolicyBuilder,
};
use serde_json::{Value, json};

const FILE: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/tests/vectors/challenges-v1.json"
);

const COMMENT: &str = "Live challenges of format 1 as they stand in a Permanent store, their codes, and how what a \
    person types for them is judged; bindings with the keys of their cells, and recipients. Made by tests/formats/challenges.rs \
    with OTP_WRITE_GOLDEN=1. Code secret 32 times the byte 1 (kid 2026a), index secret 2; all bytes in hexadecimal. \
    `rejection` null is an acceptance, `keys` are what an issue loads, one behind the other, `sent_to` null no recipient.";

/// What it is, what is entered, and why it is rejected, if it is.
type EnteredCode = (&'static str, Vec<u8>, Option<&'static str>);

/// A store that keeps what it is given, and the keys that it was asked for first.
#[derive(Default)]
struct Shelf {
    kept: Mutex<BTreeMap<Key, Cell>>,
    asked: Mutex<Vec<Key>>,
}

impl Store for Shelf {
    fn load(&self, keys: &[Key], cells: &mut Vec<Option<Cell>>) -> Result<(), Error> {
        let mut asked = self.asked.lock().unwrap();
        if asked.is_empty() {
            asked.extend(keys);
        }
        let kept = self.kept.lock().unwrap();
        cells.extend(keys.iter().map(|key| kept.get(key).cloned()));
        Ok(())
    }

    fn commit(&self, writes: &[Write<'_>], _: Timestamp) -> Result<Commit, Error> {
        let mut kept = self.kept.lock().unwrap();
        let version = |key| kept.get(key).map_or(Version::ABSENT, Cell::version);
        if writes
            .iter()
            .any(|write| version(&write.key) != write.expected)
        {
            return Ok(Commit::Conflict);
        }
        for write in writes {
            let cell = Cell::new(write.expected.next(), write.discard_after, write.body);
            kept.insert(write.key, cell);
        }
        Ok(Commit::Done)
    }

    fn purge(&self, _: Timestamp, _: usize) -> Result<usize, Error> {
        Ok(0)
    }

    fn class(&self) -> Class {
        Class::Permanent
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(text: &str) -> Vec<u8> {
    let byte = |at| u8::from_str_radix(&text[at..at + 2], 16).unwrap();
    (0..text.len()).step_by(2).map(byte).collect()
}

/// The code in another script's digits, which follow each other from `zero` on.
fn in_script(code: &str, zero: char) -> String {
    let digit = |symbol: char| {
        let value = symbol.to_digit(10).unwrap();
        char::from_u32(u32::from(zero) + value).unwrap()
    };
    code.chars().map(digit).collect()
}

/// What may be entered for a code of digits, and how it is to be judged.
fn typed_for_digits(issued: &Issued) -> Vec<EnteredCode> {
    const NO_CODE: Option<&str> = Some("malformed");
    let code = issued.code.as_str();
    let (front, back) = code.split_at(3);
    let mixed = format!("{front}{}", in_script(back, '\u{660}'));
    let texts = [
        ("as it was sent", code.to_owned(), None),
        ("a space", format!("{front} {back}"), None),
        ("a hyphen", format!("{front}-{back}"), None),
        ("a no-break space", format!("{front}\u{a0}{back}"), None),
        ("a tab and a newline", format!("\t{code}\n"), None),
        ("a zero-width space", format!("{front}\u{200b}{back}"), None),
        ("direction marks", format!("\u{200f}{code}\u{200e}"), None),
        ("Arabic-Indic digits", in_script(code, '\u{660}'), None),
        ("Persian digits", in_script(code, '\u{6f0}'), None),
        ("Devanagari digits", in_script(code, '\u{966}'), None),
        ("Bengali digits", in_script(code, '\u{9e6}'), None),
        ("fullwidth digits", in_script(code, '\u{ff10}'), None),
        ("two scripts", mixed, None),
        ("another code", wrong(issued), Some("wrong")),
        ("nothing", String::new(), NO_CODE),
        ("one digit less", code[1..].to_owned(), NO_CODE),
        ("one digit more", format!("{code}0"), NO_CODE),
        ("a sign", format!("+{}", &code[1..]), NO_CODE),
        ("an exponent", format!("{}e5", &code[2..]), NO_CODE),
        ("a number of base 16", format!("0x{}", &code[2..]), NO_CODE),
        ("a fraction", format!("{code}.0"), NO_CODE),
        ("a NUL and more", format!("{code}\0x"), NO_CODE),
        ("a NUL at the end", format!("{code}\0"), NO_CODE),
        ("superscript digits", "\u{2074}".repeat(6), NO_CODE),
        ("circled digits", "\u{2460}".repeat(6), NO_CODE),
        ("Roman digits", "\u{2160}".repeat(6), NO_CODE),
        (
            "the whole message",
            format!("Your code is {code}."),
            NO_CODE,
        ),
        ("a code of 300 digits", "1".repeat(300), NO_CODE),
    ];
    let bytes = texts.map(|(what, text, judged)| (what, text.into_bytes(), judged));
    let no_text = ("bytes of no text", vec![0xff; 6], NO_CODE);
    bytes.into_iter().chain([no_text]).collect()
}

/// Ten digits: the longest code of digits.
fn typed_for_many_digits(issued: &Issued) -> Vec<EnteredCode> {
    let code = issued.code.as_str();
    vec![
        ("as it was sent", code.into(), None),
        ("the first six digits", code[..6].into(), Some("malformed")),
        ("another code", wrong(issued).into(), Some("wrong")),
    ]
}

/// What may be entered for a code of letters or a token.
fn typed_for_letters(issued: &Issued) -> Vec<EnteredCode> {
    let code = issued.code.as_str();
    let alike = code.replace('0', "O").replace('1', "l");
    let texts = [
        ("as it was sent", code.to_owned(), None),
        ("small letters", code.to_lowercase(), None),
        ("look-alikes", alike, None),
        (
            "in two groups",
            format!("{}-{}", &code[..4], &code[4..]),
            None,
        ),
        ("one symbol less", code[1..].to_owned(), Some("malformed")),
        (
            "a foreign symbol",
            format!("{}?", &code[1..]),
            Some("malformed"),
        ),
        ("another code", wrong(issued), Some("wrong")),
    ];
    let bytes = texts.map(|(what, text, judged)| (what, text.into_bytes(), judged));
    bytes.into_iter().collect()
}

fn challenge(draw: u64, policy: PolicyBuilder, entered: fn(&Issued) -> Vec<EnteredCode>) -> Value {
    let host = Harness::with_policy(policy.build().unwrap());
    host.draws.store(draw, core::sync::atomic::Ordering::SeqCst);
    let store = Shelf::default();
    let issuance = host.engine.issue(&store, &binding()).unwrap();
    let issued = issuance.issued().unwrap();
    let cells: Vec<Value> = store.kept.lock().unwrap().iter().map(cell).collect();
    let entered = entered(&issued).into_iter().map(|(what, entered, rejection)| {
        json!({"what": what, "typed": hex(&entered), "rejection": rejection})
    });
    json!({
        "code": issued.code.as_str(),
        "challenge_id": issued.id.to_string(),
        "typed": entered.collect::<Vec<_>>(),
        "cells": cells,
    })
}

fn cell((key, cell): (&Key, &Cell)) -> Value {
    json!({
        "key": hex(key.as_bytes()),
        "version": cell.version().get(),
        "discard_after": cell.discard_after().map(Timestamp::unix),
        "body": hex(cell.body()),
    })
}

/// The keys of the cells that an issue loads for a binding: whoever reads its members in another
/// order, or a recipient otherwise, loads others.
fn keys(members: &Value) -> String {
    let text = |name: &str| members[name].as_str().unwrap_or_default();
    let mut binding = Binding::builder()
        .tenant(text("tenant"))
        .purpose(text("purpose"))
        .target(Target {
            model: text("model"),
            field: text("field"),
            id: text("record"),
        })
        .user(text("user"));
    binding = match members["mobile"].as_str() {
        Some(number) => binding.recipient(Mobile::parse(number).unwrap()),
        None => binding.recipient(Email::parse(text("email")).unwrap()),
    };
    if let Some(content) = members["content"].as_str() {
        let content = ContentDigest::from_bytes(unhex(content).try_into().unwrap());
        let guessable = members["guessable"] == true;
        binding = binding.content(if guessable {
            content.guessable()
        } else {
            content
        });
    }
    let store = Shelf::default();
    let issued = Harness::new()
        .engine
        .issue(&store, &binding.build().unwrap());
    assert!(issued.unwrap().issued().is_some());
    let asked = store.asked.lock().unwrap();
    asked.iter().map(|key| hex(key.as_bytes())).collect()
}

fn bindings() -> Vec<Value> {
    let plain = json!({
        "tenant": "acme", "purpose": "sign", "model": "loan.application", "field": "signature",
        "record": "15", "user": "7", "mobile": "60123456789", "email": null, "content": null,
        "guessable": false,
    });
    let changed = |changes: &[(&str, Value)]| {
        let mut members = plain.clone();
        for (name, value) in changes {
            members[*name] = value.clone();
        }
        members
    };
    let digest = "0123456789abcdef".repeat(4);
    let mut all = vec![
        plain.clone(),
        changed(&[("content", json!(digest))]),
        changed(&[("content", json!(digest)), ("guessable", json!(true))]),
        changed(&[
            ("mobile", json!(null)),
            ("email", json!("siti@example.org")),
        ]),
        changed(&[
            ("tenant", json!("Société Générale")),
            ("record", json!("貸付 15")),
        ]),
        changed(&[("tenant", json!("a")), ("purpose", json!("b".repeat(128)))]),
        changed(&[("record", json!("ab|c")), ("user", json!("a|bc"))]),
        changed(&[
            ("model", json!("signature")),
            ("field", json!("loan.application")),
        ]),
    ];
    for members in &mut all {
        members["keys"] = json!(keys(members));
    }
    all
}

fn recipients() -> Vec<Value> {
    let mobile = |given: &str, sent_to: Option<&str>| json!({"kind": "mobile", "given": given, "sent_to": sent_to});
    let email = |given: &str, sent_to: Option<&str>| json!({"kind": "email", "given": given, "sent_to": sent_to});
    vec![
        mobile("60123456789", Some("60123456789")),
        mobile("+60 12-345 6789", Some("60123456789")),
        mobile("0060123456789", Some("60123456789")),
        mobile("0123456789", None),
        mobile("", None),
        mobile("60123", None),
        mobile("6012345678901234567", None),
        mobile("60 123 ABC 789", None),
        email("siti@example.org", Some("siti@example.org")),
        email("Siti@EXAMPLE.org", Some("Siti@EXAMPLE.org")),
        email("siti", None),
        email("siti@", None),
    ]
}

fn written() -> Value {
    json!({
        "_comment": COMMENT,
        "now": START,
        "binding": {
            "tenant": "acme", "purpose": "sign", "model": "loan.application",
            "field": "client_schedule_esms_otp_signature_ids", "record": "15", "user": "7",
            "mobile": "60123456789",
        },
        "challenges": [
            challenge(0, Policy::builder(), typed_for_digits),
            challenge(100, Policy::builder().digits(10), typed_for_many_digits),
            challenge(200, Policy::builder().letters(8), typed_for_letters),
            challenge(300, Policy::builder().token(), typed_for_letters),
        ],
        "bindings": bindings(),
        "recipients": recipients(),
    })
}

fn golden() -> Value {
    serde_json::from_str(&fs::read_to_string(FILE).unwrap()).unwrap()
}

#[test]
fn the_golden_challenges_are_what_this_version_would_write() {
    if std::env::var_os("OTP_WRITE_GOLDEN").is_some() {
        fs::write(FILE, format!("{:#}\n", written())).unwrap();
    }
    assert_eq!(golden(), written());
}

#[test]
fn what_is_typed_for_a_golden_challenge_is_judged_as_the_file_says() {
    let golden = golden();
    let mut judged = [0; 3];
    for challenge in golden["challenges"].as_array().unwrap() {
        for entered in challenge["typed"].as_array().unwrap() {
            let (host, store) = (Harness::new(), Shelf::default());
            host.clock
                .set(Timestamp::from_unix(golden["now"].as_i64().unwrap()));
            for cell in challenge["cells"].as_array().unwrap() {
                let key = unhex(cell["key"].as_str().unwrap()).try_into().unwrap();
                let version = Version::new(cell["version"].as_u64().unwrap());
                let end = cell["discard_after"].as_i64().map(Timestamp::from_unix);
                let body = unhex(cell["body"].as_str().unwrap());
                let cell = Cell::new(version, end, body);
                store
                    .kept
                    .lock()
                    .unwrap()
                    .insert(Key::from_bytes(key), cell);
            }
            let bytes = unhex(entered["typed"].as_str().unwrap());
            let to = binding();
            let verdict = host.engine.verify(&store, Submission::new(&to, &bytes));
            let (at, found) = match verdict.unwrap().rejection() {
                None => (0, None),
                Some(Rejection::Wrong { .. }) => (1, Some("wrong")),
                Some(Rejection::Malformed) => (2, Some("malformed")),
                Some(other) => panic!("{entered}: {other:?}"),
            };
            assert_eq!(entered["rejection"].as_str(), found, "{entered}");
            judged[at] += 1;
        }
    }
    assert!(judged.iter().all(|count| *count > 0), "{judged:?}");
}

#[test]
fn recipients_are_read_as_the_file_says() {
    for given in golden()["recipients"].as_array().unwrap() {
        let text = given["given"].as_str().unwrap();
        let read = match given["kind"].as_str().unwrap() {
            "mobile" => Mobile::parse(text).map(|it| it.as_str().to_owned()),
            _ => Email::parse(text).map(|it| it.as_str().to_owned()),
        };
        assert_eq!(read.ok().as_deref(), given["sent_to"].as_str(), "{given}");
    }
}
