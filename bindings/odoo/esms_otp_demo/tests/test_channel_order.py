"""The order of a policy's channels: each pair that can be, in both directions."""

import re
from itertools import pairwise

from otp_engine.esms.gateway import SendResult, Timeout
from otp_engine.esms.gateway.esms import EsmsGateway

from odoo.exceptions import UserError
from odoo.tests import tagged
from odoo.tools import mute_logger

from odoo.addons.esms_otp.channels import MailGateway, OdooSmsGateway
from odoo.addons.esms_otp.models import gateway as gateway_module

from .common import FIELD, OtpCase
from .test_waiting import WaitingCase

QUIET = "otp_engine.esms.flow", "otp_engine.esms.gateway"
CHANNELS = {"eSMS": EsmsGateway, "Odoo's SMS": OdooSmsGateway, "e-mail": MailGateway}
SMS = ["eSMS", "Odoo's SMS"]
TAKEN, REFUSED, SILENT = SendResult(True, "0"), SendResult(False, "5"), Timeout("planted")


class ChannelCase(WaitingCase):
    """Channels as users have them; what would leave the machine answers as it is told."""

    real_sender = staticmethod(gateway_module.EsmsOtpGateway._sender)

    def setUp(self):
        super().setUp()
        self.patch(self.registry["esms.otp.gateway"], "_sender", self.real_sender)
        self.said, self.sent = dict.fromkeys(CHANNELS, TAKEN), []
        for name, channel in CHANNELS.items():
            self.patch(channel, "send", self.answering(name))
        self.borrower.esms_otp_email = "siti@example.com"
        esms, own = self.gateway_row, self.gateway_row.create({"name": "own", "provider": "odoo"})
        esms.write({"provider": "esms", "user": "key", "password": "secret"})
        (esms | own).company_id = False  # as the policy is one of all companies
        self.rows = {"eSMS": esms, "Odoo's SMS": own}

    def answering(self, name):
        def send(_channel, _to, text, _reference=""):
            self.sent.append((name, re.search(r"\b\d{6}\b", text)[0]))
            if isinstance(self.said[name], Exception):
                raise self.said[name]
            return self.said[name]

        return send

    def set_order(self, *channels):
        """Let the policy send by these channels, in this order."""
        gateways = [self.rows[name] for name in channels if name in SMS]
        for row in self.rows.values():
            row.next_id = False
        for row, following in pairwise(gateways):
            row.next_id = following
        recipients = [("user_email", "user_mobile")[name in SMS] for name in channels]
        first, *rest = dict.fromkeys(recipients)
        self.policy.write(
            {
                "gateway_id": gateways[0].id,
                "recipient": first,
                "otherwise": rest[0] if rest else False,
                "otherwise_if_refused": True,
            }
        )

    def begin(self, **said):
        """Begin with another record, an hour later; the channels answer so, or take a message."""
        self.clock.turn(3600)
        self.loan = self.loan.copy({"user_id": self.borrower.id})
        self.where["id"] = self.loan.id
        self.said, self.sent = {**dict.fromkeys(CHANNELS, TAKEN), **said}, []

    def asked(self):
        """Send once; return which channels were asked, and the status of the answer."""
        before = len(self.sent)
        status = self.send()["status"]
        return [name for name, _code in self.sent[before:]], status


