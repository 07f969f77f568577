"""Messages that wait: what sends them once more, in which order, and where their text stands."""

from datetime import timedelta
from unittest.mock import patch

from otp_engine.esms import flow
from otp_engine.esms.gateway import SendResult, Timeout

from odoo.exceptions import UserError, ValidationError
from odoo.fields import Datetime
from odoo.tests import tagged
from odoo.tools import mute_logger

from odoo.addons.esms_otp.channels import MailQueue, SmsQueue
from odoo.addons.esms_otp.models import gateway as gateway_module
from odoo.addons.sms.tools.sms_api import SmsApi

from .common import FIELD, OtpCase, RouteCase

FLOW = "otp_engine.esms.flow"
GENERATION = "odoo.addons.esms_otp.models.generation"


def dies(*_, **__):
    raise RuntimeError("planted")


def run_waiting(case):
    """Run the scheduled action."""
    case.env.flush_all()
    case.env.ref("esms_otp.ir_cron_waiting").method_direct_trigger()
    case.env.invalidate_all()


class WaitingCase(RouteCase):
    @mute_logger(FLOW)
    def lose(self):
        """Let a request end before its message was claimed; return its row, some time later."""
        with patch.object(flow.Signing, "_hand_over", dies):
            self.assertEqual(self.send(redirect_url="/my/home")["status"], 500)
        self.assertFalse(self.gateway.sent)
        row = self.row
        self.assertTrue(row.waiting_since)
        row.waiting_since -= timedelta(minutes=1)
        return row

    @property
    def row(self):
        self.env.invalidate_all()
        return self.env["esms.otp.generation"].search([("res_id", "=", self.loan.id)], limit=1)

    def run_waiting(self):
        run_waiting(self)
        return self.row


class TestWaiting(WaitingCase):
    def test_case_525_the_scheduled_action_sends_what_no_request_came_to_send(self):
        row = self.lose()
        row = self.run_waiting()
        self.assertEqual(len(self.gateway.sent), 1)
        self.assertEqual((row.gateway_status, row.sends), ("0", 1))
        self.assertFalse(row.waiting_since)
        self.assertEqual(row.redirect_url, "/my/home")
        self.run_waiting()
        self.assertEqual(len(self.gateway.sent), 1)
        self.assertEqual(self.send()["message"], "OTP already sent")
        told = self.verify(self.gateway.code)
        self.assertEqual((told["status"], told["redirect_url"]), (200, "/my/home"))

    def test_case_525_what_came_but_now_is_left_to_its_worker(self):
        self.lose().waiting_since = Datetime.now()
        self.assertTrue(self.run_waiting().waiting_since)
        self.assertFalse(self.gateway.sent)

    def test_case_525_what_left_does_not_leave_again(self):
        """Its worker died before it could say so."""
        self.send()
        self.row.waiting_since = Datetime.now() - timedelta(minutes=1)
        self.assertFalse(self.run_waiting().waiting_since)
        self.assertEqual(len(self.gateway.sent), 1)

    def test_case_525_what_may_not_be_signed_any_more_is_dropped(self):
        def expire(row):
            row.expires_at = Datetime.now() - timedelta(seconds=1)

        def lock_out(row):
            row.user_id.active = False

        def move_on(row):
            self.borrower.esms_otp_mobile = "+60 19-999 9999"

        def archive(row):
            self.policy.active = False

        def hand_over(row):
            self.loan.user_id = self.other

        for change in (expire, lock_out, move_on, archive, hand_over):
            with self.subTest(change.__name__):
                loan = self.loan.copy({"user_id": self.borrower.id})
                self.loan, self.where["id"] = loan, loan.id
                change(self.lose())
                self.assertFalse(self.run_waiting().waiting_since)
                self.assertFalse(self.gateway.sent)
                self.borrower.write({"active": True, "esms_otp_mobile": "+60 12-345 6789"})
                self.policy.active = True

    def test_case_525_what_a_record_refuses_is_dropped(self):
        self.lose()

        def refuses(_record, _field):
            raise UserError(self.env._("over"))

        self.patch(self.registry["loan.application"], "_esms_otp_check_allowed", refuses)
        self.assertFalse(self.run_waiting().waiting_since)
        self.assertFalse(self.gateway.sent)

    def test_case_525_what_fails_waits_for_the_next_run(self):
        self.lose()
        with (
            patch.object(flow.Signing, "deliver", dies),
            self.assertLogs(GENERATION, "WARNING") as logged,
        ):
            self.assertTrue(self.run_waiting().waiting_since)
        self.assertIn("planted", logged.output[0])
        self.assertFalse(self.run_waiting().waiting_since)
        self.assertEqual(len(self.gateway.sent), 1)

    def test_case_525_the_row_holds_no_code(self):
        row = self.lose()
        self.env.cr.execute("SELECT row_to_json(g)::text FROM esms_otp_generation g")
        kept = "".join(text for (text,) in self.env.cr.fetchall())
        self.run_waiting()
        self.assertIn(row.generation, kept)
        self.assertNotIn(self.gateway.code, kept)


