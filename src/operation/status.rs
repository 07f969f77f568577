//! Status: how a challenge stands, for the trusted caller. It changes nothing.

use super::{BindingCells, Context, Decided, Decision, Loaded, Operation, SLOT, Subject, USER};
use crate::binding::BindingRef;
use crate::challenge::{Challenge, ChallengeState, DeliveryStatus};
use crate::event::EventKinds;
use crate::meter::Meter;
use crate::seal::Writes;
use crate::store::Key;
use crate::{ChallengeId, Error, Timestamp};

/// How the challenge of a binding stands.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Status {
    /// Names the challenge.
    pub id: ChallengeId,
    /// Where it stands; a pending one whose time is over is `Expired`.
    pub state: ChallengeState,
    /// When the code was made.
    pub issued_at: Timestamp,
    /// From when on the code is no longer accepted.
    pub expires_at: Timestamp,
    /// How many guesses are left, by the stricter of the limits then and now.
    pub attempts_left: u8,
    /// How often the code was handed out.
    pub sends: u8,
    /// What is known of the latest send.
    pub delivery: DeliveryStatus,
    /// When the cooldown ends.
    pub next_send_at: Timestamp,
    /// Whether the user is locked, and until when.
    pub lock: Lock,
}

/// Whether a user's guesses are compared.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(
    clippy::exhaustive_enums,
    reason = "free, or locked in one of two ways"
)]
pub enum Lock {
    /// They are.
    Free,
    /// They are not, until then.
    Until(Timestamp),
    /// They are not, until [`unlock`](crate::Engine::unlock).
    UntilUnlocked,
}

/// Looks at the challenge of a binding.
pub(crate) struct ReadStatus<'a> {
    pub(crate) target: BindingCells<'a>,
}

impl<'a> ReadStatus<'a> {
    /// # Errors
    ///
    /// As [`Context::admits`].
    pub(crate) fn new(context: &Context<'a>, binding: BindingRef<'a>) -> Result<Self, Error> {
        let target = BindingCells::admitted(context, binding)?;
        Ok(Self { target })
    }
}

impl Operation for ReadStatus<'_> {
    type Answer = Option<Status>;

    fn keys(&self) -> &[Key] {
        self.target.keys()
    }

    fn decide(&self, loaded: &Loaded<'_>, _: &mut Writes<'_>) -> Decided<Option<Status>> {
        let (context, now) = (loaded.context, loaded.now);
        let challenge = Challenge::in_slot(loaded.cell(SLOT)?.body(), now)?;
        let challenge = challenge.filter(|challenge| self.target.digest().has_tag(&challenge.tag));
        let mut user = Meter::default();
        loaded.read_meter(USER, &mut user)?;
        let lock = match user.lock(context.rate_limits, now) {
            None => Lock::Free,
            Some(None) => Lock::UntilUnlocked,
            Some(Some(retry_at)) => Lock::Until(retry_at),
        };
        let answer = challenge.map(|challenge| Status {
            id: challenge.id,
            state: match challenge.state {
                ChallengeState::Pending if now >= challenge.expires_at() => ChallengeState::Expired,
                state => state,
            },
            issued_at: challenge.issued_at,
            expires_at: challenge.expires_at(),
            attempts_left: challenge.attempts_left(context.policy),
            sends: challenge.sends,
            delivery: challenge.delivery,
            next_send_at: challenge.next_send_at,
            lock,
        });
        Ok(Decision {
            answer,
            events: EventKinds::default(),
            id: answer.map(|status| status.id),
        })
    }

    fn subject(&self) -> Subject<'_> {
        Subject::Binding(self.target.binding)
    }
}
