"""The limits of users and numbers are settings; what they are made for is several documents."""

from odoo.exceptions import ValidationError
from odoo.tests import tagged
from odoo.tools import mute_logger

from odoo.addons.esms_otp.models import limits

from .common import MODEL, OtpCase, RouteCase

FLOW = "otp_engine.esms.flow"


class TestLimits(RouteCase):
    def sign_next(self):
        loan = self.env[MODEL].create({"name": "another", "amount": 1, "user_id": self.borrower.id})
        sent = self.send(id=loan.id)
        if sent["status"] == 200:
            self.assertEqual(self.verify(self.gateway.code, id=loan.id)["status"], 200)
        return sent

    def test_case_322_a_borrower_signs_ten_documents_in_a_row(self):
        for number in range(10):
            self.assertEqual(self.sign_next()["status"], 200, f"document {number + 1}")
            self.clock.turn(30)
        refused = self.sign_next()
        self.assertEqual((refused["status"], refused["retry_after"]), (429, 300))
        self.clock.turn(300)
        self.assertEqual(self.sign_next()["status"], 200)

    def test_case_322_a_setting_holds_at_once(self):
        self.env["res.config.settings"].create(
            {"esms_otp_recipient_sends_per_ten_minutes": 2}
        ).execute()
        self.assertEqual([self.sign_next()["status"] for _ in range(3)], [200, 200, 429])
        self.env["res.config.settings"].create(
            {"esms_otp_recipient_sends_per_ten_minutes": 3}
        ).execute()
        self.assertEqual([self.sign_next()["status"] for _ in range(2)], [200, 429])
        self.env["res.config.settings"].create({"esms_otp_user_failures_per_day": 1}).execute()
        self.clock.turn(600)
        self.send()
        self.verify(self.gateway.wrong)
        self.assertEqual(self.verify(self.gateway.code)["status"], 423)

    @mute_logger(FLOW)
    def test_case_322_a_parameter_that_is_no_number_is_named_in_the_log(self):
        self.env["ir.config_parameter"].set_param("esms_otp.user_sends_per_hour", "many")
        with self.assertLogs(FLOW, "ERROR") as logs:
            self.assertEqual(self.send()["status"], 500)
        self.assertIn("esms_otp.user_sends_per_hour is no whole number", logs.output[0])
        self.assertFalse(self.gateway.sent)


@tagged("at_install", "-post_install")
class TestSettings(OtpCase):
    def test_case_322_each_setting_has_its_default_and_its_bounds(self):
        settings = self.env["res.config.settings"]
        for name, default in limits.DEFAULTS.items():
            field = f"esms_otp_{name}"
            with self.subTest(name):
                self.assertEqual(settings.create({})[field], default)
                for value in (0, -1, 101):
                    with self.assertRaisesRegex(ValidationError, f"{name} is {value}"):
                        settings.create({field: value})
                self.assertIn(f'name="{field}"', settings.get_view()["arch"])
