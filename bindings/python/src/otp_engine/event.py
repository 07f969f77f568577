"""Events: what an engine tells its observer."""

import ctypes
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from . import _bindings as c
from ._result import moment
from .binding import Target
from .challenge import REFUSAL_REASONS, REJECTIONS, RefusalReason, Rejection

EventKind = Literal[
    "other", "issued", "sent_again", "refused", "accepted", "rejected", "exhausted", "locked",
    "nearly_locked", "cancelled", "delivered", "delivery_failed", "unlocked",
    "slot_reset", "recipient_reset", "user_reset", "device_reset", "claimed",
]  # fmt: skip
_KINDS: dict[int, EventKind] = {
    0: "other", 1: "issued", 2: "sent_again", 3: "refused", 4: "accepted", 5: "rejected",
    6: "exhausted", 7: "locked", 8: "nearly_locked", 9: "cancelled", 10: "delivered",
    11: "delivery_failed", 12: "unlocked", 13: "slot_reset", 14: "recipient_reset",
    15: "user_reset", 16: "device_reset", 17: "claimed",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened, for the audit log; no code and no whole number is in it."""

    kind: EventKind
    #: Of a refusal: why no code is sent.
    refusal_reason: RefusalReason | None
    #: Of a rejection: why the code was not accepted.
    rejection: Rejection | None
    #: Attempts left after a wrong code, the number of a send, or of failures in a row.
    count: int
    mixed_scripts: bool
    refunded: bool
    at: datetime
    tenant: str
    #: Whom it concerns; empty for the reset of a recipient.
    user: str
    #: Empty for an unlock and the reset of a user or recipient, which have no target either.
    purpose: str
    target: Target | None
    #: Masked.
    recipient: str
    challenge_id: str | None
    #: The administrator's reason for a reset.
    reset_reason: str | None = None

    @classmethod
    def _read(cls, event: c.otp_event) -> "Event":
        def text(view: c.otp_view) -> str:
            return ctypes.string_at(view.data, view.len).decode() if view.len else ""

        target = event.target
        return cls(
            _KINDS.get(event.kind, "other"), REFUSAL_REASONS.get(event.refusal_reason),
            REJECTIONS.get(event.rejection), event.count, bool(event.mixed_scripts),
            bool(event.refunded), moment(event.at), text(event.tenant), text(event.user),
            text(event.purpose),
            Target(text(target.model), text(target.field), text(target.id))
            if target.model.len else None,
            text(event.recipient), event.challenge_id.decode() or None,
            text(event.reset_reason) or None,
        )  # fmt: skip
