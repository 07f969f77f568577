//! Faults: the cases in which no answer is known.

use alloc::boxed::Box;
use core::fmt;

use crate::{binding::BindingError, oath, record::KeyError, store};

/// The reason why no answer is known.
///
/// A wrong, expired or exhausted code is *not* an error but a [`Rejection`](crate::Rejection): the
/// attempt that it used up is committed and must stay so. After an `Error` the caller may ask
/// again; nothing was accepted, and no code was handed out.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// The store failed; its own error says whether the commit may have been applied.
    Store(store::Error),
    /// A tenant, user or target is one that no [`Binding`](crate::Binding) can have; nothing was loaded.
    Binding(BindingError),
    /// The policy asks for a content digest, and the binding has none; nothing was loaded.
    ContentRequired,
    /// The store may lose cells, and what is asked must be kept for ever: a signature record, or what was used
    /// of a device whose codes have a counter or a question. Nothing was loaded. See
    /// [`Class::Permanent`](crate::store::Class::Permanent).
    NotPermanent,
    /// The rate limits lock a user without end, and the store would forget that: set
    /// [`lock_ends_after`](crate::rate_limits::RateLimitsBuilder::lock_ends_after). Nothing was loaded.
    LockWithoutEnd,
    /// A reset must say why, in 1 to 256 bytes of visible text; nothing was loaded.
    ResetReason,
    /// The key that signs records is not in use at this time; nothing was compared.
    SigningKey(KeyError),
    /// The clock gave no time, or lies more than 30 s before what was already written.
    Clock,
    /// The clock lies more than a day past the newest time that is known of this store; nothing was
    /// dropped. Set it right, or let an administrator
    /// [confirm](crate::Engine::purge_confirmed) it.
    ClockAhead,
    /// The source of randomness failed; there is no fallback.
    Randomness(store::Cause),
    /// The challenge was issued under a code key that the ring does not hold.
    UnknownKey,
    /// An OCRA suite or input does not fit; nothing was loaded.
    Oath(oath::Error),
    /// A cell does not read as the engine wrote it.
    Tampered,
    /// The store was begun with another index secret: with these keys every cell in it is unknown.
    ///
    /// Start with the keys that it was begun with. Only to give up all that it holds,
    /// [begin it anew](crate::Engine::begin_store).
    ForeignStore,
    /// The binding was [bound](crate::Engine::bind) under another key ring; nothing was loaded.
    ForeignBinding,
    /// The store has no canary and holds cells, or cannot tell that it holds none: nothing shows
    /// whose they are.
    ///
    /// If they were written with these keys before there were canaries,
    /// [adopt](crate::Engine::adopt_store) the store; if it is new, or all that it holds may be
    /// given up, [begin](crate::Engine::begin_store) it.
    NoCanary,
    /// Other callers kept changing the same cells first, for every round that is given.
    Contended,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Store(_) => "the store failed",
            Self::Binding(_) => "invalid tenant, user or target",
            Self::ContentRequired => {
                "the policy requires a content digest, and the binding has none"
            }
            Self::NotPermanent => {
                "the store may lose cells; signature records, and codes of devices by counter or question, \
                 need one that keeps them for ever: a database, a file, or a memory store that keeps records"
            }
            Self::LockWithoutEnd => {
                "the store cannot keep a lock that only an unlock ends; set lock_ends_after in the \
                 rate limits"
            }
            Self::ResetReason => {
                "the reason of a reset must be 1 to 256 bytes of visible text"
            }
            Self::ClockAhead => {
                "the clock is more than a day ahead of the newest time known of this store; nothing \
                 was purged; correct the clock, or confirm the purge"
            }
            Self::SigningKey(_) => "the signing key is not valid at this time",
            Self::Clock => "the clock cannot be read, or is more than 30 s behind what was stored",
            Self::Randomness(_) => "the source of randomness failed",
            Self::UnknownKey => "the code was issued with a key that is not in the key ring; keep retired keys until their codes expire",
            Self::Oath(_) => "invalid OATH suite, input or devices",
            Self::Tampered => "a stored cell was modified outside the engine",
            Self::ForeignStore => {
                "the store was begun with another index secret; use the keys that it was begun with \
                 (begin_store would give up all that it holds)"
            }
            Self::ForeignBinding => {
                "the binding was bound under another key ring; bind it with this engine"
            }
            Self::NoCanary => {
                "the store has no canary, so nothing shows whose cells it holds; call adopt_store if \
                 they were written with these keys, or begin_store to discard them"
            }
            Self::Contended => "too many concurrent changes of the same cells; retry",
        })
    }
}

impl core::error::Error for Error {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::Store(error) => Some(error),
            Self::SigningKey(error) => Some(error),
            Self::Oath(error) => Some(error),
            Self::Binding(error) => Some(error),
            Self::Randomness(Some(cause)) => Some(cause.as_ref()),
            _ => None,
        }
    }
}

impl From<store::Error> for Error {
    fn from(error: store::Error) -> Self {
        Self::Store(error)
    }
}

/// Why no random bytes could be drawn, as the host's generator says it; see
/// [`Engine::builder_on`](crate::Engine::builder_on).
pub type RandomnessError = Box<dyn core::error::Error + Send + Sync>;
