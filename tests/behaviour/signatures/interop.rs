//! Records for tools that were not made here, and records of theirs.
//!
//! `cargo xtask test --only interop` names the files in the environment and runs the tools; without
//! it, these tests work on files of their own and on the golden ones.

use std::fs;
use std::path::PathBuf;

use hmac::{Hmac, KeyInit, Mac};
use otp_engine::store::Kind;
use otp_engine::{
    Binding, ContentDigest, Email, Evidence, Mobile, Rejection, SignatureRecord, Target,
    binding::MAX_MEMBER_LEN,
    evidence::{EvidenceFault, EvidenceKind},
    operation::EraseRequest,
    record::{KeyError, RecordDetail, RecordFault, VerifyingKeys, verify_record},
};
use serde_json::{Value, json};
use sha2::Sha256;

use super::{PNG, Signing, keys, verify};
use crate::support::fixture::binding;

/// The seed of this run; a failing test prints it.
pub(crate) fn seed() -> u64 {
    let given = std::env::var("OTP_TEST_SEED").ok();
    given.map_or(0x0DD5_EED5, |seed| {
        seed.parse().expect("OTP_TEST_SEED is a number")
    })
}

/// Draws from a seed: SplitMix64.
struct Draw(u64);

impl Draw {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ mixed >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
        usize::try_from((mixed ^ mixed >> 31) >> 32).unwrap() % bound
    }

    fn maybe<T>(&mut self, make: impl FnOnce(&mut Self) -> T) -> Option<T> {
        (self.below(2) == 0).then(|| make(self))
    }

    /// A text of 1 to `max` bytes of characters that JSON writers treat differently.
    fn text(&mut self, max: usize) -> String {
        let wanted = 1 + self.below(max);
        let mut text = String::new();
        while text.len() < wanted {
            let symbol = match self.below(6) {
                0 => ['"', '\\', '/', '<', '&', '\'', ' '][self.below(7)],
                1 => char::from(b' ' + u8::try_from(self.below(95)).unwrap()),
                2 => ['\u{e000}', '\u{fffd}', '\u{ffff}'][self.below(3)],
                // Letters with and without marks; beyond 16 bits, and as far as Unicode goes.
                3 => char::from_u32(0xC0 + u32::try_from(self.below(0x280)).unwrap()).unwrap(),
                4 => [0x2_0000_u32, 0xF_0000][self.below(2)]
                    .checked_add(u32::try_from(self.below(0xFFFF)).unwrap())
                    .and_then(char::from_u32)
                    .unwrap(),
                _ => char::from(b'a' + u8::try_from(self.below(26)).unwrap()),
            };
            if text.len() + symbol.len_utf8() > max {
                break;
            }
            text.push(symbol);
        }
        if text.trim().is_empty() {
            "x".into()
        } else {
            text
        }
    }
}

/// What one generated signing is made of.
struct Sample {
    texts: Vec<String>,
    binding: Binding,
    user_name: Option<String>,
    signer_name: Option<String>,
    consent: Option<String>,
    revision: Option<String>,
    ip: Option<String>,
    agent: Option<String>,
    document: Option<Vec<u8>>,
    image: bool,
}

impl Sample {
    fn draw(draw: &mut Draw) -> Self {
        let texts: Vec<_> = (0..6).map(|_| draw.text(MAX_MEMBER_LEN)).collect();
        let document = draw.maybe(|draw| draw.text(300).into_bytes());
        let mut builder = Binding::builder()
            .tenant(&texts[0])
            .purpose(&texts[1])
            .target(Target {
                model: &texts[2],
                field: &texts[3],
                id: &texts[4],
            })
            .user(&texts[5]);
        builder = match draw.below(3) {
            0 => builder.recipient(Email::parse("siti.o'hara+otp@example.com").unwrap()),
            _ => builder.recipient(Mobile::parse("60123456789").unwrap()),
        };
        if let Some(document) = &document {
            let digest = ContentDigest::of(document);
            let guessable = draw.below(2) == 0;
            builder = builder.content(if guessable {
                digest.guessable()
            } else {
                digest
            });
        }
        let binding = builder.build().unwrap();
        Self {
            binding,
            texts,
            user_name: draw.maybe(|draw| draw.text(256)),
            signer_name: draw.maybe(|draw| draw.text(256)),
            consent: draw.maybe(|draw| draw.text(700) + "\nsecond line"),
            revision: draw.maybe(|draw| draw.text(128)),
            ip: draw.maybe(|draw| draw.text(64)),
            agent: draw.maybe(|draw| draw.text(512)),
            image: draw.below(2) == 0,
            document,
        }
    }

