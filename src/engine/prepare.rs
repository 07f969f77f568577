//! What each operation is given before its first round: the same for both drivers.

use core::ops::ControlFlow;

use super::{Engine, Shared};
use crate::event::EventKind;
use crate::operation::admit::AdmitPurge;
use crate::operation::cancel::Cancel;
use crate::operation::delivery::Report;
use crate::operation::issue::Issue;
use crate::operation::reset::{ResetMeter, ResetSlot};
use crate::operation::signatures::{Erase, ReadChainHead};
use crate::operation::status::ReadStatus;
use crate::operation::unlock::Unlock;
use crate::operation::verify::Verify;
use crate::operation::{BindingCells, Context, Subject};
use crate::record::facts::Salts;
use crate::shown;
use crate::store::Class;
use crate::{
    Binding, ChallengeId, ContentRule, DeliveryReport, EraseRequest, Error, Recipient, Rejection,
    Submission, Target, Timestamp, Verdict,
};

impl Engine {
    pub(super) fn prepare_issue<'a>(
        &'a self,
        class: Class,
        binding: &'a Binding,
    ) -> Result<Issue<'a>, Error> {
        self.admits(binding)?;
        self.can_keep_records(class)?;
        self.can_keep_locks(class)?;
        let mut id = [0; 16];
        self.draw(&mut id)?;
        Ok(Issue {
            target: self.target(class, binding),
            id: ChallengeId::from_bytes(id),
        })
    }

    /// Breaks with the verdict where the evidence alone decides it: no store is asked then.
    pub(super) fn prepare_verify<'a>(
        &'a self,
        class: Class,
        submission: Submission<'a>,
    ) -> Result<ControlFlow<Verdict, Verify<'a>>, Error> {
        let Submission {
            binding, evidence, ..
        } = submission;
        self.admits(binding)?;
        let evidence = match evidence.check(&self.policy, binding) {
            Ok(evidence) => evidence,
            Err(fault) => {
                let rejection = Rejection::Evidence(fault);
                let event = EventKind::Rejected {
                    rejection,
                    mixed_scripts: false,
                };
                let now = self.now()?;
                self.notify(now, Subject::Binding(binding), None, None, event.into());
                return Ok(ControlFlow::Break(Verdict::Rejected(rejection)));
            }
        };
        let mut verify = Verify {
            target: self.target(class, binding),
            submission,
            evidence,
            salts: Salts::default(),
        };
        if self.shared.signer.is_some() {
            self.can_keep_records(class)?;
            self.draw(verify.salts.as_flattened_mut())?;
            verify.target.add_chain_head();
        }
        Ok(ControlFlow::Continue(verify))
    }

    pub(super) fn prepare_cancel<'a>(
        &'a self,
        class: Class,
        binding: &'a Binding,
    ) -> Result<Cancel<'a>, Error> {
        self.admits(binding)?;
        let target = self.target(class, binding);
        Ok(Cancel { target })
    }

    pub(super) fn prepare_report<'a>(
        &'a self,
        class: Class,
        binding: &'a Binding,
        report: DeliveryReport,
    ) -> Result<Report<'a>, Error> {
        self.admits(binding)?;
        Ok(Report {
            target: self.target(class, binding),
            report,
        })
    }

    pub(super) fn prepare_status<'a>(
        &'a self,
        class: Class,
        binding: &'a Binding,
    ) -> Result<ReadStatus<'a>, Error> {
        self.admits(binding)?;
        let target = self.target(class, binding);
        Ok(ReadStatus { target })
    }

    pub(super) fn prepare_unlock<'a>(&self, tenant: &'a str, user: &'a str) -> Unlock<'a> {
        let key = self.shared.keys.tenant(tenant).user_meter(user);
        Unlock { key, tenant, user }
    }

    pub(super) fn prepare_reset_slot<'a>(
        &'a self,
        class: Class,
        binding: &'a Binding,
        reason: &'a str,
    ) -> Result<ResetSlot<'a>, Error> {
        let target = self.target(class, binding);
        let reason = check_reason(reason)?;
        Ok(ResetSlot { target, reason })
    }

    pub(super) fn prepare_reset_recipient<'a>(
        &self,
        tenant: &'a str,
        recipient: &'a Recipient,
        reason: &'a str,
    ) -> Result<ResetMeter<'a>, Error> {
        let key = self.shared.keys.tenant(tenant).recipient_meter(recipient);
        Ok(ResetMeter {
            key,
            subject: Subject::Recipient { tenant, recipient },
            reason: check_reason(reason)?,
        })
    }

    pub(super) fn prepare_reset_user<'a>(
        &self,
        tenant: &'a str,
        user: &'a str,
        reason: &'a str,
    ) -> Result<ResetMeter<'a>, Error> {
        Ok(ResetMeter {
            key: self.shared.keys.tenant(tenant).user_meter(user),
            subject: Subject::User { tenant, user },
            reason: check_reason(reason)?,
        })
    }

    /// Breaks with the instant where there is nobody to ask: a store in this process knows no more
    /// than the engine, and one that expires keeps no mark.
    pub(super) fn prepare_purge(
        &self,
        class: Class,
        confirmed: bool,
    ) -> Result<ControlFlow<Timestamp, AdmitPurge<'_>>, Error> {
        let Shared { keys, newest, .. } = &*self.shared;
        if class == Class::Permanent {
            return Ok(ControlFlow::Continue(AdmitPurge {
                key: keys.tenant("").purge_mark(),
                newest,
                confirmed,
                is_begun: false,
            }));
        }
        let now = self.now()?;
        if !confirmed && !newest.admits(None, now) {
            return Err(Error::ClockAhead);
        }
        Ok(ControlFlow::Break(now))
    }

    /// Takes note of a purge that is admitted.
    pub(super) fn purges_at(&self, now: Timestamp, confirmed: bool) {
        let newest = &self.shared.newest;
        if confirmed {
            newest.set(now);
        } else {
            newest.committed(now);
        }
    }

    pub(super) fn prepare_chain_head<'a>(
        &self,
        tenant: &'a str,
        target: &Target<'_>,
    ) -> ReadChainHead<'a> {
        let key = self.shared.keys.tenant(tenant).chain_head(target);
        ReadChainHead { key, tenant }
    }

    pub(super) fn prepare_erase<'a>(&self, request: &EraseRequest<'a>) -> Erase<'a> {
        let keys = &self.shared.keys;
        let head = keys.tenant(request.tenant).chain_head(&request.target);
        Erase {
            key: keys.record_key(&head, request.sequence),
            tenant: request.tenant,
            details: request.details,
        }
    }

    fn target<'a>(&'a self, class: Class, binding: &'a Binding) -> BindingCells<'a> {
        BindingCells::new(&self.context(class), binding)
    }

    /// Fails where the policy wants to know what is approved.
    pub(super) fn admits(&self, binding: &Binding) -> Result<(), Error> {
        if self.policy.content() == ContentRule::Required && binding.content().is_none() {
            return Err(Error::ContentRequired);
        }
        Ok(())
    }

    pub(super) fn context(&self, class: Class) -> Context<'_> {
        let Shared {
            keys,
            rate_limits,
            signer,
            ..
        } = &*self.shared;
        Context {
            keys,
            policy: &self.policy,
            rate_limits,
            signer: signer.as_ref(),
            class,
        }
    }

    pub(super) fn draw(&self, bytes: &mut [u8]) -> Result<(), Error> {
        (self.shared.draw)(bytes).map_err(|error| Error::Randomness(Some(error)))
    }

    pub(super) fn now(&self) -> Result<Timestamp, Error> {
        self.shared.clock.now().ok_or(Error::Clock)
    }

    /// Fails where a lock without end would be forgotten. It is said before any code is out, never at
    /// a guess: one that could not be committed would be a free one.
    pub(super) fn can_keep_locks(&self, class: Class) -> Result<(), Error> {
        if class == Class::Expiring && self.shared.rate_limits.locks_without_end() {
            return Err(Error::LockWithoutEnd);
        }
        Ok(())
    }

    /// Fails where a code that is issued now could not leave its record.
    fn can_keep_records(&self, class: Class) -> Result<(), Error> {
        let Some(signer) = &self.shared.signer else {
            return Ok(());
        };
        if class != Class::Permanent {
            return Err(Error::NotPermanent);
        }
        let now = self.now()?;
        signer.signs_at(now).map_err(Error::SigningKey)?;
        // The record's own numbers end at 2^53 - 1 and begin at 1970.
        if !(0..1 << 53).contains(&now.unix()) {
            return Err(Error::Clock);
        }
        Ok(())
    }
}

/// Returns the reason of a reset if it is one that an audit log can hold.
pub(super) fn check_reason(reason: &str) -> Result<&str, Error> {
    let fits = reason.len() <= MAX_REASON && shown::shows(reason);
    if !fits || shown::first_hidden(reason).is_some() {
        return Err(Error::ResetReason);
    }
    Ok(reason)
}

/// The longest reason of a reset in bytes.
const MAX_REASON: usize = 256;
