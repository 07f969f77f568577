//! Report delivery: what the gateway said of the latest send; a refused one is refunded once.

use core::time::Duration;

use super::{
    BindingCells, Context, Decided, Decision, Loaded, Operation, RECIPIENT, SLOT, Subject, USER,
    put_slot,
};
use crate::binding::BindingRef;
use crate::challenge::{Challenge, DeliveryStatus, GatewayStatus};
use crate::event::EventKind;
use crate::meter::Meter;
use crate::seal::Writes;
use crate::store::Key;
use crate::{ChallengeId, Error};

/// What a host reports of a send.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(
    clippy::exhaustive_enums,
    reason = "after a time-out nothing is known and nothing is reported"
)]
pub enum Delivery {
    /// The gateway took the message.
    Sent,
    /// The gateway surely refused the message; after a time-out, report nothing.
    Failed(GatewayStatus),
}

/// Which send a host reports on, and what became of it.
///
/// ```
/// use otp_engine::{ChallengeId, operation::{Delivery, DeliveryReport}};
///
/// # let (id, send) = (ChallengeId::from_bytes([7; 16]), 1);
/// // `id` and `send` as `Issued` had them.
/// let report = DeliveryReport { id, send, delivery: Delivery::Sent };
/// # let _ = report;
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(
    clippy::exhaustive_structs,
    reason = "a send has a challenge and a number, and a report says one thing"
)]
pub struct DeliveryReport {
    /// The challenge: [`Issued::id`](crate::Issued::id).
    pub id: ChallengeId,
    /// The number of the send, from 1: [`Issued::send`](crate::Issued::send).
    pub send: u8,
    /// What the gateway said.
    pub delivery: Delivery,
}

/// The answer of [`Engine::report_delivery`](crate::Engine::report_delivery).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum ReportOutcome {
    /// The report was kept; nothing was refunded.
    Recorded,
    /// The report was kept; the send was taken back from all rate limits, and the cooldown cut short.
    Refunded,
    /// The report is late, a second one, or of no send of this binding: nothing was changed.
    Ignored,
}

/// Reports on the latest send of a challenge.
pub(crate) struct Report<'a> {
    pub(crate) target: BindingCells<'a>,
    pub(crate) report: DeliveryReport,
}

impl<'a> Report<'a> {
    /// # Errors
    ///
    /// As [`Context::admits`].
    pub(crate) fn new(
        context: &Context<'a>,
        binding: BindingRef<'a>,
        report: DeliveryReport,
    ) -> Result<Self, Error> {
        let target = BindingCells::admitted(context, binding)?;
        Ok(Self { target, report })
    }
}

impl Operation for Report<'_> {
    type Answer = ReportOutcome;

    fn keys(&self) -> &[Key] {
        self.target.keys()
    }

    fn decide(&self, loaded: &Loaded<'_>, writes: &mut Writes<'_>) -> Decided<ReportOutcome> {
        let (context, now) = (loaded.context, loaded.now);
        let slot = loaded.cell(SLOT)?;
        let mut challenge = Challenge::in_slot(slot.body(), now)?;
        if challenge
            .as_ref()
            .is_some_and(|it| it.is_ahead_of(now) && !it.is_far_ahead_of(now))
        {
            return Err(Error::Clock); // a refund would be dated before its send
        }
        let over = challenge.as_mut().is_some_and(|it| it.expire(now));
        let fits = |challenge: &&mut Challenge| {
            challenge.id == self.report.id
                && self.target.digest().has_tag(&challenge.tag)
                && challenge.sends == self.report.send
                && matches!(
                    challenge.delivery,
                    DeliveryStatus::Unreported | DeliveryStatus::Claimed
                )
        };
        let Some(challenge) = challenge.as_mut().filter(fits) else {
            if let Some(challenge) = challenge.as_ref().filter(|_| over) {
                put_slot(writes, slot, challenge);
            }
            return Ok(Decision::quiet(ReportOutcome::Ignored));
        };
        let (mut user, mut recipient) = (Meter::default(), Meter::default());
        loaded.read_meter(USER, &mut user)?;
        loaded.read_meter(RECIPIENT, &mut recipient)?;
        let (answer, event) = match self.report.delivery {
            Delivery::Sent => {
                challenge.delivery = DeliveryStatus::Sent;
                (ReportOutcome::Recorded, EventKind::Delivered)
            }
            Delivery::Failed(status) => {
                challenge.delivery = DeliveryStatus::Failed(status);
                let refunds = context.rate_limits.refunds();
                let spent = challenge.refunds >= refunds.count()
                    || recipient.refunds.admits_at(refunds, now).is_some();
                if spent {
                    (
                        ReportOutcome::Recorded,
                        EventKind::DeliveryFailed { refunded: false },
                    )
                } else {
                    challenge.refunds += 1; // below a count of u8
                    let cut_short = now.saturating_add(COOLDOWN_LEFT);
                    challenge.next_send_at = challenge.next_send_at.min(cut_short);
                    user.sends.take_back(challenge.sent_at);
                    recipient.sends.take_back(challenge.sent_at);
                    recipient.refunds.record(now);
                    loaded.put_meter(writes, USER, &user)?;
                    loaded.put_meter(writes, RECIPIENT, &recipient)?;
                    (
                        ReportOutcome::Refunded,
                        EventKind::DeliveryFailed { refunded: true },
                    )
                }
            }
        };
        put_slot(writes, slot, challenge);
        Ok(Decision {
            answer,
            events: event.into(),
            id: Some(challenge.id),
        })
    }

    fn subject(&self) -> Subject<'_> {
        Subject::Binding(self.target.binding)
    }
}

/// What stays of the cooldown after a refund: a gateway that refuses is not asked in a loop.
const COOLDOWN_LEFT: Duration = Duration::from_secs(10);
