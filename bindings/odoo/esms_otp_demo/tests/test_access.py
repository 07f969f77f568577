"""Each model, each role: what they may do, and which rows they see."""

from odoo import Command
from odoo.exceptions import AccessError, UserError
from odoo.tests import tagged
from odoo.tools import mute_logger

from .common import OtpCase

NOTHING, READ, ALL = "", "r", "crwu"
MODELS = {  # none, portal, internal, user, officer, manager
    "esms.otp.generation": (NOTHING, NOTHING, NOTHING, READ, READ, READ),
    "esms.otp.signature": (NOTHING, NOTHING, NOTHING, READ, READ, READ),
    "esms.otp.log": (NOTHING, NOTHING, NOTHING, NOTHING, READ, READ),
    "esms.otp.policy": (NOTHING, NOTHING, NOTHING, NOTHING, READ, ALL),
    "esms.otp.gateway": (NOTHING, NOTHING, NOTHING, NOTHING, NOTHING, ALL),
}
OPERATIONS = {"c": "create", "r": "read", "w": "write", "u": "unlink"}


@tagged("at_install", "-post_install")
class TestAccess(OtpCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.second = cls.env["res.company"].create({"name": "Second"})
        cls.roles = [
            cls._user(role, group)
            for role, group in (
                ("public", "base.group_public"),
                ("portal", "base.group_portal"),
                ("internal", "base.group_user"),
                ("user", "esms_otp.group_esms_otp_user"),
                ("officer", "esms_otp.group_esms_otp_officer"),
                ("manager", "esms_otp.group_esms_otp_manager"),
            )
        ]
        cls.user, cls.officer, cls.manager = cls.roles[3:]

    @classmethod
    def _user(cls, login, group):
        return cls.env["res.users"].create(
            {
                "name": login,
                "login": f"otp_{login}",
                "esms_otp_mobile": "+60 12-345 6700",
                "group_ids": [Command.set(cls.env.ref(group).ids)],
                "company_id": cls.env.company.id,
                "company_ids": [Command.set(cls.env.company.ids)],
            }
        )

    def test_each_role_may_do_exactly_this(self):
        for model, allowed in MODELS.items():
            for user, letters in zip(self.roles, allowed, strict=True):
                for letter, operation in OPERATIONS.items():
                    with self.subTest(f"{user.name} {operation} {model}"):
                        may = self.env[model].with_user(user).has_access(operation)
                        self.assertEqual(may, letter in letters)

    def rows(self, model, **values):
        """Make a row for each of: own, another's, own in another company."""
        made = self.env[model]
        for user, company in (
            (self.user, self.env.company),
            (self.other, self.env.company),
            (self.user, self.second),
        ):
            made |= made.create({"user_id": user.id, "company_id": company.id, **values})
        return made

    def seen(self, user, rows):
        return [row in rows.with_user(user).search([("id", "in", rows.ids)]) for row in rows]

    def test_rows_of_generations(self):
        when = "2026-01-01 00:00:00"
        rows = self.env["esms.otp.generation"]
        for number, (user, company) in enumerate(
            (
                (self.user, self.env.company),
                (self.other, self.env.company),
                (self.user, self.second),
            )
        ):
            rows |= rows.create(
                {
                    "generation": f"gen_{number}",
                    "model": "loan.application",
                    "field": "name",
                    "res_id": 1,
                    "state": "pending",
                    "issued_at": when,
                    "expires_at": when,
                    "user_id": user.id,
                    "company_id": company.id,
                }
            )
        self.assertEqual(self.seen(self.user, rows), [True, False, False])
        self.assertEqual(self.seen(self.officer, rows), [True, True, False])
        self.assertEqual(self.seen(self.manager, rows), [True, True, False])
        with mute_logger("odoo.orm.models"), self.assertRaises(AccessError):
            rows[1].with_user(self.user).read(["state"])
        with self.assertRaises(AccessError):
            rows[0].with_user(self.officer).read(["receipt_token"])

    def test_rows_of_signatures(self):
        own = self.sign(self.loan.copy({"user_id": self.user.id}), self.user)
        anothers = self.sign()
        elsewhere = self.loan.sudo().copy({"company_id": self.second.id})
        rows = own | anothers | self.sign(elsewhere, self.user)
        self.assertEqual(self.seen(self.user, rows), [True, False, False])
        self.assertEqual(self.seen(self.officer, rows), [True, True, False])
        self.assertEqual(self.seen(self.manager, rows), [True, True, False])

    def test_rows_of_the_log(self):
        rows = self.rows("esms.otp.log", at="2026-01-01 00:00:00", happening="issued")
        self.assertEqual(self.seen(self.officer, rows), [True, True, False])
        nobodys = self.env["esms.otp.log"].create({"at": "2026-01-01", "happening": "unlocked"})
        self.assertEqual(self.seen(self.officer, nobodys), [True])

    def test_rows_of_policies_and_gateways(self):
        gateways = self.env["esms.otp.gateway"]
        for company in (self.env.company, self.second, self.env["res.company"]):
            gateways |= gateways.create({"name": "x", "provider": "log", "company_id": company.id})
        self.assertEqual(self.seen(self.manager, gateways), [True, False, True])
        policies = self.policy | self.policy.copy({"company_id": self.second.id})
        self.assertEqual(self.seen(self.officer, policies), [True, False])

    def test_credentials_of_the_gateway_are_for_administrators_alone(self):
        gateway = self.gateway_row.with_user(self.manager)
        gateway.name = "renamed"
        for name in ("user", "password"):
            with self.assertRaises(AccessError):
                gateway.read([name])
            with self.assertRaises(AccessError):
                gateway[name] = "x"
        administrator = self._user("system", "base.group_system")
        self.gateway_row.with_user(administrator).password = "secret"
        self.assertFalse(self.gateway_row.copy().password)

    def test_the_signing_mobile_is_for_managers_alone(self):
        for user in self.roles[1:5]:
            own = user.with_user(user)
            with self.subTest(user.name), self.assertRaises(AccessError):
                own.read(["esms_otp_mobile"])
            with self.subTest(user.name), self.assertRaises(AccessError):
                own.write({"esms_otp_mobile": "+60 19-999 9999"})
        self.assertEqual(self.borrower.with_user(self.manager).esms_otp_mobile, "+60 12-345 6789")

    def test_unlocking_and_erasing_are_for_managers_alone(self):
        signature = self.sign()
        generation = self.env["esms.otp.generation"].create(
            {
                "generation": "gen_x",
                "model": "loan.application",
                "field": "name",
                "res_id": 1,
                "state": "exhausted",
                "issued_at": "2026-01-01",
                "expires_at": "2026-01-01",
                "user_id": self.borrower.id,
                "company_id": self.env.company.id,
            }
        )
        for user in self.roles[:5]:
            with self.subTest(user.name):
                with self.assertRaises(UserError):
                    signature.with_user(user).action_erase()
                with self.assertRaises(UserError):
                    generation.with_user(user).action_unlock()
        self.assertTrue(signature.signer_name)
        generation.with_user(self.manager).action_unlock()
        signature.with_user(self.manager).action_erase()
        self.assertFalse(signature.signer_name)
