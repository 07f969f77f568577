//! The contract's one set of vectors, which also drives the addon and the example.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use otp_engine::{
    ChallengeId, Rejection, Timestamp,
    challenge::{ChallengeState, DeliveryStatus, GatewayStatus},
    evidence::{EvidenceFault, EvidenceKind},
    verdict::RefusalReason,
};
use serde_json::{Value, json};

use crate::answer::{self, Live, Numbers, Refused, Signature, Stands};
use crate::envelope::{self, Call};
use crate::failure::Failure;
use crate::request::{self, Bad, Query, RequestTarget, Send, Verify};

fn rows(file: &str, member: &str) -> Vec<Value> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/vectors/contract/");
    let text = std::fs::read_to_string(format!("{folder}{file}")).unwrap();
    let mut read: Value = serde_json::from_str(&text).unwrap();
    let Value::Array(rows) = read[member].take() else {
        panic!("{file} has no {member}")
    };
    assert!(rows.len() > 50);
    rows
}

/// Reads a request as the route does; returns its parts as the vectors name them.
fn read(row: &Value) -> Result<Value, Bad> {
    let body = row["body"].as_str().unwrap().to_owned();
    let Call { params, twice, .. } = envelope::open(&body.into()).unwrap();
    if let Some(member) = twice {
        return Err(request::twice(&member));
    }
    let query: Query = match row.get("query") {
        Some(query) => serde_json::from_value(query.clone()).unwrap(),
        None => Query::new(),
    };
    let place =
        |place: &RequestTarget| json!({"model": place.model, "field": place.field, "id": place.id});
    let mut parts;
    match row["route"].as_str().unwrap() {
        "send" => {
            let asked = Send::read(&params, &query)?;
            parts = place(&asked.place);
            parts["redirect_url"] = json!(asked.redirect_url);
        }
        "verify" => {
            let asked = Verify::read(&params, &query)?;
            parts = place(&asked.place);
            let generation = asked.challenge.map(|id| format!("gen_{id}"));
            parts["otp"] = json!(asked.otp);
            parts["esms_otp_generation_id"] = json!(generation);
            parts["signature"] = json!(asked.image.map(|image| STANDARD.encode(image)));
            parts["signer_name"] = json!(asked.signer_name);
        }
        _ => parts = place(&RequestTarget::of_get(&params, &query)?),
    }
    Ok(parts)
}

#[test]
fn case_257_requests_are_read_as_the_contract_says() {
    for row in rows("requests-v1.json", "requests") {
        let name = &row["name"];
        match (read(&row), row.get("bad")) {
            (Ok(parts), None) => assert_eq!(parts, row["reads"], "{name}"),
            (Err(Bad(why)), Some(bad)) => assert_eq!(why, *bad, "{name}"),
            (Ok(parts), Some(bad)) => panic!("{name}: read as {parts}, must be: {bad}"),
            (Err(Bad(why)), None) => panic!("{name}: {why}"),
        }
    }
}

fn at(seconds: &Value) -> Option<Timestamp> {
    seconds.as_i64().map(Timestamp::from_unix)
}

fn id(text: &Value) -> Option<ChallengeId> {
    text.as_str().map(|text| ChallengeId::parse(text).unwrap())
}

fn owned(text: &Value) -> Option<String> {
    text.as_str().map(str::to_owned)
}

fn live(given: &Value, recipient: &Value, mask: &Value, now: Timestamp) -> Live<'static> {
    let expires_at = at(&given["expires_at"]).unwrap();
    Live {
        id: id(&given["challenge_id"]).unwrap(),
        expires_at,
        recipient: owned(recipient).unwrap().leak(),
        minutes: answer::minutes(expires_at, now),
        numbers: numbers(mask),
    }
}

fn numbers(mask: &Value) -> Numbers {
    if *mask == true {
        Numbers::Masked
    } else {
        Numbers::Whole
    }
}

