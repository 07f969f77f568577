//! A binding whose cells are named beforehand, and how an operation takes either.

use core::fmt;

use crate::keys::{Cells, KeyRing, Names, RingNumber};
use crate::{Binding, Engine, Error};

/// A binding with the names of its cells under one key ring, made by [`Engine::bind`]: an operation that takes
/// it saves six compressions of SHA-256, ten under the default rate limits.
///
/// It is for one request, in which a code is issued and the delivery reported, or one is judged and the status
/// asked for: a binding that is kept from a login to a signature is not the binding as it is *now*. It is
/// personal data, as the binding is. What it holds of the keys makes no code, and is wiped when dropped.
pub struct Bound {
    binding: Binding,
    names: Names,
    ring: RingNumber,
}

impl Bound {
    pub(crate) fn new(binding: Binding, keys: &KeyRing) -> Self {
        Self {
            names: keys.names(&binding, Cells::ALL),
            ring: keys.number(),
            binding,
        }
    }

    /// Returns the binding.
    #[must_use]
    pub const fn binding(&self) -> &Binding {
        &self.binding
    }

    /// Says whether an engine takes it: one of the same key ring, or of a clone of it.
    #[must_use]
    pub fn is_of(&self, engine: &Engine) -> bool {
        self.ring == engine.ring()
    }
}

impl fmt::Debug for Bound {
    /// Shows the binding, with its recipient masked.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Bound").field(&self.binding).finish()
    }
}

/// A binding or a bound one: what each operation takes. Made from a reference to either.
#[derive(Clone, Copy)]
pub struct BindingRef<'a> {
    binding: &'a Binding,
    bound: Option<&'a Bound>,
}

impl<'a> BindingRef<'a> {
    pub(crate) const fn binding(self) -> &'a Binding {
        self.binding
    }

    /// Returns the binding, for an operation that names other cells.
    ///
    /// # Errors
    ///
    /// As [`names`](Self::names).
    pub(crate) fn under(self, keys: &KeyRing) -> Result<&'a Binding, Error> {
        self.names(keys).map(|_| self.binding)
    }

    /// Returns the names, if they were made beforehand.
    ///
    /// # Errors
    ///
    /// [`Error::ForeignBinding`] where they were made under another key ring.
    pub(crate) fn names(self, keys: &KeyRing) -> Result<Option<&'a Names>, Error> {
        match self.bound {
            Some(bound) if bound.ring != keys.number() => Err(Error::ForeignBinding),
            bound => Ok(bound.map(|bound| &bound.names)),
        }
    }
}

impl<'a> From<&'a Binding> for BindingRef<'a> {
    fn from(binding: &'a Binding) -> Self {
        Self {
            binding,
            bound: None,
        }
    }
}

impl<'a> From<&'a Bound> for BindingRef<'a> {
    fn from(bound: &'a Bound) -> Self {
        Self {
            binding: &bound.binding,
            bound: Some(bound),
        }
    }
}

impl fmt::Debug for BindingRef<'_> {
    /// Shows the binding, with its recipient masked.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.binding.fmt(f)
    }
}
