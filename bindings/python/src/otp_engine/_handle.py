"""Handles: addresses of the library's objects, freed when the last user lets go."""

import atexit
import ctypes
import itertools
import os
import time
import weakref
from collections.abc import Callable
from typing import TYPE_CHECKING, ClassVar, NoReturn, TypeVar

from ._checks import never_set_up
from .errors import check

if TYPE_CHECKING:
    from typing_extensions import Self


class Uncopied:
    """Refuses to be copied or pickled, and so whatever holds it.

    A copy of an address outlives what it points to, in this process or in another; a copy of a code
    or secret lies where nobody looks for it.
    """

    __slots__ = ()
    _instead: ClassVar[str]

    def __reduce__(self) -> NoReturn:
        raise TypeError(f"{type(self).__name__} cannot be copied or pickled: {self._instead}")

    def __getstate__(self) -> NoReturn:
        self.__reduce__()


_Kind = TypeVar("_Kind", bound=type[Uncopied])


def uncopied(kind: _Kind) -> _Kind:
    """Make of a dataclass, once it is made, a class whose objects `asdict` and `replace` refuse.

    Serialisers know a dataclass by its fields, and would write down what is in them. A frozen one
    with slots has a ``__getstate__`` of its own, by which it would be copied.
    """
    del kind.__dataclass_fields__  # type: ignore[attr-defined]
    kind.__getstate__ = Uncopied.__getstate__  # type: ignore[method-assign]
    return kind


class Handle(Uncopied):
    """Owns one address.

    Whoever calls the library holds a reference for the length of the call, so that a ``close`` in
    another thread frees only after the last call in flight has returned.
    """

    __slots__ = ("__weakref__", "address", "keep")
    _instead = "make another object where one is needed"

    def __init__(self, address: int, free: Callable[[int], None], keep: object = None) -> None:
        self.address = address
        self.keep = keep
        # Not at exit: a daemon thread may still be inside a call.
        finalizer = weakref.finalize(self, free, address)
        finalizer.atexit = False  # type: ignore[misc]


class Owner(Uncopied):
    """A Python object with a handle."""

    _handle: Handle | None = None

    def close(self) -> None:
        """Let go of the native object; a call that runs in another thread ends first."""
        self._handle = None

    def _open(self) -> Handle:
        handle = self._handle
        if handle is None:
            raise self._without_handle()
        return handle

    def _without_handle(self) -> Exception:
        if "_handle" in vars(self):
            return ValueError(f"this {type(self).__name__} is closed")
        return never_set_up(self)

    def __enter__(self) -> "Self":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def opened(owner: object, kind: type[Owner], name: str) -> Handle:
    """Return the handle of an argument; another kind's would be read as what it is not."""
    if not isinstance(owner, kind):
        raise TypeError(f"{name} must be {kind.__name__}, not {type(owner).__name__}")
    return owner._open()


_numbers = itertools.count()
_calling_back: "weakref.WeakValueDictionary[tuple[int, int], Owner]" = weakref.WeakValueDictionary()
_PATIENCE = 5  # seconds: a call that still runs then may abort the process


def closed_at_exit(owner: Owner) -> None:
    """Close an owner whose calls run Python before the interpreter ends.

    An ending interpreter kills a daemon thread that comes back into Python; from a callback, that
    would unwind through the library, which aborts the process.
    """
    _calling_back[os.getpid(), next(_numbers)] = owner


@atexit.register
def _close_at_exit() -> None:
    handles = []
    for (process, _), owner in list(_calling_back.items()):
        if process == os.getpid() and owner._handle is not None:
            handles.append(weakref.ref(owner._handle))
            owner.close()
    until = time.monotonic() + _PATIENCE
    while any(handle() is not None for handle in handles) and time.monotonic() < until:
        time.sleep(0.001)


def made(make: Callable[..., int], free: Callable[[int], None], *arguments: object) -> Handle:
    """Return the handle of what the library makes of arguments."""
    out = ctypes.c_void_p()
    check(make(*arguments, ctypes.byref(out)))
    return Handle(out.value or 0, free)
