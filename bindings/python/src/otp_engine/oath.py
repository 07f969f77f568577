"""OATH: codes of the user's own device, by HOTP, TOTP and OCRA.

By themselves these remember nothing: whoever uses them must see to it that a code is good once.
``Engine.verify_hotp``, ``verify_totp`` and ``verify_ocra`` do that, on any store.
"""

import ctypes
import re
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from . import _bindings as c
from ._checks import clock_seconds, entered, flag, seconds, text, whole
from ._handle import Owner, Uncopied, made
from ._lib import lib, sized, view
from .errors import check, unshown

HASHES = {"sha1": c.OTP_HASH_SHA1, "sha256": c.OTP_HASH_SHA256, "sha512": c.OTP_HASH_SHA512}
NAMES = {number: name for name, number in HASHES.items()}
_BLANK = bytes(c.OTP_CODE_CAPACITY)

# Out memory that no call is using; a call takes one out, as the engine's do.
_code_pool: list[tuple[ctypes.Array[ctypes.c_char], int, memoryview]] = []
_match_pool: list[tuple[c.otp_oath_match, int]] = []


def hash_of(algorithm: str) -> int:
    """Return the number of a hash function."""
    try:
        return HASHES[algorithm.lower()]
    except AttributeError:
        raise TypeError(f"algorithm must be str, not {type(algorithm).__name__}") from None
    except KeyError:
        raise ValueError(
            f"algorithm is {algorithm!r}; it must be one of {sorted(HASHES)}"
        ) from None


class RawSecret(Uncopied, bytes):
    """A secret whose bytes are what they are, though they look like text; its repr shows nothing.

    Keys refuse such bytes: taken as they are they would make codes that no device makes. Base32 is
    passed as str, a URI goes to ``parse_uri``, base64 and hexadecimal are decoded first; bytes that
    were drawn and merely look like it are passed as this.

    >>> raw, base32 = Totp(RawSecret(b"ABCDEFGHIJKLMNOP")), Totp("IFBEGRCFIZDUQSKKJNGE2TSPKA")
    >>> raw.generate(59) == base32.generate(59)
    True
    """

    __slots__ = ()
    _instead = "pass the secret, and make a RawSecret where it is needed"

    def __repr__(self) -> str:
        return "RawSecret(..)"

    __str__ = __repr__


class Matched(int):
    """The counter or time step that matched: a number, and true even where it is 0."""

    __slots__ = ()

    def __bool__(self) -> Literal[True]:
        return True


# What text has beside its symbols: white space, quotes and signs of separation; a no-break space,
# the spaces, dashes and quotes from U+2000 on, and a mark of byte order; a NUL behind it.
_BETWEEN = re.compile(
    rb"[\t-\r \"'`,.;:\\-]|\xc2?\xa0|\xe2\x80[\x80-\xaf]|"
    rb"\xef\xbb\xbf|\A(?:\xff\xfe|\xfe\xff)|\0+\Z"
)
# Base32; that with digits from 0 on, or another of one case; base64 of both alphabets, with its
# padding or symbols of three kinds; hexadecimal, and digits in pairs, which may be that.
#
# Random bytes are taken for these by chance: each of 16 must be one of base64's 66, which is
# (66/256)^16 = 4 * 10^-10. Of more bytes some may lie between: of 20 that is 10^-10 in all, of 32
# 2 * 10^-16. Of the others one case with digits is the likeliest, 2 * (36/256)^16 = 5 * 10^-14;
# digits in pairs are (10/256)^32 = 10^-45, and the beginning of a URI, in either case, is 10^-15.
_TEXT = re.compile(
    rb"[A-Z2-7]{16,}=*|[a-z2-7]{16,}=*|[A-Za-z0-9+/_]{16,}=+|"
    rb"(?=[0-9]*[A-Z])(?=(?:[A-Z]*[0-9]){2})[A-Z0-9]{16,}|"
    rb"(?=[0-9]*[a-z])(?=(?:[a-z]*[0-9]){2})[a-z0-9]{16,}|"
    rb"(?=[^a-z]*[a-z])(?=[^A-Z]*[A-Z])(?=[A-Za-z]*[0-9+/_])[A-Za-z0-9+/_]{16,}|"
    rb"(?:0[Xx]|(?=[0-9]*[A-Fa-f]))[0-9A-Fa-f]{32,}|(?:[0-9]{2}){16,}"
)
_URI = re.compile(rb"otpauth", re.IGNORECASE)
# The keys of RFC 6238 for SHA-256 and SHA-512 are such digits, and known to everybody.
_OF_THE_RFC = tuple((b"1234567890" * 7)[:size] for size in (32, 64))


