from odoo.exceptions import UserError
from odoo.tests import tagged

from odoo.addons.esms_otp.models import mixin

from .common import FIELD, MODEL, OtpCase


@tagged("at_install", "-post_install")
class TestMixin(OtpCase):
    def test_what_is_not_signed_is_refused(self):
        self.policy.content_field_ids = self.env["ir.model.fields"]._get(MODEL, "amount")
        with self.assertRaises(UserError):
            self.loan._esms_otp_check_signed(FIELD)
        self.sign()
        self.loan._esms_otp_check_signed(FIELD)
        with self.assertRaises(UserError):
            (self.loan | self.loan.copy())._esms_otp_check_signed(FIELD)
        with self.assertRaises(UserError):
            self.loan._esms_otp_check_signed("name")

    def test_what_was_changed_after_it_was_signed_is_refused(self):
        self.policy.content_field_ids = self.env["ir.model.fields"]._get(MODEL, "amount")
        self.sign()
        self.loan._esms_otp_check_signed(FIELD)
        self.loan.amount += 1
        with self.assertRaises(UserError):
            self.loan._esms_otp_check_signed(FIELD)
        self.loan.amount -= 1
        self.loan._esms_otp_check_signed(FIELD)

    def test_what_was_signed_before_there_was_content_is_refused(self):
        self.sign()
        self.policy.content_field_ids = self.env["ir.model.fields"]._get(MODEL, "amount")
        with self.assertRaises(UserError):
            self.loan._esms_otp_check_signed(FIELD)

    def test_case_327_where_nothing_says_what_was_signed_it_is_refused(self):
        self.sign()  # the policy names no content
        self.assertEqual(self.loan._esms_otp_standing(FIELD), "unbound")
        with self.assertRaisesRegex(UserError, "Nothing says what was signed of LA/TEST"):
            self.loan._esms_otp_check_signed(FIELD)
        self.policy.content_field_ids = self.env["ir.model.fields"]._get(MODEL, "amount")
        self.sign()
        self.assertEqual(self.loan._esms_otp_standing(FIELD), "current")
        self.policy.active = False
        self.assertEqual(self.loan._esms_otp_standing(FIELD), "current", "an archived one says it")
        self.policy.unlink()
        self.assertEqual(self.loan._esms_otp_standing(FIELD), "unbound")
        with self.assertRaises(UserError):
            self.loan._esms_otp_check_signed(FIELD)

    def test_a_forged_row_is_no_signature(self):
        self.env.cr.execute(
            """INSERT INTO esms_otp_signature
            (model, field, res_id, user_id, company_id, generation, n, verified_at, record)
            VALUES (%s, %s, %s, %s, %s, 'gen_x', 1, now(), 'x')""",
            [MODEL, FIELD, self.loan.id, self.borrower.id, self.env.company.id],
        )
        with self.assertRaises(UserError):
            self.loan._esms_otp_check_signed(FIELD)

    def test_the_chatter_says_that_it_was_signed_and_nothing_secret(self):
        row = self.sign()
        hook = mixin.EsmsOtpMixin._esms_otp_verified
        before = self.loan.message_ids
        hook(self.loan.with_user(self.borrower), FIELD, row)
        [note] = self.loan.message_ids - before
        self.assertIn("Repayment Schedule Signatures", note.body)
        self.assertNotIn("60123456789", note.body)
        self.assertEqual(note.author_id, self.borrower.partner_id)
