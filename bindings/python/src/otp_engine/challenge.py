"""What comes of an issue and of a verify: codes to send, refusals, verdicts."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from . import _bindings as c
from ._handle import Uncopied
from ._lib import take_bytes
from ._result import Result, moment, moment_or_none, told
from .binding import Binding
from .evidence import Evidence
from .records import SignatureRecord

RefusalReason = Literal["cooldown", "send_limit", "exhausted", "locked"]
ClaimRefusalReason = Literal[
    "exhausted", "locked", "claimed", "reported", "expired", "already_used", "superseded",
    "cancelled", "mismatch", "unknown",
]  # fmt: skip
Rejection = Literal[
    "wrong", "expired", "exhausted", "already_used", "superseded", "cancelled", "mismatch",
    "unknown", "malformed", "locked", "evidence", "other", "resynchronise",
]  # fmt: skip
PublicRejection = Literal["invalid", "malformed", "evidence"]
ChallengeState = Literal["pending", "verified", "expired", "exhausted", "cancelled"]
DeliveryStatus = Literal["unreported", "claimed", "sent", "failed"]

REFUSAL_REASONS: dict[int, RefusalReason] = {
    1: "cooldown",
    2: "send_limit",
    3: "exhausted",
    4: "locked",
}
_CLAIM_REFUSALS: dict[int, ClaimRefusalReason] = {
    3: "exhausted", 4: "locked", 5: "claimed", 6: "reported", 7: "expired", 8: "already_used",
    9: "superseded", 10: "cancelled", 11: "mismatch",
}  # fmt: skip
REJECTIONS: dict[int, Rejection] = {
    1: "wrong", 2: "expired", 3: "exhausted", 4: "already_used", 5: "superseded", 6: "cancelled",
    7: "mismatch", 8: "unknown", 9: "malformed", 10: "locked", 11: "evidence", 12: "other",
    13: "resynchronise",
}  # fmt: skip
PUBLIC_REJECTIONS: dict[int, PublicRejection] = {1: "invalid", 2: "malformed", 3: "evidence"}
EvidenceProblem = Literal["missing", "too_large", "unfit"]
EvidencePart = Literal[
    "signer_name", "document", "image", "consent", "user_name", "revision", "ip", "agent", "other",
]  # fmt: skip
_PROBLEMS: dict[int, EvidenceProblem] = {1: "missing", 2: "too_large", 3: "unfit"}
_PARTS: dict[int, EvidencePart] = {
    1: "signer_name", 2: "document", 3: "image", 4: "consent", 5: "user_name", 6: "revision",
    7: "ip", 8: "agent",
}  # fmt: skip
_STATES: dict[int, ChallengeState] = {
    1: "pending", 2: "verified", 3: "expired", 4: "exhausted", 5: "cancelled",
}  # fmt: skip
_DELIVERIES: dict[int, DeliveryStatus] = {
    0: "unreported", 1: "sent", 2: "failed", 3: "claimed",
}  # fmt: skip


class Issued(Result, Uncopied):
    """A code to send, handed out this once; its repr hides code and recipient."""

    __slots__ = ()
    _shown = ("challenge_id", "issued_at", "expires_at", "send")
    _instead = "pass its code and recipient to what sends the message, and keep its challenge_id"

    challenge_id: str = told(0, "The challenge's 26 characters.")
    code: str = told(1, "The code: write it into the message, and nowhere else.")
    issued_at: datetime = told(
        2, "When the code was made; of a code that is sent again, the first time.", moment
    )
    expires_at: datetime = told(3, "From when on the code is no longer accepted.", moment)
    recipient: str = told(4, "Digits with country code and without plus, or the address.")
    send: int = told(5, "Which send of this code it is, from 1 on.")
    valid_for: int = told(
        6, "How many seconds the code is still accepted; less for a code that is sent again."
    )
    minutes: int = told(
        7, "The minutes that a message may name: what is left, rounded down, and 1 at least."
    )

    def __bool__(self) -> Literal[True]:
        return True


class Refusal(Result):
    """No code is sent now; it is false."""

    __slots__ = ()
    _shown = ("reason", "retry_at", "challenge_id")

    reason: RefusalReason = told(0, "Why no code is sent.")
    retry_at: datetime | None = told(
        1, "When the same call will be admitted; None where only an unlock helps.", moment_or_none
    )
    challenge_id: str | None = told(2, "The live challenge, if it is one for exactly this binding.")

    def __bool__(self) -> Literal[False]:
        return False


class ClaimRefusal(Result):
    """A send that cannot be claimed; it is false. Drop the message: only a lock passes.

    "claimed" before, by somebody who has the code or died with it; "reported" before; "superseded"
    by a newer challenge or a later send of the same code; "unknown" where nothing was issued for
    this, a raised epoch voided it, or there was no such send. The others are those for which
    ``verify`` would reject the code now.
    """

    __slots__ = ()
    _shown = ("reason", "retry_at")

    reason: ClaimRefusalReason = told(0, "Why the code is not handed out.")
    retry_at: datetime | None = told(
        1,
        "When a lock or an exhausted slot opens; None where only an unlock helps.",
        moment_or_none,
    )

    def __bool__(self) -> Literal[False]:
        return False


@dataclass(frozen=True, slots=True)
class EvidenceFault:
    """What is wrong with evidence."""

    kind: EvidencePart
    """Which part of it; "other" is one that this version does not know."""
    problem: EvidenceProblem
    """It is "missing", "too_large", or "unfit": it is not what it must be."""


class Verdict(Result):
    """Whether a code was accepted; true only if it was."""

    __slots__ = ()
    _shown = (
        "accepted",
        "rejection",
        "public",
        "attempts_left",
        "retry_at",
        "verified_at",
        "challenge_id",
        "record",
        "evidence_fault",
    )

    accepted: bool = told(0, "Whether this was the right code, for the first and only time.")
    rejection: Rejection | None = told(
        1, "Why the code was not accepted, for the trusted caller; None if it was."
    )
    public: PublicRejection | None = told(
        2, "What an untrusted caller may be told; None if the code was accepted."
    )
    attempts_left: int | None = told(3, "Guesses left after a wrong one, else None.")
    retry_at: datetime | None = told(
        4,
        "When a lock or an exhausted slot opens; None where only an unlock helps.",
        moment_or_none,
    )
    verified_at: datetime | None = told(5, "When the code was accepted.", moment_or_none)
    challenge_id: str | None = told(6, "The accepted challenge.")
    record: SignatureRecord | None = told(7, "The signature record, where the engine signs.")
    evidence_fault: EvidenceFault | None = told(8, "What evidence is missing or does not fit.")

    def __bool__(self) -> bool:
        return self.accepted


class Failure(Result):
    """What stands in a batch where one item failed: no answer of it is known. It is false."""

    __slots__ = ()
    _shown = ("error",)

    error: Exception = told(0, "What the call for this item alone would have raised.")

    def __bool__(self) -> Literal[False]:
        return False


Reported = Literal["recorded", "refunded", "ignored"]
_REPORTED: dict[int, Reported] = {
    c.OTP_REPORT_OUTCOME_RECORDED: "recorded",
    c.OTP_REPORT_OUTCOME_REFUNDED: "refunded",
}


class ReportOutcome(Result):
    """What became of a report of delivery; false if it changed nothing.

    "recorded"; "refunded" where the send no longer counts; "ignored" where it was late, a second
    one, or of no send of this binding.
    """

    __slots__ = ()
    _shown = ("outcome",)

    outcome: Reported = told(0, "What became of it, in the words above.")

    def __bool__(self) -> bool:
        return self.outcome != "ignored"


class Submission(Result, Uncopied):
    """A code that a person entered, as ``Engine.verify_many`` takes it; its repr hides it."""

    __slots__ = ()
    _shown = ("binding", "challenge_id")
    _instead = "make another one where it is verified"

    def __init__(
        self,
        binding: Binding,
        code: str,
        challenge_id: str | None = None,
        evidence: Evidence | None = None,
    ) -> None:
        super().__init__((binding, code, challenge_id, evidence))

    binding: Binding = told(0, "What the code must be good for.")
    code: str = told(1, "The code.")
    challenge_id: str | None = told(2, "The challenge that it answers, as the client sent it.")
    evidence: Evidence | None = told(3, "Evidence for the signature record.")


@dataclass(frozen=True, slots=True)
class Status:
    """How a challenge stands; instants are aware datetimes in UTC."""

    challenge_id: str
    """The challenge's 26 characters."""
    state: ChallengeState
    """Where it stands; a pending one whose time is over is "expired"."""
    delivery: DeliveryStatus
    """What is known of the latest send."""
    gateway_status: str
    """The gateway's own status of a failed send, as far as it was kept; else empty."""
    attempts_left: int
    """Guesses left, by the stricter of the limits then and now."""
    sends: int
    """How often the code was handed out."""
    issued_at: datetime
    """When the code was made."""
    expires_at: datetime
    """From when on the code is no longer accepted."""
    next_send_at: datetime
    """When the cooldown ends."""
    locked: bool
    """Whether the user is locked."""
    locked_until: datetime | None
    """Until when; None if the user is not locked, or only an unlock helps."""


