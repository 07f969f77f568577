"""Each model, each role: what they may do, and which rows they see."""

from psycopg2 import IntegrityError

from odoo import Command
from odoo.exceptions import AccessError, UserError, ValidationError
from odoo.tests import Form, tagged
from odoo.tools import mute_logger

from .common import FIELD, PNG, OtpCase

NOTHING, READ, ALL = "", "r", "crwu"
MODELS = {  # none, portal, internal, user, officer, manager
    "esms.otp.generation": (NOTHING, NOTHING, NOTHING, READ, READ, READ),
    "esms.otp.signature": (NOTHING, READ, READ, READ, READ, READ),  # of what they may read
    "esms.otp.log": (NOTHING, NOTHING, NOTHING, NOTHING, READ, READ),
    "esms.otp.policy": (NOTHING, NOTHING, NOTHING, NOTHING, READ, ALL),
    "esms.otp.gateway": (NOTHING, NOTHING, NOTHING, NOTHING, NOTHING, ALL),
    "esms.otp.outbox": (NOTHING, NOTHING, NOTHING, NOTHING, READ, READ),
    "esms.otp.reset": (NOTHING, NOTHING, NOTHING, NOTHING, NOTHING, ALL),
    "esms.otp.drop": (NOTHING, NOTHING, NOTHING, NOTHING, NOTHING, ALL),
    "esms.otp.certificate.note": (NOTHING, NOTHING, NOTHING, NOTHING, NOTHING, NOTHING),
}
OPERATIONS = {"c": "create", "r": "read", "w": "write", "u": "unlink"}


