"""Health in the settings: what is wrong is named, with what to do about it."""

import os
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from unittest.mock import patch

import otp_engine as otp
from otp_engine.esms import setup

from odoo import Command, fields
from odoo.tests import tagged

from odoo.addons.esms_otp import engine as engine_module
from odoo.addons.esms_otp.models import health

from .common import FIELD, MODEL, OtpCase


@tagged("at_install", "-post_install")
class TestHealth(OtpCase):
    def setUp(self):
        super().setUp()
        self.gateway_row.sudo().write({"provider": "esms", "user": "key", "password": "secret"})
        self.cron = self.env.ref("esms_otp.ir_cron_purge")
        self.cron.write({"active": True, "lastcall": fields.Datetime.now(), "failure_count": 0})
        self.message("0")

    def message(self, status, minutes_ago=0):
        moment = fields.Datetime.now() - timedelta(minutes=minutes_ago)
        return self.env["esms.otp.generation"].create(
            {
                "generation": f"gen_{status}",
                "model": MODEL,
                "field": FIELD,
                "res_id": self.loan.id,
                "state": "pending",
                "gateway_status": status,
                "issued_at": moment,
                "expires_at": moment,
                "user_id": self.borrower.id,
                "company_id": self.env.company.id,
            }
        )

    def found(self, level=None):
        self.env.flush_all()
        self.env.invalidate_all()
        return [text for found, text in health.checks(self.env) if level in (None, found)]

    def assertNamed(self, level, *parts):
        [text] = self.found(level)
        for part in parts:
            self.assertIn(part, text)

    def test_case_491_where_all_is_well_nothing_else_is_said(self):
        self.assertEqual(len(self.found(health.GOOD)), 6, self.found())
        self.assertEqual(len(self.found()), 6)

    def test_case_491_a_key_file_that_is_gone_is_named(self):
        gone = {engine_module.KEYS_FILE: "/nowhere/keys.json"}
        with patch.dict(os.environ, gone):  # this process has read it before
            self.assertNamed(health.BAD, "ESMS_OTP_KEYS_FILE cannot be read", "Nothing can be")

    def test_case_491_keys_of_another_database_are_named(self):
        self.sign()
        self.env.cr.execute("DELETE FROM esms_otp_cell WHERE discard_after IS NULL")
        self.assertNamed(health.BAD, "before its keys were marked", "_adopt_store()")
        engine_module.forget()

    def test_case_491_a_gateway_that_cannot_send_is_named(self):
        self.gateway_row.password = False
        self.assertNamed(health.BAD, "has no key or no secret", "Configuration / Gateways")
        self.gateway_row.provider = "log"
        self.assertNamed(health.WARNING, "sends nothing")
        self.gateway_row.active = False
        self.assertNamed(health.BAD, f"Gateway: {self.env.company.name} has none")
        self.env.company.esms_otp_gateway_id = False
        self.assertNamed(health.BAD, f"Gateway: {self.env.company.name} has none")

    def test_where_all_policies_send_by_mail_no_gateway_is_missed(self):
        self.env.company.esms_otp_gateway_id = False
        self.policy.recipient = "user_email"
        self.assertFalse(self.found(health.BAD))
        self.assertTrue([text for text in self.found(health.GOOD) if "none is needed" in text])
        self.policy.otherwise = "user_mobile"
        self.assertNamed(health.BAD, "has none")
        self.policy.write({"otherwise": False, "active": False})
        self.assertNamed(health.BAD, "has none")

    def test_case_675_the_gateways_of_policies_are_looked_at_with_those_after_them(self):
        self.env.company.esms_otp_gateway_id = False
        own = self.gateway_row.create(
            {"name": "own", "provider": "odoo", "company_id": False, "next_id": self.gateway_row.id}
        )
        self.policy.gateway_id = own
        self.assertFalse(self.found(health.BAD), "the company's is not missed")
        for name in ("own", "test"):
            self.assertIn(f"Gateway: {name} sends for this company.", self.found(health.GOOD))
        self.gateway_row.password = False
        self.assertNamed(health.BAD, "Gateway: test has no key")
        self.gateway_row.active = own.active = False
        self.assertNamed(health.BAD, "Gateway: own is archived, and a policy sends by it alone")
        self.policy.copy({"company_id": self.env.company.id, "gateway_id": False})
        self.assertEqual(len(self.found(health.BAD)), 2, "and the company has none")

    def test_a_retired_key_whose_public_half_is_missing_is_named(self):
        self.sign()
        retired = otp.SigningKey.from_pem(
            Path(os.environ[engine_module.SIGNING_KEY_FILE]).read_text()
        )
        self.addCleanup(engine_module.forget)
        folder = Path(self.enterContext(TemporaryDirectory()))
        setup.make_keys(folder)
        keys = folder / setup.RETIRED
        with patch.dict(
            os.environ, {engine_module.SIGNING_KEY_FILE: str(folder / setup.SIGNING_KEY)}
        ):
            engine_module.forget()
            self.assertNamed(health.BAD, "oldest signatures", engine_module.RETIRED_KEYS_FILE)
            keys.write_text(retired.public_jwks)
            with patch.dict(os.environ, {engine_module.RETIRED_KEYS_FILE: str(keys)}):
                engine_module.forget()
                self.assertFalse(self.found(health.BAD))

    def test_case_491_a_message_that_was_refused_is_named_until_one_is_taken(self):
        self.message("5", minutes_ago=-1)
        self.assertNamed(health.BAD, "status 5, no credit", "the gateway's account")
        self.message("conn", minutes_ago=-2)
        self.assertNamed(health.BAD, "reached no gateway", "the gateway's address")
        self.message("00", minutes_ago=-3).gateway_status = "0"
        self.assertFalse(self.found(health.BAD))

    def test_case_491_where_no_message_was_answered_it_says_so(self):
        self.env["esms.otp.generation"].search([]).unlink()
        self.message("")
        self.assertNamed(health.WARNING, "answered none yet")

    def test_case_680_the_oldest_message_that_waits_is_told_with_its_age(self):
        self.assertIn("Messages: none waits.", self.found(health.GOOD))
        rows = self.message("new", minutes_ago=-1) | self.message("old", minutes_ago=-1)
        rows.gateway_status = ""
        now = fields.Datetime.now()
        rows[0].waiting_since = now
        self.enterContext(patch.object(fields.Datetime, "now", lambda *_: now))
        for seconds, level, age in (
            (5, health.GOOD, "5 seconds"),
            (119, health.GOOD, "2 minutes"),
            (120, health.WARNING, "2 minutes"),
            (600, health.WARNING, "10 minutes"),
            (601, health.BAD, "10 minutes"),
            (86400, health.BAD, "1 day"),
        ):
            with self.subTest(seconds):
                rows[1].waiting_since = now - timedelta(seconds=seconds)
                [said] = [text for text in self.found(level) if "the oldest for" in text]
                self.assertIn(f"the oldest for {age}", said)
                self.assertIn("Messages: 2 ", said)
        rows[1].waiting_since = False
        self.assertFalse(self.found(health.BAD) + self.found(health.WARNING))

    def test_case_491_what_follows_a_signature_and_is_late_is_named(self):
        self.sign()
        self.assertFalse(self.found(health.BAD) + self.found(health.WARNING), "it has just come")
        self.age(minutes=20)
        self.assertNamed(health.WARNING, "1 wait", "the scheduled action does not run")
        self.env.cr.execute("UPDATE esms_otp_outbox SET error = 'The bank is closed'")
        self.age(days=2)
        self.assertNamed(health.BAD, "The bank is closed")
        self.env["esms.otp.outbox"].search([]).action_drop("by hand")
        self.assertFalse(self.found(health.BAD), "what was dropped waits for nothing")

    def age(self, **ago):
        then = fields.Datetime.now() - timedelta(**ago)
        self.env.cr.execute("ALTER TABLE esms_otp_signature DISABLE TRIGGER USER")
        self.env.cr.execute("UPDATE esms_otp_signature SET verified_at = %s", [then])
        self.env.cr.execute("ALTER TABLE esms_otp_signature ENABLE TRIGGER USER")

    def test_case_491_a_purge_that_does_not_run_is_named(self):
        self.cron.lastcall = fields.Datetime.now() - timedelta(days=2)
        self.assertNamed(health.BAD, "it ran last at", "scheduled actions?")
        self.cron.lastcall = False
        self.assertNamed(health.WARNING, "has not run yet")
        self.cron.failure_count = 2
        self.assertNamed(health.BAD, "it failed the last times")
        self.cron.active = False
        self.assertNamed(health.BAD, "is off")
        self.cron.unlink()
        self.assertNamed(health.BAD, "is off")

    def test_case_491_the_settings_show_the_worst_first_and_escape_what_they_quote(self):
        self.gateway_row.name = "<b>Gateway</b>"
        self.gateway_row.provider = "log"
        self.cron.active = False
        shown = self.env["res.config.settings"].create({}).esms_otp_health
        self.assertIn("&lt;b&gt;Gateway", shown)
        order = [
            shown.index(f"text-{level}") for level in (health.BAD, health.WARNING, health.GOOD)
        ]
        self.assertEqual(order, sorted(order))

    def test_case_491_figures_are_by_kind_and_reason(self):
        log = self.env["esms.otp.log"]
        at = fields.Datetime.now()
        for kind, reason in (("issued", False), ("rejected", "wrong"), ("rejected", "wrong")):
            log.create({"at": at, "kind": kind, "reason": reason})
        officer = self.env["res.users"].create(
            {
                "name": "officer",
                "login": "otp_figures",
                "group_ids": [Command.set(self.env.ref("esms_otp.group_esms_otp_officer").ids)],
            }
        )
        log = log.with_user(officer)
        refusals = log._read_group([("kind", "=", "rejected")], ["reason"], ["__count"])
        self.assertEqual(refusals, [("wrong", 2)])
        action = self.env.ref("esms_otp.esms_otp_figures_action")
        kinds = action.view_mode.split(",")
        self.assertEqual(kinds[:2], ["graph", "pivot"])
        views = log.get_views([(False, kind) for kind in kinds])["views"]
        for kind in ("graph", "pivot"):
            self.assertIn('name="kind"', views[kind]["arch"])
