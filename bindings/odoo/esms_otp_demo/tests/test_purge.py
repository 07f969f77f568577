from datetime import timedelta

import otp_engine as otp
from psycopg2 import errors

from odoo import fields
from odoo.exceptions import UserError
from odoo.tests import tagged

from odoo.addons.esms_otp import engine as engine_module
from odoo.addons.esms_otp.models import generation
from odoo.addons.esms_otp.store import DatabaseError, OdooStore, opened

from .common import FIELD, PNG, OtpCase


@tagged("at_install", "-post_install")
class TestPurge(OtpCase):
    def count(self, table, where="true"):
        self.env.cr.execute(f"SELECT count(*) FROM {table} WHERE {where}")
        return self.env.cr.fetchone()[0]

    def run_cron(self, confirmed=False):
        cron = self.env.ref("esms_otp.ir_cron_purge")
        cron.code = f"model._purge(confirmed={confirmed})"
        cron.method_direct_trigger()
        self.env.invalidate_all()

    def test_cells_go_when_they_are_over_and_records_stay(self):
        self.patch(generation, "_BATCH", 2)
        self.sign()
        kept = self.count("esms_otp_cell", "discard_after IS NULL")
        self.assertEqual(kept, 3, "a page, a record, and the mark of the keys")
        going = self.count("esms_otp_cell", "discard_after IS NOT NULL")
        self.assertGreater(going, 2, "more than a batch")
        self.run_cron()
        self.assertEqual(self.count("esms_otp_cell", "discard_after IS NOT NULL"), going)
        self.clock.turn(500 * 86400)
        with self.assertLogs(generation.__name__, "WARNING") as logs:
            self.run_cron()
        self.assertIn("ClockAheadError", logs.output[0])
        self.assertEqual(self.count("esms_otp_cell", "discard_after IS NOT NULL"), going)
        self.run_cron(confirmed=True)  # the word of an administrator who has looked at the clock
        self.assertEqual(self.count("esms_otp_cell"), kept + 1, "and the mark of the purge")
        self.assertEqual(self.count("esms_otp_cell", "discard_after IS NOT NULL"), 0)
        self.assertEqual(self.count("esms_otp_signature"), 1)

    def test_case_323_a_purge_that_fails_once_is_a_warning_and_the_rest_goes_on(self):
        whole = OdooStore.purge
        self.sign()
        self.clock.turn(500 * 86400)
        self.env["esms.otp.log"].create({"at": "2020-01-01", "kind": "issued"})

        def fails(store, now, limit):
            raise DatabaseError(errors.DeadlockDetected())

        self.patch(OdooStore, "purge", fails)
        with self.assertLogs(generation.__name__, "WARNING") as logs:
            self.run_cron(confirmed=True)
        for told in ("StoreError", "caused by DatabaseError: DeadlockDetected"):
            self.assertIn(told, logs.output[0])
        self.assertNotIn("nothing was changed", logs.output[0])
        self.assertFalse(self.env["esms.otp.log"].search([("at", "<", "2020-02-01")]))
        self.assertTrue(self.count("esms_otp_cell", "discard_after IS NOT NULL"))
        self.patch(OdooStore, "purge", whole)
        self.run_cron(confirmed=True)
        self.assertFalse(self.count("esms_otp_cell", "discard_after IS NOT NULL"))

    def test_rows_go_after_their_days(self):
        self.patch(generation, "_BATCH", 2)
        self.env["ir.config_parameter"].set_param("esms_otp.generation_days", "10")
        self.env["ir.config_parameter"].set_param("esms_otp.log_days", "20")
        now = fields.Datetime.now()
        for days in (1, 9, 11, 12, 13, 19, 21, 22, 23):
            moment = now - timedelta(days=days)
            self.env["esms.otp.generation"].create(
                {
                    "generation": f"gen_{days}",
                    "model": "loan.application",
                    "field": FIELD,
                    "res_id": 1,
                    "state": "pending",
                    "issued_at": moment,
                    "expires_at": moment,
                    "user_id": self.borrower.id,
                    "company_id": self.env.company.id,
                }
            )
            self.env["esms.otp.log"].create({"at": moment, "kind": "issued"})
        self.run_cron()
        self.assertEqual(
            self.env["esms.otp.generation"].search([]).mapped("generation"), ["gen_1", "gen_9"]
        )
        self.assertEqual(self.env["esms.otp.log"].search_count([]), 6)

    def test_case_494_images_and_details_go_after_their_days_and_the_records_stay(self):
        old, new = self.sign(image=PNG, name="Siti"), self.sign(image=PNG, name="Siti")
        self.age(old, 11)
        self.age(new, 9)
        self.run_cron()
        self.assertTrue(old.image and old.signer_name, "0, the default, keeps for ever")
        self.keep(image_days=10)
        self.run_cron()
        self.assertFalse(old.image)
        self.assertEqual((old.signer_name, bool(new.image)), ("Siti", True))
        self.keep(image_days=10, detail_days=10)
        record = old.record
        self.run_cron()
        self.assertFalse(old.signer_name or old.recipient)
        self.assertEqual((new.signer_name, new.recipient), ("Siti", "60123456789"))
        self.assertEqual(old.record, record)
        keys = engine_module.public_jwks()
        for row in old | new:
            self.assertTrue(otp.verify_record(row.record, keys))
        self.assertEqual(self.loan._esms_otp_standing(FIELD), "unbound", "the engine finds it")

    def test_case_494_a_row_that_the_engine_does_not_know_keeps_no_other_back(self):
        lost, old = self.sign(), self.sign(self.loan.copy())
        self.age(lost | old, 11)
        self.keep(detail_days=10)
        kind = type(engine_module.engine())
        erase = kind.erase

        def fails(engine, store, tenant, target, *more):
            if target.id == str(lost.res_id):
                return False
            return erase(engine, store, tenant, target, *more)

        self.patch(kind, "erase", fails)
        self.patch(generation, "_BATCH", 1)
        self.run_cron()
        self.assertTrue(lost.recipient)
        self.assertFalse(old.recipient)

    def keep(self, **days):
        settings = {f"esms_otp_{name}": number for name, number in days.items()}
        self.env["res.config.settings"].create(settings).execute()

    def age(self, rows, days):
        then = fields.Datetime.now() - timedelta(days=days)
        self.env.cr.execute("ALTER TABLE esms_otp_signature DISABLE TRIGGER USER")
        self.env.cr.execute(
            "UPDATE esms_otp_signature SET verified_at = %s WHERE id = ANY(%s)", [then, rows.ids]
        )
        self.env.cr.execute("ALTER TABLE esms_otp_signature ENABLE TRIGGER USER")
        self.env.invalidate_all()

    def test_an_unlock_lifts_what_wrong_codes_put_on_a_user(self):
        tenant = self.env["esms.otp.cell"]._tenant()
        binding = self.policy._binding(self.loan, FIELD, self.borrower, tenant)
        row = self.env["esms.otp.generation"].create(
            {
                "generation": "gen_x",
                "model": "loan.application",
                "field": FIELD,
                "res_id": self.loan.id,
                "state": "exhausted",
                "issued_at": "2026-01-01",
                "expires_at": "2026-01-01",
                "user_id": self.borrower.id,
                "company_id": self.env.company.id,
            }
        )
        engine = engine_module.engine()
        with opened(self.registry) as store:
            for _ in range(3):  # 15 wrong codes within a day
                issued = engine.issue(store, binding)
                wrong = f"{(int(issued.code) + 1) % 10**6:06}"
                for _ in range(5):
                    engine.verify(store, binding, wrong)
                self.clock.turn(900)
            self.assertEqual(engine.issue(store, binding).reason, "locked")
        # The number has limits of its own, which no unlock lifts: else a stranger's guesses could.
        self.borrower.esms_otp_mobile = "+60 12-345 6780"
        binding = self.policy._binding(self.loan, FIELD, self.borrower, tenant)
        with opened(self.registry) as store:
            self.assertEqual(engine.issue(store, binding).reason, "locked")
        row.action_unlock("the borrower was called back")
        with opened(self.registry) as store:
            self.assertTrue(engine.issue(store, binding))
        log = self.env["esms.otp.log"].search([("kind", "=", "unlocked")])
        self.assertEqual(log.user_id, self.borrower)
        self.assertEqual(log.reason, "the borrower was called back")

    def test_case_331_a_reset_lifts_what_holds_user_number_and_field_up(self):
        tenant = self.env["esms.otp.cell"]._tenant()
        binding = self.policy._binding(self.loan, FIELD, self.borrower, tenant)
        row = self.env["esms.otp.generation"].create(
            {
                "generation": "gen_x",
                "model": "loan.application",
                "field": FIELD,
                "res_id": self.loan.id,
                "state": "exhausted",
                "issued_at": "2026-01-01",
                "expires_at": "2026-01-01",
                "user_id": self.borrower.id,
                "company_id": self.env.company.id,
            }
        )
        engine = engine_module.engine()
        with opened(self.registry) as store:
            for _ in range(3):  # 15 wrong codes within a day
                issued = engine.issue(store, binding)
                wrong = f"{(int(issued.code) + 1) % 10**6:06}"
                for _ in range(5):
                    engine.verify(store, binding, wrong)
                self.clock.turn(900)
            self.assertEqual(engine.issue(store, binding).reason, "locked")
        with self.assertRaises(UserError):
            row.with_user(self.borrower).action_reset("because")
        row.action_reset("the borrower was called back")
        with opened(self.registry) as store:
            self.assertTrue(engine.issue(store, binding))
        log = self.env["esms.otp.log"].search([("reason", "=", "the borrower was called back")])
        self.assertEqual(set(log.mapped("kind")), {"user_reset", "slot_reset", "recipient_reset"})
        self.assertEqual(log.user_id, self.borrower)
