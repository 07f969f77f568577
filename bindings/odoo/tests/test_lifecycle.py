"""Upgrade, neutralization, uninstall and reinstall, each on a copy of a database that was used."""

import json
import os

import pytest
from client import Borrower, Client, use_gateway
from odoo_server import CONF, Database, Server, run

ADDON = "esms_otp"
#: What the version before did not have.
NEW_TABLES = ["esms_otp_outbox"]
NEW_COLUMNS = [
    ("esms_otp_policy", "otherwise"),
    ("esms_otp_policy", "gateway_id"),
    ("res_users", "esms_otp_email"),
    ("esms_otp_generation", "waiting_since"),
]


def rows(database):
    """Return all rows of the addon, by table, each by its columns."""
    tables = database.query("SELECT tablename FROM pg_tables WHERE tablename LIKE 'esms_otp%'")
    return {
        table: [row for (row,) in database.query(f"SELECT to_jsonb(t) FROM {table} t")]
        for (table,) in tables
    }


def odoo(database, *arguments, check=True):
    """Run a command of Odoo on a database."""
    return run(*arguments, "-c", os.environ[CONF], "-d", database.name, check=check)


def module(database, verb, *, check=True):
    """Install or uninstall the addon."""
    return run("module", verb, "-c", os.environ[CONF], "-d", database.name, ADDON, check=check)


def state(database):
    """Return whether the addon is installed."""
    return database.query("SELECT state FROM ir_module_module WHERE name = %s", ADDON)[0][0]


def cells(database):
    """Return how many cells there are."""
    return database.query("SELECT count(*) FROM esms_otp_cell")[0][0]


@pytest.fixture(scope="module")
def original(gateway, tmp_path_factory):
    """Return a database with one signature and one live code, and who has them."""
    database = Database(f"otp_original_{os.getpid()}")
    server = Server(database, tmp_path_factory.mktemp("original"), workers=2)
    try:
        admin = Client(server, "admin", "admin")
        use_gateway(admin, gateway)
        borrower = Borrower(server, admin, applications=2)
        borrower.send()
        borrower.signed = borrower.verify(gateway.code(borrower.mobile))
        assert borrower.signed["status"] == 200
        borrower.live = borrower.send(borrower.records[1])
    finally:
        server.stop()
    yield database, borrower
    database.drop()


@pytest.fixture
def used(original):
    """Return a copy of that database of a test's own."""
    database, borrower = original
    copy = Database(f"otp_used_{os.getpid()}", database.name)
    yield copy, borrower
    copy.drop()


@pytest.fixture
def unused():
    """Return a database with the addon, in which nobody signed."""
    database = Database(f"otp_unused_{os.getpid()}")
    yield database
    database.drop()


def test_an_upgrade_keeps_signatures_and_live_codes(used, gateway, tmp_path):
    database, borrower = used
    database.query(f"DROP TABLE {', '.join(NEW_TABLES)} CASCADE")
    for table, column in NEW_COLUMNS:
        database.query(f"ALTER TABLE {table} DROP COLUMN {column}")
    before = rows(database)
    assert len(before["esms_otp_signature"]) == 1 and before["esms_otp_cell"]
    odoo(database, "-u", ADDON, "--stop-after-init", "--no-http")
    assert state(database) == "installed"
    after = rows(database)
    assert set(NEW_TABLES) <= set(after)
    assert "otherwise" in after["esms_otp_policy"][0]
    for table, kept in before.items():
        columns = kept[0] if kept else ()
        again = [{name: row[name] for name in columns} for row in after[table]]
        assert sorted(again, key=json.dumps) == sorted(kept, key=json.dumps), table
    server = Server(database, tmp_path / "upgraded", workers=2)
    try:
        borrower.log_in(server)
        assert borrower.signature()["signature_id"] == borrower.signed["signature_id"]
        code = gateway.code(borrower.mobile)
        assert borrower.verify(code, borrower.records[1])["status"] == 200
    finally:
        server.stop()


def test_a_neutralized_copy_sends_nothing_and_takes_no_live_code(used, gateway, tmp_path):
    database, borrower = used
    code = gateway.code(borrower.mobile)
    odoo(database, "neutralize")
    server = Server(database, tmp_path / "neutral", workers=2)
    try:
        borrower.log_in(server)
        assert borrower.signature()["signature_id"] == borrower.signed["signature_id"]
        before = len(gateway.messages)
        assert borrower.verify(code, borrower.records[1])["status"] == 400
        borrower.send(borrower.records[1])
        assert len(gateway.messages) == before, "a copy sent a message"
    finally:
        server.stop()


def test_signatures_are_not_uninstalled(used):
    database, _ = used
    done = module(database, "uninstall", check=False)
    assert done.returncode != 0 and "signature" in done.stdout, done.stdout[-2000:]
    assert state(database) == "installed"
    assert database.query("SELECT count(*) FROM esms_otp_signature") == [(1,)]


def test_without_signatures_it_is_uninstalled_and_installed_again(unused):
    key = b"\1" * 32
    unused.query("INSERT INTO esms_otp_cell (key, version, body) VALUES (%s, 1, 'kept')", key)
    module(unused, "uninstall")
    assert state(unused) == "uninstalled"
    assert unused.query("SELECT to_regclass('esms_otp_signature')") == [(None,)]
    module(unused, "install")
    assert state(unused) == "installed"
    assert cells(unused) == 1, "the cells were not kept"
