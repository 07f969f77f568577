"""A gateway that takes its time: the server's workers are for others meanwhile."""

import threading
import time

import pytest
import requests
from client import ALREADY, GENERATED, Borrower, Client, use_gateway
from fake_gateway import FakeGateway
from odoo_server import Database, Server

DELAY = 8


@pytest.fixture(scope="module")
def slow(tmp_path_factory):
    """Return a server of two workers, whose gateway takes its time, and its administrator."""
    database, gateway = Database("otp_slow"), FakeGateway()
    server = Server(database, tmp_path_factory.mktemp("slow"), workers=2)
    admin = Client(server, "admin", "admin")
    use_gateway(admin, gateway)
    admin.call("ir.config_parameter", "set_param", "esms_otp.gateway_wait", "2")  # the default
    yield server, admin, gateway
    server.stop()
    gateway.close()
    database.drop()


def test_case_328_the_answer_comes_in_time_and_the_gateways_is_taken_when_it_comes(slow):
    """The gateway's status is empty for what is on its way; the code is good when it comes."""
    server, admin, gateway = slow
    borrower = Borrower(server, admin)
    gateway.answer_next(delay=DELAY)
    begun = time.monotonic()
    sent = borrower.send()
    took = time.monotonic() - begun
    assert took < DELAY - 1, took
    assert (sent["status"], sent["message"]) == (200, GENERATED)
    assert sent["esms_otp_response_status"] == ""
    again = borrower.send()
    assert (again["message"], again["esms_otp_response_status"]) == (ALREADY, "")
    for _ in range(100):
        [row] = admin.call(
            "esms.otp.generation", "search_read",
            [("generation", "=", sent["esms_otp_generation_id"])], ["gateway_status"],
        )  # fmt: skip
        if row["gateway_status"] == "0":
            break
        time.sleep(0.3)
    assert row["gateway_status"] == "0", "the report was taken"
    assert borrower.send()["esms_otp_response_status"] == "0"
    assert len(gateway.to(borrower.mobile)) == 1
    assert borrower.verify(gateway.code(borrower.mobile))["status"] == 200


def test_case_328_a_late_refusal_is_refunded(slow):
    """As one that comes in time: the next send goes out after the short wait."""
    server, admin, gateway = slow
    borrower = Borrower(server, admin)
    gateway.answer_next(status=5, delay=4)
    assert borrower.send()["esms_otp_response_status"] == ""
    end = time.monotonic() + 60
    while (sent := borrower.send()).get("message") != GENERATED:
        assert time.monotonic() < end, sent
        time.sleep(1)
    assert len(gateway.to(borrower.mobile)) == 2


def test_case_328_the_login_page_answers_beside_slow_sends(slow):
    """And no transaction of a request is idle meanwhile."""
    server, admin, gateway = slow
    borrowers = [Borrower(server, admin) for _ in range(2)]
    for _ in borrowers:
        gateway.answer_next(delay=DELAY)
    threads = [threading.Thread(target=borrower.send) for borrower in borrowers]
    for thread in threads:
        thread.start()
    time.sleep(1)
    idle = server.database.query(
        """SELECT count(*) FROM pg_stat_activity WHERE datname = %s
        AND state LIKE 'idle in transaction%%' AND now() - state_change > interval '0.5 s'""",
        server.database.name,
    )
    begun = time.monotonic()
    assert requests.get(f"{server.url}/web/login", timeout=60).status_code == 200
    took = time.monotonic() - begun
    for thread in threads:
        thread.join()
    assert took < DELAY - 3, took
    assert idle == [(0,)]
