"""Keys are rotated while codes are live and signatures exist, as the administrator's page says."""

import base64
import json
import os
import secrets
import time
from pathlib import Path

import otp_engine
import pytest
import requests
from client import Borrower, Client, use_gateway
from odoo_server import Database, Server

KEYS, SIGNING_KEY = "ESMS_OTP_KEYS_FILE", "ESMS_OTP_SIGNING_KEY_FILE"
RETIRED = "ESMS_OTP_RETIRED_SIGNING_KEYS_FILE"


@pytest.fixture(scope="module")
def signed(gateway, tmp_path_factory):
    """Return a database with a signature and live codes, and who has them."""
    database = Database(f"otp_keys_{os.getpid()}")
    server = Server(database, tmp_path_factory.mktemp("before"), workers=2)
    try:
        admin = Client(server, "admin", "admin")
        use_gateway(admin, gateway)
        borrower = Borrower(server, admin, applications=3)
        borrower.send()
        borrower.signed = borrower.verify(gateway.code(borrower.mobile))
        assert borrower.signed["status"] == 200
        borrower.before = borrower.signature()
        borrower.codes = {}
        for record in borrower.records[1:]:
            borrower.send(record)
            borrower.codes[record] = gateway.code(borrower.mobile)
    finally:
        server.stop()
    yield database, borrower
    database.drop()


def test_keys_are_rotated_and_what_they_made_stays_good(signed, gateway, tmp_path):
    database, borrower = signed
    _, second, third = borrower.records
    keys = json.loads(Path(os.environ[KEYS]).read_text())
    old = keys["current"]
    keys["codes"]["new"], keys["current"] = secret(), "new"
    keys["retired"] = {old: int(time.time())}
    pem = Path(os.environ[SIGNING_KEY]).read_text()
    public = otp_engine.SigningKey.from_pem(pem).public_jwks
    (tmp_path / "retired.jwks").write_text(public)
    retired = {RETIRED: str(tmp_path / "retired.jwks")}
    server = serve(database, tmp_path / "rotated", keys, fresh_pem(), **retired)
    try:
        borrower.log_in(server)
        published = requests.get(f"{server.url}/esms_otp/jwks.json", timeout=120).text
        assert borrower.verify(borrower.codes[second], second)["status"] == 200
        assert borrower.signature() == borrower.before, "an old signature cannot be read"
        new = borrower.signature(second)["signature_record"]
    finally:
        server.stop()
    # What is published proves all of them: each by the key of its time, and by no other.
    for record in (borrower.before["signature_record"], new):
        assert otp_engine.verify_record(record, published)
    assert otp_engine.verify_record(borrower.before["signature_record"], public)
    assert not otp_engine.verify_record(new, public)
    # What follows a restored backup.
    keys["epoch"] = keys.get("epoch", 0) + 1
    server = serve(database, tmp_path / "restored", keys, pem)
    try:
        borrower.log_in(server)
        assert borrower.verify(borrower.codes[third], third)["status"] == 400
        assert borrower.signature()["signature_id"] == borrower.signed["signature_id"]
    finally:
        server.stop()


def test_without_its_keys_it_says_so_and_nothing_about_them(signed, tmp_path):
    database, borrower = signed
    server = serve(database, tmp_path / "keyless", {"codes": {}, "index": "c2hvcnQ="}, fresh_pem())
    try:
        borrower.log_in(server)
        answer = borrower.send(borrower.records[1])
        assert answer["status"] == 500
        assert KEYS in server.text() and "c2hvcnQ" not in server.text() + json.dumps(answer)
    finally:
        server.stop()


def test_case_200_other_keys_on_a_database_in_use_are_refused_with_the_reason(
    signed, gateway, tmp_path
):
    database, borrower = signed
    foreign = {"codes": {"k": secret()}, "current": "k", "index": secret()}
    sent = len(gateway.to(borrower.mobile))
    server = serve(database, tmp_path / "foreign", foreign, fresh_pem())
    try:
        borrower.log_in(server)
        assert borrower.send(borrower.records[1])["status"] == 500
        assert borrower.signature()["status"] == 500, "it must not look as if nothing was signed"
        assert "names other keys than those of database" in server.text()
        assert "_begin_store()" in server.text()
    finally:
        server.stop()
    assert len(gateway.to(borrower.mobile)) == sent
    # The control: its own keys are good.
    own = json.loads(Path(os.environ[KEYS]).read_text())
    server = serve(database, tmp_path / "own", own, Path(os.environ[SIGNING_KEY]).read_text())
    try:
        borrower.log_in(server)
        assert borrower.signature()["signature_id"] == borrower.signed["signature_id"]
    finally:
        server.stop()


def serve(database, folder, keys, pem, **more):
    """Start a server with keys of its own."""
    folder.mkdir()
    (folder / "keys.json").write_text(json.dumps(keys))
    (folder / "signing.pem").write_text(pem)
    named = {KEYS: str(folder / "keys.json"), SIGNING_KEY: str(folder / "signing.pem")}
    return Server(database, folder, workers=2, environment=named | more)


def secret():
    """Return a fresh secret as the key file holds it."""
    return base64.b64encode(secrets.token_bytes(32)).decode()


def fresh_pem():
    """Return a fresh signing key."""
    head = bytes.fromhex("302e020100300506032b657004220420")
    text = base64.b64encode(head + secrets.token_bytes(32)).decode()
    return f"-----BEGIN PRIVATE KEY-----\n{text}\n-----END PRIVATE KEY-----\n"
