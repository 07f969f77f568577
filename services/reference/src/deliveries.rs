//! Which messages the gateway took, until a guess carries that to the store: a commit for each would
//! be a quarter of what a code costs. A refused message is not kept here: it is refunded at once.
//!
//! What this process forgets, by its end or as a code expires unanswered, stays "not reported" in the
//! store: no limit depends on it, and the log has the line of each message.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use otp_engine::{ChallengeId, ContentDigest, Target, Timestamp};

use crate::directory::User;

/// What is not reported yet, of all users.
#[derive(Default)]
pub(crate) struct Deliveries(Mutex<HashMap<Slot, Sent>>);

/// A user and a field: whose newest message it is.
type Slot = [u8; 32];

#[derive(Clone, Copy)]
struct Sent {
    id: ChallengeId,
    send: u8,
    until: Timestamp,
}

impl Deliveries {
    /// Keeps that a message was taken, until its code expires. Says whether there was room.
    pub(crate) fn keep(
        &self,
        slot: Slot,
        (id, send): (ChallengeId, u8),
        until: Timestamp,
        now: Timestamp,
    ) -> bool {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() >= MOST {
            kept.retain(|_, sent| sent.until > now);
        }
        let has_room = kept.len() < MOST;
        if has_room {
            kept.insert(slot, Sent { id, send, until });
        }
        has_room
    }

    /// Returns the challenge and the number of the send that was taken.
    pub(crate) fn of(&self, slot: &Slot) -> Option<(ChallengeId, u8)> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.get(slot).map(|sent| (sent.id, sent.send))
    }

    /// Forgets a message whose code was accepted.
    pub(crate) fn forget(&self, slot: &Slot) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.remove(slot);
    }
}

pub(crate) fn slot(user: &User, field: &Target<'_>) -> Slot {
    let Target { model, field, id } = *field;
    *ContentDigest::of_fields(&[&user.tenant, &user.id, model, field, id]).as_bytes()
}

/// Some 10 MB. Beyond that each message is reported at once.
const MOST: usize = 1 << 16;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn case_581_it_is_bounded_and_makes_room_for_what_is_over() {
        let deliveries = Deliveries::default();
        let at = Timestamp::from_unix;
        let id = ChallengeId::from_bytes([7; 16]);
        for n in 0..=MOST {
            let mut slot = [0; 32];
            slot[..8].copy_from_slice(&n.to_be_bytes());
            let kept = deliveries.keep(slot, (id, 1), at(100), at(0));
            assert_eq!(kept, n < MOST, "{n}");
        }
        assert!(deliveries.keep([9; 32], (id, 2), at(200), at(100)));
        assert_eq!(deliveries.of(&[9; 32]), Some((id, 2)));
        assert_eq!(deliveries.of(&[0; 32]), None, "its code is over");
        deliveries.forget(&[9; 32]);
        assert_eq!(deliveries.of(&[9; 32]), None);
    }
}
