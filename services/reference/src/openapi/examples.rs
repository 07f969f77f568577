//! An example of each answer, made by the functions that answer.

use otp_engine::{
    ChallengeId, Rejection, Timestamp,
    challenge::{ChallengeState, DeliveryStatus},
    evidence::{EvidenceFault, EvidenceKind},
    verdict::RefusalReason,
};
use serde_json::{Map, Value, json};

use crate::answer::{self, Live, Numbers, Refused, Signature, Stands};
use crate::failure::Failure;
use crate::request::Bad;

const NOW: Timestamp = Timestamp::from_unix(1_715_767_200);
const SOON: Timestamp = Timestamp::from_unix(1_715_767_231);
const LATER: Timestamp = Timestamp::from_unix(1_715_767_380);
const CODE: ChallengeId = ChallengeId::from_bytes(*b"an example's id.");
const NUMBER: &str = "60123456789";
/// The id of a line of the log.
const LINE: &str = "3f9d0c5b71ae";
/// No record: a real one is ten times as long.
const JWS: &str = "eyJhbGciOiJFZERTQSIsInR5cCI6Im90cC1zaWduYXR1cmUrand0In0.eyJ2IjoxfQ.c2lnbmF0dXJl";

/// Returns the answers of a route, by their names.
pub(super) fn of(route: &str) -> Value {
    let mut results = match route {
        "Send" => send(),
        "Verify" => verify(),
        "Get" => vec![
            ("signature", signature()),
            ("nothing_signed", answer::not_found("Nothing is signed yet")),
        ],
        _ => vec![("disclosed", answer::disclosures(JWS, &disclosures()))],
    };
    results.extend([
        ("malformed", answer::bad(&Bad("model is missing".into()))),
        (
            "forbidden",
            answer::forbidden("You may not sign this field"),
        ),
        ("not_found", answer::not_found("No such record")),
        ("store_failed", answer::failed(Failure::Unavailable, LINE)),
        (
            "users_failed",
            answer::failed(Failure::DirectoryInvalid, LINE),
        ),
        (
            "users_away",
            answer::failed(Failure::DirectoryUnavailable, LINE),
        ),
    ]);
    let examples = results.into_iter().map(|(name, result)| {
        let answer = json!({"jsonrpc": "2.0", "id": 1, "result": result});
        (name.to_owned(), json!({"value": answer}))
    });
    let mut examples: Map<_, _> = examples.collect();
    let logged_out = json!({"jsonrpc": "2.0", "id": 1, "error": {
        "code": 100,
        "message": "Odoo Session Expired",
        "data": {"name": "odoo.http.SessionExpiredException", "message": "Session expired"},
    }});
    examples.insert("logged_out".into(), json!({"value": logged_out}));
    Value::Object(examples)
}

fn live() -> Live<'static> {
    Live {
        id: CODE,
        expires_at: LATER,
        recipient: NUMBER,
        minutes: answer::minutes(LATER, NOW),
        numbers: Numbers::Whole,
    }
}

fn send() -> Vec<(&'static str, Value)> {
    let refused = |reason, retry_at| {
        let refused = Refused {
            reason,
            id: Some(CODE),
            retry_at: Some(retry_at),
        };
        let stands = Stands {
            live: live(),
            state: ChallengeState::Pending,
            delivery: DeliveryStatus::Sent,
        };
        answer::refused(refused, Some(&stands), NOW)
    };
    vec![
        ("sent", answer::sent(&live(), "0")),
        ("sent_before", refused(RefusalReason::Cooldown, SOON)),
        ("limited", refused(RefusalReason::SendLimit, LATER)),
        ("locked", refused(RefusalReason::Locked, LATER)),
        ("gateway_refused", answer::gateway_failed("5")),
        ("gateway_silent", answer::gateway_failed("")),
    ]
}

fn verify() -> Vec<(&'static str, Value)> {
    let rejected = |rejection| answer::rejected(rejection, NOW);
    let image = EvidenceFault::Missing(EvidenceKind::Image);
    vec![
        (
            "verified",
            answer::verified(CODE, NOW, 1, Some("/my/home".into())),
        ),
        ("wrong", rejected(Rejection::Wrong { attempts_left: 4 })),
        ("no_longer_valid", rejected(Rejection::Expired)),
        ("signature_missing", rejected(Rejection::Evidence(image))),
        ("locked", rejected(Rejection::Exhausted { retry_at: LATER })),
    ]
}

fn signature() -> Value {
    answer::signature(&Signature {
        n: 1,
        challenge: &CODE.to_string(),
        verified_at: NOW,
        signer_name: Some("Siti Aminah"),
        image: None,
        recipient: Some(NUMBER),
        jws: JWS,
        numbers: Numbers::Whole,
    })
}

fn disclosures() -> [String; 1] {
    ["WyJzYWx0IiwidHlwZWQiLCJTaXRpIEFtaW5haCJd".into()]
}

/// What the service takes for an answer of those who know its records.
pub(super) fn callback() -> Value {
    json!({
        "allowed": {"value": {
            "allow": true, "mobile": "+60123456789", "content": ["loan", "15", "MYR", "15000.00"],
            "text": "Your code for #subject# is #otp#.", "subject": "a loan of RM 15,000",
            "require_image": false,
        }},
        "refused": {"value": {"allow": false, "reason": "The loan is already signed"}},
        "not_found": {"value": {"allow": false, "status": 404}},
    })
}

pub(super) fn keys() -> Value {
    json!({"keys": [{
        "kty": "OKP", "crv": "Ed25519", "use": "sig", "alg": "EdDSA",
        "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",
        "kid": "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k", "not_before": 1_715_767_200,
    }]})
}
