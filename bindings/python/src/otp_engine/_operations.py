"""How an operation of an engine reaches the library: with a store, and mostly a binding."""

import ctypes
from collections.abc import Callable
from typing import TypeVar

from ._handle import Handle, Owner, opened
from .binding import Binding, bound
from .errors import check, refuse_reentry
from .store import Store

_Out = TypeVar("_Out", bound="ctypes._CDataType")


class Operations(Owner):
    """An engine, as its operations see it.

    What is passed on is held for the length of the call: handles, so that another thread's
    ``close`` waits for it, and the bytes behind views.
    """

    _ring: object
    """What the engines of one key ring have in common."""

    def _open(self) -> Handle:
        refuse_reentry()
        return super()._open()

    def _do(
        self, operation: Callable[..., int], store: Store, out: _Out, *arguments: object
    ) -> _Out:
        """Run an operation on a store; return ``out`` as the library wrote it."""
        engine, cells = self._open(), opened(store, Store, "store")
        check(operation(engine.address, cells.address, *arguments, ctypes.byref(out)))
        return out

    def _do_bound(
        self,
        operation: Callable[..., int],
        store: Store,
        binding: Binding,
        out: _Out,
        *arguments: object,
    ) -> _Out:
        """Run an operation about a binding; return ``out`` as the library wrote it."""
        engine, cells = self._open(), opened(store, Store, "store")
        to = bound(binding, engine.address, self._ring)
        check(operation(engine.address, cells.address, to.address, *arguments, ctypes.byref(out)))
        return out

    def _did(self, operation: Callable[..., int], store: Store, *arguments: object) -> bool:
        """Run an operation on a store that says whether it changed something."""
        return self._do(operation, store, ctypes.c_int32(), *arguments).value == 1
