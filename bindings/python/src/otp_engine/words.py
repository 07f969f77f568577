"""What goes in: policies, budgets, keys, bindings, evidence."""

import ctypes
import struct
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, get_args

from . import _bindings as c
from ._checks import client_text, flag, instance, seconds, several, text, whole
from ._handle import Handle, Owner, Uncopied, out_pointer
from ._lib import lib, take_bytes, view
from .errors import check, unshown

EvidencePiece = Literal["signer_name", "document", "image", "consent"]
Resend = Literal["same", "rotate"]

_EVIDENCE: dict[EvidencePiece, int] = {
    "signer_name": c.OTP_REQUIRE_SIGNER_NAME,
    "document": c.OTP_REQUIRE_DOCUMENT,
    "image": c.OTP_REQUIRE_IMAGE,
    "consent": c.OTP_REQUIRE_CONSENT,
}
_RESEND: dict[Resend, int] = {"same": c.OTP_RESEND_SAME, "rotate": c.OTP_RESEND_ROTATE}


@dataclass(frozen=True, slots=True, kw_only=True, init=False)
class Policy:
    """The limits of one kind of code; every knob by keyword, in counts and seconds.

    digits 6-10 (default 6), or letters 4-26, or token=True (128 bits, for links); validity 60-600
    (a token to 604800, default 180); max_attempts 1-10 (5); closed_for 600-86400 (900);
    cooldown 15-600 (60); resend "same" or "rotate"; max_sends 1-10 (3); content_required;
    evidence: which of signer_name, document, image, consent must be given with a typed code.
    Out of bounds is a ValueError that names the argument.

    >>> Policy(digits=8) == Policy(digits=8), Policy(letters=8).digits
    (True, None)
    """

    digits: int | None
    letters: int | None
    token: bool
    validity: int
    max_attempts: int
    closed_for: int
    cooldown: int
    resend: Resend
    max_sends: int
    content_required: bool
    evidence: frozenset[EvidencePiece]

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
        resend: Resend = "same",
        max_sends: int = 3,
        content_required: bool = False,
        evidence: Iterable[EvidencePiece] = (),
    ) -> None:
        if (digits is not None) + (letters is not None) + flag(token, "token") > 1:
            raise ValueError("give one of digits, letters and token")
        if resend not in get_args(Resend):
            raise ValueError(f"resend is {resend!r}; it must be 'same' or 'rotate'")
        pieces = several(evidence, "evidence")
        if unknown := [piece for piece in pieces if piece not in get_args(EvidencePiece)]:
            raise ValueError(f"evidence names {unknown}; it may name {sorted(_EVIDENCE)}")
        if letters is None and not token:
            digits = 6 if digits is None else digits
        _set(
            self, digits=digits, letters=letters, token=token, validity=validity,
            max_attempts=max_attempts, closed_for=closed_for, cooldown=cooldown, resend=resend,
            max_sends=max_sends, content_required=content_required, evidence=frozenset(pieces),
        )  # fmt: skip
        check(lib.otp_policy_check(ctypes.byref(self._packed())))

    def _packed(self) -> c.otp_policy:
        kind, name, symbols = c.OTP_CODE_DIGITS, "digits", self.digits
        if self.letters is not None:
            kind, name, symbols = c.OTP_CODE_LETTERS, "letters", self.letters
        if self.token:
            kind = c.OTP_CODE_TOKEN
        return c.otp_policy(
            struct_size=ctypes.sizeof(c.otp_policy),
            code=kind,
            symbols=26 if self.token else whole(symbols, name, *_POLICY[name]),
            validity=whole(self.validity, "validity", 60, 604_800 if self.token else 600),
            **{
                "lockout" if knob == "closed_for" else knob: whole(
                    getattr(self, knob), knob, *_POLICY[knob]
                )
                for knob in ("closed_for", "cooldown", "max_attempts", "max_sends")
            },
            resend=_RESEND[self.resend],
            content_required=flag(self.content_required, "content_required"),
            evidence=sum(_EVIDENCE[piece] for piece in self.evidence),
        )