def _refuse_text(secret: bytes) -> None:
    """Refuse bytes that are a text about the key: as they are they make codes no device makes."""
    if isinstance(secret, RawSecret) or secret in _OF_THE_RFC:
        return
    is_wide = secret.count(0) * 3 >= len(secret)  # UTF-16 or UTF-32
    joined = _BETWEEN.sub(b"", secret.replace(b"\0", b"") if is_wide else secret)
    if _URI.match(joined):
        raise ValueError(
            "secret is bytes that look like an otpauth URI: pass that as str to parse_uri, whose "
            "result has the key"
        )
    # An underscore is one of base64's symbols, or lies between those of another.
    if _TEXT.fullmatch(joined) or _TEXT.fullmatch(joined.replace(b"_", b"")):
        raise ValueError(
            "secret is bytes that look like base32, base64 or hexadecimal text: pass base32 as "
            "str, hexadecimal by bytes.fromhex, base64 by base64.b64decode, or RawSecret(secret) "
            "if these bytes are the key itself"
        )


def secret_of(secret: bytes | str, *, legacy: bool = False) -> bytes:
    """Take the bytes of a secret, or read its base32."""
    if isinstance(secret, bytes):
        _refuse_text(secret)
        return secret
    if not isinstance(secret, str):
        raise TypeError(f"secret must be bytes or base32 str, not {type(secret).__name__}")
    base32, needed = text(secret, "secret"), ctypes.c_size_t()
    buffer = ctypes.create_string_buffer(1024)
    decode = lib.otp_base32_decode_legacy if legacy else lib.otp_base32_decode
    try:
        check(decode(view(base32), buffer, len(buffer), ctypes.byref(needed)))
        return buffer.raw[: needed.value]
    finally:
        ctypes.memset(buffer, 0, len(buffer))


def _counter(value: int, name: str = "counter") -> int:
    return whole(value, name)


def digits_of(value: int) -> int:
    """Take how many digits a code has."""
    return whole(value, "digits", 6, 10)


def period_of(value: int) -> int:
    """Take the length of a step."""
    return whole(value, "period", 1, 86_400, " s")


def near(value: int, name: str) -> int:
    """Take how far a code is looked for."""
    return whole(value, name, 0, 255)


def far(value: int, name: str) -> int:
    """Take how far two codes in a row are looked for."""
    return whole(value, name, 0, 65_535)


def _unix(instant: "datetime | float") -> int:
    take = seconds if isinstance(instant, datetime) else clock_seconds
    return take(instant, "unix_time")


def _warn_of(digits: int) -> None:
    if digits > 8:
        warnings.warn(
            f"{digits} digits promise more than the 31 bits that RFC 4226 cuts codes from",
            stacklevel=5,  # past the constructor, what it shares, and what hides its frame
        )


def _written(call: Callable[[int, int], int]) -> str:
    try:
        out = _code_pool.pop()
    except IndexError:
        made = ctypes.create_string_buffer(c.OTP_CODE_CAPACITY)
        out = made, ctypes.addressof(made), memoryview(made).cast("B")
    buffer, address, bytes_of = out
    check(call(address, c.OTP_CODE_CAPACITY))
    code = buffer.value.decode()
    bytes_of[:] = _BLANK
    _code_pool.append(out)
    return code


def _found(call: Callable[[int], int]) -> tuple[int, int] | None:
    """Return the counter and the step that matched."""
    try:
        out = _match_pool.pop()
    except IndexError:
        made = c.otp_oath_match(struct_size=ctypes.sizeof(c.otp_oath_match))
        out = made, ctypes.addressof(made)
    match, address = out
    check(call(address))
    found = (match.counter, match.step) if match.matched == 1 else None
    _match_pool.append(out)
    return found


class _Key(Owner):
    """A prepared key of HOTP or TOTP."""

    _instead = "pass its secret, and make a key where it is needed"

    def _prepare(
        self, makes: tuple[Callable[..., Any], ...], secret: bytes | str, digits: int,
        algorithm: str, moving: int, is_legacy: bool,
    ) -> None:  # fmt: skip
        """Make it by the first of ``makes``, from an old device's short secret by the second."""
        make, make_legacy, free = makes
        self.digits, number = digits_of(digits), hash_of(algorithm)
        self.algorithm = NAMES[number]
        key = secret_of(secret, legacy=flag(is_legacy, "legacy_secret") == 1)
        chosen = make_legacy if is_legacy else make
        self._handle = made(chosen, free, view(key), number, self.digits, moving)
        _warn_of(digits)


