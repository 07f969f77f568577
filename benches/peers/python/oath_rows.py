"""HOTP and TOTP of the package, beside PyOTP and the `oath` of PyPI."""

import base64
import ctypes
import hashlib
import importlib
from collections.abc import Callable
from typing import Any

import otp_engine as otp

from measure import Effort, Row, counted, emit, group

SECRET = b"12345678901234567890123456789012"
START, PERIOD, WRONG = 57_000_000, 30, "999999"
# RFC 4226, appendix D.
RFC_SECRET = b"12345678901234567890"
RFC_CODES = (
    "755224", "287082", "359152", "969429", "338314", "254676", "287922", "162583", "399871",
    "520489",
)  # fmt: skip

# Of a counter or a time: its code; and whether a wrong code is taken.
Side = dict[str, Callable[[int], Any]]


def package(secret: bytes, algorithm: str) -> Side:
    """Make codes by this project's package."""
    hotp, totp = otp.Hotp(secret, 6, algorithm), otp.Totp(secret, 6, algorithm, PERIOD)
    return {
        "hotp generate": hotp.generate,
        "totp generate": totp.generate,
        "hotp verify": lambda at: hotp.verify(WRONG, at),
        "totp verify": lambda at: totp.verify(WRONG, at, window=1),
    }


def pyotp(secret: bytes, algorithm: str) -> Side | None:
    """Make codes by PyOTP, which takes base32 and decodes it in each call."""
    pyotp = _peer("pyotp")
    if pyotp is None:
        return None
    base32, digest = base64.b32encode(secret).decode(), getattr(hashlib, algorithm)
    hotp = pyotp.HOTP(base32, digest=digest)
    totp = pyotp.TOTP(base32, digest=digest, interval=PERIOD)
    return {
        "hotp generate": hotp.at,
        "totp generate": totp.at,
        "hotp verify": lambda at: hotp.verify(WRONG, at),
        "totp verify": lambda at: totp.verify(WRONG, for_time=at, valid_window=1),
    }


def pypi_oath(secret: bytes, algorithm: str) -> Side | None:
    """Make codes by PyPI's oath, which takes hex and decodes it in each call."""
    if algorithm != "sha1":  # its truncation is that of SHA-1
        return None
    oath = _peer("oath")
    if oath is None:
        return None
    key = secret.hex()
    drift = {"forward_drift": 1, "backward_drift": 1}
    return {
        "hotp generate": lambda at: oath.hotp(key, at),
        "totp generate": lambda at: oath.totp(key, period=PERIOD, t=at),
        "hotp verify": lambda at: oath.accept_hotp(key, WRONG, at, drift=0)[0],
        "totp verify": lambda at: oath.accept_totp(key, WRONG, period=PERIOD, t=at, **drift)[0],
    }


def _peer(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError:
        return None


MAKERS: dict[str, Callable[[bytes, str], Side | None]] = {
    "otp-engine": package,
    "PyOTP": pyotp,
    "oath": pypi_oath,
}


def agree() -> None:
    """End the program where somebody makes other codes: that would be other work."""
    for name, make in MAKERS.items():
        side = make(RFC_SECRET, "sha1")
        if side is None:
            emit({"skipped": name, "why": "it is not installed: requirements.txt names it"})
            continue
        made = tuple(side["hotp generate"](at) for at in range(10))
        by_time = tuple(side["totp generate"](at * PERIOD) for at in range(10))
        if made != RFC_CODES or by_time != RFC_CODES:
            raise SystemExit(f"error: {name} makes other codes than RFC 4226")
        if side["hotp verify"](START) or side["totp verify"](START * PERIOD):
            raise SystemExit(f"error: {name} takes a wrong code")


def rows(effort: Effort, floor: ctypes.CDLL) -> None:
    """Measure every algorithm."""
    agree()
    for algorithm in ("sha1", "sha256", "sha512"):
        made = {name: make(SECRET, algorithm) for name, make in MAKERS.items()}
        sides = {name: side for name, side in made.items() if side is not None}
        generate = getattr(floor, f"otp_floor_hotp_{algorithm}")
        verify = getattr(floor, f"otp_floor_verify_{algorithm}")
        for what in ("hotp generate", "totp generate", "hotp verify", "totp verify"):
            window = int(what == "totp verify")
            step = PERIOD if what.startswith("totp") else 1

            def least(
                n: int, what: str = what, window: int = window,
                generate: Any = generate, verify: Any = verify,
            ) -> None:  # fmt: skip
                if what.endswith("generate"):
                    generate(n)
                else:
                    verify(n, window)

            lines = [counted(effort, "floor", least)]
            lines += [_row(effort, name, side[what], step) for name, side in sides.items()]
            lines.append(counted(effort, "floor again", least))
            group(effort, f"{what} {algorithm}", lines)


def _row(effort: Effort, name: str, call: Callable[[int], Any], step: int) -> Row:
    def batch(n: int) -> None:
        for at in range(START * step, (START + n) * step, step):
            call(at)

    return counted(effort, name, batch)
