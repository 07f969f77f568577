"""The portal shows what is approved, and lists what waits for a signature."""

from odoo import api
from odoo.exceptions import UserError

from odoo.addons.esms_otp.models.mixin import EsmsOtpMixin as MIXIN

from .common import FIELD, MODEL, RouteCase

PDF = b"%PDF-1.4 an offer"
OVER = "The offer is over"


class TestPortal(RouteCase):
    def setUp(self):
        super().setUp()
        names = self.env["ir.model.fields"]
        for name in ("name", "amount", "user_id"):
            names |= names._get(MODEL, name)
        self.policy.content_field_ids = names
        self.page = f"/my/esms_otp/{MODEL}/{self.loan.id}/{FIELD}"

    def document(self, **values):
        return self.env["ir.attachment"].create(
            {"name": "offer.pdf", "raw": PDF, "mimetype": "application/pdf", **values}
        )

    def test_case_329_the_page_shows_sentence_amount_and_document(self):
        self.loan.document_id = self.document()
        self.loan.amount = 25000
        self.patch(
            self.registry[MODEL], "_esms_otp_subject", lambda _record, _field: "I accept the offer"
        )
        text = self.url_open(self.page).text
        for shown in ("I accept the offer", "LA/TEST", "25,000.00", "Siti Borrower", "offer.pdf"):
            self.assertIn(shown, text)
        self.assertIn(f'data="{self.page}/document"', text)
        document = self.url_open(f"{self.page}/document")
        self.assertEqual((document.status_code, document.content), (200, PDF))
        self.assertEqual(document.headers["Content-Type"], "application/pdf")

    def test_case_329_the_document_is_for_who_may_sign_alone(self):
        self.loan.document_id = self.document()
        self.authenticate("other", "other")
        for path in (self.page, f"{self.page}/document"):
            self.assertEqual(self.url_open(path).status_code, 404)

    def test_case_329_what_a_browser_could_run_is_not_shown(self):
        self.loan.document_id = self.document(name="offer.html", raw=b"<p>", mimetype="text/html")
        document = self.url_open(f"{self.page}/document")
        self.assertEqual(document.headers["Content-Type"], "application/octet-stream")
        self.assertTrue(document.headers["Content-Disposition"].startswith("attachment"))

    def test_case_329_another_document_voids_the_code_and_makes_a_signature_stale(self):
        self.loan.document_id = self.document()
        self.send()
        code = self.gateway.code
        self.loan.document_id = self.document(raw=PDF + b" of more")
        self.assertEqual(self.verify(code)["status"], 400)
        self.clock.turn(60)
        self.send()
        self.assertEqual(self.verify(self.gateway.code)["status"], 200)
        self.assertEqual(self.loan._esms_otp_standing(FIELD), "current")
        self.loan.document_id = False
        self.assertEqual(self.loan._esms_otp_standing(FIELD), "stale")

    def test_case_485_so_does_it_beside_content_that_the_model_says(self):
        for content in (b"I accept", PDF):  # PDF: what is approved is the document alone
            self.patch(self.registry[MODEL], "_esms_otp_content", lambda *_, said=content: said)
            self.loan.document_id = self.document()
            self.assertEqual(self.policy._content(self.loan, FIELD).count(PDF), content == PDF)
            self.clock.turn(60)
            self.send()
            code = self.gateway.code
            self.loan.document_id = self.document(raw=PDF + b" of more")
            self.assertEqual(self.verify(code)["status"], 400)

    def test_case_485_the_message_names_what_the_page_shows(self):
        self.policy.template = "#otp# is your code for #subject#."
        self.loan.amount = 25000
        sentence = self.loan.with_user(self.borrower)._esms_otp_subject(FIELD)
        self.assertIn("25,000.00", sentence)
        self.assertIn(sentence, self.url_open(self.page).text)
        self.send()
        self.assertIn(f"is your code for {sentence}.", self.gateway.sent[-1][1])

    def test_case_486_without_a_hook_what_a_portal_user_has_not_signed_waits(self):
        hook = MIXIN._esms_otp_waiting
        self.patch(self.registry[MODEL], "_esms_otp_waiting", api.model(hook))
        model = self.env[MODEL]
        others = self.loan.copy({"user_id": self.other.id})
        inside = self.env.ref("base.user_admin")
        self.assertIn(self.loan, model.with_user(self.borrower)._esms_otp_waiting(FIELD))
        self.assertNotIn(others, model.with_user(self.borrower)._esms_otp_waiting(FIELD))
        self.assertFalse(model.with_user(inside)._esms_otp_waiting(FIELD), "all may be read there")
        self.send()
        self.verify(self.gateway.code)
        self.assertNotIn(self.loan, model.with_user(self.borrower)._esms_otp_waiting(FIELD))
        waiting = self.url_open("/my/esms_otp").text.split("What you have signed")[0]
        self.assertNotIn(self.page, waiting)

    def test_case_329_the_portal_lists_what_waits_and_what_is_signed(self):
        before = self.url_open("/my/esms_otp").text
        waiting, signed = before.split("What you have signed")
        self.assertIn(self.page, waiting)
        self.assertNotIn(self.page, signed)
        count = self.url_open("/my/counters", json={"params": {"counters": ["esms_otp_count"]}})
        self.assertEqual(count.json()["result"]["esms_otp_count"], 2, "this one and the demo's")
        self.send()
        self.verify(self.gateway.code)
        waiting, signed = self.url_open("/my/esms_otp").text.split("What you have signed")
        self.assertNotIn(self.page, waiting, "it is accepted")
        self.assertIn(self.page, signed)
        self.assertNotIn("Changed after signing", signed)
        self.loan.amount += 1
        self.assertIn("Changed after signing", self.url_open("/my/esms_otp").text)
        self.assertIn("This was changed after it was signed", self.url_open(self.page).text)
        self.assertIn("/my/esms_otp", self.url_open("/my/home").text)
        self.authenticate("other", "other")
        self.assertNotIn(self.page, self.url_open("/my/esms_otp").text)

    def test_case_329_what_is_signed_once_offers_no_second_time(self):
        self.policy.sign_once = True
        again = 'data-part="again"[^>]*hidden="hidden"'
        self.assertNotRegex(self.url_open(self.page).text, again)
        self.send()
        self.verify(self.gateway.code)
        self.assertRegex(self.url_open(self.page).text, again)

    def test_a_hook_that_refuses_is_no_error_of_the_page(self):
        def over(_record, _field):
            raise UserError(OVER)

        self.patch(self.registry[MODEL], "_esms_otp_check_allowed", over)
        self.assertEqual(self.url_open(self.page).status_code, 200, "Send says it")
