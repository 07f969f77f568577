"""What happens to people in practice, with the words that they read."""

from odoo import Command
from odoo.tools import mute_logger

from .common import MODEL, RouteCase

ROUTES = ("send_esms_otp", "verify_esms_otp", "get_esms_otp_signature")


class TestSituations(RouteCase):
    def setUp(self):
        super().setUp()
        self.policy.content_field_ids = self.env["ir.model.fields"]._get(MODEL, "amount")

    def loans(self, count, **values):
        made = {"name": "LA/NEXT", "amount": 1000, "user_id": self.borrower.id, **values}
        return self.env[MODEL].create([dict(made) for _ in range(count)])

    def all_routes(self, loan, otp="123456"):
        return [self.result(route, {**self.where, "id": loan.id, "otp": otp}) for route in ROUTES]

    def test_case_493_six_documents_by_one_borrower_in_ten_minutes(self):
        """Each with a code of its own, a typing error and a lost message among them."""
        seen = set()
        for number, loan in enumerate(self.loans(6)):
            sent = self.send(id=loan.id)
            self.assertEqual((sent["status"], sent["message"]), (200, "OTP generated successfully"))
            seen.add(sent["esms_otp_generation_id"])
            if number == 2:
                wrong = self.verify(self.gateway.wrong, id=loan.id)
                self.assertResult(
                    wrong, status=400, message="Invalid or expired OTP", attempts_left=4
                )
            if number == 4:
                self.clock.turn(60)
                self.assertEqual(self.send(id=loan.id)["message"], "OTP generated successfully")
            signed = self.verify(self.gateway.code, id=loan.id)
            self.assertEqual(
                (signed["status"], signed["message"]), (200, "OTP verified successfully")
            )
            self.clock.turn(80)
        self.assertEqual(len(seen), 6)
        self.assertEqual(len(self.gateway.sent), 7)

    def test_case_493_a_code_of_one_document_is_no_good_for_another(self):
        first, second = self.loans(2)
        self.send(id=first.id)
        code = self.gateway.code
        self.send(id=second.id)
        self.assertEqual(self.verify(code, id=second.id)["message"], "Invalid or expired OTP")
        self.assertEqual(self.verify(code, id=first.id)["status"], 200)

    def test_case_493_an_amount_that_is_changed_voids_the_code_and_shows_on_the_signature(self):
        self.send()
        code = self.gateway.code
        self.loan.amount = 9000
        self.assertResult(self.verify(code), status=400, message="Invalid or expired OTP")
        self.assertEqual(self.get()["message"], "Nothing is signed yet")
        # There is no live code to name again, and the cooldown of the field goes on.
        early = {"status": 429, "message": "OTP send limit reached", "retry_after": 60}
        self.assertEqual(self.send(), early)
        self.clock.turn(60)
        again = self.send()
        self.assertEqual((again["status"], again["message"]), (200, "OTP generated successfully"))
        self.assertEqual(self.verify(self.gateway.code)["status"], 200)
        self.loan.amount = 9001
        read = self.get()
        self.assertEqual(
            (read["status"], read["message"]), (200, "The record was changed after it was signed")
        )

    def test_case_493_a_loan_that_was_deleted_is_gone_for_everybody(self):
        self.policy.guard_signed = False
        gone = {"status": 404, "message": "No such record"}
        loan, signed = self.loans(2)
        self.send(id=signed.id)
        self.verify(self.gateway.code, id=signed.id)
        self.send(id=loan.id)
        code = self.gateway.code
        (loan | signed).unlink()
        for answer in self.all_routes(loan, code) + self.all_routes(signed):
            self.assertEqual(answer, gone)
        kept = self.env["esms.otp.signature"].search([("res_id", "=", signed.id)])
        self.assertEqual(kept.standing, "gone", "officers keep the proof")

    def test_case_493_a_signed_loan_is_not_deleted_by_default(self):
        self.send()
        self.verify(self.gateway.code)
        with self.assertRaisesRegex(Exception, "LA/TEST is signed, and is kept"):
            self.loan.unlink()

    def test_case_493_a_second_company_without_a_gateway(self):
        """Its borrowers are told that nothing was sent; the log names company and remedy."""
        second = self.env["res.company"].create({"name": "Second"})
        self.borrower.company_ids = [Command.link(second.id)]
        [loan] = self.loans(1, company_id=second.id)
        self.policy.company_id = False
        with self.assertLogs("odoo.addons.esms_otp", "WARNING") as logs:
            refused = self.send(id=loan.id)
        self.assertEqual(
            refused,
            {
                "status": 502,
                "message": "No SMS gateway is set up",
                "esms_otp_response_status": "none",
            },
        )
        self.assertIn("company Second has no gateway for codes: choose one in", logs.output[0])
        self.assertFalse(self.gateway.sent)
        self.assertEqual(self.send()["status"], 200, "the first company's goes on")
        second.esms_otp_gateway_id = self.gateway_row
        self.assertEqual(self.send(id=loan.id)["status"], 200, "at once: nothing was used up")

    def test_case_493_a_portal_user_on_somebody_elses_loan(self):
        """Nobody learns that it is there."""
        [theirs] = self.loans(1, user_id=self.other.id)
        for answer in self.all_routes(theirs):
            self.assertEqual(answer, {"status": 404, "message": "No such record"})
        never = self.all_routes(self.env[MODEL].browse(2**31 - 1))
        self.assertEqual(never, self.all_routes(theirs))
        self.assertFalse(self.gateway.sent)

    @mute_logger("odoo.addons.esms_otp")
    def test_case_493_a_borrower_without_a_number(self):
        self.borrower.esms_otp_mobile = False
        self.assertEqual(
            self.send(), {"status": 400, "message": "No usable mobile number is registered"}
        )

    def test_case_493_more_documents_than_the_limit(self):
        """The answer says when the next code can be sent, and that was not the borrower's fault."""
        for loan in self.loans(10):
            self.assertEqual(self.send(id=loan.id)["status"], 200)
        [last] = self.loans(1)
        self.assertEqual(
            self.send(id=last.id),
            {"status": 429, "message": "OTP send limit reached", "retry_after": 600},
        )
        self.clock.turn(600)
        self.assertEqual(self.send(id=last.id)["status"], 200)
