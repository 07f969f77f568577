from odoo.exceptions import ValidationError
from odoo.tests import TransactionCase, tagged


@tagged("at_install", "-post_install")
class TestGateway(TransactionCase):
    def test_gateways_are_checked_when_they_are_written(self):
        gateway = self.env["esms.otp.gateway"].create({"name": "x", "user": "u", "password": "p"})
        for values in (
            {"timeout": 0},
            {"timeout": 31},
            {"endpoint": "http://api.example.com/send"},
            {"endpoint": False},
        ):
            with self.subTest(values), self.assertRaises(ValidationError):
                gateway.write(values)

    def test_the_log_gateway_needs_no_endpoint(self):
        gateway = self.env["esms.otp.gateway"].create(
            {"name": "x", "provider": "log", "endpoint": False}
        )
        self.assertTrue(gateway._sender().send("60123456789", "text", "").ok)
