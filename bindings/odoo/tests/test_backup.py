"""A database is backed up and restored by the commands of docs/odoo.md, as they are printed."""

import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path

import otp_engine
import pytest
from client import Borrower, Client, use_gateway, wrong
from odoo_server import DATA, PG_BIN, Database, Server, postgres
from test_keys import KEYS, SIGNING_KEY, fresh_pem, secret

ROOT = Path(__file__).parents[3]
MAKE, RESTORE, RESTORED = re.findall(
    r"```sh\n(.*?)```",
    (ROOT / "docs/odoo.md")
    .read_text()
    .partition("## Back up and restore")[2]
    .partition("\n## ")[0],
    re.DOTALL,
)
SENDS, FAILURES = 6, 3


class Restored(Database):
    """A database that others made."""

    def __init__(self, name):
        self.name = name


class Machine:
    """A folder as the commands take it to be: with the addon, Odoo's files and keys."""

    def __init__(self, folder, keys, pem):
        self.folder = folder
        (folder / "esms_otp").symlink_to(ROOT / "bindings/odoo/esms_otp")
        (folder / "data").symlink_to(os.environ[DATA])
        (folder / "own").mkdir()
        self.keys, self.pem = folder / "own/keys.json", folder / "own/signing.pem"
        self.keys.write_text(json.dumps(keys))
        self.pem.write_text(pem)

    def named(self):
        """Return what names the keys in an environment."""
        return {KEYS: str(self.keys), SIGNING_KEY: str(self.pem)}

    def run(self, commands):
        """Run printed commands and return how they ended, with all that they said."""
        # The environment in which the package is: a link to its Python elsewhere would not find it.
        ours = os.path.dirname(sys.executable)
        path = ":".join([ours, os.environ[PG_BIN], os.environ["PATH"]])
        return subprocess.run(
            ["bash", "-euc", commands],
            cwd=self.folder,
            env={**os.environ, **self.named(), "PATH": path},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )


def databases():
    """Return the names of all databases."""
    return postgres("psql", "-Atd", "postgres", "-c", "SELECT datname FROM pg_database").decode()


@pytest.fixture(scope="module")
def lost(gateway, tmp_path_factory):
    """Return a machine whose backup is from before the last codes were used, and who has them."""
    keys = {"codes": {"k": secret()}, "current": "k", "index": secret(), "epoch": 0}
    machine = Machine(tmp_path_factory.mktemp("machine"), keys, fresh_pem())
    database = Database("production")
    server = Server(database, machine.folder, workers=2, environment=machine.named())
    try:
        admin = Client(server, "admin", "admin")
        use_gateway(admin, gateway)
        for name, most in (("recipient_sends_per_day", SENDS), ("user_failures_per_day", FAILURES)):
            admin.call("ir.config_parameter", "set_param", f"esms_otp.{name}", str(most))
        borrower = Borrower(server, admin, applications=4)
        borrower.send()
        assert borrower.verify(gateway.code(borrower.mobile))["status"] == 200
        borrower.before = borrower.signature()
        borrower.codes = {}
        for record in borrower.records[1:3]:
            assert borrower.send(record)["status"] == 200
            borrower.codes[record] = gateway.code(borrower.mobile)
        limited = Borrower(server, admin, applications=SENDS + 1)
        answers = [limited.send(record)["status"] for record in limited.records]
        assert answers == [200] * SENDS + [429]
        locked = Borrower(server, admin)
        locked.send()
        guess = wrong(gateway.code(locked.mobile))
        answers = [locked.verify(guess)["status"] for _ in range(FAILURES + 1)]
        assert answers == [400] * FAILURES + [423]

        made = machine.run(MAKE)
        assert made.returncode == 0, made.stdout
        # What the backup does not know.
        used, last = borrower.records[2:]
        assert borrower.verify(borrower.codes[used], used)["status"] == 200
        borrower.send(last)
        borrower.codes[last] = gateway.code(borrower.mobile)
        assert borrower.verify(borrower.codes[last], last)["status"] == 200
    finally:
        server.stop()
        database.drop()
    yield machine, borrower, limited, locked
    Restored("recovered").drop()


def test_case_495_other_keys_are_refused_before_anything_is_made(lost, tmp_path):
    """In words that say which file to name."""
    machine, *_ = lost
    stranger = {"codes": {"k": secret()}, "current": "k", "index": secret(), "epoch": 0}
    other = Machine(tmp_path, stranger, fresh_pem())
    (other.folder / "backups").symlink_to(machine.folder / "backups")
    *_, restore = RESTORE.splitlines()
    before = other.keys.read_text()
    refused = other.run(restore)
    assert refused.returncode == 1
    assert "names other keys than those of database 'recovered'" in refused.stdout
    assert "name the file that it was begun with" in refused.stdout
    assert "Traceback" not in refused.stdout
    assert other.keys.read_text() == before
    assert "recovered" not in databases().split()
    assert not (other.folder / "data/filestore/recovered").exists()


def test_case_495_after_a_restore_no_code_of_before_is_good_and_the_rest_holds(
    lost, gateway, tmp_path
):
    """Of a backup that does not know of the last codes that were used."""
    machine, borrower, limited, locked = lost
    done = machine.run(RESTORE + RESTORED)
    assert done.returncode == 0, done.stdout
    restored = machine.folder / "keys"
    assert json.loads((restored / "keys.json").read_text())["epoch"] > 0
    named = {KEYS: str(restored / "keys.json"), SIGNING_KEY: str(restored / "signing.pem")}
    server = Server(Restored("recovered"), tmp_path, workers=2, environment=named)
    try:
        borrower.log_in(server)
        assert borrower.signature() == borrower.before, "an old signature cannot be read"
        public = otp_engine.SigningKey.from_pem(machine.pem.read_text()).public_jwks
        assert otp_engine.verify_record(borrower.before["signature_record"], public)
        for record, code in borrower.codes.items():
            assert borrower.verify(code, record)["status"] == 400, "an old code was accepted"
            assert borrower.signature(record)["status"] == 404
        limited.log_in(server)
        assert limited.send(limited.records[-1])["status"] == 429
        locked.log_in(server)
        assert locked.send()["status"] == 423
        _, live, *_ = borrower.records
        sent = borrower.send(live)
        if sent["status"] == 429:  # the cooldown of the code in the backup, which is void
            time.sleep(sent["retry_after"])
            sent = borrower.send(live)
        assert sent["status"] == 200
        assert borrower.verify(gateway.code(borrower.mobile), live)["status"] == 200
    finally:
        server.stop()
