//! Signing processes that are killed: no acceptance without its record, no record without its acceptance.

use core::fmt::Write as _;
use std::collections::BTreeSet;

use otp_engine::oath::{Device, HashFunction, Hotp, Secret};
use otp_engine::record::{
    ExpectedChain, SignatureRecord, VerifyingKeys, verify_chain, verify_record,
};
use otp_engine::{
    Binding, Engine, Evidence, KeyRing, Mobile, RateLimits, Rejection, SigningKey, Store,
    Submission, Target, Verdict, challenge::ChallengeState,
};

use super::{Open, SIGNERS};
use crate::{Folder, Part, Player, wait_until};

/// A trial by kills of processes that sign, two at a time and for one field: in turn with a code of the signer's
/// own device and with one that was sent.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::exhaustive_structs, reason = "for tests alone")]
pub struct Signers<'a> {
    /// The name of the test.
    pub test: &'a str,
    /// How a process opens the store.
    pub text: &'a str,
    /// How many processes are killed (`kill -9`).
    pub kills: u64,
}

impl Signers<'_> {
    /// Shows that a store keeps records and acceptances together, and prints how many there were.
    pub fn finds_no_fault(&self, name: &str, open: &Open) {
        let records = self.rage(open).unwrap();
        let kills = self.kills;
        eprintln!(
            "figure: records over {kills} kills of signers on {name}, each with its acceptance = {records}"
        );
    }

    /// Kills processes while they sign, and judges what they leave. Returns how many records that were.
    ///
    /// # Errors
    ///
    /// Says what was accepted without a record, or recorded without an acceptance.
    pub fn rage(&self, open: &Open) -> Result<usize, String> {
        let folder = Folder::new();
        let mut records = 0;
        for pair in 0..self.kills.div_ceil(2) {
            let trial = format!("{SIGNERS} {pair}\n{}", self.text);
            let writers = [2 * pair, 2 * pair + 1];
            let mut players = writers.map(|at| Player::start(self.test, at, &trial, &folder));
            Player::let_go(&mut players);
            // Not always as many: the kill comes at other places of a commit.
            let load = usize::try_from(3 + pair % 7).unwrap();
            wait_until("both signers have told of records", || {
                let has_told = |player: &Player| player.told().lines().count() >= load;
                players.iter().all(has_told)
            });
            let told = players.map(Player::kill);
            let store = open(self.text);
            for (writer, told) in writers.into_iter().zip(&told) {
                let found = judge(&*store, pair, writer, told);
                records += found.map_err(|fault| format!("signer {writer}: {fault}"))?;
            }
        }
        Ok(records)
    }
}

/// One process, which signs until it is killed, and tells of each record: its turn and its digest.
pub(super) fn play(part: &mut Part, store: &dyn Store, pair: &str) {
    let (pair, writer, engine) = (pair.parse().unwrap(), part.number(), engine());
    part.wait_for_the_others();
    for turn in 0.. {
        let accepted = if turn % 2 == 0 {
            by_device(&engine, store, pair, writer, turn / 2)
        } else {
            by_message(&engine, store, pair, writer, turn)
        };
        // What failed is not asked again: it may have been done, and the judge looks.
        if let Some(record) = accepted {
            part.tell(&format!("{turn} {}\n", hex(record.digest())));
        }
    }
}

fn by_device(
    engine: &Engine,
    store: &dyn Store,
    pair: u64,
    writer: u64,
    counter: u64,
) -> Option<SignatureRecord> {
    let hotp = device_of(writer);
    match ask(engine, store, pair, writer, &hotp, counter)? {
        Verdict::Accepted(acceptance) => acceptance.record.map(|record| *record),
        Verdict::Rejected(_) => None,
    }
}

fn ask(
    engine: &Engine,
    store: &dyn Store,
    pair: u64,
    writer: u64,
    hotp: &Hotp,
    counter: u64,
) -> Option<Verdict<otp_engine::oath::Acceptance>> {
    let binding = binding(pair, &writer.to_string());
    let (devices, code) = ([Device::hotp(hotp, LOOK_AHEAD)], hotp.at(counter));
    let evidence = Evidence::new().signer_name("Siti");
    engine
        .verify_devices(store, &binding, &devices, code.as_str(), evidence)
        .ok()
}

fn by_message(
    engine: &Engine,
    store: &dyn Store,
    pair: u64,
    writer: u64,
    turn: u64,
) -> Option<SignatureRecord> {
    let binding = binding(pair, &sent_to(writer, turn));
    let issued = engine.issue(store, &binding).ok()?.issued()?;
    let submission = Submission::new(&binding, issued.code.as_str());
    match engine.verify(store, submission).ok()? {
        Verdict::Accepted(acceptance) => acceptance.record.map(|record| *record),
        Verdict::Rejected(_) => None,
    }
}

