"""Faults. A wrong code, a refusal and an expiry are values, never exceptions."""

import ctypes
import threading

from . import _bindings as c
from ._lib import lib


class OtpError(Exception):
    """No answer is known; nothing was accepted and no code was handed out."""

    def __init__(self, message: str, status: int = 0) -> None:
        super().__init__(message)
        self.status = status


class StoreError(OtpError):
    """The store failed. ``unknown`` tells that a commit or purge may have been applied: ask again."""

    @property
    def unknown(self) -> bool:
        """Whether the commit or purge may have been applied."""
        return self.status == c.OTP_STATUS_STORE_UNKNOWN


class UnavailableError(StoreError):
    """A host store raises it where nothing was changed, for sure: it could not be asked."""

    def __init__(self, message: str) -> None:
        super().__init__(message, c.OTP_STATUS_STORE_UNAVAILABLE)


class FullError(StoreError):
    """A host store raises it from ``commit`` where there is no room; nothing was changed."""

    def __init__(self, message: str) -> None:
        super().__init__(message, c.OTP_STATUS_STORE_FULL)


class UnsupportedError(StoreError):
    """A host store raises it where it cannot do what is asked; nothing was changed."""

    def __init__(self, message: str) -> None:
        super().__init__(message, c.OTP_STATUS_STORE_UNSUPPORTED)


class KeyRingError(OtpError):
    """A secret or key is missing, short, repeated or not in use."""


class ClockError(OtpError):
    """The clock gave no time, or one more than 30 s before a code was issued."""


class RandomnessError(OtpError):
    """The source of randomness failed; there is no fallback."""


class TamperedError(OtpError):
    """A stored cell was changed by somebody else than the engine."""


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
    c.OTP_STATUS_STORE_UNAVAILABLE: StoreError,
    c.OTP_STATUS_STORE_FULL: StoreError,
    c.OTP_STATUS_STORE_UNKNOWN: StoreError,
    c.OTP_STATUS_STORE_UNSUPPORTED: StoreError,
    c.OTP_STATUS_TAMPERED: TamperedError,
    c.OTP_STATUS_CONTENDED: ContendedError,
    c.OTP_STATUS_FOREIGN_STORE: ForeignStoreError,
    c.OTP_STATUS_NO_CANARY: NoCanaryError,
    c.OTP_STATUS_CLOCK: ClockError,
    c.OTP_STATUS_RANDOMNESS: RandomnessError,
    c.OTP_STATUS_FORKED: ForkedError,
    c.OTP_STATUS_REENTERED: ReenteredError,
    c.OTP_STATUS_PANICKED: PanicError,
}
_MISUSE = (c.OTP_STATUS_ARGUMENT, c.OTP_STATUS_UTF8, c.OTP_STATUS_POLICY)


class _Pending(threading.local):
    """What a callback raised on this thread, until the call that ran it returns."""

    error: BaseException | None = None


pending = _Pending()


def check(status: int) -> None:
    """Raise the fault that a status stands for, with what a callback raised as its cause."""
    cause, pending.error = pending.error, None
    if status == c.OTP_STATUS_OK:
        return
    raise fault(status) from cause


def fault(status: int, detail: str | None = None) -> Exception:
    """Return the exception of a status."""
    text = _detail() if detail is None else detail
    if not text:
        known = lib.otp_status_text(status)
        text = known.decode() if known else "unknown status"
    if status in _MISUSE:
        return ValueError(text)
    return _FAULTS.get(status, OtpError)(text, status)


def _detail() -> str:
    needed = ctypes.c_size_t()
    buffer = ctypes.create_string_buffer(1024)
    if lib.otp_error_detail(buffer, len(buffer), ctypes.byref(needed)) != c.OTP_STATUS_OK:
        buffer = ctypes.create_string_buffer(needed.value)
        lib.otp_error_detail(buffer, len(buffer), ctypes.byref(needed))
    return buffer.value.decode("utf-8", "replace")
