import base64
import json
import os
from pathlib import Path

import otp_engine as otp
from otp_engine.esms import signed_record

from odoo.tools import mute_logger

from odoo.addons.esms_otp import engine as engine_module

from .common import FIELD, MODEL, PNG, RouteCase

FLOW = "otp_engine.esms.flow"


class TestGet(RouteCase):
    def sign(self, **params):
        self.send()
        return self.verify(self.gateway.code, **params)

    def test_the_answer_has_exactly_the_members_of_the_contract(self):
        image = base64.b64encode(PNG).decode()
        signed = self.sign(signer_name="Siti Aminah", signature=image)
        result = self.get()
        self.assertResult(
            result,
            status=200,
            message=str,
            signer_name="Siti Aminah",
            signature=image,
            signature_id=signed["signature_id"],
            verified_at=signed["verified_at"],
            esms_otp_generation_id=signed["esms_otp_generation_id"],
            recipient_mobile="60123456789",
            signature_record=str,
        )
        pem = Path(os.environ[engine_module.SIGNING_KEY_FILE]).read_text()
        jwks = otp.SigningKey.from_pem(pem).public_jwks
        expected = otp.Expected(model=MODEL, field=FIELD, target_id=str(self.loan.id))
        verdict = otp.verify_record(result["signature_record"], jwks, (), expected)
        self.assertTrue(verdict, verdict.reason)
        self.assertEqual(verdict.payload["who"]["user"], str(self.borrower.id))

    def test_nothing_signed_yet(self):
        self.assertResult(self.get(), status=404, message=str)

    def test_without_image_and_name(self):
        self.sign()
        result = self.get()
        self.assertIs(result["signature"], False)
        self.assertEqual(result["signer_name"], "Siti Borrower")

    def test_the_newest_is_returned(self):
        self.sign(signer_name="first")
        self.clock.turn(300)
        signed = self.sign(signer_name="second")
        result = self.get()
        self.assertEqual(result["signer_name"], "second")
        self.assertEqual(result["signature_id"], signed["signature_id"])

    def test_case_494_the_signer_is_told_the_disclosures_where_that_is_set(self):
        self.sign(signer_name="Siti Aminah")
        self.assertNotIn("signature_disclosures", self.get())
        self.env["res.config.settings"].create({"esms_otp_disclose": True}).execute()
        read = self.get()
        keys = engine_module.public_jwks()
        verdict = otp.verify_record(
            read["signature_record"], keys, tuple(read["signature_disclosures"])
        )
        self.assertTrue(verdict, verdict.reason)
        told = signed_record.details(read["signature_disclosures"])
        self.assertEqual((told["number"], told["typed"]), ("60123456789", "Siti Aminah"))
        self.loan.user_id = self.other
        self.authenticate("other", "other")
        self.assertNotIn("signature_disclosures", self.get(), "who is not the signer")

    def test_case_494_get_tells_an_image_to_whom_it_is_for(self):
        image = base64.b64encode(PNG).decode()
        self.sign(signature=image)
        self.env["res.config.settings"].create({"esms_otp_image_access": "signer"}).execute()
        self.assertEqual(self.get()["signature"], image)
        self.loan.user_id = self.other
        self.authenticate("other", "other")
        self.assertIs(self.get()["signature"], False)
        self.env["res.config.settings"].create({"esms_otp_image_access": "record"}).execute()
        self.assertEqual(self.get()["signature"], image)

    def test_a_foreign_record_is_not_found(self):
        self.sign()
        self.authenticate("other", "other")
        self.assertResult(self.get(), status=404, message=str)

    def test_the_number_of_another_user_is_masked(self):
        self.sign()
        self.loan.user_id = self.other
        self.authenticate("other", "other")
        self.assertEqual(self.get()["recipient_mobile"], "*******6789")

    def test_fields_without_a_policy_and_fields_of_other_groups_are_forbidden(self):
        self.assertResult(self.get(field="name"), status=403, message=str)
        field = self.env["loan.application"]._fields[FIELD]
        self.patch(field, "groups", "base.group_system")
        self.assertResult(self.get(), status=403, message=str)

    def test_what_was_signed_stays_readable_when_its_policy_is_archived(self):
        self.sign()
        self.policy.active = False
        self.assertEqual(self.get()["status"], 200)
        self.assertEqual(self.send()["status"], 403)

    def test_missing_and_contradictory_parameters(self):
        self.assertResult(self.result("get_esms_otp_signature", {}), status=400, message=str)
        self.assertResult(self.get(query={"id": self.loan.id + 1}), status=400, message=str)

    @mute_logger(FLOW)
    def test_a_row_that_is_not_the_record_is_an_error(self):
        self.sign()
        self.env.cr.execute("ALTER TABLE esms_otp_signature DISABLE TRIGGER USER")
        self.env.cr.execute("UPDATE esms_otp_signature SET record = record || 'x'")
        self.assertResult(self.get(), status=500, message=str, reference=str)

    @mute_logger(FLOW)
    def test_a_changed_cell_is_an_error(self):
        self.sign()
        self.env.cr.execute(
            "UPDATE esms_otp_cell SET body = body || '\\x00' WHERE discard_after IS NULL"
        )
        self.assertResult(self.get(), status=500, message=str, reference=str)

    def test_the_demo_accepts_the_loan_and_the_record_lists_the_signature(self):
        signed = self.sign()["signature_id"]
        self.loan.invalidate_recordset()
        self.assertEqual(self.loan.state, "accepted")
        self.assertEqual(self.loan[FIELD].ids, [signed])
        self.assertTrue(json.dumps(self.loan.message_ids.mapped("body")))
