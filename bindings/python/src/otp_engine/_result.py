"""Results: what comes out of a call.

Results cannot be changed, and no serialiser walks into them: they are no sequences, no dataclasses,
and have no ``__dict__``. What a result holds lies in one tuple behind its properties: making it so
costs a fraction of what a frozen dataclass does. Texts are decoded at once, as their memory is
wiped; times when they are asked for.
"""

import ctypes
from collections.abc import Callable
from datetime import datetime, timezone
from typing import Any, ClassVar

from ._checks import never_set_up
from ._lib import take_bytes
from .errors import check

_from_timestamp, _UTC = datetime.fromtimestamp, timezone.utc
_FIRST, _LAST = (end.replace(tzinfo=_UTC) for end in (datetime.min, datetime.max))


def moment(seconds: int) -> datetime:
    """Return unix seconds as an aware UTC datetime.

    Whatever a clock said was committed, and an answer about it is never an error: before the year 1
    it is the first instant that a datetime can hold, after the year 9999 the last.
    """
    try:
        return _from_timestamp(seconds, _UTC)
    except (ValueError, OverflowError, OSError):
        return _FIRST if seconds < 0 else _LAST


def moment_or_none(seconds: int | None) -> datetime | None:
    return None if seconds is None else moment(seconds)


def text_of(call: Callable[..., int], *arguments: object) -> str:
    """Return the text that the library writes about arguments."""
    out = ctypes.c_void_p()
    check(call(*arguments, ctypes.byref(out)))
    return take_bytes(out.value).decode()


def told(at: int, doc: str, read: Callable[[Any], Any] | None = None) -> Any:
    """Return the property that tells what lies at a place of a result, as ``read`` reads it."""

    def tell(result: "Result") -> Any:
        try:
            return result._said[at]
        except AttributeError:
            raise never_set_up(result) from None

    def tell_read(result: "Result") -> Any:
        return read(tell(result))  # type: ignore[misc]

    return property(tell if read is None else tell_read, doc=doc)


class Result:
    """What a call said; equal to another of its kind that says the same."""

    __slots__ = ("_said",)
    _shown: ClassVar[tuple[str, ...]]
    """What the repr shows, by name."""

    def __init__(self, said: tuple[Any, ...]) -> None:
        self._said = said

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        return self._said == other._said  # type: ignore[attr-defined, no-any-return]

    def __hash__(self) -> int:
        return hash((type(self), self._said))

    def __repr__(self) -> str:
        shown = ", ".join(f"{name}={getattr(self, name)!r}" for name in self._shown)
        return f"{type(self).__name__}({shown})"
