//! The host's side: the HTTP contract's answers, and the engine behind them.

use std::sync::Arc;

use otp_engine::{
    Binding, Clock, ContentDigest, Engine, Error, Evidence, Issuance, Issued, KeyRing, MemoryStore,
    Mobile, Refusal, Rejection, SignatureRecord, SigningKey, Submission, Target, Timestamp,
    Verdict,
    operation::{Delivery, DeliveryReport},
    recipient::CountryCode,
    record::VerifyingKeys,
};
use serde_json::{Value, json};

use crate::answer::{self, Live};
use crate::request::Request;

/// The host's side of one signing: engine, store, and the answers of its HTTP contract.
pub(crate) struct LoanService<'a, C> {
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

impl<'a, C: Clock + 'static> LoanService<'a, C> {
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
        let key = key.map_err(|error| format!("signing key: {error}"))?;
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
        // Before the engine is asked: nobody is told of more time than there was then.
        let asked_at = self.now()?;
        match self
            .engine
            .issue(&self.store, self.binding)
            .map_err(fault)?
        {
            Issuance::Issued(issued) => {
                let minutes = answer::minutes(issued.expires_at, asked_at);
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
                        DeliveryReport {
                            id: issued.id,
                            send: issued.send,
                            delivery: Delivery::Sent,
                        },
                    )
                    .map_err(fault)?;
                let live = Live {
                    id: issued.id,
                    expires_at: issued.expires_at,
                    recipient: issued.recipient.as_str(),
                };
                show(&answer::sent(&live, "0", asked_at));
                Ok(Some(issued))
            }
            Issuance::Refused(refusal) => {
                show(&self.refused(&refusal)?);
                Ok(None)
            }
        }
    }

    fn refused(&self, refusal: &Refusal) -> Result<Value, String> {
        let status = self.engine.status(&self.store, self.binding);
        let status = status.map_err(fault)?;
        let live = status.map(|status| Live {
            id: status.id,
            expires_at: status.expires_at,
            recipient: self.binding.recipient().as_str(),
        });
        let stands = live.as_ref().zip(status);
        let stands = stands.map(|(live, status)| (live, status.state, status.delivery));
        let (reason, id, retry_at) = (refusal.reason, refusal.id, refusal.retry_at);
        Ok(answer::refused(reason, id, retry_at, stands, self.now()?))
    }

    /// Serves "verify": prints the answer.
    pub(crate) fn submit(&self, issued: &Issued, entered: &str) -> Result<End, String> {
        let submission = Submission::new(self.binding, entered)
            .challenge(issued.id)
            .evidence(self.evidence);
        println!("> {entered}");
        let verdict = self.engine.verify(&self.store, submission).map_err(fault)?;
        let (value, end) = match verdict {
            Verdict::Accepted(acceptance) => {
                let record = acceptance.record.ok_or("the engine left no record")?;
                let (id, at) = (acceptance.id, acceptance.verified_at);
                let path = self.request.redirect_url.as_deref();
                let value = answer::verified(id, at, record.sequence(), path);
                (value, End::Signed(record))
            }
            Verdict::Rejected(rejection) => {
                let end = match rejection {
                    Rejection::Wrong { attempts_left: 1.. } | Rejection::Malformed => End::TryAgain,
                    _ => End::Closed,
                };
                (answer::rejected(rejection, self.now()?), end)
            }
        };
        show(&value);
        Ok(end)
    }

    fn now(&self) -> Result<Timestamp, String> {
        self.clock
            .now()
            .ok_or_else(|| "the clock has no time".into())
    }
}

impl Request {
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
            .target(Target {
                model: &self.model,
                field: &self.field,
                id: &record,
            })
            .user(user)
            .recipient(mobile.map_err(|error| format!("--mobile: {error}"))?)
            .content(ContentDigest::of(self.offer().as_bytes()))
            .build()
            .map_err(|error| format!("the request's {error}"))
    }
}

fn show(result: &Value) {
    println!("{:#}", json!({"result": result}));
}

pub(crate) fn fault(error: Error) -> String {
    let cause = core::error::Error::source(&error)
        .map(|cause| format!(": {cause}"))
        .unwrap_or_default();
    format!("{error}{cause}")
}
