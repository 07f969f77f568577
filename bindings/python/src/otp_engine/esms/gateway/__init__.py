"""SMS gateways as plain classes: text goes out, and what the gateway said comes back.

Build one from plain values and use it where no transaction is open.
"""

from dataclasses import dataclass
from typing import Protocol


class Timeout(Exception):
    """Nobody knows whether the message goes out: send no second one, refund nothing."""


@dataclass(frozen=True, slots=True)
class SendResult:
    """What a gateway answered; ``status`` is its own, "0" for a message that it took.

    "conn" and "tls" are no gateway's: none was reached, for want of a connection or of a trusted
    certificate. A status has at most five characters, as the engine keeps them.
    """

    ok: bool
    status: str
    provider_id: str = ""
    balance_low: bool = False
    meaning: str = ""
    retryable: bool = False


class Gateway(Protocol):
    """What sends one message per call, and never a second one for it."""

    def send(self, to: str, text: str, reference: str) -> SendResult:
        """Send a text to a number (digits with country code); raise Timeout if nobody knows.

        ``reference`` is the URL at which the delivery receipt is awaited, or "".
        """