    fn evidence(&self) -> Evidence<'_> {
        let mut evidence = Evidence::new();
        if let Some(name) = &self.user_name {
            evidence = evidence.user_name(name);
        }
        if let Some(name) = &self.signer_name {
            evidence = evidence.signer_name(name);
        }
        if let Some(consent) = &self.consent {
            evidence = evidence.consent(consent);
        }
        if let Some(revision) = &self.revision {
            evidence = evidence.revision(revision);
        }
        if let Some(ip) = &self.ip {
            evidence = evidence.ip(ip);
        }
        if let Some(agent) = &self.agent {
            evidence = evidence.agent(agent);
        }
        if let Some(document) = &self.document {
            evidence = evidence.document(document);
        }
        if self.image {
            evidence = evidence.image(PNG);
        }
        evidence
    }
}

/// Makes 1,000 records of generated facts through the engine, and writes them for `stock.py`: the
/// JWS and its disclosures, the very bytes that were signed, and what each disclosure must say.
#[test]
fn fresh_records_of_generated_facts_are_read_back_as_they_were_given() {
    let signing = Signing::new();
    let mut draw = Draw(seed());
    let mut written = Vec::new();
    for _ in 0..1_000 {
        let sample = Sample::draw(&mut draw);
        let record = signing.sign(&sample.binding, sample.evidence());
        let said = verify(&record);
        let [tenant, purpose, model, field, name, user] = &sample.texts[..] else {
            panic!("six members");
        };
        assert_eq!(
            [said.tenant(), said.purpose(), said.model()],
            [tenant, purpose, model]
        );
        assert_eq!(
            [said.field(), said.target_id(), said.user()],
            [field, name, user]
        );
        assert_eq!(said.user_name(), sample.user_name.as_deref());
        assert_eq!(said.signer_name(), sample.signer_name.as_deref());
        assert_eq!(said.consent(), sample.consent.as_deref());
        assert_eq!(said.revision(), sample.revision.as_deref());
        assert_eq!(said.detail(RecordDetail::Ip), sample.ip.as_deref());
        assert_eq!(said.detail(RecordDetail::Agent), sample.agent.as_deref());
        let digest = sample.document.as_deref().map(ContentDigest::of);
        assert_eq!(said.content(), digest.map(|digest| *digest.as_bytes()));
        let details: serde_json::Map<String, Value> = super::ALL_DETAILS
            .into_iter()
            .filter_map(|detail| Some((detail.name().into(), said.detail(detail)?.into())))
            .collect();
        written.push(json!({
            "sd_jwt": record.to_sd_jwt(),
            "payload": said.payload(),
            "details": details,
        }));
    }
    let folder = std::env::var_os("OTP_INTEROP_DIR")
        .map_or_else(|| PathBuf::from(env!("CARGO_TARGET_TMPDIR")), PathBuf::from);
    let jwk_set: Value = serde_json::from_str(&keys().to_jwk_set()).unwrap();
    let fresh = json!({"jwk_set": jwk_set, "records": written});
    fs::write(folder.join("fresh.json"), fresh.to_string()).unwrap();
}

/// Verifies what PyJWT and joserfc signed: in this run where the environment says so, else when
/// the golden file was made.
#[test]
fn records_that_other_tools_signed_verify_and_show_what_they_say() {
    let made = match std::env::var_os("OTP_STOCK_MADE") {
        Some(path) => fs::read_to_string(path).unwrap(),
        None => include_str!("../../vectors/records/stock-v1.json").into(),
    };
    let stock: Value = serde_json::from_str(&made).unwrap();
    let keys = VerifyingKeys::from_jwk_set(&stock["jwk_set"].to_string()).unwrap();
    let made = stock["made"].as_array().unwrap();
    assert!(made.len() >= 3);
    for made in made {
        let tool = &made["tool"];
        let record = SignatureRecord::from_sd_jwt(made["sd_jwt"].as_str().unwrap()).unwrap();
        let judge = |jws: &str| verify_record(jws, record.disclosures(), &keys, None);
        let said = judge(record.jws()).unwrap();
        assert_eq!(said.user_name(), made["name"].as_str(), "{tool}");
        assert_eq!(said.number(), Some("+27821234567"), "{tool}");
        // The control: the same record with another byte in its signature does not.
        let mut forged = record.jws().to_string();
        let at = forged.len() - 9;
        let other = if forged.as_bytes()[at] == b'A' {
            "B"
        } else {
            "A"
        };
        forged.replace_range(at..=at, other);
        let reason = judge(&forged).unwrap_err().reason();
        assert!(matches!(reason, RecordFault::Jws(_)), "{tool}: {reason}");
    }
    // Which Ed25519 keys joserfc finds in JWK sets with other keys and members.
    let sets = stock["jwk_sets"].as_array().map_or(&[][..], |sets| sets);
    let (mut with, mut without) = (0, 0);
    for set in sets {
        let text = set["text"].as_str().unwrap();
        let found: Vec<Value> = match VerifyingKeys::from_jwk_set(text) {
            Ok(keys) => keys.iter().map(|key| json!(key.id().to_string())).collect(),
            Err(error) => {
                assert_eq!(error, KeyError::None, "{text}");
                Vec::new()
            }
        };
        assert_eq!(
            Value::from(sorted(found)),
            Value::from(sorted(set["ed25519"].as_array().unwrap().clone())),
            "{text}"
        );
        *(if set["ed25519"] == json!([]) {
            &mut without
        } else {
            &mut with
        }) += 1;
    }
    if std::env::var_os("OTP_STOCK_MADE").is_some() {
        eprintln!(
            "figure: foreign JWK sets read as by joserfc = {}",
            sets.len()
        );
        assert!(
            with > 100 && without > 20,
            "{with} with keys, {without} without"
        );
    }
}

