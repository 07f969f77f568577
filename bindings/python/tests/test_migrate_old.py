"""The script that readies a table of old signatures, on a real PostgreSQL."""

import contextlib
import hashlib
import json
import os
import pathlib
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import psycopg
import psycopg2
import pytest
import servers

from otp_engine.esms.migrate_old import COLUMNS, migrate


@pytest.fixture(scope="module")
def server() -> Iterator[Any]:
    with servers.own_folder() as folder, servers.PostgresServer(folder) as started:
        yield started


@pytest.fixture
def owner(server: Any) -> Iterator[Any]:
    with psycopg.connect(server.address, autocommit=True) as owner:
        owner.execute(
            """DROP TABLE IF EXISTS old_signature; CREATE TABLE old_signature (
                id serial PRIMARY KEY, res_id int, signer_name text, image bytea,
                verified_at timestamptz DEFAULT '2024-05-15 10:03:00+00');
            INSERT INTO old_signature (res_id, signer_name, image)
                SELECT n, 'Siti ' || n, sha256(n::text::bytea) FROM generate_series(1, 250) AS n"""
        )
        yield owner


def run(*words: str) -> "subprocess.CompletedProcess[str]":
    paths = os.pathsep.join(sys.path)
    return subprocess.run(
        [sys.executable, "-W", "ignore", "-m", "otp_engine.esms.migrate_old", *words],
        env={**os.environ, "PYTHONPATH": paths}, capture_output=True, text=True, timeout=300,
    )  # fmt: skip


def columns(owner: Any) -> list[str]:
    rows = owner.execute("SELECT * FROM old_signature LIMIT 0").description
    return [column.name for column in rows]


def test_case_477_a_dry_run_tells_and_changes_nothing(server: Any, owner: Any) -> None:
    before = columns(owner)
    done = run(server.address, "old_signature", "--dry-run")
    assert done.returncode == 0, done.stderr
    assert (
        "would be added: otp_record_id, otp_record\nold rows: 250\nSHA-256 of id, " in done.stdout
    )
    assert columns(owner) == before
    # Its digest is that of the run which changes, and of each one after it.
    real = run(server.address, "old_signature")
    assert real.stdout == done.stdout.replace("would be added", "added")
    assert columns(owner) == [*before, *COLUMNS]
    again = run(server.address, "old_signature")
    assert again.stdout == done.stdout.replace(
        "would be added: otp_record_id, otp_record", "added: nothing"
    )


def test_case_477_new_rows_leave_the_digest_and_a_changed_old_one_does_not(
    server: Any, owner: Any, tmp_path: pathlib.Path
) -> None:
    listed = tmp_path / "old.jsonl"
    with contextlib.closing(psycopg2.connect(server.address)) as connection:
        first = migrate(connection, "old_signature")
        owner.execute(
            "INSERT INTO old_signature (res_id, otp_record_id, otp_record) VALUES (15, 'r', 'jws')"
        )
        assert migrate(connection, "old_signature", dry_run=True).digest == first.digest
    # Whatever a role or a machine has set.
    owner.execute(
        """ALTER ROLE otp SET TimeZone = 'Asia/Kuala_Lumpur';
        ALTER ROLE otp SET DateStyle = 'German';
        ALTER ROLE otp SET bytea_output = 'escape'"""
    )
    try:
        done = run(server.address, "old_signature", "--dry-run", "--list", str(listed))
    finally:
        owner.execute("ALTER ROLE otp RESET ALL")
    assert done.returncode == 0, done.stderr
    assert first.digest in done.stdout and "old rows: 250" in done.stdout
    # What the list holds is what the digest is of.
    assert hashlib.sha256(listed.read_bytes()).hexdigest() == first.digest
    lines = [json.loads(line) for line in listed.read_text().splitlines()]
    assert len(lines) == 250 and {line["res_id"] for line in lines} == {*range(1, 251)}
    refused = run(server.address, "old_signature", "--dry-run", "--list", str(listed))
    assert refused.returncode == 1 and "exists" in refused.stderr
    for change in (
        "UPDATE old_signature SET signer_name = 'Ali' WHERE id = 7",
        "DELETE FROM old_signature WHERE id = 8",
        "UPDATE old_signature SET otp_record = 'made up' WHERE id = 9",
    ):
        with psycopg.connect(server.address) as other:
            other.execute(change.encode())
            other.commit()
        said = run(server.address, "old_signature", "--dry-run").stdout
        assert first.digest not in said, change


@pytest.mark.parametrize(
    ("change", "words", "said"),
    [
        ("", ["no_such_table"], "there is no table no_such_table"),
        ("CREATE OR REPLACE VIEW seen AS SELECT 1 AS id", ["seen"], "seen is no table"),
        ("", ["old_signature", "--key", "nr"], "has no column nr"),
        ("", ["old_signature", "--key", "res_id"], "res_id is no key of its own"),
        ("ALTER TABLE old_signature ADD otp_record int", ["old_signature"], "another type"),
        (
            "ALTER TABLE old_signature ADD otp_record text DEFAULT ''",
            ["old_signature"],
            "otp_record: there with another type, or a default",
        ),
    ],
)
def test_case_478_what_does_not_fit_is_named_and_nothing_is_changed(
    server: Any, owner: Any, change: str, words: list[str], said: str
) -> None:
    if change:
        owner.execute(change)
    before = columns(owner)
    done = run(server.address, *words)
    assert done.returncode == 1 and said in done.stderr and not done.stdout
    assert columns(owner) == before


def test_case_478_who_does_not_own_the_table_is_told_so(server: Any, owner: Any) -> None:
    owner.execute(
        """DROP ROLE IF EXISTS reader; CREATE ROLE reader LOGIN;
        GRANT SELECT ON old_signature TO reader"""
    )
    done = run(server.address.replace("user=otp", "user=reader"), "old_signature", "--dry-run")
    owner.execute("DROP OWNED BY reader")
    assert done.returncode == 1 and "does not own old_signature" in done.stderr
    done = run(f"host={server.folder / 'nowhere'}", "old_signature")
    assert done.returncode == 1 and done.stderr.startswith("migrate_old: ")
