"""What is known of limits: the chance of guessing, and where they deviate from standards."""

import ctypes
from dataclasses import dataclass
from typing import Literal

from ._handle import out_pointer
from ._lib import lib, take_bytes
from .errors import check


@dataclass(frozen=True, slots=True)
class Odds:
    """The chance of guessing, at most; each between 0 and 1."""

    per_code: float
    per_day: float
    per_year: float


@dataclass(frozen=True, slots=True)
class Finding:
    """Where policy and rate limits deviate from a standard."""

    standard: str
    clause: str
    text: str


def recipient_findings(kind: Literal["mobile", "email"]) -> list[Finding]:
    """Tell where codes by SMS or e-mail deviate from ASVS 5.0 and NIST, whatever the limits."""
    if kind not in ("mobile", "email"):
        raise ValueError(f"kind must be mobile or email, not {kind!r}")
    out = out_pointer()
    check(lib.otp_recipient_findings(1 if kind == "mobile" else 2, ctypes.byref(out)))
    return read_findings(take_bytes(out.value))


def read_findings(lines: bytes) -> list[Finding]:
    """Read findings, one a line."""
    return [Finding(*line.split("\t", 2)) for line in lines.decode().splitlines()]
