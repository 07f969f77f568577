"""SMS gateways as plain classes: text goes out, and what the gateway said comes back.

Build one from plain values and use it where no transaction is open.
"""

import logging
from dataclasses import dataclass
from typing import Protocol

_logger = logging.getLogger(__name__)


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

    def send(self, to: str, text: str, reference: str) -> SendResult | None:
        """Send a text to a number (digits with country code); raise Timeout if nobody knows.

        ``reference`` is the URL at which the delivery receipt is awaited, or "". None says that a
        queue of the host's has the text: whoever sends it from there reports to the engine.
        """


class InOrder:
    """Asks gateways one after the other until one takes the message; each is asked once.

    Where one falls silent, none after it is asked: the message may be out. The text and what
    comes of it are one send: the limits count it once.
    """

    def __init__(self, *gateways: Gateway) -> None:
        if not gateways:
            raise ValueError("gateways must be one or more")
        self._gateways = gateways

    def send(self, to: str, text: str, reference: str) -> SendResult | None:
        """Send a text; where all refuse it, return what the last one said."""
        *before, last = self._gateways
        for gateway in before:
            said = gateway.send(to, text, reference)
            if said is None or said.ok:
                return said
            _logger.warning(
                "a gateway did not take a message: status %s; the next gets it", said.status
            )
        return last.send(to, text, reference)
