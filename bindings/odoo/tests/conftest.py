"""A server with four workers, an administrator and a gateway that the tests share."""

import os

import pytest
from client import Borrower, Client, use_gateway
from fake_gateway import FakeGateway
from odoo_server import Database, Server


def pytest_collection_modifyitems(items):
    """Let the search for leaked codes come last: it looks through what all the others left."""
    items.sort(key=lambda item: "canary" in item.nodeid)


@pytest.fixture(scope="session")
def gateway():
    """Return a gateway that takes every message."""
    fake = FakeGateway()
    yield fake
    fake.close()


@pytest.fixture(scope="session")
def database():
    """Return a database with the addons."""
    database = Database(f"otp_outside_{os.getpid()}")
    yield database
    database.drop()


@pytest.fixture(scope="session")
def server(database, tmp_path_factory):
    """Return the server that all tests share."""
    server = Server(database, tmp_path_factory.mktemp("server"))
    yield server
    server.stop()


@pytest.fixture(scope="session")
def admin(server, gateway):
    """Return the administrator, who has made the gateway the server's."""
    admin = Client(server, "admin", "admin")
    use_gateway(admin, gateway)
    return admin


@pytest.fixture
def borrower(server, admin):
    """Return a portal user of this test's own: rate limits of other tests do not count."""
    yield Borrower(server, admin)
    assert server.armed() == [], "a planted fault did not strike"
