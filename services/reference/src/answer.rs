//! What the three routes answer: each function makes the `result` member of one answer.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use otp_engine::{
    ChallengeId, Rejection, Timestamp,
    challenge::{ChallengeState, DeliveryStatus},
    evidence::{EvidenceFault, EvidenceKind},
    verdict::RefusalReason,
};
use serde_json::{Value, json};

use crate::failure::Failure;
use crate::request::{Bad, GENERATION};

/// One message for all that a guesser must not tell apart.
const INVALID: &str = "Invalid or expired OTP";

/// Whether answers show whole numbers.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Numbers {
    Whole,
    Masked,
}

/// A code that is out.
pub(crate) struct Live<'a> {
    pub(crate) id: ChallengeId,
    pub(crate) expires_at: Timestamp,
    pub(crate) recipient: &'a str,
    pub(crate) minutes: u64,
    pub(crate) numbers: Numbers,
}

impl Live<'_> {
    fn answer(&self, message: &str, gateway_status: &str) -> Value {
        json!({
            "status": 200,
            "message": message,
            "esms_otp_generation_id": generation(&self.id.to_string()),
            "esms_otp_response_status": gateway_status,
            "duration": self.minutes,
            "expiration_time": self.expires_at.to_string(),
            "recipient_mobile": shown(self.recipient, self.numbers),
        })
    }
}

/// Answers a Send whose SMS the gateway took.
pub(crate) fn sent(live: &Live<'_>, gateway_status: &str) -> Value {
    live.answer("OTP generated successfully", gateway_status)
}

/// Why the engine sends no code now.
#[derive(Clone, Copy)]
pub(crate) struct Refused {
    pub(crate) reason: RefusalReason,
    /// The live challenge that the same call would send again.
    pub(crate) id: Option<ChallengeId>,
    pub(crate) retry_at: Option<Timestamp>,
}

/// A code that stands, and what became of it.
pub(crate) struct Stands<'a> {
    pub(crate) live: Live<'a>,
    pub(crate) state: ChallengeState,
    pub(crate) delivery: DeliveryStatus,
}

/// Answers a Send that is refused; `retry_after` is null where only an unlock helps.
///
/// Within the cooldown of a live code it names the same code again. Where the gateway refused the
/// last SMS there is nothing to wait for on the phone: that is a plain refusal.
pub(crate) fn refused(refused: Refused, stands: Option<&Stands<'_>>, now: Timestamp) -> Value {
    let Refused {
        reason,
        id,
        retry_at,
    } = refused;
    let is_live = |stands: &&Stands<'_>| {
        reason == RefusalReason::Cooldown
            && id == Some(stands.live.id)
            && stands.state == ChallengeState::Pending
            && !matches!(stands.delivery, DeliveryStatus::Failed(_))
    };
    match (stands.filter(is_live), reason) {
        (Some(stands), _) => {
            let gateway_status = if stands.delivery == DeliveryStatus::Sent {
                "0"
            } else {
                ""
            };
            let mut answer = stands.live.answer("OTP already sent", gateway_status);
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

fn locked(retry_at: Option<Timestamp>, now: Timestamp) -> Value {
    json!({
        "status": 423,
        "message": "Too many wrong attempts",
        "retry_after": wait(retry_at, now),
    })
}

/// Answers a Send whose SMS the gateway refused, that reached none, or ("") of which nothing is known.
pub(crate) fn gateway_failed(status: &str) -> Value {
    json!({"status": 502, "message": failure(status), "esms_otp_response_status": status})
}

/// Says what came of a message that was not sent, by the gateway's status or what stands for it.
pub(crate) fn failure(status: &str) -> &'static str {
    match status {
        "" => "SMS gateway did not answer",
        "conn" | "tls" => "SMS gateway could not be reached",
        "none" => "No SMS gateway is set up",
        _ => "SMS gateway refused the message",
    }
}

/// Answers a Verify that was accepted.
pub(crate) fn verified(
    id: ChallengeId,
    verified_at: Timestamp,
    signature: u64,
    redirect: Option<String>,
) -> Value {
    json!({
        "status": 200,
        "message": "OTP verified successfully",
        "esms_otp_generation_id": generation(&id.to_string()),
        "verified_at": verified_at.to_string(),
        "signature_id": signature,
        "redirect_url": or_false(redirect),
    })
}

/// Answers a Verify that was rejected.
pub(crate) fn rejected(rejection: Rejection, now: Timestamp) -> Value {
    match rejection {
        Rejection::Exhausted { retry_at } => locked(Some(retry_at), now),
        Rejection::Locked { retry_at } => locked(retry_at, now),
        Rejection::Evidence(fault) => bad(&Bad(evidence(fault))),
        Rejection::Malformed => bad(&Bad("otp is malformed".into())),
        Rejection::Wrong { attempts_left } => {
            json!({"status": 400, "message": INVALID, "attempts_left": attempts_left})
        }
        _ => json!({"status": 400, "message": INVALID}),
    }
}

/// Says what is wrong with evidence, in the words of the request.
fn evidence(fault: EvidenceFault) -> String {
    let (piece, why) = match fault {
        EvidenceFault::Missing(piece) => (piece, "is required"),
        EvidenceFault::TooLarge(piece) => (piece, "is too large"),
        EvidenceFault::Unfit(piece) => (piece, "is not usable"),
        _ => return "evidence is not usable".into(),
    };
    match piece {
        EvidenceKind::Image => format!("signature {why}"),
        piece => format!("{piece} {why}"),
    }
}

/// A signature as Get signature shows it.
pub(crate) struct Signature<'a> {
    pub(crate) n: u64,
    pub(crate) challenge: &'a str,
    pub(crate) verified_at: Timestamp,
    pub(crate) signer_name: Option<&'a str>,
    pub(crate) image: Option<Vec<u8>>,
    pub(crate) recipient: Option<&'a str>,
    pub(crate) jws: &'a str,
    pub(crate) numbers: Numbers,
}

