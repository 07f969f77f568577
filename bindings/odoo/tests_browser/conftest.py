"""A real server, a gateway on loopback and Debian's Chromium, which the browser tests share."""

import os
import sys
from pathlib import Path

import pytest
from playwright.sync_api import expect, sync_playwright

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from client import Borrower, Client, use_gateway
from fake_gateway import FakeGateway
from odoo_server import Database, Server

CHROMIUM = os.environ.get("OTP_CHROMIUM", "/usr/bin/chromium")
SCREENS = {
    "desktop": {"viewport": {"width": 1100, "height": 800}},
    "phone": {"viewport": {"width": 390, "height": 844}, "is_mobile": True, "has_touch": True},
}
#: The first page of a server builds every asset bundle of Odoo.
FIRST_PAGE = 300_000
#: What the page shows once its script runs and knows whether the field is signed.
STARTED = ".o_esms_otp :is([data-part=form], [data-part=signed]):not([hidden])"
expect.set_options(timeout=30_000)


@pytest.fixture(scope="session")
def gateway():
    """Return a gateway that takes every message."""
    fake = FakeGateway()
    yield fake
    fake.close()


@pytest.fixture(scope="session")
def database():
    """Return a database with the addons."""
    database = Database("otp_browser")
    yield database
    database.drop()


@pytest.fixture(scope="session")
def server(database, tmp_path_factory):
    """Return the server that all tests share."""
    server = Server(database, tmp_path_factory.mktemp("server"), workers=2)
    yield server
    server.stop()


@pytest.fixture(scope="session")
def admin(server, gateway):
    """Return the administrator, who has made the gateway the server's."""
    admin = Client(server, "admin", "admin")
    use_gateway(admin, gateway)
    return admin


@pytest.fixture
def policy(admin):
    """Return what changes the policy; at first it is as the addon makes one."""

    def change(**values):
        admin.call("esms.otp.policy", "write", admin.call("esms.otp.policy", "search", []), values)

    change(digits=6, signature_required=False, cooldown=60, minutes=3)
    return change


@pytest.fixture
def borrower(server, admin, policy):
    """Return a portal user of this test's own."""
    return Borrower(server, admin)


@pytest.fixture(scope="session")
def chromium():
    """Return the browser."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def open_page(chromium, server):
    """Return what opens the page of a borrower's application in a browser of its own.

    Or another page, by its path; without a borrower nobody is logged in.
    """
    contexts = []

    def open_(borrower, screen="desktop", before=None, query="", path=None):
        context = chromium.new_context(locale="en-GB", **SCREENS[screen])
        contexts.append(context)
        if borrower and borrower.cookies:
            context.add_cookies(
                [
                    {"name": name, "value": value, "url": server.url}
                    for name, value in borrower.cookies.items()
                ]
            )
        page = context.new_page()
        page.faults = []
        page.on("pageerror", lambda error: page.faults.append(str(error)))
        page.on(
            "console",
            lambda said: page.faults.append(said.text) if said.type == "error" else None,
        )
        page.set_default_timeout(30_000)
        page.set_default_navigation_timeout(FIRST_PAGE)
        if before:
            before(page)
        where = server.url + path if path else address(server, borrower)
        page.answer = page.goto(where + query)
        if page.locator(".o_esms_otp").count():
            # Odoo loads scripts after the page: until then nothing listens, and nothing is shown.
            page.locator(STARTED).first.wait_for(timeout=FIRST_PAGE)
        return page

    yield open_
    for context in contexts:
        context.close()


def address(server, borrower):
    """Return where a borrower signs the application."""
    params = borrower.params()
    return f"{server.url}/my/esms_otp/{params['model']}/{params['id']}/{params['field']}"
