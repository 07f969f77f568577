"""What callbacks take and give: the cells and writes of a host's store, the events of an engine."""

import ctypes
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from . import _bindings as c
from .answers import _REASONS, REJECTIONS, Reason, Rejection, moment


@dataclass(slots=True)
class Cell:
    """What a host store keeps under a key: version, end in unix seconds or None, opaque body.

    Its repr does not show the body: that of a signature record holds names and numbers.
    """

    version: int
    discard_after: int | None
    body: bytes = field(repr=False)


@dataclass(slots=True)
class Write:
    """One write of a commit: the cell must have ``expected`` as its version, 0 where there is none.

    Its new version is ``expected + 1``. ``kind``: 1 slot, 2 meter, 3 page, 4 record, 5 credential,
    6 canary.
    """

    key: bytes
    kind: int
    expected: int
    discard_after: int | None
    body: bytes = field(repr=False)


Happening = Literal[
    "other", "issued", "sent_again", "refused", "accepted", "rejected", "exhausted", "locked",
    "nearly_locked", "cancelled", "delivered", "delivery_failed", "unlocked",
    "slot_reset", "recipient_reset", "user_reset", "device_reset",
]  # fmt: skip
_HAPPENINGS: dict[int, Happening] = {
    0: "other", 1: "issued", 2: "sent_again", 3: "refused", 4: "accepted", 5: "rejected",
    6: "exhausted", 7: "locked", 8: "nearly_locked", 9: "cancelled", 10: "delivered",
    11: "delivery_failed", 12: "unlocked", 13: "slot_reset", 14: "recipient_reset",
    15: "user_reset",
    16: "device_reset",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened, for the audit log; no code and no whole number is in it."""

    happening: Happening
    reason: Reason | Rejection | None
    count: int
    mixed_scripts: bool
    refunded: bool
    at: datetime
    tenant: str
    user: str
    purpose: str
    model: str
    field: str
    record: str
    recipient: str
    challenge_id: str | None
    #: Why an administrator did it: of a reset alone.
    why: str | None = None

    @classmethod
    def _read(cls, event: c.otp_event) -> "Event":
        def text(view: c.otp_view) -> str:
            return ctypes.string_at(view.data, view.len).decode() if view.len else ""

        target = event.target
        happening: Happening = _HAPPENINGS.get(event.kind, "other")
        reason: Reason | Rejection | None = REJECTIONS.get(event.rejection)
        if happening == "refused":
            reason = _REASONS.get(event.refusal_reason)
        return cls(
            happening, reason, event.count, bool(event.mixed_scripts),
            bool(event.refunded), moment(event.at), text(event.tenant), text(event.user),
            text(event.purpose), text(target.model), text(target.field), text(target.id),
            text(event.recipient), event.challenge_id.decode() or None,
            text(event.reset_reason) or None,
        )  # fmt: skip
