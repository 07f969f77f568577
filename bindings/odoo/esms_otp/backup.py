#!/usr/bin/env python3
"""Back up a database that signs, with its files and its keys, and restore them.

A restored database has forgotten which codes were used since. So its restore raises the epoch of
the key file before anything else: all codes from before are void, and limits and signatures stay.

Key files are those that the environment names, as for the server, and must be the database's own.
PostgreSQL's programs find its server as psql does, by PGHOST, PGPORT and PGUSER.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Generator
from contextlib import closing
from pathlib import Path
from typing import Any

import otp_engine as otp
from engine import KEYS_FILE, RETIRED_KEYS_FILE, SIGNING_KEY_FILE, NotConfigured, check_keys

DUMP, FILES = "database.dump", "files.tar"
_HELP = {
    "files": "the database's folder in the filestore of Odoo's data_dir",
    "backup": "the folder of the backup",
    "keys": "the folder of the copies of the key files; keep it apart from the backup",
}
_HEX = r"\\x"  # what begins bytes in COPY's text
_CANARY = bytes(8) + b"otp-engine canary v1" + bytes(4)
# The canary, where there is one: no other key begins with zeros.
_FIRST = "SELECT key, version, discard_after, body FROM esms_otp_cell ORDER BY key LIMIT 1"


def make(database: str, files: Path, backup: Path, keys: Path) -> str:
    """Write dump and files into a new folder, and copies of the key files into another one."""
    _check_keys(database, "psql", "-XqAt", "-d", database, "-c", f"COPY ({_FIRST}) TO STDOUT")
    if backup.exists():
        raise FileExistsError(f"{backup} exists already")
    named = (KEYS_FILE, SIGNING_KEY_FILE, RETIRED_KEYS_FILE)  # the last one may be unset
    own, *others = [Path(os.environ[name]) for name in named if os.environ.get(name)]
    if (kept := keys / own.name).exists() and _read(kept)["index"] != _read(own)["index"]:
        raise ValueError(f"{kept} is of another database, and is kept")
    keys.mkdir(mode=0o700, parents=True, exist_ok=True)
    for source in (own, *others):
        _write(keys / source.name, source.read_text(encoding="ascii"), source)
    unfinished = backup.with_name(backup.name + ".part")
    unfinished.mkdir(mode=0o700, parents=True, exist_ok=True)
    _run("pg_dump", "-Fc", "-f", unfinished / DUMP, database)
    # After the dump, which needs no file that comes now; 1: one changed or went meanwhile.
    _run("tar", "-C", files, "-cf", unfinished / FILES, ".", good=(0, 1))
    unfinished.rename(backup)
    return f"{backup} has database and files, {keys} the keys: keep them apart"


def restore(database: str, files: Path, backup: Path) -> str:
    """Make a database and its files from a backup; neither may exist."""
    dump = backup / DUMP
    _check_keys(database, "pg_restore", "-a", "-t", "esms_otp_cell", "-f", "-", dump)
    if files.exists():
        raise FileExistsError(f"{files} exists already")
    _run("createdb", "-T", "template0", "-E", "UTF8", "--lc-collate=C", database)
    told = _raise_epoch()
    files.mkdir(mode=0o700, parents=True)
    _run("pg_restore", "--exit-on-error", "--no-owner", "-d", database, dump)
    _run("tar", "-C", files, "-xf", backup / FILES)
    return told


def restored(database: str) -> str:
    """Void the codes of a database that was restored by other means, before its server starts."""
    _check_keys(database, "psql", "-XqAt", "-d", database, "-c", f"COPY ({_FIRST}) TO STDOUT")
    return _raise_epoch()


def _raise_epoch() -> str:
    path = Path(os.environ[KEYS_FILE])
    keys = _read(path)
    # By the clock: it rises as well if this key file is older than another restore.
    keys["epoch"] = max(keys.get("epoch", 0) + 1, int(time.time()))
    _write(path, json.dumps(keys, indent=2) + "\n", path)
    return (
        f"the epoch in {path} is {keys['epoch']}, and codes from before are void: copy the file to "
        "each server of this database, then start them"
    )


def _read(path: Path) -> dict[str, Any]:
    read: dict[str, Any] = json.loads(path.read_text(encoding="ascii"))
    return read


def _write(path: Path, text: str, like: Path) -> None:
    """Replace a file by one for the owner of another alone: all of it, or nothing."""
    owner, unfinished = like.stat(), path.with_name(path.name + ".part")
    with os.fdopen(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    shutil.chown(unfinished, owner.st_uid, owner.st_gid)
    unfinished.replace(path)


def _check_keys(database: str, *command: str | Path) -> None:
    """Refuse keys that are not those of the cells that a command writes."""
    check_keys(_Cells(*command), database, object())


class _Cells(otp.HostStore):
    """The canary among the rows of a COPY, and whether there is any row."""

    def __init__(self, *command: str | Path) -> None:
        super().__init__()
        self._canary: otp.Cell | None = None
        self._is_used = False
        with closing(_rows(*command)) as rows:
            for key, version, discard_after, body in rows:
                self._is_used = True
                if _bytes(key) == _CANARY:
                    end = None if discard_after == r"\N" else int(discard_after)
                    self._canary = otp.Cell(int(version), end, _bytes(body))
                    break

    def load(self, keys: list[bytes]) -> list[otp.Cell | None]:
        return [self._canary if key == _CANARY else None for key in keys]

    def commit(self, writes: list[otp.Write], now: int) -> bool:
        return True  # the canary of a database without cells, which its server writes itself

    def has_cells(self) -> bool:
        return self._is_used


def _rows(*command: str | Path) -> Generator[list[str], None, None]:
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as program:
        try:
            for line in program.stdout or ():
                if line.startswith(_HEX):
                    yield line.rstrip("\n").split("\t")
            if program.wait():
                raise subprocess.CalledProcessError(program.returncode, command)
        finally:
            program.kill()


def _bytes(text: str) -> bytes:
    return bytes.fromhex(text.removeprefix(_HEX))


def _run(*command: str | Path, good: tuple[int, ...] = (0,)) -> None:
    ended = subprocess.run(command, check=False).returncode
    if ended not in good:
        raise subprocess.CalledProcessError(ended, command)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    verbs = parser.add_subparsers(required=True, metavar="VERB")
    for verb, paths in (
        (make, ("files", "backup", "keys")),
        (restore, ("files", "backup")),
        (restored, ()),
    ):
        told = verbs.add_parser(verb.__name__, help=verb.__doc__, description=verb.__doc__)
        told.set_defaults(verb=verb)
        told.add_argument("database")
        for name in paths:
            told.add_argument(name, type=Path, help=_HELP[name])
    return parser


def main() -> None:
    """Do what the command line says."""
    given = vars(_parser().parse_args())
    try:
        sys.stdout.write(given.pop("verb")(**given) + "\n")
    except (NotConfigured, OSError, ValueError, subprocess.CalledProcessError) as error:
        sys.exit(f"it failed: {error}")
    except otp.OtpError as error:
        sys.exit(f"it failed: {type(error).__name__}: {error}")


if __name__ == "__main__":
    main()