class Hotp(_Key):
    """A prepared HOTP key (RFC 4226); share one by all threads of a process.

    ``secret`` is at least 16 random bytes, or their base32 as str: in either case, with spaces and
    padding or without. ``counter`` is that of the device's first code, where it is not 0: what an
    engine expects of a credential that it never saw, or knows an earlier one of.
    ``legacy_secret=True`` takes secrets from 10 bytes on, to import old devices: enrol none by it.

    >>> hotp = Hotp(b"12345678901234567890")
    >>> hotp.generate(0)
    '755224'
    >>> hotp.verify("359152", 0, look_ahead=5)
    2
    >>> hotp.verify("359152", 3, look_ahead=5) is None
    True
    """

    @unshown
    def __init__(
        self,
        secret: bytes | str,
        digits: int = 6,
        algorithm: str = "sha1",
        *,
        counter: int = 0,
        legacy_secret: bool = False,
    ) -> None:
        makes = lib.otp_hotp_new, lib.otp_hotp_new_legacy, lib.otp_hotp_free
        self._prepare(makes, secret, digits, algorithm, _counter(counter), legacy_secret)

    def generate(self, counter: int) -> str:
        """Return the code of a counter."""
        handle, counter = self._open(), _counter(counter)
        return _written(lambda out, size: lib.otp_hotp_generate(handle.address, counter, out, size))

    def verify(self, code: str, counter: int, look_ahead: int = 5) -> Matched | None:
        """Return the lowest counter from ``counter`` on that matches, or None.

        What is returned is true even where it is 0. ``look_ahead`` (at most 255) more are looked
        at, all of them. It remembers nothing: the next one to accept is the one after what is
        returned.
        """
        handle, data, counter = self._open(), entered(code), _counter(counter)
        ahead = near(look_ahead, "look_ahead")
        found = _found(
            lambda out: lib.otp_hotp_verify(handle.address, data, len(data), counter, ahead, out)
        )
        return None if found is None else Matched(found[0])

    def resynchronise(
        self, first: str, second: str, counter: int, look_ahead: int = 1000
    ) -> Matched | None:
        """Look for two codes in a row; return the counter of the second, or None.

        ``look_ahead`` is at most 65,535.
        """
        handle, counter = self._open(), _counter(counter)
        codes = entered(first, "first"), entered(second, "second")
        ahead = far(look_ahead, "look_ahead")
        found = _found(
            lambda out: lib.otp_hotp_resynchronise(
                handle.address, view(codes[0]), view(codes[1]), counter, ahead, out
            )
        )
        return None if found is None else Matched(found[0])

    def __repr__(self) -> str:
        return f"Hotp(digits={self.digits}, algorithm={self.algorithm!r})"


class Totp(_Key):
    """A prepared TOTP key (RFC 6238); share one by all threads of a process.

    ``secret`` as for Hotp; ``period`` is the length of a step in seconds.

    >>> totp = Totp(b"12345678901234567890", digits=8)
    >>> totp.generate(1_111_111_109)
    '07081804'
    >>> totp.verify("07081804", 1_111_111_139)
    37037036
    """

    @unshown
    def __init__(
        self,
        secret: bytes | str,
        digits: int = 6,
        algorithm: str = "sha1",
        period: int = 30,
        *,
        legacy_secret: bool = False,
    ) -> None:
        self.period = period_of(period)
        makes = lib.otp_totp_new, lib.otp_totp_new_legacy, lib.otp_totp_free
        self._prepare(makes, secret, digits, algorithm, self.period, legacy_secret)

    def generate(self, unix_time: "datetime | float") -> str:
        """Return the code of an instant: unix seconds, or an aware datetime; never before 1970."""
        handle, now = self._open(), whole(_unix(unix_time), "unix_time", 0, 2**63 - 1)
        return _written(lambda out, size: lib.otp_totp_generate(handle.address, now, out, size))

    def verify(self, code: str, unix_time: "datetime | float", window: int = 1) -> Matched | None:
        """Return the latest step around an instant that matches, true even where it is 0, or None.

        ``window`` (at most 255) before and after are looked at, all of them. It remembers nothing:
        accept no step up to what is returned again.
        """
        handle, data, now = self._open(), entered(code), _unix(unix_time)
        steps = near(window, "window")
        found = _found(
            lambda out: lib.otp_totp_verify(handle.address, data, len(data), now, steps, out)
        )
        return None if found is None else Matched(found[1])

    def resynchronise(
        self, first: str, second: str, unix_time: "datetime | float", window: int = 100
    ) -> Matched | None:
        """Look for two codes in a row; return the step of the second, or None.

        ``window`` is at most 65,535.
        """
        handle, now = self._open(), _unix(unix_time)
        codes = entered(first, "first"), entered(second, "second")
        steps = far(window, "window")
        found = _found(
            lambda out: lib.otp_totp_resynchronise(
                handle.address, view(codes[0]), view(codes[1]), now, steps, out
            )
        )
        return None if found is None else Matched(found[1])

    def __repr__(self) -> str:
        return f"Totp(digits={self.digits}, algorithm={self.algorithm!r}, period={self.period})"


