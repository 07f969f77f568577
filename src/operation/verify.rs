//! Verify: one typed text, judged once.

use super::{
    Decision, Ground, Operation, RECIPIENT, SLOT, Subject, Target, USER, put_meter, read_meter,
};
use crate::challenge::{Challenge, State};
use crate::event::{Happening, Happenings};
use crate::meter::Meter;
use crate::seal::{Places, Writes};
use crate::store::{Key, Kind};
use crate::typed::Typed;
use crate::{Acceptance, Binding, ChallengeId, Error, Rejection, Timestamp, Verdict};

/// What a person typed, for what, and if the client knows it, for which challenge.
///
/// ```
/// # use otp_engine::{Binding, Mobile, RecordField, Submission};
/// # let binding = Binding::builder().tenant("acme").purpose("sign").user("7")
/// #     .record_field(RecordField { model: "m", field: "f", record: "1" })
/// #     .recipient(Mobile::parse("60123456789")?).build()?;
/// let submission = Submission::new(&binding, "493 072");
/// # let _ = submission;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy)]
#[must_use]
pub struct Submission<'a> {
    pub(crate) binding: &'a Binding,
    pub(crate) typed: &'a [u8],
    pub(crate) id: Option<ChallengeId>,
}

impl<'a> Submission<'a> {
    /// Submits a typed text. Any bytes are an answer: text that is no code is
    /// [`Malformed`](Rejection::Malformed).
    pub fn new(binding: &'a Binding, typed: &'a (impl AsRef<[u8]> + ?Sized)) -> Self {
        Self {
            binding,
            typed: typed.as_ref(),
            id: None,
        }
    }

    /// Names the challenge that the client means; another one is not compared with.
    pub const fn challenge(mut self, id: ChallengeId) -> Self {
        self.id = Some(id);
        self
    }
}

impl core::fmt::Debug for Submission<'_> {
    /// Shows all but what was typed.
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Submission")
            .field("binding", &self.binding)
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

/// Judges a submission.
pub(crate) struct Verify<'a> {
    pub(crate) target: Target<'a>,
    pub(crate) submission: Submission<'a>,
}

impl Operation for Verify<'_> {
    type Answer = Verdict;

    fn keys(&self) -> &[Key] {
        self.target.keys()
    }

    fn decide(
        &self,
        ground: &Ground<'_>,
        places: &Places<'_>,
        writes: &mut Writes<'_>,
        now: Timestamp,
    ) -> Result<Decision<Verdict>, Error> {
        let slot = places.at(SLOT)?;
        let challenge = slot.body().map(Challenge::read).transpose()?;
        let mut user = read_meter(ground, places, USER)?;
        let mut recipient = read_meter(ground, places, RECIPIENT)?;
        // An absent slot is compared with a decoy: the same work, and never an acceptance.
        let decoy = || self.decoy(ground, now);
        let current = challenge.clone().unwrap_or_else(decoy);
        let kind = current.limits.kind;
        let typed = Typed::parse(self.submission.typed, kind);
        let code = ground
            .keys
            .code(current.kid, current.id, &self.target.digest, kind);
        let guess = typed.as_ref().map(|typed| code.compare(typed));
        let mixed_scripts = typed.as_ref().is_some_and(Typed::mixed_scripts);

        let rejected = |rejection, id| {
            let happening = Happening::Rejected {
                rejection,
                mixed_scripts,
            };
            Ok(Decision {
                answer: Verdict::Rejected(rejection),
                happenings: happening.into(),
                id,
            })
        };
        let Some(challenge) = challenge else {
            let absent = if typed.is_none() {
                Rejection::Malformed
            } else {
                Rejection::Unknown
            };
            return rejected(absent, None);
        };
        let id = Some(challenge.id);
        let closed = self.closed(ground, &challenge, &user, now)?;
        let mut next = challenge.clone();
        let (next, verdict) = match (closed, guess) {
            // Text that is no code says so, whatever the slot holds; it is counted where it could
            // have been a guess.
            (Some(_), None) => return rejected(Rejection::Malformed, id),
            (None, None) => {
                next = challenge.count_malformed(now);
                (next, Verdict::Rejected(Rejection::Malformed))
            }
            (Some(Rejection::Expired), Some(_)) if challenge.state == State::Pending => {
                next.end(State::Expired, now); // stays so, should the clock go back
                (next, Verdict::Rejected(Rejection::Expired))
            }
            (Some(rejection), Some(_)) => return rejected(rejection, id),
            (None, Some(guess)) => challenge.judge(ground.policy, now, guess),
        };

        let mut happenings = Happenings::default();
        happenings.add(match verdict {
            Verdict::Accepted(()) => Happening::Accepted { mixed_scripts },
            Verdict::Rejected(rejection) => Happening::Rejected {
                rejection,
                mixed_scripts,
            },
        });
        if next.state == State::Exhausted {
            happenings.add(Happening::Exhausted);
        }
        writes.put(slot, Kind::Slot, Some(next.discard_after()), |body| {
            next.write(body);
        });
        match verdict {
            Verdict::Accepted(()) => {
                user.consecutive = 0;
                put_meter(ground, places, writes, USER, &user, now)?;
            }
            Verdict::Rejected(Rejection::Wrong { .. }) => {
                charge(ground, &mut user, &mut recipient, &mut happenings, now);
                put_meter(ground, places, writes, USER, &user, now)?;
                put_meter(ground, places, writes, RECIPIENT, &recipient, now)?;
            }
            Verdict::Rejected(_) => {}
        }
        let answer = match verdict {
            Verdict::Accepted(()) => Verdict::Accepted(Acceptance::new(next.id, now)),
            Verdict::Rejected(rejection) => Verdict::Rejected(rejection),
        };
        Ok(Decision {
            answer,
            happenings,
            id,
        })
    }

    fn subject(&self) -> Subject<'_> {
        Subject::Binding(self.target.binding)
    }
}

