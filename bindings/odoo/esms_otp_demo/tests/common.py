"""What the tests share: keys of their own, a clock to turn, and a gateway that records."""

import io
import os
import re
import tempfile
from datetime import datetime, timedelta, timezone
from pathlib import Path
from unittest.mock import patch

import otp_engine as otp
from otp_engine.esms import flow
from otp_engine.esms.gateway import SendResult
from PIL import Image, ImageDraw

from odoo.tests import HttpCase, TransactionCase, tagged

from odoo.addons.esms_otp import engine as engine_module
from odoo.addons.esms_otp.make_keys import make_keys
from odoo.addons.esms_otp.projection import Projection
from odoo.addons.esms_otp.store import opened

FIELD = "client_schedule_esms_otp_signature_ids"
MODEL = "loan.application"
GENERATION = re.compile(r"gen_[0-7][0-9A-HJKMNP-TV-Z]{25}")


def drawn():
    """Return a small signature as a PNG that decoders open."""
    image = Image.new("L", (120, 40), 255)
    ImageDraw.Draw(image).line([(10, 30), (40, 8), (70, 32), (110, 10)], fill=0, width=3)
    written = io.BytesIO()
    image.save(written, "PNG")
    return written.getvalue()


PNG = drawn()


class Clock:
    """The engine's time and the controllers'; it stands still until a test turns it."""

    def __init__(self):
        self.now = datetime.now(timezone.utc).replace(microsecond=0)

    def seconds(self):
        return int(self.now.timestamp())

    def turn(self, seconds):
        self.now += timedelta(seconds=seconds)


class Gateway:
    """Keeps what was sent; answers what it is told to."""

    def __init__(self):
        self.sent = []
        self.answer = SendResult(True, "0", "provider-id")

    def send(self, to, text, reference):
        self.sent.append((to, text, reference))
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer

    @property
    def code(self):
        """The code of the latest message."""
        return re.search(r"\b\d{6}\b", self.sent[-1][1])[0]

    @property
    def wrong(self):
        """A code that is not the right one."""
        return f"{(int(self.code) + 1) % 10**6:06}"


class Here:
    """Sends on the thread of the request: a test has one connection, which that thread holds."""

    def __init__(self, send, _late):
        self.send, self.answer = send, None

    def start(self):
        try:
            self.answer = self.send()
        except Exception as error:
            self.answer = error

    def wait(self, _seconds):
        return self.answer


class Fixture:
    """To be mixed into a test case: engine, gateway, a borrower and a loan."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        folder = cls.enterClassContext(tempfile.TemporaryDirectory())
        keys, signing_key = make_keys(Path(folder) / "keys")
        named = {
            engine_module.KEYS_FILE: str(keys),
            engine_module.SIGNING_KEY_FILE: str(signing_key),
        }
        cls.enterClassContext(patch.dict(os.environ, named))
        cls.borrower = cls.env.ref("esms_otp_demo.user_borrower")
        cls.other = cls.env.ref("esms_otp_demo.user_other")
        cls.loan = cls.env["loan.application"].create(
            {"name": "LA/TEST", "amount": 1000, "user_id": cls.borrower.id}
        )
        cls.policy = cls.env.ref("esms_otp_demo.policy_client_schedule")
        cls.policy.content_field_ids = False
        cls.gateway_row = cls.env["esms.otp.gateway"].create({"name": "test", "provider": "log"})
        cls.env.company.esms_otp_gateway_id = cls.gateway_row

    def setUp(self):
        super().setUp()
        self.clock = Clock()
        made_engine = otp.Engine

        def with_clock(*args, **named):
            return made_engine(*args, clock=self.clock.seconds, **named)

        self.patch(otp, "Engine", with_clock)
        self.patch(flow, "_now", lambda: self.clock.now)
        self.patch(flow, "Sending", Here)
        engine_module.forget()
        self.addCleanup(engine_module.forget)
        self.gateway = Gateway()
        self.patch(self.registry["esms.otp.gateway"], "_sender", lambda _row: self.gateway)


class OtpCase(Fixture, TransactionCase):
    """Without HTTP: the store's cursors are savepoints of the test's transaction."""

    def setUp(self):
        super().setUp()
        self.registry_enter_test_mode()

    def sign(self, loan=None, user=None, image=None, name=None):
        """Sign a loan as the routes do; return the row."""
        loan, user = loan or self.loan, user or self.borrower
        tenant = self.env["esms.otp.cell"]._tenant()
        self.env.flush_all()
        binding = self.policy._binding(loan, FIELD, user, tenant)
        engine = engine_module.engine().with_policy(self.policy._limits())
        row = Projection(loan.company_id.id, image)
        evidence = otp.Evidence(signer_name=name, image=image, user_name=user.name, ip="192.0.2.1")
        with opened(self.registry, row) as store:
            issued = engine.issue(store, binding)
            self.assertTrue(issued)
            verdict = engine.verify(store, binding, issued.code, None, evidence)
        self.assertTrue(verdict)
        self.clock.turn(120)
        return self.env["esms.otp.signature"].browse(row.signature_id)


# Before all other tests: one that comes after the installation builds all assets first.
@tagged("at_install", "-post_install")
class RouteCase(Fixture, HttpCase):
    """Over HTTP, logged in as the borrower."""

    def setUp(self):
        super().setUp()
        self.authenticate("borrower", "borrower")
        self.where = {"model": MODEL, "field": FIELD, "id": self.loan.id}

    def post(self, route, params, query=None):
        """Post to a route; return the whole envelope."""
        response = self.url_open(f"/api/esms_otp/{route}", json={"params": params}, params=query)
        self.assertEqual(response.status_code, 200)
        self.assertEqual(response.headers["Content-Type"], "application/json; charset=utf-8")
        self.assertNotIn("Traceback", response.text)
        return response.json()

    def result(self, route, params, query=None):
        envelope = self.post(route, params, query)
        self.assertEqual(set(envelope), {"jsonrpc", "id", "result"}, envelope)
        return envelope["result"]

    def send(self, query=None, **params):
        return self.result("send_esms_otp", {**self.where, **params}, query)

    def verify(self, otp, query=None, **params):
        return self.result("verify_esms_otp", {**self.where, "otp": otp, **params}, query)

    def get(self, query=None, **params):
        return self.result("get_esms_otp_signature", {**self.where, **params}, query)

    def assertResult(self, result, **expected):
        """Assert exactly these members; a type stands for any value of it."""
        self.assertEqual(set(result), set(expected), result)
        for name, value in expected.items():
            if isinstance(value, type):
                self.assertIs(type(result[name]), value, (name, result))
            elif isinstance(value, re.Pattern):
                self.assertRegex(result[name], value)
            else:
                self.assertEqual(result[name], value, name)
                self.assertIs(type(result[name]), type(value), name)

    def at(self, seconds=0):
        """Return a time from now as the contract writes it."""
        return (self.clock.now + timedelta(seconds=seconds)).strftime("%Y-%m-%d %H:%M:%S")
