"""The command line, by its exit codes; and the generated declarations."""

import os
import pathlib
import subprocess
import sys

import pytest
from support import REPOSITORY, binding, engine, issue, signer

import otp_engine as otp


def run(*args: object) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "otp_engine", *map(str, args)]
    return subprocess.run(command, capture_output=True, text=True, timeout=300)


def test_the_demo_plays_a_signing() -> None:
    done = run("demo")
    assert done.returncode == 0, done.stderr
    assert "the record verifies: True" in done.stdout


def test_version_help_and_self_test_end_well() -> None:
    done = run("version")
    assert (done.returncode, done.stdout.strip()) == (0, otp.__version__)
    assert run("--help").returncode == 0
    assert run("self-test").returncode == 0


def test_what_is_no_command_ends_with_2() -> None:
    assert run().returncode == 2
    assert run("no-such-command").returncode == 2
    assert run("verify").returncode == 2


def test_verify_ends_with_0_1_or_2(tmp_path: pathlib.Path) -> None:
    maker, store, to = engine(signing_key=signer()), otp.MemoryStore(keep_records=True), binding()
    record = maker.verify(store, to, issue(maker, store, to).code).record
    assert record is not None
    keys, good, bad = tmp_path / "keys", tmp_path / "good", tmp_path / "bad"
    keys.write_text(signer().public_jwks)
    good.write_text(record.sd_jwt + "\n")
    bad.write_text(f"{record.sd_jwt}\n{record.jws[:-9]}{'A' * 9}\n")
    (tmp_path / "empty").write_text("\n")
    (tmp_path / "noise").write_bytes(bytes(range(256)))
    assert run("verify", good, keys).returncode == 0
    assert run("verify", bad, keys).returncode == 1
    for records, jwks in (
        ("empty", "keys"), ("absent", "keys"), ("good", "absent"), ("good", "good"),
        ("noise", "keys"), ("good", "noise"),
    ):  # fmt: skip
        done = run("verify", tmp_path / records, tmp_path / jwks)
        assert (done.returncode, done.stdout) == (2, ""), (records, jwks, done)
        assert "Traceback" not in done.stderr
        at_fault = jwks if records == "good" else records
        assert str(tmp_path / at_fault) in done.stderr, done.stderr
    swapped = run("verify", keys, good)
    assert swapped.returncode == 2
    assert f"{good} is not JSON: a JWK set is expected there" in swapped.stderr


def test_the_example_store_runs_as_a_program(folder: pathlib.Path) -> None:
    example = REPOSITORY / "examples" / "python" / "sqlite_host_store.py"
    command = [sys.executable, str(example), str(folder / "cells.db")]
    assert subprocess.run(command, capture_output=True, timeout=300).returncode == 0
    command[-1] = "--help"
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0 and "usage:" in done.stdout
    assert not pathlib.Path("--help").exists()


def test_the_declarations_are_those_of_the_header() -> None:
    pytest.importorskip("pycparser")
    script = REPOSITORY / "bindings" / "python" / "gen_bindings.py"
    path = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, str(script), "--verify"]
    assert subprocess.run(command, env=path, timeout=300).returncode == 0
