//! The canary: one cell under a name that needs no key, which shows whose keys a store belongs to.

use core::time::Duration;

use super::{Decided, Decision, Loaded, Operation};
use crate::Error;
use crate::event::EventKinds;
use crate::keys::{KeyRing, MARK};
use crate::reveal;
use crate::seal::{LoadedCell, Writes};
use crate::store::{Class, Key, Kind};

/// What is known of the keys of a store: the answer of
/// [`Engine::check_store`](crate::Engine::check_store).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(
    clippy::exhaustive_enums,
    reason = "it was there, is there now, or may vanish"
)]
pub enum StoreCheck {
    /// The store was begun, or taken over, with this index secret.
    Proven,
    /// It was not, until this call: from now on it is.
    Begun,
    /// The store may lose cells, and so its canary: no other key ring's was found, which proves
    /// nothing.
    NotProven,
}

/// Looks whose canary a store holds, and writes one where that may be.
pub(crate) struct Canary {
    act: Act,
    class: Class,
}

/// What is done where the canary is missing, or another's.
#[derive(Clone, Copy)]
pub(crate) enum Act {
    /// A store without a cell is begun; every other one must hold the canary of these keys.
    Check {
        /// Whether the store surely held no cell, before the canary is loaded.
        is_empty: bool,
    },
    /// A missing canary is written, whatever else the store holds.
    Adopt,
    /// The canary is written, whatever was there.
    Begin,
}

impl Canary {
    pub(crate) const fn new(act: Act, class: Class) -> Self {
        Self { act, class }
    }

    /// Reads the canary at `place`; `None` where there is none.
    ///
    /// The mark is looked at before the seal: another key ring's seal fails too, and must not be
    /// taken for a forged one.
    fn read(&self, keys: &KeyRing, cell: &LoadedCell<'_>) -> Result<Option<()>, Error> {
        let Some(body) = cell.body() else {
            return Ok(None);
        };
        let mark = match body {
            [FORMAT, rest @ ..] => rest.first_chunk::<MARK>().ok_or(Error::Tampered)?,
            _ => return Err(Error::Tampered),
        };
        if !reveal::equal(mark, &keys.mark()) {
            return Err(Error::ForeignStore);
        }
        let body = match self.class {
            Class::Process => body,
            Class::Expiring | Class::Permanent => cell.unsealed(keys).ok_or(Error::Tampered)?,
        };
        if body.len() != 1 + MARK {
            return Err(Error::Tampered);
        }
        Ok(Some(()))
    }
}

impl Operation for Canary {
    type Answer = StoreCheck;

    const RAW: bool = true;

    fn keys(&self) -> &[Key] {
        &[CANARY]
    }

    fn decide(&self, loaded: &Loaded<'_>, writes: &mut Writes<'_>) -> Decided<StoreCheck> {
        let (context, now) = (loaded.context, loaded.now);
        let cell = loaded.cell(0)?;
        let may_vanish = self.class == Class::Expiring;
        let answer = match (self.read(context.keys, &cell), self.act) {
            (Ok(Some(())), _) => StoreCheck::Proven,
            (Err(error), Act::Check { .. } | Act::Adopt) => return Err(error),
            (Ok(None), Act::Check { is_empty: false }) if !may_vanish => {
                return Err(Error::NoCanary);
            }
            (Ok(None), _) | (Err(_), Act::Begin) => {
                let is_for_ever = self.class == Class::Permanent;
                let discard_after = (!is_for_ever).then(|| now.saturating_add(KEPT));
                writes.put(cell, Kind::Canary, discard_after, |body| {
                    body.push(FORMAT);
                    body.extend_from_slice(&context.keys.mark());
                });
                StoreCheck::Begun
            }
        };
        Ok(Decision {
            answer: if may_vanish {
                StoreCheck::NotProven
            } else {
                answer
            },
            events: EventKinds::default(),
            id: None,
        })
    }
}

/// The name of the canary in every store: eight zero bytes for the tenant that it has not, and
/// what a person reads who looks for it.
const CANARY: Key = Key::from_bytes(*b"\0\0\0\0\0\0\0\0otp-engine canary v1\0\0\0\0");

/// The version of the bytes of a canary.
const FORMAT: u8 = 1;

/// How long it is kept where nothing is kept for ever: a hundred years.
const KEPT: Duration = Duration::from_secs(36_525 * 86_400);
