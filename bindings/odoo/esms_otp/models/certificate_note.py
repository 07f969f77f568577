import logging

from odoo import api, fields, models
from odoo.fields import Command

from .certificate import REPORT

_logger = logging.getLogger(__name__)


class EsmsOtpCertificateNote(models.Model):
    """A note in a chatter to which the certificate of a signature is attached, now or soon.

    A signature does not wait for its print, and no failure of the print undoes it.
    """

    _name = "esms.otp.certificate.note"
    _description = "OTP Certificate in a Chatter"
    _rec_name = "signature_id"

    signature_id = fields.Many2one("esms.otp.signature", required=True, ondelete="cascade")
    message_id = fields.Many2one("mail.message", required=True, ondelete="cascade")
    attachment_id = fields.Many2one("ir.attachment", ondelete="set null")
    is_pending = fields.Boolean(default=True, index=True)

    _signature_unique = models.UniqueIndex("(signature_id)")

    @api.model
    def _ask(self, signature, message):
        """Have the certificate of a signature attached to a note, within moments."""
        if self.search_count([("signature_id", "=", signature.id)]):
            return
        self.create({"signature_id": signature.id, "message_id": message.id})
        self._wake()

    @api.model
    def _wake(self):
        self.env.ref("esms_otp.ir_cron_certificates")._trigger()

    @api.model
    def _renew(self, signatures):
        """Take back what is attached of these signatures: details of theirs were erased."""
        notes = self.sudo().search([("signature_id", "in", signatures.ids)])
        notes.attachment_id.unlink()
        notes.is_pending = True
        if notes:
            notes._wake()

    @api.model
    def _attach(self):
        """Print what is pending; what fails is tried again with the next run."""
        if self.env["ir.actions.report"].get_wkhtmltopdf_state() == "install":
            _logger.warning("no certificate can be printed: there is no wkhtmltopdf")
            return
        for note in self.search([("is_pending", "=", True)], limit=100):
            try:
                with self.env.cr.savepoint():
                    note._print()
            except Exception:
                _logger.exception("the certificate of %s is not printed", note.signature_id)
            if not self.env["ir.cron"]._commit_progress(1):
                return

    def _print(self):
        note, signature = self.message_id, self.signature_id
        user, report = signature.user_id, f"report.{REPORT}"
        as_signer = self.with_context(lang=user.lang, tz=user.tz).env
        made = as_signer[report]._make(signature.with_env(as_signer), plain=True)
        printed, kind = as_signer["ir.actions.report"]._render_qweb_pdf(
            REPORT, signature.ids, data={"certificate": made}
        )
        if kind != "pdf":  # of a test
            return
        files = [(made.name, printed, "application/pdf")]
        if not note.attachment_ids:  # beside it the documents, as they were signed
            files += made.documents
        attachments = self.env["ir.attachment"].create(
            [
                {
                    "name": name,
                    "raw": data,
                    "mimetype": mimetype,
                    "res_model": note.model,
                    "res_id": note.res_id,
                }
                for name, data, mimetype in files
            ]
        )
        note.attachment_ids = [Command.link(one.id) for one in attachments]
        self.write({"attachment_id": attachments[0].id, "is_pending": False})
