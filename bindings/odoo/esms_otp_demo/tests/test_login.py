"""Apps log in by an API key; pages of other origins are let in by a setting, and by a key alone."""

from datetime import timedelta

import otp_engine as otp

from odoo import fields
from odoo.exceptions import ValidationError
from odoo.tests import tagged

from .common import OtpCase, RouteCase

ROUTES = ("send_esms_otp", "verify_esms_otp", "get_esms_otp_signature")
APP = "https://app.example.com"


class TestLogin(RouteCase):
    def setUp(self):
        super().setUp()
        self.authenticate(None, None)
        self.key = (
            self.env["res.users.apikeys"]
            .with_user(self.borrower)
            .sudo()
            ._generate(None, "app", fields.Datetime.now() + timedelta(days=1))
        )

    def ask(self, route="send_esms_otp", key=None, origin=None, method=None, **params):
        headers = {}
        if key:
            headers["Authorization"] = f"Bearer {key}"
        if origin:
            headers["Origin"] = origin
        return self.url_open(
            f"/api/esms_otp/{route}",
            json={"params": {**self.where, **params}},
            headers=headers,
            method=method,
        )

    def allow(self, origins):
        self.env["res.config.settings"].create({"esms_otp_allowed_origins": origins}).execute()

    def test_case_325_an_app_signs_by_its_key(self):
        sent = self.ask(key=self.key).json()["result"]
        self.assertEqual((sent["status"], sent["recipient_mobile"]), (200, "60123456789"))
        verified = self.ask("verify_esms_otp", self.key, otp=self.gateway.code).json()["result"]
        self.assertEqual(verified["status"], 200)
        signed = self.ask("get_esms_otp_signature", self.key).json()["result"]
        self.assertEqual(signed["signature_id"], verified["signature_id"])

    def test_case_325_a_key_opens_no_session(self):
        answer = self.ask(key=self.key)
        self.assertNotIn("session_id", answer.headers.get("Set-Cookie", ""))
        self.assertEqual(self.ask().json()["error"]["code"], 100)

    def test_case_325_a_wrong_key_is_not_logged_in(self):
        for route in ROUTES:
            for key in ("x" * 40, self.key[:-1] + "x", self.key + "x"):
                with self.subTest(f"{route} {key[:3]}"):
                    self.assertEqual(self.ask(route, key).json()["error"]["code"], 100)
        self.assertFalse(self.gateway.sent)

    def test_case_325_a_key_that_was_withdrawn_is_not_logged_in(self):
        self.env["res.users.apikeys"].search([("user_id", "=", self.borrower.id)])._remove()
        self.assertEqual(self.ask(key=self.key).json()["error"]["code"], 100)

    def test_case_325_no_origin_is_let_in_by_itself(self):
        for method in (None, "OPTIONS"):
            answer = self.ask(key=self.key, origin=APP, method=method)
            self.assertIn(answer.status_code, (200, 204))
            self.assertNotIn("Access-Control-Allow-Origin", answer.headers)
            self.assertNotIn("Access-Control-Allow-Headers", answer.headers)

    def test_case_325_an_allowed_origin_is_let_in_by_a_key(self):
        self.allow(f"https://other.example.com {APP}")
        for route in ROUTES:
            preflight = self.ask(route, origin=APP, method="OPTIONS")
            self.assertEqual(preflight.status_code, 204)
            for name, value in (
                ("Origin", APP), ("Methods", "POST"), ("Headers", "Authorization, Content-Type"),
            ):  # fmt: skip
                self.assertEqual(preflight.headers[f"Access-Control-Allow-{name}"], value)
            self.assertNotIn("Access-Control-Allow-Credentials", preflight.headers)
        for key in (self.key, None):  # a page must be able to read that it is logged out
            answer = self.ask(key=key, origin=APP)
            self.assertEqual(answer.headers["Access-Control-Allow-Origin"], APP)
            self.assertNotIn("Access-Control-Allow-Credentials", answer.headers)
        self.assertEqual(len(self.gateway.sent), 1)

    def test_case_325_every_other_origin_is_not(self):
        self.allow(APP)
        for origin in (
            "https://app.example.com.evil.example", "http://app.example.com",
            "https://app.example.com:8443", "null", "https://APP.example.com.",
        ):  # fmt: skip
            for method in (None, "OPTIONS"):
                answer = self.ask(key=self.key, origin=origin, method=method)
                self.assertNotIn("Access-Control-Allow-Origin", answer.headers, origin)

    def test_case_330_the_public_key_is_where_verifiers_find_it(self):
        self.authenticate("borrower", "borrower")
        self.send()
        self.verify(self.gateway.code)
        record = self.get()["signature_record"]
        self.authenticate(None, None)
        answer = self.url_open("/esms_otp/jwks.json")
        self.assertEqual(answer.headers["Content-Type"], "application/jwk-set+json")
        self.assertTrue(otp.verify_record(record, answer.text))
        self.assertNotIn('"d"', answer.text)


@tagged("at_install", "-post_install")
class TestOrigins(OtpCase):
    def test_case_325_what_is_no_origin_is_refused_by_its_name(self):
        settings = self.env["res.config.settings"]
        for text in ("*", "app.example.com", APP + "/", APP + "/path", f"{APP}, {APP}", "null"):
            with self.subTest(text), self.assertRaisesRegex(ValidationError, "is no origin"):
                settings.create({"esms_otp_allowed_origins": text})
        settings.create({"esms_otp_allowed_origins": f"{APP} http://localhost:8100"})
        for seconds in (-1, 11):
            with self.assertRaises(ValidationError):
                settings.create({"esms_otp_gateway_wait": seconds})
        for milliseconds in (-1, 301):
            with self.assertRaisesRegex(ValidationError, "0 to 300 milliseconds"):
                settings.create({"esms_otp_rejection_hold": milliseconds})

    def test_a_setting_of_0_is_kept(self):
        settings = self.env["res.config.settings"]
        for name, default in (("gateway_wait", 2), ("rejection_hold", 200)):
            name = f"esms_otp_{name}"
            self.assertEqual(settings.default_get([name])[name], default)
            settings.create({name: 0}).execute()
            self.assertEqual(settings.default_get([name])[name], 0)
