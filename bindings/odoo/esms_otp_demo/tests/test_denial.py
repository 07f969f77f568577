"""A user's word that a code or a signature was not theirs."""

from odoo.tools import mute_logger

from .common import FIELD, MODEL, RouteCase

DENIAL = "odoo.addons.esms_otp.controllers.denial"


class TestDenial(RouteCase):
    def deny(self, csrf=True):
        """Press the button of the page; return its answer."""
        url = f"/my/esms_otp/{MODEL}/{self.loan.id}/{FIELD}/not_me"
        page = self.url_open(url)
        token = page.text.partition('name="csrf_token" value="')[2].partition('"')[0]
        return self.url_open(url, data={"csrf_token": token} if csrf else {"x": "x"})

    def alerts(self, officer):
        return self.env["mail.message"].search(
            [
                ("partner_ids", "in", officer.partner_id.ids),
                ("subject", "=", "A code or signature is disputed"),
            ]
        )

    def events(self):
        log = self.env["esms.otp.log"]
        return log.search([("kind", "=", "not_me"), ("user_id", "=", self.borrower.id)])

    @mute_logger(DENIAL)
    def test_case_489_a_pending_code_is_void_and_the_officers_of_the_company_are_told(self):
        officer = self.env["res.users"].create(
            {
                "name": "Officer",
                "login": "otp_denial_officer",
                "group_ids": [(6, 0, self.env.ref("esms_otp.group_esms_otp_officer").ids)],
            }
        )
        elsewhere = self.env["res.company"].create({"name": "Elsewhere"})
        foreign = officer.copy(
            {
                "login": "otp_denial_foreign",
                "company_id": elsewhere.id,
                "company_ids": [(6, 0, elsewhere.ids)],
            }
        )
        self.send()
        self.assertIn("A code that was pending is void", self.deny().text)
        self.assertEqual(self.verify(self.gateway.code)["status"], 400)
        [alert] = self.alerts(officer)
        self.assertIn("Siti Borrower says", alert.body)
        self.assertIn("LA/TEST", alert.body)
        self.assertEqual((alert.model, alert.res_id), (MODEL, self.loan.id))
        self.assertTrue(alert.subtype_id.internal, "the borrower's page does not show it")
        self.assertFalse(self.alerts(foreign))
        self.assertEqual(len(self.events()), 1)
        state = self.env["esms.otp.generation"].search([("user_id", "=", self.borrower.id)]).state
        self.assertEqual(state, "cancelled")

        self.assertEqual(self.deny().status_code, 200)
        self.assertEqual((len(self.alerts(officer)), len(self.events())), (1, 1), "once an hour")
        self.clock.turn(60)
        self.send()
        self.deny()
        self.assertEqual(self.verify(self.gateway.code)["status"], 400, "but it is void each time")

    @mute_logger(DENIAL)
    def test_case_489_of_what_is_gone_too(self):
        self.send()
        self.verify(self.gateway.code)
        self.policy.guard_signed = False
        self.loan.unlink()
        self.assertIn("We were told", self.deny().text)
        self.assertEqual(len(self.events()), 1)
        self.assertIn(f"{MODEL} {self.loan.id}", self.alerts(self.env.ref("base.user_admin")).body)

    def test_case_489_only_ones_own_and_by_the_page_alone(self):
        url = f"/my/esms_otp/{MODEL}/{self.loan.id}/{FIELD}/not_me"
        self.assertEqual(self.url_open(url).status_code, 404, "nothing was sent")
        self.send()
        with mute_logger("odoo.http"):
            self.assertEqual(self.deny(csrf=False).status_code, 400, "another site's form")
        self.authenticate("other", "other")
        self.assertEqual(self.url_open(url).status_code, 404)
        self.assertFalse(self.events())
        self.authenticate("borrower", "borrower")
        self.assertEqual(self.verify(self.gateway.code)["status"], 200)
