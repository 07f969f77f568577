"""What comes out of an engine: codes to send, refusals, verdicts, records.

Answers cannot be changed, and no serialiser walks into them: they are no sequences, no dataclasses,
and have no ``__dict__``. What an answer holds lies in one tuple behind its properties: making it so
costs a fraction of what a frozen dataclass does. Texts are decoded at once, as their memory is
wiped; times when they are asked for.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any, Generic, Literal, TypeVar

from . import _bindings as c
from ._handle import Uncopied
from ._lib import take_bytes

Reason = Literal["cooldown", "send_limit", "exhausted", "locked"]
Rejection = Literal[
    "wrong", "expired", "exhausted", "already_used", "superseded", "cancelled", "mismatch",
    "unknown", "malformed", "locked", "evidence", "other", "resynchronise",
]  # fmt: skip
PublicRejection = Literal["invalid", "malformed", "evidence"]
State = Literal["pending", "verified", "expired", "exhausted", "cancelled"]
Delivery = Literal["unreported", "sent", "failed"]

_REASONS: dict[int, Reason] = {1: "cooldown", 2: "send_limit", 3: "exhausted", 4: "locked"}
REJECTIONS: dict[int, Rejection] = {
    1: "wrong", 2: "expired", 3: "exhausted", 4: "already_used", 5: "superseded", 6: "cancelled",
    7: "mismatch", 8: "unknown", 9: "malformed", 10: "locked", 11: "evidence", 12: "other",
    13: "resynchronise",
}  # fmt: skip
_PUBLIC: dict[int, PublicRejection] = {1: "invalid", 2: "malformed", 3: "evidence"}
_FAULTS = {1: "missing", 2: "too_large", 3: "unfit"}
_PIECES = {
    1: "signer_name", 2: "document", 3: "image", 4: "consent", 5: "user_name", 6: "revision",
    7: "ip", 8: "agent",
}  # fmt: skip
_STATES: dict[int, State] = {
    1: "pending", 2: "verified", 3: "expired", 4: "exhausted", 5: "cancelled",
}  # fmt: skip
_DELIVERIES: dict[int, Delivery] = {0: "unreported", 1: "sent", 2: "failed"}

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


def _moment_or_none(seconds: int | None) -> datetime | None:
    return None if seconds is None else moment(seconds)


_Said = TypeVar("_Said", bound=tuple[Any, ...])


class Answer(Generic[_Said]):
    """What a call said; equal to another of its kind that says the same."""

    __slots__ = ("_said",)

    def __init__(self, said: _Said) -> None:
        self._said = said

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        return self._said == other._said  # type: ignore[attr-defined, no-any-return]

    def __hash__(self) -> int:
        return hash((type(self), self._said))


class Issued(Answer[tuple[str, str, int, int, str, int, int, int]], Uncopied):
    """A code to send, handed out this once; its repr hides code and recipient."""

    __slots__ = ()
    _instead = "pass its code and recipient to what sends the message, and keep its challenge_id"

    @property
    def challenge_id(self) -> str:
        """The challenge's 26 characters."""
        return self._said[0]

    @property
    def code(self) -> str:
        """The code: write it into the message, and nowhere else."""
        return self._said[1]

    @property
    def issued_at(self) -> datetime:
        """When the code was made; of a code that is sent again, the first time."""
        return moment(self._said[2])

    @property
    def expires_at(self) -> datetime:
        """From when on the code is no longer accepted."""
        return moment(self._said[3])

    @property
    def recipient(self) -> str:
        """Digits with country code and without plus, or the address."""
        return self._said[4]

    @property
    def send(self) -> int:
        """Which send of this code it is, from 1 on."""
        return self._said[5]

    @property
    def valid_for(self) -> int:
        """How many seconds the code is still accepted; less for a code that is sent again."""
        return self._said[6]

    @property
    def minutes(self) -> int:
        """The minutes that a message may name: what is left, rounded down, and 1 at least."""
        return self._said[7]

    def __bool__(self) -> Literal[True]:
        return True

    def __repr__(self) -> str:
        return (
            f"Issued(challenge_id={self.challenge_id!r}, issued_at={self.issued_at!r}, "
            f"expires_at={self.expires_at!r}, send={self.send})"
        )