class TestOrder(RouteCase):
    def senders(self, *answers):
        """Let a chain of gateways answer so; return what each was asked."""
        asked = {}

        class Said:
            def __init__(self, row):
                self.row = row

            def send(self, to, text, reference):
                asked.setdefault(self.row.id, []).append(text)
                said = said_by[self.row.id]
                if isinstance(said, Exception):
                    raise said
                return said

        rows = self.gateway_row
        for _ in answers[1:]:
            rows |= rows.create({"name": "next", "provider": "log"})
            rows[-2].next_id = rows[-1]
        said_by = dict(zip(rows.ids, answers, strict=True))
        self.patch(self.registry["esms.otp.gateway"], "_sender", lambda row: Said(row))
        return [asked.setdefault(row.id, []) for row in rows]

    @mute_logger(FLOW, "otp_engine.esms.gateway")
    def test_case_527_the_next_gateway_gets_what_the_first_refused(self):
        first, second, third = self.senders(
            SendResult(False, "5"), SendResult(True, "0"), SendResult(True, "0")
        )
        told = self.send()
        self.assertEqual((told["status"], told["esms_otp_response_status"]), (200, "0"))
        self.assertEqual((len(first), len(second), len(third)), (1, 1, 0))
        self.assertEqual(first, second)
        row = self.env["esms.otp.generation"].search([("res_id", "=", self.loan.id)])
        self.assertEqual((row.sends, row.gateway_status), (1, "0"))

    @mute_logger(FLOW, "otp_engine.esms.gateway")
    def test_case_527_after_a_silence_nobody_gets_it(self):
        first, second = self.senders(Timeout("planted"), SendResult(True, "0"))
        told = self.send()
        self.assertEqual((told["status"], told["esms_otp_response_status"]), (502, ""))
        self.assertEqual((len(first), len(second)), (1, 0))

    def test_case_527_an_order_has_an_end_and_no_archived_gateway(self):
        self.senders(*[SendResult(True, "0")] * 3)
        first, second, third = rows = self.gateway_row._in_order()
        with self.assertRaises(ValidationError):
            third.next_id = first
        with self.assertRaises(ValidationError):
            first.next_id = first
        second.active = False
        self.assertEqual(first._in_order(), rows - second)
        # Two transactions at once may still close one.
        self.env.flush_all()
        self.env.cr.execute(
            "UPDATE esms_otp_gateway SET next_id = %s WHERE id = %s", [first.id, third.id]
        )
        self.env.invalidate_all()
        self.assertEqual(third._in_order(), third | first)

    @mute_logger(FLOW)
    def test_case_528_the_other_recipient_gets_a_code_of_its_own_after_a_refusal(self):
        """Where the policy says so, at the next request, and Verify knows which is meant."""
        self.borrower.esms_otp_email = "siti@example.com"
        self.policy.otherwise = "user_email"
        mails = self.gateway
        self.patch(
            self.registry["res.company"], "_esms_otp_sender", lambda _company, _to, _policy: mails
        )
        for is_set in (False, True):
            self.policy.otherwise_if_refused = is_set
            self.gateway.answer = SendResult(False, "5")
            self.assertEqual(self.send()["status"], 502)
            self.gateway.answer = SendResult(True, "0")
            self.assertEqual(self.send()["status"], 429)
            self.clock.turn(10)
            told = self.send()
            where = "siti@example.com" if is_set else "60123456789"
            self.assertEqual((told["status"], told["recipient_mobile"]), (200, where))
            self.assertEqual(self.gateway.sent[-1][0], where)
            self.assertEqual(self.send()["message"], "OTP already sent")
            self.assertEqual(self.verify(self.gateway.code)["status"], 200)
            self.assertEqual(self.get()["recipient_mobile"], where)
            self.clock.turn(180)

    def test_case_528_a_second_recipient_that_is_none_is_left_out(self):
        self.policy.write({"otherwise": "user_email", "otherwise_if_refused": True})
        self.assertEqual(len(self.policy._recipients(self.borrower)), 1)
        self.borrower.esms_otp_email = "siti@example.com"
        self.assertEqual(
            self.policy._recipients(self.borrower),
            [{"mobile": "60123456789"}, {"email": "siti@example.com"}],
        )
        self.policy.otherwise = "partner_phone"
        self.borrower.phone = "+60 12-345 6789"
        self.assertEqual(len(self.policy._recipients(self.borrower)), 1, "it is the same one")
        self.borrower.phone = "12"
        self.assertEqual(len(self.policy._recipients(self.borrower)), 1)