_POLICY = {
    "digits": (6, 10),
    "letters": (4, 26),
    "closed_for": (600, 86_400),
    "cooldown": (15, 600),
    "max_attempts": (1, 10),
    "max_sends": (1, 10),
}
_BUDGETS = {
    "user_failures_per_day": (1, 32),
    "consecutive_failures": (10, 100),
    "recipient_failures_per_day": (1, 32),
    "user_sends_per_hour": (1, 32),
    "recipient_sends_per_ten_minutes": (1, 32),
    "recipient_sends_per_day": (1, 32),
    "device_failures_per_day": (1, 32),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Budgets:
    """The limits of users and recipients; every knob by keyword.

    user_failures_per_day 1-32 (15); consecutive_failures 10-100 (100); recipient_failures_per_day
    1-32 (15); user_sends_per_hour 1-32 (10); recipient_sends_per_ten_minutes 1-32 (5);
    recipient_sends_per_day 1-32 (20). metered=False keeps no meter at all, at your own risk.
    Without meters too: device_failures_per_day 1-32 (30) at one device; device_hard_stop=True
    stops a device after consecutive_failures in a row, else they lock it for a time.

    lock_ends_after: seconds after the last wrong guess, 86400 to 34560000, at which the lock of
    wrong guesses in a row ends by itself; None, the default, is never: then only an unlock helps. A
    store that expires (Redis) cannot keep that, and an engine issues nothing there without an end.
    """

    metered: bool = True
    user_failures_per_day: int = 15
    consecutive_failures: int = 100
    recipient_failures_per_day: int = 15
    user_sends_per_hour: int = 10
    recipient_sends_per_ten_minutes: int = 5
    recipient_sends_per_day: int = 20
    device_failures_per_day: int = 30
    device_hard_stop: bool = False
    lock_ends_after: int | None = None

    def __post_init__(self) -> None:
        self._packed()

    def _packed(self) -> c.otp_rate_limits:
        return c.otp_rate_limits(
            struct_size=ctypes.sizeof(c.otp_rate_limits),
            metered=flag(self.metered, "metered"),
            device_hard_stop=flag(self.device_hard_stop, "device_hard_stop"),
            lock_ends_after=0
            if self.lock_ends_after is None
            else whole(self.lock_ends_after, "lock_ends_after", 86_400, 400 * 86_400),
            **{
                name: whole(getattr(self, name), name, least, most)
                for name, (least, most) in _BUDGETS.items()
            },
        )


def _set(value: object, **members: object) -> None:
    """Give a value its members, which nobody changes after."""
    for name, member in members.items():
        object.__setattr__(value, name, member)


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
        options = c.otp_key_ring_options(
            struct_size=ctypes.sizeof(c.otp_key_ring_options),
            codes=ctypes.cast(array, ctypes.c_void_p),
            code_count=len(names),
            code_size=ctypes.sizeof(c.otp_code_key),
            current=view(chosen),
            index=view(index),
            epoch=whole(epoch, "epoch", 0, 2**32 - 1),
        )
        out = out_pointer()
        self._ring = object()  # what its engines have in common
        check(lib.otp_key_ring_new(ctypes.byref(options), ctypes.byref(out)))
        self._handle = Handle(out.value or 0, lib.otp_key_ring_free)

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
        key, out = cls.__new__(cls), out_pointer()
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


# An otp_binding_options: seven texts, two flags, the content.
_OPTIONS = struct.Struct("@N" + 7 * "PN" + "iiPN")
assert _OPTIONS.size == ctypes.sizeof(c.otp_binding_options)
_MEMBERS = ("tenant", "purpose", "model", "field", "record", "user")
_NO_CHALLENGE = b"0" * 26
"""The name of no challenge: they are drawn at random."""


class Bound(Uncopied):
    """A binding in the library, made for the engines of one key ring."""

    __slots__ = ("address",)
    _instead = "pass the Binding"

    def __init__(self, address: int) -> None:
        self.address = address

    def __del__(self, free: Callable[[int], None] = lib.otp_binding_free) -> None:
        free(self.address)


class Binding:
    """Everything that a code is bound to; pass it whole, as it is now, to issue and to verify.

    ``content`` is the 32-byte SHA-256 digest of what is approved, or None; ``content_guessable``
    says that it could be found by trying (an amount), so that records commit to it under a salt.
    Two are equal where all members are, as they were given. The repr hides number and content.
    """

    __slots__ = ("_bound", "_given", "_options", "_texts")
    _bound: tuple[object, Bound] | None
    """The key ring that it was used with last, and its handle for that one's engines."""

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
        guessable = flag(content_guessable, "content_guessable")
        self._given = (*members[:6], mobile, email, content, content_guessable)
        self._bound = None
        self._texts = ctypes.c_char_p(b"".join((*texts, content or b"")))  # where the views look
        at = ctypes.c_void_p.from_buffer(self._texts).value or 0
        views: list[int] = []
        for size in map(len, (*texts, content or b"")):
            views += at, size
            at += size
        self._options = _OPTIONS.pack(_OPTIONS.size, *views[:14], kind, guessable, *views[14:])
        if status := lib.otp_binding_check(self._options):
            del mobile, email, members, where, texts, self  # what a report must not show
            check(status)

    @property
    def tenant(self) -> str:
        """Whose data it is."""
        return self._given[0]

    @property
    def purpose(self) -> str:
        """What the code is for."""
        return self._given[1]

    @property
    def model(self) -> str:
        """The kind of record."""
        return self._given[2]

    @property
    def field(self) -> str:
        """The field of it."""
        return self._given[3]

    @property
    def record(self) -> str:
        """Which record."""
        return self._given[4]

    @property
    def user(self) -> str:
        """The user who approves."""
        return self._given[5]

    @property
    def mobile(self) -> str | None:
        """The number, as it was given; None where there is an address."""
        return self._given[6]

    @property
    def email(self) -> str | None:
        """The address, as it was given; None where there is a number."""
        return self._given[7]

    @property
    def content(self) -> bytes | None:
        """The digest of what is approved."""
        return self._given[8]

    @property
    def content_guessable(self) -> bool:
        """Whether the content could be found by trying."""
        return self._given[9]

    def _bind(self, engine: int, ring: object) -> Bound:
        """Make the handle for the engines of a key ring."""
        out = out_pointer()
        check(lib.otp_binding_new(engine, self._options, ctypes.byref(out)))
        made = Bound(out.value or 0)
        self._bound = ring, made
        return made

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Binding):
            return NotImplemented
        return self._given == other._given

    def __hash__(self) -> int:
        return hash(self._given)

    def __reduce__(self) -> tuple[Any, ...]:
        names = *_MEMBERS, "mobile", "email", "content", "content_guessable"
        return _bound, (type(self), dict(zip(names, self._given, strict=True)))

    def __repr__(self) -> str:
        shown = ", ".join(f"{name}={getattr(self, name)!r}" for name in _MEMBERS)
        return f"Binding({shown}, ..)"


