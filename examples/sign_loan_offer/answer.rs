//! What "send" and "verify" answer: each function makes the `result` member of one answer.

use otp_engine::{
    ChallengeId, Rejection, Timestamp,
    challenge::{ChallengeState, DeliveryStatus},
    verdict::RefusalReason,
};
use serde_json::{Value, json};

/// One message for all that a guesser must not tell apart.
const INVALID: &str = "Invalid or expired OTP";

/// A code that is out.
pub(crate) struct Live<'a> {
    pub(crate) id: ChallengeId,
    pub(crate) expires_at: Timestamp,
    /// Digits with country code.
    pub(crate) recipient: &'a str,
}

impl Live<'_> {
    fn answer(&self, message: &str, gateway_status: &str, now: Timestamp) -> Value {
        json!({
            "status": 200,
            "message": message,
            "esms_otp_generation_id": generation(self.id),
            "esms_otp_response_status": gateway_status,
            "duration": minutes(self.expires_at, now),
            "expiration_time": self.expires_at.to_string(),
            "recipient_mobile": self.recipient,
        })
    }
}

/// Answers a Send whose SMS the gateway took.
pub(crate) fn sent(live: &Live<'_>, gateway_status: &str, now: Timestamp) -> Value {
    live.answer("OTP generated successfully", gateway_status, now)
}

/// Answers a Send that was refused: within the cooldown of the code that is out, and whose message
/// went out, by that code.
pub(crate) fn refused(
    reason: RefusalReason,
    refused: Option<ChallengeId>,
    retry_at: Option<Timestamp>,
    stands: Option<(&Live<'_>, ChallengeState, DeliveryStatus)>,
    now: Timestamp,
) -> Value {
    let live = stands.filter(|(live, state, delivery)| {
        reason == RefusalReason::Cooldown
            && refused == Some(live.id)
            && *state == ChallengeState::Pending
            && !matches!(delivery, DeliveryStatus::Failed(_))
    });
    match (live, reason) {
        (Some((live, _, delivery)), _) => {
            let gateway_status = if delivery == DeliveryStatus::Sent {
                "0"
            } else {
                ""
            };
            let mut answer = live.answer("OTP already sent", gateway_status, now);
            answer["retry_after"] = wait(retry_at, now).into();
            answer
        }
        (None, RefusalReason::Exhausted | RefusalReason::Locked) => locked(retry_at, now),
        // Cooldown, the limits of sends, and what a later version may add: try again then.
        (None, _) => json!({
            "status": 429,
            "message": "OTP send limit reached",
            "retry_after": wait(retry_at, now),
        }),
    }
}

/// Answers a Verify that was accepted; the contract's `signature_id` is the host's own.
pub(crate) fn verified(
    id: ChallengeId,
    verified_at: Timestamp,
    signature_id: u64,
    redirect_url: Option<&str>,
) -> Value {
    json!({
        "status": 200,
        "message": "OTP verified successfully",
        "esms_otp_generation_id": generation(id),
        "verified_at": verified_at.to_string(),
        "signature_id": signature_id,
        "redirect_url": redirect_url.map_or(Value::Bool(false), Value::from),
    })
}

/// Answers a Verify that was rejected, but for evidence, which this host does not ask for.
pub(crate) fn rejected(rejection: Rejection, now: Timestamp) -> Value {
    match rejection {
        Rejection::Exhausted { retry_at } => locked(Some(retry_at), now),
        Rejection::Locked { retry_at } => locked(retry_at, now),
        Rejection::Malformed => json!({"status": 400, "message": "otp is malformed"}),
        Rejection::Wrong { attempts_left } => {
            json!({"status": 400, "message": INVALID, "attempts_left": attempts_left})
        }
        Rejection::Evidence(fault) => json!({"status": 400, "message": fault.to_string()}),
        _ => json!({"status": 400, "message": INVALID}),
    }
}

fn locked(retry_at: Option<Timestamp>, now: Timestamp) -> Value {
    json!({
        "status": 423,
        "message": "Too many wrong attempts",
        "retry_after": wait(retry_at, now),
    })
}

/// Returns the contract's name of a challenge.
fn generation(id: ChallengeId) -> String {
    format!("gen_{id}")
}

/// Returns the whole minutes that are left, at least one.
pub(crate) fn minutes(until: Timestamp, now: Timestamp) -> u64 {
    (until.saturating_since(now).as_secs() / 60).max(1)
}

/// Returns whole seconds, at least one: who waits so long is admitted.
fn wait(until: Option<Timestamp>, now: Timestamp) -> Option<u64> {
    until.map(|until| until.saturating_since(now).as_secs().max(1))
}