/// Judges what one signer left; returns how many records of it there are.
fn judge(store: &dyn Store, pair: u64, writer: u64, told: &str) -> Result<usize, String> {
    let engine = engine();
    let failed = |error: otp_engine::Error| format!("no answer: {error:?}");
    let records = engine.signatures(store, TENANT, &field(&pair.to_string()), usize::MAX);
    let records = records.map_err(failed)?;
    let head = engine.chain_head(store, TENANT, &field(&pair.to_string()));
    let expected = ExpectedChain::new()
        .tenant(TENANT)
        .chain_head(head.map_err(failed)?);
    let chain = verify_chain(&records, &keys(), &expected);
    if !chain.none_bad() {
        return Err(format!("the chain: {chain:?}"));
    }
    let digests: BTreeSet<_> = records.iter().map(|record| hex(record.digest())).collect();
    // A last line without its end is passed over: the kill came in the middle of it.
    let lines = told
        .split_inclusive('\n')
        .filter_map(|line| line.strip_suffix('\n'));
    let lines: Vec<_> = lines.filter_map(|line| line.split_once(' ')).collect();
    if let Some((turn, _)) = lines.iter().find(|(_, digest)| !digests.contains(*digest)) {
        return Err(format!(
            "turn {turn} was accepted, and its record is not there"
        ));
    }
    let last: u64 = lines
        .last()
        .map_or(0, |(turn, _)| turn.parse().unwrap_or(0));

    let said = |record: &SignatureRecord| {
        let verified = verify_record(record.jws(), record.disclosures(), &keys(), None).unwrap();
        let counter = verified
            .otp()
            .device
            .as_ref()
            .and_then(|device| device.counter);
        (
            verified.user().to_owned(),
            counter,
            verified.otp().id.clone(),
        )
    };
    let said: Vec<_> = records.iter().map(said).collect();
    let mut found = 0;
    let (hotp, user) = (device_of(writer), writer.to_string());
    let of_device = said.iter().filter(|(name, _, _)| *name == user);
    // Newest first.
    let counters: Vec<u64> = of_device.filter_map(|(_, counter, _)| *counter).collect();
    if counters.windows(2).any(|pair| pair[0] <= pair[1]) {
        return Err(format!("counters {counters:?}"));
    }
    let ask = |counter| ask(&engine, store, pair, writer, &hotp, counter);
    if let Some(newest) = counters.first() {
        let again = ask(*newest).and_then(|verdict| verdict.rejection());
        if again != Some(Rejection::AlreadyUsed) {
            return Err(format!(
                "counter {newest} has a record, and is not used: {again:?}"
            ));
        }
    }
    // The next one that has no record was not taken: it still is.
    let next = counters.first().map_or(0, |newest| newest + 1);
    if !ask(next).is_some_and(|verdict| verdict.is_accepted()) {
        return Err(format!("counter {next} was used, and has no record"));
    }
    found += counters.len();
    for turn in (1..=last + 4).filter(|turn| turn % 2 == 1) {
        let binding = binding(pair, &sent_to(writer, turn));
        let status = engine.status(store, &binding).map_err(failed)?;
        let used = status.filter(|status| status.state == ChallengeState::Verified);
        let id = used.map(|status| status.id.to_string());
        let of_it = said
            .iter()
            .filter(|(name, _, _)| *name == sent_to(writer, turn));
        let ids: Vec<_> = of_it.map(|(_, _, id)| id.clone()).collect();
        if !ids.iter().eq(&id) {
            return Err(format!(
                "turn {turn}: the code {id:?} is used, records are of {ids:?}"
            ));
        }
        found += ids.len();
    }
    Ok(found)
}

fn engine() -> Engine {
    let keys = KeyRing::builder().code("2026a", &[1; 32]).index(&[2; 32]);
    Engine::builder(keys.build().unwrap())
        .rate_limits(RateLimits::unlimited())
        .signing_key(key())
        .build()
}

fn key() -> SigningKey {
    SigningKey::from_seed(&[3; 32]).unwrap()
}

fn keys() -> VerifyingKeys {
    [key().verifying_key()].into_iter().collect()
}

fn device_of(writer: u64) -> Hotp {
    let secret = format!("the secret of {writer:08}");
    let secret = Secret::new(secret.as_bytes()).unwrap();
    Hotp::new(&secret, HashFunction::Sha1, 8).unwrap()
}

/// To whom the code of a turn is sent: to another user each time, as one must wait for the next code.
fn sent_to(writer: u64, turn: u64) -> String {
    format!("{writer}-{turn}")
}

fn field(record: &str) -> Target<'_> {
    Target {
        model: "loan.application",
        field: "client_signature",
        id: record,
    }
}

fn binding(pair: u64, user: &str) -> Binding {
    Binding::builder()
        .tenant(TENANT)
        .purpose("sign")
        .target(field(&pair.to_string()))
        .user(user)
        .recipient(Mobile::parse("60123456789").unwrap())
        .build()
        .unwrap()
}

fn hex(digest: [u8; 32]) -> String {
    digest.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}"); // a text takes all
        text
    })
}

const TENANT: &str = "acme";
const LOOK_AHEAD: u8 = 3;
