"""The certificate of a record's signatures: what is in it, for whom, and that strangers' tools
verify it as it says.
"""

import base64
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from unittest.mock import patch

import otp_engine as otp
from otp_engine.esms import setup, signed_record

from odoo import Command
from odoo.exceptions import AccessError, UserError
from odoo.tests import tagged
from odoo.tools import mute_logger

from odoo.addons.esms_otp import engine as engine_module
from odoo.addons.esms_otp.models import mixin
from odoo.addons.esms_otp.projection import Projection
from odoo.addons.esms_otp.store import opened

from .common import FIELD, MODEL, PNG, OtpCase, RouteCase

REPORT = "esms_otp.certificate"
PDF = b"%PDF-1.4\n1 0 obj<<>>endobj\ntrailer<<>>\n%%EOF\n"
FOOT = re.compile(rf"{MODEL}, \d+ +\d / \d")
SECRET = bytes(range(32))  # of devices
NUMBER, MASKED = "60123456789", "*******6789"


class Taken:
    """A certificate as a stranger has it: a PDF in a folder, poppler, OpenSSL and PyJWT."""

    def __init__(self, case, pdf):
        self.folder = Path(case.enterContext(tempfile.TemporaryDirectory()))
        (self.folder / "certificate.pdf").write_bytes(pdf)
        self.text = self.tool("pdftotext", "-layout", "certificate.pdf", "-")
        self.words = " ".join(self.text.split())
        self.tool("pdfdetach", "-saveall", "certificate.pdf")
        self.names = sorted(path.name for path in self.folder.iterdir())
        self.names.remove("certificate.pdf")

    def tool(self, *line):
        done = subprocess.run(line, cwd=self.folder, capture_output=True, check=True)
        return done.stdout.decode()

    def file(self, name):
        return (self.folder / name).read_bytes()

    @property
    def commands(self):
        """The lines that are printed, as pdftotext reads them."""
        lines = [line.strip() for line in self.text.replace("\f", "\n").splitlines()]
        first = next(at for at, line in enumerate(lines) if line.startswith("# 1."))
        return [line for line in lines[first:] if line and not FOOT.fullmatch(line)]

    def run(self, *left_out):
        """Run the printed lines but those that begin so; return whether all do, and the text."""
        lines = [line for line in self.commands if not line.startswith(left_out or ("#",))]
        done = subprocess.run(
            ["bash", "-e"],
            input="\n".join(lines).encode(),
            cwd=self.folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env={**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"},
            check=False,
        )
        return done.returncode == 0, done.stdout.decode()

    def details(self):
        """The personal details in all records, by their names."""
        lines = [self.file(name).decode().strip("~").split("~")[1:]
                 for name in self.names if name.startswith("signature-")]  # fmt: skip
        return [signed_record.details(line) for line in lines]


@tagged("at_install", "-post_install")
class TestCertificate(OtpCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        fields = cls.env["ir.model.fields"]
        cls.policy.content_field_ids = fields._get(MODEL, "name") | fields._get(MODEL, "amount")
        cls.loan.document_id = cls.env["ir.attachment"].create(
            {"name": "Offer & terms.pdf", "raw": PDF, "mimetype": "application/pdf"}
        )
        cls.employee = cls.new_user("employee", "base.group_user")
        cls.officer = cls.new_user("officer", "esms_otp.group_esms_otp_officer")

    def setUp(self):
        super().setUp()
        self.clock.turn(-3600)  # PyJWT's clock is the machine's, and each signature turns ours

    @classmethod
    def new_user(cls, login, group, **values):
        return cls.env["res.users"].create(
            {
                "name": f"A {login}",
                "login": f"certificate_{login}",
                "esms_otp_mobile": "+60 12-345 6700",
                "group_ids": [Command.set(cls.env.ref(group).ids)],
                **values,
            }
        )

    def printed(self, rows, user=None, **context):
        self.env.flush_all()
        self.env.invalidate_all()
        reports = self.env["ir.actions.report"].with_user(user or self.borrower)
        with mute_logger("odoo.addons.base.models.ir_actions_report"):
            pdf, kind = reports.with_context(
                force_report_rendering=True, **context
            )._render_qweb_pdf(REPORT, rows.ids)
        self.assertEqual(kind, "pdf")
        return Taken(self, pdf)

    def test_case_480_six_signatures_verify_by_the_printed_commands(self):
        rows = self.sign(image=PNG, name="Siti Aminah")
        for number in range(5):
            user = self.new_user(f"signer{number}", "base.group_portal")
            rows |= self.sign(user=user, name=f"Signer No. {number}")
        taken = self.printed(rows, self.officer)
        self.assertEqual(
            taken.names,
            ["SHA256SUMS", "content-1.json", "document-1.pdf", "image-1.png", "public-key.pem",
             "public-keys.jwks", *(f"signature-{n}.sd-jwt" for n in range(1, 7))],
        )  # fmt: skip
        self.assertEqual(taken.file("document-1.pdf"), PDF)
        good, said = taken.run()
        self.assertTrue(good, said)
        self.assertEqual(said.count("Signature Verified Successfully"), 6, said)
        self.assertEqual(said.count("approved: content-1.json"), 6, said)
        for row in rows:
            self.assertIn(row.generation, taken.words)
            self.assertIn(f"number {row.n} of 6 in the chain", taken.words)
        self.assertIn("Signer No. 4", taken.words)
        self.assertRegex(taken.words, rf"{MODEL}, {self.loan.id} 1 / 2 .* 2 / 2$")

    def test_case_480_a_changed_byte_in_any_file_is_refused(self):
        taken = self.printed(self.sign(image=PNG))
        for name in taken.names:
            whole = taken.file(name)
            for at in (0, len(whole) // 2, len(whole) - 1):
                changed = bytearray(whole)
                changed[at] ^= 1
                (taken.folder / name).write_bytes(changed)
                good, said = taken.run("pdfdetach")
                self.assertFalse(good, f"{name}, byte {at}: {said}")
            (taken.folder / name).write_bytes(whole)
        self.assertTrue(taken.run("pdfdetach")[0])

    def test_case_480_the_signature_and_not_the_sums_hold_what_was_signed(self):
        taken = self.printed(self.sign(image=PNG))
        other = otp.SigningKey.from_seed(bytes([1]) * 32)
        record = taken.file("signature-1.sd-jwt")
        jws, *details = record.decode().strip("~").split("~")
        named = next(at for at, one in enumerate(details) if "name" in signed_record.details([one]))
        other_name = base64.urlsafe_b64encode(b'["c2FsdHNhbHRzYWx0c2FsdA","name","X"]')
        details[named] = other_name.decode().rstrip("=")
        plants = {
            "a changed statement": ("signature-1.sd-jwt", record.replace(b".eyJ", b".eyK", 1)),
            "a changed detail": ("signature-1.sd-jwt", "~".join([jws, *details, ""]).encode()),
            "another content": ("content-1.json", taken.file("content-1.json") + b" "),
            "another document": ("document-1.pdf", PDF + b" "),
            "another image": ("image-1.png", PNG + b" "),
            "another set of keys": ("public-keys.jwks", other.public_jwks.encode()),
            "another key": ("public-key.pem", other.public_pem.encode()),
        }
        for plant, (name, changed) in plants.items():
            whole = taken.file(name)
            self.assertNotEqual(whole, changed)
            (taken.folder / name).write_bytes(changed)
            good, said = taken.run("pdfdetach", "echo", "sha256sum -c")
            self.assertFalse(good, f"{plant}: {said}")
            (taken.folder / name).write_bytes(whole)

    def test_records_of_a_retired_key_verify_beside_those_of_its_successor(self):
        """By the printed commands: the keys of both are inside."""
        rows = self.sign(name="Siti Aminah")
        old = otp.SigningKey.from_pem(Path(os.environ[engine_module.SIGNING_KEY_FILE]).read_text())
        self.addCleanup(engine_module.forget)
        folder = Path(self.enterContext(tempfile.TemporaryDirectory()))
        new, keys = folder / setup.SIGNING_KEY, folder / setup.RETIRED
        setup.make_keys(folder)
        keys.write_text(old.public_jwks)
        named = {
            engine_module.SIGNING_KEY_FILE: str(new),
            engine_module.RETIRED_KEYS_FILE: str(keys),
        }
        with patch.dict(os.environ, named):
            engine_module.forget()
            other = self.new_user("other", "base.group_portal")
            rows |= self.sign(user=other, name="Somebody Else")
            taken = self.printed(rows, self.officer)
            self.assertEqual(
                [name for name in taken.names if name.startswith("public")],
                ["public-key-1.pem", "public-key-2.pem", "public-keys.jwks"],
            )
            good, said = taken.run()
            self.assertTrue(good, said)
            self.assertEqual(said.count("Signature Verified Successfully"), 2, said)
            (taken.folder / "public-key-1.pem").unlink()
            good, said = taken.run("pdfdetach", "echo", "sha256sum -c")
            self.assertFalse(good, said)

    def test_case_681_a_code_of_a_device_is_shown_as_one(self):
        """A host beside the addon may take them: their records are in the same chain."""
        ocra = otp.Ocra("OCRA-1:HOTP-SHA256-8:C-QH16", SECRET)
        stepped = otp.Ocra("OCRA-1:HOTP-SHA1-6:QH16-T1M", SECRET)
        bare = otp.Ocra("OCRA-1:HOTP-SHA1-6:QH16", SECRET)
        rows = self.sign(name="Siti Aminah")
        step = self.clock.seconds() // 30
        asked = {"question": self.question(ocra)}
        rows |= self.sign_by(otp.Hotp(SECRET, counter=41), lambda key: key.generate(42))
        rows |= self.sign_by(otp.Totp(SECRET), lambda key: key.generate(self.clock.seconds()))
        rows |= self.sign_by(ocra, lambda key: key.generate(counter=0, **asked))
        rows |= self.sign_by(
            stepped, lambda key: key.generate(unix_time=self.clock.seconds(), **asked)
        )
        rows |= self.sign_by(bare, lambda key: key.generate(**asked))
        taken = self.printed(rows)
        for shown in (
            "By a code of the signer's own device HOTP, counter 42, answers compared: 1",
            f"TOTP, time step {step} of 30 s, answers compared: 1",
            "OCRA-1:HOTP-SHA256-8:C-QH16, counter 0, answers compared: 1",
            f"OCRA-1:HOTP-SHA1-6:QH16-T1M, time step {step // 2}, answers compared: 1",
            "OCRA-1:HOTP-SHA1-6:QH16, answers compared: 1",
            "in place of a number",
        ):
            self.assertIn(shown, taken.words)
        self.assertEqual(taken.words.count("By a code sent to"), 1, "the control")
        self.assertNotIn("an address that was erased", taken.words)
        good, said = taken.run()
        self.assertTrue(good, said)
        self.assertNotIn("in place of a number", self.printed(rows[0]).words)

    def place(self):
        tenant = self.env["esms.otp.cell"]._tenant()
        return self.policy._binding(self.loan, FIELD, self.borrower, tenant)

    def question(self, device):
        return engine_module.engine().ocra_question(self.place(), device)

    def sign_by(self, device, code):
        """Sign the loan by the code of a device; return the row."""
        self.env.flush_all()
        row = Projection(self.loan.company_id.id)
        with opened(self.registry, row) as store:
            verdict = engine_module.engine().verify_devices(
                store, self.place(), [device], code(device), evidence=otp.Evidence(user_name="Siti")
            )
        self.assertTrue(verdict)
        return self.env["esms.otp.signature"].browse(row.signature_id)

    def test_case_481_whole_numbers_are_for_signers_and_officers_alone(self):
        rows = self.sign(name="Siti Aminah")
        other = self.new_user("other", "base.group_portal")
        self.loan.user_id = other
        rows |= self.sign(user=other)
        for user, numbers in (
            (self.officer, [NUMBER, "60123456700"]),
            (other, [None, "60123456700"]),
            (self.employee, [None, None]),
        ):
            taken = self.printed(rows, user)
            self.assertIn(MASKED, taken.words)
            self.assertNotIn(NUMBER, taken.words)
            self.assertIn("Siti Aminah", taken.words)
            details = taken.details()
            self.assertEqual([one.get("number") for one in details], numbers, user.name)
            self.assertEqual(["ip" in one for one in details], [bool(one) for one in numbers])
            good, said = taken.run()
            self.assertTrue(good, said)

    def test_case_481_who_may_not_read_a_signature_gets_no_certificate(self):
        row = self.sign()
        second = self.env["res.company"].create({"name": "Second"})
        foreign = self.new_user(
            "foreign", "esms_otp.group_esms_otp_officer",
            company_id=second.id, company_ids=[Command.set(second.ids)],
        )  # fmt: skip
        for user in (self.other, foreign):
            with self.assertRaises(AccessError):
                self.printed(row, user)
        other = self.sign(loan=self.loan.copy())
        with self.assertRaisesRegex(UserError, "signatures of one record"):
            self.printed(row | other)

    def test_case_481_what_a_reader_may_not_read_of_the_record_is_not_inside(self):
        row = self.sign()
        names = self.printed(row, self.employee).names
        self.assertIn("content-1.json", names)
        self.patch(self.registry[MODEL]._fields["amount"], "groups", "base.group_system")
        taken = self.printed(row, self.employee)
        self.assertFalse({"content-1.json", "document-1.pdf"} & set(taken.names))
        self.assertIn("or you may not read it", taken.words)
        self.assertIn("content-1.json", self.printed(row).names, "the signer has approved it")

    def test_case_481_a_forged_row_gets_no_certificate(self):
        row = self.sign()
        self.env.cr.execute(
            """INSERT INTO esms_otp_signature
            (model, field, res_id, user_id, company_id, generation, n, verified_at, record)
            SELECT model, field, res_id, user_id, company_id, 'gen_x', 2, verified_at, record
            FROM esms_otp_signature WHERE id = %s RETURNING id""",
            [row.id],
        )
        forged = row.browse(self.env.cr.fetchone())
        with self.assertRaisesRegex(UserError, "gen_x is none of the engine's records"):
            self.printed(row | forged)

    def test_case_482_erased_details_are_not_on_it(self):
        rows = self.sign(image=PNG, name="Siti Aminah")
        other = self.new_user("other", "base.group_portal")
        rows |= self.sign(user=other, name="Somebody Else")
        rows[0].action_erase()
        taken = self.printed(rows, self.officer)
        self.assertIn("Personal details were erased", taken.words)
        self.assertIn("an address that was erased", taken.words)
        for detail in ("Siti", self.borrower.name, MASKED):
            self.assertNotIn(detail, taken.words)
        self.assertIn("Somebody Else", taken.words)
        self.assertEqual(sorted(taken.details()[0]), ["dig"])
        self.assertNotIn("image-1.png", taken.names)
        good, said = taken.run()
        self.assertTrue(good, said)

    def test_case_483_what_was_changed_since_is_not_attached_as_signed(self):
        row = self.sign()
        self.loan.document_id.raw = PDF + b"changed"
        taken = self.printed(row)
        self.assertIn("What is approved here was changed since it was signed", taken.words)
        self.assertFalse({"content-1.json", "document-1.pdf"} & set(taken.names))
        good, said = taken.run()
        self.assertTrue(good, said)
        self.assertIn("approved: not attached", said)
        row |= self.sign()
        taken = self.printed(row)
        self.assertIn("was changed after this signature", taken.words)
        self.assertEqual(taken.file("document-1.pdf"), PDF + b"changed", "the second one's")
        self.assertEqual(taken.words.count("was changed after this signature"), 1)
        self.assertTrue(taken.run()[0])

    def test_case_483_content_of_a_hook_is_attached_too(self):
        approved = b"\x00the offer"
        self.patch(self.registry[MODEL], "_esms_otp_content", lambda _record, _field: approved)
        taken = self.printed(self.sign())
        self.assertEqual(taken.file("document-1.pdf"), PDF)
        self.assertTrue(taken.file("content-1.bin").startswith(approved))
        self.assertTrue(taken.run()[0])
        self.patch(self.registry[MODEL], "_esms_otp_content", lambda _record, _field: PDF)
        taken = self.printed(self.sign())
        self.assertNotIn("content-1.bin", taken.names, "the document is all of it")
        self.assertEqual(taken.file("document-1.pdf"), PDF)
        good, said = taken.run()
        self.assertIn("approved: document-1.pdf", said)
        self.assertTrue(good, said)

    def test_case_483_where_nothing_says_what_was_signed_it_says_so(self):
        row = self.sign()
        self.policy.active = False
        self.assertIn("content-1.json", self.printed(row).names, "an archived policy says it")
        self.policy.unlink()
        self.assertIn("Nothing says what was approved", self.printed(row).words)

    def test_case_484_all_scripts_of_malaysia_are_printed(self):
        self.loan.name = "Perjanjian 借款合同 கடன் ஒப்பந்தம்"
        self.borrower.tz = "Asia/Kuala_Lumpur"
        taken = self.printed(self.sign(name="陈小明"))
        self.assertIn("Perjanjian 借款合同", taken.words)
        self.assertIn("陈小明", taken.words)
        fonts = taken.tool("pdffonts", "certificate.pdf").splitlines()[2:]
        names = " ".join(line.split()[0] for line in fonts)
        for script in ("CJK|WenQuanYi|Droid|Han", "Tamil|Noto"):
            self.assertRegex(names, script)
        for font in fonts:
            self.assertRegex(
                font, r" yes +(yes|no) +yes +\d+ +0$", "embedded, and readable as text"
            )
        at = self.env["esms.otp.signature"].search([("res_id", "=", self.loan.id)]).verified_at
        self.assertIn(f"{at} UTC", taken.words)
        self.assertIn("UTC+08:00 (Asia/Kuala_Lumpur)", taken.words)

    def test_case_481_the_chatter_gets_it_after_the_note_and_without_a_whole_number(self):
        row = self.sign(name="Siti Aminah")
        before = self.loan.message_ids
        mixin.EsmsOtpMixin._esms_otp_verified(self.loan.with_user(self.borrower), FIELD, row)
        [note] = self.loan.message_ids - before
        self.assertIn("Signed by Siti Borrower", note.body)
        self.assertFalse(note.attachment_ids)
        self.attach()
        certificate, document = note.attachment_ids.sorted("mimetype, id")
        self.assertEqual((document.name, document.raw), ("Offer & terms.pdf", PDF))
        self.assertEqual((certificate.res_model, certificate.res_id), (MODEL, self.loan.id))
        taken = Taken(self, certificate.raw)
        self.assertIn("Siti Aminah", taken.words)
        self.assertNotIn(NUMBER, taken.words)
        self.assertEqual([sorted(one) for one in taken.details()], [["dig", "name", "typed"]])
        self.assertTrue(taken.run()[0])
        self.attach()
        self.assertEqual(len(note.attachment_ids), 2, "once")

        row.action_erase()
        self.assertEqual(note.attachment_ids, document, "what it said of a person is gone")
        self.attach()
        taken = Taken(self, (note.attachment_ids - document).raw)
        self.assertNotIn("Siti", taken.words)

    def attach(self):
        notes = self.env["esms.otp.certificate.note"].with_context(force_report_rendering=True)
        self.patch(self.env.cr, "commit", self.env.flush_all)
        notes._attach()

    def test_case_481_without_a_printer_the_note_stays_and_is_tried_again(self):
        row = self.sign()
        mixin.EsmsOtpMixin._esms_otp_verified(self.loan.with_user(self.borrower), FIELD, row)
        note = self.env["esms.otp.certificate.note"].search([("signature_id", "=", row.id)])
        reports = self.registry["ir.actions.report"]
        self.patch(reports, "get_wkhtmltopdf_state", lambda _self: "install")
        with self.assertLogs("odoo.addons.esms_otp.models.certificate_note", "WARNING"):
            self.attach()
        self.patch(reports, "get_wkhtmltopdf_state", lambda _self: "ok")
        failing = self.registry[f"report.{REPORT}"]

        def fails(*_args, **_named):
            raise RuntimeError("planted")

        make = failing._make
        self.patch(failing, "_make", fails)
        with self.assertLogs("odoo.addons.esms_otp.models.certificate_note", "ERROR"):
            self.attach()
        self.assertTrue(note.is_pending)
        self.patch(failing, "_make", make)
        self.attach()
        self.assertFalse(note.is_pending)
        self.assertTrue(note.attachment_id)


class TestCertificateRoute(RouteCase):
    def test_case_481_the_address_of_a_certificate(self):
        self.policy.content_field_ids = self.env["ir.model.fields"]._get(MODEL, "amount")
        self.policy.template = "#otp# signs #subject#"
        self.patch(self.registry[MODEL], "_esms_otp_subject", lambda _record, _field: "a loan <b>")
        self.send()
        self.verify(self.gateway.wrong)
        signature_id = self.verify(self.gateway.code, signer_name="<Siti>")["signature_id"]
        address = f"/esms_otp/certificate/{signature_id}"
        response = self.url_open(address)
        self.assertEqual(response.status_code, 200)
        self.assertEqual(response.headers["Cache-Control"], "no-store")
        self.assertIn("Certificate%20of%20completion", response.headers["Content-Disposition"])
        for text in ("Code sent", "Taken by the gateway", "Wrong code", "Right code", MASKED,
                     "&lt;Siti&gt;", "“a loan &lt;b&gt;”"):  # fmt: skip
            self.assertIn(text, response.text)
        self.assertNotIn(NUMBER, response.text)

        render = self.registry["ir.actions.report"]._pre_render_qweb_pdf

        def forced(reports, *args, **named):
            return render(reports.with_context(force_report_rendering=True), *args, **named)

        self.patch(self.registry["ir.actions.report"], "_pre_render_qweb_pdf", forced)
        with mute_logger("odoo.addons.base.models.ir_actions_report"):
            response = self.url_open(address)
        self.assertEqual(response.headers["Content-Type"], "application/pdf")
        self.assertTrue(Taken(self, response.content).run()[0])

        self.authenticate("other", "other")
        self.assertEqual(self.url_open(address).status_code, 404)
        self.assertEqual(self.url_open("/esms_otp/certificate/999999").status_code, 404)
        self.authenticate(None, None)
        self.assertNotIn("Certificate", self.url_open(address).text)
