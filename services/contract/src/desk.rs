//! The work behind the three routes, on threads that may block: directory, engine and gateway.

use std::sync::Arc;

use axum::http::{HeaderMap, header};
use otp_engine::{
    Binding, ChallengeId, Clock, Delivery, Engine, Evidence, Expected, GatewayStatus, Issuance,
    Mobile, RecordField, Store, Submission, Timestamp, Verdict, VerifyingKeys, verify_record,
};
use serde_json::Value;

use crate::answer::{self, Live, Numbers, Signature};
use crate::directory::{Access, Denial, Directory, Fault, Terms, User};
use crate::gateway::{Gateway, Reply, Unanswered};
use crate::images::{Images, WithImage};
use crate::redirects;
use crate::request::{Place, Send, Verify};

/// What every code of the service is good for; enters each binding, and each record as `act`.
const PURPOSE: &str = "sign";

/// All that serves the contract.
pub(crate) struct Desk {
    pub(crate) engine: Engine,
    pub(crate) store: Arc<dyn Store>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) keys: VerifyingKeys,
    pub(crate) directory: Arc<dyn Directory>,
    pub(crate) gateway: Arc<dyn Gateway>,
    pub(crate) images: Images,
    pub(crate) numbers: Numbers,
}

/// What came of a step: an answer, or that there is none.
pub(crate) type Outcome<T> = Result<T, Ended>;

/// There is nothing more to do.
pub(crate) enum Ended {
    /// The client hears this.
    Answered(Value),
    /// Nobody is logged in.
    LoggedOut,
    /// Directory, engine or store failed.
    Failed(Fault),
}

impl<E: Into<Fault>> From<E> for Ended {
    fn from(fault: E) -> Self {
        Self::Failed(fault.into())
    }
}

/// A code to send; the contract's half of it.
pub(crate) struct Outgoing {
    case: Case,
    id: ChallengeId,
    send: u8,
    expires_at: Timestamp,
    text: otp_engine::Message,
}

/// What a send or a verify is about, as all of it is now.
struct Case {
    engine: Engine,
    binding: Binding,
    number: Mobile,
    terms: Terms,
    minutes: u64,
}

/// Where a request comes from, for the record.
pub(crate) struct Origin {
    pub(crate) headers: HeaderMap,
    pub(crate) ip: String,
}

impl Desk {
    /// Returns who is logged in.
    pub(crate) fn user(&self, headers: &HeaderMap) -> Result<Option<User>, Fault> {
        self.directory.authenticate(headers)
    }

    /// Issues a code; what is returned is to be sent.
    pub(crate) fn issue(&self, user: &User, asked: &Send) -> Outcome<Outgoing> {
        let case = self.case(user, &asked.place)?;
        let Terms {
            template, subject, ..
        } = &case.terms;
        let minutes = u32::try_from(case.minutes).unwrap_or(u32::MAX);
        // What does not fit must show before there is a code that nobody receives.
        let digits = case.engine.policy().code().len();
        let _ = template.compose(&"0".repeat(digits), minutes, subject)?;
        let issued = match case.engine.issue(&*self.store, &case.binding)? {
            Issuance::Issued(issued) => issued,
            Issuance::Refused(refusal) => return Err(self.refusal(&case, &refusal)?),
        };
        let now = self.now()?;
        if let Some(path) = &asked.redirect_url
            && let Err(error) =
                redirects::keep(&*self.store, issued.id, path, issued.expires_at, now)
        {
            tracing::warn!(%error, "the path to go on at was not kept");
        }
        let text = template.compose(issued.code.as_str(), minutes, subject)?;
        Ok(Outgoing {
            id: issued.id,
            send: issued.send,
            expires_at: issued.expires_at,
            text,
            case,
        })
    }

    fn refusal(&self, case: &Case, refusal: &otp_engine::Refusal) -> Result<Ended, Fault> {
        let status = match refusal.id {
            Some(_) => case.engine.status(&*self.store, &case.binding)?,
            None => None,
        };
        let now = self.now()?;
        let answer = match status {
            Some(status) if answer::is_live(refusal, &status) => {
                let live = self.live(case, status.id, status.expires_at);
                answer::already_sent(&live, status.delivery, refusal.retry_at, now)
            }
            _ => answer::refused(refusal, now),
        };
        Ok(Ended::Answered(answer))
    }

