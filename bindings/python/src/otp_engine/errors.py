"""Faults. A wrong code, a refusal and an expiry are values, never exceptions."""

import ctypes
import functools
import os
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import ParamSpec, TypeVar

from . import _bindings as c
from . import _calls
from ._lib import lib


class OtpError(Exception):
    """No answer is known; nothing was accepted and no code was handed out."""

    def __init__(self, message: str, status: int = 0) -> None:
        super().__init__(message)
        self.status = status

    @property
    def unknown(self) -> bool:
        """Whether a commit or purge may have been applied all the same: ask again."""
        return self.status == c.OTP_STATUS_STORE_UNKNOWN


class StoreError(OtpError):
    """The store failed; a commit or purge that is ``unknown`` may have been applied: ask again."""


class UnavailableError(StoreError):
    """The store could not be asked; nothing was changed, for sure. A host store may raise it."""

    def __init__(self, message: str, status: int = c.OTP_STATUS_STORE_UNAVAILABLE) -> None:
        super().__init__(message, status)


class FullError(StoreError):
    """The store has no room; nothing was changed. A host store may raise it from ``commit``."""

    def __init__(self, message: str, status: int = c.OTP_STATUS_STORE_FULL) -> None:
        super().__init__(message, status)


class UnsupportedError(StoreError):
    """The store cannot do what is asked, such as keep cells for ever; nothing was changed.

    Signature records, HOTP and OCRA need a store that is permanent. A host store may raise it.
    """

    def __init__(self, message: str, status: int = c.OTP_STATUS_STORE_UNSUPPORTED) -> None:
        super().__init__(message, status)


class KeyRingError(OtpError):
    """A secret or key is missing, short, repeated or not in use."""


class ClockError(OtpError):
    """The clock gave no time, or one more than 30 s before a code was issued."""


class ClockAheadError(ClockError):
    """The clock is over a day ahead of the newest time that the store has; nothing was dropped.

    Set the clock right, or confirm it by ``engine.purge(store, confirmed=True)``.
    """


class RandomnessError(OtpError):
    """The source of randomness failed; there is no fallback."""


class TamperedError(OtpError):
    """A stored cell was modified outside the engine."""


class ForeignStoreError(OtpError):
    """Another key ring began the store: with these keys every cell in it is unknown.

    Start with the keys of this store. Only to give up all that it holds, ``begin_store``.
    """


class NoCanaryError(OtpError):
    """The store has no canary and may hold cells of other keys.

    If they were written with these keys before there were canaries, ``adopt_store``; if the store
    is new, or all that it holds may be given up, ``begin_store``.
    """


class ContendedError(OtpError):
    """Other callers kept changing the same cells first."""


class ForkedError(OtpError):
    """The engine or store was made before a fork; make another in this process."""


class ReenteredError(OtpError):
    """A callback called back into the library."""


class PanicError(OtpError):
    """A defect of the library."""


_FAULTS: dict[int, type[OtpError]] = {
    c.OTP_STATUS_KEY: KeyRingError,
    c.OTP_STATUS_STORE_UNAVAILABLE: UnavailableError,
    c.OTP_STATUS_STORE_FULL: FullError,
    c.OTP_STATUS_STORE_UNKNOWN: StoreError,
    c.OTP_STATUS_STORE_UNSUPPORTED: UnsupportedError,
    c.OTP_STATUS_TAMPERED: TamperedError,
    c.OTP_STATUS_CONTENDED: ContendedError,
    c.OTP_STATUS_FOREIGN_STORE: ForeignStoreError,
    c.OTP_STATUS_NO_CANARY: NoCanaryError,
    c.OTP_STATUS_CLOCK: ClockError,
    c.OTP_STATUS_CLOCK_AHEAD: ClockAheadError,
    c.OTP_STATUS_RANDOMNESS: RandomnessError,
    c.OTP_STATUS_FORKED: ForkedError,
    c.OTP_STATUS_REENTERED: ReenteredError,
    c.OTP_STATUS_PANICKED: PanicError,
}
_MISUSE = (c.OTP_STATUS_ARGUMENT, c.OTP_STATUS_UTF8, c.OTP_STATUS_POLICY)


def check(status: int) -> None:
    """Raise what a callback raised, or the fault that a status stands for.

    What a host says by an error of this package, and whatever is no Exception (an interrupt, the
    end of the program, of a greenlet, of its time), is raised as it is. Any other exception is the
    cause of the fault: it does not say whether something was changed, the fault does.
    """
    raised = _calls.take()
    if raised is not None and not isinstance(raised, Exception):
        raise raised
    if status == c.OTP_STATUS_OK:
        return
    if isinstance(raised, OtpError):
        raised.status = raised.status or status
        raise raised
    raise fault(status) from raised


_Arguments = ParamSpec("_Arguments")
_Result = TypeVar("_Result")
_HERE = str(Path(__file__).parent) + os.sep


def unshown(call: Callable[_Arguments, _Result]) -> Callable[_Arguments, _Result]:
    """Leave this package's frames out of what a call raises.

    Their variables are codes, numbers and secrets, and a report of an error shows variables. The
    frames of a host's callbacks stay.
    """

    @functools.wraps(call)
    def called(*given: _Arguments.args, **named: _Arguments.kwargs) -> _Result:
        try:
            return call(*given, **named)
        except BaseException as error:
            del given, named
            raise error.with_traceback(behind_ours(error.__traceback__))  # noqa: B904

    return called


def behind_ours(trace: TracebackType | None) -> TracebackType | None:
    """Return what of a traceback lies behind this package's frames."""
    while trace is not None and trace.tb_frame.f_code.co_filename.startswith(_HERE):
        trace = trace.tb_next
    return trace


def refuse_reentry() -> None:
    """Refuse a call from inside a callback, as the library does where there are no greenlets."""
    if _calls.is_inside():
        raise ReenteredError("a callback called back into the library", c.OTP_STATUS_REENTERED)


def fault(status: int, detail: str | None = None) -> Exception:
    """Return the exception of a status."""
    text = _text(lib.otp_error_detail) if detail is None else detail
    if not text:
        known = lib.otp_status_text(status)
        text = known.decode() if known else "unknown status"
    if status in _MISUSE:
        return ValueError(text)
    return _FAULTS.get(status, OtpError)(text, status)


def item_fault(status: int, item: int) -> Exception:
    """Return the exception of an item of the batch that was called last."""
    return fault(status, _text(functools.partial(lib.otp_item_detail, item)))


def _text(call: Callable[..., int]) -> str:
    needed = ctypes.c_size_t()
    buffer = ctypes.create_string_buffer(1024)
    if call(buffer, len(buffer), ctypes.byref(needed)) != c.OTP_STATUS_OK:
        buffer = ctypes.create_string_buffer(needed.value)
        call(buffer, len(buffer), ctypes.byref(needed))
    return buffer.value.decode("utf-8", "replace")
