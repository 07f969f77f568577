//! `otp record`

use std::fs;
use std::path::PathBuf;

use otp_engine_testkit::Folder;
use serde_json::Value;

use crate::{Random, otp, told};

/// The golden records, as files.
struct Golden {
    folder: Folder,
    all: Value,
}

impl Golden {
    fn new() -> Self {
        let path = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../tests/vectors/records/golden-v1.json"
        );
        let all: Value = serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap();
        let folder = Folder::new();
        fs::write(folder.path().join("keys.jwks"), all["jwk_set"].to_string()).unwrap();
        fs::write(folder.path().join("keys.pem"), all["pem"].as_str().unwrap()).unwrap();
        Self { folder, all }
    }

    fn file(&self, name: &str) -> String {
        self.path(name).to_str().unwrap().into()
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The records of the field, oldest first, a line each.
    fn lines(&self) -> Vec<&str> {
        let chain = self.all["chain"].as_array().unwrap();
        chain
            .iter()
            .map(|one| one["sd_jwt"].as_str().unwrap())
            .collect()
    }

    /// The digest of the chain head, in hexadecimal digits.
    fn head(&self) -> String {
        use base64::Engine as _;
        let head = self.all["head"].as_str().unwrap();
        let head = base64::engine::general_purpose::URL_SAFE_NO_PAD
            .decode(head)
            .unwrap();
        head.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    fn run(&self, act: &str, arguments: &[&str], records: &str) -> crate::Ran {
        let keys = self.file("keys.jwks");
        otp(
            &[&["record", act, "--keys", &keys], arguments].concat(),
            records,
        )
    }
}

#[test]
fn case_506_the_golden_records_hold() {
    let golden = Golden::new();
    let all = golden.lines().join("\n\n") + "\n";
    let ran = golden.run("verify", &["--tenant", "acme", "--id", "4711"], &all);
    told(
        &ran,
        0,
        &["line 1: holds: record 1", "line 9: holds: record 5"],
    );
    assert_eq!(ran.stdout.matches("holds").count(), 5);
    assert_eq!(ran.stdout.matches("DOES NOT").count(), 0);
    let pem = otp(
        &["record", "verify", "--keys", &golden.file("keys.pem")],
        &all,
    );
    told(&pem, 0, &["record 5"]);
    fs::write(golden.path("records"), &all).unwrap();
    told(
        &golden.run("verify", &[&golden.file("records")], ""),
        0,
        &["record 5"],
    );
}

/// A character is changed at random places of the record, and each time another part is named.
#[test]
fn case_506_two_hundred_mutations_are_found_and_the_part_is_named() {
    const SYMBOLS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let (golden, mut random) = (Golden::new(), Random::new());
    let line = golden.lines()[0];
    let mut parts = std::collections::BTreeMap::<_, u32>::new();
    for number in 0..200 {
        // Every fourth in the header or the signature, which are short.
        let ends: Vec<_> = line
            .match_indices('.')
            .map(|(at, _)| at)
            .chain([line.find('~').unwrap()])
            .collect();
        let at = match number % 4 {
            0 => random.below(ends[0] as u64) as usize,
            1 => ends[1] + 1 + random.below((ends[2] - ends[1] - 1) as u64) as usize,
            _ => random.below(line.len() as u64) as usize,
        };
        let mut mutated = line.as_bytes().to_vec();
        mutated[at] = loop {
            let symbol = random.one_of(SYMBOLS);
            if symbol != line.as_bytes()[at] {
                break symbol;
            }
        };
        let mutated = String::from_utf8(mutated).unwrap();
        let ran = golden.run("verify", &[], &mutated);
        let disclosure = line[..at].matches('~').count();
        let (part, words) = if line.as_bytes()[at] == b'.' {
            ("a dot", vec!["three parts".to_owned()])
        } else if at < ends[0] {
            (
                "header",
                ["header", "alg ", "key ", "typ "]
                    .map(String::from)
                    .to_vec(),
            )
        } else if at < ends[1] {
            (
                "payload",
                vec!["not signed by key".into(), "payload".into()],
            )
        } else if disclosure == 0 && at != ends[2] {
            (
                "signature",
                vec!["not signed by key".into(), "signature".into()],
            )
        } else {
            // A tilde that is gone joins two, or the first of them and the signature.
            (
                "disclosure",
                vec!["disclosure".into(), "signature".into(), "tilde".into()],
            )
        };
        *parts.entry(part).or_default() += 1;
        assert_eq!(ran.code, 1, "{part} at {at}: {ran:?}");
        let why = ran
            .stdout
            .split_once("DOES NOT HOLD: ")
            .map(|(_, why)| why)
            .unwrap();
        assert!(
            words.iter().any(|word| why.contains(word)),
            "{part} at {at}: {why}"
        );
        // Nothing of it is shown as if it held.
        told(&golden.run("show", &[], &mutated), 1, &["DOES NOT HOLD"]);
    }
    assert!(
        parts["header"] > 20
            && parts["payload"] > 20
            && parts["signature"] > 20
            && parts["disclosure"] > 10,
        "{parts:?}"
    );
}

#[test]
fn what_is_expected_and_what_is_not_is_named() {
    let golden = Golden::new();
    let first = golden.lines()[0];
    fs::write(golden.path("other.pdf"), "another document").unwrap();
    let other = golden.file("other.pdf");
    for (arguments, code, words) in [
        (
            &[
                "--tenant",
                "acme",
                "--model",
                "loan.offer",
                "--field",
                "borrower_signature",
                "--user",
                "42",
            ][..],
            0,
            "holds",
        ),
        (&["--tenant", "globex"], 1, "iss is not the expected one"),
        (&["--model", "x"], 1, "ref.model"),
        (&["--field", "x"], 1, "ref.field"),
        (&["--id", "x"], 1, "ref.record"),
        (&["--purpose", "x"], 1, "act"),
        (&["--user", "x"], 1, "who.user"),
        (&["--document", &other], 1, "doc.dig"),
        (&["--document", "no-such-file"], 2, "no-such-file"),
    ] {
        told(&golden.run("verify", arguments, first), code, &[words]);
    }
    let other = golden.all["hs256"]["record"]["sd_jwt"].as_str().unwrap();
    told(&golden.run("verify", &[], other), 1, &["key"]);
    // One that does not hold among those that do.
    let mixed = [first, other, golden.lines()[1]].join("\n");
    told(
        &golden.run("verify", &[], &mixed),
        1,
        &["line 1: holds", "line 2: DOES NOT HOLD", "line 3: holds"],
    );
}

#[test]
fn a_record_is_shown_with_its_details_and_nothing_in_it_reaches_the_terminal() {
    let golden = Golden::new();
    let first = golden.lines()[0];
    told(
        &golden.run("show", &[], first),
        0,
        &[
            "\"acme\"",
            "\"+27821234567\"",
            "6 symbols by sms",
            "key UDDReOZl1ipX",
        ],
    );
    let json = golden.run("show", &["--json"], first).stdout;
    let json: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(
        json["payload"].to_string(),
        golden.all["chain"][0]["payload"].as_str().unwrap()
    );
    assert_eq!(json["details"]["number"], "+27821234567");
    let jws = first.split_once('~').unwrap().0;
    let shown = golden.run("show", &[], jws);
    told(&shown, 0, &["withheld"]);
    assert!(!shown.stdout.contains("+27821234567"));
}

#[test]
fn case_507_a_chain_that_is_cut_moved_or_mixed_is_found() {
    let golden = Golden::new();
    let (lines, head) = (golden.lines(), golden.head());
    let joined = |which: &[usize]| {
        which
            .iter()
            .map(|n| lines[*n])
            .collect::<Vec<_>>()
            .join("\n")
    };
    let whole = joined(&[0, 1, 2, 3, 4]);
    let field = [
        "--tenant",
        "acme",
        "--model",
        "loan.offer",
        "--field",
        "borrower_signature",
        "--id",
        "4711",
    ];
    let ended = [&field[..], &["--count", "5", "--head", &head]].concat();
    let ran = golden.run("chain", &ended, &whole);
    told(&ran, 0, &["chain of 5"]);
    assert_eq!(ran.stdout.matches(" good").count(), 5, "{ran:?}");
    told(
        &golden.run("chain", &[], &whole),
        0,
        &[
            "tenant     not checked: give --tenant",
            "newest     not checked",
        ],
    );
    for (arguments, records, words) in [
        (&ended[..], joined(&[0, 1, 2, 3]), "newest     BAD"),
        (&ended, joined(&[0, 1, 3, 4]), "order      BAD"),
        (
            &ended,
            joined(&[1, 2, 3, 4]),
            "stands where record 1 is due",
        ),
        (&ended, joined(&[0, 2, 1, 3, 4]), "order      BAD"),
        (&ended, joined(&[0, 1, 2, 3, 4, 4]), "order      BAD"),
        (&["--tenant", "globex"], whole.clone(), "tenant     BAD"),
        (&["--model", "x"], whole.clone(), "field      BAD"),
        (&["--count", "6"], whole.clone(), "the chain head counts 6"),
        (&["--newest-first"], whole.clone(), "order      BAD"),
    ] {
        told(&golden.run("chain", arguments, &records), 1, &[words]);
    }
    told(
        &golden.run("chain", &["--first", "2"], &joined(&[1, 2, 3, 4])),
        0,
        &[],
    );
    told(
        &golden.run("chain", &["--newest-first"], &joined(&[4, 3, 2, 1, 0])),
        0,
        &[],
    );
    told(
        &golden.run("chain", &[], &format!("{}\nno.record.", lines[0])),
        1,
        &["line 2: DOES NOT HOLD"],
    );
}

#[test]
fn what_is_no_record_and_no_key_is_a_usage_error() {
    let golden = Golden::new();
    told(
        &golden.run("verify", &[], "\n \n"),
        2,
        &["standard input holds no record"],
    );
    told(
        &golden.run("verify", &["no-such-file"], ""),
        2,
        &["no-such-file: is not there"],
    );
    told(
        &golden.run("chain", &["--head", &golden.head()], ""),
        2,
        &["--count"],
    );
    told(
        &golden.run("chain", &["--count", "1", "--head", "abc"], ""),
        2,
        &["--head", "64 hexadecimal digits"],
    );
    let manifest = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml");
    told(
        &otp(&["record", "verify", "--keys", manifest], golden.lines()[0]),
        2,
        &["Cargo.toml", "JWK set"],
    );
    told(
        &otp(&["record", "verify", "--keys", "-"], ""),
        2,
        &["--keys must be a file"],
    );
}
