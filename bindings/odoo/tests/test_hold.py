"""Rejections wait for their time, and one worker is always left to others."""

import threading
import time

import pytest
from client import Borrower, Client, at_once, use_gateway, wrong
from fake_gateway import FakeGateway
from odoo_server import Database, Server

MOST = 0.3  # seconds


@pytest.fixture(scope="module")
def holding(tmp_path_factory):
    """Return a server of three workers that holds rejections for long, its admin and gateway."""
    database, gateway = Database("otp_hold"), FakeGateway()
    server = Server(database, tmp_path_factory.mktemp("hold"), workers=3)
    admin = Client(server, "admin", "admin")
    use_gateway(admin, gateway)
    hold(admin, 300)
    yield server, admin, gateway
    server.stop()
    gateway.close()
    database.drop()


def hold(admin, milliseconds):
    """Set the hold."""
    admin.call("ir.config_parameter", "set_param", "esms_otp.rejection_hold", str(milliseconds))


class Places:
    """Looks all the while how many workers of a server wait, with places of a kind."""

    def __init__(self, server, kind="esms_otp"):
        self.most, self._is_over = 0, threading.Event()
        self._name = f" @{kind} {server.pid} "
        self._thread = threading.Thread(target=self._look)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_raised):
        self._is_over.set()
        self._thread.join()

    def _look(self):
        while not self._is_over.wait(0.002):
            with open("/proc/net/unix") as names:
                held = sum(self._name in line for line in names)
            self.most = max(self.most, held)


def timed(call):
    """Return what a call returns, and its seconds."""
    begun = time.monotonic()
    return call(), time.monotonic() - begun


def test_each_kind_of_rejection_waits_and_an_accepted_code_does_not(holding):
    server, admin, gateway = holding
    borrower = Borrower(server, admin, applications=2)
    never = timed(lambda: borrower.verify("0000000000", record=borrower.records[1]))
    borrower.send()
    code = gateway.code(borrower.mobile)
    compared = timed(lambda: borrower.verify(wrong(code)))
    with Places(server) as places:
        assert borrower.verify(code)["status"] == 200
    assert places.most == 0
    with Places(server) as places:
        used = timed(lambda: borrower.verify(code))
    assert places.most == 1
    for answer, took in (never, compared, used):
        assert answer["status"] == 400
        assert took >= MOST, took


def test_one_worker_is_never_held_and_without_a_hold_none_is(holding):
    server, admin, _gateway = holding
    borrower = Borrower(server, admin)
    for milliseconds, most in ((300, 2), (0, 0)):
        hold(admin, milliseconds)
        with Places(server) as places:
            answers = at_once([lambda: borrower.verify("0000000000")] * 12)
        assert {answer["status"] for answer in answers} == {400}
        assert places.most == most
