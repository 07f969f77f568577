from odoo.exceptions import ValidationError
from odoo.tests import TransactionCase, tagged


@tagged("at_install", "-post_install")
class TestRecipient(TransactionCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.user = cls.env["res.users"].create({"name": "Siti", "login": "otp_siti"})
        cls.user.country_id = cls.env.ref("base.my")

    def test_numbers_that_can_be_dialled_are_taken(self):
        for number in ("012-345 6789", "60123456789", "+65 8123 4567", "0060123456789", False):
            with self.subTest(number):
                self.user.esms_otp_mobile = number

    def test_numbers_that_may_be_somebody_elses_are_refused(self):
        for number in (
            "12-345 6789",
            "+60 12",
            "+60 (0)12 345 6789",
            "+60 12345678901234",
            "٠١٢٣٤٥٦٧٨٩",
            "x",
        ):
            with self.subTest(number), self.assertRaises(ValidationError):
                self.user.esms_otp_mobile = number

    def test_without_a_country_a_number_needs_its_code(self):
        self.user.country_id = False
        self.user.company_id.country_id = False
        self.user.esms_otp_mobile = "+60 12-345 6789"
        with self.assertRaises(ValidationError):
            self.user.esms_otp_mobile = "012-345 6789"
