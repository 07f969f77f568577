"""What goes in: policies, budgets, keys, bindings, evidence."""

import ctypes
import struct
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from . import _bindings as c
from ._handle import Handle, Owner, out_pointer
from ._lib import lib, take_bytes, view
from .errors import check

_EVIDENCE = {
    "signer_name": c.OTP_EVIDENCE_SIGNER_NAME,
    "document": c.OTP_EVIDENCE_DOCUMENT,
    "image": c.OTP_EVIDENCE_IMAGE,
    "consent": c.OTP_EVIDENCE_CONSENT,
}
_RESEND = {"same": c.OTP_RESEND_SAME, "rotate": c.OTP_RESEND_ROTATE}


def _seconds(instant: "datetime | int", name: str) -> int:
    if not isinstance(instant, datetime):
        return int(instant)
    if instant.tzinfo is None:  # Python would take it for local time
        raise ValueError(f"{name} is a datetime without a time zone")
    return int(instant.timestamp())


def text(value: object, name: str) -> bytes:
    """Encode a text; anything but str is a TypeError that names the argument."""
    if not isinstance(value, str):
        raise TypeError(f"{name} must be str, not {type(value).__name__}")
    try:
        return value.encode()
    except UnicodeEncodeError:
        raise ValueError(f"{name} holds a lone surrogate") from None


class Policy:
    """The limits of one kind of code; every knob by keyword, in counts and seconds.

    digits 6-10 (default 6), or letters 4-26, or token=True (128 bits, for links); validity 60-600
    (a token to 604800, default 180); max_attempts 1-10 (5); closed_for 600-86400 (900);
    cooldown 15-600 (60); resend "same" or "rotate"; max_sends 1-10 (3); content_required;
    evidence: which of signer_name, document, image, consent must be given with a typed code.
    Out of bounds is a ValueError that names the argument.
    """

    def __init__(
        self,
        *,
        digits: int | None = None,
        letters: int | None = None,
        token: bool = False,
        validity: int = 180,
        max_attempts: int = 5,
        closed_for: int = 900,
        cooldown: int = 60,
        resend: str = "same",
        max_sends: int = 3,
        content_required: bool = False,
        evidence: Iterable[str] = (),
    ) -> None:
        if sum(kind is not None and kind is not False for kind in (digits, letters, token)) > 1:
            raise ValueError("give one of digits, letters and token")
        if resend not in _RESEND:
            raise ValueError(f"resend is {resend!r}; it must be 'same' or 'rotate'")
        pieces = set(evidence)
        if unknown := pieces - set(_EVIDENCE):
            raise ValueError(f"evidence names {sorted(unknown)}; it may name {sorted(_EVIDENCE)}")
        kind, symbols = c.OTP_CODE_DIGITS, 6 if digits is None else digits
        if letters is not None:
            kind, symbols = c.OTP_CODE_LETTERS, letters
        if token:
            kind, symbols = c.OTP_CODE_TOKEN, 26
        self._c = c.otp_policy(
            struct_size=ctypes.sizeof(c.otp_policy),
            code=kind,
            symbols=_count("letters" if letters is not None else "digits", symbols),
            validity=_count("validity", validity),
            closed_for=_count("closed_for", closed_for),
            cooldown=_count("cooldown", cooldown),
            max_attempts=_count("max_attempts", max_attempts),
            max_sends=_count("max_sends", max_sends),
            resend=_RESEND[resend],
            content_required=int(content_required),
            evidence=sum(_EVIDENCE[piece] for piece in pieces),
        )
        check(lib.otp_policy_check(ctypes.byref(self._c)))


