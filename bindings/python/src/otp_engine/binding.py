"""Bindings: what a code is good for."""

import ctypes
import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from . import _bindings as c
from ._checks import flag, identifier, instance, never_set_up, text
from ._handle import Uncopied
from ._lib import lib
from ._result import Result, told
from .errors import check


@dataclass(frozen=True, slots=True, init=False)
class Target:
    """What is approved: one field of one record. Each text is 1 to 128 bytes of UTF-8.

    An ``id`` that is an int is its decimal text.

    >>> Target("loan.application", "client_signature", 15).id
    '15'
    """

    model: str
    """The kind of record."""
    field: str
    """The field of it that holds the approval."""
    id: str
    """Which record: its id in the host's database."""

    def __init__(self, model: str, field: str, id: str | int) -> None:
        for name, value in ("model", model), ("field", field), ("id", identifier(id, "target.id")):
            object.__setattr__(self, name, value)


# An otp_binding_options: seven texts, two flags, the content.
_OPTIONS = struct.Struct("@N" + 7 * "PN" + "iiPN")
assert _OPTIONS.size == ctypes.sizeof(c.otp_binding_options)
_MEMBERS = "tenant", "purpose", "target", "user"
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


class Binding(Result):
    """Everything that a code is bound to; pass it whole, as it is now, to issue and to verify.

    ``content`` is the 32-byte SHA-256 digest of what is approved, or None; ``content_guessable``
    says that it could be found by trying (an amount), so that records commit to it under a salt.
    A ``user`` that is an int is its decimal text. Two are equal where all members are, as they were
    given. The repr hides number and content.
    """

    __slots__ = ("_bound", "_options", "_texts")
    _shown = _MEMBERS
    tenant: str = told(0, "Whose data it is.")
    purpose: str = told(1, "What the code is for.")
    target: Target = told(2, "What is approved.")
    user: str = told(3, "The user who approves.")
    mobile: str | None = told(4, "The number, as it was given; None where there is an address.")
    email: str | None = told(5, "The address, as it was given; None where there is a number.")
    content: bytes | None = told(6, "The digest of what is approved.")
    content_guessable: bool = told(7, "Whether the content could be found by trying.")

    _bound: tuple[object, Bound] | None
    """The key ring that it was used with last, and its handle for that one's engines."""

    def __init__(
        self,
        *,
        tenant: str,
        purpose: str,
        target: Target,
        user: str | int,
        mobile: str | None = None,
        email: str | None = None,
        content: bytes | None = None,
        content_guessable: bool = False,
    ) -> None:
        if (mobile is None) == (email is None):
            given = "neither is given" if mobile is None else "both are given"
            raise ValueError(f"give exactly one of mobile and email; {given}")
        if content is not None:
            instance(content, bytes, "content")
            if len(content) != 32:
                raise ValueError(
                    f"content is {len(content)} bytes; it must be 32 bytes, a SHA-256 digest"
                )
        user = identifier(user, "user")  # type: ignore[assignment]
        kind, where = (1, mobile) if mobile is not None else (2, email)
        instance(target, Target, "target")
        members = tenant, purpose, target.model, target.field, target.id, user, where
        try:
            # What is far too long is cut, and still too long: the library names it and its bound.
            texts = [member[:300] for member in map(str.encode, members)]  # type: ignore[arg-type]
        except (TypeError, UnicodeEncodeError):
            places = "target.model", "target.field", "target.id"
            names = "tenant", "purpose", *places, "user", "mobile" if kind == 1 else "email"
            for member, name in zip(members, names, strict=True):
                text(member, name)
            raise
        guessable = flag(content_guessable, "content_guessable")
        super().__init__((tenant, purpose, target, user, mobile, email, content, content_guessable))
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

    def _bind(self, engine: int, ring: object) -> Bound:
        """Make the handle for the engines of a key ring."""
        out = ctypes.c_void_p()
        check(lib.otp_binding_new(engine, self._options, ctypes.byref(out)))
        made = Bound(out.value or 0)
        self._bound = ring, made
        return made

    def __getstate__(self) -> dict[str, Any]:
        # The members as they were given: neither handle nor address.
        names = *_MEMBERS, "mobile", "email", "content", "content_guessable"
        return dict(zip(names, self._said, strict=True))

    def __reduce__(self) -> tuple[Any, ...]:
        return _bound, (type(self), self.__getstate__())


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
        raise never_set_up(binding) from None
    return made[1] if made is not None and made[0] is ring else binding._bind(engine, ring)


def client_name(challenge_id: object, name: str = "challenge_id") -> bytes:
    """Encode a challenge's name as a client sent it; the library knows what is none."""
    if challenge_id is None:
        return b""
    if not isinstance(challenge_id, str):
        raise TypeError(f"{name} must be str, not {type(challenge_id).__name__}")
    return challenge_id[:27].encode("utf-8", "surrogatepass")


def challenge_name(challenge_id: object) -> bytes:
    """Return the name of a challenge; a client's text that is none is the name of no challenge."""
    name = challenge_id
    if not isinstance(name, str):
        raise TypeError(f"challenge_id must be str, not {type(name).__name__}")
    return name.encode() if len(name) == 26 and name.isascii() else _NO_CHALLENGE