@dataclass(frozen=True, slots=True)
class OcraMatch:
    """What matched: the counter and the time step, each where the suite has one."""

    counter: int | None
    step: int | None


class Ocra(Owner):
    """A prepared OCRA key with its suite (RFC 6287); ``secret`` as for Hotp.

    Questions, counter, PIN, session and time are given exactly where the suite asks for them. Where
    both sides ask, the question of the one who is to be convinced comes first, the other's is
    ``other_question``. ``pin_digest`` may stand in the place of ``pin``: a host need not keep more.

    >>> ocra = Ocra("OCRA-1:HOTP-SHA1-6:QN08", b"12345678901234567890")
    >>> ocra.generate(question="11111111")
    '243178'
    >>> ocra.verify("243178", question="11111111")
    OcraMatch(counter=None, step=None)
    """

    _instead = "pass its secret, and make a key where it is needed"

    @unshown
    def __init__(self, suite: str, secret: bytes | str) -> None:
        self.suite = suite
        name, key = view(text(suite, "suite")), view(secret_of(secret))
        self._handle = made(lib.otp_ocra_new, lib.otp_ocra_free, name, key)
        _warn_of(int(suite.split(":")[1].split("-")[2]))

    @unshown
    def generate(
        self,
        *,
        question: str,
        other_question: str = "",
        counter: int | None = None,
        pin: str | None = None,
        pin_digest: bytes | None = None,
        session: bytes | None = None,
        unix_time: "datetime | float | None" = None,
    ) -> str:
        """Return the code of the inputs; a ValueError names the one that does not fit."""
        handle = self._open()
        inputs = _inputs(question, other_question, counter, pin, pin_digest, session, unix_time)
        given = ctypes.byref(inputs)
        return _written(lambda out, size: lib.otp_ocra_generate(handle.address, given, out, size))

    @unshown
    def verify(
        self,
        code: str,
        *,
        question: str,
        other_question: str = "",
        counter: int | None = None,
        pin: str | None = None,
        pin_digest: bytes | None = None,
        session: bytes | None = None,
        unix_time: "datetime | float | None" = None,
        look_ahead: int = 0,
        window: int = 0,
    ) -> OcraMatch | None:
        """Return what matches, from the counter on and around the time, or None.

        It remembers nothing. A ValueError names an input that does not fit.
        """
        handle, data = self._open(), entered(code)
        inputs = _inputs(
            question, other_question, counter, pin, pin_digest, session, unix_time, look_ahead,
            window,
        )  # fmt: skip
        given = ctypes.byref(inputs)
        found = _found(lambda out: lib.otp_ocra_verify(handle.address, given, data, len(data), out))
        if found is None:
            return None
        return OcraMatch(
            found[0] if counter is not None else None,
            found[1] if unix_time is not None else None,
        )

    def __repr__(self) -> str:
        return f"Ocra({self.suite!r})"


def _inputs(
    question: str,
    other_question: str,
    counter: int | None,
    pin: str | None,
    pin_digest: bytes | None,
    session: bytes | None,
    unix_time: "datetime | float | None",
    look_ahead: int = 0,
    window: int = 0,
) -> c.otp_ocra_inputs:
    for value, name in ((pin_digest, "pin_digest"), (session, "session")):
        if value is not None and not isinstance(value, bytes):
            raise TypeError(f"{name} must be bytes, not {type(value).__name__}")
    return sized(
        c.otp_ocra_inputs,
        question=view(text(question, "question")),
        other_question=view(text(other_question, "other_question")),
        pin=view(None if pin is None else text(pin, "pin")),
        pin_digest=view(pin_digest),
        session=view(session),
        counter=0 if counter is None else _counter(counter),
        now=0 if unix_time is None else _unix(unix_time),
        has_counter=int(counter is not None),
        has_now=int(unix_time is not None),
        look_ahead=near(look_ahead, "look_ahead"),
        window=near(window, "window"),
    )


def answer_inputs(
    counter: int,
    pin: str | None,
    pin_digest: bytes | None,
    session: bytes | None,
    look_ahead: int,
    window: int,
) -> c.otp_ocra_inputs:
    """Return the inputs of an answer to an engine's question."""
    return _inputs("", "", counter, pin, pin_digest, session, None, look_ahead, window)
