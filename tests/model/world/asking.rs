//! Each step, asked of both sides.

use otp_engine::{
    ChallengeId, Issuance, Rejection, Submission, Timestamp, Verdict,
    challenge::{ChallengeState, DeliveryStatus, GatewayStatus},
    operation::{Claim, ClaimRefusal, Delivery, DeliveryReport, Lock, ReportOutcome, ResetOutcome},
    verdict::RefusalReason,
};

use super::answers::{fault, id_of, of_fault, of_verdict};
use super::{NOBODY, World};
use crate::siblings::LIMITS;
use crate::steps::{Ask, Entry, Lifted, NUMBERS, Named, Numbers, Sent, Told};
use crate::terms::{self, DAY, Id, Who};

impl World<'_> {
    pub(super) fn issue(&mut self, ask: Ask) -> Result<(), String> {
        let (asked, who) = (self.asked(ask), ask.who);
        let earlier = self
            .reference
            .slot(who.place(), self.now)
            .map(|slot| (slot.id, slot.code.clone()));
        let model = self.reference.issue(asked, who);
        let binding = self.binding(who);
        let engine = self.engine(ask).issue(&self.store, &*binding);
        let mut learnt = None;
        let engine = match engine {
            Ok(Issuance::Issued(issued)) => {
                let (id, code) = (id_of(issued.id), issued.code.as_str().to_owned());
                if issued.recipient != *binding.recipient() {
                    return Err(format!("issue {who:?}: another recipient"));
                }
                let (issued_at, expires_at) = (issued.issued_at.unix(), issued.expires_at.unix());
                if earlier.as_ref().is_none_or(|(old, _)| *old != id) {
                    if issued.send != 1 || code.len() != usize::from(asked.limits.digits) {
                        return Err(format!(
                            "issue {who:?}: a new code of {} symbols",
                            code.len()
                        ));
                    }
                    learnt = Some((id, code));
                    Ok(terms::Issuance::New {
                        issued_at,
                        expires_at,
                    })
                } else {
                    Ok(terms::Issuance::Again {
                        id,
                        code,
                        issued_at,
                        expires_at,
                        send: issued.send,
                    })
                }
            }
            Ok(Issuance::Refused(refusal)) => Ok(terms::Issuance::Refused {
                reason: refusal.reason,
                retry_at: refusal.retry_at.map(Timestamp::unix),
                id: refusal.id.map(id_of),
            }),
            Err(error) => Err(fault(error)?),
        };
        self.same("issue", ask, &engine, &model)?;
        self.count(match &model {
            Ok(terms::Issuance::New { .. }) => "issued",
            Ok(terms::Issuance::Again { .. }) => "sent again",
            Ok(terms::Issuance::Refused {
                reason, retry_at, ..
            }) => match reason {
                RefusalReason::Cooldown => "refused: cooldown",
                RefusalReason::SendLimit => "refused: send limit",
                RefusalReason::Exhausted => "refused: exhausted",
                RefusalReason::Locked if retry_at.is_none() => "refused: locked until unlocked",
                RefusalReason::Locked => "refused: locked",
                other => unreachable!("the reference knows no {other:?}"),
            },
            Err(fault) => of_fault(*fault),
        });
        if let Some((id, code)) = learnt {
            self.reference.learn(who.place(), id, &code);
            let shortest = LIMITS.iter().map(|limits| limits.lockout).min().unwrap();
            let now = self.now;
            let seen = self.seen.entry(who.place()).or_default();
            seen.earlier.extend(earlier);
            if seen.succeeded
                || seen
                    .wrong_at
                    .is_none_or(|wrong_at| now >= wrong_at + shortest)
            {
                seen.compared = 0;
            }
            seen.succeeded = false;
            seen.max_attempts = asked.limits.max_attempts;
        }
        if let Ok(terms::Issuance::Refused {
            retry_at: Some(retry_at),
            ..
        }) = model
        {
            self.check_promise(ask, retry_at)?;
            self.promise = Some((ask, self.ring, retry_at));
        }
        Ok(())
    }

    /// Checks that the instant of a refusal is the earliest: refused before, admitted then.
    pub(super) fn check_promise(&self, ask: Ask, retry_at: i64) -> Result<(), String> {
        if self.reference.reads_the_far_future(ask.who, self.now) {
            return Ok(());
        }
        let mut asked = self.asked(ask);
        asked.now = retry_at - 1;
        let before = self.reference.refusal(asked, ask.who);
        asked.now = retry_at;
        let then = self.reference.refusal(asked, ask.who);
        if retry_at <= self.now || before.is_none() || then.is_some() {
            return Err(format!(
                "retry_at {}: {before:?} before, {then:?} then",
                self.rel(retry_at)
            ));
        }
        Ok(())
    }

    pub(super) fn verify(&mut self, ask: Ask, entry: &Entry, named: Named) -> Result<(), String> {
        let (asked, who) = (self.asked(ask), ask.who);
        let (entered, id) = (self.entered(ask, entry), self.named(who, named));
        let model = self
            .reference
            .verify(asked, who, entered.means.as_deref(), id);
        let binding = self.binding(who);
        let mut submission = Submission::new(&*binding, &entered.bytes);
        if let Some(id) = id {
            submission = submission.challenge(ChallengeId::from_bytes(id.to_be_bytes()));
        }
        let engine = match self.engine(ask).verify(&self.store, submission) {
            Ok(Verdict::Accepted(acceptance)) => Ok(terms::Verdict::Accepted {
                id: id_of(acceptance.id),
                verified_at: acceptance.verified_at.unix(),
            }),
            Ok(Verdict::Rejected(rejection)) => Ok(terms::Verdict::Rejected(rejection)),
            Err(error) => Err(fault(error)?),
        };
        let what = if self.trace.is_some() {
            format!(
                "verify {entry:?} {named:?} {:?}",
                String::from_utf8_lossy(&entered.bytes)
            )
        } else {
            "verify".to_owned()
        };
        self.same(&what, ask, &engine, &model)?;
        let label = of_verdict(&model);
        self.count(label);
        if label == "accepted" && matches!(entry, Entry::Dressed(_)) {
            self.count_also("accepted with separators or in another script");
        }
        match engine {
            Ok(terms::Verdict::Accepted { id, .. }) => {
                if !self.accepted.insert(id) {
                    return Err(format!("verify {who:?}: one challenge was accepted twice"));
                }
                self.compared(ask, None)?;
                self.seen.entry(who.place()).or_default().succeeded = true;
            }
            Ok(terms::Verdict::Rejected(Rejection::Wrong { .. })) => {
                self.compared(ask, Some(self.now))?;
            }
            Ok(terms::Verdict::Rejected(Rejection::Exhausted { retry_at })) => {
                self.check_end_of_closing(ask, retry_at.unix())?;
            }
            Ok(terms::Verdict::Rejected(Rejection::Locked {
                retry_at: Some(retry_at),
            })) if !self.reference.reads_the_far_future(who, self.now) => {
                let before = self.reference.lock(retry_at.unix() - 1, who);
                let then = self.reference.lock(retry_at.unix(), who);
                if before == Lock::Free || then != Lock::Free {
                    return Err(format!("locked {who:?}: {before:?} before, {then:?} then"));
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// Counts a compared guess by what the engine answered alone.
    pub(super) fn compared(&mut self, ask: Ask, wrong_at: Option<i64>) -> Result<(), String> {
        let strictest = LIMITS[self.sibling(ask)].max_attempts;
        let seen = self.seen.entry(ask.who.place()).or_default();
        seen.compared += 1;
        seen.wrong_at = wrong_at.or(seen.wrong_at);
        if seen.compared > strictest.min(seen.max_attempts) {
            return Err(format!(
                "verify {:?}: {} guesses were compared",
                ask.who, seen.compared
            ));
        }
        Ok(())
    }

    /// Checks the instant at which an exhausted slot opens, as `issue` sees it.
    pub(super) fn check_end_of_closing(&self, ask: Ask, retry_at: i64) -> Result<(), String> {
        if self.reference.reads_the_far_future(ask.who, self.now) {
            return Ok(());
        }
        let mut asked = self.asked(ask);
        asked.now = retry_at - 1;
        let before = self.reference.refusal(asked, ask.who);
        asked.now = retry_at;
        let then = self
            .reference
            .refusal(asked, ask.who)
            .map(|(reason, _)| reason);
        if retry_at > self.now && before.is_none() || then == Some(RefusalReason::Exhausted) {
            return Err(format!(
                "exhausted until {}: {before:?}, then {then:?}",
                self.rel(retry_at)
            ));
        }
        Ok(())
    }

    pub(super) fn cancel(&mut self, ask: Ask) -> Result<(), String> {
        let model = self.reference.cancel(self.asked(ask), ask.who);
        let binding = self.binding(ask.who);
        let engine = match self.engine(ask).cancel(&self.store, &*binding) {
            Ok(answer) => Ok(answer),
            Err(error) => Err(fault(error)?),
        };
        self.same("cancel", ask, &engine, &model)?;
        self.count(match model {
            Ok(otp_engine::operation::CancelOutcome::Cancelled) => "cancelled",
            Ok(otp_engine::operation::CancelOutcome::NothingLive) => "nothing to cancel",
            Err(fault) => of_fault(fault),
        });
        Ok(())
    }

    pub(super) fn report(&mut self, ask: Ask, sent: Sent, told: Told) -> Result<(), String> {
        let who = ask.who;
        let (id, send) = self.send(who, sent);
        let (delivery, delivered) = match told {
            Told::Sent => (Delivery::Sent, DeliveryStatus::Sent),
            Told::Failed => {
                let status = GatewayStatus::parse("10").unwrap();
                (Delivery::Failed(status), DeliveryStatus::Failed(status))
            }
        };
        let model = self
            .reference
            .report(self.asked(ask), who, id, send, delivered);
        let named = ChallengeId::from_bytes(id.to_be_bytes());
        let binding = self.binding(who);
        let engine = self.engine(ask);
        let engine = match engine.report_delivery(
            &self.store,
            &*binding,
            DeliveryReport {
                id: named,
                send,
                delivery,
            },
        ) {
            Ok(answer) => Ok(answer),
            Err(error) => Err(fault(error)?),
        };
        let what = format!("report {sent:?} {told:?}");
        self.same(&what, ask, &engine, &model)?;
        self.count(match model {
            Ok(ReportOutcome::Recorded) => "report recorded",
            Ok(ReportOutcome::Refunded) => "refunded",
            Ok(ReportOutcome::Ignored) => "report ignored",
            Ok(other) => return Err(format!("a new answer: {other:?}")),
            Err(fault) => of_fault(fault),
        });
        Ok(())
    }

    pub(super) fn claim(&mut self, ask: Ask, sent: Sent) -> Result<(), String> {
        let who = ask.who;
        let (id, send) = self.send(who, sent);
        let model = self.reference.claim(self.asked(ask), who, id, send);
        let named = ChallengeId::from_bytes(id.to_be_bytes());
        let binding = self.binding(who);
        let engine = self
            .engine(ask)
            .claim_send(&self.store, &*binding, named, send);
        let engine = match engine {
            Ok(Claim::Claimed(issued)) => {
                if issued.recipient != *binding.recipient() {
                    return Err(format!("claim {who:?}: another recipient"));
                }
                Ok(terms::Claim::Claimed {
                    id: id_of(issued.id),
                    code: issued.code.as_str().to_owned(),
                    issued_at: issued.issued_at.unix(),
                    expires_at: issued.expires_at.unix(),
                    send: issued.send,
                    valid_for: i64::try_from(issued.valid_for.as_secs()).unwrap(),
                })
            }
            Ok(Claim::Refused(refusal)) => Ok(terms::Claim::Refused(refusal)),
            Err(error) => Err(fault(error)?),
        };
        self.same(&format!("claim {sent:?}"), ask, &engine, &model)?;
        // What the engine answered alone: one code for each send, and none that is over.
        if let Ok(terms::Claim::Claimed {
            id,
            send,
            expires_at,
            ..
        }) = engine
        {
            if !self.claimed.insert((id, send)) {
                return Err(format!("claim {who:?}: send {send} was claimed twice"));
            }
            if expires_at <= self.now || self.accepted.contains(&id) {
                return Err(format!("claim {who:?}: of a code that is over"));
            }
        }
        self.count(match &model {
            Ok(terms::Claim::Claimed { .. }) => "claimed",
            Ok(terms::Claim::Refused(refusal)) => match refusal {
                ClaimRefusal::Claimed => "claim: claimed before",
                ClaimRefusal::Reported => "claim: reported",
                ClaimRefusal::Rejected(Rejection::Superseded) => "claim: superseded",
                ClaimRefusal::Rejected(Rejection::Locked { .. }) => "claim: locked",
                _ => "claim: the code is over",
            },
            Err(fault) => of_fault(*fault),
        });
        Ok(())
    }

    /// The challenge and the number of a send that the host names.
    fn send(&self, who: Who, sent: Sent) -> (Id, u8) {
        let id = self.named(who, sent.named).unwrap_or(u128::MAX);
        let slot = self.reference.slot(who.place(), self.now);
        let sends = slot.map_or(1, |slot| slot.sends);
        (id, sends.saturating_add_signed(sent.offset))
    }

    pub(super) fn status(&mut self, ask: Ask) -> Result<(), String> {
        let model = self.reference.status(self.asked(ask), ask.who);
        let binding = self.binding(ask.who);
        let engine = match self.engine(ask).status(&self.store, &*binding) {
            Ok(status) => Ok(status.map(|status| terms::Status {
                id: id_of(status.id),
                state: status.state,
                issued_at: status.issued_at.unix(),
                expires_at: status.expires_at.unix(),
                attempts_left: status.attempts_left,
                sends: status.sends,
                delivery: status.delivery,
                next_send_at: status.next_send_at.unix(),
                lock: status.lock,
            })),
            Err(error) => Err(fault(error)?),
        };
        self.same("status", ask, &engine, &model)?;
        self.count(match model {
            Ok(None) => "status: none",
            Ok(Some(status)) => match status.state {
                ChallengeState::Pending => "status: pending",
                ChallengeState::Verified => "status: verified",
                ChallengeState::Expired => "status: expired",
                ChallengeState::Exhausted => "status: exhausted",
                ChallengeState::Cancelled => "status: cancelled",
                _ => return Err(format!("status {:?}: a new state", status.state)),
            },
            Err(fault) => of_fault(fault),
        });
        Ok(())
    }

    pub(super) fn unlock(&mut self, who: Who) -> Result<(), String> {
        let ask = Ask { who, sibling: 0 };
        let model = self.reference.unlock(self.now, who);
        let binding = self.binding(who);
        let engine = match self
            .engine(ask)
            .unlock(&self.store, binding.tenant(), binding.user())
        {
            Ok(answer) => answer,
            Err(error) => return Err(format!("unlock: {:?}", fault(error)?)),
        };
        self.same("unlock", ask, &engine, &model)?;
        self.count(match engine {
            otp_engine::operation::UnlockOutcome::Unlocked => "unlocked",
            otp_engine::operation::UnlockOutcome::NothingToUnlock => "nothing to unlock",
        });
        Ok(())
    }

    pub(super) fn reset(&mut self, who: Who, lifted: Lifted) -> Result<(), String> {
        let ask = Ask { who, sibling: 0 };
        let binding = self.binding(who);
        let (engine, store, reason) = (self.engine(ask), &self.store, "the model asks");
        let (engine, model) = match lifted {
            Lifted::Slot => (
                engine.reset_slot(store, &*binding, reason),
                self.reference.reset_slot(self.now, who),
            ),
            Lifted::Recipient => (
                engine.reset_recipient(store, binding.tenant(), binding.recipient(), reason),
                self.reference.reset_recipient(self.now, who),
            ),
            Lifted::User => (
                engine.reset_user(store, binding.tenant(), binding.user(), reason),
                self.reference.reset_user(self.now, who),
            ),
        };
        let engine = engine.map_err(|error| format!("reset: {error}"))?;
        self.same(&format!("reset {lifted:?}"), ask, &engine, &model)?;
        if matches!(lifted, Lifted::Slot) {
            let seen = self.seen.entry(who.place()).or_default();
            (seen.compared, seen.succeeded) = (0, false);
        }
        self.count(match (engine, lifted) {
            (ResetOutcome::NothingToReset, _) => "nothing to reset",
            (ResetOutcome::Reset, Lifted::Slot) => "slot reset",
            (ResetOutcome::Reset, Lifted::Recipient) => "recipient reset",
            (ResetOutcome::Reset, Lifted::User) => "user reset",
        });
        Ok(())
    }

    /// Sweeps the store of all that is over, if the clock is believed.
    pub(super) fn purge(&mut self, confirmed: bool) -> Result<(), String> {
        let ask = Ask {
            who: NOBODY,
            sibling: 0,
        };
        let (engine, store) = (self.engine(ask), &self.store);
        let engine = if confirmed {
            engine.purge_confirmed(store, usize::MAX)
        } else {
            engine.purge(store, usize::MAX)
        };
        let engine = match engine {
            Ok(dropped) => Some(dropped),
            Err(otp_engine::Error::ClockAhead) => None,
            Err(error) => return Err(format!("purge: {error}")),
        };
        let model = self.reference.purge(self.ring, self.now, confirmed);
        self.same(&format!("purge {confirmed}"), ask, &engine, &model)?;
        for (place, seen) in &mut self.seen {
            if !self.reference.has_slot(*place) {
                seen.compared = 0; // forgotten by a clock that was believed
            }
        }
        self.count(match engine {
            None => "purge refused",
            Some(0) => "nothing to purge",
            Some(_) => "purged",
        });
        Ok(())
    }

    pub(super) fn siege(&mut self, ask: Ask, days: u8) -> Result<(), String> {
        self.count_also("siege");
        let who = Who {
            user: (ask.who.user + 1) % 3,
            ..ask.who
        };
        let neighbour = Ask { who, ..ask };
        for _ in 0..days {
            self.set(self.now + DAY);
            self.issue(neighbour)?;
            let ask_of = |record| Ask {
                who: Who { record, ..ask.who },
                ..ask
            };
            (0..4).try_for_each(|record| self.issue(ask_of(record)))?;
            for record in 0..4 {
                for guess in 0..5 {
                    self.verify(ask_of(record), &Entry::Wrong(guess), Named::None)?;
                }
            }
            self.verify(neighbour, &Entry::Right, Named::None)?;
            let named = Named::Current;
            self.claim(ask_of(3), Sent { named, offset: 0 })?; // mostly of a locked user
        }
        Ok(())
    }

    pub(super) fn flood(
        &mut self,
        ask: Ask,
        times: u8,
        gap: Option<i64>,
        numbers: Numbers,
    ) -> Result<(), String> {
        self.count_also("flood");
        for time in 0..times {
            let recipient = match numbers {
                Numbers::One => ask.who.recipient,
                Numbers::All => (ask.who.recipient + time) % NUMBERS,
            };
            self.issue(Ask {
                who: Who {
                    recipient,
                    ..ask.who
                },
                ..ask
            })?;
            self.set(self.now + gap.unwrap_or(LIMITS[self.sibling(ask)].cooldown));
        }
        Ok(())
    }

    pub(super) fn keep_promise(&mut self, delta: i64) -> Result<(), String> {
        let Some((ask, ring, retry_at)) = self.promise else {
            return Ok(());
        };
        if ring != self.ring || retry_at < self.now {
            return Ok(());
        }
        self.set(retry_at + delta);
        self.issue(ask)
    }
}