class _TakenBack(Exception):
    """What was tried went through, and must leave nothing."""


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

    def test_case_492_each_model_of_the_addon_is_in_the_table(self):
        ours = {
            name
            for name, model in self.registry.items()
            if model._original_module == "esms_otp" and not model._abstract
        }
        self.assertEqual(set(MODELS), ours)

    def row(self, model):
        """Return a row of a model that the company's officers may see."""
        if model == "esms.otp.policy":
            return self.policy
        values = {
            "esms.otp.gateway": {"name": "x", "provider": "log"},
            "esms.otp.generation": {
                "generation": "gen_row",
                "model": "loan.application",
                "field": "name",
                "res_id": self.loan.id,
                "state": "pending",
                "issued_at": "2026-01-01",
                "expires_at": "2026-01-01",
                "user_id": self.user.id,
                "company_id": self.env.company.id,
            },
            "esms.otp.log": {"at": "2026-01-01", "kind": "issued"},
            "esms.otp.reset": {"reason": "why", "create_uid": self.manager.id},
            "esms.otp.drop": {"reason": "why", "outbox_ids": self.outbox.ids},
            "esms.otp.certificate.note": {
                "signature_id": self.signed.id,
                "message_id": self.loan.message_ids[:1].id,
            },
        }
        if model in values:
            author = self.manager if self.env[model]._transient else self.env.user
            return self.env[model].with_user(author).create(values[model])
        return {"esms.otp.signature": self.signed, "esms.otp.outbox": self.outbox}[model]

    def test_case_492_each_role_can_do_on_a_row_exactly_what_the_table_says(self):
        """By the operation itself, not by what is said of it."""
        self.signed = self.sign()
        self.outbox = self.env["esms.otp.outbox"].search([("signature_id", "=", self.signed.id)])
        # Who reads a loan reads its signatures: this portal user has it.
        self.loan.user_id = self.roles[1]
        attempts = {
            "c": lambda row: row.create({}),
            "r": lambda row: row.read(["display_name"]),
            "w": lambda row: row.write({}),
            "u": lambda row: row.unlink(),
        }
        for model, allowed in MODELS.items():
            made = self.row(model)
            for user, letters in zip(self.roles, allowed, strict=True):
                row = made.with_user(user)
                for letter, attempt in attempts.items():
                    with self.subTest(f"{user.name} {OPERATIONS[letter]} {model}"):
                        self.assertEqual(self.is_refused(attempt, row), letter not in letters)

    def is_refused(self, attempt, row):
        """Try it in a savepoint, and take it back; an empty row that is let in lacks values."""
        try:
            with mute_logger("odoo.models", "odoo.orm.models", "odoo.sql_db"), self.cr.savepoint():
                row.invalidate_recordset()
                attempt(row)
                raise _TakenBack
        except (AccessError, UserError) as error:
            return not isinstance(error, ValidationError)
        except (_TakenBack, IntegrityError):
            return False

    def test_case_492_a_manager_makes_a_policy_and_an_officer_reads_it(self):
        """Without rights on Odoo's own models."""
        fields_of = self.env["ir.model.fields"]
        form = Form(self.env["esms.otp.policy"].with_user(self.manager))
        form.model_id = self.env["ir.model"]._get("loan.application")
        form.field_id = fields_of._get("loan.application", "name")
        form.content_field_ids.add(fields_of._get("loan.application", "amount"))
        form.gateway_id = self.gateway_row
        policy = form.save()
        policy.invalidate_recordset()
        self.assertIn("loan.application, name", policy.display_name)
        names = {"display_name": {}}
        specification = {
            "model_id": {"fields": names}, "field_id": {"fields": names},
            "content_field_ids": {"fields": names}, "gateway_id": {"fields": names}, **names,
        }  # fmt: skip
        for user in (self.officer, self.manager):
            self.env.invalidate_all()
            [read] = policy.with_user(user).web_read(specification)
            self.assertEqual(read["model_id"]["display_name"], "Loan Application")
            self.assertEqual(read["gateway_id"]["display_name"], "test")

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
        # An employee reads the loans of the own company, and so what was signed there.
        self.assertEqual(self.seen(self.user, rows), [True, True, False])
        self.assertEqual(self.seen(self.officer, rows), [True, True, False])
        self.assertEqual(self.seen(self.manager, rows), [True, True, False])

    def test_case_321_who_reads_a_record_reads_its_signatures_and_nobody_else(self):
        signature = self.sign(image=PNG, name="Siti Aminah")
        portal, internal = self.roles[1:3]
        for user in (self.borrower, internal, self.user, self.officer, self.manager):
            with self.subTest(user.name):
                loan = self.loan.with_user(user)
                loan.invalidate_recordset()
                self.assertEqual(loan.read([FIELD])[0][FIELD], signature.ids)
                row = loan[FIELD]
                self.assertEqual(row.signer_name, "Siti Aminah")
                self.assertTrue(row.read()[0]["drawing"])
                # As the web client opens the form, with the rows in it.
                specification = {FIELD: {"fields": {"signer_name": {}, "user_id": {"fields": {
                    "display_name": {}}}}}}  # fmt: skip
                [read] = loan.web_read(specification)
                self.assertEqual(read[FIELD][0]["signer_name"], "Siti Aminah")
                self.assertEqual(self.seen(user, signature), [True])
        for user in (self.other, portal):  # portal users without this loan
            with self.subTest(user.name):
                self.assertEqual(self.seen(user, signature), [False])
                with self.assertRaises(AccessError):
                    signature.with_user(user).read(["signer_name"])
                with self.assertRaises(AccessError):
                    signature.with_user(user).signer_name  # noqa: B018
                self.assertFalse(signature.with_user(user).has_access("read"))
        self.loan.user_id = self.other
        self.assertEqual(self.seen(self.borrower, signature), [False])
        self.assertEqual(self.seen(self.other, signature), [True])

    def test_case_321_a_field_of_other_groups_hides_its_signatures(self):
        signature = self.sign()
        self.assertEqual(self.seen(self.borrower, signature), [True])
        self.patch(self.registry["loan.application"]._fields[FIELD], "groups", "base.group_system")
        self.assertEqual(self.seen(self.borrower, signature), [False])
        self.assertEqual(self.seen(self.officer, signature), [True])

    def test_case_321_what_became_of_a_record_hides_nothing_from_officers(self):
        self.policy.guard_signed = False
        signature = self.sign(self.loan.copy({"user_id": self.user.id}), self.user)
        self.env["loan.application"].browse(signature.res_id).unlink()
        self.assertEqual(self.seen(self.officer, signature), [True])
        self.assertEqual(self.seen(self.user, signature), [True], "the own one")
        self.assertEqual(self.seen(self.roles[2], signature), [False])

    def test_case_494_who_sees_an_image_is_a_setting(self):
        signature, internal = self.sign(image=PNG), self.roles[2]

        def seen():
            self.env.invalidate_all()
            readers = (self.borrower, internal, self.user, self.officer, self.manager)
            return [bool(signature.with_user(reader).drawing) for reader in readers]

        self.assertEqual(seen(), [True] * 5)
        self.env["res.config.settings"].create({"esms_otp_image_access": "signer"}).execute()
        self.assertEqual(seen(), [True, False, False, True, True])
        [read] = signature.with_user(internal).web_read({"drawing": {}, "signer_name": {}})
        self.assertFalse(read["drawing"])

    def test_case_321_the_number_is_whole_for_the_signer_and_officers_alone(self):
        signature = self.sign()
        internal = self.roles[2]
        for user, shown in (
            (self.borrower, "60123456789"),
            (internal, "*******6789"),
            (self.user, "*******6789"),
            (self.officer, "60123456789"),
        ):
            with self.subTest(user.name):
                self.assertEqual(signature.with_user(user).mobile, shown)
        for name in ("recipient", "disclosures", "image"):
            with self.assertRaises(AccessError):
                signature.with_user(internal).read([name])
            with self.assertRaises(AccessError):
                signature.with_user(internal).search([(name, "!=", False)])
            self.assertTrue(signature.with_user(self.officer).read([name]))

    def test_rows_of_the_log(self):
        rows = self.rows("esms.otp.log", at="2026-01-01 00:00:00", kind="issued")
        self.assertEqual(self.seen(self.officer, rows), [True, True, False])
        nobodys = self.env["esms.otp.log"].create({"at": "2026-01-01", "kind": "unlocked"})
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
                    generation.with_user(user).action_unlock("why")
        self.assertTrue(signature.signer_name)
        generation.with_user(self.manager).action_unlock("why")
        signature.with_user(self.manager).action_erase()
        self.assertFalse(signature.signer_name)