def read_issued(out: c.otp_issued) -> Issued | Refusal:
    """Read what an issue decided."""
    if out.outcome == c.OTP_OUTCOME_ISSUED:
        return _code(out)
    reason, named = REFUSAL_REASONS[out.refusal_reason], out.challenge_id.decode() or None
    return Refusal((reason, out.retry_at if out.has_retry_at else None, named))


def read_claim(out: c.otp_issued) -> Issued | ClaimRefusal:
    """Read what came of a claim."""
    if out.outcome == c.OTP_OUTCOME_ISSUED:
        return _code(out)
    reason = _CLAIM_REFUSALS.get(out.refusal_reason, "unknown")
    return ClaimRefusal((reason, out.retry_at if out.has_retry_at else None))


def _code(out: c.otp_issued) -> Issued:
    return Issued((
        out.challenge_id.decode(), out.code.decode(), out.issued_at, out.expires_at,
        out.recipient.decode(), out.send, out.valid_for, out.minutes,
    ))  # fmt: skip


def read_verdict(out: c.otp_verdict) -> Verdict:
    """Read what a verify decided, and take its record over."""
    if out.outcome == c.OTP_OUTCOME_ACCEPTED:
        named, kept = out.challenge_id.decode(), taken_record(out)
        return Verdict((True, None, None, None, None, out.verified_at, named, kept, None))
    said: Rejection = REJECTIONS.get(out.rejection, "other")
    return Verdict((
        False, said, PUBLIC_REJECTIONS.get(out.public_rejection, "invalid"),
        out.attempts_left if said == "wrong" else None,
        out.retry_at if out.has_retry_at else None, None, None, None, read_fault(out),
    ))  # fmt: skip


def read_fault(out: "c.otp_verdict | c.otp_oath_verdict") -> EvidenceFault | None:
    """Read what is wrong with the evidence of a rejection, if that is why."""
    if not out.evidence_fault:
        return None
    part = _PARTS.get(out.evidence_kind, "other")
    return EvidenceFault(part, _PROBLEMS.get(out.evidence_fault, "unfit"))


def taken_record(out: "c.otp_verdict | c.otp_oath_verdict") -> SignatureRecord | None:
    """Take the record of an acceptance over, if there is one."""
    record = out.record
    if not record:
        return None
    jws, *disclosures = take_bytes(record).decode().rstrip("~").split("~")
    return SignatureRecord((jws, tuple(disclosures), out.record_id.decode(), out.record_sequence))


def read_report(outcome: int) -> ReportOutcome:
    """Read what became of a report."""
    return ReportOutcome((_REPORTED.get(outcome, "ignored"),))


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
