//! The host's side: the HTTP contract's answers, and the engine behind them.

use std::sync::Arc;

use otp_engine::{
    Binding, ChallengeId, Clock, ContentDigest, CountryCode, Delivery, Engine, Error, Evidence,
    Issuance, Issued, KeyRing, MemoryStore, Mobile, Reason, RecordField, Refusal, Rejection,
    SignatureRecord, SigningKey, Submission, Timestamp, Verdict, VerifyingKeys,
};
use serde_json::{Value, json};

/// The host's side of one signing: engine, store, and the answers of its HTTP contract.
pub(crate) struct Desk<'a, C> {
    clock: Arc<C>,
    pub(crate) engine: Engine,
    pub(crate) store: MemoryStore,
    pub(crate) keys: VerifyingKeys,
    pub(crate) binding: &'a Binding,
    request: &'a Request,
    evidence: Evidence<'a>,
}

/// Where a submitted code leaves the signing.
pub(crate) enum End {
    Signed(Box<SignatureRecord>),
    TryAgain,
    Closed,
}

impl<'a, C: Clock + 'static> Desk<'a, C> {
    pub(crate) fn new(
        clock: Arc<C>,
        request: &'a Request,
        binding: &'a Binding,
        evidence: Evidence<'a>,
    ) -> Result<Self, String> {
        // A real host reads its secrets from its configuration; these live as long as the program.
        let mut secrets = [[0; 32]; 3];
        for secret in &mut secrets {
            getrandom::fill(secret).map_err(|error| format!("randomness: {error}"))?;
        }
        let keys = KeyRing::builder()
            .code("example", &secrets[0])
            .index(&secrets[1])
            .build();
        let keys = keys.map_err(|error| format!("key ring: {error}"))?;
        let key = SigningKey::from_seed(&secrets[2]);
        let verifying = [key.verifying_key()].into_iter().collect();
        let engine = Engine::builder(keys)
            .clock(clock.clone())
            .signing_key(key)
            .build();
        let store = MemoryStore::keeping_records_until_exit();
        // At each start: a store that other keys began must not be worked on.
        engine.check_store(&store).map_err(fault)?;
        Ok(Self {
            clock,
            engine,
            store,
            keys: verifying,
            binding,
            request,
            evidence,
        })
    }

    /// Serves "send": prints the SMS, if one goes out, and the answer.
    pub(crate) fn send(&self) -> Result<Option<Issued>, String> {
        match self
            .engine
            .issue(&self.store, self.binding)
            .map_err(fault)?
        {
            Issuance::Issued(issued) => {
                let minutes = self.engine.policy().validity().as_secs() / 60;
                let code = issued.code.as_str();
                println!(
                    "SMS to {}: RM0.00 Your code is {code}. It is valid for {minutes} minutes.",
                    issued.recipient
                );
                // The gateway would be asked here, after the commit; its answer is reported.
                self.engine
                    .report_delivery(
                        &self.store,
                        self.binding,
                        issued.id,
                        issued.send,
                        Delivery::Sent,
                    )
                    .map_err(fault)?;
                answer(&json!({
                    "status": 200,
                    "message": "OTP generated successfully",
                    "esms_otp_generation_id": generation(issued.id),
                    "esms_otp_response_status": "0",
                    "duration": minutes,
                    "expiration_time": utc(issued.expires_at),
                    "recipient_mobile": issued.recipient.as_str(),
                }));
                Ok(Some(issued))
            }
            Issuance::Refused(refusal) => {
                answer(&self.refused(refusal)?);
                Ok(None)
            }
        }
    }

    fn refused(&self, refusal: Refusal) -> Result<Value, String> {
        let retry_after = self.retry_after(refusal.retry_at);
        Ok(match (refusal.reason, refusal.id) {
            (Reason::Cooldown, Some(id)) => {
                let live = self
                    .engine
                    .status(&self.store, self.binding)
                    .map_err(fault)?;
                json!({
                    "status": 200,
                    "message": "OTP already sent",
                    "esms_otp_generation_id": generation(id),
                    "expiration_time": live.map(|live| utc(live.expires_at)),
                    "retry_after": retry_after,
                })
            }
            (Reason::Cooldown | Reason::SendLimit, _) => {
                json!({"status": 429, "message": "Too many OTP requests", "retry_after": retry_after})
            }
            (Reason::Exhausted | Reason::Locked, _) => {
                json!({"status": 423, "message": "Too many wrong codes", "retry_after": retry_after})
            }
        })
    }

    /// Serves "verify": prints the answer.
    pub(crate) fn submit(&self, issued: &Issued, typed: &str) -> Result<End, String> {
        let submission = Submission::new(self.binding, typed)
            .challenge(issued.id)
            .evidence(self.evidence);
        println!("> {typed}");
        let verdict = self.engine.verify(&self.store, submission).map_err(fault)?;
        let invalid = "Invalid or expired OTP";
        let (value, end) = match verdict {
            Verdict::Accepted(acceptance) => {
                let record = acceptance.record.ok_or("the engine left no record")?;
                let value = json!({
                    "status": 200,
                    "message": "OTP verified successfully",
                    "esms_otp_generation_id": generation(acceptance.id),
                    "verified_at": utc(acceptance.verified_at),
                    "signature_id": record.id().to_string(),
                    "redirect_url": self.request.redirect_url,
                });
                (value, End::Signed(record))
            }
            Verdict::Rejected(Rejection::Wrong {
                attempts_left: left @ 1..,
            }) => (
                json!({"status": 400, "message": invalid, "attempts_left": left}),
                End::TryAgain,
            ),
            Verdict::Rejected(Rejection::Malformed) => (
                json!({"status": 400, "message": "The OTP must be 6 digits"}),
                End::TryAgain,
            ),
            Verdict::Rejected(Rejection::Exhausted { retry_at }) => {
                (self.locked(Some(retry_at)), End::Closed)
            }
            Verdict::Rejected(Rejection::Locked { retry_at }) => {
                (self.locked(retry_at), End::Closed)
            }
            Verdict::Rejected(Rejection::Evidence(fault)) => (
                json!({"status": 400, "message": fault.to_string()}),
                End::Closed,
            ),
            Verdict::Rejected(_) => (json!({"status": 400, "message": invalid}), End::Closed),
        };
        answer(&value);
        Ok(end)
    }

    fn locked(&self, retry_at: Option<Timestamp>) -> Value {
        json!({"status": 423, "message": "Too many wrong codes", "retry_after": self.retry_after(retry_at)})
    }

    fn retry_after(&self, retry_at: Option<Timestamp>) -> Option<u64> {
        Some(retry_at?.saturating_since(self.clock.now()?).as_secs())
    }
}