class Refusal(Answer[tuple[Reason, int | None, str | None]]):
    """No code is sent now; it is false."""

    __slots__ = ()

    @property
    def reason(self) -> Reason:
        """Why no code is sent."""
        return self._said[0]

    @property
    def retry_at(self) -> datetime | None:
        """When the same call will be admitted; None where only an unlock helps."""
        return _moment_or_none(self._said[1])

    @property
    def challenge_id(self) -> str | None:
        """The live challenge, if it is one for exactly this binding."""
        return self._said[2]

    def __bool__(self) -> Literal[False]:
        return False

    def __repr__(self) -> str:
        return (
            f"Refusal(reason={self.reason!r}, retry_at={self.retry_at!r}, "
            f"challenge_id={self.challenge_id!r})"
        )


class SignatureRecord(Answer[tuple[str, tuple[str, ...], str, int]]):
    """The evidence that a code was answered; its repr shows no personal detail."""

    __slots__ = ()

    @classmethod
    def _read(cls, line: str) -> "SignatureRecord":
        import base64
        import json

        jws, *disclosures = line.rstrip("~").split("~")
        body = jws.split(".")[1]
        payload = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
        return cls((jws, tuple(disclosures), payload["jti"], payload["n"]))

    @property
    def jws(self) -> str:
        """The record itself, signed."""
        return self._said[0]

    @property
    def disclosures(self) -> tuple[str, ...]:
        """The details that can be erased, as they are disclosed."""
        return self._said[1]

    @property
    def id(self) -> str:
        """Its 22 characters."""
        return self._said[2]

    @property
    def n(self) -> int:
        """Its place in its field, from 1."""
        return self._said[3]

    @property
    def sd_jwt(self) -> str:
        """The record as one text: JWS and disclosures with tildes behind them (RFC 9901)."""
        return "~".join((self.jws, *self.disclosures, ""))

    def __repr__(self) -> str:
        return f"SignatureRecord(id={self.id!r}, n={self.n})"


_Judged = tuple[
    bool, Rejection | None, PublicRejection | None, int | None, int | None, int | None, str | None,
    SignatureRecord | None, str | None,
]  # fmt: skip


class Verdict(Answer[_Judged]):
    """Whether a code was accepted; true only if it was."""

    __slots__ = ()

    @property
    def accepted(self) -> bool:
        """Whether this was the right code, for the first and only time."""
        return self._said[0]

    @property
    def rejection(self) -> Rejection | None:
        """Why the code was not accepted, for the trusted caller; None if it was."""
        return self._said[1]

    @property
    def public(self) -> PublicRejection | None:
        """What an untrusted caller may be told; None if the code was accepted."""
        return self._said[2]

    @property
    def attempts_left(self) -> int | None:
        """Guesses left after a wrong one, else None."""
        return self._said[3]

    @property
    def retry_at(self) -> datetime | None:
        """When a lock or an exhausted slot opens; None where only an unlock helps."""
        return _moment_or_none(self._said[4])

    @property
    def verified_at(self) -> datetime | None:
        """When the code was accepted."""
        return _moment_or_none(self._said[5])

    @property
    def challenge_id(self) -> str | None:
        """The accepted challenge."""
        return self._said[6]

    @property
    def record(self) -> SignatureRecord | None:
        """The signature record, where the engine signs."""
        return self._said[7]

    @property
    def evidence(self) -> str | None:
        """What is missing or does not fit, such as "image: missing"."""
        return self._said[8]

    def __bool__(self) -> bool:
        return self._said[0]

    def __repr__(self) -> str:
        names = (
            "accepted", "rejection", "public", "attempts_left", "retry_at", "verified_at",
            "challenge_id", "record", "evidence",
        )  # fmt: skip
        said = ", ".join(f"{name}={getattr(self, name)!r}" for name in names)
        return f"Verdict({said})"