    /// Hands a message to the gateway.
    pub(crate) fn hand_over(&self, outgoing: &Outgoing) -> Result<Reply, Unanswered> {
        let number = outgoing.case.number.as_str();
        self.gateway.send(number, outgoing.text.text())
    }

    /// Reports what the gateway said, and answers; nothing is reported where it said nothing.
    pub(crate) fn report(&self, outgoing: &Outgoing, said: &Result<Reply, Unanswered>) -> Value {
        let reply = match said {
            Ok(reply) => reply,
            // Perhaps it was sent: nothing is refunded, and the cooldown keeps a second one back.
            Err(unanswered) => {
                tracing::warn!(%unanswered, "whether a message goes out is not known");
                return answer::gateway_failed("");
            }
        };
        let delivery = if reply.is_ok() {
            Delivery::Sent
        } else {
            tracing::warn!(
                status = reply.status,
                meaning = reply.meaning,
                "the gateway refused a message"
            );
            Delivery::Failed(status(&reply.status))
        };
        let case = &outgoing.case;
        let reported = case.engine.report_delivery(
            &*self.store,
            &case.binding,
            outgoing.id,
            outgoing.send,
            delivery,
        );
        if let Err(error) = reported {
            // Whatever fails here, the message has left.
            tracing::error!(error = chain(&error), "the report of a delivery was lost");
        }
        if reply.is_ok() {
            let live = self.live(case, outgoing.id, outgoing.expires_at);
            answer::sent(&live, &reply.status)
        } else {
            answer::gateway_failed(&reply.status)
        }
    }

    /// Judges what was typed.
    pub(crate) fn verify(&self, user: &User, asked: &Verify, origin: &Origin) -> Outcome<Value> {
        let case = self.case(user, &asked.place)?;
        let name = line(&user.name, 256);
        let ip = line(&origin.ip, 64);
        let agent = origin.headers.get(header::USER_AGENT);
        let agent = line(
            &String::from_utf8_lossy(agent.map_or(&[], |agent| agent.as_bytes())),
            512,
        );
        let mut evidence = Evidence::new().user_name(&name).ip(&ip);
        if !agent.is_empty() {
            evidence = evidence.agent(&agent);
        }
        if let Some(name) = &asked.signer_name {
            evidence = evidence.signer_name(name);
        }
        let with_image;
        let mut store = &*self.store;
        if let Some(image) = &asked.image {
            evidence = evidence.image(image);
            with_image = WithImage {
                store: &self.store,
                images: &self.images,
                image,
            };
            store = &with_image;
        }
        let mut submission = Submission::new(&case.binding, &asked.otp).evidence(evidence);
        if let Some(challenge) = asked.challenge {
            submission = submission.challenge(challenge);
        }
        match case.engine.verify(store, submission)? {
            Verdict::Rejected(rejection) => Ok(answer::rejected(rejection, self.now()?)),
            Verdict::Accepted(accepted) => {
                let record = accepted.record.as_ref();
                let n = record.ok_or("the engine left no record")?.n();
                let path = redirects::find(&*self.store, accepted.id).unwrap_or_else(|error| {
                    tracing::warn!(%error, "the path to go on at was not found");
                    None
                });
                Ok(answer::verified(&accepted, n, path))
            }
        }
    }

    /// Shows the newest signature of a field.
    pub(crate) fn signature(&self, user: &User, place: &Place) -> Outcome<Value> {
        let id = place.id.to_string();
        let field = place.field(&id);
        self.terms(user, &field, Access::Read)?;
        let found = self
            .engine
            .latest_signature(&*self.store, &user.tenant, &field)?;
        let Some(record) = found else {
            return Ok(answer::not_found("Nothing is signed yet"));
        };
        let expected = Expected::new()
            .tenant(&user.tenant)
            .model(field.model)
            .field(field.field)
            .record(field.record)
            .purpose(PURPOSE);
        let read = verify_record(
            record.jws(),
            record.disclosures(),
            &self.keys,
            Some(&expected),
        )?;
        let image = match read.image() {
            Some(facts) => self.images.find(&facts.digest)?,
            None => None,
        };
        let is_own = read.user() == user.id;
        let numbers = if is_own {
            self.numbers
        } else {
            Numbers::Masked
        };
        Ok(answer::signature(&Signature {
            n: read.n(),
            challenge: &read.otp().id,
            verified_at: read.verified_at(),
            signer_name: read.signer_name().or(read.user_name()),
            image,
            recipient: read.number().map(|number| number.trim_start_matches('+')),
            jws: record.jws(),
            // They hold the whole number and the address: the signer's own.
            disclosures: if is_own && numbers == Numbers::Whole {
                record.disclosures()
            } else {
                &[]
            },
            numbers,
        }))
    }

