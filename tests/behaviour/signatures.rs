//! Signature records through the engine: a code that is used up leaves its record in the same
//! commit, and whatever happens to a record afterwards is found.

mod cases;
mod crash;
mod devices;
mod evidence;
mod interop;
mod shelf;
mod storm;
mod tampering;

use core::sync::atomic::{AtomicI64, Ordering};

use crate::support::fixture::{self, Harness};
use otp_engine::{
    Binding, EngineBuilder, Evidence, Issued, RateLimits, SignatureRecord, SigningKey, Submission,
    Target, Timestamp, Verdict,
    record::{
        ChainHead, ChainVerdict, ExpectedChain, RecordDetail, VerifiedRecord, VerifyingKeys,
        verify_chain, verify_record,
    },
};
use shelf::Shelf;

/// A signature as a pad draws it.
const PNG: &[u8] = include_bytes!("../vectors/images/sound/drawn.png");

/// A photograph that comments make so many bytes long.
fn photograph(size: usize) -> Vec<u8> {
    let taken = include_bytes!("../vectors/images/sound/drawn.jpg");
    let mut image = taken[..2].to_vec();
    let mut left = size - taken.len();
    while left > 0 {
        let segment = if left > 60_000 { 30_000 } else { left };
        image.extend([0xFF, 0xFE]);
        image.extend(u16::try_from(segment - 2).unwrap().to_be_bytes());
        image.resize(image.len() + segment - 4, 0);
        left -= segment;
    }
    image.extend(&taken[2..]);
    image
}

/// Every detail that can be erased.
const ALL_DETAILS: [RecordDetail; 7] = [
    RecordDetail::UserName,
    RecordDetail::SignerName,
    RecordDetail::Number,
    RecordDetail::Email,
    RecordDetail::Ip,
    RecordDetail::Agent,
    RecordDetail::ContentDigest,
];

/// A host that signs, on a store into which the test can reach.
struct Signing {
    host: Harness,
    store: Shelf,
    seconds: AtomicI64,
}

impl Signing {
    fn new() -> Self {
        Self::with(|builder| builder)
    }

    /// Without rate limits: many signatures of one user are no abuse here.
    fn with(set: impl FnOnce(EngineBuilder) -> EngineBuilder) -> Self {
        let signing = |builder: EngineBuilder| {
            builder
                .signing_key(key())
                .rate_limits(RateLimits::unlimited())
        };
        Self {
            host: Harness::with(|builder| set(signing(builder))),
            store: Shelf::permanent(),
            seconds: AtomicI64::new(0),
        }
    }

    fn issue(&self, binding: &Binding) -> Issued {
        let issuance = self.host.engine.issue(&self.store, binding).unwrap();
        issuance.issued().expect("a send that is within all limits")
    }

    fn answer(&self, binding: &Binding, entered: &str, evidence: Evidence<'_>) -> Verdict {
        let submission = Submission::new(binding, entered).evidence(evidence);
        self.host.engine.verify(&self.store, submission).unwrap()
    }

    /// Issues a code and answers it, a cooldown after what was before.
    fn sign(&self, binding: &Binding, evidence: Evidence<'_>) -> SignatureRecord {
        let seconds = self.seconds.fetch_add(60, Ordering::SeqCst);
        self.host.at(seconds);
        let issued = self.issue(binding);
        accepted(self.answer(binding, issued.code.as_str(), evidence))
    }

    /// Signs the sample field `times` times, as users 1, 2 and so on.
    fn sign_often(&self, times: u32) -> Vec<SignatureRecord> {
        let sign = |user: u32| {
            let binding = fixture::parts().user(&user.to_string()).build().unwrap();
            let name = format!("Signer {user}");
            self.sign(&binding, evidence_of(&name))
        };
        (1..=times).map(sign).collect()
    }

    fn signatures(&self, limit: usize) -> Result<Vec<SignatureRecord>, otp_engine::Error> {
        self.host
            .engine
            .signatures(&self.store, "acme", &field(), limit)
    }

    fn chain_head(&self) -> ChainHead {
        let engine = &self.host.engine;
        engine.chain_head(&self.store, "acme", &field()).unwrap()
    }

    /// Judges records of the sample field by all that can be expected of them.
    fn judge(&self, records: &[SignatureRecord]) -> ChainVerdict {
        let head = self.chain_head();
        verify_chain(records, &keys(), &expected().chain_head(head))
    }
}

fn accepted(verdict: Verdict) -> SignatureRecord {
    match verdict {
        Verdict::Accepted(acceptance) => *acceptance.record.expect("an engine that signs"),
        Verdict::Rejected(rejection) => panic!("rejected: {rejection:?}"),
    }
}

fn key() -> SigningKey {
    SigningKey::from_seed(&[21; 32]).unwrap()
}

fn keys() -> VerifyingKeys {
    [key().verifying_key()].into_iter().collect()
}

fn field() -> Target<'static> {
    fixture::record("15")
}

fn expected() -> ExpectedChain<'static> {
    let Target {
        model,
        field,
        id: record,
    } = field();
    ExpectedChain::new()
        .tenant("acme")
        .model(model)
        .field(field)
        .target_id(record)
}

fn evidence_of(name: &str) -> Evidence<'_> {
    Evidence::new()
        .user_name(name)
        .signer_name(name)
        .image(PNG)
        .consent("I accept the loan offer.")
        .ip("203.0.113.7")
}

fn verify(record: &SignatureRecord) -> VerifiedRecord {
    verify_record(record.jws(), record.disclosures(), &keys(), None).unwrap()
}

fn later(seconds: i64) -> Timestamp {
    fixture::at(seconds)
}
