"""Greenlets of gevent on each store, in a process of their own: patching is for a whole program."""

import os
import pathlib
import subprocess
import sys

import pytest

PROGRAM = pathlib.Path(__file__).with_name("greenlets.py")


def run(*words: str) -> "subprocess.CompletedProcess[str]":
    path = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    command = [sys.executable, "-W", "ignore", str(PROGRAM), *words]
    return subprocess.run(command, env=path, capture_output=True, text=True, timeout=600)


@pytest.mark.parametrize("store", ["host", "sqlite", "redis", "psycopg", "psycopg2"])
def test_case_286_forty_greenlets_share_a_store(store: str) -> None:
    done = run(store)
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"{store}: 40 greenlets are done\n"


def test_case_286_it_does_not_matter_when_the_program_was_patched() -> None:
    done = run("host", "late")
    assert done.returncode == 0, done.stderr
