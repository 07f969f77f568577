"""What a back end needs before its first code: tables, and two files of keys.

``python -m otp_engine.esms.setup "dbname=bank" keys`` makes both, as a role that may create tables;
what is there already is kept, and keys that are not those of the tables are an error. Then
``read_keys("keys")`` gives an engine its keys, and ``keys_folder()`` finds the folder by OTP_KEYS.
"""

import argparse
import base64
import contextlib
import hashlib
import json
import os
import secrets
import sys
import time
from functools import partial
from pathlib import Path
from typing import Any

import otp_engine as otp

from . import journal

KEYS, SIGNING_KEY, RETIRED = "keys.json", "signing.pem", "retired.jwks"
_PKCS8_V1 = bytes.fromhex("302e020100300506032b657004220420")  # before the seed of an Ed25519 key


def make_tables(connection: Any) -> None:
    """Make the tables of ``Psycopg2Store`` and ``SqlJournal`` by a connection of psycopg2."""
    from ..stores.psycopg2 import migrate  # only here: the keys need no driver

    migrate(connection)
    journal.migrate(connection)


def make_keys(folder: "str | os.PathLike[str]") -> list[Path]:
    """Make the files of keys that a folder lacks, for their owner alone; return those made."""
    place = _folder(folder)
    kid = time.strftime("%Y%m%d", time.gmtime())
    ring = {"codes": {kid: _secret()}, "current": kid, "index": _secret(), "epoch": 0}
    block = base64.b64encode(_PKCS8_V1 + secrets.token_bytes(32)).decode()
    texts = {
        KEYS: json.dumps(ring, indent=2) + "\n",
        SIGNING_KEY: f"-----BEGIN PRIVATE KEY-----\n{block}\n-----END PRIVATE KEY-----\n",
    }
    made = []
    for name, text in texts.items():
        # Never over one that is there: all that it sealed or signed would be lost with it.
        with contextlib.suppress(FileExistsError):
            opened = os.open(place / name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(opened, "w") as file:
                file.write(text)
            made.append(place / name)
    return made


def read_keys(folder: "str | os.PathLike[str]") -> tuple[otp.KeyRing, otp.SigningKey]:
    """Read the files of a folder; a ValueError names the one that is none, and quotes nothing."""
    place = Path(folder)
    try:
        ring = ring_of(_text(place / KEYS))
    except ValueError as error:
        raise ValueError(f"{place / KEYS} {error}") from None
    try:
        return ring, otp.SigningKey.from_pem(_text(place / SIGNING_KEY))
    except (ValueError, otp.OtpError) as error:
        raise ValueError(f"{place / SIGNING_KEY} is no key that signs: {error}") from None


def keys_folder(variable: str = "OTP_KEYS") -> Path:
    """Return the folder that a variable names, once its files were read; a ValueError names both.

    Call this where the server starts, and ``read_keys`` in each process that it forks.
    """
    named = os.environ.get(variable)
    if not named:
        raise ValueError(f"{variable} is not set; it must name the folder of the key files")
    try:
        read_keys(named)
    except (OSError, ValueError) as error:
        raise ValueError(f"{variable}: {error}") from None
    return Path(named)


def public_jwks(folder: "str | os.PathLike[str]") -> str:
    """Return the JWK set to publish: of the key that signs, and of those in ``retired.jwks``.

    That file may be absent; a ValueError names the one that is wrong.
    """
    _ring, signing_key = read_keys(folder)
    place = Path(folder) / RETIRED
    try:
        return with_retired(signing_key, _text(place) if place.exists() else None)
    except ValueError as error:
        raise ValueError(f"{place} {error}") from None


def with_retired(signing_key: otp.SigningKey, retired: str | None) -> str:
    """Return the JWK set of a key's public half and of those that signed before it.

    ``retired`` is the text of a JWK set; a ValueError says that it is none, and quotes nothing.
    """
    keys = json.loads(signing_key.public_jwks)["keys"]
    if retired is None:
        return json.dumps({"keys": keys})
    try:
        otp.verify_record("", retired)  # of keys that cannot be read it says so before the record
        others = json.loads(retired)["keys"]
    except (ValueError, otp.OtpError) as error:
        raise ValueError(f"is no set of public keys ({error})") from None
    own = {key["x"] for key in keys}
    for key in others:
        # As the engine reads them: what is no Ed25519 key, or has another's name, is none of ours.
        if key.get("kty") == "OKP" and key.get("crv") == "Ed25519" and key.get("x") not in own:
            named = {"kid": _thumbprint(key["x"]), **key}
            keys += [named] if named["kid"] == _thumbprint(key["x"]) else []
    return json.dumps({"keys": keys})


def ring_of(text: str) -> otp.KeyRing:
    """Read the text of a key file; a ValueError says that it is none, and quotes nothing."""
    try:
        read = json.loads(text)
        return otp.KeyRing(
            {kid: base64.b64decode(secret, validate=True) for kid, secret in read["codes"].items()},
            current=read.get("current"),
            index=base64.b64decode(read["index"], validate=True),
            epoch=read.get("epoch", 0),
            retired=read.get("retired"),
        )
    except (AttributeError, KeyError, TypeError, ValueError, otp.OtpError) as error:
        # Not chained: the text of a JSON error quotes what it could not read.
        raise ValueError(f"is no key file ({type(error).__name__})") from None


def check_keys(database: str, folder: "str | os.PathLike[str]") -> None:
    """Begin tables that are empty with a folder's keys; ForeignStoreError if others began them."""
    import psycopg2

    from ..stores.psycopg2 import Psycopg2Store

    ring, signing_key = read_keys(folder)
    with contextlib.closing(Psycopg2Store(partial(psycopg2.connect, database))) as store:
        otp.Engine(ring, signing_key=signing_key).check_store(store)


def main(arguments: list[str] | None = None) -> int:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m otp_engine.esms.setup", description=__doc__)
    parser.add_argument("database", help='how to connect as psycopg2 takes it: "dbname=bank"')
    parser.add_argument("keys", type=Path, help="the folder of the two key files")
    given = parser.parse_args(arguments)
    try:
        import psycopg2
    except ImportError:
        parser.exit(1, "setup: psycopg2 is missing: pip install psycopg2-binary\n")

    made: list[Path] = []
    try:
        _folder(given.keys)  # before there are tables
        with contextlib.closing(psycopg2.connect(given.database)) as connection:
            make_tables(connection)
        made = make_keys(given.keys)
        check_keys(given.database, given.keys)
    except (otp.ForeignStoreError, otp.NoCanaryError) as error:
        for path in made:  # they open nothing, and would stand in the way of those that do
            path.unlink()
        print(f"setup: {error}", file=sys.stderr)
        return 1
    except (psycopg2.Error, OSError, ValueError, otp.OtpError) as error:
        print(f"setup: {error}", file=sys.stderr)
        return 1
    print("the tables are there")
    for path in made:
        print(f"{path} was made; keep it secret, and a copy of it apart from the database's")
    return 0


def _folder(folder: "str | os.PathLike[str]") -> Path:
    place = Path(folder)
    place.mkdir(mode=0o700, parents=True, exist_ok=True)
    return place


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii")
    except FileNotFoundError as error:
        what = "no such file; python -m otp_engine.esms.setup makes it"
        raise FileNotFoundError(error.errno, what, str(path)) from None


def _thumbprint(x: str) -> str:
    """Return the name of a public key (RFC 7638)."""
    text = f'{{"crv":"Ed25519","kty":"OKP","x":"{x}"}}'
    return base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).decode().rstrip("=")


def _secret() -> str:
    return base64.b64encode(secrets.token_bytes(32)).decode()


if __name__ == "__main__":
    sys.exit(main())
