from otp_engine.esms.gateway import SendResult

from odoo.tools import mute_logger

from .common import RouteCase

FLOW = "otp_engine.esms.flow"


class TestJournal(RouteCase):
    @property
    def row(self):
        self.env.invalidate_all()
        return self.env["esms.otp.generation"].search([("res_id", "=", self.loan.id)], limit=1)

    def events(self):
        log = self.env["esms.otp.log"].search([("user_id", "=", self.borrower.id)], order="id")
        return log.mapped(lambda event: (event.kind, event.reason or None))

    def test_officers_see_what_became_of_a_code(self):
        sent = self.send(redirect_url="/my/home")
        row = self.row
        self.assertEqual(row.generation, sent["esms_otp_generation_id"])
        self.assertEqual(row.recipient, "*******6789")
        self.assertEqual((row.state, row.sends, row.gateway_status), ("pending", 1, "0"))
        self.assertEqual(row.gateway_reference, "provider-id")
        self.assertEqual((row.user_id, row.company_id), (self.borrower, self.loan.company_id))
        self.verify(self.gateway.wrong)
        self.verify(self.gateway.code)
        self.assertEqual(self.row.state, "verified")
        self.assertEqual(
            self.events(),
            [
                ("issued", None),
                ("claimed", None),
                ("delivered", None),
                ("rejected", "wrong"),
                ("accepted", None),
            ],
        )

    def test_a_pending_row_past_its_end_shows_as_expired(self):
        self.send()
        row = self.row
        self.assertEqual(row.shown_state, "pending")
        self.env.cr.execute("UPDATE esms_otp_generation SET expires_at = now() - interval '1 day'")
        self.assertEqual(self.row.shown_state, "expired")
        self.assertEqual(self.row.state, "pending")

    def test_an_exhausted_code_and_the_one_after_it(self):
        self.send()
        first = self.row
        for _ in range(5):
            self.verify(self.gateway.wrong)
        self.assertEqual(self.row.state, "exhausted")
        self.clock.turn(900)
        self.send()
        self.assertEqual(self.row.state, "pending")
        self.assertEqual(first.state, "exhausted")

    def test_a_new_code_supersedes_the_row_of_the_old_one(self):
        self.send()
        first = self.row
        self.clock.turn(200)
        self.send()
        self.assertNotEqual(self.row, first)
        self.assertEqual(first.state, "superseded")

    @mute_logger(FLOW)
    def test_a_refused_message_is_written_down(self):
        self.gateway.answer = SendResult(False, "9")
        self.send()
        self.assertEqual(self.row.gateway_status, "9")
        self.assertEqual(self.events()[-1][0], "delivery_failed")

    @mute_logger(FLOW)
    def test_a_journal_that_fails_changes_no_answer(self):
        from odoo.addons.esms_otp.journal import OdooJournal

        def fails(*_):
            raise RuntimeError("planted")

        for name in ("issued", "delivered", "heard", "redirect_url"):
            self.patch(OdooJournal, name, fails)
        self.assertEqual(self.send()["message"], "OTP generated successfully")
        self.assertEqual(self.gateway.sent[0][2], "", "no receipt can be awaited")
        self.assertEqual(self.verify(self.gateway.code)["status"], 200)
        self.assertFalse(self.row)

    def test_no_code_and_no_whole_number_is_in_any_row(self):
        self.send()
        code = self.gateway.code
        self.verify(self.gateway.wrong)
        self.verify(code)
        for table in ("esms_otp_generation", "esms_otp_log", "esms_otp_signature"):
            self.env.cr.execute(f"SELECT row_to_json(t)::text FROM {table} t")
            for (row,) in self.env.cr.fetchall():
                self.assertNotRegex(row, rf"\b{code}\b", table)
                if table != "esms_otp_signature":
                    self.assertNotIn("60123456789", row, table)

    def test_a_receipt_is_written_down_by_its_token_alone(self):
        self.send()
        path = self.gateway.sent[0][2].partition("/esms_otp/")[2]
        self.logout()
        moment = {"msgId": "provider-id", "s": "DELIVRD", "t": "20240515180000"}
        for wrong in (f"/esms_otp/{path[:-1]}", "/esms_otp/receipt/" + "x" * 32):
            self.assertEqual(self.url_open(wrong, params=moment).status_code, 204)
            self.assertFalse(self.row.receipt)
        unknown = self.url_open(f"/esms_otp/{path}", params={**moment, "s": "<b>"})
        self.assertEqual(unknown.status_code, 204)
        self.assertFalse(self.row.receipt)
        for _ in range(2):
            self.assertEqual(self.url_open(f"/esms_otp/{path}", params=moment).status_code, 204)
            self.assertEqual(self.row.receipt, "DELIVRD")
            self.assertEqual(str(self.row.receipt_at), "2024-05-15 10:00:00", "it comes as GMT+8")
