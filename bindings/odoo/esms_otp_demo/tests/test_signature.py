"""Signatures are appended and kept: against the ORM, against SQL, against an uninstallation."""

import base64
import os
import tempfile
from pathlib import Path
from unittest.mock import patch

import otp_engine as otp
from psycopg2 import errors

from odoo.exceptions import UserError
from odoo.tests import tagged
from odoo.tools import mute_logger

from odoo.addons.esms_otp import engine as engine_module
from odoo.addons.esms_otp.make_keys import make_keys
from odoo.addons.esms_otp.models import cell
from odoo.addons.esms_otp.projection import Projection
from odoo.addons.esms_otp.store import opened

from .common import FIELD, MODEL, PNG, OtpCase


@tagged("at_install", "-post_install")
class TestSignature(OtpCase):
    def test_the_row_says_what_the_record_says(self):
        row = self.sign(image=PNG, name="Siti Aminah")
        self.assertEqual((row.model, row.res_id, row.field, row.n), (MODEL, self.loan.id, FIELD, 1))
        self.assertEqual((row.user_id, row.company_id), (self.borrower, self.loan.company_id))
        self.assertEqual((row.signer_name, row.recipient), ("Siti Aminah", "60123456789"))
        self.assertEqual(base64.b64decode(row.with_context(bin_size=False).image), PNG)
        self.assertEqual(self.loan[FIELD], row)
        self.assertEqual(row.write_date, row.verified_at, "the image widget fails without")
        record = self.latest()
        self.assertEqual(row.record, record.jws)
        self.assertEqual(row.disclosures.split("\n"), list(record.disclosures))

    def test_the_orm_makes_changes_and_drops_none(self):
        row = self.sign()
        values = {
            "model": MODEL, "res_id": 1, "field": FIELD, "user_id": self.borrower.id,
            "company_id": self.env.company.id, "generation": "gen_x", "record": "x",
            "verified_at": "2026-01-01",
        }  # fmt: skip
        for rows in (row, row.sudo()):
            with self.assertRaises(UserError):
                rows.create(values)
            with self.assertRaises(UserError):
                rows.copy()
            with self.assertRaises(UserError):
                rows.write({"signer_name": "x"})
            with self.assertRaises(UserError):
                rows.signer_name = "x"
            with self.assertRaises(UserError):
                rows.unlink()

    def refused(self, statement, *values):
        with (
            self.subTest(statement),
            mute_logger("odoo.sql_db"),
            self.assertRaises(errors.RestrictViolation),
            self.env.cr.savepoint(),
        ):
            self.env.cr.execute(statement, values)

    def test_sql_changes_and_drops_none(self):
        row = self.sign(image=PNG, name="Siti Aminah")
        self.env.cr.execute("SELECT current_user, tableowner FROM pg_tables WHERE tablename = %s",
                            ["esms_otp_signature"])  # fmt: skip
        self.assertEqual(*self.env.cr.fetchone(), "the triggers bind the application's own role")
        for column, value in (
            ("model", "res.users"), ("res_id", 1), ("field", "x"), ("generation", "x"), ("n", 9),
            ("record", "x"), ("verified_at", "2026-01-01"), ("user_id", self.other.id),
            ("signer_name", "x"), ("recipient", "60199999999"), ("disclosures", "x"),
            ("image", b"x"),
        ):  # fmt: skip
            self.refused(
                f"UPDATE esms_otp_signature SET {column} = %s WHERE id = %s", value, row.id
            )
        more = "UPDATE esms_otp_signature SET disclosures = disclosures || E'\\nx'"
        self.refused(more)
        self.refused("DELETE FROM esms_otp_signature WHERE id = %s", row.id)
        self.refused("TRUNCATE esms_otp_signature CASCADE")
        for column in ("signer_name", "recipient", "disclosures", "image"):
            self.env.cr.execute(f"UPDATE esms_otp_signature SET {column} = NULL")
            self.refused(f"UPDATE esms_otp_signature SET {column} = 'x'")

    def test_without_the_trigger_sql_would_succeed(self):
        row = self.sign()
        self.env.cr.execute("ALTER TABLE esms_otp_signature DISABLE TRIGGER USER")
        self.env.cr.execute("UPDATE esms_otp_signature SET n = 9 WHERE id = %s", [row.id])
        self.assertEqual(self.env.cr.rowcount, 1)

    def test_case_324_the_guards_are_made_again_by_an_upgrade(self):
        row = self.sign()
        for _ in range(2):  # as `-u` does; by statements that PostgreSQL 13 has
            self.env["esms.otp.signature"].init()
            self.refused("DELETE FROM esms_otp_signature WHERE id = %s", row.id)
            self.refused("TRUNCATE esms_otp_signature CASCADE")
        self.env.cr.execute(
            "SELECT tgname FROM pg_trigger WHERE tgname LIKE 'esms_otp_%' AND NOT tgisinternal"
        )
        self.assertEqual(len(self.env.cr.fetchall()), 2)

    def test_case_324_a_server_that_is_too_old_is_named_at_the_installation(self):
        self.assertEqual(cell._OLDEST_POSTGRES, 13, "as Odoo 19's own")
        self.patch(cell, "_OLDEST_POSTGRES", 99)
        with self.assertRaisesRegex(UserError, r"PostgreSQL \d+ is too old: .* need 99"):
            self.env["esms.otp.cell"].init()

    def test_an_erasure_takes_details_and_the_record_still_verifies(self):
        row = self.sign(image=PNG, name="Siti Aminah")
        before = row.record
        row.action_erase()
        self.assertFalse(row.signer_name or row.recipient or row.image)
        self.assertFalse(row.disclosures)
        self.assertEqual(row.record, before)
        record = self.latest()
        self.assertEqual((record.jws, record.disclosures), (before, ()))
        pem = Path(os.environ[engine_module.SIGNING_KEY_FILE]).read_text()
        self.assertTrue(otp.verify_record(record, otp.SigningKey.from_pem(pem).public_jwks))

    def test_an_erasure_leaves_the_digest_of_what_was_approved(self):
        self.policy.content_field_ids = self.env["ir.model.fields"]._get(MODEL, "amount")
        row = self.sign()
        row.action_erase()
        self.loan._esms_otp_check_signed(FIELD)

    def test_a_user_who_signed_is_kept(self):
        self.sign()
        with (
            mute_logger("odoo.sql_db"),
            self.assertRaises(errors.ForeignKeyViolation),
            self.env.cr.savepoint(),
        ):
            self.env.cr.execute("DELETE FROM res_users WHERE id = %s", [self.borrower.id])

    def test_row_and_record_come_together_or_not_at_all(self):
        def fails(projection, cr, write):
            projection_call(projection, cr, write)
            raise RuntimeError("planted")

        projection_call = Projection.__call__
        self.patch(Projection, "__call__", fails)
        with self.assertRaises(otp.StoreError):
            self.sign()
        self.assertIsNone(self.latest())
        self.assertFalse(self.env["esms.otp.signature"].search([("res_id", "=", self.loan.id)]))

    def test_an_uninstallation_is_refused_while_there_are_signatures(self):
        self.sign()
        for name in ("esms_otp", "mail"):
            module = self.env["ir.module.module"].search([("name", "=", name)])
            with self.assertRaises(UserError):
                module.button_uninstall()
            self.assertEqual(module.state, "installed")

    def test_a_copy_for_tests_sends_nothing_and_accepts_no_live_code(self):
        self.sign()
        tenant = self.env["esms.otp.cell"]._tenant()
        binding = self.policy._binding(self.loan, FIELD, self.borrower, tenant)
        engine = engine_module.engine()
        self.gateway_row.write({"provider": "esms", "user": "u", "password": "secret"})
        self.env.flush_all()
        with opened(self.registry) as store:
            issued = engine.issue(store, binding)
        script = Path(engine_module.__file__).parent / "data" / "neutralize.sql"
        self.env.cr.execute(script.read_text())
        self.env.invalidate_all()
        with opened(self.registry) as store:
            self.assertEqual(engine.verify(store, binding, issued.code).rejection, "unknown")
        self.assertEqual(self.gateway_row.provider, "log")
        self.assertFalse(self.gateway_row.password)
        self.assertTrue(self.latest(), "records are kept")

    def test_case_201_a_database_is_begun_anew_or_taken_over_by_name_alone(self):
        self.sign()
        cells = self.env["esms.otp.cell"]
        self.assertEqual(cells._adopt_store(), "proven")
        folder = self.enterContext(tempfile.TemporaryDirectory())
        keys, _signing_key = make_keys(Path(folder) / "other")
        self.enterContext(patch.dict(os.environ, {engine_module.KEYS_FILE: str(keys)}))
        engine_module.forget()
        with self.assertRaisesRegex(engine_module.NotConfigured, "names other keys"):
            self.latest()
        with self.assertRaises(otp.ForeignStoreError):
            cells._adopt_store()
        self.assertEqual(cells._begin_store(), "begun")
        self.assertEqual(cells._begin_store(), "proven")
        self.assertIsNone(self.latest(), "what other keys wrote is given up")
        self.sign()
        self.assertTrue(self.latest())

    def latest(self):
        tenant = self.env["esms.otp.cell"]._tenant()
        with opened(self.registry) as store:
            target = otp.Target(MODEL, FIELD, str(self.loan.id))
            return engine_module.engine().latest_signature(store, tenant, target)
