"""The engine of this process: made at its first use, from files that the environment names."""

import base64
import json
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import otp_engine as otp

KEYS_FILE = "ESMS_OTP_KEYS_FILE"
SIGNING_KEY_FILE = "ESMS_OTP_SIGNING_KEY_FILE"
#: What every code of the addon is good for; enters each binding, and each record as `act`.
PURPOSE = "sign"

# The server imports this file before it forks its workers, and forks again later: an engine belongs
# to the process that made it. Two threads that come first may each make one, and one is dropped: a
# lock in its place could be inherited while it is held.
_made: tuple[int, otp.Engine] | None = None
_hearing = threading.local()


class NotConfigured(Exception):
    """A key file is missing or unreadable; the text names the variable, never what is in it."""


def engine() -> otp.Engine:
    """Return the engine of this process."""
    global _made
    made = _made
    if made is None or made[0] != os.getpid():
        made = _made = (os.getpid(), _make())
    return made[1]


def forget() -> None:
    """Let the next call read the key files again."""
    global _made
    _made = None


@contextmanager
def hearing() -> Iterator[list[otp.Event]]:
    """Collect what the engine tells on this thread: an observer must not work in the call."""
    before = getattr(_hearing, "events", None)
    events: list[otp.Event] = []
    _hearing.events = events
    try:
        yield events
    finally:
        _hearing.events = before


def _hear(event: otp.Event) -> None:
    events = getattr(_hearing, "events", None)
    if events is not None:
        events.append(event)


def _make() -> otp.Engine:
    keys = _read(KEYS_FILE)
    pem = _read(SIGNING_KEY_FILE)
    try:
        read = json.loads(keys)
        ring = otp.KeyRing(
            {kid: base64.b64decode(secret, validate=True) for kid, secret in read["codes"].items()},
            current=read.get("current"),
            index=base64.b64decode(read["index"], validate=True),
            epoch=read.get("epoch", 0),
            retired=read.get("retired"),
        )
    except (AttributeError, KeyError, TypeError, ValueError, otp.KeyRingError) as error:
        # Not chained: the text of a JSON error quotes what it could not read.
        raise NotConfigured(f"{KEYS_FILE} is no key file ({type(error).__name__})") from None
    try:
        signing_key = otp.SigningKey.from_pem(pem)
    except (ValueError, otp.OtpError) as error:
        raise NotConfigured(f"{SIGNING_KEY_FILE} is no Ed25519 key ({error})") from None
    return otp.Engine(ring, signing_key=signing_key, observer=_hear)


def _read(variable: str) -> str:
    named = os.environ.get(variable)
    if not named:
        raise NotConfigured(f"{variable} is not set; it must name a file")
    try:
        return Path(named).read_text(encoding="ascii")
    except (OSError, ValueError) as error:
        raise NotConfigured(f"the file of {variable} cannot be read ({error})") from None
