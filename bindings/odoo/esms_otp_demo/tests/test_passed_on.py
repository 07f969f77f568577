"""Rules of the engine, as users of the addon meet them."""

import base64
import hashlib
import os
from pathlib import Path
from unittest.mock import patch

import otp_engine as otp
from otp_engine.esms import signed_record
from otp_engine.esms.gateway import SendResult

from odoo.exceptions import ValidationError
from odoo.tests import tagged
from odoo.tools import mute_logger

from odoo.addons.esms_otp import engine as engine_module
from odoo.addons.esms_otp.store import opened

from .common import FIELD, MODEL, OtpCase, RouteCase

FLOW = "otp_engine.esms.flow"
# Format, count and digest, and the seal; records alone live as long.
PAGE = "discard_after IS NULL AND octet_length(body) = 57"


class TestRoutes(RouteCase):
    @mute_logger(FLOW)
    def test_case_397_a_gateways_long_status_is_reported_and_answered(self):
        self.gateway.answer = SendResult(False, "INVALID_NUMBER", meaning="no such number")
        refused = self.send()
        self.assertEqual(
            (refused["status"], refused["esms_otp_response_status"]), (502, "INVALID_NUMBER")
        )
        self.clock.turn(10)  # refunded but for that: the report was taken
        self.gateway.answer = SendResult(True, "0")
        self.assertEqual(self.send()["status"], 200)

    def test_case_397_a_clients_text_is_never_an_exception(self):
        self.send()
        for unknown in ("gen_839210", "gen_", "\u202e", "gen_" + "0" * 26):
            with self.subTest(unknown):
                named = self.verify(self.gateway.code, esms_otp_generation_id=unknown)
                self.assertEqual(named["status"], 400)
        self.assertEqual(self.verify(self.gateway.code)["status"], 200, "none was an attempt")

    @mute_logger(FLOW)
    def test_case_398_what_a_phone_could_take_for_the_code_is_refused_before_there_is_one(self):
        for glued in ("ABC-#otp#", "#otp#/9", "a\u200b#otp#", "1+#otp#"):
            with self.subTest(glued), self.assertRaises(ValidationError):
                self.policy.template = glued
        self.policy.template = "#otp# signs #subject#"
        subject = "FA9+qCX/VSu"  # as an app's line for Android's autofill
        hook = "_esms_otp_subject"
        with patch.object(self.registry[MODEL], hook, lambda *_: subject):
            self.assertEqual(self.send()["status"], 500)
        self.assertFalse(self.gateway.sent)
        with patch.object(self.registry[MODEL], hook, lambda *_: "RM 250"):
            self.assertEqual(self.send()["status"], 200, "there was no code")
        self.assertIn(" signs RM 250", self.gateway.sent[0][1])

    @mute_logger(FLOW)
    def test_case_392_a_page_that_is_gone_is_found_before_anything_is_compared(self):
        self.send()
        self.assertEqual(self.verify(self.gateway.code)["status"], 200)
        self.clock.turn(600)
        self.send()
        cr = self.env.cr
        cr.execute(f"CREATE TEMP TABLE kept AS SELECT * FROM esms_otp_cell WHERE {PAGE}")
        cr.execute(f"DELETE FROM esms_otp_cell WHERE {PAGE}")
        self.assertEqual(cr.rowcount, 1)
        answers = [self.verify(typed) for typed in (self.gateway.code, self.gateway.wrong)]
        for answer in answers:
            self.assertTrue(answer.pop("reference"))
        self.assertEqual(answers[0]["status"], 500)
        self.assertEqual(*answers, "right and wrong are told alike")
        self.assertEqual(self.get()["status"], 500, "nobody is told that nothing is signed")
        with self.assertRaises(otp.TamperedError):
            self.loan._esms_otp_check_signed(FIELD)
        cr.execute("INSERT INTO esms_otp_cell SELECT * FROM kept")
        self.assertEqual(self.get()["status"], 200)
        self.assertEqual(self.verify(self.gateway.code)["status"], 200, "not used up")


@tagged("at_install", "-post_install")
class TestRecords(OtpCase):
    def test_case_393_a_digest_that_can_be_guessed_stays_hidden(self):
        self.policy.content_field_ids = self.env["ir.model.fields"]._get(MODEL, "amount")
        row = self.sign()
        digest = hashlib.sha256(self.policy._content(self.loan, FIELD)).digest()
        shown = base64.urlsafe_b64encode(digest).decode().rstrip("=")
        self.assertNotIn(shown, str(signed_record.payload(row.record)))
        details = signed_record.details(row.disclosures.splitlines())
        self.assertEqual(details["dig"], shown, "the control of the search")
        with opened(self.registry) as store:
            tenant = self.env["esms.otp.cell"]._tenant()
            place = (store, tenant, otp.Target(MODEL, FIELD, str(self.loan.id)))
            engine_module.engine().erase(*place, row.n, ("dig",))
            kept = engine_module.engine().latest_signature(*place)
        self.assertNotIn(shown, str(kept.disclosures) + str(signed_record.payload(kept.jws)))

    def test_case_402_a_chain_of_the_database_is_good_only_where_all_of_it_was_compared(self):
        for _ in range(3):
            self.sign()
        tenant = self.env["esms.otp.cell"]._tenant()
        place = (tenant, MODEL, FIELD, str(self.loan.id))
        target = otp.Target(*place[1:])
        with opened(self.registry) as store:
            records = engine_module.engine().signatures(store, tenant, target)
            head = engine_module.engine().chain_head(store, tenant, target)
        pem = Path(os.environ[engine_module.SIGNING_KEY_FILE]).read_text()
        jwks = otp.SigningKey.from_pem(pem).public_jwks
        whole = otp.verify_chain(records, jwks, otp.Expected(*place, head))
        self.assertTrue(whole and whole.all_good)
        part = otp.verify_chain(records, jwks, otp.Expected(*place))
        self.assertTrue(part)
        self.assertFalse(part.all_good)
        self.assertEqual(part.answers["head"], "not checked")
        self.assertFalse(otp.verify_chain(records[1:], jwks, otp.Expected(*place, head)))
