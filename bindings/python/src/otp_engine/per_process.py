"""What a prefork server makes once in each of its workers."""

import atexit
import os
import weakref
from collections.abc import Callable
from typing import Any, Generic, TypeVar

_Made = TypeVar("_Made")


class PerProcess(Generic[_Made]):
    """Makes something at its first use in a process: engine and stores, which no fork survives.

    >>> engine = PerProcess(lambda: object())
    >>> engine() is engine()
    True

    A server may import its application before it forks its workers: give this a function that makes
    what the application needs, and call it where that is used. What an earlier process made is
    never touched in a later one. Threads and greenlets that come first at the same time may each
    run ``make``, as no lock is held that a fork could inherit: all get the first result, and the
    others are closed. What ``make`` raises is raised, and the next call tries again.

    A result that has a ``close`` is closed when the interpreter ends.
    """

    def __init__(self, make: Callable[[], _Made]) -> None:
        if not callable(make):
            raise TypeError(f"make must be callable, not {type(make).__name__}")
        self._make = make
        self._forget()
        _all.add(self)

    def __call__(self) -> _Made:
        """Return what was made in this process."""
        made = self._made.get(os.getpid())
        if made is None:
            new = (self._make(),)
            made = self._made.setdefault(os.getpid(), new)
            if made is not new:
                _close(new[0])
        return made[0]

    def close(self) -> None:
        """Close what was made in this process, if anything was; the next call makes another one."""
        for made in self._made.pop(os.getpid(), ()):
            _close(made)

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self._make,)  # to a process that makes its own

    def _forget(self) -> None:
        # By process: some fork without telling Python. What was inherited stays as it is.
        self._inherited = vars(self).get("_made")
        self._made: dict[int, tuple[_Made]] = {}


_all: "weakref.WeakSet[PerProcess[Any]]" = weakref.WeakSet()


def _close(made: object) -> None:
    close = getattr(made, "close", None)
    if callable(close):
        close()


def _forget_all() -> None:
    """In a child: its number may once have been an ancestor's."""
    for each in list(_all):
        each._forget()


@atexit.register
def _close_all() -> None:
    for each in list(_all):
        each.close()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_all)
