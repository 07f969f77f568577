"""The controller of docs/existing-backends.md on a real Odoo that has no addon of ours.

Its store refuses a cluster that does not flush, as that of the other tests: this one has its own.
bindings/python/tests/test_existing_back_end.py holds it against a stand-in for Odoo.
"""

import base64
import io
import os
import subprocess
import sys
from pathlib import Path

import psycopg2
import pytest
import requests
from client import Client, Refused, at_once, wrong
from fake_gateway import FakeGateway
from odoo_server import CONF, PG_BIN, Server, postgres, run
from PIL import Image

sys.path.append(str(Path(__file__).parents[2] / "python" / "tests"))
from servers import PostgresServer, own_folder

#: The database that all others are copies of, without the addon.
BASE = "OTP_ODOO_BASE"
FIELD = "client_schedule_esms_otp_signature_ids"
MOBILE = "60123456789"
NAME = "existing"


class Back:
    """A database on a cluster of its own, and where it is."""

    def __init__(self, cluster):
        self.name, self.folder = NAME, cluster.folder
        self.dsn = f"host={cluster.folder} user=odoo dbname={NAME}"
        self.where = ["--db_host", str(cluster.folder), "--db_port", "5432", "--db_user", "odoo"]
        admin = psycopg2.connect(cluster.address)
        admin.autocommit = True
        with admin.cursor() as cursor:
            cursor.execute("CREATE ROLE odoo LOGIN CREATEDB")
            cursor.execute(f"CREATE DATABASE {NAME} OWNER odoo TEMPLATE template0")
        admin.close()
        program = Path(os.environ[PG_BIN]) / "pg_restore"
        restore = [program, "-h", cluster.folder, "-p", "5432", "-U", "odoo", "-d", NAME]
        dump = postgres("pg_dump", "-Fc", "--no-owner", os.environ[BASE])
        done = subprocess.run([*restore, "--no-owner"], input=dump, capture_output=True)
        assert done.returncode == 0, done.stderr.decode()

    def query(self, sql, *values):
        """Return the rows of a query."""
        connection = psycopg2.connect(self.dsn)
        try:
            with connection.cursor() as cursor:
                cursor.execute(sql, values or None)
                return cursor.fetchall()
        finally:
            connection.close()

    def module(self, name, *words):
        """Run a module of the package on the database."""
        command = [sys.executable, "-m", f"otp_engine.esms.{name}", self.dsn, *words]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout


@pytest.fixture(scope="module")
def gateway():
    """Return a gateway of this file's own."""
    fake = FakeGateway()
    yield fake
    fake.close()


@pytest.fixture(scope="module")
def back(gateway, tmp_path_factory):
    """Return the database as its owner left it, after the guide's steps 1 to 4."""
    keys = tmp_path_factory.mktemp("keys")
    with (
        own_folder() as folder,
        PostgresServer(folder) as cluster,
        pytest.MonkeyPatch.context() as to,
    ):
        to.setenv("OTP_KEYS", str(keys))
        to.setenv("ESMS_GATEWAY", f"{gateway.endpoint} key secret")
        back = Back(cluster)
        assert "the tables are there" in back.module("setup", str(keys))
        run(
            "-c", os.environ[CONF], *back.where, "-d", NAME, "-i", "existing_signing",
            "--stop-after-init",
        )  # fmt: skip
        yield back


@pytest.fixture(scope="module")
def server(back, tmp_path_factory):
    """Return four workers on it."""
    server = Server(back, tmp_path_factory.mktemp("server"), *back.where)
    yield server
    server.stop()


class Borrower(Client):
    """A user of the portal with a loan to sign."""

    def __init__(self, server, admin, number):
        login, self.mobile = f"borrower{number}", f"6012345{number:04}"
        portal = admin.call("ir.model.data", "check_object_reference", "base", "group_portal")[1]
        values = {
            "name": "Siti",
            "login": login,
            "password": login,
            "group_ids": [(6, 0, [portal])],
            "signing_mobile": f"+{self.mobile}",
        }
        user = admin.call("res.users", "create", [values], context={"no_reset_password": True})
        loan = {"name": f"LA/{number}", "amount": 1000, "user_id": user[0]}
        self.loan = admin.call("loan.application", "create", [loan])[0]
        super().__init__(server, login, login)

    def ask(self, name, **params):
        """Ask one of the routes."""
        where = {"model": "loan.application", "field": FIELD, "id": self.loan}
        return self.result(f"/api/esms_otp/{name}", {**where, **params})


@pytest.fixture(scope="module")
def admin(server):
    """Return the administrator."""
    return Client(server, "admin", "admin")


