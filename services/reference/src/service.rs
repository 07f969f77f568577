//! The work behind the three routes, on threads that may block: directory, engine and gateway.

mod erase;
mod probe;
mod reset;
mod send;
mod sign;
mod status;

use std::sync::Arc;

use otp_engine::{
    Binding, Clock, Engine, Mobile, Store, Target, Timestamp,
    record::{
        Expected, RecordError, SignatureRecord, VerifiedRecord, VerifyingKeys, verify_record,
    },
};
use serde_json::Value;

use crate::admin::Token;
use crate::answer::{self, Numbers};
use crate::deliveries::Deliveries;
use crate::directory::{Access, Caller, Denial, Directory, Fault, NoUser, Terms, User};
use crate::gateway::Gateway;
use crate::request::{Bad, RequestTarget};

pub(crate) use sign::{Origin, Shown};

/// What every code of the service is good for; enters each binding, and each record as `act`.
const PURPOSE: &str = "sign";

/// All that serves the contract.
pub(crate) struct Service {
    pub(crate) engine: Engine,
    pub(crate) store: Arc<dyn Store>,
    /// The same cells; those that are over are dropped as the role that may delete.
    pub(crate) purger: Arc<dyn Store>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) deliveries: Arc<Deliveries>,
    pub(crate) keys: VerifyingKeys,
    pub(crate) directory: Arc<dyn Directory>,
    pub(crate) gateway: Arc<dyn Gateway>,
    pub(crate) numbers: Numbers,
    pub(crate) admin_token: Option<Token>,
}

/// What came of a step: an answer, or that there is none.
pub(crate) type Outcome<T> = Result<T, Ended>;

/// There is nothing more to do.
pub(crate) enum Ended {
    /// This is returned to the client.
    Answered(Value),
    /// Nobody is logged in, and why.
    LoggedOut(&'static str),
    /// Directory, engine or store failed.
    Failed(Fault),
}

impl<E: Into<Fault>> From<E> for Ended {
    fn from(fault: E) -> Self {
        Self::Failed(fault.into())
    }
}

/// A user, and the terms on which the field that they ask about is open to them.
pub(crate) struct Admitted {
    user: User,
    terms: Terms,
}

/// What a send or a verify is about, as all of it is now.
struct Case {
    engine: Engine,
    binding: Binding,
    number: Mobile,
}

impl Service {
    /// Returns who is logged in.
    pub(crate) fn user(&self, caller: &Caller<'_>) -> Outcome<User> {
        self.directory
            .authenticate(caller)
            .map_err(|no_user| match no_user {
                NoUser::LoggedOut(why) => Ended::LoggedOut(why),
                NoUser::Fault(fault) => Ended::Failed(fault),
            })
    }

    /// Returns the terms on which a field is open to a user.
    pub(crate) fn admit(&self, user: User, place: &RequestTarget, to: Access) -> Outcome<Admitted> {
        let id = place.id.to_string();
        let terms = self.terms(&user, &place.field(&id), to)?;
        Ok(Admitted { user, terms })
    }

    /// Fails where a code could not be sent or judged now: where the store does not answer, and
    /// where it takes nothing new.
    pub(crate) fn check(&self) -> Result<(), Fault> {
        Ok(probe::write(&*self.store, self.now()?)?)
    }

    /// Drops what is over, in batches; returns how many cells. A clock that jumped is not believed
    /// unless it is `confirmed`.
    pub(crate) fn purge(&self, confirmed: bool) -> Result<usize, Fault> {
        let mut dropped = 0;
        if confirmed {
            dropped += self.engine.purge_confirmed(&*self.purger, PURGE_BATCH)?;
        }
        loop {
            let batch = self.purge_some()?;
            dropped += batch;
            if batch < PURGE_BATCH {
                return Ok(dropped);
            }
        }
    }

    /// Drops one batch of what is over; returns how many cells.
    pub(crate) fn purge_some(&self) -> Result<usize, Fault> {
        Ok(self.engine.purge(&*self.purger, PURGE_BATCH)?)
    }

    fn case(&self, admitted: &Admitted, place: &RequestTarget) -> Outcome<Case> {
        let Admitted { user, terms } = admitted;
        let id = place.id.to_string();
        let field = place.field(&id);
        let Some(number) = terms.mobile.or(user.mobile) else {
            let unusable = "No usable mobile number is registered";
            return Err(Ended::Answered(answer::bad(&Bad(unusable.into()))));
        };
        let mut binding = Binding::builder()
            .tenant(&user.tenant)
            .purpose(PURPOSE)
            .target(field)
            .user(&user.id)
            .recipient(number);
        if let Some(content) = terms.content {
            binding = binding.content(content);
        }
        let engine = self.engine.with_policy(terms.policy);
        Ok(Case {
            engine,
            binding: binding.build()?,
            number,
        })
    }

    fn terms(&self, user: &User, field: &Target<'_>, to: Access) -> Outcome<Terms> {
        self.directory.look_up(user, field, to).map_err(|denial| {
            let message = denial.to_string();
            match denial {
                Denial::Fault(fault) => Ended::Failed(fault),
                Denial::NoPolicy | Denial::NotTheirs | Denial::Refused(_) => {
                    Ended::Answered(answer::forbidden(&message))
                }
                Denial::NoModel | Denial::NoField | Denial::NoRecord => {
                    Ended::Answered(answer::not_found(&message))
                }
            }
        })
    }

    /// Verifies a record of a field with the public keys.
    fn verified(
        &self,
        tenant: &str,
        field: &Target<'_>,
        record: &SignatureRecord,
    ) -> Result<VerifiedRecord, RecordError> {
        let expected = Expected::new()
            .tenant(tenant)
            .model(field.model)
            .field(field.field)
            .target_id(field.id)
            .purpose(PURPOSE);
        let (jws, disclosures) = (record.jws(), record.disclosures());
        verify_record(jws, disclosures, &self.keys, Some(&expected))
    }

    fn now(&self) -> Result<Timestamp, Fault> {
        self.clock
            .now()
            .ok_or_else(|| "the clock has no time".into())
    }
}

impl RequestTarget {
    fn field<'a>(&'a self, record: &'a str) -> Target<'a> {
        Target {
            model: &self.model,
            field: &self.field,
            id: record,
        }
    }
}

/// How many cells are dropped at once: others wait no longer than that takes.
pub(crate) const PURGE_BATCH: usize = 500;
