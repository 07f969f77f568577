//! What an audit log receives: one or more events for each committed decision.

use crate::{Binding, ChallengeId, Recipient, Rejection, Timestamp, verdict::RefusalReason};

/// Is notified of what the engine did, after the commit and before the answer leaves.
///
/// It is called on the caller's thread and holds up the answer: hand events on, do not work here.
/// It is never notified of a decision that was not committed. Codes and whole numbers are not in events.
pub trait Observer: Send + Sync {
    /// Takes note of one event.
    fn observe(&self, event: &Event<'_>);
}

const _: Option<&dyn Observer> = None;

impl<F: Fn(&Event<'_>) + Send + Sync> Observer for F {
    fn observe(&self, event: &Event<'_>) {
        self(event);
    }
}

/// One thing that the engine did.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Event<'a> {
    /// The instant of the decision, by the engine's clock.
    pub at: Timestamp,
    /// What was done.
    pub kind: EventKind,
    /// The tenant, as the binding names it.
    pub tenant: &'a str,
    /// The user whom it concerns; empty for the reset of a recipient.
    pub user: &'a str,
    /// The whole binding, its recipient masked in `Debug` and `Display`; an unlock has none, nor has
    /// the reset of a user or a recipient.
    pub binding: Option<&'a Binding>,
    /// The recipient whom it concerns, masked in `Debug` and `Display`.
    pub recipient: Option<&'a Recipient>,
    /// Why an administrator did it: of a reset alone.
    pub reason: Option<&'a str>,
    /// The challenge, where there is one.
    pub id: Option<ChallengeId>,
}

/// The kinds of event.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum EventKind {
    /// A new code was made.
    Issued,
    /// The same code was handed out once more.
    SentAgain {
        /// Which send of this code it is.
        send: u8,
    },
    /// The code of a send was claimed, and handed out for it.
    Claimed {
        /// Which send of this code it is.
        send: u8,
    },
    /// No code was issued.
    Refused {
        /// The limit that stood against it.
        reason: RefusalReason,
    },
    /// The code was right.
    Accepted {
        /// Its digits came from more than one script.
        mixed_scripts: bool,
    },
    /// The code was not accepted.
    Rejected {
        /// Why.
        rejection: Rejection,
        /// Its digits came from more than one script.
        mixed_scripts: bool,
    },
    /// A wrong guess, or one text too many that was no code, closed the slot.
    Exhausted,
    /// A wrong guess brought the user to a limit: no guess of theirs is compared now.
    Locked {
        /// Until when; `None` where only an unlock helps.
        retry_at: Option<Timestamp>,
    },
    /// The user's wrong guesses since the last success come near the lock.
    NearlyLocked {
        /// How many there are.
        consecutive: u16,
    },
    /// A live challenge was called off.
    Cancelled,
    /// The gateway took the message.
    Delivered,
    /// The gateway refused the message.
    DeliveryFailed {
        /// The send was taken back from the rate limits, and the cooldown cut short.
        refunded: bool,
    },
    /// A user's locks were lifted.
    Unlocked,
    /// An administrator lifted what held a slot up.
    SlotReset,
    /// An administrator lifted what held a recipient up.
    RecipientReset,
    /// An administrator lifted what held a user up.
    UserReset,
    /// An administrator set a device right.
    DeviceReset,
}

/// The happenings of one decision: four at most.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct EventKinds([Option<EventKind>; 4]);

impl EventKinds {
    pub(crate) fn add(&mut self, event: EventKind) {
        if let Some(free) = self.0.iter_mut().find(|slot| slot.is_none()) {
            *free = Some(event);
        }
    }

    /// Puts what caused the others in front of them.
    pub(crate) fn after(self, first: EventKind) -> Self {
        let mut all = Self::from(first);
        for event in self.iter() {
            all.add(event);
        }
        all
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = EventKind> + '_ {
        self.0.iter().flatten().copied()
    }
}

impl From<EventKind> for EventKinds {
    fn from(event: EventKind) -> Self {
        Self([Some(event), None, None, None])
    }
}
