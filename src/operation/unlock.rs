//! Unlock: lifts what wrong guesses put on a user. Slots, sends and recipients stay as they are.

use super::{Context, Decided, Decision, Loaded, Operation, Subject};
use crate::Error;
use crate::binding::check_user;
use crate::event::{EventKind, EventKinds};
use crate::meter::Meter;
use crate::seal::Writes;
use crate::store::{Key, Kind};

/// The answer of [`Engine::unlock`](crate::Engine::unlock).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(
    clippy::exhaustive_enums,
    reason = "there was something to lift, or not"
)]
pub enum UnlockOutcome {
    /// The user's failures are forgotten.
    Unlocked,
    /// The user had none.
    NothingToUnlock,
}

/// Forgets the failures of a user.
pub(crate) struct Unlock<'a> {
    pub(crate) key: Key,
    pub(crate) tenant: &'a str,
    pub(crate) user: &'a str,
}

impl<'a> Unlock<'a> {
    /// # Errors
    ///
    /// [`Error::Binding`].
    pub(crate) fn new(
        context: &Context<'_>,
        tenant: &'a str,
        user: &'a str,
    ) -> Result<Self, Error> {
        check_user(tenant, user)?;
        let key = context.keys.tenant(tenant).user_meter(user);
        Ok(Self { key, tenant, user })
    }
}

impl Operation for Unlock<'_> {
    type Answer = UnlockOutcome;

    fn keys(&self) -> &[Key] {
        core::slice::from_ref(&self.key)
    }

    fn decide(&self, loaded: &Loaded<'_>, writes: &mut Writes<'_>) -> Decided<UnlockOutcome> {
        let (context, now) = (loaded.context, loaded.now);
        let cell = loaded.cell(0)?;
        let meter = Meter::read(cell.body())?;
        let unlocked = Meter {
            sends: meter.sends.clone(),
            ..Meter::default()
        };
        if unlocked != meter {
            // Those that count no more go too: they would count again, should the clock go back.
            writes.put(
                cell,
                Kind::Meter,
                unlocked.discard_after(context.rate_limits, context.class, now),
                |body| unlocked.write(body),
            );
        }
        let (answer, events) = if meter.has_failures(context.rate_limits, now) {
            (UnlockOutcome::Unlocked, EventKind::Unlocked.into())
        } else {
            (UnlockOutcome::NothingToUnlock, EventKinds::default())
        };
        Ok(Decision {
            answer,
            events,
            id: None,
        })
    }

    fn subject(&self) -> Subject<'_> {
        Subject::User {
            tenant: self.tenant,
            user: self.user,
        }
    }
}
