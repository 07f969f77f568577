//! Issue: a new code, or the same one once more, within all rate limits.

use core::time::Duration;

use super::{
    BindingCells, Context, Decided, Decision, Loaded, Operation, RECIPIENT, SLOT, Subject, USER,
    hand_out, put_slot,
};
use crate::binding::BindingRef;
use crate::challenge::{Challenge, Limits};
use crate::event::EventKind;
use crate::meter::Meter;
use crate::seal::Writes;
use crate::store::Key;
use crate::{
    ChallengeId, Error, Issuance, Policy, Refusal, Timestamp, policy::Resend,
    verdict::RefusalReason,
};

/// Issues a code for a binding; `id` is fresh, and used if a new challenge is made.
pub(crate) struct Issue<'a> {
    pub(crate) target: BindingCells<'a>,
    pub(crate) id: ChallengeId,
}

impl<'a> Issue<'a> {
    /// `id` is drawn for this issue.
    ///
    /// # Errors
    ///
    /// As [`Context::admits`], [`Context::can_keep_records`] and [`Context::can_keep_locks`].
    pub(crate) fn new(
        context: &Context<'a>,
        binding: BindingRef<'a>,
        id: [u8; 16],
        now: impl FnOnce() -> Result<Timestamp, Error>,
    ) -> Result<Self, Error> {
        let target = BindingCells::admitted(context, binding)?;
        context.can_keep_records(now)?;
        context.can_keep_locks()?;
        Ok(Self {
            target,
            id: ChallengeId::from_bytes(id),
        })
    }
}

impl Operation for Issue<'_> {
    type Answer = Issuance;

    fn keys(&self) -> &[Key] {
        self.target.keys()
    }

    fn decide(&self, loaded: &Loaded<'_>, writes: &mut Writes<'_>) -> Decided<Issuance> {
        let (context, now) = (loaded.context, loaded.now);
        let slot = loaded.cell(SLOT)?;
        let mut earlier = Challenge::in_slot(slot.body(), now)?;
        let (mut user, mut recipient) = (Meter::default(), Meter::default());
        loaded.read_meter(USER, &mut user)?;
        loaded.read_meter(RECIPIENT, &mut recipient)?;
        if earlier
            .as_ref()
            .is_some_and(|earlier| earlier.is_ahead_of(now) && !earlier.is_far_ahead_of(now))
        {
            return Err(Error::Clock);
        }
        let over = earlier.as_mut().is_some_and(|earlier| earlier.expire(now));
        let same = earlier
            .as_ref()
            .filter(|earlier| self.is_same(context, earlier, now));
        let again = same.filter(|same| {
            let left = same.expires_at().saturating_since(now);
            context.policy.resend() == Resend::Same && left >= WORTH_SENDING
        });
        if let Some((reason, retry_at)) =
            refuses(context, earlier.as_ref(), again, &user, &recipient, now)
        {
            let id = same.map(|same| same.id);
            if let Some(earlier) = earlier.as_ref().filter(|_| over) {
                put_slot(writes, slot, earlier);
            }
            let answer = Issuance::Refused(Refusal {
                reason,
                retry_at,
                id,
            });
            return Ok(Decision {
                answer,
                events: EventKind::Refused { reason }.into(),
                id,
            });
        }
        let mut challenge = match again {
            Some(same) => same.send_again(context.policy, now),
            None => {
                let key = (context.keys.current(), context.keys.epoch());
                Challenge::new(
                    context.policy,
                    now,
                    self.id,
                    self.target.digest().tag(),
                    key,
                    earlier.as_ref(),
                )
            }
        };
        let content = self.target.binding.content();
        challenge.guessable |= content.is_some_and(|content| content.is_guessable());
        if context.rate_limits.is_limited() {
            user.sends.record(now);
            recipient.sends.record(now);
        }
        put_slot(writes, slot, &challenge);
        loaded.put_meter(writes, USER, &user)?;
        loaded.put_meter(writes, RECIPIENT, &recipient)?;
        let event = match again {
            Some(_) => EventKind::SentAgain {
                send: challenge.sends,
            },
            None => EventKind::Issued,
        };
        Ok(Decision {
            answer: Issuance::Issued(hand_out(context, &self.target, &challenge, now)),
            events: event.into(),
            id: Some(challenge.id),
        })
    }

    fn subject(&self) -> Subject<'_> {
        Subject::Binding(self.target.binding)
    }
}

impl Issue<'_> {
    /// Says whether the slot's live challenge is for exactly this binding, policy and ring: only
    /// then could the same code be sent again.
    fn is_same(&self, context: &Context<'_>, earlier: &Challenge, now: Timestamp) -> bool {
        earlier.is_live(now)
            && !earlier.is_far_ahead_of(now)
            && self.target.digest().has_tag(&earlier.tag)
            && earlier.limits == Limits::of(context.policy)
            && earlier.epoch == context.keys.epoch()
            && context.keys.holds(earlier.kid, earlier.issued_at)
    }
}

/// Returns the first limit that stands against a send now, and when none does any more.
fn refuses(
    context: &Context<'_>,
    earlier: Option<&Challenge>,
    again: Option<&Challenge>,
    user: &Meter,
    recipient: &Meter,
    now: Timestamp,
) -> Option<(RefusalReason, Option<Timestamp>)> {
    let Context {
        policy,
        rate_limits,
        ..
    } = context;
    let lock = user.lock(rate_limits, now);
    if lock == Some(None) {
        return Some((RefusalReason::Locked, None));
    }
    // The first that stands is the reason; all of them admit when the last one does.
    let mut standing = None;
    let mut stands = |reason, until: Option<Timestamp>| {
        if let Some(until) = until {
            let (reason, last) = standing.unwrap_or((reason, until));
            standing = Some((reason, last.max(until)));
        }
    };
    stands(RefusalReason::Locked, lock.flatten());
    let failures = recipient
        .failures
        .admits_at(rate_limits.recipient_failures(), now);
    stands(RefusalReason::Locked, failures);
    if let Some(earlier) = earlier {
        let closed_until = earlier.closed_until(policy, now);
        stands(
            RefusalReason::Exhausted,
            closed_until.filter(|at| now < *at),
        );
        stands(RefusalReason::Cooldown, earlier.cools_down_until(now));
    }
    if let Some(again) = again {
        stands(RefusalReason::SendLimit, sent_out_until(policy, again));
    }
    for (sends, limit) in [
        (&user.sends, rate_limits.user_sends()),
        (
            &recipient.sends,
            rate_limits.recipient_sends_per_ten_minutes(),
        ),
        (&recipient.sends, rate_limits.recipient_sends_per_day()),
    ] {
        stands(RefusalReason::SendLimit, sends.admits_at(limit, now));
    }
    standing.map(|(reason, last)| (reason, Some(last)))
}

/// Returns when a code that had all its sends gives way to a new one.
fn sent_out_until(policy: &Policy, again: &Challenge) -> Option<Timestamp> {
    let counted = again.sends.saturating_sub(again.refunds);
    let too_old = WORTH_SENDING.saturating_sub(Duration::from_secs(1));
    (counted >= policy.max_sends()).then(|| again.expires_at().saturating_sub(too_old))
}

/// A code with less time than this is not sent again: it would arrive too late to be entered.
const WORTH_SENDING: Duration = Duration::from_secs(30);