/// What the client asks: the members of `params`.
pub(crate) struct Request {
    model: String,
    field: String,
    id: u64,
    redirect_url: String,
}

impl Request {
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let json: Value = serde_json::from_str(text)
            .map_err(|error| format!("the request is not JSON: {error}"))?;
        let params = json.get("params").and_then(Value::as_object);
        let params = params.ok_or("the request has no object `params`")?;
        let text = |name: &str| {
            let value = params
                .get(name)
                .ok_or_else(|| format!("params.{name} is missing"))?;
            value
                .as_str()
                .map(str::to_owned)
                .ok_or_else(|| format!("params.{name} is {value}; it must be text"))
        };
        let id = params.get("id").ok_or("params.id is missing")?;
        let id = id.as_u64().filter(|id| *id > 0);
        let id = id.ok_or_else(|| {
            format!(
                "params.id is {}; it must be a whole number above 0",
                params["id"]
            )
        })?;
        Ok(Self {
            model: text("model")?,
            field: text("field")?,
            id,
            redirect_url: text("redirect_url")?,
        })
    }

    /// Returns the document that is signed: in a real host, the record's own.
    pub(crate) fn offer(&self) -> String {
        format!(
            "Loan offer {}: RM 250,000.00 at 4.10 %, 60 months\n",
            self.id
        )
    }

    /// Binds the code to this request, to the user who is logged in, and to the very offer.
    pub(crate) fn binding(&self, user: &str, mobile: &str) -> Result<Binding, String> {
        let malaysia = CountryCode::new(60).map_err(|error| error.to_string())?;
        let mobile = Mobile::parse_national(mobile, malaysia);
        let record = self.id.to_string();
        Binding::builder()
            .tenant("example")
            .purpose("sign")
            .record_field(RecordField {
                model: &self.model,
                field: &self.field,
                record: &record,
            })
            .user(user)
            .recipient(mobile.map_err(|error| format!("--mobile: {error}"))?)
            .content(ContentDigest::of(self.offer().as_bytes()))
            .build()
            .map_err(|error| format!("the request's {error}"))
    }
}

fn answer(result: &Value) {
    println!("{:#}", json!({"result": result}));
}

fn generation(id: ChallengeId) -> String {
    format!("gen_{id}")
}

/// Writes an instant as the contract does: `2024-05-15 10:03:00`.
fn utc(at: Timestamp) -> String {
    at.to_utc()
        .map_or_else(String::new, |utc| format!("{} {}", utc.date(), utc.time()))
        .split('.')
        .next()
        .unwrap_or("")
        .into()
}

pub(crate) fn fault(error: Error) -> String {
    let cause = core::error::Error::source(&error)
        .map(|cause| format!(": {cause}"))
        .unwrap_or_default();
    format!("{error}{cause}")
}
