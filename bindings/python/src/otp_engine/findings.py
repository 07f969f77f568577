"""What is known of limits: the chance of guessing, and where they deviate from standards."""

from dataclasses import dataclass
from typing import Literal

from . import _bindings as c
from ._lib import lib
from ._result import text_of


@dataclass(frozen=True, slots=True)
class Odds:
    """The chance of guessing, at most; each between 0 and 1."""

    per_code: float
    """Within one code's attempts."""
    per_day: float
    """In a day of guessing at one user."""
    per_year: float
    """In a year of it."""


@dataclass(frozen=True, slots=True)
class Finding:
    """Where policy and rate limits deviate from a standard."""

    standard: str
    """Such as "ASVS 5.0"."""
    clause: str
    """Its number in the standard."""
    text: str
    """What it asks for, and what is so instead."""


def recipient_findings(kind: Literal["mobile", "email"]) -> list[Finding]:
    """Tell where codes by SMS or e-mail deviate from ASVS 5.0 and NIST, whatever the limits."""
    if kind not in ("mobile", "email"):
        raise ValueError(f"kind must be mobile or email, not {kind!r}")
    number = c.OTP_RECIPIENT_MOBILE if kind == "mobile" else c.OTP_RECIPIENT_EMAIL
    return read_findings(text_of(lib.otp_recipient_findings, number))


def read_findings(lines: str) -> list[Finding]:
    """Read findings, one a line."""
    return [Finding(*line.split("\t", 2)) for line in lines.splitlines()]


def read_odds(out: c.otp_odds) -> Odds:
    """Read the chances of guessing."""
    return Odds(out.per_code, out.per_day, out.per_year)
