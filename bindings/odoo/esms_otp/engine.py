"""The engine of this process: made at its first use, from files that the environment names."""

import base64
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import otp_engine as otp
from otp_engine.esms import setup
from otp_engine.esms.events import hear

KEYS_FILE = "ESMS_OTP_KEYS_FILE"
SIGNING_KEY_FILE = "ESMS_OTP_SIGNING_KEY_FILE"
#: May be unset: a JWK set of the public keys that records were signed with before.
RETIRED_KEYS_FILE = "ESMS_OTP_RETIRED_SIGNING_KEYS_FILE"
#: What every code of the addon is good for; enters each binding, and each record as `act`.
PURPOSE = "sign"

_SPKI = bytes.fromhex("302a300506032b6570032100")  # before the 32 bytes of a public Ed25519 key

# The server imports this file before it forks its workers, and forks again later: an engine belongs
# to the process that made it. Two threads that come first may each make one, and one is dropped: a
# lock in its place could be inherited while it is held.
_made: "_Made | None" = None


@dataclass
class _Made:
    """The keys of one process, and its engines by their limits: settings may change meanwhile."""

    ring: otp.KeyRing
    signing_key: otp.SigningKey
    public_jwks: str
    process: int = field(default_factory=os.getpid)
    engines: dict[tuple[tuple[str, int], ...], otp.Engine] = field(default_factory=dict)
    #: What stood for each database when its cells were compared with the keys.
    checked: dict[str, object] = field(default_factory=dict)


class NotConfigured(Exception):
    """A key file is missing or unreadable; the text names the variable, never what is in it."""


def engine(limits: Mapping[str, int] | None = None) -> otp.Engine:
    """Return the engine of this process with these limits of users and numbers.

    ``limits`` are the settings of ``otp.RateLimits``; without them it has the engine's own.
    """
    made = _of_process()
    named = tuple(sorted((limits or {}).items()))
    if named not in made.engines:
        settings: dict[str, Any] = dict(named)
        made.engines[named] = otp.Engine(
            made.ring,
            rate_limits=otp.RateLimits(**settings),
            signing_key=made.signing_key,
            observer=hear,
        )
    return made.engines[named]


def check_keys(store: otp.Store, database: str, opened: object) -> None:
    """Check, once for each opening of a database, that its cells belong to these keys.

    With other keys every limit would be a fresh one, and every signature out of reach. ``opened``
    is what stands for the database as it is now, such as its registry: after it was restored under
    the same name there is another one.
    """
    checked = _of_process().checked
    if checked.get(database) is opened:
        return
    acts = f"in `odoo-bin shell -d {database}`, for an administrator: env['esms.otp.cell']"
    try:
        engine().check_store(store)
    except otp.ForeignStoreError:
        raise NotConfigured(
            f"{KEYS_FILE} names other keys than those of database {database!r}: name the file that "
            f"it was begun with; only to give up all codes, limits and signatures, {acts}"
            "._begin_store()"
        ) from None
    except otp.NoCanaryError:
        raise NotConfigured(
            f"database {database!r} holds codes or signatures from before its keys were marked: if "
            f"they are of {KEYS_FILE}, {acts}._adopt_store(); only to give them up, _begin_store()"
        ) from None
    checked[database] = opened


def check_files() -> None:
    """Read the key files anew, as the next start will; NotConfigured says what is wrong."""
    _make()


def public_jwks() -> str:
    """Return a JWK set of the key that signs records, and of those that did before it."""
    return _of_process().public_jwks


def public_pems() -> dict[str, str]:
    """Return the same keys as PEM, by their ids."""
    return {key["kid"]: _pem(key["x"]) for key in json.loads(public_jwks())["keys"]}


def _pem(x: str) -> str:
    der = _SPKI + base64.urlsafe_b64decode(x + "=" * (-len(x) % 4))
    return (
        f"-----BEGIN PUBLIC KEY-----\n{base64.b64encode(der).decode()}\n-----END PUBLIC KEY-----\n"
    )


def _of_process() -> _Made:
    global _made
    made = _made
    if made is None or made.process != os.getpid():
        made = _made = _make()
    return made


def forget() -> None:
    """Let the next call read the key files again."""
    global _made
    _made = None


def _make() -> _Made:
    keys = _read(KEYS_FILE)
    pem = _read(SIGNING_KEY_FILE)
    try:
        ring = setup.ring_of(keys)
    except ValueError as error:
        raise NotConfigured(f"{KEYS_FILE} {error}") from None
    try:
        signing_key = otp.SigningKey.from_pem(pem)
    except (ValueError, otp.OtpError) as error:
        raise NotConfigured(f"{SIGNING_KEY_FILE} names no key that signs: {error}") from None
    retired = _read(RETIRED_KEYS_FILE) if os.environ.get(RETIRED_KEYS_FILE) else None
    try:
        public = setup.with_retired(signing_key, retired)
    except ValueError as error:
        raise NotConfigured(f"{RETIRED_KEYS_FILE} {error}") from None
    return _Made(ring, signing_key, public)


def _read(variable: str) -> str:
    named = os.environ.get(variable)
    if not named:
        raise NotConfigured(f"{variable} is not set; it must name a file")
    try:
        return Path(named).read_text(encoding="ascii")
    except (OSError, ValueError) as error:
        raise NotConfigured(f"the file of {variable} cannot be read ({error})") from None
