from otp_engine.esms.gateway import SendResult, Timeout

from odoo.tools import mute_logger

from odoo.addons.esms_otp import engine as engine_module

from .common import GENERATION, RouteCase

FLOW = "otp_engine.esms.flow"


class TestSend(RouteCase):
    def test_the_first_send_has_exactly_the_members_of_the_contract(self):
        self.assertResult(
            self.send(redirect_url="/my/home"),
            status=200,
            message="OTP generated successfully",
            esms_otp_generation_id=GENERATION,
            esms_otp_response_status="0",
            duration=3,
            expiration_time=self.at(180),
            recipient_mobile="60123456789",
        )
        [(to, text, reference)] = self.gateway.sent
        self.assertEqual(to, "60123456789")
        self.assertTrue(text.startswith("RM0.00 "), "what a gateway in Malaysia demands")
        self.assertRegex(reference, r"^http://[^/]+/esms_otp/receipt/[\w-]{32}$")

    def test_within_the_cooldown_the_same_code_is_named_and_nothing_is_sent(self):
        first = self.send()
        self.clock.turn(20)
        self.assertResult(
            self.send(),
            status=200,
            message="OTP already sent",
            esms_otp_generation_id=first["esms_otp_generation_id"],
            esms_otp_response_status="0",
            duration=2,
            expiration_time=first["expiration_time"],
            recipient_mobile="60123456789",
            retry_after=40,
        )
        self.assertEqual(len(self.gateway.sent), 1)

    def test_after_the_cooldown_the_same_code_goes_out_again(self):
        first = self.send()
        code = self.gateway.code
        self.clock.turn(60)
        self.assertEqual(self.send(), {**first, "duration": 2})
        self.assertEqual(len(self.gateway.sent), 2)
        self.assertEqual(self.gateway.code, code)

    def test_case_260_a_code_that_is_sent_again_says_what_is_left_of_it(self):
        first = self.send()
        self.clock.turn(61)
        self.assertEqual(self.send(), {**first, "duration": 1})
        [(_, before, _), (_, text, _)] = self.gateway.sent
        self.assertIn("valid for 3 minutes", before)
        self.assertIn("valid for 1 minutes", text)

    def test_the_number_may_be_written_in_the_way_of_the_country(self):
        self.borrower.country_id = self.env.ref("base.my")
        for number in ("012-345 6789", "60 12 345 6789", "0060123456789"):
            self.borrower.esms_otp_mobile = number
            self.assertEqual(self.send()["recipient_mobile"], "60123456789", number)

    def test_a_setting_masks_the_number(self):
        self.env.company.esms_otp_mask_recipient = True
        self.assertEqual(self.send()["recipient_mobile"], "*******6789")
        self.assertEqual(self.send()["recipient_mobile"], "*******6789")

    def test_the_query_may_say_all_of_it(self):
        query = {**self.where, "redirect_url": "/my/home"}
        self.assertEqual(self.result("send_esms_otp", {}, query)["status"], 200)

    def test_body_and_query_may_say_the_same_each_in_its_own_types(self):
        self.assertEqual(self.send(query=dict(self.where))["status"], 200)

    def test_body_and_query_that_disagree_are_refused(self):
        for name, value in (
            ("model", "res.partner"),
            ("field", "name"),
            ("id", self.loan.id + 1),
            ("redirect_url", "/elsewhere"),
        ):
            with self.subTest(name):
                result = self.send(redirect_url="/my/home", query={name: value})
                self.assertResult(result, status=400, message=str)
                self.assertIn(name, result["message"])
        self.assertFalse(self.gateway.sent)

    def test_missing_and_malformed_parameters(self):
        for params in (
            {},
            {"model": "", "field": "x", "id": 1},
            {**self.where, "model": 5},
            {**self.where, "id": True},
            {**self.where, "id": "one"},
            {**self.where, "id": 1.5},
            {**self.where, "id": 2**31},
            {**self.where, "id": -1},
            {**self.where, "redirect_url": "https://elsewhere.example"},
            {**self.where, "redirect_url": "//elsewhere.example"},
            {**self.where, "redirect_url": "/\\elsewhere.example"},
        ):
            with self.subTest(params):
                result = self.result("send_esms_otp", params)
                self.assertResult(result, status=400, message=str)
        self.assertFalse(self.gateway.sent)

    def test_a_recipient_in_the_request_is_ignored(self):
        result = self.send(recipient_mobile="60199999999", mobile="60199999999", context={"uid": 1})
        self.assertEqual(result["recipient_mobile"], "60123456789")
        self.assertEqual(self.gateway.sent[0][0], "60123456789")

    def test_what_is_not_there_or_not_visible_is_not_found(self):
        foreign = self.env["loan.application"].create(
            {"name": "foreign", "amount": 1, "user_id": self.other.id}
        )
        for params in (
            {"model": "no.such.model"},
            {"model": "esms.otp.mixin"},
            {"model": "res.config.settings"},
            {"field": "no_such_field"},
            {"id": 2**31 - 1},
            {"id": foreign.id},
            {"model": "ir.cron", "field": "name", "id": 1},
        ):
            with self.subTest(params):
                self.assertResult(self.send(**params), status=404, message=str)
        self.assertFalse(self.gateway.sent)

    def test_without_a_policy_it_is_forbidden(self):
        self.assertResult(self.send(field="name"), status=403, message=str)
        self.policy.active = False
        self.assertResult(self.send(), status=403, message=str)
        self.assertFalse(self.gateway.sent)

    def test_without_the_access_that_the_policy_needs_it_is_forbidden(self):
        self.policy.access = "write"  # a borrower may read the loan alone
        self.assertResult(self.send(), status=403, message=str)
        self.assertFalse(self.gateway.sent)

    def test_a_field_of_other_groups_is_forbidden(self):
        field = self.env["loan.application"]._fields[self.policy.field_id.name]
        self.patch(field, "groups", "base.group_system")
        self.assertResult(self.send(), status=403, message=str)
        self.assertFalse(self.gateway.sent)

    def test_without_a_usable_number_nothing_is_sent(self):
        for number in (False, "+60 12"):
            with self.subTest(number):
                # As it may stand there from an import: what is written is checked.
                self.env.cr.execute(
                    "UPDATE res_users SET esms_otp_mobile = %s WHERE id = %s",
                    [number or None, self.borrower.id],
                )
                self.borrower.invalidate_recordset()
                self.assertResult(
                    self.send(), status=400, message="No usable mobile number is registered"
                )

    def test_the_phone_is_used_only_where_the_policy_says_so(self):
        self.borrower.phone = "+60 19-999 9999"
        self.assertEqual(self.send()["recipient_mobile"], "60123456789")
        self.policy.recipient = "partner_phone"
        self.clock.turn(600)
        self.assertEqual(self.send()["recipient_mobile"], "60199999999")

    @mute_logger(FLOW, "odoo.addons.esms_otp.journal")
    def test_a_gateway_that_refuses_gives_its_status_and_the_send_back(self):
        self.gateway.answer = SendResult(False, "5", balance_low=True)
        self.assertResult(self.send(), status=502, message=str, esms_otp_response_status="5")
        self.gateway.answer = SendResult(True, "0")
        self.assertEqual(self.send()["status"], 429, "10 seconds of the cooldown stay")
        self.clock.turn(10)
        self.assertEqual(self.send()["message"], "OTP generated successfully")

    @mute_logger(FLOW)
    def test_after_a_time_out_nothing_is_given_back(self):
        self.gateway.answer = Timeout("no answer")
        self.assertResult(self.send(), status=502, message=str, esms_otp_response_status="")
        code = self.gateway.code
        result = self.send()
        self.assertEqual(result["message"], "OTP already sent")
        self.assertEqual(result["esms_otp_response_status"], "")
        self.assertEqual(len(self.gateway.sent), 1)
        self.assertEqual(self.verify(code)["status"], 200, "it may have come all the same")

    def test_the_limit_of_sends(self):
        self.policy.max_sends = 1
        self.send()
        self.clock.turn(60)
        self.assertResult(self.send(), status=429, message=str, retry_after=int)
        self.assertEqual(len(self.gateway.sent), 1)

    @mute_logger(FLOW)
    def test_without_keys_it_fails_with_a_reference_and_no_detail(self):
        self.patch(engine_module, "KEYS_FILE", "ESMS_OTP_NO_SUCH_VARIABLE")
        engine_module.forget()
        result = self.send()
        self.assertResult(result, status=500, message="Internal error", reference=str)
        with self.assertLogs(FLOW, "ERROR") as logs:
            result = self.send()
        self.assertIn(result["reference"], logs.output[0])
        self.assertFalse(self.gateway.sent)

    @mute_logger("odoo.addons.esms_otp.signing")
    def test_without_a_gateway_no_code_is_made(self):
        self.env.company.esms_otp_gateway_id = False
        none = {"status": 502, "message": str, "esms_otp_response_status": "none"}
        self.assertResult(self.send(), **none)
        self.env.company.esms_otp_gateway_id = self.gateway_row
        self.gateway_row.active = False
        self.assertResult(self.send(), **none)
        self.gateway_row.active = True
        self.assertEqual(self.send()["message"], "OTP generated successfully")

    @mute_logger(FLOW)
    def test_a_message_that_does_not_fit_shows_before_there_is_a_code(self):
        self.policy.template = "#otp# signs #subject#"
        subject = "12345678"  # autofill could take it for the code
        self.patch(self.registry[self.loan._name], "_esms_otp_subject", lambda *_: subject)
        self.assertEqual(self.send()["status"], 500)
        subject = "the offer"
        self.assertEqual(self.send()["message"], "OTP generated successfully")
        self.assertIn("signs the offer", self.gateway.sent[0][1])

    def test_an_answer_is_given_once_and_kept(self):
        # As Odoo runs a handler again after a lost race: the same request, the same environment.
        kept = {}
        controller = self.env["ir.http"]._dispatch

        def dispatch(endpoint):
            from odoo.http import request

            first = controller(endpoint)
            kept["sent"] = len(self.gateway.sent)
            again = controller(endpoint)
            kept["ids"] = request.httprequest.environ["esms_otp.answer"]["esms_otp_generation_id"]
            return again or first

        self.patch(self.registry["ir.http"], "_dispatch", dispatch)
        result = self.send()
        self.assertEqual(result["message"], "OTP generated successfully")
        self.assertEqual(kept, {"sent": 1, "ids": result["esms_otp_generation_id"]})
        self.assertEqual(len(self.gateway.sent), 1)
