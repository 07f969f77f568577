"""What follows a signature: owed from its commit on, until it has succeeded."""

from otp_engine.esms.flow import SignedAlready

from odoo import Command
from odoo.exceptions import AccessError, UserError
from odoo.tests import Form, tagged
from odoo.tools import mute_logger

from odoo.addons.esms_otp import engine as engine_module
from odoo.addons.esms_otp.controllers import main
from odoo.addons.esms_otp.models import outbox
from odoo.addons.esms_otp.projection import Projection
from odoo.addons.esms_otp.store import opened

from .common import FIELD, MODEL, OtpCase, RouteCase

OUTBOX = outbox.__name__
WHY = "ticket 4711: paid out by hand"


class Rows:
    """The rows of the outbox, as they are in the database now."""

    def rows(self):
        self.env.invalidate_all()
        return self.env["esms.otp.outbox"].search([])

    def hook(self, hook):
        self.patch(self.registry[MODEL], "_esms_otp_signed", hook)

    def fail(self, error):
        def fails(record, field, signature):
            record.sudo().name = "changed"
            raise error

        self.hook(fails)

    def run_due(self):
        """Run the scheduled action when all is due."""
        self.env.cr.execute("UPDATE esms_otp_outbox SET next_at = now() - interval '1 day'")
        self.env.ref("esms_otp.ir_cron_outbox").method_direct_trigger()


class TestOutboxOfRequests(Rows, RouteCase):
    def sign_by_route(self):
        self.send()
        return self.verify(self.gateway.code)

    def test_case_490_the_hook_runs_once_with_the_signature_and_nothing_is_left(self):
        seen = []

        def hook(record, field, signature):
            seen.append((record.id, record.env.uid, record.env.su, field, signature.id))

        self.hook(hook)
        signed = self.sign_by_route()
        self.assertEqual(
            seen, [(self.loan.id, self.borrower.id, False, FIELD, signed["signature_id"])]
        )
        self.assertFalse(self.rows())
        self.run_due()
        self.assertEqual(len(seen), 1)

    @mute_logger(OUTBOX)
    def test_case_490_a_hook_that_raises_twice_runs_until_it_succeeds(self):
        self.fail(UserError("The bank 123456789 is closed"))
        signed = self.sign_by_route()
        self.assertEqual(signed["status"], 200)
        row = self.rows()
        self.assertEqual(row.signature_id.id, signed["signature_id"])
        self.assertEqual((row.state, row.attempts), ("waiting", 1))
        self.assertEqual(row.error, "The bank *****6789 is closed", "no whole number")
        self.assertEqual(self.loan.name, "LA/TEST", "what it wrote went with it")
        self.run_due()
        row = self.rows()
        self.assertEqual(row.attempts, 2)
        first, second = row.verified_at, row.next_at
        self.assertGreater((second - first).total_seconds(), 60, "later each time")
        self.env.ref("esms_otp.ir_cron_outbox").method_direct_trigger()
        self.assertEqual(self.rows().attempts, 2, "it is not due")
        self.patch(self.registry[MODEL], "_esms_otp_signed", self.accepts)
        self.run_due()
        self.assertFalse(self.rows())
        self.assertEqual(self.loan.name, "accepted")
        self.assertEqual(self.get()["signature_id"], signed["signature_id"])

    @staticmethod
    def accepts(record, field, signature):
        record.sudo().name = "accepted"

    @mute_logger(OUTBOX)
    def test_case_490_an_error_of_the_database_tells_no_row(self):
        def fails(record, field, signature):
            record.env.cr.execute("SELECT '60123456789'::date")

        self.hook(fails)
        with mute_logger("odoo.sql_db"):
            self.sign_by_route()
        self.assertEqual(self.rows().error, "DatabaseError: InvalidDatetimeFormat, sqlstate 22007")

    def test_case_490_what_cannot_even_be_written_down_changes_no_answer(self):
        def fails(registry, signature_id):
            raise RuntimeError("planted")

        self.patch(outbox, "run", fails)
        with mute_logger(main.__name__):
            self.assertEqual(self.sign_by_route()["status"], 200)
        self.assertEqual(len(self.rows()), 1, "the scheduled action finds it")