def _bound(kind: type[Binding], members: dict[str, Any]) -> Binding:
    """Make a binding again, with all checks: where it comes from, nobody knows."""
    return kind(**members)


def bound(binding: object, engine: int, ring: object) -> Bound:
    """Return the handle of a binding for an engine, which is made once for those of a key ring."""
    if not isinstance(binding, Binding):
        raise TypeError(f"binding must be Binding, not {type(binding).__name__}")
    try:
        made = binding._bound
    except AttributeError:
        raise TypeError(
            f"this {type(binding).__name__} was never set up: its __init__ must call "
            "super().__init__()"
        ) from None
    return made[1] if made is not None and made[0] is ring else binding._bind(engine, ring)


def client_name(challenge_id: object) -> bytes:
    """Encode a challenge's name as a client sent it; the library knows what is none."""
    if challenge_id is None:
        return b""
    if not isinstance(challenge_id, str):
        raise TypeError(f"challenge_id must be str, not {type(challenge_id).__name__}")
    return challenge_id[:27].encode("utf-8", "surrogatepass")


def challenge_name(challenge_id: object) -> bytes:
    """Return the name of a challenge; a client's text that is none is the name of no challenge."""
    name = challenge_id
    if not isinstance(name, str):
        raise TypeError(f"challenge_id must be str, not {type(name).__name__}")
    return name.encode() if len(name) == 26 and name.isascii() else _NO_CHALLENGE


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
            kept.append(None if value is None else client_text(value, name))
            setattr(made, name, view(kept[-1]))
        for name in ("image", "document"):
            value = getattr(self, name)
            if value is not None:
                instance(value, bytes, name)
            kept.append(value)
            setattr(made, name, view(value))
        return made, kept
