"""Signed records: what was changed shows, and is neither printed nor taken for signed."""

from odoo.exceptions import UserError
from odoo.tests import tagged

from .common import FIELD, MODEL, OtpCase, RouteCase

OVER = "The offer is over"


class Content:
    """The policy names the amount as what is signed."""

    def setUp(self):
        super().setUp()
        self.policy.content_field_ids = self.env["ir.model.fields"]._get(MODEL, "amount")


@tagged("at_install", "-post_install")
class TestGuard(Content, OtpCase):
    def report(self):
        view = self.env["ir.ui.view"].create(
            {
                "type": "qweb",
                "key": "esms_otp_demo.print",
                "arch": '<t t-name="esms_otp_demo.print"><p t-foreach="docs" t-as="loan">'
                '<t t-out="loan.name"/></p></t>',
            }
        )
        return self.env["ir.actions.report"].create(
            {
                "name": "Loan",
                "model": MODEL,
                "report_type": "qweb-html",
                "report_name": view.key,
            }
        )

    def printed(self, report, loan):
        html, _kind = report._render_qweb_html(report.report_name, loan.ids)
        return html.decode()

    def test_case_327_a_change_shows_on_the_signature(self):
        row = self.sign()
        self.assertEqual(row.standing, "current")
        self.loan.amount += 1
        row.invalidate_recordset()
        self.assertEqual(row.standing, "stale")
        self.loan.amount -= 1
        row.invalidate_recordset()
        self.assertEqual(row.standing, "current")
        self.policy.guard_signed = False
        self.loan.unlink()
        row.invalidate_recordset()
        self.assertEqual(row.standing, "gone")

    def test_case_327_what_was_changed_is_not_printed(self):
        report, other = self.report(), self.loan.copy({"name": "unsigned"})
        self.sign()
        self.assertIn("LA/TEST", self.printed(report, self.loan | other))
        self.loan.amount += 1
        with self.assertRaisesRegex(UserError, "LA/TEST was changed after it was signed"):
            self.printed(report, self.loan | other)
        with self.assertRaises(UserError):
            report._render_qweb_pdf_prepare_streams(report.report_name, {}, self.loan.ids)
        self.assertIn("unsigned", self.printed(report, other))
        self.policy.guard_signed = False
        self.assertIn("LA/TEST", self.printed(report, self.loan))

    def test_case_327_what_is_signed_is_not_deleted(self):
        other = self.loan.copy()
        self.sign()
        for loans in (self.loan, self.loan | other):
            with self.assertRaisesRegex(UserError, "LA/TEST is signed, and is kept"):
                loans.unlink()
        other.unlink()
        self.policy.guard_signed = False
        self.loan.unlink()


class TestRefusals(Content, RouteCase):
    def test_case_326_a_precondition_that_fails_is_an_answer_in_its_own_words(self):
        self.send()
        code = self.gateway.code
        allowed = type(self.loan)._esms_otp_check_allowed

        def over(record, field):
            said = f"The offer {record.name} is over: {field}"
            raise UserError(said)

        self.patch(self.registry[MODEL], "_esms_otp_check_allowed", over)
        said = {"status": 403, "message": f"The offer LA/TEST is over: {FIELD}"}
        self.clock.turn(60)
        self.assertEqual(self.send(), said)
        self.assertEqual(self.verify(self.gateway.wrong), said)
        self.assertEqual(self.verify(code), said)
        self.assertEqual(self.get()["status"], 404, "nothing is signed")
        self.assertEqual(len(self.gateway.sent), 1)
        self.patch(self.registry[MODEL], "_esms_otp_check_allowed", allowed)
        self.assertEqual(self.verify(code)["status"], 200, "and none of it was an attempt")

    def test_case_326_so_is_a_refusal_of_any_other_hook(self):
        for hook in ("_esms_otp_content", "_esms_otp_subject"):
            self.policy.template = "#otp# signs #subject#"

            def over(record, *_):
                raise UserError(OVER)

            with self.subTest(hook):
                self.loan.name = "the offer"
                whole = getattr(self.registry[MODEL], hook)
                self.patch(self.registry[MODEL], hook, over)
                said = {"status": 403, "message": OVER}
                self.assertEqual(self.send(), said)
                self.patch(self.registry[MODEL], hook, whole)
        self.assertFalse(self.gateway.sent)

    def test_case_326_what_is_signed_once_is_signed_once(self):
        self.policy.sign_once = True
        self.send()
        code = self.gateway.code
        self.assertEqual(self.verify(code)["status"], 200)
        self.clock.turn(600)
        self.assertEqual(self.send(), {"status": 403, "message": "This is signed already"})
        self.assertResult(self.verify(code), status=400, message="Invalid or expired OTP")
        self.assertEqual(len(self.gateway.sent), 1)
        self.assertEqual(self.get()["status"], 200)
        self.loan.amount += 1  # what was signed is not what stands there now
        self.assertEqual(self.send()["status"], 200)
        self.assertEqual(self.verify(self.gateway.code)["status"], 200)
        self.policy.sign_once = False
        self.clock.turn(600)
        self.assertEqual(self.send()["status"], 200)

    def test_case_327_a_signature_of_what_was_changed_says_so(self):
        self.send()
        self.verify(self.gateway.code)
        self.assertEqual(self.get()["message"], "OTP signature retrieved successfully")
        self.loan.amount += 1
        result = self.get()
        self.assertEqual(result["status"], 200, "what was signed stays readable")
        self.assertEqual(result["message"], "The record was changed after it was signed")