class TestChannelOrder(ChannelCase):
    @mute_logger(*QUIET)
    def test_case_670_each_pair_of_channels_has_an_order_and_a_fall_back(self):
        for first in CHANNELS:
            for second in CHANNELS:
                if first == second:
                    continue
                with self.subTest(f"{first}, then {second}"):
                    self.set_order(first, second)
                    self.begin()
                    self.assertEqual(self.asked(), ([first], 200))
                    self.begin(**{first: SILENT})
                    self.assertEqual(self.asked(), ([first], 502))
                    self.clock.turn(60)
                    self.assertEqual(self.asked(), ([first], 502), "it may have been sent")
                    self.begin(**{first: REFUSED})
                    if {first, second} == set(SMS):  # one message: the code and the request
                        self.assertEqual(self.asked(), ([first, second], 200))
                        self.assertEqual(len({code for _name, code in self.sent}), 1)
                        continue
                    self.assertEqual(self.asked(), ([first], 502))
                    self.clock.turn(10)
                    self.assertEqual(self.asked(), ([second], 200))
                    [(_first, void), (_second, code)] = self.sent
                    self.assertNotEqual(void, code)
                    self.assertEqual(self.verify(code)["status"], 200)

    def test_case_670_who_lacks_the_first_channel_gets_the_second(self):
        for first, second, lacked in (
            ("eSMS", "e-mail", "esms_otp_mobile"),
            ("Odoo's SMS", "e-mail", "esms_otp_mobile"),
            ("e-mail", "eSMS", "esms_otp_email"),
            ("e-mail", "Odoo's SMS", "esms_otp_email"),
        ):
            with self.subTest(f"{first}, then {second}"):
                self.set_order(first, second)
                kept = self.borrower[lacked]
                self.borrower[lacked] = False
                self.begin()
                self.assertEqual(self.asked(), ([second], 200))
                self.borrower[lacked] = kept

    @mute_logger(*QUIET)
    def test_case_671_all_three_in_an_order(self):
        for order in (
            ["eSMS", "Odoo's SMS", "e-mail"],
            ["Odoo's SMS", "eSMS", "e-mail"],
            ["e-mail", "eSMS", "Odoo's SMS"],
        ):
            with self.subTest(" > ".join(order)):
                self.set_order(*order)
                self.begin(**dict.fromkeys(order[:2], REFUSED))
                names, statuses = [], []
                for _ in range(2):
                    asked, status = self.asked()
                    names += asked
                    statuses.append(status)
                    self.clock.turn(10)
                self.assertEqual((names, statuses), (order, [502, 200]))


class TestGateway(ChannelCase):
    def test_case_672_a_policys_gateway_comes_before_the_companys(self):
        self.policy.gateway_id = self.rows["Odoo's SMS"]
        self.assertEqual(self.asked(), (["Odoo's SMS"], 200))
        self.begin()
        self.policy.gateway_id = False
        self.assertEqual(self.asked(), (["eSMS"], 200))
        self.begin()
        self.policy.gateway_id = self.rows["Odoo's SMS"]
        self.env.company.esms_otp_gateway_id = False
        self.assertEqual(self.asked(), (["Odoo's SMS"], 200))

    def test_case_672_where_a_policys_gateway_is_archived_nobody_elses_is_taken(self):
        self.policy.gateway_id = own = self.rows["Odoo's SMS"]
        own.active = False
        with self.assertLogs("odoo.addons.esms_otp.signing", "WARNING") as logged:
            self.assertEqual(self.asked(), ([], 502))
        self.assertIn(f"or in policy {self.policy.id}", logged.output[0])

    def test_case_673_what_waited_leaves_by_the_policys_gateway(self):
        self.policy.gateway_id = self.rows["Odoo's SMS"]
        self.lose()
        self.assertFalse(self.run_waiting().waiting_since)
        self.assertEqual([name for name, _code in self.sent], ["Odoo's SMS"])


@tagged("at_install", "-post_install")
class TestCompany(OtpCase):
    def test_case_674_a_policy_names_no_gateway_of_another_company(self):
        second = self.env["res.company"].create({"name": "Second"})
        gateways = self.env["esms.otp.gateway"]
        theirs, everybodys = gateways.create(
            [{"name": "x", "provider": "log", "company_id": company} for company in (second.id, 0)]
        )
        own = self.policy.copy({"company_id": self.env.company.id})
        for policy, gateway in ((own, theirs), (self.policy, theirs)):
            with self.subTest(policy.display_name), self.assertRaises(UserError):
                policy.gateway_id = gateway
            policy.invalidate_recordset()
        (own | self.policy).write({"gateway_id": everybodys.id})
        self.assertEqual(self.policy._for_field(self.loan, FIELD).gateway_id, everybodys)