    /// Fails where the store does not answer.
    pub(crate) fn check(&self) -> Result<(), Fault> {
        let field = RecordField {
            model: "health",
            field: "ready",
            record: "0",
        };
        self.engine.page(&*self.store, "health", &field)?;
        Ok(())
    }

    /// Drops what is over, in batches; returns how many cells.
    pub(crate) fn purge(&self) -> Result<usize, Fault> {
        let mut dropped = 0;
        loop {
            let batch = self.engine.purge(&*self.store, PURGE_BATCH)?;
            dropped += batch;
            if batch < PURGE_BATCH {
                return Ok(dropped);
            }
        }
    }

    fn case(&self, user: &User, place: &Place) -> Outcome<Case> {
        let id = place.id.to_string();
        let field = place.field(&id);
        let terms = self.terms(user, &field, Access::Sign)?;
        let Some(number) = user.mobile else {
            let unusable = "No usable mobile number is registered";
            return Err(Ended::Answered(answer::bad(&crate::request::Bad(
                unusable.into(),
            ))));
        };
        let mut binding = Binding::builder()
            .tenant(&user.tenant)
            .purpose(PURPOSE)
            .record_field(field)
            .user(&user.id)
            .recipient(number);
        if let Some(content) = terms.content {
            binding = binding.content(content);
        }
        let engine = self.engine.with_policy(terms.policy);
        Ok(Case {
            minutes: engine.policy().validity().as_secs() / 60,
            engine,
            binding: binding.build()?,
            number,
            terms,
        })
    }

    fn terms(&self, user: &User, field: &RecordField<'_>, to: Access) -> Outcome<Terms> {
        self.directory.look_up(user, field, to).map_err(|denial| {
            let message = denial.to_string();
            match denial {
                Denial::Fault(fault) => Ended::Failed(fault),
                Denial::NoPolicy | Denial::NotTheirs => {
                    Ended::Answered(answer::forbidden(&message))
                }
                Denial::NoModel | Denial::NoField | Denial::NoRecord => {
                    Ended::Answered(answer::not_found(&message))
                }
            }
        })
    }

    fn live<'a>(&self, case: &'a Case, id: ChallengeId, expires_at: Timestamp) -> Live<'a> {
        Live {
            id,
            expires_at,
            recipient: case.number.as_str(),
            minutes: case.minutes,
            numbers: self.numbers,
        }
    }

    fn now(&self) -> Result<Timestamp, Fault> {
        self.clock
            .now()
            .ok_or_else(|| "the clock has no time".into())
    }
}

impl Place {
    fn field<'a>(&'a self, record: &'a str) -> RecordField<'a> {
        RecordField {
            model: &self.model,
            field: &self.field,
            record,
        }
    }
}

/// How many cells are dropped at once: others wait no longer than that takes.
const PURGE_BATCH: usize = 500;

/// Returns a gateway's status as the engine keeps it.
fn status(text: &str) -> GatewayStatus {
    GatewayStatus::parse(text)
        .or_else(|| GatewayStatus::parse("other"))
        .unwrap_or_else(|| unreachable!("five printable characters"))
}

/// Returns a text as the engine takes it: one line of so many bytes. It comes from outside.
fn line(text: &str, most: usize) -> String {
    let mut line: String = text.chars().filter(|symbol| !symbol.is_control()).collect();
    let end = (0..=most.min(line.len())).rev();
    let end = end.into_iter().find(|at| line.is_char_boundary(*at));
    line.truncate(end.unwrap_or(0));
    line
}

/// Writes an error with its causes.
pub(crate) fn chain(error: &(dyn core::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(&format!(": {error}"));
        cause = error.source();
    }
    text
}