/// Answers Get signature; what was never given or has been erased is false.
pub(crate) fn signature(signature: &Signature<'_>) -> Value {
    let image = signature.image.as_ref().map(|image| STANDARD.encode(image));
    let recipient = signature
        .recipient
        .map(|number| shown(number, signature.numbers));
    json!({
        "status": 200,
        "message": "OTP signature retrieved successfully",
        "signer_name": or_false(signature.signer_name.map(str::to_owned)),
        "signature": or_false(image),
        "signature_id": signature.n,
        "verified_at": signature.verified_at.to_string(),
        "esms_otp_generation_id": generation(signature.challenge),
        "recipient_mobile": or_false(recipient),
        "signature_record": signature.jws,
    })
}

/// Answers what a record commits to beside its signed text: not a part of the contract.
pub(crate) fn disclosures(record: &str, disclosures: &[String]) -> Value {
    json!({
        "status": 200,
        "message": "Disclosures retrieved successfully",
        "signature_record": record,
        "signature_disclosures": disclosures,
    })
}

/// Answers that a parameter is missing, malformed or contradictory.
pub(crate) fn bad(bad: &Bad) -> Value {
    json!({"status": 400, "message": bad.0})
}

/// Answers that there is no such model, field or record, or nothing signed yet.
pub(crate) fn not_found(message: &str) -> Value {
    json!({"status": 404, "message": message})
}

/// Answers that the user may not act on this record or field, or that no policy allows it.
pub(crate) fn forbidden(message: &str) -> Value {
    json!({"status": 403, "message": message})
}

/// Answers that directory, engine or store failed; the reference names the line of the log.
pub(crate) fn failed(failure: Failure, reference: &str) -> Value {
    json!({"status": failure.status(), "message": failure.message(), "reference": reference})
}

/// Returns the contract's name of a challenge.
fn generation(challenge: &str) -> String {
    format!("{GENERATION}{challenge}")
}

/// Returns the whole minutes that are left, at least one: nobody is told of more time than there is,
/// but for the last minute.
pub(crate) fn minutes(until: Timestamp, now: Timestamp) -> u64 {
    (until.saturating_since(now).as_secs() / 60).max(1)
}

/// Hides a number but for four digits, and a short one whole.
fn shown(number: &str, numbers: Numbers) -> String {
    if numbers == Numbers::Whole {
        return number.into();
    }
    let hidden = if number.len() >= 8 {
        number.len() - 4
    } else {
        number.len()
    };
    format!("{}{}", "*".repeat(hidden), &number[hidden..])
}

/// Returns whole seconds, at least one: who waits so long is admitted.
fn wait(until: Option<Timestamp>, now: Timestamp) -> Option<u64> {
    until.map(|until| until.saturating_since(now).as_secs().max(1))
}

fn or_false(text: Option<String>) -> Value {
    text.map_or(Value::Bool(false), Value::String)
}

#[cfg(test)]
mod tests;
