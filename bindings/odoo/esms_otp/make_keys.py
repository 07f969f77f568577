#!/usr/bin/env python3
"""Make the two key files of a server: `python3 make_keys.py FOLDER`; existing files are kept."""

import base64
import json
import os
import secrets
import sys
import time
from pathlib import Path

KEYS = "keys.json"
SIGNING_KEY = "signing.pem"
_PKCS8_V1 = bytes.fromhex("302e020100300506032b657004220420")  # what stands before an Ed25519 seed


def make_keys(folder: Path) -> tuple[Path, Path]:
    """Write fresh secrets and a fresh signing key into a folder; return the two files."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    kid = time.strftime("%Y%m%d", time.gmtime())
    keys = {"codes": {kid: _secret()}, "current": kid, "index": _secret(), "epoch": 0}
    block = base64.b64encode(_PKCS8_V1 + secrets.token_bytes(32)).decode()
    pem = f"-----BEGIN PRIVATE KEY-----\n{block}\n-----END PRIVATE KEY-----\n"
    return (
        _write(folder / KEYS, json.dumps(keys, indent=2) + "\n"),
        _write(folder / SIGNING_KEY, pem),
    )


def _secret() -> str:
    return base64.b64encode(secrets.token_bytes(32)).decode()


def _write(path: Path, text: str) -> Path:
    # O_EXCL: a key that is overwritten takes all that it sealed or signed with it.
    opened = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(opened, "w") as file:
        file.write(text)
    return path


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    try:
        for made in make_keys(Path(sys.argv[1])):
            sys.stdout.write(f"{made}\n")
    except FileExistsError as error:
        sys.exit(f"{error.filename} exists already, and is kept")
