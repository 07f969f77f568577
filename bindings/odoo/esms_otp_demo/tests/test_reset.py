"""An administrator's reset: by a button that asks why, for managers of signing codes alone."""

from odoo import Command
from odoo.exceptions import AccessError, UserError
from odoo.tests import Form, tagged

from odoo.addons.esms_otp import engine as engine_module
from odoo.addons.esms_otp.store import opened

from .common import FIELD, MODEL, OtpCase

WHY = "ticket 4711: the borrower was called back"


@tagged("at_install", "-post_install")
class TestReset(OtpCase):
    def setUp(self):
        super().setUp()
        self.manager = self.staff("manager")
        self.row = self.env["esms.otp.generation"].create(
            {
                "generation": "gen_x",
                "model": MODEL,
                "field": FIELD,
                "res_id": self.loan.id,
                "state": "exhausted",
                "issued_at": "2026-01-01",
                "expires_at": "2026-01-01",
                "user_id": self.borrower.id,
                "company_id": self.env.company.id,
            }
        )

    def staff(self, role):
        groups = self.env.ref(f"esms_otp.group_esms_otp_{role}", raise_if_not_found=False)
        groups = groups or self.env.ref("base.group_user")
        return self.env["res.users"].create(
            {"name": role, "login": f"otp_{role}", "group_ids": [Command.set(groups.ids)]}
        )

    def exhaust(self):
        tenant = self.env["esms.otp.cell"]._tenant()
        binding = self.policy._binding(self.loan, FIELD, self.borrower, tenant)
        with opened(self.registry) as store:
            engine = engine_module.engine()
            code = engine.issue(store, binding).code
            for _ in range(5):
                engine.verify(store, binding, f"{(int(code) + 1) % 10**6:06}")
            self.assertEqual(engine.issue(store, binding).reason, "exhausted")
        return engine, binding, code

    def asked(self, user):
        action = self.env.ref("esms_otp.esms_otp_reset_action")
        wizard = self.env[action.res_model].with_user(user)
        return wizard.with_context(active_model=self.row._name, active_ids=self.row.ids)

    def test_case_396_a_manager_resets_by_a_button_and_says_why(self):
        engine, binding, code = self.exhaust()
        form = Form(self.asked(self.manager))
        form.reason = WHY
        self.assertEqual(form.save().action_reset()["type"], "ir.actions.act_window_close")
        with opened(self.registry) as store:
            self.assertFalse(engine.verify(store, binding, code), "it is called off")
            again = engine.issue(store, binding)
            self.assertTrue(again)
            self.assertTrue(engine.verify(store, binding, again.code))
        log = self.env["esms.otp.log"].search([("reason", "=", WHY)])
        self.assertEqual(set(log.mapped("kind")), {"user_reset", "slot_reset", "recipient_reset"})

    def test_case_636_a_reason_is_judged_as_the_engine_judges_it(self):
        for hidden in ("", " ", "\u3164", "\u2800", "\u115f", "a\u3164b", "x" * 257, "\ud800"):
            with self.subTest(hidden), self.assertRaises(UserError):
                self.row.with_user(self.manager).action_unlock(hidden)
            with self.subTest(hidden), self.assertRaises(UserError):
                self.borrower._esms_otp_reset(hidden, self.env.company)
        for shown in (WHY, "ticket\u00a04711", "\u0915\u094d\u200d\u0937"):
            with self.subTest(shown):
                self.row.with_user(self.manager).action_unlock(shown)
                self.borrower._esms_otp_reset(shown, self.env.company)

    def test_case_396_what_was_used_stays_used(self):
        tenant = self.env["esms.otp.cell"]._tenant()
        binding = self.policy._binding(self.loan, FIELD, self.borrower, tenant)
        engine = engine_module.engine()
        with opened(self.registry) as store:
            code = engine.issue(store, binding).code
            self.assertTrue(engine.verify(store, binding, code))
        self.row.with_user(self.manager).action_reset(WHY)
        with opened(self.registry) as store:
            self.assertFalse(engine.verify(store, binding, code))

    def test_case_396_the_button_is_for_managers_alone(self):
        self.exhaust()
        officer = self.staff("officer")
        for user in (self.borrower, self.staff("user"), officer):
            with self.assertRaises(AccessError):
                self.asked(user).create({"reason": WHY})
            with self.assertRaises(UserError):
                self.row.with_user(user).action_reset(WHY)
        views = self.env["esms.otp.generation"]
        for kind in ("form", "list"):
            action = str(self.env.ref("esms_otp.esms_otp_reset_action").id)
            shown = views.with_user(self.manager).get_view(view_type=kind)["arch"]
            hidden = views.with_user(officer).get_view(view_type=kind)
            self.assertIn(f'name="{action}"', shown)
            self.assertNotIn(f'name="{action}"', hidden["arch"])
        self.assertFalse(self.env["esms.otp.log"].search([("reason", "=", WHY)]))

    def test_case_396_a_reason_that_is_none_is_named_and_nothing_is_lifted(self):
        engine, binding, _code = self.exhaust()
        for reason in ("", "  ", "a\nb", "x" * 257):
            with self.subTest(reason), self.assertRaisesRegex(UserError, "reason"):
                self.row.with_user(self.manager).action_reset(reason)
        with opened(self.registry) as store:
            self.assertEqual(engine.issue(store, binding).reason, "exhausted")

    def test_case_396_a_user_without_a_number_is_named_before_anything_is_lifted(self):
        self.exhaust()
        self.borrower.esms_otp_mobile = False
        with self.assertRaisesRegex(UserError, "mobile is not registered"):
            self.row.with_user(self.manager).action_reset(WHY)
        self.assertFalse(self.env["esms.otp.log"].search([("reason", "=", WHY)]))

    def test_case_491_a_manager_unlocks_a_user_by_a_button_of_the_user_and_says_why(self):
        engine, binding = self.lock()
        action = self.env.ref("esms_otp.esms_otp_unlock_action")
        wizard = (
            self.env[action.res_model]
            .with_user(self.manager)
            .with_context(
                active_model="res.users", active_ids=self.borrower.ids, default_is_unlock=True
            )
        )
        for reason in ("  ", "a\nb", "x" * 257):
            asked = wizard.create({"reason": reason})
            with self.subTest(reason), self.assertRaisesRegex(UserError, "1 to 256 bytes"):
                asked.action_reset()
        # The number keeps its own limit, which no unlock lifts.
        self.assertEqual(self.refused(engine, binding), "locked")
        form = Form(wizard)
        form.reason = WHY
        form.save().action_reset()
        log = self.env["esms.otp.log"].search([("reason", "=", WHY)])
        self.assertEqual((log.kind, log.user_id), ("unlocked", self.borrower))
        self.assertEqual(self.refused(engine, binding), "locked", "the number still is")

    def test_case_491_a_reset_of_a_user_lifts_the_limits_of_the_number_too(self):
        engine, binding = self.lock()
        wizard = self.env["esms.otp.reset"].with_user(self.manager)
        wizard = wizard.with_context(active_model="res.users", active_ids=self.borrower.ids)
        form = Form(wizard)
        form.reason = WHY
        form.save().action_reset()
        self.assertIsNone(self.refused(engine, binding))
        log = self.env["esms.otp.log"].search([("reason", "=", WHY)])
        self.assertEqual(set(log.mapped("kind")), {"user_reset", "recipient_reset"})

    def test_case_491_a_user_without_a_number_is_reset_as_well(self):
        self.lock()
        self.borrower.esms_otp_mobile = False
        self.borrower.with_user(self.manager)._esms_otp_reset(WHY, self.env.company)
        log = self.env["esms.otp.log"].search([("reason", "=", WHY)])
        self.assertEqual(log.mapped("kind"), ["user_reset"])

    def test_case_491_the_buttons_are_on_the_form_of_a_user_for_managers_alone(self):
        users = self.env["res.users"]
        system = self.staff("keeper")
        for groups, found in (
            ("esms_otp.group_esms_otp_manager", True),
            ("esms_otp.group_esms_otp_officer", False),
        ):
            system.group_ids = self.env.ref(groups) | self.env.ref("base.group_erp_manager")
            view = self.env.ref("base.view_users_form")
            arch = users.with_user(system).get_view(view.id)["arch"]
            for action in ("unlock", "reset"):
                name = f'name="{self.env.ref(f"esms_otp.esms_otp_{action}_action").id}"'
                self.assertEqual(name in arch, found, groups)

    def lock(self):
        """Lock user and number by 15 wrong codes."""
        tenant = self.env["esms.otp.cell"]._tenant()
        binding = self.policy._binding(self.loan, FIELD, self.borrower, tenant)
        engine = engine_module.engine()
        with opened(self.registry) as store:
            for _ in range(3):
                code = engine.issue(store, binding).code
                for _ in range(5):
                    engine.verify(store, binding, f"{(int(code) + 1) % 10**6:06}")
                self.clock.turn(900)
        self.assertEqual(self.refused(engine, binding), "locked")
        return engine, binding

    def refused(self, engine, binding):
        """Return why no code is sent, None if one is."""
        with opened(self.registry) as store:
            issued = engine.issue(store, binding)
        return None if issued else issued.reason
