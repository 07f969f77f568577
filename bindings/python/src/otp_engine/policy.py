"""Policies and rate limits: what is allowed, in counts and seconds."""

import ctypes
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, get_args

from . import _bindings as c
from ._checks import flag, several, whole
from ._lib import lib, sized
from .errors import check

EvidenceKind = Literal["signer_name", "document", "image", "consent"]
Resend = Literal["same", "rotate"]

_EVIDENCE: dict[EvidenceKind, int] = {
    "signer_name": c.OTP_REQUIRE_SIGNER_NAME,
    "document": c.OTP_REQUIRE_DOCUMENT,
    "image": c.OTP_REQUIRE_IMAGE,
    "consent": c.OTP_REQUIRE_CONSENT,
}
_RESEND: dict[Resend, int] = {"same": c.OTP_RESEND_SAME, "rotate": c.OTP_RESEND_ROTATE}


@dataclass(frozen=True, slots=True, kw_only=True, init=False)
class Policy:
    """The limits of one kind of code; every setting by keyword, in counts and seconds.

    digits 6-10 (default 6), or letters 4-26, or token=True (128 bits, for links); validity 60-600
    (a token to 604800, default 180); max_attempts 1-10 (5); lockout 600-86400 (900);
    cooldown 15-600 (60); resend "same" or "rotate"; max_sends 1-10 (3); content_required;
    evidence: which of signer_name, document, image, consent must be given with a code.
    Out of bounds is a ValueError that names the argument.

    >>> Policy(digits=8) == Policy(digits=8), Policy(letters=8).digits
    (True, None)
    """

    digits: int | None
    letters: int | None
    token: bool
    validity: int
    max_attempts: int
    lockout: int
    cooldown: int
    resend: Resend
    max_sends: int
    content_required: bool
    evidence: frozenset[EvidenceKind]

    def __init__(
        self,
        *,
        digits: int | None = None,
        letters: int | None = None,
        token: bool = False,
        validity: int = 180,
        max_attempts: int = 5,
        lockout: int = 900,
        cooldown: int = 60,
        resend: Resend = "same",
        max_sends: int = 3,
        content_required: bool = False,
        evidence: Iterable[EvidenceKind] = (),
    ) -> None:
        if (digits is not None) + (letters is not None) + flag(token, "token") > 1:
            raise ValueError("give one of digits, letters and token")
        if resend not in get_args(Resend):
            raise ValueError(f"resend is {resend!r}; it must be 'same' or 'rotate'")
        kinds = several(evidence, "evidence")
        if unknown := [kind for kind in kinds if kind not in get_args(EvidenceKind)]:
            raise ValueError(f"evidence names {unknown}; it may name {sorted(_EVIDENCE)}")
        if letters is None and not token:
            digits = 6 if digits is None else digits
        _set(
            self, digits=digits, letters=letters, token=token, validity=validity,
            max_attempts=max_attempts, lockout=lockout, cooldown=cooldown, resend=resend,
            max_sends=max_sends, content_required=content_required, evidence=frozenset(kinds),
        )  # fmt: skip
        check(lib.otp_policy_check(ctypes.byref(self._packed())))

    def _packed(self) -> c.otp_policy:
        code, name, symbols = c.OTP_CODE_DIGITS, "digits", self.digits
        if self.letters is not None:
            code, name, symbols = c.OTP_CODE_LETTERS, "letters", self.letters
        if self.token:
            code = c.OTP_CODE_TOKEN
        return sized(
            c.otp_policy,
            code=code,
            symbols=26 if self.token else whole(symbols, name, *_SYMBOLS[name]),
            validity=whole(self.validity, "validity", 60, 604_800 if self.token else 600, " s"),
            lockout=whole(self.lockout, "lockout", 600, 86_400, " s"),
            cooldown=whole(self.cooldown, "cooldown", 15, 600, " s"),
            max_attempts=whole(self.max_attempts, "max_attempts", 1, 10),
            max_sends=whole(self.max_sends, "max_sends", 1, 10),
            resend=_RESEND[self.resend],
            content_required=flag(self.content_required, "content_required"),
            evidence=sum(_EVIDENCE[kind] for kind in self.evidence),
        )


_SYMBOLS = {"digits": (6, 10), "letters": (4, 26)}
_RATE_LIMITS = {
    "user_failures_per_day": (1, 32),
    "consecutive_failures": (10, 100),
    "recipient_failures_per_day": (1, 32),
    "user_sends_per_hour": (1, 32),
    "recipient_sends_per_ten_minutes": (1, 32),
    "recipient_sends_per_day": (1, 32),
    "device_failures_per_day": (1, 32),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class RateLimits:
    """The limits of users and recipients; every setting by keyword.

    user_failures_per_day 1-32 (15); consecutive_failures 10-100 (100); recipient_failures_per_day
    1-32 (15); user_sends_per_hour 1-32 (10); recipient_sends_per_ten_minutes 1-32 (5);
    recipient_sends_per_day 1-32 (20). unlimited=True limits neither users nor recipients, at your
    own risk. Then too: device_failures_per_day 1-32 (30) at one device; device_hard_stop=True
    stops a device after consecutive_failures in a row, else they lock it for a time.

    lock_ends_after: seconds after the last wrong guess, 86400 to 34560000, at which the lock of
    wrong guesses in a row ends by itself; None, the default, is never: then only an unlock helps. A
    store that expires (Redis) cannot keep that, and an engine issues nothing there without an end.
    """

    unlimited: bool = False
    user_failures_per_day: int = 15
    consecutive_failures: int = 100
    recipient_failures_per_day: int = 15
    user_sends_per_hour: int = 10
    recipient_sends_per_ten_minutes: int = 5
    recipient_sends_per_day: int = 20
    device_failures_per_day: int = 30
    device_hard_stop: bool = False
    lock_ends_after: int | None = None

    def __post_init__(self) -> None:
        self._packed()

    def _packed(self) -> c.otp_rate_limits:
        return sized(
            c.otp_rate_limits,
            unlimited=flag(self.unlimited, "unlimited"),
            device_hard_stop=flag(self.device_hard_stop, "device_hard_stop"),
            lock_ends_after=0
            if self.lock_ends_after is None
            else whole(self.lock_ends_after, "lock_ends_after", 86_400, 400 * 86_400, " s"),
            **{
                name: whole(getattr(self, name), name, least, most)
                for name, (least, most) in _RATE_LIMITS.items()
            },
        )


def _set(value: object, **members: object) -> None:
    """Give a value its members, which nobody changes after."""
    for name, member in members.items():
        object.__setattr__(value, name, member)
