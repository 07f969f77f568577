//! Reset: an administrator lifts what holds a slot, a recipient or a user up, and says why. What was
//! used stays used.

use super::{BindingCells, Context, Decided, Decision, Loaded, Operation, SLOT, Subject, put_slot};
use crate::binding::BindingRef;
use crate::binding::{check_tenant, check_user};
use crate::challenge::Challenge;
use crate::event::{EventKind, EventKinds};
use crate::meter::Meter;
use crate::seal::Writes;
use crate::store::{Key, Kind};
use crate::{ChallengeId, Error, Recipient, shown};

/// The answer of the resets, such as [`Engine::reset_slot`](crate::Engine::reset_slot).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(
    clippy::exhaustive_enums,
    reason = "there was something to lift, or not"
)]
pub enum ResetOutcome {
    /// Locks and windows are lifted.
    Reset,
    /// There was nothing to lift.
    NothingToReset,
}

/// Lifts what holds the slot of a binding up.
pub(crate) struct ResetSlot<'a> {
    pub(crate) target: BindingCells<'a>,
    pub(crate) reason: &'a str,
}

impl<'a> ResetSlot<'a> {
    /// # Errors
    ///
    /// [`Error::ResetReason`].
    pub(crate) fn new(
        context: &Context<'a>,
        binding: BindingRef<'a>,
        reason: &'a str,
    ) -> Result<Self, Error> {
        Ok(Self {
            target: BindingCells::new(context, binding)?,
            reason: check_reason(reason)?,
        })
    }
}

impl Operation for ResetSlot<'_> {
    type Answer = ResetOutcome;

    fn keys(&self) -> &[Key] {
        &self.target.keys()[..=SLOT]
    }

    fn decide(&self, loaded: &Loaded<'_>, writes: &mut Writes<'_>) -> Decided<ResetOutcome> {
        let now = loaded.now;
        let slot = loaded.cell(SLOT)?;
        let Some(mut challenge) = Challenge::in_slot(slot.body(), now)? else {
            return Ok(decided(false, EventKind::SlotReset, None));
        };
        let lifted = challenge.reset(now);
        if lifted {
            put_slot(writes, slot, &challenge);
        }
        Ok(decided(lifted, EventKind::SlotReset, Some(challenge.id)))
    }

    fn subject(&self) -> Subject<'_> {
        Subject::Binding(self.target.binding)
    }

    fn reason(&self) -> Option<&str> {
        Some(self.reason)
    }
}

/// Forgets what a recipient or a user sent and failed.
pub(crate) struct ResetMeter<'a> {
    pub(crate) key: Key,
    pub(crate) subject: Subject<'a>,
    pub(crate) reason: &'a str,
}

impl<'a> ResetMeter<'a> {
    /// # Errors
    ///
    /// [`Error::Binding`], [`Error::ResetReason`].
    pub(crate) fn of_recipient(
        context: &Context<'_>,
        tenant: &'a str,
        recipient: &'a Recipient,
        reason: &'a str,
    ) -> Result<Self, Error> {
        check_tenant(tenant)?;
        Ok(Self {
            key: context.keys.tenant(tenant).recipient_meter(recipient),
            subject: Subject::Recipient { tenant, recipient },
            reason: check_reason(reason)?,
        })
    }

    /// # Errors
    ///
    /// As [`of_recipient`](Self::of_recipient).
    pub(crate) fn of_user(
        context: &Context<'_>,
        tenant: &'a str,
        user: &'a str,
        reason: &'a str,
    ) -> Result<Self, Error> {
        check_user(tenant, user)?;
        Ok(Self {
            key: context.keys.tenant(tenant).user_meter(user),
            subject: Subject::User { tenant, user },
            reason: check_reason(reason)?,
        })
    }
}

impl Operation for ResetMeter<'_> {
    type Answer = ResetOutcome;

    fn keys(&self) -> &[Key] {
        core::slice::from_ref(&self.key)
    }

    fn decide(&self, loaded: &Loaded<'_>, writes: &mut Writes<'_>) -> Decided<ResetOutcome> {
        let (context, now) = (loaded.context, loaded.now);
        let cell = loaded.cell(0)?;
        let (before, after) = (Meter::read(cell.body())?, Meter::default());
        if before != after {
            // What counts no more goes too: it would count again, should the clock go back.
            writes.put(
                cell,
                Kind::Meter,
                after.discard_after(context.rate_limits, context.class, now),
                |body| after.write(body),
            );
        }
        let event = match self.subject {
            Subject::Recipient { .. } => EventKind::RecipientReset,
            Subject::User { .. } | Subject::Binding(_) => EventKind::UserReset,
        };
        let lifted = before.counts_anything(context.rate_limits, now);
        Ok(decided(lifted, event, None))
    }

    fn subject(&self) -> Subject<'_> {
        self.subject
    }

    fn reason(&self) -> Option<&str> {
        Some(self.reason)
    }
}

/// Answers a reset; one that lifted nothing makes no event.
pub(super) fn decided(
    lifted: bool,
    event: EventKind,
    id: Option<ChallengeId>,
) -> Decision<ResetOutcome> {
    let (answer, events) = if lifted {
        (ResetOutcome::Reset, event.into())
    } else {
        (ResetOutcome::NothingToReset, EventKinds::default())
    };
    Decision { answer, events, id }
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
