//! Evidence at the engine: what is required, what is refused before any compare, what still fits.

use otp_engine::store::{Kind, MAX_BODY};
use otp_engine::{
    Binding, ContentDigest, Email, Evidence, Policy, Rejection, Submission,
    evidence::{EvidenceFault, EvidenceKind},
    operation::EraseRequest,
    record::RecordDetail,
};

use super::shelf::Shelf;
use super::{ALL_DETAILS, PNG, Signing, accepted, keys, photograph, verify};
use crate::support::fixture::{self, binding, parts};

const OFFER: &[u8] = b"%PDF-1.7 the loan offer";

fn offered() -> Binding {
    parts().content(ContentDigest::of(OFFER)).build().unwrap()
}

fn requiring(pieces: &[EvidenceKind]) -> Policy {
    let require =
        |builder: otp_engine::policy::PolicyBuilder, piece: &EvidenceKind| builder.require(*piece);
    let builder = pieces.iter().fold(Policy::builder(), require);
    builder.build().unwrap()
}

const REQUIRABLE: [EvidenceKind; 4] = [
    EvidenceKind::SignerName,
    EvidenceKind::Document,
    EvidenceKind::Image,
    EvidenceKind::Consent,
];

fn whole() -> Evidence<'static> {
    Evidence::new()
        .signer_name("Siti")
        .document(OFFER)
        .image(PNG)
        .consent("I accept.")
}

/// Evidence of all pieces but one.
fn without(piece: EvidenceKind) -> Evidence<'static> {
    let mut evidence = Evidence::new();
    if piece != EvidenceKind::SignerName {
        evidence = evidence.signer_name("Siti");
    }
    if piece != EvidenceKind::Document {
        evidence = evidence.document(OFFER);
    }
    if piece != EvidenceKind::Image {
        evidence = evidence.image(PNG);
    }
    if piece != EvidenceKind::Consent {
        evidence = evidence.consent("I accept.");
    }
    evidence
}