@tagged("at_install", "-post_install")
class TestQueues(OtpCase):
    """What Odoo's own queues hold where a policy wants them, and for how long."""

    real_sender = staticmethod(gateway_module.EsmsOtpGateway._sender)
    TEXT = "Your code is 123456"

    def setUp(self):
        super().setUp()
        self.row = self.env["esms.otp.generation"].create(
            {
                "generation": "gen_" + "0" * 26,
                "model": "loan.application",
                "field": FIELD,
                "res_id": self.loan.id,
                "state": "pending",
                "issued_at": Datetime.now(),
                "expires_at": Datetime.now() + timedelta(minutes=3),
                "user_id": self.borrower.id,
                "company_id": self.env.company.id,
                "receipt_token": "token",
            }
        )
        self.env.flush_all()
        self.at = "https://host.example/esms_otp/receipt/token"

    def test_case_526_a_policy_says_which_it_is(self):
        provider = self.env["esms.otp.gateway"].create({"name": "sms", "provider": "odoo"})
        self.patch(self.registry["esms.otp.gateway"], "_sender", self.real_sender)
        self.env.company.esms_otp_gateway_id = provider
        self.borrower.esms_otp_email = "siti@example.com"
        for recipient, queue in (("user_mobile", SmsQueue), ("user_email", MailQueue)):
            self.policy.recipient = recipient
            for is_set in (False, True):
                self.policy.odoo_queues = is_set
                binding = self.policy._binding(self.loan, FIELD, self.borrower, "tenant")
                sender = self.env.company._esms_otp_sender(binding, self.policy)
                sender = getattr(sender, "_gateways", [sender])[0]
                self.assertEqual(isinstance(sender, queue), is_set)

    def mails(self):
        return self.env["mail.mail"].search([("model", "=", "esms.otp.generation")])

    def queue_mail(self, reference=None):
        queue = MailQueue(self.registry, "Lender <lender@example.com>", "Your signing code")
        return queue.send(
            "siti@example.com", self.TEXT, self.at if reference is None else reference
        )

    def test_case_526_a_mail_is_gone_from_the_queue_once_it_is_sent_or_failed(self):
        reported = []
        self.patch(
            self.registry["esms.otp.generation"],
            "_report",
            lambda row, said: reported.append((row.id, said.ok, said.status)),
        )
        for failure, expected in (
            (None, (self.row.id, True, "0")),
            ("mail_smtp", (self.row.id, False, "conn")),
            ("unknown", None),  # perhaps it went out
        ):
            reported.clear()
            self.assertIsNone(self.queue_mail())
            mail = self.mails()
            self.assertIn("123456", mail.body_html)
            self.assertEqual((mail.state, mail.email_to), ("outgoing", "siti@example.com"))
            mail._postprocess_sent_message([], [], failure_type=failure)
            self.assertFalse(self.mails())
            self.assertFalse(self.env["mail.message"].search([("model", "=", self.row._name)]))
            self.assertEqual(reported, [expected] if expected else [])

    def test_case_526_what_could_not_be_found_again_is_not_made(self):
        said = self.queue_mail(reference="")
        self.assertEqual((said.ok, said.status), (False, "queue"))
        self.assertFalse(self.mails())

    def test_case_526_texts_that_stayed_go_when_their_code_is_over(self):
        self.queue_mail()
        sms = self.env["sms.sms"].create({"uuid": "ours", "number": "+60", "body": self.TEXT})
        others = self.env["sms.sms"].create({"uuid": "theirs", "number": "+60", "body": "x"})
        self.row.gateway_reference = "ours"
        run_waiting(self)
        self.assertTrue(self.mails() and sms.exists())
        self.row.expires_at = Datetime.now() - timedelta(seconds=1)
        run_waiting(self)
        self.assertFalse(self.mails() or sms.exists())
        self.assertTrue(others.exists())

    def test_case_526_an_sms_is_gone_from_the_queue_whatever_came_of_it(self):
        asked, answer = [], []

        def send(_provider, messages, delivery_reports_url=False):
            [message] = messages
            self.env.invalidate_all()
            [sms] = self.env["sms.sms"].search([("body", "=", self.TEXT)])
            asked.append((message["content"], message["numbers"][0]["number"]))
            self.assertEqual(self.row.gateway_reference, sms.uuid)
            if isinstance(answer[0], Exception):
                raise answer[0]
            return [{"uuid": message["numbers"][0]["uuid"], "state": answer[0]}]

        for said_by_provider, expected in (
            ("success", (True, "0")),
            ("insufficient_credit", (False, "5")),
            ("wrong_number_format", (False, "9")),
            (OSError(self.TEXT), None),  # perhaps it went out
        ):
            answer[:] = [said_by_provider]
            with patch.object(SmsApi, "_send_sms_batch", send):
                queue = SmsQueue(self.registry, self.env.company.id)
                if expected is None:
                    with self.assertRaises(Timeout) as raised:
                        queue.send("60123456789", self.TEXT, self.at)
                    self.assertNotIn("123456", str(raised.exception))
                else:
                    said = queue.send("60123456789", self.TEXT, self.at)
                    self.assertEqual((said.ok, said.status), expected)
            self.assertEqual(asked.pop(), (self.TEXT, "+60123456789"))
            self.assertFalse(self.env["sms.sms"].search([("body", "=", self.TEXT)]))


class TestLateReport(RouteCase):
    @mute_logger(FLOW)
    def test_case_526_what_a_queue_says_later_is_reported(self):
        """Send does not wait for it; what is refused is refunded."""
        self.gateway.answer = None
        told = self.send()
        self.assertEqual((told["status"], told["esms_otp_response_status"]), (200, ""))
        row = self.env["esms.otp.generation"].search([("res_id", "=", self.loan.id)])
        self.assertEqual(self.send()["message"], "OTP already sent")
        row._report(SendResult(False, "conn"))
        self.env.invalidate_all()
        self.assertEqual((row.gateway_status, bool(row.waiting_since)), ("conn", False))
        self.assertEqual(self.send()["status"], 429)
        self.clock.turn(10)
        self.assertEqual(self.send()["message"], "OTP generated successfully")
