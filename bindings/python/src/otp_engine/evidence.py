"""Evidence: what is given with a code, for the signature record."""

from dataclasses import dataclass, field

from . import _bindings as c
from ._checks import client_text, instance
from ._lib import sized, view


@dataclass(frozen=True, slots=True)
class Evidence:
    """What is given with a code, for the signature record; its repr shows nothing of it."""

    signer_name: str | None = field(default=None, repr=False)
    image: bytes | None = field(default=None, repr=False)
    document: bytes | None = field(default=None, repr=False)
    consent: str | None = field(default=None, repr=False)
    user_name: str | None = field(default=None, repr=False)
    revision: str | None = field(default=None, repr=False)
    ip: str | None = field(default=None, repr=False)
    agent: str | None = field(default=None, repr=False)

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
