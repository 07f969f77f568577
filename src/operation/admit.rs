//! Admit a purge: only a clock that is near the newest time known of the store may drop anything.

use core::time::Duration;

use super::{Context, Decided, Decision, Loaded, Operation};
use crate::event::EventKinds;
use crate::newest::Newest;
use crate::seal::Writes;
use crate::store::{Class, Key, Kind};
use crate::{Error, Timestamp};

/// Compares the clock with what the store and this process know, and leaves a mark for the others.
pub(crate) struct AdmitPurge<'a> {
    pub(crate) key: Key,
    pub(crate) newest: &'a Newest,
    /// An administrator says that the clock is right.
    pub(crate) confirmed: bool,
    /// Whether a store that has no mark gets one.
    pub(crate) is_begun: bool,
}

/// A purge that may go on.
pub(crate) struct Admitted {
    pub(crate) now: Timestamp,
    /// No purge has left a mark yet. A store without a cell gets none either: it would no longer
    /// be a new one, which [`Engine::check_store`](crate::Engine::check_store) begins.
    pub(crate) is_first: bool,
}

impl<'a> AdmitPurge<'a> {
    /// `None` where there is nobody to ask: a store in this process knows no more than the engine, and
    /// one that expires keeps no mark.
    pub(crate) fn new(context: &Context<'_>, newest: &'a Newest, confirmed: bool) -> Option<Self> {
        (context.class == Class::Permanent).then(|| Self {
            key: context.keys.tenant("").purge_mark(),
            newest,
            confirmed,
            is_begun: false,
        })
    }
}

impl Operation for AdmitPurge<'_> {
    type Answer = Admitted;

    fn keys(&self) -> &[Key] {
        core::slice::from_ref(&self.key)
    }

    fn decide(&self, loaded: &Loaded<'_>, writes: &mut Writes<'_>) -> Decided<Admitted> {
        let now = loaded.now;
        let cell = loaded.cell(0)?;
        let mark = cell.body().map(read).transpose()?;
        if !self.confirmed && !self.newest.admits(mark, now) {
            return Err(Error::ClockAhead);
        }
        let moves = match mark {
            Some(mark) if self.confirmed => mark != now,
            Some(mark) => now >= mark.saturating_add(STEP),
            None => self.is_begun,
        };
        if moves {
            writes.put(cell, Kind::Meter, None, |body| {
                body.push(FORMAT);
                body.extend(now.unix().to_be_bytes());
            });
        }
        Ok(Decision {
            answer: Admitted {
                now,
                is_first: mark.is_none() && !self.is_begun,
            },
            events: EventKinds::default(),
            id: None,
        })
    }
}

/// Reads the mark.
fn read(body: &[u8]) -> Result<Timestamp, Error> {
    match body.split_first_chunk() {
        Some((&[FORMAT], rest)) => <[u8; 8]>::try_from(rest)
            .map(|unix| Timestamp::from_unix(i64::from_be_bytes(unix)))
            .map_err(|_| Error::Tampered),
        _ => Err(Error::Tampered),
    }
}

/// The version of the bytes of the mark.
const FORMAT: u8 = 1;

/// How much later a purge leaves a new mark: not each of many batches.
const STEP: Duration = Duration::from_secs(3_600);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_of_another_format_or_length_is_tampered_with() {
        let mark = |body: &[u8]| read(body).map(Timestamp::unix);
        assert!(matches!(mark(&[1, 0, 0, 0, 0, 0, 0, 1, 2]), Ok(258)));
        let others: [&[u8]; 5] = [&[], &[1], &[2, 0, 0, 0, 0, 0, 0, 1, 2], &[1; 8], &[1; 10]];
        for other in others {
            assert!(matches!(mark(other), Err(Error::Tampered)), "{other:?}");
        }
    }
}
