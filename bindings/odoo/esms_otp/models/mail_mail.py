from otp_engine.esms.gateway import SendResult

from odoo import models

#: What says that a mail surely did not go out; of other failures nothing is known.
_REFUSED = {
    "mail_smtp": "conn",
    "mail_email_invalid": "mail",
    "mail_email_missing": "mail",
    "mail_from_invalid": "mail",
    "mail_from_missing": "mail",
    "mail_spam": "mail",
}


class MailMail(models.Model):
    _inherit = "mail.mail"

    def _postprocess_sent_message(
        self, success_pids, success_emails, failure_reason=False, failure_type=None
    ):
        """Report a code that was sent from this queue, and delete its text whatever came of it."""
        ours = self.filtered(lambda mail: mail.model == "esms.otp.generation")
        told = [(self.env[mail.model].sudo().browse(mail.res_id), mail.message_id) for mail in ours]
        done = super()._postprocess_sent_message(
            success_pids, success_emails, failure_reason, failure_type
        )
        ours.exists().sudo().unlink()
        status = _REFUSED.get(failure_type) if failure_type else "0"
        for row, message_id in told if status else ():
            row._report(SendResult(status == "0", status, message_id or ""))
        return done
