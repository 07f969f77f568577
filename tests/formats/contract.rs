//! The example's words of the HTTP contract, by the one set of vectors that also drives the service
//! and the addon.

use otp_engine::{
    ChallengeId, Rejection, Timestamp,
    challenge::{ChallengeState, DeliveryStatus, GatewayStatus},
    verdict::RefusalReason,
};
use serde_json::{Value, json};

#[path = "../../examples/sign_loan_offer/answer.rs"]
mod answer;
#[path = "../../examples/sign_loan_offer/request.rs"]
mod request;

use answer::Live;
use request::Request;

fn rows(text: &str, member: &str) -> Vec<Value> {
    let mut read: Value = serde_json::from_str(text).unwrap();
    let Value::Array(rows) = read[member].take() else {
        panic!("no {member}")
    };
    rows
}

/// The example reads the body of Send, and no query.
#[test]
fn case_257_the_example_reads_requests_as_the_contract_says() {
    let rows = rows(
        include_str!("../vectors/contract/requests-v1.json"),
        "requests",
    );
    let mut judged = 0;
    for row in rows {
        if row["route"] != "send" || row.get("query").is_some() {
            continue;
        }
        let name = &row["name"];
        match (
            Request::parse(row["body"].as_str().unwrap()),
            row.get("bad"),
        ) {
            (Ok(asked), None) => {
                let parts = json!({
                    "model": asked.model, "field": asked.field, "id": asked.id,
                    "redirect_url": asked.redirect_url,
                });
                for (name, part) in row["reads"].as_object().unwrap() {
                    assert_eq!(parts[name], *part, "{name}");
                }
            }
            (Err(why), Some(bad)) => assert_eq!(why, *bad, "{name}"),
            (Ok(asked), Some(bad)) => panic!("{name}: read as {asked:?}, must be: {bad}"),
            (Err(why), None) => panic!("{name}: {why}"),
        }
        judged += 1;
    }
    assert!(judged > 50, "{judged}");
}

fn at(seconds: &Value) -> Option<Timestamp> {
    seconds.as_i64().map(Timestamp::from_unix)
}

fn id(text: &Value) -> Option<ChallengeId> {
    text.as_str().map(|text| ChallengeId::parse(text).unwrap())
}

fn live<'a>(given: &Value, recipient: &'a Value) -> Live<'a> {
    Live {
        id: id(&given["challenge_id"]).unwrap(),
        expires_at: at(&given["expires_at"]).unwrap(),
        recipient: recipient.as_str().unwrap(),
    }
}

/// Answers as the example does; `None` for what it has no answer to.
fn answered(kind: &str, given: &Value) -> Option<Value> {
    let now = at(&given["now"]).unwrap_or(Timestamp::from_unix(0));
    let retry_at = at(&given["retry_at"]);
    if given["mask"] == true {
        return None;
    }
    Some(match kind {
        "sent" => answer::sent(
            &live(given, &given["recipient"]),
            given["gateway_status"].as_str().unwrap(),
            now,
        ),
        "refused" => {
            let reason = match given["reason"].as_str().unwrap() {
                "cooldown" => RefusalReason::Cooldown,
                "send_limit" => RefusalReason::SendLimit,
                "exhausted" => RefusalReason::Exhausted,
                _ => RefusalReason::Locked,
            };
            let stands = &given["stands"];
            let live = stands
                .is_object()
                .then(|| live(stands, &given["recipient"]));
            let stands = live.as_ref().map(|live| {
                let state = match stands["state"].as_str().unwrap() {
                    "pending" => ChallengeState::Pending,
                    "verified" => ChallengeState::Verified,
                    "expired" => ChallengeState::Expired,
                    "exhausted" => ChallengeState::Exhausted,
                    _ => ChallengeState::Cancelled,
                };
                let delivery = match stands["delivery"].as_str().unwrap() {
                    "sent" => DeliveryStatus::Sent,
                    "unreported" => DeliveryStatus::Unreported,
                    _ => DeliveryStatus::Failed(GatewayStatus::parse("5").unwrap()),
                };
                (live, state, delivery)
            });
            answer::refused(reason, id(&given["challenge_id"]), retry_at, stands, now)
        }
        "verified" => answer::verified(
            id(&given["challenge_id"]).unwrap(),
            at(&given["verified_at"]).unwrap(),
            given["signature_id"].as_u64().unwrap(),
            given["redirect_url"].as_str(),
        ),
        "rejected" => answer::rejected(
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
                _ => return None, // it asks for no evidence
            },
            now,
        ),
        _ => return None,
    })
}

#[test]
fn case_258_the_example_answers_as_the_contract_says() {
    let rows = rows(
        include_str!("../vectors/contract/answers-v1.json"),
        "answers",
    );
    let mut judged = 0;
    for row in rows {
        if let Some(result) = answered(row["answer"].as_str().unwrap(), &row["given"]) {
            assert_eq!(result, row["result"], "{}", row["name"]);
            judged += 1;
        }
    }
    assert!(judged > 30, "{judged}");
}