/// Submits evidence that must be refused, with the right code and with a wrong one: nothing may
/// even be loaded, and the code must be good afterwards.
fn refused(signing: &Signing, binding: &Binding, bad: &[(Evidence<'_>, EvidenceFault)]) {
    let engine = &signing.host.engine;
    let issued = signing.issue(binding);
    let (right, wrong) = (issued.code.as_str(), fixture::wrong(&issued));
    let before = engine.status(&signing.store, binding).unwrap().unwrap();
    let asked = signing.store.asked();
    for (evidence, fault) in bad {
        for entered in [right, &wrong, "no code"] {
            let rejection = signing.answer(binding, entered, *evidence).rejection();
            assert_eq!(rejection, Some(Rejection::Evidence(*fault)));
        }
    }
    assert_eq!(signing.store.asked(), asked, "nothing was loaded");
    let after = engine.status(&signing.store, binding).unwrap().unwrap();
    assert_eq!(after, before);
    accepted(signing.answer(binding, right, whole()));
}

#[test]
fn case_86_required_and_missing_is_refused_before_any_compare() {
    let signing = Signing::with(|builder| builder.policy(requiring(&REQUIRABLE)));
    let missing = REQUIRABLE.map(|piece| (without(piece), EvidenceFault::Missing(piece)));
    refused(&signing, &offered(), &missing);
    let blank = (
        whole().signer_name(" \u{a0}"),
        EvidenceFault::Missing(EvidenceKind::SignerName),
    );
    signing.host.at(60);
    refused(&signing, &offered(), &[blank]);
}

#[test]
fn case_86_a_document_that_is_not_the_bound_content_is_refused_before_any_compare() {
    let unfit = EvidenceFault::Unfit(EvidenceKind::Document);
    let signing = Signing::new();
    let mut turned = OFFER.to_vec();
    turned[9] ^= 1;
    let others = [&turned[..], &OFFER[1..], b""];
    refused(
        &signing,
        &offered(),
        &others.map(|other| (whole().document(other), unfit)),
    );
    // Where nothing is bound, no document fits.
    signing.host.at(60);
    let issued = signing.issue(&binding());
    let entered = issued.code.as_str();
    let rejection = signing.answer(&binding(), entered, whole()).rejection();
    assert_eq!(rejection, Some(Rejection::Evidence(unfit)));
    accepted(signing.answer(&binding(), entered, Evidence::new()));
}

#[test]
fn case_87_a_large_or_foreign_image_is_refused_before_any_compare() {
    let signing = Signing::new();
    let large = vec![0; 20_000_000];
    let (largest, just_over) = (photograph(1024 * 1024), photograph(1024 * 1024 + 1));
    let (too_large, unfit) = (
        EvidenceFault::TooLarge(EvidenceKind::Image),
        EvidenceFault::Unfit(EvidenceKind::Image),
    );
    let bad: Vec<_> = [
        (&large[..], too_large),
        (&just_over, too_large),
        (b"<svg onload='alert(1)'/>", unfit),
        (b"GIF89a", unfit),
        (b"", unfit),
        (b"\xff\xd8\xff", unfit),
        (&PNG[..PNG.len() - 12], unfit),
        (
            include_bytes!("../../vectors/images/position/exif.jpg"),
            unfit,
        ),
    ]
    .into_iter()
    .map(|(image, fault)| (whole().image(image), fault))
    .collect();
    refused(&signing, &offered(), &bad);
    signing.host.at(60);
    let issued = signing.issue(&offered());
    let largest = whole().image(&largest);
    let record = accepted(signing.answer(&offered(), issued.code.as_str(), largest));
    assert_eq!(verify(&record).image().unwrap().size, 1024 * 1024);
}

#[test]
fn case_86_what_was_required_at_the_issue_holds_for_a_lax_sibling() {
    for piece in REQUIRABLE {
        let signing = Signing::with(|builder| builder.policy(requiring(&[piece])));
        let lax = signing.host.engine.with_policy(Policy::default());
        let issued = signing.issue(&offered());
        let (binding, commits) = (offered(), signing.store.asked().1);
        let answer = |entered: &str, evidence| {
            let submission = Submission::new(&binding, entered).evidence(evidence);
            lax.verify(&signing.store, submission).unwrap()
        };
        let missing = Rejection::Evidence(EvidenceFault::Missing(piece));
        for entered in [issued.code.as_str(), &fixture::wrong(&issued)] {
            let rejection = answer(entered, without(piece)).rejection();
            assert_eq!(rejection, Some(missing), "the same for right and wrong");
        }
        assert_eq!(signing.store.asked().1, commits, "nothing was counted");
        accepted(answer(issued.code.as_str(), whole()));
    }
}

#[test]
fn case_86_a_strict_sibling_requires_more_of_codes_that_are_out() {
    let signing = Signing::new();
    let strict = signing
        .host
        .engine
        .with_policy(requiring(&[EvidenceKind::Image]));
    let issued = signing.issue(&offered());
    let binding = offered();
    let submission = Submission::new(&binding, issued.code.as_str());
    let verdict = strict.verify(&signing.store, submission).unwrap();
    let missing = Rejection::Evidence(EvidenceFault::Missing(EvidenceKind::Image));
    assert_eq!(verdict.rejection(), Some(missing));
    let with_image = submission.evidence(Evidence::new().image(PNG));
    accepted(strict.verify(&signing.store, with_image).unwrap());
}

#[test]
fn a_lax_sibling_that_issues_anew_still_does_not_open_the_strict_one() {
    let signing = Signing::with(|builder| builder.policy(requiring(&[EvidenceKind::Image])));
    let lax = signing.host.engine.with_policy(Policy::default());
    signing.issue(&offered());
    signing.host.at(60);
    let binding = offered();
    let issued = lax
        .issue(&signing.store, &binding)
        .unwrap()
        .issued()
        .unwrap();
    let verdict = signing.answer(&binding, issued.code.as_str(), Evidence::new());
    let missing = Rejection::Evidence(EvidenceFault::Missing(EvidenceKind::Image));
    assert_eq!(verdict.rejection(), Some(missing));
}

/// A text of `length` bytes of which JSON escapes every one, if control characters are refused.
fn escaped(length: usize) -> String {
    "\"\\".chars().cycle().take(length).collect()
}

#[test]
fn the_largest_evidence_of_all_pieces_fits_though_json_escapes_every_character() {
    let name = |length| escaped(length);
    let member = name(otp_engine::binding::MAX_MEMBER_LEN);
    let field = otp_engine::Target {
        model: &member,
        field: &member,
        id: &member,
    };
    let local = "a".repeat(64);
    let labels = ["b".repeat(63), "c".repeat(63), "d".repeat(57)].join(".");
    let email = Email::parse(&format!("{local}@{labels}.com")).unwrap();
    assert_eq!(email.as_str().len(), 254);
    let binding = Binding::builder()
        .tenant(&member)
        .purpose(&member)
        .target(field)
        .user(&member)
        .recipient(email)
        .content(ContentDigest::of(OFFER).guessable())
        .build()
        .unwrap();
    let (names, consent, revision) = (name(256), name(2_000), name(128));
    let (ip, agent) = (name(64), name(512));
    let image = photograph(1024 * 1024);
    let evidence = Evidence::new()
        .user_name(&names)
        .signer_name(&names)
        .document(OFFER)
        .image(&image)
        .consent(&consent)
        .revision(&revision)
        .ip(&ip)
        .agent(&agent);
    let signing =
        Signing::with(|builder| builder.policy(Policy::builder().token().build().unwrap()));
    let mut last = None;
    for round in 0..2 {
        signing.host.at(round * 60);
        let issued = signing.issue(&binding);
        last = Some(accepted(signing.answer(
            &binding,
            issued.code.as_str(),
            evidence,
        )));
    }
    let record = last.unwrap();
    let said = verify(&record);
    assert_eq!(said.consent(), Some(consent.as_str()));
    assert_eq!(said.detail(RecordDetail::Agent), Some(agent.as_str()));
    let longest = record.to_bytes().len();
    assert!(longest <= MAX_BODY, "{longest} bytes");
    eprintln!("figure: longest signature record in bytes = {longest}");
    let engine = &signing.host.engine;
    let read = engine
        .signatures(&signing.store, &member, &field, 5)
        .unwrap();
    assert_eq!(read[0], record);
    let head = engine.chain_head(&signing.store, &member, &field).unwrap();
    let expected = otp_engine::record::ExpectedChain::new()
        .tenant(&member)
        .model(&member)
        .field(&member)
        .target_id(&member);
    let verdict = otp_engine::record::verify_chain(&read, &keys(), &expected.chain_head(head));
    assert!(verdict.all_good(), "{verdict:?}");
    // Erased one detail after the other, each with its note, it still fits.
    for detail in ALL_DETAILS {
        engine
            .erase(
                &signing.store,
                &EraseRequest {
                    tenant: &member,
                    target: field,
                    sequence: 2,
                    details: &[detail],
                },
            )
            .unwrap();
        let cell = signing.store.keys_of(Kind::Record)[1];
        assert!(signing.store.body(cell).len() <= MAX_BODY);
    }
    assert_eq!(
        engine
            .signatures(&signing.store, &member, &field, 1)
            .unwrap()[0]
            .erasures()
            .len(),
        6
    );
}

#[test]
fn each_character_of_the_evidence_is_kept_as_it_was_given() {
    let signing = Signing::new();
    let text = "Zoë 王小明 علی\u{200c}رضا 😀 <script> \"quoted\" \\ / \u{10ffff}";
    let evidence = Evidence::new()
        .signer_name(text)
        .user_name(text)
        .consent("first line\nsecond line")
        .agent(text);
    let said = verify(&signing.sign(&binding(), evidence));
    assert_eq!(said.signer_name(), Some(text));
    assert_eq!(said.user_name(), Some(text));
    assert_eq!(said.detail(RecordDetail::Agent), Some(text));
    assert_eq!(said.consent(), Some("first line\nsecond line"));
}

#[test]
fn evidence_is_judged_before_the_store_is_asked_whether_it_can_keep_records() {
    let signing = Signing::with(|builder| builder.policy(requiring(&[EvidenceKind::Image])));
    let process = Shelf::of(otp_engine::store::Class::Process);
    let binding = binding();
    let submission = Submission::new(&binding, "000000");
    let verdict = signing.host.engine.verify(&process, submission).unwrap();
    let missing = Rejection::Evidence(EvidenceFault::Missing(EvidenceKind::Image));
    assert_eq!(verdict.rejection(), Some(missing));
}
