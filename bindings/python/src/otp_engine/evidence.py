"""Evidence: what is given with a code, for the signature record."""

import ctypes
from dataclasses import dataclass, field

from . import _bindings as c
from ._checks import client_text, instance
from ._lib import view


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

    def _views(self) -> tuple[c.otp_evidence, list[bytes | None]]:
        """Return the structure, and what must stay alive while it is used."""
        made = c.otp_evidence(struct_size=ctypes.sizeof(c.otp_evidence))
        kept: list[bytes | None] = []
        for name in ("signer_name", "consent", "user_name", "revision", "ip", "agent"):
            value = getattr(self, name)
            kept.append(None if value is None else client_text(value, name))
            setattr(made, name, view(kept[-1]))
        for name in ("image", "document"):
            value = getattr(self, name)
            if value is not None:
                instance(value, bytes, name)
            kept.append(value)
            setattr(made, name, view(value))
        return made, kept