@tagged("at_install", "-post_install")
class TestOutbox(Rows, OtpCase):
    def staff(self, role):
        groups = self.env.ref(f"esms_otp.group_esms_otp_{role}")
        return self.env["res.users"].create(
            {"name": role, "login": f"otp_{role}", "group_ids": [Command.set(groups.ids)]}
        )

    def test_case_490_there_is_a_row_if_and_only_if_there_is_a_signature(self):
        signature = self.sign()
        self.assertEqual(self.rows().signature_id, signature)
        tenant = self.env["esms.otp.cell"]._tenant()
        loan = self.loan.copy()
        self.env.flush_all()
        binding = self.policy._binding(loan, FIELD, self.borrower, tenant)
        engine = engine_module.engine()

        written = Projection(self.env.company.id)

        def take_back(cr, write):
            written(cr, write)
            raise SignedAlready("planted")

        with (
            self.assertRaises(SignedAlready),
            opened(self.registry, take_back) as store,
        ):
            engine.verify(store, binding, engine.issue(store, binding).code)
        self.assertEqual(self.rows().signature_id, signature)
        self.assertEqual(self.env["esms.otp.signature"].search([]), signature)

    def test_case_490_what_follows_for_a_record_that_is_gone_is_dropped(self):
        self.policy.guard_signed = False
        self.sign()
        self.loan.unlink()
        self.run_due()
        row = self.rows()
        self.assertEqual((row.state, row.reason), ("dropped", "The record is gone."))
        self.assertFalse(row.dropped_by_id, "by nobody")

    @mute_logger(OUTBOX)
    def test_case_490_one_that_fails_keeps_no_other_back(self):
        def fails(record, field, signature):
            if record == self.loan:
                raise RuntimeError("planted")

        self.hook(fails)
        other = self.loan.copy()
        self.sign()
        self.sign(other)
        self.run_due()
        self.assertEqual(self.rows().mapped("res_id"), [self.loan.id])

    @mute_logger(OUTBOX)
    def test_case_490_officers_see_the_error_and_run_it_again(self):
        self.fail(RuntimeError("planted"))
        self.sign()
        self.run_due()
        row = self.rows()
        officer = self.staff("officer")
        seen = row.with_user(officer).read(["error", "model", "res_id", "user_id", "verified_at"])
        self.assertEqual(seen[0]["error"], "RuntimeError: planted")
        self.assertEqual((seen[0]["model"], seen[0]["res_id"]), (MODEL, self.loan.id))
        row.with_user(officer).action_retry()
        self.assertEqual(self.rows().attempts, 2, "whether it is due or not")
        self.hook(lambda *_: None)
        row.with_user(officer).action_retry()
        self.assertFalse(self.rows())
        for user in (self.borrower, self.staff("user")):
            with self.assertRaises(UserError):
                row.with_user(user).action_retry()

    def test_case_490_managers_drop_it_and_say_why(self):
        ran = []
        self.hook(lambda record, *_: ran.append(record.id))
        self.sign()
        row, manager, officer = self.rows(), self.staff("manager"), self.staff("officer")
        wizard = self.env["esms.otp.drop"].with_context(active_model=row._name, active_ids=row.ids)
        with self.assertRaises(AccessError):
            wizard.with_user(officer).create({"reason": WHY})
        with self.assertRaises(UserError):
            row.with_user(officer).action_drop(WHY)
        for reason in ("", "  ", "x" * 257):
            with self.assertRaisesRegex(UserError, "1 to 256 bytes"):
                row.with_user(manager).action_drop(reason)
        form = Form(wizard.with_user(manager))
        form.reason = WHY
        form.save().action_drop()
        self.run_due()
        row = self.rows()
        self.assertEqual((row.state, row.reason, row.dropped_by_id), ("dropped", WHY, manager))
        self.assertFalse(ran)
        row.with_user(officer).action_retry()
        self.assertEqual(ran, [self.loan.id], "it can be taken up again")
        self.assertFalse(self.rows())