fn sorted(mut texts: Vec<Value>) -> Vec<Value> {
    texts.sort_by(|one, other| one.as_str().cmp(&other.as_str()));
    texts
}

const GOLDEN_STORE: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/tests/vectors/records/store-v1.json"
);

/// Says whether an image is taken as evidence.
fn is_taken(signing: &Signing, image: &[u8]) -> bool {
    let unfit = Rejection::Evidence(EvidenceFault::Unfit(EvidenceKind::Image));
    let evidence = Evidence::new().image(image);
    signing.answer(&binding(), "000000", evidence).rejection() != Some(unfit)
}

/// Pictures with faults, and what Pillow says of each (`tests/vectors/images/mutate.py`, whose folder
/// the run names): what is taken, Pillow opens.
#[test]
fn case_172_an_image_that_is_taken_opens_elsewhere() {
    let signing = Signing::new();
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/vectors/images");
    for (of, taken) in [("sound", true), ("position", false)] {
        for file in fs::read_dir(folder.join(of)).unwrap() {
            let path = file.unwrap().path();
            assert_eq!(
                is_taken(&signing, &fs::read(&path).unwrap()),
                taken,
                "{path:?}"
            );
        }
    }
    let Some(folder) = std::env::var_os("OTP_IMAGES_DIR").map(PathBuf::from) else {
        return;
    };
    let told = fs::read_to_string(folder.join("pillow.json")).unwrap();
    let told: Value = serde_json::from_str(&told).unwrap();
    let told = told.as_array().unwrap();
    let (mut taken, mut opened) = (0, 0);
    for (number, pillow) in told.iter().enumerate() {
        let opens = !pillow["format"].is_null();
        let image = fs::read(folder.join(number.to_string())).unwrap();
        let takes = is_taken(&signing, &image);
        assert!(opens || !takes, "Pillow does not open image {number}");
        let whole = pillow["whole"] == true;
        assert!(takes || !whole, "image {number} has no fault");
        (taken, opened) = (taken + usize::from(takes), opened + usize::from(opens));
    }
    let count = told.len();
    eprintln!("figure: of {count} images, Pillow opens {opened} and {taken} are taken");
    // Who takes all, or none, would have been caught.
    assert!(count >= 2_000 && opened * 4 < count * 3 && taken * 10 > count);
}

/// Three signatures of one field, one of them partly erased, as they stand in a store.
fn golden_desk() -> Signing {
    let signing = Signing::new();
    signing.sign_often(3);
    signing.host.at(1_000);
    let details = [RecordDetail::Number, RecordDetail::UserName];
    signing
        .host
        .engine
        .erase(
            &signing.store,
            &EraseRequest {
                tenant: "acme",
                target: super::field(),
                sequence: 2,
                details: &details,
            },
        )
        .unwrap();
    signing
}

