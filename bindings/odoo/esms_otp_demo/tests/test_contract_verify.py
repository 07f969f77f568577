import base64
import io

from PIL import ExifTags, Image

from odoo.tools import mute_logger

from .common import FIELD, GENERATION, PNG, RouteCase

INVALID = "Invalid or expired OTP"
FLOW = "otp_engine.esms.flow"
MAIN = "odoo.addons.esms_otp.controllers.main"


def picture(image, kind, **how):
    """Return a picture as a file."""
    written = io.BytesIO()
    image.save(written, kind, **how)
    return written.getvalue()


class TestVerify(RouteCase):
    def assertInvalid(self, result):
        """Assert the one answer for all codes that are not accepted; it tells none apart."""
        result = dict(result)
        self.assertIs(type(result.pop("attempts_left", 0)), int)
        self.assertEqual(result, {"status": 400, "message": INVALID})

    def test_the_right_code_has_exactly_the_members_of_the_contract(self):
        sent = self.send(redirect_url="/my/home")
        self.clock.turn(30)
        self.assertResult(
            self.verify(self.gateway.code, signer_name="Siti Aminah"),
            status=200,
            message="OTP verified successfully",
            esms_otp_generation_id=sent["esms_otp_generation_id"],
            verified_at=self.at(),
            signature_id=int,
            redirect_url="/my/home",
        )

    def test_without_a_redirect_url_there_is_none(self):
        self.send()
        self.assertIs(self.verify(self.gateway.code)["redirect_url"], False)

    def test_the_generation_may_be_named(self):
        named = self.send()["esms_otp_generation_id"]
        self.assertEqual(
            self.verify(self.gateway.code, esms_otp_generation_id=named)["status"], 200
        )

    def test_wrong_codes_count_down_and_lock(self):
        self.send()
        for left in (4, 3, 2, 1):
            self.assertResult(
                self.verify(self.gateway.wrong), status=400, message=INVALID, attempts_left=left
            )
        self.verify(self.gateway.wrong)
        self.assertResult(self.verify(self.gateway.code), status=423, message=str, retry_after=900)
        self.assertResult(self.send(), status=423, message=str, retry_after=900)

    def test_unknown_expired_used_and_superseded_codes_are_told_alike(self):
        self.assertInvalid(self.verify("123456"))
        first = self.send()["esms_otp_generation_id"]
        code = self.gateway.code
        unknown = "gen_" + "0" * 26
        self.assertInvalid(self.verify(code, esms_otp_generation_id=unknown))
        self.clock.turn(180)
        self.assertInvalid(self.verify(code))
        self.send()
        second = self.gateway.code
        self.assertInvalid(self.verify(second, esms_otp_generation_id=first))
        self.assertEqual(self.verify(second)["status"], 200)
        self.assertInvalid(self.verify(second))

    def test_an_otp_must_be_text_and_stand_in_the_body(self):
        self.send()
        code = self.gateway.code
        for otp in (int(code), float(code), None, "", [code], {"code": code}, True):
            with self.subTest(otp):
                self.assertResult(self.verify(otp), status=400, message=str)
        self.assertResult(self.verify(code, query={"otp": code}), status=400, message=str)
        self.assertResult(self.verify(code[:5]), status=400, message="otp is malformed")
        self.assertEqual(self.verify(code)["status"], 200, "none of it was an attempt")

    def test_spaces_and_other_digits_are_read(self):
        self.send()
        code = self.gateway.code
        arabic = code.translate(str.maketrans("0123456789", "٠١٢٣٤٥٦٧٨٩"))
        self.assertEqual(self.verify(f"{arabic[:3]} {arabic[3:]}")["status"], 200)

    def test_malformed_generations_and_signatures(self):
        self.send()
        for params in (
            {"esms_otp_generation_id": "gen_839210"},
            {"esms_otp_generation_id": 839210},
            {"signature": "no base64!"},
            {"signature": base64.b64encode(b"<svg onload='x()'/>").decode()},
            {"signature": base64.b64encode(PNG + bytes(2**20)).decode()},
            {"signer_name": 5},
            {"signer_name": "x" * 257},
        ):
            with self.subTest(params):
                result = self.verify(self.gateway.code, **params)
                self.assertResult(result, status=400, message=str)
                self.assertNotEqual(result["message"], INVALID)
        self.assertEqual(self.verify(self.gateway.code)["status"], 200, "none was an attempt")

    def test_case_330_images_that_are_no_signature_are_refused_and_cost_nothing(self):
        exif = Image.Exif()
        exif.get_ifd(ExifTags.IFD.GPSInfo)[ExifTags.GPS.GPSLatitudeRef] = "N"
        line = Image.open(io.BytesIO(PNG)).convert("RGB")
        self.send()
        for name, image in {
            "blank, of one pixel": picture(Image.new("L", (1, 1)), "PNG"),
            "far too large": picture(Image.new("1", (20000, 20000)), "PNG"),
            "with the place where it was taken": picture(line, "JPEG", exif=exif),
            "cut off": PNG[:-20],
            "three bytes": b"\xff\xd8\xff",
        }.items():
            with self.subTest(name):
                text = base64.b64encode(image).decode()
                result = self.verify(self.gateway.code, signature=text)
                self.assertResult(result, status=400, message=str)
                self.assertRegex(result["message"], "^signature ")
        kept = base64.b64encode(picture(line, "JPEG")).decode()
        self.assertEqual(self.verify(self.gateway.code, signature=kept)["status"], 200)
        self.assertEqual(self.get()["signature"], kept)

    def test_a_required_signature_that_is_missing_costs_nothing(self):
        self.policy.signature_required = True
        self.send()
        self.assertResult(
            self.verify(self.gateway.code), status=400, message="signature is required"
        )
        image = "data:image/png;base64," + base64.b64encode(PNG).decode()
        self.assertEqual(self.verify(self.gateway.code, signature=image)["status"], 200)
        self.assertEqual(self.get()["signature"], base64.b64encode(PNG).decode())

    def test_a_code_is_good_for_its_user_and_record_alone(self):
        second = self.loan.copy()
        sent = self.send()["esms_otp_generation_id"]
        code = self.gateway.code
        self.assertInvalid(self.verify(code, id=second.id, esms_otp_generation_id=sent))
        self.loan.user_id = self.other
        self.authenticate("other", "other")
        self.assertInvalid(self.verify(code, esms_otp_generation_id=sent))

    def test_foreign_records_and_forbidden_fields(self):
        self.send()
        code = self.gateway.code
        self.assertResult(self.verify(code, model="no.such"), status=404, message=str)
        self.assertResult(self.verify(code, field="nope"), status=404, message=str)
        self.assertResult(self.verify(code, field="name"), status=403, message=str)
        self.assertResult(self.verify(code, id=2**31 - 1), status=404, message=str)
        self.loan.user_id = self.other
        self.assertResult(self.verify(code), status=404, message=str)

    def test_a_changed_number_or_content_voids_the_code(self):
        amount = self.env["ir.model.fields"]._get("loan.application", "amount")
        self.policy.content_field_ids = amount
        self.send()
        code = self.gateway.code
        self.loan.amount += 1
        self.assertInvalid(self.verify(code))
        self.loan.amount -= 1
        self.borrower.esms_otp_mobile = "+60 12-345 6781"
        self.assertInvalid(self.verify(code))
        self.borrower.esms_otp_mobile = "+60 12-345 6789"
        self.assertEqual(self.verify(code)["status"], 200, "and as it was, it is good")

    @mute_logger(MAIN)
    def test_a_hook_that_raises_undoes_nothing(self):
        def raises(record, field, signature):
            record.sudo().name = "changed"
            raise RuntimeError("planted")

        self.patch(self.registry["loan.application"], "_esms_otp_verified", raises)
        self.send()
        code = self.gateway.code
        self.assertEqual(self.verify(code)["status"], 200)
        self.assertInvalid(self.verify(code))
        self.assertEqual(self.get()["status"], 200)
        self.loan.invalidate_recordset()
        self.assertEqual(self.loan.name, "LA/TEST")

    def test_the_hook_acts_with_the_signature(self):
        seen = []

        def hook(record, field, signature):
            seen.append((record.id, record.env.uid, field, signature.id, signature.n))

        self.patch(self.registry["loan.application"], "_esms_otp_verified", hook)
        self.send()
        signed = self.verify(self.gateway.code)["signature_id"]
        self.assertEqual(seen, [(self.loan.id, self.borrower.id, FIELD, signed, 1)])

    def test_a_header_from_outside_cannot_spoil_a_signature(self):
        self.send()
        self.opener.headers["User-Agent"] = "x" * 5000 + "\x85\u00e9".encode().decode("latin-1")
        self.assertEqual(self.verify(self.gateway.code)["status"], 200)

    @mute_logger(FLOW)
    def test_a_store_that_fails_gives_a_reference_and_accepts_nothing(self):
        from odoo.addons.esms_otp.store import OdooStore

        self.send()
        code = self.gateway.code

        def fails(store, writes, now):
            raise RuntimeError("planted")

        with self.subTest("commit"):
            whole = OdooStore.commit
            OdooStore.commit = fails
            try:
                self.assertResult(self.verify(code), status=500, message=str, reference=str)
            finally:
                OdooStore.commit = whole
        self.assertEqual(self.get()["status"], 404)
        self.assertEqual(self.verify(code)["status"], 200)

    def test_generation_ids_have_one_form(self):
        self.send()
        self.assertRegex(self.verify(self.gateway.code)["esms_otp_generation_id"], GENERATION)
