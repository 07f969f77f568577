//! Issue: a new code, or the same one once more, within all budgets.

use core::time::Duration;

use super::{
    Decision, Ground, Operation, RECIPIENT, SLOT, Subject, Target, USER, put_meter, put_slot,
    read_meter,
};
use crate::challenge::{Challenge, Limits};
use crate::event::Happening;
use crate::meter::Meter;
use crate::seal::{Places, Writes};
use crate::store::Key;
use crate::{ChallengeId, Error, Issuance, Issued, Policy, Reason, Refusal, Resend, Timestamp};

/// Issues a code for a binding; `id` is fresh, and used if a new challenge is made.
pub(crate) struct Issue<'a> {
    pub(crate) target: Target<'a>,
    pub(crate) id: ChallengeId,
}

impl Operation for Issue<'_> {
    type Answer = Issuance;

    fn keys(&self) -> &[Key] {
        self.target.keys()
    }

    fn decide(
        &self,
        ground: &Ground<'_>,
        places: &Places<'_>,
        writes: &mut Writes<'_>,
        now: Timestamp,
    ) -> Result<Decision<Issuance>, Error> {
        let slot = places.at(SLOT)?;
        let mut earlier = Challenge::in_slot(slot.body(), now)?;
        let (mut user, mut recipient) = (Meter::default(), Meter::default());
        read_meter(ground, places, USER, &mut user)?;
        read_meter(ground, places, RECIPIENT, &mut recipient)?;
        if earlier
            .as_ref()
            .is_some_and(|earlier| earlier.is_ahead_of(now) && !earlier.is_far_ahead_of(now))
        {
            return Err(Error::Clock);
        }
        let over = earlier.as_mut().is_some_and(|earlier| earlier.expire(now));
        let same = earlier
            .as_ref()
            .filter(|earlier| self.is_same(ground, earlier, now));
        let again = same.filter(|same| {
            let left = same.expires_at().saturating_since(now);
            ground.policy.resend() == Resend::Same && left >= WORTH_SENDING
        });
        if let Some((reason, retry_at)) =
            refuses(ground, earlier.as_ref(), again, &user, &recipient, now)
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
                happenings: Happening::Refused { reason }.into(),
                id,
            });
        }
        let mut challenge = match again {
            Some(same) => same.send_again(ground.policy, now),
            None => {
                let key = (ground.keys.current(), ground.keys.epoch());
                Challenge::new(
                    ground.policy,
                    now,
                    self.id,
                    self.target.digest.tag(),
                    key,
                    earlier.as_ref(),
                )
            }
        };
        let content = self.target.binding.content();
        challenge.guessable |= content.is_some_and(|content| content.is_guessable());
        if ground.budgets.is_metered() {
            user.sends.record(now);
            recipient.sends.record(now);
        }
        put_slot(writes, slot, &challenge);
        put_meter(ground, places, writes, USER, &user, now)?;
        put_meter(ground, places, writes, RECIPIENT, &recipient, now)?;
        let happening = match again {
            Some(_) => Happening::SentAgain {
                send: challenge.sends,
            },
            None => Happening::Issued,
        };
        let kind = challenge.limits.kind;
        let answer = Issuance::Issued(Issued {
            id: challenge.id,
            code: ground
                .keys
                .code(challenge.kid, challenge.id, &self.target.digest, kind),
            issued_at: challenge.issued_at,
            expires_at: challenge.expires_at(),
            recipient: self.target.binding.recipient().clone(),
            send: challenge.sends,
            valid_for: challenge.expires_at().saturating_since(now),
        });
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

impl Issue<'_> {
    /// Says whether the slot's live challenge is for exactly this binding, policy and ring: only
    /// then could the same code be sent again.
    fn is_same(&self, ground: &Ground<'_>, earlier: &Challenge, now: Timestamp) -> bool {
        earlier.is_live(now)
            && !earlier.is_far_ahead_of(now)
            && self.target.digest.has_tag(&earlier.tag)
            && earlier.limits == Limits::of(ground.policy)
            && earlier.epoch == ground.keys.epoch()
            && ground.keys.holds(earlier.kid, earlier.issued_at)
    }
}

/// Returns the first limit that stands against a send now, and when none does any more.
fn refuses(
    ground: &Ground<'_>,
    earlier: Option<&Challenge>,
    again: Option<&Challenge>,
    user: &Meter,
    recipient: &Meter,
    now: Timestamp,
) -> Option<(Reason, Option<Timestamp>)> {
    let Ground {
        policy, budgets, ..
    } = ground;
    let lock = user.lock(budgets, now);
    if lock == Some(None) {
        return Some((Reason::Locked, None));
    }
    // The first that stands is the reason; all of them admit when the last one does.
    let mut standing = None;
    let mut stands = |reason, until: Option<Timestamp>| {
        if let Some(until) = until {
            let (reason, last) = standing.unwrap_or((reason, until));
            standing = Some((reason, last.max(until)));
        }
    };
    stands(Reason::Locked, lock.flatten());
    let failures = recipient
        .failures
        .admits_at(budgets.recipient_failures(), now);
    stands(Reason::Locked, failures);
    if let Some(earlier) = earlier {
        let closed_until = earlier.closed_until(policy, now);
        stands(Reason::Exhausted, closed_until.filter(|at| now < *at));
        stands(Reason::Cooldown, earlier.cools_down_until(now));
    }
    if let Some(again) = again {
        stands(Reason::SendLimit, sent_out_until(policy, again));
    }
    for (sends, limit) in [
        (&user.sends, budgets.user_sends()),
        (&recipient.sends, budgets.recipient_sends_short()),
        (&recipient.sends, budgets.recipient_sends_long()),
    ] {
        stands(Reason::SendLimit, sends.admits_at(limit, now));
    }
    standing.map(|(reason, last)| (reason, Some(last)))
}

/// Returns when a code that had all its sends gives way to a new one.
fn sent_out_until(policy: &Policy, again: &Challenge) -> Option<Timestamp> {
    let counted = again.sends.saturating_sub(again.refunds);
    let too_old = WORTH_SENDING.saturating_sub(Duration::from_secs(1));
    (counted >= policy.max_sends()).then(|| again.expires_at().saturating_sub(too_old))
}

/// A code with less time than this is not sent again: it would arrive too late to be typed.
const WORTH_SENDING: Duration = Duration::from_secs(30);
