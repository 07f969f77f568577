#!/usr/bin/env python3
"""Make the two key files of a server: `python3 make_keys.py FOLDER`; existing files are kept."""

import sys
from pathlib import Path

from otp_engine.esms import setup


def make_keys(folder: Path) -> tuple[Path, Path]:
    """Write fresh secrets and a fresh signing key into a folder; return the two files."""
    keys, signing_key = folder / setup.KEYS, folder / setup.SIGNING_KEY
    made = setup.make_keys(folder)
    for path in (keys, signing_key):
        if path not in made:
            raise FileExistsError(f"{path} exists already, and is kept")
    return keys, signing_key


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    try:
        for path in make_keys(Path(sys.argv[1])):
            sys.stdout.write(f"{path}\n")
    except FileExistsError as error:
        sys.exit(str(error))
