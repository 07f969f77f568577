"""Secrets: key rings, and the keys that sign records."""

import ctypes
from collections.abc import Mapping
from datetime import datetime

from . import _bindings as c
from ._checks import instance, seconds, text, whole
from ._handle import Owner, made
from ._lib import lib, point, sized, view
from ._result import text_of
from .errors import unshown


class KeyRing(Owner):
    """The secrets of an engine: code secrets by kid, and the long-lived index secret.

    Each is at least 32 random bytes, and no two are the same. ``retired`` maps a kid to the instant
    (datetime or unix seconds) until which it issued. Raise ``epoch`` after a restored backup.
    """

    _instead = "pass the secrets, and make a ring in each process"

    @unshown
    def __init__(
        self,
        codes: Mapping[str, bytes],
        *,
        index: bytes,
        current: str | None = None,
        epoch: int = 0,
        retired: Mapping[str, "datetime | int"] | None = None,
    ) -> None:
        instance(codes, Mapping, "codes")
        until = {} if retired is None else retired
        instance(until, Mapping, "retired")
        names = {kid: text(kid, "kid") for kid in codes}
        if not 1 <= len(names) <= 64:
            raise ValueError(f"codes has {len(names)} items; it must have 1 to 64")
        ends = {kid: seconds(at, f"retired[{kid!r}]") for kid, at in until.items()}
        if unknown := set(ends) - set(names):
            raise ValueError(f"retired names {sorted(unknown)}, which are not among the codes")
        secrets = {"index": index} | {f"codes[{kid!r}]": codes[kid] for kid in codes}
        for argument, secret in secrets.items():
            instance(secret, bytes, argument)
        array = (c.otp_code_key * max(1, len(names)))()
        for at, (kid, name) in enumerate(names.items()):
            array[at].kid, array[at].secret = view(name), view(codes[kid])
            array[at].is_retired, array[at].retired_at = int(kid in ends), ends.get(kid, 0)
        chosen = text("" if current is None else current, "current")
        options = sized(
            c.otp_key_ring_options,
            code_count=len(names),
            code_size=ctypes.sizeof(c.otp_code_key),
            current=view(chosen),
            index=view(index),
            epoch=whole(epoch, "epoch", 0, 2**32 - 1),
        )
        point(options, codes=array)
        self._ring = object()  # what its engines have in common
        self._handle = made(lib.otp_key_ring_new, lib.otp_key_ring_free, ctypes.byref(options))

    def __repr__(self) -> str:
        return "KeyRing(..)"


class SigningKey(Owner):
    """A key that signs records; make one by ``from_seed`` or ``from_pem``."""

    _instead = "pass its PEM text or seed, and make a key in each process"

    def __init__(self) -> None:
        raise TypeError("a SigningKey is made by SigningKey.from_seed or SigningKey.from_pem")

    @classmethod
    @unshown
    def from_seed(cls, seed: bytes) -> "SigningKey":
        """Make an Ed25519 key from 32 random bytes."""
        return cls._made(lib.otp_signing_key_from_seed, seed)

    @classmethod
    @unshown
    def from_pem(cls, pem: str) -> "SigningKey":
        """Make an Ed25519 key from PEM text (PKCS#8 version 1)."""
        return cls._made(lib.otp_signing_key_from_pem, text(pem, "pem"))

    @classmethod
    def _made(cls, make: "ctypes._NamedFuncPointer", data: bytes) -> "SigningKey":
        if not isinstance(data, bytes):
            raise TypeError("the key must be bytes")
        key = cls.__new__(cls)
        key._handle = made(make, lib.otp_signing_key_free, view(data))
        return key

    @property
    def public_jwks(self) -> str:
        """The public half as a JWK set."""
        handle = self._open()
        return text_of(lib.otp_signing_key_public_jwks, handle.address)

    @property
    def public_pem(self) -> str:
        """The public half as PEM."""
        handle = self._open()
        return text_of(lib.otp_signing_key_public_pem, handle.address)

    def __repr__(self) -> str:
        return "SigningKey(..)"
