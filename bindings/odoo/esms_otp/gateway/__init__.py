"""SMS gateways as plain classes: text goes out, and what the gateway said comes back.

No ORM, no Odoo: build one from plain values and use it where no transaction is open.
"""

from dataclasses import dataclass


class Timeout(Exception):
    """Nobody knows whether the message goes out: send no second one, refund nothing."""


@dataclass(frozen=True, slots=True)
class SendResult:
    """What a gateway answered; ``status`` is its own, "0" for a message that it took.

    A status that begins with a letter is no gateway's: the message did not reach one. It has at
    most five characters, as the engine keeps them.
    """

    ok: bool
    status: str
    provider_id: str = ""
    balance_low: bool = False
    meaning: str = ""
    retryable: bool = False