class Budgets:
    """The limits of users and recipients; every knob by keyword.

    user_failures_per_day 1-32 (15); consecutive_failures 10-100 (100); recipient_failures_per_day
    1-32 (15); user_sends_per_hour 1-32 (10); recipient_sends_per_ten_minutes 1-32 (5);
    recipient_sends_per_day 1-32 (20). metered=False keeps no meter at all, at your own risk.
    """

    def __init__(
        self,
        *,
        metered: bool = True,
        user_failures_per_day: int = 15,
        consecutive_failures: int = 100,
        recipient_failures_per_day: int = 15,
        user_sends_per_hour: int = 10,
        recipient_sends_per_ten_minutes: int = 5,
        recipient_sends_per_day: int = 20,
    ) -> None:
        knobs = {
            "user_failures_per_day": (user_failures_per_day, 1, 32),
            "consecutive_failures": (consecutive_failures, 10, 100),
            "recipient_failures_per_day": (recipient_failures_per_day, 1, 32),
            "user_sends_per_hour": (user_sends_per_hour, 1, 32),
            "recipient_sends_per_ten_minutes": (recipient_sends_per_ten_minutes, 1, 32),
            "recipient_sends_per_day": (recipient_sends_per_day, 1, 32),
        }
        for name, (value, least, most) in knobs.items():
            if not least <= _count(name, value) <= most:
                raise ValueError(f"{name} is {value}; it must be {least} to {most}")
        self._c = c.otp_budgets(
            struct_size=ctypes.sizeof(c.otp_budgets),
            metered=int(metered),
            **{name: value for name, (value, _, _) in knobs.items()},
        )


def _count(name: str, value: object) -> int:
    """Refuse what is no whole number, or would not arrive as it is."""
    if not isinstance(value, int) or isinstance(value, bool):
        raise TypeError(f"{name} must be int, not {type(value).__name__}")
    if not 0 <= value < 2**31:
        raise ValueError(f"{name} is {value}; it is out of bounds")
    return value


class KeyRing(Owner):
    """The secrets of an engine: code secrets by kid, and the long-lived index secret.

    Each is at least 32 random bytes, and no two are the same. ``retired`` maps a kid to the instant
    (datetime or unix seconds) until which it issued. Raise ``epoch`` after a restored backup.
    """

    def __init__(
        self,
        codes: Mapping[str, bytes],
        *,
        index: bytes,
        current: str | None = None,
        epoch: int = 0,
        retired: Mapping[str, "datetime | int"] | None = None,
    ) -> None:
        names = {kid: text(kid, "kid") for kid in codes}
        ends = {kid: _seconds(at, "retired") for kid, at in (retired or {}).items()}
        if unknown := set(ends) - set(names):
            raise ValueError(f"retired names {sorted(unknown)}, which are not among the codes")
        if not isinstance(index, bytes) or not all(isinstance(s, bytes) for s in codes.values()):
            raise TypeError("secrets must be bytes")
        array = (c.otp_code_key * max(1, len(names)))()
        for at, (kid, name) in enumerate(names.items()):
            array[at].kid, array[at].secret = view(name), view(codes[kid])
            array[at].is_retired, array[at].retired_at = int(kid in ends), ends.get(kid, 0)
        chosen = text("" if current is None else current, "current")
        options = c.otp_key_ring_options(
            struct_size=ctypes.sizeof(c.otp_key_ring_options),
            codes=ctypes.cast(array, ctypes.c_void_p),
            code_count=len(names),
            code_size=ctypes.sizeof(c.otp_code_key),
            current=view(chosen),
            index=view(index),
            epoch=_count("epoch", epoch),
        )
        out = out_pointer()
        check(lib.otp_key_ring_new(ctypes.byref(options), ctypes.byref(out)))
        self._handle = Handle(out.value or 0, lib.otp_key_ring_free)

    def __repr__(self) -> str:
        return "KeyRing(..)"


class SigningKey(Owner):
    """A key that signs records; make one by ``from_seed`` or ``from_pem``."""

    @classmethod
    def from_seed(cls, seed: bytes) -> "SigningKey":
        """Make an Ed25519 key from 32 random bytes."""
        return cls._made(lib.otp_signing_key_from_seed, seed)

    @classmethod
    def from_pem(cls, pem: str) -> "SigningKey":
        """Make an Ed25519 key from PEM text (PKCS#8 version 1)."""
        return cls._made(lib.otp_signing_key_from_pem, text(pem, "pem"))

    @classmethod
    def _made(cls, make: "ctypes._NamedFuncPointer", data: bytes) -> "SigningKey":
        if not isinstance(data, bytes):
            raise TypeError("the key must be bytes")
        key, out = cls(), out_pointer()
        check(make(data, len(data), ctypes.byref(out)))
        key._handle = Handle(out.value or 0, lib.otp_signing_key_free)
        return key

    def _text(self, read: "ctypes._NamedFuncPointer") -> str:
        handle, out = self._open(), out_pointer()
        check(read(handle.address, ctypes.byref(out)))
        return take_bytes(out.value).decode()

    @property
    def public_jwks(self) -> str:
        """The public half as a JWK set."""
        return self._text(lib.otp_signing_key_public_jwks)

    @property
    def public_pem(self) -> str:
        """The public half as PEM."""
        return self._text(lib.otp_signing_key_public_pem)

    def __repr__(self) -> str:
        return "SigningKey(..)"


