//! Verify a code that the user's own device made: good once, wrong guesses on the same budgets.

use arrayvec::ArrayVec;

use super::verify::charge;
use super::{Decision, Ground, Operation, RECIPIENT, Subject, USER, put_meter, read_meter};
use crate::event::{Happening, Happenings};
use crate::keys::Question;
use crate::meter::Meter;
use crate::oath::Acceptance;
use crate::oath::credential::{Attempt, Credential, Found};
use crate::seal::{Places, Writes};
use crate::store::{Key, Kind, MAX_CELLS};
use crate::{Binding, Error, Rejection, Timestamp, Verdict};

/// Judges one attempt at a credential.
pub(crate) struct VerifyOath<'a, A> {
    binding: &'a Binding,
    attempt: A,
    keys: ArrayVec<Key, MAX_CELLS>,
}

/// Where the credential stands; the meters stand as with other operations.
const CREDENTIAL: usize = 0;

impl<'a, A: Attempt> VerifyOath<'a, A> {
    /// Names the credential, for a question that is good once with it too, and the meters where
    /// there are budgets.
    pub(crate) fn new(
        ground: &Ground<'_>,
        binding: &'a Binding,
        attempt: A,
        question: Option<&Question>,
    ) -> Self {
        let names = ground.keys.tenant(binding.tenant());
        let mut keys = ArrayVec::new();
        keys.push(names.credential(attempt.name(), question));
        if ground.budgets.is_metered() {
            keys.push(names.user_meter(binding.user()));
            keys.push(names.recipient_meter(binding.recipient()));
        }
        Self {
            binding,
            attempt,
            keys,
        }
    }
}

impl<A: Attempt> Operation for VerifyOath<'_, A> {
    type Answer = Verdict<Acceptance>;

    fn keys(&self) -> &[Key] {
        &self.keys
    }

    fn decide(
        &self,
        ground: &Ground<'_>,
        places: &Places<'_>,
        writes: &mut Writes<'_>,
        now: Timestamp,
    ) -> Result<Decision<Verdict<Acceptance>>, Error> {
        let place = places.at(CREDENTIAL)?;
        let known = Credential::read(place.body())?;
        let (mut user, mut recipient) = (Meter::default(), Meter::default());
        read_meter(ground, places, USER, &mut user)?;
        read_meter(ground, places, RECIPIENT, &mut recipient)?;
        let typed = self.attempt.entry();
        let mixed_scripts = typed.is_some_and(|typed| typed.mixed_scripts());
        // Before the lock is looked at: whether there is one takes no other time.
        let found = typed.map(|typed| self.attempt.judge(typed, known, now));

        let mut happenings = Happenings::default();
        let verdict = match (found, user.lock(ground.budgets, now)) {
            (None, _) => Verdict::Rejected(Rejection::Malformed),
            (Some(_), Some(retry_at)) => Verdict::Rejected(Rejection::Locked { retry_at }),
            (Some(Found::Used), None) => Verdict::Rejected(Rejection::AlreadyUsed),
            (Some(Found::Wrong), None) => {
                // The credential is not written: it has not changed, and whoever changes it writes
                // the same user's meter.
                charge(ground, &mut user, &mut recipient, &mut happenings, now);
                put_meter(ground, places, writes, USER, &user, now)?;
                put_meter(ground, places, writes, RECIPIENT, &recipient, now)?;
                let attempts_left = user.guesses_left(ground.budgets, now);
                Verdict::Rejected(Rejection::Wrong { attempts_left })
            }
            (Some(Found::Fresh(next, matched)), None) => {
                let until = self.attempt.discard_after(now);
                writes.put(place, Kind::Credential, until, |body| next.write(body));
                user.consecutive = 0;
                // Written even if it was 0: the acceptance rests on the user not being locked.
                put_meter(ground, places, writes, USER, &user, now)?;
                Verdict::Accepted(next.acceptance(matched, now))
            }
        };
        let what = match verdict {
            Verdict::Accepted(_) => Happening::Accepted { mixed_scripts },
            Verdict::Rejected(rejection) => Happening::Rejected {
                rejection,
                mixed_scripts,
            },
        };
        Ok(Decision {
            answer: verdict,
            happenings: happenings.after(what),
            id: None,
        })
    }

    fn subject(&self) -> Subject<'_> {
        Subject::Binding(self.binding)
    }
}