impl Verify<'_> {
    /// A challenge that nobody was sent.
    fn decoy(&self, ground: &Ground<'_>, now: Timestamp) -> Challenge {
        let key = (ground.keys.current(), ground.keys.epoch());
        let id = ChallengeId::from_bytes(self.target.digest.tag());
        Challenge::new(ground.policy, now, id, self.target.digest.tag(), key, None)
    }

    /// Returns why no guess may be compared with the slot's challenge, if so.
    fn closed(
        &self,
        ground: &Ground<'_>,
        challenge: &Challenge,
        user: &Meter,
        now: Timestamp,
    ) -> Result<Option<Rejection>, Error> {
        if challenge.tag != self.target.digest.tag() {
            return Ok(Some(Rejection::Mismatch));
        }
        if self.submission.id.is_some_and(|id| id != challenge.id) {
            return Ok(Some(Rejection::Superseded));
        }
        if challenge.state == State::Pending && challenge.is_ahead_of(now) {
            return Err(Error::Clock);
        }
        if let Some(rejection) = challenge.closed(ground.policy, now) {
            return Ok(Some(rejection));
        }
        if challenge.epoch != ground.keys.epoch() {
            return Ok(Some(Rejection::Unknown));
        }
        if !ground.keys.holds(challenge.kid, challenge.issued_at) {
            return Err(Error::UnknownKey);
        }
        Ok(user
            .lock(ground.budgets, now)
            .map(|retry_at| Rejection::Locked { retry_at }))
    }
}

/// Charges one compared wrong guess to the user and to the recipient.
fn charge(
    ground: &Ground<'_>,
    user: &mut Meter,
    recipient: &mut Meter,
    happenings: &mut Happenings,
    now: Timestamp,
) {
    let budgets = ground.budgets;
    if !budgets.is_metered() {
        return;
    }
    user.consecutive = user.consecutive.saturating_add(1);
    user.failures.record(now, budgets.user_failures().window());
    recipient
        .failures
        .record(now, budgets.recipient_failures().window());
    if let Some(retry_at) = user.lock(budgets, now) {
        happenings.add(Happening::Locked { retry_at });
    } else if budgets.is_nearly_locked(user.consecutive) {
        happenings.add(Happening::NearlyLocked {
            consecutive: user.consecutive,
        });
    }
}