/// The cells of a field as an earlier version left them in a store, chain head and seal included: this
/// version still finds them, reads them, and appends to them. `OTP_WRITE_GOLDEN=1` makes the file.
#[test]
fn case_93_a_store_with_records_of_format_1_is_read_and_appended_to() {
    if std::env::var_os("OTP_WRITE_GOLDEN").is_some() {
        let signing = golden_desk();
        let cells: Vec<Value> = [Kind::ChainHead, Kind::Record]
            .into_iter()
            .flat_map(|kind| signing.store.keys_of(kind))
            .map(|key| {
                let (version, body) = (signing.store.version(key), signing.store.body(key));
                json!({"key": hex(key.as_bytes()), "version": version, "body": hex(&body)})
            })
            .collect();
        let golden = json!({
            "_comment": "Chain head and records of one field, format 1, as they stand in a Permanent store; every later version must read them. Made by tests/behaviour/signatures/interop.rs with OTP_WRITE_GOLDEN=1. Code secret 32 times the byte 1, index secret 2, Ed25519 seed 21.",
            "cells": cells,
        });
        fs::write(GOLDEN_STORE, format!("{golden:#}\n")).unwrap();
    }
    let golden: Value =
        serde_json::from_str(include_str!("../../vectors/records/store-v1.json")).unwrap();
    let signing = Signing::new();
    for cell in golden["cells"].as_array().unwrap() {
        let key = unhex(cell["key"].as_str().unwrap()).try_into().unwrap();
        let body = unhex(cell["body"].as_str().unwrap());
        let version = cell["version"].as_u64().unwrap();
        signing
            .store
            .put(otp_engine::store::Key::from_bytes(key), version, &body);
    }
    let all = signing.signatures(10).unwrap();
    assert_eq!(all.len(), 3);
    assert!(signing.judge(&all).all_good());
    assert_eq!(all[1].erasures().len(), 1);
    assert_eq!(
        (verify(&all[1]).number(), verify(&all[1]).signer_name()),
        (None, Some("Signer 2"))
    );
    // The ids that were drawn then are not drawn again.
    signing
        .host
        .draws
        .store(1_000, core::sync::atomic::Ordering::SeqCst);
    signing
        .seconds
        .store(3_000, core::sync::atomic::Ordering::SeqCst);
    let next = signing.sign(&binding(), Evidence::new());
    assert_eq!(
        (next.sequence(), next.previous_digest()),
        (4, Some(all[0].digest()))
    );
    assert!(signing.judge(&signing.signatures(10).unwrap()).all_good());
}

/// Finds and checks the cells of the golden store by what docs/formats.md says alone.
#[test]
fn the_golden_cells_stand_where_the_documented_derivations_lead() {
    let golden: Value =
        serde_json::from_str(include_str!("../../vectors/records/store-v1.json")).unwrap();
    let cell = |at: usize, name: &str| golden["cells"][at][name].as_str().map(unhex).unwrap();
    let secret = [2; 32];
    let (index, seal) = (
        mac(&secret, &[b"otp-engine index v1"]),
        mac(&secret, &[b"otp-engine seal v1"]),
    );
    let long = |text: &str| [&[0, u8::try_from(text.len()).unwrap()], text.as_bytes()].concat();
    let Target {
        model,
        field,
        id: record,
    } = super::field();
    let members = ["acme", model, field, record].map(long).concat();
    let partition = &mac(&index, &[&[0], b"acme"])[..8];
    let chain_head = [partition, &mac(&index, &[&[4], &members])[..24]].concat();
    assert_eq!(cell(0, "key"), chain_head);

    let body = cell(0, "body");
    let (body, sealed) = body.split_at(41);
    let version = golden["cells"][0]["version"].as_u64().unwrap();
    assert_eq!(
        mac(&seal, &[&chain_head, &version.to_be_bytes(), body])[..16],
        *sealed
    );
    assert_eq!(body[..9], [1, 0, 0, 0, 0, 0, 0, 0, 3]);

    for n in 1..=3_u8 {
        let count = u64::from(n).to_be_bytes();
        let key = [partition, &mac(&index, &[&[5], &chain_head, &count])[..24]].concat();
        assert_eq!(cell(n.into(), "key"), key, "record {n}");
        let stored = cell(n.into(), "body");
        let record = SignatureRecord::from_bytes(&stored).unwrap();
        let id: otp_engine::ChallengeId = verify(&record).otp().id.parse().unwrap();
        let name = mac(&index, &[&[6], id.as_bytes()]);
        assert_eq!(record.id().as_bytes()[..], name[..16]);
        if n == 3 {
            assert_eq!(record.digest(), body[9..]);
        }
    }
}

fn mac(key: &[u8], parts: &[&[u8]]) -> [u8; 32] {
    let mac = Hmac::<Sha256>::new_from_slice(key).unwrap();
    let mac = parts.iter().fold(mac, |mac, part| mac.chain_update(part));
    mac.finalize().into_bytes().into()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(digits: &str) -> Vec<u8> {
    let byte = |at| u8::from_str_radix(&digits[at..at + 2], 16).unwrap();
    (0..digits.len()).step_by(2).map(byte).collect()
}
