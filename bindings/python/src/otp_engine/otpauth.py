"""``otpauth`` URIs: what authenticator apps read from a QR code."""

import ctypes
from dataclasses import dataclass, field
from typing import Literal

from . import _bindings as c
from ._checks import flag, text, whole
from ._handle import Uncopied, uncopied
from ._lib import lib, sized, view
from .errors import check, unshown
from .oath import NAMES, Hotp, RawSecret, Totp, digits_of, hash_of, period_of, secret_of

_KINDS = {"hotp": c.OTP_CREDENTIAL_HOTP, "totp": c.OTP_CREDENTIAL_TOTP}


@uncopied
@dataclass(frozen=True, slots=True)
class Credential(Uncopied):
    """A credential as an otpauth URI has it; its repr hides the secret.

    ``kind`` is "hotp", which has a ``counter``, or "totp", which has a ``period``.
    """

    _instead = "pass its URI"

    kind: Literal["hotp", "totp"]
    secret: bytes = field(repr=False)
    account: str
    issuer: str | None
    algorithm: str
    digits: int
    period: int | None
    counter: int | None
    image: str | None = None
    legacy_secret: bool = False

    def key(self) -> Hotp | Totp:
        """Prepare the key."""
        secret, legacy = RawSecret(self.secret), self.legacy_secret
        if self.counter is not None:
            return Hotp(
                secret, self.digits, self.algorithm, counter=self.counter, legacy_secret=legacy
            )
        return Totp(secret, self.digits, self.algorithm, self.period or 30, legacy_secret=legacy)


def _place(credential: c.otp_credential) -> int:
    """Return where the secret is: read as a member, it would end at its first zero byte."""
    return ctypes.addressof(credential) + c.otp_credential.secret.offset


@unshown
def parse_uri(uri: str, *, legacy_secret: bool = False) -> Credential:
    """Read an otpauth URI; a ValueError or KeyRingError says what is wrong, and shows none of it.

    An ``encoder``, such as Steam's, makes other codes and is refused. ``legacy_secret=True`` takes
    secrets from 10 bytes on, to import old devices.

    >>> uri = "otpauth://totp/ACME:ann?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=ACME"
    >>> found = parse_uri(uri)
    >>> found.issuer, found.account, found.period
    ('ACME', 'ann', 30)
    >>> found.key()
    Totp(digits=6, algorithm='sha1', period=30)
    """
    given, out = view(text(uri, "uri")), sized(c.otp_credential)
    try:
        is_legacy = flag(legacy_secret, "legacy_secret")
        parse = lib.otp_uri_parse_legacy if is_legacy else lib.otp_uri_parse
        check(parse(given, ctypes.byref(out)))
        is_totp = out.kind == c.OTP_CREDENTIAL_TOTP
        return Credential(
            "totp" if is_totp else "hotp",
            RawSecret(ctypes.string_at(_place(out), out.secret_len)),
            out.account.decode(),
            out.issuer.decode() or None,
            NAMES[out.hash],
            out.digits,
            out.period if is_totp else None,
            None if is_totp else out.counter,
            out.image.decode() or None,
            legacy_secret,
        )
    finally:
        ctypes.memset(ctypes.byref(out), 0, ctypes.sizeof(out))


@unshown
def build_uri(
    secret: bytes | str,
    account: str,
    *,
    issuer: str | None = None,
    kind: str = "totp",
    digits: int = 6,
    algorithm: str = "sha1",
    period: int = 30,
    counter: int = 0,
    image: str | None = None,
    legacy_secret: bool = False,
) -> str:
    """Write the otpauth URI of a credential, for a QR code; show it once, to its user.

    ``image`` is an https URL of a picture of the issuer; ``legacy_secret`` as for the keys.
    Many apps take SHA-1, 6 digits and 30 seconds alone, and some say nothing.

    >>> build_uri(b"12345678901234567890", "ann", issuer="ACME").split("?")[0]
    'otpauth://totp/ACME:ann'
    """
    if kind not in _KINDS:
        raise ValueError(f"kind is {kind!r}; it must be 'hotp' or 'totp'")
    key = secret_of(secret, legacy=flag(legacy_secret, "legacy_secret") == 1)
    names, picture = (
        (text(account, "account"), text(issuer or "", "issuer")),
        text(image or "", "image"),
    )
    if len(key) > 1024:
        raise ValueError(f"secret is {len(key)} bytes; it must be at most 1024")
    for name, value in zip(("account", "issuer"), names, strict=True):
        if len(value) > 256 or b"\0" in value:
            raise ValueError(f"{name} is {len(value)} bytes; it must be at most 256, without NUL")
    if len(picture) > 512 or b"\0" in picture:
        raise ValueError(f"image is {len(picture)} bytes; it must be at most 512, without NUL")
    made = sized(
        c.otp_credential,
        account=names[0],
        issuer=names[1],
        kind=_KINDS[kind],
        hash=hash_of(algorithm),
        digits=digits_of(digits),
        period=period_of(period),
        counter=whole(counter, "counter"),
        secret_len=len(key),
        image=picture,
        legacy_secret=int(legacy_secret),
    )
    ctypes.memmove(_place(made), key, len(key))
    buffer, needed = ctypes.create_string_buffer(8192), ctypes.c_size_t()
    try:
        check(lib.otp_uri_build(ctypes.byref(made), buffer, len(buffer), ctypes.byref(needed)))
        return buffer.raw[: needed.value].decode()
    finally:
        ctypes.memset(ctypes.byref(made), 0, ctypes.sizeof(made))
        ctypes.memset(buffer, 0, len(buffer))