fn rejection(given: &Value) -> Rejection {
    let retry_at = at(&given["retry_at"]);
    match given["rejection"].as_str().unwrap() {
        "wrong" => Rejection::Wrong {
            attempts_left: given["attempts_left"].as_u64().unwrap().try_into().unwrap(),
        },
        "expired" => Rejection::Expired,
        "already_used" => Rejection::AlreadyUsed,
        "superseded" => Rejection::Superseded,
        "cancelled" => Rejection::Cancelled,
        "mismatch" => Rejection::Mismatch,
        "unknown" => Rejection::Unknown,
        "malformed" => Rejection::Malformed,
        "exhausted" => Rejection::Exhausted {
            retry_at: retry_at.unwrap(),
        },
        "locked" => Rejection::Locked { retry_at },
        "evidence" => {
            let (piece, fault) = given["evidence"]
                .as_str()
                .unwrap()
                .split_once(": ")
                .unwrap();
            let piece = match piece {
                "image" => EvidenceKind::Image,
                "signer_name" => EvidenceKind::SignerName,
                other => panic!("{other}"),
            };
            Rejection::Evidence(match fault {
                "missing" => EvidenceFault::Missing(piece),
                "too_large" => EvidenceFault::TooLarge(piece),
                _ => EvidenceFault::Unfit(piece),
            })
        }
        other => panic!("{other}"),
    }
}

fn answer(kind: &str, given: &Value) -> Value {
    let now = at(&given["now"]).unwrap_or(Timestamp::from_unix(0));
    let text = |name: &str| given[name].as_str().unwrap();
    match kind {
        "sent" => {
            let live = live(given, &given["recipient"], &given["mask"], now);
            answer::sent(&live, text("gateway_status"))
        }
        "refused" => {
            let refused = Refused {
                reason: match text("reason") {
                    "cooldown" => RefusalReason::Cooldown,
                    "send_limit" => RefusalReason::SendLimit,
                    "exhausted" => RefusalReason::Exhausted,
                    "locked" => RefusalReason::Locked,
                    other => panic!("{other}"),
                },
                id: id(&given["challenge_id"]),
                retry_at: at(&given["retry_at"]),
            };
            let said = &given["stands"];
            let stands = said.is_object().then(|| Stands {
                live: live(said, &given["recipient"], &given["mask"], now),
                state: match said["state"].as_str().unwrap() {
                    "pending" => ChallengeState::Pending,
                    "verified" => ChallengeState::Verified,
                    "expired" => ChallengeState::Expired,
                    "exhausted" => ChallengeState::Exhausted,
                    "cancelled" => ChallengeState::Cancelled,
                    other => panic!("{other}"),
                },
                delivery: match said["delivery"].as_str().unwrap() {
                    "sent" => DeliveryStatus::Sent,
                    "unreported" => DeliveryStatus::Unreported,
                    "failed" => DeliveryStatus::Failed(GatewayStatus::parse("5").unwrap()),
                    other => panic!("{other}"),
                },
            });
            answer::refused(refused, stands.as_ref(), now)
        }
        "gateway_failed" => answer::gateway_failed(text("gateway_status")),
        "verified" => answer::verified(
            id(&given["challenge_id"]).unwrap(),
            at(&given["verified_at"]).unwrap(),
            given["signature_id"].as_u64().unwrap(),
            owned(&given["redirect_url"]),
        ),
        "rejected" => answer::rejected(rejection(given), now),
        "signature" => answer::signature(&Signature {
            n: given["signature_id"].as_u64().unwrap(),
            challenge: text("challenge_id"),
            verified_at: at(&given["verified_at"]).unwrap(),
            signer_name: given["signer_name"].as_str(),
            image: given["image"]
                .as_str()
                .map(|image| STANDARD.decode(image).unwrap()),
            recipient: given["recipient"].as_str(),
            jws: text("jws"),
            numbers: numbers(&given["mask"]),
        }),
        "not_found" => answer::not_found(text("message")),
        "forbidden" => answer::forbidden(text("message")),
        "failed" => {
            let failure = Failure::ALL
                .into_iter()
                .find(|failure| failure.name() == text("failure"));
            answer::failed(failure.unwrap(), text("reference"))
        }
        other => panic!("{other}"),
    }
}

#[test]
fn case_258_answers_have_exactly_the_members_of_the_contract() {
    for row in rows("answers-v1.json", "answers") {
        let result = answer(row["answer"].as_str().unwrap(), &row["given"]);
        assert_eq!(result, row["result"], "{}", row["name"]);
    }
}
