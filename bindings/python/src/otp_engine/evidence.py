"""Evidence: what is given with a code, for the signature record."""

from dataclasses import dataclass, field

from . import _bindings as c
from ._checks import client_text, instance
from ._lib import sized, view


@dataclass(frozen=True, slots=True)
class Evidence:
    """What is given with a code, for the signature record; its repr shows nothing of it.

    What is too large or does not fit is a rejection, as a client may have sent it.
    """

    signer_name: str | None = field(default=None, repr=False)
    """The name that the signer entered: at most 256 bytes of UTF-8."""
    image: bytes | None = field(default=None, repr=False)
    """The captured signature: a whole PNG or JPEG of at most 1 MiB, 8 to 4,096 pixels a side."""
    document: bytes | None = field(default=None, repr=False)
    """The document: at most 64 MiB; its SHA-256 digest must be the binding's content."""
    consent: str | None = field(default=None, repr=False)
    """The sentence of consent: at most 2,000 bytes."""
    user_name: str | None = field(default=None, repr=False)
    """What the user is called: at most 256 bytes."""
    revision: str | None = field(default=None, repr=False)
    """The revision of what is approved: at most 128 bytes."""
    ip: str | None = field(default=None, repr=False)
    """The client's address: at most 64 bytes."""
    agent: str | None = field(default=None, repr=False)
    """The client's program: at most 512 bytes."""

    def _structure(self) -> c.otp_evidence:
        made = sized(c.otp_evidence)
        for name in ("signer_name", "consent", "user_name", "revision", "ip", "agent"):
            value = getattr(self, name)
            setattr(made, name, view(None if value is None else client_text(value, name)))
        for name in ("image", "document"):
            value = getattr(self, name)
            if value is not None:
                instance(value, bytes, name)
            setattr(made, name, view(value))
        return made
