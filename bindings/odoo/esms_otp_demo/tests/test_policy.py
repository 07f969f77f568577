from psycopg2 import IntegrityError

from odoo.exceptions import ValidationError
from odoo.tests import tagged
from odoo.tools import mute_logger

from .common import FIELD, MODEL, OtpCase

BOUNDS = {
    "minutes": (1, 9), "digits": (6, 10), "max_attempts": (1, 10), "cooldown": (15, 600),
    "max_sends": (1, 10),
}  # fmt: skip


@tagged("at_install", "-post_install")
class TestPolicy(OtpCase):
    def test_each_limit_holds_at_its_bounds_and_not_beyond(self):
        for name, (least, most) in BOUNDS.items():
            for value in (least, most):
                with self.subTest(f"{name} = {value}"):
                    self.policy[name] = value
            for value in (least - 1, most + 1, -1):
                with self.subTest(f"{name} = {value}"), self.assertRaises(ValidationError):
                    self.policy[name] = value
            self.policy.invalidate_recordset()
            self.policy[name] = self.policy.default_get([name])[name]

    def test_a_template_is_checked_in_each_language(self):
        for template in ("no code", "#otp# #otp#", "#otp# or 123456", "#otp# #nothing#"):
            with self.subTest(template), self.assertRaises(ValidationError):
                self.policy.template = template
        self.env["res.lang"]._activate_lang("ms_MY")
        with self.assertRaises(ValidationError):
            self.policy.with_context(lang="ms_MY").template = "tiada kod"
        self.policy.with_context(lang="ms_MY").template = "Kod anda #otp#"
        with self.assertRaises(ValidationError):
            self.policy.domain = "not a domain"
        self.policy.domain = "example.com"

    def test_the_model_must_inherit_the_mixin_and_the_fields_be_its_own(self):
        partner = self.env["ir.model"]._get("res.partner")
        name = self.env["ir.model.fields"]._get("res.partner", "name")
        with self.assertRaises(ValidationError):
            self.policy.create({"model_id": partner.id, "field_id": name.id})
        with self.assertRaises(ValidationError):
            self.policy.field_id = name
        with self.assertRaises(ValidationError):
            self.policy.content_field_ids = name

    def test_a_company_has_one_policy_for_a_field(self):
        second = self.policy.copy({"company_id": self.env.company.id})
        for company in (self.env.company, self.env["res.company"]):
            with (
                mute_logger("odoo.sql_db"),
                self.assertRaises(IntegrityError),
                self.env.cr.savepoint(),
            ):
                second.copy({"company_id": company.id}).flush_recordset()

    def test_the_policy_of_the_records_company_comes_before_the_one_of_all(self):
        own = self.policy.copy({"company_id": self.env.company.id, "minutes": 5})
        second = self.env["res.company"].create({"name": "Second"})
        elsewhere = self.loan.copy({"company_id": second.id})
        find = self.env["esms.otp.policy"]._for_field
        self.assertEqual(find(self.loan, FIELD), own)
        self.assertEqual(find(elsewhere, FIELD), self.policy)
        self.assertFalse(find(self.loan, "name"))
        own.active = False
        self.assertEqual(find(self.loan, FIELD), self.policy)
        self.policy.active = False
        self.assertFalse(find(self.loan, FIELD))
        self.assertEqual(find(self.loan, FIELD, active_test=False), own)

    def test_content_is_the_same_for_whoever_asks_and_changes_with_the_record(self):
        names = ["name", "amount", "user_id", "company_id"]
        fields = self.env["ir.model.fields"]
        for name in names:
            fields |= fields._get(MODEL, name)
        self.policy.content_field_ids = fields
        content = self.policy._content(self.loan, FIELD)
        self.env["res.lang"]._activate_lang("ms_MY")
        same = self.loan.with_user(self.borrower).with_context(lang="ms_MY", tz="Asia/Kuala_Lumpur")
        self.assertEqual(self.policy._content(same, FIELD), content)
        seen = {content}
        for name, value in (
            ("name", "LA/TEST "), ("amount", 1000.01), ("user_id", self.other.id),
        ):  # fmt: skip
            self.loan[name] = value
            seen.add(self.policy._content(self.loan, FIELD))
        self.assertEqual(len(seen), 4)
        self.assertNotEqual(
            self.policy._content(self.loan.copy(), FIELD), self.policy._content(self.loan, FIELD)
        )

    def test_without_content_fields_the_hook_may_give_the_content(self):
        self.assertIsNone(self.policy._content(self.loan, FIELD))
        self.patch(self.registry[MODEL], "_esms_otp_content", lambda record, field: b"a document")
        self.assertEqual(self.policy._content(self.loan, FIELD), b"a document")