class Failure(Answer[tuple[Exception]]):
    """What stands in a batch where one item failed: no answer of it is known. It is false."""

    __slots__ = ()

    @property
    def error(self) -> Exception:
        """What the call for this item alone would have raised."""
        return self._said[0]

    def __bool__(self) -> Literal[False]:
        return False

    def __repr__(self) -> str:
        return f"Failure({self.error!r})"


class StoreReport(Answer[tuple[bool, str]]):
    """What the suite of stores found; true only if the store passed.

    >>> report = StoreReport((False, "FAILED ..."))
    >>> passed, text = report
    >>> bool(report), passed
    (False, False)
    """

    __slots__ = ()

    @property
    def passed(self) -> bool:
        """Whether the store passed all checks."""
        return self._said[0]

    @property
    def text(self) -> str:
        """A line for each check."""
        return self._said[1]

    def __bool__(self) -> bool:
        return self._said[0]

    def __iter__(self) -> Iterator[Any]:
        """Take it apart, as ``passed, text``."""
        return iter(self._said)

    def __repr__(self) -> str:
        return f"StoreReport(passed={self.passed}, text={self.text!r})"


@dataclass(frozen=True, slots=True)
class Status:
    """How a challenge stands."""

    challenge_id: str
    state: State
    delivery: Delivery
    gateway_status: str
    attempts_left: int
    sends: int
    issued_at: datetime
    expires_at: datetime
    next_send_at: datetime
    locked: bool
    locked_until: datetime | None


def read_issued(out: c.otp_issued) -> Issued | Refusal:
    """Read what an issue decided."""
    if out.outcome == c.OTP_OUTCOME_ISSUED:
        return Issued((
            out.challenge_id.decode(), out.code.decode(), out.issued_at, out.expires_at,
            out.recipient.decode(), out.send, out.valid_for, out.minutes,
        ))  # fmt: skip
    retry_at = out.retry_at if out.has_retry_at else None
    return Refusal((_REASONS[out.reason], retry_at, out.challenge_id.decode() or None))


def read_verdict(out: c.otp_verdict) -> Verdict:
    """Read what a verify decided, and take its record over."""
    if out.outcome == c.OTP_OUTCOME_ACCEPTED:
        record = out.record
        kept = _taken(record, out) if record else None
        named = out.challenge_id.decode()
        return Verdict((True, None, None, None, None, out.verified_at, named, kept, None))
    said: Rejection = REJECTIONS.get(out.rejection, "other")
    evidence, fault = None, out.evidence_fault
    if fault:
        piece = _PIECES.get(out.evidence_kind, "evidence")
        evidence = f"{piece}: {_FAULTS.get(fault, 'unfit')}"
    return Verdict((
        False, said, _PUBLIC.get(out.public_rejection, "invalid"),
        out.attempts_left if said == "wrong" else None,
        out.retry_at if out.has_retry_at else None, None, None, None, evidence,
    ))  # fmt: skip


def _taken(record: int, out: c.otp_verdict) -> SignatureRecord:
    jws, *disclosures = take_bytes(record).decode().rstrip("~").split("~")
    return SignatureRecord((jws, tuple(disclosures), out.record_id.decode(), out.record_sequence))


def read_status(out: c.otp_challenge) -> Status | None:
    """Read how a challenge stands."""
    if out.state == c.OTP_CHALLENGE_STATE_NONE:
        return None
    return Status(
        out.challenge_id.decode(), _STATES[out.state], _DELIVERIES[out.delivery],
        out.gateway_status.decode(), out.attempts_left, out.sends, moment(out.issued_at),
        moment(out.expires_at), moment(out.next_send_at), out.lock != 0,
        moment(out.locked_until) if out.lock == 1 else None,
    )  # fmt: skip
