"""Odoo's own channels: what they answer, and that they keep no message."""

import smtplib

from otp_engine.esms.gateway import Timeout

from odoo import Command
from odoo.exceptions import AccessError, UserError, ValidationError
from odoo.tests import tagged

from odoo.addons.esms_otp.channels import MailGateway, OdooSmsGateway
from odoo.addons.esms_otp.models import gateway as gateway_module

from .common import FIELD, OtpCase, RouteCase

TEXT = "Your code is 123456"


class Session:
    """An SMTP session that answers what it is told to."""

    from_filter = smtp_from = False

    def __init__(self, answer=None):
        self.answer, self.sent, self.debug, self.closed = answer, [], None, False

    def set_debuglevel(self, level):
        self.debug = level

    def send_message(self, message, sender, receivers):
        self.sent.append((message, sender, receivers))
        if self.answer:
            raise self.answer

    def close(self):
        self.closed = True


@tagged("at_install", "-post_install")
class TestMail(OtpCase):
    def send(self, answer=None, connected=True):
        self.session = Session(answer)

        def connect(server, **_named):
            if not connected:
                raise UserError(self.env._("Missing SMTP Server"))
            return self.session

        self.patch(self.registry["ir.mail_server"], "_connect__", connect)
        gateway = MailGateway(self.registry, "Lender <lender@example.com>", "Your signing code")
        return gateway.send("siti@example.com", TEXT)

    def test_case_494_a_mail_goes_out_at_once_and_is_kept_nowhere(self):
        before = self.env["mail.mail"].search_count([])
        said = self.send()
        self.assertEqual((said.ok, said.status), (True, "0"))
        [(message, _sender, receivers)] = self.session.sent
        self.assertEqual(receivers, ["siti@example.com"])
        self.assertEqual(message.get_content().strip(), TEXT)
        self.assertEqual(message["Subject"], "Your signing code")
        self.assertEqual(self.session.debug, 0, "a transcript would be in the log")
        self.assertTrue(self.session.closed)
        self.assertEqual(self.env["mail.mail"].search_count([]), before)

    def test_case_494_what_a_mail_server_refuses_did_not_go_out(self):
        gone = {"siti@example.com": (550, b"no such user: siti@example.com")}
        for error, status in (
            (smtplib.SMTPRecipientsRefused(gone), "m550"),
            (smtplib.SMTPDataError(554, b"spam"), "m554"),
        ):
            said = self.send(error)
            self.assertEqual((said.ok, said.status), (False, status))
            self.assertNotIn("siti", said.meaning)
        said = self.send(connected=False)
        self.assertEqual((said.ok, said.status), (False, "conn"))
        self.assertIn("Missing SMTP Server", said.meaning)

    def test_case_494_of_a_mail_server_that_falls_silent_nothing_is_known(self):
        for error in (smtplib.SMTPServerDisconnected(TEXT), TimeoutError(TEXT)):
            with self.assertRaises(Timeout) as raised:
                self.send(error)
            self.assertNotIn("123456", str(raised.exception))
            self.assertIsNone(raised.exception.__context__, "it could carry the message")


@tagged("at_install", "-post_install")
class TestOdooSms(OtpCase):
    real_sender = staticmethod(gateway_module.EsmsOtpGateway._sender)

    def send(self, answer):
        asked = []

        class Provider:
            def __init__(self, env):
                self.env = env

            def _set_company(self, company):
                asked.append(company)

            def _send_sms_batch(self, messages):
                asked.append(messages)
                if isinstance(answer, Exception):
                    raise answer
                [number] = messages[0]["numbers"]
                return [{"uuid": number["uuid"], "state": answer}]

        company = self.registry["res.company"]
        self.patch(company, "_get_sms_api_class", lambda _company: Provider)
        self.asked = asked
        return OdooSmsGateway(self.registry, self.env.company.id).send("60123456789", TEXT)

    def test_case_494_an_sms_of_odoos_own_is_kept_nowhere(self):
        before = self.env["sms.sms"].search_count([])
        said = self.send("success")
        self.assertEqual((said.ok, said.status), (True, "0"))
        company, [message] = self.asked
        self.assertEqual(company, self.env.company)
        self.assertEqual(message["content"], TEXT)
        self.assertEqual(message["numbers"][0]["number"], "+60123456789")
        self.assertEqual(self.env["sms.sms"].search_count([]), before)

    def test_case_494_what_the_provider_refuses_has_the_number_that_esms_has_for_it(self):
        for state, status in (
            ("insufficient_credit", "5"),
            ("wrong_number_format", "9"),
            ("unregistered", "3"),
            ("something_new", "sms"),
        ):
            said = self.send(state)
            self.assertEqual((said.ok, said.status), (False, status))
            self.assertEqual(said.balance_low, state == "insufficient_credit")

    def test_case_494_of_a_provider_that_does_not_answer_nothing_is_known(self):
        with self.assertRaises(Timeout) as raised:
            self.send(AccessError(TEXT))
        self.assertNotIn("123456", str(raised.exception))
        self.assertIsNone(raised.exception.__context__)

    def test_case_494_it_needs_odoos_module(self):
        gateway = self.env["esms.otp.gateway"].create({"name": "sms", "provider": "odoo"})
        self.assertIsInstance(self.real_sender(gateway), OdooSmsGateway)
        self.patch(self.registry, "models", {
            name: model for name, model in self.registry.models.items() if name != "sms.sms"
        })  # fmt: skip
        with self.assertRaisesRegex(ValidationError, "Odoo's module SMS"):
            gateway._check_endpoint()


@tagged("at_install", "-post_install")
class TestOrder(OtpCase):
    def where(self):
        binding = self.policy._binding(self.loan, FIELD, self.borrower, "tenant")
        return binding.mobile or binding.email

    def test_case_494_the_first_channel_that_the_user_has_is_taken(self):
        self.policy.write({"recipient": "user_email", "otherwise": "user_mobile"})
        self.assertEqual(self.where(), "60123456789")
        self.borrower.esms_otp_email = "siti@example.com"
        self.assertEqual(self.where(), "siti@example.com")
        self.policy.write({"recipient": "user_mobile", "otherwise": "user_email"})
        self.assertEqual(self.where(), "60123456789")
        self.borrower.esms_otp_mobile = False
        self.assertEqual(self.where(), "siti@example.com")

    def test_case_494_an_address_that_is_none_is_refused(self):
        for address in ("siti", "siti@", "a@b@c", "siti@example.com, x@example.com"):
            with self.subTest(address), self.assertRaises(ValidationError):
                self.borrower.esms_otp_email = address

    def test_case_494_signers_cannot_change_their_signing_address(self):
        officer = self.env["res.users"].create(
            {
                "name": "officer",
                "login": "otp_channels",
                "group_ids": [Command.set(self.env.ref("esms_otp.group_esms_otp_officer").ids)],
            }
        )
        for user in (self.borrower, officer):
            with self.assertRaises(AccessError):
                self.borrower.with_user(user).write({"esms_otp_email": "thief@example.com"})


class TestNobodyToSendTo(RouteCase):
    def test_case_494_who_has_no_channel_is_told_which_is_missing(self):
        self.borrower.esms_otp_mobile = False
        missing = "No usable mobile number is registered"
        self.assertResult(self.send(), status=400, message=missing)
        self.policy.recipient = "user_email"
        missing = "No usable e-mail address is registered"
        self.assertResult(self.send(), status=400, message=missing)
        self.policy.otherwise = "user_mobile"
        missing = "No usable mobile number is registered"
        self.assertResult(self.send(), status=400, message=missing)
