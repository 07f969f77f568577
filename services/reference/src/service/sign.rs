//! Verify and Get signature: a code signs a field, and the field shows who signed it.

use core::net::IpAddr;

use axum::http::{HeaderMap, header};
use otp_engine::{Evidence, Store, Submission, Verdict};
use serde_json::Value;

use super::{Admitted, Outcome, Service};
use crate::answer::{self, Numbers, Signature};
use crate::deliveries;
use crate::directory::Caller;
use crate::images::{Image, WithImage};
use crate::redirects::WithPath;
use crate::request::{RequestTarget, Verify};

/// Where a request comes from, for the record.
pub(crate) struct Origin {
    pub(crate) headers: HeaderMap,
    /// The other end of the connection.
    pub(crate) address: Option<IpAddr>,
    /// The client's, behind proxies that are trusted.
    pub(crate) client: Option<IpAddr>,
}

impl Origin {
    pub(crate) const fn caller(&self) -> Caller<'_> {
        Caller::new(&self.headers, self.address)
    }
}

/// What is shown of a signature.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Shown {
    /// The contract's answer.
    Signature,
    /// What the record commits to beside its signed text.
    Disclosures,
}

impl Service {
    /// Judges what was entered.
    pub(crate) fn verify(
        &self,
        admitted: &Admitted,
        asked: &Verify,
        origin: &Origin,
    ) -> Outcome<Value> {
        let case = self.case(admitted, &asked.place)?;
        let user = &admitted.user;
        let record = asked.place.id.to_string();
        let field = asked.place.field(&record);
        let name = line(&user.name, 256);
        let ip = origin.client.map(|ip| ip.to_string()).unwrap_or_default();
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
        let with_path = WithPath::find(&*self.store);
        let with_image;
        let mut store: &dyn Store = &with_path;
        if let Some(image) = &asked.image {
            evidence = evidence.image(image);
            with_image = WithImage {
                store: &with_path,
                tenant: &user.tenant,
                field: &field,
                image,
            };
            store = &with_image;
        }
        let mut submission = Submission::new(&case.binding, &asked.otp).evidence(evidence);
        if let Some(challenge) = asked.challenge {
            submission = submission.challenge(challenge);
        }
        let slot = deliveries::slot(user, &field);
        if let Some((id, send)) = self.deliveries.of(&slot) {
            submission = submission.delivered(id, send);
        }
        match case.engine.verify(store, submission)? {
            Verdict::Rejected(rejection) => Ok(answer::rejected(rejection, self.now()?)),
            Verdict::Accepted(accepted) => {
                let record = accepted.record.as_ref();
                let n = record.ok_or("the engine left no record")?.sequence();
                self.deliveries.forget(&slot);
                let (id, at) = (accepted.id, accepted.verified_at);
                Ok(answer::verified(id, at, n, with_path.path()))
            }
        }
    }

    /// Shows the newest signature of a field; or its disclosures, to its own signer alone: they hold
    /// the whole number and the address.
    pub(crate) fn signature(
        &self,
        admitted: &Admitted,
        place: &RequestTarget,
        what: Shown,
    ) -> Outcome<Value> {
        let user = &admitted.user;
        let id = place.id.to_string();
        let field = place.field(&id);
        let found = self
            .engine
            .latest_signature(&*self.store, &user.tenant, &field)?;
        let Some(record) = found else {
            return Ok(answer::not_found("Nothing is signed yet"));
        };
        let read = self.verified(&user.tenant, &field, &record)?;
        let is_own = read.user() == user.id;
        let numbers = if is_own {
            self.numbers
        } else {
            Numbers::Masked
        };
        if what == Shown::Disclosures {
            let whole = numbers == Numbers::Whole;
            let shown = if whole { record.disclosures() } else { &[] };
            return Ok(answer::disclosures(record.jws(), shown));
        }
        let image = match read.image() {
            Some(facts) => Image::new(&user.tenant, &field, &facts.digest).find(&*self.store)?,
            None => None,
        };
        Ok(answer::signature(&Signature {
            n: read.sequence(),
            challenge: &read.otp().id,
            verified_at: read.verified_at(),
            signer_name: read.signer_name().or(read.user_name()),
            image,
            recipient: read.number().map(|number| number.trim_start_matches('+')),
            jws: record.jws(),
            numbers,
        }))
    }
}

/// Returns a text as the engine takes it: one line of so many bytes. It comes from outside.
fn line(text: &str, most: usize) -> String {
    let mut line: String = text.chars().filter(|symbol| !symbol.is_control()).collect();
    let end = (0..=most.min(line.len())).rev();
    let end = end.into_iter().find(|at| line.is_char_boundary(*at));
    line.truncate(end.unwrap_or(0));
    line
}