_LENGTHS = struct.Struct(">7H")
_MEMBERS = ("tenant", "purpose", "model", "field", "record", "user")


class Binding:
    """Everything that a code is bound to; pass it whole, as it is now, to issue and to verify.

    ``content`` is the 32-byte SHA-256 digest of what is approved, or None; ``content_guessable``
    says that it could be found by trying (an amount), so that records commit to it under a salt.
    """

    __slots__ = ("_head", "_packed", "_tail", "_texts", "field", "model", "record", "tenant",
                 "user")  # fmt: skip

    def __init__(
        self,
        *,
        tenant: str,
        purpose: str,
        model: str,
        field: str,
        record: str,
        user: str,
        mobile: str | None = None,
        email: str | None = None,
        content: bytes | None = None,
        content_guessable: bool = False,
    ) -> None:
        if (mobile is None) == (email is None):
            raise ValueError("give one of mobile and email")
        if content is not None and (not isinstance(content, bytes) or len(content) != 32):
            raise ValueError("content must be 32 bytes, a SHA-256 digest, or None")
        kind, where = (1, mobile) if mobile is not None else (2, email)
        members = tenant, purpose, model, field, record, user, where
        try:
            # What is far too long is cut, and still too long: the library names it and its bound.
            texts = [member[:300] for member in map(str.encode, members)]  # type: ignore[arg-type]
        except (TypeError, UnicodeEncodeError):
            names = *_MEMBERS, "mobile" if kind == 1 else "email"
            for member, name in zip(members, names, strict=True):
                text(member, name)
            raise
        self.tenant, self.user = tenant, user
        self.model, self.field, self.record = model, field, record
        kinds = bytes((1, kind, 0 if content is None else 1 + content_guessable, 0))
        self._head = kinds + _LENGTHS.pack(*map(len, texts))
        self._texts = b"".join(texts)
        self._tail = content or b""
        self._packed = b"".join((self._head, b"\0\0", self._texts, self._tail))
        if status := lib.otp_request_check(self._packed, len(self._packed)):
            check(status)

    def _with_typed(self, typed: str, challenge_id: str | None) -> bytes:
        """Pack what was typed with the binding."""
        if not isinstance(typed, str):
            raise TypeError(f"typed must be str, not {type(typed).__name__}")
        # Bounded before it is encoded, and still malformed; a lone surrogate is an answer too.
        data = typed[:257].encode("utf-8", "surrogatepass")[:300]
        length = len(data).to_bytes(2, "big")
        if challenge_id is None:
            return b"".join((self._head, length, self._texts, data, self._tail))
        named = text(challenge_id, "challenge_id")
        if named and len(named) != 26:
            raise ValueError(f"challenge_id is {len(named)} characters; it must be 26")
        head = b"%b%c%b" % (self._head[:3], 1 if named else 0, self._head[4:])
        return b"".join((head, length, self._texts, data, self._tail, named))

    def __repr__(self) -> str:
        where = f"{self.tenant}, {self.model}, {self.field}, {self.record}"
        return f"Binding({where}, user {self.user})"


@dataclass(frozen=True, slots=True)
class Evidence:
    """What is given with a typed code, for the signature record; its repr shows nothing of it."""

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
            kept.append(None if value is None else text(value, name))
            setattr(made, name, view(kept[-1]))
        for name in ("image", "document"):
            value = getattr(self, name)
            if value is not None and not isinstance(value, bytes):
                raise TypeError(f"{name} must be bytes, not {type(value).__name__}")
            kept.append(value)
            setattr(made, name, view(value))
        return made, kept
