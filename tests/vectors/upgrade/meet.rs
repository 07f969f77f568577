//! A host of the version before, on a store on which one of this version works too: answers each line of its
//! input, `SECONDS issue USER`, `SECONDS verify USER CODE` or `SECONDS hotp USER CODE`.
//!
//! It is built by the version that it speaks of, never by this one: `cargo xtask soak --only upgrade` puts it among
//! the examples of that version's stores, with an `open` of its own.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "for tests alone")]

use std::io::stdin;
use std::sync::Arc;

use otp_engine::oath::{Algorithm, Hotp, Secret};
use otp_engine::{
    Binding, Engine, Error, Evidence, KeyRing, ManualClock, Mobile, RecordField, Rejection,
    SigningKey, Submission, Timestamp,
};

const START: i64 = 1_715_767_200;

fn main() {
    let store = open(&std::env::args().nth(1).unwrap());
    let clock = Arc::new(ManualClock::new(Timestamp::from_unix(START)));
    let keys = KeyRing::builder().code("2026a", &[1; 32]).index(&[2; 32]);
    let engine = Engine::builder(keys.build().unwrap())
        .clock(Arc::clone(&clock))
        .signing_key(SigningKey::from_seed(&[7; 32]))
        .build();
    for line in stdin().lines() {
        let line = line.unwrap();
        let words: Vec<&str> = line.split(' ').collect();
        let (seconds, user): (i64, u64) = (words[0].parse().unwrap(), words[2].parse().unwrap());
        clock.set(Timestamp::from_unix(START + seconds));
        let binding = binding(user);
        let said = match words[1] {
            "issue" => {
                let issued = engine.issue(&store, &binding).unwrap().issued().unwrap();
                issued.code.as_str().to_owned()
            }
            "verify" => {
                let submission = Submission::new(&binding, words[3]);
                let submission = submission.evidence(Evidence::new().signer_name("Siti"));
                let verdict = engine.verify(&store, submission);
                told(verdict.map(|verdict| verdict.rejection()))
            }
            _ => {
                let secret = Secret::new(format!("the secret of {user:08}").as_bytes()).unwrap();
                let hotp = Hotp::new(&secret, Algorithm::Sha1, 8).unwrap();
                let verdict = engine.verify_hotp(&store, &binding, &hotp, words[3], 5);
                told(verdict.map(|verdict| verdict.rejection()))
            }
        };
        println!("{said}");
    }
}

fn told(rejection: Result<Option<Rejection>, Error>) -> String {
    match rejection {
        Ok(None) => "accepted".to_owned(),
        Ok(Some(rejection)) => format!("{rejection:?}"),
        Err(error) => format!("{error:?}"),
    }
}

/// Each user has a record and a number of their own.
fn binding(user: u64) -> Binding {
    let (record, mobile) = (format!("{}", 100 + user), format!("6012345{user:04}"));
    Binding::builder()
        .tenant("acme")
        .purpose("sign")
        .record_field(RecordField {
            model: "loan.application",
            field: "client_signature",
            record: &record,
        })
        .user(&user.to_string())
        .recipient(Mobile::parse(&mobile).unwrap())
        .build()
        .unwrap()
}
