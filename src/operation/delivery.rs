//! Report delivery: what the gateway said of the latest send; a refused one is refunded once.

use core::time::Duration;

use super::{
    Decision, Ground, Operation, RECIPIENT, SLOT, Subject, Target, USER, put_meter, put_slot,
    read_meter,
};
use crate::challenge::{Challenge, Delivered, GatewayStatus};
use crate::event::{Happening, Happenings};
use crate::meter::Meter;
use crate::seal::{Places, Writes};
use crate::store::Key;
use crate::{ChallengeId, Error, Timestamp};

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

/// The answer of [`Engine::report_delivery`](crate::Engine::report_delivery).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Reported {
    /// The report was kept; nothing was refunded.
    Recorded,
    /// The report was kept; the send was taken back from all budgets, and the cooldown cut short.
    Refunded,
    /// The report is late, a second one, or of no send of this binding: nothing was changed.
    Ignored,
}

/// Reports on the latest send of a challenge.
pub(crate) struct Report<'a> {
    pub(crate) target: Target<'a>,
    pub(crate) id: ChallengeId,
    pub(crate) send: u8,
    pub(crate) delivery: Delivery,
}

impl Operation for Report<'_> {
    type Answer = Reported;

    fn keys(&self) -> &[Key] {
        self.target.keys()
    }

    fn decide(
        &self,
        ground: &Ground<'_>,
        places: &Places<'_>,
        writes: &mut Writes<'_>,
        now: Timestamp,
    ) -> Result<Decision<Reported>, Error> {
        let slot = places.at(SLOT)?;
        let mut challenge = Challenge::in_slot(slot.body(), now)?;
        if challenge
            .as_ref()
            .is_some_and(|it| it.is_ahead_of(now) && !it.is_far_ahead_of(now))
        {
            return Err(Error::Clock); // a refund would be dated before its send
        }
        let over = challenge.as_mut().is_some_and(|it| it.expire(now));
        let fits = |challenge: &&mut Challenge| {
            challenge.id == self.id
                && self.target.digest.has_tag(&challenge.tag)
                && challenge.sends == self.send
                && challenge.delivery == Delivered::Unreported
        };
        let Some(challenge) = challenge.as_mut().filter(fits) else {
            if let Some(challenge) = challenge.as_ref().filter(|_| over) {
                put_slot(writes, slot, challenge);
            }
            return Ok(Decision {
                answer: Reported::Ignored,
                happenings: Happenings::default(),
                id: None,
            });
        };
        let (mut user, mut recipient) = (Meter::default(), Meter::default());
        read_meter(ground, places, USER, &mut user)?;
        read_meter(ground, places, RECIPIENT, &mut recipient)?;
        let (answer, happening) = match self.delivery {
            Delivery::Sent => {
                challenge.delivery = Delivered::Sent;
                (Reported::Recorded, Happening::Delivered)
            }
            Delivery::Failed(status) => {
                challenge.delivery = Delivered::Failed(status);
                let refunds = ground.budgets.refunds();
                let spent = challenge.refunds >= refunds.count()
                    || recipient.refunds.admits_at(refunds, now).is_some();
                if spent {
                    (
                        Reported::Recorded,
                        Happening::DeliveryFailed { refunded: false },
                    )
                } else {
                    challenge.refunds += 1; // below a count of u8
                    let cut_short = now.saturating_add(COOLDOWN_LEFT);
                    challenge.next_send_at = challenge.next_send_at.min(cut_short);
                    user.sends.take_back(challenge.sent_at);
                    recipient.sends.take_back(challenge.sent_at);
                    recipient.refunds.record(now);
                    put_meter(ground, places, writes, USER, &user, now)?;
                    put_meter(ground, places, writes, RECIPIENT, &recipient, now)?;
                    (
                        Reported::Refunded,
                        Happening::DeliveryFailed { refunded: true },
                    )
                }
            }
        };
        put_slot(writes, slot, challenge);
        Ok(Decision {
            answer,
            happenings: happening.into(),
            id: Some(challenge.id),
        })
    }

    fn subject(&self) -> Subject<'_> {
        Subject::Binding(self.target.binding)
    }
}

/// What stays of the cooldown after a refund: a gateway that refuses is not asked in a loop.
const COOLDOWN_LEFT: Duration = Duration::from_secs(10);
