"""The files behind SqliteStore: what was erased leaves them, and others are not taken for them."""

import os
import pathlib
import shutil
import sqlite3
from collections.abc import Callable

import pytest
from support import binding, engine, issue, signer

import otp_engine as otp

TARGET = otp.Target("loan.application", "signature", "15")


def bytes_of(path: pathlib.Path) -> bytes:
    """Return all that file and log hold."""
    return path.read_bytes() + path.with_name(path.name + "-wal").read_bytes()


def test_case_253_what_is_erased_is_in_neither_file_nor_log(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "otp.sqlite3"
    maker, store, to = engine(signing_key=signer()), otp.SqliteStore(path), binding()
    code = issue(maker, store, to).code
    evidence = otp.Evidence(signer_name="Siti binti Aminah", ip="203.0.113.9")
    record = maker.verify(store, to, code, evidence=evidence).record
    assert record is not None and len(record.disclosures) >= 3
    assert all(text.encode() in bytes_of(path) for text in record.disclosures)
    left = maker.erase(store, "acme", TARGET, 1, ["typed", "ip", "number"])
    assert left is not None
    gone = set(record.disclosures) - set(left.disclosures)
    assert len(gone) == 3
    assert not any(text.encode() in bytes_of(path) for text in gone)


def foreign_opener(path: pathlib.Path) -> None:
    """Open and close the file by another SQLite library of this process: it drops our locks, takes
    itself for the last, and removes the log.
    """
    with sqlite3.connect(path) as other:
        other.execute("SELECT count(*) FROM cell").fetchone()
    other.close()


def log_removed(path: pathlib.Path) -> None:
    os.remove(f"{path}-wal")


def file_replaced(path: pathlib.Path) -> None:
    shutil.copy(path, copy := f"{path}.copy")
    os.replace(copy, path)


@pytest.mark.parametrize("meddle", [foreign_opener, log_removed, file_replaced])
def test_case_254_a_code_is_not_accepted_twice_where_files_were_replaced(
    tmp_path: pathlib.Path, meddle: Callable[[pathlib.Path], None]
) -> None:
    path = tmp_path / "otp.sqlite3"
    maker, to, old = engine(), binding(), otp.SqliteStore(path)
    code = issue(maker, old, to).code
    before = os.stat(f"{path}-wal").st_ino, os.stat(path).st_ino
    meddle(path)
    after = [os.stat(name).st_ino if os.path.exists(name) else 0 for name in (f"{path}-wal", path)]
    accepted, said = 0, list[str]()
    for opened in (lambda: old, lambda: otp.SqliteStore(path)):
        try:
            accepted += bool(maker.verify(opened(), to, code))
        except otp.StoreError as error:  # as may the new one, beside what the old one still holds
            assert tuple(after) != before, "the control: nothing was replaced"
            said.append(str(error))
    assert accepted <= 1
    assert "was replaced or removed" in said[0]