@pytest.fixture
def borrower(server, admin):
    """Return a borrower of this test's own."""
    Borrower.count = getattr(Borrower, "count", 0) + 1
    return Borrower(server, admin, Borrower.count)


def test_the_three_answers(borrower, gateway, back):
    """From the code to the record; within the cooldown the same code is named."""
    assert borrower.ask("get_esms_otp_signature")["status"] == 404
    sent = borrower.ask("send_esms_otp", redirect_url="/my/loans")
    assert (sent["status"], sent["message"]) == (200, "OTP generated successfully")
    again = borrower.ask("send_esms_otp", redirect_url="/my/loans")
    assert (again["status"], again["message"]) == (200, "OTP already sent")
    assert again["esms_otp_generation_id"] == sent["esms_otp_generation_id"]
    assert len(gateway.to(borrower.mobile)) == 1

    code = gateway.code(borrower.mobile)
    assert borrower.ask("verify_esms_otp", otp=wrong(code))["attempts_left"] == 4
    drawn = io.BytesIO()
    Image.new("1", (60, 20)).save(drawn, "PNG")
    image = base64.b64encode(drawn.getvalue()).decode()
    done = borrower.ask("verify_esms_otp", otp=code, signature=image, signer_name="Siti")
    assert (done["status"], done["redirect_url"]) == (200, "/my/loans")
    again = borrower.ask("verify_esms_otp", otp=code)
    assert again == {"status": 400, "message": "Invalid or expired OTP"}

    told = borrower.ask("get_esms_otp_signature")
    assert (told["signature"], told["signer_name"]) == (image, "Siti")
    assert told["esms_otp_generation_id"] == sent["esms_otp_generation_id"]
    named = sent["esms_otp_generation_id"].removeprefix("gen_")
    rows = back.query("SELECT id, record FROM otp_signature WHERE generation = %s", named)
    assert rows == [(done["signature_id"], told["signature_record"])]


def test_an_old_signature_stays_readable(borrower, gateway, admin, back):
    """Until the field is signed anew; it has no record, and Get says so."""
    old = {
        "loan_id": borrower.loan,
        "generation": "gen_839210",
        "signer_name": "Siti",
        "verified_at": "2024-05-15 10:03:00",
        "mobile": borrower.mobile,
    }
    row = admin.call("old.signature", "create", [old])[0]
    told = borrower.ask("get_esms_otp_signature")
    assert (told["status"], told["signature_record"], told["signature_id"]) == (200, False, row)
    assert (told["esms_otp_generation_id"], told["verified_at"]) == (
        "gen_839210",
        "2024-05-15 10:03:00",
    )
    tried = back.module("migrate_old", "old_signature", "--dry-run")
    assert "would be added: otp_record_id, otp_record" in tried and "old rows: 1" in tried
    assert back.module("migrate_old", "old_signature") == tried.replace("would be added", "added")
    borrower.ask("send_esms_otp")
    assert borrower.ask("verify_esms_otp", otp=gateway.code(borrower.mobile))["status"] == 200
    assert borrower.ask("get_esms_otp_signature")["signature_record"]
    assert admin.call("old.signature", "read", [row])[0]["generation"] == "gen_839210"


def test_who_may_not_sign_is_told_so(borrower, server, admin, gateway):
    """A stranger to the loan, another field, nobody, and a body that says nothing."""
    other = Borrower(server, admin, 5000)
    other.loan = borrower.loan
    assert other.ask("send_esms_otp")["status"] == 404
    assert borrower.ask("send_esms_otp", field="amount")["status"] == 403
    bad = borrower.ask("send_esms_otp", id="x")
    assert bad["status"] == 400 and "id" in bad["message"]
    borrower.cookies = {}
    with pytest.raises(Refused):
        borrower.ask("send_esms_otp")
    answer = requests.post(f"{server.url}/api/esms_otp/send_esms_otp", json={}, timeout=60)
    assert "error" in answer.json()
    assert gateway.to(borrower.mobile) == gateway.to(other.mobile) == []


def test_one_of_many_at_once(borrower, gateway, back):
    """The right code from eight threads, over four workers."""
    sent = borrower.ask("send_esms_otp")
    code = gateway.code(borrower.mobile)
    answers = at_once([lambda: borrower.ask("verify_esms_otp", otp=code)] * 8)
    assert sorted(answer["status"] for answer in answers) == [200] + [400] * 7
    named = sent["esms_otp_generation_id"].removeprefix("gen_")
    count = "SELECT count(*) FROM otp_signature WHERE generation = %s"
    assert back.query(count, named) == [(1,)]
